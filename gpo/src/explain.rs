//! One policy, layer by layer: who decides it now, and at the next boot.
//!
//! | rank | layer                  | where it stands                                                        |
//! |------|------------------------|------------------------------------------------------------------------|
//! | 4    | `cached-domain-policy` | the machine's copy of a domain GPO, which may be stale                 |
//! | 3    | `pending-policy`       | the policy file, which Windows has yet to apply                        |
//! | 2    | `applied-policy`       | the registry: what policy, or somebody by hand, has put under its keys |
//! | 1    | `local-setting`        | the registry: what a dialog of Windows has set                         |
//! | 0    | `default`              | nowhere: what Windows does where nothing is set                        |
//!
//! Only an installation has all of them. Which local setting a policy shadows, and what Windows does without any, is
//! data with its sources: [`crate::facts`]. A layer that cannot be read is `unknown`; it is never taken for empty.

mod archive;
mod cached;
mod decision;
mod layers;
mod machine;
mod subject;
mod verdict;

use admx::{Catalog, Policy, Side, State, Wanted, write_set};
use polfile::{Folded, PolicyFile, Record, RecordRef, Registry};
use serde::Serialize;

pub use decision::{Certainty, Decision, Possible, Verdict};
pub use layers::{Layer, Place, RegistryModel};
pub use machine::{ControlSets, ImageModel};
pub use subject::{ExplainedValue, Value};

use crate::contents::{self, Role};
use crate::doctor::Answer;
use crate::edit::{comments_of, file_of, read};
use crate::error::Error;
use crate::facts::{Fact, Facts, Source, plain};
use crate::image::When;
use crate::model::{ElementModel, Judged, PolicyModel, RecordModel, ValueModel};
use crate::scope::Scope;
use crate::show::{AdmxModel, TargetModel};
use crate::target::{Kind, SideFile, Target};
use machine::Machine;
use subject::{Reading, Subject};
use verdict::{Case, default_value};

/// A policy through all layers: `gpol.explain/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Explain {
    /// Name of the shape.
    pub schema: &'static str,
    /// The target.
    pub target: TargetModel,
    /// The templates that gave the names.
    pub admx: AdmxModel,
    /// The installation, where the target is one or lies in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageModel>,
    /// `computer` or `user`.
    pub side: &'static str,
    /// Whose policy it is.
    pub scope: Scope,
    /// The policy, as the policy file has it; `null` where a value is explained that no policy is asked for.
    pub policy: Option<PolicyModel>,
    /// The value, where that is explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<ExplainedValue>,
    /// What decides, the strongest first.
    pub layers: Vec<Layer>,
    /// What comes of it.
    pub verdict: Verdict,
    /// Whether Windows will apply what is pending, `yes`, `uncertain` or `no`: the answer of [`crate::doctor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applies: Option<Answer>,
    /// Settings to look at together with this one, as the next boot finds them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// What must be known beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What could decide as well and was not looked at.
    pub not_seen: Vec<String>,
    /// The state that would turn around what the next boot finds, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_state: Option<&'static str>,
    /// The documents behind what is said of the local setting and of meanings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

/// A setting to look at together with another one.
#[derive(Clone, Debug, Serialize)]
pub struct Related {
    /// Id of the policy, or of the setting in the facts.
    pub id: String,
    /// Name of the value.
    pub name: String,
    /// The value at the next boot.
    pub value: Option<ValueModel>,
    /// What it means.
    pub meaning: String,
    /// The layer that decides.
    pub layer: Option<&'static str>,
}

/// Explains a policy.
///
/// Looks at the policy files of the target; of an installation at its registry hives as well. Hives are read only.
///
/// # Errors
///
/// If the policy file cannot be read, is malformed, or is that of the other side; if the system refuses to read a hive.
pub fn explain(target: &Target, catalog: &Catalog, policy: &Policy, scope: &Scope) -> Result<Explain, Error> {
    Explainer::open(target)?.explain(catalog, policy, scope)
}

