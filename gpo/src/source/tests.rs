use std::fs;

use polfile::{Record, Value};

use super::*;

const PARTS: &str = "Computer\nK\nA\nDWORD:1\n\nUser:Administrators\nHKCU\\K\nB\nDWORD:2\n\nComputer\nK\nC\nDWORD:3\n";

fn read_text(name: &str, text: &[u8]) -> Result<Source, SourceError> {
    read_bytes(name.as_ref(), text.to_vec(), Options::default())
}

fn shown(source: &Source) -> Vec<String> {
    let mut all = Vec::new();
    for part in &source.parts {
        for (index, record) in part.file.records().enumerate() {
            all.push(format!("{} {} {}!{}", part.scope_word(), part.place(index), record.key, record.value_name));
        }
    }
    all
}

#[test]
fn a_text_has_a_part_for_each_scope_and_knows_its_lines() {
    let source = read_text("x.txt", PARTS.as_bytes()).unwrap();
    assert_eq!(source.kind, SourceKind::Lgpo);
    assert_eq!(
        shown(&source),
        ["computer x.txt:1 K!A", "computer x.txt:11 K!C", "user:administrators x.txt:6 HKCU\\K!B"]
    );
    let notes: Vec<String> = source.notes.iter().map(|(place, _)| place.to_string()).collect();
    assert_eq!(notes, ["x.txt:6"]);
}

#[test]
fn every_format_is_recognised_in_any_encoding() {
    let state = "apiVersion: gpol/v1\nkind: PolicySet\nuser: {registry: [{key: K, value: A, type: dword, data: 1}]}\n";
    for (text, kind) in [
        ("User\r\nK\r\nA\r\nDWORD:1\r\n", SourceKind::Lgpo),
        ("REGEDIT4\r\n\r\n[HKEY_CURRENT_USER\\K]\r\n\"A\"=dword:1\r\n", SourceKind::Reg),
        (
            "<PolicyRules><UserConfig><Key>K</Key><Value>A</Value><RegType>REG_DWORD</RegType><RegData>1</RegData></UserConfig></PolicyRules>",
            SourceKind::PolicyRules,
        ),
        (
            r#"[{"keyname": "K", "valuename": "A", "class": "USER", "type": "REG_DWORD", "data": 1}]"#,
            SourceKind::SambaJson,
        ),
        (state, SourceKind::State),
        (
            r#"{"apiVersion": "gpol/v1", "kind": "PolicySet", "user": {"registry": [{"key": "K", "value": "A", "type": "dword", "data": 1}]}}"#,
            SourceKind::State,
        ),
        (
            "apiVersion = 'gpol/v1'\nkind = 'PolicySet'\n[[user.registry]]\nkey = 'K'\nvalue = 'A'\ntype = 'dword'\ndata = 1\n",
            SourceKind::State,
        ),
        (
            "<RegistrySettings><Registry><Properties action='U' hive='HKEY_CURRENT_USER' key='K' name='A' type='REG_DWORD' value='1'/></Registry></RegistrySettings>",
            SourceKind::GppRegistry,
        ),
    ] {
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let expected = Record::set("K", "A", &Value::Dword(1)).unwrap();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            [b"\xFF\xFE", &*utf16].concat(),
            utf16.clone(),
        ] {
            let source = read_text("x", &bytes).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((source.kind, source.parts.len()), (kind, 1), "{text}");
            assert_eq!(source.parts[0].scope, Some(Scope::User), "{text}");
            assert_eq!(source.parts[0].file.record(0).unwrap().to_record(), expected, "{text}");
        }
    }
}

#[test]
fn what_is_not_recognised_or_broken_says_so() {
    let error = |text: &[u8]| read_text("x", text).unwrap_err().to_string();
    assert_eq!(error(b"hello\n"), "x, line 1: expected \"Computer\" or \"User\", found \"hello\"");
    assert!(error(b"PReg\x01\0\0\0[").starts_with("x: offset 0x"));
    assert_eq!(
        error(b"REGEDIT4\n[HKCR\\x]\n"),
        "x, line 2, column 2: HKCR is neither HKEY_LOCAL_MACHINE nor HKEY_CURRENT_USER, where policy goes"
    );
    assert!(matches!(read("no such file".as_ref(), Options::default()), Err(SourceError::Io { .. })));
}

#[test]
fn a_gpo_has_its_sides_and_names_what_is_no_registry_policy() {
    let dir = tempfile::tempdir().unwrap();
    let gpo = dir.path().join("{31B2F340-016D-11D2-945F-00C04FB984F9}");
    let mut file = PolicyFile::new();
    file.put(&Record::set("K", "A", &Value::Dword(1)).unwrap());
    for (name, bytes) in [
        ("gpt.ini", &b"[General]\r\nVersion=1\r\n"[..]),
        ("MACHINE/registry.pol", file.as_bytes()),
        ("MACHINE/comment.cmtx", b"<x/>"),
        ("MACHINE/Microsoft/Windows NT/SecEdit/GptTmpl.inf", b"[System Access]\r\nMinimumPasswordAge=1\r\n"),
        ("MACHINE/Scripts/Startup/empty.txt", b""),
        ("User/Preferences/Drives/Drives.xml", b"<x><Drive/></x>"),
    ] {
        let path = gpo.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let source = read(&gpo, Options::default()).unwrap();
    assert_eq!(source.kind, SourceKind::Target(target::Kind::GpoSysvol));
    assert_eq!(source.parts.len(), 1);
    assert_eq!(source.parts[0].gpo.as_deref(), Some("{31B2F340-016D-11D2-945F-00C04FB984F9}"));
    assert!(source.parts[0].place(0).to_string().ends_with("registry.pol, record 1 @ 0x8"));
    let asides: Vec<String> = source.beside_policy().into_iter().map(|aside| aside.what).collect();
    assert_eq!(asides, ["security settings (GptTmpl.inf)", "preferences (Drives.xml)"]);
}
