//! Changes that are killed, or refused by the system, at every step: files are old or new, and the next run mends the rest.
//!
//! strace does it: it kills the program, or lets a call fail, at the n-th call of those that matter. Linux only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, NLA, Run, TestDir};
use crate::store::KEY;

const COMMENTS: &str = "image/Windows/System32/GroupPolicy/Machine/comment.cmtx";
/// Calls that change something, or make it last.
const CHANGES: [&str; 15] = [
    "write",
    "fsync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "fchmod",
    "fchmodat",
    "fchown",
    "fsetxattr",
    "flock",
];
/// Every call that could write, reach the network or start a program.
const FORBIDDEN: &str = "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,chmod,fchmod,fchmodat,\
    chown,fchown,lchown,fchownat,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,symlink,symlinkat,link,linkat,truncate,\
    ftruncate,utimensat,flock,socket,connect,execve,fork,vfork";

/// Whether strace may trace here; says so if not.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
pub fn strace() -> bool {
    let traced = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    let works = traced.is_ok_and(|status| status.success());
    if !works {
        println!("skipped: needs strace, and leave to trace");
    }
    works
}

/// The program in the folder, under strace with these options.
pub fn traced(dir: &TestDir, options: &[&str], words: &[&str]) -> Run {
    Run::of(under_strace(dir, options, words))
}

/// The command for [`traced`].
pub fn under_strace(dir: &TestDir, options: &[&str], words: &[&str]) -> Command {
    let plain = dir.command(words.iter().copied());
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(options).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(dir.path("")).stdin(Stdio::null());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// A fault in the n-th of each of these calls; `when` may end in `+` for all from there on. `None` if there are not so many.
pub fn faulty(dir: &TestDir, calls: &str, fault: &str, when: &str, words: &[&str]) -> Option<Run> {
    let log = dir
        .history()
        .join("../")
        .join(format!("{}.trace", dir.history().file_name().expect("a name").to_string_lossy()));
    let log = log.to_str().expect("UTF-8");
    let inject = format!("inject={calls}:{fault}:when={when}");
    let run = traced(dir, &["-o", log, "-e", &format!("trace={calls}"), "-e", &inject], words);
    let trace = std::fs::read_to_string(log).expect("strace made it");
    std::fs::remove_file(log).expect("it is ours");
    (trace.contains("(INJECTED)") || trace.contains("killed by SIG") || trace.contains("--- SIG")).then_some(run)
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// All files of the image.
fn files(dir: &TestDir) -> Files {
    let image = dir.path("image");
    let all = dir.state().into_iter().filter(|entry| entry.path.starts_with(&image));
    all.filter_map(|entry| Some((entry.path, entry.bytes?))).collect()
}

/// Folders of changes that did not come to their end, and what is half written.
fn unfinished(dir: &TestDir) -> usize {
    let entries = std::fs::read_dir(dir.history()).expect("it is there");
    let open = |name: String| name.ends_with(".open") || name.starts_with('.');
    entries.filter(|entry| open(entry.as_ref().expect("an entry").file_name().to_string_lossy().into_owned())).count()
}

/// A change to interrupt: what is there before, and the command.
struct Scenario {
    name: &'static str,
    prepare: fn() -> TestDir,
    words: &'static [&'static str],
}

const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "three files, one of them new",
        prepare: TestDir::with_image,
        words: &["policy", "set", "image", NLA, "disabled", "--comment", "KB 4555446"],
    },
    Scenario {
        name: "a GPO that is not there yet",
        prepare: || TestDir::with("image/Windows/System32/config/SYSTEM", "regf"),
        words: &["policy", "set", "image", NLA, "enabled"],
    },
    Scenario {
        name: "a per-user GPO that is not there yet",
        prepare: || {
            let dir = TestDir::with_image();
            dir.write_store();
            dir
        },
        words: &["policy", "set", "image", "Both", "enabled", "--admx", "store", "--scope", "user:administrators"],
    },
    Scenario {
        name: "a state file for both sides and a group",
        prepare: || {
            let dir = TestDir::with_image();
            let record = format!("registry: [{{key: {KEY}, value: X, type: dword, data: 7}}]");
            let text = format!("computer: {{{record}}}\nuser: {{{record}}}\nusers: {{administrators: {{{record}}}}}\n");
            dir.write("all.yaml", format!("apiVersion: gpol/v1\nkind: PolicySet\n{text}"));
            dir
        },
        words: &["apply", "image", "all.yaml", "--yes"],
    },
    Scenario {
        name: "an undo that takes a file away",
        prepare: || {
            let dir = TestDir::with_image();
            dir.run(["policy", "set", "image", NLA, "disabled", "--comment", "KB 4555446"]).ok();
            dir
        },
        words: &["undo", "image"],
    },
];

