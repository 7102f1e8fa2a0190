//! `gpol explain`: who decides one policy.

use std::path::Path;

use gpo::doctor::Answer;
use gpo::explain::{
    Certainty, Decision, Explain, ExplainedValue, Explainer, ImageModel, Layer, Place, RegistryModel, Related, Value,
};
use gpo::model::{PolicyModel, RecordModel, ValueModel};
use gpo::target::Kind;

use crate::args::{Format, PolicyOnTarget};
use crate::commands::pol::no_value;
use crate::commands::show::{category_of, elements_of, state, templates};
use crate::commands::values;
use crate::context::{failed, find_policy_to_read, load_templates, open_target};
use crate::error::Stop;
use crate::exit::Exit;
use crate::heading;
use crate::meant;
use crate::onward;
use crate::paste::quoted;
use crate::registry_value::{RegistryValue, scope_of, value_without_policy};
use crate::ui::{self, Line, Page, Style, Ui};

/// Column of the layers' values.
const VALUE: usize = 35;

pub fn run(args: &PolicyOnTarget, ui: &Ui) -> Result<Exit, Stop> {
    meant::in_order("explain", &args.target, &args.policy)?;
    let snapshot = args.ad.snapshot()?;
    let target = open_target(&args.target, snapshot.as_ref(), ui)?;
    let catalog = load_templates(&args.options.templates.templates(), Some(&target))?;
    let scope = args.options.scope.scope.as_ref();
    let explainer = Explainer::open(&target).map_err(failed)?;
    let explained = match value_without_policy(catalog, &args.policy, args.options.scope.side()) {
        Some(address) => {
            let scope = scope_of(&address, scope, &target)?;
            let value = |RegistryValue { key, name }| Value { key, name };
            let values: Vec<Value> = RegistryValue::readings(&address).into_iter().map(value).collect();
            match explainer.explain_value(catalog, &values, &scope).map_err(failed)? {
                Some(explained) => explained,
                None => return Err(no_value(&args.policy).into()),
            }
        }
        None => {
            let (policy, scope) = find_policy_to_read(catalog, &args.policy, scope, Some(&target), ui)?;
            explainer.explain(catalog, policy, &scope).map_err(failed)?
        }
    };
    match args.options.output.format {
        Format::Json => ui.json(&explained)?,
        Format::Human => ui.page(&page(&explained))?,
    }
    Ok(Exit::Yes)
}

fn page(explain: &Explain) -> Page {
    let mut page = Page::new();
    if let Some(policy) = &explain.policy {
        page.field("Policy", Line::new().span(Style::Strong, policy.display_name.trim()));
        page.field(
            "Path",
            format!("{} Configuration > Administrative Templates > {}", capital(explain.side), category_of(policy))
                .as_str(),
        );
        page.field("Id", Line::new().text(&policy.id).text(format!("  ({})", explain.scope)));
        if let Some(comment) = &policy.comment {
            page.field("Comment", comment.as_str());
        }
    }
    if let Some(value) = &explain.value {
        page.field("Value", Line::new().span(Style::Strong, address_of(value)));
        page.field("Policy", "no template here has this value");
    }
    page.field("ADMX", templates(Some(&explain.admx)).as_str());
    heading::target(&mut page, &explain.target);
    if let Some(about) = &explain.image {
        image(&mut page, about);
    }
    page.blank();
    page.append(layers(explain));
    page.blank();
    page.field("Now", decision(&explain.verdict.now));
    page.field("Next boot", decision(&explain.verdict.next_boot));
    conditions(&mut page, &explain.verdict.next_boot);
    if explain.applies.is_some_and(|answer| answer != Answer::Yes) {
        let command = onward::on(&explain.target.path, "doctor", "");
        page.field("", Line::from(command.as_str()).whole());
    }
    for (i, note) in explain.notes.iter().enumerate() {
        page.field(if i == 0 { "Note" } else { "" }, note.as_str());
    }
    for (i, related) in explain.related.iter().enumerate() {
        page.field(if i == 0 { "Related" } else { "" }, self::related(related));
    }
    for (i, unseen) in explain.not_seen.iter().enumerate() {
        page.field(if i == 0 { "Not seen" } else { "" }, unseen.as_str());
    }
    if let Some(command) = in_domain(explain) {
        page.field("", Line::new().span(Style::Faint, "look there: ").text(command).whole());
    }
    if let Some(command) = command(explain) {
        page.blank().field("Change it", Line::from(command.as_str()).whole());
    }
    page
}

/// `HKLM\key!value`.
fn address_of(value: &ExplainedValue) -> String {
    let name = if value.value_name.is_empty() { "(Default)" } else { &value.value_name };
    format!(r"{}\{}!{name}", value.hive, value.key)
}

