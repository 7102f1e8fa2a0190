//! What a target configures, side by side and policy by policy.

use std::collections::HashSet;
use std::io;

use admx::{Catalog, Side};
use polfile::PolicyFile;
use serde::Serialize;

use crate::bookkeeping::{Directory, DirectoryError};
use crate::contents::{self, GpoFile};
use crate::edit::{comments_of, file_of, read_there};
use crate::effective::{LinkModel, Linked};
use crate::error::Error;
use crate::gpt_ini::{GptIni, Version};
use crate::limits;
use crate::model::{PolicyModel, RecordModel};
use crate::scope::Scope;
use crate::target::{Finding, Kind, SideFile, Target};

/// What a target configures: `gpol.show/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Show {
    /// Name of the shape.
    pub schema: &'static str,
    /// The target.
    pub target: TargetModel,
    /// The templates that gave the names; `null` without any.
    pub admx: Option<AdmxModel>,
    /// Sides that have a policy file, the computer first.
    pub sides: Vec<SideModel>,
    /// `gpt.ini`'s version, where the target has one.
    pub version: Option<VersionModel>,
    /// All files of the target, also those that nothing of this was read from: what gpol does not look at is known by its place.
    pub files: Vec<GpoFile>,
    /// What is wrong with the target's folders.
    pub findings: Vec<Finding>,
    /// Sides whose policy file cannot be read; not among `sides`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<BrokenSide>,
    /// What an export of Active Directory says of a domain GPO, where one was read; `null` if that does not hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<Option<DirectoryModel>>,
}

/// A domain GPO's half in Active Directory, in the JSON contract.
#[derive(Clone, Debug, Serialize)]
pub struct DirectoryModel {
    /// Distinguished name.
    pub dn: String,
    /// Display name; SYSVOL does not hold it.
    pub name: Option<String>,
    /// `versionNumber`; `null` if the export does not have it.
    pub version: Option<VersionModel>,
    /// Whether `gpt.ini` has the same version; `null` if either is not known.
    pub in_step: Option<bool>,
    /// The extension lists as they stand; `null` where the export has none.
    pub extensions: BySide,
    /// Sides that are switched off: nothing of them applies.
    pub off: Vec<&'static str>,
    /// Where it is linked, the outermost container first; `null` if the export has no containers, which hold the links.
    pub links: Option<Vec<LinkModel>>,
}

/// A text for each side.
#[derive(Clone, Debug, Serialize)]
pub struct BySide {
    /// The computer side's.
    pub computer: Option<String>,
    /// The user side's.
    pub user: Option<String>,
}

impl Show {
    /// Adds what a directory says of the target, if that is a domain GPO; its name becomes the GPO's. `linked` has the links of
    /// the same snapshot.
    ///
    /// # Errors
    ///
    /// If the directory holds several that may be meant, or the version of the one that is meant is no number.
    pub fn add_directory(
        &mut self,
        target: &Target,
        directory: &Directory<'_>,
        linked: Option<&Linked<'_>>,
    ) -> Result<(), DirectoryError> {
        if target.kind != Kind::GpoSysvol {
            return Ok(());
        }
        let gpo = match directory.gpo(target) {
            Ok(Some(gpo)) => gpo,
            Ok(None) => return Ok(()),
            Err(DirectoryError::NotInSnapshot { .. }) => {
                self.directory = Some(None);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let version = gpo.version().map_err(|error| DirectoryError::Version { dn: gpo.dn().to_owned(), error })?;
        let version = version.map(VersionModel::from);
        self.target.name = gpo.name().or(self.target.name.take());
        self.directory = Some(Some(DirectoryModel {
            dn: gpo.dn().to_owned(),
            name: gpo.name(),
            version,
            in_step: version.zip(self.version).map(|(a, b)| (a.user, a.computer) == (b.user, b.computer)),
            extensions: BySide { computer: gpo.extensions(Side::Computer), user: gpo.extensions(Side::User) },
            off: gpo.off().into_iter().map(Side::as_str).collect(),
            links: linked.and_then(|linked| linked.links_of(&gpo)),
        }));
        Ok(())
    }
}

/// What several GPOs configure: `gpol.show-set/1`.
#[derive(Clone, Debug, Serialize)]
pub struct ShowSet {
    /// Name of the shape.
    pub schema: &'static str,
    /// Each as for itself.
    pub gpos: Vec<Show>,
}

impl ShowSet {
    /// Several shows as one document.
    pub fn new(gpos: Vec<Show>) -> Self {
        Self { schema: "gpol.show-set/1", gpos }
    }
}

/// A target in the JSON contract.
#[derive(Clone, Debug, Serialize)]
pub struct TargetModel {
    /// What it is.
    pub kind: Kind,
    /// As it was given.
    pub path: String,
    /// GUID of a domain GPO.
    pub guid: Option<String>,
    /// Display name of the GPO, where the target or an export of Active Directory holds it.
    pub name: Option<String>,
}

impl TargetModel {
    /// The model of a target.
    pub fn new(target: &Target) -> Self {
        Self {
            kind: target.kind,
            path: target.path.display().to_string(),
            guid: target.guid.clone(),
            name: target.name.clone(),
        }
    }
}

/// The templates in the JSON contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdmxModel {
    /// Folders; empty for the built-in catalogue.
    pub stores: Vec<String>,
    /// Whether the built-in catalogue served.
    pub builtin: bool,
    /// Number of templates.
    pub files: usize,
    /// Language of names.
    pub language: String,
    /// Number of findings about templates.
    pub findings: usize,
}

impl AdmxModel {
    /// The model of a catalog.
    pub fn new(catalog: &Catalog) -> Self {
        Self {
            stores: catalog.stores().iter().map(|store| store.display().to_string()).collect(),
            builtin: catalog.is_builtin(),
            files: catalog.files(),
            language: catalog.language().to_owned(),
            findings: catalog.findings().len(),
        }
    }
}

/// The two counters of `gpt.ini`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct VersionModel {
    /// Counter of the user side.
    pub user: u16,
    /// Counter of the computer side.
    pub computer: u16,
}

