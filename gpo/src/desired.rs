//! What is wanted of a target, out of one or more sources: state files with the files that they extend, and anything
//! else that says registry policy.
//!
//! A later source wins over an earlier one, and a state file over those that it extends. Over those it only wins where
//! it says so: a policy that contradicts them needs `override: true`.

mod lay;
mod once;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use admx::{Catalog, Side, Wanted, write_set};
use polfile::{Folded, PolicyFile, Record, RecordRef, Slot};

use crate::contents::Contents;
use crate::error::Error;
use crate::exchange::TextError;
use crate::exchange::state::{At, StateFile, Unmanaged, by_id};
use crate::scope::Scope;
use crate::source::{self, Options, Part, Place, SetAside, Source, SourceError, Spot};

pub use lay::Overruled;
pub(crate) use lay::{come_to_the_same, lay, lay_all, take_out};

/// What is wanted, by scope.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// One for each scope that a source names, in the order in which they do.
    pub scopes: Vec<DesiredScope>,
    /// What becomes of settings that no source names, as the last source says.
    pub unmanaged: Unmanaged,
    /// What texts among the sources hold beside registry policy.
    pub asides: Vec<SetAside>,
    /// The GPOs among the sources with all their files, the weakest first.
    pub contents: Vec<Contents>,
    /// What a person should know of the sources.
    pub notes: Vec<(Place, String)>,
    /// The state files among the sources, and those that they extend, the weakest first.
    pub states: Vec<(PathBuf, StateFile)>,
}

/// What is wanted of one scope.
#[derive(Clone, Debug)]
pub struct DesiredScope {
    /// Whose.
    pub scope: Scope,
    /// The records that are wanted.
    pub file: PolicyFile,
    /// Where each of them is asked for.
    pub origins: BTreeMap<Slot, Origin>,
    /// What must have no record.
    pub forgotten: Vec<Forgotten>,
    /// Policies that are named: what else belongs to them goes.
    pub policies: Vec<String>,
}

/// Where something is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The place.
    pub place: Place,
    /// The GPO that asks for it, where the source has several or names it.
    pub gpo: Option<String>,
    /// Where a weaker source asks for something else.
    pub overrides: Option<Place>,
}

/// Something that must have no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// What.
    pub what: What,
    /// Where it is asked for.
    pub origin: Origin,
}

/// What must have no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A policy, by its id.
    Policy(String),
    /// A value, by key and name.
    Value(String, String),
}

/// Which files a state file may extend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Those in the folder of the file that was named, and below it.
    #[default]
    OwnFolder,
    /// Any.
    Anywhere,
}

/// How many state files may each extend the next.
const DEEPEST: usize = 64;

/// Why it is not clear what is wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DesiredError {
    /// A source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nothing says whose records they are.
    #[error("nothing says which side {} belongs to", .0.display())]
    SideNeeded(PathBuf),
    /// A source names a user by an account, which no file can tell the SID of.
    #[error("{place}: {account} is a user's account by its name; a target knows users by their SIDs")]
    Account {
        /// Where.
        place: Place,
        /// As the source says it.
        account: String,
    },
    /// A state file extends one outside of the folder of the file that was named.
    #[error("{place}: {file} lies outside of the folder of {}", named.display())]
    Outside {
        /// Where.
        place: Place,
        /// As the file says it.
        file: String,
        /// The file that was named.
        named: PathBuf,
    },
    /// A state file contradicts one that it extends, and does not say that it means to.
    #[error("{place}: {policy} is wanted otherwise than in {weaker}")]
    Contradiction {
        /// Where.
        place: Place,
        /// Id of the policy.
        policy: String,
        /// Where the file that is extended says it.
        weaker: Place,
    },
}

