use std::collections::BTreeSet;
use std::slice::from_ref;

use polfile::{PolicyFile, Record, Value, ValueType, WideString};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const KEY: &str = r"Software\Policies\Acme";

fn file(records: &[Record]) -> PolicyFile {
    records.iter().map(Record::as_ref).collect()
}

fn set(name: &str, n: u32) -> Record {
    Record::set(KEY, name, &Value::Dword(n)).unwrap()
}

fn delete(name: &str) -> Record {
    Record::delete_value(KEY, name).unwrap()
}

fn all() -> Record {
    Record::delete_all_values(KEY).unwrap()
}

/// Names of what is in conflict.
fn names(changes: &[Change]) -> Vec<String> {
    let name = |change: &Change| change.value_name.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string);
    changes.iter().filter(|change| change.who == Who::Conflict).map(name).collect()
}

/// The merge, as names of conflicts and the records in the end.
#[track_caller]
fn merged(base: &[Record], ours: &[Record], theirs: &[Record], conflicts: &[&str], result: &[Record]) {
    let (base, ours, theirs) = (file(base), file(ours), file(theirs));
    let merge = merge(&base, &ours, &theirs);
    assert_eq!(names(&merge.conflicts), conflicts);
    assert_eq!(merge.file.records().map(|record| record.to_record()).collect::<Vec<_>>(), result);
    assert_eq!(names(&three_way(&base, &ours, &theirs)), conflicts);
}

#[test]
fn changes_of_different_values_are_laid_together() {
    let base = [set("A", 1), set("B", 1), set("C", 1)];
    let ours = [set("A", 2), set("B", 1), set("C", 1), set("New", 1)];
    let theirs = [set("A", 1), delete("B"), set("Other", 7)];
    merged(&base, &ours, &theirs, &[], &[set("A", 2), delete("B"), set("New", 1), set("Other", 7)]);
}

#[test]
fn one_value_changed_by_both_is_a_conflict_and_stays_ours() {
    let (base, ours, theirs) = ([set("A", 1), set("B", 1)], [set("A", 2), set("B", 1)], [set("A", 3), set("B", 9)]);
    merged(&base, &ours, &theirs, &["A"], &[set("A", 2), set("B", 9)]);
    merged(&base, &[set("B", 1)], &theirs, &["A"], &[set("B", 9)]);
    merged(&base, &[delete("A"), set("B", 1)], &theirs, &["A"], &[delete("A"), set("B", 9)]);
}

#[test]
fn what_both_did_alike_is_no_conflict_whatever_its_spelling() {
    let upper = Record::set(&*KEY.to_uppercase(), "a", &Value::Dword(2)).unwrap();
    merged(
        &[set("A", 1)],
        from_ref(&upper),
        &[set("A", 2), set("B", 1)],
        &[],
        &[upper.clone(), Record::set(&*KEY.to_uppercase(), "B", &Value::Dword(1)).unwrap()],
    );
    // A list with one NUL less at its end is the same list.
    let list = |data: &[u8]| Record::new(KEY.into(), "L".into(), ValueType::MULTI_SZ, data.to_vec()).unwrap();
    let (long, short) = (list(b"a\0\0\0\0\0"), list(b"a\0\0\0"));
    merged(&[], from_ref(&long), &[short.clone(), set("B", 1)], &[], &[long.clone(), set("B", 1)]);
    // Who changed nothing else but the bytes is followed, too.
    merged(from_ref(&long), &[long.clone(), set("B", 1)], from_ref(&short), &[], &[short.clone(), set("B", 1)]);
}

#[test]
fn deleting_all_values_is_in_conflict_with_what_the_other_side_sets_there() {
    // Ours deletes all, theirs sets one: nobody said whether it shall survive.
    merged(&[set("A", 1)], &[all()], &[set("A", 1), set("B", 2)], &["B"], &[all()]);
    // Theirs deletes all, ours sets one: ours stays, and is told; the rest of what theirs did is done.
    merged(&[], &[set("B", 2)], &[all(), set("C", 1)], &["B"], &[all(), set("B", 2), set("C", 1)]);
    // Both knew of it: no doubt.
    merged(&[all()], &[all(), set("A", 1)], &[all(), set("B", 2)], &[], &[all(), set("A", 1), set("B", 2)]);
}

