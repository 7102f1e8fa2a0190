//! Records of Enabled and Disabled, in the editor's order.

use std::collections::HashMap;

use polfile::{Folded, Record, Value, WideString};

use super::{Chosen, InputError};
use crate::model::{Assignment, Detail, Element, Literal, Policy};

/// Records being put together: one for each slot.
#[derive(Default)]
pub(super) struct Draft {
    entries: Vec<Entry>,
    /// Which of them writes a slot; a list may have some thousands.
    slots: HashMap<(Folded, Folded), usize>,
    /// What is there stays: in Disabled the policy's own values go before those of its elements.
    first_wins: bool,
}

struct Entry {
    key: String,
    name: String,
    what: What,
}

enum What {
    Set(Value),
    Delete,
    DeleteAll,
}

impl Draft {
    pub(super) fn enabled(&mut self, policy: &Policy, chosen: &[Chosen]) {
        if let Some(name) = &policy.value_name {
            let implied = Literal::Decimal(1);
            self.literal(&policy.key, name, policy.enabled_value.as_ref().unwrap_or(&implied));
        }
        self.assignments(&policy.enabled_list);
        for (element, chosen) in policy.elements.iter().zip(chosen) {
            self.element(element, chosen);
        }
    }

    pub(super) fn disabled(&mut self, policy: &Policy) {
        if let Some(name) = &policy.value_name {
            self.literal(&policy.key, name, policy.disabled_value.as_ref().unwrap_or(&Literal::Delete));
        }
        self.assignments(&policy.disabled_list);
        self.first_wins = true;
        for element in &policy.elements {
            match &element.detail {
                Detail::Boolean { .. } => self.element(element, &Chosen::Checked(false)),
                // Additive lists, too.
                Detail::List { .. } => self.delete_all(&element.key),
                _ => self.mark(element),
            }
        }
    }

    fn element(&mut self, element: &Element, chosen: &Chosen) {
        let value = match (&element.detail, chosen) {
            (Detail::Boolean { true_value, false_value, true_list, false_list }, Chosen::Checked(checked)) => {
                let only_lists =
                    true_value.is_none() && false_value.is_none() && !(true_list.is_empty() && false_list.is_empty());
                let (value, list) = if *checked { (true_value, true_list) } else { (false_value, false_list) };
                match (value, checked) {
                    _ if only_lists => {}
                    (Some(literal), _) => self.element_literal(element, literal),
                    (None, true) => self.element_literal(element, &Literal::Decimal(1)),
                    (None, false) => self.mark(element),
                }
                self.assignments(list);
                return;
            }
            (Detail::Enum { items }, Chosen::Item(index)) => {
                if let Some(item) = items.get(*index) {
                    self.element_literal(element, &item.value);
                    self.assignments(&item.value_list);
                }
                return;
            }
            (Detail::List { prefix, additive, expandable, .. }, Chosen::Entries(entries)) => {
                self.list(&element.key, prefix.as_deref(), *additive, *expandable, entries);
                return;
            }
            (Detail::Decimal { store_as_text, .. } | Detail::LongDecimal { store_as_text, .. }, Chosen::Number(n))
                if *store_as_text =>
            {
                Value::Sz(n.to_string().as_str().into())
            }
            // Numbers were checked against the element's bounds, which fit its type.
            (Detail::Decimal { .. }, Chosen::Number(n)) => Value::Dword(u32::try_from(*n).unwrap_or(u32::MAX)),
            (Detail::LongDecimal { .. }, Chosen::Number(n)) => Value::Qword(*n),
            (Detail::Text { expandable, .. }, Chosen::Text(text)) => sz(text, *expandable),
            (Detail::MultiText { .. }, Chosen::Lines(lines)) => {
                Value::MultiSz(lines.iter().map(|line| line.as_str().into()).collect())
            }
            _ => return,
        };
        self.element_value(element, value);
    }

    fn element_literal(&mut self, element: &Element, literal: &Literal) {
        match literal {
            Literal::Delete => self.element_put(element, What::Delete),
            literal => self.element_put(element, What::Set(value_of(literal))),
        }
    }

    fn element_value(&mut self, element: &Element, value: Value) {
        self.element_put(element, What::Set(value));
    }

    fn element_put(&mut self, element: &Element, what: What) {
        if let Some(name) = &element.value_name {
            if element.soft && matches!(what, What::Set(_)) {
                self.put(&element.key, &format!("**soft.{name}"), what);
            } else {
                self.put(&element.key, name, what);
            }
        }
    }

    /// Marks the element's value for deletion, unless something writes it.
    fn mark(&mut self, element: &Element) {
        if let Some(name) = &element.value_name {
            let slot = (Folded::from(&*element.key), Folded::from(name.as_str()));
            if !self.slots.contains_key(&slot) {
                self.put(&element.key, name, What::Delete);
            }
        }
    }

    fn list(
        &mut self,
        key: &str,
        prefix: Option<&str>,
        additive: bool,
        expandable: bool,
        entries: &[(Option<String>, String)],
    ) {
        if !additive {
            self.delete_all(key);
        }
        for (number, (name, data)) in (1u64..).zip(entries) {
            let value = What::Set(sz(data, expandable));
            match (name, prefix) {
                (Some(name), _) => self.put(key, name, value),
                (None, Some(prefix)) => self.put(key, &format!("{prefix}{number}"), value),
                (None, None) => self.put(key, data, value),
            }
        }
    }

    fn assignments(&mut self, items: &[Assignment]) {
        for item in items {
            self.literal(&item.key, &item.value_name, &item.literal);
        }
    }

    fn literal(&mut self, key: &str, name: &str, literal: &Literal) {
        match literal {
            Literal::Delete => self.put(key, name, What::Delete),
            literal => self.put(key, name, What::Set(value_of(literal))),
        }
    }

    fn delete_all(&mut self, key: &str) {
        self.put(key, "**delvals.", What::DeleteAll);
    }

    /// What is written later to a slot replaces what is there, in its place, unless the first one wins.
    fn put(&mut self, key: &str, name: &str, what: What) {
        let slot = (Folded::from(key), Folded::from(name));
        let there = self.slots.get(&slot).and_then(|&index| self.entries.get_mut(index));
        match there {
            Some(_) if self.first_wins => {}
            Some(entry) => entry.what = what,
            None => {
                self.slots.insert(slot, self.entries.len());
                self.entries.push(Entry { key: key.to_owned(), name: name.to_owned(), what });
            }
        }
    }

    pub(super) fn into_records(self) -> Result<Vec<Record>, InputError> {
        let records = self.entries.into_iter().map(|entry| {
            let (key, name) = (WideString::from(entry.key.as_str()), WideString::from(entry.name.as_str()));
            match entry.what {
                What::Set(value) => Record::set(key, name, &value),
                What::Delete => Record::delete_value(key, name),
                What::DeleteAll => Record::delete_all_values(key),
            }
        });
        records.collect::<Result<_, _>>().map_err(InputError::Unstorable)
    }
}

fn value_of(literal: &Literal) -> Value {
    match literal {
        Literal::Decimal(n) => Value::Dword(*n),
        Literal::LongDecimal(n) => Value::Qword(*n),
        Literal::String(text) => Value::Sz(text.as_str().into()),
        Literal::Delete => Value::Sz(WideString::default()),
    }
}

fn sz(text: &str, expandable: bool) -> Value {
    match expandable {
        true => Value::ExpandSz(text.into()),
        false => Value::Sz(text.into()),
    }
}
