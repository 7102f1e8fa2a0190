//! `gpol schema`: JSON Schema of the files that people write.

use clap::{Args, ValueEnum};
use gpo::exchange::state;

use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::Ui;

/// Print the JSON Schema of a file format, for editors and checkers
///
/// An editor that knows it completes fields and marks mistakes while one types.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// Which file: state
    #[arg(hide_possible_values = true)]
    file: Schema,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Schema {
    /// State file
    State,
}

pub fn run(args: &SchemaArgs, ui: &Ui) -> Result<Exit, Stop> {
    let text = match args.file {
        Schema::State => state::SCHEMA,
    };
    ui.raw(text.as_bytes())?;
    Ok(Exit::Yes)
}
