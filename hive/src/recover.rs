//! Recovery: the state of a hive, and its logs replayed on a copy in memory.
//!
//! | base block of the hive  | new logs                                   | old logs                        |
//! |-------------------------|--------------------------------------------|---------------------------------|
//! | whole, numbers equal    | not looked at: the hive is clean           | not looked at                   |
//! | whole, numbers differ   | both, the one that begins earlier first    | the first that was written at the hive's time |
//! | damaged                 | the one that begins later, base block too  | the same, base block too        |
//!
//! Entries are replayed one after the other while each is whole and its number the next. A new log
//! begins with the number in its own base block, which is not below the hive's secondary one;
//! what lies behind its last entry is left over from earlier rounds.

use crate::base_block::{self, BASE_BLOCK, BaseBlock, SECTOR};
use crate::bins;
use crate::error::{ErrorKind, HiveError, Part};
use crate::log::{Log, Page};
use crate::state::{DirtyReason, HiveState, LogProblem, LogProblemKind, LogReport, Misfit};

/// A log may make the hive grow by this many times its own size, so that no number in it decides alone.
const GROWTH: usize = 64;

/// Where fields stand in the base block.
mod at {
    pub(super) const PRIMARY: usize = 4;
    pub(super) const SECONDARY: usize = 8;
    pub(super) const FILE_TYPE: usize = 28;
    pub(super) const BINS_SIZE: usize = 40;
    pub(super) const FLAGS: usize = 144;
}

/// Brings `file` into the state that its logs say. What cannot be replayed is left out, and reported.
pub(crate) fn recover(
    file: &mut Vec<u8>,
    log1: Option<&[u8]>,
    log2: Option<&[u8]>,
) -> Result<(BaseBlock, HiveState), HiveError> {
    let error = |kind| HiveError::new(0, Part::BaseBlock, kind);
    let signed = file.starts_with(base_block::SIGNATURE);
    // Without a signature it may still be a hive, if its first bin and a log say so.
    if !signed && bins::first_bin_time(file).is_none() {
        let found = file.get(..4).unwrap_or(file).to_vec();
        return Err(error(ErrorKind::Signature { expected: "regf", found }));
    }
    if file.len() < BASE_BLOCK {
        return Err(error(ErrorKind::Truncated { need: BASE_BLOCK, have: file.len() }));
    }
    let base = BaseBlock::read(file).ok_or(error(ErrorKind::Truncated { need: SECTOR, have: file.len() }))?;
    let computed = base_block::checksum(file);
    let whole = signed && base.checksum == computed;
    let (primary, secondary) = (base.primary_sequence, base.secondary_sequence);
    if whole && primary == secondary {
        base.check()?;
        return Ok((base, HiveState::Clean));
    }
    let why = match whole {
        true => DirtyReason::Sequence { primary, secondary },
        false => DirtyReason::Checksum { stored: base.checksum, computed },
    };
    let mut logs = Logs::open([log1, log2]);
    let restored = match whole {
        true => {
            base.check()?;
            logs.replay_on_whole(file, &base);
            false
        }
        false => logs.replay_on_damaged(file, &base),
    };
    if !signed && !restored {
        let found = file.get(..4).unwrap_or_default().to_vec();
        return Err(error(ErrorKind::Signature { expected: "regf", found }));
    }
    let base = BaseBlock::read(file).unwrap_or(base);
    base.check()?;
    let recovered = logs.reports.iter().any(|report| matches!(report, LogReport::Replayed { .. }));
    Ok((base, HiveState::Dirty { recovered, why, base_block_restored: restored, logs: logs.reports }))
}

/// The logs that can be read, and what is to be said of each.
struct Logs<'l> {
    logs: [Option<Log<'l>>; 2],
    reports: [LogReport; 2],
}

/// Says why nothing of a log was replayed.
fn unused(offset: usize, kind: LogProblemKind) -> LogReport {
    LogReport::Unused(LogProblem { offset, kind })
}

