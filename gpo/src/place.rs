//! Finding files in any letter case, as Windows would on a file system that tells cases apart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// An entry found by its name in any letter case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entry; of several, the one spelled exactly as asked, else the first by name.
    pub path: PathBuf,
    /// Others that differ from it only by case, here or in a folder above. Windows sees one of them.
    pub twins: Vec<PathBuf>,
}

impl Found {
    /// With the twins of a folder above it, whose contents may be meant as well.
    pub(crate) fn with_twins_of(mut self, above: &Self) -> Self {
        self.twins.extend(above.twins.iter().cloned());
        self
    }
}

/// Finds `names`, one below the other, in the folder `root`. `None` if any of them is missing.
///
/// # Errors
///
/// If a folder that is there cannot be listed.
pub fn find(root: &Path, names: &[&str]) -> io::Result<Option<Found>> {
    let mut found = Found { path: root.to_path_buf(), twins: Vec::new() };
    for name in names {
        let mut same = entries_named(&found.path, name)?;
        let Some(first) = same.iter().position(|path| path.ends_with(name)).or((!same.is_empty()).then_some(0)) else {
            return Ok(None);
        };
        found.path = same.remove(first);
        found.twins.append(&mut same);
    }
    Ok(Some(found))
}

/// The path for `names` below `root`: components that exist as they are spelled, the rest as given.
///
/// # Errors
///
/// If a folder that is there cannot be listed.
pub fn find_or_name(root: &Path, names: &[&str]) -> io::Result<Found> {
    for known in (0..=names.len()).rev() {
        let (there, missing) = names.split_at(known);
        if let Some(mut found) = find(root, there)? {
            found.path.extend(missing);
            return Ok(found);
        }
    }
    Ok(Found { path: root.join(names.iter().collect::<PathBuf>()), twins: Vec::new() })
}

/// The entries beside a path that differ from it only by case.
///
/// # Errors
///
/// If its folder cannot be listed.
pub fn twins_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut same = entries_named(folder, name)?;
    same.retain(|entry| entry.file_name() != path.file_name());
    Ok(same)
}

/// Entries of a folder with this name in any case, sorted; none if there is no such folder.
fn entries_named(folder: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut same = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|n| n.eq_ignore_ascii_case(name)) {
            same.push(entry.path());
        }
    }
    same.sort();
    Ok(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_missing_ones_are_spelled_as_given() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("WINDOWS/system32")).unwrap();
        let found = find(dir.path(), &["Windows", "System32"]).unwrap().unwrap();
        assert_eq!((found.path, found.twins), (dir.path().join("WINDOWS/system32"), vec![]));
        assert_eq!(find(dir.path(), &["Windows", "SysWOW64"]).unwrap(), None);
        let named = find_or_name(dir.path(), &["Windows", "System32", "GroupPolicy"]).unwrap();
        assert_eq!(named.path, dir.path().join("WINDOWS/system32/GroupPolicy"));
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows' file systems do not tell cases apart")]
    fn twins_are_reported_and_the_exact_spelling_preferred() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["MACHINE", "Machine", "machine"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let found = find(dir.path(), &["Machine"]).unwrap().unwrap();
        assert_eq!(found.path, dir.path().join("Machine"));
        assert_eq!(found.twins, [dir.path().join("MACHINE"), dir.path().join("machine")]);
    }
}
