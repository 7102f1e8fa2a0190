//! `gpol plan` and `gpol apply`: a target becomes what state files and other sources want, and nothing else changes.

use fixtures::{GptIni, PolBuilder, REGISTRY_USER};
use serde_json::json;

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, NLA, TestDir, USER_POL, parse};
use crate::store::KEY;

const TERMINAL_SERVICES: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const AGENT: &str = r"SOFTWARE\Policies\Acme\Agent";
const HEAD: &str = "apiVersion: gpol/v1\nkind: PolicySet\n";
const RPA: &str = "rpa-golden-image.gpol.yaml";

fn golden(path: &str) -> Vec<u8> {
    let inside = path.strip_prefix("image/").expect("a path of the image");
    fixtures::golden_image().into_iter().find(|(name, _)| *name == inside).expect("a file of the image").1
}

/// The golden image and the state files for it.
fn image() -> TestDir {
    let dir = TestDir::with_image();
    fixtures::state_files().iter().for_each(|(name, text)| dir.write(name, text));
    dir
}

/// The golden image's `gpt.ini` with another version.
fn gpt_ini(user: u16, computer: u16) -> Vec<u8> {
    let version = u32::from(user) << 16 | u32::from(computer);
    let text = String::from_utf8(golden(GPT_INI)).expect("ASCII");
    text.replace("Version=65538", &format!("Version={version}")).into_bytes()
}

/// The place behind a record of a file.
fn behind(file: &[u8], record: &[u8]) -> usize {
    file.windows(record.len()).position(|part| part == record).expect("the record") + record.len()
}

#[test]
fn the_case_is_applied_once_and_the_second_run_writes_nothing() {
    let dir = image();
    let before = dir.state();
    let plan = dir.run(["plan", "image", RPA]);
    plan.expect(1);
    assert_file_snapshot!("plan_rpa", plan);
    assert_eq!(dir.state(), before, "plan writes nothing");
    let dry = dir.run(["apply", "image", RPA, "-n", "-f", "json"]);
    let planned = parse(&dry.expect(1));
    assert_eq!(dir.state(), before, "a dry run writes nothing");

    let done = dir.run(["apply", "image", RPA, "--yes"]);
    done.ok();
    assert_file_snapshot!("apply_rpa", done);
    // NLA's one byte; the password policy behind it, at the end of its key; the directive behind the agent's other value.
    let mut expected = golden(COMPUTER_POL);
    let data = expected.len() - 2 - 4;
    assert_eq!(expected[data..], [1, 0, 0, 0, b']', 0]);
    expected[data] = 0;
    expected.extend(PolBuilder::without_header().dword(TERMINAL_SERVICES, "fPromptForPassword", 1).build());
    let tier = PolBuilder::without_header().sz(AGENT, "Tier", "gold").build();
    let at = behind(&expected, &tier);
    expected.splice(at..at, PolBuilder::without_header().del(AGENT, "LegacyMode").build());
    assert_eq!(dir.read(COMPUTER_POL), expected);
    assert_eq!(dir.read(GPT_INI), gpt_ini(1, 3));
    assert_eq!(dir.read(USER_POL), golden(USER_POL));

    let after = dir.state();
    let again = dir.run(["apply", "image", RPA, "--yes"]).ok();
    assert_eq!(again, "Nothing to do (5 of 5 as desired). No file written, no version changed.\n");
    assert_eq!(dir.state(), after, "bytes, times and files stay");
    let plan = dir.run(["plan", "image", RPA, "-f", "json"]).json();
    assert_eq!((&plan["changed"], &plan["changes"]), (&json!(false), &json!([])));
    assert_eq!(plan["counts"], json!({"add": 0, "change": 0, "forget": 0, "right": 5}));
    assert_ne!(plan["plan"], planned["plan"]);

    dir.run(["undo", "image"]).ok();
    assert_eq!((dir.read(COMPUTER_POL), dir.read(GPT_INI)), (golden(COMPUTER_POL), golden(GPT_INI)));
}

