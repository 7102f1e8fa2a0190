//! `gpol pol set`, `delete` and `forget`: which record is written, and what goes with it. What must come out is built by hand.

use fixtures::domain::{POLICIES, RPA_HOSTS};
use fixtures::{GptIni, PolBuilder, REGISTRY_COMPUTER, REGISTRY_USER};
use serde_json::json;

use crate::bench::TestDir;

const KEY: &str = r"SOFTWARE\Policies\Acme";
const VALUE: &str = r"HKLM\SOFTWARE\Policies\Acme!Level";
const COMPUTER: &str = "gpo/Machine/Registry.pol";

/// What every file of these tests holds beside: a setting before and one behind, in the editor's order.
fn with(record: impl FnOnce(PolBuilder) -> PolBuilder) -> Vec<u8> {
    let before = PolBuilder::new().dword(r"SOFTWARE\Policies\Aaa", "First", 1);
    record(before).sz(r"SOFTWARE\Policies\Zzz", "Last", "z").build()
}

fn gpo() -> TestDir {
    let dir = TestDir::with(COMPUTER, with(|file| file));
    dir.write("gpo/gpt.ini", ini(4));
    dir
}

/// `gpt.ini` with this version of the computer side.
fn ini(computer: u16) -> Vec<u8> {
    GptIni::new().key("gPCMachineExtensionNames", REGISTRY_COMPUTER).version(1, computer).build()
}

#[test]
fn set_writes_one_record_delete_writes_its_directive_and_forget_takes_it_out() {
    let dir = gpo();
    for (args, expected, computer) in [
        (&["set", "gpo", VALUE, "dword", "3"][..], with(|file| file.dword(KEY, "Level", 3)), 5),
        (&["set", "gpo", VALUE, "sz", "a b"], with(|file| file.sz(KEY, "Level", "a b")), 6),
        (&["set", "gpo", VALUE, "multi-sz", "a", "b"], with(|file| file.multi_sz(KEY, "Level", &["a", "b"])), 7),
        (&["set", "gpo", VALUE, "binary", "hex:0aff"], with(|file| file.binary(KEY, "Level", &[0x0a, 0xff])), 8),
        (&["delete", "gpo", VALUE], with(|file| file.sz(KEY, "**del.Level", " ")), 9),
        (&["set", "gpo", VALUE, "dword", "0x10"], with(|file| file.dword(KEY, "Level", 16)), 10),
        (&["forget", "gpo", VALUE], with(|file| file), 11),
    ] {
        dir.run([&["pol"], args].concat()).ok();
        assert_eq!(dir.read(COMPUTER), expected, "{args:?}");
        assert_eq!(dir.read("gpo/gpt.ini"), ini(computer), "{args:?}");
        let state = dir.state();
        let again = dir.run([&["pol"], args].concat()).ok();
        assert!(again.starts_with("Nothing to do"), "{args:?}: {again}");
        assert_eq!(dir.state(), state, "a second run changes nothing");
    }
}

#[test]
fn a_value_is_one_however_it_is_written() {
    let rest = r"SOFTWARE\Policies\Acme";
    for value in [
        format!(r"HKLM\{rest}!Level"),
        format!(r"HKEY_LOCAL_MACHINE\{rest}\Level"),
        format!(r"Computer\HKEY_LOCAL_MACHINE\{rest}\Level"),
        format!(r"HKLM:\{rest}\Level"),
        format!(r"Registry::HKEY_LOCAL_MACHINE\{rest}\Level"),
        format!("HKLM/{}/Level", rest.replace('\\', "/")),
        format!(r"[HKEY_LOCAL_MACHINE\{rest}]Level"),
        format!(r"hklm\{}!LEVEL", rest.to_lowercase()),
    ] {
        let dir = gpo();
        dir.run(["pol", "set", "gpo", VALUE, "dword", "3"]).ok();
        let before = dir.read(COMPUTER);
        assert!(dir.run(["pol", "set", "gpo", &value, "dword", "3"]).ok().starts_with("Nothing to do"), "{value}");
        assert_eq!(dir.read(COMPUTER), before, "{value}");
        dir.run(["pol", "forget", "gpo", &value]).ok();
        assert_eq!(dir.read(COMPUTER), with(|file| file), "{value}");
    }
    // A name that holds a backslash: only the file knows.
    let file = || PolBuilder::new().dword(r"Software\Policies\Paths", r"C:\Temp\x", 1);
    let dir = TestDir::with("side.pol", file().dword(r"Software\Policies\Q", "R", 1).build());
    dir.run(["pol", "forget", "side.pol", r"HKCU\Software\Policies\Paths\C:\Temp\x"]).ok();
    assert_eq!(dir.read("side.pol"), PolBuilder::new().dword(r"Software\Policies\Q", "R", 1).build());
}

