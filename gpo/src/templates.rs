//! Which templates explain a target.

use std::path::PathBuf;

use admx::{Catalog, LoadError};

use crate::target::{Kind, Target};

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Templates {
    /// Folders of templates, the first of which that has a namespace provides it. Empty to look for a store.
    pub folders: Vec<PathBuf>,
    /// Language of names, such as `en-US`.
    pub language: String,
}

/// Loads the folders asked for; else the target's own store; else, on Windows, the machine's; else the built-in catalogue.
///
/// A baseline's `Templates` are additions to those of Windows, so on Windows the machine's serve behind them.
///
/// # Errors
///
/// If the folder that counts cannot be read or has no template.
pub fn load(templates: &Templates, target: Option<&Target>) -> Result<Catalog, LoadError> {
    let own = target.and_then(|target| target.store.clone()).or_else(of_this_machine);
    let folders = match own {
        _ if !templates.folders.is_empty() => templates.folders.clone(),
        Some(store) if target.is_some_and(|target| target.kind == Kind::GpoBackup) => {
            std::iter::once(store).chain(of_this_machine()).collect()
        }
        Some(store) => vec![store],
        None => return Ok(Catalog::builtin()),
    };
    Catalog::load(&folders, &templates.language)
}

/// `%SystemRoot%\PolicyDefinitions`, on Windows.
fn of_this_machine() -> Option<PathBuf> {
    let root = std::env::var_os("SystemRoot").filter(|_| cfg!(windows))?;
    let store = PathBuf::from(root).join("PolicyDefinitions");
    store.is_dir().then_some(store)
}
