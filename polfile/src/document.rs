//! A policy file to edit: the bytes, and where each record begins.

mod put_all;

use std::cmp::Ordering;

use foldhash::{HashSet, HashSetExt as _};

use crate::action::Action;
use crate::error::ParseError;
use crate::read::{HEADER, Records, SIGNATURE, VERSION, records};
use crate::record::{Record, RecordRef, ValueType};
use crate::wide::{WideStr, WideString};

/// A policy file. [`as_bytes`](Self::as_bytes) gives back exactly what [`parse`](Self::parse) took.
///
/// An edit changes the bytes of the records it names, and no other: nothing is sorted, respelled
/// or merged. A record speaks of one *slot*, its key and value name in any case; `X` and `**del.X`
/// are one slot ([`RecordRef::same_slot`]).
///
/// New records go where the Group Policy editor would put them:
///
/// * the slot exists: in its place;
/// * the key exists: behind its last record, `**delvals.` before its first;
/// * the key is new: at its place in the key tree, if the file is in that order (all that the
///   editor writes are), else at the end; each component spelled as the file spells it already.
///
/// In each case behind any directive that would undo it: delete the value again, or set it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    bytes: Vec<u8>,
    /// Where each record begins. The parser has accepted a record at each.
    starts: Vec<usize>,
}

impl Default for PolicyFile {
    fn default() -> Self {
        Self::new()
    }
}

impl PolicyFile {
    /// A file without records: the header alone.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&SIGNATURE);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        Self { bytes, starts: Vec::new() }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] names the first byte that is wrong.
    pub fn parse(file: &[u8]) -> Result<Self, ParseError> {
        let starts = starts(file)?;
        Ok(Self { bytes: file.to_vec(), starts })
    }

