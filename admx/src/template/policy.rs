//! `policy`: its own values and lists, and the controls that belong to its elements.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use polfile::{KeyProblem, WideString};

use super::{Parser, reference_id};
use crate::cursor::{Attr, owned};
use crate::finding::{Code, Draft};
use crate::model::{Assignment, Class, Control, ControlKind, Detail, Element, Link, Literal, Policy, ReferenceKind};
use crate::resources::Lookup;
use crate::value::ElementValue;
use crate::xml::Stop;

impl<'t> Parser<'t, '_> {
    pub(super) fn policy(&mut self) -> Result<(), Stop> {
        const ATTRIBUTES: [&str; 8] =
            ["name", "class", "displayName", "explainText", "presentation", "key", "valueName", "clientExtension"];
        let [name, class, display, explain, presentation, key, value_name, extension] =
            self.cursor.attributes(ATTRIBUTES);
        let offset = self.cursor.offset();
        let Some(name) = name else {
            self.error(Code::MALFORMED, offset, "a `policy` has no attribute `name`; it is left out".to_owned());
            return self.cursor.skip();
        };
        let class = self.class(class, offset);
        let display_name = self.string(display).unwrap_or_else(|| name.text.to_string());
        let explain_text = self.string(explain);
        let controls = self.controls(presentation);
        if key.as_ref().is_none_or(|key| key.text.is_empty()) {
            let message = format!("policy \"{}\" has no key, which the schema wants", name.text);
            self.error(Code::MALFORMED, offset, message);
        }
        let key = self.key(&key, &Arc::from(""));
        let is_new = self.names.insert(name.text.clone());
        let mut policy = Policy {
            name: name.text.into_owned(),
            // The file's namespace may come later.
            namespace: Arc::from(""),
            class,
            display_name,
            explain_text,
            key,
            value_name: owned(value_name),
            enabled_value: None,
            disabled_value: None,
            enabled_list: Vec::new(),
            disabled_list: Vec::new(),
            elements: Vec::new(),
            shows_controls: self.resources.name.is_some() && controls.is_some(),
            controls: controls.unwrap_or_default(),
            client_extension: owned(extension),
            file: self.template.file.clone(),
            offset,
            category: Link::None,
            supported: Link::None,
        };
        const PARTS: &[&str] = &[
            "parentCategory",
            "supportedOn",
            "enabledValue",
            "disabledValue",
            "enabledList",
            "disabledList",
            "elements",
            "annotation",
            "seeAlso",
            "keywords",
        ];
        while let Some(part) = self.cursor.child("policy", PARTS)? {
            match part {
                "parentCategory" => policy.category = self.reference(ReferenceKind::Category)?,
                "supportedOn" => policy.supported = self.reference(ReferenceKind::Definition)?,
                "enabledValue" => policy.enabled_value = self.literal(part)?,
                "disabledValue" => policy.disabled_value = self.literal(part)?,
                "enabledList" => policy.enabled_list = self.assignments(part, &policy.key)?,
                "disabledList" => policy.disabled_list = self.assignments(part, &policy.key)?,
                "elements" => policy.elements = self.elements(&policy.key)?,
                _ => self.cursor.skip()?,
            }
        }
        attach(&mut policy.elements, &policy.controls);
        if !is_new {
            let message = format!("policy \"{}\" is there twice; the first one counts", policy.name);
            self.error(Code::TWICE, offset, message);
            return Ok(());
        }
        self.template.policies.push(policy);
        Ok(())
    }

    fn class(&mut self, class: Option<Attr<'_>>, offset: u32) -> Class {
        let known = [Class::Machine, Class::User, Class::Both];
        let text = class.as_ref().map(|c| c.text.trim()).unwrap_or_default();
        match known.into_iter().find(|c| c.as_str().eq_ignore_ascii_case(text)) {
            Some(class) => class,
            None => {
                let message = format!("class \"{text}\" is not Machine, User or Both; read as Both");
                self.error(Code::MALFORMED, offset, message);
                Class::Both
            }
        }
    }

    /// `None` if there is a presentation to look up, and it isn't there.
    fn controls(&mut self, presentation: Option<Attr<'_>>) -> Option<Arc<[Control]>> {
        let Some(attr) = presentation else { return Some(Arc::default()) };
        let resources = self.resources;
        let id = reference_id(&attr.text, "presentation").unwrap_or(attr.text.trim());
        match resources.presentation(id) {
            Lookup::Found(controls) => Some(controls.clone()),
            Lookup::OtherCase(controls, spelled) => {
                let message = format!("presentation \"{id}\" is spelled \"{spelled}\" in {}", self.adml());
                self.warning(Code::PRESENTATION, attr.offset, message);
                Some(controls.clone())
            }
            Lookup::Missing => {
                if resources.name.is_some() {
                    let message = format!("presentation \"{id}\" is not in {}", self.adml());
                    let draft = Draft::new(Code::PRESENTATION, attr.offset, message);
                    let help = "ADMX and ADML come from different versions; replace both from the same package";
                    self.cursor.drafts.push(draft.help(help));
                }
                None
            }
        }
    }

    /// The schema's `Value` inside the element just opened.
    pub(super) fn literal(&mut self, parent: &str) -> Result<Option<Literal>, Stop> {
        let offset = self.cursor.offset();
        let mut found = None;
        while let Some(kind) = self.cursor.child(parent, &["decimal", "longDecimal", "string", "delete"])? {
            let literal = match kind {
                "string" => Literal::String(self.cursor.text()?.into_owned()),
                "delete" => {
                    self.cursor.skip()?;
                    Literal::Delete
                }
                _ => {
                    let [value] = self.cursor.attributes(["value"]);
                    self.cursor.skip()?;
                    match self.literal_number(value, kind, offset) {
                        Some(literal) => literal,
                        None => continue,
                    }
                }
            };
            found.get_or_insert(literal);
        }
        if found.is_none() {
            self.error(Code::MALFORMED, offset, format!("`{parent}` holds no value"));
        }
        Ok(found)
    }

    fn literal_number(&mut self, value: Option<Attr<'_>>, kind: &str, offset: u32) -> Option<Literal> {
        let text = value.as_ref().map(|v| v.text.trim()).unwrap_or_default();
        if kind == "longDecimal" {
            if let Ok(n) = text.parse() {
                return Some(Literal::LongDecimal(n));
            }
        } else if let Ok(n) = text.parse::<u32>() {
            return Some(Literal::Decimal(n));
        } else if let Ok(n) = text.parse::<i32>() {
            let message = format!("`decimal` is {n}, but has no negative numbers; read as {}", n.cast_unsigned());
            self.error(Code::MALFORMED, offset, message);
            return Some(Literal::Decimal(n.cast_unsigned()));
        }
        let message = format!("`{kind}` has the value \"{text}\", which is not a number it can hold");
        self.error(Code::MALFORMED, offset, message);
        None
    }

    /// The schema's `ValueList` in the element just opened.
    pub(super) fn assignments(&mut self, parent: &str, key: &Arc<str>) -> Result<Vec<Assignment>, Stop> {
        let [default_key] = self.cursor.attributes(["defaultKey"]);
        let default_key = self.key(&default_key, key);
        let mut items = Vec::new();
        while self.cursor.child(parent, &["item"])?.is_some() {
            let offset = self.cursor.offset();
            let [item_key, value_name] = self.cursor.attributes(["key", "valueName"]);
            let item_key = self.key(&item_key, &default_key);
            let mut literal = None;
            while self.cursor.child("item", &["value"])?.is_some() {
                let found = self.literal("value")?;
                literal = literal.or(found);
            }
            match (value_name, literal) {
                (Some(value_name), Some(literal)) => {
                    items.push(Assignment { key: item_key, value_name: value_name.text.into_owned(), literal })
                }
                (None, _) => self.error(Code::MALFORMED, offset, "`item` has no attribute `valueName`".to_owned()),
                (_, None) => self.error(Code::MALFORMED, offset, "`item` holds no `value`".to_owned()),
            }
        }
        Ok(items)
    }

    /// A registry key, or the one that is inherited where the attribute is absent. One backslash at its end is taken
    /// off, as [`polfile`] would otherwise get a key that Windows may not find.
    pub(super) fn key(&mut self, attr: &Option<Attr<'_>>, inherited: &Arc<str>) -> Arc<str> {
        let Some(attr) = attr else { return inherited.clone() };
        let text = match attr.text.strip_suffix('\\') {
            Some(text) => {
                let message = format!("key \"{}\" ends with a backslash; read without", attr.text);
                self.warning(Code::KEY, attr.offset, message);
                text
            }
            None => &attr.text,
        };
        if **inherited == *text {
            return inherited.clone();
        }
        // Nearly all keys are good; only what looks like one of these problems is looked at.
        if !text.starts_with(['H', 'h', '\\']) && !text.contains("\\\\") {
            return Arc::from(text);
        }
        let problem = match KeyProblem::of(WideString::from(text).as_wide()) {
            Some(problem @ (KeyProblem::Hive | KeyProblem::LeadingBackslash | KeyProblem::EmptyComponent)) => problem,
            _ => return Arc::from(text),
        };
        self.warning(Code::KEY, attr.offset, format!("{problem}: \"{text}\""));
        Arc::from(text)
    }
}

