//! gpol's own state file: which policy is wanted, as YAML, JSON or TOML, with one model.
//!
//! ```yaml
//! apiVersion: gpol/v1
//! kind: PolicySet
//! computer:
//!   policies:
//!     - policy: Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY
//!       state: disabled
//!   registry:
//!     - key: SOFTWARE\Policies\Acme\Agent
//!       value: Tier
//!       type: sz
//!       data: gold
//! ```
//!
//! * [`parse`] reads a file; every doubt is an error with line and column, nothing is guessed or left out;
//! * [`resolve`] makes records of it, with the templates that its policies come from;
//! * [`export`] makes a state of a policy file: policies where exactly their records come back, records elsewhere;
//! * [`render`] writes one;
//! * [`with_ids`] puts ids in the place of names, and touches nothing else of a file.
//!
//! What the words cannot carry (types without a name, data that do not fit their type, other directives, lone
//! surrogates) is a `raw` record, in hexadecimal; so every policy file has a state file that gives back its bytes.

mod export;
mod ids;
mod read;
mod render;
mod resolve;
mod words;
mod wrong;

use polfile::{Record, ValueType};

use super::lgpo::Scope;

pub use export::export;
pub use ids::{Rewritten, with_ids};
pub use read::{Notation, parse};
pub use render::render;
pub(crate) use resolve::by_id;
pub use resolve::{Absent, Named, Resolved, resolve};
pub use words::typed;

/// What `apiVersion` says.
pub const API_VERSION: &str = "gpol/v1";
/// What `kind` says.
pub const KIND: &str = "PolicySet";
/// JSON Schema (2020-12) of state files.
pub const SCHEMA: &str = include_str!("state/schema.json");

/// A place in a state file; both numbers are 0 for what comes from no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl At {
    fn error(self, what: impl Into<String>) -> super::TextError {
        super::TextError::new(self.line, self.column, what)
    }
}

/// A state file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateFile {
    /// What people call it.
    pub metadata: Metadata,
    /// Files that this one builds on, weaker ones first, as they are written there.
    pub extends: Vec<(String, At)>,
    /// Namespaces that the templates must have.
    pub require: Vec<(String, At)>,
    /// Language of the names in it.
    pub language: Option<String>,
    /// What becomes of settings that the file does not name.
    pub unmanaged: Unmanaged,
    /// What is wanted, one for each scope that is named.
    pub sides: Vec<Side>,
    /// What an image's registry must hold; only to check.
    pub facts: Vec<Fact>,
    /// What must come out when all layers are considered; only to check.
    pub verdicts: Vec<Verdict>,
    /// Findings that are accepted for a time.
    pub waivers: Vec<Waiver>,
}

/// What people call a state file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Short name.
    pub name: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// What becomes of settings that a state file does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unmanaged {
    /// They stay.
    #[default]
    Keep,
    /// They stay and are listed.
    Report,
    /// They go, if the command line says so, too.
    Remove,
}

/// What is wanted of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Whose.
    pub scope: Scope,
    /// Where the records go.
    pub order: Order,
    /// Keys whose last component the records of policies spell as it stands here; the registry does not care.
    pub spelling: Vec<String>,
    /// By policy.
    pub policies: Vec<WantedPolicy>,
    /// By record.
    pub registry: Vec<WantedRecord>,
}

/// In which order the records of a side stand in a policy file that is made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Where the Group Policy editor would put them; one record for a value.
    #[default]
    Editor,
    /// As they are listed; `raw` records may repeat a value.
    Listed,
}

/// A policy and the state it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedPolicy {
    /// Where it stands.
    pub at: At,
    /// Where its name stands.
    pub name_at: At,
    /// Id, display name or path.
    pub policy: String,
    /// The state.
    pub state: WantedState,
    /// Elements by id or label, only where enabled.
    pub elements: Vec<WantedElement>,
    /// Why it is wanted.
    pub reason: Option<String>,
    /// Who asked for it.
    pub ticket: Option<String>,
    /// Whether it may contradict a file that this one builds on.
    pub overrides: bool,
    /// Display name, written as a comment.
    pub comment: Option<String>,
}

/// The three words for a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedState {
    /// As the template's Enabled.
    Enabled,
    /// As the template's Disabled.
    Disabled,
    /// No record.
    NotConfigured,
}

impl WantedState {
    /// `enabled`, `disabled`, `not-configured`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::NotConfigured => "not-configured",
        }
    }
}

/// An element and what it is to be set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedElement {
    /// Where its name stands.
    pub name_at: At,
    /// Where its value stands.
    pub at: At,
    /// Id, or the text of its control.
    pub name: String,
    /// The value.
    pub value: ElementWord,
}

/// The value of an element as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElementWord {
    /// A number, or the number behind an item.
    Number(u64),
    /// A check box.
    Bool(bool),
    /// Text, or an item's.
    Text(String),
    /// Lines, or entries without names.
    List(Vec<String>),
    /// Entries with names.
    Named(Vec<(String, String)>),
}

/// A record that is wanted, or wanted away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedRecord {
    /// Where it stands.
    pub at: At,
    /// What is wanted.
    pub wanted: Wanted,
    /// Why it is wanted.
    pub reason: Option<String>,
}

/// What is wanted of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This record, written in words.
    Record(Record),
    /// This record, written as `raw`.
    Raw(Record),
    /// No record for this value: key and value name.
    Forget(String, String),
}

/// What a value in a hive of an image must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Where it stands.
    pub at: At,
    /// `SYSTEM`, `SOFTWARE`, …
    pub hive: String,
    /// Below the hive; in `SYSTEM`, below the control set of the next boot.
    pub key: String,
    /// Name of the value, empty for the default value.
    pub value: String,
    /// Type and data.
    pub equals: (ValueType, Vec<u8>),
}

/// What a policy must come to when all layers are considered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Where it stands.
    pub at: At,
    /// Id, display name or path.
    pub policy: String,
    /// The state at the next boot.
    pub next_boot: WantedState,
}

/// A finding that is accepted for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Where it stands.
    pub at: At,
    /// Which rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Last day, `YYYY-MM-DD`.
    pub expires: String,
}

#[cfg(test)]
mod tests;
