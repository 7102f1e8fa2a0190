//! `gpol git textconv`: a policy file as lines that git can compare.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use gpo::model::{RecordModel, ValueModel};
use gpo::secret::{are_shown, may_hold_secrets};
use gpo::transaction::Content;
use polfile::{Action, Record, RecordRef, Value, ValueType, salvage};

use crate::commands::values;
use crate::context::read_input;
use crate::error::Stop;
use crate::exit::Exit;
use crate::malformed::thousands;
use crate::ui::{Ui, escape};

/// Print a policy file as text for git diff and git log -p
///
/// One line a record, in file order, by registry key: no templates and no names of policies, so that
/// the text depends on the file alone. What such a line cannot say exactly has the record's bytes
/// behind it, so a byte that changes always shows. Of a damaged file, what is whole and the bytes of
/// what is not.
///
/// Exit code: 0 whenever the file can be read, damaged or not; git would stop otherwise.
#[derive(Args, Debug)]
pub struct TextconvArgs {
    /// Policy file, or `-` for standard input
    file: PathBuf,
}

pub fn run(args: &TextconvArgs, ui: &Ui) -> Result<Exit, Stop> {
    ui.raw(text(&read_input(&args.file)?).as_bytes())?;
    Ok(Exit::Yes)
}

/// The text of a file. Where something of it is hidden, its hash tells it from other files, as git's own `index` line does.
fn text(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "(an empty file, which is no policy file)\n".to_owned();
    }
    let mut out = String::new();
    let hides = hide_secrets(&mut out, bytes);
    if hides {
        let _ = writeln!(out, "(secrets are hidden; this file is {})", &Content::of(bytes).sha256[..16]);
    }
    out
}

/// Writes the text of a file. Whether something is hidden in it.
fn hide_secrets(out: &mut String, bytes: &[u8]) -> bool {
    let saved = match salvage(bytes) {
        Ok(saved) => saved,
        Err(error) => {
            let _ = writeln!(out, "(not a policy file: {error})");
            let hides = may_be_shown(bytes).is_none();
            match hides {
                true => out.push_str("(its content may hold secrets and is hidden)\n"),
                false => foreign(out, bytes),
            }
            return hides;
        }
    };
    if !saved.lost.is_empty() {
        out.push_str("(damaged; gpol recover keeps what is whole)\n");
    } else if saved.records.is_empty() {
        out.push_str("(no records)\n");
    }
    let mut hides = false;
    let mut lost = saved.lost.iter().peekable();
    for (index, record) in saved.records.iter().enumerate() {
        while let Some(lost) = lost.next_if(|lost| lost.bytes.start < record.offset) {
            hides |= damage(out, bytes, lost);
        }
        hides |= line(out, bytes, index, record);
    }
    lost.fold(hides, |hides, lost| damage(out, bytes, lost) || hides)
}

/// `KEY!NAME  what it does`, and the bytes where that does not say all.
/// Whether something of it is hidden.
fn line(out: &mut String, bytes: &[u8], index: usize, record: &RecordRef<'_>) -> bool {
    let model = RecordModel::new(index, record);
    let hides = model.hidden || model.value_name != record.value_name.into();
    let what = format!("{}!{}  {}", values::key(None, &model), values::name(&model), values::effect(&model));
    out.push_str(&escape(&what));
    if !hides && !says_all(record, &model) {
        out.push_str("  = ");
        hex(out, bytes.get(record.span()).unwrap_or_default());
    }
    out.push('\n');
    hides
}

/// Whether nothing in a text looks like an escape that [`escape`] writes.
fn unescaped(text: &str) -> bool {
    !text.contains(r"\u{")
}

/// Whether no other record has the same line.
fn says_all(record: &RecordRef<'_>, model: &RecordModel) -> bool {
    let (key, name) = (record.key.to_text(), record.value_name.to_text());
    let (Ok(key), Ok(name)) = (key, name) else { return false };
    let clear = |text: &str| unescaped(text) && !text.contains("  ") && text.trim() == text;
    if !clear(&key) || !clear(&name) || key.contains('!') || ["(Default)", "(key only)"].contains(&&*name) {
        return false;
    }
    let blank = |blank: Result<Record, _>| {
        blank.is_ok_and(|blank: Record| {
            (blank.as_ref().value_type, blank.as_ref().data) == (record.value_type, record.data)
        })
    };
    match record.action() {
        Action::Set | Action::SetIfMissing(_) | Action::Unknown => reads_back(record, model),
        Action::CreateKey => true,
        Action::DeleteValue(_) => blank(Record::delete_value("", "")),
        Action::DeleteAllValues => blank(Record::delete_all_values("")),
        Action::DeleteValues(_) | Action::DeleteKeys(_) => {
            record.value_type == ValueType::SZ && reads_back(record, model)
        }
        Action::SecureKey(_) => record.value_type == ValueType::DWORD && reads_back(record, model),
        _ => false,
    }
}