#[test]
fn deleting_a_key_is_in_conflict_with_what_the_other_side_sets_below_it() {
    let gone = Record::delete_keys(r"Software\Policies", "Acme").unwrap();
    let below = Record::set(&*format!(r"{KEY}\Agent"), "Tier", &Value::Dword(1)).unwrap();
    merged(&[], from_ref(&gone), from_ref(&below), &["Tier"], from_ref(&gone));
    let elsewhere = Record::set(r"Software\Policies\Other", "Tier", &Value::Dword(1)).unwrap();
    merged(&[], from_ref(&gone), from_ref(&elsewhere), &[], &[gone.clone(), elsewhere.clone()]);
}

#[test]
fn an_order_that_decides_is_a_change_of_its_own() {
    let (first, last) = ([all(), set("A", 1)], [set("A", 1), all()]);
    let changes = three_way(&file(&first), &file(&first), &file(&last));
    assert_eq!(
        changes.iter().map(|change| (change.who, change.value_name.clone())).collect::<Vec<_>>(),
        [(Who::OnlyRight, Some(WideString::from("A")))]
    );
    // An order cannot be laid into records in another order: that is for somebody to decide.
    let ours = file(&[all(), set("A", 1), set("B", 1)]);
    let merge = merge(&file(&first), &ours, &file(&last));
    assert_eq!((names(&merge.conflicts), merge.file), (vec!["A".to_owned()], ours));
}

#[test]
fn a_key_that_holds_nothing_is_merged_as_well() {
    let key = Record::create_key(r"Software\Policies\Empty").unwrap();
    merged(&[set("A", 1)], &[set("A", 2)], &[set("A", 1), key.clone()], &[], &[set("A", 2), key]);
}

#[test]
fn a_side_that_did_nothing_leaves_the_other_one_byte_for_byte() {
    let (base, changed) = (file(&[set("A", 1), set("A", 1)]), file(&[set("B", 1), set("A", 3), set("A", 2)]));
    for (ours, theirs) in [(&base, &changed), (&changed, &base), (&changed, &changed)] {
        let merge = merge(&base, ours, theirs);
        assert_eq!((merge.file, merge.conflicts), (changed.clone(), vec![]));
    }
}

#[test]
fn every_change_is_told_once_with_who_made_it() {
    let (base, left) = ([set("A", 1), set("B", 1), set("C", 1), set("D", 1)], [set("A", 2), set("B", 1), set("D", 2)]);
    let right = [set("A", 1), set("B", 2), set("D", 3), set("E", 1)];
    let changes = three_way(&file(&base), &file(&left), &file(&right));
    let told: Vec<_> = changes
        .iter()
        .map(|c| (c.who, c.value_name.as_ref().unwrap().to_string(), [c.base, c.left, c.right]))
        .collect();
    let told: Vec<_> = told.iter().map(|(who, name, places)| (*who, &**name, *places)).collect();
    assert_eq!(
        told,
        [
            (Who::Conflict, "D", [Some(3), Some(2), Some(2)]),
            (Who::OnlyLeft, "A", [Some(0), Some(0), Some(0)]),
            (Who::OnlyRight, "B", [Some(1), Some(1), Some(1)]),
            (Who::Both, "C", [Some(2), None, None]),
            (Who::OnlyRight, "E", [None, None, Some(3)]),
        ]
    );
}

/// A small world to try everything in: three keys, one below another; two values in each, and one that nobody names.
mod world {
    use super::*;

    pub const KEYS: [&str; 3] = [r"R\A", r"R\A\B", r"R\C"];
    const VALUES: [&str; 2] = ["X", "Y"];
    const PLACES: usize = KEYS.len() * 3;

    /// What a record does, in the test's own words.
    #[derive(Clone, Debug)]
    pub enum Step {
        Set(usize, usize, u32),
        Delete(usize, usize),
        Soft(usize, usize, u32),
        DeleteAll(usize),
        DeleteList(usize, [bool; 2]),
        DeleteKey(usize),
    }

    /// What each place holds; 99 is what it held before.
    type State = [Option<u32>; PLACES];

