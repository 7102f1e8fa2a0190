use super::*;

const LIST: &str = "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]";
const MACHINE_POL: &str = r"DomainSysvol\GPO\Machine\registry.pol";
const USER_POL: &str = r"DomainSysvol\GPO\User\registry.pol";

/// A backup's description in the shape of GPMC's, with these files of the registry extension.
fn xml(registry: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><!-- made by hand --><GroupPolicyBackupScheme bkp:version=\"2.0\" \
         xmlns:bkp=\"{NAMESPACE}\" xmlns=\"{NAMESPACE}\">\r\n    <GroupPolicyObject><GroupPolicyCoreSettings>\
         <DisplayName><![CDATA[R&D <1>]]></DisplayName>\
         <UserVersionNumber><![CDATA[0]]></UserVersionNumber>\
         <MachineVersionNumber><![CDATA[327685]]></MachineVersionNumber>\
         <MachineExtensionGuids><![CDATA[{LIST}]]></MachineExtensionGuids><UserExtensionGuids/>\
         </GroupPolicyCoreSettings>\r\n        \
         <GroupPolicyExtension bkp:ID=\"{REGISTRY}\" bkp:DescName=\"Registry\">\r\n            {registry}\
         <FSObjectFile bkp:Path=\"%GPO_FSPATH%\\Adm\\*.*\" bkp:SourceExpandedPath=\"\\\\dc1\\sysvol\\example.test\\Policies\\{{X}}\\Adm\\*.*\"/>\r\n        \
         </GroupPolicyExtension>\r\n    <GroupPolicyExtension bkp:ID=\"{UNKNOWN_EXTENSION}\" bkp:DescName=\"Unknown Extension\">\
         <FSObjectFile bkp:Path=\"%GPO_FSPATH%\\GPO.cmt\" bkp:Location=\"DomainSysvol\\GPO\\GPO.cmt\"/></GroupPolicyExtension>\
         </GroupPolicyObject>\r\n</GroupPolicyBackupScheme>\r\n"
    )
}

fn row(variable: &str, folder: &str, name: &str) -> String {
    format!(
        r#"<FSObjectFile bkp:Path="%GPO_{variable}_FSPATH%\{name}" bkp:SourceExpandedPath="\\dc1\sysvol\example.test\Policies\{{X}}\{folder}\{name}" bkp:Location="DomainSysvol\GPO\{folder}\{name}"/>"#
    )
}

#[test]
fn version_and_list_are_read_and_only_their_text_changes() {
    let before = xml("");
    let mut backup = BackupXml::parse(before.as_bytes()).unwrap();
    // 327685 is 0x00050005.
    let version = backup.version(Side::Computer).unwrap();
    assert_eq!(version, SideVersion { directory: 5, sysvol: 5 });
    assert_eq!(backup.extensions(Side::Computer).unwrap(), LIST);
    assert_eq!(backup.extensions(Side::User).unwrap(), "");
    backup.set_version(Side::Computer, version.bumped()).unwrap();
    backup.set_extensions(Side::User, "[x]").unwrap();
    let after = before
        .replace("327685", "393222")
        .replace("<UserExtensionGuids/>", "<UserExtensionGuids><![CDATA[[x]]]></UserExtensionGuids>");
    assert_eq!(String::from_utf8(backup.to_bytes()).unwrap(), after);
    // An empty list is an empty element again.
    backup.set_version(Side::Computer, version).unwrap();
    backup.set_extensions(Side::User, "").unwrap();
    assert_eq!(String::from_utf8(backup.to_bytes()).unwrap(), before);
}

#[test]
fn counters_are_in_step_after_a_change_and_never_zero() {
    for (before, after) in [((0, 0), 1), ((5, 5), 6), ((3, 7), 8), ((65535, 2), 1)] {
        let version = SideVersion { directory: before.0, sysvol: before.1 }.bumped();
        assert_eq!((version.directory, version.sysvol), (after, after));
        assert_eq!(version.number(), u32::from(after) * 0x0001_0001);
    }
}

#[test]
fn a_new_policy_file_is_listed_where_gpmc_lists_it() {
    let (machine, user) = (row("MACH", "Machine", "registry.pol"), row("USER", "User", "registry.pol"));
    let indent = "\r\n            ";
    let mut backup = BackupXml::parse(xml("").as_bytes()).unwrap();
    assert!(backup.list(Side::User, ListedFile::Policy, USER_POL).unwrap());
    assert_eq!(String::from_utf8(backup.to_bytes()).unwrap(), xml(&format!("{user}{indent}")));
    assert!(backup.list(Side::Computer, ListedFile::Policy, MACHINE_POL).unwrap());
    let both = xml(&format!("{machine}{indent}{user}{indent}"));
    assert_eq!(String::from_utf8(backup.to_bytes()).unwrap(), both);
    // It is listed, in whatever case.
    assert!(!backup.list(Side::User, ListedFile::Policy, &USER_POL.to_uppercase()).unwrap());
    assert_eq!(String::from_utf8(backup.to_bytes()).unwrap(), both);
}

