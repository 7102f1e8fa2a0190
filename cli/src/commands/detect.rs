//! `gpol detect`: what a path is, and why gpol thinks so.

use std::path::{Path, PathBuf};

use clap::Args;
use gpo::contents::GpoFile;
use gpo::detect::{Detection, SideModel, Writable, detect};
use gpo::scope::Scope;
use gpo::target::{Kind, Probe, TargetError};
use serde::Serialize;

use crate::args::{Format, OutputArgs};
use crate::commands::explain::below;
use crate::directory::AdArgs;
use crate::error::Stop;
use crate::exit::Exit;
use crate::onward;
use crate::overlooked;
use crate::paste::quoted;
use crate::target_error::{instead, mounting, next};
use crate::ui::{Line, Page, Style, Ui};

/// Tell what files and folders are, why gpol thinks so, and what can be done with them
///
/// Everything is recognised by its content, in any letter case. Exit code 3 if something is not recognised, 6 if it
/// cannot be read; of several paths, or folders below one, all are shown, and 7 says that some could not be read, or are
/// links that lead out of it, which are not followed.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  gpol detect /mnt/gold /srv/sysvol gold.qcow2")]
pub struct DetectArgs {
    /// Any files and folders; on Windows, `local:` is the running system
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    ad: AdArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What paths are: `gpol.detect/1`.
#[derive(Serialize)]
struct Detect {
    schema: &'static str,
    paths: Vec<Detected>,
}

#[derive(Serialize)]
struct Detected {
    recognised: bool,
    #[serde(flatten)]
    detection: Detection,
    /// Commands that go on from here.
    next: Vec<String>,
}

pub fn run(args: &DetectArgs, ui: &Ui) -> Result<Exit, Stop> {
    let snapshot = args.ad.snapshot()?;
    let paths: Vec<Detected> = args
        .paths
        .iter()
        .map(|path| {
            let detection = detect(path, snapshot.as_ref());
            Detected { recognised: detection.recognised(), next: commands(path, &detection), detection }
        })
        .collect();
    let exit = exit(&paths);
    match args.output.format {
        Format::Json => ui.json(&Detect { schema: "gpol.detect/1", paths })?,
        Format::Human => {
            let mut all = Page::new();
            for (i, detected) in paths.iter().enumerate() {
                if i > 0 {
                    all.blank();
                }
                all.append(page(detected));
            }
            ui.page(&all)?;
        }
    }
    Ok(exit)
}

fn exit(paths: &[Detected]) -> Exit {
    let unreadable = paths.iter().filter(|path| matches!(path.detection.error, Some(TargetError::Io { .. }))).count();
    match unreadable {
        0 if paths.iter().any(|path| !path.detection.unreadable.is_empty()) => Exit::Partial,
        0 if paths.iter().all(|path| path.recognised) => Exit::Yes,
        0 => Exit::NotFound,
        n if n == paths.len() => Exit::Io,
        _ => Exit::Partial,
    }
}

fn page(detected: &Detected) -> Page {
    let mut page = Page::new();
    let found = &detected.detection;
    let what = if detected.recognised { Style::Strong } else { Style::Warn };
    page.line(Line::new().text(&found.path).text(": ").span(what, &found.what).hang_at(2));
    let mut field = |name: &str, value: Line| {
        page.line(Line::indented(2).span(Style::Faint, name).column(COLUMN).hang().append(&value));
    };
    let text = |text: &str| Line::new().text(text);
    if let Some(name) = &found.name {
        field("GPO", text(name));
    }
    if let Some(guid) = &found.guid {
        field("GUID", text(guid));
    }
    if let Some(version) = found.version {
        field("Version", text(&format!("user {}, computer {}", version.user, version.computer)));
    }
    for side in &found.sides {
        let others = found.files.iter().any(|file| file.is_overlooked() && file.scope == side.scope);
        field(&title(side), of_side(side, others, &found.path));
    }
    for gpo in &found.gpos {
        let name = gpo.name.as_deref().map(|name| format!("  {name}")).unwrap_or_default();
        let others = match gpo.not_looked_at.is_empty() {
            true => String::new(),
            false => format!("  not registry policy: {}", overlooked::by_role(&gpo.not_looked_at)),
        };
        field("", text(&format!("{}{name}", below(&gpo.path, &found.path))).span(Style::Faint, others));
    }
    let others: Vec<&GpoFile> = found.files.iter().filter(|file| file.is_overlooked()).collect();
    for (i, file) in others.iter().take(overlooked::MOST).enumerate() {
        let what = Line::new().text(overlooked::place(file, &found.path));
        let label = if i == 0 { "Other files" } else { "" };
        field(label, what.span(Style::Faint, format!("  ({}, which gpol does not look at)", file.role.name())));
    }
    if let Some(more) = others.len().checked_sub(overlooked::MOST).filter(|more| *more > 0) {
        field("", text(&format!("and {more} more; --format json has them all")));
    }
    if let Some(store) = &found.store {
        field("Templates", text(&below(store, &found.path)));
    }
    if !found.hives.is_empty() {
        let hives: Vec<String> = found.hives.iter().map(|hive| below(hive, &found.path)).collect();
        field("Hives", text(&hives.join(", ")));
    }
    for folder in &found.domain {
        field("Domain GPOs", text(&below(folder, &found.path)));
    }
    if let Some(why) = found.writable.and_then(against_writing) {
        field("Writing", Line::new().span(Style::Warn, why));
    }
    for finding in &found.findings {
        let place = below(&finding.path.display().to_string(), &found.path);
        field("Warning", Line::new().span(Style::Warn, finding.code).text(format!(" {place}: {}", finding.message)));
    }
    for unreadable in &found.unreadable {
        field("Not read", Line::new().span(Style::Warn, unreadable));
    }
    for (i, command) in detected.next.iter().enumerate() {
        let label = if i == 0 { "Next" } else { "" };
        page.line(Line::indented(2).span(Style::Faint, label).column(COLUMN).hang().text(command).whole());
    }
    for (i, probe) in found.trail.iter().enumerate() {
        let label = if i == 0 { "Looked for" } else { "" };
        let line = Line::indented(2).span(Style::Faint, label).column(COLUMN);
        page.line(line.append(&of_probe(probe, &found.path)).hang_at(COLUMN + 11));
    }
    page
}

/// Column of what stands behind a name.
const COLUMN: usize = 15;

fn title(side: &SideModel) -> String {
    match &side.scope {
        None => "Policy file".to_owned(),
        Some(Scope::Computer) => "Computer".to_owned(),
        Some(_) => "User".to_owned(),
    }
}

/// `others` says that the side has files that are no registry policy.
fn of_side(side: &SideModel, others: bool, target: &str) -> Line {
    let whose = match &side.scope {
        Some(scope) if scope.sid().is_some() => match side.version {
            Some(version) => format!("{scope}, version {version}  "),
            None => format!("{scope}, no version  "),
        },
        _ => String::new(),
    };
    let line = Line::new().text(whose).text(below(&side.file, target));
    match (side.exists, others) {
        (true, _) => line,
        (false, false) => line.span(Style::Faint, "  (not there: nothing is configured)"),
        (false, true) => line.span(Style::Faint, "  (not there: no registry policy)"),
    }
}

fn of_probe(probe: &Probe, target: &str) -> Line {
    let (mark, style) = if probe.found { ("found", Style::Good) } else { ("not found", Style::Faint) };
    let line = Line::new().span(style, mark).column(11).hang().text(&probe.what);
    let place = probe.path.as_ref().map(|path| path.display().to_string()).map(|path| below(&path, target));
    match place {
        Some(place) if place != probe.what && place != target => line.span(Style::Faint, format!("  {place}")),
        _ => line,
    }
}

fn against_writing(writable: Writable) -> Option<&'static str> {
    match writable {
        Writable::Yes => None,
        Writable::NoCache => Some("refused: Windows overwrites what it caches"),
        Writable::NoHibernated => Some("refused: Windows is hibernated, hiberfil.sys is active"),
        Writable::NoTwins => Some("refused where entries differ only by case"),
        Writable::Uncertain => {
            Some("uncertain: hiberfil.sys is not empty; if Windows resumes from it, changes are lost")
        }
    }
}

