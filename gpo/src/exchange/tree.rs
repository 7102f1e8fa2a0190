//! YAML, JSON and TOML as one tree in which every value knows its line and column.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};
use toml::de::{DeTable, DeValue};

use super::TextError;

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    pub(super) fn error(self, what: impl Into<String>) -> TextError {
        TextError::new(self.line, self.column, what)
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub place: Place,
    pub value: Tree,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Integer(i128),
    /// A number that is no integer, as it is spelled.
    Float(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the text; no key twice.
    Map(Vec<Field>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub name: String,
    pub place: Place,
    pub value: Node,
}

/// How deep values may be nested; more is no file that anybody wrote.
const DEEPEST: usize = 64;

impl Node {
    /// What a message calls it.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Tree::Null => "nothing",
            Tree::Bool(_) => "true or false",
            Tree::Integer(_) => "a number",
            Tree::Float(_) => "a number with a fraction",
            Tree::Text(_) => "a text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a table of fields",
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Adds a field; a name that is there already is an error.
fn add(fields: &mut Vec<Field>, lines: &mut HashMap<String, usize>, field: Field) -> Result<(), TextError> {
    if let Some(first) = lines.insert(field.name.clone(), field.place.line) {
        let why = format!("the field \"{}\" is here twice; first in line {first}", field.name);
        return Err(field.place.error(why).help("say it once"));
    }
    fields.push(field);
    Ok(())
}

/// Reads YAML 1.2, core schema: `yes`, `no`, `on` and `off` are texts. One document; no anchors, aliases or tags.
pub(super) fn yaml(text: &str) -> Result<Node, TextError> {
    let mut events = Events { parser: Parser::new_from_str(text) };
    loop {
        match events.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd, place) => return Err(place.error("the file is empty")),
            (event, place) => {
                let root = events.node(event, place, 0)?;
                return match events.next()? {
                    (Event::DocumentEnd, _) => match events.next()? {
                        (Event::StreamEnd, _) => Ok(root),
                        (_, place) => Err(place.error("a second document; one file is one document")),
                    },
                    (_, place) => Err(place.error("something follows the document")),
                };
            }
        }
    }
}

struct Events<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
}

impl<'t> Events<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Place), TextError> {
        let end = || Place { line: 1, column: 1 }.error("the text ends too early");
        let (event, span) = self.parser.next().ok_or_else(end)?.map_err(|error: ScanError| {
            let place = place_of(error.marker());
            let failed = place.error(format!("this is no YAML: {}", error.info()));
            match error.info().contains("tab") {
                true => failed.help("indent with blanks"),
                false => failed,
            }
        })?;
        Ok((event, place_of(&span.start)))
    }

    fn node(&mut self, event: Event<'t>, place: Place, depth: usize) -> Result<Node, TextError> {
        if depth > DEEPEST {
            return Err(place.error(format!("nested more than {DEEPEST} deep")));
        }
        let plain = |anchor: usize, tag: bool| match (anchor, tag) {
            (0, false) => Ok(()),
            (0, true) => Err(place.error("tags (!…) are not read; a value is what it looks like")),
            _ => Err(place.error("anchors (&…) are not read; write the value out")),
        };
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                plain(anchor, tag.is_some())?;
                match style {
                    ScalarStyle::Plain => plain_scalar(&text),
                    _ => Tree::Text(text.into_owned()),
                }
            }
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break Tree::List(items),
                        (event, place) => items.push(self.node(event, place, depth.saturating_add(1))?),
                    }
                }
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                let (mut fields, mut lines) = (Vec::new(), HashMap::new());
                loop {
                    let (event, place) = self.next()?;
                    if matches!(event, Event::MappingEnd) {
                        break Tree::Map(fields);
                    }
                    let Event::Scalar(name, ..) = event else {
                        return Err(place.error("the name of a field must be a text"));
                    };
                    let name = name.into_owned();
                    let (event, value_place) = self.next()?;
                    let value = self.node(event, value_place, depth.saturating_add(1))?;
                    add(&mut fields, &mut lines, Field { name, place, value })?;
                }
            }
            Event::Alias(_) => return Err(place.error("aliases (*…) are not read; write the value out")),
            _ => return Err(place.error("something else stands where a value must")),
        };
        Ok(Node { place, value })
    }
}

fn place_of(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col().saturating_add(1) }
}

