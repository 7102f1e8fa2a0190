//! `gpt.ini`: the version of a GPO and, for a local one, its extension lists.
//!
//! Edited by line, never rewritten: encoding, byte order mark, line ends, comments, unknown keys
//! and their order stay. Facts: [MS-GPOL] 2.2.4. What is read is what Windows' INI functions read, as far as that is
//! known: the first `[General]`, the first of several equal keys in it, quotation marks taken off. [`Obstacle`]s are what
//! may keep them from it.

mod windows;

use std::ops::Range;

use admx::Side;

pub use windows::{Obstacle, profile_int};

/// The two counters in `Version`: 16 bits for each side.
///
/// ```
/// use gpo::gpt_ini::Version;
/// let version = Version::from(0x0001_0002);
/// assert_eq!((version.user, version.computer), (1, 2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Version {
    /// Upper 16 bits.
    pub user: u16,
    /// Lower 16 bits.
    pub computer: u16,
}

impl From<u32> for Version {
    fn from(n: u32) -> Self {
        let [a, b, c, d] = n.to_be_bytes();
        Self { user: u16::from_be_bytes([a, b]), computer: u16::from_be_bytes([c, d]) }
    }
}

impl From<Version> for u32 {
    fn from(version: Version) -> Self {
        (u32::from(version.user) << 16) | u32::from(version.computer)
    }
}

impl Version {
    /// The version after a change of one side: that half is one more, and 1 after 65535, never 0 ([MS-GPOL] 3.3.4.5).
    #[must_use]
    pub fn bumped(self, side: Side) -> Self {
        let next = |half: u16| half.checked_add(1).unwrap_or(1);
        match side {
            Side::Computer => Self { computer: next(self.computer), ..self },
            Side::User => Self { user: next(self.user), ..self },
        }
    }

    /// The counter of one side.
    pub fn of(self, side: Side) -> u16 {
        match side {
            Side::Computer => self.computer,
            Side::User => self.user,
        }
    }
}

/// A `gpt.ini`, to read and to edit.
///
/// ```
/// use admx::Side;
/// use gpo::gpt_ini::GptIni;
/// let mut ini = GptIni::parse(b"[General]\r\n; ours\r\nVersion=65538\r\n".to_vec())?;
/// ini.set_version(ini.version().unwrap_or_default().bumped(Side::Computer));
/// assert_eq!(ini.as_bytes(), b"[General]\r\n; ours\r\nVersion=65539\r\n");
/// # Ok::<(), gpo::gpt_ini::GptIniError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptIni {
    bytes: Vec<u8>,
    encoding: Encoding,
}

/// How many bytes a character has. Keys, numbers and GUIDs are ASCII in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// ANSI, or UTF-8 without a byte order mark.
    Bytes,
    /// UTF-8 with a byte order mark.
    Utf8Mark,
    /// UTF-16LE with a byte order mark, as PowerShell's `Out-File` writes it.
    Utf16,
    /// UTF-16LE without one.
    Utf16Unmarked,
}

impl Encoding {
    fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16 | Self::Utf16Unmarked)
    }

    /// How many bytes the byte order mark has.
    fn mark(self) -> usize {
        match self {
            Self::Bytes | Self::Utf16Unmarked => 0,
            Self::Utf16 => 2,
            Self::Utf8Mark => 3,
        }
    }
}

/// By the mark; without one, it is UTF-16 where the first characters are ASCII in two bytes.
fn encoding_of(bytes: &[u8]) -> Result<Encoding, GptIniError> {
    match bytes {
        [0xFE, 0xFF, ..] => Err(GptIniError::BigEndian),
        [0xFF, 0xFE, ..] if bytes.len() % 2 == 1 => Err(GptIniError::Odd(bytes.len())),
        [0xFF, 0xFE, ..] => Ok(Encoding::Utf16),
        [0xEF, 0xBB, 0xBF, ..] => Ok(Encoding::Utf8Mark),
        [1..=0x7F, 0, 1..=0x7F, 0, ..] if bytes.len().is_multiple_of(2) => Ok(Encoding::Utf16Unmarked),
        _ => Ok(Encoding::Bytes),
    }
}

