//! What changes for an administrator when one set of templates replaces another.

use std::collections::{BTreeMap, HashMap};

use admx::{Assignment, Catalog, Detail, Element, Literal, Policy};

/// How two catalogs differ, policy by policy; each list by id.
#[derive(Debug, Default)]
pub struct TemplateDiff<'o, 'n> {
    /// Policies that only the new catalog has.
    pub added: Vec<&'n Policy>,
    /// Policies that only the old catalog has. What is configured by them becomes unexplained.
    pub removed: Vec<&'o Policy>,
    /// Policies with another id that write the same as before.
    pub renamed: Vec<(&'o Policy, &'n Policy)>,
    /// Policies with another display name.
    pub retitled: Vec<(&'o Policy, &'n Policy)>,
    /// Policies that write something else than before.
    pub remapped: Vec<Remapped<'o, 'n>>,
}

/// A policy that writes something else than before.
#[derive(Debug)]
pub struct Remapped<'o, 'n> {
    /// As it was.
    pub old: &'o Policy,
    /// As it is.
    pub new: &'n Policy,
    /// What differs, such as `key` or `element Level: values`.
    pub what: Vec<String>,
}

impl TemplateDiff<'_, '_> {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.renamed.is_empty()
            && self.retitled.is_empty()
            && self.remapped.is_empty()
    }
}

/// Compares two catalogs.
pub fn diff<'o, 'n>(old: &'o Catalog, new: &'n Catalog) -> TemplateDiff<'o, 'n> {
    let by_id = |catalog: &'o Catalog| -> BTreeMap<String, &'o Policy> {
        catalog.policies().iter().map(|policy| (policy.id(), policy)).collect()
    };
    let before = by_id(old);
    let mut after: BTreeMap<String, &'n Policy> = new.policies().iter().map(|policy| (policy.id(), policy)).collect();
    let mut found = TemplateDiff::default();
    for (id, old) in before {
        let Some(new) = after.remove(&id) else {
            found.removed.push(old);
            continue;
        };
        if old.display_name != new.display_name {
            found.retitled.push((old, new));
        }
        let what = differences(old, new);
        if !what.is_empty() {
            found.remapped.push(Remapped { old, new, what });
        }
    }
    found.added = after.into_values().collect();
    pair_renamed(&mut found);
    found
}

/// Takes what was removed and what was added, and writes the same, for one policy under another id.
fn pair_renamed(found: &mut TemplateDiff<'_, '_>) {
    let mut by_mapping: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, policy) in found.added.iter().enumerate().rev() {
        by_mapping.entry(mapping(policy)).or_default().push(i);
    }
    let mut taken = Vec::new();
    found.removed.retain(|old| match by_mapping.get_mut(&mapping(old)).and_then(Vec::pop) {
        Some(new) => {
            found.renamed.push((old, found.added[new]));
            taken.push(new);
            false
        }
        None => true,
    });
    let mut index = 0..;
    found.added.retain(|_| !index.next().is_some_and(|i| taken.contains(&i)));
}

/// All that a policy writes, as text to compare by.
fn mapping(policy: &Policy) -> String {
    let elements: Vec<String> =
        policy.elements.iter().map(|element| format!("{} {}", element.id, writes(element))).collect();
    format!("{:?} {elements:?}", own_level(policy).map(|(_, value)| value))
}