/// YAML 1.2.2, 10.3.2.
fn plain_scalar(text: &str) -> Tree {
    let radix =
        |digits: &str, radix| i128::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with(['+', '-']));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Tree::Null,
        "true" | "True" | "TRUE" => Tree::Bool(true),
        "false" | "False" | "FALSE" => Tree::Bool(false),
        _ => {
            let integer = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
                (Some(hex), _) => radix(hex, 16),
                (_, Some(octal)) => radix(octal, 8),
                _ => text.parse().ok(),
            };
            match integer {
                Some(n) => Tree::Integer(n),
                None if is_float(text) => Tree::Float(text.to_owned()),
                None => Tree::Text(text.to_owned()),
            }
        }
    }
}

fn is_float(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['-', '+']);
    let special = matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    let digits = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && unsigned.bytes().any(|b| b.is_ascii_digit());
    special || digits && text.parse::<f64>().is_ok()
}

/// Reads JSON. What is valid JSON is YAML as well, but for two things that are mended first: tabs, which can only
/// stand between values, and letters beyond U+FFFF that are written as two escapes.
pub(super) fn json(text: &str) -> Result<Node, TextError> {
    let checked: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
    checked.map_err(|error| {
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        // The column is counted in bytes there.
        let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
        let before = line.as_bytes().get(..error.column()).unwrap_or(line.as_bytes());
        let column = String::from_utf8_lossy(before).chars().count();
        TextError::new(error.line().max(1), column.max(1), format!("this is no JSON: {what}"))
    })?;
    yaml(&join_surrogates(&text.replace('\t', " ")))
}

/// `\ud83d\ude00` as `\U0001F600`. The text is valid JSON, so that a backslash always begins an escape.
fn join_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let unit = |from: usize| {
            let digits = escape.get(from..from.saturating_add(6))?.strip_prefix("\\u")?;
            u16::from_str_radix(digits, 16).ok()
        };
        let pair = unit(0).zip(unit(6)).and_then(|(a, b)| char::decode_utf16([a, b]).next()?.ok());
        let taken = match pair.filter(|c| c.len_utf16() == 2) {
            Some(c) => {
                out.push_str(&format!("\\U{:08X}", u32::from(c)));
                12
            }
            None => {
                out.push_str(escape.get(..2).unwrap_or(escape));
                2
            }
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    out + rest
}

/// Reads TOML.
pub(super) fn toml(text: &str) -> Result<Node, TextError> {
    let lines = Starts::of(text);
    let table = DeTable::parse(text).map_err(|error| {
        let place = lines.place(text, error.span().map_or(0, |span| span.start));
        place.error(format!("this is no TOML: {}", error.message()))
    })?;
    let (start, table) = (table.span().start, table.into_inner());
    toml_table(text, &lines, lines.place(text, start), &table)
}

fn toml_table(text: &str, lines: &Starts, place: Place, table: &DeTable<'_>) -> Result<Node, TextError> {
    let mut fields = Vec::new();
    for (name, value) in table.iter() {
        let place = lines.place(text, name.span().start);
        let value = toml_value(text, lines, lines.place(text, value.span().start), value.get_ref())?;
        fields.push(Field { name: name.get_ref().to_string(), place, value });
    }
    // The order of the text, which the table does not keep.
    fields.sort_by_key(|field| field.place);
    Ok(Node { place, value: Tree::Map(fields) })
}

fn toml_value(text: &str, lines: &Starts, place: Place, value: &DeValue<'_>) -> Result<Node, TextError> {
    let tree = match value {
        DeValue::String(text) => Tree::Text(text.to_string()),
        DeValue::Integer(n) => match i128::from_str_radix(n.as_str(), n.radix()) {
            Ok(n) => Tree::Integer(n),
            Err(_) => return Err(place.error(format!("{} is too great a number", n.as_str()))),
        },
        DeValue::Float(n) => Tree::Float(n.as_str().to_owned()),
        DeValue::Boolean(value) => Tree::Bool(*value),
        DeValue::Datetime(time) => Tree::Text(time.to_string()),
        DeValue::Array(items) => Tree::List(
            items
                .iter()
                .map(|item| toml_value(text, lines, lines.place(text, item.span().start), item.get_ref()))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => return toml_table(text, lines, place, table),
    };
    Ok(Node { place, value: tree })
}

/// Where each line begins, in bytes.
struct Starts {
    lines: Vec<usize>,
    /// How many characters stand before each block of bytes: a line may be as long as the text.
    blocks: Vec<usize>,
}

const BLOCK: usize = 256;

/// How many characters begin in these bytes of a text.
fn begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !matches!(byte, 0x80..=0xBF)).count()
}

