//! Ids in the place of names, in a state file that somebody wrote.
//!
//! A display name changes with the language and the version of the templates; an id does not. Comments, layout,
//! quotes and everything else of the file stay as they are, byte for byte.

use std::ops::Range;

use admx::{Catalog, Side};

use super::super::TextError;
use super::super::tree::{Field, Node, Place, Tree};
use super::read::{Notation, tree};
use super::resolve::policy_named;

/// A name that an id took the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Line of the file, counted from 1.
    pub line: usize,
    /// As it stood there.
    pub from: String,
    /// The id.
    pub to: String,
}

/// The text with the ids of policies and elements that it names otherwise. Names that the templates do not know stay.
///
/// # Errors
///
/// [`TextError`] if it is not of that notation, or a name is written in a way that gpol does not rewrite, as over
/// several lines.
pub fn with_ids(text: &str, notation: Notation, catalog: &Catalog) -> Result<(String, Vec<Rewritten>), TextError> {
    let mark = if text.starts_with('\u{FEFF}') { "\u{FEFF}" } else { "" };
    let text = text.get(mark.len()..).unwrap_or_default();
    let mut root = tree(text, notation)?;
    let mut edits = Edits { catalog, notation, text, all: Vec::new() };
    edits.file(&mut root)?;
    let mut edits = edits.all;
    edits.sort_by_key(|edit| edit.range.start);
    let mut new = mark.to_owned();
    let mut from = 0;
    for edit in &edits {
        new.push_str(text.get(from..edit.range.start).unwrap_or_default());
        new.push_str(&edit.spelled);
        from = edit.range.end;
    }
    new.push_str(text.get(from..).unwrap_or_default());
    // What was written must read as what was meant.
    let again = tree(new.trim_start_matches('\u{FEFF}'), notation)?;
    match edits.first() {
        Some(edit) if !same(&root, &again) => Err(not_rewritten(edit.place, &edit.rewritten.from)),
        _ => Ok((new, edits.into_iter().map(|edit| edit.rewritten).collect())),
    }
}

fn not_rewritten(place: Place, name: &str) -> TextError {
    place
        .error(format!("the name {name:?} is written in a way that gpol does not rewrite"))
        .help("write the id there yourself")
}

/// An id to write, where it goes and how it is spelled there.
struct Edit {
    place: Place,
    range: Range<usize>,
    spelled: String,
    rewritten: Rewritten,
}

struct Edits<'a> {
    catalog: &'a Catalog,
    notation: Notation,
    text: &'a str,
    all: Vec<Edit>,
}

