//! Taking changes back: the plan that puts the files of a change back.

use super::identity::{Here, Now, Recorded, recorded};
use super::{Change, ChangedFile, Content, History, Outcome, TransactionError};
use crate::plan::{FileChange, Plan};
use crate::target::Target;

/// The plan that puts the files of a change of this target back as they were before it: of the last change, if none is named.
///
/// # Errors
///
/// If there is no such change, or a file is not as the change left it.
pub fn undo_plan(target: &Target, history: &History, id: Option<&str>) -> Result<(Change, Plan), TransactionError> {
    let here = Here::open(target)?;
    let Recorded { changes, elsewhere } = recorded(target, history)?;
    let found = match id {
        Some(id) => changes.iter().find(|change| change.id == id),
        None => changes.iter().rfind(|change| change.outcome == Outcome::Done),
    };
    let none = || TransactionError::NoChange {
        id: id.map(str::to_owned),
        target: target.path.clone(),
        elsewhere: elsewhere.iter().map(|change| change.id.clone()).collect(),
    };
    let change = found.ok_or_else(none)?;
    if change.outcome != Outcome::Done {
        return Err(TransactionError::NotMade(change.id.clone()));
    }
    let mut plan = Plan::within(&target.root());
    for (index, file) in change.files.iter().enumerate() {
        let now = here.now(change, file);
        let path = match &now {
            Now::Inside(path) | Now::Own(path) => path.clone(),
            Now::Beyond(path) => return Err(here.beyond(change, path, false)),
        };
        let found = here.content(&now)?;
        if found.as_deref().map(Content::of) != file.after {
            let same = |other: &ChangedFile| (&other.path, &other.below) == (&file.path, &file.below);
            let touches = |later: &&Change| later.id > change.id && later.files.iter().any(same);
            let later = changes.iter().filter(touches).map(|later| later.id.clone()).collect();
            return Err(TransactionError::ChangedSince { path, id: change.id.clone(), later });
        }
        let before = history.content(change, index, &file.before, "before")?;
        plan.push(FileChange { path, before: found, after: before });
    }
    plan.check()?;
    Ok((change.clone(), plan))
}
