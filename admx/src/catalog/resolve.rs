//! References between templates: namespaces, categories, supported-on definitions.
//!
//! A reference `prefix:name` goes by the prefixes that its own file declares. In practice files use prefixes that they
//! don't declare; then the file counts whose own prefix it is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::supported::SupportedKind;
use super::{Category, Supported, TemplateInfo};
use crate::by_name::ByName;
use crate::finding::{Code, Finding, Noticed, Severity};
use crate::load::Parsed;
use crate::model::{Link, Policy, Reference, ReferenceKind};
use crate::template::{Namespace, Template};

/// How many categories may lie in one another. Windows' own templates have 7.
const DEEPEST: usize = 64;

/// All of a catalog but its index.
pub(super) struct Resolved {
    pub templates: Vec<TemplateInfo>,
    pub noticed: Vec<Noticed>,
    pub policies: Vec<Policy>,
    pub categories: Vec<Category>,
    pub supported: Vec<Supported>,
}

pub(super) fn resolve(parsed: Vec<Parsed>) -> Resolved {
    let mut noticed = Vec::new();
    let templates = provided(parsed, &mut noticed);
    let mut spaces = Spaces::default();
    let mut infos = Vec::with_capacity(templates.len());
    let mut policies = Vec::with_capacity(templates.len());
    for mut template in templates {
        infos.push(info(&template));
        policies.push((std::mem::take(&mut template.policies), std::mem::take(&mut template.references)));
        spaces.add(template);
    }
    let mut resolved: Vec<Policy> = Vec::with_capacity(policies.iter().map(|(policies, _)| policies.len()).sum());
    for (index, (own, references)) in policies.into_iter().enumerate() {
        let links: Vec<Link> = references.iter().map(|reference| spaces.link(index, reference)).collect();
        let link = |link: Link| match link {
            Link::Wanted(at) => links.get(at).copied().unwrap_or(Link::Broken),
            found => found,
        };
        spaces.tables(index, link);
        spaces.usings(index, &references);
        resolved.extend(own.into_iter().map(|mut policy| {
            policy.category = link(policy.category);
            policy.supported = link(policy.supported);
            policy
        }));
    }
    spaces.category_cycles();
    spaces.deep_categories();
    spaces.definition_cycles();
    noticed.extend(spaces.noticed());
    Resolved {
        templates: infos,
        noticed,
        policies: resolved,
        categories: spaces.categories,
        supported: spaces.supported,
    }
}

/// The templates that provide their namespaces: the first of each.
fn provided(parsed: Vec<Parsed>, noticed: &mut Vec<Noticed>) -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::with_capacity(parsed.len());
    let mut providers: HashMap<Arc<str>, (usize, Arc<Path>)> = HashMap::new();
    for file in parsed {
        let Some(template) = file.template else {
            noticed.extend(file.findings.into_iter().map(Noticed::from));
            continue;
        };
        match providers.get(&template.target.uri) {
            // Another folder has precedence: that is what precedence is for, and what is wrong with this file is nothing
            // to anybody.
            Some((folder, _)) if *folder != file.folder => {}
            Some((_, first)) => {
                noticed.extend(file.findings.into_iter().map(Noticed::from));
                let uri = &template.target.uri;
                let message = format!("namespace {uri} is already that of {}; this file is ignored", first.display());
                let finding = Finding::new(Code::NAMESPACE_TWICE, &template.file, message);
                let finding = finding.help("keep one of the two files".to_owned());
                noticed.push(Noticed { finding, offset: Some(template.target.offset) });
            }
            None => {
                noticed.extend(file.findings.into_iter().map(Noticed::from));
                providers.insert(template.target.uri.clone(), (file.folder, template.file.clone()));
                templates.push(template);
            }
        }
    }
    templates
}

fn info(template: &Template) -> TemplateInfo {
    TemplateInfo {
        file: template.file.clone(),
        namespace: template.target.uri.clone(),
        prefix: template.target.prefix.clone(),
        revision: template.revision.clone(),
        policies: template.policies.len(),
        categories: template.categories.len(),
        language: template.translation.as_ref().map(|adml| adml.language.clone()),
        adml: template.translation.as_ref().map(|adml| adml.path.clone()),
    }
}

