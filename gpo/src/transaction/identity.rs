//! Which target a recorded change was made to. Its path does not say: tomorrow another image is mounted there, and this
//! one elsewhere.
//!
//! What says it, from the surest on:
//!
//! * of an interrupted change, what it left in the target: a temporary file with its id, or a new file that was written in
//!   the very moment that the record has. An image that has neither was not begun to be changed, or is another one;
//! * the folder that stands for the GPO is the same by device and file number. A copy of an image can share both;
//! * the files hold what the change made them, or what led to a later change that they hold.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cap_fs_ext::MetadataExt as _;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use super::history::{Begun, Change, ChangedFile, Content, Outcome};
use super::{History, TransactionError, lock_folder};
use crate::enclosure::{Enclosure, LeadsOut, canonical, names_beginning};
use crate::limits;
use crate::plan::{CommitError, read_if_there};
use crate::replace::stamp_of;
use crate::target::Target;

/// In nanoseconds. FAT keeps times in steps of two seconds, and tells finer ones as long as it is mounted.
const SECOND: u64 = 1_000_000_000;

/// A target as it was when it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The folder that stands for the GPO, by whatever path that is named.
    pub path: PathBuf,
    /// Its device, or the serial number of its volume.
    pub device: u64,
    /// Its number there.
    pub file: u64,
}

/// All that is recorded of a target and of its path.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Changes of the target, the oldest first.
    pub changes: Vec<Change>,
    /// Changes of files at its path that are not those which are there now.
    pub elsewhere: Vec<Change>,
}

/// A target that is there, open.
#[derive(Debug)]
pub(super) struct Here {
    pub identity: Identity,
    pub enclosure: Enclosure,
    /// As it was given.
    given: PathBuf,
    /// Its own folder or file, without links.
    root: PathBuf,
}

/// Where a file of a recorded change is now.
pub(super) enum Now {
    /// In the target.
    Inside(PathBuf),
    /// In the GPO or installation that the target is a part of, but not in the target.
    Beyond(PathBuf),
    /// Somewhere else, where the user wanted it.
    Own(PathBuf),
}

/// Whether an interrupted change is one of the target.
pub(super) enum Fit {
    Ours,
    /// It was made at this path, to what is not there now.
    Elsewhere,
    No,
}

impl Here {
    pub fn open(target: &Target) -> Result<Self, TransactionError> {
        let path = lock_folder(target);
        let io = |source| CommitError::Io { path: target.path.clone(), source };
        let folder = Dir::open_ambient_dir(&path, ambient_authority()).map_err(io)?;
        let metadata = folder.dir_metadata().map_err(io)?;
        Ok(Self {
            identity: Identity { path, device: metadata.dev(), file: metadata.ino() },
            enclosure: Enclosure::open(&target.root()).map_err(io)?,
            given: target.path.clone(),
            root: canonical(&target.path),
        })
    }

    /// As it was given.
    pub fn given(&self) -> &Path {
        &self.given
    }

    /// The way to a file from the folder that stands for the GPO; `None` for a file of the user's own.
    pub fn below(&self, path: &Path) -> Option<PathBuf> {
        if !self.enclosure.covers(path) {
            return None;
        }
        // Without following what is in the target: a link may be laid, and taken away, at any time.
        let rest = path.strip_prefix(&self.given).ok()?;
        let real = if rest.as_os_str().is_empty() { self.root.clone() } else { self.root.join(rest) };
        real.strip_prefix(&self.identity.path).ok().map(Path::to_path_buf)
    }

    /// The path by which a file or folder is recorded.
    pub fn recorded(&self, path: &Path) -> PathBuf {
        self.below(path).map_or_else(|| canonical(path), |below| self.identity.path.join(below))
    }

    /// Where a file of a change is now, if the change is one of this target.
    pub fn now(&self, change: &Change, file: &ChangedFile) -> Now {
        self.moved(change, &file.path, file.below.as_deref())
    }

    /// As [`Here::now`], for a folder that the change made.
    pub fn folder_now(&self, change: &Change, folder: &Path) -> Now {
        let below = change.target.as_ref().and_then(|target| folder.strip_prefix(&target.path).ok());
        self.moved(change, folder, below)
    }

    fn moved(&self, change: &Change, path: &Path, below: Option<&Path>) -> Now {
        let real = match (below, &change.target) {
            (Some(below), Some(_)) => self.identity.path.join(below),
            (None, Some(_)) => return Now::Own(path.to_path_buf()),
            // An older gpol noted paths alone.
            (_, None) if path.starts_with(&self.root) || path.starts_with(&self.identity.path) => path.to_path_buf(),
            (_, None) => return Now::Own(path.to_path_buf()),
        };
        match real.strip_prefix(&self.root) {
            Ok(rest) if rest.as_os_str().is_empty() => Now::Inside(self.given.clone()),
            Ok(rest) => Now::Inside(self.given.join(rest)),
            Err(_) => Now::Beyond(real),
        }
    }