/// What a scenario leads from and to.
fn outcome(scenario: &Scenario) -> (Files, Files) {
    let dir = (scenario.prepare)();
    let old = files(&dir);
    dir.run(scenario.words.iter().copied()).ok();
    (relative(&dir, old), relative(&dir, files(&dir)))
}

fn relative(dir: &TestDir, files: Files) -> Files {
    let strip = |path: PathBuf| path.strip_prefix(dir.path("")).expect("in the folder").to_path_buf();
    files.into_iter().map(|(path, bytes)| (strip(path), bytes)).collect()
}

/// Compares without printing whole files.
#[track_caller]
fn same(found: &Files, expected: &Files, what: &str) {
    let differing: Vec<&PathBuf> =
        found.keys().chain(expected.keys()).filter(|path| found.get(*path) != expected.get(*path)).collect();
    assert!(differing.is_empty(), "{what}: {differing:?}");
}

/// Every file is old or new; a version is never new while what it announces is old.
fn old_or_new(found: &Files, old: &Files, new: &Files, what: &str) {
    let temporary = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".gpol-"));
    let paths: BTreeSet<&PathBuf> =
        found.keys().chain(old.keys()).chain(new.keys()).filter(|p| !temporary(p)).collect();
    for path in paths {
        let now = found.get(path);
        assert!(now == old.get(path) || now == new.get(path), "{what}: {} is torn", path.display());
    }
    let is_new = |name: &str| {
        let changed: Vec<&PathBuf> = new.keys().filter(|p| p.ends_with(name) && new.get(*p) != old.get(*p)).collect();
        changed.iter().all(|path| found.get(*path) == new.get(*path))
    };
    assert!(!is_new("gpt.ini") || is_new("Registry.pol"), "{what}: the version runs ahead");
}

#[test]
fn killed_at_any_call_the_change_is_whole_or_not_made_and_the_next_run_mends_it() {
    if !strace() {
        return;
    }
    let mut kills = 0;
    for scenario in &SCENARIOS {
        let (old, new) = outcome(scenario);
        let mut seen = BTreeSet::new();
        // Files are opened between all the others; once is enough for that.
        let opens = ["openat", "openat2"].into_iter().filter(|_| scenario.words == SCENARIOS[0].words);
        for call in CHANGES.into_iter().chain(opens) {
            for n in 1.. {
                let dir = (scenario.prepare)();
                let what = format!("{}, killed in call {n} of {call}", scenario.name);
                let killed = faulty(&dir, call, "signal=SIGKILL", &n.to_string(), scenario.words);
                let left = relative(&dir, files(&dir));
                if killed.is_none() {
                    same(&left, &new, &what);
                    break;
                }
                kills += 1;
                old_or_new(&left, &old, &new, &what);
                seen.insert((left == old, left == new));
                mended(&dir, scenario, &new, &what);
            }
        }
        assert!(seen.contains(&(true, false)) && seen.contains(&(false, true)), "{}: old and new", scenario.name);
        assert!(seen.contains(&(false, false)), "{}: and something between", scenario.name);
    }
    println!("killed {kills} times");
    assert!(kills > 200, "{kills} kills");
}

