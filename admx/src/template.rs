//! ADMX: one template file with the texts of one language.
//!
//! Source: [MS-GPREG] 2.2.2.2.1 and 7.2; the schema's order of children is not insisted on. References to other files
//! stay references here, the catalog resolves them.

mod elements;
mod policy;
mod supported;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::catalog::{Category, Supported, SupportedKind};
use crate::cursor::{Attr, Cursor, owned};
use crate::finding::{Code, Draft, Severity};
use crate::likeness::Likeness;
use crate::model::{Link, Policy, Reference, ReferenceKind};
use crate::resources::{Lookup, Resources};
use crate::xml::Stop;

/// What an ADMX file defines.
#[derive(Debug)]
pub(crate) struct Template {
    pub file: Arc<Path>,
    pub target: Namespace,
    pub usings: Vec<Namespace>,
    pub revision: Option<String>,
    pub min_required_revision: Option<String>,
    /// Where the texts come from.
    pub translation: Option<Translation>,
    pub categories: Vec<Category>,
    /// Definitions, products and versions: all that `supportedOn` may name.
    pub supported: Vec<Supported>,
    pub policies: Vec<Policy>,
    /// What [`Link::Wanted`] counts in.
    pub references: Vec<Reference>,
}

/// An ADML file.
#[derive(Clone, Debug)]
pub(crate) struct Translation {
    /// Name of its folder.
    pub language: String,
    pub path: PathBuf,
}

/// A `target` or `using`.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub prefix: String,
    pub uri: Arc<str>,
    pub offset: u32,
}

/// The culture that the file names for want of a translation; `en-US` unless it says otherwise.
pub(crate) fn fallback_culture(text: &str, body: usize) -> Option<String> {
    let mut cursor = Cursor::new(text, body).ok()?;
    cursor.root().ok()?;
    cursor.child("policyDefinitions", &["resources"]).ok()??;
    let [culture, _] = cursor.attributes(["fallbackCulture", "minRequiredRevision"]);
    owned(culture)
}

/// Reads an ADMX file whose declaration ends at `body`, and what there is to say about it.
///
/// `None` if the root element isn't that of a template.
pub(crate) fn parse(
    file: &Arc<Path>,
    text: &str,
    body: usize,
    resources: &Resources<'_>,
) -> Result<(Option<Template>, Vec<Draft>), Stop> {
    let mut parser = Parser {
        cursor: Cursor::new(text, body)?,
        resources,
        names: HashSet::default(),
        categories: HashSet::default(),
        supported: HashSet::default(),
        references: HashMap::default(),
        likeness: Likeness::default(),
        template: Template {
            file: file.clone(),
            target: Namespace { prefix: String::new(), uri: Arc::from(""), offset: 0 },
            usings: Vec::new(),
            revision: None,
            min_required_revision: None,
            translation: None,
            categories: Vec::new(),
            supported: Vec::new(),
            // A policy takes more than that; so memory for them is a part of the file's size.
            policies: Vec::with_capacity(text.len() / 1024),
            references: Vec::new(),
        },
    };
    let root = parser.cursor.root()?;
    if !root.eq_ignore_ascii_case("policyDefinitions") {
        let message = format!("the root element is `{root}`, not `policyDefinitions`");
        parser.error(Code::UNREADABLE, parser.cursor.offset(), message);
        parser.cursor.skip()?;
        return Ok((None, parser.cursor.finish()?));
    }
    let [revision, _] = parser.cursor.attributes(["revision", "schemaVersion"]);
    parser.template.revision = parser.cursor.revision(revision);
    let offset = parser.cursor.offset();
    parser.definitions()?;
    if parser.template.target.uri.is_empty() {
        parser.error(Code::MALFORMED, offset, "the file declares no target namespace".to_owned());
    }
    let mut template = parser.template;
    for policy in &mut template.policies {
        policy.namespace = template.target.uri.clone();
    }
    for category in &mut template.categories {
        category.namespace = template.target.uri.clone();
    }
    for entry in &mut template.supported {
        entry.namespace = template.target.uri.clone();
    }
    Ok((Some(template), parser.cursor.finish()?))
}

