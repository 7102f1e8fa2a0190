//! Records whose order decides, that come twice, or that stand behind a damage: what is said of them is what is done.

use std::fs;
use std::path::{Path, PathBuf};

use fixtures::PolBuilder;

use crate::bench::{TestDir, parse};

const KEY: &str = r"Software\Policies\Acme";
const TS: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const NLA: &str = "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY";

/// A value that is set and then deleted with others by name.
fn set_then_deleted() -> Vec<u8> {
    PolBuilder::new().dword(KEY, "X", 1).sz(KEY, "**DeleteValues", "X").build()
}

/// A value that is deleted and then set if it is missing, which it always is then.
fn deleted_then_soft() -> Vec<u8> {
    PolBuilder::new().del(KEY, "X").dword(KEY, "**soft.X", 2).build()
}

fn a_file_applied_to_itself_stays(file: Vec<u8>) {
    let dir = TestDir::with("f.pol", &file);
    dir.run(["plan", "f.pol", "f.pol", "--scope", "computer"]).ok();
    dir.run(["apply", "f.pol", "f.pol", "--scope", "computer", "--yes"]).ok();
    assert_eq!(dir.read("f.pol"), file);
    let state = dir.run(["convert", "f.pol", "-s", "computer", "-f", "yaml"]).ok();
    assert!(state.contains("order: listed"), "{state}");
}

fn a_deletion_before_makes_a_soft_value_sure(file: Vec<u8>, key: &str, name: &str, data: u32) {
    let dir = TestDir::with("f.pol", file);
    let check = |data: u32| {
        let record = format!("{{key: {key}, value: {name}, type: dword, data: {data}}}");
        let state = format!("apiVersion: gpol/v1\nkind: PolicySet\ncomputer: {{registry: [{record}]}}\n");
        dir.write("wanted.yaml", state);
        dir.run(["check", "f.pol", "wanted.yaml"])
    };
    check(data).ok();
    check(data + 1).expect(1);
}

#[test]
fn a_state_whose_order_decides_is_applied_in_that_order() {
    a_file_applied_to_itself_stays(set_then_deleted());
    a_file_applied_to_itself_stays(deleted_then_soft());
}

#[test]
fn a_soft_value_behind_its_deletion_is_one_that_is_set() {
    a_deletion_before_makes_a_soft_value_sure(deleted_then_soft(), KEY, "X", 2);
}

#[test]
fn a_repeat_that_goes_is_no_untouched_record() {
    let file = (1..=5).fold(PolBuilder::new(), |file, n| file.dword(KEY, &format!("V{n}"), n));
    let file = file.dword(TS, "UserAuthentication", 0).dword(TS, "UserAuthentication", 1).build();
    let dir = TestDir::with("gpo/Machine/Registry.pol", &file);
    // Enabled is what the second of the two says; the first one goes.
    let page = dir.run(["policy", "set", "gpo/Machine/Registry.pol", NLA, "enabled", "-n"]).ok();
    assert!(page.contains("6 of 7 records untouched"), "{page}");
    let report = parse(&dir.run(["policy", "unset", "gpo/Machine/Registry.pol", NLA, "-f", "json", "-n"]).ok());
    assert_eq!((&report["untouched"], report["records"].as_array().unwrap().len()), (&5.into(), 2));

    // Two that are alike: the one is changed, the other goes with it.
    let file = (1..=5).fold(PolBuilder::new(), |file, n| file.dword(KEY, &format!("V{n}"), n));
    let file = file.dword(TS, "UserAuthentication", 1).dword(TS, "UserAuthentication", 1).build();
    dir.write("gpo/Machine/Registry.pol", file);
    let state = format!("computer: {{policies: [{{policy: {NLA}, state: disabled}}]}}");
    dir.write("wanted.yaml", format!("apiVersion: gpol/v1\nkind: PolicySet\n{state}\n"));
    let report = parse(&dir.run(["plan", "gpo/Machine/Registry.pol", "wanted.yaml", "-f", "json"]).expect(1));
    let records = &report["records"][0];
    assert_eq!((&records["before"], &records["after"], &records["untouched"]), (&7.into(), &6.into(), &5.into()));
    assert_eq!(records["changed"].as_array().unwrap().len(), 2);
    assert!(report["notes"][0].as_str().unwrap().contains("1 record that another repeats"), "{report}");
}

#[test]
fn a_bracket_at_the_end_of_lost_data_makes_no_record_up() {
    let first = PolBuilder::new();
    let start = first.offset();
    let file = first.binary(KEY, "Lost", b"][\0").dword(KEY, "Found", 1).dword(KEY, "Last", 1);
    let mut bytes = file.build();
    bytes[start] = b'x';
    recovers(&bytes, &["Found", "Last"]);
}

/// The value names of the records that are found behind the damage; and every key is the one that stood there.
fn recovers(bytes: &[u8], names: &[&str]) {
    let dir = TestDir::with("bad.pol", bytes);
    let run = dir.run(["recover", "bad.pol", "-o", "good.pol", "-f", "json"]);
    let report = parse(&run.expect(1));
    let found = report["resynchronised"].as_array().expect("a list");
    let found: Vec<&str> = found.iter().map(|record| record["value_name"].as_str().expect("a name")).collect();
    assert_eq!(found, names, "{report}");
    dir.run(["pol", "verify", "good.pol"]).ok();
}

