//! What a path is, why, what belongs to it: the whole of what recognising a target knows.

use std::path::Path;

use serde::Serialize;

use crate::ad::Snapshot;
use crate::contents::{self, GpoFile};
use crate::place::find;
use crate::scope::Scope;
use crate::show::{VersionModel, version_of};
use crate::target::{
    Finding, Hibernation, ImageFormat, Kind, Misplaced, Opened, Probe, SideFile, Target, TargetError, Trail,
    open_noting,
};

/// What one path is.
#[derive(Debug, Serialize)]
pub struct Detection {
    /// As it was given.
    pub path: String,
    /// What it is; `null` if that is not known.
    pub kind: Option<Kind>,
    /// What people call it, or why it is nothing.
    pub what: String,
    /// GUID of a domain GPO.
    pub guid: Option<String>,
    /// Display name of a GPO, where a backup or an export of Active Directory holds it.
    pub name: Option<String>,
    /// The counters in its `gpt.ini`.
    pub version: Option<VersionModel>,
    /// The policy files that are or would be there.
    pub sides: Vec<SideModel>,
    /// The templates that belong to it.
    pub store: Option<String>,
    /// The registry hives of a Windows installation.
    pub hives: Vec<String>,
    /// Folders of domain GPOs in a Windows installation: a domain controller's SYSVOL, a client's cache.
    pub domain: Vec<String>,
    /// All its files, each with its role.
    pub files: Vec<GpoFile>,
    /// The GPOs in a folder of several.
    pub gpos: Vec<GpoModel>,
    /// Format of a disk image.
    pub image: Option<ImageFormat>,
    /// Whether it can be written, as far as the files tell; `null` where that is no question.
    pub writable: Option<Writable>,
    /// What is wrong with its folders.
    pub findings: Vec<Finding>,
    /// Folders in it that cannot be read, and why; there may be more GPOs in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// What was looked for, in order.
    pub trail: Vec<Probe>,
    /// Why it is no target, for the words that go with it.
    #[serde(skip)]
    pub error: Option<TargetError>,
}

/// A policy file of a target.
#[derive(Debug, Serialize)]
pub struct SideModel {
    /// Whose policy; `null` for a bare policy file whose folder does not tell.
    pub scope: Option<Scope>,
    /// The policy file.
    pub file: String,
    /// Whether it is there.
    pub exists: bool,
    /// Where its `gpt.ini` is or would be.
    pub gpt_ini: Option<String>,
    /// The counter of this side in it; `null` if there is none, or it cannot be read.
    pub version: Option<u16>,
}

/// One GPO of several.
#[derive(Debug, Serialize)]
pub struct GpoModel {
    /// What it is.
    pub kind: Kind,
    /// Its folder.
    pub path: String,
    /// Its GUID.
    pub guid: Option<String>,
    /// Its display name, where a backup or an export of Active Directory holds it.
    pub name: Option<String>,
    /// Files that set something, or may, and are no registry policy.
    pub not_looked_at: Vec<GpoFile>,
}

/// Whether a target can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writable {
    /// Nothing is known against it.
    Yes,
    /// A client's cache, which Windows overwrites.
    NoCache,
    /// Windows is hibernated.
    NoHibernated,
    /// `hiberfil.sys` has a header that is neither empty nor the usual one.
    Uncertain,
    /// Entries that differ only by case; only the sides that they concern.
    NoTwins,
}

/// Finds out what a path is. Names of domain GPOs come from a snapshot, if there is one.
pub fn detect(path: &Path, snapshot: Option<&Snapshot>) -> Detection {
    let mut trail = Trail::default();
    let mut opened = open_noting(path, &mut trail);
    if let Ok(opened) = &mut opened {
        opened.take_names(snapshot);
    }
    let mut found = Detection {
        path: path.display().to_string(),
        kind: None,
        what: String::new(),
        guid: None,
        name: None,
        version: None,
        sides: Vec::new(),
        store: None,
        hives: Vec::new(),
        domain: Vec::new(),
        files: Vec::new(),
        gpos: Vec::new(),
        image: None,
        writable: None,
        findings: Vec::new(),
        unreadable: Vec::new(),
        trail: trail.into_probes(),
        error: None,
    };
    match opened {
        Ok(Opened::One(target)) => found.of_target(target),
        Ok(Opened::Several(set)) => {
            found.kind = Some(set.kind);
            found.what = format!("{}: {} of them", set.kind.name(), set.gpos.len());
            found.unreadable = set.unreadable.iter().map(ToString::to_string).collect();
            found.store = set.gpos.iter().find_map(|gpo| gpo.store.as_ref()).map(|store| store.display().to_string());
            for gpo in set.gpos {
                let not_looked_at = contents::overlooked(&found.files_of(&gpo));
                let path = gpo.path.display().to_string();
                found.findings.extend(gpo.findings);
                found.gpos.push(GpoModel { kind: gpo.kind, path, guid: gpo.guid, name: gpo.name, not_looked_at });
            }
        }
        Err(error) => found.of_error(error),
    }
    found
}