struct Parser<'t, 'r> {
    cursor: Cursor<'t>,
    resources: &'r Resources<'r>,
    /// Of the policies so far.
    names: HashSet<Cow<'t, str>, RandomState>,
    /// Of the categories so far.
    categories: HashSet<Cow<'t, str>, RandomState>,
    /// Of the definitions and the products so far.
    supported: HashSet<(SupportedKind, Cow<'t, str>), RandomState>,
    /// Index of each reference by its kind and text.
    references: HashMap<(ReferenceKind, Cow<'t, str>), usize, RandomState>,
    /// What looking for similar ids may still take.
    likeness: Likeness,
    template: Template,
}

impl<'t> Parser<'t, '_> {
    fn error(&mut self, code: Code, offset: u32, message: String) {
        self.cursor.drafts.push(Draft::new(code, offset, message));
    }

    fn warning(&mut self, code: Code, offset: u32, message: String) {
        self.cursor.drafts.push(Draft::new(code, offset, message).severity(Severity::Warning));
    }

    fn definitions(&mut self) -> Result<(), Stop> {
        const PARTS: &[&str] =
            &["policyNamespaces", "supersededAdm", "annotation", "resources", "supportedOn", "categories", "policies"];
        while let Some(part) = self.cursor.child("policyDefinitions", PARTS)? {
            match part {
                "policyNamespaces" => self.namespaces()?,
                "resources" => {
                    let [revision, _] = self.cursor.attributes(["minRequiredRevision", "fallbackCulture"]);
                    self.template.min_required_revision = self.cursor.revision(revision);
                    self.cursor.skip()?;
                }
                "supportedOn" => self.supported_on()?,
                "categories" => {
                    while self.cursor.child("categories", &["category"])?.is_some() {
                        self.category()?;
                    }
                }
                "policies" => {
                    while self.cursor.child("policies", &["policy"])?.is_some() {
                        self.policy()?;
                    }
                }
                _ => self.cursor.skip()?,
            }
        }
        Ok(())
    }

    fn namespaces(&mut self) -> Result<(), Stop> {
        while let Some(kind) = self.cursor.child("policyNamespaces", &["target", "using"])? {
            let [prefix, uri] = self.cursor.attributes(["prefix", "namespace"]);
            let offset = self.cursor.offset();
            self.cursor.skip()?;
            let Some(uri) = uri else {
                self.error(Code::MALFORMED, offset, format!("`{kind}` has no attribute `namespace`"));
                continue;
            };
            let namespace = Namespace { prefix: owned(prefix).unwrap_or_default(), uri: Arc::from(&*uri.text), offset };
            if kind == "using" {
                self.template.usings.push(namespace);
            } else {
                self.template.target = namespace;
            }
        }
        Ok(())
    }

    fn category(&mut self) -> Result<(), Stop> {
        // `key` is left over from conversions of ADM and means nothing.
        let [name, display, explain, _] = self.cursor.attributes(["name", "displayName", "explainText", "key"]);
        let offset = self.cursor.offset();
        let display_name = self.string(display);
        self.string(explain);
        let mut parent = Link::None;
        const PARTS: &[&str] = &["parentCategory", "annotation", "seeAlso", "keywords"];
        while let Some(part) = self.cursor.child("category", PARTS)? {
            if part == "parentCategory" {
                parent = self.reference(ReferenceKind::Category)?;
            } else {
                self.cursor.skip()?;
            }
        }
        let Some(name) = name else {
            self.error(Code::MALFORMED, offset, "a `category` has no attribute `name`".to_owned());
            return Ok(());
        };
        if !self.categories.insert(name.text.clone()) {
            let message = format!("category \"{}\" is there twice; the first one counts", name.text);
            self.error(Code::TWICE, offset, message);
            return Ok(());
        }
        self.template.categories.push(Category {
            display_name: display_name.unwrap_or_else(|| name.text.to_string()),
            name: name.text.into_owned(),
            // The file's namespace may come later.
            namespace: Arc::from(""),
            parent,
            offset,
            file: self.template.file.clone(),
        });
        Ok(())
    }

    /// `ref` of the element just opened, which is passed over.
    fn reference(&mut self, kind: ReferenceKind) -> Result<Link, Stop> {
        let [target] = self.cursor.attributes(["ref"]);
        self.cursor.skip()?;
        Ok(target.map_or(Link::None, |target| self.link(target, kind)))
    }

    fn link(&mut self, target: Attr<'t>, kind: ReferenceKind) -> Link {
        let references = &mut self.template.references;
        let index = *self.references.entry((kind, target.text)).or_insert_with_key(|(_, text)| {
            let (prefix, name) = match text.trim().split_once(':') {
                Some((prefix, name)) => (Some(prefix.to_owned()), name),
                None => (None, text.trim()),
            };
            references.push(Reference { kind, prefix, name: name.to_owned(), offset: target.offset, uses: 0 });
            references.len() - 1
        });
        if let Some(reference) = references.get_mut(index) {
            reference.uses += 1;
        }
        Link::Wanted(index)
    }

    /// The text that an attribute refers to; the id where there is none; the attribute itself where it isn't a reference.
    fn string(&mut self, attr: Option<Attr<'_>>) -> Option<String> {
        let attr = attr?;
        let Some(id) = reference_id(&attr.text, "string") else {
            return Some(attr.text.into_owned());
        };
        let resources = self.resources;
        match resources.string(id) {
            Lookup::Found(text) => return Some(text.clone().into_string()),
            Lookup::OtherCase(text, spelled) => {
                let message = format!("string \"{id}\" is spelled \"{spelled}\" in {}", self.adml());
                self.warning(Code::STRING, attr.offset, message);
                return Some(text.clone().into_string());
            }
            Lookup::Missing => {}
        }
        if resources.name.is_some() {
            let nearest =
                resources.nearest(id, &mut self.likeness).map(|n| format!("; nearest: \"{n}\"")).unwrap_or_default();
            let message = format!(
                "string \"{id}\" is not in {}, which has {}{nearest}",
                self.adml(),
                count(resources.len(), "string")
            );
            let draft = Draft::new(Code::STRING, attr.offset, message);
            let help = "ADMX and ADML come from different versions; replace both from the same package";
            self.cursor.drafts.push(draft.help(help));
        }
        Some(id.to_owned())
    }

    fn adml(&self) -> &str {
        self.resources.name.as_deref().unwrap_or("the ADML file")
    }
}

fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

/// `id` of `$(kind.id)`; blanks inside are allowed, as Microsoft's own examples have them.
fn reference_id<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let inside = text.trim().strip_prefix("$(")?.strip_suffix(')')?;
    let (found, id) = inside.trim().split_once('.')?;
    found.trim().eq_ignore_ascii_case(kind).then(|| id.trim())
}
