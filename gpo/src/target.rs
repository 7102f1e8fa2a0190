//! Recognising what a command is pointed at, by content rather than by name.

mod disk_image;
mod error;
mod file;
mod folder;
mod holder;
mod misplaced;
mod trail;
mod users;
mod volume;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use admx::Side;
use serde::Serialize;

use crate::ad::Snapshot;
use crate::enclosure::Root;
use crate::place::{Found, find, twins_of};
use crate::scope::Scope;
pub use disk_image::ImageFormat;
pub use error::TargetError;
use file::FileKind;
pub(crate) use folder::{guid_of as folder_guid, is_cached};
pub use misplaced::Misplaced;
pub use trail::{Probe, Trail};
pub use volume::Hibernation;

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A policy file.
    Pol,
    /// A local GPO: `System32\GroupPolicy`, or a copy of it.
    GpoLocal,
    /// A per-user local GPO: `System32\GroupPolicyUsers\<SID>`, or a copy of it.
    GpoUser,
    /// All per-user local GPOs: `System32\GroupPolicyUsers`.
    GpoUsers,
    /// The folder of a domain GPO in SYSVOL.
    GpoSysvol,
    /// A client's copy of a domain GPO, below `GroupPolicy\DataStore`.
    GpoCached,
    /// A GPO backup, as GPMC and LGPO.exe make them.
    GpoBackup,
    /// A Windows installation: the root of its volume, or its `Windows` folder.
    Windows,
    /// A folder with domain GPOs in it.
    Sysvol,
    /// A folder with GPO backups in it.
    BackupSet,
    /// A folder of ADMX templates.
    Admx,
    /// One ADMX template.
    AdmxFile,
    /// The texts of a template in one language.
    AdmlFile,
    /// A registry hive.
    Hive,
    /// A transaction log of a hive.
    HiveLog,
    /// An image of a disk, which must be mounted.
    DiskImage,
    /// LGPO text.
    Lgpo,
    /// A registry export.
    Reg,
    /// Policy Analyzer's rules.
    #[serde(rename = "policyrules")]
    PolicyRules,
    /// JSON that gpol wrote.
    Json,
    /// A state file.
    State,
    /// Preferences of one kind.
    GppXml,
    /// A security template, as `GptTmpl.inf`.
    Inf,
    /// The `gpt.ini` of a GPO.
    GptIni,
    /// Administrators' comments of a GPO.
    Comments,
    /// A file that describes a GPO backup.
    BackupFile,
    /// An export of Active Directory.
    Ldif,
    /// GPMC's list of the backups in its folder: `manifest.xml`.
    BackupManifest,
}

impl Kind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pol => "policy file",
            Self::GpoLocal => "local GPO",
            Self::GpoUser => "per-user local GPO",
            Self::GpoUsers => "folder of per-user local GPOs",
            Self::GpoSysvol => "domain GPO (SYSVOL)",
            Self::GpoCached => "cached domain GPO, may be stale",
            Self::GpoBackup => "GPO backup",
            Self::Windows => "Windows installation",
            Self::Sysvol => "folder of domain GPOs (SYSVOL)",
            Self::BackupSet => "folder of GPO backups",
            Self::Admx => "folder of ADMX templates",
            Self::AdmxFile => "ADMX template",
            Self::AdmlFile => "file of a template's texts (ADML)",
            Self::Hive => "registry hive",
            Self::HiveLog => "transaction log of a registry hive",
            Self::DiskImage => "disk image",
            Self::Lgpo => "text for LGPO.exe",
            Self::Reg => "registry export (.reg)",
            Self::PolicyRules => "Policy Analyzer file (.PolicyRules)",
            Self::Json => "JSON document of gpol",
            Self::State => "state file",
            Self::GppXml => "file of Group Policy preferences",
            Self::Inf => "security template",
            Self::GptIni => "gpt.ini of a GPO",
            Self::Comments => "file of administrators' comments",
            Self::BackupFile => "file that describes a GPO backup",
            Self::Ldif => "export of Active Directory (LDIF)",
            Self::BackupManifest => "file that describes GPO backups",
        }
    }
}

