//! Hand-made trees of each kind.

use super::*;

fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn kind(dir: &tempfile::TempDir, path: &str) -> Option<Kind> {
    Target::open(&dir.path().join(path)).ok().map(|target| target.kind)
}

#[test]
fn each_kind_is_recognised_in_any_case() {
    let guid = "{31B2F340-016D-11D2-945F-00C04FB984F9}";
    let dir = tree(&[
        ("image/WINDOWS/system32/grouppolicy/MACHINE/registry.pol", b"PReg\x01\0\0\0"),
        ("fresh/Windows/System32/config/SYSTEM", b"regf"),
        ("local/GPT.INI", b"[General]\r\nVersion=1\r\n"),
        ("backup/DomainSysvol/GPO/Machine/registry.pol", b""),
        (&format!("Policies/{guid}/GPT.INI"), b"[General]\r\nVersion=1\r\n"),
        (&format!("copy/{guid}/gpt.ini"), b"[General]\r\ngPCMachineExtensionNames=\r\n"),
        ("other/x", b""),
    ]);
    assert_eq!(kind(&dir, "image"), Some(Kind::Windows));
    assert_eq!(kind(&dir, "image/WINDOWS"), Some(Kind::Windows));
    assert_eq!(kind(&dir, "image/WINDOWS/system32/grouppolicy"), Some(Kind::GpoLocal));
    assert_eq!(kind(&dir, "fresh"), Some(Kind::Windows));
    assert_eq!(kind(&dir, "local"), Some(Kind::GpoLocal));
    assert_eq!(kind(&dir, "backup"), Some(Kind::GpoBackup));
    assert_eq!(kind(&dir, &format!("Policies/{guid}")), Some(Kind::GpoSysvol));
    assert_eq!(kind(&dir, &format!("copy/{guid}")), Some(Kind::GpoLocal));
    assert_eq!(kind(&dir, "other"), None);
    assert!(matches!(Target::open(&dir.path().join("gone")), Err(TargetError::NotFound(_))));
    let target = Target::open(&dir.path().join("image")).unwrap();
    assert_eq!(
        target.file(&Scope::Computer).unwrap().file.path,
        dir.path().join("image/WINDOWS/system32/grouppolicy/MACHINE/registry.pol")
    );
    assert_eq!(
        target.file(&Scope::User).unwrap().file.path,
        dir.path().join("image/WINDOWS/system32/grouppolicy/User/Registry.pol")
    );
}

#[test]
fn a_folder_of_gpos_is_searched_and_a_single_one_stands_for_it() {
    let dir = tree(&[
        ("sysvol/corp.test/Policies/{31B2F340-016D-11D2-945F-00C04FB984F9}/GPT.INI", b"[General]\r\nVersion=1\r\n"),
        ("sysvol/corp.test/Policies/{6AC1786C-016F-11D2-945F-00C04FB984F9}/GPT.INI", b"[General]\r\nVersion=1\r\n"),
        ("baseline/GPOs/one/DomainSysvol/GPO/Machine/registry.pol", b""),
    ]);
    let Ok(Opened::Several(set)) = open(&dir.path().join("sysvol")) else { panic!("two GPOs") };
    assert_eq!((set.kind, set.gpos.len()), (Kind::Sysvol, 2));
    assert_eq!(set.gpos[0].guid.as_deref(), Some("{31B2F340-016D-11D2-945F-00C04FB984F9}"));
    assert!(matches!(Target::open(&dir.path().join("sysvol")), Err(TargetError::Several { count: 2, .. })));
    assert_eq!(kind(&dir, "baseline"), Some(Kind::GpoBackup));
}

#[test]
fn a_policy_file_takes_its_side_from_its_folder() {
    let dir = tree(&[("MACHINE/x.pol", b"PReg\x01\0\0\0"), ("user/y", b""), ("z", b"")]);
    let side = |path: &str| Target::open(&dir.path().join(path)).unwrap().sides[0].side();
    assert_eq!((side("MACHINE/x.pol"), side("user/y"), side("z")), (Some(Side::Computer), Some(Side::User), None));
}

#[test]
fn disk_images_are_named_and_not_opened() {
    let dir = tree(&[("a", b"QFI\xFB\0\0\0\x03"), ("b", b"MSWIM\0\0\0"), ("c", b"vhdxfile")]);
    for name in ["a", "b", "c"] {
        assert!(matches!(Target::open(&dir.path().join(name)), Err(TargetError::DiskImage { .. })), "{name}");
    }
}
