//! `gpol show`: what a target configures.

use std::path::PathBuf;

use clap::Args;
use gpo::bookkeeping::Directory;
use gpo::contents::GpoFile;
use gpo::error::Error;
use gpo::model::{ElementModel, PolicyModel, RecordModel};
use gpo::scope::Scope;
use gpo::show::{AdmxModel, RecordsModel, Show, ShowSet, SideModel, VersionModel, View, show};
use gpo::target::{self, Opened, Target};

use crate::args::{Format, PolicyOptions};
use crate::commands::explain::below;
use crate::commands::pol::{count, list};
use crate::commands::values;
use crate::context::{failed, load_templates, warn};
use crate::directory::{AdArgs, in_words, links};
use crate::error::Stop;
use crate::exit::Exit;
use crate::heading;
use crate::meant;
use crate::overlooked;
use crate::ui::{Line, Page, Style, Ui};

/// Show what a policy file, a GPO or a Windows image configures, named as GPMC names it
///
/// A side or a GPO that cannot be read does not hide the others: it is named with its error, and the exit code is 7.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Policy file, GPO folder, GPO backup, or root of a mounted Windows volume; `local:` on Windows
    target: PathBuf,
    /// A policy, which is for other commands: people type it here
    #[arg(hide = true)]
    policy: Option<String>,
    /// Show the records themselves instead of policies
    #[arg(long)]
    records: bool,
    /// Show policies that are not configured, too
    #[arg(long, conflicts_with = "records")]
    all_states: bool,
    /// Show the records of each policy under it
    #[arg(long, conflicts_with = "records")]
    registry: bool,
    /// Use no templates at all: every record is shown by its key
    #[arg(long, conflicts_with_all = ["admx", "lang"])]
    no_admx: bool,
    #[command(flatten)]
    ad: AdArgs,
    #[command(flatten)]
    options: PolicyOptions,
}

pub fn run(args: &ShowArgs, ui: &Ui) -> Result<Exit, Stop> {
    if let Some(policy) = &args.policy {
        return Err(meant::not_of_one_policy(&args.target, policy).into());
    }
    let snapshot = args.ad.snapshot()?;
    let mut opened = target::open(&args.target).map_err(|error| failed(error.into()))?;
    opened.take_names(snapshot.as_ref());
    let first = match &opened {
        Opened::One(target) => Some(target),
        Opened::Several(set) => set.gpos.first(),
    };
    let catalog = match args.no_admx {
        true => None,
        false => Some(load_templates(&args.options.templates.templates(), first)?),
    };
    let view = View {
        only: args.options.scope.scope.clone(),
        by_record: args.records,
        all_states: args.all_states,
        registry: args.registry,
    };
    let linked = snapshot.as_ref().map(|snapshot| links(snapshot, &args.ad)).transpose()?;
    let directory = Directory { snapshot: snapshot.as_ref(), ..Directory::default() };
    let shown = |target: &Target| -> Result<Show, Error> {
        warn(target, ui);
        let (mut shown, broken) = show(target, catalog, &view)?;
        shown.add_directory(target, &directory, linked.as_ref())?;
        broken.into_iter().for_each(|error| ui.message(&failed(error).page()));
        Ok(shown)
    };
    let set = match opened {
        Opened::One(target) => {
            let shown = shown(&target).map_err(failed)?;
            match args.options.output.format {
                Format::Json => ui.json(&shown)?,
                Format::Human => ui.page(&page(&shown))?,
            }
            return Ok(if shown.broken.is_empty() { Exit::Yes } else { Exit::Partial });
        }
        Opened::Several(set) => set,
    };
    // One GPO that cannot be read must not hide the others. People get each as it comes: all at once, thousands would be
    // many times their files.
    let (mut shows, mut any, mut complete) = (Vec::new(), false, set.unreadable.is_empty());
    for error in set.unreadable {
        ui.message(&failed(error.into()).page());
    }
    for gpo in &set.gpos {
        match shown(gpo) {
            Ok(shown) if args.options.output.format == Format::Json => {
                complete &= shown.broken.is_empty();
                shows.push(shown);
            }
            Ok(shown) => {
                complete &= shown.broken.is_empty();
                let mut this = Page::new();
                if std::mem::replace(&mut any, true) {
                    this.blank().blank();
                }
                this.append(page(&shown));
                ui.page(&this)?;
            }
            Err(error) => {
                ui.message(&failed(error).page());
                complete = false;
            }
        }
    }
    if args.options.output.format == Format::Json {
        ui.json(&ShowSet::new(shows))?;
    }
    Ok(if complete { Exit::Yes } else { Exit::Partial })
}

