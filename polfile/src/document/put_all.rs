//! Putting many records into a file at once, each where [`PolicyFile::put`] would put it.
//!
//! [`PolicyFile::put`] looks through the whole file for each record. Here the file is indexed once: by slot, by key, by
//! the key tree, and by what would undo what, so that some ten thousand records are a matter of a moment.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use foldhash::HashMap;

use super::{PolicyFile, tree_order};
use crate::action::Action;
use crate::diff::Slot;
use crate::record::{Record, RecordRef};
use crate::wide::{Folded, WideStr, WideString};

impl PolicyFile {
    /// Puts records into their slots one after the other, as [`put`](Self::put) does. Says whether a byte changed.
    ///
    /// ```
    /// use polfile::{PolicyFile, Record, Value};
    /// let records = [Record::set("B", "X", &Value::Dword(1))?, Record::set("A", "X", &Value::Dword(2))?];
    /// let mut file = PolicyFile::new();
    /// assert!(file.put_all(&records));
    /// assert_eq!(file.record(0).map(|record| record.key.to_text_lossy()), Some("A".to_owned()));
    /// assert!(!file.put_all(&records));
    /// # Ok::<(), polfile::RecordError>(())
    /// ```
    pub fn put_all<'r>(&mut self, records: impl IntoIterator<Item = &'r Record>) -> bool {
        let records: Vec<&Record> = records.into_iter().collect();
        if records.len() <= FEW {
            return records.into_iter().fold(false, |changed, record| self.put(record) | changed);
        }
        let mut indexed = Indexed::of(self.records());
        let changed = records.into_iter().fold(false, |changed, record| indexed.put(record) | changed);
        if changed {
            *self = indexed.order.values().map(|&id| indexed.record(id)).collect();
        }
        changed
    }
}

/// As many records are put one by one before the file is indexed.
const FEW: usize = 4;

/// A record's number, which it keeps wherever it moves to.
type Id = usize;

/// Ids in the order of their records in the file.
type Ids = Vec<Id>;

enum Stored<'a> {
    There(RecordRef<'a>),
    New(Record),
}

/// Records in an order that takes new ones anywhere, and the ways to find them.
#[derive(Default)]
struct Indexed<'a> {
    records: Vec<Stored<'a>>,
    /// By id: what the record is ordered by.
    labels: Vec<u64>,
    order: BTreeMap<u64, Id>,
    slots: HashMap<Slot, Ids>,
    keys: HashMap<Folded, Ids>,
    /// Keys in the order of their tree, by their components.
    tree: BTreeMap<Vec<Folded>, Folded>,
    /// The first record whose key begins with these components: it spells them.
    spelled: HashMap<Vec<Folded>, Id>,
    erasers: HashMap<Erased, Ids>,
    /// How many records stand behind one whose key the tree has later.
    disorder: usize,
}

/// What a directive can undo.
#[derive(PartialEq, Eq, Hash)]
enum Erased {
    /// Keys, somewhere.
    Keys,
    /// Values of a key.
    Values(Folded),
    /// What is said of one value of a key.
    Value(Folded, Folded),
}

impl Erased {
    /// What this record can undo of others.
    fn by(record: &RecordRef<'_>) -> Option<Self> {
        match record.action() {
            Action::DeleteKeys(_) => Some(Self::Keys),
            Action::DeleteAllValues | Action::DeleteValues(_) => Some(Self::Values(record.key.fold())),
            Action::DeleteValue(name) | Action::SetIfMissing(name) => Some(Self::Value(record.key.fold(), name.fold())),
            _ => None,
        }
    }
}

/// Room between two records that stand at the ends of a file, and the steps in which room between others is used up.
const ROOM: u64 = 1 << 32;
const STEP: u64 = 1 << 16;

impl<'a> Indexed<'a> {
    fn of(records: impl Iterator<Item = RecordRef<'a>>) -> Self {
        let mut indexed = Self::default();
        for record in records {
            indexed.insert(Stored::There(record), None);
        }
        indexed
    }

