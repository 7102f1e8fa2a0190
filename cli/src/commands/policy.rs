//! `gpol policy`: one policy at a time.

mod describe;
mod list;
mod set;

pub use set::in_words;

use clap::Subcommand;
use gpo::edit::{comments_of, file_of, read};
use gpo::model::PolicyModel;
use gpo::scope::Scope;
use gpo::show::TargetModel;
use serde::Serialize;

use crate::args::{Format, PolicyOnTarget};
use crate::commands::show::{comment, elements, state};
use crate::context::{failed, find_policy_to_read, load_templates, open_target};
use crate::error::Stop;
use crate::exit::Exit;
use crate::meant;
use crate::ui::{Line, Page, Ui};

#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    /// Print the state of one policy
    ///
    /// Exit code 0 if it is configured, 1 if not.
    Get(PolicyOnTarget),
    Describe(describe::DescribeArgs),
    List(list::ListArgs),
    Search(list::SearchArgs),
    Set(set::SetArgs),
    Unset(set::UnsetArgs),
}

/// The state of one policy: `gpol.policy-get/1`.
#[derive(Serialize)]
struct Get {
    schema: &'static str,
    target: TargetModel,
    side: &'static str,
    scope: Scope,
    policy: PolicyModel,
}

pub fn run(command: &PolicyCommand, ui: &Ui) -> Result<Exit, Stop> {
    match command {
        PolicyCommand::Get(args) => get(args, ui),
        PolicyCommand::Describe(args) => describe::run(args, ui),
        PolicyCommand::List(args) => list::list(args, ui),
        PolicyCommand::Search(args) => list::search(args, ui),
        PolicyCommand::Set(args) => set::set(args, ui),
        PolicyCommand::Unset(args) => set::unset(args, ui),
    }
}

fn get(args: &PolicyOnTarget, ui: &Ui) -> Result<Exit, Stop> {
    meant::in_order("policy get", &args.target, &args.policy)?;
    let snapshot = args.ad.snapshot()?;
    let target = open_target(&args.target, snapshot.as_ref(), ui)?;
    let catalog = load_templates(&args.options.templates.templates(), Some(&target))?;
    let scope = args.options.scope.scope.as_ref();
    let (policy, scope) = find_policy_to_read(catalog, &args.policy, scope, Some(&target), ui)?;
    let place = &file_of(&target, &scope).map_err(failed)?;
    let (side, file) = (scope.side(), read(place).map_err(failed)?);
    let policy = PolicyModel {
        comment: comments_of(place).map_err(failed)?.get(&policy.namespace, &policy.name),
        ..PolicyModel::new(catalog, &catalog.read_policy(policy, side, &file))
    };
    let configured = policy.state != "not-configured";
    let scope = place.scope.clone().unwrap_or(scope);
    let get =
        Get { schema: "gpol.policy-get/1", target: TargetModel::new(&target), side: side.as_str(), scope, policy };
    match args.options.output.format {
        Format::Json => ui.json(&get)?,
        Format::Human => {
            let mut page = Page::new();
            page.line(state(Line::new(), get.policy.state).column(10).hang().text(get.policy.display_name.trim()));
            elements(&mut page, &get.policy, 10);
            comment(&mut page, &get.policy, 10);
            ui.page(&page)?;
        }
    }
    Ok(if configured { Exit::Yes } else { Exit::No })
}
