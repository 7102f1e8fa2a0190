//! What the files of the GPO itself say.

use admx::Side;
use polfile::PolicyFile;

use super::Probes;
use crate::contents::GpoFile;
use crate::edit;
use crate::error::Error;
use crate::extensions::{ExtensionList, REGISTRY};
use crate::gpt_ini::GptIni;
use crate::plan::read_if_there;
use crate::scope::Scope;
use crate::target::{Kind, SideFile, Target};

/// A side that has a policy file.
pub(super) struct Configured {
    pub side: Side,
    pub scope: Scope,
    /// Its half of the version, where gpt.ini tells.
    pub version: Option<u16>,
    pub policy: PolicyFile,
}

/// Probes every side that has a policy file; gives those that can be read. `others` are files of other extensions.
pub(super) fn probe(
    target: &Target,
    only: Option<&Scope>,
    others: &[GpoFile],
    probes: &mut Probes,
) -> Result<Vec<Configured>, Error> {
    let mut configured = Vec::new();
    let mut any = false;
    let files = match only {
        Some(scope) => vec![edit::file_of(target, scope)?],
        None => target.sides.clone(),
    };
    for file in &files {
        let Some(scope) = file.scope.as_ref().filter(|_| file.file.path.exists()) else { continue };
        let (side, ini) = (scope.side(), gpt_ini(file)?);
        any = true;
        probes.scope = Some(scope.clone());
        let policy = match edit::read(file) {
            Ok(policy) => policy,
            Err(Error::Malformed { error, .. }) => {
                probes.no(
                    "policy-file",
                    format!("{scope} side's Registry.pol is malformed, so Windows skips it: {error}"),
                    format!("gpol pol verify {}", file.file.path.display()),
                );
                continue;
            }
            Err(other) => return Err(other),
        };
        let records = policy.len();
        probes.yes(
            "policy-file",
            format!(
                "{scope} side's Registry.pol is well-formed: {records} record{}",
                if records == 1 { "" } else { "s" }
            ),
        );
        let version = match &ini {
            None => {
                missing(target.kind, probes);
                None
            }
            Some(Err(why)) => {
                probes.no("gpt-ini", format!("gpt.ini cannot be understood: {why}"), "mend it by hand");
                None
            }
            Some(Ok(ini)) => of_ini(target.kind, ini, side, records, probes),
        };
        configured.push(Configured { side, scope: scope.clone(), version, policy });
    }
    probes.scope = None;
    match others.is_empty() {
        _ if any => {}
        true => probes.yes("policy-file", "no Registry.pol is there: nothing is configured"),
        false => probes.uncertain(
            "policy-file",
            "no Registry.pol is there; whether Windows applies the files of other extensions is not judged",
        ),
    }
    Ok(configured)
}

fn gpt_ini(file: &SideFile) -> Result<Option<Result<GptIni, String>>, Error> {
    let Some(place) = &file.gpt_ini else { return Ok(None) };
    let path = &place.path;
    let bytes = read_if_there(path).map_err(|source| Error::Io { path: path.clone(), source })?;
    Ok(bytes.map(|bytes| GptIni::parse(bytes).map_err(|error| error.to_string())))
}

fn missing(kind: Kind, probes: &mut Probes) {
    let found = "gpt.ini is missing: Windows cannot tell the GPO's version";
    match kind {
        Kind::GpoSysvol => probes.no("gpt-ini", found, "restore it from a backup or another domain controller"),
        _ => probes.no("gpt-ini", found, "make one:  gpol gpo bump"),
    }
}

fn of_ini(kind: Kind, ini: &GptIni, side: Side, records: usize, probes: &mut Probes) -> Option<u16> {
    let version = ini.version().map(|version| version.of(side));
    match version {
        None => probes.no("version", "gpt.ini has no Version", "write one:  gpol gpo bump"),
        Some(0) if records > 0 => probes.no(
            "version",
            format!("the {side} half of gpt.ini's version is 0: Windows takes the side for empty"),
            "raise it:  gpol gpo bump",
        ),
        Some(_) => {}
    }
    // A domain GPO has its options and extension lists in Active Directory.
    if !matches!(kind, Kind::GpoSysvol | Kind::GpoCached) {
        enabled(ini, side, probes);
        extension(ini, side, records, probes);
    }
    version
}

fn enabled(ini: &GptIni, side: Side, probes: &mut Probes) {
    let bit = match side {
        Side::User => 1,
        Side::Computer => 2,
    };
    let options = ini.options().unwrap_or(0);
    if options & bit == 0 {
        probes.yes("side-enabled", format!("{side} side not switched off (Options={options})"));
    } else {
        probes.no(
            "side-enabled",
            format!("gpt.ini switches the {side} side off (Options={options})"),
            format!("in gpt.ini, Options={}", options & !bit),
        );
    }
}

fn extension(ini: &GptIni, side: Side, records: usize, probes: &mut Probes) {
    let text = ini.extensions(side).unwrap_or_default();
    let help = "list it:  gpol gpo bump";
    match ExtensionList::parse(&text) {
        Err(error) => {
            probes.no("extension", format!("the {side} extension list is malformed: {error}"), "mend the line by hand");
        }
        Ok(list) if list.reaches(REGISTRY) => {
            probes.yes("extension", format!("Registry extension listed for the {side} side"));
        }
        Ok(list) if list.has(REGISTRY) => probes.no(
            "extension",
            format!("the {side} extension list is not ascending: Windows stops before the Registry extension"),
            "sort the groups of the line by their first GUID",
        ),
        Ok(_) if records == 0 => {
            probes.yes("extension", format!("nothing to apply on the {side} side, and no Registry extension listed"));
        }
        Ok(_) => probes.no(
            "extension",
            format!(
                "the Registry extension {REGISTRY} is not listed for the {side} side: Windows never opens Registry.pol"
            ),
            help,
        ),
    }
}
