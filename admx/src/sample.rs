//! Hand-made templates for tests.

use polfile::{PolicyFile, Record, Value};

use crate::builtin::parse_one;
use crate::{Catalog, Policy};

/// A catalog of one template: the policies, and the presentations for them. Strings are their own ids.
pub(crate) fn catalog(policies: &str, presentations: &str) -> Catalog {
    catalogs(&[("Test.admx", policies, presentations)])
}

/// A catalog of several templates, each with the namespace `Test.` and its file's name.
pub(crate) fn catalogs(files: &[(&str, &str, &str)]) -> Catalog {
    let parsed = files
        .iter()
        .map(|(name, policies, presentations)| {
            let stem = name.trim_end_matches(".admx");
            let admx = format!(
                "<policyDefinitions><policyNamespaces><target prefix='{stem}' namespace='Test.{stem}'/></policyNamespaces>\
                 <categories><category name='C' displayName='Category of {stem}'/></categories>\
                 <policies>{policies}</policies></policyDefinitions>"
            );
            let adml = format!(
                "<policyDefinitionResources><resources><presentationTable>{presentations}</presentationTable></resources>\
                 </policyDefinitionResources>"
            );
            parse_one(name, &admx, &adml)
        })
        .collect();
    let catalog = Catalog::resolved(parsed, false, Vec::new(), "en-US");
    assert_eq!(catalog.findings(), []);
    catalog
}

/// A machine policy `P` at key `K` with these attributes and children; its presentation is `p`.
pub(crate) fn policy(attributes: &str, children: &str) -> String {
    named("P", attributes, children)
}

/// As [`policy`], with another name. Presentation and display name are the name.
pub(crate) fn named(name: &str, attributes: &str, children: &str) -> String {
    let presentation =
        if children.contains("<elements>") { format!("presentation='$(presentation.{name})'") } else { String::new() };
    format!(
        "<policy name='{name}' class='Machine' displayName='Policy {name}' key='K' {presentation} {attributes}>{children}</policy>"
    )
}

/// A presentation with these controls.
pub(crate) fn presentation(name: &str, controls: &str) -> String {
    format!("<presentation id='{name}'>{controls}</presentation>")
}

pub(crate) fn find<'c>(catalog: &'c Catalog, name: &str) -> &'c Policy {
    catalog.policies().iter().find(|p| p.name == name).unwrap()
}

/// Records as text: `K!Name=4:1`, `K!**del.Name`, `K!**delvals.`.
pub(crate) fn text<'r>(records: impl IntoIterator<Item = polfile::RecordRef<'r>>) -> Vec<String> {
    let one = |r: polfile::RecordRef<'r>| {
        let value = match r.value() {
            Ok(Value::Sz(s)) => format!("{s:?}"),
            Ok(Value::ExpandSz(s)) => format!("expand {s:?}"),
            Ok(Value::MultiSz(l)) => format!("{l:?}"),
            Ok(Value::Dword(n)) => n.to_string(),
            Ok(Value::Qword(n)) => format!("qword {n}"),
            other => format!("{other:?}"),
        };
        let name = r.value_name.to_string();
        if name.starts_with("**del") { format!("{}!{name}", r.key) } else { format!("{}!{name}={value}", r.key) }
    };
    records.into_iter().map(one).collect()
}

/// A policy file from records.
pub(crate) fn file(records: &[Record]) -> PolicyFile {
    records.iter().map(Record::as_ref).collect()
}

pub(crate) fn dword(key: &str, name: &str, n: u32) -> Record {
    Record::set(key, name, &Value::Dword(n)).unwrap()
}

pub(crate) fn sz(key: &str, name: &str, text: &str) -> Record {
    Record::set(key, name, &Value::from(text)).unwrap()
}

pub(crate) fn del(key: &str, name: &str) -> Record {
    Record::delete_value(key, name).unwrap()
}

pub(crate) fn delvals(key: &str) -> Record {
    Record::delete_all_values(key).unwrap()
}
