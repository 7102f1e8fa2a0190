//! Reading the policy files of a target, and planning a change of them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::io;
use std::path::PathBuf;

use admx::{Catalog, DefaultUsed, Policy, PolicyReading, Side, State, Wanted, write_set};
use polfile::{PolicyFile, RecordRef, Slot};

use crate::bookkeeping::{self, Books, Directory, Needs, SideChange};
use crate::comments::Comments;
use crate::error::Error;
use crate::extensions::in_braces;
use crate::limits;
use crate::place::Found;
use crate::plan::Plan;
use crate::scope::Scope;
use crate::target::{Hibernation, SideFile, Target};

/// Reads a policy file. One that is not there is an empty policy.
///
/// # Errors
///
/// If it cannot be read, or is malformed.
pub fn read(side: &SideFile) -> Result<PolicyFile, Error> {
    match bytes_of(side)? {
        Some(bytes) => parse(side, bytes),
        None => Ok(PolicyFile::new()),
    }
}

/// Reads a policy file that is there. One that is gone by the time it is read, or a link that leads nowhere, cannot be
/// read; that is not the same as no policy.
///
/// # Errors
///
/// As [`read`].
pub fn read_there(side: &SideFile) -> Result<Option<PolicyFile>, Error> {
    let path = &side.file.path;
    let io = |source| Error::Io { path: path.clone(), source };
    match fs::symlink_metadata(path) {
        Ok(_) => match side.root.read(path, limits::POLICY_FILE).map_err(io)? {
            Some(bytes) => parse(side, bytes).map(Some),
            None => Err(io(io::ErrorKind::NotFound.into())),
        },
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(io(error)),
    }
}

pub(crate) fn bytes_of(side: &SideFile) -> Result<Option<Vec<u8>>, Error> {
    let bytes = side.root.read(&side.file.path, limits::POLICY_FILE);
    bytes.map_err(|source| Error::Io { path: side.file.path.clone(), source })
}

pub(crate) fn parse(side: &SideFile, bytes: Vec<u8>) -> Result<PolicyFile, Error> {
    PolicyFile::parse(&bytes).map_err(|error| Error::Malformed { path: side.file.path.clone(), bytes, error })
}

/// Administrators' comments of a side. A file that is not there holds none.
///
/// # Errors
///
/// If it cannot be read or understood.
pub fn comments_of(side: &SideFile) -> Result<Comments, Error> {
    let Some(place) = &side.comments else { return Ok(Comments::new()) };
    let path = &place.path;
    match side.root.read(path, limits::TEXT).map_err(|source| Error::Io { path: path.clone(), source })? {
        Some(bytes) => Comments::parse(bytes).map_err(|error| Error::Comments { path: path.clone(), error }),
        None => Ok(Comments::new()),
    }
}

/// The policy file of a scope.
///
/// # Errors
///
/// If the target has only the other side, or no per-user local GPOs.
pub fn file_of(target: &Target, scope: &Scope) -> Result<SideFile, Error> {
    let (path, side) = (target.path.clone(), scope.side());
    target.file(scope).ok_or_else(|| match target.kind {
        _ if !target.sides.is_empty() && target.sides.iter().all(|file| file.side() == Some(other(side))) => {
            Error::OtherSide { path, has: other(side), wanted: side }
        }
        kind => Error::NoScope { path, kind, scope: scope.clone() },
    })
}

fn other(side: Side) -> Side {
    match side {
        Side::Computer => Side::User,
        Side::User => Side::Computer,
    }
}

/// What a change of one policy would do.
#[derive(Debug)]
pub struct PolicyChange<'c> {
    /// The policy file, before.
    pub before: PolicyFile,
    /// The policy file, after.
    pub after: PolicyFile,
    /// The policy.
    pub policy: &'c Policy,
    /// The side.
    pub side: Side,
    /// Whose policy it is.
    pub scope: Scope,
    /// Elements that got no input and took their default.
    pub defaults: Vec<DefaultUsed>,
    /// What the policy's records read back as, which is not always the state that was wanted.
    pub reads_as: State,
    /// The comment, where it changes.
    pub comment: Option<CommentChange>,
    /// What goes with it.
    pub books: Books,
    /// The files to replace.
    pub plan: Plan,
}

