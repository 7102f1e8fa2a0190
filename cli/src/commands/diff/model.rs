//! The differences as JSON has them: `gpol.diff/1`.

use std::collections::BTreeSet;

use ::admx::{Catalog, Side};
use gpo::by_scope::Joined;
use gpo::compare::{PolicyDiff, Presence, RecordDiff, RecordKind, compare};
use gpo::contents::{GpoFile, compare as compare_files};
use gpo::model::PolicyModel;
use gpo::show::AdmxModel;
use gpo::source::Source;
use serde::Serialize;

use super::Only;
use crate::commands::sides::{AsideModel, Located, SidesArgs, SourceModel, files_of, side_word, title};

/// How two sides differ.
#[derive(Serialize)]
pub struct Diff {
    schema: &'static str,
    pub left: SourceModel,
    pub right: SourceModel,
    /// Templates that gave the names; none where differences are told by record.
    pub admx: Option<AdmxModel>,
    /// Whether they do not differ at all.
    pub same: bool,
    /// Of all differences, also those that are not asked for.
    pub summary: Summary,
    pub scopes: Vec<ScopeDiff>,
    /// What is no registry policy and not the same on all sides.
    pub not_compared: Vec<AsideModel>,
    /// Files beside registry policy that are the same, byte for byte.
    pub same_files: usize,
    /// GPOs and folders among several that cannot be read, and why: what they say is not in the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// What the sides hold beside registry policy.
pub struct NotCompared {
    asides: Vec<AsideModel>,
    same_files: usize,
}

impl NotCompared {
    /// Of left and right, and of their base if there is one.
    pub fn new([left, right]: [&Source; 2], base: Option<&Source>, args: &SidesArgs) -> Self {
        let decides = !args.registry_only;
        let named = [("base", base), ("left", Some(left)), ("right", Some(right))];
        let of_texts = named.into_iter().filter_map(|(side, source)| Some((side, source?)));
        let mut asides: Vec<AsideModel> = of_texts
            .flat_map(|(side, source)| source.asides.iter().map(move |aside| AsideModel::of(aside, side, decides)))
            .collect();
        let files = |source: &'_ Source| -> Vec<GpoFile> {
            files_of(&source.contents, args.scope.as_ref()).into_iter().cloned().collect()
        };
        let [left, right] = [left, right].map(files);
        let sides = [left.iter().collect(), right.iter().collect()];
        let same_files = match base.map(files) {
            None => {
                let compared = compare_files(sides);
                let models =
                    compared.unequal.iter().filter_map(|it| AsideModel::of_files(it, ["left", "right"], decides));
                asides.extend(models);
                compared.same
            }
            Some(base) => {
                let [left, right] = sides;
                let compared = compare_files([base.iter().collect(), left, right]);
                let names = ["base", "left", "right"];
                asides.extend(compared.unequal.iter().filter_map(|it| AsideModel::of_files(it, names, decides)));
                compared.same
            }
        };
        Self { asides, same_files }
    }

    /// Whether all of it is the same, or what is not was let through.
    pub fn is_same(&self) -> bool {
        self.asides.iter().all(|aside| !aside.decides)
    }

    /// Whether no side holds anything of the kind.
    pub fn is_silent(&self) -> bool {
        self.asides.is_empty() && self.same_files == 0
    }
}

/// Counts.
#[derive(Default, Serialize)]
pub struct Summary {
    pub policies: PolicyCounts,
    pub records: RecordCounts,
    /// Values of which both say the same.
    pub same: usize,
}

#[derive(Default, Serialize)]
pub struct PolicyCounts {
    pub only_left: usize,
    pub only_right: usize,
    pub changed: usize,
}

/// Every record once, also if several policies claim it.
#[derive(Default, Serialize)]
pub struct RecordCounts {
    pub only_left: usize,
    pub only_right: usize,
    pub action: usize,
    #[serde(rename = "type")]
    pub value_type: usize,
    pub data: usize,
    pub order: usize,
}

/// The differences of one scope.
#[derive(Serialize)]
pub struct ScopeDiff {
    /// As `--scope` takes it.
    pub scope: Option<String>,
    #[serde(skip)]
    pub title: String,
    #[serde(skip)]
    pub side: Option<&'static str>,
    pub policies: Vec<PolicyEntry>,
    /// Records that no template explains.
    pub records: Vec<RecordEntry>,
    /// Values of which both say the same; the records of the left side, where they are asked for.
    pub same: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alike: Option<Vec<Located>>,
}

/// A policy that differs.
#[derive(Serialize)]
pub struct PolicyEntry {
    pub kind: Presence,
    pub left: PolicyModel,
    pub right: PolicyModel,
    pub records: Vec<RecordEntry>,
}

/// A value that differs.
#[derive(Clone, Serialize)]
pub struct RecordEntry {
    pub kind: RecordKind,
    pub left: Option<Located>,
    pub right: Option<Located>,
}

impl RecordEntry {
    fn new(diff: &RecordDiff, left: &Joined, right: &Joined) -> Self {
        let located = |side, record: Option<&gpo::model::RecordModel>| Located::new(side, record?.index);
        Self { kind: diff.kind, left: located(left, diff.left.as_ref()), right: located(right, diff.right.as_ref()) }
    }
}

