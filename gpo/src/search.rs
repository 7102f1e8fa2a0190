//! Who sets this: looking for text, a policy or a registry value in many GPOs.
//!
//! A search that misses a match is worse than none, since it is believed. So every record is looked at, by its names in any case,
//! with and without the hive in front, with and without the directive; what no template explains is found as well as the rest;
//! and what could not be read is part of the answer.

mod pattern;
mod policies;
mod record;
mod settings;

use std::path::PathBuf;

use admx::{Catalog, FindError, PolicyReading, Side, State};
use polfile::{PolicyFile, ValueType};
use serde::Serialize;

use crate::contents::{self, GpoFile};
use crate::effective::{InDirectory, Linked};
use crate::error::Error;
use crate::model::RecordModel;
use crate::scan::{self, Content, Gpo, Part, Problem, Progress, Read, Wanted};
use crate::scope::Scope;
use crate::show::{AdmxModel, TargetModel};
use crate::target::TargetError;
use pattern::{Address, Text};
pub use pattern::{Case, Manner};
use policies::Policies;
pub(crate) use policies::keys_of;
pub use settings::Setting;

/// Where a match may be; none chosen means everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// In the key.
    pub key: bool,
    /// In the name of the value.
    pub value: bool,
    /// In the data.
    pub data: bool,
    /// In the name, id or category of the policy.
    pub policy: bool,
}

impl Places {
    /// Everywhere, if none was chosen.
    fn or_all(self) -> Self {
        match self == Self::default() {
            true => Self { key: true, value: true, data: true, policy: true },
            false => self,
        }
    }
}

/// What else a match must be.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Where.
    pub places: Places,
    /// Part of a policy in this state.
    pub state: Option<State>,
    /// Of this type.
    pub value_type: Option<ValueType>,
    /// A directive that makes Windows delete something.
    pub deleted: bool,
    /// Whose policy.
    pub scope: Option<Scope>,
}

/// What is looked for.
#[derive(Debug)]
pub struct Query<'c> {
    patterns: Vec<String>,
    /// What each pattern wants; one that is met is enough.
    wanted: Vec<WhatFor>,
    /// The policies that the patterns mean or name.
    policies: Policies<'c>,
    filter: Filter,
    catalog: Option<&'c Catalog>,
    /// What names a policy that the catalog does not have.
    others: Vec<&'c Catalog>,
}

#[derive(Debug)]
enum WhatFor {
    Text(Text),
    Address(Address),
    /// The policies alone.
    Policies,
}

