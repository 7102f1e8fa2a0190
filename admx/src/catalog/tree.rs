//! Categories: the tree that an editor shows.

use std::path::Path;
use std::sync::Arc;

use super::{Catalog, UNRESOLVED};
use crate::model::{Link, Policy};

/// A folder of the editor's tree: element `category`.
#[derive(Clone, Debug)]
pub struct Category {
    /// Unique in its namespace.
    pub name: String,
    /// Target namespace of its file.
    pub namespace: Arc<str>,
    /// As in the ADML; the id of the string where the string is missing.
    pub display_name: String,
    /// The template it stands in.
    pub file: Arc<Path>,
    /// Offset in that file.
    pub(crate) offset: u32,
    pub(crate) parent: Link,
}

impl Category {
    /// `namespace:name`
    pub fn id(&self) -> String {
        format!("{}:{}", self.namespace, self.name)
    }
}

impl Catalog {
    /// All categories, those without policies, too; in the order of the files and of each file.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The category a policy stands in; `None` if it has none or if that isn't loaded.
    pub fn category(&self, policy: &Policy) -> Option<&Category> {
        self.linked(&policy.category)
    }

    /// The category that a category stands in; `None` at the top, or if that isn't loaded.
    ///
    /// Following it always comes to an end: where a category contains itself, the link is cut.
    ///
    /// ```
    /// # use admx::Catalog;
    /// let catalog = Catalog::builtin();
    /// let policy = catalog.find("TS_PASSWORD")?.policy;
    /// let mut path: Vec<&str> = Vec::new();
    /// let mut at = catalog.category(policy);
    /// while let Some(category) = at {
    ///     path.insert(0, &category.display_name);
    ///     at = catalog.parent(category);
    /// }
    /// assert_eq!(path, catalog.category_path(policy));
    /// # Ok::<(), admx::FindError>(())
    /// ```
    pub fn parent(&self, category: &Category) -> Option<&Category> {
        self.linked(&category.parent)
    }

    /// The texts of the category a policy stands in and of those above it, outermost first. Starts with [`UNRESOLVED`]
    /// where a category isn't loaded or contains itself; empty for a policy without category.
    pub fn category_path(&self, policy: &Policy) -> Vec<&str> {
        self.path_to(&policy.category)
    }

    /// As [`Catalog::category_path`], for a category: it comes last itself.
    pub fn path_of<'c>(&'c self, category: &'c Category) -> Vec<&'c str> {
        let mut path = self.path_to(&category.parent);
        path.push(&category.display_name);
        path
    }

    fn linked(&self, link: &Link) -> Option<&Category> {
        match link {
            Link::Found(index) => self.categories.get(*index),
            Link::None | Link::Wanted(_) | Link::Broken => None,
        }
    }

    fn path_to(&self, link: &Link) -> Vec<&str> {
        let mut path = Vec::new();
        let mut category = self.linked(link);
        let mut is_whole = matches!(link, Link::None | Link::Found(_));
        while let Some(found) = category {
            path.push(found.display_name.as_str());
            is_whole = matches!(found.parent, Link::None | Link::Found(_));
            category = self.linked(&found.parent);
        }
        if !is_whole {
            path.push(UNRESOLVED);
        }
        path.reverse();
        path
    }
}
