//! Who decides: now, on the registry as it is, and at the next boot, once what is pending is executed upon it.

use admx::{Side, State};
use polfile::{Folded, Origin, PolicyFile, Record, Registry, Value};

use super::archive::Noted;
use super::cached::Cached;
use super::decision::{Certainty, Decision, Possible, UNSEEN, Verdict};
use super::machine::{Applied, Machine, Run};
use super::subject::{Reading, Subject};
use crate::doctor::Answer;
use crate::facts::Fact;
use crate::image::{RegistryValue, When};
use crate::model::{Judged, ValueModel};

/// A way that things may go, while the verdict is made.
struct Way {
    /// What must hold for it; nothing if it is the only one.
    conditions: Vec<String>,
    decision: Decision,
}

/// One policy, or one value, on one installation.
pub(super) struct Case<'a> {
    pub subject: Subject<'a>,
    pub machine: &'a Machine,
    /// The policy file that waits to be applied.
    pub pending: &'a PolicyFile,
    /// What is known, and the key of the value that decides.
    pub fact: Option<(&'static Fact, &'a str)>,
}

/// What the policy decides by values that are set.
pub(super) struct Decided {
    /// As the JSON contract has it.
    pub state: &'static str,
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
    pub(super) fn new(subject: Subject<'a>, machine: &'a Machine, pending: &'a PolicyFile) -> Self {
        Self { subject, machine, pending, fact: subject.fact() }
    }

    pub(super) fn verdict(&self) -> Verdict {
        Verdict { now: self.as_it_is(When::Now), next_boot: self.next_boot() }
    }

