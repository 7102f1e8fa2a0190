//! Records that are wanted, put into a policy file.
//!
//! What has to come out does not depend on what a registry holds before:
//!
//! * a value that a wanted record names becomes what the wanted records make of it;
//! * what else the file says stays, and what a wanted directive says of many values or keys is about what the registry
//!   holds, not about records of the file: it comes before those that it would undo.
//!
//! So this is what must come of it: what the file deletes of many things, the wanted directives about many things, the
//! rest of the file, what is wanted of single values. Where records in the editor's places come to the same, they go there instead.

use foldhash::{HashMap, HashSet, HashSetExt as _};

use polfile::{Action, Final, Folded, Outcome, PolicyFile, Record, RecordRef, Slot, Value, WideString};

use super::once::put_once;
use crate::compare::same_final;

/// A value that is to be set only if it is missing, and that a directive of the file deletes before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overruled {
    /// The wanted record.
    pub wanted: Record,
    /// The directive of the file.
    pub by: Record,
}

/// Puts records into a file; one that comes to what they say already keeps every byte.
///
/// # Errors
///
/// [`Overruled`] names what no file can say beside the rest. It is put behind what overrules it then.
pub(crate) fn lay(onto: &mut PolicyFile, wanted: &PolicyFile) -> Result<(), Box<Overruled>> {
    if is_plain(onto) && is_plain(wanted) {
        onto.put_all(&records(wanted));
        return Ok(());
    }
    let says = Outcome::of(wanted.records());
    if holds(onto, wanted) {
        return Ok(());
    }
    let made = one_after_the_other(onto, wanted, &says);
    let mut put = onto.clone();
    put.put_all(&records(wanted));
    let known = Outcome::of(onto.records());
    let comes_to = Outcome::of(made.records());
    let overruled = wanted.records().find(|record| !says.agrees(&comes_to, record, same_final)).map(|record| {
        let by = made.records().find(|directive| covers(directive, &record)).unwrap_or(record);
        Box::new(Overruled { wanted: record.to_record(), by: by.to_record() })
    });
    let as_good = come_to_the_same(&Outcome::of(put.records()), &comes_to, &known);
    *onto = if as_good { put } else { made };
    overruled.map_or(Ok(()), Err)
}

/// As [`lay`], one file after the other; of many, the file is walked through once for all whose order decides nothing.
pub(crate) fn lay_all<'f>(onto: &mut PolicyFile, wanted: impl IntoIterator<Item = &'f PolicyFile>) {
    let mut waiting: Vec<Record> = Vec::new();
    for wanted in wanted {
        if is_plain(wanted) {
            waiting.extend(records(wanted));
            continue;
        }
        put_once(onto, std::mem::take(&mut waiting));
        // What a weaker source deletes is missing when a stronger one sets it if it is missing: no contradiction here.
        drop(lay(onto, wanted));
    }
    put_once(onto, waiting);
}

/// Takes records out, and those with them that had no effect but for them: nothing is set because its deletion went.
pub(crate) fn take_out(file: &mut PolicyFile, mut gone: impl FnMut(&RecordRef<'_>) -> bool) {
    let before = file.clone();
    file.retain(|record| !gone(record));
    if file.len() == before.len() || before.records().all(|record| !deletes(&record)) {
        return;
    }
    let (had, has) = (Outcome::of(before.records()), Outcome::of(file.records()));
    let sets = |value: Final<'_>| matches!(value, Final::Set(..) | Final::SetIfMissing(..));
    let revived: HashSet<(Folded, Folded)> = has
        .values()
        .filter(|(key, name)| had.value(key, name) == Final::Deleted && sets(has.value(key, name)))
        .map(|(key, name)| (key.clone(), name.clone()))
        .collect();
    if !revived.is_empty() {
        file.retain(|record| named(record).is_none_or(|name| !revived.contains(&(record.key.fold(), name))));
    }
}

/// Whether records that say something of one value stand only once for it, and none is about others than its own key's:
/// then the editor's places are right, whatever the order.
fn is_plain(file: &PolicyFile) -> bool {
    let (mut slots, mut keys) = (HashSet::new(), HashSet::new());
    file.records().all(|record| {
        let once = slots.insert(record.slot());
        let first = keys.insert(record.key.fold());
        match record.action() {
            Action::Set | Action::CreateKey | Action::DeleteValue(_) | Action::Comment(_) | Action::Unknown => once,
            Action::DeleteAllValues => once && first,
            _ => false,
        }
    })
}

/// Whether the file has the wanted records, the last one of each slot, and they come to what they come to alone.
fn holds(file: &PolicyFile, wanted: &PolicyFile) -> bool {
    let (theirs, ours) = (last_of_each(file), last_of_each(wanted));
    let there = |slot: &Slot, record: &RecordRef<'_>| {
        theirs.get(slot).is_some_and(|other| {
            other.value_name.eq_ignore_case(record.value_name)
                && (other.value_type, other.data) == (record.value_type, record.data)
        })
    };
    if !ours.iter().all(|(slot, record)| there(slot, record)) {
        return false;
    }
    let (says, comes_to) = (Outcome::of(wanted.records()), Outcome::of(file.records()));
    wanted.records().all(|record| says.agrees(&comes_to, &record, same_final))
}

