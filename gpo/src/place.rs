//! Finding files in any letter case, as Windows would on a file system that tells cases apart.

use std::collections::HashMap;
use std::ffi::OsString;
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
        match chosen(entries_named(&found.path, name)?, name) {
            Some(below) => {
                found.path = below.path;
                found.twins.extend(below.twins);
            }
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

/// One of several entries that differ only by case.
fn chosen(mut same: Vec<PathBuf>, name: &str) -> Option<Found> {
    let first = same.iter().position(|path| path.ends_with(name)).or((!same.is_empty()).then_some(0))?;
    Some(Found { path: same.remove(first), twins: same })
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
    Listings::default().twins_of(path)
}

/// Entries of a folder with this name in any case, sorted; none if there is no such folder.
fn entries_named(folder: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let mut same = names_in(folder)?;
    same.retain(|entry| entry.to_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    Ok(in_folder(folder, same))
}

/// The names in a folder; none if there is no such folder.
fn names_in(folder: &Path) -> io::Result<Vec<OsString>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

fn in_folder(folder: &Path, mut names: Vec<OsString>) -> Vec<PathBuf> {
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// Folders of thousands of entries, in which something is looked for on account of each entry: each is listed once.
#[derive(Debug, Default)]
pub(crate) struct Listings(HashMap<PathBuf, HashMap<OsString, Vec<OsString>>>);

impl Listings {
    /// As [`find`], for one name.
    pub(crate) fn find(&mut self, folder: &Path, name: &str) -> io::Result<Option<Found>> {
        Ok(chosen(self.entries_named(folder, name)?, name))
    }

    /// As [`twins_of`].
    pub(crate) fn twins_of(&mut self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut same = self.entries_named(folder, name)?;
        same.retain(|entry| entry.file_name() != path.file_name());
        Ok(same)
    }

    fn entries_named(&mut self, folder: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
        if !self.0.contains_key(folder) {
            let mut entries: HashMap<OsString, Vec<OsString>> = HashMap::new();
            for name in names_in(folder)? {
                entries.entry(name.to_ascii_lowercase()).or_default().push(name);
            }
            self.0.insert(folder.to_path_buf(), entries);
        }
        let same = self.0.get(folder).and_then(|entries| entries.get(&*OsString::from(name.to_ascii_lowercase())));
        Ok(in_folder(folder, same.cloned().unwrap_or_default()))
    }
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
    fn a_folder_that_was_listed_once_tells_the_same() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["Policies", "x", "Größe"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let mut listings = Listings::default();
        for _ in 0..2 {
            for name in ["POLICIES", "policies", "X", "Größe", "GRÖSSE", "none"] {
                assert_eq!(listings.find(dir.path(), name).unwrap(), find(dir.path(), &[name]).unwrap(), "{name}");
            }
        }
        assert_eq!(listings.find(&dir.path().join("none"), "x").unwrap(), None);
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
