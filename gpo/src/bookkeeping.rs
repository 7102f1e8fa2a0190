//! What has to change with a policy file, so that Windows applies it: version and extension list, wherever
//! the target keeps them. A local GPO has both in `gpt.ini`; a domain's has the version there and both in
//! Active Directory; a backup has them in `Backup.xml`.

mod backup;
mod directory;
mod take_back;

use std::path::{Path, PathBuf};

use admx::{Catalog, Side, State};
use polfile::PolicyFile;

use crate::doctor::{self, Answer};
use crate::error::Error;
use crate::extensions::{ExtensionList, ExtensionListError, REGISTRY, in_braces, registry_tool, registry_tools};
use crate::gpt_ini::{GptIni, Obstacle, Version};
use crate::place::Found;
use crate::plan::Plan;
use crate::scope::Scope;
use crate::target::{Kind, SideFile, Target};
use crate::transaction::DirectoryRecord;

pub use backup::BackupChange;
pub use directory::{Directory, DirectoryChange, DirectoryError, DirectoryWrite};
pub(crate) use take_back::{TakenBack, take_back};

/// What happens to `gpt.ini`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptIniChange {
    /// `None` if there was no file, or no `Version` in it.
    pub before: Option<Version>,
    /// The version after the change.
    pub after: Version,
    /// The side's extension list, where it stands here; a domain GPO's does not.
    pub extensions: Option<ListChange>,
    /// What kept Windows from seeing what stands in the file, and is gone after the change.
    pub mended: Vec<Obstacle>,
    /// Counters that come before the new one and that Windows has recorded as applied.
    pub passed: Vec<u16>,
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
    /// From one list to another.
    fn between(before: &str, after: &str) -> Result<Self, ExtensionListError> {
        let (left, list) = (listed(&ExtensionList::parse(before)?), ExtensionList::parse(after)?);
        let right = listed(&list);
        let missing_in = |there: &[String], all: &[String]| {
            all.iter().filter(|extension| !has(there, extension)).cloned().collect::<Vec<_>>()
        };
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            added: missing_in(&left, &right),
            removed: missing_in(&right, &left),
            stops_at: list.stops_at().map(str::to_owned),
        })
    }

    /// Whether the list changes.
    pub fn changes(&self) -> bool {
        self.before != self.after
    }
}

/// What happens to version and extension list of a side, wherever the target keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// `gpt.ini`, where the target has one and the policy file changes.
    pub gpt_ini: Option<GptIniChange>,
    /// What has to happen in Active Directory, for a domain GPO.
    pub directory: Option<DirectoryChange>,
    /// `Backup.xml`, for a GPO backup.
    pub backup: Option<BackupChange>,
    /// The GPO whose policy file is changed alone: nothing else of it changes.
    pub alone: Option<Alone>,
    /// Why the version rises though every setting is there already: what kept Windows from applying them.
    pub because: Option<String>,
}

impl Books {
    /// What a record of the change keeps of it, so that it can be taken back.
    pub fn record(&self) -> Option<DirectoryRecord> {
        let done = self.directory.as_ref().filter(|done| done.known)?;
        Some(DirectoryRecord {
            dn: done.dn.clone(),
            attribute: done.attribute.to_owned(),
            before: done.extensions.before.clone(),
            after: done.extensions.after.clone(),
        })
    }

    /// The extension list that the change is about, wherever it stands.
    pub fn extensions(&self) -> Option<&ListChange> {
        let of_ini = self.gpt_ini.as_ref().and_then(|ini| ini.extensions.as_ref());
        let of_backup = || self.backup.as_ref().and_then(|backup| backup.extensions.as_ref());
        let of_directory = || self.directory.as_ref().filter(|done| done.known).map(|done| &done.extensions);
        of_ini.or_else(of_backup).or_else(of_directory)
    }
}

/// A GPO whose policy file is changed alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// Its folder.
    pub gpo: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// The change of one side's files.
#[derive(Clone, Copy)]
pub(crate) struct SideChange<'a> {
    /// Where the side has its files.
    pub file: &'a SideFile,
    /// The side.
    pub side: Side,
    /// The policy file, before.
    pub before: &'a PolicyFile,
    /// The policy file, after.
    pub after: &'a PolicyFile,
    /// Whether its file of comments changes.
    pub comments: bool,
    /// Whether the version rises even if the policy file stays.
    pub anew: bool,
}

impl SideChange<'_> {
    /// Whether Windows has something to apply.
    fn counts(&self) -> bool {
        self.anew || self.before != self.after
    }
}

/// Plans what goes with the change of a policy file or of its comments, on top of what is planned already: the other
/// side of the GPO has its version in the same file.
pub(crate) fn plan(
    target: &Target,
    change: &SideChange<'_>,
    needs: &Needs<'_>,
    directory: &Directory<'_>,
    plan: &mut Plan,
) -> Result<Books, Error> {
    if target.kind != Kind::GpoSysvol && directory.write != DirectoryWrite::Undecided {
        return Err(DirectoryError::NotOfADomain { path: target.path.clone(), kind: target.kind }.into());
    }
    match target.kind {
        Kind::GpoBackup => backup::plan(target, change, needs, plan),
        _ if !change.counts() => Ok(Books::default()),
        Kind::GpoSysvol => directory::plan(target, change, needs, directory, plan),
        Kind::Pol => {
            let alone = target.gpo().map(|gpo| Alone { gpo: gpo.path, kind: gpo.kind });
            Ok(Books { alone, ..Books::default() })
        }
        _ => match &change.file.gpt_ini {
            Some(place) => local(target, place, change, needs, plan),
            None => Ok(Books::default()),
        },
    }
}