#[test]
fn the_hive_says_whose_policy_it_is() {
    let dir = gpo();
    dir.run(["pol", "set", "gpo", r"HKCU\Software\Policies\Acme!(Default)", "sz", "x"]).ok();
    assert_eq!(dir.read("gpo/User/Registry.pol"), PolBuilder::new().sz(r"Software\Policies\Acme", "", "x").build());
    let text = dir.text("gpo/gpt.ini");
    assert!(text.contains("Version=131076") && text.contains(REGISTRY_USER), "user 2, computer 4: {text}");
    assert_eq!(dir.read(COMPUTER), with(|file| file));
    let state = dir.state();
    let run = |args: &[&str]| dir.run([&["pol", "set", "gpo"], args].concat());
    assert_eq!(run(&[VALUE, "dword", "1", "--scope", "user"]).refused(2), "E0313");
    assert_eq!(run(&[r"SOFTWARE\Policies\Acme!Level", "dword", "1"]).refused(2), "E0101");
    assert_eq!(run(&["Level", "dword", "1"]).refused(2), "E0311");
    assert_eq!(run(&[r"HKLM\SOFTWARE\Acme!**del.Level", "sz", " "]).refused(2), "E0311");
    assert_eq!(run(&[VALUE, "dword", "many"]).refused(2), "E0312");
    assert_eq!(dir.state(), state);
    run(&[r"SOFTWARE\Policies\Acme!Level", "dword", "1", "--scope", "computer"]).ok();
    assert_eq!(dir.read(COMPUTER), with(|file| file.dword(KEY, "Level", 1)));
}

#[test]
fn a_dry_run_tells_the_plan_that_the_run_carries_out_and_undo_takes_it_back() {
    let dir = gpo();
    let state = dir.state();
    let args = ["pol", "set", "gpo", VALUE, "dword", "3", "--reason", "ticket 7", "-f", "json"];
    let planned = dir.run(args.iter().chain(&["-n"])).json();
    assert_eq!(dir.state(), state);
    let done = dir.run(args).json();
    assert_eq!(
        (&planned["dry_run"], &done["dry_run"], &done["schema"]),
        (&json!(true), &json!(false), &json!("gpol.pol-set/1"))
    );
    assert_eq!(planned["plan"], done["plan"]);
    assert_eq!(done["counts"], json!({"add": 1, "change": 0, "forget": 0, "right": 0}));
    assert_eq!(done["records"][0]["changed"][0]["after"]["value"], 3);
    assert!(dir.run(["history", "gpo"]).ok().contains("ticket 7"));
    dir.run(["undo", "gpo"]).ok();
    assert_eq!((dir.read(COMPUTER), dir.read("gpo/gpt.ini")), (with(|file| file), ini(4)));
}

#[test]
fn a_domain_gpo_wants_a_decision_first() {
    let dir = TestDir::new();
    fixtures::domain::domain().iter().for_each(|(path, bytes)| dir.write(path, bytes));
    let gpo = format!("{POLICIES}/{RPA_HOSTS}");
    let state = dir.state();
    let set = |rest: &[&str]| dir.run([&["pol", "set", &gpo, VALUE, "dword", "3"], rest].concat());
    assert_eq!(set(&[]).refused(5), "E0501");
    assert_eq!(dir.state(), state);
    set(&["--sysvol-only"]).ok();
    // 196623 is 0x0003000F: user 3, computer 15.
    assert!(dir.text(&format!("{gpo}/GPT.INI")).contains("Version=196623"));
}

#[test]
fn data_that_are_a_secret_are_recorded_nowhere() {
    let dir = gpo();
    let value = r"HKLM\SOFTWARE\Policies\Acme!ProxyPassword";
    let run = dir.run(["pol", "set", "gpo", value, "sz", "Zq7Xuvjwqk9x"]);
    assert!(run.ok().contains("(hidden)"));
    assert_eq!(dir.read(COMPUTER), with(|file| file.sz(KEY, "ProxyPassword", "Zq7Xuvjwqk9x")));
    let history = dir.run(["history", "gpo"]).ok();
    assert!(history.contains("sz \"(hidden)\"") && !history.contains("Zq7X"), "{history}");
}
