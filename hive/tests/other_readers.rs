//! hivex and libregf read the same: every key and value of every hive, those of the corpus that they can read
//! and all whole ones of the builder.
//!
//! hivex's program `hivexml` (Debian: libhivex-bin) shows text as text, so that bytes behind a NUL
//! escape it; its Python module (python3-hivex) and libregf's (PyPI: libregf-python) give every byte. Where one is not
//! installed, its test is skipped.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests as well

mod corpus;

use std::io::Write;
use std::process::Command;

use hive::{Hive, Key, Value, ValueType};
use tempfile::NamedTempFile;

/// The hives to compare, and whether hivex must be able to read them.
fn hives() -> Vec<(String, bool, Vec<u8>)> {
    let golden = fixtures::golden_image().into_iter().filter(|(path, _)| path.contains("/config/"));
    let golden = golden.map(|(path, bytes)| (path.to_owned(), true, bytes));
    let built = fixtures::hive::samples::all().into_iter().map(|(name, built)| (name, true, built.bytes));
    let found = corpus::files().into_iter().filter(|(_, bytes)| Hive::parse(&bytes[..]).is_ok());
    // What was recovered is a whole hive, too.
    let recovered = corpus::recovered().map(|(name, hive)| (name, true, hive.as_bytes().to_vec()));
    golden.chain(built).chain(found.map(|(name, bytes)| (name, false, bytes))).chain(recovered).collect()
}

/// What a program says of a hive; `None` if it refuses it.
fn ask(program: &str, arguments: &[&str], hive: &[u8]) -> Option<String> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(hive).unwrap();
    let output = Command::new(program).args(arguments).arg(file.path()).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[derive(Default, Debug, PartialEq)]
struct Tally {
    hives: usize,
    refused: Vec<String>,
    keys: usize,
    values: usize,
}

#[test]
fn hivexml_shows_the_same_keys_and_values() {
    if Command::new("hivexml").arg("--help").output().is_err() {
        println!("skipped: hivexml is not installed (libhivex-bin)");
        return;
    }
    let mut tally = Tally::default();
    for (name, must, bytes) in hives() {
        let Some(xml) = ask("hivexml", &[], &bytes) else {
            assert!(!must, "hivexml refuses {name}");
            tally.refused.push(name);
            continue;
        };
        let options = roxmltree::ParsingOptions { nodes_limit: u32::MAX, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(&xml, options).unwrap();
        let hive = Hive::parse(bytes).unwrap();
        let root = elements(document.root_element(), "node").next().unwrap();
        tally.hives += 1;
        compare(root, &hive.root().unwrap(), &mut tally, &name);
    }
    println!("{tally:?}");
    assert!(tally.hives >= 16 && tally.keys >= 16 * 80 && tally.values >= 16 * 70);
}

fn elements<'a>(node: roxmltree::Node<'a, 'a>, name: &str) -> impl Iterator<Item = roxmltree::Node<'a, 'a>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

fn compare(node: roxmltree::Node<'_, '_>, key: &Key<'_>, tally: &mut Tally, hive: &str) {
    let place = format!("{hive}: {}", key.path());
    tally.keys += 1;
    assert_eq!(node.attribute("name"), Some(&*until_nul(&key.name().to_text().unwrap())), "{place}");
    let values: Vec<Value<'_>> = key.values().map(Result::unwrap).collect();
    let theirs: Vec<_> = elements(node, "value").collect();
    assert_eq!(theirs.len(), values.len(), "{place}");
    for (node, value) in theirs.into_iter().zip(&values) {
        tally.values += 1;
        let name = until_nul(&value.name().to_text().unwrap());
        let place = format!("{place}: {name}");
        assert_eq!(node.attribute("key").unwrap_or_default(), name, "{place}");
        let (kind, texts) = shown(value.value_type(), &value.data().unwrap());
        assert_eq!(node.attribute("type"), Some(kind), "{place}");
        let shown: Vec<String> = match kind {
            "string-list" => elements(node, "string").map(|text| text.text().unwrap_or_default().into()).collect(),
            _ if node.attribute("encoding") == Some("base64") => {
                vec![node.attribute("value").unwrap_or_default().split_whitespace().collect()]
            }
            _ => vec![node.attribute("value").unwrap_or_default().into()],
        };
        assert!(shown == texts, "{place}: {}", shown.concat().len());
    }
    let keys: Vec<Key<'_>> = key.subkeys().map(Result::unwrap).collect();
    let theirs: Vec<_> = elements(node, "node").collect();
    assert_eq!(theirs.len(), keys.len(), "{place}");
    theirs.into_iter().zip(&keys).for_each(|(node, key)| compare(node, key, tally, hive));
}

/// hivexml's name of the type, and how it shows the data.
fn shown(value_type: ValueType, data: &[u8]) -> (&'static str, Vec<String>) {
    let units: Vec<u16> = data.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
    // A string ends at its first NUL. What stands behind it may be anything: Windows writes short strings into long
    // buffers, whose remnants need not be text.
    let string = || {
        let text = units.split(|unit| *unit == 0).next().unwrap();
        vec![String::from_utf16(text).unwrap_or_else(|_| base64(data))]
    };
    // hivexml shows the first four bytes of a number, however many there are.
    let four = || *data.first_chunk().unwrap_or_else(|| panic!("{data:x?}"));
    match value_type.0 {
        0 => ("none", vec![base64(data)]),
        1 => ("string", string()),
        2 => ("expand", string()),
        3 => ("binary", vec![base64(data)]),
        4 => ("int32", vec![i32::from_le_bytes(four()).to_string()]),
        5 => ("int32", vec![i32::from_be_bytes(four()).to_string()]),
        6 => ("link", string()),
        7 => {
            // The NUL that ends the list shows as an empty string.
            let mut texts: Vec<String> = String::from_utf16(&units).unwrap().split('\0').map(str::to_owned).collect();
            texts.pop_if(|last| last.is_empty());
            ("string-list", texts)
        }
        8 => ("resource-list", vec![base64(data)]),
        9 => ("resource-description", vec![base64(data)]),
        10 => ("resource-requirements", vec![base64(data)]),
        11 => ("int64", vec![i64::from_le_bytes(data.try_into().unwrap()).to_string()]),
        _ => ("unknown", vec![base64(data)]),
    }
}

fn until_nul(text: &str) -> String {
    text.split('\0').next().unwrap().to_owned()
}

fn base64(data: &[u8]) -> String {
    let letter =
        |six: u32| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[six as usize & 63]);
    let mut text = String::new();
    for three in data.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        let letters = [18, 12, 6, 0].map(|shift| letter(bits >> shift));
        text.extend(&letters[..=three.len()]);
        text.extend(std::iter::repeat_n('=', 3 - three.len()));
    }
    text
}

