//! Registry values, as articles and scripts write them.

use polfile::{Folded, WideString};

use super::{Hits, Match};
use crate::catalog::Catalog;
use crate::claims::lists;
use crate::model::{Policy, Side};

/// Names of hives and the side whose policy goes there.
const HIVES: &[(&str, Side)] = &[
    ("HKEY_LOCAL_MACHINE", Side::Computer),
    ("HKEY_CURRENT_USER", Side::User),
    ("HKLM", Side::Computer),
    ("HKCU", Side::User),
];

impl Catalog {
    /// Policies that claim a value: `HIVE\KEY!VALUE` or `HIVE\KEY\VALUE`; the hive may be absent. A key alone means the
    /// policies with a list there.
    pub(super) fn by_registry(&self, query: &str) -> Hits<'_> {
        let query = query.trim().trim_matches(['"', '\'', '\u{201C}', '\u{201D}']);
        if !query.contains(['\\', '!']) {
            return Vec::new();
        }
        let (side, path) = hive(query);
        let path = path.trim_start_matches('\\');
        if let Some((key, name)) = path.rsplit_once('!') {
            let hits = self.claimed(side, key, name);
            if !hits.is_empty() {
                return hits;
            }
        }
        // A value's name may contain backslashes, so every one of them may be the last of the key.
        for (at, _) in path.rmatch_indices('\\') {
            let hits = self.claimed(side, &path[..at], &path[at + 1..]);
            if !hits.is_empty() {
                return hits;
            }
        }
        let key: Folded = path.trim_end_matches('\\').into();
        let has_list = |p: &&Policy| lists(p).any(|(element, _)| Folded::from(&*element.key) == key);
        self.hits(side, self.policies().iter().filter(has_list))
    }

    fn claimed(&self, side: Option<Side>, key: &str, name: &str) -> Hits<'_> {
        let key = WideString::from(key.trim_end().trim_end_matches('\\'));
        let name = WideString::from(match name.trim() {
            default if default.eq_ignore_ascii_case("(default)") => "",
            name => name,
        });
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

/// The side that a hive stands for, and the path behind it.
fn hive(query: &str) -> (Option<Side>, &str) {
    for (name, side) in HIVES {
        let Some(start) = query.get(..name.len()) else { continue };
        let rest = &query[name.len()..];
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        if start.eq_ignore_ascii_case(name) && rest.starts_with('\\') {
            return (Some(*side), rest);
        }
    }
    (None, query)
}
