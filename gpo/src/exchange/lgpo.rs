//! LGPO text, the format of Microsoft's LGPO.exe 3.0 (`/parse`, `/t`, `/r … /w`).
//!
//! Entries of four lines: scope, key, value name, action. Empty lines and lines that begin with
//! `;` stand between entries. What LGPO.exe does was measured; `docs/lgpo.md` lists where gpol
//! differs on purpose.

use std::fmt::Write as _;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use polfile::{Action, KeyProblem, Record, RecordError, RecordRef, Value, ValueError, ValueType, WideStr};

/// Whose policy an entry belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The computer side.
    Computer,
    /// The user side.
    User,
    /// The user side of another local GPO: `User:Administrators`, `User:Non-Administrators`, `User:<account>`.
    UserOf(String),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Computer => f.pad("Computer"),
            Self::User => f.pad("User"),
            Self::UserOf(account) => write!(f, "User:{account}"),
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Line of its first line, counted from 1.
    pub line: usize,
    /// Whose policy.
    pub scope: Scope,
    /// The record that LGPO.exe would write.
    pub record: Record,
    /// Something about the key that Windows may trip over. LGPO.exe says nothing.
    pub problem: Option<KeyProblem>,
}

/// Why a text is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct LgpoError {
    /// Counted from 1; the line behind the last where the text ends too early.
    pub line: usize,
    /// What is wrong.
    pub kind: LgpoErrorKind,
}

/// What is wrong with an LGPO text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LgpoErrorKind {
    /// The first line of an entry names no scope.
    #[error("expected \"Computer\" or \"User\", found {0:?}")]
    Scope(String),
    /// The key is an empty line.
    #[error("no registry key")]
    NoKey,
    /// The text ends inside an entry.
    #[error("the text ends inside the entry; {0} is missing")]
    CutOff(&'static str),
    /// No action of LGPO text. Actions are in capitals.
    #[error("unknown action {0:?}")]
    Action(String),
    /// No number.
    #[error("{0:?} is not a number")]
    Number(String),
    /// LGPO.exe would take another number.
    #[error("{value} does not fit {value_type}; LGPO.exe would silently write {lgpo}")]
    Range {
        /// The number that stands there.
        value: String,
        /// The type it should go into.
        value_type: ValueType,
        /// What LGPO.exe makes of it.
        lgpo: &'static str,
    },
    /// LGPO.exe would drop this byte.
    #[error(
        "{0:?} is not a byte of one or two hexadecimal digits, separated by commas; LGPO.exe would silently write other bytes"
    )]
    Byte(String),
    /// `CLEAR` changes a policy; it does not describe one.
    #[error(
        "CLEAR takes settings out of the local policy, which only LGPO.exe /t can do; a policy file cannot hold it"
    )]
    Clear,
    /// No file can hold this.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Text of a file: by its byte order mark, else UTF-8 where it is valid, else Windows-1252.
pub fn decode(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0,
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0,
        [0xEF, 0xBB, 0xBF, rest @ ..] => UTF_8.decode_without_bom_handling(rest).0,
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => return text.to_owned(),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
        },
    };
    text.into_owned()
}

/// Reads LGPO text.
///
/// ```
/// use gpo::exchange::lgpo;
/// let entries = lgpo::parse("Computer\nSoftware\\Policies\\X\nA\nDWORD:1\n")?;
/// assert_eq!(entries[0].record.as_ref().data, [1, 0, 0, 0]);
/// # Ok::<(), lgpo::LgpoError>(())
/// ```
///
/// # Errors
///
/// [`LgpoError`] for all that LGPO.exe refuses, and for what it would silently change.
pub fn parse(text: &str) -> Result<Vec<Entry>, LgpoError> {
    let mut lines = text.lines().map(|line| line.strip_suffix('\r').unwrap_or(line)).zip(1..);
    let end = text.lines().count() + 1;
    let mut entries = Vec::new();
    while let Some((first, line)) = lines.next() {
        if first.is_empty() || first.starts_with(';') {
            continue;
        }
        let at = |line| move |kind| LgpoError { line, kind };
        let scope = scope(first).ok_or_else(|| at(line)(LgpoErrorKind::Scope(first.to_owned())))?;
        let mut next = |what| lines.next().ok_or_else(|| at(end)(LgpoErrorKind::CutOff(what)));
        let (key, key_line) = next("the registry key")?;
        if key.is_empty() {
            return Err(at(key_line)(LgpoErrorKind::NoKey));
        }
        let (name, _) = next("the value name")?;
        let (action, action_line) = next("the action")?;
        let record = record(key, name, action).map_err(at(action_line))?;
        let problem = KeyProblem::of(record.as_ref().key);
        entries.push(Entry { line, scope, record, problem });
    }
    Ok(entries)
}