/// Ctrl-C, and what a service manager sends: the change is made whole or not begun, nothing is left to tidy, and the
/// program ends by the signal, which a shell reports as 130.
#[test]
fn interrupted_at_any_call_the_change_is_made_or_not_begun_and_nothing_is_left() {
    if !strace() {
        return;
    }
    let scenario = &SCENARIOS[0];
    let (old, new) = outcome(scenario);
    let mut seen = BTreeSet::new();
    for (call, signal) in CHANGES.into_iter().map(|call| (call, "SIGINT")).chain([("fsync", "SIGTERM")]) {
        for n in 1.. {
            let dir = (scenario.prepare)();
            let fault = format!("signal={signal}");
            let Some(run) = faulty(&dir, call, &fault, &n.to_string(), scenario.words) else { break };
            let what = format!("{signal} in call {n} of {call}: {run}");
            let left = relative(&dir, files(&dir));
            let made = left == new;
            same(&left, if made { &new } else { &old }, &what);
            assert_eq!(unfinished(&dir), 0, "{what}");
            assert_eq!(run.status, None, "ended by a signal: {what}");
            assert!(!made || call == "write" || run.stdout().starts_with("Changed"), "{what}");
            seen.insert(made);
        }
    }
    assert!(seen.contains(&true), "a change that was under way is finished");
}

/// The next run finds what was interrupted, finishes or reverts it, and leaves nothing behind.
fn mended(dir: &TestDir, scenario: &Scenario, new: &Files, what: &str) {
    // An undo that was finished would be undone by another; any other change mends it as well.
    let is_undo = scenario.words[0] == "undo";
    let next: &[&str] = if is_undo { &["policy", "set", "image", NLA, "disabled"] } else { scenario.words };
    let run = dir.run(next.iter().copied());
    assert_eq!(run.status, Some(0), "{what}: {run}");
    let left = relative(dir, files(dir));
    let temporary = left.keys().any(|path| path.to_string_lossy().contains(".gpol-"));
    assert!(!temporary, "{what}: {:?}", left.keys());
    let mut names =
        std::fs::read_dir(dir.history()).expect("it is there").map(|entry| entry.expect("an entry").file_name());
    assert!(!names.any(|name| name.to_string_lossy().ends_with(".open")), "{what}: still unfinished");
    assert!(is_undo || left == *new, "{what}: mended to something else");
}

#[test]
fn a_call_that_the_system_refuses_leaves_everything_as_it_was() {
    if !strace() {
        return;
    }
    let mut faults = 0;
    for scenario in &SCENARIOS {
        let (old, new) = outcome(scenario);
        for (call, fault) in CHANGES.into_iter().flat_map(|call| [(call, "error=ENOSPC"), (call, "error=EIO")]) {
            for n in 1.. {
                let dir = (scenario.prepare)();
                let Some(run) = faulty(&dir, call, fault, &n.to_string(), scenario.words) else { break };
                faults += 1;
                let what = format!("{}, {fault} in call {n} of {call}: {run}", scenario.name);
                let mut left = relative(&dir, files(&dir));
                // What is printed when all is done, or what tidies up, decides nothing; what it leaves, the next run tidies.
                let made = run.status == Some(0) || run.stderr().contains("standard output");
                left.retain(|path, _| !(made && path.to_string_lossy().contains(".gpol-")));
                same(&left, if made { &new } else { &old }, &what);
                assert!(made || matches!(run.status, Some(5 | 6)), "{what}");
                assert!(made || run.stderr().contains("error[E0"), "{what}");
                mended(&dir, scenario, &new, &what);
            }
        }
    }
    println!("refused {faults} times");
    assert!(faults > 200, "{faults} faults");
}

