//! The verdict for CI servers.

use gpo::source::Spot;

use super::finding::FindingModel;
use super::model::Check;
use crate::ui::escape;

/// JUnit's XML: a test for each finding, one for all that passed, and one for each part that could not be checked.
pub fn junit(check: &Check) -> String {
    let is_error = |finding: &&FindingModel| finding.fails && finding.verdict == "unknown";
    let failing = check.findings.iter().filter(|finding| finding.fails).count();
    let unknown = check.findings.iter().filter(is_error).count();
    let skipped = check.findings.iter().filter(|finding| finding.is_waived()).count();
    let (unchecked, let_through) = (check.unchecked(), check.let_through());
    let (failures, errors) = (failing - unknown, unknown + unchecked.len());
    let skipped = skipped + let_through.len();
    let tests = check.findings.len() + unchecked.len() + let_through.len() + 1;
    let suite = attribute(&check.target.path);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    text.push_str(&format!(
        "  <testsuite name=\"gpol check {suite}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">\n"
    ));
    text.push_str(&format!("    <testcase classname=\"gpol.check\" name=\"{} as expected\"/>\n", check.summary.pass));
    for finding in &check.findings {
        let class = attribute(&format!("gpol.check.{}", finding.heading()));
        text.push_str(&format!("    <testcase classname=\"{class}\" name=\"{}\"", attribute(&finding.name())));
        let says = attribute(&message(finding));
        match &finding.waiver {
            Some(waiver) if finding.is_waived() => {
                let why = attribute(&format!("waived until {}: {}", waiver.expires, waiver.reason));
                text.push_str(&format!("><skipped message=\"{why}\"/></testcase>\n"));
            }
            _ if finding.fails => {
                let what = if is_error(&finding) { "error" } else { "failure" };
                text.push_str(&format!("><{what} type=\"{}\" message=\"{says}\"/></testcase>\n", finding.verdict));
            }
            _ => text.push_str(&format!("><system-out>{says}</system-out></testcase>\n")),
        }
    }
    for what in unchecked {
        let what = attribute(&what);
        text.push_str("    <testcase classname=\"gpol.check\" name=\"not checked\">");
        text.push_str(&format!("<error type=\"not-checked\" message=\"{what}\"/></testcase>\n"));
    }
    for what in let_through {
        let what = attribute(&what);
        text.push_str("    <testcase classname=\"gpol.check\" name=\"not checked\">");
        text.push_str(&format!("<skipped message=\"not asked for: {what}\"/></testcase>\n"));
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// Workflow commands of GitHub Actions, one for each finding.
pub fn github(check: &Check) -> String {
    let mut text = String::new();
    for finding in &check.findings {
        let level = match (finding.fails, finding.is_waived()) {
            (true, _) => "error",
            (false, true) => "notice",
            (false, false) => "warning",
        };
        let title = property(&format!("gpol check: {}", finding.verdict));
        let line = match finding.at.spot {
            Spot::Line(line) if line > 0 => format!(",line={line}"),
            _ => String::new(),
        };
        let file = property(&finding.at.path.display().to_string()) + &line;
        let says = data(&format!("{}: {}", finding.name(), message(finding)));
        text.push_str(&format!("::{level} file={file},title={title}::{says}\n"));
    }
    for what in check.unchecked() {
        text.push_str(&format!("::error title={}::{}\n", property("gpol check: not checked"), data(&what)));
    }
    for what in check.let_through() {
        text.push_str(&format!("::notice title={}::{}\n", property("gpol check: not asked for"), data(&what)));
    }
    text
}

pub fn message(finding: &FindingModel) -> String {
    let (expected, found) = finding.sides();
    let waiver = finding.waiver.as_ref().map(|waiver| {
        let until = if waiver.expired { "waiver expired on" } else { "waived until" };
        format!("; {until} {}: {}", waiver.expires, waiver.reason)
    });
    let found = if finding.verdict == "unknown" { found } else { format!("found {found}") };
    format!("expected {expected}, {found}{}", waiver.unwrap_or_default())
}

/// A text in XML.
fn attribute(text: &str) -> String {
    escape(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A text behind the colons of a workflow command.
fn data(text: &str) -> String {
    escape(text).replace('%', "%25")
}

/// A text among the properties of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
