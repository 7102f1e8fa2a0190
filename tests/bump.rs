//! `gpol gpo bump`: Windows takes up again what it took for unchanged; no policy file is touched.

use fixtures::domain::{BACKUP, POLICIES, RPA_HOSTS};
use fixtures::{GptIni, PolBuilder, REGISTRY_COMPUTER};
use serde_json::json;

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, TestDir, USER_POL};
use crate::store::KEY;

#[test]
fn windows_applies_again_what_it_took_for_unchanged() {
    let dir = TestDir::with_image();
    // The image remembers computer version 2; a policy file was copied over the old one, gpt.ini was not.
    dir.write(COMPUTER_POL, PolBuilder::new().dword(KEY, "CopiedIn", 1).build());
    let before = dir.state();
    let (ini, pol) = (dir.text(GPT_INI), dir.read(COMPUTER_POL));
    assert!(ini.contains("Version=65538"), "{ini}");
    let doctor = dir.run(["doctor", "image", "--scope", "computer"]);
    assert!(doctor.expect(1).contains("help: raise the version:  gpol gpo bump"), "{doctor}");

    let plan = dir.run(["gpo", "bump", "image", "--scope", "computer", "--dry-run", "-f", "json"]).json();
    assert_eq!(dir.state(), before);
    let run = dir.run(["gpo", "bump", "image", "--scope", "computer"]);
    run.ok();
    assert_eq!(dir.text(GPT_INI), ini.replace("Version=65538", "Version=65539"));
    assert_eq!(dir.read(COMPUTER_POL), pol);
    assert_file_snapshot!("gpo_bump", run);
    assert!(dir.run(["doctor", "image", "--scope", "computer"]).ok().contains("at the next boot: yes"));
    assert_eq!(plan["sides"][0]["version"]["after"], json!({"user": 1, "computer": 3}));

    dir.run(["undo", "image"]).ok();
    assert_eq!((dir.text(GPT_INI), dir.read(COMPUTER_POL)), (ini, pol));
}

#[test]
fn each_side_with_settings_is_raised_once() {
    let dir = TestDir::with_image();
    std::fs::remove_file(dir.path(GPT_INI)).expect("it goes");
    let run = dir.run(["gpo", "bump", "image", "-f", "json"]).json();
    let scopes: Vec<_> = run["sides"].as_array().unwrap().iter().map(|side| side["scope"].as_str().unwrap()).collect();
    let with_settings: Vec<_> = [("computer", COMPUTER_POL), ("user", USER_POL)]
        .iter()
        .filter(|(_, pol)| dir.has(pol))
        .map(|(s, _)| *s)
        .collect();
    assert_eq!(scopes, with_settings);
    let ini = dir.text(GPT_INI);
    let users = u32::from(dir.has(USER_POL));
    assert!(ini.contains(&format!("Version={}", users * 65536 + 1)), "{ini}");
    assert!(ini.contains(&format!("gPCMachineExtensionNames={REGISTRY_COMPUTER}")), "{ini}");
}

#[test]
fn a_side_without_settings_is_raised_only_if_it_is_named() {
    let dir = TestDir::with("gpo/gpt.ini", GptIni::new().version(4, 7).build());
    dir.write("gpo/Machine/Registry.pol", PolBuilder::new().build());
    let before = dir.state();
    assert!(dir.run(["gpo", "bump", "gpo"]).ok().contains("Nothing to do: no side has settings"));
    assert_eq!(dir.state(), before);
    dir.run(["gpo", "bump", "gpo", "--scope", "user"]).ok();
    // 5 in the upper half, 7 in the lower.
    assert!(dir.text("gpo/gpt.ini").contains(&format!("Version={}", (5 << 16) + 7)));
}

#[test]
fn both_halves_of_a_domain_gpo_and_of_a_backup_rise() {
    let dir = TestDir::new();
    for (path, bytes) in fixtures::domain::domain() {
        dir.write(&path, bytes);
    }
    let rpa = format!("{POLICIES}/{RPA_HOSTS}");
    let before = dir.state();
    assert_eq!(dir.run(["gpo", "bump", &rpa]).refused(5), "E0501");
    assert_eq!(dir.state(), before);
    let words = ["gpo", "bump", &*rpa, "--ad", "ad.ldif", "--ldif", "change.ldif"];
    dir.run(words).ok();
    // 196622 is user 3, computer 14.
    assert!(dir.text(&format!("{rpa}/GPT.INI")).contains("Version=196623"));
    assert!(dir.text("change.ldif").contains("versionNumber: 196623"));
    let xml = dir.text(&format!("{BACKUP}/Backup.xml"));
    dir.run(["gpo", "bump", BACKUP]).ok();
    // 14 in both halves becomes 15: 917518 is 0x000E000E.
    assert_eq!(dir.text(&format!("{BACKUP}/Backup.xml")), xml.replace("917518", "983055"));
}