#[test]
fn e0903_a_change_that_stops_halfway_is_finished_by_the_next_run() {
    if !strace() {
        return;
    }
    let (_, new) = outcome(&SCENARIOS[0]);
    let mut torn = None;
    for n in 1.. {
        let dir = TestDir::with_image();
        let Some(run) = faulty(&dir, "renameat2", "error=EIO", &format!("{n}+"), SCENARIOS[0].words) else { break };
        if run.stderr().starts_with("error[E0903]") {
            assert_eq!(run.refused(6), "E0903");
            assert_eq!(unfinished(&dir), 1);
            let next = dir.run(SCENARIOS[0].words.iter().copied());
            assert!(next.status == Some(0) && next.stderr().contains("gpol has finished it"), "{next}");
            same(&relative(&dir, files(&dir)), &new, "finished");
            torn.get_or_insert(run);
        }
    }
    let shown = torn.expect("not even what was replaced could be put back").to_string();
    assert_file_snapshot!("error_E0903", shown);
}

#[test]
fn e0523_an_attribute_that_cannot_be_kept_is_a_refusal() {
    if !strace() {
        return;
    }
    let dir = TestDir::with_image();
    if xattr::set(dir.path(COMPUTER_POL), "user.DOSATTRIB", b"0x2").is_err() {
        println!("skipped: this file system takes no attributes");
        return;
    }
    let before = dir.state();
    let words = ["policy", "set", "image", NLA, "disabled"];
    let run = faulty(&dir, "fsetxattr", "error=EPERM", "1+", &words).expect("it would be set");
    assert_eq!(run.refused(5), "E0523", "{run}");
    assert_eq!(
        dir.state().iter().map(|e| (&e.path, &e.bytes)).collect::<Vec<_>>(),
        before.iter().map(|e| (&e.path, &e.bytes)).collect::<Vec<_>>()
    );
    assert_eq!(unfinished(&dir), 0);
    assert_file_snapshot!("error_E0523", run);
}

/// A script in a mount namespace of its own, where root may mount; `None` where that is not allowed.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn mounted(dir: &TestDir, script: &str) -> Option<Run> {
    let may =
        Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: needs root and leave to mount");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).current_dir(dir.path(""));
    command.env("GPOL", env!("CARGO_BIN_EXE_gpol")).env("GPOL_BACKUP_DIR", dir.history());
    Some(Run::of(command))
}

#[test]
fn a_full_disk_changes_nothing() {
    let dir = TestDir::with_image();
    // Two pages are left; the new policy file takes one, gpt.ini the other, and the comment finds none.
    let script = format!(
        "set -e; mkdir full; mount -t tmpfs -o size=128k none full; cp -r image full/; \
         dd if=/dev/zero of=full/filler bs=4096 2>/dev/null || true; truncate -s -8192 full/filler; \
         code=0; $GPOL policy set full/image {NLA} disabled --comment note || code=$?; \
         echo; echo code $code; diff -r image full/image && echo same"
    );
    let Some(run) = mounted(&dir, &script) else { return };
    assert!(run.stdout().contains("code 6\nsame\n") && run.stderr().starts_with("error[E0902]"), "{run}");
    assert_eq!(unfinished(&dir), 0);
}

#[test]
fn a_folder_that_may_not_be_written_changes_nothing() {
    let dir = TestDir::with_image();
    let script = format!(
        "set -e; cp -r image copy; mount --bind image image; mount -o remount,ro,bind image; \
         code=0; $GPOL policy set image {NLA} disabled || code=$?; echo; echo code $code; diff -r image copy && echo same"
    );
    let run = match mounted(&dir, &script) {
        Some(run) => run,
        None => {
            // Mode bits forbid root nothing, but then it could have mounted.
            use std::os::unix::fs::PermissionsExt as _;
            let folder = dir.path("image/Windows/System32/GroupPolicy/Machine");
            let mode =
                |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).expect("it is ours");
            let before = files(&dir);
            mode(0o555);
            let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
            mode(0o755);
            if run.status == Some(0) {
                println!("skipped: needs to be without root's rights, or with leave to mount");
                return;
            }
            assert_eq!(files(&dir), before);
            assert_eq!(run.refused(6), "E0902", "{run}");
            return;
        }
    };
    assert!(run.stdout().contains("code 5\nsame\n") && run.stderr().starts_with("error[E0512]"), "{run}");
    assert_eq!(unfinished(&dir), 0);
}