fn scope(line: &str) -> Option<Scope> {
    if line.eq_ignore_ascii_case("Computer") {
        return Some(Scope::Computer);
    }
    if line.eq_ignore_ascii_case("User") {
        return Some(Scope::User);
    }
    let (user, account) = line.split_once(':')?;
    (user.eq_ignore_ascii_case("User") && !account.is_empty()).then(|| Scope::UserOf(account.to_owned()))
}

fn record(key: &str, name: &str, action: &str) -> Result<Record, LgpoErrorKind> {
    let value_name = if name == "(Default)" { "" } else { name };
    let set = |value_type, data| Record::new(key.into(), value_name.into(), value_type, data);
    let made = match action.split_once(':') {
        None => match action {
            "DELETE" => Record::delete_value(key, value_name),
            "DELETEALLVALUES" => Record::delete_all_values(key),
            "DELETEKEYS" => Record::delete_keys(key, name),
            "CREATEKEY" => Record::create_key(key),
            "CLEAR" => return Err(LgpoErrorKind::Clear),
            _ => return Err(LgpoErrorKind::Action(action.to_owned())),
        },
        Some(("DWORD", n)) => {
            let n = number(n, ValueType::DWORD, u64::from(u32::MAX), "the number modulo 4294967296")?;
            set(ValueType::DWORD, n.to_le_bytes()[..4].to_vec())
        }
        Some(("QWORD", n)) => {
            let n = number(n, ValueType::QWORD, u64::MAX, "9223372036854775807")?;
            set(ValueType::QWORD, n.to_le_bytes().to_vec())
        }
        Some(("SZ", text)) => set(ValueType::SZ, wide(&format!("{}\0", unescape(text, false)))),
        Some(("EXSZ", text)) => set(ValueType::EXPAND_SZ, wide(&format!("{}\0", unescape(text, false)))),
        // Two NULs behind the text, whatever it holds: an empty list has 4 bytes here.
        Some(("MULTISZ", text)) => set(ValueType::MULTI_SZ, wide(&format!("{}\0\0", unescape(text, true)))),
        Some(("BINARY", bytes)) => set(ValueType::BINARY, hex_bytes(bytes)?),
        Some(_) => return Err(LgpoErrorKind::Action(action.to_owned())),
    };
    Ok(made?)
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A decimal number, or a hexadecimal one behind `0x`. A leading 0 does not make it octal.
fn number(text: &str, value_type: ValueType, max: u64, lgpo: &'static str) -> Result<u64, LgpoErrorKind> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = hex.map_or((text, 10), |hex| (hex, 16));
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.chars().all(|c| c.is_digit(radix)) {
        return Err(LgpoErrorKind::Number(text.to_owned()));
    }
    match u64::from_str_radix(digits, radix) {
        Ok(n) if n <= max => Ok(n),
        _ => Err(LgpoErrorKind::Range { value: text.to_owned(), value_type, lgpo }),
    }
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, LgpoErrorKind> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(str::trim)
        .map(|byte| match byte.len() {
            1 | 2 if byte.bytes().all(|b| b.is_ascii_hexdigit()) => {
                u8::from_str_radix(byte, 16).map_err(|_| LgpoErrorKind::Byte(byte.to_owned()))
            }
            _ => Err(LgpoErrorKind::Byte(byte.to_owned())),
        })
        .collect()
}

/// `\r`, `\n`, `\\`, and in lists `\0`; any other backslash is itself.
fn unescape(text: &str, list: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = match (c, rest.clone().next()) {
            ('\\', Some('r')) => '\r',
            ('\\', Some('n')) => '\n',
            ('\\', Some('\\')) => '\\',
            ('\\', Some('0')) if list => '\0',
            _ => {
                out.push(c);
                continue;
            }
        };
        rest.next();
        out.push(escaped);
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('\r', r"\r").replace('\n', r"\n").replace('\0', r"\0")
}

/// A record that LGPO text cannot carry as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaid {
    /// Record, counted from 0.
    pub record: usize,
    /// Where it begins in its file, in bytes.
    pub offset: usize,
    /// What the text cannot say.
    pub why: String,
    /// Whether the record stands in the text all the same, changed as `why` says; else as a comment.
    pub written: bool,
}

