//! The command line.

use std::path::PathBuf;

use ::admx::Side;
use anstream::ColorChoice;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use gpo::desired::Reach;
use gpo::scope::Scope;
use gpo::templates::Templates;

use crate::commands::halves::DomainArgs;
use crate::commands::{
    ad, admx, apply, bump, check, convert, detect, diagnose, diff, doctor, effective, git, history, hive, pol, policy,
    recover, schema, search, shell, show,
};
use crate::directory::AdArgs;

/// Read, explain, check and edit Windows Group Policy in files, offline
///
/// Works on policy files (Registry.pol), local GPOs and mounted Windows images, on Linux and on
/// Windows; needs no Windows, no domain controller and no network.
#[derive(Parser, Debug)]
#[command(name = "gpol", bin_name = "gpol", version, styles = STYLES, max_term_width = 100, subcommand_required = false)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{ENVIRONMENT}"))]
pub struct Cli {
    /// When to use colour; NO_COLOR and pipes switch it off by themselves
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, display_order = 900)]
    pub color: Color,
    /// Show passwords and the like, which gpol hides: see docs/secrets.md
    #[arg(long, global = true, display_order = 899)]
    pub show_secrets: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  gpol show /mnt/gold
      What does the local policy of this mounted image configure?
  gpol explain /mnt/gold TS_USER_AUTHENTICATION_POLICY
      Who requires Network Level Authentication, now and at the next boot?
  gpol diagnose /mnt/gold AadLogonFailure
      Is that why unattended runs fail (KB 4555446), and what changes it?
  gpol policy set /mnt/gold TS_USER_AUTHENTICATION_POLICY disabled --dry-run
      What would change if it were switched off by policy?

Exit codes: 0 yes or done, 1 no, 2 usage, 3 not found, 4 malformed input,
5 refused for safety, 6 I/O or permission, 7 partial, 70 bug in gpol, 130 interrupted";

/// Each variable that decides something; an option of the command line wins.
const ENVIRONMENT: &str = "\
Environment:
  GPOL_ADMX          folders of templates, as --admx; several as in PATH
  GPOL_LANG          language of policy names, as --lang
  GPOL_AD            export of Active Directory, as --ad
  GPOL_BACKUP_DIR    where changes are recorded, as --backup-dir; else $XDG_STATE_HOME/gpol
                     or ~/.local/state/gpol, on Windows %LOCALAPPDATA%\\gpol
  NO_COLOR           no colour
  SOURCE_DATE_EPOCH  the day for waivers, and the time in backups that convert makes";

#[derive(Subcommand, Debug)]
pub enum Command {
    Show(show::ShowArgs),
    /// Explain who decides a policy on a target: which layer, now and at the next boot
    ///
    /// Of an image, looks at the policy that is pending in Registry.pol, at what is in the registry
    /// under the policy's keys, at the local setting behind it and at the default, and says who wins
    /// now and at the next boot. Of any other target, at its policy files. Hives are read, with
    /// their logs, and never written. What could not be read or was not looked at is said.
    /// A value of the registry that no template has is explained as well, as HKLM\key!value.
    /// Who decides it among the GPOs of a domain: gpol effective with --policy.
    Explain(PolicyOnTarget),
    Search(search::SearchArgs),
    Effective(effective::EffectiveArgs),
    Detect(detect::DetectArgs),
    Diagnose(diagnose::DiagnoseArgs),
    Doctor(doctor::DoctorArgs),
    Plan(apply::PlanArgs),
    Apply(apply::ApplyArgs),
    Diff(diff::DiffArgs),
    Check(check::CheckArgs),
    Undo(history::UndoArgs),
    Redo(history::RedoArgs),
    History(history::HistoryCommand),
    /// Read, describe and change single policies
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// What concerns a GPO as a whole
    #[command(subcommand)]
    Gpo(bump::GpoCommand),
    /// Policy files under git: readable differences, and merges value by value
    #[command(subcommand)]
    Git(git::GitCommand),
    /// Look at ADMX templates
    #[command(subcommand)]
    Admx(admx::AdmxCommand),
    /// Look at an export of Active Directory (LDIF)
    #[command(subcommand)]
    Ad(ad::AdCommand),
    /// Look at the records of a policy file, and change single ones
    #[command(subcommand)]
    Pol(pol::PolCommand),
    /// Look into a registry hive, or into those of a mounted Windows volume
    #[command(subcommand)]
    Hive(hive::HiveCommand),
    Recover(recover::RecoverArgs),
    Convert(convert::ConvertArgs),
    Schema(schema::SchemaArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    pub fn choice(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people
    Human,
    /// For programs; every document names its schema
    Json,
}

#[derive(Args, Debug)]
pub struct OutputArgs {
    /// How to print the result
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "human",
        hide_possible_values = true,
        help = "How to print the result: human or json"
    )]
    pub format: Format,
}

