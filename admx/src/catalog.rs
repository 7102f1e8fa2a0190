//! The catalog: all templates of a store, with their references resolved.

mod info;
mod lint;
mod resolve;
mod supported;
mod tree;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;

use crate::builtin;
use crate::claims::Claims;
use crate::find::OtherLanguage;
use crate::finding::{Finding, Noticed};
use crate::load::{self, LoadError};
use crate::model::Policy;
use crate::place::{Place, Places};
pub use info::TemplateInfo;
pub use supported::{Condition, Supported, SupportedKind, SupportedOn};
pub(crate) use supported::{Part, Rule};
pub use tree::Category;

/// Name of the category under which policies stand whose own category isn't loaded.
pub const UNRESOLVED: &str = "(unresolved)";

/// A loaded store.
///
/// ```
/// use admx::{Catalog, Side, State};
/// let catalog = Catalog::builtin();
/// let found = catalog.find("TS_USER_AUTHENTICATION_POLICY")?;
/// assert_eq!(found.side, Some(Side::Computer));
/// assert_eq!(found.policy.value_name.as_deref(), Some("UserAuthentication"));
/// assert_eq!(catalog.category_path(found.policy).last(), Some(&"Security"));
/// # Ok::<(), admx::FindError>(())
/// ```
#[derive(Debug)]
pub struct Catalog {
    builtin: bool,
    stores: Vec<PathBuf>,
    templates: Vec<TemplateInfo>,
    language: String,
    noticed: Vec<Noticed>,
    findings: OnceLock<Vec<Finding>>,
    policies: Vec<Policy>,
    categories: Vec<Category>,
    supported: Vec<Supported>,
    claims: OnceLock<Claims>,
    /// Places of policies by their ids; `None` where several have one.
    ids: OnceLock<HashMap<String, Option<usize>, RandomState>>,
    other_languages: Vec<OtherLanguage>,
}

impl Catalog {
    /// Loads folders of templates in order of precedence: the first one that has a namespace provides it. `language` is
    /// a culture such as `en-US`; where a template has no texts in it, see [`Catalog::findings`] for what was used.
    ///
    /// # Errors
    ///
    /// [`LoadError`] if a folder can't be listed, or if there is no template at all. Everything else that is wrong
    /// becomes a finding, and the other files still load.
    pub fn load(folders: &[PathBuf], language: &str) -> Result<Catalog, LoadError> {
        let loaded = load::load(folders, language)?;
        let mut catalog = Catalog::resolved(loaded.files, false, folders.to_vec(), language);
        catalog.other_languages = OtherLanguage::of(loaded.cultures, language);
        Ok(catalog)
    }

    /// The built-in catalogue: the policies of *Remote Desktop Session Host > Security* and who may connect at all.
    pub fn builtin() -> Catalog {
        Catalog::resolved(builtin::parse(), true, Vec::new(), "en-US")
    }

    pub(crate) fn resolved(parsed: Vec<load::Parsed>, builtin: bool, stores: Vec<PathBuf>, language: &str) -> Catalog {
        let resolved = resolve::resolve(parsed);
        Catalog {
            builtin,
            stores,
            templates: resolved.templates,
            language: language.to_owned(),
            noticed: resolved.noticed,
            findings: OnceLock::new(),
            policies: resolved.policies,
            categories: resolved.categories,
            supported: resolved.supported,
            claims: OnceLock::new(),
            ids: OnceLock::new(),
            other_languages: Vec::new(),
        }
    }

    /// What it takes to look up a policy by the texts of this language, and little more.
    pub(crate) fn into_names(mut self) -> Catalog {
        self.noticed = Vec::new();
        for policy in &mut self.policies {
            policy.explain_text = None;
            policy.controls = Arc::default();
            policy.elements = Vec::new();
        }
        self
    }

    pub(crate) fn other_languages(&self) -> &[OtherLanguage] {
        &self.other_languages
    }

    /// Whether this is the built-in catalogue.
    pub fn is_builtin(&self) -> bool {
        self.builtin
    }

    /// The folders it was loaded from, in order of precedence; none if it is built in.
    pub fn stores(&self) -> &[PathBuf] {
        &self.stores
    }

    /// How many templates it holds.
    pub fn files(&self) -> usize {
        self.templates.len()
    }

    /// The templates it holds, in the order in which they were loaded. Files that were ignored are not among them.
    ///
    /// ```
    /// # use admx::Catalog;
    /// let catalog = Catalog::builtin();
    /// let template = &catalog.templates()[0];
    /// assert_eq!(&*template.namespace, "Microsoft.Policies.TerminalServer");
    /// assert_eq!(template.language.as_deref(), Some("en-US"));
    /// ```
    pub fn templates(&self) -> &[TemplateInfo] {
        &self.templates
    }

    /// The language asked for.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// What was noticed while loading, in the order of the files. [`Catalog::lint`] looks closer.
    pub fn findings(&self) -> &[Finding] {
        self.findings.get_or_init(|| {
            let mut places = Places::new(self.builtin);
            let place = |noticed: &Noticed| match noticed.offset {
                Some(offset) => noticed.finding.clone().place(places.of(&noticed.finding.file, offset)),
                None => noticed.finding.clone(),
            };
            self.noticed.iter().map(place).collect()
        })
    }

    /// All policies, in the order of their files' lower-cased names and in the order of each file.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The policy of this id, `namespace:name`, letter by letter; `None` if there is none, or several.
    ///
    /// ```
    /// # use admx::Catalog;
    /// let catalog = Catalog::builtin();
    /// let policy = catalog.find("TS_PASSWORD")?.policy;
    /// assert!(catalog.of_id(&policy.id()).is_some_and(|found| std::ptr::eq(found, policy)));
    /// assert!(catalog.of_id("TS_PASSWORD").is_none());
    /// # Ok::<(), admx::FindError>(())
    /// ```
    pub fn of_id(&self, id: &str) -> Option<&Policy> {
        let ids = self.ids.get_or_init(|| {
            let mut ids: HashMap<String, Option<usize>, RandomState> = HashMap::default();
            for (at, policy) in self.policies.iter().enumerate() {
                ids.entry(policy.id()).and_modify(|only| *only = None).or_insert(Some(at));
            }
            ids
        });
        self.policies.get((*ids.get(id)?)?)
    }

    /// Where a policy stands in its template. The file is read again to find out; `None` if that fails.
    pub fn place(&self, policy: &Policy) -> Option<Place> {
        Places::new(self.builtin).of(&policy.file, policy.offset)
    }

    /// Which policies claim which registry values; made when it is needed first.
    pub(crate) fn claims(&self) -> &Claims {
        self.claims.get_or_init(|| Claims::new(&self.policies))
    }
}