/// The parts of a policy's own level, each with a name.
fn own_level(policy: &Policy) -> [(&'static str, String); 7] {
    let literal = |value: &Option<Literal>| format!("{value:?}");
    let list = |items: &[Assignment]| format!("{items:?}").to_lowercase();
    [
        ("class", policy.class.to_string()),
        ("key", policy.key.to_lowercase()),
        ("value name", format!("{:?}", policy.value_name.as_deref().map(str::to_lowercase))),
        ("enabled value", literal(&policy.enabled_value)),
        ("disabled value", literal(&policy.disabled_value)),
        ("enabled list", list(&policy.enabled_list)),
        ("disabled list", list(&policy.disabled_list)),
    ]
}

/// What an element writes, whatever its texts are.
fn writes(element: &Element) -> String {
    let place = (element.key.to_lowercase(), element.value_name.as_deref().map(str::to_lowercase), element.soft);
    let values = match &element.detail {
        Detail::Enum { items } => {
            let items: Vec<_> = items.iter().map(|item| (&item.value, &item.value_list)).collect();
            format!("enum {items:?}")
        }
        detail => format!("{detail:?}"),
    };
    format!("{place:?} {values}")
}

fn differences(old: &Policy, new: &Policy) -> Vec<String> {
    let own = own_level(old).into_iter().zip(own_level(new));
    let mut what: Vec<String> = own.filter(|(a, b)| a.1 != b.1).map(|(a, _)| a.0.to_owned()).collect();
    for element in &old.elements {
        match new.elements.iter().find(|other| other.id == element.id) {
            None => what.push(format!("element {} is gone", element.id)),
            Some(other) if element.kind() != other.kind() => {
                what.push(format!("element {}: {} is now {}", element.id, element.kind(), other.kind()));
            }
            Some(other) if writes(element) != writes(other) => what.push(format!("element {}: values", element.id)),
            Some(_) => {}
        }
    }
    let is_new = |element: &&Element| !old.elements.iter().any(|other| other.id == element.id);
    what.extend(new.elements.iter().filter(is_new).map(|element| format!("element {} is new", element.id)));
    what
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store of one template with these policies.
    fn store(policies: &str) -> (tempfile::TempDir, Catalog) {
        let dir = tempfile::tempdir().unwrap();
        let admx = format!(
            r#"<policyDefinitions revision="1.0" schemaVersion="1.0"><policyNamespaces><target prefix="a" namespace="Acme"/>
            </policyNamespaces><resources minRequiredRevision="1.0"/><policies>{policies}</policies></policyDefinitions>"#
        );
        std::fs::write(dir.path().join("acme.admx"), admx).unwrap();
        let catalog = Catalog::load(&[dir.path().to_path_buf()], "en-US").unwrap();
        (dir, catalog)
    }

    fn policy(name: &str, title: &str, key: &str, value: &str) -> String {
        format!(r#"<policy name="{name}" class="Machine" displayName="{title}" key="{key}" valueName="{value}"/>"#)
    }

    #[test]
    fn each_kind_of_change_is_told_apart() {
        let same = policy("Same", "Same", "K", "Same");
        let (_old_dir, old) = store(
            &[
                &same,
                &policy("Gone", "Gone", "K", "Gone"),
                &policy("Old", "Name", "K", "Kept"),
                &policy("Title", "Before", "K", "T"),
                &policy("Moved", "Moved", "K", "M"),
            ]
            .map(String::as_str)
            .concat(),
        );
        let (_new_dir, new) = store(
            &[
                &same,
                &policy("Fresh", "Fresh", "K", "Fresh"),
                &policy("New", "Name", "K", "Kept"),
                &policy("Title", "After", "K", "T"),
                &policy("Moved", "Moved", "K2", "M"),
            ]
            .map(String::as_str)
            .concat(),
        );
        let found = diff(&old, &new);
        let names = |policies: &[&Policy]| policies.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
        let pairs = |pairs: &[(&Policy, &Policy)]| {
            pairs.iter().map(|(a, b)| format!("{}>{}", a.name, b.name)).collect::<Vec<_>>()
        };
        assert_eq!(names(&found.added), ["Fresh"]);
        assert_eq!(names(&found.removed), ["Gone"]);
        assert_eq!(pairs(&found.renamed), ["Old>New"]);
        assert_eq!(pairs(&found.retitled), ["Title>Title"]);
        assert_eq!(
            (found.remapped[0].new.name.as_str(), found.remapped[0].what.as_slice()),
            ("Moved", &["key".to_owned()][..])
        );
        assert!(diff(&old, &old).is_empty());
    }
}