/// Gives each element the label and the default of its control and puts them in the order of the controls.
fn attach(elements: &mut [Element], controls: &[Control]) {
    let positions = Positions::of(controls);
    let position = |id: &str| positions.of_element(id);
    for element in elements.iter_mut() {
        match position(&element.id).and_then(|at| controls.get(at)) {
            Some(control) => {
                element.label.clone_from(&control.label);
                element.default = default_of(&element.detail, &control.kind);
            }
            None if matches!(element.detail, Detail::Boolean { .. }) => {
                element.default = Some(ElementValue::Boolean(false));
            }
            None => {}
        }
    }
    elements.sort_by_cached_key(|element| position(&element.id).unwrap_or(usize::MAX));
}

/// The first control of each element, by its id as it stands and in small letters.
struct Positions<'c> {
    exact: HashMap<&'c str, usize, RandomState>,
    folded: HashMap<String, usize, RandomState>,
}

impl<'c> Positions<'c> {
    fn of(controls: &'c [Control]) -> Self {
        let mut positions = Self { exact: HashMap::default(), folded: HashMap::default() };
        for (at, control) in controls.iter().enumerate() {
            let Some(id) = control.element.as_deref() else { continue };
            positions.exact.entry(id).or_insert(at);
            positions.folded.entry(id.to_ascii_lowercase()).or_insert(at);
        }
        positions
    }