/// Reads sources, the weakest first. With `asked`, only what they say of that scope; a policy file or a list of records
/// that does not tell its scope is taken for it.
///
/// # Errors
///
/// [`DesiredError`] if one cannot be read, or it is not clear what is wanted.
pub fn read(paths: &[PathBuf], catalog: &Catalog, asked: Option<&Scope>) -> Result<Desired, DesiredError> {
    let options = Options { catalog: Some(catalog), ..Options::default() };
    let sources = paths.iter().map(|path| source::read(path, options)).collect::<Result<Vec<_>, _>>()?;
    of(sources, catalog, asked, Reach::OwnFolder)
}

/// As [`read`], of sources that were read already. The files that they extend are read here.
///
/// # Errors
///
/// As [`read`].
pub fn of(
    sources: Vec<Source>,
    catalog: &Catalog,
    asked: Option<&Scope>,
    reach: Reach,
) -> Result<Desired, DesiredError> {
    let mut all = Desired::default();
    for source in sources {
        let within = (reach == Reach::OwnFolder).then(|| (canonical(folder_of(&source.path)), source.path.clone()));
        let told = Desired::default();
        let mut reader = Reader { catalog, asked, within, open: Vec::new(), known: HashMap::new(), told };
        let one = reader.take(source)?;
        all.unmanaged = one.unmanaged;
        all.add(one, catalog);
        all.asides.extend(reader.told.asides);
        all.contents.extend(reader.told.contents);
        all.notes.extend(reader.told.notes);
        all.states.extend(reader.told.states);
    }
    Ok(all)
}

/// The records of a file, by key: what belongs to a policy is found without a walk through all of them.
pub(crate) struct ByKey<'f> {
    file: &'f PolicyFile,
    keys: HashMap<Folded, Vec<usize>>,
}

impl<'f> ByKey<'f> {
    pub(crate) fn of(file: &'f PolicyFile) -> Self {
        let mut keys: HashMap<Folded, Vec<usize>> = HashMap::new();
        for (index, record) in file.records().enumerate() {
            keys.entry(record.key.fold()).or_default().push(index);
        }
        Self { file, keys }
    }

    /// The records that belong to a policy: those that it would forget if it were not configured.
    pub(crate) fn owned(&self, catalog: &Catalog, policy: &str, side: Side) -> Vec<RecordRef<'f>> {
        let policy = by_id(catalog, policy);
        let Some(set) = policy.and_then(|policy| write_set(policy, side, &Wanted::NotConfigured).ok()) else {
            return Vec::new();
        };
        let keys: BTreeSet<Folded> = set.keys().map(Folded::from).collect();
        let indexes = keys.iter().filter_map(|key| self.keys.get(key)).flatten();
        indexes.filter_map(|&index| self.file.record(index)).filter(|record| set.owns(catalog, record)).collect()
    }

    /// As [`owned`](Self::owned), what they are about.
    pub(crate) fn slots(&self, catalog: &Catalog, policy: &str, side: Side) -> Vec<Slot> {
        self.owned(catalog, policy, side).iter().map(RecordRef::slot).collect()
    }
}

/// A policy that must not contradict what its file extends.
struct Careful {
    scope: Scope,
    policy: String,
    place: Place,
}

/// Reads one source, with the files that it extends.
struct Reader<'a> {
    catalog: &'a Catalog,
    asked: Option<&'a Scope>,
    /// The folder in which all must lie, if there is one, by its real path, and the file that was named.
    within: Option<(PathBuf, PathBuf)>,
    /// Files that are being read, by their real paths, the outermost first.
    open: Vec<PathBuf>,
    /// What the files come to that were read, by their real paths: each is read once, however often it is extended.
    known: HashMap<PathBuf, Desired>,
    /// What there is to tell of them, the weakest first.
    told: Desired,
}

