//! `.PolicyRules`, the format of Microsoft's Policy Analyzer, which `LGPO.exe /p` takes as well.
//!
//! XML with one element a line; those for registry policy:
//!
//! | element | what |
//! |---|---|
//! | `ComputerConfig`, `UserConfig` | one record: `Key`, `Value`, `RegType`, `RegData`, then `SourceFile` and `PolicyName` where known |
//! | `CSE-Machine`, `CSE-User` | an extension that has to run: `GUID`, `Name` |
//!
//! `Value` is the value name as it stands in the policy file, directives included; `(Default)` for the default value,
//! empty for a record that only creates its key. `RegData` has numbers in decimal and the texts of a list joined by the
//! two characters `\0`. How Policy Analyzer writes `REG_BINARY` and `REG_QWORD` is unverified: bytes are written here
//! as `01,ff`, read with or without commas or blanks; numbers as for `REG_DWORD`.
//!
//! Everything else in such a file (security settings, audit policy) is no registry policy; it is set aside, counted.

use std::fmt;

use polfile::{Action, Record, RecordRef, Value, ValueType};
use roxmltree::Node;

use crate::xml::{self, Lines};

use super::lgpo::Scope;
use super::markup::{comment, escape, is_forbidden, writable};
use super::{Aside, Asides, Entry, Loss, Nowhere, Scoped, TextError, Written, comes_back, in_memory, text_of, wide};

/// GUID of the client-side extension for registry policy; its mention says nothing that the records do not.
const REGISTRY_EXTENSION: &str = "{35378EAC-683F-11D2-A89A-00C04FBBCFA2}";

/// What a rules file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Registry policy, in the order of the file.
    pub entries: Vec<Entry>,
    /// The rest, by kind.
    pub asides: Vec<Aside>,
}

/// Reads a rules file.
///
/// ```
/// let text = "<PolicyRules><ComputerConfig><Key>Software</Key><Value>A</Value>\
///             <RegType>REG_DWORD</RegType><RegData>1</RegData></ComputerConfig></PolicyRules>";
/// let rules = gpo::exchange::policy_rules::parse(text)?;
/// assert_eq!(rules.entries[0].record.as_ref().data, [1, 0, 0, 0]);
/// # Ok::<(), gpo::exchange::TextError>(())
/// ```
///
/// # Errors
///
/// [`TextError`] where the XML is broken or an element does not give a record.
pub fn parse(text: &str) -> Result<Rules, TextError> {
    let document = xml::document(text.trim_start_matches('\u{FEFF}'))
        .map_err(|fault| TextError::new(fault.line as usize, fault.column as usize, fault.what))?;
    let mut lines = Lines::of(document.input_text());
    let root = document.root_element();
    if root.tag_name().name() != "PolicyRules" {
        return Err(at(root, format!("the outermost element is {}, not PolicyRules", root.tag_name().name())));
    }
    let (mut rules, mut asides) = (Rules::default(), Asides::default());
    for node in root.children().filter(Node::is_element) {
        let line = lines.line(node.range().start) as usize;
        let name = node.tag_name().name();
        let scope = match name {
            "ComputerConfig" => Scope::Computer,
            "UserConfig" => Scope::User,
            "CSE-Machine" | "CSE-User" if is_registry_extension(node) => continue,
            _ => {
                let what = match node.attribute("Section") {
                    Some(section) => format!("{name} \"{section}\""),
                    None => name.to_owned(),
                };
                asides.add(what, line);
                continue;
            }
        };
        rules.entries.push(Entry { line, scope, record: record_of(node)? });
    }
    rules.asides = asides.list;
    Ok(rules)
}

fn at(node: Node<'_, '_>, what: impl Into<String>) -> TextError {
    let place = node.document().text_pos_at(node.range().start);
    TextError::new(place.row as usize, place.col as usize, what)
}

