//! What is checked against what: the target, and what is wanted of it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ::admx::Catalog;
use gpo::ad::domain_of;
use gpo::by_scope::{only_scope, settle, take, unknown};
use gpo::check::{ImageChecked, ImageError, of_image, switched_off};
use gpo::contents::{Contents, GpoFile};
use gpo::desired::{self, Desired};
use gpo::exchange::lgpo::Scope;
use gpo::exchange::state::{StateFile, Unmanaged};
use gpo::source::{OfGpo, Options, Source};
use gpo::target::{self, Opened, Target};

use super::{CheckArgs, nothing};
use crate::commands::pol::count;
use crate::commands::sides::{Reader, SourceModel, side_needed, warn_of};
use crate::context::{failed, read_text};
use crate::error::{Code, CommandError};
use crate::paste::quoted;
use crate::source_error::{desired_error, source_error};
use crate::ui::Ui;

/// All that is checked.
pub struct Case {
    pub target: SourceModel,
    pub expected: Vec<SourceModel>,
    /// One for each GPO with `--each`, else one.
    pub pairs: Vec<Pair>,
    /// The state files, the weakest first.
    pub states: Vec<(PathBuf, StateFile)>,
    /// What they say of an installation.
    pub image: Vec<ImageChecked>,
    /// What state files say and is not checked.
    pub unsupported: Vec<String>,
    /// GPOs that cannot be read, and why.
    pub unreadable: Vec<String>,
    /// Files that state files among the expectations extend.
    pub extended: Vec<PathBuf>,
    /// GPOs of the target that the order does not name.
    pub left_out: Vec<String>,
    pub notes: Vec<String>,
}

/// A target, or one GPO of it, and what is wanted of it.
pub struct Pair {
    /// The GPO, with `--each`.
    pub gpo: Option<String>,
    pub desired: Desired,
    pub target: Source,
}

impl Case {
    pub fn read(
        args: &CheckArgs,
        catalog: &'static Catalog,
        options: Options<'_>,
        ui: &Ui,
    ) -> Result<Self, CommandError> {
        let asked = args.sides.scope.as_ref().map(Scope::from);
        let mut reader = Reader::new(options, &args.sides);
        let mut target = reader.read(&args.target, ui)?;
        warn_of(&target.notes, ui);
        let left_out = match &args.order {
            Some(path) => sorted(&mut target, path)?,
            None => Vec::new(),
        };
        let mut expected = Vec::new();
        for path in &args.expected {
            expected.push(reader.read(path, ui)?);
        }
        if expected.iter().all(|source| is_silent(source) && (args.sides.registry_only || !holds_others(source))) {
            return Err(nothing(args));
        }
        // A policy file without a record needs no scope.
        expected
            .iter_mut()
            .for_each(|source| source.parts.retain(|part| part.scope.is_some() || !part.file.is_empty()));
        let models = expected.iter().map(SourceModel::new).collect();
        let mut notes = about_target(&target, ui);
        if !args.each && namesakes(&target, &expected) > 1 {
            let text =
                "Both sides have GPOs of the same names; --each checks them one by one, each against its namesake.";
            notes.push(text.to_owned());
        }
        reader.leave_out_broken(std::slice::from_mut(&mut target));
        take(std::slice::from_mut(&mut target), asked.as_ref());
        take(&mut expected, asked.as_ref());
        settle(&mut expected, only_scope(std::slice::from_ref(&target)).as_ref());
        let mut case = Self {
            target: SourceModel::new(&target),
            expected: models,
            pairs: Vec::new(),
            states: Vec::new(),
            image: Vec::new(),
            unsupported: Vec::new(),
            unreadable: std::mem::take(&mut reader.unreadable),
            extended: Vec::new(),
            left_out,
            notes,
        };
        if args.each {
            reader.leave_out_broken(&mut expected);
            case.pairs = each(&target, &expected, catalog, args)?;
            expected.iter().for_each(|source| warn_of(&source.notes, ui));
            return Ok(case);
        }
        if let Some(path) = unknown(&expected) {
            return Err(side_needed(path));
        }
        let mut desired =
            desired::of(expected, catalog, args.sides.scope.as_ref(), args.extends.reach()).map_err(desired_error)?;
        warn_of(&desired.notes, ui);
        // What files say that are extended comes in here, too.
        desired.scopes.retain(|wanted| !reader.is_broken(&(&wanted.scope).into()));
        case.states = std::mem::take(&mut desired.states);
        let is_named = |path: &PathBuf| args.expected.contains(path);
        case.extended = case.states.iter().map(|(path, _)| path).filter(|path| !is_named(path)).cloned().collect();
        settle(std::slice::from_mut(&mut target), scope_of(&desired).as_ref());
        if let Some(path) = unknown(std::slice::from_ref(&target)) {
            return Err(side_needed(path));
        }
        case.look_into_image(args, catalog)?;
        case.pairs.push(Pair { gpo: None, desired, target });
        Ok(case)
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        let of_pair = |pair: &Pair| {
            let no_policy = pair.desired.scopes.iter().all(|it| it.file.is_empty() && it.forgotten.is_empty());
            no_policy && pair.desired.beside_policy().is_empty()
        };
        self.pairs.iter().all(of_pair) && self.image.is_empty() && self.unsupported.is_empty()
    }