fn page(show: &Show) -> Page {
    let mut page = Page::new();
    heading::target(&mut page, &show.target);
    if let Some(version) = versions(show) {
        page.field("Version", version);
    }
    if let Some(Some(directory)) = &show.directory {
        if let Some(links) = &directory.links {
            page.field("Linked", in_words(links));
        }
        for side in &directory.off {
            page.field(
                "Off",
                Line::new().span(Style::Warn, format!("the {side} side is switched off: nothing of it applies")),
            );
        }
    }
    page.field("ADMX", templates(show.admx.as_ref()).as_str());
    let (others, silent): (Vec<&GpoFile>, Vec<&GpoFile>) =
        show.files.iter().filter(|file| !file.read).partition(|file| file.is_overlooked());
    if show.sides.is_empty() {
        page.blank().line(match others.is_empty() {
            true => "No policy file: nothing is configured.",
            false => "No policy file. What is configured stands in files that gpol does not look at.",
        });
    }
    for side in &show.broken {
        let name = side.scope.as_ref().map_or_else(|| "Side not known".to_owned(), Scope::title);
        let line = Line::new().span(Style::Strong, name).text(": ").span(Style::Bad, "cannot be read").text("  ");
        page.blank().line(line.span(Style::Faint, below(&side.file, &show.target.path)));
    }
    for side in &show.sides {
        page.blank();
        side_of(&mut page, side, &show.target.path, show.admx.is_some());
    }
    if !others.is_empty() {
        overlooked::list(page.blank(), "Not looked at, since it is no registry policy:", &others, &show.target.path);
    }
    if !silent.is_empty() {
        let places = silent.iter().take(overlooked::MOST).map(|file| overlooked::place(file, &show.target.path));
        let text = format!("Also there, and sets nothing: {}", places.collect::<Vec<_>>().join(", "));
        page.blank().line(Line::new().span(Style::Faint, text).hang_at(2));
        overlooked::more(&mut page, silent.len());
    }
    page
}

/// The version, in both places that a domain GPO has for it if both are known.
fn versions(show: &Show) -> Option<Line> {
    let both = |v: VersionModel| format!("user {}, computer {}", v.user, v.computer);
    let here = show.version.map_or_else(|| "none".to_owned(), both);
    let directory = match &show.directory {
        Some(Some(directory)) => directory,
        Some(None) => {
            let unknown = "not in the export of Active Directory: a folder that is left over, or of another domain";
            return Some(Line::new().text(format!("gpt.ini {here}   ")).span(Style::Warn, unknown));
        }
        None => return show.version.map(|version| Line::new().text(both(version))),
    };
    let Some(there) = directory.version else {
        return Some(
            Line::new().text(format!("gpt.ini {here}   ")).span(Style::Warn, "the export has no versionNumber"),
        );
    };
    let line = Line::new().text(format!("gpt.ini {here}   Active Directory {}   ", both(there)));
    Some(match directory.in_step {
        Some(true) => line.span(Style::Good, "in step"),
        _ => line.span(Style::Warn, "out of step"),
    })
}

/// Which templates gave the names.
pub fn templates(admx: Option<&AdmxModel>) -> String {
    match admx {
        None => "none (--no-admx)".to_owned(),
        Some(admx) if admx.builtin => {
            "built in: remote desktop security only; --admx names a folder of templates".to_owned()
        }
        Some(admx) => format!("{} ({}, {})", admx.stores.join(", "), count(admx.files, "file"), admx.language),
    }
}

