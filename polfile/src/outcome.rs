//! What records come to, whatever the registry holds before they are executed.

use std::borrow::Borrow as _;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::action::Action;
use crate::record::{RecordRef, ValueType};
use crate::wide::{Folded, WideStr};

/// What a policy file does to a registry of which nothing is known, by [MS-GPREG] 3.2.5.1.2.
///
/// [`Registry`](crate::Registry) starts empty and says what is there in the end and why. This says what *surely* is
/// there: a `**soft.` that follows a deletion always sets its value, one that stands alone may not; a value that is set
/// before a `**delvals.` is deleted, however the registry began.
///
/// ```
/// use polfile::{Final, Outcome, PolicyFile, Record, ValueType, WideString};
/// let soft = Record::new("K".into(), "**soft.X".into(), ValueType::SZ, b"a\0\0\0".to_vec())?;
/// let mut file = PolicyFile::new();
/// file.push(soft.as_ref());
/// let x = |file: &PolicyFile| matches!(Outcome::of(file.records()).value(&"K".into(), &"x".into()), Final::Set(..));
/// assert!(!x(&file));
///
/// let mut file = PolicyFile::new();
/// file.push(Record::delete_value("K", "X")?.as_ref());
/// file.push(soft.as_ref());
/// assert!(x(&file));
/// # Ok::<(), polfile::RecordError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Outcome<'a> {
    keys: Vec<Key<'a>>,
    places: HashMap<Folded, usize, RandomState>,
    spelled: HashMap<WideStr<'a>, usize, RandomState>,
    /// Keys that `**deletekeys` took away, and when that last was.
    deleted: HashMap<Folded, Step, RandomState>,
    /// Keys that are there in the end, those above them included.
    existing: HashSet<Folded, RandomState>,
    /// Directives that change nothing that is known, by key and name.
    unexecuted: HashMap<(Folded, Folded), (ValueType, &'a [u8]), RandomState>,
}

/// Which record, counted from 1; 0 is before all.
type Step = usize;

