//! `gpol history` and `gpol undo`: the changes that were made, and taking them back.

use std::path::PathBuf;

use clap::Args;
use gpo::doctor::{Doctor, doctor};
use gpo::plan::FileChange;
use gpo::show::TargetModel;
use gpo::transaction::{Change, Outcome, Recorded, recorded as recorded_of, undo_plan};
use serde::Serialize;

use crate::args::{ChangeArgs, Format, HistoryArgs, OutputArgs};
use crate::change::{begin, commit, history, note, refused};
use crate::commands::doctor::verdict;
use crate::commands::explain::below;
use crate::commands::pol::count;
use crate::context::open_target;
use crate::error::Stop;
use crate::exit::Exit;
use crate::malformed::thousands;
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
/// Takes back the last change, or the one that is named, byte for byte; the counters of gpt.ini go back as well. What
/// was written to the files since is never lost: then nothing is done. An undo is a change like any other, and can be
/// undone itself.
#[derive(Args, Debug)]
pub struct UndoArgs {
    /// Policy file, GPO folder, or root of a mounted Windows volume
    target: PathBuf,
    /// The change, as gpol history names it
    id: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
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
    changes: Vec<Change>,
    /// Changes of what was at this path at another time.
    elsewhere: Vec<Change>,
}

pub fn list(args: &HistoryCommand, ui: &Ui) -> Result<Exit, Stop> {
    let target = open_target(&args.target, None, ui)?;
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
    doctor: Option<Doctor>,
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

pub fn undo(args: &UndoArgs, ui: &Ui) -> Result<Exit, Stop> {
    let target = open_target(&args.target, None, ui)?;
    let history = history(&args.change.history)?;
    let transaction = begin(&target, &args.change, ui)?;
    let (undone, plan) = undo_plan(&target, &history, args.id.as_deref()).map_err(refused)?;
    let mut model = UndoModel {
        schema: "gpol.undo/1",
        target: TargetModel::new(&target),
        dry_run: args.change.dry_run,
        undoes: undone.id.clone(),
        change: None,
        plan: plan.hash(),
        files: plan.files().iter().map(UndoneFile::from).collect(),
        doctor: None,
    };
    if let Some(transaction) = transaction {
        let mut note = note(&args.change);
        note.undoes = Some(undone.id);
        model.change = commit(&transaction, &plan, &note)?;
        match doctor(&target, None) {
            Ok(found) => model.doctor = Some(found),
            Err(error) => ui.warning(format!("whether Windows will apply this is not known: {error}")),
        }
    }
    match args.output.format {
        Format::Json => ui.json(&model)?,
        Format::Human => ui.page(&model.page())?,
    }
    Ok(Exit::Yes)
}

impl UndoModel {
    fn page(&self) -> Page {
        let mut page = Page::new();
        let verb = if self.dry_run { "Would take back" } else { "Took back" };
        page.line(Line::new().span(Style::Strong, verb).text(format!(" change {}", self.undoes)));
        for file in &self.files {
            let what = match (file.before, file.after) {
                (_, None) => "removed".to_owned(),
                (None, Some(after)) => format!("new, {} bytes", thousands(after)),
                (Some(before), Some(after)) => format!("{} -> {} bytes", thousands(before), thousands(after)),
            };
            page.line(Line::indented(2).text(below(&file.path, &self.target.path)).text("  ").hang().text(what));
        }
        let counts_back = |file: &UndoneFile| file.path.to_ascii_lowercase().ends_with("gpt.ini");
        if self.files.iter().any(counts_back) {
            page.blank().line(Line::new().span(Style::Warn, "note").text(": ").hang().text(
                "the version in gpt.ini goes back as well. If Windows has applied the change meanwhile, let it apply this before the next change, which would count to the same number again.",
            ));
        }
        if let Some(id) = &self.change {
            recorded(&mut page, id, &self.target.path);
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
    page.field("Undo", Line::from(format!("gpol undo {}", quoted(target)).as_str()).whole());
}
