//! What is written.

use std::fmt;
use std::io;
use std::path::Path;

use admx::Catalog;
use gpo::exchange::backup::{self, Label};
use gpo::exchange::state::{self, StateFile};
use gpo::exchange::{Loss, Nowhere, Scoped, csv, json, lgpo, policy_rules, reg, samba};
use gpo::plan::Plan;

use super::ConvertArgs;
use super::format::FileFormat;
use super::input::{Inputs, Policy};
use crate::context::failed;
use crate::error::{Code, CommandError, Stop};
use crate::interrupt::whole;

/// What a conversion gives.
pub enum Output<'a> {
    File { bytes: Vec<u8>, losses: Vec<Loss> },
    Text(Text<'a>),
    Folder { files: Vec<(String, Vec<u8>)>, losses: Vec<Loss> },
}

/// A text that is made while it is printed: it may be larger than memory.
pub struct Text<'a> {
    losses: Vec<Loss>,
    make: Make<'a>,
    /// Its form in a file.
    encode: fn(String) -> Vec<u8>,
}

type Make<'a> = Box<dyn Fn(&mut dyn fmt::Write) -> fmt::Result + 'a>;

impl Text<'_> {
    /// To wherever results go.
    pub fn print(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let mut out = Letters { out, failed: None };
        let done = (self.make)(&mut out);
        match (done, out.failed) {
            (Ok(()), _) => Ok(()),
            (Err(_), failed) => Err(failed.unwrap_or_else(|| io::Error::other("a text cannot be made"))),
        }
    }

    /// As a file holds it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        (self.make)(&mut text).expect("a text in memory takes what is written");
        (self.encode)(text)
    }
}

/// Writes text as bytes, and keeps the error of the system.
struct Letters<'o> {
    out: &'o mut dyn io::Write,
    failed: Option<io::Error>,
}

impl fmt::Write for Letters<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_all(text.as_bytes()).map_err(|error| {
            self.failed = Some(error);
            fmt::Error
        })
    }
}

impl Output<'_> {
    pub fn losses(&self) -> &[Loss] {
        match self {
            Self::File { losses, .. } | Self::Text(Text { losses, .. }) | Self::Folder { losses, .. } => losses,
        }
    }
}

/// Writes the policy in a format, in memory.
pub fn make<'a>(
    format: FileFormat,
    inputs: &'a Inputs,
    policy: &'a [Policy<'a>],
    catalog: Option<&'a Catalog>,
    args: &'a ConvertArgs,
) -> Result<Output<'a>, Stop> {
    let scopes: Vec<Scoped<'_>> =
        policy.iter().filter_map(|policy| Some(Scoped { scope: policy.scope.clone()?, file: &policy.file })).collect();
    let remarks: Vec<String> = inputs.asides().iter().map(super::loss::remark).collect();
    let names: Vec<String> = inputs.sources.iter().map(|source| source.path.display().to_string()).collect();
    let (source, label) = (names.join(", "), label(inputs, args));
    let done = |bytes: Vec<u8>| Output::File { bytes, losses: Vec::new() };
    let text = |losses: Vec<Loss>, make: Make<'a>, encode| Output::Text(Text { losses, make, encode });
    let said = |losses: Result<Vec<Loss>, fmt::Error>| losses.expect("nothing refuses what is kept nowhere");
    Ok(match format {
        FileFormat::Pol => done(policy.iter().flat_map(|policy| policy.file.as_bytes()).copied().collect()),
        FileFormat::Json => {
            let records = json::Listed::whole(policy.iter().flat_map(|policy| policy.file.records()));
            let make: Make<'a> = Box::new(move |out| {
                let mut bytes = Utf8 { out, rest: Vec::new() };
                serde_json::to_writer_pretty(&mut bytes, &records).map_err(|_| fmt::Error)?;
                out.write_str("\n")
            });
            text(Vec::new(), make, String::into_bytes)
        }
        FileFormat::Lgpo => text(
            said(lgpo::stream(&scopes, &source, &remarks, &mut Nowhere)),
            Box::new(move |out| lgpo::stream(&scopes, &source, &remarks, out).map(drop)),
            marked_if_needed,
        ),
        FileFormat::PolicyRules => text(
            said(policy_rules::stream(&scopes, &source, &label, &remarks, &mut Nowhere)),
            Box::new(move |out| policy_rules::stream(&scopes, &source, &label, &remarks, out).map(drop)),
            marked,
        ),
        FileFormat::Reg => text(
            said(reg::stream(&scopes, &remarks, &mut Nowhere)),
            Box::new(move |out| reg::stream(&scopes, &remarks, out).map(drop)),
            wide,
        ),
        FileFormat::SambaJson => {
            let losses = samba::losses(&scopes);
            let left_out = losses.clone();
            text(losses, Box::new(move |out| samba::stream(&scopes, &left_out, out)), String::into_bytes)
        }
        FileFormat::Csv => {
            let mark = if args.bom { "\u{FEFF}" } else { "" };
            let make: Make<'a> = Box::new(move |out| {
                out.write_str(mark)?;
                csv::stream(&scopes, catalog, out)
            });
            text(Vec::new(), make, String::into_bytes)
        }
        FileFormat::Yaml | FileFormat::Toml | FileFormat::StateJson => {
            let sides = scopes.iter().map(|scoped| state::export(&scoped.scope, scoped.file, catalog)).collect();
            let state = StateFile { sides, ..StateFile::default() };
            let notation = format.notation().unwrap_or(state::Notation::Yaml);
            done(state::render(&state, notation, &remarks).into_bytes())
        }
        FileFormat::Backup => {
            let guid = inputs.parts.iter().find_map(|part| part.guid.clone());
            let made = backup::make(&scopes, &Label { name: label, guid, time: time()? }, catalog);
            Output::Folder { files: made.files, losses: made.losses }
        }
    })
}