impl Reader<'_> {
    fn take(&mut self, source: Source) -> Result<Desired, DesiredError> {
        let mut all = Desired::default();
        if let Some(state) = &source.state {
            let path = &*source.path;
            self.open.push(canonical(path));
            let namespaces = self.catalog.policies();
            for (namespace, at) in &state.require {
                if !namespaces.iter().any(|policy| *policy.namespace == **namespace) {
                    return Err(wrong(path, *at, format!("the templates do not have the namespace {namespace}")));
                }
            }
            for (weaker, at) in &state.extends {
                let weaker = self.extended(path, weaker, *at)?;
                all.add(weaker, self.catalog);
            }
            self.open.pop();
        }
        let own = self.own(source)?;
        for scope in &own.0.scopes {
            let Some(weaker) = all.of(&scope.scope) else { continue };
            let (theirs, ours) = (ByKey::of(&weaker.file), ByKey::of(&scope.file));
            let named = own.1.iter().filter(|careful| careful.scope == scope.scope);
            for Careful { policy, place, .. } in named {
                if let Some(weaker) = weaker.contradicted(&theirs, &ours, policy, self.catalog) {
                    return Err(DesiredError::Contradiction { place: place.clone(), policy: policy.clone(), weaker });
                }
            }
        }
        all.unmanaged = own.0.unmanaged;
        all.add(own.0, self.catalog);
        Ok(all)
    }

    /// What a file comes to that another one extends.
    fn extended(&mut self, by: &Path, name: &str, at: At) -> Result<Desired, DesiredError> {
        let path = by.parent().unwrap_or(Path::new("")).join(name);
        let real = self.real(by, name, at)?;
        if self.open.contains(&real) {
            return Err(wrong(by, at, format!("{} extends itself by this", path.display())));
        }
        if let Some(known) = self.known.get(&real) {
            return Ok(known.clone());
        }
        if self.open.len() >= DEEPEST {
            return Err(wrong(by, at, format!("more than {DEEPEST} files each extend the next")));
        }
        let options = Options { catalog: Some(self.catalog), ..Options::default() };
        let source = source::read(&path, options).map_err(|error| match error {
            SourceError::Lgpo { .. } | SourceError::Records { .. } | SourceError::Text { .. } => {
                unquoted(by, &path, at)
            }
            SourceError::Policy(error) if matches!(*error, Error::Malformed { .. }) => unquoted(by, &path, at),
            error => error.into(),
        })?;
        let desired = self.take(source)?;
        self.known.insert(real, desired.clone());
        Ok(desired)
    }

    /// The real path of a file that another one extends. Links count by where they lead. Of what lies outside, nothing is
    /// told, not even whether it is there.
    fn real(&self, by: &Path, name: &str, at: At) -> Result<PathBuf, DesiredError> {
        let path = by.parent().unwrap_or(Path::new("")).join(name);
        let mut said = canonical(folder_of(by));
        for part in Path::new(name).components() {
            match part {
                Component::ParentDir => drop(said.pop()),
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir | Component::Normal(_) => said.push(part),
            }
        }
        let real = path.canonicalize();
        if let Some((folder, named)) = &self.within
            && !real.as_ref().unwrap_or(&said).starts_with(folder)
        {
            let place = Place { path: by.to_path_buf(), spot: Spot::Line(at.line) };
            return Err(DesiredError::Outside { place, file: name.to_owned(), named: named.clone() });
        }
        real.map_err(|_| wrong(by, at, format!("{} does not exist", path.display())))
    }

    /// What a source says itself, and its policies that must not contradict what it extends.
    fn own(&mut self, source: Source) -> Result<(Desired, Vec<Careful>), DesiredError> {
        let unmanaged = source.state.as_ref().map(|state| state.unmanaged).unwrap_or_default();
        self.told.states.extend(source.state.map(|state| (source.path.clone(), state)));
        self.told.asides.extend(source.asides);
        self.told.contents.extend(source.contents);
        self.told.notes.extend(source.notes);
        let mut own = Desired { unmanaged, ..Desired::default() };
        let mut careful = Vec::new();
        let mut said_by: Vec<DesiredScope> = Vec::new();
        for part in source.parts {
            let Some(scope) = self.scope(&part)? else { continue };
            let place = |at: At| Place { path: part.path.clone(), spot: Spot::Line(at.line) };
            for named in part.policies.iter().filter(|named| !named.overrides) {
                careful.push(Careful { scope: scope.clone(), policy: named.id.clone(), place: place(named.at) });
            }
            let origin = |place| Origin { place, gpo: part.gpo.clone(), overrides: None };
            let forgotten = part.absent.iter().map(|absent| Forgotten {
                what: match &absent.policy {
                    Some(id) => What::Policy(id.clone()),
                    None => What::Value(absent.key.clone(), absent.value_name.clone()),
                },
                origin: origin(place(absent.at)),
            });
            let origins = part.file.records().enumerate();
            let said = DesiredScope {
                scope,
                origins: origins.map(|(index, record)| (record.slot(), origin(part.place(index)))).collect(),
                forgotten: forgotten.collect(),
                policies: part.policies.iter().map(|named| named.id.clone()).collect(),
                file: part.file,
            };
            said_by.push(said);
        }
        own.add_scopes(said_by, self.catalog);
        Ok((own, careful))
    }

    /// Whose records they are; `None` if they are not asked for.
    fn scope(&self, part: &Part) -> Result<Option<Scope>, DesiredError> {
        let Some(scope) = &part.scope else {
            return self.asked.cloned().map(Some).ok_or_else(|| DesiredError::SideNeeded(part.path.clone()));
        };
        match scope.word().parse::<Scope>() {
            Ok(scope) => Ok(Some(scope).filter(|scope| self.asked.is_none_or(|asked| asked == scope))),
            Err(_) => Err(DesiredError::Account { place: part.place(0), account: scope.to_string() }),
        }
    }
}

