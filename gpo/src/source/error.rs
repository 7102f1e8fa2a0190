//! Why a source cannot be read.

use std::io;
use std::path::PathBuf;

use crate::error::Error;
use crate::exchange::TextError;
use crate::exchange::json::JsonError;
use crate::exchange::lgpo::LgpoError;
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

impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        Self::Policy(Box::new(error))
    }
}
