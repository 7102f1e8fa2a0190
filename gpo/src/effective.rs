//! What several GPOs come to together: who decides each value, and what became of the rest.
//!
//! The records of all GPOs are executed in the order in which Windows applies them, directives included, and each value keeps
//! what was said of it. Names of policies come after. Whatever had to be assumed is part of the answer.

mod directory;
mod judge;
mod layer;
mod linked;
mod loopback;
pub mod order;
mod outcome;
mod plan;
mod shared;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::resume_unwind;
use std::thread;

use admx::{Catalog, Policy, Side, State};
use foldhash::fast::RandomState;
use polfile::{Action, Effect, Folded, PolicyFile, Registry, WideStr, WideString};
use serde::Serialize;

use crate::contents::GpoFile;
use crate::model::{ElementModel, PolicyModel, Text};
use crate::scope::Scope;
use crate::search::{Unreadable, keys_of};
use crate::show::{AdmxModel, TargetModel};
pub use directory::{Place, containers, read_for};
pub use layer::{Layer, LinkedFrom, PassedOver};
pub use linked::{InDirectory, LinkModel, Linked};
pub use loopback::{Loopback, LoopbackMode};
use outcome::Outcome;
pub use outcome::{Said, ValueResult};
pub use plan::{LeftOutModel, Plan, PlanError, as_argument, by_lines, is_gpo, read, title};
pub use shared::{RecordIn, SharedFile};

/// What several GPOs come to: `gpol.effective/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Effective<'p> {
    /// Name of the shape.
    pub schema: &'static str,
    /// The GPOs in the order in which they apply: the last one wins.
    pub order: Vec<LayerModel>,
    /// GPOs that count for nothing here.
    pub left_out: &'p [LeftOutModel],
    /// What was taken for granted, because the files do not say it.
    pub assumed: Vec<String>,
    /// The templates that gave names of policies; `null` without any.
    pub admx: Option<AdmxModel>,
    /// The result of each side that a GPO says something of.
    pub sides: Vec<SideResult<'p>>,
    /// How much that is, whatever part of it is listed.
    pub counts: Counts,
    /// What could not be read; then the answer is not complete.
    pub unreadable: &'p [Unreadable],
}

/// A GPO in the order.
#[derive(Clone, Debug, Serialize)]
pub struct LayerModel {
    /// Counted from 1; others refer to it by this.
    pub number: usize,
    /// Which one.
    pub gpo: TargetModel,
    /// Whose user policy it has.
    pub scope: Scope,
    /// Sides that are switched off.
    pub off: Vec<&'static str>,
    /// Container that links it, where an order from Active Directory was asked for.
    pub linked: Option<String>,
    /// Link order in that container.
    pub link_order: Option<usize>,
    /// Whether the link is enforced.
    pub enforced: bool,
    /// Files that set something, or may, and are no registry policy: nothing of them is in the result.
    pub not_looked_at: Vec<GpoFile>,
}

/// How many values there are, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Values that are set in the end.
    pub values: usize,
    /// Values on which a later GPO decided otherwise than an earlier one, and which are set.
    pub overridden: usize,
    /// Values that a GPO set and a later one deleted.
    pub removed: usize,
    /// Values of which GPOs say different things: the sum of both.
    pub conflicts: usize,
    /// Policies that have a state.
    pub policies: usize,
}

impl Counts {
    fn with(self, other: Self) -> Self {
        Self {
            values: self.values + other.values,
            overridden: self.overridden + other.overridden,
            removed: self.removed + other.removed,
            conflicts: self.conflicts + other.conflicts,
            policies: self.policies + other.policies,
        }
    }
}

/// The result of one side.
#[derive(Clone, Debug, Serialize)]
pub struct SideResult<'p> {
    /// `computer` or `user`.
    pub side: &'static str,
    /// Policies with a state, by category and name.
    pub policies: Vec<PolicyResult<'p>>,
    /// Values that belong to no policy with a state.
    pub values: Vec<ValueResult<'p>>,
    /// Keys that are made and left empty, and keys whose permissions change; with the whole result alone.
    pub keys: Vec<KeyResult<'p>>,
    /// Loopback processing that the computer side switches on: then a user gets other user settings than this result has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loopback: Option<Loopback>,
    /// Whether the computer side allows users of other forests their own settings.
    #[serde(skip)]
    leaves_foreign_users_theirs: bool,
}

/// A key that is made, or who may write to it.
#[derive(Clone, Debug, Serialize)]
pub struct KeyResult<'p> {
    /// Path without hive.
    pub key: Text,
    /// Number of the GPO.
    pub by: usize,
    /// The record that does it.
    pub record: Option<RecordIn<'p>>,
}

/// A policy and who decided it.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyResult<'p> {
    /// `namespace:name`.
    pub id: String,
    /// As the editor shows it.
    pub display_name: String,
    /// Display names, outermost first.
    pub category: Vec<String>,
    /// `enabled`, `disabled` or `mixed`.
    pub state: &'static str,
    /// Its inputs.
    pub elements: Vec<ElementModel>,
    /// Numbers of the GPOs whose records decide it.
    pub by: Vec<usize>,
    /// What the others make of it that speak of it.
    pub others: Vec<OtherState>,
    /// Its values.
    pub values: Vec<ValueResult<'p>>,
}

