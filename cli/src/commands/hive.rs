//! `gpol hive`: keys and values of a registry hive.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gpo::hive_file::{Entry, HiveFile, HiveFileError, Instead, Listing, Missing, in_installation, without_root};
use gpo::image::ImageError;
use gpo::model::{DamageModel, HiveModel, HiveValueModel, KeyModel, Text, TypeModel, ValueModel};
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use crate::args::{Format, OutputArgs};
use crate::commands::pol::count;
use crate::commands::values;
use crate::context::{cannot_read, open_target};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::malformed::thousands;
use crate::paste::quoted;
use crate::ui::{Line, Page, Style, Ui, in_quotes, plain};

#[derive(Subcommand, Debug)]
pub enum HiveCommand {
    /// Print a value, or a key with all its values
    ///
    /// A hive that was not written to its end is read with the logs beside it, in memory; nothing is written.
    /// Exit code 3 if there is no such key or value, 4 if the hive is damaged there.
    #[command(after_help = "\
Examples:
  gpol hive get SOFTWARE 'Policies\\Microsoft\\Windows NT\\Terminal Services!UserAuthentication'
  gpol hive get /mnt/gold 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\gpsvc!Start'")]
    Get(GetArgs),
    /// List the values of a key and the keys below it
    ///
    /// A hive that was not written to its end is read with the logs beside it, in memory; nothing is written.
    /// What is damaged is told in its place, and the rest listed: exit code 7.
    List(ListArgs),
}

