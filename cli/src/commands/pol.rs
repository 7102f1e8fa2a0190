//! `gpol pol`: the records of a policy file.

mod change;

pub use change::no_value;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use gpo::exchange::json::Listed;
use gpo::model::RecordModel;
use polfile::{ErrorKind, ParseError, Value, ValueType};
use serde::Serialize;

use crate::args::{Format, OutputArgs};
use crate::commands::values;
use crate::context::read_input;
use crate::error::Stop;
use crate::exit::Exit;
use crate::malformed::{policy_file, thousands};
use crate::ui::{Line, Page, Style, Ui, plain};

#[derive(Subcommand, Debug)]
pub enum PolCommand {
    /// Print every record of a policy file, in file order
    Cat(FileArgs),
    /// Check that a policy file is well-formed, as strictly as LGPO.exe
    ///
    /// Exit code 0 if it is, 4 if not.
    Verify(FileArgs),
    /// Count what is in a policy file
    Stat(FileArgs),
    Set(change::SetArgs),
    Delete(change::DeleteArgs),
    Forget(change::ForgetArgs),
}

#[derive(Args, Debug)]
pub struct FileArgs {
    /// Policy file, or `-` for standard input
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

pub fn run(command: &PolCommand, ui: &Ui) -> Result<Exit, Stop> {
    match command {
        PolCommand::Cat(args) => cat(args, ui),
        PolCommand::Verify(args) => verify(args, ui),
        PolCommand::Stat(args) => stat(args, ui),
        PolCommand::Set(args) => change::set(args, ui),
        PolCommand::Delete(args) => change::delete(args, ui),
        PolCommand::Forget(args) => change::forget(args, ui),
    }
}

fn cat(args: &FileArgs, ui: &Ui) -> Result<Exit, Stop> {
    let bytes = read_input(&args.file)?;
    // All of it is looked at before anything is printed.
    let wrong = |error| policy_file(&args.file, &bytes, &error);
    let records = polfile::records(&bytes).map_err(wrong)?;
    let count = records.clone().try_fold(0, |count, record| record.map(|_| count + 1)).map_err(wrong)?;
    let records = records.filter_map(Result::ok);
    match args.output.format {
        Format::Json => ui.json(&Listed::new(records))?,
        Format::Human if count == 0 => ui.page(Page::new().line("No records."))?,
        Format::Human => {
            let models = records.enumerate().map(|(index, record)| RecordModel::new(index, &record));
            ui.lines(lines(models, count))?;
        }
    }
    Ok(Exit::Yes)
}

/// Records under their keys.
pub fn list(records: &[RecordModel]) -> Page {
    let mut page = Page::new();
    for line in lines(records.iter(), records.len()) {
        page.line(line);
    }
    if records.is_empty() {
        page.line("No records.");
    }
    page
}

/// As [`list`], line by line, of so many records.
fn lines(records: impl Iterator<Item: Borrow<RecordModel>>, count: usize) -> impl Iterator<Item = Line> {
    let digits = count.to_string().len();
    let mut key = None;
    records.flat_map(move |record| {
        let record = record.borrow();
        let mut lines = Vec::with_capacity(3);
        if key.as_ref() != Some(&record.key) {
            if key.is_some() {
                lines.push(Line::new());
            }
            lines.push(Line::new().span(Style::Strong, plain(&record.key.lossy())));
            key = Some(record.key.clone());
        }
        let number = format!("{:>digits$}", record.index + 1);
        let line = Line::indented(2).span(Style::Faint, format!("{number}  {:#06x}", record.offset));
        lines.push(line.text("  ").hang().text(values::name(record)).text("  ").text(shown(record)));
        lines
    })
}

fn shown(record: &RecordModel) -> String {
    match record.action.as_str() {
        "set" | "create-key" => format!("{}  {}", values::value_type(record), values::value(record)),
        _ => values::effect(record),
    }
}

#[derive(Serialize)]
struct Verify {
    schema: &'static str,
    verdict: &'static str,
    records: usize,
    error: Option<Fault>,
}

#[derive(Serialize)]
struct Fault {
    offset: usize,
    record: Option<usize>,
    field: &'static str,
    expected: String,
    found: String,
    message: String,
}

impl Fault {
    fn new(error: &ParseError) -> Self {
        let (expected, found) = match &error.kind {
            ErrorKind::Empty => ("at least 8 bytes".to_owned(), "0 bytes".to_owned()),
            ErrorKind::NotPolicyFile(lookalike) => ("PReg".to_owned(), lookalike.to_string()),
            ErrorKind::Version { found } => ("1".to_owned(), found.to_string()),
            ErrorKind::Truncated { need, have } => (format!("{need} bytes"), format!("{have} bytes")),
            ErrorKind::Unterminated => ("a NUL".to_owned(), "the end of the file".to_owned()),
            ErrorKind::Separator { expected, found } => (char::from(*expected).to_string(), format!("{found:#06x}")),
            other => (String::new(), other.to_string()),
        };
        Self {
            offset: error.offset,
            record: error.record,
            field: error.field.name(),
            expected,
            found,
            message: error.to_string(),
        }
    }
}

fn verify(args: &FileArgs, ui: &Ui) -> Result<Exit, Stop> {
    let bytes = read_input(&args.file)?;
    let mut sound = 0;
    let error = match polfile::records(&bytes) {
        Err(error) => Some(error),
        Ok(records) => records.inspect(|r| sound += usize::from(r.is_ok())).find_map(Result::err),
    };
    if args.output.format == Format::Json {
        let verdict = if error.is_none() { "well-formed" } else { "malformed" };
        ui.json(&Verify { schema: "gpol.verify/1", verdict, records: sound, error: error.as_ref().map(Fault::new) })?;
        return Ok(if error.is_none() { Exit::Yes } else { Exit::Malformed });
    }
    if let Some(error) = error {
        return Err(policy_file(&args.file, &bytes, &error).into());
    }
    let mut page = Page::new();
    let name = args.file.display().to_string();
    page.line(Line::new().span(Style::Good, "well-formed").text(format!(
        "  {name}: {}, {} bytes",
        count(sound, "record"),
        thousands(bytes.len())
    )));
    ui.page(&page)?;
    Ok(Exit::Yes)
}

/// `1 record`, `2 records`.
pub fn count(n: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" })
}

#[derive(Serialize)]
struct Stat {
    schema: &'static str,
    bytes: usize,
    records: usize,
    keys: usize,
    types: BTreeMap<String, usize>,
    actions: BTreeMap<&'static str, usize>,
    largest_data: usize,
    tree_order: bool,
    repeated: Vec<usize>,
    unfitting: Vec<Unfitting>,
}

#[derive(Serialize)]
struct Unfitting {
    index: usize,
    offset: usize,
    message: String,
}

impl Stat {
    fn new(file: &[u8]) -> Result<Self, ParseError> {
        let mut types: BTreeMap<ValueType, usize> = BTreeMap::new();
        let mut actions = BTreeMap::new();
        let mut largest_data = 0;
        let mut unfitting = Vec::new();
        let census = polfile::census(file, |index, record| {
            *types.entry(record.value_type).or_default() += 1;
            *actions.entry(record.action().name()).or_default() += 1;
            largest_data = largest_data.max(record.data.len());
            if let Err(error) = Value::decode(record.value_type, record.data) {
                unfitting.push(Unfitting { index, offset: record.offset, message: error.to_string() });
            }
        })?;
        Ok(Self {
            schema: "gpol.pol-stat/1",
            bytes: file.len(),
            records: census.records,
            keys: census.keys,
            types: types.into_iter().map(|(value_type, count)| (value_type.to_string(), count)).collect(),
            actions,
            largest_data,
            tree_order: census.in_tree_order,
            repeated: census.repeated,
            unfitting,
        })
    }

