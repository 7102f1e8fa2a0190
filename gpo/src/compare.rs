//! How two sets of registry policy differ: record by record, under the policies that the records belong to.
//!
//! What decides is the registry: key and value name in any case, what is done to the value, its type and its data.
//! Names come after: a difference that a policy claims is told under that policy, with the state that each side
//! reads as. So nothing is equal because two states look alike, and nothing is different because of its spelling.

use foldhash::HashMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use admx::{Catalog, PolicyReading, Side, SideReading};
use polfile::{Action, Difference, Final, Outcome, PolicyFile, RecordRef, Slot, Value, ValueType, diff};
use serde::Serialize;

use crate::model::{PolicyModel, RecordModel};

/// How one side's policy differs between left and right.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SideDiff {
    /// Policies that differ, by category and name.
    pub policies: Vec<PolicyDiff>,
    /// Records that differ and that no template explains, by key and value name.
    pub records: Vec<RecordDiff>,
    /// Values of which both say the same.
    pub same: usize,
    /// The left side's records of those values, counted from 0.
    #[serde(skip)]
    pub alike: Vec<usize>,
}

/// A policy that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyDiff {
    /// Who says something of it.
    pub kind: Presence,
    /// As the left side reads; not configured if no record there speaks of it.
    pub left: PolicyModel,
    /// As the right side reads.
    pub right: PolicyModel,
    /// The records that differ.
    pub records: Vec<RecordDiff>,
}

/// On which sides a policy is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// On the left one alone.
    OnlyLeft,
    /// On the right one alone.
    OnlyRight,
    /// On both, in different ways.
    Changed,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordDiff {
    /// In what.
    pub kind: RecordKind,
    /// The record of the left side that decides.
    pub left: Option<RecordModel>,
    /// The record of the right side that decides.
    pub right: Option<RecordModel>,
}

/// In what two records differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// Only the left side speaks of the value.
    OnlyLeft,
    /// Only the right side does.
    OnlyRight,
    /// One sets what the other deletes, or they hold other directives.
    Action,
    /// The types differ, and the data may as well.
    Type,
    /// The data differ.
    Data,
    /// The records are alike, but others around them make another thing of the value.
    Order,
}

/// A difference, by the places of its records in their files.
struct Found {
    kind: RecordKind,
    left: Option<usize>,
    right: Option<usize>,
}

/// Compares one side's policy. A file that is not there is an empty one.
///
/// Without a `catalog`, all differences are records.
pub fn compare(catalog: Option<&Catalog>, side: Side, left: &PolicyFile, right: &PolicyFile) -> SideDiff {
    let (found, alike) = differences(left, right);
    let mut result = SideDiff { same: alike.len(), alike, ..SideDiff::default() };
    let read = |file| catalog.map(|catalog| catalog.read(side, file));
    let (left_reading, right_reading) = (read(left), read(right));
    let (left_claims, right_claims) = (claims(left_reading.as_ref()), claims(right_reading.as_ref()));
    let mut by_policy: BTreeMap<String, Vec<RecordDiff>> = BTreeMap::new();
    for found in found {
        let of = |claims: &BTreeMap<usize, Vec<String>>, index: Option<usize>| {
            index.and_then(|index| claims.get(&index)).cloned().unwrap_or_default()
        };
        let mut ids = of(&left_claims, found.left);
        ids.extend(of(&right_claims, found.right));
        ids.sort_unstable();
        ids.dedup();
        let record = found.model(left, right);
        if ids.is_empty() {
            result.records.push(record);
            continue;
        }
        for id in ids {
            by_policy.entry(id).or_default().push(record.clone());
        }
    }
    let (Some(catalog), Some(left), Some(right)) = (catalog, left_reading, right_reading) else { return result };
    let (left, right) = (by_id(&left), by_id(&right));
    for (id, records) in by_policy {
        let (left, right) = (left.get(&id).copied(), right.get(&id).copied());
        let Some(policy) = left.or(right).map(|reading| reading.policy) else { continue };
        let model = |reading: Option<&PolicyReading<'_>>| match reading {
            Some(reading) => PolicyModel::new(catalog, reading),
            None => PolicyModel::not_configured(catalog, policy),
        };
        let kind = match (left, right) {
            (Some(_), None) => Presence::OnlyLeft,
            (None, Some(_)) => Presence::OnlyRight,
            _ => Presence::Changed,
        };
        result.policies.push(PolicyDiff { kind, left: model(left), right: model(right), records });
    }
    result.policies.sort_by_cached_key(|policy| {
        let model = &policy.left;
        (model.category.clone(), model.display_name.trim().to_owned(), model.id.clone())
    });
    result
}

