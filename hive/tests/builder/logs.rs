//! Logs, old and new, from two states of a hive.

use super::{seal, set};

/// A page: where it goes in the bins, and its bytes.
pub type Page = (u32, Vec<u8>);

/// An entry of a new log.
#[derive(Clone)]
pub struct Entry {
    pub sequence: u32,
    pub bins_size: u32,
    pub flags: u32,
    pub pages: Vec<Page>,
}

/// The pages of 4,096 bytes in which the newer state of the bins differs.
pub fn pages(old: &[u8], new: &[u8]) -> Vec<Page> {
    let pages = (4096..new.len()).step_by(4096).filter(|&at| old.get(at..at + 4096) != Some(&new[at..at + 4096]));
    pages.map(|at| (u32::try_from(at - 4096).unwrap(), new[at..at + 4096].to_vec())).collect()
}

/// The entry that leads from the older state to the newer one.
pub fn entry(sequence: u32, old: &[u8], new: &[u8]) -> Entry {
    let bins_size = u32::from_le_bytes(new[40..44].try_into().unwrap());
    Entry { sequence, bins_size, flags: 0, pages: pages(old, new) }
}

/// The hive in the middle of a write.
pub fn dirty(hive: &[u8], primary: u32, secondary: u32) -> Vec<u8> {
    let mut hive = hive.to_vec();
    set(&mut hive, 4, primary);
    set(&mut hive, 8, secondary);
    hive
}

/// A log of Windows 8.1 or later, whose first entry should have this number.
pub fn new_log(hive: &[u8], first: u32, entries: &[Entry]) -> Vec<u8> {
    let mut log = hive[..512].to_vec();
    for (at, number) in [(4, first), (8, first), (28, 6)] {
        set(&mut log, at, number);
    }
    entries.iter().for_each(|entry| log.extend(entry_bytes(entry)));
    log
}

pub fn entry_bytes(entry: &Entry) -> Vec<u8> {
    let mut rest = vec![];
    for (at, page) in &entry.pages {
        rest.extend(at.to_le_bytes());
        rest.extend(u32::try_from(page.len()).unwrap().to_le_bytes());
    }
    entry.pages.iter().for_each(|(_, page)| rest.extend(page));
    rest.resize((40 + rest.len()).next_multiple_of(512) - 40, 0);
    let mut bytes = b"HvLE".to_vec();
    let size = u32::try_from(40 + rest.len()).unwrap();
    let count = u32::try_from(entry.pages.len()).unwrap();
    for number in [size, entry.flags, entry.sequence, entry.bins_size, count] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(marvin(&rest));
    let hash = marvin(&bytes);
    bytes.extend(hash);
    bytes.extend(rest);
    bytes
}

/// The hash of the log entries, written out a second time.
pub fn marvin(bytes: &[u8]) -> [u8; 8] {
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(4) + 4, 0);
    let (mut a, mut b) = (0x7A4E_55C5_u32, 0x82EF_4D88_u32);
    for four in padded.chunks(4) {
        a = a.wrapping_add(u32::from_le_bytes(four.try_into().unwrap()));
        b ^= a;
        a = a.rotate_left(20).wrapping_add(b);
        b = b.rotate_left(9) ^ a;
        a = a.rotate_right(5).wrapping_add(b);
        b = b.rotate_right(13);
    }
    (u64::from(b) << 32 | u64::from(a)).to_le_bytes()
}

/// A log from before Windows 8.1.
pub fn old_log(old: &[u8], new: &[u8], sector: u32) -> Vec<u8> {
    let size = sector as usize * 512;
    let mut log = new[..512].to_vec();
    log[28] = 1;
    set(&mut log, 44, sector);
    log.resize(size, 0);
    log.extend(b"DIRT");
    let mut bits = vec![0_u8; (new.len() - 4096) / 4096];
    let pages = pages(old, new);
    pages.iter().for_each(|(at, _)| bits[*at as usize / 4096] = 0xFF);
    log.extend(bits);
    log.resize(log.len().next_multiple_of(size), 0);
    pages.iter().for_each(|(_, page)| log.extend(page));
    seal(&mut log);
    log
}
