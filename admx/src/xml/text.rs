//! Text of elements, with the line ends that [XML 1.0] 2.11 wants.
//!
//! [XML 1.0]: https://www.w3.org/TR/xml/

use std::borrow::Cow;

use memchr::memchr;

/// Text of an element. Nearly all are one piece: line ends are left until it is asked for, so that it is copied once.
#[derive(Clone, Debug)]
pub(crate) enum Text<'t> {
    /// As it stands in the file, in one piece.
    Raw(&'t str),
    /// With line ends of `\n`.
    Made(String),
}

impl<'t> Text<'t> {
    /// With line ends of `\n`.
    pub(crate) fn into_string(self) -> String {
        self.into_cow().into_owned()
    }

    /// With line ends of `\n`.
    pub(crate) fn into_cow(self) -> Cow<'t, str> {
        match self {
            Text::Raw(piece) if memchr(b'\r', piece.as_bytes()).is_none() => Cow::Borrowed(piece),
            Text::Raw(piece) => {
                let mut text = String::new();
                push_lines(&mut text, piece);
                Cow::Owned(text)
            }
            Text::Made(text) => Cow::Owned(text),
        }
    }

    /// Adds a piece as it stands in the file.
    pub(super) fn push(&mut self, piece: &str) {
        push_lines(self.to_mut(), piece);
    }

    pub(super) fn to_mut(&mut self) -> &mut String {
        if let Text::Raw(piece) = self {
            *self = Text::Made(Text::Raw(piece).into_string());
        }
        match self {
            Text::Made(text) => text,
            Text::Raw(_) => unreachable!("made above"),
        }
    }
}

/// Appends text with its line ends as [XML 1.0] 2.11 wants them.
pub(super) fn push_lines(text: &mut String, piece: &str) {
    text.reserve(piece.len());
    let mut rest = piece;
    while let Some(at) = memchr(b'\r', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        text.push('\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    text.push_str(rest);
}
