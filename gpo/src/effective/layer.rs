//! The GPOs of a result, in the order in which Windows applies them.

use std::path::PathBuf;

use admx::Side;
use polfile::PolicyFile;

use super::shared::{SharedFile, Sharing};
use crate::contents::{self, GpoFile};
use crate::error::Error;
use crate::filter::{Details, VersionFile};
use crate::gpt_ini::GptIni;
use crate::scan::{Content, Gpo, Problem, Read};
use crate::scope::Scope;
use crate::target::Kind;

/// A GPO, or the policy that a local GPO has for one group or user.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Which one.
    pub gpo: Gpo,
    /// The policy file of each side.
    pub computer: Option<SharedFile>,
    /// As above.
    pub user: Option<SharedFile>,
    /// Whose user policy it is; only per-user local GPOs differ from [`Scope::User`].
    pub scope: Scope,
    /// Sides that are switched off in `gpt.ini` or in Active Directory: nothing of them applies.
    pub off: Vec<Side>,
    /// What clients find in `gpt.ini`.
    pub ini: VersionFile,
    /// Why clients pass over it, or over a side of it.
    pub passed_over: Vec<PassedOver>,
    /// The link that brings it, for an order that comes from Active Directory.
    pub link: Option<LinkedFrom>,
    /// Files that set something, or may, and are no registry policy: nothing of them is in the result.
    pub overlooked: Vec<GpoFile>,
}

/// Why clients pass over a GPO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Of one side alone.
    pub side: Option<Side>,
    /// The reason in a word.
    pub why: &'static str,
    /// In a sentence.
    pub reason: String,
    /// The facts behind it.
    pub details: Details,
}

/// The link of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedFrom {
    /// Distinguished name of the container.
    pub container: String,
    /// Link order in it as GPMC counts: 1 wins.
    pub number: usize,
    /// Whether the link is enforced.
    pub enforced: bool,
}

impl Layer {
    /// Switches sides off, as Active Directory does.
    pub(super) fn switch_off(&mut self, sides: Vec<Side>) {
        self.off.extend(sides);
        self.off.sort_unstable();
        self.off.dedup();
    }

    /// The policy file of a side, unless the side is switched off, or clients pass over it.
    pub fn file(&self, side: Side) -> Option<&SharedFile> {
        self.own(side).filter(|_| !self.off.contains(&side) && !self.is_passed_over(side))
    }

    /// The policy file of a side, whatever becomes of it.
    fn own(&self, side: Side) -> Option<&SharedFile> {
        match side {
            Side::Computer => self.computer.as_ref(),
            Side::User => self.user.as_ref(),
        }
    }

    /// Whether a side has a record.
    pub(super) fn has_policy(&self, side: Side) -> bool {
        self.own(side).is_some_and(|file| !file.is_empty())
    }

    fn is_passed_over(&self, side: Side) -> bool {
        self.passed_over.iter().any(|reason| reason.side.is_none_or(|of| of == side))
    }

    /// Whether clients pass over all that it has.
    pub(super) fn is_nothing(&self) -> bool {
        let counts = |side| self.has_policy(side) && self.file(side).is_some();
        let whole = self.passed_over.iter().any(|reason| reason.side.is_none());
        whole || !self.passed_over.is_empty() && ![Side::Computer, Side::User].into_iter().any(counts)
    }

    /// The files that the result lacks, but for those of a side that is switched off.
    pub fn overlooked(&self) -> impl Iterator<Item = &GpoFile> {
        let is_off = |file: &GpoFile| file.scope.as_ref().is_some_and(|scope| self.off.contains(&scope.side()));
        self.overlooked.iter().filter(move |file| !is_off(file))
    }
}

/// The layers of a GPO as it was read: one, and one more for each per-user local GPO in it. What is malformed joins the problems.
pub(super) fn layers(read: Read, sharing: &Sharing) -> (Vec<Layer>, Vec<Problem>) {
    let Read { gpo, parts, gpt_ini, files: all_files, mut problems } = read;
    let mut files: Vec<(Option<Scope>, PathBuf, SharedFile)> = Vec::new();
    for part in parts.into_iter().filter(|part| part.content == Content::Policy) {
        if files.iter().any(|(scope, path, _)| *scope == part.scope && *path != part.path) {
            let (twin, path) = (part.path.clone(), gpo.path.clone());
            problems.push(Problem { error: Error::Twins { path, twin }, path: part.path });
            continue;
        }
        match PolicyFile::from_bytes(part.bytes) {
            Ok(file) => files.push((part.scope, part.path, sharing.keep(&file))),
            Err(error) => {
                let error = Error::Malformed { path: part.path.clone(), bytes: Vec::new(), error };
                problems.push(Problem { path: part.path, error });
            }
        }
    }
    let mut off: Vec<(Scope, Side)> = Vec::new();
    let is_ini = |problem: &&Problem| problem.path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("gpt.ini"));
    let ini = match (problems.iter().find(is_ini), gpt_ini.first()) {
        (Some(problem), _) => VersionFile::Unreadable(problem.error.to_string()),
        (None, first) => VersionFile::of(first.map(|(_, bytes)| bytes.clone())),
    };
    // Those of a domain GPO are in Active Directory.
    let is_of_domain = matches!(gpo.kind, Kind::GpoSysvol | Kind::GpoCached);
    for (scopes, bytes) in gpt_ini.into_iter().filter(|_| !is_of_domain) {
        let options = GptIni::parse(bytes).ok().and_then(|ini| ini.options()).unwrap_or_default();
        for scope in scopes {
            let bit = if scope.side() == Side::User { 1 } else { 2 };
            if options & bit != 0 {
                off.push((scope.clone(), scope.side()));
            }
        }
    }
    let layer = |scope: Scope| {
        let off = off.iter().filter(|(of, _)| *of == scope || (scope == Scope::User && *of == Scope::Computer));
        let off = off.map(|(_, side)| *side).collect();
        let (ini, passed_over) = (ini.clone(), Vec::new());
        let (gpo, overlooked) = (gpo.clone(), Vec::new());
        Layer { gpo, computer: None, user: None, scope, off, ini, passed_over, link: None, overlooked }
    };
    let mut layers = vec![layer(Scope::User)];
    for (scope, _, file) in files {
        match scope {
            None | Some(Scope::Computer) => layers[0].computer = Some(file),
            Some(Scope::User) => layers[0].user = Some(file),
            Some(other) => layers.push(Layer { user: Some(file), ..layer(other) }),
        }
    }
    for file in contents::overlooked(&all_files) {
        let whose = file.scope.as_ref().filter(|scope| scope.sid().is_some());
        let at = whose.map_or(Some(0), |whose| layers.iter().position(|layer| layer.scope == *whose));
        match at.and_then(|at| layers.get_mut(at)) {
            Some(layer) => layer.overlooked.push(file),
            // It has files and no policy file.
            None => layers.push(Layer { overlooked: vec![file.clone()], ..layer(file.scope.unwrap_or(Scope::User)) }),
        }
    }
    layers[1..].sort_by(|a, b| a.scope.cmp(&b.scope));
    (layers, problems)
}
