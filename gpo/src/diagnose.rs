//! Errors that people have, held against a target: whether their cause is there, and what changes it.
//!
//! Which settings cause which error is data, in `diagnose/problems.toml`, with its sources. What a setting is, layer by
//! layer, is [`crate::explain`]'s business. Hives are not written: a local setting is changed with the
//! commands that are given.

mod remedy;

use std::sync::OnceLock;

use admx::{Catalog, Policy};
use serde::{Deserialize, Serialize};

pub use remedy::{LocalRemedy, PolicyRemedy, Remedies};

use crate::error::Error;
use crate::explain::{Decision, Explainer, ImageModel, Layer, Related};
use crate::facts::{Facts, Source};
use crate::model::ValueModel;
use crate::scope::Scope;
use crate::show::TargetModel;
use crate::target::Target;

/// An error that people have.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// As the program that fails names it.
    pub id: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// What is wrong, in a line.
    pub title: String,
    /// What happens.
    pub explanation: String,
    /// Other settings that cause it, by their ids in the facts.
    #[serde(default, skip_serializing)]
    pub look_at: Vec<String>,
    /// Other causes, which no setting tells.
    #[serde(default, skip_serializing)]
    pub elsewhere: Vec<String>,
    /// Where all this is documented.
    pub sources: Vec<Source>,
    /// What must hold for it not to happen.
    #[serde(rename = "check", skip_serializing)]
    pub checks: Vec<Wanted>,
}

/// A value that a setting must have.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// `namespace:name`.
    pub policy: String,
    /// The value, as text.
    pub wanted: String,
    /// The state of the policy that writes it.
    pub state: String,
    /// What happens else.
    pub why: String,
    /// What the remedy costs.
    pub warning: String,
}

/// Whether the cause is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// No: every setting is as it must be.
    Absent,
    /// Something that decides cannot be seen.
    Unknown,
    /// Yes.
    Present,
}

/// A problem held against a target: `gpol.diagnose/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Name of the shape.
    pub schema: &'static str,
    /// The target.
    pub target: TargetModel,
    /// The installation, where the target is one or lies in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageModel>,
    /// The problem.
    pub problem: Problem,
    /// Whether its cause is there.
    pub verdict: Causes,
    /// Each setting that matters.
    pub checks: Vec<Check>,
    /// Other settings that cause it, as the next boot finds them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub look_at: Vec<Related>,
    /// What changes it; empty where nothing is to be changed.
    pub remedies: Remedies,
    /// What could decide as well and was not looked at.
    pub not_seen: Vec<String>,
}

/// Whether the cause is there, now and at the next boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Causes {
    /// On the machine as it is.
    pub now: Cause,
    /// Once Windows has applied what is pending.
    pub next_boot: Cause,
}

/// One setting of a problem.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// `namespace:name` of the policy.
    pub policy: String,
    /// As the editor shows it.
    pub display_name: String,
    /// What the setting must be, in words.
    pub wanted: String,
    /// What happens else.
    pub why: String,
    /// What the remedy costs.
    pub warning: String,
    /// Whether it is another one.
    pub verdict: Causes,
    /// What it is now.
    pub now: Decision,
    /// What it is at the next boot.
    pub next_boot: Decision,
    /// All layers, the strongest first.
    pub layers: Vec<Layer>,
}

/// The problems that gpol knows: `gpol.diagnose-list/1`.
#[derive(Clone, Debug, Serialize)]
pub struct ProblemList {
    /// Name of the shape.
    pub schema: &'static str,
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

/// The problems that gpol knows.
pub fn problems() -> &'static [Problem] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        problem: Vec<Problem>,
    }
    static PROBLEMS: OnceLock<Vec<Problem>> = OnceLock::new();
    PROBLEMS.get_or_init(|| {
        let file: File = toml::from_str(include_str!("diagnose/problems.toml")).expect("a test reads the file");
        file.problem
    })
}

/// The problems as one document.
pub fn list() -> ProblemList {
    ProblemList { schema: "gpol.diagnose-list/1", problems: problems().to_vec() }
}

