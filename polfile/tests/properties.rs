//! What holds for every file, whatever stands in it: one promise of the crate a test.
//!
//! The generators go where readers go wrong: names without a character, with lone surrogates, with
//! separators in them; directives in any case; unknown types, data of odd sizes and data that look
//! like records; slots and keys that come twice, keys whose records lie apart.

use std::collections::{BTreeMap, BTreeSet};

use fixtures::PolBuilder;
use polfile::{
    Action, Difference, Folded, KeyProblem, Lookalike, ParseError, PolicyFile, Record, RecordRef, Registry, Value,
    ValueType, WideStr, WideString, diff, records, salvage,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(0x504F_4C46), failure_persistence: None, ..Default::default() }
}

// What the generators make.

/// Text of any units but NUL.
fn units() -> impl Strategy<Value = Vec<u16>> + Clone {
    let unit = prop_oneof![
        6 => select("abAB\\;[]*. ,=\n".encode_utf16().collect::<Vec<_>>()),
        2 => select("äÄßıſΩωдД\u{2028}\u{FFFD}".encode_utf16().collect::<Vec<_>>()),
        2 => select(vec![0xD800, 0xDBFF, 0xDC00, 0xDFFF, 1, 0x005B_u16.swap_bytes(), 0xFFFF]),
        1 => 1..=u16::MAX,
    ];
    vec(unit, 0..8)
}