#[derive(Args, Debug)]
pub struct TemplateArgs {
    /// Folder of ADMX templates, instead of the target's own; can be repeated, the first one that
    /// has a namespace provides it
    #[arg(long, value_name = "DIR")]
    pub admx: Vec<PathBuf>,
    /// Language of policy names
    #[arg(long, value_name = "LANG", default_value = "en-US", env = "GPOL_LANG", hide_env_values = true)]
    pub lang: String,
}

impl TemplateArgs {
    /// `--admx`, else the folders in `GPOL_ADMX`.
    pub fn templates(&self) -> Templates {
        let listed = || std::env::var_os("GPOL_ADMX").map(|list| std::env::split_paths(&list).collect());
        let folders = if self.admx.is_empty() { listed().unwrap_or_default() } else { self.admx.clone() };
        Templates { folders, language: self.lang.clone() }
    }
}

#[derive(Args, Debug)]
pub struct ScopeArgs {
    /// Whose policy is meant, where neither policy nor target tells: computer, user,
    /// user:administrators, user:non-administrators or user:SID (per-user local GPOs)
    #[arg(short, long, value_name = "SCOPE")]
    pub scope: Option<Scope>,
}

impl ScopeArgs {
    pub fn side(&self) -> Option<Side> {
        self.scope.as_ref().map(Scope::side)
    }
}

/// Which files state files may build on.
#[derive(Args, Debug)]
pub struct ExtendsArgs {
    /// Let state files extend files outside of their own folder
    #[arg(long)]
    pub allow_outside: bool,
}

impl ExtendsArgs {
    pub fn reach(&self) -> Reach {
        if self.allow_outside { Reach::Anywhere } else { Reach::OwnFolder }
    }
}

/// What every command that names one policy takes.
#[derive(Args, Debug)]
pub struct PolicyOptions {
    #[command(flatten)]
    pub templates: TemplateArgs,
    #[command(flatten)]
    pub scope: ScopeArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A policy on a target, to read.
#[derive(Args, Debug)]
pub struct PolicyOnTarget {
    /// Policy file, GPO folder, GPO backup, or root of a mounted Windows volume; `local:` on Windows
    pub target: PathBuf,
    /// Policy: its id, its display name, its path as a KB prints it, or HKLM\key!value
    pub policy: String,
    #[command(flatten)]
    pub ad: AdArgs,
    #[command(flatten)]
    pub options: PolicyOptions,
}

/// Where changes are recorded.
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// Where changes are recorded, with what undoes them; by default in the user's own folder for such things
    #[arg(long, value_name = "DIR", env = "GPOL_BACKUP_DIR", hide_env_values = true)]
    pub backup_dir: Option<PathBuf>,
}

/// What every command that changes a target takes.
#[derive(Args, Debug)]
pub struct ChangeArgs {
    /// Show what would change and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Note with the change why it was made
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub history: HistoryArgs,
    /// Record nothing: no undo, and no mending after a crash
    #[arg(long)]
    pub no_backup: bool,
    /// Wait that many seconds if another gpol changes the same GPO
    #[arg(long, value_name = "SECS", default_value = "0", hide_default_value = true)]
    pub wait: u64,
}

/// What every command that changes one setting takes.
#[derive(Args, Debug)]
pub struct WriteArgs {
    #[command(flatten)]
    pub change: ChangeArgs,
    /// Change a policy file alone, though it is that of a GPO: no version rises, and Windows may not notice
    #[arg(long)]
    pub file_only: bool,
    #[command(flatten)]
    pub domain: DomainArgs,
    #[command(flatten)]
    pub options: PolicyOptions,
}
