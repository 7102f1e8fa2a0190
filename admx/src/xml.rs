//! Strict reading of XML in one pass, without a tree.
//!
//! quick-xml finds the markup; it accepts truncated files, two roots, text outside the root, `<` in attribute
//! values and much else, so everything it lets through is checked here. The attributes are taken apart here too:
//! that is where most of the missing checks belong. What is accepted and what not follows [XML 1.0] and
//! [Namespaces in XML]; there are no document type definitions, so the only entities are the five predefined ones.
//!
//! When [`Reader`] stops, [`explain`] asks roxmltree for the words and the place.
//!
//! [XML 1.0]: https://www.w3.org/TR/xml/
//! [Namespaces in XML]: https://www.w3.org/TR/xml-names/

mod explain;
mod names;
mod prefixes;
mod shape;
mod text;

pub(crate) use explain::explain;
pub use shape::excess;
pub(crate) use text::Text;

use std::borrow::Cow;

use memchr::memchr;
use quick_xml::events::Event;

use names::is_space;
use prefixes::Prefixes;

const XML_URI: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_URI: &str = "http://www.w3.org/2000/xmlns/";

/// Why and where the reader stopped; the offset counts in the body it was given, plus its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub offset: u32,
    pub reason: &'static str,
}

/// What comes next in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node<'t> {
    /// An element begins; it is in [`Reader::tag`].
    Open,
    /// The element that was opened last and isn't closed ends.
    Close,
    /// As it stands in the file, without references.
    Text(&'t str),
    /// What a reference stands for.
    Char(char),
    /// Nothing comes any more; the file is well-formed.
    End,
}

/// An attribute of a [`Tag`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute<'t> {
    prefix: &'t str,
    /// Without prefix.
    pub name: &'t str,
    raw: &'t str,
    /// The value is what stands there.
    is_plain: bool,
    /// Of the name.
    pub offset: u32,
}

impl<'t> Attribute<'t> {
    /// The value with references resolved and white space turned into blanks, [XML 1.0] 3.3.3.
    pub(crate) fn value(&self) -> Cow<'t, str> {
        if self.is_plain {
            return Cow::Borrowed(self.raw);
        }
        let mut value = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\r' => {
                    rest = rest.strip_prefix('\n').unwrap_or(rest);
                    value.push(' ');
                }
                '\n' | '\t' => value.push(' '),
                '&' => {
                    let (name, after) = rest.split_once(';').unwrap_or((rest, ""));
                    value.extend(resolve(name));
                    rest = after;
                }
                c => value.push(c),
            }
        }
        Cow::Owned(value)
    }
}

/// The start tag read last.
#[derive(Debug, Default)]
pub(crate) struct Tag<'t> {
    /// Local name.
    pub name: &'t str,
    /// Of the `<`.
    pub offset: u32,
    /// Without namespace declarations and without attributes of other namespaces.
    pub attributes: Vec<Attribute<'t>>,
}

/// A pull reader over one file.
pub(crate) struct Reader<'t> {
    body: &'t str,
    base: u32,
    events: quick_xml::Reader<&'t [u8]>,
    tag: Tag<'t>,
    depth: u32,
    rooted: bool,
    /// The last tag was `<empty/>`: its end comes next.
    ends: bool,
    prefixes: Prefixes<'t>,
    stray: Vec<u32>,
}

impl<'t> Reader<'t> {
    /// Reads `text[start..]`; offsets count from the start of `text`, which must be shorter than 4 GiB.
    pub(crate) fn new(text: &'t str, start: usize) -> Result<Self, Stop> {
        let body = &text[start..];
        let mut events = quick_xml::Reader::from_str(body);
        let config = events.config_mut();
        config.check_comments = true;
        config.check_end_names = true;
        let reader = Reader {
            body,
            base: u32::try_from(start).unwrap_or(u32::MAX),
            events,
            tag: Tag::default(),
            depth: 0,
            rooted: false,
            ends: false,
            prefixes: Prefixes::default(),
            stray: Vec::new(),
        };
        match names::first_forbidden(body) {
            Some(at) => Err(reader.stop(at, "a character that XML does not allow")),
            None => Ok(reader),
        }
    }

