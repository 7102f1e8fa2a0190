//! Two sides and their base: who changed what.

use ::admx::{Catalog, Side};
use gpo::by_scope::Joined;
use gpo::merge::{Change, PolicyChange, Who, by_policy};
use gpo::model::{PolicyModel, Text, shown_name};
use gpo::source::Source;
use serde::Serialize;

use super::Only;
use super::model::Diff;
use super::page::{files, in_what, not_compared};
use super::text::{cell, not_compared as text_of_others};
use crate::commands::pol::count;
use crate::commands::show::{category_of, state, templates};
use crate::commands::sides::{Located, SourceModel, side_word, title};
use crate::commands::values;
use crate::ui::{Line, Page, Style};

/// What both sides made of their base; in JSON, `gpol.diff/1` with `base` and `three_way` beside the rest.
#[derive(Serialize)]
pub struct ThreeDiff {
    pub base: SourceModel,
    pub three_way: Body,
}

#[derive(Serialize)]
pub struct Body {
    /// Whether nobody changed anything.
    pub same: bool,
    /// Of all changes, also those that are not asked for.
    pub summary: Counts,
    pub scopes: Vec<ScopeChanges>,
}

/// Counts of values.
#[derive(Default, Serialize)]
pub struct Counts {
    /// Changed by both, differently.
    pub conflict: usize,
    pub only_left: usize,
    pub only_right: usize,
    /// Changed by both in the same way.
    pub both: usize,
}

/// The changes of one scope.
#[derive(Serialize)]
pub struct ScopeChanges {
    /// As `--scope` takes it.
    pub scope: Option<String>,
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    side: Option<&'static str>,
    pub policies: Vec<PolicyEntry>,
    /// Changes that no template explains.
    pub records: Vec<ChangeEntry>,
}

/// Values of a policy that somebody changed.
#[derive(Serialize)]
pub struct PolicyEntry {
    pub who: Who,
    pub base: PolicyModel,
    pub left: PolicyModel,
    pub right: PolicyModel,
    pub records: Vec<ChangeEntry>,
}

/// A value that somebody changed, with the records that decide it.
#[derive(Serialize)]
pub struct ChangeEntry {
    pub who: Who,
    pub key: Text,
    /// `null` where the key itself is meant.
    pub value_name: Option<Text>,
    pub base: Option<Located>,
    pub left: Option<Located>,
    pub right: Option<Located>,
    #[serde(skip)]
    change: Change,
}

impl ThreeDiff {
    /// From base, left and right, scope by scope.
    pub fn new(
        base: &Source,
        rows: &[[Joined; 3]],
        others_same: bool,
        catalog: Option<&Catalog>,
        only: Option<Only>,
    ) -> Self {
        let mut summary = Counts::default();
        let scopes = rows.iter().map(|row| ScopeChanges::new(row, catalog, only, &mut summary)).collect();
        let same = summary.all() == 0 && others_same;
        Self { base: SourceModel::new(base), three_way: Body { same, summary, scopes } }
    }
}

impl ScopeChanges {
    fn new(row: &[Joined; 3], catalog: Option<&Catalog>, only: Option<Only>, summary: &mut Counts) -> Self {
        let [base, left, right] = row;
        let scope = base.scope.as_ref();
        let side = scope.map_or(Side::Computer, |scope| scope.side());
        let found = by_policy(catalog, side, [&base.file, &left.file, &right.file]);
        found.all.iter().for_each(|change| summary.add(change.who));
        let entries = |changes: &[Change]| -> Vec<ChangeEntry> {
            let shown = changes.iter().filter(|change| shows(only, change.who));
            shown.map(|change| ChangeEntry::new(change, row)).collect()
        };
        let policy = |policy: PolicyChange| {
            let records = entries(&policy.records);
            let [base, left, right] = policy.models;
            PolicyEntry { who: policy.who, base, left, right, records }
        };
        Self {
            scope: scope.map(gpo::exchange::lgpo::Scope::word),
            title: title(scope),
            side: side_word(scope),
            records: entries(&found.records),
            policies: found.policies.into_iter().filter(|policy| shows(only, policy.who)).map(policy).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.records.is_empty()
    }
}

impl ChangeEntry {
    fn new(change: &Change, [base, left, right]: &[Joined; 3]) -> Self {
        let located = |side: &Joined, index: Option<usize>| Located::new(side, index?);
        Self {
            who: change.who,
            key: change.key.as_wide().into(),
            value_name: change.value_name.as_ref().map(|name| shown_name(change.key.as_wide(), name.as_wide())),
            base: located(base, change.base),
            left: located(left, change.left),
            right: located(right, change.right),
            change: change.clone(),
        }
    }

    /// What base, left and right make of it.
    fn effects(&self) -> [String; 3] {
        [&self.base, &self.left, &self.right].map(|side| match side {
            Some(located) => values::effect_on(&self.change, &located.record),
            None => "nothing".to_owned(),
        })
    }
}

impl Counts {
    fn add(&mut self, who: Who) {
        match who {
            Who::Conflict => self.conflict += 1,
            Who::OnlyLeft => self.only_left += 1,
            Who::OnlyRight => self.only_right += 1,
            Who::Both => self.both += 1,
        }
    }

    fn all(&self) -> usize {
        self.conflict + self.only_left + self.only_right + self.both
    }

