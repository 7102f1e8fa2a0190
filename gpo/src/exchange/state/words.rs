//! Records in words, and the words of a record.

use polfile::{Action, Record, RecordRef, Value, ValueType, WideStr, WideString};

use crate::model::from_hex;

/// Types and their words.
pub(super) const TYPES: [(&str, ValueType); 8] = [
    ("none", ValueType::NONE),
    ("sz", ValueType::SZ),
    ("expand-sz", ValueType::EXPAND_SZ),
    ("binary", ValueType::BINARY),
    ("dword", ValueType::DWORD),
    ("dword-be", ValueType::DWORD_BIG_ENDIAN),
    ("multi-sz", ValueType::MULTI_SZ),
    ("qword", ValueType::QWORD),
];

/// The greatest number that every reader of JSON keeps.
pub(super) const EXACT: u64 = 1 << 53;

/// What is to become of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ensure {
    Set,
    Delete,
    DeleteAllValues,
    DeleteKeys,
    SetIfMissing,
    CreateKey,
    Forget,
}

impl Ensure {
    pub(super) const ALL: [(&str, Self); 7] = [
        ("set", Self::Set),
        ("delete", Self::Delete),
        ("delete-all-values", Self::DeleteAllValues),
        ("delete-keys", Self::DeleteKeys),
        ("set-if-missing", Self::SetIfMissing),
        ("create-key", Self::CreateKey),
        ("forget", Self::Forget),
    ];

    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, ensure)| *ensure == self).map_or("set", |(word, _)| word)
    }
}

/// A record in words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Words {
    pub key: String,
    /// Absent where the record speaks of a whole key.
    pub value: Option<String>,
    pub ensure: Ensure,
    pub data: Option<Data>,
    /// Names of subkeys.
    pub keys: Vec<String>,
}

/// Type and data in words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Data {
    pub word: &'static str,
    pub data: DataWord,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum DataWord {
    Number(u64),
    Text(String),
    List(Vec<String>),
}

impl Words {
    /// The words of a record. `None` if the very same record does not come back from them.
    pub(super) fn of(record: &RecordRef<'_>) -> Option<Self> {
        let key = record.key.to_text().ok()?;
        if polfile::KeyProblem::of(record.key).is_some() {
            return None;
        }
        let alone = |ensure| Self { key: key.clone(), value: None, ensure, data: None, keys: Vec::new() };
        let named = |ensure, name: WideStr<'_>| Some(Self { value: Some(name.to_text().ok()?), ..alone(ensure) });
        let words = match record.action() {
            Action::Set => Self { data: Some(Data::of(record)?), ..named(Ensure::Set, record.value_name)? },
            Action::SetIfMissing(name) => Self { data: Some(Data::of(record)?), ..named(Ensure::SetIfMissing, name)? },
            Action::DeleteValue(name) => named(Ensure::Delete, name)?,
            Action::DeleteAllValues => alone(Ensure::DeleteAllValues),
            Action::CreateKey => alone(Ensure::CreateKey),
            Action::DeleteKeys(names) => {
                let keys = names.into_iter().map(|name| name.to_text().ok()).collect::<Option<Vec<_>>>()?;
                // Words for no key at all are refused.
                if keys.is_empty() {
                    return None;
                }
                Self { keys, ..alone(Ensure::DeleteKeys) }
            }
            _ => return None,
        };
        let again = words.record().ok()?;
        (again.as_ref() == RecordRef { offset: 0, ..*record }).then_some(words)
    }

    /// The record that the words mean; none for `forget`.
    pub(super) fn record(&self) -> Result<Record, String> {
        let key = self.key.as_str();
        let name = self.value.as_deref().unwrap_or_default();
        let data = || match &self.data {
            Some(data) => data.encode(),
            None => Ok((ValueType::NONE, Vec::new())),
        };
        let set = |name: String| {
            let (value_type, data) = data()?;
            Record::new(key.into(), name.as_str().into(), value_type, data).map_err(|error| error.to_string())
        };
        let made = match self.ensure {
            Ensure::Set => return set(name.to_owned()),
            Ensure::SetIfMissing => return set(format!("**soft.{name}")),
            Ensure::Delete => Record::delete_value(key, name),
            Ensure::DeleteAllValues => Record::delete_all_values(key),
            Ensure::DeleteKeys => Record::delete_keys(key, self.keys.join(";").as_str()),
            Ensure::CreateKey => Record::create_key(key),
            Ensure::Forget => return Err("forget leaves no record".to_owned()),
        };
        made.map_err(|error| error.to_string())
    }
}

