//! A hive as a whole: opened once, read by calls that fail one by one.

use std::fmt;

use crate::base_block::BaseBlock;
use crate::bins::Bins;
use crate::cell::{Cell, Link};
use crate::error::{HiveError, Part};
use crate::key::Key;
use crate::recover::recover;
use crate::state::HiveState;

/// A registry hive. Owns its bytes; keys, values and data borrow from it.
///
/// ```no_run
/// use hive::Hive;
///
/// let hive = Hive::parse(std::fs::read("/mnt/Windows/System32/config/SYSTEM")?)?;
/// if let Some(key) = hive.open(r"ControlSet001\Control\Terminal Server")?
///     && let Some(value) = key.value("fDenyTSConnections")?
/// {
///     println!("{} {:?}", value.value_type(), value.data()?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Hive {
    file: Vec<u8>,
    base: BaseBlock,
    bins: Bins,
    state: HiveState,
}

impl Hive {
    /// Reads a hive without its logs. Takes a `Vec` as it is; copies a slice.
    ///
    /// # Errors
    ///
    /// Only if nothing could be read at all: no hive, a version not known, a base block cut off. What
    /// is wrong further down is in [`problems`](Self::problems), or an error of the call that meets it.
    pub fn parse(file: impl Into<Vec<u8>>) -> Result<Self, HiveError> {
        Self::parse_with_logs(file, None, None)
    }

    /// Reads a hive and, if it is dirty, replays its logs in memory. A single `.LOG` goes in as `log1`.
    ///
    /// A log that is damaged or belongs to another state is no error: [`state`](Self::state) says what became of it.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn parse_with_logs(
        file: impl Into<Vec<u8>>,
        log1: Option<&[u8]>,
        log2: Option<&[u8]>,
    ) -> Result<Self, HiveError> {
        let mut file = file.into();
        let (base, state) = recover(&mut file, log1, log2)?;
        let bins = Bins::map(&file, base.bins_size);
        Ok(Self { file, base, bins, state })
    }

    /// Whether the last write of the hive came to its end, and if not, what its logs could do.
    pub fn state(&self) -> &HiveState {
        &self.state
    }

    /// The header; after a replay, as it is then.
    pub fn base_block(&self) -> &BaseBlock {
        &self.base
    }

    /// The hive as it is read: the file, or the file after the replay of its logs.
    pub fn as_bytes(&self) -> &[u8] {
        &self.file
    }

    /// What is damaged in the bins: pages that are no bin, bins whose chain of cells breaks, an end
    /// cut off. Keys and values may be whole all the same, and others damaged that lie in whole bins.
    pub fn problems(&self) -> &[HiveError] {
        self.bins.problems()
    }

    /// The key at the top, whose name is in no path.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn root(&self) -> Result<Key<'_>, HiveError> {
        Key::root(self, Link { value: self.base.root_cell, at: 36, part: Part::RootKey })
    }

    /// The key at this path from below the root, in any case; the root for the empty path.
    /// Empty components are passed over.
    ///
    /// Symbolic links are not followed: the last key of the path may be one
    /// ([`Key::is_symbolic_link`]), but no key on the way.
    ///
    /// # Errors
    ///
    /// If a key on the way is damaged or a symbolic link, so that it cannot be said whether the path exists.
    pub fn open(&self, path: &str) -> Result<Option<Key<'_>>, HiveError> {
        let mut key = self.root()?;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            key.not_a_link()?;
            match key.subkey(name)? {
                Some(below) => key = below,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    pub(crate) fn cell(&self, link: Link) -> Result<Cell<'_>, HiveError> {
        self.bins.cell(&self.file, link)
    }
}

impl fmt::Debug for Hive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hive")
            .field("size", &self.file.len())
            .field("base_block", &self.base)
            .field("state", &self.state)
            .field("problems", &self.problems())
            .finish_non_exhaustive()
    }
}
