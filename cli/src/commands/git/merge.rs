//! `gpol git merge`: git's merge driver for policy files.

use std::path::{Path, PathBuf};

use clap::Args;
use gpo::merge::{Change, merge};
use gpo::model::RecordModel;
use polfile::PolicyFile;

use crate::commands::pol::count;
use crate::commands::values;
use crate::context::{parse, read_input, write_output};
use crate::error::{CommandError, Stop};
use crate::exit::Exit;
use crate::paste::quoted;
use crate::ui::{Line, Page, Style, Ui};

/// Merge a policy file value by value, as git's merge driver
///
/// Writes OURS with all that THEIRS changed since BASE; records that THEIRS did not touch keep their bytes. A value
/// that both changed differently stays as OURS has it and is listed.
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
    let head = Line::new().span(Style::Bad, "conflict").text(": ").hang();
    let one = conflicts.len() == 1;
    let what =
        format!("{} {} changed on both sides", count(conflicts.len(), "value"), if one { "was" } else { "were" });
    page.line(head.span(Style::Strong, format!("{}: {what}; ours is in the file", path.display())));
    for conflict in conflicts {
        page.line(Line::indented(2).text(values::changed(None, conflict)));
        let records = [("base", conflict.base), ("ours", conflict.left), ("theirs", conflict.right)];
        for ((which, index), file) in records.into_iter().zip(files) {
            let record = index.and_then(|index| Some(RecordModel::new(index, &file.record(index)?)));
            let said = record.map_or_else(|| "nothing".to_owned(), |record| values::effect_on(conflict, &record));
            page.line(Line::indented(4).text(which).column(12).hang().text(said));
        }
    }
    let name = quoted(&path.display().to_string());
    let help = [
        (
            "help: ",
            format!(
                "change the file where theirs is right, or take theirs as a whole:  git checkout --theirs -- {name}"
            ),
        ),
        ("      ", format!("both as text:  git diff -- {name}")),
        ("      ", format!("when it is right:  git add -- {name}")),
    ];
    for (label, help) in help {
        page.line(Line::new().span(Style::Good, label).hang().text(help).whole());
    }
    page
}
