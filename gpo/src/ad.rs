//! What Active Directory says, from an export: `ldifde`, `ldapsearch` and `ldbsearch` all write LDIF.
//!
//! gpol asks no directory. A snapshot is a file, and a change is a file too, for `ldifde` or `ldapmodify`.

mod base64;
mod modify;
mod read;

use std::collections::HashMap;
use std::path::Path;

use admx::Side;

pub use modify::Modification;
pub use read::LdifError;

use crate::extensions::in_braces;
use crate::gpt_ini::Version;
use crate::target::Kind;

/// Entries of a directory, as they were when they were exported.
///
/// ```
/// use gpo::ad::Snapshot;
/// let ldif = b"dn: CN={31B2F340-016D-11D2-945F-00C04FB984F9},CN=Policies,CN=System,DC=example,DC=test\n\
///              displayName: Default Domain\n  Policy\nversionNumber: 65538\n";
/// let snapshot = Snapshot::parse(ldif)?;
/// let gpo = snapshot.gpos("{31b2f340-016d-11d2-945f-00c04fb984f9}").next().expect("one GPO");
/// assert_eq!(gpo.name().as_deref(), Some("Default Domain Policy"));
/// assert_eq!(gpo.version()?.expect("a version").user, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    entries: Vec<Entry>,
    /// Index of the entry with a name, see [`normal`].
    by_dn: HashMap<String, usize>,
    /// Indexes of the GPOs of a GUID, in braces and capitals: every domain has two of the same GUIDs.
    by_guid: HashMap<String, Vec<usize>>,
}

/// One object of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Distinguished name, as spelled.
    pub dn: String,
    /// Line of the file it begins on, counted from 1.
    pub line: usize,
    /// Each value with its attribute's name as spelled, in the order of the file.
    attributes: Vec<(String, Vec<u8>)>,
}

impl Snapshot {
    /// Reads an export: LDIF in UTF-8 or, from `ldifde -u`, in UTF-16.
    ///
    /// # Errors
    ///
    /// [`LdifError`] if it is no LDIF, or describes changes instead of entries.
    pub fn parse(bytes: &[u8]) -> Result<Self, LdifError> {
        let entries = read::entries(bytes)?;
        let by_dn = entries.iter().enumerate().map(|(at, entry)| (normal(&entry.dn), at)).collect();
        let mut by_guid: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, gpo) in entries.iter().enumerate().filter_map(|(at, entry)| Some((at, GpoObject::of(entry)?))) {
            by_guid.entry(gpo.guid().to_ascii_uppercase()).or_default().push(at);
        }
        Ok(Self { entries, by_dn, by_guid })
    }

    /// All entries, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this name, in any letter case and with or without blanks behind its commas.
    pub fn get(&self, dn: &str) -> Option<&Entry> {
        self.by_dn.get(&normal(dn)).map(|&at| &self.entries[at])
    }

    /// The GPOs of this GUID; the two default ones exist in every domain under the same.
    pub fn gpos(&self, guid: &str) -> impl Iterator<Item = GpoObject<'_>> {
        let of_guid = self.by_guid.get(&in_braces(guid).to_ascii_uppercase());
        of_guid.into_iter().flatten().filter_map(|&at| GpoObject::of(&self.entries[at]))
    }

    /// The GPOs whose folder this may be: those of the GUID in the domain that the folder lies in, or in any if its path
    /// does not tell. A GUID alone means nothing: the two default GPOs have theirs in every domain.
    pub fn gpos_at(&self, guid: &str, folder: &Path) -> Vec<GpoObject<'_>> {
        let mut gpos: Vec<GpoObject<'_>> = self.gpos(guid).collect();
        if let Some(domain) = Some(folder).filter(|_| !gpos.is_empty()).and_then(domain_of) {
            gpos.retain(|gpo| gpo.folder_domain() == domain);
            if gpos.len() > 1 {
                gpos.retain(|gpo| gpo.domain() == domain);
            }
        }
        gpos
    }

    /// Whether it has GPOs of a domain at all, so that one which it lacks is none of that domain's.
    pub(crate) fn has_gpos_of(&self, domain: &str) -> bool {
        self.by_guid
            .values()
            .flatten()
            .filter_map(|&at| GpoObject::of(&self.entries[at]))
            .any(|gpo| gpo.domain() == domain)
    }

    /// The GPO that lies in a folder, or that a client has cached there. `None` as well where several may be meant.
    pub fn gpo_in(&self, kind: Kind, guid: Option<&str>, folder: &Path) -> Option<GpoObject<'_>> {
        let guid = guid.filter(|_| matches!(kind, Kind::GpoSysvol | Kind::GpoCached))?;
        match *self.gpos_at(guid, folder) {
            [gpo] => Some(gpo),
            _ => None,
        }
    }
}

/// A name as it is compared: small letters, no blanks around the commas between its parts.
pub(crate) fn normal(dn: &str) -> String {
    dn.split(',').map(str::trim).collect::<Vec<_>>().join(",").to_lowercase()
}

impl Entry {
    /// The values of an attribute, whose name counts in any letter case.
    pub fn values<'a>(&'a self, attribute: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |name: &str| name.eq_ignore_ascii_case(attribute);
        self.attributes.iter().filter(move |(name, _)| named(name)).map(|(_, value)| &**value)
    }

    /// The first value of an attribute as text. Bytes that are no text are replaced: they are shown, not kept.
    pub fn text(&self, attribute: &str) -> Option<String> {
        self.values(attribute).next().map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

/// A GPO's half in the directory: an entry `CN={GUID},CN=Policies,CN=System,…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpoObject<'a> {
    entry: &'a Entry,
    guid: &'a str,
}

