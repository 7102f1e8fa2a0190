//! What most commands begin with: the target, the templates, the policy, the side; and the errors of that.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use admx::file::{self, Limit, Refused};
use admx::{Catalog, Class, FindError, LoadError, Match, Policy, RegistryAddress, Side};
use gpo::ad::Snapshot;
use gpo::enclosure::LeadsOut;
use gpo::error::Error;
use gpo::limits;
use gpo::plan::{CommitError, Plan, read_if_there};
use gpo::scope::Scope;
use gpo::target::{Finding, Kind, Target, with_article};
use gpo::templates::{self, Templates};
use gpo::transaction::{LockError, TransactionError};
use polfile::PolicyFile;

use crate::commands::pol::count;
use crate::directory::directory_error;
use crate::error::{Code, CommandError};
use crate::interrupt::whole;
use crate::malformed;
use crate::onward;
use crate::paste::{quoted, this_command};
use crate::registry_value::{no_template_has, value_without_policy};
use crate::target_error;
use crate::ui::{Line, Page, Style, Ui};

/// The bytes of a file, or of standard input.
pub fn read_input(path: &Path) -> Result<Vec<u8>, CommandError> {
    read_input_as(limits::INPUT, path)
}

/// As [`read_input`], of a file of one kind.
pub fn read_input_as(limit: Limit, path: &Path) -> Result<Vec<u8>, CommandError> {
    let read = match path {
        _ if path.as_os_str() == "-" => file::drain(&mut io::stdin().lock(), None, limit),
        _ if is_handed_over(path) => File::open(path).and_then(|mut file| file::drain(&mut file, None, limit)),
        _ => file::read(path, limit),
    };
    read.map_err(|error| cannot_read(path, &error))
}

/// Whether a shell has opened the file already, as `<(…)` does; it may be a pipe then, as standard input.
fn is_handed_over(path: &Path) -> bool {
    let folders = ["/dev/fd", "/proc/self/fd"];
    cfg!(unix) && (path == Path::new("/dev/stdin") || folders.iter().any(|dir| path.parent() == Some(Path::new(dir))))
}

/// A file of text that people write, in any encoding that Windows writes.
pub fn read_text(path: &Path) -> Result<String, CommandError> {
    Ok(gpo::exchange::decode(&read_input_as(limits::STATE_FILE, path)?))
}

/// The error of a file or folder that cannot be read.
pub fn cannot_read(path: &Path, error: &io::Error) -> CommandError {
    if let Some(why) = LeadsOut::of(error) {
        return leads_out(why);
    }
    if let Some(refused) = file::refused(error) {
        let what = format!("{} is not read: {refused}", path.display());
        return match refused {
            Refused::TooLarge { .. } => CommandError::new(Code::TOO_LARGE, what)
                .detail("It may be made to use up memory, or be another file than it is taken for.")
                .help("limits for each kind of file:  docs/targets.md, What is read"),
            _ => CommandError::new(Code::NOT_A_FILE, what)
                .help("put a file in its place; what a program writes is read from standard input, as -"),
        };
    }
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename => target_error::nothing_there(path),
        _ if path.is_dir() => {
            CommandError::new(Code::READ, format!("{} is a folder; a file is wanted here", path.display())).help(
                format!("what the folder configures as a whole:  gpol show {}", quoted(&path.display().to_string())),
            )
        }
        _ => CommandError::new(Code::READ, format!("{} cannot be read: {error}", path.display())),
    }
}

fn leads_out(why: &LeadsOut) -> CommandError {
    CommandError::new(Code::LEADS_OUT, why.to_string())
        .detail("What is there belongs to another place than the target. Nothing was read or written there.")
        .help("point gpol at the place that is meant, or take the link away")
}

/// Reads a policy file, or says what is wrong with it.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<PolicyFile, CommandError> {
    PolicyFile::parse(bytes).map_err(|error| malformed::policy_file(path, bytes, &error))
}

/// Refuses to write over one of the inputs, before anything is written.
pub fn not_over_inputs(path: &Path, inputs: &[&Path]) -> Result<(), CommandError> {
    if inputs.iter().any(|input| same_file(input, path)) {
        return Err(CommandError::new(Code::OVERWRITES_INPUT, format!("{} is the input itself", path.display()))
            .detail("Nothing was written.")
            .help("write to another file"));
    }
    Ok(())
}