/// Explains policies of one target, whose hives are read once.
#[derive(Debug)]
pub struct Explainer<'t> {
    target: &'t Target,
    machine: Option<Machine>,
}

impl<'t> Explainer<'t> {
    /// Reads the hives of an installation; other targets have none.
    ///
    /// # Errors
    ///
    /// If the system refuses to read a file.
    pub fn open(target: &'t Target) -> Result<Self, Error> {
        Ok(Self { target, machine: Machine::open(target)? })
    }

    /// Whether the target is an installation, or lies in one.
    pub fn in_installation(&self) -> bool {
        self.machine.is_some()
    }

    /// A local setting of the facts, as the next boot finds it. `None` where it is not there, and no default is known.
    pub fn setting(&self, id: &str) -> Option<Related> {
        self.machine.as_ref()?.setting(id)
    }

    /// Explains a policy.
    ///
    /// # Errors
    ///
    /// As [`explain`].
    pub fn explain(&self, catalog: &Catalog, policy: &Policy, scope: &Scope) -> Result<Explain, Error> {
        let place = file_of(self.target, scope)?;
        let pending = read(&place)?;
        let mut explained = self.through_layers(catalog, Subject::Policy(catalog, policy), scope, &place, &pending);
        explained.policy = Some(PolicyModel {
            // A comment that cannot be read decides nothing; `show` says why.
            comment: comments_of(&place).ok().and_then(|comments| comments.get(&policy.namespace, &policy.name)),
            ..PolicyModel::new(catalog, &catalog.read_policy(policy, scope.side(), &pending))
        });
        Ok(explained)
    }

    /// Explains a value of the registry, whether a template has it or not: of several that a text may mean, the first one that
    /// anything says something of, else the first. `None` if there are none.
    ///
    /// # Errors
    ///
    /// As [`explain`].
    pub fn explain_value(&self, catalog: &Catalog, values: &[Value], scope: &Scope) -> Result<Option<Explain>, Error> {
        let place = file_of(self.target, scope)?;
        let pending = read(&place)?;
        let explained = |value| {
            let explained = self.through_layers(catalog, Subject::Value(value), scope, &place, &pending);
            Explain { value: Some(value.model(scope.side())), ..explained }
        };
        let known = values.iter().map(explained).find(|explained| !explained.layers.is_empty());
        Ok(known.or_else(|| values.first().map(explained)))
    }

    fn through_layers(
        &self,
        catalog: &Catalog,
        subject: Subject<'_>,
        scope: &Scope,
        place: &SideFile,
        pending: &PolicyFile,
    ) -> Explain {
        let (target, side) = (self.target, scope.side());
        let reading = subject.read(side, pending);
        // What the computer side is applied to is in the hives of the machine, a user's is in hives of their own.
        let machine = self.machine.as_ref().filter(|_| side == Side::Computer);
        let case = machine.map(|machine| Case::new(subject, machine, pending));
        let fact = subject.fact();
        let pending_layer = file_layer(place, pending, subject, &reading);
        let verdict = match &case {
            Some(case) => case.verdict(),
            None => of_file_alone(pending_layer.as_ref(), subject, reading.state, self.machine.is_some()),
        };
        let mut layers: Vec<Layer> = machine.map(|machine| domain_layers(machine, subject)).unwrap_or_default();
        layers.extend(pending_layer);
        layers.extend(case.iter().flat_map(|case| case.layers()));
        let mut notes = case.as_ref().map(|case| notes(case, &layers, &verdict)).unwrap_or_default();
        if let Subject::Value(value) = subject {
            notes.push(about(value, side));
        }
        let applies = machine.filter(|_| reading.state != State::NotConfigured).map(|machine| machine.applies.0);
        let other_state = match subject {
            Subject::Policy(_, policy) => other_state(policy, side, reading.state, fact, &verdict.next_boot),
            Subject::Value(_) => None,
        };
        Explain {
            schema: "gpol.explain/1",
            target: TargetModel::new(target),
            admx: AdmxModel::new(catalog),
            image: machine.map(|machine| machine.about.clone()),
            side: side.as_str(),
            scope: place.scope.clone().unwrap_or_else(|| scope.clone()),
            policy: None,
            value: None,
            layers,
            verdict,
            applies,
            related: case.as_ref().map(|case| related(case, catalog)).unwrap_or_default(),
            notes,
            not_seen: not_seen(target, scope, self.machine.as_ref()),
            other_state,
            sources: case.and(fact).map(|(fact, _)| fact.sources.clone()).unwrap_or_default(),
        }
    }
}

