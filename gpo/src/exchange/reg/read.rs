//! From a text to records.
//!
//! What Registry Editor and `reg import` make of a text is the rule. Wine's conformance tests of both (`programs/reg/tests/import.c`,
//! `programs/regedit/tests/regedit.c`), which run on Windows, are where it is written down; `gpo/tests/reg_import.rs` holds this
//! reader against their cases. Where Windows skips a line in silence this reader refuses the text, with the place: nothing of it
//! may vanish.

use polfile::{Record, ValueType};

use super::super::lgpo::Scope;
use super::super::{Entry, TextError, wide};
use super::is_ended_by_import;

/// Reads a text.
///
/// ```
/// let text = "REGEDIT4\n\n[HKEY_CURRENT_USER\\Software\\X]\n\"A\"=dword:1\n";
/// let entries = gpo::exchange::reg::parse(text)?;
/// assert_eq!(entries[0].record.as_ref().data, [1, 0, 0, 0]);
/// # Ok::<(), gpo::exchange::TextError>(())
/// ```
///
/// # Errors
///
/// [`TextError`] for what is no such text, and for what a policy file has no place for.
pub fn parse(text: &str) -> Result<Vec<Entry>, TextError> {
    let text = text.trim_start_matches('\u{FEFF}');
    let mut reader = Reader { lines: Lines::new(text), ansi: false, key: None, entries: Vec::new() };
    reader.head()?;
    while let Some((line, content)) = reader.lines.next() {
        reader.line(line, content)?;
    }
    reader.end_of_key();
    Ok(reader.entries)
}

/// The lines of a text and their numbers. Each may end in a carriage return, a line feed, or both.
struct Lines<'t> {
    rest: Option<&'t str>,
    number: usize,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Self { rest: Some(text), number: 0 }
    }

    fn next(&mut self) -> Option<(usize, &'t str)> {
        let text = self.rest.filter(|text| !text.is_empty())?;
        self.number = self.number.saturating_add(1);
        let (line, rest) = match text.find(['\r', '\n']) {
            Some(end) => {
                let (line, rest) = text.split_at(end);
                let rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..));
                (line, rest)
            }
            None => (text, None),
        };
        self.rest = rest;
        Some((self.number, line))
    }
}

/// Whether nothing or a comment stands in a line.
fn is_blank(line: &str) -> bool {
    matches!(line.trim_start().chars().next(), None | Some(';'))
}

struct Reader<'t> {
    lines: Lines<'t>,
    /// Whether the bytes of texts are single-byte characters: `REGEDIT4`.
    ansi: bool,
    key: Option<Key>,
    entries: Vec<Entry>,
}

/// The key that values stand under.
struct Key {
    line: usize,
    scope: Scope,
    path: String,
    /// Whether a value stood under it already.
    used: bool,
}

/// How a text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// `REGEDIT4`: bytes of texts are characters of a code page.
    Ansi,
    /// `Windows Registry Editor Version 5.00`: they are UTF-16LE.
    Wide,
}

/// The head that a line is. Blanks may stand before it, and letters count as they are: Windows imports nothing else.
fn head_of(line: &str) -> Option<Head> {
    match line.trim() {
        "REGEDIT4" => Some(Head::Ansi),
        "Windows Registry Editor Version 5.00" => Some(Head::Wide),
        _ => None,
    }
}

/// Whether a text has the head of a `.reg` file in some line, be it the first one, with nothing but comments before.
pub(in crate::exchange) fn has_head(text: &str) -> bool {
    let mut lines = Lines::new(text);
    let comment = |line: &str| is_blank(line) || line.trim_start().starts_with('#');
    std::iter::from_fn(|| lines.next())
        .find(|(_, line)| !comment(line))
        .is_some_and(|(_, line)| head_of(line).is_some())
}

