//! What `salvage` finds behind one damage stood in the file before, whole.

use polfile::{PolicyFile, Record, RecordRef, Value, ValueType, WideString, salvage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn bytes(record: RecordRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.write_to(&mut bytes);
    bytes
}

/// Data that look like parts of a policy file: brackets, separators and whole records.
fn misleading_data() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec!["[", "]", ";", "];[", "][", "][Software\\", "x", "\0", "[K\0;N\0;"]).prop_map(wide),
        (0_u8..3, 0_u8..5).prop_map(|(name, size)| {
            let name: WideString = ["N", "M", "[*.]gov"][usize::from(name)].into();
            let record = Record::new(r"Software\P".into(), name, ValueType::BINARY, vec![b'['; usize::from(size)]);
            bytes(record.expect("no NUL").as_ref())
        }),
        vec(any::<u8>(), 0..5),
    ];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Files of records as Windows has them: keys without `[`, names without `][`, numbers of their size, anything else as data.
fn misleading_file() -> impl Strategy<Value = PolicyFile> {
    let key = prop::sample::select(vec![r"Software\P", "K", r"K\a]b", ""]);
    let name = prop::sample::select(vec!["N", "", "[*.]gov", "id;https://x", "a]b", "[", "**del.N"]);
    let value = prop_oneof![
        any::<u32>().prop_map(|n| Value::Dword(n).encode()),
        misleading_data().prop_map(|data| (ValueType::BINARY, data)),
        misleading_data().prop_map(|data| (ValueType::SZ, data)),
    ];
    vec((key, name, value), 1..7).prop_map(|records| {
        let mut file = PolicyFile::new();
        for (key, name, (value_type, data)) in records {
            file.push(Record::new(key.into(), name.into(), value_type, data).expect("no NUL").as_ref());
        }
        file
    })
}

/// One damage.
#[derive(Clone, Debug)]
enum Damage {
    Flip(u8),
    Cut,
    Insert(Vec<u8>),
    Delete(usize),
    Overwrite(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (1_u8..).prop_map(Damage::Flip),
        Just(Damage::Cut),
        vec(any::<u8>(), 1..9).prop_map(Damage::Insert),
        prop_oneof![1_usize..9, 1_usize..200].prop_map(Damage::Delete),
        prop_oneof![vec(any::<u8>(), 1..9), vec(Just(0), 1..200)].prop_map(Damage::Overwrite),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 5_000,
        rng_seed: RngSeed::Fixed(0x5341_4C56),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn what_is_found_behind_one_damage_stood_in_the_file(
        file in misleading_file(), damage in damage(), at in any::<prop::sample::Index>(),
    ) {
        let mut damaged = file.as_bytes().to_vec();
        let at = 8 + at.index(damaged.len() - 8);
        match damage {
            Damage::Flip(bits) => damaged[at] ^= bits,
            Damage::Cut => damaged.truncate(at),
            Damage::Insert(bytes) => drop(damaged.splice(at..at, bytes)),
            Damage::Delete(count) => drop(damaged.drain(at..(at + count).min(file.as_bytes().len()))),
            Damage::Overwrite(bytes) => {
                let end = (at + bytes.len()).min(damaged.len());
                damaged[at..end].copy_from_slice(&bytes[..end - at]);
            }
        }
        let saved = salvage(&damaged).unwrap();
        // From the end of the file, each found record is the one that stood there.
        let (before, behind) = (file.as_bytes(), damaged.as_slice());
        for found in &saved.records[saved.intact..] {
            let from_the_end = behind.len() - found.offset;
            let stood = file.records().find(|record| before.len() - record.offset == from_the_end);
            prop_assert_eq!(stood.map(bytes), Some(bytes(*found)), "{:?}", found);
        }
    }
}
