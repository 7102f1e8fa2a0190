//! Anything that says registry policy, read into one shape: what `convert` turns into another format, and what can be
//! compared, checked against or applied.
//!
//! A source is recognised by its content ([`SourceKind`]). It has [`Part`]s: the records of one scope of one GPO or
//! text, in their order and with directives as records, each with its place for messages. What a source holds beside
//! registry policy (security settings, audit policy, scripts, preferences) is named in [`Source::asides`] where it stands in
//! a text, and in [`Source::contents`] where it is a file of a GPO; it is never silently dropped.
//!
//! ```no_run
//! use gpo::source::{Options, read};
//! let source = read("baseline.PolicyRules".as_ref(), Options::default())?;
//! for part in &source.parts {
//!     for (index, record) in part.file.records().enumerate() {
//!         println!("{} {}: {}", part.scope_word(), part.place(index), record.key);
//!     }
//! }
//! # Ok::<(), gpo::source::SourceError>(())
//! ```

mod error;
mod folder;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use admx::Catalog;
use admx::file::Refused;
use polfile::PolicyFile;

use crate::ad::Snapshot;
use crate::contents::{Contents, GpoFile};
use crate::effective::{PlanError, by_lines, is_gpo};
use crate::exchange::lgpo::{self, Scope};
use crate::exchange::state::{self, Absent, Named, Notation, StateFile};
use crate::exchange::{Entry, Sniffed, TextError, decode, gpp, json, policy_rules, reg, samba, sniff};
use crate::limits;
use crate::target::{self, Opened, Target};

pub use error::SourceError;

/// What a source was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceKind {
    /// A policy file, a GPO, a Windows installation, or a folder with several GPOs.
    Target(target::Kind),
    /// `gpol.records/1`.
    Records,
    /// LGPO text.
    Lgpo,
    /// Policy Analyzer's rules.
    PolicyRules,
    /// Registry Editor's text.
    Reg,
    /// The list of `samba-tool gpo load`.
    SambaJson,
    /// A state file.
    State,
    /// Registry items of Group Policy Preferences.
    GppRegistry,
}

impl SourceKind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Target(kind) => kind.name(),
            Self::Records => "JSON of records",
            Self::Lgpo => "LGPO text",
            Self::PolicyRules => ".PolicyRules",
            Self::Reg => ".reg",
            Self::SambaJson => "samba-tool's JSON",
            Self::State => "state file",
            Self::GppRegistry => "registry preferences",
        }
    }
}

/// What is needed to read some sources.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'c> {
    /// Templates that the policies of a state file come from.
    pub catalog: Option<&'c Catalog>,
    /// What Active Directory says, which has the names of domain GPOs.
    pub snapshot: Option<&'c Snapshot>,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// As it was given.
    pub path: PathBuf,
    /// The records, by GPO and scope. A text has a part for each scope, in the order in which it names them.
    pub parts: Vec<Part>,
    /// What a text holds beside registry policy.
    pub asides: Vec<SetAside>,
    /// Its GPOs with all their files, in the order in which they count. A text has none, and a policy file alone.
    pub contents: Vec<Contents>,
    /// What its path leads to, for what records do not tell. A text has none, and a policy file alone.
    pub targets: Vec<Target>,
    /// What a person should know: keys that Windows may trip over, a text that is read otherwise than LGPO.exe reads it.
    pub notes: Vec<(Place, String)>,
    /// The state file itself, which says more than records.
    pub state: Option<StateFile>,
    /// Scopes of a GPO whose policy file cannot be read: nothing is known of them. Never of several GPOs.
    pub broken: Vec<Scope>,
}

/// The records of one scope of one GPO or text.
#[derive(Clone, Debug)]
pub struct Part {
    /// Whose; `None` for a policy file or a list of records that does not tell.
    pub scope: Option<Scope>,
    /// Name of the GPO, else its GUID, where there are any.
    pub gpo: Option<String>,
    /// GUID of the GPO, where it has one.
    pub guid: Option<String>,
    /// The GPO's folder; `None` for a text or a list.
    pub folder: Option<PathBuf>,
    /// The file that holds them.
    pub path: PathBuf,
    /// The records, in their order.
    pub file: PolicyFile,
    /// What must have no record; only a state file can say so.
    pub absent: Vec<Absent>,
    /// The policies that it names; only a state file does.
    pub policies: Vec<Named>,
    /// Lines of the records, where the source is a text.
    lines: Option<Vec<usize>>,
}

impl Part {
    /// Where a record comes from, counted from 0.
    pub fn place(&self, record: usize) -> Place {
        let spot = match &self.lines {
            Some(lines) => Spot::Line(lines.get(record).copied().unwrap_or_default()),
            None => Spot::Record { record, offset: self.file.record(record).map_or(0, |record| record.offset) },
        };
        Place { path: self.path.clone(), spot }
    }

