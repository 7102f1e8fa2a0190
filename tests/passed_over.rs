//! Which linked GPOs clients pass over: each reason of [MS-GPOL] 3.2.5.1, told by `effective` and by `doctor` alike.
//!
//! The domain has two GPOs. `A base` says X = 1 and is linked to the domain; `B top` says X = 2 and is linked to the OU, so that it
//! wins wherever clients take it. What each row changes is of B, and what must come of it is derived in the row's comment.

use std::path::Path;

use fixtures::PolBuilder;
use serde_json::{Value, json};

use crate::bench::{Run, TestDir, parse};
use crate::effective::values;

const A: &str = "{AAAAAAAA-0000-4000-8000-000000000001}";
const B: &str = "{BBBBBBBB-0000-4000-8000-000000000002}";
const REGISTRY: &str = "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]";
const SECURITY: &str = "[{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}]";

/// The object of a GPO; lines of `change` replace those of the same attribute, or take them away if they end at the colon.
fn object(guid: &str, name: &str, change: &str) -> String {
    let of = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let changed: Vec<String> = change.lines().map(of).collect();
    let own = format!(
        "displayName: {name}\nflags: 0\nversionNumber: 1\n\
         gPCFileSysPath: \\\\corp.test\\sysvol\\corp.test\\Policies\\{guid}\n\
         gPCFunctionalityVersion: 2\ngPCMachineExtensionNames: {REGISTRY}\n"
    );
    let kept = own.lines().filter(|line| !changed.contains(&of(line)));
    let lines: Vec<&str> = kept.chain(change.lines().filter(|line| !line.ends_with(':'))).collect();
    format!("dn: CN={guid},CN=Policies,CN=System,DC=corp,DC=test\n{}\n\n", lines.join("\n"))
}

fn link(guid: &str, options: u32) -> String {
    format!("[LDAP://CN={guid},CN=Policies,CN=System,DC=corp,DC=test;{options}]")
}

fn domain(change: &str, ini: Option<&str>, containers: &str) -> TestDir {
    let dir = TestDir::new();
    for (guid, n) in [(A, 1), (B, 2)] {
        let pol = PolBuilder::new().dword("K", "X", n).build();
        dir.write(&format!("sysvol/corp.test/Policies/{guid}/Machine/Registry.pol"), pol);
    }
    dir.write(&format!("sysvol/corp.test/Policies/{A}/GPT.INI"), "[General]\r\nVersion=1\r\n");
    if let Some(ini) = ini {
        dir.write(&format!("sysvol/corp.test/Policies/{B}/GPT.INI"), ini);
    }
    dir.write("ad.ldif", object(A, "A base", "") + &object(B, "B top", change) + containers);
    dir
}

fn linked() -> String {
    format!("dn: DC=corp,DC=test\ngPLink: {}\n\ndn: OU=S,DC=corp,DC=test\ngPLink: {}\n\n", link(A, 0), link(B, 0))
}

fn effective(dir: &TestDir) -> Run {
    let words = ["effective", "sysvol", "--ad", "ad.ldif", "--for", "OU=S,DC=corp,DC=test", "--no-admx", "-f", "json"];
    dir.run(words)
}

/// `X` and the reasons: `B top/computer: why`.
fn told(run: &Run) -> (Vec<String>, Vec<String>) {
    let found = parse(&run.stdout());
    let left_out = found["left_out"].as_array().expect("a list").iter().map(|it| {
        let side = it["side"].as_str().map(|side| format!("/{side}")).unwrap_or_default();
        assert!(!it["reason"].as_str().expect("a sentence").is_empty());
        format!("{}{side}: {}", it["name"].as_str().expect("a name"), it["why"].as_str().expect("a word"))
    });
    (values(&found, "computer"), left_out.collect())
}

