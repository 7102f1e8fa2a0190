//! `gpol convert`: policy file, LGPO text, JSON.

use fixtures::{PolBuilder, Verdict};
use serde_json::json;

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, TestDir, USER_POL, keys, parse};

const KEY: &str = r"Software\Policies\Acme\Agent";

/// What LGPO.exe prints of the golden image's computer side, by the rules of `docs/lgpo.md`.
const LGPO_TEXT: &str = r"; ----------------------------------------------------------------------
; PARSING Computer POLICY
; Source file:  SOURCE

Computer
SOFTWARE\Policies\Acme\Agent
Tier
SZ:gold

Computer
SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU
NoAutoRebootWithLoggedOnUsers
DWORD:1

Computer
SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services
fDenyTSConnections
DWORD:0

Computer
SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services
MinEncryptionLevel
DWORD:3

Computer
SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services
SecurityLayer
DWORD:2

Computer
SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services
UserAuthentication
DWORD:1

; PARSING COMPLETED.
; ----------------------------------------------------------------------

";

fn accepted() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    fixtures::pol_files()
        .into_iter()
        .filter(|(_, _, verdict)| *verdict == Verdict::Accepted)
        .map(|(name, bytes, _)| (name, bytes))
}

#[test]
fn a_policy_file_stays_the_same_file() {
    let dir = TestDir::new();
    for (name, bytes) in accepted() {
        dir.write(name, &bytes);
        dir.run(["convert", name, "-o", "out.pol"]).ok();
        assert_eq!(dir.read("out.pol"), bytes, "{name}");
        assert_eq!(dir.run(["convert", name, "-f", "pol"]).out, bytes, "{name}");
    }
}

#[test]
fn json_carries_every_policy_file_there_and_back() {
    let dir = TestDir::new();
    for (name, bytes) in accepted() {
        dir.write(name, &bytes);
        dir.run(["convert", name, "-o", "out.json"]).ok();
        let json = parse(&dir.text("out.json"));
        assert_eq!((keys(&json), &json["schema"]), (vec!["records", "schema"], &json!("gpol.records/1")), "{name}");
        let printed = dir.run(["convert", name, "-f", "json"]).out;
        assert_eq!(printed, dir.read("out.json"), "{name}");
        dir.run(["convert", "out.json", "-o", "out.pol"]).ok();
        assert_eq!(dir.read("out.pol"), bytes, "{name}");
    }
}