fn text(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

/// Few keys, so that they come twice, in two spellings, below each other and beside each other.
fn key() -> impl Strategy<Value = Vec<u16>> + Clone {
    let usual = select(vec!["K", "K", "k", r"K\S", r"K\S", r"k\s"]);
    let odd = select(vec![r"K\S\T", "K-1", r"K-1\S", "A", "", r"K\", r"\K", "Ä", r"ä\S"]);
    prop_oneof![12 => usual.prop_map(text), 4 => odd.prop_map(text), 1 => units()]
}

/// Few names, for the same reason. Not one begins with `**`.
fn value_name() -> impl Strategy<Value = Vec<u16>> + Clone {
    let usual = select(vec!["x", "x", "X", "y", ""]);
    let odd = select(vec!["*", "a;b", "[x]", "x]", "ä", "Ä", "del.x", r"\\*\x"]);
    let other = units().prop_filter("a directive", |units| !units.starts_with(&text("**")));
    prop_oneof![12 => usual.prop_map(text), 4 => odd.prop_map(text), 1 => other]
}

/// A part of the file, written with or without a NUL.
fn list() -> impl Strategy<Value = Vec<u8>> {
    let entry = prop_oneof![value_name(), key(), select(vec!["S", "s", r"S\T", r"K\S", "K", "", "x"]).prop_map(text)];
    (vec(entry, 0..4), any::<bool>()).prop_map(|(entries, nul)| {
        let mut units = entries.join(&u16::from(b';'));
        units.extend(nul.then_some(0));
        units.into_iter().flat_map(u16::to_le_bytes).collect()
    })
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let look_alike = PolBuilder::without_header().dword("K", "inside", 1).build();
    prop_oneof![
        4 => vec(any::<u8>(), 0..9),
        2 => units().prop_map(|units| units.into_iter().chain([0]).flat_map(u16::to_le_bytes).collect()),
        1 => list(),
        1 => Just(b"]\0[\0;\0]\0".to_vec()),
        1 => Just(look_alike),
        1 => vec(any::<u8>(), 200..300),
    ]
}

fn value_type() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..12_u32, 1 => any::<u32>()]
}

/// One record, in parts.
#[derive(Clone, Debug)]
struct Raw {
    key: Vec<u16>,
    name: Vec<u16>,
    value_type: u32,
    data: Vec<u8>,
}

/// A record with such a key and, alone or in a directive, such a value name.
fn record_of(
    key: impl Strategy<Value = Vec<u16>> + Clone + 'static,
    value_name: impl Strategy<Value = Vec<u16>> + Clone + 'static,
) -> BoxedStrategy<Raw> {
    let raw = |(key, name, value_type, data)| Raw { key, name, value_type, data };
    let set = (key.clone(), value_name.clone(), value_type(), data());
    let create = key.clone().prop_map(|key| Raw { key, name: Vec::new(), value_type: 0, data: Vec::new() });
    let start = select(vec!["**del.", "**DEL.", "**Del.", "**soft.", "**SOFT.", "**Comment:", "**", "**delvals"]);
    let named = (start, value_name).prop_map(|(start, name)| [text(start), name].concat());
    let whole = select(vec![
        "**delvals.",
        "**DelVals.",
        "**delvals",
        "**DELVALS",
        "**DeleteValues",
        "**deletevalues",
        "**DeleteKeys",
        "**DELETEKEYS",
        "**SecureKey",
        "**securekey=0",
        "**SecureKey=1",
        "**del.**delvals",
    ]);
    let name = prop_oneof![named, whole.prop_map(text)];
    let directive = (key, name, value_type(), prop_oneof![list(), data()]);
    prop_oneof![6 => set.prop_map(raw), 4 => directive.prop_map(raw), 1 => create].boxed()
}

fn record() -> impl Strategy<Value = Raw> {
    record_of(key(), value_name())
}

/// A record of a few slots that stand in each other's way.
fn crowded() -> impl Strategy<Value = Raw> {
    record_of(select(vec!["K", "k", r"K\S"]).prop_map(text), select(vec!["x", "X", ""]).prop_map(text))
}

fn raws() -> impl Strategy<Value = Vec<Raw>> {
    vec(record(), 0..10)
}

/// A well-formed file, made without the writer under test.
fn file() -> impl Strategy<Value = Vec<u8>> {
    raws().prop_map(|raws| bytes_of(&raws))
}

fn bytes_of(raws: &[Raw]) -> Vec<u8> {
    let record = |file: PolBuilder, raw: &Raw| {
        let size = u32::try_from(raw.data.len()).expect("short data");
        let names = file.text("[").units(&raw.key).text("\0;").units(&raw.name).text("\0;");
        names.number(raw.value_type).text(";").number(size).text(";").raw(&raw.data).text("]")
    };
    raws.iter().fold(PolBuilder::new(), record).build()
}

fn wide(units: &[u16]) -> WideString {
    WideString::from_bytes(units.iter().copied().flat_map(u16::to_le_bytes).collect()).expect("two bytes a unit")
}

fn owned(raw: &Raw) -> Record {
    Record::new(wide(&raw.key), wide(&raw.name), ValueType(raw.value_type), raw.data.clone()).expect("no NUL in a name")
}

/// One wrong thing.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cut(Index),
}

