//! Values and their data.
//!
//! | offset | bytes | field (`vk`)                                                        |
//! |--------|-------|---------------------------------------------------------------------|
//! | 0      | 2     | `vk`                                                                |
//! | 2      | 2     | size of the name                                                    |
//! | 4      | 4     | size of the data; with the high bit, they stand in the next field   |
//! | 8      | 4     | cell of the data, or up to 4 bytes of data                          |
//! | 12     | 4     | type                                                                |
//! | 16     | 2     | flags: 1 compressed name, 2 tombstone (differencing hives)          |
//! | 20     | ...   | the name                                                            |
//!
//! From version 1.4 on, data larger than 16,344 bytes lie in segments of that size, the last one shorter:
//!
//! | offset | bytes | field (`db`)                                |
//! |--------|-------|---------------------------------------------|
//! | 0      | 2     | `db`                                        |
//! | 2      | 2     | number of segments                          |
//! | 4      | 4     | cell of the list of their cells             |

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use binrw::BinRead;

use crate::cell::{Cell, Link, len, wide};
use crate::error::{ErrorKind, HiveError, Part};
use crate::hive::Hive;
use crate::list::Entries;
use crate::name::Name;

/// Size of the fixed part of a value.
const FIXED: usize = 20;
/// Largest data in one cell, and size of a segment of larger data.
const SEGMENT: usize = 16_344;
/// In a data size: the data stand in the value itself.
const RESIDENT: u32 = 0x8000_0000;

/// Type code of a value's data: the `REG_*` numbers of `winnt.h`.
///
/// All 32-bit codes are kept; device properties use codes without a name.
///
/// ```
/// # use hive::ValueType;
/// assert_eq!(ValueType(4).name(), Some("REG_DWORD"));
/// assert_eq!(ValueType(0xFFFF_0012).to_string(), "type 0xffff0012");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueType(pub u32);

macro_rules! value_types {
    ($($constant:ident = $code:literal, $name:literal, $doc:literal;)*) => {
        impl ValueType {
            $(#[doc = concat!("`", $name, "`: ", $doc)] pub const $constant: Self = Self($code);)*

            /// The name in `winnt.h`, if the code has one.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

value_types! {
    NONE = 0, "REG_NONE", "no type.";
    SZ = 1, "REG_SZ", "text, mostly with a NUL at its end.";
    EXPAND_SZ = 2, "REG_EXPAND_SZ", "text with `%VARIABLES%` to expand.";
    BINARY = 3, "REG_BINARY", "bytes.";
    DWORD = 4, "REG_DWORD", "a 32-bit number, little-endian.";
    DWORD_BIG_ENDIAN = 5, "REG_DWORD_BIG_ENDIAN", "a 32-bit number, big-endian.";
    LINK = 6, "REG_LINK", "the target of a symbolic link, UTF-16LE without a NUL.";
    MULTI_SZ = 7, "REG_MULTI_SZ", "texts, each with a NUL at its end, and one more NUL.";
    RESOURCE_LIST = 8, "REG_RESOURCE_LIST", "hardware resources.";
    FULL_RESOURCE_DESCRIPTOR = 9, "REG_FULL_RESOURCE_DESCRIPTOR", "hardware resources.";
    RESOURCE_REQUIREMENTS_LIST = 10, "REG_RESOURCE_REQUIREMENTS_LIST", "hardware resources.";
    QWORD = 11, "REG_QWORD", "a 64-bit number, little-endian.";
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("type {:#x}", self.0)),
        }
    }
}

#[derive(Clone, Copy, BinRead)]
#[br(little)]
struct Fields {
    #[br(pad_before = 2)]
    name_size: u16,
    data_size: u32,
    #[br(pad_before = 4)]
    value_type: u32,
    flags: u16,
}

/// A value of a key. The data are read when they are asked for.
#[derive(Clone)]
pub struct Value<'h> {
    hive: &'h Hive,
    cell: Cell<'h>,
    fields: Fields,
    name: Name<'h>,
}

impl<'h> Value<'h> {
    fn read(hive: &'h Hive, link: Link) -> Result<Self, HiveError> {
        let cell = hive.cell(link)?;
        cell.expect("vk")?;
        let fields: Fields = cell.record(FIXED)?;
        let name = Cell { part: Part::ValueName, ..cell }.bytes(FIXED, usize::from(fields.name_size))?;
        let name = Name::new(name, fields.flags & 1 != 0)
            .ok_or_else(|| cell.error(2, ErrorKind::Unaligned { found: u32::from(fields.name_size), unit: 2 }))?;
        Ok(Self { hive, cell, fields, name })
    }

