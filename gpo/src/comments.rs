//! `comment.cmtx`: what administrators wrote beside the policies of one side of a GPO.
//!
//! ```text
//! policyComments
//!   policyNamespaces > using      prefix, namespace
//!   comments > admTemplate > comment    policyRef="prefix:Policy" commentText="$(resource.ID)"
//!   resources > stringTable > string    id: the text
//! ```
//!
//! Edited by span, never rewritten: encoding, byte order mark, line ends, indents, quotes and all
//! that is not understood stay. Facts: [MS-GPREG] 2.2.3. Names are compared as the editor does:
//! exactly first, then ignoring ASCII case.
//!
//! Not here: `comment.cmtl`, texts translated by hand, which no editor writes.

use std::collections::HashMap;
use std::ops::Range;

use roxmltree::{Document, Node, NodeId};
use splice::{Tag, append, escape, line_end, with_attribute, with_inner, without};

mod splice;
#[cfg(test)]
mod tests;

/// Comments of one side of a GPO: `comment.cmtx`, [MS-GPREG] 2.2.3.
///
/// ```
/// use gpo::comments::Comments;
/// let mut comments = Comments::new();
/// comments.set("Contoso.Policies.Printers", "NoSpooler", "See ticket 1234")?;
/// assert_eq!(comments.get("Contoso.Policies.Printers", "NoSpooler").as_deref(), Some("See ticket 1234"));
/// # Ok::<(), gpo::comments::CommentsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comments {
    bytes: Vec<u8>,
    /// What the bytes say.
    comments: Vec<Comment>,
}

/// A comment on one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Namespace of the template that defines the policy.
    pub namespace: String,
    /// The policy's name in that template.
    pub policy: String,
    /// Line ends are `\n`, however the file writes them. Empty where the text is a reference to a
    /// string that the file does not have.
    pub text: String,
}

/// Why comments cannot be read, or a text cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommentsError {
    /// The file is not what it should be.
    #[error("{line}:{column}: {what}")]
    Malformed {
        /// Line, counted from 1.
        line: usize,
        /// Character in that line, counted from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// What is to be written has a character that is not allowed in XML, not even escaped.
    #[error("{what}: character {at} is U+{:04X}, which XML cannot hold", u32::from(*character))]
    Character {
        /// `"comment"`, `"namespace"` or `"policy"`.
        what: &'static str,
        /// Which character, counted from 1.
        at: usize,
        /// The first such character.
        character: char,
    },
}

/// How the file writes characters, and whether it begins with a byte order mark.
#[derive(Clone, Copy)]
enum Encoding {
    Utf8 { mark: bool },
    Utf16,
}

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The children of the root, in the order that the schema asks for.
const ORDER: [&str; 3] = ["policyNamespaces", "comments", "resources"];
const USING: &[&str] = &["policyNamespaces", "using"];
const COMMENT: &[&str] = &["comments", "admTemplate", "comment"];
const STRING: &[&str] = &["resources", "stringTable", "string"];

const EMPTY: &str = "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>\r
<policyComments xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" revision=\"1.0\" schemaVersion=\"1.0\" \
xmlns=\"http://www.microsoft.com/GroupPolicy/CommentDefinitions\">\r
  <policyNamespaces></policyNamespaces>\r
  <comments>\r
    <admTemplate></admTemplate>\r
  </comments>\r
  <resources minRequiredRevision=\"1.0\">\r
    <stringTable></stringTable>\r
  </resources>\r
</policyComments>";

impl Comments {
    /// What an editor writes for the first comment, still without one.
    pub fn new() -> Self {
        Self { bytes: EMPTY.as_bytes().to_vec(), comments: Vec::new() }
    }

