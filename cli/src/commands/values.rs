//! How records and their values are shown to people.

use gpo::merge::Change;
use gpo::model::{
    ElementModel, ElementValueModel, ListEntryModel, RecordModel, Text, TypeModel, ValueModel, shown_name,
};
use gpo::secret::HIDDEN;

use crate::ui::{in_quotes, plain};

/// `HKLM` or `HKCU`, where the side is known, and the key.
pub fn key(side: Option<&str>, record: &RecordModel) -> String {
    with_hive(side, plain(&record.key.lossy()))
}

fn with_hive(side: Option<&str>, key: String) -> String {
    match side {
        Some("computer") => format!(r"HKLM\{key}"),
        Some("user") => format!(r"HKCU\{key}"),
        _ => key,
    }
}

/// `HKLM\key!value`
pub fn full_name(side: Option<&str>, record: &RecordModel) -> String {
    format!("{}!{}", key(side, record), name(record))
}

/// The value name, `(Default)` for the empty one.
pub fn name(record: &RecordModel) -> String {
    match record.value_name.lossy() {
        name if name.is_empty() && record.action == "create-key" => "(key only)".to_owned(),
        name if name.is_empty() => "(Default)".to_owned(),
        name => plain(&name),
    }
}

/// The type: its name, or its number.
pub fn value_type(record: &RecordModel) -> String {
    type_name(&record.value_type)
}

/// The type: its name, or its number.
pub fn type_name(value_type: &TypeModel) -> String {
    match value_type {
        TypeModel::Name(name) => name.clone(),
        TypeModel::Number(n) => format!("type {n:#x}"),
    }
}

/// The value as its type reads it; the bytes, where it does not.
pub fn value(record: &RecordModel) -> String {
    reading(&record.value_type, record.value.as_ref(), record.raw.as_deref().unwrap_or_default())
}

/// Data as their type reads them; the bytes, where it does not.
pub fn reading(value_type: &TypeModel, value: Option<&ValueModel>, raw: &str) -> String {
    let is = |name: &str| matches!(value_type, TypeModel::Name(n) if n == name);
    match value {
        _ if raw == HIDDEN => HIDDEN.to_owned(),
        Some(ValueModel::Number(n)) if *n > 9 => format!("{n} ({n:#x})"),
        Some(ValueModel::Number(n)) => n.to_string(),
        Some(ValueModel::Text(_)) if is("REG_BINARY") => bytes(raw),
        Some(ValueModel::Text(text)) => quoted(text),
        Some(list @ ValueModel::List(_)) => self::list(list),
        None if reads(value_type) => format!("{}  (does not fit the type)", bytes(raw)),
        None => bytes(raw),
    }
}

/// Whether data of this type are read as text or numbers.
fn reads(value_type: &TypeModel) -> bool {
    let types = ["REG_SZ", "REG_EXPAND_SZ", "REG_MULTI_SZ", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_QWORD"];
    matches!(value_type, TypeModel::Name(name) if types.contains(&&**name))
}

/// The texts of a list, each in quotation marks.
pub fn list(value: &ValueModel) -> String {
    match value {
        ValueModel::List(texts) if texts.is_empty() => "(empty list)".to_owned(),
        ValueModel::List(texts) => texts.iter().map(quoted).collect::<Vec<_>>().join(", "),
        ValueModel::Text(text) => quoted(text),
        ValueModel::Number(n) => n.to_string(),
    }
}

fn quoted(text: &Text) -> String {
    match text.lossy() {
        hidden if hidden == HIDDEN => hidden,
        text => in_quotes(&text),
    }
}

/// Bytes as pairs of hexadecimal digits.
pub fn bytes(hex: &str) -> String {
    match hex.len() / 2 {
        0 => "(no data)".to_owned(),
        _ => hex.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect::<Vec<_>>().join(" "),
    }
}

/// What a record does, in words: for changes and lists of unexplained records.
pub fn effect(record: &RecordModel) -> String {
    match record.action.as_str() {
        "set" => format!("{}  {}", value_type(record), value(record)),
        "create-key" => "creates the key".to_owned(),
        "delete-value" => "makes Windows delete the value".to_owned(),
        "delete-all-values" => "makes Windows delete all values of the key".to_owned(),
        "delete-values" => format!("makes Windows delete values: {}", value(record)),
        "delete-keys" => format!("makes Windows delete keys: {}", value(record)),
        "secure-key" => format!("changes who may write the key: {}", value(record)),
        "set-if-missing" => format!("sets the value if it is missing: {}  {}", value_type(record), value(record)),
        "comment" => "a comment, no effect".to_owned(),
        _ => format!("a directive that gpol does not know: {}  {}", value_type(record), value(record)),
    }
}

/// `HKLM\key!name` of something that changed; the key alone where no value is named.
pub fn changed(side: Option<&str>, change: &Change) -> String {
    let key = with_hive(side, plain(&change.key.to_string()));
    match &change.value_name {
        Some(name) if name.as_wide().is_empty() => format!("{key}!(Default)"),
        Some(name) => format!("{key}!{}", plain(&shown_name(change.key.as_wide(), name.as_wide()).lossy())),
        None => key,
    }
}

/// What a record does to something that changed: with the record's own place where it is about more than that.
pub fn effect_on(change: &Change, record: &RecordModel) -> String {
    let effect = effect(record);
    let shown = |name: &polfile::WideString| shown_name(change.key.as_wide(), name.as_wide()).lossy();
    let target = change.value_name.as_ref().map(shown).unwrap_or_default().to_lowercase();
    let own = record.value_name.lossy().to_lowercase();
    let names_it = own == target || own.strip_prefix("**del.") == Some(&*target);
    if names_it { effect } else { format!("{effect}  ({})", place(None, record)) }
}

/// `HKLM\key!name`.
pub fn place(side: Option<&str>, record: &RecordModel) -> String {
    format!("{}!{}", key(side, record), name(record))
}

/// `HKLM\key!name  type  value`.
pub fn record(side: Option<&str>, record: &RecordModel) -> String {
    format!("{}  {}", place(side, record), effect(record))
}

/// The value of an input as the editor shows it.
pub fn element(element: &ElementModel) -> String {
    if let Some(display) = &element.display {
        return display.clone();
    }
    match (&element.value, element.state) {
        (Some(ElementValueModel::Boolean(true)), _) => "checked".to_owned(),
        (Some(ElementValueModel::Boolean(false)), _) => "not checked".to_owned(),
        (Some(ElementValueModel::Number(n)), _) => n.to_string(),
        (Some(ElementValueModel::Text(text)), _) => said(element, text),
        (Some(ElementValueModel::List(entries)), _) if entries.is_empty() => "(empty)".to_owned(),
        (Some(ElementValueModel::List(entries)), _) => {
            entries.iter().map(|entry| list_entry(element, entry)).collect::<Vec<_>>().join(", ")
        }
        (None, "disabled") => "disabled".to_owned(),
        (None, _) => "not configured".to_owned(),
    }
}

fn list_entry(element: &ElementModel, entry: &ListEntryModel) -> String {
    match entry {
        ListEntryModel::Data(data) => said(element, data),
        ListEntryModel::Named { name, data } => format!("{} = {}", in_quotes(name), said(element, data)),
    }
}

/// A text of an input in quotation marks; what is hidden has none.
fn said(element: &ElementModel, text: &str) -> String {
    if element.hidden && text == HIDDEN { HIDDEN.to_owned() } else { in_quotes(text) }
}
