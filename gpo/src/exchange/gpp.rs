//! `Registry.xml` of Group Policy Preferences: registry items, read only.
//!
//! | item | record |
//! |---|---|
//! | `action="U"` or `"R"`, with a value | sets the value |
//! | `action="C"`, with a value | `**soft.`: sets it if there is none |
//! | `action="D"`, with a value | `**del.`: Windows deletes the value |
//! | `action="U"`, `"R"` or `"C"`, key alone | creates the key |
//! | `action="D"`, key alone | `**DeleteKeys`: Windows deletes the key |
//!
//! A preference is not a policy: users may change what it has set, it stays when the GPO goes, and it may depend on
//! who and where (item-level targeting). What a record cannot say is set aside: items that are switched off, that have
//! filters, or that lie in another hive.
//!
//! Spec: [MS-GPPREF](https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-gppref/) 2.2.1.10; the form of
//! `REG_MULTI_SZ` (`Values` below `Properties`) is unverified here.

use std::collections::HashMap;

use polfile::{Record, Value, ValueType};
use roxmltree::{Node, NodeId};

use crate::xml::{self, Lines};

use super::lgpo::Scope;
use super::{Aside, Asides, Entry, TextError, wide};

/// What a preferences file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// Items that a record can say, in the order of the file.
    pub entries: Vec<Entry>,
    /// The others, by what they are.
    pub asides: Vec<Aside>,
}

/// Reads the items.
///
/// # Errors
///
/// [`TextError`] where the XML is broken or an item cannot be understood.
pub fn parse(text: &str) -> Result<Items, TextError> {
    let document = xml::document(text.trim_start_matches('\u{FEFF}'))
        .map_err(|fault| TextError::new(fault.line as usize, fault.column as usize, fault.what))?;
    let mut lines = Lines::of(document.input_text());
    let (mut entries, mut asides) = (Vec::new(), Asides::default());
    // For each element whether it, or one above it, is switched off or has a filter.
    let mut apart: HashMap<NodeId, (bool, bool)> = HashMap::new();
    for node in document.descendants().filter(Node::is_element) {
        let above = node.parent().and_then(|parent| apart.get(&parent.id())).copied().unwrap_or_default();
        let (off, filtered) = (above.0 || is_off(node), above.1 || is_filtered(node));
        apart.insert(node.id(), (off, filtered));
        let properties = || node.children().find(|child| child.tag_name().name() == "Properties");
        let Some(properties) = (node.tag_name().name() == "Registry").then(properties).flatten() else { continue };
        let line = lines.line(node.range().start) as usize;
        let aside = match (off, filtered, scope_of(properties)) {
            (true, ..) => "that is switched off".to_owned(),
            (_, true, _) => "with item-level targeting".to_owned(),
            (.., Err(hive)) => format!("in {hive}"),
            (.., Ok(scope)) => {
                let record = record(properties).map_err(|why| at(properties, why))?;
                entries.push(Entry { line, scope, record });
                continue;
            }
        };
        asides.add(format!("preference item {aside}"), line);
    }
    Ok(Items { entries, asides: asides.list })
}

fn at(node: Node<'_, '_>, what: impl Into<String>) -> TextError {
    let place = node.document().text_pos_at(node.range().start);
    TextError::new(place.row as usize, place.col as usize, what)
}

/// Collections are switched off as items are.
fn is_off(node: Node<'_, '_>) -> bool {
    node.attribute("disabled") == Some("1")
}

/// Whether an item or a collection is only for some.
fn is_filtered(node: Node<'_, '_>) -> bool {
    let filters = node.children().filter(|child| child.tag_name().name() == "Filters");
    filters.flat_map(|filters| filters.children()).any(|filter| filter.is_element())
}

/// Whose policy it is; or the hive that is nobody's.
fn scope_of<'a>(properties: Node<'a, '_>) -> Result<Scope, &'a str> {
    match properties.attribute("hive").unwrap_or_default() {
        "HKEY_LOCAL_MACHINE" => Ok(Scope::Computer),
        "HKEY_CURRENT_USER" => Ok(Scope::User),
        other => Err(other),
    }
}

/// The record of an item's properties.
fn record(properties: Node<'_, '_>) -> Result<Record, String> {
    let attribute = |name: &str| properties.attribute(name).unwrap_or_default();
    let (key, name, kind) = (attribute("key").trim_matches('\\'), attribute("name"), attribute("type"));
    if key.is_empty() {
        return Err("the item has no key".to_owned());
    }
    // Neither a name nor "default": the item is about the key itself.
    let value = !name.is_empty() || attribute("default") == "1" && !kind.is_empty();
    let set = |name: String| {
        let value_type = ValueType::from_name(kind).ok_or_else(|| format!("unknown type {kind:?}"))?;
        let data = data(value_type, properties)?;
        Record::new(key.into(), name.as_str().into(), value_type, data).map_err(|error| error.to_string())
    };
    let made = match (attribute("action"), value) {
        ("U" | "R" | "", true) => return set(name.to_owned()),
        ("C", true) => return set(format!("**soft.{name}")),
        ("D", true) => Record::delete_value(key, name),
        ("U" | "R" | "C" | "", false) => Record::create_key(key),
        ("D", false) => match key.rsplit_once('\\') {
            Some((parent, sub)) if !sub.contains(';') => Record::delete_keys(parent, sub),
            _ => return Err(format!("no policy file can delete the key {key}")),
        },
        (other, _) => return Err(format!("unknown action {other:?}")),
    };
    made.map_err(|error| error.to_string())
}

