//! `gpol admx`: the templates themselves.

mod diff;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ::admx::{Catalog, Finding, Severity, TemplateInfo};
use clap::{Args, Subcommand};
use gpo::show::AdmxModel;
use gpo::target::Target;
use gpo::templates::Templates;
use serde::Serialize;

use crate::args::{Format, OutputArgs};
use crate::commands::pol::count;
use crate::context::{load_templates, store_name};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::paste::quoted;
use crate::ui::{Line, Page, Style, Ui};

#[derive(Subcommand, Debug)]
pub enum AdmxCommand {
    /// List the templates of a store, and what is wrong with them
    ///
    /// Exit code 0; 1 if a finding is an error.
    List(ListArgs),
    /// Show one template: its categories and policies
    Show(ShowArgs),
    /// Show the tree of categories with the number of policies in each
    Tree(StoreArgs),
    /// Compare two stores: policies added, removed, renamed, and written elsewhere
    ///
    /// Exit code 0 if they are the same, 1 if they differ.
    Diff(diff::DiffArgs),
}

#[derive(Args, Debug)]
pub struct StoreArgs {
    /// Folder of ADMX templates, or a target that has one; without it, the machine's or the built-in catalogue
    store: Option<PathBuf>,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Look at every policy, too, and show notes: hundreds in Windows' own templates
    #[arg(long)]
    lint: bool,
}

#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Folder of ADMX templates, or a target that has one
    store: PathBuf,
    /// Template: its file name or its namespace
    template: String,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct LanguageArgs {
    /// Language of policy names
    #[arg(long, value_name = "LANG", default_value = "en-US", env = "GPOL_LANG", hide_env_values = true)]
    lang: String,
}

pub fn run(command: &AdmxCommand, ui: &Ui) -> Result<Exit, Stop> {
    match command {
        AdmxCommand::List(args) => list(args, ui),
        AdmxCommand::Show(args) => show(args, ui),
        AdmxCommand::Tree(args) => tree(args, ui),
        AdmxCommand::Diff(args) => diff::run(args, ui),
    }
}

/// A folder of templates, or the store of a target.
fn open(store: Option<&PathBuf>, language: &LanguageArgs) -> Result<&'static Catalog, CommandError> {
    let templates = |folders| Templates { folders, language: language.lang.clone() };
    let Some(path) = store else { return load_templates(&templates(Vec::new()), None) };
    match Target::open(path) {
        Ok(target) if target.store.is_some() => load_templates(&templates(Vec::new()), Some(&target)),
        _ => load_templates(&templates(vec![path.clone()]), None),
    }
}

/// The templates of a store: `gpol.admx-list/1`.
#[derive(Serialize)]
struct List {
    schema: &'static str,
    admx: AdmxModel,
    templates: Vec<TemplateModel>,
    findings: Vec<FindingModel>,
}

#[derive(Serialize)]
struct TemplateModel {
    file: String,
    namespace: String,
    revision: Option<String>,
    policies: usize,
    categories: usize,
    language: Option<String>,
}

#[derive(Serialize)]
struct FindingModel {
    code: &'static str,
    severity: &'static str,
    file: String,
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    help: Option<String>,
}

impl TemplateModel {
    fn new(template: &TemplateInfo) -> Self {
        Self {
            file: template.file.display().to_string(),
            namespace: template.namespace.to_string(),
            revision: template.revision.clone(),
            policies: template.policies,
            categories: template.categories,
            language: template.language.clone(),
        }
    }
}

impl FindingModel {
    fn new(finding: &Finding) -> Self {
        Self {
            code: finding.code,
            severity: finding.severity.as_str(),
            file: finding.file.display().to_string(),
            line: finding.place.map(|place| place.line),
            column: finding.place.map(|place| place.column),
            message: finding.message.clone(),
            help: finding.help.clone(),
        }
    }

    fn page(&self) -> Page {
        let style = match self.severity {
            "error" => Style::Bad,
            "warning" => Style::Warn,
            _ => Style::Faint,
        };
        let place = match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.file),
            _ => self.file.clone(),
        };
        let line = Line::new().span(style, format!("{}[{}]", self.severity, self.code));
        let mut page = Page::from(line.text(format!(": {}  ", self.message)).hang_at(2).span(Style::Faint, place));
        if let Some(help) = &self.help {
            page.line(Line::indented(2).span(Style::Good, "help: ").hang().text(help));
        }
        page
    }
}

fn list(args: &ListArgs, ui: &Ui) -> Result<Exit, Stop> {
    let ListArgs { store: args, lint: closer } = args;
    let catalog = open(args.store.as_ref(), &args.language)?;
    let lint = if *closer { catalog.lint() } else { Vec::new() };
    let worth = |finding: &&Finding| *closer || finding.severity != Severity::Note;
    let findings = || catalog.findings().iter().filter(worth).chain(&lint);
    let list = List {
        schema: "gpol.admx-list/1",
        admx: AdmxModel::new(catalog),
        templates: catalog.templates().iter().map(TemplateModel::new).collect(),
        findings: findings().map(FindingModel::new).collect(),
    };
    match args.output.format {
        Format::Json => ui.json(&list)?,
        Format::Human => ui.page(&list.page(catalog))?,
    }
    let wrong = findings().any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { Exit::No } else { Exit::Yes })
}

