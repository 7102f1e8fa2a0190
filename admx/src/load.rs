//! Loading a store: which files there are, which translation goes with which template, all parsed in parallel.
//!
//! A store is a folder of `*.admx` with a folder for each language: [MS-GPREG] 2.2.2.2.2 and 3.1.5.2. Names match in
//! any case. Files are taken in the order of their lower-cased names, so that the result never depends on the disk.

mod languages;

use std::io::{ErrorKind, Read};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::decode::{Decoded, decode};
use crate::file::{self, Limit};
use crate::finding::{Code, Finding, placed};
use crate::resources::{Resources, short_name};
use crate::template::{self, Template, Translation};
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

/// What the folders hold.
pub(crate) struct Loaded {
    /// In order.
    pub files: Vec<Parsed>,
    /// Names of their language folders.
    pub cultures: Vec<String>,
}

/// A folder of templates.
struct Store {
    /// With their sizes.
    templates: Vec<(PathBuf, u64)>,
    languages: Languages,
    findings: Vec<Finding>,
}

/// The bytes of the two files that are being read. One thread reads many, so it keeps the memory.
#[derive(Default)]
struct Buffers {
    admx: Vec<u8>,
    adml: Vec<u8>,
}

/// Reads all templates of the folders, in order.
pub(crate) fn load(folders: &[PathBuf], language: &str) -> Result<Loaded, LoadError> {
    let stores = folders
        .iter()
        .map(|folder| list(folder).map_err(|source| LoadError::Folder { folder: folder.clone(), source }))
        .collect::<Result<Vec<_>, _>>()?;
    let work: Vec<(usize, &(PathBuf, u64))> =
        stores.iter().enumerate().flat_map(|(i, store)| store.templates.iter().map(move |file| (i, file))).collect();
    if work.is_empty() {
        return Err(LoadError::NoTemplates { folders: folders.to_vec() });
    }
    // The largest come first, so that no thread is left with one of them at the end.
    let mut order: Vec<usize> = (0..work.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(work[index].1.1));
    let mut files = in_parallel(&order, |index, buffers| {
        let (folder, (path, _)) = work[index];
        parse_file(folder, path, &stores[folder].languages, language, buffers)
    });
    let mut cultures = Vec::new();
    for (folder, store) in stores.into_iter().enumerate() {
        cultures.extend(store.languages.cultures().map(str::to_owned));
        let mut findings = store.findings;
        findings.extend(store.languages.findings(store.templates.iter().map(|(path, _)| path)));
        files.push(Parsed { folder, template: None, findings });
    }
    Ok(Loaded { files, cultures })
}

/// Does a job for each of the numbers, begun in their order on all cores; the results are in the order of the numbers.
fn in_parallel<T: Send>(order: &[usize], job: impl Fn(usize, &mut Buffers) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(order.len()));
    let work = || {
        let mut buffers = Buffers::default();
        let mut done = Vec::new();
        while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((index, job(index, &mut buffers)));
        }
        results.lock().unwrap_or_else(PoisonError::into_inner).append(&mut done);
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        (1..cores.min(order.len())).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn list(folder: &Path) -> std::io::Result<Store> {
    let (mut templates, mut folders, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    let root = folder.canonicalize()?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_symlink()
            && let Some(finding) = leads_out(&path, &root)
        {
            findings.push(finding);
        } else if has_extension(&path, "admx") {
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            templates.push((path, size));
        } else if has_extension(&path, "adml") {
            let message = "an ADML file belongs into the folder of its language; here nobody reads it";
            findings.push(Finding::new(Code::MISPLACED, &path, message.to_owned()));
        } else if kind.is_dir() || path.is_dir() {
            folders.push(path);
        }
    }
    templates.sort_by_cached_key(|(path, _)| (lower_name(path), path.clone()));
    findings.sort_by(|a, b| a.file.cmp(&b.file));
    for pair in templates.windows(2) {
        if let [(first, _), (second, _)] = pair
            && lower_name(first) == lower_name(second)
        {
            let message = format!("differs from {} only in case; Windows can hold only one of them", short_name(first));
            findings.push(Finding::new(Code::MISPLACED, second, message));
        }
    }
    Ok(Store { templates, languages: Languages::new(folders, root), findings })
}

