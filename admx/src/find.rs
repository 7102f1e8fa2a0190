//! Finding the one policy that a user means.
//!
//! The forms, in the order in which they are tried; the first one with a hit decides. If none has one, names and paths
//! are looked up in the other languages that lie in the store, English first. Nothing here guesses: what is only
//! similar is for [`Catalog::closest`].
//!
//! | form                    | example                                                         | forced by |
//! |-------------------------|-----------------------------------------------------------------|-----------|
//! | qualified id            | `Microsoft.Policies.TerminalServer:TS_PASSWORD`, also with `::` | `id:`     |
//! | id                      | `TS_PASSWORD`                                                   | `id:`     |
//! | display name            | `"Always prompt for password upon connection"`                  | `name:`   |
//! | category path and name  | `Computer Configuration > … > Security > Always prompt …`       | `path:`   |
//! | registry value          | `HKLM\SOFTWARE\…\Terminal Services!fPromptForPassword`          | `reg:`    |
//! | page of admx.help       | `https://admx.help/?Category=…&Policy=…::TS_PASSWORD`           |           |

mod language;
mod path;
mod registry;
mod search;
mod words;

use std::path::PathBuf;

use crate::catalog::Catalog;
use crate::model::{Class, Policy, Side};
use crate::registry_address::RegistryAddress;
pub(crate) use language::OtherLanguage;
pub use path::steps_of_path;
pub use search::{FoundIn, Hit};
pub(crate) use words::normal;

/// The policy that a query means.
#[derive(Clone, Copy, Debug)]
pub struct Match<'c> {
    /// The policy.
    pub policy: &'c Policy,
    /// The side, if the query or the policy's class leaves only one.
    pub side: Option<Side>,
}

/// A policy as a message names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRef {
    /// `namespace:name`
    pub id: String,
    /// Without the namespace.
    pub name: String,
    /// Its text.
    pub display_name: String,
    /// Outermost first.
    pub category: Vec<String>,
    /// The sides it exists on.
    pub class: Class,
    /// Its template.
    pub file: PathBuf,
}

/// Why a query has no match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// No policy has this id, name, path or value.
    #[error("no policy matches \"{query}\"")]
    NotFound {
        /// As asked.
        query: String,
    },
    /// Several have.
    #[error("\"{query}\" means {} policies", candidates.len())]
    Ambiguous {
        /// As asked.
        query: String,
        /// All of them.
        candidates: Vec<PolicyRef>,
    },
}

/// What one form of query matched.
type Hits<'c> = Vec<Match<'c>>;