    /// Reads a whole file and keeps its bytes.
    ///
    /// # Errors
    ///
    /// [`ParseError`] names the first byte that is wrong.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ParseError> {
        let starts = starts(&bytes)?;
        Ok(Self { bytes, starts })
    }

    /// As [`from_bytes`](Self::from_bytes), and gives the bytes back that it does not take.
    ///
    /// # Errors
    ///
    /// The bytes, and the [`ParseError`] that names the first one that is wrong.
    pub fn try_from_bytes(bytes: Vec<u8>) -> Result<Self, (Vec<u8>, ParseError)> {
        match starts(&bytes) {
            Ok(starts) => Ok(Self { bytes, starts }),
            Err(error) => Err((bytes, error)),
        }
    }

    /// The bytes of the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of the file, to keep.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The records in file order, repeats included.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = RecordRef<'_>> + ExactSizeIterator + Clone {
        self.starts.iter().map(|&start| self.at(start))
    }

    /// One record, counted from 0.
    pub fn record(&self, index: usize) -> Option<RecordRef<'_>> {
        self.starts.get(index).map(|&start| self.at(start))
    }

    fn at(&self, start: usize) -> RecordRef<'_> {
        let parsed = Records::at(&self.bytes, start, 0).next();
        parsed.and_then(Result::ok).expect("`starts` holds the starts of accepted records")
    }

    /// Whether keys stand in the order of the key tree, as in all files that the Group Policy editor writes.
    pub fn is_in_tree_order(&self) -> bool {
        let keys = || self.records().map(|record| record.key);
        keys().zip(keys().skip(1)).all(|(a, b)| tree_order(a, b) != Ordering::Greater)
    }

    /// Indexes of records whose slot a later record speaks of again, ascending. Windows' own files have none.
    pub fn repeated(&self) -> Vec<usize> {
        let mut seen = HashSet::new();
        let slots = self.records().map(|record| (record.key.fold(), record.value_name_of_slot().fold()));
        let mut repeated: Vec<usize> =
            slots.enumerate().rev().filter_map(|(i, slot)| (!seen.insert(slot)).then_some(i)).collect();
        repeated.reverse();
        repeated
    }

    /// Appends a record as it is, behind all others.
    pub fn push(&mut self, record: RecordRef<'_>) {
        self.starts.push(self.bytes.len());
        record.write_to(&mut self.bytes);
    }

    /// Puts a record into its slot and takes out any other record of that slot. Says whether a byte changed.
    ///
    /// The key keeps the spelling it has in the file, and so does the value name where only its case differs.
    ///
    /// ```
    /// use polfile::{PolicyFile, Record, Value};
    /// let mut file = PolicyFile::new();
    /// file.put(&Record::set("Software", "X", &Value::Dword(1))?);
    /// assert!(file.put(&Record::delete_value("SOFTWARE", "x")?));
    /// assert_eq!(file.len(), 1);
    /// assert!(!file.put(&Record::delete_value("SOFTWARE", "x")?));
    /// # Ok::<(), polfile::RecordError>(())
    /// ```
    pub fn put(&mut self, record: &Record) -> bool {
        let new = record.as_ref();
        let mut slot: Vec<usize> = self.slot(&new).collect();
        let Some(&last) = slot.last() else {
            let (index, key) = self.place(&new);
            self.splice(index, 0, Some(RecordRef { key: key.as_wide(), ..new }));
            return true;
        };
        let old = self.at(self.starts[last]).to_record();
        let old = old.as_ref();
        let value_name = if old.value_name.eq_ignore_case(new.value_name) { old.value_name } else { new.value_name };
        let new = RecordRef { key: old.key, value_name, ..new };
        let index = self.behind_erasers(last, &new);
        let mut changed = true;
        if index == last {
            changed = slot.len() > 1
                || (new.value_name, new.value_type, new.data) != (old.value_name, old.value_type, old.data);
            if changed {
                self.splice(last, 1, Some(new));
            }
        } else {
            self.splice(index, 0, Some(new));
            self.splice(last, 1, None);
        }
        slot.pop();
        self.take_out(&slot);
        changed
    }

    /// Takes all records of a slot out: the value is not configured any more. Says how many there were.
    ///
    /// To make Windows *delete* the value is another thing: put [`Record::delete_value`]. A record that
    /// only creates its key stays, since it speaks of no value: [`forget_record`](Self::forget_record).
    pub fn forget(&mut self, key: WideStr<'_>, value_name: WideStr<'_>) -> usize {
        // Any type but 0: an empty name means the default value here.
        let named = RecordRef { offset: 0, key, value_name, value_type: ValueType::SZ, data: &[] };
        let slot: Vec<usize> = self.slot(&named).collect();
        self.take_out(&slot);
        slot.len()
    }

    /// Takes one record out, counted from 0. Says whether there was one.
    pub fn forget_record(&mut self, index: usize) -> bool {
        let there = index < self.starts.len();
        if there {
            self.splice(index, 1, None);
        }
        there
    }

    /// Takes out all records but those that are wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&RecordRef<'_>) -> bool) {
        let gone: Vec<usize> =
            self.records().enumerate().filter(|(_, record)| !wanted(record)).map(|(index, _)| index).collect();
        self.take_out(&gone);
    }

    /// Indexes of the records of a slot.
    fn slot(&self, named: &RecordRef<'_>) -> impl Iterator<Item = usize> {
        self.records().enumerate().filter(|(_, record)| record.same_slot(named)).map(|(index, _)| index)
    }

    /// Where a record goes whose slot the file does not have, and how its key is spelled there.
    fn place(&self, new: &RecordRef<'_>) -> (usize, WideString) {
        let mut of_key = self.records().enumerate().filter(|(_, record)| record.key.eq_ignore_case(new.key));
        let (index, key) = match of_key.next() {
            Some((first, record)) if new.action() == Action::DeleteAllValues => return (first, record.key.into()),
            Some((first, record)) => {
                (of_key.next_back().map_or(first, |(last, _)| last).saturating_add(1), record.key.into())
            }
            None => (self.place_of_key(new.key), self.spelling(new.key)),
        };
        // `index` is behind the record it was found by; look at all from there on.
        (self.behind_erasers(index, new), key)
    }

    /// Where the first record of a new key goes.
    fn place_of_key(&self, key: WideStr<'_>) -> usize {
        let behind = |record: RecordRef<'_>| tree_order(record.key, key) == Ordering::Greater;
        match self.is_in_tree_order() {
            true => self.records().position(behind).unwrap_or(self.starts.len()),
            false => self.starts.len(),
        }
    }

    /// `index`, or the first place behind it where no later record undoes what `new` does.
    fn behind_erasers(&self, index: usize, new: &RecordRef<'_>) -> usize {
        let undoes = undoes(new);
        let last = self.records().enumerate().skip(index).rev().find(|(_, record)| undoes(record));
        last.map_or(index, |(last, _)| last.saturating_add(1))
    }

    /// A new key with each component spelled as the file spells it already: a node of the key tree
    /// keeps the name that its first record gave it.
    fn spelling(&self, key: WideStr<'_>) -> WideString {
        let wanted: Vec<WideStr<'_>> = key.components().collect();
        let mut spelled: Vec<WideStr<'_>> = Vec::new();
        for record in self.records() {
            let same = record.key.components().zip(&wanted).take_while(|(have, want)| have.eq_ignore_case(**want));
            let found: Vec<_> = same.map(|(have, _)| have).collect();
            if found.len() > spelled.len() {
                spelled.extend(found.into_iter().skip(spelled.len()));
            }
        }
        let mut path = WideString::default();
        for (i, want) in wanted.iter().enumerate() {
            if i > 0 {
                path.push(WideString::from("\\").as_wide());
            }
            path.push(spelled.get(i).copied().unwrap_or(*want));
        }
        path
    }

    /// Takes out records, given by their indexes in file order. All other bytes stay.
    fn take_out(&mut self, indexes: &[usize]) {
        if let [index] = indexes {
            return self.splice(*index, 1, None);
        }
        // In one go, since a slot may come as often as the file has records.
        let mut gone = indexes.iter().copied().peekable();
        if gone.peek().is_some() {
            *self = self
                .records()
                .enumerate()
                .filter(|(index, _)| gone.next_if_eq(index).is_none())
                .map(|(_, record)| record)
                .collect();
        }
    }

    /// Replaces `count` records from `index` on by one or none. All other bytes stay.
    fn splice(&mut self, index: usize, count: usize, with: Option<RecordRef<'_>>) {
        let end_of_file = self.bytes.len();
        let start_of = |i: usize| self.starts.get(i).copied().unwrap_or(end_of_file);
        let after = index.saturating_add(count);
        let (start, end) = (start_of(index), start_of(after));
        let mut bytes = Vec::new();
        if let Some(record) = with {
            record.write_to(&mut bytes);
        }
        let (removed, added) = (end.saturating_sub(start), bytes.len());
        self.bytes.splice(start..end, bytes);
        for later in self.starts.iter_mut().skip(after) {
            *later = later.saturating_sub(removed).saturating_add(added);
        }
        self.starts.splice(index..after, with.map(|_| start));
    }
}

