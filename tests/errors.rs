//! Every error code of `docs/errors.md`: provoked, with its exit code and its words.

use std::collections::BTreeMap;

use fixtures::PolBuilder;
use fixtures::hive::{KeySpec, build, logs};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, NLA, Run, TestDir};
use crate::store::KEY;

/// Code and exit code of every error, as the documentation lists them.
fn documented() -> BTreeMap<String, i32> {
    include_str!("../docs/errors.md")
        .lines()
        .filter(|line| line.starts_with("| E"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].to_owned(), cells[2].parse().expect("an exit code"))
        })
        .collect()
}

/// Errors that only a race or another system's files provoke: each has a test of its own below or elsewhere.
const APART: &[&str] = &[
    "E0502", // two names that differ by case: not on Windows
    "E0106", // not on Windows, which local: is
    "E0512", // a file system that is mounted read-only: the program's own tests
    "E0520", // another program writes at the same time
    "E0521", // another gpol holds the lock
    "E0523", // an attribute that the system refuses to set
    "E0524", // a symbolic link: not on Windows
    "E0526", // an interrupted change of more than the target: tests/identity.rs
    "E0527", // a hard link: tests/enclosure.rs
    "E0530", // behind the plan on standard output: the tests of apply
    "E0410", // a pipe or a device: the tests of hostile files, on Linux
    "E0415", // needs git: its own tests
    "E0904", // the system's words: the tests of git
    "E0903", // the system refuses to replace a file, and to put another one back
];

fn pol(dir: &TestDir, name: &'static str) -> Run {
    let bytes = fixtures::pol_files().into_iter().find(|(fixture, _, _)| *fixture == name).expect("a fixture").1;
    dir.write(name, bytes);
    dir.run(["pol", "cat", name])
}

fn text(dir: &TestDir, text: &str) -> Run {
    dir.write("x.txt", text);
    let run = dir.run(["convert", "x.txt", "-o", "out.pol"]);
    assert!(!dir.has("out.pol"));
    run
}

/// An undo of a change behind which somebody else has changed a file.
fn changed_since() -> Run {
    let dir = TestDir::with("side.pol", PolBuilder::new().build());
    dir.run(["policy", "set", "side.pol", NLA, "disabled"]).ok();
    dir.write("side.pol", PolBuilder::new().dword(KEY, "Theirs", 1).build());
    let run = dir.run(["undo", "side.pol"]);
    assert_eq!(dir.read("side.pol"), PolBuilder::new().dword(KEY, "Theirs", 1).build());
    run
}

