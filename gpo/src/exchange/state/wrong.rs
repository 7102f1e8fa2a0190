//! What is wrong with a policy that a state file names: where it stands, and what would be right.

use admx::{Allowed, Catalog, FindError, InputError, Needed, Policy};

use super::super::TextError;
use super::super::lgpo::Scope;
use super::{At, WantedPolicy};

/// The known word that is most like a given one, if it is like it at all.
pub(super) fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = given.trim().to_lowercase();
    let likeness = |word: &&str| {
        let word = word.trim().to_lowercase();
        let begins = given.len() > 3 && (word.starts_with(&given) || given.starts_with(&word) && word.len() > 3);
        strsim::normalized_damerau_levenshtein(&given, &word).max(if begins { 0.7 } else { 0.0 })
    };
    let all = known.into_iter().map(|word| (likeness(&word), word)).filter(|(likeness, _)| *likeness >= 0.6);
    all.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}

fn did_you_mean(word: &str) -> String {
    format!("did you mean \"{word}\"?")
}

/// No policy has this name, or several have.
pub(super) fn not_one_policy(wanted: &WantedPolicy, error: &FindError, catalog: &Catalog) -> TextError {
    let failed = wanted.name_at.error(error.to_string());
    match error {
        FindError::Ambiguous { candidates, .. } => {
            let ids: Vec<&str> = candidates.iter().map(|candidate| candidate.id.as_str()).collect();
            failed.help(format!("say which one by its id: {}", ids.join(", ")))
        }
        _ => {
            let near = catalog.closest(&wanted.policy, 3).into_iter().find(|policy| is_like(&wanted.policy, policy));
            match near {
                Some(near) => failed.help(format!("the nearest is {}, \"{}\"", near.id(), near.display_name.trim())),
                None => failed.help("name the templates that it comes from with --admx, and the policy by its id"),
            }
        }
    }
}

/// Whether a name may have been meant for this policy's.
fn is_like(given: &str, policy: &Policy) -> bool {
    let last = given.rsplit([':', '>', '\\', '/']).next().unwrap_or(given);
    nearest(last, [policy.name.as_str(), policy.display_name.as_str()]).is_some()
}

/// The state cannot be written as it is wanted.
pub(super) fn not_this_state(wanted: &WantedPolicy, scope: &Scope, error: &InputError) -> TextError {
    let element = |name: &str| wanted.elements.iter().find(|element| element.name == name);
    let value_at = |needed: &Needed| -> At {
        // It may be named by the text of its control.
        let named = element(&needed.element).or_else(|| element(&needed.label));
        let only = || wanted.elements.first().filter(|_| wanted.elements.len() == 1);
        named.or_else(only).map_or(wanted.at, |element| element.at)
    };
    match error {
        InputError::UnknownElement { given, elements } => {
            let at = element(given).map_or(wanted.at, |element| element.name_at);
            let names = elements.iter().flat_map(|needed| [needed.element.as_str(), needed.label.as_str()]);
            let help = match nearest(given, names) {
                Some(name) => did_you_mean(name),
                None if elements.is_empty() => "it has none: leave \"elements\" out".to_owned(),
                None => format!("it has {}", elements.iter().map(Needed::to_string).collect::<Vec<_>>().join("; ")),
            };
            at.error(error.to_string()).help(help)
        }
        InputError::Rejected { given, needed, .. } => {
            let failed = value_at(needed).error(error.to_string());
            match &needed.allowed {
                Allowed::Items(items) => match nearest(given, items.iter().map(|(_, text)| text.as_str())) {
                    Some(text) => failed.help(did_you_mean(text)),
                    None => failed.help("write one of these numbers or texts"),
                },
                Allowed::Lines { .. } => failed.help("write a list of texts"),
                Allowed::Entries { named: true } => failed.help("write a name and a text for each entry: {name: text}"),
                Allowed::Entries { named: false } => failed.help("write a list of texts"),
                _ => failed.help("write what it takes"),
            }
        }
        InputError::Twice { element: id } => {
            let at = element(id).map_or(wanted.at, |element| element.name_at);
            at.error(error.to_string()).help("it stands here by its id and by its text; say it once")
        }
        InputError::Missing { needed } => {
            let ids: Vec<&str> = needed.iter().map(|needed| needed.element.as_str()).collect();
            wanted.at.error(error.to_string()).help(format!("name it below \"elements\": {}", ids.join(", ")))
        }
        InputError::WrongSide { .. } => {
            let other = if *scope == Scope::Computer { "user" } else { "computer" };
            wanted.name_at.error(error.to_string()).help(format!("say it below \"{other}\""))
        }
        InputError::NothingToWrite { .. } => {
            wanted.at.error(error.to_string()).help("where nothing is to be said of it, write state: not-configured")
        }
        _ => wanted.at.error(error.to_string()),
    }
}
