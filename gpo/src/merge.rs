//! Three-way comparison and merge of policy files: what each of two sides made of a common base.
//!
//! Records are compared slot by slot. Since some records act on values that they do not name (`**delvals.`,
//! `**DeleteKeys`), and since their order counts, what the records *do* is compared as well, value by value: a value
//! of which the two sides make different things is a conflict, whichever records do it, and a merge that would come
//! to anything else than both sides' changes together is one, too.

mod fate;
mod policies;
mod version;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use polfile::{Action, Outcome, PolicyFile, Record, RecordRef, Slot, WideString, diff};
use serde::Serialize;

pub use policies::{PolicyChange, ThreeWay, by_policy};
pub use version::merge_gpt_ini;

use crate::compare::{Slots, alike, slots};
use crate::desired::come_to_the_same;
use fate::{Fates, Item, Reach, Spelling, Universe};

/// Who changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Both, differently.
    Conflict,
    /// Ours, the left side.
    OnlyLeft,
    /// Theirs, the right side.
    OnlyRight,
    /// Both, in the same way.
    Both,
}

/// Something that differs from the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who made another thing of it.
    pub who: Who,
    /// The key.
    pub key: WideString,
    /// The value, or a directive; `None` where the key itself is meant, or all those of its values that nobody names.
    pub value_name: Option<WideString>,
    /// The base's record that decides.
    pub base: Option<usize>,
    /// Ours.
    pub left: Option<usize>,
    /// Theirs.
    pub right: Option<usize>,
}

/// What came of a merge.
#[derive(Clone, Debug)]
pub struct Merge {
    /// Ours with theirs' changes; ours where the two are in conflict.
    pub file: PolicyFile,
    /// What somebody has to decide.
    pub conflicts: Vec<Change>,
}

/// All that `left` or `right` made another thing of than `base`; conflicts first, then by key and value name.
pub fn three_way(base: &PolicyFile, left: &PolicyFile, right: &PolicyFile) -> Vec<Change> {
    let sides = Sides::new([base, left, right]);
    sorted(sides.changes(&sides.slot_changes()))
}

/// Lays what `theirs` changed since `base` into `ours`.
///
/// Every record of ours that theirs did not change keeps its bytes; new ones go where the editor would put them.
pub fn merge(base: &PolicyFile, ours: &PolicyFile, theirs: &PolicyFile) -> Merge {
    if ours == theirs || theirs == base {
        return Merge { file: ours.clone(), conflicts: Vec::new() };
    }
    if ours == base {
        return Merge { file: theirs.clone(), conflicts: Vec::new() };
    }
    let sides = Sides::new([base, ours, theirs]);
    let changes = sides.slot_changes();
    let mut taken: BTreeSet<&Slot> = sides.all_slots().into_iter().filter(|slot| sides.takes(slot)).collect();
    let mut refused = BTreeSet::new();
    let (file, fates) = loop {
        let file = sides.lay_in(&taken);
        let fates = sides.universe.fates(&file);
        let wrong: Vec<&Item> = sides.wrong(&fates);
        if wrong.is_empty() {
            break (file, fates);
        }
        let guilty = sides.reaching(&taken, &wrong);
        if guilty.is_empty() {
            // No record of theirs has to do with it: then none is taken, and ours is right by itself.
            refused.append(&mut taken);
        }
        for slot in guilty {
            taken.remove(slot);
            refused.insert(slot);
        }
    };
    let mut conflicts = sides.changes(&changes);
    conflicts.retain(|_, change| change.who == Who::Conflict);
    for slot in refused {
        let change = sides.slot_change(slot, Who::Conflict);
        conflicts.entry(change.records()).or_insert(change);
    }
    // What ours keeps although theirs alone changed it, because of records that were not taken or of their order.
    for (item, spelling) in sides.universe.items() {
        if sides.wanted(item) != fate_in(&fates, item) {
            sides.add(&mut conflicts, item, spelling, Who::Conflict);
        }
    }
    Merge { file, conflicts: sorted(conflicts) }
}

/// Places of the deciding records in base, left and right.
type Places = [Option<usize>; 3];
type Changes = BTreeMap<Places, Change>;
/// Items, each with the slots whose records are about it alone.
type Nearby<'s> = BTreeMap<Item, Vec<&'s Slot>>;

impl Change {
    fn records(&self) -> Places {
        [self.base, self.left, self.right]
    }
}

fn sorted(changes: Changes) -> Vec<Change> {
    let mut all: Vec<Change> = changes.into_values().collect();
    all.sort_by_cached_key(|change| {
        let name = change.value_name.as_ref().map(|name| name.as_wide().fold());
        (change.who != Who::Conflict, change.key.as_wide().fold(), name)
    });
    all
}

