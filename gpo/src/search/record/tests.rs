//! A search against a brute-force scan: decode everything to text, look for the text. No index, no cache, no regular expression.

use std::sync::atomic::{AtomicUsize, Ordering};

use polfile::{PolicyFile, RecordRef, Value};
use proptest::prelude::*;

use super::matching;
use crate::search::{Case, Filter, Manner, Places, Query};
use crate::secret::is_secret_record;
use admx::{Catalog, Side};

/// Every text that a record holds, in small letters.
fn texts(record: &RecordRef<'_>) -> Vec<String> {
    let (key, name) = (record.key.to_string(), record.value_name.to_string());
    let bare = ["**del.", "**soft."].iter().fold(name.clone(), |name, prefix| {
        let head = name.get(..prefix.len()).unwrap_or_default();
        if head.eq_ignore_ascii_case(prefix) { name[prefix.len()..].to_owned() } else { name }
    });
    let mut texts = vec![key.clone(), format!("HKLM\\{key}"), name, bare.clone(), format!("HKLM\\{key}!{bare}")];
    texts.push(format!("HKLM\\{key}\\{bare}"));
    match record.value() {
        // What a secret says is not found.
        _ if is_secret_record(record) => {}
        Ok(Value::Sz(text) | Value::ExpandSz(text)) => texts.push(text.to_string()),
        Ok(Value::MultiSz(list)) => texts.extend(list.iter().map(ToString::to_string)),
        Ok(Value::Dword(n)) => texts.extend([n.to_string(), format!("0x{n:x}")]),
        Ok(Value::Qword(n)) => texts.extend([n.to_string(), format!("0x{n:x}")]),
        Ok(Value::Binary(bytes)) => texts.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        _ => {}
    }
    texts.into_iter().map(|text| text.to_lowercase()).collect()
}

fn found(pattern: &str, manner: Manner, filter: Filter, catalog: Option<&Catalog>, file: &PolicyFile) -> Vec<usize> {
    let query = Query::new(pattern, manner, filter, catalog, &[]).unwrap();
    matching(&query, Some(Side::Computer), file)
}

const IN_ANY_CASE: Manner = Manner { case: Case::Ignore, fixed: true, word: false };

