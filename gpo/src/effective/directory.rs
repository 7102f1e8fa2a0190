//! The order that Active Directory gives: links of a place and of all above it, as a snapshot has them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::judge::WithoutFile;
use super::layer::{Layer, LinkedFrom, layers};
use super::order::{Container, LeftOut, Placed, links, order};
use super::plan::{LeftOutModel, Plan, PlanError, is_called, is_gpo, title};
use super::shared::Sharing;
use crate::ad::{GpoObject, Snapshot, dns_domain, domain_of, normal};
use crate::filter::Details;
use crate::scan::{self, Gpo, Progress, Wanted};
use crate::scope::Scope;
use crate::search::Unreadable;
use crate::show::TargetModel;
use crate::target::Kind;

/// Whose result is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// What the directory says.
    pub snapshot: &'a Snapshot,
    /// Distinguished name of an organizational unit or domain, or of a computer or user in it.
    pub dn: &'a str,
    /// Distinguished name of the site, if one is to count.
    pub site: Option<&'a str>,
    /// GPOs whose security filter does not let them through, by GUID or name.
    pub deny: &'a [String],
}

/// Reads the GPOs that are linked to a place, weakest first. A local GPO among the targets comes before them.
///
/// # Errors
///
/// [`PlanError`].
pub fn read_for(
    targets: &[PathBuf],
    place: Place<'_>,
    users: &[Scope],
    progress: &Progress,
) -> Result<Plan, PlanError> {
    let (mut plan, sharing) = (Plan::default(), Sharing::default());
    let chain = chain(place, &mut plan)?;
    let wanted = Wanted { settings: false, gpt_ini: true, files: true };
    let there = scan::scan(targets, wanted, progress, |mut read| {
        read.gpo.take_name(Some(place.snapshot));
        let gpo = read.gpo.clone();
        let (layers, problems) = layers(read, &sharing);
        Folder { layers, unreadable: problems.iter().map(|problem| Unreadable::new(&gpo, problem)).collect(), gpo }
    })?;
    let (local, domain): (Vec<_>, Vec<_>) = there
        .into_iter()
        .partition(|it| matches!(it.gpo.kind, Kind::GpoLocal | Kind::Windows | Kind::GpoUsers | Kind::GpoUser));
    for Folder { layers, unreadable, .. } in local {
        layers.into_iter().for_each(|layer| plan.add(layer, users));
        plan.unreadable.extend(unreadable);
    }
    let (applied, left_out) = order(&chain);
    only_one_each(place.deny, &applied, place.snapshot)?;
    let mut folders = Folders::new(domain, &chain, place.snapshot);
    for placed in applied {
        plan.link(&placed, place, &mut folders);
    }
    for (placed, why) in left_out {
        plan.leave_link_out(&placed, &why, place.snapshot);
    }
    let others = folders.all.len() - folders.used.iter().filter(|used| **used).count();
    for (folder, used) in folders.all.into_iter().zip(folders.used) {
        // Only what is linked counts, so only that can be missing; what has no GUID may be anything.
        if used || folder.gpo.guid.is_none() {
            plan.unreadable.extend(folder.unreadable);
        }
    }
    plan.settle();
    if others > 0 {
        let name = if others == 1 { "1 other GPO".to_owned() } else { format!("{others} other GPOs") };
        plan.left_out.push(LeftOutModel {
            gpo: None,
            name,
            side: None,
            why: "not-linked",
            reason: "not linked here".to_owned(),
            details: Details::new(),
        });
    }
    plan.assumed.push("all security filters pass (--deny leaves a GPO out)".to_owned());
    if place.site.is_none() {
        plan.assumed.push("no site GPOs (--site takes them in)".to_owned());
    }
    Ok(plan)
}

/// A GPO as it was read, and what could not be.
struct Folder {
    gpo: Gpo,
    layers: Vec<Layer>,
    unreadable: Vec<Unreadable>,
}

/// The folders of domain GPOs among the targets.
struct Folders {
    all: Vec<Folder>,
    /// Which of them a link means.
    used: Vec<bool>,
    /// The domain that each lies in, where its path tells.
    domains: Vec<Option<String>>,
    /// GUIDs that GPOs of several domains have, in capitals: a folder whose path does not tell its domain may be any one's.
    ambiguous: HashSet<String>,
}

