//! Recognising folders: Windows installations, GPOs of each kind, backups.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use admx::file::Limit;

use super::{Finding, Kind, SideFile, Target, TargetError, Trail, users};
use crate::backup::BackupInfo;
use crate::folders::{Identity, Leads, leads};
use crate::gpt_ini::GptIni;
use crate::limits;
use crate::place::{Found, Listings, find, find_or_name};
use crate::scope::Scope;

/// How many folders are searched for GPOs before the search is given up.
const MOST: usize = 100_000;

/// Entries of which every target that the search is for, or that ends it, has at least one.
const OF_TARGETS: [&str; 7] = ["Windows", "System32", "DomainSysvol", "bkupInfo.xml", "gpt.ini", "Machine", "User"];

/// The target that a folder is, if it is one.
pub(super) fn recognise(path: &Path, trail: &mut Trail) -> io::Result<Option<Target>> {
    recognise_among(path, &mut Listings::default(), trail)
}

/// As [`recognise`], for one of many folders: what lies beside them has been listed, or is listed now.
fn recognise_among(path: &Path, beside: &mut Listings, trail: &mut Trail) -> io::Result<Option<Target>> {
    if let Some(windows) = windows(path, trail)? {
        return Ok(Some(windows));
    }
    let real = fs::canonicalize(path)?;
    let called = |name: &str| real.file_name().is_some_and(|n| n.eq_ignore_ascii_case(name));
    if called(users::FOLDER) {
        trail.note("name GroupPolicyUsers", Some(path));
        return of_users(path).map(Some);
    }
    if let Some(backup) = backup(path, &real, beside, trail)? {
        return Ok(Some(backup));
    }
    let gpt_ini = trail.find(path, &["gpt.ini"])?;
    let machine = trail.find(path, &["Machine"])?;
    let user = trail.find(path, &["User"])?;
    let halves = match (&machine, &user) {
        (Some(_), Some(_)) => true,
        (Some(half), None) | (None, Some(half)) => gpt_ini.is_some() || is_half(&half.path)?,
        (None, None) => false,
    };
    if gpt_ini.is_none() && !halves {
        return Ok(None);
    }
    // Of a folder that is named by a SID or GUID, another one by the same name in another case is a twin.
    let named = Found { path: path.to_path_buf(), twins: beside.twins_of(path)? };
    if let Some(scope) = users::scope_of(&real) {
        trail.note("name is a SID", Some(path));
        let found = users::machine_half(path)?.into_iter().collect();
        return Ok(Some(Target { sides: vec![users::one(&named, scope)?], ..target(Kind::GpoUser, path, found) }));
    }
    let guid = guid_of(&real);
    trail.note("name is a {GUID}", guid.as_ref().map(|_| path));
    if is_cached(&real) {
        trail.note("lies in GroupPolicy/DataStore", Some(path));
        return Ok(Some(Target { guid, ..gpo(Kind::GpoCached, path, &named)? }));
    }
    // A local GPO keeps its extension lists in gpt.ini; a domain's has them in Active Directory.
    let mut findings = Vec::new();
    let lists = gpt_ini.as_ref().and_then(|ini| bytes_or_finding(&ini.path, limits::GPT_INI, &mut findings));
    let lists = lists.is_some_and(|bytes| GptIni::parse(bytes).is_ok_and(|ini| ini.has_extensions()));
    trail.note("extension lists in gpt.ini", gpt_ini.as_ref().filter(|_| lists).map(|ini| &*ini.path));
    if guid.is_none() || lists {
        return Ok(Some(Target { findings, ..gpo(Kind::GpoLocal, path, &here(path))? }));
    }
    let mut domain = Target { guid, findings, ..gpo(Kind::GpoSysvol, path, &named)? };
    if let Some(policies) = real.parent() {
        domain.take_store(trail.find_beside(beside, policies, "PolicyDefinitions")?, policies);
    }
    Ok(Some(domain))
}

