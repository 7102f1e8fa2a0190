//! The walk itself. Every call to the system counts: a folder of GPOs is thousands of small ones.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use admx::file;

use super::{Content, Gpo, Part, Problem, Progress, Read, Wanted, problem};
use crate::contents::{self, GpoFile};
use crate::error::Error;
use crate::folders::{Identity, Leads, leads};
use crate::limits;
use crate::place::find;
use crate::scope::Scope;
use crate::target::{Kind, LOCAL, Target, TargetError, folder_guid, is_cached, recognise};

/// A folder of templates: hundreds of files and no GPO.
const TEMPLATES: &str = "PolicyDefinitions";

/// Entries that make a folder a target, or part of one.
const OF_A_TARGET: [&str; 8] =
    ["Windows", "System32", "GroupPolicyUsers", "DomainSysvol", "bkupInfo.xml", "gpt.ini", "Machine", "User"];

pub(super) struct Walk<'p, F> {
    pub wanted: Wanted,
    pub progress: &'p Progress,
    pub each: F,
}

/// An entry of a folder.
struct Entry {
    path: PathBuf,
    kind: fs::FileType,
}

impl Entry {
    fn is(&self, name: &str) -> bool {
        self.name().is_some_and(|n| n.eq_ignore_ascii_case(name))
    }

    fn name(&self) -> Option<&OsStr> {
        self.path.file_name()
    }
}

/// The entries of a folder, sorted.
fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        entries.push(Entry { kind: entry.file_type()?, path: entry.path() });
    }
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn has(entries: &[Entry], name: &str) -> bool {
    entries.iter().any(|entry| entry.is(name))
}

fn is_target(entries: &[Entry]) -> bool {
    OF_A_TARGET.iter().any(|name| has(entries, name))
}

/// A part of the work, for any core to take.
enum Job {
    /// A folder with its entries.
    Folder(PathBuf, Vec<Entry>),
    /// A folder that is not listed yet.
    Below(PathBuf),
    /// A folder that cannot be listed, or a link that is not followed.
    Unread(PathBuf, Problem),
}

impl Job {
    fn unread(path: PathBuf, source: io::Error) -> Self {
        let problem = problem(&path, source);
        Self::Unread(path, problem)
    }

    /// Lists a folder.
    fn listed(path: PathBuf) -> Self {
        match list(&path) {
            Ok(entries) => Self::Folder(path, entries),
            Err(error) => Self::unread(path, error),
        }
    }
}

/// Cuts a folder into jobs. Folders that are named by a GUID may be thousands; they are not listed here. A folder that is
/// reached a second time, by a mount, is left out.
fn plan(path: &Path, entries: Vec<Entry>, root: &Path) -> Vec<Job> {
    let (mut jobs, mut waiting) = (Vec::new(), vec![Job::Folder(path.to_path_buf(), entries)]);
    let mut seen = HashSet::new();
    while let Some(job) = waiting.pop() {
        match job {
            Job::Folder(path, entries) if folder_guid(&path).is_none() && !is_target(&entries) => {
                waiting.extend(below(entries, root).into_iter().rev());
            }
            Job::Below(path) if folder_guid(&path).is_none() => {
                match Identity::of(&path).map(|folder| seen.insert(folder)) {
                    Ok(true) => waiting.push(Job::listed(path)),
                    Ok(false) => {}
                    Err(error) => jobs.push(Job::unread(path, error)),
                }
            }
            job => jobs.push(job),
        }
    }
    jobs
}

/// What there is to do in a folder that is no GPO. What a link leads to inside the target is reached without it; one that
/// leads out of the target is not followed, and told.
fn below(entries: Vec<Entry>, root: &Path) -> Vec<Job> {
    let mut jobs = Vec::new();
    for Entry { path, kind } in entries.into_iter().filter(|entry| !entry.is(TEMPLATES)) {
        if kind.is_dir() {
            jobs.push(Job::Below(path));
        } else if kind.is_symlink() {
            match leads(&path, root) {
                Leads::Out(to) if to.is_dir() => jobs.push(Job::Unread(path.clone(), leads_out(&path, to))),
                Leads::Nowhere(error) if folder_guid(&path).is_some() => jobs.push(Job::unread(path, error)),
                Leads::Nowhere(_) | Leads::Inside | Leads::Out(_) => {}
            }
        }
    }
    jobs
}

