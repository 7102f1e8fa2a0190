//! Promises of the exchange formats over random records.

use gpo::exchange::lgpo::{self, Scope};
use gpo::exchange::state::{self, Notation, StateFile};
use gpo::exchange::{Entry, Scoped, TextError, Written, policy_rules, reg, samba};
use polfile::{PolicyFile, Record, Value, ValueType, WideString};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Names with what bothers one format or another.
fn name() -> impl Strategy<Value = WideString> {
    let parts = prop::sample::select(vec![
        "",
        "A",
        "b",
        "Software",
        "(Default)",
        "**del.x",
        "**DelVals.",
        "**delvals.",
        "**soft.x",
        "**DeleteKeys",
        "**SecureKey",
        "**DeleteValues",
        "**other",
        "*",
        "@",
        "x\"y",
        "x]y",
        "a;b",
        "ä 😀",
        " x ",
        "x: y",
        "# x",
        "-",
        "'",
        "\r\n",
        "\u{1}",
        "\u{FFFF}",
        "yes",
        "0x10",
        r"\0",
        "--",
        "a\\b",
        "\\",
        "tab\t",
        "]]>",
        "&amp;",
        "\u{FEFF}",
        "\u{FEFF}x",
        "x\u{FEFF}",
        "\u{85}",
        "x\u{85}y",
        "\u{2028}",
        "x\u{2029}y",
        "\u{B}",
        "\u{C}x",
        "\u{7F}",
        "\u{9F}",
        "\u{FFFE}",
        "\u{A0}",
        " #",
        "x #y",
        "\"",
        "\"\"\"",
        "'''",
        "\n",
        "\r",
        "x\n",
        " ",
        "\t",
        "{",
        "[x]",
        "-->",
        "<!--",
        ";",
        "; x",
        "**del.",
        "**",
    ]);
    prop_oneof![
        40 => parts.prop_map(WideString::from),
        1 => Just(WideString::from(&*"long ".repeat(4000))),
        1 => vec(prop_oneof![Just(0xD800_u16), Just(0x41), Just(0xDC00)], 1..3)
            .prop_map(|units| WideString::from_bytes(units.into_iter().flat_map(u16::to_le_bytes).collect()).expect("whole units")),
    ]
}

fn key() -> impl Strategy<Value = WideString> {
    prop_oneof![
        4 => prop::sample::select(vec!["Software\\X", "Software\\X\\Y", "A", "software\\x", "Ä\\😀", "HKLM\\x", "a]b"]).prop_map(WideString::from),
        1 => name(),
    ]
}

fn value() -> impl Strategy<Value = (ValueType, Vec<u8>)> {
    prop_oneof![
        any::<u32>().prop_map(|n| Value::Dword(n).encode()),
        any::<u64>().prop_map(|n| Value::Qword(n).encode()),
        any::<u32>().prop_map(|n| Value::DwordBigEndian(n).encode()),
        name().prop_map(|text| Value::Sz(text).encode()),
        name().prop_map(|text| Value::ExpandSz(text).encode()),
        vec(name(), 0..4).prop_map(|texts| Value::MultiSz(texts).encode()),
        vec(any::<u8>(), 0..90).prop_map(|bytes| Value::Binary(bytes).encode()),
        Just((ValueType::SZ, b" \0\0\0".to_vec())),
        (0_u32..14, vec(any::<u8>(), 0..9)).prop_map(|(code, bytes)| (ValueType(code), bytes)),
        Just((ValueType::NONE, Vec::new())),
    ]
}

fn file() -> impl Strategy<Value = PolicyFile> {
    vec((key(), name(), value()), 0..9).prop_map(|records| {
        let mut file = PolicyFile::new();
        for (key, name, (value_type, data)) in records {
            file.push(Record::new(key, name, value_type, data).expect("no NUL").as_ref());
        }
        file
    })
}

/// What may stand in comments: names of policies, of GPOs and of files.
fn remarks() -> impl Strategy<Value = Vec<String>> {
    vec(vec(name(), 1..4).prop_map(|names| names.iter().map(ToString::to_string).collect()), 0..3)
}

