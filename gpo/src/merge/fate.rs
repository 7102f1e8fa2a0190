//! What policy files make of a registry of which nothing is known.
//!
//! A file is executed twice: on a registry that holds nothing, and on one that holds everything that any of the
//! files speaks of. The two ends say all that a file can do to a value: set it, set it where it is missing, delete
//! it, or leave it alone.

use std::collections::BTreeMap;

use polfile::{Action, Folded, Origin, PolicyFile, RecordRef, Registry, ValueHistory, ValueType, WideString};

use crate::compare::plain;

/// A value, or with no name the key itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub key: Folded,
    pub value: Option<Folded>,
}

/// What a file makes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Value {
        if_missing: End,
        if_there: End,
    },
    /// What the records that are about keys make of it; that a value creates its key goes without saying.
    Key {
        if_missing: bool,
        if_there: bool,
        secured: Option<Option<u32>>,
    },
}

/// Type and data in the end.
pub type End = Option<(ValueType, Vec<u8>)>;

/// The fates of all items in one file, each with the record that decides it.
pub type Fates = BTreeMap<Item, (Fate, Option<usize>)>;

/// How an item is spelled.
#[derive(Clone, Debug)]
pub struct Spelling {
    pub key: WideString,
    /// `None` for the key itself, and for all those of its values that no file names.
    pub value_name: Option<WideString>,
}

/// What a record can change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Item(Item),
    /// Every value of a key.
    Values(Folded),
    /// A key and all below it.
    Below(Folded),
}

impl Reach {
    /// What a record reaches.
    pub fn of(record: &RecordRef<'_>) -> Vec<Self> {
        let key = record.key.fold();
        let item = |value| Self::Item(Item { key: key.clone(), value });
        match record.action() {
            Action::Set => vec![item(Some(record.value_name.fold()))],
            Action::DeleteValue(name) | Action::SetIfMissing(name) => vec![item(Some(name.fold()))],
            Action::DeleteValues(names) => names.iter().map(|name| item(Some(name.fold()))).collect(),
            Action::DeleteAllValues => vec![Self::Values(key)],
            Action::DeleteKeys(keys) => {
                keys.iter().map(|entry| Self::Below(record.deleted_key(*entry).as_wide().fold())).collect()
            }
            Action::CreateKey | Action::SecureKey(_) => vec![item(None)],
            _ => Vec::new(),
        }
    }

    pub fn covers(&self, item: &Item) -> bool {
        match self {
            Self::Item(own) => own == item,
            Self::Values(key) => item.value.is_some() && *key == item.key,
            Self::Below(top) => item.key.is_at_or_below(top),
        }
    }
}

/// All that some files speak of.
pub struct Universe {
    items: BTreeMap<Item, Spelling>,
    /// Values of every item, and the keys of every item.
    values: PolicyFile,
    keys: PolicyFile,
}

/// What a value is before policy: of a type that no file has.
const BEFORE: ValueType = ValueType(0x6770_6F6C);

impl Universe {
    pub fn of(files: &[&PolicyFile]) -> Self {
        let mut items = BTreeMap::new();
        let other = unused_name(files);
        for record in files.iter().flat_map(|file| file.records()) {
            speak(&mut items, &record, &other);
        }
        let (mut values, mut keys) = (PolicyFile::new(), PolicyFile::new());
        for (item, spelling) in &items {
            let empty = WideString::default();
            let record = RecordRef {
                offset: 0,
                key: spelling.key.as_wide(),
                value_name: empty.as_wide(),
                value_type: ValueType::NONE,
                data: &[],
            };
            match &item.value {
                Some(_) => {
                    let name = spelling.value_name.as_ref().unwrap_or(&other);
                    values.push(RecordRef { value_name: name.as_wide(), value_type: BEFORE, ..record });
                }
                None => keys.push(record),
            }
        }
        Self { items, values, keys }
    }

    pub fn items(&self) -> impl Iterator<Item = (&Item, &Spelling)> {
        self.items.iter()
    }

