//! `.reg`, the text of Windows' Registry Editor: version 5.00 is read and written, `REGEDIT4` is read.
//!
//! | text | record |
//! |---|---|
//! | `[HKEY_LOCAL_MACHINE\key]`, `[HKEY_CURRENT_USER\key]` | the computer's or the user's; alone, it creates the key |
//! | `"name"=…`, `@=…` | sets a value; `@` is the key's default value |
//! | `"name"=-`, `@=-` | `**del.name`: Windows deletes the value |
//! | `[-HIVE\key\sub]` | `**DeleteKeys` of `sub` below `key`: Windows deletes it with all below it |
//!
//! Importing such a text changes a registry once; a policy file says the same at every refresh. Directives other than
//! those have no form: Registry Editor can delete a whole key with its subkeys, but not just its values.
//!
//! Other hives than these two are refused: a policy file has no place for them.

mod read;
mod write;

use polfile::ValueType;

pub(super) use read::has_head;
pub use read::parse;
pub use write::{cannot_carry, stream, write};

/// Whether an import puts a NUL behind these data: behind texts of two types that have none, if there is anything to end.
fn is_ended_by_import(value_type: ValueType, data: &[u8]) -> bool {
    let (units, odd) = data.as_chunks::<2>();
    matches!(value_type, ValueType::EXPAND_SZ | ValueType::MULTI_SZ)
        && odd.is_empty()
        && units.last().is_some_and(|last| *last != [0, 0])
}