/// The answer of doctor of B, and its probes that say so.
fn doctor(dir: &TestDir) -> (String, Vec<String>) {
    let run = dir.run(["doctor", &format!("sysvol/corp.test/Policies/{B}"), "--ad", "ad.ldif", "-f", "json"]);
    let found = parse(&run.stdout());
    let of = |name: &str| {
        let probes = found["probes"].as_array().expect("probes").iter().filter(|probe| probe["answer"] == name);
        probes.map(|probe| format!("{name} {}", probe["id"].as_str().expect("an id"))).collect::<Vec<_>>()
    };
    (found["verdict"].as_str().expect("an answer").to_owned(), [of("no"), of("uncertain")].concat())
}

/// An attribute or a file of B, and the word and the probe for it; without a word clients take B.
struct Row<'a>(&'a str, &'a str, &'a str, Option<&'a str>, &'a str);

#[test]
fn each_reason_of_the_specification_is_judged_and_told_by_both_commands() {
    let registry_after_security = format!("gPCMachineExtensionNames: {SECURITY}{REGISTRY}");
    let security_after_registry = format!("gPCMachineExtensionNames: {REGISTRY}{SECURITY}");
    let security = format!("gPCMachineExtensionNames: {SECURITY}");
    let rows = [
        Row("as it should be", "", "1", None, ""),
        // 3.2.5.1.6: anything but 2 is denied.
        Row(
            "functionality 1",
            "gPCFunctionalityVersion: 1",
            "1",
            Some("functionality-version"),
            "functionality-version",
        ),
        Row(
            "functionality 3",
            "gPCFunctionalityVersion: 3",
            "1",
            Some("functionality-version"),
            "functionality-version",
        ),
        // 2.2.4: bit 1 is the computer's, bit 0 the user's; other bits are ignored.
        Row("computer off", "flags: 2", "1", Some("side-disabled"), "side-enabled"),
        Row("both off", "flags: 3", "1", Some("side-disabled"), "side-enabled"),
        Row("user off", "flags: 1", "1", None, ""),
        Row("another bit", "flags: 4", "1", None, ""),
        // 3.2.5.1.6: empty if both are 0. 65536 is user 1, computer 0 (2.2.4: the upper half is the user's).
        Row("both 0", "versionNumber: 0", "0", Some("version-zero"), "version"),
        Row("halves 0", "versionNumber: 65536", "131072", Some("version-zero"), "version"),
        Row("container 0", "versionNumber: 0", "1", None, ""),
        Row("file 0", "versionNumber: 1", "0", None, ""),
        // 3.2.5.1.10: only those whose list has the extension; 2.2.4: the list ends at the first out of sequence, and 35… is less than 82….
        Row("security alone", &security, "1", Some("extension-not-listed"), "extension"),
        Row("a blank", "gPCMachineExtensionNames:  ", "1", Some("extension-not-listed"), "extension"),
        Row("behind the end", &registry_after_security, "1", Some("extension-out-of-sequence"), "extension"),
        Row("before the end", &security_after_registry, "1", None, ""),
        // A whole object that lacks an attribute does not have it.
        Row(
            "whole, no list",
            "instanceType: 4\ngPCMachineExtensionNames:",
            "1",
            Some("extension-not-listed"),
            "extension",
        ),
        Row(
            "whole, no functionality",
            "uSNChanged: 9\ngPCFunctionalityVersion:",
            "1",
            Some("functionality-version"),
            "functionality-version",
        ),
        Row("whole, no flags", "uSNChanged: 9\nflags:", "1", None, ""),
    ];
    for Row(what, change, version, why, probe) in rows {
        let dir = domain(change, Some(&format!("[General]\r\nVersion={version}\r\n")), &linked());
        let run = effective(&dir);
        assert_eq!(run.status, Some(0), "{what}: {run}");
        let (values, left_out) = told(&run);
        let (verdict, against) = doctor(&dir);
        match why {
            None => {
                assert_eq!((values, left_out), (vec!["K!X 2 <2 !".to_owned()], vec![]), "{what}");
                assert_eq!((&*verdict, against), ("uncertain", vec!["uncertain directory".to_owned()]), "{what}");
            }
            Some(why) => {
                let side = if why == "functionality-version" { "" } else { "/computer" };
                assert_eq!(
                    (values, left_out),
                    (vec!["K!X 1 <1".to_owned()], vec![format!("B top{side}: {why}")]),
                    "{what}"
                );
                assert_eq!((&*verdict, &against[0]), ("no", &format!("no {probe}")), "{what}");
            }
        }
    }
}

