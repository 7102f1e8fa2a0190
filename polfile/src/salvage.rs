//! What can be saved of a damaged file.

use std::ops::Range;

use crate::document::PolicyFile;
use crate::error::{Field, ParseError};
use crate::read::{Records, nul_unit, record, records};
use crate::record::RecordRef;

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

    /// Number of bytes lost.
    pub fn bytes_lost(&self) -> usize {
        self.lost.iter().map(|lost| lost.bytes.len()).fold(0, usize::saturating_add)
    }
}

/// Keeps every record before the damage, and every later one found again.
///
/// Behind a wrong byte, a record is found again where a complete frame stands (all six separators,
/// both terminators and the declared size fit), the file ends with it or the next frame begins
/// right behind, and no text stands right before it, unless that is where the closing bracket is
/// wrong. Nothing is repaired or made up. In practice, data that themselves hold the bytes of a
/// policy file can look like records if the damage hits the record around them, so
/// records behind the damage are worth a look.
///
/// # Errors
///
/// If the header is wrong: then nothing says that this is a policy file at all.
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
    let mut walk = records(file)?;
    let mut saved = Salvage { records: Vec::new(), intact: 0, lost: Vec::new() };
    loop {
        let error = match walk.next() {
            Some(Ok(record)) => {
                saved.records.push(record);
                continue;
            }
            Some(Err(error)) => error,
            None => break,
        };
        if saved.lost.is_empty() {
            saved.intact = saved.records.len();
        }
        let start = error.start;
        let next = resume(file, &error);
        saved.lost.push(Lost { bytes: start..next.unwrap_or(file.len()), error });
        match next {
            Some(next) => walk = Records::at(file, next, saved.records.len()),
            None => break,
        }
    }
    if saved.lost.is_empty() {
        saved.intact = saved.records.len();
    }
    Ok(saved)
}

/// The next place behind `error` where a record can be trusted to begin: a complete frame, followed by
/// another `[` or by the end of the file, that does not begin in the middle of a text.
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
            Ok((behind, _)) if behind.is_empty() || behind.starts_with(b"[\0") => return Some(at),
            _ => match nul_unit(rest) {
                Some(end_of_key) => *same_rest_until = at.saturating_add(end_of_key),
                None => *same_rest_until = usize::MAX,
            },
        }
    }
    None
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
        let second = records(&bytes).unwrap().nth(1).unwrap().unwrap();
        for at in second.span().filter(|at| matches!(bytes[*at], b'[' | b';' | b']')) {
            let mut bytes = bytes.clone();
            bytes[at] = b'x';
            assert_eq!(kept(&bytes), ["A", "C"], "byte {at:#x}");
            assert_eq!(salvage(&bytes).unwrap().lost[0].bytes, starts[1]..starts[2]);
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
    fn junk_between_records_is_lost_alone() {
        let (mut bytes, starts) = three("B");
        bytes.splice(starts[1]..starts[1], *b"\r\0\n\0");
        assert_eq!(kept(&bytes), ["A", "B", "C"]);
        let (mut bytes, starts) = three("B");
        bytes.splice(starts[1]..starts[1], *b"\r\n\0");
        assert_eq!(kept(&bytes), ["A", "B", "C"]);
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