fn damaged_file() -> impl Strategy<Value = Vec<u8>> {
    let junk = prop_oneof![
        vec(any::<u8>(), 1..6),
        Just(b"[\0".to_vec()),
        Just(b"]\0".to_vec()),
        Just(b"\0\0".to_vec()),
        Just(b"\r\0\n\0".to_vec()),
        Just(b"\xFF\xFF\xFF\xFF".to_vec()),
    ];
    let at = any::<Index>;
    let damage = prop_oneof![
        4 => (at(), 1..=u8::MAX).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        2 => (at(), junk).prop_map(|(at, junk)| Damage::Insert(at, junk)),
        2 => (at(), 1..40_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => at().prop_map(Damage::Cut),
    ];
    (file(), vec(damage, 1..4)).prop_map(|(mut file, damages)| {
        for damage in damages {
            let len = file.len();
            match damage {
                Damage::Flip(at, bits) if len > 0 => file[at.index(len)] ^= bits,
                Damage::Flip(..) => {}
                Damage::Insert(at, junk) => drop(file.splice(at.index(len + 1)..at.index(len + 1), junk)),
                Damage::Remove(at, count) => drop(file.drain(at.index(len + 1)..(at.index(len + 1) + count).min(len))),
                Damage::Cut(at) => file.truncate(at.index(len + 1)),
            }
        }
        file
    })
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let behind_a_header = vec(select(b"[];\0\0\0\0\x04K*\\\xFF".to_vec()), 0..120);
    prop_oneof![
        vec(any::<u8>(), 0..40),
        behind_a_header.prop_map(|bytes| PolBuilder::new().raw(&bytes).build()),
        damaged_file(),
        damaged_file(),
    ]
}

// What they are held against.

fn bytes(record: RecordRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.write_to(&mut bytes);
    bytes
}

/// The records of the file that speak of another slot, byte by byte.
fn others(file: &PolicyFile, of: &RecordRef<'_>) -> Vec<Vec<u8>> {
    file.records().filter(|record| !record.same_slot(of)).map(bytes).collect()
}

fn first_error(file: &[u8]) -> Option<ParseError> {
    match records(file) {
        Ok(mut walk) => walk.find_map(Result::err),
        Err(error) => Some(error),
    }
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn reading_gives_what_was_written_and_writing_what_was_read(raws in raws()) {
        let bytes = bytes_of(&raws);
        let file = PolicyFile::parse(&bytes).unwrap();
        prop_assert_eq!(file.as_bytes(), &bytes);
        prop_assert_eq!(file.len(), raws.len());
        for (record, raw) in file.records().zip(&raws) {
            prop_assert!(record.key.units().eq(raw.key.iter().copied()));
            prop_assert!(record.value_name.units().eq(raw.name.iter().copied()));
            prop_assert_eq!((record.value_type.0, record.data), (raw.value_type, &*raw.data));
            prop_assert_eq!(&bytes[record.data_offset()..][..record.data.len()], &raw.data);
        }
        let spans: Vec<_> = file.records().map(|record| record.span()).collect();
        prop_assert_eq!(spans.first().map_or(8, |span| span.start), 8);
        prop_assert_eq!(spans.last().map_or(8, |span| span.end), bytes.len());
        prop_assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].start));
        let written: PolicyFile = records(&bytes).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(&written, &file);
        let written: PolicyFile = raws.iter().map(owned).collect::<Vec<_>>().iter().map(Record::as_ref).collect();
        prop_assert_eq!(&written, &file);
        prop_assert_eq!(file.into_bytes(), bytes);
    }

    #[test]
    fn putting_a_record_leaves_all_others_as_they_were(bytes in file(), raw in record()) {
        let before = PolicyFile::parse(&bytes).unwrap();
        let new = owned(&raw);
        let mut file = before.clone();
        let changed = file.put(&new);
        prop_assert_eq!(changed, file != before);
        prop_assert_eq!(others(&file, &new.as_ref()), others(&before, &new.as_ref()));

        let put: Vec<RecordRef<'_>> = file.records().filter(|record| record.same_slot(&new.as_ref())).collect();
        prop_assert_eq!(put.len(), 1);
        prop_assert!(put[0].value_name.eq_ignore_case(new.as_ref().value_name));
        prop_assert_eq!((put[0].value_type, put[0].data), (new.as_ref().value_type, new.as_ref().data));
        // The index of records is that of a file read anew.
        prop_assert_eq!(&PolicyFile::parse(file.as_bytes()).unwrap(), &file);

        let once = file.clone();
        prop_assert!(!file.put(&new));
        prop_assert_eq!(&file, &once);
    }

    #[test]
    fn many_records_are_put_as_they_are_put_one_by_one(
        bytes in prop_oneof![file(), vec(crowded(), 0..12).prop_map(|raws| bytes_of(&raws))],
        raws in vec(prop_oneof![record(), crowded()], 0..30),
    ) {
        let before = PolicyFile::parse(&bytes).unwrap();
        let records: Vec<Record> = raws.iter().map(owned).collect();
        let (mut one_by_one, mut at_once) = (before.clone(), before.clone());
        let changed = records.iter().fold(false, |changed, record| one_by_one.put(record) | changed);
        prop_assert_eq!(at_once.put_all(&records), changed);
        prop_assert_eq!(&at_once, &one_by_one);
        at_once.retain(|record| before.records().any(|other| other.same_slot(record)));
        prop_assert!(at_once.records().all(|record| before.records().any(|other| other.same_slot(&record))));
    }

    #[test]
    fn forgetting_a_slot_leaves_all_others_as_they_were(bytes in file(), raw in record()) {
        let before = PolicyFile::parse(&bytes).unwrap();
        let (key, name) = (wide(&raw.key), wide(&raw.name));
        let value = Record::new(key.clone(), name.clone(), ValueType::SZ, Vec::new()).unwrap();
        let mut file = before.clone();
        let count = file.forget(key.as_wide(), name.as_wide());
        prop_assert_eq!(others(&file, &value.as_ref()), others(&before, &value.as_ref()));
        prop_assert_eq!(file.len() + count, before.len());
        prop_assert!(!file.records().any(|record| record.same_slot(&value.as_ref())));
        prop_assert_eq!(&PolicyFile::parse(file.as_bytes()).unwrap(), &file);
        prop_assert_eq!(file.forget(key.as_wide(), name.as_wide()), 0);
    }

    #[test]
    fn forgetting_what_was_put_restores_every_byte(bytes in file(), raw in record()) {
        let new = owned(&raw);
        let new = new.as_ref();
        let file = PolicyFile::parse(&bytes).unwrap();
        let before: PolicyFile = file.records().filter(|record| !record.same_slot(&new)).collect();
        let mut file = before.clone();
        prop_assert!(file.put(&owned(&raw)));
        prop_assert!(file != before);
        if new.action() == Action::CreateKey {
            let index = file.records().position(|record| record.same_slot(&new)).unwrap();
            prop_assert!(file.forget_record(index));
        } else {
            prop_assert_eq!(file.forget(new.key, new.value_name), 1);
        }
        prop_assert_eq!(file, before);
    }

    #[test]
    fn a_file_of_one_record_less_is_the_other_records(bytes in file(), index in 0..12_usize) {
        let before = PolicyFile::parse(&bytes).unwrap();
        let mut file = before.clone();
        prop_assert_eq!(file.forget_record(index), index < before.len());
        let rest: PolicyFile =
            before.records().enumerate().filter(|(i, _)| *i != index).map(|(_, record)| record).collect();
        prop_assert_eq!(file, rest);
    }

    #[test]
    fn an_error_lies_inside_the_file(bytes in any_bytes()) {
        match (first_error(&bytes), PolicyFile::parse(&bytes)) {
            (None, Ok(file)) => prop_assert_eq!(file.as_bytes(), bytes),
            (Some(walked), Err(error)) => {
                prop_assert_eq!(&walked, &error);
                prop_assert!(error.start <= error.offset && error.offset <= bytes.len(), "{}", error);
                prop_assert!(error.to_string().contains(error.field.name()));
                let before = records(&bytes).map_or(0, |walk| walk.filter(Result::is_ok).count());
                prop_assert_eq!(error.record.unwrap_or(0), before);
            }
            (walked, owned) => prop_assert!(false, "{:?} and {:?}", walked, owned),
        }
    }

    #[test]
    fn no_bytes_make_anything_panic(bytes in any_bytes(), others in file()) {
        let others = PolicyFile::parse(&others).unwrap();
        let Ok(saved) = salvage(&bytes) else { return Ok(()) };
        let file = saved.to_file();
        for record in saved.records.iter().copied().chain(file.records()) {
            let _ = (record.action(), record.value(), format!("{record:?}"), KeyProblem::of(record.key));
            if let Action::DeleteKeys(keys) = record.action() {
                for key in keys {
                    prop_assert!(!record.deleted_key(key).as_wide().is_empty());
                }
            }
        }
        let registry = Registry::execute([&file, &others]);
        for key in registry.keys() {
            prop_assert!(key.values().all(|value| !value.events.is_empty()));
            prop_assert!(key.values().all(|value| value.current().is_none() == value.removed_by().is_some()));
            // A value that is there has a key to be in.
            prop_assert!(key.exists() || key.values().all(|value| value.current().is_none()));
        }
        let _ = diff(file.records(), others.records());
    }

    #[test]
    fn salvage_keeps_or_lists_every_byte_and_keeps_the_order(bytes in any_bytes()) {
        let Ok(saved) = salvage(&bytes) else {
            prop_assert!(records(&bytes).is_err());
            return Ok(());
        };
        let prefix: Vec<RecordRef<'_>> = records(&bytes).unwrap().map_while(Result::ok).collect();
        prop_assert_eq!(&saved.records[..saved.intact], &prefix);
        prop_assert_eq!(saved.lost.is_empty(), first_error(&bytes).is_none());
        prop_assert_eq!(saved.lost.first().map(|lost| lost.error.clone()), first_error(&bytes));

        prop_assert!(saved.records.is_sorted_by(|a, b| a.offset < b.offset));
        prop_assert!(saved.lost.is_sorted_by(|a, b| a.bytes.end <= b.bytes.start));
        let kept = saved.records.iter().map(RecordRef::span);
        let mut spans: Vec<_> = kept.chain(saved.lost.iter().map(|lost| lost.bytes.clone())).collect();
        spans.sort_by_key(|span| span.start);
        prop_assert!(spans.iter().all(|span| !span.is_empty()));
        let mut behind = 8;
        for span in &spans {
            prop_assert_eq!(span.start, behind);
            behind = span.end;
        }
        prop_assert_eq!(behind, bytes.len());
        prop_assert_eq!(saved.bytes_lost(), saved.lost.iter().map(|lost| lost.bytes.len()).sum::<usize>());

        for lost in &saved.lost {
            prop_assert_eq!(lost.error.start, lost.bytes.start);
        }
        for record in &saved.records {
            // As it stands, at the place it names.
            prop_assert_eq!(&bytes[record.span()], self::bytes(*record));
        }
        let file = PolicyFile::parse(saved.to_file().as_bytes()).unwrap();
        prop_assert!(file.records().map(self::bytes).eq(saved.records.iter().copied().map(self::bytes)));
    }

    #[test]
    fn a_file_does_not_differ_from_itself(bytes in file()) {
        let file = PolicyFile::parse(&bytes).unwrap();
        prop_assert_eq!(diff(file.records(), file.records()), []);
    }

    #[test]
    fn differences_are_mirrored_when_the_files_change_places(a in file(), b in file()) {
        let (a, b) = (PolicyFile::parse(&a).unwrap(), PolicyFile::parse(&b).unwrap());
        let mirrored: Vec<Difference<'_, '_>> = diff(b.records(), a.records())
            .into_iter()
            .map(|difference| match difference {
                Difference::OnlyLeft(l) => Difference::OnlyRight(l),
                Difference::OnlyRight(r) => Difference::OnlyLeft(r),
                Difference::Action(l, r) => Difference::Action(r, l),
                Difference::Type(l, r) => Difference::Type(r, l),
                Difference::Data(l, r) => Difference::Data(r, l),
                other => other,
            })
            .collect();
        prop_assert_eq!(diff(a.records(), b.records()), mirrored);
    }

    #[test]
    fn an_edit_makes_no_difference_but_in_its_slot(bytes in file(), raw in record()) {
        let before = PolicyFile::parse(&bytes).unwrap();
        let new = owned(&raw);
        let mut after = before.clone();
        after.put(&new);
        let found = diff(before.records(), after.records());
        let same = before.records().rfind(|record| record.same_slot(&new.as_ref())).is_some_and(|old| {
            (old.action().name(), old.value_type, old.data)
                == (new.as_ref().action().name(), new.as_ref().value_type, new.as_ref().data)
        });
        prop_assert_eq!(found.len(), usize::from(!same));
        for difference in found {
            let (Difference::OnlyRight(record)
            | Difference::Action(_, record)
            | Difference::Type(_, record)
            | Difference::Data(_, record)) = difference
            else {
                panic!("{difference:?}")
            };
            prop_assert!(record.same_slot(&new.as_ref()));
        }
    }

    #[test]
    fn the_registry_does_what_its_rules_say(weak in raws(), strong in raws()) {
        let files = [PolicyFile::parse(&bytes_of(&weak)).unwrap(), PolicyFile::parse(&bytes_of(&strong)).unwrap()];
        let registry = Registry::execute(&files);
        let mut model = Model::default();
        weak.iter().chain(&strong).for_each(|raw| model.step(raw));

        let mut keys = BTreeSet::new();
        let mut values = BTreeMap::new();
        for key in registry.keys() {
            if key.exists() {
                keys.insert(upper(&units_of(&key.path)));
            }
            for value in key.values() {
                if let Some((origin, value_type, data)) = value.current() {
                    let by = files[origin.file].record(origin.record).unwrap();
                    prop_assert_eq!((by.value_type, by.data), (value_type, data));
                    let place = (upper(&units_of(&key.path)), upper(&units_of(&value.name)));
                    values.insert(place, (value_type.0, data.to_vec()));
                }
            }
        }
        prop_assert_eq!(values, model.values);
        prop_assert_eq!(keys, model.keys);
    }

    #[test]
    fn a_history_is_no_longer_than_what_was_said(weak in raws(), strong in raws()) {
        let files = [PolicyFile::parse(&bytes_of(&weak)).unwrap(), PolicyFile::parse(&bytes_of(&strong)).unwrap()];
        let registry = Registry::execute(&files);
        prop_assert!(events(&registry) <= 4 * files.iter().map(statements).sum::<usize>());
    }

    #[test]
    fn data_that_are_read_are_written_back(value_type in value_type(), data in data()) {
        let value_type = ValueType(value_type);
        let Ok(value) = Value::decode(value_type, &data) else { return Ok(()) };
        let (written_type, written) = value.encode();
        prop_assert_eq!(written_type, value_type);
        if value_type == ValueType::MULTI_SZ {
            // A list may end with any number of NULs; it is written with the usual one.
            let ends = |data: &[u8]| data.iter().rev().take_while(|byte| **byte == 0).count();
            let (short, long) = (data.len().min(written.len()), data.len().max(written.len()));
            prop_assert!(long - short <= ends(&data).max(ends(&written)));
            prop_assert_eq!(&data[..short], &written[..short]);
        } else {
            prop_assert_eq!(&written, &data);
        }
        prop_assert_eq!(Value::decode(value_type, &written), Ok(value));
    }

    #[test]
    fn a_value_that_is_written_is_read_back(value in value()) {
        let (value_type, data) = value.encode();
        prop_assert_eq!(Value::decode(value_type, &data), Ok(value));
    }

    #[test]
    fn folded_names_are_ordered_as_names_compared_without_case(a in units(), b in units(), same in any::<bool>()) {
        let b = if same { swap_case(&a) } else { b };
        let (a, b) = (wide(&a), wide(&b));
        let (a, b) = (a.as_wide(), b.as_wide());
        prop_assert_eq!(a.fold().cmp(&b.fold()), a.cmp_ignore_case(b));
        prop_assert_eq!(a.eq_ignore_case(b), a.cmp_ignore_case(b).is_eq());
        prop_assert_eq!(a.cmp_ignore_case(b), b.cmp_ignore_case(a).reverse());
        prop_assert!(!same || a.eq_ignore_case(b));
        prop_assert!(a.eq_ignore_case(a));
        if let Ok(text) = b.to_text() {
            prop_assert_eq!(a.is_ignore_case(&text), a.eq_ignore_case(b));
            prop_assert_eq!(a.fold() == Folded::from(&*text), a.eq_ignore_case(b));
            prop_assert_eq!(WideString::from(&*text), WideString::from(b));
            let both = [a.as_bytes(), b.as_bytes()].concat();
            let both = WideString::from_bytes(both).unwrap();
            prop_assert_eq!(both.as_wide().split_at(a.len()), Some((a, b)));
        }
    }
}