    /// What it comes to, in one line.
    fn line(&self, two: &Diff) -> String {
        let parts = [
            (self.conflict, "in conflict"),
            (self.only_left, "changed only left"),
            (self.only_right, "changed only right"),
            (self.both, "changed on both sides alike"),
        ];
        let parts: Vec<String> =
            parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        match self.all() {
            0 => format!("No difference{}: both sides are as their base{}", in_what(two), files(two)),
            1 => format!("1 value differs from the base: {}{}", parts.join(", "), files(two)),
            all => format!("{} differ from the base: {}{}", count(all, "value"), parts.join(", "), files(two)),
        }
    }
}

fn shows(only: Option<Only>, who: Who) -> bool {
    match only {
        None => true,
        Some(Only::Left) => who == Who::OnlyLeft,
        Some(Only::Right) => who == Who::OnlyRight,
        Some(Only::Changed) => who == Who::Conflict,
        Some(Only::Same) => who == Who::Both,
    }
}

/// The groups, in the order in which they are told.
const GROUPS: [(Who, &str); 4] = [
    (Who::Conflict, "Conflicts: changed on both sides, differently"),
    (Who::OnlyLeft, "Changed only left"),
    (Who::OnlyRight, "Changed only right"),
    (Who::Both, "Changed on both sides alike"),
];

/// As people read it.
pub fn page(diff: &ThreeDiff, two: &Diff) -> Page {
    let mut page = Page::new();
    diff.base.field(&mut page, "Base", true);
    two.left.field(&mut page, "Left", true);
    two.right.field(&mut page, "Right", true);
    if two.admx.is_some() {
        page.field("ADMX", templates(two.admx.as_ref()).as_str());
    }
    for scope in diff.three_way.scopes.iter().filter(|scope| !scope.is_empty()) {
        page.blank().line(Line::new().span(Style::Strong, &scope.title));
        for (who, heading) in GROUPS {
            group(&mut page, scope, who, heading);
        }
    }
    not_compared(&mut page, two);
    page.blank().line(diff.three_way.summary.line(two).as_str());
    page
}

fn group(page: &mut Page, scope: &ScopeChanges, who: Who, heading: &str) {
    let policies: Vec<&PolicyEntry> = scope.policies.iter().filter(|policy| policy.who == who).collect();
    let records: Vec<&ChangeEntry> = scope.records.iter().filter(|record| record.who == who).collect();
    if policies.is_empty() && records.is_empty() {
        return;
    }
    let style = if who == Who::Conflict { Style::Bad } else { Style::Warn };
    page.line(Line::indented(2).span(style, heading));
    let mut category = None;
    for policy in &policies {
        if category != Some(&policy.base.category) {
            page.line(Line::indented(4).text(category_of(&policy.base)));
            category = Some(&policy.base.category);
        }
        let line = Line::indented(6).hang().span(Style::Strong, policy.base.display_name.trim());
        page.line(line.span(Style::Faint, format!("  {}", policy.base.name)));
        let states = [policy.base.state, policy.left.state, policy.right.state];
        if states.iter().any(|state| *state != states[0]) {
            sides(page, who, 8, states, state);
        }
        for record in &policy.records {
            of_value(page, scope, record, 8);
        }
    }
    if !records.is_empty() && !policies.is_empty() {
        page.line(Line::indented(4).text("No template describes these:"));
    }
    for record in records {
        of_value(page, scope, record, 6);
    }
}

fn of_value(page: &mut Page, scope: &ScopeChanges, entry: &ChangeEntry, indent: usize) {
    page.line(Line::indented(indent).hang().text(values::changed(scope.side, &entry.change)));
    sides(page, entry.who, indent + 2, entry.effects(), |line, of| line.text(of));
}

/// What each side has: those that differ from the base, and the base.
fn sides<T>(page: &mut Page, who: Who, indent: usize, [base, left, right]: [T; 3], show: impl Fn(Line, T) -> Line) {
    let told = match who {
        Who::Conflict => vec![("base", base), ("left", left), ("right", right)],
        Who::OnlyLeft => vec![("base", base), ("left", left)],
        Who::OnlyRight => vec![("base", base), ("right", right)],
        Who::Both => vec![("base", base), ("both", left)],
    };
    for (label, side) in told {
        let line = Line::indented(indent).span(Style::Faint, label).column(indent + 7).hang();
        page.line(show(line, side));
    }
}

/// A table for each group of a scope.
pub fn markdown(diff: &ThreeDiff, two: &Diff) -> String {
    let mut text =
        format!("# {} and {}, since {}\n\n", cell(&two.left.path), cell(&two.right.path), cell(&diff.base.path));
    text.push_str(&format!("{}\n", diff.three_way.summary.line(two)));
    for scope in diff.three_way.scopes.iter().filter(|scope| !scope.is_empty()) {
        text.push_str(&format!("\n## {}\n", scope.title));
        for (who, heading) in GROUPS {
            let mut rows = String::new();
            for policy in scope.policies.iter().filter(|policy| policy.who == who) {
                let path = format!("{} > {}", category_of(&policy.base), policy.base.display_name.trim());
                for record in &policy.records {
                    rows.push_str(&row(&path, scope, record));
                }
            }
            for record in scope.records.iter().filter(|record| record.who == who) {
                rows.push_str(&row("", scope, record));
            }
            if !rows.is_empty() {
                text.push_str(&format!(
                    "\n### {heading}\n\n| policy | value | base | left | right |\n|---|---|---|---|---|\n{rows}"
                ));
            }
        }
    }
    text.push_str(&text_of_others(two));
    text
}

fn row(policy: &str, scope: &ScopeChanges, record: &ChangeEntry) -> String {
    let value = values::changed(scope.side, &record.change);
    let [base, left, right] = record.effects();
    let cells = [policy, &value, &base, &left, &right].map(cell);
    format!("| {} |\n", cells.join(" | "))
}
