//! Per-user local GPOs: administrators, the others, and single users, each with a `gpt.ini` of its own.

use fixtures::{GptIni, PolBuilder, REGISTRY_COMPUTER, REGISTRY_USER};
use serde_json::json;

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, NLA, TestDir, USER_POL, slashes};
use crate::store::KEY;

const USERS: &str = "image/Windows/System32/GroupPolicyUsers";
const ADMINISTRATORS: &str = "image/Windows/System32/GroupPolicyUsers/S-1-5-32-544";
const OTHERS: &str = "image/Windows/System32/GroupPolicyUsers/S-1-5-32-545";
const SOMEBODY: &str = "S-1-5-21-1004336348-1177238915-682003330-1001";

/// The policy as enabled, or as disabled: it has no value for that, so Windows is told to delete it.
fn both(enabled: bool) -> Vec<u8> {
    let file = PolBuilder::new();
    if enabled { file.dword(KEY, "Both", 1).build() } else { file.del(KEY, "Both").build() }
}

/// An image with a local GPO for both groups and for one user.
fn image() -> TestDir {
    let dir = TestDir::with_image();
    dir.write_store();
    for (folder, enabled) in [(ADMINISTRATORS, false), (OTHERS, true), (&format!("{USERS}/{SOMEBODY}"), true)] {
        dir.write(&format!("{folder}/User/Registry.pol"), both(enabled));
        dir.write(&format!("{folder}/gpt.ini"), GptIni::new().version(4, 0).build());
    }
    dir
}

#[test]
fn show_lists_every_scope_in_the_order_in_which_windows_applies_them() {
    let dir = image();
    let show = dir.run(["show", "image", "--admx", "store", "-f", "json"]).json();
    let scopes: Vec<&str> = show["sides"].as_array().unwrap().iter().map(|s| s["scope"].as_str().unwrap()).collect();
    let own = format!("user:{SOMEBODY}");
    assert_eq!(scopes, ["computer", "user", "user:administrators", "user:non-administrators", &own]);
    let of_admins = &show["sides"][2];
    assert_eq!(
        (&of_admins["side"], &of_admins["version"], &of_admins["records"]),
        (&json!("user"), &json!(4), &json!(1))
    );
    assert_eq!(slashes(of_admins["file"].as_str().unwrap()), format!("{ADMINISTRATORS}/User/Registry.pol"));
    assert_eq!(show["version"], json!({"user": 1, "computer": 2}), "of the local GPO");
    assert_eq!(show["findings"], json!([]));
    assert_file_snapshot!("scopes_show", dir.run(["show", "image", "--admx", "store"]));
}

#[test]
fn one_scope_alone_is_shown_read_and_explained() {
    let dir = image();
    for (scope, state, exit) in [
        ("user:administrators", "Disabled", 0),
        ("user:Non-Administrators", "Enabled", 0),
        ("user:s-1-5-32-545", "Enabled", 0),
        (&format!("user:{SOMEBODY}"), "Enabled", 0),
        ("user", "Not configured", 1),
        ("computer", "Not configured", 1),
        ("user:S-1-5-21-1-2-3-1009", "Not configured", 1),
    ] {
        let get = dir.run(["policy", "get", "image", "Both", "--admx", "store", "--scope", scope]);
        assert!(get.expect(exit).starts_with(state), "{scope}: {get}");
    }
    let show = dir.run(["show", "image", "--scope", "user:administrators", "-f", "json"]).json();
    assert_eq!(show["sides"].as_array().unwrap().len(), 1);
    assert_eq!(show["sides"][0]["scope"], "user:administrators");
    let explain = dir.run(["explain", "image", "Both", "--admx", "store", "--scope", "user:administrators"]);
    assert_file_snapshot!("scopes_explain", explain);
    let json = dir.run(["explain", "image", "Both", "--admx", "store", "-s", "user", "-f", "json"]).json();
    assert_eq!((&json["scope"], &json["side"]), (&json!("user"), &json!("user")));
    let unseen = json["not_seen"][0].as_str().unwrap();
    assert!(unseen.contains("--scope user:administrators") && unseen.contains(SOMEBODY), "{unseen}");
    let list = dir.run(["policy", "list", "image", "--configured", "--admx", "store", "-f", "json"]).json();
    assert_eq!(
        list["policies"][0]["states"],
        json!({"user:administrators": "disabled", "user:non-administrators": "enabled", format!("user:{SOMEBODY}"): "enabled"})
    );
}