/// Why a `gpt.ini` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GptIniError {
    /// UTF-16BE, which no Windows tool writes.
    #[error("it is UTF-16 with the bytes swapped (big-endian)")]
    BigEndian,
    /// Half a character at the end.
    #[error("it is UTF-16 with an odd number of bytes ({0})")]
    Odd(usize),
    /// `Version` is not a 32-bit number.
    #[error("line {line}: Version={value:?} is not a number from 0 to 4294967295")]
    Version {
        /// Line, counted from 1.
        line: usize,
        /// What stands there.
        value: String,
    },
}

/// One `key=value` line of the section `[General]`.
struct Entry {
    value: String,
    /// Where the value stands, in bytes.
    span: Range<usize>,
    /// Counted from 1.
    line: usize,
}

impl GptIni {
    /// A new one, without keys.
    pub fn new() -> Self {
        Self { bytes: b"[General]\r\n".to_vec(), encoding: Encoding::Bytes }
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    ///
    /// [`GptIniError`] if the text cannot be read, or `Version` is no number.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, GptIniError> {
        let encoding = encoding_of(&bytes)?;
        let ini = Self { bytes, encoding };
        match ini.entry("Version") {
            Some(entry) if parse_version(&entry.value).is_none() => {
                Err(GptIniError::Version { line: entry.line, value: entry.value })
            }
            _ => Ok(ini),
        }
    }

    /// The bytes of the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `Version`; `None` if there is none, which Windows takes for 0.
    pub fn version(&self) -> Option<Version> {
        parse_version(&self.entry("Version")?.value).map(Version::from)
    }

    /// Writes `Version`.
    pub fn set_version(&mut self, version: Version) {
        self.set("Version", &u32::from(version).to_string());
    }

    /// The extension list of one side, as it stands; only a local GPO has it here.
    pub fn extensions(&self, side: Side) -> Option<String> {
        self.entry(extension_key(side)).map(|entry| entry.value)
    }

    /// Writes the extension list of one side.
    pub fn set_extensions(&mut self, side: Side, list: &str) {
        self.set(extension_key(side), list);
    }

    /// `Options`: bit 0 switches the user side off, bit 1 the computer side. TechNet cc978247 says that it switches sides off; the bits
    /// are inferred from those of `flags` in Active Directory.
    pub fn options(&self) -> Option<u32> {
        self.entry("Options")?.value.trim().parse().ok()
    }

    /// Whether either extension list is there, which tells a local GPO from a domain's.
    pub fn has_extensions(&self) -> bool {
        [Side::Computer, Side::User].iter().any(|side| self.entry(extension_key(*side)).is_some())
    }

    /// Sets a key of `[General]`: replaces the value where the key stands first, else adds a line at the section's end.
    fn set(&mut self, key: &str, value: &str) {
        if let Some(entry) = self.entry(key) {
            let value = self.encode(value);
            self.bytes.splice(entry.span, value);
            return;
        }
        let newline = if self.lines().iter().any(|(_, text)| text.ends_with("\r\n")) || self.lines().is_empty() {
            "\r\n"
        } else {
            "\n"
        };
        let (at, header) = match self.end_of_general() {
            Some(at) => (at, String::new()),
            None => (self.bytes.len(), format!("[General]{newline}")),
        };
        let before = self.lines().iter().rev().find(|(span, _)| span.end == at).map(|(_, text)| text.clone());
        let separate = before.is_some_and(|text| !text.ends_with('\n'));
        let line = format!("{}{header}{key}={value}{newline}", if separate { newline } else { "" });
        let line = self.encode(&line);
        self.bytes.splice(at..at, line);
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        match self.encoding.is_utf16() {
            false => text.as_bytes().to_vec(),
            true => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        }
    }