    /// As `--scope` takes it; `unknown` where nothing tells.
    pub fn scope_word(&self) -> String {
        self.scope.as_ref().map_or_else(|| "unknown".to_owned(), Scope::word)
    }
}

/// A GPO of a source: its records and its files; or a part that is of no GPO.
#[derive(Clone, Debug)]
pub struct OfGpo {
    /// Its policy files, those that are there.
    pub parts: Vec<Part>,
    /// Its files; `None` for a part of a text.
    pub contents: Option<Contents>,
}

impl OfGpo {
    /// The GPO's folder.
    pub fn folder(&self) -> Option<&PathBuf> {
        self.contents.as_ref().map(|contents| &contents.folder)
    }

    /// Name of the GPO, else its GUID, where there are any.
    pub fn name(&self) -> Option<&String> {
        let part = || self.parts.first().and_then(|part| part.gpo.as_ref());
        self.contents.as_ref().map_or_else(part, |contents| contents.gpo.as_ref())
    }

    /// GUID of the GPO, where it has one.
    pub fn guid(&self) -> Option<&String> {
        self.contents.as_ref().and_then(|contents| contents.guid.as_ref())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        let part = || self.parts.first().map(|part| part.folder.as_ref().unwrap_or(&part.path));
        self.folder().or_else(part).map_or(Path::new(""), PathBuf::as_path)
    }

    /// Whether it is meant by its GUID, its name or its path.
    pub fn is_called(&self, name: &str) -> bool {
        is_gpo(self.guid().map(String::as_str), self.name().map(String::as_str), self.path(), name)
    }

    /// What people know it by: its name, else its path.
    pub fn title(&self) -> String {
        self.name().cloned().unwrap_or_else(|| self.path().display().to_string())
    }
}

/// A place to name in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub spot: Spot,
}

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A record of a policy file.
    Record {
        /// Counted from 0.
        record: usize,
        /// In bytes.
        offset: usize,
    },
    /// A line of a text, counted from 1.
    Line(usize),
}

/// `baseline.yaml:88`; `Registry.pol, record 4 @ 0x20e`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.spot {
            Spot::Line(0) => write!(f, "{path}"),
            Spot::Line(line) => write!(f, "{path}:{line}"),
            Spot::Record { record, offset } => write!(f, "{path}, record {} @ {offset:#x}", record.saturating_add(1)),
        }
    }
}

/// Something that is no registry policy, or that no record can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is, or the first of them.
    pub place: Place,
    /// What it is.
    pub what: String,
    /// How many of them.
    pub count: usize,
}

impl From<&GpoFile> for SetAside {
    fn from(file: &GpoFile) -> Self {
        Self { place: Place { path: file.path.clone(), spot: Spot::Line(0) }, what: file.what(), count: 1 }
    }
}

/// Reads a file or a folder, all of it.
///
/// # Errors
///
/// [`SourceError`] where there is nothing, where nothing recognises it, and where its reader finds it broken.
pub fn read(path: &Path, options: Options<'_>) -> Result<Source, SourceError> {
    let (source, mut problems) = read_what_can_be(path, options)?;
    match problems.is_empty() {
        true => Ok(source),
        false => Err(problems.swap_remove(0)),
    }
}

/// As [`read`], but of several GPOs those that can be read, of one GPO its sides that can be read, and what is wrong with the
/// others: for answers that may be of a part, if they say so. Of one GPO the problems are in the order of [`Source::broken`].
///
/// # Errors
///
/// As [`read`], of a folder only if nothing in it can be read.
pub fn read_what_can_be(path: &Path, options: Options<'_>) -> Result<(Source, Vec<SourceError>), SourceError> {
    if path.is_dir() || path.as_os_str() == target::LOCAL {
        let mut opened = target::open(path)?;
        opened.take_names(options.snapshot);
        return match opened {
            Opened::One(target) => folder::one(path, target),
            Opened::Several(set) => folder::several(path, set),
        };
    }
    let bytes =
        admx::file::read(path, limits::INPUT).map_err(|source| SourceError::Io { path: path.to_path_buf(), source })?;
    Ok((read_bytes(path, bytes, options)?, Vec::new()))
}

/// Reads what a file holds. `path` is for messages, and for the side that a policy file has by its folder.
///
/// # Errors
///
/// As [`read`].
pub fn read_bytes(path: &Path, bytes: Vec<u8>, options: Options<'_>) -> Result<Source, SourceError> {
    if bytes.starts_with(b"PReg") {
        return policy_file(path, bytes);
    }
    let text = decode(&bytes);
    text_or_bytes(path, &text, bytes, options).map_err(|error| error.without_secrets(&text))
}

