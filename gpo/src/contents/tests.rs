use std::fs;
use std::path::Path;

use super::*;
use crate::target::{self, Opened};

/// Writes files, each with these bytes.
fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn open(path: &Path) -> Target {
    match target::open(path).unwrap() {
        Opened::One(target) => target,
        Opened::Several(_) => panic!("one"),
    }
}

/// `scope role name size`, and what is special about it.
fn told(file: &GpoFile) -> String {
    let scope = file.scope.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let mark = if file.is_overlooked() { " !" } else { "" };
    let why = file.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{scope} {:?} {} {}{why}{mark}", file.role, file.name, file.size)
}

const INI: &str = "[General]\r\nVersion=1\r\n";

#[test]
fn a_gpo_is_all_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let gpo = dir.path().join("{31B2F340-016D-11D2-945F-00C04FB984F9}");
    write(
        &gpo,
        &[
            ("GPT.INI", INI),
            ("GPO.cmt", "x"),
            ("MACHINE/Registry.pol", "PReg\u{1}\0\0\0"),
            ("MACHINE/Microsoft/Windows NT/SecEdit/GptTmpl.inf", "[System Access]\r\nMinimumPasswordAge=1\r\n"),
            ("MACHINE/Scripts/Startup/empty.bat", ""),
            ("MACHINE/odd.txt", "odd"),
            ("User/Preferences/Drives/Drives.xml", "<Drives/>"),
            (".git/config", "x"),
        ],
    );
    let contents = of(&open(&gpo)).unwrap();
    assert_eq!(contents.guid.as_deref(), Some("{31B2F340-016D-11D2-945F-00C04FB984F9}"));
    assert_eq!(
        contents.files.iter().map(told).collect::<Vec<_>>(),
        [
            "- GpoComment GPO.cmt 1",
            "- GptIni GPT.INI 22",
            "computer SecurityTemplate MACHINE/Microsoft/Windows NT/SecEdit/GptTmpl.inf 39 !",
            "computer Policy MACHINE/Registry.pol 8",
            "computer Scripts MACHINE/Scripts/Startup/empty.bat 0 (empty)",
            "computer Other MACHINE/odd.txt 3 !",
            "user Preferences User/Preferences/Drives/Drives.xml 9 (no item)",
        ]
    );
}

#[test]
fn a_backup_has_files_beside_the_gpo() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("Backup.xml", "x"),
            ("bkupInfo.xml", "x"),
            ("gpreport.xml", "x"),
            ("notes.txt", "x"),
            ("DomainSysvol/GPO/User/Scripts/scripts.ini", "[Logon]\r\n0CmdLine=a\r\n"),
            ("DomainSysvol/elsewhere.txt", "x"),
        ],
    );
    assert_eq!(
        of(&open(dir.path())).unwrap().files.iter().map(told).collect::<Vec<_>>(),
        [
            "user Scripts User/Scripts/scripts.ini 21 !",
            "- Backup Backup.xml 1",
            "- Beside DomainSysvol/elsewhere.txt 1",
            "- Backup bkupInfo.xml 1",
            "- Report gpreport.xml 1",
            "- Beside notes.txt 1",
        ]
    );
}

#[test]
fn an_image_has_the_files_of_all_its_local_gpos() {
    let dir = tempfile::tempdir().unwrap();
    let below = |name: &str| format!("Windows/System32/{name}");
    let user = "GroupPolicyUsers/S-1-5-32-544";
    let files = [
        (below("GroupPolicy/gpt.ini"), INI),
        (below("GroupPolicy/Machine/Scripts/scripts.ini"), "[Startup]\r\n0CmdLine=a\r\n"),
        // A client keeps the GPOs of its domain there; they are others.
        (below("GroupPolicy/DataStore/0/x/GptTmpl.inf"), "x"),
        (below(&format!("{user}/User/Scripts/scripts.ini")), "[Logon]\r\n0CmdLine=a\r\n"),
        (below(&format!("{user}/gpt.ini")), INI),
    ];
    write(dir.path(), &files.each_ref().map(|(name, text)| (&**name, *text)));
    let told: Vec<String> = of(&open(dir.path())).unwrap().files.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "computer Scripts Machine/Scripts/scripts.ini 23 !",
            "- GptIni gpt.ini 22",
            "user:administrators Scripts User/Scripts/scripts.ini 21 !",
            "user:administrators GptIni gpt.ini 22",
        ]
    );
}

#[test]
fn a_policy_file_alone_is_all_there_is() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("Machine/Registry.pol", "PReg\u{1}\0\0\0"), ("Machine/Scripts/scripts.ini", "[Startup]")]);
    assert!(of(&open(&dir.path().join("Machine/Registry.pol"))).unwrap().files.is_empty());
}

/// What is not looked into is told.
#[cfg(unix)]
#[test]
fn links_are_listed_and_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let gpo = dir.path().join("gpo");
    write(&gpo, &[("Machine/x", "")]);
    write(dir.path(), &[("outside/Groups/Groups.xml", "<Groups><User/></Groups>")]);
    std::os::unix::fs::symlink(dir.path().join("outside"), gpo.join("Machine/Preferences")).unwrap();
    std::os::unix::fs::symlink(dir.path(), gpo.join("up")).unwrap();
    assert_eq!(
        listed(&gpo, None).unwrap().iter().map(told).collect::<Vec<_>>(),
        [
            "computer Other Machine/Preferences 0 (a link, which is not followed) !",
            "computer Other Machine/x 0 (empty)",
            "- Other up 0 (a link, which is not followed) !",
        ]
    );
}