/// Writes records as `LGPO.exe /parse` prints them, and says what the text cannot carry.
///
/// `source` stands in the head, as LGPO.exe names its input there. Lines end with CR LF.
pub fn write<'a>(
    records: impl IntoIterator<Item = RecordRef<'a>>,
    scope: &Scope,
    source: &str,
) -> (String, Vec<Unsaid>) {
    const RULE: &str = "; ----------------------------------------------------------------------";
    let mut text = format!("{RULE}\r\n; PARSING {scope} POLICY\r\n; Source file:  {}\r\n\r\n", escape(source));
    let mut unsaid = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        let mut not = |why: String, written| unsaid.push(Unsaid { record: index, offset: record.offset, why, written });
        let (key, name) = (record.key.to_text_lossy(), record.value_name.to_text_lossy());
        match entry(&record) {
            Ok((value_name, action)) => {
                let _ = write!(text, "{scope}\r\n{key}\r\n{value_name}\r\n{action}\r\n\r\n");
                if record.key.is_empty() {
                    not("its key is empty: neither gpol nor LGPO.exe reads such a text again".to_owned(), true);
                } else if let Some(why) = rebuilt(&record, &value_name, &action) {
                    not(why, true);
                }
            }
            Err(why) => {
                text.push_str(";;; ---- Commented out because \"LGPO.exe /t\" cannot process this command\r\n");
                let size = record.data.len();
                let _ = write!(
                    text,
                    "; {scope}\r\n; {}\r\n; {}\r\n; Action: {why} (data not shown; size = {size})\r\n\r\n",
                    escape_lines(&key),
                    escape_lines(&name)
                );
                not(why, false);
            }
        }
    }
    let _ = write!(text, "; PARSING COMPLETED.\r\n{RULE}\r\n\r\n");
    (text, unsaid)
}

/// Line ends cannot stand in a line.
fn escape_lines(text: &str) -> String {
    text.replace('\r', r"\r").replace('\n', r"\n")
}

/// Value name line and action line; or why the text cannot say it.
fn entry(record: &RecordRef<'_>) -> Result<(String, String), String> {
    for (what, text) in [("key", record.key), ("value name", record.value_name)] {
        let text = text.to_text().map_err(|e| format!("The {what} is not valid UTF-16: {e}"))?;
        if text.contains(['\r', '\n']) {
            return Err(format!("The {what} holds a line end"));
        }
    }
    let (name, action) = match record.action() {
        Action::Set => (default_name(record.value_name)?, value(record)?),
        Action::CreateKey => ("*".to_owned(), "CREATEKEY".to_owned()),
        Action::DeleteAllValues => ("*".to_owned(), "DELETEALLVALUES".to_owned()),
        Action::DeleteValue(name) => (default_name(name)?, "DELETE".to_owned()),
        Action::DeleteKeys(_) => match record.value() {
            Ok(Value::Sz(names)) => match names.as_wide().to_text() {
                Ok(names) if !names.contains(['\r', '\n']) => (names, "DELETEKEYS".to_owned()),
                _ => return Err("The names of the keys do not fit a line of text".to_owned()),
            },
            _ => return Err("The names of the keys are no REG_SZ".to_owned()),
        },
        other => return Err(format!("Directive {}", other.name())),
    };
    Ok((name, action))
}

