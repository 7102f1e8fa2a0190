//! From a state file to records.

use std::collections::HashMap;

use admx::{
    Catalog, Detail, ElementValue, EnumValue, Input, InputValue, ListEntry, Policy, Wanted as Write, write_set,
};
use polfile::{Folded, PolicyFile, Record, RecordRef};

use super::super::TextError;
use super::super::lgpo::Scope;
use super::wrong::{not_one_policy, not_this_state};
use super::{At, ElementWord, Order, Side, StateFile, Wanted, WantedElement, WantedPolicy, WantedState};
use crate::secret::without_secret_input;

/// The records that one scope of a state file asks for.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Whose.
    pub scope: Scope,
    /// The records, in the order that the file asks for.
    pub file: PolicyFile,
    /// For each record, where the state file asks for it.
    pub places: Vec<At>,
    /// What must have no record.
    pub absent: Vec<Absent>,
    /// The policies it names.
    pub policies: Vec<Named>,
    /// Client-side extensions that its policies name.
    pub client_extensions: Vec<String>,
}

/// A policy that a state file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Where.
    pub at: At,
    /// Its id.
    pub id: String,
    /// Whether it may contradict a file that this one builds on.
    pub overrides: bool,
}

/// A value that must have no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Where the state file says so.
    pub at: At,
    /// What it names there: the policy's id, or nothing for a value.
    pub policy: Option<String>,
    /// Key of the value; empty for a policy.
    pub key: String,
    /// Name of the value.
    pub value_name: String,
}

/// What two records for one value have in common; compare [`RecordRef::same_slot`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot(Folded, Folded, bool);

impl Slot {
    pub(super) fn of(record: &RecordRef<'_>) -> Self {
        use polfile::Action;
        let name = match record.action() {
            Action::DeleteValue(name) if name.strip_prefix_ignore_case("**").is_none() => name.fold(),
            Action::DeleteAllValues => Folded::from("**delvals"),
            _ => record.value_name.fold(),
        };
        Self(record.key.fold(), name, matches!(record.action(), Action::CreateKey))
    }
}

/// Makes records of what a state file asks for.
///
/// # Errors
///
/// [`TextError`] where a policy is not in the templates, takes no such element, or has nothing to write in a state; where
/// a policy is named twice under two names; and where a record says something that a policy of the same side says.
pub fn resolve(state: &StateFile, catalog: Option<&Catalog>) -> Result<Vec<Resolved>, TextError> {
    state.sides.iter().map(|side| resolve_side(side, catalog)).collect()
}

pub(super) fn resolve_side(side: &Side, catalog: Option<&Catalog>) -> Result<Resolved, TextError> {
    let mut resolved = Resolved {
        scope: side.scope.clone(),
        file: PolicyFile::new(),
        places: Vec::new(),
        absent: Vec::new(),
        policies: Vec::new(),
        client_extensions: Vec::new(),
    };
    let mut listed: Vec<(Record, At)> = Vec::new();
    let mut named: HashMap<String, At> = HashMap::new();
    let mut written: HashMap<Slot, (usize, String)> = HashMap::new();
    for wanted in &side.policies {
        let catalog = catalog.ok_or_else(|| {
            wanted.at.error("no templates are loaded that could know this policy").help("name them with --admx")
        })?;
        let (policy, records, extensions) = policy(catalog, side, wanted)?;
        if let Some(first) = named.insert(policy.id(), wanted.at) {
            let why = format!("the policy {} is here twice; first in line {}", policy.id(), first.line);
            return Err(wanted.name_at.error(why).help("say it once"));
        }
        resolved.policies.push(Named { at: wanted.at, id: policy.id(), overrides: wanted.overrides });
        if wanted.state == WantedState::NotConfigured {
            let id = Some(policy.id());
            resolved.absent.push(Absent { at: wanted.at, policy: id, key: String::new(), value_name: String::new() });
        }
        for record in records {
            let record = respelled(record, &side.spelling);
            let index = listed.len();
            match written.get(&Slot::of(&record.as_ref())) {
                None => {
                    written.insert(Slot::of(&record.as_ref()), (index, policy.id()));
                    listed.push((record, wanted.at));
                }
                Some((first, other)) => {
                    let (first, first_at) = &listed[*first];
                    if *first != record {
                        let value = shown(&record.as_ref());
                        let why = format!(
                            "{} and {other} (line {}) want different things of {value}",
                            policy.id(),
                            first_at.line
                        );
                        return Err(wanted.at.error(why).help("one of them has to go, or to want the same"));
                    }
                }
            }
        }
        for extension in extensions {
            if !resolved.client_extensions.contains(&extension) {
                resolved.client_extensions.push(extension);
            }
        }
    }
    for wanted in &side.registry {
        let record = match &wanted.wanted {
            Wanted::Record(record) | Wanted::Raw(record) => record.clone(),
            Wanted::Forget(key, value_name) => {
                let (key, value_name) = (key.clone(), value_name.clone());
                resolved.absent.push(Absent { at: wanted.at, policy: None, key, value_name });
                continue;
            }
        };
        if let Some((first, policy)) = written.get(&Slot::of(&record.as_ref())) {
            let line = listed[*first].1.line;
            let why = format!("{} is what the policy {policy} in line {line} writes", shown(&record.as_ref()));
            return Err(wanted.at.error(why).help("say it once: with the policy, or with the record"));
        }
        listed.push((record, wanted.at));
    }
    match side.order {
        Order::Listed => {
            listed.iter().for_each(|(record, _)| resolved.file.push(record.as_ref()));
            resolved.places = listed.into_iter().map(|(_, at)| at).collect();
        }
        Order::Editor => {
            resolved.file.put_all(listed.iter().map(|(record, _)| record));
            let places: HashMap<Slot, At> =
                listed.iter().map(|(record, at)| (Slot::of(&record.as_ref()), *at)).collect();
            let place = |record: RecordRef<'_>| places.get(&Slot::of(&record)).copied().unwrap_or_default();
            resolved.places = resolved.file.records().map(place).collect();
        }
    }
    Ok(resolved)
}

