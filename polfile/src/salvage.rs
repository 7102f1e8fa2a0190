//! What can be saved of a damaged file.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::document::PolicyFile;
use crate::error::{Field, ParseError};
use crate::read::{Records, nul_unit, record, records};
use crate::record::{KeyProblem, RecordRef, ValueType};

/// What is whole in a damaged file, and what is lost. Every byte behind the header is in one of the two.
#[derive(Clone, Debug)]
pub struct Salvage<'a> {
    /// The records that are whole, in file order, as their bytes stand. The first
    /// [`intact`](Self::intact) lie before any damage; the others were found again behind it.
    pub records: Vec<RecordRef<'a>>,
    /// Number of records before the first damage.
    pub intact: usize,
    /// What is lost, in file order. Empty if the file is well-formed.
    pub lost: Vec<Lost>,
    /// Within what is lost: whole frames that may be records, or nothing but data of a record that is lost. Nothing in
    /// the bytes decides which.
    pub doubtful: Vec<RecordRef<'a>>,
}

/// A stretch of bytes that is no whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The bytes, counted from the start of the file.
    pub bytes: Range<usize>,
    /// Why they are no record.
    pub error: ParseError,
}

impl Salvage<'_> {
    /// A well-formed file of the records that are whole.
    pub fn to_file(&self) -> PolicyFile {
        self.records.iter().copied().collect()
    }

    /// As [`to_file`](Self::to_file), with the doubtful ones in their places.
    pub fn to_file_with_doubtful(&self) -> PolicyFile {
        let (before, behind) = self.records.split_at(self.intact);
        before.iter().chain(&self.doubtful).chain(behind).copied().collect()
    }

    /// Number of bytes lost.
    pub fn bytes_lost(&self) -> usize {
        self.lost.iter().map(|lost| lost.bytes.len()).fold(0, usize::saturating_add)
    }
}

/// Keeps every record before the damage, and every later one that surely is one.
///
/// Nothing is repaired or made up. Behind a wrong byte, data that hold brackets, or whole records, look like records of
/// the file. So they are found from its end. A record surely is one if
///
/// * it is whole, and the file ends with it or the next sure record begins right behind it;
/// * a closing bracket stands right before it, and its key is a path ([`KeyProblem`]);
/// * no other whole frame could stand in its place. Of frames that differ in where their key begins, the shortest is
///   meant: no key that is known holds `[`, and one before a key is the end of data that are lost;
/// * the record at the damage does not say that all this is its data, or says what cannot be: more than a MiB, or a
///   number of another size.
///
/// Whole frames that are not sure are [`Salvage::doubtful`]. So is all between two damages, and all before an end that
/// was cut off. A record before the first wrong byte is as it stands: whether a byte of its data, or a size that happens
/// to fit, is damaged cannot be seen.
///
/// # Errors
///
/// If the header is wrong: then nothing says that this is a policy file at all. See [`salvage_without_header`].
///
/// ```
/// use polfile::{PolicyFile, Record, Value, salvage};
/// let mut file = PolicyFile::new();
/// for name in ["A", "B", "C"] {
///     file.put(&Record::set("K", name, &Value::Dword(1))?);
/// }
/// let mut bytes = file.into_bytes();
/// bytes[0x28] = 0xEE; // the bracket that begins record 2
///
/// let saved = salvage(&bytes)?;
/// let names: Vec<String> = saved.records.iter().map(|r| r.value_name.to_string()).collect();
/// assert_eq!((names, saved.intact), (vec!["A".to_owned(), "C".to_owned()], 1));
/// assert_eq!(saved.lost[0].bytes, 0x28..0x48);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn salvage(file: &[u8]) -> Result<Salvage<'_>, ParseError> {
    let mut saved = Salvage { records: Vec::new(), intact: 0, lost: Vec::new(), doubtful: Vec::new() };
    let mut damage = None;
    for record in records(file)? {
        match record {
            Ok(record) => saved.records.push(record),
            Err(error) => damage = Some(error),
        }
    }
    saved.intact = saved.records.len();
    if let Some(error) = damage {
        behind(file, error, &mut saved);
    }
    Ok(saved)
}

/// As [`salvage`], of a file whose header is destroyed; of one that is sound, the same.
///
/// ```
/// use polfile::{PolicyFile, Record, Value, salvage_without_header};
/// let mut file = PolicyFile::new();
/// file.put(&Record::set("K", "A", &Value::Dword(1))?);
/// file.put(&Record::set("K", "B", &Value::Dword(1))?);
/// let mut bytes = file.into_bytes();
/// bytes[..12].fill(0);
/// let saved = salvage_without_header(&bytes);
/// assert_eq!(saved.records.len(), 1);
/// # Ok::<(), polfile::RecordError>(())
/// ```
pub fn salvage_without_header(file: &[u8]) -> Salvage<'_> {
    salvage(file).unwrap_or_else(|error| {
        let mut saved = Salvage { records: Vec::new(), intact: 0, lost: Vec::new(), doubtful: Vec::new() };
        behind(file, error, &mut saved);
        saved
    })
}