impl Found {
    fn model(&self, left: &PolicyFile, right: &PolicyFile) -> RecordDiff {
        let model = |file: &PolicyFile, index: Option<usize>| {
            index.and_then(|index| Some(RecordModel::new(index, &file.record(index)?)))
        };
        RecordDiff { kind: self.kind, left: model(left, self.left), right: model(right, self.right) }
    }
}

/// For each record the ids of the policies that claim it.
pub(crate) fn claims(reading: Option<&SideReading<'_>>) -> BTreeMap<usize, Vec<String>> {
    let mut claims: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for policy in reading.map_or(&[][..], |reading| &reading.policies) {
        for record in &policy.records {
            claims.entry(*record).or_default().push(policy.policy.id());
        }
    }
    claims
}

/// What a side makes of its policies, by their ids; of several with one id the first.
fn by_id<'r, 'c>(side: &'r SideReading<'c>) -> HashMap<String, &'r PolicyReading<'c>> {
    side.policies.iter().rev().map(|reading| (reading.policy.id(), reading)).collect()
}

/// What a side makes of a policy.
pub(crate) fn reading<'r, 'c>(side: &'r SideReading<'c>, id: &str) -> Option<&'r PolicyReading<'c>> {
    side.policies.iter().find(|reading| reading.policy.id() == id)
}

/// What one file makes of each slot: the last record that speaks of it, which counts.
pub(crate) type Slots = BTreeMap<Slot, usize>;

pub(crate) fn slots(file: &PolicyFile) -> Slots {
    file.records().enumerate().map(|(index, record)| (record.slot(), index)).collect()
}

/// What a record is about; a value that is set if it is missing is that value.
pub(crate) fn about(record: &RecordRef<'_>) -> Slot {
    match record.action() {
        Action::SetIfMissing(name) => Slot { value_name: name.fold(), ..record.slot() },
        _ => record.slot(),
    }
}

/// Whether two files come to the same in all that a record of each is about.
fn agree(left: &Outcome<'_>, right: &Outcome<'_>, a: &RecordRef<'_>, b: &RecordRef<'_>) -> bool {
    left.agrees(right, a, same_final) && right.agrees(left, b, same_final)
}

/// Whether two values are the same; a list with other NULs at its end is.
pub(crate) fn same_final(left: &Final<'_>, right: &Final<'_>) -> bool {
    match (left, right) {
        (Final::Set(a, x), Final::Set(b, y)) | (Final::SetIfMissing(a, x), Final::SetIfMissing(b, y)) => {
            a == b && plain(*a, x) == plain(*b, y)
        }
        _ => left == right,
    }
}

/// All slots that differ, and the left side's records of those that do not.
fn differences(left: &PolicyFile, right: &PolicyFile) -> (Vec<Found>, Vec<usize>) {
    let last =
        |file| -> Slots { PolicyFile::records(file).enumerate().map(|(at, record)| (about(&record), at)).collect() };
    let (left_slots, right_slots) = (last(left), last(right));
    let (left_outcome, right_outcome) = (Outcome::of(left.records()), Outcome::of(right.records()));
    let all: BTreeSet<&Slot> = left_slots.keys().chain(right_slots.keys()).collect();
    let mut found = Vec::new();
    let mut same = Vec::new();
    for slot in all {
        let (l, r) = (left_slots.get(slot).copied(), right_slots.get(slot).copied());
        let record = |file, index: Option<usize>| index.and_then(|index| PolicyFile::record(file, index));
        let kind = match (record(left, l), record(right, r)) {
            (Some(_), None) => RecordKind::OnlyLeft,
            (None, right) if right.is_some() => RecordKind::OnlyRight,
            // Other records may come to the same, and records that are alike may be undone by others behind them.
            (Some(a), Some(b)) if !agree(&left_outcome, &right_outcome, &a, &b) => {
                match (a.action().name() == b.action().name(), a.value_type == b.value_type) {
                    (false, _) => RecordKind::Action,
                    _ if mean_the_same(&a, &b) => RecordKind::Order,
                    (_, false) => RecordKind::Type,
                    (_, true) => RecordKind::Data,
                }
            }
            _ => {
                same.extend(l);
                continue;
            }
        };
        found.push(Found { kind, left: l, right: r });
    }
    (found, same)
}

/// Whether two sides say the same of a slot, in whatever bytes.
pub(crate) fn alike(left: Option<RecordRef<'_>>, right: Option<RecordRef<'_>>) -> bool {
    match diff(left, right).first() {
        None => true,
        Some(Difference::Type(left, right) | Difference::Data(left, right)) => mean_the_same(left, right),
        Some(_) => false,
    }
}

