//! What is converted.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use gpo::exchange::lgpo::Scope;
use gpo::exchange::state::{self, Notation, StateFile};
use gpo::exchange::{Sniffed, decode, sniff};
use gpo::source::{self, Options, Part, Place, SetAside, Source, SourceKind, Spot};
use gpo::target::{self, Target};
use polfile::PolicyFile;

use super::ConvertArgs;
use super::format::FileFormat;
use crate::context::read_input;
use crate::error::{Code, CommandError};
use crate::paste::this_command;
use crate::source_error::{source_error, state_error};
use crate::ui::Ui;

/// An input that was opened.
pub enum File<'a> {
    Folder(&'a Path),
    Bytes(&'a Path, Vec<u8>),
}

impl File<'_> {
    /// Whether it is a state file, whose policies need templates.
    pub fn is_state(&self) -> bool {
        self.state().is_some()
    }

    fn state(&self) -> Option<(&Path, String, Notation)> {
        let Self::Bytes(path, bytes) = self else { return None };
        if bytes.starts_with(b"PReg") {
            return None;
        }
        let text = decode(bytes);
        let notation = match sniff(&text) {
            Sniffed::StateYaml => Notation::Yaml,
            Sniffed::StateJson => Notation::Json,
            Sniffed::StateToml => Notation::Toml,
            _ => return None,
        };
        Some((path, text, notation))
    }
}

/// Reads the files; folders are read later.
pub fn open(paths: &[PathBuf]) -> Result<Vec<File<'_>>, CommandError> {
    let mut files = Vec::new();
    for path in paths {
        files.push(match path.is_dir() || path.as_os_str() == target::LOCAL {
            true => File::Folder(path),
            false => File::Bytes(path, read_input(path)?),
        });
    }
    Ok(files)
}

/// The state file, if that is all.
pub fn only_state(files: &[File<'_>]) -> Result<Option<StateFile>, CommandError> {
    let [file] = files else { return Ok(None) };
    let Some((path, text, notation)) = file.state() else { return Ok(None) };
    state::parse(&text, notation).map(Some).map_err(|error| state_error(path, &error))
}

/// The target whose templates serve, if there is one input.
pub fn only_target(paths: &[PathBuf]) -> Option<Target> {
    let [path] = paths else { return None };
    match target::open(path).ok()? {
        target::Opened::One(target) => Some(target),
        target::Opened::Several(set) => set.gpos.into_iter().next(),
    }
}

/// All that was read.
pub struct Inputs {
    pub sources: Vec<Source>,
    /// Parts of the scope that is asked for, or all.
    pub parts: Vec<Part>,
}

/// The records of one scope of all inputs.
pub struct Policy<'a> {
    pub scope: Option<Scope>,
    /// That of the only input, or the records of several.
    pub file: Cow<'a, PolicyFile>,
}

impl Inputs {
    pub fn read(
        files: Vec<File<'_>>,
        options: Options<'_>,
        asked: Option<&Scope>,
        ui: &Ui,
    ) -> Result<Self, CommandError> {
        let mut inputs = Self { sources: Vec::new(), parts: Vec::new() };
        for file in files {
            let read = match file {
                File::Folder(path) => source::read_what_can_be(path, options),
                File::Bytes(path, bytes) => source::read_bytes(path, bytes, options).map(|source| (source, Vec::new())),
            };
            let (mut source, problems) = read.map_err(source_error)?;
            // What is written must be whole; a side that nobody asks for is no part of it.
            let other_side = |index| matches!((asked, source.broken.get(index)), (Some(a), Some(b)) if a != b);
            if let Some((_, problem)) = problems.into_iter().enumerate().find(|(index, _)| !other_side(*index)) {
                return Err(source_error(problem));
            }
            let before = inputs.parts.len();
            let any = source.parts.iter().any(|part| !part.file.is_empty());
            let is_pol = source.kind == SourceKind::Target(target::Kind::Pol) || source.kind == SourceKind::Records;
            for mut part in std::mem::take(&mut source.parts) {
                match asked {
                    // A policy file alone is what one says it is.
                    Some(scope) if is_pol || part.scope.is_none() => part.scope = Some(scope.clone()),
                    Some(scope) if part.scope.as_ref() != Some(scope) => continue,
                    _ => {}
                }
                inputs.parts.push(part);
            }
            if let Some(scope) = asked.filter(|_| any && inputs.parts.len() == before) {
                ui.warning(format!("{} has no entry for {scope}; nothing of it is taken", source.path.display()));
            }
            inputs.sources.push(source);
        }
        Ok(inputs)
    }

