//! The order that Active Directory gives: links of a place and of all above it, as a snapshot has them.

use std::path::PathBuf;

use super::layer::{Layer, LinkedFrom, layers};
use super::order::{Container, LeftOut, Placed, links, order};
use super::plan::{LeftOutModel, Plan, PlanError, is_called, title};
use super::shared::Sharing;
use crate::ad::{GpoObject, Snapshot};
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
    let mut there: Vec<Vec<Layer>> = Vec::new();
    for (layers, unreadable) in scan::scan(targets, wanted, progress, |mut read| {
        read.gpo.take_name(Some(place.snapshot));
        let gpo = read.gpo.clone();
        let (layers, problems) = layers(read, &sharing);
        (layers, problems.iter().map(|problem| Unreadable::new(&gpo, problem)).collect::<Vec<_>>())
    })? {
        plan.unreadable.extend(unreadable);
        there.push(layers);
    }
    let (local, domain): (Vec<_>, Vec<_>) = there.into_iter().partition(|layers| {
        layers.first().is_some_and(|layer| {
            matches!(layer.gpo.kind, Kind::GpoLocal | Kind::Windows | Kind::GpoUsers | Kind::GpoUser)
        })
    });
    for layer in local.into_iter().flatten() {
        plan.add(layer, users);
    }
    let (applied, left_out) = order(&chain);
    let mut used = vec![false; domain.len()];
    for placed in applied {
        plan.link(&placed, place, &domain, &mut used);
    }
    for (placed, why) in left_out {
        let (reason, object) = (reason(&why, &placed), place.snapshot.get(&placed.link.gpo).and_then(GpoObject::of));
        let name = object.and_then(|object| object.name()).unwrap_or_else(|| placed.link.gpo.clone());
        plan.left_out.push(LeftOutModel { gpo: None, name, reason });
    }
    // Only what is linked counts, so only that can be missing.
    let linked: Vec<String> =
        chain.iter().flat_map(|container| &container.links).map(|link| link.gpo.to_lowercase()).collect();
    let is_linked = |gpo: &TargetModel| match &gpo.guid {
        Some(guid) => linked.iter().any(|dn| dn.contains(&guid.to_lowercase())),
        None => true,
    };
    plan.unreadable.retain(|unreadable| is_linked(&unreadable.gpo));
    let others = used.iter().filter(|used| !**used).count();
    if others > 0 {
        let name = if others == 1 { "1 other GPO".to_owned() } else { format!("{others} other GPOs") };
        plan.left_out.push(LeftOutModel { gpo: None, name, reason: "not linked here".to_owned() });
    }
    plan.assumed.push("all security filters pass (--deny leaves a GPO out)".to_owned());
    if place.site.is_none() {
        plan.assumed.push("no site GPOs (--site takes them in)".to_owned());
    }
    Ok(plan)
}

fn reason(why: &LeftOut<'_>, placed: &Placed<'_>) -> String {
    match why {
        LeftOut::Disabled => format!("its link to {} is switched off", placed.container.dn),
        LeftOut::Blocked(by) => format!("linked to {}, and {} blocks inheritance", placed.container.dn, by.dn),
    }
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
    /// Adds what a link brings, or says why it brings nothing.
    fn link(&mut self, placed: &Placed<'_>, place: Place<'_>, domain: &[Vec<Layer>], used: &mut [bool]) {
        let dn = &placed.link.gpo;
        let object = place.snapshot.get(dn).and_then(GpoObject::of);
        let guid = object.map_or_else(|| guid_in(dn).to_owned(), |object| object.guid().to_owned());
        let name = object.and_then(|object| object.name());
        let shown = name.clone().unwrap_or_else(|| guid.clone());
        let Some(at) = find(domain, &guid, object.map(|object| object.domain())) else {
            let gpo = TargetModel { kind: Kind::GpoSysvol, path: dn.clone(), guid: Some(guid), name };
            let known = if object.is_some() {
                "no folder of this GPO is among the targets"
            } else {
                "neither the export nor a target has this GPO"
            };
            self.unreadable.push(Unreadable { gpo, path: dn.clone(), message: known.to_owned() });
            return;
        };
        used[at] = true;
        let link = LinkedFrom {
            container: placed.container.dn.clone(),
            number: placed.number,
            enforced: placed.link.enforced,
        };
        for layer in &domain[at] {
            let gpo = Gpo { name: name.clone().or_else(|| layer.gpo.name.clone()), ..layer.gpo.clone() };
            if place.deny.iter().any(|denied| is_called(&gpo, denied)) {
                self.leave_out(&gpo, "denied, as --deny says");
                continue;
            }
            let mut layer = Layer { gpo, link: Some(link.clone()), ..layer.clone() };
            match object {
                Some(object) => self.apply_object(&object, &mut layer),
                None => self.assumed.push(format!("no side of {shown} is switched off: the export lacks it")),
            }
            self.layers.push(layer);
        }
    }

    /// What the directory knows of a GPO.
    fn apply_object(&mut self, object: &GpoObject<'_>, layer: &mut Layer) {
        layer.switch_off(object.off());
        if object.entry().text("gPCWQLFilter").is_some_and(|filter| !filter.trim().is_empty()) {
            self.assumed.push(format!("the WMI filter of {} is true", title(&layer.gpo)));
        }
    }
}

/// The GPO of a GUID. The two default ones have the same in every domain; then the folder of the domain decides.
fn find(gpos: &[Vec<Layer>], guid: &str, domain: Option<String>) -> Option<usize> {
    let of = |at: usize| gpos[at].first().map(|layer| &layer.gpo);
    let named =
        |at: &usize| of(*at).and_then(|gpo| gpo.guid.as_deref()).is_some_and(|own| own.eq_ignore_ascii_case(guid));
    let named: Vec<usize> = (0..gpos.len()).filter(named).collect();
    let in_domain = |at: &&usize| {
        let lies_in = |name: &str| {
            of(**at).is_some_and(|gpo| gpo.path.components().any(|c| c.as_os_str().eq_ignore_ascii_case(name)))
        };
        domain.as_deref().is_some_and(lies_in)
    };
    named.iter().find(in_domain).or(named.first()).copied()
}

/// The GUID in the name of a GPO's entry.
fn guid_in(dn: &str) -> &str {
    let first = parts(dn).first().copied().unwrap_or_default();
    first.split_once('=').map_or(first, |(_, guid)| guid.trim())
}