impl<T: Send, F: Fn(Read) -> T + Sync> Walk<'_, F> {
    /// All GPOs of a target that was named, but for those that were found already.
    pub fn target(&self, path: &Path, known: &mut HashSet<Identity>) -> Result<Vec<T>, TargetError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename => TargetError::NotFound(path.to_path_buf()),
            _ => TargetError::Io { path: path.to_path_buf(), source },
        };
        if path.as_os_str() == LOCAL || !fs::metadata(path).map_err(io)?.is_dir() {
            return Ok(vec![self.of_target(Target::open(path)?, None)]);
        }
        let entries = list(path).map_err(io)?;
        let root = fs::canonicalize(path).map_err(io)?;
        let found = self.on_all_cores(plan(path, entries, &root), &root);
        if found.is_empty() {
            // Looked at closely, it says itself why it is no target.
            return Ok(vec![self.of_target(Target::open(path)?, Some(&root))]);
        }
        let new = found.into_iter().filter_map(|(gpo, found)| gpo.is_none_or(|gpo| known.insert(gpo)).then_some(found));
        Ok(new.collect())
    }

    /// Does the jobs; the results come in the order of the jobs.
    fn on_all_cores(&self, jobs: Vec<Job>, root: &Path) -> Vec<(Option<Identity>, T)> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get).min(jobs.len());
        let jobs: Vec<Mutex<Option<Job>>> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
        self.progress.known.fetch_add(jobs.len(), Ordering::Relaxed);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(at) else { return done };
                // Only a job that panicked could have poisoned its lock, and each is taken once.
                let job = job.lock().ok().and_then(|mut job| job.take());
                done.extend(job.map(|job| (at, self.job(job, root))));
                self.progress.done.fetch_add(1, Ordering::Relaxed);
            }
        };
        let mut done: Vec<(usize, Vec<_>)> = thread::scope(|scope| {
            let others: Vec<_> = (1..cores).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                match other.join() {
                    Ok(more) => done.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        });
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().flat_map(|(_, found)| found).collect()
    }

    /// All GPOs at and below a folder, each with what tells it from others.
    fn job(&self, job: Job, root: &Path) -> Vec<(Option<Identity>, T)> {
        let (mut found, mut waiting) = (Vec::new(), vec![job]);
        while let Some(job) = waiting.pop() {
            match job {
                Job::Below(path) => waiting.push(Job::listed(path)),
                Job::Unread(path, problem) => found.push((None, self.failed(&path, problem))),
                Job::Folder(path, entries) => match self.gpo(&path, root, &entries) {
                    Some(gpo) => found.push((Identity::of(&path).ok(), gpo)),
                    None => waiting.extend(below(entries, root).into_iter().rev()),
                },
            }
        }
        found
    }

    /// The GPO that a folder is; `None` if it is none, or holds others.
    fn gpo(&self, path: &Path, root: &Path, entries: &[Entry]) -> Option<T> {
        let guid = folder_guid(path);
        if guid.is_some() && !has(entries, "DomainSysvol") && !has(entries, "bkupInfo.xml") {
            let is_one = ["gpt.ini", "Machine", "User"].iter().any(|name| has(entries, name));
            return is_one.then(|| (self.each)(self.domain_gpo(path, root, guid, entries)));
        }
        if !is_target(entries) {
            return None;
        }
        match recognise(path) {
            Ok(Some(target)) => Some(self.of_target(target, Some(root))),
            // It only looked like one, or holds others: they are looked for one by one.
            Ok(None) => None,
            Err(error) => Some(self.failed(path, problem(path, error))),
        }
    }

    fn failed(&self, path: &Path, problem: Problem) -> T {
        let gpo = Gpo { kind: Kind::GpoSysvol, path: path.to_path_buf(), guid: folder_guid(path), name: None };
        (self.each)(Read { gpo, parts: Vec::new(), gpt_ini: Vec::new(), files: Vec::new(), problems: vec![problem] })
    }

    /// A folder that is named by a GUID: the fast way, since there are thousands of them.
    fn domain_gpo(&self, path: &Path, root: &Path, guid: Option<String>, entries: &[Entry]) -> Read {
        let kind = if is_cached(root) { Kind::GpoCached } else { Kind::GpoSysvol };
        let gpo = Gpo { kind, path: path.to_path_buf(), guid, name: None };
        let mut read = empty(gpo);
        for (scope, name) in [(Scope::Computer, "Machine"), (Scope::User, "User")] {
            for entry in entries.iter().filter(|entry| entry.is(name)) {
                if !entry.kind.is_symlink() || stays(&mut read, &entry.path, Some(root)) {
                    self.side(&mut read, &entry.path, &scope, Some(root));
                }
            }
        }
        if self.wanted.gpt_ini {
            for entry in entries.iter().filter(|entry| entry.is("gpt.ini")).take(1) {
                if !entry.kind.is_symlink() || stays(&mut read, &entry.path, Some(root)) {
                    ini(&mut read, &entry.path, vec![Scope::Computer, Scope::User]);
                }
            }
        }
        if self.wanted.files {
            take_files(&mut read, contents::listed(path, None));
        }
        read
    }

    /// Any other target, in the target that was named.
    fn of_target(&self, target: Target, root: Option<&Path>) -> T {
        let files = self.wanted.files.then(|| contents::of(&target).map(|contents| contents.files));
        let gpo = Gpo { kind: target.kind, path: target.path, guid: target.guid, name: target.name };
        let mut read = empty(gpo);
        if let Some(files) = files {
            take_files(&mut read, files);
        }
        for side in &target.sides {
            let file = &side.file.path;
            match (&side.scope, file.parent()) {
                (Some(scope), Some(folder)) if target.kind != Kind::Pol => {
                    // Every folder on the way may be a link.
                    if stays(&mut read, folder, root) {
                        self.side(&mut read, folder, scope, root);
                    }
                }
                (scope, _) => part(&mut read, scope.clone(), Content::Policy, file),
            }
        }
        if self.wanted.gpt_ini {
            let mut places: Vec<(&Path, Vec<Scope>)> = Vec::new();
            for side in &target.sides {
                let (Some(ini), Some(scope)) = (&side.gpt_ini, &side.scope) else { continue };
                match places.iter_mut().find(|(path, _)| *path == ini.path) {
                    Some((_, scopes)) => scopes.push(scope.clone()),
                    None => places.push((&ini.path, vec![scope.clone()])),
                }
            }
            for (path, scopes) in places.into_iter().filter(|(path, _)| path.exists()) {
                if stays(&mut read, path, root) {
                    ini(&mut read, path, scopes);
                }
            }
        }
        (self.each)(read)
    }

    /// The files of one side. Entries that differ only by case are all read: Windows sees one of them, and nothing says which.
    fn side(&self, read: &mut Read, folder: &Path, scope: &Scope, root: Option<&Path>) {
        let entries = match list(folder) {
            Ok(entries) => entries,
            // A target may lack a side; the folder of a domain GPO was listed before.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_domain_gpo(&read.gpo) => return,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return,
            Err(error) => return read.problems.push(problem(folder, error)),
        };
        for entry in &entries {
            if entry.is("Registry.pol") {
                if !entry.kind.is_symlink() || stays(read, &entry.path, root) {
                    part(read, Some(scope.clone()), Content::Policy, &entry.path);
                }
            } else if self.wanted.settings && entry.is("Preferences") {
                setting(read, scope, Content::Preferences, &entry.path, &["Registry", "Registry.xml"], root);
            } else if self.wanted.settings && entry.is("Microsoft") {
                setting(read, scope, Content::Security, &entry.path, &["Windows NT", "SecEdit", "GptTmpl.inf"], root);
            }
        }
    }
}

