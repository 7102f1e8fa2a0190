//! `gpol policy set` and `unset`: a new state, written or only shown.

use std::path::{Path, PathBuf};

use admx::{Allowed, Catalog, EnumValue, Input, InputError, InputValue, Needed, Policy, Wanted};
use clap::{Args, ValueEnum};
use gpo::edit::{PolicyChange, plan_policy};
use gpo::error::Error;
use gpo::model::{ElementValueModel, PolicyModel, RecordModel};
use gpo::plan::FileChange;
use gpo::show::{TargetModel, VersionModel};
use gpo::target::{Kind, Target};
use serde::Serialize;

use crate::args::{Format, OutputArgs, ScopeArgs, TemplateArgs};
use crate::commands::explain::below;
use crate::commands::values;
use crate::context::{failed, find_policy, load_templates, open_target, read_input};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::malformed::thousands;
use crate::paste::{assignment, quoted};
use crate::ui::{Line, Page, Style, Ui};

/// Enable or disable a policy, as the Group Policy editor would
///
/// Replaces the policy's records in place and touches no other byte of the policy file. A local GPO's
/// gpt.ini counts up and names the extension that Windows must run. A state that is already there
/// changes nothing, not even a timestamp.
#[derive(Args, Debug)]
#[command(after_help = "\
Elements:
  ID=VALUE       a number (0x10 is fine), a text, true or false, an item by its text or its value
  ID=@FILE       the lines of a file, for texts of several lines
  ID[]=ENTRY     an entry of a list; can be repeated
  ID[NAME]=DATA  an entry of a list whose names are yours
What is left out takes the template's default, and gpol says so.

Example:
  gpol policy set /mnt/gold TS_USER_AUTHENTICATION_POLICY disabled --dry-run")]
