//! `gpol history`, `gpol undo` and `gpol redo`: the changes that were made, and taking them back.

use std::path::{Path, PathBuf};

use clap::Args;
use gpo::ad::Snapshot;
use gpo::bookkeeping::Books;
use gpo::doctor::Doctor;
use gpo::plan::{FileChange, Plan};
use gpo::show::TargetModel;
use gpo::target::{Kind, Target};
use gpo::transaction::{Change, Outcome, Recorded, Undo, Which, recorded as recorded_of, undo_plan};
use serde::{Serialize, Serializer};

use crate::args::{ChangeArgs, Format, HistoryArgs, OutputArgs};
use crate::change::{begin, commit, history, note, refused};
use crate::commands::doctor::{asked, verdict};
use crate::commands::explain::below;
use crate::commands::halves::{DirectoryModel, DomainArgs};
use crate::commands::pol::count;
use crate::context::{alone, failed, open_gpo};
use crate::directory::both_sides;
use crate::error::{CommandError, Stop};
use crate::exit::Exit;
use crate::malformed::thousands;
use crate::onward;
use crate::paste::quoted;
use crate::ui::{Line, Page, Style, Ui};

/// List the changes that gpol made to a target
///
/// Changes are recorded outside the target, with what it was, so that they are found when it is mounted elsewhere. Exit code 1 says that none is recorded.
#[derive(Args, Debug)]
pub struct HistoryCommand {
    /// Policy file, GPO folder, or root of a mounted Windows volume
    target: PathBuf,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Put the files of a change back as they were before it
///
/// Takes back the last change that is in effect, or the one that is named, byte for byte; the next undo goes one change
/// further back, and gpol redo brings back what was undone. Of a domain GPO the version goes forward, and its half in Active
/// Directory is changed as by any other change: say how, with --ldif or --sysvol-only. What was written to the files since
/// is never lost: then nothing is done.
#[derive(Args, Debug)]
pub struct UndoArgs {
    /// Policy file, GPO folder, or root of a mounted Windows volume
    target: PathBuf,
    /// The change, as gpol history names it
    id: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    domain: DomainArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Bring back what the last undo took back
///
/// Each redo goes one change forward, up to the last one that was made. A change that was made after an undo ends that:
/// name the undo as gpol history does, gpol undo TARGET ID, if its files are as it left them.
#[derive(Args, Debug)]
pub struct RedoArgs {
    /// Policy file, GPO folder, or root of a mounted Windows volume
    target: PathBuf,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    domain: DomainArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `gpol.history/1`.
#[derive(Serialize)]
struct HistoryModel {
    schema: &'static str,
    target: TargetModel,
    /// Where they are recorded.
    recorded: String,
    /// The oldest first.
    #[serde(serialize_with = "with_outcomes")]
    changes: Vec<Change>,
    /// Changes of what was at this path at another time.
    #[serde(serialize_with = "with_outcomes")]
    elsewhere: Vec<Change>,
}

/// A change, and what became of it, which its record does not hold.
#[derive(Serialize)]
struct WithOutcome<'c> {
    #[serde(flatten)]
    change: &'c Change,
    outcome: Outcome,
}

fn with_outcomes<S: Serializer>(changes: &[Change], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(changes.iter().map(|change| WithOutcome { change, outcome: change.outcome }))
}

pub fn list(args: &HistoryCommand, ui: &Ui) -> Result<Exit, Stop> {
    let target = whole(&args.target, None, ui)?;
    let history = history(&args.history)?;
    let Recorded { changes, elsewhere } = recorded_of(&target, &history).map_err(refused)?;
    let exit = if changes.is_empty() { Exit::No } else { Exit::Yes };
    let recorded = history.folder().display().to_string();
    let target = TargetModel::new(&target);
    let model = HistoryModel { schema: "gpol.history/1", target, recorded, changes, elsewhere };
    match args.output.format {
        Format::Json => ui.json(&model)?,
        Format::Human => ui.page(&model.page())?,
    }
    Ok(exit)
}

impl HistoryModel {
    fn page(&self) -> Page {
        let mut page = Page::new();
        if self.changes.is_empty() {
            page.line(format!("No change of {} is recorded in {}", self.target.path, self.recorded).as_str());
            self.add_elsewhere(&mut page);
            return page;
        }
        for change in &self.changes {
            let outcome = match (&change.outcome, &change.undoes) {
                (Outcome::Done, Some(id)) if let Some(back) = change.brings_back(&self.changes) => {
                    format!("brings back {back} (undoes {id})")
                }
                (Outcome::Unfinished, _) => "interrupted; the next change mends it".to_owned(),
                (Outcome::Left, _) => "interrupted, and its files were written since by others".to_owned(),
                (Outcome::Done, Some(id)) => format!("undoes {id}"),
                (Outcome::Done, None) => count(change.files.len(), "file"),
            };
            let line = Line::new().span(Style::Strong, &change.id).text("  ").hang().text(outcome);
            page.line(match &change.reason {
                Some(reason) => line.text("  ").span(Style::Faint, reason),
                None => line,
            });
            let words: Vec<String> = change.command.iter().skip(1).map(|word| quoted(word)).collect();
            page.line(Line::indented(2).span(Style::Faint, "gpol ").text(words.join(" ")).whole());
            for file in &change.files {
                page.line(Line::indented(2).text(file.path.display().to_string()));
            }
        }
        page.blank().field("Recorded", Line::new().text(&self.recorded));
        self.add_elsewhere(&mut page);
        page
    }