/// Bytes of a line before it is continued, as Registry Editor breaks lines.
const WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use polfile::{PolicyFile, Record, Value};

    use super::super::lgpo::Scope;
    use super::super::{Entry, Scoped, wide};
    use super::*;

    const HEAD: &str = "Windows Registry Editor Version 5.00\r\n\r\n";
    const KEY: &str = r"[HKEY_LOCAL_MACHINE\Software\X]";

    fn entries(body: &str) -> Vec<Entry> {
        parse(&format!("{HEAD}{body}")).unwrap()
    }

    fn value(line: &str) -> (String, ValueType, Vec<u8>) {
        let entries = entries(&format!("{KEY}\r\n{line}\r\n"));
        let record = entries[0].record.as_ref();
        assert_eq!(entries.len(), 1, "{line}");
        (record.value_name.to_text_lossy(), record.value_type, record.data.to_vec())
    }

    #[test]
    fn every_kind_of_value_is_read() {
        for (line, name, value_type, data) in [
            (r#""A"="b""#, "A", ValueType::SZ, wide("b\0")),
            (r#""A \"q\" \\"="C:\\x \"y\"" ; comment"#, "A \"q\" \\", ValueType::SZ, wide("C:\\x \"y\"\0")),
            ("@=\"d\"", "", ValueType::SZ, wide("d\0")),
            ("\"@\"=\"d\"", "@", ValueType::SZ, wide("d\0")),
            ("\"A\"=dword:0000001F", "A", ValueType::DWORD, vec![31, 0, 0, 0]),
            ("\"A\" = dword:1 ; one", "A", ValueType::DWORD, vec![1, 0, 0, 0]),
            ("\"A\"=hex:", "A", ValueType::BINARY, vec![]),
            ("\"A\"=hex:01,ff", "A", ValueType::BINARY, vec![1, 255]),
            ("\"A\"=hex:01,\\\r\n  ff,\\\r\n  02", "A", ValueType::BINARY, vec![1, 255, 2]),
            ("\"A\"=hex(0):", "A", ValueType::NONE, vec![]),
            ("\"A\"=hex(2):61,00,00,00", "A", ValueType::EXPAND_SZ, wide("a\0")),
            ("\"A\"=hex(7):61,00,00,00,00,00", "A", ValueType::MULTI_SZ, wide("a\0\0")),
            ("\"A\"=hex(B):01,00,00,00,00,00,00,00", "A", ValueType::QWORD, 1_u64.to_le_bytes().to_vec()),
            ("\"A\"=hex(12345):01", "A", ValueType(0x12345), vec![1]),
            ("\"A\"=\"one\r\ntwo\"", "A", ValueType::SZ, wide("one\r\ntwo\0")),
            ("\"A\"=-", "**del.A", ValueType::SZ, wide(" \0")),
            ("@=-", "**del.", ValueType::SZ, wide(" \0")),
        ] {
            assert_eq!(value(line), (name.to_owned(), value_type, data), "{line}");
        }
    }

    #[test]
    fn keys_are_created_deleted_and_belong_to_a_side() {
        let text = "; comment\r\n[HKEY_CURRENT_USER\\Software\\New]\r\n\r\n[-hkey_local_machine\\Software\\Old\\Sub]\r\n\
                    [HKLM\\Software\\New]\r\n";
        let found: Vec<_> = entries(text)
            .into_iter()
            .map(|e| {
                let r = e.record.as_ref();
                (e.line, e.scope, r.key.to_text_lossy(), r.value_name.to_text_lossy(), r.data.to_vec())
            })
            .collect();
        let owned = |line, scope, key: &str, name: &str, data| (line, scope, key.to_owned(), name.to_owned(), data);
        assert_eq!(
            found,
            [
                owned(4, Scope::User, "Software\\New", "", vec![]),
                owned(6, Scope::Computer, "Software\\Old", "**DeleteKeys", wide("Sub\0")),
                owned(7, Scope::Computer, "Software\\New", "", vec![]),
            ]
        );
    }

    #[test]
    fn regedit4_has_its_texts_in_single_bytes() {
        let text = "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\K]\n\"A\"=hex(2):25,fc,25,00\n\"B\"=hex(7):61,00,62,00,00\n\"C\"=hex:fc\n";
        let data: Vec<Vec<u8>> = parse(text).unwrap().iter().map(|entry| entry.record.as_ref().data.to_vec()).collect();
        assert_eq!(data, [wide("%ü%\0"), wide("a\0b\0\0"), vec![0xFC]]);
    }

    #[test]
    fn what_cannot_be_policy_is_refused_with_its_place() {
        for (body, why) in [
            ("[HKEY_CLASSES_ROOT\\.txt]", "line 3, column 2: HKEY_CLASSES_ROOT is neither"),
            ("[HKEY_USERS\\.DEFAULT\\X]", "line 3, column 2: HKEY_USERS is neither"),
            ("[-HKEY_LOCAL_MACHINE]", "line 3, column 3: HKEY_LOCAL_MACHINE has no key behind it"),
            ("[HKEY_LOCAL_MACHINE]\n@=\"x\"", "line 4, column 1: a value before any key that has a name"),
            ("[-HKEY_LOCAL_MACHINE\\Software]", "line 3, column 1: Software is a key at the root of the hive"),
            ("\"A\"=\"b\"", "line 3, column 1: a value before any key"),
            ("[HKLM\\K", "line 3, column 1: no ] at the end of the line"),
            ("[HKLM\\K]\r\nA=\"b\"", "line 4, column 1: expected"),
            ("[HKLM\\K]\r\n\"A\"=dword:xyz", "line 4, column 5: "),
            ("[HKLM\\K]\r\n\"A\"=hex:0g", "line 4, column 9: "),
            ("[HKLM\\K]\r\n\"A\"=hex:01,\\\r\n  zz", "line 5, column 3: "),
            ("[HKLM\\K]\r\n\"A\"=\"b", "line 4, column 5: the text has no closing"),
            ("[HKLM\\K]\r\n\"A\"=\"b\"c", "line 4, column 8: "),
            ("[HKLM\\K]\r\n\"A\"=b", "line 4, column 5: "),
            ("[-HKLM\\K\\a;b]", "line 3, column 1: "),
        ] {
            let error = parse(&format!("{HEAD}{body}\r\n")).unwrap_err().to_string();
            assert!(error.starts_with(why), "{body}: {error}");
        }
        assert!(parse("hello").unwrap_err().to_string().starts_with("line 1, column 1: "));
    }

    #[test]
    fn text_is_written_as_registry_editor_writes_it() {
        let mut file = PolicyFile::new();
        for record in [
            Record::set("Software\\X", "", &Value::from("a\\b \"c\"")).unwrap(),
            Record::set("Software\\X", "N", &Value::Dword(31)).unwrap(),
            Record::set("Software\\X", "Bytes", &Value::Binary((0..30).collect())).unwrap(),
            Record::delete_value("Software\\X", "Old").unwrap(),
            Record::create_key("Software\\New").unwrap(),
            Record::set("Software\\New", "E", &Value::ExpandSz("a".into())).unwrap(),
            Record::delete_keys("Software\\New", "Gone").unwrap(),
            Record::delete_all_values("Software\\New").unwrap(),
        ] {
            file.push(record.as_ref());
        }
        let written = write(&[Scoped { scope: Scope::Computer, file: &file }], &["a remark".to_owned()]);
        let expected = format!(
            "{HEAD}; a remark\r\n; Computer, record 8 **delvals. left out: .reg can delete a whole key with its subkeys, \
             not just its values\r\n\r\n\
             {KEY}\r\n@=\"a\\\\b \\\"c\\\"\"\r\n\"N\"=dword:0000001f\r\n\
             \"Bytes\"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13,14,15,\\\r\n  \
             16,17,18,19,1a,1b,1c,1d\r\n\"Old\"=-\r\n\r\n\
             [HKEY_LOCAL_MACHINE\\Software\\New]\r\n\r\n\
             [HKEY_LOCAL_MACHINE\\Software\\New]\r\n\"E\"=hex(2):61,00,00,00\r\n\r\n\
             [-HKEY_LOCAL_MACHINE\\Software\\New\\Gone]\r\n\r\n"
        );
        assert_eq!(written.text, expected);
        assert!(written.text.lines().all(|line| line.starts_with(';') || line.len() <= WIDTH));
        let again: PolicyFile = parse(&written.text).unwrap().iter().map(|e| e.record.as_ref()).collect();
        assert!(again.records().map(|r| r.to_record()).eq(file.records().take(7).map(|r| r.to_record())));
    }
}