/// A hundred files with the mix of records that real ones have; what is looked for is cut out of one of them.
#[test]
fn a_search_finds_what_a_brute_force_scan_finds() {
    static HITS: AtomicUsize = AtomicUsize::new(0);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        proptest::test_runner::Config { cases: 200, ..Default::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let cases = (any::<u64>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_usize..9, any::<bool>());
    let run = runner.run(&cases, |(seed, which, from, length, upper)| {
        let bytes = fixtures::synthetic(6_000, seed);
        let file = PolicyFile::from_bytes(bytes).unwrap();
        let all: Vec<String> = file.records().flat_map(|record| texts(&record)).filter(|t| !t.is_empty()).collect();
        let letters: Vec<char> = which.get(&all).chars().collect();
        let start = from.index(letters.len());
        let wanted: String = letters.iter().skip(start).take(length).collect();
        let typed = if upper { wanted.to_uppercase() } else { wanted.clone() };
        prop_assume!(typed.to_lowercase() == wanted);
        let brute: Vec<usize> = file
            .records()
            .enumerate()
            .filter(|(_, record)| texts(record).iter().any(|text| text.contains(&wanted)))
            .map(|(index, _)| index)
            .collect();
        let ours = found(&typed, IN_ANY_CASE, Filter::default(), None, &file);
        // Numbers have more writings here: with zeros in front. Nothing else may be found, and nothing may be missing.
        let missing: Vec<&usize> = brute.iter().filter(|index| !ours.contains(index)).collect();
        prop_assert!(missing.is_empty(), "{typed:?}: {missing:?}");
        let more = ours.iter().filter(|index| !brute.contains(index));
        for index in more {
            let record = file.record(*index).unwrap();
            let padded = match record.value() {
                Ok(Value::Dword(n)) => format!("0x{n:08x}"),
                Ok(Value::Qword(n)) => format!("0x{n:016x}"),
                Ok(Value::Binary(bytes)) => bytes.iter().map(|b| format!("{b:02x}, ")).collect::<String>(),
                _ => record.value_name.to_string() + "(default)",
            };
            prop_assert!(
                padded.contains(&wanted)
                    || padded.replace(", ", ",").contains(&wanted)
                    || padded.replace(", ", " ").contains(&wanted),
                "{typed:?}: record {index}"
            );
        }
        HITS.fetch_add(brute.len(), Ordering::Relaxed);
        Ok(())
    });
    run.unwrap();
    assert!(HITS.load(Ordering::Relaxed) > 1_000, "the patterns have to be found somewhere");
}

fn file(records: &[(&str, &str, u32, &[u8])]) -> PolicyFile {
    let pol = records.iter().fold(fixtures::PolBuilder::new(), |pol, (key, name, value_type, data)| {
        pol.record(key, name, *value_type, data)
    });
    PolicyFile::from_bytes(pol.build()).unwrap()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// One value by every name that Windows' users give it, and every record that decides about it.
#[test]
fn an_address_finds_all_that_decides_about_the_value() {
    let file = file(&[
        (r"SOFTWARE\Policies\Acme", "Tier", 4, &[1, 0, 0, 0]),
        (r"software\policies\ACME", "**del.tier", 1, &wide(" ")),
        (r"Software\Policies\Acme", "**soft.TIER", 4, &[1, 0, 0, 0]),
        (r"Software\Policies\Acme", "**DeleteValues", 1, &wide("Other;Tier")),
        (r"Software\Policies\Acme", "**delvals.", 1, &wide(" ")),
        (r"Software\Policies", "**DeleteKeys", 1, &wide("Acme")),
        (r"Software\Policies\Acme", "Tiers", 4, &[1, 0, 0, 0]),
        (r"Software\Policies\Acme\Tier", "X", 4, &[1, 0, 0, 0]),
        (r"Software\Policies\Acm", "Tier", 4, &[1, 0, 0, 0]),
        (r"Software\Policies\Acme", "", 0, &[]),
    ]);
    let deciding = vec![0, 1, 2, 3, 4, 5];
    for pattern in [
        r"HKLM\SOFTWARE\Policies\Acme!Tier",
        r"hklm:\software\policies\acme!TIER",
        r"HKEY_LOCAL_MACHINE\Software\Policies\Acme!Tier",
        r"reg:Software\Policies\Acme!Tier",
        r"reg:HKLM\Software\Policies\Acme!Tier",
    ] {
        assert_eq!(found(pattern, Manner::default(), Filter::default(), None, &file), deciding, "{pattern}");
    }
    let none = found(r"HKCU\Software\Policies\Acme!Tier", Manner::default(), Filter::default(), None, &file);
    assert_eq!(none, Vec::<usize>::new(), "the other side's hive");
    // Without `!`, it may be a key with all below it, or a value.
    let key = found(r"HKLM\Software\Policies\Acme", Manner::default(), Filter::default(), None, &file);
    assert_eq!(key, [0, 1, 2, 3, 4, 5, 6, 7, 9]);
    let either = found(r"HKLM\Software\Policies\Acme\Tier", Manner::default(), Filter::default(), None, &file);
    assert_eq!(either, [0, 1, 2, 3, 4, 5, 7]);
}

#[test]
fn a_policy_is_found_by_the_names_that_templates_give_it_and_by_its_value() {
    let key = r"software\policies\microsoft\windows nt\terminal services";
    let file = file(&[
        (key, "userauthentication", 4, &[0; 4]),
        (key, "**del.UserAuthentication", 1, &wide(" ")),
        (key, "Other", 4, &[0; 4]),
        (key, "**delvals.", 1, &wide(" ")),
    ]);
    let catalog = Catalog::builtin();
    for pattern in ["network level auth", "id:TS_USER_AUTHENTICATION_POLICY", "Level Authentication$", "ts_user_auth"] {
        let hits = found(pattern, Manner::default(), Filter::default(), Some(&catalog), &file);
        assert_eq!(hits, [0, 1, 3], "{pattern}");
    }
    assert_eq!(found("userauth", Manner::default(), Filter::default(), None, &file), [0, 1], "without a template");
    let elsewhere = Filter { places: Places { data: true, ..Places::default() }, ..Filter::default() };
    assert_eq!(found("network level", Manner::default(), elsewhere, Some(&catalog), &file), Vec::<usize>::new());
}

#[test]
fn numbers_lists_bytes_and_ill_fitting_data_are_found() {
    let list: Vec<u8> = [wide("one"), wide("two"), vec![0, 0]].concat();
    let file = file(&[
        ("K", "a", 4, &[0xFF, 0, 0, 0]),
        ("K", "b", 7, &list),
        ("K", "c", 3, &[0xDE, 0xAD]),
        ("K", "d", 1, &wide("cut")[..6]),
        ("K", "e", 11, &[0, 0, 0, 0, 1, 0, 0, 0]),
    ]);
    for (pattern, hits) in [
        ("^255$", vec![0]),
        ("0xff", vec![0]),
        ("0x000000ff", vec![0]),
        ("^two$", vec![1]),
        ("dead", vec![2]),
        ("de ad", vec![2]),
        ("cut", vec![3]),
        ("4294967296", vec![4]),
    ] {
        assert_eq!(found(pattern, Manner::default(), Filter::default(), None, &file), hits, "{pattern}");
    }
}

/// As typed after a look at a key: to a regular expression, `\S` is any letter and `\P` nonsense.
#[test]
fn a_backslash_is_a_backslash_too() {
    let file = file(&[(r"Software\Safer\Policies", "x", 4, &[0; 4]), (r"Softwares", "y", 4, &[0; 4])]);
    for pattern in [r"Software\Safer", r"Safer\Policies", r"safer\\policies", r"Software\S"] {
        assert!(found(pattern, Manner::default(), Filter::default(), None, &file).contains(&0), "{pattern}");
    }
    let query = Query::new(r"Safer\Policies", Manner::default(), Filter::default(), None, &[]).unwrap();
    assert!(query.is_taken_as_it_stands());
}

#[test]
fn letters_words_places_types_and_deletions_can_be_asked_for() {
    let file = file(&[
        ("Key", "Name", 1, &wide("Data")),
        ("Data", "name2", 4, &[7, 0, 0, 0]),
        ("Key", "**del.Data", 1, &wide(" ")),
    ]);
    let filter = |filter: Filter| found("data", Manner::default(), filter, None, &file);
    let places = |places: Places| filter(Filter { places, ..Filter::default() });
    assert_eq!(filter(Filter::default()), [0, 1, 2]);
    assert_eq!(places(Places { data: true, ..Places::default() }), [0]);
    assert_eq!(places(Places { key: true, ..Places::default() }), [1]);
    assert_eq!(places(Places { value: true, ..Places::default() }), [2]);
    assert_eq!(filter(Filter { deleted: true, ..Filter::default() }), [2]);
    assert_eq!(filter(Filter { value_type: Some(polfile::ValueType::DWORD), ..Filter::default() }), [1]);
    let manner =
        |pattern: &str, case, word| found(pattern, Manner { case, word, fixed: false }, Filter::default(), None, &file);
    // Names have no case; data have, once the pattern has a capital.
    assert_eq!(manner("DATA", Case::Smart, false), [1, 2]);
    assert_eq!(manner("DATA", Case::Ignore, false), [0, 1, 2]);
    assert_eq!(manner("DATA", Case::Sensitive, false), Vec::<usize>::new());
    assert_eq!(manner("name", Case::Smart, true), [0]);
}
