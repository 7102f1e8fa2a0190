//! The virtual registry: what is there once Windows has executed the records of one or several files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

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
    keys: BTreeMap<Folded, KeyHistory<'a>>,
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
    values: BTreeMap<Folded, ValueHistory<'a>>,
    /// Values of which something was said since they were last deleted all at once.
    unswept: Vec<Folded>,
    exists: bool,
    /// Whether nothing was said of it since `**deletekeys` took it away.
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
                self.create(origin, record.key).value_mut(record.value_name).push(set);
            }
            Action::SetIfMissing(name) => {
                let value = self.create(origin, record.key).value_mut(name);
                let there = value.current().is_some();
                value.push(if there { event(Effect::LeftAsItWas) } else { set });
            }
            Action::CreateKey => {
                self.create(origin, record.key);
            }
            Action::DeleteValue(name) => {
                self.key_mut(record.key).value_mut(name).push(event(Effect::Deleted));
            }
            Action::DeleteValues(names) => {
                let key = self.key_mut(record.key);
                for name in names {
                    key.value_mut(name).push(event(Effect::Deleted));
                }
            }
            Action::DeleteAllValues => self.key_mut(record.key).end(event(Effect::ValuesDeleted)),
            Action::DeleteKeys(keys) => {
                for key in keys {
                    self.delete_key(record.deleted_key(key).as_wide(), event(Effect::KeyDeleted));
                }
            }
            Action::SecureKey(secure) => {
                // Whether it makes the key as well is unverified.
                self.key_mut(record.key).events.push(event(Effect::Secured(secure)));
            }
            Action::Comment(_) | Action::Unknown => {}
        }
    }

    /// The history of a key, made if need be, with the key existing from now on.
    fn create(&mut self, origin: Origin, path: WideStr<'_>) -> &mut KeyHistory<'a> {
        let key = self.key_mut(path);
        if !key.exists {
            key.exists = true;
            key.events.push(Event { origin, effect: Effect::Created });
        }
        key
    }

    fn key_mut(&mut self, path: WideStr<'_>) -> &mut KeyHistory<'a> {
        let entry = self.keys.entry(path.fold());
        if !matches!(&entry, Entry::Occupied(key) if !key.get().swept) {
            self.unswept.insert(entry.key().clone());
        }
        let key = entry.or_insert_with(|| KeyHistory {
            path: path.to_wide_string(),
            events: Vec::new(),
            values: BTreeMap::new(),
            unswept: Vec::new(),
            exists: false,
            swept: false,
        });
        key.swept = false;
        key
    }

    /// Ends a key and all below it.
    fn delete_key(&mut self, path: WideStr<'_>, event: Event<'a>) {
        self.key_mut(path);
        let top = path.fold();
        let below = self.unswept.range(top.least_below()..).take_while(|key| key.is_at_or_below(&top));
        let gone: Vec<Folded> = std::iter::once(&top).chain(below).cloned().collect();
        for key in gone {
            self.unswept.remove(&key);
            if let Some(key) = self.keys.get_mut(&key) {
                key.swept = true;
                key.exists = false;
                key.end(event);
            }
        }
    }

    /// The history of a key.
    pub fn key(&self, path: Folded) -> Option<&KeyHistory<'a>> {
        self.keys.get(&path)
    }

    /// The history of a value. `None` if no record speaks of it by name; a `**delvals.` of its key
    /// may still speak of it: [`KeyHistory::values_deleted`].
    pub fn value(&self, key: Folded, name: Folded) -> Option<&ValueHistory<'a>> {
        self.key(key)?.value(&name)
    }

    /// All keys that a record speaks of, ordered by their upper-cased paths.
    pub fn keys(&self) -> impl Iterator<Item = &KeyHistory<'a>> {
        self.keys.values()
    }
}

impl<'a> KeyHistory<'a> {
    /// The history of one of its values; see [`Registry::value`].
    pub fn value(&self, name: &Folded) -> Option<&ValueHistory<'a>> {
        self.values.get(name)
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
        self.values.values()
    }

    /// The history of a value, for something to be said of it.
    fn value_mut(&mut self, name: WideStr<'_>) -> &mut ValueHistory<'a> {
        let entry = self.values.entry(name.fold());
        if !matches!(&entry, Entry::Occupied(value) if !value.get().swept()) {
            self.unswept.push(entry.key().clone());
        }
        entry.or_insert_with(|| ValueHistory { name: name.to_wide_string(), events: Vec::new(), decisive: 0 })
    }

    /// Ends all values at once.
    fn end(&mut self, event: Event<'a>) {
        self.events.push(event);
        for name in std::mem::take(&mut self.unswept) {
            if let Some(value) = self.values.get_mut(&name) {
                value.push(event);
            }
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

    /// Whether the last that is said of it is that it was deleted with all others.
    fn swept(&self) -> bool {
        self.events.last().is_some_and(|e| matches!(e.effect, Effect::ValuesDeleted | Effect::KeyDeleted))
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