    fn page(&self) -> Page {
        let mut page = Page::new();
        let counts = |counts: Vec<(String, usize)>| {
            counts.iter().map(|(what, n)| format!("{what} {}", thousands(*n))).collect::<Vec<_>>().join(", ")
        };
        page.field("Size", format!("{} bytes", thousands(self.bytes)).as_str());
        page.field("Records", format!("{} under {}", thousands(self.records), count(self.keys, "key")).as_str());
        if self.records > 0 {
            page.field("Types", counts(self.types.iter().map(|(t, n)| (t.clone(), *n)).collect()).as_str());
            page.field("Actions", counts(self.actions.iter().map(|(a, n)| ((*a).to_owned(), *n)).collect()).as_str());
            page.field("Data", format!("at most {} a record", count(self.largest_data, "byte")).as_str());
        }
        let order =
            if self.tree_order { "as the Group Policy editor writes it" } else { "not the Group Policy editor's" };
        page.field("Order", order);
        let warning = |what: &str, text: String| Line::new().span(Style::Warn, what).column(11).hang().text(text);
        let repeated = self.repeated.iter().map(|index| {
            let what = "speaks of a value that a later record speaks of again; the last one wins";
            warning("repeated", format!("record {} {what}", index + 1))
        });
        page.cut_list(11, repeated);
        let unfitting = self
            .unfitting
            .iter()
            .map(|bad| warning("unfit", format!("record {} at {:#x}: {}", bad.index + 1, bad.offset, bad.message)));
        page.cut_list(11, unfitting);
        page
    }
}

fn stat(args: &FileArgs, ui: &Ui) -> Result<Exit, Stop> {
    let bytes = read_input(&args.file)?;
    let stat = Stat::new(&bytes).map_err(|error| policy_file(&args.file, &bytes, &error))?;
    match args.output.format {
        Format::Json => ui.json(&stat)?,
        Format::Human => ui.page(&stat.page())?,
    }
    Ok(Exit::Yes)
}