#[test]
fn the_plan_that_was_reviewed_is_the_one_that_is_carried_out() {
    let dir = image();
    let planned = dir.run(["plan", "image", RPA, "-f", "json"]).expect(1);
    dir.write("plan.json", &planned);
    let before = dir.state();
    let hash = parse(&planned)["plan"].as_str().expect("a hash").to_owned();
    let apply = |reviewed: &str| dir.run(["apply", "image", RPA, "--yes", "--plan", reviewed]);
    let refuses = |reviewed: &str, words: &str| {
        let run = apply(reviewed);
        assert_eq!(run.status, Some(5), "{run}");
        assert!(run.stderr().starts_with("error[E0528]") && run.stderr().contains(words), "{run}");
    };
    refuses(&"0".repeat(64), &format!("now       {hash}"));
    refuses(RPA, "is not what gpol plan -f json prints");
    assert_eq!(dir.state(), before, "nothing is written");

    // Somebody changes the image behind the review, and then takes that back.
    dir.run(["policy", "set", "image", "TS_PASSWORD", "disabled"]).ok();
    refuses("plan.json", &hash);
    dir.run(["apply", "image", RPA, "-n", "--plan", "plan.json"]).refused(5);
    dir.run(["undo", "image"]).ok();
    assert!(dir.run(["apply", "image", RPA, "-n", "--plan", "plan.json"]).expect(1).contains("Plan: 2 to add"));
    apply("plan.json").ok();
    assert_ne!(dir.read(COMPUTER_POL), golden(COMPUTER_POL));
    // A step that runs once more has nothing to do, so nothing that was not reviewed.
    apply(&hash.to_ascii_uppercase()).ok();
}

#[test]
fn nothing_is_written_where_nobody_says_yes() {
    let dir = image();
    let before = dir.state();
    let run = dir.run(["apply", "image", RPA]);
    assert_eq!(run.status, Some(5));
    assert!(run.stdout().contains("Plan: 2 to add, 1 to change"), "{run}");
    assert!(run.stderr().starts_with("error[E0530]") && run.stderr().contains("--yes"), "{run}");
    assert_eq!(dir.state(), before);
    // What would change nothing needs no yes.
    dir.write("right.yaml", format!("{HEAD}computer: {{policies: [{{policy: {NLA}, state: enabled}}]}}\n"));
    dir.run(["apply", "image", "right.yaml"]).ok();
}

