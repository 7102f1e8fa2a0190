//! The registry of a Windows installation as it lies in its files: the hives `SOFTWARE` and `SYSTEM`.
//!
//! Places are named as policy names them, without `HKLM`: `SOFTWARE\…` and `SYSTEM\…`. What Windows
//! calls `SYSTEM\CurrentControlSet` is no key of a file: it stands for `ControlSet001`, `002`, …, by the
//! numbers under `Select`. Hives are read with their logs replayed in memory; nothing is written.

use std::io;
use std::path::{Path, PathBuf};

use hive::{Hive, HiveError, HiveState, ValueType};
use polfile::Value;

use crate::enclosure::Root;
use crate::limits;
use crate::model::Judged;
use crate::place::find;

/// A hive of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiveName {
    /// `HKLM\SOFTWARE`.
    Software,
    /// `HKLM\SYSTEM`.
    System,
}

impl HiveName {
    /// Name of its file, and of its key below `HKLM`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Software => "SOFTWARE",
            Self::System => "SYSTEM",
        }
    }
}

/// Which control set `CurrentControlSet` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// That of the last boot: `Select\Current`.
    Now,
    /// That of the next boot: `Select\Default`.
    NextBoot,
}

/// Why the registry does not tell what stands at a place.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// No such hive.
    #[error("there is no {} hive", .0.as_str())]
    NoHive(HiveName),
    /// The hive, or the part of it that would tell, cannot be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// The hive's file.
        path: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
    /// `Select` does not say which control set counts.
    #[error("{}: Select does not name a control set that is there", .0.display())]
    NoControlSet(PathBuf),
    /// Neither in `SOFTWARE` nor in `SYSTEM`.
    #[error("{0} is in neither of the hives SOFTWARE and SYSTEM")]
    Elsewhere(String),
}

/// A value, as it stands in its hive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryValue {
    /// The hive.
    pub hive: HiveName,
    /// Its key, as spelled in the hive; `CurrentControlSet` resolved.
    pub key: String,
    /// Its name, as spelled; empty for the key's default value.
    pub name: String,
    /// Its type.
    pub value_type: ValueType,
    /// Its data.
    pub data: Vec<u8>,
    /// Where it stands in the file, in bytes.
    pub offset: usize,
}

impl RegistryValue {
    /// The data as the type reads them in a registry; `None` if they do not fit it.
    pub fn value(&self) -> Option<Value> {
        registry_reading(polfile::ValueType(self.value_type.0), &self.data)
    }

    /// The data for those who show them.
    pub(crate) fn judged(&self) -> Judged<'_> {
        Judged::in_registry(&self.key, &self.name, polfile::ValueType(self.value_type.0), &self.data)
    }

    /// The number in a `REG_DWORD`.
    pub fn dword(&self) -> Option<u32> {
        match self.value()? {
            Value::Dword(n) => Some(n),
            _ => None,
        }
    }

    /// The text in a `REG_SZ` or `REG_EXPAND_SZ`.
    pub fn text(&self) -> Option<String> {
        match self.value()? {
            Value::Sz(text) | Value::ExpandSz(text) => Some(text.to_string()),
            _ => None,
        }
    }
}

/// Data of a registry as Registry Editor and most programs read them; `None` if they do not fit the type.
///
/// A registry holds what programs hand over, unchecked. A text ends at its first NUL, whatever stands behind it (Windows
/// writes `TimeZoneKeyName` as 256 bytes, with remnants of longer names), or with the data where there is none: so says
/// the documentation of `RegQueryValueEx`, and so hivex reads. A policy file's records are held to more, since a writer of
/// policy knows what it writes.
pub(crate) fn registry_reading(value_type: polfile::ValueType, data: &[u8]) -> Option<Value> {
    use polfile::{ValueError, ValueType, WideStr};
    match Value::decode(value_type, data) {
        Ok(value) => Some(value),
        Err(ValueError::NulInside { .. } | ValueError::Unterminated { .. }) => match value_type {
            ValueType::SZ => Some(Value::Sz(WideStr::new(data)?.until_nul().to_wide_string())),
            ValueType::EXPAND_SZ => Some(Value::ExpandSz(WideStr::new(data)?.until_nul().to_wide_string())),
            _ => Value::decode(value_type, &[data, &[0, 0]].concat()).ok(),
        },
        Err(_) => None,
    }
}

/// A hive's file, and what could be read of it.
#[derive(Debug)]
struct HiveFile {
    name: HiveName,
    path: PathBuf,
    /// `None` if there is no such file.
    hive: Option<Result<Hive, HiveError>>,
}

/// The registry of a Windows installation.
#[derive(Debug)]
pub struct Image {
    software: HiveFile,
    system: HiveFile,
}

impl Image {
    /// Reads the hives below a `Windows` folder. One that is missing or damaged is an error only of the calls that need it.
    ///
    /// # Errors
    ///
    /// If a file is there and the system refuses to read it.
    pub fn open(windows: &Path) -> io::Result<Self> {
        Ok(Self {
            software: HiveFile::open(windows, HiveName::Software)?,
            system: HiveFile::open(windows, HiveName::System)?,
        })
    }

    /// The hive files that are there.
    pub fn hives(&self) -> impl Iterator<Item = (HiveName, &Path, Result<&Hive, &HiveError>)> {
        [&self.software, &self.system]
            .into_iter()
            .filter_map(|file| Some((file.name, &*file.path, file.hive.as_ref()?.as_ref())))
    }