impl Diff {
    /// Of left and right.
    pub fn new(
        [left, right]: [&Source; 2],
        not_compared: NotCompared,
        pairs: &[(Joined, Joined)],
        catalog: Option<&Catalog>,
        only: Option<Only>,
    ) -> Self {
        let mut summary = Summary::default();
        let mut scopes = Vec::new();
        for (l, r) in pairs {
            scopes.push(ScopeDiff::new(l, r, catalog, only, &mut summary));
        }
        let same = summary.records.is_zero() && not_compared.is_same();
        Self {
            schema: "gpol.diff/1",
            left: SourceModel::new(left),
            right: SourceModel::new(right),
            admx: catalog.map(AdmxModel::new),
            same,
            summary,
            scopes,
            not_compared: not_compared.asides,
            same_files: not_compared.same_files,
            unreadable: Vec::new(),
        }
    }
}

impl ScopeDiff {
    fn new(
        left: &Joined,
        right: &Joined,
        catalog: Option<&Catalog>,
        only: Option<Only>,
        summary: &mut Summary,
    ) -> Self {
        let scope = left.scope.as_ref();
        let side = scope.map_or(Side::Computer, |scope| scope.side());
        let found = compare(catalog, side, &left.file, &right.file);
        summary.add(&found.policies, &found.records);
        summary.same += found.same;
        let policies = found.policies.iter().filter(|policy| shows_policy(only, policy.kind));
        let records = found.records.iter().filter(|record| shows_record(only, record.kind));
        Self {
            scope: scope.map(gpo::exchange::lgpo::Scope::word),
            title: title(scope),
            side: side_word(scope),
            policies: policies
                .map(|policy| PolicyEntry {
                    kind: policy.kind,
                    left: policy.left.clone(),
                    right: policy.right.clone(),
                    records: policy.records.iter().map(|record| RecordEntry::new(record, left, right)).collect(),
                })
                .collect(),
            records: records.map(|record| RecordEntry::new(record, left, right)).collect(),
            same: found.same,
            alike: (only == Some(Only::Same))
                .then(|| found.alike.iter().filter_map(|index| Located::new(left, *index)).collect()),
        }
    }

    /// Whether there is nothing to print.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.records.is_empty() && self.alike.as_ref().is_none_or(Vec::is_empty)
    }

    /// The records that are shown, each once, by key and value name.
    pub fn all_records(&self) -> Vec<&RecordEntry> {
        let mut seen = BTreeSet::new();
        let of_policies = self.policies.iter().flat_map(|policy| &policy.records);
        let mut all: Vec<&RecordEntry> = of_policies.chain(&self.records).collect();
        // Records of one policy in a state file have one place.
        let is = |side: &Option<Located>| {
            let located = side.as_ref()?;
            Some((located.place.clone(), located.record.key.lossy(), located.record.value_name.lossy()))
        };
        all.retain(|record| seen.insert((is(&record.left), is(&record.right))));
        all.sort_by_cached_key(|entry| {
            let record = entry.left.as_ref().or(entry.right.as_ref()).map(|located| &located.record);
            let text = |text: &gpo::model::Text| text.lossy().to_uppercase();
            record.map(|record| (text(&record.key), text(&record.value_name)))
        });
        all
    }
}

fn shows_policy(only: Option<Only>, kind: Presence) -> bool {
    match only {
        None => true,
        Some(Only::Left) => kind == Presence::OnlyLeft,
        Some(Only::Right) => kind == Presence::OnlyRight,
        Some(Only::Changed) => kind == Presence::Changed,
        Some(Only::Same) => false,
    }
}

fn shows_record(only: Option<Only>, kind: RecordKind) -> bool {
    match only {
        None => true,
        Some(Only::Left) => kind == RecordKind::OnlyLeft,
        Some(Only::Right) => kind == RecordKind::OnlyRight,
        Some(Only::Changed) => !matches!(kind, RecordKind::OnlyLeft | RecordKind::OnlyRight),
        Some(Only::Same) => false,
    }
}

impl Summary {
    fn add(&mut self, policies: &[PolicyDiff], records: &[RecordDiff]) {
        for policy in policies {
            match policy.kind {
                Presence::OnlyLeft => self.policies.only_left += 1,
                Presence::OnlyRight => self.policies.only_right += 1,
                Presence::Changed => self.policies.changed += 1,
            }
        }
        let mut seen = BTreeSet::new();
        for record in policies.iter().flat_map(|policy| &policy.records).chain(records) {
            let index = |side: &Option<gpo::model::RecordModel>| side.as_ref().map(|record| record.index);
            if seen.insert((index(&record.left), index(&record.right))) {
                self.records.add(record.kind);
            }
        }
    }
}

impl RecordCounts {
    fn add(&mut self, kind: RecordKind) {
        match kind {
            RecordKind::OnlyLeft => self.only_left += 1,
            RecordKind::OnlyRight => self.only_right += 1,
            RecordKind::Action => self.action += 1,
            RecordKind::Type => self.value_type += 1,
            RecordKind::Data => self.data += 1,
            RecordKind::Order => self.order += 1,
        }
    }

    /// Those that both sides have.
    pub fn changed(&self) -> usize {
        self.action + self.value_type + self.data + self.order
    }

    pub fn is_zero(&self) -> bool {
        self.only_left + self.only_right + self.changed() == 0
    }
}
