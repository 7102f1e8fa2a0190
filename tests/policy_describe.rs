//! `gpol policy describe`: a policy as the editor's dialog shows it.

use serde_json::json;

use crate::assert_file_snapshot;
use crate::bench::{NLA, TestDir};

#[test]
fn a_policy_of_the_built_in_catalogue_needs_no_target() {
    let dir = TestDir::new();
    let run = dir.run(["policy", "describe", NLA]);
    run.ok();
    assert_file_snapshot!("describe_nla", run);
    let json = dir.run(["policy", "describe", NLA, "-f", "json"]).json();
    assert_eq!((&json["class"], &json["builtin"]), (&json!("Machine"), &json!(true)));
    let written = |state: &str| (json[state][0]["value_name"].clone(), json[state][0]["value"].clone());
    assert_eq!(written("enabled"), (json!("UserAuthentication"), json!(1)));
    assert_eq!(written("disabled"), (json!("UserAuthentication"), json!(0)));
}

#[test]
fn every_kind_of_input_is_described() {
    let dir = TestDir::new();
    dir.write_store();
    let run = dir.run(["policy", "describe", "Collect", "--admx", "store"]);
    run.ok();
    assert_file_snapshot!("describe_inputs", run);
}

#[test]
fn a_policy_of_both_sides_is_described_once() {
    let dir = TestDir::new();
    dir.write_store();
    let run = dir.run(["policy", "describe", "Both", "--admx", "store"]);
    run.ok();
    assert_file_snapshot!("describe_both_sides", run);
}

#[test]
fn the_templates_of_a_target_serve() {
    let dir = TestDir::with_image();
    dir.write_store();
    std::fs::rename(dir.path("store"), dir.path("image/Windows/PolicyDefinitions")).unwrap();
    let out = dir.run(["policy", "describe", "Collect", "--of", "image"]).ok();
    assert!(out.starts_with("Collect data\n"), "{out}");
    // The target's own store is used without a word by every command that has a target.
    assert_eq!(dir.run(["policy", "get", "image", "Collect"]).expect(1), "Not configured Collect data\n");
    let shown = dir.run(["show", "image", "-f", "json"]).json();
    assert_eq!((&shown["admx"]["builtin"], &shown["admx"]["files"]), (&json!(false), &json!(1)));
}

#[test]
fn names_are_shown_in_the_language_asked_for_and_found_in_it() {
    let dir = TestDir::new();
    dir.write_store();
    let in_german = ["--admx", "store", "--lang", "de-DE"];
    let out = dir.run(["policy", "describe", "Daten sammeln"].iter().chain(&in_german).copied()).ok();
    assert!(out.starts_with("Daten sammeln\n"), "{out}");
    let mut command = dir.command(["policy", "describe", "Collect"]);
    command.env("GPOL_LANG", "de-DE").env("GPOL_ADMX", "store");
    assert_eq!(crate::bench::Run::of(command).ok(), out);
}
