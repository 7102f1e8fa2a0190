//! The JSON list that `samba-tool gpo load` takes and `samba-tool gpo show` prints.
//!
//! Each item has `keyname`, `valuename`, `class` (`MACHINE`, `USER`, or `BOTH` when loading), `type` and `data`.
//! Value names are those of the policy file, directives included. `data` is a text, a number, a list of texts for
//! `REG_MULTI_SZ`, a list of byte values for anything else. `tests/samba/server` holds this against Samba 4.22: `show` leaves
//! `**delvals.` records out, so a list of its own is not whole; `load` ignores a class it does not know, keeps one record of
//! each key and value name (by letter case: the place and the type of the first, the data of the last), drops the data of
//! `REG_NONE`, and ends with an error at `REG_LINK`, the types for hardware and all that have no name.

use std::collections::HashSet;
use std::fmt;

use polfile::{Record, RecordRef, Value, ValueType, WideStr};
use serde::Serialize as _;
use serde_json::{Value as Json, json};

use super::lgpo::Scope;
use super::tree::{self, Node, Place, Tree};
use super::{Entry, Loss, Scoped, TextError, Written, comes_back, in_memory, text_of, wide};

/// Reads a list.
///
/// ```
/// let text = r#"[{"keyname": "Software\\X", "valuename": "A", "class": "USER", "type": "REG_DWORD", "data": 1}]"#;
/// assert_eq!(gpo::exchange::samba::parse(text)?[0].record.as_ref().data, [1, 0, 0, 0]);
/// # Ok::<(), gpo::exchange::TextError>(())
/// ```
///
/// # Errors
///
/// [`TextError`] for what is no such list, and for a class that Samba would silently ignore.
pub fn parse(text: &str) -> Result<Vec<Entry>, TextError> {
    let root = tree::json(text)?;
    let Tree::List(items) = &root.value else {
        return Err(root.place.error(format!("expected a list of records, found {}", root.kind())));
    };
    let mut entries = Vec::new();
    for item in items {
        let Tree::Map(fields) = &item.value else {
            return Err(item.place.error(format!("expected a record, found {}", item.kind())));
        };
        let field = |name: &str| {
            let found = fields.iter().find(|field| field.name == name).map(|field| &field.value);
            found.ok_or_else(|| {
                let error = item.place.error(format!("the record has no \"{name}\""));
                match name {
                    "type" | "data" => {
                        error.help("a list for \"samba-tool gpo remove\" says what to take away, not what to set")
                    }
                    _ => error,
                }
            })
        };
        let text = |name: &str| {
            let node = field(name)?;
            node.text().ok_or_else(|| node.place.error(format!("\"{name}\" must be a text, not {}", node.kind())))
        };
        let scopes = scopes(field("class")?)?;
        let (key, value_name) = (text("keyname")?, text("valuename")?);
        let value_type = value_type(field("type")?)?;
        let data = data(value_type, field("data")?)?;
        let record = Record::new(key.into(), value_name.into(), value_type, data);
        let record = record.map_err(|error| item.place.error(error.to_string()))?;
        let line = item.place.line;
        entries.extend(scopes.iter().map(|scope| Entry { line, scope: scope.clone(), record: record.clone() }));
    }
    Ok(entries)
}

