//! To which GPO a path belongs, whatever it names of it: a side's folder, the policy file itself, `gpt.ini`, the part of a
//! backup that looks like a GPO of its own. One place decides, so that the same guards hold by every path.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use admx::Side;

use super::{Kind, Target, Trail, folder, misplaced};
use crate::place::find;

/// A GPO by something that lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The GPO's folder, or the backup's, in the words of the path that was given where they lead there.
    pub gpo: PathBuf,
    /// Which side is named, where one is.
    pub side: Option<Side>,
}

/// The GPO that a folder inside it stands for: `Machine`, `User`, and of a backup `DomainSysvol` and what is below.
pub(super) fn of_folder(path: &Path) -> io::Result<Option<Holder>> {
    let found = |real: &Path| {
        Ok(match () {
            () if called(real, "DomainSysvol") => backup(real, 1)?,
            () if is_gpo_of_backup(real) => backup(real, 2)?,
            () => match side_called(real) {
                Some(side) => gpo_above(real, 1)?.map(|depth| (depth, Some(side))),
                None => None,
            },
        })
    };
    by_any_path(path, found)
}

/// The GPO whose policy file this is.
pub(super) fn of_policy_file(path: &Path) -> io::Result<Option<Holder>> {
    by_any_path(path, |real| {
        let side = real.parent().and_then(side_called).filter(|_| called(real, "Registry.pol"));
        match side {
            Some(side) => Ok(gpo_above(real, 2)?.map(|depth| (depth, Some(side)))),
            None => Ok(None),
        }
    })
}

/// The GPO that a file describes: `gpt.ini`, a side's comments, `Backup.xml` or `bkupInfo.xml`.
pub(super) fn of_file_beside(path: &Path) -> io::Result<Option<Holder>> {
    by_any_path(path, |real| {
        let in_folder = ["gpt.ini", "Backup.xml", "bkupInfo.xml"].iter().any(|name| called(real, name));
        let side = real.parent().and_then(side_called).filter(|_| called(real, "comment.cmtx"));
        Ok(match side {
            Some(side) => gpo_above(real, 2)?.map(|depth| (depth, Some(side))),
            None if in_folder => gpo_above(real, 1)?.map(|depth| (depth, None)),
            None => None,
        })
    })
}

/// Looks from where links lead, and where that is in no GPO, from the path as it is written: a link in a GPO that leads
/// out of it is still one of its files.
fn by_any_path(
    path: &Path,
    found: impl Fn(&Path) -> io::Result<Option<(usize, Option<Side>)>>,
) -> io::Result<Option<Holder>> {
    let real = fs::canonicalize(path)?;
    let written = std::path::absolute(path)?;
    for start in [real, written] {
        if let Some((depth, side)) = found(&start)? {
            let gpo = misplaced::as_given(path, &start, depth);
            return Ok(gpo.map(|gpo| Holder { gpo, side }));
        }
    }
    Ok(None)
}

/// How many folders above a path its GPO is, if the folder that many levels above is one.
fn gpo_above(path: &Path, depth: usize) -> io::Result<Option<usize>> {
    let Some(gpo) = path.ancestors().nth(depth) else { return Ok(None) };
    if is_gpo_of_backup(gpo) {
        return Ok(Some(depth.saturating_add(2)));
    }
    let certain = find(gpo, &["gpt.ini"])?.is_some()
        || folder::guid_of(gpo).is_some()
        || find(gpo, &["Backup.xml"])?.is_some()
        || find(gpo, &["bkupInfo.xml"])?.is_some()
        || is_place_of_local_gpos(gpo);
    Ok(certain.then_some(depth))
}

/// The backup that many levels above.
fn backup(path: &Path, depth: usize) -> io::Result<Option<(usize, Option<Side>)>> {
    let Some(folder) = path.ancestors().nth(depth) else { return Ok(None) };
    let is = matches!(folder::recognise(folder, &mut Trail::default())?, Some(Target { kind: Kind::GpoBackup, .. }));
    Ok(is.then_some((depth, None)))
}

/// `System32\GroupPolicy`, and the folders in `System32\GroupPolicyUsers`: a fresh one has no `gpt.ini`.
fn is_place_of_local_gpos(gpo: &Path) -> bool {
    let above = |path: &Path, name| path.parent().is_some_and(|above| called(above, name));
    (called(gpo, "GroupPolicy") && above(gpo, "System32")) || above(gpo, "GroupPolicyUsers")
}

fn is_gpo_of_backup(path: &Path) -> bool {
    called(path, "GPO") && path.parent().is_some_and(|above| called(above, "DomainSysvol"))
}

fn side_called(path: &Path) -> Option<Side> {
    match () {
        () if called(path, "Machine") => Some(Side::Computer),
        () if called(path, "User") => Some(Side::User),
        () => None,
    }
}

fn called(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|n| n.eq_ignore_ascii_case(name))
}
