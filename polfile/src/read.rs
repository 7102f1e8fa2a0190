//! Reading: the header by binrw, records by nom. Sizes cut the data; separators are only checked.

use std::io::Cursor;

use binrw::BinRead;
use nom::IResult;
use nom::Parser;
use nom::error::ErrorKind as NomKind;

use crate::error::{ErrorKind, Field, Lookalike, ParseError};
use crate::record::{RecordRef, ValueType};
use crate::wide::WideStr;

/// `PReg` and the version: [MS-GPREG] 2.2.1.
#[derive(BinRead)]
#[br(little)]
struct Header {
    signature: [u8; 4],
    version: u32,
}

pub(crate) const SIGNATURE: [u8; 4] = *b"PReg";
pub(crate) const VERSION: u32 = 1;
/// Size of the header in bytes.
pub(crate) const HEADER: usize = 8;

/// Walks over the records of a policy file, in file order, without copying or allocating.
///
/// Accepts and refuses what LGPO.exe 3.0 does, except that data over 1 MiB is accepted.
///
/// # Errors
///
/// Here, if the header is wrong; from the iterator, once, at the first record that is.
/// The records before it have been given out by then.
///
/// ```
/// let file = b"PReg\x01\0\0\0";
/// assert_eq!(polfile::records(file)?.count(), 0);
/// # Ok::<(), polfile::ParseError>(())
/// ```
pub fn records(file: &[u8]) -> Result<Records<'_>, ParseError> {
    header(file)?;
    Ok(Records::at(file, HEADER, 0))
}

fn header(file: &[u8]) -> Result<(), ParseError> {
    let error = |offset, field, kind| Err(ParseError { offset, start: 0, record: None, field, kind });
    if file.is_empty() {
        return error(0, Field::Signature, ErrorKind::Empty);
    }
    match Header::read(&mut Cursor::new(file)) {
        Ok(header) if header.signature != SIGNATURE => {
            error(0, Field::Signature, ErrorKind::NotPolicyFile(Lookalike::of(file)))
        }
        Ok(header) if header.version != VERSION && Lookalike::is_edited(file) => {
            error(4, Field::Version, ErrorKind::NotPolicyFile(Lookalike::TextEditor))
        }
        Ok(header) if header.version != VERSION => {
            error(4, Field::Version, ErrorKind::Version { found: header.version })
        }
        Ok(_) => Ok(()),
        // The only way to fail: fewer than 8 bytes.
        Err(_) if SIGNATURE.starts_with(file.get(..4).unwrap_or(file)) => {
            let (offset, field) = if file.len() < 4 { (0, Field::Signature) } else { (4, Field::Version) };
            error(offset, field, ErrorKind::Truncated { need: 4, have: file.len().saturating_sub(offset) })
        }
        Err(_) => error(0, Field::Signature, ErrorKind::NotPolicyFile(Lookalike::of(file))),
    }
}

/// Iterator over the records of a policy file. See [`records`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    file: &'a [u8],
    rest: &'a [u8],
    index: usize,
}

impl<'a> Records<'a> {
    /// Continues at a byte offset, where the record with this index begins.
    pub(crate) fn at(file: &'a [u8], offset: usize, index: usize) -> Self {
        Self { file, rest: file.get(offset..).unwrap_or_default(), index }
    }

    /// Offset of the first byte that has not been read.
    pub fn offset(&self) -> usize {
        self.file.len().saturating_sub(self.rest.len())
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordRef<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let start = self.offset();
        match record(self.rest) {
            Ok((rest, mut record)) => {
                record.offset = start;
                self.rest = rest;
                self.index = self.index.saturating_add(1);
                Some(Ok(record))
            }
            Err(nom::Err::Error(stop) | nom::Err::Failure(stop)) => {
                self.rest = &[];
                Some(Err(ParseError {
                    offset: self.file.len().saturating_sub(stop.left),
                    start,
                    record: Some(self.index),
                    field: stop.field,
                    kind: stop.kind,
                }))
            }
            Err(nom::Err::Incomplete(_)) => unreachable!("only complete parsers are used"),
        }
    }
}

impl std::iter::FusedIterator for Records<'_> {}

/// Where and why a record stopped making sense. Offsets come from lengths, never from addresses.
pub(crate) struct Stop {
    /// Bytes between the wrong byte and the end of the file.
    left: usize,
    field: Field,
    kind: ErrorKind,
}

impl nom::error::ParseError<&[u8]> for Stop {
    fn from_error_kind(input: &[u8], _: NomKind) -> Self {
        // nom asks for this trait; every parser below builds its own error.
        Self { left: input.len(), field: Field::Start, kind: ErrorKind::Unterminated }
    }

    fn append(_: &[u8], _: NomKind, other: Self) -> Self {
        other
    }
}

pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, Stop>;

