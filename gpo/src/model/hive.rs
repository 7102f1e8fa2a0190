//! Hives, keys and values as JSON has them.

use std::path::{Path, PathBuf};

use hive::{Hive, HiveError, HiveState, Key, LogReport, Name, Value};
use polfile::{ValueType, WideString};
use serde::Serialize;

use super::judged::Judged;
use super::record::{Text, TypeModel, ValueModel, hex, large_number};
use crate::secret;

/// A hive's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HiveModel {
    /// Its path.
    pub path: String,
    /// Whether its last write came to its end.
    pub state: HiveStateModel,
    /// Damage of the file as a whole, which need not touch what is asked for.
    pub problems: Vec<String>,
}

/// Whether a hive's last write came to its end, and if not, what its logs could do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HiveStateModel {
    /// Whether it did not.
    pub dirty: bool,
    /// Whether what is read is what Windows would have; always, if the hive is clean.
    pub recovered: bool,
    /// How one can tell that it is dirty.
    pub why: Option<String>,
    /// Its logs, if they were needed.
    pub logs: Vec<HiveLogModel>,
}

/// A log beside a hive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HiveLogModel {
    /// Its path.
    pub path: String,
    /// What became of it.
    pub report: String,
}

impl HiveModel {
    pub(crate) fn new(path: &Path, logs: &[Option<PathBuf>; 2], hive: &Hive) -> Self {
        let path = path.display().to_string();
        let problems = hive.problems().iter().map(ToString::to_string).collect();
        let clean = HiveStateModel { dirty: false, recovered: true, why: None, logs: Vec::new() };
        let state = match hive.state() {
            HiveState::Clean => clean,
            HiveState::Dirty { recovered, why, logs: reports, .. } => HiveStateModel {
                dirty: true,
                recovered: *recovered,
                why: Some(why.to_string()),
                logs: logs
                    .iter()
                    .zip(reports)
                    .filter_map(|(path, report)| HiveLogModel::new(path.as_ref()?, report))
                    .collect(),
            },
        };
        Self { path, state, problems }
    }
}