impl List {
    fn page(&self, catalog: &Catalog) -> Page {
        let mut page = Page::new();
        page.field("ADMX", store_name(catalog).as_str());
        page.blank();
        let name = |path: &str| {
            PathBuf::from(path).file_name().map_or_else(|| path.to_owned(), |n| n.to_string_lossy().into_owned())
        };
        let width = self.templates.iter().map(|t| name(&t.file).len()).max().unwrap_or_default().min(40);
        for template in &self.templates {
            let policies = count_policies(template.policies);
            let line = Line::new().text(name(&template.file)).column(width + 2).text(format!("{policies:>14}  "));
            let language = template.language.as_deref().unwrap_or("no texts");
            page.line(line.text(language).column(width + 26).hang().span(Style::Faint, &template.namespace));
        }
        if !self.findings.is_empty() {
            page.blank();
        }
        // The worst first: it must not be what is cut.
        for severity in ["error", "warning", "note"] {
            let of_it = self.findings.iter().filter(|finding| finding.severity == severity);
            page.cut_list(2, of_it.map(FindingModel::page));
        }
        page.blank();
        page.line(
            format!("{}, {}", count(self.templates.len(), "template"), count(self.findings.len(), "finding")).as_str(),
        );
        page
    }
}

/// `1 policy`, `2 policies`.
fn count_policies(n: usize) -> String {
    if n == 1 { "1 policy".to_owned() } else { format!("{n} policies") }
}

/// One template: `gpol.admx-show/1`.
#[derive(Serialize)]
struct Show {
    schema: &'static str,
    template: TemplateModel,
    policies: Vec<PolicyLine>,
}

#[derive(Serialize)]
struct PolicyLine {
    id: String,
    name: String,
    class: &'static str,
    display_name: String,
    category: Vec<String>,
}

fn show(args: &ShowArgs, ui: &Ui) -> Result<Exit, Stop> {
    let catalog = open(Some(&args.store), &args.language)?;
    let wanted = args.template.to_lowercase();
    let named = |template: &&TemplateInfo| {
        let file = template.file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        file == wanted || file.strip_suffix(".admx") == Some(&wanted) || template.namespace.to_lowercase() == wanted
    };
    let template = catalog.templates().iter().find(named).ok_or_else(|| {
        CommandError::new(Code::NO_TEMPLATE, format!("no template \"{}\" in {}", args.template, store_name(catalog)))
            .help(format!("gpol admx list {}", quoted(&args.store.display().to_string())))
    })?;
    let of_it = catalog.policies().iter().filter(|policy| policy.namespace == template.namespace);
    let show = Show {
        schema: "gpol.admx-show/1",
        template: TemplateModel::new(template),
        policies: of_it
            .map(|policy| PolicyLine {
                id: policy.id(),
                name: policy.name.clone(),
                class: policy.class.as_str(),
                display_name: policy.display_name.clone(),
                category: catalog.category_path(policy).into_iter().map(str::to_owned).collect(),
            })
            .collect(),
    };
    match args.output.format {
        Format::Json => ui.json(&show)?,
        Format::Human => ui.page(&show.page())?,
    }
    Ok(Exit::Yes)
}

impl Show {
    fn page(&self) -> Page {
        let mut page = Page::new();
        page.field("Template", self.template.file.as_str());
        page.field("Namespace", self.template.namespace.as_str());
        page.field("Revision", self.template.revision.as_deref().unwrap_or("(not stated)"));
        page.field("Texts", self.template.language.as_deref().unwrap_or("none; ids are shown"));
        page.field(
            "Holds",
            format!("{}, {} categories", count_policies(self.template.policies), self.template.categories).as_str(),
        );
        let mut category = None;
        for policy in &self.policies {
            if category != Some(&policy.category) {
                let path: Vec<&str> = policy.category.iter().map(|name| name.trim()).collect();
                page.blank().line(Line::new().span(Style::Strong, path.join(" > ")));
                category = Some(&policy.category);
            }
            let line = Line::indented(2).hang().text(policy.display_name.trim());
            page.line(line.span(Style::Faint, format!("  {}  {}", policy.name, policy.class)));
        }
        page
    }
}

/// Categories with the number of their policies: `gpol.admx-tree/1`.
#[derive(Serialize)]
struct Tree {
    schema: &'static str,
    admx: AdmxModel,
    categories: Vec<Branch>,
}

#[derive(Serialize)]
struct Branch {
    path: Vec<String>,
    /// In this category and all below it.
    policies: usize,
}

fn tree(args: &StoreArgs, ui: &Ui) -> Result<Exit, Stop> {
    let catalog = open(args.store.as_ref(), &args.language)?;
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for policy in catalog.policies() {
        let path: Vec<String> = catalog.category_path(policy).into_iter().map(|name| name.trim().to_owned()).collect();
        for depth in 1..=path.len() {
            *counts.entry(path[..depth].to_vec()).or_default() += 1;
        }
    }
    let tree = Tree {
        schema: "gpol.admx-tree/1",
        admx: AdmxModel::new(catalog),
        categories: counts.into_iter().map(|(path, policies)| Branch { path, policies }).collect(),
    };
    match args.output.format {
        Format::Json => ui.json(&tree)?,
        Format::Human => {
            let mut page = Page::new();
            page.field("ADMX", store_name(catalog).as_str());
            page.blank();
            for branch in &tree.categories {
                let name = branch.path.last().map_or("", String::as_str);
                let line = Line::indented(2 * branch.path.len().saturating_sub(1)).text(name);
                page.line(line.span(Style::Faint, format!("  {}", branch.policies)));
            }
            ui.page(&page)?;
        }
    }
    Ok(Exit::Yes)
}
