//! What a change did, or would do.

use admx::{Catalog, State, Wanted};
use gpo::doctor::Doctor;
use gpo::edit::PolicyChange;
use gpo::model::{ElementValueModel, PolicyModel, RecordModel};
use gpo::plan::FileChange;
use gpo::scope::Scope;
use gpo::show::{TargetModel, VersionModel};
use gpo::target::{Kind, Target};
use serde::Serialize;

use crate::commands::doctor::verdict;
use crate::commands::explain::below;
use crate::commands::halves::{BackupModel, DirectoryModel, notes};
use crate::commands::history::recorded;
use crate::commands::values;
use crate::malformed::thousands;
use crate::ui::{Line, Page, Style};

/// What changed, or would: `gpol.policy-set/1`.
#[derive(Serialize)]
pub struct Report {
    schema: &'static str,
    target: TargetModel,
    side: &'static str,
    scope: Scope,
    dry_run: bool,
    changed: bool,
    before: PolicyModel,
    after: PolicyModel,
    records: Vec<RecordChange>,
    untouched: usize,
    files: Vec<FileReport>,
    version: Option<VersionChange>,
    extensions_added: Vec<String>,
    extensions_removed: Vec<String>,
    /// What has to happen in Active Directory, for a domain GPO.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<DirectoryModel>,
    /// What became of a backup's `Backup.xml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<BackupModel>,
    /// What one should know beside the change itself.
    notes: Vec<String>,
    /// Elements that got no input and took their default.
    defaults: Vec<DefaultModel>,
    /// What the records read back as, where that is another state than the one that was wanted.
    note: Option<String>,
    /// The administrator's comment, where it changes.
    comment: Option<CommentModel>,
    /// What the plan hashes to: equal for a dry run and the run that does it.
    plan: String,
    /// Under which id the change is recorded.
    pub change: Option<String>,
    /// Whether Windows will apply what was written.
    pub doctor: Option<Doctor>,
}

#[derive(Serialize)]
struct CommentModel {
    before: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct DefaultModel {
    id: String,
    label: String,
    value: Option<ElementValueModel>,
    display: Option<String>,
}

#[derive(Serialize)]
struct RecordChange {
    before: Option<RecordModel>,
    after: Option<RecordModel>,
}

#[derive(Serialize)]
struct FileReport {
    what: FileKind,
    path: String,
    before: Option<usize>,
    after: usize,
    /// Offsets of the bytes that differ, where the size stays.
    differing: Option<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum FileKind {
    PolicyFile,
    Comments,
    GptIni,
    BackupXml,
    Ldif,
}

#[derive(Serialize)]
struct VersionChange {
    before: Option<VersionModel>,
    after: VersionModel,
}

impl Report {
    pub fn new(target: &Target, catalog: &Catalog, change: &PolicyChange<'_>, wanted: &Wanted, dry_run: bool) -> Self {
        let model = |record: polfile::RecordRef<'_>, file: &polfile::PolicyFile| {
            let index = file.records().position(|r| r.offset == record.offset).unwrap_or_default();
            RecordModel::new(index, &record)
        };
        let records: Vec<RecordChange> = change
            .records()
            .into_iter()
            .map(|(before, after)| RecordChange {
                before: before.map(|record| model(record, &change.before)),
                after: after.map(|record| model(record, &change.after)),
            })
            .collect();
        let gone = records.iter().filter(|record| record.before.is_some()).count();
        Self {
            schema: "gpol.policy-set/1",
            target: TargetModel::new(target),
            side: change.side.as_str(),
            scope: change.scope.clone(),
            dry_run,
            changed: !change.plan.is_empty(),
            before: PolicyModel::new(catalog, &change.reading_before(catalog)),
            after: PolicyModel::new(catalog, &change.reading_after(catalog)),
            records,
            untouched: change.before.len().saturating_sub(gone),
            files: change
                .plan
                .files()
                .iter()
                .map(|file| FileReport::new(file, kind_of(file, target, change)))
                .collect(),
            version: change
                .books
                .gpt_ini
                .as_ref()
                .map(|ini| VersionChange { before: ini.before.map(Into::into), after: ini.after.into() }),
            defaults: change
                .defaults
                .iter()
                .map(|used| DefaultModel {
                    id: used.element.clone(),
                    label: used.label.clone(),
                    value: change
                        .policy
                        .elements
                        .iter()
                        .find(|element| element.id == used.element)
                        .and_then(|element| ElementValueModel::of(element, &used.value)),
                    display: used.display.clone(),
                })
                .collect(),
            note: note(change, wanted),
            comment: change
                .comment
                .as_ref()
                .map(|comment| CommentModel { before: comment.before.clone(), after: comment.after.clone() }),
            plan: change.plan.hash(),
            change: None,
            doctor: None,
            extensions_added: change.books.extensions().map(|list| list.added.clone()).unwrap_or_default(),
            extensions_removed: change.books.extensions().map(|list| list.removed.clone()).unwrap_or_default(),
            directory: change.books.directory.as_ref().map(DirectoryModel::new),
            backup: change.books.backup.as_ref().map(BackupModel::new),
            notes: notes(change.side, &change.books),
        }
    }