/// What happens to an administrator's comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentChange {
    /// The file of comments.
    pub file: PathBuf,
    /// The comment before.
    pub before: Option<String>,
    /// The comment after.
    pub after: Option<String>,
}

impl<'c> PolicyChange<'c> {
    /// What the policy is before the change.
    pub fn reading_before(&self, catalog: &'c Catalog) -> PolicyReading<'c> {
        catalog.read_policy(self.policy, self.side, &self.before)
    }

    /// What the policy is after the change.
    pub fn reading_after(&self, catalog: &'c Catalog) -> PolicyReading<'c> {
        catalog.read_policy(self.policy, self.side, &self.after)
    }

    /// The records that change, as [`changed_records`] tells them.
    pub fn records(&self) -> Vec<(Option<RecordRef<'_>>, Option<RecordRef<'_>>)> {
        changed_records(&self.before, &self.after)
    }
}

/// How one file becomes another: the records that do not stay, byte for byte and in their order, each beside the one that
/// takes its place, if it speaks of the same value. A record that moves goes and comes.
///
/// Told from the two files alone, so that one that a change took along is among them: a repeat of a record, or one that is
/// spelled in another letter case now.
pub fn changed_records<'f>(
    before: &'f PolicyFile,
    after: &'f PolicyFile,
) -> Vec<(Option<RecordRef<'f>>, Option<RecordRef<'f>>)> {
    let bytes = |file: &'f PolicyFile| -> Vec<&'f [u8]> {
        file.records().map(|record| file.as_bytes().get(record.span()).unwrap_or_default()).collect()
    };
    let stays = kept(&bytes(before), &bytes(after));
    let (mut gone, mut new): (HashSet<usize>, HashSet<usize>) =
        ((0..before.len()).collect(), (0..after.len()).collect());
    for (old, same) in &stays {
        gone.remove(old);
        new.remove(same);
    }
    let mut by_slot: HashMap<Slot, Vec<usize>> = HashMap::new();
    for (index, record) in after.records().enumerate().filter(|(index, _)| new.contains(index)) {
        by_slot.entry(record.slot()).or_default().push(index);
    }
    // The last one of several takes the place of the last.
    let mut pairs: Vec<(Option<usize>, Option<usize>)> = Vec::new();
    for (index, record) in before.records().enumerate().rev().filter(|(index, _)| gone.contains(index)) {
        let successor = by_slot.get_mut(&record.slot()).and_then(Vec::pop);
        pairs.push((Some(index), successor));
    }
    pairs.reverse();
    pairs.extend(by_slot.into_values().flatten().map(|index| (None, Some(index))));
    let slot = |(old, new): &(Option<usize>, Option<usize>)| {
        let old = old.and_then(|index| before.record(index));
        old.or_else(|| new.and_then(|index| after.record(index))).map(|record| record.slot())
    };
    pairs.sort_by_cached_key(|pair| (slot(pair), *pair));
    let record = |file: &'f PolicyFile, index: Option<usize>| index.and_then(|index| file.record(index));
    pairs.into_iter().map(|(old, new)| (record(before, old), record(after, new))).collect()
}

/// Which items stay: pairs of places in both, ascending in both. As many as there can be where little changes; of what is
/// left between equal beginnings and ends, each is looked up once and the longest run of ascending places counts.
fn kept(before: &[&[u8]], after: &[&[u8]]) -> Vec<(usize, usize)> {
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let shorter = before.len().min(after.len()).saturating_sub(head);
    let tail = before.iter().rev().zip(after.iter().rev()).take(shorter).take_while(|(a, b)| a == b).count();
    let middle = |all: &[&[u8]]| head..all.len().saturating_sub(tail);
    // Equal items stand for each other in their order.
    let mut places: HashMap<&[u8], VecDeque<usize>> = HashMap::new();
    for at in middle(after) {
        places.entry(after[at]).or_default().push_back(at);
    }
    let found = middle(before)
        .filter_map(|at| Some((at, places.get_mut(before[at]).and_then(VecDeque::pop_front)?)))
        .collect::<Vec<_>>();
    let mut stays: Vec<(usize, usize)> = (0..head).map(|at| (at, at)).collect();
    stays.extend(longest_ascending(&found));
    stays.extend((1..=tail).rev().map(|from_end| (before.len() - from_end, after.len() - from_end)));
    stays
}

/// The longest run of pairs, ascending by their second numbers.
fn longest_ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // By length of a run: the pair it can end with that leaves most room; and for each pair the one before it.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    for (index, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].1 < pair.1);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut run: Vec<_> = std::iter::successors(ends.last().copied(), |&at| before[at]).map(|at| pairs[at]).collect();
    run.reverse();
    run
}

