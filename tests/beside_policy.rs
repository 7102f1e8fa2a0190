//! What a GPO holds beside registry policy: every command that answers about a GPO lists what it did not look at, in every
//! format, and none takes it for nothing.
//!
//! Which files are what, and what they set, is from [MS-GPSB], [MS-GPAC], [MS-GPPREF] and [MS-GPSCR]; sizes and counts are by hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fixtures::PolBuilder;
use serde_json::{Value, json};

use crate::bench::{Run, TestDir, parse};
use crate::corpus::{corpus, files};
use crate::store::KEY;

const A: &str = "{AAAAAAAA-016D-11D2-945F-00C04FB984F9}";
const B: &str = "{BBBBBBBB-016D-11D2-945F-00C04FB984F9}";

/// Files by their paths in the GPO.
type Others<'a> = &'a [(&'a str, &'a str)];

const INI: &str = "[General]\r\nVersion=65537\r\n";
/// 85 bytes.
const TEMPLATE: &str =
    "[Unicode]\r\nUnicode=yes\r\n[System Access]\r\nMinimumPasswordLength = 14\r\n[Version]\r\na=1\r\n";
const TEMPLATE_AT: &str = "Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf";
const AUDIT_AT: &str = "Machine/Microsoft/Windows NT/Audit/audit.csv";
const GROUPS: &str = "<?xml version=\"1.0\"?><Groups><User name=\"a\"><Properties cpassword=\"AAAA\"/></User></Groups>";
const GROUPS_AT: &str = "Machine/Preferences/Groups/Groups.xml";

/// A GPO in a folder: its policy, if any, and other files.
fn gpo(dir: &TestDir, folder: &str, level: Option<u32>, others: &[(&str, &str)]) {
    dir.write(&format!("{folder}/GPT.INI"), INI);
    if let Some(level) = level {
        let pol = PolBuilder::new().dword(KEY, "Level", level);
        dir.write(&format!("{folder}/Machine/Registry.pol"), pol.build());
    }
    for (name, text) in others {
        dir.write(&format!("{folder}/{name}"), text);
    }
}

/// `Policies` with a GPO that has no policy file and sets much, and one that has policy alone.
fn sysvol() -> TestDir {
    let dir = TestDir::new();
    let others = [
        (TEMPLATE_AT, TEMPLATE),
        (AUDIT_AT, "Machine Name,Policy Target\r\n,System\r\n"),
        (GROUPS_AT, GROUPS),
        ("User/Scripts/scripts.ini", "[Logon]\r\n0CmdLine=map.bat\r\n"),
        ("User/Scripts/Logon/map.bat", "net use\r\n"),
        ("User/Scripts/psscripts.ini", ""),
        ("GPO.cmt", "x"),
    ];
    gpo(&dir, &format!("Policies/{A}"), None, &others);
    gpo(&dir, &format!("Policies/{B}"), Some(1), &[]);
    dir
}

/// `role file` of each.
fn told(files: &Value, folder: &str) -> Vec<String> {
    let all = files.as_array().unwrap_or_else(|| panic!("a list: {files}")).iter();
    let below =
        |file: &Value| file["file"].as_str().expect("a path").replace('\\', "/").replace(&format!("{folder}/"), "");
    all.map(|file| format!("{} {}", file["role"].as_str().expect("a word"), below(file))).collect()
}

/// What the GPO of `sysvol` sets and is no registry policy.
const OTHERS: [&str; 5] = [
    "audit Machine/Microsoft/Windows NT/Audit/audit.csv",
    "security-template Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf",
    "preferences Machine/Preferences/Groups/Groups.xml",
    "scripts User/Scripts/Logon/map.bat",
    "scripts User/Scripts/scripts.ini",
];

