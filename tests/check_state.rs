//! `gpol check` with state files: all that they say is checked, as `plan` and `apply` read it.

use fixtures::{ImageBuilder, PolBuilder};
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, NLA, Run, TestDir, parse};
use crate::store::KEY;

const HEAD: &str = "apiVersion: gpol/v1\nkind: PolicySet\n";
const RPA: &str = "rpa-golden-image.gpol.yaml";
const NLA_ID: &str = "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY";

/// The golden image and the state files for it, of which one extends the other.
fn image() -> TestDir {
    let dir = TestDir::with_image();
    fixtures::state_files().iter().for_each(|(name, text)| dir.write(name, text));
    dir
}

fn findings(json: &Value) -> Vec<(&str, &str)> {
    let all = json["findings"].as_array().expect("a list").iter();
    all.map(|f| (f["value"].as_str().expect("a text"), f["verdict"].as_str().expect("a text"))).collect()
}

#[test]
fn a_file_is_checked_with_those_that_it_extends() {
    let dir = image();
    let before = dir.state();
    let run = dir.run(["check", "image", RPA]);
    run.expect(1);
    assert_file_snapshot!("check_rpa", run);
    let json = parse(&dir.run(["check", "image", RPA, "-f", "json"]).expect(1));
    // NLA of the file itself, the password of the baseline; encryption level, Tier and the deletion of LegacyMode.
    assert_eq!(json["summary"]["checked"], 5);
    let nla = json["findings"].as_array().unwrap().iter().find(|f| f["policies"][0]["id"] == NLA_ID).unwrap();
    assert_eq!((&nla["from"], &nla["overrides"]), (&json!(format!("{RPA}:13")), &json!("baseline.gpol.yaml:8")));
    assert_eq!(nla["reason"], "KB 4555446, unattended runs fail with AadLogonFailure");
    let password = json["findings"].as_array().unwrap().iter().find(|f| f["from"] == "baseline.gpol.yaml:10").unwrap();
    assert_eq!(password["verdict"], "absent");
    assert_eq!(dir.state(), before, "check writes nothing");
    // Extra are three more records of the computer and two of the user. Once it is applied it is as expected, and the override is still told.
    dir.run(["apply", "image", RPA, "--yes"]).ok();
    let json = dir.run(["check", "image", RPA, "-f", "json"]).json();
    assert_eq!(
        json["summary"],
        json!({"checked": 5, "pass": 5, "different": 0, "absent": 0, "unknown": 0, "waived": 0, "extra": 5})
    );
    assert_eq!(json["overridden"][0]["from"], format!("{RPA}:13"));
    assert_eq!(json["overridden"][0]["overrides"], "baseline.gpol.yaml:8");
}

#[test]
fn what_a_file_must_not_say_is_refused_as_plan_refuses_it() {
    let dir = image();
    let rpa = dir.text(RPA);
    dir.write(RPA, rpa.replace("      override: true\n", ""));
    dir.write("loop.yaml", format!("{HEAD}extends: [loop.yaml]\n"));
    dir.write(
        "needs.yaml",
        format!(
            "{HEAD}admx: {{require: [Acme.Nowhere]}}\ncomputer: {{policies: [{{policy: {NLA}, state: enabled}}]}}\n"
        ),
    );
    dir.write("gone.yaml", format!("{HEAD}extends: [nowhere.yaml]\n"));
    for (file, status, code) in
        [(RPA, 5, "E0531"), ("loop.yaml", 4, "E0214"), ("needs.yaml", 4, "E0214"), ("gone.yaml", 4, "E0214")]
    {
        let (check, plan) = (dir.run(["check", "image", file]), dir.run(["plan", "image", file]));
        assert_eq!(check.refused(status), code, "{file}");
        assert_eq!(check.stderr(), plan.stderr(), "{file}");
    }
}

