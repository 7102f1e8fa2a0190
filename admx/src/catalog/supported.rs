//! Who a policy is for: the tables of `supportedOn`.
//!
//! Nothing is evaluated against a machine. Editors show the definition's text; what it is made of is here to be named.

use std::sync::Arc;

use super::Catalog;
use crate::model::{Link, Policy};

/// An entry of the `supportedOn` tables: a definition, a product, or a version of one.
#[derive(Clone, Debug)]
pub struct Supported {
    /// Unique in its namespace, among its like.
    pub name: String,
    /// Target namespace of its file.
    pub namespace: Arc<str>,
    /// As in the ADML; the id of the string where the string is missing.
    pub display_name: String,
    /// What it is.
    pub kind: SupportedKind,
    /// Offset in its file.
    pub(crate) offset: u32,
    /// Of a version: what it is a version of.
    pub(crate) parent: Option<usize>,
    /// Of a definition: what it is made of.
    pub(crate) rule: Rule,
}

impl Supported {
    /// `namespace:name`
    pub fn id(&self) -> String {
        format!("{}:{}", self.namespace, self.name)
    }
}

/// Kinds of [`Supported`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SupportedKind {
    /// `definition`: what policies refer to.
    Definition,
    /// `product`
    Product,
    /// `majorVersion`, with its `versionIndex`.
    MajorVersion(u32),
    /// `minorVersion`, with its `versionIndex`.
    MinorVersion(u32),
}

/// `or` or `and` of a definition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub all: bool,
    pub parts: Vec<Part>,
}

/// A `range` or `reference`.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub link: Link,
    /// As it stands there.
    pub reference: String,
    /// Least and greatest version index; `None` for a `reference`.
    pub bounds: Option<(Option<u32>, Option<u32>)>,
}

/// What a definition says, see [`Catalog::supported_on_detail`].
#[derive(Clone, Debug)]
pub struct SupportedOn<'c> {
    /// The definition. In practice some policies name a product instead.
    pub entry: &'c Supported,
    /// Whether all conditions must hold (`and`), or any of them (`or`).
    pub all: bool,
    /// In the order of the file; none if the definition is a text only, as those are that come from ADM files.
    pub conditions: Vec<Condition<'c>>,
}

/// A condition of a definition.
#[derive(Clone, Debug)]
pub enum Condition<'c> {
    /// A product or a version of one.
    Is(&'c Supported),
    /// Versions of a product, or minor versions of a major one.
    Range {
        /// Whose versions they are.
        of: &'c Supported,
        /// Least `versionIndex`, itself included.
        min: Option<u32>,
        /// Greatest `versionIndex`, itself included.
        max: Option<u32>,
        /// The loaded versions in that range, in the order of their indexes.
        versions: Vec<&'c Supported>,
    },
    /// What another definition says; [`Catalog::supported_detail`] takes it apart. No definition leads back to itself.
    As(&'c Supported),
    /// A reference to what isn't loaded, as it stands there.
    Unresolved(&'c str),
}

impl Catalog {
    /// The text of the products a policy is supported on.
    pub fn supported_on(&self, policy: &Policy) -> Option<&str> {
        self.supported_entry(&policy.supported).map(|entry| entry.display_name.as_str())
    }

    /// What the definition says that a policy is supported on; `None` if it names none, or one that isn't loaded.
    ///
    /// ```
    /// # use admx::{Catalog, Condition};
    /// let catalog = Catalog::builtin();
    /// let policy = catalog.find("TS_USER_AUTHENTICATION_POLICY")?.policy;
    /// let detail = catalog.supported_on_detail(policy).expect("it names one");
    /// assert_eq!(Some(detail.entry.display_name.as_str()), catalog.supported_on(policy));
    /// # Ok::<(), admx::FindError>(())
    /// ```
    pub fn supported_on_detail(&self, policy: &Policy) -> Option<SupportedOn<'_>> {
        self.supported_entry(&policy.supported).map(|entry| self.supported_detail(entry))
    }

    /// What an entry of the catalog says.
    pub fn supported_detail<'c>(&'c self, entry: &'c Supported) -> SupportedOn<'c> {
        let conditions = entry.rule.parts.iter().map(|part| self.condition(part)).collect();
        SupportedOn { entry, all: entry.rule.all, conditions }
    }

    fn supported_entry(&self, link: &Link) -> Option<&Supported> {
        match link {
            Link::Found(index) => self.supported.get(*index),
            Link::None | Link::Wanted(_) | Link::Broken => None,
        }
    }

    fn condition<'c>(&'c self, part: &'c Part) -> Condition<'c> {
        let Link::Found(index) = part.link else { return Condition::Unresolved(&part.reference) };
        let Some(entry) = self.supported.get(index) else { return Condition::Unresolved(&part.reference) };
        match (entry.kind, part.bounds) {
            (SupportedKind::Definition, _) => Condition::As(entry),
            (_, None) => Condition::Is(entry),
            (_, Some((min, max))) => {
                let mut versions: Vec<(u32, &Supported)> = self
                    .supported
                    .iter()
                    .filter(|version| version.parent == Some(index))
                    .filter_map(|version| Some((version.index()?, version)))
                    .filter(|(at, _)| min.is_none_or(|min| min <= *at) && max.is_none_or(|max| *at <= max))
                    .collect();
                versions.sort_by_key(|(at, _)| *at);
                let versions = versions.into_iter().map(|(_, version)| version).collect();
                Condition::Range { of: entry, min, max, versions }
            }
        }
    }
}

impl Supported {
    fn index(&self) -> Option<u32> {
        match self.kind {
            SupportedKind::MajorVersion(index) | SupportedKind::MinorVersion(index) => Some(index),
            SupportedKind::Definition | SupportedKind::Product => None,
        }
    }
}
