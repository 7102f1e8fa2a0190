//! Looking for policies by some of their words, for people who read. Nothing here is for writes: those want a whole name.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{FindError, Match, normal, words};
use crate::catalog::Catalog;
use crate::model::{Policy, Side};

/// Where a search found its words. The first kind counts most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FoundIn {
    /// In the display name or the id.
    Name,
    /// In the path of categories and the display name together.
    Path,
    /// In the registry key and its value names.
    Registry,
    /// In the help text.
    Help,
}

/// A policy that a search found.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'c> {
    /// The policy.
    pub policy: &'c Policy,
    /// Where all words occur.
    pub found_in: FoundIn,
}

impl Catalog {
    /// Policies in which all words of a query occur, whatever their case and order: those with the words in the name first.
    /// Where no name has them, initials count as well: "NLA" is Network Level Authentication.
    ///
    /// ```
    /// # use admx::{Catalog, FoundIn};
    /// let catalog = Catalog::builtin();
    /// let hits = catalog.search("network level AUTHENTICATION");
    /// assert_eq!(hits[0].policy.name, "TS_USER_AUTHENTICATION_POLICY");
    /// assert_eq!(hits[0].found_in, FoundIn::Name);
    /// assert!(catalog.search("no such words").is_empty());
    /// ```
    pub fn search(&self, query: &str) -> Vec<Hit<'_>> {
        let query = normal(query);
        let words: Vec<&str> = query.split(' ').filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Vec::new();
        }
        let mut hits: Vec<Hit<'_>> = self
            .policies()
            .iter()
            .filter_map(|policy| Some(Hit { policy, found_in: self.found_in(policy, &words)? }))
            .collect();
        // Any three letters are the initials of something, so words that stand as they are come first.
        if !hits.iter().any(|hit| matches!(hit.found_in, FoundIn::Name | FoundIn::Path)) {
            let short = self
                .policies()
                .iter()
                .filter_map(|policy| Some(Hit { policy, found_in: self.named_in_short(policy, &words)? }));
            let short: Vec<Hit<'_>> = short.collect();
            hits.retain(|hit| !short.iter().any(|other| std::ptr::eq(other.policy, hit.policy)));
            hits.extend(short);
        }
        hits.sort_by_key(|hit| hit.found_in);
        hits
    }

    /// Whether a name, or its path, has all words or what they are short for.
    fn named_in_short(&self, policy: &Policy, words: &[&str]) -> Option<FoundIn> {
        let all_in = |text: &str| words.iter().all(|word| text.contains(word) || words::is_short_for(word, text));
        let name = normal(&policy.display_name);
        if all_in(&name) {
            return Some(FoundIn::Name);
        }
        all_in(&format!("{} {name}", normal(&self.category_path(policy).join(" ")))).then_some(FoundIn::Path)
    }

    fn found_in(&self, policy: &Policy, words: &[&str]) -> Option<FoundIn> {
        let all_in = |text: &str| words.iter().all(|word| text.contains(word));
        let name = normal(&policy.display_name);
        if all_in(&name) || all_in(&policy.id().to_lowercase()) {
            return Some(FoundIn::Name);
        }
        if all_in(&format!("{} {name}", normal(&self.category_path(policy).join(" ")))) {
            return Some(FoundIn::Path);
        }
        let elements = policy.elements.iter().flat_map(|e| [Some(&*e.key), e.value_name.as_deref()]);
        let values: Vec<&str> =
            [Some(&*policy.key), policy.value_name.as_deref()].into_iter().chain(elements).flatten().collect();
        if all_in(&values.join(" ").to_lowercase()) {
            return Some(FoundIn::Registry);
        }
        policy.explain_text.as_deref().is_some_and(|text| all_in(&normal(text))).then_some(FoundIn::Help)
    }

    /// The one policy in whose name all words occur. For reads alone, where a near miss costs a second.
    ///
    /// # Errors
    ///
    /// [`FindError`] if there is none, or more than one.
    pub fn find_by_words(&self, query: &str, side: Option<Side>) -> Result<Match<'_>, FindError> {
        let named = self.search(query).into_iter().filter(|hit| hit.found_in == FoundIn::Name).map(|hit| hit.policy);
        self.only(query, side, named.collect())
    }

    /// As [`Catalog::find_by_words`]; if no name has all the words, the names are matched letter by letter in order, as
    /// fuzzy finders do.
    ///
    /// # Errors
    ///
    /// [`FindError`] if there is none, or more than one; then the best ten are named.
    pub fn find_fuzzily(&self, query: &str, side: Option<Side>) -> Result<Match<'_>, FindError> {
        match self.find_by_words(query, side) {
            Err(FindError::NotFound { .. }) => {}
            found => return found,
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(query, CaseMatching::Ignore, Normalization::Smart);
        let mut letters = Vec::new();
        let mut scored: Vec<(u32, &Policy)> = self
            .policies()
            .iter()
            .filter_map(|policy| {
                let name = Utf32Str::new(&policy.display_name, &mut letters);
                Some((pattern.score(name, &mut matcher)?, policy))
            })
            .collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.truncate(10);
        self.only(query, side, scored.into_iter().map(|(_, policy)| policy).collect())
    }

    fn only<'c>(&self, query: &str, side: Option<Side>, found: Vec<&'c Policy>) -> Result<Match<'c>, FindError> {
        let found: Vec<&Policy> = found.into_iter().filter(|p| side.is_none_or(|side| p.class.has(side))).collect();
        match found.as_slice() {
            [] => Err(FindError::NotFound { query: query.to_owned() }),
            [policy] => Ok(Match { policy, side: side.or(policy.class.only_side()) }),
            several => Err(FindError::Ambiguous {
                query: query.to_owned(),
                candidates: several.iter().map(|policy| self.policy_ref(policy)).collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_find_the_one_policy_that_has_them_all() {
        let catalog = Catalog::builtin();
        let name = |found: Result<Match<'_>, FindError>| found.map(|m| m.policy.name.clone()).ok();
        assert_eq!(
            name(catalog.find_by_words("network level", None)).as_deref(),
            Some("TS_USER_AUTHENTICATION_POLICY")
        );
        assert_eq!(name(catalog.find_by_words("remote", None)), None, "several");
        assert_eq!(name(catalog.find_by_words("ntwrk lvl", None)), None);
        assert_eq!(
            name(catalog.find_fuzzily("ntwrk lvl auth", None)).as_deref(),
            Some("TS_USER_AUTHENTICATION_POLICY")
        );
        assert_eq!(name(catalog.find_by_words("network level", Some(Side::User))), None);
        assert_eq!(
            name(catalog.find_by_words("Authentication LEVEL network", None)).as_deref(),
            Some("TS_USER_AUTHENTICATION_POLICY"),
            "in any order"
        );
        assert_eq!(name(catalog.find_by_words("NLA", None)).as_deref(), Some("TS_USER_AUTHENTICATION_POLICY"));
    }

    #[test]
    fn a_search_says_where_the_words_are() {
        let catalog = Catalog::builtin();
        let first = |query: &str| catalog.search(query).first().map(|hit| (hit.policy.name.clone(), hit.found_in));
        assert_eq!(first("fEncryptRPCTraffic"), Some(("TS_RPC_ENCRYPTION".to_owned(), FoundIn::Registry)));
        assert_eq!(first("connections allow users"), Some(("TS_DISABLE_CONNECTIONS".to_owned(), FoundIn::Path)));
        assert_eq!(first("nla rdp"), Some(("TS_USER_AUTHENTICATION_POLICY".to_owned(), FoundIn::Path)));
        assert_eq!(first("rdp nla"), first("nla rdp"));
        assert!(catalog.search("").is_empty());
    }
}