/// What there is to say of a link to a template, to texts or to a folder that lies outside of the store. It is not followed:
/// a store is a part of a target, which may come from anywhere.
fn leads_out(link: &Path, root: &Path) -> Option<Finding> {
    let real = link.canonicalize().ok().filter(|real| !real.starts_with(root))?;
    let read = has_extension(link, "admx") || has_extension(link, "adml") || real.is_dir();
    let message = || format!("a link that leads out of the store, to {}; it is not followed", real.display());
    read.then(|| Finding::new(Code::UNREADABLE, link, message()).help("put the file itself there".to_owned()))
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
fn parse_file(folder: usize, path: &Path, languages: &Languages, language: &str, buffers: &mut Buffers) -> Parsed {
    let file: Arc<Path> = Arc::from(path);
    let mut findings = Vec::new();
    let template = template(&file, languages, language, buffers, &mut findings);
    let template = template.unwrap_or_else(|finding| {
        findings.push(finding);
        None
    });
    Parsed { folder, template, findings }
}

/// The template with the best translation that can be read; `Err` if the file itself can't be read.
fn template(
    file: &Arc<Path>,
    languages: &Languages,
    language: &str,
    buffers: &mut Buffers,
    findings: &mut Vec<Finding>,
) -> Result<Option<Template>, Finding> {
    let admx = read(file, &mut buffers.admx)?;
    let stem = lower_stem(file);
    let fallback = || template::fallback_culture(&admx.text, admx.body);
    for (culture, path) in languages.candidates(&stem, language, fallback) {
        let adml = match read(&path, &mut buffers.adml) {
            Ok(adml) => adml,
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        let Some(resources) = resources(&path, &adml, findings) else { continue };
        let mut template = parse_template(file, &admx, &resources, findings)?;
        if let Some(template) = &mut template {
            note_other_revision(template, &resources, &path, findings);
            template.translation = Some(Translation { language: culture.to_owned(), path });
        }
        note_other_language(file, culture, language, findings);
        return Ok(template);
    }
    let template = parse_template(file, &admx, &Resources::default(), findings)?;
    if template.is_some() {
        let message = format!("no ADML file for it in {language}, en-US or any other language; ids are shown");
        let help = "copy the language folder that belongs to it beside it".to_owned();
        findings.push(Finding::new(Code::NO_TRANSLATION, file, message).help(help));
    }
    Ok(template)
}

/// The texts of a translation; `None` if it is no XML, which is a finding then.
fn resources<'t>(path: &Path, adml: &'t Decoded<'_>, findings: &mut Vec<Finding>) -> Option<Resources<'t>> {
    match Resources::parse(&adml.text, adml.body) {
        Ok((mut resources, drafts)) => {
            resources.name = Some(short_name(path));
            findings.extend(placed(path, &adml.text, drafts));
            Some(resources)
        }
        Err(stop) => {
            findings.push(not_xml(path, adml, stop));
            None
        }
    }
}

fn note_other_revision(template: &Template, resources: &Resources<'_>, adml: &Path, findings: &mut Vec<Finding>) {
    let required = template.min_required_revision.as_deref();
    if let (Some(required), Some(found)) = (required, resources.revision.as_deref())
        && is_older(found, required)
    {
        let message = format!("revision {found}, but {} requires {required}", short_name(&template.file));
        let help = "replace ADMX and ADML from the same package".to_owned();
        findings.push(Finding::new(Code::OLD_TRANSLATION, adml, message).help(help));
    }
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
        findings.push(Finding::new(Code::LANGUAGE, file, format!("no texts in {language}; {culture} is used")));
    }
}

fn read<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> Result<Decoded<'b>, Finding> {
    let unreadable = |message: String| Finding::new(Code::UNREADABLE, path, message);
    let length = fill(buffer, path).map_err(|e| unreadable(format!("the file can't be read: {e}")))?;
    decode(&buffer[..length]).map_err(|e| unreadable(e.to_string()))
}

/// Reads a whole file into a buffer that has held others, and gives its length. Does not ask for the length first, as
/// [`Read::read_to_end`] does: that is two calls of the system more for each of some 500 files.
fn fill(buffer: &mut Vec<u8>, path: &Path) -> std::io::Result<usize> {
    let mut file = file::open(path)?;
    let mut length = 0;
    loop {
        Limit::TEMPLATE.check(length as u64)?;
        if length == buffer.len() {
            buffer.resize(length.max(1 << 17) * 2, 0);
        }
        match file.read(&mut buffer[length..]) {
            Ok(0) => return Ok(length),
            Ok(count) => length += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The template as such.
pub(crate) fn parse_template(
    file: &Arc<Path>,
    admx: &Decoded<'_>,
    resources: &Resources<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Template>, Finding> {
    let parsed = template::parse(file, &admx.text, admx.body, resources);
    let (template, drafts) = parsed.map_err(|stop| not_xml(file, admx, stop))?;
    findings.extend(placed(file, &admx.text, drafts));
    Ok(template)
}

fn not_xml(file: &Path, decoded: &Decoded<'_>, stop: xml::Stop) -> Finding {
    let fault = xml::explain(decoded, stop);
    Finding::new(Code::UNREADABLE, file, fault.message).place(Some(fault.place)).help(fault.help)
}

#[cfg(test)]
mod tests;
