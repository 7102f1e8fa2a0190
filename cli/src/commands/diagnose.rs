//! `gpol diagnose`: is the cause of an error here, and what changes it?

use std::path::{Path, PathBuf};

use clap::Args;
use gpo::diagnose::{Cause, Check, Diagnosis, LocalRemedy, Problem, closest, diagnose, find, list};
use gpo::explain::Layer;

use crate::args::{Format, OutputArgs};
use crate::commands::explain::{conditions, decision, image, plain, related};
use crate::context::{failed, open_target, write_output};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::onward;
use crate::paste::quoted;
use crate::ui::{Line, Page, Style, Ui};

/// Tell whether the cause of a known error is on a target, and what changes it
///
/// Looks at each setting that causes the error through all layers, as explain does, and prints the
/// commands for this target: by policy, and by the local setting behind it, which gpol does not write
/// itself. Exit code 0 if the cause is not there at the next boot, 1 if it is, 7 if that cannot be seen.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  gpol diagnose --list
  gpol diagnose /mnt/gold AadLogonFailure
  gpol diagnose /mnt/gold KB4555446 -o local.reg")]
pub struct DiagnoseArgs {
    /// Root of a mounted Windows volume, local GPO, or any other target
    #[arg(required_unless_present = "list")]
    target: Option<PathBuf>,
    /// The error: its code, a KB number, or the message as it was pasted
    #[arg(required_unless_present = "list")]
    problem: Option<String>,
    /// List the problems that gpol knows
    #[arg(long, conflicts_with_all = ["target", "problem", "output"])]
    list: bool,
    /// Write the local settings as a .reg file here: for the hive of an image, else for a running machine
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    format: OutputArgs,
}

pub fn run(args: &DiagnoseArgs, ui: &Ui) -> Result<Exit, Stop> {
    let (Some(target), Some(name)) = (&args.target, &args.problem) else { return list_all(args, ui) };
    let problem = find(name).ok_or_else(|| unknown(name))?;
    let target = open_target(target, None, ui)?;
    let diagnosis = diagnose(&target, problem).map_err(failed)?;
    if let Some(output) = &args.output {
        write(output, &diagnosis, ui)?;
    }
    match args.format.format {
        Format::Json => ui.json(&diagnosis)?,
        Format::Human => ui.page(&page(&diagnosis, args.output.as_deref()))?,
    }
    Ok(match diagnosis.verdict.next_boot {
        Cause::Absent => Exit::Yes,
        Cause::Present => Exit::No,
        Cause::Unknown => Exit::Partial,
    })
}

fn list_all(args: &DiagnoseArgs, ui: &Ui) -> Result<Exit, Stop> {
    let list = list();
    match args.format.format {
        Format::Json => ui.json(&list)?,
        Format::Human => {
            let mut page = Page::new();
            for problem in &list.problems {
                page.line(Line::new().span(Style::Strong, &problem.id));
                page.line(Line::indented(2).text(&problem.title));
                if !problem.aliases.is_empty() {
                    page.line(Line::indented(2).span(Style::Faint, format!("also: {}", problem.aliases.join(", "))));
                }
            }
            ui.page(&page)?;
        }
    }
    Ok(Exit::Yes)
}

fn unknown(name: &str) -> CommandError {
    let mut error = CommandError::new(Code::NO_PROBLEM, format!("gpol knows no problem \"{name}\""));
    for (i, id) in closest(name).into_iter().take(3).enumerate() {
        let label = if i == 0 { "closest:" } else { "" };
        error = error.lines([Line::indented(3).text(label).column(13).text(id)]);
    }
    error
        .help("gpol diagnose --list")
        .help(format!("who decides a single policy:  {}", onward::here("explain", "POLICY")))
}

/// Writes the `.reg` file of the local settings.
fn write(path: &Path, diagnosis: &Diagnosis, ui: &Ui) -> Result<(), CommandError> {
    let remedies = &diagnosis.remedies;
    if remedies.is_empty() {
        ui.warning(format!("nothing is to be changed; {} was not written", path.display()));
        return Ok(());
    }
    let inputs: Vec<&Path> =
        remedies.local.iter().filter_map(|local| local.hive_file.as_deref()).map(Path::new).collect();
    let text = if diagnosis.image.is_some() { &remedies.reg_of_hive } else { &remedies.reg };
    match text {
        Some(text) => write_output(path, text.as_bytes(), &inputs),
        None => {
            ui.warning(format!("the SYSTEM hive does not tell its control set; {} was not written", path.display()));
            Ok(())
        }
    }
}