    /// Reads the bytes of a file: UTF-8 with or without a byte order mark, or UTF-16LE with one.
    ///
    /// # Errors
    ///
    /// [`CommentsError::Malformed`] if it is neither, is not well-formed, has a DTD that defines
    /// something, or is another kind of XML.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, CommentsError> {
        let (_, text) = decode(&bytes)?;
        let document = document(&text)?;
        let tree = Tree::of(&document);
        let comments = tree
            .comments
            .iter()
            .filter_map(|&node| {
                let (namespace, policy) = tree.policy(node)?;
                let text = tree.text(node);
                Some(Comment { namespace: namespace.to_owned(), policy: policy.to_owned(), text })
            })
            .collect();
        Ok(Self { bytes, comments })
    }

    /// The bytes of the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The comment on a policy, as [`iter`](Self::iter) gives it; the first if there are several.
    pub fn get(&self, namespace: &str, policy: &str) -> Option<String> {
        let all = self.comments.iter().map(|comment| (&*comment.namespace, &*comment.policy));
        position(all, namespace, policy).map(|at| self.comments[at].text.clone())
    }

    /// All comments in file order. Left out are those whose `policyRef` has no prefix, or one that
    /// the file does not declare: nothing says which policy they are on.
    pub fn iter(&self) -> impl Iterator<Item = Comment> + '_ {
        self.comments.iter().cloned()
    }

    /// Writes the comment on a policy and says whether bytes changed; none do if that is its text.
    ///
    /// Any text comes back exactly. A carriage return in it is kept as such, which an editor never
    /// writes: it takes `\n` for a line end, and so does this.
    ///
    /// # Errors
    ///
    /// [`CommentsError::Character`] for text that XML cannot hold. Nothing has changed then.
    pub fn set(&mut self, namespace: &str, policy: &str, text: &str) -> Result<bool, CommentsError> {
        for (what, value) in [("namespace", namespace), ("policy", policy), ("comment", text)] {
            if let Some((at, character)) = (1..).zip(value.chars()).find(|(_, c)| !is_xml(*c)) {
                return Err(CommentsError::Character { what, at, character });
            }
        }
        if self.get(namespace, policy).is_some_and(|now| now == text) {
            return Ok(false);
        }
        let (encoding, mut xml) = decode(&self.bytes)?;
        write(&mut xml, namespace, policy, text)?;
        *self = Self::parse(encode(encoding, &xml))?;
        Ok(true)
    }

    /// Takes out the comment on a policy and its text, and says whether there was one; `using` stays.
    ///
    /// All comments go that [`get`](Self::get) would find one after the other. A text that another
    /// comment needs stays. A container left empty is written as the file writes its `using`.
    pub fn remove(&mut self, namespace: &str, policy: &str) -> bool {
        let removed = decode(&self.bytes).and_then(|(encoding, mut xml)| {
            let mut any = false;
            while cut(&mut xml, namespace, policy)? {
                any = true;
            }
            Ok(if any { Some(Self::parse(encode(encoding, &xml))?) } else { None })
        });
        // What was parsed once cannot fail here.
        let Ok(Some(rest)) = removed else { return false };
        *self = rest;
        true
    }
}

impl Default for Comments {
    fn default() -> Self {
        Self::new()
    }
}

/// The text of a file, without its mark. Encoding it again gives the same bytes.
fn decode(bytes: &[u8]) -> Result<(Encoding, String), CommentsError> {
    let (encoding, text) = match bytes {
        [0xFE, 0xFF, ..] => return Err(malformed("", "it is UTF-16 with the bytes swapped (big-endian)")),
        [0xFF, 0xFE, rest @ ..] => {
            let (units, odd) = rest.as_chunks::<2>();
            let mut text = String::new();
            for unit in char::decode_utf16(units.iter().map(|&unit| u16::from_le_bytes(unit))) {
                text.push(unit.map_err(|_| malformed(&text, "half a character, which UTF-16 does not allow"))?);
            }
            if !odd.is_empty() {
                return Err(malformed(&text, "it is UTF-16 with an odd number of bytes"));
            }
            (Encoding::Utf16, text)
        }
        _ => {
            let rest = bytes.strip_prefix(MARK);
            let text = rest.unwrap_or(bytes);
            let text = std::str::from_utf8(text).map_err(|error| {
                let before = String::from_utf8_lossy(&text[..error.valid_up_to()]).into_owned();
                malformed(&before, "it is not UTF-8")
            })?;
            (Encoding::Utf8 { mark: rest.is_some() }, text.to_owned())
        }
    };
    // Only files made by hand say something else. To write `ü` to one would spoil it.
    match declared_encoding(&text) {
        Some((at, name)) if !["utf-8", "utf-16"].iter().any(|known| name.eq_ignore_ascii_case(known)) => {
            Err(malformed(&text[..at], &format!("the encoding {name:?} is not supported")))
        }
        _ => Ok((encoding, text)),
    }
}

