//! Recognising what a command is pointed at, by content rather than by name.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use admx::Side;
use serde::Serialize;

use crate::backup::BackupInfo;
use crate::gpt_ini::GptIni;
use crate::place::{Found, find, find_or_name};

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A policy file.
    Pol,
    /// A local GPO: `System32\GroupPolicy`, or a copy of it.
    GpoLocal,
    /// The folder of a domain GPO in SYSVOL.
    GpoSysvol,
    /// A GPO backup, as GPMC and LGPO.exe make them.
    GpoBackup,
    /// A Windows installation: the root of its volume, or its `Windows` folder.
    Windows,
    /// A folder with domain GPOs in it.
    Sysvol,
    /// A folder with GPO backups in it.
    BackupSet,
}

impl Kind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pol => "policy file",
            Self::GpoLocal => "local GPO",
            Self::GpoSysvol => "domain GPO (SYSVOL)",
            Self::GpoBackup => "GPO backup",
            Self::Windows => "Windows installation",
            Self::Sysvol => "folder of domain GPOs (SYSVOL)",
            Self::BackupSet => "folder of GPO backups",
        }
    }
}

/// A recognised target.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// As it was given.
    pub path: PathBuf,
    /// GUID of a domain GPO: from its folder's name, or from a backup.
    pub guid: Option<String>,
    /// Display name of a domain GPO, which only a backup holds.
    pub name: Option<String>,
    /// Where each side's policy file is, or would be.
    pub sides: Vec<SideFile>,
    /// Where `gpt.ini` is or would be; a bare policy file and a backup have none.
    pub gpt_ini: Option<Found>,
    /// The templates that belong to the target.
    pub store: Option<PathBuf>,
}

/// What a path leads to.
#[derive(Clone, Debug)]
pub enum Opened {
    /// One target.
    One(Target),
    /// A folder that holds several GPOs.
    Several(TargetSet),
}

/// A folder that holds several GPOs.
#[derive(Clone, Debug)]
pub struct TargetSet {
    /// What it is.
    pub kind: Kind,
    /// As it was given.
    pub path: PathBuf,
    /// The GPOs, by their paths.
    pub gpos: Vec<Target>,
}

/// The policy file of one side.
#[derive(Clone, Debug)]
pub struct SideFile {
    /// Which side; `None` for a bare policy file whose folder does not tell.
    pub side: Option<Side>,
    /// The file, whether it is there or not, and entries that differ from it only by case.
    pub file: Found,
    /// Where administrators' comments are or would be; a bare policy file has none.
    pub comments: Option<Found>,
}

/// Why a target is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Nothing is there.
    #[error("{} does not exist", .0.display())]
    NotFound(PathBuf),
    /// An image of a disk; gpol works on what is mounted.
    #[error("{} is a {format}; gpol works on mounted file systems", path.display())]
    DiskImage {
        /// The file.
        path: PathBuf,
        /// What kind of image.
        format: &'static str,
    },
    /// A folder of several GPOs, where one is asked for.
    #[error("{} holds {count} GPOs", path.display())]
    Several {
        /// The folder.
        path: PathBuf,
        /// How many.
        count: usize,
        /// One of them.
        one: PathBuf,
    },
    /// A folder that holds no policy.
    #[error("{} is no folder that gpol knows: no Windows installation, no local GPO, no domain GPO, no GPO backup", .0.display())]
    Unknown(PathBuf),
    /// The system refused to read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Looks at a path: at one target, or at a folder that holds several.
///
/// # Errors
///
/// [`TargetError`] if it is missing, unreadable, a disk image, or a folder without policy. A file is
/// always taken for a policy file: reading it says what it is if it is none.
pub fn open(path: &Path) -> Result<Opened, TargetError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => TargetError::NotFound(path.to_path_buf()),
        _ => TargetError::Io { path: path.to_path_buf(), source },
    };
    let metadata = fs::metadata(path).map_err(io)?;
    if !metadata.is_dir() {
        return match disk_image(path).map_err(io)? {
            Some(format) => Err(TargetError::DiskImage { path: path.to_path_buf(), format }),
            None => Ok(Opened::One(Target::policy_file(path))),
        };
    }
    if let Some(target) = Target::folder(path).map_err(io)? {
        return Ok(Opened::One(target));
    }
    let mut gpos = gpos_below(path, DEEPEST).map_err(io)?;
    match (gpos.pop(), gpos.is_empty()) {
        (None, _) => Err(TargetError::Unknown(path.to_path_buf())),
        (Some(only), true) => Ok(Opened::One(only)),
        (Some(last), false) => {
            gpos.push(last);
            let backups = gpos.iter().any(|gpo| gpo.kind == Kind::GpoBackup);
            let kind = if backups { Kind::BackupSet } else { Kind::Sysvol };
            Ok(Opened::Several(TargetSet { kind, path: path.to_path_buf(), gpos }))
        }
    }
}

