//! Where GPOs are linked, for whoever looks at one of them.

use std::collections::HashMap;
use std::path::Path;

use admx::Side;
use serde::Serialize;

use super::directory::{containers, parts};
use super::plan::PlanError;
use crate::ad::{GpoObject, Snapshot, normal};
use crate::target::Kind;

/// What an export of Active Directory tells of GPOs beside their settings.
#[derive(Debug)]
pub struct Linked<'s> {
    snapshot: &'s Snapshot,
    /// The links of each GPO, by its name as it is compared; `None` if the export has GPOs alone.
    links: Option<HashMap<String, Vec<LinkModel>>>,
}

/// A GPO in Active Directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InDirectory {
    /// Distinguished name.
    pub dn: String,
    /// Sides that are switched off: nothing of them applies.
    pub off: Vec<&'static str>,
    /// Where it is linked, the outermost container first; `null` if the export has no containers, which hold the links.
    pub links: Option<Vec<LinkModel>>,
}

/// A link of a GPO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkModel {
    /// Distinguished name of the site, domain or organizational unit.
    pub container: String,
    /// Link order in it as GPMC counts: 1 wins.
    pub order: usize,
    /// Whether it wins over all below, and no block stops it.
    pub enforced: bool,
    /// Whether it counts at all.
    pub enabled: bool,
}

impl<'s> Linked<'s> {
    /// Reads the links of a snapshot.
    ///
    /// # Errors
    ///
    /// If a `gPLink` is none.
    pub fn new(snapshot: &'s Snapshot) -> Result<Self, PlanError> {
        let mut links: HashMap<String, Vec<LinkModel>> = HashMap::new();
        for container in containers(snapshot)? {
            for (link, order) in container.links.iter().rev().zip(1..) {
                links.entry(normal(&link.gpo)).or_default().push(LinkModel {
                    container: container.dn.clone(),
                    order,
                    enforced: link.enforced,
                    enabled: !link.disabled,
                });
            }
        }
        for of_gpo in links.values_mut() {
            of_gpo.sort_by_key(|link| depth(&link.container));
        }
        let known =
            snapshot.entries().iter().any(|entry| is_container(&entry.dn) || entry.values("gPLink").count() > 0);
        Ok(Self { snapshot, links: known.then_some(links) })
    }

    /// What the links were read from.
    pub fn snapshot(&self) -> &'s Snapshot {
        self.snapshot
    }

    /// What the directory knows of the GPO that lies in a folder.
    pub fn of(&self, kind: Kind, guid: Option<&str>, folder: &Path) -> Option<InDirectory> {
        let object = self.snapshot.gpo_in(kind, guid, folder)?;
        let off = object.off().into_iter().map(Side::as_str).collect();
        Some(InDirectory { dn: object.dn().to_owned(), off, links: self.links_of(&object) })
    }

    /// Where a GPO is linked; `None` if the export has no containers.
    pub fn links_of(&self, object: &GpoObject<'_>) -> Option<Vec<LinkModel>> {
        self.links.as_ref().map(|links| links.get(&normal(object.dn())).cloned().unwrap_or_default())
    }
}

/// Sites first, then domains, then organizational units from above: the order in which they count.
fn depth(dn: &str) -> (bool, usize) {
    let parts = parts(dn);
    let is_site = parts.get(1).is_some_and(|above| above.eq_ignore_ascii_case("CN=Sites"));
    (!is_site, parts.len())
}

/// Whether it is a domain or an organizational unit, by its name.
fn is_container(dn: &str) -> bool {
    ["DC=", "OU="].iter().any(|kind| dn.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(kind)))
}
