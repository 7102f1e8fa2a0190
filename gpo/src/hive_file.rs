//! A registry hive as a file, with the logs beside it: looked into by path, listed key by key.
//!
//! Logs (`NAME.LOG1`, `NAME.LOG2`, on old systems `NAME.LOG`, in any letter case) are replayed in memory.
//! Nothing is written. What cannot be read costs itself alone and is told, with its place.

use std::io;
use std::path::{Path, PathBuf};
use std::vec;

use admx::file;
use hive::{Hive, HiveError, Key, Subkeys};

use crate::image::{Image, ImageError, When};
use crate::limits::{self, read_if_there};
use crate::model::{DamageModel, HiveModel, HiveValueModel, KeyModel, key_path};
use crate::place::find;

/// Why a hive does not tell what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HiveFileError {
    /// The file, or a log beside it, cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no hive, or nothing of it can be read.
    #[error("{}: {error}", path.display())]
    NotAHive {
        /// The file.
        path: PathBuf,
        /// What it is instead, if that can be told.
        instead: Instead,
        /// What is wrong, and where.
        error: HiveError,
    },
    /// What was asked for is damaged, or lies in a part that is, so that it cannot be said whether it is there.
    #[error("{place}: {error}")]
    Damaged {
        /// What was asked for.
        place: String,
        /// What is wrong, and where.
        error: HiveError,
    },
    /// A key on the way is a symbolic link.
    #[error("{place}: {error}")]
    Link {
        /// What was asked for.
        place: String,
        /// Which key it is.
        error: HiveError,
    },
    /// The registry of an installation does not tell where to look.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// What a file is that is no hive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// No bytes at all.
    Empty,
    /// A hive's log.
    Log,
    /// A policy file.
    PolicyFile,
    /// Nothing that is known here.
    Unknown,
}

impl Instead {
    fn of(start: &[u8], error: &HiveError) -> Self {
        match error.kind {
            _ if start.is_empty() => Self::Empty,
            _ if start.starts_with(b"PReg") => Self::PolicyFile,
            hive::ErrorKind::NotPrimary { file_type: 1 | 2 | 6, .. } => Self::Log,
            _ => Self::Unknown,
        }
    }
}

impl HiveFileError {
    fn at(place: &str, error: HiveError) -> Self {
        let place = place.to_owned();
        match error.kind {
            hive::ErrorKind::SymbolicLink => Self::Link { place, error },
            _ => Self::Damaged { place, error },
        }
    }
}

/// A key or a value that is asked for.
#[derive(Clone, Debug)]
pub struct Got {
    /// The key, with the value that was named, or else with all that can be read.
    pub key: KeyModel,
    /// What cannot be read of it.
    pub damage: Vec<DamageModel>,
}

/// How far a path leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The deepest key of the path that is there; empty for the root.
    pub there: String,
    /// The key below it, or the value of it, that is not; empty for the default value.
    pub missing: String,
    /// Whether that is a value.
    pub is_value: bool,
    /// A key's name is asked for, and the key above has a value of that name instead, spelled so.
    pub value: Option<String>,
    /// Where the path names `CurrentControlSet`: the control set of the next boot, which that means.
    pub control_set: Option<String>,
}

/// A hive's file.
#[derive(Debug)]
pub struct HiveFile {
    path: PathBuf,
    /// `.LOG1`, or `.LOG` where there is none; `.LOG2`.
    logs: [Option<PathBuf>; 2],
    hive: Hive,
}

/// Where in an installation's files a place such as `HKLM\SYSTEM\CurrentControlSet\…` lies: the hive's file, and
/// the path inside it. `CurrentControlSet` is that of the next boot.
///
/// # Errors
///
/// If a hive cannot be read, or does not tell.
pub fn in_installation(windows: &Path, place: &str) -> Result<(PathBuf, String), HiveFileError> {
    let io = |source| HiveFileError::Io { path: windows.join("System32/config"), source };
    let image = Image::open(windows).map_err(io)?;
    let (path, inside) = image.locate(without_root(place).unwrap_or(place), When::NextBoot)?;
    Ok((path.to_path_buf(), inside))
}

