//! What is in a policy file, counted in walks over its bytes: memory does not grow with the number of records, but for
//! what a file out of order takes to find records of one value that stand apart.

use std::cmp::Ordering;
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;

use crate::document::tree_order;
use crate::error::ParseError;
use crate::read::{Records, records};
use crate::record::RecordRef;
use crate::wide::WideStr;

/// Counts of a policy file; see [`census`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// How many records there are.
    pub records: usize,
    /// How many keys they name, in any case.
    pub keys: usize,
    /// As [`PolicyFile::is_in_tree_order`](crate::PolicyFile::is_in_tree_order).
    pub in_tree_order: bool,
    /// As [`PolicyFile::repeated`](crate::PolicyFile::repeated).
    pub repeated: Vec<usize>,
}

/// Counts what is in a policy file. `each` sees every record once.
///
/// A file that is out of the order of the key tree takes 16 bytes a record, at most two thirds of it; one in order, that
/// for the records of one key.
///
/// ```
/// use polfile::{PolicyFile, Record, Value, census};
/// let file: PolicyFile = ["X", "Y", "x"]
///     .map(|name| Record::set("K", name, &Value::Dword(1)).expect("a file can hold it"))
///     .iter()
///     .map(Record::as_ref)
///     .collect();
/// let census = census(file.as_bytes(), |_, _| {})?;
/// assert_eq!((census.records, census.keys, census.repeated), (3, 1, vec![0]));
/// # Ok::<(), polfile::ParseError>(())
/// ```
///
/// # Errors
///
/// [`ParseError`] names the first byte that is wrong; `each` has seen the records before it.
pub fn census<'a>(file: &'a [u8], mut each: impl FnMut(usize, &RecordRef<'a>)) -> Result<Census, ParseError> {
    let mut census = Census { in_tree_order: true, ..Census::default() };
    // Neighbours of one key, which are all of that key where the file is in order.
    let mut runs = 0_usize;
    let mut last: Option<WideStr<'_>> = None;
    for record in records(file)? {
        let record = record?;
        if !last.is_some_and(|last| last.eq_ignore_case(record.key)) {
            runs = runs.saturating_add(1);
            census.in_tree_order &= last.is_none_or(|last| tree_order(last, record.key) != Ordering::Greater);
        }
        last = Some(record.key);
        each(census.records, &record);
        census.records = census.records.saturating_add(1);
    }
    let mut apart = Apart::of(file);
    census.keys = if census.in_tree_order { runs } else { apart.keys(runs) };
    let mut repeated = Vec::new();
    let mut last: Option<WideStr<'_>> = None;
    apart.marks.reserve_exact(if census.in_tree_order { 0 } else { census.records });
    for record in records(file)?.flatten() {
        if census.in_tree_order && last.is_some_and(|last| last != record.key && !last.eq_ignore_case(record.key)) {
            apart.repeated(&mut repeated);
        }
        last = Some(record.key);
        apart.note(&record, record.value_name_of_slot());
    }
    apart.repeated(&mut repeated);
    drop(apart);
    repeated.sort_unstable();
    let mut repeated = repeated.into_iter().peekable();
    let indexes = records(file)?.flatten().enumerate();
    if repeated.peek().is_some() {
        census.repeated =
            indexes.filter(|(_, record)| repeated.next_if_eq(&record.offset).is_some()).map(|(at, _)| at).collect();
    }
    Ok(census)
}

/// Records that may be of one slot, or of one key, wherever they stand: those whose marks are the same.
struct Apart<'a> {
    file: &'a [u8],
    hash: RandomState,
    /// The mark of a record and where it begins.
    marks: Vec<(u64, usize)>,
}

impl<'a> Apart<'a> {
    fn of(file: &'a [u8]) -> Self {
        Self { file, hash: RandomState::default(), marks: Vec::new() }
    }

    fn note(&mut self, record: &RecordRef<'_>, name: WideStr<'_>) {
        let mut hasher = self.hash.build_hasher();
        record.key.hash_folded(&mut hasher);
        name.hash_folded(&mut hasher);
        self.marks.push((hasher.finish(), record.offset));
    }

    /// How many keys there are, of records whose neighbours have so many.
    fn keys(&mut self, runs: usize) -> usize {
        self.marks.reserve_exact(runs);
        let mut last: Option<WideStr<'_>> = None;
        for record in Records::at(self.file, crate::read::HEADER, 0).flatten() {
            if !last.is_some_and(|last| last.eq_ignore_case(record.key)) {
                self.note(&record, WideStr::default());
            }
            last = Some(record.key);
        }
        let mut keys = 0_usize;
        self.groups(
            |a, b| a.key.eq_ignore_case(b.key),
            |group| keys = keys.saturating_add(usize::from(!group.is_empty())),
        );
        keys
    }

    /// Where those records begin of whose slot a later one speaks again.
    fn repeated(&mut self, repeated: &mut Vec<usize>) {
        // As the document does: a record that only creates its key counts as one of the default value.
        let same = |a: &RecordRef<'_>, b: &RecordRef<'_>| {
            a.key.eq_ignore_case(b.key) && a.value_name_of_slot().eq_ignore_case(b.value_name_of_slot())
        };
        self.groups(same, |group| repeated.extend(group.iter().rev().skip(1)));
    }

    /// Each group of records that are `same`, by where they begin, ascending. The marks are gone then.
    fn groups(&mut self, same: impl Fn(&RecordRef<'_>, &RecordRef<'_>) -> bool, mut each: impl FnMut(&[usize])) {
        let at = |start: usize| Records::at(self.file, start, 0).next().and_then(Result::ok);
        self.marks.sort_unstable();
        for marked in self.marks.chunk_by(|a, b| a.0 == b.0) {
            // Nearly always one group: different records of one mark are a coincidence.
            let mut groups: Vec<Vec<usize>> = Vec::new();
            if let [(_, only)] = marked {
                each(&[*only]);
                continue;
            }
            for (_, start) in marked {
                let group = groups.iter_mut().find(|group| {
                    let first = group.first().and_then(|&first| at(first));
                    first.zip(at(*start)).is_some_and(|(a, b)| same(&a, &b))
                });
                match group {
                    Some(group) => group.push(*start),
                    None => groups.push(vec![*start]),
                }
            }
            groups.iter().for_each(|group| each(group));
        }
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::PolicyFile;
    use crate::record::Record;
    use crate::value::Value;

    /// The document counts by a set of all slots, in another way.
    #[test]
    fn a_walk_counts_what_the_document_counts() {
        let set = |key: &str, name: &str| Record::set(key, name, &Value::Dword(1)).unwrap();
        let files = [
            vec![],
            vec![set("A", "x"), set("a", "X"), set("A", "y"), set(r"A\B", "x"), Record::create_key("b").unwrap()],
            vec![set("B", "x"), set("A", "x"), set("b", "y"), set("A", "X"), set("B", "X"), set("A", "x")],
            vec![Record::create_key("K").unwrap(), set("K", ""), Record::delete_value("K", "").unwrap()],
        ];
        let keys = [0, 3, 2, 1];
        for (records, keys) in files.iter().zip(keys) {
            let file: PolicyFile = records.iter().map(Record::as_ref).collect();
            let mut seen = 0;
            let census = census(file.as_bytes(), |at, record| {
                assert_eq!((at, record.key), (seen, file.record(at).unwrap().key));
                seen += 1;
            });
            let expected =
                Census { records: file.len(), keys, in_tree_order: file.is_in_tree_order(), repeated: file.repeated() };
            assert_eq!((census, seen), (Ok(expected), file.len()));
        }
    }
}
