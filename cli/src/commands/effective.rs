//! `gpol effective`: what several GPOs come to together, and who decides what.

use std::path::{Path, PathBuf};

use ::admx::Policy;
use clap::{Args, ValueEnum};
use gpo::effective::{
    self, Effective, LayerModel, Loopback, LoopbackMode, Only, Place, PlanError, PolicyResult, RecordIn, SideResult,
    ValueResult, as_argument,
};
use gpo::model::RecordModel;
use gpo::scan::{self, Progress};
use gpo::scope::{Scope, ScopeError};
use gpo::search::Unreadable;
use polfile::Action;

use crate::args::{Format, OutputArgs, TemplateArgs};
use crate::commands::explain::capital;
use crate::commands::pol::count;
use crate::commands::show::{state, templates};
use crate::commands::values;
use crate::context::{failed, find_named_to_read, load_templates_of};
use crate::directory::{AdArgs, bad_link, container_name};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::overlooked;
use crate::paste::quoted;
use crate::progress::while_reading;
use crate::ui::{Line, Page, Style, Ui, plain};

/// Show what several GPOs come to together, and who decides what
///
/// The GPOs apply in the order in which they are named, and the last one wins; a folder of GPOs stands for all in it, by
/// their paths. Records are executed as Windows does, deletions included. What the files do not tell, such as links and
/// filters of a domain, is assumed; the output says what.
///
/// With an export (--ad), GPOs that clients pass over are left out, each with the reason. Exit code 0, also if GPOs contradict
/// each other; 1 if none says anything of --policy; 7 if one could not be read, or clients would stop at it.
#[derive(Args, Debug)]
pub struct EffectiveArgs {
    /// GPOs, weakest first: GPO folders, SYSVOL, GPO backups, policy files, roots of mounted Windows volumes
    #[arg(required = true)]
    targets: Vec<PathBuf>,
    /// File with the order, weakest first: the path, GUID or name of a GPO on each line; others are left out
    #[arg(long, value_name = "FILE", conflicts_with = "place")]
    order: Option<PathBuf>,
    #[command(flatten)]
    ad: AdArgs,
    /// Distinguished name of the domain, organizational unit, computer or user whose result is wanted: what is linked
    /// there and above counts, in the order that --ad says, enforced or blocked
    #[arg(long = "for", id = "place", value_name = "DN", requires = "ad")]
    place: Option<String>,
    /// Distinguished name of the site whose links count as well
    #[arg(long, value_name = "DN", requires = "place")]
    site: Option<String>,
    /// GPO whose security filter does not let it through, by name or GUID; can be repeated
    #[arg(long, value_name = "GPO", requires = "place")]
    deny: Vec<String>,
    /// Whose per-user local GPO counts as well: administrators, non-administrators or a user's SID; can be repeated
    #[arg(long = "as", value_name = "WHO", value_parser = who)]
    users: Vec<Scope>,
    /// List only what more than one GPO speaks of (changed), or what they say different things of (conflicts)
    #[arg(long, value_name = "WHAT", hide_possible_values = true)]
    only: Option<OnlyArg>,
    /// List this policy alone: its id, its display name, its path as a KB prints it, or HKLM\key!value
    #[arg(long, value_name = "POLICY", conflicts_with_all = ["only", "no_admx"])]
    policy: Option<String>,
    /// Use no templates at all: every value is shown by its key
    #[arg(long, conflicts_with_all = ["admx", "lang"])]
    no_admx: bool,
    #[command(flatten)]
    templates: TemplateArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum OnlyArg {
    Changed,
    Conflicts,
}

/// A scope of its own for a group or a user.
fn who(text: &str) -> Result<Scope, ScopeError> {
    format!("user:{text}").parse()
}

pub fn run(args: &EffectiveArgs, ui: &Ui) -> Result<Exit, Stop> {
    let catalog = match args.no_admx {
        true => None,
        false => Some(load_templates_of(&args.templates.templates(), scan::store_of(&args.targets))?),
    };
    let policy = match (&args.policy, catalog) {
        (Some(name), Some(catalog)) => Some(find_named_to_read(catalog, name, None, ui)?.policy),
        _ => None,
    };
    let order = args.order.as_ref().map(|path| crate::context::read_text(path)).transpose()?;
    let progress = Progress::default();
    if [Scope::Administrators, Scope::NonAdministrators].iter().all(|scope| args.users.contains(scope)) {
        ui.warning("nobody is an administrator and none; of the two policies Windows applies one");
    }
    let snapshot = args.ad.snapshot()?;
    let plan = while_reading(&progress, || match (&snapshot, &args.place) {
        (Some(snapshot), Some(dn)) => {
            let place = Place { snapshot, dn, site: args.site.as_deref(), deny: &args.deny };
            effective::read_for(&args.targets, place, &args.users, &progress)
        }
        _ => effective::read(&args.targets, order.as_deref(), snapshot.as_ref(), &args.users, &progress),
    });
    let plan = plan.map_err(|error| no_plan(args, error))?;
    let only = match args.only {
        None => Only::All,
        Some(OnlyArg::Changed) => Only::Changed,
        Some(OnlyArg::Conflicts) => Only::Conflicts,
    };
    let mut effective = Effective::new(&plan, catalog, only);
    let said = policy.zip(catalog).is_none_or(|(policy, catalog)| effective.keep_policy(catalog, policy));
    for Unreadable { path, message, .. } in effective.unreadable {
        ui.warning(format!("{path}: {message}"));
    }
    match args.output.format {
        Format::Json => ui.json(&effective)?,
        Format::Human => {
            // Without a question, a policy's state says it all.
            let with_values = only != Only::All || policy.is_some();
            ui.page(&page(&effective, with_values, policy.filter(|_| !said)))?;
        }
    }
    Ok(match effective.unreadable.is_empty() {
        false => Exit::Partial,
        true if said => Exit::Yes,
        true => Exit::No,
    })
}

fn no_plan(args: &EffectiveArgs, error: PlanError) -> CommandError {
    let export = args.ad.ad.as_ref().map_or_else(|| "EXPORT".to_owned(), |file| quoted(&file.display().to_string()));
    match error {
        PlanError::Target(error) => failed(error.into()),
        PlanError::NotInSnapshot { .. } => CommandError::new(Code::NO_PLACE, error.to_string())
            .help("give the whole distinguished name, such as OU=RPA,DC=contoso,DC=com")
            .help(format!("which there are:  gpol ad links {}", export)),
        PlanError::Denied { ref dns, .. } => {
            let refused = CommandError::new(Code::DENIED, format!("--deny: {error}"));
            dns.iter().fold(refused, |refused, dn| refused.detail(dn)).help("name the one that is meant by its path")
        }
        PlanError::Link { .. } => bad_link(args.ad.ad.as_deref().unwrap_or(Path::new("")), &error),
        other => {
            let order = args.order.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default();
            CommandError::new(Code::ORDER, format!("{order}{other}"))
                .detail("Nothing was computed.")
                .help("name each GPO by its path, which is always one alone")
        }
    }
}

/// `unsaid` is the policy that was asked for, if nobody says anything of it.
fn page(effective: &Effective<'_>, with_values: bool, unsaid: Option<&Policy>) -> Page {
    let mut page = Page::new();
    head(&mut page, effective);
    for side in &effective.sides {
        if side.policies.is_empty() && side.values.is_empty() && side.keys.is_empty() {
            continue;
        }
        page.blank().line(Line::new().span(Style::Strong, capital(side.side)));
        side_of(&mut page, effective, side, with_values);
    }
    not_looked_at(&mut page, effective);
    page.blank();
    if let Some(policy) = unsaid {
        page.line(Line::new().text("Not configured by any of them: ").hang_at(2).text(policy.display_name.trim()));
    }
    page.line(&*summary(effective));
    page
}

/// What is in the GPOs and not in the result.
fn not_looked_at(page: &mut Page, effective: &Effective<'_>) {
    let others: Vec<&LayerModel> = effective.order.iter().filter(|layer| !layer.not_looked_at.is_empty()).collect();
    if others.is_empty() {
        return;
    }
    page.blank().line(Line::new().span(Style::Warn, "Not in the result, since it is no registry policy:"));
    for other in others.iter().take(overlooked::MOST) {
        let files = overlooked::by_role(&other.not_looked_at);
        page.line(Line::indented(2).text(layer(effective, other.number)).text(": ").hang().text(files));
    }
    if let Some(more) = others.len().checked_sub(overlooked::MOST).filter(|more| *more > 0) {
        let text = format!("and in {}; --format json has them all", count(more, "more GPO"));
        page.line(Line::indented(2).span(Style::Faint, text));
    }
}

fn head(page: &mut Page, effective: &Effective<'_>) {
    let width = effective.order.len().to_string().len();
    for (i, layer) in effective.order.iter().enumerate() {
        let mut line = Line::new().text(format!("{:>width$}  ", layer.number)).text(&layer.gpo.path);
        if let Some(name) = &layer.gpo.name {
            line = line.text(format!("  {name}"));
        }
        page.field(if i == 0 { "Order" } else { "" }, line.span(Style::Faint, notes(layer)));
    }
    match effective.order.len() {
        0 => page.field("Order", "no GPO counts here"),
        1 => page,
        _ => page.field("", Line::new().span(Style::Faint, "the last one wins")),
    };
    for (i, left_out) in effective.left_out.iter().enumerate() {
        let line = Line::new().text(&left_out.name).text(format!(": {}", left_out.reason));
        page.field(if i == 0 { "Left out" } else { "" }, line);
    }
    for (i, assumed) in effective.assumed.iter().enumerate() {
        page.field(if i == 0 { "Assumed" } else { "" }, assumed.as_str());
    }
    if let Some(Loopback { mode, by, in_domain }) = effective.sides.iter().find_map(|side| side.loopback) {
        let (mode, gets) = match mode {
            LoopbackMode::Merge => ("merge", "after those of the user's own GPOs, so that these win"),
            LoopbackMode::Replace => ("replace", "and nothing of the user's own GPOs"),
        };
        let by = layer(effective, by);
        let that = if in_domain { "that" } else { "of a domain (in none, loopback is void) that" };
        let text = format!(
            "{mode}, by {by}: on a computer {that} gets these GPOs, a user gets the user settings of these GPOs {gets}"
        );
        page.field("Loopback", Line::new().span(Style::Warn, text));
    }
    page.field("ADMX", templates(effective.admx.as_ref()).as_str());
}

/// What is to be said of a layer besides its name.
fn notes(layer: &LayerModel) -> String {
    let mut notes = Vec::new();
    if !matches!(layer.scope, Scope::User | Scope::Computer) {
        notes.push(format!("for {}", as_argument(&layer.scope)));
    }
    if let (Some(container), Some(number)) = (&layer.linked, layer.link_order) {
        notes.push(format!("{}, link order {number}", container_name(container)));
    }
    if layer.enforced {
        notes.push("enforced".to_owned());
    }
    notes.extend(layer.off.iter().map(|side| format!("{side} side switched off")));
    if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) }
}

