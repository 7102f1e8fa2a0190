//! What is written.

use std::path::Path;

use admx::Catalog;
use gpo::exchange::backup::{self, Label};
use gpo::exchange::state::{self, StateFile};
use gpo::exchange::{Loss, Scoped, Written, csv, json, lgpo, policy_rules, reg, samba};
use gpo::plan::Plan;

use super::ConvertArgs;
use super::format::FileFormat;
use super::input::{Inputs, Policy};
use crate::context::failed;
use crate::error::{Code, CommandError, Stop};
use crate::interrupt::whole;

/// What a conversion gives.
pub enum Output {
    File { bytes: Vec<u8>, losses: Vec<Loss> },
    Folder { files: Vec<(String, Vec<u8>)>, losses: Vec<Loss> },
}

impl Output {
    pub fn losses(&self) -> &[Loss] {
        match self {
            Self::File { losses, .. } | Self::Folder { losses, .. } => losses,
        }
    }
}

/// Writes the policy in a format, in memory.
pub fn make(
    format: FileFormat,
    inputs: &Inputs,
    policy: &[Policy],
    catalog: Option<&Catalog>,
    args: &ConvertArgs,
) -> Result<Output, Stop> {
    let scopes: Vec<Scoped<'_>> =
        policy.iter().filter_map(|policy| Some(Scoped { scope: policy.scope.clone()?, file: &policy.file })).collect();
    let to_file = args.output.is_some();
    let remarks: Vec<String> = inputs.asides().iter().map(super::loss::remark).collect();
    let names: Vec<String> = inputs.sources.iter().map(|source| source.path.display().to_string()).collect();
    let (source, label) = (names.join(", "), label(inputs, args));
    let done = |bytes: Vec<u8>| Output::File { bytes, losses: Vec::new() };
    let text = |written: Written, encode: fn(&str, bool) -> Vec<u8>| Output::File {
        bytes: encode(&written.text, to_file),
        losses: written.losses,
    };
    Ok(match format {
        FileFormat::Pol => done(policy.iter().flat_map(|policy| policy.file.as_bytes()).copied().collect()),
        FileFormat::Json => {
            let records = json::Records::whole(policy.iter().flat_map(|policy| policy.file.records()));
            let mut text = serde_json::to_vec_pretty(&records).map_err(std::io::Error::from)?;
            text.push(b'\n');
            done(text)
        }
        FileFormat::Lgpo => text(lgpo::write(&scopes, &source, &remarks), marked_if_needed),
        FileFormat::PolicyRules => text(policy_rules::write(&scopes, &source, &label, &remarks), marked),
        FileFormat::Reg => text(reg::write(&scopes, &remarks), wide_in_a_file),
        FileFormat::SambaJson => text(samba::write(&scopes), |text, _| text.as_bytes().to_vec()),
        FileFormat::Csv => {
            let mark: &[u8] = if args.bom { b"\xEF\xBB\xBF" } else { b"" };
            done([mark, csv::write(&scopes, catalog).as_bytes()].concat())
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

/// UTF-8; in a file with a byte order mark where LGPO.exe would else take other letters.
fn marked_if_needed(text: &str, to_file: bool) -> Vec<u8> {
    let mark: &[u8] = if to_file && !text.is_ascii() { b"\xEF\xBB\xBF" } else { b"" };
    [mark, text.as_bytes()].concat()
}

/// UTF-8; in a file with the byte order mark that Policy Analyzer writes.
fn marked(text: &str, to_file: bool) -> Vec<u8> {
    let mark: &[u8] = if to_file { b"\xEF\xBB\xBF" } else { b"" };
    [mark, text.as_bytes()].concat()
}

/// UTF-16LE with a byte order mark, as Registry Editor wants it in a file; UTF-8 for a terminal or a pipe.
fn wide_in_a_file(text: &str, to_file: bool) -> Vec<u8> {
    match to_file {
        true => [b"\xFF\xFE".to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(),
        false => text.as_bytes().to_vec(),
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