#[test]
fn what_an_export_lacks_is_assumed_in_words_and_uncertain_to_doctor() {
    for (change, version, words, probe) in [
        (
            "gPCFunctionalityVersion:",
            "1",
            "gPCFunctionalityVersion (not in the export) is 2: B top",
            "functionality-version",
        ),
        ("flags:", "1", "flags (not in the export) switches no side off: B top", "side-enabled"),
        (
            "gPCMachineExtensionNames:",
            "1",
            "gPCMachineExtensionNames (not in the export) lists the Registry extension: B top",
            "extension",
        ),
        // Only where the file says 0 does the container's decide.
        (
            "versionNumber:",
            "0",
            "the computer counter of versionNumber is not 0, as that of GPT.INI is: B top",
            "version",
        ),
        // No list of groups in brackets: what clients make of it is documented nowhere.
        (
            "gPCMachineExtensionNames: {35378EAC",
            "1",
            "gPCMachineExtensionNames, which is malformed, lists",
            "extension",
        ),
    ] {
        let dir = domain(change, Some(&format!("[General]\r\nVersion={version}\r\n")), &linked());
        let run = effective(&dir);
        assert_eq!(told(&run), (vec!["K!X 2 <2 !".to_owned()], vec![]), "{change}");
        let assumed = run.json()["assumed"].to_string();
        assert!(assumed.contains(words), "{change}: {assumed}");
        let (verdict, against) = doctor(&dir);
        assert_eq!((&*verdict, &against[0]), ("uncertain", &format!("uncertain {probe}")), "{change}");
    }
    // The version that is not needed is not assumed.
    let dir = domain("versionNumber:", Some("[General]\r\nVersion=1\r\n"), &linked());
    assert!(!effective(&dir).stdout().contains("versionNumber"));
    // Without an export gpt.ini alone does not tell that a GPO is empty.
    let dir = domain("", Some("[General]\r\nVersion=0\r\n"), "");
    let gpo = format!("sysvol/corp.test/Policies/{B}");
    let run = dir.run(["effective", &gpo, "--no-admx", "-f", "json"]);
    assert_eq!(values(&run.json(), "computer"), ["K!X 2 <1"]);
    assert!(run.json()["assumed"].to_string().contains("versionNumber is not 0"), "{run}");
    let doctor = parse(&dir.run(["doctor", &gpo, "-f", "json"]).stdout());
    assert_eq!(doctor["verdict"], "uncertain");
    assert!(doctor["probes"].as_array().unwrap().iter().any(|it| it["id"] == "version" && it["answer"] == "uncertain"));
}

/// [MS-GPOL] 2.2.4, 3.2.5.1.5: without a readable gpt.ini the whole application of policy ends: not even X = 1 comes about.
#[test]
fn a_gpt_ini_that_clients_cannot_read_ends_all() {
    for (what, ini) in [
        ("missing", None),
        ("no [General]", Some("Version=1\r\n")),
        ("another section", Some("[Other]\r\nVersion=1\r\n")),
        ("no Version", Some("[General]\r\ndisplayName=x\r\n")),
        ("no number", Some("[General]\r\nVersion=one\r\n")),
    ] {
        let dir = domain("", ini, &linked());
        let run = effective(&dir);
        assert_eq!(run.status, Some(7), "{what}: {run}");
        let (values, left_out) = told(&run);
        assert_eq!(values, Vec::<String>::new(), "{what}");
        assert_eq!(left_out, ["A base/computer: application-ended", "B top: gpt-ini"], "{what}");
        assert!(run.stderr().contains("ends its whole application of policy"), "{run}");
        assert_eq!(doctor(&dir).1[0], "no gpt-ini", "{what}");
    }
    // A GPO whose side is switched off need not be asked for: the other one counts, and that is assumed.
    let dir = domain("flags: 3", None, &linked());
    let run = effective(&dir);
    assert_eq!(told(&run).0, ["K!X 1 <1"]);
    assert!(run.json()["assumed"].to_string().contains("do not stop at its GPT.INI: B top"), "{run}");
    // What is linked nowhere here ends nothing.
    let unlinked = format!("dn: DC=corp,DC=test\ngPLink: {}\n\ndn: OU=S,DC=corp,DC=test\n\n", link(A, 0));
    assert_eq!(told(&effective(&domain("", None, &unlinked))).0, ["K!X 1 <1"]);
}

