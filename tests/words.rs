//! Words that people type: taken where they can mean one thing alone, answered with what was meant where not.

use fixtures::PolBuilder;

use crate::bench::{COMPUTER_POL, NLA, NLA_NAME, Run, TestDir, slashes};

/// The commands that a refusal offers, and that nothing was printed but the refusal.
#[track_caller]
fn offered(run: &Run, status: i32, code: &str) -> Vec<String> {
    assert_eq!(run.refused(status), code, "{run}");
    let help = slashes(&run.stderr());
    let at = help.find("help: ").unwrap_or_else(|| panic!("a help line: {run}"));
    help[at..].lines().map(|line| line.trim_start_matches("help: ").trim_start().to_owned()).collect()
}

#[test]
fn a_state_is_taken_in_any_case_and_other_words_for_one_are_answered_with_it() {
    let dir = TestDir::with("side.pol", PolBuilder::new().build());
    let set = |word: &str| dir.run(["policy", "set", "side.pol", NLA, word, "--dry-run"]);
    for word in ["Disabled", "DISABLED", "Enabled"] {
        assert_eq!(set(word).status, Some(0), "{word}");
    }
    let dry = |state: &str| format!("gpol policy set side.pol {NLA} {state} --dry-run");
    let unset = format!("to make it not configured:  gpol policy unset side.pol {NLA} --dry-run");
    for (word, command) in [
        ("off", dry("disabled")),
        ("on", dry("enabled")),
        ("Disable", dry("disabled")),
        ("0", dry("disabled")),
        ("not-configured", unset.clone()),
        ("Not Configured", unset),
        (
            "Level=3",
            format!("inputs follow the state:  {} Level=3 --dry-run", dry("enabled").replace(" --dry-run", "")),
        ),
    ] {
        assert_eq!(offered(&set(word), 2, "E0315")[0], command, "{word}");
    }
    assert_eq!(dir.read("side.pol"), PolBuilder::new().build());
}

#[test]
fn words_of_options_are_taken_in_any_case_and_machine_is_the_computer() {
    let dir = TestDir::with_image();
    assert!(dir.run(["show", "image", "--format", "JSON"]).ok().starts_with('{'));
    let machine = dir.run(["show", "image", "--scope", "Machine"]);
    assert_eq!(machine.ok(), dir.run(["show", "image", "--scope", "computer"]).ok());
}

#[test]
fn a_missing_input_is_answered_with_the_elements_and_an_example() {
    let dir = TestDir::with("side.pol", PolBuilder::new().build());
    let name = "TS_ENCRYPTION_POLICY";
    // The ids and texts of the element and its items are those of Microsoft's TerminalServer.admx.
    let command = format!("gpol policy set side.pol {name} enabled TS_ENCRYPTION_LEVEL=\"Low Level\"");
    for word in ["High", "TS_ENCRYPTION_LEVEL"] {
        let run = dir.run(["policy", "set", "side.pol", name, "enabled", word]);
        assert_eq!(offered(&run, 2, "E0305"), [command.as_str()], "{run}");
        assert!(run.stderr().contains("3        \"High Level\""), "{run}");
    }
}

#[test]
fn a_policy_is_found_by_what_it_is_called_and_by_words_in_any_order() {
    let dir = TestDir::with_image();
    for words in [&["nla", "rdp"][..], &["RDP", "NLA"], &["authentication", "network", "level"]] {
        let list = dir.run(["policy", "list"].iter().chain(words).copied());
        assert!(list.ok().contains(NLA_NAME), "{list}");
        let of_target = dir.run(["policy", "list", "image"].iter().chain(words).copied());
        assert!(of_target.ok().contains(NLA_NAME), "{of_target}");
    }
    assert_eq!(dir.run(["policy", "list", "no", "such", "words"]).status, Some(1));
    assert_eq!(dir.run(["policy", "list", "mnt/nowhere"]).refused(3), "E0403");
    // A read takes it; a write wants the id.
    let get = dir.run(["policy", "get", "image", "NLA"]);
    assert!(get.stdout().contains(NLA_NAME) && get.stderr().starts_with("taken for: "), "{get}");
    assert_eq!(dir.run(["policy", "set", "image", "NLA", "disabled"]).refused(3), "E0301");
}

#[test]
fn words_in_each_others_place_are_answered_with_the_right_order() {
    let dir = TestDir::with("my side.pol", PolBuilder::new().build());
    let run = |words: &[&str]| dir.run(words.iter().copied());
    let right = format!("gpol policy set \"my side.pol\" {NLA} disabled");
    for words in [[NLA, "my side.pol", "disabled"], ["my side.pol", "Disabled", NLA], [NLA, "disabled", "my side.pol"]]
    {
        assert_eq!(offered(&run(&[&["policy", "set"][..], &words].concat()), 2, "E0316"), [right.as_str()]);
    }
    for command in ["explain", "policy get", "policy unset"] {
        let words: Vec<&str> = command.split(' ').chain([NLA, "my side.pol"]).collect();
        assert_eq!(offered(&run(&words), 2, "E0316"), [format!("gpol {command} \"my side.pol\" {NLA}")]);
    }
    for words in [[NLA, "my side.pol"], ["my side.pol", NLA]] {
        let offered = offered(&run(&[&["show"][..], &words].concat()), 2, "E0316");
        assert_eq!(offered[0], format!("the state of one policy:  gpol policy get \"my side.pol\" {NLA}"));
        assert_eq!(offered[1], format!("who decides it:  gpol explain \"my side.pol\" {NLA}"));
    }
    assert_eq!(dir.read("my side.pol"), PolBuilder::new().build());
}

#[test]
fn a_path_that_is_nearly_one_is_answered_with_it() {
    let dir = TestDir::with_image();
    let guid = "31B2F340-016D-11D2-945F-00C04FB984F9";
    let gpo = format!("Policies/{{{guid}}}");
    dir.write(&format!("{gpo}/gpt.ini"), "[General]\r\nVersion=1\r\n");
    let show = |path: &str| offered(&dir.run(["show", path]), 3, "E0403");
    let gpo = [format!("gpol show \"{gpo}\"")];
    assert_eq!(show(&format!("Policies/{guid}")), gpo, "a GUID without braces");
    assert_eq!(show(&format!("Policies/{}", guid.to_lowercase())), gpo);
    assert_eq!(show("\"image\""), ["gpol show image"], "quotes that a shell has left");
    assert_eq!(dir.run(["show", "elsewhere"]).refused(3), "E0403");
    assert!(!dir.run(["show", "elsewhere"]).stderr().contains("help"), "nothing is like it");
    if cfg!(target_os = "linux") {
        assert_eq!(show(r"image\Windows"), ["gpol show image/Windows"]);
        assert_eq!(show("IMAGE/windows"), ["gpol show image/Windows"]);
        let pol = COMPUTER_POL.replace('/', r"\").to_lowercase();
        let run = dir.run(["pol", "cat", &*pol]);
        assert_eq!(offered(&run, 3, "E0403"), [format!("gpol pol cat {COMPUTER_POL}")]);
    }
}
