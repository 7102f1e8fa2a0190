//! One record: a borrowed view and an owned one.

use crate::value::{Value, ValueError};
use crate::wide::{WideStr, WideString};

/// Type code of a record's data: the `REG_*` numbers of `winnt.h`.
///
/// All 32-bit codes are kept, so no file loses one by being read and written.
/// [MS-GPREG] 2.2.1 allows 1 to 5, 7 and 11. In practice, expect 0 and others.
///
/// ```
/// # use polfile::ValueType;
/// assert_eq!(ValueType(4).name(), Some("REG_DWORD"));
/// assert_eq!(ValueType(0x99).name(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueType(pub u32);

macro_rules! value_types {
    ($($constant:ident = $code:literal, $name:literal, $doc:literal;)*) => {
        impl ValueType {
            $(#[doc = concat!("`", $name, "`: ", $doc)] pub const $constant: Self = Self($code);)*

            /// All types with a name.
            pub const NAMED: &[Self] = &[$(Self::$constant),*];

            /// The name in `winnt.h`, if the code has one.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

value_types! {
    NONE = 0, "REG_NONE", "no type; with an empty name and no data, the record only creates its key.";
    SZ = 1, "REG_SZ", "text with a NUL at its end.";
    EXPAND_SZ = 2, "REG_EXPAND_SZ", "text with `%VARIABLES%` to expand.";
    BINARY = 3, "REG_BINARY", "bytes.";
    DWORD = 4, "REG_DWORD", "a 32-bit number, little-endian.";
    DWORD_BIG_ENDIAN = 5, "REG_DWORD_BIG_ENDIAN", "a 32-bit number, big-endian.";
    LINK = 6, "REG_LINK", "the target of a symbolic link.";
    MULTI_SZ = 7, "REG_MULTI_SZ", "texts, each with a NUL at its end, and one more NUL.";
    RESOURCE_LIST = 8, "REG_RESOURCE_LIST", "hardware resources.";
    FULL_RESOURCE_DESCRIPTOR = 9, "REG_FULL_RESOURCE_DESCRIPTOR", "hardware resources.";
    RESOURCE_REQUIREMENTS_LIST = 10, "REG_RESOURCE_REQUIREMENTS_LIST", "hardware resources.";
    QWORD = 11, "REG_QWORD", "a 64-bit number, little-endian.";
}

impl ValueType {
    /// The type with this name, as [`ValueType::name`] gives it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMED.iter().copied().find(|t| t.name() == Some(name))
    }
}

impl std::fmt::Display for ValueType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("type {:#x}", self.0)),
        }
    }
}

/// A record inside the bytes of a file. [`to_record`](Self::to_record) copies it out, to keep or to edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Where the record begins in the file, in bytes; 0 for a record that is in no file.
    pub offset: usize,
    /// Path without hive, `\` between components.
    pub key: WideStr<'a>,
    /// Empty for the key's default value; a directive if it starts with `**`.
    pub value_name: WideStr<'a>,
    /// May be a code without a name.
    pub value_type: ValueType,
    /// `size` bytes as they stand.
    pub data: &'a [u8],
}

/// Bytes of a record around its key, value name and data: six separators (`[ ; ; ; ; ]`) and two
/// terminators of 2 bytes each, two numbers of 4.
const FRAME: usize = 24;

impl<'a> RecordRef<'a> {
    /// Reads the data as the type says.
    ///
    /// # Errors
    ///
    /// [`ValueError`] says how the bytes differ from that. The record itself is as good as any.
    pub fn value(&self) -> Result<Value, ValueError> {
        Value::decode(self.value_type, self.data)
    }

    /// Size of the whole record in bytes, brackets included.
    pub fn size(&self) -> usize {
        [self.key.as_bytes().len(), self.value_name.as_bytes().len(), self.data.len()]
            .into_iter()
            .fold(FRAME, usize::saturating_add)
    }

