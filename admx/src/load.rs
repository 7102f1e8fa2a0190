//! Loading a store: which files there are, which translation goes with which template, all parsed in parallel.
//!
//! A store is a folder of `*.admx` with a folder for each language: [MS-GPREG] 2.2.2.2.2 and 3.1.5.2. Names match in
//! any case. Files are taken in the order of their lower-cased names, so that the result never depends on the disk.

mod languages;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::decode::{Decoded, decode};
use crate::finding::{Draft, Finding, Lines, Severity};
use crate::resources::{Resources, short_name};
use crate::template::{self, Template};
use crate::xml;
use languages::Languages;

/// Why there is no catalog at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A folder can't be listed.
    #[error("{}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The folders hold no template.
    #[error("no .admx file in {}", folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoTemplates {
        /// All of them.
        folders: Vec<PathBuf>,
    },
}

/// A template, if the file is one, and what there is to say about it and its translation.
pub(crate) struct Parsed {
    /// Index of the folder it comes from.
    pub folder: usize,
    pub template: Option<Template>,
    pub findings: Vec<Finding>,
}

/// A folder of templates.
struct Store {
    templates: Vec<PathBuf>,
    languages: Languages,
    findings: Vec<Finding>,
}

/// Reads all templates of the folders, in order.
pub(crate) fn load(folders: &[PathBuf], language: &str) -> Result<Vec<Parsed>, LoadError> {
    let stores = folders
        .iter()
        .map(|folder| list(folder).map_err(|source| LoadError::Folder { folder: folder.clone(), source }))
        .collect::<Result<Vec<_>, _>>()?;
    let work: Vec<(usize, &PathBuf)> =
        stores.iter().enumerate().flat_map(|(i, store)| store.templates.iter().map(move |path| (i, path))).collect();
    if work.is_empty() {
        return Err(LoadError::NoTemplates { folders: folders.to_vec() });
    }
    let mut parsed: Vec<Parsed> =
        work.par_iter().map(|&(folder, path)| parse_file(folder, path, &stores[folder].languages, language)).collect();
    for (folder, store) in stores.into_iter().enumerate() {
        let mut findings = store.findings;
        findings.extend(store.languages.findings(&store.templates));
        parsed.push(Parsed { folder, template: None, findings });
    }
    Ok(parsed)
}

fn list(folder: &Path) -> std::io::Result<Store> {
    let (mut templates, mut folders, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if has_extension(&path, "admx") {
            templates.push(path);
        } else if has_extension(&path, "adml") {
            findings.push(Finding {
                code: "ADMX022",
                severity: Severity::Warning,
                file: path,
                place: None,
                message: "an ADML file belongs into the folder of its language; here nobody reads it".to_owned(),
                help: None,
            });
        } else if entry.file_type()?.is_dir() || path.is_dir() {
            folders.push(path);
        }
    }
    sort(&mut templates);
    findings.sort_by(|a, b| a.file.cmp(&b.file));
    for pair in templates.windows(2) {
        if let [first, second] = pair
            && lower_name(first) == lower_name(second)
        {
            findings.push(Finding {
                code: "ADMX022",
                severity: Severity::Warning,
                file: second.clone(),
                place: None,
                message: format!("differs from {} only in case; Windows can hold only one of them", short_name(first)),
                help: None,
            });
        }
    }
    Ok(Store { templates, languages: Languages::new(folders), findings })
}

/// By lower-cased file name, then by the name as it is.
fn sort(paths: &mut [PathBuf]) {
    paths.sort_by_cached_key(|p| (lower_name(p), p.clone()));
}

