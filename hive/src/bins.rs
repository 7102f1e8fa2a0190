//! The map of the bins: which byte of the file is the start of a cell.
//!
//! A bin, each one behind the other from byte 4,096 on:
//!
//! | offset | bytes     | field                                         |
//! |--------|-----------|-----------------------------------------------|
//! | 0      | 4         | `hbin`                                        |
//! | 4      | 4         | its own offset, counted from the first bin    |
//! | 8      | 4         | its size, a multiple of 4,096                 |
//! | 20     | 8         | in the first bin: when the hive was written   |
//! | 32     | size - 32 | cells, without gaps                           |
//!
//! The chain of cells is walked once, when the hive is opened. An offset from the file is believed
//! only if it leads to a link of that chain: bytes inside a cell never pass for one.

use std::io::Cursor;

use binrw::BinRead;

use crate::base_block::BASE_BLOCK;
use crate::cell::{Cell, Link, len, wide};
use crate::error::{ErrorKind, HiveError, OffsetProblem, Part};

/// Bins begin and end at multiples of this.
pub(crate) const PAGE: usize = 4096;
/// Size of a bin's header.
const HEADER: usize = 32;
/// Cells begin at multiples of this.
const ALIGNMENT: usize = 8;

#[derive(BinRead)]
#[br(little)]
struct Header {
    signature: [u8; 4],
    offset: u32,
    size: u32,
}

/// Where cells begin, and what is wrong with the bins.
pub(crate) struct Bins {
    /// One bit for each 8 bytes: whether a cell begins there.
    starts: Vec<u64>,
    /// Size of all bins by the base block.
    size: usize,
    /// What is damaged, in file order.
    problems: Vec<HiveError>,
}

impl Bins {
    /// Walks over all bins and their cells, over what is damaged as well.
    pub(crate) fn map(file: &[u8], bins_size: u32) -> Self {
        let size = len(bins_size);
        let area = file.get(BASE_BLOCK..).unwrap_or_default();
        let area = area.get(..size).unwrap_or(area);
        let words = area.len().div_ceil(ALIGNMENT.saturating_mul(64));
        let mut bins = Self { starts: vec![0; words], size, problems: Vec::new() };
        if !size.is_multiple_of(PAGE) || size == 0 {
            let kind = ErrorKind::Unaligned { found: bins_size, unit: 4096 };
            bins.problems.push(HiveError::new(40, Part::BaseBlock, kind));
        }
        let mut at = 0;
        let mut in_hole = false;
        while at < area.len() {
            match bins.bin(area, at) {
                Ok(next) => (at, in_hole) = (next, false),
                Err(problem) => {
                    // One problem for a run of pages that are no bins.
                    let hole = problem.part == Part::Bin && matches!(problem.kind, ErrorKind::Signature { .. });
                    if !(hole && in_hole) {
                        bins.problems.push(problem.clone());
                    }
                    in_hole = hole;
                    // The next bin may be whole: it says itself where it is.
                    let broken = problem.offset.saturating_sub(BASE_BLOCK).max(at).saturating_add(1);
                    at = broken.checked_next_multiple_of(PAGE).unwrap_or(usize::MAX);
                }
            }
        }
        if area.len() < size {
            let kind = ErrorKind::Truncated { need: size, have: area.len() };
            bins.problems.push(HiveError::new(file.len().min(BASE_BLOCK), Part::Bin, kind));
        }
        bins
    }

    /// What is damaged, in file order.
    pub(crate) fn problems(&self) -> &[HiveError] {
        &self.problems
    }