impl Catalog {
    /// The policy that a query means: by id, display name, category path, registry value or page of admx.help; prefixes
    /// `id:`, `name:`, `path:` and `reg:` allow one form only. Display names and paths are found in every language of the
    /// stores: that of the catalog, en-US, any other.
    ///
    /// ```
    /// # use admx::Catalog;
    /// let catalog = Catalog::builtin();
    /// let id = |query: &str| catalog.find(query).map(|m| m.policy.name.clone());
    /// let name = Ok("TS_PASSWORD".to_owned());
    /// assert_eq!(id("ts_password"), name);
    /// assert_eq!(id("always  prompt for password upon connection."), name);
    /// assert_eq!(id(r"Security\Always prompt for password upon connection"), name);
    /// assert_eq!(id(r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services!fPromptForPassword"), name);
    /// assert!(id("prompt for password").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`FindError`] if none or several match.
    pub fn find(&self, query: &str) -> Result<Match<'_>, FindError> {
        self.find_on(query, None)
    }

    /// As [`Catalog::find`], among the policies that exist on a side.
    ///
    /// # Errors
    ///
    /// [`FindError`] if none or several match there.
    pub fn find_on(&self, query: &str, side: Option<Side>) -> Result<Match<'_>, FindError> {
        let mut hits = self.hits_of(query.trim(), side);
        if hits.is_empty() && !names_its_form(query) {
            hits = self.in_other_languages(|language| language.hits_by_text(query.trim(), side));
        }
        match hits.as_slice() {
            [] => Err(FindError::NotFound { query: query.to_owned() }),
            [only] => Ok(*only),
            several => Err(FindError::Ambiguous {
                query: query.to_owned(),
                candidates: several.iter().map(|m| self.policy_ref(m.policy)).collect(),
            }),
        }
    }

    /// All policies that a query means in the catalog's own language, by any of the forms of [`Catalog::find`].
    pub fn meant_by(&self, query: &str) -> Vec<&Policy> {
        self.hits_of(query.trim(), None).into_iter().map(|hit| hit.policy).collect()
    }

    /// What the first form gives that has a hit.
    fn hits_of(&self, query: &str, side: Option<Side>) -> Hits<'_> {
        if let Some(id) = forced(query, "id:") {
            first([&|| keep_side(side, self.by_qualified_id(id)), &|| keep_side(side, self.by_id(id))])
        } else if let Some(value) = forced(query, "reg:") {
            keep_side(side, self.by_registry(value))
        } else if is_text(query) {
            self.hits_by_text(query, side)
        } else {
            first([
                &|| keep_side(side, self.by_qualified_id(query)),
                &|| keep_side(side, self.by_id(query)),
                &|| self.hits_by_text(query, side),
                &|| keep_side(side, self.by_registry(query)),
                &|| keep_side(side, self.by_url(query)),
            ])
        }
    }

    /// The forms that depend on the language.
    fn hits_by_text(&self, query: &str, side: Option<Side>) -> Hits<'_> {
        if let Some(name) = forced(query, "name:") {
            keep_side(side, self.by_display_name(name))
        } else if let Some(path) = forced(query, "path:") {
            keep_side(side, self.by_path(path))
        } else {
            first([&|| keep_side(side, self.by_display_name(query)), &|| keep_side(side, self.by_path(query))])
        }
    }

    /// A policy as a message names it.
    pub fn policy_ref(&self, policy: &Policy) -> PolicyRef {
        PolicyRef {
            id: policy.id(),
            name: policy.name.clone(),
            display_name: policy.display_name.clone(),
            category: self.category_path(policy).into_iter().map(str::to_owned).collect(),
            class: policy.class,
            file: policy.file.to_path_buf(),
        }
    }

    /// The `n` policies whose names are most like a query, the most similar one first.
    pub fn closest(&self, query: &str, n: usize) -> Vec<&Policy> {
        let wanted = words::Words::new(query);
        let mut scored: Vec<(f64, &Policy)> = self.policies().iter().map(|p| (wanted.similarity(p), p)).collect();
        // Stable, so equals stay in the catalog's order.
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(n);
        scored.into_iter().map(|(_, policy)| policy).collect()
    }

    fn by_qualified_id(&self, query: &str) -> Hits<'_> {
        let mut hits = Vec::new();
        for (at, _) in query.match_indices(':') {
            let namespace = &query[..at];
            let name = &query[at + 1..];
            let name = name.strip_prefix(':').unwrap_or(name);
            let in_namespace = |p: &&Policy| p.namespace.eq_ignore_ascii_case(namespace);
            hits.extend(self.named(name).into_iter().filter(in_namespace).map(any_side));
        }
        hits.dedup_by(|a, b| std::ptr::eq(a.policy, b.policy));
        hits
    }

    fn by_id(&self, query: &str) -> Hits<'_> {
        self.named(query).into_iter().map(any_side).collect()
    }

    /// Policies of this name; upper and lower case count where both occur.
    fn named(&self, name: &str) -> Vec<&Policy> {
        let same: Vec<&Policy> = self.policies().iter().filter(|p| p.name.eq_ignore_ascii_case(name)).collect();
        if same.iter().any(|p| p.name == name) {
            return same.into_iter().filter(|p| p.name == name).collect();
        }
        same
    }

    fn by_display_name(&self, query: &str) -> Hits<'_> {
        let wanted = normal(query);
        if wanted.is_empty() {
            return Vec::new();
        }
        let is_wanted =
            |p: &&Policy| words::may_end_alike(&p.display_name, &wanted) && normal(&p.display_name) == wanted;
        self.policies().iter().filter(is_wanted).map(any_side).collect()
    }

    fn by_url(&self, query: &str) -> Hits<'_> {
        let Some((_, rest)) = query.split_once("Policy=").filter(|(start, _)| start.contains("admx.help")) else {
            return Vec::new();
        };
        let id = rest.split(['&', '#']).next().unwrap_or_default();
        self.by_qualified_id(&percent_decoded(id))
    }
}

/// What stands behind a prefix that forces a form.
fn forced<'q>(query: &'q str, prefix: &str) -> Option<&'q str> {
    let start = query.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| query[prefix.len()..].trim())
}

/// Whether a prefix forces a form that depends on the language.
fn is_text(query: &str) -> bool {
    forced(query, "name:").is_some() || forced(query, "path:").is_some()
}

/// Whether a query is of a form that no language changes.
fn names_its_form(query: &str) -> bool {
    const STARTS: &[&str] = &["id:", "reg:", "https:", "http:"];
    let query = query.trim();
    STARTS.iter().any(|start| forced(query, start).is_some()) || RegistryAddress::parse(query).is_some()
}

/// A hit that says nothing of the side.
fn any_side(policy: &Policy) -> Match<'_> {
    Match { policy, side: policy.class.only_side() }
}

fn first<'c, const N: usize>(forms: [&dyn Fn() -> Hits<'c>; N]) -> Hits<'c> {
    forms.into_iter().map(|form| form()).find(|hits| !hits.is_empty()).unwrap_or_default()
}

fn keep_side(side: Option<Side>, mut hits: Hits<'_>) -> Hits<'_> {
    if let Some(side) = side {
        hits.retain(|m| m.policy.class.has(side) && m.side.is_none_or(|implied| implied == side));
        hits.iter_mut().for_each(|m| m.side = Some(side));
    }
    hits
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = after.get(..2).filter(|_| byte == b'%').and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
