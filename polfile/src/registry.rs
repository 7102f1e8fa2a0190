//! The virtual registry: what is there once Windows has executed the records of one or several files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::action::Action;
use crate::document::PolicyFile;
use crate::record::{RecordRef, ValueType};
use crate::wide::{Folded, WideStr, WideString};

/// What one side's policy does, executed record by record in the order of [MS-GPREG] 3.2.5.1.2.
///
/// Starts empty, as if the machine had no policy. Every value that was ever set or deleted keeps
/// its history, so that "deleted by policy" and "not mentioned" stay two things.
///
/// ```
/// use polfile::{PolicyFile, Record, Registry, Value};
/// let mut weak = PolicyFile::new();
/// weak.put(&Record::set("Software", "X", &Value::Dword(1))?);
/// let mut strong = PolicyFile::new();
/// strong.put(&Record::delete_all_values("Software")?);
///
/// let registry = Registry::execute([&weak, &strong]);
/// let x = registry.value("SOFTWARE".into(), "x".into()).expect("X has a history");
/// assert_eq!(x.current(), None);
/// assert_eq!(x.events.last().map(|e| (e.origin.file, e.origin.record)), Some((1, 0)));
/// # Ok::<(), polfile::RecordError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry<'a> {
    keys: Vec<KeyHistory<'a>>,
    /// Places of keys, by what is the same to the registry.
    by_path: BTreeMap<Folded, usize>,
    /// Places of keys by how records spell them, and of values in them. Thousands of records have a handful of
    /// spellings: each is folded once.
    spelled_keys: HashMap<WideStr<'a>, usize, RandomState>,
    spelled_values: HashMap<(usize, WideStr<'a>), usize, RandomState>,
    /// Keys of which something was said since `**deletekeys` last took them away; it goes through
    /// these alone, so that a file of many keys and many such directives costs no more than its length.
    unswept: BTreeSet<Folded>,
    files: usize,
}

/// The record that did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which of the executed files, counted from 0.
    pub file: usize,
    /// Which record of it, counted from 0.
    pub record: usize,
}

/// What happened to a key and to its values.
#[derive(Clone, Debug)]
pub struct KeyHistory<'a> {
    /// The path as its first record spells it.
    pub path: WideString,
    /// What happened to the key itself, in order: `Created`, `ValuesDeleted`, `Deleted`, `Secured`.
    pub events: Vec<Event<'a>>,
    values: Vec<ValueHistory<'a>>,
    /// Places of values, by what is the same to the registry.
    by_name: BTreeMap<Folded, usize>,
    /// Values of which something was said since they were last deleted all at once.
    unswept: Vec<usize>,
    exists: bool,
    /// Whether nothing was said of it yet, or since `**deletekeys` took it away.
    swept: bool,
}

/// What happened to a value, in order.
#[derive(Clone, Debug)]
pub struct ValueHistory<'a> {
    /// The name as its first record spells it; empty for the default value.
    pub name: WideString,
    /// What happened, in order; never empty.
    pub events: Vec<Event<'a>>,
    /// Index of the last event that was not [`Effect::LeftAsItWas`].
    decisive: usize,
}

/// One thing that a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// By which record.
    pub origin: Origin,
    /// What.
    pub effect: Effect<'a>,
}

/// What a record did to a value or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect<'a> {
    /// Set the value.
    Set(ValueType, &'a [u8]),
    /// Did not set the value, since `**soft.` leaves one that exists.
    LeftAsItWas,
    /// Deleted the value: `**del.` or `**deletevalues`.
    Deleted,
    /// Created the key.
    Created,
    /// Deleted all values of the key: `**delvals.`. Stands in the history of the key and of each
    /// value, but for those that such a record has deleted already.
    ValuesDeleted,
    /// Deleted the key with all below it: `**deletekeys`. Stands in the history of the key and of
    /// each key and value below, but for those that such a record has deleted already.
    KeyDeleted,
    /// Changed who may write the key: `**securekey`.
    Secured(Option<u32>),
}

impl<'a> Registry<'a> {
    /// Executes the records of each file in order, the files one after the other: the last one wins.
    pub fn execute(files: impl IntoIterator<Item = &'a PolicyFile>) -> Self {
        let mut registry = Self::default();
        for file in files {
            registry.apply(file.records());
        }
        registry
    }

