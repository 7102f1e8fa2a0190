//! The differences as texts for other programs: Markdown for a review, lines with + and - for a pager.

use super::model::{Diff, RecordEntry};
use super::page::{label, summary};
use crate::commands::show::category_of;
use crate::commands::values::{self, place, record};
use crate::ui::escape;

/// One line for each record of a side, as `diff -u` has it; policies do not appear.
pub fn unified(diff: &Diff) -> String {
    let mut text = String::new();
    let mut line = |sign: &str, what: &str| {
        text.push_str(sign);
        text.push_str(&escape(what));
        text.push('\n');
    };
    if diff.scopes.iter().all(super::model::ScopeDiff::is_empty) && diff.not_compared.is_empty() {
        return text;
    }
    line("--- ", &diff.left.path);
    line("+++ ", &diff.right.path);
    for scope in diff.scopes.iter().filter(|scope| !scope.is_empty()) {
        line("@@ ", &format!("{} @@", scope.title));
        for entry in scope.all_records() {
            if entry.left.is_some() && entry.right.is_some() {
                line("# ", label(entry.kind));
            }
            for (sign, side) in [("-", &entry.left), ("+", &entry.right)] {
                if let Some(located) = side {
                    line(sign, &record(scope.side, &located.record));
                }
            }
        }
        for alike in scope.alike.iter().flatten() {
            line(" ", &record(scope.side, &alike.record));
        }
    }
    for aside in &diff.not_compared {
        line("# not compared: ", &aside.sentence());
    }
    text
}

/// A table for each scope.
pub fn markdown(diff: &Diff) -> String {
    let mut text = format!("# {} and {}\n\n", cell(&diff.left.path), cell(&diff.right.path));
    text.push_str(&format!("{}\n", summary(diff)));
    for scope in diff.scopes.iter().filter(|scope| !scope.is_empty()) {
        text.push_str(&format!("\n## {}\n", scope.title));
        if !scope.policies.is_empty() {
            text.push_str("\n| policy | left | right | differs in |\n|---|---|---|---|\n");
        }
        for policy in &scope.policies {
            let path = format!("{} > {}", category_of(&policy.left), policy.left.display_name.trim());
            let in_what: Vec<String> = policy
                .records
                .iter()
                .filter_map(|entry| {
                    let record = &entry.left.as_ref().or(entry.right.as_ref())?.record;
                    Some(format!("{} ({})", values::name(record), label(entry.kind)))
                })
                .collect();
            let cells = [path.as_str(), policy.left.state, policy.right.state, &in_what.join(", ")].map(cell);
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        if !scope.records.is_empty() {
            text.push_str("\n| value | left | right | differs in |\n|---|---|---|---|\n");
        }
        for entry in &scope.records {
            text.push_str(&row(scope.side, entry));
        }
        if let Some(alike) = &scope.alike {
            text.push_str("\n| value | both |\n|---|---|\n");
            for located in alike {
                let record = &located.record;
                text.push_str(&format!(
                    "| {} | {} |\n",
                    cell(&place(scope.side, record)),
                    cell(&values::effect(record))
                ));
            }
        }
    }
    text.push_str(&not_compared(diff));
    text
}

/// What is no registry policy and not the same.
pub fn not_compared(diff: &Diff) -> String {
    let mut text = String::new();
    if !diff.not_compared.is_empty() {
        text.push_str("\n## Not compared\n\n");
    }
    for aside in &diff.not_compared {
        text.push_str(&format!("- {}\n", cell(&aside.sentence())));
    }
    text
}

fn row(side: Option<&str>, entry: &RecordEntry) -> String {
    let either = entry.left.as_ref().or(entry.right.as_ref());
    let value = either.map(|located| place(side, &located.record)).unwrap_or_default();
    let effect = |side: &Option<crate::commands::sides::Located>| {
        side.as_ref().map_or_else(|| "nothing".to_owned(), |located| values::effect(&located.record))
    };
    let (left, right) = (effect(&entry.left), effect(&entry.right));
    let cells = [&*value, &left, &right, label(entry.kind)].map(cell);
    format!("| {} |\n", cells.join(" | "))
}

/// A text in a cell, as it stands: nothing of it is a mark.
pub fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in escape(text).chars() {
        if "\\`*_{}[]<>#|~&!".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
