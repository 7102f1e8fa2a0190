//! From a text to the model. A field that is not known, or of another kind, is an error with its place.

mod checks;

use std::collections::HashMap;

use polfile::{KeyProblem, Record, ValueType, WideString};

use super::super::TextError;
use super::super::lgpo::Scope;
use super::super::tree::{self, Field, Node, Place, Tree};
use super::words::{Data, DataWord, Ensure, TYPES, Words};
use super::wrong::nearest;
use super::{
    API_VERSION, At, ElementWord, KIND, Metadata, Order, Side, StateFile, Unmanaged, Wanted, WantedElement,
    WantedPolicy, WantedRecord, WantedState,
};
use crate::model::from_hex;
use checks::{fact, verdict, waiver};

/// How a state file is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// YAML 1.2, core schema.
    Yaml,
    /// JSON.
    Json,
    /// TOML.
    Toml,
}

/// Reads a state file.
///
/// ```
/// use gpo::exchange::state::{Notation, parse};
/// let error = parse("apiVersion: gpol/v1\nkind: PolicySet\ncomputr: {}\n", Notation::Yaml).unwrap_err();
/// assert_eq!(error.to_string(), "line 3, column 1: there is no field \"computr\" here");
/// assert_eq!(error.help.as_deref(), Some("did you mean \"computer\"?"));
/// ```
///
/// # Errors
///
/// [`TextError`] for what is not of that notation, and for every field that is unknown, of another kind, missing, or
/// said twice.
pub fn parse(text: &str, notation: Notation) -> Result<StateFile, TextError> {
    let root = tree(text.trim_start_matches('\u{FEFF}'), notation)?;
    let known = [
        "apiVersion",
        "kind",
        "metadata",
        "extends",
        "admx",
        "unmanaged",
        "computer",
        "user",
        "users",
        "image",
        "waivers",
    ];
    let fields = Fields::of(&root, &known)?;
    let head = |name: &str| fields.missing(name).help("every state file has apiVersion: gpol/v1 and kind: PolicySet");
    fields.word("apiVersion", &[(API_VERSION, ())])?.ok_or_else(|| head("apiVersion"))?;
    fields.word("kind", &[(KIND, ())])?.ok_or_else(|| head("kind"))?;
    let mut state = StateFile::default();
    if let Some(node) = fields.get("metadata") {
        let fields = Fields::of(node, &["name", "owner", "description"])?;
        state.metadata = Metadata {
            name: fields.text("name")?,
            owner: fields.text("owner")?,
            description: fields.text("description")?,
        };
    }
    state.extends = fields.texts("extends")?;
    if let Some(node) = fields.get("admx") {
        let fields = Fields::of(node, &["require", "language"])?;
        state.require = fields.texts("require")?;
        state.language = fields.text("language")?;
    }
    let unmanaged = [("keep", Unmanaged::Keep), ("report", Unmanaged::Report), ("remove", Unmanaged::Remove)];
    state.unmanaged = fields.word("unmanaged", &unmanaged)?.unwrap_or_default();
    for (name, scope) in [("computer", Scope::Computer), ("user", Scope::User)] {
        state.sides.extend(fields.get(name).map(|node| side(node, scope)).transpose()?);
    }
    if let Some(node) = fields.get("users") {
        for field in map(node)? {
            state.sides.push(side(&field.value, account(field)?)?);
        }
    }
    if let Some(node) = fields.get("image") {
        let fields = Fields::of(node, &["registry", "verdict"])?;
        state.facts = fields.list("registry")?.iter().map(fact).collect::<Result<_, _>>()?;
        state.verdicts = fields.list("verdict")?.iter().map(verdict).collect::<Result<_, _>>()?;
    }
    state.waivers = fields.list("waivers")?.iter().map(waiver).collect::<Result<_, _>>()?;
    Ok(state)
}

pub(super) fn tree(text: &str, notation: Notation) -> Result<Node, TextError> {
    match notation {
        Notation::Yaml => tree::yaml(text),
        Notation::Json => tree::json(text),
        Notation::Toml => tree::toml(text),
    }
}

/// The fields of a table, all of which are known.
struct Fields<'n> {
    place: Place,
    fields: &'n [Field],
}

impl<'n> Fields<'n> {
    fn of(node: &'n Node, known: &[&str]) -> Result<Self, TextError> {
        let fields = map(node)?;
        for field in fields {
            if !known.contains(&field.name.as_str()) {
                let error = field.place.error(format!("there is no field \"{}\" here", field.name));
                return Err(error.help(instead(&field.name, known)));
            }
        }
        Ok(Self { place: node.place, fields })
    }

