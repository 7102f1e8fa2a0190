//! Folders that are no target, and what they are instead: the wrong partition, one folder too high or too deep, nothing mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::disk_image::ImageFormat;
use super::{Kind, Trail, file, folder};
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

/// What is inside the folder, and around it.
pub(super) fn by_its_place(path: &Path, trail: &mut Trail) -> io::Result<Misplaced> {
    let (above, in_windows) = above(path)?;
    trail.note("a target above it", above.as_deref());
    // In the Windows folder the installation is meant, whatever else lies there.
    if let Some(above) = above.as_ref().filter(|_| in_windows) {
        return Ok(Misplaced::TooDeep(above.clone()));
    }
    // Where a link leads may be elsewhere.
    let is_link = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_symlink());
    let entries = fs::read_dir(path)?.flatten().filter(|entry| !is_link(entry));
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
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
    if let Some((path, format)) = image {
        return Ok(Misplaced::HoldsImage(path, format));
    }
    Ok(above.map_or(Misplaced::Unknown, Misplaced::TooDeep))
}

/// The target that a folder lies in: the outermost of those that follow each other, so the volume rather than its
/// Windows folder. And whether that folder is passed.
fn above(path: &Path) -> io::Result<(Option<PathBuf>, bool)> {
    let real = fs::canonicalize(path)?;
    let (mut outermost, mut in_windows) = (None, false);
    for (depth, folder) in real.ancestors().enumerate().skip(1).take(8) {
        match folder::recognise(folder, &mut Trail::default()) {
            Ok(Some(target)) => {
                in_windows |= target.kind == Kind::Windows && find(folder, &["System32"])?.is_some();
                outermost = Some(depth);
            }
            Ok(None) if outermost.is_some() => break,
            _ if folder::holds_templates(folder) => {
                outermost = Some(depth);
                break;
            }
            _ => {}
        }
    }
    Ok((outermost.and_then(|depth| as_given(path, &real, depth)), in_windows))
}

/// The folder so many levels above, in the words of the path that was given where they lead there.
fn as_given(path: &Path, real: &Path, depth: usize) -> Option<PathBuf> {
    let real = real.ancestors().nth(depth)?;
    let given = path.ancestors().nth(depth).map(|up| if up.as_os_str().is_empty() { Path::new(".") } else { up });
    let given = given.filter(|up| fs::canonicalize(up).is_ok_and(|up| up == real));
    Some(given.unwrap_or(real).to_path_buf())
}