/// Where each record of a well-formed file begins.
fn starts(file: &[u8]) -> Result<Vec<usize>, ParseError> {
    records(file)?.map(|record| Ok(record?.offset)).collect()
}

/// Whether a record that comes later undoes what `new` does.
fn undoes<'n>(new: &'n RecordRef<'_>) -> impl Fn(&RecordRef<'_>) -> bool + 'n {
    let key = new.key.fold();
    let (set, deleted, creates) = match new.action() {
        Action::Set => (Some(new.value_name), None, true),
        Action::SetIfMissing(name) => (Some(name), None, true),
        Action::DeleteValue(name) => (None, Some(name), false),
        Action::CreateKey => (None, None, true),
        _ => (None, None, false),
    };
    move |record| match record.action() {
        Action::DeleteKeys(keys) => {
            creates && keys.iter().any(|k| key.is_at_or_below(&record.deleted_key(*k).as_wide().fold()))
        }
        _ if !record.key.eq_ignore_case(new.key) => false,
        Action::DeleteAllValues => set.is_some(),
        Action::DeleteValues(names) => set.is_some_and(|set| names.iter().any(|name| name.eq_ignore_case(set))),
        // One of the same slot gives way to `new`.
        Action::DeleteValue(name) => set.is_some_and(|set| name.eq_ignore_case(set)) && !record.same_slot(new),
        Action::SetIfMissing(name) => deleted.is_some_and(|deleted| name.eq_ignore_case(deleted)),
        _ => false,
    }
}

