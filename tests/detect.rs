//! `gpol detect`: what things are, why, and what one does next. And that other commands send people there.

use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{GPT_INI, NLA, TestDir, keys, parse};
use crate::corpus::cases;
use crate::store::KEY;
use fixtures::{GptIni, PolBuilder};

const ADMINISTRATORS: &str = "image/Windows/System32/GroupPolicyUsers/S-1-5-32-544";

fn image() -> TestDir {
    let dir = TestDir::with_image();
    dir.write(&format!("{ADMINISTRATORS}/User/Registry.pol"), PolBuilder::new().dword(KEY, "Level", 3).build());
    dir.write(&format!("{ADMINISTRATORS}/gpt.ini"), GptIni::new().version(4, 0).build());
    dir.write_store();
    for file in ["Acme.admx", "en-US/Acme.adml"] {
        dir.write(&format!("image/Windows/PolicyDefinitions/{file}"), dir.read(&format!("store/{file}")));
    }
    dir
}

#[test]
fn an_image_is_told_with_all_that_belongs_to_it() {
    let dir = image();
    assert_file_snapshot!("detect_image", dir.run(["detect", "image"]));
    let document = dir.run(["detect", "image", "-f", "json"]).json();
    assert_eq!(document["schema"], "gpol.detect/1");
    let image = &document["paths"][0];
    assert_eq!(
        keys(image),
        [
            "domain",
            "files",
            "findings",
            "gpos",
            "guid",
            "hives",
            "image",
            "kind",
            "name",
            "next",
            "path",
            "recognised",
            "sides",
            "store",
            "trail",
            "version",
            "what",
            "writable"
        ]
    );
    assert_eq!(
        (&image["kind"], &image["recognised"], &image["writable"]),
        (&json!("windows"), &json!(true), &json!("yes"))
    );
    assert_eq!(image["version"], json!({"user": 1, "computer": 2}));
    let sides: Vec<(&Value, &Value, &Value)> = image["sides"]
        .as_array()
        .unwrap()
        .iter()
        .map(|side| (&side["scope"], &side["exists"], &side["version"]))
        .collect();
    assert_eq!(
        sides,
        [
            (&json!("computer"), &json!(true), &json!(2)),
            (&json!("user"), &json!(true), &json!(1)),
            (&json!("user:administrators"), &json!(true), &json!(4)),
        ]
    );
    assert_eq!(image["hives"].as_array().unwrap().len(), 2);
    assert!(image["store"].as_str().unwrap().ends_with("PolicyDefinitions"));
    let first = &image["trail"][0];
    assert_eq!((&first["what"], &first["found"]), (&json!("Windows/System32/GroupPolicy"), &json!(true)));
}

#[test]
fn the_commands_that_detect_offers_work() {
    let dir = image();
    dir.write("backup/DomainSysvol/GPO/Machine/registry.pol", PolBuilder::new().build());
    dir.write("lgpo.txt", "Computer\r\nSoftware\\K\r\nA\r\nDWORD:1\r\n");
    for path in [
        "image",
        "image/Windows",
        ADMINISTRATORS,
        GPT_INI,
        "backup",
        "store",
        "store/Acme.admx",
        "lgpo.txt",
        "image/Windows/System32/config/SOFTWARE",
    ] {
        let document = dir.run(["detect", path, "-f", "json"]).json();
        let next = document["paths"][0]["next"].as_array().unwrap();
        assert!(!next.is_empty(), "{path}");
        for command in next.iter().map(|command| command.as_str().unwrap()) {
            let Some((_, words)) = command.split_once("gpol ") else { continue };
            if words.contains("TARGET") {
                continue;
            }
            let words = words.replace("POLICY", "TwinA").replace('"', "");
            let run = dir.run(words.split(' ').map(str::to_owned).collect::<Vec<_>>());
            assert!(!run.stderr().contains("error"), "{path}: gpol {words}\n{run}");
        }
    }
}

#[test]
fn every_format_that_gpol_reads_has_commands_that_go_on_from_it() {
    let dir = TestDir::new();
    fixtures::write_tree(&dir.path("fixtures"), &fixtures::shipped_files()).expect("the fixtures are written");
    dir.write("a.reg", "REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A]\r\n\"b\"=dword:1\r\n");
    let rules = "<PolicyRules><ComputerConfig><Key>A</Key><Value>b</Value><RegType>REG_DWORD</RegType><RegData>1</RegData></ComputerConfig></PolicyRules>";
    dir.write("a.PolicyRules", rules);
    let state = "fixtures/state/baseline.gpol.yaml";
    for (file, kind) in
        [("a.reg", "reg"), ("a.PolicyRules", "policyrules"), (state, "state"), ("fixtures/domain/ad.ldif", "ldif")]
    {
        let found = dir.run(["detect", file, "-f", "json"]).json();
        assert_eq!(found["paths"][0]["kind"], *kind, "{file}");
        let next = found["paths"][0]["next"].as_array().expect("a list");
        assert_eq!(next.len(), 2, "{file}: {next:?}");
        for command in next {
            let (_, words) = command.as_str().expect("text").split_once("gpol ").expect("a command of gpol");
            let words = words.replace("TARGET", "fixtures/golden-image").replace("SYSVOL", "fixtures/domain/sysvol");
            let run = dir.run(words.split(' ').map(|word| word.trim_matches('"').to_owned()));
            assert!(matches!(run.status, Some(0 | 1)), "{words}: {run}");
        }
    }
}

