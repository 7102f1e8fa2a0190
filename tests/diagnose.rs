//! `gpol diagnose`: is the cause of AadLogonFailure on the golden image, and what changes it?

use fixtures::{ImageBuilder, PolBuilder, RDP_TCP};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, NLA, TestDir, keys, parse};

const KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

fn with(image: ImageBuilder) -> TestDir {
    let dir = TestDir::new();
    fixtures::write_tree(&dir.path("image"), &image.build()).expect("the image is written");
    dir
}

#[test]
#[cfg_attr(windows, ignore = "the commands are those of a Linux machine")]
fn the_cause_is_found_and_the_commands_are_those_of_the_image() {
    let dir = TestDir::with_image();
    let run = dir.run(["diagnose", "image", "AadLogonFailure"]);
    let out = run.expect(1);
    for wanted in [
        "gpol policy set image TS_USER_AUTHENTICATION_POLICY disabled",
        r#"reg add "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v UserAuthentication /t REG_DWORD /d 0 /f"#,
        r#"reg add "HKLM\gpol-image\ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp" /v UserAuthentication /t REG_DWORD /d 0 /f"#,
        r"hivexregedit --merge --prefix 'HKEY_LOCAL_MACHINE\SYSTEM' image/Windows/System32/config/SYSTEM local.reg",
        "TCP port 3389",
    ] {
        assert!(out.contains(wanted), "{wanted:?} is missing:\n{out}");
    }
    assert_file_snapshot!("diagnose_cause", run);
}

#[test]
fn all_names_of_a_problem_say_the_same() {
    let dir = TestDir::with_image();
    let expected = dir.run(["diagnose", "image", "AadLogonFailure"]).expect(1);
    for name in ["aadlogonfailure", "MSEntraLogonFailure", "KB4555446", "4555446", "error: AadLogonFailure, retry"] {
        assert_eq!(dir.run(["diagnose", "image", name]).expect(1), expected, "{name}");
    }
}

#[test]
fn what_the_policy_command_of_the_remedy_does_makes_the_cause_go() {
    let dir = TestDir::with_image();
    dir.run(["diagnose", "image", "AadLogonFailure"]).expect(1);
    assert_eq!(dir.run(["policy", "set", "image", NLA, "disabled"]).status, Some(0));
    let run = dir.run(["diagnose", "image", "AadLogonFailure"]);
    run.ok();
    assert_file_snapshot!("diagnose_absent", run);
    let json = dir.run(["diagnose", "image", "AadLogonFailure", "-f", "json"]).json();
    assert_eq!((&json["verdict"]["now"], &json["verdict"]["next_boot"]), (&"present".into(), &"absent".into()));
}

#[test]
fn a_local_setting_is_the_cause_where_no_policy_decides() {
    let listener = format!(r"ControlSet001\{RDP_TCP}");
    let image = |number: u32| {
        ImageBuilder::new()
            .file(COMPUTER_POL.trim_start_matches("image/"), PolBuilder::new().build())
            .software(|root| root.without_key(fixtures::TERMINAL_SERVICES))
            .system(|root| root.with(&listener, |key| key.dword("UserAuthentication", number)))
    };
    let run = with(image(1)).run(["diagnose", "image", "AadLogonFailure"]);
    assert!(run.expect(1).contains("no policy decides, so it has an effect"), "{run}");
    with(image(0)).run(["diagnose", "image", "AadLogonFailure"]).ok();
}

#[test]
fn what_cannot_be_seen_is_no_all_clear() {
    let dir = TestDir::with("x.pol", PolBuilder::new().dword(KEY, "UserAuthentication", 0).build());
    let run = dir.run(["diagnose", "x.pol", "AadLogonFailure"]);
    run.expect(7);
    assert_file_snapshot!("diagnose_unknown", run);
    // gpt.ini has version 2: with another one remembered, Windows applies policy again, and may take back what is applied.
    let changed = ImageBuilder::new().applied_version(Some(1));
    let no_hive = with(changed.without(fixtures::SYSTEM).without(COMPUTER_POL.trim_start_matches("image/")));
    assert!(no_hive.run(["diagnose", "image", "RDPIsNotEnabled"]).expect(7).contains("there is no SYSTEM hive"));
}

