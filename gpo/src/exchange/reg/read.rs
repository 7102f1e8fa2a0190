//! From a text to records.

use polfile::{Record, ValueType};

use super::super::lgpo::Scope;
use super::super::{Entry, TextError, wide};

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

/// The lines of a text and their numbers.
struct Lines<'t> {
    lines: std::iter::Zip<std::str::Lines<'t>, std::ops::RangeFrom<usize>>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Self { lines: text.lines().zip(1..) }
    }

    fn next(&mut self) -> Option<(usize, &'t str)> {
        self.lines.next().map(|(content, line)| (line, content.strip_suffix('\r').unwrap_or(content)))
    }
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

impl<'t> Reader<'t> {
    fn head(&mut self) -> Result<(), TextError> {
        while let Some((line, content)) = self.lines.next() {
            match content.trim() {
                "" => {}
                head if head.eq_ignore_ascii_case("REGEDIT4") => {
                    self.ansi = true;
                    return Ok(());
                }
                head if head.eq_ignore_ascii_case("Windows Registry Editor Version 5.00") => return Ok(()),
                head => {
                    return Err(TextError::new(line, 1, format!("{head:?} is no head of a .reg file"))
                        .help("the first line is \"Windows Registry Editor Version 5.00\" or \"REGEDIT4\""));
                }
            }
        }
        Err(TextError::new(1, 1, "the text is empty"))
    }

    fn line(&mut self, line: usize, content: &'t str) -> Result<(), TextError> {
        let trimmed = content.trim_start();
        let column = content.chars().count().saturating_sub(trimmed.chars().count()).saturating_add(1);
        match trimmed.chars().next() {
            None | Some(';') => Ok(()),
            Some('[') => self.key_line(line, column, trimmed),
            Some('"' | '@') => self.value_line(line, column, trimmed),
            Some('#') => {
                let error = TextError::new(line, column, "expected [key], \"name\"=value, @=value or a ; comment");
                Err(error.help("comments begin with ;"))
            }
            Some(_) => Err(TextError::new(line, column, "expected [key], \"name\"=value, @=value or a ; comment")),
        }
    }

    fn key_line(&mut self, line: usize, column: usize, text: &str) -> Result<(), TextError> {
        self.end_of_key();
        // A comment may stand behind the bracket; a key may hold brackets, so the last one counts.
        let end = text.rfind(']').ok_or_else(|| TextError::new(line, column, "no ] at the end of the line"))?;
        let inside = text.get(1..end).unwrap_or_default();
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
            end(at.behind(data, rest), rest)?;
            Record::new(key.into(), name.into(), ValueType::SZ, wide(&format!("{text}\0")))
        } else if let Some(rest) = data.strip_prefix('-') {
            end(at.behind(data, rest), rest)?;
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
                let number = u32::from_str_radix(number.trim_start_matches("0x"), 16);
                ValueType(number.map_err(|_| at.error(format!("hex{kind}: names no type")))?)
            }
        };
        let mut all = String::new();
        let mut part = without_comment(digits);
        while let Some(continued) = part.strip_suffix('\\') {
            all.push_str(continued);
            part = match self.lines.next() {
                Some((_, next)) => without_comment(next),
                None => "",
            };
        }
        all.push_str(part);
        let all: String = all.chars().filter(|c| !c.is_whitespace()).collect();
        let digits = all.strip_suffix(',').unwrap_or(&all);
        let byte = |byte: &str| match byte.len() {
            1 | 2 if byte.bytes().all(|b| b.is_ascii_hexdigit()) => u8::from_str_radix(byte, 16)
                .map_err(|_| at.error(format!("{byte:?} is no byte of one or two hexadecimal digits"))),
            _ => Err(at.error(format!("{byte:?} is no byte of one or two hexadecimal digits"))),
        };
        let bytes: Vec<u8> = match digits {
            "" => Vec::new(),
            digits => digits.split(',').map(byte).collect::<Result<_, _>>()?,
        };
        let is_text = matches!(value_type, ValueType::SZ | ValueType::EXPAND_SZ | ValueType::MULTI_SZ);
        Ok((value_type, if self.ansi && is_text { widened(&bytes) } else { bytes }))
    }

    /// A text in quotes, which may go on in the next lines, and what stands behind it.
    fn quoted(&mut self, at: At, text: &'t str) -> Result<(String, &'t str), TextError> {
        let mut out = String::new();
        let mut line = text.strip_prefix('"').unwrap_or(text);
        loop {
            let mut chars = line.char_indices();
            while let Some((i, c)) = chars.next() {
                match c {
                    '"' => return Ok((out, line.get(i.saturating_add(1)..).unwrap_or_default())),
                    '\\' => out.extend(chars.next().map(|(_, c)| c)),
                    c => out.push(c),
                }
            }
            out.push_str("\r\n");
            (_, line) = self.lines.next().ok_or_else(|| at.error("the text has no closing \""))?;
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
fn end(at: At, rest: &str) -> Result<(), TextError> {
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
