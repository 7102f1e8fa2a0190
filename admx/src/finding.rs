//! Coded observations about template files.

mod codes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::place::{Lines, Place};
pub use codes::Code;

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

impl Finding {
    /// Of the worst severity of its kind, without a place.
    pub(crate) fn new(code: Code, file: &Path, message: String) -> Self {
        Finding { code: code.id, severity: code.severity(), file: file.to_owned(), place: None, message, help: None }
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(crate) fn place(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    pub(crate) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }
}

/// A finding whose place is to be found when somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct Noticed {
    pub finding: Finding,
    /// In its file; `None` if it has its place, or none.
    pub offset: Option<u32>,
}

impl From<Finding> for Noticed {
    fn from(finding: Finding) -> Self {
        Noticed { finding, offset: None }
    }
}

/// A finding of a file being parsed: the offset becomes a [`Place`] when the parsing ends.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub code: Code,
    pub severity: Severity,
    pub offset: u32,
    pub message: String,
    pub help: Option<&'static str>,
}

impl Draft {
    /// Of the worst severity of its kind.
    pub(crate) fn new(code: Code, offset: u32, message: String) -> Self {
        Draft { code, severity: code.severity(), offset, message, help: None }
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(crate) fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }
}

/// Findings with places, in the order of the file.
pub(crate) fn placed(file: &Path, text: &str, mut drafts: Vec<Draft>) -> Vec<Finding> {
    let mut lines = Lines::new();
    drafts.sort_by_key(|draft| draft.offset);
    let placed = drafts.into_iter().map(|draft| {
        Finding::new(draft.code, file, draft.message)
            .severity(draft.severity)
            .place(Some(lines.place(text, draft.offset)))
            .help(draft.help.map(str::to_owned))
    });
    placed.collect()
}
