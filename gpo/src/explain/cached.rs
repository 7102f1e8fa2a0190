//! What a machine keeps of the domain GPOs that it applied: copies below `GroupPolicy\\DataStore`.
//!
//! A domain GPO wins over local policy. Its copy may be stale, and whether the GPO still applies is not in the image: what
//! is found makes the verdict conditional and decides nothing.

use std::path::Path;

use polfile::PolicyFile;

use crate::ad::domain_of;
use crate::edit::{file_of, read_there};
use crate::place::find;
use crate::scope::Scope;
use crate::target::{self, Kind, Opened, SideFile};

/// The computer side of a cached domain GPO.
#[derive(Debug)]
pub(super) struct Cached {
    /// GUID, or the name of its folder.
    pub gpo: String,
    /// The domain in whose folder it lies.
    pub domain: Option<String>,
    /// Its policy file.
    pub place: SideFile,
    /// What is in it, or why it cannot be read.
    pub file: Result<PolicyFile, String>,
}

/// The copies below a `Windows` folder; the reason, if they cannot be listed.
pub(super) fn all(windows: &Path) -> Result<Vec<Cached>, String> {
    let store = find(windows, &["System32", "GroupPolicy", "DataStore"]).map_err(|error| error.to_string())?;
    let Some(store) = store else { return Ok(Vec::new()) };
    let gpos = match target::open(&store.path) {
        Ok(Opened::One(gpo)) => vec![gpo],
        Ok(Opened::Several(set)) => match set.unreadable.first() {
            Some(error) => return Err(error.to_string()),
            None => set.gpos,
        },
        Err(target::TargetError::Misplaced { .. }) => Vec::new(),
        Err(error) => return Err(error.to_string()),
    };
    let mut all = Vec::new();
    for gpo in gpos.into_iter().filter(|gpo| gpo.kind == Kind::GpoCached) {
        let Ok(place) = file_of(&gpo, &Scope::Computer) else { continue };
        // One without a policy file says nothing of any policy, and that is known.
        let file = read_there(&place).map(Option::unwrap_or_default).map_err(|error| error.to_string());
        let name = gpo.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let domain = domain_of(&gpo.path);
        all.push(Cached { gpo: gpo.guid.unwrap_or(name), domain, place, file });
    }
    Ok(all)
}