impl Edits<'_> {
    /// Puts ids into the tree, and notes where they go in the text.
    fn file(&mut self, root: &mut Node) -> Result<(), TextError> {
        for field in fields(root) {
            match field.name.as_str() {
                "computer" => self.side(&mut field.value, Side::Computer)?,
                "user" => self.side(&mut field.value, Side::User)?,
                "users" => {
                    for account in fields(&mut field.value) {
                        self.side(&mut account.value, Side::User)?;
                    }
                }
                "image" => {
                    for verdict in items(&mut field.value, "verdict") {
                        self.policy(verdict, Side::Computer)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn side(&mut self, side: &mut Node, of: Side) -> Result<(), TextError> {
        items(side, "policies").try_for_each(|wanted| self.policy(wanted, of))
    }

    /// The name of a policy, and those of its elements.
    fn policy(&mut self, wanted: &mut Node, side: Side) -> Result<(), TextError> {
        let Some(name) = fields(wanted).find(|field| field.name == "policy") else { return Ok(()) };
        let Tree::Text(given) = &mut name.value.value else { return Ok(()) };
        let Ok(policy) = policy_named(self.catalog, side, given) else { return Ok(()) };
        self.put(name.value.place, given, policy.id())?;
        for elements in fields(wanted).filter(|field| field.name == "elements") {
            for element in fields(&mut elements.value) {
                if let Some(known) = policy.element_named(&element.name) {
                    self.put(element.place, &mut element.name, known.id.clone())?;
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, place: Place, name: &mut String, id: String) -> Result<(), TextError> {
        if *name == id {
            return Ok(());
        }
        let found = offset(self.text, place).and_then(|start| self.spelled(start, name, &id));
        let (range, spelled) = found.ok_or_else(|| not_rewritten(place, name))?;
        let from = std::mem::replace(name, id.clone());
        let rewritten = Rewritten { line: place.line, from, to: id };
        self.all.push(Edit { place, range, spelled, rewritten });
        Ok(())
    }

    /// Where a name ends that begins here, and how the id is spelled in its place: in quotes where the name is.
    fn spelled(&self, start: usize, name: &str, id: &str) -> Option<(Range<usize>, String)> {
        let rest = self.text.get(start..)?;
        let is_plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
        let quoted = || serde_json::to_string(id).ok();
        let (length, spelled) = match rest.chars().next()? {
            _ if rest.starts_with("\"\"\"") || rest.starts_with("'''") => return None,
            '"' => (end_of_quoted(rest, '"', Some('\\'))?, quoted()?),
            '\'' => {
                let escape = (self.notation == Notation::Yaml).then_some('\'');
                let end = end_of_quoted(rest, '\'', escape)?;
                (end, if is_plain { format!("'{id}'") } else { quoted()? })
            }
            _ if rest.starts_with(name) => {
                // A colon has a meaning of its own in the keys of TOML.
                let bare = is_plain && (self.notation == Notation::Yaml || !id.contains([':', '.']));
                (name.len(), if bare { id.to_owned() } else { quoted()? })
            }
            _ => return None,
        };
        Some((start..start.checked_add(length)?, spelled))
    }
}

/// The length of a quoted text with its quotes. A quote counts as a letter behind `\`, or where it comes twice.
fn end_of_quoted(text: &str, quote: char, escape: Option<char>) -> Option<usize> {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = letters.next() {
        let escapes = match escape {
            Some(escape) if escape == quote => c == quote && letters.peek().is_some_and(|(_, next)| *next == quote),
            Some(escape) => c == escape,
            None => false,
        };
        if escapes {
            letters.next();
        } else if c == quote {
            return at.checked_add(c.len_utf8());
        }
    }
    None
}

/// Where a place is, in bytes.
fn offset(text: &str, place: Place) -> Option<usize> {
    let start = match place.line.checked_sub(2) {
        Some(before) => text.match_indices('\n').nth(before)?.0.checked_add(1)?,
        None => 0,
    };
    let line = text.get(start..)?;
    let (within, _) = line.char_indices().nth(place.column.checked_sub(1)?)?;
    start.checked_add(within)
}

fn fields(node: &mut Node) -> impl Iterator<Item = &mut Field> {
    let fields = match &mut node.value {
        Tree::Map(fields) => fields.as_mut_slice(),
        _ => &mut [],
    };
    fields.iter_mut()
}

/// The items of a list that is a field.
fn items<'n>(node: &'n mut Node, name: &str) -> impl Iterator<Item = &'n mut Node> {
    let list = fields(node).find(|field| field.name == name).map(|field| &mut field.value.value);
    let items = match list {
        Some(Tree::List(items)) => items.as_mut_slice(),
        _ => &mut [],
    };
    items.iter_mut()
}

/// Whether both say the same, wherever it stands.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Tree::List(a), Tree::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Tree::Map(a), Tree::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name == b.name && same(&a.value, &b.value))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NLA: &str = "Require user authentication for remote connections by using Network Level Authentication";
    const ID: &str = "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY";
    const LEVEL: &str = "Microsoft.Policies.TerminalServer:TS_ENCRYPTION_POLICY";

    fn rewritten(text: &str, notation: Notation) -> (String, Vec<(usize, String)>) {
        let (new, all) = with_ids(text, notation, &Catalog::builtin()).unwrap_or_else(|error| panic!("{error}"));
        (new, all.into_iter().map(|one| (one.line, one.from)).collect())
    }

    #[test]
    fn names_of_policies_and_elements_give_way_and_all_else_stays() {
        let yaml = format!(
            "# made by hand\r\napiVersion: gpol/v1   # first\r\nkind: PolicySet\r\ncomputer:\r\n  policies:\r\n\
             \x20   - {{policy: {NLA}, state: disabled}}   # KB\r\n\
             \x20   - state: enabled\r\n      policy: 'Set client connection encryption level'\r\n\
             \x20     elements: {{ \"Encryption Level\" : 3 }}\r\n"
        );
        let expected = yaml
            .replace(NLA, ID)
            .replace("Set client connection encryption level", LEVEL)
            .replace("Encryption Level", "TS_ENCRYPTION_LEVEL");
        let (new, all) = rewritten(&yaml, Notation::Yaml);
        assert_eq!(new, expected);
        let level = "Set client connection encryption level".to_owned();
        assert_eq!(all, [(6, NLA.to_owned()), (8, level), (9, "Encryption Level".to_owned())]);
        // Once is enough.
        assert_eq!(rewritten(&new, Notation::Yaml), (new, Vec::new()));
    }

    #[test]
    fn json_and_toml_keep_their_quotes() {
        let json = format!(
            "{{\"apiVersion\": \"gpol/v1\",\t\"kind\": \"PolicySet\", \"user\": {{}},\n \"computer\": {{\"policies\": [\n\
             \t{{\"state\": \"disabled\", \"reason\": \"\\\"\", \"policy\": \"{NLA}\"}}]}}}}"
        );
        assert_eq!(rewritten(&json, Notation::Json).0, json.replace(NLA, ID));
        let toml = format!(
            "apiVersion = 'gpol/v1'\nkind = \"PolicySet\" # é\n[[computer.policies]]\npolicy = \"{NLA}\" # why\n\
             state = 'disabled'\n[[computer.policies]]\npolicy = 'TS_ENCRYPTION_POLICY'\nstate = 'enabled'\n\
             [computer.policies.elements]\n\"Encryption Level\" = 3\n"
        );
        let expected = toml
            .replace(NLA, ID)
            .replace("'TS_ENCRYPTION_POLICY'", &format!("'{LEVEL}'"))
            .replace("\"Encryption Level\"", "\"TS_ENCRYPTION_LEVEL\"");
        assert_eq!(rewritten(&toml, Notation::Toml).0, expected);
    }

    #[test]
    fn what_is_not_known_stays_and_what_cannot_be_rewritten_is_told() {
        let text = "\u{FEFF}apiVersion: gpol/v1\nuser:\n  policies: [{policy: Nobody's, state: enabled}]\n";
        assert_eq!(rewritten(text, Notation::Yaml), (text.to_owned(), Vec::new()));
        let (first, second) = NLA.split_once(' ').unwrap();
        let folded = format!("computer:\n  policies:\n    - policy: >-\n        {first}\n        {}\n", second);
        let error = with_ids(&folded, Notation::Yaml, &Catalog::builtin()).unwrap_err();
        assert!(error.to_string().starts_with("line 4, column 9: the name \"Require user"), "{error}");
        let several = format!("computer:\n  policies:\n    - policy: {first}\n        {}\n", second);
        let error = with_ids(&several, Notation::Yaml, &Catalog::builtin()).unwrap_err();
        assert!(error.to_string().starts_with("line 3, column 15:"), "{error}");
    }
}
