//! What is wrong in a policy file, with the bytes around the place.

use std::path::Path;

use gpo::secret::{are_shown, may_hold_secrets};
use polfile::{ErrorKind, Field, Lookalike, ParseError};

use crate::error::{Code, CommandError};
use crate::paste::quoted;
use crate::ui::{Line, Style};

/// The error for people.
pub fn policy_file(path: &Path, bytes: &[u8], error: &ParseError) -> CommandError {
    let name = path.display();
    let number = error.record.map_or(0, |record| record + 1);
    let (code, what) = match &error.kind {
        ErrorKind::Empty => (Code::EMPTY_FILE, format!("{name} is empty")),
        ErrorKind::NotPolicyFile(lookalike) => (Code::NOT_A_POLICY_FILE, not_a_policy_file(path, *lookalike)),
        ErrorKind::Version { found } => (Code::VERSION, format!("{name} has version {found}; only version 1 is known")),
        ErrorKind::Truncated { .. } if error.record.is_none() => {
            (Code::CUT_OFF, format!("{name} ends inside its header"))
        }
        ErrorKind::Truncated { .. } if error.field == Field::Data => {
            (Code::DATA_CUT_OFF, format!("record {number} declares more data than the file holds"))
        }
        ErrorKind::Truncated { .. } | ErrorKind::Unterminated => (Code::CUT_OFF, format!("record {number} is cut off")),
        ErrorKind::Separator { .. } if error.field == Field::Start => {
            (Code::SEPARATOR, format!("something other than a record stands behind record {}", number - 1))
        }
        ErrorKind::Separator { .. } if error.field == Field::End => {
            (Code::SEPARATOR, format!("record {number} does not end where its size says"))
        }
        _ => (Code::SEPARATOR, format!("record {number} is broken behind its {}", error.field)),
    };
    let mut failed = CommandError::new(code, what);
    if error.record.is_some() {
        let size = thousands(bytes.len());
        failed = failed.detail(format!("file  {name} ({size} bytes), offset {:#x}", error.offset));
        failed = failed.lines(window(bytes, error.offset, &marker(error, hides(bytes)), hides(bytes)));
    }
    failed = match number {
        0 => failed,
        1 => failed.detail("No record before it. Nothing was written."),
        2 => failed.detail("Record 1 is intact. Nothing was written."),
        _ => failed.detail(format!("Records 1-{} are intact. Nothing was written.", number - 1)),
    };
    advise(failed, path, error)
}

fn not_a_policy_file(path: &Path, lookalike: Lookalike) -> String {
    match lookalike {
        Lookalike::Unknown => format!("{} is not a policy file: it does not begin with \"PReg\"", path.display()),
        Lookalike::ByteOrderMark => format!("{} has a byte order mark before its signature", path.display()),
        Lookalike::TextEditor => {
            format!("{} went through a text editor: its zero bytes are gone or are blanks now", path.display())
        }
        looks_like => format!("{} is not a policy file; it looks like {looks_like}", path.display()),
    }
}

fn advise(failed: CommandError, path: &Path, error: &ParseError) -> CommandError {
    let name = quoted(&path.display().to_string());
    match &error.kind {
        ErrorKind::Empty => {
            failed.help("restore it from a backup, or delete it: a missing policy file is an empty policy to editors")
        }
        ErrorKind::NotPolicyFile(Lookalike::TextEditor) => failed
            .help("what stood there cannot be told any more; take the file from a backup, and copy it as binary data"),
        ErrorKind::NotPolicyFile(Lookalike::ByteOrderMark) => {
            failed.help("a text program has saved it and may have changed more; take the file from a backup")
        }
        ErrorKind::NotPolicyFile(Lookalike::GitLfsPointer) => {
            failed.help(format!("fetch the real file:  git lfs pull --include {name}"))
        }
        ErrorKind::NotPolicyFile(Lookalike::LgpoText) => {
            failed.help(format!("make a policy file of it:  gpol convert {name} -o Registry.pol"))
        }
        ErrorKind::NotPolicyFile(Lookalike::RegistryHive) => failed
            .help("policy of Windows NT 4 has no meaning for Windows 2000 and later; look at it with a hive reader"),
        ErrorKind::NotPolicyFile(_) | ErrorKind::Version { .. } => {
            failed.help("is it the right file? Policy lies in Machine/Registry.pol and User/Registry.pol of a GPO")
        }
        _ if error.record.is_some() => {
            failed.help(format!("keep what is intact:  gpol recover {name} -o Registry.fixed.pol"))
        }
        _ => failed.help("restore it from a backup"),
    }
}

/// What the marker under the wrong byte says.
fn marker(error: &ParseError, hides: bool) -> String {
    match &error.kind {
        ErrorKind::Separator { expected, .. } if hides => format!("'{}' must stand here", char::from(*expected)),
        ErrorKind::Truncated { need, have } => {
            format!("{}: {} bytes needed, {} left", error.field, thousands(*need), thousands(*have))
        }
        ErrorKind::Separator { expected, found } => {
            let shown = char::from_u32(u32::from(*found)).filter(char::is_ascii_graphic);
            let found = shown.map_or_else(|| format!("{found:#06x}"), |c| format!("'{c}'"));
            format!("'{}' must stand here, not {found}", char::from(*expected))
        }
        ErrorKind::Unterminated => format!("the {} that begins here has no terminator", error.field),
        other => other.to_string(),
    }
}

/// Whether bytes around damage are shown as places alone: in a file that names a place of secrets, nothing tells what of the
/// damaged part is one.
fn hides(bytes: &[u8]) -> bool {
    !are_shown() && may_hold_secrets(bytes)
}

/// Two rows of bytes with the wrong one marked; of hidden ones only NULs and the signs between fields.
fn window(bytes: &[u8], offset: usize, text: &str, hides: bool) -> Vec<Line> {
    const ROW: usize = 16;
    let here = offset / ROW * ROW;
    let mut lines = Vec::new();
    for start in [here.checked_sub(ROW), Some(here), here.checked_add(ROW)].into_iter().flatten() {
        if let Some(row) = bytes.get(start..).filter(|row| !row.is_empty() || start == here) {
            let row = &row[..row.len().min(ROW)];
            let shown = |byte: u8| !hides || matches!(byte, 0 | b'[' | b';' | b']');
            let hex = row.iter().map(|b| if shown(*b) { format!("{b:02x}") } else { "··".to_owned() });
            let hex: Vec<String> = hex.collect();
            let graphic = |b: u8| b.is_ascii_graphic() && shown(b);
            let ascii: String = row.iter().map(|b| if graphic(*b) { char::from(*b) } else { '.' }).collect();
            lines.push(
                Line::indented(3)
                    .span(Style::Faint, format!("{start:04x}"))
                    .text(format!("  {:<47}   {ascii}", hex.join(" "))),
            );
        }
        if start == here {
            let column = 3 + 4 + 2 + 3 * (offset - here);
            lines.push(Line::indented(column).span(Style::Bad, "^^ ").span(Style::Bad, text));
        }
    }
    if hides {
        let why = "bytes are hidden, since the file may hold secrets; --show-secrets shows them";
        lines.push(Line::indented(3).span(Style::Faint, why));
    }
    lines
}

/// A number with its digits in groups of three.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_groups_of_three() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
