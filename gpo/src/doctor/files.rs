//! What the files of the GPO itself say: policy files of any GPO, `gpt.ini` of a local one.

use admx::Side;
use polfile::{Field, ParseError, PolicyFile};

use super::{Answer, Probes};
use crate::contents::GpoFile;
use crate::edit;
use crate::error::Error;
use crate::extensions::{ExtensionList, REGISTRY};
use crate::gpt_ini::{GptIni, GptIniError, Obstacle, extension_key, profile_int};
use crate::limits;
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

/// Probes every side that has a policy file; gives those that can be read, and asks `more` of each. `others` are files of other
/// extensions.
pub(super) fn present(
    target: &Target,
    only: Option<&Scope>,
    others: &[GpoFile],
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
    match others.is_empty() {
        _ if any => {}
        true => probes.yes("policy-file", "no Registry.pol is there: nothing is configured"),
        false => probes.uncertain(
            "policy-file",
            "no Registry.pol is there; whether Windows applies the files of other extensions is not judged",
        ),
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
pub(super) fn probe(
    target: &Target,
    only: Option<&Scope>,
    others: &[GpoFile],
    probes: &mut Probes,
) -> Result<Vec<Configured>, Error> {
    let mut configured = Vec::new();
    present(target, only, others, probes, |Present { file, scope, policy }, probes| {
        let side = scope.side();
        let version = match gpt_ini(file)? {
            None => {
                let found = "gpt.ini is missing; what Windows makes of a local GPO without one is unverified: \
                             no document says it, and a version and an extension list stand nowhere else";
                probes.uncertain_until_written("gpt-ini", found, "make one:  gpol gpo bump");
                None
            }
            Some(Err(why)) => {
                unreadable(&why, probes);
                None
            }
            Some(Ok(ini)) if seen(&ini, probes) => of_ini(&ini, side, policy.len(), probes),
            Some(Ok(_)) => None,
        };
        configured.push(Configured { side, scope, version, policy });
        Ok(())
    })?;
    Ok(configured)
}

fn gpt_ini(file: &SideFile) -> Result<Option<Result<GptIni, GptIniError>>, Error> {
    let Some(place) = &file.gpt_ini else { return Ok(None) };
    let path = &place.path;
    let bytes = file.root.read(path, limits::GPT_INI).map_err(|source| Error::Io { path: path.clone(), source })?;
    Ok(bytes.map(GptIni::parse))
}

fn unreadable(why: &GptIniError, probes: &mut Probes) {
    const BY_HAND: &str = "mend it by hand; its encoding is ANSI, or UTF-16LE with a byte order mark";
    match why {
        GptIniError::Version { line, value } => match profile_int(value) {
            Some(number) => probes.uncertain(
                "version",
                format!(
                    "gpt.ini, line {line}: Version={value} is no plain number; Windows' INI functions may read {number}"
                ),
            ),
            None => probes.no(
                "version",
                format!(
                    "gpt.ini, line {line}: Version={value} is no number: Windows reads 0, and takes the GPO for empty"
                ),
                "write the number there that Windows applied last, or 0, and then:  gpol gpo bump",
            ),
        },
        // One source says that Windows reads it, another that it does not.
        GptIniError::BigEndian => {
            probes.uncertain("gpt-ini", format!("gpt.ini: {why}; whether Windows reads that is not known"));
        }
        GptIniError::Odd(_) => probes.no("gpt-ini", format!("gpt.ini cannot be understood: {why}"), BY_HAND),
    }
}

/// Whether Windows' INI functions find anything in the file; says what may keep them from it.
fn seen(ini: &GptIni, probes: &mut Probes) -> bool {
    let mut seen = true;
    for obstacle in ini.obstacles() {
        if obstacle.is_known() {
            seen = false;
            let found =
                format!("gpt.ini: {obstacle}: Windows does not see the section, so no version and no extension list");
            probes.no_until_written("gpt-ini", found, "write it anew:  gpol gpo bump");
        } else {
            // What gpol itself does not read is no "no" either.
            seen &= !matches!(obstacle, Obstacle::LoneCr { .. } | Obstacle::Header { .. });
            probes.uncertain(
                "gpt-ini",
                format!("gpt.ini: {obstacle}; whether Windows sees what stands there is not known"),
            );
        }
    }
    seen
}

fn of_ini(ini: &GptIni, side: Side, records: usize, probes: &mut Probes) -> Option<u16> {
    let version = ini.version().map(|version| version.of(side));
    match version {
        // It is uncertain already.
        None if ini.obstacles().iter().any(|obstacle| matches!(obstacle, Obstacle::Later { key: "Version", .. })) => {}
        None => probes.no_until_written("version", "gpt.ini has no Version", "write one:  gpol gpo bump"),
        Some(0) if records > 0 => probes.no_until_written(
            "version",
            format!("the {side} counter of gpt.ini's version is 0: Windows takes the side for empty"),
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
        let other = if options == 0 { "" } else { ", by the bits that flags has in Active Directory" };
        probes.yes("side-enabled", format!("{side} side not switched off (Options={options}{other})"));
    } else {
        probes.add(
            "side-enabled",
            Answer::Uncertain,
            format!(
                "gpt.ini probably switches the {side} side off (Options={options}); unverified: that Options switches \
                 sides off is documented, which bit means which side is not (in Active Directory, bit {} of flags is it)",
                bit - 1
            ),
            Some(format!("in gpt.ini, Options={}", options & !bit)),
        );
    }
}

fn extension(ini: &GptIni, side: Side, records: usize, probes: &mut Probes) {
    let key = extension_key(side);
    if ini.obstacles().iter().any(|obstacle| matches!(obstacle, Obstacle::Later { key: later, .. } if *later == key)) {
        // It is uncertain already.
        return;
    }
    let text = ini.extensions(side).unwrap_or_default();
    let help = "list it:  gpol gpo bump";
    match ExtensionList::parse(&text) {
        Err(error) => {
            probes.no("extension", format!("the {side} extension list is malformed: {error}"), "mend the line by hand");
        }
        Ok(list) if list.reaches(REGISTRY) => {
            probes.yes("extension", format!("Registry extension listed for the {side} side"));
        }
        Ok(list) if list.has(REGISTRY) => probes.uncertain_until_written(
            "extension",
            format!(
                "the {side} extension list is not ascending: for a domain GPO it is documented that Windows stops before \
                 the Registry extension ([MS-GPOL] 2.2.4); for a local one that is unverified"
            ),
            "sort the groups of the line by their first GUID, or have the Registry extension put to its place:  gpol gpo bump",
        ),
        Ok(_) if records == 0 => {
            probes.yes("extension", format!("nothing to apply on the {side} side, and no Registry extension listed"));
        }
        Ok(_) => probes.no_until_written(
            "extension",
            format!(
                "the Registry extension {REGISTRY} is not listed for the {side} side: Windows never opens Registry.pol"
            ),
            help,
        ),
    }
}