fn last_of_each(file: &PolicyFile) -> HashMap<Slot, RecordRef<'_>> {
    file.records().map(|record| (record.slot(), record)).collect()
}

/// The wanted directives about many things, the rest of the file, what is wanted of single values. Directives of the
/// file itself about many things stand before all that.
fn one_after_the_other(file: &PolicyFile, wanted: &PolicyFile, says: &Outcome<'_>) -> PolicyFile {
    let slots: HashSet<Slot> = wanted.records().map(|record| record.slot()).collect();
    let names: HashSet<(Folded, Folded)> = says.values().map(|(key, name)| (key.clone(), name.clone())).collect();
    let is_wanted = |record: &RecordRef<'_>| {
        let of_value = named(record).is_some_and(|name| names.contains(&(record.key.fold(), name)));
        let secures = matches!(record.action(), Action::SecureKey(_)) && says.secured(&record.key.fold()).is_some();
        of_value || secures || slots.contains(&record.slot())
    };
    let mut rest = file.clone();
    take_out(&mut rest, is_wanted);
    let mut made = PolicyFile::new();
    for part in [true, false] {
        for file in [&rest, wanted] {
            for (record, _) in file.records().zip(swept(file)).filter(|(_, swept)| *swept == part) {
                let changed = without(&record, &names).filter(|_| std::ptr::eq(file, &rest));
                made.push(changed.as_ref().map_or(record, Record::as_ref));
            }
        }
    }
    made
}

/// For each record, whether it is about many things, or one behind it is about the values of its key as well. These stand
/// before the others without making a difference to them.
fn swept(file: &PolicyFile) -> Vec<bool> {
    let (mut keys, mut trees): (HashSet<Folded>, HashSet<Folded>) = Default::default();
    let mut swept: Vec<bool> = file
        .records()
        .rev()
        .map(|record| {
            let key = record.key.fold();
            match record.action() {
                Action::DeleteAllValues => {
                    keys.insert(key);
                    true
                }
                Action::DeleteKeys(entries) => {
                    trees.extend(entries.iter().map(|entry| record.deleted_key(*entry).as_wide().fold()));
                    true
                }
                _ => keys.contains(&key) || !trees.is_empty() && key.at_and_above().any(|path| trees.contains(path)),
            }
        })
        .collect();
    swept.reverse();
    swept
}

/// A `**deletevalues` without these values, if it lists one of them. It may list none then, and does nothing.
fn without(record: &RecordRef<'_>, names: &HashSet<(Folded, Folded)>) -> Option<Record> {
    let Action::DeleteValues(listed) = record.action() else { return None };
    let key = record.key.fold();
    let stay: Vec<_> = listed.iter().filter(|name| !names.contains(&(key.clone(), name.fold()))).collect();
    if stay.len() == listed.len() {
        return None;
    }
    let mut text = WideString::default();
    for (index, name) in stay.into_iter().enumerate() {
        if index > 0 {
            text.push(WideString::from(";").as_wide());
        }
        text.push(*name);
    }
    let (value_type, data) = Value::Sz(text).encode();
    Record::new(record.key.into(), record.value_name.into(), value_type, data).ok()
}

/// Whether two files come to the same. A key that only `known` makes is there in the one or the other, as a record that
/// had no other effect stays or goes.
pub(crate) fn come_to_the_same(a: &Outcome<'_>, b: &Outcome<'_>, known: &Outcome<'_>) -> bool {
    let values = || a.values().chain(b.values());
    let keys = || a.keys().chain(b.keys());
    values().all(|(key, name)| same_final(&a.value(key, name), &b.value(key, name)))
        && keys().all(|key| a.deletes_values(key) == b.deletes_values(key) && a.secured(key) == b.secured(key))
        && a.deleted_keys().chain(b.deleted_keys()).all(|key| a.deletes_key(key) == b.deletes_key(key))
        && b.existing_keys().all(|key| a.has_key(key))
        && a.existing_keys().all(|key| b.has_key(key) || known.has_key(key))
}

/// The one value that a record is about.
fn named(record: &RecordRef<'_>) -> Option<Folded> {
    match record.action() {
        Action::Set => Some(record.value_name.fold()),
        Action::DeleteValue(name) | Action::SetIfMissing(name) => Some(name.fold()),
        _ => None,
    }
}

/// Whether a record deletes what another one may set.
fn deletes(record: &RecordRef<'_>) -> bool {
    use Action::{DeleteAllValues, DeleteKeys, DeleteValue, DeleteValues};
    matches!(record.action(), DeleteAllValues | DeleteKeys(_) | DeleteValue(_) | DeleteValues(_))
}

/// Whether a directive is about the value of another record, among many.
fn covers(directive: &RecordRef<'_>, record: &RecordRef<'_>) -> bool {
    let key = record.key.fold();
    match directive.action() {
        Action::DeleteAllValues => directive.key.eq_ignore_case(record.key),
        Action::DeleteKeys(keys) => {
            keys.iter().any(|entry| key.is_at_or_below(&directive.deleted_key(*entry).as_wide().fold()))
        }
        _ => false,
    }
}

fn records(file: &PolicyFile) -> Vec<Record> {
    file.records().map(|record| record.to_record()).collect()
}
