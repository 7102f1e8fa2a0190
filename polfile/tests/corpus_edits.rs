//! Edits and salvage on real files: what stands there stays, what is whole is never lost.

mod corpus;

use polfile::{Action, Folded, PolicyFile, Record, RecordRef, Value, WideString, salvage};

/// Every accepted file of the corpus, once. `None` without a corpus.
fn files() -> Option<Vec<(String, PolicyFile)>> {
    let folder = corpus::folder()?;
    let files = corpus::accepted_files(&folder);
    assert!(files.len() > 150, "{} files", files.len());
    Some(files.into_iter().map(|(path, bytes)| (path, PolicyFile::from_bytes(bytes).expect("well-formed"))).collect())
}

/// Place of a key in the tree: parents first, then by upper-cased name.
fn place(record: RecordRef<'_>) -> Vec<Folded> {
    record.key.components().map(|component| component.fold()).collect()
}

fn in_tree_order(file: &PolicyFile) -> bool {
    file.records().map(place).is_sorted()
}

/// Whether another record of the file speaks of the same slot.
fn repeated(file: &PolicyFile, record: &RecordRef<'_>) -> bool {
    file.records().filter(|other| other.same_slot(record)).count() > 1
}

#[test]
fn putting_a_files_own_records_again_changes_nothing() {
    let Some(files) = files() else { return };
    let (mut same, mut repeats) = (0, 0);
    for (path, original) in &files {
        let mut file = original.clone();
        for record in original.records() {
            if file.put(&record.to_record()) {
                assert!(repeated(original, &record), "{path}: {record:?}");
                file.clone_from(original);
                repeats += 1;
            } else {
                same += 1;
            }
        }
        assert_eq!(&file, original, "{path}");
    }
    println!("{same} records put again; {repeats} more, in slots that the file has twice");
    assert!(same > 5_000, "{same}");
}

#[test]
fn a_new_value_that_is_forgotten_again_leaves_no_trace() {
    let Some(files) = files() else { return };
    for (path, original) in files.iter().filter(|(_, file)| !file.is_empty()) {
        let mut file = original.clone();
        let key = original.record(original.len() / 2).unwrap().key.to_wide_string();
        for (key, name) in [
            (key, "gpol was here"),
            (WideString::from(r"SOFTWARE\Policies\gpol\Was\Here"), "x"),
            (WideString::from("A"), "first of all"),
        ] {
            let new = Record::set(key.clone(), name, &Value::Dword(1)).unwrap();
            assert!(file.put(&new), "{path}");
            assert_eq!(file.len(), original.len() + 1);
            assert_eq!(in_tree_order(&file), in_tree_order(original), "{path}: a new key goes to its place");
            assert_eq!(file.forget(key.as_wide(), new.as_ref().value_name), 1, "{path}");
            assert_eq!(&file, original, "{path}");
        }
    }
}

#[test]
fn a_value_that_is_changed_and_changed_back_leaves_no_trace() {
    let Some(files) = files() else { return };
    for (path, original) in &files {
        let mut file = original.clone();
        for record in original.records().step_by(7) {
            // With data, a record that only creates its key would be another slot.
            if record.action() == Action::CreateKey || repeated(original, &record) {
                continue;
            }
            let data = [record.data, b"more"].concat();
            let other = RecordRef { data: &data, ..record };
            assert!(file.put(&other.to_record()), "{path}: {record:?}");
            assert!(file.put(&record.to_record()), "{path}: {record:?}");
            assert_eq!(&file, original, "{path}: {record:?}");
        }
    }
}

/// What decides where a new key goes: the Group Policy editor writes keys in the order of their tree.
#[test]
fn most_real_files_are_in_tree_order() {
    let Some(files) = files() else { return };
    let found: Vec<_> = files.iter().filter(|(path, _)| !path.starts_with("lgpo/edge/")).collect();
    let (ordered, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, file)| in_tree_order(file));
    for (path, _) in &other {
        println!("not in tree order: {path}");
    }
    println!("{} of {} files are in tree order", ordered.len(), ordered.len() + other.len());
    assert!(ordered.len() > 9 * other.len());
}

/// Small files of different writers: few enough bytes for each to be cut off or turned over.
fn small_files(files: &[(String, PolicyFile)], below: usize) -> Vec<&(String, PolicyFile)> {
    let mut small: Vec<_> = files
        .iter()
        .filter(|(_, file)| file.as_bytes().len() < below && file.len() > 3)
        .filter(|(path, _)| !path.starts_with("lgpo/edge/"))
        .collect();
    small.sort_by_key(|(_, file)| std::cmp::Reverse(file.as_bytes().len()));
    small.dedup_by_key(|(path, _)| path.split('/').nth(1).map(str::to_owned));
    small.truncate(5);
    assert!(!small.is_empty());
    small
}

#[test]
fn a_file_cut_off_anywhere_keeps_the_records_before_the_cut() {
    let Some(files) = files() else { return };
    for (path, file) in small_files(&files, 4_000) {
        println!("{path}: {} bytes, {} records", file.as_bytes().len(), file.len());
        for cut in 8..file.as_bytes().len() {
            let saved = salvage(&file.as_bytes()[..cut]).unwrap();
            let whole: Vec<_> = file.records().filter(|record| record.span().end <= cut).collect();
            assert_eq!(saved.records, whole, "{path}: {cut} bytes");
            assert_eq!(saved.intact, whole.len(), "{path}: {cut} bytes");
            let rest = whole.last().map_or(8, |record| record.span().end)..cut;
            assert_eq!(saved.bytes_lost(), rest.len(), "{path}: {cut} bytes");
        }
    }
}

#[test]
fn a_byte_turned_over_anywhere_costs_no_record_but_its_own() {
    let Some(files) = files() else { return };
    let small = small_files(&files, 1_500);
    let (path, file) = small.first().unwrap();
    println!("{path}: {} bytes, {} records", file.as_bytes().len(), file.len());
    let mut swallowed = 0;
    for at in 8..file.as_bytes().len() {
        for bits in [1, 2, 4, 8, 16, 32, 64, 128, 0xFF] {
            let mut bytes = file.as_bytes().to_vec();
            bytes[at] ^= bits;
            let saved = salvage(&bytes).unwrap();
            for record in file.records().filter(|record| !record.span().contains(&at)) {
                // A size that goes beyond the end may be right, of a file that was cut off: then all behind is doubtful.
                if saved.records.contains(&record) || saved.doubtful.contains(&record) {
                    continue;
                }
                // A size that was turned into another that fits: the later record is now data of
                // the earlier, and nothing in the file says otherwise.
                let around = saved.records.iter().find(|kept| kept.span().end >= record.span().end);
                let around = around.unwrap_or_else(|| panic!("{path}: byte {at:#x}, bits {bits:#x}: lost {record:?}"));
                assert!(around.span().contains(&at) && around.span().start <= record.offset, "{path}: byte {at:#x}");
                swallowed += 1;
            }
        }
    }
    println!("{swallowed} times a record became the data of the one before it");
    assert!(swallowed < 20, "{swallowed}");
}
