//! Changes on two sides under the policies that they belong to.

use std::collections::BTreeMap;

use admx::{Catalog, Side};
use polfile::PolicyFile;

use super::{Change, Who, three_way};
use crate::compare::{claims, reading};
use crate::model::PolicyModel;

/// What both sides made of the base for one side of Group Policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThreeWay {
    /// Changes of policies: conflicts first, then by category and name. A policy of whose values several have changed in
    /// different ways is told once for each.
    pub policies: Vec<PolicyChange>,
    /// Changes that no template explains.
    pub records: Vec<Change>,
    /// All changes, each once.
    pub all: Vec<Change>,
}

/// Values of a policy that one side changed, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyChange {
    /// Who.
    pub who: Who,
    /// The policy in base, left and right.
    pub models: [PolicyModel; 3],
    /// The values.
    pub records: Vec<Change>,
}

/// Compares both sides with their base. A file that is not there is an empty one.
///
/// Without a `catalog`, all changes are records.
pub fn by_policy(catalog: Option<&Catalog>, side: Side, files: [&PolicyFile; 3]) -> ThreeWay {
    let [base, left, right] = files;
    let all = three_way(base, left, right);
    let Some(catalog) = catalog else {
        return ThreeWay { records: all.clone(), all, policies: Vec::new() };
    };
    let readings = files.map(|file| catalog.read(side, file));
    let claims = readings.each_ref().map(|reading| claims(Some(reading)));
    let mut result = ThreeWay { all, ..ThreeWay::default() };
    let mut by_policy: BTreeMap<(Who, String), Vec<Change>> = BTreeMap::new();
    for change in &result.all {
        let places = [change.base, change.left, change.right];
        let claimed = places.iter().zip(&claims).filter_map(|(index, claims)| claims.get(&(*index)?)).flatten();
        let mut ids: Vec<&String> = claimed.collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            result.records.push(change.clone());
        }
        for id in ids {
            by_policy.entry((change.who, id.clone())).or_default().push(change.clone());
        }
    }
    for ((who, id), records) in by_policy {
        let read = readings.each_ref().map(|all| reading(all, &id));
        let Some(policy) = read.iter().flatten().next().map(|reading| reading.policy) else { continue };
        let models = read.map(|reading| match reading {
            Some(reading) => PolicyModel::new(catalog, reading),
            None => PolicyModel::not_configured(catalog, policy),
        });
        result.policies.push(PolicyChange { who, models, records });
    }
    result.policies.sort_by_cached_key(|change| {
        let [model, ..] = &change.models;
        (change.who, model.category.clone(), model.display_name.trim().to_owned(), model.id.clone())
    });
    result
}
