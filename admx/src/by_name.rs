//! Things by their names: exactly first, else in any case.

use std::borrow::Borrow;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// A table of names. A name that it has in another case is found without a walk through all of them.
#[derive(Debug)]
pub(crate) struct ByName<K, V> {
    exact: HashMap<K, V, RandomState>,
    /// The first of each name in small letters; made when a name is not found exactly for the first time.
    folded: OnceCell<HashMap<String, String, RandomState>>,
}

impl<K, V> Default for ByName<K, V> {
    fn default() -> Self {
        Self { exact: HashMap::default(), folded: OnceCell::new() }
    }
}

impl<K: Borrow<str> + Eq + Hash, V> ByName<K, V> {
    /// Keeps a thing, unless one has this very name already: then that one's name.
    pub(crate) fn keep(&mut self, name: K, thing: V) -> Result<(), K> {
        if self.exact.contains_key::<str>(name.borrow()) {
            return Err(name);
        }
        self.folded = OnceCell::new();
        self.exact.insert(name, thing);
        Ok(())
    }

    /// What has exactly this name.
    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        self.exact.get(name)
    }

    /// What has this name in another case; of several, the one that comes first in this `order`, so that the answer
    /// does not depend on the hash. A table is always asked with the same order.
    pub(crate) fn in_any_case(&self, name: &str, order: impl Fn((&K, &V), (&K, &V)) -> Ordering) -> Option<(&K, &V)> {
        let folded = self.folded.get_or_init(|| {
            let mut all: Vec<(&K, &V)> = self.exact.iter().collect();
            // The last one that is put in stays.
            all.sort_by(|a, b| order(*b, *a));
            let names = all.into_iter().map(|(name, _)| Borrow::<str>::borrow(name));
            names.map(|name| (name.to_ascii_lowercase(), name.to_owned())).collect()
        });
        let found = folded.get(&name.to_ascii_lowercase())?;
        self.exact.get_key_value::<str>(found)
    }

    pub(crate) fn len(&self) -> usize {
        self.exact.len()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(Borrow::borrow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_exactly_else_the_first_in_any_case() {
        let mut table: ByName<String, usize> = ByName::default();
        for (at, name) in ["b", "B", "a"].into_iter().enumerate() {
            table.keep(name.to_owned(), at).unwrap();
        }
        assert_eq!(table.keep("a".to_owned(), 9), Err("a".to_owned()));
        assert_eq!((table.get("b"), table.get("A")), (Some(&0), None));
        let smallest = |name: &str| table.in_any_case(name, |a, b| a.0.cmp(b.0)).map(|(name, at)| (name.as_str(), *at));
        assert_eq!((smallest("b"), smallest("A"), smallest("c")), (Some(("B", 1)), Some(("a", 2)), None));
    }
}