/// Reads a text of any format, or says what the bytes are.
fn text_or_bytes(path: &Path, text: &str, bytes: Vec<u8>, options: Options<'_>) -> Result<Source, SourceError> {
    let wrong = |format: &'static str| {
        move |error| SourceError::Text { path: path.to_path_buf(), format, error: Box::new(error) }
    };
    match sniff(text) {
        Sniffed::Records => {
            let file = json::parse(text)
                .map_err(|error| SourceError::Records { path: path.to_path_buf(), error: Box::new(error) })?;
            let mut source = Source::empty(SourceKind::Records, path);
            source.parts.push(Part::new(path, None, file));
            Ok(source)
        }
        Sniffed::Reg => {
            let entries = reg::parse(text).map_err(wrong(".reg text"))?;
            Ok(Source::of_entries(SourceKind::Reg, path, entries))
        }
        Sniffed::PolicyRules => {
            let rules = policy_rules::parse(text).map_err(wrong("rules of Policy Analyzer"))?;
            let mut source = Source::of_entries(SourceKind::PolicyRules, path, rules.entries);
            source.set_aside(rules.asides);
            Ok(source)
        }
        Sniffed::GppRegistry => {
            let items = gpp::parse(text).map_err(wrong("registry preferences"))?;
            let mut source = Source::of_entries(SourceKind::GppRegistry, path, items.entries);
            source.set_aside(items.asides);
            Ok(source)
        }
        Sniffed::SambaJson => {
            let entries = samba::parse(text).map_err(wrong("a list for samba-tool"))?;
            Ok(Source::of_entries(SourceKind::SambaJson, path, entries))
        }
        Sniffed::StateYaml => state(path, text, Notation::Yaml, options),
        Sniffed::StateJson => state(path, text, Notation::Json, options),
        Sniffed::StateToml => state(path, text, Notation::Toml, options),
        Sniffed::Other => {
            // If it does not look like text at all, the reader of policy files says what it is.
            match PolicyFile::parse(&bytes) {
                Err(error) if !is_text(&error.kind) => {
                    Err(SourceError::Policy(Box::new(crate::error::Error::Malformed {
                        path: path.to_path_buf(),
                        bytes,
                        error,
                    })))
                }
                _ => {
                    let entries = lgpo::parse(text).map_err(|error| match is_state_by_name(path) {
                        true => not_a_state(path),
                        false => SourceError::Lgpo { path: path.to_path_buf(), error: Box::new(error) },
                    })?;
                    let mut source = Source::of_entries(SourceKind::Lgpo, path, entries);
                    if let Some(line) = lgpo::unescaped_line(text) {
                        let what = "backslashes are read as they stand, as LGPO.exe wrote them before version 3.0";
                        source.note(line, format!("{what}; 3.0 would read \\r and \\n as line ends"));
                    }
                    Ok(source)
                }
            }
        }
    }
}

