//! `gpol git`: policy files under the real git.

use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::PolBuilder;

use crate::assert_file_snapshot;
use crate::bench::{NLA, Run, TestDir};

const KEY: &str = r"SOFTWARE\Policies\Acme\Agent";
/// With blanks, as GPOs' names have them.
const FILE: &str = "My GPO/Machine/Registry.pol";

/// What gpol adds to git's attributes.
const ATTRIBUTES: &str = "*.pol diff=gpol merge=gpol -text\n[Gg][Pp][Tt].[Ii][Nn][Ii] merge=gpol\n";

/// Whether git is here; says so if not, as under Wine.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn git_is_here(test: &str) -> bool {
    let here = Command::new("git").arg("--version").output().is_ok_and(|output| output.status.success());
    if !here {
        println!("skipped: {test} needs git");
    }
    here
}

fn policy(values: &[(&str, u32)]) -> Vec<u8> {
    values.iter().fold(PolBuilder::new(), |pol, (name, number)| pol.dword(KEY, name, *number)).build()
}

/// A repository in a folder with a blank in its name, and git without anybody's configuration.
struct Repository(TestDir);

impl Repository {
    fn new() -> Self {
        let this = Self(TestDir::new());
        this.0.write("home/there", "");
        this.0.write("the work/there", "");
        this.git(&["init", "-q", "-b", "main"]).ok();
        this.git(&["config", "user.email", "a@example.com"]).ok();
        this.git(&["config", "user.name", "A"]).ok();
        this
    }

    /// With gpol installed, and one policy file in the first commit.
    fn with(values: &[(&str, u32)]) -> Self {
        let this = Self::new();
        this.gpol(&["git", "install"]).ok();
        this.commit(&policy(values), "base");
        this
    }

    fn folder(&self) -> PathBuf {
        self.0.path("the work")
    }

    fn run_in(&self, mut command: Command) -> Run {
        command.current_dir(self.folder()).env("HOME", self.0.path("home")).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_CEILING_DIRECTORIES", self.0.path(""));
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME", "GIT_PAGER", "PAGER", "LC_ALL"]
        {
            command.env_remove(name);
        }
        Run::of(command)
    }

    fn git(&self, words: &[&str]) -> Run {
        let mut command = Command::new("git");
        command.args(words);
        self.run_in(command)
    }

    fn gpol(&self, words: &[&str]) -> Run {
        self.run_in(self.0.command(words.iter().copied()))
    }

    fn write(&self, bytes: &[u8]) {
        self.0.write(&format!("the work/{FILE}"), bytes);
    }

    fn read(&self) -> Vec<u8> {
        self.0.read(&format!("the work/{FILE}"))
    }

    fn commit(&self, bytes: &[u8], message: &str) {
        self.write(bytes);
        self.git(&["add", "-A"]).ok();
        self.git(&["commit", "-q", "-m", message]).ok();
    }

    /// Two branches of the base, the one that is checked out being `ours`, merged.
    fn merge(&self, ours: &[u8], theirs: &[u8]) -> Run {
        self.git(&["checkout", "-q", "-b", "theirs"]).ok();
        self.commit(theirs, "theirs");
        self.git(&["checkout", "-q", "main"]).ok();
        self.commit(ours, "ours");
        self.git(&["merge", "-q", "-m", "merged", "theirs"])
    }

    fn attributes(&self) -> String {
        self.0.text("the work/.gitattributes")
    }

    fn config(&self) -> String {
        self.0.text("the work/.git/config")
    }
}

#[test]
fn two_branches_that_change_different_values_merge_by_themselves() {
    if !git_is_here("a clean merge") {
        return;
    }
    let repository = Repository::with(&[("A", 1), ("B", 1), ("C", 1)]);
    let run = repository.merge(&policy(&[("A", 2), ("B", 1), ("C", 1)]), &policy(&[("A", 1), ("C", 3), ("D", 4)]));
    assert_eq!(run.status, Some(0), "{run}");
    assert_eq!(repository.read(), policy(&[("A", 2), ("C", 3), ("D", 4)]));
    assert_eq!(repository.git(&["status", "--porcelain"]).ok(), "");
}