/// What follows `HKLM\`, in one of its spellings.
pub fn without_root(place: &str) -> Option<&str> {
    ["HKEY_LOCAL_MACHINE", "HKLM"].iter().find_map(|root| {
        let start = place.get(..root.len()).filter(|start| start.eq_ignore_ascii_case(root))?;
        let rest = &place[start.len()..];
        rest.strip_prefix(':').unwrap_or(rest).strip_prefix('\\')
    })
}

impl HiveFile {
    /// Reads a hive and, if it is dirty, replays the logs beside it in memory.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or this one is no hive.
    pub fn open(path: &Path) -> Result<Self, HiveFileError> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| HiveFileError::Io { path, source }
        };
        let bytes = file::read(path, limits::HIVE).map_err(io(path))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let log = |ending: &str| -> Result<Option<PathBuf>, HiveFileError> {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
            Ok(find(folder, &[&format!("{name}{ending}")]).map_err(io(folder))?.map(|found| found.path))
        };
        let logs = [log(".LOG1")?.or(log(".LOG")?), log(".LOG2")?];
        let read = |log: &Option<PathBuf>| match log {
            Some(log) => read_if_there(log, limits::HIVE_LOG).map_err(io(log)),
            None => Ok(None),
        };
        let [log1, log2] = [read(&logs[0])?, read(&logs[1])?];
        let start = bytes.get(..4).unwrap_or(&bytes).to_vec();
        let hive = Hive::parse_with_logs(bytes, log1.as_deref(), log2.as_deref()).map_err(|error| {
            let instead = Instead::of(&start, &error);
            HiveFileError::NotAHive { path: path.to_path_buf(), instead, error }
        })?;
        Ok(Self { path: path.to_path_buf(), logs, hive })
    }

    /// The file, and whether its last write came to its end.
    pub fn model(&self) -> HiveModel {
        HiveModel::new(&self.path, &self.logs, &self.hive)
    }

    /// What is at `KEY!VALUE`, or at `KEY`: the key with all its values. `None` if there is no such thing.
    ///
    /// Names may hold `!` themselves: every one of them may be the one that ends the key. A value `(Default)` is the
    /// default one, unless there is one of that name.
    ///
    /// # Errors
    ///
    /// If it cannot be said, or the value named cannot be read.
    pub fn get(&self, place: &str) -> Result<Option<Got>, HiveFileError> {
        let failed = |error| HiveFileError::at(place, error);
        for (at, _) in place.rmatch_indices('!') {
            let Some(key) = self.hive.open(&place[..at]).map_err(failed)? else { continue };
            let name = &place[at + 1..];
            let mut value = key.value(name).map_err(failed)?;
            if value.is_none() && name.eq_ignore_ascii_case("(default)") {
                value = key.value("").map_err(failed)?;
            }
            if let Some(value) = value {
                let data = value.data().map_err(failed)?;
                let values = vec![HiveValueModel::new(&key_path(&key), &value, &data)];
                return Ok(Some(Got { key: KeyModel::new(&key, Some(values)), damage: Vec::new() }));
            }
        }
        let Some(key) = self.hive.open(place).map_err(failed)? else { return Ok(None) };
        let mut damage = Vec::new();
        let key = read_key(&key, &mut damage, &mut self.budget());
        Ok(Some(Got { key, damage }))
    }

    /// The values of a key and the keys below it; with `recursive`, with their values, and so on. `None` if there is no
    /// such key.
    ///
    /// # Errors
    ///
    /// If it cannot be said whether it is there.
    pub fn list(&self, key: &str, recursive: bool) -> Result<Option<Listing<'_>>, HiveFileError> {
        let found = self.hive.open(key).map_err(|error| HiveFileError::at(key, error))?;
        let budget = self.budget();
        Ok(found.map(|key| Listing {
            first: Some(key),
            recursive,
            levels: Vec::new(),
            damage: vec![].into_iter(),
            budget,
        }))
    }

    /// How far a path leads that leads nowhere.
    pub fn missing(&self, place: &str) -> Missing {
        let (key, value) = place.rsplit_once('!').map_or((place, None), |(key, value)| (key, Some(value)));
        let mut there = Vec::new();
        let Ok(mut above) = self.hive.root() else { return Missing::default() };
        for name in key.split('\\').filter(|name| !name.is_empty()) {
            let Ok(Some(below)) = above.subkey(name) else {
                let control_set = name.eq_ignore_ascii_case("CurrentControlSet").then(|| self.control_set()).flatten();
                let (there, missing) = (there.join("\\"), name.to_owned());
                // A value is at the end of a path, never in the middle.
                let ends = value.is_none() && key.trim_end_matches('\\').ends_with(name);
                let named = || Some(above.value(name).ok()??.name().to_text_lossy());
                let value = if ends { named() } else { None };
                return Missing { there, missing, is_value: false, value, control_set };
            };
            there.push(below.name().to_text_lossy());
            above = below;
        }
        let missing = value.unwrap_or_default().to_owned();
        Missing { there: there.join("\\"), missing, is_value: true, value: None, control_set: None }
    }

    /// The control set of the next boot, in a `SYSTEM` hive.
    fn control_set(&self) -> Option<String> {
        let value = self.hive.open("Select").ok()??.value("Default").ok()??;
        let number = u32::from_le_bytes(value.data().ok()?.as_ref().try_into().ok()?);
        Some(format!("ControlSet{number:03}"))
    }

    /// Bytes that values may take in all: no more than the hive has, as each has its own.
    fn budget(&self) -> usize {
        self.hive.as_bytes().len()
    }
}