#[test]
fn comments_are_listed_under_no_extension() {
    let mut backup = BackupXml::parse(xml("").as_bytes()).unwrap();
    backup.list(Side::Computer, ListedFile::Comments, r"DomainSysvol\GPO\Machine\comment.cmtx").unwrap();
    let head = "bkp:DescName=\"Unknown Extension\">";
    let expected = xml("").replace(head, &format!("{head}{}", row("MACH", "Machine", "comment.cmtx")));
    assert_eq!(String::from_utf8(backup.to_bytes()).unwrap(), expected);
}

#[test]
fn byte_order_mark_and_utf_16_stay() {
    let text = xml("");
    let utf16: Vec<u8> = format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [[b"\xEF\xBB\xBF", text.as_bytes()].concat(), utf16] {
        let mut backup = BackupXml::parse(&bytes).unwrap();
        assert_eq!(backup.to_bytes(), bytes);
        let version = backup.version(Side::Computer).unwrap();
        backup.set_version(Side::Computer, version.bumped()).unwrap();
        let changed = backup.to_bytes();
        assert_eq!(changed.len(), bytes.len());
        assert_eq!(changed.iter().zip(&bytes).filter(|(a, b)| a != b).count(), 5, "327685 -> 393222");
    }
}

#[test]
fn another_shape_is_refused() {
    let text = xml("");
    let adm = text.find("<FSObjectFile").unwrap()..text.find("/>\r\n        </GroupPolicyExtension>").unwrap() + 2;
    let without_adm = [&text[..adm.start], &text[adm.end..]].concat();
    let refused = |text: &str| {
        let mut backup = match BackupXml::parse(text.as_bytes()) {
            Ok(backup) => backup,
            Err(error) => return error.to_string(),
        };
        let steps = [
            backup.version(Side::Computer).map(|_| ()),
            backup.set_extensions(Side::Computer, "[y]"),
            backup.list(Side::Computer, ListedFile::Policy, MACHINE_POL).map(|_| ()),
        ];
        steps.into_iter().find_map(Result::err).expect("an error").to_string()
    };
    for (text, what) in [
        ("<a>".to_owned(), "line 1, column 1: "),
        ("<a/>".to_owned(), "it is not the description of a GPO backup"),
        (text.replace("327685", "many"), "MachineVersionNumber: \"many\" is no 32-bit number"),
        (text.replace("<![CDATA[327685]]>", "<b>1</b>"), "MachineVersionNumber: \"\" is no"),
        (text.replace(&format!("<![CDATA[{LIST}]]>"), "<!-- x -->y"), "MachineExtensionGuids is not written as GPMC"),
        (
            text.replace("<MachineExtensionGuids>", "<MachineExtensionGuids a='>'>"),
            "MachineExtensionGuids is not written as GPMC",
        ),
        (
            text.replace("MachineExtensionGuids>", "bkp:MachineExtensionGuids>"),
            "MachineExtensionGuids is not written as GPMC",
        ),
        (text.replace("MachineExtensionGuids", "Other"), "it has no MachineExtensionGuids"),
        (
            text.replace("<UserExtensionGuids/>", "<MachineExtensionGuids/>"),
            "it has MachineExtensionGuids more than once",
        ),
        (text.replace(REGISTRY, "{X}"), "it has no GroupPolicyExtension {35378EAC"),
        (without_adm, "its Registry extension does not list files as GPMC does"),
    ] {
        let error = refused(&text);
        assert!(error.starts_with(what), "{error}");
    }
}

mod properties {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, rng_seed: RngSeed::Fixed(0x504F_4C46), failure_persistence: None, ..ProptestConfig::default() })]

        /// Wherever a file is cut or changed: it is refused, or the change is what is read back.
        #[test]
        fn a_damaged_file_is_refused_or_edited_as_meant(at in 0_usize..2000, with in "[ -~\r\n]{0,3}", cut in any::<bool>()) {
            let mut text = xml("");
            let at = at.min(text.len() - 1);
            match cut {
                true => text.truncate(at),
                false => text.insert_str(at, &with),
            }
            if let Ok(mut backup) = BackupXml::parse(text.as_bytes()) {
                prop_assert_eq!(backup.to_bytes(), text.as_bytes());
                if backup.set_extensions(Side::Computer, "[z]").is_ok() {
                    prop_assert_eq!(backup.extensions(Side::Computer).unwrap(), "[z]");
                }
                if backup.list(Side::User, ListedFile::Policy, USER_POL).is_ok() {
                    prop_assert!(BackupXml::parse(&backup.to_bytes()).is_ok());
                }
            }
        }
    }
}
