//! What is wrong with a source, for people.

use std::path::Path;

use gpo::desired::DesiredError;
use gpo::exchange::TextError;
use gpo::exchange::json::JsonError;
use gpo::exchange::lgpo::{LgpoError, LgpoErrorKind};
use gpo::model::ModelError;
use gpo::source::SourceError;

use crate::context::failed;
use crate::error::{Code, CommandError};
use crate::paste::this_command;

/// What is wrong with an input, for people.
pub fn source_error(error: SourceError) -> CommandError {
    match error {
        SourceError::Target(error) => failed(error.into()),
        SourceError::Policy(error) => failed(*error),
        SourceError::Io { path, source } => failed(gpo::error::Error::Io { path, source }),
        SourceError::Lgpo { path, error } => lgpo_error(&path, &error),
        SourceError::Records { error: ref records, .. }
            if matches!(**records, JsonError::Record { error: ModelError::Hidden, .. }) =>
        {
            CommandError::new(Code::HIDDEN_DATA, error.to_string())
                .detail("Nothing was written.")
                .help("make one that is to be read again of the policy file:  gpol convert SOME.pol -f json")
        }
        SourceError::Records { .. } => CommandError::new(Code::JSON, error.to_string())
            .detail("Nothing was written.")
            .help("to see the shape of it:  gpol convert SOME.pol -f json"),
        SourceError::Text { path, format, error } => {
            let what = format!("{}, {error}", path.display());
            let failed = CommandError::new(Code::EXCHANGE, what)
                .detail(format!("The input was read as {format}. Nothing was written."));
            match error.help {
                Some(help) => failed.help(help),
                None => failed,
            }
        }
        SourceError::State { path, error } => state_error(&path, &error),
        other => CommandError::new(Code::READ, other.to_string()),
    }
}

/// Why it is not clear what is wanted, for people.
pub fn desired_error(error: DesiredError) -> CommandError {
    let what = error.to_string();
    match error {
        DesiredError::Source(error) => source_error(error),
        DesiredError::SideNeeded(_) => {
            CommandError::new(Code::SIDE_NEEDED, what).help("add --scope computer or --scope user")
        }
        DesiredError::Outside { .. } => CommandError::new(Code::EXTENDS_OUTSIDE, what)
            .detail("A state file may come from somebody who must not read what lies elsewhere. Nothing was read there, and nothing written.")
            .help(format!("if the file is known and meant:  {} --allow-outside", this_command())),
        DesiredError::Contradiction { .. } => CommandError::new(Code::CONTRADICTION, what)
            .detail("A policy that is wanted otherwise than in a file that this one extends must say that it means to. Nothing was written.")
            .help("add to the policy:  override: true"),
        DesiredError::Account { .. } => CommandError::new(Code::NO_SCOPE, what)
            .detail("Nothing was written.")
            .help("write the user's SID there; groups are administrators and non-administrators"),
        _ => CommandError::new(Code::READ, what),
    }
}

pub fn state_error(path: &Path, error: &TextError) -> CommandError {
    let failed = CommandError::new(Code::STATE, format!("{}, {error}", path.display())).detail("Nothing was written.");
    match &error.help {
        Some(help) => failed.help(help),
        None => failed.help("the fields of a state file:  gpol schema state"),
    }
}

fn lgpo_error(path: &Path, error: &LgpoError) -> CommandError {
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
