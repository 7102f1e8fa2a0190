//! How two policy files differ, by key and value name.

use std::collections::BTreeMap;

use crate::record::RecordRef;
use crate::wide::Folded;

/// One slot in which two files differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference<'l, 'r> {
    /// Only the left file speaks of it.
    OnlyLeft(RecordRef<'l>),
    /// Only the right file speaks of it.
    OnlyRight(RecordRef<'r>),
    /// One sets the value, the other deletes it, or they hold other instructions.
    Action(RecordRef<'l>, RecordRef<'r>),
    /// The types differ (and the data may as well).
    Type(RecordRef<'l>, RecordRef<'r>),
    /// The types are equal, the data differ.
    Data(RecordRef<'l>, RecordRef<'r>),
}

/// Compares two files slot by slot: key and value name in any case, `X` and `**del.X` as one.
///
/// Where a slot has several records, the last one counts, since it wins. Spelling and the order of
/// slots are no difference here; that order matters is the business of [`crate::Registry`].
/// The result is ordered by upper-cased key and value name.
///
/// ```
/// use polfile::{Difference, PolicyFile, Record, Value, diff};
/// let mut left = PolicyFile::new();
/// left.put(&Record::set("K", "X", &Value::Dword(1))?);
/// let mut right = PolicyFile::new();
/// right.put(&Record::set("k", "x", &Value::from("1"))?);
/// assert!(matches!(diff(left.records(), right.records())[..], [Difference::Type(..)]));
/// # Ok::<(), polfile::RecordError>(())
/// ```
pub fn diff<'l, 'r>(
    left: impl IntoIterator<Item = RecordRef<'l>>,
    right: impl IntoIterator<Item = RecordRef<'r>>,
) -> Vec<Difference<'l, 'r>> {
    let mut slots: BTreeMap<Slot, (Option<RecordRef<'l>>, Option<RecordRef<'r>>)> = BTreeMap::new();
    for record in left {
        slots.entry(record.slot()).or_default().0 = Some(record);
    }
    for record in right {
        slots.entry(record.slot()).or_default().1 = Some(record);
    }
    slots.into_values().filter_map(|pair| compare(pair.0, pair.1)).collect()
}

/// What a record speaks of: its key and value in any case, `X` and `**del.X` as one. A record that only creates
/// its key speaks of no value.
///
/// Ordered by upper-cased key and value name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The key.
    pub key: Folded,
    /// The value; a directive that is about several values goes by its own name.
    pub value_name: Folded,
    /// Whether there is a value.
    pub is_value: bool,
}

impl RecordRef<'_> {
    /// What the record speaks of.
    pub fn slot(&self) -> Slot {
        let (key, value_name) = (self.key.fold(), self.value_name_of_slot().fold());
        Slot { key, value_name, is_value: !self.only_creates_key() }
    }
}

fn compare<'l, 'r>(left: Option<RecordRef<'l>>, right: Option<RecordRef<'r>>) -> Option<Difference<'l, 'r>> {
    match (left, right) {
        (Some(l), Some(r)) if l.action().name() != r.action().name() => Some(Difference::Action(l, r)),
        (Some(l), Some(r)) if l.value_type != r.value_type => Some(Difference::Type(l, r)),
        (Some(l), Some(r)) if l.data != r.data => Some(Difference::Data(l, r)),
        (Some(_), Some(_)) | (None, None) => None,
        (Some(l), None) => Some(Difference::OnlyLeft(l)),
        (None, Some(r)) => Some(Difference::OnlyRight(r)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::PolicyFile;
    use crate::record::Record;
    use crate::value::Value;

    #[test]
    fn every_kind_of_difference_is_told_apart() {
        let file = |records: &[Record]| -> PolicyFile { records.iter().map(Record::as_ref).collect() };
        let set = |name: &str, value: Value| Record::set("K", name, &value).unwrap();
        let left = file(&[
            set("same", 1.into()),
            set("data", 1.into()),
            set("type", 1.into()),
            set("action", 1.into()),
            set("left", 1.into()),
            set("twice", 1.into()),
            set("TWICE", 2.into()),
            Record::create_key("K").unwrap(),
        ]);
        let right = file(&[
            set("twice", 2.into()),
            set("right", 1.into()),
            Record::delete_value("K", "ACTION").unwrap(),
            set("type", Value::Qword(1)),
            set("data", 2.into()),
            set("SAME", 1.into()),
            Record::create_key("K").unwrap(),
            set("", 1.into()),
        ]);
        let found: Vec<String> = diff(left.records(), right.records())
            .iter()
            .map(|d| match d {
                Difference::OnlyLeft(l) => format!("left {}", l.value_name),
                Difference::OnlyRight(r) => format!("right {}", r.value_name),
                Difference::Action(l, r) => format!("action {} {}", l.value_name, r.value_name),
                Difference::Type(l, r) => format!("type {} {}", l.value_type, r.value_type),
                Difference::Data(l, r) => format!("data {:?} {:?}", l.data[0], r.data[0]),
            })
            .collect();
        assert_eq!(
            found,
            [
                "right ",
                "action action **del.ACTION",
                "data 1 2",
                "left left",
                "right right",
                "type REG_DWORD REG_QWORD"
            ]
        );
    }
}