    /// Where a new line of `[General]` goes: behind the last line of the first section of that name that is not blank.
    /// `None` without that section.
    fn end_of_general(&self) -> Option<usize> {
        let lines = self.lines();
        let inside = general(&lines)?;
        let filled = lines[inside].iter().rev().find(|(_, text)| !text.trim().is_empty());
        filled.map(|(span, _)| span.end)
    }

    /// The first line of the first `[General]` with this key, in any case.
    fn entry(&self, key: &str) -> Option<Entry> {
        let lines = self.lines();
        let inside = general(&lines)?;
        self.entry_in(&lines, inside, key)
    }

    /// The first line of any `[General]` with this key.
    fn entry_of_any_section(&self, key: &str) -> Option<Entry> {
        let lines = self.lines();
        let mut from = 0;
        while let Some(inside) = general(&lines[from..]) {
            let (start, end) = (from + inside.start, from + inside.end);
            if let Some(entry) = self.entry_in(&lines, start..end, key) {
                return Some(entry);
            }
            from = end;
        }
        None
    }

    fn entry_in(&self, lines: &[(Range<usize>, String)], inside: Range<usize>, key: &str) -> Option<Entry> {
        for at in inside {
            let (span, text) = lines.get(at)?;
            if let Some((name, value)) = text.split_once('=')
                && name.trim().eq_ignore_ascii_case(key)
            {
                // Blanks around the value are not it, and stay.
                let value = value.trim_end_matches(|c: char| c == '\0' || c.is_whitespace());
                let kept = value.trim_start();
                let blanks = value.len() - kept.len();
                let start = span.start + self.width(&text[..name.len() + 1 + blanks]);
                let span = start..start + self.width(kept);
                return Some(Entry { value: unquoted(kept).to_owned(), span, line: at + 1 });
            }
        }
        None
    }

    /// Bytes that a part of a line has in the file.
    fn width(&self, text: &str) -> usize {
        match self.encoding.is_utf16() {
            // Bytes of lines are read as one character each.
            false => text.chars().count(),
            true => text.encode_utf16().count() * 2,
        }
    }

    /// Each line with its line end, and where it stands. Bytes that are not ASCII are read as one
    /// character each: they are kept, never interpreted.
    fn lines(&self) -> Vec<(Range<usize>, String)> {
        let mark = self.encoding.mark();
        let text: String = match self.encoding.is_utf16() {
            true => {
                let units = self.bytes[mark..].as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit));
                // One character for each unit, so that widths add up.
                units.map(|unit| char::from_u32(u32::from(unit)).unwrap_or('\u{FFFD}')).collect()
            }
            false => self.bytes[mark..].iter().map(|&byte| char::from(byte)).collect(),
        };
        let mut start = mark;
        text.split_inclusive('\n')
            .map(|line| {
                let span = start..start + self.width(line);
                start = span.end;
                (span, line.to_owned())
            })
            .collect()
    }
}

impl Default for GptIni {
    fn default() -> Self {
        Self::new()
    }
}

/// The key of a side's extension list.
pub fn extension_key(side: Side) -> &'static str {
    match side {
        Side::Computer => "gPCMachineExtensionNames",
        Side::User => "gPCUserExtensionNames",
    }
}

/// The name of a section, where a line is the head of one; blanks around it do not count.
fn section(line: &str) -> Option<&str> {
    let line = line.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    Some(line.strip_prefix('[')?.strip_suffix(']')?.trim())
}

/// The lines of the first `[General]`, its head included.
fn general(lines: &[(Range<usize>, String)]) -> Option<Range<usize>> {
    let heads = |(_, text): &(Range<usize>, String)| section(text).is_some();
    let start =
        lines.iter().position(|(_, text)| section(text).is_some_and(|name| name.eq_ignore_ascii_case("General")))?;
    let length = lines[start + 1..].iter().position(heads).unwrap_or(lines.len() - start - 1);
    Some(start..start + 1 + length)
}

