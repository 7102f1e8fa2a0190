//! The language folders of a store.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{has_extension, leads_out, lower_name, lower_stem, sort};
use crate::finding::{Code, Finding};

/// All folders of a store whose names are those of cultures. Their files are listed when they are asked for first.
pub(super) struct Languages {
    /// The real path of the store.
    root: PathBuf,
    cultures: Vec<Culture>,
}

struct Culture {
    name: String,
    path: PathBuf,
    files: OnceLock<Files>,
}

/// What a language folder holds, by lower-cased base name.
#[derive(Default)]
struct Files {
    adml: HashMap<String, PathBuf>,
    misplaced: Vec<PathBuf>,
    /// Links that are not followed.
    outside: Vec<Finding>,
}

impl Languages {
    pub(super) fn new(mut folders: Vec<PathBuf>, root: PathBuf) -> Self {
        sort(&mut folders);
        let cultures = folders.into_iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            is_culture(&name).then(|| Culture { name, path, files: OnceLock::new() })
        });
        Languages { root, cultures: cultures.collect() }
    }

    /// Names of the folders.
    pub(super) fn cultures(&self) -> impl Iterator<Item = &str> {
        self.cultures.iter().map(|culture| culture.name.as_str())
    }

    /// Translations of a template, the best one first: the language asked for, another culture of the same language, the
    /// template's fallback, `en-US`, `en`, any.
    pub(super) fn candidates<'a>(
        &'a self,
        stem: &'a str,
        language: &'a str,
        fallback: impl FnOnce() -> Option<String> + 'a,
    ) -> impl Iterator<Item = (&'a str, PathBuf)> + 'a {
        let mut tried = vec![false; self.cultures.len()];
        let mut fallback = Some(fallback);
        let mut step = 0;
        let mut queue = Vec::new();
        std::iter::from_fn(move || {
            loop {
                if let Some((culture, path)) = queue.pop() {
                    return Some((culture, path));
                }
                let wanted: Box<dyn Fn(&str) -> bool> = match step {
                    0 => Box::new(|name| name.eq_ignore_ascii_case(language)),
                    1 => Box::new(|name| primary(name) == primary(language)),
                    2 => match fallback.take().and_then(|f| f()) {
                        Some(culture) => Box::new(move |name| name.eq_ignore_ascii_case(&culture)),
                        None => Box::new(|_| false),
                    },
                    3 => Box::new(|name| name.eq_ignore_ascii_case("en-US")),
                    4 => Box::new(|name| name.eq_ignore_ascii_case("en")),
                    5 => Box::new(|_| true),
                    _ => return None,
                };
                step += 1;
                // The last one is popped first.
                for (culture, tried) in self.cultures.iter().zip(&mut tried).rev() {
                    if !*tried && wanted(&culture.name) {
                        *tried = true;
                        let found = culture.files(&self.root).adml.get(stem);
                        queue.extend(found.map(|path| (culture.name.as_str(), path.clone())));
                    }
                }
            }
        })
    }

    /// What lies in the listed folders and belongs elsewhere, or to nothing.
    pub(super) fn findings<'p>(&self, templates: impl Iterator<Item = &'p PathBuf>) -> Vec<Finding> {
        let stems: HashSet<String> = templates.map(|path| lower_stem(path)).collect();
        let mut findings = Vec::new();
        for culture in &self.cultures {
            let Some(files) = culture.files.get() else { continue };
            let mut orphans: Vec<&PathBuf> =
                files.adml.iter().filter(|(stem, _)| !stems.contains(*stem)).map(|(_, path)| path).collect();
            orphans.sort_by_cached_key(|path| lower_name(path));
            let orphan = "an ADML file without an ADMX file of this name";
            findings.extend(orphans.iter().map(|path| Finding::new(Code::LANGUAGE, path, orphan.to_owned())));
            let misplaced = "an ADMX file belongs above the language folders; here nobody reads it";
            findings.extend(files.outside.iter().cloned());
            let files = files.misplaced.iter();
            findings.extend(files.map(|path| Finding::new(Code::MISPLACED, path, misplaced.to_owned())));
        }
        findings
    }
}

impl Culture {
    /// An unreadable folder counts as empty: its templates then have no translation, which is a finding of theirs.
    fn files(&self, root: &Path) -> &Files {
        self.files.get_or_init(|| {
            let mut files = Files::default();
            let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
            let mut paths: Vec<PathBuf> = Vec::new();
            for entry in entries {
                let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                match is_link.then(|| leads_out(&entry.path(), root)).flatten() {
                    Some(finding) => files.outside.push(finding),
                    None => paths.push(entry.path()),
                }
            }
            files.outside.sort_by(|a, b| a.file.cmp(&b.file));
            sort(&mut paths);
            for path in paths {
                if has_extension(&path, "adml") {
                    files.adml.entry(lower_stem(&path)).or_insert(path);
                } else if has_extension(&path, "admx") {
                    files.misplaced.push(path);
                }
            }
            files
        })
    }
}

/// The language of a culture, lower-cased: `en` of `en-US`.
pub(super) fn primary(culture: &str) -> String {
    culture.split(['-', '_']).next().unwrap_or(culture).to_ascii_lowercase()
}

/// Whether a folder's name is that of a culture: `de`, `en-US`, `zh-Hant-TW`, `x-ploc`.
fn is_culture(name: &str) -> bool {
    let mut parts = name.split('-');
    let language = parts.next().unwrap_or_default();
    (1..=3).contains(&language.len())
        && language.chars().all(|c| c.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
pub(super) fn culture_names(paths: &[&std::path::Path]) -> Vec<String> {
    let languages = Languages::new(paths.iter().map(|p| p.to_path_buf()).collect(), PathBuf::new());
    languages.cultures.into_iter().map(|c| c.name).collect()
}