/// Finds records behind the damage, and notes what is lost.
fn behind<'a>(file: &'a [u8], error: ParseError, saved: &mut Salvage<'a>) {
    let sure = sure(file, &error);
    let end = sure.first().map_or(file.len(), |first| first.offset);
    saved.doubtful = possible(file, &error, end);
    saved.lost.push(Lost { bytes: error.start..end, error });
    saved.records.extend(sure);
}

/// A whole frame behind the damage.
#[derive(Clone, Copy)]
struct Frame<'a> {
    record: RecordRef<'a>,
    /// Where its key ends: frames with one end of key are the same but for where it begins.
    key_end: usize,
}

/// The records behind the damage that surely are some, walked from the end of the file to the damage.
fn sure<'a>(file: &'a [u8], error: &ParseError) -> Vec<RecordRef<'a>> {
    let by_end = frames_to_the_end(file, error.start);
    let claimed = claimed_data(file, error);
    let mut sure = Vec::new();
    let mut next = file.len();
    while let Some(frames) = by_end.get(&next) {
        let mut of_key: BTreeMap<usize, Vec<&Frame<'_>>> = BTreeMap::new();
        frames.iter().for_each(|frame| of_key.entry(frame.key_end).or_default().push(frame));
        let Some((_, frames)) = of_key.pop_first().filter(|_| of_key.is_empty()) else { break };
        let Some(frame) = frames.into_iter().max_by_key(|frame| frame.record.offset) else { break };
        let start = frame.record.offset;
        if !ends_one(file, start) || claimed.contains(&start) || KeyProblem::of(frame.record.key).is_some() {
            break;
        }
        sure.push(frame.record);
        next = start;
    }
    sure.reverse();
    sure
}

/// By where they end: whole frames behind an offset from which others lead on to the end of the file.
fn frames_to_the_end(file: &[u8], start: usize) -> HashMap<usize, Vec<Frame<'_>>> {
    let mut by_end: HashMap<usize, Vec<Frame<'_>>> = HashMap::new();
    let mut leads = vec![false; file.len().saturating_add(1)];
    leads[file.len()] = true;
    // By parity of the offset: where the next NUL unit stands, and what a frame whose key ends there has behind it.
    let mut rest: [Option<(usize, Option<Frame<'_>>)>; 2] = [None, None];
    for at in (start.saturating_add(1)..file.len()).rev() {
        let parity = at & 1;
        match file.get(at..at.saturating_add(2)) {
            Some(b"\0\0") => rest[parity] = Some((at, None)),
            Some(b"[\0") => {
                let Some((key_end, known)) = &mut rest[parity] else { continue };
                // The brackets of one key have the same rest: it is read once.
                let found = match known {
                    Some(frame) => *frame,
                    None => {
                        let Some(Ok((_, read))) = file.get(at..).map(record) else {
                            // A frame with another beginning of its key is none either.
                            rest[parity] = None;
                            continue;
                        };
                        let frame = Frame { record: RecordRef { offset: at, ..read }, key_end: *key_end };
                        *known = Some(frame);
                        frame
                    }
                };
                let key = file.get(at.saturating_add(2)..*key_end).and_then(crate::wide::WideStr::new);
                let Some(key) = key else { continue };
                let frame = Frame { record: RecordRef { offset: at, key, ..found.record }, ..found };
                let end = frame.record.span().end;
                if leads.get(end).copied().unwrap_or_default() {
                    leads[at] = true;
                    by_end.entry(end).or_default().push(frame);
                }
            }
            _ => {}
        }
    }
    by_end
}

/// The bytes that the record at the damage says are its data, if it gets so far and says what can be.
fn claimed_data(file: &[u8], error: &ParseError) -> Range<usize> {
    let none = 0..0;
    if !matches!(error.field, Field::Data | Field::End) {
        return none;
    }
    // A record without data has the same head.
    let Some((value_type, size, data)) = head(file, error.start) else { return none };
    let fits = match value_type {
        ValueType::DWORD | ValueType::DWORD_BIG_ENDIAN => size == 4,
        ValueType::QWORD => size == 8,
        _ => size <= LARGEST,
    };
    if fits { data..data.saturating_add(size) } else { none }
}

/// More data than this LGPO.exe 3.0 refuses.
const LARGEST: usize = 1 << 20;

/// Type and size of a record at an offset, and where its data begin.
fn head(file: &[u8], start: usize) -> Option<(ValueType, usize, usize)> {
    let key = start.checked_add(2)?;
    let name = key.checked_add(nul_unit(file.get(key..)?)?)?.checked_add(4)?;
    let number = name.checked_add(nul_unit(file.get(name..)?)?)?.checked_add(4)?;
    let u32_at = |at: usize| file.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let (value_type, size) = (u32_at(number)?, u32_at(number.checked_add(6)?)?);
    Some((ValueType(value_type), usize::try_from(size).ok()?, number.checked_add(12)?))
}

/// Whole frames from the damage to `end` that may be records: another begins right behind, and no text stands before.
fn possible<'a>(file: &'a [u8], error: &ParseError, end: usize) -> Vec<RecordRef<'a>> {
    let mut found = Vec::new();
    let mut error = error.clone();
    while let Some(next) = resume(file, &error).filter(|next| *next < end) {
        let mut walk = Records::at(file, next, 0);
        let broken = loop {
            match walk.next() {
                Some(Ok(record)) if record.span().end <= end => found.push(record),
                Some(Err(error)) if error.start < end => break error,
                _ => return found,
            }
        };
        error = broken;
    }
    found
}

