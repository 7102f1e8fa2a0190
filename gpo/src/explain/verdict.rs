//! Who decides: now, on the registry as it is, and at the next boot, once what is pending is executed upon it.

use admx::{Catalog, Policy, PolicyReading, Side, State};
use polfile::{Folded, Origin, PolicyFile, Record, Registry, Value};
use serde::Serialize;

use super::archive::Noted;
use super::machine::{Applied, Machine};
use crate::doctor::Answer;
use crate::facts::{Fact, Facts, plain};
use crate::image::{RegistryValue, When};
use crate::model::{Judged, ValueModel};

/// Who decides.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// On the machine as it is.
    pub now: Decision,
    /// Once Windows has applied what is pending.
    pub next_boot: Decision,
}

/// What is decided, and by which layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// `null` if no layer that was looked at decides, or it is not known which one.
    pub layer: Option<&'static str>,
    /// State of the policy that decides: `enabled`, `disabled` or `mixed`; `not-configured` where none does, `null` where
    /// that is not known.
    pub state: Option<&'static str>,
    /// The value, where one tells the state.
    pub value: Option<ValueModel>,
    /// In words.
    pub meaning: String,
    /// Why this layer.
    pub why: Option<String>,
    /// What must hold besides, and cannot be seen from here.
    pub conditions: Vec<String>,
}

impl Decision {
    pub(super) fn unknown(why: impl AsRef<str>) -> Self {
        Self { state: None, ..Self::none(format!("not known: {}", why.as_ref())) }
    }

    /// Decided by no policy.
    pub(super) fn none(meaning: impl Into<String>) -> Self {
        let state = Some(State::NotConfigured.as_str());
        Self { layer: None, state, value: None, meaning: meaning.into(), why: None, conditions: Vec::new() }
    }

    fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    /// What is decided as far as a hive says that may be old.
    fn doubted(self, doubt: Option<String>) -> Self {
        match doubt {
            Some(doubt) => Self::unknown(format!("{doubt}; as the hive stands, {}", self.meaning)),
            None => self,
        }
    }
}

/// One policy on one installation.
pub(super) struct Case<'a> {
    pub catalog: &'a Catalog,
    pub policy: &'a Policy,
    pub machine: &'a Machine,
    /// The policy file that waits to be applied.
    pub pending: &'a PolicyFile,
    /// What is known, and the key of the value that decides.
    pub fact: Option<(&'static Fact, &'a str)>,
}

/// What the policy decides by values that are set.
pub(super) struct Decided {
    pub state: State,
    pub value: Option<ValueModel>,
    /// A part of a sentence, where the facts know one.
    pub meaning: Option<String>,
    /// The whole of it.
    pub sentence: String,
    /// The records that tell.
    pub records: Vec<usize>,
}

/// The registry once the pending file was executed upon it.
struct Executed {
    file: PolicyFile,
    /// Where each record comes from: file 0 is the registry, 1 the pending file.
    origins: Vec<Origin>,
}

impl<'a> Case<'a> {
    pub(super) fn new(catalog: &'a Catalog, policy: &'a Policy, machine: &'a Machine, pending: &'a PolicyFile) -> Self {
        Self { catalog, policy, machine, pending, fact: Facts::get().of(policy) }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let mut next_boot = self.next_boot();
        if next_boot.layer.is_some() {
            next_boot.conditions.extend(self.domain());
        }
        Verdict { now: self.as_it_is(When::Now), next_boot }
    }

    /// What a domain GPO may have to say, if the machine knows of any: it wins over local policy.
    fn domain(&self) -> Option<String> {
        let speaks = |(_, file): &(_, &PolicyFile)| self.reading(file).state != State::NotConfigured;
        let cached: Vec<&str> = self.machine.cached().filter(speaks).map(|(cached, _)| &*cached.gpo).collect();
        if !cached.is_empty() {
            return Some(format!("no GPO of the domain decides; a copy is here of {}", cached.join(", ")));
        }
        let names = self.machine.other_gpos.join(", ");
        (!names.is_empty())
            .then(|| format!("no GPO of the domain configures it; applied to this machine last: {names}"))
    }