#[test]
fn what_may_be_data_of_a_lost_record_is_kept_only_if_asked_for() {
    let inner = PolBuilder::new().dword(KEY, "Inner", 1).build();
    let file = PolBuilder::new().dword(KEY, "First", 1);
    let data = [&[1, 0], &inner[8..], b"rest"].concat();
    let bytes = file.binary(KEY, "Outer", &data).build();
    let cut = &bytes[..bytes.len() - 6];
    let dir = TestDir::with("bad.pol", cut);
    let page = dir.run(["recover", "bad.pol", "-o", "good.pol"]).expect(1);
    assert!(page.contains("doubtful") && page.contains("Inner"), "{page}");
    assert_eq!(dir.read("good.pol"), PolBuilder::new().dword(KEY, "First", 1).build());
    dir.run(["recover", "bad.pol", "-o", "all.pol", "--doubtful"]).expect(1);
    assert_eq!(dir.read("all.pol"), PolBuilder::new().dword(KEY, "First", 1).dword(KEY, "Inner", 1).build());
}

#[test]
fn records_behind_a_destroyed_header_are_found_when_asked_for() {
    let whole = PolBuilder::new().dword(KEY, "A", 1).dword(KEY, "B", 2).dword(KEY, "C", 3).build();
    let mut bytes = whole;
    bytes[..12].fill(0);
    let dir = TestDir::with("bad.pol", &bytes);
    let refused = dir.run(["recover", "bad.pol", "-o", "good.pol"]);
    assert!(refused.to_string().contains("--no-header"), "{refused}");
    assert_eq!(refused.refused(4), "E0201");
    dir.run(["recover", "bad.pol", "-o", "good.pol", "--no-header"]).expect(1);
    assert_eq!(dir.read("good.pol"), PolBuilder::new().dword(KEY, "B", 2).dword(KEY, "C", 3).build());
}

#[test]
fn a_file_that_a_text_editor_saved_is_called_that() {
    let blanks = |bytes: Vec<u8>| bytes.into_iter().map(|byte| if byte == 0 { b' ' } else { byte }).collect::<Vec<_>>();
    is_called_edited(&blanks(PolBuilder::new().dword(KEY, "A", 1).build()));
}

fn is_called_edited(bytes: &[u8]) {
    let dir = TestDir::with("f.pol", bytes);
    for command in [&["show", "f.pol"][..], &["pol", "verify", "f.pol"], &["recover", "f.pol", "-o", "g.pol"]] {
        let run = dir.run(command.iter().copied());
        assert!(run.to_string().contains("went through a text editor"), "{run}");
        assert_eq!(run.refused(4), "E0201");
    }
    let found = dir.run(["detect", "f.pol"]).to_string();
    assert!(!found.contains("gpol show"), "{found}");
}

#[test]
fn a_state_file_with_unseen_characters_in_comments_is_read_again() {
    reads_its_own_state(PolBuilder::new().sz(KEY, "\u{FEFF}x\u{85}", "\u{2028}").build());
}

fn reads_its_own_state(file: Vec<u8>) {
    let dir = TestDir::with("f.pol", &file);
    dir.run(["convert", "f.pol", "-s", "computer", "-f", "yaml", "-o", "f.yaml"]).ok();
    dir.run(["convert", "f.yaml", "-f", "pol", "-o", "again.pol"]).ok();
    assert_eq!(dir.read("again.pol"), file);
}

/// Files of real use, beside the repository, where they are.
#[expect(clippy::print_stdout)]
fn case(path: &str) -> Option<Vec<u8>> {
    let beside: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases").join(path);
    let found = fs::read(&beside).ok();
    if found.is_none() {
        println!("skipped: no {}", beside.display());
    }
    found
}

#[test]
fn the_cases_of_real_use_are_right() {
    if let Some(file) = case("pol/01_deletevalues_after_value.pol") {
        a_file_applied_to_itself_stays(file);
    }
    if let Some(file) = case("pol/11_pol_nul_became_space.pol") {
        is_called_edited(&file);
    }
    if let Some(file) = case("pol/12_soft_after_delete.pol") {
        let dir = TestDir::with("f.pol", &file);
        let text = dir.run(["pol", "cat", "f.pol", "-f", "json"]).ok();
        let records = parse(&text);
        let soft = &records["records"][1];
        let (key, name) = (soft["key"].as_str().unwrap(), soft["value_name"].as_str().unwrap());
        a_deletion_before_makes_a_soft_value_sure(file, key, &name["**soft.".len()..], 2);
    }
    if let Some(file) = case("hostile/salvage-invents-key.pol") {
        recovers(&file, &["SizeOfSemicolon", "TypeOfSemicolon", "Sound"]);
    }
    if let Some(file) = case("hostile/yaml-bom.pol") {
        reads_its_own_state(file);
    }
}
