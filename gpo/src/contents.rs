//! All files that a GPO is made of, each with its role: what gpol reads, and what it does not look at.
//!
//! A GPO is more than its two policy files. Its other files belong to extensions of their own (security settings, audit
//! policy, scripts, preferences …), which gpol does not read yet. So that no answer about a GPO is taken for more than
//! it is, whoever gives one lists them: [`of`] is the one place that finds them, [`Role`] the one that says what a file is by its
//! place. What lies there and is none of these is listed as well.
//!
//! Links are not followed and other things than files are not opened: they are listed as what they are. Two folders are no part
//! of a GPO although they may lie in its own: `DataStore`, where a client keeps GPOs of its domain, and `.git`.

mod compare;
mod holds;
mod role;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::scope::Scope;
use crate::target::{Kind, Target};

pub use compare::{Compared, Unequal, compare};
pub use holds::Holds;
pub use role::Role;

/// How deep files of a GPO lie.
const DEEPEST: usize = 16;

/// How many files of one GPO are listed.
const MOST: usize = 100_000;

/// What may lie in a GPO's folder and is no part of it.
const ELSEWHERE: [&str; 2] = ["DataStore", ".git"];

/// A file of a GPO, or something else that lies among its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GpoFile {
    /// What it is, by its place.
    pub role: Role,
    /// Whose it is; `null` for what belongs to no side.
    pub scope: Option<Scope>,
    /// Where it is.
    #[serde(rename = "file", serialize_with = "as_text")]
    pub path: PathBuf,
    /// Path in the GPO, with `/`.
    #[serde(skip)]
    pub name: String,
    /// In bytes; of a folder or a link 0.
    pub size: u64,
    /// Whether gpol reads it: a policy file, the comments on it, `gpt.ini`, the description of a backup.
    pub read: bool,
    /// Whether it sets anything.
    pub holds: Holds,
    /// Why it sets nothing, or why that is not known.
    pub why: Option<String>,
}

fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl GpoFile {
    /// Whether it sets something, or may, that an answer about registry policy does not speak of.
    pub fn is_overlooked(&self) -> bool {
        !self.read && self.role.configures() && self.holds != Holds::Nothing
    }

    /// Whether it belongs to a scope, or to none.
    pub fn is_of(&self, scope: &Scope) -> bool {
        self.scope.as_ref().is_none_or(|own| own == scope)
    }

    /// What people call it: `security settings (GptTmpl.inf)`.
    pub fn what(&self) -> String {
        format!("{} ({})", self.role.name(), self.name.rsplit('/').next().unwrap_or_default())
    }
}

/// Those of some files that set something, or may, and are not looked at.
pub fn overlooked<'f>(files: impl IntoIterator<Item = &'f GpoFile>) -> Vec<GpoFile> {
    files.into_iter().filter(|file| file.is_overlooked()).cloned().collect()
}

/// A GPO, with all files that it is made of.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The GPO's folder.
    pub folder: PathBuf,
    /// Name of the GPO, else its GUID, where there are any.
    pub gpo: Option<String>,
    /// GUID of the GPO, where it has one.
    pub guid: Option<String>,
    /// By the place in the GPO, the computer side first; what lies beside the GPO in a backup comes last.
    pub files: Vec<GpoFile>,
}

/// All files of a target. A policy file alone has none beside it that would belong to it.
///
/// # Errors
///
/// If the folder of the GPO itself cannot be listed. One below it that cannot is listed as such.
pub fn of(target: &Target) -> io::Result<Contents> {
    let mut files = Vec::new();
    for (root, owner) in roots(target) {
        files.extend(listed(&root, owner.as_ref())?);
    }
    let is_twin = |file: &GpoFile| target.sides.iter().all(|side| side.file.path != file.path);
    for file in files.iter_mut().filter(|file| file.role == Role::Policy) {
        // Windows sees one of two that differ by case; gpol reads that one.
        file.read = !is_twin(file);
    }
    if target.kind == Kind::GpoBackup {
        let gpo = roots(target).into_iter().map(|(root, _)| root).next();
        let mut beside = Listing { beside: true, not_below: gpo, ..Listing::default() };
        beside.folder(&target.path, "", DEEPEST)?;
        files.extend(beside.sorted());
    }
    Ok(Contents {
        folder: target.path.clone(),
        gpo: target.name.clone().or_else(|| target.guid.clone()),
        guid: target.guid.clone(),
        files,
    })
}

