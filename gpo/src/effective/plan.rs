//! Which GPOs count, and in which order.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::judge::{Ended, WithoutFile};
use super::layer::{Layer, layers};
use super::shared::Sharing;
use crate::ad::Snapshot;
use crate::filter::Details;
use crate::scan::{self, Gpo, Progress, Wanted};
use crate::scope::Scope;
use crate::search::Unreadable;
use crate::show::TargetModel;
use crate::target::{Kind, TargetError};

/// The GPOs that count, weakest first, and what is to be said of that.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order in which Windows applies them.
    pub layers: Vec<Layer>,
    /// What counts for nothing.
    pub left_out: Vec<LeftOutModel>,
    /// What was taken for granted.
    pub assumed: Vec<String>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Where clients end their application of policy.
    pub(super) ended: Vec<Ended>,
    /// What was taken for granted of single GPOs, until all are known.
    pub(super) granted: Vec<(String, Vec<String>)>,
}

/// A GPO that counts for nothing.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOutModel {
    /// Which one; `null` where only Active Directory knows it.
    pub gpo: Option<TargetModel>,
    /// What people know it by.
    pub name: String,
    /// `computer` or `user`, where the other side counts, or has nothing.
    pub side: Option<&'static str>,
    /// Why, in a word that stays the same: `link-disabled`, `inheritance-blocked`, `denied`, `not-in-directory`, `gpt-ini`,
    /// `application-ended`, `functionality-version`, `side-disabled`, `version-zero`, `extension-not-listed`,
    /// `extension-out-of-sequence`, `not-linked`, `not-in-order` or `other-scope`.
    pub why: &'static str,
    /// Why, in a sentence.
    pub reason: String,
    /// The facts behind it: attributes, what they hold, containers.
    pub details: Details,
}

/// Why there is no order.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A target is none.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A place that the snapshot does not know.
    #[error("the export of Active Directory has no {dn}")]
    NotInSnapshot {
        /// Its distinguished name.
        dn: String,
    },
    /// A `gPLink` that is none.
    #[error("line {line}: gPLink of {dn} is not [LDAP://…;options]: {text:?}")]
    Link {
        /// Whose.
        dn: String,
        /// Line of the entry, counted from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// One that is denied means several.
    #[error("{} GPOs that are linked here have the GUID or name \"{name}\"", dns.len())]
    Denied {
        /// What was said.
        name: String,
        /// Their distinguished names.
        dns: Vec<String>,
    },
    /// A line of an order means no GPO.
    #[error("line {line}: no GPO here has the path, GUID or name \"{name}\"")]
    Unknown {
        /// Line, counted from 1.
        line: usize,
        /// What stands there.
        name: String,
    },
    /// A line of an order means several.
    #[error("line {line}: {count} GPOs here have the GUID or name \"{name}\"")]
    Ambiguous {
        /// Line, counted from 1.
        line: usize,
        /// What stands there.
        name: String,
        /// How many.
        count: usize,
    },
}

/// Reads the GPOs of the targets, weakest first: as the targets are given, or as the lines of `order` name them.
///
/// A snapshot of Active Directory gives domain GPOs their names, by which `order` may call them, and says which of their
/// sides are switched off. `users` says whose per-user local GPOs count, besides what is for all users.
///
/// # Errors
///
/// [`PlanError`].
pub fn read(
    targets: &[PathBuf],
    order: Option<&str>,
    snapshot: Option<&Snapshot>,
    users: &[Scope],
    progress: &Progress,
) -> Result<Plan, PlanError> {
    let wanted = Wanted { settings: false, gpt_ini: true, files: true };
    let (mut plan, sharing) = (Plan::default(), Sharing::default());
    let mut gpos: Vec<Vec<Layer>> = Vec::new();
    for target in targets {
        let found = scan::scan(std::slice::from_ref(target), wanted, progress, |mut read| {
            read.gpo.take_name(snapshot);
            let gpo = read.gpo.clone();
            let (layers, problems) = layers(read, &sharing);
            let unreadable: Vec<Unreadable> = problems.iter().map(|problem| Unreadable::new(&gpo, problem)).collect();
            (layers, unreadable)
        })?;
        if found.len() > 1 && order.is_none() {
            let text = format!("the {} GPOs in {} apply in the order of their paths", found.len(), target.display());
            plan.assumed.push(text);
        }
        for (layers, unreadable) in found {
            gpos.push(layers);
            plan.unreadable.extend(unreadable);
        }
    }
    if let Some(order) = order {
        gpos = sorted(gpos, order, &mut plan)?;
    }
    for mut layer in gpos.into_iter().flatten() {
        let Gpo { kind, guid, path, .. } = &layer.gpo;
        let object = snapshot.and_then(|snapshot| snapshot.gpo_in(*kind, guid.as_deref(), path));
        plan.judge(&mut layer, object.as_ref(), WithoutFile::Assumed);
        plan.add(layer, users);
    }
    plan.assume_for_domains(snapshot);
    plan.settle();
    Ok(plan)
}

