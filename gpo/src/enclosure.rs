//! A folder that is open, and that nothing done through it leaves.
//!
//! Whoever can write in a target can lay a link in it, at any moment: also between the look at a path and the use of it.
//! So a target's files are not opened, made, renamed and removed by their paths, but relative to its open folder, and the
//! system itself refuses a way that leads out: by `openat2` with `RESOLVE_BENEATH` on Linux, elsewhere by going one open
//! folder at a time without following. A link that stays inside is followed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use admx::file::{self, Limit};
use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use crate::limits;

/// Which folder encloses the files of a target: opened anew for each read, and held open for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The folder, as the paths of its files begin.
    folder: PathBuf,
    /// Of a target that is a file alone: the path it was given by, which may be that of a link to it, and its name.
    file: Option<(PathBuf, OsString)>,
}

impl Root {
    /// Of files below a folder.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self { folder: path.into(), file: None }
    }

    /// Of a file alone: the folder in which it really lies.
    pub(crate) fn of_file(path: &Path) -> Self {
        let real = canonical(path);
        let name = real.file_name().unwrap_or_default().to_os_string();
        Self { folder: folder_of(&real).to_path_buf(), file: Some((path.to_path_buf(), name)) }
    }

    /// The way to a file from the folder; `None` if its path is not written as one below it.
    fn way(&self, path: &Path) -> Option<PathBuf> {
        if let Some((given, name)) = &self.file
            && given == path
        {
            return Some(name.into());
        }
        let rest = path.strip_prefix(&self.folder).ok()?;
        rest.components().all(|part| matches!(part, Component::Normal(_))).then(|| rest.to_path_buf())
    }

    /// Whether a file is one of the target, by its path, wherever links lead.
    pub fn covers(&self, path: &Path) -> bool {
        self.way(path).is_some()
    }

    /// What a file holds; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a link leads out of the folder: [`LeadsOut`] is inside of that error.
    pub fn read(&self, path: &Path, limit: Limit) -> io::Result<Option<Vec<u8>>> {
        match Enclosure::open(self) {
            Ok(enclosure) => enclosure.read(path, limit),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A link in a target is not followed. It comes inside of an [`io::Error`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum LeadsOut {
    /// It leads out of the target.
    #[error("{} leads out of {}, to {}", path.display(), target.display(), to.display())]
    Outside {
        /// The file that was wanted.
        path: PathBuf,
        /// The folder of the target.
        target: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// It leads to nothing. A file of its name would take the link's place.
    #[error("{} is a link that leads nowhere: to {}", path.display(), to.display())]
    Nowhere {
        /// The link.
        path: PathBuf,
        /// What stands in it.
        to: PathBuf,
    },
}

impl LeadsOut {
    /// If that is what an error is about.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<LeadsOut> for io::Error {
    fn from(error: LeadsOut) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, error)
    }
}

/// An open [`Root`].
#[derive(Debug)]
pub(crate) struct Enclosure {
    root: Root,
    dir: Dir,
}

/// Where a file is or would be: its folder, open, and its name there, which was no link when it was looked at.
#[derive(Debug)]
pub(crate) struct Place {
    pub folder: Dir,
    pub name: OsString,
    /// The folder above, unless that is outside.
    #[cfg(unix)]
    pub above: Option<Dir>,
}

/// A folder that was not there before: the one above it, and its name.
#[derive(Debug)]
pub(crate) struct MadeFolder(Dir, OsString);

impl MadeFolder {
    /// Takes it away; one that is not empty belongs to somebody else by now, and stays.
    pub fn remove(self) {
        drop(self.0.remove_dir(&self.1));
    }
}

impl Enclosure {
    pub fn open(root: &Root) -> io::Result<Self> {
        let dir = match (&root.file, root.folder.file_name()) {
            // Its path was freed of links when the target was opened; one that is there now was laid since.
            (Some(_), Some(name)) => {
                Dir::open_ambient_dir(folder_of(&root.folder), ambient_authority())?.open_dir_nofollow(name)?
            }
            _ => Dir::open_ambient_dir(or_here(&root.folder), ambient_authority())?,
        };
        Ok(Self { root: root.clone(), dir })
    }

    /// The surroundings of a file of the user's own, which may lie anywhere: the last folder on the way to it that is there.
    pub fn around(path: &Path) -> io::Result<Self> {
        let real = canonical(path);
        let there = real.ancestors().skip(1).find(|above| above.is_dir()).unwrap_or(Path::new("."));
        Self::open(&Root::folder(there))
    }

    /// See [`Root::covers`].
    pub fn covers(&self, path: &Path) -> bool {
        self.root.covers(path)
    }

    /// The way to a file from the folder, by where links really lead.
    fn real_way(&self, path: &Path) -> io::Result<PathBuf> {
        let real = canonical(path);
        match real.strip_prefix(canonical(&self.root.folder)) {
            Ok(way) => Ok(way.to_path_buf()),
            Err(_) => Err(self.leads_out(path)),
        }
    }

    fn leads_out(&self, path: &Path) -> io::Error {
        let target = self.root.folder.clone();
        LeadsOut::Outside { path: path.to_path_buf(), target, to: canonical(path) }.into()
    }

    /// Goes the way to a file. One that the system refuses since a link in it is absolute, or leads up and in again, may
    /// still end inside: then it is gone without links.
    fn go<T>(&self, path: &Path, act: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
        let done = match self.root.way(path) {
            Some(way) => act(&way),
            None => act(&self.real_way(path)?),
        };
        match done {
            Err(error) if is_refused(&error) => match act(&self.real_way(path)?) {
                Err(error) if is_refused(&error) => Err(self.leads_out(path)),
                done => done,
            },
            done => done,
        }
    }

    /// What a file holds; `None` if it is not there.
    pub fn read(&self, path: &Path, limit: Limit) -> io::Result<Option<Vec<u8>>> {
        let found = self.go(path, |way| content(&self.dir, way, FollowSymlinks::Yes, limit));
        if let Ok(None) = found {
            self.go(path, |way| no_dead_link(&self.dir, way, path))?;
        }
        found
    }

    /// Where a file is or would be, and where links to it lead; `None` if its folder is not there.
    pub fn place(&self, path: &Path) -> io::Result<Option<Place>> {
        let placed = self.go(path, |way| {
            let name = way.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let folder = self.dir.open_dir(folder_of(way))?;
            if !folder.symlink_metadata(name).is_ok_and(|metadata| metadata.is_symlink()) {
                return self.place_in(folder, way);
            }
            no_dead_link(&self.dir, way, path)?;
            let real = self.dir.canonicalize(way)?;
            self.place_in(self.dir.open_dir(folder_of(&real))?, &real)
        });
        match placed {
            Ok(place) => Ok(Some(place)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn place_in(&self, folder: Dir, way: &Path) -> io::Result<Place> {
        Ok(Place {
            folder,
            name: way.file_name().unwrap_or_default().to_os_string(),
            #[cfg(unix)]
            above: match folder_of(way) {
                here if here == Path::new(".") => None,
                folder => Some(self.dir.open_dir(folder_of(folder))?),
            },
        })
    }

    /// As [`Enclosure::place`]; makes the folders that are missing, and notes them, the uppermost first.
    pub fn make_place(&self, path: &Path, made: &mut Vec<MadeFolder>) -> io::Result<Place> {
        if let Some(place) = self.place(path)? {
            return Ok(place);
        }
        let way = self.root.way(path).map_or_else(|| self.real_way(path), Ok)?;
        let mut above = self.dir.try_clone()?;
        let mut shown = PathBuf::from(".");
        for name in folder_of(&way).components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        }) {
            shown.push(name);
            match above.create_dir(name) {
                Ok(()) => {
                    #[cfg(unix)]
                    drop(like_above(&above, name));
                    made.push(MadeFolder(above.try_clone()?, name.to_os_string()));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            // From the top again: a link on the way may lead elsewhere inside.
            above = self.dir.open_dir(&shown)?;
        }
        self.place(path)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Place {
    /// What an entry of the folder holds, be it the file or one beside it; `None` if it is not there. No link is followed.
    pub fn read(&self, name: &OsStr) -> io::Result<Option<Vec<u8>>> {
        content(&self.folder, Path::new(name), FollowSymlinks::No, limits::INPUT)
    }

    /// Makes what happened to the folder's entries last. Windows cannot open a folder for that and needs no such call.
    pub fn sync(&self) -> io::Result<()> {
        if cfg!(unix) { self.folder.open(".")?.sync_all() } else { Ok(()) }
    }
}

/// Names of the entries of a folder that begin so.
pub(crate) fn names_beginning(folder: &Dir, prefix: &str) -> Vec<OsString> {
    let Ok(entries) = folder.entries() else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with(prefix)).collect()
}

/// An entry of a folder, opened with these options. No link is followed.
pub(crate) fn open_in(folder: &Dir, name: &OsStr, options: &mut OpenOptions) -> io::Result<File> {
    Ok(folder.open_with(name, options.follow(FollowSymlinks::No))?.into_std())
}

fn content(dir: &Dir, way: &Path, follow: FollowSymlinks, limit: Limit) -> io::Result<Option<Vec<u8>>> {
    match dir.open_with(way, reading().follow(follow)) {
        Ok(file) => file::read_opened(&file.into_std(), limit).map(Some),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How a file is opened to be read: a pipe would else wait for a writer.
pub(crate) fn reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        cap_std::fs::OpenOptionsExt::custom_flags(
            &mut options,
            (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed(),
        );
    }
    options
}

/// Gives a new folder the mode of the one above it.
#[cfg(unix)]
fn like_above(above: &Dir, name: &OsStr) -> io::Result<()> {
    let model = open_in(above, OsStr::new("."), &mut reading())?;
    open_in(above, name, &mut reading())?.set_permissions(model.metadata()?.permissions())
}

/// Refuses a link that leads to nothing.
fn no_dead_link(dir: &Dir, way: &Path, path: &Path) -> io::Result<()> {
    let is_link = dir.symlink_metadata(way).is_ok_and(|metadata| metadata.is_symlink());
    if is_link && dir.metadata(way).is_err_and(|error| is_missing(&error)) {
        let to = dir.read_link_contents(way).unwrap_or_default();
        return Err(LeadsOut::Nowhere { path: path.to_path_buf(), to }.into());
    }
    Ok(())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether a way was refused since it leads out: that is said without a number of the system's.
fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() && LeadsOut::of(error).is_none()
}

fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().map_or(Path::new("."), or_here)
}

/// Where a path leads, be its last components there or not.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let Ok(real) = fs::canonicalize(or_here(above)) {
            return match path.strip_prefix(above) {
                Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
                _ => real,
            };
        }
    }
    path.to_path_buf()
}