/// The name of the GPO: what is asked for, else the input's.
fn label(inputs: &Inputs, args: &ConvertArgs) -> String {
    let of_gpo = || inputs.parts.iter().find_map(|part| part.gpo.clone());
    let of_file = || Some(inputs.sources.first()?.path.file_name()?.to_string_lossy().into_owned());
    args.name.clone().or_else(of_gpo).or_else(of_file).unwrap_or_else(|| "gpol".to_owned())
}

/// Now; or what `SOURCE_DATE_EPOCH` says, so that the same input gives the same bytes.
fn time() -> Result<u64, CommandError> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().map_err(|_| {
            CommandError::new(Code::READ, format!("SOURCE_DATE_EPOCH is {text:?}; it must be a number of seconds"))
        }),
        Err(_) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            Ok(now.map_or(0, |since| since.as_secs()))
        }
    }
}

/// UTF-8, with a byte order mark where LGPO.exe would else take other letters.
fn marked_if_needed(text: String) -> Vec<u8> {
    if text.is_ascii() { text.into_bytes() } else { marked(text) }
}

/// UTF-8 with the byte order mark that Policy Analyzer writes.
fn marked(mut text: String) -> Vec<u8> {
    text.insert(0, '\u{FEFF}');
    text.into_bytes()
}

/// UTF-16LE with a byte order mark, as Registry Editor wants it in a file; a terminal or a pipe gets UTF-8.
fn wide(text: String) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// Takes bytes that are text, however they are cut.
struct Utf8<'o> {
    out: &'o mut dyn fmt::Write,
    /// The beginning of a letter.
    rest: Vec<u8>,
}

impl io::Write for Utf8<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        self.out.write_str(whole).map_err(io::Error::other)?;
        let length = whole.len();
        self.rest.drain(..length);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the files of a backup into a folder that is not there yet, or empty.
pub fn write_folder(folder: &Path, files: Vec<(String, Vec<u8>)>) -> Result<(), CommandError> {
    let taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if taken {
        return Err(CommandError::new(
            Code::FOLDER_TAKEN,
            format!("{} is there already, and is no empty folder", folder.display()),
        )
        .detail("A backup has an index of its folder, which gpol does not change. Nothing was written.")
        .help("name a folder that does not exist yet"));
    }
    let mut plan = Plan::default();
    for (name, bytes) in files {
        plan.add(name.split('/').fold(folder.to_path_buf(), |path, part| path.join(part)), None, bytes);
    }
    whole(|| plan.commit()).map_err(|error| failed(gpo::error::Error::Commit(error)))
}