/// What is left of a template besides its entries.
struct Header {
    file: Arc<Path>,
    target: Namespace,
    usings: Vec<Namespace>,
    categories: std::ops::Range<usize>,
    supported: std::ops::Range<usize>,
    /// The prefixes that it declares, with 0 for its target and further numbers for what it uses.
    prefixes: Names,
    category_names: Names,
    definition_names: Names,
    product_names: Names,
}

/// Names with their indexes.
type Names = ByName<String, usize>;

/// All namespaces with the names in them.
#[derive(Default)]
struct Spaces {
    headers: Vec<Header>,
    by_uri: Names,
    /// Files by the prefixes of their own namespaces.
    by_own_prefix: Names,
    categories: Vec<Category>,
    supported: Vec<Supported>,
    /// By file, offset and message, with the number.
    broken: BTreeMap<(usize, u32, String), (Trouble, usize)>,
    /// The offset under which a file's message is kept.
    told: HashMap<(usize, String), u32>,
}

#[derive(Clone, Copy)]
struct Trouble {
    code: Code,
    severity: Severity,
}

impl Spaces {
    /// Takes over a template's tables.
    fn add(&mut self, mut template: Template) {
        let index = self.headers.len();
        // A namespace has one file; of several with one prefix, the first counts.
        let _ = self.by_uri.keep(template.target.uri.to_string(), index);
        let _ = self.by_own_prefix.keep(template.target.prefix.clone(), index);
        let mut prefixes = Names::default();
        for (at, namespace) in std::iter::once(&template.target).chain(&template.usings).enumerate() {
            let _ = prefixes.keep(namespace.prefix.clone(), at);
        }
        let categories = self.categories.len()..self.categories.len() + template.categories.len();
        self.categories.append(&mut template.categories);
        let mut category_names = Names::default();
        for (at, category) in self.categories.iter().enumerate().skip(categories.start) {
            let _ = category_names.keep(category.name.clone(), at);
        }
        let supported = self.supported.len()..self.supported.len() + template.supported.len();
        let (mut definition_names, mut product_names) = (Names::default(), Names::default());
        for (at, mut entry) in (supported.start..).zip(template.supported) {
            entry.parent = entry.parent.map(|parent| parent + supported.start);
            let names = match entry.kind {
                SupportedKind::Definition => &mut definition_names,
                _ => &mut product_names,
            };
            let _ = names.keep(entry.name.clone(), at);
            self.supported.push(entry);
        }
        self.headers.push(Header {
            file: template.file,
            target: template.target,
            usings: template.usings,
            categories,
            supported,
            prefixes,
            category_names,
            definition_names,
            product_names,
        });
    }

    /// Gives a file's own tables their links.
    fn tables(&mut self, index: usize, link: impl Fn(Link) -> Link) {
        let (categories, supported) = (self.headers[index].categories.clone(), self.headers[index].supported.clone());
        for category in &mut self.categories[categories] {
            category.parent = link(category.parent);
        }
        for part in self.supported[supported].iter_mut().flat_map(|entry| &mut entry.rule.parts) {
            part.link = link(part.link);
        }
    }

    /// Notes namespaces that a file uses and nobody provides. One that it only declares is nothing to the editor.
    fn usings(&mut self, index: usize, references: &[Reference]) {
        let prefixes = references.iter().filter_map(|reference| reference.prefix.as_ref());
        let prefixes: HashSet<String> = prefixes.map(|prefix| prefix.to_ascii_lowercase()).collect();
        for using in self.headers[index].usings.clone() {
            let is_used = prefixes.contains(&using.prefix.to_ascii_lowercase());
            match self.namespace(&using.uri) {
                None if is_used => {
                    let message = format!("uses the namespace {}, which no loaded file has", using.uri);
                    self.tell(index, (using.offset, 1), message, Code::NAMESPACE, Severity::Error);
                }
                None => {
                    let message =
                        format!("declares the namespace {}, which no loaded file has, and does not use it", using.uri);
                    self.tell(index, (using.offset, 1), message, Code::NAMESPACE, Severity::Note);
                }
                Some(found) if self.headers[found].target.uri != using.uri => {
                    let spelled = &self.headers[found].target.uri;
                    let message = format!("uses the namespace {}, which is spelled {spelled}", using.uri);
                    self.tell(index, (using.offset, 1), message, Code::NAMESPACE, Severity::Warning);
                }
                Some(_) => {}
            }
        }
    }

