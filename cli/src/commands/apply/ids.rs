//! `gpol plan --write-ids`: state files that name policies by their ids.

use std::path::PathBuf;

use admx::Catalog;
use gpo::error::Error;
use gpo::exchange::state::{self, Notation};
use gpo::exchange::{Sniffed, sniff};
use gpo::plan::Plan;
use serde::Serialize;

use crate::context::{failed, read_input};
use crate::error::{Code, CommandError};
use crate::source_error::state_error;

/// A name that an id took the place of.
#[derive(Serialize)]
pub struct IdModel {
    pub file: String,
    pub line: usize,
    pub from: String,
    pub to: String,
}

/// Rewrites the state files among the sources, all or none, and says what was rewritten.
pub fn write_ids(paths: &[PathBuf], catalog: &Catalog) -> Result<Vec<IdModel>, CommandError> {
    let mut plan = Plan::default();
    let mut all = Vec::new();
    // Standard input is no file that could be rewritten.
    for path in paths.iter().filter(|path| path.is_file()) {
        let bytes = read_input(path)?;
        let notation = match sniff(&gpo::exchange::decode(&bytes)) {
            Sniffed::StateYaml => Notation::Yaml,
            Sniffed::StateJson => Notation::Json,
            Sniffed::StateToml => Notation::Toml,
            _ => continue,
        };
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return Err(CommandError::new(Code::STATE, format!("{} is not UTF-8", path.display()))
                .detail("gpol writes ids into files of UTF-8 alone. Nothing was written.")
                .help("save it as UTF-8 first"));
        };
        let (new, rewritten) = state::with_ids(text, notation, catalog).map_err(|error| state_error(path, &error))?;
        if plan.files().iter().any(|file| file.path == *path) {
            continue;
        }
        let file = path.display().to_string();
        all.extend(rewritten.into_iter().map(|one| IdModel {
            file: file.clone(),
            line: one.line,
            from: one.from,
            to: one.to,
        }));
        plan.add(path, Some(bytes), new.into_bytes());
    }
    plan.commit().map_err(|error| failed(Error::Commit(error)))?;
    Ok(all)
}
