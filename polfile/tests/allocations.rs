//! What reading costs in memory. A binary of its own, since it counts every allocation.

use allocation_counter::{AllocationInfo, measure};
use fixtures::{PolBuilder, REG_BINARY, synthetic};
use polfile::{PolicyFile, records};

/// Nothing but records of 24 bytes, the shortest there are: the most records a file can have.
fn shortest_records(count: usize) -> Vec<u8> {
    let record = PolBuilder::without_header().key_only("").build();
    assert_eq!(record.len(), 24);
    PolBuilder::new().raw(&record.repeat(count)).build()
}

/// Bytes of no meaning, the same every time.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| byte()).collect()
}

/// What a walk over the whole file allocates, and how many records it gives.
fn walk(file: &[u8]) -> (AllocationInfo, usize) {
    let mut count = 0;
    let info = measure(|| {
        if let Ok(records) = records(file) {
            count = records.filter(|record| record.is_ok()).count();
        }
    });
    (info, count)
}

#[test]
fn a_borrowed_walk_allocates_nothing_whatever_the_number_of_records() {
    for (file, at_least) in [
        (PolBuilder::new().build(), 0),
        (synthetic(1 << 16, 1), 300),
        (synthetic(2 << 20, 2), 10_000),
        (shortest_records(200_000), 200_000),
    ] {
        let (info, count) = walk(&file);
        assert!(count >= at_least, "{count} records");
        assert_eq!(info, AllocationInfo::default(), "{count} records");
    }
}

#[test]
fn a_borrowed_walk_over_any_bytes_allocates_nothing() {
    let noise = noise(4 << 20);
    for len in [0, 1, 7, 8, 9, 1 << 10, noise.len()] {
        let file = PolBuilder::new().raw(&noise[..len]).build();
        assert_eq!(walk(&file).0, AllocationInfo::default(), "{len} bytes");
    }
}

/// To say what the file is in place of a policy file, its first 512 bytes are read as text.
#[test]
fn a_file_that_is_no_policy_file_costs_a_small_fixed_sum() {
    let noise = noise(4 << 20);
    let text = "Software\\Policies\n".repeat(1 << 16).into_bytes();
    let wide: Vec<u8> = text.iter().flat_map(|byte| [*byte, 0]).collect();
    for stranger in [noise, text, wide] {
        let (info, count) = walk(&stranger);
        assert_eq!(count, 0);
        assert!(info.bytes_max <= 2048, "{info:?}");
    }
}

#[test]
fn a_size_of_four_gigabytes_costs_nothing() {
    let file = PolBuilder::new().record_of_size("K", "V", REG_BINARY, u32::MAX, b"four").build();
    let (info, count) = walk(&file);
    assert_eq!((info, count), (AllocationInfo::default(), 0));

    let parse = measure(|| assert!(PolicyFile::parse(&file).is_err()));
    assert_eq!(parse, AllocationInfo::default(), "a file is copied once it is known to be sound");
}

/// Peak and length of the file.
fn owned(file: &[u8]) -> (u64, u64) {
    let info = measure(|| assert!(PolicyFile::parse(file).is_ok()));
    assert_eq!(info.bytes_current, 0);
    (info.bytes_max, file.len() as u64)
}

/// Beside the copy stands a list with 8 bytes a record, and room for twice as many records at
/// worst: 16 bytes for each of the shortest records, which have 24.
#[test]
fn an_owned_file_takes_at_most_five_thirds_of_its_length_at_any_time() {
    let small = 64;
    for count in [0, 1, 2, 3, 4, 5, 1 << 10, (1 << 10) + 1, (1 << 17) - 1, 1 << 17, (1 << 17) + 1] {
        let (peak, len) = owned(&shortest_records(count));
        println!("{count} shortest records: {peak} of {len} bytes");
        assert!(peak <= len + 2 * len / 3 + small, "{count} records: {peak} of {len} bytes");
    }
}

/// While the list grows, the old one and one of twice its length are there at once: 24 bytes a record.
#[test]
fn bytes_that_are_kept_cost_at_most_their_length_once_more() {
    for count in [0, 1, 5, (1 << 10) + 1, (1 << 17) + 1] {
        let file = shortest_records(count);
        let len = file.len() as u64;
        let mut kept = None;
        let info = measure(|| kept = PolicyFile::from_bytes(file).ok());
        assert_eq!(kept.map(|file| file.len()), Some(count));
        println!("{count} shortest records: {} beside {len} bytes", info.bytes_max);
        assert!(info.bytes_max <= len + 64, "{count} records: {} beside {len} bytes", info.bytes_max);
    }
}

#[test]
fn an_owned_file_of_the_usual_mix_takes_little_more_than_its_length() {
    for megabytes in [1, 3] {
        let (peak, len) = owned(&synthetic(megabytes << 20, 3));
        println!("{megabytes} MiB: {peak} of {len} bytes");
        assert!(peak <= len + len / 4, "{peak} of {len} bytes");
    }
}

/// What a census of the file holds at once, beside the file.
fn counted(file: &[u8]) -> u64 {
    measure(|| drop(polfile::census(file, |_, _| {}))).bytes_max
}

#[test]
fn a_census_holds_as_much_as_one_key_needs_or_sixteen_bytes_a_record() {
    let in_order = |bytes| counted(&synthetic(bytes, 1));
    let (few, many) = (in_order(1 << 18), in_order(1 << 22));
    assert!(many <= few.max(1 << 14), "{few} bytes, then {many}");
    // Keys in no order, none twice.
    let out_of_order = |count: usize| {
        let file = (0..count).fold(PolBuilder::new(), |file, n| file.dword(&format!("K{}", n ^ 1), "V", 1)).build();
        counted(&file)
    };
    assert!((16 * 4_096..20 * 4_096).contains(&out_of_order(4_096)), "{}", out_of_order(4_096));
}