/// How many folders deep GPOs are looked for: `sysvol/<domain>/Policies/{GUID}`, and one more.
const DEEPEST: usize = 4;

/// Domain GPOs and backups below a folder, by their paths. Symbolic links are not followed.
fn gpos_below(folder: &Path, depth: usize) -> io::Result<Vec<Target>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    let mut gpos = Vec::new();
    for folder in folders {
        match Target::folder(&folder)? {
            Some(gpo) if matches!(gpo.kind, Kind::GpoSysvol | Kind::GpoBackup) => gpos.push(gpo),
            Some(_) => {}
            None if depth > 1 => gpos.extend(gpos_below(&folder, depth - 1)?),
            None => {}
        }
    }
    Ok(gpos)
}

impl Target {
    /// Looks at a path that is to be one target. A folder with a single GPO in it is that GPO.
    ///
    /// # Errors
    ///
    /// As [`open`], and if the folder holds several GPOs.
    pub fn open(path: &Path) -> Result<Self, TargetError> {
        match open(path)? {
            Opened::One(target) => Ok(target),
            Opened::Several(set) => {
                let one = set.gpos.into_iter().map(|gpo| gpo.path).collect::<Vec<_>>();
                let first = one.first().cloned().unwrap_or_default();
                Err(TargetError::Several { path: set.path, count: one.len(), one: first })
            }
        }
    }

    fn policy_file(path: &Path) -> Self {
        let folder =
            fs::canonicalize(path).ok().and_then(|p| Some(p.parent()?.file_name()?.to_str()?.to_ascii_lowercase()));
        let side = match folder.as_deref() {
            Some("machine") => Some(Side::Computer),
            Some("user") => Some(Side::User),
            _ => None,
        };
        let file = Found { path: path.to_path_buf(), twins: Vec::new() };
        Self {
            kind: Kind::Pol,
            path: path.to_path_buf(),
            guid: None,
            name: None,
            sides: vec![SideFile { side, file, comments: None }],
            gpt_ini: None,
            store: None,
        }
    }

