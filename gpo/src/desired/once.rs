//! Records of thousands of GPOs, put into a file: they speak of the same values again and again.

use foldhash::{HashMap, HashMapExt as _};
use std::collections::hash_map::Entry;

use polfile::{Action, PolicyFile, Record, RecordRef, Slot};

/// Whether a record undoes nothing, so that of several the order decides nothing but which of one slot is the last.
fn is_orderless(record: &RecordRef<'_>) -> bool {
    matches!(record.action(), Action::Set | Action::CreateKey)
}

/// Puts records into a file. Thousands of GPOs speak of the same values: where nothing is undone, each value is put once,
/// where the first record of it goes, as the last says.
pub(super) fn put_once(onto: &mut PolicyFile, mut records: Vec<Record>) {
    let orderless = |records: &[Record]| records.iter().all(|record| is_orderless(&record.as_ref()));
    if orderless(&records) && onto.records().all(|record| is_orderless(&record)) {
        let mut last: HashMap<Slot, usize> = HashMap::with_capacity(records.len());
        let mut kept: Vec<Record> = Vec::new();
        for record in records {
            let new = record.as_ref();
            match last.entry(new.slot()) {
                Entry::Vacant(slot) => {
                    slot.insert(kept.len());
                    kept.push(record);
                }
                // Spelled as the first record spells it, which the file would keep.
                Entry::Occupied(slot) => {
                    let there = &mut kept[*slot.get()];
                    let old = there.as_ref();
                    *there = RecordRef { key: old.key, value_name: old.value_name, ..new }.to_record();
                }
            }
        }
        records = kept;
    }
    onto.put_all(&records);
}

#[cfg(test)]
mod tests {
    use polfile::Value;

    use super::*;

    /// What one by one gives is what it must be: [`PolicyFile::put`] has tests of its own.
    #[test]
    fn values_put_once_stand_where_and_as_one_by_one() {
        let set = |key: &str, name: &str, n: u32| Record::set(key, name, &Value::Dword(n)).unwrap();
        let there = [set("B", "x", 1), set("A", "x", 1)];
        let mut records = vec![set("a", "X", 2), set("C", "y", 3), Record::create_key("C").unwrap(), set("c", "Y", 4)];
        records.extend([set("b", "z", 5), Record::set("B", "Z", &Value::from("text")).unwrap()]);
        let onto: PolicyFile = there.iter().map(Record::as_ref).collect();
        for undoes in [None, Some(Record::delete_all_values("C").unwrap())] {
            let mut records = records.clone();
            records.extend(undoes);
            records.push(set("C", "y", 6));
            let (mut once, mut each) = (onto.clone(), onto.clone());
            for record in &records {
                each.put(record);
            }
            put_once(&mut once, records);
            assert_eq!(once, each);
        }
    }
}