    impl Step {
        fn run(&self, state: &mut State) {
            match *self {
                Self::Set(key, value, n) => state[key * 3 + value] = Some(n),
                Self::Delete(key, value) => state[key * 3 + value] = None,
                Self::Soft(key, value, n) => state[key * 3 + value] = state[key * 3 + value].or(Some(n)),
                Self::DeleteAll(key) => state[key * 3..key * 3 + 3].fill(None),
                Self::DeleteList(key, which) => {
                    (0..2).filter(|i| which[*i]).for_each(|i| state[key * 3 + i] = None);
                }
                Self::DeleteKey(key) => {
                    // The second one lies below the first.
                    let below = if key == 0 { 0..6 } else { key * 3..key * 3 + 3 };
                    state[below].fill(None);
                }
            }
        }

        pub fn record(&self) -> Record {
            let list = |text: &str| {
                let units = text.encode_utf16().chain([0]);
                units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
            };
            match *self {
                Self::Set(key, value, n) => Record::set(KEYS[key], VALUES[value], &Value::Dword(n)).unwrap(),
                Self::Delete(key, value) => Record::delete_value(KEYS[key], VALUES[value]).unwrap(),
                Self::Soft(key, value, n) => {
                    Record::set(KEYS[key], &*format!("**soft.{}", VALUES[value]), &Value::Dword(n)).unwrap()
                }
                Self::DeleteAll(key) => Record::delete_all_values(KEYS[key]).unwrap(),
                Self::DeleteList(key, which) => {
                    let names: Vec<&str> = (0..2).filter(|i| which[*i]).map(|i| VALUES[i]).collect();
                    Record::new(KEYS[key].into(), "**deletevalues".into(), ValueType::SZ, list(&names.join(";")))
                        .unwrap()
                }
                Self::DeleteKey(1) => {
                    Record::new(KEYS[0].into(), "**deletekeys".into(), ValueType::SZ, list("B")).unwrap()
                }
                Self::DeleteKey(key) => {
                    Record::new("R".into(), "**deletekeys".into(), ValueType::SZ, list(&KEYS[key][2..])).unwrap()
                }
            }
        }
    }

    /// What becomes of each place, from every beginning: each place is there or not.
    pub fn outcomes(steps: &[Step]) -> Vec<Vec<Option<u32>>> {
        let run = |bits: usize| {
            let mut state: State = std::array::from_fn(|place| (bits >> place & 1 == 1).then_some(99));
            steps.iter().for_each(|step| step.run(&mut state));
            state
        };
        let ends: Vec<State> = (0..1 << PLACES).map(run).collect();
        (0..PLACES).map(|place| ends.iter().map(|end| end[place]).collect()).collect()
    }

    /// The steps that the records of a file are, read back by their place in the world.
    pub fn read(file: &PolicyFile) -> Vec<Step> {
        let all = every();
        file.records()
            .map(|record| {
                let is = |step: &&Step| step.record() == record.to_record();
                all.iter().find(is).unwrap_or_else(|| panic!("no step of this world: {record:?}")).clone()
            })
            .collect()
    }

    fn every() -> Vec<Step> {
        let mut all = Vec::new();
        for key in 0..3 {
            all.extend([Step::DeleteAll(key), Step::DeleteKey(key)]);
            all.extend([[true, false], [false, true], [true, true]].map(|which| Step::DeleteList(key, which)));
            for value in 0..2 {
                all.push(Step::Delete(key, value));
                all.extend((0..3).flat_map(|n| [Step::Set(key, value, n), Step::Soft(key, value, n)]));
            }
        }
        all
    }

    pub fn plain() -> impl Strategy<Value = Step> + Clone {
        prop_oneof![
            3 => (0..3usize, 0..2usize, 0..3u32).prop_map(|(key, value, n)| Step::Set(key, value, n)),
            1 => (0..3usize, 0..2usize).prop_map(|(key, value)| Step::Delete(key, value)),
        ]
    }

    pub fn any() -> impl Strategy<Value = Step> + Clone {
        prop_oneof![
            6 => plain(),
            1 => (0..3usize, 0..2usize, 0..3u32).prop_map(|(key, value, n)| Step::Soft(key, value, n)),
            1 => (0..3usize).prop_map(Step::DeleteAll),
            1 => (0..3usize, prop::sample::select(vec![[true, false], [false, true], [true, true]]))
                .prop_map(|(key, which)| Step::DeleteList(key, which)),
            1 => (0..3usize).prop_map(Step::DeleteKey),
        ]
    }