impl From<Version> for VersionModel {
    fn from(version: Version) -> Self {
        Self { user: version.user, computer: version.computer }
    }
}

/// A side whose policy file cannot be read.
#[derive(Clone, Debug, Serialize)]
pub struct BrokenSide {
    /// Whose policy.
    pub scope: Option<Scope>,
    /// The policy file.
    pub file: String,
    /// What is wrong with it.
    pub message: String,
}

/// One side of a target.
#[derive(Clone, Debug, Serialize)]
pub struct SideModel {
    /// `computer` or `user`; `null` for a bare policy file whose folder does not tell.
    pub side: Option<&'static str>,
    /// Whose policy: `computer`, `user`, `user:administrators`, `user:non-administrators` or `user:SID`.
    pub scope: Option<Scope>,
    /// The policy file.
    pub file: String,
    /// The counter of this side in its `gpt.ini`; `null` if there is none.
    pub version: Option<u16>,
    /// How many records it has, or the records themselves.
    pub records: RecordsModel,
    /// Policies that are not "not configured", by category and name; not with the records themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<PolicyModel>>,
    /// Records that no template explains; not with the records themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unexplained: Option<Vec<RecordModel>>,
    /// Why the comments are not shown, if they cannot be read; they decide nothing, so the rest is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments_error: Option<String>,
}

/// The records of a side, or their number.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum RecordsModel {
    /// How many.
    Count(usize),
    /// All, in file order.
    List(Vec<RecordModel>),
}

/// What to show.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// One scope alone. It also says which side a bare policy file is, whose folder does not tell.
    pub only: Option<Scope>,
    /// The records instead of policies.
    pub by_record: bool,
    /// Policies that are not configured as well.
    pub all_states: bool,
    /// With each policy the records that it was read from.
    pub registry: bool,
}