fn page(diagnosis: &Diagnosis, output: Option<&Path>) -> Page {
    let mut page = Page::new();
    let problem = &diagnosis.problem;
    page.field("Problem", Line::new().span(Style::Strong, &problem.title));
    page.field("", Line::new().span(Style::Faint, names(problem)));
    page.field("", problem.explanation.as_str());
    page.field(
        "Target",
        Line::new().text(&diagnosis.target.path).text(format!("  ({})", diagnosis.target.kind.name())),
    );
    if let Some(about) = &diagnosis.image {
        image(&mut page, about);
    }
    page.blank();
    page.field("Now", cause(diagnosis.verdict.now));
    page.field("Next boot", cause(diagnosis.verdict.next_boot));
    for one in &diagnosis.checks {
        page.blank();
        check(&mut page, one);
    }
    if !diagnosis.look_at.is_empty() {
        page.blank();
    }
    for (i, setting) in diagnosis.look_at.iter().enumerate() {
        page.field(if i == 0 { "Look at" } else { "" }, related(setting));
    }
    if !diagnosis.remedies.is_empty() {
        page.blank();
        by_policy(&mut page, diagnosis);
        by_local_setting(&mut page, diagnosis, output);
    }
    page.blank();
    let to_do = diagnosis.checks.iter().filter(|check| check.verdict.next_boot != Cause::Absent);
    for (i, check) in to_do.enumerate() {
        page.field(if i == 0 { "Warning" } else { "" }, Line::new().span(Style::Warn, &check.warning));
    }
    for (i, unseen) in diagnosis.not_seen.iter().enumerate() {
        page.field(if i == 0 { "Not seen" } else { "" }, unseen.as_str());
    }
    for (i, source) in problem.sources.iter().enumerate() {
        page.field(if i == 0 { "Source" } else { "" }, Line::new().span(Style::Faint, &source.title));
        if let Some(url) = &source.url {
            page.field("", Line::new().span(Style::Faint, url).whole());
        }
    }
    page
}

fn names(problem: &Problem) -> String {
    std::iter::once(&*problem.id).chain(problem.aliases.iter().map(|alias| &**alias)).collect::<Vec<_>>().join(", ")
}

fn cause(cause: Cause) -> Line {
    match cause {
        Cause::Absent => Line::new().span(Style::Good, "the cause is not here"),
        Cause::Present => Line::new().span(Style::Bad, "the cause is here"),
        Cause::Unknown => Line::new().span(Style::Warn, "not known: something that decides cannot be seen"),
    }
}

/// A setting: what it is now and at the next boot, and its layers in short.
fn check(page: &mut Page, check: &Check) {
    let (style, word) = match check.verdict.next_boot {
        Cause::Absent => (Style::Good, "ok"),
        Cause::Present => (Style::Bad, "cause"),
        Cause::Unknown => (Style::Warn, "not known"),
    };
    page.line(Line::new().span(style, word).column(11).hang().text(&check.display_name));
    page.field("", Line::new().span(Style::Faint, "now        ").hang().append(&decision(&check.now)));
    page.field("", Line::new().span(Style::Faint, "next boot  ").hang().append(&decision(&check.next_boot)));
    conditions(page, &check.next_boot);
    for layer in &check.layers {
        layer_in_short(page, layer);
    }
    if check.verdict.next_boot != Cause::Absent {
        page.field("", Line::new().span(Style::Faint, "wanted     ").hang().text(&check.wanted));
        page.field("", Line::new().span(Style::Faint, "else       ").hang().text(&check.why));
    }
}

fn layer_in_short(page: &mut Page, layer: &Layer) {
    let name = match layer.layer {
        "cached-domain-policy" => "domain GPO, cached copy",
        "pending-policy" => "policy, pending",
        "applied-policy" => "policy value in the registry",
        "local-setting" => "local setting",
        _ => "default",
    };
    let when = match layer.when {
        Some("now") => ", last boot",
        Some(_) => ", next boot",
        None => "",
    };
    let line = Line::indented(11).text(format!("{}  {name}{when}", layer.rank)).column(46).hang();
    page.line(match (&layer.value, &layer.meaning, &layer.problem) {
        (None, _, Some(problem)) => line.span(Style::Warn, format!("not known: {problem}")),
        (Some(value), Some(meaning), _) => line.text(format!("{}  {meaning}", plain(value))),
        (Some(value), None, _) => line.text(plain(value)),
        (None, ..) => line.text(layer.state),
    });
}

