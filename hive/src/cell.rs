//! Cells: where everything in a hive lies, and how one is read without leaving it.
//!
//! | offset | bytes    | field                                                                      |
//! |--------|----------|----------------------------------------------------------------------------|
//! | 0      | 4        | size with this field, signed: negative if the cell is in use; multiple of 8 |
//! | 4      | size - 4 | a record, a list or data, and what is left over                            |
//!
//! A cell is addressed by its offset from the first bin.

use std::io::Cursor;

use binrw::BinRead;

use crate::error::{ErrorKind, HiveError, Part};

/// An offset to a cell, and where in the file that offset stands, for the error if it leads nowhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Counted from the first bin.
    pub value: u32,
    /// Counted from the start of the file.
    pub at: usize,
    /// What lies in the cell.
    pub part: Part,
}

impl Link {
    pub(crate) fn error(self, kind: ErrorKind) -> HiveError {
        HiveError::new(self.at, self.part, kind)
    }
}

/// The content of a cell in use.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'h> {
    /// The cell, counted from the first bin.
    pub offset: u32,
    /// Where the content begins in the file.
    pub at: usize,
    /// The content, with what is left over behind it.
    pub data: &'h [u8],
    /// What it is taken for.
    pub part: Part,
}

impl<'h> Cell<'h> {
    /// An error at this byte of the content.
    pub(crate) fn error(&self, from: usize, kind: ErrorKind) -> HiveError {
        HiveError::new(self.at.saturating_add(from.min(self.data.len())), self.part, kind)
    }

    /// Refuses a cell that does not begin with these two bytes.
    pub(crate) fn expect(&self, signature: &'static str) -> Result<(), HiveError> {
        let found = self.bytes(0, signature.len())?;
        if found == signature.as_bytes() {
            return Ok(());
        }
        Err(self.error(0, ErrorKind::Signature { expected: signature, found: found.to_vec() }))
    }

    /// Bytes of the content.
    pub(crate) fn bytes(&self, from: usize, len: usize) -> Result<&'h [u8], HiveError> {
        let end = from.saturating_add(len);
        self.data
            .get(from..end)
            .ok_or_else(|| self.error(from, ErrorKind::Size { found: wide(end), limit: wide(self.data.len()) }))
    }

    /// A record of `len` bytes.
    pub(crate) fn record<T>(&self, len: usize) -> Result<T, HiveError>
    where
        T: for<'a> BinRead<Args<'a> = ()> + binrw::meta::ReadEndian,
    {
        let bytes = self.bytes(0, len)?;
        T::read(&mut Cursor::new(bytes))
            .map_err(|_| self.error(0, ErrorKind::Size { found: wide(len), limit: wide(bytes.len()) }))
    }

    /// A 16-bit number.
    pub(crate) fn u16(&self, from: usize) -> Result<u16, HiveError> {
        self.bytes(from, 2).map(|bytes| bytes.try_into().map(u16::from_le_bytes).unwrap_or_default())
    }

    /// An offset to another cell.
    pub(crate) fn link(&self, from: usize, part: Part) -> Result<Link, HiveError> {
        let bytes = self.bytes(from, 4)?;
        let value = bytes.try_into().map(u32::from_le_bytes).unwrap_or_default();
        Ok(Link { value, at: self.at.saturating_add(from), part })
    }

    /// `count` offsets, `stride` bytes apart, each with its place in the file. The cell bounds the count.
    pub(crate) fn links(
        &self,
        from: usize,
        count: usize,
        stride: usize,
    ) -> Result<impl Iterator<Item = (u32, usize)> + use<'h>, HiveError> {
        let entries = self.bytes(from, count.saturating_mul(stride))?.chunks_exact(stride);
        let places = (self.at.saturating_add(from)..).step_by(stride);
        Ok(entries.zip(places).filter_map(|(entry, at)| Some((u32::from_le_bytes(*entry.first_chunk()?), at))))
    }
}

/// A 32-bit number as a length. No machine that runs this has shorter ones.
pub(crate) fn len(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A length for an error.
pub(crate) fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
