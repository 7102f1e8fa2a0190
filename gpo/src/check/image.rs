//! What a state file says of an installation: values in its registry, and what policies come to at the next boot.

use std::path::PathBuf;

use admx::{Catalog, Class, Policy, Side, Wanted};
use polfile::{Folded, ValueType};

use super::Named;
use crate::compare::plain;
use crate::doctor::image_of;
use crate::error::Error;
use crate::exchange::TextError;
use crate::exchange::state::{At, Fact, StateFile, Verdict, WantedState};
use crate::explain::{Decision, Explainer, written};
use crate::facts::Facts;
use crate::image::{HiveName, Image, RegistryValue, When, stale};
use crate::model::ValueModel;
use crate::scope::Scope;
use crate::source::{Place, SourceError, Spot};
use crate::target::Target;

/// Something that was looked at in an installation.
#[derive(Clone, Debug)]
pub struct ImageChecked {
    /// What.
    pub what: ImageWhat,
    /// Where a state file asks for it.
    pub place: Place,
    /// Where a weaker state file asks for something else.
    pub overrides: Option<Place>,
    /// The hive of a fact, else the target.
    pub at: PathBuf,
    /// How it is.
    pub answer: ImageAnswer,
}

/// What a state file says of an installation.
#[derive(Clone, Debug)]
pub enum ImageWhat {
    /// A value in a hive.
    Fact {
        /// As people know it: below `SYSTEM\CurrentControlSet` or `SOFTWARE`.
        key: String,
        /// Name of the value.
        value_name: String,
        /// Type that it must have.
        value_type: ValueType,
        /// Data that it must have.
        data: Vec<u8>,
    },
    /// What a policy comes to at the next boot.
    Verdict {
        /// The policy.
        policy: Named,
        /// The state.
        next_boot: WantedState,
    },
}

/// How it is.
#[derive(Clone, Debug)]
pub enum ImageAnswer {
    /// As expected, if this holds as well, which cannot be seen from here.
    Pass(Vec<String>),
    /// The registry holds another value.
    Value(RegistryValue),
    /// The registry has no such value.
    Absent,
    /// Something else is decided.
    Decided(Decision),
    /// It is not known, and why.
    Unknown(String),
}

/// Why what a state file says of an installation cannot be checked at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A state file names what there is not.
    #[error(transparent)]
    State(#[from] SourceError),
    /// The target cannot be read.
    #[error(transparent)]
    Target(#[from] Error),
}

/// Checks what state files say of an installation, the weakest first; `None` if the target is none.
///
/// # Errors
///
/// [`ImageError`].
pub fn of_image(
    target: &Target,
    catalog: &Catalog,
    states: &[(PathBuf, StateFile)],
) -> Result<Option<Vec<ImageChecked>>, ImageError> {
    let Some(image) = image_of(target)? else { return Ok(None) };
    let mut all = Vec::new();
    for Asked { it, place, overrides } in strongest(states, |state| &state.facts, fact_id, |fact| fact.at) {
        let (what, at, answer) = check_fact(&image, it);
        let at = at.unwrap_or_else(|| target.path.clone());
        all.push(ImageChecked { what, place, overrides, at, answer });
    }
    let verdicts = strongest(states, |state| &state.verdicts, |it| it.policy.to_lowercase(), |it| it.at);
    if verdicts.is_empty() {
        return Ok(Some(all));
    }
    let explainer = Explainer::open(target)?;
    for Asked { it, place, overrides } in verdicts {
        let (policy, side) = policy_of(catalog, it).map_err(|error| wrong(&place, error))?;
        let explained = explainer.explain(catalog, policy, &Scope::from(side))?;
        let answer = answer(policy, side, it.next_boot, explained.verdict.next_boot);
        let what = ImageWhat::Verdict { policy: Named::of(policy), next_boot: it.next_boot };
        all.push(ImageChecked { what, place, overrides, at: target.path.clone(), answer });
    }
    Ok(Some(all))
}

fn wrong(place: &Place, error: TextError) -> SourceError {
    SourceError::State { path: place.path.clone(), error: Box::new(error) }
}

/// Something that is asked for, and where.
struct Asked<'s, T> {
    it: &'s T,
    place: Place,
    overrides: Option<Place>,
}

/// What is asked for, of the same thing only what the strongest file says.
fn strongest<'s, T: PartialEq, I: PartialEq>(
    states: &'s [(PathBuf, StateFile)],
    list: impl Fn(&'s StateFile) -> &'s Vec<T>,
    id: impl Fn(&T) -> I,
    at: impl Fn(&T) -> At,
) -> Vec<Asked<'s, T>> {
    let mut all: Vec<Asked<'s, T>> = Vec::new();
    for (path, state) in states {
        for it in list(state) {
            let place = Place { path: path.clone(), spot: Spot::Line(at(it).line) };
            // What one file says twice is asked for twice, and one of both may fail.
            let weaker = all.iter().position(|asked| asked.place.path != *path && id(asked.it) == id(it));
            let overrides = weaker.map(|index| all.remove(index).place);
            all.push(Asked { it, place, overrides });
        }
    }
    all
}

fn fact_id(fact: &Fact) -> [Folded; 3] {
    [&fact.hive, &fact.key, &fact.value].map(|text| Folded::from(text.as_str()))
}

