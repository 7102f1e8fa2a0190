//! What a policy file comes to, for files of all directives in any order, from any registry.
//!
//! The right value is that of an execution of [MS-GPREG] 3.2.5.1.2 that is written here, on a registry that is a map.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use admx::Catalog;
use gpo::apply::{self, Outcome};
use gpo::bookkeeping::{Directory, DirectoryWrite};
use gpo::by_scope::Joined;
use gpo::check::check;
use gpo::desired::{self, Desired};
use gpo::exchange::lgpo::Scope;
use gpo::exchange::state::{self, Notation, StateFile};
use gpo::source::{self, Options, Source};
use gpo::target::Target;
use polfile::{PolicyFile, Record, ValueType};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A record in words: key, value name, data of one letter or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said(&'static str, &'static str, &'static str);

type Name = (String, String);

/// A registry: its values by upper-cased key and name, and what secures its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Registry {
    values: BTreeMap<Name, String>,
    keys: BTreeSet<String>,
    secured: BTreeMap<String, String>,
}

const KEYS: [&str; 4] = ["K", r"K\S", r"K\S\T", "L"];
const NAMES: [&str; 3] = ["X", "Y", ""];

/// What one record says, taken apart.
enum Means {
    Set(String),
    Soft(String),
    Delete(Vec<String>),
    DeleteAll,
    DeleteTrees(Vec<String>),
    Create,
    Secure,
    Nothing,
}

impl Said {
    fn record(&self) -> Record {
        let Self(key, name, data) = *self;
        let (value_type, data) = match (name.to_ascii_lowercase().as_str(), data) {
            ("", "create") => (ValueType::NONE, Vec::new()),
            ("**securekey", n) => (ValueType::DWORD, vec![n.as_bytes()[0] - b'0', 0, 0, 0]),
            (_, text) => (ValueType::SZ, format!("{text}\0").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        };
        Record::new(key.into(), name.into(), value_type, data).expect("no NUL")
    }

    fn key(&self) -> String {
        self.0.to_ascii_uppercase()
    }

    fn means(&self) -> Means {
        let list = || self.2.split(';').filter(|entry| !entry.is_empty()).map(str::to_ascii_uppercase);
        let name = self.1.to_ascii_uppercase();
        if let Some(name) = name.strip_prefix("**DEL.") {
            Means::Delete(vec![name.to_owned()])
        } else if let Some(name) = name.strip_prefix("**SOFT.") {
            Means::Soft(name.to_owned())
        } else if name == "**DELETEVALUES" {
            Means::Delete(list().collect())
        } else if name == "**DELVALS." || name == "**DELVALS" {
            Means::DeleteAll
        } else if name == "**DELETEKEYS" {
            let key = self.key();
            // A path that begins with the record's key, else the name of a subkey: preg.md 5.3.
            let tree =
                |entry: String| if entry.starts_with(&format!("{key}\\")) { entry } else { format!("{key}\\{entry}") };
            Means::DeleteTrees(list().map(tree).collect())
        } else if name == "**SECUREKEY" {
            Means::Secure
        } else if name.starts_with("**") {
            Means::Nothing
        } else if name.is_empty() && self.2 == "create" {
            Means::Create
        } else {
            Means::Set(name)
        }
    }

    /// What an edit of the record replaces: a value and its deletion are one, both spellings of `**delvals.` are.
    fn unit(&self) -> (String, String, bool) {
        let name = self.1.to_ascii_uppercase();
        let name = name.strip_prefix("**DEL.").unwrap_or(&name).trim_end_matches("VALS.").to_owned();
        (self.key(), name.trim_end_matches("VALS").to_owned(), matches!(self.means(), Means::Create))
    }

    /// The values it names one by one.
    fn names(&self) -> Vec<Name> {
        let names = match self.means() {
            Means::Set(name) | Means::Soft(name) => vec![name],
            Means::Delete(names) => names,
            _ => Vec::new(),
        };
        names.into_iter().map(|name| (self.key(), name)).collect()
    }

    /// Whether it is about values of a key that it does not name.
    fn sweeps(&self, key: &str) -> bool {
        match self.means() {
            Means::DeleteAll => self.key() == key,
            Means::DeleteTrees(trees) => trees.iter().any(|tree| below(key, tree)),
            _ => false,
        }
    }
}

fn below(key: &str, tree: &str) -> bool {
    key == tree || key.starts_with(&format!("{tree}\\"))
}

impl Registry {
    fn create(&mut self, key: &str) {
        let ends = key.match_indices('\\').map(|(at, _)| at).chain([key.len()]);
        self.keys.extend(ends.map(|end| key[..end].to_owned()));
    }

