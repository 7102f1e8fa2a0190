//! Which prefixes are declared where a reader stands, [Namespaces in XML] 3 and 6.
//!
//! [Namespaces in XML]: https://www.w3.org/TR/xml-names/

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Prefixes in scope. Looking one up takes no longer where thousands are declared.
#[derive(Default)]
pub(super) struct Prefixes<'t> {
    /// Of each prefix the URIs, with the depth of the element that declares it, the innermost last.
    uris: HashMap<&'t str, Vec<(&'t str, u32)>, RandomState>,
    /// What to take away where an element ends, the innermost last.
    declared: Vec<(&'t str, u32)>,
}

impl<'t> Prefixes<'t> {
    /// Takes a declaration in; `false` if the element of this depth has declared the prefix already.
    pub(super) fn declare(&mut self, prefix: &'t str, uri: &'t str, depth: u32) -> bool {
        let uris = self.uris.entry(prefix).or_default();
        if uris.last().is_some_and(|(_, at)| *at == depth) {
            return false;
        }
        uris.push((uri, depth));
        self.declared.push((prefix, depth));
        true
    }

    /// What the element of this depth has declared is over.
    pub(super) fn close(&mut self, depth: u32) {
        while let Some((prefix, _)) = self.declared.pop_if(|(_, at)| *at == depth) {
            self.uris.get_mut(prefix).map(Vec::pop);
        }
    }

    /// The URI that a prefix stands for.
    pub(super) fn uri(&self, prefix: &str) -> Option<&'t str> {
        self.uris.get(prefix)?.last().map(|(uri, _)| *uri)
    }
}
