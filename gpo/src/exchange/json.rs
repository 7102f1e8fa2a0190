//! gpol's own JSON of a policy file, `gpol.records/1`: lossless both ways.

use polfile::{PolicyFile, RecordRef};
use serde::ser::{SerializeStruct as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::model::{ModelError, RecordModel};

/// Name of the shape; changes only when a field changes its meaning.
pub const SCHEMA: &str = "gpol.records/1";

/// The records of one policy file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// [`SCHEMA`].
    pub schema: String,
    /// In file order.
    pub records: Vec<RecordModel>,
}

/// As [`Records`] to be written, each record's model made when its turn comes.
pub struct Listed<I>(pub I);

impl<'a, I: Iterator<Item = RecordRef<'a>> + Clone> Serialize for Listed<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Records", 2)?;
        fields.serialize_field("schema", SCHEMA)?;
        fields.serialize_field("records", &Models(&self.0))?;
        fields.end()
    }
}

struct Models<'i, I>(&'i I);

impl<'a, I: Iterator<Item = RecordRef<'a>> + Clone> Serialize for Models<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let models = self.0.clone().enumerate().map(|(index, record)| RecordModel::new(index, &record));
        serializer.collect_seq(models)
    }
}

/// Why a JSON text is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// No JSON, or not of this shape; says line and column.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Another schema.
    #[error("schema {0:?}; gpol reads {SCHEMA:?}")]
    Schema(String),
    /// A record that is none.
    #[error("record {}: {error}", index.saturating_add(1))]
    Record {
        /// Place in the list, counted from 0.
        index: usize,
        /// What is wrong with it.
        error: ModelError,
    },
}

impl Records {
    /// The model of records in file order.
    pub fn new<'a>(records: impl IntoIterator<Item = RecordRef<'a>>) -> Self {
        let records = records.into_iter().enumerate().map(|(index, record)| RecordModel::new(index, &record)).collect();
        Self { schema: SCHEMA.to_owned(), records }
    }
}

/// Reads a text. The order of the list is the order of the file; `index` and `offset` are not looked at.
///
/// ```
/// let text = r#"{"schema": "gpol.records/1", "records": [
///     {"key": "Software", "value_name": "X", "type": "REG_DWORD", "value": 1}]}"#;
/// assert_eq!(gpo::exchange::json::parse(text)?.len(), 1);
/// # Ok::<(), gpo::exchange::json::JsonError>(())
/// ```
///
/// # Errors
///
/// [`JsonError`] names line and column, or the record.
pub fn parse(text: &str) -> Result<PolicyFile, JsonError> {
    let model: Records = serde_json::from_str(text)?;
    if model.schema != SCHEMA {
        return Err(JsonError::Schema(model.schema));
    }
    let mut file = PolicyFile::new();
    for (index, record) in model.records.iter().enumerate() {
        let record = record.to_record().map_err(|error| JsonError::Record { index, error })?;
        file.push(record.as_ref());
    }
    Ok(file)
}
