//! The record of changes, outside their targets: what each file held before and after.
//!
//! One folder a change, named by its time: `change.json`, the contents `0.before`, `0.after`, `1.before`, … and, once it is
//! decided, an empty file `done` or `reverted`. A folder appears under its name only when all of it is on the disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Note, TransactionError, canonical};
use crate::plan::{Plan, hex};
use crate::replace::{sync_folder, through_links};

/// Name of the shape of `change.json`.
const SCHEMA: &str = "gpol.change/1";

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
    /// The files, in the order in which they were replaced.
    pub files: Vec<ChangedFile>,
    /// Folders that were not there before, the uppermost first.
    pub folders: Vec<PathBuf>,
    /// What became of it.
    #[serde(skip_deserializing, default)]
    pub outcome: Outcome,
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
    /// It was interrupted before anything was replaced.
    Reverted,
}

/// A file of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// The file, where symbolic links lead.
    pub path: PathBuf,
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
        format!(".gpol-{}-{index}", self.id)
    }
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
    pub(super) fn record(&self, plan: &Plan, note: &Note) -> Result<Change, TransactionError> {
        fs::create_dir_all(&self.folder).map_err(Self::error(&self.folder))?;
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let stamp: String = time.chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let files = plan.files().iter().map(|file| ChangedFile {
            path: canonical(&through_links(&file.path)),
            before: file.before.as_deref().map(Content::of),
            after: file.after.as_deref().map(Content::of),
        });
        let mut folders: Vec<PathBuf> = Vec::new();
        for file in plan.files() {
            let missing: Vec<&Path> = file.path.ancestors().skip(1).take_while(|above| !above.exists()).collect();
            folders.extend(missing.into_iter().rev().filter(|above| !above.as_os_str().is_empty()).map(canonical));
        }
        folders.dedup();
        let mut change = Change {
            schema: SCHEMA.to_owned(),
            id: String::new(),
            time,
            gpol: env!("CARGO_PKG_VERSION").to_owned(),
            command: note.command.clone(),
            reason: note.reason.clone(),
            undoes: note.undoes.clone(),
            plan: plan.hash(),
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

    /// A folder that is not yet under its name, and the name it shall have.
    fn fresh(&self, stamp: &str) -> Result<(String, PathBuf), TransactionError> {
        let mut seed = Sha256::new();
        seed.update(std::process::id().to_le_bytes());
        seed.update(format!("{:?}", SystemTime::now()));
        let seed = seed.finalize();
        let mut taken = None;
        for pair in seed.windows(2) {
            let id = format!("{stamp}-{}", hex(pair));
            let folder = self.folder.join(format!(".{id}"));
            if self.folder.join(&id).exists() {
                continue;
            }
            match fs::create_dir(&folder) {
                Ok(()) => return Ok((id, folder)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = Some(error),
                Err(source) => return Err(TransactionError::History { path: folder, source }),
            }
        }
        let source = taken.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into());
        Err(TransactionError::History { path: self.folder.clone(), source })
    }

    fn write(&self, change: &Change, plan: &Plan, folder: &Path) -> io::Result<()> {
        let write = |name: &str, bytes: &[u8]| {
            let mut file = File::create_new(folder.join(name))?;
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
        let named = self.folder.join(&change.id);
        fs::rename(folder, &named)?;
        sync_folder(&named)
    }

    /// Notes what became of a change.
    pub(super) fn mark(&self, change: &Change, outcome: Outcome) -> Result<(), TransactionError> {
        let name = if outcome == Outcome::Done { "done" } else { "reverted" };
        let path = self.folder.join(&change.id).join(name);
        let marked = File::create(&path).and_then(|file| file.sync_all()).and_then(|()| sync_folder(&path));
        marked.map_err(Self::error(&path))
    }

    /// Takes back the record of a change that was not made. If that fails, the next change finds it unfinished.
    pub(super) fn forget(&self, change: &Change) {
        let folder = self.folder.join(&change.id);
        // First out of sight, so that no half of it is ever read.
        let hidden = self.folder.join(format!(".{}", change.id));
        if fs::rename(&folder, &hidden).is_ok() {
            drop(fs::remove_dir_all(hidden));
        }
    }

    /// All changes of files at or below a path, the oldest first.
    pub(super) fn changes_in(&self, root: &Path) -> Result<Vec<Change>, TransactionError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Self::error(&self.folder))?,
        };
        let mut changes = Vec::new();
        for entry in entries {
            let path = entry.map_err(Self::error(&self.folder))?.path();
            let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            if hidden || !path.is_dir() {
                continue;
            }
            let change = self.read(&path)?;
            if change.files.iter().any(|file| file.path.starts_with(root)) {
                changes.push(change);
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
        if change.schema != SCHEMA {
            return Err(malformed(format!("schema {:?}; gpol reads {SCHEMA:?}", change.schema)));
        }
        change.outcome = match () {
            () if folder.join("done").exists() => Outcome::Done,
            () if folder.join("reverted").exists() => Outcome::Reverted,
            () => Outcome::Unfinished,
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
        let path = self.folder.join(&change.id).join(format!("{index}.{which}"));
        let bytes = fs::read(&path).map_err(Self::error(&path))?;
        if Content::of(&bytes) == *expected {
            return Ok(Some(bytes));
        }
        Err(TransactionError::Malformed { path, why: "it is not what was recorded".to_owned() })
    }
}
