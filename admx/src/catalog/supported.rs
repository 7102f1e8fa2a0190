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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::parse_one;

    /// A template with one policy for the definition `D`, and these definitions.
    fn catalog(definitions: &str) -> Catalog {
        let versions = "<product name='W' displayName='Windows'>\
            <majorVersion name='W3' displayName='Three' versionIndex='3'>\
            <minorVersion name='W31' displayName='Three one' versionIndex='1'/></majorVersion>\
            <majorVersion name='W1' displayName='One' versionIndex='1'/>\
            <majorVersion name='W2' displayName='Two' versionIndex='2'/></product>";
        let admx = format!(
            "<policyDefinitions><policyNamespaces><target prefix='a' namespace='A'/></policyNamespaces>\
             <supportedOn><products>{versions}</products><definitions>{definitions}</definitions></supportedOn>\
             <policies><policy name='P' class='User' displayName='P' key='K' valueName='V'><supportedOn ref='D'/></policy>\
             </policies></policyDefinitions>"
        );
        let parsed = parse_one("A.admx", &admx, "<policyDefinitionResources/>");
        Catalog::resolved(vec![parsed], false, Vec::new(), "en-US")
    }

    /// A definition as text; others in it are taken apart, too.
    fn shown(catalog: &Catalog, on: &SupportedOn<'_>) -> String {
        let condition = |condition: &Condition<'_>| match condition {
            Condition::Is(entry) => entry.display_name.clone(),
            Condition::Range { of, min, max, versions } => {
                let names: Vec<&str> = versions.iter().map(|version| version.display_name.as_str()).collect();
                format!("{} {min:?}..{max:?} {names:?}", of.name)
            }
            Condition::As(entry) => shown(catalog, &catalog.supported_detail(entry)),
            Condition::Unresolved(reference) => format!("?{reference}"),
        };
        let conditions: Vec<String> = on.conditions.iter().map(condition).collect();
        format!("{}({})", on.entry.name, conditions.join(if on.all { " & " } else { " | " }))
    }

    fn detail(definitions: &str) -> (String, Vec<String>) {
        let catalog = catalog(definitions);
        let on = catalog.supported_on_detail(&catalog.policies()[0]);
        let shown = on.map(|on| shown(&catalog, &on)).unwrap_or_default();
        (shown, catalog.findings().iter().map(|f| format!("{} {}", f.code, f.message)).collect())
    }

    fn definition(name: &str, rule: &str) -> String {
        format!("<definition name='{name}' displayName='Text of {name}'>{rule}</definition>")
    }

    #[test]
    fn a_definition_is_a_text_or_any_or_all_of_its_conditions() {
        let nothing: Vec<String> = Vec::new();
        assert_eq!(detail(&definition("D", "")), ("D()".to_owned(), nothing.clone()));
        let rule = "<or><reference ref='W'/><reference ref='W2'/><reference ref='a:W31'/></or>";
        assert_eq!(detail(&definition("D", rule)), ("D(Windows | Two | Three one)".to_owned(), nothing.clone()));
        let both = definition("E", "<or><reference ref='W1'/></or>")
            + &definition("D", "<and><reference ref='E'/><reference ref='W3'/></and>");
        assert_eq!(detail(&both), ("D(E(One) & Three)".to_owned(), nothing));
    }

    #[test]
    fn ranges_name_the_versions_in_them() {
        let rule = "<or><range ref='W' minVersionIndex='2'/><range ref='W' maxVersionIndex='2'/><range ref='W3'/>\
            <reference ref='W' minVersionIndex='1' maxVersionIndex='1'/></or>";
        let expected = "D(W Some(2)..None [\"Two\", \"Three\"] | W None..Some(2) [\"One\", \"Two\"] | \
            W3 None..None [\"Three one\"] | W Some(1)..Some(1) [\"One\"])";
        // Bounds of a `reference` are not in the schema; they occur and are read.
        assert_eq!(detail(&definition("D", rule)), (expected.to_owned(), Vec::new()));
    }

    #[test]
    fn what_leads_nowhere_is_told_and_named() {
        let (shown, found) =
            detail(&definition("D", "<or><reference ref='x:Y'/><reference/><reference ref='w'/></or>"));
        assert_eq!(shown, "D(?x:Y | Windows)");
        assert_eq!(
            found,
            [
                "ADMX013 `reference` has no attribute `ref`",
                "ADMX009 supportedOn product \"x:Y\" is not defined",
                "ADMX009 supportedOn product \"w\" is spelled \"W\" where it is defined",
            ]
        );
        let (shown, found) = detail("");
        assert_eq!((shown.as_str(), found.len()), ("", 1), "{found:?}");
    }

    #[test]
    fn definitions_that_lead_back_to_themselves_are_cut() {
        let rule = |name: &str| format!("<or><reference ref='{name}'/><reference ref='W1'/></or>");
        let own = detail(&definition("D", &rule("D")));
        assert_eq!(own.0, "D(?D | One)");
        assert_eq!(own.1, ["ADMX009 supportedOn definition \"D\" leads back to itself"]);
        let round = definition("D", &rule("E")) + &definition("E", &rule("F")) + &definition("F", &rule("D"));
        assert_eq!(detail(&round).0, "D(E(F(?D | One) | One) | One)");
        // Not a cycle: two ways to one definition.
        let twice = definition("D", "<or><reference ref='E'/><reference ref='F'/></or>")
            + &definition("E", "<or><reference ref='F'/></or>")
            + &definition("F", "");
        assert_eq!(detail(&twice), ("D(E(F()) | F())".to_owned(), Vec::new()));
    }
}
