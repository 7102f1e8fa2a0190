//! Why a part of a hive could not be read, and where.

use std::fmt;

/// Why a hive, or one part of it, could not be read.
///
/// One struct, so that no error can forget its place. [`kind`](Self::kind) is for programs,
/// `Display` for people:
///
/// ```
/// let error = hive::Hive::parse(b"PReg\x01\0\0\0").unwrap_err();
/// assert_eq!(error.to_string(), "offset 0x00000000, base block: expected \"regf\", found \"PReg\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset:#010x}, {part}: {kind}")]
pub struct HiveError {
    /// First byte that is wrong, counted from the start of the file; for an offset that leads nowhere, the
    /// place where that offset stands. After a replay of logs, a place in the recovered file, which may be longer.
    pub offset: usize,
    /// What was being read.
    pub part: Part,
    /// What is wrong with it.
    pub kind: ErrorKind,
}

impl HiveError {
    pub(crate) fn new(offset: usize, part: Part, kind: ErrorKind) -> Self {
        Self { offset, part, kind }
    }
}

/// A part of a hive, as an error names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The first 4,096 bytes.
    BaseBlock,
    /// A bin: its header, or the chain of its cells.
    Bin,
    /// The key at the top.
    RootKey,
    /// A key.
    Key,
    /// The name of a key.
    KeyName,
    /// The class name of a key.
    ClassName,
    /// The list of the keys below a key.
    SubkeyList,
    /// The list of a key's values.
    ValueList,
    /// A value.
    Value,
    /// The name of a value.
    ValueName,
    /// The data of a value.
    Data,
    /// The record that stands in place of data larger than 16,344 bytes.
    BigData,
    /// The list of the segments of such data.
    SegmentList,
    /// One of these segments.
    Segment,
}

impl Part {
    /// The part's name in messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::BaseBlock => "base block",
            Self::Bin => "hive bin",
            Self::RootKey => "root key",
            Self::Key => "key",
            Self::KeyName => "key name",
            Self::ClassName => "class name",
            Self::SubkeyList => "subkey list",
            Self::ValueList => "value list",
            Self::Value => "value",
            Self::ValueName => "value name",
            Self::Data => "data",
            Self::BigData => "big data",
            Self::SegmentList => "segment list",
            Self::Segment => "segment",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong in a hive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file ends too early.
    #[error("{need} bytes needed, {have} left")]
    Truncated {
        /// Bytes that must stand there.
        need: usize,
        /// Bytes that do.
        have: usize,
    },
    /// Another signature stands where one must.
    #[error("expected \"{expected}\", found \"{}\"", found.escape_ascii())]
    Signature {
        /// The signature, or the signatures, that may stand there.
        expected: &'static str,
        /// What does.
        found: Vec<u8>,
    },
    /// A version that is not read here: 1.3 to 1.6 are.
    #[error("version {major}.{minor}; only 1.3 to 1.6 are known")]
    Version {
        /// Before the dot.
        major: u32,
        /// Behind it.
        minor: u32,
    },
    /// The base block is not that of a primary file: a log, for one.
    #[error("file type {file_type}, format {format}: not a primary hive file{}", if matches!(file_type, 1 | 2 | 6) { " but a log" } else { "" })]
    NotPrimary {
        /// 0 in a primary file; 1, 2 and 6 in logs.
        file_type: u32,
        /// 1 in every hive.
        format: u32,
    },
    /// The checksum does not fit the bytes.
    #[error("checksum {stored:#010x}, computed {computed:#010x}")]
    Checksum {
        /// As it stands in the file.
        stored: u32,
        /// Of the bytes that stand there.
        computed: u32,
    },
    /// An offset leads to no cell.
    #[error("cell offset {value:#x} {problem}")]
    Offset {
        /// As it stands in the file: counted from the first bin.
        value: u32,
        /// Why it is wrong.
        problem: OffsetProblem,
    },
    /// A size or a count that does not fit into the space there is.
    #[error("{found} bytes said or needed, {limit} possible")]
    Size {
        /// The size, in bytes.
        found: u64,
        /// The largest that fits.
        limit: u64,
    },
    /// A number that must be a multiple of another is not.
    #[error("{found} is not a multiple of {unit}, or too small")]
    Unaligned {
        /// As it stands in the file.
        found: u32,
        /// What it must be a multiple of.
        unit: u32,
    },
    /// Two places that must say the same differ.
    #[error("{expected:#x} expected, {found:#x} found")]
    Mismatch {
        /// What must stand there: the bin's own offset, the offset of the key whose list led here.
        expected: u32,
        /// What does.
        found: u32,
    },
    /// A list has another length than the key says.
    #[error("{said} said, {found} listed")]
    Count {
        /// By the key.
        said: u64,
        /// In the list.
        found: u64,
    },
    /// A cell that was met before: a key below itself, or twice in one list.
    #[error("leads in a circle: cell {cell:#x} was met before")]
    Loop {
        /// Its offset, counted from the first bin.
        cell: u32,
    },
    /// Keys lie deeper than the registry lets them.
    #[error("more than {limit} levels deep")]
    TooDeep {
        /// The deepest level.
        limit: usize,
    },
    /// A path leads through a symbolic link, which is not followed.
    #[error("a symbolic link, which is not followed")]
    SymbolicLink,
}

/// Why an offset leads to no cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OffsetProblem {
    /// It is 0xFFFFFFFF, which means "none", where there must be one.
    Nil,
    /// It is not a multiple of 8.
    Unaligned,
    /// It lies behind the last bin.
    Outside,
    /// The file ends before it.
    CutOff,
    /// It lies in no bin that is whole, in front of the first cell of one, or inside a cell.
    NotACell,
    /// The cell there is free: what stands in it was deleted.
    Free,
}

impl fmt::Display for OffsetProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nil => "means none, but one is needed",
            Self::Unaligned => "is not a multiple of 8",
            Self::Outside => "lies behind the last bin",
            Self::CutOff => "lies behind the end of the file",
            Self::NotACell => "is not the start of a cell in a whole bin",
            Self::Free => "leads to a free cell",
        })
    }
}
