//! What the files of the GPO itself say: policy files of any GPO, `gpt.ini` of a local one.

use admx::Side;
use polfile::{Field, ParseError, PolicyFile};

use super::{Answer, Probes};
use crate::edit;
use crate::error::Error;
use crate::extensions::{ExtensionList, REGISTRY};
use crate::gpt_ini::GptIni;
use crate::plan::read_if_there;
use crate::scope::Scope;
use crate::target::{SideFile, Target};

/// A side that has a policy file.
pub(super) struct Configured {
    pub side: Side,
    pub scope: Scope,
    /// Its half of the version, where gpt.ini tells.
    pub version: Option<u16>,
    pub policy: PolicyFile,
}

/// A side's policy file, well-formed.
pub(super) struct Present<'t> {
    pub file: &'t SideFile,
    pub scope: Scope,
    pub policy: PolicyFile,
}

/// Probes every side that has a policy file; gives those that can be read, and asks `more` of each.
pub(super) fn present(
    target: &Target,
    only: Option<&Scope>,
    probes: &mut Probes,
    mut more: impl FnMut(Present<'_>, &mut Probes) -> Result<(), Error>,
) -> Result<(), Error> {
    let files = match only {
        Some(scope) => vec![edit::file_of(target, scope)?],
        None => target.sides.clone(),
    };
    let mut any = false;
    for file in &files {
        let Some(scope) = file.scope.as_ref().filter(|_| file.file.path.exists()) else { continue };
        any = true;
        probes.scope = Some(scope.clone());
        let policy = match edit::read(file) {
            Ok(policy) => policy,
            Err(Error::Malformed { error, .. }) => {
                malformed(scope, file, &error, probes);
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
        more(Present { file, scope: scope.clone(), policy }, probes)?;
    }
    probes.scope = None;
    if !any {
        probes.yes("policy-file", "no Registry.pol is there: nothing is configured");
    }
    Ok(())
}

/// Only a wrong signature is documented to make Windows skip a file ([MS-GPREG] 3.2.5.1.2).
fn malformed(scope: &Scope, file: &SideFile, error: &ParseError, probes: &mut Probes) {
    let (answer, so) = match error.field {
        Field::Signature => (Answer::No, "so Windows skips it"),
        _ => (Answer::Uncertain, "and what Windows makes of it is not documented"),
    };
    probes.add(
        "policy-file",
        answer,
        format!("{scope} side's Registry.pol is malformed, {so}: {error}"),
        Some(format!("gpol pol verify {}", file.file.path.display())),
    );
}

/// Probes every side of a local GPO that has a policy file; gives those that can be read.
pub(super) fn probe(target: &Target, only: Option<&Scope>, probes: &mut Probes) -> Result<Vec<Configured>, Error> {
    let mut configured = Vec::new();
    present(target, only, probes, |Present { file, scope, policy }, probes| {
        let side = scope.side();
        let version = match gpt_ini(file)? {
            None => {
                let found = "gpt.ini is missing: Windows cannot tell the GPO's version";
                probes.no("gpt-ini", found, "make one:  gpol gpo bump");
                None
            }
            Some(Err(why)) => {
                probes.no("gpt-ini", format!("gpt.ini cannot be understood: {why}"), "mend it by hand");
                None
            }
            Some(Ok(ini)) => of_ini(&ini, side, policy.len(), probes),
        };
        configured.push(Configured { side, scope, version, policy });
        Ok(())
    })?;
    Ok(configured)
}

fn gpt_ini(file: &SideFile) -> Result<Option<Result<GptIni, String>>, Error> {
    let Some(place) = &file.gpt_ini else { return Ok(None) };
    let path = &place.path;
    let bytes = read_if_there(path).map_err(|source| Error::Io { path: path.clone(), source })?;
    Ok(bytes.map(|bytes| GptIni::parse(bytes).map_err(|error| error.to_string())))
}

fn of_ini(ini: &GptIni, side: Side, records: usize, probes: &mut Probes) -> Option<u16> {
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
    enabled(ini, side, probes);
    extension(ini, side, records, probes);
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
