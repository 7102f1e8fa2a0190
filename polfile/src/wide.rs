//! UTF-16LE text as it stands in the file: any unit, lone surrogates included.

use std::cmp::Ordering;
use std::fmt;

/// UTF-16LE text inside the bytes of a file, without its terminator.
///
/// Holds every sequence of 16-bit units, so that no name is changed by being read.
/// `Display` shows lone surrogates as U+FFFD.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WideStr<'a>(&'a [u8]);

/// Owned UTF-16LE text. See [`WideStr`].
///
/// ```
/// use polfile::WideString;
/// let name = WideString::from("Größe");
/// assert!(name.as_wide().eq_ignore_case(WideString::from("GRÖßE").as_wide()));
/// assert_eq!(name.as_wide().to_text().as_deref(), Ok("Größe"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct WideString(Vec<u8>);

/// Text with its case folded, to compare, sort and look up names as the registry does.
///
/// Ordered by upper-cased UTF-16 units.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Folded(Box<[u16]>);

/// Text that is not valid UTF-16: the unit at this index has no partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unit {unit} is a lone surrogate")]
pub struct LoneSurrogate {
    /// Index of the unit, counted from 0.
    pub unit: usize,
}

impl<'a> WideStr<'a> {
    /// Takes `bytes` as UTF-16LE. `None` if their number is odd.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.len().is_multiple_of(2).then_some(Self(bytes))
    }

    /// The bytes as they stand in the file.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Number of 16-bit units.
    pub fn len(self) -> usize {
        self.0.len() / 2
    }

    /// Whether there is no unit at all.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The 16-bit units.
    pub fn units(self) -> impl DoubleEndedIterator<Item = u16> + ExactSizeIterator + Clone + 'a {
        self.0.as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit))
    }

    /// The text, or where it is not valid UTF-16.
    pub fn to_text(self) -> Result<String, LoneSurrogate> {
        let mut text = String::with_capacity(self.len());
        let mut unit = 0_usize;
        for c in char::decode_utf16(self.units()) {
            let c = c.map_err(|_| LoneSurrogate { unit })?;
            unit = unit.saturating_add(c.len_utf16());
            text.push(c);
        }
        Ok(text)
    }

    /// The text, with U+FFFD in place of each lone surrogate.
    pub fn to_text_lossy(self) -> String {
        char::decode_utf16(self.units()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    /// Whether both are one name to the registry, which ignores case.
    pub fn eq_ignore_case(self, other: WideStr<'_>) -> bool {
        self.0.len() == other.0.len() && (self.0 == other.0 || self.cmp_ignore_case(other) == Ordering::Equal)
    }

    /// Order by upper-cased units.
    pub fn cmp_ignore_case(self, other: WideStr<'_>) -> Ordering {
        self.units().map(upcase).cmp(other.units().map(upcase))
    }

    /// The rest behind `prefix`, if the text begins with it in any case.
    pub fn strip_prefix_ignore_case(self, prefix: &str) -> Option<WideStr<'a>> {
        let (head, rest) = self.split_at(prefix.encode_utf16().count())?;
        head.is_ignore_case(prefix).then_some(rest)
    }

    /// Whether the text is `other`, in any case.
    pub fn is_ignore_case(self, other: &str) -> bool {
        self.units().map(upcase).eq(other.encode_utf16().map(upcase))
    }

    /// Splits at a unit. `None` if the text is shorter.
    pub fn split_at(self, unit: usize) -> Option<(WideStr<'a>, WideStr<'a>)> {
        let (head, tail) = self.0.split_at_checked(unit.checked_mul(2)?)?;
        Some((Self(head), Self(tail)))
    }

    /// The parts between occurrences of an ASCII separator; one empty part for an empty text.
    pub fn split(self, separator: u8) -> impl Iterator<Item = WideStr<'a>> {
        let separator = [separator, 0];
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let now = rest?;
            let at = now.0.as_chunks::<2>().0.iter().position(|unit| *unit == separator);
            let part = match at {
                Some(at) => {
                    let (part, tail) = now.split_at(at)?;
                    rest = tail.split_at(1).map(|(_, tail)| tail);
                    part
                }
                None => {
                    rest = None;
                    now
                }
            };
            Some(part)
        })
    }

    /// The text up to its first NUL unit, or all of it.
    pub fn until_nul(self) -> WideStr<'a> {
        self.split(0).next().unwrap_or_default()
    }

    /// The components of a key path.
    pub fn components(self) -> impl Iterator<Item = WideStr<'a>> {
        self.split(b'\\')
    }

    /// The form to look names up by.
    pub fn fold(self) -> Folded {
        Folded(self.units().map(upcase).collect())
    }

    /// Feeds the text to a hash, so that names that the registry takes for one have one.
    pub(crate) fn hash_folded(self, hasher: &mut impl std::hash::Hasher) {
        // Eight units at a time: a name has some dozen.
        let mut units = self.units().map(upcase);
        loop {
            let mut word = 0_u128;
            let mut count = 0_u8;
            for unit in units.by_ref().take(8) {
                word = word << 16 | u128::from(unit);
                count = count.saturating_add(1);
            }
            hasher.write_u128(word);
            if count < 8 {
                return hasher.write_u8(count);
            }
        }
    }

    /// A copy to keep.
    pub fn to_wide_string(self) -> WideString {
        WideString(self.0.to_vec())
    }
}