/// `[key;value;type;size;data]`: never looks for `]` inside `data`.
pub(crate) fn record(input: &[u8]) -> Parsed<'_, RecordRef<'_>> {
    let (rest, (_, key, _, value_name, _, value_type, _, size, _)) = (
        unit(b'[', Field::Start),
        wide(Field::Key),
        unit(b';', Field::Key),
        wide(Field::ValueName),
        unit(b';', Field::ValueName),
        number(Field::Type),
        unit(b';', Field::Type),
        number(Field::Size),
        unit(b';', Field::Size),
    )
        .parse(input)?;
    let (rest, (data, _)) = (take(size, Field::Data), unit(b']', Field::End)).parse(rest)?;
    Ok((rest, RecordRef { offset: 0, key, value_name, value_type: ValueType(value_type), data }))
}

/// One separator: an ASCII character as a 16-bit unit.
fn unit<'a>(expected: u8, field: Field) -> impl Fn(&'a [u8]) -> Parsed<'a, ()> {
    move |input| match input {
        [low, 0, rest @ ..] if *low == expected => Ok((rest, ())),
        [low, high, ..] => {
            let found = u16::from_le_bytes([*low, *high]);
            stop(input, field, ErrorKind::Separator { expected, found })
        }
        _ => stop(input, field, ErrorKind::Truncated { need: 2, have: input.len() }),
    }
}

/// Text up to its terminator, which is consumed.
fn wide<'a>(field: Field) -> impl Fn(&'a [u8]) -> Parsed<'a, WideStr<'a>> {
    move |input| {
        let split = nul_unit(input).and_then(|at| input.split_at_checked(at));
        match split.and_then(|(text, rest)| Some((WideStr::new(text)?, rest.get(2..)?))) {
            Some((text, rest)) => Ok((rest, text)),
            None => stop(input, field, ErrorKind::Unterminated),
        }
    }
}

/// Offset of the first NUL unit, looked for four units at a time.
pub(crate) fn nul_unit(input: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0001_0001_0001_0001;
    const HIGH: u64 = 0x8000_8000_8000_8000;
    let (fours, rest) = input.as_chunks::<8>();
    for (index, four) in fours.iter().enumerate() {
        let units = u64::from_le_bytes(*four);
        // A unit borrows from its high bit only if it, or one below it, is zero; the lowest hit is exact.
        let zero = units.wrapping_sub(ONES) & !units & HIGH;
        if zero != 0 {
            let unit = usize::try_from(zero.trailing_zeros() / 16).ok()?;
            return index.checked_mul(8)?.checked_add(unit.checked_mul(2)?);
        }
    }
    let at = rest.as_chunks::<2>().0.iter().position(|unit| *unit == [0, 0])?;
    at.checked_mul(2)?.checked_add(input.len().checked_sub(rest.len())?)
}

/// A little-endian 32-bit number.
fn number<'a>(field: Field) -> impl Fn(&'a [u8]) -> Parsed<'a, u32> {
    move |input| match input.split_first_chunk::<4>() {
        Some((bytes, rest)) => Ok((rest, u32::from_le_bytes(*bytes))),
        None => stop(input, field, ErrorKind::Truncated { need: 4, have: input.len() }),
    }
}

/// `size` bytes. Nothing is allocated for them, whatever the file says.
fn take<'a>(size: u32, field: Field) -> impl Fn(&'a [u8]) -> Parsed<'a, &'a [u8]> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    move |input| match input.split_at_checked(size) {
        Some((data, rest)) => Ok((rest, data)),
        None => stop(input, field, ErrorKind::Truncated { need: size, have: input.len() }),
    }
}

fn stop<T>(input: &[u8], field: Field, kind: ErrorKind) -> Parsed<'_, T> {
    Err(nom::Err::Error(Stop { left: input.len(), field, kind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_nul_unit_is_found_wherever_it_lies() {
        for len in 0..40_usize {
            let mut bytes: Vec<u8> = (0..len).flat_map(|i| [if i % 3 == 0 { 0 } else { 1 }, 1]).collect();
            assert_eq!(nul_unit(&bytes), None);
            // A zero byte that is half of two units is no terminator.
            bytes.extend([1, 0, 0, 1]);
            assert_eq!(nul_unit(&bytes), None);
            let at = bytes.len();
            bytes.extend([0, 0, 0, 0, 9]);
            assert_eq!(nul_unit(&bytes), Some(at));
        }
    }

    #[test]
    fn every_way_a_header_can_be_wrong() {
        let kind = |bytes: &[u8]| records(bytes).map(|_| ()).map_err(|e| (e.offset, e.kind)).err();
        assert_eq!(kind(b"PReg\x01\0\0\0"), None);
        assert_eq!(kind(b""), Some((0, ErrorKind::Empty)));
        assert_eq!(kind(b"PRe"), Some((0, ErrorKind::Truncated { need: 4, have: 3 })));
        assert_eq!(kind(b"PReg\x01\0\0"), Some((4, ErrorKind::Truncated { need: 4, have: 3 })));
        assert_eq!(kind(b"PReg\x02\0\0\0"), Some((4, ErrorKind::Version { found: 2 })));
        assert_eq!(kind(b"preg\x01\0\0\0"), Some((0, ErrorKind::NotPolicyFile(Lookalike::Unknown))));
        assert_eq!(kind(b"\x90\x91"), Some((0, ErrorKind::NotPolicyFile(Lookalike::Unknown))));
    }
}
