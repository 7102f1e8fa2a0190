//! The state of one policy, from its own value, its lists and its elements.

use super::element::{self, Found, IsNamed, What};
use super::slots::{Content, Slot, Slots, is_same};
use super::{ElementReading, PolicyReading, State};
use crate::model::{Element, Literal, Policy, Side};

/// How much of a state is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// What tells the state is there in full.
    Complete,
    /// Only parts are there, which may be other policies'.
    Partial,
    /// This state in full, but for records that don't fit it, which may be other policies'.
    But(State),
}

/// A policy with its state as far as its own records tell.
pub(super) struct Judged<'c> {
    policy: &'c Policy,
    pub state: State,
    pub certainty: Certainty,
    pub records: Vec<usize>,
    pub misfits: Vec<usize>,
    elements: Vec<ElementReading<'c>>,
}

impl<'c> Judged<'c> {
    pub(super) fn into_reading(self, side: Side) -> PolicyReading<'c> {
        let shows_elements = matches!(self.state, State::Enabled | State::Mixed);
        PolicyReading {
            policy: self.policy,
            side,
            state: self.state,
            records: self.records,
            misfits: self.misfits,
            elements: if shows_elements { self.elements } else { Vec::new() },
        }
    }
}

/// What an element's records come to for the policy.
struct Part {
    found: Found,
    /// It writes the policy's own value.
    shared: bool,
}

/// Judges a policy by its own records.
pub(super) fn judge<'c>(policy: &'c Policy, slots: &Slots<'_>, is_named: &IsNamed<'_>) -> Judged<'c> {
    let mut own = policy.value_name.as_ref().map(|name| slots.slot(&policy.key, name));
    if let Some(slot) = own.as_mut().filter(|slot| slot.content == Content::Swept) {
        // Who deletes all values of the key means others by it.
        *slot = Slot::default();
    }
    let shares = |element: &Element| match (&policy.value_name, &element.value_name) {
        (Some(own), Some(name)) => is_same(own, name) && is_same(&policy.key, &element.key),
        _ => false,
    };
    let parts: Vec<Part> = policy
        .elements
        .iter()
        .map(|element| Part { found: element::find(element, slots, is_named), shared: shares(element) })
        .collect();
    let on_list = slots.matching(&policy.enabled_list);
    let off_list = slots.matching(&policy.disabled_list);

    let content = own.as_ref().map_or(&Content::Absent, |slot| &slot.content);
    let implied = Literal::Decimal(1);
    let is_on = own.is_some() && content.carries(policy.enabled_value.as_ref().unwrap_or(&implied));
    let is_off = own.is_some() && content.carries(policy.disabled_value.as_ref().unwrap_or(&Literal::Delete));
    let shared = parts.iter().any(|p| p.shared);
    let has_value = |p: &&Part| matches!(p.found.what, What::Value(..));
    // A check box on the policy's own value is a value there, checked or not.
    let shared_value = parts.iter().any(|p| p.shared && matches!(p.found.what, What::Value(..) | What::Unchecked));
    let foreign = parts.iter().any(|p| matches!(p.found.what, What::Foreign(_)));
    let any_value = parts.iter().any(|p| has_value(&p));

    let mut misfits: Vec<usize> = Vec::new();
    let own_records = || own.as_ref().map(|slot: &Slot| slot.records.clone()).unwrap_or_default();
    let element_misfits = || parts.iter().flat_map(|p| p.found.misfits.iter().copied()).collect::<Vec<_>>();

    let (state, certainty) = if !policy.has_own_level() {
        misfits.extend(element_misfits());
        by_elements(&parts)
    } else if is_on && is_off {
        // Both states write the same value; nothing tells them apart.
        (State::Enabled, Certainty::Complete)
    } else if is_on || (on_list.all && !is_off) || (shared_value && !is_off) {
        misfits.extend(on_list.misfits.iter().copied());
        misfits.extend(element_misfits());
        if foreign { (State::Mixed, Certainty::But(State::Enabled)) } else { (State::Enabled, Certainty::Complete) }
    } else if is_off && on_list.all && !off_list.all {
        misfits.extend(&on_list.records);
        (State::Mixed, Certainty::But(State::Disabled))
    } else if is_off || off_list.all {
        misfits.extend(off_list.misfits.iter().copied());
        let others = parts.iter().filter(|p| !p.shared && has_value(p));
        let besides: Vec<usize> = others.flat_map(|p| p.found.records.iter().copied()).collect();
        if besides.is_empty() {
            (State::Disabled, Certainty::Complete)
        } else {
            misfits.extend(besides);
            (State::Mixed, Certainty::But(State::Disabled))
        }
    } else if any_value && content == &Content::Absent {
        misfits.extend(element_misfits());
        (State::Enabled, Certainty::Partial)
    } else if !any_value && on_list.some {
        misfits.extend(on_list.misfits.iter().copied());
        (State::Enabled, Certainty::Partial)
    } else if !any_value && off_list.some {
        misfits.extend(off_list.misfits.iter().copied());
        (State::Disabled, Certainty::Partial)
    } else {
        let is_there = |p: &Part| !matches!(p.found.what, What::Absent | What::Swept);
        let own_is_there = content != &Content::Absent;
        if own_is_there && !(shared && any_value) {
            misfits.extend(own_records());
        }
        misfits.extend(&on_list.misfits);
        misfits.extend(&off_list.misfits);
        misfits.extend(element_misfits());
        if own_is_there || parts.iter().any(is_there) || !misfits.is_empty() {
            (State::Mixed, Certainty::Partial)
        } else {
            (State::NotConfigured, Certainty::Partial)
        }
    };

    let mut records = own_records();
    records.extend(&on_list.records);
    records.extend(&off_list.records);
    records.extend(parts.iter().flat_map(|p| &p.found.records));
    for list in [&mut records, &mut misfits] {
        list.sort_unstable();
        list.dedup();
    }
    let elements = policy.elements.iter().zip(parts).map(|(element, part)| part.found.reading(element)).collect();
    Judged { policy, state, certainty, records, misfits, elements }
}

/// A policy that has nothing but elements.
fn by_elements(parts: &[Part]) -> (State, Certainty) {
    let any = |test: fn(&What) -> bool| parts.iter().any(|p| test(&p.found.what));
    if any(|w| matches!(w, What::Foreign(_))) {
        (State::Mixed, Certainty::Partial)
    } else if any(|w| matches!(w, What::Value(..))) {
        (State::Enabled, Certainty::Complete)
    } else if any(|w| matches!(w, What::Marked(_) | What::Unchecked)) {
        (State::Disabled, Certainty::Complete)
    } else if any(|w| matches!(w, What::Swept)) {
        (State::Disabled, Certainty::Partial)
    } else {
        (State::NotConfigured, Certainty::Partial)
    }
}