/// A GPO of which nothing has been read.
fn empty(gpo: Gpo) -> Read {
    Read { gpo, parts: Vec::new(), gpt_ini: Vec::new(), files: Vec::new(), problems: Vec::new() }
}

fn take_files(read: &mut Read, files: io::Result<Vec<GpoFile>>) {
    match files {
        Ok(files) => read.files = files,
        Err(error) => read.problems.push(problem(&read.gpo.path, error)),
    }
}

fn is_domain_gpo(gpo: &Gpo) -> bool {
    matches!(gpo.kind, Kind::GpoSysvol | Kind::GpoCached)
}

fn leads_out(path: &Path, to: PathBuf) -> Problem {
    let path = path.to_path_buf();
    Problem { error: Error::Target(TargetError::LeadsOut { path: path.clone(), to }), path }
}

/// Whether what belongs to a GPO lies in the target that was named. If a link leads out of it, that is a problem of the GPO.
fn stays(read: &mut Read, path: &Path, root: Option<&Path>) -> bool {
    match root.map(|root| leads(path, root)) {
        Some(Leads::Out(to)) => {
            read.problems.push(leads_out(path, to));
            false
        }
        // What leads nowhere says so when it is read.
        _ => true,
    }
}

fn setting(read: &mut Read, scope: &Scope, content: Content, folder: &Path, names: &[&str], root: Option<&Path>) {
    match find(folder, names) {
        Ok(Some(found)) => {
            for path in std::iter::once(&found.path).chain(&found.twins).filter(|path| !path.is_dir()) {
                if stays(read, path, root) {
                    part(read, Some(scope.clone()), content, path);
                }
            }
        }
        Ok(None) => {}
        Err(error) => read.problems.push(problem(folder, error)),
    }
}

