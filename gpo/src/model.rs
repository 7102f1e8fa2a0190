//! The shapes of gpol's JSON contract that several commands share. Plain fields, stable names.

mod hive;
mod judged;
mod policy;
mod record;

pub(crate) use hive::key_path;
pub use hive::{DamageModel, HiveLogModel, HiveModel, HiveStateModel, HiveValueModel, KeyModel};
pub use judged::Judged;
pub use policy::{ElementModel, ElementValueModel, ListEntryModel, PolicyModel};
pub(crate) use record::from_hex;
pub(crate) use record::hex;
pub use record::{ModelError, RecordModel, Text, TypeModel, ValueModel, shown_name};
