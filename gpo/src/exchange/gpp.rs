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

use polfile::{Record, Value, ValueType};
use roxmltree::{Document, Node};

use super::lgpo::Scope;
use super::{Aside, Entry, TextError, set_aside, wide};

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
    let document = Document::parse(text.trim_start_matches('\u{FEFF}')).map_err(|error| {
        let place = error.pos();
        TextError::new(place.row as usize, place.col as usize, error.to_string())
    })?;
    let mut items = Items::default();
    let all = document.descendants().filter(|node| node.is_element() && node.tag_name().name() == "Registry");
    for item in all.filter(|node| node.children().any(|child| child.tag_name().name() == "Properties")) {
        read(item, &mut items)?;
    }
    Ok(items)
}

fn at(node: Node<'_, '_>, what: impl Into<String>) -> TextError {
    let place = node.document().text_pos_at(node.range().start);
    TextError::new(place.row as usize, place.col as usize, what)
}

fn read(item: Node<'_, '_>, items: &mut Items) -> Result<(), TextError> {
    let line = item.document().text_pos_at(item.range().start).row as usize;
    let mut aside = |what: &str| set_aside(&mut items.asides, format!("preference item {what}"), line);
    // A collection that is switched off, or has a filter, stands above its items.
    let off = |node: Node<'_, '_>| node.attribute("disabled") == Some("1");
    let filtered = |node: Node<'_, '_>| {
        let filters = node.children().filter(|child| child.tag_name().name() == "Filters");
        filters.flat_map(|filters| filters.children()).any(|filter| filter.is_element())
    };
    if item.ancestors().any(off) {
        aside("that is switched off");
        return Ok(());
    }
    if item.ancestors().any(filtered) {
        aside("with item-level targeting");
        return Ok(());
    }
    let Some(properties) = item.children().find(|child| child.tag_name().name() == "Properties") else { return Ok(()) };
    let attribute = |name: &str| properties.attribute(name).unwrap_or_default();
    let scope = match attribute("hive") {
        "HKEY_LOCAL_MACHINE" => Scope::Computer,
        "HKEY_CURRENT_USER" => Scope::User,
        other => {
            aside(&format!("in {other}"));
            return Ok(());
        }
    };
    let record = record(properties).map_err(|why| at(properties, why))?;
    items.entries.push(Entry { line, scope, record });
    Ok(())
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
