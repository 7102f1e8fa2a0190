//! Inputs checked against the template: what each element is set to.

use polfile::Folded;

use super::{Chosen, DefaultUsed, Input, InputError, InputValue, Needed};
use crate::find::normal;
use crate::model::{Detail, Element, Policy};
use crate::value::{ElementValue, EnumValue};

/// What each element is set to, in their order; elements without input take their defaults.
pub(super) fn resolve(
    policy: &Policy,
    inputs: &[Input],
    defaults: &mut Vec<DefaultUsed>,
) -> Result<Vec<Chosen>, InputError> {
    let mut given: Vec<Vec<&InputValue>> = vec![Vec::new(); policy.elements.len()];
    for input in inputs {
        let index = position(policy, &input.element).ok_or_else(|| InputError::UnknownElement {
            given: input.element.clone(),
            elements: policy.elements.iter().map(Needed::of).collect(),
        })?;
        given[index].push(&input.value);
    }
    let mut chosen = Vec::with_capacity(given.len());
    let mut missing = Vec::new();
    for (element, values) in policy.elements.iter().zip(given) {
        if values.is_empty() {
            match default(element) {
                Some(value) => {
                    defaults.extend(value.value(element).map(|shown| used(element, shown, &value)));
                    chosen.push(value);
                }
                None if element.required => missing.push(Needed::of(element)),
                None => chosen.push(Chosen::Nothing),
            }
        } else {
            chosen.push(choose(element, &values)?);
        }
    }
    if missing.is_empty() { Ok(chosen) } else { Err(InputError::Missing { needed: missing }) }
}

impl Policy {
    /// The element with this id, if any, else the one whose control has this text; as inputs name them.
    pub fn element_named(&self, given: &str) -> Option<&Element> {
        position(self, given).and_then(|index| self.elements.get(index))
    }
}

/// By id, exactly or in any case, else by the text of the control.
fn position(policy: &Policy, given: &str) -> Option<usize> {
    let find = |same: &dyn Fn(&Element) -> bool| policy.elements.iter().position(same);
    find(&|e| e.id == given).or_else(|| find(&|e| e.id.eq_ignore_ascii_case(given))).or_else(|| {
        let wanted = label(given);
        let same = |e: &&Element| !wanted.is_empty() && label(&e.label) == wanted;
        // A label that several elements have names none of them.
        if policy.elements.iter().filter(same).count() == 1 { find(&|e| same(&e)) } else { None }
    })
}

fn label(text: &str) -> String {
    normal(text).trim_end_matches(':').trim_end().to_owned()
}

fn used(element: &Element, value: ElementValue, chosen: &Chosen) -> DefaultUsed {
    let display = match chosen {
        Chosen::Item(index) => element.items().get(*index).map(|item| item.display_name.clone()),
        _ => None,
    };
    DefaultUsed { element: element.id.clone(), label: element.label.clone(), kind: element.kind(), value, display }
}

/// What the editor would write if nothing is entered. Text is written empty unless it is required.
fn default(element: &Element) -> Option<Chosen> {
    match (&element.default, &element.detail) {
        (Some(value), _) => from_value(element, value).ok(),
        (None, Detail::Boolean { .. }) => Some(Chosen::Checked(false)),
        (None, Detail::Text { .. }) if !element.required => Some(Chosen::Text(String::new())),
        (None, Detail::MultiText { .. }) if !element.required => Some(Chosen::Lines(Vec::new())),
        (None, Detail::List { .. }) => Some(Chosen::Entries(Vec::new())),
        _ => None,
    }
}

fn rejected(element: &Element, given: &str, reason: Option<&'static str>) -> InputError {
    InputError::Rejected { given: given.to_owned(), needed: Box::new(Needed::of(element)), reason }
}

fn choose(element: &Element, values: &[&InputValue]) -> Result<Chosen, InputError> {
    let is_list = matches!(element.detail, Detail::List { .. });
    let is_lines = matches!(element.detail, Detail::MultiText { .. });
    let mut lines = Vec::new();
    let mut entries = Vec::new();
    for value in values {
        match value {
            InputValue::Entry(entry) if is_list => entries.push((None, entry.clone())),
            InputValue::Entry(line) if is_lines => lines.push(line.clone()),
            InputValue::Named { name, data } if is_list => entries.push((Some(name.clone()), data.clone())),
            InputValue::Entry(given) => return Err(rejected(element, given, Some("it does not take several values"))),
            InputValue::Named { name, .. } => return Err(rejected(element, name, Some("its entries have no names"))),
            _ if values.len() > 1 => return Err(InputError::Twice { element: element.id.clone() }),
            InputValue::Value(value) => return checked(element, from_value(element, value)?),
            InputValue::Text(text) => return checked(element, from_text(element, text)?),
        }
    }
    let chosen = if is_list { Chosen::Entries(entries) } else { Chosen::Lines(lines) };
    checked(element, chosen)
}

fn from_value(element: &Element, value: &ElementValue) -> Result<Chosen, InputError> {
    let chosen = match (&element.detail, value) {
        (Detail::Boolean { .. }, ElementValue::Boolean(checked)) => Chosen::Checked(*checked),
        (Detail::Decimal { .. } | Detail::LongDecimal { .. }, ElementValue::Decimal(n)) => Chosen::Number(*n),
        (Detail::Text { .. }, ElementValue::Text(text)) => Chosen::Text(text.clone()),
        (Detail::MultiText { .. }, ElementValue::MultiText(lines)) => Chosen::Lines(lines.clone()),
        (Detail::List { .. }, ElementValue::List(entries)) => {
            Chosen::Entries(entries.iter().map(|e| (e.name.clone(), e.data.clone())).collect())
        }
        (Detail::Enum { items }, ElementValue::Enum(value)) => {
            let index = items.iter().position(|item| EnumValue::from(&item.value) == *value);
            Chosen::Item(index.ok_or_else(|| rejected(element, &shown(value), None))?)
        }
        _ => return Err(rejected(element, &format!("{value:?}"), Some("it is of another kind"))),
    };
    Ok(chosen)
}

