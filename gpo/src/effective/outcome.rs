//! What became of each value, and who had a word in it.

use std::collections::HashMap;

use polfile::{Effect, Event, Folded, KeyHistory, Registry, ValueHistory, ValueType};
use serde::Serialize;

use super::shared::RecordIn;
use super::{Counts, Only, Source};
use crate::model::{Text, shown_name};

/// A value and who decided it.
#[derive(Clone, Debug, Serialize)]
pub struct ValueResult<'p> {
    /// Path without hive.
    pub key: Text,
    /// Empty for the key's default value.
    pub value_name: Text,
    /// `set`, or `deleted`: Windows removes the value, or does not find it.
    pub outcome: &'static str,
    /// Number of the GPO that decides.
    pub by: usize,
    /// The record that decides: it sets the value, or is the directive that deletes it.
    pub record: Option<RecordIn<'p>>,
    /// Whether GPOs say different things of it.
    pub conflict: bool,
    /// What others said before, in the order in which they apply.
    pub overridden: Vec<Said<'p>>,
}

/// What a GPO says of a value on which another decides.
#[derive(Clone, Debug, Serialize)]
pub struct Said<'p> {
    /// Number of the GPO.
    pub layer: usize,
    /// The record that says it.
    pub record: Option<RecordIn<'p>>,
}

/// A value in the executed registry.
pub(super) struct Outcome<'r> {
    key: &'r KeyHistory<'r>,
    value: &'r ValueHistory<'r>,
    /// The event that decides.
    last: Event<'r>,
    /// Number of sources that have a word in it.
    sources: usize,
    pub conflict: bool,
}

/// The last word of each source that has one, weakest first; the one that decides is the last.
fn words<'r, 'v>(value: &'v ValueHistory<'r>) -> impl DoubleEndedIterator<Item = &'v Event<'r>> {
    let decides = |event: &&Event<'_>| event.effect != Effect::LeftAsItWas;
    value
        .events
        .chunk_by(|a, b| a.origin.file == b.origin.file)
        .filter_map(move |of_source| of_source.iter().rfind(decides))
}

/// What two sources say is the same if both set the same, or both delete.
fn same(a: &Effect<'_>, b: &Effect<'_>) -> bool {
    fn said<'e>(effect: &'e Effect<'_>) -> Option<(ValueType, &'e [u8])> {
        match effect {
            Effect::Set(value_type, data) => Some((*value_type, data)),
            _ => None,
        }
    }
    said(a) == said(b)
}

/// All values that a record speaks of, by keys and names.
pub(super) fn outcomes<'r>(registry: &'r Registry<'r>) -> Vec<Outcome<'r>> {
    let values = registry.keys().flat_map(|key| key.values().map(move |value| (key, value)));
    values.filter_map(|(key, value)| Outcome::new(key, value)).collect()
}

impl<'r> Outcome<'r> {
    fn new(key: &'r KeyHistory<'r>, value: &'r ValueHistory<'r>) -> Option<Self> {
        let last = *words(value).next_back()?;
        let (mut sources, mut conflict) = (0, false);
        for word in words(value) {
            sources += 1;
            conflict |= !same(&word.effect, &last.effect);
        }
        Some(Self { key, value, last, sources, conflict })
    }

    /// The source and the record that decide.
    pub fn decided_by(&self) -> (usize, usize) {
        (self.last.origin.file, self.last.origin.record)
    }

    pub fn is_wanted(&self, only: Only) -> bool {
        match only {
            Only::All => true,
            Only::Changed => self.sources > 1,
            Only::Conflicts => self.conflict,
        }
    }

    pub fn is_set(&self) -> bool {
        matches!(self.last.effect, Effect::Set(..))
    }

    /// Records of sources that speak of it.
    pub fn origins(&self) -> impl Iterator<Item = (usize, usize)> {
        self.value.events.iter().map(|event| (event.origin.file, event.origin.record))
    }

    pub fn key(&self) -> Folded {
        self.key.path.as_wide().fold()
    }

    pub fn count(&self, counts: &mut Counts) {
        counts.values += usize::from(self.is_set());
        counts.conflicts += usize::from(self.conflict);
        match self.is_set() {
            true => counts.overridden += usize::from(self.conflict),
            false => counts.removed += usize::from(self.conflict),
        }
    }

    pub fn result<'p>(&self, sources: &[Source<'p>]) -> ValueResult<'p> {
        let source = |event: &Event<'_>| sources.get(event.origin.file);
        let number = |event: &Event<'_>| source(event).map_or(0, |source| source.number);
        let record = |event: &Event<'_>| source(event)?.file.record(event.origin.record);
        let others = words(self.value).take(self.sources - 1);
        ValueResult {
            key: self.key.path.as_wide().into(),
            value_name: shown_name(self.key.path.as_wide(), self.value.name.as_wide()),
            outcome: if self.is_set() { "set" } else { "deleted" },
            by: number(&self.last),
            record: record(&self.last),
            conflict: self.conflict,
            overridden: others.map(|event| Said { layer: number(event), record: record(event) }).collect(),
        }
    }
}

/// For each record, the values it speaks of.
pub(super) fn by_origin(
    outcomes: &[Outcome<'_>],
    wanted: impl Fn(&Folded) -> bool,
) -> HashMap<(usize, usize), Vec<usize>> {
    let mut by_origin: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
    for (at, outcome) in outcomes.iter().enumerate() {
        if wanted(&outcome.key()) {
            for origin in outcome.origins() {
                by_origin.entry(origin).or_default().push(at);
            }
        }
    }
    by_origin
}