/// Why a pattern cannot be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No regular expression.
    #[error(transparent)]
    Regex(#[from] regex::Error),
    /// `id:`, `name:` and `path:` mean policies of the templates.
    #[error(transparent)]
    NoPolicy(#[from] FindError),
    /// The same, without templates.
    #[error("\"{0}\" means a policy, and there are no templates to look it up in")]
    NoTemplates(String),
}

impl<'c> Query<'c> {
    /// Reads a pattern: `reg:` or a hive in front means a place in the registry, `id:`, `name:` and `path:` mean a policy;
    /// anything else is text, which the names of policies may have as well. `others` are asked for what `catalog` does not have.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub fn new(
        pattern: &str,
        manner: Manner,
        filter: Filter,
        catalog: Option<&'c Catalog>,
        others: &[&'c Catalog],
    ) -> Result<Self, QueryError> {
        let (wanted, policies) = Self::read(pattern, manner, &filter, catalog, others)?;
        let others = others.to_vec();
        Ok(Self { patterns: vec![pattern.to_owned()], wanted: vec![wanted], policies, filter, catalog, others })
    }

    /// Adds a pattern: what either means is found.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub fn or(mut self, pattern: &str, manner: Manner) -> Result<Self, QueryError> {
        let (wanted, policies) = Self::read(pattern, manner, &self.filter, self.catalog, &self.others)?;
        self.patterns.push(pattern.to_owned());
        self.wanted.push(wanted);
        self.policies.add(policies);
        Ok(self)
    }

    fn read(
        pattern: &str,
        manner: Manner,
        filter: &Filter,
        catalog: Option<&'c Catalog>,
        others: &[&'c Catalog],
    ) -> Result<(WhatFor, Policies<'c>), QueryError> {
        let behind = |prefix: &str| {
            let start = pattern.get(..prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then(|| &pattern[prefix.len()..])
        };
        let in_policies = filter.places.or_all().policy;
        let (wanted, policies) = if let Some(place) = behind("reg:") {
            (Address::new(place, true).map(WhatFor::Address), Policies::none())
        } else if ["id:", "name:", "path:"].iter().any(|prefix| behind(prefix).is_some()) {
            let catalog = catalog.ok_or_else(|| QueryError::NoTemplates(pattern.to_owned()))?;
            let elsewhere = || others.iter().find_map(|other| Policies::meant(other, pattern).ok());
            let meant = Policies::meant(catalog, pattern).or_else(|error| elsewhere().ok_or(error))?;
            (Some(WhatFor::Policies), meant)
        } else if !manner.fixed {
            (Address::new(pattern, false).map(WhatFor::Address), Policies::none())
        } else {
            (None, Policies::none())
        };
        Ok(match wanted {
            Some(wanted) => (wanted, policies),
            None => {
                let text = Text::new(pattern, manner)?;
                let mut catalogs = catalog.into_iter().chain(others.iter().copied()).filter(|_| in_policies);
                let named = catalogs
                    .by_ref()
                    .map(|catalog| Policies::named(catalog, &text, pattern))
                    .find(|named| !named.is_empty());
                drop(catalogs);
                (WhatFor::Text(text), named.unwrap_or_else(Policies::none))
            }
        })
    }

    /// Whether the pattern is no regular expression and was taken as it stands, because it has a backslash; unless it is
    /// a policy's path.
    pub fn is_taken_as_it_stands(&self) -> bool {
        let is_taken = |wanted: &WhatFor| matches!(wanted, WhatFor::Text(text) if text.as_it_stands);
        self.wanted.iter().any(is_taken) && self.policies.is_empty()
    }

    /// The same query for the names that policies have in the other languages of the templates, if there are any such. To read
    /// them takes its time, so this is for what is found nowhere else.
    fn in_other_languages(&self) -> Option<Self> {
        let catalog = self.catalog.filter(|_| self.filter.places.or_all().policy)?;
        let mut policies = Policies::none();
        for (wanted, pattern) in self.wanted.iter().zip(&self.patterns) {
            if let WhatFor::Text(text) = wanted {
                policies.add(Policies::named_elsewhere(catalog, text, pattern));
            }
        }
        (!policies.is_empty()).then(|| Self {
            patterns: self.patterns.clone(),
            wanted: Vec::new(),
            policies,
            filter: self.filter.clone(),
            catalog: self.catalog,
            others: self.others.clone(),
        })
    }
}

/// What a search found: `gpol.search/1`.
#[derive(Debug, Serialize)]
pub struct Search {
    /// Name of the shape.
    pub schema: &'static str,
    /// As asked; one a line, if there are several.
    pub pattern: String,
    /// The templates that gave names of policies; `null` without any.
    pub admx: Option<AdmxModel>,
    /// All of them, the first one first: each target has its own.
    pub stores: Vec<AdmxModel>,
    /// GPOs with a match, in the order of targets and paths.
    pub gpos: Vec<GpoMatches>,
    /// What could not be read; then the answer is not complete.
    pub unreadable: Vec<Unreadable>,
    /// Files that set something, or may, and that were not searched, or not all of them.
    pub not_searched: Vec<NotSearched>,
    /// How much there was.
    pub searched: Searched,
}

/// A GPO with files that were not searched.
#[derive(Debug, Serialize)]
pub struct NotSearched {
    /// Which one.
    pub gpo: TargetModel,
    /// The files.
    pub files: Vec<FileNotSearched>,
}

/// A file that was not searched, or not all of it.
#[derive(Debug, Serialize)]
pub struct FileNotSearched {
    /// Which one.
    #[serde(flatten)]
    pub file: GpoFile,
    /// Whether the registry values that it sets were searched; nothing else of it was.
    pub registry_values: bool,
}

/// How much was searched and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// GPOs.
    pub gpos: usize,
    /// Records of policy files.
    pub records: usize,
    /// Registry values of preferences and security templates.
    pub settings: usize,
    /// Files of which only the registry values that they set were searched.
    pub files_partly: usize,
    /// Files that set something, or may, and of which nothing was searched.
    pub files_not: usize,
    /// Matches.
    pub matches: usize,
}

/// A GPO with matches.
#[derive(Debug, Serialize)]
pub struct GpoMatches {
    /// Which one.
    pub gpo: TargetModel,
    /// What an export of Active Directory says of it; `null` without one, and where that does not hold it.
    pub directory: Option<InDirectory>,
    /// The matches, in the order of the files.
    pub matches: Vec<Match>,
}

/// A record or a setting that matches.
#[derive(Debug, Serialize)]
pub struct Match {
    /// `policy`, `preferences` or `security`.
    pub source: &'static str,
    /// `computer` or `user`; `null` for a bare policy file whose folder does not tell.
    pub side: Option<&'static str>,
    /// Whose policy.
    pub scope: Option<Scope>,
    /// The file.
    pub file: String,
    /// Policies that the record is part of, and their states.
    pub policies: Vec<PolicyState>,
    /// The record; `null` for a setting.
    pub record: Option<RecordModel>,
    /// The setting of preferences or a security template; `null` for a record.
    pub setting: Option<Setting>,
}

/// A policy and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyState {
    /// `namespace:name`.
    pub id: String,
    /// As the editor shows it.
    pub display_name: String,
    /// `enabled`, `disabled` or `mixed`.
    pub state: &'static str,
}

