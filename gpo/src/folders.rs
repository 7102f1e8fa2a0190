//! What a walk through folders must know: which folder it is in, by whatever path, and where a link would take it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What tells a folder from all others, by whatever path it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] PathBuf);

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = fs::metadata(folder)?;
        Ok(Self((metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        fs::canonicalize(folder).map(Self)
    }
}

/// Where a link leads.
pub(crate) enum Leads {
    /// To something in the folder that was asked about.
    Inside,
    /// To something outside of it, or above it.
    Out(PathBuf),
    /// To nothing that can be reached.
    Nowhere(io::Error),
}

/// Where a link leads, seen from a folder by its real path.
pub(crate) fn leads(link: &Path, root: &Path) -> Leads {
    match fs::canonicalize(link) {
        Ok(real) if real.starts_with(root) => Leads::Inside,
        Ok(real) => Leads::Out(real),
        Err(error) => Leads::Nowhere(error),
    }
}
