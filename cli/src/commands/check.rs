//! `gpol check`: does a target say what a baseline expects?

mod case;
mod finding;
mod model;
mod page;
mod sarif;
mod text;
mod waivers;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gpo::source::Options;

use super::sides::{Reader, SidesArgs};
use crate::args::ExtendsArgs;
use crate::context::write_output;
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::paste::quoted;
use crate::ui::{self, Ui};
use case::Case;
use model::{Check, Rules};
use waivers::Waivers;

/// Check a target against what is expected of it: a baseline, a state file, another GPO
///
/// Every value that the expectation speaks of is a setting; the target passes if it says the same of
/// it, by key and value name in any case, action, type and data. A deletion (**del.) is a setting as
/// any other: that a record is missing does not satisfy it. What the target says beside is extra, and
/// counted. Several expectations, the files that a state file extends, and several GPOs on a side are
/// taken in order as one, a later one wins; what that overrides is listed.
///
/// Security settings, audit policy, scripts, preferences and other files of GPOs are compared byte by byte; what is not the same
/// is listed, since nobody here knows whether it sets the same.
///
/// Exit code: 0 as expected, 1 not, 3 if not a single setting was checked, 7 if something that a
/// state file says cannot be checked on this target, one of several GPOs cannot be read, or what is
/// expected beside registry policy is not the same, unless --registry-only lets that through.
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
    /// Order of the target's GPOs, weakest first: the path, GUID or name of one on each line; others are left out
    #[arg(long, value_name = "FILE", conflicts_with = "each")]
    order: Option<PathBuf>,
    /// Check GPO by GPO: each of EXPECT against that of the target which has its name, else its GUID
    #[arg(long)]
    each: bool,
    /// How to print the result: human, json, sarif, junit or github
    #[arg(short, long, value_name = "FORMAT", default_value = "human", hide_possible_values = true)]
    format: CheckFormat,
    /// Write the result there instead of printing it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    extends: ExtendsArgs,
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
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For CI servers
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

pub fn run(args: &CheckArgs, ui: &Ui) -> Result<Exit, Stop> {
    let catalog = args.sides.catalog(std::iter::once(&args.target).chain(&args.expected))?;
    let snapshot = args.sides.ad.snapshot()?;
    let options = Options { catalog: Some(catalog), snapshot: snapshot.as_ref() };
    let case = Case::read(args, catalog, options, ui)?;
    let mut waivers = Waivers::of(&case.states)?;
    if let Some(path) = &args.waivers {
        let source = Reader::new(options, &args.sides).open(path, ui)?;
        let Some(state) = &source.state else {
            let what = format!("{} is no state file, which waivers stand in", path.display());
            return Err(CommandError::new(Code::STATE, what).help("its fields:  gpol schema state").into());
        };
        waivers.add(path, state);
    }
    if case.is_empty() && case.unreadable.is_empty() {
        return Err(nothing(args).into());
    }
    let rules = Rules { exact: args.exact, fail_on: args.fail_on, registry_only: args.sides.registry_only };
    let check = Check::new(case, catalog, &mut waivers, rules, args.sides.scope.as_ref())?;
    if check.summary.checked == 0 && !check.has_others() && check.unreadable.is_empty() {
        let nothing = nothing(args);
        return Err(check.unsupported.iter().fold(nothing, |error, what| error.detail(what)).into());
    }
    for unused in waivers.unused() {
        ui.warning(unused);
    }
    print(&check, args, ui)?;
    Ok(match check.compliant {
        _ if check.is_partial() => Exit::Partial,
        true => Exit::Yes,
        false => Exit::No,
    })
}

fn print(check: &Check, args: &CheckArgs, ui: &Ui) -> Result<(), Stop> {
    let bytes = match args.format {
        CheckFormat::Human if args.output.is_none() => return Ok(ui.page(&page::page(check))?),
        CheckFormat::Human => ui::page_bytes(&page::page(check))?,
        CheckFormat::Json => ui::json_bytes(check)?,
        CheckFormat::Sarif => ui::json_bytes(&sarif::log(check))?,
        CheckFormat::Junit => text::junit(check).into_bytes(),
        CheckFormat::Github => text::github(check).into_bytes(),
    };
    match &args.output {
        Some(path) => {
            let inputs: Vec<&Path> =
                args.expected.iter().chain([&args.target]).chain(&args.waivers).map(PathBuf::as_path).collect();
            write_output(path, &bytes, &inputs)?;
        }
        None => ui.raw(&bytes)?,
    }
    Ok(())
}

fn nothing(args: &CheckArgs) -> CommandError {
    let names: Vec<String> = args.expected.iter().map(|path| path.display().to_string()).collect();
    let what = match &args.sides.scope {
        Some(scope) => format!("{} expects nothing for {scope}; 0 settings checked", names.join(", ")),
        None => format!("{} expects no registry policy at all; 0 settings checked", names.join(", ")),
    };
    let files: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    CommandError::new(Code::NOTHING_CHECKED, what).help(format!("what they are:  gpol detect {}", files.join(" ")))
}
