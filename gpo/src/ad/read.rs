//! Reading LDIF (RFC 2849), as the tools write it.

use crate::exchange::lgpo::decode;

use super::{Entry, base64};

/// Why a file is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct LdifError {
    /// Line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// A line with its continuations.
struct Line {
    text: String,
    /// Of its first line, counted from 1.
    number: usize,
}

/// What `ldapsearch` and `ldbsearch` print beside entries: where else to look, and how the search ended.
const NO_ENTRY: &[&str] = &["ref", "search", "result", "control", "pagedresults"];

/// The entries of a file.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<Entry>, LdifError> {
    let text = text_of(bytes);
    let mut entries = Vec::new();
    for block in blocks(&text)? {
        let mut lines = block.iter().peekable();
        if lines.peek().is_some_and(|line| name_of(line).eq_ignore_ascii_case("version")) {
            lines.next();
        }
        let Some(first) = lines.next() else { continue };
        let (name, value) = attribute(first)?;
        if NO_ENTRY.iter().any(|other| name.eq_ignore_ascii_case(other)) {
            continue;
        }
        if !name.eq_ignore_ascii_case("dn") {
            return Err(LdifError { line: first.number, what: format!("expected \"dn:\", found \"{}\"", short(name)) });
        }
        let dn = String::from_utf8(value)
            .map_err(|_| LdifError { line: first.number, what: "the name is no UTF-8".to_owned() })?;
        let mut entry = Entry { dn, line: first.number, attributes: Vec::new() };
        for line in lines {
            let (name, value) = attribute(line)?;
            match name.eq_ignore_ascii_case("changetype") {
                // ldifde exports each entry as one to add.
                true if value.eq_ignore_ascii_case(b"add") => {}
                true => {
                    let what = "the file describes changes; an export of the directory is wanted".to_owned();
                    return Err(LdifError { line: line.number, what });
                }
                false => entry.attributes.push((name.to_owned(), value)),
            }
        }
        entries.push(entry);
    }
    match entries.is_empty() {
        true => Err(LdifError { line: 0, what: "it holds no entry".to_owned() }),
        false => Ok(entries),
    }
}

/// `ldifde -u` writes UTF-16; redirection in PowerShell does so too.
fn text_of(bytes: &[u8]) -> String {
    match bytes {
        // Without a byte order mark: an ASCII letter in two bytes.
        [first, 0, ..] if first.is_ascii() => decode(&[&[0xFF, 0xFE], bytes].concat()),
        _ => decode(bytes),
    }
}

/// Lines between blank ones, unfolded and without comments.
fn blocks(text: &str) -> Result<Vec<Vec<Line>>, LdifError> {
    let mut blocks = vec![Vec::<Line>::new()];
    // Whether the line before, to which a folded one belongs, is a comment.
    let mut comment = false;
    for (at, text) in text.lines().enumerate() {
        let last = blocks.last_mut().expect("there is always one");
        match text.strip_prefix(' ') {
            Some(_) if comment => {}
            Some(more) => match last.last_mut() {
                Some(line) => line.text.push_str(more),
                None if text.trim().is_empty() => {}
                None => return Err(LdifError { line: at + 1, what: "a folded line without a beginning".to_owned() }),
            },
            None => {
                comment = text.starts_with('#');
                if text.is_empty() {
                    blocks.push(Vec::new());
                } else if !comment {
                    last.push(Line { text: text.to_owned(), number: at + 1 });
                }
            }
        }
    }
    Ok(blocks)
}

fn name_of(line: &Line) -> &str {
    line.text.split(':').next().unwrap_or_default()
}

/// `name: value`, or `name:: value in Base64`.
fn attribute(line: &Line) -> Result<(&str, Vec<u8>), LdifError> {
    let error = |what: String| LdifError { line: line.number, what };
    let (name, value) = line
        .text
        .split_once(':')
        .ok_or_else(|| error(format!("expected \"attribute: value\", found \"{}\"", short(&line.text))))?;
    if name.is_empty()
        || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b';' | b'.' | b'=' | b'*'))
    {
        return Err(error(format!("\"{}\" is no name of an attribute", short(name))));
    }
    let value = match value.as_bytes().first() {
        Some(b':') => {
            base64::decode(value[1..].trim()).ok_or_else(|| error(format!("the Base64 of {name} is broken")))?
        }
        Some(b'<') => return Err(error(format!("{name} points to another file, which gpol does not read"))),
        _ => value.trim_start_matches(' ').as_bytes().to_vec(),
    };
    Ok((name, value))
}

/// The beginning of something long.
fn short(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
