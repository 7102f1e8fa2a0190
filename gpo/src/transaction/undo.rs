//! Taking changes back: which change is meant, and the plan that puts its files back.
//!
//! Each undo goes one change further back, and a redo brings back what was undone last. Both are changes like any other.
//! The files of a local GPO and of a backup come back byte for byte. Of a domain GPO the version goes forward, in `GPT.INI`
//! and in Active Directory: clients compare counters for being other than the one that they know, and one that applied the
//! change, or slept meanwhile, must not find a number that it knows with other contents.

use std::collections::{HashMap, HashSet};

use polfile::PolicyFile;

use super::identity::{Here, Now, Recorded, recorded};
use super::{Change, ChangedFile, History, Outcome, TransactionError};
use crate::bookkeeping::{self, Books, Directory, DirectoryError, DirectoryWrite, TakenBack};
use crate::enclosure::canonical;
use crate::error::Error;
use crate::gpt_ini::GptIni;
use crate::plan::{FileChange, Plan};
use crate::target::{Kind, SideFile, Target};

/// Which change is to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// The last one that is in effect.
    Last,
    /// The last undo, unless something was changed since.
    LastUndo,
    /// The one of this id, be it an undo or not.
    Id(&'a str),
}

/// What taking a change back does.
#[derive(Debug)]
pub struct Undo {
    /// The change that is taken back.
    pub change: Change,
    /// The files to replace.
    pub plan: Plan,
    /// Version and extension lists of a domain GPO, side by side.
    pub books: Vec<Books>,
}

/// Plans to put the files of a change of this target back as they were before it.
///
/// An LDIF file that the change wrote is no file of the target: it may have been imported and thrown away, and is left as
/// it is. `directory` says how the half of a domain GPO that is in Active Directory is to be changed, as for any change.
///
/// # Errors
///
/// If there is no such change, if a file is not as the change left it, or if nobody said how the other half of a domain GPO
/// is to be changed.
pub fn undo_plan(
    target: &Target,
    history: &History,
    which: Which<'_>,
    directory: &Directory<'_>,
) -> Result<Undo, Error> {
    let here = Here::open(target)?;
    let Recorded { changes, elsewhere } = recorded(target, history)?;
    let change = chosen(target, &changes, &elsewhere, which)?;
    if target.kind != Kind::GpoSysvol && directory.write != DirectoryWrite::Undecided {
        return Err(DirectoryError::NotOfADomain { path: target.path.clone(), kind: target.kind }.into());
    }
    let gpt_ini = target.gpt_ini().filter(|_| target.kind == Kind::GpoSysvol).map(|found| canonical(&found.path));
    let mut undo = Undo { change: change.clone(), plan: Plan::within(&target.root()), books: Vec::new() };
    let mut version_file = None;
    for (index, file) in change.files.iter().enumerate() {
        let after = history.content(change, index, &file.after, "after")?;
        if is_ldif(file, after.as_deref()) {
            continue;
        }
        let now = here.now(change, file);
        let path = match &now {
            Now::Inside(path) | Now::Own(path) => path.clone(),
            Now::Beyond(path) => return Err(here.beyond(change, path, false).into()),
        };
        let found = here.content(&now).map_err(TransactionError::from)?;
        let before = history.content(change, index, &file.before, "before")?;
        let versioned = gpt_ini.as_ref() == Some(&canonical(&path));
        let same = match versioned {
            true => same_but_version(found.as_deref(), after.as_deref()),
            false => found == after,
        };
        if !same {
            let same = |other: &ChangedFile| (&other.path, &other.below) == (&file.path, &file.below);
            let touches = |later: &&Change| later.id > change.id && later.files.iter().any(same);
            let later = changes.iter().filter(touches).map(|later| later.id.clone()).collect();
            return Err(TransactionError::ChangedSince { path, id: change.id.clone(), later }.into());
        }
        match versioned {
            true => version_file = Some((FileChange { path, before: found, after: before }, after)),
            false => undo.plan.push(FileChange { path, before: found, after: before }),
        }
    }
    if let Some((file, left)) = version_file {
        let taken = TakenBack {
            change,
            file,
            left,
            sides: target
                .sides
                .iter()
                .map(|side| Ok((side, contents(side, &undo.plan)?)))
                .collect::<Result<_, Error>>()?,
        };
        undo.books = bookkeeping::take_back(target, taken, directory, &mut undo.plan)?;
    }
    undo.plan.check()?;
    Ok(undo)
}

/// The change that is meant.
fn chosen<'c>(
    target: &Target,
    changes: &'c [Change],
    elsewhere: &[Change],
    which: Which<'_>,
) -> Result<&'c Change, TransactionError> {
    let none = |id: Option<&str>| TransactionError::NoChange {
        id: id.map(str::to_owned),
        target: target.path.clone(),
        elsewhere: elsewhere.iter().map(|change| change.id.clone()).collect(),
    };
    let in_effect = in_effect(changes);
    let last =
        |is: &dyn Fn(&Change) -> bool| changes.iter().rfind(|change| in_effect.contains(&*change.id) && is(change));
    match which {
        Which::Id(id) => {
            let change = changes.iter().find(|change| change.id == id);
            let change = change.ok_or_else(|| none(Some(id)))?;
            if change.outcome != Outcome::Done {
                return Err(TransactionError::NotMade(change.id.clone()));
            }
            match in_effect.contains(&*change.id) {
                true => Ok(change),
                false => Err(TransactionError::TakenBack(change.id.clone())),
            }
        }
        Which::Last => last(&|change| change.undoes.is_none()).ok_or_else(|| match in_effect.is_empty() {
            true => none(None),
            false => TransactionError::AllTakenBack(target.path.clone()),
        }),
        Which::LastUndo => {
            let newest = changes.iter().rfind(|change| change.outcome == Outcome::Done && change.undoes.is_none());
            let undo = last(&|change| is_undo(changes, change));
            undo.filter(|undo| newest.is_none_or(|newest| newest.id < undo.id))
                .ok_or_else(|| TransactionError::NothingTakenBack(target.path.clone()))
        }
    }
}

