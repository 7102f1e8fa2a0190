//! Bytes of a template file to text.
//!
//! | bytes                                   | decoded as |
//! |-----------------------------------------|------------|
//! | `EF BB BF` first                        | UTF-8      |
//! | `FF FE` or `FE FF` first                | UTF-16     |
//! | no mark, `00` at every second byte      | UTF-16     |
//! | anything else                           | UTF-8      |
//!
//! The XML declaration is not asked: in practice UTF-8 files say `utf-16`, UTF-16 files say `utf-8` or `unicode`.
//! Only where the bytes can't be UTF-8 a single-byte encoding that it names is believed.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// A decoded file; most are borrowed from their bytes.
#[derive(Debug)]
pub(crate) struct Decoded<'b> {
    /// The whole text without its byte order mark.
    pub text: Cow<'b, str>,
    /// Where the text behind the XML declaration starts.
    pub body: usize,
}

/// Why bytes are no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the file is empty")]
    Empty,
    #[error("the bytes at offset {0:#x} are not valid UTF-8")]
    Utf8(usize),
    #[error("the bytes at offset {0:#x} are not valid UTF-16")]
    Utf16(usize),
    #[error("the file has {0} bytes; templates of 4 GiB and more are not read")]
    TooLong(usize),
}

/// Decodes a file and finds the end of its XML declaration.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    let text = match bytes {
        [] => return Err(DecodeError::Empty),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest, 3)?,
        [0xFF, 0xFE, rest @ ..] => utf16(UTF_16LE, rest, 2)?,
        [0xFE, 0xFF, rest @ ..] => utf16(UTF_16BE, rest, 2)?,
        all if every_second_is_zero(all, 1) => utf16(UTF_16LE, all, 0)?,
        all if every_second_is_zero(all, 0) => utf16(UTF_16BE, all, 0)?,
        _ => utf8(bytes, 0)?,
    };
    if u32::try_from(text.len()).is_err() {
        return Err(DecodeError::TooLong(text.len()));
    }
    if text.trim().is_empty() {
        return Err(DecodeError::Empty);
    }
    let body = declaration_end(&text);
    Ok(Decoded { text, body })
}

/// Looks at the start only: later text may be in any script.
fn every_second_is_zero(bytes: &[u8], parity: usize) -> bool {
    let start = &bytes[..bytes.len().min(16)];
    start.len() >= 4 && start.iter().enumerate().all(|(i, &b)| (b == 0) == (i % 2 == parity))
}

fn utf8(bytes: &[u8], skipped: usize) -> Result<Cow<'_, str>, DecodeError> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).or_else(|error| {
        declared(bytes)
            .filter(|encoding| encoding.is_single_byte())
            .and_then(|encoding| encoding.decode_without_bom_handling_and_without_replacement(bytes))
            .ok_or(DecodeError::Utf8(skipped + error.valid_up_to()))
    })
}

/// The encoding that `<?xml … encoding="…"?>` names.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let end = bytes.windows(2).position(|w| w == b"?>")?;
    let declaration = std::str::from_utf8(&bytes[..end]).ok()?;
    let (_, rest) = declaration.split_once("encoding")?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Encoding::for_label(value.split(quote).nth(1)?.as_bytes())
}

fn utf16<'b>(encoding: &'static Encoding, bytes: &'b [u8], skipped: usize) -> Result<Cow<'b, str>, DecodeError> {
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(text),
        None => Err(DecodeError::Utf16(skipped + first_lone_unit(encoding, bytes))),
    }
}

/// Byte offset of the first surrogate without its other half, or of the odd byte at the end.
fn first_lone_unit(encoding: &'static Encoding, bytes: &[u8]) -> usize {
    let units = bytes.chunks_exact(2).map(|pair| {
        if encoding == UTF_16BE {
            u16::from_be_bytes([pair[0], pair[1]])
        } else {
            u16::from_le_bytes([pair[0], pair[1]])
        }
    });
    let mut offset = 0;
    for decoded in char::decode_utf16(units) {
        match decoded {
            Ok(c) => offset += c.len_utf16() * 2,
            Err(_) => break,
        }
    }
    offset
}

/// White space before the declaration, and a second byte order mark, occur in practice and are skipped with it.
fn declaration_end(text: &str) -> usize {
    let start = text.len() - text.trim_start_matches([' ', '\t', '\r', '\n', '\u{FEFF}']).len();
    let rest = &text[start..];
    let is_declaration = rest.strip_prefix("<?xml").is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n']));
    match rest.find("?>") {
        Some(end) if is_declaration => start + end + 2,
        _ => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn body(bytes: Vec<u8>) -> String {
        let d = decode(&bytes).unwrap();
        d.text[d.body..].to_owned()
    }

    #[test]
    fn the_mark_decides_whatever_the_declaration_says() {
        for declared in ["utf-8", "utf-16", "unicode"] {
            let text = format!("<?xml version='1.0' encoding='{declared}'?><a>ü</a>");
            let mut le = vec![0xFF, 0xFE];
            le.extend(utf16le(&text));
            assert_eq!(body(le), "<a>ü</a>");
            let mut be = vec![0xFE, 0xFF];
            be.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            assert_eq!(body(be), "<a>ü</a>");
            let mut utf8 = b"\xEF\xBB\xBF".to_vec();
            utf8.extend(text.bytes());
            assert_eq!(body(utf8), "<a>ü</a>");
            assert_eq!(body(text.clone().into_bytes()), "<a>ü</a>");
            assert_eq!(body(utf16le(&text)), "<a>ü</a>");
        }
    }

    #[test]
    fn space_before_the_declaration_is_accepted() {
        assert_eq!(body(b"\r\n <?xml version=\"1.0\"?>\n<a/>".to_vec()), "\n<a/>");
        assert_eq!(body(b"\xEF\xBB\xBF\xEF\xBB\xBF<a/>".to_vec()), "<a/>");
        assert_eq!(body(b"<?xml-stylesheet href='x'?><a/>".to_vec()), "<?xml-stylesheet href='x'?><a/>");
    }

    #[test]
    fn what_is_no_text_says_where() {
        assert_eq!(decode(b"").unwrap_err(), DecodeError::Empty);
        assert_eq!(decode(b"\xEF\xBB\xBF \n").unwrap_err(), DecodeError::Empty);
        assert_eq!(decode(b"<a>\xFC</a>").unwrap_err(), DecodeError::Utf8(3));
        assert_eq!(decode(b"\xEF\xBB\xBF<a>\xFC</a>").unwrap_err(), DecodeError::Utf8(6));
        let mut odd = utf16le("<abc/>");
        odd.push(b'x');
        assert_eq!(decode(&odd).unwrap_err(), DecodeError::Utf16(12));
        let lone = [b"\xFF\xFE".to_vec(), utf16le("<a>"), vec![0x00, 0xD8], utf16le("</a>")].concat();
        assert_eq!(decode(&lone).unwrap_err(), DecodeError::Utf16(8));
    }

    #[test]
    fn a_declared_single_byte_encoding_helps_where_utf8_fails() {
        assert_eq!(body(b"<?xml version='1.0' encoding='windows-1252'?><a>\xFC</a>".to_vec()), "<a>ü</a>");
    }
}