proptest! {
    #![proptest_config(config(4096))]

    /// And the directives mean what they say: deleted is deleted, set if missing is set.
    #[test]
    fn what_was_put_is_what_windows_then_does(others in vec(crowded(), 0..8), raw in crowded()) {
        let mut file = PolicyFile::parse(&bytes_of(&others)).unwrap();
        let new = owned(&raw);
        file.put(&new);
        let new = new.as_ref();
        let registry = Registry::execute([&file]);
        let current = |name: WideStr<'_>| {
            registry.value(new.key.fold(), name.fold()).and_then(|value| value.current())
        };
        match new.action() {
            Action::Set => {
                let (origin, value_type, data) = current(new.value_name).expect("a value that is set");
                prop_assert_eq!((value_type, data), (new.value_type, new.data));
                prop_assert!(file.record(origin.record).unwrap().same_slot(&new));
            }
            Action::SetIfMissing(name) => prop_assert!(current(name).is_some()),
            Action::CreateKey => prop_assert!(registry.key(new.key.fold()).unwrap().exists()),
            Action::DeleteValue(name) => {
                prop_assert!(current(name).is_none());
                prop_assert!(registry.value(new.key.fold(), name.fold()).unwrap().removed_by().is_some());
            }
            _ => {}
        }
    }
}

