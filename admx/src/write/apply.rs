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
            let key = WideString::from(&*list.key);
            let before = file.len();
            file.retain(|record| {
                !record.key.eq_ignore_case(key.as_wide())
                    || !self.is_entry(record, list, catalog)
                    || kept.contains(&slot(record))
            });
            changed |= file.len() != before;
        }
        changed | file.put_all(&self.records)
    }

    /// Keys of all records that any state of the policy may write.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.owned.iter().map(|owned| &*owned.key).chain(self.lists.iter().map(|list| &*list.key))
    }

    /// Whether a record is one that [`apply`](Self::apply) would replace or forget.
    pub fn owns(&self, catalog: &Catalog, record: &RecordRef<'_>) -> bool {
        let is = |key: &str| record.key.is_ignore_case(key);
        // One that only creates its key speaks of no value.
        let speaks = record.action() != Action::CreateKey;
        let (_, name) = slot(record);
        speaks && self.owned.iter().any(|owned| is(&owned.key) && name == Folded::from(owned.name.as_str()))
            || self.lists.iter().any(|list| is(&list.key) && self.is_entry(record, list, catalog))
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
