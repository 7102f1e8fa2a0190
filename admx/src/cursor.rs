//! Reading a file by its schema: known children and attributes by name, the rest as findings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::finding::{Code, Draft, Severity};
use crate::xml::{Reader, Stop, Text};

/// An attribute's value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Attr<'t> {
    pub text: Cow<'t, str>,
    pub offset: u32,
}

/// A reader that keeps what the schema does not know.
pub(crate) struct Cursor<'t> {
    reader: Reader<'t>,
    pub drafts: Vec<Draft>,
    /// What the schema does not know, with its first place and its number: some files repeat it hundreds of times.
    unknown: BTreeMap<String, (u32, usize, Severity)>,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str, body: usize) -> Result<Self, Stop> {
        Ok(Cursor { reader: Reader::new(text, body)?, drafts: Vec::new(), unknown: BTreeMap::new() })
    }

    pub(crate) fn root(&mut self) -> Result<&'t str, Stop> {
        self.reader.root()
    }

    /// Offset of the tag read last.
    pub(crate) fn offset(&self) -> u32 {
        self.reader.tag().offset
    }

    pub(crate) fn skip(&mut self) -> Result<(), Stop> {
        self.reader.skip()
    }

    pub(crate) fn text(&mut self) -> Result<Cow<'t, str>, Stop> {
        Ok(self.lazy_text()?.into_cow())
    }

    /// As [`Cursor::text`], for texts that are copied from a table of all.
    pub(crate) fn lazy_text(&mut self) -> Result<Text<'t>, Stop> {
        let (text, markup) = self.reader.text()?;
        if let Some(offset) = markup {
            let message = "markup inside a text, which the schema does not allow; kept as it stands".to_owned();
            let draft = Draft::new(Code::OFF_SCHEMA, offset, message).severity(Severity::Error);
            self.drafts.push(draft.help("write < as &lt; in the text; Windows' editor loads nothing of the file"));
        }
        Ok(text)
    }

    /// A revision, noted if it is not two numbers and a point: [MS-GPREG] 7.1, `versionString`.
    pub(crate) fn revision(&mut self, attr: Option<Attr<'t>>) -> Option<String> {
        let attr = attr?;
        let part =
            |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let fits = attr.text.split_once('.').is_some_and(|(major, minor)| part(major, 4) && part(minor, 5));
        if !fits {
            let message = format!("revision \"{}\" is not two numbers and a point, such as 1.0", attr.text);
            let draft = Draft::new(Code::MALFORMED, attr.offset, message);
            self.drafts.push(draft.help("correct it; Windows' editor refuses the file"));
        }
        Some(attr.text.into_owned())
    }

    /// The next child that `known` names; others are noted and passed over. `None` at the end of the parent.
    pub(crate) fn child(&mut self, parent: &str, known: &[&'static str]) -> Result<Option<&'static str>, Stop> {
        while let Some(name) = self.reader.child()? {
            if let Some(found) = known.iter().find(|k| **k == name) {
                return Ok(Some(found));
            }
            let offset = self.offset();
            if let Some(found) = known.iter().find(|k| k.eq_ignore_ascii_case(name)) {
                let what = format!("element `{name}` is spelled `{found}` in the schema; read as that");
                self.note_unknown(what, offset, Severity::Warning);
                return Ok(Some(found));
            }
            let what = format!("`{parent}` has no child element `{name}` in the schema; ignored");
            self.note_unknown(what, offset, Severity::Note);
            self.skip()?;
        }
        Ok(None)
    }

    /// Attributes of the tag read last, in the order of `known`; others are noted.
    pub(crate) fn attributes<const N: usize>(&mut self, known: [&'static str; N]) -> [Option<Attr<'t>>; N] {
        let mut found = [const { None }; N];
        let mut odd = Vec::new();
        for attribute in &self.reader.tag().attributes {
            let exact = known.iter().position(|k| *k == attribute.name);
            let slot = exact.or_else(|| known.iter().position(|k| k.eq_ignore_ascii_case(attribute.name)));
            if exact.is_none() {
                odd.push((*attribute, slot));
            }
            if let Some(slot) = slot.filter(|&s| exact.is_some() || found[s].is_none()) {
                found[slot] = Some(Attr { text: attribute.value(), offset: attribute.offset });
            }
        }
        for (attribute, slot) in odd {
            let (name, tag) = (attribute.name, self.reader.tag().name);
            let (what, severity) = match slot.and_then(|s| known.get(s)) {
                Some(known) => (
                    format!("attribute `{name}` of `{tag}` is spelled `{known}` in the schema; read as that"),
                    Severity::Warning,
                ),
                None => (format!("`{tag}` has no attribute `{name}` in the schema; ignored"), Severity::Note),
            };
            self.note_unknown(what, attribute.offset, severity);
        }
        found
    }

    fn note_unknown(&mut self, what: String, offset: u32, severity: Severity) {
        let entry = self.unknown.entry(what).or_insert((offset, 0, severity));
        entry.1 += 1;
    }

    /// Reads to the end of the file and hands over all findings.
    pub(crate) fn finish(mut self) -> Result<Vec<Draft>, Stop> {
        self.reader.finish()?;
        let stray = self.reader.stray();
        if let Some(&first) = stray.first() {
            let message = format!("text between elements is ignored{}", times(stray.len()));
            self.drafts.push(Draft::new(Code::MALFORMED, first, message).severity(Severity::Warning));
        }
        for (what, (offset, count, severity)) in self.unknown {
            let message = what + &times(count);
            self.drafts.push(Draft::new(Code::OFF_SCHEMA, offset, message).severity(severity));
        }
        Ok(self.drafts)
    }
}

fn times(count: usize) -> String {
    match count {
        1 => String::new(),
        n => format!(" ({n} times)"),
    }
}

/// A schema boolean: `true`, `false`, `1` or `0`.
pub(crate) fn boolean(attr: &Option<Attr<'_>>) -> bool {
    attr.as_ref().is_some_and(|a| a.text.trim() == "1" || a.text.trim().eq_ignore_ascii_case("true"))
}

/// A whole number, `None` if there is none or it isn't one.
pub(crate) fn number<T: std::str::FromStr>(attr: &Option<Attr<'_>>) -> Option<T> {
    attr.as_ref().and_then(|a| a.text.trim().parse().ok())
}

/// The text, owned.
pub(crate) fn owned(attr: Option<Attr<'_>>) -> Option<String> {
    attr.map(|a| a.text.into_owned())
}