/// Whether a folder that is called `Machine` or `User` has in it what a side of a GPO has. Others are called so, too.
fn is_half(folder: &Path) -> io::Result<bool> {
    for name in ["Registry.pol", "comment.cmtx", "Scripts", "Microsoft", "Preferences", "Applications"] {
        if find(folder, &[name])?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The root of a Windows volume, or the Windows folder itself.
fn windows(path: &Path, trail: &mut Trail) -> io::Result<Option<Target>> {
    for windows in [&["Windows"][..], &[]] {
        let mut there = false;
        for names in [&["GroupPolicy"][..], &[users::FOLDER], &["config", "SYSTEM"]] {
            there |= trail.find(path, &[windows, &["System32"], names].concat())?.is_some();
        }
        if there {
            let below = find_or_name(path, windows)?;
            let system32 = find_or_name(&below.path, &["System32"])?.with_twins_of(&below);
            return installation(path, &system32, &below.path, trail).map(Some);
        }
    }
    Ok(None)
}

/// A Windows installation, by its `System32` and its `Windows` folder.
pub(super) fn installation(path: &Path, system32: &Found, windows: &Path, trail: &mut Trail) -> io::Result<Target> {
    let below = |name| -> io::Result<Found> { Ok(find_or_name(&system32.path, &[name])?.with_twins_of(system32)) };
    let group_policy_users = below(users::FOLDER)?;
    let store = trail.find(windows, &["PolicyDefinitions"])?;
    let (of_users, findings) = users::in_folder(&group_policy_users)?;
    let mut installation = gpo(Kind::Windows, path, &below("GroupPolicy")?)?;
    installation.sides.extend(of_users);
    installation.findings.extend(findings);
    installation.users = Some(group_policy_users);
    installation.take_store(store, path);
    Ok(installation)
}

/// The bytes of a file that says more of a target. Without it the target is the same one; that it cannot be read is a finding.
fn bytes_or_finding(path: &Path, limit: Limit, findings: &mut Vec<Finding>) -> Option<Vec<u8>> {
    let read = admx::file::read(path, limit);
    read.map_err(|error| findings.push(Finding::unreadable(path.to_path_buf(), &error))).ok()
}

/// The folder of all per-user local GPOs.
fn of_users(path: &Path) -> io::Result<Target> {
    let users = here(path);
    let (sides, findings) = users::in_folder(&users)?;
    Ok(Target { sides, users: Some(users), ..target(Kind::GpoUsers, path, findings) })
}

/// A backup. Of a GPO without settings, some copies lack the empty folders that make up its SYSVOL part.
fn backup(path: &Path, real: &Path, beside: &mut Listings, trail: &mut Trail) -> io::Result<Option<Target>> {
    let sysvol = trail.find(path, &["DomainSysvol", "GPO"])?;
    let info = trail.find(path, &["bkupInfo.xml"])?;
    let twins: Vec<PathBuf> = info.iter().flat_map(|info| info.twins.clone()).collect();
    let described = info.as_ref().map(|info| info.path.clone());
    let files = match (sysvol, info) {
        (Some(sysvol), _) => sysvol,
        (None, Some(_)) => find_or_name(path, &["DomainSysvol", "GPO"])?,
        (None, None) => return Ok(None),
    };
    let mut backup = gpo(Kind::GpoBackup, path, &files)?;
    let bytes = described.and_then(|path| bytes_or_finding(&path, limits::TEXT, &mut backup.findings));
    let info = bytes.map(|bytes| BackupInfo::of(&bytes)).unwrap_or_default();
    backup.findings.extend(twins.into_iter().map(Finding::twin));
    for side in &mut backup.sides {
        side.gpt_ini = None;
    }
    Ok(Some(Target { guid: info.guid, name: info.name, store: templates_beside(real, beside, trail)?, ..backup }))
}

/// The `Templates` that Microsoft's baselines have beside the folder of their backups.
fn templates_beside(backup: &Path, beside: &mut Listings, trail: &mut Trail) -> io::Result<Option<PathBuf>> {
    for folder in backup.ancestors().skip(1).take(2) {
        if let Some(templates) = beside.find(folder, "Templates")?.filter(|found| holds_templates(&found.path))
            && link_out(&templates.path, folder).is_none()
        {
            trail.note("Templates beside the backups", Some(&templates.path));
            return Ok(Some(templates.path));
        }
    }
    trail.note("Templates beside the backups", None);
    Ok(None)
}

/// Where a link leads, if that is out of a folder.
fn link_out(path: &Path, folder: &Path) -> Option<PathBuf> {
    if !fs::symlink_metadata(path).ok()?.is_symlink() {
        return None;
    }
    match leads(path, &fs::canonicalize(folder).ok()?) {
        Leads::Out(to) => Some(to),
        Leads::Inside | Leads::Nowhere(_) => None,
    }
}

/// Whether a folder has ADMX templates in it.
pub(super) fn holds_templates(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.path().extension().is_some_and(|ending| ending.eq_ignore_ascii_case("admx")))
    })
}

pub(super) fn here(path: &Path) -> Found {
    Found { path: path.to_path_buf(), twins: Vec::new() }
}

fn target(kind: Kind, path: &Path, findings: Vec<Finding>) -> Target {
    let path = path.to_path_buf();
    Target { kind, path, guid: None, name: None, sides: Vec::new(), users: None, store: None, findings }
}

impl Target {
    /// The store that was found in a folder; entries that differ from it by case are told. One that a link has outside of the
    /// folder is none.
    fn take_store(&mut self, found: Option<Found>, within: &Path) {
        let Some(found) = found else { return };
        self.findings.extend(found.twins.into_iter().map(Finding::twin));
        if let Some(to) = link_out(&found.path, within) {
            return self.findings.push(Finding::leads_out(found.path, &to));
        }
        self.store = Some(found.path);
    }
}

