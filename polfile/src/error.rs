//! Why a policy file could not be read, and where.

use std::fmt;

/// Why a policy file could not be read.
///
/// One struct, so that no error can forget its place. [`kind`](Self::kind) is for programs,
/// `Display` for people:
///
/// ```
/// let error = polfile::PolicyFile::parse(b"PReg\x01\0\0\0[\0K").unwrap_err();
/// assert_eq!(error.to_string(), "offset 0x0000000a, record 1, key: no terminator before the end of the file");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset:#010x}, {}{field}: {kind}", RecordNumber(*.record))]
pub struct ParseError {
    /// First byte that is wrong, counted from the start of the file. For what is cut off: the
    /// first byte of the field that does not fit.
    pub offset: usize,
    /// Where the record begins; 0 in the header.
    pub start: usize,
    /// Record, counted from 0 (text for people counts from 1); `None` in the header.
    pub record: Option<usize>,
    /// What was being read.
    pub field: Field,
    /// What is wrong with it.
    pub kind: ErrorKind,
}

struct RecordNumber(Option<usize>);

impl fmt::Display for RecordNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(record) => write!(f, "record {}, ", record.saturating_add(1)),
            None => Ok(()),
        }
    }
}

/// A part of a policy file, as an error names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// `PReg`.
    Signature,
    /// The version in the header.
    Version,
    /// The `[` that begins a record.
    Start,
    /// The key and its terminator.
    Key,
    /// The value name and its terminator.
    ValueName,
    /// The type number.
    Type,
    /// The size of the data.
    Size,
    /// The data.
    Data,
    /// The `]` that ends a record.
    End,
}

impl Field {
    /// The field's name in messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Version => "version",
            Self::Start => "start of record",
            Self::Key => "key",
            Self::ValueName => "value name",
            Self::Type => "type",
            Self::Size => "size",
            Self::Data => "data",
            Self::End => "end of record",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong in a policy file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file has no bytes at all. A policy file without records has the 8 bytes of its header.
    #[error("the file is empty; a policy file has at least 8 bytes")]
    Empty,
    /// The first bytes are not the signature.
    #[error("not a policy file: {0}")]
    NotPolicyFile(Lookalike),
    /// The version is not 1.
    #[error("version {found}; only version 1 is known")]
    Version {
        /// The number that stands there.
        found: u32,
    },
    /// The file ends inside a field of known size.
    #[error("{need} bytes needed, {have} left")]
    Truncated {
        /// Size of the field in bytes.
        need: usize,
        /// Bytes left in the file.
        have: usize,
    },
    /// A text has no NUL before the file ends.
    #[error("no terminator before the end of the file")]
    Unterminated,
    /// Another 16-bit unit stands where a separator must.
    #[error("expected '{}', found 0x{found:04x}", char::from(*.expected))]
    Separator {
        /// The ASCII character that must stand there.
        expected: u8,
        /// The unit that does.
        found: u16,
    },
}

/// What a file that is no policy file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lookalike {
    /// A byte order mark stands before the signature: a text tool has saved the file.
    ByteOrderMark,
    /// A policy file whose zero bytes are gone, or are blanks now: a text tool has saved it.
    TextEditor,
    /// The text that Git LFS checks out in place of a file it has not fetched.
    GitLfsPointer,
    /// A registry hive (`regf`), as the policy files of Windows NT 4 (`ntconfig.pol`) were.
    RegistryHive,
    /// A registry export (`.reg`).
    RegistryExport,
    /// LGPO text.
    LgpoText,
    /// Other text in UTF-16.
    Utf16Text,
    /// Other text in UTF-8 or ASCII.
    Utf8Text,
    /// Nothing known.
    Unknown,
}

impl Lookalike {
    /// Whether no zero byte stands where every policy file has some: in the version and every other byte of the text.
    pub(crate) fn is_edited(file: &[u8]) -> bool {
        let head = file.get(..64).unwrap_or(file);
        file.starts_with(b"PReg\x01") && file.len() > 8 && !head.contains(&0)
    }

