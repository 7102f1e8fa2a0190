//! gpol's own JSON of a policy file, `gpol.records/1`: lossless both ways, unless secrets are hidden.

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
pub struct Listed<I> {
    records: I,
    model: fn(usize, &RecordRef<'_>) -> RecordModel,
}

impl<'a, I: Iterator<Item = RecordRef<'a>> + Clone> Listed<I> {
    /// As [`Records::new`].
    pub fn new(records: I) -> Self {
        Self { records, model: RecordModel::new }
    }

    /// As [`Records::whole`].
    pub fn whole(records: I) -> Self {
        Self { records, model: RecordModel::whole }
    }
}

impl<'a, I: Iterator<Item = RecordRef<'a>> + Clone> Serialize for Listed<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Records", 2)?;
        fields.serialize_field("schema", SCHEMA)?;
        fields.serialize_field("records", &Models(self))?;
        fields.end()
    }
}

struct Models<'i, I>(&'i Listed<I>);

impl<'a, I: Iterator<Item = RecordRef<'a>> + Clone> Serialize for Models<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let models = self.0.records.clone().enumerate().map(|(index, record)| (self.0.model)(index, &record));
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
    /// As [`JsonError::Json`], of a text that may hold secrets: nothing of it is quoted.
    #[error("{0}")]
    Unquoted(String),
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
    /// The model of records in file order, for people and programs that look at them. Secrets are hidden, so that it is
    /// lossless only without any; [`parse`] refuses it then.
    pub fn new<'a>(records: impl IntoIterator<Item = RecordRef<'a>>) -> Self {
        let records = records.into_iter().enumerate().map(|(index, record)| RecordModel::new(index, &record)).collect();
        Self { schema: SCHEMA.to_owned(), records }
    }

    /// The model of records in file order, with all that they hold.
    pub fn whole<'a>(records: impl IntoIterator<Item = RecordRef<'a>>) -> Self {
        let records = records.into_iter().enumerate().map(|(i, record)| RecordModel::whole(i, &record)).collect();
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
