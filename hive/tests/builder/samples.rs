//! Hives that have everything in them a hive can have, and are whole.

use super::{Built, KeySpec, List, SEGMENT, ValueSpec, build, sz, units, utf16};

/// Bytes that differ wherever they lie.
pub fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ (i / 251) as u8).collect()
}

/// A key with values of every type and of all sizes at which something changes.
fn values(minor: u32) -> KeySpec {
    let mut key = KeySpec::new("Values").class("a class name");
    key = key.value("", 1, sz("the default value")).value("text", 1, sz("Größe ⚙ 𝄞")).value("no nul", 1, utf16("abc"));
    key = key.value("expand", 2, sz("%SystemRoot%")).value("multi", 7, utf16("one\0two\0\0"));
    key = key.value("dword", 4, 0xFEED_u32.to_le_bytes()).value("qword", 11, u64::MAX.to_le_bytes());
    key = key.value("big endian", 5, 42_u32.to_be_bytes()).value("link", 6, utf16(r"\Registry\Machine"));
    key = key.value("none", 0, []).value("type 0x20", 0x20, noise(20)).value("type max", u32::MAX, noise(5));
    key = key.value("ключ ⚙", 3, noise(9)).value("größe", 3, noise(9));
    key = key.value("resident 0", 3, []);
    for size in [1, 2, 3, 4] {
        key = key.value(&format!("resident {size}"), 3, noise(size));
        let name = units(&format!("cell {size}"));
        key = key.raw_value(ValueSpec { name, value_type: 3, data: noise(size), in_cell: true });
    }
    let mut sizes = vec![5, 8, 4000, 4096, SEGMENT - 1, SEGMENT];
    sizes.extend([SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1, 100_000, 1_100_000]);
    // hivex refuses values above a limit of its own, 8 MB.
    for size in sizes {
        key = key.value(&format!("size {size}"), 3, noise(size));
    }
    key.value("version", 4, minor.to_le_bytes())
}

/// A hive of this version, with lists of this kind.
pub fn sample(minor: u32, list: List) -> Built {
    let many = (0..40).map(|i| KeySpec::new(&format!("key {i:02}")).value("i", 4, u32::to_le_bytes(i)));
    let deep = (0..30)
        .rev()
        .fold(KeySpec::new("bottom"), |below, level| KeySpec::new(&format!("level {level}")).list(list).key(below));
    let names = ["ASCII", "größe", "ключ", "⚙ gear", "𝄞 clef", "a b", "x.y", "Ÿ"];
    let root = KeySpec::new("ROOT")
        .list(list)
        .key(values(minor))
        .key(KeySpec::new("Many").list(list).keys(many))
        .key(deep)
        .key(KeySpec::new("Names").list(list).keys(names.map(KeySpec::new)))
        .key(KeySpec::new("Link").flags(0x10).value("SymbolicLinkValue", 6, utf16(r"\Registry\Machine\Other")))
        .key(KeySpec::new("Empty"));
    build(minor, &root)
}

/// Every version with every kind of list.
pub fn all() -> Vec<(String, Built)> {
    let lists = [("lf", List::Lf), ("lh", List::Lh), ("li", List::Li), ("ri", List::Ri(3))];
    let versions = (3..=6).flat_map(|minor| lists.map(|(name, list)| (minor, name, list)));
    versions.map(|(minor, name, list)| (format!("v1.{minor} {name}"), sample(minor, list))).collect()
}
