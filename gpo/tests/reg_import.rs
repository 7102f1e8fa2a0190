//! `.reg` texts as Registry Editor takes them.
//!
//! What is right was not found out with gpol: Wine's conformance tests of `reg import` and `regedit`, which pass on Windows, say what
//! Windows imports (`programs/reg/tests/import.c`; the name of the test stands beside each case). Where Windows skips a line in
//! silence, gpol refuses the text, and names the line.

#![allow(clippy::unwrap_used)] // helpers of tests are tests as well

use gpo::exchange::{Entry, Sniffed, reg, sniff};
use polfile::ValueType;

const ANSI: &str = "REGEDIT4\n\n[HKEY_CURRENT_USER\\K]\n";
const WIDE: &str = "Windows Registry Editor Version 5.00\n\n[HKEY_CURRENT_USER\\K]\n";

type Found = (String, ValueType, Vec<u8>);

/// The values of a text: name, type and data.
fn values(text: &str) -> Result<Vec<Found>, String> {
    let found = |entry: &Entry| {
        let record = entry.record.as_ref();
        (record.value_name.to_text_lossy(), record.value_type, record.data.to_vec())
    };
    reg::parse(text).map(|entries| entries.iter().map(found).collect()).map_err(|error| error.to_string())
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A body, and its one value as the registry has it then.
fn taken(case: &str, head: &str, body: &str, value_type: ValueType, data: Vec<u8>) {
    let found = values(&format!("{head}{body}"));
    assert_eq!(found, Ok(vec![("V".to_owned(), value_type, data)]), "{case}: {body}");
}

/// A body of which Windows does not import a value, and where gpol says so.
fn refused(case: &str, body: &str, place: &str) {
    for head in [ANSI, WIDE] {
        let error = values(&format!("{head}{body}")).expect_err(case);
        assert!(error.starts_with(&format!("{place}: ")), "{case}: {body}\n{error}");
    }
}

#[test]
fn lines_of_a_value_go_on_behind_a_comma_and_a_backslash() {
    let line = || wide("Line\0\0");
    for (case, body) in [
        ("Wine3", "\"V\"=hex(7):4c,69,\\\n  6e,65,00,00\n"),
        ("Wine16, a comment between", "\"V\"=hex(7):4c,69,\\\n  ;comment\n  6e,65,00,00\n"),
        ("Wine60a, a comment at the margin", "\"V\"=hex(7):4c,69,\\\n;comment\n  6e,65,00,00\n"),
        ("Wine60e, empty lines between", "\"V\"=hex(7):4c,69,\\\n\n\n  6e,65,00,00\n"),
        ("Wine60f, blank lines between", "\"V\"=hex(7):4c,69,\\\n \t\n  6e,65,00,00\n"),
        ("Multi-Line1, comments behind", "\"V\"=hex(7):4c,69,\\;comment\n  6e,\\  ;comment\n  65,00,00\n"),
        ("Wine48, blanks before the backslash", "\"V\"=hex(7):4c,69,  \\\n  6e,65,\t\\\n00,00\n"),
        ("Wine52l, nothing but the backslash at first", "\"V\"=hex(7):\\\n  4c,69,6e,65,00,00\n"),
        ("Wine66f, a comma at the end", "\"V\"=hex(7):4c,69,6e,65,00,00,\n"),
        ("Wine50, a comment at the end", "\"V\"=hex(7):4c,69,6e,65,00,00\t;comment\n"),
    ] {
        taken(case, ANSI, body, ValueType::MULTI_SZ, line());
    }
    taken("Wine62c, the text ends", ANSI, "\"V\"=hex:11,22,\\", ValueType::BINARY, vec![0x11, 0x22]);
    for (case, body, place) in [
        ("Wine45c", "\"V\"=hex:11,22\\\n,33\n", "line 4, column 14"),
        ("Wine45d", "\"V\"=hex:11,22\\\n  ,33\n", "line 4, column 14"),
        ("Wine45e", "\"V\"=hex:11,22\\\n  33\n", "line 4, column 14"),
        ("Wine45f", "\"V\"=hex:11,2\\\n2,33\n", "line 4, column 13"),
        ("Wine45k", "\"V\"=hex:11,\\;comment\n  22,\\#comment\n  33\n", "line 5, column 6"),
        ("Wine14", "\"V\"=hex:11,\\\n  #comment\n  22\n", "line 5, column 3"),
        ("Wine52a", "\"V\"=hex:11\\,22\n", "line 4, column 9"),
        ("Wine52b", "\"V\"=hex:11,\\22\n", "line 4, column 12"),
        ("Wine52j", "\"V\"=hex:11,\\\\\n  22\n", "line 4, column 13"),
        ("Wine52k", "\"V\"=hex:,\\\n  22\n", "line 4, column 9"),
        ("Wine59a", "\"V\"=hex:11,\\\n\\\n  22\n", "line 5, column 1"),
        ("Wine59b", "\"V\"=hex:11,\\\n  \\\n  22\n", "line 5, column 1"),
        ("Wine62f", "\"V\"=hex:11\\", "line 4, column 11"),
        ("Wine63a", "\"V\"=hex:11,\\\n  ,22\n", "line 5, column 3"),
        ("Wine63b", "\"V\"=hex:11,\\\n  22,,33\n", "line 5, column 6"),
        ("Wine51a", "\"V\"=hex:11,100,22\n", "line 4, column 12"),
        ("Wine61a", "\"V\"=hex:11,/\n  22\n", "line 4, column 12"),
        ("Wine40e", "\"V\"=hex:11,\\\n\"W\"=\"x\"\n", "line 5, column 1"),
        ("Wine54a", "\"V\"=hex:11,\\\n[HKEY_CURRENT_USER\\L]\n", "line 5, column 1"),
        // Windows takes the value as it is so far, and skips the line that does not belong to it.
        ("Wine45i", "\"V\"=hex:11,\n  22\n", "line 5, column 3"),
    ] {
        refused(case, body, place);
    }
}

#[test]
fn strings_in_bytes_get_the_nul_that_they_lack() {
    for (case, list, multi) in [
        ("Wine66a", "4c,69", wide("Li\0")),
        ("Wine66b", "4c,69,", wide("Li\0")),
        ("Wine66c", "4c,69,00", wide("Li\0")),
        ("Wine66d", "4c,69,00,", wide("Li\0")),
        ("Wine66e", "4c,69,00,00", wide("Li\0\0")),
        ("Wine68e", "", vec![]),
    ] {
        taken(case, ANSI, &format!("\"V\"=hex(7):{list}\n"), ValueType::MULTI_SZ, multi.clone());
        taken(case, ANSI, &format!("\"V\"=hex(2):{list}\n"), ValueType::EXPAND_SZ, multi);
    }
    // The same in UTF-16LE.
    taken("Wine67a", WIDE, "\"V\"=hex(2):25,00,50,00,25,00\n", ValueType::EXPAND_SZ, wide("%P%\0"));
    taken("Wine67c", WIDE, "\"V\"=hex(2):25,00,50,00,25,00,00,00\n", ValueType::EXPAND_SZ, wide("%P%\0"));
    // Other types keep their bytes: Wine65, Wine68.
    taken("Wine68a", WIDE, "\"V\"=hex(1):\n", ValueType::SZ, vec![]);
    taken("Wine65a", ANSI, "\"V\"=hex(100):25,50\n", ValueType(0x100), vec![0x25, 0x50]);
    taken("Wine47h", ANSI, "\"V\"=hex(ffffffff):25\n", ValueType(0xFFFF_FFFF), vec![0x25]);
    for (case, kind) in [("Wine47i", "100000000"), ("Wine47j", "0x2"), ("Wine47k", "0X2"), ("Wine47l", "x2")] {
        refused(case, &format!("\"V\"=hex({kind}):25\n"), "line 4, column 5");
    }
}

#[test]
fn only_two_escapes_are_known() {
    taken("Wine69", WIDE, "\"V\"=\"a\\\\0 \\\"b\\\"\"\n", ValueType::SZ, wide("a\\0 \"b\"\0"));
    refused("Wine70a", "\"V\"=\"\\0\"\n", "line 4, column 6");
    refused("Wine70c", "\"V\"=\"C:\\Windows\"\n", "line 4, column 8");
    refused("Wine41b", "\"V\"=\"Test \\\nValue\"\n", "line 4, column 11");
    refused("Wine70, in a name", "\"a\\0\"=\"x\"\n", "line 4, column 3");
    let names = values(&format!("{ANSI}\"count/up\"=\"\"\n\"\\\\foo\\\\bar\"=\"\"\n")).unwrap();
    assert_eq!(names.iter().map(|(name, ..)| &**name).collect::<Vec<_>>(), ["count/up", "\\foo\\bar"]);
}

#[test]
fn comments_begin_a_line_with_either_sign_and_end_it_with_a_semicolon() {
    for body in [
        "#comment\n\"V\"=dword:1\n",
        "    #\"A\"=\"1\"\n;\"B\"=\"2\"\n\"V\"=dword:1\n",
        "#comment\\\n\"V\"=dword:1\n",
        "\"V\"=dword:1 ;comment\n",
        "\"V\"=dword:1;comment\n",
        "\"V\" = dword:00000001 ;comment\n",
    ] {
        taken("Wine8 to Wine13", ANSI, body, ValueType::DWORD, vec![1, 0, 0, 0]);
    }
    taken("Wine24", ANSI, "\"V\"=\"a#b ;c\"\t\t;d\n", ValueType::SZ, wide("a#b ;c\0"));
    for (case, body, place) in [
        ("Wine10", "\"V\"=\"x\"#comment\n", "line 4, column 8"),
        ("Wine39c", "\"V\"=\"x\"  #comment\n", "line 4, column 8"),
        ("Wine12", "\"V\"=dword:01020304 #comment\n", "line 4, column 5"),
        ("Wine20", "\"V\"=#\"x\"\n", "line 4, column 5"),
        ("Wine46d", "\"V\"=-\"x\"\n", "line 4, column 6"),
        ("Wine46f", "\"V\"=- #comment\n", "line 4, column 6"),
        ("Wine37a", "\"V\"=\"foo\"bar\"\n", "line 4, column 10"),
        ("Wine33a", "\"V\"=dword:\n", "line 4, column 5"),
        ("Wine33c", "\"V\"=dword:012345678\n", "line 4, column 5"),
        ("Wine35c", "\"V\"=dword:1234 5678\n", "line 4, column 5"),
        ("Wine41a", "\"V\"=dword:1234\\\n5678\n", "line 4, column 5"),
    ] {
        refused(case, body, place);
    }
}

#[test]
fn a_line_ends_with_a_carriage_return_a_line_feed_or_both() {
    let body = format!("{WIDE}\"V\"=hex:01,\\\n  02\n\"W\"=\"x\"\n");
    let expected = values(&body).unwrap();
    assert_eq!(expected.len(), 2);
    for end in ["\r\n", "\r"] {
        assert_eq!(values(&body.replace('\n', end)).as_ref(), Ok(&expected), "{end:?}");
        let broken = body.replace('\n', end).replace("02", "2g");
        assert!(values(&broken).unwrap_err().starts_with("line 5, column 3: "), "{end:?}");
    }
}

#[test]
fn the_head_is_the_first_line_and_spelled_as_windows_spells_it() {
    let rest = "\n[HKEY_CURRENT_USER\\K]\n\"V\"=\"x\"\n";
    for head in ["REGEDIT4", " REGEDIT4", "\tREGEDIT4", "Windows Registry Editor Version 5.00", "\u{FEFF}REGEDIT4"] {
        assert!(values(&format!("{head}{rest}")).is_ok(), "{head:?}");
    }
    for head in [
        "regedit4",
        "REGEDIT",
        "REGEDIT5",
        "REGEDIT 4",
        "REGEDIT4 FOO",
        "Windows Registry Editor Version 4.00",
        "Windows Registry Editor version 5.00",
        "WINDOWS REGISTRY EDITOR VERSION 5.00",
    ] {
        assert!(values(&format!("{head}{rest}")).is_err(), "{head:?}");
    }
    for before in ["\n", "; saved by hand\n", "# x\n\n"] {
        let text = format!("{before}REGEDIT4{rest}");
        assert_eq!(sniff(&text), Sniffed::Reg, "{before:?}");
        let error = values(&text).unwrap_err();
        assert!(error.starts_with("line 1, column 1: the head of a .reg file must be its first line"), "{error}");
    }
}

#[test]
fn keys_keep_their_blanks_and_nothing_stands_behind_them() {
    let keys = |line: &str| {
        let entries = reg::parse(&format!("REGEDIT4\n{line}\n\"V\"=\"x\"\n")).map_err(|error| error.to_string())?;
        Ok::<_, String>(entries.iter().map(|entry| entry.record.as_ref().key.to_text_lossy()).collect::<Vec<_>>())
    };
    assert_eq!(keys("[HKEY_CURRENT_USER\\Subkey1c ]"), Ok(vec!["Subkey1c ".to_owned()]));
    assert_eq!(keys("[HkEy_CuRrEnT_uSeR\\SuBkEy]"), Ok(vec!["SuBkEy".to_owned()]));
    assert_eq!(keys("[HKEY_CURRENT_USER\\Subkey1e\\]"), Ok(vec!["Subkey1e".to_owned()]));
    assert_eq!(keys("[HKEY_CURRENT_USER\\a] ; why"), Ok(vec!["a".to_owned()]));
    for line in [
        "[ HKEY_CURRENT_USER\\a]",
        "[- HKEY_CURRENT_USER\\a]",
        "[HKEY_CURRENT_USERS\\a]",
        "HKEY_CURRENT_USER\\a]",
        "[HKEY_CURRENT_USER\\a",
    ] {
        assert!(keys(line).is_err(), "{line}");
    }
    // Not among Wine's cases: gpol refuses what would vanish.
    assert!(keys("[HKEY_CURRENT_USER\\a] \"W\"=\"y\"").is_err());
    // Wine46a: a value below a key that is deleted is not set.
    assert!(keys("[-HKEY_CURRENT_USER\\a\\b]").unwrap_err().starts_with("line 3, column 1: "));
}

/// Texts on which gpol was wrong lie beside the corpus, each with a `.txt` that says what is right.
#[test]
fn the_cases_beside_the_corpus_are_right() {
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("GPOL_CORPUS").map_or(beside, Into::into).with_file_name("cases").join("reg");
    let Ok(entries) = std::fs::read_dir(&folder) else { return println!("skipped: no cases at {}", folder.display()) };
    let sz = |name: &str, text: &str| (name.to_owned(), ValueType::SZ, wide(&format!("{text}\0")));
    let mut seen = 0;
    for path in
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "reg"))
    {
        let text = gpo::exchange::decode(&std::fs::read(&path).unwrap());
        assert_eq!(sniff(&text), Sniffed::Reg, "{}", path.display());
        let found = values(&text);
        let refused_at = |place: &str| assert!(found.as_ref().unwrap_err().starts_with(place), "{found:?}");
        seen += 1;
        match path.file_name().unwrap().to_str().unwrap() {
            "03_reg_single_backslash.reg" => refused_at("line 4, column 8: "),
            "04_reg_no_terminator.reg" => assert_eq!(
                found.unwrap(),
                [
                    ("E".to_owned(), ValueType::EXPAND_SZ, wide("%P%\0")),
                    ("M".to_owned(), ValueType::MULTI_SZ, wide("Li\0")),
                ]
            ),
            "05_reg_hash_comment.reg" => {
                assert_eq!(found.unwrap(), [("A".to_owned(), ValueType::DWORD, vec![1, 0, 0, 0])]);
            }
            "06_reg_comment_in_continuation.reg" => {
                assert_eq!(found.unwrap(), [("V".to_owned(), ValueType::MULTI_SZ, wide("a\0\0")), sz("N", "ok")]);
            }
            "08_reg_split_byte.reg" => refused_at("line 4, column "),
            "10_reg_comment_before_head.reg" => {
                refused_at("line 1, column 1: the head of a .reg file must be its first line")
            }
            // One that came later: at least it is told from other texts.
            _ => seen -= 1,
        }
    }
    assert!(seen > 0, "none of the known cases is in {}", folder.display());
}