/// What gpol's facts know of a value that no policy is asked for.
fn about(value: &Value, side: Side) -> String {
    let shadowing = Facts::get().shadowing(&value.key, &value.name).filter(|_| side == Side::Computer);
    let policies: Vec<&str> = shadowing.map(|fact| &*fact.policy).collect();
    match policies.is_empty() {
        true => "What Windows does without this value, and whether a local setting stands behind it, is not in gpol's facts.".to_owned(),
        false => format!("This is the local setting behind a policy, which wins over it: {}.", policies.join(", ")),
    }
}

/// What a policy file says of a policy, if anything.
fn file_layer(place: &SideFile, file: &PolicyFile, subject: Subject<'_>, reading: &Reading<'_>) -> Option<Layer> {
    if reading.state == State::NotConfigured {
        return None;
    }
    let records: Vec<RecordModel> =
        reading.records.iter().filter_map(|&i| Some(RecordModel::new(i, &file.record(i)?))).collect();
    let mut layer = Layer::new(3, "pending-policy", subject.word(reading.state));
    if let [one] = &*records
        && one.action == "set"
    {
        layer.value = one.value.clone();
    }
    if let Subject::Value(value) = subject {
        let decided = value.decided(file);
        layer.value = decided.as_ref().and_then(|decided| decided.value.clone());
        layer.meaning = decided.and_then(|decided| decided.meaning);
    }
    if let Some((fact, key)) = subject.fact() {
        let registry = Registry::execute([file]);
        let value = registry.value(Folded::from(key), Folded::from(&*fact.value)).and_then(|value| value.current());
        let judged = value.map(|(_, value_type, data)| Judged::new(key, &fact.value, value_type, data));
        let value = value.and_then(|(_, value_type, data)| polfile::Value::decode(value_type, data).ok());
        layer.meaning = value.as_ref().map(|value| fact.meaning(value));
        layer.value = judged.and_then(|judged| judged.value());
    }
    layer.place = records.first().map(|first| Place::File {
        file: place.file.path.display().to_string(),
        record: first.index,
        offset: first.offset,
    });
    layer.elements = reading.elements.iter().map(ElementModel::new).collect();
    Some(Layer { records, ..layer })
}

/// What copies of domain GPOs say of a policy. Their order is not in the image.
fn domain_layers(machine: &Machine, subject: Subject<'_>) -> Vec<Layer> {
    let layer = |(cached, file): (&cached::Cached, &PolicyFile)| {
        let layer = file_layer(&cached.place, file, subject, &subject.read(Side::Computer, file))?;
        Some(Layer { rank: 4, layer: "cached-domain-policy", label: Some(cached.gpo.clone()), ..layer })
    };
    machine.cached().filter_map(layer).collect()
}

/// What a policy file alone tells.
fn of_file_alone(pending: Option<&Layer>, subject: Subject<'_>, state: State, in_installation: bool) -> Verdict {
    let set_to = pending.and_then(|layer| layer.meaning.as_deref()).unwrap_or_default();
    let of_value = match (subject, state) {
        (Subject::Policy(..), _) => None,
        (_, State::Enabled) => Some(format!("set to {set_to}, once Windows has applied this policy file")),
        (_, State::Disabled) => Some("deleted, once Windows has applied this policy file".to_owned()),
        _ => Some("not decided here: this policy file says nothing of the value".to_owned()),
    };
    let words = match state {
        State::Enabled => "Enabled, once Windows has applied this policy file",
        State::Disabled => "Disabled, once Windows has applied this policy file",
        State::Mixed => "Mixed: its records fit no state that the editor can make",
        State::NotConfigured => "not decided here: this policy is not configured",
    };
    let next_boot = Decision {
        layer: pending.map(|layer| layer.layer),
        state: Some(subject.word(state)),
        value: pending.and_then(|layer| layer.value.clone()),
        ..Decision::none(of_value.unwrap_or_else(|| words.to_owned()))
    };
    let why = match in_installation {
        true => "the users' own registry hives are not read",
        false => "the registry of a machine is not here",
    };
    Verdict { now: Decision::unknown(why), next_boot }
}