    /// What a file makes of each item; it speaks of nothing else.
    pub fn fates(&self, file: &PolicyFile) -> Fates {
        let about_keys = |record: &RecordRef<'_>| {
            matches!(record.action(), Action::CreateKey | Action::DeleteKeys(_) | Action::SecureKey(_))
        };
        let places: Vec<usize> =
            file.records().enumerate().filter(|(_, record)| about_keys(record)).map(|(index, _)| index).collect();
        let key_records: PolicyFile = file.records().filter(about_keys).collect();
        let on_nothing = Registry::execute([file]);
        let on_all = Registry::execute([&self.values, file]);
        let keys_on_nothing = Registry::execute([&key_records]);
        let keys_on_all = Registry::execute([&self.keys, &key_records]);
        let mut fates = Fates::new();
        for item in self.items.keys() {
            let fate = match &item.value {
                Some(name) => {
                    let there = on_all.value(item.key.clone(), name.clone());
                    let fate = Fate::Value {
                        if_missing: end(on_nothing.value(item.key.clone(), name.clone())),
                        if_there: end(there),
                    };
                    (fate, there.and_then(decisive))
                }
                None => {
                    let (nothing, all) = (keys_on_nothing.key(item.key.clone()), keys_on_all.key(item.key.clone()));
                    let events = || nothing.into_iter().flat_map(|key| &key.events);
                    let secured = events().rev().find_map(|event| match event.effect {
                        polfile::Effect::Secured(how) => Some(Some(how)),
                        polfile::Effect::KeyDeleted => Some(None),
                        _ => None,
                    });
                    let fate = Fate::Key {
                        if_missing: nothing.is_some_and(|key| key.exists()),
                        if_there: all.is_some_and(|key| key.exists()),
                        secured: secured.flatten(),
                    };
                    let here = all.into_iter().flat_map(|key| &key.events).filter(|event| event.origin.file == 1);
                    let last = events().chain(here).map(|event| event.origin.record).max();
                    (fate, last.and_then(|last| places.get(last).copied()))
                }
            };
            fates.insert(item.clone(), fate);
        }
        fates
    }
}

/// Notes what a record speaks of.
fn speak(items: &mut BTreeMap<Item, Spelling>, record: &RecordRef<'_>, other: &WideString) {
    let mut note = |key: &WideString, value: Option<&WideString>, named: bool| {
        // A value of a directive's name cannot be set, to see what becomes of it.
        if value.is_some_and(|value| value.as_wide().strip_prefix_ignore_case("**").is_some()) {
            return;
        }
        let item = Item { key: key.as_wide().fold(), value: value.map(|value| value.as_wide().fold()) };
        let value_name = value.filter(|_| named).cloned();
        items.entry(item).or_insert_with(|| Spelling { key: key.clone(), value_name });
    };
    let key = record.key.to_wide_string();
    match record.action() {
        Action::Set => note(&key, Some(&record.value_name.to_wide_string()), true),
        Action::DeleteValue(name) | Action::SetIfMissing(name) => note(&key, Some(&name.to_wide_string()), true),
        Action::DeleteValues(names) => names.iter().for_each(|name| note(&key, Some(&name.to_wide_string()), true)),
        Action::DeleteAllValues => note(&key, Some(other), false),
        Action::DeleteKeys(entries) => {
            for entry in entries {
                let top = record.deleted_key(entry);
                let mut below = top.clone();
                below.push(WideString::from("\\").as_wide());
                below.push(other.as_wide());
                note(&top, None, false);
                note(&top, Some(other), false);
                note(&below, None, false);
            }
        }
        Action::CreateKey | Action::SecureKey(_) => note(&key, None, false),
        _ => {}
    }
}

/// A name that stands for all that no record has.
fn unused_name(files: &[&PolicyFile]) -> WideString {
    let longest = files.iter().flat_map(|file| file.records()).map(|record| record.key.len() + record.value_name.len());
    "x".repeat(longest.max().unwrap_or_default() + 1).as_str().into()
}

fn end(value: Option<&ValueHistory<'_>>) -> End {
    let (_, value_type, data) = value?.current()?;
    Some((value_type, plain(value_type, data).into_owned()))
}

/// The record of the file that decides a value which was there before.
fn decisive(value: &ValueHistory<'_>) -> Option<usize> {
    let here = |origin: &Origin| origin.file == 1;
    let decides = value.current().map(|(origin, ..)| origin).or_else(|| value.removed_by()).filter(here);
    let last = value.events.last().map(|event| event.origin).filter(here);
    decides.or(last).map(|origin| origin.record)
}