    /// The number of the control set that counts.
    ///
    /// # Errors
    ///
    /// If the `SYSTEM` hive does not tell.
    pub fn control_set(&self, when: When) -> Result<u32, ImageError> {
        let name = match when {
            When::Now => "Current",
            When::NextBoot => "Default",
        };
        let number = self.system.value("Select", name)?.and_then(|value| value.dword());
        let unknown = || ImageError::NoControlSet(self.system.path.clone());
        let number = number.ok_or_else(unknown)?;
        match self.system.key(&format!("ControlSet{number:03}"))? {
            Some(_) => Ok(number),
            None => Err(unknown()),
        }
    }

    /// The value at a place such as `SOFTWARE\Policies\…`; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// If the place is in no hive, or its hive does not tell whether the value is there.
    pub fn value(&self, key: &str, name: &str, when: When) -> Result<Option<RegistryValue>, ImageError> {
        let (file, path) = self.place(key, when)?;
        file.value(&path, name)
    }

    /// All values of a key; none if the key is not there.
    ///
    /// # Errors
    ///
    /// If the place is in no hive, or any of the values cannot be read.
    pub fn values(&self, key: &str, when: When) -> Result<Vec<RegistryValue>, ImageError> {
        let (file, path) = self.place(key, when)?;
        let Some(key) = file.key(&path)? else { return Ok(Vec::new()) };
        key.values().map(|value| file.model(&key, &value.map_err(|e| file.unreadable(&e))?)).collect()
    }

    /// Names of the keys below a key; none if it is not there.
    ///
    /// # Errors
    ///
    /// If the place is in no hive, or any of the keys cannot be read.
    pub fn subkeys(&self, key: &str, when: When) -> Result<Vec<String>, ImageError> {
        let (file, path) = self.place(key, when)?;
        let Some(key) = file.key(&path)? else { return Ok(Vec::new()) };
        key.subkeys().map(|key| Ok(key.map_err(|e| file.unreadable(&e))?.name().to_text_lossy())).collect()
    }

    /// The file of the hive that a place such as `SYSTEM\CurrentControlSet\…` is in, and the path inside it.
    ///
    /// # Errors
    ///
    /// If the place is in no hive, or the hive is not there, or `Select` does not tell.
    pub fn locate(&self, key: &str, when: When) -> Result<(&Path, String), ImageError> {
        let (file, inside) = self.place(key, when)?;
        match file.hive {
            Some(_) => Ok((&file.path, inside)),
            None => Err(ImageError::NoHive(file.name)),
        }
    }

    /// Hive and path inside it.
    fn place(&self, key: &str, when: When) -> Result<(&HiveFile, String), ImageError> {
        let (first, rest) = key.split_once('\\').unwrap_or((key, ""));
        if first.eq_ignore_ascii_case(HiveName::Software.as_str()) {
            return Ok((&self.software, rest.to_owned()));
        }
        if !first.eq_ignore_ascii_case(HiveName::System.as_str()) {
            return Err(ImageError::Elsewhere(key.to_owned()));
        }
        let (second, below) = rest.split_once('\\').unwrap_or((rest, ""));
        if second.eq_ignore_ascii_case("CurrentControlSet") {
            let number = self.control_set(when)?;
            return Ok((&self.system, format!(r"ControlSet{number:03}\{below}")));
        }
        Ok((&self.system, rest.to_owned()))
    }
}

impl HiveFile {
    fn open(windows: &Path, name: HiveName) -> io::Result<Self> {
        let file = |suffix: &str| find(windows, &["System32", "config", &format!("{}{suffix}", name.as_str())]);
        let read = |path: &Path, limit| Root::folder(windows).read(path, limit);
        let bytes = |suffix| match file(suffix)? {
            Some(found) => read(&found.path, limits::HIVE_LOG),
            None => Ok(None),
        };
        let Some(found) = file("")? else {
            return Ok(Self { name, path: windows.join("System32/config").join(name.as_str()), hive: None });
        };
        let (log1, log2) = (bytes(".LOG1")?.or(bytes(".LOG")?), bytes(".LOG2")?);
        let hive = read(&found.path, limits::HIVE)?
            .map(|bytes| Hive::parse_with_logs(bytes, log1.as_deref(), log2.as_deref()));
        Ok(Self { name, path: found.path, hive })
    }

    fn unreadable(&self, why: &impl ToString) -> ImageError {
        ImageError::Unreadable { path: self.path.clone(), why: why.to_string() }
    }

    fn key(&self, path: &str) -> Result<Option<hive::Key<'_>>, ImageError> {
        match &self.hive {
            None => Err(ImageError::NoHive(self.name)),
            Some(Err(error)) => Err(self.unreadable(error)),
            Some(Ok(hive)) => hive.open(path).map_err(|error| self.unreadable(&error)),
        }
    }

    fn value(&self, path: &str, name: &str) -> Result<Option<RegistryValue>, ImageError> {
        let Some(key) = self.key(path)? else { return Ok(None) };
        match key.value(name).map_err(|error| self.unreadable(&error))? {
            Some(value) => self.model(&key, &value).map(Some),
            None => Ok(None),
        }
    }

    fn model(&self, key: &hive::Key<'_>, value: &hive::Value<'_>) -> Result<RegistryValue, ImageError> {
        Ok(RegistryValue {
            hive: self.name,
            key: key.path(),
            name: value.name().to_text_lossy(),
            value_type: value.value_type(),
            data: value.data().map_err(|error| self.unreadable(&error))?.into_owned(),
            offset: value.offset(),
        })
    }
}

/// Why what a hive says may not be what Windows would find, if so.
pub fn stale(hive: &Hive) -> Option<String> {
    match hive.state() {
        HiveState::Dirty { recovered: false, why, .. } => Some(format!("{why}, and its logs do not complete it")),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
