//! The layers of a policy on an installation, the strongest first.

use admx::State;
use polfile::ValueType;
use serde::Serialize;

use super::archive::Noted;
use super::verdict::{Case, default_value};
use crate::image::{RegistryValue, When};
use crate::model::{ElementModel, RecordModel, TypeModel, ValueModel};
use crate::secret::shown_name;

/// One layer that says something about the policy, or that could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// The highest wins.
    pub rank: u8,
    /// `cached-domain-policy`, `pending-policy`, `applied-policy`, `local-setting` or `default`.
    pub layer: &'static str,
    /// `now` or `next-boot`, where control sets differ and the layer lies in one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<&'static str>,
    /// Of a policy `enabled`, `disabled` or `mixed`; of a value `set` or `deleted`; `set` of a local setting; `default`; `unknown` where it could
    /// not be read.
    pub state: &'static str,
    /// The value that tells the state; `null` where several do, or it is deleted.
    pub value: Option<ValueModel>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// Where it stands; of several, the first.
    #[serde(rename = "where")]
    pub place: Option<Place>,
    /// The domain GPO, what people change the local setting with, or the versions that a default holds for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Inputs of the policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<ElementModel>,
    /// All records of the policy in the policy file.
    pub records: Vec<RecordModel>,
    /// All values of the policy in the registry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<RegistryModel>,
    /// Why it could not be read, or why it may be old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Where a layer stands.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Place {
    /// In a policy file.
    File {
        /// The file.
        file: String,
        /// Record, counted from 0.
        record: usize,
        /// In bytes.
        offset: usize,
    },
    /// In a registry hive.
    Hive {
        /// `SOFTWARE` or `SYSTEM`.
        hive: &'static str,
        /// Key inside the hive.
        key: String,
        /// Value name.
        value_name: String,
        /// In bytes, once logs are replayed.
        offset: usize,
    },
}

/// A value in the registry.
#[derive(Clone, Debug, Serialize)]
pub struct RegistryModel {
    /// `SOFTWARE` or `SYSTEM`.
    pub hive: &'static str,
    /// Key inside the hive.
    pub key: String,
    /// Value name.
    pub value_name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: TypeModel,
    /// `null` where the data do not fit the type, or it has no reading.
    pub value: Option<ValueModel>,
    /// The data in hexadecimal.
    pub raw: String,
    /// In bytes, once logs are replayed.
    pub offset: usize,
    /// What `ProgramData/ntuser.pol` says of it: `listed`, `listed-otherwise`, `not-listed` or `unknown`.
    pub archive: &'static str,
    /// That in words.
    #[serde(skip)]
    pub origin: String,
}

impl RegistryModel {
    fn new(value: &RegistryValue, noted: &Noted) -> Self {
        Self {
            hive: value.hive.as_str(),
            key: value.key.clone(),
            value_name: shown_name(&value.key, &value.name),
            value_type: ValueType(value.value_type.0).into(),
            value: value.judged().value(),
            raw: value.judged().raw(),
            offset: value.offset,
            archive: noted.as_str(),
            origin: noted.words(),
        }
    }
}

impl From<&RegistryValue> for Place {
    fn from(value: &RegistryValue) -> Self {
        Self::Hive {
            hive: value.hive.as_str(),
            key: value.key.clone(),
            value_name: shown_name(&value.key, &value.name),
            offset: value.offset,
        }
    }
}

impl Layer {
    /// A layer of which nothing is said yet.
    pub(super) fn new(rank: u8, layer: &'static str, state: &'static str) -> Self {
        Self {
            rank,
            layer,
            when: None,
            state,
            value: None,
            meaning: None,
            place: None,
            label: None,
            elements: Vec::new(),
            records: Vec::new(),
            values: Vec::new(),
            problem: None,
        }
    }

    fn unknown(rank: u8, layer: &'static str, why: impl ToString) -> Self {
        Self { problem: Some(why.to_string()), ..Self::new(rank, layer, "unknown") }
    }
}

impl Case<'_> {
    /// What has been applied, the local setting, the default.
    pub(super) fn layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        let keys: Vec<&str> =
            self.subject.values().into_iter().map(|(key, _)| key).chain(self.subject.list_keys()).collect();
        let differs = keys.iter().any(|key| self.machine.differs(key));
        layers.extend(both(differs, |when| self.applied_layer(when)));
        let Some((fact, _)) = self.fact else { return layers };
        let local = std::iter::once((&fact.local.key, &fact.local.name));
        for (key, name) in local.chain(fact.local.also.iter().map(|also| (&also.key, &also.name))) {
            layers.extend(both(self.machine.differs(key), |when| self.local_layer(key, name, when)));
        }
        if let Some(default) = self.machine.fallback(&fact.default) {
            layers.push(Layer {
                value: Some(default_value(&default.value)),
                meaning: Some(fact.meaning_of_text(&default.value)),
                label: Some(match &default.unverified {
                    Some(why) => format!("{}; unverified: {why}", default.versions),
                    None => default.versions.clone(),
                }),
                ..Layer::new(0, "default", "default")
            });
        }
        layers
    }

    fn applied_layer(&self, when: When) -> Option<Layer> {
        const NAME: &str = "applied-policy";
        let applied = match self.machine.applied(self.subject, when) {
            Ok(applied) => applied,
            Err(error) => return Some(Layer::unknown(2, NAME, error)),
        };
        let reading = self.reading(&applied.file);
        if reading.state == State::NotConfigured {
            return applied.doubt.map(|doubt| Layer::unknown(2, NAME, doubt));
        }
        let decided = self.decided(&applied.file);
        let first = decided.as_ref().and_then(|d| d.records.first()).or(reading.records.first());
        let values = reading.records.iter().filter_map(|&index| applied.values.get(index));
        Some(Layer {
            place: first.and_then(|&index| applied.values.get(index)).map(|(value, _)| Place::from(value)),
            value: decided.as_ref().and_then(|d| d.value.clone()),
            meaning: decided.and_then(|d| d.meaning),
            elements: reading.elements.iter().map(ElementModel::new).collect(),
            values: values.map(|(value, noted)| RegistryModel::new(value, noted)).collect(),
            problem: applied.doubt,
            ..Layer::new(2, NAME, self.subject.word(reading.state))
        })
    }

    fn local_layer(&self, key: &str, label: &str, when: When) -> Option<Layer> {
        const NAME: &str = "local-setting";
        let (fact, _) = self.fact?;
        let found = match self.machine.value(key, &fact.local.value, when) {
            Ok(found) => found,
            Err(error) => return Some(Layer::unknown(1, NAME, error)),
        };
        let doubt = self.machine.doubt(key);
        let Some(found) = found else { return doubt.map(|doubt| Layer::unknown(1, NAME, doubt)) };
        let value = found.value();
        Some(Layer {
            place: Some(Place::from(&found)),
            meaning: value.as_ref().map(|value| fact.local_meaning(value)),
            value: found.judged().value(),
            label: Some(label.to_owned()),
            problem: doubt,
            ..Layer::new(1, NAME, "set")
        })
    }
}

/// A layer once, or once for each control set where they differ.
fn both(differs: bool, layer: impl Fn(When) -> Option<Layer>) -> Vec<Layer> {
    if !differs {
        return layer(When::NextBoot).into_iter().collect();
    }
    let of = |when, name| layer(when).map(|layer| Layer { when: Some(name), ..layer });
    [of(When::NextBoot, "next-boot"), of(When::Now, "now")].into_iter().flatten().collect()
}
