//! `gpol policy list` and `gpol policy search`: the policies that templates know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use admx::{Catalog, FoundIn, Policy, Side};
use clap::Args;
use gpo::contents::{self, GpoFile};
use gpo::edit::{file_of, read};
use gpo::error::Error;
use gpo::scope::Scope;
use gpo::show::AdmxModel;
use gpo::target::{LOCAL, Target};
use serde::Serialize;

use crate::args::{Format, OutputArgs, TemplateArgs};
use crate::commands::show::{state, templates};
use crate::context::{failed, load_templates, open_target};
use crate::error::Stop;
use crate::exit::Exit;
use crate::overlooked::by_role;
use crate::target_error::nothing_there;
use crate::ui::{Line, Page, Style, Ui};

/// List the policies that the templates know, or those with some words
///
/// With words, only policies in which all of them occur: in any case and order, in names, paths, registry values and help
/// texts; "nla" finds Network Level Authentication. Exit code 1 if no policy has them.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Take the templates of this target, and say what it configures; the first word if it is a path
    target: Option<PathBuf>,
    /// Words to look for
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only policies that the target configures
    #[arg(long, requires = "target")]
    configured: bool,
    /// Only categories, with the number of their policies
    #[arg(long)]
    tree: bool,
    #[command(flatten)]
    templates: TemplateArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Find policies by some of their words, in names, registry values and help texts
///
/// All words must occur, in any case. Exit code 0 if a policy has them, 1 if none.
#[derive(Args, Debug)]
pub struct SearchArgs {
    /// Words to look for
    #[arg(required = true)]
    words: Vec<String>,
    /// Take the templates of this target
    #[arg(long, value_name = "TARGET", conflicts_with = "admx")]
    of: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    templates: TemplateArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct FilterArgs {
    /// Only policies whose path of categories contains this
    #[arg(long, value_name = "TEXT")]
    category: Option<String>,
    /// Only policies whose "supported on" contains this
    #[arg(long, value_name = "TEXT")]
    supported: Option<String>,
    /// Only policies of this side: computer or user; of a target also user:administrators,
    /// user:non-administrators or user:SID
    #[arg(short, long, value_name = "SCOPE")]
    scope: Option<Scope>,
}

impl ListArgs {
    /// The first word is the target if something is there, or if it is written as a path.
    fn target_and_words(&self) -> (Option<&Path>, Option<String>) {
        let is_path = |path: &&Path| {
            path.as_os_str() == LOCAL || path.exists() || path.to_string_lossy().contains(['/', '\\', '.', '{'])
        };
        let target = self.target.as_deref().filter(is_path);
        let first = self.target.as_ref().filter(|_| target.is_none()).map(|word| word.to_string_lossy().into_owned());
        let words: Vec<String> = first.into_iter().chain(self.words.iter().cloned()).collect();
        (target, (!words.is_empty()).then(|| words.join(" ")))
    }
}

impl FilterArgs {
    fn side(&self) -> Option<Side> {
        self.scope.as_ref().map(Scope::side)
    }

    fn takes(&self, catalog: &Catalog, policy: &Policy) -> bool {
        let contains = |text: &str, part: &Option<String>| match part {
            Some(part) => text.to_lowercase().contains(&part.to_lowercase()),
            None => true,
        };
        self.side().is_none_or(|side| policy.class.has(side))
            && contains(&catalog.category_path(policy).join(" > "), &self.category)
            && contains(catalog.supported_on(policy).unwrap_or_default(), &self.supported)
    }
}

/// Policies of the templates: `gpol.policy-list/1`.
#[derive(Serialize)]
struct List {
    schema: &'static str,
    admx: AdmxModel,
    policies: Vec<Listed>,
    /// Files of the target that set something, or may, and are no registry policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_looked_at: Vec<GpoFile>,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    name: String,
    class: &'static str,
    display_name: String,
    category: Vec<String>,
    supported_on: Option<String>,
    /// By scope; only with a target.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    states: BTreeMap<Scope, &'static str>,
    /// Where the words of a search are.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_in: Option<Where>,
}

/// Where the words of a search are.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Where {
    Name,
    Path,
    Registry,
    Help,
}

