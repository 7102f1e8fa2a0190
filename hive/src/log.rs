//! Logs: pages of the hive that were to be written.
//!
//! Both kinds begin with a copy of the base block, one sector long, with its own file type.
//!
//! **Old** (type 1, before Windows XP 2), sector = clustering factor × 512:
//!
//! | offset     | bytes        | field                                                    |
//! |------------|--------------|----------------------------------------------------------|
//! | sector     | 4            | `DIRT`                                                   |
//! | sector + 4 | bins / 4,096 | one bit for each 512 bytes of the bins, lowest bit first |
//! | next sector | ...         | the 512 bytes of each bit that is set, in order          |
//!
//! **New** (type 6, Windows 8.1 on): entries from byte 512 on, each at a multiple of 512:
//!
//! | offset | bytes     | field of an entry                                  |
//! |--------|-----------|----------------------------------------------------|
//! | 0      | 4         | `HvLE`                                             |
//! | 4      | 4         | size of the entry                                  |
//! | 8      | 4         | flags of the base block                            |
//! | 12     | 4         | sequence number                                    |
//! | 16     | 4         | size of the bins when the entry was written        |
//! | 20     | 4         | number of pages                                    |
//! | 24     | 8         | Marvin32 of the bytes from 40 on                   |
//! | 32     | 8         | Marvin32 of the first 32 bytes                     |
//! | 40     | 8 × pages | offset of each page in the bins, and its size      |
//! | ...    | ...       | the pages, back to back                            |

use std::io::Cursor;

use binrw::BinRead;

use crate::base_block::{self, BASE_BLOCK, BaseBlock, SECTOR};
use crate::bins::PAGE;
use crate::cell::len;
use crate::marvin::marvin32;
use crate::state::{LogProblem, LogProblemKind, LogReport, Misfit};

/// A log whose base block is whole.
pub(crate) struct Log<'l> {
    pub bytes: &'l [u8],
    pub base: BaseBlock,
}

/// Part of the hive as it should be: where it begins in the file, and the bytes.
pub(crate) type Page<'l> = (usize, &'l [u8]);

/// One entry of a new log.
pub(crate) struct Entry<'l> {
    pub sequence: u32,
    pub flags: u32,
    pub bins_size: u32,
    pub pages: Vec<Page<'l>>,
    /// Where the next one begins in the log.
    pub next: usize,
}

/// What an old log holds.
pub(crate) struct Dirty<'l> {
    pub pages: Vec<Page<'l>>,
}

#[derive(BinRead)]
#[br(little)]
struct Head {
    signature: [u8; 4],
    size: u32,
    flags: u32,
    sequence: u32,
    bins_size: u32,
    pages: u32,
    hash_of_pages: u64,
    hash_of_head: u64,
}

const HEAD: usize = 40;

fn problem(offset: usize, kind: LogProblemKind) -> LogProblem {
    LogProblem { offset, kind }
}

fn misfit(offset: usize, what: Misfit) -> LogProblem {
    problem(offset, LogProblemKind::Misfit { what })
}

impl<'l> Log<'l> {
    /// Reads the base block. What cannot be a log is reported as such.
    pub(crate) fn open(bytes: Option<&'l [u8]>) -> Result<Self, LogReport> {
        let bytes = bytes.ok_or(LogReport::Absent)?;
        if bytes.is_empty() {
            return Err(LogReport::Empty);
        }
        let unused = |offset, kind| Err(LogReport::Unused(problem(offset, kind)));
        let base = BaseBlock::read(bytes).filter(|_| bytes.starts_with(base_block::SIGNATURE));
        let Some(base) = base else { return unused(0, LogProblemKind::NotALog) };
        let computed = base_block::checksum(bytes);
        if base.checksum != computed {
            return unused(508, LogProblemKind::Checksum { stored: base.checksum, computed });
        }
        let (file_type, major, minor) = (base.file_type, base.major, base.minor);
        if !matches!(file_type, 1 | 2 | 6) || major != 1 || !(3..=6).contains(&minor) {
            return unused(20, LogProblemKind::Unknown { file_type, major, minor });
        }
        Ok(Self { bytes, base })
    }

    /// Whether it consists of entries.
    pub(crate) fn is_new(&self) -> bool {
        self.base.file_type == 6
    }

