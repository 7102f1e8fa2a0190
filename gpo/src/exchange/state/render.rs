//! From the model to a text.

use std::fmt::Write as _;

use super::super::lgpo::Scope;
use super::words::{DataWord, Ensure, Words};
use super::{API_VERSION, ElementWord, KIND, Notation, Order, Side, StateFile, Unmanaged, Wanted, WantedPolicy};
use super::{WantedRecord, WantedState};
use crate::model::hex;

/// A value to write. The same for all three notations.
#[derive(Clone, Debug)]
enum Out {
    Text(String),
    Number(u64),
    Bool(bool),
    List(Vec<Noted>),
    Map(Vec<(String, Out)>),
}

/// A value with a line of comment above it.
#[derive(Clone, Debug)]
struct Noted {
    comment: Option<String>,
    value: Out,
}

impl From<Out> for Noted {
    fn from(value: Out) -> Self {
        Self { comment: None, value }
    }
}

/// Writes a state file. `remarks` stand in its head as comments, where the notation has comments.
pub fn render(state: &StateFile, notation: Notation, remarks: &[String]) -> String {
    let fields = file(state);
    match notation {
        Notation::Json => json(&Out::Map(fields), 0) + "\n",
        Notation::Yaml => {
            let mut text = head(remarks);
            for (i, (name, value)) in fields.iter().enumerate() {
                if i > 1 {
                    text.push('\n');
                }
                yaml_field(&mut text, name, value, 0);
            }
            text
        }
        Notation::Toml => {
            let mut text = head(remarks);
            toml_table(&mut text, "", &fields);
            text
        }
    }
}

fn head(remarks: &[String]) -> String {
    remarks.iter().map(|remark| format!("# {}\n", one_line(remark))).collect()
}

/// A comment is one line, without what an editor or a terminal would act on.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !is_unseen(*c)).collect()
}

fn text(value: &str) -> Out {
    Out::Text(value.to_owned())
}

fn texts<'t>(values: impl IntoIterator<Item = &'t str>) -> Out {
    Out::List(values.into_iter().map(|value| text(value).into()).collect())
}

fn file(state: &StateFile) -> Vec<(String, Out)> {
    let mut fields = vec![("apiVersion".to_owned(), text(API_VERSION)), ("kind".to_owned(), text(KIND))];
    let mut add = |name: &str, value: Out| fields.push((name.to_owned(), value));
    let metadata = &state.metadata;
    let named = [("name", &metadata.name), ("owner", &metadata.owner), ("description", &metadata.description)];
    let named: Vec<_> =
        named.iter().filter_map(|(name, value)| Some(((*name).to_owned(), text(value.as_deref()?)))).collect();
    if !named.is_empty() {
        add("metadata", Out::Map(named));
    }
    if !state.extends.is_empty() {
        add("extends", texts(state.extends.iter().map(|(path, _)| path.as_str())));
    }
    if !state.require.is_empty() || state.language.is_some() {
        let mut admx = Vec::new();
        if !state.require.is_empty() {
            admx.push(("require".to_owned(), texts(state.require.iter().map(|(name, _)| name.as_str()))));
        }
        admx.extend(state.language.as_deref().map(|language| ("language".to_owned(), text(language))));
        add("admx", Out::Map(admx));
    }
    match state.unmanaged {
        Unmanaged::Keep => {}
        Unmanaged::Report => add("unmanaged", text("report")),
        Unmanaged::Remove => add("unmanaged", text("remove")),
    }
    let mut users = Vec::new();
    for wanted in &state.sides {
        match &wanted.scope {
            Scope::Computer => add("computer", side(wanted)),
            Scope::User => add("user", side(wanted)),
            Scope::UserOf(account) => {
                let word = wanted.scope.word();
                let name = word.strip_prefix("user:").unwrap_or(account);
                users.push((name.to_owned(), side(wanted)));
            }
        }
    }
    if !users.is_empty() {
        add("users", Out::Map(users));
    }
    let image = image(state);
    if !image.is_empty() {
        add("image", Out::Map(image));
    }
    let waivers: Vec<Noted> = state
        .waivers
        .iter()
        .map(|w| {
            let fields = [("rule", &w.rule), ("reason", &w.reason), ("expires", &w.expires)];
            Out::Map(fields.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect()).into()
        })
        .collect();
    if !waivers.is_empty() {
        add("waivers", Out::List(waivers));
    }
    fields
}