#[test]
fn show_lists_what_it_does_not_look_at() {
    let dir = sysvol();
    let folder = format!("Policies/{A}");
    let text = dir.run(["show", &folder]).ok();
    assert!(!text.contains("nothing is configured"), "{text}");
    for line in ["security settings", "85 bytes", "audit policy", "preferences", "scripts", "map.bat"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.contains("sets nothing: GPO.cmt, User/Scripts/psscripts.ini"), "{text}");
    let json = dir.run(["show", &folder, "-f", "json"]).json();
    let all = json["files"].as_array().unwrap();
    assert_eq!(all.len(), 8, "{json}");
    let set = |read: bool, holds: &str| -> Vec<Value> {
        all.iter().filter(|file| file["read"] == read && file["holds"] == holds).cloned().collect()
    };
    assert_eq!(told(&Value::from(set(true, "settings")), &folder), ["gpt-ini GPT.INI"]);
    assert_eq!(told(&Value::from(set(false, "nothing")), &folder), ["scripts User/Scripts/psscripts.ini"]);
    let template = all.iter().find(|file| file["role"] == "security-template").unwrap();
    assert_eq!((&template["size"], &template["scope"]), (&json!(85), &json!("computer")));
    // The other side has scripts alone.
    let text = dir.run(["show", &folder, "--scope", "user"]).ok();
    assert!(text.contains("scripts.ini") && !text.contains("GptTmpl"), "{text}");
    let text = dir.run(["show", &format!("Policies/{B}")]).ok();
    assert!(!text.contains("ot looked at") && !text.contains("sets nothing"), "{text}");
}

#[test]
fn files_that_set_nothing_are_no_settings() {
    let dir = TestDir::new();
    let others = [(TEMPLATE_AT, "[Unicode]\r\nUnicode=yes\r\n"), (GROUPS_AT, "<Groups clsid=\"{x}\"/>")];
    gpo(&dir, A, None, &others);
    let text = dir.run(["show", A]).ok();
    assert!(text.contains("No policy file: nothing is configured."), "{text}");
    assert!(text.contains("sets nothing: Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf"), "{text}");
}

#[test]
fn a_search_without_a_match_names_what_it_did_not_search() {
    let dir = sysvol();
    let run = dir.run(["search", "cpassword", "Policies"]);
    let text = run.expect(1);
    let not = "Not searched: audit policy (1 file), scripts (2 files), preferences (1 file), in 1 GPO";
    assert!(text.contains("No match in 2 GPOs") && text.contains(not), "{run}");
    assert!(text.contains("Searched for registry values alone: security settings (1 file), in 1 GPO"), "{run}");
    let json = parse(&dir.run(["search", "cpassword", "Policies", "-f", "json"]).expect(1));
    assert_eq!(told(&json["not_searched"][0]["files"], &format!("Policies/{A}")), OTHERS);
    assert_eq!(json["not_searched"].as_array().unwrap().len(), 1);
    let values: Vec<&Value> =
        json["not_searched"][0]["files"].as_array().unwrap().iter().map(|f| &f["registry_values"]).collect();
    assert_eq!(values, [&json!(false), &json!(true), &json!(false), &json!(false), &json!(false)]);
    assert_eq!((&json["searched"]["files_partly"], &json["searched"]["files_not"]), (&json!(1), &json!(4)));
    let lines = dir.run(["search", "cpassword", "Policies", "-f", "jsonl"]).expect(1);
    let lines: Vec<Value> = lines.lines().map(parse).collect();
    assert_eq!(lines[0]["schema"], "gpol.search-not-searched/1");
    assert_eq!(lines[1]["searched"]["files_not"], 4);
    for mode in ["-l", "-c"] {
        let run = dir.run(["search", "cpassword", "Policies", mode]);
        assert_eq!((run.status, &*run.stdout()), (Some(1), ""));
        assert!(run.stderr().contains(not), "{run}");
    }
    let text = dir.run(["search", "cpassword", "Policies", "--scope", "user"]).expect(1);
    assert!(text.contains("Not searched: scripts (2 files), in 1 GPO"), "{text}");
    let text = dir.run(["search", "Level", &format!("Policies/{B}")]).ok();
    assert!(!text.contains("searched"), "{text}");
}

