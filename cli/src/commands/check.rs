//! `gpol check`: does a target say what a baseline expects?

mod model;
mod page;
mod text;
mod waivers;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gpo::source::Source;

use super::sides::{SidesArgs, open, side_needed};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::ui::Ui;
use model::Check;
use waivers::Waivers;

/// Check a target against what is expected of it: a baseline, a state file, another GPO
///
/// Every value that the expectation speaks of is a setting; the target passes if it says the same of
/// it, by key and value name in any case, action, type and data. A deletion (**del.) is a setting as
/// any other: that a record is missing does not satisfy it. What the target says beside is extra, and
/// counted. Several expectations, and several GPOs on a side, are taken in order as one, a later one
/// wins.
///
/// Exit code: 0 as expected, 1 not, 3 if not a single setting was checked, 7 if a part of a state
/// file was not, or one of several GPOs cannot be read.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Policy file, GPO, backup, Windows image, or any other thing that says policy
    target: PathBuf,
    /// What is expected: the same kinds of things, such as GPO backups, .PolicyRules, LGPO text, a state file
    #[arg(required = true, value_name = "EXPECT")]
    expected: Vec<PathBuf>,
    /// Fail also where the target says more than is expected
    #[arg(long)]
    exact: bool,
    /// What fails: absent (the default) means settings that are absent or different, different those alone
    #[arg(long, value_name = "WHAT", default_value = "absent", hide_possible_values = true, hide_default_value = true)]
    fail_on: FailOn,
    /// State file with waivers: findings that are accepted, why, and until when
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// How to print the result: human, json, junit or github
    #[arg(short, long, value_name = "FORMAT", default_value = "human", hide_possible_values = true)]
    format: CheckFormat,
    #[command(flatten)]
    sides: SidesArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// Settings that the target says something else of
    Different,
    /// Those, and settings that it does not speak of
    Absent,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum CheckFormat {
    /// For people
    Human,
    /// For programs
    Json,
    /// For CI servers
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

pub fn run(args: &CheckArgs, ui: &Ui) -> Result<Exit, Stop> {
    let catalog = args.sides.catalog(std::iter::once(&args.target).chain(&args.expected))?;
    let snapshot = args.sides.ad.snapshot()?;
    let mut unreadable = Vec::new();
    let mut open = |path| open(path, catalog, snapshot.as_ref(), &mut unreadable, ui);
    let target = open(&args.target)?;
    let mut expected = Vec::new();
    for path in &args.expected {
        expected.push(open(path)?);
    }
    let mut waivers = Waivers::of(&expected)?;
    if let Some(path) = &args.waivers {
        let source = open(path)?;
        if source.state.is_none() {
            let what = format!("{} is no state file, which waivers stand in", path.display());
            return Err(CommandError::new(Code::STATE, what).help("its fields:  gpol schema state").into());
        }
        waivers.add(&source);
    }
    let parts = || expected.iter().flat_map(|source| &source.parts);
    if parts().all(|part| part.file.is_empty() && part.absent.is_empty()) {
        return Err(nothing(args, &expected).into());
    }
    let pairs = args.sides.pairs(&expected, std::slice::from_ref(&target))?;
    if pairs.iter().any(|(expected, _)| expected.scope.is_none()) {
        return Err(side_needed(&args.target).into());
    }
    let mut check = Check::new(&target, &expected, &pairs, catalog, &mut waivers, (args.exact, args.fail_on));
    if check.summary.checked == 0 {
        return Err(nothing(args, &expected).into());
    }
    check.unreadable = unreadable;
    for unused in waivers.unused() {
        ui.warning(unused);
    }
    match args.format {
        CheckFormat::Json => ui.json(&check)?,
        CheckFormat::Human => ui.page(&page::page(&check))?,
        CheckFormat::Junit => ui.raw(text::junit(&check).as_bytes())?,
        CheckFormat::Github => ui.raw(text::github(&check).as_bytes())?,
    }
    Ok(match check.compliant {
        _ if !check.unsupported.is_empty() || !check.unreadable.is_empty() => Exit::Partial,
        true => Exit::Yes,
        false => Exit::No,
    })
}

fn nothing(args: &CheckArgs, expected: &[Source]) -> CommandError {
    let names: Vec<String> = expected.iter().map(|source| source.path.display().to_string()).collect();
    let what = match &args.sides.scope {
        Some(scope) => format!("{} expects nothing for {scope}; 0 settings checked", names.join(", ")),
        None => format!("{} expects no registry policy at all; 0 settings checked", names.join(", ")),
    };
    CommandError::new(Code::NOTHING_CHECKED, what).help("what a file or folder is:  gpol detect PATH")
}
