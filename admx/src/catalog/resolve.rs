//! References between templates: namespaces, categories, supported-on definitions.
//!
//! A reference `prefix:name` goes by the prefixes that its own file declares. In practice files use prefixes that they
//! don't declare; then the file counts whose own prefix it is.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::finding::{Finding, Place, Severity};
use crate::load::Parsed;
use crate::model::{Link, Policy, Reference};
use crate::template::{Category, Namespace, Supported, Template};

/// All of a catalog but its index.
pub(super) struct Resolved {
    pub files: usize,
    pub findings: Vec<Finding>,
    pub policies: Vec<Policy>,
    pub categories: Vec<Category>,
    pub supported: Vec<Supported>,
}

pub(super) fn resolve(parsed: Vec<Parsed>) -> Resolved {
    let mut findings = Vec::new();
    let mut templates: Vec<Template> = Vec::new();
    let mut providers: HashMap<Arc<str>, (usize, Arc<Path>)> = HashMap::new();
    for file in parsed {
        let Some(template) = file.template else {
            findings.extend(file.findings);
            continue;
        };
        match providers.get(&template.target.uri) {
            // Another folder has precedence: that is what precedence is for, and what is wrong with this file is nothing
            // to anybody.
            Some((folder, _)) if *folder != file.folder => {}
            Some((_, first)) => {
                findings.extend(file.findings);
                findings.push(Finding {
                    code: "ADMX005",
                    severity: Severity::Error,
                    file: template.file.to_path_buf(),
                    place: Some(template.target.place),
                    message: format!(
                        "namespace {} is already that of {}; this file is ignored",
                        template.target.uri,
                        first.display()
                    ),
                    help: Some("keep one of the two files".to_owned()),
                });
            }
            None => {
                findings.extend(file.findings);
                providers.insert(template.target.uri.clone(), (file.folder, template.file.clone()));
                templates.push(template);
            }
        }
    }
    let mut spaces = Spaces::new(&mut templates);
    let mut policies = Vec::new();
    for index in 0..spaces.headers.len() {
        spaces.usings(index);
        for at in spaces.headers[index].categories.clone() {
            let wanted = std::mem::replace(&mut spaces.categories[at].parent, Link::None);
            spaces.categories[at].parent = spaces.link(index, wanted, Kind::Category);
        }
        for mut policy in std::mem::take(&mut spaces.headers[index].policies) {
            policy.category = spaces.link(index, policy.category, Kind::Category);
            policy.supported = spaces.link(index, policy.supported, Kind::Supported);
            policies.push(policy);
        }
    }
    spaces.cycles();
    findings.extend(spaces.findings());
    Resolved { files: templates.len(), findings, policies, categories: spaces.categories, supported: spaces.supported }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Category,
    Supported,
}

/// What is left of a template besides its entries.
struct Header {
    file: Arc<Path>,
    target: Namespace,
    usings: Vec<Namespace>,
    categories: std::ops::Range<usize>,
    policies: Vec<Policy>,
    category_names: HashMap<String, usize>,
    supported_names: HashMap<String, usize>,
}

/// All namespaces with the names in them.
struct Spaces {
    headers: Vec<Header>,
    by_uri: HashMap<Arc<str>, usize>,
    categories: Vec<Category>,
    supported: Vec<Supported>,
    /// Once for each file, kind and message, with the first place and the number.
    broken: BTreeMap<(usize, Place, String), (Trouble, usize)>,
    told: HashMap<(usize, String), Place>,
}

#[derive(Clone, Copy)]
struct Trouble {
    code: &'static str,
    severity: Severity,
}

impl Spaces {
    fn new(templates: &mut [Template]) -> Self {
        let mut spaces = Spaces {
            headers: Vec::with_capacity(templates.len()),
            by_uri: HashMap::new(),
            categories: Vec::new(),
            supported: Vec::new(),
            broken: BTreeMap::new(),
            told: HashMap::new(),
        };
        for (index, template) in templates.iter_mut().enumerate() {
            spaces.by_uri.insert(template.target.uri.clone(), index);
            let first = spaces.categories.len();
            spaces.categories.append(&mut template.categories);
            let new = spaces.categories.iter().enumerate().skip(first);
            let category_names = new.map(|(at, c)| (c.name.clone(), at)).collect();
            let mut supported_names = HashMap::new();
            for entry in template.supported.drain(..) {
                supported_names.entry(entry.name.clone()).or_insert(spaces.supported.len());
                spaces.supported.push(entry);
            }
            spaces.headers.push(Header {
                file: template.file.clone(),
                target: template.target.clone(),
                usings: std::mem::take(&mut template.usings),
                categories: first..spaces.categories.len(),
                policies: std::mem::take(&mut template.policies),
                category_names,
                supported_names,
            });
        }
        spaces
    }

    /// Notes namespaces that a file uses and nobody provides.
    fn usings(&mut self, index: usize) {
        for using in self.headers[index].usings.clone() {
            match self.namespace(&using.uri) {
                None => {
                    let message = format!("uses the namespace {}, which no loaded file has", using.uri);
                    self.tell(index, using.place, message, "ADMX006", Severity::Error);
                }
                Some(found) if self.headers[found].target.uri != using.uri => {
                    let spelled = &self.headers[found].target.uri;
                    let message = format!("uses the namespace {}, which is spelled {spelled}", using.uri);
                    self.tell(index, using.place, message, "ADMX006", Severity::Warning);
                }
                Some(_) => {}
            }
        }
    }

