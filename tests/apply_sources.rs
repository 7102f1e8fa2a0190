//! Where what is wanted comes from: standard input, several files that disagree, files that are broken; and which part
//! of it a target takes.

use std::io::Write as _;
use std::process::Stdio;

use fixtures::PolBuilder;
use fixtures::domain::{BACKUP, POLICIES, RPA_HOSTS};
use serde_json::json;

use crate::bench::{COMPUTER_POL, NLA, NLA_NAME, Run, TestDir, USER_POL, parse};
use crate::store::KEY;

const HEAD: &str = "apiVersion: gpol/v1\nkind: PolicySet\n";
const NLA_ID: &str = "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY";

/// A run that reads this.
fn fed(dir: &TestDir, words: &[&str], input: &str) -> Run {
    let mut command = dir.command(words.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    Run { status: output.status.code(), out: output.stdout, err: output.stderr }
}

fn domain() -> TestDir {
    let dir = TestDir::new();
    fixtures::write_tree(&dir.path(""), &fixtures::domain::domain()).expect("the domain is written");
    dir
}

/// One made-up value on each side.
fn both_sides() -> String {
    let record = format!("registry: [{{key: {KEY}, value: X, type: dword, data: 7}}]");
    format!("{HEAD}computer: {{{record}}}\nuser: {{{record}}}\n")
}

#[test]
fn what_is_wanted_comes_from_standard_input_as_well() {
    let dir = TestDir::with_image();
    let text = format!("{HEAD}computer:\n  policies:\n    - policy: {NLA}\n      state: disabled\n");
    let plan = parse(&fed(&dir, &["plan", "image", "-", "-f", "json"], &text).expect(1));
    assert_eq!(plan["changes"][0]["from"], "-:5");
    let before = dir.state();
    let run = fed(&dir, &["apply", "image", "-"], &text);
    assert_eq!(run.status, Some(5), "nobody can be asked where the state file comes from: {run}");
    assert_eq!(dir.state(), before);
    fed(&dir, &["apply", "image", "-", "--yes"], &text).ok();
    fed(&dir, &["plan", "image", "-"], &text).ok();
    let wrong = fed(&dir, &["plan", "image", "-"], &text.replace("state:", "stat:"));
    assert_eq!(wrong.refused(4), "E0214");
    assert!(wrong.stderr().contains("-, line 6, column 7: there is no field \"stat\""), "{wrong}");
    assert!(wrong.stderr().contains("did you mean \"state\"?"), "{wrong}");
}

#[test]
fn what_asks_for_nothing_is_told_so() {
    let dir = TestDir::with_image();
    let run = fed(&dir, &["plan", "image", "-"], HEAD);
    assert!(run.ok().contains("note: EXPECT asks for nothing of this target"), "{run}");
}

#[test]
fn names_give_way_to_ids_and_the_rest_of_the_file_stays() {
    let dir = TestDir::with_image();
    let text = format!(
        "# Who changes this asks RPA first.\r\n{}computer:\r\n  policies:   # one\r\n\
         \x20   - {{state:   disabled, policy: \"{NLA_NAME}\"}}  # KB 4555446\r\n",
        HEAD.replace('\n', "\r\n")
    );
    dir.write("mine.yaml", &text);
    dir.write("other.txt", format!("Computer\r\n{KEY}\r\nA\r\nDWORD:2\r\n"));
    let image: Vec<_> = dir.state().into_iter().filter(|entry| entry.path.starts_with(dir.path("image"))).collect();
    let plan = parse(&dir.run(["plan", "image", "other.txt", "mine.yaml", "--write-ids", "-f", "json"]).expect(1));
    assert_eq!(plan["ids"], json!([{"file": "mine.yaml", "line": 6, "from": NLA_NAME, "to": NLA_ID}]));
    assert_eq!(dir.text("mine.yaml"), text.replace(NLA_NAME, NLA_ID));
    let after: Vec<_> = dir.state().into_iter().filter(|entry| entry.path.starts_with(dir.path("image"))).collect();
    assert_eq!(after, image, "the target stays");
    let before = dir.state();
    let again = dir.run(["plan", "image", "mine.yaml", "--write-ids"]).expect(1);
    assert!(again.contains("name everything by its id already"), "{again}");
    assert_eq!(dir.state(), before);
    // A file that is wrong is not touched either.
    dir.write("wrong.yaml", text.replace("disabled", "off"));
    let before = dir.state();
    assert_eq!(dir.run(["plan", "image", "mine.yaml", "wrong.yaml", "--write-ids"]).refused(4), "E0214");
    assert_eq!(dir.state(), before);
}

#[test]
fn a_policy_and_a_record_of_its_value_are_settled_by_their_order() {
    let dir = TestDir::with_image();
    dir.write("off.yaml", format!("{HEAD}computer: {{policies: [{{policy: {NLA}, state: disabled}}]}}\n"));
    let key = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    dir.write("on.txt", format!("Computer\r\n{key}\r\nUserAuthentication\r\nDWORD:1\r\n"));
    dir.write("gone.yaml", format!("{HEAD}computer: {{policies: [{{policy: {NLA}, state: not-configured}}]}}\n"));
    dir.run(["plan", "image", "off.yaml", "on.txt"]).ok();
    let plan = parse(&dir.run(["plan", "image", "on.txt", "off.yaml", "-f", "json"]).expect(1));
    assert_eq!((&plan["counts"]["change"], &plan["changes"][0]["overrides"]), (&json!(1), &json!("on.txt:1")));
    let plan = parse(&dir.run(["plan", "image", "off.yaml", "on.txt", "gone.yaml", "-f", "json"]).expect(1));
    assert_eq!((&plan["changes"][0]["kind"], &plan["changes"][0]["overrides"]), (&json!("forget"), &json!("on.txt:1")));
    // Of two files that one extends, the later one wins; the file itself must say that it means to.
    dir.write("extends.yaml", format!("{HEAD}extends: [off.yaml, gone.yaml]\n"));
    let plan = parse(&dir.run(["plan", "image", "extends.yaml", "-f", "json"]).expect(1));
    assert_eq!(plan["changes"][0]["from"], "gone.yaml:3");
    let own = format!("computer: {{policies: [{{policy: {NLA}, state: enabled}}]}}\n");
    dir.write("extends.yaml", format!("{HEAD}extends: [off.yaml, gone.yaml]\n{own}"));
    let run = dir.run(["apply", "image", "extends.yaml", "--yes"]);
    assert_eq!(run.refused(5), "E0531");
    assert!(run.stderr().contains("extends.yaml:4") && run.stderr().contains("gone.yaml:3"), "{run}");
}

#[test]
fn one_scope_alone_is_planned_and_applied() {
    let dir = TestDir::with_image();
    dir.write("both.yaml", both_sides());
    let (computer, user) = (dir.read(COMPUTER_POL), dir.read(USER_POL));
    dir.run(["apply", "image", "both.yaml", "--scope", "user", "--yes"]).ok();
    assert_eq!(dir.read(COMPUTER_POL), computer);
    assert!(dir.read(USER_POL) != user);
    dir.run(["plan", "image", "both.yaml", "--scope", "user"]).ok();
    dir.run(["plan", "image", "both.yaml"]).expect(1);
}

#[test]
fn an_error_midway_leaves_all_as_it_was() {
    let broken = PolBuilder::new().dword(KEY, "X", 1).cut(3).build();
    let dir = TestDir::with_image();
    dir.write("both.yaml", both_sides());
    dir.write("broken.yaml", format!("{HEAD}computer: {{policies: [{{policy: Nobody, state: enabled}}]}}\n"));
    dir.write("broken.pol", &broken);
    for (expect, status) in [("broken.yaml", 4), ("broken.pol", 4), ("missing.yaml", 3)] {
        let before = dir.state();
        let run = dir.run(["apply", "image", "both.yaml", expect, "--yes", "--scope", "computer"]);
        run.refused(status);
        assert_eq!(dir.state(), before, "{expect}");
    }
    // The computer's file could be changed, the user's cannot be read: neither is written.
    dir.write(USER_POL, &broken);
    let before = dir.state();
    dir.run(["apply", "image", "both.yaml", "--yes"]).refused(4);
    assert_eq!(dir.state(), before);
    let empty = dir.run(["history", "image", "-f", "json"]);
    assert_eq!(parse(&empty.expect(1))["changes"], json!([]));
}

#[test]
fn a_backup_gets_both_sides_and_its_description_in_step() {
    let dir = domain();
    dir.write("both.yaml", both_sides());
    let xml = format!("{BACKUP}/Backup.xml");
    let before = dir.text(&xml);
    let done = dir.run(["apply", BACKUP, "both.yaml", "--yes", "-f", "json"]).json();
    assert_eq!(done["counts"]["add"], 2);
    let files: Vec<String> =
        done["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap().replace('\\', "/")).collect();
    assert_eq!(files.iter().filter(|file| file.ends_with("Backup.xml")).count(), 1, "{files:?}");
    assert!(files.last().unwrap().ends_with("Backup.xml"), "behind what it describes: {files:?}");
    // Computer 14 becomes 15, in both halves; user 3 becomes 4: 0x000F000F and 0x00040004.
    let after = dir.text(&xml);
    for part in ["<MachineVersionNumber><![CDATA[983055]]>", "<UserVersionNumber><![CDATA[262148]]>"] {
        assert!(after.contains(part), "{part}: {after}");
    }
    for folder in ["Machine", "User"] {
        let listed = format!(r"DomainSysvol\GPO\{folder}\registry.pol").to_lowercase();
        assert_eq!(after.to_lowercase().matches(&listed).count(), 1, "{after}");
    }
    assert!(after.len() > before.len(), "the user's policy file is listed");
    let state = dir.state();
    dir.run(["apply", BACKUP, "both.yaml", "--yes"]).ok();
    assert_eq!(dir.state(), state);
    dir.run(["undo", BACKUP]).ok();
    assert_eq!(dir.text(&xml), before);
}

#[test]
fn of_a_domain_gpo_the_files_alone_change_where_that_is_asked_for() {
    let dir = domain();
    let gpo = format!("{POLICIES}/{RPA_HOSTS}");
    dir.write("both.yaml", both_sides());
    let before = dir.state();
    let run = dir.run(["apply", &gpo, "both.yaml", "--yes"]);
    assert_eq!(run.refused(5), "E0501");
    assert_eq!(dir.state(), before);
    let done = dir.run(["apply", &gpo, "both.yaml", "--yes", "--sysvol-only"]);
    // What is left to do in Active Directory: 0x0004000F is 262159.
    assert!(done.ok().contains("262159"), "{done}");
    assert!(dir.text(&format!("{gpo}/GPT.INI")).contains("Version=262159"));
    dir.run(["plan", &gpo, "both.yaml"]).ok();
    let state = dir.state();
    dir.run(["apply", &gpo, "both.yaml", "--yes", "--sysvol-only"]).ok();
    assert_eq!(dir.state(), state);
}
