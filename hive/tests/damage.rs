//! Damaged hives: an error where the damage is, everything else as before, and never a panic.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests as well

mod corpus;

use fixtures::hive::logs::{dirty, entry, new_log, old_log};
use fixtures::hive::samples::noise;
use fixtures::hive::{Built, KeySpec, List, SEGMENT, build, set};
use hive::{ErrorKind, Hive, HiveError, Key, OffsetProblem, Part};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;

/// Two keys with values, and one that nothing is to happen to.
fn small(minor: u32, list: List) -> Built {
    let a = KeySpec::new("A").class("class").value("x", 1, noise(40)).value("y", 4, [1, 0, 0, 0]);
    let b = KeySpec::new("B").list(list).keys(["C", "D", "E", "F"].map(KeySpec::new));
    build(minor, &KeySpec::new("R").list(list).key(a).key(b).key(KeySpec::new("Sound").value("z", 3, noise(9))))
}

/// Everything in a hive: keys and values that can be read, and the errors.
#[derive(Default)]
struct Walk {
    keys: usize,
    values: usize,
    errors: Vec<HiveError>,
}

impl Walk {
    fn of(hive: &Hive) -> Self {
        let mut walk = Self::default();
        match hive.root() {
            Ok(root) => walk.key(&root),
            Err(error) => walk.errors.push(error),
        }
        walk.errors.extend(hive.problems().iter().cloned());
        walk
    }

    fn key(&mut self, key: &Key<'_>) {
        self.keys += 1;
        self.errors.extend(key.class_name().err());
        assert!(key.path().len() < 1_000_000);
        for value in key.values() {
            match value.and_then(|value| value.data().map(|data| assert_eq!(data.len(), value.data_size()))) {
                Ok(()) => self.values += 1,
                Err(error) => self.errors.push(error),
            }
        }
        for below in key.subkeys() {
            match below {
                Ok(below) => self.key(&below),
                Err(error) => self.errors.push(error),
            }
        }
    }

    /// What must hold of any bytes.
    fn check(file: &[u8], log1: Option<&[u8]>, log2: Option<&[u8]>) -> Option<Self> {
        let hive = match Hive::parse_with_logs(file, log1, log2) {
            Ok(hive) => hive,
            Err(error) => {
                assert!(error.offset <= file.len(), "{error}");
                return None;
            }
        };
        let walk = Self::of(&hive);
        // Each key has a cell of its own.
        assert!(walk.keys <= hive.as_bytes().len() / 80);
        for error in &walk.errors {
            assert!(error.offset <= hive.as_bytes().len() && !error.to_string().is_empty(), "{error}");
        }
        Some(walk)
    }
}