    pub(super) fn reading(&self, file: &PolicyFile) -> PolicyReading<'a> {
        self.catalog.read_policy(self.policy, Side::Computer, file)
    }

    /// What values decide, read as a policy file's records are. `None` if they leave it to others.
    pub(super) fn decided(&self, file: &PolicyFile) -> Option<Decided> {
        let reading = self.reading(file);
        if reading.state == State::NotConfigured {
            return None;
        }
        let Some((fact, key)) = self.fact else {
            let value = match &*reading.records {
                [one] => file.record(*one).and_then(|record| Judged::record(&record).value()),
                _ => None,
            };
            let sentence = in_words(reading.state).to_owned();
            return Some(Decided { state: reading.state, value, meaning: None, sentence, records: reading.records });
        };
        if reading.state == State::Mixed && fact.disabled.is_some() {
            let sentence = format!("not known: {}", in_words(State::Mixed));
            return Some(Decided {
                state: reading.state,
                value: None,
                meaning: None,
                sentence,
                records: reading.records,
            });
        }
        let registry = Registry::execute([file]);
        let slot = registry.value(Folded::from(key), Folded::from(&*fact.value)).and_then(|value| value.current());
        match slot {
            Some((origin, value_type, data)) => {
                let value = Value::decode(value_type, data).ok();
                let meaning = match &value {
                    Some(value) => fact.meaning(value),
                    None => format!("not known: the data of {} do not fit {value_type}", fact.value),
                };
                Some(Decided {
                    state: reading.state,
                    value: Judged::new(key, &fact.value, value_type, data).value(),
                    sentence: fact.sentence(&meaning),
                    meaning: Some(meaning),
                    records: vec![origin.record],
                })
            }
            None => {
                let amounts_to = fact.disabled.as_ref().filter(|_| reading.state == State::Disabled)?;
                let meaning = fact.meaning_of_text(amounts_to);
                Some(Decided {
                    state: reading.state,
                    value: None,
                    sentence: fact.sentence(&meaning),
                    meaning: Some(meaning),
                    records: reading.records,
                })
            }
        }
    }

    /// The registry as it stands, with nothing pending.
    fn as_it_is(&self, when: When) -> Decision {
        let applied = match self.machine.applied(self.policy, when) {
            Ok(applied) => applied,
            Err(error) => return Decision::unknown(error.to_string()),
        };
        let decision = match self.decided(&applied.file) {
            Some(decided) => {
                let over = if self.has_local(when) { "layer 2 overrides layer 1" } else { "layer 2 decides" };
                by("applied-policy", decided).because(over)
            }
            None => self.local(when, "no policy is applied"),
        };
        decision.doubted(applied.doubt)
    }

    fn next_boot(&self) -> Decision {
        let (answer, against) = &self.machine.applies;
        let against = against.as_deref().unwrap_or("gpol doctor says more");
        if *answer == Answer::No {
            let decision = self.as_it_is(When::NextBoot);
            return match self.reading(self.pending).state {
                State::NotConfigured => decision,
                _ => decision.because(format!("Windows will not apply layer 3: {against}")),
            };
        }
        let mut decision = self.executed();
        if decision.layer == Some("pending-policy") && *answer == Answer::Uncertain {
            decision.conditions.push(format!("Windows applies layer 3, which is not certain: {against}"));
        }
        decision
    }

    /// The pending file executed upon the registry.
    fn executed(&self) -> Decision {
        let applied = match self.machine.applied(self.policy, When::NextBoot) {
            Ok(Applied { doubt: Some(doubt), .. }) => return self.pending_alone(&doubt),
            Ok(applied) => applied,
            Err(error) => return self.pending_alone(&error.to_string()),
        };
        let all = self.execute(&applied, |_| true);
        let left: Vec<&(RegistryValue, Noted)> = self
            .reading(&all.file)
            .records
            .iter()
            .filter_map(|&index| all.origins.get(index).filter(|origin| origin.file == 0))
            .filter_map(|origin| applied.values.get(origin.record))
            .collect();
        let with = self.outcome(&all, &applied);
        let taken_back =
            self.execute(&applied, |index| applied.values.get(index).is_none_or(|(_, n)| *n == Noted::NotListed));
        let without = self.outcome(&taken_back, &applied);
        if left.iter().all(|(_, noted)| *noted == Noted::NotListed) || with.meaning == without.meaning {
            return with;
        }
        let stays = |why: &str| {
            Decision::unknown(format!(
                "{why}. If layer 2 stays, {}; if Windows takes it back, {}",
                with.meaning, without.meaning
            ))
        };
        if let Some((_, noted)) = left.iter().find(|(_, noted)| !matches!(noted, Noted::Listed | Noted::NotListed)) {
            return stays(&noted.words());
        }
        if !self.machine.other_gpos.is_empty() {
            let names = self.machine.other_gpos.join(", ");
            return stays(&format!("layer 2 may come from a GPO of the domain; those applied last: {names}"));
        }
        if left.iter().any(|(value, _)| !is_policy_key(value)) {
            return stays("whether Windows takes back values outside the policy keys is not documented");
        }
        let mut decision = without;
        decision.conditions.push(
            "Windows applies policy again: it takes back layer 2, which Group Policy has put there and nothing pending configures"
                .to_owned(),
        );
        decision
    }

    /// Where the registry cannot tell: what the pending file decides whatever stands there.
    fn pending_alone(&self, why: &str) -> Decision {
        if let Some(decided) = self.decided(self.pending) {
            return by("pending-policy", decided).because("layer 3 is applied over whatever layer 2 is");
        }
        let registry = Registry::execute([self.pending]);
        let deleted = self.fact.is_some_and(|(fact, key)| {
            let value = registry.value(Folded::from(key), Folded::from(&*fact.value));
            let swept = registry.key(Folded::from(key)).is_some_and(|key| key.values_deleted().is_some());
            swept || value.is_some_and(|value| value.removed_by().is_some())
        });
        match deleted {
            true => self.local(When::NextBoot, "layer 3 deletes the policy value"),
            false => Decision::unknown(why),
        }
    }

    /// Executes the pending file upon the values of the registry that are kept.
    fn execute(&self, applied: &Applied, keep: impl Fn(usize) -> bool) -> Executed {
        let registry = Registry::execute([&applied.file, self.pending]);
        let mut executed = Executed { file: PolicyFile::new(), origins: Vec::new() };
        for key in registry.keys() {
            for value in key.values() {
                let Some((origin, value_type, data)) = value.current() else { continue };
                if origin.file == 0 && !keep(origin.record) {
                    continue;
                }
                if let Ok(record) = Record::new(key.path.clone(), value.name.clone(), value_type, data.to_vec()) {
                    executed.file.push(record.as_ref());
                    executed.origins.push(origin);
                }
            }
        }
        executed
    }

    fn outcome(&self, executed: &Executed, applied: &Applied) -> Decision {
        let when = When::NextBoot;
        let Some(decided) = self.decided(&executed.file) else {
            let configured = self.reading(self.pending).state != State::NotConfigured;
            let because = match (configured, self.decided(&applied.file).is_some()) {
                (true, _) => "layer 3 sets no value",
                (false, true) => "layer 2 is taken back",
                (false, false) => "no policy is configured",
            };
            return self.local(when, because);
        };
        let is_pending = |&index: &usize| executed.origins.get(index).is_some_and(|origin| origin.file == 1);
        if decided.records.iter().any(is_pending) {
            let over = self.decided(&applied.file).is_some();
            let why = if over { "layer 3 is applied over layer 2" } else { "layer 3 is applied" };
            return by("pending-policy", decided).because(why);
        }
        let why = if self.has_local(when) { "layer 2 stays, over layer 1" } else { "layer 2 stays" };
        by("applied-policy", decided).because(why)
    }

    fn has_local(&self, when: When) -> bool {
        let Some((fact, _)) = self.fact else { return false };
        matches!(self.machine.value(&fact.local.key, &fact.local.value, when), Ok(Some(_)))
    }

    /// What holds where no policy decides.
    fn local(&self, when: When, because: &str) -> Decision {
        let Some((fact, _)) = self.fact else {
            return Decision::none("not configured: what Windows does then is not in gpol's facts").because(because);
        };
        let local = match self.machine.value(&fact.local.key, &fact.local.value, when) {
            Ok(local) => local,
            Err(error) => return Decision::unknown(error.to_string()).because(because),
        };
        let doubt = self.machine.doubt(&fact.local.key);
        match local {
            Some(local) => {
                let value = local.value();
                let meaning = value.as_ref().map_or_else(
                    || format!("not known: the data of {} do not fit its type", local.name),
                    |value| fact.local_meaning(value),
                );
                let decision = Decision {
                    layer: Some("local-setting"),
                    value: local.judged().value(),
                    ..Decision::none(fact.sentence(&meaning))
                };
                decision.because(format!("layer 1 decides: {because}")).doubted(doubt)
            }
            None => self.default(fact).because(format!("{because}, and there is no local setting")).doubted(doubt),
        }
    }

    fn default(&self, fact: &Fact) -> Decision {
        match self.machine.fallback(&fact.default) {
            Some(default) => Decision {
                layer: Some("default"),
                value: Some(default_value(&default.value)),
                ..Decision::none(fact.sentence(&fact.meaning_of_text(&default.value)))
            },
            None => Decision::none("not configured: the default of this Windows is not in gpol's facts"),
        }
    }
}

