//! `gpol plan` and `gpol apply`: a target as a state file, or any other source, wants it.

mod ids;
mod report;
mod reviewed;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use gpo::ad::Snapshot;
use gpo::apply::Outcome;
use gpo::bookkeeping::{Directory, DirectoryWrite};
use gpo::desired::{self, Desired};
use gpo::exchange::state::Unmanaged;
use gpo::target::{Hibernation, Kind, Target};

use crate::args::{ChangeArgs, ExtendsArgs, Format, OutputArgs, ScopeArgs, TemplateArgs};
use crate::change::{begin, commit, note};
use crate::commands::doctor::asked;
use crate::commands::halves::DomainArgs;
use crate::commands::sides::{read_all, warn_of};
use crate::context::{failed, load_templates, open_gpo};
use crate::directory::AdArgs;
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::onward;
use crate::overlooked::MOST;
use crate::paste::{quoted, this_command};
use crate::source_error::desired_error;
use crate::ui::Ui;
use report::Report;
use reviewed::{Agreed, Reviewed};

/// Show what would change for a target to be as state files want it
///
/// EXPECT is a state file (see gpol schema state), LGPO text, rules of Policy Analyzer, a GPO backup, a policy
/// file, or anything else that gpol convert reads. A later one wins over an earlier one. The target stays as it is.
/// Exit code 0 says that nothing would change, 1 that something would.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  gpol plan /mnt/gold baseline.yaml rpa.gpol.yaml")]
pub struct PlanArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Rewrite the state files named here: ids in the place of names of policies and elements, all else as it is
    #[arg(long)]
    write_ids: bool,
    #[command(flatten)]
    ad: AdArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Make a target as state files want it, all files or none
///
/// Does what gpol plan shows, with one change for all files of all its GPOs; the version of a GPO counts up once for each
/// side that changes. What is right already keeps its bytes, so applying twice writes nothing the second time.
/// Without --yes gpol shows the plan and asks.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  gpol apply /mnt/gold baseline.yaml rpa.gpol.yaml --yes

What was reviewed, and nothing else:
  gpol plan /mnt/gold baseline.yaml rpa.gpol.yaml -f json > plan.json
  gpol apply /mnt/gold baseline.yaml rpa.gpol.yaml --yes --plan plan.json")]
pub struct ApplyArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Write only what was reviewed: the file that `gpol plan -f json` printed, or the hash in it
    #[arg(long, value_name = "FILE|HASH")]
    plan: Option<Reviewed>,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    domain: DomainArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What both commands take.
#[derive(Args, Debug)]
struct WhatArgs {
    /// Policy file, GPO folder, GPO backup, or root of a mounted Windows volume; `local:` on Windows
    target: PathBuf,
    /// What is wanted: state files, texts, backups, policy files, or `-` for standard input; a later one wins
    #[arg(required = true)]
    expect: Vec<PathBuf>,
    /// Forget settings that EXPECT does not name, if its last file says `unmanaged: remove`
    #[arg(long)]
    prune: bool,
    /// Change a policy file alone, though it is that of a GPO: no version rises, and Windows may not notice
    #[arg(long)]
    file_only: bool,
    #[command(flatten)]
    extends: ExtendsArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    templates: TemplateArgs,
}

impl WhatArgs {
    /// The command that prints the plan of the same as a file to review.
    fn planned(&self) -> String {
        let mut rest: Vec<String> = self.expect.iter().map(|path| quoted(&path.display().to_string())).collect();
        let flags =
            [(self.prune, "--prune"), (self.file_only, "--file-only"), (self.extends.allow_outside, "--allow-outside")];
        rest.extend(flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned()));
        format!("{} -f json > plan.json", onward::on_path(&self.target, "plan", &rest.join(" ")))
    }
}

pub fn plan(args: &PlanArgs, ui: &Ui) -> Result<Exit, Stop> {
    let snapshot = args.ad.snapshot()?;
    let case = Case::read(&args.what, snapshot.as_ref(), ui)?;
    // Nothing is written, so nothing has to be decided.
    let write = match case.target.kind {
        Kind::GpoSysvol => DirectoryWrite::SysvolOnly,
        _ => DirectoryWrite::Undecided,
    };
    let outcome = case.plan(&Directory { snapshot: snapshot.as_ref(), write, planned: None })?;
    let mut report = Report::new("gpol.plan/1", &case, &outcome, true);
    if args.write_ids {
        report.written(ids::write_ids(&args.what.expect, case.catalog)?);
    }
    print(&report, args.output.format, ui)?;
    Ok(pending(&outcome))
}

pub fn apply(args: &ApplyArgs, ui: &Ui) -> Result<Exit, Stop> {
    let reviewed = args.plan.as_ref().map(|plan| plan.agreed(args.what.planned())).transpose()?;
    let snapshot = args.domain.ad.snapshot()?;
    let case = Case::read(&args.what, snapshot.as_ref(), ui)?;
    let directory = args.domain.directory(snapshot.as_ref());
    let way = Way {
        schema: "gpol.apply/1",
        reviewed: reviewed.as_ref(),
        change: &args.change,
        directory: &directory,
        asks: !args.yes,
        format: args.output.format,
    };
    bring(&case, &way, ui)
}

