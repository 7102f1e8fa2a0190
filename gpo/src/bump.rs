//! Raising a GPO's version though its policy files stay as they are.
//!
//! Windows takes a GPO whose version it knows for unchanged, whatever its files hold: one whose values somebody
//! deleted from the registry, whose files were copied in by hand, or whose extension list was incomplete when it
//! was applied. A higher version makes it read them again.

use admx::{Catalog, State};

use crate::bookkeeping::{self, Books, Directory, Needs, SideChange};
use crate::edit::{bytes_of, file_of, parse, refuse_twins, refuse_unsafe};
use crate::error::Error;
use crate::extensions::in_braces;
use crate::plan::Plan;
use crate::scope::Scope;
use crate::target::{Kind, Target};

/// What raising versions changes.
#[derive(Debug, Default)]
pub struct Bump {
    /// By side.
    pub sides: Vec<BumpedSide>,
    /// All files to replace.
    pub plan: Plan,
}

/// What changes of one side.
#[derive(Debug)]
pub struct BumpedSide {
    /// Whose policy.
    pub scope: Scope,
    /// How many records it has.
    pub records: usize,
    /// Version and extension list, wherever the target keeps them.
    pub books: Books,
}

/// Plans a higher version of a scope, or of both sides of a GPO as far as they have settings. Nothing is written.
///
/// The extension list is completed as by any other change: with what the side's policies need to be applied.
///
/// # Errors
///
/// [`Error::NoVersion`] for a policy file alone; else as [`plan_policy`](crate::edit::plan_policy).
pub fn plan(
    target: &Target,
    catalog: &Catalog,
    only: Option<&Scope>,
    directory: &Directory<'_>,
) -> Result<Bump, Error> {
    refuse_unsafe(target)?;
    if target.kind == Kind::Pol {
        return Err(Error::NoVersion(target.path.clone()));
    }
    let scopes = match only {
        Some(scope) => vec![scope.clone()],
        None => target.sides.iter().filter_map(|file| file.scope.clone()).collect(),
    };
    let (mut bump, mut directory) = (Bump { plan: Plan::within(&target.root()), ..Bump::default() }, directory.clone());
    for scope in scopes {
        let file = file_of(target, &scope)?;
        refuse_twins([Some(&file.file), file.gpt_ini.as_ref()])?;
        let policy = bytes_of(&file)?.map(|bytes| parse(&file, bytes)).transpose()?.unwrap_or_default();
        if policy.is_empty() && only.is_none() {
            continue;
        }
        let side = scope.side();
        let reading = catalog.read(side, &policy);
        let configured = reading.policies.iter().filter(|reading| reading.state != State::NotConfigured);
        let wanted = configured.flat_map(|reading| reading.policy.client_extensions()).map(in_braces).collect();
        let needs = Needs { catalog, wanted, gone: Vec::new() };
        let change = SideChange { file: &file, side, before: &policy, after: &policy, comments: false, anew: true };
        let books = bookkeeping::plan(target, &change, &needs, &directory, &mut bump.plan)?;
        if let Some(done) = books.directory.as_ref().filter(|done| done.known) {
            directory.planned = Some(done.after);
        }
        bump.sides.push(BumpedSide { scope, records: policy.len(), books });
    }
    bump.plan.check()?;
    Ok(bump)
}