/// What the installation says of itself.
pub fn image(page: &mut Page, image: &ImageModel) {
    let product = image.product.as_deref().unwrap_or("Windows, version not known");
    let build = image.build.map(|build| format!(", build {build}")).unwrap_or_default();
    let set = match image.control_set.next_boot {
        Some(set) => format!(", next boot uses ControlSet{set:03}"),
        None => String::new(),
    };
    page.field("Image", format!("{product}{build}{set}").as_str());
}

/// A setting beside another one: its value and what that means.
pub fn related(related: &Related) -> Line {
    let value = related.value.as_ref().map_or_else(String::new, |value| format!(" = {}", plain(value)));
    Line::new().text(&related.name).text(value).column(24).hang().text(&related.meaning)
}

/// The table of layers, and those that say nothing.
fn layers(explain: &Explain) -> Page {
    let mut page = Page::new();
    page.line(Line::new().span(Style::Faint, "  #  Layer (highest wins)").column(VALUE).span(Style::Faint, "Value"));
    let pending = match (explain.target.kind, explain.scope.sid()) {
        (_, Some(_)) => "Per-user local GPO, pending",
        (Kind::Windows | Kind::GpoLocal, None) => "Local Group Policy, pending",
        _ => "This policy, pending",
    };
    // What was looked at: layers that say nothing are none of the model's.
    let looked_at: &[(u8, &str)] = match (&explain.image, explain.sources.is_empty()) {
        (None, _) => &[(3, "")],
        (Some(_), true) if explain.value.is_some() => &[(3, ""), (2, "Value in the registry")],
        (Some(_), true) => &[(3, ""), (2, "Policy value in the registry")],
        (Some(_), false) => &[(3, ""), (2, "Policy value in the registry"), (1, "Local setting"), (0, "Default")],
    };
    for layer in explain.layers.iter().filter(|layer| layer.rank == 4) {
        self::layer(&mut page, layer, "Domain GPO, cached", explain);
        page.line(
            Line::indented(5).span(Style::Faint, "a copy, perhaps stale; wins over local policy where it applies"),
        );
    }
    for (rank, name) in looked_at {
        let name = if *rank == 3 { pending } else { name };
        let mut any = false;
        for layer in explain.layers.iter().filter(|layer| layer.rank == *rank) {
            any = true;
            self::layer(&mut page, layer, name, explain);
        }
        if !any {
            let text = match rank {
                3 if explain.value.is_some() => "-  says nothing of it",
                2 if explain.value.is_some() => "-  not there",
                3 | 2 => "-  not configured",
                1 => "-  not set",
                _ => "-  not in gpol's facts for this Windows",
            };
            page.line(head(*rank, name).span(Style::Faint, text));
        }
    }
    page
}

fn head(rank: u8, name: &str) -> Line {
    Line::new().text(format!("  {rank}  {name}")).column(VALUE).hang()
}

fn layer(page: &mut Page, layer: &Layer, name: &str, explain: &Explain) {
    let mut line = head(layer.rank, &named(name, layer.when));
    line = match layer.state {
        "unknown" => line.span(Style::Warn, "not known"),
        "set" | "default" => line,
        other => state(line, other),
    };
    if let Some(meaning) = layer.meaning.as_ref().filter(|_| explain.value.is_some()) {
        line = line.text(ui::plain(meaning));
    } else if let (Some(value), Some(meaning)) = (&layer.value, &layer.meaning) {
        let gap = if matches!(layer.state, "set" | "default") { "" } else { "  " };
        line = line.text(format!("{gap}{}", plain(value)));
        if *meaning != plain(value) {
            line = line.text(format!("  {meaning}"));
        }
    }
    page.line(line);
    if let Some(problem) = &layer.problem {
        page.line(Line::indented(5).hang().span(Style::Warn, problem));
    }
    if layer.state != "disabled" {
        elements_of(page, &layer.elements, 5);
    }
    if layer.rank == 3 {
        explain.policy.iter().for_each(|policy| misfits(page, policy));
    }
    for record in &layer.records {
        let what = format!("{}!{}  ", values::key(Some(explain.side), record), values::name(record));
        page.line(Line::indented(5).hang().text(what).text(values::effect(record)));
        page.line(Line::indented(5).hang().span(Style::Faint, place_of(record, layer, &explain.target.path)));
    }
    for (i, value) in layer.values.iter().enumerate() {
        page.line(Line::indented(5).hang().text(in_registry(value)));
        // Said once for all that follow and are alike.
        if layer.values.get(i + 1).is_none_or(|next| next.origin != value.origin) {
            page.line(Line::indented(5).hang().span(Style::Faint, &value.origin));
        }
    }
    if let (1, Some(Place::Hive { hive, key, value_name, .. })) = (layer.rank, &layer.place) {
        page.line(Line::indented(5).hang().text(format!("{hive} hive: {key}!{value_name}")));
    }
    if let Some(label) = &layer.label {
        let text = match layer.rank {
            4 => format!("a copy of {label}, perhaps stale; it wins over local policy where it applies"),
            _ => label.clone(),
        };
        page.line(Line::indented(5).hang().span(Style::Faint, text));
    }
}

