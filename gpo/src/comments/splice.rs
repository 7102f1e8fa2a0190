//! Spans of XML text to replace, and what to put there so that it looks like its surroundings.

use std::ops::Range;

use roxmltree::Node;

use super::{CommentsError, ORDER, Splice, document};

/// How one element is written.
pub(super) struct Tag<'a> {
    /// With its prefix.
    name: &'a str,
    /// Where `>`, `/>` or ` />` of the start tag begins.
    body_end: usize,
    /// `>`, `/>` or ` />`.
    close: &'a str,
    /// Between start tag and end tag; `None` if one tag is both.
    inner: Option<Range<usize>>,
}

impl<'a> Tag<'a> {
    pub(super) fn of(xml: &'a str, node: Node<'_, '_>) -> Self {
        let Range { start, end } = node.range();
        let raw = &xml[start..end];
        let name = raw[1..].split([' ', '\t', '\r', '\n', '/', '>']).next().unwrap_or_default();
        // `>` may stand in an attribute.
        let mut quote = None;
        let closing = raw.find(|c| {
            match quote {
                None if c == '>' => return true,
                None if matches!(c, '"' | '\'') => quote = Some(c),
                Some(q) if q == c => quote = None,
                _ => {}
            }
            false
        });
        let closing = closing.unwrap_or(raw.len() - 1);
        let body = raw[..closing].strip_suffix('/').unwrap_or(&raw[..closing]).trim_end();
        let is_empty = raw[..closing].ends_with('/');
        let inner = start + closing + 1..start + raw.rfind("</").unwrap_or(raw.len());
        Self {
            name,
            body_end: start + body.len(),
            close: &raw[body.len()..=closing],
            inner: (!is_empty).then_some(inner),
        }
    }

    /// How this element closes itself, if it does: `/>` or ` />`.
    pub(super) fn close_if_empty(&self) -> Option<&'a str> {
        self.inner.is_none().then_some(self.close)
    }

    /// The prefix with its colon.
    fn prefix(&self) -> &'a str {
        self.name.find(':').map_or("", |colon| &self.name[..=colon])
    }
}

/// How new elements are written: as others in the file are.
struct Style<'a> {
    quote: char,
    close: Option<&'a str>,
}

impl<'a> Style<'a> {
    fn of(xml: &'a str, node: Node<'_, '_>) -> Self {
        let quote = node.attributes().next().and_then(|attribute| xml[..attribute.range().end].chars().next_back());
        Self { quote: quote.unwrap_or('"'), close: Tag::of(xml, node).close_if_empty() }
    }

    /// An element; `inner` is its text, already escaped.
    fn element(&self, name: &str, attributes: &[(&str, &str)], inner: Option<&str>) -> String {
        let quote = self.quote;
        let attributes: String =
            attributes.iter().map(|(name, value)| format!(" {name}={quote}{}{quote}", escape(value, None))).collect();
        match (inner, self.close) {
            (None, Some(close)) => format!("<{name}{attributes}{close}"),
            (inner, _) => format!("<{name}{attributes}>{}</{name}>", inner.unwrap_or_default()),
        }
    }
}

/// Puts an element behind its like; `path` are the names from the root's child down. What is
/// missing of the path comes into being.
pub(super) fn append(
    xml: &mut String,
    path: &[&str],
    attributes: &[(&str, &str)],
    text: Option<&str>,
) -> Result<(), CommentsError> {
    let Some((name, above)) = path.split_last() else { return Ok(()) };
    let text = text.map(|text| escape(text, Some(line_end(xml))));
    loop {
        let (splice, is_last) = {
            let document = document(xml)?;
            let mut parent = document.root_element();
            let mut missing = None;
            for step in above {
                match elements(parent).find(|child| child.tag_name().name() == *step) {
                    Some(child) => parent = child,
                    None => {
                        missing = Some(*step);
                        break;
                    }
                }
            }
            let splice = match missing {
                None => insertion(xml, parent, name, attributes, text.as_deref()),
                Some("resources") => insertion(xml, parent, "resources", &[("minRequiredRevision", "1.0")], None),
                Some(container) => insertion(xml, parent, container, &[], None),
            };
            (splice, missing.is_none())
        };
        xml.replace_range(splice.0, &splice.1);
        if is_last {
            return Ok(());
        }
    }
}