/// Why Windows does not apply what a scope configures, where the next write mends that by itself.
///
/// # Errors
///
/// As [`doctor`](doctor::doctor).
pub(crate) fn ignored(target: &Target, scope: &Scope) -> Result<Option<String>, Error> {
    let found = doctor::doctor(target, Some(scope))?;
    Ok(found
        .probes
        .into_iter()
        .find(|probe| probe.answer != Answer::Yes && probe.cured_by_write)
        .map(|probe| probe.found))
}

fn local(
    target: &Target,
    place: &Found,
    change: &SideChange<'_>,
    needs: &Needs<'_>,
    plan: &mut Plan,
) -> Result<Books, Error> {
    let (path, side) = (&place.path, change.side);
    let GptIniFile { bytes, mut ini, mended } = gpt_ini(path, plan)?;
    let before = ini.version();
    let mut after = before.unwrap_or_default().bumped(side);
    // Windows compares counters for being other than the one that it recorded, so that one must not come again.
    let applied = change.file.scope.as_ref().map_or_else(Vec::new, |scope| doctor::applied(target, scope));
    let mut passed = Vec::new();
    while applied.contains(&after.of(side)) && !passed.contains(&after.of(side)) {
        passed.push(after.of(side));
        after = after.bumped(side);
    }
    let list = needs.of(&ini.extensions(side).unwrap_or_default(), change);
    let list = list.map_err(|error| Error::Extensions { path: path.clone(), side, error })?;
    if list.changes() {
        ini.set_extensions(side, &list.after);
    }
    ini.set_version(after);
    plan.amend(path, bytes, ini.as_bytes().to_vec());
    let change = GptIniChange { before, after, extensions: Some(list), mended, passed };
    Ok(Books { gpt_ini: Some(change), ..Books::default() })
}

/// A `gpt.ini` to change.
struct GptIniFile {
    /// What the file holds; `None` if there is none.
    bytes: Option<Vec<u8>>,
    /// The same, so that Windows sees it.
    ini: GptIni,
    /// What was in the way of that.
    mended: Vec<Obstacle>,
}

/// Reads a `gpt.ini`; a new one if there is none.
fn gpt_ini(path: &Path, plan: &Plan) -> Result<GptIniFile, Error> {
    let bytes = read(path, plan)?;
    let mut ini = match &bytes {
        Some(bytes) => {
            GptIni::parse(bytes.clone()).map_err(|error| Error::GptIni { path: path.to_path_buf(), error })?
        }
        None => GptIni::new(),
    };
    let (mended, others): (Vec<Obstacle>, Vec<Obstacle>) = ini.obstacles().into_iter().partition(Obstacle::is_curable);
    if let Some(obstacle) = others.into_iter().next() {
        return Err(Error::Unseen { path: path.to_path_buf(), obstacle });
    }
    ini.cure();
    Ok(GptIniFile { bytes, ini, mended })
}

fn read(path: &Path, plan: &Plan) -> Result<Option<Vec<u8>>, Error> {
    plan.content(path).map_err(|source| Error::Io { path: PathBuf::from(path), source })
}

/// What policies need in their side's extension list.
pub(crate) struct Needs<'c> {
    /// Whose policies tell which extensions are still needed.
    pub catalog: &'c Catalog,
    /// Extensions of policies that are configured then.
    pub wanted: Vec<String>,
    /// Extensions of policies that are not configured any more.
    pub gone: Vec<String>,
}

impl Needs<'_> {
    /// An extension list, and what becomes of it.
    fn of(&self, text: &str, change: &SideChange<'_>) -> Result<ListChange, ExtensionListError> {
        let parsed = ExtensionList::parse(text)?;
        let mut list = parsed.clone();
        let before = listed(&parsed);
        let (tool, tools) = (registry_tool(change.side), registry_tools(change.side));
        if change.after.is_empty() {
            // No setting from templates is left, so none is left of these tools.
            for extension in &before {
                list.remove(extension, &tools);
            }
        } else {
            for extension in &self.wanted {
                list.add(extension, tool, &tools);
            }
            if let (false, Some(still)) = (self.gone.is_empty(), self.still_needed(change)) {
                let unused = |extension: &&String| !has(&still, extension) && !has(&self.wanted, extension);
                self.gone.iter().filter(unused).for_each(|extension| _ = list.remove(extension, &tools));
            }
            // Windows also takes values away when it applies what is left.
            list.add(REGISTRY, tool, &tools);
        }
        // A list that needs no change stays as it is spelled.
        let after = if list == parsed { text.to_owned() } else { list.to_string() };
        ListChange::between(text, &after)
    }

    /// Extensions that the side's other policies need; nothing if records are left that no policy explains,
    /// since nobody knows what those need.
    fn still_needed(&self, change: &SideChange<'_>) -> Option<Vec<String>> {
        let reading = self.catalog.read(change.side, change.after);
        if !reading.unexplained.is_empty() {
            return None;
        }
        let configured = reading.policies.iter().filter(|reading| reading.state != State::NotConfigured);
        Some(configured.flat_map(|reading| reading.policy.client_extensions()).map(in_braces).collect())
    }
}

fn listed(list: &ExtensionList) -> Vec<String> {
    list.extensions().map(str::to_owned).collect()
}

fn has(extensions: &[String], extension: &str) -> bool {
    extensions.iter().any(|other| other.eq_ignore_ascii_case(extension))
}

/// The side's half of two versions that differ: a change goes on from the larger one.
fn larger(a: Version, b: Version, side: Side) -> Version {
    if a.of(side) >= b.of(side) { a } else { b }
}