fn shown(value: &EnumValue) -> String {
    match value {
        EnumValue::Number(n) => n.to_string(),
        EnumValue::Text(text) => text.clone(),
        EnumValue::Delete => "(deleted)".to_owned(),
    }
}

fn from_text(element: &Element, text: &str) -> Result<Chosen, InputError> {
    let number = || {
        let digits = text.trim();
        let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        };
        // Neither form allows a sign.
        parsed.filter(|_| !digits.contains('+'))
    };
    Ok(match &element.detail {
        Detail::Boolean { .. } => match text.trim() {
            t if t.eq_ignore_ascii_case("true") => Chosen::Checked(true),
            t if t.eq_ignore_ascii_case("false") => Chosen::Checked(false),
            _ => return Err(rejected(element, text, None)),
        },
        Detail::Decimal { .. } | Detail::LongDecimal { .. } => {
            Chosen::Number(number().ok_or_else(|| rejected(element, text, None))?)
        }
        Detail::Text { .. } => Chosen::Text(text.to_owned()),
        Detail::MultiText { .. } => Chosen::Lines(text.lines().map(str::to_owned).collect()),
        Detail::List { .. } if text.is_empty() => Chosen::Entries(Vec::new()),
        Detail::List { .. } => Chosen::Entries(vec![(None, text.to_owned())]),
        Detail::Enum { items } => {
            let wanted = normal(text);
            let by_text = || items.iter().position(|item| normal(&item.display_name) == wanted);
            let by_number = || {
                let n = number()?;
                items.iter().position(|item| EnumValue::from(&item.value) == EnumValue::Number(n))
            };
            let by_value =
                || items.iter().position(|item| EnumValue::from(&item.value) == EnumValue::Text(text.into()));
            let index = items.iter().position(|item| item.display_name == text);
            let index = index.or_else(by_text).or_else(by_value).or_else(by_number);
            Chosen::Item(index.ok_or_else(|| rejected(element, text, None))?)
        }
    })
}

/// Applies the template's limits and those of the format.
fn checked(element: &Element, chosen: Chosen) -> Result<Chosen, InputError> {
    let length = |text: &str| text.encode_utf16().count();
    let text_ok = |text: &str, max: u32| -> Result<(), InputError> {
        if text.contains('\0') {
            return Err(rejected(element, text, Some("it holds a NUL character")));
        }
        if length(text) > max as usize {
            return Err(rejected(element, text, Some("it is too long")));
        }
        Ok(())
    };
    match (&element.detail, &chosen) {
        (Detail::Decimal { min, max, .. }, Chosen::Number(n)) if !(u64::from(*min)..=u64::from(*max)).contains(n) => {
            return Err(rejected(element, &n.to_string(), None));
        }
        (Detail::LongDecimal { min, max, .. }, Chosen::Number(n)) if !(min..=max).contains(&n) => {
            return Err(rejected(element, &n.to_string(), None));
        }
        (Detail::Text { max_length, .. }, Chosen::Text(text)) => {
            text_ok(text, *max_length)?;
            if element.required && text.is_empty() {
                return Err(InputError::Missing { needed: vec![Needed::of(element)] });
            }
        }
        (Detail::MultiText { max_length, max_strings }, Chosen::Lines(lines)) => {
            lines.iter().try_for_each(|line| text_ok(line, *max_length))?;
            if *max_strings > 0 && lines.len() > *max_strings as usize {
                return Err(rejected(element, &lines.join("\\n"), Some("it has too many lines")));
            }
            if element.required && lines.iter().all(String::is_empty) {
                return Err(InputError::Missing { needed: vec![Needed::of(element)] });
            }
        }
        (Detail::List { prefix, explicit, .. }, Chosen::Entries(entries)) => {
            list_ok(element, prefix.as_deref(), *explicit, entries)?;
        }
        _ => {}
    }
    Ok(chosen)
}

fn list_ok(
    element: &Element,
    prefix: Option<&str>,
    explicit: bool,
    entries: &[(Option<String>, String)],
) -> Result<(), InputError> {
    let mut names: Vec<Folded> = Vec::new();
    for (name, data) in entries {
        let reject = |reason| Err(rejected(element, name.as_ref().unwrap_or(data), Some(reason)));
        if data.contains('\0') || name.as_ref().is_some_and(|n| n.contains('\0')) {
            return reject("it holds a NUL character");
        }
        match (explicit, name) {
            (true, None) => return reject("its entries need names"),
            (false, Some(_)) => return reject("its entries have no names"),
            _ => {}
        }
        // The registry name: what the user gives, or the entry itself.
        let Some(value_name) = name.as_ref().or(if prefix.is_none() { Some(data) } else { None }) else { continue };
        if value_name.starts_with("**") {
            return reject("a name that starts with ** is an instruction to Windows");
        }
        if value_name.is_empty() {
            return reject("an entry needs a name");
        }
        let folded = Folded::from(value_name.as_str());
        if names.contains(&folded) {
            return reject("it is there twice");
        }
        names.push(folded);
    }
    Ok(())
}