/// How a case is carried out.
pub(super) struct Way<'a> {
    pub schema: &'static str,
    /// The plan that was reviewed, which is then the only one that is carried out.
    pub reviewed: Option<&'a Agreed>,
    pub change: &'a ChangeArgs,
    pub directory: &'a Directory<'a>,
    /// Whether a person is asked first.
    pub asks: bool,
    pub format: Format,
}

/// Brings a target to what is wanted, and prints what was done; of a dry run, whether something would be.
pub(super) fn bring(case: &Case, way: &Way<'_>, ui: &Ui) -> Result<Exit, Stop> {
    if let Ok(Hibernation::Unclear(file)) = case.target.hibernation() {
        ui.warning(format!(
            "{} is not empty: if Windows is hibernated, a change is lost when it resumes",
            file.display()
        ));
    }
    // Locked before the files are read: what is computed from them is what they hold when they are replaced.
    let transaction = begin(&case.target, way.change, ui)?;
    let outcome = case.plan(way.directory)?;
    if let Some(reviewed) = way.reviewed {
        reviewed.allows(&outcome.plan)?;
    }
    let mut report = Report::new(way.schema, case, &outcome, true);
    let Some(transaction) = transaction else {
        print(&report, way.format, ui)?;
        return Ok(pending(&outcome));
    };
    if !outcome.plan.is_empty() {
        if way.asks {
            print(&report, way.format, ui)?;
            confirmed()?;
        }
        report.applied(commit(
            &transaction,
            &outcome.plan,
            &note(way.change, outcome.sides.iter().map(|side| &side.books)),
        )?);
        let scope = match &*outcome.sides {
            [one] => Some(&one.scope),
            _ => None,
        };
        match asked(&case.target, scope, None) {
            Ok(found) => report.doctor = Some(found),
            // The change is made; what it leads to is another question.
            Err(error) => ui.warning(format!("whether Windows will apply this is not known: {error}")),
        }
    }
    print(&report, way.format, ui)?;
    Ok(Exit::Yes)
}

fn pending(outcome: &Outcome) -> Exit {
    if outcome.plan.is_empty() { Exit::Yes } else { Exit::No }
}

fn print(report: &Report, format: Format, ui: &Ui) -> io::Result<()> {
    match format {
        Format::Json => ui.json(report),
        Format::Human => ui.page(&report.page()),
    }
}

/// A target, and what is wanted of it.
pub(super) struct Case {
    pub target: Target,
    pub catalog: &'static admx::Catalog,
    pub desired: Desired,
    /// Whether settings that nobody names go.
    pub prune: bool,
    /// What to say of those settings.
    pub about_unmanaged: Option<&'static str>,
}

impl Case {
    fn read(args: &WhatArgs, snapshot: Option<&Snapshot>, ui: &Ui) -> Result<Self, CommandError> {
        let target = open_gpo(&args.target, args.file_only, snapshot, ui)?;
        let catalog = load_templates(&args.templates.templates(), Some(&target))?;
        let sources = args.expect.iter().map(|path| read_all(path, catalog)).collect::<Result<Vec<_>, _>>()?;
        let desired =
            desired::of(sources, catalog, args.scope.scope.as_ref(), args.extends.reach()).map_err(desired_error)?;
        warn_of(&desired.notes, ui);
        let asides = desired.beside_policy();
        for aside in asides.iter().take(MOST) {
            let times = if aside.count > 1 { format!(" ({} of them)", aside.count) } else { String::new() };
            ui.warning(format!("{}: {}{times} is not registry policy and stays out of this", aside.place, aside.what));
        }
        if let Some(more) = asides.len().checked_sub(MOST).filter(|more| *more > 0) {
            ui.warning(format!("{more} more are not registry policy and stay out of this; --format json has them all"));
        }
        if let (Kind::Pol, [first, second, ..]) = (target.kind, &*desired.scopes) {
            let what = format!("settings of {} and of {} are wanted; a policy file has one", first.scope, second.scope);
            return Err(CommandError::new(Code::MIXED_SIDES, what).detail("Nothing was written.").help(
                "point gpol at the GPO's folder, or take the settings of one:  --scope computer or --scope user",
            ));
        }
        let remove = desired.unmanaged == Unmanaged::Remove;
        let about_unmanaged = match (remove, args.prune) {
            (true, false) => Some("--prune would forget them, as the state file has unmanaged: remove"),
            (false, true) => Some("--prune forgets nothing, since the last EXPECT does not say unmanaged: remove"),
            _ => (desired.unmanaged == Unmanaged::Report).then_some("the state file wants them reported"),
        };
        Ok(Self { target, catalog, desired, prune: remove && args.prune, about_unmanaged })
    }

    fn plan(&self, directory: &Directory<'_>) -> Result<Outcome, CommandError> {
        gpo::apply::plan(&self.target, self.catalog, &self.desired, self.prune, directory).map_err(failed)
    }
}

/// Asks a person; refuses where there is none.
fn confirmed() -> Result<(), Stop> {
    let refused = |what: &str| {
        let error = CommandError::new(Code::NOT_CONFIRMED, what).detail("Nothing was written.");
        Stop::from(error.help(format!("to make these changes:  {} --yes", this_command())))
    };
    if !io::stdin().is_terminal() {
        return Err(refused("nobody is there to be asked: standard input is no terminal"));
    }
    let mut stderr = io::stderr();
    write!(stderr, "Make these changes? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        // Nobody pressed Enter.
        writeln!(stderr)?;
    }
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(refused("the answer was no")),
    }
}