fn side_of(page: &mut Page, side: &SideModel, target: &str, with_templates: bool) {
    let name = side.scope.as_ref().map_or_else(|| "Side not known".to_owned(), Scope::title);
    let version = match (&side.scope, side.version) {
        (Some(scope), Some(version)) if scope.sid().is_some() => format!(", version {version}"),
        _ => String::new(),
    };
    let (policies, unexplained) =
        (side.policies.as_deref().unwrap_or_default(), side.unexplained.as_deref().unwrap_or_default());
    let head = match &side.records {
        RecordsModel::List(records) => count(records.len(), "record"),
        RecordsModel::Count(0) => "no records".to_owned(),
        RecordsModel::Count(n) if !with_templates => count(*n, "record"),
        RecordsModel::Count(n) => {
            let policies = match policies.iter().filter(|policy| policy.state != "not-configured").count() {
                1 => "1 policy".to_owned(),
                n => format!("{n} policies"),
            };
            format!("{}, {policies}, {} without template", count(*n, "record"), unexplained.len())
        }
    };
    page.line(
        Line::new()
            .span(Style::Strong, name)
            .text(": ")
            .text(head + &version)
            .text("  ")
            .hang_at(2)
            .span(Style::Faint, below(&side.file, target)),
    );
    if let RecordsModel::List(records) = &side.records {
        page.append(list(records));
        return;
    }
    let mut category = None;
    for policy in policies {
        if category != Some(&policy.category) {
            page.line(Line::indented(2).text(category_of(policy)));
            category = Some(&policy.category);
        }
        of_policy(page, policy, side.side);
    }
    if !unexplained.is_empty() {
        let first = "No template describes these (GPMC: \"Extra Registry Settings\"):";
        page.line(Line::indented(2).text(if with_templates { first } else { "Not looked up in templates:" }));
        for record in unexplained {
            page.line(record_line(side.side, record, 4));
        }
    }
}

/// The path to a policy, as an administrator clicks it.
pub fn category_of(policy: &PolicyModel) -> String {
    policy.category.iter().map(|name| name.trim()).collect::<Vec<_>>().join(" > ")
}

/// A state with its colour.
pub fn state(line: Line, state: &str) -> Line {
    match state {
        "enabled" => line.span(Style::Good, "Enabled"),
        "disabled" => line.span(Style::Warn, "Disabled"),
        "mixed" => line.span(Style::Bad, "Mixed"),
        "deleted" => line.span(Style::Warn, "Deleted"),
        _ => line.span(Style::Faint, "Not configured"),
    }
}

fn of_policy(page: &mut Page, policy: &PolicyModel, side: Option<&str>) {
    let line = state(Line::indented(4), policy.state).column(14).hang();
    page.line(line.text(policy.display_name.trim()));
    elements(page, policy, 14);
    comment(page, policy, 14);
    for record in policy.records.iter().flatten() {
        page.line(record_line(side, record, 14));
    }
}

/// The inputs of an enabled policy, one a line.
pub fn elements(page: &mut Page, policy: &PolicyModel, indent: usize) {
    if policy.state == "disabled" {
        return;
    }
    elements_of(page, &policy.elements, indent);
    if policy.state == "mixed" {
        let misfits: Vec<String> = policy.misfit_indexes.iter().map(|index| (index + 1).to_string()).collect();
        let text = format!("its records fit no state that the editor can make; look at record {}", misfits.join(", "));
        page.line(Line::indented(indent).span(Style::Warn, text));
    }
}

/// Inputs that are configured, one a line.
pub fn elements_of(page: &mut Page, elements: &[ElementModel], indent: usize) {
    for element in elements.iter().filter(|element| element.state != "not-configured") {
        let label = match element.label.trim() {
            "" => element.id.as_str(),
            label => label.trim_end_matches(':'),
        };
        let warning = match &element.warning {
            Some(warning) => Line::new().span(Style::Warn, format!("  ({warning})")),
            None => Line::new(),
        };
        page.line(
            Line::indented(indent)
                .span(Style::Faint, label)
                .text(": ")
                .hang()
                .text(values::element(element))
                .append(&warning),
        );
    }
}

/// What an administrator noted beside the policy.
pub fn comment(page: &mut Page, policy: &PolicyModel, indent: usize) {
    if let Some(text) = &policy.comment {
        page.line(Line::indented(indent).span(Style::Faint, "Comment: ").hang().text(text));
    }
}

/// `HKLM\key!name  type  value`.
fn record_line(side: Option<&str>, record: &RecordModel, indent: usize) -> Line {
    let place = format!("{}!{}", values::key(side, record), values::name(record));
    Line::indented(indent).text(place).text("  ").hang_at(indent + 2).text(values::effect(record))
}
