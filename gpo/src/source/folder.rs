//! GPOs in folders: their policy files, and what else lies beside them.

use std::path::Path;

use super::{Part, Source, SourceError, SourceKind};
use crate::contents;
use crate::edit;
use crate::exchange::lgpo::Scope;
use crate::target::{Kind, SideFile, Target, TargetSet};

/// Reads the policy files of a GPO that can be read, lists all of its files, and says what is wrong with the others.
pub(super) fn one(path: &Path, target: Target) -> Result<(Source, Vec<SourceError>), SourceError> {
    let mut source = Source::empty(SourceKind::Target(target.kind), path);
    let mut problems = Vec::new();
    for side in &target.sides {
        let Err(problem) = source.add_side(&target, side) else { continue };
        match &side.scope {
            Some(scope) => source.broken.push(Scope::from(scope)),
            None => return Err(problem),
        }
        problems.push(problem);
    }
    if source.parts.is_empty() && !problems.is_empty() {
        return Err(problems.swap_remove(0));
    }
    source.list(&target)?;
    still_there(&target)?;
    source.targets.push(target);
    Ok((source, problems))
}

/// As [`one`], of all GPOs that can be read, and what is wrong with the others.
pub(super) fn several(path: &Path, set: TargetSet) -> Result<(Source, Vec<SourceError>), SourceError> {
    let mut source = Source::empty(SourceKind::Target(set.kind), path);
    let mut problems: Vec<SourceError> = set.unreadable.into_iter().map(SourceError::from).collect();
    for target in &set.gpos {
        for side in &target.sides {
            problems.extend(source.add_side(target, side).err());
        }
        problems.extend(source.list(target).and_then(|()| still_there(target)).err());
    }
    source.targets = set.gpos;
    match source.parts.is_empty() && !problems.is_empty() {
        true => Err(problems.swap_remove(0)),
        false => Ok((source, problems)),
    }
}

fn still_there(target: &Target) -> Result<(), SourceError> {
    target.still_there().map_err(|source| SourceError::Io { path: target.path.clone(), source })
}

impl Source {
    fn add_side(&mut self, target: &Target, side: &SideFile) -> Result<(), SourceError> {
        if let Some(file) = edit::read_there(side)? {
            let part = Part::new(&side.file.path, side.scope.as_ref().map(Scope::from), file);
            let gpo = target.name.clone().or_else(|| target.guid.clone());
            self.parts.push(Part { gpo, guid: target.guid.clone(), folder: Some(target.path.clone()), ..part });
        }
        Ok(())
    }

    /// All files of the GPO; a policy file alone is none.
    fn list(&mut self, target: &Target) -> Result<(), SourceError> {
        let io = |source| SourceError::Io { path: target.path.clone(), source };
        if target.kind != Kind::Pol {
            self.contents.push(contents::of(target).map_err(io)?);
        }
        Ok(())
    }
}
