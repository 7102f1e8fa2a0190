//! From a policy file to a state.

use std::borrow::Borrow as _;
use std::collections::{HashMap, HashSet};

use admx::{Catalog, ElementState, ElementValue, EnumValue, PolicyReading, State};
use polfile::{Action, Folded, PolicyFile, Record, RecordRef, WideStr};

use super::super::lgpo::Scope;
use super::resolve::{Slot, resolve_side};
use super::words::Words;
use super::{At, ElementWord, Order, Side, Wanted, WantedElement, WantedPolicy, WantedRecord, WantedState};

/// The state that gives back exactly these records, in this order.
///
/// A policy stands in it by its id where the templates make the same records of it again; every other record stands
/// for itself. The editor spells a key as the file does already, so that files of its own differ from their templates
/// in letter case: `spelling` says how. Where the order of the file is not the editor's, a value has several
/// records, or one is about what an earlier one says, the side says `order: listed` and has records alone.
pub fn export(scope: &Scope, file: &PolicyFile, catalog: Option<&Catalog>) -> Side {
    if order_decides(file) {
        return side(scope, file, &[], Order::Listed);
    }
    let mut kept = catalog.map(|catalog| policies(scope, file, catalog)).unwrap_or_default();
    loop {
        let side = side(scope, file, &kept, Order::Editor);
        let again = resolve_side(&side, catalog).map(|resolved| resolved.file);
        match again {
            Ok(again) if again == *file => return side,
            // Keys whose records come back in another order: their policies are written as records.
            Ok(again) if !kept.is_empty() => {
                let wrong = keys_that_differ(file, &again);
                let before = kept.len();
                kept.retain(|kept| {
                    !kept.indexes.iter().any(|&i| file.record(i).is_some_and(|r| wrong.contains(&r.key.fold())))
                });
                if kept.len() == before {
                    kept.clear();
                }
            }
            Err(_) if !kept.is_empty() => kept.clear(),
            _ => return self::side(scope, file, &[], Order::Listed),
        }
    }
}

/// Whether a record is about what an earlier one says: then the one of them that stands last decides.
fn order_decides(file: &PolicyFile) -> bool {
    let mut values: HashSet<(Folded, Folded)> = HashSet::new();
    let (mut keys, mut secured): (HashSet<Folded>, HashSet<Folded>) = Default::default();
    // Those keys, and the keys above them.
    let mut trees: HashSet<Vec<u16>> = HashSet::new();
    file.records().any(|record| {
        let key = record.key.fold();
        let mut again = |name: WideStr<'_>| !values.insert((key.clone(), name.fold()));
        let decides = match record.action() {
            Action::Set => again(record.value_name),
            Action::DeleteValue(name) | Action::SetIfMissing(name) => again(name),
            Action::DeleteValues(names) => names.into_iter().fold(false, |any, name| again(name) | any),
            Action::DeleteAllValues => keys.contains(&key),
            Action::DeleteKeys(entries) => entries
                .iter()
                .any(|entry| trees.contains::<[u16]>(record.deleted_key(*entry).as_wide().fold().borrow())),
            Action::SecureKey(_) => !secured.insert(key.clone()),
            _ => false,
        };
        if !matches!(record.action(), Action::DeleteAllValues | Action::DeleteKeys(_)) {
            let new = key.at_and_above().take_while(|path| !trees.contains(*path)).map(<[u16]>::to_vec);
            let new: Vec<Vec<u16>> = new.collect();
            trees.extend(new);
            if !matches!(record.action(), Action::SecureKey(_)) {
                keys.insert(key);
            }
        }
        decides
    })
}

/// A policy, the records that it stands for, and what the file spells otherwise than its template.
struct Kept {
    policy: WantedPolicy,
    indexes: Vec<usize>,
    spelling: Vec<String>,
}

fn side(scope: &Scope, file: &PolicyFile, kept: &[Kept], order: Order) -> Side {
    let said: HashSet<usize> = kept.iter().flat_map(|kept| kept.indexes.iter().copied()).collect();
    let mut seen = HashSet::new();
    let registry = file.records().enumerate().filter(|(index, _)| !said.contains(index)).map(|(_, record)| {
        // The second record for a value needs the form that may repeat one.
        let repeats = !seen.insert(Slot::of(&record));
        let wanted = match Words::of(&record).filter(|_| !repeats) {
            Some(_) => Wanted::Record(record.to_record()),
            None => Wanted::Raw(record.to_record()),
        };
        WantedRecord { at: At::default(), wanted, reason: None }
    });
    let registry = registry.collect();
    let mut spelling: Vec<String> = kept.iter().flat_map(|kept| kept.spelling.iter().cloned()).collect();
    spelling.sort();
    spelling.dedup();
    let policies = kept.iter().map(|kept| kept.policy.clone()).collect();
    Side { scope: scope.clone(), order, spelling, policies, registry }
}

