//! The commands: arguments, one call into the libraries, one view.

pub mod ad;
pub mod admx;
pub mod apply;
pub mod bump;
pub mod check;
pub mod convert;
pub mod detect;
pub mod diagnose;
pub mod diff;
pub mod doctor;
pub mod effective;
pub mod explain;
pub mod git;
pub mod halves;
pub mod history;
pub mod hive;
pub mod pol;
pub mod policy;
pub mod recover;
pub mod schema;
pub mod search;
pub mod shell;
pub mod show;
mod sides;
mod values;

use clap::CommandFactory as _;

use crate::args::{Cli, Command};
use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::Ui;

/// Runs the command.
pub fn run(cli: &Cli, ui: &Ui) -> Result<Exit, Stop> {
    match &cli.command {
        Some(Command::Show(args)) => show::run(args, ui),
        Some(Command::Explain(args)) => explain::run(args, ui),
        Some(Command::Detect(args)) => detect::run(args, ui),
        Some(Command::Diagnose(args)) => diagnose::run(args, ui),
        Some(Command::Search(args)) => search::run(args, ui),
        Some(Command::Effective(args)) => effective::run(args, ui),
        Some(Command::Doctor(args)) => doctor::run(args, ui),
        Some(Command::Undo(args)) => history::undo(args, ui),
        Some(Command::Redo(args)) => history::redo(args, ui),
        Some(Command::History(args)) => history::list(args, ui),
        Some(Command::Policy(command)) => policy::run(command, ui),
        Some(Command::Ad(command)) => ad::run(command, ui),
        Some(Command::Gpo(command)) => bump::run(command, ui),
        Some(Command::Git(command)) => git::run(command, ui),
        Some(Command::Admx(command)) => admx::run(command, ui),
        Some(Command::Pol(command)) => pol::run(command, ui),
        Some(Command::Hive(command)) => hive::run(command, ui),
        Some(Command::Recover(args)) => recover::run(args, ui),
        Some(Command::Plan(args)) => apply::plan(args, ui),
        Some(Command::Apply(args)) => apply::apply(args, ui),
        Some(Command::Check(args)) => check::run(args, ui),
        Some(Command::Diff(args)) => diff::run(args, ui),
        Some(Command::Convert(args)) => convert::run(args, ui),
        Some(Command::Schema(args)) => schema::run(args, ui),
        Some(Command::Completions(args)) => shell::completions(args, ui),
        Some(Command::Man(args)) => shell::man(args, ui),
        // Somebody who types the bare name wants to know what it is for.
        None => {
            ui.raw(Cli::command().render_help().to_string().as_bytes())?;
            Ok(Exit::Yes)
        }
    }
}
