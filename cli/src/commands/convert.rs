//! `gpol convert`: policy files to text and back.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gpo::exchange::json;
use gpo::exchange::lgpo::{self, LgpoErrorKind, Scope};
use polfile::PolicyFile;

use crate::args::ScopeArgs;
use crate::commands::pol::count;
use crate::context::{parse, read_input, scope_of_file, write_output};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::paste::this_command;
use crate::ui::Ui;

/// Convert a policy file to text and back
///
/// The input is recognised by its content: a policy file, LGPO text, or gpol's JSON.
/// A policy file converted to a policy file keeps every byte. JSON is lossless both ways. LGPO
/// text cannot say everything: such records stand in it as comments, as LGPO.exe prints them, and
/// are named on standard error.
#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// File to convert, or `-` for standard input
    input: PathBuf,
    /// Write here; the format is that of the ending: .pol, .txt (LGPO text), .json
    #[arg(short, long, value_name = "FILE", required_unless_present = "format")]
    output: Option<PathBuf>,
    /// Format to write: pol, lgpo or json
    #[arg(short, long, value_name = "FORMAT", hide_possible_values = true)]
    format: Option<FileFormat>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Write what the format cannot carry as well as it can
    #[arg(long)]
    lossy: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum FileFormat {
    /// Policy file
    Pol,
    /// LGPO text
    Lgpo,
    /// JSON of records
    Json,
}

pub fn run(args: &ConvertArgs, ui: &Ui) -> Result<Exit, Stop> {
    let format = format_of(args)?;
    let bytes = read_input(&args.input)?;
    let (file, scope) = read(args, &bytes, ui)?;
    let to_file = args.output.is_some();
    let out = match format {
        FileFormat::Pol => file.into_bytes(),
        FileFormat::Json => {
            let mut text =
                serde_json::to_vec_pretty(&json::Records::new(file.records())).map_err(std::io::Error::from)?;
            text.push(b'\n');
            text
        }
        FileFormat::Lgpo => {
            let asked = args.scope.scope.as_ref().map(lgpo_scope);
            let scope = asked.or(scope).ok_or_else(|| side_needed(&args.input))?;
            lgpo_text(&file, &scope, &args.input, to_file, ui)
        }
    };
    match &args.output {
        Some(path) => write_output(path, &out, &[&args.input])?,
        None => ui.raw(&out)?,
    }
    Ok(Exit::Yes)
}

fn format_of(args: &ConvertArgs) -> Result<FileFormat, CommandError> {
    let ending =
        args.output.as_ref().and_then(|path| path.extension()).map(|e| e.to_string_lossy().to_ascii_lowercase());
    match (args.format, ending.as_deref()) {
        (Some(format), _) => Ok(format),
        (None, Some("pol")) => Ok(FileFormat::Pol),
        (None, Some("txt" | "lgpo")) => Ok(FileFormat::Lgpo),
        (None, Some("json")) => Ok(FileFormat::Json),
        (None, _) => Err(CommandError::new(Code::FORMAT_NEEDED, "the ending of the output file names no format")
            .help("add -f pol, -f lgpo or -f json")),
    }
}

/// The records, and whose policy the input is where it tells.
fn read(args: &ConvertArgs, bytes: &[u8], ui: &Ui) -> Result<(PolicyFile, Option<Scope>), CommandError> {
    let path = &args.input;
    if bytes.starts_with(b"PReg") {
        return Ok((parse(path, bytes)?, scope_of_file(path).as_ref().map(lgpo_scope)));
    }
    let text = lgpo::decode(bytes);
    if text.trim_start().starts_with('{') {
        let file = json::parse(&text).map_err(|error| {
            CommandError::new(Code::JSON, format!("{}: {error}", path.display()))
                .detail("Nothing was written.")
                .help("to see the shape of it:  gpol convert SOME.pol -f json")
        })?;
        return Ok((file, None));
    }
    // What is neither is read as LGPO text if it looks like text at all; else the policy file's reader says what it is.
    if polfile::PolicyFile::parse(bytes).is_err_and(|e| !is_text(&e.kind)) {
        return parse(path, bytes).map(|file| (file, None));
    }
    let entries = lgpo::parse(&text).map_err(|error| lgpo_error(path, &error))?;
    for entry in &entries {
        if let Some(problem) = entry.problem {
            ui.warning(format!("{}, line {}: {problem}; written as it is", path.display(), entry.line + 1));
        }
    }
    let scope = one_scope(args, &entries, ui)?;
    let wanted = |entry: &&lgpo::Entry| scope.as_ref().is_none_or(|scope| same(scope, &entry.scope));
    let records = entries.iter().filter(wanted).map(|entry| entry.record.as_ref());
    Ok((records.collect(), scope))
}

/// Whether the reader of policy files takes the input for text, or for nothing at all.
fn is_text(kind: &polfile::ErrorKind) -> bool {
    use polfile::{ErrorKind, Lookalike};
    matches!(
        kind,
        ErrorKind::Empty
            | ErrorKind::NotPolicyFile(
                Lookalike::LgpoText | Lookalike::Utf8Text | Lookalike::Utf16Text | Lookalike::Unknown
            )
    )
}

