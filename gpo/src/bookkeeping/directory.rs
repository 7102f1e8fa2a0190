//! A domain GPO keeps its version twice, and its extension lists in Active Directory alone.

use std::path::PathBuf;

use admx::Side;

use super::{Books, GptIniChange, GptIniFile, ListChange, Needs, SideChange, gpt_ini, larger, read};
use crate::ad::{
    GpoObject, Modification, Snapshot, VERSION, VersionError, dn_of, domain_of, extension_attribute, version_value,
};
use crate::error::Error;
use crate::extensions::ExtensionListError;
use crate::gpt_ini::Version;
use crate::plan::Plan;
use crate::target::{Kind, Target};

/// What is known of Active Directory, and how its half of a domain GPO is to be changed.
#[derive(Clone, Debug, Default)]
pub struct Directory<'a> {
    /// What it says now.
    pub snapshot: Option<&'a Snapshot>,
    /// What was decided.
    pub write: DirectoryWrite,
    /// The version that a change of the GPO's other side, planned before, leads to; it stands first in the LDIF file.
    pub planned: Option<Version>,
}

/// How the half of a domain GPO that is in Active Directory is to be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DirectoryWrite {
    /// Nobody said: then nothing is written at all.
    #[default]
    Undecided,
    /// By the user; only the files in SYSVOL are written.
    SysvolOnly,
    /// By an LDIF file, to be imported. It must not be there yet.
    Ldif(PathBuf),
}

/// What has to happen in Active Directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryChange {
    /// Distinguished name of the GPO; without snapshot and domain its last part is `DC=…`.
    pub dn: String,
    /// Display name, from the snapshot.
    pub name: Option<String>,
    /// `versionNumber` in the snapshot.
    pub before: Option<Version>,
    /// `versionNumber` after the change.
    pub after: Version,
    /// The attribute with the side's extension list.
    pub attribute: &'static str,
    /// The side's extension list. Without a snapshot its `after` holds what the list needs at least.
    pub extensions: ListChange,
    /// Whether the snapshot told what there is.
    pub known: bool,
    /// The LDIF file of the plan.
    pub ldif: Option<PathBuf>,
    /// `gpt.ini` and the snapshot differ in the counters of these sides, as they were read.
    pub out_of_step: Vec<Side>,
}

/// Why a domain GPO cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Nobody said how its other half is to be changed.
    #[error("{} is a domain GPO; its other half is in Active Directory", path.display())]
    Undecided {
        /// The GPO.
        path: PathBuf,
        /// The version in `gpt.ini`, now.
        now: Version,
        /// What has to happen.
        change: Box<DirectoryChange>,
    },
    /// An LDIF file needs to know what there is.
    #[error("an extension list is merged with the present one, which no snapshot told")]
    NoSnapshot,
    /// The snapshot has no such GPO.
    #[error("the export of Active Directory holds no GPO {guid}")]
    NotInSnapshot {
        /// With braces.
        guid: String,
    },
    /// The snapshot has GPOs of several domains under this GUID, and the target does not tell its domain.
    #[error("the export of Active Directory holds {} GPOs {guid}", dns.len())]
    SeveralInSnapshot {
        /// With braces.
        guid: String,
        /// Their names.
        dns: Vec<String>,
    },
    /// The snapshot does not have the GPO's version.
    #[error("{dn}: the export does not have its versionNumber")]
    NoVersion {
        /// The GPO.
        dn: String,
    },
    /// The GPO's version is none.
    #[error("{dn}: {error}")]
    Version {
        /// The GPO.
        dn: String,
        /// What is wrong.
        error: VersionError,
    },
    /// The GPO's extension list cannot be understood.
    #[error("{dn}: {attribute}: {error}")]
    Extensions {
        /// The GPO.
        dn: String,
        /// The attribute.
        attribute: &'static str,
        /// What is wrong.
        error: ExtensionListError,
    },
    /// The LDIF file is there already.
    #[error("{} exists", .0.display())]
    LdifExists(PathBuf),
    /// The target has no half in Active Directory.
    #[error("{} is a {}; it has no half in Active Directory", path.display(), kind.name())]
    NotOfADomain {
        /// The target.
        path: PathBuf,
        /// What it is.
        kind: Kind,
    },
}

impl Directory<'_> {
    /// The GPO of a target, where there is a snapshot.
    ///
    /// # Errors
    ///
    /// If the snapshot does not hold it, or several of its GUID and nothing tells which.
    pub fn gpo(&self, target: &Target) -> Result<Option<GpoObject<'_>>, DirectoryError> {
        let Some(snapshot) = self.snapshot else { return Ok(None) };
        let guid = target.guid.clone().unwrap_or_default();
        match &*snapshot.gpos_at(&guid, &target.path) {
            [gpo] => Ok(Some(*gpo)),
            [] => Err(DirectoryError::NotInSnapshot { guid }),
            several => {
                let dns = several.iter().map(|gpo| gpo.dn().to_owned()).collect();
                Err(DirectoryError::SeveralInSnapshot { guid, dns })
            }
        }
    }
}