impl Folders {
    fn new(all: Vec<Folder>, chain: &[Container], snapshot: &Snapshot) -> Self {
        let linked = chain.iter().flat_map(|container| &container.links).map(|link| {
            let object = snapshot.get(&link.gpo).and_then(GpoObject::of);
            (guid_in(&link.gpo).to_ascii_uppercase(), domain_meant(&link.gpo, object.as_ref()))
        });
        let known = snapshot.entries().iter().filter_map(GpoObject::of);
        let known = known.map(|object| (object.guid().to_ascii_uppercase(), object.folder_domain()));
        let mut first: HashMap<String, String> = HashMap::new();
        let mut ambiguous = HashSet::new();
        for (guid, domain) in linked.chain(known) {
            match first.get(&guid) {
                Some(other) if *other != domain => _ = ambiguous.insert(guid),
                Some(_) => {}
                None => _ = first.insert(guid, domain),
            }
        }
        Self {
            used: vec![false; all.len()],
            domains: all.iter().map(|folder| domain_of(&folder.gpo.path)).collect(),
            all,
            ambiguous,
        }
    }

    /// The folder of a GPO: that of its GUID in its domain; else one whose path tells no domain, if nothing else may lie there.
    fn find(&self, guid: &str, domain: &str) -> Result<usize, String> {
        let named = |at: &usize| self.all[*at].gpo.guid.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(guid));
        let named: Vec<usize> = (0..self.all.len()).filter(named).collect();
        if let Some(&at) = named.iter().find(|&&at| self.domains[at].as_deref() == Some(domain)) {
            return Ok(at);
        }
        let untold: Vec<usize> = named.iter().copied().filter(|&at| self.domains[at].is_none()).collect();
        let path = |at: usize| self.all[at].gpo.path.display();
        match (&*untold, &*named) {
            (&[at], _) if !self.ambiguous.contains(&guid.to_ascii_uppercase()) => Ok(at),
            (&[at, ..], _) => Err(format!(
                "GPOs of several domains have its GUID, and the path of {} does not tell the domain (…/{domain}/Policies/{guid})",
                path(at)
            )),
            ([], &[at, ..]) => Err(format!(
                "{} has the same GUID, but is the one of {}",
                path(at),
                self.domains[at].as_deref().unwrap_or_default()
            )),
            ([], []) => Err(String::new()),
        }
    }
}

/// The domain in whose SYSVOL a linked GPO lies.
fn domain_meant(dn: &str, object: Option<&GpoObject<'_>>) -> String {
    object.map_or_else(|| dns_domain(dn), GpoObject::folder_domain)
}

/// Whoever is denied must be one GPO: GUIDs and names can be those of several.
fn only_one_each(deny: &[String], applied: &[Placed<'_>], snapshot: &Snapshot) -> Result<(), PlanError> {
    for name in deny {
        let is_meant = |dn: &&str| {
            let own = snapshot.get(dn).and_then(GpoObject::of).and_then(|object| object.name());
            is_gpo(Some(guid_in(dn)), own.as_deref(), Path::new(""), name)
        };
        let linked = applied.iter().map(|placed| &*placed.link.gpo);
        let meant: BTreeMap<String, &str> = linked.filter(is_meant).map(|dn| (normal(dn), dn)).collect();
        if meant.len() > 1 {
            let dns = meant.into_values().map(str::to_owned).collect();
            return Err(PlanError::Denied { name: name.clone(), dns });
        }
    }
    Ok(())
}

/// The containers of a place, outermost first: site, domain, organizational units.
fn chain(place: Place<'_>, plan: &mut Plan) -> Result<Vec<Container>, PlanError> {
    let snapshot = place.snapshot;
    let unknown = |dn: &str| PlanError::NotInSnapshot { dn: dn.to_owned() };
    let parts = parts(place.dn);
    let kind = |part: &str, kind: &str| part.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(kind));
    let domain = parts.iter().position(|part| kind(part, "DC=")).ok_or_else(|| unknown(place.dn))?;
    let mut chain = Vec::new();
    if let Some(site) = place.site {
        chain.push(container(snapshot, site)?.ok_or_else(|| unknown(site))?);
    }
    for from in (0..=domain).rev() {
        let dn = parts[from..].join(",");
        match container(snapshot, &dn)? {
            Some(container) => chain.push(container),
            // Computers, users and plain containers have no links.
            None if kind(parts[from], "CN=") => {}
            None if from == 0 => return Err(unknown(place.dn)),
            None => plan.unreadable.push(Unreadable {
                gpo: TargetModel { kind: Kind::Sysvol, path: dn.clone(), guid: None, name: None },
                path: dn,
                message: "the export lacks this container, so its links are not known".to_owned(),
            }),
        }
    }
    Ok(chain)
}