/// What a GPO by itself makes of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherState {
    /// Its number.
    pub layer: usize,
    /// The state.
    pub state: &'static str,
}

/// Which part of the result is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// All of it.
    #[default]
    All,
    /// What more than one GPO speaks of.
    Changed,
    /// What GPOs say different things of.
    Conflicts,
}

impl<'p> Effective<'p> {
    /// The result of one policy alone, with values of it that are left without a state, as when all are deleted. `false` if
    /// no GPO says anything of it.
    pub fn keep_policy(&mut self, catalog: &Catalog, policy: &Policy) -> bool {
        let id = policy.id();
        for side in &mut self.sides {
            let of = if side.side == Side::User.as_str() { Side::User } else { Side::Computer };
            let is_of_policy = |value: &ValueResult<'_>| {
                let (key, name) = (WideString::from(&*value.key.lossy()), WideString::from(&*value.value_name.lossy()));
                catalog.claiming(of, &key.as_wide(), &name.as_wide()).any(|claiming| std::ptr::eq(claiming, policy))
            };
            side.policies.retain(|policy| policy.id == id);
            side.values.retain(is_of_policy);
            side.keys.clear();
        }
        self.sides.iter().any(|side| !side.policies.is_empty() || !side.values.is_empty())
    }

    /// Executes the policy of all layers.
    pub fn new(plan: &'p Plan, catalog: Option<&Catalog>, only: Only) -> Self {
        let Plan { layers, left_out, assumed, unreadable, .. } = plan;
        let mut assumed = assumed.clone();
        let of_side = |side| side_result(layers, side, catalog, only);
        let ((computer, of_computer), (user, of_user)) = thread::scope(|scope| {
            let user = scope.spawn(|| of_side(Side::User));
            let computer = of_side(Side::Computer);
            (computer, user.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let counts = of_computer.with(of_user);
        let of_domain = layers.iter().any(|layer| plan::is_of_domain(&layer.gpo));
        if of_domain && computer.as_ref().is_none_or(|side| side.loopback.is_none()) {
            assumed.push("no loopback processing: none of these GPOs switches it on".to_owned());
        }
        if of_domain && computer.as_ref().is_none_or(|side| !side.leaves_foreign_users_theirs) {
            assumed.push(
                "users are of the computer's forest; one of another gets the user settings of the computer's GPOs alone, \
                 loopback or not (AllowX-ForestPolicy-and-RUP is not 1)"
                    .to_owned(),
            );
        }
        Self {
            schema: "gpol.effective/1",
            sides: computer.into_iter().chain(user).collect(),
            order: layers.iter().zip(1..).map(|(layer, number)| LayerModel::new(layer, number)).collect(),
            left_out,
            assumed,
            admx: catalog.map(AdmxModel::new),
            counts,
            unreadable,
        }
    }
}

impl LayerModel {
    fn new(layer: &Layer, number: usize) -> Self {
        Self {
            number,
            gpo: (&layer.gpo).into(),
            scope: layer.scope.clone(),
            off: layer.off.iter().map(|side| side.as_str()).collect(),
            linked: layer.link.as_ref().map(|link| link.container.clone()),
            link_order: layer.link.as_ref().map(|link| link.number),
            enforced: layer.link.as_ref().is_some_and(|link| link.enforced),
            not_looked_at: layer.overlooked().cloned().collect(),
        }
    }
}

/// A policy file of the side that is computed, and the number of its layer.
struct Source<'p> {
    number: usize,
    file: &'p SharedFile,
}

fn side_result<'p>(
    layers: &'p [Layer],
    side: Side,
    catalog: Option<&Catalog>,
    only: Only,
) -> (Option<SideResult<'p>>, Counts) {
    let mut counts = Counts::default();
    let numbered = layers.iter().zip(1..);
    let sources: Vec<Source<'_>> =
        numbered.filter_map(|(layer, number)| Some(Source { number, file: layer.file(side)? })).collect();
    if sources.iter().all(|source| source.file.is_empty()) {
        return (None, counts);
    }
    let mut registry = Registry::default();
    for source in &sources {
        registry.apply(source.file.records());
    }
    let outcomes = outcome::outcomes(&registry);
    for outcome in &outcomes {
        outcome.count(&mut counts);
    }
    let mut explained = vec![false; outcomes.len()];
    let readings = catalog.map(|catalog| policies(catalog, side, &sources, &outcomes)).unwrap_or_default();
    counts.policies += readings.len();
    let mut policies = Vec::new();
    for (mut policy, own) in readings {
        for &at in &own {
            explained[at] = true;
        }
        // One without values empties a key that nothing is in.
        if only == Only::All || own.iter().any(|&at| outcomes[at].is_wanted(only)) {
            policy.values = own.iter().map(|&at| outcomes[at].result(&sources)).collect();
            policies.push(policy);
        }
    }
    policies.sort_by_cached_key(|policy| (policy.category.clone(), policy.display_name.clone(), policy.id.clone()));
    let others = outcomes.iter().zip(&explained).filter(|(outcome, explained)| !**explained && outcome.is_wanted(only));
    let result = SideResult {
        side: side.as_str(),
        policies,
        values: others.map(|(outcome, _)| outcome.result(&sources)).collect(),
        keys: if only == Only::All { keys(&registry, &sources) } else { Vec::new() },
        loopback: Some(side).filter(|side| *side == Side::Computer).and_then(|_| {
            loopback::loopback(&registry, &sources, layers.iter().any(|layer| plan::is_of_domain(&layer.gpo)))
        }),
        leaves_foreign_users_theirs: side == Side::Computer && loopback::leaves_foreign_users_theirs(&registry),
    };
    (Some(result), counts)
}