    fn execute(mut self, records: &[Said]) -> Self {
        for said in records {
            let key = said.key();
            match said.means() {
                Means::Set(name) => {
                    self.create(&key);
                    self.values.insert((key, name), said.2.to_owned());
                }
                Means::Soft(name) => {
                    self.create(&key);
                    self.values.entry((key, name)).or_insert(said.2.to_owned());
                }
                Means::Delete(names) => {
                    names.into_iter().for_each(|name| drop(self.values.remove(&(key.clone(), name))));
                }
                Means::DeleteAll => self.values.retain(|(of, _), _| *of != key),
                Means::DeleteTrees(trees) => {
                    let gone = |key: &String| trees.iter().any(|tree| below(key, tree));
                    self.values.retain(|(key, _), _| !gone(key));
                    self.keys.retain(|key| !gone(key));
                    self.secured.retain(|key, _| !gone(key));
                }
                Means::Create => self.create(&key),
                // Whether it makes the key is unverified.
                Means::Secure => drop(self.secured.insert(key, said.2.to_owned())),
                Means::Nothing => {}
            }
        }
        self
    }

    fn value(&self, name: &Name) -> Option<&String> {
        self.values.get(name)
    }
}

/// A registry that has every value, none of them as any record sets it.
fn full() -> Registry {
    let mut full = Registry::default();
    for key in KEYS {
        full.create(key);
        full.values.extend(NAMES.iter().map(|name| ((key.to_owned(), (*name).to_owned()), "before".to_owned())));
    }
    full
}

/// What the target holds beside what is wanted, and what is wanted of a registry when both are laid together.
struct Wanted<'a> {
    rest: Vec<Said>,
    wanted: &'a [Said],
}

impl<'a> Wanted<'a> {
    fn of(target: &[Said], wanted: &'a [Said]) -> Self {
        let units: Vec<_> = wanted.iter().map(Said::unit).collect();
        let named: BTreeSet<Name> = wanted.iter().flat_map(Said::names).collect();
        let stays = |said: &&Said| {
            let single = !matches!(said.means(), Means::Delete(ref names) if names.len() > 1);
            let is_wanted = single && said.names().iter().any(|name| named.contains(name));
            !units.contains(&said.unit()) && !is_wanted
        };
        let mut rest: Vec<Said> = target.iter().filter(stays).cloned().collect();
        // What a directive had deleted is not set because the directive was replaced.
        let sets = |records: &[Said], name: &Name| Registry::default().execute(records).value(name).is_some();
        let revived: Vec<Name> =
            rest.iter().flat_map(Said::names).filter(|name| !sets(target, name) && sets(&rest, name)).collect();
        rest.retain(|said| {
            !matches!(said.means(), Means::Set(_) | Means::Soft(_)) || !revived.contains(&said.names()[0])
        });
        Self { rest, wanted }
    }

    fn names(&self) -> BTreeSet<Name> {
        self.wanted.iter().flat_map(Said::names).collect()
    }

    fn registry(&self, start: &Registry) -> BTreeMap<Name, String> {
        let wide = |said: &&Said| matches!(said.means(), Means::DeleteAll | Means::DeleteTrees(_));
        let wide: Vec<Said> = self.wanted.iter().filter(wide).cloned().collect();
        let mut values = start.clone().execute(&wide).execute(&self.rest).values;
        let alone = start.clone().execute(self.wanted).values;
        for name in self.names() {
            values.remove(&name);
            values.extend(alone.get(&name).map(|value| (name, value.clone())));
        }
        values
    }

    /// Keys that the rest of the file makes, unless they are deleted on purpose.
    fn keys(&self) -> BTreeSet<String> {
        let trees = |key: &String| {
            let tree = |said: &Said| matches!(said.means(), Means::DeleteTrees(_)) && said.sweeps(key);
            self.wanted.iter().any(tree)
        };
        made_by(&self.rest).into_iter().filter(|key| !trees(key)).collect()
    }

    /// A value that is wanted only if it is missing, and that a directive about many values deletes.
    fn cannot_be(&self) -> bool {
        let soft = |name: &Name| full().execute(self.wanted).value(name).is_some_and(|value| value == "before");
        let set = |name: &Name| Registry::default().execute(self.wanted).value(name).is_some();
        let names = self.names();
        names.iter().any(|name| soft(name) && set(name) && self.rest.iter().any(|said| said.sweeps(&name.0)))
    }
}

/// Keys that records make by themselves, and that are there in the end.
fn made_by(records: &[Said]) -> BTreeSet<String> {
    let there = Registry::default().execute(records).keys;
    let makes = |said: &&Said| matches!(said.means(), Means::Set(_) | Means::Soft(_) | Means::Create);
    records.iter().filter(makes).map(Said::key).filter(|key| there.contains(key)).collect()
}