impl Data {
    fn of(record: &RecordRef<'_>) -> Option<Self> {
        let (word, _) = TYPES.iter().find(|(_, value_type)| *value_type == record.value_type)?;
        let data = match record.value().ok()? {
            Value::Sz(text) | Value::ExpandSz(text) => DataWord::Text(text.as_wide().to_text().ok()?),
            Value::Dword(n) | Value::DwordBigEndian(n) => DataWord::Number(u64::from(n)),
            Value::Qword(n) if n <= EXACT => DataWord::Number(n),
            Value::Qword(n) => DataWord::Text(n.to_string()),
            Value::MultiSz(texts) => {
                DataWord::List(texts.iter().map(|text| text.as_wide().to_text().ok()).collect::<Option<_>>()?)
            }
            Value::Binary(bytes) | Value::Other(_, bytes) => {
                DataWord::Text(format!("hex:{}", crate::model::hex(&bytes)))
            }
        };
        Some(Self { word, data })
    }

    /// The type and its bytes.
    pub(super) fn encode(&self) -> Result<(ValueType, Vec<u8>), String> {
        let value_type = TYPES.iter().find(|(word, _)| *word == self.word).map_or(ValueType::NONE, |(_, t)| *t);
        let word = self.word;
        let small =
            |n: u64| u32::try_from(n).map_err(|_| format!("{n} does not fit {word}; the greatest is 4294967295"));
        let texts = |list: &[String]| -> Vec<WideString> { list.iter().map(|text| text.as_str().into()).collect() };
        let value = match (value_type, &self.data) {
            (ValueType::SZ, DataWord::Text(text)) => Value::Sz(text.as_str().into()),
            (ValueType::EXPAND_SZ, DataWord::Text(text)) => Value::ExpandSz(text.as_str().into()),
            (ValueType::DWORD, DataWord::Number(n)) => Value::Dword(small(*n)?),
            (ValueType::DWORD_BIG_ENDIAN, DataWord::Number(n)) => Value::DwordBigEndian(small(*n)?),
            (ValueType::QWORD, DataWord::Number(n)) => Value::Qword(*n),
            (ValueType::QWORD, DataWord::Text(digits)) => {
                let n = match digits.strip_prefix("0x") {
                    Some(hex) => u64::from_str_radix(hex, 16).ok(),
                    None => digits.parse().ok(),
                };
                Value::Qword(n.ok_or_else(|| "the text is no number that fits qword".to_owned())?)
            }
            (ValueType::MULTI_SZ, DataWord::List(list)) => Value::MultiSz(texts(list)),
            (ValueType::BINARY | ValueType::NONE, DataWord::Text(text)) => Value::Other(value_type, bytes(text)?),
            (ValueType::SZ | ValueType::EXPAND_SZ, DataWord::Number(_)) => {
                return Err(format!("{word} takes a text; put the number in quotes"));
            }
            (ValueType::SZ | ValueType::EXPAND_SZ, _) => return Err(format!("{word} takes a text")),
            (ValueType::DWORD | ValueType::DWORD_BIG_ENDIAN | ValueType::QWORD, _) => {
                return Err(format!("{word} takes a number"));
            }
            (ValueType::MULTI_SZ, _) => return Err("multi-sz takes a list of texts".to_owned()),
            _ => return Err(format!("{word} takes bytes, as hex:0aff or base64:Cv8=")),
        };
        // What would not come back as it is written is not taken: a NUL ends a text.
        let (value_type, data) = value.encode();
        match Value::decode(value_type, &data) {
            Ok(again) if again == value || matches!(value, Value::Other(..)) => Ok((value_type, data)),
            _ => Err(format!("{word} cannot hold this; a NUL ends a text, and a list has no empty text at its end")),
        }
    }
}