/// Whether type and data are known from the value that is shown.
fn reads_back(record: &RecordRef<'_>, model: &RecordModel) -> bool {
    let clear = |text: &gpo::model::Text| unescaped(&text.lossy());
    let unmistakable = match &model.value {
        // Numbers and bytes are shown as they are.
        Some(ValueModel::Number(_)) | None => true,
        // A line that says all ends with the closing quotation mark, so others may stand in the text.
        Some(ValueModel::Text(text)) => clear(text),
        Some(ValueModel::List(texts)) => texts.iter().all(|text| clear(text) && !text.lossy().contains('"')),
    };
    let encoded = Value::decode(record.value_type, record.data).map(|value| value.encode());
    unmistakable
        && encoded.map_or(model.value.is_none(), |encoded| encoded == (record.value_type, record.data.to_vec()))
}

/// Bytes that are no record. Whether they are hidden: nothing tells what of a damaged file is a secret.
fn damage(out: &mut String, bytes: &[u8], lost: &polfile::Lost) -> bool {
    let (start, end) = (lost.bytes.start, lost.bytes.end);
    let size = thousands(end.saturating_sub(start));
    let _ = writeln!(out, "(damaged from {start:#x} to {end:#x}, {size} bytes: {})", lost.error);
    match may_be_shown(bytes) {
        Some(bytes) => dump(out, bytes.get(start..end).unwrap_or_default(), start),
        None => out.push_str("  (hidden)\n"),
    }
    may_be_shown(bytes).is_none()
}

/// The bytes of a file, where nothing in it names a place of secrets.
fn may_be_shown(bytes: &[u8]) -> Option<&[u8]> {
    (are_shown() || !may_hold_secrets(bytes)).then_some(bytes)
}

/// A file of another kind: its text, where it is text, else its bytes.
fn foreign(out: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.ends_with('\n') && text.lines().all(|line| escape(line) == line) && !text.contains('\r') => {
            out.push_str(text);
        }
        _ => dump(out, bytes, 0),
    }
}

/// Bytes in rows of 16.
fn dump(out: &mut String, bytes: &[u8], start: usize) {
    for (row, bytes) in bytes.chunks(16).enumerate() {
        let _ = write!(out, "  {:06x}  ", start.saturating_add(row.saturating_mul(16)));
        hex(out, bytes);
        out.push('\n');
    }
}

fn hex(out: &mut String, bytes: &[u8]) {
    for (i, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{byte:02x}", if i > 0 { " " } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::PolBuilder;
    use std::collections::HashMap;

    const KEY: &str = r"Software\Policies\Acme";

    fn sample() -> Vec<u8> {
        PolBuilder::new()
            .dword(KEY, "Level", 3)
            .sz(KEY, "Folder", r"C:\new")
            .del_all_values(KEY)
            .sz(KEY, "**soft.Home", r"x\u{a}y")
            .dword(KEY, "", 1)
            .build()
    }

    #[test]
    fn a_record_is_a_line() {
        assert_eq!(
            text(&sample()).lines().take(4).collect::<Vec<_>>(),
            [
                r"Software\Policies\Acme!Level  REG_DWORD  3",
                r#"Software\Policies\Acme!Folder  REG_SZ  "C:\new""#,
                r"Software\Policies\Acme!**delvals.  makes Windows delete all values of the key",
                &format!(
                    r#"Software\Policies\Acme!**soft.Home  sets the value if it is missing: REG_SZ  "x\u{{5c}}u{{a}}y"  = {}"#,
                    {
                        let file = polfile::PolicyFile::parse(&sample()).unwrap();
                        let record = file.record(3).unwrap();
                        let bytes = &sample()[record.span()];
                        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
                    }
                ),
            ]
        );
        assert_eq!(text(&PolBuilder::new().build()), "(no records)\n");
    }

    #[test]
    fn every_byte_that_changes_shows() {
        let mut seen: HashMap<String, Vec<u8>> = HashMap::new();
        let mut files: Vec<Vec<u8>> = fixtures::pol_files().into_iter().map(|(_, bytes, _)| bytes).collect();
        files.retain(|bytes| bytes.len() < 4096);
        files.push(sample());
        for bytes in files.clone() {
            for at in 0..bytes.len().min(400) {
                for change in [0x01, 0x20, 0x80] {
                    let mut changed = bytes.clone();
                    changed[at] ^= change;
                    files.push(changed);
                }
                files.push(bytes[..at].to_vec());
            }
        }
        for bytes in files {
            let text = text(&bytes);
            let other = seen.entry(text.clone()).or_insert_with(|| bytes.clone());
            assert_eq!(*other, bytes, "one text for two files:\n{text}");
        }
    }

    #[test]
    fn what_is_no_policy_file_is_shown_as_what_it_is() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
        assert!(text(pointer.as_bytes()).ends_with(&format!(")\n{pointer}")));
        assert!(text(b"\xFF\xFEP\0").ends_with("\n  000000  ff fe 50 00\n"));
        let mut broken = sample();
        broken.truncate(broken.len() - 3);
        let text = text(&broken);
        assert!(
            text.starts_with("(damaged; gpol recover keeps what is whole)\n") && text.contains("Level  REG_DWORD  3")
        );
    }
}
