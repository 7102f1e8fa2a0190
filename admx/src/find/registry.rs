//! Registry values, as articles and scripts write them.

use polfile::{Folded, WideString};

use super::{Hits, Match};
use crate::catalog::Catalog;
use crate::claims::lists;
use crate::model::{Policy, Side};
use crate::registry_address::RegistryAddress;

impl Catalog {
    /// Policies that claim a value, in any form that [`RegistryAddress`] reads; the hive may be absent. A key alone means the
    /// policies with a list there.
    pub(super) fn by_registry(&self, query: &str) -> Hits<'_> {
        let address = RegistryAddress::parse_in_any_hive(query);
        if !address.path().contains(['\\', '!']) && address.side().is_none() {
            return Vec::new();
        }
        for (key, name) in address.readings() {
            let hits = match name {
                Some(name) => self.claimed(address.side(), key, name),
                None => {
                    let key: Folded = key.into();
                    let has_list = |p: &&Policy| lists(p).any(|(element, _)| Folded::from(&*element.key) == key);
                    self.hits(address.side(), self.policies().iter().filter(has_list))
                }
            };
            if !hits.is_empty() {
                return hits;
            }
        }
        Vec::new()
    }

    fn claimed(&self, side: Option<Side>, key: &str, name: &str) -> Hits<'_> {
        let (key, name) = (WideString::from(key.trim_end()), WideString::from(name));
        let Some(claims) = self.claims().key(&key.as_wide().fold()) else { return Vec::new() };
        // Who names the value has a better claim than a list that may hold it.
        let mut indexes = claims.by_name(&name.as_wide().fold()).to_vec();
        if indexes.is_empty() {
            indexes = claims.of_value(name.as_wide());
        }
        self.hits(side, indexes.iter().filter_map(|&index| self.policies().get(index)))
    }

    fn hits<'c>(&'c self, side: Option<Side>, policies: impl Iterator<Item = &'c Policy>) -> Hits<'c> {
        let on_side = policies.filter(|p| side.is_none_or(|side| p.class.has(side)));
        on_side.map(|policy| Match { policy, side: side.or(policy.class.only_side()) }).collect()
    }
}
