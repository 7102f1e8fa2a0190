//! `gpol pol`: records as they stand.

use std::io::Write as _;
use std::process::Stdio;

use fixtures::{PolBuilder, Verdict};
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, Run, TestDir, keys, parse};

/// Verdict and exit code for every fixture; the verdicts are not gpol's.
#[test]
fn verify_gives_every_fixture_its_verdict() {
    let dir = TestDir::new();
    for (name, bytes, verdict) in fixtures::pol_files() {
        dir.write(name, &bytes);
        let (word, status) = match verdict {
            Verdict::Accepted => ("well-formed", 0),
            Verdict::Refused => ("malformed", 4),
        };
        let run = dir.run(["pol", "verify", name, "--format", "json"]);
        let json = parse(&run.expect(status));
        assert_eq!(keys(&json), ["error", "records", "schema", "verdict"], "{name}");
        assert_eq!((&json["schema"], &json["verdict"]), (&json!("gpol.verify/1"), &json!(word)), "{name}");
        let records = json["records"].as_u64().unwrap();
        if verdict == Verdict::Accepted {
            assert_eq!(json["error"], Value::Null, "{name}");
            let out = dir.run(["pol", "verify", name]).ok();
            assert!(out.starts_with("well-formed  ") && out.contains(name), "{name}: {out}");
        } else {
            let error = &json["error"];
            assert_eq!(keys(error), ["expected", "field", "found", "message", "offset", "record"], "{name}");
            assert!(error["offset"].as_u64().unwrap() <= bytes.len() as u64, "{name}");
            // The first record that is no good follows the good ones.
            assert!(error["record"].is_null() || error["record"] == records, "{name}");
            for text in ["field", "expected", "found", "message"] {
                assert!(error[text].as_str().is_some_and(|text| !text.is_empty()), "{name}: {text}");
            }
            let code = dir.run(["pol", "verify", name]).refused(4);
            assert!(code.starts_with("E02"), "{name}: {code}");
            assert_eq!(dir.run(["pol", "cat", name]).refused(4), code, "{name}");
        }
    }
}

#[test]
fn a_fault_is_told_by_offset_record_field_expected_and_found() {
    let whole = PolBuilder::new().dword("K", "A", 1);
    let start = whole.offset();
    // `[K;B;type;size;data]`: 2 + 4 + 2 + 4 + 2 + 4 + 2 + 4 + 2 = 26 bytes before the data.
    let dir = TestDir::with("cut.pol", whole.dword("K", "B", 2).cut(3).build());
    let json = parse(&dir.run(["pol", "verify", "cut.pol", "-f", "json"]).expect(4));
    let error = &json["error"];
    assert_eq!((&json["records"], &error["record"]), (&json!(1), &json!(1)));
    assert_eq!((&error["field"], &error["offset"]), (&json!("data"), &json!(start + 26)));
    assert_eq!((&error["expected"], &error["found"]), (&json!("4 bytes"), &json!("3 bytes")));
}

#[test]
fn cat_shows_every_kind_of_record() {
    for name in ["directives_of_every_kind", "every_type_of_the_registry_is_read", "text_needs_no_terminator"] {
        let file = format!("{name}.pol");
        let bytes = fixtures::pol_files().into_iter().find(|(fixture, _, _)| *fixture == file).expect("a fixture").1;
        let dir = TestDir::with(&file, bytes);
        let run = dir.run(["pol", "cat", &file]);
        run.ok();
        assert_file_snapshot!(format!("cat_{name}"), run);
    }
    let empty = TestDir::with("x.pol", PolBuilder::new().build()).run(["pol", "cat", "x.pol"]).ok();
    assert_eq!(empty, "No records.\n");
}

#[test]
fn cat_as_json_is_what_show_says_of_the_records() {
    let dir = TestDir::with_image();
    let cat = dir.run(["pol", "cat", COMPUTER_POL, "-f", "json"]).json();
    assert_eq!((keys(&cat), &cat["schema"]), (vec!["records", "schema"], &json!("gpol.records/1")));
    let show = dir.run(["show", COMPUTER_POL, "--records", "-f", "json"]).json();
    assert_eq!(cat["records"], show["sides"][0]["records"]);
    let offsets: Vec<u64> = cat["records"].as_array().unwrap().iter().map(|r| r["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, [0x8, 0x6a, 0x128, 0x1d8, 0x288, 0x32e]);
}

#[test]
fn stat_counts_what_is_there() {
    let dir = TestDir::with_image();
    let run = dir.run(["pol", "stat", COMPUTER_POL]);
    run.ok();
    assert_file_snapshot!("stat_image", run);
    let odd = PolBuilder::new()
        .dword(r"Z\Last", "A", 1)
        .sz(r"A\First", "B", "text")
        .dword(r"z\LAST", "a", 2)
        .record(r"A\First", "C", 4, &[1])
        .del(r"A\First", "D")
        .build();
    dir.write("odd.pol", &odd);
    let stat = dir.run(["pol", "stat", "odd.pol", "-f", "json"]).json();
    assert_eq!(stat["schema"], "gpol.pol-stat/1");
    assert_eq!((&stat["bytes"], &stat["records"], &stat["keys"]), (&json!(odd.len()), &json!(5), &json!(2)));
    assert_eq!(stat["types"], json!({"REG_DWORD": 3, "REG_SZ": 2}));
    assert_eq!(stat["actions"], json!({"set": 4, "delete-value": 1}));
    assert_eq!((&stat["largest_data"], &stat["tree_order"]), (&json!(10), &json!(false)));
    assert_eq!((&stat["repeated"], &stat["unfitting"][0]["index"]), (&json!([0]), &json!(3)));
    assert_file_snapshot!("stat_odd", dir.run(["pol", "stat", "odd.pol"]));
}

#[test]
fn a_long_list_of_repeats_is_cut_with_a_count() {
    let again = |file: PolBuilder, data| file.dword("K", "Again", data);
    let dir = TestDir::with("x.pol", (0..31).fold(PolBuilder::new(), again).build());
    let shown = dir.run(["pol", "stat", "x.pol"]).ok();
    let repeated: Vec<&str> = shown.lines().skip_while(|line| !line.starts_with("repeated")).collect();
    assert_eq!(repeated.len(), 21, "{shown}");
    assert_eq!(repeated[20].trim(), "and 10 more; --format json has them all");
    let all = dir.run(["pol", "stat", "x.pol", "-f", "json"]).json();
    assert_eq!(all["repeated"].as_array().map(Vec::len), Some(30));
}

#[test]
fn a_minus_is_standard_input() {
    let dir = TestDir::with_image();
    let from_file = dir.run(["pol", "cat", COMPUTER_POL]).ok();
    let mut child = dir
        .command(["pol", "cat", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&dir.read(COMPUTER_POL)).unwrap();
    let output = child.wait_with_output().unwrap();
    let run = Run { status: output.status.code(), out: output.stdout, err: output.stderr };
    assert_eq!(run.ok(), from_file);
}

#[test]
fn data_of_more_than_a_mebibyte_are_read() {
    let dir = TestDir::with("x.pol", PolBuilder::new().binary("K", "V", &vec![7; (1 << 20) + 1]).build());
    let json = dir.run(["pol", "verify", "x.pol", "-f", "json"]).json();
    assert_eq!((&json["verdict"], &json["records"]), (&json!("well-formed"), &json!(1)));
}
