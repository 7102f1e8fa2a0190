//! The verdict as JSON has it: `gpol.check/1`.

use std::path::PathBuf;

use ::admx::Catalog;
use gpo::by_scope::Joined;
use gpo::check::{Checked, Finding, ImageAnswer, ImageWhat, Verdict, check};
use gpo::compare::RecordKind;
use gpo::contents::compare;
use gpo::desired::{DesiredScope, Origin, What};
use gpo::exchange::lgpo::Scope;
use gpo::exchange::state::{StateFile, Unmanaged};
use gpo::model::RecordModel;
use gpo::scope::Scope as Whose;
use gpo::show::AdmxModel;
use gpo::source::{Place, Spot};
use serde::Serialize;

use super::FailOn;
use super::case::{Case, Pair};
use super::finding::{FindingModel, Sides};
use super::waivers::Waivers;
use crate::commands::pol::count;
use crate::commands::policy::in_words;
use crate::commands::sides::{AsideModel, SourceModel, files_of, side_word};
use crate::commands::values;
use crate::error::{Code, CommandError};

/// What came out.
#[derive(Serialize)]
pub struct Check {
    schema: &'static str,
    pub target: SourceModel,
    pub expected: Vec<SourceModel>,
    /// Files that state files among these extend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extended: Vec<String>,
    pub admx: AdmxModel,
    /// Whether nothing failed and no part of the answer is missing.
    pub compliant: bool,
    /// Whether nothing failed of what was checked.
    #[serde(skip)]
    pub passes: bool,
    pub summary: Summary,
    /// What is not as expected.
    pub findings: Vec<FindingModel>,
    /// What a stronger expectation says otherwise than a weaker one.
    pub overridden: Vec<Overridden>,
    /// With `--each`, how it is GPO by GPO.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpos: Vec<GpoModel>,
    /// GPOs of the target that the order does not name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What an expectation or the target holds beside registry policy and is not the same on both sides.
    pub not_checked: Vec<AsideModel>,
    /// Files beside registry policy that are the same, byte for byte.
    pub same_files: usize,
    /// What state files say and could not be checked.
    pub unsupported: Vec<String>,
    /// GPOs and folders among several that cannot be read, and why: what they say is not in the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Default, Serialize)]
pub struct Summary {
    /// All settings that something is expected of.
    pub checked: usize,
    pub pass: usize,
    pub different: usize,
    pub absent: usize,
    /// Those of an image that cannot be known.
    pub unknown: usize,
    /// Of these, those with a waiver that has not expired.
    pub waived: usize,
    /// Records of the target that nothing is expected of.
    pub extra: usize,
}

/// A GPO that was checked by itself.
#[derive(Serialize)]
pub struct GpoModel {
    pub name: String,
    /// Whether the target has such a GPO.
    pub there: bool,
    /// What is no registry policy and not the same on both sides.
    pub not_checked: usize,
    #[serde(flatten)]
    pub summary: Summary,
}

/// A setting that several expectations speak of.
#[derive(Serialize)]
pub struct Overridden {
    pub scope: String,
    /// `HKLM\key!value`, or the id of a policy.
    pub value: String,
    /// Where the stronger one asks for it.
    pub from: String,
    /// Where the weaker one does.
    pub overrides: String,
}

/// What decides over a verdict.
#[derive(Clone, Copy)]
pub struct Rules {
    pub exact: bool,
    pub fail_on: FailOn,
    /// Whether what is no registry policy is let through.
    pub registry_only: bool,
}

impl Check {
    pub fn new(
        case: Case,
        catalog: &Catalog,
        waivers: &mut Waivers,
        rules: Rules,
        asked: Option<&Whose>,
    ) -> Result<Self, CommandError> {
        let mut all = Collected { rules, unmanaged: case.unmanaged(), ..Collected::default() };
        for pair in &case.pairs {
            all.of_pair(pair, catalog, asked)?;
        }
        all.of_image(&case);
        let Collected {
            mut summary,
            mut findings,
            mut overridden,
            gpos,
            contested,
            notes,
            not_checked,
            same_files,
            ..
        } = all;
        overridden.sort_by(|a, b| (&a.scope, &a.value).cmp(&(&b.scope, &b.value)));
        for finding in &mut findings {
            finding.waiver = waivers.find(finding);
            finding.fails &= finding.waiver.as_ref().is_none_or(|waiver| waiver.expired);
            let why = finding.wanted_at.as_ref().and_then(|place| why(&case.states, place));
            (finding.reason, finding.ticket) = why.unwrap_or_default();
        }
        summary.waived = findings.iter().filter(|finding| finding.is_waived()).count();
        let mut notes = [case.notes, notes].concat();
        if contested > 0 && case.target.gpos.len() > 1 {
            let settings = count(contested, "setting");
            notes.push(format!(
                "GPOs of the target say different things of {settings} checked here; the order above decides, and --order FILE gives another."
            ));
        }
        if summary.extra > 0 && !rules.exact {
            let extra = count(summary.extra, "record");
            match all.unmanaged {
                Unmanaged::Keep => {}
                Unmanaged::Report => notes.push(format!("The state file wants what it does not name reported: {extra}.")),
                Unmanaged::Remove => notes.push(format!(
                    "The state file has unmanaged: remove, and {extra} of the target are not named; --exact makes them fail."
                )),
            }
        }
        let passes = findings.iter().all(|finding| !finding.fails);
        let mut checked = Self {
            schema: "gpol.check/1",
            target: case.target,
            expected: case.expected,
            extended: case.extended.iter().map(|path| path.display().to_string()).collect(),
            admx: AdmxModel::new(catalog),
            compliant: false,
            passes,
            summary,
            findings,
            overridden,
            gpos,
            left_out: case.left_out,
            not_checked,
            same_files,
            unsupported: case.unsupported,
            unreadable: case.unreadable,
            notes,
        };
        checked.compliant = checked.passes && !checked.is_partial();
        Ok(checked)
    }