/// The name line; a value that is really called `(Default)` cannot be told from the default value.
fn default_name(name: WideStr<'_>) -> Result<String, String> {
    match name.to_text_lossy().as_str() {
        "" => Ok("(Default)".to_owned()),
        "(Default)" => Err("The value name is literally (Default)".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// The action line of a value.
fn value(record: &RecordRef<'_>) -> Result<String, String> {
    let said = |text: WideStr<'_>| {
        text.to_text().map(|t| escape(&t)).map_err(|e| format!("The text is not valid UTF-16: {e}"))
    };
    Ok(match record.value() {
        Ok(Value::Sz(text)) => format!("SZ:{}", said(text.as_wide())?),
        Ok(Value::ExpandSz(text)) => format!("EXSZ:{}", said(text.as_wide())?),
        Ok(Value::Dword(n)) => format!("DWORD:{n}"),
        Ok(Value::Qword(n)) => format!("QWORD:{n}"),
        Ok(Value::Binary(bytes)) => {
            format!("BINARY:{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(","))
        }
        Ok(Value::MultiSz(texts)) if texts.is_empty() => r"MULTISZ:\0".to_owned(),
        Ok(Value::MultiSz(texts)) => {
            let texts: Result<Vec<_>, _> = texts.iter().map(|text| said(text.as_wide())).collect();
            format!("MULTISZ:{}", texts?.join(r"\0"))
        }
        Ok(_) => return Err(format!("Data type {:#010x}", record.value_type.0)),
        // Text without its NUL can be said; it comes back with one.
        Err(ValueError::Unterminated { value_type, .. }) if value_type != ValueType::MULTI_SZ => {
            let text = WideStr::new(record.data).unwrap_or_default();
            format!("{}:{}", if value_type == ValueType::SZ { "SZ" } else { "EXSZ" }, said(text)?)
        }
        Err(e) => return Err(e.to_string()),
    })
}

/// How the record differs that LGPO.exe builds from the entry. `None` if it does not.
///
/// An empty list is not named: it comes back as 6 bytes of NUL, which mean the same.
fn rebuilt(old: &RecordRef<'_>, name: &str, action: &str) -> Option<String> {
    if matches!(old.value(), Ok(Value::MultiSz(texts)) if texts.is_empty()) {
        return None;
    }
    let new = record(&old.key.to_text_lossy(), name, action).ok()?;
    let new = new.as_ref();
    let (old, new) = ((old.value_type, old.data), (new.value_type, new.data));
    (old != new)
        .then(|| format!("{} with {} bytes of data comes back as {} with {}", old.0, old.1.len(), new.0, new.1.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(line: &str) -> Result<(ValueType, Vec<u8>), String> {
        let text = format!("Computer\r\nSoftware\\X\r\nA\r\n{line}\r\n");
        let entries = parse(&text).map_err(|e| e.to_string())?;
        let record = entries[0].record.as_ref();
        Ok((record.value_type, record.data.to_vec()))
    }

    #[test]
    fn actions_build_what_lgpo_builds() {
        for (line, value_type, data) in [
            ("DWORD:010", ValueType::DWORD, vec![10, 0, 0, 0]),
            ("DWORD:0xFFFFFFFF", ValueType::DWORD, vec![255; 4]),
            ("QWORD:0xFFFFFFFFFFFFFFFF", ValueType::QWORD, vec![255; 8]),
            (r"SZ:a\r\n\\ \t\", ValueType::SZ, wide("a\r\n\\ \\t\\\0")),
            (r"MULTISZ:a\0b", ValueType::MULTI_SZ, wide("a\0b\0\0")),
            (r"MULTISZ:a\\0b", ValueType::MULTI_SZ, wide("a\\0b\0\0")),
            (r"MULTISZ:", ValueType::MULTI_SZ, wide("\0\0")),
            ("BINARY:01, ff,2", ValueType::BINARY, vec![1, 255, 2]),
            ("BINARY:", ValueType::BINARY, vec![]),
            ("DELETE", ValueType::SZ, wide(" \0")),
        ] {
            assert_eq!(action(line), Ok((value_type, data)), "{line}");
        }
    }

    #[test]
    fn what_lgpo_refuses_or_mangles_is_refused_with_its_line() {
        for (line, why) in [
            ("DWORD:", "line 4: \"\" is not a number"),
            ("DWORD:abc", "line 4: \"abc\" is not a number"),
            (
                "DWORD:-1",
                "line 4: -1 does not fit REG_DWORD; LGPO.exe would silently write the number modulo 4294967296",
            ),
            (
                "DWORD:4294967296",
                "line 4: 4294967296 does not fit REG_DWORD; LGPO.exe would silently write the number modulo 4294967296",
            ),
            ("dword:1", "line 4: unknown action \"dword:1\""),
            ("delete", "line 4: unknown action \"delete\""),
        ] {
            assert_eq!(action(line), Err(why.to_owned()), "{line}");
        }
        assert!(action("BINARY:zz").unwrap_err().starts_with("line 4: \"zz\" is not a byte"));
        assert!(action("CLEAR").unwrap_err().starts_with("line 4: CLEAR"));
        let why = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(why("  \r\n"), "line 1: expected \"Computer\" or \"User\", found \"  \"");
        assert_eq!(why("Computer\n\nA\nDWORD:1\n"), "line 2: no registry key");
        assert_eq!(why("Computer\nK\nA\n"), "line 4: the text ends inside the entry; the action is missing");
    }

    #[test]
    fn every_scope_is_known() {
        let scopes: Vec<Scope> = parse("user\nK\nA\nDELETE\nUser:Administrators\nK\nA\nDELETE\n")
            .unwrap()
            .into_iter()
            .map(|e| e.scope)
            .collect();
        assert_eq!(scopes, [Scope::User, Scope::UserOf("Administrators".into())]);
    }

    #[test]
    fn what_the_text_cannot_say_is_a_comment_and_is_named() {
        let records = [
            Record::new("K".into(), "**soft.x".into(), ValueType::SZ, wide("a\0")).unwrap(),
            Record::new("K".into(), "a\nb".into(), ValueType::SZ, wide("a\0")).unwrap(),
            Record::new("K".into(), "short".into(), ValueType::DWORD, vec![1]).unwrap(),
            Record::new("K".into(), "open".into(), ValueType::SZ, wide("a")).unwrap(),
            Record::new("K".into(), "".into(), ValueType::SZ, wide("default\0")).unwrap(),
        ];
        let (text, unsaid) = write(records.iter().map(Record::as_ref), &Scope::User, "x.pol");
        let named: Vec<_> = unsaid.iter().map(|u| (u.record, u.written, u.why.as_str())).collect();
        assert_eq!(
            named,
            [
                (0, false, "Directive set-if-missing"),
                (1, false, "The value name holds a line end"),
                (2, false, "REG_DWORD with 1 byte of data; it must have 4"),
                (3, true, "REG_SZ with 2 bytes of data comes back as REG_SZ with 4"),
            ]
        );
        let again = parse(&text).unwrap();
        let names: Vec<String> = again.iter().map(|e| e.record.as_ref().value_name.to_string()).collect();
        assert_eq!(names, ["open", ""]);
    }

    #[test]
    fn text_is_decoded_by_its_mark_then_as_utf_8_then_as_windows_1252() {
        assert_eq!(decode(b"\xFF\xFEa\0"), "a");
        assert_eq!(decode("Да".as_bytes()), "Да");
        assert_eq!(decode(b"\xEF\xBB\xBFa"), "a");
        assert_eq!(decode(b"Gr\xFC\x80e"), "Grü€e");
    }
}