fn part(read: &mut Read, scope: Option<Scope>, content: Content, path: &Path) {
    let limit = if content == Content::Policy { limits::POLICY_FILE } else { limits::TEXT };
    match file::read(path, limit) {
        Ok(bytes) => read.parts.push(Part { scope, content, path: path.to_path_buf(), bytes }),
        Err(error) => read.problems.push(problem(path, error)),
    }
}

fn ini(read: &mut Read, path: &Path, scopes: Vec<Scope>) {
    match file::read(path, limits::GPT_INI) {
        Ok(bytes) => read.gpt_ini.push((scopes, bytes)),
        Err(error) => read.problems.push(problem(path, error)),
    }
}

/// The templates of a target: those of a single one; of a folder of GPOs, the central store among them or what belongs to the first.
///
/// Nothing is listed twice, and no folder of a GPO but one: among thousands, this must cost nothing.
pub(super) fn store(path: &Path) -> Option<PathBuf> {
    if path.as_os_str() == LOCAL {
        return Target::open(path).ok()?.store;
    }
    store_below(path, STORE_DEEPEST)
}

/// How many folders deep a central store is looked for: `sysvol/sysvol/<domain>/Policies`.
const STORE_DEEPEST: usize = 3;

fn store_below(folder: &Path, depth: usize) -> Option<PathBuf> {
    let entries = list(folder).ok()?;
    if is_target(&entries)
        && let Some(target) = recognise(folder).ok()?
    {
        return target.store;
    }
    // A link may lead out of the target.
    if let Some(store) = entries.iter().find(|entry| entry.is(TEMPLATES) && entry.kind.is_dir()) {
        return Some(store.path.clone());
    }
    let (gpos, others): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().filter(|entry| entry.kind.is_dir()).partition(|entry| folder_guid(&entry.path).is_some());
    // Of domain GPOs there is nothing to ask, their store would stand beside them; backups have theirs elsewhere.
    let of_gpo = gpos.first().and_then(|gpo| recognise(&gpo.path).ok()??.store);
    of_gpo.or_else(|| {
        let others = others.into_iter().filter(|_| depth > 0);
        others.into_iter().find_map(|entry| store_below(&entry.path, depth - 1))
    })
}
