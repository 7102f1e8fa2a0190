//! Every policy of the Windows 11 store in every state, written and read back.
//!
//! Where a template gives two choices the same records, no reader can tell them apart. That is found by comparing write
//! sets: what is read is written again, and the records must be the same.

use std::collections::{BTreeMap, BTreeSet};

use admx::{
    Catalog, Detail, Element, ElementState, ElementValue, Input, InputError, InputValue, Policy, PolicyReading, Side,
    State, Wanted, WriteSet, write_set,
};
use polfile::{PolicyFile, Record, Value};

use crate::draws::Draws;
use crate::{corpus, windows_11};

/// Draws of values for each policy and side that has elements; more where an enum has more items.
const DRAWS: usize = 3;

/// A state with the value of each element, if it was given one.
struct Choice {
    wanted: Wanted,
    values: Vec<Option<ElementValue>>,
}

/// How a choice was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// As it was written.
    Same,
    /// As another choice with the same records.
    Twin,
    /// As a state that the write set warned of.
    Warned,
    /// The template has nothing to write for it.
    Nothing,
}

fn off() -> Choice {
    Choice { wanted: Wanted::Disabled, values: Vec::new() }
}

/// An input for every element; for an enum the text of the item, where that names one.
fn full(policy: &Policy, draws: &mut Draws, turn: usize) -> Choice {
    let mut inputs = Vec::new();
    let mut values = Vec::new();
    for element in &policy.elements {
        let drawn = draws.value(element, turn);
        if let Some((value, item)) = &drawn {
            let text = item.and_then(|index| only_text(element, index));
            let value = text.map_or_else(|| InputValue::Value(value.clone()), InputValue::Text);
            inputs.push(Input { element: element.id.clone(), value });
        }
        values.push(drawn.map(|(value, _)| value));
    }
    Choice { wanted: Wanted::Enabled(inputs), values }
}

/// Inputs only where the editor insists on them; all else takes its default.
fn sparse(policy: &Policy, draws: &mut Draws) -> Choice {
    let mut choice = full(policy, draws, DRAWS);
    if let Wanted::Enabled(inputs) = &mut choice.wanted {
        inputs.retain(|input| policy.element(&input.element).is_some_and(|e| e.required && e.default.is_none()));
        let given = |element: &Element| inputs.iter().any(|input| input.element == element.id);
        for (element, value) in policy.elements.iter().zip(&mut choice.values) {
            if !given(element) {
                *value = None;
            }
        }
    }
    choice
}

fn only_text(element: &Element, index: usize) -> Option<String> {
    let text = &element.items().get(index)?.display_name;
    (element.items().iter().filter(|item| item.display_name == *text).count() == 1).then(|| text.clone())
}

/// The choice that a reading shows.
fn shown(reading: &PolicyReading<'_>) -> Wanted {
    match reading.state {
        State::NotConfigured => Wanted::NotConfigured,
        State::Disabled => Wanted::Disabled,
        State::Enabled | State::Mixed => {
            let input = |element: &admx::ElementReading<'_>| {
                let items = element.element.items();
                let index = items.iter().position(|item| Some(&item.display_name) == element.display.as_ref());
                let text = index.and_then(|index| only_text(element.element, index));
                let value = match text {
                    Some(text) => InputValue::Text(text),
                    None => InputValue::Value(element.value.clone()?),
                };
                Some(Input { element: element.element.id.clone(), value })
            };
            Wanted::Enabled(reading.elements.iter().filter_map(input).collect())
        }
    }
}

/// Records without their order: a list's entries have none.
fn records(set: &WriteSet) -> Vec<String> {
    let mut all: Vec<String> = set.records.iter().map(|record| format!("{record:?}")).collect();
    all.sort();
    all
}

/// Entries that have names are values of a key, which has no order.
fn in_order(element: &Element, value: &ElementValue) -> ElementValue {
    let mut value = value.clone();
    if let (Detail::List { prefix: None, .. }, ElementValue::List(entries)) = (&element.detail, &mut value) {
        entries.sort_by(|a, b| (&a.name, &a.data).cmp(&(&b.name, &b.data)));
    }
    value
}

