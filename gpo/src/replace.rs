//! Replacing one file by another content, so that a reader sees the old one or the new one, whole, and that all else
//! about the file stays: its mode, owner and group, and its extended attributes, in which access control lists are.
//!
//! All of it happens in the file's open folder ([`Place`]). On Linux the new file and the old one change places at once,
//! and only then what came out is looked at: if it is not what was read, somebody wrote it in the last moment, and the
//! two change places again. So no foreign file is lost, and the old ones are there to be put back until all are replaced.
//! File systems without that exchange (FUSE, NTFS) get a plain rename, right behind a look.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use cap_fs_ext::MetadataExt as _;
use cap_std::fs::OpenOptions;

use crate::enclosure::{Enclosure, MadeFolder, Place, names_beginning, open_in};
use crate::plan::{CommitError, FileChange};
use attributes::Model;

mod attributes;

/// A file whose new content lies beside it, complete and on the disk. The temporary file is gone when this is.
pub(crate) struct Prepared<'f> {
    change: &'f FileChange,
    place: Place,
    temporary: OsString,
    done: Done,
}

/// How far a file is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Not,
    /// The old file, if there was one, is the temporary one now.
    #[cfg(target_os = "linux")]
    Swapped,
    /// The old file is gone, or was written in place.
    Overwritten,
    /// The temporary file is somebody else's, and could not be put back.
    #[cfg(target_os = "linux")]
    Theirs,
}

impl<'f> Prepared<'f> {
    /// Writes the new content to a temporary file of this name in the same folder. Notes the folders that it makes.
    ///
    /// A file of the target is reached through its enclosure; any other is the user's own, wherever it lies.
    pub(crate) fn new(
        change: &'f FileChange,
        target: Option<&Enclosure>,
        temporary: &str,
        folders: &mut Vec<MadeFolder>,
    ) -> Result<Self, CommitError> {
        let io = |source| io_error(&change.path, source);
        let own;
        let enclosure = match target.filter(|target| target.covers(&change.path)) {
            Some(target) => target,
            None => {
                own = Enclosure::around(&change.path).map_err(io)?;
                &own
            }
        };
        let place = enclosure.make_place(&change.path, folders).map_err(io)?;
        let prepared = Self { change, place, temporary: temporary.into(), done: Done::Not };
        if let Some(content) = &change.after {
            written(&prepared.place, &prepared.temporary, content, &change.path)?;
        }
        Ok(prepared)
    }

    /// Makes sure that nobody has written the file since it was read.
    pub(crate) fn check(&self) -> Result<(), CommitError> {
        let now = self.place.read(&self.place.name).map_err(|source| io_error(&self.change.path, source))?;
        match now == self.change.before {
            true => Ok(()),
            false => Err(CommitError::Changed(self.change.path.clone())),
        }
    }

    /// When the new content was written, by the file system's clock: by that the file is known again when it is replaced.
    /// `None` where a file is written in place, later than that.
    pub(crate) fn stamp(&self) -> Option<u64> {
        if cfg!(windows) && self.change.before.is_some() {
            return None;
        }
        let metadata = self.place.folder.symlink_metadata(&self.temporary).ok()?;
        stamp_of(&metadata)
    }

    /// Gives the file its new content, for good, if it is still what it was when it was read.
    pub(crate) fn put(&mut self) -> Result<(), CommitError> {
        self.check()?;
        let path = &self.change.path;
        if !self.swap()? {
            let after = self.change.after.as_deref();
            // Written in place, it may be half written even where that failed.
            self.done = if cfg!(windows) && self.change.before.is_some() { Done::Overwritten } else { Done::Not };
            overwrite(&self.place, &self.temporary, after).map_err(|source| io_error(path, source))?;
            self.done = Done::Overwritten;
        }
        self.place.sync().map_err(|source| io_error(path, source))
    }