/// Lists a hive: keys with level and time, values with type and every byte of data.
const HIVEX: &str = r"
import sys, hivex
hive = hivex.Hivex(sys.argv[1])
def walk(key, level):
    name = hive.node_name(key).split('\0')[0]
    print('key', level, name.encode().hex(), hive.node_timestamp(key))
    for value in hive.node_values(key):
        kind, data = hive.value_value(value)
        print('value', hive.value_key(value).split('\0')[0].encode().hex(), kind & 0xffffffff, data.hex())
    for below in hive.node_children(key):
        walk(below, level + 1)
walk(hive.root(), 0)
";

/// As [`HIVEX`].
const LIBREGF: &str = r"
import sys, pyregf
hive = pyregf.file()
hive.open(sys.argv[1])
def walk(key, level):
    print('key', level, (key.name or '').encode().hex(), key.get_last_written_time_as_integer())
    for i in range(key.number_of_values):
        value = key.get_value(i)
        print('value', (value.name or '').encode().hex(), value.type & 0xffffffff, (value.data or b'').hex())
    for i in range(key.number_of_sub_keys):
        walk(key.get_sub_key(i), level + 1)
walk(hive.get_root_key(), 0)
";

#[test]
fn hivex_reads_the_same_bytes() {
    listings_agree("hivex", "/usr/bin/python3", HIVEX, |_, _, data| data.len());
}

#[test]
fn libregf_reads_the_same_bytes() {
    listings_agree("pyregf", "python3", LIBREGF, |version, value_type, data| match (data.len(), value_type.0) {
        // libregf 20260526 gives fewer than four bytes of data out of order, does not know that data are cut into
        // segments from version 1.4 on already, and drops bytes behind the end of some texts; hivex gives all as gpol does.
        (1..=3, _) => 0,
        (16_345.., _) if version == 4 => 0,
        (size, 1 | 2) => data.chunks_exact(2).position(|unit| unit == [0, 0]).map_or(size, |at| 2 * at),
        (size, _) => size,
    });
}

/// Has a Python module list every hive, and compares the listing with ours, line by line. `right` tells how many bytes of
/// a value's data it gives as they are, by the hive's minor version, the type and the data.
fn listings_agree(module: &str, python: &str, listing: &str, right: impl Fn(u32, ValueType, &[u8]) -> usize) {
    let import = format!("import {module}");
    if !Command::new(python).args(["-c", &import]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: the Python module {module} is not installed (Debian: python3-hivex; PyPI: libregf-python)");
        return;
    }
    let mut tally = Tally::default();
    for (name, must, bytes) in hives() {
        let Some(listing) = ask(python, &["-c", listing], &bytes) else {
            assert!(!must, "{module} refuses {name}");
            tally.refused.push(name);
            continue;
        };
        let hive = Hive::parse(bytes).unwrap();
        let mut lines = vec![];
        let version = hive.base_block().minor;
        list(&hive.root().unwrap(), 0, &|value_type, data| right(version, value_type, data), &mut lines);
        let theirs: Vec<&str> = listing.lines().collect();
        assert_eq!(theirs.len(), lines.len(), "{name}");
        for (theirs, ours) in theirs.iter().zip(&lines) {
            let start = |line: &str| line[..line.len().min(200)].to_owned();
            let same = theirs == ours || ours.strip_suffix('…').is_some_and(|start| theirs.starts_with(start));
            assert!(same, "{name}:\n{} bytes {}\n{} bytes {}", theirs.len(), start(theirs), ours.len(), start(ours));
        }
        tally.hives += 1;
        tally.keys += lines.iter().filter(|line| line.starts_with("key")).count();
        tally.values += lines.iter().filter(|line| line.starts_with("value")).count();
    }
    println!("{tally:?}");
    assert!(tally.hives >= 16 && tally.keys >= 16 * 80 && tally.values >= 16 * 70);
}

/// A line for each key and value; one ends in `…` where the rest of the data is not to be compared.
fn list(key: &Key<'_>, level: usize, right: &dyn Fn(ValueType, &[u8]) -> usize, lines: &mut Vec<String>) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let name = |name: hive::Name<'_>| hex(until_nul(&name.to_text().unwrap()).as_bytes());
    lines.push(format!("key {level} {} {}", name(key.name()), key.last_written()));
    for value in key.values().map(Result::unwrap) {
        let data = value.data().unwrap();
        let right = right(value.value_type(), &data);
        let rest = if right < data.len() { "…" } else { "" };
        lines.push(format!("value {} {} {}{rest}", name(value.name()), value.value_type().0, hex(&data[..right])));
    }
    for below in key.subkeys().map(Result::unwrap) {
        list(&below, level + 1, right, lines);
    }
}