#[derive(Args, Debug)]
pub struct GetArgs {
    /// Hive file, such as SOFTWARE or NTUSER.DAT, or root of a mounted Windows volume
    hive: PathBuf,
    /// Key, or key!value, from below the hive's root; in a volume HKLM\SOFTWARE\… or HKLM\SYSTEM\…,
    /// where CurrentControlSet is that of the next boot; `key!` is the default value
    #[arg(value_name = "KEY[!VALUE]")]
    place: String,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Hive file, such as SOFTWARE or NTUSER.DAT, or root of a mounted Windows volume
    hive: PathBuf,
    /// Key from below the hive's root, or the root; in a volume HKLM\SOFTWARE\… or HKLM\SYSTEM\…
    key: Option<String>,
    /// List everything below the key
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub fn run(command: &HiveCommand, ui: &Ui) -> Result<Exit, Stop> {
    match command {
        HiveCommand::Get(args) => get(args, ui),
        HiveCommand::List(args) => list(args, ui),
    }
}

#[derive(Serialize)]
struct GetView {
    schema: &'static str,
    hive: HiveModel,
    key: KeyModel,
    errors: Vec<DamageModel>,
}

fn get(args: &GetArgs, ui: &Ui) -> Result<Exit, Stop> {
    let (file, place) = open(&args.hive, &args.place, ui)?;
    let hive = file.model();
    tell_state(ui, &hive);
    let got = file.get(&place).map_err(|error| failed(&hive, &error))?;
    let got = got.ok_or_else(|| not_there("get", &args.hive, &hive, &file.missing(&place), &args.place))?;
    let view = GetView { schema: "gpol.hive-get/1", hive, key: got.key, errors: got.damage };
    match args.output.format {
        Format::Json => ui.json(&view)?,
        Format::Human => {
            let mut page = heading(&args.hive, &view.hive);
            key_lines(&mut page, &view.key, usize::MAX);
            view.errors.iter().for_each(|damage| damage_line(&mut page, damage));
            ui.page(&page)?;
        }
    }
    Ok(ending(ui, view.errors.len()))
}

fn list(args: &ListArgs, ui: &Ui) -> Result<Exit, Stop> {
    let key = args.key.as_deref().unwrap_or_default();
    let (file, place) = open(&args.hive, key, ui)?;
    let hive = file.model();
    tell_state(ui, &hive);
    let listing = file.list(&place, args.recursive).map_err(|error| failed(&hive, &error))?;
    let listing = listing.ok_or_else(|| not_there("list", &args.hive, &hive, &file.missing(&place), key))?;
    let errors = match args.output.format {
        Format::Json => json(ui, hive, listing, args.recursive)?,
        Format::Human => pages(ui, heading(&args.hive, &hive), listing, args.recursive)?,
    };
    Ok(ending(ui, errors))
}

/// The hive's file, and the place inside it.
fn open(path: &Path, place: &str, ui: &Ui) -> Result<(HiveFile, String), CommandError> {
    let found = |error| failed_at(path, &error);
    if !path.is_dir() {
        return Ok((HiveFile::open(path).map_err(found)?, place.to_owned()));
    }
    let windows = open_target(path, None, ui)?.windows_folder().map_err(|error| cannot_read(path, &error))?;
    let windows = windows.ok_or_else(|| {
        CommandError::new(Code::UNKNOWN_TARGET, format!("{} is no Windows installation", path.display()))
            .help("name a hive file, or the root of a mounted Windows volume")
    })?;
    let (file, inside) = in_installation(&windows, place).map_err(found)?;
    Ok((HiveFile::open(&file).map_err(found)?, inside))
}

/// Which hive it is, where that was not said.
fn heading(asked: &Path, hive: &HiveModel) -> Page {
    let mut page = Page::new();
    if asked.is_dir() {
        page.field("Hive", hive.path.as_str());
    }
    page
}

/// Says if the hive was not written to its end, and what was done about it.
fn tell_state(ui: &Ui, hive: &HiveModel) {
    let mut page = Page::new();
    if let Some(why) = &hive.state.why {
        let (label, style, what) = match hive.state.recovered {
            true => ("note", Style::Faint, "read with its logs, in memory"),
            false => ("warning", Style::Warn, "what it says may be old: its logs do not complete it"),
        };
        page.line(Line::new().span(style, label).text(format!(": {} is dirty; {what}", hive.path)));
        page.line(Line::indented(3).text(why));
        for log in &hive.state.logs {
            let name = Path::new(&log.path).file_name().unwrap_or_default().display();
            page.line(Line::indented(3).text(format!("{name}  {}", log.report)));
        }
    }
    if let Some(first) = hive.problems.first() {
        let places = count(hive.problems.len(), "damaged place");
        page.line(Line::new().span(Style::Warn, "warning").text(format!(": {} has {places}", hive.path)));
        page.line(Line::indented(3).text(first));
    }
    ui.message(&page);
}

fn ending(ui: &Ui, errors: usize) -> Exit {
    if errors == 0 {
        return Exit::Yes;
    }
    ui.warning(format!("{} of the hive cannot be read; what can is above", count(errors, "part")));
    Exit::Partial
}

/// Lines of a listing after which they are printed.
const BATCH: usize = 1000;
/// Bytes of a value that a listing shows.
const SHOWN: usize = 32;

/// Prints a listing for people, as it comes. How much of it cannot be read.
fn pages(ui: &Ui, mut page: Page, listing: Listing<'_>, recursive: bool) -> io::Result<usize> {
    let (mut lines, mut errors) = (0, 0);
    for entry in listing {
        match entry {
            Entry::Key(key) if key.values.is_none() => name_line(&mut page, &key),
            Entry::Key(key) => {
                if recursive && lines > 0 {
                    page.blank();
                }
                lines += key.values.as_ref().map_or(0, Vec::len);
                key_lines(&mut page, &key, SHOWN);
            }
            Entry::Damage(damage) => {
                damage_line(&mut page, &damage);
                errors += 1;
            }
        }
        lines += 1;
        if lines > BATCH {
            ui.page(&std::mem::take(&mut page))?;
            // Not 0: something stands above.
            lines = 1;
        }
    }
    ui.page(&page)?;
    Ok(errors)
}

/// A key with its values.
fn key_lines(page: &mut Page, key: &KeyModel, limit: usize) {
    let path = plain(&key.path.lossy());
    let path = if path.is_empty() { "(root)" } else { &path };
    let written = key.last_written.as_deref().unwrap_or("a time that no calendar has");
    let mut line = Line::new().span(Style::Strong, path).text("  ").span(Style::Faint, written);
    if key.symbolic_link {
        line = line.text("  ").span(Style::Warn, "a symbolic link, not followed");
    }
    if let Some(class) = &key.class_name {
        line = line.text("  ").span(Style::Faint, format!("class {}", in_quotes(&class.lossy())));
    }
    page.line(line);
    for value in key.values.iter().flatten() {
        let name = plain(&value.name.lossy());
        let name = if name.is_empty() { "(Default)" } else { &name };
        page.line(
            Line::indented(2)
                .span(Style::Faint, format!("{:#08x}", value.offset))
                .text("  ")
                .hang()
                .text(name)
                .text(format!("  {}  {}", values::type_name(&value.value_type), shown(value, limit))),
        );
    }
}

fn shown(value: &HiveValueModel, limit: usize) -> String {
    let text = values::reading(&value.value_type, value.value.as_ref(), &value.raw);
    let as_bytes = !value.hidden && text.starts_with(&values::bytes(&value.raw)) && value.size > 0;
    match as_bytes && value.size > limit {
        true => format!("{} …  ({} bytes)", values::bytes(&value.raw[..2 * limit]), thousands(value.size)),
        false => match behind_the_nul(value) {
            0 => text,
            rest => format!("{text}  ({} behind its NUL)", count(rest, "byte")),
        },
    }
}

/// How many bytes of a text's data stand behind the NUL that ends it; no program reads those as text.
fn behind_the_nul(value: &HiveValueModel) -> usize {
    let one_text = matches!(&value.value_type, TypeModel::Name(name) if name == "REG_SZ" || name == "REG_EXPAND_SZ");
    match &value.value {
        Some(ValueModel::Text(Text::Valid(text))) if one_text => {
            value.size.saturating_sub(2 * text.encode_utf16().count() + 2)
        }
        _ => 0,
    }
}

/// A key by its name alone.
fn name_line(page: &mut Page, key: &KeyModel) {
    let path = plain(&key.path.lossy());
    let name = path.rsplit('\\').next().unwrap_or(&path);
    let written = key.last_written.as_deref().unwrap_or_default();
    let what = |n: u32, what| count(usize::try_from(n).unwrap_or(usize::MAX), what);
    let inside = format!("  {}, {}", what(key.subkey_count, "key"), what(key.value_count, "value"));
    let line = Line::indented(2).span(Style::Faint, format!("{:#08x}", key.offset)).text("  ").hang();
    page.line(line.span(Style::Strong, format!("{name}\\")).text("  ").span(Style::Faint, written).text(inside));
}

fn damage_line(page: &mut Page, damage: &DamageModel) {
    let path = damage.key.lossy();
    let path = if path.is_empty() { "(root)" } else { &path };
    page.line(
        Line::new()
            .span(Style::Bad, "damaged")
            .text("  ")
            .hang()
            .text(format!("{path}: offset {:#010x}, {}: {}", damage.offset, damage.part, damage.message)),
    );
}

/// A listing as one document. Keys are read while they are written, and the errors come behind them.
#[derive(Serialize)]
struct ListView<'h> {
    schema: &'static str,
    hive: HiveModel,
    key: Option<Text>,
    recursive: bool,
    keys: Keys<'h>,
    errors: Errors<'h>,
}