/// A value as Windows writes it: no NUL in text, no empty text at the end of a list.
fn value() -> impl Strategy<Value = Value> {
    let text = || units().prop_map(|units| wide(&units));
    let list = vec(text(), 0..5).prop_map(|mut texts| {
        while texts.last().is_some_and(|text| text.as_wide().is_empty()) {
            texts.pop();
        }
        texts
    });
    let other = select(vec![0, 6, 8, 9, 10, 12, u32::MAX]);
    prop_oneof![
        text().prop_map(Value::Sz),
        text().prop_map(Value::ExpandSz),
        vec(any::<u8>(), 0..9).prop_map(Value::Binary),
        any::<u32>().prop_map(Value::Dword),
        any::<u32>().prop_map(Value::DwordBigEndian),
        list.prop_map(Value::MultiSz),
        any::<u64>().prop_map(Value::Qword),
        (other, vec(any::<u8>(), 0..9)).prop_map(|(code, bytes)| Value::Other(ValueType(code), bytes)),
    ]
}

fn swap_case(units: &[u16]) -> Vec<u16> {
    let swapped = |unit: &u16| match u8::try_from(*unit) {
        Ok(ascii) if ascii.is_ascii_lowercase() => u16::from(ascii.to_ascii_uppercase()),
        Ok(ascii) => u16::from(ascii.to_ascii_lowercase()),
        Err(_) => *unit,
    };
    units.iter().map(swapped).collect()
}