impl<'l> Logs<'l> {
    fn open(files: [Option<&'l [u8]>; 2]) -> Self {
        let [one, two] = files.map(Log::open);
        let report = |log: &Result<Log<'_>, LogReport>| match log {
            Ok(_) => unused(0, LogProblemKind::OtherLog),
            Err(report) => report.clone(),
        };
        Self { reports: [report(&one), report(&two)], logs: [one.ok(), two.ok()] }
    }

    /// Indexes of the logs, those of entries if there is one, by the number they begin with.
    fn in_order(&self) -> (bool, Vec<usize>) {
        let begins = |index: usize| self.logs.get(index)?.as_ref().map(|log| (log.is_new(), log.base.primary_sequence));
        let mut order: Vec<usize> = (0..self.logs.len()).filter(|index| begins(*index).is_some()).collect();
        let new = order.iter().any(|index| begins(*index).is_some_and(|(new, _)| new));
        order.retain(|index| begins(*index).is_some_and(|(is_new, _)| is_new == new));
        if new {
            order.sort_by_key(|index| begins(*index).map(|(_, number)| number));
        }
        (new, order)
    }

    /// A hive whose base block is whole.
    fn replay_on_whole(&mut self, file: &mut Vec<u8>, base: &BaseBlock) {
        let (new, order) = self.in_order();
        if !new {
            self.replay_old(file, &order, &[base.last_written], false);
            return;
        }
        let mut expected = None;
        let mut gap = false;
        for index in order {
            let Some(Some(log)) = self.logs.get(index) else { continue };
            let begins = log.base.primary_sequence;
            let report = if begins < base.secondary_sequence {
                unused(4, LogProblemKind::Stale { log: begins, hive: base.secondary_sequence })
            } else if gap {
                unused(SECTOR, LogProblemKind::GapBefore)
            } else {
                match expected {
                    Some(expected) if begins != expected => {
                        unused(4, LogProblemKind::Sequence { expected, found: begins })
                    }
                    _ => replay_new(file, log),
                }
            };
            match &report {
                LogReport::Replayed { sequence, .. } => expected = Some(sequence.wrapping_add(1)),
                LogReport::Unused(LogProblem { kind: LogProblemKind::Stale { .. }, .. }) => {}
                _ => gap = true,
            }
            self.report(index, report);
        }
    }

    /// A hive whose base block is not whole. Whether it was restored.
    fn replay_on_damaged(&mut self, file: &mut Vec<u8>, base: &BaseBlock) -> bool {
        let (new, order) = self.in_order();
        if !new {
            // Windows goes by the first bin alone. The damaged base block may still tell the time as
            // well, and no wrong one would be that of the log; but no time at all proves nothing.
            let times = [bins::first_bin_time(file).unwrap_or_default(), base.last_written];
            let times: Vec<u64> = times.into_iter().filter(|time| *time != 0).collect();
            return self.replay_old(file, &order, &times, true);
        }
        let Some((index, Some(log))) =
            order.last().map(|index| (*index, self.logs.get(*index).and_then(Option::as_ref)))
        else {
            return false;
        };
        restore(file, log);
        let report = replay_new(file, log);
        self.report(index, report);
        true
    }

    /// Replays the first old log that was written at one of these times. Whether the base block was restored.
    fn replay_old(&mut self, file: &mut Vec<u8>, order: &[usize], times: &[u64], damaged: bool) -> bool {
        let mut done = false;
        for &index in order {
            let Some(Some(log)) = self.logs.get(index) else { continue };
            let time = log.base.last_written;
            let report = if done {
                unused(0, LogProblemKind::OtherLog)
            } else if !times.contains(&time) {
                unused(12, LogProblemKind::Time { log: time, hive: times.first().copied().unwrap_or_default() })
            } else {
                match log.dirty_pages().and_then(|dirty| fits(file, log, &dirty.pages).map(|()| dirty.pages)) {
                    Ok(pages) => {
                        if damaged {
                            restore(file, log);
                        }
                        apply(file, &pages);
                        let sequence = log.base.primary_sequence;
                        settle(file, sequence, log.base.bins_size);
                        done = true;
                        let pages = pages.len();
                        LogReport::Replayed { incremental: false, entries: 1, pages, sequence, stopped: None }
                    }
                    Err(problem) => LogReport::Unused(problem),
                }
            };
            self.report(index, report);
        }
        done && damaged
    }

