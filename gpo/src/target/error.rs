//! Why a path is no target.

use std::io;
use std::path::PathBuf;

/// Why a target is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Nothing is there.
    #[error("{} does not exist", .0.display())]
    NotFound(PathBuf),
    /// An image of a disk; gpol works on what is mounted.
    #[error("{} is a {format}; gpol works on mounted file systems", path.display())]
    DiskImage {
        /// The file.
        path: PathBuf,
        /// What kind of image.
        format: &'static str,
    },
    /// A folder of several GPOs, where one is asked for.
    #[error("{} holds {count} GPOs", path.display())]
    Several {
        /// The folder.
        path: PathBuf,
        /// How many.
        count: usize,
        /// One of them.
        one: PathBuf,
    },
    /// A folder that holds no policy.
    #[error("{} is no folder that gpol knows: no Windows installation, no local GPO, no domain GPO, no GPO backup", .0.display())]
    Unknown(PathBuf),
    /// The system refused to read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
