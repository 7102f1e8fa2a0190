//! What is wrong with a source, for people.

use std::path::Path;

use gpo::exchange::TextError;
use gpo::exchange::lgpo::{LgpoError, LgpoErrorKind};
use gpo::source::SourceError;

use crate::context::failed;
use crate::error::{Code, CommandError};

/// What is wrong with an input, for people.
pub fn source_error(error: SourceError) -> CommandError {
    match error {
        SourceError::Target(error) => failed(error.into()),
        SourceError::Policy(error) => failed(*error),
        SourceError::Io { path, source } => failed(gpo::error::Error::Io { path, source }),
        SourceError::Lgpo { path, error } => lgpo_error(&path, &error),
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