/// The problem that a name means, in any case; or the one whose name stands in a message that was pasted whole.
pub fn find(name: &str) -> Option<&'static Problem> {
    let wanted = name.trim().to_lowercase();
    let names = |problem: &'static Problem| std::iter::once(&problem.id).chain(&problem.aliases);
    let same = |problem: &&'static Problem| names(problem).any(|name| name.to_lowercase() == wanted);
    if let Some(exact) = problems().iter().find(same) {
        return Some(exact);
    }
    // An id may be a part of another one's: the longest counts.
    let within = |problem: &'static Problem| {
        names(problem).filter(|name| has_word(&wanted, &name.to_lowercase())).map(|name| name.len()).max()
    };
    problems()
        .iter()
        .filter_map(|problem| Some((within(problem)?, problem)))
        .max_by_key(|(len, _)| *len)
        .map(|(_, p)| p)
}

/// Whether a word stands in a text, with nothing before or behind it that would make it another.
fn has_word(text: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, found)| {
        let (before, behind) = (text.get(..at).unwrap_or(""), text.get(at + found.len()..).unwrap_or(""));
        !inside(before.chars().next_back()) && !inside(behind.chars().next())
    })
}

/// Names of problems that are like this one, the most alike first.
pub fn closest(name: &str) -> Vec<&'static str> {
    let name = name.trim().to_lowercase();
    let mut names: Vec<(f64, &str)> = problems()
        .iter()
        .map(|problem| {
            let all = std::iter::once(&problem.id).chain(&problem.aliases);
            let alike = all.map(|other| strsim::jaro_winkler(&name, &other.to_lowercase())).fold(0.0, f64::max);
            (alike, &*problem.id)
        })
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0));
    names.into_iter().map(|(_, id)| id).collect()
}

/// Holds a problem against a target.
///
/// # Errors
///
/// If a policy file cannot be read, is malformed, or is that of the user side; if the system refuses to read a hive.
pub fn diagnose(target: &Target, problem: &Problem) -> Result<Diagnosis, Error> {
    let catalog = Catalog::builtin();
    let explainer = Explainer::open(target)?;
    let (mut checks, mut remedies, mut image, mut not_seen) = (Vec::new(), Remedies::default(), None, Vec::new());
    let mut related: Vec<Related> = Vec::new();
    for wanted in &problem.checks {
        let policy = policy_of(&catalog, &wanted.policy);
        let explained = explainer.explain(&catalog, policy, &Scope::Computer)?;
        let (fact, _) = Facts::get().of(policy).expect("a test holds every check against the facts");
        let one = |decision: &Decision| match &decision.value {
            _ if decision.meaning.starts_with("not known") => None,
            Some(value) if text_of(value) == wanted.wanted => Some(Cause::Absent),
            Some(_) => Some(Cause::Present),
            None => None,
        };
        let cause = |decision: &Decision| decision.read(one).unwrap_or(Cause::Unknown);
        let next = cause(&explained.verdict.next_boot);
        let verdict = Causes { now: cause(&explained.verdict.now), next_boot: next };
        if verdict.next_boot != Cause::Absent {
            remedies.add(target, policy, fact, wanted, &explained);
        }
        checks.push(Check {
            policy: policy.id(),
            display_name: policy.display_name.trim().to_owned(),
            wanted: fact.sentence(&fact.meaning_of_text(&wanted.wanted)),
            why: wanted.why.clone(),
            warning: wanted.warning.clone(),
            verdict,
            now: explained.verdict.now,
            next_boot: explained.verdict.next_boot,
            layers: explained.layers,
        });
        image = explained.image;
        not_seen = explained.not_seen;
        related.extend(explained.related);
    }
    let look_at = |id: &str| related.iter().find(|related| related.id == id).cloned().or_else(|| explainer.setting(id));
    let of =
        |when: fn(&Causes) -> Cause| checks.iter().map(|check| when(&check.verdict)).max().unwrap_or(Cause::Unknown);
    Ok(Diagnosis {
        schema: "gpol.diagnose/1",
        target: TargetModel::new(target),
        image,
        problem: problem.clone(),
        verdict: Causes { now: of(|causes| causes.now), next_boot: of(|causes| causes.next_boot) },
        checks,
        look_at: problem.look_at.iter().filter_map(|id| look_at(id)).collect(),
        remedies: remedies.finish(),
        not_seen: problem.elsewhere.iter().cloned().chain(not_seen).collect(),
    })
}

fn policy_of<'c>(catalog: &'c Catalog, id: &str) -> &'c Policy {
    let found = catalog.policies().iter().find(|policy| policy.id() == id);
    found.expect("a test holds every check against the built-in catalogue")
}

fn text_of(value: &ValueModel) -> String {
    match value {
        ValueModel::Number(n) => n.to_string(),
        ValueModel::Text(text) => text.lossy(),
        ValueModel::List(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