/// What is there in the end of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Final<'a> {
    /// What was there before.
    Untouched,
    /// No such value.
    Deleted,
    /// This value.
    Set(ValueType, &'a [u8]),
    /// What was there before; this, if nothing was.
    SetIfMissing(ValueType, &'a [u8]),
}

#[derive(Clone, Debug)]
struct Key<'a> {
    path: Folded,
    created: Step,
    values_deleted: Step,
    secured: Option<(Step, Option<u32>)>,
    values: HashMap<Folded, (Step, Final<'a>), RandomState>,
}

impl<'a> Outcome<'a> {
    /// Executes records in order.
    pub fn of(records: impl IntoIterator<Item = RecordRef<'a>>) -> Self {
        let mut outcome = Self::default();
        for (step, record) in (1..).zip(records) {
            outcome.step(step, &record);
        }
        let mut existing = HashSet::default();
        for key in &outcome.keys {
            for path in key.path.at_and_above() {
                if key.created > outcome.key_deleted(path) && !existing.contains(path) {
                    existing.insert(Folded::from_units(path));
                }
            }
        }
        outcome.existing = existing;
        outcome
    }

    fn step(&mut self, step: Step, record: &RecordRef<'a>) {
        let place = self.place(record.key);
        let mut say = |name: WideStr<'a>, new| {
            self.keys[place].values.insert(name.fold(), (step, new));
        };
        match record.action() {
            Action::Set => {
                say(record.value_name, Final::Set(record.value_type, record.data));
                self.keys[place].created = step;
            }
            Action::SetIfMissing(name) => {
                let new = match self.value_at(&self.keys[place], &name.fold()) {
                    Final::Untouched => Final::SetIfMissing(record.value_type, record.data),
                    Final::Deleted => Final::Set(record.value_type, record.data),
                    there => there,
                };
                self.keys[place].values.insert(name.fold(), (step, new));
                self.keys[place].created = step;
            }
            Action::CreateKey => self.keys[place].created = step,
            Action::DeleteValue(name) => say(name, Final::Deleted),
            Action::DeleteValues(names) => names.into_iter().for_each(|name| say(name, Final::Deleted)),
            Action::DeleteAllValues => self.keys[place].values_deleted = step,
            Action::DeleteKeys(keys) => {
                for key in keys {
                    self.deleted.insert(record.deleted_key(key).as_wide().fold(), step);
                }
            }
            Action::SecureKey(secure) => self.keys[place].secured = Some((step, secure)),
            Action::Comment(_) | Action::Unknown => {
                let name = (record.key.fold(), record.value_name.fold());
                self.unexecuted.insert(name, (record.value_type, record.data));
            }
        }
    }

    fn place(&mut self, path: WideStr<'a>) -> usize {
        if let Some(place) = self.spelled.get(&path) {
            return *place;
        }
        let place = *self.places.entry(path.fold()).or_insert(self.keys.len());
        if place == self.keys.len() {
            let path = path.fold();
            self.keys.push(Key { path, created: 0, values_deleted: 0, secured: None, values: HashMap::default() });
        }
        self.spelled.insert(path, place);
        place
    }

    fn key(&self, path: &Folded) -> Option<&Key<'a>> {
        self.places.get(path).map(|place| &self.keys[*place])
    }

    /// When a key was last taken away, by itself or with one above it.
    fn key_deleted(&self, path: &[u16]) -> Step {
        if self.deleted.is_empty() {
            return 0;
        }
        let above = Folded::prefixes(path);
        above.filter_map(|path| self.deleted.get(path)).max().copied().unwrap_or_default()
    }

    fn value_at(&self, key: &Key<'a>, name: &Folded) -> Final<'a> {
        let swept = key.values_deleted.max(self.key_deleted(key.path.borrow()));
        match key.values.get(name) {
            Some((step, value)) if *step > swept => *value,
            _ if swept > 0 => Final::Deleted,
            _ => Final::Untouched,
        }
    }

    /// What is there in the end of a value.
    pub fn value(&self, key: &Folded, name: &Folded) -> Final<'a> {
        match self.key(key) {
            Some(key) => self.value_at(key, name),
            None if self.key_deleted(key.borrow()) > 0 => Final::Deleted,
            None => Final::Untouched,
        }
    }

    /// The values that records name, by key and name; those of `**deletevalues` as well.
    pub fn values(&self) -> impl Iterator<Item = (&Folded, &Folded)> {
        self.keys.iter().flat_map(|key| key.values.keys().map(|name| (&key.path, name)))
    }

    /// The keys that records stand under.
    pub fn keys(&self) -> impl Iterator<Item = &Folded> {
        self.keys.iter().map(|key| &key.path)
    }

    /// The keys that `**deletekeys` names.
    pub fn deleted_keys(&self) -> impl Iterator<Item = &Folded> {
        self.deleted.keys()
    }

    /// Whether the key surely is there in the end.
    pub fn has_key(&self, path: &Folded) -> bool {
        self.existing.contains(path)
    }

    /// Whether a record of the key itself makes it, not one of a key below.
    fn makes(&self, path: &Folded) -> bool {
        self.key(path).is_some_and(|key| key.created > self.key_deleted(path.borrow()))
    }

    /// The keys that surely are there in the end.
    pub fn existing_keys(&self) -> impl Iterator<Item = &Folded> {
        self.existing.iter()
    }

    /// Whether the values that the key had before are deleted.
    pub fn deletes_values(&self, path: &Folded) -> bool {
        self.deletes_key(path) || self.key(path).is_some_and(|key| key.values_deleted > 0)
    }

    /// Whether the key as it was before is deleted. It may have been made anew.
    pub fn deletes_key(&self, path: &Folded) -> bool {
        self.key_deleted(path.borrow()) > 0
    }

    /// What `**securekey` last said of the key, unless the key was taken away since.
    pub fn secured(&self, path: &Folded) -> Option<Option<u32>> {
        let (step, secure) = self.key(path)?.secured?;
        (step > self.key_deleted(path.borrow())).then_some(secure)
    }

    /// Whether `other` comes to the same in all that a record of this one speaks of. `same` compares two values.
    pub fn agrees(
        &self,
        other: &Outcome<'_>,
        record: &RecordRef<'_>,
        same: impl Fn(&Final<'_>, &Final<'_>) -> bool,
    ) -> bool {
        let key = record.key.fold();
        let exists = || !self.makes(&key) || other.has_key(&key);
        let value = |name: &Folded| same(&self.value(&key, name), &other.value(&key, name));
        match record.action() {
            Action::Set => exists() && value(&record.value_name.fold()),
            Action::SetIfMissing(name) => exists() && value(&name.fold()),
            Action::CreateKey => exists(),
            Action::DeleteValue(name) => value(&name.fold()),
            Action::DeleteValues(names) => names.iter().all(|name| value(&name.fold())),
            Action::DeleteAllValues => other.deletes_values(&key),
            Action::DeleteKeys(keys) => {
                keys.iter().all(|key| other.deletes_key(&record.deleted_key(*key).as_wide().fold()))
            }
            Action::SecureKey(_) => self.secured(&key) == other.secured(&key),
            Action::Comment(_) | Action::Unknown => {
                let name = (key, record.value_name.fold());
                self.unexecuted.get(&name) == other.unexecuted.get(&name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    /// `name=data` for a record that sets, names of directives with a blank and their data behind.
    fn outcome(records: &[(&str, &str, &str)], key: &str, name: &str) -> String {
        let records: Vec<Record> = records
            .iter()
            .map(|(key, name, data)| {
                let data: Vec<u8> = data.encode_utf16().flat_map(u16::to_le_bytes).collect();
                Record::new((*key).into(), (*name).into(), ValueType::SZ, data).unwrap()
            })
            .collect();
        match Outcome::of(records.iter().map(Record::as_ref)).value(&key.into(), &name.into()) {
            Final::Untouched => "untouched".to_owned(),
            Final::Deleted => "deleted".to_owned(),
            Final::Set(_, data) => format!("set {}", data[0]),
            Final::SetIfMissing(_, data) => format!("if missing {}", data[0]),
        }
    }

    #[test]
    fn a_soft_value_is_sure_only_behind_what_takes_it_away() {
        let soft = ("K", "**soft.x", "1");
        assert_eq!(outcome(&[soft], "k", "X"), "if missing 49");
        assert_eq!(outcome(&[("K", "**del.X", " "), soft], "k", "X"), "set 49");
        assert_eq!(outcome(&[("K", "**DeleteValues", "a;X"), soft], "k", "X"), "set 49");
        assert_eq!(outcome(&[("K", "**delvals.", " "), soft], "k", "X"), "set 49");
        assert_eq!(outcome(&[("", "**DeleteKeys", "k"), soft], "k", "X"), "set 49");
        assert_eq!(outcome(&[soft, ("K", "**soft.X", "2")], "k", "X"), "if missing 49");
        assert_eq!(outcome(&[("K", "X", "2"), soft], "k", "X"), "set 50");
        assert_eq!(outcome(&[soft, ("K", "X", "2")], "k", "X"), "set 50");
    }

    #[test]
    fn what_is_swept_is_gone_whether_or_not_a_record_names_it() {
        let sweep = ("K", "**delvals.", " ");
        assert_eq!(outcome(&[("K", "X", "1"), sweep], "K", "X"), "deleted");
        assert_eq!(outcome(&[sweep, ("K", "X", "1")], "K", "X"), "set 49");
        assert_eq!(outcome(&[sweep], "K", "never named"), "deleted");
        assert_eq!(outcome(&[sweep], r"K\S", "X"), "untouched");
        assert_eq!(outcome(&[(r"A\K\S", "X", "1"), ("A", "**DeleteKeys", "K")], r"A\K\S", "X"), "deleted");
        assert_eq!(outcome(&[("A", "**DeleteKeys", r"A\K")], r"a\k\never named", "X"), "deleted");
        assert_eq!(outcome(&[("A", "**DeleteKeys", "K")], "A", "X"), "untouched");
    }

    #[test]
    fn a_key_is_there_with_those_above_it_until_it_is_taken_away() {
        let set = Record::new(r"A\K\S".into(), "X".into(), ValueType::SZ, Vec::new()).unwrap();
        let delete = Record::delete_keys("A", "K").unwrap();
        let has = |records: &[&Record], key: &str| Outcome::of(records.iter().map(|r| r.as_ref())).has_key(&key.into());
        assert!(has(&[&set], "a") && has(&[&set], r"a\k") && has(&[&delete, &set], r"a\k\s"));
        assert!(has(&[&set, &delete], "A"), "the key above was made and stays");
        assert!(!has(&[&set, &delete], r"A\K") && !has(&[&delete], "A"));
    }
}
