//! The differences as people read them.

use gpo::compare::{Presence, RecordKind};
use gpo::model::{ElementModel, PolicyModel};

use super::model::{Diff, PolicyEntry, RecordEntry, ScopeDiff};
use crate::commands::pol::count;
use crate::commands::show::{category_of, state, templates};
use crate::commands::sides::asides;
use crate::commands::values::{self, place, record};
use crate::ui::{Line, Page, Style};

pub fn page(diff: &Diff) -> Page {
    let mut page = Page::new();
    diff.left.field(&mut page, "Left", true);
    diff.right.field(&mut page, "Right", true);
    if diff.admx.is_some() {
        page.field("ADMX", templates(diff.admx.as_ref()).as_str());
    }
    for scope in diff.scopes.iter().filter(|scope| !scope.is_empty()) {
        page.blank().line(Line::new().span(Style::Strong, &scope.title));
        scope_of(&mut page, scope);
    }
    not_compared(&mut page, diff);
    page.blank().line(summary(diff).as_str());
    page
}

/// What cannot be read, and what is no registry policy and not the same.
pub fn not_compared(page: &mut Page, diff: &Diff) {
    if !diff.unreadable.is_empty() {
        page.blank().line("Not compared, since it cannot be read:");
        page.cut_list(2, diff.unreadable.iter().map(|what| Line::indented(2).text(what).hang_at(4)));
    }
    asides(page, "Not compared, since it is no registry policy:".into(), &diff.not_compared);
}

/// ` in registry policy` where there is more that is not the same, or what else limits the answer.
pub fn in_what(diff: &Diff) -> &'static str {
    match (diff.unreadable.is_empty(), diff.not_compared.is_empty()) {
        (false, _) => " in what could be read",
        (true, false) => " in registry policy",
        (true, true) => "",
    }
}

/// Files beside registry policy, at the end of a summary.
pub fn files(diff: &Diff) -> String {
    let not = diff.not_compared.iter().map(|aside| aside.count).sum();
    let parts = [(diff.same_files, "other file", "the same"), (not, "thing", "not compared")];
    let parts = parts.into_iter().filter(|(n, ..)| *n > 0);
    parts.map(|(n, what, how)| format!("; {} {how}", count(n, what))).collect()
}

