//! Commands that go on from the running one: with its target, and with those of its options that they know.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory as _};

use crate::args::Cli;
use crate::paste::quoted;

/// Options without which another command would look at something else: at other templates, without Active Directory's half, for
/// records in another folder.
const KEPT: [&str; 5] = ["admx", "lang", "scope", "ad", "backup_dir"];
/// What the same command needs besides, to be typed once more; `policy set` and `unset` are one here.
const OF_THE_SAME: [&str; 6] = ["ldif", "sysvol_only", "file_only", "dry_run", "reason", "comment"];

/// What was typed.
struct Running {
    /// `policy set`
    command: String,
    target: Option<String>,
    /// Its options as they would be typed again, by the names that commands share.
    options: Vec<(&'static str, String)>,
}

static RUNNING: OnceLock<Running> = OnceLock::new();

/// Notes what is running. What the environment says is there the next time as well.
pub fn note(matches: &ArgMatches) {
    let (mut here, mut command, mut path) = (matches, Cli::command(), Vec::new());
    while let Some((name, below)) = here.subcommand() {
        let Some(sub) = command.find_subcommand(name).cloned() else { break };
        (here, command) = (below, sub);
        path.push(name);
    }
    let text = |value: &OsStr| value.to_string_lossy().into_owned();
    let raw = |id: &str| here.try_get_raw(id).ok().flatten();
    let options = KEPT.into_iter().chain(OF_THE_SAME).filter_map(|id| {
        let arg = command.get_arguments().find(|arg| arg.get_id() == id)?;
        let values = raw(id).filter(|_| here.value_source(id) == Some(ValueSource::CommandLine))?;
        let long = arg.get_long()?;
        let typed = match arg.get_action() {
            ArgAction::SetTrue => format!(" --{long}"),
            _ => values.map(|value| format!(" --{long} {}", quoted(&text(value)))).collect(),
        };
        Some((id, typed))
    });
    let options = options.collect();
    let target = raw("target").and_then(|mut values| values.next()).map(text);
    let _ = RUNNING.set(Running { command: path.join(" "), target, options });
}

/// `gpol COMMAND TARGET REST`, and the options that the running command was given and that this one takes.
pub fn on(target: &str, command: &str, rest: &str) -> String {
    typed(&quoted(target), command, rest)
}

/// As [`on`], for the target of the running command; `TARGET` if it has none.
pub fn here(command: &str, rest: &str) -> String {
    match RUNNING.get().and_then(|running| running.target.as_deref()) {
        Some(target) => on(target, command, rest),
        None => typed("TARGET", command, rest),
    }
}

/// As [`on`], for a path.
pub fn on_path(target: &Path, command: &str, rest: &str) -> String {
    on(&target.display().to_string(), command, rest)
}

fn typed(target: &str, command: &str, rest: &str) -> String {
    let mut line = format!("gpol {command} {target}");
    if !rest.is_empty() {
        line.push(' ');
        line.push_str(rest);
    }
    let Some(running) = RUNNING.get() else { return line };
    let mut known = Some(Cli::command());
    for word in command.split(' ') {
        known = known.and_then(|known| known.find_subcommand(word).cloned());
    }
    let takes = |known: &Command, id: &str| {
        known
            .get_arguments()
            .find(|arg| arg.get_id() == id)
            .and_then(|arg| arg.get_long())
            .map(|long| format!("--{long}"))
    };
    let sets = |command: &str| ["policy set", "policy unset"].contains(&command);
    let is_same = running.command == command || sets(&running.command) && sets(command);
    let changes = ["undo", "redo", "gpo bump"].contains(&command);
    for (id, option) in &running.options {
        match *id {
            // Of a domain GPO, what says how Active Directory is changed; gpol writes over no LDIF file.
            "sysvol_only" if changes => line.push_str(option),
            "ldif" if changes => {
                line.push_str(&format!(" --ldif {}.ldif", command.rsplit(' ').next().unwrap_or(command)))
            }
            _ => {}
        }
        let wanted = KEPT.contains(id) || is_same && !changes;
        let long = known.as_ref().filter(|_| wanted).and_then(|known| takes(known, id));
        if long.is_some_and(|long| !rest.split(' ').any(|word| word == long)) {
            line.push_str(option);
        }
    }
    line
}
