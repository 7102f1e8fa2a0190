//! Other formats that hold registry policy: how each is read, how it is written, and what it cannot carry.
//!
//! A reader gives [`Entry`]s, in the order of the text: a record, whose it is, and the line it stands in. A writer
//! takes the records of one or more scopes and gives, beside the text, a [`Loss`] for every record that would not
//! come back as it was. Nothing here decides whether a loss is acceptable; the caller does.

pub mod backup;
pub mod csv;
mod encoding;
pub mod gpp;
pub mod json;
pub mod lgpo;
mod markup;
pub mod policy_rules;
pub mod reg;
pub mod samba;
mod sniff;
pub mod state;
mod tree;

use std::collections::HashMap;

use polfile::{Action, KeyProblem, PolicyFile, Record, RecordRef, Value};

use lgpo::Scope;

pub use encoding::decode;
pub use sniff::{Sniffed, sniff};

/// A record that a text holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Line where it begins, counted from 1.
    pub line: usize,
    /// Whose policy.
    pub scope: Scope,
    /// The record.
    pub record: Record,
}

impl Entry {
    /// Something about the key that Windows may trip over.
    pub fn problem(&self) -> Option<KeyProblem> {
        KeyProblem::of(self.record.as_ref().key)
    }
}

/// What a text holds that is no registry policy, or that this program has no record for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// What it is: `SecurityTemplate "System Access"`.
    pub what: String,
    /// How many of them.
    pub count: usize,
    /// Line of the first, counted from 1; 0 where there are no lines.
    pub line: usize,
}

/// What is set aside, by its kind.
#[derive(Default)]
struct Asides {
    list: Vec<Aside>,
    places: HashMap<String, usize>,
}

impl Asides {
    /// Adds one to the count of its kind.
    fn add(&mut self, what: String, line: usize) {
        match self.places.get(&what).and_then(|&at| self.list.get_mut(at)) {
            Some(aside) => aside.count = aside.count.saturating_add(1),
            None => {
                self.places.insert(what.clone(), self.list.len());
                self.list.push(Aside { what, count: 1, line });
            }
        }
    }
}

/// Why a text is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct TextError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What would be right, where that can be said.
    pub help: Option<String>,
}

impl TextError {
    /// An error at a place.
    pub fn new(line: usize, column: usize, what: impl Into<String>) -> Self {
        Self { line, column, what: what.into(), help: None }
    }

    /// With what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The records of one scope, to write.
#[derive(Clone, Debug)]
pub struct Scoped<'a> {
    /// Whose.
    pub scope: Scope,
    /// The records, in their order.
    pub file: &'a PolicyFile,
}

/// Takes a text and keeps nothing of it: what a writer says of losses is wanted alone.
pub struct Nowhere;

impl std::fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        Ok(())
    }
}

/// A text in memory, which takes all that is written.
fn in_memory<T>(write: impl FnOnce(&mut String) -> Result<T, std::fmt::Error>) -> (String, T) {
    let mut text = String::new();
    let result = write(&mut text).expect("a text in memory takes what is written");
    (text, result)
}

/// A text that was written, and what it does not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text; its encoding in a file is the format's.
    pub text: String,
    /// Records that do not come back from it as they were.
    pub losses: Vec<Loss>,
}

/// A record that a format cannot carry as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Whose record.
    pub scope: Scope,
    /// Record, counted from 0.
    pub record: usize,
    /// Where it begins in its file, in bytes.
    pub offset: usize,
    /// Its value name as it stands in the file; `(Default)` for none.
    pub name: String,
    /// What the format cannot say.
    pub why: String,
    /// Whether the record stands in the text all the same, changed as `why` says.
    pub written: bool,
}

impl Loss {
    fn new(scope: &Scope, record: usize, of: &RecordRef<'_>, why: String, written: bool) -> Self {
        Self { scope: scope.clone(), record, offset: of.offset, name: shown_name(of), why, written }
    }

    /// One line for a header comment.
    fn remark(&self) -> String {
        let how = if self.written { "written, but" } else { "left out:" };
        format!("{}, record {} {} {how} {}", self.scope, self.record.saturating_add(1), self.name, self.why)
    }
}

fn shown_name(record: &RecordRef<'_>) -> String {
    match record.value_name.is_empty() {
        true => "(Default)".to_owned(),
        false => crate::model::shown_name(record.key, record.value_name).lossy(),
    }
}

/// How a record that comes back from a text differs from the one that went in. `None` if it means and is the same.
///
/// A `REG_MULTI_SZ` with other NULs at its end is the same list; a directive in other letter case is the same one.
fn comes_back(old: &RecordRef<'_>, new: &RecordRef<'_>) -> Option<String> {
    if old.key != new.key || !same_name(old, new) {
        return Some(format!("comes back as {} of {}", shown_name(new), new.key.to_text_lossy()));
    }
    let same_list = || match (old.value(), new.value()) {
        (Ok(Value::MultiSz(a)), Ok(Value::MultiSz(b))) => a == b,
        _ => false,
    };
    if (old.value_type, old.data) == (new.value_type, new.data) || same_list() {
        return None;
    }
    let size = |n: usize| format!("{n} byte{}", if n == 1 { "" } else { "s" });
    Some(format!(
        "{} with {} of data comes back as {} with {}",
        old.value_type,
        size(old.data.len()),
        new.value_type,
        new.data.len()
    ))
}

fn same_name(old: &RecordRef<'_>, new: &RecordRef<'_>) -> bool {
    old.value_name == new.value_name
        || match (old.action(), new.action()) {
            (Action::DeleteValue(a), Action::DeleteValue(b)) | (Action::SetIfMissing(a), Action::SetIfMissing(b)) => {
                a == b
            }
            (Action::DeleteAllValues, Action::DeleteAllValues) => true,
            (Action::DeleteKeys(_), Action::DeleteKeys(_)) => true,
            _ => false,
        }
}

/// Why a name cannot stand in a text: no text at all, or with characters that the format has no place for.
fn text_of(what: &str, name: polfile::WideStr<'_>, forbidden: fn(char) -> bool) -> Result<String, String> {
    let text = name.to_text().map_err(|e| format!("the {what} is not valid UTF-16: {e}"))?;
    match text.chars().find(|&c| forbidden(c)) {
        None => Ok(text),
        Some('\r' | '\n') => Err(format!("the {what} holds a line end")),
        Some(c) => Err(format!("the {what} holds the character U+{:04X}", u32::from(c))),
    }
}

/// UTF-16LE bytes of a text.
fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