    fn of_element(&self, id: &str) -> Option<usize> {
        self.exact.get(id).or_else(|| self.folded.get(&id.to_ascii_lowercase())).copied()
    }
}

/// What a control shows before anything is entered.
fn default_of(detail: &Detail, control: &ControlKind) -> Option<ElementValue> {
    let clamped = |n: u64, min: u64, max: u64| {
        let number = if min <= max { n.clamp(min, max) } else { n };
        Some(ElementValue::Decimal(number))
    };
    match (detail, control) {
        (Detail::Boolean { .. }, ControlKind::CheckBox { checked }) => Some(ElementValue::Boolean(*checked)),
        (Detail::Boolean { .. }, _) => Some(ElementValue::Boolean(false)),
        (Detail::Decimal { min, max, .. }, ControlKind::NumberBox { default, .. }) => {
            clamped(*default, u64::from(*min), u64::from(*max))
        }
        (Detail::LongDecimal { min, max, .. }, ControlKind::NumberBox { default, .. }) => clamped(*default, *min, *max),
        (Detail::Text { .. }, ControlKind::NumberBox { default, .. }) => Some(ElementValue::Text(default.to_string())),
        (Detail::Text { .. }, ControlKind::TextBox { default } | ControlKind::ComboBox { default, .. }) => {
            default.clone().map(ElementValue::Text)
        }
        (Detail::Enum { items }, ControlKind::DropDownList { default_item, .. }) => {
            let item = items.get((*default_item)?)?;
            Some(ElementValue::Enum((&item.value).into()))
        }
        _ => None,
    }
}
