//! What becomes of changes that a crash interrupted.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::history::{Begun, Change, Content, History};
use super::identity::{Fit, Here, Now};
use super::{Recovered, Recovery, TransactionError};
use crate::plan::{CommitError, FileChange, Plan};
use crate::replace;

/// Mends all changes of a target that did not come to their end. The target is locked.
pub(super) fn all(history: &History, here: &Here) -> Result<Vec<Recovered>, TransactionError> {
    let mut recovered = Vec::new();
    for change in history.unfinished()? {
        if !here.touches(&change) {
            continue;
        }
        let begun = history.begun(&change)?;
        let how = match here.fit(&change, &begun)? {
            Fit::Ours => one(history, here, &change, begun)?,
            Fit::Elsewhere => Recovery::Elsewhere(history.open(&change)),
            Fit::No => continue,
        };
        recovered.push(Recovered { id: change.id, how });
    }
    Ok(recovered)
}

/// Finishes a change, or cleans up behind it.
fn one(history: &History, here: &Here, change: &Change, mut begun: Begun) -> Result<Recovery, TransactionError> {
    let nows: Vec<Now> = change.files.iter().map(|file| here.now(change, file)).collect();
    let beyond = nows.iter().find_map(|now| match now {
        Now::Beyond(path) => Some(path),
        _ => None,
    });
    if let Some(path) = beyond {
        return Err(here.beyond(change, path, true));
    }
    put_theirs_back(here, change, &nows)?;
    let mut rest = Plan::default();
    // Which file of the change each of the rest is.
    let mut indexes = Vec::new();
    let mut untouched = true;
    for (index, (file, now)) in change.files.iter().zip(&nows).enumerate() {
        let found = here.content(now)?;
        let (content, after) =
            (found.as_deref().map(Content::of), history.content(change, index, &file.after, "after")?);
        let (Now::Inside(path) | Now::Own(path) | Now::Beyond(path)) = now;
        if content != file.before {
            untouched = false;
            if begun.begun && content != file.after && !is_cut_off(found.as_deref(), after.as_deref()) {
                history.set_aside(change)?;
                return Ok(Recovery::Left(path.clone()));
            }
        }
        if found != after {
            indexes.push(index);
        }
        rest.push(FileChange { path: path.clone(), before: found, after });
    }
    tidy(here, &nows);
    if untouched || !begun.begun {
        remove_folders(here, change);
        history.forget(change);
        return Ok(Recovery::Reverted);
    }
    let temporary = |at: usize| change.temporary(indexes.get(at).copied().unwrap_or(at));
    let begin = |written: &[Option<u64>]| {
        begun.written.resize(change.files.len(), None);
        for (written, index) in written.iter().zip(&indexes) {
            begun.written[*index] = *written;
        }
        history.begin(change, &begun.written)
    };
    if rest.replace(Some(&here.enclosure), temporary, &mut Vec::new(), begin)? {
        history.finish(change)?;
    }
    Ok(Recovery::Finished)
}

/// Puts a file back that another program wrote in the last moment, if the run was killed when that file had changed places
/// with the new one and had not been looked at.
fn put_theirs_back(here: &Here, change: &Change, nows: &[Now]) -> Result<(), TransactionError> {
    for (index, (file, now)) in change.files.iter().zip(nows).enumerate() {
        let Now::Inside(path) = now else { continue };
        let io = |source| CommitError::Io { path: path.clone(), source };
        let Some(place) = here.enclosure.place(path).map_err(io)? else { continue };
        let temporary = OsString::from(change.temporary(index));
        let Ok(Some(out)) = place.read(&temporary) else { continue };
        let Some(new) = place.read(&place.name).map_err(io)? else { continue };
        let is_new = file.after == Some(Content::of(&new)) && file.before.is_some();
        if is_new && file.before != Some(Content::of(&out)) && !new.starts_with(&out) {
            place.folder.rename(&temporary, &place.folder, &place.name).map_err(io)?;
        }
    }
    Ok(())
}

fn tidy(here: &Here, nows: &[Now]) {
    for now in nows {
        if let Now::Inside(path) = now
            && let Ok(Some(place)) = here.enclosure.place(path)
        {
            replace::tidy(&place);
        }
    }
}

/// Takes away folders that a change made and did not fill. One that is not empty belongs to somebody else by now.
fn remove_folders(here: &Here, change: &Change) {
    for folder in change.folders.iter().rev() {
        if let Now::Inside(path) = here.folder_now(change, folder)
            && let Ok(Some(place)) = here.enclosure.place(&path)
        {
            drop(place.folder.remove_dir(&place.name));
        }
    }
}

/// Whether a file holds the beginning of what it shall hold: where files are written in place, a crash leaves that.
fn is_cut_off(found: Option<&[u8]>, after: Option<&[u8]>) -> bool {
    cfg!(windows) && matches!((found, after), (Some(found), Some(after)) if after.starts_with(found))
}

impl Here {
    /// Why a change is not mended or undone from here.
    pub(super) fn beyond(&self, change: &Change, path: &Path, interrupted: bool) -> TransactionError {
        let all = self.identity.path.clone();
        let (id, path, target): (_, PathBuf, _) = (change.id.clone(), path.to_path_buf(), self.given().to_path_buf());
        TransactionError::Beyond { id, path, target, all, interrupted }
    }
}
