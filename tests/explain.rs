//! `gpol explain`: who requires NLA on the golden image?

use serde_json::json;

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, NLA, NLA_NAME, TestDir, keys, slashes};

const NLA_PATH: &str = "Windows Components > Remote Desktop Services > Remote Desktop Session Host > Security";

#[test]
fn the_full_path_of_a_kb_names_policy_id_state_record_and_file() {
    let dir = TestDir::with_image();
    let path = format!("Computer Configuration > Administrative Templates > {NLA_PATH} > {NLA_NAME}");
    let run = dir.run(["explain", "image", &path]);
    let out = run.ok();
    for wanted in [
        NLA_NAME,
        NLA_PATH,
        "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY",
        "Enabled",
        // The last record of the computer side stands 694 bytes before the end with the three before it.
        "Windows/System32/GroupPolicy/Machine/Registry.pol, record 6 @ 0x32e",
        r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services!UserAuthentication  REG_DWORD  1",
        "built in",
    ] {
        assert!(out.contains(wanted), "{wanted:?} is missing:\n{out}");
    }
    assert_file_snapshot!("explain_nla", run);
}

#[test]
fn a_policy_has_many_names_and_all_of_them_find_it() {
    let dir = TestDir::with_image();
    let expected = dir.run(["explain", "image", NLA]).ok();
    let names = [
        "ts_user_authentication_policy".to_owned(),
        "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY".to_owned(),
        "Microsoft.Policies.TerminalServer::TS_USER_AUTHENTICATION_POLICY".to_owned(),
        NLA_NAME.to_owned(),
        NLA_NAME.to_uppercase(),
        format!("  {}  ", NLA_NAME.replace(' ', "  ")),
        format!("Security > {NLA_NAME}"),
        format!("Computer Configuration > Administrative Templates > {NLA_PATH} > {NLA_NAME}"),
        format!("Computer Configuration -> Administrative Templates -> {} -> {NLA_NAME}", NLA_PATH.replace('>', "->")),
        format!(r"Computer Configuration\Administrative Templates\{}\{NLA_NAME}", NLA_PATH.replace(" > ", r"\")),
        format!("Computer Configuration / Administrative Templates / {} / {NLA_NAME}", NLA_PATH.replace('>', "/")),
        r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services!UserAuthentication".to_owned(),
        r"HKLM:\software\policies\microsoft\windows nt\terminal services!userauthentication".to_owned(),
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\UserAuthentication".to_owned(),
        "https://admx.help/?Category=Windows_11_2022&Policy=Microsoft.Policies.TerminalServer::TS_USER_AUTHENTICATION_POLICY".to_owned(),
        format!("id:{NLA}"),
        format!("name:{NLA_NAME}"),
        format!("path:Security > {NLA_NAME}"),
        r"reg:HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services!UserAuthentication".to_owned(),
    ];
    for name in names {
        assert_eq!(dir.run(["explain", "image", &name]).ok(), expected, "{name}");
    }
}

#[test]
fn the_json_has_the_contracts_members() {
    let dir = TestDir::with_image();
    let json = dir.run(["explain", "image", NLA, "--format", "json"]).json();
    assert_eq!(json["schema"], "gpol.explain/1");
    for name in ["policy", "layers", "verdict", "not_seen"] {
        assert!(keys(&json).contains(&name), "{name}");
    }
    assert_eq!(json["policy"]["id"], "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY");
    assert_eq!(json["policy"]["display_name"], NLA_NAME);
    let layers = json["layers"].as_array().unwrap();
    let ranks: Vec<_> = layers.iter().map(|layer| (&layer["rank"], &layer["layer"], &layer["value"])).collect();
    assert_eq!(
        ranks,
        [
            (&json!(3), &json!("pending-policy"), &json!(1)),
            (&json!(2), &json!("applied-policy"), &json!(1)),
            (&json!(1), &json!("local-setting"), &json!(0)),
            (&json!(0), &json!("default"), &json!(1)),
        ]
    );
    assert_eq!(layers[0]["rank"], 3);
    assert_eq!(layers[0]["layer"], "pending-policy");
    assert_eq!(layers[0]["state"], "enabled");
    assert_eq!(layers[0]["value"], 1);
    assert_eq!(keys(&layers[0]["where"]), ["file", "offset", "record"]);
    assert_eq!(slashes(layers[0]["where"]["file"].as_str().unwrap()), COMPUTER_POL);
    assert_eq!((&layers[0]["where"]["record"], &layers[0]["where"]["offset"]), (&json!(5), &json!(0x32e)));
    let hive = &layers[2]["where"];
    assert_eq!(keys(hive), ["hive", "key", "offset", "value_name"]);
    assert_eq!((&hive["hive"], &hive["value_name"]), (&json!("SYSTEM"), &json!("UserAuthentication")));
    assert_eq!(hive["key"], r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp");
    assert_eq!(layers[1]["values"][0]["archive"], "unknown");
    for (when, layer) in [("now", "applied-policy"), ("next_boot", "pending-policy")] {
        let decision = &json["verdict"][when];
        assert_eq!(keys(decision), ["certainty", "conditions", "layer", "meaning", "state", "value", "why"]);
        assert_eq!(decision["certainty"], "known");
        assert_eq!((&decision["layer"], &decision["value"]), (&json!(layer), &json!(1)));
        assert_eq!((&decision["meaning"], &decision["state"]), (&json!("NLA is required"), &json!("enabled")));
    }
    assert_eq!(json["image"]["control_set"], json!({ "now": 1, "next_boot": 1 }));
    assert_eq!(json["other_state"], "disabled");
    let unseen: Vec<&str> = json["not_seen"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert!(unseen.iter().any(|text| text.contains("domain")), "{unseen:?}");
}

/// A policy file alone, or an image of which nothing but the policy is there, says nothing of a registry.
#[test]
fn without_hives_nothing_is_claimed_about_now() {
    let dir = TestDir::with_image();
    for target in [COMPUTER_POL, "bare"] {
        std::fs::create_dir_all(dir.path("bare")).unwrap();
        dir.write("bare/gpt.ini", dir.read("image/Windows/System32/GroupPolicy/gpt.ini"));
        dir.write("bare/Machine/Registry.pol", dir.read(COMPUTER_POL));
        let json = dir.run(["explain", target, NLA, "-f", "json"]).json();
        assert_eq!((&json["verdict"]["now"]["layer"], &json["verdict"]["now"]["value"]), (&json!(null), &json!(null)));
        assert_eq!(json["verdict"]["next_boot"]["layer"], "pending-policy");
        assert_eq!(json["layers"].as_array().unwrap().len(), 1);
    }
    assert_file_snapshot!("explain_of_a_file", dir.run(["explain", COMPUTER_POL, NLA]));
}

#[test]
fn a_hive_that_is_missing_is_said_and_not_taken_for_empty() {
    let dir = TestDir::with_image();
    std::fs::remove_file(dir.path("image/Windows/System32/config/SOFTWARE")).unwrap();
    let run = dir.run(["explain", "image", NLA]);
    run.ok();
    assert_file_snapshot!("explain_no_software_hive", run);
}

#[test]
fn an_archive_tells_who_put_the_value_into_the_registry() {
    use fixtures::PolBuilder;
    let dir = TestDir::with_image();
    let key = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    dir.write("image/programdata/NTUSER.POL", PolBuilder::new().dword(key, "UserAuthentication", 1).build());
    let out = dir.run(["explain", "image", NLA]).ok();
    assert!(out.contains("put there by Group Policy (listed in ProgramData/ntuser.pol)"), "{out}");
    let out = dir.run(["explain", "image", "TS_ENCRYPTION_POLICY"]).ok();
    assert!(out.contains("set by hand or another tool; unset will not remove it"), "{out}");
}

#[test]
fn control_sets_that_differ_have_a_line_each() {
    let dir = TestDir::new();
    let image = fixtures::ImageBuilder::new()
        .next_boot_from_second_control_set(|set| set.with(fixtures::RDP_TCP, |key| key.dword("UserAuthentication", 1)));
    fixtures::write_tree(&dir.path("image"), &image.build()).unwrap();
    let run = dir.run(["explain", "image", NLA]);
    run.ok();
    assert_file_snapshot!("explain_control_sets", run);
}

#[test]
fn the_user_side_is_explained_without_the_users_hives() {
    let dir = TestDir::with_image();
    dir.write_store();
    let words = ["explain", "image", "Both", "--scope", "user", "--admx", "store", "-f", "json"];
    let json = dir.run(words).json();
    assert_eq!(json["verdict"]["now"]["layer"], json!(null));
    assert!(json["not_seen"][0].as_str().unwrap().contains("NTUSER.DAT"));
}

#[test]
fn a_policy_without_a_record_decides_nothing() {
    let dir = TestDir::with_image();
    let run = dir.run(["explain", "image", "TS_PASSWORD"]);
    run.ok();
    assert_file_snapshot!("explain_not_configured", run);
    let json = dir.run(["explain", "image", "TS_PASSWORD", "-f", "json"]).json();
    let layers: Vec<_> = json["layers"].as_array().unwrap().iter().map(|layer| &layer["layer"]).collect();
    assert_eq!(layers, ["default"]);
    assert_eq!(json["verdict"]["next_boot"]["layer"], "default");
    assert_eq!(json["policy"]["state"], "not-configured");
}

#[test]
fn an_enabled_policy_is_explained_with_its_inputs() {
    let run = TestDir::with_image().run(["explain", "image", "Set client connection encryption level"]);
    run.ok();
    assert_file_snapshot!("explain_inputs", run);
}

#[test]
fn the_root_the_windows_folder_the_gpo_and_the_file_all_lead_to_the_record() {
    let dir = TestDir::with_image();
    for target in ["image", "image/Windows", "image/Windows/System32/GroupPolicy", COMPUTER_POL] {
        let json = dir.run(["explain", target, NLA, "-f", "json"]).json();
        assert_eq!(json["layers"][0]["where"]["offset"], 0x32e, "{target}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "Windows' file systems do not tell cases apart")]
fn letter_case_on_disk_does_not_matter() {
    let dir = TestDir::new();
    let image: Vec<(String, Vec<u8>)> = fixtures::golden_image()
        .into_iter()
        .map(|(path, bytes)| (format!("image/{}", path.to_uppercase()), bytes))
        .collect();
    for (path, bytes) in image {
        dir.write(&path, bytes);
    }
    let out = dir.run(["explain", "image", NLA]).ok();
    assert!(out.contains("WINDOWS/SYSTEM32/GROUPPOLICY/MACHINE/REGISTRY.POL, record 6 @ 0x32e"), "{out}");
}

#[test]
fn a_copy_of_a_domain_gpo_stands_above_all() {
    let folder =
        "Windows/System32/GroupPolicy/DataStore/0/sysvol/corp.test/Policies/{31B2F340-016D-11D2-945F-00C04FB984F9}";
    let key = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    let dir = TestDir::new();
    let image = fixtures::ImageBuilder::new().file(&format!("{folder}/gpt.ini"), "[General]\r\nVersion=3\r\n").file(
        &format!("{folder}/Machine/Registry.pol"),
        fixtures::PolBuilder::new().dword(key, "UserAuthentication", 0).build(),
    );
    fixtures::write_tree(&dir.path("image"), &image.build()).unwrap();
    let run = dir.run(["explain", "image", NLA]);
    run.ok();
    assert_file_snapshot!("explain_cached_domain_gpo", run);
    // The policy file says 1, the copy 0, which would win: nobody can tell, and neither command says that it can.
    let next = dir.run(["explain", "image", NLA, "-f", "json"]).json()["verdict"]["next_boot"].clone();
    assert_eq!(json!([next["certainty"], next["value"], next["layer"]]), json!(["depends", null, null]));
    let ways: Vec<_> = next["possible"].as_array().unwrap().iter().map(|way| (&way["layer"], &way["value"])).collect();
    assert_eq!(ways, [(&json!("pending-policy"), &json!(1)), (&json!("cached-domain-policy"), &json!(0))]);
    let diagnosis = dir.run(["diagnose", "image", "AadLogonFailure", "-f", "json"]);
    assert_eq!(diagnosis.status, Some(7));
    assert_eq!(crate::bench::parse(&diagnosis.stdout())["checks"][0]["next_boot"], next);
}

#[test]
fn what_windows_will_not_apply_is_said_with_the_command_that_tells_why() {
    let dir = TestDir::new();
    let key = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    let pending = fixtures::PolBuilder::new().dword(key, "UserAuthentication", 0).build();
    let image = fixtures::ImageBuilder::new().gpsvc_start(4).file(fixtures::COMPUTER_POL, pending);
    fixtures::write_tree(&dir.path("image"), &image.build()).unwrap();
    let out = dir.run(["explain", "image", NLA]).ok();
    let next = out.lines().find(|line| line.starts_with("Next boot")).expect("a verdict");
    assert!(next.contains("NLA is required") && next.contains("Windows will not apply layer 3"), "{next}");
    assert!(out.contains("gpol doctor image"), "{out}");
    let json = dir.run(["explain", "image", NLA, "-f", "json"]).json();
    assert_eq!((&json["applies"], &json["verdict"]["next_boot"]["value"]), (&json!("no"), &json!(1)));
}