fn events(registry: &Registry<'_>) -> usize {
    registry.keys().map(|key| key.events.len() + key.values().map(|value| value.events.len()).sum::<usize>()).sum()
}

/// Number of things that the records say: one each, and one for each entry of a list.
fn statements(file: &PolicyFile) -> usize {
    let entries = |record: RecordRef<'_>| match record.action() {
        Action::DeleteKeys(list) | Action::DeleteValues(list) => list.len(),
        _ => 0,
    };
    file.records().map(|record| 1 + entries(record)).sum()
}

/// The rules of preg.md 12, executed in the plainest way.
#[derive(Default)]
struct Model {
    values: BTreeMap<(String, String), (u32, Vec<u8>)>,
    keys: BTreeSet<String>,
}

impl Model {
    fn step(&mut self, raw: &Raw) {
        let (key, name) = (upper(&raw.key), upper(&raw.name));
        let place = |name: &str| (key.clone(), name.to_owned());
        let value = (raw.value_type, raw.data.clone());
        let units: Vec<u16> = raw.data.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        let text = upper(units.split(|unit| *unit == 0).next().unwrap_or_default());
        let list = text.split(';').filter(|entry| !entry.is_empty());
        if name.is_empty() && raw.value_type == 0 && raw.data.is_empty() {
            self.keys.insert(key);
        } else if let Some(name) = name.strip_prefix("**DEL.") {
            self.values.remove(&place(name));
        } else if name == "**DELVALS." || name == "**DELVALS" {
            self.values.retain(|(of, _), _| *of != key);
        } else if name == "**DELETEVALUES" {
            for name in list {
                self.values.remove(&place(name));
            }
        } else if name == "**DELETEKEYS" {
            for entry in list {
                let full = key.is_empty() || entry.starts_with(&format!("{key}\\"));
                let top = if full { entry.to_owned() } else { format!("{key}\\{entry}") };
                let gone = |key: &str| key == top || key.starts_with(&format!("{top}\\"));
                self.values.retain(|(key, _), _| !gone(key));
                self.keys.retain(|key| !gone(key));
            }
        } else if let Some(name) = name.strip_prefix("**SOFT.") {
            self.keys.insert(key.clone());
            self.values.entry(place(name)).or_insert(value);
        } else if !name.starts_with("**") {
            self.keys.insert(key.clone());
            self.values.insert(place(&name), value);
        }
    }
}