/// Whether two paths lead to one file, be it there or not.
pub fn same_file(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default();
        std::fs::canonicalize(path).or_else(|_| Ok::<_, io::Error>(std::fs::canonicalize(folder)?.join(name)))
    };
    matches!((real(a), real(b)), (Ok(a), Ok(b)) if a == b)
}

/// Writes a result to a file of the user's choice; never over one of the inputs.
pub fn write_output(path: &Path, bytes: &[u8], inputs: &[&Path]) -> Result<(), CommandError> {
    not_over_inputs(path, inputs)?;
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        // A device or a pipe: there is nothing to replace.
        return std::fs::write(path, bytes).map_err(|error| cannot_write(path, &error));
    }
    if path.is_dir() {
        return Err(CommandError::new(Code::WRITE, format!("{} is a folder", path.display()))
            .help("name the file to write in it"));
    }
    let before = read_if_there(path).map_err(|error| cannot_read(path, &error))?;
    let mut plan = Plan::default();
    plan.add(path, before, bytes.to_vec());
    whole(|| plan.commit()).map_err(|error| failed(Error::Commit(error)))
}

fn cannot_write(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(Code::WRITE, format!("{} cannot be written: {error}", path.display()))
}

/// Opens one target, names it where Active Directory does, and warns of what is wrong with its folders.
pub fn open_target(path: &Path, snapshot: Option<&Snapshot>, ui: &Ui) -> Result<Target, CommandError> {
    let mut target = Target::open(path).map_err(|error| failed(error.into()))?;
    target.take_name(snapshot);
    warn(&target, ui);
    Ok(target)
}

/// As [`open_target`], for what concerns a GPO as a whole: a file of it stands for it. With `file_only` a policy file is
/// changed alone.
pub fn open_gpo(path: &Path, file_only: bool, snapshot: Option<&Snapshot>, ui: &Ui) -> Result<Target, CommandError> {
    if file_only {
        let target = open_target(path, snapshot, ui)?;
        return match target.kind {
            Kind::Pol => Ok(target),
            kind => Err(CommandError::new(
                Code::FILE_ONLY,
                format!("{} is {}; --file-only is for a policy file", path.display(), with_article(kind.name())),
            )
            .help("leave it out, or name the policy file")),
        };
    }
    let mut target = Target::open_gpo(path).map_err(|error| failed(error.into()))?;
    target.take_name(snapshot);
    warn(&target, ui);
    Ok(target)
}

/// Warns that the output of a command is the policy file of a GPO, which changes alone then.
pub fn warn_of_gpo(output: &Path, ui: &Ui) {
    let gpo = Target::open(output).ok().and_then(|target| target.gpo());
    if let Some(gpo) = gpo {
        ui.warning(alone(&gpo.path, gpo.kind));
    }
}

/// What it means that a policy file of a GPO is changed alone.
pub fn alone(gpo: &Path, kind: Kind) -> String {
    let (what, rest) = match kind {
        Kind::GpoBackup => ("Backup.xml is left as it is: version, extension list and list of files", ""),
        Kind::GpoSysvol => (
            "its version does not rise, and Active Directory is not told; Windows may not notice",
            "--ad EXPORT --ldif CHANGE.ldif",
        ),
        _ => ("its version and its extension list stay; Windows may not notice", ""),
    };
    let then = onward::on_path(gpo, "gpo bump", rest);
    format!("the policy file of {} is changed alone: {what}. To have it noticed:  {then}", gpo.display())
}

/// Prints what is wrong with a target's folders, beside the result.
pub fn warn(target: &Target, ui: &Ui) {
    for Finding { code, path, message } in &target.findings {
        ui.warning(format!("{code}: {}: {message}", path.display()));
    }
}

/// Loads the templates. They serve until the program ends; to free their many small parts then would only cost time.
pub fn load_templates(templates: &Templates, target: Option<&Target>) -> Result<&'static Catalog, CommandError> {
    let catalog = templates::load(templates, target).map_err(|error| failed(error.into()))?;
    Ok(Box::leak(Box::new(catalog)))
}

/// As [`load_templates`], for several targets: `store` is what belongs to one of them.
pub fn load_templates_of(templates: &Templates, store: Option<PathBuf>) -> Result<&'static Catalog, CommandError> {
    let own = store.filter(|_| templates.folders.is_empty()).into_iter();
    let folders = templates.folders.iter().cloned().chain(own).collect();
    load_templates(&Templates { folders, language: templates.language.clone() }, None)
}

