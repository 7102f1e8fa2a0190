//! What `diff` and `check` have in common: two sides, opened, named and paired.

use std::path::{Path, PathBuf};

use ::admx::Catalog;
use clap::Args;
use gpo::by_scope::{Joined, ScopeUnknown, rows};
use gpo::exchange::lgpo::Scope;
use gpo::model::RecordModel;
use gpo::scan;
use gpo::scope::Scope as Asked;
use gpo::source::{self, Options, SetAside, Source, Spot};
use gpo::target;
use serde::Serialize;

use crate::args::TemplateArgs;
use crate::context::{load_templates_of, read_input};
use crate::directory::AdArgs;
use crate::error::{Code, CommandError};
use crate::paste::this_command;
use crate::source_error::source_error;
use crate::ui::{Line, Page, Style, Ui};

/// What both commands take.
#[derive(Args, Debug)]
pub struct SidesArgs {
    /// Compare this scope alone; for a policy file, what it is where neither its folder nor the other side tells:
    /// computer, user, user:administrators, user:non-administrators or user:SID
    #[arg(short, long, value_name = "SCOPE")]
    pub scope: Option<Asked>,
    #[command(flatten)]
    pub ad: AdArgs,
    #[command(flatten)]
    pub templates: TemplateArgs,
}

impl SidesArgs {
    /// Loads the templates that serve: what is asked for, else those of the first of the targets that has any.
    pub fn catalog<'p>(&self, paths: impl IntoIterator<Item = &'p PathBuf>) -> Result<&'static Catalog, CommandError> {
        load_templates_of(&self.templates.templates(), scan::store_of(paths))
    }

    /// Several sides scope by scope.
    pub fn rows<const N: usize>(&self, sides: [&[Source]; N]) -> Result<Vec<[Joined; N]>, CommandError> {
        let asked = self.scope.as_ref().map(Scope::from);
        rows(sides, asked.as_ref()).map_err(|ScopeUnknown(path)| side_needed(&path))
    }
}

/// Nothing tells whose policy a file is.
pub fn side_needed(path: &Path) -> CommandError {
    CommandError::new(Code::SIDE_NEEDED, format!("nothing says which side {} belongs to", path.display()))
        .detail("A policy file is the computer's or the user's by its folder; this one lies elsewhere, and the other side does not tell.")
        .help(format!("{} --scope computer", this_command()))
        .help(format!("{} --scope user", this_command()))
}

/// Reads one thing that says policy, all of it.
pub fn read_all(path: &Path, catalog: &Catalog) -> Result<Source, CommandError> {
    let options = Options { catalog: Some(catalog), ..Options::default() };
    let source = match path.is_dir() || path.as_os_str() == target::LOCAL {
        true => source::read(path, options),
        false => source::read_bytes(path, read_input(path)?, options),
    };
    source.map_err(source_error)
}

/// Reads one thing that says policy. Of several GPOs, what cannot be read is told and joins `unreadable`: the answer is of
/// the others then.
pub fn read(path: &Path, options: Options<'_>, unreadable: &mut Vec<String>, ui: &Ui) -> Result<Source, CommandError> {
    let read = match path.is_dir() || path.as_os_str() == target::LOCAL {
        true => source::read_what_can_be(path, options),
        false => source::read_bytes(path, read_input(path)?, options).map(|source| (source, Vec::new())),
    };
    let (source, problems) = read.map_err(source_error)?;
    for problem in problems {
        unreadable.push(problem.to_string());
        ui.message(&source_error(problem).page());
    }
    Ok(source)
}

/// As [`read`], and warns of what is odd about it.
pub fn open(path: &Path, options: Options<'_>, unreadable: &mut Vec<String>, ui: &Ui) -> Result<Source, CommandError> {
    let source = read(path, options, unreadable, ui)?;
    for (place, note) in &source.notes {
        ui.warning(format!("{place}: {note}"));
    }
    Ok(source)
}

