//! Folders that are no target, and what they are instead: the wrong partition, one folder too high or too deep, nothing mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::disk_image::ImageFormat;
use super::{Trail, file, folder};
use crate::place::find;

/// What a folder without policy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "at")]
#[non_exhaustive]
pub enum Misplaced {
    /// Nothing in it: a mount point on which nothing is mounted, perhaps.
    Empty,
    /// A disk image lies in it; that is what must be mounted.
    HoldsImage(PathBuf, ImageFormat),
    /// The EFI system partition, or the partition that Windows boots from.
    BootPartition,
    /// The partition of Windows' recovery environment.
    RecoveryPartition,
    /// The root of a Linux system; with its SYSVOL, if Samba keeps one there.
    LinuxRoot(Option<PathBuf>),
    /// What is meant is inside, at this path.
    TooHigh(PathBuf),
    /// It lies inside a target, at this path.
    TooDeep(PathBuf),
    /// Nothing is known of it.
    Unknown,
}

/// What can be told before the folder is searched for GPOs, which may take long.
pub(super) fn at_once(path: &Path, trail: &mut Trail) -> io::Result<Option<Misplaced>> {
    if fs::read_dir(path)?.next().is_none() {
        trail.note("anything at all", None);
        return Ok(Some(Misplaced::Empty));
    }
    let linux = find(path, &["etc", "os-release"])?.is_some() || find(path, &["etc", "fstab"])?.is_some();
    if linux && find(path, &["usr"])?.is_some() {
        trail.note("Linux: etc and usr", Some(path));
        let sysvol = find(path, &["var", "lib", "samba", "sysvol"])?.map(|found| found.path);
        return Ok(Some(Misplaced::LinuxRoot(sysvol)));
    }
    if trail.find(path, &["EFI", "Microsoft", "Boot"])?.is_some()
        || trail.find(path, &["EFI", "Boot"])?.is_some()
        || trail.find(path, &["Boot", "BCD"])?.is_some()
    {
        return Ok(Some(Misplaced::BootPartition));
    }
    if trail.find(path, &["Recovery", "WindowsRE"])?.is_some() {
        return Ok(Some(Misplaced::RecoveryPartition));
    }
    Ok(None)
}

/// What is around and inside the folder.
pub(super) fn by_its_place(path: &Path, trail: &mut Trail) -> io::Result<Misplaced> {
    let real = fs::canonicalize(path)?;
    let mut above = None;
    for folder in real.ancestors().skip(1).take(8) {
        match folder::recognise(folder, &mut Trail::default()) {
            Ok(Some(target)) => above = Some(target.path),
            // The outermost of those that follow each other: the volume rather than its Windows folder.
            Ok(None) if above.is_some() => break,
            _ => {}
        }
        if above.is_none() && folder::holds_templates(folder) {
            above = Some(folder.to_path_buf());
            break;
        }
    }
    trail.note("a target above it", above.as_deref());
    if let Some(above) = above {
        return Ok(Misplaced::TooDeep(above));
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let below = entries
        .iter()
        .filter(|entry| entry.is_dir())
        .find(|entry| matches!(folder::recognise(entry, &mut Trail::default()), Ok(Some(_))));
    trail.note("a target below it", below.map(|path| &**path));
    if let Some(below) = below {
        return Ok(Misplaced::TooHigh(below.clone()));
    }
    let image = entries.iter().find_map(|entry| match file::recognise(entry) {
        Ok(file::FileKind::Image(format)) => Some((entry.clone(), format)),
        _ => None,
    });
    trail.note("a disk image in it", image.as_ref().map(|(path, _)| &**path));
    Ok(image.map_or(Misplaced::Unknown, |(path, format)| Misplaced::HoldsImage(path, format)))
}
