//! The policies that a pattern means, and which records speak of them.

use std::collections::{HashMap, HashSet};

use admx::{Catalog, Detail, FindError, Policy, Side, steps_of_path};
use polfile::{Folded, WideStr};

use super::pattern::Text;

/// Policies that are looked for.
#[derive(Debug)]
pub(super) struct Policies<'c> {
    /// Where they are from.
    catalogs: Vec<&'c Catalog>,
    /// The keys they write to.
    keys: HashMap<Folded, Vec<&'c Policy>>,
}

impl<'c> Policies<'c> {
    pub fn none() -> Self {
        Self { catalogs: Vec::new(), keys: HashMap::new() }
    }

    /// The policies that a name means: all of them, if it is ambiguous.
    pub fn meant(catalog: &'c Catalog, query: &str) -> Result<Self, FindError> {
        let found = match catalog.find(query) {
            Ok(found) => vec![found.policy],
            Err(FindError::Ambiguous { candidates, .. }) => {
                let ids: HashSet<String> = candidates.into_iter().map(|candidate| candidate.id).collect();
                catalog.policies().iter().filter(|policy| ids.contains(&policy.id())).collect()
            }
            Err(error) => return Err(error),
        };
        Ok(Self::new(catalog, found))
    }

    /// The policies with a text in their name, their id or their category, and those that the pattern means as a whole: an id, a
    /// path as a KB prints it, a page of admx.help.
    pub fn named(catalog: &'c Catalog, text: &Text, pattern: &str) -> Self {
        let steps = steps_of_path(pattern);
        let named = catalog.policies().iter().filter(|policy| is_named(catalog, policy, text, &steps));
        Self::new(catalog, named.chain(catalog.meant_by(pattern)).collect())
    }

    /// The same in the other languages of the templates.
    pub fn named_elsewhere(catalog: &'c Catalog, text: &Text, pattern: &str) -> Self {
        let steps = steps_of_path(pattern);
        let is_meant = |names: &Catalog, policy: &Policy| is_named(names, policy, text, &steps);
        Self::new(catalog, catalog.called_in_other_languages(pattern, is_meant))
    }

    /// Takes others in.
    pub fn add(&mut self, others: Self) {
        self.catalogs.extend(others.catalogs);
        for (key, policies) in others.keys {
            self.keys.entry(key).or_default().extend(policies);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn new(catalog: &'c Catalog, policies: Vec<&'c Policy>) -> Self {
        let mut keys: HashMap<Folded, Vec<&Policy>> = HashMap::new();
        for policy in &policies {
            for key in keys_of(policy) {
                let of_key = keys.entry(key.into()).or_default();
                if !of_key.last().is_some_and(|last| std::ptr::eq(*last, *policy)) {
                    of_key.push(policy);
                }
            }
        }
        Self { catalogs: vec![catalog], keys }
    }

    /// Whether a policy writes to the key.
    pub fn have_key(&self, side: Option<Side>, key: &Folded) -> bool {
        self.of_key(key).iter().any(|policy| on(policy, side))
    }

    /// Whether a policy writes the value, by its name or as an entry of a list.
    pub fn have_value(&self, side: Option<Side>, key: &Folded, as_spelled: WideStr<'_>, name: WideStr<'_>) -> bool {
        let of_key = self.of_key(key);
        if of_key.is_empty() {
            return false;
        }
        let sides = [Side::Computer, Side::User].into_iter().filter(|this| side.is_none_or(|side| side == *this));
        sides.into_iter().any(|side| {
            let mut claiming = self.catalogs.iter().flat_map(|catalog| catalog.claiming(side, &as_spelled, &name));
            claiming.any(|policy| of_key.iter().any(|wanted| std::ptr::eq(*wanted, policy)))
        })
    }

    fn of_key(&self, key: &Folded) -> &[&'c Policy] {
        self.keys.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a policy writes to the key or below it.
    pub fn are_gone_with(&self, side: Option<Side>, key: &Folded) -> bool {
        let below = self.keys.iter().filter(|(of_policy, _)| of_policy.is_at_or_below(key));
        below.into_iter().any(|(_, policies)| policies.iter().any(|policy| on(policy, side)))
    }
}

fn on(policy: &Policy, side: Option<Side>) -> bool {
    side.is_none_or(|side| policy.class.has(side))
}

/// Whether a text or the steps of a path are in what a policy is called.
fn is_named(catalog: &Catalog, policy: &Policy, text: &Text, steps: &[String]) -> bool {
    let in_path = || {
        let own = steps_of_path(&path(catalog, policy));
        own.windows(steps.len()).any(|part| part == steps)
    };
    text.in_name(policy.display_name.trim())
        || text.in_name(&policy.id())
        || text.in_name(&path(catalog, policy))
        || (!steps.is_empty() && in_path())
}

/// Categories and name as an administrator clicks them.
fn path(catalog: &Catalog, policy: &Policy) -> String {
    let mut parts: Vec<&str> = catalog.category_path(policy).into_iter().map(str::trim).collect();
    parts.push(policy.display_name.trim());
    parts.join(" > ")
}

/// All keys that a policy writes to; some come several times.
pub(crate) fn keys_of(policy: &Policy) -> Vec<&str> {
    let mut keys: Vec<&str> = vec![&policy.key];
    let mut lists = vec![&policy.enabled_list, &policy.disabled_list];
    for element in &policy.elements {
        keys.push(&element.key);
        match &element.detail {
            Detail::Boolean { true_list, false_list, .. } => lists.extend([true_list, false_list]),
            Detail::Enum { items } => lists.extend(items.iter().map(|item| &item.value_list)),
            _ => {}
        }
    }
    keys.extend(lists.into_iter().flatten().map(|item| &*item.key));
    keys
}