/// Whether a file is called as state files are.
fn is_state_by_name(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ["yaml", "yml", "json", "toml"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// What is said of a file that was to be a state file. Nothing of it is quoted: somebody who may write state files, as in a
/// pull request, could have it read, as by a link, and must not see in a log what is in it.
fn not_a_state(path: &Path) -> SourceError {
    let error = TextError::new(1, 1, "this is no state file").help("a state file begins with:  apiVersion: gpol/v1");
    SourceError::State { path: path.to_path_buf(), error: Box::new(error) }
}

/// Whether the reader of policy files takes the input for text, or for nothing at all.
fn is_text(kind: &polfile::ErrorKind) -> bool {
    use polfile::{ErrorKind, Lookalike};
    matches!(
        kind,
        ErrorKind::Empty
            | ErrorKind::NotPolicyFile(
                Lookalike::LgpoText | Lookalike::Utf8Text | Lookalike::Utf16Text | Lookalike::Unknown
            )
    )
}

fn policy_file(path: &Path, bytes: Vec<u8>) -> Result<Source, SourceError> {
    let file = match PolicyFile::try_from_bytes(bytes) {
        Ok(file) => file,
        Err((bytes, error)) => {
            let path = path.to_path_buf();
            return Err(SourceError::Policy(Box::new(crate::error::Error::Malformed { path, bytes, error })));
        }
    };
    let side = Target::open(path).ok().filter(|target| target.kind == target::Kind::Pol);
    let scope = side.and_then(|target| target.sides.first()?.scope.as_ref().map(Scope::from));
    let mut source = Source::empty(SourceKind::Target(target::Kind::Pol), path);
    source.parts.push(Part::new(path, scope, file));
    Ok(source)
}

fn state(path: &Path, text: &str, notation: Notation, options: Options<'_>) -> Result<Source, SourceError> {
    let wrong = |error| SourceError::State { path: path.to_path_buf(), error: Box::new(error) };
    let too_large = |refused: Refused| SourceError::Io { path: path.to_path_buf(), source: refused.into() };
    limits::STATE_FILE.check(text.len() as u64).map_err(too_large)?;
    let state = state::parse(text, notation).map_err(wrong)?;
    let mut source = Source::empty(SourceKind::State, path);
    for resolved in state::resolve(&state, options.catalog).map_err(wrong)? {
        let lines = resolved.places.iter().map(|at| at.line).collect();
        let part = Part::new(path, Some(resolved.scope), resolved.file);
        source.parts.push(Part { absent: resolved.absent, policies: resolved.policies, lines: Some(lines), ..part });
    }
    source.state = Some(state);
    Ok(source)
}

impl Part {
    fn new(path: &Path, scope: Option<Scope>, file: PolicyFile) -> Self {
        Self {
            scope,
            gpo: None,
            guid: None,
            folder: None,
            path: path.to_path_buf(),
            file,
            absent: Vec::new(),
            policies: Vec::new(),
            lines: None,
        }
    }
}

impl Source {
    /// What it holds beside registry policy, in texts and in files.
    pub fn beside_policy(&self) -> Vec<SetAside> {
        let files = self.contents.iter().flat_map(|gpo| &gpo.files).filter(|file| file.is_overlooked());
        self.asides.iter().cloned().chain(files.map(SetAside::from)).collect()
    }

    /// The source GPO by GPO, in their order; parts of no GPO stand alone.
    pub fn gpos(&self) -> Vec<OfGpo> {
        let mut gpos: Vec<OfGpo> = self
            .contents
            .iter()
            .map(|contents| OfGpo { parts: Vec::new(), contents: Some(contents.clone()) })
            .collect();
        let places: HashMap<&PathBuf, usize> =
            self.contents.iter().enumerate().map(|(at, contents)| (&contents.folder, at)).collect();
        for part in &self.parts {
            let at = part.folder.as_ref().and_then(|folder| places.get(folder));
            match at.and_then(|at| gpos.get_mut(*at)) {
                Some(gpo) => gpo.parts.push(part.clone()),
                None => gpos.push(OfGpo { parts: vec![part.clone()], contents: None }),
            }
        }
        gpos
    }

    /// Puts its GPOs into the order of the lines of a text, weakest first: each the path, GUID or name of one. Gives back
    /// the names of those that no line names, which are taken out.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if a line means none of them, or several.
    pub fn sort_gpos(&mut self, order: &str) -> Result<Vec<String>, PlanError> {
        let (sorted, left) = by_lines(self.gpos(), order, |gpo, name| gpo.is_called(name))?;
        self.parts = sorted.iter().flat_map(|gpo| gpo.parts.clone()).collect();
        self.contents = sorted.into_iter().filter_map(|gpo| gpo.contents).collect();
        Ok(left.iter().map(OfGpo::title).collect())
    }

    fn empty(kind: SourceKind, path: &Path) -> Self {
        let path = path.to_path_buf();
        let (parts, asides, contents, targets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { kind, path, parts, asides, contents, targets, notes: Vec::new(), state: None, broken: Vec::new() }
    }

    fn of_entries(kind: SourceKind, path: &Path, entries: Vec<Entry>) -> Self {
        let mut source = Self::empty(kind, path);
        let mut parts: HashMap<Scope, usize> = HashMap::new();
        for entry in entries {
            if let Some(problem) = entry.problem() {
                source.note(entry.line, format!("{problem}; taken as it is"));
            }
            let index = *parts.entry(entry.scope.clone()).or_insert_with(|| {
                let part = Part::new(path, Some(entry.scope.clone()), PolicyFile::new());
                source.parts.push(Part { lines: Some(Vec::new()), ..part });
                source.parts.len().saturating_sub(1)
            });
            if let Some(part) = source.parts.get_mut(index) {
                part.file.push(entry.record.as_ref());
                part.lines.get_or_insert_default().push(entry.line);
            }
        }
        source
    }

    fn note(&mut self, line: usize, what: String) {
        self.notes.push((Place { path: self.path.clone(), spot: Spot::Line(line) }, what));
    }

    fn set_aside(&mut self, asides: Vec<crate::exchange::Aside>) {
        let path = self.path.clone();
        self.asides.extend(asides.into_iter().map(|aside| SetAside {
            place: Place { path: path.clone(), spot: Spot::Line(aside.line) },
            what: aside.what,
            count: aside.count,
        }));
    }
}

#[cfg(test)]
mod tests;
