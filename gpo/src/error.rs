//! Why an operation on a GPO failed. One kind for each thing that a person would do about it.

use std::io;
use std::path::PathBuf;

use admx::{InputError, LoadError, Side};
use polfile::ParseError;

use crate::backup_xml::BackupXmlError;
use crate::bookkeeping::DirectoryError;
use crate::comments::CommentsError;
use crate::desired::Overruled;
use crate::extensions::ExtensionListError;
use crate::gpt_ini::{GptIniError, Obstacle};
use crate::plan::CommitError;
use crate::scope::Scope;
use crate::target::{Kind, TargetError};
use crate::transaction::TransactionError;

/// Why an operation on a GPO failed. Whatever it is, no file was changed unless [`CommitError`] says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was pointed at is no target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The templates cannot be read.
    #[error(transparent)]
    Templates(#[from] LoadError),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A policy file is malformed.
    #[error("{}: {error}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// All its bytes, to show those around the wrong one.
        bytes: Vec<u8>,
        /// What is wrong, and where.
        error: ParseError,
    },
    /// `gpt.ini` cannot be understood.
    #[error("{}: {error}", path.display())]
    GptIni {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: GptIniError,
    },
    /// What is written into `gpt.ini` may not be seen by Windows.
    #[error("{}: {obstacle}; whether Windows sees what stands there is not known", path.display())]
    Unseen {
        /// The file.
        path: PathBuf,
        /// Why.
        obstacle: Obstacle,
    },
    /// An extension list in `gpt.ini` cannot be understood.
    #[error("{}: extension list of the {side} side: {error}", path.display())]
    Extensions {
        /// The file.
        path: PathBuf,
        /// Whose list.
        side: Side,
        /// What is wrong.
        error: ExtensionListError,
    },
    /// The file of administrators' comments cannot be understood, or the comment cannot stand in it.
    #[error("{}: {error}", path.display())]
    Comments {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: CommentsError,
    },
    /// A file of another format cannot be understood.
    #[error("{}: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A bare policy file has no place for comments.
    #[error("{} is a policy file alone; comments have their place in the GPO's folder", .0.display())]
    NoPlaceForComments(PathBuf),
    /// A bare policy file has no version.
    #[error("{} is a policy file alone; the version is its GPO's", .0.display())]
    NoVersion(PathBuf),
    /// Entries that differ only by case: Windows sees one of them, and nothing says which.
    #[error("{} is not alone: {} differs only by case", path.display(), twin.display())]
    Twins {
        /// The one that was found.
        path: PathBuf,
        /// Another.
        twin: PathBuf,
    },
    /// The target has no place for this side.
    #[error("{} holds the {has} side, not the {wanted} side", path.display())]
    OtherSide {
        /// The policy file.
        path: PathBuf,
        /// The side it belongs to.
        has: Side,
        /// The side that was asked for.
        wanted: Side,
    },
    /// The target has no per-user local GPOs.
    #[error("{} has no place for the scope {scope}: it is a {}", path.display(), kind.name())]
    NoScope {
        /// The target.
        path: PathBuf,
        /// What it is.
        kind: Kind,
        /// The scope that was asked for.
        scope: Scope,
    },
    /// The Windows inside is hibernated; it would not see the change, and could destroy the file system.
    #[error("the Windows in {} is hibernated: {} is active", path.display(), file.display())]
    Hibernated {
        /// The target.
        path: PathBuf,
        /// `hiberfil.sys`.
        file: PathBuf,
    },
    /// A client's cache of a domain GPO, which Windows alone writes.
    #[error("{} is a client's cache of a domain GPO", .0.display())]
    Cached(PathBuf),
    /// The half of a domain GPO that is in Active Directory cannot be changed along.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// `Backup.xml` cannot be understood, or not changed without guessing.
    #[error("{}: {error}", path.display())]
    BackupXml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: BackupXmlError,
    },
    /// A value is to be set only if it is missing, and the file deletes it before that.
    #[error("{}: a value is to be set only if it is missing, and the file deletes it before", path.display())]
    Overruled {
        /// The policy file.
        path: PathBuf,
        /// What is wanted, and what is in its way.
        overruled: Box<Overruled>,
    },
    /// The wanted state cannot be written.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The files could not be replaced.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The change could not be made, or not be undone.
    #[error(transparent)]
    Transaction(TransactionError),
}

impl From<TransactionError> for Error {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Commit(error) => Self::Commit(error),
            other => Self::Transaction(other),
        }
    }
}
