//! The record of changes, outside their targets: what each file held before and after.
//!
//! One folder a change, named by its id: `change.json` and the contents `0.before`, `0.after`, `1.before`, … While the
//! change is carried out the name ends in `.open`; to take that away is what makes the change done. One that was
//! interrupted, and that cannot be mended since somebody wrote its files, ends in `.left`. A folder appears under such a
//! name only when all of it is on the disk, and before that its name begins with a point.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::identity::{Here, Identity};
use super::{Note, TransactionError};
use crate::enclosure::{canonical, folder_of};
use crate::plan::{Plan, hex};
use crate::replace::TEMPORARY;

/// Name of the shape of `change.json`.
const SCHEMA: &str = "gpol.change/2";
/// The one before it, which has neither [`Change::target`] nor [`ChangedFile::below`] nor [`BEGUN`] beside it.
const SCHEMA_1: &str = "gpol.change/1";
/// Name of the file that says that the first file is about to be replaced, and when each new content was written.
const BEGUN: &str = "begun.json";
/// How the folder's name of a change ends that did not come to its end.
const OPEN: &str = ".open";
/// How it ends of a change that was set aside.
const LEFT: &str = ".left";
/// After this time, what was not written to its end belongs to nobody.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Where changes are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    folder: PathBuf,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Name of the shape.
    pub schema: String,
    /// Its time and four digits.
    pub id: String,
    /// When it was recorded, as RFC 3339 says.
    pub time: String,
    /// Who made it, as the environment says.
    pub user: Option<String>,
    /// The version of gpol.
    pub gpol: String,
    /// The command line.
    pub command: Vec<String>,
    /// Why, in the words of whoever made it.
    pub reason: Option<String>,
    /// The change that this one undoes.
    pub undoes: Option<String>,
    /// [`Plan::hash`] of what was carried out.
    pub plan: String,
    /// What was changed; `null` in a record of an older gpol.
    #[serde(default)]
    pub target: Option<Identity>,
    /// The files, in the order in which they were replaced.
    pub files: Vec<ChangedFile>,
    /// Folders that were not there before, the uppermost first.
    pub folders: Vec<PathBuf>,
    /// Extension lists in Active Directory that the change is about; none unless an export told them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directory: Vec<DirectoryRecord>,
    /// What became of it. The name of the record's folder says so, not what stands in it.
    #[serde(skip)]
    pub outcome: Outcome,
}

/// An extension list in Active Directory, before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryRecord {
    /// The GPO.
    pub dn: String,
    /// The attribute.
    pub attribute: String,
    /// What the export had.
    pub before: String,
    /// What the change makes of it.
    pub after: String,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did not come to its end, or has not yet.
    #[default]
    Unfinished,
    /// It was made.
    Done,
    /// It was interrupted, and somebody else has written its files since.
    Left,
}

/// A file of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// The file, where it was.
    pub path: PathBuf,
    /// The way to it from the [`Identity::path`] of the target; `null` for a file of the user's own, as LDIF is.
    #[serde(default)]
    pub below: Option<PathBuf>,
    /// What it held; `null` if it was not there.
    pub before: Option<Content>,
    /// What it shall hold; `null` if it shall not be there.
    pub after: Option<Content>,
}

/// What a file holds, to be told from other contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// In bytes.
    pub size: usize,
    /// In hexadecimal.
    pub sha256: String,
}

impl Content {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len(), sha256: hex(&Sha256::digest(bytes)) }
    }
}

impl Change {
    /// Name of the temporary file for the file at this place.
    pub(super) fn temporary(&self, index: usize) -> String {
        format!("{}{index}", self.temporaries())
    }

    /// How the names of its temporary files begin.
    pub(super) fn temporaries(&self) -> String {
        format!("{TEMPORARY}{}-", self.id)
    }
}

/// How far a change came before it was interrupted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Whether a file may have been replaced.
    #[serde(skip, default = "yes")]
    pub begun: bool,
    /// When the new content of each file was written, in nanoseconds of Unix' time.
    pub written: Vec<Option<u64>>,
}

fn yes() -> bool {
    true
}

/// A file for its owner alone, that was not there.
fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes what happened to a file's entry in its folder last. Windows cannot open a folder for that and needs no such call.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// Makes a folder for its owner alone: policy files may hold secrets.
fn make_private(folder: &Path, recursive: bool) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