/// What `apply` has made passes, and what `plan` would change does not.
#[test]
fn check_and_plan_agree_whatever_a_state_file_says() {
    let dir = TestDir::new();
    dir.write_store();
    let side = |text: &str| format!("{HEAD}computer: {text}\n");
    let collect = "policies: [{policy: Collect, state: enabled, elements: {Level: 3, Server: here}}]";
    let states = [
        side(&format!("{{{collect}}}")),
        side("{policies: [{policy: Collect, state: disabled}]}"),
        side("{policies: [{policy: Collect, state: not-configured}, {policy: Both, state: enabled}]}"),
        side(&format!(
            "{{registry: [{{key: {KEY}, value: Both, ensure: forget}}, {{key: {KEY}, value: A, type: sz, data: x}}]}}"
        )),
        side(&format!("{{registry: [{{key: {KEY}, value: Delay, ensure: delete}}]}}")),
        side(&format!(
            "{{order: listed, registry: [{{key: {KEY}, ensure: delete-all-values}}, {{key: {KEY}, value: B, type: dword, data: 1}}]}}"
        )),
    ];
    let targets = [
        PolBuilder::new(),
        PolBuilder::new().dword(KEY, "Collect", 1).dword(KEY, "Level", 3).sz(KEY, "Server", "here"),
        // What is left of an older state of the policy.
        PolBuilder::new()
            .dword(KEY, "Collect", 1)
            .dword(KEY, "Level", 3)
            .sz(KEY, "Server", "here")
            .dword(KEY, "Delay", 9),
        PolBuilder::new().dword(KEY, "Collect", 0).dword(KEY, "Both", 1),
        PolBuilder::new().del_all_values(KEY).dword(KEY, "B", 1),
        PolBuilder::new().dword(KEY, "B", 1).del_all_values(KEY),
    ];
    let (mut right, mut wrong) = (0, 0);
    for (s, state) in states.iter().enumerate() {
        for (t, target) in targets.iter().enumerate() {
            // Under Wine a program takes long to start.
            if cfg!(windows) && (s + t) % 3 != 0 {
                continue;
            }
            dir.write("state.yaml", state);
            dir.write("target.pol", target.clone().build());
            let run = |command: &str| {
                dir.run([command, "target.pol", "state.yaml", "--scope", "computer", "--admx", "store"])
            };
            let (plan, check) = (run("plan"), run("check"));
            // A deletion of all values is as good as that of one, which plan would write beside it.
            let swept = s == 4 && t >= 4;
            assert!(plan.status == check.status || swept, "state {s}, target {t}: {plan}{check}");
            if check.status == Some(0) {
                right += 1
            } else {
                wrong += 1
            }
            if s == t {
                dir.run(["apply", "target.pol", "state.yaml", "--scope", "computer", "--admx", "store", "--yes"]).ok();
                run("check").ok();
            }
        }
    }
    assert!(right >= 1 && wrong >= 8, "{right} right, {wrong} wrong");
}

#[test]
fn a_named_policy_has_no_records_of_an_older_state() {
    let dir = TestDir::with("target.pol", PolBuilder::new().build());
    dir.write_store();
    dir.write(
        "state.yaml",
        format!("{HEAD}computer: {{policies: [{{policy: Collect, state: enabled, elements: {{Level: 3, Server: here}}}}]}}\n"),
    );
    let run = |command: &str, more: &[&str]| {
        let words = [command, "target.pol", "state.yaml", "--scope", "computer", "--admx", "store"];
        dir.run(words.iter().chain(more))
    };
    run("apply", &["--yes"]).ok();
    run("check", &[]).ok();
    // A path of the list, which the policy as it is wanted leaves empty.
    let mut target = dir.read("target.pol");
    target.extend(PolBuilder::without_header().sz(&format!(r"{KEY}\Paths"), "1", "old").build());
    dir.write("target.pol", target);
    assert_eq!(run("plan", &[]).status, Some(1));
    let json = parse(&run("check", &["-f", "json"]).expect(1));
    assert_eq!(findings(&json), [(&*format!(r"HKLM\{KEY}\Paths!1"), "different")]);
    let finding = &json["findings"][0];
    assert_eq!((&finding["from"], &finding["expected_text"]), (&json!("state.yaml:3"), &json!("no record")));
    assert_eq!(finding["policies"][0]["id"], "Acme.Policies:Collect");
}

/// The image part of a state file, and the image.
fn with_image_part(part: &str) -> TestDir {
    let dir = TestDir::with_image();
    let nla = format!("computer: {{policies: [{{policy: {NLA}, state: enabled}}]}}\n");
    dir.write("state.yaml", format!("{HEAD}{nla}image:\n{part}"));
    dir
}

fn check(dir: &TestDir, target: &str) -> Run {
    dir.run(["check", target, "state.yaml", "-f", "json"])
}

