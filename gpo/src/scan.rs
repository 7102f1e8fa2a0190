//! Reading many GPOs at once: a SYSVOL, sets of backups, images, single policy files.
//!
//! Folders are walked and files read on all cores, each once; what is done with a GPO's files is done where they were
//! read, so that no more of them are in memory than there are cores. Results come in the order of the targets and,
//! below each, of the paths, whatever the cores do. What cannot be read becomes a [`Problem`] of its GPO, never silence.

mod walk;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::ad::Snapshot;
use crate::contents::GpoFile;
use crate::error::Error;
use crate::scope::Scope;
use crate::target::{Kind, TargetError};

/// A GPO, or a policy file alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpo {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// GUID of a domain GPO.
    pub guid: Option<String>,
    /// Display name of a domain GPO; a backup holds it, for others Active Directory.
    pub name: Option<String>,
}

impl Gpo {
    /// Takes the name that Active Directory has for it, unless it brings its own.
    pub fn take_name(&mut self, snapshot: Option<&Snapshot>) {
        let known = || snapshot?.gpo_in(self.kind, self.guid.as_deref(), &self.path)?.name();
        self.name = self.name.take().or_else(known);
    }
}

/// What a file of a GPO holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `Registry.pol`.
    Policy,
    /// `Preferences\Registry\Registry.xml`: registry values that Group Policy Preferences set.
    Preferences,
    /// `GptTmpl.inf`: a security template, which sets registry values, too.
    Security,
}

/// A file of a GPO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose policy it is; `None` for a bare policy file whose folder does not tell.
    pub scope: Option<Scope>,
    /// What it holds.
    pub content: Content,
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Something that could not be read.
#[derive(Debug)]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub error: Error,
}

impl Problem {
    /// Whether it is a folder that cannot be listed, or a link that leads out of the target, where GPOs might be.
    pub fn is_in_place_of(&self, gpo: &Gpo) -> bool {
        let leads_out = matches!(self.error, Error::Target(TargetError::LeadsOut { .. }));
        // A domain GPO is told by its GUID.
        self.path == gpo.path && (leads_out || gpo.kind == Kind::GpoSysvol && gpo.guid.is_none())
    }
}

/// A GPO with the bytes of its files.
#[derive(Debug)]
pub struct Read {
    /// Which one.
    pub gpo: Gpo,
    /// Its files that are there and could be read, the computer's first.
    pub parts: Vec<Part>,
    /// Its `gpt.ini` and the folder's whose policy is one group's or user's, where they are asked for.
    pub gpt_ini: Vec<(Vec<Scope>, Vec<u8>)>,
    /// All its files, where they are asked for.
    pub files: Vec<GpoFile>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Which files of a GPO are read beside `Registry.pol`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Those that set registry values without being policy.
    pub settings: bool,
    /// `gpt.ini`.
    pub gpt_ini: bool,
    /// The list of all files.
    pub files: bool,
}

/// How far a scan has come; another thread may look.
#[derive(Debug, Default)]
pub struct Progress {
    gpos: AtomicUsize,
    done: AtomicUsize,
    known: AtomicUsize,
}

impl Progress {
    /// GPOs read so far.
    pub fn gpos(&self) -> usize {
        self.gpos.load(Ordering::Relaxed)
    }

    /// How much of what is known to be there has been done, from 0 to 1; a further target adds to it.
    pub fn share(&self) -> f64 {
        let (done, known) = (self.done.load(Ordering::Relaxed), self.known.load(Ordering::Relaxed));
        if known == 0 { 0.0 } else { done.min(known) as f64 / known as f64 }
    }

    fn advance(&self) {
        self.gpos.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads all GPOs of the targets and hands each to `each`. A folder that is reached twice counts once. Links that lead out
/// of a target are not followed; each is a [`Problem`], with what would be a GPO.
///
/// # Errors
///
/// If a target that was named does not exist, is no target, or holds no GPO: then nothing was looked at there, and an
/// answer would mislead. Whatever is wrong below is a [`Problem`].
pub fn scan<T: Send>(
    targets: &[PathBuf],
    wanted: Wanted,
    progress: &Progress,
    each: impl Fn(Read) -> T + Sync,
) -> Result<Vec<T>, TargetError> {
    scan_each(targets, wanted, progress, |_, read| each(read))
}

/// As [`scan`], with the place of the target among them.
pub(crate) fn scan_each<T: Send>(
    targets: &[PathBuf],
    wanted: Wanted,
    progress: &Progress,
    each: impl Fn(usize, Read) -> T + Sync,
) -> Result<Vec<T>, TargetError> {
    let (mut all, mut known) = (Vec::new(), HashSet::new());
    for (at, target) in targets.iter().enumerate() {
        let walk = walk::Walk {
            wanted,
            progress,
            each: |read| {
                progress.advance();
                each(at, read)
            },
        };
        all.extend(walk.target(target, &mut known)?);
    }
    Ok(all)
}

/// The templates that belong to the first of the targets that has any.
pub fn store_of<'t>(targets: impl IntoIterator<Item = &'t PathBuf>) -> Option<PathBuf> {
    targets.into_iter().find_map(|target| walk::store(target))
}

/// A problem of reading: what was listed and is gone by now has vanished while it was read.
fn problem(path: &Path, source: io::Error) -> Problem {
    let path = path.to_path_buf();
    Problem { error: Error::Io { path: path.clone(), source }, path }
}

#[cfg(test)]
mod tests;