fn data(value_type: ValueType, properties: Node<'_, '_>) -> Result<Vec<u8>, String> {
    let text = properties.attribute("value").unwrap_or_default();
    let number = || u64::from_str_radix(text, 16).map_err(|_| format!("{text:?} is no hexadecimal number"));
    Ok(match value_type {
        ValueType::DWORD => {
            let n = u32::try_from(number()?).map_err(|_| format!("{text} does not fit {value_type}"))?;
            n.to_le_bytes().to_vec()
        }
        ValueType::QWORD => number()?.to_le_bytes().to_vec(),
        ValueType::SZ | ValueType::EXPAND_SZ => wide(&format!("{text}\0")),
        ValueType::MULTI_SZ => {
            let values = properties.descendants().filter(|node| node.tag_name().name() == "Value");
            let texts: Vec<_> = values.map(|node| node.text().unwrap_or_default().into()).collect();
            if texts.is_empty() && !text.is_empty() {
                return Err("a REG_MULTI_SZ without Values".to_owned());
            }
            Value::MultiSz(texts).encode().1
        }
        ValueType::BINARY | ValueType::NONE => {
            crate::model::from_hex(text).ok_or_else(|| format!("{text:?} is not hexadecimal digits in pairs"))?
        }
        other => return Err(format!("{other} has no form in preferences")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(attributes: &str) -> String {
        format!("<Registry clsid='x' name='n'><Properties hive='HKEY_LOCAL_MACHINE' {attributes}/></Registry>")
    }

    fn file(items: &str) -> String {
        format!("<?xml version='1.0' encoding='utf-8'?>\n<RegistrySettings clsid='y'>\n{items}\n</RegistrySettings>")
    }

    #[test]
    fn every_action_has_its_record() {
        for (attributes, expected) in [
            (
                "action='U' key='K' name='V' type='REG_DWORD' value='0000001F' default='0'",
                Record::set("K", "V", &Value::Dword(31)),
            ),
            ("action='R' key='K' name='V' type='REG_SZ' value='a'", Record::set("K", "V", &Value::from("a"))),
            (
                "action='C' key='K' name='V' type='REG_BINARY' value='01FF'",
                Record::set("K", "**soft.V", &Value::Binary(vec![1, 255])),
            ),
            ("action='D' key='K' name='V' type='REG_SZ' value=''", Record::delete_value("K", "V")),
            ("action='U' key='K' name='' type='REG_SZ' value='d' default='1'", Record::set("K", "", &Value::from("d"))),
            ("action='U' key='K' name='' type='' value='' default='0'", Record::create_key("K")),
            ("action='D' key='K\\Sub' name='' type='' value=''", Record::delete_keys("K", "Sub")),
        ] {
            let items = parse(&file(&item(attributes))).unwrap();
            assert_eq!(
                items.entries,
                [Entry { line: 3, scope: Scope::Computer, record: expected.unwrap() }],
                "{attributes}"
            );
        }
    }

    #[test]
    fn what_no_record_can_say_is_set_aside_and_counted() {
        let good = item("action='U' key='K' name='V' type='REG_SZ' value='a'");
        let text = file(
            &[
                good.replace("<Registry ", "<Registry disabled='1' "),
                format!("<Collection disabled='1'>{good}</Collection>"),
                good.replace("</Registry>", "<Filters><FilterRunOnce id='1'/></Filters></Registry>"),
                good.replace("HKEY_LOCAL_MACHINE", "HKEY_USERS"),
                format!("<Collection><Filters/>{good}</Collection>"),
            ]
            .join("\n"),
        );
        let items = parse(&text).unwrap();
        let aside = |what: &str, count, line| Aside { what: format!("preference item {what}"), count, line };
        assert_eq!((items.entries.len(), items.entries[0].line), (1, 7));
        assert_eq!(
            items.asides,
            [
                aside("that is switched off", 2, 3),
                aside("with item-level targeting", 1, 5),
                aside("in HKEY_USERS", 1, 6)
            ]
        );
    }

    #[test]
    fn an_item_that_cannot_be_understood_says_where() {
        for (attributes, why) in [
            ("action='U' key='' name='V' type='REG_SZ' value='a'", "the item has no key"),
            ("action='X' key='K' name='V' type='REG_SZ' value='a'", "unknown action \"X\""),
            ("action='U' key='K' name='V' type='REG_FOO' value='a'", "unknown type \"REG_FOO\""),
            ("action='U' key='K' name='V' type='REG_BINARY' value='1'", "\"1\" is not hexadecimal digits in pairs"),
            ("action='U' key='K' name='V' type='REG_DWORD' value='100000000'", "100000000 does not fit REG_DWORD"),
        ] {
            let error = parse(&file(&item(attributes))).unwrap_err().to_string();
            assert_eq!(error, format!("line 3, column 30: {why}"));
        }
    }
}
