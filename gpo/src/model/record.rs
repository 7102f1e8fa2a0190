//! Records and their values as JSON has them.

use polfile::{Record, RecordError, RecordRef, Value, ValueType, WideStr, WideString};
use serde::{Deserialize, Serialize};

use super::judged::Judged;
use crate::secret::{self, HIDDEN};

/// Text; as `{"utf16le": "<hex>"}` where it is not valid UTF-16, so that JSON never lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// Valid text.
    Valid(String),
    /// The units of any other, in hexadecimal.
    Units {
        /// UTF-16LE bytes in hexadecimal.
        utf16le: String,
    },
}

impl Text {
    /// The text, with U+FFFD for what is not valid.
    pub fn lossy(&self) -> String {
        match self {
            Self::Valid(text) => text.clone(),
            Self::Units { utf16le } => from_hex(utf16le)
                .and_then(WideString::from_bytes)
                .map_or_else(|| utf16le.clone(), |text| text.to_string()),
        }
    }

    fn to_wide(&self) -> Option<WideString> {
        match self {
            Self::Valid(text) => Some(text.as_str().into()),
            Self::Units { utf16le } => WideString::from_bytes(from_hex(utf16le)?),
        }
    }
}

impl From<WideStr<'_>> for Text {
    fn from(text: WideStr<'_>) -> Self {
        match text.to_text() {
            Ok(text) => Self::Valid(text),
            Err(_) => Self::Units { utf16le: hex(text.as_bytes()) },
        }
    }
}

/// A value as its type reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ValueModel {
    /// `REG_DWORD`, `REG_DWORD_BIG_ENDIAN`, `REG_QWORD`.
    Number(u64),
    /// `REG_SZ`, `REG_EXPAND_SZ`; `REG_BINARY` as hexadecimal digits.
    Text(Text),
    /// `REG_MULTI_SZ`.
    List(Vec<Text>),
}

/// The type: its name, or its number where it has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TypeModel {
    /// As in `winnt.h`.
    Name(String),
    /// Any other.
    Number(u32),
}

impl From<ValueType> for TypeModel {
    fn from(value_type: ValueType) -> Self {
        match value_type.name() {
            Some(name) => Self::Name(name.to_owned()),
            None => Self::Number(value_type.0),
        }
    }
}

/// One record of a policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordModel {
    /// Place among the records, counted from 0.
    #[serde(default)]
    pub index: usize,
    /// Where it begins in its file, in bytes.
    #[serde(default)]
    pub offset: usize,
    /// Path without hive.
    pub key: Text,
    /// As it stands in the file, `**del.` and the like included.
    pub value_name: Text,
    /// What it makes Windows do.
    #[serde(default)]
    pub action: String,
    /// Type of the data.
    #[serde(rename = "type")]
    pub value_type: TypeModel,
    /// `null` where the data do not fit the type, or it has no reading.
    pub value: Option<ValueModel>,
    /// A number beyond 2^53, which JSON readers may round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// The data in hexadecimal; decides when `value` disagrees.
    pub raw: Option<String>,
    /// Whether the data are a secret: `value` and `raw` are `(hidden)` then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// Why a record model is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A `utf16le` or `raw` that is not pairs of hexadecimal digits, or half a unit.
    #[error("{0} is not hexadecimal digits in pairs")]
    Hex(&'static str),
    /// No type of that name.
    #[error("unknown type {0:?}")]
    Type(String),
    /// Neither `raw` nor a `value` that fits the type.
    #[error("the value does not fit {0}; give \"raw\"")]
    Value(ValueType),
    /// A secret that was left out when the text was written.
    #[error("its data were hidden when this was written")]
    Hidden,
    /// No file can hold it.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl RecordModel {
    /// The model of a record at a place. A secret is hidden.
    pub fn new(index: usize, record: &RecordRef<'_>) -> Self {
        let model = Self::of(index, record, &Judged::record(record));
        Self { value_name: shown_name(record.key, record.value_name), ..model }
    }

    /// The model of a record with all that it holds, to be read again.
    pub(crate) fn whole(index: usize, record: &RecordRef<'_>) -> Self {
        Self::of(index, record, &Judged::whole(record))
    }

    fn of(index: usize, record: &RecordRef<'_>, judged: &Judged<'_>) -> Self {
        let value = judged.value();
        Self {
            index,
            offset: record.offset,
            key: record.key.into(),
            value_name: record.value_name.into(),
            action: record.action().name().to_owned(),
            value_type: record.value_type.into(),
            hex: large_number(value.as_ref()),
            value,
            raw: Some(judged.raw()),
            hidden: judged.is_hidden(),
        }
    }

    /// The record that the model means: `raw` if it is there, else `value`.
    ///
    /// # Errors
    ///
    /// [`ModelError`] says which field is no good.
    pub fn to_record(&self) -> Result<Record, ModelError> {
        let value_type = match &self.value_type {
            TypeModel::Name(name) => ValueType::from_name(name).ok_or_else(|| ModelError::Type(name.clone()))?,
            TypeModel::Number(n) => ValueType(*n),
        };
        let data = match (&self.raw, &self.value) {
            _ if self.hidden => return Err(ModelError::Hidden),
            (Some(raw), _) if raw == HIDDEN => return Err(ModelError::Hidden),
            (Some(raw), _) => from_hex(raw).ok_or(ModelError::Hex("raw"))?,
            (None, Some(value)) => value.to_data(value_type).ok_or(ModelError::Value(value_type))?,
            (None, None) if value_type == ValueType::NONE => Vec::new(),
            (None, None) => return Err(ModelError::Value(value_type)),
        };
        let text = |text: &Text| text.to_wide().ok_or(ModelError::Hex("utf16le"));
        Ok(Record::new(text(&self.key)?, text(&self.value_name)?, value_type, data)?)
    }
}

