//! Per-user local GPOs: `System32\GroupPolicyUsers\<SID>`, each with a `gpt.ini` of its own and a user side alone.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Finding, SideFile};
use crate::enclosure::Root;
use crate::place::{Found, find, find_or_name};
use crate::scope::{Scope, Sid};

/// The name of the folder that holds them.
pub(super) const FOLDER: &str = "GroupPolicyUsers";

/// The scope of a folder that is named by a SID.
pub(super) fn scope_of(folder: &Path) -> Option<Scope> {
    Sid::parse(folder.file_name()?.to_str()?).map(Scope::of_sid)
}

/// The policy files of all per-user local GPOs in the folder, as Windows applies them, and what is wrong there.
pub(super) fn in_folder(users: &Found, root: &Root) -> io::Result<(Vec<SideFile>, Vec<Finding>)> {
    let (mut by_scope, mut findings): (BTreeMap<Scope, Vec<PathBuf>>, _) = (BTreeMap::new(), Vec::new());
    let entries = match fs::read_dir(&users.path) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e),
    };
    let mut folders: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).filter(|path| path.is_dir()).collect();
    folders.sort();
    for folder in folders {
        match scope_of(&folder) {
            Some(scope) => by_scope.entry(scope).or_default().push(folder),
            None => findings.push(Finding {
                code: "GPT017",
                message: "its name is no SID; Windows ignores this per-user local GPO".to_owned(),
                path: folder,
            }),
        }
    }
    let mut sides = Vec::new();
    for (scope, mut same) in by_scope {
        let exact = same.iter().position(|path| scope.sid().is_some_and(|sid| path.ends_with(sid))).unwrap_or(0);
        let path = same.remove(exact);
        let twins = users.twins.iter().cloned().chain(same).collect();
        sides.push(one(&Found { path: path.clone(), twins }, scope, root)?);
        findings.extend(machine_half(&path)?);
    }
    Ok((sides, findings))
}

/// The policy file of one per-user local GPO.
pub(super) fn one(gpo: &Found, scope: Scope, root: &Root) -> io::Result<SideFile> {
    let below = |names: &[&str]| -> io::Result<Found> { Ok(find_or_name(&gpo.path, names)?.with_twins_of(gpo)) };
    Ok(SideFile {
        scope: Some(scope),
        file: below(&["User", "Registry.pol"])?,
        comments: Some(below(&["User", "comment.cmtx"])?),
        gpt_ini: Some(below(&["gpt.ini"])?),
        root: root.clone(),
    })
}

/// A per-user local GPO has no computer side; what stands in one is never applied.
pub(super) fn machine_half(gpo: &Path) -> io::Result<Option<Finding>> {
    let Some(machine) = find(gpo, &["Machine"])? else { return Ok(None) };
    let empty = !machine.path.is_dir() || fs::read_dir(&machine.path)?.next().is_none();
    Ok((!empty).then(|| Finding {
        code: "GPT017",
        message: "a per-user local GPO has no computer side; Windows ignores this folder".to_owned(),
        path: machine.path,
    }))
}