    /// A field that says something. An empty one is as good as none.
    fn get(&self, name: &str) -> Option<&'n Node> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(&field.value).filter(|node| node.value != Tree::Null)
    }

    fn missing(&self, name: &str) -> TextError {
        self.place.error(format!("the field \"{name}\" is missing"))
    }

    fn text(&self, name: &str) -> Result<Option<String>, TextError> {
        self.get(name).map(|node| text(node, name)).transpose()
    }

    fn needed(&self, name: &str) -> Result<String, TextError> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    fn flag(&self, name: &str) -> Result<bool, TextError> {
        match self.get(name) {
            None => Ok(false),
            Some(Node { value: Tree::Bool(value), .. }) => Ok(*value),
            Some(node) => Err(node.place.error(format!("\"{name}\" is true or false, not {}", node.kind()))),
        }
    }

    fn list(&self, name: &str) -> Result<&'n [Node], TextError> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Node { value: Tree::List(items), .. }) => Ok(items),
            Some(node) => Err(node.place.error(format!("\"{name}\" is a list, not {}", node.kind()))),
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<(String, At)>, TextError> {
        self.list(name)?.iter().map(|item| Ok((text(item, name)?, item.place.into()))).collect()
    }

    /// One of these words and nothing else.
    fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, TextError> {
        let Some(node) = self.get(name) else { return Ok(None) };
        let found = node.text().and_then(|text| words.iter().find(|(word, _)| *word == text));
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let given = node.text().map_or_else(|| node.kind().to_owned(), |text| format!("\"{text}\""));
            let error = node.place.error(format!("\"{name}\" is {}, not {given}", known.join(", ")));
            match node.text().and_then(|text| nearest(text, known)) {
                Some(word) => error.help(format!("did you mean \"{word}\"?")),
                None => error,
            }
        })
    }
}

/// The nearest known name, or all of them.
fn instead(given: &str, known: &[&str]) -> String {
    match nearest(given, known.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("here are: {}", known.join(", ")),
    }
}

fn map(node: &Node) -> Result<&[Field], TextError> {
    match &node.value {
        Tree::Map(fields) => Ok(fields),
        _ => Err(node.place.error(format!("expected a table of fields, found {}", node.kind()))),
    }
}

fn text(node: &Node, name: &str) -> Result<String, TextError> {
    let wrong = || {
        let error = node.place.error(format!("\"{name}\" is a text, not {}", node.kind()));
        match node.value {
            Tree::Integer(_) | Tree::Bool(_) | Tree::Float(_) => error.help("put it in quotes"),
            _ => error,
        }
    };
    node.text().map(str::to_owned).ok_or_else(wrong)
}

/// Names below `users`.
fn account(field: &Field) -> Result<Scope, TextError> {
    match field.name.as_str() {
        "administrators" => Ok(Scope::UserOf("Administrators".to_owned())),
        "non-administrators" => Ok(Scope::UserOf("Non-Administrators".to_owned())),
        sid if sid.starts_with("S-1-") && sid.bytes().skip(4).all(|b| b.is_ascii_digit() || b == b'-') => {
            Ok(Scope::UserOf(sid.to_owned()))
        }
        other => {
            let error = field.place.error(format!("\"{other}\" is neither a group nor a SID"));
            Err(error.help("administrators, non-administrators, or a SID such as S-1-5-21-1-2-3-1001"))
        }
    }
}

fn side(node: &Node, scope: Scope) -> Result<Side, TextError> {
    let fields = Fields::of(node, &["order", "spelling", "policies", "registry"])?;
    let order = fields.word("order", &[("editor", Order::Editor), ("listed", Order::Listed)])?.unwrap_or_default();
    let spelling = fields.texts("spelling")?.into_iter().map(|(key, _)| key).collect();
    let mut policies: Vec<WantedPolicy> = Vec::new();
    for item in fields.list("policies")? {
        let wanted = policy(item)?;
        if let Some(first) = policies.iter().find(|other| other.policy.eq_ignore_ascii_case(&wanted.policy)) {
            let why = format!("the policy \"{}\" is here twice; first in line {}", wanted.policy, first.at.line);
            return Err(wanted.name_at.error(why).help("say it once"));
        }
        policies.push(wanted);
    }
    let registry = fields.list("registry")?.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    no_slot_twice(&registry, order)?;
    Ok(Side { scope, order, spelling, policies, registry })
}

