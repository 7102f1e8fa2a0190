//! What is to change, or was changed.

use std::collections::{HashMap, HashSet};

use gpo::apply::{Outcome, SideOutcome};
use gpo::compare::{PolicyDiff, Presence, RecordDiff, SideDiff};
use gpo::desired::{Desired, Origin, What};
use gpo::doctor::Doctor;
use gpo::edit::changed_records;
use gpo::model::{ElementModel, PolicyModel, RecordModel};
use gpo::scope::Scope;
use gpo::show::{TargetModel, VersionModel};
use gpo::target::Kind;
use polfile::{PolicyFile, RecordRef};
use serde::Serialize;

use super::Case;
use super::ids::IdModel;
use crate::commands::doctor::verdict;
use crate::commands::halves::{BackupModel, DirectoryModel, notes};
use crate::commands::history::recorded;
use crate::commands::pol::count;
use crate::commands::policy::in_words;
use crate::commands::sides::AsideModel;
use crate::commands::values;
use crate::heading;
use crate::ui::{Line, Page, Style};

/// `gpol.plan/1` and `gpol.apply/1`; `gpol.pol-set/1`, `gpol.pol-delete/1` and `gpol.pol-forget/1` of a single record.
#[derive(Serialize)]
pub struct Report {
    schema: &'static str,
    target: TargetModel,
    dry_run: bool,
    /// Whether a file changes.
    changed: bool,
    changes: Vec<ChangeModel>,
    counts: Counts,
    /// What becomes of the records of each policy file, told from the file before and after.
    records: Vec<RecordsModel>,
    /// Settings that EXPECT does not name and that stay.
    unmanaged: usize,
    versions: Vec<VersionChange>,
    /// Extensions that lists in gpt.ini or Backup.xml get and lose.
    extensions_added: Vec<String>,
    extensions_removed: Vec<String>,
    /// Files that are replaced, in that order.
    files: Vec<String>,
    /// What has to happen in Active Directory, for a domain GPO: one for each side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    directory: Vec<DirectoryModel>,
    /// What becomes of a backup's `Backup.xml`: one for each side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backup: Vec<BackupModel>,
    notes: Vec<String>,
    /// What EXPECT holds beside registry policy: it stays out of this.
    not_applied: Vec<AsideModel>,
    /// Names in state files that ids took the place of; only with `--write-ids`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<IdModel>>,
    /// What the plan hashes to: equal for a dry run and the run that does it.
    plan: String,
    /// Under which id the change is recorded.
    change: Option<String>,
    /// Whether Windows will apply what was written.
    pub doctor: Option<Doctor>,
    /// The sides that those are of.
    #[serde(skip)]
    backup_sides: Vec<&'static str>,
    #[serde(skip)]
    is_image_or_gpo: bool,
}

#[derive(Serialize)]
struct Counts {
    add: usize,
    change: usize,
    forget: usize,
    right: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ChangeKind {
    Add,
    Change,
    Forget,
}

/// A policy, or a record that no template explains.
#[derive(Serialize)]
struct ChangeModel {
    kind: ChangeKind,
    scope: Scope,
    policy: Option<PolicyDiff>,
    record: Option<RecordDiff>,
    /// Where it is asked for; `null` for what is pruned.
    from: Option<String>,
    /// Where a weaker source asks for something else.
    overrides: Option<String>,
}

/// The records of a policy file before and after.
#[derive(Serialize)]
struct RecordsModel {
    scope: Scope,
    before: usize,
    after: usize,
    /// Those that stay byte for byte, in their order.
    untouched: usize,
    /// The others, each beside the one that takes its place.
    changed: Vec<RecordChange>,
}

#[derive(Serialize)]
struct RecordChange {
    before: Option<RecordModel>,
    after: Option<RecordModel>,
}

impl RecordsModel {
    fn of(side: &SideOutcome) -> Self {
        let places = |file: &PolicyFile| -> HashMap<usize, usize> {
            file.records().enumerate().map(|(index, record)| (record.offset, index)).collect()
        };
        let (old_places, new_places) = (places(&side.before), places(&side.after));
        let model = |places: &HashMap<usize, usize>, record: Option<RecordRef<'_>>| {
            record.and_then(|record| Some(RecordModel::new(*places.get(&record.offset)?, &record)))
        };
        let changed: Vec<RecordChange> = changed_records(&side.before, &side.after)
            .into_iter()
            .map(|(old, new)| RecordChange { before: model(&old_places, old), after: model(&new_places, new) })
            .collect();
        let gone = changed.iter().filter(|change| change.before.is_some()).count();
        let untouched = side.before.len().saturating_sub(gone);
        Self { scope: side.scope.clone(), before: side.before.len(), after: side.after.len(), untouched, changed }
    }

