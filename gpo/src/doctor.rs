//! Whether Windows will apply what a target configures, and every probe behind the answer.
//!
//! A policy file that is right changes nothing by itself: Windows reads it again only if its GPO's version
//! differs from the one it remembers, if the registry extension is listed, if the side is not switched
//! off, and if nothing keeps the Group Policy client from running. What cannot be seen from the
//! files, or is not documented, makes the answer uncertain; it is never guessed.

mod files;
mod machine;

use std::fmt;

use admx::Side;
use serde::Serialize;

use crate::contents::{self, GpoFile};
use crate::error::Error;
use crate::image::Image;
use crate::scope::Scope;
use crate::show::TargetModel;
use crate::target::{Kind, Target};

pub(crate) use machine::other_gpos;

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
        self.list.push(Probe { id, side, scope, answer, found: found.into(), help });
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
}

/// Asks whether Windows will apply what a target configures, of all scopes or of one alone.
///
/// # Errors
///
/// If the system refuses to read a file, or the target has no place for the scope. A file that is damaged is an answer, not an error.
pub fn doctor(target: &Target, only: Option<&Scope>) -> Result<Doctor, Error> {
    let image = match target.kind {
        Kind::Pol | Kind::GpoBackup | Kind::BackupSet => None,
        _ => image_of(target)?,
    };
    examine(target, only, image.as_ref())
}

/// As [`doctor`], with the hives of the installation already read.
pub(crate) fn examine(target: &Target, only: Option<&Scope>, image: Option<&Image>) -> Result<Doctor, Error> {
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
        Kind::GpoSysvol | Kind::GpoCached | Kind::Sysvol => probes.uncertain(
            "directory",
            "a domain GPO: its version, its extension lists, its links and filters are in Active Directory",
        ),
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
