//! Why a source cannot be read.

use std::io;
use std::path::PathBuf;

use crate::error::Error;
use crate::exchange::TextError;
use crate::exchange::json::JsonError;
use crate::exchange::lgpo::{LgpoError, LgpoErrorKind};
use crate::secret::{self, HIDDEN};
use crate::target::TargetError;

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A folder that holds no policy, or nothing there.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A policy file of a target cannot be read.
    #[error(transparent)]
    Policy(Box<Error>),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// LGPO text that LGPO.exe would refuse or change.
    #[error("{}, {error}", path.display())]
    Lgpo {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: Box<LgpoError>,
    },
    /// JSON that is no list of records.
    #[error("{}: {error}", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: Box<JsonError>,
    },
    /// A text of another format.
    #[error("{}, {error}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What the format is called.
        format: &'static str,
        /// What is wrong, and where.
        error: Box<TextError>,
    },
    /// A state file.
    #[error("{}, {error}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: Box<TextError>,
    },
}

impl SourceError {
    /// As it is, where the text that was read names no place of secrets; else without what it quotes of it. A text that
    /// cannot be read does not tell what of it is a secret. The reader of state files quotes no data.
    #[must_use]
    pub fn without_secrets(self, text: &str) -> Self {
        if secret::are_shown() || !secret::may_hold_secrets(text.as_bytes()) {
            return self;
        }
        let unquoted = |error: Box<TextError>| {
            Box::new(TextError { what: secret::without_quotations(&error.what), help: None, ..*error })
        };
        match self {
            Self::Text { path, format, error } => Self::Text { path, format, error: unquoted(error) },
            Self::Lgpo { path, error } => {
                let LgpoError { line, kind } = *error;
                Self::Lgpo { path, error: Box::new(LgpoError { line, kind: of_lgpo(kind) }) }
            }
            Self::Records { path, error } => {
                let error = match *error {
                    JsonError::Json(error) => JsonError::Unquoted(secret::without_quotations(&error.to_string())),
                    other => other,
                };
                Self::Records { path, error: Box::new(error) }
            }
            other => other,
        }
    }
}

fn of_lgpo(kind: LgpoErrorKind) -> LgpoErrorKind {
    let hidden = || HIDDEN.to_owned();
    match kind {
        LgpoErrorKind::Scope(_) => LgpoErrorKind::Scope(hidden()),
        LgpoErrorKind::Action(_) => LgpoErrorKind::Action(hidden()),
        LgpoErrorKind::Number(_) => LgpoErrorKind::Number(hidden()),
        LgpoErrorKind::Byte(_) => LgpoErrorKind::Byte(hidden()),
        other => other,
    }
}

impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        Self::Policy(Box::new(error))
    }
}
