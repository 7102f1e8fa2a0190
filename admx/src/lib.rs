//! admx
