//! `gpol recover`: what can be saved of a damaged policy file.

use std::path::PathBuf;

use clap::Args;
use gpo::model::RecordModel;
use polfile::{Salvage, salvage, salvage_without_header};
use serde::Serialize;

use crate::args::{Format, OutputArgs};
use crate::commands::pol::count;
use crate::commands::values;
use crate::context::{not_over_inputs, read_input, same_file, warn_of_gpo, write_output};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::malformed::{policy_file, thousands};
use crate::ui::{Line, Page, Style, Ui, plain};

/// Save what is whole in a damaged policy file
///
/// Keeps every record before the damage byte for byte, finds later ones again where they surely
/// stand, and lists every byte that is lost. Nothing is repaired by guessing: what may as well be the
/// data of a lost record is doubtful, listed, and kept with --doubtful alone.
/// Exit code 0 if nothing was lost, else 1.
#[derive(Args, Debug)]
pub struct RecoverArgs {
    /// Damaged policy file, or `-` for standard input
    file: PathBuf,
    /// Write the whole records here; never the damaged file itself
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Keep doubtful records, too: whole ones that may be nothing but data of a lost record
    #[arg(long)]
    doubtful: bool,
    /// Look for records even if the header is destroyed, so that nothing says that this is a policy file
    #[arg(long)]
    no_header: bool,
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
    /// Whole frames that may be data of a lost record; counted among the bytes that are lost.
    doubtful: Vec<RecordModel>,
    /// Whether they were written as well.
    doubtful_kept: bool,
    lost: Vec<LostBytes>,
}

impl Report {
    fn written(&self) -> usize {
        let doubtful = if self.doubtful_kept { self.doubtful.len() } else { 0 };
        self.intact + self.resynchronised.len() + doubtful
    }
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
    let saved = read(args, &bytes)?;
    let records = saved.records.iter().enumerate().map(|(i, record)| RecordModel::new(i, record));
    let doubtful = saved.doubtful.iter().enumerate().map(|(i, record)| RecordModel::new(i, record));
    let report = Report {
        schema: "gpol.recover/1",
        file: args.file.display().to_string(),
        bytes: bytes.len(),
        output: args.output.display().to_string(),
        intact: saved.intact,
        resynchronised: records.skip(saved.intact).collect(),
        doubtful: doubtful.collect(),
        doubtful_kept: args.doubtful,
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
    let kept = if args.doubtful { saved.to_file_with_doubtful() } else { saved.to_file() };
    write_output(&args.output, kept.as_bytes(), &[&args.file])?;
    warn_of_gpo(&args.output, ui);
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

/// What can be saved; without a header only if that is asked for.
fn read<'b>(args: &RecoverArgs, bytes: &'b [u8]) -> Result<Salvage<'b>, CommandError> {
    if args.no_header {
        return Ok(salvage_without_header(bytes));
    }
    salvage(bytes).map_err(|error| {
        let failed = policy_file(&args.file, bytes, &error);
        match salvage_without_header(bytes).records.len() {
            0 => failed,
            found => failed.help(format!("{} stand in it as in a policy file:  --no-header", count(found, "record"))),
        }
    })
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
    let row = |style: Style, word: &str, what: String| Line::new().span(style, word).column(10).hang().text(what);
    let found = report.resynchronised.iter().map(|record| {
        let what = format!("{:#x}  {}!{}", record.offset, plain(&record.key.lossy()), values::name(record));
        row(Style::Warn, "found", what).text("  (behind the damage; the record is whole, look whether it is meant)")
    });
    page.cut_list(10, found);
    let doubtful = report.doubtful.iter().map(|record| {
        let kept = if report.doubtful_kept { "kept" } else { "left out; --doubtful keeps it" };
        let what = format!("{:#x}  {}!{}", record.offset, record.key.lossy(), values::name(record));
        row(Style::Warn, "doubtful", what).text(format!("  (a record, or data of a lost one; {kept})"))
    });
    page.cut_list(10, doubtful);
    let lost = report.lost.iter().map(|lost| {
        let range = format!("{:#x}-{:#x} ({} bytes)  ", lost.start, lost.end, thousands(lost.end - lost.start));
        row(Style::Bad, "lost", range).text(&lost.message)
    });
    page.cut_list(10, lost);
    if report.lost.is_empty() {
        page.line(Line::new().span(Style::Good, "lost").column(10).text("nothing: the file is well-formed"));
    }
    page.line(Line::new().text("wrote").column(10).hang().text(format!(
        "{}: {}",
        report.output,
        count(report.written(), "record")
    )));
    page
}