    fn folder(path: &Path) -> io::Result<Option<Self>> {
        // The root of a Windows volume, or the Windows folder itself.
        for windows in [&["Windows"][..], &[]] {
            let below = |names: &[&'static str]| [windows, names].concat();
            let policy = find(path, &below(&["System32", "GroupPolicy"]))?;
            let hive = find(path, &below(&["System32", "config", "SYSTEM"]))?;
            if policy.is_some() || hive.is_some() {
                let gpo = find_or_name(path, &below(&["System32", "GroupPolicy"]))?;
                let store = find(path, &below(&["PolicyDefinitions"]))?.map(|found| found.path);
                return Self::gpo(Kind::Windows, path, gpo, store).map(Some);
            }
        }
        let here = |path: &Path| Found { path: path.to_path_buf(), twins: Vec::new() };
        if let Some(gpo) = find(path, &["DomainSysvol", "GPO"])? {
            let info = BackupInfo::of(path);
            let backup = Self::gpo(Kind::GpoBackup, path, gpo, None)?;
            return Ok(Some(Self { gpt_ini: None, guid: info.guid, name: info.name, ..backup }));
        }
        let gpt_ini = find(path, &["gpt.ini"])?;
        let side = find(path, &["Machine"])?.is_some() || find(path, &["User"])?.is_some();
        if gpt_ini.is_none() && !side {
            return Ok(None);
        }
        let guid = guid_of(path);
        // A local GPO keeps its extension lists in gpt.ini; a domain's has them in Active Directory.
        let local = match &gpt_ini {
            Some(ini) => GptIni::parse(fs::read(&ini.path)?).is_ok_and(|ini| ini.has_extensions()),
            None => false,
        };
        if guid.is_none() || local {
            return Self::gpo(Kind::GpoLocal, path, here(path), None).map(Some);
        }
        let policies = fs::canonicalize(path)?.parent().map(Path::to_path_buf);
        let store = match policies {
            Some(policies) => find(&policies, &["PolicyDefinitions"])?.map(|found| found.path),
            None => None,
        };
        Ok(Some(Self { guid, ..Self::gpo(Kind::GpoSysvol, path, here(path), store)? }))
    }

    fn gpo(kind: Kind, path: &Path, gpo: Found, store: Option<PathBuf>) -> io::Result<Self> {
        let below = |names: &[&str]| -> io::Result<Found> {
            let mut found = find_or_name(&gpo.path, names)?;
            found.twins.extend(gpo.twins.iter().cloned());
            Ok(found)
        };
        let side = |side, folder| -> io::Result<SideFile> {
            let (file, comments) = (below(&[folder, "Registry.pol"])?, below(&[folder, "comment.cmtx"])?);
            Ok(SideFile { side: Some(side), file, comments: Some(comments) })
        };
        let sides = vec![side(Side::Computer, "Machine")?, side(Side::User, "User")?];
        let gpt_ini = Some(below(&["gpt.ini"])?);
        Ok(Self { kind, path: path.to_path_buf(), guid: None, name: None, sides, gpt_ini, store })
    }

    /// The `Windows` folder that the target is, holds or lies in; a local GPO's lies two folders above it.
    ///
    /// # Errors
    ///
    /// If a folder cannot be listed.
    pub fn windows_folder(&self) -> io::Result<Option<PathBuf>> {
        match self.kind {
            Kind::Windows => {
                Ok(find(&self.path, &["Windows"])?.map(|found| found.path).or_else(|| Some(self.path.clone())))
            }
            Kind::GpoLocal => {
                let path = fs::canonicalize(&self.path)?;
                let named = |path: &Path, name: &str| path.file_name().is_some_and(|n| n.eq_ignore_ascii_case(name));
                let above = path.parent().filter(|above| named(&path, "GroupPolicy") && named(above, "System32"));
                Ok(above.and_then(Path::parent).map(Path::to_path_buf))
            }
            _ => Ok(None),
        }
    }

    /// The policy file of a side. A bare policy file whose folder does not tell serves for either.
    pub fn side(&self, side: Side) -> Option<&SideFile> {
        self.sides.iter().find(|file| file.side.is_none_or(|s| s == side))
    }
}

/// The GUID that a folder is named by.
fn guid_of(path: &Path) -> Option<String> {
    let name = fs::canonicalize(path).ok()?.file_name()?.to_str()?.to_owned();
    let inside = name.strip_prefix('{')?.strip_suffix('}')?;
    let lengths: Vec<usize> = inside.split('-').map(str::len).collect();
    (lengths == [8, 4, 4, 4, 12]).then_some(name)
}

/// The kind of disk image that a file is, by its first bytes.
fn disk_image(path: &Path) -> io::Result<Option<&'static str>> {
    let mut head = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut head)?;
    Ok(match &*head {
        _ if head.starts_with(b"PReg") => None,
        [b'Q', b'F', b'I', 0xFB, ..] => Some("QEMU disk image (qcow2)"),
        [b'M', b'S', b'W', b'I', b'M', 0, 0, 0, ..] => Some("Windows image (WIM)"),
        _ if head.starts_with(b"vhdxfile") => Some("virtual disk (VHDX)"),
        _ if head.starts_with(b"conectix") => Some("virtual disk (VHD)"),
        _ if head.starts_with(b"KDMV") => Some("virtual disk (VMDK)"),
        _ if head.len() == 512 && head.ends_with(&[0x55, 0xAA]) => Some("raw disk image"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
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
            target.side(Side::Computer).unwrap().file.path,
            dir.path().join("image/WINDOWS/system32/grouppolicy/MACHINE/registry.pol")
        );
        assert_eq!(
            target.side(Side::User).unwrap().file.path,
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
        let side = |path: &str| Target::open(&dir.path().join(path)).unwrap().sides[0].side;
        assert_eq!((side("MACHINE/x.pol"), side("user/y"), side("z")), (Some(Side::Computer), Some(Side::User), None));
    }

    #[test]
    fn disk_images_are_named_and_not_opened() {
        let dir = tree(&[("a", b"QFI\xFB\0\0\0\x03"), ("b", b"MSWIM\0\0\0"), ("c", b"vhdxfile")]);
        for name in ["a", "b", "c"] {
            assert!(matches!(Target::open(&dir.path().join(name)), Err(TargetError::DiskImage { .. })), "{name}");
        }
    }
}