fn shown(record: &RecordRef<'_>) -> String {
    format!("{}!{}", record.key.to_text_lossy(), record.value_name.to_text_lossy())
}

/// The policy that is meant, its records, and the extensions it names.
fn policy<'c>(
    catalog: &'c Catalog,
    side: &Side,
    wanted: &WantedPolicy,
) -> Result<(&'c Policy, Vec<Record>, Vec<String>), TextError> {
    let of = side.scope.side();
    let found = policy_named(catalog, of, &wanted.policy);
    let policy = found.map_err(|error| not_one_policy(wanted, &error, catalog))?;
    let inputs = || wanted.elements.iter().map(|element| input(policy, element)).collect();
    let state = match wanted.state {
        WantedState::NotConfigured => Write::NotConfigured,
        WantedState::Disabled => Write::Disabled,
        WantedState::Enabled => Write::Enabled(inputs()),
    };
    let set = write_set(policy, of, &state)
        .map_err(|error| not_this_state(wanted, &side.scope, &without_secret_input(policy, error)))?;
    Ok((policy, set.records, set.client_extensions))
}

/// By id, display name or path; of several, the one that the side has.
pub(super) fn policy_named<'c>(
    catalog: &'c Catalog,
    side: admx::Side,
    name: &str,
) -> Result<&'c Policy, admx::FindError> {
    if let Some(policy) = by_id(catalog, name) {
        return Ok(policy);
    }
    let found = catalog.find_on(name, Some(side)).or_else(|_| catalog.find(name));
    found.map(|found| found.policy)
}

/// By its whole id, as files that were written have it: without a search through names.
pub(crate) fn by_id<'c>(catalog: &'c Catalog, id: &str) -> Option<&'c Policy> {
    catalog.of_id(id)
}

/// The record with the components of its key spelled as they are listed.
fn respelled(record: Record, spelling: &[String]) -> Record {
    let old = record.as_ref();
    let Ok(key) = old.key.to_text() else { return record };
    let mut components: Vec<&str> = key.split('\\').collect();
    for listed in spelling {
        let listed: Vec<&str> = listed.split('\\').collect();
        let (Some(last), place) = (listed.last(), listed.len().saturating_sub(1)) else { continue };
        let same = components.len() >= listed.len()
            && components.iter().zip(&listed).all(|(a, b)| Folded::from(*a) == Folded::from(*b));
        if let Some(component) = components.get_mut(place).filter(|_| same) {
            *component = last;
        }
    }
    let key = components.join("\\");
    Record::new(key.as_str().into(), old.value_name.to_wide_string(), old.value_type, old.data.to_vec())
        .unwrap_or(record)
}

/// An element's value, as the kind of the element wants it.
fn input(policy: &Policy, wanted: &WantedElement) -> Input {
    let element = policy.element_named(&wanted.name);
    let detail = element.map(|element| &element.detail);
    let value = match (&wanted.value, detail) {
        (ElementWord::Number(n), Some(Detail::Enum { .. })) => {
            InputValue::Value(ElementValue::Enum(EnumValue::Number(*n)))
        }
        (ElementWord::Number(n), Some(Detail::Decimal { .. } | Detail::LongDecimal { .. })) => {
            InputValue::Value(ElementValue::Decimal(*n))
        }
        (ElementWord::Number(n), _) => InputValue::Text(n.to_string()),
        (ElementWord::Bool(value), Some(Detail::Boolean { .. })) => InputValue::Value(ElementValue::Boolean(*value)),
        (ElementWord::Bool(value), _) => InputValue::Text(value.to_string()),
        (ElementWord::Text(text), _) => InputValue::Text(text.clone()),
        (ElementWord::List(lines), Some(Detail::MultiText { .. })) => {
            InputValue::Value(ElementValue::MultiText(lines.clone()))
        }
        (ElementWord::List(entries), _) => InputValue::Value(ElementValue::List(
            entries.iter().map(|data| ListEntry { name: None, data: data.clone() }).collect(),
        )),
        (ElementWord::Named(entries), _) => InputValue::Value(ElementValue::List(
            entries.iter().map(|(name, data)| ListEntry { name: Some(name.clone()), data: data.clone() }).collect(),
        )),
    };
    Input { element: wanted.name.clone(), value }
}