    /// What the last state file says of settings that none of them names.
    pub fn unmanaged(&self) -> Unmanaged {
        self.pairs.first().map(|pair| pair.desired.unmanaged).unwrap_or_default()
    }

    fn look_into_image(&mut self, args: &CheckArgs, catalog: &Catalog) -> Result<(), CommandError> {
        let asks = |state: &StateFile| state.facts.len().saturating_add(state.verdicts.len());
        if self.states.iter().all(|(_, state)| asks(state) == 0) {
            return Ok(());
        }
        let looked_at = match open_one(&args.target) {
            Some(target) => of_image(&target, catalog, &self.states).map_err(|error| match error {
                ImageError::State(error) => source_error(error),
                ImageError::Target(error) => failed(error),
                other => CommandError::new(Code::READ, other.to_string()),
            })?,
            None => None,
        };
        match looked_at {
            Some(found) => self.image = found,
            None => {
                self.unsupported.extend(self.states.iter().filter(|(_, state)| asks(state) > 0).map(|(path, state)| {
                    let (path, target) = (path.display(), args.target.display());
                    let what = [(state.facts.len(), "fact"), (state.verdicts.len(), "verdict")];
                    let what: Vec<String> =
                        what.iter().filter(|(n, _)| *n > 0).map(|(n, what)| count(*n, what)).collect();
                    let what = what.join(" and ");
                    format!("{path}: {what} about an image; {target} is no Windows installation and lies in none")
                }))
            }
        }
        Ok(())
    }
}

/// Whether a source says nothing that could be checked.
fn is_silent(source: &Source) -> bool {
    let says = |state: &StateFile| [state.extends.len(), state.facts.len(), state.verdicts.len()] != [0; 3];
    source.parts.iter().all(|part| part.file.is_empty() && part.absent.is_empty())
        && !source.state.as_ref().is_some_and(says)
}

/// Whether it holds something beside registry policy.
fn holds_others(source: &Source) -> bool {
    !source.beside_policy().is_empty()
}

/// The target as such, if it is one.
fn open_one(path: &Path) -> Option<Target> {
    match target::open(path).ok()? {
        Opened::One(target) => Some(target),
        Opened::Several(_) => None,
    }
}

/// What must be known of the target's folders: entries that differ only by case, and sides that Windows does not apply.
fn about_target(source: &Source, ui: &Ui) -> Vec<String> {
    // A policy file alone is a target, too.
    let alone = source.targets.is_empty().then(|| Target::open(&source.path).ok()).flatten();
    let mut notes = Vec::new();
    for target in source.targets.iter().chain(&alone) {
        crate::context::warn(target, ui);
        for (scope, gpt_ini) in switched_off(target) {
            let ini = gpt_ini.display();
            notes.push(format!("Windows applies nothing of {scope} there: {ini} switches that side off (Options)."));
        }
    }
    notes
}