#[test]
fn other_answers_list_it_too() {
    let dir = sysvol();
    let folder = format!("Policies/{A}");
    let text = dir.run(["effective", "Policies"]).ok();
    assert!(text.contains("Not in the result, since it is no registry policy:"), "{text}");
    assert!(text.contains("audit policy (1 file), scripts (2 files), preferences (1 file)"), "{text}");
    let json = dir.run(["effective", "Policies", "-f", "json"]).json();
    assert_eq!(told(&json["order"][0]["not_looked_at"], &folder), OTHERS);
    assert_eq!(json["order"][1]["not_looked_at"], json!([]));

    let text = dir.run(["detect", &folder]).ok();
    assert!(text.contains("GptTmpl.inf  (security settings, which gpol does not look at)"), "{text}");
    assert!(!text.contains("nothing is configured"), "{text}");
    let json = dir.run(["detect", &folder, "-f", "json"]).json();
    assert_eq!(json["paths"][0]["files"].as_array().unwrap().len(), 8);
    let text = dir.run(["detect", "Policies"]).ok();
    assert!(text.contains("not registry policy: security settings (1 file), audit policy (1 file)"), "{text}");
    let json = dir.run(["detect", "Policies", "-f", "json"]).json();
    assert_eq!(told(&json["paths"][0]["gpos"][0]["not_looked_at"], &folder), OTHERS);

    let run = dir.run(["doctor", &folder]);
    let text = run.expect(1);
    assert!(text.contains("uncertain") && text.contains("GptTmpl.inf"), "{run}");
    assert!(!text.contains("nothing is configured"), "{run}");
    let json = parse(&dir.run(["doctor", &folder, "-f", "json"]).expect(1));
    assert_eq!(told(&json["not_judged"], &folder), OTHERS);

    let text = dir.run(["policy", "list", &folder, "--configured"]).ok();
    assert!(text.contains("not registry policy, not looked at: security settings (1 file)"), "{text}");
    let json = dir.run(["policy", "list", &folder, "--configured", "-f", "json"]).json();
    assert_eq!(told(&json["not_looked_at"], &folder), OTHERS);

    let run = dir.run(["plan", &format!("Policies/{B}"), &folder]);
    assert!(run.stderr().contains("GptTmpl.inf: security settings (GptTmpl.inf) is not registry policy"), "{run}");
    let json = parse(&dir.run(["plan", &format!("Policies/{B}"), &folder, "-f", "json"]).stdout());
    let roles: Vec<&str> =
        json["not_applied"].as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["audit", "security-template", "preferences", "scripts", "scripts"], "{json}");

    let run = dir.run(["convert", &folder, "-f", "yaml"]);
    assert_eq!(run.refused(5), "E0602");
    assert!(run.stderr().contains("security settings (GptTmpl.inf)") && run.stderr().contains("Groups.xml"), "{run}");
    let pol = dir.run(["convert", &format!("Policies/{B}"), "-f", "json"]).json();
    assert_eq!(pol["records"].as_array().unwrap().len(), 1);
}

/// One value is explained from the policy file and the registry; what else sets values there was not looked at.
#[test]
fn an_explanation_names_what_it_did_not_see() {
    let dir = TestDir::with_image();
    let not_seen =
        || dir.run(["explain", "image", "TS_USER_AUTHENTICATION_POLICY", "-f", "json"]).json()["not_seen"].clone();
    let before = not_seen().as_array().unwrap().len();
    dir.write(&format!("image/Windows/System32/GroupPolicy/{TEMPLATE_AT}"), TEMPLATE);
    let after = not_seen();
    assert_eq!(after.as_array().unwrap().len(), before + 1, "{after}");
    assert!(after[0].as_str().unwrap().ends_with("beside registry policy, and may win: security settings"), "{after}");
}

/// The last export of a GPO, and one of today with other files.
fn exports(others: &[(&str, &str)]) -> TestDir {
    let dir = TestDir::new();
    gpo(
        &dir,
        &format!("last/{A}"),
        Some(1),
        &[(TEMPLATE_AT, TEMPLATE), ("User/Scripts/scripts.ini", "[Logon]\r\na=b\r\n")],
    );
    gpo(&dir, &format!("today/{A}"), Some(1), others);
    dir
}

