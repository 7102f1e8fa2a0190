//! Names in the other languages of a store: articles and benchmarks call a policy by its English name, whatever the
//! language of the person who reads them, and a colleague's note may be in any.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::Hits;
use crate::catalog::Catalog;
use crate::find::Match;
use crate::model::Policy;

/// The culture that comes first of those nobody asked for.
const ENGLISH: &str = "en-US";

/// A language folder that the stores have besides the one asked for.
#[derive(Debug)]
pub(crate) struct OtherLanguage {
    culture: String,
    /// The stores in it, read when a name is looked up first that the catalog does not know. `None` if they can't be.
    names: OnceLock<Option<Catalog>>,
}

impl OtherLanguage {
    /// All but the one asked for, each once: English first, then in the order of their names.
    pub(crate) fn of(mut cultures: Vec<String>, asked: &str) -> Vec<OtherLanguage> {
        cultures.retain(|culture| !culture.eq_ignore_ascii_case(asked));
        cultures.sort_by_cached_key(|culture| (!culture.eq_ignore_ascii_case(ENGLISH), culture.to_lowercase()));
        cultures.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        cultures.into_iter().map(|culture| OtherLanguage { culture, names: OnceLock::new() }).collect()
    }

    fn names(&self, stores: &[PathBuf]) -> Option<&Catalog> {
        let load = || Catalog::load(stores, &self.culture).ok().map(Catalog::into_names);
        self.names.get_or_init(load).as_ref()
    }
}

impl Catalog {
    /// The catalog's own policies that another language of the stores calls so: by a whole name or path, or as `is_meant` finds
    /// in a catalog of that language. All languages are read for it, which takes its time.
    pub fn called_in_other_languages(&self, query: &str, is_meant: impl Fn(&Catalog, &Policy) -> bool) -> Vec<&Policy> {
        let mut called: Vec<(&str, &str)> = Vec::new();
        for names in self.other_languages().iter().filter_map(|language| language.names(self.stores())) {
            let meant = names.policies().iter().filter(|policy| is_meant(names, policy));
            let whole = names.hits_by_text(query.trim(), None).into_iter().map(|hit| hit.policy);
            called.extend(meant.chain(whole).map(|policy| (&*policy.namespace, &*policy.name)));
        }
        called.sort_unstable();
        let is_called = |own: &&Policy| called.binary_search(&(&*own.namespace, &*own.name)).is_ok();
        self.policies().iter().filter(is_called).collect()
    }

    /// What the first other language gives that has a hit. The policies are the catalog's own.
    pub(super) fn in_other_languages<'c>(&'c self, search: impl Fn(&'c Catalog) -> Hits<'c>) -> Hits<'c> {
        let own = |hit: Match<'c>| {
            let mut own = self.policies().iter();
            let policy = own.find(|own| own.namespace == hit.policy.namespace && own.name == hit.policy.name)?;
            Some(Match { policy, side: hit.side })
        };
        let found = |language: &'c OtherLanguage| -> Option<Hits<'c>> {
            let hits = search(language.names(self.stores())?);
            let hits: Hits<'c> = hits.into_iter().filter_map(own).collect();
            (!hits.is_empty()).then_some(hits)
        };
        self.other_languages().iter().find_map(found).unwrap_or_default()
    }
}
