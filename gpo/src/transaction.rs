//! Changes of a target that last or leave no trace: locked, recorded before they are made, and undone on request.
//!
//! A change goes through these steps; a crash between any two of them leaves every file old or new, and the next
//! change of the same GPO, or [`Transaction::begin`] alone, finishes or reverts what it finds:
//!
//! 1. the GPO is locked, before anything of it is read;
//! 2. the [`History`] gets a folder with the old and the new contents, outside the target;
//! 3. the new contents are written and synced beside their files;
//! 4. they take the files' places, in the order of the plan: `Registry.pol` first, `gpt.ini` last, so that a version
//!    never rises before what it announces is there;
//! 5. the change is marked as done.

mod history;
mod identity;
mod lock;
mod mend;
mod undo;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use history::{Change, ChangedFile, Content, DirectoryRecord, History, Outcome};
pub use identity::{Identity, Recorded, recorded};
pub use lock::LockError;
pub use undo::{Undo, Which, undo_plan};

use crate::enclosure::{LeadsOut, MadeFolder, canonical};
use crate::plan::{CommitError, Plan};
use crate::replace;
use crate::target::{Kind, Target};
use identity::Here;
use lock::Lock;

/// A target that nobody else changes with gpol until this is dropped.
#[derive(Debug)]
pub struct Transaction {
    here: Here,
    history: Option<History>,
    recorded: bool,
    recovered: Vec<Recovered>,
    _lock: Lock,
}

/// What is noted with a change.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// The command line.
    pub command: Vec<String>,
    /// Why, in the words of whoever made it.
    pub reason: Option<String>,
    /// The change that this one undoes.
    pub undoes: Option<String>,
    /// What it changes in Active Directory.
    pub directory: Vec<DirectoryRecord>,
}

/// What was found of an earlier change that did not come to its end, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The change.
    pub id: String,
    /// What was done.
    pub how: Recovery,
}

/// See [`Recovered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Every file had its new content already, or has now.
    Finished,
    /// No file had been replaced.
    Reverted,
    /// This file is neither old nor new: somebody wrote it since. The change is set aside as it is.
    Left(PathBuf),
    /// What is at the path now is not what the change was made to: another image may be mounted there. Nothing was touched,
    /// and this record of it stays open until that one is back.
    Elsewhere(PathBuf),
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// Somebody else is changing the GPO.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The files could not be replaced.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The record of the change could not be written or read.
    #[error("{}: {source}", path.display())]
    History {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record of a change cannot be understood.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The record would lie in the target, and be replicated or shipped with it.
    #[error("{} lies inside {}", history.display(), target.display())]
    HistoryInside {
        /// Where changes are recorded.
        history: PathBuf,
        /// The target.
        target: PathBuf,
    },
    /// A change was interrupted, and a link in the target leads its files elsewhere now.
    #[error("change {id} had been interrupted, and cannot be mended: {why}")]
    Open {
        /// The change.
        id: String,
        /// The link.
        why: LeadsOut,
    },
    /// A change that is to be mended or undone has files in another part of the GPO or installation than the target.
    #[error("change {id} has a file outside of {}: {}", target.display(), path.display())]
    Beyond {
        /// The change.
        id: String,
        /// The file.
        path: PathBuf,
        /// The target.
        target: PathBuf,
        /// The folder that has all files of the change.
        all: PathBuf,
        /// Whether it was interrupted.
        interrupted: bool,
    },
    /// No such change.
    #[error("no change{} of {} is recorded", id.as_ref().map(|id| format!(" {id}")).unwrap_or_default(), target.display())]
    NoChange {
        /// Which was asked for; `None` for any.
        id: Option<String>,
        /// The target.
        target: PathBuf,
        /// Those of what was at its path at other times.
        elsewhere: Vec<String>,
    },
    /// A file is not as the change left it.
    #[error("{} has changed since change {id}", path.display())]
    ChangedSince {
        /// The file.
        path: PathBuf,
        /// The change.
        id: String,
        /// Later changes of the file, the oldest first.
        later: Vec<String>,
    },
    /// The change did not come to its end, or was not made.
    #[error("change {0} was not made: there is nothing to undo")]
    NotMade(String),
    /// The change is taken back already.
    #[error("change {0} is taken back already")]
    TakenBack(String),
    /// Every change is.
    #[error("every recorded change of {} is taken back already", .0.display())]
    AllTakenBack(PathBuf),
    /// No change is, or something was changed since.
    #[error("no change of {} was taken back last", .0.display())]
    NothingTakenBack(PathBuf),
}