/// Where a name is looked up, for messages.
pub fn store_name(catalog: &Catalog) -> String {
    if catalog.is_builtin() {
        return "the built-in catalogue (remote desktop security only)".to_owned();
    }
    let stores: Vec<String> = catalog.stores().iter().map(|store| store.display().to_string()).collect();
    format!("{} ({}, {})", stores.join(", "), count(catalog.files(), "file"), catalog.language())
}

/// The policy that a name means, and whose it is. For writes: nothing here guesses.
///
/// The scope is the one asked for, else that of the side that the name or the policy's class implies, else
/// the only one that the target has.
pub fn find_policy<'c>(
    catalog: &'c Catalog,
    name: &str,
    asked: Option<&Scope>,
    target: Option<&Target>,
) -> Result<(&'c Policy, Scope), CommandError> {
    let found = catalog.find_on(name, asked.map(Scope::side)).or_else(|_| catalog.find(name));
    in_scope(found.map_err(|error| not_found(catalog, name, &error, asked, target))?, asked, target)
}

/// As [`find_policy`], for reads: `~words` finds a name that is like them, and words that only one
/// name has find that; then the choice is told.
pub fn find_policy_to_read<'c>(
    catalog: &'c Catalog,
    name: &str,
    asked: Option<&Scope>,
    target: Option<&Target>,
    ui: &Ui,
) -> Result<(&'c Policy, Scope), CommandError> {
    if let Some(address) = value_without_policy(catalog, name, asked.map(Scope::side)) {
        return Err(no_template_has(catalog, &address, asked, target));
    }
    in_scope(find_named_to_read(catalog, name, asked.map(Scope::side), ui)?, asked, target)
}

/// The policy that a name means, for reads that are of no single side.
pub fn find_named_to_read<'c>(
    catalog: &'c Catalog,
    name: &str,
    side: Option<Side>,
    ui: &Ui,
) -> Result<Match<'c>, CommandError> {
    let exact = || catalog.find_on(name, side).or_else(|_| catalog.find(name));
    let found = match (name.strip_prefix('~'), exact()) {
        (Some(words), _) => {
            catalog.find_fuzzily(words, side).map_err(|error| no_such_policy(catalog, words, &error))?
        }
        (None, Ok(found)) => return Ok(found),
        (None, Err(error @ FindError::Ambiguous { .. })) => return Err(no_such_policy(catalog, name, &error)),
        // Words of an address are like those of some policy, and mean none.
        (None, Err(error)) if RegistryAddress::of_query(name).is_some() => {
            return Err(no_such_policy(catalog, name, &error));
        }
        (None, Err(error)) => catalog.find_by_words(name, side).map_err(|_| no_such_policy(catalog, name, &error))?,
    };
    let mut page = Page::new();
    let line = Line::new().span(Style::Faint, "taken for: ").hang().text(found.policy.display_name.trim());
    page.line(line.span(Style::Faint, format!("  {}", found.policy.id())));
    ui.message(&page);
    Ok(found)
}

fn in_scope<'c>(
    found: Match<'c>,
    asked: Option<&Scope>,
    target: Option<&Target>,
) -> Result<(&'c Policy, Scope), CommandError> {
    let policy = found.policy;
    crate::paste::hide(policy);
    let scopes: Vec<&Scope> = target.iter().flat_map(|t| &t.sides).filter_map(|file| file.scope.as_ref()).collect();
    let scope = match (asked, found.side, &*scopes) {
        (Some(asked), _, _) => asked.clone(),
        (None, Some(side), scopes) if scopes.is_empty() || scopes.contains(&&Scope::from(side)) => side.into(),
        // A per-user local GPO, whose only side is one group's or user's.
        (None, side, [only]) if side.is_none_or(|side| side == only.side()) => (*only).clone(),
        (None, Some(Side::User), several @ [_, ..]) if several.iter().all(|scope| scope.side() == Side::User) => {
            let what = format!("nothing says whose policy is meant; {} local GPOs are here", several.len());
            let failed = CommandError::new(Code::SIDE_AMBIGUOUS, what);
            return Err(several.iter().fold(failed, |e, scope| e.help(format!("{} --scope {scope}", this_command()))));
        }
        (None, Some(side), _) => side.into(),
        (None, None, _) => {
            return Err(CommandError::new(Code::SIDE_AMBIGUOUS, format!("{} exists on both sides", policy.id()))
                .help(format!("{} --scope computer", this_command()))
                .help(format!("{} --scope user", this_command())));
        }
    };
    let side = scope.side();
    if !policy.class.has(side) {
        let there = if policy.class == Class::User { "user" } else { "computer" };
        return Err(CommandError::new(
            Code::NOT_ON_THIS_SIDE,
            format!("{} does not exist on the {side} side", policy.id()),
        )
        .help(format!("it is a policy of the {there} side: --scope {there}, or leave it out")));
    }
    Ok((policy, scope))
}