impl<'t> Reader<'t> {
    fn head(&mut self) -> Result<(), TextError> {
        let first = "the first line is \"Windows Registry Editor Version 5.00\" or \"REGEDIT4\", spelled so";
        let Some((line, content)) = self.lines.next() else { return Err(TextError::new(1, 1, "the text is empty")) };
        match head_of(content) {
            Some(Head::Ansi) => self.ansi = true,
            Some(Head::Wide) => {}
            None => {
                let later = std::iter::from_fn(|| self.lines.next()).find(|(_, content)| head_of(content).is_some());
                return Err(match later {
                    Some((at, _)) => TextError::new(
                        line,
                        1,
                        format!("the head of a .reg file must be its first line; it is line {at}"),
                    )
                    .help("Windows imports nothing of it; take away what stands before the head"),
                    None => {
                        TextError::new(line, 1, format!("{:?} is no head of a .reg file", content.trim())).help(first)
                    }
                });
            }
        }
        Ok(())
    }

    fn line(&mut self, line: usize, content: &'t str) -> Result<(), TextError> {
        let trimmed = content.trim_start();
        let column = content.chars().count().saturating_sub(trimmed.chars().count()).saturating_add(1);
        match trimmed.chars().next() {
            None | Some(';' | '#') => Ok(()),
            Some('[') => self.key_line(line, column, trimmed),
            Some('"' | '@') => self.value_line(line, column, trimmed),
            Some(_) => Err(TextError::new(line, column, "expected [key], \"name\"=value, @=value or a ; comment")),
        }
    }

    fn key_line(&mut self, line: usize, column: usize, text: &str) -> Result<(), TextError> {
        self.end_of_key();
        // A comment may stand behind the bracket; a key may hold brackets, so the last one counts.
        let end = text.rfind(']').ok_or_else(|| TextError::new(line, column, "no ] at the end of the line"))?;
        let inside = text.get(1..end).unwrap_or_default();
        end_of_line(
            At { line, column }.behind(text, text.get(end..).unwrap_or_default()),
            text.get(end.saturating_add(1)..).unwrap_or_default(),
        )?;
        let (deletes, path) = match inside.strip_prefix('-') {
            Some(path) => (true, path),
            None => (false, inside),
        };
        let (hive, key) = path.split_once('\\').unwrap_or((path, ""));
        let within = column.saturating_add(if deletes { 2 } else { 1 });
        let scope = match hive.to_ascii_uppercase().as_str() {
            "HKEY_LOCAL_MACHINE" | "HKLM" => Scope::Computer,
            "HKEY_CURRENT_USER" | "HKCU" => Scope::User,
            _ => {
                let why = format!("{hive} is neither HKEY_LOCAL_MACHINE nor HKEY_CURRENT_USER, where policy goes");
                return Err(TextError::new(line, within, why));
            }
        };
        let key = key.trim_end_matches('\\');
        if key.is_empty() && !deletes {
            // The root of a hive is always there: exports begin with it.
            return Ok(());
        }
        if key.is_empty() {
            return Err(TextError::new(line, within, format!("{hive} has no key behind it")));
        }
        if deletes {
            let error = |why: String| TextError::new(line, column, why);
            let (parent, name) = key.rsplit_once('\\').ok_or_else(|| {
                error(format!("{key} is a key at the root of the hive; no policy file can delete it"))
            })?;
            if name.contains(';') {
                return Err(error(format!("a policy file cannot name the key {name:?}: a ; separates names there")));
            }
            let record = Record::delete_keys(parent, name).map_err(|e| error(e.to_string()))?;
            self.entries.push(Entry { line, scope, record });
        } else {
            self.key = Some(Key { line, scope, path: key.to_owned(), used: false });
        }
        Ok(())
    }

    /// A key that nothing stands under is created.
    fn end_of_key(&mut self) {
        if let Some(Key { line, scope, path, used: false }) = self.key.take()
            && let Ok(record) = Record::create_key(path.as_str())
        {
            self.entries.push(Entry { line, scope, record });
        }
    }