/// What it comes to, in one line.
pub fn summary(diff: &Diff) -> String {
    let summary = &diff.summary;
    let alike = format!("{} the same{}", count(summary.same, "value"), files(diff));
    if summary.records.is_zero() {
        return format!("No difference{}: {alike}", in_what(diff));
    }
    let counts = &summary.records;
    let parts: Vec<String> = [
        (counts.only_left, "only left"),
        (counts.only_right, "only right"),
        (counts.data, "with other data"),
        (counts.value_type, "of another type"),
        (counts.action, "with another action"),
        (counts.order, "in another order"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{n} {what}"))
    .collect();
    let all = counts.only_left + counts.only_right + counts.changed();
    format!("{} differ{}: {}; {alike}", count(all, "value"), if all == 1 { "s" } else { "" }, parts.join(", "))
}

fn scope_of(page: &mut Page, scope: &ScopeDiff) {
    let mut category = None;
    for policy in &scope.policies {
        if category != Some(&policy.left.category) {
            page.line(Line::indented(2).text(category_of(&policy.left)));
            category = Some(&policy.left.category);
        }
        of_policy(page, policy, scope.side);
    }
    if !scope.records.is_empty() {
        if !scope.policies.is_empty() {
            page.line(Line::indented(2).text("No template describes these:"));
        }
        for record in &scope.records {
            of_record(page, record, scope.side, 4);
        }
    }
    for alike in scope.alike.iter().flatten() {
        page.line(Line::indented(4).text("= ").hang().text(record(scope.side, &alike.record)));
    }
}

fn of_policy(page: &mut Page, policy: &PolicyEntry, side: Option<&str>) {
    let (sign, style) = match policy.kind {
        Presence::OnlyLeft => ("- ", Style::Bad),
        Presence::OnlyRight => ("+ ", Style::Good),
        Presence::Changed => ("~ ", Style::Warn),
    };
    let line = Line::indented(4).span(style, sign).hang().span(Style::Strong, policy.left.display_name.trim());
    page.line(line.span(Style::Faint, format!("  {}", policy.left.name)));
    let mut told = false;
    if policy.left.state != policy.right.state {
        let line = state(Line::indented(8), policy.left.state).text(" -> ");
        page.line(state(line, policy.right.state));
        told = true;
    }
    for (left, right) in elements(&policy.left, &policy.right) {
        let Some(either) = left.or(right) else { continue };
        let label = match either.label.trim() {
            "" => either.id.as_str(),
            label => label.trim_end_matches(':'),
        };
        let shown =
            |element: Option<&ElementModel>| element.map_or_else(|| "not configured".to_owned(), values::element);
        let line = Line::indented(8).span(Style::Faint, label).text(": ").hang();
        page.line(line.text(shown(left)).text(" -> ").text(shown(right)));
        told = true;
    }
    // What a state does not say is said by its records: another type, a deletion, another order.
    let plain = |kind| matches!(kind, RecordKind::OnlyLeft | RecordKind::OnlyRight | RecordKind::Data);
    for record in policy.records.iter().filter(|record| !told || !plain(record.kind)) {
        of_record(page, record, side, 8);
    }
}

/// The inputs that differ.
fn elements<'p>(
    left: &'p PolicyModel,
    right: &'p PolicyModel,
) -> Vec<(Option<&'p ElementModel>, Option<&'p ElementModel>)> {
    let same = |l: &ElementModel, r: &ElementModel| (l.state, &l.value, &l.display) == (r.state, &r.value, &r.display);
    let configured = |element: &&ElementModel| element.state != "not-configured";
    let mut pairs: Vec<_> = left
        .elements
        .iter()
        .map(|l| (Some(l), right.elements.iter().find(|r| r.id == l.id)))
        .filter(|(l, r)| match (l, r) {
            (Some(l), Some(r)) => !same(l, r),
            (l, r) => l.or(*r).as_ref().is_some_and(configured),
        })
        .collect();
    let new = right.elements.iter().filter(|r| left.elements.iter().all(|l| l.id != r.id));
    pairs.extend(new.filter(configured).map(|r| (None, Some(r))));
    pairs
}

fn of_record(page: &mut Page, entry: &RecordEntry, side: Option<&str>, indent: usize) {
    let sign = |style, sign: &str| Line::indented(indent).span(style, sign).hang();
    match (&entry.left, &entry.right) {
        (Some(left), None) => page.line(sign(Style::Bad, "- ").text(record(side, &left.record))),
        (None, Some(right)) => page.line(sign(Style::Good, "+ ").text(record(side, &right.record))),
        (Some(left), Some(right)) => {
            let line = sign(Style::Warn, "~ ").text(place(side, &left.record));
            page.line(line.span(Style::Warn, format!("  {}", label(entry.kind))));
            let effects = [values::effect(&left.record), values::effect(&right.record)];
            let [l, r] = match effects {
                _ if entry.kind == RecordKind::Order => [after(&left.place), after(&right.place)],
                [l, r] if l == r => [l, r].map(|effect| format!("{effect}  (in other bytes)")),
                effects => effects,
            };
            let below = Line::indented(indent + 4);
            page.line(below.clone().span(Style::Bad, "- ").hang().text(l));
            page.line(below.span(Style::Good, "+ ").hang().text(r))
        }
        (None, None) => page,
    };
}

/// Of a value that other records of its file decide as well.
fn after(place: &str) -> String {
    format!("{place}, and the records around it")
}

/// What a difference is called.
pub fn label(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::OnlyLeft => "only left",
        RecordKind::OnlyRight => "only right",
        RecordKind::Action => "action",
        RecordKind::Type => "type",
        RecordKind::Data => "data",
        RecordKind::Order => "order",
    }
}
