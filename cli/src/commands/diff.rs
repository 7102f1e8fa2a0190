//! `gpol diff`: how two things that say policy differ.

mod model;
mod page;
mod text;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gpo::source::Options;

use super::sides::{SidesArgs, open, side_needed};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::ui::Ui;
use model::Diff;

/// Compare two things that say policy: files, GPOs, backups, images, texts
///
/// Each side is a policy file, a GPO, a backup or a folder of backups, a Windows image, LGPO text,
/// .PolicyRules, .reg, samba-tool's JSON, gpol's JSON or a state file. What decides is the
/// registry: key and value name in any case, what is done to the value, its type and its data.
/// Several GPOs on one side are taken in order as one, a later one wins.
///
/// Exit code: 0 if both say the same, 1 if they differ, whatever --only prints; 7 if one of several
/// GPOs cannot be read.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// File or folder, or `-` for standard input
    left: PathBuf,
    /// The same
    right: PathBuf,
    /// Tell differences by policy, with states and inputs, or by record
    #[arg(long, value_name = "WHAT", default_value = "policy", hide_possible_values = true)]
    #[arg(help = "Tell differences by policy, with states and inputs, or by record: policy or record")]
    by: By,
    /// Print only what one side alone says, what both say differently, or what is the same: left, right, changed or same
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    only: Option<Only>,
    /// End with 0 even if the sides differ
    #[arg(long)]
    exit_zero: bool,
    /// How to print the result: human, json, md or unified
    #[arg(short, long, value_name = "FORMAT", default_value = "human", hide_possible_values = true)]
    format: DiffFormat,
    #[command(flatten)]
    sides: SidesArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// With names and states
    Policy,
    /// As the registry has it
    Record,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// What the left side alone says
    Left,
    /// What the right side alone says
    Right,
    /// What both say differently
    Changed,
    /// What both say
    Same,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum DiffFormat {
    /// For people
    Human,
    /// For programs
    Json,
    /// Markdown
    Md,
    /// Lines with + and -
    Unified,
}

pub fn run(args: &DiffArgs, ui: &Ui) -> Result<Exit, Stop> {
    let catalog = args.sides.catalog([&args.left, &args.right])?;
    let snapshot = args.sides.ad.snapshot()?;
    let mut unreadable = Vec::new();
    let options = Options { catalog: Some(catalog), snapshot: snapshot.as_ref() };
    let mut open = |path| open(path, options, &mut unreadable, ui);
    let (left, right) = (open(&args.left)?, open(&args.right)?);
    let pairs = args.sides.pairs(std::slice::from_ref(&left), std::slice::from_ref(&right))?;
    if pairs.is_empty() && (args.sides.scope.is_some() || left.parts.is_empty() && right.parts.is_empty()) {
        return Err(nothing(args).into());
    }
    if args.by == By::Policy && pairs.iter().any(|(left, _)| left.scope.is_none()) {
        return Err(side_needed(&args.left).help("or compare without names of policies:  --by record").into());
    }
    let catalog = (args.by == By::Policy).then_some(catalog);
    let mut diff = Diff::new(&left, &right, &pairs, catalog, args.only);
    diff.unreadable = unreadable;
    match args.format {
        DiffFormat::Json => ui.json(&diff)?,
        DiffFormat::Human => ui.page(&page::page(&diff))?,
        DiffFormat::Md => ui.raw(text::markdown(&diff).as_bytes())?,
        DiffFormat::Unified => ui.raw(text::unified(&diff).as_bytes())?,
    }
    Ok(match diff.same || args.exit_zero {
        _ if !diff.unreadable.is_empty() => Exit::Partial,
        true => Exit::Yes,
        false => Exit::No,
    })
}

fn nothing(args: &DiffArgs) -> CommandError {
    let what = match &args.sides.scope {
        Some(scope) => format!("neither side says anything for {scope}; nothing was compared"),
        None => "neither side holds a policy file; nothing was compared".to_owned(),
    };
    CommandError::new(Code::NOTHING_CHECKED, what).help("what a file or folder is:  gpol detect PATH")
}