    pub fn page(&self, target: &Target) -> Page {
        let mut page = Page::new();
        let name = self.after.display_name.trim();
        if !self.changed {
            let state = in_words(self.after.state);
            page.line(
                Line::new().span(Style::Good, "Nothing to do").text(format!(": already {state}: {name}")).hang_at(2),
            );
            return page;
        }
        let verb = if self.dry_run { "Would change" } else { "Changed" };
        let files = if self.files.len() == 1 { "1 file".to_owned() } else { format!("{} files", self.files.len()) };
        let what = match target.kind {
            Kind::Pol => self.target.path.clone(),
            _ => format!("{files} in {}", self.target.path),
        };
        let gpo = self.target.name.as_ref().map(|name| format!("  ({name})")).unwrap_or_default();
        page.line(Line::new().span(Style::Strong, verb).text(format!(" {what}")).text(gpo));
        page.blank();
        page.line(Line::new().span(Style::Strong, name));
        let (before, after) = (in_words(self.before.state), in_words(self.after.state));
        let step = if before == after { format!("{after}, as before") } else { format!("{before} -> {after}") };
        page.line(Line::indented(2).text(format!("{step}   {}", whose(&self.scope))));
        for element in
            self.after.elements.iter().filter(|e| self.after.state == "enabled" && e.state != "not-configured")
        {
            let label = element.label.trim().trim_end_matches(':');
            let default =
                if self.defaults.iter().any(|used| used.id == element.id) { "  (the template's default)" } else { "" };
            page.line(
                Line::indented(2)
                    .span(Style::Faint, label)
                    .text(": ")
                    .hang()
                    .text(values::element(element))
                    .span(Style::Faint, default),
            );
        }
        for file in &self.files {
            page.blank();
            let inside = Line::new().text(below(&file.path, &self.target.path)).text("  ").hang_at(2);
            page.line(match file.what {
                FileKind::PolicyFile => inside.text(file.sizes()).text(self.untouched_records()),
                FileKind::Comments | FileKind::GptIni | FileKind::BackupXml => inside,
                FileKind::Ldif => inside.text(file.sizes()),
            });
            match file.what {
                FileKind::PolicyFile => self.record_lines(&mut page),
                FileKind::Comments => self.comment_lines(&mut page),
                FileKind::GptIni => {
                    self.version_lines(&mut page);
                    if self.directory.is_none() {
                        self.extension_lines(&mut page);
                    }
                }
                FileKind::BackupXml => {
                    if let Some(backup) = &self.backup {
                        backup.add_to(&mut page, self.side);
                    }
                    self.extension_lines(&mut page);
                }
                FileKind::Ldif => self.extension_lines(&mut page),
            }
        }
        if let Some(directory) = &self.directory {
            directory.add_to(&mut page, self.dry_run);
        }
        for note in self.note.iter().chain(&self.notes) {
            page.blank();
            page.line(Line::new().span(Style::Warn, "note").text(": ").hang().text(note));
        }
        if let Some(id) = &self.change {
            recorded(&mut page, id, &self.target.path);
        }
        // Of a policy file alone, and of a backup, it says only that Windows does not read it there.
        let asked = !matches!(target.kind, Kind::Pol | Kind::GpoBackup);
        if let Some(doctor) = self.doctor.as_ref().filter(|_| asked) {
            page.blank().append(verdict(doctor));
        }
        if target.kind == Kind::Pol && target.gpo().is_none() {
            page.blank();
            page.line(Line::new().span(Style::Warn, "note").text(": ").hang().text(
                "a policy file alone was changed. Windows reads it again only when the version in its GPO's gpt.ini rises; point gpol at the GPO's folder for that.",
            ));
        }
        page
    }

    fn untouched_records(&self) -> String {
        match self.untouched + self.records.iter().filter(|record| record.before.is_some()).count() {
            0 => String::new(),
            before => format!("; {} of {before} records untouched", self.untouched),
        }
    }

