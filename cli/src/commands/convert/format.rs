//! Which format is written, and what each can carry.

use std::path::Path;

use clap::ValueEnum;
use gpo::exchange::state::Notation;

use crate::error::{Code, CommandError};

/// The table that `docs/formats.md` explains; a test keeps both equal.
pub const LOSS_TABLE: &str = "\
What each format can carry:
                             pol  json yaml lgpo PolicyRules reg  samba csv
  several scopes             no   no   yes  yes  1           1    1     yes
  values of named types      yes  yes  yes  2    2           yes  2     yes
  other types, data that do
    not fit their type       yes  yes  yes  no   no          yes  no    yes
  key alone, **del.          yes  yes  yes  yes  yes         yes  yes   yes
  **delvals.                 yes  yes  yes  yes  yes         no   yes   yes
  **DeleteKeys               yes  yes  yes  yes  yes         3    yes   yes
  other directives           yes  yes  yes  no   yes         no   yes   yes
  names not valid in UTF-16  yes  yes  yes  no   no          no   no    yes
  order of records           yes  yes  yes  yes  yes         yes  yes   yes
  records with one name      yes  yes  yes  yes  yes         yes  no    yes
1 computer and user alone   2 docs/formats.md says which   3 one key, by its name
yaml is toml and state-json, too; a backup holds policy files; csv is written alone.";

/// A format that can be written.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Policy file
    Pol,
    /// LGPO text
    Lgpo,
    /// JSON of records
    Json,
    /// Rules of Policy Analyzer
    #[value(name = "policyrules")]
    PolicyRules,
    /// Registry Editor's text
    Reg,
    /// List for samba-tool gpo load
    SambaJson,
    /// State file
    Yaml,
    /// State file
    Toml,
    /// State file
    StateJson,
    /// Table
    Csv,
    /// GPO backup
    Backup,
}

impl FileFormat {
    /// The one that is asked for, else that of the ending.
    pub fn of(asked: Option<Self>, output: Option<&Path>) -> Result<Self, CommandError> {
        if let Some(format) = asked {
            return Ok(format);
        }
        let name = output.and_then(Path::file_name).unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let endings = [
            (".gpol.json", Self::StateJson),
            (".pol", Self::Pol),
            (".txt", Self::Lgpo),
            (".lgpo", Self::Lgpo),
            (".json", Self::Json),
            (".policyrules", Self::PolicyRules),
            (".reg", Self::Reg),
            (".yaml", Self::Yaml),
            (".yml", Self::Yaml),
            (".toml", Self::Toml),
            (".csv", Self::Csv),
        ];
        let found = endings.into_iter().find(|(ending, _)| name.ends_with(ending));
        found.map(|(_, format)| format).ok_or_else(|| {
            CommandError::new(Code::FORMAT_NEEDED, "the ending of the output file names no format")
                .help("add -f pol, lgpo, json, policyrules, reg, samba-json, yaml, toml, state-json, csv or backup")
        })
    }

    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pol => "a policy file",
            Self::Lgpo => "LGPO text",
            Self::Json => "JSON of records",
            Self::PolicyRules => ".PolicyRules",
            Self::Reg => ".reg",
            Self::SambaJson => "samba-tool's JSON",
            Self::Yaml | Self::Toml | Self::StateJson => "a state file",
            Self::Csv => "CSV",
            Self::Backup => "a GPO backup",
        }
    }

    /// How a state file is written down.
    pub fn notation(self) -> Option<Notation> {
        match self {
            Self::Yaml => Some(Notation::Yaml),
            Self::Toml => Some(Notation::Toml),
            Self::StateJson => Some(Notation::Json),
            _ => None,
        }
    }

    /// Whether it holds the records of one scope and does not say which.
    pub fn has_one_scope(self) -> bool {
        matches!(self, Self::Pol | Self::Json)
    }
}
