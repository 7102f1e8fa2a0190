//! A result against a naive execution: every value by itself, its words in a list, no spelling kept, no index.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fixtures::{PolBuilder, REG_SZ};
use polfile::PolicyFile;
use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::shared::{RecordIn, Sharing};
use super::{Effective, Layer, Only, Plan};
use crate::scan::Gpo;
use crate::scope::Scope;
use crate::target::Kind;

/// Names that meet each other: in other letters, below each other, beside each other.
const KEYS: [&str; 7] = ["K", "k", r"K\S", r"k\s", r"K\S\T", "K-S", "L"];
const NAMES: [&str; 4] = ["a", "A", "b", ""];

/// What a record does, with a key, a name and data.
type Step = (u8, usize, usize, u8);

/// What a GPO says of a value in the end: data, or that it is to go.
type Word = (usize, Option<u8>);

fn file(steps: &[Step]) -> PolicyFile {
    let text = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let pol = steps.iter().fold(PolBuilder::new(), |pol, &(action, key, name, data)| {
        let (key, name) = (KEYS[key], NAMES[name]);
        match action {
            0 => pol.del(key, name),
            1 => pol.del_all_values(key),
            2 => pol.record(key, "**DeleteKeys", REG_SZ, &text("S")),
            3 => pol.record(key, &format!("**soft.{name}"), 3, &[data]),
            4 => pol.record(key, "**deletevalues", REG_SZ, &text("a;B")),
            _ => pol.record(key, name, 3, &[data]),
        }
    });
    PolicyFile::from_bytes(pol.build()).unwrap()
}

#[derive(Default)]
struct Naive {
    /// By key and name in capitals: the last word of each GPO, and whether a deletion of all was the last.
    values: BTreeMap<(String, String), (Vec<Word>, bool)>,
}

impl Naive {
    fn say(&mut self, gpo: usize, key: &str, name: &str, what: Option<u8>, sweeps: bool) {
        let (words, swept) = self.values.entry((key.to_uppercase(), name.to_uppercase())).or_default();
        words.retain(|(by, _)| *by != gpo);
        words.push((gpo, what));
        *swept = sweeps;
    }

    /// Deletes all values of these keys that are not deleted so already.
    fn sweep(&mut self, gpo: usize, is_meant: impl Fn(&str) -> bool) {
        let meant: Vec<_> = self
            .values
            .iter()
            .filter(|((key, _), (_, swept))| is_meant(key) && !swept)
            .map(|(k, _)| k.clone())
            .collect();
        meant.iter().for_each(|(key, name)| self.say(gpo, key, name, None, true));
    }

    fn step(&mut self, gpo: usize, &(action, key, name, data): &Step) {
        let (key, name) = (KEYS[key], NAMES[name]);
        let top = key.to_uppercase();
        match action {
            0 => self.say(gpo, key, name, None, false),
            1 => self.sweep(gpo, |key| key == top),
            2 => self.sweep(gpo, |key| key == format!(r"{top}\S") || key.starts_with(&format!(r"{top}\S\"))),
            3 => {
                let words = self.values.get(&(top, name.to_uppercase())).map(|(words, _)| words);
                if !words.and_then(|words| words.last()).is_some_and(|(_, what)| what.is_some()) {
                    self.say(gpo, key, name, Some(data), false);
                }
            }
            4 => ["a", "B"].iter().for_each(|name| self.say(gpo, key, name, None, false)),
            _ => self.say(gpo, key, name, Some(data), false),
        }
    }
}

fn plan(files: &[Vec<Step>]) -> Plan {
    let sharing = Sharing::default();
    let layer = |steps: &Vec<Step>| Layer {
        gpo: Gpo { kind: Kind::GpoSysvol, path: PathBuf::new(), guid: None, name: None },
        computer: Some(sharing.keep(&file(steps))),
        user: None,
        scope: Scope::User,
        off: Vec::new(),
        ini: crate::filter::VersionFile::Missing,
        passed_over: Vec::new(),
        link: None,
        overlooked: Vec::new(),
    };
    Plan { layers: files.iter().map(layer).collect(), ..Plan::default() }
}

/// What a record that decides says.
fn said(record: Option<RecordIn<'_>>) -> Option<u8> {
    let record = record.expect("each word has its record").record();
    let sets = matches!(record.action(), polfile::Action::Set | polfile::Action::SetIfMissing(_));
    sets.then(|| record.data[0])
}

#[test]
fn a_result_is_what_a_naive_execution_gives() {
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 2_000, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let files = vec(vec((0_u8..10, 0..KEYS.len(), 0..NAMES.len(), 0_u8..3), 0..10), 1..6);
    let run = runner.run(&files, |files| {
        let mut naive = Naive::default();
        for (gpo, steps) in files.iter().enumerate() {
            steps.iter().for_each(|step| naive.step(gpo + 1, step));
        }
        let plan = plan(&files);
        let effective = Effective::new(&plan, None, Only::All);
        let mut found = BTreeMap::new();
        for value in effective.sides.iter().flat_map(|side| &side.values) {
            let mut words: Vec<Word> = value.overridden.iter().map(|word| (word.layer, said(word.record))).collect();
            words.push((value.by, said(value.record)));
            assert_eq!(value.conflict, words.iter().any(|(_, what)| *what != said(value.record)));
            assert_eq!(value.outcome == "set", said(value.record).is_some());
            let place = (value.key.lossy().to_uppercase(), value.value_name.lossy().to_uppercase());
            assert!(found.insert(place, words).is_none(), "each value once");
        }
        let expected: BTreeMap<_, _> = naive.values.into_iter().map(|(place, (words, _))| (place, words)).collect();
        assert_eq!(found, expected);
        let set = expected.values().filter(|words| words.last().is_some_and(|(_, what)| what.is_some())).count();
        assert_eq!(effective.counts.values, set);
        Ok(())
    });
    run.unwrap();
}
