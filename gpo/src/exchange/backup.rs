//! A GPO backup, as GPMC and LGPO.exe lay them out; written so that `Import-GPO` finds what it looks for.
//!
//! | file | what |
//! |---|---|
//! | `manifest.xml` | index of the backups in the folder |
//! | `{id}/bkupInfo.xml` | the entry of the index |
//! | `{id}/Backup.xml` | name, versions, extension lists, and which files belong to which extension |
//! | `{id}/DomainSysvol/GPO/Machine/registry.pol`, `…/User/registry.pol` | the policy files |
//!
//! The layout is that of published backups, field by field; a test compares it with all at hand. Not known from them,
//! and so **unverified**: whether `Import-GPO` and `LGPO.exe /g` take a backup without a `gpreport.xml` (it is derived,
//! and left out here), with a domain that does not exist (`gpol.invalid`), with the plain security descriptor that is
//! written here and no `SecurityGroups`, with a side whose version is 0, and with nothing below `Unknown Extension`.
//!
//! Ids are made of what the backup holds: the same policy gives the same files.

use std::fmt::Write as _;

use admx::{Catalog, Side};

use super::lgpo::Scope;
use super::markup::is_forbidden;
use super::{Loss, Scoped};
use crate::extensions::{ExtensionList, REGISTRY, in_braces, registry_tool};

/// What a backup says beside its policy files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Display name of the GPO.
    pub name: String,
    /// GUID of the GPO in braces, where it is known.
    pub guid: Option<String>,
    /// Time of the backup: seconds since 1970, UTC.
    pub time: u64,
}

/// A backup that was made, and what it does not carry.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Paths below the folder of backups, with `/`, and what each file holds.
    pub files: Vec<(String, Vec<u8>)>,
    /// Records that are not in it.
    pub losses: Vec<Loss>,
}

const UNKNOWN: &str = "{F15C46CD-82A0-4C2D-A210-5D0D3182A418}";
const DOMAIN: &str = "gpol.invalid";

/// Owner, group and audit list absent; domain controllers and authenticated users may read, the system may all.
const SECURITY: &str = "01 00 04 90 00 00 00 00 00 00 00 00 00 00 00 00 14 00 00 00 02 00 44 00 03 00 00 00 \
    00 02 14 00 94 00 02 00 01 01 00 00 00 00 00 05 09 00 00 00 \
    00 02 14 00 94 00 02 00 01 01 00 00 00 00 00 05 0b 00 00 00 \
    00 02 14 00 ff 00 0f 00 01 01 00 00 00 00 00 05 12 00 00 00";

/// One side of the GPO in a backup.
struct Part<'a> {
    side: Side,
    folder: &'static str,
    variable: &'static str,
    file: Option<&'a polfile::PolicyFile>,
}

impl Part<'_> {
    /// The extension list: registry, and what the templates of its policies name.
    fn extensions(&self, catalog: Option<&Catalog>) -> Option<String> {
        let (file, tool) = (self.file?, registry_tool(self.side));
        let mut list = ExtensionList::default();
        list.add(REGISTRY, tool, &[]);
        let reading = catalog.map(|catalog| catalog.read(self.side, file));
        for policy in reading.iter().flat_map(|reading| &reading.policies) {
            for extension in policy.policy.client_extensions() {
                list.add(&in_braces(extension), tool, &[]);
            }
        }
        Some(list.to_string())
    }
}