/// A side, for JSON and headings.
#[derive(Serialize)]
pub struct SourceModel {
    pub path: String,
    pub kind: &'static str,
    /// GUID of a single GPO that has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// Names of its GPOs, in the order in which they are taken: a later one wins.
    pub gpos: Vec<String>,
}

impl SourceModel {
    pub fn new(source: &Source) -> Self {
        // The sides of a GPO stand together. Two GPOs may have one name.
        let mut gpos: Vec<(&String, Option<&String>)> =
            source.parts.iter().filter_map(|part| Some((part.gpo.as_ref()?, part.guid.as_ref()))).collect();
        gpos.dedup();
        let guid = match *gpos {
            [(gpo, Some(guid))] if gpo != guid => Some(guid.clone()),
            _ => None,
        };
        let gpos = gpos.into_iter().map(|(gpo, _)| gpo.clone()).collect();
        Self { path: source.path.display().to_string(), kind: source.kind.name(), guid, gpos }
    }

    /// The heading of a page; its GPOs count `together`, or one by one.
    pub fn field(&self, page: &mut Page, name: &str, together: bool) {
        page.field(name, Line::new().text(&self.path).text(format!("  ({})", self.kind)));
        match (&*self.gpos, &self.guid) {
            ([name], Some(guid)) => {
                page.field("", Line::new().text(name).span(Style::Faint, format!("  {guid}")));
            }
            ([_, _, ..], _) => {
                let how = if together { "taken as one, a later one wins" } else { "one by one" };
                let text = format!("{} GPOs {how}: {}", self.gpos.len(), self.gpos.join(", "));
                page.field("", Line::new().span(Style::Faint, text));
            }
            _ => {}
        }
    }
}

/// What a source holds beside registry policy, which is not looked at.
#[derive(Serialize)]
pub struct AsideModel {
    pub what: String,
    pub count: usize,
    pub place: String,
}

impl AsideModel {
    pub fn all<'s>(asides: impl IntoIterator<Item = &'s SetAside>) -> Vec<Self> {
        asides
            .into_iter()
            .map(|aside| {
                let place = match aside.place.spot {
                    Spot::Line(0) | Spot::Record { .. } => aside.place.path.display().to_string(),
                    Spot::Line(_) => aside.place.to_string(),
                };
                Self { what: aside.what.clone(), count: aside.count, place }
            })
            .collect()
    }

    pub fn line(&self) -> Line {
        let times = if self.count > 1 { format!(" ({} of them)", self.count) } else { String::new() };
        Line::indented(2).text(format!("{}{times}", self.what)).span(Style::Faint, format!("  {}", self.place))
    }
}

/// A record and where it comes from.
#[derive(Clone, Serialize)]
pub struct Located {
    /// The GPO that it stands in, where it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpo: Option<String>,
    /// Its GUID, where the name is another text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    pub place: String,
    #[serde(flatten)]
    pub record: RecordModel,
}

impl Located {
    /// The record at a place among all of a side.
    pub fn new(side: &Joined, index: usize) -> Option<Self> {
        let (part, _) = side.origin(index)?;
        let place = side.place(index)?.to_string();
        let guid = part.guid.clone().filter(|guid| part.gpo.as_ref() != Some(guid));
        Some(Self { gpo: part.gpo.clone(), guid, place, record: side.model(index)? })
    }
}

/// `computer` or `user`, as the side of a scope is shown before keys.
pub fn side_word(scope: Option<&Scope>) -> Option<&'static str> {
    scope.map(|scope| match scope.side() {
        ::admx::Side::Computer => "computer",
        ::admx::Side::User => "user",
    })
}

/// A scope as a heading.
pub fn title(scope: Option<&Scope>) -> String {
    match scope {
        None => "Side not known".to_owned(),
        Some(Scope::UserOf(account)) => format!("User ({account})"),
        Some(scope) => scope.to_string(),
    }
}
