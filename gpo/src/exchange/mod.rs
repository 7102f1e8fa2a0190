//! Exchange formats: policy files as text that people and other tools read and write.

pub mod json;
pub mod lgpo;
