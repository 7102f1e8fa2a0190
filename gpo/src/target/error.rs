//! Why a path is no target.

use std::io;
use std::path::PathBuf;

use super::{ImageFormat, Kind, Misplaced, with_article};

/// Why a target is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Nothing is there.
    #[error("{} does not exist", .0.display())]
    NotFound(PathBuf),
    /// `local:` where no Windows is running.
    #[error("local: means the Windows that is running, and this is none")]
    NotWindows,
    /// An image of a disk; gpol works on what is mounted.
    #[error("{} is {}; gpol works on mounted file systems", path.display(), with_article(format.name()))]
    DiskImage {
        /// The file.
        path: PathBuf,
        /// What kind of image.
        format: ImageFormat,
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
    /// A folder with so many folders in it that the search for GPOs was given up.
    #[error("{} has too many folders in it to search them all for GPOs", .0.display())]
    TooLarge(PathBuf),
    /// A link that leads out of the target, or above it.
    #[error("{} is a link that leads out of the target, to {}; gpol does not follow it", path.display(), to.display())]
    LeadsOut {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// Something known that holds no policy of its own.
    #[error("{} is {}", path.display(), with_article(kind.name()))]
    Other {
        /// The file or folder.
        path: PathBuf,
        /// What it is.
        kind: Kind,
    },
    /// A folder that holds no policy.
    #[error("gpol finds no policy in {}", path.display())]
    Misplaced {
        /// The folder.
        path: PathBuf,
        /// What it is instead.
        is: Misplaced,
    },
    /// The system refused to read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
