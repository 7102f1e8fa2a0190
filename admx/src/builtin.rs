//! The built-in catalogue: templates of our own for the policies that gpol must know without any store.
//!
//! Namespaces, ids, keys and values are those of Windows; the help texts are ours. It goes through the same parser as
//! any other template.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use crate::decode::{Decoded, decode};
use crate::finding::placed;
use crate::load::{Parsed, parse_template};
use crate::resources::Resources;
use crate::template::Translation;

const FILES: &[(&str, &str, &str)] = &[
    (
        "TerminalServer.admx",
        include_str!("../builtin/TerminalServer.admx"),
        include_str!("../builtin/en-US/TerminalServer.adml"),
    ),
    ("Windows.admx", include_str!("../builtin/Windows.admx"), include_str!("../builtin/en-US/Windows.adml")),
];

/// The text of a built-in template.
pub(crate) fn text(file: &Path) -> Option<&'static str> {
    FILES.iter().find(|(name, ..)| Path::new(name) == file).map(|(_, admx, _)| *admx)
}

/// The built-in templates. What would be wrong with them is a finding, as with any other file.
pub(crate) fn parse() -> Vec<Parsed> {
    FILES.iter().map(|(name, admx, adml)| parse_one(name, admx, adml)).collect()
}

/// One template with its texts, neither from a disk.
pub(crate) fn parse_one(name: &str, admx: &str, adml: &str) -> Parsed {
    let file: Arc<Path> = Arc::from(Path::new(name));
    let empty = || Decoded { text: Cow::Borrowed(""), body: 0 };
    let admx = decode(admx.as_bytes()).unwrap_or_else(|_| empty());
    let adml = decode(adml.as_bytes()).unwrap_or_else(|_| empty());
    let mut findings = Vec::new();
    let mut resources = Resources::default();
    if let Ok((parsed, drafts)) = Resources::parse(&adml.text, adml.body) {
        resources = parsed;
        resources.name = Some(format!("en-US/{}", Path::new(name).with_extension("adml").display()));
        findings.extend(placed(&file, &adml.text, drafts));
    }
    let mut template = parse_template(&file, &admx, &resources, &mut findings).unwrap_or_else(|finding| {
        findings.push(finding);
        None
    });
    if let (Some(template), Some(adml)) = (&mut template, resources.name) {
        template.translation = Some(Translation { language: "en-US".to_owned(), path: adml.into() });
    }
    Parsed { folder: 0, template, findings }
}
