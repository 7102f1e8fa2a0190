//! What `gpt.ini` and an export of Active Directory say of a domain GPO: the checks that `effective` makes, too.

use super::Probes;
use super::files::{Present, present};
use crate::ad::{GpoObject, Snapshot, domain_of};
use crate::contents::GpoFile;
use crate::doctor::Answer;
use crate::effective::containers;
use crate::error::Error;
use crate::filter::{self, VersionFile};
use crate::plan::read_if_there;
use crate::scope::Scope;
use crate::target::{SideFile, Target};

/// What is not in the files.
pub(super) const ELSEWHERE: &str =
    "a domain GPO: its version, its extension lists, its links and filters are in Active Directory";

pub(super) fn probe(
    target: &Target,
    only: Option<&Scope>,
    snapshot: Option<&Snapshot>,
    others: &[GpoFile],
    probes: &mut Probes,
) -> Result<(), Error> {
    let object = snapshot.and_then(|snapshot| snapshot.gpo_in(target.kind, target.guid.as_deref(), &target.path));
    if let Some(object) = &object {
        probes.check(filter::gpo(object));
    }
    let mut asked = false;
    present(target, only, others, probes, |Present { file, scope, policy }, probes| {
        let ini = version_file(file)?;
        let check = filter::version_file(&ini);
        // Both sides have the same file, and a version is told with each.
        if check.answer != Answer::Yes && !std::mem::replace(&mut asked, true) {
            probes.check(check);
        }
        if policy.is_empty() {
            probes.yes("version", format!("nothing to apply on the {} side", scope.side()));
        } else {
            filter::side(object.as_ref(), &ini, scope.side()).into_iter().for_each(|check| probes.check(check));
        }
        Ok(())
    })?;
    match (snapshot, object) {
        (None, _) => probes.uncertain("directory", ELSEWHERE),
        (Some(_), None) => {
            let domain = domain_of(&target.path).map(|domain| format!(" of {domain}")).unwrap_or_default();
            probes.uncertain(
                "directory",
                format!("the export of Active Directory holds no such GPO{domain}: clients ignore a GPO that their search does not find"),
            );
        }
        (Some(snapshot), Some(object)) => {
            links(snapshot, &object, probes);
            probes.uncertain(
                "directory",
                "whom its security filter and its WMI filter let through, and what clients applied last, is not looked at",
            );
        }
    }
    Ok(())
}

fn version_file(file: &SideFile) -> Result<VersionFile, Error> {
    let Some(place) = &file.gpt_ini else { return Ok(VersionFile::Missing) };
    let bytes = read_if_there(&place.path).map_err(|source| Error::Io { path: place.path.clone(), source })?;
    Ok(VersionFile::of(bytes))
}

/// Whether any container links it.
fn links(snapshot: &Snapshot, object: &GpoObject<'_>, probes: &mut Probes) {
    const PROBE: &str = "link";
    let containers = match containers(snapshot) {
        Ok(containers) => containers,
        Err(error) => return probes.uncertain(PROBE, error.to_string()),
    };
    let is_own = |dn: &str| snapshot.get(dn).is_some_and(|entry| entry.dn == object.dn());
    let mut links = containers
        .iter()
        .flat_map(|it| it.links.iter().map(move |link| (it, link)))
        .filter(|(_, link)| is_own(&link.gpo));
    match links.find(|(_, link)| !link.disabled) {
        Some((container, _)) => probes.yes(PROBE, format!("linked to {}", container.dn)),
        None => probes.uncertain(
            PROBE,
            "no container in the export links it; an export may lack the sites, which lie in another partition",
        ),
    }
}