fn by_policy(page: &mut Page, diagnosis: &Diagnosis) {
    let target = &diagnosis.target.path;
    for (i, remedy) in diagnosis.remedies.policy.iter().enumerate() {
        let name = if i == 0 { "By policy" } else { "" };
        if remedy.pending {
            page.field(
                name,
                Line::from(format!("{} is {} already; why it is not applied:", remedy.policy, remedy.state).as_str()),
            );
            page.field("", Line::from(onward::on(target, "doctor", "").as_str()).whole());
        } else if remedy.editable {
            let command = onward::on(target, "policy set", &format!("{} {}", remedy.policy, remedy.state));
            page.field(name, Line::from(command.as_str()).whole());
        } else {
            let text = format!("{}: {}, in the Group Policy Management Console", remedy.policy, remedy.state);
            page.field(name, text.as_str());
        }
    }
}

fn by_local_setting(page: &mut Page, diagnosis: &Diagnosis, output: Option<&Path>) {
    let local = &diagnosis.remedies.local;
    let Some(first) = local.first() else { return };
    page.blank();
    let effect = match (local.iter().all(|one| one.has_effect), &diagnosis.image) {
        (true, _) => "no policy decides, so it has an effect",
        (false, Some(_)) => "has no effect while a policy decides: the policy must be set, or unset, as well",
        (false, None) => "has an effect only where no policy decides",
    };
    page.field("Local", Line::new().text(&first.name).text(": ").hang().text(effect));
    page.field("", Line::new().span(Style::Faint, "on the machine, while it runs:"));
    for one in local {
        let command = add(&format!(r"HKLM\{}", one.key), one);
        page.field("", Line::from(command.as_str()).whole());
    }
    let (Some(_), Some(file)) = (&diagnosis.image, &first.hive_file) else { return };
    let Some(in_hive) = local.iter().map(|one| one.key_in_hive.as_deref()).collect::<Option<Vec<_>>>() else {
        page.field("", "in this image: the hive does not tell its control set");
        return;
    };
    // The path by which Windows knows the file is only known there.
    let (place, path) = match cfg!(windows) {
        true => ("in this image, from Windows:", quoted(file)),
        false => (
            "in this image, from Windows (X: is where it is mounted):",
            format!(r"X:\Windows\System32\config\{}", first.hive),
        ),
    };
    page.field("", Line::new().span(Style::Faint, place));
    let mut commands = vec![format!(r"reg load HKLM\gpol-image {path}")];
    commands.extend(local.iter().zip(in_hive).map(|(one, key)| add(&format!(r"HKLM\gpol-image\{key}"), one)));
    commands.push(r"reg unload HKLM\gpol-image".to_owned());
    for command in &commands {
        page.field("", Line::from(command.as_str()).whole());
    }
    if cfg!(windows) {
        return;
    }
    if diagnosis.image.as_ref().is_some_and(|image| image.dirty_hives.iter().any(|hive| *hive == first.hive)) {
        let text =
            format!("from Linux: not as the {} hive is, dirty; hivexregedit does not replay its logs", first.hive);
        page.field("", text.as_str());
        return;
    }
    page.field("", Line::new().span(Style::Faint, "in this image, from Linux (hivexregedit is part of hivex):"));
    let reg = output.map_or_else(|| "local.reg".to_owned(), |path| path.display().to_string());
    if output.is_none() {
        let (target, problem) = (quoted(&diagnosis.target.path), quoted(&diagnosis.problem.id));
        page.field("", Line::from(format!("gpol diagnose {target} {problem} -o {}", quoted(&reg)).as_str()).whole());
    }
    let prefix = format!(r"'HKEY_LOCAL_MACHINE\{}'", first.hive);
    let command = format!("hivexregedit --merge --prefix {prefix} {} {}", quoted(file), quoted(&reg));
    page.field("", Line::from(command.as_str()).whole());
}

/// Windows' own command that sets a value.
fn add(key: &str, one: &LocalRemedy) -> String {
    format!("reg add \"{key}\" /v {} /t {} /d {} /f", one.value_name, one.value_type, one.value)
}
