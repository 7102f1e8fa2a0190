//! What a command would change, and the one writer that does it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The files that a command changes, in the order in which they are replaced.
///
/// A dry run prints the plan; the real run commits the same plan.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    files: Vec<FileChange>,
}

/// One file of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// What it held when it was read; `None` if it was not there.
    pub before: Option<Vec<u8>>,
    /// What it shall hold.
    pub after: Vec<u8>,
}

/// Why a plan was not carried out. Files replaced before the error stay replaced, the others are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Another program wrote the file since it was read. Nothing was written.
    #[error("{} changed while gpol was working", .0.display())]
    Changed(PathBuf),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Plan {
    /// Adds a file, unless it would stay as it is.
    pub fn add(&mut self, path: impl Into<PathBuf>, before: Option<Vec<u8>>, after: Vec<u8>) {
        if before.as_deref() != Some(after.as_slice()) {
            self.files.push(FileChange { path: path.into(), before, after });
        }
    }

    /// The files, in the order in which they are replaced.
    pub fn files(&self) -> &[FileChange] {
        &self.files
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Replaces the files, each at once: a reader sees the old or the new one, whole.
    ///
    /// Every new content is first written and synced beside its file, under the old one's mode and owner;
    /// then, if no file has changed since it was read, they are renamed in order.
    /// An empty plan touches nothing.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; temporary files are gone by then.
    pub fn commit(&self) -> Result<(), CommitError> {
        let ready: Vec<(PathBuf, NamedTempFile)> = self
            .files
            .iter()
            .map(|file| {
                let path = through_links(&file.path);
                let new =
                    prepare(&path, &file.after).map_err(|source| CommitError::Io { path: path.clone(), source })?;
                Ok((path, new))
            })
            .collect::<Result<_, CommitError>>()?;
        for (file, (path, _)) in self.files.iter().zip(&ready) {
            let now = read_if_there(path).map_err(|source| CommitError::Io { path: path.clone(), source })?;
            if now != file.before {
                return Err(CommitError::Changed(path.clone()));
            }
        }
        for (path, new) in ready {
            let done = new.persist(&path).map_err(|e| e.error).and_then(|_| sync_folder(&path));
            done.map_err(|source| CommitError::Io { path, source })?;
        }
        Ok(())
    }
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

/// The file that a symbolic link leads to, so that the link stays one.
fn through_links(path: &Path) -> PathBuf {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()),
        _ => path.to_path_buf(),
    }
}

/// A synced temporary file in the folder of `path`, with that file's mode and owner.
fn prepare(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let old = fs::metadata(path).ok();
    let mut builder = tempfile::Builder::new();
    builder.prefix(".gpol-");
    #[cfg(unix)]
    {
        // What the umask leaves, as for any new file; a temporary one would be for its owner alone.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut new = builder.tempfile_in(folder)?;
    new.write_all(content)?;
    if let Some(old) = old {
        #[cfg(unix)]
        keep_owner(&new, &old)?;
        new.as_file().set_permissions(old.permissions())?;
    }
    new.as_file().sync_all()?;
    Ok(new)
}

#[cfg(unix)]
fn keep_owner(new: &NamedTempFile, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let made = new.as_file().metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        chown(new.path(), Some(old.uid()), Some(old.gid()))?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the rename itself last. Windows cannot open a folder for that and needs no such call.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
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
    fn a_file_that_changed_meanwhile_stays_and_so_do_all_others() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "old").unwrap();
        fs::write(&b, "theirs").unwrap();
        let mut plan = Plan::default();
        plan.add(&a, Some(b"old".to_vec()), b"new".to_vec());
        plan.add(&b, Some(b"read".to_vec()), b"new".to_vec());
        assert!(matches!(plan.commit(), Err(CommitError::Changed(path)) if path == b));
        assert_eq!((fs::read(&a).unwrap(), fs::read(&b).unwrap()), (b"old".to_vec(), b"theirs".to_vec()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
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