fn for_all(check: impl Fn(&PolicyFile, &[String]) -> Result<(), TestCaseError>) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let drawn = (file(), remarks());
    TestRunner::new_with_rng(config, rng).run(&drawn, |(file, said)| check(&file, &said)).expect("the promise holds");
}

/// The same record, but for NULs at the end of a list and the letter case of a directive.
fn same(a: &Record, b: &Record) -> bool {
    let (a, b) = (a.as_ref(), b.as_ref());
    let data = a.data == b.data || matches!(a.value(), Ok(Value::MultiSz(_))) && a.value() == b.value();
    let name = a.value_name == b.value_name || a.value_name.eq_ignore_case(b.value_name);
    a.key == b.key && name && a.value_type == b.value_type && data
}

/// Exactly the records that are not named as lost come back, in their order.
fn check(file: &PolicyFile, written: &Written, entries: &[Entry]) -> Result<(), TestCaseError> {
    let loss = |index: usize| written.losses.iter().find(|loss| loss.record == index);
    let kept: Vec<usize> = (0..file.len()).filter(|&index| loss(index).is_none_or(|loss| loss.written)).collect();
    prop_assert_eq!(kept.len(), entries.len(), "{}", &written.text);
    for (&index, entry) in kept.iter().zip(entries) {
        let record = file.record(index).expect("an index of the file").to_record();
        prop_assert!(
            loss(index).is_some() || same(&record, &entry.record),
            "{:?} {:?}\n{}",
            record,
            entry.record,
            &written.text
        );
    }
    Ok(())
}

#[test]
fn rules_of_policy_analyzer_give_back_what_they_do_not_name_as_lost() {
    for_all(|file, remarks| {
        let written = policy_rules::write(
            &[Scoped { scope: Scope::Computer, file }],
            &remarks.concat(),
            &remarks.concat(),
            remarks,
        );
        let again = policy_rules::parse(&written.text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        check(file, &written, &again.entries)
    });
}

#[test]
fn reg_text_gives_back_what_it_does_not_name_as_lost() {
    for_all(|file, remarks| {
        let written = reg::write(&[Scoped { scope: Scope::User, file }], remarks);
        let again =
            reg::parse(&written.text).map_err(|error| TestCaseError::fail(format!("{error}\n{}", written.text)))?;
        check(file, &written, &again)
    });
}

#[test]
fn lists_for_samba_give_back_what_they_do_not_name_as_lost() {
    for_all(|file, _| {
        let written = samba::write(&[Scoped { scope: Scope::User, file }]);
        let again =
            samba::parse(&written.text).map_err(|error| TestCaseError::fail(format!("{error}\n{}", written.text)))?;
        check(file, &written, &again)
    });
}

#[test]
fn lgpo_text_gives_back_what_it_does_not_name_as_lost() {
    for_all(|file, remarks| {
        // A record with an empty key is named, and gives a text that no one reads.
        if file.records().any(|record| record.key.is_empty()) {
            return Ok(());
        }
        let written = lgpo::write(&[Scoped { scope: Scope::User, file }], &remarks.concat(), remarks);
        let again =
            lgpo::parse(&written.text).map_err(|error| TestCaseError::fail(format!("{error}\n{}", written.text)))?;
        check(file, &written, &again)
    });
}

#[test]
fn state_files_give_back_every_byte_in_every_notation() {
    for_all(|file, remarks| {
        let mut side = state::export(&Scope::User, file, None);
        let said = remarks.first().cloned();
        side.registry.iter_mut().for_each(|record| record.reason.clone_from(&said));
        side.policies.push(state::WantedPolicy {
            at: state::At::default(),
            name_at: state::At::default(),
            policy: "Acme:Policy".to_owned(),
            state: state::WantedState::Disabled,
            elements: Vec::new(),
            reason: said.clone(),
            ticket: said.clone(),
            overrides: false,
            comment: said.clone(),
        });
        let metadata = state::Metadata { name: said.clone(), owner: None, description: said };
        let state = StateFile { metadata, sides: vec![side], ..StateFile::default() };
        for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
            let text = state::render(&state, notation, remarks);
            let mut again =
                state::parse(&text, notation).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(&again.metadata, &state.metadata, "{}", &text);
            // What a policy writes is for the templates to say.
            let policies = std::mem::take(&mut again.sides[0].policies);
            prop_assert_eq!(&policies[0].reason, &state.sides[0].policies[0].reason, "{}", &text);
            let again =
                state::resolve(&again, None).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(again[0].file.as_bytes(), file.as_bytes(), "{}", text);
        }
        Ok(())
    });
}

