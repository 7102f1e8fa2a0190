//! Policy files of many GPOs in little memory.
//!
//! The GPOs of a domain speak of the same keys and values, and mostly agree on the data. Each of these is kept once,
//! however many records say it, and nothing else of the files.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use polfile::{PolicyFile, RecordRef, ValueType, WideStr};
use serde::{Serialize, Serializer};

use crate::model::RecordModel;

/// A policy file that shares its texts and data with others.
#[derive(Clone, Debug, Default)]
pub struct SharedFile(Box<[SharedRecord]>);

#[derive(Clone, Debug)]
struct SharedRecord {
    offset: usize,
    key: Arc<[u8]>,
    value_name: Arc<[u8]>,
    value_type: ValueType,
    data: Arc<[u8]>,
}

impl SharedRecord {
    fn as_ref(&self) -> RecordRef<'_> {
        // They were text before, so none is of an odd length.
        let text = |bytes| WideStr::new(bytes).unwrap_or_default();
        RecordRef {
            offset: self.offset,
            key: text(&self.key),
            value_name: text(&self.value_name),
            value_type: self.value_type,
            data: &self.data,
        }
    }
}

impl SharedFile {
    /// Whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The records in file order, each with its place in the file that was read.
    pub fn records(&self) -> impl Iterator<Item = RecordRef<'_>> {
        self.0.iter().map(SharedRecord::as_ref)
    }

    /// One record.
    pub fn record(&self, index: usize) -> Option<RecordIn<'_>> {
        self.0.get(index).map(|record| RecordIn { index, record })
    }

    /// The file as it was read.
    pub fn to_file(&self) -> PolicyFile {
        self.records().collect()
    }
}

/// A record where it stands. Of what thousands of GPOs say, most is never shown, so its model is made when it is.
#[derive(Clone, Copy, Debug)]
pub struct RecordIn<'p> {
    index: usize,
    record: &'p SharedRecord,
}

impl<'p> RecordIn<'p> {
    /// The record.
    pub fn record(&self) -> RecordRef<'p> {
        self.record.as_ref()
    }

    /// Whether both write the same data of the same type, shown or hidden.
    pub fn has_data_of(&self, other: &Self) -> bool {
        (self.record.value_type, &self.record.data) == (other.record.value_type, &other.record.data)
    }

    /// As it is shown.
    pub fn model(&self) -> RecordModel {
        RecordModel::new(self.index, &self.record())
    }
}

impl Serialize for RecordIn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.model().serialize(serializer)
    }
}

/// What the files that were read so far have in common. Any thread may add one.
#[derive(Debug, Default)]
pub struct Sharing(Mutex<HashSet<Arc<[u8]>, RandomState>>);

impl Sharing {
    /// Keeps the records of a file.
    pub fn keep(&self, file: &PolicyFile) -> SharedFile {
        // Nothing is half done if a thread panics between two texts.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut one = |bytes: &[u8]| match known.get(bytes) {
            Some(known) => known.clone(),
            None => {
                let new: Arc<[u8]> = bytes.into();
                known.insert(new.clone());
                new
            }
        };
        let records = file.records().map(|record| SharedRecord {
            offset: record.offset,
            key: one(record.key.as_bytes()),
            value_name: one(record.value_name.as_bytes()),
            value_type: record.value_type,
            data: one(record.data),
        });
        SharedFile(records.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_afterwards_and_what_files_share_is_there_once() {
        let sharing = Sharing::default();
        let bytes = fixtures::synthetic(64 << 10, 1);
        let file = PolicyFile::from_bytes(bytes.clone()).unwrap();
        let kept = [sharing.keep(&file), sharing.keep(&file)];
        for kept in &kept {
            assert!(kept.records().eq(file.records()), "offsets included");
            assert_eq!(kept.to_file().as_bytes(), bytes);
        }
        assert!(kept[0].0.iter().zip(&kept[1].0).all(|(a, b)| Arc::ptr_eq(&a.key, &b.key)));
        assert!(kept[0].0.iter().zip(&kept[1].0).all(|(a, b)| Arc::ptr_eq(&a.data, &b.data)));
        assert_eq!(kept[0].record(3).map(|third| third.record()), file.record(3));
        assert!(kept[0].record(file.len()).is_none());
    }
}