/// A key with its values, as far as both can be read.
fn read_key(key: &Key<'_>, damage: &mut Vec<DamageModel>, budget: &mut usize) -> KeyModel {
    let mut damaged = |error: &HiveError| damage.push(DamageModel::new(key, error));
    if let Err(error) = key.class_name() {
        damaged(&error);
    }
    let (path, mut values) = (key_path(key), Vec::new());
    for value in key.values() {
        let value = match value {
            Ok(value) => value,
            Err(error) => {
                damaged(&error);
                continue;
            }
        };
        // Damage, or malice, can lead many values to the same bytes: to print them each time would never end.
        let size = value.data_size().saturating_add(value.name().as_bytes().len()).saturating_add(20);
        let Some(left) = budget.checked_sub(size) else {
            damage.push(DamageModel::overlapping(key, value.offset()));
            break;
        };
        match value.data() {
            Ok(data) => {
                *budget = left;
                values.push(HiveValueModel::new(&path, &value, &data));
            }
            Err(error) => damaged(&error),
        }
    }
    KeyModel::new(key, Some(values))
}

/// What a listing meets.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A key. Without values where only its name was asked for.
    Key(KeyModel),
    /// Something that cannot be read, of the last key or below it.
    Damage(DamageModel),
}

/// A key and what is below it, read step by step, in the order of the hive. See [`HiveFile::list`].
pub struct Listing<'h> {
    first: Option<Key<'h>>,
    recursive: bool,
    /// The keys that are open, each with those below it that are still to come.
    levels: Vec<(Key<'h>, Subkeys<'h>)>,
    damage: vec::IntoIter<DamageModel>,
    budget: usize,
}

impl<'h> Listing<'h> {
    /// Where the listing begins.
    pub fn top(&self) -> Option<crate::model::Text> {
        self.first.as_ref().map(key_path)
    }

    fn enter(&mut self, key: Key<'h>) -> Entry {
        let mut damage = Vec::new();
        let model = read_key(&key, &mut damage, &mut self.budget);
        self.damage = damage.into_iter();
        let below = key.subkeys();
        self.levels.push((key, below));
        Entry::Key(model)
    }
}

impl Iterator for Listing<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if let Some(damage) = self.damage.next() {
            return Some(Entry::Damage(damage));
        }
        if let Some(first) = self.first.take() {
            return Some(self.enter(first));
        }
        loop {
            let (above, below) = self.levels.last_mut()?;
            match below.next() {
                Some(Ok(key)) if self.recursive => return Some(self.enter(key)),
                Some(Ok(key)) => return Some(Entry::Key(KeyModel::new(&key, None))),
                Some(Err(error)) => return Some(Entry::Damage(DamageModel::new(above, &error))),
                None => drop(self.levels.pop()),
            }
        }
    }
}