fn image(state: &StateFile) -> Vec<(String, Out)> {
    let mut image = Vec::new();
    let fact = |fact: &super::Fact| {
        // A record of that type and data has the words.
        let record = polfile::Record::new("K".into(), "V".into(), fact.equals.0, fact.equals.1.clone()).ok()?;
        let data = Words::of(&record.as_ref())?.data?;
        Some(Noted::from(Out::Map(vec![
            ("hive".to_owned(), text(&fact.hive)),
            ("key".to_owned(), text(&fact.key)),
            ("value".to_owned(), text(&fact.value)),
            ("equals".to_owned(), Out::Map(vec![(data.word.to_owned(), data_word(&data.data))])),
        ])))
    };
    let facts: Vec<Noted> = state.facts.iter().filter_map(fact).collect();
    if !facts.is_empty() {
        image.push(("registry".to_owned(), Out::List(facts)));
    }
    let verdict = |verdict: &super::Verdict| {
        let next = text(verdict.next_boot.as_str());
        Noted::from(Out::Map(vec![("policy".to_owned(), text(&verdict.policy)), ("next-boot".to_owned(), next)]))
    };
    if !state.verdicts.is_empty() {
        image.push(("verdict".to_owned(), Out::List(state.verdicts.iter().map(verdict).collect())));
    }
    image
}

fn side(side: &Side) -> Out {
    let mut fields = Vec::new();
    if side.order == Order::Listed {
        fields.push(("order".to_owned(), text("listed")));
    }
    if !side.spelling.is_empty() {
        fields.push(("spelling".to_owned(), texts(side.spelling.iter().map(String::as_str))));
    }
    if !side.policies.is_empty() {
        fields.push(("policies".to_owned(), Out::List(side.policies.iter().map(policy).collect())));
    }
    if !side.registry.is_empty() {
        fields.push(("registry".to_owned(), Out::List(side.registry.iter().map(record).collect())));
    }
    Out::Map(fields)
}

fn policy(wanted: &WantedPolicy) -> Noted {
    let mut fields =
        vec![("policy".to_owned(), text(&wanted.policy)), ("state".to_owned(), text(wanted.state.as_str()))];
    if wanted.state == WantedState::Enabled && !wanted.elements.is_empty() {
        let value = |word: &ElementWord| match word {
            ElementWord::Number(n) => Out::Number(*n),
            ElementWord::Bool(value) => Out::Bool(*value),
            ElementWord::Text(value) => text(value),
            ElementWord::List(entries) => texts(entries.iter().map(String::as_str)),
            ElementWord::Named(entries) => {
                Out::Map(entries.iter().map(|(name, data)| (name.clone(), text(data))).collect())
            }
        };
        let elements = wanted.elements.iter().map(|element| (element.name.clone(), value(&element.value))).collect();
        fields.push(("elements".to_owned(), Out::Map(elements)));
    }
    for (name, value) in [("reason", &wanted.reason), ("ticket", &wanted.ticket)] {
        fields.extend(value.as_deref().map(|value| (name.to_owned(), text(value))));
    }
    if wanted.overrides {
        fields.push(("override".to_owned(), Out::Bool(true)));
    }
    Noted { comment: wanted.comment.clone(), value: Out::Map(fields) }
}

fn data_word(data: &DataWord) -> Out {
    match data {
        DataWord::Number(n) => Out::Number(*n),
        DataWord::Text(value) => text(value),
        DataWord::List(values) => texts(values.iter().map(String::as_str)),
    }
}

fn record(wanted: &WantedRecord) -> Noted {
    let mut comment = None;
    let mut fields = Vec::new();
    let mut add = |name: &str, value: Out| fields.push((name.to_owned(), value));
    match &wanted.wanted {
        Wanted::Forget(key, value) => {
            add("key", text(key));
            add("value", text(value));
            add("ensure", text(Ensure::Forget.word()));
        }
        Wanted::Record(of) | Wanted::Raw(of) => {
            let words = Words::of(&of.as_ref()).filter(|_| matches!(wanted.wanted, Wanted::Record(_)));
            match words {
                Some(words) => {
                    add("key", text(&words.key));
                    if let Some(value) = &words.value {
                        add("value", text(value));
                    }
                    if words.ensure != Ensure::Set {
                        add("ensure", text(words.ensure.word()));
                    }
                    if let Some(data) = &words.data {
                        add("type", text(data.word));
                        add("data", data_word(&data.data));
                    }
                    if words.ensure == Ensure::DeleteKeys {
                        add("data", texts(words.keys.iter().map(String::as_str)));
                    }
                }
                None => {
                    let of = of.as_ref();
                    comment = Some(format!(
                        "{}!{} ({})",
                        of.key.to_text_lossy(),
                        of.value_name.to_text_lossy(),
                        of.value_type
                    ));
                    let raw = vec![
                        ("key".to_owned(), Out::Text(hex(of.key.as_bytes()))),
                        ("value".to_owned(), Out::Text(hex(of.value_name.as_bytes()))),
                        ("type".to_owned(), Out::Number(u64::from(of.value_type.0))),
                        ("data".to_owned(), Out::Text(hex(of.data))),
                    ];
                    add("raw", Out::Map(raw));
                }
            }
        }
    }
    fields.extend(wanted.reason.as_deref().map(|reason| ("reason".to_owned(), text(reason))));
    Noted { comment, value: Out::Map(fields) }
}

/// A text in double quotes, as JSON, YAML and TOML all read it.
fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unseen(c) => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Characters that a reader may not take, or a person not see; all have four hexadecimal digits.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
}