impl<'a> FromIterator<RecordRef<'a>> for PolicyFile {
    /// Writes the records in the given order, as they are.
    fn from_iter<T: IntoIterator<Item = RecordRef<'a>>>(records: T) -> Self {
        let mut file = Self::new();
        for record in records {
            file.push(record);
        }
        file
    }
}

/// Order of the key tree as the Group Policy editor writes it: parents first, siblings by
/// upper-cased name. The backslash takes no part, so `A\B` comes before `A-1`.
pub(crate) fn tree_order(a: WideStr<'_>, b: WideStr<'_>) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (mut a, mut b) = (a.components(), b.components());
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match a.cmp_ignore_case(b) {
                Ordering::Equal => {}
                different => return different,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn text(file: &PolicyFile) -> Vec<String> {
        file.records()
            .map(|r| format!("{}!{}={}", r.key, r.value_name, r.data.first().copied().unwrap_or_default()))
            .collect()
    }

    fn file(records: &[(&str, &str, u32)]) -> PolicyFile {
        let records: Vec<Record> = records.iter().map(|(key, name, n)| set(key, name, *n)).collect();
        records.iter().map(Record::as_ref).collect()
    }

    fn set(key: &str, name: &str, n: u32) -> Record {
        Record::set(key, name, &Value::Dword(n)).unwrap()
    }

    #[test]
    fn a_value_is_replaced_in_its_place_and_keeps_its_spelling() {
        let mut f = file(&[("Software", "A", 1), ("Software", "B", 2), ("Software", "C", 3)]);
        let before = f.as_bytes().to_vec();
        assert!(f.put(&set("SOFTWARE", "b", 9)));
        assert_eq!(text(&f), ["Software!A=1", "Software!B=9", "Software!C=3"]);
        let differing = before.iter().zip(f.as_bytes()).filter(|(a, b)| a != b).count();
        assert_eq!((differing, before.len()), (1, f.as_bytes().len()));
        assert!(!f.put(&set("Software", "B", 9)));
    }

    #[test]
    fn a_name_matches_whole() {
        let mut f = file(&[("Software", "SetUpdateLevel", 1)]);
        f.put(&set("Software", "UpdateLevel", 2));
        assert_eq!(text(&f), ["Software!SetUpdateLevel=1", "Software!UpdateLevel=2"]);
        assert_eq!(f.forget(WideString::from("Software").as_wide(), WideString::from("Level").as_wide()), 0);
    }

    #[test]
    fn a_delete_directive_and_its_value_are_one_slot() {
        let mut f = file(&[("K", "A", 1), ("K", "B", 2)]);
        f.put(&Record::delete_value("K", "A").unwrap());
        assert_eq!(text(&f), ["K!**del.A=32", "K!B=2"]);
        f.put(&set("K", "A", 3));
        assert_eq!(text(&f), ["K!A=3", "K!B=2"]);
        assert_eq!(f.forget(WideString::from("k").as_wide(), WideString::from("a").as_wide()), 1);
        assert_eq!(text(&f), ["K!B=2"]);
    }

    #[test]
    fn a_new_value_goes_behind_the_last_of_its_key_and_delvals_before_the_first() {
        let mut f = file(&[("A", "x", 1), ("B", "x", 1), ("C", "x", 1)]);
        f.put(&set("b", "y", 2));
        f.put(&Record::delete_all_values("B").unwrap());
        assert_eq!(text(&f), ["A!x=1", "B!**delvals.=32", "B!x=1", "B!y=2", "C!x=1"]);
    }

    #[test]
    fn a_new_key_goes_to_its_place_in_the_tree_and_takes_over_spellings() {
        let mut f = file(&[(r"Software\policies", "x", 1), (r"Software\policies\A-1", "x", 1), (r"System\Z", "x", 1)]);
        f.put(&set(r"SOFTWARE\Policies\a\B", "y", 2));
        f.put(&set(r"SYSTEM\CurrentControlSet", "y", 2));
        assert_eq!(
            text(&f),
            [
                r"Software\policies!x=1",
                r"Software\policies\a\B!y=2",
                r"Software\policies\A-1!x=1",
                r"System\CurrentControlSet!y=2",
                r"System\Z!x=1",
            ]
        );
    }

    #[test]
    fn a_new_key_goes_to_the_end_of_a_file_in_another_order() {
        let mut f = file(&[("B", "x", 1), ("A", "x", 1)]);
        f.put(&set("AA", "y", 2));
        assert_eq!(text(&f), ["B!x=1", "A!x=1", "AA!y=2"]);
    }

    #[test]
    fn a_value_is_never_put_before_what_would_delete_it() {
        let mut f = file(&[("K", "x", 1)]);
        f.push(Record::delete_all_values("K").unwrap().as_ref());
        f.push(set("K", "y", 1).as_ref());
        f.put(&set("K", "x", 2));
        assert_eq!(text(&f), ["K!**delvals.=32", "K!x=2", "K!y=1"]);

        let mut f = file(&[(r"A\K", "x", 1)]);
        f.push(Record::delete_keys("A", "K;L").unwrap().as_ref());
        f.put(&set(r"A\K", "z", 2));
        assert_eq!(text(&f), [r"A\K!x=1", "A!**DeleteKeys=75", r"A\K!z=2"]);
    }

    #[test]
    fn a_directive_is_never_put_before_what_would_undo_it() {
        let soft = Record::new("K".into(), "**soft.x".into(), ValueType::SZ, Vec::new()).unwrap();
        let delete = Record::delete_value("K", "x").unwrap();

        let mut f = file(&[("K", "x", 1)]);
        f.push(soft.as_ref());
        f.put(&delete);
        assert_eq!(text(&f), ["K!**soft.x=0", "K!**del.x=32"]);
        f.put(&soft);
        assert_eq!(text(&f), ["K!**del.x=32", "K!**soft.x=0"]);

        let mut f = file(&[]);
        f.put(&Record::create_key(r"A\K").unwrap());
        f.push(Record::delete_keys("A", "K").unwrap().as_ref());
        f.put(&Record::create_key(r"A\K").unwrap());
        assert_eq!(text(&f), ["A!**DeleteKeys=75", r"A\K!=0"]);
    }

    #[test]
    fn a_key_that_is_only_created_and_its_default_value_are_two_slots() {
        let mut f = file(&[("K", "", 1)]);
        let before = f.clone();
        assert!(f.put(&Record::create_key("K").unwrap()));
        assert_eq!(text(&f), ["K!=1", "K!=0"]);
        assert!(f.forget_record(1));
        assert_eq!(f, before);

        let mut f = PolicyFile::new();
        f.put(&Record::create_key("K").unwrap());
        f.put(&Record::delete_value("K", "").unwrap());
        assert_eq!(text(&f), ["K!=0", "K!**del.=32"]);
        assert_eq!(f.forget(WideString::from("k").as_wide(), WideStr::default()), 1);
        assert_eq!(text(&f), ["K!=0"]);
    }

    #[test]
    fn deleting_a_value_named_like_a_directive_is_no_slot_of_the_directive() {
        let mut f = PolicyFile::new();
        f.put(&Record::delete_value("K", "**delvals").unwrap());
        f.put(&Record::delete_all_values("K").unwrap());
        assert_eq!(text(&f), ["K!**delvals.=32", "K!**del.**delvals=32"]);
    }

    #[test]
    fn repeats_of_a_slot_are_taken_out_by_an_edit_of_it_alone() {
        let mut f = file(&[("K", "x", 1), ("K", "y", 1), ("k", "X", 2)]);
        f.put(&set("K", "y", 5));
        assert_eq!(text(&f), ["K!x=1", "K!y=5", "k!X=2"]);
        f.put(&set("K", "x", 2));
        assert_eq!(text(&f), ["K!y=5", "k!X=2"]);
    }
}