fn said() -> impl Strategy<Value = Said> {
    let key = prop::sample::select(vec!["K", "k", r"K\S", r"k\s", r"K\S\T", "L"]);
    let what = prop::sample::select(vec![
        ("x", "1"),
        ("X", "2"),
        ("x", "1"),
        ("y", "1"),
        ("", "1"),
        ("", "create"),
        ("**del.x", " "),
        ("**Del.X", " "),
        ("**del.", " "),
        ("**delvals.", " "),
        ("**DelVals", " "),
        ("**DeleteValues", "x"),
        ("**DeleteValues", "y;X"),
        ("**DeleteKeys", "S"),
        ("**DeleteKeys", r"K\S"),
        ("**deletekeys", "S;T"),
        ("**soft.x", "3"),
        ("**soft.X", "4"),
        ("**soft.y", "3"),
        ("**SecureKey", "0"),
        ("**SecureKey", "1"),
        ("**other", "5"),
    ]);
    (key, what).prop_map(|(key, (name, data))| Said(key, name, data))
}

fn said_in_a_file() -> impl Strategy<Value = Vec<Said>> {
    vec(said(), 0..7)
}

fn registry() -> impl Strategy<Value = Registry> {
    let name = (prop::sample::select(KEYS.to_vec()), prop::sample::select(NAMES.to_vec()));
    btree_map(name, prop::sample::select(vec!["1", "2", "before"]), 0..8).prop_map(|values| {
        let mut registry = Registry::default();
        for ((key, name), value) in values {
            registry.create(key);
            registry.values.insert((key.to_owned(), name.to_owned()), value.to_owned());
        }
        registry
    })
}

fn file(records: &[Said]) -> PolicyFile {
    let mut file = PolicyFile::new();
    records.iter().for_each(|said| file.push(said.record().as_ref()));
    file
}

/// The words for the records of a file.
fn in_words(file: &PolicyFile) -> Vec<Said> {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    file.records()
        .map(|record| {
            let (key, name) = (record.key.to_text_lossy(), record.value_name.to_text_lossy());
            let data = match record.value_type {
                ValueType::NONE => "create".to_owned(),
                ValueType::DWORD => record.data[0].to_string(),
                _ => record.data.chunks(2).map(|unit| char::from(unit[0])).filter(|c| *c != '\0').collect(),
            };
            Said(leak(key), leak(name), leak(data))
        })
        .collect()
}

/// A state file of these records, as `gpol convert` writes it.
fn source(records: &[Said], catalog: &Catalog) -> Source {
    let side = state::export(&Scope::Computer, &file(records), Some(catalog));
    let text = state::render(&StateFile { sides: vec![side], ..StateFile::default() }, Notation::Yaml, &[]);
    let options = Options { catalog: Some(catalog), ..Options::default() };
    source::read_bytes(Path::new("wanted.yaml"), text.into_bytes(), options).expect("gpol reads what it writes")
}

fn wanted(records: &[Said], catalog: &Catalog) -> Desired {
    desired::of(vec![source(records, catalog)], catalog, None, desired::Reach::OwnFolder)
        .expect("it is clear what is wanted")
}

fn plan(path: &Path, target: &PolicyFile, desired: &Desired, catalog: &Catalog) -> Result<Outcome, gpo::error::Error> {
    std::fs::write(path, target.as_bytes()).expect("the folder is there");
    let directory = Directory { snapshot: None, write: DirectoryWrite::Undecided, planned: None };
    apply::plan(&Target::open(path).expect("a policy file"), catalog, desired, false, &directory)
}

/// What the file is to hold; the file itself if nothing is to change.
fn applied(outcome: &Outcome, before: &PolicyFile) -> PolicyFile {
    outcome.sides.first().map_or_else(|| before.clone(), |side| side.after.clone())
}

fn for_all<S: Strategy>(seed: u8, drawn: &S, promise: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let config = Config { cases: 1200, failure_persistence: None, max_shrink_iters: 3000, ..Config::default() };
    TestRunner::new_with_rng(config, rng).run(drawn, promise).expect("the promise holds");
}

