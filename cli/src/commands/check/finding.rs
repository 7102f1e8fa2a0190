//! One thing that is not as expected.

use std::path::PathBuf;

use gpo::by_scope::Joined;
use gpo::check::{Finding, ImageAnswer, ImageChecked, ImageWhat, Named};
use gpo::compare::RecordKind;
use gpo::desired::{DesiredScope, Origin};
use gpo::exchange::lgpo::Scope;
use gpo::model::{Judged, RecordModel, TypeModel};
use gpo::source::{Place, Spot};
use polfile::ValueType;
use serde::Serialize;

use super::waivers::WaiverModel;
use crate::commands::policy::in_words;
use crate::commands::sides::{Located, side_word, title};
use crate::commands::values;

/// A setting, or a part of an image, that is not as expected.
#[derive(Serialize)]
pub struct FindingModel {
    /// `different`, `absent`, `extra` or `unknown`.
    pub verdict: &'static str,
    /// Whether it makes the check fail.
    pub fails: bool,
    pub waiver: Option<WaiverModel>,
    /// The GPO that is checked, with `--each`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpo: Option<String>,
    /// `null` for what is expected of an image.
    pub scope: Option<String>,
    #[serde(skip)]
    pub title: String,
    /// `HKLM\key!value`; `next-boot ID` for what a policy comes to.
    pub value: String,
    pub policies: Vec<PolicyName>,
    /// In what they differ; `null` for what a policy comes to.
    pub kind: Option<RecordKind>,
    pub expected: Option<Located>,
    pub found: Option<Located>,
    /// In words.
    pub expected_text: String,
    pub found_text: String,
    /// Where it is asked for.
    pub from: Option<String>,
    /// Where a weaker expectation asks for something else.
    pub overrides: Option<String>,
    /// What the state file says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Where it stands, for formats that point at files.
    #[serde(skip)]
    pub at: Place,
    #[serde(skip)]
    pub wanted_at: Option<Place>,
}

#[derive(Clone, Serialize)]
pub struct PolicyName {
    pub id: String,
    pub display_name: String,
    /// Name in the template, which waivers may use.
    #[serde(skip)]
    pub name: String,
}

impl From<&Named> for PolicyName {
    fn from(named: &Named) -> Self {
        Self { id: named.id.clone(), display_name: named.display_name.clone(), name: named.name.clone() }
    }
}

/// Both sides of a scope that is checked.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    pub gpo: Option<&'a String>,
    pub scope: &'a Scope,
    pub expected: &'a DesiredScope,
    pub target: &'a Joined,
    /// Where the target has no policy file for it.
    pub place: &'a PathBuf,
}

impl FindingModel {
    /// Of the target's records.
    pub fn new(verdict: &'static str, finding: &Finding, sides: Sides<'_>) -> Self {
        let origin = finding.origin.as_ref();
        let expected = finding.expected.and_then(|index| located(sides.expected, index, origin));
        let found = finding.found.and_then(|index| Located::new(sides.target, index));
        let record = expected.as_ref().or(found.as_ref()).map(|located| &located.record);
        let value = record.map(|record| values::full_name(side_word(Some(sides.scope)), record)).unwrap_or_default();
        let effect = |located: &Option<Located>| located.as_ref().map(|located| values::effect(&located.record));
        let (wants, has) = (effect(&expected), effect(&found));
        let note = match finding.kind {
            RecordKind::Order => "  (undone or changed by other records of its file)",
            _ if wants.is_some() && wants == has && is_hidden(&found) => "  (another one)",
            _ if wants.is_some() && wants == has => "  (in other bytes)",
            _ => "",
        };
        let of_scope = || sides.target.parts.first().map(|part| part.path.clone());
        let no_record = || Place { path: of_scope().unwrap_or_else(|| sides.place.clone()), spot: Spot::Line(0) };
        Self {
            verdict,
            fails: false,
            waiver: None,
            gpo: sides.gpo.cloned(),
            scope: Some(sides.scope.word()),
            title: title(Some(sides.scope)),
            value,
            policies: finding.policies.iter().map(PolicyName::from).collect(),
            kind: Some(finding.kind),
            expected_text: wants.unwrap_or_else(|| "no record".to_owned()),
            found_text: has.map_or_else(|| "nothing".to_owned(), |has| has + note),
            from: origin.map(|origin| origin.place.to_string()),
            overrides: origin.and_then(|origin| origin.overrides.as_ref()).map(Place::to_string),
            reason: None,
            ticket: None,
            at: finding.found.and_then(|index| sides.target.place(index)).unwrap_or_else(no_record),
            wanted_at: origin.map(|origin| origin.place.clone()),
            expected,
            found,
        }
    }

