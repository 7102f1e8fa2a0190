//! `gpol check` where a side has several GPOs: taken as one in an order, or each against its namesake.

use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{Run, TestDir, parse};
use crate::store::KEY;

/// A folder of backups: name of the GPO, values that it sets.
fn backups(dir: &TestDir, folder: &str, gpos: &[(&str, &[(&str, u32)])]) {
    for (i, (name, values)) in gpos.iter().enumerate() {
        let entry = |(value, n): &(&str, u32)| format!("Computer\r\n{KEY}\r\n{value}\r\nDWORD:{n}\r\n\r\n");
        dir.write("gpo.txt", values.iter().map(entry).collect::<String>());
        std::fs::create_dir_all(dir.path(folder)).expect("a folder");
        let backup = format!("{folder}/{i}");
        let mut convert = dir.command(["convert", "gpo.txt", "-f", "backup", "--name", name, "-o", &backup]);
        // So that the backup's GUID is the same in each run.
        convert.env("SOURCE_DATE_EPOCH", "0");
        Run::of(convert).ok();
    }
}

/// The same two GPOs twice, and one more on each side. `Apps` differs in A and lacks C; B of both is the same.
fn sets() -> TestDir {
    let dir = TestDir::new();
    backups(&dir, "gpos", &[("Apps", &[("A", 1), ("B", 2)]), ("Ours", &[("A", 9)]), ("shell", &[("S", 1)])]);
    backups(
        &dir,
        "want",
        &[("Shell", &[("S", 1)]), ("Apps", &[("A", 2), ("B", 2), ("C", 3)]), ("Theirs", &[("T", 1)])],
    );
    dir
}

fn findings(json: &Value) -> Vec<(&str, &str, &str)> {
    let all = json["findings"].as_array().expect("a list").iter();
    all.map(|f| {
        let text = |name: &str| f[name].as_str().unwrap_or_default();
        (text("gpo"), text("value").rsplit('!').next().unwrap_or_default(), text("verdict"))
    })
    .collect()
}

#[test]
fn several_gpos_are_one_and_the_later_wins() {
    let dir = sets();
    let run = dir.run(["check", "gpos", "want"]);
    run.expect(1);
    assert_file_snapshot!("check_sets", run);
    let json = parse(&dir.run(["check", "gpos", "want", "-f", "json"]).expect(1));
    // A is 9 by the later GPO, C and T are nowhere.
    assert_eq!(findings(&json), [("", "A", "different"), ("", "C", "absent"), ("", "T", "absent")]);
    assert_eq!(json["findings"][0]["found"]["gpo"], "Ours");
    assert_eq!(json["findings"][0]["expected"]["gpo"], "Apps");
    assert_eq!((&json["summary"]["checked"], &json["summary"]["pass"]), (&json!(5), &json!(2)));
}

#[test]
fn an_order_says_which_gpo_wins_and_which_counts() {
    let dir = sets();
    dir.write("want.txt", format!("Computer\r\n{KEY}\r\nA\r\nDWORD:1\r\n"));
    let run = |order: &str| {
        dir.write("order.txt", order);
        dir.run(["check", "gpos", "want.txt", "--order", "order.txt", "-f", "json"])
    };
    assert_eq!(dir.run(["check", "gpos", "want.txt"]).status, Some(1), "by their paths, Ours wins");
    let json = run("# weakest first\n\nOURS\n apps \n").json();
    assert_eq!((&json["target"]["gpos"], &json["left_out"]), (&json!(["Ours", "Apps"]), &json!(["shell"])));
    assert!(json["notes"][0].as_str().unwrap().contains("different things of 1 setting"), "{json}");
    assert_eq!(run("Apps\nOurs\n").status, Some(1));
    let run = run("Apps\nNobody\n");
    assert_eq!(run.refused(3), "E0422");
    assert!(run.stderr().contains("order.txt: line 2"), "{run}");
}