    /// Records that do not stay and that no setting that changes tells of.
    fn untold<'m>(&'m self, side: &SideOutcome) -> Vec<&'m RecordModel> {
        let told = side.diff.policies.iter().flat_map(|policy| &policy.records).chain(&side.diff.records);
        let told: HashSet<usize> = told.filter_map(|record| record.left.as_ref()).map(|record| record.index).collect();
        let gone = self.changed.iter().filter_map(|change| change.before.as_ref());
        gone.filter(|record| !told.contains(&record.index)).collect()
    }
}

#[derive(Serialize)]
struct VersionChange {
    scope: Scope,
    before: Option<VersionModel>,
    after: VersionModel,
}

impl Report {
    pub fn new(schema: &'static str, case: &Case, outcome: &Outcome, dry_run: bool) -> Self {
        let changes: Vec<ChangeModel> = outcome.sides.iter().flat_map(|side| changes(side, &case.desired)).collect();
        let of = |kind: ChangeKind| changes.iter().filter(|change| change.kind == kind).count();
        let counts = Counts {
            add: of(ChangeKind::Add),
            change: of(ChangeKind::Change),
            forget: of(ChangeKind::Forget),
            right: outcome.sides.iter().map(|side| side.right).sum(),
        };
        let settings = |diff: &SideDiff| diff.policies.len().saturating_add(diff.records.len());
        let unmanaged = outcome.sides.iter().map(|side| settings(&side.unmanaged)).sum();
        let mut all_notes: Vec<String> =
            outcome.sides.iter().flat_map(|side| notes(side.scope.side(), &side.books)).collect();
        all_notes.dedup();
        let records: Vec<RecordsModel> = outcome.sides.iter().map(RecordsModel::of).collect();
        for (side, records) in outcome.sides.iter().zip(&records) {
            let untold = records.untold(side);
            if untold.is_empty() {
                continue;
            }
            let named: Vec<String> = untold.iter().map(|record| values::place(None, record)).collect();
            let (what, named) = (count(untold.len(), "record"), named.join(", "));
            let settings = if settings(&side.diff) == 0 { "no setting changes" } else { "no other setting changes" };
            all_notes.push(format!(
                "{}: {what} that another repeats or undoes, or that moves, does not stay as it is ({named}); {settings}.",
                side.scope
            ));
        }
        if let Some(why) = case.about_unmanaged.filter(|_| unmanaged > 0) {
            let (verb, what) = if unmanaged == 1 { ("stays", "is not named") } else { ("stay", "are not named") };
            all_notes.push(format!("{} that {what} {verb}: {why}.", count(unmanaged, "setting")));
        }
        if outcome.sides.is_empty() {
            all_notes.push(
                "EXPECT asks for nothing of this target, neither a setting nor that one be forgotten.".to_owned(),
            );
        }
        let books = || outcome.sides.iter().map(|side| (&side.scope, &side.books));
        let lists = || books().filter_map(|(_, books)| books.extensions());
        Self {
            schema,
            target: TargetModel::new(&case.target),
            dry_run,
            changed: !outcome.plan.is_empty(),
            counts,
            changes,
            records,
            unmanaged,
            versions: books()
                .filter_map(|(scope, books)| {
                    let ini = books.gpt_ini.as_ref()?;
                    let (before, after) = (ini.before.map(Into::into), ini.after.into());
                    Some(VersionChange { scope: scope.clone(), before, after })
                })
                .collect(),
            extensions_added: lists().flat_map(|list| list.added.clone()).collect(),
            extensions_removed: lists().flat_map(|list| list.removed.clone()).collect(),
            files: outcome.plan.files().iter().map(|file| file.path.display().to_string()).collect(),
            directory: books().filter_map(|(_, books)| books.directory.as_ref()).map(DirectoryModel::new).collect(),
            backup: books().filter_map(|(_, books)| books.backup.as_ref()).map(BackupModel::new).collect(),
            backup_sides: books()
                .filter(|(_, books)| books.backup.is_some())
                .map(|(scope, _)| scope.side().as_str())
                .collect(),
            notes: all_notes,
            not_applied: AsideModel::of_expected(&case.desired),
            ids: None,
            plan: outcome.plan.hash(),
            change: None,
            doctor: None,
            is_image_or_gpo: !matches!(case.target.kind, Kind::Pol | Kind::GpoBackup),
        }
    }