impl HiveLogModel {
    fn new(path: &Path, report: &LogReport) -> Option<Self> {
        (*report != LogReport::Absent).then(|| Self { path: path.display().to_string(), report: report.to_string() })
    }
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyModel {
    /// From below the root; empty for the root.
    pub path: Text,
    /// Where it stands in the file, in bytes.
    pub offset: usize,
    /// When it, or a value of it, was written last (RFC 3339, UTC); `null` if no calendar has that day.
    pub last_written: Option<String>,
    /// The class name, if it has one that can be read.
    pub class_name: Option<Text>,
    /// Whether it is a symbolic link to another key, which nobody follows here.
    pub symbolic_link: bool,
    /// How many keys it has below it, as it says itself.
    pub subkey_count: u32,
    /// How many values it has, as it says itself.
    pub value_count: u32,
    /// Those that were asked for and can be read; `null` where none were asked for.
    pub values: Option<Vec<HiveValueModel>>,
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HiveValueModel {
    /// Empty for the default value.
    pub name: Text,
    /// Where it stands in the file, in bytes.
    pub offset: usize,
    /// Type of the data.
    #[serde(rename = "type")]
    pub value_type: TypeModel,
    /// `null` where the data do not fit the type, or it has no reading.
    pub value: Option<ValueModel>,
    /// A number beyond 2^53, which JSON readers may round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// Size of the data in bytes.
    pub size: usize,
    /// The data in hexadecimal.
    pub raw: String,
    /// Whether the data are a secret: `value` and `raw` are `(hidden)` then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// Something of a hive that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DamageModel {
    /// The key that it belongs to, or that it would be below.
    pub key: Text,
    /// First byte that is wrong.
    pub offset: usize,
    /// What was being read.
    pub part: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl KeyModel {
    pub(crate) fn new(key: &Key<'_>, values: Option<Vec<HiveValueModel>>) -> Self {
        let class_name = key.class_name().unwrap_or_default();
        Self {
            path: key_path(key),
            offset: key.offset(),
            last_written: rfc_3339(key.last_written()),
            class_name: (!class_name.is_empty()).then(|| text(class_name.to_vec())),
            symbolic_link: key.is_symbolic_link(),
            subkey_count: key.subkey_count(),
            value_count: key.value_count(),
            values,
        }
    }
}

impl HiveValueModel {
    /// Of a value of this key. A secret is hidden.
    pub(crate) fn new(key: &Text, value: &Value<'_>, data: &[u8]) -> Self {
        let value_type = ValueType(value.value_type().0);
        let (key, name) = (key.lossy(), name(value.name()));
        let judged = Judged::in_registry(&key, &name.lossy(), value_type, data);
        let reading = judged.value();
        Self {
            name: match secret::is_secret_name(&key, &name.lossy()) {
                true => Text::Valid(secret::shown_name(&key, &name.lossy())),
                false => name,
            },
            offset: value.offset(),
            value_type: value_type.into(),
            hex: large_number(reading.as_ref()),
            value: reading,
            size: data.len(),
            raw: judged.raw(),
            hidden: judged.is_hidden(),
        }
    }
}

impl DamageModel {
    pub(crate) fn new(key: &Key<'_>, error: &HiveError) -> Self {
        let (part, message) = (error.part.name(), error.kind.to_string());
        Self { key: key_path(key), offset: error.offset, part, message }
    }

    /// Values that together claim more bytes than the hive has.
    pub(crate) fn overlapping(key: &Key<'_>, offset: usize) -> Self {
        let message =
            "the values claim more bytes than the hive has, so some were read before; the rest is left out".to_owned();
        Self { key: key_path(key), offset, part: "value list", message }
    }
}

/// The path of a key from below the root, with every unit as it stands.
pub(crate) fn key_path(key: &Key<'_>) -> Text {
    let mut path = Vec::new();
    for (i, name) in key.components().into_iter().enumerate() {
        if i > 0 {
            path.extend([b'\\', 0]);
        }
        path.extend(name.to_utf16le());
    }
    text(path)
}

fn name(name: Name<'_>) -> Text {
    text(name.to_utf16le())
}

/// UTF-16LE, or what is to be; an odd byte at the end makes no text.
fn text(bytes: Vec<u8>) -> Text {
    match WideString::from_bytes(bytes.clone()) {
        Some(text) => text.as_wide().into(),
        None => Text::Units { utf16le: hex(&bytes) },
    }
}

/// A FILETIME (100 ns since 1601) as RFC 3339 writes it, in UTC; a fraction of a second only where there is one.
fn rfc_3339(time: u64) -> Option<String> {
    const SECOND: u64 = 10_000_000;
    let (seconds, fraction) = (time / SECOND, time % SECOND);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years of 400 have 146,097 days; from 1601 on, the longer ones of each kind come last.
    let (eras, day) = (days / 146_097, days % 146_097);
    let centuries = (day / 36_524).min(3);
    let day = day - centuries * 36_524;
    let fours = day / 1_461;
    let day = day - fours * 1_461;
    let single = (day / 365).min(3);
    let mut day = day - single * 365;
    let year = 1601 + eras * 400 + centuries * 100 + fours * 4 + single;
    if year > 9999 {
        return None;
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut month = 1;
    for length in [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        (day, month) = (day - length, month + 1);
    }
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:07}") };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z", day + 1))
}

#[cfg(test)]
mod tests {
    use super::rfc_3339;

    /// Seconds since 1970 as `date --utc` knows them, in FILETIME.
    fn unix(seconds: u64) -> u64 {
        (seconds + 11_644_473_600) * 10_000_000
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (time, text) in [
            (0, "1601-01-01T00:00:00Z"),
            (unix(0), "1970-01-01T00:00:00Z"),
            (unix(951_782_400), "2000-02-29T00:00:00Z"),
            (unix(951_868_800), "2000-03-01T00:00:00Z"),
            (unix(1_735_689_599), "2024-12-31T23:59:59Z"),
            (unix(4_107_542_400), "2100-03-01T00:00:00Z"),
            (unix(1_768_204_800) + 1, "2026-01-12T08:00:00.0000001Z"),
            (unix(253_402_300_799), "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc_3339(time).as_deref(), Some(text));
        }
        assert_eq!(rfc_3339(unix(253_402_300_800)), None);
        assert_eq!(rfc_3339(u64::MAX), None);
    }
}