pub(super) fn plan(
    target: &Target,
    change: &SideChange<'_>,
    needs: &Needs<'_>,
    directory: &Directory<'_>,
    plan: &mut Plan,
) -> Result<Books, Error> {
    let Some(place) = &change.file.gpt_ini else { return Ok(Books::default()) };
    let side = change.side;
    let GptIniFile { bytes, mut ini, mended } = gpt_ini(&place.path, plan)?;
    let before = ini.version();
    let now = before.unwrap_or_default();
    let object = directory.gpo(target)?;
    let there = match directory.planned {
        Some(planned) => Some(planned),
        None => object.map(|object| version_of(&object)).transpose()?,
    };
    // Clients compare counters for being other than the last ones: the next of the larger one is new to both.
    let next = larger(now, there.unwrap_or(now), side).bumped(side).of(side);
    let after = with_half(now, side, next);
    let mut done = directory_change(target, change, needs, object, there, (now, next))?;
    decided(target, directory, now, &done)?;
    ini.set_version(after);
    plan.amend(&place.path, bytes, ini.as_bytes().to_vec());
    write_ldif(directory, &mut done, plan)?;
    let gpt_ini = Some(GptIniChange { before, after, extensions: None, mended, passed: Vec::new() });
    Ok(Books { gpt_ini, directory: Some(done), ..Books::default() })
}

/// Makes sure that somebody said how the directory is to be changed, and that it can be changed so.
pub(super) fn decided(
    target: &Target,
    directory: &Directory<'_>,
    now: Version,
    change: &DirectoryChange,
) -> Result<(), DirectoryError> {
    match &directory.write {
        DirectoryWrite::Undecided => {
            Err(DirectoryError::Undecided { path: target.path.clone(), now, change: Box::new(change.clone()) })
        }
        DirectoryWrite::Ldif(_) if !change.known => Err(DirectoryError::NoSnapshot),
        DirectoryWrite::Ldif(path) if path.symlink_metadata().is_ok() => Err(DirectoryError::LdifExists(path.clone())),
        DirectoryWrite::Ldif(_) | DirectoryWrite::SysvolOnly => Ok(()),
    }
}

/// Plans the LDIF file, behind what the other side has put there already.
pub(super) fn write_ldif(
    directory: &Directory<'_>,
    change: &mut DirectoryChange,
    plan: &mut Plan,
) -> Result<(), Error> {
    if let DirectoryWrite::Ldif(path) = &directory.write {
        let planned = read(path, plan)?;
        let text = [planned.clone().unwrap_or_default(), ldif(change).into_bytes()].concat();
        plan.amend(path, planned, text);
        change.ldif = Some(path.clone());
    }
    Ok(())
}

pub(super) fn version_of(object: &GpoObject<'_>) -> Result<Version, DirectoryError> {
    let dn = || object.dn().to_owned();
    let version = object.version().map_err(|error| DirectoryError::Version { dn: dn(), error })?;
    version.ok_or_else(|| DirectoryError::NoVersion { dn: dn() })
}

pub(super) fn directory_change(
    target: &Target,
    change: &SideChange<'_>,
    needs: &Needs<'_>,
    object: Option<GpoObject<'_>>,
    there: Option<Version>,
    (now, next): (Version, u16),
) -> Result<DirectoryChange, DirectoryError> {
    let side = change.side;
    let attribute = extension_attribute(side);
    let dn = match object {
        Some(object) => object.dn().to_owned(),
        None => {
            let guid = target.guid.as_deref().unwrap_or_default();
            domain_of(&target.path).map_or_else(|| format!("CN={guid},CN=Policies,CN=System,DC=…"), |d| dn_of(guid, &d))
        }
    };
    let list = object.and_then(|object| object.extensions(side)).unwrap_or_default();
    let extensions = needs.of(&list, change);
    let extensions = extensions.map_err(|error| DirectoryError::Extensions { dn: dn.clone(), attribute, error })?;
    let differs = |side: &Side| there.is_some_and(|there| there.of(*side) != now.of(*side));
    Ok(DirectoryChange {
        dn,
        name: object.and_then(|object| object.name()),
        before: there,
        after: with_half(there.unwrap_or(now), side, next),
        attribute,
        extensions,
        known: object.is_some(),
        ldif: None,
        out_of_step: [Side::Computer, Side::User].into_iter().filter(differs).collect(),
    })
}

/// A version with another counter of a side.
pub(super) fn with_half(version: Version, side: Side, half: u16) -> Version {
    match side {
        Side::Computer => Version { computer: half, ..version },
        Side::User => Version { user: half, ..version },
    }
}

/// The change as LDIF. It names the version it goes on from, and fails if the directory has another by then.
fn ldif(change: &DirectoryChange) -> String {
    let number = |version: Version| version_value(version).to_string();
    let mut text = Modification::of(&change.dn);
    text.swap(VERSION, change.before.map(number).as_deref(), &number(change.after));
    let list = &change.extensions;
    match (list.before.is_empty(), list.after.is_empty()) {
        _ if !list.changes() => {}
        // Fails where there is one that the snapshot does not have.
        (true, _) => text.swap(change.attribute, None, &list.after),
        (false, true) => text.delete(change.attribute),
        (false, false) => text.replace(change.attribute, &list.after),
    }
    text.to_string()
}