/// Makes a backup. Policy of other local GPOs has no place in one: all such records are losses. The templates, if any,
/// tell which other client-side extensions the policies need.
pub fn make(scopes: &[Scoped<'_>], label: &Label, catalog: Option<&Catalog>) -> Backup {
    let of = |wanted: Scope| scopes.iter().find(|scoped| scoped.scope == wanted).map(|scoped| scoped.file);
    let parts = [
        Part { side: Side::Computer, folder: "Machine", variable: "%GPO_MACH_FSPATH%", file: of(Scope::Computer) },
        Part { side: Side::User, folder: "User", variable: "%GPO_USER_FSPATH%", file: of(Scope::User) },
    ];
    let content: Vec<u8> =
        parts.iter().flat_map(|part| part.file.map_or(&[][..], |file| file.as_bytes())).copied().collect();
    let id = guid(&[b"backup", label.name.as_bytes(), &label.time.to_le_bytes(), &content].concat());
    let gpo = label.guid.clone().unwrap_or_else(|| guid(&[b"gpo", label.name.as_bytes()].concat()));
    let instance = instance(label, &id, &gpo);
    let head = r#"<?xml version="1.0" encoding="utf-8"?>"#;
    let manifest = format!(
        "<Backups xmlns=\"http://www.microsoft.com/GroupPolicy/GPOOperations/Manifest\" \
         xmlns:mfst=\"http://www.microsoft.com/GroupPolicy/GPOOperations/Manifest\" mfst:version=\"1.0\">\
         <BackupInst>{instance}</BackupInst></Backups>"
    );
    let info = format!(
        "<BackupInst xmlns=\"http://www.microsoft.com/GroupPolicy/GPOOperations/Manifest\">{instance}</BackupInst>"
    );
    let mut files = vec![
        ("manifest.xml".to_owned(), manifest.into_bytes()),
        (format!("{id}/bkupInfo.xml"), info.into_bytes()),
        (format!("{id}/Backup.xml"), format!("{head}{}", scheme(label, &gpo, &parts, catalog)).into_bytes()),
    ];
    for part in &parts {
        if let Some(file) = part.file {
            files.push((format!("{id}/DomainSysvol/GPO/{}/registry.pol", part.folder), file.as_bytes().to_vec()));
        }
    }
    let why = || "a backup holds the computer's and the user's policy only".to_owned();
    let others = scopes.iter().filter(|scoped| matches!(scoped.scope, Scope::UserOf(_)));
    let losses = others
        .flat_map(|Scoped { scope, file }| {
            file.records().enumerate().map(move |(index, record)| Loss::new(scope, index, &record, why(), false))
        })
        .collect();
    Backup { files, losses }
}

fn cdata(name: &str, value: &str) -> String {
    let value: String = value.chars().filter(|&c| !is_forbidden(c)).collect();
    format!("<{name}><![CDATA[{}]]></{name}>", value.replace("]]>", "]]]]><![CDATA[>"))
}

fn instance(label: &Label, id: &str, gpo: &str) -> String {
    [
        cdata("GPOGuid", gpo),
        cdata("GPODomain", DOMAIN),
        cdata("GPODomainGuid", &guid(DOMAIN.as_bytes())),
        cdata("GPODomainController", DOMAIN),
        cdata("BackupTime", &time(label.time)),
        cdata("ID", id),
        cdata("Comment", ""),
        cdata("GPODisplayName", &label.name),
    ]
    .concat()
}

/// `Backup.xml`.
fn scheme(label: &Label, gpo: &str, parts: &[Part<'_>; 2], catalog: Option<&Catalog>) -> String {
    let operations = "http://www.microsoft.com/GroupPolicy/GPOOperations";
    let [computer, user] = parts;
    // The same counter for Active Directory and for the files, in two halves.
    let version = |part: &Part<'_>| if part.file.is_some() { "65537" } else { "0" };
    let extensions = |name: &str, part: &Part<'_>| match part.extensions(catalog) {
        Some(list) => cdata(name, &list),
        None => format!("<{name}/>"),
    };
    let mut files = String::new();
    for part in parts.iter().filter(|part| part.file.is_some()) {
        let (variable, folder) = (part.variable, part.folder);
        let source = format!(r"\\{DOMAIN}\sysvol\{DOMAIN}\Policies\{gpo}\{folder}\registry.pol");
        let _ = write!(
            files,
            "<FSObjectFile bkp:Path=\"{variable}\\registry.pol\" bkp:SourceExpandedPath=\"{source}\" \
             bkp:Location=\"DomainSysvol\\GPO\\{folder}\\registry.pol\"/>\r\n"
        );
    }
    // All published backups name the templates of old editors, which there are none of.
    let _ = write!(
        files,
        "<FSObjectFile bkp:Path=\"%GPO_FSPATH%\\Adm\\*.*\" \
         bkp:SourceExpandedPath=\"\\\\{DOMAIN}\\sysvol\\{DOMAIN}\\Policies\\{gpo}\\Adm\\*.*\"/>\r\n"
    );
    [
        &format!(
            "<GroupPolicyBackupScheme bkp:version=\"2.0\" bkp:type=\"GroupPolicyBackupTemplate\" \
             xmlns:bkp=\"{operations}\" xmlns=\"{operations}\">\r\n\
             <GroupPolicyObject><SecurityGroups/><FilePaths/><GroupPolicyCoreSettings>"
        ),
        &cdata("ID", gpo),
        &cdata("Domain", DOMAIN),
        &format!("<SecurityDescriptor>{SECURITY}</SecurityDescriptor>"),
        &cdata("DisplayName", &label.name),
        &cdata("Options", "0"),
        &cdata("UserVersionNumber", version(user)),
        &cdata("MachineVersionNumber", version(computer)),
        &extensions("MachineExtensionGuids", computer),
        &extensions("UserExtensionGuids", user),
        "<WMIFilter/></GroupPolicyCoreSettings>\r\n",
        &format!("<GroupPolicyExtension bkp:ID=\"{REGISTRY}\" bkp:DescName=\"Registry\">\r\n{files}</GroupPolicyExtension>\r\n"),
        &format!("<GroupPolicyExtension bkp:ID=\"{UNKNOWN}\" bkp:DescName=\"Unknown Extension\"/>"),
        "</GroupPolicyObject>\r\n</GroupPolicyBackupScheme>\r\n",
    ]
    .map(str::to_owned)
    .concat()
}

/// A GUID made of bytes: version 8 of RFC 9562, by the 128-bit FNV-1a hash.
fn guid(bytes: &[u8]) -> String {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
    let hash = bytes.iter().fold(0x6C62_272E_07BB_0142_62B8_2175_6295_C58D_u128, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    });
    let hash = hash & !(0xF << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    let hex = format!("{hash:032X}");
    format!("{{{}-{}-{}-{}-{}}}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// `YYYY-MM-DDThh:mm:ss`, by the days of the Gregorian calendar.
fn time(seconds: u64) -> String {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use polfile::{PolicyFile, Record, Value};

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_767_225_599, "2025-12-31T23:59:59"),
            (1_709_210_096, "2024-02-29T12:34:56"),
        ] {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn a_backup_holds_its_files_and_says_so() {
        let mut file = PolicyFile::new();
        file.put(&Record::set("Software\\X", "A", &Value::Dword(1)).unwrap());
        let label = Label { name: "A & B ]]> C".to_owned(), guid: None, time: 0 };
        let scoped = |scope| Scoped { scope, file: &file };
        let made = make(&[scoped(Scope::User), scoped(Scope::UserOf("Administrators".into()))], &label, None);
        assert_eq!(made.losses.len(), 1);
        let id = made.files[1].0.split('/').next().unwrap().to_owned();
        let names: Vec<&str> = made.files.iter().map(|(name, _)| name.rsplit("}/").next().unwrap()).collect();
        assert_eq!(names, ["manifest.xml", "bkupInfo.xml", "Backup.xml", "DomainSysvol/GPO/User/registry.pol"]);
        let text = |i: usize| String::from_utf8(made.files[i].1.clone()).unwrap();
        for i in 0..3 {
            let text = text(i);
            let document = roxmltree::Document::parse(&text).unwrap();
            let field = |name: &str| {
                let node = document.descendants().find(|node| node.tag_name().name() == name)?;
                Some(node.children().filter_map(|n| n.text()).collect::<String>())
            };
            let name = field("GPODisplayName").or_else(|| field("DisplayName")).unwrap();
            assert_eq!(name, label.name);
            if i < 2 {
                assert_eq!(
                    (field("ID"), field("BackupTime")),
                    (Some(id.clone()), Some("1970-01-01T00:00:00".to_owned()))
                );
            } else {
                assert_eq!(
                    (field("UserVersionNumber"), field("MachineVersionNumber")),
                    (Some("65537".into()), Some("0".into()))
                );
                assert_eq!(field("MachineExtensionGuids").as_deref(), Some(""));
                assert_eq!(
                    field("UserExtensionGuids").as_deref(),
                    Some("[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{D02B1F73-3407-48AE-BA88-E8213C6761F1}]")
                );
            }
        }
        assert_eq!(made.files[3].1, file.as_bytes());
        // 8 bytes of the header, 60 of the list.
        assert_eq!(SECURITY.split_whitespace().count(), 20 + 8 + 60);
        assert_eq!(
            make(&[scoped(Scope::User)], &label, None).files[1].0,
            made.files[1].0,
            "the same policy, the same id"
        );
    }
}
