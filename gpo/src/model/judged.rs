//! Data on their way to views and documents: judged, and hidden where they are a secret.

use polfile::{RecordRef, Value, ValueType};

use super::record::{Text, ValueModel, hex};
use crate::image::registry_reading;
use crate::secret::{self, HIDDEN};

/// Data of a value, and whether they may be shown. Nothing else makes a [`ValueModel`], or hexadecimal digits, of data.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    value_type: ValueType,
    data: &'a [u8],
    hidden: bool,
    read: fn(ValueType, &[u8]) -> Option<Value>,
}

/// As a policy file's records are read.
fn strictly(value_type: ValueType, data: &[u8]) -> Option<Value> {
    Value::decode(value_type, data).ok()
}

impl<'a> Judged<'a> {
    /// The data of a value, which stands there.
    pub fn new(key: &str, name: &str, value_type: ValueType, data: &'a [u8]) -> Self {
        let hidden = !secret::are_shown() && secret::is_secret(key, name, value_type, data);
        Self { value_type, data, hidden, read: strictly }
    }

    /// The data of a value of a registry, which holds what programs hand over.
    pub(crate) fn in_registry(key: &str, name: &str, value_type: ValueType, data: &'a [u8]) -> Self {
        Self { read: registry_reading, ..Self::new(key, name, value_type, data) }
    }

    /// The data of a record.
    pub fn record(record: &RecordRef<'a>) -> Self {
        let hidden = !secret::are_shown() && secret::is_secret_record(record);
        Self { value_type: record.value_type, data: record.data, hidden, read: strictly }
    }

    /// The data of a record as a format needs them that is read again.
    pub(crate) fn whole(record: &RecordRef<'a>) -> Self {
        Self { value_type: record.value_type, data: record.data, hidden: false, read: strictly }
    }

    /// Whether the data are hidden.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// The data as their type reads them. `None` where they do not fit the type, or it has no reading.
    pub fn value(&self) -> Option<ValueModel> {
        let value = ValueModel::of(&(self.read)(self.value_type, self.data)?)?;
        let hide = || Text::Valid(HIDDEN.to_owned());
        Some(match value {
            ValueModel::Text(_) if self.hidden => ValueModel::Text(hide()),
            ValueModel::List(texts) if self.hidden => ValueModel::List(texts.iter().map(|_| hide()).collect()),
            shown => shown,
        })
    }

    /// The data in hexadecimal.
    pub fn raw(&self) -> String {
        if self.hidden { HIDDEN.to_owned() } else { hex(self.data) }
    }
}