#[test]
fn the_registry_file_is_written_for_the_hive_with_the_control_set_of_the_next_boot() {
    let dir = with(ImageBuilder::new().next_boot_from_second_control_set(|set| set));
    dir.run(["diagnose", "image", "AadLogonFailure", "-o", "local.reg"]).expect(1);
    let written = "Windows Registry Editor Version 5.00\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Control\\Terminal Server\\WinStations\\RDP-Tcp]\r\n\
        \"UserAuthentication\"=dword:00000000\r\n";
    assert_eq!(dir.text("local.reg"), written);
    // Nothing of the image was touched.
    let before = dir.state();
    dir.run(["diagnose", "image", "AadLogonFailure"]).expect(1);
    assert_eq!(dir.state(), before);
    let hive = "image/Windows/System32/config/SYSTEM";
    assert_eq!(dir.run(["diagnose", "image", "AadLogonFailure", "-o", hive]).refused(5), "E0503");
    assert_eq!(dir.state(), before);

    let file = TestDir::with("x.pol", PolBuilder::new().dword(KEY, "UserAuthentication", 1).build());
    file.run(["diagnose", "x.pol", "AadLogonFailure", "-o", "local.reg"]).expect(1);
    assert!(file.text("local.reg").contains(r"\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp]"));
}

#[test]
#[cfg_attr(windows, ignore = "the commands are those of a Linux machine")]
fn a_dirty_hive_is_not_given_to_a_tool_that_knows_no_logs() {
    let dir = with(ImageBuilder::new().system_in_logs(|root| {
        root.with(&format!(r"ControlSet001\{RDP_TCP}"), |key| key.dword("UserAuthentication", 1))
    }));
    let out = dir.run(["diagnose", "image", "AadLogonFailure"]).expect(1);
    assert!(!out.contains("--merge") && out.contains("hivexregedit does not replay its logs"), "{out}");
}

#[test]
fn the_json_has_the_contracts_members() {
    let dir = TestDir::with_image();
    let json = parse(&dir.run(["diagnose", "image", "AadLogonFailure", "-f", "json"]).expect(1));
    assert_eq!(json["schema"], "gpol.diagnose/1");
    assert_eq!(keys(&json), ["checks", "image", "not_seen", "problem", "remedies", "schema", "target", "verdict"]);
    assert_eq!(json["verdict"]["next_boot"], "present");
    let check = &json["checks"][0];
    assert_eq!(check["policy"], "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY");
    assert_eq!((&check["verdict"]["now"], &check["next_boot"]["layer"]), (&"present".into(), &"pending-policy".into()));
    assert_eq!(check["layers"].as_array().unwrap().len(), 4);
    assert_eq!(json["remedies"]["policy"][0]["state"], "disabled");
    assert_eq!(json["remedies"]["local"][0]["value"], 0);
}

/// The article names six causes; what no setting tells stands first among what is not seen.
#[test]
fn other_causes_of_a_failed_nla_are_shown() {
    let image = ImageBuilder::new()
        .system(|root| root.with(r"ControlSet001\Control\Lsa", |key| key.dword("disabledomaincreds", 1)));
    let run = with(image).run(["diagnose", "image", "The Local Security Authority cannot be contacted."]);
    let out = run.expect(1);
    for line in [
        "Look at    disabledomaincreds = 1  credentials of the domain are not allowed",
        "           MinEncryptionLevel = 3  the encryption level of native RDP security is high",
        "Not seen   whether the machine reaches a domain controller, and whether its password there is the current one",
        "           the encryption level of the client",
    ] {
        assert!(out.lines().any(|other| other == line), "{line:?} is missing:\n{out}");
    }
}

#[test]
fn the_list_names_every_problem_and_an_unknown_one_its_closest() {
    let dir = TestDir::new();
    let run = dir.run(["diagnose", "--list"]);
    assert!(run.ok().contains("AadLogonFailure") && run.ok().contains("RDPIsNotEnabled"));
    assert_file_snapshot!("diagnose_list", run);
    let json = dir.run(["diagnose", "--list", "-f", "json"]).json();
    assert_eq!(json["schema"], "gpol.diagnose-list/1");
    assert_eq!(json["problems"][0]["id"], "AadLogonFailure");
    assert_eq!(dir.run(["diagnose"]).status, Some(2));
}