/// A name of what something is, behind `a` or `an` as it is spoken.
pub fn with_article(name: &str) -> String {
    let vowel = name.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o', 'u']);
    let spelled = ["LGPO", "NTFS"].iter().any(|word| name.starts_with(word));
    format!("{} {name}", if vowel || spelled { "an" } else { "a" })
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
    /// Display name of a domain GPO; a backup holds it, for others Active Directory.
    pub name: Option<String>,
    /// Where the policy file of each side is, or would be; per-user local GPOs only where they are.
    pub sides: Vec<SideFile>,
    /// The folder of per-user local GPOs, which is or would be there; only where the target may have several.
    pub users: Option<Found>,
    /// The templates that belong to the target.
    pub store: Option<PathBuf>,
    /// What is wrong with the target's folders. It hinders no reading.
    pub findings: Vec<Finding>,
}

/// Something wrong with a target's folders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `GPT012`: entries that differ only by case; `GPT017`: a per-user local GPO that Windows ignores; `GPT018`: a file
    /// that says more of the target and cannot be read; `GPT019`: templates that a link has outside of the target.
    pub code: &'static str,
    /// The folder or file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl Finding {
    /// A store that is not used.
    fn leads_out(path: PathBuf, to: &Path) -> Self {
        let message =
            format!("is a link that leads out of the target, to {}; its templates are not used", to.display());
        Self { code: "GPT019", path, message }
    }

    /// A file that cannot be read.
    fn unreadable(path: PathBuf, error: &io::Error) -> Self {
        Self { code: "GPT018", path, message: format!("cannot be read: {error}") }
    }

    /// An entry that differs only by case from the one that is read.
    fn twin(path: PathBuf) -> Self {
        let message = "differs only by case from an entry beside it; Windows sees one of the two".to_owned();
        Self { code: "GPT012", path, message }
    }
}

/// What a path leads to.
#[derive(Debug)]
pub enum Opened {
    /// One target.
    One(Target),
    /// A folder that holds several GPOs.
    Several(TargetSet),
}

/// A folder that holds several GPOs, or one beside folders that cannot be read.
#[derive(Debug)]
pub struct TargetSet {
    /// What it is.
    pub kind: Kind,
    /// As it was given.
    pub path: PathBuf,
    /// The GPOs, by their paths.
    pub gpos: Vec<Target>,
    /// Folders that the system refused to read: what they hold is not known, and the others are no whole answer.
    pub unreadable: Vec<TargetError>,
}

/// The policy file of one side, and what belongs to it.
#[derive(Clone, Debug)]
pub struct SideFile {
    /// Whose policy it is; `None` for a bare policy file whose folder does not tell.
    pub scope: Option<Scope>,
    /// The file, whether it is there or not, and entries that differ from it only by case.
    pub file: Found,
    /// Where administrators' comments are or would be; a bare policy file has none.
    pub comments: Option<Found>,
    /// Where `gpt.ini` is or would be; a bare policy file and a backup have none.
    pub gpt_ini: Option<Found>,
    /// The folder of the target, which none of these files is read outside of.
    pub root: Root,
}

impl SideFile {
    /// Which side it is; `None` for a bare policy file whose folder does not tell.
    pub fn side(&self) -> Option<Side> {
        self.scope.as_ref().map(Scope::side)
    }
}

/// The target that is the running Windows itself.
pub const LOCAL: &str = "local:";

/// The running Windows, and its `System32`: a 32-bit program on a 64-bit Windows finds that as `Sysnative`.
fn this_machine() -> Option<(PathBuf, PathBuf)> {
    let windows = PathBuf::from(std::env::var_os("SystemRoot").filter(|_| cfg!(windows))?);
    let redirected = std::env::var_os("PROCESSOR_ARCHITEW6432").is_some();
    let system32 = windows.join(if redirected { "Sysnative" } else { "System32" });
    Some((windows, system32))
}

