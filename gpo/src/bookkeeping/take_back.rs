//! Taking a change of a domain GPO back: its version goes forward, its extension lists go back.

use admx::{Catalog, Side};
use polfile::PolicyFile;

use super::directory::{decided, directory_change, version_of, with_half, write_ldif};
use super::{Books, Directory, DirectoryError, GptIniChange, ListChange, Needs, SideChange, larger};
use crate::ad::extension_attribute;
use crate::error::Error;
use crate::gpt_ini::{GptIni, Version};
use crate::plan::{FileChange, Plan};
use crate::target::{SideFile, Target};
use crate::transaction::Change;

/// The change that is taken back, as far as its GPO's version and lists go.
pub(crate) struct TakenBack<'a> {
    /// What is recorded of it.
    pub change: &'a Change,
    /// `GPT.INI`: what it holds now, and what it held before the change.
    pub file: FileChange,
    /// What the change left there.
    pub left: Option<Vec<u8>>,
    /// The policy file of each side, as it is and as it will be.
    pub sides: Vec<(&'a SideFile, (PolicyFile, PolicyFile))>,
}

/// Plans version and extension lists of every side whose version the change had raised.
pub(crate) fn take_back(
    target: &Target,
    taken: TakenBack<'_>,
    directory: &Directory<'_>,
    plan: &mut Plan,
) -> Result<Vec<Books>, Error> {
    let TakenBack { change, file: FileChange { path, before: found, after: old }, left, sides } = taken;
    let parse = |bytes: &Option<Vec<u8>>| match bytes {
        Some(bytes) => GptIni::parse(bytes.clone()).map_err(|error| Error::GptIni { path: path.clone(), error }),
        None => Ok(GptIni::new()),
    };
    let version = |bytes: &Option<Vec<u8>>| Ok::<_, Error>(parse(bytes)?.version().unwrap_or_default());
    let (was, became, now) = (version(&old)?, version(&left)?, version(&found)?);
    // One that the change had made is kept: without it, clients would find no GPO at all.
    let mut ini = parse(if old.is_some() { &old } else { &found })?;
    let object = directory.gpo(target)?;
    let mut there = object.map(|object| version_of(&object)).transpose()?;
    let mut version = now;
    let mut all = Vec::new();
    for (file, (before, after)) in &sides {
        let Some(side) = file.side().filter(|side| was.of(*side) != became.of(*side)) else { continue };
        let next = larger(now, there.unwrap_or(now), side).bumped(side).of(side);
        let change_of_side = SideChange { file, side, before, after, comments: false, anew: true };
        let needs = Needs { catalog: &Catalog::builtin(), wanted: Vec::new(), gone: Vec::new() };
        let mut done = directory_change(target, &change_of_side, &needs, object, there, (version, next))?;
        if let Some(list) = old_list(change, side, &done.extensions.before, done.known) {
            let list = list.map_err(|error| DirectoryError::Extensions {
                dn: done.dn.clone(),
                attribute: done.attribute,
                error,
            })?;
            done.extensions = list;
        }
        decided(target, directory, now, &done)?;
        version = with_half(version, side, next);
        there = there.map(|_| done.after);
        let gpt_ini = GptIniChange {
            before: Some(now),
            after: version,
            extensions: None,
            mended: Vec::new(),
            passed: Vec::new(),
        };
        all.push(Books { gpt_ini: Some(gpt_ini), directory: Some(done), ..Books::default() });
    }
    set_version(&mut ini, version);
    plan.push(FileChange { path, before: found, after: Some(ini.as_bytes().to_vec()) });
    for books in &mut all {
        if let Some(done) = &mut books.directory {
            write_ldif(directory, done, plan)?;
        }
    }
    Ok(all)
}

fn set_version(ini: &mut GptIni, version: Version) {
    ini.cure();
    ini.set_version(version);
}

/// The list that the change found, where the directory has what the change made of it or never got that; `None` where
/// somebody has changed it since, or nothing is recorded: then the list follows from what the policy file is left with.
fn old_list(
    change: &Change,
    side: Side,
    now: &str,
    known: bool,
) -> Option<Result<ListChange, crate::extensions::ExtensionListError>> {
    let attribute = extension_attribute(side);
    let recorded = change.directory.iter().find(|recorded| recorded.attribute.eq_ignore_ascii_case(attribute))?;
    let fits = !known || now == recorded.after || now == recorded.before;
    fits.then(|| ListChange::between(now, &recorded.before))
}