/// A text that was written, with some of its characters gone, doubled or others.
fn damaged(text: &str, damage: &[(prop::sample::Index, u8)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (index, how) in damage {
        if letters.is_empty() {
            break;
        }
        let at = index.index(letters.len());
        match how % 6 {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, letters[at]),
            2 => letters[at] = '\n',
            3 => letters[at] = char::from(*how),
            4 => letters.truncate(at),
            _ => letters.swap(at, 0),
        }
    }
    letters.into_iter().collect()
}

#[test]
fn a_damaged_text_is_read_or_refused_with_a_place_in_it() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    TestRunner::new_with_rng(config, rng)
        .run(&(file(), damage), |(file, damage)| {
            let scoped = [Scoped { scope: Scope::User, file: &file }];
            let inside = |text: &str, error: &TextError| {
                let lines = text.split('\n').count();
                prop_assert!((1..=lines + 1).contains(&error.line) && error.column > 0, "{error}\n{text}");
                let width = text.split('\n').nth(error.line - 1).map_or(0, |line| line.chars().count());
                prop_assert!(error.column <= width + 2, "{error} in {width} columns\n{text}");
                Ok(())
            };
            let side = state::export(&Scope::User, &file, None);
            let state = StateFile { sides: vec![side], ..StateFile::default() };
            for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
                let text = damaged(&state::render(&state, notation, &[]), &damage);
                if let Err(error) = state::parse(&text, notation).and_then(|state| state::resolve(&state, None)) {
                    inside(&text, &error)?;
                }
            }
            let text = damaged(&reg::write(&scoped, &[]).text, &damage);
            reg::parse(&text).map_or_else(|error| inside(&text, &error), |_| Ok(()))?;
            let text = damaged(&policy_rules::write(&scoped, "", "", &[]).text, &damage);
            policy_rules::parse(&text).map_or_else(|error| inside(&text, &error), |_| Ok(()))?;
            let text = damaged(&samba::write(&scoped).text, &damage);
            samba::parse(&text).map_or_else(|error| inside(&text, &error), |_| Ok(()))?;
            let text = damaged(&lgpo::write(&scoped, "", &[]).text, &damage);
            if let Err(error) = lgpo::parse(&text) {
                prop_assert!((1..=text.lines().count() + 1).contains(&error.line), "{error}\n{text}");
            }
            Ok(())
        })
        .expect("the promise holds");
}

#[test]
fn no_text_makes_a_reader_panic() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    let words = prop::sample::select(vec![
        "REGEDIT4\n",
        "[HKLM\\K]\n",
        "\"a\"=",
        "\"",
        "hex:",
        "\\\n",
        "dword:",
        "@=",
        "-",
        "<PolicyRules>",
        "</PolicyRules>",
        "<ComputerConfig>",
        "<RegistrySettings>",
        "<Registry>",
        "<Properties ",
        "/>",
        "apiVersion: gpol/v1\n",
        "kind: PolicySet\n",
        "user:\n",
        "  registry:\n",
        "    - ",
        "key: K\n",
        "raw: {",
        "}",
        "[",
        "]",
        ",",
        ":",
        "'",
        "apiVersion = 'gpol/v1'\n",
        "{\"apiVersion\": ",
        "[{\"keyname\": ",
        "null",
        "0x",
        "&a",
        "*a",
        "\u{FEFF}",
        "\t",
        "\r\n",
        "ü",
        "hex:0",
        "Computer\n",
        "K\n",
        "\0",
    ]);
    TestRunner::new_with_rng(config, rng)
        .run(&vec(words, 0..12), |words| {
            let text = words.concat();
            let _ = gpo::source::read_bytes("x".as_ref(), text.clone().into_bytes(), gpo::source::Options::default());
            let _ =
                (reg::parse(&text), samba::parse(&text), policy_rules::parse(&text), gpo::exchange::gpp::parse(&text));
            for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
                let _ = state::parse(&text, notation);
            }
            Ok(())
        })
        .expect("no reader panics");
}