#[test]
fn a_value_that_both_changed_is_a_conflict_and_the_file_stays_a_policy_file() {
    if !git_is_here("a conflict") {
        return;
    }
    let repository = Repository::with(&[("A", 1), ("B", 1)]);
    let run = repository.merge(&policy(&[("A", 2), ("B", 1)]), &policy(&[("A", 3), ("B", 7)]));
    assert_eq!(run.status, Some(1), "{run}");
    assert!(
        run.stderr().contains(r"conflict: My GPO/Machine/Registry.pol: 1 value was changed on both sides"),
        "{run}"
    );
    assert_eq!(repository.read(), policy(&[("A", 2), ("B", 7)]));
    assert_eq!(repository.git(&["status", "--porcelain"]).ok(), format!("UU \"{FILE}\"\n"));
    let both = repository.git(&["diff", "--", FILE]).ok();
    assert!(
        both.contains(&format!(" -{KEY}!A  REG_DWORD  3\n")) && both.contains(&format!("+{KEY}!A  REG_DWORD  2\n"))
    );
    repository.git(&["add", "--", FILE]).ok();
    repository.git(&["commit", "-q", "-m", "merged"]).ok();
}

#[test]
fn a_file_that_both_branches_add_is_merged_as_well() {
    if !git_is_here("a file that both add") {
        return;
    }
    let repository = Repository::with(&[]);
    repository.git(&["rm", "-q", FILE]).ok();
    repository.git(&["commit", "-q", "-m", "without"]).ok();
    let run = repository.merge(&policy(&[("A", 1), ("B", 1)]), &policy(&[("A", 1), ("C", 1)]));
    assert_eq!(run.status, Some(0), "{run}");
    assert_eq!(repository.read(), policy(&[("A", 1), ("B", 1), ("C", 1)]));
}

/// Two branches of a local GPO, changed by gpol, which raises the version each time: once there, twice here.
#[test]
fn a_gpo_that_both_branches_changed_merges_with_a_version_above_both() {
    if !git_is_here("a GPO on two branches") {
        return;
    }
    let repository = Repository::new();
    repository.gpol(&["git", "install"]).ok();
    let extensions = "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]";
    let ini = format!("[General]\r\ngPCMachineExtensionNames={extensions}\r\nVersion=5\r\n");
    repository.0.write("the work/gpo/gpt.ini", ini);
    repository.0.write("the work/gpo/Machine/Registry.pol", policy(&[("A", 1)]));
    let set = |policies: &[&str], branch: &str| {
        for policy in policies {
            let run = repository.gpol(&["policy", "set", "gpo", policy, "disabled"]);
            assert_eq!(run.status, Some(0), "{run}");
        }
        repository.git(&["commit", "-q", "-a", "-m", branch]).ok();
    };
    repository.git(&["add", "-A"]).ok();
    repository.git(&["commit", "-q", "-m", "base"]).ok();
    repository.git(&["checkout", "-q", "-b", "theirs"]).ok();
    set(&[NLA], "theirs");
    repository.git(&["checkout", "-q", "main"]).ok();
    set(&["TS_ENCRYPTION_POLICY", "TS_RPC_ENCRYPTION"], "ours");
    let version = || {
        let ini = repository.0.text("the work/gpo/gpt.ini");
        ini.lines().find_map(|line| line.strip_prefix("Version=")).expect("a version").to_owned()
    };
    assert_eq!(version(), "7");
    let run = repository.git(&["merge", "-q", "-m", "merged", "theirs"]);
    assert_eq!((run.status, version().as_str()), (Some(0), "8"), "{run}");
    for policy in [NLA, "TS_ENCRYPTION_POLICY"] {
        assert!(repository.gpol(&["policy", "get", "gpo", policy]).ok().contains("Disabled"));
    }
}

