//! `gpol admx diff`: what changes when one set of templates replaces another.

use std::path::PathBuf;

use ::admx::Policy;
use clap::Args;
use gpo::template_diff::{TemplateDiff, diff};
use serde::Serialize;

use super::{LanguageArgs, count_policies, open};
use crate::args::{Format, OutputArgs};
use crate::context::store_name;
use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::{Line, Page, Style, Ui};

#[derive(Args, Debug)]
pub struct DiffArgs {
    /// Folder of ADMX templates, or a target that has one: the state before
    old: PathBuf,
    /// The same: the state after
    new: PathBuf,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How two stores differ: `gpol.admx-diff/1`.
#[derive(Serialize)]
struct Diff {
    schema: &'static str,
    old: String,
    new: String,
    added: Vec<Named>,
    removed: Vec<Named>,
    renamed: Vec<Renamed>,
    retitled: Vec<Renamed>,
    remapped: Vec<Changed>,
}

#[derive(Serialize)]
struct Named {
    id: String,
    display_name: String,
}

#[derive(Serialize)]
struct Renamed {
    old: Named,
    new: Named,
}

#[derive(Serialize)]
struct Changed {
    id: String,
    display_name: String,
    what: Vec<String>,
}

pub fn run(args: &DiffArgs, ui: &Ui) -> Result<Exit, Stop> {
    let old = open(Some(&args.old), &args.language)?;
    let new = open(Some(&args.new), &args.language)?;
    let found = diff(old, new);
    let same = found.is_empty();
    let diff = Diff::new(store_name(old), store_name(new), &found);
    match args.output.format {
        Format::Json => ui.json(&diff)?,
        Format::Human => ui.page(&diff.page())?,
    }
    Ok(if same { Exit::Yes } else { Exit::No })
}

impl Named {
    fn new(policy: &Policy) -> Self {
        Self { id: policy.id(), display_name: policy.display_name.clone() }
    }
}

impl Diff {
    fn new(old: String, new: String, found: &TemplateDiff<'_, '_>) -> Self {
        let named = |policies: &[&Policy]| policies.iter().map(|policy| Named::new(policy)).collect();
        let pairs = |pairs: &[(&Policy, &Policy)]| {
            pairs.iter().map(|(old, new)| Renamed { old: Named::new(old), new: Named::new(new) }).collect()
        };
        Self {
            schema: "gpol.admx-diff/1",
            old,
            new,
            added: named(&found.added),
            removed: named(&found.removed),
            renamed: pairs(&found.renamed),
            retitled: pairs(&found.retitled),
            remapped: found
                .remapped
                .iter()
                .map(|change| Changed {
                    id: change.new.id(),
                    display_name: change.new.display_name.clone(),
                    what: change.what.clone(),
                })
                .collect(),
        }
    }

    fn page(&self) -> Page {
        let mut page = Page::new();
        page.field("Old", self.old.as_str());
        page.field("New", self.new.as_str());
        for (title, style, sign, policies) in [
            ("Added", Style::Good, "+ ", &self.added),
            ("Removed; what they configure is unexplained now", Style::Bad, "- ", &self.removed),
        ] {
            heading(&mut page, title, policies.len());
            for policy in policies {
                let line = Line::indented(2).span(style, sign).hang().text(policy.display_name.trim());
                page.line(line.span(Style::Faint, format!("  {}", policy.id)));
            }
        }
        heading(&mut page, "Under another id, writing the same", self.renamed.len());
        for pair in &self.renamed {
            page.line(Line::indented(2).hang().text(format!("{} -> {}", pair.old.id, pair.new.id)));
        }
        heading(&mut page, "Under another name", self.retitled.len());
        for pair in &self.retitled {
            page.line(Line::indented(2).hang().text(&pair.new.id));
            page.line(Line::indented(4).span(Style::Bad, "- ").hang().text(pair.old.display_name.trim()));
            page.line(Line::indented(4).span(Style::Good, "+ ").hang().text(pair.new.display_name.trim()));
        }
        heading(&mut page, "Writing something else", self.remapped.len());
        for change in &self.remapped {
            page.line(
                Line::indented(2)
                    .hang()
                    .text(change.display_name.trim())
                    .span(Style::Faint, format!("  {}", change.id)),
            );
            page.line(Line::indented(4).hang().text(change.what.join("; ")));
        }
        let any = [self.added.len(), self.removed.len(), self.renamed.len(), self.retitled.len(), self.remapped.len()];
        if any.iter().sum::<usize>() == 0 {
            page.blank().line("No difference.");
        }
        page
    }
}

fn heading(page: &mut Page, title: &str, n: usize) {
    if n > 0 {
        page.blank().line(Line::new().span(Style::Strong, title).text(format!(": {}", count_policies(n))));
    }
}