    /// The plan was carried out, and recorded under an id.
    pub fn applied(&mut self, id: Option<String>) {
        self.dry_run = false;
        self.change = id;
    }

    /// Names in state files were replaced by ids.
    pub fn written(&mut self, ids: Vec<IdModel>) {
        self.ids = Some(ids);
    }

    pub fn page(&self) -> Page {
        let mut page = Page::new();
        let Counts { add, change, forget, right } = self.counts;
        if !self.changed {
            let line = Line::new().span(Style::Good, "Nothing to do");
            page.line(line.text(format!(" ({right} of {right} as desired). No file written, no version changed.")));
            self.note_lines(&mut page);
            return page;
        }
        if self.target.name.is_some() {
            heading::target(&mut page, &self.target);
            page.blank();
        }
        let scopes = self.changes.iter().map(|change| change.scope.to_string().len()).max().unwrap_or_default();
        for change in &self.changes {
            change.add_to(&mut page, scopes);
        }
        let counts = match self.dry_run {
            true => format!("{add} to add, {change} to change, {forget} to forget, {right} already right."),
            false => format!("{add} added, {change} changed, {forget} forgotten, {right} already right."),
        };
        let verb = if self.dry_run { "Plan" } else { "Applied" };
        let versions = self.versions.iter().map(VersionChange::words).collect::<Vec<_>>().join(", ");
        let versions = if versions.is_empty() { versions } else { format!("  gpt.ini {versions}") };
        page.line(Line::new().span(Style::Strong, verb).text(format!(": {counts}{versions}")).hang_at(2));
        for (what, extensions) in [("gets", &self.extensions_added), ("loses", &self.extensions_removed)] {
            for extension in extensions {
                page.line(Line::indented(2).text(format!("an extension list {what} {extension}")));
            }
        }
        for (change, side) in self.backup.iter().zip(&self.backup_sides) {
            page.line(Line::indented(2).text("Backup.xml"));
            change.add_to(&mut page, side);
        }
        for directory in &self.directory {
            directory.add_to(&mut page, self.dry_run);
        }
        self.note_lines(&mut page);
        if let Some(id) = &self.change {
            recorded(&mut page, id, &self.target.path);
        }
        if let Some(doctor) = self.doctor.as_ref().filter(|_| self.is_image_or_gpo) {
            page.blank().append(verdict(doctor));
        }
        page
    }

    fn note_lines(&self, page: &mut Page) {
        for note in &self.notes {
            page.line(Line::new().span(Style::Warn, "note").text(": ").hang().text(note));
        }
        match self.ids.as_deref() {
            None => {}
            Some([]) => {
                page.line("The state files name everything by its id already; they stay as they are.");
            }
            Some(ids) => {
                page.line(Line::new().span(Style::Strong, format!("{} written", count(ids.len(), "id"))));
                for IdModel { file, line, from, to } in ids {
                    let place = Line::indented(2).span(Style::Faint, format!("{file}:{line}")).text("  ").hang();
                    page.line(place.text(format!("{from} -> {to}")));
                }
            }
        }
    }
}

impl VersionChange {
    /// `computer 3 -> 4`.
    fn words(&self) -> String {
        let half = |version: VersionModel| match self.scope {
            Scope::Computer => version.computer,
            _ => version.user,
        };
        let before = self.before.map_or_else(|| "none".to_owned(), |before| half(before).to_string());
        format!("{} {before} -> {}", self.scope, half(self.after))
    }
}