#[test]
fn a_gpt_ini_that_differs_in_more_than_its_version_is_a_conflict() {
    let ini = |version: u32, name: &str| format!("[General]\r\nVersion={version}\r\ndisplayName={name}\r\n");
    let dir = TestDir::with("base", ini(5, "a"));
    dir.write("ours", ini(6, "b"));
    dir.write("theirs", ini(6, "c"));
    assert_file_snapshot!("git_merge_gpt_ini", dir.run(["git", "merge", "base", "ours", "theirs", "gpo/GPT.INI"]));
    assert_eq!(dir.text("ours"), ini(7, "b"));
    dir.write("theirs", "[General]\r\nVersion=x\r\n");
    assert_eq!(dir.run(["git", "merge", "base", "ours", "theirs", "gpo/GPT.INI"]).refused(4), "E0221");
    assert_eq!(dir.text("ours"), ini(7, "b"));
}

#[test]
fn git_shows_records_as_text() {
    if !git_is_here("git's differences") {
        return;
    }
    let repository = Repository::with(&[("A", 1), ("B", 1)]);
    repository.write(&PolBuilder::new().dword(KEY, "A", 1).del(KEY, "B").build());
    let lines = |text: &str| -> Vec<String> {
        let changed =
            |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
        text.lines().filter(changed).map(str::to_owned).collect()
    };
    let expected = [format!("-{KEY}!B  REG_DWORD  1"), format!("+{KEY}!**del.B  makes Windows delete the value")];
    assert_eq!(lines(&repository.git(&["diff"]).ok()), expected);
    repository.git(&["commit", "-q", "-a", "-m", "deleted"]).ok();
    assert_eq!(lines(&repository.git(&["log", "-p", "-1"]).ok()), expected);
}

#[test]
fn a_damaged_file_is_left_to_people() {
    if !git_is_here("a damaged file") {
        return;
    }
    let repository = Repository::with(&[("A", 1)]);
    let ours = policy(&[("A", 2)]);
    let damaged = PolBuilder::new().dword(KEY, "A", 1).dword(KEY, "B", 1).cut(3).build();
    let run = repository.merge(&ours, &damaged);
    assert_eq!(run.status, Some(1), "{run}");
    assert!(run.stderr().contains("error[E0204]") && run.stderr().contains("their version of My GPO"), "{run}");
    assert_eq!(repository.read(), ours);
    assert_eq!(repository.git(&["status", "--porcelain"]).ok(), format!("UU \"{FILE}\"\n"));
    // It is still shown, as far as it goes.
    let shown = repository.git(&["show", "theirs"]).ok();
    assert!(shown.contains(&format!(" {KEY}!A  REG_DWORD  1\n")), "{shown}");
    assert!(shown.contains("\n+(damaged from 0x"), "{shown}");
}

#[test]
fn to_install_twice_changes_nothing_and_uninstalling_takes_back_what_was_done() {
    if !git_is_here("installing") {
        return;
    }
    let repository = Repository::new();
    repository.0.write("the work/.gitattributes", "# ours\r\n*.png binary\r\n");
    let (attributes, config) = (repository.attributes(), repository.config());
    let dry = repository.gpol(&["git", "install", "-n"]).ok();
    assert!(dry.starts_with("Would set git up for policy files\n"), "{dry}");
    assert_eq!((repository.attributes(), repository.config()), (attributes.clone(), config.clone()));
    repository.gpol(&["git", "install"]).ok();
    assert_eq!(repository.attributes(), format!("{attributes}{}", ATTRIBUTES.replace('\n', "\r\n")));
    let once = (repository.attributes(), repository.config());
    assert!(repository.gpol(&["git", "install"]).ok().starts_with("Nothing to do"));
    assert_eq!((repository.attributes(), repository.config()), once);
    assert!(repository.gpol(&["git", "install", "--uninstall"]).ok().starts_with("Took gpol out of git\n"));
    assert_eq!((repository.attributes(), repository.config()), (attributes, config));
    assert!(repository.gpol(&["git", "install", "--uninstall"]).ok().starts_with("Nothing to do"));
}

