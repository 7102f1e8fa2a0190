//! `gpol policy set` and `unset`: a new state, written or only shown.

mod input;
mod report;

pub use report::in_words;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use admx::{InputError, Wanted};
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command};
use gpo::edit::plan_policy;
use gpo::error::Error;
use gpo::secret::without_secret_input;
use gpo::target::Hibernation;

use crate::args::{Format, WriteArgs};
use crate::change::{begin, commit, note};
use crate::commands::doctor::asked;
use crate::context::{failed, find_policy, load_templates, open_gpo};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::meant::{self, StateWord};
use crate::ui::Ui;
use input::{input_error, inputs};
use report::Report;

/// Enable or disable a policy, as the Group Policy editor would
///
/// Replaces the policy's records in place and touches no other byte of the policy file. The GPO's version
/// counts up and its extension list names what Windows must run, in gpt.ini or Backup.xml; for a domain
/// GPO say how Active Directory is changed: --ldif or --sysvol-only. A state that is already there changes
/// nothing, not even a timestamp.
#[derive(Args, Debug)]
#[command(after_help = "\
Elements:
  ID=VALUE       a number (0x10 is fine), a text, true or false, an item by its text or its value
  ID=@FILE       the lines of a file, for texts of several lines
  ID[]=ENTRY     an entry of a list; can be repeated
  ID[NAME]=DATA  an entry of a list whose names are yours
What is left out takes the template's default, and gpol says so.

Example:
  gpol policy set /mnt/gold TS_USER_AUTHENTICATION_POLICY disabled --dry-run")]
pub struct SetArgs {
    /// Policy file, GPO folder, GPO backup, or root of a mounted Windows volume; `local:` on Windows
    target: PathBuf,
    /// Policy: its id, its display name, its path as a KB prints it, or HKLM\key!value
    policy: String,
    /// New state: enabled or disabled
    #[arg(hide_possible_values = true, value_parser = AnyWord)]
    state: String,
    /// Inputs of an enabled policy
    #[arg(value_name = "ELEMENT=VALUE")]
    elements: Vec<String>,
    /// Note this beside the policy, as the editor's Comment field does; an empty text takes the note out
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Make a policy not configured: forget its records
///
/// Windows removes the policy's values when it next applies policy. To make it delete a value that
/// policy did not set is another thing, which only some policies do when disabled.
#[derive(Args, Debug)]
pub struct UnsetArgs {
    /// Policy file, GPO folder, GPO backup, or root of a mounted Windows volume; `local:` on Windows
    target: PathBuf,
    /// Policy: its id, its display name, its path as a KB prints it, or HKLM\key!value
    policy: String,
    #[command(flatten)]
    write: WriteArgs,
}

/// Takes every word for a state: what is none is refused with what was meant. Shells complete the two that there are.
#[derive(Clone)]
struct AnyWord;

impl TypedValueParser for AnyWord {
    type Value = String;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        Ok(value.to_string_lossy().into_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(["enabled", "disabled"].into_iter().map(PossibleValue::new)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NewState {
    Enabled,
    Disabled,
}

pub fn set(args: &SetArgs, ui: &Ui) -> Result<Exit, Stop> {
    let state = match StateWord::of(&args.state) {
        StateWord::Enabled => Some(NewState::Enabled),
        StateWord::Disabled => Some(NewState::Disabled),
        _ => None,
    };
    meant::in_order_with_state(&args.target, &args.policy, &args.state, &args.elements)?;
    let state = state.ok_or_else(|| meant::no_state(&args.target, &args.policy, &args.state, &args.elements))?;
    change(&args.target, &args.policy, Some((state, &args.elements)), args.comment.as_deref(), &args.write, ui)
}

pub fn unset(args: &UnsetArgs, ui: &Ui) -> Result<Exit, Stop> {
    meant::in_order("policy unset", &args.target, &args.policy)?;
    change(&args.target, &args.policy, None, None, &args.write, ui)
}

fn change(
    target: &Path,
    policy: &str,
    new: Option<(NewState, &[String])>,
    comment: Option<&str>,
    args: &WriteArgs,
    ui: &Ui,
) -> Result<Exit, Stop> {
    let snapshot = args.domain.ad.snapshot()?;
    let target = open_gpo(target, args.file_only, snapshot.as_ref(), ui)?;
    if let Ok(Hibernation::Unclear(file)) = target.hibernation() {
        ui.warning(format!(
            "{} is not empty: if Windows is hibernated, a change is lost when it resumes",
            file.display()
        ));
    }
    let catalog = load_templates(&args.options.templates.templates(), Some(&target))?;
    let (policy, scope) = find_policy(catalog, policy, args.options.scope.scope.as_ref(), Some(&target))?;
    let given = new.map_or(&[][..], |(_, elements)| elements);
    let refused = |error: InputError| input_error(&without_secret_input(policy, error), &target, policy, given);
    let wanted = match new {
        None => Wanted::NotConfigured,
        Some((NewState::Disabled, [])) => Wanted::Disabled,
        Some((NewState::Disabled, [first, ..])) => {
            return Err(CommandError::new(
                Code::ELEMENT_VALUE,
                format!("\"{}\": a disabled policy has no inputs", crate::paste::shown(first)),
            )
            .detail("Nothing was written.")
            .into());
        }
        Some((NewState::Enabled, elements)) => Wanted::Enabled(inputs(elements)?.map_err(refused)?),
    };
    // Locked before the files are read: what is computed from them is what they hold when they are replaced.
    let transaction = begin(&target, &args.change, ui)?;
    let directory = args.domain.directory(snapshot.as_ref());
    let change =
        plan_policy(&target, catalog, policy, &scope, &wanted, comment, &directory).map_err(|error| match error {
            Error::Input(error) => refused(error),
            other => failed(other),
        })?;
    if let (Some(file), None) = (args.domain.ldif(), &change.books.directory) {
        ui.warning(format!("{} is not written: nothing changes in Active Directory", file.display()));
    }
    let mut report = Report::new(&target, catalog, &change, &wanted, args.change.dry_run);
    if let Some(transaction) = transaction.filter(|_| !change.plan.is_empty()) {
        report.change = commit(&transaction, &change.plan, &note(&args.change, [&change.books]))?;
        match asked(&target, Some(&scope), None) {
            Ok(found) => report.doctor = Some(found),
            // The change is made; what it leads to is another question.
            Err(error) => ui.warning(format!("whether Windows will apply this is not known: {error}")),
        }
    }
    match args.options.output.format {
        Format::Json => ui.json(&report)?,
        Format::Human => ui.page(&report.page(&target))?,
    }
    Ok(Exit::Yes)
}
