//! The verdict as JSON has it: `gpol.check/1`.

use ::admx::Catalog;
use gpo::by_scope::Joined;
use gpo::check::{Named, Verdict, check};
use gpo::compare::RecordKind;
use gpo::show::AdmxModel;
use gpo::source::Source;
use serde::Serialize;

use super::FailOn;
use super::waivers::{WaiverModel, Waivers};
use crate::commands::sides::{AsideModel, Located, SourceModel, side_word, title};
use crate::commands::values;

/// What came out.
#[derive(Serialize)]
pub struct Check {
    schema: &'static str,
    pub target: SourceModel,
    pub expected: Vec<SourceModel>,
    pub admx: AdmxModel,
    /// Whether nothing failed.
    pub compliant: bool,
    pub summary: Summary,
    /// What is not as expected.
    pub findings: Vec<FindingModel>,
    /// What an expectation holds beside registry policy.
    pub not_checked: Vec<AsideModel>,
    /// Parts of state files that gpol does not check.
    pub unsupported: Vec<String>,
    /// GPOs and folders among several that cannot be read, and why: what they say is not in the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

#[derive(Default, Serialize)]
pub struct Summary {
    /// All settings that something is expected of.
    pub checked: usize,
    pub pass: usize,
    pub different: usize,
    pub absent: usize,
    /// Of these, those with a waiver that has not expired.
    pub waived: usize,
    /// Records of the target that nothing is expected of.
    pub extra: usize,
}

/// A setting that is not as expected.
#[derive(Serialize)]
pub struct FindingModel {
    /// `different`, `absent` or `extra`.
    pub verdict: &'static str,
    /// Whether it makes the check fail.
    pub fails: bool,
    pub waiver: Option<WaiverModel>,
    pub scope: Option<String>,
    #[serde(skip)]
    pub title: String,
    /// `HKLM\key!value`.
    pub value: String,
    pub policies: Vec<PolicyName>,
    /// In what they differ.
    pub kind: RecordKind,
    pub expected: Option<Located>,
    pub found: Option<Located>,
}

#[derive(Serialize)]
pub struct PolicyName {
    pub id: String,
    pub display_name: String,
}

impl Check {
    pub fn new(
        target: &Source,
        expected: &[Source],
        pairs: &[(Joined, Joined)],
        catalog: &Catalog,
        waivers: &mut Waivers,
        (exact, fail_on): (bool, FailOn),
    ) -> Self {
        let mut summary = Summary::default();
        let mut findings = Vec::new();
        for (expected, target) in pairs {
            let Some(scope) = &expected.scope else { continue };
            let checked = check(catalog, scope.side(), expected, target);
            summary.pass += checked.pass;
            summary.extra += checked.extra.len();
            let mut add = |verdict, counts, sides: (Option<usize>, Option<usize>), kind, policies: &[Named]| {
                let (expected, found) = (
                    sides.0.and_then(|index| Located::new(expected, index)),
                    sides.1.and_then(|index| Located::new(target, index)),
                );
                let record = expected.as_ref().or(found.as_ref()).map(|located| &located.record);
                let side = side_word(Some(scope));
                let value = record.map(|record| format!("{}!{}", values::key(side, record), values::name(record)));
                let value = value.unwrap_or_default();
                let waiver = waivers.find(policies, &value);
                let policies = policies
                    .iter()
                    .map(|policy| PolicyName { id: policy.id.clone(), display_name: policy.display_name.clone() });
                findings.push(FindingModel {
                    verdict,
                    fails: counts && waiver.as_ref().is_none_or(|waiver| waiver.expired),
                    waiver,
                    scope: Some(scope.word()),
                    title: title(Some(scope)),
                    value,
                    policies: policies.collect(),
                    kind,
                    expected,
                    found,
                });
            };
            for finding in &checked.findings {
                let (word, counts) = match finding.verdict {
                    Verdict::Different => ("different", true),
                    Verdict::Absent => ("absent", fail_on == FailOn::Absent),
                };
                add(word, counts, (finding.expected, finding.found), finding.kind, &finding.policies);
            }
            for extra in checked.extra.iter().filter(|_| exact) {
                add("extra", true, (None, Some(extra.record)), RecordKind::OnlyRight, &extra.policies);
            }
        }
        let of = |verdict: &str| findings.iter().filter(|finding| finding.verdict == verdict).count();
        summary.different = of("different");
        summary.absent = of("absent");
        summary.waived = findings.iter().filter(|finding| finding.is_waived()).count();
        summary.checked = summary.pass + summary.different + summary.absent;
        Self {
            schema: "gpol.check/1",
            target: SourceModel::new(target),
            expected: expected.iter().map(SourceModel::new).collect(),
            admx: AdmxModel::new(catalog),
            compliant: findings.iter().all(|finding| !finding.fails),
            summary,
            findings,
            not_checked: AsideModel::all(expected),
            unsupported: expected.iter().flat_map(unsupported).collect(),
            unreadable: Vec::new(),
        }
    }
}

impl FindingModel {
    /// Whether a waiver holds.
    pub fn is_waived(&self) -> bool {
        self.waiver.as_ref().is_some_and(|waiver| !waiver.expired)
    }

    /// What people call it.
    pub fn name(&self) -> String {
        match self.policies.first() {
            Some(policy) => format!("{}  {}", policy.display_name, self.value),
            None => self.value.clone(),
        }
    }

    /// What was wanted and what is there, in words.
    pub fn sides(&self) -> (String, String) {
        let effect = |located: &Option<Located>| located.as_ref().map(|located| values::effect(&located.record));
        let (expected, found) = (effect(&self.expected), effect(&self.found));
        let note = match self.kind {
            RecordKind::Order => "  (undone or changed by other records of its file)",
            _ if expected.is_some() && expected == found => "  (in other bytes)",
            _ => "",
        };
        let place = self.found.as_ref().map(|located| match (&located.gpo, &located.guid) {
            (Some(name), Some(guid)) => format!("  in {name}  {guid}"),
            (Some(gpo), None) => format!("  in {gpo}"),
            (None, _) => format!("  {}", located.place),
        });
        let found = found.map_or_else(|| "nothing".to_owned(), |found| found + note + &place.unwrap_or_default());
        (expected.unwrap_or_else(|| "no record".to_owned()), found)
    }
}

/// What a state file says that is not checked.
fn unsupported(source: &Source) -> Vec<String> {
    let Some(state) = &source.state else { return Vec::new() };
    let path = source.path.display();
    let several = |n: usize, what: &str| (n > 0).then(|| format!("{path}: {what} ({n})"));
    let all = [
        several(state.extends.len(), "the files that it builds on"),
        several(state.facts.len() + state.verdicts.len(), "facts and verdicts about an image"),
    ];
    all.into_iter().flatten().collect()
}