/// Reads all that a target configures, by policy; or by record, if there is no `catalog` or the view says so.
/// A side that is broken does not hide another: its error comes beside what the others say.
///
/// # Errors
///
/// If no policy file that there is can be read, or the target has no place for the scope asked for.
pub fn show(target: &Target, catalog: Option<&Catalog>, view: &View) -> Result<(Show, Vec<Error>), Error> {
    let by_record = view.by_record;
    let files = match &view.only {
        Some(scope) => Vec::from_iter(file_to_show(target, scope)?),
        None => target.sides.clone(),
    };
    let (mut sides, mut broken, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let scope = file.scope.clone().or_else(|| view.only.clone());
        let side = scope.as_ref().map(Scope::side);
        let policy = match read_there(file) {
            Ok(Some(policy)) => policy,
            Err(error) => {
                let (file, message) = (file.file.path.display().to_string(), error.to_string());
                broken.push(BrokenSide { scope, file, message });
                errors.push(error);
                continue;
            }
            Ok(None) if target.kind == Kind::Pol => {
                return Err(Error::Io { path: file.file.path.clone(), source: io::ErrorKind::NotFound.into() });
            }
            Ok(None) => continue,
        };
        let all = || policy.records().enumerate().map(|(index, record)| RecordModel::new(index, &record));
        let mut model = SideModel {
            side: side.map(Side::as_str),
            scope,
            file: file.file.path.display().to_string(),
            version: version_of(file)?.zip(side).map(|(version, side)| version.of(side)),
            records: if by_record { RecordsModel::List(all().collect()) } else { RecordsModel::Count(policy.len()) },
            policies: None,
            unexplained: None,
            comments_error: None,
        };
        if !by_record {
            let (mut policies, unexplained) = match catalog {
                Some(catalog) => by_policy(catalog, side, &policy, view),
                None => (Vec::new(), all().collect()),
            };
            match comments_of(file) {
                Ok(comments) => {
                    for policy in &mut policies {
                        policy.comment = comments.get(&policy.namespace, &policy.name);
                    }
                }
                Err(error) => model.comments_error = Some(error.to_string()),
            }
            model.policies = Some(policies);
            model.unexplained = Some(unexplained);
        }
        sides.push(model);
    }
    if sides.is_empty() && !errors.is_empty() {
        return Err(errors.swap_remove(0));
    }
    let io = |source| Error::Io { path: target.path.clone(), source };
    let mut all_files = contents::of(target).map_err(io)?.files;
    all_files.retain(|file| view.only.as_ref().is_none_or(|scope| file.is_of(scope)));
    target.still_there().map_err(io)?;
    let show = Show {
        schema: "gpol.show/1",
        target: TargetModel::new(target),
        admx: catalog.map(AdmxModel::new),
        sides,
        version: target.sides.first().map(version_of).transpose()?.flatten().map(VersionModel::from),
        files: all_files,
        findings: target.findings.clone(),
        broken,
        directory: None,
    };
    Ok((show, errors))
}

/// The file of the scope asked for. The side that a target does not have shows nothing; a scope that it can not have is an error.
fn file_to_show(target: &Target, scope: &Scope) -> Result<Option<SideFile>, Error> {
    match file_of(target, scope) {
        Ok(file) => Ok(Some(file)),
        Err(Error::OtherSide { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Policies by category and name, and what no template explains. Where nothing tells the side, that
/// one is taken whose policies explain more.
fn by_policy(
    catalog: &Catalog,
    side: Option<Side>,
    file: &PolicyFile,
    view: &View,
) -> (Vec<PolicyModel>, Vec<RecordModel>) {
    let (side, reading) = match side {
        Some(side) => (side, catalog.read(side, file)),
        None => {
            let (computer, user) = (catalog.read(Side::Computer, file), catalog.read(Side::User, file));
            if user.unexplained.len() < computer.unexplained.len() {
                (Side::User, user)
            } else {
                (Side::Computer, computer)
            }
        }
    };
    let records = |indexes: &[usize]| -> Vec<RecordModel> {
        indexes.iter().filter_map(|&index| Some(RecordModel::new(index, &file.record(index)?))).collect()
    };
    let mut policies: Vec<PolicyModel> =
        reading.policies.iter().map(|policy| PolicyModel::new(catalog, policy)).collect();
    if view.all_states {
        let configured: HashSet<String> = policies.iter().map(|policy| policy.id.clone()).collect();
        let others = catalog.policies().iter().filter(|policy| policy.class.has(side));
        let others = others.filter(|policy| !configured.contains(&policy.id()));
        policies.extend(others.map(|policy| PolicyModel::not_configured(catalog, policy)));
    }
    if view.registry {
        for policy in &mut policies {
            policy.records = Some(records(&policy.record_indexes));
        }
    }
    let place =
        |policy: &PolicyModel| (policy.category.clone(), policy.display_name.trim().to_owned(), policy.id.clone());
    policies.sort_by_cached_key(place);
    (policies, records(&reading.unexplained))
}

/// What `gpt.ini` of a policy file counts, where there is one.
pub(crate) fn version_of(file: &SideFile) -> Result<Option<Version>, Error> {
    let Some(place) = &file.gpt_ini else { return Ok(None) };
    let path = &place.path;
    let bytes = file.root.read(path, limits::GPT_INI);
    let bytes = bytes.map_err(|source| Error::Io { path: path.clone(), source })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let ini = GptIni::parse(bytes).map_err(|error| Error::GptIni { path: path.clone(), error })?;
    Ok(ini.version())
}
