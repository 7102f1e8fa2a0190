//! `gpol diff`: how two things that say policy differ.

mod model;
mod page;
mod text;
mod three;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gpo::source::Options;
use serde::Serialize;

use super::sides::{Reader, SidesArgs, side_needed};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::onward;
use crate::paste::quoted;
use crate::ui::Ui;
use model::{Diff, NotCompared};
use three::ThreeDiff;

/// Compare two things that say policy: files, GPOs, backups, images, texts
///
/// Each side is a policy file, a GPO, a backup or a folder of backups, a Windows image, LGPO text,
/// .PolicyRules, .reg, samba-tool's JSON, gpol's JSON or a state file. What decides is the
/// registry: key and value name in any case, what is done to the value, its type and its data.
/// Several GPOs on one side are taken in order as one, a later one wins.
///
/// With --base, what each side made of their common base: what only one of them changed, what both changed alike,
/// and the conflicts, which both changed differently.
///
/// Security settings, audit policy, scripts, preferences and other files of GPOs are compared byte by byte; what is not the same
/// is listed, since nobody here knows whether it sets the same.
///
/// Exit code: 0 if both say the same, with --base if all three do; 1 if they differ, whatever --only
/// prints; 7 if one of several GPOs cannot be read, or files beside registry policy are not the same,
/// unless --registry-only lets that through.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// File or folder, or `-` for standard input
    left: PathBuf,
    /// The same
    right: PathBuf,
    /// What both come from: tell who changed what; --only left, right, changed (conflicts) or same (alike)
    #[arg(long, value_name = "BASE")]
    base: Option<PathBuf>,
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
    if let (Some(base), DiffFormat::Unified) = (&args.base, args.format) {
        let lines = |side: &Path| {
            format!("{} --format unified", onward::on_path(base, "diff", &quoted(&side.display().to_string())))
        };
        return Err(CommandError::new(Code::ONLY_TWO, "lines with + and - tell two sides apart, not three")
            .help("the three as a table:  --format md")
            .help(format!("the base and the left side:  {}", lines(&args.left)))
            .help(format!("the base and the right side:  {}", lines(&args.right)))
            .into());
    }
    let catalog = args.sides.catalog([&args.left, &args.right].into_iter().chain(&args.base))?;
    let snapshot = args.sides.ad.snapshot()?;
    let mut reader = Reader::new(Options { catalog: Some(catalog), snapshot: snapshot.as_ref() }, &args.sides);
    let (mut left, mut right) = (reader.open(&args.left, ui)?, reader.open(&args.right, ui)?);
    let mut base = args.base.as_deref().map(|path| reader.open(path, ui)).transpose()?;
    for side in [Some(&mut left), Some(&mut right), base.as_mut()].into_iter().flatten() {
        reader.leave_out_broken(std::slice::from_mut(side));
    }
    let unreadable = reader.unreadable;
    let rows = args.sides.rows([base.as_slice(), std::slice::from_ref(&left), std::slice::from_ref(&right)])?;
    let silent = [Some(&left), Some(&right), base.as_ref()].into_iter().flatten().all(|side| side.parts.is_empty());
    let not_compared = NotCompared::new([&left, &right], base.as_ref(), &args.sides);
    if rows.is_empty() && (args.sides.scope.is_some() || silent) && not_compared.is_silent() {
        return Err(nothing(args).into());
    }
    if args.by == By::Policy && rows.iter().any(|[_, left, _]| left.scope.is_none()) {
        return Err(side_needed(&args.left).help("or compare without names of policies:  --by record").into());
    }
    let catalog = (args.by == By::Policy).then_some(catalog);
    let others_same = not_compared.is_same();
    let three = base.as_ref().map(|base| ThreeDiff::new(base, &rows, others_same, catalog, args.only));
    let pairs: Vec<_> = rows.into_iter().map(|[_, left, right]| (left, right)).collect();
    let mut diff = Diff::new([&left, &right], not_compared, &pairs, catalog, args.only);
    let partial = !unreadable.is_empty() || diff.not_compared.iter().any(|aside| aside.decides);
    diff.unreadable = unreadable;
    let same = three.as_ref().map_or(diff.same, |three| three.three_way.same);
    match (args.format, three) {
        (DiffFormat::Json, three) => ui.json(&Document { diff, three })?,
        (DiffFormat::Human, None) => ui.page(&page::page(&diff))?,
        (DiffFormat::Human, Some(three)) => ui.page(&three::page(&three, &diff))?,
        (DiffFormat::Md, None) => ui.raw(text::markdown(&diff).as_bytes())?,
        (DiffFormat::Md, Some(three)) => ui.raw(three::markdown(&three, &diff).as_bytes())?,
        (DiffFormat::Unified, _) => ui.raw(text::unified(&diff).as_bytes())?,
    }
    Ok(match same || args.exit_zero {
        _ if partial => Exit::Partial,
        true => Exit::Yes,
        false => Exit::No,
    })
}

/// The differences of left and right, and with a base what is new in each.
#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    diff: Diff,
    #[serde(flatten)]
    three: Option<ThreeDiff>,
}

fn nothing(args: &DiffArgs) -> CommandError {
    let shown = |path: &Path| quoted(&path.display().to_string());
    let what = match &args.sides.scope {
        Some(scope) => format!("neither side says anything for {scope}; nothing was compared"),
        None => "neither side holds a policy file; nothing was compared".to_owned(),
    };
    CommandError::new(Code::NOTHING_CHECKED, what).help(format!(
        "what they are:  gpol detect {} {}",
        shown(&args.left),
        shown(&args.right)
    ))
}