/// The folders that hold a `gpt.ini` or would, and whose they are where one group's or user's.
fn roots(target: &Target) -> Vec<(PathBuf, Option<Scope>)> {
    let mut roots: Vec<(PathBuf, Option<Scope>)> = Vec::new();
    for side in target.sides.iter().filter(|_| target.kind != Kind::Pol) {
        let Some(root) = side.file.path.parent().and_then(Path::parent) else { continue };
        if roots.iter().all(|(known, _)| known != root) {
            let owner = side.scope.clone().filter(|scope| scope.sid().is_some());
            roots.push((root.to_path_buf(), owner));
        }
    }
    roots
}

/// All files below the folder of a GPO, `owner` being the group or user whose it is alone. None if there is no such folder.
///
/// # Errors
///
/// If the folder cannot be listed.
pub fn listed(root: &Path, owner: Option<&Scope>) -> io::Result<Vec<GpoFile>> {
    let mut listing = Listing { owner: owner.cloned(), ..Listing::default() };
    match listing.folder(root, "", DEEPEST) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Err(error),
        _ => Ok(listing.sorted()),
    }
}

/// Files as they are found.
#[derive(Default)]
struct Listing {
    owner: Option<Scope>,
    /// Whether the folder is that of a backup, which the GPO lies in.
    beside: bool,
    /// A folder whose files are listed elsewhere.
    not_below: Option<PathBuf>,
    files: Vec<GpoFile>,
}

impl Listing {
    fn folder(&mut self, folder: &Path, name: &str, depth: usize) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let own = entry.file_name().to_string_lossy().into_owned();
            if self.not_below.as_ref() == Some(&path) || name.is_empty() && is_elsewhere(&own) {
                continue;
            }
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            if self.files.len() >= MOST {
                self.unseen(path, name, format!("there are more than {MOST} files; no more are listed"));
                return Ok(());
            }
            if kind.is_file() {
                match entry.metadata() {
                    Ok(metadata) => self.add(path, name, metadata.len()),
                    Err(error) => self.unseen(path, name, error.to_string()),
                }
            } else if kind.is_symlink() {
                self.unseen(path, name, "a link, which is not followed".to_owned());
            } else if !kind.is_dir() {
                self.unseen(path, name, "neither file nor folder".to_owned());
            } else if depth == 0 {
                self.unseen(path, name, "the folder lies too deep".to_owned());
            } else if let Err(error) = self.folder(&path, &name, depth - 1) {
                self.unseen(path, name, format!("the folder cannot be listed: {error}"));
            }
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf, name: String, size: u64) {
        let role = Role::of(&name, self.beside);
        let (holds, why) = holds::holds(role, &path, size);
        self.files.push(GpoFile { role, scope: self.scope(&name), path, name, size, read: role.is_read(), holds, why });
    }

    /// Something that is not looked into. As a policy file it is an error of its own where it is read.
    fn unseen(&mut self, path: PathBuf, name: String, why: String) {
        let role = Role::of(&name, self.beside);
        let scope = self.scope(&name);
        let (holds, why) = (Holds::Unknown, Some(why));
        self.files.push(GpoFile { role, scope, path, name, size: 0, read: role.is_read(), holds, why });
    }

    fn scope(&self, name: &str) -> Option<Scope> {
        let first = name.split('/').next().unwrap_or_default();
        match () {
            () if self.beside => None,
            () if first.eq_ignore_ascii_case("Machine") => Some(Scope::Computer),
            () if first.eq_ignore_ascii_case("User") => Some(self.owner.clone().unwrap_or(Scope::User)),
            () => self.owner.clone(),
        }
    }

    fn sorted(mut self) -> Vec<GpoFile> {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.files
    }
}

fn is_elsewhere(name: &str) -> bool {
    ELSEWHERE.iter().any(|other| name.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests;