impl ValueModel {
    /// The model of a value. `None` if its type has no reading.
    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Sz(text) | Value::ExpandSz(text) => Self::Text(text.as_wide().into()),
            Value::Binary(bytes) => Self::Text(Text::Valid(hex(bytes))),
            Value::Dword(n) | Value::DwordBigEndian(n) => Self::Number(u64::from(*n)),
            Value::Qword(n) => Self::Number(*n),
            Value::MultiSz(texts) => Self::List(texts.iter().map(|text| text.as_wide().into()).collect()),
            Value::Other(..) => return None,
        })
    }

    fn to_data(&self, value_type: ValueType) -> Option<Vec<u8>> {
        let value = match (value_type, self) {
            (ValueType::SZ, Self::Text(text)) => Value::Sz(text.to_wide()?),
            (ValueType::EXPAND_SZ, Self::Text(text)) => Value::ExpandSz(text.to_wide()?),
            (ValueType::BINARY, Self::Text(Text::Valid(hex))) => Value::Binary(from_hex(hex)?),
            (ValueType::DWORD, Self::Number(n)) => Value::Dword(u32::try_from(*n).ok()?),
            (ValueType::DWORD_BIG_ENDIAN, Self::Number(n)) => Value::DwordBigEndian(u32::try_from(*n).ok()?),
            (ValueType::QWORD, Self::Number(n)) => Value::Qword(*n),
            (ValueType::MULTI_SZ, Self::List(texts)) => {
                Value::MultiSz(texts.iter().map(Text::to_wide).collect::<Option<_>>()?)
            }
            _ => return None,
        };
        Some(value.encode().1)
    }
}

/// The name of a value as it may be shown; some names are secrets.
pub fn shown_name(key: WideStr<'_>, name: WideStr<'_>) -> Text {
    match secret::is_secret_wide_name(key, name) && !secret::are_shown() {
        true => Text::Valid(secret::shown_name(&key.to_text_lossy(), &name.to_text_lossy())),
        false => name.into(),
    }
}

/// A number beyond 2^53 in hexadecimal.
pub(super) fn large_number(value: Option<&ValueModel>) -> Option<String> {
    match value {
        Some(ValueModel::Number(n)) if *n > 1 << 53 => Some(format!("{n:#x}")),
        _ => None,
    }
}

/// Bytes as pairs of hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from pairs of hexadecimal digits. `None` if it is anything else.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let byte = |pair: &[u8; 2]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