#[test]
fn for_all_repositories_it_goes_into_the_users_own_files() {
    if !git_is_here("installing for all repositories") {
        return;
    }
    let repository = Repository::new();
    let config = repository.config();
    repository.gpol(&["git", "install", "--global"]).ok();
    assert_eq!(repository.config(), config);
    assert!(!repository.0.has("the work/.gitattributes"));
    assert_eq!(repository.0.text("home/.config/git/attributes"), ATTRIBUTES);
    repository.commit(&policy(&[("A", 1)]), "base");
    repository.write(&policy(&[("A", 2)]));
    assert!(repository.git(&["diff"]).ok().contains(&format!("+{KEY}!A  REG_DWORD  2\n")));
    repository.gpol(&["git", "install", "--global", "--uninstall"]).ok();
    assert!(!repository.0.has("home/.config/git/attributes"));
    assert_eq!(repository.0.text("home/.gitconfig"), "");
}

/// The program lies in a folder whose name a shell would split, expand and take for a placeholder.
#[cfg(unix)]
#[test]
fn the_programs_path_may_have_blanks_quotes_and_percent_signs() {
    if !git_is_here("a program in an odd place") {
        return;
    }
    let repository = Repository::new();
    repository.0.write("it's 100%A $x/there", "");
    let program = repository.0.path("it's 100%A $x/gpol");
    std::fs::copy(env!("CARGO_BIN_EXE_gpol"), &program).unwrap();
    let mut install = Command::new(&program);
    install.args(["git", "install"]);
    repository.run_in(install).ok();
    repository.commit(&policy(&[("A", 1), ("B", 1)]), "base");
    let run = repository.merge(&policy(&[("A", 2), ("B", 1)]), &policy(&[("A", 1), ("B", 2)]));
    assert_eq!((run.status, repository.read()), (Some(0), policy(&[("A", 2), ("B", 2)])), "{run}");
    assert!(repository.git(&["log", "-p", "-1", "theirs"]).ok().contains("!B  REG_DWORD  2\n"));
}

#[test]
fn outside_a_repository_nothing_is_installed() {
    if !git_is_here("a folder without a repository") {
        return;
    }
    let repository = Repository::new();
    std::fs::remove_dir_all(repository.0.path("the work/.git")).unwrap();
    assert_eq!(repository.gpol(&["git", "install"]).refused(3), "E0415");
    assert!(!repository.0.has("the work/.gitattributes"));
}

#[test]
#[cfg_attr(windows, ignore = "without PATH, a program that mingw built does not find its libraries")]
fn without_git_the_error_says_so() {
    let dir = TestDir::new();
    let mut command = dir.command(["git", "install"]);
    command.env("PATH", "");
    let run = Run::of(command);
    assert_eq!(run.refused(6), "E0904");
    assert!(run.stderr().contains("git cannot be started"), "{run}");
}

fn text(bytes: &[u8]) -> String {
    TestDir::with("x.pol", bytes).run(["git", "textconv", "x.pol"]).ok()
}

#[test]
fn every_record_is_a_line() {
    let list = "a\0\0".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let pol = PolBuilder::new()
        .del_all_values(KEY)
        .dword(KEY, "Number", 300)
        .sz(KEY, "", "two\nlines")
        .multi_sz(KEY, "List", &["a", "b"])
        .del(KEY, "Gone")
        .binary(KEY, "Bytes", &[1, 255])
        .record(KEY, "Code", 0x99, &[1])
        .record(KEY, "Odd", 4, &[1, 2])
        .key_only(r"SOFTWARE\Empty")
        // The same list in other bytes, and a deletion with other data than Windows' own.
        .record(KEY, "Short", 7, &list[..4])
        .record(KEY, "Usual", 7, &list)
        .record(KEY, "**del.Other", 1, b"x\0\0\0");
    assert_file_snapshot!("git_textconv", text(&pol.build()));
    assert_eq!(text(&PolBuilder::new().build()), "(no records)\n");
}