/// Names as text to compare: in upper case as the crate sees it, with a private character for each
/// unit that is no character, so that no two of them become one.
fn upper(units: &[u16]) -> String {
    let unit = |unit: &u16| {
        let small = wide(&[*unit]);
        let folded = |c: &char| small.as_wide().is_ignore_case(c.encode_utf8(&mut [0; 4]));
        match char::from_u32(u32::from(*unit)) {
            Some(c) => c.to_uppercase().find(folded).unwrap_or(c),
            None => char::from_u32(0x10_0000 + u32::from(*unit)).expect("a private character"),
        }
    };
    units.iter().map(unit).collect()
}

fn units_of(text: &WideString) -> Vec<u16> {
    text.as_wide().units().collect()
}

#[test]
fn a_file_made_to_fill_memory_with_histories_does_not() {
    let count = 2_000_u32;
    let values = |file: PolBuilder| (0..count).fold(file, |file, n| file.dword(r"K\S", &n.to_string(), 1));
    let keys = |file: PolBuilder| (0..count).fold(file, |file, n| file.dword(&format!(r"K\S\{n}"), "", 1));
    let delvals = |file: PolBuilder| (0..count).fold(file, |file, _| file.del_all_values(r"K\S"));
    let list = "S;".repeat(count as usize);
    let deletekeys = |file: PolBuilder| file.sz("K", "**DeleteKeys", &list);
    for file in [delvals(values(PolBuilder::new())), deletekeys(values(keys(PolBuilder::new())))] {
        let file = PolicyFile::from_bytes(file.build()).unwrap();
        let registry = Registry::execute([&file]);
        assert!(events(&registry) <= 4 * statements(&file), "{}", events(&registry));
    }
}

/// That the names of a file are kept is shown above; that what is no file gets a name, here.
#[test]
fn every_head_of_a_stranger_has_a_look() {
    let head: Vec<u8> = PolBuilder::without_header().text("Windows Registry Editor Version 5.00\r\n").build();
    for len in 1..head.len() {
        let error = PolicyFile::parse(&head[..len]).unwrap_err();
        let whole = len >= 2 * "Windows Registry Editor".len();
        let known = error.kind == polfile::ErrorKind::NotPolicyFile(Lookalike::RegistryExport);
        assert_eq!(known, whole, "{len} bytes: {error}");
    }
}