impl From<FoundIn> for Where {
    fn from(found: FoundIn) -> Self {
        match found {
            FoundIn::Name => Self::Name,
            FoundIn::Path => Self::Path,
            FoundIn::Registry => Self::Registry,
            FoundIn::Help => Self::Help,
        }
    }
}

pub fn list(args: &ListArgs, ui: &Ui) -> Result<Exit, Stop> {
    let (target, words) = args.target_and_words();
    if let (None, true, Some(first)) = (target, args.configured, &args.target) {
        return Err(nothing_there(first).into());
    }
    let target = target.map(|path| open_target(path, None, ui)).transpose()?;
    let catalog = load_templates(&args.templates.templates(), target.as_ref())?;
    let found = words.as_deref().map(|words| catalog.search(words));
    let is_found =
        |policy: &Policy| found.as_ref().is_none_or(|found| found.iter().any(|hit| std::ptr::eq(hit.policy, policy)));
    let (states, broken) = match &target {
        Some(target) => states(catalog, target, args.filter.scope.as_ref())?,
        None => Default::default(),
    };
    let complete = broken.is_empty();
    broken.into_iter().for_each(|error| ui.message(&failed(error).page()));
    let not_looked_at = match &target {
        Some(target) => others(target, args.filter.scope.as_ref())?,
        None => Vec::new(),
    };
    let mut policies: Vec<Listed> = catalog
        .policies()
        .iter()
        .filter(|policy| is_found(policy) && args.filter.takes(catalog, policy))
        .map(|policy| Listed::new(catalog, policy, &states, None))
        .filter(|listed| !args.configured || !listed.states.is_empty())
        .collect();
    policies.sort_by_cached_key(|p| (p.category.clone(), p.display_name.trim().to_owned(), p.id.clone()));
    let none = words.is_some() && policies.is_empty();
    let list = List { schema: "gpol.policy-list/1", admx: AdmxModel::new(catalog), policies, not_looked_at };
    match args.output.format {
        Format::Json => ui.json(&list)?,
        Format::Human if args.tree => ui.page(&list.tree())?,
        Format::Human => ui.page(&list.page(target.is_some()))?,
    }
    Ok(match (complete, none) {
        (false, _) => Exit::Partial,
        (true, true) => Exit::No,
        (true, false) => Exit::Yes,
    })
}

pub fn search(args: &SearchArgs, ui: &Ui) -> Result<Exit, Stop> {
    let target = args.of.as_deref().map(|path| open_target(path, None, ui)).transpose()?;
    let catalog = load_templates(&args.templates.templates(), target.as_ref())?;
    let hits = catalog.search(&args.words.join(" "));
    let hits = hits.iter().filter(|hit| args.filter.takes(catalog, hit.policy));
    let policies: Vec<Listed> =
        hits.map(|hit| Listed::new(catalog, hit.policy, &BTreeMap::new(), Some(hit.found_in.into()))).collect();
    let found = !policies.is_empty();
    let (schema, admx) = ("gpol.policy-search/1", AdmxModel::new(catalog));
    let list = List { schema, admx, policies, not_looked_at: Vec::new() };
    match args.output.format {
        Format::Json => ui.json(&list)?,
        Format::Human => ui.page(&list.hits())?,
    }
    Ok(if found { Exit::Yes } else { Exit::No })
}

/// Files of the target, or of one scope, that are no registry policy.
fn others(target: &Target, only: Option<&Scope>) -> Result<Vec<GpoFile>, Stop> {
    let contents = contents::of(target).map_err(|source| failed(Error::Io { path: target.path.clone(), source }))?;
    Ok(contents::overlooked(contents.files.iter().filter(|file| only.is_none_or(|scope| file.is_of(scope)))))
}

/// States by the ids of policies, then by scope.
type States = BTreeMap<String, BTreeMap<Scope, &'static str>>;

