//! The walk itself. Every call to the system counts: a folder of GPOs is thousands of small ones.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Content, Gpo, Part, Problem, Progress, Read, Wanted, problem};
use crate::contents::{self, GpoFile};
use crate::place::find;
use crate::scope::Scope;
use crate::target::{Kind, LOCAL, Target, TargetError, folder_guid, is_cached};

/// How many folders deep GPOs are looked for; nobody's tree is deeper, and a walk must end.
const DEEPEST: usize = 64;

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

/// Cuts a folder into jobs. Folders that are named by a GUID may be thousands; they are not listed here.
fn plan(path: &Path, entries: Vec<Entry>, depth: usize, jobs: &mut Vec<Job>) {
    if folder_guid(path).is_some() || is_target(&entries) {
        return jobs.push(Job::Folder(path.to_path_buf(), entries, depth));
    }
    if depth == 0 {
        return;
    }
    for entry in entries {
        if entry.kind.is_symlink() || folder_guid(&entry.path).is_some() {
            jobs.push(Job::Below(entry, depth));
        } else if entry.kind.is_dir() && !entry.is(TEMPLATES) {
            match list(&entry.path) {
                Ok(entries) => plan(&entry.path, entries, depth - 1, jobs),
                Err(error) => jobs.push(Job::Unreadable(entry.path, error)),
            }
        }
    }
}

/// A part of the work, for any core to take.
enum Job {
    /// A folder that is a target by its entries, or looks like one.
    Folder(PathBuf, Vec<Entry>, usize),
    /// An entry of a folder, with how deep to look below it.
    Below(Entry, usize),
    /// A folder that cannot be listed.
    Unreadable(PathBuf, io::Error),
}