fn check_fact(image: &Image, fact: &Fact) -> (ImageWhat, Option<PathBuf>, ImageAnswer) {
    let known =
        [HiveName::Software, HiveName::System].into_iter().find(|it| it.as_str().eq_ignore_ascii_case(&fact.hive));
    let key = match known {
        Some(HiveName::System) => format!(r"SYSTEM\CurrentControlSet\{}", fact.key),
        Some(HiveName::Software) => format!(r"SOFTWARE\{}", fact.key),
        None => format!(r"{}\{}", fact.hive, fact.key),
    };
    let (value_type, data) = &fact.equals;
    let answer = match known {
        None => ImageAnswer::Unknown(format!(
            "gpol reads the hives SYSTEM and SOFTWARE of an installation, not {}",
            fact.hive
        )),
        Some(hive) => match image.value(&key, &fact.value, When::NextBoot) {
            Err(error) => ImageAnswer::Unknown(error.to_string()),
            Ok(found) => match (doubt(image, hive), found) {
                (Some(doubt), _) => ImageAnswer::Unknown(doubt),
                (None, None) => ImageAnswer::Absent,
                (None, Some(found)) => {
                    let found_type = ValueType(found.value_type.0);
                    let same = found_type == *value_type && plain(found_type, &found.data) == plain(*value_type, data);
                    if same { ImageAnswer::Pass(Vec::new()) } else { ImageAnswer::Value(found) }
                }
            },
        },
    };
    let (value_type, data) = fact.equals.clone();
    let hive = image.locate(&key, When::NextBoot).ok().map(|(path, _)| path.to_path_buf());
    (ImageWhat::Fact { key, value_name: fact.value.clone(), value_type, data }, hive, answer)
}

/// Why the hive may not say what Windows would find.
fn doubt(image: &Image, name: HiveName) -> Option<String> {
    let (.., hive) = image.hives().find(|(of, ..)| *of == name)?;
    Some(format!("the {} hive may be old: {}", name.as_str(), stale(hive.ok()?)?))
}

fn policy_of<'c>(catalog: &'c Catalog, verdict: &Verdict) -> Result<(&'c Policy, Side), TextError> {
    let error = |what: String| TextError::new(verdict.at.line, verdict.at.column, what);
    let found = catalog.find(&verdict.policy).map_err(|why| {
        error(why.to_string()).help("name the templates that it comes from with --admx, and the policy by its id")
    })?;
    let side = match (found.side, found.policy.class) {
        (Some(side), _) => side,
        (None, Class::User) => Side::User,
        (None, Class::Machine) => Side::Computer,
        (None, Class::Both) => {
            return Err(error(format!("{} exists on both sides", found.policy.id()))
                .help("name it by its path, which begins with Computer Configuration or User Configuration"));
        }
    };
    Ok((found.policy, side))
}

/// Whether what is decided is what a state of the policy would lead to.
///
/// Where no policy decides, a local setting or a default may come to the same; it passes then, and says so. What depends on
/// something passes, or fails, if each of its ways does.
fn answer(policy: &Policy, side: Side, wanted: WantedState, decision: Decision) -> ImageAnswer {
    let passes = |way: &Decision| way.state.map(|state| fits(policy, side, wanted, way, state));
    match decision.read(|way| passes(way).map(|fits| fits != Fits::No)) {
        None => ImageAnswer::Unknown(decision.meaning),
        Some(false) => ImageAnswer::Decided(decision),
        Some(true) => {
            let by = decision.read(passes).and_then(Fits::without_policy);
            let users = "the users' own registry hives, which are not read, say nothing else";
            let users = Some(users).filter(|_| side == Side::User);
            ImageAnswer::Pass(by.into_iter().chain(users).map(str::to_owned).collect())
        }
    }
}

/// Whether a state is there, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fits {
    No,
    ByPolicy,
    ByDefault,
    ByLocalSetting,
}

impl Fits {
    /// What comes to the state where no policy has it.
    fn without_policy(self) -> Option<&'static str> {
        match self {
            Self::ByDefault => Some("Windows keeps to its default, which decides where no policy does"),
            Self::ByLocalSetting => Some("the local setting stays, which decides where no policy does"),
            Self::ByPolicy | Self::No => None,
        }
    }
}

fn fits(policy: &Policy, side: Side, wanted: WantedState, way: &Decision, state: &str) -> Fits {
    if state == wanted.as_str() {
        return Fits::ByPolicy;
    }
    let by = match way.layer {
        Some("default") => Fits::ByDefault,
        Some("local-setting") => Fits::ByLocalSetting,
        _ => return Fits::No,
    };
    let Some(fact) = Facts::get().of(policy) else { return Fits::No };
    let would = match wanted {
        WantedState::NotConfigured => None,
        WantedState::Enabled => written(policy, side, fact, &Wanted::Enabled(Vec::new())),
        WantedState::Disabled => written(policy, side, fact, &Wanted::Disabled).or_else(|| fact.0.disabled.clone()),
    };
    let is = match &way.value {
        Some(ValueModel::Number(n)) => Some(n.to_string()),
        Some(ValueModel::Text(text)) => Some(text.lossy()),
        _ => None,
    };
    if would.is_some() && would == is { by } else { Fits::No }
}