impl History {
    /// The record in this folder, which is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where changes are recorded for this user: `$XDG_STATE_HOME/gpol` or `~/.local/state/gpol`, on Windows
    /// `%LOCALAPPDATA%\gpol`. `None` if the environment names neither.
    pub fn of_this_user() -> Option<Self> {
        let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state = if cfg!(windows) {
            named("LOCALAPPDATA")?
        } else {
            named("XDG_STATE_HOME")
                .filter(|path| path.is_absolute())
                .or_else(|| Some(named("HOME")?.join(".local/state")))?
        };
        Some(Self::new(state.join("gpol")))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn lies_in(&self, root: &Path) -> bool {
        canonical(&self.folder).starts_with(root)
    }

    fn error(path: &Path) -> impl FnOnce(io::Error) -> TransactionError {
        let path = path.to_path_buf();
        |source| TransactionError::History { path, source }
    }

    /// Writes a plan down, with the contents that it needs, before it is carried out.
    pub(super) fn record(&self, plan: &Plan, note: &Note, here: &Here) -> Result<Change, TransactionError> {
        make_private(&self.folder, true).map_err(Self::error(&self.folder))?;
        self.tidy();
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let stamp: String = time.chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let files = plan.files().iter().map(|file| ChangedFile {
            path: here.recorded(&file.path),
            below: here.below(&file.path),
            before: file.before.as_deref().map(Content::of),
            after: file.after.as_deref().map(Content::of),
        });
        let mut folders: Vec<PathBuf> = Vec::new();
        for file in plan.files() {
            let missing: Vec<&Path> = file.path.ancestors().skip(1).take_while(|above| !above.exists()).collect();
            folders.extend(
                missing
                    .into_iter()
                    .rev()
                    .filter(|above| !above.as_os_str().is_empty())
                    .map(|above| here.recorded(above)),
            );
        }
        folders.dedup();
        let mut change = Change {
            schema: SCHEMA.to_owned(),
            id: String::new(),
            time,
            user: ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()),
            gpol: env!("CARGO_PKG_VERSION").to_owned(),
            command: note.command.clone(),
            reason: note.reason.clone(),
            undoes: note.undoes.clone(),
            directory: note.directory.clone(),
            plan: plan.hash(),
            target: Some(here.identity.clone()),
            files: files.collect(),
            folders,
            outcome: Outcome::Unfinished,
        };
        let (id, made) = self.fresh(&stamp)?;
        change.id = id;
        let written = self.write(&change, plan, &made);
        if written.is_err() {
            drop(fs::remove_dir_all(&made));
        }
        written.map_err(Self::error(&made))?;
        Ok(change)
    }