    /// The name; empty for the default value.
    pub fn name(&self) -> Name<'h> {
        self.name
    }

    /// The type. Says nothing of the data, which may be of any size.
    pub fn value_type(&self) -> ValueType {
        ValueType(self.fields.value_type)
    }

    /// Whether the value only hides one of the same name in the hive below, in the differencing hive of a container.
    pub fn is_tombstone(&self) -> bool {
        self.fields.flags & 2 != 0
    }

    /// Where the value stands in the file, in bytes: its `vk`.
    pub fn offset(&self) -> usize {
        self.cell.at
    }

    /// Size of the data in bytes, as the value says.
    pub fn data_size(&self) -> usize {
        len(self.fields.data_size & !RESIDENT)
    }

    /// The data. Nothing is copied, but for data in segments.
    ///
    /// # Errors
    ///
    /// If they are not all there. A part of the data is never given out.
    pub fn data(&self) -> Result<Cow<'h, [u8]>, HiveError> {
        let size = self.data_size();
        let limit_error = |limit| Err(self.cell.error(4, ErrorKind::Size { found: wide(size), limit: wide(limit) }));
        if self.fields.data_size & RESIDENT != 0 {
            return match self.cell.bytes(8, 4)?.get(..size) {
                Some(data) => Ok(Cow::Borrowed(data)),
                None => limit_error(4),
            };
        }
        if size == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        if size > SEGMENT && self.hive.base_block().has_big_data() {
            return self.segments(size).map(Cow::Owned);
        }
        let cell = self.hive.cell(self.cell.link(8, Part::Data)?)?;
        match cell.data.get(..size) {
            Some(data) => Ok(Cow::Borrowed(data)),
            None => limit_error(cell.data.len()),
        }
    }

    fn segments(&self, size: usize) -> Result<Vec<u8>, HiveError> {
        let head = self.hive.cell(self.cell.link(8, Part::BigData)?)?;
        head.expect("db")?;
        let said = usize::from(head.u16(2)?);
        let count = size.div_ceil(SEGMENT);
        if said != count {
            return Err(head.error(2, ErrorKind::Count { said: wide(said), found: wide(count) }));
        }
        let list = self.hive.cell(head.link(4, Part::SegmentList)?)?;
        let mut data = Vec::new();
        // One cell in many places would make much data of a small file.
        let mut met = HashSet::new();
        for (value, at) in list.links(0, count, 4)? {
            let link = Link { value, at, part: Part::Segment };
            if !met.insert(value) {
                return Err(link.error(ErrorKind::Loop { cell: value }));
            }
            let segment = self.hive.cell(link)?;
            data.extend_from_slice(segment.bytes(0, size.saturating_sub(data.len()).min(SEGMENT))?);
        }
        Ok(data)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("name", &self.name)
            .field("value_type", &self.value_type())
            .field("data_size", &self.data_size())
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

/// The values of a key. See [`Key::values`](crate::Key::values).
pub struct Values<'h> {
    hive: &'h Hive,
    links: std::vec::IntoIter<(u32, usize)>,
    errors: std::vec::IntoIter<HiveError>,
    met: HashSet<u32>,
}

impl<'h> Values<'h> {
    pub(crate) fn new(hive: &'h Hive, entries: Entries) -> Self {
        Self { hive, links: entries.links.into_iter(), errors: entries.errors.into_iter(), met: HashSet::new() }
    }
}

impl<'h> Iterator for Values<'h> {
    type Item = Result<Value<'h>, HiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((value, at)) = self.links.next() else { return self.errors.next().map(Err) };
        let link = Link { value, at, part: Part::Value };
        if !self.met.insert(value) {
            return Some(Err(link.error(ErrorKind::Loop { cell: value })));
        }
        Some(Value::read(self.hive, link))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.links.len().saturating_add(self.errors.len());
        (left, Some(left))
    }
}

impl ExactSizeIterator for Values<'_> {}
impl std::iter::FusedIterator for Values<'_> {}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").field("left", &self.len()).finish_non_exhaustive()
    }
}
