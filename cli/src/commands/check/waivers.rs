//! Findings that are accepted for a time.

use std::path::{Path, PathBuf};

use gpo::exchange::state::{StateFile, Waiver};
use gpo::source::{Place, Spot};
use serde::Serialize;

use super::finding::{FindingModel, PolicyName};
use crate::error::{Code, CommandError};

/// Waivers, and which of them were of use.
pub struct Waivers {
    all: Vec<(Place, Waiver, bool)>,
    /// `YYYY-MM-DD`.
    today: String,
}

/// A waiver of a finding.
#[derive(Clone, Serialize)]
pub struct WaiverModel {
    pub reason: String,
    /// Last day, `YYYY-MM-DD`.
    pub expires: String,
    /// Whether that day is over, so that the finding counts again.
    pub expired: bool,
    /// Where it stands.
    pub from: String,
    #[serde(skip)]
    pub at: Place,
}

impl Waivers {
    /// Those of state files that say what is expected.
    pub fn of(states: &[(PathBuf, StateFile)]) -> Result<Self, CommandError> {
        let mut waivers = Self { all: Vec::new(), today: today()? };
        states.iter().for_each(|(path, state)| waivers.add(path, state));
        Ok(waivers)
    }

    /// Those of one more state file.
    pub fn add(&mut self, path: &Path, state: &StateFile) {
        for waiver in &state.waivers {
            let place = Place { path: path.to_path_buf(), spot: Spot::Line(waiver.at.line) };
            self.all.push((place, waiver.clone(), false));
        }
    }

    /// The waiver of a finding: its rule is the policy's id or name, or the value as `HKLM\key!name`. One that has not
    /// expired, if there is one.
    pub fn find(&mut self, finding: &FindingModel) -> Option<WaiverModel> {
        let today = &self.today;
        let same = |rule: &str, name: &str| rule.to_lowercase() == name.to_lowercase();
        let mut found: Option<WaiverModel> = None;
        for (place, waiver, used) in &mut self.all {
            let rule = &waiver.rule;
            let of_policy = |policy: &PolicyName| same(rule, &policy.id) || same(rule, &policy.name);
            if !finding.policies.iter().any(of_policy) && !same(rule, &finding.value) {
                continue;
            }
            *used = true;
            // Days in this form are ordered as texts are.
            let expired = waiver.expires < *today;
            if found.as_ref().is_none_or(|found| found.expired) {
                let (reason, expires) = (waiver.reason.clone(), waiver.expires.clone());
                found = Some(WaiverModel { reason, expires, expired, from: place.to_string(), at: place.clone() });
            }
        }
        found
    }

    /// What to say of waivers that no finding has. Those of rules such as `SEC003` are for other commands.
    pub fn unused(&self) -> impl Iterator<Item = String> {
        let is_code = |rule: &str| {
            let digits = rule.trim_start_matches(|c: char| c.is_ascii_uppercase());
            let letters = rule.len() - digits.len();
            (2..=4).contains(&letters) && digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit())
        };
        let unused = self.all.iter().filter(move |(_, waiver, used)| !used && !is_code(&waiver.rule));
        unused.map(|(place, waiver, _)| format!("{place}: the waiver of {} fits no finding", waiver.rule))
    }
}

/// The day it is in UTC; or that of `SOURCE_DATE_EPOCH`, so that the same input gives the same verdict.
fn today() -> Result<String, CommandError> {
    let seconds: u64 = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().map_err(|_| {
            CommandError::new(Code::READ, format!("SOURCE_DATE_EPOCH is {text:?}; it must be a number of seconds"))
        })?,
        Err(_) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(0, |since| since.as_secs())
        }
    };
    Ok(day(seconds / 86_400))
}

/// The day so many days after 1970-01-01.
fn day(mut days: u64) -> String {
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let mut year = 1970;
    while year < 9999 && days >= if leap(year) { 366 } else { 365 } {
        days -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_675_200, "2026-12-31"),
            (1_798_761_600, "2027-01-01"),
        ] {
            assert_eq!(day(seconds / 86_400), expected);
        }
    }
}