#[test]
fn each_gpo_is_checked_against_its_namesake() {
    let dir = sets();
    let run = dir.run(["check", "gpos", "want", "--each"]);
    run.expect(1);
    assert_file_snapshot!("check_each", run);
    let json = parse(&dir.run(["check", "gpos", "want", "--each", "-f", "json"]).expect(1));
    assert_eq!(findings(&json), [("Apps", "A", "different"), ("Apps", "C", "absent"), ("Theirs", "T", "absent")]);
    assert_eq!(json["findings"][0]["found_text"], "REG_DWORD  1");
    let gpos: Vec<_> = json["gpos"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gpo| (&gpo["name"], &gpo["there"], &gpo["pass"], &gpo["extra"]))
        .collect();
    let expected = [("Shell", true, 1, 0), ("Apps", true, 1, 0), ("Theirs", false, 0, 0), ("Ours", true, 0, 1)];
    assert_eq!(
        gpos,
        expected
            .map(|(name, there, pass, extra)| (json!(name), json!(there), json!(pass), json!(extra)))
            .iter()
            .map(|(a, b, c, d)| (a, b, c, d))
            .collect::<Vec<_>>()
    );
    // What nothing is expected of fails only where it may not be.
    let exact = parse(&dir.run(["check", "gpos", "want", "--each", "--exact", "-f", "json"]).expect(1));
    assert!(findings(&exact).contains(&("Ours", "A", "extra")), "{exact}");
    dir.run(["check", "gpos", "gpos", "--each", "--exact"]).ok();
    // Fingerprints of two GPOs that set the same value differ.
    let sarif = parse(&dir.run(["check", "gpos", "want", "--each", "--exact", "-f", "sarif"]).expect(1));
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let mut prints: Vec<_> =
        results.iter().map(|r| r["partialFingerprints"]["gpolSetting/v1"].as_str().unwrap()).collect();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), results.len());
}

#[test]
fn the_only_gpos_of_both_sides_are_a_pair() {
    let dir = TestDir::with_image();
    assert_eq!(dir.run(["check", "image", "image", "--each", "--exact", "-f", "json"]).json()["summary"]["pass"], 8);
    backups(&dir, "old", &[("Apps", &[("A", 1)])]);
    backups(&dir, "new", &[("Apps 2", &[("A", 1)])]);
    dir.run(["check", "new", "old", "--each", "--exact"]).ok();
}

#[test]
fn gpos_that_cannot_be_told_apart_are_refused() {
    let dir = sets();
    backups(&dir, "twins", &[("Apps", &[("A", 1)]), ("apps", &[("A", 2)])]);
    for words in [["gpos", "twins"], ["twins", "gpos"]] {
        let run = dir.run(["check", words[0], words[1], "--each"]);
        assert_eq!(run.refused(3), "E0405");
        assert!(run.stderr().contains("twins"), "{run}");
    }
    dir.write("want.txt", format!("Computer\r\n{KEY}\r\nA\r\nDWORD:1\r\n"));
    assert_eq!(dir.run(["check", "gpos", "want.txt", "--each"]).refused(3), "E0414");
    assert_eq!(dir.run(["check", "gpos", "want", "--each", "--order", "want.txt"]).status, Some(2));
}

#[test]
fn a_gpo_that_cannot_be_read_is_told_in_every_format() {
    let dir = sets();
    let is_policy = |path: &std::path::Path| path.ends_with("GPO/Machine/registry.pol");
    let entries = dir.state();
    let of_ours = entries.iter().find(|entry| is_policy(&entry.path) && entry.path.starts_with(dir.path("gpos/1")));
    std::fs::write(&of_ours.expect("the policy file of Ours").path, b"PReg\x01\0\0\0[").expect("the file is written");
    let run = |format: &str| dir.run(["check", "gpos", "want", "-f", format]);
    let told = |format: &str| run(format).stdout();
    assert_eq!(run("human").status, Some(7));
    assert!(run("human").stderr().contains("registry.pol"), "{}", run("human"));
    let json = parse(&told("json"));
    assert_eq!(json["unreadable"].as_array().map(Vec::len), Some(1));
    assert!(told("junit").contains(r#"errors="1""#) && told("junit").contains(r#"<error type="not-checked""#));
    assert!(told("github").contains("::error title=gpol check%3A not checked::"));
    let notifications = &parse(&told("sarif"))["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notifications.as_array().map(Vec::len), Some(1));
}