    /// Keeps a message with its first offset and how many times it is true.
    fn tell(&mut self, index: usize, (offset, times): (u32, usize), message: String, code: Code, severity: Severity) {
        let offset = *self.told.entry((index, message.clone())).or_insert(offset);
        let trouble = Trouble { code, severity };
        self.broken.entry((index, offset, message)).or_insert((trouble, 0)).1 += times;
    }

    /// The file that has a namespace, exactly or, failing that, in any case.
    fn namespace(&self, uri: &str) -> Option<usize> {
        first_of(&self.by_uri, uri)
    }

    /// The file that a prefix means in another file, and whether that file declares it.
    fn prefixed(&self, index: usize, prefix: &str) -> (Option<usize>, bool) {
        let header = &self.headers[index];
        let declared = first_of(&header.prefixes, prefix).map(|at| match at.checked_sub(1) {
            Some(using) => &header.usings[using],
            None => &header.target,
        });
        match declared {
            Some(namespace) => (self.namespace(&namespace.uri), true),
            None => (first_of(&self.by_own_prefix, prefix), false),
        }
    }

    fn link(&mut self, index: usize, reference: &Reference) -> Link {
        let Some(space) = self.space(index, reference) else { return self.broken(index, reference) };
        let header = &self.headers[space];
        let tables = match reference.kind {
            ReferenceKind::Category => [Some(&header.category_names), None],
            ReferenceKind::Definition => [Some(&header.definition_names), Some(&header.product_names)],
            ReferenceKind::Product => [Some(&header.product_names), Some(&header.definition_names)],
        };
        let tables = || tables.iter().copied().flatten();
        if let Some(found) = tables().find_map(|names| names.get(&reference.name)) {
            return Link::Found(*found);
        }
        let similar = tables().find_map(|names| {
            names.in_any_case(&reference.name, |a, b| a.cmp(&b)).map(|(name, at)| (name.clone(), *at))
        });
        let Some((name, at)) = similar else { return self.broken(index, reference) };
        let (what, code) = described(reference.kind);
        let message = format!("{what} \"{reference}\" is spelled \"{name}\" where it is defined");
        self.tell(index, (reference.offset, reference.uses), message, code, Severity::Warning);
        Link::Found(at)
    }

    /// The file that a reference leads to.
    fn space(&mut self, index: usize, reference: &Reference) -> Option<usize> {
        let Some(prefix) = &reference.prefix else { return Some(index) };
        let (space, is_declared) = self.prefixed(index, prefix);
        if let (Some(space), false) = (space, is_declared) {
            let uri = &self.headers[space].target.uri;
            let message = format!("prefix \"{prefix}\" is not declared here; read as {uri}, whose own it is");
            self.tell(index, (reference.offset, reference.uses), message, Code::NAMESPACE, Severity::Warning);
        }
        space
    }

    fn broken(&mut self, index: usize, reference: &Reference) -> Link {
        let (what, code) = described(reference.kind);
        let message = format!("{what} \"{reference}\" is not defined");
        self.tell(index, (reference.offset, reference.uses), message, code, code.severity());
        Link::Broken
    }

    /// Notes categories that contain themselves, and cuts them off from what is above them.
    fn category_cycles(&mut self) {
        let parent = |at: usize, edge: usize| match (&self.categories[at].parent, edge) {
            (Link::Found(parent), 0) => Some(Some(*parent)),
            _ => None,
        };
        for (_, _, to) in back_edges(self.categories.len(), parent) {
            let category = &self.categories[to];
            let (file, offset) = (category.file.clone(), category.offset);
            let message = format!("category \"{}\" contains itself", category.name);
            let index = self.headers.iter().position(|header| header.file == file).unwrap_or_default();
            self.tell(index, (offset, 1), message, Code::CATEGORY, Severity::Error);
            self.categories[to].parent = Link::Broken;
        }
    }

