//! What Windows' INI functions make of a `gpt.ini`, where that is not what a reader sees.
//!
//! `GetPrivateProfileString` and `GetPrivateProfileInt` are documented by Microsoft in part; the rest is what others saw
//! on Windows, and what Wine's conformance tests, which run on Windows as well, hold. docs/doctor.md has the table with
//! the sources. That the Group Policy client uses these functions is an inference from what is reported of byte order marks.

use std::fmt;

use admx::Side;

use super::{Encoding, GptIni, extension_key, section};

/// Longest section that `GetPrivateProfileSection` is documented to give.
const LONGEST: usize = 32_767;

/// Something in a `gpt.ini` by which Windows may not see what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// A UTF-8 byte order mark in the line of `[General]`: it is taken for text, and the line for no section.
    Utf8Mark,
    /// UTF-16 without a byte order mark.
    Unmarked,
    /// A line that ends in CR alone.
    LoneCr {
        /// Counted from 1.
        line: usize,
    },
    /// A NUL before the end of the file.
    Nul {
        /// Counted from 1.
        line: usize,
    },
    /// A line longer than what the functions are documented to give.
    Long {
        /// Counted from 1.
        line: usize,
    },
    /// The section's name is not all of its line.
    Header {
        /// Counted from 1.
        line: usize,
    },
    /// A key that stands only in a later section of the same name.
    Later {
        /// The key.
        key: &'static str,
        /// Counted from 1.
        line: usize,
    },
}

impl Obstacle {
    /// Whether Windows is known not to see it; else that is not known.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Utf8Mark)
    }

    /// Whether a write takes it away.
    pub fn is_curable(&self) -> bool {
        matches!(self, Self::Utf8Mark | Self::Unmarked | Self::Later { .. })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8Mark => f.write_str("a UTF-8 byte order mark stands before [General]"),
            Self::Unmarked => f.write_str("it is UTF-16 without a byte order mark"),
            Self::LoneCr { line } => write!(f, "line {line} ends in CR alone"),
            Self::Nul { line } => write!(f, "line {line} has a NUL in it"),
            Self::Long { line } => write!(f, "line {line} has more than {LONGEST} characters"),
            Self::Header { line } => write!(f, "in line {line} more stands than [General]"),
            Self::Later { key, line } => write!(f, "{key} stands in a second [General] alone (line {line})"),
        }
    }
}

impl GptIni {
    /// What may keep Windows from seeing what stands here.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let lines = self.lines();
        let mut found = Vec::new();
        let first = lines.first().map(|(_, text)| text.as_str()).unwrap_or_default();
        // In a line of its own the mark does no harm.
        if self.encoding == Encoding::Utf8Mark && section(first).is_some() {
            found.push(Obstacle::Utf8Mark);
        }
        if self.encoding == Encoding::Utf16Unmarked {
            found.push(Obstacle::Unmarked);
        }
        for (at, (_, text)) in lines.iter().enumerate() {
            let line = at + 1;
            let inside = text.trim_end_matches(['\r', '\n']);
            if inside.contains('\r') || (text.ends_with('\r') && !text.ends_with('\n')) {
                found.push(Obstacle::LoneCr { line });
            }
            // A NUL behind the last line does no harm.
            let text = if at + 1 == lines.len() { inside.trim_end_matches('\0') } else { inside };
            if text.contains('\0') {
                found.push(Obstacle::Nul { line });
            }
            if inside.chars().count() > LONGEST {
                found.push(Obstacle::Long { line });
            }
            if is_odd_header(text) {
                found.push(Obstacle::Header { line });
            }
        }
        for key in ["Version", extension_key(Side::Computer), extension_key(Side::User), "Options"] {
            if let (None, Some(later)) = (self.entry(key), self.entry_of_any_section(key)) {
                found.push(Obstacle::Later { key, line: later.line });
            }
        }
        found
    }

    /// Takes away what keeps Windows from seeing what stands here, as far as that changes no line.
    pub fn cure(&mut self) {
        match self.encoding {
            Encoding::Utf8Mark if self.obstacles().contains(&Obstacle::Utf8Mark) => {
                self.bytes.drain(..3);
                self.encoding = Encoding::Bytes;
            }
            Encoding::Utf16Unmarked => {
                self.bytes.splice(0..0, [0xFF, 0xFE]);
                self.encoding = Encoding::Utf16;
            }
            _ => {}
        }
    }
}

/// Whether a line is meant for the head of `[General]`, and something is before, behind or missing in it.
fn is_odd_header(line: &str) -> bool {
    let Some(inside) = line.trim().strip_prefix('[') else { return false };
    section(line).is_none() && inside.trim_start().get(..7).is_some_and(|name| name.eq_ignore_ascii_case("General"))
}

