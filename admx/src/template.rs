//! ADMX: one template file with the texts of one language.
//!
//! Source: [MS-GPREG] 2.2.2.2.1 and 7.2; the schema's order of children is not insisted on. References to other files
//! stay references here, the catalog resolves them.

mod elements;
mod policy;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::cursor::{Attr, Cursor, owned};
use crate::finding::{Draft, Lines, Place, Severity};
use crate::model::{Link, Policy, Reference};
use crate::resources::{Lookup, Resources};
use crate::xml::Stop;

/// What an ADMX file defines.
#[derive(Debug)]
pub(crate) struct Template {
    pub file: Arc<Path>,
    pub target: Namespace,
    pub usings: Vec<Namespace>,
    pub min_required_revision: Option<String>,
    pub categories: Vec<Category>,
    /// Definitions, products and versions: all that `supportedOn` may name.
    pub supported: Vec<Supported>,
    pub policies: Vec<Policy>,
}

/// A `target` or `using`.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub prefix: String,
    pub uri: Arc<str>,
    pub place: Place,
}

/// A `category`.
#[derive(Clone, Debug)]
pub(crate) struct Category {
    pub name: String,
    pub display_name: String,
    pub parent: Link,
    pub place: Place,
    /// The file it stands in.
    pub file: Arc<Path>,
}

/// A supported-on definition, a product or a version of one.
#[derive(Clone, Debug)]
pub(crate) struct Supported {
    pub name: String,
    pub display_name: String,
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
        lines: Lines::new(text),
        resources,
        names: HashSet::new(),
        template: Template {
            file: file.clone(),
            target: Namespace { prefix: String::new(), uri: Arc::from(""), place: Place::default() },
            usings: Vec::new(),
            min_required_revision: None,
            categories: Vec::new(),
            supported: Vec::new(),
            policies: Vec::new(),
        },
    };
    let root = parser.cursor.root()?;
    if !root.eq_ignore_ascii_case("policyDefinitions") {
        let message = format!("the root element is `{root}`, not `policyDefinitions`");
        parser.error("ADMX001", parser.cursor.offset(), message);
        parser.cursor.skip()?;
        return Ok((None, parser.cursor.finish()?));
    }
    let _ = parser.cursor.attributes(["revision", "schemaVersion"]);
    let offset = parser.cursor.offset();
    parser.definitions()?;
    if parser.template.target.uri.is_empty() {
        parser.error("ADMX013", offset, "the file declares no target namespace".to_owned());
    }
    let mut template = parser.template;
    for policy in &mut template.policies {
        policy.namespace = template.target.uri.clone();
    }
    Ok((Some(template), parser.cursor.finish()?))
}

struct Parser<'t, 'r> {
    cursor: Cursor<'t>,
    lines: Lines<'t>,
    resources: &'r Resources<'r>,
    /// Of the policies so far.
    names: HashSet<String>,
    template: Template,
}

impl Parser<'_, '_> {
    fn error(&mut self, code: &'static str, offset: u32, message: String) {
        self.cursor.drafts.push(Draft::new(code, Severity::Error, offset, message));
    }

    fn warning(&mut self, code: &'static str, offset: u32, message: String) {
        self.cursor.drafts.push(Draft::new(code, Severity::Warning, offset, message));
    }

    fn place(&mut self) -> Place {
        let offset = self.cursor.offset();
        self.lines.place(offset)
    }