/// Without the quotation marks around it, which the INI functions take off.
fn unquoted(value: &str) -> &str {
    let inside = |mark| value.strip_prefix(mark)?.strip_suffix(mark);
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

fn parse_version(value: &str) -> Option<u32> {
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(before: &[u8]) -> Vec<u8> {
        let mut ini = GptIni::parse(before.to_vec()).unwrap();
        let version = ini.version().unwrap_or_default().bumped(Side::Computer);
        ini.set_version(version);
        ini.as_bytes().to_vec()
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn every_half_counts_up_and_wraps_to_one_and_leaves_the_other_alone() {
        for half in 0..=u16::MAX {
            let expected = if half == u16::MAX { 1 } else { half + 1 };
            let version = Version { user: 7, computer: half }.bumped(Side::Computer);
            assert_eq!((version.user, version.computer), (7, expected));
            let version = Version { user: half, computer: 7 }.bumped(Side::User);
            assert_eq!((version.user, version.computer), (expected, 7));
            assert_eq!(Version::from(u32::from(version)), version);
        }
    }

    #[test]
    fn only_the_digits_of_the_version_change() {
        for (before, after) in [
            (&b"[General]\r\nVersion=65538\r\n"[..], &b"[General]\r\nVersion=65539\r\n"[..]),
            (b"[General]\nversion=1", b"[General]\nversion=2"),
            (
                b"; c\r\n[general]\r\nX\r\n VERSION = 9\r\n[Other]\r\nVersion=5\r\n",
                b"; c\r\n[general]\r\nX\r\n VERSION = 10\r\n[Other]\r\nVersion=5\r\n",
            ),
            (b"\xEF\xBB\xBF[General]\r\nVersion=65535\r\n", b"\xEF\xBB\xBF[General]\r\nVersion=1\r\n"),
            (
                b"[General]\r\ndisplayName=Gr\xFC\xDFe\r\nVersion=1\r\n",
                b"[General]\r\ndisplayName=Gr\xFC\xDFe\r\nVersion=2\r\n",
            ),
            (b"[General]\r\nVersion=1\r\nVersion=8\r\n", b"[General]\r\nVersion=2\r\nVersion=8\r\n"),
        ] {
            assert_eq!(edited(before), after, "{:?}", String::from_utf8_lossy(before));
        }
        let before = [&b"\xFF\xFE"[..], &utf16("[General]\r\ndisplayName=Größe 😀\r\nVersion=1\r\nX=1\r\n")].concat();
        let after = [&b"\xFF\xFE"[..], &utf16("[General]\r\ndisplayName=Größe 😀\r\nVersion=2\r\nX=1\r\n")].concat();
        assert_eq!(edited(&before), after);
    }

    #[test]
    fn a_missing_version_is_added_to_its_section() {
        for (before, after) in [
            (
                &b"[General]\r\ndisplayName=x\r\n\r\n[Other]\r\na=b\r\n"[..],
                &b"[General]\r\ndisplayName=x\r\nVersion=1\r\n\r\n[Other]\r\na=b\r\n"[..],
            ),
            (b"[General]\nx=y", b"[General]\nx=y\nVersion=1\n"),
            (b"[Other]\r\nVersion=5\r\n", b"[Other]\r\nVersion=5\r\n[General]\r\nVersion=1\r\n"),
            (b"", b"[General]\r\nVersion=1\r\n"),
        ] {
            assert_eq!(edited(before), after, "{:?}", String::from_utf8_lossy(before));
        }
    }

    #[test]
    fn a_version_that_is_no_number_is_refused_with_its_line() {
        let error = GptIni::parse(b"[General]\r\nVersion=-1\r\n".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "line 2: Version=\"-1\" is not a number from 0 to 4294967295");
        assert!(GptIni::parse(b"[General]\r\nVersion=4294967296\r\n".to_vec()).is_err());
        assert!(GptIni::parse(b"[General]\r\nVersion=4294967295\r\n".to_vec()).is_ok());
    }
}
