//! Logs are replayed in memory: as far as they are whole and in order, and no further.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests as well

mod corpus;

use fixtures::hive::logs::{Entry, dirty, entry, new_log, old_log};
use fixtures::hive::samples::noise;
use fixtures::hive::{KeySpec, build, set};
use hive::{DirtyReason, Hive, HiveState, LogProblem, LogProblemKind, LogReport, Misfit};

/// A hive in four states, each larger than the one before; every one says which it is.
fn states() -> Vec<Vec<u8>> {
    let state = |n: u32| {
        let key =
            KeySpec::new("Key").value("state", 4, n.to_le_bytes()).value("data", 3, noise(3000 * (n as usize + 1)));
        build(5, &KeySpec::new("R").key(key)).bytes
    };
    (0..4).map(state).collect()
}

/// The state that a hive is in, if it is whole.
fn state_of(hive: &Hive) -> u32 {
    let key = hive.open("key").unwrap().unwrap();
    let state = u32::from_le_bytes(key.value("state").unwrap().unwrap().data().unwrap()[..].try_into().unwrap());
    assert_eq!(&*key.value("data").unwrap().unwrap().data().unwrap(), noise(3000 * (state as usize + 1)));
    assert_eq!(&hive.as_bytes()[4096..], &states()[state as usize][4096..], "not a byte of another state");
    assert!(hive.problems().is_empty());
    state
}

fn replay(file: &[u8], log1: &[u8], log2: &[u8]) -> (Hive, bool, [LogReport; 2]) {
    let hive = Hive::parse_with_logs(file, Some(log1), Some(log2)).unwrap();
    let HiveState::Dirty { recovered, logs, .. } = hive.state().clone() else { panic!("{:?}", hive.state()) };
    (hive, recovered, logs)
}

fn problem(report: &LogReport) -> (usize, LogProblemKind) {
    match report {
        LogReport::Unused(LogProblem { offset, kind }) => (*offset, kind.clone()),
        LogReport::Replayed { stopped: Some(LogProblem { offset, kind }), .. } => (*offset, kind.clone()),
        other => panic!("{other:?}"),
    }
}

/// The entries from state 0 on, numbered from 20.
fn entries(states: &[Vec<u8>]) -> Vec<Entry> {
    states.windows(2).zip(20..).map(|(two, number)| entry(number, &two[0], &two[1])).collect()
}

#[test]
fn a_clean_hive_does_not_look_at_its_logs() {
    let states = states();
    let log = new_log(&states[0], 7, &[entry(7, &states[0], &states[1])]);
    let hive = Hive::parse_with_logs(&states[0][..], Some(&log), None).unwrap();
    assert_eq!(hive.state(), &HiveState::Clean);
    assert_eq!(state_of(&hive), 0);
}

#[test]
fn a_dirty_hive_without_logs_is_read_as_it_stands() {
    let file = dirty(&states()[1], 21, 20);
    let hive = Hive::parse(&file[..]).unwrap();
    let HiveState::Dirty { recovered, why, base_block_restored, logs } = hive.state() else { panic!() };
    assert_eq!((*recovered, *base_block_restored), (false, false));
    assert_eq!(*why, DirtyReason::Sequence { primary: 21, secondary: 20 });
    assert_eq!(*logs, [LogReport::Absent, LogReport::Absent]);
    assert_eq!(state_of(&hive), 1);
}

#[test]
fn entries_are_replayed_in_order() {
    let states = states();
    let file = dirty(&states[0], 20, 19);
    for count in 1..=3 {
        let log = new_log(&states[0], 20, &entries(&states)[..count]);
        let (hive, recovered, logs) = replay(&file, &log, &[]);
        assert!(recovered);
        let number = 19 + u32::try_from(count).unwrap();
        let LogReport::Replayed { incremental: true, entries, sequence, stopped: None, .. } = logs[0] else { panic!() };
        assert_eq!((entries, sequence, &logs[1]), (count, number, &LogReport::Empty));
        assert_eq!(state_of(&hive) as usize, count);
        let base = hive.base_block();
        assert_eq!((base.primary_sequence, base.secondary_sequence), (number, number));
        assert_eq!(base.bins_size as usize, hive.as_bytes().len() - 4096);
        // What was recovered is a clean hive by itself.
        assert_eq!(Hive::parse(hive.as_bytes()).unwrap().state(), &HiveState::Clean);
    }
}

