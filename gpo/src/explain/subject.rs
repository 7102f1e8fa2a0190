//! What is explained: a policy of the templates, or a single value of the registry that none of them may have.

use admx::{Catalog, ElementReading, Policy, Side, State};
use polfile::{Action, Final, Folded, Outcome, PolicyFile, RecordRef, WideStr};
use serde::Serialize;

use super::verdict::Decided;
use crate::facts::{Fact, Facts};
use crate::model::{Judged, ValueModel};
use crate::secret::shown_name;

/// What is explained.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    Policy(&'a Catalog, &'a Policy),
    Value(&'a Value),
}

/// A value of the registry, without its hive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Key below the hive.
    pub key: String,
    /// Its name; empty for the key's default value.
    pub name: String,
}

/// The value in the JSON contract; a name that is a secret is hidden.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedValue {
    /// `HKLM` or `HKCU`.
    pub hive: &'static str,
    /// Key below it.
    pub key: String,
    /// Its name; empty for the key's default value.
    pub value_name: String,
}

/// What a policy file, or a registry read as one, says of it.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    /// Of a value: set is enabled, deleted is disabled.
    pub state: State,
    /// The records that say it.
    pub records: Vec<usize>,
    /// Inputs of a policy.
    pub elements: Vec<ElementReading<'a>>,
}

impl<'a> Subject<'a> {
    pub(super) fn read(self, side: Side, file: &PolicyFile) -> Reading<'a> {
        match self {
            Self::Policy(catalog, policy) => {
                let reading = catalog.read_policy(policy, side, file);
                Reading { state: reading.state, records: reading.records, elements: reading.elements }
            }
            Self::Value(value) => {
                let records = file.records().enumerate().filter(|(_, record)| value.is_named_by(record));
                let state = match value.comes_to(&Outcome::of(file.records())) {
                    Final::Untouched => State::NotConfigured,
                    Final::Deleted => State::Disabled,
                    Final::Set(..) | Final::SetIfMissing(..) => State::Enabled,
                };
                Reading { state, records: records.map(|(index, _)| index).collect(), elements: Vec::new() }
            }
        }
    }

    /// A state in the JSON contract.
    pub(super) fn word(self, state: State) -> &'static str {
        match (self, state) {
            (Self::Value(_), State::Enabled) => "set",
            (Self::Value(_), State::Disabled) => "deleted",
            _ => state.as_str(),
        }
    }

    /// What is known, and the key of the value that decides. Of a value that no policy has nothing is.
    pub(super) fn fact(self) -> Option<(&'static Fact, &'a str)> {
        match self {
            Self::Policy(_, policy) => Facts::get().of(policy),
            Self::Value(_) => None,
        }
    }

    /// The one value that decides, by key and name.
    pub(super) fn deciding(self) -> Option<(&'a str, &'a str)> {
        match self {
            Self::Policy(..) => self.fact().map(|(fact, key)| (key, &*fact.value)),
            Self::Value(value) => Some((&value.key, &value.name)),
        }
    }

    /// The values that it may write, by key and name.
    pub(super) fn values(self) -> Vec<(&'a str, &'a str)> {
        match self {
            Self::Policy(_, policy) => policy.values().into_iter().collect(),
            Self::Value(value) => vec![(&value.key, &value.name)],
        }
    }

    /// The keys whose values it writes under names of others' choice.
    pub(super) fn list_keys(self) -> Vec<&'a str> {
        match self {
            Self::Policy(_, policy) => policy.list_keys().collect(),
            Self::Value(_) => Vec::new(),
        }
    }

    /// What holds where nothing decides that gpol knows of.
    pub(super) fn undecided(self) -> &'static str {
        match self {
            Self::Policy(..) => "not configured: what Windows does then is not in gpol's facts",
            Self::Value(_) => "not set: what Windows does then is not in gpol's facts",
        }
    }
}

impl Value {
    pub(super) fn model(&self, side: Side) -> ExplainedValue {
        ExplainedValue {
            hive: if side == Side::User { "HKCU" } else { "HKLM" },
            key: self.key.clone(),
            value_name: shown_name(&self.key, &self.name),
        }
    }

    /// What records set it to, in words. `None` if they leave it to others, or delete it.
    pub(super) fn decided(&self, file: &PolicyFile) -> Option<Decided> {
        let (value_type, data, if_missing) = match self.comes_to(&Outcome::of(file.records())) {
            Final::Set(value_type, data) => (value_type, data, false),
            Final::SetIfMissing(value_type, data) => (value_type, data, true),
            Final::Deleted | Final::Untouched => return None,
        };
        let judged = Judged::new(&self.key, &self.name, value_type, data);
        let shown = match judged.value() {
            Some(ValueModel::Number(n)) => n.to_string(),
            Some(ValueModel::Text(text)) => text.lossy(),
            Some(ValueModel::List(texts)) => texts.iter().map(|text| text.lossy()).collect::<Vec<_>>().join(", "),
            None => judged.raw(),
        };
        let meaning = format!("{value_type} {shown}{}", if if_missing { ", if it is missing" } else { "" });
        let last = file.records().enumerate().rfind(|(_, record)| self.is_set_by(record));
        Some(Decided {
            state: Subject::Value(self).word(State::Enabled),
            value: judged.value(),
            sentence: match if_missing {
                true => format!("not known: set to {meaning}"),
                false => format!("set to {meaning}"),
            },
            meaning: Some(meaning),
            records: last.map(|(index, _)| index).into_iter().collect(),
        })
    }

    fn comes_to<'f>(&self, outcome: &Outcome<'f>) -> Final<'f> {
        outcome.value(&Folded::from(&*self.key), &Folded::from(&*self.name))
    }

    fn is_set_by(&self, record: &RecordRef<'_>) -> bool {
        let sets = match record.action() {
            Action::Set => record.value_name,
            Action::SetIfMissing(name) => name,
            _ => return false,
        };
        same(record.key, &self.key) && same(sets, &self.name)
    }

    /// Whether a record is about the value, alone or with others.
    fn is_named_by(&self, record: &RecordRef<'_>) -> bool {
        let here = same(record.key, &self.key);
        match record.action() {
            Action::DeleteValue(name) => here && same(name, &self.name),
            Action::DeleteValues(names) => here && names.iter().any(|name| same(*name, &self.name)),
            Action::DeleteAllValues => here,
            Action::DeleteKeys(keys) => {
                let key = Folded::from(&*self.key);
                keys.iter().any(|entry| key.is_at_or_below(&record.deleted_key(*entry).as_wide().fold()))
            }
            _ => self.is_set_by(record),
        }
    }
}

fn same(wide: WideStr<'_>, text: &str) -> bool {
    wide.fold() == Folded::from(text)
}
