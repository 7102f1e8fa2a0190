//! `gpol diff`: how two things that say policy differ.

use fixtures::PolBuilder;
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, NLA, TestDir, parse};

const TERMINAL: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const ACME: &str = r"Software\Policies\Acme\Agent";

/// One difference of each kind, and one value that is the same under another spelling.
fn two_sides() -> TestDir {
    let left = PolBuilder::new()
        .dword(TERMINAL, "UserAuthentication", 1)
        .dword(TERMINAL, "MinEncryptionLevel", 3)
        .dword(ACME, "Same", 1)
        .sz(ACME, "Tier", "3")
        .dword(ACME, "Mine", 7);
    let right = PolBuilder::new()
        .dword(&TERMINAL.to_uppercase(), "userauthentication", 0)
        .dword(TERMINAL, "MinEncryptionLevel", 2)
        .dword(ACME, "same", 1)
        .dword(ACME, "Tier", 3)
        .dword(TERMINAL, "SecurityLayer", 2);
    let dir = TestDir::with("left.pol", left.build());
    dir.write("right.pol", right.build());
    dir
}

fn diff(dir: &TestDir, more: &[&'static str]) -> crate::bench::Run {
    dir.run(["diff", "left.pol", "right.pol", "--scope", "computer"].iter().chain(more).copied())
}

#[test]
fn differences_are_told_by_policy() {
    let dir = two_sides();
    let run = diff(&dir, &[]);
    assert_eq!(run.status, Some(1));
    assert_file_snapshot!("diff_human", run);
    assert_file_snapshot!("diff_md", diff(&dir, &["-f", "md"]));
    assert_file_snapshot!("diff_unified", diff(&dir, &["-f", "unified"]));
}

#[test]
fn json_counts_every_kind_of_difference() {
    let json = parse(&diff(&two_sides(), &["-f", "json"]).expect(1));
    assert_eq!((&json["schema"], &json["same"]), (&json!("gpol.diff/1"), &json!(false)));
    assert_eq!(
        json["summary"],
        json!({
            "policies": {"only_left": 0, "only_right": 1, "changed": 2},
            "records": {"only_left": 1, "only_right": 1, "action": 0, "type": 1, "data": 2, "order": 0},
            "same": 1,
        })
    );
    let nla = json["scopes"][0]["policies"].as_array().unwrap().iter().find(|policy| policy["left"]["name"] == NLA);
    let nla = nla.expect("the policy differs");
    assert_eq!((&nla["left"]["state"], &nla["right"]["state"]), (&json!("enabled"), &json!("disabled")));
    let kinds: Vec<&Value> =
        json["scopes"][0]["records"].as_array().unwrap().iter().map(|record| &record["kind"]).collect();
    assert_eq!(kinds, ["only-left", "type"]);
}

#[test]
fn by_record_needs_no_side() {
    let dir = two_sides();
    let json = parse(&dir.run(["diff", "left.pol", "right.pol", "--by", "record", "-f", "json"]).expect(1));
    assert_eq!((&json["admx"], &json["scopes"][0]["scope"]), (&json!(null), &json!(null)));
    assert_eq!(json["scopes"][0]["records"].as_array().unwrap().len(), 5);
    assert_eq!(dir.run(["diff", "left.pol", "right.pol"]).refused(2), "E0101");
}

#[test]
fn only_prints_a_part_and_changes_no_verdict() {
    let dir = two_sides();
    for (only, lines) in [
        ("left", vec![r"-HKLM\Software\Policies\Acme\Agent!Mine  REG_DWORD  7"]),
        ("right", vec![r"+HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services!SecurityLayer  REG_DWORD  2"]),
        ("same", vec![r" HKLM\Software\Policies\Acme\Agent!Same  REG_DWORD  1"]),
    ] {
        let text = diff(&dir, &["-f", "unified", "--only", only]).expect(1);
        let expected = [vec!["--- left.pol", "+++ right.pol", "@@ Computer @@"], lines].concat();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{only}");
    }
    let changed = diff(&dir, &["-f", "unified", "--only", "changed"]).expect(1);
    assert_eq!(
        changed.lines().filter(|line| line.starts_with("# ")).collect::<Vec<_>>(),
        ["# type", "# data", "# data"]
    );
    assert!(diff(&dir, &["--exit-zero"]).ok().contains("5 values differ"));
}

#[test]
fn a_policy_file_and_everything_that_it_converts_to_are_the_same() {
    let dir = TestDir::with_image();
    for format in ["lgpo", "policyrules", "reg", "samba-json", "yaml", "json"] {
        dir.run(["convert", COMPUTER_POL, "-f", format, "-o", "out"]).ok();
        let json = dir.run(["diff", COMPUTER_POL, "out", "-f", "json"]).json();
        assert_eq!((&json["same"], &json["summary"]["same"]), (&json!(true), &json!(6)), "{format}");
    }
}

#[test]
fn a_whole_image_differs_from_its_computers_policy_by_the_users() {
    let dir = TestDir::with_image();
    let run = dir.run(["diff", "image", COMPUTER_POL, "-f", "unified"]);
    let text = run.expect(1);
    assert!(text.contains("\n@@ User @@\n-HKCU\\") && !text.contains("@@ Computer"), "{run}");
    assert_eq!(dir.run(["diff", "image", COMPUTER_POL, "--scope", "computer"]).status, Some(0));
}

#[test]
fn of_several_gpos_a_later_one_wins() {
    let dir = TestDir::new();
    for (guid, n) in [("{31B2F340-016D-11D2-945F-00C04FB984F9}", 1), ("{6AC1786C-016F-11D2-945F-00C04FB984F9}", 2)] {
        dir.write(&format!("Policies/{guid}/gpt.ini"), "[General]\r\nVersion=1\r\n");
        let pol = PolBuilder::new().dword(ACME, "Level", n).build();
        dir.write(&format!("Policies/{guid}/Machine/Registry.pol"), pol);
    }
    dir.write("wanted.txt", format!("Computer\r\n{ACME}\r\nLevel\r\nDWORD:2\r\n"));
    let run = dir.run(["diff", "Policies", "wanted.txt"]);
    assert!(run.ok().contains("2 GPOs taken as one, a later one wins: {31B2F340"), "{run}");
}

#[test]
fn what_is_no_registry_policy_is_named() {
    let dir = TestDir::with_image();
    let folder = "image/Windows/System32/GroupPolicy/Machine";
    let template = format!("{folder}/Microsoft/Windows NT/SecEdit/GptTmpl.inf");
    dir.write(&template, "[System Access]\r\nMinimumPasswordAge = 1\r\n");
    fixtures::write_tree(&dir.path("other"), &fixtures::golden_image()).expect("the image is written");
    let json = parse(&dir.run(["diff", "image", "other", "-f", "json"]).expect(7));
    assert_eq!(json["not_compared"][0]["what"], "security settings (GptTmpl.inf)");
    assert_eq!(json["not_compared"].as_array().unwrap().len(), 1);
    // The path holds a blank, at which slashes() ends.
    assert_eq!(json["not_compared"][0]["place"].as_str().map(|place| place.replace('\\', "/")), Some(template));
}

/// One change of each kind since a base, of a policy and of values that no template describes.
fn three_sides() -> TestDir {
    let pol = |nla, level, tier, more: &[(&str, u32)]| {
        let pol = PolBuilder::new()
            .dword(TERMINAL, "UserAuthentication", nla)
            .dword(TERMINAL, "MinEncryptionLevel", level)
            .dword(ACME, "Tier", tier);
        more.iter().fold(pol, |pol, (name, number)| pol.dword(ACME, name, *number)).build()
    };
    let dir = TestDir::with("base.pol", pol(1, 3, 1, &[("Gone", 1), ("Same", 1)]));
    dir.write("left.pol", pol(0, 2, 1, &[("Gone", 1), ("Same", 1), ("New", 5)]));
    dir.write("right.pol", pol(1, 1, 2, &[("Same", 1), ("New", 5)]));
    dir
}

fn since(dir: &TestDir, sides: [&'static str; 2], more: &[&'static str]) -> crate::bench::Run {
    let words = ["diff", sides[0], sides[1], "--base", "base.pol", "--scope", "computer"];
    dir.run(words.iter().chain(more).copied())
}

#[test]
fn with_a_base_everybody_s_changes_are_told_and_conflicts_come_first() {
    let dir = three_sides();
    let sides = ["left.pol", "right.pol"];
    assert_file_snapshot!("diff_base_human", since(&dir, sides, &[]));
    assert_file_snapshot!("diff_base_md", since(&dir, sides, &["-f", "md"]));
    let only = since(&dir, sides, &["--only", "changed", "--by", "record", "-f", "md"]).expect(1);
    let rows = only.lines().filter(|line| line.starts_with("| ") && line.contains("DWORD")).count();
    assert_eq!(rows, 1, "{only}");
    assert_eq!(since(&dir, sides, &["-f", "unified"]).refused(2), "E0107");
}

#[test]
fn with_a_base_json_has_both_the_difference_and_who_made_it() {
    let dir = three_sides();
    let json = parse(&since(&dir, ["left.pol", "right.pol"], &["-f", "json"]).expect(1));
    assert_eq!((&json["schema"], &json["base"]["path"]), (&json!("gpol.diff/1"), &json!("base.pol")));
    let three = &json["three_way"];
    assert_eq!(three["summary"], json!({"conflict": 1, "only_left": 1, "only_right": 2, "both": 1}));
    let who: Vec<&Value> = three["scopes"][0]["policies"].as_array().unwrap().iter().map(|p| &p["who"]).collect();
    assert_eq!(who, ["conflict", "only-left"]);
    let conflict = &three["scopes"][0]["policies"][0]["records"][0];
    assert_eq!(["base", "left", "right"].map(|side| conflict[side]["value"].clone()), [json!(3), json!(2), json!(1)]);
    // Left and right differ in three values: the one that both added alike is the same.
    assert_eq!(json["summary"]["records"]["data"], json!(3));
}

#[test]
fn with_a_base_the_same_means_all_three() {
    let dir = three_sides();
    let run = since(&dir, ["base.pol", "base.pol"], &[]);
    assert!(run.ok().ends_with("No difference: both sides are as their base\n"), "{run}");
    // The sides agree, and have left their base.
    assert_eq!(since(&dir, ["left.pol", "left.pol"], &[]).status, Some(1));
    assert!(since(&dir, ["left.pol", "left.pol"], &["--exit-zero"]).ok().contains("3 changed on both sides alike"));
    // A base that tells whose policy it is tells it of the others, too.
    dir.write("gpo/Machine/Registry.pol", dir.read("base.pol"));
    let run = dir.run(["diff", "left.pol", "right.pol", "--base", "gpo/Machine/Registry.pol"]);
    assert!(run.expect(1).contains("\nComputer\n"), "{run}");
}
