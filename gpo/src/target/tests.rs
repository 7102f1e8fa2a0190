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

const GUID: &str = "{31B2F340-016D-11D2-945F-00C04FB984F9}";
const INI: &[u8] = b"[General]\r\nVersion=1\r\n";

/// What a path is, targets and all others.
fn is(dir: &tempfile::TempDir, path: &str) -> Kind {
    match open(&dir.path().join(path)) {
        Ok(Opened::One(target)) => target.kind,
        Ok(Opened::Several(set)) => set.kind,
        Err(TargetError::Other { kind, .. }) => kind,
        Err(TargetError::DiskImage { .. }) => Kind::DiskImage,
        Err(error) => panic!("{path}: {error:?}"),
    }
}

fn misplaced(dir: &tempfile::TempDir, path: &str) -> Misplaced {
    match open(&dir.path().join(path)) {
        Err(TargetError::Misplaced { is, .. }) => is,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn local_gpos_of_groups_and_users_are_recognised_by_their_sid() {
    let dir = tree(&[
        ("win/System32/GROUPPOLICYUSERS/s-1-5-32-544/GPT.INI", INI),
        ("win/System32/GROUPPOLICYUSERS/S-1-5-21-1-2-3-1001/USER/registry.pol", b"PReg\x01\0\0\0"),
        ("copy/S-1-5-32-545/User/comment.cmtx", b""),
    ]);
    assert_eq!(is(&dir, "win"), Kind::Windows, "by its GroupPolicyUsers alone");
    assert_eq!(is(&dir, "win/System32/GROUPPOLICYUSERS"), Kind::GpoUsers);
    assert_eq!(is(&dir, "win/System32/GROUPPOLICYUSERS/s-1-5-32-544"), Kind::GpoUser);
    assert_eq!(is(&dir, "copy/S-1-5-32-545"), Kind::GpoUser);
    let target = Target::open(&dir.path().join("win")).unwrap();
    let scopes: Vec<String> = target.sides.iter().map(|side| side.scope.as_ref().unwrap().to_string()).collect();
    assert_eq!(scopes, ["computer", "user", "user:administrators", "user:S-1-5-21-1-2-3-1001"]);
    let others = target.file(&Scope::NonAdministrators).unwrap();
    let expected = dir.path().join("win/System32/GROUPPOLICYUSERS/S-1-5-32-545/User/Registry.pol");
    assert_eq!(others.file.path, expected, "beside those that are there");
}

#[test]
fn a_clients_cache_is_told_from_sysvol_by_where_it_lies() {
    let cached = format!("Windows/System32/GroupPolicy/DataStore/0/sysvol/corp.test/Policies/{GUID}");
    let other = cached.replace("31B2F340", "6AC1786C");
    let dir = tree(&[(&format!("{cached}/gpt.ini"), INI), (&format!("{other}/gpt.ini"), INI)]);
    assert_eq!(is(&dir, &cached), Kind::GpoCached);
    assert!(Target::open(&dir.path().join(&cached)).unwrap().is_cached());
    let Ok(Opened::Several(set)) = open(&dir.path().join("Windows/System32/GroupPolicy/DataStore")) else {
        panic!("two cached GPOs")
    };
    assert!(set.gpos.len() == 2 && set.gpos.iter().all(|gpo| gpo.kind == Kind::GpoCached));
    assert_eq!(is(&dir, ""), Kind::Windows, "the cache is no GPO of the machine");
}

#[test]
fn sysvol_is_found_from_each_of_its_folders() {
    let (one, two) = (
        format!("corp.test/Policies/{GUID}/GPT.INI"),
        "corp.test/Policies/{6AC1786C-016F-11D2-945F-00C04FB984F9}/Gpt.ini",
    );
    let dir = tree(&[
        (&format!("SYSVOL/sysvol/{one}"), INI),
        (&format!("SYSVOL/sysvol/{two}"), INI),
        ("SYSVOL/sysvol/corp.test/Policies/PolicyDefinitions/a.admx", b""),
        ("SYSVOL/sysvol/corp.test/scripts/logon.bat", b""),
    ]);
    for folder in ["SYSVOL", "SYSVOL/sysvol", "SYSVOL/sysvol/corp.test", "SYSVOL/sysvol/corp.test/Policies"] {
        let Ok(Opened::Several(set)) = open(&dir.path().join(folder)) else { panic!("{folder}") };
        assert_eq!((set.kind, set.gpos.len()), (Kind::Sysvol, 2), "{folder}");
        assert!(
            set.gpos.iter().all(|gpo| gpo.store.as_ref().is_some_and(|store| store.ends_with("PolicyDefinitions")))
        );
    }
}

#[test]
fn gpos_are_found_however_deep_they_lie() {
    let deep = "a/b/c/d/e/f/g/h";
    let dir = tree(&[
        (&format!("{deep}/{{A}}/bkupInfo.xml"), b""),
        (&format!("{deep}/{{B}}/DomainSysvol/GPO/x"), b""),
        (&format!("Policies/{GUID}/GPT.INI"), INI),
    ]);
    let Ok(Opened::Several(set)) = open(dir.path()) else { panic!("three GPOs") };
    assert_eq!(set.gpos.len(), 3);
}

#[cfg(unix)]
#[test]
fn the_link_of_a_domain_controllers_sysvol_is_not_followed_out_of_the_target() {
    let dir = tree(&[(&format!("SYSVOL/domain/Policies/{GUID}/GPT.INI"), INI)]);
    fs::create_dir(dir.path().join("SYSVOL/sysvol")).unwrap();
    std::os::unix::fs::symlink("../domain", dir.path().join("SYSVOL/sysvol/corp.test")).unwrap();
    for folder in ["SYSVOL", "SYSVOL/sysvol/corp.test"] {
        let target = Target::open(&dir.path().join(folder)).unwrap();
        assert_eq!(target.guid.as_deref(), Some(GUID), "{folder}: one GPO, not two");
    }
    let out = Target::open(&dir.path().join("SYSVOL/sysvol")).unwrap_err();
    assert!(matches!(&out, TargetError::LeadsOut { path, .. } if path.ends_with("corp.test")), "{out}");
}

#[test]
fn a_baselines_templates_serve_the_set_and_each_backup_in_it() {
    let dir = tree(&[
        ("Baseline/GPOs/{A}/DomainSysvol/GPO/Machine/registry.pol", b""),
        ("Baseline/GPOs/{B}/BKUPINFO.XML", b"<BackupInst/>"),
        ("Baseline/GPOs/manifest.xml", b""),
        ("Baseline/Templates/SecGuide.admx", b""),
        ("bare/{A}/domainsysvol/gpo/x", b""),
        ("bare/Templates/readme.txt", b""),
    ]);
    for folder in ["Baseline", "Baseline/GPOs"] {
        let Ok(Opened::Several(set)) = open(&dir.path().join(folder)) else { panic!("{folder}") };
        assert_eq!((set.kind, set.gpos.len()), (Kind::BackupSet, 2), "{folder}");
        assert!(set.gpos.iter().all(|gpo| gpo.kind == Kind::GpoBackup && gpo.store.is_some()));
    }
    let one = Target::open(&dir.path().join("Baseline/GPOs/{A}")).unwrap();
    assert!(one.store.unwrap().ends_with("Baseline/Templates") && one.sides.iter().all(|side| side.gpt_ini.is_none()));
    assert_eq!(Target::open(&dir.path().join("bare/{A}")).unwrap().store, None, "a folder without *.admx is no store");
}

#[test]
fn other_kinds_are_named_and_not_taken_for_policy() {
    let log: Vec<u8> = [b"regf".as_slice(), &[0; 24], &[6, 0, 0, 0]].concat();
    let dir = tree(&[
        ("store/A.ADMX", b"<policyDefinitions/>"),
        ("hives/SOFTWARE", b"regf"),
        ("hives/SOFTWARE.LOG1", &log),
        ("texts/lgpo.txt", b"Computer\nK\nA\nDELETE\n"),
        (
            "texts/x.reg",
            b"\xFF\xFEW\0i\0n\0d\0o\0w\0s\0 \0R\0e\0g\0i\0s\0t\0r\0y\0 \0E\0d\0i\0t\0o\0r\0 \0V\0e\0r\0s\0i\0o\0n\0",
        ),
        ("x.pol", b"PReg\x01\0\0\0"),
    ]);
    for (path, kind) in [
        ("store", Kind::Admx),
        ("store/A.ADMX", Kind::AdmxFile),
        ("hives/SOFTWARE", Kind::Hive),
        ("hives/SOFTWARE.LOG1", Kind::HiveLog),
        ("texts/lgpo.txt", Kind::Lgpo),
        ("texts/x.reg", Kind::Reg),
        ("x.pol", Kind::Pol),
    ] {
        assert_eq!(is(&dir, path), kind, "{path}");
    }
}

#[test]
fn disk_images_are_told_by_signatures_wherever_those_stand() {
    let sector = |at: usize, bytes: &[u8], size: usize| {
        let mut file = vec![0; size];
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let mbr = || sector(510, &[0x55, 0xAA], 4096);
    let with = |mut file: Vec<u8>, at: usize, bytes: &[u8]| {
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let wim = |version: u32| [b"MSWIM\0\0\0\xD0\0\0\0".as_slice(), &version.to_le_bytes()].concat();
    let table: Vec<(&str, Vec<u8>, ImageFormat)> = vec![
        ("qcow2", b"QFI\xFB\0\0\0\x03".to_vec(), ImageFormat::Qcow2),
        ("wim", wim(0x10D00), ImageFormat::Wim),
        ("esd", wim(0xE00), ImageFormat::Esd),
        ("vhdx", b"vhdxfile".to_vec(), ImageFormat::Vhdx),
        ("vhd that grows", b"conectix".to_vec(), ImageFormat::Vhd),
        ("vhd of fixed size", with(mbr(), 4096 - 512, b"conectix"), ImageFormat::Vhd),
        ("vmdk", b"KDMV\x01\0\0\0".to_vec(), ImageFormat::Vmdk),
        ("vmdk in parts", b"# Disk DescriptorFile\nversion=1\n".to_vec(), ImageFormat::Vmdk),
        ("vdi", sector(0x40, &[0x7F, 0x10, 0xDA, 0xBE], 512), ImageFormat::Vdi),
        ("iso", sector(0x8001, b"CD001", 0x8800), ImageFormat::Iso),
        ("mbr", mbr(), ImageFormat::RawDisk),
        ("gpt", with(mbr(), 512, b"EFI PART"), ImageFormat::RawDisk),
        ("ntfs", with(mbr(), 3, b"NTFS    "), ImageFormat::NtfsVolume),
        ("bitlocker", with(mbr(), 3, b"-FVE-FS-"), ImageFormat::BitLocker),
    ];
    for (name, bytes, format) in table {
        let dir = tree(&[("image", &bytes)]);
        let Err(TargetError::DiskImage { format: found, .. }) = open(&dir.path().join("image")) else {
            panic!("{name}")
        };
        assert_eq!(found, format, "{name}");
    }
    let policy = [b"PReg\x01\0\0\0".as_slice(), &[0; 502], &[0x55, 0xAA]].concat();
    assert_eq!(is(&tree(&[("x", &policy)]), "x"), Kind::Pol, "a policy file may have any bytes behind its signature");
}

#[test]
fn folders_that_are_not_meant_lead_to_those_that_are() {
    let dir = tree(&[
        ("mnt/gold/Windows/System32/config/SYSTEM", b"regf"),
        ("mnt/gold/Windows/System32/GroupPolicy/Machine/Registry.pol", b"PReg\x01\0\0\0"),
        ("efi/EFI/Microsoft/Boot/bootmgfw.efi", b"MZ"),
        ("old/BOOT/bcd", b"regf"),
        ("recovery/Recovery/WindowsRE/Winre.wim", b"MSWIM\0\0\0"),
        ("linux/etc/fstab", b""),
        ("linux/usr/bin/x", b""),
        ("dc/etc/os-release", b""),
        ("dc/usr/bin/x", b""),
        ("dc/var/lib/samba/sysvol/x", b""),
        ("images/gold.qcow2", b"QFI\xFB"),
        ("store/a.admx", b""),
        ("store/en-US/a.adml", b""),
        ("home/user/letter.txt", b"Dear user"),
    ]);
    fs::create_dir(dir.path().join("nothing")).unwrap();
    let at = |path: &str| dir.path().join(path);
    let table = [
        ("nothing", Misplaced::Empty),
        ("mnt", Misplaced::TooHigh(at("mnt/gold"))),
        ("mnt/gold/Windows/System32", Misplaced::TooDeep(at("mnt/gold"))),
        ("mnt/gold/Windows/System32/config", Misplaced::TooDeep(at("mnt/gold"))),
        (
            "mnt/gold/Windows/System32/GroupPolicy/Machine",
            Misplaced::TooDeep(at("mnt/gold/Windows/System32/GroupPolicy")),
        ),
        ("efi", Misplaced::BootPartition),
        ("old", Misplaced::BootPartition),
        ("recovery", Misplaced::RecoveryPartition),
        ("linux", Misplaced::LinuxRoot(None)),
        ("dc", Misplaced::LinuxRoot(Some(at("dc/var/lib/samba/sysvol")))),
        ("images", Misplaced::HoldsImage(at("images/gold.qcow2"), ImageFormat::Qcow2)),
        ("store/en-US", Misplaced::TooDeep(at("store"))),
        ("home", Misplaced::Unknown),
    ];
    for (path, expected) in table {
        assert_eq!(misplaced(&dir, path), expected, "{path}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "Windows' file systems do not tell cases apart")]
fn entries_that_differ_only_by_case_are_found_everywhere() {
    for (twin, of) in [
        ("windows/System32/GroupPolicy/x", "windows"),
        ("Windows/system32/GroupPolicy/x", "Windows/system32"),
        ("Windows/System32/grouppolicy/x", "Windows/System32/grouppolicy"),
        ("Windows/System32/GroupPolicy/MACHINE/x", "Windows/System32/GroupPolicy/MACHINE"),
        ("Windows/System32/GroupPolicy/USER/x", "Windows/System32/GroupPolicy/USER"),
        ("Windows/System32/GroupPolicy/Machine/REGISTRY.POL", "Windows/System32/GroupPolicy/Machine/REGISTRY.POL"),
        ("Windows/System32/GroupPolicy/Machine/Comment.cmtx", "Windows/System32/GroupPolicy/Machine/Comment.cmtx"),
        ("Windows/System32/GroupPolicy/GPT.INI", "Windows/System32/GroupPolicy/GPT.INI"),
        ("Windows/System32/GroupPolicyUsers/s-1-5-32-544/x", "Windows/System32/GroupPolicyUsers/s-1-5-32-544"),
        ("Windows/policydefinitions/x.admx", "Windows/policydefinitions"),
    ] {
        let dir = tree(&[
            ("Windows/System32/GroupPolicy/gpt.ini", INI),
            ("Windows/System32/GroupPolicy/Machine/Registry.pol", b""),
            ("Windows/System32/GroupPolicy/Machine/comment.cmtx", b""),
            ("Windows/System32/GroupPolicy/User/Registry.pol", b""),
            ("Windows/System32/GroupPolicyUsers/S-1-5-32-544/User/Registry.pol", b""),
            ("Windows/PolicyDefinitions/x.admx", b""),
            (twin, b""),
        ]);
        let target = Target::open(dir.path()).unwrap();
        let found: Vec<&Path> = target.findings.iter().map(|finding| &*finding.path).collect();
        assert_eq!(found, [dir.path().join(of)], "{twin}");
        assert_eq!(target.findings[0].code, "GPT012");
        let spelled = target.file(&Scope::Computer).unwrap().file.path;
        assert_eq!(spelled, dir.path().join("Windows/System32/GroupPolicy/Machine/Registry.pol"), "{twin}");
    }
    let dir = tree(&[("b/DomainSysvol/GPO/Machine/x", b""), ("b/DomainSysvol/gpo/Machine/x", b"")]);
    assert_eq!(Target::open(&dir.path().join("b")).unwrap().findings[0].path, dir.path().join("b/DomainSysvol/gpo"));
    let dir = tree(&[
        ("Machine/Registry.pol", b"PReg\x01\0\0\0"),
        ("Machine/registry.pol", b""),
        ("x.pol", b""),
        ("X.pol", b""),
    ]);
    let backup = tree(&[("b/DomainSysvol/GPO/Machine/x", b""), ("b/bkupInfo.xml", b""), ("b/Bkupinfo.xml", b"")]);
    let twin = &Target::open(&backup.path().join("b")).unwrap().findings[0].path;
    assert_eq!(*twin, backup.path().join("b/Bkupinfo.xml"));
    let lower = GUID.to_lowercase();
    let sysvol = tree(&[(&format!("{GUID}/gpt.ini"), INI), (&format!("{lower}/gpt.ini"), INI)]);
    let twin = &Target::open(&sysvol.path().join(GUID)).unwrap().findings[0].path;
    assert_eq!(*twin, sysvol.path().join(lower));
    let findings = |path: &str| Target::open(&dir.path().join(path)).unwrap().findings.len();
    assert_eq!((findings("Machine/Registry.pol"), findings("x.pol")), (1, 0), "only where Windows would look for one");
}

#[test]
fn an_installation_is_found_by_its_folders_where_system32_has_another_name() {
    let dir = tree(&[
        ("Windows/Sysnative/GroupPolicy/gpt.ini", INI),
        ("Windows/Sysnative/GroupPolicyUsers/S-1-5-32-544/gpt.ini", INI),
        ("Windows/PolicyDefinitions/a.admx", b""),
    ]);
    let windows = dir.path().join("Windows");
    let system32 = folder::here(&windows.join("Sysnative"));
    let target = folder::installation(&windows, &system32, &windows, &mut Trail::default()).unwrap();
    assert_eq!((target.kind, target.sides.len(), target.store.is_some()), (Kind::Windows, 3, true));
    assert_eq!(target.gpt_ini().unwrap().path, windows.join("Sysnative/GroupPolicy/gpt.ini"));
}

#[test]
fn the_running_windows_is_a_target_on_windows_alone() {
    if !cfg!(windows) {
        assert!(matches!(open(Path::new(LOCAL)), Err(TargetError::NotWindows)));
    }
}