    pub(super) fn reading(&self, file: &PolicyFile) -> Reading<'a> {
        self.subject.read(Side::Computer, file)
    }

    /// What values decide, read as a policy file's records are. `None` if they leave it to others.
    pub(super) fn decided(&self, file: &PolicyFile) -> Option<Decided> {
        if let Subject::Value(value) = self.subject {
            return value.decided(file);
        }
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
            return Some(Decided {
                state: reading.state.as_str(),
                value,
                meaning: None,
                sentence,
                records: reading.records,
            });
        };
        if reading.state == State::Mixed && fact.disabled.is_some() {
            let sentence = format!("not known: {}", in_words(State::Mixed));
            return Some(Decided {
                state: reading.state.as_str(),
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
                    state: reading.state.as_str(),
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
                    state: reading.state.as_str(),
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
        if let Some(ignored) = self.ignored(when, None) {
            return ignored;
        }
        let applied = match self.machine.applied(self.subject, when) {
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

    /// All the ways that the next boot may go, and what they come to: known, if that is the same.
    fn next_boot(&self) -> Decision {
        let (mut ways, mut on) = self.of_machine();
        let copies: Vec<Way> = self.of_domain();
        if !copies.is_empty() {
            let speaking = copies.iter().flat_map(|way| &way.decision.why).cloned().collect::<Vec<_>>().join(", ");
            on.push(format!("whether a GPO of the domain decides: a copy is here of {speaking}"));
            ways.iter_mut().for_each(|way| way.conditions.push("no GPO of the domain decides".to_owned()));
            ways.extend(copies);
        }
        let unseen = self.machine.unseen_gpos().join(", ");
        if !unseen.is_empty() {
            on.push(format!("{UNSEEN}: applied to this machine last were {unseen}"));
            ways.iter_mut().for_each(|way| way.conditions.push("no GPO of the domain configures it".to_owned()));
        }
        let same = |way: &Way| {
            let (first, other) = (&ways[0].decision, &way.decision);
            (&first.meaning, &first.value) == (&other.meaning, &other.value)
        };
        if unseen.is_empty() && ways.iter().all(same) {
            return ways.swap_remove(0).decision;
        }
        let mut possible: Vec<Possible> = Vec::new();
        for Way { conditions, decision } in ways {
            let condition = conditions.join(", and ");
            let Decision { layer, state, value, meaning, .. } = decision;
            match possible.iter_mut().find(|other| other.meaning == meaning && other.value == value) {
                Some(other) => other.condition += &format!(", or {condition}"),
                None => possible.push(Possible { condition, layer, state, value, meaning }),
            }
        }
        let told: Vec<String> = possible.iter().map(|way| format!("{} if {}", way.meaning, way.condition)).collect();
        let meaning = format!("it depends: {}", told.join("; "));
        Decision { certainty: Certainty::Depends, state: None, conditions: on, possible, ..Decision::none(meaning) }
    }

    /// The ways without the domain, and what they hang on.
    fn of_machine(&self) -> (Vec<Way>, Vec<String>) {
        let (answer, against) = &self.machine.applies;
        let against = against.as_deref().unwrap_or("gpol doctor says more");
        let configured = self.reading(self.pending).state != State::NotConfigured;
        let (mut ways, mut on) = (Vec::new(), Vec::new());
        let runs = &self.machine.runs;
        let several = runs.len() > 1;
        if several {
            on.push(match (*answer, configured) {
                (Answer::Yes, _) => format!("whether Windows applies policy again: {}", self.machine.memory),
                (_, true) => format!("whether Windows applies layer 3: {against}"),
                (_, false) => format!("whether Windows applies policy again: {against}"),
            });
        }
        for run in runs {
            let condition = several.then(|| match (run, configured) {
                (Run::Applies, true) => "Windows applies layer 3".to_owned(),
                (Run::Applies, false) => "Windows applies policy again".to_owned(),
                (Run::Skips, true) => "Windows does not apply layer 3".to_owned(),
                (Run::Skips, false) => "Windows does not apply policy again".to_owned(),
                (Run::Without, _) => "Windows applies policy again without the local GPO".to_owned(),
            });
            let of_run = match run {
                Run::Applies => self.executed(Some(self.pending)),
                Run::Without => self.executed(None),
                // What is applied already is the same once more.
                Run::Skips if *answer == Answer::Yes && configured => vec![Way::only(self.kept())],
                Run::Skips => vec![Way::only(self.as_it_is(When::NextBoot))],
            };
            for mut way in of_run {
                if *run != Run::Applies && *answer == Answer::No && configured {
                    way.decision = way.decision.because(format!("Windows will not apply layer 3: {against}"));
                }
                on.extend(
                    way.decision.conditions.drain(..).filter(|condition| !on.contains(condition)).collect::<Vec<_>>(),
                );
                way.conditions.splice(0..0, condition.clone());
                ways.push(way);
            }
        }
        (ways, on)
    }

    /// What copies of domain GPOs decide, if they still apply: they win over local policy. In which order is not here.
    fn of_domain(&self) -> Vec<Way> {
        let speaks = |(_, file): &(_, &PolicyFile)| self.reading(file).state != State::NotConfigured;
        let way = |(cached, file): (&Cached, &PolicyFile)| {
            let decision = match self.decided(file) {
                Some(decided) => by("cached-domain-policy", decided),
                None => self.local(When::NextBoot, ""),
            };
            let condition = format!("the GPO {} of the domain applies as its copy says", cached.gpo);
            Way { conditions: vec![condition], decision: decision.because(cached.gpo.clone()) }
        };
        self.machine.cached().filter(speaks).map(way).collect()
    }

    /// The pending file, if it is applied, executed upon the registry: one way, or two if nobody knows whether Windows takes back
    /// what is there and no longer configured.
    fn executed(&self, pending: Option<&PolicyFile>) -> Vec<Way> {
        if let Some(ignored) = self.ignored(When::NextBoot, pending) {
            return vec![Way::only(ignored)];
        }
        let alone = |why: &str| match pending {
            Some(_) => vec![Way::only(self.pending_alone(why))],
            None => vec![Way::only(Decision::unknown(why))],
        };
        let applied = match self.machine.applied(self.subject, When::NextBoot) {
            Ok(Applied { doubt: Some(doubt), .. }) => return alone(&doubt),
            Ok(applied) => applied,
            Err(error) => return alone(&error.to_string()),
        };
        let all = execute(pending, &applied, |_| true);
        let left: Vec<&(RegistryValue, Noted)> = self
            .reading(&all.file)
            .records
            .iter()
            .filter_map(|&index| all.origins.get(index).filter(|origin| origin.file == 0))
            .filter_map(|origin| applied.values.get(origin.record))
            .collect();
        let with = self.outcome(&all, &applied);
        let taken_back =
            execute(pending, &applied, |index| applied.values.get(index).is_none_or(|(_, n)| *n == Noted::NotListed));
        let mut without = self.outcome(&taken_back, &applied);
        if left.iter().all(|(_, noted)| *noted == Noted::NotListed) || with.meaning == without.meaning {
            return vec![Way::only(with)];
        }
        let unsure = left.iter().find(|(_, noted)| !matches!(noted, Noted::Listed | Noted::NotListed));
        without.conditions.push(if let Some((_, noted)) = unsure {
            format!("whether Windows takes back layer 2: {}", noted.words())
        } else if !self.machine.other_gpos.is_empty() {
            let names = self.machine.other_gpo_names().join(", ");
            format!(
                "whether Windows takes back layer 2, which may come from a GPO of the domain: applied last were {names}"
            )
        } else if left.iter().any(|(value, _)| !is_policy_key(value)) {
            "whether Windows takes back layer 2, which is not in the policy keys".to_owned()
        } else {
            "whether Windows takes back layer 2, which Group Policy has put there and nothing pending configures"
                .to_owned()
        });
        vec![
            Way { conditions: vec!["Windows takes back layer 2".to_owned()], decision: without },
            Way { conditions: vec!["layer 2 stays".to_owned()], decision: with },
        ]
    }

    /// Whether Windows ignores the policy, since a key is there, in the registry or by the policy file. What stands in that key decides
    /// then, which is another policy's business.
    fn ignored(&self, when: When, pending: Option<&PolicyFile>) -> Option<Decision> {
        let (fact, _) = self.fact?;
        let made = pending.map(|file| Registry::execute([file]));
        let is_made = |key: &Folded| {
            made.iter().flat_map(Registry::keys).any(|it| it.exists() && it.path.as_wide().fold().is_at_or_below(key))
        };
        fact.ignored_if.iter().find_map(|key| match self.machine.has_key(key, when) {
            Ok(false) if !is_made(&Folded::from(&**key)) => None,
            Ok(_) => Some(Decision::unknown(format!(
                "Windows ignores this policy where {key} exists, and what is there decides"
            ))),
            Err(error) => Some(Decision::unknown(error.to_string())),
        })
    }

    /// What is applied already, with the pending file over it that says the same.
    fn kept(&self) -> Decision {
        if let Some(ignored) = self.ignored(When::NextBoot, Some(self.pending)) {
            return ignored;
        }
        match self.machine.applied(self.subject, When::NextBoot) {
            Ok(applied) if applied.doubt.is_none() => {
                self.outcome(&execute(Some(self.pending), &applied, |_| true), &applied)
            }
            _ => self.as_it_is(When::NextBoot),
        }
    }

    /// Where the registry cannot tell: what the pending file decides whatever stands there.
    fn pending_alone(&self, why: &str) -> Decision {
        if let Some(decided) = self.decided(self.pending) {
            return by("pending-policy", decided).because("layer 3 is applied over whatever layer 2 is");
        }
        let registry = Registry::execute([self.pending]);
        let deleted = self.subject.deciding().is_some_and(|(key, name)| {
            let value = registry.value(Folded::from(key), Folded::from(name));
            let swept = registry.key(Folded::from(key)).is_some_and(|key| key.values_deleted().is_some());
            swept || value.is_some_and(|value| value.removed_by().is_some())
        });
        match deleted {
            true => self.local(When::NextBoot, "layer 3 deletes the policy value"),
            false => Decision::unknown(why),
        }
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
            return Decision::none(self.subject.undecided()).because(because);
        };
        let local = match self.machine.value(&fact.local.key, &fact.local.value, when) {
            Ok(local) => local,
            Err(error) => return Decision::unknown(error.to_string()).because(because),
        };
        let doubt = self.machine.doubt(&fact.local.key);
        if let Some(why) = self.other_than(fact, local.as_ref(), when) {
            return Decision::unknown(why).because(because).doubted(doubt);
        }
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
            None => self.default(fact, &format!("{because}, and there is no local setting")).doubted(doubt),
        }
    }

    /// Why a local setting does not decide alone.
    fn other_than(&self, fact: &Fact, local: Option<&RegistryValue>, when: When) -> Option<String> {
        let key = &fact.local.key;
        if let Some(only) = fact.local.only_if.as_ref().filter(|_| local.is_some()) {
            match self.machine.value(key, &only.value, when).map(|value| value.and_then(|value| value.dword())) {
                Ok(Some(number)) if number == only.is => {}
                Ok(Some(number)) => return Some(format!("{}, since {} is {number}", only.otherwise, only.value)),
                Ok(None) => {
                    return Some(format!(
                        "{} unless {} is {}, which is not there",
                        only.otherwise, only.value, only.is
                    ));
                }
                Err(error) => return Some(error.to_string()),
            }
        }
        let words = |value: Option<&RegistryValue>| match value.map(|value| value.value()) {
            None => "not set".to_owned(),
            Some(None) => "not known".to_owned(),
            Some(Some(value)) => fact.local_meaning(&value),
        };
        fact.local.also.iter().find_map(|also| match self.machine.value(&also.key, &fact.local.value, when) {
            Err(error) => Some(error.to_string()),
            Ok(other) if words(other.as_ref()) == words(local) => None,
            Ok(other) => Some(format!(
                "the local settings differ ({}: {}; {}: {})",
                fact.local.name,
                words(local),
                also.name,
                words(other.as_ref())
            )),
        })
    }

    fn default(&self, fact: &Fact, because: &str) -> Decision {
        let Some(default) = self.machine.fallback(&fact.default) else {
            return Decision::none("not configured: the default of this Windows is not in gpol's facts")
                .because(because);
        };
        let decision = Decision {
            layer: Some("default"),
            value: Some(default_value(&default.value)),
            ..Decision::none(fact.sentence(&fact.meaning_of_text(&default.value)))
        };
        decision.because(match &default.unverified {
            Some(why) => format!("{because}; unverified: {why}"),
            None => because.to_owned(),
        })
    }
}

impl Way {
    fn only(decision: Decision) -> Self {
        Self { conditions: Vec::new(), decision }
    }
}

/// Executes a policy file upon the values of the registry that are kept.
fn execute(pending: Option<&PolicyFile>, applied: &Applied, keep: impl Fn(usize) -> bool) -> Executed {
    let registry = Registry::execute([&applied.file].into_iter().chain(pending));
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

/// A default, as the value would be read.
pub(super) fn default_value(text: &str) -> ValueModel {
    match text.parse() {
        Ok(n) => ValueModel::Number(n),
        Err(_) => ValueModel::Text(crate::model::Text::Valid(text.to_owned())),
    }
}

fn by(layer: &'static str, decided: Decided) -> Decision {
    let state = Some(decided.state);
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
