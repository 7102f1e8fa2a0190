//! Taking changes back: what is recorded of a target, and the plan that puts its files back.

use std::path::{Path, PathBuf};

use super::{Change, Content, History, Outcome, TransactionError, now, root};
use crate::plan::{FileChange, Plan};
use crate::target::Target;

/// All changes of a target that are recorded, the oldest first.
///
/// # Errors
///
/// If the history cannot be read.
pub fn changes(target: &Target, history: &History) -> Result<Vec<Change>, TransactionError> {
    history.changes_in(&root(target))
}

/// The plan that puts the files of a change of this target back as they were before it: of the last change, if none is named.
///
/// # Errors
///
/// If there is no such change, or a file is not as the change left it.
pub fn undo_plan(target: &Target, history: &History, id: Option<&str>) -> Result<(Change, Plan), TransactionError> {
    let root = root(target);
    let changes = history.changes_in(&root)?;
    let found = match id {
        Some(id) => changes.iter().find(|change| change.id == id),
        None => changes.iter().rfind(|change| change.outcome == Outcome::Done),
    };
    let none = || TransactionError::NoChange { id: id.map(str::to_owned), target: target.path.clone() };
    let change = found.ok_or_else(none)?;
    if change.outcome != Outcome::Done {
        return Err(TransactionError::NotMade(change.id.clone()));
    }
    let mut plan = Plan::default();
    for (index, file) in change.files.iter().enumerate() {
        let path = as_given(target, &root, &file.path);
        let found = now(&path)?;
        if found.as_deref().map(Content::of) != file.after {
            let touches =
                |later: &&Change| later.id > change.id && later.files.iter().any(|other| other.path == file.path);
            let later = changes.iter().filter(touches).map(|later| later.id.clone()).collect();
            return Err(TransactionError::ChangedSince { path, id: change.id.clone(), later });
        }
        let before = history.content(change, index, &file.before, "before")?;
        plan.push(FileChange { path, before: found, after: before });
    }
    Ok((change.clone(), plan))
}

/// A file of the target by the path that the target was given by.
fn as_given(target: &Target, root: &Path, path: &Path) -> PathBuf {
    match path.strip_prefix(root) {
        Ok(rest) if rest.as_os_str().is_empty() => target.path.clone(),
        Ok(rest) => target.path.join(rest),
        Err(_) => path.to_path_buf(),
    }
}
