//! Keys.
//!
//! | offset | bytes | field (`nk`)                                                                    |
//! |--------|-------|---------------------------------------------------------------------------------|
//! | 0      | 2     | `nk`                                                                            |
//! | 2      | 2     | flags: 0x04 root, 0x10 symbolic link, 0x20 compressed name, 0x40 predefined handle |
//! | 4      | 8     | last written, FILETIME                                                          |
//! | 16     | 4     | cell of the key above                                                           |
//! | 20     | 4 + 4 | number of subkeys; of volatile ones, which are never in a file                  |
//! | 28     | 4 + 4 | cell of the subkey list; of the volatile one                                    |
//! | 36     | 4 + 4 | number of values; cell of their list                                            |
//! | 44     | 4     | cell of the security descriptor                                                 |
//! | 48     | 4     | cell of the class name                                                          |
//! | 52     | 20    | largest sizes below, a cache                                                    |
//! | 72     | 2 + 2 | size of the name, of the class name                                             |
//! | 76     | ...   | the name                                                                        |

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use binrw::BinRead;

use crate::cell::{Cell, Link, wide};
use crate::error::{ErrorKind, HiveError, Part};
use crate::hive::Hive;
use crate::list::Entries;
use crate::name::Name;
use crate::value::{Value, Values};

/// Levels of keys that the registry allows.
pub(crate) const DEEPEST: usize = 512;
/// Size of the fixed part of a key.
const FIXED: usize = 76;

#[derive(Clone, Copy, BinRead)]
#[br(little)]
struct Node {
    #[br(pad_before = 2)]
    flags: u16,
    last_written: u64,
    #[br(pad_before = 4)]
    above: u32,
    #[br(pad_after = 12)]
    subkeys: u32,
    #[br(pad_after = 32)]
    values: u32,
    name_size: u16,
    class_size: u16,
}

/// The keys that lead to a key.
struct Above<'h> {
    offset: u32,
    name: Name<'h>,
    level: usize,
    above: Option<Arc<Above<'h>>>,
}

/// A key inside a hive.
#[derive(Clone)]
pub struct Key<'h> {
    hive: &'h Hive,
    cell: Cell<'h>,
    node: Node,
    name: Name<'h>,
    above: Option<Arc<Above<'h>>>,
}

impl<'h> Key<'h> {
    fn read(hive: &'h Hive, link: Link, above: Option<Arc<Above<'h>>>) -> Result<Self, HiveError> {
        let cell = hive.cell(link)?;
        cell.expect("nk")?;
        let node: Node = cell.record(FIXED)?;
        let name = Cell { part: Part::KeyName, ..cell }.bytes(FIXED, usize::from(node.name_size))?;
        let name = Name::new(name, node.flags & 0x20 != 0)
            .ok_or_else(|| cell.error(72, ErrorKind::Unaligned { found: u32::from(node.name_size), unit: 2 }))?;
        Ok(Self { hive, cell, node, name, above })
    }

    pub(crate) fn root(hive: &'h Hive, link: Link) -> Result<Self, HiveError> {
        Self::read(hive, link, None)
    }

    /// The key in an entry of this key's list. `above` is this key.
    fn below(&self, above: &Arc<Above<'h>>, value: u32, at: usize) -> Result<Self, HiveError> {
        let link = Link { value, at, part: Part::Key };
        if above.level >= DEEPEST {
            return Err(link.error(ErrorKind::TooDeep { limit: DEEPEST }));
        }
        let mut before = Some(above);
        while let Some(key) = before {
            if key.offset == value {
                return Err(link.error(ErrorKind::Loop { cell: value }));
            }
            before = key.above.as_ref();
        }
        let key = Self::read(self.hive, link, Some(Arc::clone(above)))?;
        if key.node.above != self.cell.offset {
            // A cell that was freed and taken by another key. The list is stale, or one of the two is damaged.
            let kind = ErrorKind::Mismatch { expected: self.cell.offset, found: key.node.above };
            return Err(key.cell.error(16, kind));
        }
        Ok(key)
    }

