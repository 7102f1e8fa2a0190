//! The verdict as people read it.

use super::model::{Check, FindingModel};
use crate::commands::pol::count;
use crate::commands::show::templates;
use crate::ui::{Line, Page, Style};

pub fn page(check: &Check) -> Page {
    let mut page = Page::new();
    check.target.field(&mut page, "Target");
    for (i, expected) in check.expected.iter().enumerate() {
        expected.field(&mut page, if i == 0 { "Expected" } else { "" });
    }
    page.field("ADMX", templates(Some(&check.admx)).as_str());
    let mut title = None;
    for finding in &check.findings {
        if title != Some(&finding.title) {
            page.blank().line(Line::new().span(Style::Strong, &finding.title));
            title = Some(&finding.title);
        }
        of_finding(&mut page, finding);
    }
    if !check.not_checked.is_empty() {
        page.blank().line("Not checked, since it is no registry policy:");
        for aside in &check.not_checked {
            page.line(aside.line());
        }
    }
    if !check.unsupported.is_empty() {
        page.blank().line(Line::new().span(Style::Warn, "Not checked, since gpol does not check it yet:"));
        for what in &check.unsupported {
            page.line(Line::indented(2).text(what));
        }
    }
    page.blank().line(conclusion(check));
    page
}

fn of_finding(page: &mut Page, finding: &FindingModel) {
    let (word, style) = match finding.verdict {
        _ if finding.is_waived() => ("waived", Style::Faint),
        "absent" => ("ABSENT", Style::Bad),
        "extra" => ("EXTRA", Style::Bad),
        _ => ("FAIL", Style::Bad),
    };
    let head = Line::indented(2).span(style, word).column(10).hang();
    match finding.policies.first() {
        Some(policy) => {
            page.line(head.text(&policy.display_name));
            page.line(Line::indented(10).span(Style::Faint, &finding.value));
        }
        None => {
            page.line(head.text(&finding.value));
        }
    }
    let (expected, found) = finding.sides();
    page.line(Line::indented(10).span(Style::Faint, "expected ").hang().text(expected));
    page.line(Line::indented(10).span(Style::Faint, "found    ").hang().text(found));
    if let Some(waiver) = &finding.waiver {
        let until = if waiver.expired { "waiver expired on" } else { "waived until" };
        let text = format!("{until} {}: {}", waiver.expires, waiver.reason);
        page.line(Line::indented(10).span(if waiver.expired { Style::Warn } else { Style::Faint }, text));
    }
}

fn conclusion(check: &Check) -> Line {
    let summary = &check.summary;
    let (word, style) = match check.compliant {
        true => ("as expected", Style::Good),
        false => ("not as expected", Style::Bad),
    };
    let mut parts = vec![format!("{} checked", count(summary.checked, "setting")), format!("{} pass", summary.pass)];
    for (n, what) in [(summary.different, "different"), (summary.absent, "absent")] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    if summary.waived > 0 {
        parts.push(format!("{} of these waived", summary.waived));
    }
    if summary.extra > 0 {
        parts.push(format!("{} extra", summary.extra));
    }
    Line::new().span(style, word).text(": ").hang().text(parts.join(", "))
}
