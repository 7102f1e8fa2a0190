//! `gpol check`: a target against what is expected of it.

use fixtures::PolBuilder;
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, NLA, Run, TestDir, parse};
use crate::corpus::corpus;

const TERMINAL: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const ACME: &str = r"Software\Policies\Acme\Agent";

/// Expected: five settings of the computer. One passes, two are different, two are absent, and one more is extra.
fn baseline() -> TestDir {
    let entry = |key: &str, name: &str, action: &str| format!("Computer\r\n{key}\r\n{name}\r\n{action}\r\n\r\n");
    let expected = [
        entry(TERMINAL, "UserAuthentication", "DWORD:1"),
        entry(ACME, "Pass", "DWORD:1"),
        entry(ACME, "Tier", "DWORD:3"),
        entry(ACME, "Absent", "SZ:x"),
        entry(ACME, "Forbidden", "DELETE"),
    ];
    let dir = TestDir::with("baseline.txt", expected.concat());
    let target = PolBuilder::new()
        .dword(TERMINAL, "UserAuthentication", 0)
        .dword(&ACME.to_uppercase(), "PASS", 1)
        .sz(ACME, "Tier", "3")
        .dword(ACME, "More", 1);
    dir.write("target.pol", target.build());
    dir
}

fn check(dir: &TestDir, more: &[&'static str]) -> Run {
    dir.run(["check", "target.pol", "baseline.txt"].iter().chain(more).copied())
}

fn verdicts(json: &Value) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let name = |value: &Value| text(value).rsplit('!').next().expect("a name").to_owned();
    let findings = json["findings"].as_array().expect("a list").iter();
    findings.map(|f| (name(&f["value"]), text(&f["verdict"]), f["fails"] == true)).collect()
}

fn finding(name: &str, verdict: &str, fails: bool) -> (String, String, bool) {
    (name.to_owned(), verdict.to_owned(), fails)
}

#[test]
fn each_expected_setting_passes_differs_or_is_absent() {
    let dir = baseline();
    let json = parse(&check(&dir, &["-f", "json"]).expect(1));
    assert_eq!((&json["schema"], &json["compliant"]), (&json!("gpol.check/1"), &json!(false)));
    assert_eq!(
        json["summary"],
        json!({"checked": 5, "pass": 1, "different": 2, "absent": 2, "unknown": 0, "waived": 0, "extra": 1})
    );
    let mut found = verdicts(&json);
    found.sort();
    // A missing record is not the deletion that is wanted.
    let expected = [
        finding("**del.Forbidden", "absent", true),
        finding("Absent", "absent", true),
        finding("Tier", "different", true),
        finding("UserAuthentication", "different", true),
    ];
    assert_eq!(found, expected);
    let tier = json["findings"].as_array().unwrap().iter().find(|f| f["kind"] == "type").expect("of another type");
    assert_eq!(tier["value"], format!(r"HKLM\{ACME}!Tier"));
}

#[test]
fn people_and_ci_servers_are_told_in_their_ways() {
    let dir = baseline();
    for format in ["human", "junit", "github"] {
        let run = dir.run(["check", "target.pol", "baseline.txt", "-f", format]);
        assert_eq!(run.status, Some(1));
        assert_file_snapshot!(format!("check_{format}"), run);
    }
}

#[test]
fn annotations_point_at_the_line_of_a_text_that_is_checked() {
    let dir = baseline();
    dir.write(
        "have.txt",
        format!("Computer\r\n{ACME}\r\nOther\r\nDWORD:1\r\n\r\nComputer\r\n{ACME}\r\nTier\r\nDWORD:2\r\n"),
    );
    dir.write("want.txt", format!("Computer\r\n{ACME}\r\nTier\r\nDWORD:3\r\n"));
    let out = dir.run(["check", "have.txt", "want.txt", "-f", "github"]).expect(1);
    assert!(out.starts_with("::error file=have.txt,line=6,title=gpol check%3A different::"), "{out}");
}

