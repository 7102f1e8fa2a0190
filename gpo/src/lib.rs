//! gpo