fn is_same(choice: &Choice, reading: &PolicyReading<'_>) -> bool {
    let expected = if choice.wanted == Wanted::Disabled { State::Disabled } else { State::Enabled };
    let same_value = |(element, value): (&admx::ElementReading<'_>, &Option<ElementValue>)| match value {
        // It took its default.
        None => true,
        Some(ElementValue::Boolean(false)) => element.state != ElementState::Enabled,
        Some(ElementValue::List(entries)) if entries.is_empty() => element.state == ElementState::NotConfigured,
        Some(value) => {
            let read = element.value.as_ref().map(|read| in_order(element.element, read));
            read.as_ref() == Some(&in_order(element.element, value))
        }
    };
    reading.state == expected && reading.elements.iter().zip(&choice.values).all(same_value)
}

/// Records of nobody around the policy's, and a whole other policy in keys of its own.
fn neighbours(catalog: &Catalog, policy: &Policy, side: Side, draws: &mut Draws) -> PolicyFile {
    let mut file: PolicyFile = strangers(policy).iter().map(Record::as_ref).collect();
    let own = keys(policy);
    let is_own = |key: &str| own.iter().any(|own| own.eq_ignore_ascii_case(key));
    for _ in 0..3 {
        let other = &catalog.policies()[draws.below(catalog.policies().len())];
        if !other.class.has(side) || keys(other).into_iter().any(is_own) {
            continue;
        }
        if let Ok(set) = write_set(other, side, &full(other, draws, DRAWS).wanted) {
            set.apply(catalog, &mut file);
        }
    }
    file
}

/// In the policy's key and around it, but not where a list would take them for its entries.
fn strangers(policy: &Policy) -> Vec<Record> {
    let mut records = vec![
        Record::set(r"Software\Gpol Test", "One", &Value::Dword(1)),
        Record::set(&*format!(r"{}\Gpol Below", policy.key), "Two", &Value::from("2")),
        Record::delete_value(r"Software\Gpol Test", "Three"),
    ];
    let is_plain = |e: &Element| matches!(&e.detail, Detail::List { prefix: None, .. }) && e.key == policy.key;
    if !policy.elements.iter().any(is_plain) {
        records.push(Record::set(&*policy.key, "Gpol Four", &Value::Qword(4)));
    }
    records.into_iter().map(|record| record.expect("no NUL in it")).collect()
}

fn keys(policy: &Policy) -> Vec<&str> {
    let lists = policy.enabled_list.iter().chain(&policy.disabled_list);
    let inner = policy.elements.iter().flat_map(|element| match &element.detail {
        Detail::Boolean { true_list, false_list, .. } => true_list.iter().chain(false_list).collect(),
        Detail::Enum { items } => items.iter().flat_map(|item| &item.value_list).collect(),
        _ => Vec::new(),
    });
    let keys = lists.chain(inner).map(|item| &*item.key);
    keys.chain(policy.elements.iter().map(|element| &*element.key)).chain([&*policy.key]).collect()
}