#[test]
fn extras_fail_only_where_exactness_is_asked_for() {
    let dir = baseline();
    let own = |more: &[&'static str]| dir.run(["check", "target.pol", "own.txt"].iter().chain(more).copied());
    dir.write("own.txt", format!("Computer\r\n{ACME}\r\nPass\r\nDWORD:1\r\n"));
    assert!(own(&[]).ok().contains("as expected: 1 setting checked, 1 pass, 3 extra"));
    let json = parse(&own(&["--exact", "-f", "json"]).expect(1));
    assert!(verdicts(&json).iter().all(|(_, verdict, fails)| verdict == "extra" && *fails), "{json}");
    assert_eq!(verdicts(&json).len(), 3);
}

#[test]
fn absent_settings_may_be_let_through() {
    let dir = baseline();
    let absent = format!("Computer\r\n{ACME}\r\nAbsent\r\nSZ:x\r\n");
    dir.write("absent.txt", absent);
    let run = |what: &'static str| dir.run(["check", "target.pol", "absent.txt", "--fail-on", what]);
    assert_eq!((run("absent").status, run("different").status), (Some(1), Some(0)));
    assert_eq!(check(&dir, &["--fail-on", "different"]).status, Some(1));
}

#[test]
fn a_deletion_of_all_values_satisfies_that_of_one() {
    let dir = TestDir::with("want.txt", format!("Computer\r\n{ACME}\r\nForbidden\r\nDELETE\r\n"));
    let run = |records: PolBuilder| {
        dir.write("target.pol", records.build());
        dir.run(["check", "target.pol", "want.txt"]).status
    };
    assert_eq!(run(PolBuilder::new().del_all_values(ACME)), Some(0));
    assert_eq!(run(PolBuilder::new().del_all_values(ACME).dword(ACME, "Forbidden", 1)), Some(1));
    assert_eq!(run(PolBuilder::new()), Some(1));
}

#[test]
fn records_that_others_undo_do_not_pass() {
    let dir = TestDir::with("want.txt", format!("Computer\r\n{ACME}\r\nLevel\r\nDWORD:1\r\n"));
    dir.write("target.pol", PolBuilder::new().dword(ACME, "Level", 1).del_all_values(ACME).build());
    let json = parse(&dir.run(["check", "target.pol", "want.txt", "-f", "json"]).expect(1));
    assert_eq!(
        (verdicts(&json), &json["findings"][0]["kind"]),
        (vec![finding("Level", "different", true)], &json!("order"))
    );
}

#[test]
fn nothing_expected_is_an_error_and_no_pass() {
    let dir = baseline();
    dir.write("empty.pol", PolBuilder::new().build());
    assert_eq!(dir.run(["check", "target.pol", "empty.pol", "--scope", "computer"]).refused(3), "E0414");
    assert_eq!(check(&dir, &["--scope", "user"]).refused(3), "E0414");
}

fn waived(dir: &TestDir, expires: &str, day: &str) -> Run {
    let waivers = format!(
        "apiVersion: gpol/v1\nkind: PolicySet\nwaivers:\n  - {{rule: {NLA}, reason: CHG-7, expires: {expires}}}\n"
    );
    dir.write("waivers.yaml", waivers);
    dir.write("nla.txt", format!("Computer\r\n{TERMINAL}\r\nUserAuthentication\r\nDWORD:1\r\n"));
    let mut command = dir.command(["check", "target.pol", "nla.txt", "--waivers", "waivers.yaml", "-f", "json"]);
    command.env("SOURCE_DATE_EPOCH", day);
    Run::of(command)
}

#[test]
fn a_waiver_holds_to_the_end_of_its_last_day() {
    let dir = baseline();
    // 2026-12-31, and the second after it.
    let last = parse(&waived(&dir, "2026-12-31", "1798761599").expect(0));
    assert_eq!((&last["summary"]["waived"], &last["compliant"]), (&json!(1), &json!(true)));
    assert_eq!(last["findings"][0]["waiver"]["reason"], "CHG-7");
    let over = parse(&waived(&dir, "2026-12-31", "1798761600").expect(1));
    assert_eq!((&over["summary"]["waived"], &over["findings"][0]["waiver"]["expired"]), (&json!(0), &json!(true)));
}

#[test]
fn a_state_file_also_wants_policies_that_are_not_configured() {
    let dir = baseline();
    dir.write(
        "state.yaml",
        format!("apiVersion: gpol/v1\nkind: PolicySet\ncomputer:\n  policies:\n    - {{policy: {NLA}, state: not-configured}}\n"),
    );
    dir.write("clean.pol", PolBuilder::new().dword(ACME, "More", 1).build());
    assert_eq!(dir.run(["check", "clean.pol", "state.yaml"]).status, Some(0));
    let json = parse(&dir.run(["check", "target.pol", "state.yaml", "-f", "json"]).expect(1));
    assert_eq!(verdicts(&json), [finding("UserAuthentication", "different", true)]);
    assert_eq!(json["findings"][0]["expected"], json!(null));
}

#[test]
fn an_image_meets_what_was_made_of_it() {
    let dir = TestDir::with_image();
    dir.run(["convert", COMPUTER_POL, "-o", "baseline.PolicyRules"]).ok();
    let json = dir.run(["check", "image", "baseline.PolicyRules", "-f", "json"]).json();
    assert_eq!((&json["summary"]["checked"], &json["summary"]["pass"]), (&json!(6), &json!(6)));
}

/// LGPO texts that somebody made of these policy files; one with a release of LGPO.exe before 3.0, which wrote
/// backslashes as they stand, and gpol warns of that. What users of the servers get is nothing in both forms.
/// The sum is that of different pairs of key and value name in the texts, counted by another program.
#[test]
fn texts_that_lgpo_made_of_policy_files_say_what_these_say() {
    let Some(corpus) = corpus() else { return };
    let folder =
        |revision: &str| corpus.join(format!("golden/plus3it+ash-windows-formula/{revision}/ash-windows/scmfiles"));
    let dir = TestDir::new();
    let mut checked = Vec::new();
    for of in ["IE_8", "IE_9", "IE_10", "Server_2008_R2_DC", "Server_2008_R2_MS", "Windows_8_1"] {
        for side in ["machine", "user"] {
            let pol = folder("@4d58a80^").join(format!("{of}/{side}_registry.pol")).into_os_string();
            let text = folder("@4d58a80").join(format!("{of}/{side}_registry.txt")).into_os_string();
            // No scope: some texts of machines call their entries the user's, and the policy file follows.
            let words = |a: &std::ffi::OsString, b: &std::ffi::OsString| {
                ["check".into(), a.clone(), b.clone(), "--exact".into(), "-f".into(), "json".into()]
            };
            let there = dir.run(words(&pol, &text));
            let back = dir.run(words(&text, &pol));
            if there.status == Some(3) {
                checked.push((format!("{of} {side}"), 0));
                assert_eq!((there.refused(3), back.status), ("E0414".to_owned(), there.status), "{back}");
                continue;
            }
            assert_eq!((there.status, back.status), (Some(0), Some(0)), "{of} {side}: {there}{back}");
            let json = parse(&there.stdout());
            let pass = json["summary"]["pass"].as_u64().expect("a number");
            assert_eq!(json["summary"]["checked"], pass);
            checked.push((format!("{of} {side}"), pass));
        }
    }
    let empty: Vec<&str> = checked.iter().filter(|(_, n)| *n == 0).map(|(name, _)| name.as_str()).collect();
    assert_eq!(empty, ["Server_2008_R2_DC user", "Server_2008_R2_MS user"]);
    assert_eq!(checked.iter().map(|(_, n)| n).sum::<u64>(), 649);
}

/// The parts of the specification that readers rely on; `tests/schemas/run` holds all of it against the schema.
/// Policy Analyzer made these rules of this backup, which another repository holds: 372 records of the computer and 47
/// of users in both, by another program.
#[test]
fn rules_that_policy_analyzer_made_of_a_backup_say_what_it_says() {
    let Some(corpus) = corpus() else { return };
    let backup = corpus.join("gpo/mxk+windows-secure-group-policy/@3a96e5a117/GPO").into_os_string();
    let rules = corpus.join("text/mxk+win11-secure-baseline-gpo/PolicyRules/Win10-Secure-Baseline.PolicyRules");
    let (rules, dir) = (rules.into_os_string(), TestDir::new());
    for [target, expected] in [[&backup, &rules], [&rules, &backup]] {
        let words = ["check".into(), target.clone(), expected.clone(), "--exact".into(), "-f".into(), "json".into()];
        // The backup has a security template, and the rules what Policy Analyzer made of it.
        assert_eq!(dir.run(words.clone()).status, Some(7));
        let json = dir.run(words.into_iter().chain(["--registry-only".into()])).json();
        assert_eq!((&json["summary"]["checked"], &json["summary"]["pass"]), (&json!(419), &json!(419)));
    }
}

/// Two backups of the corpus, compared by another program: 54 records of the expectation are different values, 53 of
/// which the target has; it has four more.
#[test]
fn a_backup_against_another_finds_what_a_comparison_by_hand_finds() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("gpo/simeononsecurity+STIG-Compliant-Domain-Prep/Files/GPOs/DoD");
    let of = |year: u16| folder.join(format!("DoD - Windows Server {year} MS - Computer")).into_os_string();
    let dir = TestDir::new();
    let words = ["check".into(), of(2019), of(2016), "-f".into(), "json".into()];
    // Their security templates are others as well.
    assert_eq!(dir.run(words.clone()).status, Some(7));
    let json = parse(&dir.run(words.into_iter().chain(["--registry-only".into()])).expect(1));
    let summary =
        json!({"checked": 54, "pass": 53, "different": 1, "absent": 0, "unknown": 0, "waived": 0, "extra": 4});
    assert_eq!(json["summary"], summary);
    let finding = &json["findings"][0];
    assert_eq!(
        finding["value"],
        r"HKLM\Software\Policies\Microsoft\Windows\DeviceGuard!HypervisorEnforcedCodeIntegrity"
    );
    assert_eq!((&finding["expected"]["raw"], &finding["found"]["raw"]), (&json!("00000000"), &json!("03000000")));
    // A set of ten against an older one of one, whose backup has another id: its GPO is found by its name. 66 values, of
    // which two differ.
    let set = |revision: &str| corpus.join(format!("gpo/wagov+Essential8-GPOs{revision}/GPOs")).into_os_string();
    let words = ["check".into(), set(""), set("/@c2577afe53"), "--each".into(), "-f".into(), "json".into()];
    let json = parse(&dir.run(words).expect(1));
    assert_eq!((&json["gpos"][0]["checked"], &json["gpos"][0]["pass"]), (&json!(66), &json!(64)));
    let found = json["findings"].as_array().expect("a list").iter();
    let found: Vec<_> = found
        .map(|f| (f["value"].as_str().unwrap_or_default(), &f["expected"]["value"], &f["found"]["value"]))
        .collect();
    let office = r"HKCU\software\policies\microsoft\office\16.0";
    let (access, outlook) =
        (format!(r"{office}\access\security!vbawarnings"), format!(r"{office}\outlook\security!level"));
    assert_eq!(found, [(&*access, &json!(1), &json!(4)), (&*outlook, &json!(1), &json!(4))]);
}

