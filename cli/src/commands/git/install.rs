//! `gpol git install`: makes git show and merge policy files.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::Args;
use gpo::plan::read_if_there;

use crate::context::{cannot_read, write_output};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::ui::{Line, Page, Style, Ui};

/// Make git show policy files as text and merge them value by value
///
/// Adds lines to the repository's .gitattributes and tells git's configuration of this clone how to call gpol; both,
/// with --global, for all repositories of the user. What is there already stays. This is the only command of gpol
/// that starts another program: git.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  gpol git install
      For the repository that the current folder lies in
  git diff main feature -- '*.pol'
      Then shows one line for each record that differs")]
pub struct InstallArgs {
    /// For all repositories of this user
    #[arg(long)]
    global: bool,
    /// Take it out again
    #[arg(long)]
    uninstall: bool,
    /// Show what would change and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// The lines for git's attributes, which knows upper case from lower.
const ATTRIBUTES: [&str; 2] = ["*.pol diff=gpol merge=gpol -text", "[Gg][Pp][Tt].[Ii][Nn][Ii] merge=gpol"];
/// Sections of git's configuration that are gpol's.
const SECTIONS: [&str; 2] = ["diff.gpol", "merge.gpol"];

pub fn run(args: &InstallArgs, ui: &Ui) -> Result<Exit, Stop> {
    let place = Place::new(args.global)?;
    let before = read_if_there(&place.attributes).map_err(|error| cannot_read(&place.attributes, &error))?;
    let old = before.clone().unwrap_or_default();
    let new = if args.uninstall { without_lines(&old) } else { with_lines(&old) };
    let settings = if args.uninstall { place.sections()? } else { place.missing(&settings()?)? };
    let changed: Vec<&str> = ATTRIBUTES.into_iter().filter(|line| has(&old, line) == args.uninstall).collect();
    let page = page(args, &place, &changed, &settings);
    if !args.dry_run {
        for setting in &settings {
            place.change(setting)?;
        }
        if old != new {
            write(&place.attributes, before.is_some(), &new)?;
        }
    }
    ui.page(&page)?;
    Ok(Exit::Yes)
}

/// A change of git's configuration.
enum Setting {
    Set(&'static str, String),
    RemoveSection(&'static str),
}

/// How git has to call gpol.
fn settings() -> Result<Vec<Setting>, CommandError> {
    let program =
        std::env::current_exe().map_err(|error| refuses(&format!("where gpol lies is not known: {error}")))?;
    let program = on_path(&program).unwrap_or(program);
    let Some(program) = program.to_str() else {
        return Err(refuses(&format!("the path of gpol is no text: {}", program.display())));
    };
    let program = word(program);
    Ok(vec![
        Setting::Set("diff.gpol.textconv", format!("{program} git textconv --")),
        Setting::Set("merge.gpol.name", "Group Policy, value by value".to_owned()),
        // In a driver, a percent sign begins a placeholder.
        Setting::Set("merge.gpol.driver", format!("{} git merge -- %O %A %B %P", program.replace('%', "%%"))),
        // A merge of ancestors must not settle in secret what nobody has decided.
        Setting::Set("merge.gpol.recursive", "binary".to_owned()),
    ])
}

/// The place in PATH where the program is found, which may be a link that outlives an update.
fn on_path(program: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(program).ok()?;
    let folders = std::env::var_os("PATH")?;
    let candidates = std::env::split_paths(&folders).filter(|folder| folder.is_absolute());
    let mut candidates = candidates.map(|folder| folder.join(program.file_name().unwrap_or(OsStr::new("gpol"))));
    candidates.find(|candidate| std::fs::canonicalize(candidate).is_ok_and(|found| found == real))
}

/// A path as a word of the shell that git runs commands with, on Windows as well.
fn word(path: &str) -> String {
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.:_-+".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Where git keeps both.
struct Place {
    global: bool,
    attributes: PathBuf,
}

impl Place {
    fn new(global: bool) -> Result<Self, CommandError> {
        let attributes = if global { global_attributes()? } else { top_level()?.join(".gitattributes") };
        Ok(Self { global, attributes })
    }

    fn scope(&self) -> &'static str {
        if self.global { "--global" } else { "--local" }
    }

    /// Those settings that are not as they shall be.
    fn missing(&self, wanted: &[Setting]) -> Result<Vec<Setting>, CommandError> {
        let mut missing = Vec::new();
        for setting in wanted {
            let Setting::Set(name, value) = setting else { continue };
            let found = git(&["config", self.scope(), "--get-all", name])?;
            if line(&found.stdout) != *value {
                missing.push(Setting::Set(name, value.clone()));
            }
        }
        Ok(missing)
    }

    /// gpol's sections that are there.
    fn sections(&self) -> Result<Vec<Setting>, CommandError> {
        let mut there = Vec::new();
        for section in SECTIONS {
            let pattern = format!("^{}\\.", section.replace('.', "\\."));
            if git(&["config", self.scope(), "--get-regexp", &pattern])?.status.success() {
                there.push(Setting::RemoveSection(section));
            }
        }
        Ok(there)
    }

    fn change(&self, setting: &Setting) -> Result<(), CommandError> {
        let done = match setting {
            Setting::Set(name, value) => git(&["config", self.scope(), "--replace-all", name, value])?,
            Setting::RemoveSection(section) => git(&["config", self.scope(), "--remove-section", section])?,
        };
        if done.status.success() { Ok(()) } else { Err(refuses(&line(&done.stderr))) }
    }
}

/// The uppermost folder of the working tree.
fn top_level() -> Result<PathBuf, CommandError> {
    let found = git(&["rev-parse", "--show-toplevel"])?;
    if !found.status.success() {
        return Err(CommandError::new(Code::NO_REPOSITORY, "the current folder lies in no git working tree")
            .detail(format!("git says: {}", line(&found.stderr)))
            .detail("Nothing was written.")
            .help("go to the repository, or make one:  git init")
            .help("for all repositories of this user:  gpol git install --global"));
    }
    Ok(path(&found.stdout))
}

/// Where git looks for attributes that hold everywhere.
fn global_attributes() -> Result<PathBuf, CommandError> {
    for scope in ["--global", "--system"] {
        let found = git(&["config", scope, "--type=path", "--get", "core.attributesFile"])?;
        if found.status.success() {
            return Ok(path(&found.stdout));
        }
    }
    let folder = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = folder.or_else(|| Some(std::env::home_dir()?.join(".config")));
    match folder {
        Some(folder) => Ok(folder.join("git").join("attributes")),
        None => Err(refuses("the user has no home folder")),
    }
}

fn git(words: &[&str]) -> Result<Output, CommandError> {
    Command::new("git").args(words).output().map_err(|error| refuses(&format!("git cannot be started: {error}")))
}

fn refuses(what: &str) -> CommandError {
    CommandError::new(Code::GIT, what)
        .detail("Nothing more was changed.")
        .help("what gpol asks of git:  gpol git install --dry-run")
}

/// One line of git's output.
fn line(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim_end_matches(['\n', '\r']).to_owned()
}

#[cfg(unix)]
fn path(output: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    OsStr::from_bytes(output.strip_suffix(b"\n").unwrap_or(output)).into()
}

#[cfg(not(unix))]
fn path(output: &[u8]) -> PathBuf {
    line(output).into()
}

/// The attributes with gpol's lines behind the others, in their kind of line ends.
fn with_lines(old: &[u8]) -> Vec<u8> {
    let end: &[u8] = if old.windows(2).any(|pair| pair == b"\r\n") { b"\r\n" } else { b"\n" };
    let mut new = old.to_vec();
    for wanted in ATTRIBUTES.into_iter().filter(|wanted| !has(old, wanted)) {
        if !new.is_empty() && !new.ends_with(b"\n") {
            new.extend_from_slice(end);
        }
        new.extend_from_slice(wanted.as_bytes());
        new.extend_from_slice(end);
    }
    new
}

fn without_lines(old: &[u8]) -> Vec<u8> {
    let ours = |line: &&[u8]| ATTRIBUTES.iter().any(|ours| line.trim_ascii() == ours.as_bytes());
    lines(old).filter(|line| !ours(line)).flatten().copied().collect()
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

/// Whether one of gpol's lines is there.
fn has(text: &[u8], wanted: &str) -> bool {
    lines(text).any(|line| line.trim_ascii() == wanted.as_bytes())
}

/// Writes the attributes; a file that holds nothing any more goes.
fn write(path: &Path, was_there: bool, new: &[u8]) -> Result<(), CommandError> {
    if new.is_empty() && was_there {
        return std::fs::remove_file(path)
            .map_err(|error| CommandError::new(Code::WRITE, format!("{} cannot be removed: {error}", path.display())));
    }
    write_output(path, new, &[])
}

fn page(args: &InstallArgs, place: &Place, attributes: &[&str], settings: &[Setting]) -> Page {
    let mut page = Page::new();
    if attributes.is_empty() && settings.is_empty() {
        let what = if args.uninstall { ": git knows nothing of gpol" } else { ": git is set up for policy files" };
        page.line(Line::new().span(Style::Good, "Nothing to do").text(what));
        return page;
    }
    let (sign, style) = if args.uninstall { ("- ", Style::Bad) } else { ("+ ", Style::Good) };
    let verb = match (args.uninstall, args.dry_run) {
        (false, false) => "Set git up for policy files",
        (false, true) => "Would set git up for policy files",
        (true, false) => "Took gpol out of git",
        (true, true) => "Would take gpol out of git",
    };
    page.line(Line::new().span(Style::Strong, verb));
    if !attributes.is_empty() {
        page.line(Line::indented(2).text(place.attributes.display().to_string()));
        for line in attributes {
            page.line(Line::indented(4).span(style, sign).hang().text(line));
        }
    }
    if !settings.is_empty() {
        page.line(Line::indented(2).text(format!("git config {}", place.scope())));
    }
    for setting in settings {
        let text = match setting {
            Setting::Set(name, value) => format!("{name} = {value}"),
            Setting::RemoveSection(section) => format!("{section}.*"),
        };
        page.line(Line::indented(4).span(style, sign).hang().text(text));
    }
    if !args.uninstall && !place.global {
        page.blank().line(
            "Commit .gitattributes. Git does not share its configuration: each clone needs gpol git install once.",
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_the_shell() {
        assert_eq!(word("/usr/bin/gpol"), "/usr/bin/gpol");
        assert_eq!(word("/home/a b/it's/gpol"), r"'/home/a b/it'\''s/gpol'");
        if cfg!(windows) {
            assert_eq!(word(r"C:\Program Files\gpol.exe"), "'C:/Program Files/gpol.exe'");
            assert_eq!(word(r"C:\bin\gpol.exe"), "C:/bin/gpol.exe");
        }
    }

    #[test]
    fn the_lines_are_added_once_and_other_bytes_stay() {
        let [pol, ini] = ATTRIBUTES;
        let line = format!("{pol}\n{ini}\n");
        assert_eq!(with_lines(b""), line.as_bytes());
        assert_eq!(with_lines(b"*.png binary"), format!("*.png binary\n{line}").as_bytes());
        assert_eq!(with_lines(b"# a\r\n*.x text\r\n"), format!("# a\r\n*.x text\r\n{pol}\r\n{ini}\r\n").as_bytes());
        for old in [&b"\xFFodd\n\n"[..], b"", b"a\r\n"] {
            let once = with_lines(old);
            assert_eq!(with_lines(&once), once);
            assert_eq!(without_lines(&once), old);
        }
        // One of the two may be there already.
        assert_eq!(with_lines(format!("{ini}\n").as_bytes()), format!("{ini}\n{pol}\n").as_bytes());
        // Somebody's own rule for the same files is not ours.
        assert_eq!(without_lines(b"*.pol binary\n"), b"*.pol binary\n");
    }
}