const TERMINAL_SERVER: &str = r"Control\Terminal Server";

#[test]
fn values_in_the_registry_of_an_image_are_checked() {
    // fDenyTSConnections is 0 in the control set of the next boot, RDP-Tcp's UserAuthentication is 0.
    let fact = |value: &str, equals: &str| {
        format!("    - {{hive: system, key: {TERMINAL_SERVER}, value: {value}, equals: {{{equals}}}}}\n")
    };
    let dir = with_image_part(&format!(
        "  registry:\n{}{}{}{}",
        fact("fDenyTSConnections", "dword: 0"),
        fact("FDENYTSCONNECTIONS", "dword: 1"),
        fact("fDenyTSConnections", "sz: '0'"),
        fact("Nowhere", "dword: 0"),
    ));
    let json = parse(&check(&dir, "image").expect(1));
    // The policy and the first fact pass.
    assert_eq!(json["summary"]["pass"], 2);
    let of_set = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server!";
    let (upper, plain, gone) =
        (format!("{of_set}FDENYTSCONNECTIONS"), format!("{of_set}fDenyTSConnections"), format!("{of_set}Nowhere"));
    assert_eq!(findings(&json), [(&*upper, "different"), (&*plain, "different"), (&*gone, "absent")]);
    let all = json["findings"].as_array().unwrap();
    assert_eq!((&all[0]["kind"], &all[1]["kind"]), (&json!("data"), &json!("type")));
    assert_eq!((&all[0]["expected_text"], &all[0]["found_text"]), (&json!("REG_DWORD  1"), &json!("REG_DWORD  0")));
    assert_eq!((&all[0]["from"], &all[0]["scope"]), (&json!("state.yaml:7"), &json!(null)));
}

#[test]
fn a_verdict_is_what_all_layers_of_the_image_come_to() {
    let verdict = |policy: &str, state: &str| format!("    - {{policy: {policy}, next-boot: {state}}}\n");
    let dir = with_image_part(&format!("  verdict:\n{}", verdict(NLA, "enabled")));
    assert_eq!(check(&dir, "image").json()["summary"]["checked"], 2);
    // A baseline of its own would pass; what the image comes to does not.
    let dir = with_image_part(&format!("  verdict:\n{}", verdict(NLA, "disabled")));
    let json = parse(&check(&dir, "image").expect(1));
    assert_eq!(findings(&json), [(&*format!("next-boot {NLA_ID}"), "different")]);
    assert_eq!(json["findings"][0]["found_text"], "NLA is required  (layer 3 is applied over layer 2)");
    // Without the policy the local setting counts, which is 0; that it does is said.
    let off = format!("{HEAD}image:\n  verdict:\n{}", verdict(NLA, "disabled"));
    dir.write("state.yaml", off);
    let bare = ImageBuilder::new()
        .file(COMPUTER_POL.trim_start_matches("image/"), PolBuilder::new().build())
        .software(|root| root.without_key(fixtures::TERMINAL_SERVICES));
    fixtures::write_tree(&dir.path("bare"), &bare.build()).expect("the image is written");
    let json = check(&dir, "bare").json();
    assert_eq!(json["summary"]["pass"], 1);
    assert!(json["notes"][0].as_str().unwrap().contains("the local setting stays"), "{json}");
}