/// The next place behind `error` where a record may begin: a complete frame, between brackets or before the end of
/// the file, that does not begin in the middle of a text.
///
/// Every byte is looked at a bounded number of times: all candidates inside one key have the
/// same terminator, and so the same rest.
fn resume(file: &[u8], error: &ParseError) -> Option<usize> {
    // Where the next record begins if nothing but the closing bracket is wrong.
    let behind_bracket = (error.field == Field::End).then(|| error.offset.saturating_add(2));
    let mut same_rest_until = [0_usize; 2]; // by parity of the offset
    for at in error.start.saturating_add(1)..file.len() {
        let Some(rest) = file.get(at..).filter(|rest| rest.starts_with(b"[\0")) else { continue };
        let same_rest_until = &mut same_rest_until[at & 1];
        if at < *same_rest_until {
            continue;
        }
        if behind_bracket != Some(at) && in_the_middle_of_text(file.get(..at).unwrap_or_default()) {
            continue;
        }
        match record(rest) {
            Ok((behind, _)) if behind.is_empty() || behind.starts_with(b"[\0") || ends_one(file, at) => {
                return Some(at);
            }
            _ => match nul_unit(rest) {
                Some(end_of_key) => *same_rest_until = at.saturating_add(end_of_key),
                None => *same_rest_until = usize::MAX,
            },
        }
    }
    None
}

/// Whether a closing bracket stands right before.
fn ends_one(file: &[u8], at: usize) -> bool {
    file.get(..at).is_some_and(|before| before.ends_with(b"]\0"))
}

