//! What the records say of one element.

use polfile::{Folded, Value, WideStr};

use super::slots::{Content, Slot, Slots, is_same};
use super::{ElementReading, ElementState};
use crate::claims::is_numbered;
use crate::model::{Assignment, Detail, Element, EnumItem, Literal};
use crate::value::{ElementValue, EnumValue, ListEntry};

/// What is found where an element writes.
pub(super) struct Found {
    pub what: What,
    /// Of all its slots.
    pub records: Vec<usize>,
    /// Those that keep the value from being one that the element can write.
    pub misfits: Vec<usize>,
}

/// See [`Found`].
pub(super) enum What {
    /// Nothing.
    Absent,
    /// A value that the element can have, with the text of the item.
    Value(ElementValue, Option<String>),
    /// A check box that isn't checked, by a value of its own.
    Unchecked,
    /// Only markers, one of them the element's own; with the item of an enum that deletes the value, if there is one.
    Marked(Option<(ElementValue, String)>),
    /// Only the marker that deletes all values of the key.
    Swept,
    /// Something that the element can't have written; the number or text, if it is one.
    Foreign(Option<ElementValue>),
}

/// Whether policies of the side claim a value by its name.
pub(super) type IsNamed<'a> = dyn Fn(&Folded, &Folded) -> bool + 'a;

pub(super) fn find(element: &Element, slots: &Slots<'_>, is_named: &IsNamed<'_>) -> Found {
    if let Detail::List { prefix, explicit, .. } = &element.detail {
        return list(element, prefix.as_deref(), *explicit, slots, is_named);
    }
    let Some(name) = &element.value_name else { return Found::nothing() };
    let slot = slots.slot(&element.key, name);
    match &element.detail {
        Detail::Boolean { true_value, false_value, true_list, false_list } => {
            boolean(slot, [true_value, false_value], [true_list, false_list], slots)
        }
        Detail::Enum { items } => choice(slot, element, items, slots),
        Detail::Decimal { store_as_text, .. } => simple(slot, |value| number(value, *store_as_text, false)),
        Detail::LongDecimal { store_as_text, .. } => simple(slot, |value| number(value, *store_as_text, true)),
        Detail::Text { .. } => simple(slot, |value| match value {
            Value::Sz(text) | Value::ExpandSz(text) => Some(ElementValue::Text(text.as_wide().to_text_lossy())),
            _ => None,
        }),
        Detail::MultiText { .. } => simple(slot, |value| match value {
            Value::MultiSz(lines) => {
                Some(ElementValue::MultiText(lines.iter().map(|line| line.as_wide().to_text_lossy()).collect()))
            }
            _ => None,
        }),
        Detail::List { .. } => Found::nothing(),
    }
}

impl Found {
    fn nothing() -> Self {
        Found { what: What::Absent, records: Vec::new(), misfits: Vec::new() }
    }

    fn of(what: What, slot: Slot) -> Self {
        let misfits = if matches!(what, What::Foreign(_)) { slot.records.clone() } else { Vec::new() };
        Found { what, records: slot.records, misfits }
    }

    /// What an editor would show of it.
    pub(super) fn reading<'c>(self, element: &'c Element) -> ElementReading<'c> {
        let is_box = matches!(element.detail, Detail::Boolean { .. });
        let (state, value, display) = match self.what {
            What::Value(value @ ElementValue::Boolean(true), _) => (ElementState::Enabled, Some(value), None),
            What::Value(value, display) => (ElementState::Enabled, Some(value), display),
            What::Foreign(Some(value)) => (ElementState::Enabled, Some(value), None),
            What::Unchecked => (ElementState::Disabled, Some(ElementValue::Boolean(false)), None),
            What::Marked(_) | What::Swept if is_box => {
                (ElementState::Disabled, Some(ElementValue::Boolean(false)), None)
            }
            What::Marked(Some((value, display))) => (ElementState::Enabled, Some(value), Some(display)),
            _ => (ElementState::NotConfigured, None, None),
        };
        ElementReading { element, label: element.label.clone(), kind: element.kind(), state, value, display }
    }
}

/// One value of one type.
fn simple(slot: Slot, read: impl Fn(&Value) -> Option<ElementValue>) -> Found {
    let what = match &slot.content {
        Content::Absent => What::Absent,
        Content::Deleted => What::Marked(None),
        Content::Swept => What::Swept,
        Content::Set(value) => match value.as_ref().and_then(read) {
            Some(value) => What::Value(value, None),
            None => What::Foreign(None),
        },
    };
    Found::of(what, slot)
}

fn number(value: &Value, as_text: bool, long: bool) -> Option<ElementValue> {
    let number = match value {
        Value::Sz(text) if as_text => {
            let text = text.as_wide().to_text().ok()?;
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|_| digits)?
        }
        Value::Dword(n) if !as_text && !long => u64::from(*n),
        Value::Qword(n) if !as_text && long => *n,
        _ => return None,
    };
    Some(ElementValue::Decimal(number))
}