/// A scope as LGPO text names it. LGPO.exe wants a user's account name, which no policy file tells.
fn lgpo_scope(scope: &gpo::scope::Scope) -> Scope {
    use gpo::scope::Scope as Whose;
    match scope {
        Whose::Computer => Scope::Computer,
        Whose::User => Scope::User,
        Whose::Administrators => Scope::UserOf("Administrators".to_owned()),
        Whose::NonAdministrators => Scope::UserOf("Non-Administrators".to_owned()),
        Whose::UserOf(sid) => Scope::UserOf(sid.as_str().to_owned()),
    }
}

/// Whether two scopes are one; accounts have names in any case.
fn same(a: &Scope, b: &Scope) -> bool {
    match (a, b) {
        (Scope::UserOf(a), Scope::UserOf(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    }
}

/// The one scope that all entries belong to, since a policy file has one; the one asked for, if one is.
fn one_scope(args: &ConvertArgs, entries: &[lgpo::Entry], ui: &Ui) -> Result<Option<Scope>, CommandError> {
    let path = args.input.display();
    if let Some(asked) = args.scope.scope.as_ref() {
        let scope = lgpo_scope(asked);
        if !entries.is_empty() && !entries.iter().any(|entry| same(&entry.scope, &scope)) {
            ui.warning(format!("{path} has no entry for {scope}; the result is empty"));
        }
        return Ok(Some(scope));
    }
    if let Some(entry) = entries.iter().find(|entry| matches!(entry.scope, Scope::UserOf(_))) {
        let failed = CommandError::new(
            Code::LGPO_TEXT,
            format!("{path}, line {}: {} is another local GPO's policy", entry.line, entry.scope),
        )
        .detail("A policy file built from text holds the computer's or the user's settings. Nothing was written.");
        return Err(match &entry.scope {
            Scope::UserOf(account)
                if !account.eq_ignore_ascii_case("Administrators")
                    && !account.eq_ignore_ascii_case("Non-Administrators") =>
            {
                failed.help("put these entries into a text of their own, with \"User\" in their first lines")
            }
            scope => failed.help(format!(
                "to take these entries alone:  {} --scope {}",
                this_command(),
                scope.to_string().to_lowercase()
            )),
        });
    }
    let Some(first) = entries.first() else { return Ok(None) };
    match entries.iter().find(|entry| entry.scope != first.scope) {
        None => Ok(Some(first.scope.clone())),
        Some(_) if args.lossy => Ok(None),
        Some(other) => Err(CommandError::new(
            Code::MIXED_SIDES,
            format!("{path} has settings of both sides; a policy file has one"),
        )
        .detail(format!("line {}: {}      line {}: {}", first.line, first.scope, other.line, other.scope))
        .detail("Nothing was written.")
        .help("--scope computer or --scope user takes the settings of one side")
        .help("--lossy writes both into one file, as LGPO.exe /r /w does; nothing tells them apart then")),
    }
}

fn lgpo_error(path: &Path, error: &lgpo::LgpoError) -> CommandError {
    let mangled = matches!(error.kind, LgpoErrorKind::Range { .. } | LgpoErrorKind::Byte(_) | LgpoErrorKind::Clear);
    let code = if mangled { Code::LGPO_MANGLES } else { Code::LGPO_TEXT };
    let failed = CommandError::new(code, format!("{}, {error}", path.display())).detail("Nothing was written.");
    match &error.kind {
        LgpoErrorKind::Scope(_) => failed.help("an entry is four lines: scope, key, value name, action; comments begin with ; in the first column"),
        LgpoErrorKind::Action(_) => failed.help(
            "actions: DWORD:n QWORD:n SZ:text EXSZ:text MULTISZ:a\\0b BINARY:00,ff DELETE DELETEALLVALUES DELETEKEYS CREATEKEY, in capitals",
        ),
        LgpoErrorKind::Byte(_) => failed.help("write bytes as 00,1f,ff"),
        LgpoErrorKind::Clear => failed.help("to forget settings, take their entries out of the text"),
        _ => failed,
    }
}

fn side_needed(path: &Path) -> CommandError {
    CommandError::new(Code::SIDE_NEEDED, format!("nothing says which side {} belongs to", path.display()))
        .detail("LGPO text names the side in every entry; a policy file is the computer's or the user's by its folder.")
        .help("add --scope computer or --scope user")
}

/// The text as bytes; in a file, with a byte order mark where LGPO.exe would else take other letters.
fn lgpo_text(file: &PolicyFile, scope: &Scope, source: &Path, to_file: bool, ui: &Ui) -> Vec<u8> {
    if matches!(scope, Scope::UserOf(account) if account.starts_with("S-1-")) {
        ui.warning(format!(
            "{scope}: LGPO.exe wants the name of the user's account there, which a policy file does not tell"
        ));
    }
    let (text, unsaid) = lgpo::write(file.records(), scope, &source.display().to_string());
    for record in &unsaid {
        let how = if record.written { "is written, but" } else { "stands in the text as a comment:" };
        ui.warning(format!("record {} at {:#x} {how} {}", record.record + 1, record.offset, record.why));
    }
    if !unsaid.is_empty() {
        ui.warning(format!("LGPO text cannot carry {}; -f json can", count(unsaid.len(), "record")));
    }
    let mark: &[u8] = if to_file && !text.is_ascii() { b"\xEF\xBB\xBF" } else { b"" };
    [mark, text.as_bytes()].concat()
}