#[test]
fn what_a_target_does_not_have_is_not_passed_in_silence() {
    let dir = with_image_part("  registry:\n    - {hive: SYSTEM, key: Select, value: Current, equals: {dword: 1}}\n");
    dir.write("alone.pol", dir.read(COMPUTER_POL));
    let run = dir.run(["check", "alone.pol", "state.yaml", "--scope", "computer", "-f", "json"]);
    let json = parse(&run.expect(7));
    assert_eq!(
        json["unsupported"],
        json!(["state.yaml: 1 fact about an image; alone.pol is no Windows installation and lies in none"])
    );
    let as_text =
        |format: &str| dir.run(["check", "alone.pol", "state.yaml", "--scope", "computer", "-f", format]).expect(7);
    assert!(as_text("human").contains("as expected where it was checked: 1 setting checked, 1 pass"));
    assert!(as_text("junit").contains(r#"<error type="not-checked" message="state.yaml: 1 fact about an image"#));
    assert!(as_text("github").starts_with("::error title=gpol check%3A not checked::state.yaml: 1 fact"));
    let notifications = &parse(&as_text("sarif"))["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notifications[0]["level"], "error");
    // A hive that gpol does not look into is not known to be right.
    let dir = with_image_part("  registry:\n    - {hive: SAM, key: X, value: Y, equals: {dword: 1}}\n");
    let json = parse(&check(&dir, "image").expect(7));
    assert_eq!((findings(&json), &json["compliant"]), (vec![(r"HKLM\SAM\X!Y", "unknown")], &json!(false)));
    // Nothing else to check: that is no answer at all.
    dir.write(
        "state.yaml",
        format!("{HEAD}image: {{registry: [{{hive: SYSTEM, key: X, value: Y, equals: {{dword: 1}}}}]}}\n"),
    );
    dir.write("alone.pol", dir.read(COMPUTER_POL));
    assert_eq!(dir.run(["check", "alone.pol", "state.yaml", "--scope", "computer"]).refused(3), "E0414");
    // A policy that no template has, in the file's own line.
    let dir = with_image_part("  verdict:\n    - {policy: Nowhere, next-boot: enabled}\n");
    let run = check(&dir, "image");
    assert_eq!(run.refused(4), "E0214");
    assert!(run.stderr().contains("line 6"), "{run}");
}

#[test]
fn facts_and_waivers_of_extended_files_count_and_a_stronger_file_wins() {
    let dir = TestDir::with_image();
    let fact = |n: u8| {
        format!(
            "image: {{registry: [{{hive: SYSTEM, key: {TERMINAL_SERVER}, value: fDenyTSConnections, equals: {{dword: {n}}}}}]}}\n"
        )
    };
    let waiver = r"waivers: [{rule: 'HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server!fDenyTSConnections', reason: R, expires: 2999-01-01}]";
    dir.write("base.yaml", format!("{HEAD}{}{waiver}\n", fact(1)));
    dir.write("state.yaml", format!("{HEAD}extends: [base.yaml]\n"));
    let json = check(&dir, "image").json();
    assert_eq!((&json["summary"]["different"], &json["summary"]["waived"]), (&json!(1), &json!(1)));
    assert_eq!(json["findings"][0]["waiver"]["from"], "base.yaml:4");
    dir.write("state.yaml", format!("{HEAD}extends: [base.yaml]\n{}", fact(0)));
    let json = parse(&check(&dir, "image").stdout());
    assert_eq!((&json["summary"]["checked"], &json["summary"]["pass"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&json["overridden"][0]["from"], &json["overridden"][0]["overrides"]),
        (&json!("state.yaml:4"), &json!("base.yaml:3"))
    );
}

#[test]
fn what_a_file_wants_reported_or_removed_is_listed() {
    let dir = TestDir::with("target.pol", PolBuilder::new().dword(KEY, "A", 1).dword(KEY, "Mine", 1).build());
    let side = format!("computer: {{registry: [{{key: {KEY}, value: A, type: dword, data: 1}}]}}\n");
    let run = |unmanaged: &str, more: &[&str]| {
        dir.write("state.yaml", format!("{HEAD}unmanaged: {unmanaged}\n{side}"));
        dir.run(["check", "target.pol", "state.yaml", "-f", "json"].iter().chain(more))
    };
    let mine = format!(r"HKLM\{KEY}!Mine");
    for (unmanaged, listed) in [("keep", false), ("report", true), ("remove", true)] {
        let json = run(unmanaged, &[]).json();
        assert_eq!(findings(&json), if listed { vec![(&*mine, "extra")] } else { vec![] }, "{unmanaged}");
        assert_eq!((json["notes"].as_array().unwrap().len(), &json["compliant"]), (usize::from(listed), &json!(true)));
        let json = parse(&run(unmanaged, &["--exact"]).expect(1));
        assert_eq!(findings(&json), [(&*mine, "extra")], "{unmanaged}");
    }
}

#[test]
fn a_side_that_windows_does_not_apply_is_told() {
    let dir = with_image_part("  registry: []\n");
    assert_eq!(check(&dir, "image").json()["notes"], json!([]));
    dir.write(GPT_INI, fixtures::golden_gpt_ini().key("Options", "2").build());
    let json = check(&dir, "image").json();
    let note = json["notes"][0].as_str().expect("a note");
    assert!(note.starts_with("Windows applies nothing of computer there: ") && note.contains("gpt.ini"), "{note}");
}