/// A GPO of two sides in a folder.
fn gpo(kind: Kind, path: &Path, gpo: &Found) -> io::Result<Target> {
    let below = |names: &[&str]| -> io::Result<Found> { Ok(find_or_name(&gpo.path, names)?.with_twins_of(gpo)) };
    let gpt_ini = below(&["gpt.ini"])?;
    let side = |scope, folder| -> io::Result<SideFile> {
        Ok(SideFile {
            scope: Some(scope),
            file: below(&[folder, "Registry.pol"])?,
            comments: Some(below(&[folder, "comment.cmtx"])?),
            gpt_ini: Some(gpt_ini.clone()),
        })
    };
    let sides = vec![side(Scope::Computer, "Machine")?, side(Scope::User, "User")?];
    Ok(Target { sides, ..target(kind, path, Vec::new()) })
}

/// Whether a path lies in the cache of domain GPOs that a client keeps: `…\GroupPolicy\DataStore\…`.
pub(crate) fn is_cached(real: &Path) -> bool {
    let names: Vec<_> = real.components().map(|component| component.as_os_str()).collect();
    names.windows(2).any(|two| two[0].eq_ignore_ascii_case("GroupPolicy") && two[1].eq_ignore_ascii_case("DataStore"))
}

/// The GUID that a folder is named by.
pub(crate) fn guid_of(real: &Path) -> Option<String> {
    let name = real.file_name()?.to_str()?;
    let inside = name.strip_prefix('{')?.strip_suffix('}')?;
    let parts: Vec<&str> = inside.split('-').collect();
    let digits = parts.iter().all(|part| part.bytes().all(|digit| digit.is_ascii_hexdigit()));
    (digits && parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])).then(|| name.to_owned())
}

/// Domain GPOs and backups below a folder, by their paths, and what could not be read; `None` if it has too many folders
/// to look at them all.
///
/// Links are not followed: what one leads to inside the folder is reached without it, and one that leads out of it is told.
pub(super) fn gpos_below(folder: &Path) -> io::Result<Option<(Vec<Target>, Vec<TargetError>)>> {
    let mut search = Search {
        root: fs::canonicalize(folder)?,
        seen: HashSet::from([Identity::of(folder)?]),
        gpos: Vec::new(),
        unreadable: Vec::new(),
        beside: Listings::default(),
    };
    let top = Listed::of(folder)?;
    search.note_links(top.links);
    let mut waiting = top.folders;
    while let Some(folder) = waiting.pop() {
        // One that cannot be read hides none of the others.
        match search.look(&folder) {
            Ok(below) => waiting.extend(below),
            Err(source) => search.unreadable.push(TargetError::Io { path: folder, source }),
        }
        if search.seen.len() > MOST {
            return Ok(None);
        }
    }
    Ok(Some((search.gpos, search.unreadable)))
}

struct Search {
    /// The real path of the folder in which all must lie.
    root: PathBuf,
    /// Folders that were looked at: a mount can lead to one that is reached without it, too.
    seen: HashSet<Identity>,
    gpos: Vec<Target>,
    unreadable: Vec<TargetError>,
    beside: Listings,
}

impl Search {
    /// Looks at a folder; the folders that are to be looked at because it is no GPO itself, the last one first.
    fn look(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        if !self.seen.insert(Identity::of(folder)?) {
            return Ok(Vec::new());
        }
        let listed = Listed::of(folder)?;
        // Most folders have nothing in them that any target has; they are listed once.
        if listed.promising
            && let Some(target) = recognise_among(folder, &mut self.beside, &mut Trail::default())?
        {
            if matches!(target.kind, Kind::GpoSysvol | Kind::GpoCached | Kind::GpoBackup) {
                self.gpos.push(target);
            }
            return Ok(Vec::new());
        }
        self.note_links(listed.links);
        Ok(listed.folders)
    }

    fn note_links(&mut self, links: Vec<PathBuf>) {
        for path in links {
            if let Leads::Out(to) = leads(&path, &self.root)
                && to.is_dir()
            {
                self.unreadable.push(TargetError::LeadsOut { path, to });
            }
        }
    }
}

/// What a folder has in it.
#[derive(Default)]
struct Listed {
    /// By their names, the last one first.
    folders: Vec<PathBuf>,
    /// By their names.
    links: Vec<PathBuf>,
    /// Whether it has an entry that a target has.
    promising: bool,
}

impl Listed {
    fn of(folder: &Path) -> io::Result<Self> {
        let mut listed = Self::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, entry.path());
            listed.promising |= OF_TARGETS.iter().any(|name| entry.file_name().eq_ignore_ascii_case(name));
            if kind.is_dir() {
                listed.folders.push(path);
            } else if kind.is_symlink() {
                listed.links.push(path);
            }
        }
        listed.folders.sort_by(|a, b| b.cmp(a));
        listed.links.sort();
        Ok(listed)
    }
}