#[test]
fn two_logs_are_one_row_whichever_comes_first() {
    let states = states();
    let file = dirty(&states[0], 20, 19);
    let all = entries(&states);
    for cut in 1..3 {
        let early = new_log(&states[0], 20, &all[..cut]);
        let late = new_log(&states[0], 20 + u32::try_from(cut).unwrap(), &all[cut..]);
        for (log1, log2) in [(&early, &late), (&late, &early)] {
            let (hive, recovered, logs) = replay(&file, log1, log2);
            assert!(recovered && logs.iter().all(|log| matches!(log, LogReport::Replayed { stopped: None, .. })));
            assert_eq!(state_of(&hive), 3);
        }
    }
    // A log that leaves one out is not replayed.
    let late = new_log(&states[0], 22, &all[2..]);
    let (hive, _, logs) = replay(&file, &late, &new_log(&states[0], 20, &all[..1]));
    assert_eq!(problem(&logs[0]), (4, LogProblemKind::Sequence { expected: 21, found: 22 }));
    assert_eq!(state_of(&hive), 1);
    // Nor is one that follows upon a log that cannot be replayed.
    let mut broken = new_log(&states[0], 20, &all[..2]);
    broken[600] ^= 1;
    let (hive, recovered, logs) = replay(&file, &broken, &late);
    assert_eq!((recovered, problem(&logs[1])), (false, (512, LogProblemKind::GapBefore)));
    assert_eq!(state_of(&hive), 0);
}

#[test]
fn a_log_of_which_the_hive_holds_everything_is_passed_over() {
    let states = states();
    let all = entries(&states);
    let file = dirty(&states[1], 22, 21);
    let stale = new_log(&states[0], 20, &all[..1]);
    let (hive, recovered, logs) = replay(&file, &stale, &new_log(&states[0], 21, &all[1..]));
    assert!(recovered);
    assert_eq!(problem(&logs[0]), (4, LogProblemKind::Stale { log: 20, hive: 21 }));
    assert_eq!(state_of(&hive), 3);
}

#[test]
fn an_entry_that_was_not_written_to_its_end_is_left_out() {
    let states = states();
    let file = dirty(&states[0], 20, 19);
    let all = entries(&states);
    let whole = new_log(&states[0], 20, &all[..2]);
    let second = new_log(&states[0], 20, &all[..1]).len();
    // Cut off anywhere, or with any byte changed, the last entry is no entry.
    for cut in (second + 1..whole.len()).step_by(97) {
        let (hive, recovered, _) = replay(&file, &whole[..cut], &[]);
        assert_eq!((recovered, state_of(&hive)), (true, 1), "cut at {cut}");
    }
    for at in (second..whole.len()).step_by(61) {
        let mut log = whole.clone();
        log[at] ^= 0x10;
        let (hive, recovered, _) = replay(&file, &log, &[]);
        assert_eq!((recovered, state_of(&hive)), (true, 1), "changed at {at}");
    }
    for (at, offset, kind) in [
        (second + 60, second + 24, LogProblemKind::Hash { number: 1 }),
        (second + 8, second + 32, LogProblemKind::Hash { number: 2 }),
        (second + 33, second + 32, LogProblemKind::Hash { number: 2 }),
        (second + 4, second + 4, LogProblemKind::Misfit { what: Misfit::EntrySize }),
    ] {
        let mut log = whole.clone();
        log[at] ^= 0x10;
        assert_eq!(problem(&replay(&file, &log, &[]).2[0]), (offset, kind));
    }
}

#[test]
fn only_the_next_number_is_next() {
    let states = states();
    let file = dirty(&states[0], 20, 19);
    let mut all = entries(&states);
    let second = new_log(&states[0], 20, &all[..1]).len();
    all[1].sequence = 22;
    let (hive, _, logs) = replay(&file, &new_log(&states[0], 20, &all), &[]);
    assert_eq!(problem(&logs[0]), (second + 12, LogProblemKind::Sequence { expected: 21, found: 22 }));
    assert_eq!(state_of(&hive), 1);
    // A lower one is left over from an earlier round, and nothing to speak of.
    all[1].sequence = 15;
    let (hive, _, logs) = replay(&file, &new_log(&states[0], 20, &all), &[]);
    assert!(matches!(logs[0], LogReport::Replayed { entries: 1, stopped: None, .. }));
    assert_eq!(state_of(&hive), 1);
    // The first must be the one that the log begins with.
    let (hive, recovered, logs) = replay(&file, &new_log(&states[0], 19, &all), &[]);
    assert_eq!((recovered, problem(&logs[0])), (false, (524, LogProblemKind::Sequence { expected: 19, found: 20 })));
    assert_eq!(state_of(&hive), 0);
}

#[test]
fn a_damaged_base_block_comes_from_the_later_log() {
    let states = states();
    let all = entries(&states);
    let early = new_log(&states[0], 20, &all[..1]);
    // State 1 has reached the file; only its base block is lost.
    let mut file = states[1].clone();
    file[..512].fill(0xEE);
    let (hive, recovered, logs) = replay(&file, &early, &new_log(&states[1], 21, &all[1..]));
    let HiveState::Dirty { why, base_block_restored, .. } = hive.state() else { panic!() };
    assert!(recovered && *base_block_restored && matches!(why, DirtyReason::Checksum { .. }));
    assert_eq!(problem(&logs[0]), (0, LogProblemKind::OtherLog));
    assert_eq!((hive.base_block().file_type, state_of(&hive)), (0, 3));
    // Without a log there is nothing to read it by.
    assert_eq!(Hive::parse(&file[..]).unwrap_err().offset, 0);
    // A base block with another checksum alone may be read, and is reported.
    let mut file = states[1].clone();
    file[509] ^= 1;
    let hive = Hive::parse(&file[..]).unwrap();
    assert!(matches!(hive.state(), HiveState::Dirty { recovered: false, why: DirtyReason::Checksum { .. }, .. }));
    assert_eq!(state_of(&hive), 1);
}