    fn tell(&mut self, index: usize, place: Place, message: String, code: &'static str, severity: Severity) {
        let place = *self.told.entry((index, message.clone())).or_insert(place);
        let trouble = Trouble { code, severity };
        self.broken.entry((index, place, message)).or_insert((trouble, 0)).1 += 1;
    }

    /// The file that has a namespace, exactly or, failing that, in any case.
    fn namespace(&self, uri: &str) -> Option<usize> {
        let exact = self.by_uri.get(uri).copied();
        exact.or_else(|| self.headers.iter().position(|h| h.target.uri.eq_ignore_ascii_case(uri)))
    }

    /// The file that a prefix means in another file, and whether that file declares it.
    fn prefixed(&self, index: usize, prefix: &str) -> (Option<usize>, bool) {
        let header = &self.headers[index];
        let declared = || std::iter::once(&header.target).chain(&header.usings);
        let exact = declared().find(|n| n.prefix == prefix);
        if let Some(namespace) = exact.or_else(|| declared().find(|n| n.prefix.eq_ignore_ascii_case(prefix))) {
            return (self.namespace(&namespace.uri), true);
        }
        let own = |same: fn(&str, &str) -> bool| self.headers.iter().position(|h| same(&h.target.prefix, prefix));
        (own(|a, b| a == b).or_else(|| own(str::eq_ignore_ascii_case)), false)
    }

    fn link(&mut self, index: usize, wanted: Link, kind: Kind) -> Link {
        let Link::Wanted(reference) = wanted else { return wanted };
        let space = match &reference.prefix {
            None => Some(index),
            Some(prefix) => {
                let (space, is_declared) = self.prefixed(index, prefix);
                if let (Some(space), false) = (space, is_declared) {
                    let uri = &self.headers[space].target.uri;
                    let message = format!("prefix \"{prefix}\" is not declared here; read as {uri}, whose own it is");
                    self.tell(index, reference.place, message, "ADMX006", Severity::Warning);
                }
                space
            }
        };
        let names = space.map(|space| match kind {
            Kind::Category => &self.headers[space].category_names,
            Kind::Supported => &self.headers[space].supported_names,
        });
        if let Some(found) = names.and_then(|names| names.get(&reference.name)) {
            return Link::Found(*found);
        }
        // The smallest such name, so that the answer does not depend on the hash.
        let similar = names.and_then(|names| {
            let same = names.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&reference.name));
            same.min().map(|(name, at)| (name.clone(), *at))
        });
        let what = match kind {
            Kind::Category => "category",
            Kind::Supported => "supportedOn definition",
        };
        let named = shown(&reference);
        if let Some((name, at)) = similar {
            let message = format!("{what} \"{named}\" is spelled \"{name}\" where it is defined");
            let code = if kind == Kind::Category { "ADMX007" } else { "ADMX009" };
            self.tell(index, reference.place, message, code, Severity::Warning);
            return Link::Found(at);
        }
        let (code, severity) = match kind {
            Kind::Category => ("ADMX007", Severity::Error),
            Kind::Supported => ("ADMX009", Severity::Warning),
        };
        self.tell(index, reference.place, format!("{what} \"{named}\" is not defined"), code, severity);
        Link::Broken
    }

    /// Notes categories that contain themselves.
    fn cycles(&mut self) {
        // 0: not seen, 1: on the way now, 2: done
        let mut marks = vec![0u8; self.categories.len()];
        for start in 0..self.categories.len() {
            let mut way = Vec::new();
            let mut at = start;
            while marks[at] == 0 {
                marks[at] = 1;
                way.push(at);
                match self.categories[at].parent {
                    Link::Found(parent) => at = parent,
                    _ => break,
                }
            }
            if marks[at] == 1 && matches!(self.categories[at].parent, Link::Found(_)) {
                let category = &self.categories[at];
                let index = self.headers.iter().position(|h| h.file == category.file).unwrap_or_default();
                let message = format!("category \"{}\" contains itself", category.name);
                self.tell(index, category.place, message, "ADMX007", Severity::Error);
                self.categories[at].parent = Link::Broken;
            }
            way.into_iter().for_each(|done| marks[done] = 2);
        }
    }

    fn findings(&mut self) -> Vec<Finding> {
        let broken = std::mem::take(&mut self.broken);
        let findings = broken.into_iter().map(|((index, place, message), (trouble, count))| Finding {
            code: trouble.code,
            severity: trouble.severity,
            file: self.headers[index].file.to_path_buf(),
            place: Some(place),
            message: if count > 1 { format!("{message} ({count} times)") } else { message },
            help: None,
        });
        findings.collect()
    }
}

fn shown(reference: &Reference) -> String {
    match &reference.prefix {
        Some(prefix) => format!("{prefix}:{}", reference.name),
        None => reference.name.clone(),
    }
}