fn wrong(path: &Path, at: At, what: String) -> DesiredError {
    let error = Box::new(TextError::new(at.line, at.column, what));
    SourceError::State { path: path.to_path_buf(), error }.into()
}

/// A file that is extended and cannot be read as what it seems to be. It may be no file for this at all, so that nothing of it
/// is quoted.
fn unquoted(by: &Path, path: &Path, at: At) -> DesiredError {
    let what = format!("{} is no state file, and cannot be read as another source either", path.display());
    wrong(by, at, what)
}

/// The folder of a file; of standard input, the one that gpol runs in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

impl Desired {
    /// What the sources hold beside registry policy, in texts and in files.
    pub fn beside_policy(&self) -> Vec<SetAside> {
        let files = self.contents.iter().flat_map(|gpo| &gpo.files).filter(|file| file.is_overlooked());
        self.asides.iter().cloned().chain(files.map(SetAside::from)).collect()
    }

    fn of(&self, scope: &Scope) -> Option<&DesiredScope> {
        self.scopes.iter().find(|other| other.scope == *scope)
    }

    /// Adds a stronger source.
    fn add(&mut self, stronger: Self, catalog: &Catalog) {
        for scope in stronger.scopes {
            self.add_scope(scope, catalog);
        }
    }

    /// Adds what the parts of a source say, the weakest first. A domain has thousands of GPOs: those that say nothing of
    /// policies, and forget nothing, are laid over each other in one go.
    fn add_scopes(&mut self, parts: Vec<DesiredScope>, catalog: &Catalog) {
        let mut plain: BTreeMap<Scope, Vec<DesiredScope>> = BTreeMap::new();
        let is_plain = |part: &DesiredScope| part.forgotten.is_empty() && part.policies.is_empty();
        if !parts.iter().all(is_plain) || parts.len() < 2 {
            return parts.into_iter().for_each(|part| self.add_scope(part, catalog));
        }
        let order: Vec<Scope> = parts.iter().map(|part| part.scope.clone()).collect();
        for part in parts {
            plain.entry(part.scope.clone()).or_default().push(part);
        }
        for scope in order {
            if let Some(parts) = plain.remove(&scope) {
                self.add_scope(DesiredScope::joined(scope, parts), catalog);
            }
        }
    }