    fn record(&self, id: Id) -> RecordRef<'_> {
        match &self.records[id] {
            Stored::There(record) => *record,
            Stored::New(record) => record.as_ref(),
        }
    }

    /// As [`PolicyFile::put`].
    fn put(&mut self, record: &Record) -> bool {
        let new = record.as_ref();
        let Some(mut slot) = self.slots.get(&new.slot()).cloned() else {
            let (before, key) = self.place(&new);
            self.insert(Stored::New(RecordRef { key: key.as_wide(), ..new }.to_record()), before);
            return true;
        };
        let last = slot.pop().expect("a slot without records is taken out");
        let old = self.record(last);
        let value_name = if old.value_name.eq_ignore_case(new.value_name) { old.value_name } else { new.value_name };
        let new = RecordRef { key: old.key, value_name, ..new };
        let before = self.behind_erasers(Some(last), &new);
        let stays = before == Some(last);
        let same = (new.value_name, new.value_type, new.data) == (old.value_name, old.value_type, old.data);
        if stays && same && slot.is_empty() {
            return false;
        }
        let new = Stored::New(new.to_record());
        if !stays {
            self.insert(new, before);
            self.remove(last);
        } else if !same {
            let next = self.next(last);
            self.remove(last);
            self.insert(new, next);
        }
        slot.into_iter().for_each(|id| self.remove(id));
        true
    }

    /// Before which record one goes whose slot is not there, and how its key is spelled.
    fn place(&self, new: &RecordRef<'_>) -> (Option<Id>, WideString) {
        let of_key = self.keys.get(&new.key.fold()).and_then(|ids| Some((*ids.first()?, *ids.last()?)));
        let (before, key) = match of_key {
            Some((first, _)) if new.action() == Action::DeleteAllValues => {
                return (Some(first), self.record(first).key.into());
            }
            Some((first, last)) => (self.next(last), self.record(first).key.into()),
            None => (self.place_of_key(new.key), self.spelling(new.key)),
        };
        (self.behind_erasers(before, new), key)
    }

    fn place_of_key(&self, key: WideStr<'_>) -> Option<Id> {
        if self.disorder > 0 {
            return None;
        }
        let behind = (Bound::Excluded(components(key)), Bound::Unbounded);
        self.tree.range(behind).next().and_then(|(_, key)| self.first_of(key))
    }

    /// The first record of a key.
    fn first_of(&self, key: &Folded) -> Option<Id> {
        self.keys.get(key).and_then(|ids| ids.first().copied())
    }

    fn spelling(&self, key: WideStr<'_>) -> WideString {
        let mut path = WideString::default();
        let mut prefix = Vec::new();
        for (i, wanted) in key.components().enumerate() {
            prefix.push(wanted.fold());
            let speller = self.spelled.get(&prefix).and_then(|&id| self.record(id).key.components().nth(i));
            if i > 0 {
                path.push(WideString::from("\\").as_wide());
            }
            path.push(speller.unwrap_or(wanted));
        }
        path
    }

    /// `before`, or the first record from there on behind which no other undoes what `new` does.
    fn behind_erasers(&self, before: Option<Id>, new: &RecordRef<'_>) -> Option<Id> {
        let from = self.labels[before?];
        let key = new.key.fold();
        let mut sought = Vec::new();
        match new.action() {
            Action::Set => sought.extend([Some(new.value_name), None]),
            Action::SetIfMissing(name) => sought.extend([Some(name), None]),
            Action::DeleteValue(name) => sought.push(Some(name)),
            Action::CreateKey => {}
            _ => return before,
        }
        let sought = sought.into_iter().map(|name| match name {
            Some(name) => Erased::Value(key.clone(), name.fold()),
            None => Erased::Values(key.clone()),
        });
        let undoes = super::undoes(new);
        let last = sought.chain([Erased::Keys]).filter_map(|erased| {
            let ids = self.erasers.get(&erased)?;
            let behind = ids.iter().rev().take_while(|&&id| self.labels[id] >= from);
            behind.copied().find(|&id| undoes(&self.record(id)))
        });
        match last.max_by_key(|&id| self.labels[id]) {
            Some(last) => self.next(last),
            None => before,
        }
    }

    fn next(&self, id: Id) -> Option<Id> {
        self.order.range((Bound::Excluded(self.labels[id]), Bound::Unbounded)).next().map(|(_, &id)| id)
    }

    fn previous(&self, label: u64) -> Option<Id> {
        self.order.range(..label).next_back().map(|(_, &id)| id)
    }

    /// Takes a record in before another, or behind all.
    fn insert(&mut self, record: Stored<'a>, before: Option<Id>) {
        let id = self.records.len();
        let label = self.room(before);
        self.records.push(record);
        self.labels.push(label);
        self.order.insert(label, id);
        self.disorder = self.disorder.saturating_sub(self.disorder_of([self.previous(label), self.next(id)]));
        self.disorder = self.disorder.saturating_add(self.disorder_around(id));
        let (slot, key, erased) = self.names(id);
        add(self.slots.entry(slot).or_default(), id, &self.labels);
        let of_key = self.keys.entry(key).or_default();
        add(of_key, id, &self.labels);
        // A record behind others of its key spells nothing.
        if of_key.first() == Some(&id) {
            let (key, path) = (self.record(id).key.fold(), components(self.record(id).key));
            let prefixes: Vec<_> = (1..=path.len()).filter_map(|depth| path.get(..depth)).map(<[_]>::to_vec).collect();
            for prefix in prefixes {
                let first = self.spelled.entry(prefix).or_insert(id);
                if self.labels[*first] > label {
                    *first = id;
                }
            }
            self.tree.insert(path, key);
        }
        if let Some(erased) = erased {
            add(self.erasers.entry(erased).or_default(), id, &self.labels);
        }
    }

    fn remove(&mut self, id: Id) {
        let label = self.labels[id];
        self.disorder = self.disorder.saturating_sub(self.disorder_around(id));
        self.disorder = self.disorder.saturating_add(self.disorder_of([self.previous(label), self.next(id)]));
        self.order.remove(&label);
        let (slot, key, erased) = self.names(id);
        let path = components(self.record(id).key);
        let labels = &self.labels;
        let without = |ids: &mut Ids| {
            let at = ids.partition_point(|&other| labels[other] < label);
            ids.remove(at);
            ids.is_empty()
        };
        if self.slots.get_mut(&slot).is_some_and(without) {
            self.slots.remove(&slot);
        }
        if self.keys.get_mut(&key).is_some_and(without) {
            self.keys.remove(&key);
            self.tree.remove(&path);
        }
        if let Some(ids) = erased.and_then(|erased| self.erasers.get_mut(&erased)) {
            without(ids);
        }
        for prefix in (1..=path.len()).filter_map(|depth| path.get(..depth)) {
            if self.spelled.get(prefix) == Some(&id) {
                self.spell_anew(prefix);
            }
        }
    }

    /// The first of the keys that begin with these components spells them now.
    fn spell_anew(&mut self, prefix: &[Folded]) {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let below = self.tree.range::<[Folded], _>(from).take_while(|(path, _)| path.starts_with(prefix));
        let first = below.filter_map(|(_, key)| self.first_of(key)).min_by_key(|&id| self.labels[id]);
        match first {
            Some(first) => self.spelled.insert(prefix.to_vec(), first),
            None => self.spelled.remove(prefix),
        };
    }

    /// By what a record is found.
    fn names(&self, id: Id) -> (Slot, Folded, Option<Erased>) {
        let record = self.record(id);
        let slot = record.slot();
        let key = slot.key.clone();
        (slot, key, Erased::by(&record))
    }

    fn disorder_around(&self, id: Id) -> usize {
        let (previous, next) = (self.previous(self.labels[id]), self.next(id));
        self.disorder_of([previous, Some(id)]).saturating_add(self.disorder_of([Some(id), next]))
    }

    /// 1 if the first of two neighbours is the later one in the key tree.
    fn disorder_of(&self, [first, second]: [Option<Id>; 2]) -> usize {
        let Some((first, second)) = first.zip(second) else { return 0 };
        usize::from(tree_order(self.record(first).key, self.record(second).key) == Ordering::Greater)
    }

    /// A label between a record and the one before it, or behind all.
    fn room(&mut self, before: Option<Id>) -> u64 {
        let Some(before) = before else {
            let last = self.order.last_key_value().map_or(0, |(label, _)| *label);
            return last.checked_add(ROOM).expect("a file of 2^32 records is larger than any memory");
        };
        let bounds = |indexed: &Self| {
            let end = indexed.labels[before];
            let start = indexed.previous(end).map_or(0, |id| indexed.labels[id]);
            (start, end.saturating_sub(start) / 2)
        };
        let (mut start, mut half) = bounds(self);
        if half == 0 {
            self.relabel();
            (start, half) = bounds(self);
        }
        start.saturating_add(half.min(STEP))
    }

    /// Makes room everywhere.
    fn relabel(&mut self) {
        let order = std::mem::take(&mut self.order);
        for (id, label) in order.into_values().zip((1_u64..).map(|n| n.saturating_mul(ROOM))) {
            self.labels[id] = label;
            self.order.insert(label, id);
        }
    }
}

fn components(key: WideStr<'_>) -> Vec<Folded> {
    key.components().map(WideStr::fold).collect()
}

/// Puts an id to its place among others.
fn add(ids: &mut Ids, id: Id, labels: &[u64]) {
    let at = ids.partition_point(|&other| labels[other] < labels[id]);
    ids.insert(at, id);
}