/// The commands that go on from here.
fn commands(path: &Path, found: &Detection) -> Vec<String> {
    let name = quoted(&found.path);
    let show = |target: &str| onward::on(target, "show", "");
    match (&found.error, found.kind) {
        (Some(TargetError::DiskImage { path, format }), _) => mounting(path, *format, &show("/mnt/gold")),
        (Some(TargetError::Other { path, kind }), _) => instead(path, *kind),
        (Some(TargetError::Misplaced { path, is }), _) => next(path, is, &show),
        (Some(_), _) => Vec::new(),
        (None, None) => vec![format!("what is wrong with it as a policy file:  gpol pol verify {name}")],
        (None, Some(Kind::Pol)) => vec![show(&found.path), format!("gpol pol cat {name}")],
        (None, Some(kind)) => {
            let mut commands = vec![show(&found.path)];
            if matches!(kind, Kind::Windows | Kind::GpoLocal) {
                commands.push(onward::on(&found.path, "explain", "POLICY"));
                commands.push(onward::on(&found.path, "doctor", ""));
            }
            commands.extend(found.domain.iter().map(|folder| format!("gpol detect {}", quoted(folder))));
            let others: Vec<&Scope> = found
                .sides
                .iter()
                .filter_map(|side| side.scope.as_ref().filter(|scope| scope.sid().is_some()))
                .collect();
            if let Some(scope) = others.first().filter(|_| kind == Kind::Windows) {
                commands.push(onward::on_path(path, "show", &format!("--scope {scope}")));
            }
            commands
        }
    }
}