fn fate_in<'f>(fates: &'f Fates, item: &Item) -> Option<&'f fate::Fate> {
    fates.get(item).map(|(fate, _)| fate)
}

/// The three files, with what each says of every slot and does to every value. Base, left, right.
struct Sides<'f> {
    files: [&'f PolicyFile; 3],
    slots: [Slots; 3],
    universe: Universe,
    fates: [Fates; 3],
}

impl<'f> Sides<'f> {
    fn new(files: [&'f PolicyFile; 3]) -> Self {
        let universe = Universe::of(&files);
        let fates = files.map(|file| universe.fates(file));
        Self { files, slots: files.map(slots), universe, fates }
    }

    fn all_slots(&self) -> BTreeSet<&Slot> {
        self.slots.iter().flat_map(BTreeMap::keys).collect()
    }

    /// What each file says of a slot.
    fn said(&self, slot: &Slot) -> [Option<RecordRef<'f>>; 3] {
        [0, 1, 2].map(|i| self.slots[i].get(slot).and_then(|index| self.files[i].record(*index)))
    }

    /// Whether theirs' record of a slot is to be taken.
    fn takes(&self, slot: &Slot) -> bool {
        let [base, ours, theirs] = self.said(slot);
        let same_bytes = |a, b| diff::<'_, '_>(a, b).is_empty();
        match (alike(base, ours), alike(base, theirs)) {
            (true, false) => true,
            // Other bytes of the same meaning.
            (true, true) => same_bytes(base, ours) && !same_bytes(base, theirs),
            _ => false,
        }
    }

    fn slot_change(&self, slot: &Slot, who: Who) -> Change {
        let [base, left, right] = [0, 1, 2].map(|i| self.slots[i].get(slot).copied());
        let record = self.said(slot).into_iter().rev().flatten().next();
        let key = record.map(|record| record.key.to_wide_string()).unwrap_or_default();
        let value_name = record.filter(|_| slot.is_value).map(|record| match record.action() {
            Action::DeleteValue(name) => name.to_wide_string(),
            _ => record.value_name.to_wide_string(),
        });
        Change { who, key, value_name, base, left, right }
    }

    /// Who changed which slot.
    fn slot_changes(&self) -> BTreeMap<&Slot, Who> {
        let who = |slot: &Slot| {
            let [base, left, right] = self.said(slot);
            who(alike(base, left), alike(base, right), alike(left, right))
        };
        self.all_slots().into_iter().filter_map(|slot| Some((slot, who(slot)?))).collect()
    }

    /// Changes of slots, and of values that change without a change of their slot.
    fn changes(&self, of_slots: &BTreeMap<&Slot, Who>) -> Changes {
        let mut changes = Changes::new();
        let mut direct: BTreeMap<Item, Places> = BTreeMap::new();
        for (slot, who) in of_slots {
            let change = self.slot_change(slot, *who);
            let value = slot.is_value.then(|| slot.value_name.clone());
            direct.insert(Item { key: slot.key.clone(), value }, change.records());
            changes.insert(change.records(), change);
        }
        let (nearby, wide) = self.reaches(of_slots.keys().copied());
        for (item, spelling) in self.universe.items() {
            let Some(who) = self.who(item) else { continue };
            let own = direct.get(item).and_then(|places| changes.get_mut(places));
            let explained = || nearby.contains_key(item) || wide.iter().any(|(reach, _)| reach.covers(item));
            match own {
                Some(change) if who == Who::Conflict => {
                    change.who = Who::Conflict;
                    // A side that does not name the value makes something of it by another record.
                    let places = self.deciding(item);
                    let told = [&mut change.base, &mut change.left, &mut change.right];
                    told.into_iter().zip(places).for_each(|(told, place)| *told = told.or(place));
                }
                Some(_) => {}
                None if who == Who::Conflict || !explained() => self.add(&mut changes, item, spelling, who),
                None => {}
            }
        }
        changes
    }

    /// Adds a change of an item, told by the records that decide it, unless they tell of another item already.
    fn add(&self, changes: &mut Changes, item: &Item, spelling: &Spelling, who: Who) {
        let places @ [base, left, right] = self.deciding(item);
        let Spelling { key, value_name } = spelling.clone();
        // Of what nobody names, the records that are told of already say enough.
        let told = value_name.is_none()
            && changes.values().any(|change| {
                change.who == who && (left.is_some() && change.left == left || right.is_some() && change.right == right)
            });
        if !told {
            changes.entry(places).or_insert(Change { who, key, value_name, base, left, right }).who = who;
        }
    }

    /// The records that decide what becomes of an item.
    fn deciding(&self, item: &Item) -> Places {
        [0, 1, 2].map(|i| self.fates[i].get(item).and_then(|(_, record)| *record))
    }

    /// Who makes another thing of an item.
    fn who(&self, item: &Item) -> Option<Who> {
        let [base, left, right] = [0, 1, 2].map(|i| fate_in(&self.fates[i], item));
        who(base == left, base == right, left == right)
    }

    /// What a merge has to make of an item: what the side says that changed it; ours, if both did.
    fn wanted(&self, item: &Item) -> Option<&fate::Fate> {
        let i = if self.who(item) == Some(Who::OnlyRight) { 2 } else { 1 };
        fate_in(&self.fates[i], item)
    }

    /// Items of which a merge makes what nobody wants.
    fn wrong(&self, merged: &Fates) -> Vec<&Item> {
        let items = self.universe.items().map(|(item, _)| item);
        items
            .filter(|item| {
                let fate = fate_in(merged, item);
                fate != self.wanted(item) && fate != fate_in(&self.fates[1], item)
            })
            .collect()
    }

    /// Ours with what theirs says of some slots.
    fn lay_in(&self, taken: &BTreeSet<&Slot>) -> PolicyFile {
        let [_, ours, theirs] = self.files;
        let mut file = ours.clone();
        let gone = |slot: &Slot| taken.contains(slot) && !self.slots[2].contains_key(slot);
        file.retain(|record| !gone(&record.slot()));
        let mut places: Vec<usize> = taken.iter().filter_map(|slot| self.slots[2].get(slot).copied()).collect();
        places.sort_unstable();
        lay(&mut file, &places.into_iter().filter_map(|index| theirs.record(index)).collect());
        file
    }

    /// The slots among some whose records reach one of the items.
    fn reaching<'s>(&self, slots: &BTreeSet<&'s Slot>, items: &[&Item]) -> BTreeSet<&'s Slot> {
        let (nearby, wide) = self.reaches(slots.iter().copied());
        let mut found = BTreeSet::new();
        for item in items {
            found.extend(nearby.get(item).into_iter().flatten().copied());
            found.extend(wide.iter().filter(|(reach, _)| reach.covers(item)).map(|(_, slot)| *slot));
        }
        found
    }

    /// What the records of some slots can change: single items, and all below a key.
    fn reaches<'s>(&self, slots: impl Iterator<Item = &'s Slot>) -> (Nearby<'s>, BTreeSet<(Reach, &'s Slot)>) {
        let slots: BTreeSet<&Slot> = slots.collect();
        let (mut nearby, mut wide) = (Nearby::new(), BTreeSet::new());
        for record in self.files.iter().flat_map(|file| file.records()) {
            let Some(slot) = slots.get(&record.slot()).copied() else { continue };
            for reach in Reach::of(&record) {
                match reach {
                    Reach::Item(item) => nearby.entry(item).or_default().push(slot),
                    reach => {
                        wide.insert((reach, slot));
                    }
                }
            }
        }
        (nearby, wide)
    }
}

