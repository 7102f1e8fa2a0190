//! `gpol gpo bump`: a higher version for policy files that stay as they are.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gpo::bump::{Bump, BumpedSide};
use gpo::doctor::Doctor;
use gpo::scope::Scope;
use gpo::show::{TargetModel, VersionModel};
use gpo::target::{Kind, Target};
use serde::Serialize;

use crate::args::{ChangeArgs, Format, OutputArgs, ScopeArgs, TemplateArgs};
use crate::change::{begin, commit, note};
use crate::commands::doctor::{asked, verdict};
use crate::commands::halves::{BackupModel, DirectoryModel, DomainArgs, notes};
use crate::commands::history::recorded;
use crate::commands::pol::count;
use crate::context::{failed, load_templates, open_gpo};
use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::{Line, Page, Style, Ui};

#[derive(Subcommand, Debug)]
pub enum GpoCommand {
    Bump(BumpArgs),
}

/// Raise a GPO's version, so that Windows applies it once more
///
/// For policy files that are right already: copied in by hand, or applied before while something kept their
/// values out of the registry. Raises the version of each side that has settings, or of --scope alone, and
/// completes its extension list; no policy file changes. gpol policy set and gpol apply do so by themselves.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  gpol gpo bump /mnt/gold --scope computer")]
pub struct BumpArgs {
    /// GPO folder, GPO backup, or root of a mounted Windows volume; `local:` on Windows
    target: PathBuf,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    domain: DomainArgs,
    #[command(flatten)]
    templates: TemplateArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub fn run(command: &GpoCommand, ui: &Ui) -> Result<Exit, Stop> {
    let GpoCommand::Bump(args) = command;
    let snapshot = args.domain.ad.snapshot()?;
    let target = open_gpo(&args.target, false, snapshot.as_ref(), ui)?;
    let catalog = load_templates(&args.templates.templates(), Some(&target))?;
    let only = args.scope.scope.as_ref();
    // Locked before the files are read: what is computed from them is what they hold when they are replaced.
    let transaction = begin(&target, &args.change, ui)?;
    let directory = args.domain.directory(snapshot.as_ref());
    let bump = gpo::bump::plan(&target, catalog, only, &directory).map_err(failed)?;
    let mut report = Report::new(&target, &bump, args.change.dry_run);
    if let Some(transaction) = transaction.filter(|_| !bump.plan.is_empty()) {
        report.change =
            commit(&transaction, &bump.plan, &note(&args.change, bump.sides.iter().map(|side| &side.books)))?;
        match asked(&target, only, None) {
            Ok(found) => report.doctor = Some(found),
            // The change is made; what it leads to is another question.
            Err(error) => ui.warning(format!("whether Windows will apply this is not known: {error}")),
        }
    }
    match args.output.format {
        Format::Json => ui.json(&report)?,
        Format::Human => ui.page(&report.page(target.kind))?,
    }
    Ok(Exit::Yes)
}

/// What was raised, or would be: `gpol.gpo-bump/1`.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    target: TargetModel,
    dry_run: bool,
    changed: bool,
    sides: Vec<SideModel>,
    /// Files that are replaced, in that order.
    files: Vec<String>,
    notes: Vec<String>,
    /// What the plan hashes to: equal for a dry run and the run that does it.
    plan: String,
    /// Under which id the change is recorded.
    change: Option<String>,
    /// Whether Windows will apply it.
    doctor: Option<Doctor>,
}

#[derive(Serialize)]
struct SideModel {
    scope: Scope,
    records: usize,
    /// In `gpt.ini`; `null` for a backup.
    version: Option<Versions>,
    extensions_added: Vec<String>,
    extensions_removed: Vec<String>,
    /// What has to happen in Active Directory, for a domain GPO.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<DirectoryModel>,
    /// What became of a backup's `Backup.xml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<BackupModel>,
}

#[derive(Serialize)]
struct Versions {
    before: Option<VersionModel>,
    after: VersionModel,
}

impl SideModel {
    fn new(side: &BumpedSide) -> Self {
        let books = &side.books;
        let list = books.extensions();
        Self {
            scope: side.scope.clone(),
            records: side.records,
            version: books
                .gpt_ini
                .as_ref()
                .map(|ini| Versions { before: ini.before.map(Into::into), after: ini.after.into() }),
            extensions_added: list.map(|list| list.added.clone()).unwrap_or_default(),
            extensions_removed: list.map(|list| list.removed.clone()).unwrap_or_default(),
            directory: books.directory.as_ref().map(DirectoryModel::new),
            backup: books.backup.as_ref().map(BackupModel::new),
        }
    }

    fn add_to(&self, page: &mut Page) {
        if let Some(Versions { before, after }) = &self.version {
            let half = |version: &VersionModel| match self.scope {
                Scope::Computer => version.computer,
                _ => version.user,
            };
            let before = before.as_ref().map_or_else(|| "none".to_owned(), |before| half(before).to_string());
            let text = format!("{} side: version {before} -> {}", self.scope, half(after));
            page.line(Line::indented(2).text(text).text(format!("  ({})", count(self.records, "record"))));
        }
        if let Some(backup) = &self.backup {
            backup.add_to(page, self.scope.side().as_str());
        }
        let lists = [("+ ", Style::Good, &self.extensions_added), ("- ", Style::Bad, &self.extensions_removed)];
        for (sign, style, extensions) in lists {
            for extension in extensions {
                page.line(Line::indented(2).span(style, sign).text(format!("extension {extension}")));
            }
        }
    }
}

impl Report {
    fn new(target: &Target, bump: &Bump, dry_run: bool) -> Self {
        let mut all: Vec<String> = bump.sides.iter().flat_map(|side| notes(side.scope.side(), &side.books)).collect();
        all.dedup();
        Self {
            schema: "gpol.gpo-bump/1",
            target: TargetModel::new(target),
            dry_run,
            changed: !bump.plan.is_empty(),
            sides: bump.sides.iter().map(SideModel::new).collect(),
            files: bump.plan.files().iter().map(|file| file.path.display().to_string()).collect(),
            notes: all,
            plan: bump.plan.hash(),
            change: None,
            doctor: None,
        }
    }

    fn page(&self, kind: Kind) -> Page {
        let mut page = Page::new();
        if !self.changed {
            page.line(
                Line::new()
                    .span(Style::Good, "Nothing to do")
                    .text(": no side has settings. To raise a version even so, name the side with --scope.")
                    .hang_at(2),
            );
            return page;
        }
        let verb = if self.dry_run { "Would raise" } else { "Raised" };
        let files: Vec<_> = self.files.iter().map(|file| file_name(file)).collect();
        let line = Line::new().span(Style::Strong, verb).text(format!(" the version of {}", self.target.path));
        page.line(line.text(format!("  ({})", files.join(", "))));
        for side in &self.sides {
            side.add_to(&mut page);
        }
        for side in &self.sides {
            if let Some(directory) = &side.directory {
                directory.add_to(&mut page, self.dry_run);
            }
        }
        for note in &self.notes {
            page.blank();
            page.line(Line::new().span(Style::Warn, "note").text(": ").hang().text(note));
        }
        if let Some(id) = &self.change {
            recorded(&mut page, id, &self.target.path);
        }
        // Of a backup it says only that Windows does not read it there.
        if let Some(doctor) = self.doctor.as_ref().filter(|_| kind != Kind::GpoBackup) {
            page.blank().append(verdict(doctor));
        }
        page
    }
}

fn file_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}