#[test]
fn a_state_says_that_it_is_listed_where_the_order_decides() {
    let listed = |records: &[Said]| {
        let side = state::export(&Scope::Computer, &file(records), None);
        state::render(&StateFile { sides: vec![side], ..StateFile::default() }, Notation::Yaml, &[])
            .contains("order: listed")
    };
    let set = Said("K", "x", "1");
    for later in [
        Said("k", "**DeleteValues", "y;X"),
        Said("K", "**delvals.", " "),
        Said("K", "**del.X", " "),
        Said("K", "**soft.x", "2"),
        Said("K", "X", "2"),
    ] {
        assert!(listed(&[set.clone(), later.clone()]), "{later:?}");
    }
    assert!(listed(&[Said(r"K\S", "x", "1"), Said("K", "**DeleteKeys", "S")]));
    assert!(listed(&[Said("K", "**del.x", " "), Said("K", "**soft.x", "2")]));
    // As the editor writes a list, and what has nothing to do with each other.
    assert!(!listed(&[Said("K", "**delvals.", " "), set.clone(), Said("K", "y", "1")]));
    assert!(!listed(&[Said("K", "**DeleteValues", "y"), set]));
}

#[test]
fn a_file_s_own_state_leaves_it_as_it_is_and_makes_its_like_of_an_empty_one() {
    let (catalog, folder) = (Catalog::builtin(), tempfile::tempdir().unwrap());
    let path = folder.path().join("Registry.pol");
    for_all(21, &(said_in_a_file(), registry()), |(records, start)| {
        let (desired, own) = (wanted(&records, &catalog), file(&records));
        let outcome = plan(&path, &own, &desired, &catalog).unwrap();
        prop_assert!(outcome.plan.is_empty(), "a plan of {:?}", in_words(&applied(&outcome, &own)));
        prop_assert!(outcome.sides.iter().all(|side| side.diff.policies.is_empty() && side.diff.records.is_empty()));

        let empty = PolicyFile::new();
        let made = applied(&plan(&path, &empty, &desired, &catalog).unwrap(), &empty);
        let words = in_words(&made);
        prop_assert_eq!(start.clone().execute(&words), start.execute(&records), "{:?}", words);
        let again = plan(&path, &made, &desired, &catalog).unwrap();
        prop_assert!(again.plan.is_empty(), "{:?} again", words);
        Ok(())
    });
}

#[test]
fn a_state_laid_over_another_file_comes_to_what_both_say() {
    let (catalog, folder) = (Catalog::builtin(), tempfile::tempdir().unwrap());
    let path = folder.path().join("Registry.pol");
    for_all(22, &(said_in_a_file(), said_in_a_file(), registry()), |(target, records, start)| {
        let (desired, before) = (wanted(&records, &catalog), file(&target));
        let both = Wanted::of(&target, &records);
        let outcome = plan(&path, &before, &desired, &catalog);
        if both.cannot_be() {
            let refused = matches!(outcome, Err(gpo::error::Error::Overruled { .. }));
            prop_assert!(refused, "nothing can say both");
            return Ok(());
        }
        let made = applied(&outcome.unwrap(), &before);
        let words = in_words(&made);
        for start in [start, full(), Registry::default()] {
            let comes_to = start.clone().execute(&words);
            prop_assert_eq!(&comes_to.values, &both.registry(&start), "{:?} from {:?}", words, start);
            for key in made_by(&records).iter().chain(&both.keys()) {
                prop_assert!(comes_to.keys.contains(key), "{} of {:?}", key, words);
            }
            let secured = Registry::default().execute(&records).secured;
            prop_assert!(secured.iter().all(|(key, how)| comes_to.secured.get(key) == Some(how)), "{:?}", words);
        }
        let again = plan(&path, &made, &desired, &catalog).unwrap();
        prop_assert!(again.plan.is_empty(), "{:?} again: {:?}", words, in_words(&applied(&again, &made)));
        Ok(())
    });
}

#[test]
fn a_check_passes_what_was_applied_and_nothing_that_comes_to_something_else() {
    let (catalog, folder) = (Catalog::builtin(), tempfile::tempdir().unwrap());
    let path = folder.path().join("Registry.pol");
    for_all(23, &(said_in_a_file(), said_in_a_file()), |(target, records)| {
        let desired = wanted(&records, &catalog);
        let Some(expected) = desired.scopes.first() else { return Ok(()) };
        let findings = |words: &[Said]| {
            let joined = Joined::of(&[source(words, &catalog)], Some(&Scope::Computer));
            check(&catalog, expected, &joined).findings
        };
        if let Ok(outcome) = plan(&path, &file(&target), &desired, &catalog) {
            let made = in_words(&applied(&outcome, &file(&target)));
            let found = findings(&made);
            prop_assert!(found.is_empty(), "{:?} of {:?}", found, made);
        }
        let found = findings(&target);
        for start in [full(), Registry::default()] {
            let (is, wanted) = (start.clone().execute(&target), start.execute(&records));
            for name in records.iter().flat_map(Said::names) {
                let same = is.value(&name) == wanted.value(&name);
                prop_assert!(same || !found.is_empty(), "{:?} is {:?}, and nothing is found", name, is.value(&name));
            }
        }
        Ok(())
    });
}
