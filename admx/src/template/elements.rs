//! `elements`: the inputs of a policy.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::Parser;
use crate::cursor::{Attr, boolean, owned};
use crate::finding::Code;
use crate::model::{Detail, Element, EnumItem};
use crate::xml::Stop;

/// Attributes that every element has.
struct Common<'t> {
    id: Option<Attr<'t>>,
    extension: Option<Attr<'t>>,
    key: Option<Attr<'t>>,
    value_name: Option<Attr<'t>>,
    offset: u32,
    required: bool,
    soft: bool,
}

impl<'t> Parser<'t, '_> {
    /// The children of `elements`, in the order of the ADMX.
    pub(super) fn elements(&mut self, key: &Arc<str>) -> Result<Vec<Element>, Stop> {
        const KINDS: &[&str] = &["boolean", "decimal", "longDecimal", "text", "multiText", "enum", "list"];
        // Most policies have one or none.
        let mut elements: Vec<Element> = Vec::with_capacity(1);
        let mut ids = HashSet::with_hasher(RandomState::default());
        while let Some(kind) = self.cursor.child("elements", KINDS)? {
            let (common, detail) = self.element(kind, key)?;
            let Some(id) = common.id else {
                self.error(Code::MALFORMED, common.offset, format!("`{kind}` has no attribute `id`; it is left out"));
                continue;
            };
            let is_list = matches!(detail, Detail::List { .. });
            if !is_list && common.value_name.is_none() {
                let message = format!("`{kind}` \"{}\" has no attribute `valueName`; it can't be stored", id.text);
                self.error(Code::MALFORMED, common.offset, message);
            }
            if !ids.insert(id.text.clone()) {
                let message = format!("element \"{}\" is there twice; the first one counts", id.text);
                self.error(Code::TWICE, common.offset, message);
                continue;
            }
            elements.push(Element {
                label: id.text.to_string(),
                id: id.text.into_owned(),
                key: self.key(&common.key, key),
                value_name: if is_list { None } else { owned(common.value_name) },
                required: common.required,
                soft: common.soft,
                client_extension: owned(common.extension),
                default: None,
                detail,
            });
        }
        Ok(elements)
    }

    fn element(&mut self, kind: &str, key: &Arc<str>) -> Result<(Common<'t>, Detail), Stop> {
        match kind {
            "boolean" => self.boolean(key),
            "decimal" => {
                let (common, min, max, store_as_text) = self.bounds()?;
                let min = self.bound(min, "minValue", 0);
                let max = self.bound(max, "maxValue", 9999);
                Ok((common, Detail::Decimal { min, max, store_as_text }))
            }
            "longDecimal" => {
                let (common, min, max, store_as_text) = self.bounds()?;
                let min = self.bound(min, "minValue", 0);
                let max = self.bound(max, "maxValue", 9999);
                Ok((common, Detail::LongDecimal { min, max, store_as_text }))
            }
            "text" => self.text(),
            "multiText" => self.multi_text(),
            "enum" => self.choice(key),
            _ => self.list(),
        }
    }

    fn boolean(&mut self, policy_key: &Arc<str>) -> Result<(Common<'t>, Detail), Stop> {
        let [id, extension, key, value_name, _] =
            self.cursor.attributes(["id", "clientExtension", "key", "valueName", "required"]);
        let common =
            Common { id, extension, key, value_name, offset: self.cursor.offset(), required: false, soft: false };
        let list_key = self.key(&common.key, policy_key);
        let (mut true_value, mut false_value) = (None, None);
        let (mut true_list, mut false_list) = (Vec::new(), Vec::new());
        const PARTS: &[&str] = &["trueValue", "falseValue", "trueList", "falseList"];
        while let Some(part) = self.cursor.child("boolean", PARTS)? {
            match part {
                "trueValue" => true_value = self.literal(part)?,
                "falseValue" => false_value = self.literal(part)?,
                "trueList" => true_list = self.assignments(part, &list_key)?,
                _ => false_list = self.assignments(part, &list_key)?,
            }
        }
        let detail = Detail::Boolean { true_value, false_value, true_list, false_list };
        Ok((common, detail))
    }

    fn bounds(&mut self) -> Result<(Common<'t>, Option<Attr<'t>>, Option<Attr<'t>>, bool), Stop> {
        const ATTRIBUTES: [&str; 9] =
            ["id", "clientExtension", "key", "valueName", "required", "soft", "minValue", "maxValue", "storeAsText"];
        let [id, extension, key, value_name, required, soft, min, max, store_as_text] =
            self.cursor.attributes(ATTRIBUTES);
        let common = Common {
            id,
            extension,
            key,
            value_name,
            offset: self.cursor.offset(),
            required: boolean(&required),
            soft: boolean(&soft),
        };
        self.cursor.skip()?;
        Ok((common, min, max, boolean(&store_as_text)))
    }

    /// A limit, or its default where it is absent or can't be read.
    fn bound<T: std::str::FromStr>(&mut self, attr: Option<Attr<'_>>, name: &str, default: T) -> T {
        let Some(attr) = attr else { return default };
        match attr.text.trim().parse() {
            Ok(n) => n,
            Err(_) => {
                let message = format!("`{name}` is \"{}\", which is not a number it can hold; ignored", attr.text);
                self.error(Code::MALFORMED, attr.offset, message);
                default
            }
        }
    }

    fn text(&mut self) -> Result<(Common<'t>, Detail), Stop> {
        const ATTRIBUTES: [&str; 8] =
            ["id", "clientExtension", "key", "valueName", "required", "soft", "maxLength", "expandable"];
        let [id, extension, key, value_name, required, soft, max_length, expandable] =
            self.cursor.attributes(ATTRIBUTES);
        let common = Common {
            id,
            extension,
            key,
            value_name,
            offset: self.cursor.offset(),
            required: boolean(&required),
            soft: boolean(&soft),
        };
        self.cursor.skip()?;
        let max_length = self.bound(max_length, "maxLength", 1023);
        let expandable = boolean(&expandable);
        Ok((common, Detail::Text { max_length, expandable }))
    }

    fn multi_text(&mut self) -> Result<(Common<'t>, Detail), Stop> {
        const ATTRIBUTES: [&str; 8] =
            ["id", "clientExtension", "key", "valueName", "required", "soft", "maxLength", "maxStrings"];
        let [id, extension, key, value_name, required, soft, max_length, max_strings] =
            self.cursor.attributes(ATTRIBUTES);
        let common = Common {
            id,
            extension,
            key,
            value_name,
            offset: self.cursor.offset(),
            required: boolean(&required),
            soft: boolean(&soft),
        };
        self.cursor.skip()?;
        let max_length = self.bound(max_length, "maxLength", 1023);
        let max_strings = self.bound(max_strings, "maxStrings", 0);
        Ok((common, Detail::MultiText { max_length, max_strings }))
    }

    /// `enum`
    fn choice(&mut self, policy_key: &Arc<str>) -> Result<(Common<'t>, Detail), Stop> {
        let [id, extension, key, value_name, required] =
            self.cursor.attributes(["id", "clientExtension", "key", "valueName", "required"]);
        let common = Common {
            id,
            extension,
            key,
            value_name,
            offset: self.cursor.offset(),
            required: boolean(&required),
            soft: false,
        };
        let list_key = self.key(&common.key, policy_key);
        let mut items = Vec::new();
        while self.cursor.child("enum", &["item"])?.is_some() {
            let offset = self.cursor.offset();
            let [display] = self.cursor.attributes(["displayName"]);
            let display_name = self.string(display).unwrap_or_default();
            let mut value = None;
            let mut value_list = Vec::new();
            while let Some(part) = self.cursor.child("item", &["value", "valueList"])? {
                if part == "value" {
                    value = self.literal(part)?;
                } else {
                    value_list = self.assignments(part, &list_key)?;
                }
            }
            match value {
                Some(value) => items.push(EnumItem { display_name, value, value_list }),
                None => {
                    self.error(Code::MALFORMED, offset, format!("item \"{display_name}\" has no value; it is left out"))
                }
            }
        }
        Ok((common, Detail::Enum { items }))
    }

    fn list(&mut self) -> Result<(Common<'t>, Detail), Stop> {
        // `valueName` occurs and means nothing here.
        const ATTRIBUTES: [&str; 8] =
            ["id", "clientExtension", "key", "valueName", "valuePrefix", "additive", "explicitValue", "expandable"];
        let [id, extension, key, value_name, prefix, additive, explicit, expandable] =
            self.cursor.attributes(ATTRIBUTES);
        let common =
            Common { id, extension, key, value_name, offset: self.cursor.offset(), required: false, soft: false };
        self.cursor.skip()?;
        let explicit = boolean(&explicit);
        let detail = Detail::List {
            // Both occur together in practice; then the names are the user's.
            prefix: if explicit { None } else { owned(prefix) },
            additive: boolean(&additive),
            explicit,
            expandable: boolean(&expandable),
        };
        Ok((common, detail))
    }
}
