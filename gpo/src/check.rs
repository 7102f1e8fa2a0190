//! A verdict: does a target say what is expected of it?
//!
//! Every value that the expectation speaks of is one setting. What it must come to is what its last record says once all
//! records are executed; a deletion is a setting as any other, which the absence of a record does not satisfy.

use admx::{Catalog, Side};
use polfile::{Action, Registry};

use crate::by_scope::Joined;
use crate::compare::{RecordKind, compare};

/// How a target meets what is expected of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Settings that are as expected.
    pub pass: usize,
    /// Those that are not.
    pub findings: Vec<Finding>,
    /// Records of the target that nothing is expected of, counted from 0.
    pub extra: Vec<Extra>,
}

/// A setting that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong with it.
    pub verdict: Verdict,
    /// The record of the expectation that decides; none where no record is expected.
    pub expected: Option<usize>,
    /// The record of the target that decides.
    pub found: Option<usize>,
    /// In what they differ.
    pub kind: RecordKind,
    /// Ids and display names of the policies that it belongs to.
    pub policies: Vec<Named>,
}

/// A record that nothing is expected of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Counted from 0.
    pub record: usize,
    /// The policies that it belongs to.
    pub policies: Vec<Named>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// `namespace:name`.
    pub id: String,
    /// Name in the template.
    pub name: String,
    /// As the editor shows it.
    pub display_name: String,
}

/// What is wrong with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target says something else.
    Different,
    /// The target says nothing.
    Absent,
}

/// A value that differs, whichever policies it belongs to.
struct Setting {
    left: Option<usize>,
    right: Option<usize>,
    kind: RecordKind,
    policies: Vec<Named>,
}

/// Checks one scope.
pub fn check(catalog: &Catalog, side: Side, expected: &Joined, target: &Joined) -> Checked {
    let diff = compare(Some(catalog), side, &expected.file, &target.file);
    let mut checked = Checked { pass: diff.same, ..Checked::default() };
    let mut settings: Vec<Setting> = Vec::new();
    let of_policies = diff.policies.iter().flat_map(|policy| {
        let model = &policy.left;
        let named = || Named {
            id: model.id.clone(),
            name: model.name.clone(),
            display_name: model.display_name.trim().to_owned(),
        };
        policy.records.iter().map(move |record| (record, Some(named())))
    });
    for (record, named) in of_policies.chain(diff.records.iter().map(|record| (record, None))) {
        let index = |model: &Option<crate::model::RecordModel>| model.as_ref().map(|model| model.index);
        let (left, right) = (index(&record.left), index(&record.right));
        // A record may belong to several policies; it is one setting.
        match settings.iter_mut().find(|setting| (setting.left, setting.right) == (left, right)) {
            Some(setting) => setting.policies.extend(named),
            None => settings.push(Setting { left, right, kind: record.kind, policies: named.into_iter().collect() }),
        }
    }
    let registry = Registry::execute([&target.file]);
    for Setting { left, right, kind, policies } in settings {
        let verdict = match kind {
            RecordKind::OnlyRight => {
                checked.extra.extend(right.map(|record| Extra { record, policies }));
                continue;
            }
            RecordKind::OnlyLeft if left.is_some_and(|left| is_swept(&registry, expected, left)) => {
                checked.pass = checked.pass.saturating_add(1);
                continue;
            }
            RecordKind::OnlyLeft => Verdict::Absent,
            _ => Verdict::Different,
        };
        checked.findings.push(Finding { verdict, expected: left, found: right, kind, policies });
    }
    nothing_expected(catalog, side, expected, target, &mut checked);
    checked
}

/// Whether a deletion is expected of a value that the target deletes with all others of its key.
fn is_swept(registry: &Registry<'_>, expected: &Joined, record: usize) -> bool {
    let Some(record) = expected.file.record(record) else { return false };
    let Action::DeleteValue(name) = record.action() else { return false };
    registry.key(record.key.fold()).is_some_and(|key| {
        key.values_deleted().is_some() && key.value(&name.fold()).is_none_or(|value| value.current().is_none())
    })
}

/// What a state file wants no record of.
fn nothing_expected(catalog: &Catalog, side: Side, expected: &Joined, target: &Joined, checked: &mut Checked) {
    let reading = catalog.read(side, &target.file);
    for (_, absent) in expected.absent() {
        let (records, policies) = match &absent.policy {
            Some(id) => {
                let found = reading.policies.iter().find(|reading| reading.policy.id() == *id);
                let named = found.map(|reading| Named {
                    id: id.clone(),
                    name: reading.policy.name.clone(),
                    display_name: reading.policy.display_name.trim().to_owned(),
                });
                (found.map(|reading| reading.records.clone()).unwrap_or_default(), named.into_iter().collect())
            }
            None => {
                let named = polfile::Record::delete_value(&*absent.key, &*absent.value_name).ok();
                let slot = named.as_ref().map(|record| record.as_ref().slot());
                let of_slot = target.file.records().enumerate().filter(|(_, record)| Some(record.slot()) == slot);
                (of_slot.map(|(index, _)| index).collect::<Vec<_>>(), Vec::new())
            }
        };
        let Some(found) = records.last().copied() else {
            checked.pass = checked.pass.saturating_add(1);
            continue;
        };
        checked.extra.retain(|extra| !records.contains(&extra.record));
        let verdict = Verdict::Different;
        let kind = RecordKind::OnlyRight;
        checked.findings.push(Finding { verdict, expected: None, found: Some(found), kind, policies });
    }
}