/// Puts the target's GPOs into the order of a file.
fn sorted(target: &mut Source, path: &Path) -> Result<Vec<String>, CommandError> {
    let text = read_text(path)?;
    target.sort_gpos(&text).map_err(|error| {
        CommandError::new(Code::ORDER, format!("{}: {error}", path.display()))
            .detail("Nothing was checked.")
            .help("name each GPO by its path, which is always one alone")
    })
}

/// The only scope that something is wanted of.
fn scope_of(desired: &Desired) -> Option<Scope> {
    let mut scopes = desired.scopes.iter().filter(|it| !it.file.is_empty() || !it.forgotten.is_empty());
    match (scopes.next(), scopes.next()) {
        (Some(only), None) => Some(Scope::from(&only.scope)),
        _ => None,
    }
}

/// How many GPOs of the expectations have a namesake in the target.
fn namesakes(target: &Source, expected: &[Source]) -> usize {
    let (mut names, mut guids) = (HashSet::new(), HashSet::new());
    for gpo in &target.contents {
        names.extend(gpo.gpo.as_deref().map(folded));
        guids.extend(gpo.guid.as_deref().map(folded));
    }
    let is_there = |gpo: &Contents| {
        gpo.gpo.as_deref().is_some_and(|name| names.contains(&folded(name)))
            || gpo.guid.as_deref().is_some_and(|guid| guids.contains(&folded(guid)))
    };
    let count = |source: &Source| {
        let configured: HashSet<&PathBuf> = source.parts.iter().filter_map(|part| part.folder.as_ref()).collect();
        let says = |gpo: &Contents| configured.contains(&gpo.folder) || gpo.files.iter().any(GpoFile::is_overlooked);
        source.contents.iter().filter(|gpo| says(gpo) && is_there(gpo)).count()
    };
    expected.iter().map(count).sum()
}

/// GPOs in folders, by what they are called.
struct Called<'g> {
    gpos: &'g [OfGpo],
    names: HashMap<String, Vec<usize>>,
    guids: HashMap<String, Vec<usize>>,
}

impl<'g> Called<'g> {
    fn of(gpos: &'g [OfGpo]) -> Self {
        let (mut names, mut guids): (HashMap<String, Vec<usize>>, HashMap<String, Vec<usize>>) = Default::default();
        for (at, gpo) in gpos.iter().enumerate().filter(|(_, gpo)| gpo.folder().is_some()) {
            for (called, table) in [(gpo.name(), &mut names), (gpo.guid(), &mut guids)] {
                if let Some(called) = called {
                    table.entry(folded(called)).or_default().push(at);
                }
            }
        }
        Self { gpos, names, guids }
    }

    /// Those that have the name of this one; else those that have its GUID. Where several have, or several `among` those
    /// that it is one of, those of its domain: the two default GPOs have the same GUIDs in every domain, and mostly the
    /// same names.
    fn like(&self, gpo: &OfGpo, among: &Self) -> Vec<&'g OfGpo> {
        if gpo.folder().is_none() {
            return Vec::new();
        }
        let of = |table: &HashMap<String, Vec<usize>>, called: Option<&String>| {
            called.and_then(|called| table.get(&folded(called))).cloned().unwrap_or_default()
        };
        let by_name = of(&self.names, gpo.name());
        let (found, twins) = match by_name.is_empty() {
            false => (by_name, of(&among.names, gpo.name()).len()),
            true => (of(&self.guids, gpo.guid()), of(&among.guids, gpo.guid()).len()),
        };
        let found: Vec<&OfGpo> = found.into_iter().filter_map(|at| self.gpos.get(at)).collect();
        let domain = |gpo: &OfGpo| gpo.folder().and_then(|folder| domain_of(folder));
        match domain(gpo) {
            Some(own) if found.len() > 1 || twins > 1 => {
                found.into_iter().filter(|other| domain(other).is_none_or(|other| other == own)).collect()
            }
            _ => found,
        }
    }
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Whether a GPO has a policy file, or another one that sets something.
fn says_something(gpo: &OfGpo) -> bool {
    let files = gpo.contents.iter().flat_map(|contents| &contents.files);
    !gpo.parts.is_empty() || files.into_iter().any(GpoFile::is_overlooked)
}

