//! `gpol explain`: who decides one policy.

use std::path::Path;

use gpo::explain::{Explain, explain};
use gpo::target::Kind;

use crate::args::{Format, PolicyOnTarget};
use crate::commands::show::{category_of, elements, state, templates};
use crate::commands::values;
use crate::context::{failed, find_policy_to_read, load_templates, open_target};
use crate::error::Stop;
use crate::exit::Exit;
use crate::paste::quoted;
use crate::ui::{Line, Page, Style, Ui};

pub fn run(args: &PolicyOnTarget, ui: &Ui) -> Result<Exit, Stop> {
    let target = open_target(&args.target, ui)?;
    let catalog = load_templates(&args.options.templates.templates(), Some(&target))?;
    let scope = args.options.scope.scope.as_ref();
    let (policy, scope) = find_policy_to_read(catalog, &args.policy, scope, Some(&target), ui)?;
    let explained = explain(&target, catalog, policy, &scope).map_err(failed)?;
    match args.options.output.format {
        Format::Json => ui.json(&explained)?,
        Format::Human => ui.page(&page(&explained, args))?,
    }
    Ok(Exit::Yes)
}

fn page(explain: &Explain, args: &PolicyOnTarget) -> Page {
    let mut page = Page::new();
    let policy = &explain.policy;
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
    page.field("ADMX", templates(Some(&explain.admx)).as_str());
    page.field("Target", Line::new().text(&explain.target.path).text(format!("  ({})", explain.target.kind.name())));
    page.blank();
    page.line(Line::new().span(Style::Faint, "  #  Layer (highest wins)          State"));
    for layer in &explain.layers {
        let name = match (explain.target.kind, explain.scope.sid()) {
            (_, Some(_)) => "Per-user local GPO, pending",
            (Kind::Windows | Kind::GpoLocal, None) => "Local Group Policy, pending",
            _ => "This policy, pending",
        };
        page.line(state(Line::new().text(format!("  {}  {name:<30}", layer.rank)), layer.state));
        elements(&mut page, policy, 5);
        for record in &layer.records {
            let what = format!("{}!{}  ", values::key(Some(explain.side), record), values::name(record));
            page.line(Line::indented(5).hang().text(what).text(values::effect(record)));
            let place = format!(
                "{}, record {} @ {:#x}",
                below(&layer.place.file, &explain.target.path),
                record.index + 1,
                record.offset
            );
            page.line(Line::indented(5).hang().span(Style::Faint, place));
        }
    }
    if explain.layers.is_empty() {
        page.line(Line::indented(2).text("-  Not configured: no record of this policy"));
    }
    page.blank();
    page.field("Next boot", explain.verdict.next_boot.meaning.as_str());
    page.field("Now", explain.verdict.now.meaning.as_str());
    for (i, unseen) in explain.not_seen.iter().enumerate() {
        page.field(if i == 0 { "Not seen" } else { "" }, unseen.as_str());
    }
    if let Some(command) = command(explain, args) {
        page.blank().field("Change it", Line::from(command.as_str()).whole());
    }
    page
}

/// The command that switches the policy to its other state.
fn command(explain: &Explain, args: &PolicyOnTarget) -> Option<String> {
    let other = match explain.policy.state {
        "enabled" => "disabled",
        "disabled" => "enabled",
        _ => return None,
    };
    let editable = !matches!(explain.target.kind, Kind::GpoSysvol | Kind::GpoCached | Kind::GpoBackup);
    editable.then(|| {
        let (target, name) = (quoted(&explain.target.path), &explain.policy.name);
        format!(
            "gpol policy set {target} {name} {other}{}{}",
            args.options.templates.again(),
            args.options.scope.again()
        )
    })
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