#[test]
fn read_commands_open_nothing_for_writing_and_reach_nobody() {
    if !strace() {
        return;
    }
    let dir = TestDir::with_image();
    dir.write_store();
    dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    dir.write("wanted.txt", "Computer\r\nK\r\nA\r\nDWORD:1\r\n");
    let gpo = "dn: CN={31B2F340-016D-11D2-945F-00C04FB984F9},CN=Policies,CN=System,DC=a";
    dir.write("ad.ldif", format!("version: 1\n\n{gpo}\nobjectClass: groupPolicyContainer\ndisplayName: x\n"));
    let before = dir.state();
    let commands: &[&[&str]] = &[
        &["show", "image"],
        &["show", "image", "--records", "-f", "json"],
        &["show", COMPUTER_POL, "--admx", "store", "--all-states"],
        &["explain", "image", NLA],
        &["doctor", "image"],
        &["detect", "image", COMPUTER_POL],
        &["diagnose", "image", "AadLogonFailure"],
        &["search", "network", "image"],
        &["effective", "image"],
        &["diff", "image", COMPUTER_POL],
        &["check", "image", "wanted.txt"],
        &["plan", "image", "wanted.txt"],
        &["apply", "image", "wanted.txt", "--dry-run"],
        &["ad", "names", "ad.ldif"],
        &["schema", "state"],
        &["history", "image"],
        &["undo", "image", "--dry-run"],
        &["policy", "get", "image", NLA],
        &["policy", "list", "image", "--admx", "store"],
        &["policy", "describe", NLA],
        &["policy", "search", "network"],
        &["policy", "set", "image", NLA, "enabled", "--dry-run"],
        &["gpo", "bump", "image", "--dry-run"],
        &["policy", "unset", "image", NLA, "--dry-run"],
        &["admx", "list", "store"],
        &["admx", "tree", "store"],
        &["admx", "show", "store", "Test"],
        &["admx", "diff", "store", "store"],
        &["pol", "cat", COMPUTER_POL],
        &["pol", "verify", COMPUTER_POL],
        &["pol", "stat", COMPUTER_POL],
        &["git", "textconv", COMPUTER_POL],
        &["hive", "list", "image/Windows/System32/config/SOFTWARE"],
        &["hive", "get", "image/Windows/System32/config/SYSTEM", "Select!Current"],
        &["convert", COMPUTER_POL, "-f", "lgpo"],
        &["convert", COMPUTER_POL, "-f", "json"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ];
    for words in commands {
        let run = traced(&dir, &["-o", "trace", "-e", &format!("trace={FORBIDDEN}")], words);
        assert!(matches!(run.status, Some(0 | 1 | 3)), "{words:?}: {run}");
        let trace = dir.text("trace");
        let mut programs = 0;
        for line in trace.lines() {
            let call = line.split_once(' ').map_or(line, |(pid, rest)| {
                if pid.bytes().all(|b| b.is_ascii_digit()) { rest.trim_start() } else { line }
            });
            if call.starts_with("open")
                && !call.contains("O_WRONLY")
                && !call.contains("O_RDWR")
                && !call.contains("O_CREAT")
            {
                continue;
            }
            if call.starts_with("execve(") {
                programs += 1;
                continue;
            }
            assert!(call.starts_with("+++") || call.starts_with("---"), "{words:?}: {line}");
        }
        assert_eq!(programs, 1, "{words:?}: itself and no other program");
        std::fs::remove_file(dir.path("trace")).expect("strace made it");
        assert_eq!(dir.state(), before, "{words:?}");
    }
    // What is there already is not written again: no file is opened for it, and the lock makes none.
    let run = traced(&dir, &["-o", "trace", "-e", "trace=openat"], &["policy", "set", "image", NLA, "disabled"]);
    assert!(run.ok().starts_with("Nothing to do"));
    assert!(!dir.text("trace").contains("O_CREAT"), "{}", dir.text("trace"));
    assert!(dir.has(COMMENTS) || dir.has(GPT_INI));
}