impl<'a> GpoObject<'a> {
    /// The entry as a GPO, if its name is that of one.
    pub fn of(entry: &'a Entry) -> Option<Self> {
        let (first, rest) = entry.dn.split_once(',')?;
        let (kind, guid) = first.split_once('=')?;
        let guid = guid.trim();
        let inside = guid.strip_prefix('{')?.strip_suffix('}')?;
        let gpo = kind.trim().eq_ignore_ascii_case("CN")
            && inside.len() == 36
            && normal(rest).starts_with("cn=policies,cn=system,");
        gpo.then_some(Self { entry, guid })
    }

    /// Distinguished name, as spelled.
    pub fn dn(&self) -> &'a str {
        &self.entry.dn
    }

    /// GUID with braces, as spelled.
    pub fn guid(&self) -> &'a str {
        self.guid
    }

    /// The domain by its DNS name, from the name's `DC=` parts.
    pub fn domain(&self) -> String {
        dns_domain(&self.entry.dn)
    }

    /// The domain whose SYSVOL has the GPO's folder: clients go where `gPCFileSysPath` leads: `\\…\<domain>\Policies\{GUID}`.
    pub fn folder_domain(&self) -> String {
        let path = self.entry.text("gPCFileSysPath").unwrap_or_default();
        let mut above = path.trim().trim_end_matches('\\').rsplit('\\').skip(1);
        let policies = above.next().filter(|name| name.eq_ignore_ascii_case("Policies"));
        let domain = policies.and(above.next()).filter(|name| !name.is_empty());
        domain.map_or_else(|| self.domain(), str::to_lowercase)
    }

    /// Whether all attributes were exported, so that one which is not there is not set. `uSNChanged` and `instanceType` are in
    /// every object, and nobody asks for them by name.
    pub fn is_whole(&self) -> bool {
        ["uSNChanged", "instanceType"].iter().any(|name| self.entry.values(name).next().is_some())
    }

    /// The name that people gave the GPO.
    pub fn name(&self) -> Option<String> {
        self.entry.text("displayName")
    }

    /// `versionNumber`; `None` if the export does not have it.
    ///
    /// # Errors
    ///
    /// The text, if it is no 32-bit number. The directory's integers have a sign: user versions from 32768 are negative.
    pub fn version(&self) -> Result<Option<Version>, VersionError> {
        let Some(text) = self.entry.text(VERSION) else { return Ok(None) };
        let number = text.trim().parse::<i64>().ok();
        let number = number.and_then(|n| u32::try_from(n).or_else(|_| i32::try_from(n).map(i32::cast_unsigned)).ok());
        number.map(|n| Some(Version::from(n))).ok_or(VersionError(text))
    }

    /// Sides that are switched off, by `flags`: nothing of them applies.
    pub fn off(&self) -> Vec<Side> {
        let flags = self.entry.text("flags").and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or_default();
        let sides = [(2, Side::Computer), (1, Side::User)];
        sides.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, side)| *side).collect()
    }

    /// The extension list of a side; `None` if the export does not have the attribute: the list is empty then,
    /// or was not exported.
    pub fn extensions(&self, side: Side) -> Option<String> {
        self.entry.text(extension_attribute(side))
    }

    /// The entry itself.
    pub fn entry(&self) -> &'a Entry {
        self.entry
    }
}

/// A `versionNumber` that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("versionNumber {0:?} is no 32-bit number")]
pub struct VersionError(pub String);

/// The attribute with the versions of both sides.
pub const VERSION: &str = "versionNumber";

/// The attribute with a side's extension list.
pub fn extension_attribute(side: Side) -> &'static str {
    match side {
        Side::Computer => "gPCMachineExtensionNames",
        Side::User => "gPCUserExtensionNames",
    }
}

/// A version as the directory holds it: its integers have a sign.
pub fn version_value(version: Version) -> i32 {
    u32::from(version).cast_signed()
}

/// The domain of an object by its DNS name, from the `DC=` parts of its distinguished name.
pub(crate) fn dns_domain(dn: &str) -> String {
    let parts = dn.split(',').filter_map(|part| {
        let (kind, name) = part.trim().split_once('=')?;
        kind.trim().eq_ignore_ascii_case("DC").then(|| name.trim().to_lowercase())
    });
    parts.collect::<Vec<_>>().join(".")
}

/// The domain that a GPO's folder lies in: `…/<domain>/Policies/{GUID}`. Where the real path does not tell, as on a domain
/// controller, whose `sysvol/<domain>` is a link to a folder `domain`, the path that was named does.
pub fn domain_of(folder: &Path) -> Option<String> {
    folder.canonicalize().ok().and_then(|real| domain_in(&real)).or_else(|| domain_in(folder))
}

fn domain_in(folder: &Path) -> Option<String> {
    let policies =
        folder.parent().filter(|f| f.file_name().is_some_and(|name| name.eq_ignore_ascii_case("Policies")))?;
    let domain = policies.parent()?.file_name()?.to_str()?;
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    (domain.contains('.') && domain.split('.').all(label)).then(|| domain.to_lowercase())
}

/// The name that a domain GPO has in its domain's directory.
pub fn dn_of(guid: &str, domain: &str) -> String {
    let parts: String = domain.split('.').map(|part| format!(",DC={part}")).collect();
    format!("CN={guid},CN=Policies,CN=System{parts}")
}

#[cfg(test)]
mod tests;