    /// Executes the records of one more file.
    pub fn apply(&mut self, records: impl IntoIterator<Item = RecordRef<'a>>) {
        let file = self.files;
        self.files = self.files.saturating_add(1);
        for (index, record) in records.into_iter().enumerate() {
            self.step(Origin { file, record: index }, &record);
        }
    }

    fn step(&mut self, origin: Origin, record: &RecordRef<'a>) {
        let event = |effect| Event { origin, effect };
        let set = event(Effect::Set(record.value_type, record.data));
        match record.action() {
            Action::Set => {
                let key = self.create(origin, record.key);
                self.value_mut(key, record.value_name).push(set);
            }
            Action::SetIfMissing(name) => {
                let key = self.create(origin, record.key);
                let value = self.value_mut(key, name);
                let there = value.current().is_some();
                value.push(if there { event(Effect::LeftAsItWas) } else { set });
            }
            Action::CreateKey => {
                self.create(origin, record.key);
            }
            Action::DeleteValue(name) => {
                let key = self.spelled_key(record.key);
                self.value_mut(key, name).push(event(Effect::Deleted));
            }
            Action::DeleteValues(names) => {
                let key = self.spelled_key(record.key);
                for name in names {
                    self.value_mut(key, name).push(event(Effect::Deleted));
                }
            }
            Action::DeleteAllValues => {
                let key = self.spelled_key(record.key);
                self.keys[key].end(event(Effect::ValuesDeleted));
            }
            Action::DeleteKeys(keys) => {
                for key in keys {
                    self.delete_key(record.deleted_key(key).as_wide(), event(Effect::KeyDeleted));
                }
            }
            Action::SecureKey(secure) => {
                // Whether it makes the key as well is unverified.
                let key = self.spelled_key(record.key);
                self.keys[key].events.push(event(Effect::Secured(secure)));
            }
            Action::Comment(_) | Action::Unknown => {}
        }
    }

    /// The place of a key, made if need be, with the key existing from now on.
    fn create(&mut self, origin: Origin, path: WideStr<'a>) -> usize {
        let place = self.spelled_key(path);
        let key = &mut self.keys[place];
        if !key.exists {
            key.exists = true;
            key.events.push(Event { origin, effect: Effect::Created });
        }
        place
    }

    /// The place of a key of which a record says something, by how it spells the path.
    fn spelled_key(&mut self, path: WideStr<'a>) -> usize {
        let place = match self.spelled_keys.get(&path) {
            Some(place) => *place,
            None => {
                let place = self.place(path);
                self.spelled_keys.insert(path, place);
                place
            }
        };
        self.speak_of(place);
        place
    }

    /// The place of a key, made if need be.
    fn place(&mut self, path: WideStr<'_>) -> usize {
        let place = *self.by_path.entry(path.fold()).or_insert(self.keys.len());
        if place == self.keys.len() {
            self.keys.push(KeyHistory::new(path.to_wide_string()));
        }
        place
    }

    /// Notes that something is said of a key.
    fn speak_of(&mut self, place: usize) {
        let key = &mut self.keys[place];
        if std::mem::take(&mut key.swept) {
            self.unswept.insert(key.path.as_wide().fold());
        }
    }

    /// The history of a value, for something to be said of it.
    fn value_mut(&mut self, key: usize, name: WideStr<'a>) -> &mut ValueHistory<'a> {
        let history = &mut self.keys[key];
        let place = *self.spelled_values.entry((key, name)).or_insert_with(|| history.place(name));
        history.speak_of(place)
    }

    /// Ends a key and all below it.
    fn delete_key(&mut self, path: WideStr<'_>, event: Event<'a>) {
        let place = self.place(path);
        self.speak_of(place);
        let top = path.fold();
        let below = self.unswept.range(top.least_below()..).take_while(|key| key.is_at_or_below(&top));
        let gone: Vec<Folded> = std::iter::once(&top).chain(below).cloned().collect();
        for path in gone {
            self.unswept.remove(&path);
            if let Some(place) = self.by_path.get(&path) {
                let key = &mut self.keys[*place];
                key.swept = true;
                key.exists = false;
                key.end(event);
            }
        }
    }

    /// The history of a key.
    pub fn key(&self, path: Folded) -> Option<&KeyHistory<'a>> {
        self.by_path.get(&path).map(|place| &self.keys[*place])
    }