/// A layer that lies in a control set, where they differ.
fn named(name: &str, when: Option<&str>) -> String {
    match when {
        Some("now") => format!("{name}, last boot"),
        Some(_) => format!("{name}, next boot"),
        None => name.to_owned(),
    }
}

fn misfits(page: &mut Page, policy: &PolicyModel) {
    if policy.state == "mixed" {
        let misfits: Vec<String> = policy.misfit_indexes.iter().map(|index| (index + 1).to_string()).collect();
        let text = format!("its records fit no state that the editor can make; look at record {}", misfits.join(", "));
        page.line(Line::indented(5).span(Style::Warn, text));
    }
}

fn place_of(record: &RecordModel, layer: &Layer, target: &str) -> String {
    let file = match &layer.place {
        Some(Place::File { file, .. }) => below(file, target),
        _ => String::new(),
    };
    format!("{file}, record {} @ {:#x}", record.index + 1, record.offset)
}

fn in_registry(value: &RegistryModel) -> String {
    let name = if value.value_name.is_empty() { "(Default)" } else { &value.value_name };
    let shown = value.value.as_ref().map_or_else(|| "(data that do not fit the type)".to_owned(), plain);
    format!("{} hive: {}!{name}  {shown}", value.hive, value.key)
}

/// A value, for a line.
pub fn plain(value: &ValueModel) -> String {
    match value {
        ValueModel::Number(n) => n.to_string(),
        ValueModel::Text(text) => ui::plain(&text.lossy()),
        ValueModel::List(_) => values::list(value),
    }
}

/// What is decided, and why; of what depends on something the ways follow, by [`conditions`].
pub fn decision(decision: &Decision) -> Line {
    if decision.certainty == Certainty::Depends {
        return Line::new().span(Style::Warn, "not known: it depends");
    }
    let meaning = &decision.meaning;
    let style = if meaning.starts_with("not known") { Style::Warn } else { Style::Strong };
    let line = Line::new().span(style, meaning);
    match &decision.why {
        Some(why) => line.text("  ").span(Style::Faint, format!("({why})")),
        None => line,
    }
}

/// The ways that things may go, and what they depend on.
pub fn conditions(page: &mut Page, decision: &Decision) {
    for way in &decision.possible {
        page.field("", Line::new().span(Style::Strong, &way.meaning).hang().text(format!(", if {}", way.condition)));
    }
    for (i, condition) in decision.conditions.iter().enumerate() {
        let word = if i == 0 { "it depends on " } else { "and on " };
        page.field("", Line::new().span(Style::Warn, word).hang().text(condition));
    }
}

/// The command that looks at the GPOs of a domain.
fn in_domain(explain: &Explain) -> Option<String> {
    let name = match (&explain.policy, &explain.value) {
        (Some(policy), _) => &policy.name,
        (None, Some(value)) => return Some(format!("gpol search {} SYSVOL", quoted(&address_of(value)))),
        (None, None) => return None,
    };
    match explain.target.kind {
        Kind::Windows | Kind::GpoLocal => Some(format!("gpol search id:{name} SYSVOL")),
        Kind::GpoSysvol | Kind::GpoCached => {
            Some(format!("gpol effective SYSVOL --ad EXPORT --for DN --policy {name}"))
        }
        _ => None,
    }
}

/// The command that switches the policy to its other state.
fn command(explain: &Explain) -> Option<String> {
    if matches!(explain.target.kind, Kind::GpoSysvol | Kind::GpoBackup) {
        return None;
    }
    let path = &explain.target.path;
    if let Some(value) = &explain.value {
        let value = quoted(&address_of(value));
        let pending = explain.layers.iter().any(|layer| layer.rank == 3);
        return Some(match pending {
            true => onward::on(path, "pol forget", &value),
            false => onward::on(path, "pol set", &format!("{value} dword 1 --dry-run")),
        });
    }
    let (other, policy) = (explain.other_state?, explain.policy.as_ref()?);
    Some(onward::on(path, "policy set", &format!("{} {other}", quoted(&policy.name))))
}

/// A side as the editor names it.
pub fn capital(side: &str) -> &'static str {
    if side == "user" { "User" } else { "Computer" }
}

/// A path inside the target, without the target's own; `/` between components, on every system.
pub fn below(path: &str, target: &str) -> String {
    let inside = Path::new(path).strip_prefix(target).ok().filter(|rest| !rest.as_os_str().is_empty());
    match inside {
        Some(rest) => rest.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"),
        None => path.to_owned(),
    }
}
