//! Bringing a target to what is wanted: all its policy files and what goes with them in one plan.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use admx::{Catalog, SideReading, State};
use polfile::{PolicyFile, Slot};

use crate::bookkeeping::{self, Books, Directory, Needs, SideChange};
use crate::compare::{RecordDiff, SideDiff, about, compare};
use crate::desired::{ByKey, Desired, DesiredScope, Overruled, lay, take_out};
use crate::edit::{bytes_of, file_of, parse, refuse_twins, refuse_unsafe};
use crate::error::Error;
use crate::extensions::in_braces;
use crate::plan::Plan;
use crate::scope::Scope;
use crate::target::Target;

/// What has to change.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By scope, in the order in which the sources name them.
    pub sides: Vec<SideOutcome>,
    /// All files to replace.
    pub plan: Plan,
}

/// What has to change of one scope.
#[derive(Debug)]
pub struct SideOutcome {
    /// Whose.
    pub scope: Scope,
    /// The policy file.
    pub path: PathBuf,
    /// What it holds.
    pub before: PolicyFile,
    /// What it has to hold.
    pub after: PolicyFile,
    /// How the two differ, by policy.
    pub diff: SideDiff,
    /// Policies and single records that are as wanted already.
    pub right: usize,
    /// Settings that no source names and that stay.
    pub unmanaged: SideDiff,
    /// What goes with the change.
    pub books: Books,
}

impl SideOutcome {
    /// What a difference is about.
    pub fn slot(&self, diff: &RecordDiff) -> Option<Slot> {
        let of = |file: &PolicyFile, index: usize| file.record(index).map(|record| record.slot());
        let right = diff.right.as_ref().and_then(|record| of(&self.after, record.index));
        right.or_else(|| diff.left.as_ref().and_then(|record| of(&self.before, record.index)))
    }
}

/// Plans what brings a target to what is wanted. Nothing is written.
///
/// A record that is wanted is put where the editor would put it; one that a named policy does not need, or that is to
/// be forgotten, goes; with `prune`, every other one goes, too. What is right already keeps its bytes, and a GPO whose
/// policy files stay keeps its version, unless Windows would not apply them for a reason that a write takes away.
///
/// # Errors
///
/// As [`plan_policy`](crate::edit::plan_policy).
pub fn plan(
    target: &Target,
    catalog: &Catalog,
    desired: &Desired,
    prune: bool,
    directory: &Directory<'_>,
) -> Result<Outcome, Error> {
    refuse_unsafe(target)?;
    let mut outcome = Outcome { plan: Plan::within(&target.root()), ..Outcome::default() };
    let mut directory = directory.clone();
    for wanted in &desired.scopes {
        if wanted.file.is_empty() && wanted.forgotten.is_empty() && !prune {
            continue;
        }
        let file = file_of(target, &wanted.scope)?;
        refuse_twins([Some(&file.file), file.gpt_ini.as_ref()])?;
        let bytes = bytes_of(&file)?;
        let before = match &bytes {
            Some(bytes) => parse(&file, bytes.clone())?,
            None => PolicyFile::new(),
        };
        let brought = bring(&before, wanted, catalog, prune);
        let (after, already_absent) =
            brought.map_err(|overruled| Error::Overruled { path: file.file.path.clone(), overruled })?;
        let side = wanted.scope.side();
        let reading = catalog.read(side, &after);
        let needs = needs(catalog, &catalog.read(side, &before), &reading, wanted, &after);
        if before != after {
            outcome.plan.add(&file.file.path, bytes, after.as_bytes().to_vec());
        }
        let same = before == after && !after.is_empty();
        let because = if same { bookkeeping::ignored(target, &wanted.scope)? } else { None };
        let anew = because.is_some();
        let change = SideChange { file: &file, side, before: &before, after: &after, comments: false, anew };
        let mut books = bookkeeping::plan(target, &change, &needs, &directory, &mut outcome.plan)?;
        books.because = because;
        if let Some(done) = books.directory.as_ref().filter(|done| done.known) {
            directory.planned = Some(done.after);
        }
        let mut managed = after.clone();
        managed.retain(|record| wanted.origins.contains_key(&record.slot()));
        let mut done = SideOutcome {
            scope: wanted.scope.clone(),
            path: file.file.path.clone(),
            diff: compare(Some(catalog), side, &before, &after),
            unmanaged: compare(Some(catalog), side, &managed, &after),
            right: 0,
            before,
            after,
            books,
        };
        done.right = right(&done, wanted, catalog).saturating_add(already_absent);
        outcome.sides.push(done);
    }
    outcome.plan.check()?;
    Ok(outcome)
}