/// What must be known beside the layers.
fn notes(case: &Case<'_>, layers: &[Layer], verdict: &Verdict) -> Vec<String> {
    let mut notes = Vec::new();
    let sets = &case.machine.about.control_set;
    if let (Some(now), Some(next)) = (sets.now, sets.next_boot)
        && now != next
    {
        notes.push(format!(
            "The last boot used ControlSet{now:03}; Select\\Default names ControlSet{next:03}, which the next one is taken to use \
             (unverified): local settings may differ."
        ));
    }
    for hive in &case.machine.about.dirty_hives {
        notes.push(format!(
            "The last write of the {hive} hive did not come to its end; its logs were replayed in memory."
        ));
    }
    match &case.machine.cached {
        Err(why) => notes.push(format!("The machine's copies of domain GPOs cannot be listed: {why}")),
        Ok(all) => notes.extend(all.iter().filter_map(|cached| {
            let why = cached.file.as_ref().err()?;
            Some(format!("The machine's copy of the domain GPO {} cannot be read: {why}", cached.gpo))
        })),
    }
    let Some((fact, _)) = case.fact else { return notes };
    let by_policy = |layer: Option<&str>| matches!(layer, Some("pending-policy" | "applied-policy"));
    let local = layers.iter().find(|layer| layer.rank == 1 && layer.when != Some("now"));
    if by_policy(verdict.next_boot.layer)
        && let Some(meaning) = local.and_then(|local| local.meaning.as_ref())
        && fact.sentence(meaning) != verdict.next_boot.meaning
    {
        let name = &fact.local.name;
        notes.push(format!("The local setting says \"{meaning}\" ({name}). It has no effect while a policy decides."));
    }
    notes.extend(fact.note.clone());
    notes
}

fn related(case: &Case<'_>, catalog: &Catalog) -> Vec<Related> {
    let Some((fact, _)) = case.fact else { return Vec::new() };
    fact.related
        .iter()
        .filter_map(|id| related_policy(case, catalog, id).or_else(|| case.machine.setting(id)))
        .collect()
}

fn related_policy(case: &Case<'_>, catalog: &Catalog, id: &str) -> Option<Related> {
    let policy = catalog.policies().iter().find(|policy| policy.id() == id)?;
    let case = Case::new(Subject::Policy(catalog, policy), case.machine, case.pending);
    let (fact, _) = case.fact?;
    let Decision { certainty, layer, value, meaning, .. } = case.verdict().next_boot;
    let meaning = match certainty {
        Certainty::Depends => "not known: it depends".to_owned(),
        Certainty::Known | Certainty::Unknown => meaning,
    };
    Some(Related { id: id.to_owned(), name: fact.value.clone(), value, meaning, layer })
}

impl Machine {
    /// A local setting of the facts, as the next boot finds it. `None` where it is not there, and no default is known.
    fn setting(&self, id: &str) -> Option<Related> {
        let setting = Facts::get().setting(id)?;
        let new =
            |layer, value, meaning| Related { id: id.to_owned(), name: setting.value.clone(), value, meaning, layer };
        Some(match self.value(&setting.key, &setting.value, When::NextBoot) {
            Err(error) => new(None, None, format!("not known: {error}")),
            Ok(Some(found)) => {
                let meaning = found.value().map_or_else(|| "not known".to_owned(), |value| setting.meaning(&value));
                new(Some("local-setting"), found.judged().value(), meaning)
            }
            Ok(None) => {
                let default = self.fallback(&setting.default)?;
                let meaning = setting.meaning_of_text(&default.value);
                new(Some("default"), Some(default_value(&default.value)), meaning)
            }
        })
    }
}