    /// Marks the cells of the bin at this offset; where the next one begins.
    fn bin(&mut self, area: &[u8], at: usize) -> Result<usize, HiveError> {
        let error = |offset: usize, kind| Err(HiveError::new(offset.saturating_add(BASE_BLOCK), Part::Bin, kind));
        let rest = area.get(at..).unwrap_or_default();
        let Some(Ok(header)) = rest.get(..HEADER).map(|header| Header::read(&mut Cursor::new(header))) else {
            return error(at, ErrorKind::Truncated { need: HEADER, have: rest.len() });
        };
        if header.signature != *b"hbin" {
            return error(at, ErrorKind::Signature { expected: "hbin", found: header.signature.to_vec() });
        }
        if len(header.offset) != at {
            let expected = u32::try_from(at).unwrap_or(u32::MAX);
            return error(at.saturating_add(4), ErrorKind::Mismatch { expected, found: header.offset });
        }
        let size = len(header.size);
        if size == 0 || !size.is_multiple_of(PAGE) {
            return error(at.saturating_add(8), ErrorKind::Unaligned { found: header.size, unit: 4096 });
        }
        let end = at.saturating_add(size);
        if end > self.size {
            let limit = wide(self.size.saturating_sub(at));
            return error(at.saturating_add(8), ErrorKind::Size { found: wide(size), limit });
        }
        let mut cell = at.saturating_add(HEADER);
        while cell < end {
            let Some(number) = area.get(cell..).and_then(|rest| rest.first_chunk()) else {
                let have = area.len().saturating_sub(cell);
                return error(cell.min(area.len()), ErrorKind::Truncated { need: end.saturating_sub(cell), have });
            };
            let size = i32::from_le_bytes(*number).unsigned_abs();
            if size == 0 || !len(size).is_multiple_of(ALIGNMENT) {
                return error(cell, ErrorKind::Unaligned { found: size, unit: 8 });
            }
            let next = cell.saturating_add(len(size));
            if next > end {
                let limit = wide(end.saturating_sub(cell));
                return error(cell, ErrorKind::Size { found: u64::from(size), limit });
            }
            if next > area.len() {
                let have = area.len().saturating_sub(cell);
                return error(cell, ErrorKind::Truncated { need: len(size), have });
            }
            let unit = cell / ALIGNMENT;
            if let Some(word) = self.starts.get_mut(unit / 64) {
                *word |= 1 << (unit % 64);
            }
            cell = next;
        }
        Ok(end)
    }

    /// The cell in use at this offset.
    pub(crate) fn cell<'h>(&self, file: &'h [u8], link: Link) -> Result<Cell<'h>, HiveError> {
        let wrong = |problem| link.error(ErrorKind::Offset { value: link.value, problem });
        let offset = len(link.value);
        if link.value == u32::MAX {
            return Err(wrong(OffsetProblem::Nil));
        }
        if !offset.is_multiple_of(ALIGNMENT) {
            return Err(wrong(OffsetProblem::Unaligned));
        }
        if offset >= self.size {
            return Err(wrong(OffsetProblem::Outside));
        }
        let at = offset.saturating_add(BASE_BLOCK);
        if at >= file.len() {
            return Err(wrong(OffsetProblem::CutOff));
        }
        let unit = offset / ALIGNMENT;
        let begins = self.starts.get(unit / 64).is_some_and(|word| word & (1 << (unit % 64)) != 0);
        let cell = file.get(at..).and_then(|rest| rest.split_first_chunk::<4>());
        let (true, Some((size, rest))) = (begins, cell) else { return Err(wrong(OffsetProblem::NotACell)) };
        let size = i32::from_le_bytes(*size);
        if size > 0 {
            return Err(wrong(OffsetProblem::Free));
        }
        let data = rest.get(..len(size.unsigned_abs()).saturating_sub(4)).unwrap_or_default();
        Ok(Cell { offset: link.value, at: at.saturating_add(4), data, part: link.part })
    }
}

/// When the hive was written, by its first bin.
pub(crate) fn first_bin_time(file: &[u8]) -> Option<u64> {
    let header = file.get(BASE_BLOCK..)?.get(..HEADER)?;
    header.starts_with(b"hbin").then(|| header.get(20..)?.first_chunk().map(|time| u64::from_le_bytes(*time)))?
}