/// Links say why with the same words: bit 0 switches one off, and a block stops what comes from above.
#[test]
fn links_that_count_for_nothing_have_a_word_and_their_containers() {
    let off =
        format!("dn: DC=corp,DC=test\ngPLink: {}\n\ndn: OU=S,DC=corp,DC=test\ngPLink: {}\n\n", link(A, 0), link(B, 1));
    let run = effective(&domain("", Some("[General]\r\nVersion=1\r\n"), &off));
    assert_eq!(
        told(&run),
        (vec!["K!X 1 <1".to_owned()], vec!["B top: link-disabled".to_owned(), "1 other GPO: not-linked".to_owned()])
    );
    assert_eq!(run.json()["left_out"][0]["details"]["container"], "OU=S,DC=corp,DC=test");
    let blocked = linked().replace("dn: OU=S,DC=corp,DC=test\n", "dn: OU=S,DC=corp,DC=test\ngPOptions: 1\n");
    let run = effective(&domain("", Some("[General]\r\nVersion=1\r\n"), &blocked));
    assert_eq!(
        told(&run),
        (
            vec!["K!X 2 <1".to_owned()],
            vec!["A base: inheritance-blocked".to_owned(), "1 other GPO: not-linked".to_owned()]
        )
    );
    assert_eq!(run.json()["left_out"][0]["details"]["blocked_by"], "OU=S,DC=corp,DC=test");
}

/// 3.2.5.1.5: a GPO that the search does not return is ignored. Nothing tells whether the export is complete, so the exit code is 7.
#[test]
fn a_gpo_that_the_export_lacks_is_ignored_as_clients_ignore_it() {
    let dir = domain("", Some("[General]\r\nVersion=1\r\n"), "");
    dir.write("ad.ldif", object(A, "A base", "") + &linked());
    let run = effective(&dir);
    let (values, left_out) = told(&run);
    assert_eq!((run.status, values), (Some(7), vec!["K!X 1 <1".to_owned()]), "{run}");
    assert!(left_out[0].ends_with(": not-in-directory"), "{left_out:?}");
    assert_eq!(doctor(&dir).1, ["uncertain directory"]);
    // An export of containers alone tells nothing of any GPO: then all is assumed.
    dir.write("ad.ldif", linked());
    let run = effective(&dir);
    assert_eq!(told(&run).0, ["K!X 2 <2 !"]);
    assert!(run.json()["assumed"].to_string().contains("functionality version 2"), "{run}");
}

const DEFAULT: &str = "{31B2F340-016D-11D2-945F-00C04FB984F9}";

