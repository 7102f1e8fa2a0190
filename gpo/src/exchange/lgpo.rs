//! LGPO text, the format of Microsoft's LGPO.exe 3.0 (`/parse`, `/t`, `/r … /w`).
//!
//! Entries of four lines: scope, key, value name, action. Empty lines and lines that begin with
//! `;` stand between entries. What LGPO.exe does was measured; `docs/lgpo.md` lists where gpol
//! differs on purpose.

use std::fmt;

use admx::Side;
use polfile::{Action, Record, RecordError, RecordRef, Value, ValueError, ValueType, WideStr};

use super::{Entry, Loss, Scoped, Written, comes_back, in_memory, wide};

pub use super::encoding::decode;

/// Whose policy an entry belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The computer side.
    Computer,
    /// The user side.
    User,
    /// The user side of another local GPO: `User:Administrators`, `User:Non-Administrators`, `User:<account>`.
    UserOf(String),
}

/// Groups that have a local GPO of their own.
const GROUPS: [&str; 2] = ["Administrators", "Non-Administrators"];

impl Scope {
    /// The side of a GPO that it is.
    pub fn side(&self) -> Side {
        match self {
            Self::Computer => Side::Computer,
            Self::User | Self::UserOf(_) => Side::User,
        }
    }

    /// As `--scope` takes it and JSON has it: `computer`, `user`, `user:administrators`.
    pub fn word(&self) -> String {
        match self {
            Self::Computer => "computer".to_owned(),
            Self::User => "user".to_owned(),
            Self::UserOf(account) => {
                format!(
                    "user:{}",
                    if GROUPS.contains(&account.as_str()) { account.to_ascii_lowercase() } else { account.clone() }
                )
            }
        }
    }
}

impl From<&crate::scope::Scope> for Scope {
    /// LGPO.exe wants a user's account name, which no policy file tells: the SID stands in its place.
    fn from(scope: &crate::scope::Scope) -> Self {
        use crate::scope::Scope as Whose;
        match scope {
            Whose::Computer => Self::Computer,
            Whose::User => Self::User,
            Whose::Administrators => Self::UserOf("Administrators".to_owned()),
            Whose::NonAdministrators => Self::UserOf("Non-Administrators".to_owned()),
            Whose::UserOf(sid) => Self::UserOf(sid.as_str().to_owned()),
        }
    }
}

impl From<Side> for Scope {
    fn from(side: Side) -> Self {
        match side {
            Side::Computer => Self::Computer,
            Side::User => Self::User,
        }
    }
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
    let escaped = unescaped_line(text).is_none();
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
        let record = record(key, name, action, escaped).map_err(at(action_line))?;
        entries.push(Entry { line, scope, record });
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
    // The groups have one spelling, so that two entries for one are one scope.
    let account = GROUPS.into_iter().find(|group| group.eq_ignore_ascii_case(account)).unwrap_or(account);
    (user.eq_ignore_ascii_case("User") && !account.is_empty()).then(|| Scope::UserOf(account.to_owned()))
}

fn record(key: &str, name: &str, action: &str, escaped: bool) -> Result<Record, LgpoErrorKind> {
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
        Some(("SZ", text)) => set(ValueType::SZ, wide(&format!("{}\0", unescape(text, false, escaped)))),
        Some(("EXSZ", text)) => set(ValueType::EXPAND_SZ, wide(&format!("{}\0", unescape(text, false, escaped)))),
        // Two NULs behind the text, whatever it holds: an empty list has 4 bytes here.
        Some(("MULTISZ", text)) => set(ValueType::MULTI_SZ, wide(&format!("{}\0\0", unescape(text, true, escaped)))),
        Some(("BINARY", bytes)) => set(ValueType::BINARY, hex_bytes(bytes)?),
        Some(_) => return Err(LgpoErrorKind::Action(action.to_owned())),
    };
    Ok(made?)
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

