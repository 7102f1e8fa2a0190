//! Where in the text of an element its value stands, and how a value is written.

use std::ops::Range;

/// Where the text of an element stands in its source: `None` inside if one tag is the whole element.
/// Nothing if it has a prefix or attributes, or is more than a text or one CDATA section.
pub(super) fn element_text(source: &str, name: &str) -> Option<Option<Range<usize>>> {
    let start = source.find('>')? + 1;
    let tag = source[..start].strip_prefix('<')?.strip_prefix(name)?;
    if !matches!(tag.trim_start(), ">" | "/>") {
        return None;
    }
    if source[..start].ends_with("/>") {
        return (start == source.len()).then_some(None);
    }
    let end = source.rfind("</")?;
    let inner = source.get(start..end)?;
    let plain = match inner.strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>")) {
        Some(section) => !section.contains("]]>"),
        None => !inner.contains(['<', '&']),
    };
    plain.then_some(Some(start..end))
}

/// A value as GPMC writes it. Numbers and GUIDs cannot end the section.
pub(super) fn cdata(text: &str) -> String {
    format!("<![CDATA[{text}]]>")
}

/// A value to stand in an attribute.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Line break and blanks before a place; nothing if something else stands there on the line.
pub(super) fn line_start_of(text: &str, at: usize) -> &str {
    let before = &text[..at];
    let blanks = before.trim_end_matches([' ', '\t']);
    match (blanks.ends_with("\r\n"), blanks.ends_with('\n')) {
        (true, _) => &before[blanks.len() - 2..],
        (_, true) => &before[blanks.len() - 1..],
        _ => "",
    }
}