    fn value_line(&mut self, line: usize, column: usize, text: &'t str) -> Result<(), TextError> {
        let mut at = At { line, column };
        let (name, rest) = match text.strip_prefix('@') {
            Some(rest) => (String::new(), at.past("@", rest)),
            None => {
                let (name, rest) = self.quoted(at, text)?;
                let consumed = text.get(..text.len().saturating_sub(rest.len())).unwrap_or_default();
                (name, at.past(consumed, rest))
            }
        };
        let spaces = rest.len().saturating_sub(rest.trim_start().len());
        let rest = at.past(rest.get(..spaces).unwrap_or_default(), rest.trim_start());
        let rest = rest.strip_prefix('=').ok_or_else(|| at.error("expected = behind the name"))?;
        let rest = at.past("=", rest);
        let spaces = rest.len().saturating_sub(rest.trim_start().len());
        let data = at.past(rest.get(..spaces).unwrap_or_default(), rest.trim_start());
        let Some((scope, key)) = self.key.as_mut().map(|key| {
            key.used = true;
            (key.scope.clone(), key.path.clone())
        }) else {
            return Err(TextError::new(line, column, "a value before any key that has a name"));
        };
        let record = self.record(at, &key, &name, data)?;
        self.entries.push(Entry { line, scope, record });
        Ok(())
    }

    fn record(&mut self, at: At, key: &str, name: &str, data: &'t str) -> Result<Record, TextError> {
        let made = if data.starts_with('"') {
            let (text, rest) = self.quoted(at, data)?;
            end_of_line(at.behind(data, rest), rest)?;
            Record::new(key.into(), name.into(), ValueType::SZ, wide(&format!("{text}\0")))
        } else if let Some(rest) = data.strip_prefix('-') {
            end_of_line(at.behind(data, rest), rest)?;
            Record::delete_value(key, name)
        } else if let Some(digits) = strip_prefix_ignore_case(data, "dword:") {
            let digits = without_comment(digits);
            let fits = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let n = u32::from_str_radix(digits, 16).ok().filter(|_| fits);
            let n = n.ok_or_else(|| at.error(format!("dword:{digits:?} is not 1 to 8 hexadecimal digits")))?;
            Record::new(key.into(), name.into(), ValueType::DWORD, n.to_le_bytes().to_vec())
        } else {
            let (value_type, bytes) = self.bytes(at, data)?;
            Record::new(key.into(), name.into(), value_type, bytes)
        };
        made.map_err(|error| at.error(error.to_string()))
    }

