//! Names of keys and values.
//!
//! | flag in the cell | bytes                                                        |
//! |------------------|--------------------------------------------------------------|
//! | set              | "compressed": one byte a unit, the low half (Latin-1)        |
//! | not set          | UTF-16LE, any unit, lone surrogates and NUL included         |

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The name of a key or a value, as it stands in the hive. Empty for a key's default value.
///
/// Two names are `==` if they have the same units, however they are stored; the registry itself
/// ignores case, as [`eq_ignore_case`](Self::eq_ignore_case) does. `Display` shows lone surrogates as U+FFFD.
#[derive(Clone, Copy)]
pub struct Name<'h> {
    bytes: &'h [u8],
    compressed: bool,
}

/// A name that is not valid UTF-16: the unit at this index has no partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unit {unit} is a lone surrogate")]
pub struct LoneSurrogate {
    /// Index of the unit, counted from 0.
    pub unit: usize,
}

impl<'h> Name<'h> {
    /// `None` for an odd number of bytes of UTF-16.
    pub(crate) fn new(bytes: &'h [u8], compressed: bool) -> Option<Self> {
        (compressed || bytes.len().is_multiple_of(2)).then_some(Self { bytes, compressed })
    }

    /// The bytes as they stand in the file: UTF-16LE, or Latin-1 if [`is_compressed`](Self::is_compressed).
    pub fn as_bytes(self) -> &'h [u8] {
        self.bytes
    }

    /// Whether one byte stands for each UTF-16 unit.
    pub fn is_compressed(self) -> bool {
        self.compressed
    }

    /// Whether there is no unit at all.
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The UTF-16 units.
    pub fn units(self) -> impl Iterator<Item = u16> + Clone + 'h {
        self.bytes.chunks_exact(if self.compressed { 1 } else { 2 }).map(|unit| match *unit {
            [low, high] => u16::from_le_bytes([low, high]),
            [byte] => u16::from(byte),
            _ => unreachable!("chunks of one or two"),
        })
    }

    /// The name as UTF-16LE, whichever way it is stored.
    pub fn to_utf16le(self) -> Vec<u8> {
        self.units().flat_map(u16::to_le_bytes).collect()
    }

    /// The name, or where it is not valid UTF-16.
    pub fn to_text(self) -> Result<String, LoneSurrogate> {
        let mut text = String::with_capacity(self.bytes.len());
        let mut unit = 0_usize;
        for c in char::decode_utf16(self.units()) {
            let c = c.map_err(|_| LoneSurrogate { unit })?;
            unit = unit.saturating_add(c.len_utf16());
            text.push(c);
        }
        Ok(text)
    }

    /// The name, with U+FFFD in place of each lone surrogate.
    pub fn to_text_lossy(self) -> String {
        char::decode_utf16(self.units()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    /// Whether `other` is this name to the registry, which ignores case.
    pub fn eq_ignore_case(self, other: &str) -> bool {
        self.units().map(upcase).eq(other.encode_utf16().map(upcase))
    }

    /// Order by upper-cased units, that of the lists in a hive.
    pub fn cmp_ignore_case(self, other: Name<'_>) -> Ordering {
        self.units().map(upcase).cmp(other.units().map(upcase))
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.units().eq(other.units())
    }
}

impl Eq for Name<'_> {}

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.units().for_each(|unit| unit.hash(state));
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_text_lossy())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_text_lossy(), f)
    }
}

/// Upper case of one unit: Unicode's mapping, if it gives one unit and does not turn
/// another letter into an ASCII one (so that Turkish dotless i is not `I`).
///
/// The same fold as polfile's, so that a policy and the hive value it sets are found by the same
/// name; written out here because a hive knows nothing of policy files.
fn upcase(unit: u16) -> u16 {
    if let Ok(byte) = u8::try_from(unit)
        && byte.is_ascii()
    {
        return u16::from(byte.to_ascii_uppercase());
    }
    let Some(c) = char::from_u32(u32::from(unit)) else { return unit };
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(u), None) if !u.is_ascii() => u16::try_from(u32::from(u)).unwrap_or(unit),
        _ => unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_store_a_name_are_one_name() {
        let short = Name::new(b"Gr\xF6\xDFe", true).unwrap();
        let long: Vec<u8> = "Größe".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let long = Name::new(&long, false).unwrap();
        assert_eq!(short, long);
        assert_eq!(short.to_text().as_deref(), Ok("Größe"));
        assert_eq!(short.to_utf16le(), long.as_bytes());
        assert!(short.eq_ignore_case("GRÖßE"));
        assert!(!short.eq_ignore_case("Grösse"));
    }

    #[test]
    fn case_is_folded_by_unit_and_never_into_ascii() {
        for (a, b, same) in [("Software", "SOFTWARE", true), ("дА", "Да", true), ("ı", "I", false), ("ſ", "S", false)]
        {
            let bytes: Vec<u8> = a.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(Name::new(&bytes, false).unwrap().eq_ignore_case(b), same, "{a} {b}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_kept_and_named() {
        let name = Name::new(&[b'a', 0, 0x00, 0xD8], false).unwrap();
        assert_eq!(name.to_text(), Err(LoneSurrogate { unit: 1 }));
        assert_eq!(name.to_string(), "a\u{FFFD}");
        assert!(Name::new(b"odd", false).is_none());
    }
}