/// Writes a choice beside other records, reads it back, and takes it back.
fn round_trip(
    catalog: &Catalog,
    policy: &Policy,
    side: Side,
    choice: &Choice,
    before: &PolicyFile,
) -> Result<Outcome, String> {
    let set = match write_set(policy, side, &choice.wanted) {
        Ok(set) => set,
        Err(InputError::NothingToWrite { .. }) => return Ok(Outcome::Nothing),
        Err(error) => return Err(error.to_string()),
    };
    let mut file = before.clone();
    if !set.apply(catalog, &mut file) || set.apply(catalog, &mut file) {
        return Err("applied once it changes nothing, or applied twice it changes something".to_owned());
    }
    let reading = catalog.read_policy(policy, side, &file);
    let outcome = if is_same(choice, &reading) {
        Outcome::Same
    } else if write_set(policy, side, &shown(&reading)).is_ok_and(|again| records(&again) == records(&set)) {
        Outcome::Twin
    } else if choice.wanted != Wanted::Disabled && set.reads_as == reading.state && set.reads_as != State::Enabled {
        Outcome::Warned
    } else {
        let elements: Vec<_> = reading.elements.iter().map(|e| (&e.element.id, &e.value)).collect();
        return Err(format!("{:?} reads as {} {elements:?}", choice.wanted, reading.state));
    };
    if reading.state != set.reads_as {
        return Err(format!("{} beside others, {} alone", reading.state, set.reads_as));
    }
    if !reading.misfits.is_empty() && outcome != Outcome::Warned {
        return Err(format!("{:?}: misfits {:?}", choice.wanted, reading.misfits));
    }
    write_set(policy, side, &Wanted::NotConfigured).expect("the side exists").apply(catalog, &mut file);
    if file.as_bytes() == before.as_bytes() { Ok(outcome) } else { Err("unset leaves other bytes".to_owned()) }
}

/// What came of all choices of some policies.
#[derive(Default)]
struct Tally {
    outcomes: BTreeMap<Outcome, usize>,
    /// Policies that have choices with the same records.
    twins: BTreeSet<String>,
    warned: BTreeSet<String>,
    wrong: BTreeSet<String>,
}

impl Tally {
    fn policy(&mut self, catalog: &Catalog, policy: &Policy, mut draws: Draws) {
        for side in [Side::Computer, Side::User].into_iter().filter(|&side| policy.class.has(side)) {
            let before = neighbours(catalog, policy, side, &mut draws);
            let items = policy.elements.iter().map(|element| element.items().len()).max().unwrap_or_default();
            let times = if policy.elements.is_empty() { 1 } else { items.max(DRAWS) };
            let mut choices = vec![off(), sparse(policy, &mut draws)];
            choices.extend((0..times).map(|turn| full(policy, &mut draws, turn)));
            for choice in &choices {
                match round_trip(catalog, policy, side, choice, &before) {
                    Ok(outcome) => {
                        *self.outcomes.entry(outcome).or_default() += 1;
                        match outcome {
                            Outcome::Twin => drop(self.twins.insert(policy.id())),
                            Outcome::Warned => drop(self.warned.insert(policy.id())),
                            Outcome::Same | Outcome::Nothing => {}
                        }
                    }
                    Err(what) => {
                        self.wrong.insert(format!("{} {side}: {what}", policy.id()));
                    }
                }
            }
        }
    }

    fn add(&mut self, other: Tally) {
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.twins.extend(other.twins);
        self.warned.extend(other.warned);
        self.wrong.extend(other.wrong);
    }
}

#[test]
fn every_policy_of_windows_11_reads_back_as_it_is_written() {
    let Some(corpus) = corpus() else { return };
    let catalog = &windows_11(&corpus);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let part = |first: usize| {
            move || {
                let mut tally = Tally::default();
                // A seed for each policy, so that the threads do not change what is drawn.
                for (seed, policy) in (0x6770_6f6c..).zip(catalog.policies()).skip(first).step_by(threads) {
                    tally.policy(catalog, policy, Draws::new(seed));
                }
                tally
            }
        };
        let parts: Vec<_> = (0..threads).map(|first| scope.spawn(part(first))).collect();
        parts.into_iter().for_each(|part| tally.add(part.join().expect("no thread panics")));
    });
    println!("{:?}; {} policies have choices with the same records", tally.outcomes, tally.twins.len());
    println!("another state, and the write set says so: {:?}", tally.warned);
    assert_eq!(tally.wrong, BTreeSet::new());
    assert!(tally.outcomes[&Outcome::Same] > 25_000, "{:?}", tally.outcomes);
    assert!(tally.outcomes.get(&Outcome::Warned).is_none_or(|&count| count < 10), "{:?}", tally.outcomes);
}