/// Policies whose records the templates make again but for the letter case of keys, in the order of the file.
fn policies(scope: &Scope, file: &PolicyFile, catalog: &Catalog) -> Vec<Kept> {
    let reading = catalog.read(scope.side(), file);
    let mut kept: Vec<Kept> = Vec::new();
    for reading in &reading.policies {
        let Some(policy) = wanted(reading) else { continue };
        let policies = vec![policy.clone()];
        let alone =
            Side { scope: scope.clone(), order: Order::Listed, spelling: Vec::new(), policies, registry: Vec::new() };
        let Ok(made) = resolve_side(&alone, Some(catalog)) else { continue };
        if let Some(spelling) = same_but_for_case(&made.file, file, &reading.records) {
            kept.push(Kept { policy, indexes: reading.records.clone(), spelling });
        }
    }
    // A record that two policies claim would be said twice, and neither could be changed alone.
    let mut once = HashSet::new();
    let shared: HashSet<usize> =
        kept.iter().flat_map(|kept| kept.indexes.iter().copied()).filter(|index| !once.insert(*index)).collect();
    kept.retain(|kept| !kept.indexes.iter().any(|index| shared.contains(index)));
    kept.sort_by_key(|kept| kept.indexes.first().copied());
    kept
}

/// Whether the records are those of the file but for the letter case of their keys, and which keys that is.
fn same_but_for_case(made: &PolicyFile, file: &PolicyFile, indexes: &[usize]) -> Option<Vec<String>> {
    let mut theirs: Vec<RecordRef<'_>> = indexes.iter().filter_map(|&index| file.record(index)).collect();
    if made.len() != theirs.len() {
        return None;
    }
    let mut spelling = Vec::new();
    for ours in made.records() {
        let place = theirs.iter().position(|other| {
            ours.key.eq_ignore_case(other.key)
                && (ours.value_name, ours.value_type, ours.data) == (other.value_name, other.value_type, other.data)
        });
        let other = theirs.swap_remove(place?);
        let (ours, theirs) = (ours.key.to_text().ok()?, other.key.to_text().ok()?);
        let components: Vec<&str> = theirs.split('\\').collect();
        for (i, (a, b)) in ours.split('\\').zip(&components).enumerate() {
            if a != *b {
                spelling.push(components.get(..=i)?.join("\\"));
            }
        }
    }
    Some(spelling)
}

/// The policy as it was read, if its state has a word.
fn wanted(reading: &PolicyReading<'_>) -> Option<WantedPolicy> {
    let state = match reading.state {
        State::Enabled => WantedState::Enabled,
        State::Disabled => WantedState::Disabled,
        State::NotConfigured | State::Mixed => return None,
    };
    let mut elements = Vec::new();
    if state == WantedState::Enabled {
        for element in reading.elements.iter().filter(|element| element.state != ElementState::NotConfigured) {
            let value = match (element.value.as_ref()?, &element.display) {
                (ElementValue::Boolean(value), _) => ElementWord::Bool(*value),
                (ElementValue::Decimal(n) | ElementValue::Enum(EnumValue::Number(n)), _) => ElementWord::Number(*n),
                (ElementValue::Text(text) | ElementValue::Enum(EnumValue::Text(text)), _) => {
                    ElementWord::Text(text.clone())
                }
                (ElementValue::Enum(EnumValue::Delete), display) => ElementWord::Text(display.clone()?),
                (ElementValue::MultiText(lines), _) => ElementWord::List(lines.clone()),
                (ElementValue::List(entries), _) => {
                    let named: Option<Vec<_>> =
                        entries.iter().map(|entry| Some((entry.name.clone()?, entry.data.clone()))).collect();
                    match named {
                        Some(named) if !named.is_empty() => ElementWord::Named(named),
                        _ => ElementWord::List(entries.iter().map(|entry| entry.data.clone()).collect()),
                    }
                }
            };
            let (at, name_at) = (At::default(), At::default());
            elements.push(WantedElement { at, name_at, name: element.element.id.clone(), value });
        }
    }
    Some(WantedPolicy {
        at: At::default(),
        name_at: At::default(),
        policy: reading.policy.id(),
        state,
        elements,
        reason: None,
        ticket: None,
        overrides: false,
        comment: Some(reading.policy.display_name.trim().to_owned()),
    })
}

/// Keys whose records are not the same in both files, in the same order.
fn keys_that_differ(a: &PolicyFile, b: &PolicyFile) -> HashSet<Folded> {
    let (mut a, mut b) = (by_key(a), by_key(b));
    a.drain().filter(|(key, records)| b.remove(key).as_ref() != Some(records)).map(|(key, _)| key).collect()
}

fn by_key(file: &PolicyFile) -> HashMap<Folded, Vec<Record>> {
    let mut keys: HashMap<Folded, Vec<Record>> = HashMap::new();
    for record in file.records() {
        keys.entry(record.key.fold()).or_default().push(record.to_record());
    }
    keys
}
