//! GPOs in folders: their policy files, and what else lies beside them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Part, Place, SetAside, Source, SourceError, SourceKind, Spot};
use crate::edit;
use crate::error::Error;
use crate::exchange::lgpo::Scope;
use crate::target::{SideFile, Target, TargetSet};

/// Reads the policy files of a GPO, and names what else configures something.
pub(super) fn one(path: &Path, target: &Target) -> Result<Source, SourceError> {
    let mut source = Source::empty(SourceKind::Target(target.kind), path);
    target.sides.iter().try_for_each(|side| source.add_side(target, side))?;
    still_there(target)?;
    Ok(source)
}

/// As [`one`], of all GPOs that can be read, and what is wrong with the others.
pub(super) fn several(path: &Path, set: TargetSet) -> Result<(Source, Vec<SourceError>), SourceError> {
    let mut source = Source::empty(SourceKind::Target(set.kind), path);
    let mut problems: Vec<SourceError> = set.unreadable.into_iter().map(SourceError::from).collect();
    for target in &set.gpos {
        for side in &target.sides {
            problems.extend(source.add_side(target, side).err());
        }
        problems.extend(still_there(target).err());
    }
    match source.parts.is_empty() && !problems.is_empty() {
        true => Err(problems.swap_remove(0)),
        false => Ok((source, problems)),
    }
}

fn still_there(target: &Target) -> Result<(), SourceError> {
    target.still_there().map_err(|source| SourceError::Io { path: target.path.clone(), source })
}

impl Source {
    fn add_side(&mut self, target: &Target, side: &SideFile) -> Result<(), SourceError> {
        if let Some(folder) = side.file.path.parent() {
            let files = other_files(folder).map_err(|source| Error::Io { path: folder.to_path_buf(), source })?;
            self.asides.extend(files.into_iter().map(|path| SetAside {
                what: what_is(&path),
                place: Place { path, spot: Spot::Line(0) },
                count: 1,
            }));
        }
        if let Some(file) = edit::read_there(side)? {
            let part = Part::new(&side.file.path, side.scope.as_ref().map(Scope::from), file);
            let gpo = target.name.clone().or_else(|| target.guid.clone());
            self.parts.push(Part { gpo, guid: target.guid.clone(), folder: Some(target.path.clone()), ..part });
        }
        Ok(())
    }
}

/// Files of a side that are no registry policy and no comments on it, by their paths.
fn other_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = all_files(folder)?;
    files.retain(|path| {
        let beside = path.parent() == Some(folder);
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let known = name == "registry.pol" || name == "comment.cmtx";
        let empty = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0);
        !(beside && known || name.ends_with(".cmtl") || empty)
    });
    files.sort();
    Ok(files)
}

/// All that is no folder, in a folder and below it. Links are not followed.
fn all_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut waiting) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => waiting.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    Ok(files)
}

/// What people call a file, by its name.
fn what_is(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let preferences = path.components().any(|part| part.as_os_str().eq_ignore_ascii_case("Preferences"));
    let what = match name.to_ascii_lowercase().as_str() {
        "gpttmpl.inf" => "security settings",
        "audit.csv" => "audit policy",
        "scripts.ini" | "psscripts.ini" => "scripts",
        "fdeploy.ini" | "fdeploy1.ini" => "folder redirection",
        _ if preferences => "preferences",
        _ => "another file",
    };
    format!("{what} ({name})")
}