/// A way to each error.
pub fn provoked(dir: &TestDir) -> Vec<(&'static str, Run)> {
    dir.write_store();
    dir.write("side.pol", PolBuilder::new().dword(KEY, "Level", 3).build());
    dir.write("gpo/User/Registry.pol", PolBuilder::new().build());
    let lossy =
        PolBuilder::new().dword(KEY, "Level", 3).del_all_values(KEY).sz(KEY, "**soft.Home", "x").dword(KEY, "A", 1);
    dir.write("lossy.pol", lossy.build());
    dir.write("empty/x", "");
    dir.write("gold.qcow2", b"QFI\xFB\0\0\0\x03");
    dir.write("install.wim", b"MSWIM\0\0\0");
    dir.write("setup.esd", b"MSWIM\0\0\0\xD0\0\0\0\0\x0E\0\0");
    dir.write("lgpo.txt", "Computer\r\nK\r\nA\r\nDWORD:1\r\n");
    dir.write("folder/image/Windows/System32/config/SOFTWARE", "regf");
    dir.write("folder/image/Windows/System32/config/SYSTEM", "regf");
    dir.write("asleep/Windows/System32/config/SYSTEM", "regf");
    dir.write("asleep/hiberfil.sys", "HIBR");
    dir.write("bad/Windows/System32/GroupPolicy/gpt.ini", "[General]\r\nVersion=many\r\n");
    dir.write("list/gpt.ini", "[General]\r\nVersion=1\r\ngPCMachineExtensionNames=[{35378EAC}]\r\n");
    dir.write("unseen/gpt.ini", "[General] ; ours\r\nVersion=1\r\n");
    dir.write("notes/gpt.ini", "[General]\r\nVersion=1\r\n");
    dir.write("notes/Machine/comment.cmtx", "<policyComments>");
    let sysvol = "Policies/{31B2F340-016D-11D2-945F-00C04FB984F9}";
    dir.write(&format!("{sysvol}/gpt.ini"), "[General]\r\nVersion=1\r\n");
    dir.write("Policies/{6AC1786C-016F-11D2-945F-00C04FB984F9}/gpt.ini", "[General]\r\nVersion=1\r\n");
    let cached = "GroupPolicy/DataStore/0/sysvol/corp.example/Policies/{31B2F340-016D-11D2-945F-00C04FB984F9}";
    dir.write(&format!("{cached}/gpt.ini"), "[General]\r\nVersion=1\r\n");
    dir.write("backup/DomainSysvol/GPO/Machine/registry.pol", PolBuilder::new().build());
    let hive = KeySpec::new("R")
        .key(KeySpec::new("A").binary("x", &[7; 40]))
        .key(KeySpec::new("Link").flags(0x10).value("SymbolicLinkValue", 6, [b'\\', 0, b'R', 0]));
    let hive = build(5, &hive);
    dir.write("hive", hive.with(hive.at("vk:A:x") + 8, &33_u32.to_le_bytes()));
    dir.write("hive.LOG1", [logs::new_log(&hive.bytes, 20, &[]), vec![0; 8192]].concat());
    let name = |guid: &str| format!("dn: CN={guid},CN=Policies,CN=System,DC=corp,DC=test\nversionNumber: 1\n");
    dir.write("ad.ldif", name("{31B2F340-016D-11D2-945F-00C04FB984F9}"));
    let link = |dc: &str| format!("[LDAP://CN={},CN=Policies,CN=System,{dc};0]", crate::effective::A);
    let links = link("DC=corp,DC=test") + &link("DC=child,DC=corp,DC=test");
    dir.write("two.ldif", format!("dn: DC=corp,DC=test\ngPLink: {links}\n"));
    dir.write("other.ldif", name("{6AC1786C-016F-11D2-945F-00C04FB984F9}"));
    dir.write("taken.ldif", "mine");
    let state = |extends: &str, state: &str| {
        let policies = format!("[{{policy: {NLA}, state: {state}}}]");
        format!("apiVersion: gpol/v1\nkind: PolicySet\n{extends}computer: {{policies: {policies}}}\n")
    };
    dir.write("weaker.yaml", state("", "enabled"));
    dir.write("contradicts.yaml", state("extends: [weaker.yaml]\n", "disabled"));
    dir.write("elsewhere.yaml", state("extends: [../weaker.yaml]\n", "disabled"));
    let huge = std::fs::File::create(dir.path("huge.pol")).expect("a file");
    huge.set_len(65 << 20).expect("zeros, which take no room where the file system can do without");
    dir.write("swept.pol", PolBuilder::new().del_all_values(KEY).build());
    let soft = format!("{{key: {KEY}, value: X, ensure: set-if-missing, type: dword, data: 1}}");
    dir.write("soft.yaml", format!("apiVersion: gpol/v1\nkind: PolicySet\ncomputer: {{registry: [{soft}]}}\n"));
    let run = |words: &[&str]| dir.run(words.iter().copied());
    let set = |target: &str, rest: &[&str]| dir.run(["policy", "set", target].iter().chain(rest).copied());
    let store = &["--admx", "store"];
    vec![
        ("E0101", run(&["convert", "side.pol", "-f", "lgpo"])),
        ("E0101", run(&["diff", "side.pol", "side.pol"])),
        ("E0308", set("side.pol", &[&["Both", "enabled"][..], store].concat())),
        ("E0102", run(&["convert", "side.pol", "-o", "out.xyz"])),
        ("E0103", run(&["man", "frobnicate"])),
        ("E0104", set(sysvol, &[NLA, "disabled", "--ldif", "change.ldif"])),
        ("E0105", set("side.pol", &[NLA, "disabled", "--sysvol-only"])),
        ("E0110", run(&["search", "(x", "side.pol"])),
        ("E0201", pol(dir, "a_text_is_no_policy_file.pol")),
        ("E0201", pol(dir, "a_git_lfs_pointer_is_no_policy_file.pol")),
        ("E0201", pol(dir, "an_nt4_policy_file_is_a_registry_hive.pol")),
        ("E0201", pol(dir, "a_byte_order_mark_before_the_signature_is_refused.pol")),
        ("E0201", pol(dir, "another_signature_is_refused.pol")),
        ("E0202", pol(dir, "version_2_is_refused.pol")),
        ("E0203", pol(dir, "a_header_of_seven_bytes_is_too_short.pol")),
        ("E0203", pol(dir, "the_last_record_ends_inside_its_key.pol")),
        ("E0204", pol(dir, "the_last_record_is_cut_off.pol")),
        ("E0204", pol(dir, "a_size_of_4_gigabytes_is_refused.pol")),
        ("E0205", pol(dir, "a_size_too_small_is_refused.pol")),
        ("E0205", pol(dir, "line_breaks_between_records_are_refused.pol")),
        ("E0205", pol(dir, "a_record_of_a_key_alone_is_refused.pol")),
        ("E0206", pol(dir, "an_empty_file_is_no_policy_file.pol")),
        ("E0211", text(dir, "Computer\r\nK\r\nA\r\nFROB:1\r\n")),
        ("E0211", text(dir, "Machine\r\nK\r\nA\r\nDWORD:1\r\n")),
        ("E0211", text(dir, "Computer\r\nK\r\nA\r\n")),
        ("E0211", text(dir, "User:Administrators\r\nK\r\nA\r\nDWORD:1\r\n")),
        ("E0212", text(dir, "Computer\r\nK\r\nA\r\nDWORD:-1\r\n")),
        ("E0212", text(dir, "Computer\r\nK\r\nA\r\nBINARY:0102ff\r\n")),
        ("E0212", text(dir, "Computer\r\nK\r\nA\r\nCLEAR\r\n")),
        ("E0213", text(dir, r#"{"schema": "gpol.records/2", "records": []}"#)),
        ("E0214", text(dir, "apiVersion: gpol/v1\nkind: PolicySet\ncomputr: {}\n")),
        (
            "E0214",
            text(dir, "apiVersion: gpol/v1\nkind: PolicySet\ncomputer: {policies: [{policy: X, state: enabled}]}\n"),
        ),
        ("E0215", text(dir, "REGEDIT4\r\n\r\n[HKEY_CLASSES_ROOT\\.txt]\r\n")),
        ("E0215", text(dir, "<PolicyRules>")),
        ("E0215", text(dir, "[{\"keyname\": \"K\"}]")),
        ("E0216", run(&["pol", "cat", "huge.pol"])),
        ("E0217", run(&["plan", "side.pol", "elsewhere.yaml"])),
        ("E0221", set("bad", &[NLA, "disabled"])),
        ("E0221", set("list", &[NLA, "disabled"])),
        ("E0505", set("unseen", &[NLA, "disabled"])),
        ("E0506", set("notes", &[NLA, "disabled", "--file-only"])),
        ("E0222", set("notes", &[NLA, "disabled", "--comment", "x"])),
        ("E0231", run(&["hive", "list", "side.pol"])),
        ("E0231", run(&["hive", "list", "x.txt"])),
        ("E0231", run(&["hive", "get", "hive.LOG1", "A"])),
        ("E0231", run(&["hive", "list", "empty/x"])),
        ("E0232", run(&["hive", "get", "hive", "A!x"])),
        ("E0223", set("backup", &[NLA, "disabled"])),
        ("E0224", run(&["show", sysvol, "--ad", "taken.ldif"])),
        ("E0301", set("side.pol", &["Require NLA for remote connections", "disabled"])),
        ("E0302", set("side.pol", &[&["One name for two", "enabled"][..], store].concat())),
        ("E0303", set("gpo/User/Registry.pol", &[NLA, "disabled"])),
        ("E0303", set("side.pol", &[NLA, "disabled", "--scope", "user"])),
        ("E0304", set("side.pol", &["TS_ENCRYPTION_POLICY", "enabled", "Level=3"])),
        ("E0305", set("side.pol", &["TS_ENCRYPTION_POLICY", "enabled", "TS_ENCRYPTION_LEVEL=9"])),
        ("E0305", set("side.pol", &[NLA, "disabled", "Level=3"])),
        ("E0306", set("side.pol", &[&["OneWay", "disabled"][..], store].concat())),
        ("E0307", set("side.pol", &[NLA, "disabled", "--comment", "x"])),
        ("E0315", set("side.pol", &[NLA, "off"])),
        ("E0315", set("side.pol", &[NLA, "not-configured"])),
        ("E0315", set("side.pol", &[NLA, "sometimes"])),
        ("E0316", run(&["policy", "set", NLA, "side.pol", "disabled"])),
        ("E0316", run(&["show", "side.pol", NLA])),
        ("E0409", run(&["gpo", "bump", "side.pol"])),
        ("E0309", run(&["policy", "get", "notes", "Both", "--admx", "store", "--scope", "user:administrators"])),
        ("E0311", run(&["pol", "set", "side.pol", "Level", "dword", "1"])),
        ("E0312", run(&["pol", "set", "side.pol", r"HKLM\SOFTWARE\Policies\Acme!Level", "dword", "many"])),
        ("E0313", run(&["pol", "delete", "side.pol", r"HKLM\SOFTWARE\Policies\Acme!Level", "--scope", "user"])),
        ("E0321", run(&["diagnose", "side.pol", "AadLogonError"])),
        ("E0401", run(&["show", "gold.qcow2"])),
        ("E0401", run(&["show", "install.wim"])),
        ("E0401", run(&["policy", "set", "setup.esd", NLA, "disabled"])),
        ("E0402", run(&["show", "empty"])),
        ("E0402", run(&["show", "folder"])),
        ("E0402", run(&["explain", "folder/image/Windows/System32/config", NLA])),
        ("E0408", run(&["show", "store"])),
        ("E0408", run(&["show", "lgpo.txt"])),
        ("E0408", run(&["show", "folder/image/Windows/System32/config/SOFTWARE"])),
        ("E0403", run(&["show", "nowhere"])),
        ("E0403", run(&["pol", "cat", "nowhere.pol"])),
        ("E0404", run(&["show", "side.pol", "--admx", "empty"])),
        ("E0404", run(&["show", "side.pol", "--admx", "nowhere"])),
        ("E0405", run(&["explain", "Policies", NLA])),
        ("E0406", run(&["admx", "show", "store", "nothing"])),
        ("E0411", run(&["hive", "get", "hive", "A!y"])),
        ("E0411", run(&["hive", "list", "hive", "B"])),
        ("E0412", run(&["hive", "list", "hive", r"Link\Below"])),
        ("E0413", run(&["undo", "side.pol"])),
        ("E0413", run(&["undo", "side.pol", "20260114T093210Z-5f3a"])),
        ("E0421", run(&["effective", "Policies", "--ad", "ad.ldif", "--for", "OU=RPA,DC=corp,DC=test"])),
        ("E0422", run(&["effective", "Policies", "--order", "taken.ldif"])),
        (
            "E0423",
            run(&[
                "effective",
                "Policies",
                "--ad",
                "two.ldif",
                "--for",
                "DC=corp,DC=test",
                "--deny",
                crate::effective::A,
            ]),
        ),
        ("E0407", set(sysvol, &[NLA, "disabled", "--ad", "other.ldif", "--sysvol-only"])),
        ("E0108", {
            let dir = TestDir::with("a.pol", PolBuilder::new().sz(KEY, "Password", "hunter2").build());
            dir.write("hidden.json", dir.run(["pol", "cat", "a.pol", "-f", "json"]).ok());
            dir.run(["convert", "hidden.json", "-o", "b.pol"])
        }),
        ("E0107", run(&["diff", "side.pol", "side.pol", "--base", "side.pol", "-f", "unified"])),
        ("E0414", run(&["diff", "lgpo.txt", "lgpo.txt", "--scope", "user"])),
        ("E0414", run(&["check", "side.pol", "lgpo.txt", "--scope", "user"])),
        ("E0501", set(sysvol, &[NLA, "disabled"])),
        ("E0504", set(sysvol, &[NLA, "disabled", "--ad", "ad.ldif", "--ldif", "taken.ldif"])),
        ("E0503", run(&["convert", "side.pol", "-o", "side.pol"])),
        ("E0503", run(&["recover", "side.pol", "-o", "side.pol"])),
        ("E0511", set("asleep", &[NLA, "disabled"])),
        ("E0513", set(cached, &[NLA, "disabled"])),
        ("E0522", set("notes", &[NLA, "disabled", "--backup-dir", "notes/record"])),
        ("E0525", changed_since()),
        ("E0528", run(&["apply", "side.pol", "contradicts.yaml", "--plan", "x.txt"])),
        ("E0531", run(&["plan", "side.pol", "contradicts.yaml"])),
        ("E0601", text(dir, "Computer\r\nK\r\nA\r\nDWORD:1\r\n\r\nUser\r\nK\r\nA\r\nDWORD:1\r\n")),
        ("E0602", run(&["convert", "lossy.pol", "-f", "reg", "--scope", "user"])),
        ("E0603", run(&["convert", "gpo/User/Registry.pol", "-f", "backup", "-o", "bad"])),
        ("E0604", run(&["plan", "swept.pol", "soft.yaml"])),
        ("E0901", run(&["pol", "cat", "empty"])),
        ("E0902", run(&["convert", "side.pol", "-o", "empty", "-f", "pol"])),
    ]
}

#[test]
fn every_error_is_provoked_ends_as_documented_and_prints_no_result() {
    let dir = TestDir::new();
    let mut expected = documented();
    let mut shown: BTreeMap<&str, String> = BTreeMap::new();
    for (code, run) in provoked(&dir) {
        let exit = *documented().get(code).unwrap_or_else(|| panic!("{code} is not documented:\n{run}"));
        assert_eq!(run.refused(exit), code, "{run}");
        expected.remove(code);
        let message = run.stderr();
        assert!(!message.contains("Error {") && !message.contains("Some("), "a debug print:\n{run}");
        shown.entry(code).or_default().push_str(&format!("{run}\n\n"));
    }
    let missing: Vec<&str> = expected.keys().map(String::as_str).filter(|code| !APART.contains(code)).collect();
    assert_eq!(missing, [""; 0], "documented, and not provoked");
    for (code, shown) in shown {
        assert_file_snapshot!(format!("error_{code}"), shown);
    }
}

#[test]
#[cfg_attr(windows, ignore = "local: is a target there")]
fn e0106_local_is_no_target_where_no_windows_runs() {
    let run = TestDir::new().run(["show", "local:"]);
    assert_eq!(run.refused(2), "E0106");
    assert_file_snapshot!("error_E0106", run);
}

#[test]
fn a_refused_change_writes_nothing() {
    let dir = TestDir::new();
    // The inputs are written anew before each run: paths and bytes are compared, not times.
    let left = || dir.state().into_iter().map(|entry| (entry.path, entry.bytes)).collect::<Vec<_>>();
    let inputs = "unseen x.txt swept.pol soft.yaml side.pol lossy.pol huge.pol weaker.yaml contradicts.yaml elsewhere.yaml store empty bad list notes Policies backup gpo lgpo.txt GroupPolicy hive hive.LOG1 gold.qcow2 install.wim setup.esd folder asleep";
    provoked(&dir);
    let first = left();
    for (path, bytes) in &first {
        let below = path.strip_prefix(dir.path("")).expect("in the test's folder");
        let top = below.iter().next().expect("a name").to_string_lossy().into_owned();
        let made_by_test = inputs.split(' ').any(|input| input == top)
            || top.ends_with(".ldif")
            || fixtures::pol_files().iter().any(|(name, content, _)| *name == top && bytes.as_ref() == Some(content));
        assert!(made_by_test, "{} was left behind", below.display());
    }
    assert_eq!(dir.read("side.pol"), PolBuilder::new().dword(KEY, "Level", 3).build());
    assert_eq!(dir.text("bad/Windows/System32/GroupPolicy/gpt.ini"), "[General]\r\nVersion=many\r\n");
    assert!(!dir.has("bad/Windows/System32/GroupPolicy/Machine"));
    assert!(!dir.has("list/Machine") && !dir.has("notes/Machine/Registry.pol"));
    provoked(&dir);
    assert_eq!(left(), first);
}

#[test]
#[cfg_attr(windows, ignore = "Windows' file systems do not tell cases apart")]
fn e0502_two_entries_that_differ_only_by_case_are_not_edited() {
    for twin in [
        "image/Windows/System32/GroupPolicy/MACHINE/Registry.pol",
        "image/Windows/System32/GroupPolicy/Machine/registry.pol",
        "image/Windows/System32/GroupPolicy/GPT.INI",
        "image/windows/System32/GroupPolicy/gpt.ini",
    ] {
        let dir = TestDir::with_image();
        dir.write(twin, PolBuilder::new().build());
        if twin.to_lowercase().ends_with("gpt.ini") {
            dir.write(twin, "[General]\r\nVersion=1\r\n");
        }
        let before = dir.state();
        let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
        assert!(run.status == Some(5) && run.out.is_empty() && run.stderr().contains("\nerror[E0502]: "), "{run}");
        assert_eq!(dir.state(), before, "{twin}");
        // Reading is no danger, but for what is not read.
        let run = dir.run(["explain", "image", NLA]);
        assert!(run.status == Some(0) && run.stderr().starts_with("warning: GPT012: "), "{run}");
    }
    let dir = TestDir::with_image();
    dir.write("image/Windows/System32/GroupPolicy/MACHINE/Registry.pol", PolBuilder::new().build());
    assert_file_snapshot!("error_E0502", dir.run(["policy", "set", "image", NLA, "disabled"]));
}

/// Another program replaces the file all the time; sooner or later it does so between gpol's reading and
/// its writing. Whatever happens, no change of either is lost without a word.
#[test]
#[cfg_attr(windows, ignore = "a file that is open elsewhere cannot be replaced there; the race ends in E0902")]
fn e0520_a_file_that_changes_meanwhile_is_not_overwritten() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let contents = [1, 2].map(|n| PolBuilder::new().dword(KEY, "Theirs", n).build());
    let dir = TestDir::with("race.pol", &contents[0]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in (0..2).cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                std::fs::write(dir.path("next"), &contents[turn]).unwrap();
                std::fs::rename(dir.path("next"), dir.path("race.pol")).unwrap();
            }
        });
        let seen = (0..500).find_map(|_| {
            let run = dir.run(["policy", "set", "race.pol", NLA, "enabled"]);
            if run.status == Some(0) {
                return None;
            }
            Some(run)
        });
        stop.store(true, Ordering::Relaxed);
        let run = seen.expect("in 500 runs the file changed at the wrong moment at least once");
        assert_eq!(run.refused(5), "E0520", "{run}");
        assert_file_snapshot!("error_E0520", run);
    });
    let left: Vec<String> =
        dir.state().iter().map(|e| e.path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| ["next", "race.pol"].contains(&&**name)), "{left:?}");
}

/// A malformed file is not edited, and what is intact is said.
#[test]
fn a_malformed_policy_file_is_not_edited() {
    let dir = TestDir::with_image();
    let bytes = dir.read(COMPUTER_POL);
    dir.write(COMPUTER_POL, &bytes[..bytes.len() - 3]);
    let before = dir.state();
    let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
    assert_eq!(run.refused(4), "E0204");
    assert!(run.stderr().contains("Records 1-5 are intact. Nothing was written."), "{run}");
    assert_eq!(dir.state(), before);
    assert_eq!(dir.run(["show", "image", "--scope", "computer"]).refused(4), "E0204");
    assert_eq!(dir.read(GPT_INI), fixtures::golden_image()[0].1);
}