const SCRIPTS: (&str, &str) = ("User/Scripts/scripts.ini", "[Logon]\r\na=b\r\n");

fn check(dir: &TestDir, more: &[&str]) -> Run {
    dir.run(["check", "today", "last"].iter().chain(more).copied())
}

#[test]
fn files_that_are_the_same_are_as_expected() {
    let dir = exports(&[(TEMPLATE_AT, TEMPLATE), SCRIPTS]);
    let text = check(&dir, &[]).ok();
    assert!(text.contains("as expected: 1 setting checked, 1 pass, 2 other files the same"), "{text}");
    let json = check(&dir, &["-f", "json"]).json();
    assert_eq!((&json["same_files"], &json["not_checked"]), (&json!(2), &json!([])));
    assert_eq!(
        dir.run(["diff", "today", "last"]).ok().lines().last(),
        Some("No difference: 1 value the same; 2 other files the same")
    );
}

/// What was removed, changed or added is told in every format, and decides the exit code.
#[test]
fn files_that_are_not_the_same_are_no_green() {
    let changed = TEMPLATE.replace("14", "08");
    let cases: [(Others<'_>, &str, [bool; 2]); 3] = [
        (&[SCRIPTS], "only expected", [true, false]),
        (&[SCRIPTS, (TEMPLATE_AT, &changed)], "not the same", [true, true]),
        (&[SCRIPTS, (TEMPLATE_AT, TEMPLATE), (GROUPS_AT, GROUPS)], "only target", [false, true]),
    ];
    for (others, how, there) in cases {
        let dir = exports(others);
        let text = check(&dir, &[]).expect(7);
        assert!(
            text.contains("as expected where it was checked: 1 setting checked, 1 pass") && text.contains(how),
            "{text}"
        );
        let json = parse(&check(&dir, &["-f", "json"]).expect(7));
        let not = &json["not_checked"][0];
        assert_eq!(
            (&json["compliant"], &not["how"], &not["decides"]),
            (&json!(false), &json!(how), &json!(true)),
            "{json}"
        );
        let sides: Vec<&str> = not["at"].as_array().unwrap().iter().map(|at| at["side"].as_str().unwrap()).collect();
        let wanted = ["expected", "target"].into_iter().zip(there).filter(|(_, there)| *there).map(|(side, _)| side);
        assert_eq!(sides, wanted.collect::<Vec<_>>());
        let sarif = parse(&check(&dir, &["-f", "sarif"]).expect(7));
        let notification = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"][0];
        assert_eq!(notification["level"], "error");
        assert!(notification["message"]["text"].as_str().unwrap().contains(how), "{sarif}");
        assert_eq!(sarif["runs"][0]["properties"]["compliant"], false);
        let junit = check(&dir, &["-f", "junit"]).expect(7);
        assert!(junit.contains("tests=\"2\" failures=\"0\" errors=\"1\"") && junit.contains(how), "{junit}");
        let github = check(&dir, &["-f", "github"]).expect(7);
        assert!(github.starts_with("::error title=gpol check%3A not checked::") && github.contains(how), "{github}");

        let text = check(&dir, &["--registry-only"]).ok();
        assert!(text.contains("\nas expected: 1 setting checked") && text.contains(how), "{text}");
        let json = check(&dir, &["--registry-only", "-f", "json"]).json();
        assert_eq!((&json["compliant"], &json["not_checked"][0]["decides"]), (&json!(true), &json!(false)));
        let sarif = check(&dir, &["--registry-only", "-f", "sarif"]).json();
        assert_eq!(sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["level"], "note");
        assert!(check(&dir, &["--registry-only", "-f", "junit"]).ok().contains("errors=\"0\" skipped=\"1\""));
        assert!(check(&dir, &["--registry-only", "-f", "github"]).ok().starts_with("::notice "));

        let each = check(&dir, &["--each"]).expect(7);
        assert!(each.contains("unknown"), "{each}");
        check(&dir, &["--each", "--registry-only"]).ok();
    }
}

#[test]
fn a_difference_of_files_is_told_by_diff_and_decides() {
    let dir = exports(&[SCRIPTS]);
    gpo(&dir, &format!("base/{A}"), Some(1), &[SCRIPTS]);
    let text = dir.run(["diff", "last", "today"]).expect(7);
    assert!(text.contains("GptTmpl.inf), only left"), "{text}");
    assert!(
        text.contains(
            "No difference in registry policy: 1 value the same; 1 other file the same; 1 thing not compared"
        ),
        "{text}"
    );
    let json = parse(&dir.run(["diff", "last", "today", "-f", "json"]).expect(7));
    assert_eq!((&json["same"], &json["not_compared"][0]["how"]), (&json!(false), &json!("only left")));
    for format in ["md", "unified"] {
        assert!(dir.run(["diff", "last", "today", "-f", format]).expect(7).contains("only left"), "{format}");
    }
    assert_eq!(dir.run(["diff", "last", "today", "--registry-only"]).status, Some(0));
    assert_eq!(dir.run(["diff", "last", "today", "--scope", "user"]).status, Some(0), "scripts are the user's");
    let three = |format: &str| dir.run(["diff", "last", "today", "--base", "base", "-f", format]).expect(7);
    assert!(three("human").contains("only left"));
    assert!(three("md").contains("only left"));
    assert_eq!(parse(&three("json"))["three_way"]["same"], false);
    dir.run(["diff", "last", "today", "--base", "base", "--registry-only"]).ok();
}

/// Of such files a state file or a text says nothing; Policy Analyzer's rules may.
#[test]
fn an_expectation_that_is_no_gpo_wants_no_files() {
    let dir = exports(&[SCRIPTS]);
    let key = format!("Computer\r\n{KEY}\r\nLevel\r\nDWORD:1\r\n");
    dir.write("want.txt", &key);
    let text = dir.run(["check", "today", "want.txt"]).ok();
    assert!(text.contains("Not checked and not asked for") && text.contains("scripts.ini), only target"), "{text}");
    dir.run(["check", "today", "want.txt", "--exact"]).expect(7);
    let rule = format!(
        "<ComputerConfig><Key>{KEY}</Key><Value>Level</Value><RegType>REG_DWORD</RegType><RegData>1</RegData></ComputerConfig>"
    );
    let template =
        "<SecurityTemplate Section=\"System Access\"><LineItem>MinimumPasswordLength=14</LineItem></SecurityTemplate>";
    dir.write("want.PolicyRules", format!("<PolicyRules>\r\n{rule}\r\n{template}\r\n</PolicyRules>\r\n"));
    let json = parse(&dir.run(["check", "today", "want.PolicyRules", "-f", "json"]).expect(7));
    assert_eq!((&json["compliant"], &json["summary"]["pass"]), (&json!(false), &json!(1)), "{json}");
    assert_eq!(json["not_checked"][0]["at"][0]["side"], "expected");
    dir.run(["check", "today", "want.PolicyRules", "--registry-only"]).ok();
}

/// A GPO without a policy file is one all the same: it is compared, named by an order, and found by its namesake.
#[test]
fn a_gpo_without_a_policy_file_is_compared() {
    let dir = TestDir::new();
    gpo(&dir, &format!("last/{A}"), None, &[(TEMPLATE_AT, TEMPLATE)]);
    gpo(&dir, &format!("last/{B}"), Some(1), &[]);
    gpo(&dir, &format!("today/{A}"), None, &[]);
    gpo(&dir, &format!("today/{B}"), Some(1), &[]);
    check(&dir, &["--each"]).expect(7);
    check(&dir, &[]).expect(7);
    dir.run(["check", &format!("today/{A}"), &format!("last/{A}")]).expect(7);
    assert_eq!(dir.run(["check", &format!("today/{A}"), &format!("last/{A}"), "--registry-only"]).refused(3), "E0414");
    assert_eq!(dir.run(["diff", &format!("today/{A}"), &format!("today/{A}")]).refused(3), "E0414");
    dir.run(["diff", &format!("last/{A}"), &format!("last/{A}")]).ok();
    // Left out by the order, its files count no more.
    dir.write("order.txt", format!("{B}\n"));
    let json = parse(&dir.run(["check", "last", &format!("last/{B}"), "--order", "order.txt", "-f", "json"]).expect(0));
    assert_eq!((&json["left_out"], &json["not_checked"]), (&json!([A]), &json!([])));
    dir.run(["check", "last", &format!("last/{B}")]).expect(7);
}

/// A list that is longer than a screen is cut for people, with a count.
#[test]
fn a_long_list_is_cut_with_a_count() {
    let dir = TestDir::new();
    let names: Vec<String> = (0..40).map(|n| format!("Machine/Scripts/Startup/{n}.bat")).collect();
    gpo(&dir, A, None, &names.iter().map(|name| (&**name, "x")).collect::<Vec<_>>());
    let text = dir.run(["show", A]).ok();
    assert_eq!(text.lines().filter(|line| line.contains(".bat")).count(), 15, "{text}");
    assert!(text.contains("and 25 more files; --format json has them all"), "{text}");
    assert_eq!(dir.run(["show", A, "-f", "json"]).json()["files"].as_array().unwrap().len(), 41);
}

/// Whether a folder is a GPO or a backup of one, by what lies in it.
fn is_gpo(folder: &Path) -> bool {
    let has = |folder: &Path, wanted: &[&str]| {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().to_lowercase()).collect();
        wanted.iter().any(|wanted| names.iter().any(|name| name == wanted))
    };
    let parts = ["registry.pol", "comment.cmtx", "scripts", "microsoft", "preferences", "applications"];
    let sides = ["Machine", "MACHINE", "User"].map(|side| folder.join(side));
    has(folder, &["gpt.ini", "bkupinfo.xml", "domainsysvol"]) || sides.iter().any(|side| has(side, &parts))
}