#[test]
fn raw_decides_where_it_disagrees_and_value_serves_where_it_is_missing() {
    let dir = TestDir::new();
    let record = |fields: &str| format!(r#"{{"key": "K", "value_name": "V", {fields}}}"#);
    let records = [
        record(r#""type": "REG_DWORD", "value": 1, "raw": "02000000""#),
        record(r#""type": "REG_DWORD", "value": 3"#),
        record(r#""type": "REG_SZ", "value": "a""#),
        record(r#""type": "REG_MULTI_SZ", "value": ["a", "b"]"#),
        record(r#""type": "REG_QWORD", "value": 18446744073709551615"#),
        record(r#""type": "REG_BINARY", "value": "00ff""#),
        record(r#""type": 74565, "raw": "07""#),
    ];
    dir.write("x.json", format!(r#"{{"schema": "gpol.records/1", "records": [{}]}}"#, records.join(",")));
    dir.run(["convert", "x.json", "-o", "x.pol"]).ok();
    let expected = PolBuilder::new()
        .dword("K", "V", 2)
        .dword("K", "V", 3)
        .sz("K", "V", "a")
        .multi_sz("K", "V", &["a", "b"])
        .qword("K", "V", u64::MAX)
        .binary("K", "V", &[0, 255])
        .record("K", "V", 0x12345, &[7])
        .build();
    assert_eq!(dir.read("x.pol"), expected);
}

#[test]
fn json_that_is_no_policy_file_is_refused_with_its_place() {
    let dir = TestDir::new();
    let mut shown = String::new();
    for text in [
        "{",
        r#"{"schema": "gpol.show/1", "records": []}"#,
        r#"{"schema": "gpol.records/1"}"#,
        r#"{"schema": "gpol.records/1", "records": [], "more": 1}"#,
        r#"{"schema": "gpol.records/1", "records": [{"key": "K", "value_name": "V", "type": "REG_FOO", "value": 1}]}"#,
        r#"{"schema": "gpol.records/1", "records": [{"key": "K", "value_name": "V", "type": "REG_DWORD", "value": "x"}]}"#,
        r#"{"schema": "gpol.records/1", "records": [{"key": "K", "value_name": "V", "type": "REG_DWORD", "raw": "0"}]}"#,
        r#"{"schema": "gpol.records/1", "records": [{"key": "a\u0000b", "value_name": "V", "type": "REG_DWORD", "value": 1}]}"#,
    ] {
        dir.write("x.json", text);
        let run = dir.run(["convert", "x.json", "-o", "x.pol"]);
        assert_eq!(run.refused(4), "E0213", "{text}");
        assert!(!dir.has("x.pol"), "{text}");
        shown.push_str(&format!("$ {text}\n{run}\n\n"));
    }
    assert_file_snapshot!("convert_bad_json", shown);
}

#[test]
fn lgpo_text_is_what_lgpo_exe_prints() {
    let dir = TestDir::with_image();
    let source = std::path::Path::new(COMPUTER_POL).display().to_string().replace('\\', r"\\");
    let expected = LGPO_TEXT.replace("SOURCE", &source).replace('\n', "\r\n");
    // The folder is called Machine: nobody has to say the side.
    assert_eq!(dir.run(["convert", COMPUTER_POL, "-f", "lgpo"]).ok(), expected);
    dir.run(["convert", COMPUTER_POL, "-o", "out.txt"]).ok();
    assert_eq!(dir.text("out.txt"), expected);
    dir.run(["convert", "out.txt", "-o", "out.pol"]).ok();
    assert_eq!(dir.read("out.pol"), dir.read(COMPUTER_POL));
}

#[test]
fn the_side_of_a_text_is_the_folders_or_the_one_that_is_given() {
    let dir = TestDir::with_image();
    assert!(dir.run(["convert", USER_POL, "-f", "lgpo"]).ok().contains("\r\nUser\r\nSoftware\\Policies\\Microsoft"));
    dir.write("x.pol", dir.read(USER_POL));
    assert_eq!(dir.run(["convert", "x.pol", "-f", "lgpo"]).refused(2), "E0101");
    for (scope, word) in [("computer", "Computer"), ("user", "User")] {
        let text = dir.run(["convert", "x.pol", "-f", "lgpo", "--scope", scope]).ok();
        assert!(text.contains(&format!("; PARSING {word} POLICY")), "{text}");
        assert_eq!(text.matches(&format!("\r\n{word}\r\n")).count(), 2, "{text}");
    }
    assert_eq!(dir.run(["convert", "x.pol", "-f", "lgpo", "--scope", "both"]).status, Some(2));
}

#[test]
fn what_text_cannot_say_is_a_comment_and_a_warning() {
    let pol = PolBuilder::new()
        .dword(KEY, "Level", 3)
        .sz(KEY, "**soft.Home", "x")
        .record(KEY, "Odd", 4, &[1])
        .record(KEY, "Open", 1, b"a\0")
        .record(KEY, "Link", 6, b"ab")
        .build();
    let dir = TestDir::with("Machine/Registry.pol", pol);
    let run = dir.run(["convert", "Machine/Registry.pol", "-f", "lgpo"]);
    assert_eq!(run.status, Some(0));
    let text = run.stdout();
    assert_eq!(text.matches("\r\nComputer\r\n").count(), 2, "Level and Open are entries:\n{text}");
    assert_eq!(text.matches(";;; ----").count(), 3, "the others are comments:\n{text}");
    assert!(run.stderr().lines().all(|line| line.starts_with("warning: ")), "{run}");
    insta::assert_snapshot!(run.stderr(), @r"
    warning: record 2 at 0x66 stands in the text as a comment: Directive set-if-missing
    warning: record 3 at 0xd0 stands in the text as a comment: REG_DWORD with 1 byte of data; it must have 4
    warning: record 4 at 0x127 is written, but REG_SZ with 2 bytes of data comes back as REG_SZ with 4
    warning: record 5 at 0x181 stands in the text as a comment: Data type 0x00000006
    warning: LGPO text cannot carry 4 records; -f json can
    ");
    // The comments keep a text that builds: what can be said comes back.
    dir.write("x.txt", run.out);
    dir.run(["convert", "x.txt", "-o", "x.pol"]).ok();
    assert_eq!(dir.read("x.pol"), PolBuilder::new().dword(KEY, "Level", 3).sz(KEY, "Open", "a").build());
}

#[test]
fn text_with_other_letters_has_a_mark_in_a_file_and_none_on_standard_output() {
    let pol = PolBuilder::new().sz(KEY, "Grüße", "Да").build();
    let dir = TestDir::with("User/Registry.pol", &pol);
    dir.run(["convert", "User/Registry.pol", "-o", "x.txt"]).ok();
    assert!(dir.read("x.txt").starts_with(b"\xEF\xBB\xBF; ---"));
    assert!(dir.run(["convert", "User/Registry.pol", "-f", "lgpo"]).out.starts_with(b"; ---"));
    dir.run(["convert", "x.txt", "-o", "x.pol"]).ok();
    assert_eq!(dir.read("x.pol"), pol);
}

#[test]
fn every_action_of_a_text_makes_its_record() {
    let lines = [
        ("Tier", "SZ:gold"),
        ("Path", "EXSZ:%windir%"),
        ("Level", "DWORD:3"),
        ("Mask", "DWORD:0xFF"),
        ("Big", "QWORD:18446744073709551615"),
        ("List", r"MULTISZ:a\0b"),
        ("Bytes", "BINARY:00,ff"),
        ("Gone", "DELETE"),
        ("*", "DELETEALLVALUES"),
        ("*", "CREATEKEY"),
        ("(Default)", "SZ:d"),
    ];
    let text: String = lines.iter().map(|(name, action)| format!("Computer\n{KEY}\n{name}\n{action}\n\n")).collect();
    let dir = TestDir::with("x.txt", format!("; a comment\n\n{text}"));
    dir.run(["convert", "x.txt", "-o", "x.pol"]).ok();
    let expected = PolBuilder::new()
        .sz(KEY, "Tier", "gold")
        .expand_sz(KEY, "Path", "%windir%")
        .dword(KEY, "Level", 3)
        .dword(KEY, "Mask", 255)
        .qword(KEY, "Big", u64::MAX)
        .multi_sz(KEY, "List", &["a", "b"])
        .binary(KEY, "Bytes", &[0, 255])
        .del(KEY, "Gone")
        .del_all_values(KEY)
        .key_only(KEY)
        .sz(KEY, "", "d")
        .build();
    assert_eq!(dir.run(["convert", "x.pol", "-f", "json"]).ok(), {
        dir.write("expected.pol", &expected);
        dir.run(["convert", "expected.pol", "-f", "json"]).ok()
    });
    assert_eq!(dir.read("x.pol"), expected);
}

const BOTH: &str = "Computer\nK\nA\nDWORD:1\n\nUser\nK\nB\nDWORD:2\n";

#[test]
fn a_text_of_both_sides_makes_no_policy_file_unless_one_says_how() {
    let dir = TestDir::with("both.txt", BOTH);
    let run = dir.run(["convert", "both.txt", "-o", "x.pol"]);
    assert_eq!(run.refused(5), "E0601");
    assert!(run.stderr().contains("line 1: Computer") && run.stderr().contains("line 6: User"), "{run}");
    assert!(!dir.has("x.pol"));
    for (words, expected) in [
        (&["--scope", "computer"][..], PolBuilder::new().dword("K", "A", 1)),
        (&["--scope", "user"], PolBuilder::new().dword("K", "B", 2)),
        (&["--lossy"], PolBuilder::new().dword("K", "A", 1).dword("K", "B", 2)),
    ] {
        dir.run(["convert", "both.txt", "-o", "x.pol"].iter().chain(words).copied()).ok();
        assert_eq!(dir.read("x.pol"), expected.build(), "{words:?}");
    }
}

#[test]
fn a_key_that_windows_may_trip_over_is_built_with_a_warning() {
    let dir = TestDir::with("x.txt", "Computer\nHKLM\\Software\\X\nA\nDWORD:1\n");
    let run = dir.run(["convert", "x.txt", "-o", "x.pol"]);
    assert_eq!((run.status, run.out.len()), (Some(0), 0));
    assert!(run.stderr().starts_with("warning: x.txt, line 2: "), "{run}");
    assert_eq!(dir.read("x.pol"), PolBuilder::new().dword(r"HKLM\Software\X", "A", 1).build());
}

#[test]
fn an_output_is_never_one_of_the_inputs() {
    let dir = TestDir::with_image();
    let before = dir.state();
    let run = dir.run(["convert", COMPUTER_POL, "-o", COMPUTER_POL]);
    assert_eq!(run.refused(5), "E0503");
    assert_eq!(dir.state(), before);
}

#[test]
fn an_output_that_is_there_is_replaced_and_one_of_the_same_bytes_is_left_alone() {
    let dir = TestDir::with_image();
    dir.write("out.pol", "old");
    dir.run(["convert", COMPUTER_POL, "-o", "out.pol"]).ok();
    assert_eq!(dir.read("out.pol"), dir.read(COMPUTER_POL));
    let before = dir.state();
    dir.run(["convert", COMPUTER_POL, "-o", "out.pol"]).ok();
    assert_eq!(dir.state(), before);
}

#[test]
fn the_format_is_the_endings_or_the_one_that_is_given() {
    let dir = TestDir::with_image();
    for (words, start) in [
        (&["-o", "a.POL"][..], "PReg"),
        (&["-o", "a.json"], "{\n"),
        (&["-o", "a.txt"], "; ---"),
        (&["-o", "a.lgpo"], "; ---"),
        (&["-o", "a.xyz", "-f", "json"], "{\n"),
        (&["-o", "b.pol", "-f", "lgpo"], "; ---"),
    ] {
        dir.run(["convert", COMPUTER_POL].iter().chain(words).copied()).ok();
        assert!(dir.read(words[1]).starts_with(start.as_bytes()), "{words:?}");
    }
    let run = dir.run(["convert", COMPUTER_POL]);
    assert_eq!((run.status, run.out.len()), (Some(2), 0));
}
