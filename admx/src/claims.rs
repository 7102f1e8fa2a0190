//! Which policies claim which registry values: the index for reading policy files back.

use std::collections::{HashMap, HashSet};

use polfile::{Folded, WideStr};

use crate::catalog::Catalog;
use crate::model::{Assignment, Detail, Element, Policy, Side};

/// For each key the values that policies write there.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    keys: HashMap<Folded, KeyClaims>,
}

/// Claims of one key; policies by their index in the catalog, ascending, each once.
#[derive(Debug, Default)]
pub(crate) struct KeyClaims {
    values: HashMap<Folded, Vec<usize>>,
    /// Lists that have this key, with the prefix of their names.
    lists: Vec<(usize, Option<String>)>,
    /// All of them.
    pub policies: Vec<usize>,
}

impl Claims {
    pub(crate) fn new(policies: &[Policy]) -> Self {
        let mut claims = Claims::default();
        for (index, policy) in policies.iter().enumerate() {
            values(policy, |key, name| {
                let key = claims.key_mut(key, index);
                push(key.values.entry(name.into()).or_default(), index);
            });
            for (element, prefix) in lists(policy) {
                let key = claims.key_mut(&element.key, index);
                key.lists.push((index, prefix.map(str::to_owned)));
            }
        }
        claims
    }

    fn key_mut(&mut self, key: &str, index: usize) -> &mut KeyClaims {
        let claims = self.keys.entry(key.into()).or_default();
        push(&mut claims.policies, index);
        claims
    }

    /// What is claimed of a key.
    pub(crate) fn key(&self, key: &Folded) -> Option<&KeyClaims> {
        self.keys.get(key)
    }
}

/// Indexes come in ascending order.
fn push(indexes: &mut Vec<usize>, index: usize) {
    if indexes.last() != Some(&index) {
        indexes.push(index);
    }
}

impl KeyClaims {
    /// Policies that write a value by this very name.
    pub(crate) fn by_name(&self, name: &Folded) -> &[usize] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Policies that write a value by this name, or have a list that may hold it.
    pub(crate) fn of_value(&self, name: WideStr<'_>) -> Vec<usize> {
        let mut indexes = self.by_name(&name.fold()).to_vec();
        let in_list = |prefix: &Option<String>| prefix.as_deref().is_none_or(|prefix| is_numbered(name, prefix));
        indexes.extend(self.lists.iter().filter(|(_, prefix)| in_list(prefix)).map(|(index, _)| *index));
        indexes.sort_unstable();
        indexes.dedup();
        indexes
    }

    /// Whether a policy of this side writes a value by this very name. A list without prefix does not take such values.
    pub(crate) fn is_named(&self, name: &Folded, side: Side, policies: &[Policy]) -> bool {
        self.by_name(name).iter().any(|&index| policies.get(index).is_some_and(|p| p.class.has(side)))
    }
}

/// Whether a value's name is that of an entry of a list with this prefix: the prefix and a number.
pub(crate) fn is_numbered(name: WideStr<'_>, prefix: &str) -> bool {
    name.strip_prefix_ignore_case(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.units().all(|u| (u16::from(b'0')..=u16::from(b'9')).contains(&u)))
}

/// All values that a policy writes by name, as key and value name; some come several times.
pub(crate) fn values<'p>(policy: &'p Policy, mut each: impl FnMut(&'p str, &'p str)) {
    if let Some(name) = &policy.value_name {
        each(&policy.key, name);
    }
    let mut all = |items: &'p [Assignment]| items.iter().for_each(|item| each(&item.key, &item.value_name));
    all(&policy.enabled_list);
    all(&policy.disabled_list);
    for element in &policy.elements {
        match &element.detail {
            Detail::Boolean { true_list, false_list, .. } => {
                all(true_list);
                all(false_list);
            }
            Detail::Enum { items } => items.iter().for_each(|item| all(&item.value_list)),
            _ => {}
        }
    }
    for element in &policy.elements {
        if let Some(name) = &element.value_name {
            each(&element.key, name);
        }
    }
}

/// The lists of a policy and the prefixes of their names.
pub(crate) fn lists(policy: &Policy) -> impl Iterator<Item = (&Element, Option<&str>)> {
    policy.elements.iter().filter_map(|element| match &element.detail {
        Detail::List { prefix, .. } => Some((element, prefix.as_deref())),
        _ => None,
    })
}

impl Policy {
    /// The values that the policy may write by name: key and value name, each once, in the template's order.
    ///
    /// What a list holds has names of its own: [`Policy::list_keys`].
    ///
    /// ```
    /// # use admx::Catalog;
    /// let catalog = Catalog::builtin();
    /// let policy = catalog.find("TS_DISABLE_CONNECTIONS")?.policy;
    /// let key = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    /// assert_eq!(policy.values(), [(key, "fDenyTSConnections")]);
    /// # Ok::<(), admx::FindError>(())
    /// ```
    pub fn values(&self) -> Vec<(&str, &str)> {
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        values(self, |key, name| {
            if seen.insert((Folded::from(key), Folded::from(name))) {
                all.push((key, name));
            }
        });
        all
    }

    /// The keys of the policy's lists. All values there may be entries.
    pub fn list_keys(&self) -> impl Iterator<Item = &str> {
        lists(self).map(|(element, _)| &*element.key)
    }
}

impl Catalog {
    /// Policies of a side that claim a value: by its name, or with a list that may hold it.
    pub fn claiming(&self, side: Side, key: &WideStr<'_>, value_name: &WideStr<'_>) -> impl Iterator<Item = &Policy> {
        let claims = self.claims().key(&key.fold());
        let indexes = claims.map(|claims| claims.of_value(*value_name)).unwrap_or_default();
        let policies = indexes.into_iter().filter_map(|index| self.policies().get(index));
        policies.filter(move |policy| policy.class.has(side))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polfile::WideString;

    #[test]
    fn entries_of_a_list_are_its_prefix_and_a_number() {
        for (name, prefix, expected) in [
            ("1", "", true),
            ("12", "", true),
            ("", "", false),
            ("1a", "", false),
            ("p7", "P", true),
            ("P", "P", false),
            ("Q1", "P", false),
        ] {
            assert_eq!(is_numbered(WideString::from(name).as_wide(), prefix), expected, "{name} {prefix}");
        }
    }
}