/// Who changed something, by what is the same as what.
fn who(base_is_left: bool, base_is_right: bool, left_is_right: bool) -> Option<Who> {
    match (base_is_left, base_is_right) {
        (true, true) => None,
        (false, true) => Some(Who::OnlyLeft),
        (true, false) => Some(Who::OnlyRight),
        (false, false) if left_is_right => Some(Who::Both),
        (false, false) => Some(Who::Conflict),
    }
}

/// Puts records into a file, each where the editor would; where their order decides, in that order behind the rest.
fn lay(onto: &mut PolicyFile, wanted: &PolicyFile) {
    let records: Vec<Record> = wanted.records().map(|record| record.to_record()).collect();
    let mut put = PolicyFile::new();
    put.put_all(&records);
    let outcome = |file| Outcome::of(PolicyFile::records(file));
    if put == *wanted || come_to_the_same(&outcome(&put), &outcome(wanted), &outcome(wanted)) {
        onto.put_all(&records);
        return;
    }
    let slots: HashSet<Slot> = wanted.records().map(|record| record.slot()).collect();
    let there = onto.records().filter(|record| slots.contains(&record.slot()));
    if !there.map(|record| record.to_record()).eq(records) {
        onto.retain(|record| !slots.contains(&record.slot()));
        wanted.records().for_each(|record| onto.push(record));
    }
}

#[cfg(test)]
mod tests;