pub struct SetArgs {
    /// Policy file, local GPO folder, or root of a mounted Windows volume
    target: PathBuf,
    /// Policy: its id, its display name, its path as a KB prints it, or HKLM\key!value
    policy: String,
    /// New state: enabled or disabled
    #[arg(hide_possible_values = true)]
    state: NewState,
    /// Inputs of an enabled policy
    #[arg(value_name = "ELEMENT=VALUE")]
    elements: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Make a policy not configured: forget its records
///
/// Windows removes the policy's values when it next applies policy. To make it delete a value that
/// policy did not set is another thing, which only some policies do when disabled.
#[derive(Args, Debug)]
pub struct UnsetArgs {
    /// Policy file, local GPO folder, or root of a mounted Windows volume
    target: PathBuf,
    /// Policy: its id, its display name, its path as a KB prints it, or HKLM\key!value
    policy: String,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
struct WriteArgs {
    /// Show what would change and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    templates: TemplateArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum NewState {
    Enabled,
    Disabled,
}

pub fn set(args: &SetArgs, ui: &Ui) -> Result<Exit, Stop> {
    change(&args.target, &args.policy, Some((args.state, &args.elements)), &args.write, ui)
}

pub fn unset(args: &UnsetArgs, ui: &Ui) -> Result<Exit, Stop> {
    change(&args.target, &args.policy, None, &args.write, ui)
}

fn change(
    target: &Path,
    policy: &str,
    new: Option<(NewState, &[String])>,
    args: &WriteArgs,
    ui: &Ui,
) -> Result<Exit, Stop> {
    let target = open_target(target)?;
    let catalog = load_templates(&args.templates.templates(), Some(&target))?;
    let (policy, side) = find_policy(&catalog, policy, args.scope.side(), Some(&target))?;
    let given = new.map_or(&[][..], |(_, elements)| elements);
    let refused = |error: InputError| input_error(&error, &target, policy, given, args);
    let wanted = match new {
        None => Wanted::NotConfigured,
        Some((NewState::Disabled, [])) => Wanted::Disabled,
        Some((NewState::Disabled, [first, ..])) => {
            return Err(CommandError::new(
                Code::ELEMENT_VALUE,
                format!("\"{first}\": a disabled policy has no inputs"),
            )
            .into());
        }
        Some((NewState::Enabled, elements)) => Wanted::Enabled(inputs(elements)?.map_err(refused)?),
    };
    let change = plan_policy(&target, &catalog, policy, side, &wanted).map_err(|error| match error {
        Error::Input(error) => refused(error),
        other => failed(other),
    })?;
    if !args.dry_run {
        change.plan.commit().map_err(|error| failed(error.into()))?;
    }
    let report = Report::new(&target, &catalog, &change, args.dry_run);
    match args.output.format {
        Format::Json => ui.json(&report)?,
        Format::Human => ui.page(&report.page(&target))?,
    }
    Ok(Exit::Yes)
}

/// The inputs as typed; `ID=@FILE` takes the lines of a file.
fn inputs(elements: &[String]) -> Result<Result<Vec<Input>, InputError>, CommandError> {
    let mut inputs = Vec::new();
    for text in elements {
        let input: Input = match text.parse() {
            Ok(input) => input,
            Err(error) => return Ok(Err(error)),
        };
        match &input.value {
            InputValue::Text(text) if text.starts_with('@') => {
                let lines = gpo::exchange::lgpo::decode(&read_input(Path::new(&text[1..]))?);
                inputs.push(Input {
                    value: InputValue::Text(lines.trim_end_matches(['\r', '\n']).replace('\r', "")),
                    ..input
                });
            }
            _ => inputs.push(input),
        }
    }
    Ok(Ok(inputs))
}

/// What is wrong with an input, what is possible, and the whole command to type.
fn input_error(
    error: &InputError,
    target: &Target,
    policy: &Policy,
    given: &[String],
    args: &WriteArgs,
) -> CommandError {
    let code = match error {
        InputError::UnknownElement { .. } => Code::ELEMENT,
        InputError::WrongSide { .. } => Code::NOT_ON_THIS_SIDE,
        InputError::NothingToWrite { .. } => Code::NO_EFFECT,
        _ => Code::ELEMENT_VALUE,
    };
    let name = policy.display_name.trim();
    let (what, needed): (String, &[Needed]) = match error {
        InputError::Missing { needed } => {
            (format!("\"{name}\" needs {}", if needed.len() == 1 { "a value" } else { "values" }), needed)
        }
        InputError::UnknownElement { given, elements } => (format!("\"{name}\" has no element \"{given}\""), elements),
        InputError::Rejected { given, needed, reason } => {
            let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            (format!("\"{given}\" does not fit{why}"), std::slice::from_ref(&**needed))
        }
        other => (other.to_string(), &[]),
    };
    let mut refused = CommandError::new(code, what);
    for needed in needed {
        refused = refused.detail(format!("{}   {}", needed.element, needed.label.trim().trim_end_matches(':')));
        match &needed.allowed {
            Allowed::Items(items) => {
                for (value, text) in items {
                    refused = refused.detail(format!("    {:<8} \"{text}\"", item_value(value)));
                }
            }
            other => refused = refused.detail(format!("    {other}")),
        }
    }
    refused = refused.detail("Nothing was written.");
    if needed.is_empty() {
        return refused;
    }
    let names_one = |argument: &&String| {
        needed.iter().any(|n| argument.split(['=', '[']).next().is_some_and(|id| id.eq_ignore_ascii_case(&n.element)))
    };
    let unknown = matches!(error, InputError::UnknownElement { .. });
    let kept = given.iter().filter(|argument| !unknown && !names_one(argument)).map(|argument| assignment(argument));
    let wanted = needed.iter().map(|needed| assignment(&example(needed)));
    let arguments: Vec<String> = kept.chain(wanted).collect();
    let target = quoted(&target.path.display().to_string());
    let options = args.templates.again() + &args.scope.again();
    refused.help(format!("gpol policy set {target} {} enabled {}{options}", policy.name, arguments.join(" ")))
}

fn item_value(value: &EnumValue) -> String {
    match value {
        EnumValue::Number(n) => n.to_string(),
        EnumValue::Text(text) => text.clone(),
        EnumValue::Delete => "-".to_owned(),
    }
}

/// An input that fits.
fn example(needed: &Needed) -> String {
    let id = &needed.element;
    match &needed.allowed {
        Allowed::Boolean => format!("{id}=true"),
        Allowed::Number { min, .. } => format!("{id}={min}"),
        Allowed::Items(items) => format!("{id}={}", items.first().map_or("", |(_, text)| text)),
        Allowed::Entries { named: true } => format!("{id}[NAME]=DATA"),
        Allowed::Entries { named: false } => format!("{id}[]=ENTRY"),
        Allowed::Lines { .. } => format!("{id}=@FILE"),
        Allowed::Text { .. } => format!("{id}=TEXT"),
    }
}

/// What changed, or would: `gpol.policy-set/1`.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    target: TargetModel,
    side: &'static str,
    dry_run: bool,
    changed: bool,
    before: PolicyModel,
    after: PolicyModel,
    records: Vec<RecordChange>,
    untouched: usize,
    files: Vec<FileReport>,
    version: Option<VersionChange>,
    extensions_added: Vec<String>,
    /// Elements that got no input and took their default.
    defaults: Vec<DefaultModel>,
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
    path: String,
    before: Option<usize>,
    after: usize,
    /// Offsets of the bytes that differ, where the size stays.
    differing: Option<Vec<usize>>,
}

#[derive(Serialize)]
struct VersionChange {
    before: Option<VersionModel>,
    after: VersionModel,
}

impl Report {
    fn new(target: &Target, catalog: &Catalog, change: &PolicyChange<'_>, dry_run: bool) -> Self {
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
            dry_run,
            changed: !change.plan.is_empty(),
            before: PolicyModel::new(catalog, &change.reading_before(catalog)),
            after: PolicyModel::new(catalog, &change.reading_after(catalog)),
            records,
            untouched: change.before.len().saturating_sub(gone),
            files: change.plan.files().iter().map(FileReport::new).collect(),
            version: change
                .gpt_ini
                .as_ref()
                .map(|ini| VersionChange { before: ini.before.map(Into::into), after: ini.after.into() }),
            defaults: change
                .defaults
                .iter()
                .map(|used| DefaultModel {
                    id: used.element.clone(),
                    label: used.label.clone(),
                    value: ElementValueModel::of(&used.value),
                    display: used.display.clone(),
                })
                .collect(),
            extensions_added: change.gpt_ini.as_ref().map(|ini| ini.added.clone()).unwrap_or_default(),
        }
    }

