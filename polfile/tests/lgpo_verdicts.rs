//! Files are accepted and refused as Windows' own tool does: LGPO.exe 3.0 was asked about each.

mod corpus;

use corpus::Verdict;
use fixtures::{PolBuilder, REG_BINARY};
use polfile::{Action, ErrorKind, ParseError, PolicyFile, RecordRef, Value, records};

/// The verdicts that the corpus holds: 403 on found files, 64 on files made to be awkward.
const FOUND: usize = 403;
const MADE: usize = 64;

/// All verdicts, each with the file's bytes. `None` without a corpus.
fn verdicts() -> Option<Vec<(Verdict, Vec<u8>)>> {
    let folder = corpus::folder()?;
    let (found, made) = corpus::verdicts(&folder);
    assert_eq!((found.len(), made.len()), (FOUND, MADE));
    let with_bytes = |verdict: Verdict| {
        let bytes = corpus::read(&folder, &verdict.path);
        (verdict, bytes)
    };
    Some(found.into_iter().chain(made).map(with_bytes).collect())
}

#[test]
fn every_file_gets_the_verdict_that_lgpo_gives_it() {
    let Some(verdicts) = verdicts() else { return };
    let same = verdicts.iter().filter(|(verdict, bytes)| {
        let ours = PolicyFile::parse(bytes);
        let same = ours.is_ok() == verdict.accepts;
        if !same {
            println!("{}: LGPO accepts: {}; ours: {:?}", verdict.path, verdict.accepts, ours.err());
        }
        same
    });
    assert_eq!(same.count(), FOUND + MADE);
}

#[test]
fn every_accepted_file_is_written_back_byte_for_byte() {
    let Some(verdicts) = verdicts() else { return };
    let mut count = 0;
    for (verdict, bytes) in verdicts.iter().filter(|(verdict, _)| verdict.accepts) {
        let file = PolicyFile::parse(bytes).unwrap();
        assert_eq!(file.as_bytes(), bytes, "{}", verdict.path);
        let written: PolicyFile = records(bytes).unwrap().map(Result::unwrap).collect();
        assert_eq!(written.as_bytes(), bytes, "{}", verdict.path);
        let from_owned: Vec<_> = file.records().map(|record| record.to_record()).collect();
        let written: PolicyFile = from_owned.iter().map(|record| record.as_ref()).collect();
        assert_eq!(written, file, "{}", verdict.path);
        count += 1;
    }
    assert_eq!(count, 307 + 43);
}

#[test]
fn every_refused_file_has_its_error_inside() {
    let Some(verdicts) = verdicts() else { return };
    for (verdict, bytes) in verdicts.iter().filter(|(verdict, _)| !verdict.accepts) {
        let error = PolicyFile::parse(bytes).unwrap_err();
        assert!(error.start <= error.offset, "{}: {error}", verdict.path);
        // What is cut off right at a field's beginning is missed at the end of the file.
        let at_the_end = matches!(error.kind, ErrorKind::Empty | ErrorKind::Truncated { have: 0, .. });
        assert_eq!(error.offset >= bytes.len(), at_the_end, "{}: {error}", verdict.path);
        assert!(error.offset <= bytes.len(), "{}: {error}", verdict.path);
    }
}

/// How our reason for refusing a file relates to the one LGPO.exe gives.
#[derive(Debug, PartialEq, Eq)]
enum Reasons {
    Same,
    /// It refuses over 1 MiB before it looks whether the file has so much. A size of our own
    /// invention would refuse files that Windows may accept; ours is what the file can't hold.
    TooLargeIsCutOffHere,
    /// Where a separator reaches over the end of the file, it reads on as if zeros followed, and
    /// finds the wrong character; here the file is said to be cut off.
    ZerosBehindTheEndAreCutOffHere,
    Differ,
}

fn compare(message: &str, bytes: &[u8], error: &ParseError) -> Reasons {
    let cut_off = matches!(error.kind, ErrorKind::Truncated { .. } | ErrorKind::Unterminated);
    if let Some((expected, found)) = separator(message) {
        return match error.kind {
            ErrorKind::Separator { expected: ours, found: at } if (ours, at) == (expected, found) => Reasons::Same,
            ErrorKind::Truncated { need: 2, .. } if with_zeros(&bytes[error.offset..]) == found => {
                Reasons::ZerosBehindTheEndAreCutOffHere
            }
            _ => Reasons::Differ,
        };
    }
    let same = match message.trim_end() {
        "Parser error.  Unexpected end of file." => cut_off,
        "Invalid file format.  Expected headers not found." => {
            matches!(error.kind, ErrorKind::NotPolicyFile(_) | ErrorKind::Version { .. })
        }
        zero if zero.contains("(zero-length)") => error.kind == ErrorKind::Empty,
        size if size.contains("too large") && cut_off => return Reasons::TooLargeIsCutOffHere,
        _ => false,
    };
    if same { Reasons::Same } else { Reasons::Differ }
}

