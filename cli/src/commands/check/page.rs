//! The verdict as people read it.

use super::finding::FindingModel;
use super::model::{Check, GpoModel, Summary};
use crate::commands::pol::count;
use crate::commands::show::templates;
use crate::commands::sides::asides;
use crate::ui::{Line, Page, Style};

pub fn page(check: &Check) -> Page {
    let mut page = Page::new();
    let together = check.gpos.is_empty();
    check.target.field(&mut page, "Target", together);
    for (i, expected) in check.expected.iter().enumerate() {
        expected.field(&mut page, if i == 0 { "Expected" } else { "" }, together);
    }
    for path in &check.extended {
        page.field("", Line::new().text(path).span(Style::Faint, "  (extended by a state file)"));
    }
    for (i, name) in check.left_out.iter().enumerate() {
        let text = format!("{name}: the order does not name it");
        page.field(if i == 0 { "Left out" } else { "" }, text.as_str());
    }
    page.field("ADMX", templates(Some(&check.admx)).as_str());
    let mut title = None;
    for finding in &check.findings {
        let heading = finding.heading();
        if title.as_ref() != Some(&heading) {
            page.blank().line(Line::new().span(Style::Strong, &heading));
            title = Some(heading);
        }
        of_finding(&mut page, finding);
    }
    let decides = |wanted: bool| check.not_checked.iter().filter(move |aside| aside.decides == wanted);
    asides(&mut page, "Not checked, since it is no registry policy:".into(), decides(true));
    let heading = "Not checked and not asked for, since it is no registry policy:";
    asides(&mut page, Line::new().span(Style::Faint, heading), decides(false));
    if !check.unsupported.is_empty() {
        page.blank().line(Line::new().span(Style::Warn, "Not checked, since the target does not have it:"));
        for what in &check.unsupported {
            page.line(Line::indented(2).text(what));
        }
    }
    overridden(&mut page, check);
    gpos(&mut page, check);
    if !check.notes.is_empty() {
        page.blank();
    }
    for note in &check.notes {
        page.line(Line::new().span(Style::Warn, "note").text(": ").hang().text(note));
    }
    page.blank().line(conclusion(check));
    page
}

/// What stronger expectations say otherwise than weaker ones.
fn overridden(page: &mut Page, check: &Check) {
    const MOST: usize = 5;
    if check.overridden.is_empty() {
        return;
    }
    page.blank().line("Expected in two ways, of which the later one counts:");
    for it in check.overridden.iter().take(MOST) {
        page.line(Line::indented(2).text(&it.value).hang_at(4));
        page.line(Line::indented(4).span(Style::Faint, format!("{} overrides {}", it.from, it.overrides)));
    }
    if let Some(more) = check.overridden.len().checked_sub(MOST).filter(|more| *more > 0) {
        page.line(
            Line::indented(2).span(Style::Faint, format!("and {}; --format json has them all", count(more, "more"))),
        );
    }
}

/// How it is GPO by GPO.
fn gpos(page: &mut Page, check: &Check) {
    if check.gpos.is_empty() {
        return;
    }
    page.blank().line("GPO by GPO:");
    let is_beside = |gpo: &&GpoModel| gpo.there && gpo.summary.checked == 0 && gpo.not_checked == 0;
    let (beside, checked): (Vec<_>, Vec<_>) = check.gpos.iter().partition(is_beside);
    for gpo in checked {
        let (word, style) = match (gpo.there, gpo.summary.pass == gpo.summary.checked) {
            (false, _) => ("MISSING", Style::Bad),
            (true, true) if gpo.not_checked > 0 => ("unknown", Style::Warn),
            (true, true) => ("ok", Style::Good),
            (true, false) => ("differs", Style::Bad),
        };
        let line = Line::indented(2).span(style, word).column(11).hang().text(&gpo.name);
        page.line(line.span(Style::Faint, format!("  {}{}", figures(&gpo.summary), not_checked(gpo.not_checked))));
    }
    if !beside.is_empty() {
        let names: Vec<&str> = beside.iter().map(|gpo| &*gpo.name).collect();
        let records = count(beside.iter().map(|gpo| gpo.summary.extra).sum(), "record");
        let line = Line::indented(2).span(Style::Faint, "extra").column(11).hang().text(names.join(", "));
        page.line(line.span(Style::Faint, format!("  nothing is expected of these; {records}")));
    }
}

fn of_finding(page: &mut Page, finding: &FindingModel) {
    let (word, style) = match finding.verdict {
        _ if finding.is_waived() => ("waived", Style::Faint),
        "extra" if !finding.fails => ("extra", Style::Warn),
        "extra" => ("EXTRA", Style::Bad),
        "absent" if !finding.fails => ("absent", Style::Warn),
        "absent" => ("ABSENT", Style::Bad),
        "unknown" => ("UNKNOWN", Style::Bad),
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
    if let Some(reason) = &finding.reason {
        let ticket = finding.ticket.as_ref().map(|ticket| format!(" ({ticket})")).unwrap_or_default();
        page.line(Line::indented(10).span(Style::Faint, format!("because  {reason}{ticket}")));
    }
    if let Some(waiver) = &finding.waiver {
        let until = if waiver.expired { "waiver expired on" } else { "waived until" };
        let text = format!("{until} {}: {}", waiver.expires, waiver.reason);
        page.line(Line::indented(10).span(if waiver.expired { Style::Warn } else { Style::Faint }, text));
    }
}

fn conclusion(check: &Check) -> Line {
    let summary = &check.summary;
    let (word, style) = match check.passes {
        true if check.is_partial() => ("as expected where it was checked", Style::Warn),
        true => ("as expected", Style::Good),
        false => ("not as expected", Style::Bad),
    };
    let line = Line::new().span(style, word).text(": ").hang().text(figures(summary));
    let same = match check.same_files {
        0 => String::new(),
        n => format!(", {} the same", count(n, "other file")),
    };
    line.text(same + &not_checked(check.not_checked.iter().filter(|aside| aside.decides).count()))
}

/// `, 2 not checked`
fn not_checked(n: usize) -> String {
    if n > 0 { format!(", {n} not checked") } else { String::new() }
}

/// `5 settings checked, 1 pass, 2 different, 2 absent, 1 extra`
fn figures(summary: &Summary) -> String {
    let mut parts = vec![format!("{} checked", count(summary.checked, "setting")), format!("{} pass", summary.pass)];
    let all = [(summary.different, "different"), (summary.absent, "absent"), (summary.unknown, "not known")];
    for (n, what) in all.into_iter().filter(|(n, _)| *n > 0) {
        parts.push(format!("{n} {what}"));
    }
    if summary.waived > 0 {
        parts.push(format!("{} of these waived", summary.waived));
    }
    if summary.extra > 0 {
        parts.push(format!("{} extra", summary.extra));
    }
    parts.join(", ")
}
