//! `supportedOn`: products with their versions, and definitions made of them.

use std::sync::Arc;

use super::Parser;
use crate::catalog::{Part, Rule, Supported, SupportedKind};
use crate::cursor::number;
use crate::finding::Code;
use crate::model::ReferenceKind;
use crate::xml::Stop;

impl Parser<'_, '_> {
    pub(super) fn supported_on(&mut self) -> Result<(), Stop> {
        while let Some(table) = self.cursor.child("supportedOn", &["products", "definitions"])? {
            if table == "definitions" {
                while self.cursor.child("definitions", &["definition"])?.is_some() {
                    let at = self.supported(SupportedKind::Definition, None);
                    let rule = self.rule()?;
                    if let Some(definition) = at.and_then(|at| self.template.supported.get_mut(at)) {
                        definition.rule = rule;
                    }
                }
                continue;
            }
            while self.cursor.child("products", &["product"])?.is_some() {
                let product = self.supported(SupportedKind::Product, None);
                while self.cursor.child("product", &["majorVersion"])?.is_some() {
                    let major = self.supported(SupportedKind::MajorVersion(0), product);
                    while self.cursor.child("majorVersion", &["minorVersion"])?.is_some() {
                        self.supported(SupportedKind::MinorVersion(0), major);
                        self.cursor.skip()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps the entry just opened and returns its index in the template.
    fn supported(&mut self, kind: SupportedKind, parent: Option<usize>) -> Option<usize> {
        let [name, display, index] = self.cursor.attributes(["name", "displayName", "versionIndex"]);
        let offset = self.cursor.offset();
        let mut indexed = || {
            number(&index).unwrap_or_else(|| {
                let message = "a version has no `versionIndex` that is a number; read as 0".to_owned();
                self.error(Code::MALFORMED, offset, message);
                0
            })
        };
        let kind = match kind {
            SupportedKind::MajorVersion(_) => SupportedKind::MajorVersion(indexed()),
            SupportedKind::MinorVersion(_) => SupportedKind::MinorVersion(indexed()),
            kind => kind,
        };
        let Some(name) = name else {
            self.error(Code::MALFORMED, offset, "a `supportedOn` entry has no attribute `name`".to_owned());
            return None;
        };
        // Versions have their names within a product; of the others the schema wants each once.
        let is_alone = !matches!(kind, SupportedKind::Definition | SupportedKind::Product);
        if !is_alone && !self.supported.insert((kind, name.text.clone())) {
            let what = if kind == SupportedKind::Definition { "definition" } else { "product" };
            let message = format!("{what} \"{}\" is there twice; the first one counts", name.text);
            self.error(Code::TWICE, offset, message);
            return None;
        }
        let display_name = self.string(display).unwrap_or_else(|| name.text.to_string());
        self.template.supported.push(Supported {
            name: name.text.into_owned(),
            // The file's namespace may come later.
            namespace: Arc::from(""),
            display_name,
            kind,
            offset,
            parent,
            rule: Rule::default(),
        });
        Some(self.template.supported.len() - 1)
    }

    /// What a definition is made of, to its end. The schema allows one `or` or `and`; further ones add their parts.
    fn rule(&mut self) -> Result<Rule, Stop> {
        let mut rule = Rule::default();
        while let Some(kind) = self.cursor.child("definition", &["or", "and"])? {
            rule.all |= kind == "and";
            while let Some(part) = self.cursor.child(kind, &["range", "reference"])? {
                let [target, min, max] = self.cursor.attributes(["ref", "minVersionIndex", "maxVersionIndex"]);
                // In practice a `reference` has bounds, too.
                let is_range = part == "range" || min.is_some() || max.is_some();
                let bounds = is_range.then(|| (number(&min), number(&max)));
                let offset = self.cursor.offset();
                self.cursor.skip()?;
                match target {
                    Some(target) => {
                        let reference = target.text.trim().to_owned();
                        let link = self.link(target, ReferenceKind::Product);
                        rule.parts.push(Part { reference, link, bounds });
                    }
                    None => self.error(Code::MALFORMED, offset, format!("`{part}` has no attribute `ref`")),
                }
            }
        }
        Ok(rule)
    }
}