/// The topmost GPOs and backups below a folder.
fn gpos(folder: &Path, found: &mut Vec<PathBuf>) {
    if is_gpo(folder) {
        return found.push(folder.to_path_buf());
    }
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders.iter().for_each(|folder| gpos(folder, found));
}

#[test]
fn no_file_of_a_real_gpo_is_neither_read_nor_listed() {
    let Some(corpus) = corpus() else { return };
    let dir = TestDir::new();
    let mut all = Vec::new();
    gpos(&corpus.join("gpo"), &mut all);
    gpos(&corpus.join("golden"), &mut all);
    let (mut count, mut without_policy, mut malformed) = (0, 0, 0);
    for gpo in all {
        let run =
            dir.run(["show".into(), gpo.clone().into_os_string(), "--no-admx".into(), "-f".into(), "json".into()]);
        if run.status == Some(4) {
            // A file that cannot be understood is an error that names it; nothing is said of the GPO then.
            assert!(run.stderr().contains(&*gpo.display().to_string()), "{run}");
            malformed += 1;
            continue;
        }
        let json = parse(&run.stdout());
        let listed = json["files"].as_array().unwrap().iter().map(|file| PathBuf::from(file["file"].as_str().unwrap()));
        let listed: BTreeSet<PathBuf> = listed.collect();
        let there: BTreeSet<PathBuf> = files(&gpo).into_iter().collect();
        assert_eq!(listed, there, "{}", gpo.display());
        count += there.len();
        let is_template = |path: &&PathBuf| path.ends_with("GptTmpl.inf");
        if json["sides"].as_array().unwrap().is_empty() && there.iter().any(|path| is_template(&path)) {
            let text = dir.run(["show".into(), gpo.into_os_string(), "--no-admx".into()]).stdout();
            assert!(text.contains("GptTmpl.inf") && !text.contains("nothing is configured"), "{text}");
            without_policy += 1;
        }
    }
    assert!(count > 1_000 && without_policy > 20, "{count} files, {without_policy} GPOs");
    assert!(malformed < 10, "{malformed}");
}