/// What to say where a name means no policy, or several.
pub fn no_such_policy(catalog: &Catalog, name: &str, error: &FindError) -> CommandError {
    not_found(catalog, name, error, None, None)
}

fn not_found(
    catalog: &Catalog,
    name: &str,
    error: &FindError,
    asked: Option<&Scope>,
    target: Option<&Target>,
) -> CommandError {
    if let (FindError::NotFound { .. }, Some(address)) = (error, RegistryAddress::of_query(name)) {
        return no_template_has(catalog, &address, asked, target);
    }
    match error {
        FindError::Ambiguous { candidates, .. } => {
            let mut failed = CommandError::new(
                Code::AMBIGUOUS_POLICY,
                format!("\"{name}\" means {} policies here", candidates.len()),
            );
            let longest = candidates.iter().take(10).map(|candidate| candidate.id.chars().count()).max().unwrap_or(0);
            for candidate in candidates.iter().take(10) {
                let file = candidate.file.file_name().unwrap_or_default().to_string_lossy();
                let side = match candidate.class {
                    Class::Machine => "computer",
                    Class::User => "user",
                    Class::Both => "both",
                };
                failed = failed.detail(format!("{:<longest$}   {side:<8}   {file}", candidate.id));
            }
            if candidates.len() > 10 {
                failed = failed.detail(format!("and {} more", candidates.len() - 10));
            }
            failed.help("use one of the ids")
        }
        _ => {
            let mut failed = CommandError::new(Code::NO_POLICY, format!("no policy matches \"{name}\""))
                .detail(format!("looked in {}", store_name(catalog)));
            for (i, policy) in catalog.closest(name, 3).into_iter().enumerate() {
                let label = if i == 0 { "closest:" } else { "" };
                let name = Line::indented(3).text(label).column(13).hang().text(policy.display_name.trim());
                let id = Line::indented(13).text(format!("id {}", policy.id()));
                failed = failed.lines([name, id]);
            }
            failed = failed
                .help("use a policy's id, its whole display name, its path as a KB prints it, or HKLM\\key!value");
            match catalog.is_builtin() {
                true => failed.help(
                    "the built-in catalogue knows few policies; name a folder of templates:  --admx PolicyDefinitions",
                ),
                false => failed,
            }
        }
    }
}