/// Whether two records of one action are the same in other bytes: the same list with other NULs at its end, or a
/// deletion, whose data nobody reads.
fn mean_the_same(left: &RecordRef<'_>, right: &RecordRef<'_>) -> bool {
    match left.action() {
        Action::DeleteValue(_) | Action::DeleteAllValues | Action::CreateKey => true,
        _ => {
            left.value_type == right.value_type
                && plain(left.value_type, left.data) == plain(right.value_type, right.data)
        }
    }
}

/// The data, a list with the NULs at its end that Windows writes.
pub(crate) fn plain(value_type: ValueType, data: &[u8]) -> Cow<'_, [u8]> {
    match Value::decode(value_type, data) {
        Ok(list @ Value::MultiSz(_)) => Cow::Owned(list.encode().1),
        _ => Cow::Borrowed(data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polfile::{Record, Value};

    const KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

    fn file(records: &[Record]) -> PolicyFile {
        let mut file = PolicyFile::new();
        records.iter().for_each(|record| file.push(record.as_ref()));
        file
    }

    fn set(name: &str, value: impl Into<Value>) -> Record {
        Record::set(KEY, name, &value.into()).unwrap()
    }

    /// Policies with what differs, then records that belong to none.
    fn compared(left: &[Record], right: &[Record]) -> (Vec<String>, Vec<String>, usize) {
        let diff = compare(Some(&Catalog::builtin()), Side::Computer, &file(left), &file(right));
        let records = |records: &[RecordDiff]| records.iter().map(|r| format!("{:?}", r.kind)).collect::<Vec<_>>();
        let policy = |p: &PolicyDiff| {
            format!("{} {:?} {}-{} {:?}", p.left.name, p.kind, p.left.state, p.right.state, records(&p.records))
        };
        (diff.policies.iter().map(policy).collect(), records(&diff.records), diff.same)
    }

    #[test]
    fn differences_stand_under_their_policies() {
        let left = [set("UserAuthentication", 1), set("fPromptForPassword", 1), set("Own", 1), set("Both", 1)];
        let right = [set("USERAUTHENTICATION", 0), set("SecurityLayer", 2), set("both", 1)];
        let (policies, records, same) = compared(&left, &right);
        assert_eq!(
            policies,
            [
                "TS_PASSWORD OnlyLeft enabled-not-configured [\"OnlyLeft\"]",
                "TS_SECURITY_LAYER_POLICY OnlyRight not-configured-enabled [\"OnlyRight\"]",
                "TS_USER_AUTHENTICATION_POLICY Changed enabled-disabled [\"Data\"]",
            ]
        );
        assert_eq!((records, same), (vec!["OnlyLeft".to_owned()], 1));
    }

    #[test]
    fn type_and_action_are_differences_of_their_own() {
        let (policies, _, _) = compared(&[set("UserAuthentication", 1)], &[set("UserAuthentication", "1")]);
        assert!(policies[0].ends_with("[\"Type\"]"), "{policies:?}");
        let delete = Record::delete_value(KEY, "UserAuthentication").unwrap();
        let (policies, _, _) = compared(&[set("UserAuthentication", 1)], &[delete]);
        assert!(policies[0].ends_with("[\"Action\"]"), "{policies:?}");
    }

    #[test]
    fn bytes_that_nobody_reads_are_no_difference() {
        let multi = |data: &[u8]| Record::new(KEY.into(), "M".into(), ValueType::MULTI_SZ, data.to_vec()).unwrap();
        let (two, four) = (multi(b"a\0\0\0\0\0"), multi(b"a\0\0\0\0\0\0\0"));
        assert_eq!(compared(std::slice::from_ref(&two), &[four]), (vec![], vec![], 1));
        assert_eq!(compared(&[two], &[multi(b"b\0\0\0\0\0")]).1, ["Data"]);
        let del = |data: &[u8]| Record::new(KEY.into(), "**del.X".into(), ValueType::SZ, data.to_vec()).unwrap();
        assert_eq!(compared(&[del(b" \0\0\0")], &[del(b"")]), (vec![], vec![], 1));
    }

    #[test]
    fn the_same_records_in_another_order_may_mean_another_thing() {
        let sweep = Record::delete_all_values(KEY).unwrap();
        let (first, last) = ([sweep.clone(), set("Own", 1)], [set("Own", 1), sweep]);
        let (policies, records, same) = compared(&first, &last);
        assert_eq!((policies, records, same), (vec![], vec!["Order".to_owned()], 1));
        assert_eq!(compared(&first, &first), (vec![], vec![], 2));
    }
}