#[test]
fn each_kind_of_damage_is_found_where_it_is() {
    let built = small(5, List::Lh);
    let ri = small(5, List::Ri(2));
    let big = build(5, &KeySpec::new("R").key(KeySpec::new("A").value("x", 3, noise(3 * SEGMENT + 5))));
    let at = |place: &str| built.at(place);
    let number = |n: u32| n.to_le_bytes().to_vec();
    let cell = |place: &str| u32::try_from(at(place) - 4 - 4096).unwrap();
    let offset = |value, problem| ErrorKind::Offset { value, problem };
    let signature = |expected, found: &[u8]| ErrorKind::Signature { expected, found: found.to_vec() };
    let x = |hive: &Hive| hive.open("A")?.unwrap().value("x")?.unwrap().data().map(drop);
    let y = |hive: &Hive| hive.open("A")?.unwrap().value("y").map(drop);
    let d = |hive: &Hive| hive.open(r"B\D").map(drop);
    type Call<'a> = &'a dyn Fn(&Hive) -> Result<(), HiveError>;
    // The hive, the bytes put into it and where; what is asked of it, and what it says to that.
    type Case<'a> = (&'a Built, usize, Vec<u8>, Call<'a>, usize, Part, ErrorKind);
    let cases: Vec<Case<'_>> = vec![
        // Offsets that lead nowhere, at the place where they stand.
        (
            &built,
            at("vk:A:x") + 8,
            number(u32::MAX),
            &x,
            at("vk:A:x") + 8,
            Part::Data,
            offset(u32::MAX, OffsetProblem::Nil),
        ),
        (
            &built,
            at("vk:A:x") + 8,
            number(0x7FFF_FFF8),
            &x,
            at("vk:A:x") + 8,
            Part::Data,
            offset(0x7FFF_FFF8, OffsetProblem::Outside),
        ),
        (&built, at("vk:A:x") + 8, number(33), &x, at("vk:A:x") + 8, Part::Data, offset(33, OffsetProblem::Unaligned)),
        (&built, at("vk:A:x") + 8, number(0), &x, at("vk:A:x") + 8, Part::Data, offset(0, OffsetProblem::NotACell)),
        (
            &built,
            at("vk:A:x") + 8,
            number(cell("nk:A") + 8),
            &x,
            at("vk:A:x") + 8,
            Part::Data,
            offset(cell("nk:A") + 8, OffsetProblem::NotACell),
        ),
        (&built, at("values:A"), number(cell("nk:A")), &x, at("nk:A"), Part::Value, signature("vk", b"nk")),
        (&built, at("list:B") + 4 + 8, number(cell("vk:A:x")), &d, at("vk:A:x"), Part::Key, signature("nk", b"vk")),
        (
            &built,
            at("nk:B") + 28,
            number(cell("nk:A")),
            &d,
            at("nk:A"),
            Part::SubkeyList,
            signature("lf, lh, li or ri", b"nk"),
        ),
        // Sizes and counts that do not fit.
        (
            &built,
            at("vk:A:x") + 4,
            number(0x8000_0005),
            &x,
            at("vk:A:x") + 4,
            Part::Value,
            ErrorKind::Size { found: 5, limit: 4 },
        ),
        (
            &built,
            at("vk:A:x") + 4,
            number(60),
            &x,
            at("vk:A:x") + 4,
            Part::Value,
            ErrorKind::Size { found: 60, limit: 44 },
        ),
        (
            &built,
            at("vk:A:x") + 2,
            vec![0, 1],
            &x,
            at("vk:A:x") + 20,
            Part::ValueName,
            ErrorKind::Size { found: 276, limit: 28 },
        ),
        (
            &built,
            at("nk:A") + 36,
            number(1000),
            &y,
            at("values:A"),
            Part::ValueList,
            ErrorKind::Size { found: 4000, limit: 12 },
        ),
        (
            &built,
            at("list:B") + 2,
            vec![9, 0],
            &d,
            at("list:B") + 4,
            Part::SubkeyList,
            ErrorKind::Size { found: 76, limit: 36 },
        ),
        // A list with other keys than there should be.
        (
            &built,
            at("nk:B") + 20,
            number(9),
            &|hive: &Hive| hive.open(r"B\X").map(drop),
            at("nk:B") + 28,
            Part::SubkeyList,
            ErrorKind::Count { said: 9, found: 4 },
        ),
        (
            &built,
            at("list:B") + 12,
            number(cell("nk:B\\C")),
            &d,
            at("list:B") + 12,
            Part::Key,
            ErrorKind::Loop { cell: cell("nk:B\\C") },
        ),
        (
            &built,
            at("list:B") + 12,
            number(cell("nk:B")),
            &d,
            at("list:B") + 12,
            Part::Key,
            ErrorKind::Loop { cell: cell("nk:B") },
        ),
        (
            &built,
            at("list:B") + 12,
            number(cell("nk:A")),
            &d,
            at("nk:A") + 16,
            Part::Key,
            ErrorKind::Mismatch { expected: cell("nk:B"), found: 32 + 48 },
        ),
        (
            &ri,
            ri.at("list:B") + 8,
            ri.bytes[ri.at("list:B") + 4..][..4].to_vec(),
            &|hive: &Hive| hive.open(r"B\E").map(drop),
            ri.at("list:B") + 8,
            Part::SubkeyList,
            ErrorKind::Loop { cell: u32::try_from(ri.at("list:B#0") - 4100).unwrap() },
        ),
        (
            &ri,
            ri.at("list:B#1"),
            b"ri".to_vec(),
            &|hive: &Hive| hive.open(r"B\E").map(drop),
            ri.at("list:B#1"),
            Part::SubkeyList,
            signature("lf, lh or li", b"ri"),
        ),
        // Big data.
        (&big, big.at("data:A:x"), b"dc".to_vec(), &x, big.at("data:A:x"), Part::BigData, signature("db", b"dc")),
        (
            &big,
            big.at("data:A:x") + 2,
            vec![3, 0],
            &x,
            big.at("data:A:x") + 2,
            Part::BigData,
            ErrorKind::Count { said: 3, found: 4 },
        ),
        (
            &big,
            big.at("segments:A:x") + 4,
            big.bytes[big.at("segments:A:x")..][..4].to_vec(),
            &x,
            big.at("segments:A:x") + 4,
            Part::Segment,
            ErrorKind::Loop { cell: u32::from_le_bytes(big.bytes[big.at("segments:A:x")..][..4].try_into().unwrap()) },
        ),
    ];
    for (number, (built, place, bytes, call, offset, part, kind)) in cases.into_iter().enumerate() {
        let hive = Hive::parse(built.with(place, &bytes)).unwrap();
        let error = call(&hive).unwrap_err();
        assert_eq!((error.offset, error.part, &error.kind), (offset, part, &kind), "case {number}: {error}");
        assert!(hive.problems().is_empty(), "case {number}");
        if built.places.contains_key("nk:Sound") {
            let sound = hive.open("Sound").unwrap().unwrap();
            assert_eq!(&*sound.value("z").unwrap().unwrap().data().unwrap(), noise(9), "case {number}");
        }
    }
}

