//! Whether a hive was written to the end, and what its logs had to say.

use std::fmt;

/// Whether the last write of the hive came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HiveState {
    /// It did. Logs are of no use then and were not looked at.
    Clean,
    /// It did not, or the base block is damaged.
    Dirty {
        /// Whether what is read is what Windows would have after replaying the logs. If not, it is
        /// the file as it stands: some of it may be old, some new, and some broken.
        recovered: bool,
        /// How one can tell.
        why: DirtyReason,
        /// Whether the base block was taken from a log.
        base_block_restored: bool,
        /// What became of .LOG1 (or .LOG) and .LOG2.
        logs: [LogReport; 2],
    },
}

/// How one can tell that a hive is dirty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirtyReason {
    /// A write was begun and not ended.
    #[error("sequence numbers {primary} and {secondary} differ: a write did not come to its end")]
    Sequence {
        /// Counted up before a write.
        primary: u32,
        /// Counted up behind it.
        secondary: u32,
    },
    /// The base block is damaged.
    #[error("checksum {stored:#010x} of the base block, computed {computed:#010x}")]
    Checksum {
        /// As it stands in the file.
        stored: u32,
        /// Of the bytes that stand there.
        computed: u32,
    },
}

/// What became of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogReport {
    /// There was none.
    Absent,
    /// It has no bytes.
    Empty,
    /// Nothing of it was replayed.
    Unused(LogProblem),
    /// It was replayed, in memory.
    Replayed {
        /// Whether it is of Windows 8.1 or later (log entries), or older (dirty pages).
        incremental: bool,
        /// Number of entries; 1 for an old log.
        entries: usize,
        /// Number of pages in them.
        pages: usize,
        /// Sequence number of the last one.
        sequence: u32,
        /// Why the entry behind the last one was left out. `None` if there is none.
        stopped: Option<LogProblem>,
    },
}

/// Why a log, or its entries from one on, was not replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset:#010x} of the log: {kind}")]
pub struct LogProblem {
    /// Counted from the start of the log.
    pub offset: usize,
    /// What is wrong there.
    pub kind: LogProblemKind,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogProblemKind {
    /// It does not begin with `regf`, or is too short to.
    #[error("not a hive's log")]
    NotALog,
    /// Its base block is damaged.
    #[error("checksum {stored:#010x}, computed {computed:#010x}")]
    Checksum {
        /// As it stands in the log.
        stored: u32,
        /// Of the bytes that stand there.
        computed: u32,
    },
    /// A kind of log, or a version, that is not known.
    #[error("file type {file_type}, version {major}.{minor}: not a known log")]
    Unknown {
        /// 1, 2 and 6 are known.
        file_type: u32,
        /// Version before the dot.
        major: u32,
        /// Version behind it.
        minor: u32,
    },
    /// An old log that was not written to its end: its sequence numbers differ.
    #[error("the log was not written to its end")]
    Unfinished,
    /// An old log that belongs to another write: written at another time.
    #[error("written at {log:#018x}, the hive at {hive:#018x}")]
    Time {
        /// FILETIME in the log.
        log: u64,
        /// FILETIME in the hive; 0 where there is none.
        hive: u64,
    },
    /// The hive already holds what is in it.
    #[error("sequence number {log} is before the hive's {hive}")]
    Stale {
        /// Where the log begins.
        log: u32,
        /// What the hive holds.
        hive: u32,
    },
    /// It has a base block, but no entry behind it.
    #[error("no entry")]
    NoEntry,
    /// An entry does not follow upon the one before it.
    #[error("sequence number {expected} expected, {found} found")]
    Sequence {
        /// What must stand there.
        expected: u32,
        /// What does.
        found: u32,
    },
    /// A hash does not fit the bytes: the entry was not written to its end.
    #[error("wrong hash {number}")]
    Hash {
        /// 1: of the pages; 2: of the entry's head.
        number: u8,
    },
    /// A size, an offset or a count does not fit.
    #[error("{what} does not fit")]
    Misfit {
        /// Of what.
        what: Misfit,
    },
    /// The entries that come before these are in the other log, and cannot be replayed.
    #[error("the other log, whose entries come first, cannot be replayed")]
    GapBefore,
    /// The other log was taken instead.
    #[error("the other log is used instead")]
    OtherLog,
}

/// A number in a log that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misfit {
    /// The size of an entry.
    EntrySize,
    /// The size of the bins.
    BinsSize,
    /// The size of a sector.
    Sector,
    /// The number of pages, or their sizes together.
    Pages,
    /// The place of a page.
    Page,
    /// The bitmap of dirty pages.
    Bitmap,
    /// How much the hive would grow.
    Growth,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EntrySize => "the size of the entry",
            Self::BinsSize => "the size of the bins",
            Self::Sector => "the size of a sector",
            Self::Pages => "the number or size of the pages",
            Self::Page => "the place of a page",
            Self::Bitmap => "the map of dirty pages",
            Self::Growth => "the growth of the hive",
        })
    }
}

impl fmt::Display for LogReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Empty => f.write_str("empty"),
            Self::Unused(problem) => write!(f, "not replayed: {problem}"),
            Self::Replayed { entries, pages, sequence, stopped, .. } => {
                let s = |n: usize| if n == 1 { "" } else { "s" };
                write!(f, "replayed: {entries} entr{}, ", if *entries == 1 { "y" } else { "ies" })?;
                write!(f, "{pages} page{}, up to sequence number {sequence}", s(*pages))?;
                stopped.as_ref().map_or(Ok(()), |problem| write!(f, "; the rest is not: {problem}"))
            }
        }
    }
}
