//! Puts hives and their logs together byte by byte. Knows nothing of the reader, so that no
//! mistake of the one can hide in the other; hivex reads what it builds (`tests/hivex.rs`).
//!
//! A built hive says where its parts lie, by names like `nk:A\B`, `list:A`, `vk:A\B:name`, `data:A\B:name`,
//! so that a test can break one of them.

#![allow(dead_code)] // each test binary uses a part of it

pub mod logs;
pub mod samples;

use std::collections::BTreeMap;

const NIL: u32 = u32::MAX;
/// Data larger than this lie in segments, as of version 1.4.
pub const SEGMENT: usize = 16_344;

/// How the keys below a key are listed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum List {
    Lf,
    Lh,
    Li,
    /// An `ri` with leaves of this many keys: `lf`, `lh` and `li` in turn.
    Ri(usize),
}

#[derive(Clone)]
pub struct ValueSpec {
    pub name: Vec<u16>,
    pub value_type: u32,
    pub data: Vec<u8>,
    /// Whether data of up to 4 bytes get a cell of their own nevertheless.
    pub in_cell: bool,
}

#[derive(Clone)]
pub struct KeySpec {
    pub name: Vec<u16>,
    pub flags: u16,
    pub written: u64,
    pub class: Vec<u8>,
    pub list: List,
    pub values: Vec<ValueSpec>,
    pub subkeys: Vec<KeySpec>,
}

pub fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Text as a `REG_SZ` holds it.
pub fn sz(text: &str) -> Vec<u8> {
    utf16(&format!("{text}\0"))
}

impl KeySpec {
    pub fn new(name: &str) -> Self {
        let (flags, list) = (0, List::Lf);
        let written = 0x01DA_0000_0000_0000;
        Self { name: units(name), flags, written, class: vec![], list, values: vec![], subkeys: vec![] }
    }

    pub fn list(mut self, list: List) -> Self {
        self.list = list;
        self
    }

    pub fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    pub fn class(mut self, class: &str) -> Self {
        self.class = utf16(class);
        self
    }

    pub fn value(self, name: &str, value_type: u32, data: impl Into<Vec<u8>>) -> Self {
        self.raw_value(ValueSpec { name: units(name), value_type, data: data.into(), in_cell: false })
    }

    pub fn raw_value(mut self, value: ValueSpec) -> Self {
        self.values.push(value);
        self
    }

    pub fn key(mut self, key: KeySpec) -> Self {
        self.subkeys.push(key);
        self
    }

    pub fn keys(mut self, keys: impl IntoIterator<Item = KeySpec>) -> Self {
        self.subkeys.extend(keys);
        self
    }

    fn count(&self) -> usize {
        1 + self.subkeys.iter().map(KeySpec::count).sum::<usize>()
    }
}

/// A hive, and where its parts lie in it: the first byte of their cell's content.
#[derive(Clone)]
pub struct Built {
    pub bytes: Vec<u8>,
    pub places: BTreeMap<String, usize>,
}

impl Built {
    pub fn at(&self, place: &str) -> usize {
        *self.places.get(place).unwrap_or_else(|| panic!("no {place} in {:?}", self.places))
    }

    /// The same hive with other bytes at this place.
    pub fn with(&self, at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut hive = self.bytes.clone();
        hive[at..at + bytes.len()].copy_from_slice(bytes);
        hive
    }
}

/// Builds a hive of version 1.`minor` around this root key.
pub fn build(minor: u32, root: &KeySpec) -> Built {
    build_with(minor, root, false)
}

