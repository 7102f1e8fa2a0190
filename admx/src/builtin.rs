//! The built-in catalogue: templates of our own for the policies that gpol must know without any store.
//!
//! Namespaces, ids, keys and values are those of Windows; the help texts are ours. It goes through the same parser as
//! any other template.

use std::path::Path;
use std::sync::Arc;

use crate::decode::{Decoded, decode};
use crate::load::{Parsed, parse_template, place};
use crate::resources::Resources;

const FILES: &[(&str, &str, &str)] = &[
    (
        "TerminalServer.admx",
        include_str!("../builtin/TerminalServer.admx"),
        include_str!("../builtin/en-US/TerminalServer.adml"),
    ),
    ("Windows.admx", include_str!("../builtin/Windows.admx"), include_str!("../builtin/en-US/Windows.adml")),
];

/// The built-in templates. What would be wrong with them is a finding, as with any other file.
pub(crate) fn parse() -> Vec<Parsed> {
    FILES.iter().map(|(name, admx, adml)| parse_one(name, admx, adml)).collect()
}

/// One template with its texts, neither from a disk.
pub(crate) fn parse_one(name: &str, admx: &str, adml: &str) -> Parsed {
    let file: Arc<Path> = Arc::from(Path::new(name));
    let text = |text: &str| decode(text.as_bytes().to_vec()).unwrap_or(Decoded { text: String::new(), body: 0 });
    let (admx, adml) = (text(admx), text(adml));
    let mut findings = Vec::new();
    let mut resources = Resources::default();
    if let Ok((parsed, drafts)) = Resources::parse(&adml.text, adml.body) {
        resources = parsed;
        resources.name = Some(format!("en-US/{}", Path::new(name).with_extension("adml").display()));
        findings.extend(place(&file, &adml, drafts));
    }
    let template = parse_template(&file, &admx, &resources, &mut findings).unwrap_or_else(|finding| {
        findings.push(finding);
        None
    });
    Parsed { folder: 0, template, findings }
}
