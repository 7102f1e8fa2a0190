//! What keeps a domain GPO, or a side of it, from a client that finds it linked.
//!
//! The checks of [MS-GPOL] 3.2.5.1.5, 3.2.5.1.6 and 3.2.5.1.10 that an export of Active Directory and `gpt.ini` can
//! answer, in the order of the specification. `effective` and `doctor` both ask here, so that they cannot disagree. What
//! an export does not tell is [`Answer::Uncertain`], with the words of what would have to be taken for granted.

use std::collections::BTreeMap;

use admx::Side;

use crate::ad::{GpoObject, VERSION, extension_attribute, version_value};
use crate::doctor::Answer;
use crate::extensions::{ExtensionList, REGISTRY, registry_tool};
use crate::gpt_ini::{GptIni, Version};

/// `gpt.ini` of a domain GPO, as a client would find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionFile {
    /// There is none.
    Missing,
    /// It could not be read here, and why.
    Unreadable(String),
    /// It has no version that a client could read, and why.
    Corrupt(String),
    /// Its version: the file system version of the GPO.
    Has(Version),
}

impl VersionFile {
    /// Reads the bytes of a `gpt.ini`; `None` where there is no such file.
    pub fn of(bytes: Option<Vec<u8>>) -> Self {
        match bytes.map(GptIni::parse) {
            None => Self::Missing,
            Some(Err(error)) => Self::Corrupt(error.to_string()),
            Some(Ok(ini)) => match ini.version() {
                Some(version) => Self::Has(version),
                None => Self::Corrupt("it has no Version below [General]".to_owned()),
            },
        }
    }

    /// Why a client cannot read it.
    fn problem(&self) -> Option<String> {
        match self {
            Self::Has(_) => None,
            Self::Missing => Some("GPT.INI is missing".to_owned()),
            Self::Unreadable(why) => Some(format!("GPT.INI cannot be read ({why})")),
            Self::Corrupt(why) => Some(format!("GPT.INI cannot be used: {why}")),
        }
    }
}

/// Facts behind an answer: names of attributes and what they hold.
pub type Details = BTreeMap<&'static str, String>;

/// One check of a GPO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at: the name of the probe.
    pub probe: &'static str,
    /// The word for what is wrong.
    pub why: &'static str,
    /// Whether the GPO passes.
    pub answer: Answer,
    /// What was found.
    pub found: String,
    /// What is to be taken for granted where the answer is uncertain: what would hold of the GPO.
    pub assume: String,
    /// What to do about it.
    pub help: String,
    /// The facts.
    pub details: Details,
}

impl Check {
    fn yes(probe: &'static str, found: impl Into<String>) -> Self {
        Self {
            probe,
            why: probe,
            answer: Answer::Yes,
            found: found.into(),
            assume: String::new(),
            help: String::new(),
            details: Details::new(),
        }
    }

    fn no(probe: &'static str, why: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { why, answer: Answer::No, help: help.into(), ..Self::yes(probe, found) }
    }

    fn uncertain(probe: &'static str, found: impl Into<String>, assume: impl Into<String>) -> Self {
        Self { answer: Answer::Uncertain, assume: assume.into(), ..Self::yes(probe, found) }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.insert(name, value.to_string());
        self
    }
}

/// Whether a client can read `gpt.ini`. If not, its whole application of policy ends, not only this GPO's.
pub fn version_file(ini: &VersionFile) -> Check {
    const PROBE: &str = "gpt-ini";
    match ini.problem() {
        None => Check::yes(PROBE, "GPT.INI has a version"),
        Some(problem) => Check::no(
            PROBE,
            PROBE,
            format!("{problem}: a client that finds this GPO linked ends its whole application of policy"),
            "restore it from a backup or another domain controller",
        )
        .with("problem", problem),
    }
}

/// What counts for both sides.
pub fn gpo(object: &GpoObject<'_>) -> Check {
    const PROBE: &str = "functionality-version";
    const NAME: &str = "gPCFunctionalityVersion";
    let denied = |found: String| {
        Check::no(PROBE, PROBE, found, format!("set {NAME} of the object in Active Directory to 2"))
            .with("attribute", NAME)
    };
    match object.entry().text(NAME) {
        Some(text) if text.trim() == "2" => Check::yes(PROBE, format!("{NAME} is 2")),
        Some(text) => denied(format!("its {NAME} is {}, and clients take no GPO but those with 2", text.trim()))
            .with("value", text.trim()),
        None if object.is_whole() => denied(format!("it has no {NAME}, and clients take no GPO but those with 2")),
        None => Check::uncertain(
            PROBE,
            format!("the export does not have {NAME}"),
            format!("{NAME} (not in the export) is 2"),
        )
        .with("attribute", NAME),
    }
}

/// What counts for one side that has policy. Without an object only the file tells.
pub fn side(object: Option<&GpoObject<'_>>, ini: &VersionFile, side: Side) -> Vec<Check> {
    let mut checks: Vec<Check> = object.map(|object| enabled(object, side)).into_iter().collect();
    checks.extend(version(object, ini, side));
    checks.extend(object.map(|object| extension(object, side)));
    checks
}

