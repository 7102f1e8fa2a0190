//! What the builder's hives hold is read, byte by byte.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests as well

use fixtures::hive::samples::{all, noise, sample};
use fixtures::hive::{KeySpec, List, SEGMENT, ValueSpec, build, build_tight, sz, units, utf16};
use hive::{ErrorKind, Hive, HiveState, Part, ValueType};

#[test]
fn every_key_and_value_of_every_version_and_list_is_read() {
    for (name, built) in all() {
        let hive = Hive::parse(&built.bytes[..]).unwrap();
        assert_eq!((hive.state(), hive.problems()), (&HiveState::Clean, &[][..]), "{name}");
        assert_eq!(hive.as_bytes(), built.bytes);
        let minor = hive.base_block().minor;
        let values = hive.open("values").unwrap().unwrap();
        assert_eq!(values.class_name().unwrap(), utf16("a class name"), "{name}");
        assert_eq!(values.values().filter(Result::is_ok).count(), values.value_count() as usize, "{name}");
        let data = |name: &str| {
            let value = values.value(name).unwrap().unwrap();
            let data = value.data().unwrap().into_owned();
            assert_eq!(value.data_size(), data.len());
            (value.value_type(), data)
        };
        assert_eq!(data(""), (ValueType::SZ, sz("the default value")));
        assert_eq!(data("TEXT"), (ValueType::SZ, sz("Größe ⚙ 𝄞")));
        assert_eq!(data("DWORD"), (ValueType::DWORD, vec![0xED, 0xFE, 0, 0]));
        assert_eq!(data("КЛЮЧ ⚙"), (ValueType::BINARY, noise(9)));
        assert_eq!(data("GRÖßE"), (ValueType::BINARY, noise(9)));
        assert_eq!(data("type max"), (ValueType(u32::MAX), noise(5)));
        assert_eq!(data("version").1, minor.to_le_bytes());
        assert_eq!(data("resident 0").1, []);
        for size in [1, 2, 3, 4] {
            assert_eq!(data(&format!("resident {size}")).1, noise(size), "{name}");
            assert_eq!(data(&format!("cell {size}")).1, noise(size), "{name}");
        }
        for size in [5, 8, 4000, 4096, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1, 1_100_000] {
            assert_eq!(data(&format!("size {size}")).1, noise(size), "{name}");
        }
        assert!(values.value("nothing").unwrap().is_none());

        let many = hive.open("MANY").unwrap().unwrap();
        let names: Vec<String> = many.subkeys().map(|key| key.unwrap().name().to_string()).collect();
        assert_eq!(names, (0..40).map(|i| format!("key {i:02}")).collect::<Vec<_>>(), "{name}");
        let found = many.subkey("KEY 37").unwrap().unwrap();
        assert_eq!(found.path(), r"Many\key 37");
        assert_eq!(&*found.value("I").unwrap().unwrap().data().unwrap(), [37, 0, 0, 0]);
        assert_eq!(found.last_written(), 0x01DA_0000_0000_0000);
        assert_eq!(found.components().len(), 2);

        let path: Vec<String> = (0..30).map(|level| format!("Level {level}")).chain(["BOTTOM".into()]).collect();
        let bottom = hive.open(&path.join("\\")).unwrap().unwrap();
        assert_eq!((bottom.subkey_count(), bottom.path().to_lowercase()), (0, path.join("\\").to_lowercase()));
        for key in ["ascii", "GRÖßE", "КЛЮЧ", "⚙ GEAR", "𝄞 clef", "A B", "X.Y", "ÿ"] {
            assert!(hive.open(&format!(r"Names\{key}")).unwrap().is_some(), "{name}: {key}");
        }
        assert!(hive.open(r"Names\ascii\more").unwrap().is_none());
        assert!(hive.open("").unwrap().unwrap().path().is_empty());
    }
}

#[test]
fn a_symbolic_link_is_shown_but_no_path_leads_through_it() {
    let built = sample(5, List::Lh);
    let hive = Hive::parse(built.bytes.clone()).unwrap();
    let link = hive.open("Link").unwrap().unwrap();
    assert!(link.is_symbolic_link());
    let target = link.value("SymbolicLinkValue").unwrap().unwrap();
    assert_eq!(
        (target.value_type(), &*target.data().unwrap()),
        (ValueType::LINK, &utf16(r"\Registry\Machine\Other")[..])
    );
    let error = hive.open(r"Link\Below").unwrap_err();
    assert_eq!((error.offset, error.part, error.kind), (built.at("nk:Link") + 2, Part::Key, ErrorKind::SymbolicLink));
}

#[test]
fn the_value_list_of_a_predefined_handle_is_no_list() {
    let built = build(5, &KeySpec::new("R").key(KeySpec::new("009").flags(0x40).value("x", 4, [1, 0, 0, 0])));
    let at = built.at("nk:009") + 36;
    let hive = Hive::parse(built.with(at, &0x8000_0050_u32.to_le_bytes())).unwrap();
    let key = hive.open("009").unwrap().unwrap();
    assert!(key.is_predefined_handle());
    assert_eq!((key.value_count(), key.values().count()), (0, 0));
}

#[test]
fn no_data_without_the_resident_bit_need_no_cell() {
    // hivex wants one. A tombstone looks like this, in a differencing hive.
    let empty = ValueSpec { name: units("x"), value_type: 0, data: vec![], in_cell: true };
    let built = build(6, &KeySpec::new("R").raw_value(empty));
    let hive = Hive::parse(built.with(built.at("vk::x") + 16, &[3, 0])).unwrap();
    let value = hive.root().unwrap().value("X").unwrap().unwrap();
    assert!(value.is_tombstone());
    assert_eq!((value.value_type(), &*value.data().unwrap()), (ValueType::NONE, &[][..]));
}

#[test]
fn the_last_segment_may_fill_its_cell() {
    // hivex and libregf cut 4 bytes off here, and give out less than the value says.
    for last in 1..=12 {
        let root = KeySpec::new("R").value("x", 3, noise(SEGMENT + last));
        let hive = Hive::parse(build_tight(5, &root).bytes).unwrap();
        assert_eq!(&*hive.root().unwrap().value("x").unwrap().unwrap().data().unwrap(), noise(SEGMENT + last));
    }
}

#[test]
fn names_of_any_units_are_read() {
    let mut odd = KeySpec::new("x");
    odd.name = vec![0xD800, b'a'.into(), 0];
    let hive = Hive::parse(build(5, &KeySpec::new("R").key(odd).key(KeySpec::new("zero\0key"))).bytes).unwrap();
    let keys: Vec<_> = hive.root().unwrap().subkeys().map(Result::unwrap).collect();
    assert_eq!(keys[1].name().units().collect::<Vec<_>>(), [0xD800, 0x61, 0]);
    assert!(keys[1].name().to_text().is_err());
    assert_eq!(keys[1].path(), "\u{FFFD}a\0");
    assert_eq!(keys[1].name().to_utf16le(), [0, 0xD8, b'a', 0, 0, 0]);
    assert!(hive.open("ZERO\0KEY").unwrap().is_some());
}

#[test]
fn what_lies_behind_the_last_bin_is_not_read() {
    let built = sample(3, List::Lf);
    let mut longer = built.bytes.clone();
    longer.extend(noise(5000));
    let hive = Hive::parse(longer).unwrap();
    assert!(hive.problems().is_empty());
    assert!(hive.open("Many").unwrap().is_some());
}
