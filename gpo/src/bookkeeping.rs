//! What has to change with a policy file, so that Windows applies it: version and extension list, wherever
//! the target keeps them. A local GPO has both in `gpt.ini`; a domain's has the version there and both in
//! Active Directory; a backup has them in `Backup.xml`.

mod backup;
mod directory;

use std::path::{Path, PathBuf};

use admx::{Catalog, Side, State};

use crate::edit::PolicyChange;
use crate::error::Error;
use crate::extensions::{ExtensionList, ExtensionListError, REGISTRY, in_braces, registry_tool, registry_tools};
use crate::gpt_ini::{GptIni, Version};
use crate::place::Found;
use crate::plan::read_if_there;
use crate::target::{Kind, SideFile, Target};

pub use backup::BackupChange;
pub use directory::{Directory, DirectoryChange, DirectoryError, DirectoryWrite};

/// What happens to `gpt.ini`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptIniChange {
    /// `None` if there was no file, or no `Version` in it.
    pub before: Option<Version>,
    /// The version after the change.
    pub after: Version,
    /// The side's extension list, where it stands here; a domain GPO's does not.
    pub extensions: Option<ListChange>,
}

/// What happens to an extension list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChange {
    /// The list before.
    pub before: String,
    /// The list after; the same text if it needs no change.
    pub after: String,
    /// Extensions that were not there.
    pub added: Vec<String>,
    /// Extensions that are not there any more.
    pub removed: Vec<String>,
    /// The extension at which Windows stops, since it is out of sequence.
    pub stops_at: Option<String>,
}

impl ListChange {
    /// Whether the list changes.
    pub fn changes(&self) -> bool {
        self.before != self.after
    }
}

/// Plans what goes with the change of a policy file or of its comments.
pub(crate) fn plan(
    target: &Target,
    file: &SideFile,
    change: &mut PolicyChange<'_>,
    needs: &Needs<'_>,
    directory: &Directory<'_>,
) -> Result<(), Error> {
    if target.kind != Kind::GpoSysvol && directory.write != DirectoryWrite::Undecided {
        return Err(DirectoryError::NotOfADomain { path: target.path.clone(), kind: target.kind }.into());
    }
    match target.kind {
        Kind::GpoBackup => backup::plan(target, file, change, needs),
        _ if change.before == change.after => Ok(()),
        Kind::GpoSysvol => directory::plan(target, file, change, needs, directory),
        _ => match &file.gpt_ini {
            Some(place) => local(place, change, needs),
            None => Ok(()),
        },
    }
}

fn local(place: &Found, change: &mut PolicyChange<'_>, needs: &Needs<'_>) -> Result<(), Error> {
    let (path, side) = (&place.path, change.side);
    let (bytes, mut ini) = gpt_ini(path)?;
    let before = ini.version();
    let after = before.unwrap_or_default().bumped(side);
    let list = needs.of(&ini.extensions(side).unwrap_or_default(), change);
    let list = list.map_err(|error| Error::Extensions { path: path.clone(), side, error })?;
    if list.changes() {
        ini.set_extensions(side, &list.after);
    }
    ini.set_version(after);
    change.plan.add(path, bytes, ini.as_bytes().to_vec());
    change.gpt_ini = Some(GptIniChange { before, after, extensions: Some(list) });
    Ok(())
}

/// Bytes and content of a `gpt.ini`; a new one if there is none.
fn gpt_ini(path: &Path) -> Result<(Option<Vec<u8>>, GptIni), Error> {
    let bytes = read(path)?;
    let ini = match &bytes {
        Some(bytes) => {
            GptIni::parse(bytes.clone()).map_err(|error| Error::GptIni { path: path.to_path_buf(), error })?
        }
        None => GptIni::new(),
    };
    Ok((bytes, ini))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    read_if_there(path).map_err(|source| Error::Io { path: PathBuf::from(path), source })
}

/// What a state of a policy needs in its side's extension list.
pub(crate) struct Needs<'c> {
    /// Whose policies tell which extensions are still needed.
    pub catalog: &'c Catalog,
    /// Whether the policy is configured then.
    pub configured: bool,
}

impl Needs<'_> {
    /// An extension list, and what becomes of it.
    fn of(&self, text: &str, change: &PolicyChange<'_>) -> Result<ListChange, ExtensionListError> {
        let parsed = ExtensionList::parse(text)?;
        let mut list = parsed.clone();
        let listed = |list: &ExtensionList| list.extensions().map(str::to_owned).collect::<Vec<_>>();
        let before = listed(&parsed);
        let (tool, tools) = (registry_tool(change.side), registry_tools(change.side));
        let own = change.policy.client_extensions().into_iter().map(in_braces);
        if change.after.is_empty() {
            // No setting from templates is left, so none is left of these tools.
            for extension in &before {
                list.remove(extension, &tools);
            }
        } else {
            if self.configured {
                own.for_each(|extension| _ = list.add(&extension, tool, &tools));
            } else if let Some(still) = self.still_needed(change) {
                let gone = own.filter(|extension| !has(&still, extension));
                gone.for_each(|extension| _ = list.remove(&extension, &tools));
            }
            // Windows also takes values away when it applies what is left.
            list.add(REGISTRY, tool, &tools);
        }
        let after = listed(&list);
        let missing_in = |there: &[String], all: &[String]| {
            all.iter().filter(|extension| !has(there, extension)).cloned().collect::<Vec<_>>()
        };
        Ok(ListChange {
            before: text.to_owned(),
            // A list that needs no change stays as it is spelled.
            after: if list == parsed { text.to_owned() } else { list.to_string() },
            added: missing_in(&before, &after),
            removed: missing_in(&after, &before),
            stops_at: list.stops_at().map(str::to_owned),
        })
    }

    /// Extensions that the side's other policies need; nothing if records are left that no policy explains,
    /// since nobody knows what those need.
    fn still_needed(&self, change: &PolicyChange<'_>) -> Option<Vec<String>> {
        let reading = self.catalog.read(change.side, &change.after);
        if !reading.unexplained.is_empty() {
            return None;
        }
        let configured = reading.policies.iter().filter(|reading| reading.state != State::NotConfigured);
        Some(configured.flat_map(|reading| reading.policy.client_extensions()).map(in_braces).collect())
    }
}

fn has(extensions: &[String], extension: &str) -> bool {
    extensions.iter().any(|other| other.eq_ignore_ascii_case(extension))
}

/// The side's half of two versions that differ: a change goes on from the larger one.
fn larger(a: Version, b: Version, side: Side) -> Version {
    if a.of(side) >= b.of(side) { a } else { b }
}