/// State of every policy that the target configures, and what is wrong with sides that cannot be read, if others can.
fn states(catalog: &Catalog, target: &Target, only: Option<&Scope>) -> Result<(States, Vec<Error>), Stop> {
    let (mut states, mut broken) = (States::new(), Vec::new());
    let files = match only {
        Some(scope) => vec![file_of(target, scope).map_err(failed)?],
        None => target.sides.clone(),
    };
    for file in &files {
        let Some(scope) = file.scope.as_ref().or(only) else { continue };
        let policy_file = match read(file) {
            Ok(policy_file) => policy_file,
            Err(error) => {
                broken.push(error);
                continue;
            }
        };
        for reading in catalog.read(scope.side(), &policy_file).policies {
            states.entry(reading.policy.id()).or_default().insert(scope.clone(), reading.state.as_str());
        }
    }
    match broken.len() == files.len() && !broken.is_empty() {
        true => Err(failed(broken.swap_remove(0)).into()),
        false => Ok((states, broken)),
    }
}

impl Listed {
    fn new(
        catalog: &Catalog,
        policy: &Policy,
        states: &BTreeMap<String, BTreeMap<Scope, &'static str>>,
        found_in: Option<Where>,
    ) -> Self {
        let id = policy.id();
        Self {
            states: states.get(&id).cloned().unwrap_or_default(),
            id,
            name: policy.name.clone(),
            class: policy.class.as_str(),
            display_name: policy.display_name.clone(),
            category: catalog.category_path(policy).into_iter().map(str::to_owned).collect(),
            supported_on: catalog.supported_on(policy).map(str::to_owned),
            found_in,
        }
    }

    fn path(&self) -> String {
        self.category.iter().map(|name| name.trim()).collect::<Vec<_>>().join(" > ")
    }

    /// The side, the name that people see and the one that never changes.
    fn line(&self, start: Line, side: &str) -> Line {
        let column = start.width() + 10;
        let line = start.text(side).column(column).hang().text(self.display_name.trim());
        line.span(Style::Faint, format!("  {}", self.name))
    }

    fn sides(&self) -> &'static str {
        match self.class {
            "Machine" => "computer",
            "User" => "user",
            _ => "both",
        }
    }
}

impl List {
    fn head(&self, what: &str) -> Page {
        let mut page = Page::new();
        page.field("ADMX", templates(Some(&self.admx)).as_str());
        let policies = if self.policies.len() == 1 { "policy" } else { "policies" };
        page.field("Found", format!("{} {policies}{what}", self.policies.len()).as_str());
        if !self.not_looked_at.is_empty() {
            let others = format!("not registry policy, not looked at: {}", by_role(&self.not_looked_at));
            page.field("", Line::new().span(Style::Warn, others));
        }
        page
    }

    fn page(&self, with_states: bool) -> Page {
        let mut page = self.head("");
        let mut category = None;
        for policy in &self.policies {
            if category != Some(&policy.category) {
                page.blank().line(Line::new().span(Style::Strong, policy.path()));
                category = Some(&policy.category);
            }
            if !with_states {
                page.line(policy.line(Line::indented(2), policy.sides()));
            } else if policy.states.is_empty() {
                page.line(policy.line(state(Line::indented(2), "not-configured").column(18), policy.sides()));
            }
            for (scope, shown) in &policy.states {
                page.line(policy.line(state(Line::indented(2), shown).column(18), &scope.to_string()));
            }
        }
        page
    }

    fn tree(&self) -> Page {
        let mut page = self.head("");
        let mut counts: BTreeMap<&[String], usize> = BTreeMap::new();
        for policy in &self.policies {
            for depth in 1..=policy.category.len() {
                *counts.entry(&policy.category[..depth]).or_default() += 1;
            }
        }
        page.blank();
        for (path, n) in counts {
            let name = path.last().map(|name| name.trim()).unwrap_or_default();
            page.line(Line::indented(2 * (path.len() - 1)).text(name).span(Style::Faint, format!("  {n}")));
        }
        page
    }

    fn hits(&self) -> Page {
        let mut page = self.head("");
        for policy in &self.policies {
            page.blank().line(Line::new().span(Style::Strong, policy.display_name.trim()).hang_at(2));
            page.line(Line::indented(2).text(policy.path()));
            let found = match policy.found_in {
                Some(Where::Path) => "  words found in the path",
                Some(Where::Registry) => "  words found in the registry values",
                Some(Where::Help) => "  words found in the help text",
                _ => "",
            };
            page.line(Line::indented(2).span(Style::Faint, format!("{}  {}{found}", policy.id, policy.sides())));
        }
        page
    }
}
