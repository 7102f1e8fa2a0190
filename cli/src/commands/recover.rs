//! `gpol recover`: what can be saved of a damaged policy file.

use std::path::PathBuf;

use clap::Args;
use gpo::model::RecordModel;
use polfile::salvage;
use serde::Serialize;

use crate::args::{Format, OutputArgs};
use crate::commands::pol::count;
use crate::commands::values;
use crate::context::{not_over_inputs, read_input, same_file, write_output};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::malformed::{policy_file, thousands};
use crate::ui::{Line, Page, Style, Ui, plain};

/// Save what is whole in a damaged policy file
///
/// Keeps every record before the damage byte for byte, finds later ones again where a complete
/// frame stands, and lists every byte that is lost. Nothing is repaired by guessing.
/// Exit code 0 if nothing was lost, else 1.
#[derive(Args, Debug)]
pub struct RecoverArgs {
    /// Damaged policy file, or `-` for standard input
    file: PathBuf,
    /// Write the whole records here; never the damaged file itself
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write the report as JSON here, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    format: OutputArgs,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    file: String,
    bytes: usize,
    output: String,
    intact: usize,
    resynchronised: Vec<RecordModel>,
    lost: Vec<LostBytes>,
}

#[derive(Serialize)]
struct LostBytes {
    start: usize,
    end: usize,
    offset: usize,
    field: &'static str,
    message: String,
}

pub fn run(args: &RecoverArgs, ui: &Ui) -> Result<Exit, Stop> {
    let bytes = read_input(&args.file)?;
    let saved = salvage(&bytes).map_err(|error| policy_file(&args.file, &bytes, &error))?;
    let records = saved.records.iter().enumerate().map(|(i, record)| RecordModel::new(i, record));
    let report = Report {
        schema: "gpol.recover/1",
        file: args.file.display().to_string(),
        bytes: bytes.len(),
        output: args.output.display().to_string(),
        intact: saved.intact,
        resynchronised: records.skip(saved.intact).collect(),
        lost: saved
            .lost
            .iter()
            .map(|lost| LostBytes {
                start: lost.bytes.start,
                end: lost.bytes.end,
                offset: lost.error.offset,
                field: lost.error.field.name(),
                message: lost.error.to_string(),
            })
            .collect(),
    };
    if let Some(path) = &args.report {
        not_over_inputs(path, &[&args.file])?;
        if same_file(path, &args.output) {
            return Err(CommandError::new(Code::OVERWRITES_INPUT, "report and output are the same file")
                .detail("Nothing was written.")
                .help("write the report to another file")
                .into());
        }
    }
    write_output(&args.output, saved.to_file().as_bytes(), &[&args.file])?;
    if let Some(path) = &args.report {
        let json = serde_json::to_vec_pretty(&report).map_err(std::io::Error::from)?;
        write_output(path, &json, &[&args.file])?;
    }
    match args.format.format {
        Format::Json => ui.json(&report)?,
        Format::Human => ui.page(&page(&report))?,
    }
    Ok(if report.lost.is_empty() { Exit::Yes } else { Exit::No })
}

fn page(report: &Report) -> Page {
    let mut page = Page::new();
    let damage = if report.lost.is_empty() { "" } else { " before the damage" };
    page.line(
        Line::new()
            .span(Style::Good, "kept")
            .column(10)
            .hang()
            .text(format!("{}{damage}, byte for byte", count(report.intact, "record"))),
    );
    for record in &report.resynchronised {
        let what = format!("{:#x}  {}!{}", record.offset, plain(&record.key.lossy()), values::name(record));
        page.line(
            Line::new()
                .span(Style::Warn, "found")
                .column(10)
                .hang()
                .text(what)
                .text("  (behind the damage; the record is whole, look whether it is meant)"),
        );
    }
    for lost in &report.lost {
        let range = format!("{:#x}-{:#x} ({} bytes)  ", lost.start, lost.end, thousands(lost.end - lost.start));
        page.line(Line::new().span(Style::Bad, "lost").column(10).hang().text(range).text(&lost.message));
    }
    if report.lost.is_empty() {
        page.line(Line::new().span(Style::Good, "lost").column(10).text("nothing: the file is well-formed"));
    }
    page.line(Line::new().text("wrote").column(10).hang().text(format!(
        "{}: {}",
        report.output,
        count(report.intact + report.resynchronised.len(), "record")
    )));
    page
}