    fn page(&self, target: &Target) -> Page {
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
        page.line(Line::new().span(Style::Strong, verb).text(format!(" {what}")));
        page.blank();
        page.line(Line::new().span(Style::Strong, name));
        page.line(Line::indented(2).text(format!(
            "{} -> {}   {} side",
            in_words(self.before.state),
            in_words(self.after.state),
            self.side
        )));
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
        for (i, file) in self.files.iter().enumerate() {
            page.blank();
            let inside = below(&file.path, &self.target.path);
            // The policy file is always the first one replaced; gpt.ini follows it.
            if i == 0 {
                let before = self.untouched + self.records.iter().filter(|r| r.before.is_some()).count();
                let untouched = match before {
                    0 => String::new(),
                    _ => format!("; {} of {before} records untouched", self.untouched),
                };
                page.line(Line::new().text(inside).text("  ").hang_at(2).text(file.sizes()).text(untouched));
                self.record_lines(&mut page);
            } else {
                page.line(Line::new().text(inside));
                self.version_lines(&mut page);
            }
        }
        if target.kind == Kind::Pol {
            page.blank();
            page.line(Line::new().span(Style::Warn, "note").text(": ").hang().text(
                "a policy file alone was changed. Windows reads it again only when the version in its GPO's gpt.ini rises; point gpol at the GPO's folder for that.",
            ));
        }
        page
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
        for extension in &self.extensions_added {
            page.line(
                Line::indented(2)
                    .span(Style::Good, "+ ")
                    .text(format!("extension {extension} for the {} side", self.side)),
            );
        }
    }
}

impl FileReport {
    fn new(file: &FileChange) -> Self {
        let differing = file.before.as_ref().filter(|before| before.len() == file.after.len()).map(|before| {
            before.iter().zip(&file.after).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect()
        });
        Self {
            path: file.path.display().to_string(),
            before: file.before.as_ref().map(Vec::len),
            after: file.after.len(),
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

fn in_words(state: &str) -> &'static str {
    match state {
        "enabled" => "Enabled",
        "disabled" => "Disabled",
        "mixed" => "Mixed",
        _ => "Not configured",
    }
}
