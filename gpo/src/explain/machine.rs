//! What an installation says of a policy: the values that have been applied, the local setting, the default.

use std::collections::HashSet;

use admx::Side;
use polfile::{Folded, PolicyFile, Record, ValueType};
use serde::Serialize;

use super::archive::{Archive, Noted};
use super::cached::{self, Cached};
use super::subject::Subject;
use crate::doctor::{Answer, Doctor, Memory, OtherGpo, always, examine, image_of, other_gpos};
use crate::edit::file_of;
use crate::error::Error;
use crate::facts::Fallback;
use crate::gpt_ini::GptIni;
use crate::image::{HiveName, Image, ImageError, RegistryValue, When, stale};
use crate::plan::read_if_there;
use crate::scope::Scope;
use crate::target::Target;

/// An installation, its hives read.
#[derive(Debug)]
pub(super) struct Machine {
    image: Image,
    archive: Archive,
    /// What it is.
    pub about: ImageModel,
    /// Whether Windows will apply what is pending on the computer side, and what stands against it.
    pub applies: (Answer, Option<String>),
    /// What the Group Policy client may do at the next boot: at least one thing.
    pub runs: Vec<Run>,
    /// Why it may do several, where doctor has nothing against it.
    pub memory: String,
    /// GPOs besides the local one that were applied to the computer last.
    pub other_gpos: Vec<OtherGpo>,
    /// Copies of domain GPOs; or why they cannot be listed.
    pub cached: Result<Vec<Cached>, String>,
}

/// What the Group Policy client does with the computer side of the local GPO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// It applies it.
    Applies,
    /// Nothing: it takes the GPO for unchanged, or does not run.
    Skips,
    /// It runs, and does not apply the local GPO: what it applied before may go.
    Without,
}

/// What the client may do: `doctor`'s answer, and whether the version is one that it has applied already.
fn runs(doctor: &Doctor, memory: &Memory, always: Option<bool>) -> Vec<Run> {
    let says = |id, answer| doctor.probes.iter().any(|probe| probe.id == id && probe.answer == answer);
    if says("service", Answer::No) {
        return vec![Run::Skips];
    }
    match (memory, always) {
        (Memory::Same, Some(false)) => return vec![Run::Skips],
        (Memory::Same, None) => return vec![Run::Applies, Run::Skips],
        _ => {}
    }
    match (doctor.verdict, memory) {
        (Answer::No, _) => vec![Run::Without],
        (Answer::Yes, Memory::Nothing | Memory::Other(..) | Memory::Same) => vec![Run::Applies],
        // What is not certain of these would keep the local GPO out, and not the client from running.
        (Answer::Uncertain, _)
            if ["local-processing", "gpt-ini", "side-enabled", "extension"]
                .iter()
                .any(|probe| says(probe, Answer::Uncertain)) =>
        {
            vec![Run::Applies, Run::Skips, Run::Without]
        }
        (Answer::Yes | Answer::Uncertain, _) => vec![Run::Applies, Run::Skips],
    }
}

/// The version of the computer side in `gpt.ini`; why it is not known, else.
fn version_of(target: &Target) -> Result<u16, String> {
    let file = file_of(target, &Scope::Computer).map_err(|error| error.to_string())?;
    let place = file.gpt_ini.ok_or("it has no gpt.ini")?;
    let bytes = read_if_there(&place.path).map_err(|error| format!("{}: {error}", place.path.display()))?;
    let ini = GptIni::parse(bytes.ok_or("there is no gpt.ini")?).map_err(|error| format!("gpt.ini: {error}"))?;
    Ok(ini.version().ok_or("gpt.ini has no Version")?.of(Side::Computer))
}

