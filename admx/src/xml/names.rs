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
    let control = |b: u8| b < 0x20 && !is_space(b);
    // Whole blocks without an early way out, so that the compiler can compare many bytes at once.
    let suspicious = text.as_bytes().chunks(4096).any(|block| block.iter().fold(false, |found, &b| found | control(b)));
    if !suspicious && (text.is_ascii() || !text.contains(['\u{FFFE}', '\u{FFFF}'])) {
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

/// Prefix (empty if there is none) and local part of a qualified name, `None` if it isn't one.
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let (prefix, local) = match name.split_once(':') {
        Some(("", _)) => return None,
        Some(parts) => parts,
        None => ("", name),
    };
    let is_name = |part: &str| {
        if let (Some(first), true) = (part.bytes().next(), part.is_ascii()) {
            let continues = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            return (first.is_ascii_alphabetic() || first == b'_') && part.bytes().all(continues);
        }
        let mut chars = part.chars();
        chars.next().is_some_and(starts_name) && chars.all(continues_name)
    };
    (is_name(local) && (prefix.is_empty() || is_name(prefix))).then_some((prefix, local))
}
