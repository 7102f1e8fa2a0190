//! `gpol completions` and `gpol man`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::ui::Ui;

/// Print completions for a shell
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Shell to complete in
    shell: Shell,
}

pub fn completions(args: &CompletionsArgs, ui: &Ui) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gpol", &mut script);
    ui.raw(&script)?;
    Ok(Exit::Yes)
}

/// Print a manual page
///
/// Without a command, the page of gpol itself. Read it with: gpol man | man -l -
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Command to describe, such as `policy set`
    command: Vec<String>,
}

pub fn man(args: &ManArgs, ui: &Ui) -> Result<Exit, Stop> {
    let mut command = Cli::command();
    command.build();
    for name in &args.command {
        let found = command.find_subcommand(name).cloned();
        command = found.ok_or_else(|| {
            CommandError::new(Code::NO_COMMAND, format!("gpol has no command \"{}\"", args.command.join(" ")))
                .help("gpol --help lists them")
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    ui.raw(&page)?;
    Ok(Exit::Yes)
}
