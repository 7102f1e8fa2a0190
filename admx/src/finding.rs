//! Coded observations about template files.

use std::fmt;
use std::path::PathBuf;

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, nothing is wrong.
    Note,
    /// Something does not do what its author meant.
    Warning,
    /// A file, or a part of it, is unusable, or Windows' editor stops at it.
    Error,
}

impl Severity {
    /// `"note"`, `"warning"` or `"error"`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Line and column in a file's text, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// Something about a template file that somebody should know.
///
/// Displayed as `TerminalServer.admx:12:5: ADMX003: string "X" is not in …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `"ADMX001"`, …; the code keeps its meaning for ever.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The file it is about; for a whole store, the folder.
    pub file: PathBuf,
    /// Where in the file, if it is about a place in it.
    pub place: Option<Place>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}: {}", self.code, self.message)
    }
}

/// A finding of a file being parsed: the offset becomes a [`Place`] when the parsing ends.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub code: &'static str,
    pub severity: Severity,
    pub offset: u32,
    pub message: String,
    pub help: Option<String>,
}

impl Draft {
    pub(crate) fn new(code: &'static str, severity: Severity, offset: u32, message: String) -> Self {
        Draft { code, severity, offset, message, help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Turns offsets of a text into places. Fast when the offsets ascend.
pub(crate) struct Lines<'t> {
    text: &'t str,
    offset: usize,
    line: u32,
    line_start: usize,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Lines { text, offset: 0, line: 1, line_start: 0 }
    }

    pub(crate) fn place(&mut self, offset: u32) -> Place {
        let offset = (offset as usize).min(self.text.len());
        if offset < self.offset {
            *self = Lines::new(self.text);
        }
        let passed = &self.text.as_bytes()[self.offset..offset];
        let breaks = passed.iter().filter(|&&b| b == b'\n').count();
        if let Some(last) = passed.iter().rposition(|&b| b == b'\n') {
            self.line_start = self.offset + last + 1;
        }
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.offset = offset;
        let before = self.text.get(self.line_start..offset).unwrap_or_default();
        let column = u32::try_from(before.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
        Place { line: self.line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_may_go_back() {
        let text = "ab\r\nçd\n\nx";
        let mut lines = Lines::new(text);
        let at = |l: &mut Lines, o| {
            let p = l.place(o);
            (p.line, p.column)
        };
        assert_eq!(at(&mut lines, 0), (1, 1));
        assert_eq!(at(&mut lines, 6), (2, 2));
        assert_eq!(at(&mut lines, 9), (4, 1));
        assert_eq!(at(&mut lines, 1), (1, 2));
        assert_eq!(at(&mut lines, 900), (4, 2));
    }

    #[test]
    fn a_finding_reads_like_a_compiler_message() {
        let f = Finding {
            code: "ADMX003",
            severity: Severity::Error,
            file: "a.admx".into(),
            place: Some(Place { line: 3, column: 9 }),
            message: "m".into(),
            help: None,
        };
        assert_eq!(f.to_string(), "a.admx:3:9: ADMX003: m");
        assert!(Severity::Error > Severity::Note);
    }
}