/// Looks at a path: at one target, or at a folder that holds several.
///
/// # Errors
///
/// [`TargetError`] if it is missing, unreadable, a disk image, something that holds no policy of its own, or
/// unknown. A file that is nothing known is taken for a policy file: reading it says what is wrong with it.
pub fn open(path: &Path) -> Result<Opened, TargetError> {
    open_noting(path, &mut Trail::default())
}

/// As [`open`], with what was looked for.
///
/// # Errors
///
/// As [`open`]; the trail says up to where it came.
pub fn open_noting(path: &Path, trail: &mut Trail) -> Result<Opened, TargetError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename => TargetError::NotFound(path.to_path_buf()),
        _ => TargetError::Io { path: path.to_path_buf(), source },
    };
    if path.as_os_str() == LOCAL {
        let (windows, system32) = this_machine().ok_or(TargetError::NotWindows)?;
        trail.note("local: is this machine", Some(&windows));
        let target = folder::installation(&windows, &folder::here(&system32), &windows, trail);
        return target.map(Target::with_twins_found).map(Opened::One).map_err(io);
    }
    let metadata = fs::metadata(path).map_err(io)?;
    let given = || path.to_path_buf();
    if !metadata.is_dir() {
        let kind = file::recognise(path).map_err(io)?;
        return match kind {
            FileKind::Image(format) => {
                trail.note(format!("signature of {}", with_article(format.name())), Some(path));
                Err(TargetError::DiskImage { path: given(), format })
            }
            FileKind::Is(Kind::Pol) | FileKind::Unknown => {
                let signed = kind != FileKind::Unknown;
                trail.note("signature PReg", Some(path).filter(|_| signed));
                Ok(Opened::One(Target::policy_file(path).map_err(io)?))
            }
            FileKind::Is(kind) => {
                trail.note(format!("content of {}", with_article(kind.name())), Some(path));
                Err(TargetError::Other { path: given(), kind })
            }
        };
    }
    if let Some(target) = Target::held(holder::of_folder(path).map_err(io)?, trail).map_err(io)? {
        return Ok(Opened::One(target));
    }
    if let Some(target) = folder::recognise(path, trail).map_err(io)? {
        return Ok(Opened::One(target.with_twins_found()));
    }
    let templates = folder::holds_templates(path);
    trail.note("*.admx", Some(path).filter(|_| templates));
    if templates {
        return Err(TargetError::Other { path: given(), kind: Kind::Admx });
    }
    if let Some(is) = misplaced::at_once(path, trail).map_err(io)? {
        return Err(TargetError::Misplaced { path: given(), is });
    }
    let below = folder::gpos_below(path).map_err(io)?;
    let Some((gpos, mut unreadable)) = below else { return Err(TargetError::TooLarge(given())) };
    trail.note(format!("GPOs below it ({})", gpos.len()), gpos.first().map(|gpo| &*gpo.path));
    let mut gpos: Vec<Target> = gpos.into_iter().map(Target::with_twins_found).collect();
    if gpos.is_empty() {
        return Err(match unreadable.is_empty() {
            true => TargetError::Misplaced { path: given(), is: misplaced::by_its_place(path, trail).map_err(io)? },
            false => unreadable.swap_remove(0),
        });
    }
    if gpos.len() == 1 && unreadable.is_empty() {
        return Ok(Opened::One(gpos.swap_remove(0)));
    }
    let backups = gpos.iter().any(|gpo| gpo.kind == Kind::GpoBackup);
    let kind = if backups { Kind::BackupSet } else { Kind::Sysvol };
    Ok(Opened::Several(TargetSet { kind, path: given(), gpos, unreadable }))
}

/// The target that a folder itself is, if it is one; what lies below it is not looked at.
pub(crate) fn recognise(folder: &Path) -> io::Result<Option<Target>> {
    Ok(folder::recognise(folder, &mut Trail::default())?.map(Target::with_twins_found))
}

