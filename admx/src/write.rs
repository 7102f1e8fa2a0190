//! From a state to the records it needs.
//!
//! Verified against what Windows' editor wrote where that is known; the order of the records is the editor's: the
//! policy's own value, its list, then the elements in the order of their controls.

mod apply;
mod error;
mod input;
mod records;
mod resolve;

pub use error::InputError;
pub use input::{Allowed, Input, InputValue, Needed};

use std::sync::Arc;

use polfile::{PolicyFile, Record};

use crate::claims;
use crate::model::{Detail, Element, ElementKind, Policy, Side};
use crate::read::{State, state_of};
use crate::value::{ElementValue, ListEntry};
use records::Draft;

/// The state that a policy is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No record.
    NotConfigured,
    /// As the template's Disabled.
    Disabled,
    /// As the template's Enabled, with these inputs. Elements without input take the default of their control.
    Enabled(Vec<Input>),
}

/// An element that took the default of its control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultUsed {
    /// Id of the element.
    pub element: String,
    /// Text of its control.
    pub label: String,
    /// Its kind.
    pub kind: ElementKind,
    /// What it is set to.
    pub value: ElementValue,
    /// Text of the item, for an enum.
    pub display: Option<String>,
}

/// The records that a state needs, and what has to go.
#[derive(Clone, Debug)]
pub struct WriteSet {
    /// The side it is for.
    pub side: Side,
    /// In the order in which the editor writes them; none for Not Configured.
    pub records: Vec<Record>,
    /// Elements that got no input.
    pub defaults: Vec<DefaultUsed>,
    /// GUIDs of the client-side extensions that the policy and its elements name, as in the template.
    pub client_extensions: Vec<String>,
    /// What the records read back as: a policy whose only element is a check box that isn't checked, or a list without
    /// entries, reads as Disabled though Enabled was wanted, in Windows' own report, too.
    pub reads_as: State,
    owned: Vec<Owned>,
    lists: Vec<OwnedList>,
}

/// A value that any state of the policy may write.
#[derive(Clone, Debug)]
struct Owned {
    key: Arc<str>,
    name: String,
}

/// A key whose values are entries of a list.
#[derive(Clone, Debug)]
struct OwnedList {
    key: Arc<str>,
    prefix: Option<String>,
}

/// The records that a policy needs on a side to have a state.
///
/// ```
/// use admx::{Catalog, Input, Side, State, Wanted, write_set};
/// use polfile::{PolicyFile, Value};
/// let catalog = Catalog::builtin();
/// let policy = catalog.find("TS_ENCRYPTION_POLICY")?.policy;
/// let input: Input = "TS_ENCRYPTION_LEVEL=High Level".parse()?;
/// let set = write_set(policy, Side::Computer, &Wanted::Enabled(vec![input]))?;
/// assert_eq!(set.records[0].as_ref().value(), Ok(Value::Dword(3)));
///
/// let mut file = PolicyFile::new();
/// assert!(set.apply(&catalog, &mut file));
/// assert_eq!(catalog.read_policy(policy, Side::Computer, &file).state, State::Enabled);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`InputError`] if the policy does not exist on the side, if an input does not fit, if one is missing that the editor
/// would insist on, or if the state would leave no record and so be none.
pub fn write_set(policy: &Policy, side: Side, wanted: &Wanted) -> Result<WriteSet, InputError> {
    if !policy.class.has(side) {
        return Err(InputError::WrongSide { policy: policy.id(), side });
    }
    let mut draft = Draft::default();
    let mut defaults = Vec::new();
    let state = match wanted {
        Wanted::NotConfigured => State::NotConfigured,
        Wanted::Disabled => {
            draft.disabled(policy);
            State::Disabled
        }
        Wanted::Enabled(inputs) => {
            let chosen = resolve::resolve(policy, inputs, &mut defaults)?;
            draft.enabled(policy, &chosen);
            State::Enabled
        }
    };
    let records = draft.into_records()?;
    if records.is_empty() && state != State::NotConfigured {
        return Err(InputError::NothingToWrite { policy: policy.id(), state });
    }
    if records.iter().any(|record| record.as_ref().key.is_empty()) {
        return Err(InputError::NoKey { policy: policy.id() });
    }
    let alone: PolicyFile = records.iter().map(Record::as_ref).collect();
    Ok(WriteSet {
        side,
        reads_as: state_of(policy, &alone),
        records,
        defaults,
        client_extensions: policy.client_extensions().into_iter().map(str::to_owned).collect(),
        owned: owned(policy),
        lists: claims::lists(policy)
            .map(|(element, prefix)| OwnedList { key: element.key.clone(), prefix: prefix.map(str::to_owned) })
            .collect(),
    })
}

fn owned(policy: &Policy) -> Vec<Owned> {
    let mut owned: Vec<Owned> = Vec::new();
    let mut own = |key: &str, name: String| {
        owned.push(Owned { key: Arc::from(key), name });
    };
    claims::values(policy, |key, name| own(key, name.to_owned()));
    for element in policy.elements.iter().filter(|e| e.soft) {
        if let Some(name) = &element.value_name {
            own(&element.key, format!("**soft.{name}"));
        }
    }
    owned
}

/// What an element is set to, ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Chosen {
    /// Nothing is written.
    Nothing,
    Checked(bool),
    Number(u64),
    Text(String),
    Lines(Vec<String>),
    /// Index of the item.
    Item(usize),
    /// Name, where the user gives it, and data.
    Entries(Vec<(Option<String>, String)>),
}

impl Chosen {
    /// As the reader would report it; `None` for nothing.
    fn value(&self, element: &Element) -> Option<ElementValue> {
        Some(match (self, &element.detail) {
            (Chosen::Checked(checked), _) => ElementValue::Boolean(*checked),
            (Chosen::Number(n), _) => ElementValue::Decimal(*n),
            (Chosen::Text(text), _) => ElementValue::Text(text.clone()),
            (Chosen::Lines(lines), _) => ElementValue::MultiText(lines.clone()),
            (Chosen::Item(index), Detail::Enum { items }) => ElementValue::Enum((&items.get(*index)?.value).into()),
            (Chosen::Entries(entries), _) => ElementValue::List(
                entries.iter().map(|(name, data)| ListEntry { name: name.clone(), data: data.clone() }).collect(),
            ),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
