//! The shapes of gpol's JSON contract that several commands share. Plain fields, stable names.

mod policy;
mod record;

pub use policy::{ElementModel, ElementValueModel, ListEntryModel, PolicyModel};
pub use record::{ModelError, RecordModel, Text, TypeModel, ValueModel, hex};