    /// Looks at the bytes of a file that does not begin with the signature.
    pub(crate) fn of(file: &[u8]) -> Self {
        const BOMS: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"];
        if BOMS.iter().any(|bom| file.strip_prefix(*bom).is_some_and(|rest| rest.starts_with(b"PReg"))) {
            return Self::ByteOrderMark;
        }
        if file.starts_with(b"regf") {
            return Self::RegistryHive;
        }
        if file.starts_with(b"version https://git-lfs") {
            return Self::GitLfsPointer;
        }
        let head = file.get(..512).unwrap_or(file);
        let Some((text, plain)) = decode_head(head) else { return Self::Unknown };
        if text.starts_with("Windows Registry Editor") || text.starts_with("REGEDIT4") {
            return Self::RegistryExport;
        }
        let first = text.lines().map(str::trim_end).find(|line| !line.is_empty() && !line.starts_with(';'));
        let is_scope = |line: &str| {
            let scope = line.split(':').next().unwrap_or(line);
            scope.eq_ignore_ascii_case("computer") || scope.eq_ignore_ascii_case("user")
        };
        match first {
            Some(line) if is_scope(line) => Self::LgpoText,
            _ if plain => plain_text(&text, Self::Utf8Text),
            _ => plain_text(&text, Self::Utf16Text),
        }
    }
}

/// `kind`, if the text is one: no control characters but those that text has.
fn plain_text(text: &str, kind: Lookalike) -> Lookalike {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if text.is_empty() || text.contains(control) { Lookalike::Unknown } else { kind }
}

/// The first bytes as text, and whether they are UTF-8. `None` if they are neither UTF-8 nor UTF-16.
fn decode_head(head: &[u8]) -> Option<(String, bool)> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| -> Option<(String, bool)> {
        let units = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair));
        Some((char::decode_utf16(units).map(|c| c.unwrap_or('\u{FFFD}')).collect(), false))
    };
    match head {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => Some((String::from_utf8_lossy(rest).into_owned(), true)),
        [a, 0, b, 0, ..] if a.is_ascii_graphic() && b.is_ascii_graphic() => wide(head, u16::from_le_bytes),
        _ => match std::str::from_utf8(head) {
            Ok(text) => Some((text.to_owned(), true)),
            // A character may be cut at the end of the head, nothing else.
            Err(e) if e.error_len().is_none() => Some((String::from_utf8_lossy(head).into_owned(), true)),
            Err(_) => None,
        },
    }
}

impl fmt::Display for Lookalike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByteOrderMark => "a byte order mark stands before the signature",
            Self::TextEditor => {
                "a policy file that went through a text editor: its zero bytes are gone or are blanks now"
            }
            Self::GitLfsPointer => "a Git LFS pointer",
            Self::RegistryHive => "a registry hive (a policy file of Windows NT 4?)",
            Self::RegistryExport => "a registry export (.reg)",
            Self::LgpoText => "LGPO text",
            Self::Utf16Text => "text in UTF-16",
            Self::Utf8Text => "text",
            Self::Unknown => "it does not begin with \"PReg\"",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_file_that_a_text_editor_saved_has_no_zero_bytes() {
        for edited in
            [&b"PReg\x01   [ K   ; N   ; \x04   ; \x04   ; \xC3\xBF   ] "[..], b"PReg\x01[K;N;\x04;\x04;\x01]"]
        {
            let kind = crate::records(edited).map(|_| ()).unwrap_err().kind;
            assert_eq!(kind, ErrorKind::NotPolicyFile(Lookalike::TextEditor));
        }
        let kind = crate::records(b"PReg\x01\x01\0\0").map(|_| ()).unwrap_err().kind;
        assert_eq!(kind, ErrorKind::Version { found: 257 });
    }

    #[test]
    fn what_a_stranger_looks_like() {
        let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        for (bytes, expected) in [
            (b"\xFF\xFEPReg\x01\0\0\0".to_vec(), Lookalike::ByteOrderMark),
            (b"\xEF\xBB\xBFPReg\x01\0\0\0".to_vec(), Lookalike::ByteOrderMark),
            (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), Lookalike::GitLfsPointer),
            (b"regf\x02\0\0\0".to_vec(), Lookalike::RegistryHive),
            (wide("\u{FEFF}Windows Registry Editor Version 5.00\r\n"), Lookalike::RegistryExport),
            (b"; comment\r\n\r\nComputer\r\nSoftware\\X\r\n".to_vec(), Lookalike::LgpoText),
            (wide("hello there"), Lookalike::Utf16Text),
            ("Grüße\n".into(), Lookalike::Utf8Text),
            (b"\x80\x81\x82\x83\x84\x85\x86\x87".to_vec(), Lookalike::Unknown),
            (b"MZ\x90\0\x03\0\0\0".to_vec(), Lookalike::Unknown),
        ] {
            assert_eq!(Lookalike::of(&bytes), expected, "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}