    fn comment_lines(&self, page: &mut Page) {
        let Some(comment) = &self.comment else { return };
        for (sign, style, text) in [("-", Style::Bad, &comment.before), ("+", Style::Good, &comment.after)] {
            if let Some(text) = text {
                page.line(Line::indented(2).span(style, format!("{sign} ")).hang().text(text));
            }
        }
    }

    fn record_lines(&self, page: &mut Page) {
        let mut key = None;
        for change in &self.records {
            let Some(some) = change.before.as_ref().or(change.after.as_ref()) else { continue };
            if key != Some(some.key.lossy()) {
                page.line(Line::indented(2).text(values::key(Some(self.side), some)));
                key = Some(some.key.lossy());
            }
            for (sign, style, record) in [("-", Style::Bad, &change.before), ("+", Style::Good, &change.after)] {
                if let Some(record) = record {
                    let text = format!("{}  {}", values::name(record), values::effect(record));
                    page.line(Line::indented(2).span(style, format!("{sign} ")).hang().text(text));
                }
            }
        }
    }

    fn version_lines(&self, page: &mut Page) {
        let Some(version) = &self.version else { return };
        let shown = |v: VersionModel| {
            format!(
                "Version={:<10}  user {}, computer {}",
                u32::from(v.user) << 16 | u32::from(v.computer),
                v.user,
                v.computer
            )
        };
        if let Some(before) = version.before {
            page.line(Line::indented(2).span(Style::Bad, "- ").text(shown(before)));
        }
        page.line(Line::indented(2).span(Style::Good, "+ ").text(shown(version.after)));
    }

    fn extension_lines(&self, page: &mut Page) {
        let changes = [("- ", Style::Bad, &self.extensions_removed), ("+ ", Style::Good, &self.extensions_added)];
        for (sign, style, extensions) in changes {
            for extension in extensions {
                let text = format!("extension {extension} for the {} side", self.side);
                page.line(Line::indented(2).span(style, sign).text(text));
            }
        }
    }
}

/// Some states leave the same records as others; then nobody can tell which was meant, Windows' own editor included.
fn note(change: &PolicyChange<'_>, wanted: &Wanted) -> Option<String> {
    let enabled = matches!(wanted, Wanted::Enabled(_));
    (enabled && change.reads_as != State::Enabled).then(|| {
        let state = in_words(change.reads_as.as_str());
        format!(
            "with these inputs the records are those of {state}, and the Group Policy editor will show it as {state}."
        )
    })
}

/// `computer side`, `user side, Administrators`.
fn whose(scope: &Scope) -> String {
    match scope {
        Scope::Computer => "computer side".to_owned(),
        Scope::User => "user side".to_owned(),
        Scope::Administrators => "user side, Administrators".to_owned(),
        Scope::NonAdministrators => "user side, Non-Administrators".to_owned(),
        Scope::UserOf(sid) => format!("user side, {}", sid.as_str()),
    }
}

/// Which of the GPO's files it is.
fn kind_of(file: &FileChange, target: &Target, change: &PolicyChange<'_>) -> FileKind {
    let gpt_ini = target.file(&change.scope).and_then(|side| side.gpt_ini);
    if gpt_ini.is_some_and(|place| place.path == file.path) {
        FileKind::GptIni
    } else if change.comment.as_ref().is_some_and(|comment| comment.file == file.path) {
        FileKind::Comments
    } else if change.books.backup.as_ref().is_some_and(|backup| backup.file == file.path) {
        FileKind::BackupXml
    } else if change.books.directory.as_ref().is_some_and(|done| done.ldif.as_ref() == Some(&file.path)) {
        FileKind::Ldif
    } else {
        FileKind::PolicyFile
    }
}

impl FileReport {
    fn new(file: &FileChange, what: FileKind) -> Self {
        let after = file.after.as_deref().unwrap_or_default();
        let differing = file.before.as_ref().filter(|before| before.len() == after.len()).map(|before| {
            before.iter().zip(after).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect()
        });
        Self {
            what,
            path: file.path.display().to_string(),
            before: file.before.as_ref().map(Vec::len),
            after: after.len(),
            differing,
        }
    }

    fn sizes(&self) -> String {
        let Some(before) = self.before else { return format!("new, {} bytes", thousands(self.after)) };
        let sizes = format!("{} -> {} bytes", thousands(before), thousands(self.after));
        match self.differing.as_deref() {
            Some([at]) => format!("{sizes}, 1 byte differs ({at:#x})"),
            Some(bytes) => format!("{sizes}, {} bytes differ", bytes.len()),
            None => sizes,
        }
    }
}

pub fn in_words(state: &str) -> &'static str {
    match state {
        "enabled" => "Enabled",
        "disabled" => "Disabled",
        "mixed" => "Mixed",
        _ => "Not configured",
    }
}