/// A text as YAML: as it is where it can be nothing else, else in quotes.
fn yaml_text(value: &str) -> String {
    let plain = value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, ' ' | '_' | '-' | '.' | '\\' | '/' | ':' | '(' | ')' | '$' | '+' | ';')
        })
        && !value.ends_with([' ', ':'])
        && !value.contains(": ")
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(value));
    match value {
        _ if plain => value.to_owned(),
        _ if value.chars().any(is_unseen) => quoted(value),
        _ => format!("'{}'", value.replace('\'', "''")),
    }
}

fn yaml_field(out: &mut String, name: &str, value: &Out, indent: usize) {
    let _ = write!(out, "{:indent$}{}:", "", yaml_text(name));
    yaml_value(out, value, indent);
}

/// What stands behind a colon, or behind the hyphen of an item.
fn yaml_value(out: &mut String, value: &Out, indent: usize) {
    match value {
        Out::Text(value) => {
            let _ = writeln!(out, " {}", yaml_text(value));
        }
        Out::Number(n) => {
            let _ = writeln!(out, " {n}");
        }
        Out::Bool(value) => {
            let _ = writeln!(out, " {value}");
        }
        Out::List(items) if items.is_empty() => out.push_str(" []\n"),
        Out::Map(fields) if fields.is_empty() => out.push_str(" {}\n"),
        Out::List(items) => {
            out.push('\n');
            for item in items {
                yaml_item(out, item, indent.saturating_add(2));
            }
        }
        Out::Map(fields) => {
            out.push('\n');
            for (name, value) in fields {
                yaml_field(out, name, value, indent.saturating_add(2));
            }
        }
    }
}

fn yaml_item(out: &mut String, item: &Noted, indent: usize) {
    if let Some(comment) = &item.comment {
        let _ = writeln!(out, "{:indent$}# {}", "", one_line(comment));
    }
    let _ = write!(out, "{:indent$}-", "");
    match &item.value {
        Out::Map(fields) if !fields.is_empty() => {
            let inner = indent.saturating_add(2);
            for (i, (name, value)) in fields.iter().enumerate() {
                if i == 0 {
                    let _ = write!(out, " {}:", yaml_text(name));
                    yaml_value(out, value, inner);
                } else {
                    yaml_field(out, name, value, inner);
                }
            }
        }
        value => yaml_value(out, value, indent),
    }
}

fn json(value: &Out, indent: usize) -> String {
    let inner = indent.saturating_add(2);
    let block = |open: char, items: Vec<String>, close: char| match items.is_empty() {
        true => format!("{open}{close}"),
        false => {
            let items = items.iter().map(|item| format!("{:inner$}{item}", "")).collect::<Vec<_>>().join(",\n");
            format!("{open}\n{items}\n{:indent$}{close}", "")
        }
    };
    match value {
        Out::Text(value) => quoted(value),
        Out::Number(n) => n.to_string(),
        Out::Bool(value) => value.to_string(),
        Out::List(items) => block('[', items.iter().map(|item| json(&item.value, inner)).collect(), ']'),
        Out::Map(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{}: {}", quoted(name), json(value, inner)));
            block('{', fields.collect(), '}')
        }
    }
}

fn toml_key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare { name.to_owned() } else { quoted(name) }
}

/// A table: its plain fields, then tables and lists of tables, each under a head of its own.
fn toml_table(out: &mut String, path: &str, fields: &[(String, Out)]) {
    let is_tables =
        |value: &Out| matches!(value, Out::List(items) if items.iter().any(|item| matches!(item.value, Out::Map(_))));
    let below = |name: &str| if path.is_empty() { toml_key(name) } else { format!("{path}.{}", toml_key(name)) };
    for (name, value) in fields.iter().filter(|(_, value)| !matches!(value, Out::Map(_)) && !is_tables(value)) {
        let _ = writeln!(out, "{} = {}", toml_key(name), toml_value(value));
    }
    for (name, value) in fields {
        match value {
            Out::Map(fields) => {
                let _ = write!(out, "\n[{}]\n", below(name));
                toml_table(out, &below(name), fields);
            }
            Out::List(items) if is_tables(value) => {
                for item in items {
                    out.push('\n');
                    if let Some(comment) = &item.comment {
                        let _ = writeln!(out, "# {}", one_line(comment));
                    }
                    let _ = writeln!(out, "[[{}]]", below(name));
                    let Out::Map(fields) = &item.value else { continue };
                    for (name, value) in fields {
                        let _ = writeln!(out, "{} = {}", toml_key(name), toml_value(value));
                    }
                }
            }
            _ => {}
        }
    }
}

/// A value in one line.
fn toml_value(value: &Out) -> String {
    match value {
        Out::Text(value) => quoted(value),
        Out::Number(n) => n.to_string(),
        Out::Bool(value) => value.to_string(),
        Out::List(items) => {
            format!("[{}]", items.iter().map(|item| toml_value(&item.value)).collect::<Vec<_>>().join(", "))
        }
        Out::Map(fields) if fields.is_empty() => "{}".to_owned(),
        Out::Map(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{} = {}", toml_key(name), toml_value(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}