#[test]
fn what_is_no_log_is_said_to_be_none() {
    let states = states();
    let file = dirty(&states[0], 20, 19);
    let good = new_log(&states[0], 20, &entries(&states));
    let mut sum = good.clone();
    sum[508] ^= 1;
    let mut kind = good.clone();
    set(&mut kind, 28, 9);
    for (log, offset) in [(&b"regf"[..], 0), (&noise(4096), 0), (&sum, 508), (&kind, 20), (&states[0], 20)] {
        let (hive, recovered, logs) = replay(&file, log, &[]);
        assert_eq!((recovered, problem(&logs[0]).0, state_of(&hive)), (false, offset, 0));
    }
}

#[test]
fn a_log_without_entries_recovers_nothing() {
    let states = states();
    let file = dirty(&states[0], 20, 19);
    for rest in [vec![], vec![0; 4096], noise(700)] {
        let log = [new_log(&states[0], 20, &[]), rest].concat();
        let (hive, recovered, logs) = replay(&file, &log, &[]);
        assert_eq!((recovered, problem(&logs[0]), state_of(&hive)), (false, (512, LogProblemKind::NoEntry), 0));
    }
}

#[test]
fn no_number_in_a_log_alone_makes_a_hive_grow() {
    let states = states();
    let file = dirty(&states[0], 20, 19);
    let huge = Entry { sequence: 20, bins_size: 0xFFFF_F000, flags: 0, pages: vec![(0xFFFF_E000, vec![1; 4096])] };
    let (hive, recovered, logs) = replay(&file, &new_log(&states[0], 20, &[huge]), &[]);
    assert_eq!((recovered, problem(&logs[0]).1), (false, LogProblemKind::Misfit { what: Misfit::Growth }));
    assert_eq!(hive.as_bytes().len(), file.len());
    let outside = Entry { sequence: 20, bins_size: 4096, flags: 0, pages: vec![(4096, vec![1; 512])] };
    let (_, recovered, logs) = replay(&file, &new_log(&states[0], 20, &[outside]), &[]);
    assert_eq!((recovered, problem(&logs[0])), (false, (512 + 40, LogProblemKind::Misfit { what: Misfit::Page })));
}

#[test]
fn an_old_log_is_replayed_as_a_whole() {
    let states = states();
    let file = dirty(&states[0], 20, 19);
    for sector in [1, 8] {
        let log = old_log(&states[0], &states[2], sector);
        let (hive, recovered, logs) = replay(&file, &log, &[]);
        assert!(recovered && matches!(logs[0], LogReport::Replayed { incremental: false, entries: 1, .. }));
        assert_eq!(state_of(&hive), 2);
        // The second one only if the first is not for this hive.
        let mut other = log.clone();
        set(&mut other, 12, 1);
        let (hive, _, logs) = replay(&file, &other, &log);
        assert!(matches!(problem(&logs[0]), (12, LogProblemKind::Time { .. })));
        assert_eq!(state_of(&hive), 2);
        let (hive, _, logs) = replay(&file, &log, &old_log(&states[0], &states[3], sector));
        assert_eq!((state_of(&hive), problem(&logs[1]).1), (2, LogProblemKind::OtherLog));
        // Cut off anywhere, it changes nothing.
        for cut in (1..log.len()).step_by(509) {
            let (hive, recovered, _) = replay(&file, &log[..cut], &[]);
            assert_eq!((recovered, state_of(&hive)), (false, 0));
        }
        let mut unfinished = log.clone();
        set(&mut unfinished, 4, 99);
        assert_eq!(problem(&replay(&file, &unfinished, &[]).2[0]), (4, LogProblemKind::Unfinished));
        let mut broken = file.clone();
        broken[..512].fill(0);
        let (hive, recovered, _) = replay(&broken, &log, &[]);
        assert_eq!((recovered, state_of(&hive)), (true, 2));
    }
}

/// A real one: the key in question is in the log alone.
#[test]
fn the_old_log_of_the_corpus_is_replayed() {
    let files = corpus::files();
    let get = |end: &str| files.iter().find(|(name, _)| name.ends_with(end)).map(|(_, bytes)| &bytes[..]);
    let Some(file) = get("/BadBaseBlockHive") else { return };
    let hive = Hive::parse_with_logs(file, get("BadBaseBlockHive.LOG1"), get("BadBaseBlockHive.LOG2")).unwrap();
    let HiveState::Dirty { recovered: true, base_block_restored: true, logs, .. } = hive.state() else { panic!() };
    assert!(matches!(logs[0], LogReport::Replayed { pages: 64, sequence: 5, .. }));
    assert!(hive.problems().is_empty());
    assert!(hive.open(r"key_with_many_subkeys\5000\find_me_in_log").unwrap().is_some());
    let many = hive.open("key_with_many_subkeys").unwrap().unwrap();
    assert_eq!(many.subkeys().map(Result::unwrap).count(), 4999);
}