    /// The entry at this place, whole and with its hashes right. `None` if no entry begins there.
    pub(crate) fn entry(&self, at: usize) -> Option<Result<Entry<'l>, LogProblem>> {
        let rest = self.bytes.get(at..)?;
        rest.starts_with(b"HvLE").then(|| Self::read_entry(rest, at))
    }

    /// The sequence number of the entry at this place, if one begins there, whole or not.
    pub(crate) fn sequence_at(&self, at: usize) -> Option<u32> {
        let rest = self.bytes.get(at..).filter(|rest| rest.starts_with(b"HvLE"))?;
        rest.get(12..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
    }

    fn read_entry(rest: &'l [u8], at: usize) -> Result<Entry<'l>, LogProblem> {
        let place = |from: usize| at.saturating_add(from);
        let head = rest.get(..HEAD).and_then(|head| Head::read(&mut Cursor::new(head)).ok());
        let head = head.filter(|head| head.signature == *b"HvLE").ok_or(misfit(place(4), Misfit::EntrySize))?;
        let size = len(head.size);
        let entry = rest.get(..size).filter(|_| size >= HEAD && size.is_multiple_of(SECTOR));
        let entry = entry.ok_or(misfit(place(4), Misfit::EntrySize))?;
        let hashed = |range: std::ops::Range<usize>| marvin32(entry.get(range).unwrap_or_default());
        if hashed(0..32) != head.hash_of_head {
            return Err(problem(place(32), LogProblemKind::Hash { number: 2 }));
        }
        if hashed(HEAD..size) != head.hash_of_pages {
            return Err(problem(place(24), LogProblemKind::Hash { number: 1 }));
        }
        let bins_size = len(head.bins_size);
        if bins_size == 0 || !bins_size.is_multiple_of(PAGE) {
            return Err(misfit(place(16), Misfit::BinsSize));
        }
        let references = entry.get(HEAD..).unwrap_or_default();
        let table = len(head.pages).checked_mul(8).and_then(|table| references.split_at_checked(table));
        let (table, mut data) = table.ok_or(misfit(place(20), Misfit::Pages))?;
        let mut pages = Vec::new();
        for (reference, from) in table.as_chunks::<8>().0.iter().zip((HEAD..).step_by(8)) {
            let [a, b, c, d, e, f, g, h] = *reference;
            let offset = len(u32::from_le_bytes([a, b, c, d]));
            let size = len(u32::from_le_bytes([e, f, g, h]));
            let page;
            (page, data) = data.split_at_checked(size).ok_or(misfit(place(20), Misfit::Pages))?;
            if offset.saturating_add(size) > bins_size {
                return Err(misfit(place(from), Misfit::Page));
            }
            pages.push((offset.saturating_add(BASE_BLOCK), page));
        }
        let next = place(size);
        Ok(Entry { sequence: head.sequence, flags: head.flags, bins_size: head.bins_size, pages, next })
    }

    /// The pages of an old log.
    pub(crate) fn dirty_pages(&self) -> Result<Dirty<'l>, LogProblem> {
        if self.base.primary_sequence != self.base.secondary_sequence {
            return Err(problem(4, LogProblemKind::Unfinished));
        }
        if !(1..=8).contains(&self.base.clustering_factor) {
            return Err(misfit(44, Misfit::Sector));
        }
        let bins_size = len(self.base.bins_size);
        if bins_size == 0 || !bins_size.is_multiple_of(PAGE) {
            return Err(misfit(40, Misfit::BinsSize));
        }
        let sector = SECTOR.saturating_mul(len(self.base.clustering_factor));
        let vector = self.bytes.get(sector..).unwrap_or_default();
        let map = vector.strip_prefix(b"DIRT").and_then(|map| map.get(..bins_size / PAGE));
        let map = map.ok_or(misfit(sector, Misfit::Bitmap))?;
        let end = sector.saturating_add(4).saturating_add(map.len());
        let first = end.checked_next_multiple_of(sector).unwrap_or(usize::MAX);
        let mut rest = self.bytes.get(first..).unwrap_or_default();
        let mut pages = Vec::new();
        let bits = map.iter().flat_map(|byte| (0..8).map(move |bit| byte & (1 << bit) != 0));
        for (dirty, at) in bits.zip((BASE_BLOCK..).step_by(SECTOR)) {
            if dirty {
                let page;
                (page, rest) = rest
                    .split_at_checked(SECTOR)
                    .ok_or_else(|| misfit(self.bytes.len().saturating_sub(rest.len()), Misfit::Pages))?;
                pages.push((at, page));
            }
        }
        Ok(Dirty { pages })
    }
}