/// A default, as the value would be read.
pub(super) fn default_value(text: &str) -> ValueModel {
    match text.parse() {
        Ok(n) => ValueModel::Number(n),
        Err(_) => ValueModel::Text(crate::model::Text::Valid(text.to_owned())),
    }
}

fn by(layer: &'static str, decided: Decided) -> Decision {
    let state = Some(decided.state.as_str());
    Decision { layer: Some(layer), state, value: decided.value, ..Decision::none(decided.sentence) }
}

/// A state where nothing is known of what it means.
fn in_words(state: State) -> &'static str {
    match state {
        State::Enabled => "Enabled",
        State::Disabled => "Disabled",
        State::Mixed => "Mixed: its values fit no state that the editor can make",
        State::NotConfigured => "Not configured",
    }
}

/// Whether a value stands in one of the trees that Windows cleans when policy goes away.
fn is_policy_key(value: &RegistryValue) -> bool {
    let key = Folded::from(&*format!(r"{}\{}", value.hive.as_str(), value.key));
    [r"SOFTWARE\Policies", r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies"]
        .iter()
        .any(|tree| key.is_at_or_below(&Folded::from(*tree)))
}

/// A value in words for lists: its number or text.
pub(super) fn shown(value: &Value) -> String {
    plain(value).unwrap_or_else(|| "(other data)".to_owned())
}