impl Detection {
    /// Whether gpol knows what it is.
    pub fn recognised(&self) -> bool {
        self.kind.is_some()
    }

    fn of_target(&mut self, target: Target) {
        let begins = |with: &[u8]| begins(&target.path, with);
        if target.kind == Kind::Pol && !begins(b"PReg\x01\0\0\0") {
            let why = match begins(b"PReg") {
                true => "it begins like a policy file, and its header is that of none",
                false => "it has no signature of a policy file",
            };
            self.what = format!("nothing that gpol knows; {why}");
            return;
        }
        (self.kind, self.what) = (Some(target.kind), target.kind.name().to_owned());
        self.hives = in_windows(&target, &[&["System32", "config", "SOFTWARE"], &["System32", "config", "SYSTEM"]]);
        self.domain = in_windows(&target, &[&["SYSVOL"], &["System32", "GroupPolicy", "DataStore"]]);
        self.writable = Some(writable(&target));
        self.version = target.sides.first().and_then(|side| version_of(side).ok()?).map(VersionModel::from);
        self.sides = target.sides.iter().map(SideModel::new).collect();
        self.files = self.files_of(&target);
        self.store = target.store.map(|store| store.display().to_string());
        (self.guid, self.name, self.findings) = (target.guid, target.name, target.findings);
    }

    /// The files of a GPO; if its folder cannot be listed, that is told.
    fn files_of(&mut self, target: &Target) -> Vec<GpoFile> {
        contents::of(target).map(|contents| contents.files).unwrap_or_else(|error| {
            self.unreadable.push(format!("{}: {error}", target.path.display()));
            Vec::new()
        })
    }

    fn of_error(&mut self, error: TargetError) {
        match &error {
            TargetError::Other { kind, .. } => (self.kind, self.what) = (Some(*kind), kind.name().to_owned()),
            TargetError::DiskImage { format, .. } => {
                (self.kind, self.what, self.image) = (Some(Kind::DiskImage), format.name().to_owned(), Some(*format));
            }
            TargetError::Misplaced { is, .. } => self.what = in_words(is),
            TargetError::NotFound(_) => self.what = "nothing is there".to_owned(),
            TargetError::Io { source, .. } => self.what = format!("it cannot be read: {source}"),
            other => self.what = other.to_string(),
        }
        self.error = Some(error);
    }
}

impl SideModel {
    fn new(file: &SideFile) -> Self {
        let version = version_of(file).ok().flatten();
        Self {
            scope: file.scope.clone(),
            file: file.file.path.display().to_string(),
            exists: file.file.path.exists(),
            gpt_ini: file.gpt_ini.as_ref().map(|ini| ini.path.display().to_string()),
            version: version.zip(file.side()).map(|(version, side)| version.of(side)),
        }
    }
}

fn begins(path: &Path, with: &[u8]) -> bool {
    use std::io::Read as _;
    let mut head = vec![0; with.len()];
    admx::file::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == with
}

/// Those of these entries of the Windows folder that are there.
fn in_windows(target: &Target, entries: &[&[&str]]) -> Vec<String> {
    if target.kind != Kind::Windows {
        return Vec::new();
    }
    let Ok(Some(windows)) = target.windows_folder() else { return Vec::new() };
    let found = entries.iter().filter_map(|names| find(&windows, names).ok()?);
    found.map(|found| found.path.display().to_string()).collect()
}

fn writable(target: &Target) -> Writable {
    match target.hibernation() {
        _ if target.is_cached() => Writable::NoCache,
        Ok(Hibernation::Active(_)) => Writable::NoHibernated,
        _ if target.findings.iter().any(|finding| finding.code == "GPT012") => Writable::NoTwins,
        Ok(Hibernation::Unclear(_)) => Writable::Uncertain,
        _ => Writable::Yes,
    }
}

fn in_words(is: &Misplaced) -> String {
    match is {
        Misplaced::Empty => "an empty folder; is a volume to be mounted there?".to_owned(),
        Misplaced::HoldsImage(image, format) => {
            format!("a folder with a {}, which is not mounted: {}", format.name(), image.display())
        }
        Misplaced::BootPartition => "a partition that a computer boots from; Windows is on another one".to_owned(),
        Misplaced::RecoveryPartition => "a recovery partition; Windows is on another one".to_owned(),
        Misplaced::LinuxRoot(_) => "the root of a Linux system".to_owned(),
        Misplaced::TooHigh(below) => format!("one folder too high: {} is a target", below.display()),
        Misplaced::TooDeep(above) => format!("a part of the target {}", above.display()),
        Misplaced::Unknown => "nothing that gpol knows".to_owned(),
    }
}