fn side_of(page: &mut Page, effective: &Effective<'_>, side: &SideResult<'_>, with_values: bool) {
    for policy in &side.policies {
        let is_twin = |other: &&PolicyResult<'_>| other.display_name == policy.display_name;
        let namesake = side.policies.iter().filter(is_twin).count() > 1;
        of_policy(page, effective, side.side, policy, (namesake, with_values));
    }
    for value in &side.values {
        of_value(page, effective, side.side, value, 2);
    }
    for key in &side.keys {
        if let Some(record) = key.record.map(|record| record.model()) {
            let line = Line::indented(2).text(values::key(Some(side.side), &record)).text("  ").hang_at(4);
            page.line(line.text(values::effect(&record)).span(Style::Faint, by(effective, &[key.by])));
        }
    }
}

/// Where others have the policy's name, its category is needed to tell them apart.
fn of_policy(
    page: &mut Page,
    effective: &Effective<'_>,
    side: &str,
    policy: &PolicyResult<'_>,
    (namesake, with_values): (bool, bool),
) {
    let line = state(Line::indented(2), policy.state).column(VALUE).hang().text(&policy.display_name);
    let category = policy.category.last().filter(|_| namesake);
    let line = line.text(category.map(|name| format!("  ({})", name.trim())).unwrap_or_default());
    page.line(line.span(Style::Faint, by(effective, &policy.by)));
    for other in &policy.others {
        let what = match other.state {
            "enabled" => "Enabled",
            "disabled" => "Disabled",
            "mixed" => "Mixed",
            _ => "part of it",
        };
        let how = if other.state == policy.state { "also in " } else { "overrides " };
        let line = Line::indented(VALUE).span(Style::Faint, how).hang();
        page.line(line.text(layer(effective, other.layer)).text(format!(": {what}")));
    }
    for element in policy.elements.iter().filter(|e| policy.state != "disabled" && e.state != "not-configured") {
        let label = if element.label.trim().is_empty() { &element.id } else { element.label.trim() };
        let line = Line::indented(VALUE).span(Style::Faint, label.trim_end_matches(':')).text(": ").hang();
        page.line(line.text(values::element(element)));
    }
    for value in &policy.values {
        if with_values || value.conflict {
            of_value(page, effective, side, value, VALUE);
        }
    }
}