/// The Default Domain Policy has the same GUID in corp.test (X = 1) and child.corp.test (X = 2).
fn two_domains(folders: &[(&str, u32)]) -> TestDir {
    let dir = TestDir::new();
    for (folder, n) in folders {
        dir.write(&format!("{folder}/{DEFAULT}/GPT.INI"), "[General]\r\nVersion=1\r\n");
        dir.write(&format!("{folder}/{DEFAULT}/Machine/Registry.pol"), PolBuilder::new().dword("K", "X", *n).build());
    }
    let mut ldif = String::new();
    for (dc, dns) in [("DC=corp,DC=test", "corp.test"), ("DC=child,DC=corp,DC=test", "child.corp.test")] {
        ldif += &format!(
            "dn: CN={DEFAULT},CN=Policies,CN=System,{dc}\ndisplayName: Default of {dns}\nversionNumber: 1\nflags: 0\n\
             gPCFileSysPath: \\\\{dns}\\sysvol\\{dns}\\Policies\\{DEFAULT}\ngPCFunctionalityVersion: 2\n\
             gPCMachineExtensionNames: {REGISTRY}\n\n\
             dn: {dc}\ngPLink: [LDAP://CN={DEFAULT},CN=Policies,CN=System,{dc};0]\n\n"
        );
    }
    // The OU of the child links the parent's.
    ldif += &format!(
        "dn: OU=Srv,DC=child,DC=corp,DC=test\ngPLink: [LDAP://CN={DEFAULT},CN=Policies,CN=System,DC=corp,DC=test;0]\n\n"
    );
    dir.write("ad.ldif", ldif);
    dir
}

fn for_srv(dir: &TestDir, more: &[&str]) -> Run {
    let words = [
        "effective",
        "sysvol",
        "--ad",
        "ad.ldif",
        "--for",
        "OU=Srv,DC=child,DC=corp,DC=test",
        "--no-admx",
        "-f",
        "json",
    ];
    dir.run(words.iter().chain(more).copied())
}

#[test]
fn a_guid_that_two_domains_have_means_the_one_of_its_domain() {
    let corp = ("sysvol/corp.test/Policies", 1);
    let child = ("sysvol/child.corp.test/Policies", 2);
    // Both are here: the OU's link wins, which is that to the parent's.
    let dir = two_domains(&[corp, child]);
    assert_eq!(values(&for_srv(&dir, &[]).json(), "computer"), ["K!X 1 <2 !"]);
    assert_eq!(for_srv(&dir, &["--deny", DEFAULT]).refused(3), "E0423");
    assert_eq!(values(&for_srv(&dir, &["--deny", "Default of corp.test"]).json(), "computer"), ["K!X 2 <1"]);
    // One is: the other one is missing, by its name, and not replaced.
    for (here, value, missing) in
        [(child, "K!X 2 <1", "Default of corp.test"), (corp, "K!X 1 <1", "Default of child.corp.test")]
    {
        let run = for_srv(&two_domains(&[here]), &[]);
        assert_eq!(run.status, Some(7), "{run}");
        let found = parse(&run.stdout());
        assert_eq!(values(&found, "computer"), [value]);
        assert_eq!(found["unreadable"][0]["gpo"]["name"], missing);
    }
    // A folder whose path tells no domain may be either's, so it is none's.
    let run = for_srv(&two_domains(&[("sysvol/Policies", 1)]), &[]);
    assert_eq!((run.status, values(&parse(&run.stdout()), "computer").len()), (Some(7), 0), "{run}");
    assert!(run.stderr().contains("does not tell the domain"), "{run}");
}

/// An export of corp.test alone is not one of the child's GPO, although it has one of its GUID.
#[test]
fn a_gpo_of_another_domain_gets_neither_name_nor_change_from_an_export() {
    let dir = two_domains(&[("sysvol/child.corp.test/Policies", 2)]);
    let ldif = dir.text("ad.ldif");
    dir.write("corp.ldif", ldif.split("dn: CN=").nth(1).map(|it| format!("dn: CN={it}")).unwrap());
    let gpo = format!("sysvol/child.corp.test/Policies/{DEFAULT}");
    let name = |export: &str| {
        dir.run(["show", &gpo, "--ad", export, "--no-admx", "-f", "json"]).json()["target"]["name"].clone()
    };
    assert_eq!(name("ad.ldif"), "Default of child.corp.test");
    assert_eq!(name("corp.ldif"), json!(null));
    let found = dir.run(["search", "X", "sysvol", "--ad", "corp.ldif", "--no-admx", "-f", "json"]).json();
    assert_eq!((&found["gpos"][0]["gpo"]["name"], &found["gpos"][0]["directory"]), (&json!(null), &json!(null)));
    let set = ["policy", "set", &gpo, crate::bench::NLA, "disabled", "--ad", "corp.ldif", "--ldif", "change.ldif"];
    assert_eq!(dir.run(set).refused(3), "E0407");
    assert!(!dir.has("change.ldif"));
}