    /// Another image may have been mounted here.
    fn add_elsewhere(&self, page: &mut Page) {
        if self.elsewhere.is_empty() {
            return;
        }
        page.blank().line("Recorded of what was at this path at another time, and is not what is there now:");
        for change in &self.elsewhere {
            let line = Line::indented(2).text(&change.id);
            page.line(match change.outcome {
                Outcome::Unfinished => line.text("  ").hang().text("interrupted; mended when that is there again"),
                Outcome::Done | Outcome::Left => line,
            });
        }
    }
}

/// `gpol.undo/1`.
#[derive(Serialize)]
struct UndoModel {
    schema: &'static str,
    target: TargetModel,
    dry_run: bool,
    /// The change that is taken back.
    undoes: String,
    /// The change that took it back; `null` for a dry run and where nothing is recorded.
    change: Option<String>,
    /// [`gpo::plan::Plan::hash`].
    plan: String,
    files: Vec<UndoneFile>,
    /// What has to happen in Active Directory, for a domain GPO: one for each side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    directory: Vec<DirectoryModel>,
    notes: Vec<String>,
    doctor: Option<Doctor>,
    #[serde(skip)]
    redo: bool,
}

#[derive(Serialize)]
struct UndoneFile {
    path: String,
    /// Size before the undo; `null` if it was not there.
    before: Option<usize>,
    /// Size after it; `null` if it is not there.
    after: Option<usize>,
}

impl From<&FileChange> for UndoneFile {
    fn from(file: &FileChange) -> Self {
        let size = |content: &Option<Vec<u8>>| content.as_ref().map(Vec::len);
        Self { path: file.path.display().to_string(), before: size(&file.before), after: size(&file.after) }
    }
}

/// The GPO, of whose sides one may be named: a change may be about both.
fn whole(path: &Path, snapshot: Option<&Snapshot>, ui: &Ui) -> Result<Target, CommandError> {
    let named = open_gpo(path, false, snapshot, ui)?;
    if named.kind == Kind::Pol {
        return Ok(named);
    }
    let mut target = Target::open(&named.path).map_err(|error| failed(error.into()))?;
    target.take_name(snapshot);
    Ok(target)
}

pub fn undo(args: &UndoArgs, ui: &Ui) -> Result<Exit, Stop> {
    let which = args.id.as_deref().map_or(Which::Last, Which::Id);
    take_back(&args.target, which, &args.change, &args.domain, args.output.format, ui)
}

pub fn redo(args: &RedoArgs, ui: &Ui) -> Result<Exit, Stop> {
    take_back(&args.target, Which::LastUndo, &args.change, &args.domain, args.output.format, ui)
}

fn take_back(
    target: &Path,
    which: Which<'_>,
    args: &ChangeArgs,
    domain: &DomainArgs,
    format: Format,
    ui: &Ui,
) -> Result<Exit, Stop> {
    let snapshot = domain.ad.snapshot()?;
    let target = whole(target, snapshot.as_ref(), ui)?;
    let history = history(&args.history)?;
    let transaction = begin(&target, args, ui)?;
    let directory = domain.directory(snapshot.as_ref());
    let Undo { change: undone, plan, books } = undo_plan(&target, &history, which, &directory).map_err(failed)?;
    let mut model = UndoModel {
        schema: "gpol.undo/1",
        target: TargetModel::new(&target),
        dry_run: args.dry_run,
        undoes: undone.id.clone(),
        change: None,
        plan: plan.hash(),
        files: plan.files().iter().map(UndoneFile::from).collect(),
        directory: books.iter().filter_map(|books| books.directory.as_ref()).map(DirectoryModel::new).collect(),
        notes: version_notes(&target, &plan, &books),
        doctor: None,
        redo: which == Which::LastUndo,
    };
    if let (Some(path), []) = (domain.ldif(), &*books) {
        ui.warning(format!("{} is not written: nothing changes in Active Directory", path.display()));
    }
    if let Some(transaction) = transaction {
        let mut note = note(args, &books);
        note.undoes = Some(undone.id);
        model.change = commit(&transaction, &plan, &note)?;
        match asked(&target, None, None) {
            Ok(found) => model.doctor = Some(found),
            Err(error) => ui.warning(format!("whether Windows will apply this is not known: {error}")),
        }
    }
    match format {
        Format::Json => ui.json(&model)?,
        Format::Human => ui.page(&model.page())?,
    }
    Ok(Exit::Yes)
}

/// What becomes of the version.
fn version_notes(target: &Target, plan: &Plan, books: &[Books]) -> Vec<String> {
    if let Some((before, after)) = books.last().and_then(|books| {
        let ini = books.gpt_ini.as_ref()?;
        Some((ini.before?, ini.after))
    }) {
        return vec![format!(
            "the version of a domain GPO goes forward, {} -> {}, here and in Active Directory: clients that applied the change would take the old number for one that they know.",
            both_sides(before),
            both_sides(after)
        )];
    }
    let is_gpt_ini = |file: &FileChange| file.path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("gpt.ini"));
    let is_pol =
        |file: &FileChange| file.path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("registry.pol"));
    if !plan.files().iter().any(is_gpt_ini) {
        // It alone was changed, so it alone comes back.
        let is_alone = target.kind != Kind::GpoBackup && target.gpt_ini().is_some();
        let comes_back = plan.files().iter().any(is_pol) && is_alone;
        return comes_back.then(|| alone(&target.path, target.kind)).into_iter().collect();
    }
    let mut note = "the version in gpt.ini is again what it was.".to_owned();
    // Of an installation, the hive says which numbers Windows knows, and the next change takes another.
    if matches!(target.windows_folder(), Ok(None)) {
        note.push_str(" If Windows has applied the change meanwhile, let it apply this before the next change, which would count to the same number again.");
    }
    vec![note]
}

