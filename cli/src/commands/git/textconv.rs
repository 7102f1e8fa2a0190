//! `gpol git textconv`: a policy file as git compares it.

use std::ops::Range;
use std::path::PathBuf;

use clap::Args;
use gpo::model::RecordModel;
use polfile::{Action, ParseError, RecordRef, ValueType, salvage};

use crate::commands::pol::count;
use crate::commands::values;
use crate::context::read_input;
use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::{Ui, escape};

/// Print a policy file for git: one line for each record, in file order
///
/// Of a damaged file, the records that are whole, and the bytes that are lost; of anything else its lines or
/// its bytes. Exit code 0 in any case, since git shows no difference at all otherwise.
#[derive(Args, Debug)]
pub struct TextconvArgs {
    /// Policy file, or `-` for standard input
    file: PathBuf,
}

pub fn run(args: &TextconvArgs, ui: &Ui) -> Result<Exit, Stop> {
    ui.raw(text(&read_input(&args.file)?).as_bytes())?;
    Ok(Exit::Yes)
}

fn text(file: &[u8]) -> String {
    let saved = match salvage(file) {
        Ok(saved) => saved,
        Err(error) => return foreign(file, &error),
    };
    let mut parts: Vec<(usize, String)> =
        saved.records.iter().enumerate().map(|(i, record)| (record.offset, line(i, record))).collect();
    parts.extend(saved.lost.iter().map(|lost| {
        let what =
            format!("# damaged: {} lost at {:#x}: {}\n", count(lost.bytes.len(), "byte"), lost.bytes.start, lost.error);
        (lost.bytes.start, what + &dump(file, lost.bytes.clone()))
    }));
    parts.sort_by_key(|(offset, _)| *offset);
    parts.into_iter().map(|(_, text)| text).collect()
}

fn line(index: usize, record: &RecordRef<'_>) -> String {
    let mut text = values::record(None, &RecordModel::new(index, record));
    // What the words above do not tell shall not be invisible in a difference.
    let hex: String = record.data.iter().map(|byte| format!("{byte:02x}")).collect();
    match record.action() {
        Action::DeleteValue(_) | Action::DeleteAllValues | Action::Comment(_)
            if (record.value_type, record.data) == (ValueType::SZ, b" \0\0\0") => {}
        Action::DeleteValue(_) | Action::DeleteAllValues | Action::Comment(_) => {
            text.push_str(&format!("  ({}, {})", record.value_type, values::bytes(&hex)));
        }
        _ if record.value().is_ok_and(|value| value.encode().1 != record.data) => {
            text.push_str(&format!("  (bytes {})", values::bytes(&hex)));
        }
        _ => {}
    }
    escape(&text) + "\n"
}

/// What is no policy file: lines, if it is text, else bytes.
fn foreign(file: &[u8], error: &ParseError) -> String {
    let head = format!("# not a policy file: {error}\n");
    match std::str::from_utf8(file) {
        Ok(text) if !text.contains('\0') => head + &text.lines().map(|line| escape(line) + "\n").collect::<String>(),
        _ => head + &dump(file, 0..file.len()),
    }
}

/// Bytes, 16 to a line.
fn dump(file: &[u8], bytes: Range<usize>) -> String {
    let rows = file.get(bytes).unwrap_or_default().chunks(16);
    rows.map(|row| {
        let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("#   {}\n", digits.join(" "))
    })
    .collect()
}
