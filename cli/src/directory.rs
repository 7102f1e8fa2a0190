//! Active Directory on the command line: an export to read, and what to say where its half is missing.

use std::path::{Path, PathBuf};

use clap::Args;
use gpo::ad::{Snapshot, VERSION, version_value};
use gpo::bookkeeping::{DirectoryChange, DirectoryError};
use gpo::effective::{LinkModel, Linked, PlanError};
use gpo::gpt_ini::Version;
use gpo::limits;

use crate::context::read_input_as;
use crate::error::{Code, CommandError};
use crate::paste::{quoted, this_command};
use crate::ui::{Line, Style};

/// Where to read what Active Directory says.
#[derive(Args, Debug)]
pub struct AdArgs {
    /// Export of Active Directory (LDIF by ldifde, ldapsearch or ldbsearch): names of domain GPOs
    #[arg(long, value_name = "FILE", env = "GPOL_AD", hide_env_values = true)]
    pub ad: Option<PathBuf>,
}

impl AdArgs {
    /// The export, where one is named.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, CommandError> {
        self.ad.as_ref().map(|path| read_snapshot(path)).transpose()
    }
}

/// Reads the links of an export.
pub fn links<'s>(snapshot: &'s Snapshot, args: &AdArgs) -> Result<Linked<'s>, CommandError> {
    Linked::new(snapshot).map_err(|error| bad_link(args.ad.as_deref().unwrap_or(Path::new("")), &error))
}

/// Where a GPO is linked: `OU=RPA (1, enforced); corp.test (2)`.
pub fn in_words(links: &[LinkModel]) -> Line {
    const MOST: usize = 8;
    if links.is_empty() {
        return Line::new().span(Style::Warn, "nowhere that the export knows");
    }
    let link = |link: &LinkModel| {
        let mut notes = vec![link.order.to_string()];
        notes.extend(link.enforced.then(|| "enforced".to_owned()));
        notes.extend((!link.enabled).then(|| "switched off".to_owned()));
        format!("{} ({})", container_name(&link.container), notes.join(", "))
    };
    let mut told: Vec<String> = links.iter().take(MOST).map(link).collect();
    if links.len() > MOST {
        told.push(format!("and {} more; --format json has them all", links.len() - MOST));
    }
    Line::new().text(told.join("; "))
}

/// What to say of a link that is none.
pub fn bad_link(path: &Path, error: &PlanError) -> CommandError {
    CommandError::new(Code::SNAPSHOT, format!("{}: {error}", path.display()))
        .help("export it again: the text may be cut off")
}

/// A container as people know it: the domain by its DNS name, what is below by what stands before that.
pub fn container_name(dn: &str) -> String {
    let lower = dn.to_ascii_lowercase();
    let above = if lower.starts_with("dc=") { Some(0) } else { lower.find(",dc=") };
    match (above, lower.find(",cn=sites,")) {
        (Some(0), _) => {
            lower.split(',').map(|part| part.trim().trim_start_matches("dc=")).collect::<Vec<_>>().join(".")
        }
        (_, Some(sites)) => format!("site {}", dn[..sites].split_once('=').map_or("", |(_, name)| name)),
        (above, None) => dn[..above.unwrap_or(dn.len())].to_owned(),
    }
}

/// Reads an export.
pub fn read_snapshot(path: &Path) -> Result<Snapshot, CommandError> {
    let bytes = read_input_as(limits::DIRECTORY, path)?;
    Snapshot::parse(&bytes).map_err(|error| {
        let what = match error.line {
            0 => format!("{} is no export of Active Directory: {}", path.display(), error.what),
            _ => format!("{} is no export of Active Directory: {error}", path.display()),
        };
        CommandError::new(Code::SNAPSHOT, what).help(EXPORT)
    })
}

/// How to make an export.
const EXPORT: &str = "on a Windows machine of the domain:  ldifde -f ad.ldif -r \"(objectClass=groupPolicyContainer)\"";

/// A version as people read it, with the number that attributes and `gpt.ini` hold.
pub fn both_sides(version: Version) -> String {
    format!("user {}, computer {}", version.user, version.computer)
}