/// The GPOs that the lines name, in their order. The rest is left out.
fn sorted(gpos: Vec<Vec<Layer>>, order: &str, plan: &mut Plan) -> Result<Vec<Vec<Layer>>, PlanError> {
    let is_meant = |layers: &Vec<Layer>, name: &str| layers.first().is_some_and(|layer| is_called(&layer.gpo, name));
    let (sorted, left) = by_lines(gpos, order, is_meant)?;
    for layer in left.iter().filter_map(|layers| layers.first()) {
        plan.leave_out(&layer.gpo, "not-in-order", "the order does not name it");
    }
    Ok(sorted)
}

/// Those of several things that the lines of a text name, in their order, and the rest. Lines that are empty or begin with
/// `#` say nothing.
///
/// # Errors
///
/// [`PlanError`] if a line means none of them, or several.
pub fn by_lines<T>(
    all: Vec<T>,
    order: &str,
    is_meant: impl Fn(&T, &str) -> bool,
) -> Result<(Vec<T>, Vec<T>), PlanError> {
    let mut left: Vec<Option<T>> = all.into_iter().map(Some).collect();
    let mut sorted = Vec::new();
    for (text, line) in order.lines().zip(1..) {
        let name = text.trim().trim_start_matches('\u{FEFF}');
        if name.is_empty() || name.starts_with('#') {
            continue;
        }
        let meant = left.iter().enumerate().filter(|(_, one)| one.as_ref().is_some_and(|one| is_meant(one, name)));
        let meant: Vec<usize> = meant.map(|(at, _)| at).collect();
        match *meant {
            [at] => sorted.extend(left[at].take()),
            [] => return Err(PlanError::Unknown { line, name: name.to_owned() }),
            _ => return Err(PlanError::Ambiguous { line, name: name.to_owned(), count: meant.len() }),
        }
    }
    Ok((sorted, left.into_iter().flatten().collect()))
}

pub(super) fn is_called(gpo: &Gpo, name: &str) -> bool {
    is_gpo(gpo.guid.as_deref(), gpo.name.as_deref(), &gpo.path, name)
}

/// Whether a GPO is meant by its GUID with or without braces, its display name, or its path.
pub fn is_gpo(guid: Option<&str>, own: Option<&str>, path: &Path, name: &str) -> bool {
    let bare = |text: &str| text.trim_start_matches('{').trim_end_matches('}').to_ascii_lowercase();
    let by_guid = guid.is_some_and(|guid| bare(guid) == bare(name));
    let by_name = own.is_some_and(|own| own.trim().eq_ignore_ascii_case(name));
    by_guid || by_name || path == Path::new(name) || path.ends_with(name)
}

impl Plan {
    pub(super) fn leave_out(&mut self, gpo: &Gpo, why: &'static str, reason: &str) {
        self.left_out.push(LeftOutModel {
            gpo: Some(gpo.into()),
            name: title(gpo),
            side: None,
            why,
            reason: reason.to_owned(),
            details: Details::new(),
        });
    }

    /// Adds a layer, unless it is that of a group or user who is not asked for.
    pub(super) fn add(&mut self, layer: Layer, users: &[Scope]) {
        match &layer.scope {
            Scope::User | Scope::Computer => self.layers.push(layer),
            scope if users.contains(scope) => self.layers.push(layer),
            scope => {
                let reason = format!("it is the policy of {scope} alone; --as {} takes it in", as_argument(scope));
                self.leave_out(&layer.gpo, "other-scope", &reason);
            }
        }
    }

    /// What the files of a domain GPO do not tell.
    fn assume_for_domains(&mut self, snapshot: Option<&Snapshot>) {
        let domain = |layer: &&Layer| is_of_domain(&layer.gpo);
        let is_known = |Gpo { kind, guid, path, .. }: &Gpo| {
            snapshot.is_some_and(|snapshot| snapshot.gpo_in(*kind, guid.as_deref(), path).is_some())
        };
        if self.layers.iter().any(|layer| domain(&layer)) {
            let sides = match self.layers.iter().filter(domain).all(|layer| is_known(&layer.gpo)) {
                true => "",
                false => {
                    "no side is switched off, functionality version 2, the Registry extension in the lists of both sides, "
                }
            };
            self.assumed.push(format!(
                "of domain GPOs: each is linked, {sides}all security filters pass, all WMI filters are true (Active Directory knows)"
            ));
        }
        if self.layers.iter().any(|layer| !domain(&layer) && !layer.off.is_empty()) {
            let bits = "Options in a local gpt.ini has the bits that flags has in Active Directory (1 user, 2 computer): unverified";
            self.assumed.push(bits.to_owned());
        }
        if self.layers.iter().any(|layer| layer.gpo.kind == Kind::Windows) {
            self.assumed.push("no domain GPOs and no MDM beside the local GPO".to_owned());
        }
    }
}

/// Whether a domain links it, or would if it were no backup.
pub(super) fn is_of_domain(gpo: &Gpo) -> bool {
    matches!(gpo.kind, Kind::GpoSysvol | Kind::GpoBackup | Kind::GpoCached)
}

/// What stands behind `--as`.
pub fn as_argument(scope: &Scope) -> String {
    scope.to_string().trim_start_matches("user:").to_owned()
}

/// What people know a GPO by: its name, else its path.
pub fn title(gpo: &Gpo) -> String {
    gpo.name.clone().unwrap_or_else(|| gpo.path.display().to_string())
}