/// What an error of the libraries means to people.
pub fn failed(error: Error) -> CommandError {
    match &error {
        Error::Target(target) => target_error::command_error(target),
        Error::Templates(reason) => CommandError::new(Code::TEMPLATES, no_templates(reason))
            .help("name a folder that holds .admx files and a language folder such as en-US:  --admx DIR"),
        Error::Io { path, source } => cannot_read(path, source),
        Error::Malformed { path, bytes, error } => malformed::policy_file(path, bytes, error),
        Error::GptIni { .. } | Error::Extensions { .. } => CommandError::new(Code::GPT_INI, error.to_string())
            .detail("Nothing was written.")
            .help("mend the line by hand; gpol does not guess what it should say"),
        Error::Unseen { .. } => CommandError::new(Code::UNSEEN, error.to_string())
            .detail("A version that Windows does not see announces nothing. Nothing was written.")
            .help("mend the file by hand: lines end in CR LF, [General] alone stands in its line, no NUL"),
        Error::Comments { .. } => CommandError::new(Code::COMMENTS, error.to_string())
            .detail("Nothing was written.")
            .help("mend the file by hand, or take it away: it holds comments alone, no settings"),
        Error::NoPlaceForComments(_) => CommandError::new(Code::NO_COMMENTS_HERE, error.to_string())
            .help("point gpol at the GPO's folder, or leave --comment out"),
        Error::NoVersion(_) => CommandError::new(Code::NO_VERSION, error.to_string())
            .help("point gpol at the GPO's folder, or at the root of the Windows installation"),
        Error::Twins { .. } => CommandError::new(Code::CASE_TWINS, error.to_string())
            .detail("Windows sees only one of them, and nothing here says which. Nothing was written.")
            .help("remove or rename the one that is not meant"),
        Error::Overruled { path, overruled } => {
            let (wanted, by) = (overruled.wanted.as_ref(), overruled.by.as_ref());
            let what = format!(
                "{}: {}!{} can never be left as it is there: {}!{} deletes it before",
                path.display(),
                wanted.key,
                wanted.value_name,
                by.key,
                by.value_name
            );
            CommandError::new(Code::OVERRULED, what)
                .detail("The record that deletes is nothing that EXPECT speaks of, so it stays. Nothing was written.")
                .help("say  ensure: set  if the value is to be there always")
                .help("or take what deletes it out of the file first")
        }
        Error::OtherSide { has, wanted, .. } => CommandError::new(Code::NOT_ON_THIS_SIDE, error.to_string())
            .help(format!("use the {wanted} side's policy file; for a policy of both sides, --scope {has}")),
        Error::NoScope { kind, .. } => {
            let failed = CommandError::new(Code::NO_SCOPE, error.to_string());
            match kind {
                Kind::GpoUser | Kind::GpoUsers => failed.help("the computer's and every user's policy lie beside it, in System32/GroupPolicy"),
                _ => failed.help("groups and users have local GPOs of their own in a Windows installation; point gpol at its root"),
            }
        }
        Error::Hibernated { .. } => CommandError::new(Code::HIBERNATED, error.to_string())
            .detail("Its file system is in that memory, too: a change now is lost when Windows resumes, or corrupts the volume.")
            .detail("Nothing was written.")
            .help("boot it and shut it down in full, without fast startup:  shutdown /s /f /t 0")
            .help("for good:  powercfg /h off")
            .help("do not throw hiberfil.sys away on a volume that you want to keep: unsaved work is in it"),
        Error::Cached(_) => CommandError::new(Code::CACHED, error.to_string())
            .detail("Windows fills it from a domain controller and overwrites it; a change here would be lost. Nothing was written.")
            .help("change the GPO itself, in the domain, or a GPMC backup of it"),
        Error::Directory(error) => directory_error(error),
        Error::BackupXml { .. } => CommandError::new(Code::BACKUP_XML, error.to_string())
            .detail("It repeats version, extension list and files of the backup, which a change must keep in step. Nothing was written.")
            .help("back the GPO up once more, or edit its policy file alone: name that as the target, and add --file-only"),
        Error::Input(input) => input_error(input),
        Error::Commit(CommitError::Changed(path)) => {
            CommandError::new(Code::CHANGED, format!("{} changed while gpol was working", path.display()))
                .detail("Your change was not written; theirs is untouched.")
                .help("run the same command again; it will be computed on the new content")
        }
        Error::Commit(CommitError::Io { path, source }) if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            CommandError::new(Code::READ_ONLY, format!("{} is on a file system that is mounted read-only", path.display()))
                .detail("Nothing was written.")
                .help(format!("which, and how:  findmnt -T {}", quoted(&path.display().to_string())))
                .help("mount it for writing; a Windows volume that is hibernated or was not shut down comes up read-only")
        }
        Error::Commit(CommitError::Io { path, source }) if LeadsOut::of(source).is_some() => cannot_read(path, source),
        Error::Commit(CommitError::Io { path, source }) => cannot_write(path, source).detail("Every file is as it was."),
        Error::Commit(CommitError::HardLinked { path, .. }) => {
            let name = quoted(&path.display().to_string());
            CommandError::new(Code::HARD_LINKED, error.to_string())
                .detail("A change would reach one of them and cut it off from the others. Nothing was written.")
                .help(format!("which they are:  find / -xdev -samefile {name}"))
                .help(format!("if it is to be a file of its own:  cp -a {name} {name}.alone && mv {name}.alone {name}"))
        }
        Error::Commit(CommitError::Metadata { .. }) => CommandError::new(Code::ATTRIBUTES, error.to_string())
            .detail("A file with other attributes might not be readable for those who must read it. Nothing was written.")
            .help("run gpol as the owner of the file, or as root, on a file system that keeps such attributes"),
        Error::Commit(CommitError::Torn { .. }) => CommandError::new(Code::TORN, error.to_string())
            .detail("The other files are as they were. The next change of this GPO finishes this one.")
            .help(format!("the change, and where the old contents are kept:  {}", onward::here("history", ""))),
        Error::Transaction(error) => transaction_error(error),
        _ => CommandError::new(Code::READ, error.to_string()),
    }
}

