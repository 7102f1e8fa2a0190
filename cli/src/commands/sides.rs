//! What `diff` and `check` have in common: two sides, opened, named and paired.

use std::path::{Path, PathBuf};

use ::admx::Catalog;
use clap::Args;
use gpo::by_scope::{Joined, ScopeUnknown, rows};
use gpo::contents::{Contents, GpoFile, Role, Unequal};
use gpo::desired::Desired;
use gpo::exchange::lgpo::Scope;
use gpo::model::RecordModel;
use gpo::scan;
use gpo::scope::Scope as Asked;
use gpo::source::{self, Options, Place, SetAside, Source, Spot};
use gpo::target;
use serde::Serialize;

use crate::args::TemplateArgs;
use crate::context::{load_templates_of, read_input};
use crate::directory::AdArgs;
use crate::error::{Code, CommandError};
use crate::overlooked::MOST;
use crate::paste::this_command;
use crate::source_error::source_error;
use crate::ui::{LISTED, Line, Page, Style, Ui};

/// What both commands take.
#[derive(Args, Debug)]
pub struct SidesArgs {
    /// Compare this scope alone; for a policy file, what it is where neither its folder nor the other side tells:
    /// computer, user, user:administrators, user:non-administrators or user:SID
    #[arg(short, long, value_name = "SCOPE")]
    pub scope: Option<Asked>,
    /// Compare registry policy alone: other files and settings (security settings, audit policy, scripts, preferences) that
    /// are not the same on both sides are listed, and do not make the exit code 7
    #[arg(long)]
    pub registry_only: bool,
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

/// Reads what is compared, and keeps account of what cannot be read.
pub struct Reader<'o> {
    options: Options<'o>,
    /// The scope that is asked for.
    asked: Option<Scope>,
    /// What cannot be read, and why.
    pub unreadable: Vec<String>,
    /// Scopes of which something cannot be read: they are compared with nothing.
    broken: Vec<Scope>,
}

impl<'o> Reader<'o> {
    pub fn new(options: Options<'o>, args: &SidesArgs) -> Self {
        let asked = args.scope.as_ref().map(Scope::from);
        Self { options, asked, unreadable: Vec::new(), broken: Vec::new() }
    }

    /// Reads one thing that says policy. Of several GPOs, and of the sides of one, what cannot be read is told: the answer
    /// is of the others then.
    pub fn read(&mut self, path: &Path, ui: &Ui) -> Result<Source, CommandError> {
        let read = match path.is_dir() || path.as_os_str() == target::LOCAL {
            true => source::read_what_can_be(path, self.options),
            false => source::read_bytes(path, read_input(path)?, self.options).map(|source| (source, Vec::new())),
        };
        let (source, problems) = read.map_err(source_error)?;
        for (index, problem) in problems.into_iter().enumerate() {
            let scope = source.broken.get(index);
            match (scope, &self.asked) {
                (Some(broken), Some(asked)) if broken == asked => return Err(source_error(problem)),
                // Nobody asks for it.
                (Some(_), Some(_)) => continue,
                _ => self.broken.extend(scope.cloned()),
            }
            self.unreadable.push(problem.to_string());
            ui.message(&source_error(problem).page());
        }
        Ok(source)
    }

    /// As [`read`](Self::read), and warns of what is odd about it.
    pub fn open(&mut self, path: &Path, ui: &Ui) -> Result<Source, CommandError> {
        let source = self.read(path, ui)?;
        warn_of(&source.notes, ui);
        Ok(source)
    }

    /// Whether something of a scope cannot be read.
    pub fn is_broken(&self, scope: &Scope) -> bool {
        self.broken.contains(scope)
    }

    /// Takes the scopes out of which something cannot be read: that the other side says something there is no difference.
    pub fn leave_out_broken(&self, sources: &mut [Source]) {
        for source in sources {
            source.parts.retain(|part| part.scope.as_ref().is_none_or(|scope| !self.is_broken(scope)));
        }
    }
}

/// Warns of what is odd about a source: each note with its place, of a long list the first ones.
pub fn warn_of(notes: &[(Place, String)], ui: &Ui) {
    for (place, note) in notes.iter().take(LISTED) {
        ui.warning(format!("{place}: {note}"));
    }
    if let Some(more) = notes.len().checked_sub(LISTED).filter(|more| *more > 0) {
        ui.warning(format!("and {more} more; gpol convert --all-losses has all of a file"));
    }
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
                let mut text =
                    format!("{} GPOs {how}: {}", self.gpos.len(), self.gpos[..self.gpos.len().min(MOST)].join(", "));
                if let Some(more) = self.gpos.len().checked_sub(MOST).filter(|more| *more > 0) {
                    text.push_str(&format!(" and {more} more; --format json names them all"));
                }
                page.field("", Line::new().span(Style::Faint, text));
            }
            _ => {}
        }
    }
}

