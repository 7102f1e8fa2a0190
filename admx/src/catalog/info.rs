//! What is known of each template as a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A template that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateInfo {
    /// The ADMX file; for a built-in one, its name.
    pub file: Arc<Path>,
    /// Its target namespace.
    pub namespace: Arc<str>,
    /// The prefix that it gives its own namespace.
    pub prefix: String,
    /// `revision`, as it stands there.
    pub revision: Option<String>,
    /// How many policies it defines.
    pub policies: usize,
    /// How many categories it defines.
    pub categories: usize,
    /// Name of the language folder that its texts come from; `None` without texts.
    pub language: Option<String>,
    /// The ADML file that its texts come from.
    pub adml: Option<PathBuf>,
}