    /// What to warn of.
    pub fn notes(&self) -> impl Iterator<Item = &(Place, String)> {
        self.sources.iter().flat_map(|source| &source.notes)
    }

    /// What is no registry policy.
    pub fn asides(&self) -> Vec<SetAside> {
        self.sources.iter().flat_map(Source::beside_policy).collect()
    }

    /// The records by scope, in the order in which the inputs name them.
    pub fn policy(&self, format: FileFormat, args: &ConvertArgs) -> Result<Vec<Policy<'_>>, CommandError> {
        if format.has_one_scope() {
            return self.one_scope(format, args).map(|policy| vec![policy]);
        }
        let mut all: Vec<Policy<'_>> = Vec::new();
        for part in &self.parts {
            let Some(scope) = &part.scope else { return Err(side_needed(&part.path)) };
            match all.iter_mut().find(|policy| policy.scope.as_ref() == Some(scope)) {
                Some(policy) => part.file.records().for_each(|record| policy.file.to_mut().push(record)),
                None => all.push(Policy { scope: Some(scope.clone()), file: Cow::Borrowed(&part.file) }),
            }
        }
        Ok(all)
    }

    /// The records of the one scope that all belong to.
    fn one_scope(&self, format: FileFormat, args: &ConvertArgs) -> Result<Policy<'_>, CommandError> {
        let known: Vec<&Part> =
            self.parts.iter().filter(|part| part.scope.is_some() && !part.file.is_empty()).collect();
        let is_pol = |part: &Part| matches!(part.place(0).spot, Spot::Record { .. });
        if args.scope.is_none()
            && !known.iter().all(|part| is_pol(part))
            && let Some(part) = known.iter().find(|part| matches!(part.scope, Some(Scope::UserOf(_))))
        {
            return Err(self.another_gpo(part));
        }
        if let Some(first) = known.first()
            && let Some(other) = known.iter().find(|part| part.scope != first.scope)
            && !args.lossy
        {
            let place = |part: &Part| match part.place(0) {
                Place { spot: Spot::Line(line), .. } => format!("line {line}: {}", title(part.scope.as_ref())),
                place => format!("{place}: {}", title(part.scope.as_ref())),
            };
            let path = self.sources.first().map(|source| source.path.display().to_string()).unwrap_or_default();
            let inputs = if self.sources.len() > 1 { format!("{path} and others have") } else { format!("{path} has") };
            let failed = CommandError::new(
                Code::MIXED_SIDES,
                format!("{inputs} settings of both sides; {} has one", format.name()),
            );
            return Err(failed
                .detail(format!("{}      {}", place(first), place(other)))
                .detail("Nothing was written.")
                .help("--scope computer or --scope user takes the settings of one side")
                .help("--lossy writes both into one file, as LGPO.exe /r /w does; nothing tells them apart then"));
        }
        let mut parts = self.parts.iter();
        let mut file = parts.next().map(|part| Cow::Borrowed(&part.file)).unwrap_or_default();
        for part in parts {
            part.file.records().for_each(|record| file.to_mut().push(record));
        }
        Ok(Policy { scope: known.first().and_then(|part| part.scope.clone()), file })
    }

    fn another_gpo(&self, part: &Part) -> CommandError {
        let is_lgpo = self.sources.iter().any(|source| source.kind == SourceKind::Lgpo);
        let code = if is_lgpo { Code::LGPO_TEXT } else { Code::MIXED_SIDES };
        let place = match part.place(0) {
            Place { path, spot: Spot::Line(line) } => format!("{}, line {line}", path.display()),
            place => place.to_string(),
        };
        let what = format!("{place}: {} is another local GPO's policy", title(part.scope.as_ref()));
        let failed = CommandError::new(code, what)
            .detail("A policy file built from text holds the computer's or the user's settings. Nothing was written.");
        match part.scope_word().parse::<gpo::scope::Scope>() {
            Ok(scope) => failed.help(format!("to take these entries alone:  {} --scope {scope}", this_command())),
            Err(_) => failed.help("put these entries into a text of their own, with \"User\" in their first lines"),
        }
    }
}

fn title(scope: Option<&Scope>) -> String {
    scope.map_or_else(|| "unknown".to_owned(), Scope::to_string)
}

fn side_needed(path: &Path) -> CommandError {
    CommandError::new(Code::SIDE_NEEDED, format!("nothing says which side {} belongs to", path.display()))
        .detail(
            "This format names the side of every record; a policy file is the computer's or the user's by its folder.",
        )
        .help("add --scope computer or --scope user")
}