struct Keys<'h> {
    listing: Cell<Option<Listing<'h>>>,
    damage: &'h RefCell<Vec<DamageModel>>,
}

struct Errors<'h>(&'h RefCell<Vec<DamageModel>>);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_seq(None)?;
        for entry in self.listing.take().into_iter().flatten() {
            match entry {
                Entry::Key(key) => keys.serialize_element(&key)?,
                Entry::Damage(damage) => self.damage.borrow_mut().push(damage),
            }
        }
        keys.end()
    }
}

impl Serialize for Errors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.borrow().serialize(serializer)
    }
}

/// Prints a listing as JSON, as it comes. How much of it cannot be read.
fn json(ui: &Ui, hive: HiveModel, listing: Listing<'_>, recursive: bool) -> io::Result<usize> {
    let damage = RefCell::new(Vec::new());
    let key = listing.top();
    let keys = Keys { listing: Cell::new(Some(listing)), damage: &damage };
    ui.json(&ListView { schema: "gpol.hive-list/1", hive, key, recursive, keys, errors: Errors(&damage) })?;
    Ok(damage.into_inner().len())
}

fn failed(hive: &HiveModel, error: &HiveFileError) -> CommandError {
    failed_at(Path::new(&hive.path), error)
}

fn failed_at(path: &Path, error: &HiveFileError) -> CommandError {
    let name = path.display();
    let again = quoted(&name.to_string());
    match error {
        HiveFileError::Io { path, source } => cannot_read(path, source),
        HiveFileError::NotAHive { path, instead, error } => {
            let (name, again) = (path.display(), quoted(&path.display().to_string()));
            let failed = |what: &str| CommandError::new(Code::NOT_A_HIVE, format!("{name} {what}"));
            match instead {
                Instead::Empty => failed("is empty").help("restore it from a backup"),
                Instead::Log => failed("is the log of a hive, not the hive")
                    .help("name the hive beside it; its logs are read with it"),
                Instead::PolicyFile => {
                    failed("is a policy file, not a registry hive").help(format!("its records:  gpol pol cat {again}"))
                }
                Instead::Unknown => failed("is not a registry hive that gpol can read")
                    .detail(error.to_string())
                    .help("hives of an installation lie in Windows/System32/config, a user's is NTUSER.DAT"),
            }
        }
        HiveFileError::Damaged { place, error } => {
            let place = if place.is_empty() { "its root" } else { place };
            CommandError::new(Code::HIVE_DAMAGED, format!("{name} is damaged, so {place} cannot be read"))
                .detail(error.to_string())
                .help(format!("list what can be read:  gpol hive list -r {again}"))
        }
        HiveFileError::Link { place, error } => CommandError::new(
            Code::LINKED_KEY,
            format!("{place} lies behind a symbolic link"),
        )
        .detail(error.to_string())
        .help("such a link is not followed; look at the key itself: its value SymbolicLinkValue says where it leads"),
        HiveFileError::Image(ImageError::NoHive(hive)) => {
            CommandError::new(Code::NO_TARGET, format!("{name} has no {} hive", hive.as_str()))
                .help("is the volume mounted, and its root named?")
        }
        HiveFileError::Image(ImageError::Elsewhere(_)) => {
            CommandError::new(Code::NO_KEY, "of an installation, gpol looks into HKLM\\SOFTWARE and HKLM\\SYSTEM")
                .help("name another hive by its file, such as Users/…/NTUSER.DAT, and the key from below its root")
        }
        HiveFileError::Image(error) => CommandError::new(Code::HIVE_DAMAGED, error.to_string()),
        other => CommandError::new(Code::READ, other.to_string()),
    }
}