/// The number that `GetPrivateProfileInt` reads from a text: a sign, digits, and nothing of what comes behind them; modulo
/// 2³². Hexadecimal digits behind `0x`. `None` if there are no digits, which that function reads as 0.
pub fn profile_int(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None => (10, digits),
    };
    let number = digits
        .chars()
        .map_while(|digit| digit.to_digit(radix))
        .fold(None, |number: Option<u32>, digit| Some(number.unwrap_or(0).wrapping_mul(radix).wrapping_add(digit)))?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpt_ini::Version;

    fn obstacles(bytes: &[u8]) -> Vec<Obstacle> {
        GptIni::parse(bytes.to_vec()).unwrap().obstacles()
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn numbers_read_as_wines_tests_of_windows_say() {
        // dlls/kernel32/tests/profile.c, test_profile_int: what Windows gives.
        for (text, number) in [
            ("-1", Some(4_294_967_295)),
            ("1", Some(1)),
            ("+1", Some(1)),
            ("4294967296", Some(0)),
            ("4294967297", Some(1)),
            ("-4294967297", Some(4_294_967_295)),
            ("42A94967297", Some(42)),
            ("B4294967297", None),
            // CWinApp::GetProfileInt, which is for INI files: "supports hexadecimal notation".
            ("0x10002", Some(0x0001_0002)),
            ("", None),
        ] {
            assert_eq!(profile_int(text), number, "{text}");
        }
    }

    #[test]
    fn what_windows_reads_without_trouble_is_no_obstacle() {
        for bytes in [
            &b"[General]\r\nVersion=1\r\n"[..],
            b"[General]\nVersion=1\n",
            b"[General]\nVersion=1",
            // Wine's test_profile_sections_names: "[ section1 ]" is section1; others write the NUL of a C string behind.
            b"[ general ]\r\n Version = 1 \r\n\0",
            b"; [General] below\r\n\r\n[Other]\r\nVersion=9\r\n[General]\r\nVersion=1\r\n[General]\r\nVersion=8\r\n",
            b"[General]\r\nVersion=\"1\"\r\nVersion=7\r\n",
            // With the first section in line 2, the mark does no harm.
            b"\xEF\xBB\xBF\r\n[General]\r\nVersion=1\r\n",
        ] {
            assert_eq!(obstacles(bytes), [], "{}", String::from_utf8_lossy(bytes));
            let version = GptIni::parse(bytes.to_vec()).unwrap().version();
            assert_eq!(version, Some(Version { user: 0, computer: 1 }), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(obstacles(&[&b"\xFF\xFE"[..], &utf16("[General]\r\nVersion=1\r\n")].concat()), []);
    }

    #[test]
    fn what_may_keep_windows_from_seeing_it_is_named() {
        let long = format!("[General]\nX={}\nVersion=1\n", "x".repeat(40_000));
        let unmarked = utf16("[General]\r\nVersion=1\r\n");
        for (bytes, expected) in [
            (&b"\xEF\xBB\xBF[General]\r\nVersion=1\r\n"[..], Obstacle::Utf8Mark),
            (&unmarked, Obstacle::Unmarked),
            (b"[General]\rVersion=1\r", Obstacle::LoneCr { line: 1 }),
            (b"[General]\r\nVersion=1\r", Obstacle::LoneCr { line: 2 }),
            (b"[General]\r\nVersion=1\0\r\nX=1\r\n", Obstacle::Nul { line: 2 }),
            (long.as_bytes(), Obstacle::Long { line: 2 }),
            (b"[General] ; of a GPO\r\nVersion=1\r\n", Obstacle::Header { line: 1 }),
            (b"[General\r\nVersion=1\r\n", Obstacle::Header { line: 1 }),
            (b"[General]\r\n[Other]\r\n[General]\r\nVersion=1\r\n", Obstacle::Later { key: "Version", line: 4 }),
        ] {
            let found =
                GptIni { bytes: bytes.to_vec(), encoding: super::super::encoding_of(bytes).unwrap() }.obstacles();
            assert!(found.contains(&expected), "{expected}: {found:?}");
        }
    }

    #[test]
    fn a_cure_makes_windows_see_it_and_changes_no_line() {
        let mut ini = GptIni::parse(b"\xEF\xBB\xBF[General]\r\nVersion=1\r\n".to_vec()).unwrap();
        ini.cure();
        assert_eq!(ini.as_bytes(), b"[General]\r\nVersion=1\r\n");
        let text = utf16("[General]\r\nVersion=1\r\n");
        let mut ini = GptIni::parse(text.clone()).unwrap();
        ini.cure();
        assert_eq!(ini.as_bytes(), [&b"\xFF\xFE"[..], &text].concat());
        ini.set_version(Version { user: 0, computer: 2 });
        assert_eq!(ini.as_bytes(), [&b"\xFF\xFE"[..], &utf16("[General]\r\nVersion=2\r\n")].concat());
        for harmless in [&b"\xEF\xBB\xBF\r\n[General]\r\nVersion=1\r\n"[..], b"[General]\r\nVersion=1\r\n"] {
            let mut ini = GptIni::parse(harmless.to_vec()).unwrap();
            ini.cure();
            assert_eq!(ini.as_bytes(), harmless);
        }
    }
}