    /// Lets the new file and the old one change places. `false` if the file system cannot do that.
    #[cfg(target_os = "linux")]
    fn swap(&mut self) -> Result<bool, CommitError> {
        use rustix::io::Errno;
        let change = self.change;
        match self.exchange(false) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return Ok(false),
            // It came, or went, in the last moment.
            Err(Errno::EXIST | Errno::NOENT) => return Err(CommitError::Changed(change.path.clone())),
            Err(error) => return Err(io_error(&change.path, error.into())),
        }
        self.done = Done::Swapped;
        if change.before.is_none() {
            return Ok(true);
        }
        // What cannot be read is not what was read.
        if self.place.read(&self.temporary).is_ok_and(|out| out == change.before) {
            return Ok(true);
        }
        self.done = Done::Theirs;
        if let Err(error) = self.exchange(true) {
            let path = change.path.clone();
            let source = io::Error::other("it changed while gpol was working");
            return Err(CommitError::Torn { torn: path.clone(), path, source, second: error.into() });
        }
        self.done = Done::Not;
        Err(CommitError::Changed(change.path.clone()))
    }

    #[cfg(not(target_os = "linux"))]
    fn swap(&mut self) -> Result<bool, CommitError> {
        Ok(false)
    }

    /// One step for everybody who looks: new for old, a new file in its place, an unwanted one out of it; or back.
    #[cfg(target_os = "linux")]
    fn exchange(&self, back: bool) -> rustix::io::Result<()> {
        use rustix::fs::{RenameFlags, renameat_with};
        let flags = match (&self.change.before, &self.change.after) {
            (Some(_), Some(_)) => RenameFlags::EXCHANGE,
            _ => RenameFlags::NOREPLACE,
        };
        let goes_in = self.change.after.is_some() != back;
        let (folder, name, temporary) = (&self.place.folder, &self.place.name, &self.temporary);
        let (from, to) = if goes_in { (temporary, name) } else { (name, temporary) };
        renameat_with(folder, from, folder, to, flags)
    }

    /// Puts the file back as it was, if it was replaced.
    pub(crate) fn put_back(&mut self) -> Result<(), CommitError> {
        let path = &self.change.path;
        match self.done {
            Done::Not => return Ok(()),
            #[cfg(target_os = "linux")]
            Done::Theirs => return Ok(()),
            #[cfg(target_os = "linux")]
            Done::Swapped => self.swap_back().map_err(|source| io_error(path, source))?,
            Done::Overwritten => {
                let before = self.change.before.as_deref();
                if let Some(content) = before {
                    written(&self.place, &self.temporary, content, path)?;
                }
                overwrite(&self.place, &self.temporary, before).map_err(|source| io_error(path, source))?;
            }
        }
        self.done = Done::Not;
        self.place.sync().map_err(|source| io_error(path, source))
    }

    #[cfg(target_os = "linux")]
    fn swap_back(&self) -> io::Result<()> {
        self.exchange(true)?;
        // Somebody has written what we put there since: theirs is the last word.
        if self.change.after.is_some() && self.place.read(&self.temporary).is_ok_and(|out| out != self.change.after) {
            self.exchange(false)?;
        }
        Ok(())
    }

    /// Takes the temporary file away. Whether it is gone.
    pub(crate) fn clear(mut self) -> bool {
        let temporary = std::mem::take(&mut self.temporary);
        match self.place.folder.remove_file(&temporary) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.change.path
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if self.done == Done::Theirs {
            return;
        }
        if !self.temporary.is_empty() {
            drop(self.place.folder.remove_file(&self.temporary));
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> CommitError {
    CommitError::Io { path: path.to_path_buf(), source }
}

/// When a file was last written, in nanoseconds of Unix' time.
pub(crate) fn stamp_of(metadata: &cap_std::fs::Metadata) -> Option<u64> {
    let time = metadata.modified().ok()?.into_std();
    u64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos()).ok()
}

/// Refuses a file that has other names: the one that takes its place would not have them.
pub(crate) fn refuse_other_names(place: &Place, path: &Path) -> Result<(), CommitError> {
    match place.folder.symlink_metadata(&place.name) {
        Ok(metadata) if metadata.is_file() && metadata.nlink() > 1 => {
            Err(CommitError::HardLinked { path: path.to_path_buf(), names: metadata.nlink() })
        }
        _ => Ok(()),
    }
}

/// Gives a file the content that is prepared under the temporary name, or takes it away, whatever it holds.
fn overwrite(place: &Place, temporary: &OsString, content: Option<&[u8]>) -> io::Result<()> {
    match content {
        // On Windows, a file that takes the place of another does not take over its access control list and
        // attributes. Written in place it keeps them; the journal of the change mends what a crash leaves.
        #[cfg(windows)]
        Some(bytes) if place.folder.exists(&place.name) => {
            use cap_std::fs::OpenOptionsExt as _;
            let mut alone = OpenOptions::new();
            // Nobody reads it while it is written.
            alone.write(true).truncate(true).share_mode(0);
            let mut file = open_in(&place.folder, &place.name, &mut alone)?;
            file.write_all(bytes)?;
            file.sync_all()
        }
        Some(_) => place.folder.rename(temporary, &place.folder, &place.name),
        None => place.folder.remove_file(&place.name),
    }
}

/// A synced temporary file, with the attributes of the file that is to have its content. Until it has them, nobody may
/// read it who may not read that one.
fn written(place: &Place, temporary: &OsString, content: &[u8], path: &Path) -> Result<(), CommitError> {
    refuse_other_names(place, path)?;
    let model = Model::of(place);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, model.as_ref().map_or(0o666, Model::strictest));
    let new = open_in(&place.folder, temporary, &mut options).map_err(|source| io_error(path, source))?;
    let done = fill(new, content, model.as_ref(), path);
    if done.is_err() {
        drop(place.folder.remove_file(temporary));
    }
    done
}

fn fill(mut new: File, content: &[u8], model: Option<&Model>, path: &Path) -> Result<(), CommitError> {
    let io = |source| io_error(path, source);
    new.write_all(content).map_err(io)?;
    if let Some(model) = model {
        model.give_to(&new, path)?;
    }
    new.sync_all().map_err(io)
}

/// Takes away temporary files that a killed run left in a folder. The GPO is locked: nobody else uses them.
pub(crate) fn tidy(place: &Place) {
    names_beginning(&place.folder, TEMPORARY).iter().for_each(|name| drop(place.folder.remove_file(name)));
}

/// How the names of temporary files begin.
pub(crate) const TEMPORARY: &str = ".gpol-";