/// [XML 1.0](https://www.w3.org/TR/xml/#charsets) 2.2. `char` has no surrogates.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn encode(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 { mark } => [if mark { MARK } else { &[] }, text.as_bytes()].concat(),
        Encoding::Utf16 => "\u{FEFF}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
    }
}

/// What the XML declaration says, and where.
fn declared_encoding(text: &str) -> Option<(usize, &str)> {
    let declaration = text.starts_with("<?xml").then(|| text.split("?>").next())??;
    let from = declaration.find("encoding")?;
    let open = from + declaration[from..].find(['\'', '"'])?;
    let name = declaration.get(open + 1..)?.split(['\'', '"']).next()?;
    Some((open + 1, name))
}

/// An error behind the text `before`.
fn malformed(before: &str, what: &str) -> CommentsError {
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    CommentsError::Malformed { line, column, what: what.to_owned() }
}

fn document(text: &str) -> Result<Document<'_>, CommentsError> {
    let document = crate::xml::document(text).map_err(|fault| {
        let what = fault.what.strip_suffix(&format!(" at {}:{}", fault.line, fault.column)).unwrap_or(&fault.what);
        let (line, column) = (fault.line as usize, fault.column as usize);
        CommentsError::Malformed { line, column, what: format!("not well-formed XML: {what}") }
    })?;
    let root = document.root_element();
    match root.tag_name().name() {
        "policyComments" => Ok(document),
        other => {
            let what = format!("the root element is {other:?}, not \"policyComments\"");
            Err(malformed(&text[..root.range().start], &what))
        }
    }
}

/// Things by name: exactly, or failing that, ignoring ASCII case; of several the first.
struct Names<'a, T> {
    exact: HashMap<&'a str, T>,
    folded: HashMap<String, T>,
}

impl<'a, T: Copy> Names<'a, T> {
    fn collect(all: impl Iterator<Item = (&'a str, T)>) -> Self {
        let mut names = Self { exact: HashMap::new(), folded: HashMap::new() };
        for (name, thing) in all {
            names.exact.entry(name).or_insert(thing);
            names.folded.entry(name.to_ascii_lowercase()).or_insert(thing);
        }
        names
    }

    fn get(&self, name: &str) -> Option<T> {
        self.exact.get(name).or_else(|| self.folded.get(&name.to_ascii_lowercase())).copied()
    }
}

/// The place of a policy, compared in the same way.
fn position<'a>(mut all: impl Iterator<Item = (&'a str, &'a str)> + Clone, a: &str, b: &str) -> Option<usize> {
    let exact = all.clone().position(|(x, y)| x == a && y == b);
    exact.or_else(|| all.position(|(x, y)| x.eq_ignore_ascii_case(a) && y.eq_ignore_ascii_case(b)))
}

/// The parts of a file that count.
struct Tree<'a> {
    usings: Vec<Node<'a, 'a>>,
    comments: Vec<Node<'a, 'a>>,
    /// Prefixes; an element `using`.
    prefixes: Names<'a, Node<'a, 'a>>,
    /// IDs; an element `string`.
    strings: Names<'a, Node<'a, 'a>>,
}