/// Two records for one value say two things; only `raw` ones of a listed order may, since a policy file may as well.
fn no_slot_twice(registry: &[WantedRecord], order: Order) -> Result<(), TextError> {
    let mut seen: HashMap<_, At> = HashMap::new();
    for wanted in registry {
        let (record, may_repeat) = match &wanted.wanted {
            Wanted::Record(record) => (record.clone(), false),
            Wanted::Raw(record) => (record.clone(), order == Order::Listed),
            Wanted::Forget(key, value) => match Record::delete_value(key.as_str(), value.as_str()) {
                Ok(record) => (record, false),
                Err(error) => return Err(wanted.at.error(error.to_string())),
            },
        };
        let slot = super::resolve::Slot::of(&record.as_ref());
        match seen.get(&slot) {
            Some(first) if !may_repeat => {
                let error =
                    wanted.at.error(format!("a second record for this value; the first is in line {}", first.line));
                return Err(match wanted.wanted {
                    Wanted::Raw(_) => error.help("if both are meant, say order: listed for this side"),
                    _ => error,
                });
            }
            _ => {
                seen.entry(slot).or_insert(wanted.at);
            }
        }
    }
    Ok(())
}

const STATES: [(&str, WantedState); 3] = [
    ("enabled", WantedState::Enabled),
    ("disabled", WantedState::Disabled),
    ("not-configured", WantedState::NotConfigured),
];

fn policy(node: &Node) -> Result<WantedPolicy, TextError> {
    let fields = Fields::of(node, &["policy", "state", "elements", "reason", "ticket", "override"])?;
    let state = fields.word("state", &STATES)?.ok_or_else(|| fields.missing("state"))?;
    let mut elements = Vec::new();
    if let Some(node) = fields.get("elements") {
        if state != WantedState::Enabled {
            return Err(node.place.error(format!("a policy that is {} has no elements", state.as_str())));
        }
        for field in map(node)? {
            let at = field.value.place.into();
            let (name, name_at) = (field.name.clone(), field.place.into());
            elements.push(WantedElement { at, name_at, name, value: element(&field.value)? });
        }
    }
    Ok(WantedPolicy {
        at: node.place.into(),
        name_at: fields.get("policy").map_or(node.place, |name| name.place).into(),
        policy: fields.needed("policy")?,
        state,
        elements,
        reason: fields.text("reason")?,
        ticket: fields.text("ticket")?,
        overrides: fields.flag("override")?,
        comment: None,
    })
}

fn element(node: &Node) -> Result<ElementWord, TextError> {
    let wrong = || {
        node.place.error(format!(
            "an element is a text, a number, true or false, a list, or names and texts; not {}",
            node.kind()
        ))
    };
    Ok(match &node.value {
        Tree::Text(text) => ElementWord::Text(text.clone()),
        Tree::Bool(value) => ElementWord::Bool(*value),
        Tree::Integer(n) => {
            ElementWord::Number(u64::try_from(*n).map_err(|_| node.place.error(format!("{n} is out of range")))?)
        }
        Tree::List(items) => ElementWord::List(items.iter().map(|item| text(item, "entry")).collect::<Result<_, _>>()?),
        Tree::Map(fields) => ElementWord::Named(
            fields
                .iter()
                .map(|field| Ok((field.name.clone(), text(&field.value, &field.name)?)))
                .collect::<Result<_, _>>()?,
        ),
        Tree::Null | Tree::Float(_) => return Err(wrong()),
    })
}

