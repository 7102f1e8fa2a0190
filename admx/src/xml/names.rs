//! Which characters XML allows where: [XML 1.0](https://www.w3.org/TR/xml/) 2.2 and 2.3.

/// `S`: blank, tab, line feed, carriage return.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// `Char`: what may stand in a document.
pub(super) fn is_allowed(c: char) -> bool {
    !matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}')
}

/// Offset of the first character that may not stand in a document.
pub(super) fn first_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    // Whole blocks without an early way out, so that the compiler can compare many bytes at once.
    let control = |b: u8| u8::from(b < 0x20) & u8::from(b != b'\t') & u8::from(b != b'\n') & u8::from(b != b'\r');
    let suspicious = bytes.chunks(4096).any(|block| block.iter().fold(0, |found, &b| found | control(b)) != 0);
    // U+FFFE and U+FFFF
    let non_characters =
        || memchr::memchr_iter(0xEF, bytes).any(|at| matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])));
    if !suspicious && !non_characters() {
        return None;
    }
    text.find(|c| !is_allowed(c))
}

/// `NameStartChar` without the colon.
pub(super) fn starts_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` without the colon.
fn continues_name(c: char) -> bool {
    starts_name(c) || matches!(c, '0'..='9' | '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The qualified name that a text begins with: its length up to the byte that `ends` it, and its prefix (empty if there
/// is none) and local part, `None` if it isn't a name.
pub(super) fn read(text: &str, ends: impl Fn(u8) -> bool) -> (usize, Option<(&str, &str)>) {
    let bytes = text.as_bytes();
    // Nearly all names are plain ASCII without prefix.
    let plain = bytes.iter().take_while(|&&b| is_plain(b)).count();
    let begins = bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    if begins && bytes.get(plain).is_none_or(|&b| ends(b)) {
        return (plain, Some(("", &text[..plain])));
    }
    let length = bytes.iter().take_while(|&&b| !ends(b)).count();
    (length, split(&text[..length]))
}

/// Whether a byte may continue a name, and is no part of a longer character.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.')
}

/// Prefix and local part of a qualified name.
fn split(name: &str) -> Option<(&str, &str)> {
    let (prefix, local) = match name.split_once(':') {
        Some(("", _)) => return None,
        Some(parts) => parts,
        None => ("", name),
    };
    let is_name = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(starts_name) && chars.all(continues_name)
    };
    (is_name(local) && (prefix.is_empty() || is_name(prefix))).then_some((prefix, local))
}