    /// What was not looked at, and why, and which therefore is missing in the answer.
    pub fn unchecked(&self) -> Vec<String> {
        let others = self.not_checked.iter().filter(|aside| aside.decides).map(AsideModel::sentence);
        self.unsupported.iter().chain(&self.unreadable).cloned().chain(others).collect()
    }

    /// What was not looked at, and need not be.
    pub fn let_through(&self) -> Vec<String> {
        self.not_checked.iter().filter(|aside| !aside.decides).map(AsideModel::sentence).collect()
    }

    /// Whether anything was compared that is no registry policy, or would have to be.
    pub fn has_others(&self) -> bool {
        self.same_files > 0 || self.not_checked.iter().any(|aside| aside.decides)
    }

    /// Whether a part of the answer is missing.
    pub fn is_partial(&self) -> bool {
        !self.unchecked().is_empty() || self.findings.iter().any(|f| f.verdict == "unknown" && f.fails)
    }
}

/// What is gathered pair by pair.
#[derive(Default)]
struct Collected {
    rules: Rules,
    unmanaged: Unmanaged,
    summary: Summary,
    findings: Vec<FindingModel>,
    overridden: Vec<Overridden>,
    gpos: Vec<GpoModel>,
    contested: usize,
    notes: Vec<String>,
    not_checked: Vec<AsideModel>,
    same_files: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { exact: false, fail_on: FailOn::Absent, registry_only: false }
    }
}

impl Collected {
    fn of_pair(&mut self, pair: &Pair, catalog: &Catalog, asked: Option<&Whose>) -> Result<(), CommandError> {
        let before = self.summary;
        let not_checked = self.beside_policy(pair, asked);
        let mut unsaid: Vec<DesiredScope> = Vec::new();
        for part in &pair.target.parts {
            let Some(scope) = part.scope.as_ref() else { continue };
            let scope = scope.word().parse::<Whose>().map_err(|error| {
                CommandError::new(Code::NO_SCOPE, format!("{}: {error}", pair.target.path.display()))
                    .detail("Nothing was checked.")
            })?;
            if pair.desired.scopes.iter().chain(&unsaid).all(|it| it.scope != scope) {
                unsaid.push(DesiredScope::of(scope));
            }
        }
        let mut scopes: Vec<&DesiredScope> = pair.desired.scopes.iter().chain(&unsaid).collect();
        scopes.sort_by(|a, b| a.scope.cmp(&b.scope));
        for expected in scopes {
            let scope = Scope::from(&expected.scope);
            let target = Joined::of(std::slice::from_ref(&pair.target), Some(&scope));
            let checked = check(catalog, expected, &target);
            let place = &pair.target.path;
            self.of_scope(checked, Sides { gpo: pair.gpo.as_ref(), scope: &scope, expected, target: &target, place });
            self.overridden_of(expected);
        }
        if let Some(name) = &pair.gpo {
            let summary = self.summary.since(before);
            let there = !pair.target.parts.is_empty() || !pair.target.contents.is_empty();
            self.gpos.push(GpoModel { name: name.clone(), there, not_checked, summary });
        }
        Ok(())
    }

    /// Compares what is no registry policy; how much of it is not the same and decides.
    ///
    /// An expectation without a GPO, as a state file is one, says nothing of such files: those of the target are extra.
    fn beside_policy(&mut self, pair: &Pair, asked: Option<&Whose>) -> usize {
        let Rules { exact, registry_only, .. } = self.rules;
        let counts = !registry_only;
        let texts = pair.desired.asides.iter().map(|aside| AsideModel::of(aside, "expected", counts));
        let expected = files_of(&pair.desired.contents, asked);
        let compared = compare([expected, files_of(&pair.target.contents, asked)]);
        let is_expected = exact || !pair.desired.contents.is_empty();
        let files = compared.unequal.iter();
        let files = files.filter_map(|it| AsideModel::of_files(it, ["expected", "target"], counts && is_expected));
        let all: Vec<AsideModel> = texts.chain(files).map(|it| AsideModel { gpo: pair.gpo.clone(), ..it }).collect();
        let deciding = all.iter().filter(|aside| aside.decides).count();
        self.not_checked.extend(all);
        self.same_files += compared.same;
        deciding
    }