    /// The bytes of the record in its file.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.offset..self.offset.saturating_add(self.size())
    }

    /// Where the data begins in the file, in bytes.
    pub fn data_offset(&self) -> usize {
        // Behind the data stands only the closing bracket.
        self.span().end.saturating_sub(self.data.len()).saturating_sub(2)
    }

    /// A copy to keep.
    pub fn to_record(&self) -> Record {
        Record {
            key: self.key.to_wide_string(),
            value_name: self.value_name.to_wide_string(),
            value_type: self.value_type,
            data: self.data.to_vec(),
        }
    }

    /// Appends the record as it stands in a file.
    ///
    /// # Panics
    ///
    /// If the data are longer than a size field can say, which neither [`Record::new`] nor a parser lets happen.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let size = u32::try_from(self.data.len()).expect("data longer than 4 GiB never becomes a record");
        out.reserve(self.size());
        out.extend_from_slice(b"[\0");
        out.extend_from_slice(self.key.as_bytes());
        out.extend_from_slice(b"\0\0;\0");
        out.extend_from_slice(self.value_name.as_bytes());
        out.extend_from_slice(b"\0\0;\0");
        out.extend_from_slice(&self.value_type.0.to_le_bytes());
        out.extend_from_slice(b";\0");
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(b";\0");
        out.extend_from_slice(self.data);
        out.extend_from_slice(b"]\0");
    }

    /// Whether both records speak of one value: the same key, and the same name once `**del.` is taken off.
    ///
    /// Windows keeps at most one of `X` and `**del.X`. The two spellings of `**delvals.` are one as well.
    /// A record that only creates its key has the empty name too, but is not one with the default value.
    pub fn same_slot(&self, other: &RecordRef<'_>) -> bool {
        self.value_name_of_slot().eq_ignore_case(other.value_name_of_slot())
            && self.key.eq_ignore_case(other.key)
            && self.only_creates_key() == other.only_creates_key()
    }

    /// Whether there is no value: empty name, type 0, no data.
    pub(crate) fn only_creates_key(&self) -> bool {
        self.value_name.is_empty() && self.value_type == ValueType::NONE && self.data.is_empty()
    }

    /// The value name without `**del.` before it; `**delvals` for either spelling of that.
    pub(crate) fn value_name_of_slot(&self) -> WideStr<'a> {
        let Some(directive) = self.value_name.strip_prefix_ignore_case("**") else { return self.value_name };
        if let Some(target) = directive.strip_prefix_ignore_case("del.") {
            // A value of a directive's name is not one with the directive.
            return if target.strip_prefix_ignore_case("**").is_some() { self.value_name } else { target };
        }
        match self.value_name.split_at("**delvals".len()) {
            Some((name, dot)) if name.is_ignore_case("**delvals") && dot.is_ignore_case(".") => name,
            _ => self.value_name,
        }
    }
}

/// A record of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    key: WideString,
    value_name: WideString,
    value_type: ValueType,
    data: Vec<u8>,
}

/// Why something cannot be a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The key holds a NUL, which ends it in the file.
    #[error("a key cannot hold a NUL character")]
    NulInKey,
    /// The value name holds a NUL, which ends it in the file.
    #[error("a value name cannot hold a NUL character")]
    NulInValueName,
    /// The data are longer than the size field can say.
    #[error("{0} bytes of data are more than a record can hold (4,294,967,295)")]
    TooLong(usize),
}

/// Why Windows may not find what a key means. Such keys are read and kept; to write a new one is refused or warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// No component at all.
    #[error("the key is empty")]
    Empty,
    /// It begins with the name of a hive, which the file's place already says.
    #[error("the key begins with a hive; a policy file's keys are relative to HKLM or HKCU")]
    Hive,
    /// A backslash at the start.
    #[error("the key begins with a backslash")]
    LeadingBackslash,
    /// A backslash at the end.
    #[error("the key ends with a backslash")]
    TrailingBackslash,
    /// Two backslashes in a row.
    #[error("the key has an empty component (two backslashes in a row)")]
    EmptyComponent,
}

