//! Records that are wanted, put into a policy file.

use std::collections::HashSet;

use polfile::{PolicyFile, Record, Registry, Slot};

/// Puts records into a file, each in its place; a file that has them all already keeps every byte.
///
/// Where their order decides what comes out, as of a value that is set and then deleted with all others of its key,
/// they stand together in that order, behind the rest.
pub(crate) fn lay(onto: &mut PolicyFile, wanted: &PolicyFile) {
    lay_all(onto, [wanted]);
}

/// As [`lay`], one file after the other; of many, the file is walked through once for all whose order decides nothing.
pub(crate) fn lay_all<'f>(onto: &mut PolicyFile, wanted: impl IntoIterator<Item = &'f PolicyFile>) {
    let mut waiting: Vec<Record> = Vec::new();
    for wanted in wanted {
        let records: Vec<Record> = wanted.records().map(|record| record.to_record()).collect();
        let mut put = PolicyFile::new();
        put.put_all(&records);
        if put == *wanted || outcome(&put) == outcome(wanted) {
            waiting.extend(records);
            continue;
        }
        onto.put_all(&waiting);
        waiting.clear();
        lay_in_order(onto, wanted, records);
    }
    onto.put_all(&waiting);
}

fn lay_in_order(onto: &mut PolicyFile, wanted: &PolicyFile, records: Vec<Record>) {
    let slots: HashSet<Slot> = wanted.records().map(|record| record.slot()).collect();
    let there: Vec<Record> =
        onto.records().filter(|record| slots.contains(&record.slot())).map(|record| record.to_record()).collect();
    if records != there {
        onto.retain(|record| !slots.contains(&record.slot()));
        wanted.records().for_each(|record| onto.push(record));
    }
}

/// What the records come to when they are executed: values set and deleted, keys created and deleted.
fn outcome(file: &PolicyFile) -> Vec<String> {
    let registry = Registry::execute([file]);
    let mut all = Vec::new();
    for key in registry.keys() {
        let path = key.path.as_wide().fold();
        all.push(format!("{path:?} {} {}", key.exists(), key.values_deleted().is_some()));
        for value in key.values() {
            let current = value.current().map(|(_, value_type, data)| (value_type, data));
            all.push(format!("{path:?} {:?} {current:?}", value.name.as_wide().fold()));
        }
    }
    all
}