fn is_registry_extension(node: Node<'_, '_>) -> bool {
    child(node, "GUID").is_some_and(|guid| text(guid).trim().eq_ignore_ascii_case(REGISTRY_EXTENSION))
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.tag_name().name() == name)
}

/// All text in an element; a comment may cut it in pieces.
fn text(node: Node<'_, '_>) -> String {
    node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect()
}

fn record_of(node: Node<'_, '_>) -> Result<Record, TextError> {
    let field = |name: &str| {
        let found = child(node, name);
        found.ok_or_else(|| at(node, format!("{} has no {name}", node.tag_name().name())))
    };
    let (key, value, kind, data) = (field("Key")?, field("Value")?, field("RegType")?, field("RegData")?);
    record(&text(key), &text(value), text(kind).trim(), &text(data)).map_err(|(field, why)| {
        let node = match field {
            Field::Key => key,
            Field::Value => value,
            Field::Type => kind,
            Field::Data => data,
        };
        at(node, format!("{}: {why}", node.tag_name().name()))
    })
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Key,
    Value,
    Type,
    Data,
}

/// The record that four texts mean.
fn record(key: &str, value: &str, kind: &str, data: &str) -> Result<Record, (Field, String)> {
    if key.is_empty() {
        return Err((Field::Key, "it is empty".to_owned()));
    }
    let value_type = ValueType::from_name(&kind.to_ascii_uppercase())
        .ok_or_else(|| (Field::Type, format!("unknown type {kind:?}")))?;
    let value_name = if value == "(Default)" { "" } else { value };
    let bytes = data_of(value_type, data).map_err(|why| (Field::Data, why))?;
    Record::new(key.into(), value_name.into(), value_type, bytes).map_err(|e| (Field::Value, e.to_string()))
}

fn data_of(value_type: ValueType, data: &str) -> Result<Vec<u8>, String> {
    let number = || data.trim().parse::<u64>().map_err(|_| format!("{data:?} is no decimal number for {value_type}"));
    Ok(match value_type {
        ValueType::DWORD => {
            let n = u32::try_from(number()?).map_err(|_| format!("{data} does not fit {value_type}"))?;
            n.to_le_bytes().to_vec()
        }
        ValueType::QWORD => number()?.to_le_bytes().to_vec(),
        ValueType::SZ | ValueType::EXPAND_SZ => wide(&format!("{data}\0")),
        ValueType::MULTI_SZ => {
            let list = data.strip_suffix(r"\0").unwrap_or(data);
            let texts = if list.is_empty() { Vec::new() } else { list.split(r"\0").map(Into::into).collect() };
            Value::MultiSz(texts).encode().1
        }
        ValueType::BINARY | ValueType::NONE => bytes_of(data)?,
        other => return Err(format!("{other} has no form in this format")),
    })
}

/// Pairs of hexadecimal digits, with or without commas or blanks between them.
fn bytes_of(data: &str) -> Result<Vec<u8>, String> {
    let digits: String = data.chars().filter(|c| !matches!(c, ',' | ' ')).collect();
    crate::model::from_hex(&digits).ok_or_else(|| format!("{data:?} is not hexadecimal digits in pairs"))
}

