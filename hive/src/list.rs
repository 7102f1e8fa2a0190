//! Subkey lists: where the keys below a key are.
//!
//! | offset | bytes     | leaf                                                                       |
//! |--------|-----------|----------------------------------------------------------------------------|
//! | 0      | 2         | `li`, `lf` (version 1.3 on) or `lh` (1.5 on)                               |
//! | 2      | 2         | number of entries                                                          |
//! | 4      | 4 or 8 each | cell of a key; in `lf` and `lh` then a hint: letters of its name, a hash |
//!
//! An `ri` list has the same head and leads to leaves, 4 bytes each, never to another `ri`.
//! The hints only save time to who trusts them: a wrong one would hide a key, so none is read.

use std::collections::HashSet;

use crate::cell::{Cell, Link, wide};
use crate::error::{ErrorKind, HiveError, Part};
use crate::hive::Hive;

/// The cells in a list, with the place of each entry; and what of the list cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub links: Vec<(u32, usize)>,
    pub errors: Vec<HiveError>,
}

impl Entries {
    /// Reads the list at `link`, which should have `said` entries.
    pub(crate) fn of_subkeys(hive: &Hive, link: Link, said: u32) -> Self {
        let mut entries = Self::default();
        if said == 0 {
            return entries;
        }
        if let Err(error) = entries.root(hive, link) {
            entries.errors.push(error);
        }
        let found = wide(entries.links.len());
        if entries.errors.is_empty() && found != u64::from(said) {
            entries.errors.push(link.error(ErrorKind::Count { said: u64::from(said), found }));
        }
        entries
    }

    /// Reads the list of `count` values at `link`.
    pub(crate) fn of_values(hive: &Hive, link: Link, count: u32) -> Self {
        let mut entries = Self::default();
        if count == 0 {
            return entries;
        }
        let links = hive.cell(link).and_then(|cell| cell.links(0, crate::cell::len(count), 4));
        match links {
            Ok(links) => entries.links.extend(links),
            Err(error) => entries.errors.push(error),
        }
        entries
    }

    fn root(&mut self, hive: &Hive, link: Link) -> Result<(), HiveError> {
        let cell = hive.cell(link)?;
        if !cell.data.starts_with(b"ri") {
            return self.leaf(cell, "lf, lh, li or ri");
        }
        let mut met = HashSet::new();
        for (value, at) in cell.links(4, usize::from(cell.u16(2)?), 4)? {
            let link = Link { value, at, part: Part::SubkeyList };
            let leaf = match met.insert(value) {
                true => hive.cell(link).and_then(|cell| self.leaf(cell, "lf, lh or li")),
                false => Err(link.error(ErrorKind::Loop { cell: value })),
            };
            // The other leaves may be whole.
            self.errors.extend(leaf.err());
        }
        Ok(())
    }

    fn leaf(&mut self, cell: Cell<'_>, expected: &'static str) -> Result<(), HiveError> {
        let signature = cell.bytes(0, 2)?;
        let stride = match signature {
            b"lf" | b"lh" => 8,
            b"li" => 4,
            _ => return Err(cell.error(0, ErrorKind::Signature { expected, found: signature.to_vec() })),
        };
        self.links.extend(cell.links(4, usize::from(cell.u16(2)?), stride)?);
        Ok(())
    }
}