/// The first unit, if zeros followed.
fn with_zeros(rest: &[u8]) -> u16 {
    rest.iter().take(2).rev().fold(0, |unit, byte| unit << 8 | u16::from(*byte))
}

/// The two characters of `Expected ']', found character 0x00000077`.
fn separator(message: &str) -> Option<(u8, u16)> {
    let (_, rest) = message.split_once("Expected '")?;
    let (expected, found) = rest.split_once("', found character 0x")?;
    let found = u32::from_str_radix(found.trim_end(), 16).expect("a number in hexadecimal");
    Some((*expected.as_bytes().first()?, u16::try_from(found).expect("a 16-bit unit")))
}

#[test]
fn every_refused_file_is_refused_for_the_reason_that_lgpo_gives() {
    let Some(verdicts) = verdicts() else { return };
    let mut counts = [0; 3];
    for (verdict, bytes) in verdicts.iter().filter(|(verdict, _)| !verdict.accepts) {
        let error = PolicyFile::parse(bytes).unwrap_err();
        let reasons = compare(&verdict.message, bytes, &error);
        println!("{reasons:?}: {}: LGPO: {}; ours: {error}", verdict.path, verdict.message);
        match reasons {
            Reasons::Same => counts[0] += 1,
            Reasons::TooLargeIsCutOffHere => counts[1] += 1,
            Reasons::ZerosBehindTheEndAreCutOffHere => counts[2] += 1,
            Reasons::Differ => panic!("{}: LGPO: {}; ours: {error}", verdict.path, verdict.message),
        }
    }
    assert_eq!(counts, [114, 1, 2]);
}

#[test]
fn data_over_the_one_mebibyte_of_lgpo_are_accepted() {
    for size in [1 << 20, (1 << 20) + 1, 3 << 20] {
        let data = vec![b'x'; size];
        let file = PolBuilder::new().record("K", "V", REG_BINARY, &data).dword("K", "W", 1).build();
        let parsed = PolicyFile::parse(&file).unwrap();
        assert_eq!(parsed.len(), 2);
        assert_eq!(parsed.record(0).unwrap().data, data);
        assert_eq!(parsed.as_bytes(), file);
    }
}

/// One record of an LGPO text: key, value name, and what is done.
type Entry = (String, String, String);

/// What LGPO.exe writes of a record, with all but the numbers left out of the data.
fn entry(record: RecordRef<'_>) -> Entry {
    let name = record.value_name.to_string();
    let (name, done) = match record.action() {
        Action::DeleteValue(name) => (name.to_string(), "DELETE".to_owned()),
        Action::DeleteAllValues => ("*".to_owned(), "DELETEALLVALUES".to_owned()),
        Action::CreateKey => ("*".to_owned(), "CREATEKEY".to_owned()),
        Action::DeleteKeys(keys) => {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            (keys.join(";"), "DELETEKEYS".to_owned())
        }
        _ => match record.value() {
            Ok(Value::Dword(number)) => (name, format!("DWORD:{number}")),
            Ok(Value::Qword(number)) => (name, format!("QWORD:{number}")),
            _ => (name, String::new()),
        },
    };
    (record.key.to_string(), name, done)
}

/// The same of the text: four lines a record, the last of them empty.
fn entries(text: &[u8]) -> Vec<Entry> {
    let text: String = text.iter().map(|byte| char::from(*byte)).collect();
    // A type that its own text has no word for stands in a comment.
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix("; ").unwrap_or(line)).collect();
    let mut entries = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| **line == "Computer") {
        if let [key, name, data] = lines[at + 1..at + 4] {
            entries.push((key.to_owned(), name.to_owned(), data.to_owned()));
        }
    }
    entries
}

#[test]
fn every_record_says_what_lgpo_reads_in_it() {
    let Some(folder) = corpus::folder() else { return };
    let mut records = 0;
    for (path, text) in corpus::lgpo_texts(&folder) {
        let bytes = corpus::read(&folder, &path);
        let theirs = entries(&corpus::read(&folder, &text));
        let ours: Vec<Entry> = PolicyFile::parse(&bytes).unwrap().records().map(entry).collect();
        assert_eq!(ours.len(), theirs.len(), "{path}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let done = if ours.2.is_empty() { &ours.2 } else { &theirs.2 };
            assert_eq!((&ours.0, &ours.1, &ours.2), (&theirs.0, &theirs.1, done), "{path}");
            records += 1;
        }
    }
    assert_eq!(records, 10_474);
}