#[test]
fn sarif_says_what_where_and_under_which_rule() {
    let dir = baseline();
    let waivers = format!(
        "apiVersion: gpol/v1\nkind: PolicySet\nwaivers:\n  - {{rule: 'HKLM\\{ACME}!Tier', reason: CHG-7, expires: 2999-12-31}}\n"
    );
    dir.write("waivers.yaml", waivers);
    let words = ["check", "target.pol", "baseline.txt", "--exact", "--waivers", "waivers.yaml", "-f", "sarif"];
    let run = dir.run(words);
    let log = parse(&run.expect(1));
    assert_eq!(dir.run(words).stdout(), run.stdout(), "two runs are one text");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules: Vec<_> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    assert_eq!(rules, ["check/different", "check/absent", "check/extra", "check/unknown"]);
    let results = run["results"].as_array().unwrap();
    for result in results {
        assert_eq!(&result["ruleId"], rules[result["ruleIndex"].as_u64().unwrap() as usize]);
    }
    let of = |name: &str| {
        let is = |result: &&Value| result["locations"][0]["logicalLocations"][0]["name"] == name;
        results.iter().find(is).unwrap_or_else(|| panic!("{name}"))
    };
    let nla = of("UserAuthentication");
    assert_eq!(
        (&nla["ruleId"], &nla["level"], &nla["kind"]),
        (&json!("check/different"), &json!("error"), &json!("fail"))
    );
    // A record of a binary file by its byte, what is wanted of it by its line.
    let place = &nla["locations"][0]["physicalLocation"];
    assert_eq!(*place, json!({"artifactLocation": {"uri": "target.pol"}, "region": {"byteOffset": 8}}));
    let wanted = &nla["relatedLocations"][0]["physicalLocation"];
    assert_eq!(*wanted, json!({"artifactLocation": {"uri": "baseline.txt"}, "region": {"startLine": 1}}));
    let policy = &nla["locations"][0]["logicalLocations"][1];
    assert_eq!(policy["fullyQualifiedName"], format!("Microsoft.Policies.TerminalServer:{NLA}"));
    let absent = of("Absent");
    assert_eq!(absent["ruleId"], "check/absent");
    assert_eq!(absent["locations"][0]["physicalLocation"], json!({"artifactLocation": {"uri": "target.pol"}}));
    assert_eq!(of("More")["ruleId"], "check/extra");
    let tier = of("Tier");
    assert_eq!(tier["suppressions"][0]["justification"], "CHG-7 (until 2999-12-31)");
    let place = &tier["suppressions"][0]["location"]["physicalLocation"];
    assert_eq!(*place, json!({"artifactLocation": {"uri": "waivers.yaml"}, "region": {"startLine": 4}}));
    assert!(nla.get("suppressions").is_none());
    // The same setting keeps its fingerprint when it is wrong in another way.
    let print = |result: &Value| result["partialFingerprints"]["gpolSetting/v1"].as_str().unwrap().to_owned();
    let all: std::collections::BTreeSet<String> = results.iter().map(print).collect();
    assert_eq!(all.len(), results.len());
    dir.write("target.pol", PolBuilder::new().build());
    let log = parse(&dir.run(["check", "target.pol", "baseline.txt", "-f", "sarif"]).expect(1));
    let absent: Vec<String> = log["runs"][0]["results"].as_array().unwrap().iter().map(print).collect();
    assert!(absent.contains(&print(nla)), "{absent:?}");
}

