//! The program `gpol`: Windows Group Policy in files, read, explained, checked and edited offline.

mod args;
mod change;
mod commands;
mod context;
mod directory;
mod error;
mod exit;
mod heading;
mod interrupt;
mod malformed;
mod meant;
mod onward;
mod overlooked;
mod paste;
mod progress;
mod registry_value;
mod source_error;
mod target_error;
mod ui;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::panic;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _};

use crate::args::Cli;
use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::Ui;

fn main() -> ExitCode {
    panic::set_hook(Box::new(report_bug));
    interrupt::end(panic::catch_unwind(run).unwrap_or(Exit::Bug))
}

fn run() -> Exit {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // The message quotes arguments, and they may be names of files: it is made again of what may be shown.
            let shown: Vec<OsString> = arguments.iter().map(|a| ui::escape(&a.to_string_lossy()).into()).collect();
            let error = parse(&shown).err().unwrap_or(error);
            // Help and version are no errors; they go to standard output.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Yes };
            let _ = error.print();
            return exit;
        }
    };
    if cli.show_secrets {
        gpo::secret::show_all();
    }
    let ui = Ui::new(cli.color.choice());
    match commands::run(&cli, &ui) {
        Ok(exit) => exit,
        Err(Stop::Error(error)) => {
            ui.message(&error.page());
            error.code.exit
        }
        // Whoever reads has had enough: `gpol … | head`.
        Err(Stop::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Exit::Yes,
        Err(Stop::Output(error)) => {
            ui.warning(format!("standard output: {error}"));
            Exit::Io
        }
    }
}

/// Reads the command line. Its own messages follow `--color`, too, which may not have been read when one is made.
fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let color = |when: &str| {
        let joined = OsString::from(format!("--color={when}"));
        arguments.contains(&joined) || arguments.windows(2).any(|pair| pair[0] == "--color" && pair[1] == when)
    };
    let choice = match () {
        () if color("always") => ColorChoice::Always,
        () if color("never") => ColorChoice::Never,
        () => ColorChoice::Auto,
    };
    let matches = in_any_case(Cli::command()).color(choice).try_get_matches_from(arguments)?;
    onward::note(&matches);
    Cli::from_arg_matches(&matches)
}

/// Takes the words of options in any letter case, as Windows' own tools do.
fn in_any_case(command: clap::Command) -> clap::Command {
    let of_arg = |arg: clap::Arg| {
        let takes_a_word = matches!(arg.get_action(), clap::ArgAction::Set | clap::ArgAction::Append);
        arg.ignore_case(takes_a_word)
    };
    command.mut_args(of_arg).mut_subcommands(in_any_case)
}

/// Says that gpol is at fault, not the input, and what to send.
fn report_bug(info: &panic::PanicHookInfo<'_>) {
    use std::io::Write as _;
    let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
    let what = info.payload_as_str().unwrap_or("no message");
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(
        std::io::stderr(),
        "internal error: {what}\n   gpol {version}, {place}\n   No file was left half written. This is a bug in gpol.\nhelp: please report it with these lines and, if you can, the input"
    );
}
