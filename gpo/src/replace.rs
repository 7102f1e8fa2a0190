//! Replacing one file by another content, so that a reader sees the old one or the new one, whole, and that all else
//! about the file stays: its mode, owner and group, and its extended attributes, in which access control lists are.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::plan::{CommitError, FileChange, read_if_there};

/// A file whose new content lies beside it, complete and on the disk.
pub(crate) struct Prepared<'f> {
    change: &'f FileChange,
    /// Where symbolic links lead.
    path: PathBuf,
    /// `None` if the file shall go.
    new: Option<NamedTempFile>,
}

impl<'f> Prepared<'f> {
    /// Writes the new content to a temporary file of this name in the same folder. Notes the folders that it makes.
    pub(crate) fn new(
        change: &'f FileChange,
        temporary: &str,
        folders: &mut Vec<PathBuf>,
    ) -> Result<Self, CommitError> {
        let path = through_links(&change.path);
        let new = match &change.after {
            Some(content) => Some(written(&path, content, temporary, folders)?),
            None => None,
        };
        Ok(Self { change, path, new })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that nobody has written the file since it was read.
    pub(crate) fn check(&self) -> Result<(), CommitError> {
        let now = read_if_there(&self.path).map_err(|source| io_error(&self.path, source))?;
        if now == self.change.before { Ok(()) } else { Err(CommitError::Changed(self.path.clone())) }
    }

    /// Gives the file its new content, for good.
    pub(crate) fn put(self) -> io::Result<()> {
        match self.new {
            // On Windows, a file that takes the place of another does not take over its access control list and
            // attributes. Written in place it keeps them; the journal of the change mends what a crash leaves.
            #[cfg(windows)]
            Some(_) if self.path.exists() => {
                // Nobody reads it while it is written.
                let mut alone = File::options();
                std::os::windows::fs::OpenOptionsExt::share_mode(&mut alone, 0);
                let mut file = alone.write(true).truncate(true).open(&self.path)?;
                file.write_all(self.change.after.as_deref().unwrap_or_default())?;
                file.sync_all()
            }
            Some(new) => {
                new.persist(&self.path).map_err(|error| error.error)?;
                sync_folder(&self.path)
            }
            None => {
                fs::remove_file(&self.path)?;
                sync_folder(&self.path)
            }
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> CommitError {
    CommitError::Io { path: path.to_path_buf(), source }
}

/// The file that a symbolic link leads to, so that the link stays one.
pub(crate) fn through_links(path: &Path) -> PathBuf {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()),
        _ => path.to_path_buf(),
    }
}

/// A synced temporary file beside `path`, with that file's attributes.
fn written(
    path: &Path,
    content: &[u8],
    temporary: &str,
    folders: &mut Vec<PathBuf>,
) -> Result<NamedTempFile, CommitError> {
    let folder = folder_of(path);
    let io = |source| io_error(path, source);
    make_folders(folder, folders).map_err(io)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(temporary).rand_bytes(0);
    #[cfg(unix)]
    {
        // What the umask leaves, as for any new file; a temporary one would be for its owner alone.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut new = builder.tempfile_in(folder).map_err(io)?;
    new.write_all(content).map_err(io)?;
    match fs::metadata(path) {
        Ok(old) if old.is_file() => attributes(path, &old, &new)?,
        _ => like_its_neighbours(path, &new),
    }
    new.as_file().sync_all().map_err(io)?;
    Ok(new)
}

/// Makes a folder and those above it, and notes the ones that were not there, the uppermost first.
fn make_folders(folder: &Path, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()).collect();
    for above in missing.into_iter().rev() {
        match fs::create_dir(above) {
            Ok(()) => {
                #[cfg(unix)]
                if let Ok(parent) = fs::metadata(folder_of(above)) {
                    drop(fs::set_permissions(above, parent.permissions()));
                }
                made.push(above.to_path_buf());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Takes away folders that a change made and did not fill.
pub(crate) fn remove_folders(folders: &[PathBuf]) {
    // One that is not empty belongs to somebody else by now.
    folders.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
}

/// POSIX access control lists are kept in this attribute.
#[cfg(unix)]
const ACCESS_LIST: &str = "system.posix_acl_access";

#[cfg(unix)]
fn attributes(path: &Path, old: &fs::Metadata, new: &NamedTempFile) -> Result<(), CommitError> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let refused = |attribute: &str, source| CommitError::Metadata {
        path: path.to_path_buf(),
        attribute: attribute.to_owned(),
        source,
    };
    let made = new.as_file().metadata().map_err(|source| io_error(path, source))?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        chown(new.path(), Some(old.uid()), Some(old.gid())).map_err(|source| refused("the owner", source))?;
    }
    new.as_file().set_permissions(old.permissions()).map_err(|source| refused("the mode", source))?;
    let names = extended(path).map_err(|source| refused("an extended attribute", source))?;
    // The folder may give each new file an access control list that the old one did not have.
    if !names.iter().any(|name| name == ACCESS_LIST) && matches!(xattr::get(new.path(), ACCESS_LIST), Ok(Some(_))) {
        xattr::remove(new.path(), ACCESS_LIST).map_err(|source| refused(ACCESS_LIST, source))?;
    }
    for name in names {
        let shown = name.to_string_lossy();
        let get = |path: &Path| xattr::get(path, &name).map_err(|source| refused(&shown, source));
        let Some(value) = get(path)? else { continue };
        // What the system gave the new file by itself, such as a security label, need not be set.
        if get(new.path())?.as_ref() != Some(&value) {
            xattr::set(new.path(), &name, &value).map_err(|source| refused(&shown, source))?;
        }
    }
    Ok(())
}

/// Gives a new file the attributes of a file beside it, or of the GPO's gpt.ini, as far as the system allows: those who
/// read that one must be able to read this one, or policy stops to apply to them.
#[cfg(unix)]
fn like_its_neighbours(path: &Path, new: &NamedTempFile) {
    let is_model = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        ["registry.pol", "gpt.ini", "comment.cmtx", "bkupinfo.xml"].contains(&&*name)
    };
    let in_folder = |folder: &Path| {
        let mut entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().filter(is_model).map(|e| e.path()).collect();
        entries.sort();
        entries.into_iter().next()
    };
    let folder = folder_of(path);
    let Some(model) = in_folder(folder).or_else(|| in_folder(folder_of(folder))) else { return };
    if let Ok(metadata) = fs::metadata(&model) {
        drop(attributes(&model, &metadata, new));
    }
}

/// A new file on Windows takes its access control list from its folder.
#[cfg(not(unix))]
fn like_its_neighbours(_: &Path, _: &NamedTempFile) {}

/// Names of the extended attributes, those of ntfs-3g included, which it does not list.
#[cfg(unix)]
fn extended(path: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    const UNLISTED: [&str; 2] = ["system.ntfs_acl", "system.ntfs_attrib_be"];
    let mut names: Vec<_> = match xattr::list(path) {
        Ok(names) => names.collect(),
        // A file system without them.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    for name in &UNLISTED {
        if !names.iter().any(|listed| listed == name) && matches!(xattr::get(path, name), Ok(Some(_))) {
            names.push((*name).into());
        }
    }
    Ok(names)
}

/// What is replaced on Windows is written in place and keeps all of it.
#[cfg(not(unix))]
fn attributes(_: &Path, _: &fs::Metadata, _: &NamedTempFile) -> Result<(), CommitError> {
    Ok(())
}

/// Takes away temporary files that a killed run left in the folder of `path`. The GPO is locked: nobody else uses them.
pub(crate) fn tidy(path: &Path) {
    let Ok(entries) = fs::read_dir(folder_of(path)) else { return };
    let ours = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".gpol-");
    entries.flatten().filter(ours).for_each(|entry| drop(fs::remove_file(entry.path())));
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes what happened to a folder's entries last. Windows cannot open a folder for that and needs no such call.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}