#[test]
fn a_result_may_go_to_a_file_but_over_no_input() {
    let dir = baseline();
    for format in ["human", "json", "sarif", "junit", "github"] {
        let printed = check(&dir, &["-f", format]);
        let run = check(&dir, &["-f", format, "-o", "out"]);
        assert_eq!((run.status, run.stdout()), (Some(1), String::new()), "{format}");
        assert_eq!(dir.text("out"), printed.stdout(), "{format}");
    }
    let before = dir.state();
    assert_eq!(check(&dir, &["-f", "json", "-o", "baseline.txt"]).refused(5), "E0503");
    assert_eq!(check(&dir, &["-f", "json", "-o", "target.pol"]).refused(5), "E0503");
    assert_eq!(dir.state(), before);
}

#[test]
fn a_waiver_that_is_wrong_is_an_error_with_line_and_column() {
    let dir = baseline();
    let head = "apiVersion: gpol/v1\nkind: PolicySet\nwaivers:\n";
    for (waiver, place) in [
        ("- {rule: X, reason: Y, expires: 2026-02-30}", "line 4, column 35"),
        ("- {rule: X, reason: Y}", "line 4, column 5"),
        ("- {rule: X, reason: Y, expires: 2026-02-28, until: x}", "line 4, column 47"),
    ] {
        dir.write("waivers.yaml", format!("{head}  {waiver}\n"));
        let run = check(&dir, &["--waivers", "waivers.yaml"]);
        assert_eq!(run.refused(4), "E0214");
        assert!(run.stderr().contains(place), "{waiver}: {run}");
    }
    assert_eq!(check(&dir, &["--waivers", "baseline.txt"]).refused(4), "E0214");
    // One that fits nothing is told, unless its rule is one of another command.
    dir.write("waivers.yaml", format!("{head}  - {{rule: SEC003, reason: Y, expires: 2999-01-01}}\n  - {{rule: X, reason: Y, expires: 2999-01-01}}\n"));
    let run = check(&dir, &["--waivers", "waivers.yaml"]);
    assert_eq!(run.stderr(), "warning: waivers.yaml:5: the waiver of X fits no finding\n");
}