    /// The history of a value. `None` if no record speaks of it by name; a `**delvals.` of its key
    /// may still speak of it: [`KeyHistory::values_deleted`].
    pub fn value(&self, key: Folded, name: Folded) -> Option<&ValueHistory<'a>> {
        self.key(key)?.value(&name)
    }

    /// All keys that a record speaks of, ordered by their upper-cased paths.
    pub fn keys(&self) -> impl Iterator<Item = &KeyHistory<'a>> {
        self.by_path.values().map(|place| &self.keys[*place])
    }
}

impl<'a> KeyHistory<'a> {
    fn new(path: WideString) -> Self {
        Self {
            path,
            events: Vec::new(),
            values: Vec::new(),
            by_name: BTreeMap::new(),
            unswept: Vec::new(),
            exists: false,
            swept: true,
        }
    }

    /// The history of one of its values; see [`Registry::value`].
    pub fn value(&self, name: &Folded) -> Option<&ValueHistory<'a>> {
        self.by_name.get(name).map(|place| &self.values[*place])
    }

    /// Whether the key is there in the end because a record created it. Deleting a value creates no key.
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// The last record that deleted all values of the key: what is not set behind it is gone.
    pub fn values_deleted(&self) -> Option<Origin> {
        let deletes = |e: &&Event<'_>| matches!(e.effect, Effect::ValuesDeleted | Effect::KeyDeleted);
        self.events.iter().rev().find(deletes).map(|e| e.origin)
    }

    /// The values that a record speaks of, ordered by upper-cased names.
    pub fn values(&self) -> impl Iterator<Item = &ValueHistory<'a>> {
        self.by_name.values().map(|place| &self.values[*place])
    }

    /// The place of a value, made if need be.
    fn place(&mut self, name: WideStr<'_>) -> usize {
        let place = *self.by_name.entry(name.fold()).or_insert(self.values.len());
        if place == self.values.len() {
            self.values.push(ValueHistory { name: name.to_wide_string(), events: Vec::new(), decisive: 0 });
        }
        place
    }

    /// The history of a value, for something to be said of it.
    fn speak_of(&mut self, place: usize) -> &mut ValueHistory<'a> {
        let value = &mut self.values[place];
        if value.swept() {
            self.unswept.push(place);
        }
        value
    }

    /// Ends all values at once.
    fn end(&mut self, event: Event<'a>) {
        self.events.push(event);
        for place in std::mem::take(&mut self.unswept) {
            self.values[place].push(event);
        }
    }
}

impl<'a> ValueHistory<'a> {
    /// Type and data in the end, and the record they come from. `None` if the value is deleted.
    pub fn current(&self) -> Option<(Origin, ValueType, &'a [u8])> {
        let last = self.events.get(self.decisive)?;
        match last.effect {
            Effect::Set(value_type, data) => Some((last.origin, value_type, data)),
            _ => None,
        }
    }

    /// The record that deleted the value, if it is deleted in the end.
    pub fn removed_by(&self) -> Option<Origin> {
        match self.current() {
            Some(_) => None,
            None => self.events.last().map(|e| e.origin),
        }
    }

    fn push(&mut self, event: Event<'a>) {
        if event.effect != Effect::LeftAsItWas {
            self.decisive = self.events.len();
        }
        self.events.push(event);
    }