#[test]
fn both_sides_and_a_group_change_in_one_go_and_each_counter_rises_once() {
    let dir = TestDir::with_image();
    let record = format!("registry: [{{key: {KEY}, value: X, type: dword, data: 7}}]");
    let text = format!("{HEAD}computer: {{{record}}}\nuser: {{{record}}}\nusers: {{administrators: {{{record}}}}}\n");
    dir.write("all.yaml", text);
    let done = dir.run(["apply", "image", "all.yaml", "--yes", "-f", "json"]).json();
    assert_eq!(done["versions"][0]["after"], json!({"user": 1, "computer": 3}));
    assert_eq!(done["versions"][1]["after"], json!({"user": 2, "computer": 3}));
    assert_eq!(done["versions"][2]["after"], json!({"user": 1, "computer": 0}));
    assert_eq!(dir.read(GPT_INI), gpt_ini(2, 3));
    const GROUP: &str = "image/Windows/System32/GroupPolicyUsers/S-1-5-32-544";
    assert_eq!(dir.read(&format!("{GROUP}/User/Registry.pol")), PolBuilder::new().dword(KEY, "X", 7).build());
    let expected = GptIni::new().key("gPCUserExtensionNames", REGISTRY_USER).version(1, 0).build();
    assert_eq!(dir.text(&format!("{GROUP}/gpt.ini")), String::from_utf8(expected).expect("ASCII"));
    // gpt.ini is replaced once, behind both policy files that it announces.
    let files: Vec<&str> = done["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    let ini = |file: &&&str| file.ends_with("GroupPolicy/gpt.ini") || file.ends_with(r"GroupPolicy\gpt.ini");
    assert_eq!((files.len(), files.iter().filter(ini).count()), (5, 1), "{files:?}");
    assert!(ini(&&files[2]), "{files:?}");
}

#[test]
fn a_later_source_wins_and_any_format_will_do() {
    let dir = TestDir::with("side.pol", PolBuilder::new().dword(KEY, "A", 1).dword(KEY, "Mine", 1).build());
    dir.write("one.txt", format!("Computer\r\n{KEY}\r\nA\r\nDWORD:2\r\n\r\nComputer\r\n{KEY}\r\nB\r\nDWORD:2\r\n"));
    dir.write("two.pol", PolBuilder::new().dword(KEY, "a", 3).build());
    let text = format!("{HEAD}computer: {{registry: [{{key: {KEY}, value: B, ensure: forget}}]}}\n");
    dir.write("three.yaml", text);
    let words = ["plan", "side.pol", "one.txt", "two.pol", "three.yaml", "--scope", "computer"];
    let plan = parse(&dir.run(words.iter().copied().chain(["-f", "json"])).expect(1));
    assert_eq!(plan["counts"], json!({"add": 0, "change": 1, "forget": 0, "right": 1}));
    assert_eq!(plan["changes"][0]["overrides"], "one.txt:1");
    assert!(plan["changes"][0]["from"].as_str().unwrap().starts_with("two.pol, record 1"), "{plan}");
    dir.run(["apply"].iter().chain(&words[1..]).copied().chain(["--yes"])).ok();
    assert_eq!(dir.read("side.pol"), PolBuilder::new().dword(KEY, "A", 3).dword(KEY, "Mine", 1).build());
    // Whose records a policy file holds, nothing says here.
    assert_eq!(dir.run(["plan", "side.pol", "two.pol"]).refused(2), "E0101");
}

#[test]
fn settings_that_nobody_names_go_only_where_file_and_flag_say_so() {
    let dir = TestDir::with("side.pol", PolBuilder::new().dword(KEY, "A", 1).dword(KEY, "Mine", 1).build());
    let side = format!("computer: {{registry: [{{key: {KEY}, value: A, type: dword, data: 1}}]}}\n");
    dir.write("keep.yaml", format!("{HEAD}{side}"));
    dir.write("remove.yaml", format!("{HEAD}unmanaged: remove\n{side}"));
    let before = dir.state();
    let flag = dir.run(["apply", "side.pol", "keep.yaml", "--prune"]).ok();
    assert!(flag.contains("--prune forgets nothing"), "{flag}");
    let file = dir.run(["apply", "side.pol", "remove.yaml"]).ok();
    assert!(file.contains("1 setting that is not named stays: --prune would forget them"), "{file}");
    assert_eq!(dir.state(), before);
    let both = dir.run(["apply", "side.pol", "remove.yaml", "--prune", "--yes"]).ok();
    assert!(both.contains("1 forgotten") && both.contains("not named in EXPECT"), "{both}");
    assert_eq!(dir.read("side.pol"), PolBuilder::new().dword(KEY, "A", 1).build());
}

#[test]
fn a_policy_that_contradicts_what_its_file_extends_must_say_so() {
    let dir = image();
    let rpa = dir.text(RPA);
    dir.write(RPA, rpa.replace("      override: true\n", ""));
    let run = dir.run(["plan", "image", RPA]);
    assert_eq!(run.refused(5), "E0531");
    for part in [&format!("{RPA}:13"), "baseline.gpol.yaml:8", "override: true"] {
        assert!(run.stderr().contains(part), "{part} in {run}");
    }
    // The same as the baseline is no contradiction; a source that is named by itself needs no word.
    let agrees =
        format!("{HEAD}extends: [baseline.gpol.yaml]\ncomputer: {{policies: [{{policy: {NLA}, state: enabled}}]}}\n");
    dir.write("agrees.yaml", agrees);
    dir.run(["plan", "image", "agrees.yaml"]).expect(1);
    dir.write("alone.yaml", format!("{HEAD}computer: {{policies: [{{policy: {NLA}, state: not-configured}}]}}\n"));
    let plan = parse(&dir.run(["plan", "image", "baseline.gpol.yaml", "alone.yaml", "-f", "json"]).expect(1));
    assert_eq!(plan["counts"], json!({"add": 1, "change": 0, "forget": 1, "right": 0}));
    let forgotten = plan["changes"].as_array().unwrap().iter().find(|change| change["kind"] == "forget").unwrap();
    assert_eq!((&forgotten["from"], &forgotten["overrides"]), (&json!("alone.yaml:3"), &json!("baseline.gpol.yaml:8")));
    // A file that builds on itself, and templates that are not there, are told with their lines.
    dir.write("loop.yaml", format!("{HEAD}extends: [loop.yaml]\n"));
    dir.write("needs.yaml", format!("{HEAD}admx: {{require: [Acme.Nowhere]}}\n"));
    for (file, part) in [("loop.yaml", "extends itself"), ("needs.yaml", "Acme.Nowhere")] {
        let run = dir.run(["plan", "image", file]);
        assert_eq!(run.refused(4), "E0214");
        assert!(run.stderr().contains("line 3") && run.stderr().contains(part), "{run}");
    }
}

#[test]
fn a_policy_leaves_nothing_behind_of_the_state_that_it_had() {
    let dir = TestDir::with("side.pol", PolBuilder::new().build());
    dir.write_store();
    dir.write("on.yaml", format!("{HEAD}computer: {{policies: [{{policy: Both, state: enabled}}]}}\n"));
    dir.write("off.yaml", format!("{HEAD}computer: {{policies: [{{policy: Both, state: not-configured}}]}}\n"));
    let apply = |file: &str| dir.run(["apply", "side.pol", file, "--yes", "--admx", "store"]).ok();
    apply("on.yaml");
    assert_eq!(dir.read("side.pol"), PolBuilder::new().dword(KEY, "Both", 1).build());
    apply("off.yaml");
    assert_eq!(dir.read("side.pol"), PolBuilder::new().build());
    assert!(apply("off.yaml").starts_with("Nothing to do (1 of 1 as desired)"));
}

#[test]
fn records_whose_order_counts_keep_it() {
    let wanted = PolBuilder::new().dword(KEY, "A", 1).del_all_values(KEY).dword(KEY, "B", 2).build();
    let dir = TestDir::with("side.pol", PolBuilder::new().dword(KEY, "Mine", 1).dword(KEY, "A", 5).build());
    dir.write("wanted.pol", &wanted);
    dir.run(["apply", "side.pol", "wanted.pol", "--scope", "computer", "--yes"]).ok();
    // A is deleted and B is set, as wanted; Mine, which nobody names, stays set, and so stands behind the deletion.
    let expected = PolBuilder::new().dword(KEY, "A", 1).del_all_values(KEY).dword(KEY, "Mine", 1).dword(KEY, "B", 2);
    assert_eq!(dir.read("side.pol"), expected.build());
    let before = dir.state();
    dir.run(["apply", "side.pol", "wanted.pol", "--scope", "computer", "--yes"]).ok();
    assert_eq!(dir.state(), before);
}

#[test]
fn both_sides_of_a_domain_gpo_go_into_one_ldif_file() {
    let dir = TestDir::new();
    fixtures::write_tree(&dir.path(""), &fixtures::domain::domain()).expect("the domain is written");
    let gpo = "sysvol/corp.test/Policies/{9B0D41E3-2C77-4E55-8A0F-5D1B7C93E2A4}";
    let record = format!("registry: [{{key: {KEY}, value: X, type: dword, data: 7}}]");
    dir.write("both.yaml", format!("{HEAD}computer: {{{record}}}\nuser: {{{record}}}\n"));
    assert_eq!(dir.run(["apply", gpo, "both.yaml", "--yes"]).refused(5), "E0501");
    let plan = dir.run(["plan", gpo, "both.yaml"]).expect(1);
    assert!(plan.contains("gpt.ini computer 14 -> 15, user 3 -> 4"), "{plan}");
    dir.run(["apply", gpo, "both.yaml", "--yes", "--ad", "ad.ldif", "--ldif", "change.ldif"]).ok();
    // 3 * 65536 + 14, the computer's next, then the user's next on top of it.
    let steps =
        ["versionNumber: 196622\n", "versionNumber: 196623\n", "versionNumber: 196623\n", "versionNumber: 262159\n"];
    let ldif = dir.text("change.ldif");
    let found: Vec<&str> = ldif.split_inclusive('\n').filter(|line| line.starts_with("versionNumber: ")).collect();
    assert_eq!(found, steps, "{ldif}");
    assert!(dir.text(&format!("{gpo}/GPT.INI")).contains("Version=262159"));
}