impl UndoModel {
    fn page(&self) -> Page {
        let mut page = Page::new();
        let (verb, what) = match (self.redo, self.dry_run) {
            (false, true) => ("Would take back", "change"),
            (false, false) => ("Took back", "change"),
            (true, true) => ("Would bring back", "what was undone by"),
            (true, false) => ("Brought back", "what was undone by"),
        };
        page.line(Line::new().span(Style::Strong, verb).text(format!(" {what} {}", self.undoes)));
        for file in &self.files {
            let what = match (file.before, file.after) {
                (_, None) => "removed".to_owned(),
                (None, Some(after)) => format!("new, {} bytes", thousands(after)),
                (Some(before), Some(after)) => format!("{} -> {} bytes", thousands(before), thousands(after)),
            };
            page.line(Line::indented(2).text(below(&file.path, &self.target.path)).text("  ").hang().text(what));
        }
        for directory in &self.directory {
            directory.add_to(&mut page, self.dry_run);
        }
        for note in &self.notes {
            page.blank().line(Line::new().span(Style::Warn, "note").text(": ").hang().text(note));
        }
        if let Some(id) = &self.change {
            page.blank().field("Backup", Line::new().text(id));
            let (name, command) = if self.redo { ("Undo", "undo") } else { ("Redo", "redo") };
            page.field(name, Line::from(onward::on(&self.target.path, command, "").as_str()).whole());
        }
        if let Some(doctor) = &self.doctor {
            page.blank().append(verdict(doctor));
        }
        page
    }
}

/// Where a change is recorded, and the command that takes it back.
pub fn recorded(page: &mut Page, id: &str, target: &str) {
    page.blank().field("Backup", Line::new().text(id));
    page.field("Undo", Line::from(onward::on(target, "undo", "").as_str()).whole());
}