/// Column of what belongs to a policy.
const VALUE: usize = 12;

fn of_value(page: &mut Page, effective: &Effective<'_>, side: &str, value: &ValueResult<'_>, indent: usize) {
    let name = match value.value_name.lossy() {
        name if name.is_empty() => "(Default)".to_owned(),
        name => plain(&name),
    };
    let hive = if side == "user" { "HKCU" } else { "HKLM" };
    let record = value.record.map(|record| record.model());
    let what = match (value.outcome, &record) {
        ("set", Some(record)) => said(record),
        _ => "deleted".to_owned(),
    };
    let line =
        Line::indented(indent).text(format!(r"{hive}\{}!{name}  ", plain(&value.key.lossy()))).hang_at(indent + 2);
    let directive = match (value.outcome, &record) {
        ("deleted", Some(record)) => format!("  ({})", record.value_name.lossy()),
        _ => String::new(),
    };
    page.line(line.text(what).span(Style::Faint, format!("{}{directive}", by(effective, &[value.by]))));
    const MOST: usize = 5;
    for other in value.overridden.iter().rev().take(MOST) {
        let said_before = other.record.map(|record| record.model());
        let same = is_same(other.record, value.record);
        let line = Line::indented(indent + 2).span(Style::Faint, if same { "also in " } else { "overrides " }).hang();
        let what = said_before.as_ref().map(said).unwrap_or_default();
        page.line(line.text(format!("{}: {what}", layer(effective, other.layer))));
    }
    if let Some(more) = value.overridden.len().checked_sub(MOST + 1) {
        let line = format!("and {} more; --format json has them all", count(more + 1, "GPO"));
        page.line(Line::indented(indent + 2).span(Style::Faint, line));
    }
}