/// Each default policy is held against that of its own domain. Where one is gone, nothing takes its place: the value of corp.test is
/// missing then, although the child's says it.
#[test]
fn check_holds_each_gpo_against_the_one_of_its_domain() {
    let (corp, child) = (("sysvol/corp.test/Policies", 1), ("sysvol/child.corp.test/Policies", 2));
    let dir = two_domains(&[corp, child, ("want/corp.test/Policies", 1), ("want/child.corp.test/Policies", 2)]);
    let check = || dir.run(["check", "sysvol", "want", "--each", "--exact", "-f", "json"]);
    assert_eq!(check().json()["summary"]["pass"], 2);
    std::fs::remove_dir_all(dir.path(&format!("sysvol/corp.test/Policies/{DEFAULT}"))).unwrap();
    let run = check();
    assert_eq!(run.status, Some(1), "{run}");
    let found = parse(&run.stdout());
    assert_eq!((&found["summary"]["pass"], &found["findings"].as_array().unwrap().len()), (&json!(1), &1), "{found}");
    assert_eq!(found["findings"][0]["verdict"], "absent");
}

/// The cases beside the repository: a text beside each says what is right.
#[test]
fn the_cases_that_were_reported_come_out_right() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/effective");
    if !cases.is_dir() {
        println!("skipped: no cases at {}", cases.display());
        return;
    }
    let dir = TestDir::new();
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let run = |case: &str, target: &str, export: &str, place: &str| {
        let (target, export) = (cases.join(case).join(target), cases.join(case).join(export));
        dir.run(["effective", &*text(&target), "--ad", &*text(&export), "--for", place, "--no-admx", "-f", "json"])
    };
    let winner = |found: &Value| {
        let value = &found["sides"][0]["values"][0];
        let by = usize::try_from(value["by"].as_u64().expect("a number")).expect("a small one");
        (value["record"]["value"].clone(), found["order"][by - 1]["gpo"]["name"].clone())
    };
    for (case, why, probe) in [
        ("effective-version-zero", "version-zero", "version"),
        ("effective-registry-extension-not-listed", "extension-not-listed", "extension"),
    ] {
        let run = run(case, "sysvol", "ad.ldif", "OU=S,DC=corp,DC=test");
        let found = run.json();
        assert_eq!(winner(&found), (json!(1), json!("A base")), "{case}");
        assert_eq!(
            (&found["left_out"][0]["name"], &found["left_out"][0]["why"]),
            (&json!("B top"), &json!(why)),
            "{case}"
        );
        let gpo = cases.join(case).join("sysvol/corp.test/Policies").join(B);
        let doctor = dir.run(["doctor", &*text(&gpo), "--ad", &*text(&cases.join(case).join("ad.ldif")), "-f", "json"]);
        let doctor = parse(&doctor.stdout());
        assert_eq!(doctor["verdict"], "no", "{case}");
        assert!(
            doctor["probes"].as_array().unwrap().iter().any(|it| it["id"] == probe && it["answer"] == "no"),
            "{case}"
        );
    }
    let run = run("cross-domain-same-guid", "sysvol/child.corp.test", "cross.ldif", "OU=Srv,DC=child,DC=corp,DC=test");
    assert_eq!(run.status, Some(7), "{run}");
    let found = parse(&run.stdout());
    assert_eq!(found["unreadable"][0]["gpo"]["name"], "Default Domain Policy (corp)");
    assert_eq!(winner(&found).1, "Default Domain Policy (child)");
}
