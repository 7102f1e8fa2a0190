//! Whether Windows will apply what a target configures, and every probe behind the answer.
//!
//! A policy file that is right changes nothing by itself: Windows reads it again only if its GPO's version
//! differs from the one it remembers, if the registry extension is listed, if the side is not switched
//! off, and if nothing keeps the Group Policy client from running. What cannot be seen from the
//! files, or is not documented, makes the answer uncertain; it is never guessed.

mod domain;
mod files;
mod machine;

use std::fmt;

use admx::Side;
use serde::Serialize;

use crate::ad::Snapshot;
use crate::contents::{self, GpoFile};
use crate::error::Error;
use crate::filter::Check;
use crate::image::Image;
use crate::scope::Scope;
use crate::show::TargetModel;
use crate::target::{Kind, Target};

pub(crate) use machine::{Memory, OtherGpo, always, applied, other_gpos};

/// Whether Windows will apply a target's policy: `gpol.doctor/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Doctor {
    /// Name of the shape.
    pub schema: &'static str,
    /// The target.
    pub target: TargetModel,
    /// When Windows would: `at the next boot`, `at the next logon`, or both.
    pub when: &'static str,
    /// The answer.
    pub verdict: Answer,
    /// What was looked at.
    pub probes: Vec<Probe>,
    /// Files of other extensions than that of registry policy, which the answer does not speak of.
    pub not_judged: Vec<GpoFile>,
}

/// Yes, no, or not to be known from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing stands against it.
    Yes,
    /// Something that decides cannot be seen, or is not documented.
    Uncertain,
    /// Something keeps Windows from it.
    No,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yes => "yes",
            Self::Uncertain => "uncertain",
            Self::No => "no",
        })
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What was looked at: a stable name.
    pub id: &'static str,
    /// `computer` or `user`, where it concerns one side.
    pub side: Option<&'static str>,
    /// Whose policy it concerns, where it concerns one side.
    pub scope: Option<Scope>,
    /// Whether it lets Windows apply the policy.
    pub answer: Answer,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether the next write of this policy takes it away, even one that has no setting to change.
    pub cured_by_write: bool,
}

/// Collects what the probes find.
#[derive(Debug, Default)]
struct Probes {
    list: Vec<Probe>,
    scope: Option<Scope>,
}

impl Probes {
    fn add(&mut self, id: &'static str, answer: Answer, found: impl Into<String>, help: Option<String>) {
        let (side, scope) = (self.scope.as_ref().map(|scope| scope.side().as_str()), self.scope.clone());
        self.list.push(Probe { id, side, scope, answer, found: found.into(), help, cured_by_write: false });
    }

    /// A "no" that the next write takes away; docs/doctor.md lists which do, and why the others do not.
    fn no_until_written(&mut self, id: &'static str, found: impl Into<String>, help: impl Into<String>) {
        self.no(id, found, help);
        if let Some(probe) = self.list.last_mut() {
            probe.cured_by_write = true;
        }
    }

    /// An "uncertain" that the next write takes away.
    fn uncertain_until_written(&mut self, id: &'static str, found: impl Into<String>, help: impl Into<String>) {
        self.add(id, Answer::Uncertain, found, Some(help.into()));
        if let Some(probe) = self.list.last_mut() {
            probe.cured_by_write = true;
        }
    }

    fn yes(&mut self, id: &'static str, found: impl Into<String>) {
        self.add(id, Answer::Yes, found, None);
    }

    fn uncertain(&mut self, id: &'static str, found: impl Into<String>) {
        self.add(id, Answer::Uncertain, found, None);
    }

    fn no(&mut self, id: &'static str, found: impl Into<String>, help: impl Into<String>) {
        self.add(id, Answer::No, found, Some(help.into()));
    }

    /// What was asked of a domain GPO.
    fn check(&mut self, check: Check) {
        let help = Some(check.help).filter(|help| !help.is_empty());
        self.add(check.probe, check.answer, check.found, help);
    }
}

/// Asks whether Windows will apply what a target configures, of all scopes or of one alone.
///
/// # Errors
///
/// If the system refuses to read a file, or the target has no place for the scope. A file that is damaged is an answer, not an error.
pub fn doctor(target: &Target, only: Option<&Scope>) -> Result<Doctor, Error> {
    doctor_with(target, only, None)
}

/// As [`doctor`], with an export of Active Directory, which has the other half of domain GPOs.
///
/// # Errors
///
/// As [`doctor`].
pub fn doctor_with(target: &Target, only: Option<&Scope>, snapshot: Option<&Snapshot>) -> Result<Doctor, Error> {
    let image = match target.kind {
        Kind::Pol | Kind::GpoBackup | Kind::BackupSet => None,
        _ => image_of(target)?,
    };
    examine(target, only, image.as_ref(), snapshot)
}

/// As [`doctor_with`], with the hives of the installation already read.
pub(crate) fn examine(
    target: &Target,
    only: Option<&Scope>,
    image: Option<&Image>,
    snapshot: Option<&Snapshot>,
) -> Result<Doctor, Error> {
    let mut probes = Probes::default();
    let contents = contents::of(target).map_err(|source| Error::Io { path: target.path.clone(), source })?;
    let is_asked = |file: &&GpoFile| only.is_none_or(|scope| file.is_of(scope));
    let not_judged = contents::overlooked(contents.files.iter().filter(is_asked));
    match target.kind {
        Kind::Pol => probes
            .uncertain("target", "a policy file alone: whether Windows reads it depends on the GPO that it belongs to"),
        Kind::GpoBackup | Kind::BackupSet => probes.no(
            "target",
            "a GPO backup: Windows never applies one",
            "import it into a GPO (Import-GPO, or Import Settings in the Group Policy Management Console)",
        ),
        Kind::GpoSysvol | Kind::GpoCached => domain::probe(target, only, snapshot, &not_judged, &mut probes)?,
        _ => {
            let configured = files::probe(target, only, &not_judged, &mut probes)?;
            if let Some(image) = image {
                machine::probe(image, &configured, &mut probes);
            } else {
                elsewhere(target.kind, &mut probes);
            }
        }
    }
    let verdict = probes.list.iter().map(|probe| probe.answer).max().unwrap_or(Answer::Yes);
    let when = match only.map(Scope::side) {
        Some(Side::Computer) => "at the next boot",
        Some(Side::User) => "at the next logon",
        None => "at the next boot and logon",
    };
    let (schema, target) = ("gpol.doctor/1", TargetModel::new(target));
    Ok(Doctor { schema, target, when, verdict, probes: probes.list, not_judged })
}

/// What decides as well and is not in the target.
fn elsewhere(kind: Kind, probes: &mut Probes) {
    match kind {
        Kind::Sysvol => probes.uncertain("directory", domain::ELSEWHERE),
        _ => probes.uncertain(
            "machine",
            "the registry of the machine is not here: which version Windows applied last, and whether its \
             Group Policy client runs, is not known",
        ),
    }
}

/// The hives of the installation that the target is or lies in.
pub(crate) fn image_of(target: &Target) -> Result<Option<Image>, Error> {
    let io = |source| Error::Io { path: target.path.clone(), source };
    match target.windows_folder().map_err(io)? {
        Some(windows) => Image::open(&windows).map(Some).map_err(io),
        None => Ok(None),
    }
}
