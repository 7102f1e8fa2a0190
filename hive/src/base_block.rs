//! The base block: the first 4,096 bytes of a hive, and the first 512 of a log.
//!
//! | offset | bytes | field                                                             |
//! |--------|-------|-------------------------------------------------------------------|
//! | 0      | 4     | `regf`                                                            |
//! | 4      | 4     | primary sequence number, counted up before a write                |
//! | 8      | 4     | secondary sequence number, counted up behind it                   |
//! | 12     | 8     | last written, FILETIME; newer systems leave it alone              |
//! | 20     | 4 + 4 | version: major 1, minor 3 to 6                                    |
//! | 28     | 4     | file type: 0 primary, 1 (before Windows XP: 2) old log, 6 new log |
//! | 32     | 4     | format: 1                                                         |
//! | 36     | 4     | root cell, counted from the first bin, which is at 4,096          |
//! | 40     | 4     | size of all bins                                                  |
//! | 44     | 4     | clustering factor: size of a sector / 512                         |
//! | 48     | 64    | end of the file's path, UTF-16LE, for people                      |
//! | 144    | 4     | flags: 1 transactions pending                                     |
//! | 508    | 4     | exclusive or of the 127 numbers before it; never 0 nor -1         |

use std::io::Cursor;

use binrw::BinRead;

use crate::error::{ErrorKind, HiveError, Part};

/// Size of the base block of a hive: the first bin begins behind it.
pub(crate) const BASE_BLOCK: usize = 4096;
/// What of it carries meaning, and lies in a log.
pub(crate) const SECTOR: usize = 512;
pub(crate) const SIGNATURE: &[u8; 4] = b"regf";
const CHECKSUM: usize = 508;

/// The header of a hive.
#[derive(Clone, Debug, PartialEq, Eq, BinRead)]
#[br(little)]
pub struct BaseBlock {
    /// Counted up before a write.
    #[br(pad_before = 4)]
    pub primary_sequence: u32,
    /// Counted up behind it; the hive is dirty while the two differ.
    pub secondary_sequence: u32,
    /// When the hive was written last: a FILETIME. As of Windows 8.1, when it was made.
    pub last_written: u64,
    /// Version before the dot: 1.
    pub major: u32,
    /// Version behind it: 3 to 6.
    pub minor: u32,
    /// 0 in a hive, 1, 2 or 6 in a log.
    pub file_type: u32,
    /// 1.
    pub format: u32,
    /// Offset of the root key's cell, counted from the first bin.
    pub root_cell: u32,
    /// Size of all bins in bytes.
    pub bins_size: u32,
    /// Size of a sector in units of 512 bytes.
    pub clustering_factor: u32,
    /// The end of the file's path when it was made, UTF-16LE, NUL-padded.
    pub file_name: [u8; 64],
    /// 1: transactions were pending; 2: layered keys, or just defragmented.
    #[br(pad_before = 32)]
    pub flags: u32,
    /// As it stands in the file.
    #[br(pad_before = 360)]
    pub checksum: u32,
}

impl BaseBlock {
    /// Reads the fields, whatever stands in them. `None` if there are not 512 bytes.
    pub(crate) fn read(file: &[u8]) -> Option<Self> {
        <Self as BinRead>::read(&mut Cursor::new(file.get(..SECTOR)?)).ok()
    }

    /// Refuses what is no hive that can be read here. Says nothing on signature and checksum.
    pub(crate) fn check(&self) -> Result<(), HiveError> {
        let error = |offset, kind| Err(HiveError::new(offset, Part::BaseBlock, kind));
        if self.file_type != 0 || self.format != 1 {
            return error(28, ErrorKind::NotPrimary { file_type: self.file_type, format: self.format });
        }
        if self.major != 1 || !(3..=6).contains(&self.minor) {
            return error(20, ErrorKind::Version { major: self.major, minor: self.minor });
        }
        Ok(())
    }

    /// Whether data larger than 16,344 bytes lie in segments, as of version 1.4.
    pub(crate) fn has_big_data(&self) -> bool {
        self.minor >= 4
    }
}

/// The checksum that belongs to these bytes: over the first 508.
pub(crate) fn checksum(file: &[u8]) -> u32 {
    let numbers = file.get(..CHECKSUM).unwrap_or_default().as_chunks::<4>().0;
    match numbers.iter().fold(0, |sum, number| sum ^ u32::from_le_bytes(*number)) {
        0 => 1,
        u32::MAX => u32::MAX ^ 1,
        sum => sum,
    }
}

/// Writes a number into the base block and makes the checksum right again.
pub(crate) fn patch(file: &mut [u8], at: usize, number: u32) {
    put(file, at, number);
    let sum = checksum(file);
    put(file, CHECKSUM, sum);
}

fn put(file: &mut [u8], at: usize, number: u32) {
    if let Some(place) = file.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *place = number.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_never_zero_nor_all_ones() {
        let mut block = vec![0_u8; SECTOR];
        assert_eq!(checksum(&block), 1);
        block[..4].copy_from_slice(&[0xFF; 4]);
        assert_eq!(checksum(&block), 0xFFFF_FFFE);
        block[4..8].copy_from_slice(&[0xF0; 4]);
        assert_eq!(checksum(&block), 0x0F0F_0F0F);
    }

    #[test]
    fn the_fields_stand_where_the_table_says() {
        let block: Vec<u8> = (0..128_u32).flat_map(u32::to_le_bytes).collect();
        let read = BaseBlock::read(&block).unwrap();
        assert_eq!((read.primary_sequence, read.secondary_sequence), (1, 2));
        assert_eq!((read.major, read.minor, read.file_type, read.format), (5, 6, 7, 8));
        assert_eq!((read.root_cell, read.bins_size, read.clustering_factor), (9, 10, 11));
        assert_eq!((read.flags, read.checksum), (36, 127));
    }
}
