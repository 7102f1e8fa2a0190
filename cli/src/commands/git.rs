//! `gpol git`: policy files under git.

mod install;
mod merge;
mod textconv;

use clap::Subcommand;

use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::Ui;

#[derive(Subcommand, Debug)]
pub enum GitCommand {
    Install(install::InstallArgs),
    Textconv(textconv::TextconvArgs),
    Merge(merge::MergeArgs),
}

pub fn run(command: &GitCommand, ui: &Ui) -> Result<Exit, Stop> {
    match command {
        GitCommand::Install(args) => install::run(args, ui),
        GitCommand::Textconv(args) => textconv::run(args, ui),
        GitCommand::Merge(args) => merge::run(args, ui),
    }
}