/// Type and data as words of a command line, in the words of a state file: `dword 0`, `sz "a text"`, `multi-sz a b`,
/// `binary hex:0aff`.
///
/// # Errors
///
/// What is wrong with them, in words that never repeat the data: they may be a secret.
pub fn typed(word: &str, data: &[String]) -> Result<(ValueType, Vec<u8>), String> {
    let Some((word, value_type)) = TYPES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(word)) else {
        let known: Vec<&str> = TYPES.iter().map(|(known, _)| *known).collect();
        return Err(format!("a type is one of {}", known.join(", ")));
    };
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let is_number = [ValueType::DWORD, ValueType::DWORD_BIG_ENDIAN, ValueType::QWORD].contains(&value_type);
    let data = match data {
        list if value_type == ValueType::MULTI_SZ => DataWord::List(list.to_vec()),
        [one] if is_number => {
            DataWord::Number(number(one).ok_or_else(|| format!("{word} takes a number, as 10 or 0x0a"))?)
        }
        [one] => DataWord::Text(one.clone()),
        _ => return Err(format!("{word} takes one word of data; a text with blanks stands in quotes")),
    };
    Data { word, data }.encode()
}

/// Bytes behind `hex:` or `base64:`.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    if let Some(digits) = text.strip_prefix("hex:") {
        let digits: String = digits.chars().filter(|c| !matches!(c, ' ' | ',' | '\n')).collect();
        return from_hex(&digits).ok_or_else(|| "hex: is followed by pairs of hexadecimal digits".to_owned());
    }
    match text.strip_prefix("base64:") {
        Some(digits) => base64(digits)
            .ok_or_else(|| "base64: is followed by base64 of the standard alphabet, with its =".to_owned()),
        None => Err("bytes are written as hex:0aff or base64:Cv8=".to_owned()),
    }
}

/// RFC 4648, section 4; padding is wanted, and bits behind the last byte must be 0.
fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let (groups, rest) = digits.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|&&digit| digit == b'=').count();
        if padding > 2 || padding > 0 && i.saturating_add(1) != groups.len() {
            return None;
        }
        let mut bits = 0_u32;
        for &digit in &group[..4 - padding] {
            let value = ALPHABET.iter().position(|&letter| letter == digit)?;
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        bits <<= 6 * padding;
        let [_, bytes @ ..] = bits.to_be_bytes();
        let (kept, lost) = bytes.split_at(3 - padding);
        if lost.iter().any(|&byte| byte != 0) {
            return None;
        }
        out.extend_from_slice(kept);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types and bytes of winnt.h and [MS-GPREG] 2.2.1, by hand.
    #[test]
    fn words_of_a_command_line_are_type_and_bytes() {
        let typed = |words: &str| {
            let (word, data) = words.split_once(' ').unwrap_or((words, ""));
            let data: Vec<String> = data.split_whitespace().map(str::to_owned).collect();
            super::typed(word, &data).map(|(value_type, data)| (value_type.0, data))
        };
        for (words, value_type, data) in [
            ("dword 0", 4, &b"\0\0\0\0"[..]),
            ("DWORD 0x0a", 4, b"\x0a\0\0\0"),
            ("dword-be 1", 5, b"\0\0\0\x01"),
            ("qword 18446744073709551615", 11, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("sz a", 1, b"a\0\0\0"),
            ("expand-sz 1", 2, b"1\0\0\0"),
            ("multi-sz a b", 7, b"a\0\0\0b\0\0\0\0\0"),
            ("binary hex:0aFF", 3, b"\x0a\xff"),
            ("none base64:Cv8=", 0, b"\x0a\xff"),
        ] {
            assert_eq!(typed(words), Ok((value_type, data.to_vec())), "{words}");
        }
        for words in
            ["dword", "dword 1 2", "dword x7q", "dword 4294967296", "sz", "sz a b", "binary 0aff", "REG_SZ x7q", "x 1"]
        {
            let why = typed(words).unwrap_err();
            assert!(!why.contains("x7q"), "{words}: {why}");
        }
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYmFy", b"foobar"),
            ("+/8=", b"\xFB\xFF"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Z", "Zg=", "Zg==Zg==", "Z===", "Zh==", "Zm9*"] {
            assert_eq!(base64(text), None, "{text}");
        }
    }
}
