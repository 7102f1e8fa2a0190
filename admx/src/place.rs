//! Offsets in a file's text to lines and columns.
//!
//! Counting lines costs as much as finding the markup, and nearly no place is ever asked for. So offsets are kept, and
//! the file is read again for the few that are.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::builtin;
use crate::decode::decode;
use crate::file::{self, Limit};

/// Line and column in a file's text, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// Turns offsets of one text into places. Fast when the offsets ascend.
#[derive(Debug)]
pub(crate) struct Lines {
    offset: usize,
    line: u32,
    line_start: usize,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Lines { offset: 0, line: 1, line_start: 0 }
    }

    pub(crate) fn place(&mut self, text: &str, offset: u32) -> Place {
        let offset = (offset as usize).min(text.len());
        if offset < self.offset {
            *self = Lines::new();
        }
        let passed = &text.as_bytes()[self.offset..offset];
        let breaks = passed.iter().filter(|&&b| b == b'\n').count();
        if let Some(last) = passed.iter().rposition(|&b| b == b'\n') {
            self.line_start = self.offset + last + 1;
        }
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.offset = offset;
        let before = text.get(self.line_start..offset).unwrap_or_default();
        let column = u32::try_from(before.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
        Place { line: self.line, column }
    }
}

/// Places in files that were read before. Fast when they come file by file.
pub(crate) struct Places {
    builtin: bool,
    current: Option<(PathBuf, Option<Cow<'static, str>>, Lines)>,
}

impl Places {
    pub(crate) fn new(builtin: bool) -> Self {
        Places { builtin, current: None }
    }

    /// `None` if the file can't be read any more.
    pub(crate) fn of(&mut self, file: &Path, offset: u32) -> Option<Place> {
        if self.current.as_ref().is_none_or(|(path, ..)| path != file) {
            self.current = Some((file.to_owned(), self.text(file), Lines::new()));
        }
        let (_, text, lines) = self.current.as_mut()?;
        Some(lines.place(text.as_deref()?, offset))
    }

    fn text(&self, path: &Path) -> Option<Cow<'static, str>> {
        if self.builtin {
            return builtin::text(path).map(Cow::Borrowed);
        }
        let bytes = file::read(path, Limit::TEMPLATE).ok()?;
        decode(&bytes).ok().map(|decoded| Cow::Owned(decoded.text.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_may_go_back() {
        let text = "ab\r\nçd\n\nx";
        let mut lines = Lines::new();
        let mut at = |offset| {
            let place = lines.place(text, offset);
            (place.line, place.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(6), (2, 2));
        assert_eq!(at(9), (4, 1));
        assert_eq!(at(1), (1, 2));
        assert_eq!(at(900), (4, 2));
    }

    #[test]
    fn a_file_that_is_gone_has_no_places() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.admx");
        std::fs::write(&path, "\u{FEFF}a\nb").unwrap();
        assert_eq!(Places::new(false).of(&path, 2), Some(Place { line: 2, column: 1 }));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Places::new(false).of(&path, 2), None);
    }
}