impl WideString {
    /// Takes UTF-16LE bytes. `None` if their number is odd.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        bytes.len().is_multiple_of(2).then_some(Self(bytes))
    }

    /// The borrowed view.
    pub fn as_wide(&self) -> WideStr<'_> {
        WideStr(&self.0)
    }

    /// Appends text.
    pub fn push(&mut self, text: WideStr<'_>) {
        self.0.extend_from_slice(text.0);
    }
}

impl From<&str> for WideString {
    fn from(text: &str) -> Self {
        Self(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
    }
}

impl From<WideStr<'_>> for WideString {
    fn from(text: WideStr<'_>) -> Self {
        text.to_wide_string()
    }
}

impl Folded {
    /// Whether this is `other` or begins with `other` and a backslash: whether the key lies at or below it.
    pub fn is_at_or_below(&self, other: &Folded) -> bool {
        match self.0.strip_prefix(&*other.0) {
            Some([]) => true,
            Some([next, ..]) => *next == u16::from(b'\\'),
            None => false,
        }
    }

    /// What all keys below this one sort at or behind, side by side.
    pub(crate) fn least_below(&self) -> Folded {
        Folded(self.0.iter().copied().chain([u16::from(b'\\')]).collect())
    }

    pub(crate) fn from_units(units: &[u16]) -> Self {
        Self(units.into())
    }

    /// The path and those above it, the longest first, as a set of paths is asked for them.
    pub fn at_and_above(&self) -> impl Iterator<Item = &[u16]> {
        Self::prefixes(&self.0)
    }

    /// As [`at_and_above`](Self::at_and_above), of folded units.
    pub(crate) fn prefixes(path: &[u16]) -> impl Iterator<Item = &[u16]> {
        std::iter::successors(Some(path), |path| {
            let end = path.iter().rposition(|unit| *unit == u16::from(b'\\'))?;
            path.get(..end)
        })
    }
}

/// The same hash and order as the units'.
impl std::borrow::Borrow<[u16]> for Folded {
    fn borrow(&self) -> &[u16] {
        &self.0
    }
}

impl From<&str> for Folded {
    fn from(text: &str) -> Self {
        Self(text.encode_utf16().map(upcase).collect())
    }
}

macro_rules! show {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&WideStr(&self.0).to_text_lossy())
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&WideStr(&self.0).to_text_lossy(), f)
            }
        }
    )*};
}
show!(WideStr<'_>, WideString);

impl fmt::Debug for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf16_lossy(&self.0), f)
    }
}

/// Upper case of one unit: Unicode's mapping, if it gives one unit and does not turn
/// another letter into an ASCII one (so that Turkish dotless i is not `I`).
fn upcase(unit: u16) -> u16 {
    match unit {
        0x61..=0x7A => return unit ^ 0x20,
        0..0x80 => return unit,
        _ => {}
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
    fn case_is_folded_by_unit_and_never_into_ascii() {
        for (a, b, same) in [
            ("Software", "SOFTWARE", true),
            ("straße", "STRASSE", false),
            ("дА", "Да", true),
            ("ı", "I", false),
            ("i", "İ", false),
            ("ſ", "S", false),
            ("a", "ab", false),
        ] {
            let (a, b) = (WideString::from(a), WideString::from(b));
            assert_eq!(a.as_wide().eq_ignore_case(b.as_wide()), same, "{a} {b}");
            assert_eq!(a.as_wide().fold() == b.as_wide().fold(), same, "{a} {b}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_kept_and_named() {
        let name = WideString::from_bytes(vec![b'a', 0, 0x00, 0xD8, b'b', 0]).unwrap();
        assert_eq!(name.as_wide().to_text(), Err(LoneSurrogate { unit: 1 }));
        assert_eq!(name.to_string(), "a\u{FFFD}b");
        assert_eq!(name.as_wide().as_bytes(), [b'a', 0, 0x00, 0xD8, b'b', 0]);
    }

    #[test]
    fn splitting_keeps_empty_parts() {
        let parts = |text: &str| -> Vec<String> {
            WideString::from(text).as_wide().split(b';').map(WideStr::to_text_lossy).collect()
        };
        assert_eq!(parts("a;;b"), ["a", "", "b"]);
        assert_eq!(parts(""), [""]);
        assert_eq!(parts(";"), ["", ""]);
    }

    #[test]
    fn a_key_lies_below_another_only_at_a_backslash() {
        let below = |a: &str, b: &str| Folded::from(a).is_at_or_below(&Folded::from(b));
        assert!(below(r"Software\A", "SOFTWARE"));
        assert!(below("Software", "SOFTWARE"));
        assert!(!below("Softwares", "Software"));
    }
}
