//! The program `gpol`: Windows Group Policy in files, read, explained, checked and edited offline.

mod args;
mod commands;
mod context;
mod error;
mod exit;
mod malformed;
mod paste;
mod ui;

use std::io::ErrorKind;
use std::panic;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::Ui;

fn main() -> ExitCode {
    panic::set_hook(Box::new(report_bug));
    panic::catch_unwind(run).unwrap_or(Exit::Bug).into()
}

fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; they go to standard output.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Yes };
            let _ = error.print();
            return exit;
        }
    };
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