/// All that differs on a side, and where it is asked for.
fn changes(side: &SideOutcome, desired: &Desired) -> Vec<ChangeModel> {
    let policies = side.diff.policies.iter().map(|policy| {
        let origin = policy.records.iter().find_map(|record| origin(side, desired, record, Some(&policy.left.id)));
        let kind = match policy.kind {
            Presence::OnlyRight => ChangeKind::Add,
            Presence::OnlyLeft => ChangeKind::Forget,
            Presence::Changed => ChangeKind::Change,
        };
        (kind, Some(policy.clone()), None, origin)
    });
    let records = side.diff.records.iter().map(|record| {
        let kind = match (&record.left, &record.right) {
            (None, _) => ChangeKind::Add,
            (_, None) => ChangeKind::Forget,
            _ => ChangeKind::Change,
        };
        (kind, None, Some(record.clone()), origin(side, desired, record, None))
    });
    let model = |(kind, policy, record, origin): (_, _, _, Option<Origin>)| ChangeModel {
        kind,
        scope: side.scope.clone(),
        policy,
        record,
        from: origin.as_ref().map(|origin| origin.place.to_string()),
        overrides: origin.and_then(|origin| origin.overrides).map(|place| place.to_string()),
    };
    policies.chain(records).map(model).collect()
}

fn origin(side: &SideOutcome, desired: &Desired, record: &RecordDiff, policy: Option<&str>) -> Option<Origin> {
    let wanted = desired.scopes.iter().find(|wanted| wanted.scope == side.scope)?;
    let slot = side.slot(record)?;
    let forgets = |what: &What| match what {
        What::Policy(id) => policy == Some(id.as_str()),
        What::Value(key, name) => {
            slot.key == key.as_str().into() && slot.value_name == name.as_str().into() && slot.is_value
        }
    };
    let forgotten = || wanted.forgotten.iter().find(|it| forgets(&it.what)).map(|it| it.origin.clone());
    wanted.origins.get(&slot).cloned().or_else(forgotten)
}

impl ChangeModel {
    fn add_to(&self, page: &mut Page, scopes: usize) {
        let (sign, style) = match self.kind {
            ChangeKind::Add => ("+", Style::Good),
            ChangeKind::Change => ("~", Style::Warn),
            ChangeKind::Forget => ("-", Style::Bad),
        };
        let line = Line::indented(2).span(style, sign).text(format!(" {:<scopes$}  ", self.scope.to_string())).hang();
        let column = line.width();
        let line = match (&self.policy, &self.record) {
            (Some(policy), _) => line
                .span(Style::Strong, policy.right.display_name.trim())
                .text("  ")
                .text(step(&policy.left, &policy.right)),
            (None, Some(record)) => {
                let some = record.right.as_ref().or(record.left.as_ref());
                let name = some.map(|record| {
                    format!("{}!{}", values::key(Some(self.scope.side().as_str()), record), values::name(record))
                });
                let effect = match (&record.left, &record.right) {
                    (Some(left), Some(right)) => format!("{} -> {}", values::effect(left), values::effect(right)),
                    (None, Some(right)) => format!("-> {}", values::effect(right)),
                    (Some(left), None) => format!("{} -> no record", values::effect(left)),
                    (None, None) => String::new(),
                };
                line.span(Style::Strong, name.unwrap_or_default()).text("  ").text(effect)
            }
            (None, None) => line,
        };
        page.line(line);
        let from = match (&self.from, &self.overrides) {
            (Some(from), Some(weaker)) => format!("{from} (overrides {weaker})"),
            (Some(from), None) => from.clone(),
            (None, _) => "not named in EXPECT".to_owned(),
        };
        page.line(Line::indented(column).span(Style::Faint, from));
    }
}

/// `Enabled -> Disabled`, with the elements of what is enabled then.
fn step(before: &PolicyModel, after: &PolicyModel) -> String {
    let mut text = match (before.state, after.state) {
        (a, b) if a == b => in_words(b).to_owned(),
        ("not-configured", b) => format!("-> {}", in_words(b)),
        (a, b) => format!("{} -> {}", in_words(a), in_words(b)),
    };
    let shown = |element: &ElementModel| element.state != "not-configured";
    for element in after.elements.iter().filter(|element| after.state == "enabled" && shown(element)) {
        let old = before.elements.iter().find(|old| old.id == element.id && shown(old)).map(values::element);
        let new = values::element(element);
        let label = element.label.trim().trim_end_matches(':');
        text.push_str(&match old.filter(|old| *old != new) {
            Some(old) => format!(", {label} = {old} -> {new}"),
            None => format!(", {label} = {new}"),
        });
    }
    text
}