/// An installation in the JSON contract. What its hives do not tell is `null`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ImageModel {
    /// `Windows 11 Enterprise`.
    pub product: Option<String>,
    /// `Enterprise`.
    pub edition: Option<String>,
    /// `26100`.
    pub build: Option<u32>,
    /// `Client`, `Server` or `Server Core`.
    pub installation: Option<String>,
    /// The control sets that count.
    pub control_set: ControlSets,
    /// Hives whose last write did not come to its end, so that their logs had to complete them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dirty_hives: Vec<&'static str>,
}

/// Numbers of control sets.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ControlSets {
    /// Of the last boot: `Select\Current`.
    pub now: Option<u32>,
    /// Of the next boot: `Select\Default`.
    pub next_boot: Option<u32>,
}

/// Values of a policy that are in the registry.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// As records, under the keys that the policy names.
    pub file: PolicyFile,
    /// The values, in the order of the records.
    pub values: Vec<(RegistryValue, Noted)>,
    /// Why they may be old.
    pub doubt: Option<String>,
}

impl Machine {
    /// The installation that a target is, or lies in.
    pub(super) fn open(target: &Target) -> Result<Option<Self>, Error> {
        let io = |source| Error::Io { path: target.path.clone(), source };
        let Some(image) = image_of(target)? else { return Ok(None) };
        let Some(windows) = target.windows_folder().map_err(io)? else { return Ok(None) };
        let (archive, cached) = (Archive::open(&windows), cached::all(&windows));
        let doctor = examine(target, Some(&Scope::Computer), Some(&image), None)?;
        let against =
            doctor.probes.iter().filter(|probe| probe.answer == doctor.verdict && probe.answer != Answer::Yes);
        let against = against.map(|probe| probe.found.clone()).next();
        let about = ImageModel::of(&image);
        let other_gpos = other_gpos(&image);
        let memory = match version_of(target) {
            Ok(version) => Memory::of(&image, version),
            Err(why) => Memory::Unknown(why),
        };
        let runs = runs(&doctor, &memory, always(&image).ok());
        let memory = match memory {
            Memory::Unknown(why) => format!("whether it is changed is not known ({why})"),
            _ => "whether Windows is told to apply what is unchanged is not known".to_owned(),
        };
        Ok(Some(Self { image, archive, about, applies: (doctor.verdict, against), runs, memory, other_gpos, cached }))
    }

    /// Names of the GPOs besides the local one that were applied last.
    pub(super) fn other_gpo_names(&self) -> Vec<String> {
        self.other_gpos.iter().map(|gpo| gpo.name.clone()).collect()
    }

    /// Names of those of which no copy is here that can be read.
    pub(super) fn unseen_gpos(&self) -> Vec<String> {
        let is_here = |gpo: &&OtherGpo| self.cached().any(|(cached, _)| gpo.is(&cached.gpo, cached.domain.as_deref()));
        let unreadable = self.cached.iter().flatten().filter(|cached| cached.file.is_err());
        let unseen = self.other_gpos.iter().filter(|gpo| !is_here(gpo)).map(|gpo| gpo.name.clone());
        let mut names: Vec<String> = unseen.chain(unreadable.map(|cached| cached.gpo.clone())).collect();
        names.dedup();
        names
    }

    /// Copies of domain GPOs that can be read.
    pub(super) fn cached(&self) -> impl Iterator<Item = (&Cached, &PolicyFile)> {
        self.cached.iter().flatten().filter_map(|cached| Some((cached, cached.file.as_ref().ok()?)))
    }

    /// Whether now and next boot may find other values at a place: in control sets that differ.
    pub(super) fn differs(&self, key: &str) -> bool {
        let sets = &self.about.control_set;
        let prefix = r"SYSTEM\CurrentControlSet";
        sets.now != sets.next_boot && key.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }

    /// The values that are explained, as they stand in the registry. Others of the same keys
    /// come along: what a record means may depend on those beside it.
    pub(super) fn applied(&self, subject: Subject<'_>, when: When) -> Result<Applied, ImageError> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let mut doubt = None;
        let mut add = |key: &str, value: RegistryValue| {
            if seen.insert((Folded::from(key), Folded::from(&*value.name))) {
                found.push((key.to_owned(), value));
            }
        };
        for (key, name) in subject.values() {
            if let Some(value) = self.image.value(key, name, when)? {
                add(key, value);
            }
            for value in self.image.values(key, when).unwrap_or_default() {
                add(key, value);
            }
            doubt = doubt.or_else(|| self.doubt(key));
        }
        for key in subject.list_keys() {
            for value in self.image.values(key, when)? {
                add(key, value);
            }
            doubt = doubt.or_else(|| self.doubt(key));
        }
        let mut applied = Applied { doubt, ..Applied::default() };
        let notes = self.archive.notes();
        for (key, value) in found {
            let value_type = ValueType(value.value_type.0);
            let record = Record::new((&*key).into(), (&*value.name).into(), value_type, value.data.clone());
            // A name that begins with ** would be a directive in a policy file; in the registry it is a name.
            let Some(record) = record.ok().filter(|record| record.as_ref().action() == polfile::Action::Set) else {
                continue;
            };
            applied.file.push(record.as_ref());
            let noted = notes.of(&key, &value);
            applied.values.push((value, noted));
        }
        Ok(applied)
    }

    /// One value.
    pub(super) fn value(&self, key: &str, name: &str, when: When) -> Result<Option<RegistryValue>, ImageError> {
        self.image.value(key, name, when)
    }

    /// Whether a key is there.
    pub(super) fn has_key(&self, key: &str, when: When) -> Result<bool, ImageError> {
        let (above, name) = key.rsplit_once('\\').unwrap_or(("", key));
        Ok(self.image.subkeys(above, when)?.iter().any(|other| other.eq_ignore_ascii_case(name)))
    }

    /// Why what stands at a place may be old.
    pub(super) fn doubt(&self, key: &str) -> Option<String> {
        let hive = [HiveName::Software, HiveName::System]
            .into_iter()
            .find(|hive| key.split('\\').next().is_some_and(|first| first.eq_ignore_ascii_case(hive.as_str())))?;
        let (name, _, hive) = self.image.hives().find(|(name, ..)| *name == hive)?;
        let why = stale(hive.ok()?)?;
        Some(format!("the {} hive may be old: {why}", name.as_str()))
    }

    /// The first default that holds for this installation.
    pub(super) fn fallback<'f>(&self, defaults: &'f [Fallback]) -> Option<&'f Fallback> {
        let about = &self.about;
        defaults.iter().find(|default| {
            let build = default.from_build.is_none_or(|first| about.build.is_some_and(|build| build >= first));
            let kind = default.installation.as_deref().is_none_or(|kind| {
                about.installation.as_deref().is_some_and(|installation| installation.starts_with(kind))
            });
            build && kind
        })
    }
}

impl ImageModel {
    fn of(image: &Image) -> Self {
        let text = |name| {
            let value = image.value(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion", name, When::NextBoot);
            value.ok().flatten().and_then(|value| value.text())
        };
        let build = text("CurrentBuild").or_else(|| text("CurrentBuildNumber")).and_then(|text| text.parse().ok());
        let installation = text("InstallationType");
        let is_client = installation.as_deref() == Some("Client");
        // Windows 11 still calls itself Windows 10 there.
        let product = text("ProductName").map(|name| match name.strip_prefix("Windows 10") {
            Some(rest) if is_client && build >= Some(22000) => format!("Windows 11{rest}"),
            _ => name,
        });
        let control_set =
            ControlSets { now: image.control_set(When::Now).ok(), next_boot: image.control_set(When::NextBoot).ok() };
        let is_dirty = |hive: &hive::Hive| *hive.state() != hive::HiveState::Clean;
        let dirty_hives =
            image.hives().filter(|(_, _, hive)| hive.is_ok_and(is_dirty)).map(|(name, ..)| name.as_str()).collect();
        Self { product, edition: text("EditionID"), build, installation, control_set, dirty_hives }
    }
}