fn lower_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn lower_stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// What can be read of one file.
fn parse_file(folder: usize, path: &Path, languages: &Languages, language: &str) -> Parsed {
    let file: Arc<Path> = Arc::from(path);
    let mut findings = Vec::new();
    let template = read(path).and_then(|admx| {
        let stem = lower_stem(path);
        let fallback = || template::fallback_culture(&admx.text, admx.body);
        for (culture, adml_path) in languages.candidates(&stem, language, fallback) {
            match read(&adml_path) {
                Ok(adml) => match with_resources(&file, &admx, &adml_path, &adml, &mut findings) {
                    Some(template) => {
                        note_other_language(&file, culture, language, &mut findings);
                        return template;
                    }
                    None => continue,
                },
                Err(finding) => findings.push(finding),
            }
        }
        let template = parse_template(&file, &admx, &Resources::default(), &mut findings)?;
        if template.is_some() {
            findings.push(Finding {
                code: "ADMX002",
                severity: Severity::Error,
                file: path.to_owned(),
                place: None,
                message: format!("no ADML file for it in {language}, en-US or any other language; ids are shown"),
                help: Some("copy the language folder that belongs to it beside it".to_owned()),
            });
        }
        Ok(template)
    });
    let template = match template {
        Ok(template) => template,
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    Parsed { folder, template, findings }
}

/// The template with its translation; `None` if the translation can't be read, which is a finding then.
fn with_resources(
    file: &Arc<Path>,
    admx: &Decoded,
    adml_path: &Path,
    adml: &Decoded,
    findings: &mut Vec<Finding>,
) -> Option<Result<Option<Template>, Finding>> {
    let (mut resources, drafts) = match Resources::parse(&adml.text, adml.body) {
        Ok(parsed) => parsed,
        Err(stop) => {
            findings.push(not_xml(adml_path, adml, stop));
            return None;
        }
    };
    resources.name = Some(short_name(adml_path));
    findings.extend(place(adml_path, adml, drafts));
    let template = parse_template(file, admx, &resources, findings);
    if let Ok(Some(template)) = &template {
        let required = template.min_required_revision.as_deref();
        if let (Some(required), Some(found)) = (required, resources.revision.as_deref())
            && is_older(found, required)
        {
            findings.push(Finding {
                code: "ADMX010",
                severity: Severity::Warning,
                file: adml_path.to_owned(),
                place: None,
                message: format!("revision {found}, but {} requires {required}", short_name(file)),
                help: Some("replace ADMX and ADML from the same package".to_owned()),
            });
        }
    }
    Some(template)
}

/// Whether an ADML's revision does not do for what the ADMX requires: another major number, or a smaller minor one.
fn is_older(found: &str, required: &str) -> bool {
    let parse = |text: &str| {
        let (major, minor) = text.trim().split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    match (parse(found), parse(required)) {
        (Some(found), Some(required)) => found.0 != required.0 || found.1 < required.1,
        _ => false,
    }
}

fn note_other_language(file: &Path, culture: &str, language: &str, findings: &mut Vec<Finding>) {
    if languages::primary(culture) != languages::primary(language) {
        findings.push(Finding {
            code: "ADMX020",
            severity: Severity::Note,
            file: file.to_owned(),
            place: None,
            message: format!("no texts in {language}; {culture} is used"),
            help: None,
        });
    }
}

fn read(path: &Path) -> Result<Decoded, Finding> {
    let unreadable = |message: String| Finding {
        code: "ADMX001",
        severity: Severity::Error,
        file: path.to_owned(),
        place: None,
        message,
        help: None,
    };
    let bytes = std::fs::read(path).map_err(|e| unreadable(format!("the file can't be read: {e}")))?;
    decode(bytes).map_err(|e| unreadable(e.to_string()))
}

/// The template as such.
pub(crate) fn parse_template(
    file: &Arc<Path>,
    admx: &Decoded,
    resources: &Resources<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Template>, Finding> {
    let parsed = template::parse(file, &admx.text, admx.body, resources);
    let (template, drafts) = parsed.map_err(|stop| not_xml(file, admx, stop))?;
    findings.extend(place(file, admx, drafts));
    Ok(template)
}

fn not_xml(file: &Path, decoded: &Decoded, stop: xml::Stop) -> Finding {
    let fault = xml::explain(decoded, stop);
    Finding {
        code: "ADMX001",
        severity: Severity::Error,
        file: file.to_owned(),
        place: Some(fault.place),
        message: fault.message,
        help: fault.help,
    }
}

/// Findings with places, in the order of the file.
pub(crate) fn place(file: &Path, decoded: &Decoded, mut drafts: Vec<Draft>) -> Vec<Finding> {
    let mut lines = Lines::new(&decoded.text);
    drafts.sort_by_key(|draft| draft.offset);
    let placed = drafts.into_iter().map(|draft| Finding {
        code: draft.code,
        severity: draft.severity,
        file: file.to_owned(),
        place: Some(lines.place(draft.offset)),
        message: draft.message,
        help: draft.help,
    });
    placed.collect()
}

#[cfg(test)]
mod tests;
