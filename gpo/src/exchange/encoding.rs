//! Bytes of a text file to text.

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text of a file: by its byte order mark; UTF-16 without one where every second byte is 0 at the start; UTF-8 where
/// all of it is valid; else Windows-1252.
pub fn decode(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0,
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0,
        [0xEF, 0xBB, 0xBF, rest @ ..] => UTF_8.decode_without_bom_handling(rest).0,
        all if every_second_is_zero(all, 1) => UTF_16LE.decode_without_bom_handling(all).0,
        all if every_second_is_zero(all, 0) => UTF_16BE.decode_without_bom_handling(all).0,
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => return text.to_owned(),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
        },
    };
    text.into_owned()
}

/// Looks at the start only: later text may be in any script.
fn every_second_is_zero(bytes: &[u8], parity: usize) -> bool {
    let start = bytes.get(..16).unwrap_or(bytes);
    start.len() >= 4 && start.iter().enumerate().all(|(i, &byte)| (byte == 0) == (i % 2 == parity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_by_its_mark_then_as_utf_8_then_as_windows_1252() {
        assert_eq!(decode(b"\xFF\xFEa\0"), "a");
        assert_eq!(decode(b"\xFE\xFF\0a"), "a");
        assert_eq!(decode("Да".as_bytes()), "Да");
        assert_eq!(decode(b"\xEF\xBB\xBFa"), "a");
        assert_eq!(decode(b"Gr\xFC\x80e"), "Grü€e");
        assert_eq!(decode(b"a\0b\0c\0"), "abc");
        assert_eq!(decode(b"\0a\0b\0c"), "abc");
    }
}