    /// Files of a change in this target.
    fn inside<'c>(&self, change: &'c Change) -> Vec<(usize, PathBuf, &'c ChangedFile)> {
        let files = change.files.iter().enumerate();
        let inside = files.filter_map(|(index, file)| match self.now(change, file) {
            Now::Inside(path) => Some((index, path, file)),
            _ => None,
        });
        inside.collect()
    }

    fn is_at_its_path(&self, change: &Change) -> bool {
        match &change.target {
            Some(target) => target.path == self.identity.path,
            None => true,
        }
    }

    /// Whether the target may be what was changed, mounted anew: then it may be on another device, and at another path. Not
    /// every file system has numbers that last, but on one device two numbers are two folders.
    fn may_be_same(&self, change: &Change) -> bool {
        change.target.as_ref().is_none_or(|target| {
            target.file == self.identity.file
                || (target.path == self.identity.path && target.device != self.identity.device)
        })
    }

    /// Whether the target is the very folder that was changed. Of a change that an older gpol recorded, the path says it.
    fn is_same(&self, change: &Change) -> bool {
        let same = |target: &Identity| (target.device, target.file) == (self.identity.device, self.identity.file);
        change.target.as_ref().is_none_or(same)
    }

    /// What a file holds now, wherever it is.
    pub fn content(&self, now: &Now) -> Result<Option<Vec<u8>>, CommitError> {
        let (path, read) = match now {
            Now::Inside(path) => (path, self.enclosure.read(path, limits::INPUT)),
            Now::Beyond(path) | Now::Own(path) => (path, read_if_there(path)),
        };
        read.map_err(|source| CommitError::Io { path: path.clone(), source })
    }

    /// Whether an interrupted change was made to what is here.
    pub fn fit(&self, change: &Change, begun: &Begun) -> Result<Fit, TransactionError> {
        let (at_its_path, same) = (self.is_at_its_path(change), self.is_same(change));
        match self.traces(change, begun, same) {
            // A copy has the traces, too.
            Ok(true) if self.may_be_same(change) => Ok(Fit::Ours),
            // What never began to replace a file left nothing behind by which it would be known.
            Ok(false) if same && !begun.begun => Ok(Fit::Ours),
            Ok(_) if same || at_its_path => Ok(Fit::Elsewhere),
            Ok(_) => Ok(Fit::No),
            Err(CommitError::Io { source, .. }) if same || at_its_path => match LeadsOut::of(&source) {
                Some(why) => Err(TransactionError::Open { id: change.id.clone(), why: why.clone() }),
                None => Ok(Fit::Elsewhere),
            },
            Err(_) => Ok(Fit::No),
        }
    }

    /// Whether the change left something here that nothing else does.
    fn traces(&self, change: &Change, begun: &Begun, same: bool) -> Result<bool, CommitError> {
        let mut found = false;
        for (index, path, file) in self.inside(change) {
            let io = |source| CommitError::Io { path: path.clone(), source };
            let Some(place) = self.enclosure.place(&path).map_err(io)? else { continue };
            found |= !names_beginning(&place.folder, &change.temporaries()).is_empty();
            let now = self.content(&Now::Inside(path.clone()))?;
            if now.as_deref().map(Content::of) != file.after {
                continue;
            }
            let written = place.folder.symlink_metadata(&place.name).ok().as_ref().and_then(stamp_of);
            found |= match (begun.written.get(index).copied().flatten(), written) {
                (Some(then), Some(now)) => {
                    then == now || (now.is_multiple_of(SECOND) && then.abs_diff(now) <= 2 * SECOND)
                }
                _ => same,
            };
        }
        Ok(found)
    }

    /// Tells the changes of this target from those of others.
    pub fn sort(&self, history: &History, all: Vec<Change>) -> Result<Recorded, TransactionError> {
        let mut recorded = Recorded::default();
        let mut holds: HashMap<PathBuf, Option<Content>> = HashMap::new();
        let mut taken: Vec<bool> = vec![false; all.len()];
        // Those of the very folder first: of copies of one image, each has its own.
        for surely in [true, false] {
            for (change, taken) in all.iter().zip(&mut taken).rev() {
                if *taken || self.is_same(change) != surely || !self.may_be_same(change) {
                    continue;
                }
                *taken = match change.outcome {
                    Outcome::Done => self.holds(change, &mut holds, surely)?,
                    Outcome::Left => surely,
                    Outcome::Unfinished => matches!(self.fit(change, &history.begun(change)?)?, Fit::Ours),
                };
            }
        }
        for (change, ours) in all.into_iter().zip(taken) {
            if ours {
                recorded.changes.push(change);
            } else if self.is_at_its_path(&change) {
                recorded.elsewhere.push(change);
            }
        }
        Ok(recorded)
    }

    /// Whether the files hold what a change made them, if those after it are taken back. Of the same folder, also whether
    /// they hold anything but what was there before it: then somebody else has written them since.
    fn holds(
        &self,
        change: &Change,
        holds: &mut HashMap<PathBuf, Option<Content>>,
        same: bool,
    ) -> Result<bool, TransactionError> {
        let (mut as_after, mut as_before) = (true, true);
        let files = self.inside(change);
        for (_, path, file) in &files {
            if !holds.contains_key(path) {
                let now = self.content(&Now::Inside(path.clone()))?;
                holds.insert(path.clone(), now.as_deref().map(Content::of));
            }
            let now = holds.get(path).cloned().flatten();
            as_after &= now == file.after;
            as_before &= now == file.before;
        }
        let ours = as_after || (same && !as_before);
        if ours {
            holds.extend(files.into_iter().map(|(_, path, file)| (path, file.before.clone())));
        }
        Ok(ours)
    }

    /// Whether a change touches the target at all.
    pub fn touches(&self, change: &Change) -> bool {
        !self.inside(change).is_empty()
    }
}

/// All that is recorded of a target.
///
/// # Errors
///
/// If the history, or a file of the target, cannot be read.
pub fn recorded(target: &Target, history: &History) -> Result<Recorded, TransactionError> {
    let here = Here::open(target)?;
    let all = history.all()?.into_iter().filter(|change| here.touches(change)).collect();
    here.sort(history, all)
}