/// Where the text of a comment stands.
enum Source<'a> {
    /// In the attribute.
    Literal(&'a str),
    /// In an element `string`.
    String(Node<'a, 'a>),
    /// In a string that is not there.
    Missing(&'a str),
}

impl<'a> Tree<'a> {
    fn of(document: &'a Document<'a>) -> Self {
        let root = document.root_element();
        let all = |path: &[&str]| {
            path.iter().fold(vec![root], |nodes, step| {
                nodes.into_iter().flat_map(|n| n.children()).filter(|n| n.tag_name().name() == *step).collect()
            })
        };
        let (usings, comments, strings): (Vec<Node<'_, '_>>, _, Vec<Node<'_, '_>>) =
            (all(USING), all(COMMENT), all(STRING));
        let prefixes = Names::collect(usings.iter().filter_map(|node| Some((node.attribute("prefix")?, *node))));
        let strings = Names::collect(strings.iter().filter_map(|node| Some((node.attribute("id")?.trim(), *node))));
        Self { usings, comments, prefixes, strings }
    }

    /// Namespace and name of the policy that a comment is on.
    fn policy(&self, comment: Node<'a, 'a>) -> Option<(&'a str, &'a str)> {
        let (prefix, policy) = comment.attribute("policyRef")?.split_once(':')?;
        Some((self.prefixes.get(prefix)?.attribute("namespace")?, policy))
    }

    fn find(&self, namespace: &str, policy: &str) -> Option<Node<'a, 'a>> {
        let known: Vec<_> = self.comments.iter().filter_map(|node| Some((*node, self.policy(*node)?))).collect();
        position(known.iter().map(|(_, policy)| *policy), namespace, policy).map(|at| known[at].0)
    }

    fn source(&self, comment: Node<'a, 'a>) -> Source<'a> {
        let text = comment.attribute("commentText").unwrap_or_default();
        let Some(id) = resource(text) else { return Source::Literal(text) };
        self.strings.get(id).map_or(Source::Missing(id), Source::String)
    }

    fn text(&self, comment: Node<'a, 'a>) -> String {
        match self.source(comment) {
            Source::Literal(text) => text.to_owned(),
            // An XML comment may stand between two pieces of text.
            Source::String(node) => node.children().filter(Node::is_text).filter_map(|n| n.text()).collect(),
            Source::Missing(_) => String::new(),
        }
    }

    /// Whether the text of this comment is that of another one, too.
    fn is_shared(&self, comment: Node<'a, 'a>) -> bool {
        let key = |node| match self.source(node) {
            Source::Literal(_) => None,
            Source::String(string) => Some(Ok::<NodeId, _>(string.id())),
            Source::Missing(id) => Some(Err(id.to_ascii_lowercase())),
        };
        let own = key(comment);
        own.is_some() && self.comments.iter().any(|other| other.id() != comment.id() && key(*other) == own)
    }

    /// The prefix of a namespace, if it has one that a reference can use.
    fn prefix(&self, namespace: &str) -> Option<&'a str> {
        let usable = self.usings.iter().filter_map(|using| {
            let (prefix, namespace) = (using.attribute("prefix")?, using.attribute("namespace")?);
            let is_first = self.prefixes.get(prefix).is_some_and(|first| first.id() == using.id());
            (is_first && !prefix.contains(':')).then_some((namespace, prefix))
        });
        Names::collect(usable).get(namespace)
    }

    /// The next `nsN` that nothing declares and, so that no comment gets a policy by it, nothing uses.
    fn free_prefix(&self) -> String {
        let refs = self.comments.iter().filter_map(|node| Some((node.attribute("policyRef")?.split_once(':')?.0, ())));
        let used = Names::collect(refs);
        let mut all = (self.usings.len()..).map(|n| format!("ns{n}"));
        all.find(|prefix| self.prefixes.get(prefix).is_none() && used.get(prefix).is_none()).unwrap_or_default()
    }

    /// `ns0_Policy` or, if that string is there or referred to, `ns0_Policy_2` and so on.
    fn free_id(&self, policy_ref: &str) -> String {
        let wanted = policy_ref.replacen(':', "_", 1);
        let refs = self.comments.iter().filter_map(|node| Some((resource(node.attribute("commentText")?)?, ())));
        let used = Names::collect(refs);
        let is_free = |id: &String| self.strings.get(id.trim()).is_none() && used.get(id.trim()).is_none();
        let mut all = std::iter::once(wanted.clone()).chain((2_usize..).map(|n| format!("{wanted}_{n}")));
        all.find(is_free).unwrap_or_default()
    }
}