fn boolean(
    slot: Slot,
    [on, off]: [&Option<Literal>; 2],
    [on_list, off_list]: [&[Assignment]; 2],
    slots: &Slots<'_>,
) -> Found {
    let on_list = slots.matching(on_list);
    let off_list = slots.matching(off_list);
    // Without values the lists decide, and the value itself is not written.
    let by_lists = on.is_none() && off.is_none() && (!on_list.records.is_empty() || on_list.all || off_list.all);
    let implied = Literal::Decimal(1);
    let checked = slot.content.carries(on.as_ref().unwrap_or(&implied));
    let unchecked = off.as_ref().is_some_and(|off| slot.content.carries(off));
    let what = match &slot.content {
        _ if checked => What::Value(ElementValue::Boolean(true), None),
        _ if unchecked && slot.content.is_set() => What::Unchecked,
        Content::Set(_) => What::Foreign(None),
        _ if by_lists && on_list.all => What::Value(ElementValue::Boolean(true), None),
        _ if by_lists && off_list.all => What::Unchecked,
        _ if by_lists && on_list.some => What::Foreign(None),
        Content::Deleted => What::Marked(None),
        Content::Swept => What::Swept,
        Content::Absent => What::Absent,
    };
    let mut found = Found::of(what, slot);
    let list = if matches!(found.what, What::Value(..)) { on_list } else { off_list };
    found.records.extend(list.records);
    if !matches!(found.what, What::Absent | What::Marked(_) | What::Swept) {
        found.misfits.extend(list.misfits);
    }
    found
}

fn choice(slot: Slot, element: &Element, items: &[EnumItem], slots: &Slots<'_>) -> Found {
    // Of items with the value the one whose whole list is there, else the one with most of it, else the first.
    let mut best: Option<(&EnumItem, bool, usize, super::slots::Matching)> = None;
    for item in items.iter().filter(|item| slot.content.carries(written(element, item))) {
        let list = slots.matching(&item.value_list);
        let whole = list.all || item.value_list.is_empty();
        let fitting = item.value_list.iter().filter(|a| slots.slot(&a.key, &a.value_name).content.carries(&a.literal));
        let fitting = fitting.count();
        if best.as_ref().is_none_or(|(_, had, count, _)| (whole, fitting) > (*had, *count)) {
            best = Some((item, whole, fitting, list));
        }
    }
    if let Some((item, _, _, list)) = best {
        let value = ElementValue::Enum((&item.value).into());
        let display = item.display_name.clone();
        let what = match slot.content {
            // An item that deletes the value can't be told from the marker of Disabled; the policy's state decides.
            Content::Deleted => What::Marked(Some((value, display))),
            _ => What::Value(value, Some(display)),
        };
        let mut found = Found::of(what, slot);
        found.records.extend(list.records);
        found.misfits.extend(list.misfits);
        return found;
    }
    let what = match &slot.content {
        Content::Absent => What::Absent,
        Content::Deleted => What::Marked(None),
        Content::Swept => What::Swept,
        Content::Set(value) => What::Foreign(match value {
            Some(Value::Dword(n)) => Some(ElementValue::Enum(EnumValue::Number(u64::from(*n)))),
            Some(Value::Qword(n)) => Some(ElementValue::Enum(EnumValue::Number(*n))),
            Some(Value::Sz(text)) => Some(ElementValue::Enum(EnumValue::Text(text.as_wide().to_text_lossy()))),
            _ => None,
        }),
    };
    Found::of(what, slot)
}

/// What an item leaves in the element's value: its own, unless its list writes there again, as `Bits.admx` does.
fn written<'c>(element: &Element, item: &'c EnumItem) -> &'c Literal {
    let same = |a: &&Assignment| {
        element.value_name.as_ref().is_some_and(|name| is_same(name, &a.value_name) && is_same(&a.key, &element.key))
    };
    item.value_list.iter().rev().find(same).map_or(&item.value, |again| &again.literal)
}

fn list(element: &Element, prefix: Option<&str>, explicit: bool, slots: &Slots<'_>, is_named: &IsNamed<'_>) -> Found {
    let key: Folded = (&*element.key).into();
    let belongs = |name: WideStr<'_>| match prefix {
        Some(prefix) => is_numbered(name, prefix),
        None => !is_named(&key, &name.fold()),
    };
    let mut entries: Vec<(Vec<usize>, u64, ListEntry)> = Vec::new();
    let mut found = Found::nothing();
    for (name, slot) in slots.values(&element.key) {
        if !belongs(name.as_wide()) {
            continue;
        }
        // A marker for one entry does not make a list; it still is the list's.
        found.records.extend(&slot.records);
        if let Content::Set(value) = &slot.content {
            let entry =
                ListEntry { name: explicit.then(|| name.as_wide().to_text_lossy()), data: data_text(value.as_ref()) };
            let digits = name.to_string();
            let number = digits.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(u64::MAX);
            entries.push((slot.records, number, entry));
        }
    }
    // By number, or in the order of the file, which is the order they were entered in.
    entries.sort_by_key(|(records, number, _)| (if prefix.is_some() { *number } else { 0 }, records.last().copied()));
    let sweep = slots.sweep(&element.key);
    found.records.extend(sweep);
    found.what = match (entries.is_empty(), sweep) {
        (false, _) => What::Value(ElementValue::List(entries.into_iter().map(|(_, _, entry)| entry).collect()), None),
        (true, Some(_)) => What::Marked(None),
        (true, None) => What::Absent,
    };
    found
}

/// Data of a list's entry as the report shows it: numbers in decimal, other bytes in hex.
fn data_text(value: Option<&Value>) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    match value {
        Some(Value::Sz(text) | Value::ExpandSz(text)) => text.as_wide().to_text_lossy(),
        Some(Value::Dword(n) | Value::DwordBigEndian(n)) => n.to_string(),
        Some(Value::Qword(n)) => n.to_string(),
        Some(Value::MultiSz(lines)) => {
            lines.iter().map(|line| line.as_wide().to_text_lossy()).collect::<Vec<_>>().join(" ")
        }
        Some(Value::Binary(bytes) | Value::Other(_, bytes)) => hex(bytes),
        None => String::new(),
    }
}
