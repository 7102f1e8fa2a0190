//! The verdict as SARIF 2.1.0, for code scanning and for viewers of findings.
//!
//! Specification: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>; numbers of sections are its own. What
//! is here is a small part of it. Each way in which a setting can fail is a rule, each finding a result, a waiver a
//! suppression. A result lies in the policy file of the target, at the record's byte, or where that is missing in
//! the file that lacks it; its logical location is the setting. Nothing depends on the day, but whether a waiver holds.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use gpo::source::{Place, Spot};
use serde::Serialize;

use super::finding::FindingModel;
use super::model::{Check, Summary};
use super::text::message;

/// The file (3.13).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    automation_details: Id,
    invocations: [Invocation; 1],
    results: Vec<SarifResult<'a>>,
    properties: RunProperties<'a>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

/// 3.49. All of them are listed in each file: a rule that found nothing was looked at.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    name: &'static str,
    short_description: Text,
    full_description: Text,
    help: Text,
    default_configuration: Level,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Level {
    level: &'static str,
}

#[derive(Serialize)]
struct Id {
    id: String,
}

/// 3.20. It did what it should even if the answer is no; what it could not check is a notification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties<'a> {
    compliant: bool,
    summary: Summary,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
}

/// 3.27.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'static str,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression<'a>>,
    properties: ResultProperties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

/// 3.30: of a text by its line, of a policy file, which is binary, by the byte that the record begins with.
#[derive(Serialize)]
#[serde(untagged)]
enum Region {
    #[serde(rename_all = "camelCase")]
    Text { start_line: usize },
    #[serde(rename_all = "camelCase")]
    Binary { byte_offset: usize },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    fully_qualified_name: String,
    kind: &'static str,
}

/// 3.35. `external`: a waiver stands in a file of its own, not in what it is about.
#[derive(Serialize)]
struct Suppression<'a> {
    kind: &'static str,
    status: &'static str,
    justification: String,
    location: Location,
    properties: SuppressionProperties<'a>,
}

#[derive(Serialize)]
struct SuppressionProperties<'a> {
    /// Last day, `YYYY-MM-DD`.
    expires: &'a str,
}

#[derive(Serialize)]
struct ResultProperties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    gpo: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a String>,
    value: &'a str,
    expected: &'a str,
    found: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrides: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a String>,
}

/// Verdict, name, what it means, what to do, level.
const RULES: [[&str; 5]; 4] = [
    [
        "different",
        "SettingDiffers",
        "A setting is not as expected",
        "Change the target to what is expected (gpol plan, gpol apply), or record a waiver.",
        "error",
    ],
    [
        "absent",
        "SettingAbsent",
        "A setting is expected and not there",
        "Add it to the target (gpol plan, gpol apply), or record a waiver. For a deletion the target must delete; that it says nothing is not enough.",
        "error",
    ],
    [
        "extra",
        "SettingNotExpected",
        "The target has a setting that nothing is expected of",
        "Add it to the expectation, or take it out of the target.",
        "warning",
    ],
    [
        "unknown",
        "SettingUnknown",
        "What is expected of an image cannot be known from its files",
        "The finding says what cannot be read, or what decides and cannot be seen.",
        "warning",
    ],
];

/// The verdict as a file.
pub fn log(check: &Check) -> Log<'_> {
    let rules = RULES.iter().map(|[verdict, name, what, help, level]| Rule {
        id: rule_id(verdict),
        name,
        short_description: Text { text: format!("{what}.") },
        full_description: Text { text: format!("gpol check: {}.", lower(what)) },
        help: Text { text: (*help).to_owned() },
        default_configuration: Level { level },
    });
    let unchecked = check.unchecked().into_iter().map(|what| ("error", format!("not checked: {what}")));
    let let_through =
        check.let_through().into_iter().map(|what| ("note", format!("not checked, not asked for: {what}")));
    let notifications =
        unchecked.chain(let_through).map(|(level, text)| Notification { level, message: Text { text } });
    let driver = Driver { name: "gpol", semantic_version: env!("CARGO_PKG_VERSION"), rules: rules.collect() };
    let run = Run {
        tool: Tool { driver },
        // Ends in a slash: the part in front names the category, which tells uploads of several targets apart (3.17.3).
        automation_details: Id { id: format!("gpol check {}/", check.target.path) },
        invocations: [Invocation { execution_successful: true, tool_execution_notifications: notifications.collect() }],
        results: check.findings.iter().map(result).collect(),
        properties: RunProperties { compliant: check.compliant, summary: check.summary, notes: &check.notes },
    };
    Log { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] }
}