impl KeyProblem {
    /// Looks at a key.
    ///
    /// ```
    /// # use polfile::{KeyProblem, WideString};
    /// assert_eq!(KeyProblem::of(WideString::from(r"HKLM\Software").as_wide()), Some(KeyProblem::Hive));
    /// assert_eq!(KeyProblem::of(WideString::from("Software").as_wide()), None);
    /// ```
    pub fn of(key: WideStr<'_>) -> Option<Self> {
        let first = key.components().next().unwrap_or_default();
        let last = key.components().last().unwrap_or_default();
        let hive = |name: &str| first.is_ignore_case(name) || first.is_ignore_case(&format!("{name}:"));
        if key.is_empty() {
            Some(Self::Empty)
        } else if first.is_empty() {
            Some(Self::LeadingBackslash)
        } else if first.strip_prefix_ignore_case("HKEY_").is_some()
            || ["HKLM", "HKCU", "HKCR", "HKU", "HKCC"].iter().any(|h| hive(h))
        {
            Some(Self::Hive)
        } else if last.is_empty() {
            Some(Self::TrailingBackslash)
        } else if key.components().any(WideStr::is_empty) {
            Some(Self::EmptyComponent)
        } else {
            None
        }
    }
}

/// Data of `**del.` and `**delvals.` records: one space and a NUL, as Windows writes them.
const BLANK: &[u8] = b" \0\0\0";

impl Record {
    /// A record of any type and data.
    ///
    /// # Errors
    ///
    /// [`RecordError`] for what no file can hold. Odd keys are no error here: see [`KeyProblem`].
    pub fn new(
        key: WideString,
        value_name: WideString,
        value_type: ValueType,
        data: Vec<u8>,
    ) -> Result<Self, RecordError> {
        if key.as_wide().units().any(|unit| unit == 0) {
            return Err(RecordError::NulInKey);
        }
        if value_name.as_wide().units().any(|unit| unit == 0) {
            return Err(RecordError::NulInValueName);
        }
        if u32::try_from(data.len()).is_err() {
            return Err(RecordError::TooLong(data.len()));
        }
        Ok(Self { key, value_name, value_type, data })
    }

    /// Sets a value.
    ///
    /// # Errors
    ///
    /// As [`Record::new`].
    pub fn set(
        key: impl Into<WideString>,
        value_name: impl Into<WideString>,
        value: &Value,
    ) -> Result<Self, RecordError> {
        let (value_type, data) = value.encode();
        Self::new(key.into(), value_name.into(), value_type, data)
    }

    /// Makes Windows delete a value: `**del.NAME`.
    ///
    /// # Errors
    ///
    /// As [`Record::new`].
    pub fn delete_value(key: impl Into<WideString>, value_name: impl Into<WideString>) -> Result<Self, RecordError> {
        let mut name = WideString::from("**del.");
        name.push(value_name.into().as_wide());
        Self::new(key.into(), name, ValueType::SZ, BLANK.to_vec())
    }

    /// Makes Windows delete all values of a key: `**delvals.`.
    ///
    /// # Errors
    ///
    /// As [`Record::new`].
    pub fn delete_all_values(key: impl Into<WideString>) -> Result<Self, RecordError> {
        Self::new(key.into(), "**delvals.".into(), ValueType::SZ, BLANK.to_vec())
    }

    /// Makes Windows delete subkeys: `**DeleteKeys`, spelled as Windows and LGPO.exe spell it. `names` are joined with `;`.
    ///
    /// # Errors
    ///
    /// As [`Record::new`].
    pub fn delete_keys(key: impl Into<WideString>, names: impl Into<WideString>) -> Result<Self, RecordError> {
        let (value_type, data) = Value::Sz(names.into()).encode();
        Self::new(key.into(), "**DeleteKeys".into(), value_type, data)
    }

    /// Creates the key and sets nothing.
    ///
    /// # Errors
    ///
    /// As [`Record::new`].
    pub fn create_key(key: impl Into<WideString>) -> Result<Self, RecordError> {
        Self::new(key.into(), WideString::default(), ValueType::NONE, Vec::new())
    }

    /// The borrowed view; its offset is 0.
    pub fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            offset: 0,
            key: self.key.as_wide(),
            value_name: self.value_name.as_wide(),
            value_type: self.value_type,
            data: &self.data,
        }
    }
}