    fn add_scope(&mut self, stronger: DesiredScope, catalog: &Catalog) {
        match self.scopes.iter_mut().find(|scope| scope.scope == stronger.scope) {
            Some(scope) => scope.add(stronger, catalog),
            None => self.scopes.push(stronger),
        }
    }
}

impl DesiredScope {
    /// Nothing wanted.
    pub fn of(scope: Scope) -> Self {
        let (file, origins) = (PolicyFile::new(), BTreeMap::new());
        Self { scope, file, origins, forgotten: Vec::new(), policies: Vec::new() }
    }

    /// What several say together that name no policy and forget nothing; a later one wins.
    fn joined(scope: Scope, parts: Vec<Self>) -> Self {
        let (mut files, mut asked): (Vec<PolicyFile>, Vec<_>) =
            parts.into_iter().map(|part| (part.file, part.origins)).unzip();
        // What is said last of each value, and where.
        let mut said: HashMap<Slot, (RecordRef<'_>, Origin)> = HashMap::new();
        for (file, origins) in files.iter().zip(&mut asked) {
            for record in file.records().rev() {
                let slot = record.slot();
                // The last one of the file comes first here.
                let Some(mut origin) = origins.remove(&slot) else { continue };
                match said.entry(slot) {
                    Entry::Vacant(entry) => {
                        entry.insert((record, origin));
                    }
                    Entry::Occupied(mut entry) => {
                        let (weaker, at) = entry.get();
                        if !make_the_same(weaker, &record) {
                            origin.overrides = Some(at.place.clone());
                        }
                        entry.insert((record, origin));
                    }
                }
            }
        }
        let origins = said.into_iter().map(|(slot, (_, origin))| (slot, origin)).collect();
        let stronger = files.split_off(files.len().min(1));
        let mut all = Self { origins, file: files.pop().unwrap_or_default(), ..Self::of(scope) };
        lay_all(&mut all.file, &stronger);
        all
    }

    /// Where this scope says something else of a policy than a stronger one.
    fn contradicted(&self, weaker: &ByKey<'_>, stronger: &ByKey<'_>, policy: &str, catalog: &Catalog) -> Option<Place> {
        let side = self.scope.side();
        let records = |of: &ByKey<'_>| -> BTreeMap<Slot, Record> {
            let owned = of.owned(catalog, policy, side).into_iter();
            owned.map(|record| (record.slot(), record.to_record())).collect()
        };
        let (ours, theirs) = (records(weaker), records(stronger));
        let is_it = |forgotten: &&Forgotten| matches!(&forgotten.what, What::Policy(id) if id == policy);
        match ours.keys().next() {
            Some(_) if !alike(&ours, &theirs) => {
                let differs = ours.iter().find(|(slot, record)| !theirs.get(*slot).is_some_and(|r| same(record, r)));
                let slot = differs.or_else(|| ours.iter().next()).map(|(slot, _)| slot);
                slot.and_then(|slot| self.origins.get(slot)).map(|origin| origin.place.clone())
            }
            None if !theirs.is_empty() => self.forgotten.iter().find(is_it).map(|it| it.origin.place.clone()),
            _ => None,
        }
    }