/// Why a record cannot stand in a rules file as it is, or its `Value`, `RegType` and `RegData`.
fn fields(record: &RecordRef<'_>) -> Result<(String, &'static str, String), String> {
    text_of("key", record.key, is_forbidden)?;
    if record.key.is_empty() {
        return Err("its key is empty".to_owned());
    }
    let value = match (record.action(), text_of("value name", record.value_name, is_forbidden)?) {
        (Action::CreateKey, _) => String::new(),
        (_, name) if name == "(Default)" => return Err("the value name is literally (Default)".to_owned()),
        (_, name) if name.is_empty() => "(Default)".to_owned(),
        (_, name) => name,
    };
    let said = |text: polfile::WideStr<'_>| text_of("text", text, is_forbidden);
    let data = match record.value().map_err(|e| e.to_string())? {
        Value::Sz(text) | Value::ExpandSz(text) => said(text.as_wide())?,
        Value::Dword(n) => n.to_string(),
        Value::Qword(n) => n.to_string(),
        Value::Binary(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(","),
        Value::MultiSz(texts) if texts.is_empty() => r"\0".to_owned(),
        Value::MultiSz(texts) => {
            let texts = texts.iter().map(|text| said(text.as_wide())).collect::<Result<Vec<_>, _>>()?;
            if texts.iter().any(|text| text.contains(r"\0")) {
                return Err(r"a text of the list holds the characters \0, which separate texts here".to_owned());
            }
            texts.join(r"\0")
        }
        Value::Other(ValueType::NONE, bytes) if bytes.is_empty() => String::new(),
        Value::DwordBigEndian(_) | Value::Other(..) => {
            return Err(format!("{} has no form in this format", record.value_type));
        }
    };
    let kind = record.value_type.name().ok_or_else(|| format!("{} has no name", record.value_type))?;
    Ok((value, kind, data))
}

/// Why a record does not come back from a rules file as it is. `None` if it does.
pub fn cannot_carry(record: &RecordRef<'_>) -> Option<String> {
    match fields(record) {
        Err(why) => Some(why),
        Ok((value, kind, data)) => {
            let again = self::record(&record.key.to_text_lossy(), &value, kind, &data);
            match again {
                Ok(again) => comes_back(record, &again.as_ref()),
                Err((_, why)) => Some(why),
            }
        }
    }
}

/// Writes a rules file. `source` and `policy` stand in `SourceFile` and `PolicyName`; `remarks` in a comment.
///
/// Policy of other local GPOs has no place in the format: all such records are losses.
pub fn write(scopes: &[Scoped<'_>], source: &str, policy: &str, remarks: &[String]) -> Written {
    let (text, losses) = in_memory(|text| stream(scopes, source, policy, remarks, text));
    Written { text, losses }
}

/// As [`write()`], record by record to wherever it goes.
///
/// # Errors
///
/// If that takes no more.
pub fn stream(
    scopes: &[Scoped<'_>],
    source: &str,
    policy: &str,
    remarks: &[String],
    text: &mut dyn fmt::Write,
) -> Result<Vec<Loss>, fmt::Error> {
    // What is left out stands in the head.
    let mut losses = records(scopes, source, policy, &mut Nowhere)?;
    for Scoped { scope, file } in scopes.iter().filter(|s| matches!(s.scope, Scope::UserOf(_))) {
        let why = || "the format knows the computer's and the user's policy only".to_owned();
        losses.extend(file.records().enumerate().map(|(i, record)| Loss::new(scope, i, &record, why(), false)));
    }
    text.write_str("<PolicyRules>\r\n")?;
    for remark in remarks.iter().cloned().chain(losses.iter().map(Loss::remark)) {
        write!(text, "<!-- {} -->\r\n", comment(&remark))?;
    }
    records(scopes, source, policy, text)?;
    for (side, element) in [(Scope::Computer, "CSE-Machine"), (Scope::User, "CSE-User")] {
        if scopes.iter().any(|scoped| scoped.scope == side && !scoped.file.is_empty()) {
            write!(text, "<{element}><GUID>{REGISTRY_EXTENSION}</GUID><Name>Registry Policy</Name></{element}>\r\n")?;
        }
    }
    text.write_str("</PolicyRules>\r\n")?;
    Ok(losses)
}

/// The records; says which have no element. Policy Analyzer writes the computer's settings before the user's.
fn records(
    scopes: &[Scoped<'_>],
    source: &str,
    policy: &str,
    text: &mut dyn fmt::Write,
) -> Result<Vec<Loss>, fmt::Error> {
    let mut losses = Vec::new();
    let (source, policy) = (&*writable(source), &*writable(policy));
    for side in [Scope::Computer, Scope::User] {
        for Scoped { scope, file } in scopes.iter().filter(|scoped| scoped.scope == side) {
            for (index, record) in file.records().enumerate() {
                match cannot_carry(&record) {
                    Some(why) => losses.push(Loss::new(scope, index, &record, why, false)),
                    None => write_record(text, scope, &record, source, policy)?,
                }
            }
        }
    }
    Ok(losses)
}

fn write_record(
    out: &mut dyn fmt::Write,
    scope: &Scope,
    record: &RecordRef<'_>,
    source: &str,
    policy: &str,
) -> fmt::Result {
    let Ok((value, kind, data)) = fields(record) else { return Ok(()) };
    let element = if *scope == Scope::Computer { "ComputerConfig" } else { "UserConfig" };
    write!(out, "<{element}>")?;
    for (name, text) in [
        ("Key", record.key.to_text_lossy().as_str()),
        ("Value", &value),
        ("RegType", kind),
        ("RegData", &data),
        ("SourceFile", source),
        ("PolicyName", policy),
    ] {
        write!(out, "<{name}>{}</{name}>", escape(text))?;
    }
    write!(out, "</{element}>\r\n")
}

#[cfg(test)]
mod tests {
    use polfile::PolicyFile;

    use super::*;

    fn config(fields: &str) -> String {
        format!("\u{FEFF}<PolicyRules>\r\n<ComputerConfig>{fields}</ComputerConfig>\r\n</PolicyRules>\r\n")
    }

    fn data(kind: &str, data: &str) -> Result<(ValueType, Vec<u8>), String> {
        let text = config(&format!("<Key>K</Key><Value>V</Value><RegType>{kind}</RegType><RegData>{data}</RegData>"));
        let rules = parse(&text).map_err(|error| error.to_string())?;
        let record = rules.entries[0].record.as_ref();
        Ok((record.value_type, record.data.to_vec()))
    }

    #[test]
    fn every_type_is_read() {
        for (kind, text, value_type, bytes) in [
            ("REG_DWORD", "4294967295", ValueType::DWORD, vec![255; 4]),
            ("REG_QWORD", "1", ValueType::QWORD, vec![1, 0, 0, 0, 0, 0, 0, 0]),
            ("REG_SZ", "", ValueType::SZ, wide("\0")),
            ("REG_SZ", " ", ValueType::SZ, wide(" \0")),
            ("REG_SZ", "a &amp; b", ValueType::SZ, wide("a & b\0")),
            ("REG_EXPAND_SZ", r"%x%\0", ValueType::EXPAND_SZ, wide("%x%\\0\0")),
            ("REG_MULTI_SZ", r"\0", ValueType::MULTI_SZ, wide("\0")),
            ("REG_MULTI_SZ", "", ValueType::MULTI_SZ, wide("\0")),
            ("REG_MULTI_SZ", r"a\0b", ValueType::MULTI_SZ, wide("a\0b\0\0")),
            ("REG_BINARY", "01,ff", ValueType::BINARY, vec![1, 255]),
            ("REG_BINARY", "01 FF", ValueType::BINARY, vec![1, 255]),
            ("REG_BINARY", "01ff", ValueType::BINARY, vec![1, 255]),
            ("REG_NONE", "", ValueType::NONE, vec![]),
        ] {
            assert_eq!(data(kind, text), Ok((value_type, bytes)), "{kind} {text}");
        }
    }

    #[test]
    fn what_is_no_record_says_where() {
        for (kind, text, why) in [
            ("REG_DWORD", "x", "line 2, column 73: RegData: \"x\" is no decimal number for REG_DWORD"),
            ("REG_DWORD", "4294967296", "line 2, column 73: RegData: 4294967296 does not fit REG_DWORD"),
            ("REG_FOO", "", "line 2, column 45: RegType: unknown type \"REG_FOO\""),
            ("REG_BINARY", "1", "line 2, column 74: RegData: \"1\" is not hexadecimal digits in pairs"),
        ] {
            assert_eq!(data(kind, text), Err(why.to_owned()));
        }
        let why = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(why(&config("<Key>K</Key>")), "line 2, column 1: ComputerConfig has no Value");
        assert_eq!(why("<Rules/>"), "line 1, column 1: the outermost element is Rules, not PolicyRules");
        assert!(why("<PolicyRules>").starts_with("line 1, column "));
    }

    #[test]
    fn what_is_no_registry_policy_is_counted_by_kind() {
        let text = "<PolicyRules>\n\
            <SecurityTemplate Section=\"System Access\"><LineItem>A=1</LineItem></SecurityTemplate>\n\
            <SecurityTemplate Section=\"System Access\"><LineItem>B=1</LineItem></SecurityTemplate>\n\
            <AuditSubcategory><GUID>{0}</GUID></AuditSubcategory>\n\
            <CSE-Machine><GUID>{35378eac-683f-11d2-a89a-00c04fbbcfa2}</GUID></CSE-Machine>\n\
            <CSE-User><GUID>{827D319E-6EAC-11D2-A4EA-00C04F79F83A}</GUID></CSE-User>\n</PolicyRules>";
        let aside = |what: &str, count, line| Aside { what: what.to_owned(), count, line };
        assert_eq!(
            parse(text).unwrap().asides,
            [
                aside("SecurityTemplate \"System Access\"", 2, 2),
                aside("AuditSubcategory", 1, 4),
                aside("CSE-User", 1, 6)
            ]
        );
    }

    #[test]
    fn a_rules_file_has_one_element_a_line_and_says_what_it_leaves_out() {
        let mut file = PolicyFile::new();
        for record in [
            Record::set("Software\\A&B", "", &Value::from("line\r\nend")).unwrap(),
            Record::create_key("Software\\New").unwrap(),
            Record::delete_value("Software\\A", "Old").unwrap(),
            Record::set("Software\\A", "L", &Value::MultiSz(vec![r"C:\0".into()])).unwrap(),
            Record::new("K".into(), "T".into(), ValueType(0x99), vec![]).unwrap(),
        ] {
            file.push(record.as_ref());
        }
        let written = write(&[Scoped { scope: Scope::User, file: &file }], "u.pol", "P", &[]);
        let tail = "<SourceFile>u.pol</SourceFile><PolicyName>P</PolicyName></UserConfig>\r\n";
        let row = |key: &str, value: &str, kind: &str, data: &str| {
            format!(
                "<UserConfig><Key>{key}</Key><Value>{value}</Value><RegType>{kind}</RegType><RegData>{data}</RegData>{tail}"
            )
        };
        let expected = [
            "<PolicyRules>\r\n".to_owned(),
            "<!-- User, record 4 L left out: a text of the list holds the characters \\0, which separate texts here -->\r\n".to_owned(),
            "<!-- User, record 5 T left out: type 0x99 has no form in this format -->\r\n".to_owned(),
            row("Software\\A&amp;B", "(Default)", "REG_SZ", "line&#xD;&#xA;end"),
            row("Software\\New", "", "REG_NONE", ""),
            row("Software\\A", "**del.Old", "REG_SZ", " "),
            "<CSE-User><GUID>{35378EAC-683F-11D2-A89A-00C04FBBCFA2}</GUID><Name>Registry Policy</Name></CSE-User>\r\n".to_owned(),
            "</PolicyRules>\r\n".to_owned(),
        ];
        assert_eq!(written.text, expected.concat());
        let again = parse(&written.text).unwrap();
        assert!(again.asides.is_empty());
        let records: PolicyFile = again.entries.iter().map(|entry| entry.record.as_ref()).collect();
        assert!(records.records().zip(file.records()).all(|(a, b)| comes_back(&b, &a).is_none()));
        assert_eq!((records.len(), again.entries[0].line), (3, 4));
    }
}