#[test]
fn damage_is_told_and_two_different_files_never_look_the_same() {
    let pol = |broken: &[u8]| PolBuilder::new().dword(KEY, "A", 1).raw(broken).dword(KEY, "B", 1).build();
    let shown = text(&pol(b"\x01\x02"));
    assert_file_snapshot!("git_textconv_damaged", &shown);
    assert_ne!(shown, text(&pol(b"\x01\x03")));
    assert_eq!(text(b""), "(an empty file, which is no policy file)\n");
    for (file, shows) in
        [(&b"version https://x\noid 1\n"[..], "\nversion https://x\noid 1\n"), (b"MZ\0", "\n  000000  4d 5a 00\n")]
    {
        let shown = text(file);
        assert!(shown.starts_with("(not a policy file: ") && shown.contains(shows), "{shown}");
    }
}

/// The three versions in files of their own, merged without git.
fn merged(base: &[u8], ours: &[u8], theirs: &[u8]) -> (Run, Vec<u8>) {
    let dir = TestDir::new();
    for (name, bytes) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        dir.write(name, bytes);
    }
    let run = dir.run(["git", "merge", "base", "ours", "theirs", FILE]);
    assert_eq!((&*dir.read("base"), &*dir.read("theirs")), (base, theirs));
    (run, dir.read("ours"))
}

#[test]
fn conflicts_are_listed_with_what_each_side_does() {
    let base = policy(&[("A", 1), ("B", 1), ("C", 1)]);
    let ours = PolBuilder::new().dword(KEY, "A", 2).dword(KEY, "B", 1).dword(KEY, "C", 1).dword(KEY, "New", 1).build();
    let theirs = PolBuilder::new().del_all_values(KEY).dword(KEY, "A", 3).dword(KEY, "B", 1).dword(KEY, "C", 2).build();
    let (run, result) = merged(&base, &ours, &theirs);
    assert_file_snapshot!("git_merge_conflicts", run);
    let wanted = PolBuilder::new().del_all_values(KEY).dword(KEY, "A", 2).dword(KEY, "B", 1).dword(KEY, "C", 2);
    let wanted = wanted.dword(KEY, "New", 1);
    assert_eq!(result, wanted.build());
}

#[test]
fn a_damaged_version_ends_the_merge_and_every_file_stays() {
    let sound = policy(&[("A", 1)]);
    let damaged = PolBuilder::new().dword(KEY, "A", 1).cut(1).build();
    for (base, ours, theirs) in [(&damaged, &sound, &sound), (&sound, &damaged, &sound), (&sound, &sound, &damaged)] {
        let (run, result) = merged(base, ours, theirs);
        assert_eq!((run.refused(4).as_str(), &result), ("E0203", ours), "{run}");
    }
    // An empty file is no policy file, but for an ancestor that was not there.
    assert_eq!(merged(&sound, b"", &sound).0.refused(4), "E0206");
    assert_eq!(merged(b"", &sound, &sound).0.ok(), "");
}

#[test]
fn the_attributes_lie_at_the_top_of_the_working_tree() {
    if !git_is_here("a folder below the top") {
        return;
    }
    let repository = Repository::new();
    repository.0.write("the work/a/b/there", "");
    let mut command = repository.0.command(["git", "install"]);
    command.arg("--dry-run");
    let below: &Path = &repository.folder().join("a/b");
    command.env("HOME", repository.0.path("home")).current_dir(below);
    assert!(Run::of(command).ok().contains("the work/.gitattributes\n"));
}