/// As [`build`]; the cells of big data may be just as large as their part of the data.
pub fn build_with(minor: u32, root: &KeySpec, tight: bool) -> Built {
    let mut cells = Cells { bins: vec![], used: 0, minor, tight, places: BTreeMap::new(), security: 0 };
    cells.open_bin(4096);
    let descriptor = [1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    cells.security = cells.reserve(20 + descriptor.len());
    let security = cells.security;
    let count = u32::try_from(root.count()).unwrap();
    let mut sk = b"sk\0\0".to_vec();
    for number in [security, security, count, u32::try_from(descriptor.len()).unwrap()] {
        sk.extend(number.to_le_bytes());
    }
    sk.extend(descriptor);
    cells.fill(security, &sk);
    let root_cell = cells.key(root, "", NIL, 0x04 | 0x08);
    cells.close_bin();
    let mut bytes = base_block(minor, root_cell, u32::try_from(cells.bins.len()).unwrap());
    bytes.extend(cells.bins);
    // Real first bins know when the hive was written.
    bytes.copy_within(12..20, 4096 + 20);
    Built { bytes, places: cells.places }
}

fn base_block(minor: u32, root_cell: u32, bins: u32) -> Vec<u8> {
    let mut block = b"regf".to_vec();
    for number in [7_u32, 7, 0x1234_5678, 0x01DA_0000, 1, minor, 0, 1, root_cell, bins, 1] {
        block.extend(number.to_le_bytes());
    }
    block.extend(utf16(r"\built\by\gpol"));
    block.resize(4096, 0);
    seal(&mut block);
    block
}

/// Makes the checksum of a base block right.
pub fn seal(block: &mut [u8]) {
    let sum = block[..508].chunks(4).fold(0, |sum, four| sum ^ u32::from_le_bytes(four.try_into().unwrap()));
    let sum = if sum == u32::MAX { u32::MAX - 1 } else { sum.max(1) };
    block[508..512].copy_from_slice(&sum.to_le_bytes());
}

/// Writes a number into the base block and seals it.
pub fn set(block: &mut [u8], at: usize, number: u32) {
    block[at..at + 4].copy_from_slice(&number.to_le_bytes());
    seal(block);
}

struct Cells {
    bins: Vec<u8>,
    /// Up to where the last bin is filled.
    used: usize,
    minor: u32,
    tight: bool,
    places: BTreeMap<String, usize>,
    security: u32,
}

impl Cells {
    fn open_bin(&mut self, size: usize) {
        let at = self.bins.len();
        self.bins.extend(b"hbin");
        for number in [at, size, 0, 0, 0, 0, 0] {
            self.bins.extend(u32::try_from(number).unwrap().to_le_bytes());
        }
        self.bins.resize(at + size, 0);
        self.used = at + 32;
    }

    /// The rest of the bin becomes a free cell.
    fn close_bin(&mut self) {
        let rest = self.bins.len() - self.used;
        if rest > 0 {
            self.bins[self.used..self.used + 4].copy_from_slice(&u32::try_from(rest).unwrap().to_le_bytes());
        }
        self.used = self.bins.len();
    }

    fn reserve(&mut self, len: usize) -> u32 {
        let size = (4 + len).next_multiple_of(8);
        if self.bins.len() - self.used < size {
            self.close_bin();
            self.open_bin((32 + size).next_multiple_of(4096));
        }
        let at = self.used;
        self.bins[at..at + 4].copy_from_slice(&(-i32::try_from(size).unwrap()).to_le_bytes());
        self.used += size;
        u32::try_from(at).unwrap()
    }

    fn fill(&mut self, cell: u32, content: &[u8]) {
        let at = cell as usize + 4;
        self.bins[at..at + content.len()].copy_from_slice(content);
    }

    fn cell(&mut self, content: &[u8]) -> u32 {
        let cell = self.reserve(content.len());
        self.fill(cell, content);
        cell
    }

    fn place(&mut self, name: String, cell: u32) {
        self.places.insert(name, 4096 + cell as usize + 4);
    }

    fn key(&mut self, key: &KeySpec, path: &str, above: u32, flags: u16) -> u32 {
        let (name, compressed) = stored(&key.name);
        let cell = self.reserve(76 + name.len());
        self.place(format!("nk:{path}"), cell);
        let class = if key.class.is_empty() { NIL } else { self.cell(&key.class) };
        if !key.class.is_empty() {
            self.place(format!("class:{path}"), class);
        }
        let values: Vec<u32> = key.values.iter().map(|value| self.value(value, path)).collect();
        let value_list = if values.is_empty() { NIL } else { self.cell(&numbers(&values)) };
        if !values.is_empty() {
            self.place(format!("values:{path}"), value_list);
        }
        let mut subkeys = key.subkeys.clone();
        subkeys.sort_by_key(|key| key.name.iter().copied().map(up).collect::<Vec<_>>());
        let children: Vec<(u32, Vec<u16>)> = subkeys
            .iter()
            .map(|below| {
                let name = String::from_utf16_lossy(&below.name);
                let path = if path.is_empty() { name } else { format!("{path}\\{name}") };
                (self.key(below, &path, cell, 0), below.name.clone())
            })
            .collect();
        let list = if children.is_empty() { NIL } else { self.list(key.list, &children, path) };

        let largest = |sizes: Vec<usize>| u32::try_from(sizes.into_iter().max().unwrap_or(0)).unwrap();
        let mut nk = b"nk".to_vec();
        nk.extend((key.flags | flags | if compressed { 0x20 } else { 0 }).to_le_bytes());
        nk.extend(key.written.to_le_bytes());
        for number in [
            0,
            above,
            u32::try_from(children.len()).unwrap(),
            0,
            list,
            NIL,
            u32::try_from(values.len()).unwrap(),
            value_list,
            self.security,
            class,
            largest(subkeys.iter().map(|key| 2 * key.name.len()).collect()),
            largest(subkeys.iter().map(|key| key.class.len()).collect()),
            largest(key.values.iter().map(|value| 2 * value.name.len()).collect()),
            largest(key.values.iter().map(|value| value.data.len()).collect()),
            0,
        ] {
            nk.extend(number.to_le_bytes());
        }
        nk.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        nk.extend(u16::try_from(key.class.len()).unwrap().to_le_bytes());
        nk.extend(name);
        self.fill(cell, &nk);
        cell
    }

    fn list(&mut self, list: List, keys: &[(u32, Vec<u16>)], path: &str) -> u32 {
        let cell = match list {
            List::Ri(size) => {
                let leaves: Vec<u32> = keys
                    .chunks(size)
                    .zip([List::Lf, List::Lh, List::Li].into_iter().cycle())
                    .enumerate()
                    .map(|(index, (keys, list))| self.list(list, keys, &format!("{path}#{index}")))
                    .collect();
                let mut root = b"ri".to_vec();
                root.extend(u16::try_from(leaves.len()).unwrap().to_le_bytes());
                root.extend(numbers(&leaves));
                self.cell(&root)
            }
            leaf => {
                let mut content = match leaf {
                    List::Lf => b"lf".to_vec(),
                    List::Lh => b"lh".to_vec(),
                    _ => b"li".to_vec(),
                };
                content.extend(u16::try_from(keys.len()).unwrap().to_le_bytes());
                for (cell, name) in keys {
                    content.extend(cell.to_le_bytes());
                    match leaf {
                        List::Lf => content.extend(hint(name)),
                        List::Lh => content.extend(hash(name).to_le_bytes()),
                        _ => {}
                    }
                }
                self.cell(&content)
            }
        };
        self.place(format!("list:{path}"), cell);
        cell
    }

    fn value(&mut self, value: &ValueSpec, path: &str) -> u32 {
        let (name, compressed) = stored(&value.name);
        let label = format!("{path}:{}", String::from_utf16_lossy(&value.name));
        let mut size = u32::try_from(value.data.len()).unwrap();
        let data = if value.data.len() <= 4 && !value.in_cell {
            size |= 0x8000_0000;
            let mut four = value.data.clone();
            four.resize(4, 0);
            u32::from_le_bytes(four.try_into().unwrap())
        } else if value.data.is_empty() {
            NIL
        } else if value.data.len() > SEGMENT && self.minor >= 4 {
            // 4 bytes more than needed, as every full segment has anyway: hivex and libregf never read the last 4.
            let slack = if self.tight { 0 } else { 4 };
            let segment = |data: &[u8]| self.cell(&[data, &[0; 4][..slack]].concat());
            let segments: Vec<u32> = value.data.chunks(SEGMENT).map(segment).collect();
            let list = self.cell(&numbers(&segments));
            let mut db = b"db".to_vec();
            db.extend(u16::try_from(segments.len()).unwrap().to_le_bytes());
            db.extend(list.to_le_bytes());
            let db = self.cell(&db);
            self.place(format!("segments:{label}"), list);
            self.place(format!("data:{label}"), db);
            db
        } else {
            let data = self.cell(&value.data);
            self.place(format!("data:{label}"), data);
            data
        };
        let mut vk = b"vk".to_vec();
        vk.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        for number in [size, data, value.value_type] {
            vk.extend(number.to_le_bytes());
        }
        vk.extend(u16::from(compressed && !name.is_empty()).to_le_bytes());
        vk.extend([0, 0]);
        vk.extend(name);
        let cell = self.cell(&vk);
        self.place(format!("vk:{label}"), cell);
        cell
    }
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// One byte a unit where that is possible, as Windows does.
fn stored(name: &[u16]) -> (Vec<u8>, bool) {
    match name.iter().map(|unit| u8::try_from(*unit)).collect() {
        Ok(bytes) => (bytes, true),
        Err(_) => (name.iter().flat_map(|unit| unit.to_le_bytes()).collect(), false),
    }
}

/// The first four letters, zeros where a letter has no byte.
fn hint(name: &[u16]) -> [u8; 4] {
    let mut hint = [0; 4];
    if name.iter().take(4).all(|unit| *unit < 256) {
        hint.iter_mut().zip(name).for_each(|(to, from)| *to = *from as u8);
    }
    hint
}

fn hash(name: &[u16]) -> u32 {
    name.iter().fold(0, |hash: u32, unit| hash.wrapping_mul(37).wrapping_add(u32::from(up(*unit))))
}

/// Upper case of the letters that the built hives use.
fn up(unit: u16) -> u16 {
    match unit {
        0x61..=0x7A | 0xE0..=0xF6 | 0xF8..=0xFE => unit - 0x20,
        0x430..=0x44F => unit - 0x20,
        _ => unit,
    }
}