    /// The start tag read last.
    pub(crate) fn tag(&self) -> &Tag<'t> {
        &self.tag
    }

    /// Offsets of text that stood between elements of [`Reader::child`].
    pub(crate) fn stray(&self) -> &[u32] {
        &self.stray
    }

    /// Opens the root element and returns its local name.
    pub(crate) fn root(&mut self) -> Result<&'t str, Stop> {
        loop {
            match self.next()? {
                Node::Open => return Ok(self.tag.name),
                Node::End => return Err(self.stop(self.body.len(), "there is no root element")),
                Node::Close | Node::Text(_) | Node::Char(_) => {}
            }
        }
    }

    /// Opens the next child of the element that is open and returns its local name, or `None` at that element's end.
    pub(crate) fn child(&mut self) -> Result<Option<&'t str>, Stop> {
        loop {
            let offset = self.position();
            match self.next()? {
                Node::Open => return Ok(Some(self.tag.name)),
                Node::Close | Node::End => return Ok(None),
                Node::Text(text) if text.bytes().all(is_space) => {}
                Node::Text(text) => {
                    let blank = text.bytes().take_while(|&b| is_space(b)).count();
                    self.stray.push(self.at(offset + blank));
                }
                Node::Char(_) => self.stray.push(self.at(offset)),
            }
        }
    }

    /// Passes over the rest of the element that is open.
    pub(crate) fn skip(&mut self) -> Result<(), Stop> {
        let mut open = 1u32;
        while open > 0 {
            match self.next()? {
                Node::Open => open = open.saturating_add(1),
                Node::Close => open -= 1,
                Node::End => break,
                Node::Text(_) | Node::Char(_) => {}
            }
        }
        Ok(())
    }

    /// The text of the element that is open, up to its end. Elements inside it belong to it as they are written; the
    /// offset is that of the first.
    pub(crate) fn text(&mut self) -> Result<(Text<'t>, Option<u32>), Stop> {
        let mut text = Text::Raw("");
        let mut markup = None;
        let mut inside = 0_u32;
        loop {
            let start = self.position();
            let node = self.next()?;
            let tag = self.body.get(start..self.position()).unwrap_or_default();
            match node {
                Node::Open => {
                    markup = markup.or(Some(self.tag.offset));
                    inside = inside.saturating_add(1);
                    text.push(tag);
                }
                Node::Close if inside > 0 => {
                    inside = inside.saturating_sub(1);
                    text.push(tag);
                }
                Node::Close | Node::End => return Ok((text, markup)),
                Node::Text(piece) if matches!(text, Text::Raw("")) => text = Text::Raw(piece),
                Node::Text(piece) => text.push(piece),
                Node::Char(c) => text.to_mut().push(c),
            }
        }
    }

    /// Reads to the end of the file behind the root element.
    pub(crate) fn finish(&mut self) -> Result<(), Stop> {
        while self.next()? != Node::End {}
        Ok(())
    }

    fn position(&self) -> usize {
        usize::try_from(self.events.buffer_position()).unwrap_or(usize::MAX)
    }

    fn at(&self, offset: usize) -> u32 {
        self.base.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX))
    }

    fn stop(&self, offset: usize, reason: &'static str) -> Stop {
        Stop { offset: self.at(offset), reason }
    }

    fn next(&mut self) -> Result<Node<'t>, Stop> {
        if self.ends {
            self.ends = false;
            self.close();
            return Ok(Node::Close);
        }
        loop {
            let start = self.position();
            let event = match self.events.read_event() {
                Ok(event) => event,
                Err(_) => {
                    let at = usize::try_from(self.events.error_position()).unwrap_or(start);
                    return Err(self.stop(at, "the markup is not well-formed"));
                }
            };
            let end = self.position();
            let raw = self.body.get(start..end).unwrap_or_default();
            match event {
                Event::Start(_) => {
                    self.open(start, inside(raw, "<", ">"))?;
                    return Ok(Node::Open);
                }
                Event::Empty(_) => {
                    self.open(start, inside(raw, "<", "/>"))?;
                    self.ends = true;
                    return Ok(Node::Open);
                }
                Event::End(_) => {
                    self.close();
                    return Ok(Node::Close);
                }
                Event::Text(_) => {
                    if self.depth == 0 && !raw.bytes().all(is_space) {
                        return Err(self.stop(start, "text outside the root element"));
                    }
                    if memchr(b']', raw.as_bytes()).is_some() && raw.contains("]]>") {
                        return Err(self.stop(start, "`]]>` in text"));
                    }
                    return Ok(Node::Text(raw));
                }
                Event::CData(_) => {
                    if self.depth == 0 {
                        return Err(self.stop(start, "text outside the root element"));
                    }
                    return Ok(Node::Text(inside(raw, "<![CDATA[", "]]>")));
                }
                Event::GeneralRef(_) => {
                    let name = inside(raw, "&", ";");
                    return match resolve(name) {
                        _ if self.depth == 0 => Err(self.stop(start, "text outside the root element")),
                        Some(c) => Ok(Node::Char(c)),
                        None => Err(self.stop(start, "an unknown or malformed reference")),
                    };
                }
                Event::Comment(_) => {}
                Event::PI(_) => {
                    if !raw.chars().nth(2).is_some_and(names::starts_name) {
                        return Err(self.stop(start, "a processing instruction without a name"));
                    }
                }
                Event::Decl(_) => return Err(self.stop(start, "an XML declaration that is not at the start")),
                Event::DocType(_) => return Err(self.stop(start, "a document type definition")),
                Event::Eof => {
                    return match (self.depth, self.rooted) {
                        (0, true) => Ok(Node::End),
                        (0, false) => Err(self.stop(start, "there is no root element")),
                        _ => Err(self.stop(start, "the file ends inside an element")),
                    };
                }
            }
        }
    }

    fn close(&mut self) {
        self.prefixes.close(self.depth);
        self.depth = self.depth.saturating_sub(1);
    }

    /// `content` stands between `<` and `>` or `/>`.
    fn open(&mut self, start: usize, content: &'t str) -> Result<(), Stop> {
        if self.depth == 0 && self.rooted {
            return Err(self.stop(start, "a second root element"));
        }
        self.rooted = true;
        self.depth = self.depth.saturating_add(1);
        let (length, name) = names::read(content, is_space);
        let (prefix, name) = name.ok_or(self.stop(start + 1, "not an element name"))?;
        self.tag.name = name;
        self.tag.offset = self.at(start);
        self.tag.attributes.clear();
        self.attributes(start + 1, content, length)?;
        if prefix == "xmlns" || !self.declared(prefix) {
            return Err(self.stop(start + 1, "an undeclared prefix"));
        }
        let undeclared = self.tag.attributes.iter().find(|a| !self.declared(a.prefix));
        if let Some(attribute) = undeclared {
            return Err(Stop { offset: attribute.offset, reason: "an undeclared prefix" });
        }
        self.duplicates()?;
        // What other namespaces say (`xsi:schemaLocation`, `xml:space`) is nothing to a template.
        self.tag.attributes.retain(|a| a.prefix.is_empty());
        Ok(())
    }

    fn attributes(&mut self, start: usize, content: &'t str, mut pos: usize) -> Result<(), Stop> {
        let bytes = content.as_bytes();
        let spaces = |from: usize| bytes[from..].iter().take_while(|&&b| is_space(b)).count();
        loop {
            let gap = spaces(pos);
            pos += gap;
            if pos == bytes.len() {
                return Ok(());
            }
            let offset = start + pos;
            if gap == 0 {
                return Err(self.stop(offset, "no space before an attribute"));
            }
            let (length, name) = names::read(&content[pos..], |b| b == b'=' || is_space(b));
            let Some((prefix, name)) = name else {
                return Err(self.stop(offset, "not an attribute name"));
            };
            pos += length;
            pos += spaces(pos);
            if bytes.get(pos) != Some(&b'=') {
                return Err(self.stop(start + pos, "an attribute without a value"));
            }
            pos += 1;
            pos += spaces(pos);
            let quote = match bytes.get(pos) {
                Some(&quote @ (b'"' | b'\'')) => quote,
                _ => return Err(self.stop(start + pos, "an attribute value without quotes")),
            };
            pos += 1;
            let (raw, is_plain) = self.quoted(start, content, pos, quote)?;
            pos += raw.len() + 1;
            let attribute = Attribute { prefix, name, raw, is_plain, offset: self.at(offset) };
            self.namespace(attribute)?;
        }
    }

    /// What stands up to the closing quote, and whether it is the value as it stands.
    fn quoted(&self, start: usize, content: &'t str, pos: usize, quote: u8) -> Result<(&'t str, bool), Stop> {
        let bytes = content.as_bytes();
        // Nearly all values hold nothing that needs a second look.
        let plain = bytes[pos..].iter().take_while(|&&b| !is_special(b)).count();
        if bytes.get(pos + plain) == Some(&quote) {
            return Ok((&content[pos..pos + plain], true));
        }
        let Some(length) = memchr(quote, &bytes[pos..]) else {
            return Err(self.stop(start + pos, "an attribute value without an end"));
        };
        let raw = &content[pos..pos + length];
        match first_bad_in_value(raw) {
            Some(at) => Err(self.stop(start + pos + at, "`<` or a malformed reference in an attribute value")),
            None => Ok((raw, false)),
        }
    }

    /// Keeps a namespace declaration as a prefix and any other attribute as such.
    fn namespace(&mut self, attribute: Attribute<'t>) -> Result<(), Stop> {
        let declares = match (attribute.prefix, attribute.name) {
            ("", "xmlns") => "",
            ("xmlns", prefix) => prefix,
            _ => {
                self.tag.attributes.push(attribute);
                return Ok(());
            }
        };
        let uri = attribute.raw;
        let wrong = uri == XMLNS_URI || (uri == XML_URI) != (declares == "xml");
        if wrong || !self.prefixes.declare(declares, uri, self.depth) {
            return Err(Stop { offset: attribute.offset, reason: "a namespace declaration that is not allowed" });
        }
        Ok(())
    }

    fn uri(&self, prefix: &str) -> Option<&'t str> {
        self.prefixes.uri(prefix)
    }

    fn declared(&self, prefix: &str) -> bool {
        prefix.is_empty() || prefix == "xml" || self.uri(prefix).is_some()
    }

    fn duplicates(&self) -> Result<(), Stop> {
        let all = &self.tag.attributes;
        let twice = if all.len() <= 16 {
            all.iter().enumerate().find(|(i, a)| {
                all[..*i].iter().any(|b| {
                    a.name == b.name
                        && (a.prefix == b.prefix
                            || (!a.prefix.is_empty()
                                && !b.prefix.is_empty()
                                && self.uri(a.prefix) == self.uri(b.prefix)))
                })
            })
        } else {
            let mut seen = std::collections::HashSet::with_capacity(all.len());
            let name = |a: &Attribute<'t>| (a.name, (!a.prefix.is_empty()).then(|| self.uri(a.prefix)));
            all.iter().enumerate().find(|(_, a)| !seen.insert(name(a)))
        };
        match twice {
            Some((_, attribute)) => Err(Stop { offset: attribute.offset, reason: "an attribute that is there twice" }),
            None => Ok(()),
        }
    }
}

/// What stands between the ends of a piece of markup.
fn inside<'t>(raw: &'t str, open: &str, close: &str) -> &'t str {
    raw.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).unwrap_or_default()
}

/// Whether a byte ends an attribute's value, or changes or spoils it.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'&' | b'<' | b'\t' | b'\n' | b'\r')
}

/// What `&name;` stands for.
fn resolve(name: &str) -> Option<char> {
    let code = match name {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "apos" => return Some('\''),
        "quot" => return Some('"'),
        _ => name.strip_prefix('#')?,
    };
    let (digits, radix) = match code.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (code, 10),
    };
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).filter(|&c| names::is_allowed(c))
}

fn first_bad_in_value(raw: &str) -> Option<usize> {
    let mut pos = 0;
    while let Some(found) = raw[pos..].find(['<', '&']) {
        pos += found;
        let name = raw[pos..].strip_prefix('&').and_then(|rest| rest.split_once(';'));
        match name.map(|(name, _)| name).filter(|name| resolve(name).is_some()) {
            Some(name) => pos += name.len() + 2,
            None => return Some(pos),
        }
    }
    None
}

#[cfg(test)]
mod tests;
