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
fn what_text_cannot_say_is_refused_with_a_list_or_a_comment_and_a_warning() {
    let pol = PolBuilder::new()
        .dword(KEY, "Level", 3)
        .sz(KEY, "**soft.Home", "x")
        .record(KEY, "Odd", 4, &[1])
        .record(KEY, "Open", 1, b"a\0")
        .record(KEY, "Link", 6, b"ab")
        .build();
    let dir = TestDir::with("Machine/Registry.pol", pol);
    let refused = dir.run(["convert", "Machine/Registry.pol", "-o", "x.txt"]);
    assert_eq!(refused.refused(5), "E0602");
    assert!(!dir.has("x.txt"));
    insta::assert_snapshot!(refused.stderr(), @r"
    error[E0602]: 4 records cannot be expressed in LGPO text
      record 2   @0x66      **soft.Home   Directive set-if-missing
      record 3   @0xd0      Odd           REG_DWORD with 1 byte of data; it must have 4
      record 4   @0x127     Open          REG_SZ with 2 bytes of data comes back as REG_SZ with 4
      record 5   @0x181     Link          Data type 0x00000006
       Nothing was written.
    help: add --lossy to write the other record and list what is left out, or use -f yaml, which carries every record
    ");
    let run = dir.run(["convert", "Machine/Registry.pol", "-f", "lgpo", "--lossy"]);
    assert_eq!(run.status, Some(0));
    let text = run.stdout();
    assert_eq!(text.matches("\r\nComputer\r\n").count(), 2, "Level and Open are entries:\n{text}");
    assert_eq!(text.matches(";;; ----").count(), 3, "the others are comments:\n{text}");
    insta::assert_snapshot!(run.stderr(), @r"
    warning: record 2 at 0x66 stands in the text as a comment: Directive set-if-missing
    warning: record 3 at 0xd0 stands in the text as a comment: REG_DWORD with 1 byte of data; it must have 4
    warning: record 4 at 0x127 is written, but REG_SZ with 2 bytes of data comes back as REG_SZ with 4
    warning: record 5 at 0x181 stands in the text as a comment: Data type 0x00000006
    warning: LGPO text cannot carry 4 records; -f yaml can
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
    assert!(run.stderr().starts_with("warning: x.txt:1: "), "{run}");
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

/// Each format that carries records of one side there and back, with what it is called in a file.
const THERE_AND_BACK: [&str; 7] = ["x.txt", "x.PolicyRules", "x.reg", "x.yaml", "x.toml", "x.gpol.json", "x.json"];

#[test]
fn every_format_carries_the_image_there_and_back() {
    let dir = TestDir::with_image();
    for (pol, scope) in [(COMPUTER_POL, "computer"), (USER_POL, "user")] {
        for name in THERE_AND_BACK {
            dir.run(["convert", pol, "-o", name]).ok();
            dir.run(["convert", name, "-o", "out.pol", "--scope", scope]).ok();
            assert_eq!(dir.read("out.pol"), dir.read(pol), "{pol} {name}");
        }
        dir.run(["convert", pol, "-f", "samba-json", "-o", "samba.json"]).ok();
        dir.run(["convert", "samba.json", "-o", "out.pol"]).ok();
        assert_eq!(dir.read("out.pol"), dir.read(pol), "{pol} samba-json");
    }
}

#[test]
fn state_files_carry_every_policy_file_there_and_back() {
    let dir = TestDir::new();
    for (name, bytes) in accepted() {
        dir.write(name, &bytes);
        for state in ["x.yaml", "x.toml", "x.gpol.json"] {
            dir.run(["convert", name, "-o", state, "--scope", "computer"]).ok();
            dir.run(["convert", state, "-o", "out.pol"]).ok();
            assert_eq!(dir.read("out.pol"), bytes, "{name} {state}");
        }
    }
}

#[test]
fn a_whole_image_keeps_both_sides_where_the_format_has_scopes() {
    let dir = TestDir::with_image();
    for name in ["x.txt", "x.PolicyRules", "x.reg", "x.yaml"] {
        dir.run(["convert", "image", "-o", name]).ok();
        for (scope, pol) in [("computer", COMPUTER_POL), ("user", USER_POL)] {
            dir.run(["convert", name, "-o", "out.pol", "--scope", scope]).ok();
            assert_eq!(dir.read("out.pol"), dir.read(pol), "{name} {scope}");
        }
        assert_eq!(dir.run(["convert", name, "-f", "pol"]).refused(5), "E0601", "{name}");
    }
}

#[test]
fn a_state_file_names_policies_and_changes_its_notation_as_it_is() {
    let dir = TestDir::with_image();
    insta::assert_snapshot!(dir.run(["convert", COMPUTER_POL, "-f", "yaml"]).ok(), @r"
    apiVersion: gpol/v1
    kind: PolicySet

    computer:
      policies:
        # Allow users to connect remotely by using Remote Desktop Services
        - policy: Microsoft.Policies.TerminalServer:TS_DISABLE_CONNECTIONS
          state: enabled
        # Set client connection encryption level
        - policy: Microsoft.Policies.TerminalServer:TS_ENCRYPTION_POLICY
          state: enabled
          elements:
            TS_ENCRYPTION_LEVEL: 3
        # Require use of specific security layer for remote (RDP) connections
        - policy: Microsoft.Policies.TerminalServer:TS_SECURITY_LAYER_POLICY
          state: enabled
          elements:
            TS_SECURITY_LAYER: 2
        # Require user authentication for remote connections by using Network Level Authentication
        - policy: Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY
          state: enabled
      registry:
        - key: SOFTWARE\Policies\Acme\Agent
          value: Tier
          type: sz
          data: gold
        - key: SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU
          value: NoAutoRebootWithLoggedOnUsers
          type: dword
          data: 1
    ");
    let state = "apiVersion: gpol/v1\nkind: PolicySet\nextends:\n  - base.yaml\nuser:\n  policies:\n    \
                 - policy: Nobody.Knows:This\n      state: not-configured\n      reason: why not\n";
    dir.write("x.gpol.yaml", state);
    // No template is needed for that.
    dir.run(["convert", "x.gpol.yaml", "-o", "x.toml"]).ok();
    dir.run(["convert", "x.toml", "-o", "y.yaml"]).ok();
    dir.run(["convert", "x.gpol.yaml", "-o", "z.yaml"]).ok();
    assert_eq!(dir.read("y.yaml"), dir.read("z.yaml"));
    assert!(dir.text("y.yaml").contains("reason: why not"), "{}", dir.text("y.yaml"));
    // Records cannot say what a state file says.
    let run = dir.run(["convert", "x.gpol.yaml", "-f", "pol"]);
    assert_eq!(run.refused(4), "E0214");
    dir.write("x.gpol.yaml", state.replace("Nobody.Knows:This", NLA_ID).replace("user:", "computer:"));
    let run = dir.run(["convert", "x.gpol.yaml", "-f", "pol"]);
    assert_eq!(run.refused(5), "E0602");
    insta::assert_snapshot!(run.stderr(), @r"
    error[E0602]: a policy file cannot hold all of the input
      not in it: the files that it builds on (1), x.gpol.yaml
      not in it: Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY not configured, x.gpol.yaml:7
       Nothing was written.
    help: add --lossy to go on without it
    ");
}

const NLA_ID: &str = "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY";

#[test]
fn reg_is_utf_16_in_a_file_and_says_in_its_head_what_it_leaves_out() {
    let pol = PolBuilder::new().sz(KEY, "Grüße", "Да").del_all_values(KEY).build();
    let dir = TestDir::with("User/Registry.pol", &pol);
    assert_eq!(dir.run(["convert", "User/Registry.pol", "-o", "x.reg"]).refused(5), "E0602");
    assert!(!dir.has("x.reg"));
    dir.run(["convert", "User/Registry.pol", "-o", "x.reg", "--lossy"]);
    let bytes = dir.read("x.reg");
    let (text, broken) = encoding_rs::UTF_16LE.decode_without_bom_handling(&bytes[2..]);
    assert!(bytes.starts_with(b"\xFF\xFE") && !broken);
    assert_eq!(
        text,
        "Windows Registry Editor Version 5.00\r\n\r\n; User, record 2 **delvals. left out: .reg can delete a whole key with \
         its subkeys, not just its values\r\n\r\n[HKEY_CURRENT_USER\\Software\\Policies\\Acme\\Agent]\r\n\"Grüße\"=\"Да\"\r\n\r\n"
    );
    dir.run(["convert", "x.reg", "-o", "x.pol"]).ok();
    assert_eq!(dir.read("x.pol"), PolBuilder::new().sz(KEY, "Grüße", "Да").build());
}

#[test]
fn csv_is_for_spreadsheets() {
    let dir = TestDir::with_image();
    let text = dir.run(["convert", USER_POL, "-f", "csv"]).ok();
    let mut lines = text.split("\r\n");
    assert_eq!(lines.next(), Some("scope,record,policy,key,value_name,action,type,value,raw"));
    assert!(lines.next().is_some_and(|line| line.starts_with("user,1,,Software\\")), "{text}");
    dir.run(["convert", USER_POL, "-o", "x.csv", "--bom"]).ok();
    assert_eq!(dir.text("x.csv"), format!("\u{FEFF}{text}"));
}

#[test]
fn a_backup_is_one_that_gpol_reads_as_the_same_policy() {
    let dir = TestDir::with_image();
    let backup = |folder: &str| {
        let mut command = dir.command(["convert", "image", "-f", "backup", "-o", folder, "--name", "Gold <1>"]);
        command.env("SOURCE_DATE_EPOCH", "1767225600").output().expect("gpol runs")
    };
    assert!(backup("a").status.success() && backup("b").status.success());
    let below = |folder: &str| {
        let root = dir.path(folder);
        let relative = |path: &std::path::Path| path.strip_prefix(&root).expect("below").to_path_buf();
        dir.state()
            .into_iter()
            .filter(|e| e.path.starts_with(&root))
            .map(|e| (relative(&e.path), e.bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(below("a"), below("b"), "the same policy and the same time, the same files");
    let shown = parse(&dir.run(["show", "a", "--records", "--format", "json"]).ok());
    assert_eq!((&shown["target"]["kind"], &shown["target"]["name"]), (&json!("gpo-backup"), &json!("Gold <1>")));
    for (scope, pol) in [("computer", COMPUTER_POL), ("user", USER_POL)] {
        dir.run(["convert", "a", "-o", "out.pol", "--scope", scope]).ok();
        assert_eq!(dir.read("out.pol"), dir.read(pol), "{scope}");
    }
    assert_eq!(dir.run(["convert", "image", "-f", "backup", "-o", "a"]).refused(5), "E0603");
    assert_eq!(dir.run(["convert", "image", "-f", "backup"]).refused(2), "E0102");
}

#[test]
fn another_local_gpos_policy_is_taken_by_its_name() {
    let dir = TestDir::with("x.txt", "User:Administrators\nK\nA\nDWORD:1\n\nUser\nK\nB\nDWORD:2\n");
    dir.run(["convert", "x.txt", "-o", "x.yaml"]).ok();
    assert!(dir.text("x.yaml").contains("users:\n  administrators:\n"), "{}", dir.text("x.yaml"));
    for name in ["x.txt", "x.yaml"] {
        dir.run(["convert", name, "-o", "out.pol", "--scope", "user:administrators"]).ok();
        assert_eq!(dir.read("out.pol"), PolBuilder::new().dword("K", "A", 1).build(), "{name}");
    }
    let run = dir.run(["convert", "x.txt", "-f", "reg"]);
    assert_eq!(run.refused(5), "E0602");
}

#[test]
fn several_inputs_stand_one_behind_the_other() {
    let dir = TestDir::with("a.txt", "User\nK\nA\nDWORD:1\n");
    dir.write("b.reg", "REGEDIT4\n\n[HKEY_CURRENT_USER\\K]\n\"B\"=dword:2\n");
    dir.run(["convert", "a.txt", "b.reg", "-o", "out.pol"]).ok();
    assert_eq!(dir.read("out.pol"), PolBuilder::new().dword("K", "A", 1).dword("K", "B", 2).build());
}

#[test]
fn the_documentation_has_the_table_of_the_help() {
    let help = TestDir::new().run(["convert", "--help"]).ok();
    let table: String = help.split_once("What each format can carry:").expect("the table").1.trim().to_owned();
    let docs = include_str!("../docs/formats.md");
    assert!(
        docs.contains(table.split("\n1 ").next().expect("the rows").trim_end()),
        "docs/formats.md has another table:\n{table}"
    );
}

#[test]
fn what_is_no_registry_policy_is_named_and_never_dropped_in_silence() {
    let dir = TestDir::with("gpo/Machine/Registry.pol", PolBuilder::new().dword(KEY, "Level", 3).build());
    dir.write("gpo/gpt.ini", "[General]\r\nVersion=1\r\n");
    dir.write("gpo/Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf", "[System Access]\r\nA=1\r\n");
    let rules = "<PolicyRules><SecurityTemplate Section=\"System Access\"><LineItem>A=1</LineItem></SecurityTemplate>\
                 <UserConfig><Key>K</Key><Value>A</Value><RegType>REG_DWORD</RegType><RegData>1</RegData></UserConfig></PolicyRules>";
    dir.write("x.PolicyRules", rules);
    for (input, what) in
        [("gpo", "security settings (GptTmpl.inf)"), ("x.PolicyRules", "SecurityTemplate \"System Access\"")]
    {
        let run = dir.run(["convert", input, "-o", "x.yaml"]);
        assert_eq!(run.refused(5), "E0602");
        assert!(run.stderr().contains(&format!("not in it: {what}")) && !dir.has("x.yaml"), "{run}");
        let run = dir.run(["convert", input, "-o", "x.yaml", "--lossy"]);
        assert_eq!(run.status, Some(0));
        assert!(run.stderr().starts_with(&format!("warning: not in it: {what}")), "{run}");
        assert!(dir.text("x.yaml").starts_with(&format!("# not in it: {what}")), "{}", dir.text("x.yaml"));
        std::fs::remove_file(dir.path("x.yaml")).expect("it was written");
    }
}

/// A list longer than a window hides what is to be done: the first 20 and a count, and all of it for who asks.
#[test]
fn a_long_list_of_losses_is_cut_with_a_count() {
    let lost = |n: u32| (0..n).fold(PolBuilder::new(), |pol, i| pol.record(KEY, &format!("V{i}"), 6, b"xx"));
    let dir = TestDir::with("many.pol", lost(1_091).build());
    dir.write("few.pol", lost(20).build());
    let lines = |file: &str, more: &[&str]| {
        let words = ["convert", file, "--scope", "computer", "-f", "lgpo"].into_iter().chain(more.iter().copied());
        let run = dir.run(words);
        let named =
            run.stderr().lines().filter(|line| line.starts_with("warning: record ") || line.contains(" @0x")).count();
        (run.status, named, run.stderr().contains("and 1,071 more; --all-losses lists them"))
    };
    assert_eq!(lines("many.pol", &[]), (Some(5), 20, true));
    assert_eq!(lines("many.pol", &["--all-losses"]), (Some(5), 1_091, false));
    assert_eq!(lines("few.pol", &[]), (Some(5), 20, false));
    let (status, named, cut) = lines("many.pol", &["--lossy"]);
    assert_eq!((status, named, cut), (Some(0), 20, true));
    assert_eq!(lines("many.pol", &["--lossy", "--all-losses"]).1, 1_091);
}

#[test]
fn a_long_list_of_warnings_is_cut_with_a_count() {
    let entry = |n| format!("Computer\r\n\\Software\\Odd\r\nValue{n}\r\nDWORD:1\r\n\r\n");
    let dir = TestDir::with("odd.txt", (0..31).map(entry).collect::<String>());
    let warnings = |words: &[&str]| {
        let run = dir.run(words.iter().copied());
        assert_eq!(run.status, Some(0), "{run}");
        (run.stderr().lines().filter(|line| line.contains("odd.txt")).count(), run.stderr())
    };
    let (cut, said) = warnings(&["convert", "odd.txt", "-o", "odd.pol"]);
    assert_eq!(cut, 20, "{said}");
    assert!(said.ends_with("warning: and 11 more; --all-losses lists them\n"), "{said}");
    assert_eq!(warnings(&["convert", "odd.txt", "-o", "odd.pol", "--all-losses"]).0, 31);
    let (cut, said) = warnings(&["check", "odd.txt", "odd.txt"]);
    assert!(cut <= 60 && said.contains("warning: and 11 more; gpol convert --all-losses"), "{said}");
    assert_eq!(warnings(&["diff", "odd.txt", "odd.txt"]).0, 40, "20 of each side");
}