    /// A folder that is not yet under its name, and the id it is for: a later one of the same second comes behind.
    fn fresh(&self, stamp: &str) -> Result<(String, PathBuf), TransactionError> {
        for number in 0..=u16::MAX {
            let id = format!("{stamp}-{number:04x}");
            let taken =
                || [self.done(&id), self.named(&id, OPEN), self.named(&id, LEFT)].iter().any(|path| path.exists());
            let folder = self.hidden(&id);
            if taken() {
                continue;
            }
            // For its owner alone, also in a folder that is open to others.
            match make_private(&folder, false) {
                // Somebody else's may have come under this name meanwhile.
                Ok(()) if taken() => drop(fs::remove_dir(&folder)),
                Ok(()) => return Ok((id, folder)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(TransactionError::History { path: folder, source }),
            }
        }
        Err(TransactionError::History { path: self.folder.clone(), source: io::ErrorKind::AlreadyExists.into() })
    }

    fn done(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    fn named(&self, id: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{id}{ending}"))
    }

    fn hidden(&self, id: &str) -> PathBuf {
        self.folder.join(format!(".{id}"))
    }

    fn write(&self, change: &Change, plan: &Plan, folder: &Path) -> io::Result<()> {
        let write = |name: &str, bytes: &[u8]| {
            let mut file = create_private(&folder.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        for (index, file) in plan.files().iter().enumerate() {
            for (name, content) in [("before", &file.before), ("after", &file.after)] {
                if let Some(bytes) = content {
                    write(&format!("{index}.{name}"), bytes)?;
                }
            }
        }
        let mut text = serde_json::to_vec_pretty(change)?;
        text.push(b'\n');
        write("change.json", &text)?;
        sync_folder(&folder.join("change.json"))?;
        let named = self.named(&change.id, OPEN);
        fs::rename(folder, &named)?;
        sync_folder(&named)
    }

    /// Notes that the files of a change are about to be replaced.
    pub(super) fn begin(&self, change: &Change, written: &[Option<u64>]) -> Result<(), TransactionError> {
        let path = self.named(&change.id, OPEN).join(BEGUN);
        let new = self.named(&change.id, OPEN).join(format!(".{BEGUN}"));
        let write = || {
            let mut file = create_private(&new)?;
            file.write_all(&serde_json::to_vec(&Begun { begun: true, written: written.to_vec() })?)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            sync_folder(&path)
        };
        write().map_err(Self::error(&path))
    }

    /// How far a change came that did not come to its end.
    pub(super) fn begun(&self, change: &Change) -> Result<Begun, TransactionError> {
        let path = self.named(&change.id, OPEN).join(BEGUN);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| TransactionError::Malformed { path, why: error.to_string() }),
            // An older gpol did not note it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Begun { begun: change.target.is_none(), written: Vec::new() })
            }
            Err(error) => Err(Self::error(&path)(error)),
        }
    }

    /// Where the record of a change lies that did not come to its end.
    pub(super) fn open(&self, change: &Change) -> PathBuf {
        self.named(&change.id, OPEN)
    }

    /// Notes that a change was made.
    pub(super) fn finish(&self, change: &Change) -> Result<(), TransactionError> {
        let path = self.done(&change.id);
        fs::rename(self.named(&change.id, OPEN), &path).and_then(|()| sync_folder(&path)).map_err(Self::error(&path))
    }

    /// Leaves a change as it is that cannot be mended.
    pub(super) fn set_aside(&self, change: &Change) -> Result<(), TransactionError> {
        let path = self.named(&change.id, LEFT);
        fs::rename(self.named(&change.id, OPEN), &path).and_then(|()| sync_folder(&path)).map_err(Self::error(&path))
    }

    /// Takes away what runs left that were killed while they wrote a change down.
    fn tidy(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with('.')) {
            let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|time| time.elapsed());
            if matches!(age, Ok(Ok(age)) if age > ABANDONED) {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }

    /// Takes back the record of a change that was not made. If that fails, the next change finds it unfinished.
    pub(super) fn forget(&self, change: &Change) {
        // First out of sight, so that no half of it is ever read.
        let hidden = self.hidden(&change.id);
        if fs::rename(self.named(&change.id, OPEN), &hidden).is_ok() {
            drop(fs::remove_dir_all(hidden));
        }
    }

    /// All changes, of whatever target, the oldest first.
    pub(super) fn all(&self) -> Result<Vec<Change>, TransactionError> {
        self.changes(|_| true)
    }

    /// Those that did not come to their end.
    pub(super) fn unfinished(&self) -> Result<Vec<Change>, TransactionError> {
        self.changes(|name| name.ends_with(OPEN))
    }

    fn changes(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Change>, TransactionError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Self::error(&self.folder))?,
        };
        let mut changes = Vec::new();
        for entry in entries {
            let name = entry.map_err(Self::error(&self.folder))?.file_name().to_string_lossy().into_owned();
            if !wanted(&name) || name.starts_with('.') {
                continue;
            }
            match self.read(&self.folder.join(&name)) {
                // It is not there any more: another program has just finished its change of another target.
                Err(TransactionError::History { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                change => changes.push(change?),
            }
        }
        changes.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(changes)
    }

    fn read(&self, folder: &Path) -> Result<Change, TransactionError> {
        let path = folder.join("change.json");
        let text = fs::read(&path).map_err(Self::error(&path))?;
        let malformed = |why: String| TransactionError::Malformed { path: path.clone(), why };
        let mut change: Change = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if ![SCHEMA, SCHEMA_1].contains(&&*change.schema) {
            return Err(malformed(format!("schema {:?}; gpol reads {SCHEMA:?} and {SCHEMA_1:?}", change.schema)));
        }
        let name = folder.to_string_lossy();
        change.outcome = match () {
            () if name.ends_with(OPEN) => Outcome::Unfinished,
            () if name.ends_with(LEFT) => Outcome::Left,
            () => Outcome::Done,
        };
        Ok(change)
    }

    /// What a file held before, or shall hold after, checked against its hash.
    pub(super) fn content(
        &self,
        change: &Change,
        index: usize,
        expected: &Option<Content>,
        which: &str,
    ) -> Result<Option<Vec<u8>>, TransactionError> {
        let Some(expected) = expected else { return Ok(None) };
        let folder = match change.outcome {
            Outcome::Done => self.done(&change.id),
            Outcome::Unfinished => self.named(&change.id, OPEN),
            Outcome::Left => self.named(&change.id, LEFT),
        };
        let path = folder.join(format!("{index}.{which}"));
        let bytes = fs::read(&path).map_err(Self::error(&path))?;
        if Content::of(&bytes) == *expected {
            return Ok(Some(bytes));
        }
        Err(TransactionError::Malformed { path, why: "it is not what was recorded".to_owned() })
    }
}