#[test]
fn several_paths_are_all_told_and_one_unknown_decides_the_exit_code() {
    let dir = image();
    dir.write("letter.txt", "Dear user");
    dir.write("folder/letter.txt", "Dear user");
    dir.write("gold disk.qcow2", b"QFI\xFB\0\0\0\x03");
    std::fs::create_dir(dir.path("empty")).unwrap();
    let paths = [
        "image",
        "gold disk.qcow2",
        "store",
        "letter.txt",
        "folder",
        "empty",
        "nowhere",
        "image/Windows/System32/config",
    ];
    let run = dir.run(["detect"].iter().chain(&paths).copied());
    assert_eq!(run.status, Some(3));
    assert_file_snapshot!("detect_several", run);
    let run = dir.run(["detect"].iter().chain(&paths).chain(&["-f", "json"]).copied());
    let document = parse(&run.stdout());
    let told: Vec<(&str, bool)> = document["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| (path["path"].as_str().unwrap(), path["recognised"].as_bool().unwrap()))
        .collect();
    let expected: Vec<(&str, bool)> = paths.iter().enumerate().map(|(i, path)| (*path, i < 3)).collect();
    assert_eq!(told, expected);
    dir.run(["detect", "image", "gold disk.qcow2", "store"]).ok();
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_hides_nothing_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = image();
    dir.write("closed/x", "");
    std::fs::set_permissions(dir.path("closed"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let readable = std::fs::read_dir(dir.path("closed")).is_ok();
    let (alone, both) = (dir.run(["detect", "closed"]), dir.run(["detect", "closed", "image"]));
    std::fs::set_permissions(dir.path("closed"), std::fs::Permissions::from_mode(0o755)).unwrap();
    // To root nothing is closed.
    let expected = if readable { (Some(3), Some(3)) } else { (Some(6), Some(7)) };
    assert_eq!((alone.status, both.status), expected);
    assert!(both.stdout().contains("image: Windows installation"), "{both}");
}

#[test]
fn a_hibernated_windows_is_read_and_not_written() {
    let dir = image();
    dir.write("image/hiberfil.sys", [b"HIBR".as_slice(), &[0; 4092]].concat());
    let before = dir.state();
    for target in ["image", "image/Windows", "image/Windows/System32/GroupPolicy", ADMINISTRATORS] {
        let policy = if target == ADMINISTRATORS { ["Both", "user"] } else { ["TwinA", "computer"] };
        let words = ["policy", "set", target, policy[0], "enabled", "--admx", "store"];
        let run = dir.run(words);
        assert_eq!(run.refused(5), "E0511", "{run}");
    }
    assert_eq!(dir.state(), before);
    dir.run(["show", "image", "--no-admx"]).ok();
    let document = dir.run(["detect", "image", "-f", "json"]).json();
    assert_eq!(document["paths"][0]["writable"], "no-hibernated");

    dir.write("image/hiberfil.sys", [b"RSTR".as_slice(), &[0; 4092]].concat());
    let run = dir.run(["policy", "set", "image", "TwinA", "enabled", "--admx", "store"]);
    assert!(run.status == Some(0) && run.stderr().starts_with("warning: image"), "{run}");
    dir.write("image/hiberfil.sys", [0; 4096]);
    dir.run(["policy", "set", "image", "TwinA", "disabled", "--admx", "store"]).ok();
}

#[test]
fn a_policy_file_in_a_cache_is_not_written_either() {
    let dir = TestDir::new();
    let gpo = "GroupPolicy/DataStore/0/sysvol/corp.example/Policies/{31B2F340-016D-11D2-945F-00C04FB984F9}";
    let file = format!("{gpo}/Machine/Registry.pol");
    dir.write(&file, PolBuilder::new().build());
    dir.write(&format!("{gpo}/gpt.ini"), GptIni::new().version(1, 1).build());
    for target in [gpo, &file] {
        assert_eq!(dir.run(["policy", "set", target, NLA, "disabled"]).refused(5), "E0513", "{target}");
        dir.run(["show", target]).ok();
    }
    let document = dir.run(["detect", gpo, "-f", "json"]).json();
    let gpo = &document["paths"][0];
    assert_eq!((&gpo["kind"], &gpo["writable"]), (&json!("gpo-cached"), &json!("no-cache")));
}

#[test]
fn a_baselines_own_templates_name_the_policies_of_its_backups() {
    let dir = TestDir::new();
    dir.write_store();
    std::fs::create_dir(dir.path("baseline")).unwrap();
    std::fs::rename(dir.path("store"), dir.path("baseline/Templates")).unwrap();
    for backup in ["{A}", "{B}"] {
        let file = format!("baseline/GPOs/{backup}/DomainSysvol/GPO/Machine/registry.pol");
        dir.write(&file, PolBuilder::new().dword(KEY, "Twin", 1).build());
    }
    let one = dir.run(["policy", "get", "baseline/GPOs/{A}", "TwinA"]).ok();
    assert!(one.starts_with("Enabled"), "{one}");
    for set in ["baseline", "baseline/GPOs"] {
        let gpos = dir.run(["show", set, "-f", "json"]).json()["gpos"].clone();
        let named = |gpo: &Value| gpo["sides"][0]["policies"][0]["name"] == "TwinA";
        assert!(gpos.as_array().unwrap().len() == 2 && gpos.as_array().unwrap().iter().all(named), "{set}: {gpos}");
    }
    let document = dir.run(["detect", "baseline", "-f", "json"]).json();
    assert_eq!(
        (&document["paths"][0]["kind"], &document["paths"][0]["gpos"][1]["kind"]),
        (&json!("backup-set"), &json!("gpo-backup"))
    );
}

/// `manifest.xml` as GPMC writes it into a folder of backups: the name of its root and its namespace are Microsoft's.
#[test]
fn the_files_that_describe_backups_are_recognised_and_lead_to_them() {
    let dir = TestDir::new();
    let manifest =
        "<Backups xmlns=\"http://www.microsoft.com/GroupPolicy/GPOOperations/Manifest\"><BackupInst/></Backups>";
    let backup = "{12345678-1234-4234-8234-123456789ABC}";
    dir.write("alone/manifest.xml", manifest);
    dir.write("backups/manifest.xml", manifest);
    dir.write("alone/Backup.xml", "<GroupPolicyBackupScheme/>");
    dir.write(&format!("backups/{backup}/Backup.xml"), "<GroupPolicyBackupScheme/>");
    dir.write(&format!("backups/{backup}/bkupInfo.xml"), "<BackupInst/>");
    dir.write(&format!("backups/{backup}/DomainSysvol/GPO/Machine/registry.pol"), b"PReg\x01\0\0\0");
    let detect = |path: &str| dir.run(["detect", path]).ok();
    let manifest = detect("backups/manifest.xml");
    assert!(manifest.starts_with("backups/manifest.xml: file that describes GPO backups\n"), "{manifest}");
    assert!(manifest.contains("gpol show backups\n") && manifest.contains("gpol detect backups\n"), "{manifest}");
    let one = detect(&format!("backups/{backup}/Backup.xml"));
    assert!(
        one.contains("file that describes a GPO backup") && one.contains(&format!("gpol show \"backups/{backup}\"")),
        "{one}"
    );
    for (file, what) in [
        ("alone/manifest.xml", "the backups that it lists are not beside it"),
        ("alone/Backup.xml", "the rest of it is not there"),
    ] {
        assert!(detect(file).contains(what), "{file}");
        let show = dir.run(["show", file]);
        assert_eq!(show.refused(3), "E0408", "{show}");
        assert!(show.stderr().contains(what), "{show}");
    }
    let listed = dir.run(["show", "backups/manifest.xml"]);
    assert_eq!(listed.refused(3), "E0408");
    assert!(listed.stderr().contains("the backups are in its folder:  gpol show backups\n"), "{listed}");
}

#[test]
fn the_cases_of_real_use_are_recognised() {
    let dir = TestDir::new();
    let mut seen = 0;
    // What each text says is right.
    for (kind, name, right) in [
        ("pol", "11_pol_nul_became_space.pol", "nothing that gpol knows"),
        ("other", "manifest/manifest.xml", "file that describes GPO backups"),
    ] {
        let Some(path) = cases(kind).map(|folder| folder.join(name)).filter(|path| path.is_file()) else { continue };
        let path = path.to_str().expect("a path that is text");
        let found = dir.run(["detect", path]);
        assert!(found.stdout().contains(&format!(": {right}")), "{found}");
        seen += 1;
        if kind == "pol" {
            let shown = dir.run(["show", path]);
            assert!(shown.stderr().starts_with("error[E0201]") && shown.stderr().contains("text editor"), "{shown}");
            assert!(!found.stdout().contains("gpol show"), "{found}");
        }
    }
    assert!(seen > 0 || cases("pol").is_none(), "none of the known cases is there");
}