impl<T: Send, F: Fn(Read) -> T + Sync> Walk<'_, F> {
    /// All GPOs of a target that was named.
    pub fn target(&self, path: &Path) -> Result<Vec<T>, TargetError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => TargetError::NotFound(path.to_path_buf()),
            _ => TargetError::Io { path: path.to_path_buf(), source },
        };
        if path.as_os_str() == LOCAL || !fs::metadata(path).map_err(io)?.is_dir() {
            return Ok(vec![self.of_target(Target::open(path)?)]);
        }
        let entries = list(path).map_err(io)?;
        let root = fs::canonicalize(path).map_err(io)?;
        let mut jobs = Vec::new();
        plan(path, entries, DEEPEST, &mut jobs);
        let found = self.on_all_cores(jobs, &root);
        match found.is_empty() {
            // Looked at closely, it says itself why it is no target.
            true => Ok(vec![self.of_target(Target::open(path)?)]),
            false => Ok(found),
        }
    }

    /// Does the jobs; the results come in the order of the jobs.
    fn on_all_cores(&self, jobs: Vec<Job>, root: &Path) -> Vec<T> {
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
        let mut done: Vec<(usize, Vec<T>)> = thread::scope(|scope| {
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

    fn job(&self, job: Job, root: &Path) -> Vec<T> {
        match job {
            Job::Folder(path, entries, depth) => self.folder(&path, root, entries, depth),
            Job::Below(entry, depth) => self.below(&entry, root, depth),
            Job::Unreadable(path, error) => vec![self.unreadable(&path, error)],
        }
    }

    /// All GPOs in a folder whose entries are known.
    fn folder(&self, path: &Path, root: &Path, entries: Vec<Entry>, depth: usize) -> Vec<T> {
        let guid = folder_guid(path);
        if guid.is_some() && !has(&entries, "DomainSysvol") && !has(&entries, "bkupInfo.xml") {
            if ["gpt.ini", "Machine", "User"].iter().any(|name| has(&entries, name)) {
                return vec![(self.each)(self.domain_gpo(path, root, guid, &entries))];
            }
        } else if is_target(&entries) {
            match Target::open(path) {
                Ok(target) if target.path == path => return vec![self.of_target(target)],
                // It only looked like one, or holds others: they are looked for one by one.
                Ok(_) | Err(TargetError::Several { .. } | TargetError::Misplaced { .. }) => {}
                Err(TargetError::Other { .. } | TargetError::TooLarge(_)) => {}
                Err(TargetError::Io { path, source }) => return vec![self.unreadable(&path, source)],
                Err(error) => {
                    let problem = Problem { path: path.to_path_buf(), error: error.into() };
                    return vec![self.failed(path, problem)];
                }
            }
        }
        if depth == 0 {
            return Vec::new();
        }
        let folders = entries.iter().filter(|entry| !entry.is(TEMPLATES));
        folders.flat_map(|entry| self.below(entry, root, depth)).collect()
    }

    /// All GPOs at or below an entry of a folder.
    fn below(&self, entry: &Entry, root: &Path, depth: usize) -> Vec<T> {
        let path = &entry.path;
        if entry.kind.is_symlink() {
            return self.behind_link(path, root, depth);
        }
        if !entry.kind.is_dir() {
            return Vec::new();
        }
        match list(path) {
            Ok(entries) => self.folder(path, root, entries, depth - 1),
            Err(error) => vec![self.unreadable(path, error)],
        }
    }

    /// As [`Self::below`]. What a link leads to and lies below the target as well is reached without the link. Others are
    /// followed where they may hold GPOs: a domain controller has `sysvol/<domain>`, which leads to the folder of `Policies`.
    fn behind_link(&self, path: &Path, root: &Path, depth: usize) -> Vec<T> {
        let is_guid = folder_guid(path).is_some();
        match fs::canonicalize(path) {
            Ok(real) if real.starts_with(root) || !real.is_dir() => Vec::new(),
            Ok(_) => match list(path) {
                Ok(entries) if is_guid || entries.iter().any(|entry| entry.is("Policies")) => {
                    self.folder(path, root, entries, depth - 1)
                }
                Ok(_) => Vec::new(),
                Err(error) => vec![self.unreadable(path, error)],
            },
            Err(error) if is_guid => vec![self.unreadable(path, error)],
            Err(_) => Vec::new(),
        }
    }

    fn unreadable(&self, path: &Path, source: io::Error) -> T {
        self.failed(path, problem(path, source))
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
                self.side(&mut read, &entry.path, &scope);
            }
        }
        if self.wanted.gpt_ini {
            for entry in entries.iter().filter(|entry| entry.is("gpt.ini")).take(1) {
                ini(&mut read, &entry.path, vec![Scope::Computer, Scope::User]);
            }
        }
        if self.wanted.files {
            take_files(&mut read, contents::listed(path, None));
        }
        read
    }

    /// Any other target.
    fn of_target(&self, target: Target) -> T {
        let files = self.wanted.files.then(|| contents::of(&target).map(|contents| contents.files));
        let gpo = Gpo { kind: target.kind, path: target.path, guid: target.guid, name: target.name };
        let mut read = empty(gpo);
        if let Some(files) = files {
            take_files(&mut read, files);
        }
        for side in &target.sides {
            let file = &side.file.path;
            match (&side.scope, file.parent()) {
                (Some(scope), Some(folder)) if target.kind != Kind::Pol => self.side(&mut read, folder, scope),
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
                ini(&mut read, path, scopes);
            }
        }
        (self.each)(read)
    }

    /// The files of one side. Entries that differ only by case are all read: Windows sees one of them, and nothing says which.
    fn side(&self, read: &mut Read, folder: &Path, scope: &Scope) {
        let entries = match list(folder) {
            Ok(entries) => entries,
            // A target may lack a side; the folder of a domain GPO was listed before.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_domain_gpo(&read.gpo) => return,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return,
            Err(error) => return read.problems.push(problem(folder, error)),
        };
        for entry in &entries {
            if entry.is("Registry.pol") {
                part(read, Some(scope.clone()), Content::Policy, &entry.path);
            } else if self.wanted.settings && entry.is("Preferences") {
                setting(read, scope, Content::Preferences, &entry.path, &["Registry", "Registry.xml"]);
            } else if self.wanted.settings && entry.is("Microsoft") {
                setting(read, scope, Content::Security, &entry.path, &["Windows NT", "SecEdit", "GptTmpl.inf"]);
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

fn setting(read: &mut Read, scope: &Scope, content: Content, folder: &Path, names: &[&str]) {
    match find(folder, names) {
        Ok(Some(found)) => {
            for path in std::iter::once(&found.path).chain(&found.twins).filter(|path| path.is_file()) {
                part(read, Some(scope.clone()), content, path);
            }
        }
        Ok(None) => {}
        Err(error) => read.problems.push(problem(folder, error)),
    }
}

fn part(read: &mut Read, scope: Option<Scope>, content: Content, path: &Path) {
    match fs::read(path) {
        Ok(bytes) => read.parts.push(Part { scope, content, path: path.to_path_buf(), bytes }),
        Err(error) => read.problems.push(problem(path, error)),
    }
}

fn ini(read: &mut Read, path: &Path, scopes: Vec<Scope>) {
    match fs::read(path) {
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
    if is_target(&entries) {
        return Target::open(folder).ok()?.store;
    }
    if let Some(store) = entries.iter().find(|entry| entry.is(TEMPLATES) && entry.path.is_dir()) {
        return Some(store.path.clone());
    }
    let (gpos, others): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().filter(|entry| !entry.kind.is_file()).partition(|entry| folder_guid(&entry.path).is_some());
    // Of domain GPOs there is nothing to ask, their store would stand beside them; backups have theirs elsewhere.
    let of_gpo = gpos.first().and_then(|gpo| Target::open(&gpo.path).ok()?.store);
    of_gpo.or_else(|| {
        let others = others.into_iter().filter(|_| depth > 0);
        others.into_iter().find_map(|entry| store_below(&entry.path, depth - 1))
    })
}