fn insertion(xml: &str, parent: Node<'_, '_>, name: &str, attributes: &[(&str, &str)], inner: Option<&str>) -> Splice {
    let tag = Tag::of(xml, parent);
    let rank = |name: &str| ORDER.iter().position(|known| *known == name);
    let like = elements(parent).last();
    let using = || parent.document().descendants().find(|node| node.tag_name().name() == "using");
    let style = Style::of(xml, like.or_else(using).unwrap_or(parent));
    let element = style.element(&format!("{}{name}", tag.prefix()), attributes, inner);
    let own = line_start(xml, parent);
    let lead = match (like, own) {
        (Some(like), _) => space_before(xml, like).to_owned(),
        (None, Some(own)) => format!("{own}{}", indent(xml, parent)),
        (None, None) => String::new(),
    };
    let own = own.unwrap_or_default();
    let Some(inner) = tag.inner else {
        return (tag.body_end..parent.range().end, format!(">{lead}{element}{own}</{}>", tag.name));
    };
    let at = match rank(name) {
        // The schema has an order for the children of the root.
        Some(_) => elements(parent)
            .filter(|child| rank(child.tag_name().name()) < rank(name))
            .last()
            .map_or(inner.start, |before| before.range().end),
        None => inner.start + xml[inner.clone()].trim_end_matches(is_space).len(),
    };
    let is_closed = like.is_some() || xml[at..inner.end].contains('\n');
    (at..at, format!("{lead}{element}{}", if is_closed { "" } else { own }))
}

/// An element goes, and the white space that put it on a line of its own. `empty` says how a
/// container is closed that has nothing left.
pub(super) fn without(xml: &str, node: Node<'_, '_>, empty: Option<&str>) -> Splice {
    let Range { start, end } = node.range();
    let start = start - space_before(xml, node).len();
    if let Some(parent) = node.parent_element() {
        let tag = Tag::of(xml, parent);
        if let Some(inner) = tag.inner
            && xml[inner.start..start].chars().chain(xml[end..inner.end].chars()).all(is_space)
        {
            return match empty {
                Some(close) => (tag.body_end..parent.range().end, close.to_owned()),
                None => (inner, String::new()),
            };
        }
    }
    (start..end, String::new())
}

/// Another text, already escaped, in an element.
pub(super) fn with_inner(xml: &str, node: Node<'_, '_>, text: &str) -> Splice {
    let tag = Tag::of(xml, node);
    match tag.inner {
        Some(inner) => (inner, text.to_owned()),
        None => (tag.body_end..node.range().end, format!(">{text}</{}>", tag.name)),
    }
}

/// Another value of an attribute, which comes first if it was not there.
pub(super) fn with_attribute(xml: &str, node: Node<'_, '_>, name: &str, value: &str) -> Splice {
    let value = escape(value, None);
    let Some(attribute) = node.attribute_node(name) else {
        let at = node.range().start + 1 + Tag::of(xml, node).name.len();
        let quote = Style::of(xml, node).quote;
        return (at..at, format!(" {name}={quote}{value}{quote}"));
    };
    let Range { start, end } = attribute.range();
    // The closing quote is one byte, and is not in the value.
    let (raw, quote) = (&xml[start..end - 1], &xml[end - 1..end]);
    (raw.rfind(quote).map_or(start, |at| start + at + 1)..end - 1, value)
}

/// Text for XML; `line_end` is what `\n` becomes in an element, `None` is for an attribute.
pub(super) fn escape(text: &str, line_end: Option<&str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (c, line_end) {
            ('&', _) => out.push_str("&amp;"),
            ('<', _) => out.push_str("&lt;"),
            ('>', _) => out.push_str("&gt;"),
            // A reader makes `\n` of it.
            ('\r', _) => out.push_str("&#xD;"),
            ('\n', Some(line_end)) => out.push_str(line_end),
            // A reader makes blanks of them.
            ('\n', None) => out.push_str("&#xA;"),
            ('\t', None) => out.push_str("&#x9;"),
            ('"', None) => out.push_str("&quot;"),
            ('\'', None) => out.push_str("&apos;"),
            _ => out.push(c),
        }
    }
    out
}

/// The first line end of the file.
pub(super) fn line_end(xml: &str) -> &'static str {
    match xml.split_once('\n') {
        Some((before, _)) if !before.ends_with('\r') => "\n",
        _ => "\r\n",
    }
}

fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The white space before an element: from the line end on, or all if there is none.
fn space_before<'a>(xml: &'a str, node: Node<'_, '_>) -> &'a str {
    let before = &xml[..node.range().start];
    let space = &before[before.trim_end_matches(is_space).len()..];
    match space.rfind('\n') {
        Some(at) => &space[if space[..at].ends_with('\r') { at - 1 } else { at }..],
        None => space,
    }
}

/// The same if the element begins its line.
fn line_start<'a>(xml: &'a str, node: Node<'_, '_>) -> Option<&'a str> {
    Some(space_before(xml, node)).filter(|space| space.contains('\n'))
}

/// One level of indent, as an element has more of it than its parent.
fn indent<'a>(xml: &'a str, node: Node<'_, '_>) -> &'a str {
    let own = line_start(xml, node).unwrap_or_default();
    let above = node.parent_element().and_then(|parent| line_start(xml, parent));
    let more = above.map_or(own.trim_start_matches(['\r', '\n']), |above| own.strip_prefix(above).unwrap_or_default());
    if more.is_empty() { "  " } else { more }
}