    /// The name. That of the root key says nothing; no path holds it.
    pub fn name(&self) -> Name<'h> {
        self.name
    }

    /// The names that lead here from below the root, this key's last; none for the root.
    pub fn components(&self) -> Vec<Name<'h>> {
        let mut names = Vec::new();
        let mut name = self.name;
        let mut above = self.above.as_ref();
        while let Some(key) = above {
            names.push(name);
            name = key.name;
            above = key.above.as_ref();
        }
        names.reverse();
        names
    }

    /// The path from below the root, to show; empty for the root. Lone surrogates become U+FFFD.
    pub fn path(&self) -> String {
        let names: Vec<String> = self.components().into_iter().map(Name::to_text_lossy).collect();
        names.join("\\")
    }

    /// When the key, or a value of it, was written last: a FILETIME.
    pub fn last_written(&self) -> u64 {
        self.node.last_written
    }

    /// Where the key stands in the file, in bytes: its `nk`.
    pub fn offset(&self) -> usize {
        self.cell.at
    }

    /// All flags, as they stand in the file.
    pub fn flags(&self) -> u16 {
        self.node.flags
    }

    /// Whether the key is a symbolic link: its value `SymbolicLinkValue` (`REG_LINK`) names another
    /// key, where Windows goes on. Here nobody does.
    pub fn is_symbolic_link(&self) -> bool {
        self.node.flags & 0x10 != 0
    }

    /// Whether the key stands for a handle, as `Perflib` keys do. What stands in its value list is no list.
    pub fn is_predefined_handle(&self) -> bool {
        self.node.flags & 0x40 != 0
    }

    /// The class name as it stands in the file, mostly UTF-16LE; empty if there is none.
    ///
    /// # Errors
    ///
    /// If its offset or size is wrong.
    pub fn class_name(&self) -> Result<&'h [u8], HiveError> {
        let size = usize::from(self.node.class_size);
        if size == 0 {
            return Ok(&[]);
        }
        let cell = self.hive.cell(self.cell.link(48, Part::ClassName)?)?;
        cell.bytes(0, size)
    }

    /// Number of keys below this one, as it says itself.
    pub fn subkey_count(&self) -> u32 {
        self.node.subkeys
    }

    /// Number of values, as the key says itself; 0 for a predefined handle.
    pub fn value_count(&self) -> u32 {
        if self.is_predefined_handle() { 0 } else { self.node.values }
    }

    /// The keys below this one, in the order of the list, and an error for each that cannot be read.
    ///
    /// No error has come if and only if these are all: a part of the list that is damaged is an error as well.
    /// To walk the whole hive this way takes time in proportion to its size, whatever stands in it.
    pub fn subkeys(&self) -> Subkeys<'h> {
        let entries = match self.cell.link(28, Part::SubkeyList) {
            Ok(link) => Entries::of_subkeys(self.hive, link, self.node.subkeys),
            Err(error) => Entries { links: Vec::new(), errors: vec![error] },
        };
        let level = self.above.as_ref().map_or(0, |above| above.level).saturating_add(1);
        let above = Above { offset: self.cell.offset, name: self.name, level, above: self.above.clone() };
        Subkeys {
            key: self.clone(),
            above: Arc::new(above),
            links: entries.links.into_iter(),
            errors: entries.errors.into_iter(),
            met: HashSet::new(),
        }
    }

    /// The key below this one with this name, in any case. Of several, the first.
    ///
    /// # Errors
    ///
    /// If it is not there, but a part of the list cannot be read: it might have been in that part.
    pub fn subkey(&self, name: &str) -> Result<Option<Key<'h>>, HiveError> {
        first(self.subkeys(), |key| key.name.eq_ignore_case(name))
    }

    /// The values, in the order of the list, and an error for each that cannot be read.
    ///
    /// No error has come if and only if these are all.
    pub fn values(&self) -> Values<'h> {
        let entries = match self.cell.link(40, Part::ValueList) {
            Ok(link) => Entries::of_values(self.hive, link, self.value_count()),
            Err(error) => Entries { links: Vec::new(), errors: vec![error] },
        };
        Values::new(self.hive, entries)
    }

    /// The value with this name, in any case; the default value has the empty name. Of several, the first.
    ///
    /// # Errors
    ///
    /// If it is not there, but a part of the list cannot be read: it might have been in that part.
    pub fn value(&self, name: &str) -> Result<Option<Value<'h>>, HiveError> {
        first(self.values(), |value| value.name().eq_ignore_case(name))
    }

    /// Refuses to go on through a symbolic link.
    pub(crate) fn not_a_link(&self) -> Result<(), HiveError> {
        if self.is_symbolic_link() { Err(self.cell.error(2, ErrorKind::SymbolicLink)) } else { Ok(()) }
    }
}

/// The first that fits; nothing only if everything was read.
fn first<T>(
    mut all: impl Iterator<Item = Result<T, HiveError>>,
    fits: impl Fn(&T) -> bool,
) -> Result<Option<T>, HiveError> {
    let mut error = None;
    let found = all.find_map(|item| match item {
        Ok(item) => fits(&item).then_some(item),
        Err(problem) => {
            error.get_or_insert(problem);
            None
        }
    });
    match (found, error) {
        (None, Some(error)) => Err(error),
        (found, _) => Ok(found),
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("path", &self.path()).field("offset", &self.offset()).finish_non_exhaustive()
    }
}

/// The keys below a key. See [`Key::subkeys`].
pub struct Subkeys<'h> {
    key: Key<'h>,
    above: Arc<Above<'h>>,
    links: std::vec::IntoIter<(u32, usize)>,
    errors: std::vec::IntoIter<HiveError>,
    met: HashSet<u32>,
}

impl<'h> Iterator for Subkeys<'h> {
    type Item = Result<Key<'h>, HiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((value, at)) = self.links.next() else { return self.errors.next().map(Err) };
        if !self.met.insert(value) {
            return Some(Err(Link { value, at, part: Part::Key }.error(ErrorKind::Loop { cell: value })));
        }
        Some(self.key.below(&self.above, value, at))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.links.len().saturating_add(self.errors.len());
        (left, Some(left))
    }
}

impl ExactSizeIterator for Subkeys<'_> {}
impl std::iter::FusedIterator for Subkeys<'_> {}

impl fmt::Debug for Subkeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subkeys").field("of", &self.key).field("left", &wide(self.len())).finish()
    }
}