    /// Notes categories that lie deeper than anybody's, and cuts them off from what is above them: each policy's path
    /// has all of its categories, so that a chain of them would cost its square.
    fn deep_categories(&mut self) {
        let mut depths = vec![0_usize; self.categories.len()];
        let mut way = Vec::new();
        for start in 0..self.categories.len() {
            let mut at = start;
            let mut above = loop {
                if depths[at] > 0 {
                    break depths[at];
                }
                way.push(at);
                match self.categories[at].parent {
                    Link::Found(parent) => at = parent,
                    _ => break 0,
                }
            };
            while let Some(at) = way.pop() {
                if above == DEEPEST {
                    let category = &self.categories[at];
                    let (file, offset) = (category.file.clone(), category.offset);
                    let message = format!("category \"{}\" lies more than {DEEPEST} deep", category.name);
                    let index = self.headers.iter().position(|header| header.file == file).unwrap_or_default();
                    self.tell(index, (offset, 1), message, Code::CATEGORY, Severity::Error);
                    self.categories[at].parent = Link::Broken;
                    above = 0;
                }
                above += 1;
                depths[at] = above;
            }
        }
    }

    /// Notes definitions that lead back to themselves, and cuts the last reference of the way.
    fn definition_cycles(&mut self) {
        let part = |at: usize, edge: usize| {
            self.supported[at].rule.parts.get(edge).map(|part| match part.link {
                Link::Found(to) => Some(to),
                _ => None,
            })
        };
        for (from, edge, to) in back_edges(self.supported.len(), part) {
            let message = format!("supportedOn definition \"{}\" leads back to itself", self.supported[to].name);
            let of = |header: &Header| header.supported.contains(&to);
            let index = self.headers.iter().position(of).unwrap_or_default();
            let offset = self.supported[to].offset;
            self.tell(index, (offset, 1), message, Code::SUPPORTED_ON, Severity::Warning);
            self.supported[from].rule.parts[edge].link = Link::Broken;
        }
    }

    fn noticed(&mut self) -> Vec<Noticed> {
        let broken = std::mem::take(&mut self.broken);
        let noticed = broken.into_iter().map(|((index, offset, message), (trouble, count))| {
            let message = if count > 1 { format!("{message} ({count} times)") } else { message };
            let finding = Finding::new(trouble.code, &self.headers[index].file, message).severity(trouble.severity);
            Noticed { finding, offset: Some(offset) }
        });
        noticed.collect()
    }
}

/// The index of a name, exactly or, failing that, the first in any case.
fn first_of(names: &Names, name: &str) -> Option<usize> {
    let exact = names.get(name);
    exact.or_else(|| names.in_any_case(name, |a, b| a.1.cmp(b.1)).map(|(_, at)| at)).copied()
}

fn described(kind: ReferenceKind) -> (&'static str, Code) {
    match kind {
        ReferenceKind::Category => ("category", Code::CATEGORY),
        ReferenceKind::Definition => ("supportedOn definition", Code::SUPPORTED_ON),
        ReferenceKind::Product => ("supportedOn product", Code::SUPPORTED_ON),
    }
}

/// Edges that close a cycle, as where they start, which of the edges there they are, and where they lead. Without them
/// there is no cycle.
///
/// `edge(node, n)` is where the `n`th edge of a node leads, if anywhere, and `None` behind the last one.
fn back_edges(count: usize, edge: impl Fn(usize, usize) -> Option<Option<usize>>) -> Vec<(usize, usize, usize)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnTheWay,
        Done,
    }
    let mut marks = vec![Mark::New; count];
    let mut found = Vec::new();
    for start in 0..count {
        // The way from the start, with the next edge of each node on it.
        let mut way = vec![(start, 0)];
        while let Some((node, next)) = way.last_mut() {
            let (at, n) = (*node, *next);
            if n == 0 && marks[at] == Mark::Done {
                way.pop();
                continue;
            }
            marks[at] = Mark::OnTheWay;
            *next += 1;
            match edge(at, n) {
                Some(Some(to)) if marks.get(to) == Some(&Mark::OnTheWay) => found.push((at, n, to)),
                Some(Some(to)) if marks.get(to) == Some(&Mark::New) => way.push((to, 0)),
                Some(_) => {}
                None => {
                    marks[at] = Mark::Done;
                    way.pop();
                }
            }
        }
    }
    found
}