    /// Lays what a stronger source says over this.
    fn add(&mut self, stronger: Self, catalog: &Catalog) {
        let side = self.scope.side();
        let kept: HashSet<Slot> = stronger.origins.keys().cloned().collect();
        // Where a weaker source forgets what a stronger one asks for.
        let mut undone: BTreeMap<Slot, Place> = BTreeMap::new();
        let theirs = ByKey::of(&stronger.file);
        for it in &self.forgotten {
            let slots: Vec<Slot> = match &it.what {
                What::Policy(id) if stronger.policies.contains(id) => theirs.slots(catalog, id, side),
                what => what.slot().into_iter().collect(),
            };
            undone.extend(slots.into_iter().map(|slot| (slot, it.origin.place.clone())));
        }
        // Where a weaker source says something of what a stronger one forgets.
        let mut forgotten = stronger.forgotten;
        let mut gone: HashSet<Slot> = HashSet::new();
        let ours = ByKey::of(&self.file);
        for policy in &stronger.policies {
            let mut unsaid = ours.slots(catalog, policy, side);
            unsaid.retain(|slot| !kept.contains(slot));
            let is_it = |what: &What| matches!(what, What::Policy(id) if id == policy);
            if let Some(slot) = unsaid.first() {
                let weaker = self.origins.get(slot).map(|origin| origin.place.clone());
                forgotten.iter_mut().filter(|it| is_it(&it.what)).for_each(|it| it.origin.overrides = weaker.clone());
            }
            gone.extend(unsaid);
        }
        let named: HashSet<&String> = stronger.policies.iter().collect();
        self.forgotten.retain(|it| !matches!(&it.what, What::Policy(id) if named.contains(id)));
        self.file.retain(|record| !gone.contains(&record.slot()));
        self.origins.retain(|slot, _| !gone.contains(slot));
        for it in &mut forgotten {
            let What::Value(..) = &it.what else { continue };
            let slot = it.what.slot();
            if let Some(weaker) = slot.as_ref().and_then(|slot| self.origins.remove(slot)) {
                it.origin.overrides = Some(weaker.place);
                self.file.retain(|record| Some(record.slot()) != slot);
            }
        }
        self.forgotten.retain(|it| it.what.slot().is_none_or(|slot| !kept.contains(&slot)));
        let ours: BTreeMap<Slot, Record> =
            self.file.records().map(|record| (record.slot(), record.to_record())).collect();
        let theirs: BTreeMap<Slot, Record> =
            stronger.file.records().map(|record| (record.slot(), record.to_record())).collect();
        for (slot, mut origin) in stronger.origins {
            if let (Some(weaker), Some(a), Some(b)) = (self.origins.get(&slot), ours.get(&slot), theirs.get(&slot))
                && !same(a, b)
            {
                origin.overrides = Some(weaker.place.clone());
            }
            origin.overrides = origin.overrides.or_else(|| undone.get(&slot).cloned());
            self.origins.insert(slot, origin);
        }
        lay_all(&mut self.file, [&stronger.file]);
        self.forgotten.extend(forgotten);
        self.policies.extend(stronger.policies);
        self.policies.sort();
        self.policies.dedup();
    }
}

impl What {
    /// The id of a policy.
    pub(crate) fn policy(&self) -> Option<&String> {
        match self {
            Self::Policy(id) => Some(id),
            Self::Value(..) => None,
        }
    }

    /// The slot of a value.
    pub(crate) fn slot(&self) -> Option<Slot> {
        let Self::Value(key, name) = self else { return None };
        // Any type but 0: an empty name means the default value here.
        let record = Record::new(key.as_str().into(), name.as_str().into(), polfile::ValueType::SZ, Vec::new()).ok()?;
        Some(record.as_ref().slot())
    }
}

/// Whether two records of one slot make the same of it.
fn same(a: &Record, b: &Record) -> bool {
    make_the_same(&a.as_ref(), &b.as_ref())
}

/// As [`same`], of records as they stand.
pub(crate) fn make_the_same(a: &RecordRef<'_>, b: &RecordRef<'_>) -> bool {
    a.action().name() == b.action().name() && (a.value_type, a.data) == (b.value_type, b.data)
}

fn alike(a: &BTreeMap<Slot, Record>, b: &BTreeMap<Slot, Record>) -> bool {
    a.len() == b.len() && a.iter().all(|(slot, record)| b.get(slot).is_some_and(|other| same(record, other)))
}