    fn of_scope(&mut self, checked: Checked, sides: Sides<'_>) {
        let Rules { exact, fail_on, .. } = self.rules;
        self.contested += checked.contested;
        self.summary.add(checked.pass, "pass");
        for finding in &checked.findings {
            let (word, fails) = match finding.verdict {
                Verdict::Different => ("different", true),
                Verdict::Absent => ("absent", fail_on == FailOn::Absent),
            };
            self.push(FindingModel { fails, ..FindingModel::new(word, finding, sides) });
        }
        let listed = exact || self.unmanaged != Unmanaged::Keep;
        self.summary.extra += checked.extra.len();
        for extra in checked.extra.into_iter().filter(|_| listed) {
            let finding = Finding {
                verdict: Verdict::Different,
                expected: None,
                origin: None,
                found: Some(extra.record),
                kind: RecordKind::OnlyRight,
                policies: extra.policies,
            };
            self.findings.push(FindingModel { fails: exact, ..FindingModel::new("extra", &finding, sides) });
        }
    }

    fn of_image(&mut self, case: &Case) {
        for checked in &case.image {
            if let (ImageAnswer::Pass(conditions), ImageWhat::Verdict { policy, next_boot }) =
                (&checked.answer, &checked.what)
                && !conditions.is_empty()
            {
                let state = in_words(next_boot.as_str());
                let conditions = conditions.join("; and if ");
                self.notes.push(format!("{} is {state} at the next boot if {conditions}.", policy.display_name));
            }
            if let Some(weaker) = &checked.overrides {
                let value = match &checked.what {
                    ImageWhat::Fact { key, value_name, .. } => format!(r"HKLM\{key}!{value_name}"),
                    ImageWhat::Verdict { policy, .. } => policy.id.clone(),
                };
                let (from, overrides) = (checked.place.to_string(), weaker.to_string());
                self.overridden.push(Overridden { scope: "image".to_owned(), value, from, overrides });
            }
            match FindingModel::of_image(checked) {
                None => self.summary.add(1, "pass"),
                Some(finding) => {
                    let fails = finding.verdict != "absent" || self.rules.fail_on == FailOn::Absent;
                    self.push(FindingModel { fails, ..finding });
                }
            }
        }
    }

    fn push(&mut self, finding: FindingModel) {
        self.summary.add(1, finding.verdict);
        self.findings.push(finding);
    }

    fn overridden_of(&mut self, expected: &DesiredScope) {
        let scope = Scope::from(&expected.scope);
        let side = side_word(Some(&scope));
        let mut add = |value: String, origin: &Origin| {
            let Some(weaker) = &origin.overrides else { return };
            let (from, overrides) = (origin.place.to_string(), weaker.to_string());
            self.overridden.push(Overridden { scope: scope.word(), value, from, overrides });
        };
        for (index, record) in expected.file.records().enumerate() {
            if let Some(origin) = expected.origins.get(&record.slot()) {
                add(values::full_name(side, &RecordModel::new(index, &record)), origin);
            }
        }
        for forgotten in &expected.forgotten {
            let value = match &forgotten.what {
                What::Policy(id) => id.clone(),
                What::Value(key, name) => {
                    format!(r"{}\{key}!{name}", if side == Some("user") { "HKCU" } else { "HKLM" })
                }
            };
            add(value, &forgotten.origin);
        }
    }
}

impl Summary {
    fn add(&mut self, n: usize, verdict: &str) {
        self.checked += n;
        match verdict {
            "pass" => self.pass += n,
            "absent" => self.absent += n,
            "unknown" => self.unknown += n,
            _ => self.different += n,
        }
    }

    /// What has been added since.
    fn since(self, before: Self) -> Self {
        Self {
            checked: self.checked - before.checked,
            pass: self.pass - before.pass,
            different: self.different - before.different,
            absent: self.absent - before.absent,
            unknown: self.unknown - before.unknown,
            waived: 0,
            extra: self.extra - before.extra,
        }
    }
}

/// Reason and ticket of what a state file asks for at a place.
fn why(states: &[(PathBuf, StateFile)], place: &Place) -> Option<(Option<String>, Option<String>)> {
    let Spot::Line(line) = place.spot else { return None };
    let (_, state) = states.iter().find(|(path, _)| *path == place.path)?;
    state.sides.iter().find_map(|side| {
        let policy = side.policies.iter().find(|policy| policy.at.line == line);
        let record = || side.registry.iter().find(|record| record.at.line == line);
        match policy {
            Some(policy) => Some((policy.reason.clone(), policy.ticket.clone())),
            None => record().map(|record| (record.reason.clone(), None)),
        }
    })
}
