//! `gpol ad`: what a snapshot of Active Directory tells.

use std::path::PathBuf;

use ::admx::Side;
use clap::{Args, Subcommand};
use gpo::ad::GpoObject;
use gpo::effective::{containers, order::Container};
use serde::Serialize;

use crate::args::{Format, OutputArgs};
use crate::commands::pol::count;
use crate::directory::{bad_link, read_snapshot};
use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::{Line, Page, Style, Ui};

#[derive(Subcommand, Debug)]
pub enum AdCommand {
    /// List the GPOs: GUID, name, and what is switched off
    ///
    /// The export may come from ldifde, ldapsearch or ldbsearch.
    Names(SnapshotArgs),
    /// List where GPOs are linked, the winner first
    ///
    /// Each container with its links, numbered as GPMC does: 1 wins.
    Links(SnapshotArgs),
}

#[derive(Args, Debug)]
pub struct SnapshotArgs {
    /// Export of Active Directory (LDIF), or `-` for standard input
    snapshot: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

pub fn run(command: &AdCommand, ui: &Ui) -> Result<Exit, Stop> {
    match command {
        AdCommand::Names(args) => names(args, ui),
        AdCommand::Links(args) => links(args, ui),
    }
}

/// The GPOs of a snapshot: `gpol.ad-names/1`.
#[derive(Serialize)]
struct Names {
    schema: &'static str,
    gpos: Vec<Named>,
}

#[derive(Serialize)]
struct Named {
    guid: String,
    name: Option<String>,
    domain: String,
    /// Sides that are switched off.
    off: Vec<&'static str>,
}

fn names(args: &SnapshotArgs, ui: &Ui) -> Result<Exit, Stop> {
    let snapshot = read_snapshot(&args.snapshot)?;
    let named = |gpo: GpoObject<'_>| Named {
        guid: gpo.guid().to_owned(),
        name: gpo.name(),
        domain: gpo.domain(),
        off: gpo.off().into_iter().map(Side::as_str).collect(),
    };
    let gpos: Vec<Named> = snapshot.entries().iter().filter_map(GpoObject::of).map(named).collect();
    let names = Names { schema: "gpol.ad-names/1", gpos };
    match args.output.format {
        Format::Json => ui.json(&names)?,
        Format::Human => {
            let mut page = Page::new();
            for gpo in &names.gpos {
                let off: String = gpo.off.iter().map(|side| format!("  ({side} side switched off)")).collect();
                let name = gpo.name.as_deref().unwrap_or("(the export gives no name)");
                page.line(Line::new().text(&gpo.guid).text("  ").hang().text(name).span(Style::Faint, off));
            }
            page.line(&*count(names.gpos.len(), "GPO"));
            ui.page(&page)?;
        }
    }
    Ok(Exit::Yes)
}

/// The links of a snapshot: `gpol.ad-links/1`.
#[derive(Serialize)]
struct Links {
    schema: &'static str,
    containers: Vec<Linked>,
}

#[derive(Serialize)]
struct Linked {
    dn: String,
    /// Whether links of containers above are blocked.
    blocks_inheritance: bool,
    /// The winner first.
    links: Vec<LinkOf>,
}

#[derive(Serialize)]
struct LinkOf {
    /// As GPMC counts: 1 wins.
    order: usize,
    gpo: String,
    name: Option<String>,
    enforced: bool,
    enabled: bool,
}

fn links(args: &SnapshotArgs, ui: &Ui) -> Result<Exit, Stop> {
    let snapshot = read_snapshot(&args.snapshot)?;
    let found = containers(&snapshot).map_err(|error| bad_link(&args.snapshot, &error))?;
    let linked = |container: Container| Linked {
        blocks_inheritance: container.blocks,
        links: container
            .links
            .iter()
            .rev()
            .zip(1..)
            .map(|(link, order)| LinkOf {
                order,
                gpo: link.gpo.clone(),
                name: snapshot.get(&link.gpo).and_then(GpoObject::of).and_then(|gpo| gpo.name()),
                enforced: link.enforced,
                enabled: !link.disabled,
            })
            .collect(),
        dn: container.dn,
    };
    let links = Links { schema: "gpol.ad-links/1", containers: found.into_iter().map(linked).collect() };
    match args.output.format {
        Format::Json => ui.json(&links)?,
        Format::Human => ui.page(&page(&links))?,
    }
    Ok(Exit::Yes)
}

fn page(links: &Links) -> Page {
    let mut page = Page::new();
    for container in &links.containers {
        let blocks = if container.blocks_inheritance { "  (blocks inheritance)" } else { "" };
        page.line(Line::new().span(Style::Strong, &container.dn).span(Style::Faint, blocks));
        for link in &container.links {
            let line = Line::indented(2).text(format!("{:>2}  ", link.order)).hang();
            let line = line.text(link.name.as_ref().unwrap_or(&link.gpo));
            let enforced = if link.enforced { "  (enforced)" } else { "" };
            let off = if link.enabled { "" } else { "  (link switched off)" };
            page.line(line.span(Style::Faint, enforced).span(Style::Warn, off));
        }
    }
    page.line(&*format!("{} with links", count(links.containers.len(), "container")));
    page
}