    fn definitions(&mut self) -> Result<(), Stop> {
        const PARTS: &[&str] =
            &["policyNamespaces", "supersededAdm", "annotation", "resources", "supportedOn", "categories", "policies"];
        while let Some(part) = self.cursor.child("policyDefinitions", PARTS)? {
            match part {
                "policyNamespaces" => self.namespaces()?,
                "resources" => {
                    let [revision, _] = self.cursor.attributes(["minRequiredRevision", "fallbackCulture"]);
                    self.template.min_required_revision = owned(revision);
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
            let place = self.place();
            self.cursor.skip()?;
            let Some(uri) = uri else {
                self.error("ADMX013", offset, format!("`{kind}` has no attribute `namespace`"));
                continue;
            };
            let namespace = Namespace { prefix: owned(prefix).unwrap_or_default(), uri: Arc::from(&*uri.text), place };
            if kind == "using" {
                self.template.usings.push(namespace);
            } else {
                self.template.target = namespace;
            }
        }
        Ok(())
    }

    fn supported_on(&mut self) -> Result<(), Stop> {
        while let Some(table) = self.cursor.child("supportedOn", &["products", "definitions"])? {
            if table == "definitions" {
                while self.cursor.child("definitions", &["definition"])?.is_some() {
                    self.supported()?;
                    self.cursor.skip()?;
                }
                continue;
            }
            while self.cursor.child("products", &["product"])?.is_some() {
                self.supported()?;
                while self.cursor.child("product", &["majorVersion"])?.is_some() {
                    self.supported()?;
                    while self.cursor.child("majorVersion", &["minorVersion"])?.is_some() {
                        self.supported()?;
                        self.cursor.skip()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps name and text of the element just opened; what `or`, `and` and the version indexes say is not evaluated.
    fn supported(&mut self) -> Result<(), Stop> {
        let [name, display, _] = self.cursor.attributes(["name", "displayName", "versionIndex"]);
        let offset = self.cursor.offset();
        match name {
            Some(name) => {
                let display_name = self.string(display).unwrap_or_else(|| name.text.to_string());
                let name = name.text.into_owned();
                self.template.supported.push(Supported { name, display_name });
            }
            None => self.error("ADMX013", offset, "a `supportedOn` entry has no attribute `name`".to_owned()),
        }
        Ok(())
    }

    fn category(&mut self) -> Result<(), Stop> {
        // `key` is left over from conversions of ADM and means nothing.
        let [name, display, explain, _] = self.cursor.attributes(["name", "displayName", "explainText", "key"]);
        let offset = self.cursor.offset();
        let place = self.place();
        let display_name = self.string(display);
        self.string(explain);
        let mut parent = Link::None;
        const PARTS: &[&str] = &["parentCategory", "annotation", "seeAlso", "keywords"];
        while let Some(part) = self.cursor.child("category", PARTS)? {
            if part == "parentCategory" {
                parent = self.reference()?;
            } else {
                self.cursor.skip()?;
            }
        }
        let Some(name) = name else {
            self.error("ADMX013", offset, "a `category` has no attribute `name`".to_owned());
            return Ok(());
        };
        if self.template.categories.iter().any(|c| c.name == name.text) {
            let message = format!("category \"{}\" is there twice; the first one counts", name.text);
            self.error("ADMX008", offset, message);
            return Ok(());
        }
        self.template.categories.push(Category {
            display_name: display_name.unwrap_or_else(|| name.text.to_string()),
            name: name.text.into_owned(),
            parent,
            place,
            file: self.template.file.clone(),
        });
        Ok(())
    }

    /// `ref` of the element just opened, which is passed over.
    fn reference(&mut self) -> Result<Link, Stop> {
        let [target] = self.cursor.attributes(["ref"]);
        let place = match &target {
            Some(attr) => self.lines.place(attr.offset),
            None => self.place(),
        };
        self.cursor.skip()?;
        Ok(match target {
            None => Link::None,
            Some(attr) => {
                let (prefix, name) = match attr.text.trim().split_once(':') {
                    Some((prefix, name)) => (Some(prefix.to_owned()), name),
                    None => (None, attr.text.trim()),
                };
                Link::Wanted(Reference { prefix, name: name.to_owned(), place })
            }
        })
    }

    /// The text that an attribute refers to; the id where there is none; the attribute itself where it isn't a reference.
    fn string(&mut self, attr: Option<Attr<'_>>) -> Option<String> {
        let attr = attr?;
        let Some(id) = reference_id(&attr.text, "string") else {
            return Some(attr.text.into_owned());
        };
        let resources = self.resources;
        match resources.string(id) {
            Lookup::Found(text) => return Some(text.to_string()),
            Lookup::OtherCase(text, spelled) => {
                let message = format!("string \"{id}\" is spelled \"{spelled}\" in {}", self.adml());
                self.warning("ADMX003", attr.offset, message);
                return Some(text.to_string());
            }
            Lookup::Missing => {}
        }
        if resources.name.is_some() {
            let nearest = resources.nearest(id).map(|n| format!("; nearest: \"{n}\"")).unwrap_or_default();
            let message = format!(
                "string \"{id}\" is not in {}, which has {}{nearest}",
                self.adml(),
                count(resources.len(), "string")
            );
            let draft = Draft::new("ADMX003", Severity::Error, attr.offset, message);
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
