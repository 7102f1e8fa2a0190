//! Policies, their inputs and states as JSON has them.

use admx::{
    Catalog, Detail, Element, ElementReading, ElementValue, EnumValue, ListEntry, Literal, Policy, PolicyReading, State,
};
use serde::Serialize;

use super::RecordModel;
use crate::secret::{self, HIDDEN};

/// A policy and what a policy file makes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyModel {
    /// `namespace:name`.
    pub id: String,
    /// Namespace of the template.
    pub namespace: String,
    /// Name in the template.
    pub name: String,
    /// As the editor shows it.
    pub display_name: String,
    /// Display names, outermost first.
    pub category: Vec<String>,
    /// `enabled`, `disabled`, `mixed` or `not-configured`.
    pub state: &'static str,
    /// The text that the template gives.
    pub supported_on: Option<String>,
    /// The administrator's comment.
    pub comment: Option<String>,
    /// The records that the state was read from, counted from 0.
    pub record_indexes: Vec<usize>,
    /// Those of them that do not fit the state; only when it is `mixed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub misfit_indexes: Vec<usize>,
    /// In the order in which the editor shows them.
    pub elements: Vec<ElementModel>,
    /// The records themselves, where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<RecordModel>>,
}

/// One input of a policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ElementModel {
    /// Id in the template.
    pub id: String,
    /// `boolean`, `decimal`, `long-decimal`, `text`, `multi-text`, `enum` or `list`.
    pub kind: &'static str,
    /// Text of its control.
    pub label: String,
    /// `enabled`, `disabled` or `not-configured`.
    pub state: &'static str,
    /// `null` when not configured.
    pub value: Option<ElementValueModel>,
    /// The value as the editor shows it.
    pub display: Option<String>,
    /// Why the editor would not take this value; it is shown all the same, since Windows applies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Whether the value, or an entry of it, is a secret: it is `(hidden)` then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// What an input is set to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ElementValueModel {
    /// A check box.
    Boolean(bool),
    /// A number, or the number behind an item of a drop-down list.
    Number(u64),
    /// Text, or the text behind an item of a drop-down list.
    Text(String),
    /// Lines of text, or the entries of a list.
    List(Vec<ListEntryModel>),
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ListEntryModel {
    /// Where names are made up by the template.
    Data(String),
    /// Where names are the user's.
    Named {
        /// The value name.
        name: String,
        /// The data.
        data: String,
    },
}

impl PolicyModel {
    /// The model of a policy as it was read.
    pub fn new(catalog: &Catalog, reading: &PolicyReading<'_>) -> Self {
        Self {
            state: reading.state.as_str(),
            record_indexes: reading.records.clone(),
            misfit_indexes: reading.misfits.clone(),
            elements: reading.elements.iter().map(ElementModel::new).collect(),
            ..Self::not_configured(catalog, reading.policy)
        }
    }

    /// The model of a policy of which no record speaks.
    pub fn not_configured(catalog: &Catalog, policy: &Policy) -> Self {
        Self {
            id: policy.id(),
            namespace: policy.namespace.to_string(),
            name: policy.name.clone(),
            display_name: policy.display_name.clone(),
            category: catalog.category_path(policy).into_iter().map(str::to_owned).collect(),
            state: State::NotConfigured.as_str(),
            supported_on: catalog.supported_on(policy).map(str::to_owned),
            comment: None,
            record_indexes: Vec::new(),
            misfit_indexes: Vec::new(),
            elements: Vec::new(),
            records: None,
        }
    }
}

impl ElementModel {
    /// The model of an input as it was read. A secret is hidden.
    pub fn new(reading: &ElementReading<'_>) -> Self {
        let warning = reading.value.as_ref().and_then(|value| warning(reading, value));
        let value = reading.value.as_ref().and_then(|value| ElementValueModel::of(reading.element, value));
        Self {
            id: reading.element.id.clone(),
            kind: reading.kind.as_str(),
            label: reading.label.clone(),
            state: reading.state.as_str(),
            hidden: value.as_ref().is_some_and(ElementValueModel::is_hidden),
            value,
            display: reading.display.clone(),
            warning,
        }
    }
}

/// Why the editor would not take a value that is there.
fn warning(reading: &ElementReading<'_>, value: &ElementValue) -> Option<String> {
    let units = |text: &str| u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX);
    let outside = |n: u64, min: u64, max: u64| {
        (n < min || n > max).then(|| format!("outside the template's range, {min} to {max}"))
    };
    match (value, &reading.element.detail) {
        (ElementValue::Decimal(n), Detail::Decimal { min, max, .. }) => outside(*n, u64::from(*min), u64::from(*max)),
        (ElementValue::Decimal(n), Detail::LongDecimal { min, max, .. }) => outside(*n, *min, *max),
        (ElementValue::Text(text), Detail::Text { max_length, .. }) if units(text) > *max_length => {
            Some(format!("longer than the template's {max_length} characters"))
        }
        (ElementValue::Enum(_), _) if reading.display.is_none() => Some("none of the template's items".to_owned()),
        _ => None,
    }
}

impl ElementValueModel {
    /// The model of a value of an element. `None` for an item that deletes the value. A secret is hidden; an item of the
    /// template is none.
    pub fn of(element: &Element, value: &ElementValue) -> Option<Self> {
        let name = element.value_name.as_deref().unwrap_or_default();
        let shown = |text: &String| shown(&element.key, name, text);
        Some(match value {
            ElementValue::Boolean(on) => Self::Boolean(*on),
            ElementValue::Decimal(n) | ElementValue::Enum(EnumValue::Number(n)) => Self::Number(*n),
            ElementValue::Enum(EnumValue::Text(text)) if is_item(element, text) => Self::Text(text.clone()),
            ElementValue::Text(text) | ElementValue::Enum(EnumValue::Text(text)) => Self::Text(shown(text)),
            ElementValue::Enum(EnumValue::Delete) => return None,
            ElementValue::MultiText(lines) => {
                Self::List(lines.iter().map(|l| ListEntryModel::Data(shown(l))).collect())
            }
            ElementValue::List(entries) => {
                Self::List(entries.iter().map(|entry| ListEntryModel::of(element, entry)).collect())
            }
        })
    }

    fn is_hidden(&self) -> bool {
        match self {
            Self::Boolean(_) | Self::Number(_) => false,
            Self::Text(text) => text == HIDDEN,
            Self::List(entries) => entries.iter().any(|entry| match entry {
                ListEntryModel::Data(data) | ListEntryModel::Named { data, .. } => data == HIDDEN,
            }),
        }
    }
}

impl ListEntryModel {
    fn of(element: &Element, entry: &ListEntry) -> Self {
        let key = &*element.key;
        match (&entry.name, &element.detail) {
            (Some(name), _) => Self::Named { name: secret::shown_name(key, name), data: shown(key, name, &entry.data) },
            (None, Detail::List { prefix: Some(prefix), .. }) => Self::Data(shown(key, prefix, &entry.data)),
            (None, _) => Self::Data(shown(key, "", &entry.data)),
        }
    }
}

/// A text that stands there, as it may be shown.
fn shown(key: &str, name: &str, text: &str) -> String {
    let hidden = !secret::are_shown() && secret::is_secret_text(key, name, text);
    if hidden { HIDDEN.to_owned() } else { text.to_owned() }
}

/// Whether the template offers the text for choice.
fn is_item(element: &Element, text: &str) -> bool {
    match &element.detail {
        Detail::Enum { items } => {
            items.iter().any(|item| matches!(&item.value, Literal::String(of) if of.eq_ignore_ascii_case(text)))
        }
        _ => false,
    }
}
