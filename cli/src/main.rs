//! gpol
fn main() {}