#[test]
fn the_header_says_what_is_wrong_with_it() {
    let built = small(5, List::Lf);
    let patched = |at, number| {
        let mut bytes = built.bytes.clone();
        set(&mut bytes, at, number);
        Hive::parse(bytes).and_then(|hive| hive.root().map(drop)).unwrap_err()
    };
    let error = patched(24, 2);
    assert_eq!((error.offset, error.kind), (20, ErrorKind::Version { major: 1, minor: 2 }));
    assert_eq!(
        patched(28, 6).to_string(),
        "offset 0x0000001c, base block: file type 6, format 1: not a primary hive file but a log"
    );
    let error = patched(36, 8);
    assert_eq!((error.offset, error.part), (36, Part::RootKey));
    let error = Hive::parse(&built.bytes[..4095]).unwrap_err();
    assert_eq!((error.offset, error.kind), (0, ErrorKind::Truncated { need: 4096, have: 4095 }));
    assert_eq!(Hive::parse(vec![]).unwrap_err().offset, 0);
}

#[test]
fn what_was_deleted_is_not_read() {
    let built = small(5, List::Lh);
    let size = i32::from_le_bytes(built.bytes[built.at("nk:A") - 4..][..4].try_into().unwrap());
    let hive = Hive::parse(built.with(built.at("nk:A") - 4, &(-size).to_le_bytes())).unwrap();
    let error = hive.open("A").unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Offset { problem: OffsetProblem::Free, .. }), "{error}");
    assert!(hive.open("Sound").unwrap().is_some());
    // It might have been any name, so none is said to be missing.
    assert!(hive.open("Nothing").is_err());
}

#[test]
fn a_bin_that_is_damaged_takes_no_other_with_it() {
    let keys = (0..200).map(|i| KeySpec::new(&format!("key {i:03}")).value("i", 3, noise(200)));
    let built = build(5, &KeySpec::new("R").list(List::Lf).keys(keys));
    let whole = Walk::of(&Hive::parse(&built.bytes[..]).unwrap());
    assert_eq!((whole.keys, whole.values, whole.errors.len()), (201, 200, 0));
    let third = 4096 * 3;
    for (at, bytes, offset) in [
        (third, b"nope".to_vec(), third),
        (third + 4, vec![1], third + 4),
        (third + 8, vec![0, 0x20], third + 4096),
        (third + 8, vec![1], third + 8),
        (third + 32, vec![0; 4], third + 32),
        (third + 32, vec![0xFE], third + 32),
    ] {
        let hive = Hive::parse(built.with(at, &bytes)).unwrap();
        let walk = Walk::of(&hive);
        assert_eq!(hive.problems().len(), 1, "{:?}", hive.problems());
        assert_eq!((hive.problems()[0].offset, hive.problems()[0].part), (offset, Part::Bin));
        assert!(walk.keys > 180 && walk.keys < 201, "{} keys", walk.keys);
    }
    // Cut off: what was in front of the cut is there.
    let hive = Hive::parse(&built.bytes[..built.bytes.len() - 6000]).unwrap();
    assert!(hive.problems().iter().any(|problem| matches!(problem.kind, ErrorKind::Truncated { .. })));
    assert!(!Walk::of(&hive).errors.is_empty());
}

