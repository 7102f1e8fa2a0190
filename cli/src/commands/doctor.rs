//! `gpol doctor`: will Windows apply this?

use std::path::PathBuf;

use clap::Args;
use gpo::ad::Snapshot;
use gpo::contents::GpoFile;
use gpo::doctor::{Answer, Doctor, doctor_with};
use gpo::error::Error;
use gpo::scope::Scope;
use gpo::target::Target;

use crate::args::{Format, OutputArgs, ScopeArgs};
use crate::context::{failed, open_gpo};
use crate::directory::AdArgs;
use crate::error::Stop;
use crate::exit::Exit;
use crate::heading;
use crate::onward;
use crate::overlooked;
use crate::paste::quoted;
use crate::ui::{Line, Page, Style, Ui};

/// Tell whether Windows will apply a target's policy: yes, no or uncertain, and why
///
/// Looks at what makes Windows read a policy file: gpt.ini's version and extension lists, sides that are
/// switched off, and, in an image, what the registry says of the last time, of the edition and of the
/// Group Policy client; of a domain GPO, what --ad says of it. What cannot be seen, or is not documented, makes the answer
/// uncertain. Registry policy alone is judged; files of other extensions are listed.
/// Exit code 0 is yes; no and uncertain are both 1, and the first line, or `verdict` in JSON, tells them apart.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  gpol doctor /mnt/gold --scope computer")]
pub struct DoctorArgs {
    /// Root of a mounted Windows volume, local GPO, or any other target
    target: PathBuf,
    #[command(flatten)]
    ad: AdArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub fn run(args: &DoctorArgs, ui: &Ui) -> Result<Exit, Stop> {
    let snapshot = args.ad.snapshot()?;
    let target = open_gpo(&args.target, false, snapshot.as_ref(), ui)?;
    let found = asked(&target, args.scope.scope.as_ref(), snapshot.as_ref()).map_err(failed)?;
    match args.output.format {
        Format::Json => ui.json(&found)?,
        Format::Human => {
            let mut page = Page::new();
            heading::target(&mut page, &found.target);
            ui.page(page.append(verdict(&found)))?;
        }
    }
    Ok(if found.verdict == Answer::Yes { Exit::Yes } else { Exit::No })
}

/// Asks, with commands in the answer that can be pasted: the library knows neither this command's options nor a shell.
pub fn asked(target: &Target, only: Option<&Scope>, snapshot: Option<&Snapshot>) -> Result<Doctor, Error> {
    const BUMP: &str = "gpol gpo bump";
    const VERIFY: &str = "gpol pol verify ";
    let mut found = doctor_with(target, only, snapshot)?;
    for probe in &mut found.probes {
        let Some(help) = &mut probe.help else { continue };
        if let Some(words) = help.strip_suffix(BUMP) {
            let scope = probe.scope.as_ref().map(|scope| format!("--scope {scope}")).unwrap_or_default();
            *help = words.to_owned() + &onward::on(&found.target.path, "gpo bump", &scope);
        } else if let Some(file) = help.strip_prefix(VERIFY) {
            *help = format!("{VERIFY}{}", quoted(file));
        }
    }
    Ok(found)
}

/// The answer, and the probes behind it.
pub fn verdict(doctor: &Doctor) -> Page {
    let mut page = Page::new();
    let answer = doctor.verdict.to_string();
    page.field(
        "Doctor",
        Line::new().text(format!("Windows will apply this {}: ", doctor.when)).span(style(doctor.verdict), &answer),
    );
    // What stands against it comes first.
    for wanted in [Answer::No, Answer::Uncertain, Answer::Yes] {
        for probe in doctor.probes.iter().filter(|probe| probe.answer == wanted) {
            let mark = match probe.answer {
                Answer::Yes => "ok",
                Answer::Uncertain => "uncertain",
                Answer::No => "no",
            };
            let line = Line::indented(2).span(style(probe.answer), mark).column(13).hang().text(&probe.found);
            page.line(line);
            if let Some(help) = &probe.help {
                page.line(Line::indented(13).span(Style::Good, "help: ").hang().text(help).whole());
            }
        }
    }
    if !doctor.not_judged.is_empty() {
        let files: Vec<&GpoFile> = doctor.not_judged.iter().collect();
        let heading = "This is about registry policy alone; files of other extensions, which are not judged:";
        overlooked::list(page.blank(), heading, &files, &doctor.target.path);
    }
    page
}

fn style(answer: Answer) -> Style {
    match answer {
        Answer::Yes => Style::Good,
        Answer::Uncertain => Style::Warn,
        Answer::No => Style::Bad,
    }
}