#[test]
fn a_policy_for_administrators_makes_their_gpo_and_touches_no_other() {
    let dir = TestDir::with_image();
    dir.write_store();
    let kept: Vec<_> = [COMPUTER_POL, USER_POL, GPT_INI].map(|file| dir.read(file)).into();
    let set = |scope: &str| dir.run(["policy", "set", "image", "Both", "enabled", "--admx", "store", "--scope", scope]);
    let run = set("user:administrators");
    run.ok();
    assert_eq!(dir.read(&format!("{ADMINISTRATORS}/User/Registry.pol")), both(true));
    let gpt_ini = GptIni::new().key("gPCUserExtensionNames", REGISTRY_USER).version(1, 0).build();
    assert_eq!(dir.text(&format!("{ADMINISTRATORS}/gpt.ini")), String::from_utf8(gpt_ini.clone()).unwrap());
    assert!(!dir.has(&format!("{ADMINISTRATORS}/Machine")));
    assert_file_snapshot!("scopes_set_administrators", run);

    set("user:non-administrators").ok();
    assert_eq!(dir.text(&format!("{OTHERS}/gpt.ini")), String::from_utf8(gpt_ini).unwrap());
    set(&format!("user:{}", SOMEBODY.to_lowercase())).ok();
    assert_eq!(dir.read(&format!("{USERS}/{SOMEBODY}/User/Registry.pol")), both(true));
    assert_eq!([COMPUTER_POL, USER_POL, GPT_INI].map(|file| dir.read(file)).to_vec(), kept);
    assert_eq!(set("user:administrators").ok().lines().next(), Some("Nothing to do: already Enabled: On either side"));
}

#[test]
fn doctor_looks_at_each_gpt_ini() {
    let dir = image();
    dir.write(
        &format!("{OTHERS}/gpt.ini"),
        GptIni::new().version(4, 0).key("gPCUserExtensionNames", REGISTRY_USER).build(),
    );
    let extension = |scope: &str| {
        let run = dir.run(["doctor", "image", "--scope", scope, "-f", "json"]);
        let probes = crate::bench::parse(&run.stdout())["probes"].as_array().unwrap().clone();
        let of_scope = probes.iter().find(|probe| probe["id"] == "extension" && probe["scope"] == scope).unwrap();
        of_scope["answer"].clone()
    };
    assert_eq!(extension("user:administrators"), "no", "its gpt.ini lists no extension");
    assert_eq!(extension("user:non-administrators"), "yes");
    assert_eq!(extension("user"), "yes");
}

#[test]
fn a_gpo_that_is_there_is_changed_as_it_is_spelled() {
    let dir = TestDir::with("image/Windows/System32/config/SYSTEM", "regf");
    dir.write_store();
    let folder = "image/Windows/System32/grouppolicyusers/s-1-5-32-544";
    dir.write(&format!("{folder}/USER/registry.pol"), both(false));
    dir.write(&format!("{folder}/GPT.INI"), GptIni::new().version(4, 0).build());
    dir.run(["policy", "set", "image", "Both", "enabled", "--admx", "store", "-s", "user:administrators"]).ok();
    assert_eq!(dir.read(&format!("{folder}/USER/registry.pol")), both(true));
    let gpt_ini = GptIni::new().version(5, 0).key("gPCUserExtensionNames", REGISTRY_USER).build();
    assert_eq!(dir.text(&format!("{folder}/GPT.INI")), String::from_utf8(gpt_ini).unwrap());
    assert_eq!(std::fs::read_dir(dir.path("image/Windows/System32")).unwrap().count(), 2, "no second GroupPolicyUsers");
}

#[test]
fn one_per_user_gpo_is_a_target_of_its_own_and_so_is_their_folder() {
    let dir = image();
    let show = dir.run(["show", ADMINISTRATORS, "-f", "json"]).json();
    assert_eq!(
        (&show["target"]["kind"], &show["sides"][0]["scope"]),
        (&json!("gpo-user"), &json!("user:administrators"))
    );
    assert_eq!(show["version"], json!({"user": 4, "computer": 0}));
    // Its only scope needs no words; `user` means it as well.
    for more in [&[][..], &["--scope", "user"], &["--scope", "user:administrators"]] {
        let run = dir.run(["policy", "get", ADMINISTRATORS, "Both", "--admx", "store"].iter().chain(more).copied());
        assert!(run.ok().starts_with("Disabled"), "{run}");
    }
    let computer = dir.run(["policy", "set", ADMINISTRATORS, NLA, "disabled"]);
    assert_eq!(computer.refused(3), "E0303", "{computer}");
    let other = dir.run(["policy", "get", ADMINISTRATORS, "Both", "--admx", "store", "-s", "user:non-administrators"]);
    assert_eq!(other.refused(3), "E0309", "{other}");

    let show = dir.run(["show", USERS, "-f", "json"]).json();
    assert_eq!((&show["target"]["kind"], show["sides"].as_array().unwrap().len()), (&json!("gpo-users"), 3));
    let unclear = dir.run(["policy", "get", USERS, "TwinB", "--admx", "store"]);
    assert_eq!(unclear.refused(3), "E0308", "{unclear}");
    assert_file_snapshot!("scopes_unclear", unclear);
}

#[test]
fn a_policy_file_in_a_per_user_gpo_knows_whose_it_is() {
    let dir = image();
    let file = format!("{ADMINISTRATORS}/User/Registry.pol");
    let show = dir.run(["show", &file, "-f", "json"]).json();
    assert_eq!((&show["target"]["kind"], &show["sides"][0]["scope"]), (&json!("pol"), &json!("user:administrators")));
}

