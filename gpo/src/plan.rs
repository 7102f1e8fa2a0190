//! What a command would change: the object that a dry run prints and that the writer carries out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::enclosure::{Enclosure, MadeFolder, Root};
use crate::limits;
use crate::replace::{self, Prepared, TEMPORARY};

/// The files that a command changes, in the order in which they are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    files: Vec<FileChange>,
    /// The folder of the target, in which its files are read and replaced; others are the user's own.
    target: Option<Root>,
}

/// One file of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// What it held when it was read; `None` if it was not there.
    pub before: Option<Vec<u8>>,
    /// What it shall hold; `None` if it shall not be there.
    pub after: Option<Vec<u8>>,
}

/// Why a plan was not carried out. Unless it says otherwise, every file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Another program wrote the file since it was read.
    #[error("{} changed while gpol was working", .0.display())]
    Changed(PathBuf),
    /// The file has other names, which would not name the file that replaces it.
    #[error("{} has {names} names (hard links)", path.display())]
    HardLinked {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        names: u64,
    },
    /// An attribute of the file that is there cannot be given to the one that would replace it.
    #[error("{}: {attribute} of the file cannot be kept: {source}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Its owner, or the name of an extended attribute.
        attribute: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused in the middle, and to put back what was replaced as well.
    #[error("{}: {source}; and {} could not be put back: {second}", path.display(), torn.display())]
    Torn {
        /// The file that could not be replaced.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// A file that was replaced and stays so.
        torn: PathBuf,
        /// What the system said to that.
        second: io::Error,
    },
}

impl Plan {
    /// A plan for files of a target, and perhaps some of the user's own.
    pub fn within(target: &Root) -> Self {
        Self { files: Vec::new(), target: Some(target.clone()) }
    }

    /// Adds a file, unless it would stay as it is.
    pub fn add(&mut self, path: impl Into<PathBuf>, before: Option<Vec<u8>>, after: Vec<u8>) {
        self.push(FileChange { path: path.into(), before, after: Some(after) });
    }

    /// Adds a file, unless it would stay as it is.
    pub fn push(&mut self, change: FileChange) {
        if change.before != change.after {
            self.files.push(change);
        }
    }

    /// What a file holds when the plan so far is carried out.
    ///
    /// # Errors
    ///
    /// If it is not planned and cannot be read.
    pub fn content(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match self.files.iter().find(|file| file.path == path) {
            Some(planned) => Ok(planned.after.clone()),
            None => match self.target.as_ref().filter(|target| target.covers(path)) {
                Some(target) => target.read(path, limits::INPUT),
                None => read_if_there(path),
            },
        }
    }

    /// As [`add`](Self::add), on top of a change of the same file that is planned already; the file is replaced last.
    pub fn amend(&mut self, path: &Path, before: Option<Vec<u8>>, after: Vec<u8>) {
        let planned = self.files.iter().position(|file| file.path == path).map(|at| self.files.remove(at));
        self.add(path, planned.map_or(before, |planned| planned.before), after);
    }

    /// The files, in the order in which they are replaced.
    pub fn files(&self) -> &[FileChange] {
        &self.files
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// SHA-256 over paths and contents: two plans with one hash do the same.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.files {
            hash.update(file.path.to_string_lossy().as_bytes());
            for content in [&file.before, &file.after] {
                match content {
                    Some(bytes) => hash.update(Sha256::digest(bytes)),
                    None => hash.update([0]),
                }
            }
        }
        hex(&hash.finalize())
    }

    /// Makes sure that each file can be replaced as far as that is to be seen without a change: no link leads out of the
    /// target, and no file has other names.
    ///
    /// # Errors
    ///
    /// [`CommitError`].
    pub fn check(&self) -> Result<(), CommitError> {
        let target = self.target.as_ref().map(Enclosure::open).transpose();
        let target = target.map_err(|source| self.of_target(source))?;
        for file in &self.files {
            let place = match target.as_ref().filter(|target| target.covers(&file.path)) {
                Some(target) => target.place(&file.path),
                None => Enclosure::around(&file.path).and_then(|around| around.place(&file.path)),
            };
            let place = place.map_err(|source| CommitError::Io { path: file.path.clone(), source })?;
            if let Some(place) = place {
                replace::refuse_other_names(&place, &file.path)?;
            }
        }
        Ok(())
    }

    fn of_target(&self, source: io::Error) -> CommitError {
        CommitError::Io { path: self.files.first().map(|file| file.path.clone()).unwrap_or_default(), source }
    }

    /// Replaces the files, each at once: a reader sees the old or the new one, whole.
    ///
    /// Every new content is first written and synced beside its file, with the old one's attributes; then they take the
    /// places in order, each if its file is what it was when it was read. If one cannot, those before it are put back.
    /// An empty plan touches nothing. What a crash leaves in the middle of it is not mended; see [`crate::transaction`].
    ///
    /// # Errors
    ///
    /// [`CommitError`]; temporary files are gone by then.
    pub fn commit(&self) -> Result<(), CommitError> {
        let target = self.target.as_ref().map(Enclosure::open).transpose();
        self.commit_in(target.map_err(|source| self.of_target(source))?.as_ref())
    }

    /// As [`Plan::commit`], through a target's folder that is open.
    pub(crate) fn commit_in(&self, target: Option<&Enclosure>) -> Result<(), CommitError> {
        let names = |index| format!("{TEMPORARY}{}-{index}", std::process::id());
        let mut folders = Vec::new();
        let done = self.replace(target, names, &mut folders, |_| Ok::<(), CommitError>(()));
        if done.is_err() {
            folders.into_iter().rev().for_each(MadeFolder::remove);
        }
        done.map(drop)
    }

    /// As [`Plan::commit`], with these names for the temporary files; notes the folders that it makes. `begin` is told when
    /// the new content of each file was written, before the first one is replaced. Gives whether no temporary file is left behind.
    pub(crate) fn replace<E: From<CommitError>>(
        &self,
        target: Option<&Enclosure>,
        temporary: impl Fn(usize) -> String,
        folders: &mut Vec<MadeFolder>,
        begin: impl FnOnce(&[Option<u64>]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut ready = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            ready.push(Prepared::new(file, target, &temporary(index), folders)?);
        }
        for new in &ready {
            new.check()?;
        }
        begin(&ready.iter().map(Prepared::stamp).collect::<Vec<_>>())?;
        for index in 0..ready.len() {
            if let Err(error) = ready[index].put() {
                return Err(put_back(&mut ready, error).into());
            }
        }
        // All of them, also if one stays.
        Ok(ready.into_iter().map(Prepared::clear).fold(true, |all, clear| all & clear))
    }
}

