//! A verdict: does a target say what is expected of it?
//!
//! Every value that the expectation speaks of is one setting. What it must come to is what its last record says once all
//! records are executed; a deletion is a setting as any other, which the absence of a record does not satisfy. What is
//! expected is what [`crate::apply`] would bring the target to: so a policy that is named has no other records either.

mod image;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use std::path::Path;

use admx::{Catalog, Side};
use polfile::{Outcome, RecordRef, Slot};

use crate::by_scope::Joined;
use crate::compare::{RecordKind, about, compare, same_final};
use crate::desired::{ByKey, DesiredScope, Origin, What, make_the_same};
use crate::exchange::state::by_id;
use crate::gpt_ini::GptIni;
use crate::limits;
use crate::model::RecordModel;
use crate::scope::Scope;
use crate::target::{SideFile, Target};

pub use image::{ImageAnswer, ImageChecked, ImageError, ImageWhat, of_image};

/// How a target meets what is expected of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Settings that are as expected.
    pub pass: usize,
    /// Those that are not.
    pub findings: Vec<Finding>,
    /// Records of the target that nothing is expected of, counted from 0.
    pub extra: Vec<Extra>,
    /// Settings of which GPOs of the target say different things, so that their order decides.
    pub contested: usize,
}

/// A setting that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong with it.
    pub verdict: Verdict,
    /// The record that is expected; none where no record is.
    pub expected: Option<usize>,
    /// Where it is asked for.
    pub origin: Option<Origin>,
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

impl Named {
    fn of(policy: &admx::Policy) -> Self {
        let display_name = policy.display_name.trim().to_owned();
        Self { id: policy.id(), name: policy.name.clone(), display_name }
    }
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
pub fn check(catalog: &Catalog, expected: &DesiredScope, target: &Joined) -> Checked {
    let diff = compare(Some(catalog), expected.scope.side(), &expected.file, &target.file);
    let mut checked = Checked { pass: diff.same, contested: contested(expected, target), ..Checked::default() };
    let mut settings: Vec<Setting> = Vec::new();
    let mut places: HashMap<(Option<usize>, Option<usize>), usize> = HashMap::new();
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
        let index = |model: &Option<RecordModel>| model.as_ref().map(|model| model.index);
        let (left, right) = (index(&record.left), index(&record.right));
        // A record may belong to several policies; it is one setting.
        let at = *places.entry((left, right)).or_insert(settings.len());
        match settings.get_mut(at) {
            Some(setting) => setting.policies.extend(named),
            None => settings.push(Setting { left, right, kind: record.kind, policies: named.into_iter().collect() }),
        }
    }
    let (said, found) = (Outcome::of(expected.file.records()), Outcome::of(target.file.records()));
    let record = |index: Option<usize>| index.and_then(|index| expected.file.record(index));
    for Setting { left, right, kind, policies } in settings {
        let verdict = match kind {
            RecordKind::OnlyRight => {
                checked.extra.extend(right.map(|record| Extra { record, policies }));
                continue;
            }
            // As of a deletion that the target has in another way, or a key that it makes anew for values of its own.
            RecordKind::OnlyLeft | RecordKind::Order
                if record(left).is_some_and(|record| said.agrees(&found, &record, same_final)) =>
            {
                checked.pass = checked.pass.saturating_add(1);
                continue;
            }
            RecordKind::OnlyLeft => Verdict::Absent,
            _ => Verdict::Different,
        };
        let origin = record(left).and_then(|record| expected.origins.get(&record.slot())).cloned();
        checked.findings.push(Finding { verdict, expected: left, origin, found: right, kind, policies });
    }
    nothing_expected(catalog, expected, target, &mut checked);
    checked
}

/// What is to have no record: values and policies that a state file says so of, and what else belongs to a policy that
/// it names.
fn nothing_expected(catalog: &Catalog, expected: &DesiredScope, target: &Joined, checked: &mut Checked) {
    if expected.policies.is_empty() && expected.forgotten.is_empty() {
        return;
    }
    let side = expected.scope.side();
    let mut there: HashMap<Slot, Vec<usize>> = HashMap::new();
    for (index, record) in target.file.records().enumerate() {
        there.entry(about(&record)).or_default().push(index);
    }
    let forgotten = |id: &String| {
        expected.forgotten.iter().find(|it| matches!(&it.what, What::Policy(of) if of == id)).map(|it| &it.origin)
    };
    let (wanted, held) = (ByKey::of(&expected.file), ByKey::of(&target.file));
    let asked = |id: &String| wanted.slots(catalog, id, side).iter().find_map(|slot| expected.origins.get(slot));
    let policies = expected.policies.iter().map(|id| {
        let mut slots = held.slots(catalog, id, side);
        slots.retain(|slot| !expected.origins.contains_key(slot));
        let origin = forgotten(id);
        (slots, origin.or_else(|| asked(id)), by_id(catalog, id).map(Named::of), origin.is_some())
    });
    let values = expected
        .forgotten
        .iter()
        .filter_map(|it| it.what.slot().map(|slot| (vec![slot], Some(&it.origin), None, true)));
    for (slots, origin, named, counts) in policies.chain(values) {
        let mut found: Vec<usize> =
            slots.iter().filter_map(|slot| there.get(slot)).filter_map(|records| records.last()).copied().collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() && counts {
            checked.pass = checked.pass.saturating_add(1);
        }
        for record in found {
            let policies = match checked.extra.iter().position(|extra| extra.record == record) {
                Some(at) => checked.extra.remove(at).policies,
                None => named.clone().into_iter().collect(),
            };
            checked.findings.push(Finding {
                verdict: Verdict::Different,
                expected: None,
                origin: origin.cloned(),
                found: Some(record),
                kind: RecordKind::OnlyRight,
                policies,
            });
        }
    }
}

/// Sides of a target that its `gpt.ini` switches off, so that Windows applies nothing of them, and that file.
pub fn switched_off(target: &Target) -> Vec<(&Scope, &Path)> {
    let is_off = |side: &&SideFile| {
        let bit = if side.side() == Some(Side::User) { 1 } else { 2 };
        let bytes = side.gpt_ini.as_ref().and_then(|file| side.root.read(&file.path, limits::GPT_INI).ok().flatten());
        let options = bytes.and_then(|bytes| GptIni::parse(bytes).ok()).and_then(|ini| ini.options());
        options.is_some_and(|options| options & bit != 0)
    };
    target
        .sides
        .iter()
        .filter(is_off)
        .filter_map(|side| Some((side.scope.as_ref()?, &*side.gpt_ini.as_ref()?.path)))
        .collect()
}

/// How many expected settings the parts of the target say different things of.
fn contested(expected: &DesiredScope, target: &Joined) -> usize {
    if target.parts.len() < 2 {
        return 0;
    }
    // What the first part says of a value that speaks of it, and whether another one says something else.
    let mut said: HashMap<Slot, (RecordRef<'_>, bool)> =
        expected.file.records().map(|record| (record.slot(), (record, false))).collect();
    let mut first: HashSet<Slot> = HashSet::new();
    for part in &target.parts {
        let mut seen = HashSet::new();
        // Of a part, the last record of a value counts.
        for record in part.file.records().rev() {
            let slot = record.slot();
            let Some((other, contested)) = said.get_mut(&slot) else { continue };
            if !seen.insert(slot.clone()) {
                continue;
            }
            if first.insert(slot) {
                *other = record;
            } else {
                *contested |= !make_the_same(other, &record);
            }
        }
    }
    said.values().filter(|(_, contested)| *contested).count()
}