    /// `hex:` or `hex(n):` and its bytes, over as many lines as end in a backslash.
    fn bytes(&mut self, at: At, data: &str) -> Result<(ValueType, Vec<u8>), TextError> {
        let unknown = || at.error("expected \"text\", dword:, hex:, hex(type): or -");
        let rest = strip_prefix_ignore_case(data, "hex").ok_or_else(unknown)?;
        let (kind, digits) = rest.split_once(':').ok_or_else(unknown)?;
        let value_type = match kind {
            "" => ValueType::BINARY,
            _ => {
                let number = kind.strip_prefix('(').and_then(|kind| kind.strip_suffix(')')).ok_or_else(unknown)?;
                let fits = (1..=8).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_hexdigit());
                let number = u32::from_str_radix(number, 16).ok().filter(|_| fits);
                ValueType(number.ok_or_else(|| at.error(format!("hex{kind}: names no type")))?)
            }
        };
        let mut bytes = Vec::new();
        let (mut part, mut first) = (digits, true);
        let mut at = at.behind(data, digits);
        while self.bytes_of_line(at, part, first, &mut bytes)? {
            first = false;
            // Blank lines and comments do not end the value; the end of the text does.
            let Some((line, next)) = std::iter::from_fn(|| self.lines.next()).find(|(_, line)| !is_blank(line)) else {
                break;
            };
            at = At { line, column: 1 };
            part = next;
        }
        let is_text = matches!(value_type, ValueType::SZ | ValueType::EXPAND_SZ | ValueType::MULTI_SZ);
        let mut data = if self.ansi && is_text { widened(&bytes) } else { bytes };
        if is_ended_by_import(value_type, &data) {
            data.extend([0, 0]);
        }
        Ok((value_type, data))
    }

    /// The bytes in one line, and whether the next one goes on: then it ends in a comma and a backslash. Only the first
    /// line, which begins behind the colon, may have no bytes.
    fn bytes_of_line(&self, at: At, line: &str, first: bool, bytes: &mut Vec<u8>) -> Result<bool, TextError> {
        let content = line.split(';').next().unwrap_or_default().trim_end();
        let (list, goes_on) = match content.strip_suffix('\\') {
            Some(list) => (list.trim_end(), true),
            None => (content, false),
        };
        let end = at.behind(line, line.get(list.len()..).unwrap_or_default());
        let list = match (list.strip_suffix(','), goes_on) {
            (Some(list), _) => list,
            (None, true) if !(first && list.trim().is_empty()) => {
                return Err(end.error(
                    "expected a comma before the backslash: Windows does not import a byte that is cut in two",
                ));
            }
            (None, true) => return Ok(true),
            (None, false) if first && list.trim().is_empty() => return Ok(false),
            (None, false) => list,
        };
        let mut place = at;
        for text in list.split(',') {
            let digits = text.trim_start();
            let here = place.behind(text, digits);
            let fits = (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let byte = u8::from_str_radix(digits, 16).ok().filter(|_| fits);
            bytes.push(
                byte.ok_or_else(|| here.error(format!("{digits:?} is no byte of one or two hexadecimal digits")))?,
            );
            place.past(text, "");
            place.past(",", "");
        }
        Ok(goes_on)
    }

    /// A text in quotes, which may go on in the next lines, and what stands behind it.
    fn quoted(&mut self, at: At, text: &'t str) -> Result<(String, &'t str), TextError> {
        let mut out = String::new();
        let mut line = text.strip_prefix('"').unwrap_or(text);
        let mut place = at;
        place.past("\"", "");
        loop {
            let mut chars = line.char_indices();
            while let Some((i, c)) = chars.next() {
                match c {
                    '"' => return Ok((out, line.get(i.saturating_add(1)..).unwrap_or_default())),
                    '\\' => match chars.next() {
                        Some((_, c @ ('\\' | '"'))) => out.push(c),
                        other => {
                            place.past(line.get(..i).unwrap_or_default(), "");
                            let found = other.map(|(_, c)| c.to_string()).unwrap_or_default();
                            let error = format!("\"\\{found}\" is no escape; Windows does not import this line");
                            return Err(place
                                .error(error)
                                .help("a backslash is written \\\\, and a quotation mark \\\""));
                        }
                    },
                    c => out.push(c),
                }
            }
            out.push_str("\r\n");
            (place.line, line) = self.lines.next().ok_or_else(|| at.error("the text has no closing \""))?;
            place.column = 1;
        }
    }
}

/// A place in the text.
#[derive(Clone, Copy)]
struct At {
    line: usize,
    column: usize,
}

impl At {
    fn error(self, what: impl Into<String>) -> TextError {
        TextError::new(self.line, self.column, what)
    }

    /// Moves behind a part of the line, and gives the rest on.
    fn past<'t>(&mut self, part: &str, rest: &'t str) -> &'t str {
        self.column = self.column.saturating_add(part.chars().count());
        rest
    }

    /// The place of `rest`, which `text` ends with.
    fn behind(mut self, text: &str, rest: &str) -> Self {
        let part = text.strip_suffix(rest).unwrap_or_default();
        self.past(part, rest);
        self
    }
}

/// Nothing but a comment may follow.
fn end_of_line(at: At, rest: &str) -> Result<(), TextError> {
    match rest.trim_start().chars().next() {
        None | Some(';') => Ok(()),
        Some(c) => Err(at.error(format!("expected the end of the line, found {c:?}"))),
    }
}

fn without_comment(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

fn strip_prefix_ignore_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Single-byte characters as UTF-16LE.
fn widened(bytes: &[u8]) -> Vec<u8> {
    wide(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0)
}