/// Whether both records set the same, or both delete.
fn is_same(a: Option<RecordIn<'_>>, b: Option<RecordIn<'_>>) -> bool {
    let sets = |record: &RecordIn<'_>| matches!(record.record().action(), Action::Set | Action::SetIfMissing(_));
    match (a, b) {
        (Some(a), Some(b)) if sets(&a) && sets(&b) => a.has_data_of(&b),
        (Some(a), Some(b)) => sets(&a) == sets(&b),
        _ => false,
    }
}

/// What a record says of the value.
fn said(record: &RecordModel) -> String {
    match &*record.action {
        "set" | "set-if-missing" => format!("{}  {}", values::value_type(record), values::value(record)),
        _ => format!("deleted ({})", record.value_name.lossy()),
    }
}

/// `  by 3 RPA hosts`
fn by(effective: &Effective<'_>, numbers: &[usize]) -> String {
    match effective.order.len() {
        1 => String::new(),
        _ => {
            let names: Vec<String> = numbers.iter().map(|number| layer(effective, *number)).collect();
            format!("  by {}", names.join(", "))
        }
    }
}

/// A GPO by its number and its name, GUID or path.
fn layer(effective: &Effective<'_>, number: usize) -> String {
    let Some(layer) = number.checked_sub(1).and_then(|at| effective.order.get(at)) else { return number.to_string() };
    let gpo = &layer.gpo;
    let whose = match &layer.scope {
        Scope::User | Scope::Computer => String::new(),
        scope => format!(" for {}", as_argument(scope)),
    };
    format!("{number} {}{whose}", gpo.name.as_ref().or(gpo.guid.as_ref()).unwrap_or(&gpo.path))
}

/// `312 values, 4 overridden, 1 removed, 40 policies, of 3 GPOs.`
fn summary(effective: &Effective<'_>) -> String {
    let counts = effective.counts;
    let mut parts = vec![count(counts.values, "value")];
    for (n, what) in [(counts.overridden, "overridden"), (counts.removed, "removed")] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    let policies = if counts.policies == 1 { "1 policy".to_owned() } else { format!("{} policies", counts.policies) };
    format!("{}; {policies}; from {}.", parts.join(", "), count(effective.order.len(), "GPO"))
}