    /// Of an image; `None` if it is as expected.
    pub fn of_image(checked: &ImageChecked) -> Option<Self> {
        let (verdict, kind, found_text) = match &checked.answer {
            ImageAnswer::Pass(_) => return None,
            ImageAnswer::Absent => ("absent", Some(RecordKind::OnlyLeft), "nothing".to_owned()),
            ImageAnswer::Value(found) => {
                let value_type = ValueType(found.value_type.0);
                let kind = match &checked.what {
                    ImageWhat::Fact { value_type: wanted, .. } if *wanted != value_type => RecordKind::Type,
                    _ => RecordKind::Data,
                };
                ("different", Some(kind), typed(&found.key, &found.name, value_type, &found.data))
            }
            ImageAnswer::Decided(decision) => {
                let why = decision.why.as_ref().map(|why| format!("  ({why})")).unwrap_or_default();
                ("different", None, decision.meaning.clone() + &why)
            }
            ImageAnswer::Unknown(why) => {
                ("unknown", None, format!("not known: {}", why.trim_start_matches("not known: ")))
            }
        };
        let (value, policies, expected_text) = match &checked.what {
            ImageWhat::Fact { key, value_name, value_type, data } => {
                let name = if value_name.is_empty() { "(Default)" } else { value_name };
                (format!(r"HKLM\{key}!{name}"), Vec::new(), typed(key, value_name, *value_type, data))
            }
            ImageWhat::Verdict { policy, next_boot } => {
                let wants = format!("{} at the next boot", in_words(next_boot.as_str()));
                (format!("next-boot {}", policy.id), vec![PolicyName::from(policy)], wants)
            }
        };
        Some(Self {
            verdict,
            fails: false,
            waiver: None,
            gpo: None,
            scope: None,
            title: "Image".to_owned(),
            value,
            policies,
            kind,
            expected: None,
            found: None,
            expected_text,
            found_text,
            from: Some(checked.place.to_string()),
            overrides: checked.overrides.as_ref().map(Place::to_string),
            reason: None,
            ticket: None,
            at: Place { path: checked.at.clone(), spot: Spot::Line(0) },
            wanted_at: Some(checked.place.clone()),
        })
    }

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

    /// The heading that it stands under.
    pub fn heading(&self) -> String {
        match &self.gpo {
            Some(gpo) => format!("{gpo}: {}", self.title),
            None => self.title.clone(),
        }
    }

    /// What was wanted and what is there, in words, with their places.
    pub fn sides(&self) -> (String, String) {
        // The heading tells which GPO it is, where each is checked by itself.
        let gpo = self.expected.as_ref().and_then(|it| it.gpo.as_ref()).filter(|_| self.gpo.is_none());
        let from = gpo.map(|gpo| format!("in {gpo}")).or_else(|| {
            let is_line = self.wanted_at.as_ref().is_some_and(|place| matches!(place.spot, Spot::Line(_)));
            self.from.clone().filter(|_| is_line)
        });
        let mut expected = self.expected_text.clone();
        expected.extend(from.map(|from| format!("  {from}")));
        expected.extend(self.overrides.as_ref().map(|weaker| format!("  (overrides {weaker})")));
        let place = self.found.as_ref().map(|located| match (&located.gpo, &located.guid, &self.gpo) {
            (Some(name), Some(guid), None) => format!("  in {name}  {guid}"),
            (Some(gpo), None, None) => format!("  in {gpo}"),
            _ => format!("  {}", located.place),
        });
        let place = place.unwrap_or_default();
        (expected, format!("{}{place}", self.found_text))
    }
}

/// The record that is expected, counted as its own file counts it.
fn located(expected: &DesiredScope, index: usize, origin: Option<&Origin>) -> Option<Located> {
    let mut record = RecordModel::new(index, &expected.file.record(index)?);
    let origin = origin?;
    (record.index, record.offset) = match origin.place.spot {
        Spot::Record { record, offset } => (record, offset),
        Spot::Line(_) => (record.index, 0),
    };
    Some(Located { gpo: origin.gpo.clone(), guid: None, place: origin.place.to_string(), record })
}

fn is_hidden(located: &Option<Located>) -> bool {
    located.as_ref().is_some_and(|located| located.record.hidden)
}

/// `REG_DWORD  1`, as records are shown.
fn typed(key: &str, name: &str, value_type: ValueType, data: &[u8]) -> String {
    let model = TypeModel::from(value_type);
    let judged = Judged::new(key, name, value_type, data);
    format!("{}  {}", values::type_name(&model), values::reading(&model, judged.value().as_ref(), &judged.raw()))
}
