//! The executed records of a file, value by value.

use polfile::{Effect, Folded, KeyHistory, PolicyFile, Registry, Value, ValueHistory, WideString};

use crate::model::{Assignment, Literal};

/// All values that a file speaks of.
pub(super) struct Slots<'f> {
    registry: Registry<'f>,
}

/// What a file makes of one value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Slot {
    pub content: Content,
    /// Records that speak of it, ascending.
    pub records: Vec<usize>,
}

/// See [`Slot`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Content {
    /// No record speaks of it.
    #[default]
    Absent,
    /// It is set; `None` if its data don't fit their type.
    Set(Option<Value>),
    /// A record of its own deletes it.
    Deleted,
    /// A record deletes all values of its key.
    Swept,
}

impl<'f> Slots<'f> {
    pub(super) fn new(file: &'f PolicyFile) -> Self {
        Slots { registry: Registry::execute([file]) }
    }

    /// All keys that records speak of, with the values they speak of by name, and whether all others are deleted.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Folded, Vec<&WideString>, bool)> {
        self.registry.keys().map(|key| {
            let names = key.values().map(|value| &value.name).collect();
            (key.path.as_wide().fold(), names, sweep(key).is_some())
        })
    }

    pub(super) fn slot(&self, key: &str, name: &str) -> Slot {
        let Some(history) = self.registry.key(key.into()) else { return Slot::default() };
        slot_in(history, name)
    }

    /// The values of a key that records speak of by name, with their names, ordered by them.
    pub(super) fn values(&self, key: &str) -> impl Iterator<Item = (&WideString, Slot)> {
        let history = self.registry.key(key.into());
        history.into_iter().flat_map(|key| key.values()).map(|value| (&value.name, slot(value)))
    }

    /// The record that deletes all values of a key.
    pub(super) fn sweep(&self, key: &str) -> Option<usize> {
        self.registry.key(key.into()).and_then(sweep)
    }
}

fn slot_in(key: &KeyHistory<'_>, name: &str) -> Slot {
    match key.value(&name.into()) {
        Some(value) => slot(value),
        None => sweep(key).map_or_else(Slot::default, |record| Slot { content: Content::Swept, records: vec![record] }),
    }
}

/// Whether keys or names are the same to the registry.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    // Nothing folds to an ASCII letter but that letter.
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { Folded::from(a) == Folded::from(b) }
}

fn sweep(key: &KeyHistory<'_>) -> Option<usize> {
    let swept = key.events.iter().rev().find(|e| matches!(e.effect, Effect::ValuesDeleted | Effect::KeyDeleted));
    swept.filter(|e| e.effect == Effect::ValuesDeleted).map(|e| e.origin.record)
}

fn slot(value: &ValueHistory<'_>) -> Slot {
    let last = value.events.iter().rev().find(|e| e.effect != Effect::LeftAsItWas);
    let content = match last.map(|e| e.effect) {
        Some(Effect::Set(value_type, data)) => Content::Set(Value::decode(value_type, data).ok()),
        Some(Effect::Deleted) => Content::Deleted,
        Some(Effect::ValuesDeleted) => Content::Swept,
        // The key is gone with its values: nothing speaks of them any more.
        _ => Content::Absent,
    };
    let mut records: Vec<usize> = value.events.iter().map(|e| e.origin.record).collect();
    records.dedup();
    Slot { content, records }
}

impl Content {
    /// Whether this is what a template's value writes. `<delete/>` needs a marker of the value's own.
    pub(super) fn carries(&self, literal: &Literal) -> bool {
        match (self, literal) {
            (Content::Deleted, Literal::Delete) => true,
            (Content::Set(Some(Value::Dword(have))), Literal::Decimal(want)) => have == want,
            (Content::Set(Some(Value::Qword(have))), Literal::LongDecimal(want)) => have == want,
            (Content::Set(Some(Value::Sz(have))), Literal::String(want)) => {
                have.as_wide().units().eq(want.encode_utf16())
            }
            _ => false,
        }
    }

    pub(super) fn is_set(&self) -> bool {
        matches!(self, Content::Set(_))
    }
}

/// How many of a list's values are there.
pub(super) struct Matching {
    pub all: bool,
    pub some: bool,
    pub records: Vec<usize>,
    /// Records of values that are there but are not the list's.
    pub misfits: Vec<usize>,
}

impl Slots<'_> {
    /// Compares the items of a list with what is there. An empty list matches nothing.
    pub(super) fn matching(&self, items: &[Assignment]) -> Matching {
        let mut found = Matching { all: !items.is_empty(), some: false, records: Vec::new(), misfits: Vec::new() };
        // The items of a list nearly always share their key.
        let mut last: Option<(&str, Option<&KeyHistory<'_>>)> = None;
        for item in items {
            let key = match last {
                Some((path, key)) if *path == *item.key => key,
                _ => self.registry.key(Folded::from(&*item.key)),
            };
            last = Some((&item.key, key));
            let slot = key.map_or_else(Slot::default, |key| slot_in(key, &item.value_name));
            let fits = slot.content.carries(&item.literal);
            found.all &= fits;
            found.some |= fits;
            if !fits && slot.content != Content::Swept {
                found.misfits.extend(&slot.records);
            }
            if fits || slot.content != Content::Swept {
                found.records.extend(slot.records);
            }
        }
        found
    }
}