    /// Whether nothing was said of it yet, or since it was deleted with all others.
    fn swept(&self) -> bool {
        self.events.last().is_none_or(|e| matches!(e.effect, Effect::ValuesDeleted | Effect::KeyDeleted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::value::Value;

    fn file(records: &[Record]) -> PolicyFile {
        records.iter().map(Record::as_ref).collect()
    }

    fn set(key: &str, name: &str, n: u8) -> Record {
        Record::set(key, name, &Value::Binary(vec![n])).unwrap()
    }

    fn raw(key: &str, name: &str, data: &str) -> Record {
        let (value_type, data) = Value::from(data).encode();
        Record::new(key.into(), name.into(), value_type, data).unwrap()
    }

    /// `key!name=data<file.record>` for what is there, `key!name-<file.record>` for what is gone.
    fn state(registry: &Registry<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        for key in registry.keys() {
            for value in key.values() {
                let (shown, origin) = match value.current() {
                    Some((origin, _, data)) => (format!("={}", data[0]), origin),
                    None => ("-".to_owned(), value.removed_by().unwrap()),
                };
                lines.push(format!("{}!{}{shown}<{}.{}>", key.path, value.name, origin.file, origin.record));
            }
        }
        lines
    }

    #[test]
    fn the_last_record_wins_and_names_keep_their_first_spelling() {
        let f = file(&[set("K", "x", 1), set("k", "X", 2)]);
        assert_eq!(state(&Registry::execute([&f])), ["K!x=2<0.1>"]);
    }

    #[test]
    fn directives_are_executed_in_order_across_files() {
        let weak =
            file(&[set("K", "a", 1), set("K", "b", 1), set("K", "c", 1), set(r"K\S", "d", 1), set(r"K\S\T", "e", 1)]);
        let strong = file(&[
            Record::delete_all_values("K").unwrap(),
            set("K", "b", 2),
            raw("K", "**DeleteKeys", "S"),
            set(r"K\S", "f", 3),
            raw("K", "**soft.b", "9"),
            set("K", "g", 4),
            raw("K", "**deletevalues", "g;h"),
        ]);
        let registry = Registry::execute([&weak, &strong]);
        assert_eq!(
            state(&registry),
            [
                "K!a-<1.0>",
                "K!b=2<1.1>",
                "K!c-<1.0>",
                "K!g-<1.6>",
                "K!h-<1.6>",
                r"K\S!d-<1.2>",
                r"K\S!f=3<1.3>",
                r"K\S\T!e-<1.2>",
            ]
        );
        assert!(registry.key(r"K\S".into()).unwrap().exists());
        assert!(!registry.key(r"K\S\T".into()).unwrap().exists());
        assert_eq!(registry.key("k".into()).unwrap().values_deleted(), Some(Origin { file: 1, record: 0 }));
    }

    #[test]
    fn delvals_leaves_subkeys_and_soft_sets_what_is_missing() {
        let f = file(&[
            set(r"K\S", "d", 1),
            Record::delete_all_values("K").unwrap(),
            Record::new("K".into(), "**soft.x".into(), ValueType::BINARY, vec![7]).unwrap(),
            Record::create_key("Empty").unwrap(),
            raw("K", "**unheard-of", ""),
        ]);
        let registry = Registry::execute([&f]);
        assert_eq!(state(&registry), ["K!x=7<0.2>", r"K\S!d=1<0.0>"]);
        assert!(registry.key("Empty".into()).unwrap().exists());
    }

    #[test]
    fn what_deletes_the_same_thing_again_adds_nothing_to_its_history() {
        let f = file(&[
            set(r"K\S", "a", 1),
            raw("K", "**DeleteKeys", "S;S;s"),
            raw("", "**DeleteKeys", "K"),
            Record::delete_all_values(r"K\S").unwrap(),
            Record::delete_all_values(r"K\S").unwrap(),
        ]);
        let registry = Registry::execute([&f]);
        assert_eq!(state(&registry), [r"K\S!a-<0.1>"]);
        let a = registry.value(r"K\S".into(), "a".into()).unwrap();
        assert_eq!(a.events.len(), 2);
        assert!(!registry.key(r"K\S".into()).unwrap().exists());
    }

    #[test]
    fn a_key_beside_the_deleted_one_stays() {
        let names = ["S", "S-1", "S 1", "S1", r"S\T", "S]"];
        let mut records: Vec<Record> = names.iter().map(|name| set(&format!(r"K\{name}"), "a", 1)).collect();
        records.push(raw("K", "**DeleteKeys", "s"));
        let f = file(&records);
        let registry = Registry::execute([&f]);
        let there: Vec<String> = registry.keys().filter(|k| k.exists()).map(|k| k.path.to_string()).collect();
        assert_eq!(there, [r"K\S 1", r"K\S-1", r"K\S1", r"K\S]"]);
    }

    #[test]
    fn securing_a_key_is_noted_and_creates_nothing() {
        let f = file(&[Record::new("K".into(), "**SecureKey".into(), ValueType::DWORD, vec![1, 0, 0, 0]).unwrap()]);
        let registry = Registry::execute([&f]);
        let key = registry.key("K".into()).unwrap();
        assert_eq!(key.events.last().map(|e| e.effect), Some(Effect::Secured(Some(1))));
        assert!(!key.exists());
    }

    #[test]
    fn a_default_value_is_a_value_and_a_key_only_record_is_none() {
        let f = file(&[raw("K", "", "guid"), Record::create_key("K").unwrap(), Record::delete_value("L", "").unwrap()]);
        let registry = Registry::execute([&f]);
        assert_eq!(state(&registry), ["K!=103<0.0>", "L!-<0.2>"]);
        assert!(!registry.key("L".into()).unwrap().exists(), "deleting a value creates no key");
    }
}
