//! From records to a text.

use std::fmt::{self, Write as _};

use polfile::{Action, RecordRef, Value, ValueType, WideStr};

use super::super::lgpo::Scope;
use super::super::{Loss, Nowhere, Scoped, Written, in_memory, text_of};
use super::{WIDTH, is_ended_by_import};

/// Why a record does not come back from a text as it is. `None` if it does.
pub fn cannot_carry(record: &RecordRef<'_>) -> Option<String> {
    line(record).err()
}

/// What a record becomes.
enum Line {
    /// A line below its key.
    Value(String),
    /// The key alone.
    Key,
    /// A deleted key, with its path.
    DeleteKey(String),
}

/// The lines of a record; or why it has none.
fn line(record: &RecordRef<'_>) -> Result<Line, String> {
    let forbidden = |c: char| matches!(c, '\r' | '\n');
    let key = text_of("key", record.key, forbidden)?;
    if key.trim_matches('\\') != key || key.is_empty() {
        return Err("its key is empty, or begins or ends with a backslash".to_owned());
    }
    // What is deleted has no data: only the form that Windows writes comes back.
    let plain = |again: Result<polfile::Record, polfile::RecordError>| match again {
        Ok(again) => match super::super::comes_back(record, &again.as_ref()) {
            None => Ok(()),
            Some(why) => Err(why),
        },
        Err(error) => Err(error.to_string()),
    };
    let name_of = |name: WideStr<'_>| match text_of("value name", name, forbidden)?.as_str() {
        "" => Ok("@".to_owned()),
        name => Ok::<_, String>(format!("\"{}\"", escape(name))),
    };
    match record.action() {
        Action::Set if is_ended_by_import(record.value_type, record.data) => {
            Err("its text has no NUL at its end, and Windows puts one there when it imports .reg".to_owned())
        }
        Action::Set => Ok(Line::Value(data(&name_of(record.value_name)?, record))),
        Action::CreateKey => Ok(Line::Key),
        Action::DeleteValue(name) => {
            let shown = name_of(name)?;
            plain(polfile::Record::delete_value(record.key, name))?;
            Ok(Line::Value(format!("{shown}=-\r\n")))
        }
        Action::DeleteKeys(names) => {
            let [name] = *names.as_slice() else {
                return Err("it names several keys, which .reg can only delete one by one".to_owned());
            };
            let name_text = text_of("name of the deleted key", name, forbidden)?;
            plain(polfile::Record::delete_keys(record.key, name))?;
            if name_text.contains('\\') || name_text.contains(']') {
                return Err("it names the deleted key by its path".to_owned());
            }
            Ok(Line::DeleteKey(format!("{key}\\{name_text}")))
        }
        Action::DeleteAllValues => Err(".reg can delete a whole key with its subkeys, not just its values".to_owned()),
        Action::DeleteValues(_) => Err(".reg can only delete values one by one".to_owned()),
        Action::SetIfMissing(_) => Err("\"only if the value does not exist yet\" has no .reg form".to_owned()),
        Action::SecureKey(_) => Err("the security of a key has no .reg form".to_owned()),
        Action::Comment(_) => Err("a comment record has no .reg form".to_owned()),
        _ => Err("an unknown directive has no .reg form".to_owned()),
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"")
}

/// `name=data`, over as many lines as it takes. Any type and any bytes have a form.
fn data(name: &str, record: &RecordRef<'_>) -> String {
    match record.value() {
        Ok(Value::Dword(n)) => return format!("{name}=dword:{n:08x}\r\n"),
        Ok(Value::Sz(text)) => {
            if let Ok(text) = text_of("text", text.as_wide(), |c| matches!(c, '\r' | '\n')) {
                return format!("{name}=\"{}\"\r\n", escape(&text));
            }
        }
        _ => {}
    }
    let mut out = match record.value_type {
        ValueType::BINARY => format!("{name}=hex:"),
        ValueType(n) => format!("{name}=hex({n:x}):"),
    };
    let mut column = out.chars().count();
    for (i, byte) in record.data.iter().enumerate() {
        if i > 0 {
            out.push(',');
            column = column.saturating_add(1);
            // Another byte, its comma and a backslash must fit.
            if column.saturating_add(4) > WIDTH {
                out.push_str("\\\r\n  ");
                column = 2;
            }
        }
        let _ = write!(out, "{byte:02x}");
        column = column.saturating_add(2);
    }
    out.push_str("\r\n");
    out
}

/// Writes a text of version 5.00; in a file it is UTF-16LE with a byte order mark. `remarks` and what is left out
/// stand in the head as comments.
///
/// Policy of other local GPOs has no hive here: all such records are losses.
pub fn write(scopes: &[Scoped<'_>], remarks: &[String]) -> Written {
    let (text, losses) = in_memory(|text| stream(scopes, remarks, text));
    Written { text, losses }
}

/// As [`write()`], record by record to wherever it goes.
///
/// # Errors
///
/// If that takes no more.
pub fn stream(scopes: &[Scoped<'_>], remarks: &[String], text: &mut dyn fmt::Write) -> Result<Vec<Loss>, fmt::Error> {
    // What is left out stands in the head.
    let losses = records(scopes, &mut Nowhere)?;
    text.write_str("Windows Registry Editor Version 5.00\r\n\r\n")?;
    let mut comments = remarks.iter().cloned().chain(losses.iter().map(Loss::remark)).peekable();
    let some = comments.peek().is_some();
    for comment in comments {
        write!(text, "; {}\r\n", comment.replace(['\r', '\n'], " "))?;
    }
    if some {
        text.write_str("\r\n")?;
    }
    records(scopes, text)?;
    Ok(losses)
}

/// The keys and values; says what has no line.
fn records(scopes: &[Scoped<'_>], body: &mut dyn fmt::Write) -> Result<Vec<Loss>, fmt::Error> {
    let mut losses = Vec::new();
    for Scoped { scope, file } in scopes {
        let hive = match scope {
            Scope::Computer => "HKEY_LOCAL_MACHINE",
            Scope::User => "HKEY_CURRENT_USER",
            Scope::UserOf(_) => {
                let why = || "the users of another local GPO have no hive of their own".to_owned();
                losses.extend(file.records().enumerate().map(|(i, r)| Loss::new(scope, i, &r, why(), false)));
                continue;
            }
        };
        // The key whose values are being written.
        let mut open: Option<WideStr<'_>> = None;
        for (index, record) in file.records().enumerate() {
            let key = record.key.to_text_lossy();
            match line(&record) {
                Err(why) => losses.push(Loss::new(scope, index, &record, why, false)),
                Ok(Line::Value(line)) => {
                    if open != Some(record.key) {
                        close(body, &mut open)?;
                        write!(body, "[{hive}\\{key}]\r\n")?;
                        open = Some(record.key);
                    }
                    body.write_str(&line)?;
                }
                Ok(Line::Key) => {
                    close(body, &mut open)?;
                    write!(body, "[{hive}\\{key}]\r\n\r\n")?;
                }
                Ok(Line::DeleteKey(path)) => {
                    close(body, &mut open)?;
                    write!(body, "[-{hive}\\{path}]\r\n\r\n")?;
                }
            }
        }
        close(body, &mut open)?;
    }
    Ok(losses)
}

/// An empty line ends the values of a key.
fn close(body: &mut dyn fmt::Write, open: &mut Option<WideStr<'_>>) -> fmt::Result {
    if open.take().is_some() { body.write_str("\r\n") } else { Ok(()) }
}