impl Starts {
    fn of(text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at.saturating_add(1))).collect();
        let mut count = 0_usize;
        let blocks = text.as_bytes().chunks(BLOCK).map(|block| {
            let before = count;
            count = count.saturating_add(begun(block));
            before
        });
        Self { blocks: blocks.collect(), lines }
    }

    fn place(&self, text: &str, offset: usize) -> Place {
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.characters(text, offset).saturating_sub(self.characters(text, start)).saturating_add(1);
        Place { line, column }
    }

    /// How many characters stand before an offset.
    fn characters(&self, text: &str, offset: usize) -> usize {
        let block = (offset / BLOCK).min(self.blocks.len().saturating_sub(1));
        let rest = text.as_bytes().get(block.saturating_mul(BLOCK)..offset).unwrap_or_default();
        self.blocks.get(block).copied().unwrap_or_default().saturating_add(begun(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without places.
    fn shown(node: &Node) -> String {
        match &node.value {
            Tree::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
            Tree::Map(fields) => {
                let fields: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.name, shown(&f.value))).collect();
                format!("{{{}}}", fields.join(", "))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_three_notations_give_one_tree() {
        let yaml = yaml("a: 1\nb:\n  - x\n  - 0x1F\nc: {d: 'null', e: true}\n").unwrap();
        let json = json("{\"a\": 1, \"b\": [\"x\", 31],\t\"c\": {\"d\": \"null\", \"e\": true}}").unwrap();
        let toml = toml("a = 1\nb = ['x', 0x1F]\n[c]\nd = 'null'\ne = true\n").unwrap();
        let expected = r#"{a: Integer(1), b: [Text("x"), Integer(31)], c: {d: Text("null"), e: Bool(true)}}"#;
        assert_eq!(
            (shown(&yaml).as_str(), shown(&json).as_str(), shown(&toml).as_str()),
            (expected, expected, expected)
        );
    }

    #[test]
    fn every_value_knows_its_place() {
        for (node, line, column) in [
            (yaml("a: 1\nbb:\n  - x\n").unwrap(), 3, 5),
            (json("{\"a\": 1,\n \"bb\": [\n \"x\"]}").unwrap(), 3, 2),
            (toml("a = 1\n\nbb = ['x']\n").unwrap(), 3, 7),
        ] {
            let Tree::Map(fields) = &node.value else { panic!("{node:?}") };
            let Tree::List(items) = &fields[1].value.value else { panic!("{node:?}") };
            assert_eq!(items[0].place, Place { line, column });
        }
    }

    #[test]
    fn words_are_texts_unless_the_core_schema_says_otherwise() {
        for (text, expected) in [
            ("yes", "Text(\"yes\")"),
            ("off", "Text(\"off\")"),
            ("~", "Null"),
            ("1e3", "Float(\"1e3\")"),
            ("1.5", "Float(\"1.5\")"),
            ("0o17", "Integer(15)"),
            ("18446744073709551615", "Integer(18446744073709551615)"),
            ("1.2.3", "Text(\"1.2.3\")"),
            ("e", "Text(\"e\")"),
            ("\"1\"", "Text(\"1\")"),
        ] {
            assert_eq!(shown(&yaml(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn json_keeps_letters_beyond_the_first_plane_and_what_only_looks_like_them() {
        let text = r#"["\ud83d\ude00", "\\ud83d\\ude00", "a\u00e9\/\"", "\t"]"#;
        assert_eq!(shown(&json(text).unwrap()), r#"[Text("😀"), Text("\\ud83d\\ude00"), Text("aé/\""), Text("\t")]"#);
    }

    #[test]
    fn what_is_doubtful_is_refused_with_its_place() {
        for (result, expected) in [
            (yaml("a: 1\na: 2\n"), "line 2, column 1: the field \"a\" is here twice; first in line 1"),
            (json("{\"a\": 1, \"a\": 2}"), "line 1, column 10: the field \"a\" is here twice; first in line 1"),
            (yaml("a: &x 1\n"), "line 1, column 4: anchors"),
            (yaml("a: !!str 1\n"), "line 1, column 4: tags"),
            (yaml("--- 1\n--- 2\n"), "line 2, column 1: a second document"),
            (yaml(""), "line 1, column 1: the file is empty"),
            (yaml("a: [1\n"), "line "),
            (json("{\"a\": 1,}"), "line 1, column 9: this is no JSON: key must be a string"),
            (toml("a = 1\na = 2\n"), "line 2, column 1: this is no TOML: duplicate key"),
            (yaml(&"[".repeat(200)), "line 1, column "),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