fn enabled(object: &GpoObject<'_>, side: Side) -> Check {
    const PROBE: &str = "side-enabled";
    let Some(text) = object.entry().text("flags") else {
        return match object.is_whole() {
            true => Check::yes(PROBE, format!("{side} side not switched off (no flags)")),
            false => Check::uncertain(
                PROBE,
                "the export does not have flags",
                "flags (not in the export) switches no side off",
            )
            .with("attribute", "flags"),
        };
    };
    match text.trim().parse::<i64>() {
        Err(_) => Check::uncertain(PROBE, format!("flags are no number: {text:?}"), "flags switches no side off"),
        Ok(_) if object.off().contains(&side) => Check::no(
            PROBE,
            "side-disabled",
            format!("the {side} side is switched off (flags {} in Active Directory)", text.trim()),
            "enable the side in the Group Policy Management Console (GPO Status)",
        ),
        Ok(_) => Check::yes(PROBE, format!("{side} side not switched off (flags {})", text.trim())),
    }
    .with("attribute", "flags")
    .with("value", text.trim())
}

/// A GPO is empty if container and file version of the side are both 0: either alone does not tell.
fn version(object: Option<&GpoObject<'_>>, ini: &VersionFile, side: Side) -> Option<Check> {
    const PROBE: &str = "version";
    let VersionFile::Has(file) = ini else { return None };
    let file = file.of(side);
    if file > 0 {
        return Some(Check::yes(PROBE, format!("{side} version {file} in GPT.INI")));
    }
    let zero = format!("the {side} counter of GPT.INI's version is 0");
    let assume = format!("the {side} counter of {VERSION} is not 0, as that of GPT.INI is");
    let unknown = |why: String| {
        Check::uncertain(
            PROBE,
            format!("{zero}: the side is empty if that in Active Directory is 0 as well; {why}"),
            assume,
        )
        .with("attribute", VERSION)
        .with("file_version", file)
    };
    let Some(object) = object else { return Some(unknown("an export tells (--ad)".to_owned())) };
    Some(match object.version() {
        Err(error) => unknown(error.to_string()),
        Ok(None) if object.is_whole() => empty(format!("{zero}, and Active Directory has no {VERSION}"), side, 0),
        Ok(None) => unknown(format!("the export does not have {VERSION}")),
        Ok(Some(version)) if version.of(side) == 0 => empty(
            format!("the {side} side has version 0 in Active Directory and in GPT.INI, so it counts as empty"),
            side,
            version_value(version),
        ),
        Ok(Some(version)) => Check::yes(PROBE, format!("{zero}, but that in Active Directory is {}", version.of(side))),
    })
}

fn empty(found: String, side: Side, number: i32) -> Check {
    let help = format!("change a setting of the {side} side with a tool that counts in both places");
    Check::no("version", "version-zero", found, help)
        .with("attribute", VERSION)
        .with("value", number)
        .with("file_version", 0)
}

/// The registry extension takes GPOs whose list names it before the list's end, which may come early.
fn extension(object: &GpoObject<'_>, side: Side) -> Check {
    const PROBE: &str = "extension";
    let name = extension_attribute(side);
    let Some(text) = object.extensions(side) else {
        return match object.is_whole() {
            true => not_listed(format!("there is no {name}"), side),
            false => Check::uncertain(
                PROBE,
                format!("the export does not have {name}: it is empty, or was not exported"),
                format!("{name} (not in the export) lists the Registry extension"),
            )
            .with("attribute", name),
        };
    };
    match ExtensionList::parse(&text) {
        Err(error) => Check::uncertain(
            PROBE,
            format!("{name} is malformed ({error}); what clients make of it is not documented"),
            format!("{name}, which is malformed, lists the Registry extension"),
        )
        .with("attribute", name),
        Ok(list) if list.reaches(REGISTRY) => {
            Check::yes(PROBE, format!("Registry extension listed for the {side} side"))
        }
        Ok(list) => match list.stops_at().filter(|_| list.has(REGISTRY)) {
            Some(stops) => Check::no(
                PROBE,
                "extension-out-of-sequence",
                format!("{name} is out of sequence at {stops}: clients stop there, before the Registry extension"),
                "sort the groups of the attribute by their first GUID",
            )
            .with("attribute", name)
            .with("stops_at", stops),
            None => not_listed(format!("{name} does not list the Registry extension"), side),
        },
    }
    .with("value", text.trim())
}

fn not_listed(found: String, side: Side) -> Check {
    let attribute = extension_attribute(side);
    Check::no(
        "extension",
        "extension-not-listed",
        format!("{found}: clients pass over its Registry.pol"),
        format!("list [{REGISTRY}{}] there, at its place in the order", registry_tool(side)),
    )
    .with("attribute", attribute)
}