fn scopes(class: &Node) -> Result<&'static [Scope], TextError> {
    let known: [(&str, &'static [Scope]); 3] =
        [("machine", &[Scope::Computer]), ("user", &[Scope::User]), ("both", &[Scope::Computer, Scope::User])];
    let text = class.text().unwrap_or_default();
    let found = known.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    found.map(|(_, scopes)| scopes).ok_or_else(|| {
        class.place.error("\"class\" must be MACHINE, USER or BOTH; Samba would silently ignore this record")
    })
}

fn value_type(node: &Node) -> Result<ValueType, TextError> {
    let found = match &node.value {
        Tree::Integer(n) => u32::try_from(*n).ok().map(ValueType),
        Tree::Text(name) => ValueType::from_name(&name.to_ascii_uppercase()),
        _ => None,
    };
    found.ok_or_else(|| node.place.error("\"type\" must be a name such as REG_SZ, or a number"))
}

fn data(value_type: ValueType, node: &Node) -> Result<Vec<u8>, TextError> {
    let wrong = || node.place.error(format!("\"data\" is {}, which does not fit {value_type}", node.kind()));
    let number = |max: u64| match &node.value {
        Tree::Integer(n) => u64::try_from(*n).ok().filter(|n| *n <= max).ok_or_else(wrong),
        _ => Err(wrong()),
    };
    Ok(match (value_type, &node.value) {
        (ValueType::SZ | ValueType::EXPAND_SZ, Tree::Text(text)) => wide(&format!("{text}\0")),
        (ValueType::DWORD, _) => number(u64::from(u32::MAX))?.to_le_bytes()[..4].to_vec(),
        (ValueType::DWORD_BIG_ENDIAN, _) => number(u64::from(u32::MAX))?.to_be_bytes()[4..].to_vec(),
        (ValueType::QWORD, _) => number(u64::MAX)?.to_le_bytes().to_vec(),
        (ValueType::MULTI_SZ, Tree::List(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Node::text).collect();
            let texts = texts.ok_or_else(wrong)?;
            // `show` prints an empty list as a list of one empty text.
            let texts = if texts == [""] { Vec::new() } else { texts.into_iter().map(Into::into).collect() };
            Value::MultiSz(texts).encode().1
        }
        (ValueType::SZ | ValueType::EXPAND_SZ | ValueType::MULTI_SZ, _) => return Err(wrong()),
        (_, Tree::Null) => Vec::new(),
        (_, Tree::List(items)) => {
            let byte = |item: &Node| match &item.value {
                Tree::Integer(n) => u8::try_from(*n).ok(),
                _ => None,
            };
            items.iter().map(byte).collect::<Option<_>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    })
}

/// `data` of a record; or why there is none.
fn model(record: &RecordRef<'_>) -> Result<Json, String> {
    text_of("key", record.key, |_| false)?;
    text_of("value name", record.value_name, |_| false)?;
    let said = |text: polfile::WideStr<'_>| text_of("text", text, |_| false).map(Json::from);
    Ok(match record.value().map_err(|error| error.to_string())? {
        Value::Sz(text) | Value::ExpandSz(text) => said(text.as_wide())?,
        Value::Dword(n) | Value::DwordBigEndian(n) => n.into(),
        Value::Qword(n) => n.into(),
        Value::MultiSz(texts) if texts.is_empty() => json!([""]),
        Value::MultiSz(texts) => texts.iter().map(|text| said(text.as_wide())).collect::<Result<Json, _>>()?,
        Value::Other(ValueType::NONE, bytes) if bytes.is_empty() => Json::Null,
        Value::Other(ValueType::NONE, _) => return Err("samba-tool drops the data of REG_NONE".to_owned()),
        Value::Other(value_type, _) => return Err(format!("samba-tool loads no {value_type}")),
        Value::Binary(bytes) => bytes.into(),
    })
}

/// Why a record does not come back from a list as it is. `None` if it does.
pub fn cannot_carry(record: &RecordRef<'_>) -> Option<String> {
    let model = match model(record) {
        Ok(model) => model,
        Err(why) => return Some(why),
    };
    let place = Place { line: 1, column: 1 };
    let again = tree::json(&model.to_string()).and_then(|node| data(record.value_type, &Node { place, ..node }));
    match again {
        Err(error) => Some(error.what),
        Ok(bytes) => comes_back(record, &RecordRef { data: &bytes, ..*record }),
    }
}

/// Writes a list, as `samba-tool gpo show` lays it out. JSON has no comments: what is left out is said nowhere in it.
///
/// Policy of other local GPOs has no class: all such records are losses. Of several records with one name the last stays.
pub fn write(scopes: &[Scoped<'_>]) -> Written {
    let losses = losses(scopes);
    let (text, ()) = in_memory(|text| stream(scopes, &losses, text));
    Written { text, losses }
}

/// What a list does not hold.
pub fn losses(scopes: &[Scoped<'_>]) -> Vec<Loss> {
    let mut losses = Vec::new();
    for Scoped { scope, file } in scopes {
        let class = class_of(scope);
        let mut names: HashSet<(WideStr<'_>, WideStr<'_>)> = HashSet::new();
        let first = losses.len();
        for (index, record) in file.records().enumerate().rev() {
            let carried = class.map_err(str::to_owned).and_then(|_| {
                if let Some(why) = cannot_carry(&record) {
                    return Err(why);
                }
                if !names.insert((record.key, record.value_name)) {
                    return Err(
                        "samba-tool keeps one record of a key and value name, and a later one has both".to_owned()
                    );
                }
                Ok(())
            });
            losses.extend(carried.err().map(|why| Loss::new(scope, index, &record, why, false)));
        }
        losses[first..].reverse();
    }
    losses
}

fn class_of(scope: &Scope) -> Result<&'static str, &'static str> {
    match scope {
        Scope::Computer => Ok("MACHINE"),
        Scope::User => Ok("USER"),
        Scope::UserOf(_) => Err("samba-tool knows the computer's and the user's policy only"),
    }
}

/// As [`write()`], record by record to wherever it goes; of these [`losses`], nothing is written.
///
/// # Errors
///
/// If that takes no more.
pub fn stream(scopes: &[Scoped<'_>], losses: &[Loss], text: &mut dyn fmt::Write) -> fmt::Result {
    let mut lost = losses.iter().peekable();
    let mut first = true;
    for Scoped { scope, file } in scopes {
        for (index, record) in file.records().enumerate() {
            if lost.next_if(|loss| loss.record == index && loss.scope == *scope).is_some() {
                continue;
            }
            let (Ok(class), Ok(data)) = (class_of(scope), model(&record)) else { continue };
            let item = json!({
                "keyname": record.key.to_text_lossy(),
                "valuename": record.value_name.to_text_lossy(),
                "class": class,
                "type": record.value_type.name(),
                "data": data,
            });
            text.write_str(if first { "[\n" } else { ",\n" })?;
            first = false;
            let mut lines = Vec::new();
            let layout = serde_json::ser::PrettyFormatter::with_indent(b"    ");
            let written = item.serialize(&mut serde_json::Serializer::with_formatter(&mut lines, layout));
            written.expect("a vector takes all bytes, and the names of fields are texts");
            let lines = String::from_utf8(lines).expect("JSON is UTF-8");
            // Line ends in texts are escaped: these are between fields.
            write!(text, "    {}", lines.replace('\n', "\n    "))?;
        }
    }
    text.write_str(if first { "[]\n" } else { "\n]\n" })
}

#[cfg(test)]
mod tests {
    use polfile::PolicyFile;

    use super::*;

    fn item(class: &str, kind: &str, data: &str) -> String {
        format!(
            "[\n {{\"keyname\": \"K\", \"valuename\": \"V\", \"class\": \"{class}\", \"type\": {kind}, \"data\": {data}}}]"
        )
    }

    #[test]
    fn every_kind_of_data_is_read() {
        for (kind, data, value_type, bytes) in [
            ("\"REG_SZ\"", r#""\u00fc😀""#, ValueType::SZ, wide("ü😀\0")),
            ("\"reg_sz\"", r#"" ""#, ValueType::SZ, wide(" \0")),
            ("1", r#""a""#, ValueType::SZ, wide("a\0")),
            ("\"REG_DWORD\"", "4294967295", ValueType::DWORD, vec![255; 4]),
            ("\"REG_DWORD_BIG_ENDIAN\"", "1", ValueType::DWORD_BIG_ENDIAN, vec![0, 0, 0, 1]),
            ("\"REG_QWORD\"", "18446744073709551615", ValueType::QWORD, vec![255; 8]),
            ("\"REG_MULTI_SZ\"", r#"["a", "b"]"#, ValueType::MULTI_SZ, wide("a\0b\0\0")),
            ("\"REG_MULTI_SZ\"", r#"[""]"#, ValueType::MULTI_SZ, wide("\0")),
            ("\"REG_MULTI_SZ\"", "[]", ValueType::MULTI_SZ, wide("\0")),
            ("\"REG_BINARY\"", "[0, 255]", ValueType::BINARY, vec![0, 255]),
            ("\"REG_NONE\"", "null", ValueType::NONE, vec![]),
        ] {
            let entries = parse(&item("Machine", kind, data)).unwrap();
            let record = entries[0].record.as_ref();
            assert_eq!((entries[0].line, record.value_type, record.data), (2, value_type, &*bytes), "{kind} {data}");
        }
    }

    #[test]
    fn both_is_one_record_for_each_side() {
        let scopes: Vec<Scope> = parse(&item("BOTH", "4", "1")).unwrap().into_iter().map(|entry| entry.scope).collect();
        assert_eq!(scopes, [Scope::Computer, Scope::User]);
    }

    #[test]
    fn what_samba_would_ignore_or_fail_at_is_refused_with_its_place() {
        for (text, why) in [
            (item("MACHIN", "4", "1"), "line 2, column 46: \"class\" must be"),
            (item("USER", "\"REG_FOO\"", "1"), "line 2, column 62: \"type\" must be"),
            (item("USER", "\"REG_DWORD\"", "\"1\""), "line 2, column 83: \"data\" is a text"),
            (item("USER", "\"REG_DWORD\"", "-1"), "line 2, column 83: \"data\" is a number"),
            (item("USER", "\"REG_BINARY\"", "[256]"), "line 2, column 84: \"data\" is a list"),
            ("{}".to_owned(), "line 1, column 1: expected a list"),
            ("[1]".to_owned(), "line 1, column 2: expected a record"),
            ("[{\"keyname\": \"K\"}]".to_owned(), "line 1, column 2: the record has no \"class\""),
            ("[".to_owned(), "line 1, column 1: this is no JSON"),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.starts_with(why), "{error}");
        }
    }

    #[test]
    fn a_list_is_laid_out_as_samba_prints_it() {
        let mut file = PolicyFile::new();
        for record in [
            Record::delete_all_values("K").unwrap(),
            Record::new("K".into(), "odd".into(), ValueType::DWORD, vec![1]).unwrap(),
            Record::new("K".into(), "x".into(), ValueType(0x99), vec![]).unwrap(),
            Record::new("K".into(), "link".into(), ValueType::LINK, vec![]).unwrap(),
            Record::new("K".into(), "none".into(), ValueType::NONE, vec![1]).unwrap(),
        ] {
            file.push(record.as_ref());
        }
        let written = write(&[Scoped { scope: Scope::Computer, file: &file }]);
        let expected = "[\n    {\n        \"keyname\": \"K\",\n        \"valuename\": \"**delvals.\",\n        \
                        \"class\": \"MACHINE\",\n        \"type\": \"REG_SZ\",\n        \"data\": \" \"\n    }\n]\n";
        let mut lines: Vec<&str> = written.text.lines().map(|line| line.trim_end_matches(',')).collect();
        let mut wanted: Vec<&str> = expected.lines().map(|line| line.trim_end_matches(',')).collect();
        lines.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(lines, wanted);
        let named: Vec<_> = written.losses.iter().map(|loss| (loss.record, loss.why.as_str())).collect();
        assert_eq!(
            named,
            [
                (1, "REG_DWORD with 1 byte of data; it must have 4"),
                (2, "samba-tool loads no type 0x99"),
                (3, "samba-tool loads no REG_LINK"),
                (4, "samba-tool drops the data of REG_NONE"),
            ]
        );
    }

    /// Samba 4.22 looks for a record of the same name by `==`, and puts the new data where the old was.
    #[test]
    fn of_records_with_one_name_the_last_is_written_and_the_others_are_lost() {
        let mut file = PolicyFile::new();
        for (name, n) in [("a", 1), ("b", 2), ("A", 3), ("a", 4)] {
            file.push(Record::new("K".into(), name.into(), ValueType::DWORD, vec![n, 0, 0, 0]).unwrap().as_ref());
        }
        let both = [Scope::Computer, Scope::User].map(|scope| Scoped { scope, file: &file });
        let written = write(&both);
        let told: Vec<_> = parse(&written.text).unwrap().iter().map(|entry| entry.record.as_ref().data[0]).collect();
        assert_eq!(told, [2, 3, 4, 2, 3, 4]);
        let lost: Vec<_> = written.losses.iter().map(|loss| (loss.scope.clone(), loss.record)).collect();
        assert_eq!(lost, [(Scope::Computer, 0), (Scope::User, 0)]);
    }
}
