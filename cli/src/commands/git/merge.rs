//! `gpol git merge`: git's merge driver for policy files and `gpt.ini`.

use std::path::{Path, PathBuf};

use clap::Args;
use gpo::gpt_ini::GptIni;
use gpo::merge::{Change, merge, merge_gpt_ini};
use gpo::model::RecordModel;
use polfile::PolicyFile;

use crate::commands::pol::count;
use crate::commands::values;
use crate::context::{parse, read_input, write_output};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::paste::quoted;
use crate::ui::{Line, Page, Style, Ui};

/// Merge a policy file value by value, as git's merge driver
///
/// Writes OURS with all that THEIRS changed since BASE; records that THEIRS did not touch keep their bytes. A value
/// that both changed differently stays as OURS has it and is listed. Of a gpt.ini, each counter of the version that both
/// raised, to different numbers, becomes one more than the larger of the two.
///
/// Exit code: 0 if all could be merged, 1 if there are conflicts, 4 if a file is damaged; then OURS is untouched.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// Their common ancestor (%O)
    base: PathBuf,
    /// Our version, which becomes the result (%A)
    ours: PathBuf,
    /// Their version (%B)
    theirs: PathBuf,
    /// Where the file belongs, for messages (%P)
    path: Option<PathBuf>,
}

pub fn run(args: &MergeArgs, ui: &Ui) -> Result<Exit, Stop> {
    let path = args.path.as_deref().unwrap_or(&args.ours);
    if path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("gpt.ini")) {
        return gpt_ini(args, path, ui);
    }
    let base = read_input(&args.base)?;
    let base = match base.is_empty() {
        // Both sides added the file.
        true => PolicyFile::new(),
        false => readable(&args.base, &base, path, "their common ancestor")?,
    };
    let ours = readable(&args.ours, &read_input(&args.ours)?, path, "our version")?;
    let theirs = readable(&args.theirs, &read_input(&args.theirs)?, path, "their version")?;
    let merged = merge(&base, &ours, &theirs);
    if merged.file != ours {
        write_output(&args.ours, merged.file.as_bytes(), &[&args.base, &args.theirs])?;
    }
    if merged.conflicts.is_empty() {
        return Ok(Exit::Yes);
    }
    ui.message(&page(path, [&base, &ours, &theirs], &merged.conflicts));
    Ok(Exit::No)
}

/// Merges the file that holds the version.
fn gpt_ini(args: &MergeArgs, path: &Path, ui: &Ui) -> Result<Exit, Stop> {
    let read = |file: &PathBuf| {
        GptIni::parse(read_input(file)?).map_err(|error| {
            CommandError::new(Code::GPT_INI, format!("{}: {error}", path.display()))
                .detail("Nothing was merged, and our version stays as it is.")
                .help("mend the line by hand; gpol does not guess what it should say")
        })
    };
    let (base, ours, theirs) = (read(&args.base)?, read(&args.ours)?, read(&args.theirs)?);
    let merged = merge_gpt_ini(&base, &ours, &theirs);
    let (Ok(ini) | Err(ini)) = &merged;
    if *ini != ours {
        write_output(&args.ours, ini.as_bytes(), &[&args.base, &args.theirs])?;
    }
    if merged.is_ok() {
        return Ok(Exit::Yes);
    }
    let name = quoted(&path.display().to_string());
    let mut page = Page::new();
    page.line(conflict(path, "both sides changed more than the version"));
    next(&mut page, &[format!("put in by hand what theirs has:  git diff -- {name}"), done(&name)]);
    ui.message(&page);
    Ok(Exit::No)
}

/// The first line of what people have to decide.
fn conflict(path: &Path, what: &str) -> Line {
    let head = Line::new().span(Style::Bad, "conflict").text(": ").hang();
    head.span(Style::Strong, format!("{}: {what}; ours is in the file", path.display()))
}

/// What to do next.
fn next(page: &mut Page, help: &[String]) {
    for (i, help) in help.iter().enumerate() {
        let label = if i == 0 { "help: " } else { "      " };
        page.line(Line::new().span(Style::Good, label).hang().text(help).whole());
    }
}

fn done(name: &str) -> String {
    format!("when it is right:  git add -- {name}")
}

/// Reads one of the three.
fn readable(file: &Path, bytes: &[u8], path: &Path, which: &str) -> Result<PolicyFile, CommandError> {
    parse(file, bytes).map_err(|error| {
        let name = quoted(&path.display().to_string());
        error
            .detail(format!(
                "This is {which} of {}; nothing was merged, and our version stays as it is.",
                path.display()
            ))
            .help(format!("take one of the two as a whole:  git checkout --ours -- {name}"))
            .help(format!("or:  git checkout --theirs -- {name}"))
    })
}

fn page(path: &Path, files: [&PolicyFile; 3], conflicts: &[Change]) -> Page {
    let mut page = Page::new();
    let were = if conflicts.len() == 1 { "was" } else { "were" };
    page.line(conflict(path, &format!("{} {were} changed on both sides", count(conflicts.len(), "value"))));
    for change in conflicts {
        page.line(Line::indented(2).text(values::changed(None, change)));
        let records = [("base", change.base), ("ours", change.left), ("theirs", change.right)];
        for ((which, index), file) in records.into_iter().zip(files) {
            let record = index.and_then(|index| Some(RecordModel::new(index, &file.record(index)?)));
            let said = record.map_or_else(|| "nothing".to_owned(), |record| values::effect_on(change, &record));
            page.line(Line::indented(4).text(which).column(12).hang().text(said));
        }
    }
    let name = quoted(&path.display().to_string());
    let theirs = format!("take theirs as a whole:  git checkout --theirs -- {name}");
    let both = format!("both as text:  git diff -- {name}");
    next(&mut page, &[format!("change the file where theirs is right, or {theirs}"), both, done(&name)]);
    page
}