/// The file as it is wanted, and how much that is to be absent is so already.
fn bring(
    before: &PolicyFile,
    wanted: &DesiredScope,
    catalog: &Catalog,
    prune: bool,
) -> Result<(PolicyFile, usize), Box<Overruled>> {
    let side = wanted.scope.side();
    let mut after = before.clone();
    let there: HashSet<Slot> = before.records().map(|record| about(&record)).collect();
    let mut gone: HashSet<Slot> = HashSet::new();
    let mut absent = 0_usize;
    let keyed = ByKey::of(before);
    let forgotten: HashSet<&String> = wanted.forgotten.iter().filter_map(|it| it.what.policy()).collect();
    for policy in &wanted.policies {
        let owned = keyed.owned(catalog, policy, side);
        if forgotten.contains(policy) && owned.is_empty() {
            absent = absent.saturating_add(1);
        }
        gone.extend(owned.iter().map(|record| record.slot()));
    }
    let values: HashSet<Slot> = wanted.forgotten.iter().filter_map(|it| it.what.slot()).collect();
    absent = absent.saturating_add(values.difference(&there).count());
    take_out(&mut after, |record| {
        let slot = record.slot();
        !wanted.origins.contains_key(&slot) && (prune || gone.contains(&slot) || values.contains(&about(record)))
    });
    lay(&mut after, &wanted.file)?;
    Ok((after, absent))
}

/// How many policies and records of what is wanted no difference is about.
fn right(done: &SideOutcome, wanted: &DesiredScope, catalog: &Catalog) -> usize {
    let records = done.diff.policies.iter().flat_map(|policy| &policy.records).chain(&done.diff.records);
    let changed: BTreeSet<Slot> = records.filter_map(|record| done.slot(record)).collect();
    let reading = catalog.read(wanted.scope.side(), &wanted.file);
    let stays = |index: &usize| wanted.file.record(*index).is_some_and(|record| !changed.contains(&record.slot()));
    let policies = reading.policies.iter().filter(|policy| policy.records.iter().all(stays)).count();
    policies.saturating_add(reading.unexplained.iter().filter(|index| stays(index)).count())
}

/// Extensions of the policies that are wanted, and of those that are configured no more.
fn needs<'c>(
    catalog: &'c Catalog,
    before: &SideReading<'_>,
    after: &SideReading<'_>,
    wanted: &DesiredScope,
    file: &PolicyFile,
) -> Needs<'c> {
    let is_wanted =
        |index: &usize| file.record(*index).is_some_and(|record| wanted.origins.contains_key(&record.slot()));
    let configured = |reading: &SideReading<'_>| -> BTreeSet<String> {
        reading.policies.iter().filter(|p| p.state != State::NotConfigured).map(|p| p.policy.id()).collect()
    };
    let stay = configured(after);
    let wanted = after.policies.iter().filter(|policy| policy.records.iter().any(is_wanted));
    let gone = before.policies.iter().filter(|policy| !stay.contains(&policy.policy.id()));
    Needs {
        catalog,
        wanted: wanted.flat_map(|policy| policy.policy.client_extensions()).map(in_braces).collect(),
        gone: gone.flat_map(|policy| policy.policy.client_extensions()).map(in_braces).collect(),
    }
}