    fn report(&mut self, index: usize, report: LogReport) {
        if let Some(place) = self.reports.get_mut(index) {
            *place = report;
        }
    }
}

/// Replays the entries of a new log, as far as they go.
fn replay_new(file: &mut Vec<u8>, log: &Log<'_>) -> LogReport {
    let mut at = SECTOR;
    let mut expected = log.base.primary_sequence;
    let (mut entries, mut pages) = (0_usize, 0_usize);
    let mut stopped = None;
    // An entry with a lower number, whole or not, is left over from an earlier round; so is anything else.
    while let Some(found) = log.sequence_at(at) {
        if found != expected {
            if found > expected || entries == 0 {
                stopped = Some(LogProblem {
                    offset: at.saturating_add(12),
                    kind: LogProblemKind::Sequence { expected, found },
                });
            }
            break;
        }
        let entry = log.entry(at).map(|entry| entry.and_then(|entry| fits(file, log, &entry.pages).map(|()| entry)));
        match entry {
            Some(Ok(entry)) => {
                apply(file, &entry.pages);
                settle(file, entry.sequence, entry.bins_size);
                let flags = BaseBlock::read(file).map_or(0, |base| base.flags);
                base_block::patch(file, at::FLAGS, flags & !1 | entry.flags & 1);
                entries = entries.saturating_add(1);
                pages = pages.saturating_add(entry.pages.len());
                expected = expected.wrapping_add(1);
                at = entry.next;
            }
            Some(Err(problem)) => {
                stopped = Some(problem);
                break;
            }
            None => break,
        }
    }
    match (entries, stopped) {
        (0, Some(problem)) => LogReport::Unused(problem),
        (0, None) => unused(SECTOR, LogProblemKind::NoEntry),
        (_, stopped) => {
            LogReport::Replayed { incremental: true, entries, pages, sequence: expected.wrapping_sub(1), stopped }
        }
    }
}

/// Takes the base block from a log.
fn restore(file: &mut [u8], log: &Log<'_>) {
    if let (Some(to), Some(from)) = (file.get_mut(..SECTOR), log.bytes.get(..SECTOR)) {
        to.copy_from_slice(from);
        base_block::patch(file, at::FILE_TYPE, 0);
    }
}

/// Whether the hive may grow as far as these pages reach.
fn fits(file: &[u8], log: &Log<'_>, pages: &[Page<'_>]) -> Result<(), LogProblem> {
    let most = file.len().saturating_add(log.bytes.len().saturating_mul(GROWTH));
    if end(pages) <= most {
        return Ok(());
    }
    Err(LogProblem { offset: SECTOR, kind: LogProblemKind::Misfit { what: Misfit::Growth } })
}

/// Where the last of these pages ends in the hive.
fn end(pages: &[Page<'_>]) -> usize {
    pages.iter().map(|(at, page)| at.saturating_add(page.len())).max().unwrap_or_default()
}

/// Writes the pages, all of them.
fn apply(file: &mut Vec<u8>, pages: &[Page<'_>]) {
    let needed = end(pages);
    if file.len() < needed {
        file.resize(needed, 0);
    }
    for (at, page) in pages {
        if let Some(to) = file.get_mut(*at..).and_then(|rest| rest.get_mut(..page.len())) {
            to.copy_from_slice(page);
        }
    }
}

/// Makes the base block say what holds after a replay.
fn settle(file: &mut [u8], sequence: u32, bins_size: u32) {
    for (at, number) in [(at::PRIMARY, sequence), (at::SECONDARY, sequence), (at::BINS_SIZE, bins_size)] {
        base_block::patch(file, at, number);
    }
}