/// The state that turns around what is decided: that of the policy file, or the one that writes
/// another value than decides now.
fn other_state(
    policy: &Policy,
    side: Side,
    pending: State,
    fact: Option<(&Fact, &str)>,
    next_boot: &Decision,
) -> Option<&'static str> {
    let when_disabled = || written(policy, side, fact?, &Wanted::Disabled);
    let decided = match &next_boot.value {
        Some(ValueModel::Number(n)) => n.to_string(),
        Some(ValueModel::Text(text)) => text.lossy(),
        _ => String::new(),
    };
    match (pending, when_disabled()) {
        (State::Enabled, _) => Some("disabled"),
        (State::Disabled, _) => Some("enabled"),
        (_, Some(off)) if off == decided => Some("enabled"),
        (_, Some(_)) if !decided.is_empty() => Some("disabled"),
        _ => None,
    }
}

/// What a state of the policy writes as the value that decides, if it writes it.
pub(crate) fn written(policy: &Policy, side: Side, (fact, key): (&Fact, &str), wanted: &Wanted) -> Option<String> {
    let set = write_set(policy, side, wanted).ok()?;
    let slot = |record: &RecordRef<'_>| (record.key.fold(), record.value_name.fold());
    let decides = (Folded::from(key), Folded::from(&*fact.value));
    let record = set.records.iter().map(Record::as_ref).find(|record| slot(record) == decides)?;
    plain(&record.value().ok()?)
}

fn not_seen(target: &Target, scope: &Scope, machine: Option<&Machine>) -> Vec<String> {
    let mut unseen = Vec::new();
    let side = scope.side();
    // Of per-user local GPOs the last one that says something wins.
    let others: Vec<String> = target
        .sides
        .iter()
        .filter_map(|file| file.scope.as_ref().filter(|s| s.side() == Side::User && side == Side::User))
        .filter(|other| *other != scope)
        .map(|other| format!("--scope {other}"))
        .collect();
    if !others.is_empty() && target.kind != Kind::Pol {
        unseen.push(format!("the other local GPOs for users here: {}", others.join(", ")));
    }
    if machine.is_some() && side == Side::User {
        unseen.push("the registry hives of the users (NTUSER.DAT), where the user side is applied".to_owned());
        let cache = r"what the users' profiles keep of domain GPOs (%LOCALAPPDATA%\GroupPolicy\DataStore)";
        unseen.push(cache.to_owned());
    }
    if machine.is_none() && target.kind == Kind::Windows {
        unseen.push("the registry of this installation".to_owned());
    }
    let files = contents::of(target).map(|contents| contents.files).unwrap_or_default();
    let mut roles: Vec<Role> =
        files.iter().filter(|file| file.is_overlooked() && file.is_of(scope)).map(|file| file.role).collect();
    roles.sort_unstable();
    roles.dedup();
    if !roles.is_empty() {
        let roles: Vec<&str> = roles.into_iter().map(Role::name).collect();
        unseen.push(format!("what is set here beside registry policy, and may win: {}", roles.join(", ")));
    }
    let others = match (target.kind, machine) {
        (Kind::GpoSysvol | Kind::GpoCached | Kind::GpoBackup, _) => {
            "other GPOs, and where this one is linked".to_owned()
        }
        (_, Some(machine)) if !machine.other_gpos.is_empty() => {
            format!("domain GPOs, which win over local policy ({}), and MDM", machine.other_gpo_names().join(", "))
        }
        _ => "domain GPOs, which win over local policy once the machine has joined, and MDM".to_owned(),
    };
    unseen.push(others);
    unseen
}

#[cfg(test)]
mod local_settings;
#[cfg(test)]
mod situations;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod values;