/// Plans a new state of a policy. Nothing is written; see [`Plan::commit`].
///
/// A `comment` is written beside the policy; an empty one is taken out. It changes nothing for Windows, so it
/// raises no version. The plan is empty if no file would change. A GPO's version rises with its policy file, or if
/// the state is there already and Windows would not apply it for a reason that a write takes away,
/// and its extension list names what Windows must run, wherever the target keeps both; `directory` says how
/// the half of a domain GPO that is in Active Directory is to be changed.
///
/// # Errors
///
/// [`Error`] if a file is malformed or not the only one of its name, if the state cannot be written, or if
/// the target's other half cannot be changed along.
pub fn plan_policy<'c>(
    target: &Target,
    catalog: &'c Catalog,
    policy: &'c Policy,
    scope: &Scope,
    wanted: &Wanted,
    comment: Option<&str>,
    directory: &Directory<'_>,
) -> Result<PolicyChange<'c>, Error> {
    refuse_unsafe(target)?;
    let (side, file) = (scope.side(), &file_of(target, scope)?);
    refuse_twins([Some(&file.file), file.gpt_ini.as_ref(), file.comments.as_ref().filter(|_| comment.is_some())])?;
    let bytes = bytes_of(file)?;
    let before = match &bytes {
        Some(bytes) => parse(file, bytes.clone())?,
        None => PolicyFile::new(),
    };
    let mut after = before.clone();
    let set = write_set(policy, side, wanted)?;
    set.apply(catalog, &mut after);
    let mut change = PolicyChange {
        before,
        after,
        policy,
        side,
        scope: file.scope.clone().unwrap_or_else(|| scope.clone()),
        defaults: set.defaults.clone(),
        reads_as: set.reads_as,
        comment: None,
        books: Books::default(),
        plan: Plan::within(&file.root),
    };
    if change.before != change.after {
        change.plan.add(&file.file.path, bytes, change.after.as_bytes().to_vec());
    }
    if let Some(comment) = comment {
        plan_comment(file, &mut change, comment)?;
    }
    let extensions = policy.client_extensions().into_iter().map(in_braces).collect();
    let (wanted, gone) = if set.records.is_empty() { (Vec::new(), extensions) } else { (extensions, Vec::new()) };
    let same = change.before == change.after && !change.after.is_empty();
    let because = if same { bookkeeping::ignored(target, &change.scope)? } else { None };
    let changed = SideChange {
        file,
        side,
        before: &change.before,
        after: &change.after,
        comments: change.comment.is_some(),
        anew: because.is_some(),
    };
    change.books = bookkeeping::plan(target, &changed, &Needs { catalog, wanted, gone }, directory, &mut change.plan)?;
    change.books.because = because;
    change.plan.check()?;
    Ok(change)
}