/// Line, counted from 1, of the first `\r` or `\n` in a text whose backslashes are not escaped. `None` for the text of
/// LGPO.exe 3.0, and where it makes no difference.
///
/// LGPO.exe 3.0 writes every backslash twice. Texts of older versions have paths as they are, and 3.0 reads line ends
/// into them: `C:\WinRAR\rar.exe`. So where a backslash stands alone before another letter, and none is doubled but at
/// the start of a network path, all of them are meant.
pub fn unescaped_line(text: &str) -> Option<usize> {
    let (mut first, mut alone) = (None, false);
    for (line, number) in text.lines().zip(1..) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let Some((kind @ ("SZ" | "EXSZ" | "MULTISZ"), mut rest)) = line.split_once(':') else { continue };
        let mut starts = true;
        while let Some(at) = rest.find('\\') {
            let (before, behind) = rest.split_at(at);
            starts &= before.is_empty();
            let mut taken = 2;
            match behind.chars().nth(1) {
                Some('\\') if starts => {}
                Some('\\') => return None,
                Some('r' | 'n') => first = first.or(Some(number)),
                Some('0') if kind == "MULTISZ" => {}
                _ => (alone, taken) = (true, 1),
            }
            // Behind a separator another text of the list starts.
            starts = behind.starts_with(r"\0") && kind == "MULTISZ";
            rest = behind.get(taken..).unwrap_or_default();
        }
    }
    first.filter(|_| alone)
}

/// `\r`, `\n`, `\\`, and in lists `\0`; any other backslash is itself. Without escapes, only `\0` of lists is one.
fn unescape(text: &str, list: bool, escaped: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = match (c, rest.clone().next()) {
            ('\\', Some('r')) if escaped => '\r',
            ('\\', Some('n')) if escaped => '\n',
            ('\\', Some('\\')) if escaped => '\\',
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

/// Writes records as `LGPO.exe /parse` prints them, one scope behind the other, and says what the text cannot carry.
///
/// `source` stands in the head, as LGPO.exe names its input there; `remarks` stand below it as comments. Records that
/// LGPO text has no word for stand in it as comments, as LGPO.exe prints them. Lines end with CR LF.
pub fn write(scopes: &[Scoped<'_>], source: &str, remarks: &[String]) -> Written {
    let (text, losses) = in_memory(|text| stream(scopes, source, remarks, text));
    Written { text, losses }
}

/// As [`write()`], record by record to wherever it goes.
///
/// # Errors
///
/// If that takes no more.
pub fn stream(
    scopes: &[Scoped<'_>],
    source: &str,
    remarks: &[String],
    text: &mut dyn fmt::Write,
) -> Result<Vec<Loss>, fmt::Error> {
    const RULE: &str = "; ----------------------------------------------------------------------";
    let mut losses = Vec::new();
    for remark in remarks {
        write!(text, "; {}\r\n", escape_lines(remark))?;
    }
    for Scoped { scope, file } in scopes {
        let source = escape(source);
        write!(text, "{RULE}\r\n; PARSING {scope} POLICY\r\n; Source file:  {source}\r\n\r\n")?;
        for (index, record) in file.records().enumerate() {
            match write_record(text, scope, &record)? {
                None => {}
                Some((why, written)) => losses.push(Loss::new(scope, index, &record, why, written)),
            }
        }
        write!(text, "; PARSING COMPLETED.\r\n{RULE}\r\n\r\n")?;
    }
    Ok(losses)
}

/// Writes an entry, or a comment. Says what it does not carry, and whether it stands there all the same.
fn write_record(
    text: &mut dyn fmt::Write,
    scope: &Scope,
    record: &RecordRef<'_>,
) -> Result<Option<(String, bool)>, fmt::Error> {
    let (key, name) = (record.key.to_text_lossy(), record.value_name.to_text_lossy());
    Ok(match entry(record) {
        Ok((value_name, action)) => {
            write!(text, "{scope}\r\n{key}\r\n{value_name}\r\n{action}\r\n\r\n")?;
            if record.key.is_empty() {
                let why = "its key is empty: neither gpol nor LGPO.exe reads such a text again";
                return Ok(Some((why.to_owned(), true)));
            }
            rebuilt(record, &value_name, &action).map(|why| (why, true))
        }
        Err(why) => {
            let (key, name, size) = (escape_lines(&key), escape_lines(&name), record.data.len());
            text.write_str(";;; ---- Commented out because \"LGPO.exe /t\" cannot process this command\r\n")?;
            write!(
                text,
                "; {scope}\r\n; {key}\r\n; {name}\r\n; Action: {why} (data not shown; size = {size})\r\n\r\n"
            )?;
            Some((why, false))
        }
    })
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
    let sets = old.action() == Action::Set;
    if sets && matches!(old.value(), Ok(Value::MultiSz(texts)) if texts.is_empty()) {
        return None;
    }
    let new = record(&old.key.to_text_lossy(), name, action, true).ok()?;
    comes_back(old, &new.as_ref())
}

#[cfg(test)]
mod tests;