/// What sides hold beside registry policy and is not the same on them, byte for byte: nothing is said of what it sets.
#[derive(Serialize)]
pub struct AsideModel {
    pub what: String,
    pub count: usize,
    pub place: String,
    /// How the sides differ: `not the same`, or `only` and the sides that have it.
    pub how: String,
    /// What a file is for; `null` for what stands in a text.
    pub role: Option<Role>,
    pub scope: Option<Asked>,
    /// The GPO, where GPOs are checked one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpo: Option<String>,
    /// Where it is on each side that has it.
    pub at: Vec<AsideAt>,
    /// Whether the exit code is 7 on account of it.
    pub decides: bool,
}

/// Where something is on one side.
#[derive(Serialize)]
pub struct AsideAt {
    pub side: &'static str,
    pub file: String,
    /// In bytes; `null` for what stands in a text.
    pub size: Option<u64>,
}

impl AsideModel {
    /// Of one side.
    pub fn of(aside: &SetAside, side: &'static str, decides: bool) -> Self {
        let place = match aside.place.spot {
            Spot::Line(0) | Spot::Record { .. } => aside.place.path.display().to_string(),
            Spot::Line(_) => aside.place.to_string(),
        };
        let at = vec![AsideAt { side, file: place.clone(), size: None }];
        let (what, count, how) = (aside.what.clone(), aside.count, format!("only {side}"));
        Self { what, count, place, how, role: None, scope: None, gpo: None, at, decides }
    }

    /// All that expectations hold.
    pub fn of_expected(desired: &Desired) -> Vec<Self> {
        let texts = desired.asides.iter().map(|aside| Self::of(aside, "expected", false));
        let files = files_of(&desired.contents, None).into_iter().filter(|file| file.is_overlooked());
        texts.chain(files.filter_map(|file| Self::of_files(&Unequal([Some(file)]), ["expected"], false))).collect()
    }

    /// Files of one place that are not the same on all sides.
    pub fn of_files<const N: usize>(unequal: &Unequal<'_, N>, names: [&'static str; N], decides: bool) -> Option<Self> {
        let there = names.into_iter().zip(unequal.0).filter_map(|(side, file)| Some((side, file?)));
        let there: Vec<(&'static str, &GpoFile)> = there.collect();
        let (_, first) = there.first()?;
        let at = |(side, file): &(&'static str, &GpoFile)| AsideAt {
            side,
            file: file.path.display().to_string(),
            size: Some(file.size),
        };
        let sides: Vec<&str> = there.iter().map(|(side, _)| *side).collect();
        Some(Self {
            what: first.what(),
            count: 1,
            place: first.path.display().to_string(),
            how: if N > 1 && there.len() == N {
                "not the same".to_owned()
            } else {
                format!("only {}", sides.join(" and "))
            },
            role: Some(first.role),
            scope: first.scope.clone(),
            gpo: None,
            at: there.iter().map(at).collect(),
            decides,
        })
    }

    /// In a sentence: what, on which sides, and where.
    pub fn sentence(&self) -> String {
        let gpo = self.gpo.as_ref().map(|gpo| format!("{gpo}: ")).unwrap_or_default();
        let places: Vec<&str> = self.at.iter().map(|at| &*at.file).collect();
        format!("{gpo}{}{}, {}: {}", self.what, self.times(), self.how, places.join(", "))
    }

    fn times(&self) -> String {
        if self.count > 1 { format!(" ({} of them)", self.count) } else { String::new() }
    }

    fn line(&self) -> Line {
        let gpo = self.gpo.as_ref().map(|gpo| format!("{gpo}: ")).unwrap_or_default();
        let places: Vec<&str> = self.at.iter().map(|at| &*at.file).collect();
        let what = format!("{gpo}{}{}, {}", self.what, self.times(), self.how);
        Line::indented(2).text(what).hang_at(4).span(Style::Faint, format!("  {}", places.join(", ")))
    }
}

/// What was left aside, under a heading; the first of it if it is much.
pub fn asides<'a>(page: &mut Page, heading: Line, all: impl IntoIterator<Item = &'a AsideModel>) {
    let all: Vec<&AsideModel> = all.into_iter().collect();
    if all.is_empty() {
        return;
    }
    page.blank().line(heading);
    for aside in all.iter().take(MOST) {
        page.line(aside.line());
    }
    if let Some(more) = all.len().checked_sub(MOST).filter(|more| *more > 0) {
        page.line(Line::indented(2).span(Style::Faint, format!("and {more} more; --format json has them all")));
    }
}

/// The files of GPOs that are of the scope that is asked for.
pub fn files_of<'g>(gpos: impl IntoIterator<Item = &'g Contents>, asked: Option<&Asked>) -> Vec<&'g GpoFile> {
    let all = gpos.into_iter().flat_map(|gpo| &gpo.files);
    all.filter(|file| asked.is_none_or(|scope| file.is_of(scope))).collect()
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
