//! Listings of damaged hives: they end, print no byte twice, and agree with what is looked up.

#![allow(clippy::unwrap_used)] // helpers of tests are tests as well

use fixtures::hive::{KeySpec, List, build};
use gpo::hive_file::{Entry, HiveFile};
use gpo::model::Text;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;

fn small() -> Vec<u8> {
    let a = KeySpec::new("A").class("class").binary("x", &[7; 40]).dword("y", 1).sz("", "default");
    let b = KeySpec::new("B").keys(["C", "D", "E", "F"].map(|name| KeySpec::new(name).dword("n", 2)));
    build(5, &KeySpec::new("R").list(List::Ri(2)).key(a).key(b).key(KeySpec::new("Z").dword("z", 3))).bytes
}

fn opened(bytes: &[u8]) -> Option<HiveFile> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hive");
    std::fs::write(&path, bytes).unwrap();
    HiveFile::open(&path).ok()
}

#[test]
fn a_sound_hive_is_listed_whole() {
    let hive = opened(&small()).unwrap();
    let entries: Vec<Entry> = hive.list("", true).unwrap().unwrap().collect();
    let paths: Vec<String> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Key(key) => key.path.lossy(),
            Entry::Damage(damage) => panic!("{damage:?}"),
        })
        .collect();
    assert_eq!(paths, ["", "A", "B", r"B\C", r"B\D", r"B\E", r"B\F", "Z"]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400, rng_seed: RngSeed::Fixed(0x6869_7665), failure_persistence: None, ..Default::default()
    })]

    /// Bytes in the bins are changed, to anything or to offsets that lead somewhere.
    #[test]
    fn no_damage_makes_a_listing_endless(changes in prop::collection::vec((any::<Index>(), 0..0x400_u32, any::<bool>()), 1..12)) {
        let mut bytes = small();
        for (at, number, whole) in &changes {
            let at = 4128 + at.index(bytes.len() - 4128 - 4) / 4 * 4;
            match whole {
                true => bytes[at..at + 4].copy_from_slice(&(number * 8).to_le_bytes()),
                false => bytes[at] = number.to_le_bytes()[0],
            }
        }
        let Some(hive) = opened(&bytes) else { return Ok(()) };
        let Ok(listing) = hive.list("", true) else { return Ok(()) };
        let (mut keys, mut held) = (0, 0);
        for entry in listing.into_iter().flatten() {
            let Entry::Key(key) = entry else { continue };
            keys += 1;
            held += key.values.iter().flatten().map(|value| value.size).sum::<usize>();
            if let Text::Valid(path) = &key.path && !path.contains('!') {
                // Not there is never said of what is there; damage may hide it.
                prop_assert!(!matches!(hive.get(path), Ok(None)), "{path}");
            }
        }
        prop_assert!(keys <= bytes.len() / 80 && held <= bytes.len(), "{keys} keys, {held} bytes");
    }
}
