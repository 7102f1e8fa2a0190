//! Data as their type reads them, and values as Windows writes them.

use crate::record::ValueType;
use crate::wide::{WideStr, WideString};

/// The value of a record: its data, read as its type says.
///
/// Text is kept in UTF-16, so that lone surrogates survive; `WideString` comes from `&str`.
/// Every value that [`decode`](Self::decode) gives is written back by [`encode`](Self::encode)
/// to the same bytes, if Windows wrote them.
///
/// ```
/// use polfile::{Value, ValueType};
/// assert_eq!(Value::decode(ValueType::DWORD, &[1, 0, 0, 0]), Ok(Value::Dword(1)));
/// assert_eq!(Value::MultiSz(vec![]).encode(), (ValueType::MULTI_SZ, vec![0, 0]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `REG_SZ`.
    Sz(WideString),
    /// `REG_EXPAND_SZ`, with its variables as they are.
    ExpandSz(WideString),
    /// `REG_BINARY`.
    Binary(Vec<u8>),
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_DWORD_BIG_ENDIAN`.
    DwordBigEndian(u32),
    /// `REG_MULTI_SZ`. Written empty as one NUL, else with a NUL behind each text and one more.
    MultiSz(Vec<WideString>),
    /// `REG_QWORD`.
    Qword(u64),
    /// Every other type, named or not: bytes without a reading.
    Other(ValueType, Vec<u8>),
}

/// How the data of a record differ from what its type asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// A number of another width.
    #[error("{value_type} with {found} byte{} of data; it must have {expected}", if *.found == 1 { "" } else { "s" })]
    Size {
        /// The type.
        value_type: ValueType,
        /// Bytes that the type has.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// Text with half a unit at its end.
    #[error("{value_type} with an odd number of bytes ({found}); text has 2 bytes a unit")]
    Odd {
        /// The type.
        value_type: ValueType,
        /// Bytes that are there.
        found: usize,
    },
    /// Text without a NUL at its end.
    #[error("{value_type} without a NUL at its end ({found} bytes)")]
    Unterminated {
        /// The type.
        value_type: ValueType,
        /// Bytes that are there.
        found: usize,
    },
    /// Text that goes on behind its first NUL, which ends it for most readers.
    #[error("{value_type} with a NUL inside, at byte {at} of {found}")]
    NulInside {
        /// The type.
        value_type: ValueType,
        /// Where the NUL stands in the data, in bytes.
        at: usize,
        /// Bytes that are there.
        found: usize,
    },
}

impl Value {
    /// Reads data as a type says.
    ///
    /// A `REG_MULTI_SZ` may end with any number of NULs (one, two and three are found in real
    /// files), but for at least one; empty texts inside it are kept.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the bytes cannot be what the type says.
    pub fn decode(value_type: ValueType, data: &[u8]) -> Result<Self, ValueError> {
        let found = data.len();
        let size = |expected| ValueError::Size { value_type, expected, found };
        Ok(match value_type {
            ValueType::SZ => Self::Sz(text(value_type, data)?.to_wide_string()),
            ValueType::EXPAND_SZ => Self::ExpandSz(text(value_type, data)?.to_wide_string()),
            ValueType::BINARY => Self::Binary(data.to_vec()),
            ValueType::DWORD => Self::Dword(u32::from_le_bytes(data.try_into().map_err(|_| size(4))?)),
            ValueType::DWORD_BIG_ENDIAN => {
                Self::DwordBigEndian(u32::from_be_bytes(data.try_into().map_err(|_| size(4))?))
            }
            ValueType::QWORD => Self::Qword(u64::from_le_bytes(data.try_into().map_err(|_| size(8))?)),
            ValueType::MULTI_SZ => {
                let mut list = even(value_type, data)?;
                let mut terminated = false;
                while let Some((head, [0, 0])) = list.as_bytes().split_last_chunk::<2>() {
                    terminated = true;
                    list = WideStr::new(head).unwrap_or_default();
                }
                match (terminated, list.is_empty()) {
                    (false, _) => return Err(ValueError::Unterminated { value_type, found }),
                    (true, true) => Self::MultiSz(Vec::new()),
                    (true, false) => Self::MultiSz(list.split(0).map(WideStr::to_wide_string).collect()),
                }
            }
            _ => Self::Other(value_type, data.to_vec()),
        })
    }

    /// The type and the data, as Windows writes them.
    pub fn encode(&self) -> (ValueType, Vec<u8>) {
        let terminated = |text: &WideString| [text.as_wide().as_bytes(), &[0, 0]].concat();
        match self {
            Self::Sz(text) => (ValueType::SZ, terminated(text)),
            Self::ExpandSz(text) => (ValueType::EXPAND_SZ, terminated(text)),
            Self::Binary(bytes) => (ValueType::BINARY, bytes.clone()),
            Self::Dword(n) => (ValueType::DWORD, n.to_le_bytes().to_vec()),
            Self::DwordBigEndian(n) => (ValueType::DWORD_BIG_ENDIAN, n.to_be_bytes().to_vec()),
            Self::Qword(n) => (ValueType::QWORD, n.to_le_bytes().to_vec()),
            Self::MultiSz(texts) => {
                let mut data: Vec<u8> = texts.iter().flat_map(terminated).collect();
                data.extend([0, 0]);
                (ValueType::MULTI_SZ, data)
            }
            Self::Other(value_type, bytes) => (*value_type, bytes.clone()),
        }
    }
}

impl From<&str> for Value {
    /// A `REG_SZ`.
    fn from(text: &str) -> Self {
        Self::Sz(text.into())
    }
}

impl From<u32> for Value {
    /// A `REG_DWORD`.
    fn from(n: u32) -> Self {
        Self::Dword(n)
    }
}

/// Text with one NUL, at its end.
fn text(value_type: ValueType, data: &[u8]) -> Result<WideStr<'_>, ValueError> {
    let found = data.len();
    let whole = even(value_type, data)?;
    let text = whole.until_nul();
    match found.saturating_sub(text.as_bytes().len()) {
        0 => Err(ValueError::Unterminated { value_type, found }),
        2 => Ok(text),
        _ => Err(ValueError::NulInside { value_type, at: text.as_bytes().len(), found }),
    }
}

fn even(value_type: ValueType, data: &[u8]) -> Result<WideStr<'_>, ValueError> {
    WideStr::new(data).ok_or(ValueError::Odd { value_type, found: data.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn every_type_is_read_and_written() {
        let list = |texts: &[&str]| Value::MultiSz(texts.iter().map(|t| WideString::from(*t)).collect());
        for (value, value_type, data) in [
            (Value::from(""), 1, wide("\0")),
            (Value::from("x;]"), 1, wide("x;]\0")),
            (Value::ExpandSz("%a%".into()), 2, wide("%a%\0")),
            (Value::Binary(vec![1, 2, 3]), 3, vec![1, 2, 3]),
            (Value::Dword(0x0102_0304), 4, vec![4, 3, 2, 1]),
            (Value::DwordBigEndian(0x0102_0304), 5, vec![1, 2, 3, 4]),
            (list(&[]), 7, wide("\0")),
            (list(&["a"]), 7, wide("a\0\0")),
            (list(&["a", "", "b"]), 7, wide("a\0\0b\0\0")),
            (Value::Qword(1 << 40), 11, vec![0, 0, 0, 0, 0, 1, 0, 0]),
            (Value::Other(ValueType(0), vec![]), 0, vec![]),
            (Value::Other(ValueType(6), vec![7]), 6, vec![7]),
            (Value::Other(ValueType(0x42), vec![7]), 0x42, vec![7]),
        ] {
            assert_eq!(value.encode(), (ValueType(value_type), data.clone()));
            assert_eq!(Value::decode(ValueType(value_type), &data), Ok(value));
        }
    }

    #[test]
    fn a_list_may_end_with_any_number_of_terminators() {
        for data in ["a\0b\0", "a\0b\0\0", "a\0b\0\0\0"] {
            let value = Value::decode(ValueType::MULTI_SZ, &wide(data));
            assert_eq!(value, Ok(Value::MultiSz(vec!["a".into(), "b".into()])));
        }
        for data in ["\0", "\0\0", "\0\0\0"] {
            assert_eq!(Value::decode(ValueType::MULTI_SZ, &wide(data)), Ok(Value::MultiSz(vec![])));
        }
    }

    #[test]
    fn data_that_do_not_fit_their_type_say_how() {
        let why = |value_type, data: &[u8]| Value::decode(value_type, data).unwrap_err().to_string();
        assert_eq!(why(ValueType::DWORD, &[0; 10]), "REG_DWORD with 10 bytes of data; it must have 4");
        assert_eq!(why(ValueType::QWORD, &[0]), "REG_QWORD with 1 byte of data; it must have 8");
        assert_eq!(why(ValueType::SZ, &[]), "REG_SZ without a NUL at its end (0 bytes)");
        assert_eq!(why(ValueType::SZ, &wide("ab")), "REG_SZ without a NUL at its end (4 bytes)");
        assert_eq!(why(ValueType::SZ, &[0; 3]), "REG_SZ with an odd number of bytes (3); text has 2 bytes a unit");
        assert_eq!(why(ValueType::EXPAND_SZ, &wide("a\0b\0")), "REG_EXPAND_SZ with a NUL inside, at byte 2 of 8");
        assert_eq!(why(ValueType::MULTI_SZ, &wide("a")), "REG_MULTI_SZ without a NUL at its end (2 bytes)");
        assert_eq!(why(ValueType::MULTI_SZ, &[]), "REG_MULTI_SZ without a NUL at its end (0 bytes)");
    }
}