impl Transaction {
    /// Locks a target, waiting for others that long, and mends what an earlier change left unfinished.
    ///
    /// Changes that are not `recorded` cannot be undone: each file is still replaced at once, but a crash may leave the
    /// first new and the second old. Without a `history`, nothing is recorded or mended.
    ///
    /// # Errors
    ///
    /// If others hold the lock, or the history cannot be read or lies inside the target.
    pub fn begin(
        target: &Target,
        history: Option<History>,
        recorded: bool,
        wait: Duration,
    ) -> Result<Self, TransactionError> {
        if let Some(history) = &history
            && history.lies_in(&canonical(&target.path))
        {
            let (history, target) = (history.folder().to_path_buf(), target.path.clone());
            return Err(TransactionError::HistoryInside { history, target });
        }
        let lock = Lock::take(&lock_folder(target), wait)?;
        let here = Here::open(target)?;
        let recovered = match &history {
            Some(history) => mend::all(history, &here)?,
            None => Vec::new(),
        };
        Ok(Self { here, history, recorded, recovered, _lock: lock })
    }

    /// What became of earlier changes that had not come to their end.
    pub fn recovered(&self) -> &[Recovered] {
        &self.recovered
    }

    /// Carries a plan out. Gives the change's id, if it is recorded. An empty plan touches nothing.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; unless it says otherwise, every file is as it was.
    pub fn commit(&self, plan: &Plan, note: &Note) -> Result<Option<String>, TransactionError> {
        if plan.is_empty() {
            return Ok(None);
        }
        plan.check()?;
        let target = &self.here.enclosure;
        for file in plan.files().iter().filter(|file| target.covers(&file.path)) {
            if let Ok(Some(place)) = target.place(&file.path) {
                replace::tidy(&place);
            }
        }
        let Some(history) = self.history.as_ref().filter(|_| self.recorded) else {
            plan.commit_in(Some(target))?;
            return Ok(None);
        };
        let change = history.record(plan, note, &self.here)?;
        let mut folders = Vec::new();
        let begin = |written: &[Option<u64>]| history.begin(&change, written);
        match plan.replace(Some(target), |index| change.temporary(index), &mut folders, begin) {
            Ok(clear) => {
                // The files are replaced for good: if the mark cannot be set, the next change finds that out and sets it,
                // and tidies.
                if clear {
                    let _ = history.finish(&change);
                }
                Ok(Some(change.id))
            }
            Err(error) => {
                folders.into_iter().rev().for_each(MadeFolder::remove);
                if !matches!(error, TransactionError::Commit(CommitError::Torn { .. })) {
                    history.forget(&change);
                }
                Err(error)
            }
        }
    }
}

/// The folder whose lock stands for the GPO: one that is there before the GPO is, and that is the same by whatever path
/// the GPO is reached.
fn lock_folder(target: &Target) -> PathBuf {
    let path = canonical(&target.path);
    let named = |path: &Path, name: &str| path.file_name().is_some_and(|n| n.eq_ignore_ascii_case(name));
    let above = |path: &Path| path.parent().map_or_else(|| path.to_path_buf(), Path::to_path_buf);
    let gpo = match target.kind {
        Kind::Windows => return target.windows_folder().ok().flatten().map_or(path, |windows| canonical(&windows)),
        // A policy file alone: `GPO/Machine/Registry.pol`.
        Kind::Pol => match above(&path) {
            side if named(&side, "Machine") || named(&side, "User") => above(&side),
            folder => return folder,
        },
        _ => path,
    };
    // In a backup: `{id}/DomainSysvol/GPO`.
    let backup = gpo.parent().filter(|above| named(above, "DomainSysvol")).and_then(Path::parent);
    if let Some(backup) = backup.filter(|_| named(&gpo, "GPO")) {
        return backup.to_path_buf();
    }
    let system32 = gpo.ancestors().find(|above| named(above, "System32"));
    match system32.and_then(Path::parent) {
        Some(windows) => windows.to_path_buf(),
        None => gpo,
    }
}