    /// A base, and two edits of it: records taken out, put in, and moved.
    pub fn three(step: impl Strategy<Value = Step> + Clone) -> impl Strategy<Value = [Vec<Step>; 3]> {
        let edits = prop::collection::vec((0..8usize, prop::option::weighted(0.7, step.clone())), 0..4);
        (prop::collection::vec(step, 0..6), edits.clone(), edits).prop_map(|(base, ours, theirs)| {
            let edit = |edits: Vec<(usize, Option<Step>)>| {
                let mut steps = base.clone();
                for (at, step) in edits {
                    match step {
                        Some(step) => steps.insert(at.min(steps.len()), step),
                        None if at < steps.len() => drop(steps.remove(at)),
                        None => {}
                    }
                }
                steps
            };
            [base.clone(), edit(ours), edit(theirs)]
        })
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(0x504F_4C46), failure_persistence: None, ..Default::default() }
}

fn of_steps(steps: &[world::Step]) -> PolicyFile {
    file(&steps.iter().map(world::Step::record).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_merge_comes_to_what_both_sides_changed_and_to_ours_in_conflict([base, ours, theirs] in world::three(world::any())) {
        let merge = merge(&of_steps(&base), &of_steps(&ours), &of_steps(&theirs));
        let result = world::read(&merge.file);
        let [b, o, t, m] = [&base, &ours, &theirs, &result].map(|steps| world::outcomes(steps));
        for place in 0..b.len() {
            let wanted = match (b[place] == o[place], b[place] == t[place]) {
                (true, _) => Some(&t[place]),
                (_, true) => Some(&o[place]),
                _ if o[place] == t[place] => Some(&o[place]),
                _ => None,
            };
            if wanted != Some(&m[place]) {
                prop_assert!(!merge.conflicts.is_empty(), "place {place} is not as both sides want it");
                prop_assert_eq!(&m[place], &o[place], "place {} is neither as wanted nor ours", place);
            }
        }
    }

    #[test]
    fn plain_values_are_in_conflict_only_where_both_sides_changed_them([base, ours, theirs] in world::three(world::plain())) {
        // Each value once: the last one counts.
        let once = |steps: &[world::Step]| {
            let mut file = PolicyFile::new();
            for step in steps {
                file.put(&step.record());
            }
            file
        };
        let [base, ours, theirs] = [&base, &ours, &theirs].map(|steps| once(steps));
        let says = |file: &PolicyFile, slot: &Slot| {
            file.records().find(|record| record.slot() == *slot).map(|record| (record.action() == Action::Set, record.data.to_vec()))
        };
        let slots: BTreeSet<Slot> = [&base, &ours, &theirs].iter().flat_map(|file| file.records()).map(|record| record.slot()).collect();
        let merge = merge(&base, &ours, &theirs);
        let told: BTreeSet<_> = merge.conflicts.iter().map(|c| (c.key.as_wide().fold(), c.value_name.as_ref().map(|n| n.as_wide().fold()))).collect();
        for slot in slots {
            let [b, o, t, m] = [&base, &ours, &theirs, &merge.file].map(|file| says(file, &slot));
            let conflict = b != o && b != t && o != t;
            prop_assert_eq!(told.contains(&(slot.key.clone(), Some(slot.value_name.clone()))), conflict);
            prop_assert_eq!(m, if b == o { t } else { o });
        }
    }

    #[test]
    fn records_that_theirs_left_alone_keep_bytes_and_order([base, ours, theirs] in world::three(world::any())) {
        let [base, ours, theirs] = [base, ours, theirs].map(|steps| of_steps(&steps));
        let last = |file: &PolicyFile, slot: &Slot| file.records().rev().find(|record| record.slot() == *slot).map(|record| record.to_record());
        let merge = merge(&base, &ours, &theirs);
        // If ours did nothing, all of theirs is taken.
        if ours != base {
            let kept = |file: &PolicyFile| -> Vec<Record> {
                file.records().filter(|record| last(&base, &record.slot()) == last(&theirs, &record.slot())).map(|record| record.to_record()).collect()
            };
            prop_assert_eq!(kept(&ours), kept(&merge.file));
        }
    }
}