/// What an error about the other half means to people.
pub fn directory_error(error: &DirectoryError) -> CommandError {
    let refused = |code, what: String| CommandError::new(code, what).detail("Nothing was written.");
    match error {
        DirectoryError::Undecided { path, now, change } => undecided(path, *now, change),
        DirectoryError::NoSnapshot => refused(Code::AD_NEEDED, "--ldif needs --ad".to_owned())
            .detail("An extension list is merged with the one that Active Directory has now; SYSVOL does not hold it.")
            .help(EXPORT)
            .help(format!("then:  {} --ad ad.ldif", this_command())),
        DirectoryError::NotInSnapshot { .. } => CommandError::new(Code::NOT_IN_SNAPSHOT, error.to_string())
            .help("is it an export of the same domain, with all its GPOs?")
            .help(EXPORT),
        DirectoryError::SeveralInSnapshot { dns, .. } => {
            let several = CommandError::new(Code::NOT_IN_SNAPSHOT, error.to_string());
            dns.iter().fold(several, |several, dn| several.detail(dn)).help(
                "leave one of them in the file, or point at the GPO in its place: sysvol/<domain>/Policies/{GUID}",
            )
        }
        DirectoryError::NoVersion { .. } => {
            refused(Code::NOT_IN_SNAPSHOT, error.to_string()).help("export all attributes").help(EXPORT)
        }
        DirectoryError::Version { .. } | DirectoryError::Extensions { .. } => {
            refused(Code::SNAPSHOT, error.to_string())
                .help("mend the attribute in Active Directory, and export it again")
        }
        DirectoryError::LdifExists(path) => refused(Code::FILE_EXISTS, format!("{} exists", path.display()))
            .help("name another file, or remove that one once it was imported"),
        DirectoryError::NotOfADomain { .. } => {
            refused(Code::NOT_OF_A_DOMAIN, error.to_string()).help("leave --ldif and --sysvol-only out")
        }
        other => refused(Code::HALF_ELSEWHERE, other.to_string()),
    }
}

fn undecided(path: &Path, now: Version, change: &DirectoryChange) -> CommandError {
    let now = match change.before {
        Some(before) => {
            format!("Active Directory has {VERSION} {} now ({}).", version_value(before), both_sides(before))
        }
        None => format!("GPT.INI has Version={} now ({}).", u32::from(now), both_sides(now)),
    };
    let mut refused =
        CommandError::new(Code::HALF_ELSEWHERE, "this is a domain GPO; its other half is in Active Directory")
            .detail(path.display().to_string())
            .detail(format!("A change here must also be made on {}:", change.dn));
    for line in attributes(change) {
        refused = refused.detail(format!("    {line}"));
    }
    let export = if change.known { "" } else { " --ad ad.ldif" };
    let again = this_command();
    refused
        .detail(now)
        .detail("Else clients see two versions, or skip the setting. Nothing was written.")
        .help("safest: change a GPMC backup of the GPO, which gpol keeps whole, and import that")
        .help(format!("files and the matching change for ldifde or ldapmodify:  {again}{export} --ldif change.ldif"))
        .help(format!("you will change Active Directory yourself:  {again} --sysvol-only"))
}

/// The attributes and what they must hold, one a line.
pub fn attributes(change: &DirectoryChange) -> Vec<String> {
    let mut lines = vec![format!("{VERSION}: {}   {}", version_value(change.after), both_sides(change.after))];
    let list = &change.extensions;
    lines.push(match (change.known, &*list.after) {
        (true, "") => format!("{}: none", change.attribute),
        (true, after) if list.changes() => format!("{}: {after}", change.attribute),
        (true, _) => format!("{}: as it is", change.attribute),
        (false, "") => format!("{}: without what lists the Registry extension for templates", change.attribute),
        (false, after) => format!("{}: with {after}, each at its place in the order", change.attribute),
    });
    lines
}

/// How to import a change.
pub fn import(ldif: &Path) -> String {
    let file = quoted(&ldif.display().to_string());
    format!("ldifde -i -f {file}   (or: ldapmodify -f {file})")
}