/// What is asked for is not in the hive: how far the path leads, and where one might look.
fn not_there(verb: &str, asked: &Path, hive: &HiveModel, missing: &Missing, place: &str) -> CommandError {
    let file = quoted(&asked.display().to_string());
    let there = if missing.there.is_empty() { "the root" } else { &missing.there };
    let what = match (missing.is_value, &*missing.missing) {
        (true, "") => "default value".to_owned(),
        (true, name) => format!("value \"{name}\""),
        (false, name) => format!("key \"{name}\""),
    };
    let failed = CommandError::new(Code::NO_KEY, format!("{} has no {place}", hive.path))
        .detail(format!("{there} is there; it has no {what}"));
    if let Some(number) = &missing.control_set {
        let place = place.replacen(&missing.missing, number, 1);
        return failed
            .detail("Windows makes CurrentControlSet when it starts; Select\\Default names the next one.")
            .help(format!("gpol hive {verb} {file} {}", quoted(&place)));
    }
    if let Some(value) = &missing.value {
        let place = place.trim_end_matches('\\');
        let key = place.len().checked_sub(missing.missing.len() + 1).map_or("", |end| &place[..end]);
        return failed
            .detail(format!("\"{value}\" is a value of that key; a value is named behind a \"!\"."))
            .help(format!("gpol hive get {file} {}", quoted(&format!("{key}!{value}"))));
    }
    if !asked.is_dir()
        && let Some(rest) = without_root(place)
    {
        let inside = rest.split_once('\\').map_or("", |(_, inside)| inside);
        let inside = if inside.is_empty() { String::new() } else { format!(" {}", quoted(inside)) };
        return failed.help(format!("keys begin below the hive's root:  gpol hive {verb} {file}{inside}"));
    }
    let list = if asked.is_dir() { quoted(&hive.path) } else { file };
    let key = if missing.there.is_empty() { String::new() } else { format!(" {}", quoted(&missing.there)) };
    failed.help(format!("what is there:  gpol hive list {list}{key}"))
}