/// Keys that are made and have no value, and keys whose permissions change.
fn keys<'p>(registry: &Registry<'_>, sources: &[Source<'p>]) -> Vec<KeyResult<'p>> {
    let mut keys = Vec::new();
    for key in registry.keys() {
        let without_values = key.exists() && key.values().next().is_none();
        let worth = |effect: &Effect<'_>| match effect {
            Effect::Created => without_values,
            Effect::Secured(_) => true,
            _ => false,
        };
        if let Some(event) = key.events.iter().rev().find(|event| worth(&event.effect)) {
            let (at, index) = (event.origin.file, event.origin.record);
            let source = sources.get(at);
            let (by, record) = (source.map_or(0, |s| s.number), source.and_then(|s| s.file.record(index)));
            keys.push(KeyResult { key: key.path.as_wide().into(), by, record });
        }
    }
    keys
}

/// The policies that the records of all sources come to, and their values by their place among the outcomes.
fn policies<'p>(
    catalog: &Catalog,
    side: Side,
    sources: &[Source<'p>],
    outcomes: &[Outcome<'_>],
) -> Vec<(PolicyResult<'p>, Vec<usize>)> {
    let on_side = catalog.policies().iter().filter(|policy| policy.class.has(side));
    let keys: HashSet<Folded> = on_side.flat_map(keys_of).map(Folded::from).collect();
    // One file of all records that templates may explain, each remembered by where it came from.
    let (mut merged, mut origins) = (PolicyFile::new(), Vec::new());
    let mut known: HashMap<WideStr<'_>, bool, RandomState> = HashMap::default();
    for (at, source) in sources.iter().enumerate() {
        for (index, record) in source.file.records().enumerate() {
            let may = *known.entry(record.key).or_insert_with(|| keys.contains(&record.key.fold()));
            if may || matches!(record.action(), Action::DeleteKeys(_)) {
                merged.push(record);
                origins.push((at, index));
            }
        }
    }
    let by_origin = outcome::by_origin(outcomes, |key| keys.contains(key));
    let mut readings: Vec<Option<Vec<(String, State)>>> = vec![None; sources.len()];
    let mut results = Vec::new();
    for reading in catalog.read(side, &merged).policies {
        let records: Vec<(usize, usize)> =
            reading.records.iter().filter_map(|&index| origins.get(index).copied()).collect();
        let mut own: Vec<usize> = records.iter().flat_map(|origin| by_origin.get(origin)).flatten().copied().collect();
        own.sort_unstable();
        own.dedup();
        let mut decisive: BTreeSet<usize> = own
            .iter()
            .filter_map(|&at| outcomes.get(at))
            .map(Outcome::decided_by)
            .filter(|origin| records.contains(origin))
            .map(|(source, _)| source)
            .collect();
        let spoken: BTreeSet<usize> = records.iter().map(|(source, _)| *source).collect();
        if own.is_empty() {
            decisive.extend(spoken.last());
        }
        let id = reading.policy.id();
        let others = spoken.difference(&decisive).map(|&at| {
            let states = readings[at].get_or_insert_with(|| states(catalog, side, &sources[at].file.to_file()));
            let state = states.iter().find(|(of, _)| *of == id).map_or(State::NotConfigured, |(_, state)| *state);
            OtherState { layer: sources[at].number, state: state.as_str() }
        });
        let others = others.collect();
        let model = PolicyModel::new(catalog, &reading);
        let result = PolicyResult {
            id,
            display_name: model.display_name.trim().to_owned(),
            category: model.category,
            state: model.state,
            elements: model.elements,
            by: decisive.iter().map(|&at| sources[at].number).collect(),
            others,
            values: Vec::new(),
        };
        results.push((result, own));
    }
    results
}

fn states(catalog: &Catalog, side: Side, file: &PolicyFile) -> Vec<(String, State)> {
    catalog.read(side, file).policies.into_iter().map(|reading| (reading.policy.id(), reading.state)).collect()
}

#[cfg(test)]
mod tests;
