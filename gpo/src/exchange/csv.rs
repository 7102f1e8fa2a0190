//! Records as comma-separated values, for spreadsheets. Written, not read.
//!
//! One line a record, every one of them: `raw` has the data that no column can show. RFC 4180: CR LF, quotes where
//! needed. Secrets are hidden: nothing reads the table again. A cell that a spreadsheet would take for a formula gets an apostrophe in front.

use std::fmt;

use admx::Catalog;
use polfile::{RecordRef, Value, WideStr};

use super::{Scoped, in_memory};
use crate::model::{Judged, Text, hex, shown_name};
use crate::secret::HIDDEN;

/// The columns.
pub const COLUMNS: [&str; 9] = ["scope", "record", "policy", "key", "value_name", "action", "type", "value", "raw"];

/// Writes the records of all scopes, with the names of the policies that they belong to where the templates know them.
///
/// ```
/// use gpo::exchange::{Scoped, csv, lgpo::Scope};
/// use polfile::{PolicyFile, Record, Value};
/// let mut file = PolicyFile::new();
/// file.put(&Record::set("Software\\X", "A", &Value::from("=1+1"))?);
/// let text = csv::write(&[Scoped { scope: Scope::User, file: &file }], None);
/// assert!(text.ends_with("user,1,,Software\\X,A,set,REG_SZ,'=1+1,3d0031002b0031000000\r\n"));
/// # Ok::<(), polfile::RecordError>(())
/// ```
pub fn write(scopes: &[Scoped<'_>], catalog: Option<&Catalog>) -> String {
    in_memory(|text| stream(scopes, catalog, text)).0
}

/// As [`write()`], record by record to wherever it goes.
///
/// # Errors
///
/// If that takes no more.
pub fn stream(scopes: &[Scoped<'_>], catalog: Option<&Catalog>, text: &mut dyn fmt::Write) -> fmt::Result {
    write!(text, "{}\r\n", COLUMNS.join(","))?;
    for Scoped { scope, file } in scopes {
        for (index, record) in file.records().enumerate() {
            let cells = [
                scope.word(),
                index.saturating_add(1).to_string(),
                catalog.map(|catalog| policies(catalog, scope.side(), &record)).unwrap_or_default(),
                shown(record.key),
                name(&record),
                record.action().name().to_owned(),
                record.value_type.name().map_or_else(|| record.value_type.0.to_string(), str::to_owned),
                value(&record),
                Judged::record(&record).raw(),
            ];
            let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
            write!(text, "{}\r\n", cells.join(","))?;
        }
    }
    Ok(())
}

/// Display names of the policies that claim the value.
fn policies(catalog: &Catalog, side: admx::Side, record: &RecordRef<'_>) -> String {
    use polfile::Action;
    let name = match record.action() {
        Action::DeleteValue(name) | Action::SetIfMissing(name) => name,
        _ => record.value_name,
    };
    let mut names: Vec<&str> =
        catalog.claiming(side, &record.key, &name).map(|policy| policy.display_name.trim()).collect();
    names.dedup();
    names.join("; ")
}

/// A name; its units in hexadecimal where it is not valid UTF-16.
fn shown(text: WideStr<'_>) -> String {
    text.to_text().unwrap_or_else(|_| format!("utf16le:{}", hex(text.as_bytes())))
}

fn name(record: &RecordRef<'_>) -> String {
    match shown_name(record.key, record.value_name) {
        Text::Valid(name) => name,
        Text::Units { .. } => shown(record.value_name),
    }
}

fn value(record: &RecordRef<'_>) -> String {
    match record.value() {
        Ok(_) if Judged::record(record).is_hidden() => HIDDEN.to_owned(),
        Ok(Value::Sz(text) | Value::ExpandSz(text)) => shown(text.as_wide()),
        Ok(Value::Dword(n) | Value::DwordBigEndian(n)) => n.to_string(),
        Ok(Value::Qword(n)) => n.to_string(),
        Ok(Value::MultiSz(texts)) => texts.iter().map(|text| shown(text.as_wide())).collect::<Vec<_>>().join("\n"),
        Ok(Value::Binary(_) | Value::Other(..)) | Err(_) => String::new(),
    }
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use polfile::{PolicyFile, Record};

    use super::super::lgpo::Scope;
    use super::*;

    #[test]
    fn a_table_has_a_line_for_every_record_and_no_formula() {
        let ts = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
        let mut file = PolicyFile::new();
        for record in [
            Record::set(ts, "UserAuthentication", &Value::Dword(0)).unwrap(),
            Record::set("K", "a,\"b\"", &Value::from("=HYPERLINK(1)")).unwrap(),
            Record::set("K", "@x", &Value::MultiSz(vec!["a".into(), "b".into()])).unwrap(),
            Record::new("K".into(), "".into(), polfile::ValueType(153), vec![1]).unwrap(),
        ] {
            file.push(record.as_ref());
        }
        let text = write(&[Scoped { scope: Scope::Computer, file: &file }], Some(&Catalog::builtin()));
        let nla = "Require user authentication for remote connections by using Network Level Authentication";
        let lines = [
            "scope,record,policy,key,value_name,action,type,value,raw".to_owned(),
            format!("computer,1,{nla},{ts},UserAuthentication,set,REG_DWORD,0,00000000"),
            "computer,2,,K,\"a,\"\"b\"\"\",set,REG_SZ,'=HYPERLINK(1),3d0048005900500045005200".to_owned()
                + "4c0049004e004b002800310029000000",
            "computer,3,,K,'@x,set,REG_MULTI_SZ,\"a\nb\",610000006200000000".to_owned() + "00",
            "computer,4,,K,,set,153,,01".to_owned(),
        ];
        assert_eq!(text, lines.map(|line| line + "\r\n").concat());
    }
}