/// Refuses targets on which a change would be lost, or do harm.
pub(crate) fn refuse_unsafe(target: &Target) -> Result<(), Error> {
    if target.is_cached() {
        return Err(Error::Cached(target.path.clone()));
    }
    match target.hibernation().map_err(|source| Error::Io { path: target.path.clone(), source })? {
        Hibernation::Active(file) => Err(Error::Hibernated { path: target.path.clone(), file }),
        Hibernation::None | Hibernation::Unclear(_) => Ok(()),
    }
}

/// Refuses to write one of several entries that differ only by case.
pub(crate) fn refuse_twins<'a>(places: impl IntoIterator<Item = Option<&'a Found>>) -> Result<(), Error> {
    match places.into_iter().flatten().find_map(|found| Some((found, found.twins.first()?))) {
        Some((place, twin)) => Err(Error::Twins { path: place.path.clone(), twin: twin.clone() }),
        None => Ok(()),
    }
}

fn plan_comment(side: &SideFile, change: &mut PolicyChange<'_>, text: &str) -> Result<(), Error> {
    let policy = change.policy;
    let Some(place) = &side.comments else {
        return Err(Error::NoPlaceForComments(side.file.path.clone()));
    };
    let path = &place.path;
    let bytes = side.root.read(path, limits::TEXT).map_err(|source| Error::Io { path: path.clone(), source })?;
    let mut comments = comments_of(side)?;
    let before = comments.get(&policy.namespace, &policy.name);
    let changed = match text {
        "" => comments.remove(&policy.namespace, &policy.name),
        text => comments
            .set(&policy.namespace, &policy.name, text)
            .map_err(|error| Error::Comments { path: path.clone(), error })?,
    };
    if changed {
        change.plan.add(path, bytes, comments.as_bytes().to_vec());
        let after = comments.get(&policy.namespace, &policy.name);
        change.comment = Some(CommentChange { file: path.clone(), before, after });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use polfile::{Record, Value};

    fn file(names: &[(&str, u32)]) -> PolicyFile {
        let record = |(name, n): &(&str, u32)| Record::set("K", *name, &Value::Dword(*n)).unwrap();
        let records: Vec<Record> = names.iter().map(record).collect();
        records.iter().map(Record::as_ref).collect()
    }

    /// `old->new` for each record that does not stay, with the places in both files.
    fn told(before: &[(&str, u32)], after: &[(&str, u32)]) -> Vec<String> {
        let (before, after) = (file(before), file(after));
        let place = |file: &PolicyFile, record: Option<RecordRef<'_>>| match record {
            Some(record) => {
                let index = file.records().position(|other| other.offset == record.offset).unwrap();
                format!("{index}:{}={}", record.value_name, record.data[0])
            }
            None => String::new(),
        };
        let changed = changed_records(&before, &after);
        changed.into_iter().map(|(old, new)| format!("{}->{}", place(&before, old), place(&after, new))).collect()
    }

    #[test]
    fn a_record_that_goes_with_another_is_told() {
        let (a, b, x) = (("a", 1), ("b", 1), ("x", 1));
        assert_eq!(told(&[a, x, b], &[a, x, b]), [""; 0]);
        assert_eq!(told(&[a, x, b, x], &[a, b, x]), ["1:x=1->"], "one of two that are alike");
        assert_eq!(told(&[x, a, ("X", 2)], &[a, ("X", 3)]), ["0:x=1->", "2:X=2->1:X=3"]);
        assert_eq!(told(&[a, x], &[a, ("X", 1)]), ["1:x=1->1:X=1"], "another letter case is another record");
        assert_eq!(told(&[a, b, x], &[b, x, a]), ["0:a=1->2:a=1"], "one that moves goes and comes");
        assert_eq!(told(&[], &[a]), ["->0:a=1"]);
        assert_eq!(told(&[a, b], &[]), ["0:a=1->", "1:b=1->"]);
    }
}