#[test]
fn lgpo_text_names_the_group_both_ways() {
    let dir = image();
    let file = format!("{ADMINISTRATORS}/User/Registry.pol");
    let text = dir.run(["convert", &file, "-f", "lgpo"]).ok();
    assert!(text.contains("\r\nUser:Administrators\r\n"), "{text}");
    dir.write("admins.txt", text + "User\r\nK\r\nA\r\nDWORD:1\r\n");
    let run = dir.run(["convert", "admins.txt", "-f", "pol"]);
    assert_eq!(run.refused(4), "E0211", "{run}");
    assert!(run.stderr().contains("--scope user:administrators"), "{run}");
    let built = dir.run(["convert", "admins.txt", "-f", "pol", "--scope", "user:administrators"]);
    assert_eq!((built.status, built.out), (Some(0), both(false)));
    let own = dir.run(["convert", &format!("{USERS}/{SOMEBODY}/User/Registry.pol"), "-f", "lgpo"]);
    assert!(own.status == Some(0) && own.stderr().contains("name of the user's account"), "{own}");
    let none = dir.run(["convert", "admins.txt", "-f", "pol", "--scope", "computer"]);
    assert!(none.status == Some(0) && none.stderr().contains("no entry for Computer"), "{none}");
}

#[test]
fn what_windows_ignores_below_group_policy_users_is_reported_and_the_rest_shown() {
    let dir = image();
    dir.write(&format!("{USERS}/Administrators/User/Registry.pol"), both(true));
    dir.write(&format!("{ADMINISTRATORS}/Machine/Registry.pol"), both(true));
    std::fs::create_dir(dir.path(&format!("{OTHERS}/Machine"))).unwrap();
    let run = dir.run(["show", "image", "--scope", "user:administrators", "--admx", "store"]);
    assert_eq!(run.status, Some(0));
    assert_file_snapshot!("scopes_ignored", run);
    let found = dir.run(["show", "image", "-f", "json"]);
    let findings = crate::bench::parse(&found.stdout())["findings"].clone();
    let told: Vec<(&str, String)> = findings
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["code"].as_str().unwrap(), slashes(f["path"].as_str().unwrap())))
        .collect();
    assert_eq!(
        told,
        [("GPT017", format!("{USERS}/Administrators")), ("GPT017", format!("{ADMINISTRATORS}/Machine"))],
        "an empty Machine folder is none"
    );
}

#[test]
fn a_scope_that_is_none_is_a_usage_error_that_says_what_is_possible() {
    let dir = image();
    for scope in ["user:Bob", "user:S-1-5", "S-1-5-32-544", "computers", "user:S-1-5-21-1-2-3-4294967296"] {
        let run = dir.run(["show", "image", "--scope", scope]);
        assert_eq!(run.status, Some(2), "{run}");
        assert!(run.stderr().contains("user:administrators"), "{run}");
    }
    assert_file_snapshot!("scopes_no_sid", dir.run(["show", "image", "--scope", "user:Bob"]));
    let run = dir.run([
        "policy",
        "get",
        "image/Windows/System32/GroupPolicy",
        "Both",
        "--admx",
        "store",
        "-s",
        "user:administrators",
    ]);
    assert_eq!(run.refused(3), "E0309");
}

#[test]
#[cfg_attr(windows, ignore = "Windows' file systems do not tell cases apart")]
fn twins_of_per_user_gpos_are_read_with_a_warning_and_not_written() {
    for twin in [
        "image/Windows/System32/grouppolicyusers/S-1-5-32-544/gpt.ini",
        "image/Windows/System32/GroupPolicyUsers/s-1-5-32-544/gpt.ini",
        "image/Windows/System32/GroupPolicyUsers/S-1-5-32-544/GPT.INI",
        "image/Windows/System32/GroupPolicyUsers/S-1-5-32-544/USER/Registry.pol",
        "image/Windows/System32/GroupPolicyUsers/S-1-5-32-544/User/registry.pol",
    ] {
        let dir = image();
        dir.write(twin, if twin.to_lowercase().ends_with("ini") { b"[General]\r\n".to_vec() } else { both(true) });
        let before = dir.state();
        let arguments = ["image", "Both", "--admx", "store", "-s", "user:administrators"];
        let set = dir.run(["policy", "set", "image", "Both", "enabled"].iter().chain(&arguments[2..]).copied());
        assert!(set.stderr().contains("error[E0502]") && set.status == Some(5), "{set}");
        let get = dir.run(["policy", "get"].iter().chain(&arguments).copied());
        assert!(get.stdout().starts_with("Disabled") && get.stderr().starts_with("warning: GPT012: "), "{get}");
        assert_eq!(dir.state(), before, "{twin}");
    }
}

#[test]
fn the_two_sides_of_an_image_are_what_they_were() {
    let dir = TestDir::with_image();
    dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    let expected = GptIni::new()
        .key("gPCMachineExtensionNames", REGISTRY_COMPUTER)
        .version(1, 3)
        .key("gPCUserExtensionNames", REGISTRY_USER);
    assert_eq!(dir.read(GPT_INI), expected.build());
    assert!(!dir.has(USERS));
}