fn record(node: &Node) -> Result<WantedRecord, TextError> {
    let fields = Fields::of(node, &["key", "value", "ensure", "type", "data", "reason", "raw"])?;
    let reason = fields.text("reason")?;
    let at = node.place.into();
    if let Some(raw) = fields.get("raw") {
        if let Some(other) = fields.fields.iter().find(|field| !matches!(field.name.as_str(), "raw" | "reason")) {
            return Err(other.place.error(format!("\"{}\" cannot stand beside \"raw\"", other.name)));
        }
        return Ok(WantedRecord { at, wanted: Wanted::Raw(raw_record(raw)?), reason });
    }
    let key = fields.needed("key")?;
    let key_place = fields.get("key").map_or(node.place, |key| key.place);
    if let Some(problem) = KeyProblem::of(WideString::from(key.as_str()).as_wide()) {
        let error = key_place.error(problem.to_string());
        return Err(error.help("the side of the file says the hive; a key is written like SOFTWARE\\Policies\\Acme"));
    }
    let ensure = fields.word("ensure", &Ensure::ALL)?.unwrap_or(Ensure::Set);
    let value = fields.get("value").map(|node| text(node, "value")).transpose()?;
    let allowed: &[&str] = match ensure {
        Ensure::Set | Ensure::SetIfMissing => &["key", "value", "ensure", "type", "data", "reason"],
        Ensure::Delete | Ensure::Forget => &["key", "value", "ensure", "reason"],
        Ensure::DeleteKeys => &["key", "data", "ensure", "reason"],
        Ensure::DeleteAllValues | Ensure::CreateKey => &["key", "ensure", "reason"],
    };
    if let Some(other) = fields.fields.iter().find(|field| !allowed.contains(&field.name.as_str())) {
        return Err(other.place.error(format!("\"{}\" says nothing with ensure: {}", other.name, ensure.word())));
    }
    if allowed.contains(&"value") && value.is_none() {
        let error = fields.missing("value");
        return Err(error.help("the default value of a key is value: \"\""));
    }
    let name_place = fields.get("value").map_or(node.place, |value| value.place);
    if value.as_ref().is_some_and(|name| name.starts_with("**")) {
        let error = name_place.error("a name that starts with ** is an instruction to Windows");
        return Err(error
            .help("say it with ensure: delete, delete-all-values, delete-keys or set-if-missing; any other with raw"));
    }
    if ensure == Ensure::Forget {
        return Ok(WantedRecord { at, wanted: Wanted::Forget(key, value.unwrap_or_default()), reason });
    }
    let mut words = Words { key, value, ensure, data: None, keys: Vec::new() };
    match ensure {
        Ensure::Set | Ensure::SetIfMissing => words.data = Some(data(&fields)?),
        Ensure::DeleteKeys => words.keys = names_of_keys(&fields)?,
        _ => {}
    }
    let place = fields.get("data").map_or(node.place, |data| data.place);
    let record = words.record().map_err(|why| place.error(why))?;
    Ok(WantedRecord { at, wanted: Wanted::Record(record), reason })
}

fn data(fields: &Fields<'_>) -> Result<Data, TextError> {
    let types = TYPES.map(|(word, _)| (word, word));
    let word = fields.word("type", &types)?.ok_or_else(|| fields.missing("type"))?;
    let Some(node) = fields.get("data") else {
        return match word {
            "none" => Ok(Data { word, data: DataWord::Text("hex:".to_owned()) }),
            _ => Err(fields.missing("data")),
        };
    };
    data_of(word, node)
}

fn data_of(word: &'static str, node: &Node) -> Result<Data, TextError> {
    let data = match &node.value {
        Tree::Text(text) => DataWord::Text(text.clone()),
        Tree::Integer(n) => {
            DataWord::Number(u64::try_from(*n).map_err(|_| node.place.error(format!("{n} is out of range")))?)
        }
        Tree::List(items) => DataWord::List(items.iter().map(|item| text(item, "data")).collect::<Result<_, _>>()?),
        _ => {
            return Err(node
                .place
                .error(format!("\"data\" is a text, a number or a list of texts, not {}", node.kind())));
        }
    };
    let data = Data { word, data };
    data.encode().map_err(|why| node.place.error(why))?;
    Ok(data)
}

fn names_of_keys(fields: &Fields<'_>) -> Result<Vec<String>, TextError> {
    let items = fields.list("data")?;
    if items.is_empty() {
        return Err(fields.missing("data").help("data: [names of subkeys]"));
    }
    items
        .iter()
        .map(|item| match text(item, "data")? {
            name if name.is_empty() || name.contains(';') => {
                Err(item.place.error("the name of a subkey is not empty and holds no ;"))
            }
            name => Ok(name),
        })
        .collect()
}

fn raw_record(node: &Node) -> Result<Record, TextError> {
    let fields = Fields::of(node, &["key", "value", "type", "data"])?;
    let bytes = |name: &str| {
        let digits = fields.needed(name)?;
        let place = fields.get(name).map_or(node.place, |field| field.place);
        from_hex(&digits).ok_or_else(|| place.error(format!("\"{name}\" is hexadecimal digits in pairs")))
    };
    let wide = |name: &str| {
        let place = fields.get(name).map_or(node.place, |field| field.place);
        WideString::from_bytes(bytes(name)?)
            .ok_or_else(|| place.error(format!("\"{name}\" is UTF-16LE in hexadecimal; this has half a unit")))
    };
    let value_type = match fields.get("type") {
        Some(Node { value: Tree::Integer(n), place }) => {
            ValueType(u32::try_from(*n).map_err(|_| place.error(format!("{n} is no type; a type has 32 bits")))?)
        }
        Some(other) => return Err(other.place.error(format!("\"type\" is a number here, not {}", other.kind()))),
        None => return Err(fields.missing("type")),
    };
    Record::new(wide("key")?, wide("value")?, value_type, bytes("data")?)
        .map_err(|error| node.place.error(error.to_string()))
}

impl From<Place> for At {
    fn from(place: Place) -> Self {
        Self { line: place.line, column: place.column }
    }
}