fn rule_id(verdict: &str) -> &'static str {
    match verdict {
        "different" => "check/different",
        "absent" => "check/absent",
        "extra" => "check/extra",
        _ => "check/unknown",
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn result(finding: &FindingModel) -> SarifResult<'_> {
    let (kind, level) = match finding.verdict {
        "unknown" => ("open", "none"),
        _ if finding.fails || finding.is_waived() => ("fail", "error"),
        _ => ("fail", "warning"),
    };
    let here = Location { logical_locations: logical(finding), ..location(&finding.at, None) };
    let wanted = finding.wanted_at.iter().map(|place| location(place, Some((1, "expected here"))));
    SarifResult {
        rule_id: rule_id(finding.verdict),
        rule_index: RULES.iter().position(|[verdict, ..]| *verdict == finding.verdict).unwrap_or_default(),
        kind,
        level,
        message: Text { text: format!("{}: {}", finding.name(), message(finding)) },
        locations: [here],
        related_locations: wanted.collect(),
        partial_fingerprints: BTreeMap::from([("gpolSetting/v1", fingerprint(finding))]),
        suppressions: suppressions(finding),
        properties: ResultProperties {
            gpo: finding.gpo.as_ref(),
            scope: finding.scope.as_ref(),
            value: &finding.value,
            expected: &finding.expected_text,
            found: &finding.found_text,
            overrides: finding.overrides.as_ref(),
            reason: finding.reason.as_ref(),
            ticket: finding.ticket.as_ref(),
        },
    }
}

/// What a setting is known by, from one run to the next, whatever its value is.
fn fingerprint(finding: &FindingModel) -> String {
    let parts = [finding.gpo.as_deref(), finding.scope.as_deref(), Some(&*finding.value)];
    parts.into_iter().map(|part| part.unwrap_or("-").to_lowercase()).collect::<Vec<_>>().join("|")
}

/// The setting, and the policies that it belongs to.
fn logical(finding: &FindingModel) -> Vec<LogicalLocation> {
    let name = finding.value.rsplit_once('!').map(|(_, name)| name.to_owned());
    let value = LogicalLocation { name, fully_qualified_name: finding.value.clone(), kind: "value" };
    let policies = finding.policies.iter().map(|policy| LogicalLocation {
        name: Some(policy.display_name.clone()),
        fully_qualified_name: policy.id.clone(),
        kind: "policy",
    });
    [value].into_iter().chain(policies).collect()
}

/// A waiver that has expired suppresses nothing; the message tells of it.
fn suppressions(finding: &FindingModel) -> Vec<Suppression<'_>> {
    let waiver = finding.waiver.iter().filter(|waiver| !waiver.expired);
    waiver
        .map(|waiver| Suppression {
            kind: "external",
            status: "accepted",
            justification: format!("{} (until {})", waiver.reason, waiver.expires),
            location: location(&waiver.at, None),
            properties: SuppressionProperties { expires: &waiver.expires },
        })
        .collect()
}

fn location(place: &Place, id_and_message: Option<(usize, &str)>) -> Location {
    let region = match place.spot {
        Spot::Line(0) => None,
        Spot::Line(start_line) => Some(Region::Text { start_line }),
        Spot::Record { offset, .. } => Some(Region::Binary { byte_offset: offset }),
    };
    Location {
        id: id_and_message.map(|(id, _)| id),
        physical_location: PhysicalLocation { artifact_location: ArtifactLocation { uri: uri(&place.path) }, region },
        logical_locations: Vec::new(),
        message: id_and_message.map(|(_, message)| Text { text: message.to_owned() }),
    }
}

/// A path as a URI: relative as it was given, or `file:`; what a URI does not take is escaped (RFC 3986).
fn uri(path: &Path) -> String {
    let mut parts = Vec::new();
    let mut start = "";
    for component in path.components() {
        match component {
            // `C:` behind the slashes of a URI; a server's name where it stands.
            Component::Prefix(prefix) => {
                let text = prefix.as_os_str().to_string_lossy().trim_start_matches(['\\', '?', '.']).replace('\\', "/");
                start = if text.ends_with(':') { "file:///" } else { "file://" };
                parts.push(escaped(&text, "/:"));
            }
            Component::RootDir if start.is_empty() => start = "file:///",
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => parts.push("..".to_owned()),
            // A colon would make a scheme of what stands in front of it.
            Component::Normal(name) => parts.push(escaped(&name.to_string_lossy(), "")),
        }
    }
    if parts.is_empty() && start.is_empty() {
        return "./".to_owned();
    }
    format!("{start}{}", parts.join("/"))
}

fn escaped(text: &str, more: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || more.as_bytes().contains(&byte);
        match plain {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        let expected = [
            ("gpos/RDP hardening/Machine/Registry.pol", "gpos/RDP%20hardening/Machine/Registry.pol"),
            ("./a/../ü.pol", "a/../%C3%BC.pol"),
            ("a:b/c%d#e?f", "a%3Ab/c%25d%23e%3Ff"),
            ("{31B2F340}", "%7B31B2F340%7D"),
            ("/mnt/gold", "file:///mnt/gold"),
            (".", "./"),
        ];
        for (path, uri) in expected.into_iter().filter(|(path, _)| cfg!(unix) || !path.contains(':')) {
            assert_eq!(super::uri(Path::new(path)), uri);
        }
    }

    #[cfg(windows)]
    #[test]
    fn drives_and_servers_have_their_uris() {
        assert_eq!(uri(Path::new(r"C:\a b\c")), "file:///C:/a%20b/c");
        assert_eq!(uri(Path::new(r"\\server\share\c")), "file://server/share/c");
    }
}