/// Whether the last unit is a character of a text rather than the end of a record or no text at all.
fn in_the_middle_of_text(before: &[u8]) -> bool {
    let Some(unit) = before.last_chunk::<2>().copied().map(u16::from_le_bytes) else { return false };
    unit != u16::from(b']') && char::from_u32(u32::from(unit)).is_some_and(|c| !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::value::Value;

    fn three(name_of_second: &str) -> (Vec<u8>, Vec<usize>) {
        let mut file = PolicyFile::new();
        for name in ["A", name_of_second, "C"] {
            file.push(Record::set("K", name, &Value::from("text")).unwrap().as_ref());
        }
        let starts = file.records().map(|r| r.offset).collect();
        (file.into_bytes(), starts)
    }

    fn kept(bytes: &[u8]) -> Vec<String> {
        let saved = salvage(bytes).unwrap();
        assert!(PolicyFile::parse(saved.to_file().as_bytes()).is_ok());
        saved.records.iter().map(|r| r.value_name.to_string()).collect()
    }

    #[test]
    fn a_well_formed_file_loses_nothing() {
        let (bytes, _) = three("B");
        let saved = salvage(&bytes).unwrap();
        assert_eq!((saved.intact, saved.lost.len()), (3, 0));
        assert_eq!(saved.to_file().as_bytes(), bytes);
    }

    #[test]
    fn each_separator_that_breaks_costs_one_record() {
        let (bytes, starts) = three("B");
        let names = |records: &[RecordRef<'_>]| records.iter().map(|r| r.value_name.to_string()).collect::<Vec<_>>();
        let second = records(&bytes).unwrap().nth(1).unwrap().unwrap();
        for at in second.span().filter(|at| matches!(bytes[*at], b'[' | b';' | b']')) {
            let mut bytes = bytes.clone();
            bytes[at] = b'x';
            let saved = salvage(&bytes).unwrap();
            if at == second.span().end - 2 {
                // No record ends before the third one now: it could be the rest of one with a bracket in its key.
                assert_eq!(
                    (names(&saved.records), names(&saved.doubtful)),
                    (vec!["A".to_owned()], vec!["C".to_owned()])
                );
                continue;
            }
            assert_eq!(names(&saved.records), ["A", "C"], "byte {at:#x}");
            assert_eq!(saved.lost[0].bytes, starts[1]..starts[2]);
        }
    }

    #[test]
    fn a_bracket_inside_a_key_begins_no_record() {
        let mut file = PolicyFile::new();
        for key in ["K", "Soft[ware", "K"] {
            file.push(Record::set(key, "x", &Value::from(1)).unwrap().as_ref());
        }
        let second = file.record(1).unwrap().offset;
        let mut bytes = file.into_bytes();
        bytes[second] = b'x';
        assert_eq!(kept(&bytes), ["x", "x"]);
    }

    #[test]
    fn what_stands_behind_junk_is_doubtful_and_what_follows_it_is_not() {
        for junk in [&b"\r\0\n\0"[..], b"\r\n\0"] {
            let (mut bytes, starts) = three("B");
            bytes.splice(starts[1]..starts[1], junk.to_vec());
            assert_eq!(kept(&bytes), ["A", "C"]);
            let saved = salvage(&bytes).unwrap();
            assert_eq!(saved.doubtful.iter().map(|r| r.value_name.to_string()).collect::<Vec<_>>(), ["B"]);
            assert_eq!(saved.to_file_with_doubtful().as_bytes(), three("B").0);
        }
    }

    #[test]
    fn a_bracket_at_the_end_of_lost_data_begins_no_record() {
        for data in ["[", "];[", "][", "[x", "a][b"] {
            let mut file = PolicyFile::new();
            let data: Vec<u8> = data.encode_utf16().flat_map(u16::to_le_bytes).collect();
            file.push(Record::new("K".into(), "A".into(), ValueType::BINARY, data).unwrap().as_ref());
            file.push(Record::set(r"Software\K", "B", &Value::Dword(1)).unwrap().as_ref());
            file.push(Record::set(r"Software\K", "C", &Value::Dword(1)).unwrap().as_ref());
            let mut bytes = file.clone().into_bytes();
            bytes[8] = b'x';
            assert_eq!(salvage(&bytes).unwrap().records, [file.record(1).unwrap(), file.record(2).unwrap()]);
        }
    }

    #[test]
    fn a_record_inside_of_data_that_were_cut_off_is_doubtful() {
        let mut inner = PolicyFile::new();
        inner.push(Record::set("K", "Inner", &Value::Dword(1)).unwrap().as_ref());
        let mut file = PolicyFile::new();
        file.push(Record::set("K", "A", &Value::Dword(1)).unwrap().as_ref());
        let data = [b"\x01\0", &inner.as_bytes()[8..], b"rest"].concat();
        file.push(Record::new("K".into(), "Outer".into(), ValueType::BINARY, data).unwrap().as_ref());
        let cut = file.as_bytes().len() - "rest".len() - 2;
        let saved = salvage(&file.as_bytes()[..cut]).unwrap();
        assert_eq!((saved.records.len(), saved.doubtful.len()), (1, 1));
    }

    #[test]
    fn between_two_damages_all_is_doubtful() {
        let mut file = PolicyFile::new();
        for name in ["A", "B", "C", "D", "E"] {
            file.push(Record::set("K", name, &Value::Dword(1)).unwrap().as_ref());
        }
        let starts: Vec<usize> = file.records().map(|record| record.offset).collect();
        let mut bytes = file.into_bytes();
        (bytes[starts[1]], bytes[starts[3]]) = (b'x', b'x');
        assert_eq!(kept(&bytes), ["A", "E"]);
        let saved = salvage(&bytes).unwrap();
        assert_eq!(saved.doubtful.iter().map(|r| r.value_name.to_string()).collect::<Vec<_>>(), ["C"]);
    }

    #[test]
    fn a_size_that_swallows_later_records_gives_them_back() {
        let (mut bytes, _) = three("B");
        let second = records(&bytes).unwrap().nth(1).unwrap().unwrap();
        let size = second.data_offset() - 6;
        bytes[size..size + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(kept(&bytes), ["A", "C"]);
    }

    #[test]
    fn many_brackets_without_a_terminator_take_no_time() {
        let mut bytes = b"PReg\x01\0\0\0x".to_vec();
        bytes.extend(b"\x01[\0".repeat(1 << 20));
        assert_eq!(salvage(&bytes).unwrap().bytes_lost(), bytes.len() - 8);
    }
}