/// The components of a distinguished name. A comma behind a backslash is part of a name.
pub(super) fn parts(dn: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in dn.char_indices() {
        match c {
            ',' if !escaped => {
                parts.push(dn[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(dn[start..].trim());
    parts
}

/// The links of a container. `None` if the snapshot does not have it.
fn container(snapshot: &Snapshot, dn: &str) -> Result<Option<Container>, PlanError> {
    let Some(entry) = snapshot.get(dn) else { return Ok(None) };
    let links = match entry.text("gPLink") {
        Some(text) => links(&text).ok_or_else(|| PlanError::Link { dn: entry.dn.clone(), line: entry.line, text })?,
        None => Vec::new(),
    };
    let options = entry.text("gPOptions").and_then(|text| text.trim().parse::<i32>().ok()).unwrap_or_default();
    Ok(Some(Container { dn: entry.dn.clone(), links, blocks: options & 1 != 0 }))
}

/// All containers of a snapshot that have links, in the order of the file.
///
/// # Errors
///
/// If a `gPLink` is none.
pub fn containers(snapshot: &Snapshot) -> Result<Vec<Container>, PlanError> {
    let mut all = Vec::new();
    for entry in snapshot.entries().iter().filter(|entry| entry.text("gPLink").is_some()) {
        all.extend(container(snapshot, &entry.dn)?.filter(|container| !container.links.is_empty()));
    }
    Ok(all)
}

impl Plan {
    /// Says why a link counts for nothing.
    fn leave_link_out(&mut self, placed: &Placed<'_>, why: &LeftOut<'_>, snapshot: &Snapshot) {
        let container = placed.container.dn.clone();
        let dn = &placed.link.gpo;
        let mut details = Details::from([("dn", dn.clone()), ("container", container.clone())]);
        let (why, reason) = match why {
            LeftOut::Disabled => ("link-disabled", format!("its link to {container} is switched off")),
            LeftOut::Blocked(by) => {
                details.insert("blocked_by", by.dn.clone());
                ("inheritance-blocked", format!("linked to {container}, and {} blocks inheritance", by.dn))
            }
        };
        let name = snapshot.get(dn).and_then(GpoObject::of).and_then(|object| object.name());
        let name = name.unwrap_or_else(|| dn.clone());
        self.left_out.push(LeftOutModel { gpo: None, name, side: None, why, reason, details });
    }

    /// Adds what a link brings, or says why it brings nothing.
    fn link(&mut self, placed: &Placed<'_>, place: Place<'_>, folders: &mut Folders) {
        let dn = &placed.link.gpo;
        let object = place.snapshot.get(dn).and_then(GpoObject::of);
        let guid = object.map_or_else(|| guid_in(dn).to_owned(), |object| object.guid().to_owned());
        let (name, domain) = (object.and_then(|object| object.name()), domain_meant(dn, object.as_ref()));
        let missing = |message: String| {
            let gpo =
                TargetModel { kind: Kind::GpoSysvol, path: dn.clone(), guid: Some(guid.clone()), name: name.clone() };
            Unreadable { gpo, path: dn.clone(), message }
        };
        let at = match folders.find(&guid, &domain) {
            Ok(at) => at,
            Err(but) => {
                let known = match object {
                    Some(_) => "no folder of this GPO is among the targets",
                    None => "neither the export nor a target has this GPO",
                };
                let but = if but.is_empty() { but } else { format!("; {but}") };
                return self.unreadable.push(missing(format!("{known}{but}")));
            }
        };
        folders.used[at] = true;
        if object.is_none() && place.snapshot.has_gpos_of(&dns_domain(dn)) {
            let reason = "the export has no such GPO: clients ignore a link to what their search does not find";
            self.unreadable.push(missing(reason.to_owned()));
            return self.leave_out(&folders.all[at].gpo, "not-in-directory", reason);
        }
        let link = LinkedFrom {
            container: placed.container.dn.clone(),
            number: placed.number,
            enforced: placed.link.enforced,
        };
        for layer in &folders.all[at].layers {
            let gpo = Gpo { name: name.clone().or_else(|| layer.gpo.name.clone()), ..layer.gpo.clone() };
            if place.deny.iter().any(|denied| is_called(&gpo, denied)) {
                self.leave_out(&gpo, "denied", "denied, as --deny says");
                continue;
            }
            let mut layer = Layer { gpo, link: Some(link.clone()), ..layer.clone() };
            if object.is_none() {
                let what = "no side is switched off, functionality version 2, the Registry extension in the lists of both \
                    sides: the export lacks it";
                self.take_for_granted(what, &title(&layer.gpo));
            }
            if folders.domains[at].is_none() {
                let what = format!("the folder is that of the domain {domain}, which its path does not tell");
                self.take_for_granted(&what, &title(&layer.gpo));
            }
            self.judge(&mut layer, object.as_ref(), WithoutFile::Ends);
            self.layers.push(layer);
        }
    }
}

/// The GUID in the name of a GPO's entry.
fn guid_in(dn: &str) -> &str {
    let first = parts(dn).first().copied().unwrap_or_default();
    first.split_once('=').map_or(first, |(_, guid)| guid.trim())
}