/// `ID` of `$(resource.ID)`; blanks inside are allowed, as in templates.
fn resource(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("$(")?.strip_suffix(')')?;
    let (kind, id) = inside.split_once('.')?;
    (kind.trim().eq_ignore_ascii_case("resource") && !id.trim().is_empty()).then(|| id.trim())
}

/// `Comments::set`, for a text that is new.
fn write(xml: &mut String, namespace: &str, policy: &str, text: &str) -> Result<(), CommentsError> {
    let (string, prefix) = {
        let document = document(xml)?;
        let tree = Tree::of(&document);
        let prefix = tree.prefix(namespace).map(str::to_owned);
        (comment_with(&tree, xml, namespace, policy, text), prefix.ok_or_else(|| tree.free_prefix()))
    };
    // The comment is there: its own bytes first, then the string that it now refers to.
    if let Some((splice, id)) = string {
        if let Some((span, with)) = splice {
            xml.replace_range(span, &with);
        }
        return id.map_or(Ok(()), |id| append(xml, STRING, &[("id", &id)], Some(text)));
    }
    let prefix = match prefix {
        Ok(prefix) => prefix,
        Err(free) => {
            append(xml, USING, &[("prefix", &free), ("namespace", namespace)], None)?;
            free
        }
    };
    let policy_ref = format!("{prefix}:{policy}");
    let id = Tree::of(&document(xml)?).free_id(&policy_ref);
    append(xml, COMMENT, &[("policyRef", &policy_ref), ("commentText", &format!("$(resource.{id})"))], None)?;
    append(xml, STRING, &[("id", &id)], Some(text))
}

/// A span, and what comes in its place.
type Splice = (Range<usize>, String);

/// What a comment that is there needs for another text: new bytes, the ID of a new string, or both.
fn comment_with(
    tree: &Tree<'_>,
    xml: &str,
    namespace: &str,
    policy: &str,
    text: &str,
) -> Option<(Option<Splice>, Option<String>)> {
    let node = tree.find(namespace, policy)?;
    Some(match tree.source(node) {
        Source::Literal(_) if resource(text).is_none() => (Some(with_attribute(xml, node, "commentText", text)), None),
        Source::String(string) if !tree.is_shared(node) => {
            let inner = escape(text, Some(line_end(xml)));
            (Some(with_inner(xml, string, &inner)), None)
        }
        Source::Missing(id) if !tree.is_shared(node) => (None, Some(id.to_owned())),
        _ => {
            let id = tree.free_id(node.attribute("policyRef").unwrap_or_default());
            (Some(with_attribute(xml, node, "commentText", &format!("$(resource.{id})"))), Some(id))
        }
    })
}

/// Takes one comment out, and its string if no other comment needs it.
fn cut(xml: &mut String, namespace: &str, policy: &str) -> Result<bool, CommentsError> {
    let mut splices = {
        let document = document(xml)?;
        let tree = Tree::of(&document);
        let Some(node) = tree.find(namespace, policy) else { return Ok(false) };
        let empty = tree.usings.first().and_then(|using| Tag::of(xml, *using).close_if_empty());
        let string = match tree.source(node) {
            Source::String(string) if !tree.is_shared(node) => Some(string),
            _ => None,
        };
        let gone = [Some(node), string].into_iter().flatten();
        gone.map(|node| without(xml, node, empty)).collect::<Vec<_>>()
    };
    // From the end, so that spans stay true.
    splices.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, with) in splices {
        xml.replace_range(span, &with);
    }
    Ok(true)
}