/// The builder and the walk of this test go down a key a call; threads of tests have small stacks for that.
#[test]
fn keys_in_a_circle_and_keys_too_deep_come_to_an_end() {
    let roomy = std::thread::Builder::new().stack_size(256 << 20);
    let done = roomy.spawn(circles_and_depths).expect("a thread starts").join();
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn circles_and_depths() {
    let deep = (0..600).fold(KeySpec::new("k"), |below, _| KeySpec::new("k").key(below));
    let walk = Walk::of(&Hive::parse(build(5, &KeySpec::new("R").key(deep)).bytes).unwrap());
    assert_eq!(walk.keys, 512);
    assert!(matches!(walk.errors[..], [HiveError { kind: ErrorKind::TooDeep { limit: 512 }, .. }]));
    // The root below itself, and saying so.
    let built = small(5, List::Li);
    let root = built.at("nk:");
    let cell = u32::try_from(root - 4100).unwrap().to_le_bytes();
    let mut bytes = built.with(built.at("list:") + 4, &cell);
    bytes[root + 16..root + 20].copy_from_slice(&cell);
    let walk = Walk::check(&bytes, None, None).unwrap();
    assert!(walk.errors.iter().any(|error| matches!(error.kind, ErrorKind::Loop { .. })));
}

#[test]
fn every_file_of_the_corpus_is_read_or_refused() {
    let (mut read, mut refused) = (vec![], vec![]);
    for (name, bytes) in corpus::files() {
        match Walk::check(&bytes, None, None) {
            Some(walk) => {
                assert!(walk.errors.is_empty(), "{name}: {:?}", walk.errors);
                read.push((name, walk.keys, walk.values));
            }
            None => refused.push(name),
        }
    }
    for (name, hive) in corpus::recovered() {
        let walk = Walk::of(&hive);
        assert!(walk.errors.is_empty(), "{name}: {:?}", walk.errors);
        read.push((name, walk.keys, walk.values));
    }
    println!("{} read: {read:?}\n{} refused: {refused:?}", read.len(), refused.len());
}

#[test]
fn any_byte_of_a_hive_may_be_any_other() {
    for (minor, list) in [(3, List::Lf), (5, List::Ri(2))] {
        let built = small(minor, list);
        let end = built.bytes.len();
        for at in (0..512).chain(4096..end) {
            for byte in [0, 0xFF, built.bytes[at] ^ 0x80, built.bytes[at].wrapping_add(8)] {
                Walk::check(&built.with(at, &[byte]), None, None);
            }
        }
        for cut in (0..end).step_by(7) {
            Walk::check(&built.bytes[..cut], None, None);
        }
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(0x7265_6766), failure_persistence: None, ..Default::default() }
}

/// Changes a few bytes, or whole numbers to such as lead somewhere, and may cut the end off.
fn mutate(bytes: &mut Vec<u8>, changes: &[(Index, u32, bool)], cut: Option<Index>) {
    for (at, number, whole) in changes {
        let at = at.index(bytes.len());
        let number = if *whole { number & 0x3FF8 } else { *number };
        let at = if *whole { at & !3 } else { at };
        let len = if *whole { 4 } else { 1 };
        bytes.iter_mut().skip(at).take(len).zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
}

fn changes() -> impl Strategy<Value = Vec<(Index, u32, bool)>> {
    proptest::collection::vec((any::<Index>(), any::<u32>(), any::<bool>()), 0..24)
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn no_damage_makes_a_panic(minor in 3..7_u32, ri: bool, seal: bool, changes in changes(), cut: Option<Index>) {
        let mut bytes = small(minor, if ri { List::Ri(2) } else { List::Lh }).bytes;
        mutate(&mut bytes, &changes, cut);
        if seal && bytes.len() >= 4096 {
            bytes[..4].copy_from_slice(b"regf");
            let sequence = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
            set(&mut bytes, 4, sequence);
        }
        Walk::check(&bytes, None, None);
    }

    #[test]
    fn no_damage_to_a_log_makes_a_panic(old: bool, base: bool, changes in changes(), cut: Option<Index>, again: bool) {
        let (before, after) = (small(5, List::Lf).bytes, small(5, List::Ri(3)).bytes);
        let mut file = dirty(&before, 8, 7);
        if base {
            file[100] ^= 1;
        }
        let mut log = if old { old_log(&before, &after, 1) } else { new_log(&before, 8, &[entry(8, &before, &after)]) };
        mutate(&mut log, &changes, cut);
        if again && log.len() >= 512 {
            fixtures::hive::seal(&mut log);
        }
        Walk::check(&file, Some(&log), None);
        Walk::check(&file, Some(&log), Some(&log));
    }
}

/// Hives of hundreds of keys, the corpus' own among them.
#[test]
fn large_hives_may_be_damaged_anywhere() {
    let sample = fixtures::hive::samples::sample(5, List::Lh).bytes;
    let hives = corpus::files().into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() > 4096).chain([sample]);
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for bytes in hives {
        for _ in 0..30 {
            let mut broken = bytes.clone();
            for _ in 0..40 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = usize::try_from(random % u64::try_from(broken.len()).unwrap()).unwrap();
                broken[at] = random.to_be_bytes()[0];
            }
            Walk::check(&broken, None, None);
        }
    }
}