fn transaction_error(error: &TransactionError) -> CommandError {
    let nothing = "Nothing was written.";
    match error {
        TransactionError::Lock(LockError::Held(_)) => {
            CommandError::new(Code::LOCKED, error.to_string()).detail(nothing).help("wait for it:  --wait 30")
        }
        TransactionError::HistoryInside { .. } => CommandError::new(Code::HISTORY, error.to_string())
            .detail("What is recorded there would be shipped or replicated with the target. Nothing was written.")
            .help("name a folder outside the target:  --backup-dir DIR"),
        TransactionError::History { path, source } => {
            CommandError::new(Code::HISTORY, format!("changes cannot be recorded in {}: {source}", path.display()))
                .detail(nothing)
                .help("name another folder:  --backup-dir DIR")
                .help("or go without undo:  --no-backup")
        }
        TransactionError::Open { .. } => CommandError::new(Code::LEADS_OUT, error.to_string())
            .detail("The record of the change is kept. Nothing was written.")
            .help("take the link away, and put back what was in its place; then run the same command again"),
        TransactionError::Beyond { all, interrupted, .. } => {
            let failed = CommandError::new(Code::BEYOND, error.to_string());
            let failed = match interrupted {
                true => {
                    failed.detail("It had been interrupted, and is mended as a whole before anything else is changed.")
                }
                false => failed.detail("It is undone as a whole or not at all."),
            };
            failed
                .detail(nothing)
                .help(format!("name all of it as the target:  {}", quoted(&all.display().to_string())))
        }
        TransactionError::NoChange { elsewhere, .. } => {
            let failed = CommandError::new(Code::NO_CHANGE, error.to_string());
            let failed = match &**elsewhere {
                [] => failed,
                ids => failed.detail(format!("Recorded of what was at this path at another time: {}", ids.join(", "))),
            };
            failed.help(format!("what is recorded:  {}", onward::here("history", "")))
        }
        TransactionError::AllTakenBack(_) => CommandError::new(Code::NO_CHANGE, error.to_string())
            .detail(nothing)
            .help(format!("to bring back what was taken back last:  {}", onward::here("redo", ""))),
        TransactionError::NotMade(_) | TransactionError::TakenBack(_) | TransactionError::NothingTakenBack(_) => {
            CommandError::new(Code::NO_CHANGE, error.to_string())
                .help(format!("what is recorded:  {}", onward::here("history", "")))
        }
        TransactionError::ChangedSince { later, .. } => {
            let failed = CommandError::new(Code::CHANGED_SINCE, error.to_string())
                .detail("To put the old content back would lose what was written since. Nothing was written.");
            match later.last() {
                Some(last) => {
                    failed.help(format!("undo the later changes first:  {}", onward::here("undo", &quoted(last))))
                }
                None => failed.help(format!(
                    "another program wrote it; where the old content is kept:  {}",
                    onward::here("history", "")
                )),
            }
        }
        other => CommandError::new(Code::HISTORY, other.to_string()).detail(nothing),
    }
}

fn no_templates(reason: &LoadError) -> String {
    match reason {
        LoadError::Folder { folder, source } if source.kind() == io::ErrorKind::NotFound => {
            format!("{} does not exist", folder.display())
        }
        other => other.to_string(),
    }
}

fn input_error(error: &admx::InputError) -> CommandError {
    CommandError::new(Code::ELEMENT_VALUE, error.to_string()).detail("Nothing was written.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_file_system_is_named_instead_of_the_systems_words() {
        let source = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let error = failed(Error::Commit(CommitError::Io { path: "/mnt/gold/gpt.ini".into(), source }));
        assert_eq!((error.code.id, error.code.exit), ("E0512", crate::exit::Exit::Refused));
    }
}
