//! Category paths, as people copy them from articles and benchmarks.

use std::collections::HashSet;

use super::words::may_end_alike;
use super::{Hits, normal};
use crate::catalog::{Catalog, UNRESOLVED};
use crate::find::Match;
use crate::model::{Policy, Side};

/// What may stand between two components, longest first.
const SEPARATORS: &[&str] = &["->", "=>", "\\", ">", "/", "\u{203A}", "\u{2192}", "|", ":"];

impl Catalog {
    /// Policies whose name ends the path and whose categories, from the innermost outward, are what stands before it.
    ///
    /// The path is peeled off from its end by the names that the catalog knows, so that names may contain separators.
    pub(super) fn by_path(&self, query: &str) -> Hits<'_> {
        let wanted = normal(query);
        let mut hits = Hits::new();
        for policy in self.policies() {
            if !may_end_alike(&policy.display_name, &wanted) {
                continue;
            }
            let Some(rest) = strip_name(&wanted, &normal(&policy.display_name)) else { continue };
            if rest.is_empty() {
                continue;
            }
            let path = self.category_path(policy);
            let categories: Vec<String> = path.iter().map(|name| normal(name)).collect();
            // What has lost its parent stands at the top in the editor, so the path that people have begins there.
            let at_the_top = || categories.get(1..).filter(|_| path.first() == Some(&UNRESOLVED));
            if let Some(side) = fits(rest, &categories).or_else(|| fits(rest, at_the_top()?))
                && side.is_none_or(|side| policy.class.has(side))
            {
                hits.push(hit(policy, side));
            }
        }
        hits
    }
}

fn hit(policy: &Policy, side: Option<Side>) -> Match<'_> {
    Match { policy, side: side.or(policy.class.only_side()) }
}

/// What stands before a name at the end of a path, without the separator.
fn strip_name<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let rest = path.strip_suffix(name).filter(|_| !name.is_empty())?;
    if rest.is_empty() { Some(rest) } else { strip_separator(rest) }
}

fn strip_separator(path: &str) -> Option<&str> {
    let path = path.trim_end();
    SEPARATORS.iter().find_map(|s| path.strip_suffix(s)).map(str::trim_end)
}

/// Whether the rest of a path is made of these categories, read from its end, and the side it names.
fn fits(rest: &str, categories: &[String]) -> Option<Option<Side>> {
    // What is left of the path, how many categories are left, and whether an ellipsis may stand for some of them.
    let mut open = vec![(rest, categories.len(), false)];
    // With ellipses, many ways lead to one place.
    let mut seen = HashSet::new();
    while let Some((rest, left, gap)) = open.pop() {
        if !seen.insert((rest.len(), left, gap)) {
            continue;
        }
        if rest.is_empty() {
            return Some(None);
        }
        if let Some(side) = root(rest)
            && (left == 0 || gap)
        {
            return Some(side);
        }
        if let Some(before) = ["...", "\u{2026}"].iter().find_map(|dots| rest.strip_suffix(dots)) {
            let before = before.trim_end();
            open.push((strip_separator(before).unwrap_or(before), left, true));
        }
        let reachable = if gap { 0..left } else { left.saturating_sub(1)..left };
        for index in reachable {
            if let Some(before) = strip_name(rest, &categories[index]) {
                open.push((before, index, false));
            }
        }
    }
    None
}

/// What the editor calls the tops of its trees, in English, German and French, in the form of [`normal`].
const ROOTS: &[(&str, Side)] = &[
    ("computer configuration", Side::Computer),
    ("user configuration", Side::User),
    ("computerkonfiguration", Side::Computer),
    ("benutzerkonfiguration", Side::User),
    ("configuration ordinateur", Side::Computer),
    ("configuration utilisateur", Side::User),
    ("computer", Side::Computer),
    ("user", Side::User),
];
const POLICIES: &[&str] = &["policies", "richtlinien", "strat\u{E9}gies"];
const TEMPLATES: &[&str] = &["administrative templates", "administrative vorlagen", "mod\u{E8}les dadministration"];

/// The steps of a path as people copy it, in small letters and without the start that every path in the editor has; it may
/// end in a category. Nothing for what is no path.
///
/// ```
/// # use admx::steps_of_path;
/// let steps = steps_of_path(r"Computer Configuration\Policies\Administrative Templates\System > Logon");
/// assert_eq!(steps, ["system", "logon"]);
/// assert!(steps_of_path("System").is_empty());
/// ```
pub fn steps_of_path(text: &str) -> Vec<String> {
    let path = normal(text).replace("->", ">").replace(['\\', '\u{203A}', '\u{2192}'], ">");
    let mut steps: Vec<&str> = path.split('>').map(str::trim).filter(|step| !step.is_empty()).collect();
    if steps.len() < 2 {
        return Vec::new();
    }
    let is_start = |step: &str| {
        ROOTS.iter().any(|(name, _)| *name == step)
            || POLICIES.contains(&step)
            || TEMPLATES.iter().any(|name| step.starts_with(name))
    };
    let start = steps.iter().take_while(|step| is_start(step)).count();
    steps.drain(..start);
    steps.into_iter().map(str::to_owned).collect()
}

/// The start that every path in the editor has. `Some(None)` if it names no side.
fn root(path: &str) -> Option<Option<Side>> {
    let mut rest = path;
    let starts = ["local computer policy", "local group policy", "default domain policy"];
    for start in starts {
        if let Some(after) = rest.strip_prefix(start) {
            rest = skip_separator(after)?;
        }
    }
    let mut side = None;
    if let Some((after, found)) = ROOTS.iter().find_map(|(name, side)| Some((rest.strip_prefix(name)?, *side))) {
        side = Some(found);
        if after.is_empty() {
            return Some(side);
        }
        rest = skip_separator(after)?;
    }
    if let Some(after) = POLICIES.iter().find_map(|name| rest.strip_prefix(name)) {
        if after.is_empty() {
            return Some(side);
        }
        rest = skip_separator(after)?;
    }
    // "Administrative Templates: Policy definitions (ADMX files) retrieved from the local computer"
    let after = TEMPLATES.iter().find_map(|name| rest.strip_prefix(name))?;
    (after.is_empty() || after.starts_with(':')).then_some(side)
}

fn skip_separator(path: &str) -> Option<&str> {
    let path = path.trim_start();
    SEPARATORS.iter().find_map(|s| path.strip_prefix(s)).map(str::trim_start)
}
