//! Putting a write set into a policy file, with no other byte touched.

use std::collections::HashSet;

use polfile::{Action, Folded, PolicyFile, RecordRef, WideStr, WideString};

use super::{OwnedList, WriteSet};
use crate::catalog::Catalog;
use crate::claims::is_numbered;

impl WriteSet {
    /// Brings a policy file to the state and says whether a byte changed.
    ///
    /// A value that the state keeps is replaced in its place, other values of the policy are forgotten, new ones go
    /// where the editor would put them. Of a list without prefix only those values go that no policy of the catalog
    /// claims by name: the key may be shared.
    pub fn apply(&self, catalog: &Catalog, file: &mut PolicyFile) -> bool {
        let kept: HashSet<(Folded, Folded)> = self.records.iter().map(|record| slot(&record.as_ref())).collect();
        let mut changed = false;
        for owned in &self.owned {
            if !kept.contains(&(Folded::from(&*owned.key), Folded::from(owned.name.as_str()))) {
                let (key, name) = (WideString::from(&*owned.key), WideString::from(owned.name.as_str()));
                changed |= file.forget(key.as_wide(), name.as_wide()) > 0;
            }
        }
        for list in &self.lists {
            let key = Folded::from(&*list.key);
            let entries: Vec<usize> = file
                .records()
                .enumerate()
                .filter(|(_, record)| record.key.fold() == key)
                .filter(|(_, record)| self.is_entry(record, list, catalog))
                .filter(|(_, record)| !kept.contains(&slot(record)))
                .map(|(index, _)| index)
                .collect();
            for &index in entries.iter().rev() {
                changed |= file.forget_record(index);
            }
        }
        for record in &self.records {
            changed |= file.put(record);
        }
        changed
    }

    /// Whether a record of the list's key is the list's.
    fn is_entry(&self, record: &RecordRef<'_>, list: &OwnedList, catalog: &Catalog) -> bool {
        let belongs = |name: WideStr<'_>| match &list.prefix {
            Some(prefix) => is_numbered(name, prefix),
            None => {
                let claims = catalog.claims().key(&record.key.fold());
                !claims.is_some_and(|claims| claims.is_named(&name.fold(), self.side, catalog.policies()))
            }
        };
        match record.action() {
            Action::Set => belongs(record.value_name),
            Action::DeleteValue(name) | Action::SetIfMissing(name) => belongs(name),
            Action::DeleteAllValues => true,
            _ => false,
        }
    }
}

/// Key and name of the value that a record speaks of; one name for either spelling of `**delvals.`.
fn slot(record: &RecordRef<'_>) -> (Folded, Folded) {
    let name = match record.action() {
        Action::DeleteValue(name) => name.fold(),
        Action::DeleteAllValues => "**delvals.".into(),
        _ => record.value_name.fold(),
    };
    (record.key.fold(), name)
}
