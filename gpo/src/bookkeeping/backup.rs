//! A GPO backup keeps versions, extension lists and the list of its files in `Backup.xml`.

use std::path::{Path, PathBuf};

use super::{Books, ListChange, Needs, SideChange, read};
use crate::backup_xml::{BackupXml, BackupXmlError, ListedFile, SideVersion};
use crate::error::Error;
use crate::place::find;
use crate::plan::Plan;
use crate::target::Target;

/// What happens to `Backup.xml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupChange {
    /// The file.
    pub file: PathBuf,
    /// The counters of the side, before and after, where they change.
    pub version: Option<(SideVersion, SideVersion)>,
    /// The side's extension list, where the policy file changes.
    pub extensions: Option<ListChange>,
    /// Files of the backup that were not listed before.
    pub listed: Vec<String>,
    /// GPMC's report of the settings, which shows the old ones now.
    pub stale_report: Option<PathBuf>,
}

pub(super) fn plan(
    target: &Target,
    change: &SideChange<'_>,
    needs: &Needs<'_>,
    plan: &mut Plan,
) -> Result<Books, Error> {
    if !change.counts() && !change.comments {
        return Ok(Books::default());
    }
    let path = target.path.join("Backup.xml");
    let io = |source| Error::Io { path: path.clone(), source };
    let broken = |path: &Path, error| Error::BackupXml { path: path.to_path_buf(), error };
    let found = find(&target.path, &["Backup.xml"]).map_err(io)?;
    let found = found.ok_or_else(|| broken(&path, BackupXmlError { at: None, what: "it is not there".to_owned() }))?;
    if let Some(twin) = found.twins.into_iter().next() {
        return Err(Error::Twins { path: found.path, twin });
    }
    let path = found.path;
    let bytes = read(&path, plan)?;
    let mut xml = BackupXml::parse(bytes.as_deref().unwrap_or_default()).map_err(|error| broken(&path, error))?;
    let mut done = BackupChange {
        file: path.clone(),
        version: None,
        extensions: None,
        listed: Vec::new(),
        stale_report: find(&target.path, &["gpreport.xml"]).map_err(io)?.map(|report| report.path),
    };
    edit(&mut xml, &mut done, target, change, needs).map_err(|error| broken(&path, error))?;
    plan.amend(&path, bytes, xml.to_bytes());
    Ok(Books { backup: Some(done), ..Books::default() })
}

fn edit(
    xml: &mut BackupXml,
    done: &mut BackupChange,
    target: &Target,
    change: &SideChange<'_>,
    needs: &Needs<'_>,
) -> Result<(), BackupXmlError> {
    let side = change.side;
    if change.counts() {
        let version = xml.version(side)?;
        xml.set_version(side, version.bumped())?;
        done.version = Some((version, version.bumped()));
        let list = needs.of(&xml.extensions(side)?, change);
        let list = list.map_err(|error| BackupXmlError {
            at: None,
            what: format!("extension list of the {side} side: {error}"),
        })?;
        if list.changes() {
            xml.set_extensions(side, &list.after)?;
        }
        done.extensions = Some(list);
    }
    let comments = change.file.comments.as_ref().filter(|_| change.comments);
    let files =
        [(ListedFile::Policy, Some(&change.file.file).filter(|_| change.counts())), (ListedFile::Comments, comments)];
    for (kind, place) in files {
        let Some(place) = place else { continue };
        let location = location(&target.path, &place.path);
        if xml.list(side, kind, &location)? {
            done.listed.push(location);
        }
    }
    Ok(())
}

/// The path of a file in the backup, as Windows spells it.
fn location(backup: &Path, file: &Path) -> String {
    let below = file.strip_prefix(backup).unwrap_or(file);
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("\\")
}
