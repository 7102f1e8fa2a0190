//! From the records of a policy file to the states of policies.
//!
//! Follows what Microsoft's own report (GPMC) makes of the same records. The decision works on the executed state,
//! directives included, with delete markers still visible: "deleted by policy" is not "not mentioned".
//!
//! 1. Each policy whose keys occur is judged by itself: [`judge`](policy).
//! 2. A policy that matches only in part counts only if one of its records is explained by no policy that matches
//!    completely: records are often shared, and each part of one match looks like a part of others.
//! 3. What no policy with a state claims is unexplained.

mod element;
mod policy;
mod slots;

use std::collections::HashSet;

use polfile::{Folded, PolicyFile};

use crate::catalog::Catalog;
use crate::model::{Element, ElementKind, Policy, Side};
use crate::value::ElementValue;
use policy::{Certainty, Judged};
use slots::Slots;

/// What a policy is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No record speaks of it.
    NotConfigured,
    /// As the template's Enabled.
    Enabled,
    /// As the template's Disabled.
    Disabled,
    /// Its records fit no state that the template can produce.
    Mixed,
}

impl State {
    /// `"not-configured"`, `"enabled"`, `"disabled"` or `"mixed"`.
    pub fn as_str(self) -> &'static str {
        match self {
            State::NotConfigured => "not-configured",
            State::Enabled => "enabled",
            State::Disabled => "disabled",
            State::Mixed => "mixed",
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one element of an Enabled or Mixed policy is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementState {
    /// It has a value, or is checked.
    Enabled,
    /// A check box that is not checked.
    Disabled,
    /// No record, or only one that deletes its value.
    NotConfigured,
}

impl ElementState {
    /// `"enabled"`, `"disabled"` or `"not-configured"`.
    pub fn as_str(self) -> &'static str {
        match self {
            ElementState::Enabled => "enabled",
            ElementState::Disabled => "disabled",
            ElementState::NotConfigured => "not-configured",
        }
    }
}

impl std::fmt::Display for ElementState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a policy file says of one policy.
#[derive(Clone, Debug)]
pub struct PolicyReading<'c> {
    /// The policy.
    pub policy: &'c Policy,
    /// The side that was read.
    pub side: Side,
    /// What it comes to.
    pub state: State,
    /// Records it claims, by their index in the file, ascending.
    pub records: Vec<usize>,
    /// Those of them that don't fit the state, or that make it Mixed.
    pub misfits: Vec<usize>,
    /// All elements, in the order of the presentation; empty unless Enabled or Mixed.
    pub elements: Vec<ElementReading<'c>>,
}

/// What a policy file says of one element.
#[derive(Clone, Debug)]
pub struct ElementReading<'c> {
    /// The element.
    pub element: &'c Element,
    /// Text of its control.
    pub label: String,
    /// Its kind.
    pub kind: ElementKind,
    /// Whether it has a value.
    pub state: ElementState,
    /// The value, if there is one that the element can have, or a number or text that no item of an enum has.
    pub value: Option<ElementValue>,
    /// Text of the item that is chosen.
    pub display: Option<String>,
}

/// What a policy file says of all policies of a side.
#[derive(Clone, Debug)]
pub struct SideReading<'c> {
    /// Policies with a state, in the order of the catalog.
    pub policies: Vec<PolicyReading<'c>>,
    /// Records that none of them claims, by their index in the file, ascending.
    pub unexplained: Vec<usize>,
}

impl Catalog {
    /// Reads one side's policy file: all policies with a state, and the records that none of them claims.
    ///
    /// ```
    /// use admx::{Catalog, Side, State};
    /// use polfile::{PolicyFile, Record, Value};
    /// let mut file = PolicyFile::new();
    /// let key = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    /// file.put(&Record::set(key, "UserAuthentication", &Value::Dword(0))?);
    /// file.put(&Record::set(r"SOFTWARE\Acme", "Tier", &Value::from("gold"))?);
    ///
    /// let catalog = Catalog::builtin();
    /// let reading = catalog.read(Side::Computer, &file);
    /// assert_eq!(reading.policies[0].policy.name, "TS_USER_AUTHENTICATION_POLICY");
    /// assert_eq!(reading.policies[0].state, State::Disabled);
    /// assert_eq!(reading.unexplained.len(), 1);
    /// # Ok::<(), polfile::RecordError>(())
    /// ```
    pub fn read(&self, side: Side, file: &PolicyFile) -> SideReading<'_> {
        let slots = Slots::new(file);
        let claims = self.claims();
        let mut candidates: Vec<usize> = Vec::new();
        for (key, names, is_swept) in slots.keys() {
            let Some(claims) = claims.key(&key) else { continue };
            if is_swept {
                candidates.extend(&claims.policies);
            } else {
                candidates.extend(names.into_iter().flat_map(|name| claims.of_value(name.as_wide())));
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        let is_named = |key: &Folded, name: &Folded| {
            claims.key(key).is_some_and(|claims| claims.is_named(name, side, self.policies()))
        };
        let policies = candidates.into_iter().filter_map(|index| self.policies().get(index));
        let mut judged: Vec<Judged<'_>> = policies
            .filter(|policy| policy.class.has(side))
            .map(|policy| policy::judge(policy, &slots, &is_named))
            .filter(|judged| judged.state != State::NotConfigured)
            .collect();
        settle(&mut judged);
        let mut explained = vec![false; file.len()];
        for index in judged.iter().flat_map(|j| &j.records) {
            if let Some(explained) = explained.get_mut(*index) {
                *explained = true;
            }
        }
        SideReading {
            policies: judged.into_iter().map(|judged| judged.into_reading(side)).collect(),
            unexplained: (0..file.len()).filter(|&index| !explained[index]).collect(),
        }
    }

    /// Reads one policy. Not Configured if the policy does not exist on the side.
    pub fn read_policy<'c>(&'c self, policy: &'c Policy, side: Side, file: &PolicyFile) -> PolicyReading<'c> {
        // Whether a part of a match counts depends on the other policies, so all are read.
        let reading = self.read(side, file);
        let found = reading.policies.into_iter().find(|reading| std::ptr::eq(reading.policy, policy));
        found.unwrap_or_else(|| PolicyReading {
            policy,
            side,
            state: State::NotConfigured,
            records: Vec::new(),
            misfits: Vec::new(),
            elements: Vec::new(),
        })
    }
}

/// Takes out the policies that match only in part and whose records others explain completely.
fn settle(judged: &mut Vec<Judged<'_>>) {
    let mut complete: Vec<usize> = Vec::new();
    for policy in judged.iter().filter(|j| j.certainty != Certainty::Partial) {
        let misfits: HashSet<&usize> = policy.misfits.iter().collect();
        complete.extend(policy.records.iter().filter(|index| !misfits.contains(index)));
    }
    complete.sort_unstable();
    let elsewhere = |records: &[usize]| records.iter().all(|index| complete.binary_search(index).is_ok());
    judged.retain_mut(|policy| match policy.certainty {
        Certainty::Complete => true,
        Certainty::Partial => !elsewhere(&policy.records),
        Certainty::But(state) => {
            if elsewhere(&policy.misfits) {
                policy.state = state;
                let misfits: HashSet<usize> = policy.misfits.drain(..).collect();
                policy.records.retain(|index| !misfits.contains(index));
            }
            true
        }
    });
}

/// What a state's records alone read back as.
pub(crate) fn state_of(policy: &Policy, file: &PolicyFile) -> State {
    policy::judge(policy, &Slots::new(file), &|_, _| false).state
}

#[cfg(test)]
mod tests;
