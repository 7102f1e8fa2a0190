//! The files of `fixtures/pol/`: each proves the sentence that is its name.

use fixtures::{Verdict, pol_files};
use polfile::{PolicyFile, records, salvage};

#[test]
fn every_fixture_is_accepted_or_refused_as_it_says() {
    let mut counts = [0, 0];
    for (name, bytes, verdict) in pol_files() {
        let parsed = PolicyFile::parse(&bytes);
        match verdict {
            Verdict::Accepted => {
                let file = parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(file.as_bytes(), bytes, "{name}");
                let written: PolicyFile = records(&bytes).unwrap().map(Result::unwrap).collect();
                assert_eq!(written, file, "{name}");
                counts[0] += 1;
            }
            Verdict::Refused => {
                let error = parsed.expect_err(name);
                assert!(error.start <= error.offset && error.offset <= bytes.len(), "{name}: {error}");
                assert!(error.to_string().contains(error.field.name()), "{name}: {error}");
                counts[1] += 1;
            }
        }
    }
    assert!(counts[0] >= 20 && counts[1] >= 15, "{counts:?}");
}

#[test]
fn nothing_is_lost_by_salvaging_a_file_that_is_accepted() {
    for (name, bytes, verdict) in pol_files() {
        let whole = salvage(&bytes).is_ok_and(|saved| saved.lost.is_empty() && saved.to_file().as_bytes() == bytes);
        assert_eq!(whole, verdict == Verdict::Accepted, "{name}");
    }
}

#[test]
fn sound_records_around_a_damaged_one_are_salvaged() {
    let files = pol_files();
    let (_, bytes, _) = files
        .iter()
        .find(|(name, ..)| *name == "the_middle_record_is_damaged_and_the_rest_is_sound.pol")
        .expect("a file of this name");
    let saved = salvage(bytes).unwrap();
    assert_eq!((saved.records.len(), saved.intact, saved.lost.len()), (2, 1, 1));
}
