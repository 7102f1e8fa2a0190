//! What was looked for to recognise a target: each decision, in order.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::place::{Found, Listings, find};

/// One thing that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What, as people write it: `Windows/System32/GroupPolicy`.
    pub what: String,
    /// Whether it is there.
    pub found: bool,
    /// Where, as it is spelled there.
    pub path: Option<PathBuf>,
}

/// The probes in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct Trail(Vec<Probe>);

impl Trail {
    /// Looks for `names`, one below the other, in any letter case; see [`find`].
    pub(super) fn find(&mut self, root: &Path, names: &[&str]) -> io::Result<Option<Found>> {
        let found = find(root, names)?;
        self.note(names.join("/"), found.as_ref().map(|found| &*found.path));
        Ok(found)
    }

    /// Looks for an entry beside a folder, in what may have been listed already.
    pub(super) fn find_beside(
        &mut self,
        listings: &mut Listings,
        folder: &Path,
        name: &str,
    ) -> io::Result<Option<Found>> {
        let found = listings.find(folder, name)?;
        self.note(name, found.as_ref().map(|found| &*found.path));
        Ok(found)
    }

    /// Notes what was looked for in another way.
    pub(super) fn note(&mut self, what: impl Into<String>, path: Option<&Path>) {
        let path = path.map(Path::to_path_buf);
        self.0.push(Probe { what: what.into(), found: path.is_some(), path });
    }

    /// The probes.
    pub fn into_probes(self) -> Vec<Probe> {
        self.0
    }
}