/// The ids of the changes that were made and are not taken back. To take an undo back brings back what it had taken.
fn in_effect(changes: &[Change]) -> HashSet<&str> {
    let by_id: HashMap<&str, &Change> = changes.iter().map(|change| (&*change.id, change)).collect();
    let mut in_effect = HashSet::new();
    for change in changes.iter().filter(|change| change.outcome == Outcome::Done) {
        let (mut next, mut made) = (Some(change), true);
        while let Some(change) = next {
            match made {
                true => in_effect.insert(&*change.id),
                false => in_effect.remove(&*change.id),
            };
            made = !made;
            next = undone(&by_id, change);
        }
    }
    in_effect
}

/// The change that this one took back; an earlier one, whatever the record says.
fn undone<'c>(by_id: &HashMap<&str, &'c Change>, change: &Change) -> Option<&'c Change> {
    let undone = by_id.get(change.undoes.as_deref()?)?;
    (undone.id < change.id).then_some(*undone)
}

/// Whether a change takes another back: an undo of an undo does not, it brings one back.
fn is_undo(changes: &[Change], change: &Change) -> bool {
    let by_id: HashMap<&str, &Change> = changes.iter().map(|change| (&*change.id, change)).collect();
    let mut undo = change.undoes.is_some();
    let mut next = undone(&by_id, change);
    while let Some(earlier) = next.filter(|earlier| earlier.undoes.is_some()) {
        undo = !undo;
        next = undone(&by_id, earlier);
    }
    undo
}

impl Change {
    /// The change that this one brings back, if it is the undo of an undo.
    pub fn brings_back<'c>(&self, changes: &'c [Self]) -> Option<&'c str> {
        let undo = changes.iter().find(|change| Some(&change.id) == self.undoes.as_ref())?;
        undo.undoes.as_deref().filter(|_| !is_undo(changes, self))
    }
}

/// Whether a file of a change is the LDIF file that it wrote for Active Directory.
fn is_ldif(file: &ChangedFile, after: Option<&[u8]>) -> bool {
    file.before.is_none() && after.is_some_and(|text| text.starts_with(b"dn: CN={"))
}

/// Whether two `gpt.ini` say the same but for the version, which others raise, too.
fn same_but_version(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    let bare = |bytes: Option<&[u8]>| {
        let mut ini = GptIni::parse(bytes?.to_vec()).ok()?;
        ini.set_version(0.into());
        Some(ini.as_bytes().to_vec())
    };
    a == b || matches!((bare(a), bare(b)), (Some(a), Some(b)) if a == b)
}

/// The policy file of a side, as it is and as the plan leaves it.
fn contents(side: &SideFile, plan: &Plan) -> Result<(PolicyFile, PolicyFile), Error> {
    let parse = |bytes: Option<Vec<u8>>| match bytes {
        Some(bytes) => crate::edit::parse(side, bytes),
        None => Ok(PolicyFile::new()),
    };
    let real = canonical(&side.file.path);
    let planned = plan.files().iter().find(|file| canonical(&file.path) == real);
    Ok(match planned {
        Some(file) => (parse(file.before.clone())?, parse(file.after.clone())?),
        None => {
            let file = crate::edit::read(side)?;
            (file.clone(), file)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: &str, undoes: Option<&str>) -> Change {
        let text = serde_json::json!({
            "schema": "gpol.change/1", "id": id, "time": "", "user": null, "gpol": "", "command": [], "reason": null,
            "undoes": undoes, "plan": "", "files": [], "folders": [],
        });
        Change { outcome: Outcome::Done, ..serde_json::from_value(text).unwrap() }
    }

    #[test]
    fn each_undo_goes_one_further_back_and_each_redo_one_forward() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("gpt.ini"), "").unwrap();
        let target = Target::open(dir.path()).unwrap();
        let mut changes: Vec<Change> = ["01", "02", "03"].map(|id| change(id, None)).into();
        // undo, redo, or another change; and what each takes back, by hand.
        for (step, expected) in [
            ("undo", Some("03")), // is 04
            ("undo", Some("02")), // is 05
            ("redo", Some("05")), // is 06
            ("undo", Some("02")), // is 07
            ("undo", Some("01")), // is 08
            ("undo", None),
            ("redo", Some("08")), // is 09
            ("redo", Some("07")), // is 10
            ("redo", Some("04")), // is 11
            ("redo", None),
            ("undo", Some("03")), // is 12
            ("change", None),     // is 13
            ("redo", None),
            ("undo", Some("13")), // is 14
            ("undo", Some("02")), // is 15
            ("redo", Some("15")), // is 16
            ("redo", Some("14")), // is 17
            ("redo", None),
        ] {
            let next = format!("{:02}", changes.len() + 1);
            if step == "change" {
                changes.push(change(&next, None));
                continue;
            }
            let which = if step == "undo" { Which::Last } else { Which::LastUndo };
            let found = chosen(&target, &changes, &[], which).ok().map(|change| change.id.clone());
            assert_eq!(found.as_deref(), expected, "{step}, which would be {next}");
            changes.extend(found.map(|found| change(&next, Some(&found))));
        }
        assert_eq!(changes[5].brings_back(&changes), Some("02"));
        assert_eq!(changes[6].brings_back(&changes), None);
    }
}
