//! GPOs that keep version and extension list in two places: how to change the other one, and what became of it.

use std::path::{MAIN_SEPARATOR_STR, PathBuf};

use admx::Side;
use clap::Args;
use gpo::ad::{Snapshot, version_value};
use gpo::bookkeeping::{BackupChange, Books, Directory, DirectoryChange, DirectoryWrite};
use gpo::show::VersionModel;
use serde::Serialize;

use crate::directory::{AdArgs, attributes, both_sides, import};
use crate::ui::{Line, Page, Style};

/// How the half of a domain GPO that is in Active Directory is to be changed.
#[derive(Args, Debug)]
pub struct DomainArgs {
    #[command(flatten)]
    pub ad: AdArgs,
    /// Write the change that a domain GPO needs in Active Directory to this file; with --ad
    #[arg(long, value_name = "FILE")]
    ldif: Option<PathBuf>,
    /// Change a domain GPO's files alone; you will change Active Directory yourself
    #[arg(long, conflicts_with = "ldif")]
    sysvol_only: bool,
}

impl DomainArgs {
    pub fn directory<'a>(&self, snapshot: Option<&'a Snapshot>) -> Directory<'a> {
        let write = match (&self.ldif, self.sysvol_only) {
            (Some(path), _) => DirectoryWrite::Ldif(path.clone()),
            (None, true) => DirectoryWrite::SysvolOnly,
            (None, false) => DirectoryWrite::Undecided,
        };
        Directory { snapshot, write, planned: None }
    }

    /// The LDIF file that was asked for.
    pub fn ldif(&self) -> Option<&PathBuf> {
        self.ldif.as_ref()
    }
}

/// What has to happen in Active Directory.
#[derive(Serialize)]
pub struct DirectoryModel {
    dn: String,
    name: Option<String>,
    /// `versionNumber` in the export; `null` without one.
    before: Option<VersionModel>,
    after: VersionModel,
    /// The value to write, which has a sign in Active Directory.
    version_number: i32,
    /// The attribute with the side's extension list.
    attribute: &'static str,
    /// Whether an export told what there is.
    known: bool,
    /// The list to write; without an export, what it needs at least.
    extensions: String,
    /// The LDIF file that makes the change; `null` if the user does.
    ldif: Option<String>,
    #[serde(skip)]
    lines: Vec<String>,
    #[serde(skip)]
    import: Option<String>,
}

/// What became of `Backup.xml`.
#[derive(Serialize)]
pub struct BackupModel {
    /// The side's counters in Active Directory and SYSVOL, before and after.
    version: Option<BackupVersions>,
    /// Files that were not listed before.
    listed: Vec<String>,
    /// GPMC's report, which shows the old settings now.
    stale_report: Option<String>,
}

#[derive(Serialize)]
struct BackupVersions {
    before: Counters,
    after: Counters,
}

#[derive(Clone, Copy, Serialize)]
struct Counters {
    directory: u16,
    sysvol: u16,
}

impl DirectoryModel {
    pub fn new(change: &DirectoryChange) -> Self {
        Self {
            dn: change.dn.clone(),
            name: change.name.clone(),
            before: change.before.map(Into::into),
            after: change.after.into(),
            version_number: version_value(change.after),
            attribute: change.attribute,
            known: change.known,
            extensions: change.extensions.after.clone(),
            ldif: change.ldif.as_ref().map(|path| path.display().to_string()),
            lines: attributes(change),
            import: change.ldif.as_deref().map(import),
        }
    }

    /// What is left to do.
    pub fn add_to(&self, page: &mut Page, dry_run: bool) {
        page.blank();
        let what = match (&self.import, dry_run) {
            (Some(_), true) => "Active Directory would be changed by importing the LDIF file",
            (Some(_), false) => "Active Directory still has the old values until you import the LDIF file",
            (None, true) => "Active Directory would be yours to change",
            (None, false) => "Active Directory is yours to change now",
        };
        page.line(Line::new().span(Style::Strong, what).text(": ").hang_at(2).text(&self.dn));
        for line in &self.lines {
            page.line(Line::indented(2).text(line).hang_at(4));
        }
        if let (Some(import), false) = (&self.import, dry_run) {
            page.blank();
            page.line(Line::new().text("Import it: ").text(import).whole());
        }
    }
}

impl BackupModel {
    pub fn new(change: &BackupChange) -> Self {
        let counters = |v: gpo::backup_xml::SideVersion| Counters { directory: v.directory, sysvol: v.sysvol };
        Self {
            version: change
                .version
                .map(|(before, after)| BackupVersions { before: counters(before), after: counters(after) }),
            listed: change.listed.clone(),
            stale_report: change.stale_report.as_ref().map(|path| path.display().to_string()),
        }
    }

    /// Lines below the name of `Backup.xml`.
    pub fn add_to(&self, page: &mut Page, side: &str) {
        if let Some(versions) = &self.version {
            for (sign, style, v) in [("- ", Style::Bad, versions.before), ("+ ", Style::Good, versions.after)] {
                let text = format!("{side} version: Active Directory {}, SYSVOL {}", v.directory, v.sysvol);
                page.line(Line::indented(2).span(style, sign).text(text));
            }
        }
        for file in &self.listed {
            // As the paths above it; in Backup.xml they have backslashes on every system.
            let file = file.replace('\\', MAIN_SEPARATOR_STR);
            page.line(Line::indented(2).span(Style::Good, "+ ").text(format!("lists {file}")));
        }
    }
}

/// What one should know beside the change itself.
pub fn notes(side: Side, change: &Books) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(alone) = &change.alone {
        notes.push(crate::context::alone(&alone.gpo, alone.kind));
    }
    if let Some(because) = &change.because {
        notes.push(format!(
            "every setting is there already, but {because}. The version rises, so that Windows applies them."
        ));
    }
    if let Some(ini) = &change.gpt_ini {
        notes.extend(ini.mended.iter().map(|obstacle| {
            format!("gpt.ini: {obstacle}, by which Windows does not see it, or may not; that is mended.")
        }));
        if let [first, ..] = &*ini.passed {
            notes.push(format!(
                "{side} version {first} is one that Windows has recorded as applied; {} is the next that is new to it.",
                ini.after.of(side)
            ));
        }
    }
    if let Some(stopped) = change.extensions().and_then(|list| list.stops_at.as_ref()) {
        notes.push(format!(
            "the extension list is out of order from {stopped} on: Windows stops there, after what this change needs. gpol leaves the rest as it is."
        ));
    }
    if let Some(done) = &change.directory
        && let (false, Some(there), Some(here)) =
            (done.out_of_step.is_empty(), done.before, change.gpt_ini.as_ref().and_then(|ini| ini.before))
    {
        let left = done.out_of_step.iter().find(|other| **other != side);
        let left = left.map(|other| format!("; the {other} side stays out of step")).unwrap_or_default();
        notes.push(format!(
            "GPT.INI ({}) and Active Directory ({}) were out of step; the {} side goes on from the larger counter in both{left}.",
            both_sides(here),
            both_sides(there),
            side
        ));
    }
    if let Some(report) = change.backup.as_ref().and_then(|backup| backup.stale_report.as_ref()) {
        let name = report.file_name().unwrap_or_default().to_string_lossy();
        notes.push(format!(
            "{name} still shows the settings as they were; it is a report, which an import does not need."
        ));
    }
    notes
}