/// GPO by GPO: each of the expectations with its namesake of the target, then those of the target that nothing is
/// expected of.
fn each(target: &Source, expected: &[Source], catalog: &Catalog, args: &CheckArgs) -> Result<Vec<Pair>, CommandError> {
    for source in expected.iter().chain([target]) {
        if source.parts.is_empty() || source.parts.iter().any(|part| part.folder.is_none()) {
            let what = format!(
                "{} ({}) has no GPOs that could be checked one by one",
                source.path.display(),
                source.kind.name()
            );
            return Err(CommandError::new(Code::NOTHING_CHECKED, what)
                .help("leave --each out, or name a folder of GPOs or of GPO backups on both sides"));
        }
    }
    let there = target.gpos();
    let gpos = Called::of(&there);
    let wanted: Vec<(&Source, OfGpo)> =
        expected.iter().flat_map(|source| source.gpos().into_iter().map(move |gpo| (source, gpo))).collect();
    let (sources, all_wanted): (Vec<&Source>, Vec<OfGpo>) =
        wanted.into_iter().filter(|(_, gpo)| says_something(gpo)).unzip();
    let called = Called::of(&all_wanted);
    let of = |source: &Source, gpo: &OfGpo| Source {
        kind: source.kind,
        path: source.path.clone(),
        parts: gpo.parts.clone(),
        asides: Vec::new(),
        contents: gpo.contents.clone().into_iter().collect(),
        targets: Vec::new(),
        notes: Vec::new(),
        state: source.state.clone(),
        broken: Vec::new(),
    };
    let nothing = OfGpo { parts: Vec::new(), contents: None };
    let (mut pairs, mut used) = (Vec::new(), HashSet::new());
    // The only ones are a pair whatever they are called; an image has no name at all.
    let only = there.len() == 1 && all_wanted.len() == 1;
    for (source, gpo) in sources.into_iter().zip(&all_wanted) {
        let name = gpo.title();
        let found = if only { there.iter().collect() } else { gpos.like(gpo, &called) };
        let twins = if found.len() > 1 { found.clone() } else { called.like(gpo, &called) };
        if twins.len() > 1 {
            return Err(several(&name, &twins));
        }
        used.extend(found.first().map(|found| found.folder().cloned()));
        let target = of(target, found.first().copied().unwrap_or(&nothing));
        let desired = desired::of(vec![of(source, gpo)], catalog, args.sides.scope.as_ref(), args.extends.reach())
            .map_err(desired_error)?;
        pairs.push(Pair { gpo: Some(name), desired, target });
    }
    for gpo in &there {
        if used.contains(&gpo.folder().cloned()) || !says_something(gpo) {
            continue;
        }
        pairs.push(Pair { gpo: Some(gpo.title()), desired: Desired::default(), target: of(target, gpo) });
    }
    Ok(pairs)
}

fn several(name: &str, gpos: &[&OfGpo]) -> CommandError {
    let what = format!("{} GPOs have the name or GUID {name:?}, and nothing says which one is meant", gpos.len());
    let folders = gpos.iter().filter_map(|gpo| gpo.folder());
    let error = folders.fold(CommandError::new(Code::SEVERAL_GPOS, what), |error, folder| {
        error.detail(quoted(&folder.display().to_string()))
    });
    error.help("check one of them against one:  gpol check TARGET EXPECTED")
}