/// Something that could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct Unreadable {
    /// The GPO it belongs to.
    pub gpo: TargetModel,
    /// The file or folder.
    pub path: String,
    /// Why.
    pub message: String,
}

impl From<&Gpo> for TargetModel {
    fn from(gpo: &Gpo) -> Self {
        Self { kind: gpo.kind, path: gpo.path.display().to_string(), guid: gpo.guid.clone(), name: gpo.name.clone() }
    }
}

impl Unreadable {
    /// What a program or a person needs to know of a problem.
    pub(crate) fn new(gpo: &Gpo, problem: &Problem) -> Self {
        let message = match &problem.error {
            // What was listed and is not there any more.
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "it vanished while it was read, or is a link that leads nowhere".to_owned()
            }
            Error::Io { source, .. } => source.to_string(),
            Error::Target(TargetError::LeadsOut { to, .. }) => {
                format!("it is a link that leads out of the target, to {}; gpol does not follow it", to.display())
            }
            Error::Malformed { error, .. } => error.to_string(),
            other => other.to_string(),
        };
        Self { gpo: gpo.into(), path: problem.path.display().to_string(), message }
    }
}

/// Searches all GPOs of the targets, each target with the query at its place, which knows its templates; what is found nowhere, also by the names that policies have in other languages. Names of domain GPOs, and where they are linked, come from an export of Active Directory.
///
/// # Errors
///
/// If a target that was named is none, or holds no GPO.
///
/// # Panics
///
/// If there are fewer queries than targets.
pub fn search(
    queries: &[Query<'_>],
    targets: &[PathBuf],
    linked: Option<&Linked<'_>>,
    progress: &Progress,
) -> Result<Search, TargetError> {
    let wanted = Wanted { settings: true, gpt_ini: false, files: true };
    let scan = |queries: &[&Query<'_>]| {
        scan::scan_each(targets, wanted, progress, |target, mut read| {
            read.gpo.take_name(linked.map(Linked::snapshot));
            queries[target].gpo(read)
        })
    };
    let own: Vec<&Query<'_>> = queries.iter().collect();
    let mut found = scan(&own)?;
    if found.iter().all(|gpo| gpo.matches.is_empty()) {
        let translated: Vec<Option<Query<'_>>> = queries.iter().map(Query::in_other_languages).collect();
        if translated.iter().any(Option::is_some) {
            let either = own.iter().zip(&translated).map(|(own, translated)| translated.as_ref().unwrap_or(own));
            found = scan(&either.collect::<Vec<_>>())?;
        }
    }
    let mut stores: Vec<AdmxModel> = Vec::new();
    for model in queries.iter().filter_map(|query| query.catalog.map(AdmxModel::new)) {
        if !stores.contains(&model) {
            stores.push(model);
        }
    }
    let mut search = Search {
        schema: "gpol.search/1",
        pattern: queries.first().map(|query| query.patterns.join("\n")).unwrap_or_default(),
        admx: stores.first().cloned(),
        stores,
        gpos: Vec::new(),
        unreadable: Vec::new(),
        not_searched: Vec::new(),
        searched: Searched::default(),
    };
    for gpo in found {
        search.searched.gpos += usize::from(!gpo.problems.iter().any(|problem| problem.is_in_place_of(&gpo.gpo)));
        search.searched.records += gpo.records;
        search.searched.settings += gpo.settings;
        search.searched.matches += gpo.matches.len();
        let partly = gpo.files.iter().filter(|file| file.registry_values).count();
        search.searched.files_partly += partly;
        search.searched.files_not += gpo.files.len() - partly;
        if !gpo.files.is_empty() {
            search.not_searched.push(NotSearched { gpo: (&gpo.gpo).into(), files: gpo.files });
        }
        search.unreadable.extend(gpo.problems.iter().map(|problem| Unreadable::new(&gpo.gpo, problem)));
        if !gpo.matches.is_empty() {
            let Gpo { kind, path, guid, .. } = &gpo.gpo;
            let directory = linked.and_then(|linked| linked.of(*kind, guid.as_deref(), path));
            search.gpos.push(GpoMatches { gpo: (&gpo.gpo).into(), directory, matches: gpo.matches });
        }
    }
    Ok(search)
}

/// What was found in one GPO.
struct OfGpo {
    gpo: Gpo,
    matches: Vec<Match>,
    problems: Vec<Problem>,
    files: Vec<FileNotSearched>,
    records: usize,
    settings: usize,
}

impl Query<'_> {
    fn gpo(&self, read: Read) -> OfGpo {
        let files = self.not_searched(&read);
        let (gpo, problems) = (read.gpo, read.problems);
        let mut found = OfGpo { gpo, matches: Vec::new(), problems, files, records: 0, settings: 0 };
        for part in read.parts {
            if self.filter.scope.is_some() && part.scope.is_some() && part.scope != self.filter.scope {
                continue;
            }
            match part.content {
                Content::Policy => self.policy_file(part, &mut found),
                Content::Preferences => match settings::preferences(&part.bytes) {
                    Ok(settings) => self.settings("preferences", &part, settings, &mut found),
                    Err(message) => {
                        let error = Error::Unreadable { path: part.path.clone(), message };
                        found.problems.push(Problem { path: part.path, error });
                    }
                },
                Content::Security => self.settings("security", &part, settings::security(&part.bytes), &mut found),
            }
        }
        found
    }

    /// The files of the scope that is asked for that are no registry policy.
    fn not_searched(&self, read: &Read) -> Vec<FileNotSearched> {
        let is_asked = |file: &&GpoFile| self.filter.scope.as_ref().is_none_or(|scope| file.is_of(scope));
        let files = contents::overlooked(read.files.iter().filter(is_asked));
        let values = |file: &GpoFile| read.parts.iter().any(|part| part.path == file.path);
        files.into_iter().map(|file| FileNotSearched { registry_values: values(&file), file }).collect()
    }

    fn policy_file(&self, part: Part, found: &mut OfGpo) {
        let Part { scope, path, bytes, .. } = part;
        let scope = scope.or_else(|| self.filter.scope.clone());
        let file = match PolicyFile::from_bytes(bytes) {
            Ok(file) => file,
            Err(error) => {
                let error = Error::Malformed { path: path.clone(), bytes: Vec::new(), error };
                return found.problems.push(Problem { path, error });
            }
        };
        found.records += file.len();
        let side = scope.as_ref().map(Scope::side);
        let hits: Vec<usize> = record::matching(self, side, &file);
        if hits.is_empty() {
            return;
        }
        let states = self.states(side, &file);
        for index in hits {
            let policies = states.of(index);
            if self.filter.state.is_some_and(|state| !policies.iter().any(|policy| policy.state == state.as_str())) {
                continue;
            }
            found.matches.push(Match {
                source: "policy",
                side: side.map(Side::as_str),
                scope: scope.clone(),
                file: path.display().to_string(),
                policies,
                record: file.record(index).map(|record| RecordModel::new(index, &record)),
                setting: None,
            });
        }
    }

    fn settings(&self, source: &'static str, part: &Part, settings: Vec<Setting>, found: &mut OfGpo) {
        found.settings += settings.len();
        let hits = settings.into_iter().filter(|setting| record::setting_matches(self, setting));
        found.matches.extend(hits.map(|setting| Match {
            source,
            side: part.scope.as_ref().map(|scope| scope.side().as_str()),
            scope: part.scope.clone(),
            file: part.path.display().to_string(),
            policies: Vec::new(),
            record: None,
            setting: Some(setting.shown()),
        }));
    }

    /// The states of the policies in a file. Where nothing tells the side, that one is taken whose policies explain more.
    fn states(&self, side: Option<Side>, file: &PolicyFile) -> States {
        let Some(catalog) = self.catalog else { return States(Vec::new()) };
        let reading = match side {
            Some(side) => catalog.read(side, file),
            None => {
                let (computer, user) = (catalog.read(Side::Computer, file), catalog.read(Side::User, file));
                if user.unexplained.len() < computer.unexplained.len() { user } else { computer }
            }
        };
        let told = |reading: PolicyReading<'_>| {
            let (id, display_name) = (reading.policy.id(), reading.policy.display_name.trim().to_owned());
            (reading.records, PolicyState { id, display_name, state: reading.state.as_str() })
        };
        let mut states = States(reading.policies.into_iter().map(told).collect());
        for other in &self.others {
            let sides = [Side::Computer, Side::User].into_iter().filter(|this| side.is_none_or(|side| side == *this));
            let more: Vec<PolicyReading<'_>> = sides.flat_map(|side| other.read(side, file).policies).collect();
            let new =
                more.into_iter().filter(|reading| reading.records.iter().all(|record| states.of(*record).is_empty()));
            let new: Vec<_> = new.map(told).collect();
            states.0.extend(new);
        }
        states
    }
}

/// The policies of a file, each with its records.
struct States(Vec<(Vec<usize>, PolicyState)>);

impl States {
    fn of(&self, record: usize) -> Vec<PolicyState> {
        self.0.iter().filter(|(records, _)| records.contains(&record)).map(|(_, state)| state.clone()).collect()
    }
}