/// Undoes what was replaced before something else could not be.
fn put_back(ready: &mut [Prepared<'_>], why: CommitError) -> CommitError {
    for new in ready.iter_mut().rev() {
        if let Err(second) = new.put_back() {
            let torn = new.path().to_path_buf();
            let (path, source) = match why {
                CommitError::Io { path, source } => (path, source),
                other => (torn.clone(), io::Error::other(other.to_string())),
            };
            let second = match second {
                CommitError::Io { source, .. } => source,
                other => io::Error::other(other.to_string()),
            };
            return CommitError::Torn { path, source, torn, second };
        }
    }
    why
}

/// The bytes of a file, `None` if there is none.
///
/// # Errors
///
/// If it is there and cannot be read.
pub fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_replaces_files_and_leaves_nothing_else_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("new/b"));
        fs::write(&a, "old").unwrap();
        let mut plan = Plan::default();
        plan.add(&a, Some(b"old".to_vec()), b"new".to_vec());
        plan.add(&b, None, b"made".to_vec());
        plan.add(dir.path().join("c"), Some(b"same".to_vec()), b"same".to_vec());
        assert_eq!(plan.files().len(), 2);
        plan.commit().unwrap();
        assert_eq!((fs::read(&a).unwrap(), fs::read(&b).unwrap()), (b"new".to_vec(), b"made".to_vec()));
        let names = |folder: &Path| fs::read_dir(folder).unwrap().count();
        assert_eq!((names(dir.path()), names(&dir.path().join("new"))), (2, 1));
    }

    #[test]
    fn a_file_that_is_not_wanted_any_more_is_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "old").unwrap();
        let mut plan = Plan::default();
        plan.push(FileChange { path: path.clone(), before: Some(b"old".to_vec()), after: None });
        plan.commit().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_changed_meanwhile_stays_and_so_do_all_others() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b, c) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("new/c"));
        fs::write(&a, "old").unwrap();
        fs::write(&b, "theirs").unwrap();
        let mut plan = Plan::default();
        plan.add(&a, Some(b"old".to_vec()), b"new".to_vec());
        plan.add(&c, None, b"new".to_vec());
        plan.add(&b, Some(b"read".to_vec()), b"new".to_vec());
        assert!(matches!(plan.commit(), Err(CommitError::Changed(path)) if path.ends_with("b")));
        assert_eq!((fs::read(&a).unwrap(), fs::read(&b).unwrap()), (b"old".to_vec(), b"theirs".to_vec()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_was_replaced_is_put_back_when_the_next_file_cannot_be() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "old").unwrap();
        let mut plan = Plan::default();
        plan.add(&a, Some(b"old".to_vec()), b"new".to_vec());
        plan.add(&b, None, b"new".to_vec());
        // A folder appears where the second file shall be: it is no file to compare, and cannot be replaced by one.
        fs::create_dir(&b).unwrap();
        assert!(plan.commit().is_err());
        assert_eq!(fs::read(&a).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_hash_tells_plans_apart() {
        let plan = |path: &str, after: &str| {
            let mut plan = Plan::default();
            plan.add(path, None, after.into());
            plan.hash()
        };
        assert_eq!(plan("a", "x"), plan("a", "x"));
        assert_ne!(plan("a", "x"), plan("a", "y"));
        assert_ne!(plan("a", "x"), plan("b", "x"));
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_symbolic_links_are_kept() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        let mut plan = Plan::default();
        plan.add(&link, Some(b"old".to_vec()), b"new".to_vec());
        plan.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