impl Opened {
    /// As [`Target::take_name`], for each of them.
    pub fn take_names(&mut self, snapshot: Option<&Snapshot>) {
        match self {
            Self::One(target) => target.take_name(snapshot),
            Self::Several(set) => set.gpos.iter_mut().for_each(|gpo| gpo.take_name(snapshot)),
        }
    }
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
            Opened::Several(mut set) if set.gpos.len() == 1 => Err(set.unreadable.swap_remove(0)),
            Opened::Several(set) => {
                let one = set.gpos.into_iter().map(|gpo| gpo.path).collect::<Vec<_>>();
                let first = one.first().cloned().unwrap_or_default();
                Err(TargetError::Several { path: set.path, count: one.len(), one: first })
            }
        }
    }

    /// As [`open`](Self::open), for what concerns a GPO as a whole, above all for changing it: one of its files stands for
    /// the GPO, the policy file or the comments of a side for that side of it.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_gpo(path: &Path) -> Result<Self, TargetError> {
        let io = |source| TargetError::Io { path: path.to_path_buf(), source };
        if path.as_os_str() != LOCAL && path.is_file() {
            let holder = match holder::of_policy_file(path).map_err(io)? {
                Some(holder) => Some(holder),
                None => holder::of_file_beside(path).map_err(io)?,
            };
            if let Some(target) = Self::held(holder, &mut Trail::default()).map_err(io)? {
                return Ok(target);
            }
        }
        Self::open(path)
    }

    /// The GPO that something in it stands for, or the side of it that is named.
    fn held(holder: Option<holder::Holder>, trail: &mut Trail) -> io::Result<Option<Self>> {
        let Some(holder) = holder else { return Ok(None) };
        trail.note("lies in a GPO", Some(&holder.gpo));
        let Some(mut target) = folder::recognise(&holder.gpo, trail)? else { return Ok(None) };
        if let Some(side) = holder.side {
            target.sides.retain(|file| file.side() == Some(side));
        }
        Ok(Some(target.with_twins_found()))
    }

    /// The GPO whose policy file this is, for a policy file alone; `None` if it lies in none.
    pub fn gpo(&self) -> Option<Self> {
        let holder = Some(&self.path).filter(|_| self.kind == Kind::Pol).map(|path| holder::of_policy_file(path));
        Self::held(holder?.ok()?, &mut Trail::default()).ok()?
    }

    /// Takes the name that Active Directory has for it, unless it brings its own.
    pub fn take_name(&mut self, snapshot: Option<&Snapshot>) {
        let known = || snapshot?.gpo_in(self.kind, self.guid.as_deref(), &self.path)?.name();
        self.name = self.name.take().or_else(known);
    }

    /// A policy file alone. Its folder tells whose it is; there, an entry that differs only by case is its twin.
    fn policy_file(path: &Path) -> io::Result<Self> {
        let real = fs::canonicalize(path)?;
        let folder = real.parent();
        let called = |name: &str| folder.and_then(Path::file_name).is_some_and(|n| n.eq_ignore_ascii_case(name));
        let scope = match () {
            () if called("Machine") => Some(Scope::Computer),
            () if called("User") => folder.and_then(Path::parent).and_then(users::scope_of).or(Some(Scope::User)),
            () => None,
        };
        let twins = if scope.is_some() { twins_of(path)? } else { Vec::new() };
        let file = Found { path: path.to_path_buf(), twins };
        let target = Self {
            kind: Kind::Pol,
            path: path.to_path_buf(),
            guid: None,
            name: None,
            sides: vec![SideFile { scope, file, comments: None, gpt_ini: None, root: Root::of_file(path) }],
            users: None,
            store: None,
            findings: Vec::new(),
        };
        Ok(target.with_twins_found())
    }

    /// Reports entries that differ only by case, once each.
    fn with_twins_found(mut self) -> Self {
        let of_sides =
            self.sides.iter().flat_map(|side| [Some(&side.file), side.comments.as_ref(), side.gpt_ini.as_ref()]);
        let mut twins: Vec<PathBuf> =
            of_sides.chain([self.users.as_ref()]).flatten().flat_map(|found| found.twins.iter().cloned()).collect();
        twins.sort();
        twins.dedup();
        self.findings.extend(twins.into_iter().map(Finding::twin));
        self
    }

    /// The folder that encloses its files: of a policy file alone, the one in which it lies.
    pub fn root(&self) -> Root {
        match (self.kind, self.sides.first()) {
            (Kind::Pol, Some(side)) => side.root.clone(),
            _ => Root::folder(&self.path),
        }
    }

    /// Makes sure that what was read is an answer: of a GPO that vanished meanwhile, files seem never to have been there.
    ///
    /// # Errors
    ///
    /// If the target is gone.
    pub fn still_there(&self) -> io::Result<()> {
        fs::symlink_metadata(&self.path).map(drop)
    }

    /// The policy file of a scope: where it is, or where it would be. `None` if the target has no place for it.
    ///
    /// A bare policy file serves for every scope of its side, or of either side if its folder does not tell;
    /// `user` names the only user side of a per-user local GPO.
    pub fn file(&self, scope: &Scope) -> Option<SideFile> {
        let fits = |file: &&SideFile| match self.kind {
            Kind::Pol => file.side().is_none_or(|side| side == scope.side()),
            Kind::GpoUser if *scope == Scope::User => true,
            _ => file.scope.as_ref() == Some(scope),
        };
        if let Some(file) = self.sides.iter().find(fits) {
            return Some(file.clone());
        }
        let (users, sid) = (self.users.as_ref()?, scope.sid()?);
        let below = |name: &str| Found { path: users.path.join(sid).join(name), twins: users.twins.clone() };
        let (user, gpt_ini) = (below("User"), Some(below("gpt.ini")));
        let in_user = |name: &str| Found { path: user.path.join(name), twins: user.twins.clone() };
        let (file, comments) = (in_user("Registry.pol"), Some(in_user("comment.cmtx")));
        Some(SideFile { scope: Some(scope.clone()), file, comments, gpt_ini, root: self.root() })
    }

    /// The `Windows` folder that the target is, holds or lies in; local GPOs lie two folders below it.
    ///
    /// # Errors
    ///
    /// If a folder cannot be listed.
    pub fn windows_folder(&self) -> io::Result<Option<PathBuf>> {
        let depth = match self.kind {
            Kind::Windows => {
                return Ok(find(&self.path, &["Windows"])?.map(|found| found.path).or_else(|| Some(self.path.clone())));
            }
            Kind::GpoLocal | Kind::GpoUsers => 1,
            Kind::GpoUser => 2,
            _ => return Ok(None),
        };
        let path = fs::canonicalize(&self.path)?;
        let system32 = path.ancestors().nth(depth);
        let named = system32.and_then(Path::file_name).is_some_and(|name| name.eq_ignore_ascii_case("System32"));
        Ok(system32.filter(|_| named).and_then(Path::parent).map(Path::to_path_buf))
    }

    /// The `gpt.ini` of the target: of a Windows installation, that of its local GPO.
    pub fn gpt_ini(&self) -> Option<&Found> {
        self.sides.first()?.gpt_ini.as_ref()
    }

    /// Whether it is, or lies in, a client's cache of domain GPOs, which Windows alone writes.
    pub fn is_cached(&self) -> bool {
        fs::canonicalize(&self.path).is_ok_and(|real| folder::is_cached(&real))
    }

    /// Whether Windows will resume from memory that does not know of changes to this volume.
    ///
    /// # Errors
    ///
    /// If a folder cannot be listed.
    pub fn hibernation(&self) -> io::Result<Hibernation> {
        let windows = match self.gpo() {
            Some(gpo) => gpo.windows_folder()?,
            None => self.windows_folder()?,
        };
        match windows {
            Some(windows) => Hibernation::beside(&windows),
            None => Ok(Hibernation::None),
        }
    }
}

#[cfg(test)]
mod tests;
