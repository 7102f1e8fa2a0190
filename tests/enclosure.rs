//! Whoever can write in a target lays links in it, exchanges folders for links and writes its files, while gpol is at work or
//! after it was killed. Nothing is read or written outside of the target, and nothing of theirs is lost. Linux only.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::bench::{COMPUTER_POL, GPT_INI, NLA, Run, TestDir, USER_POL};
use crate::kill::{faulty, strace, under_strace};

const GPO: &str = "image/Windows/System32/GroupPolicy";
const MACHINE: &str = "image/Windows/System32/GroupPolicy/Machine";
const SET: [&str; 5] = ["policy", "set", "image", NLA, "disabled"];

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// An image without a computer side, so that `Registry.pol` is new, and a folder outside of it.
fn without_computer_side() -> TestDir {
    let dir = TestDir::with_image();
    fs::remove_dir_all(dir.path(MACHINE)).expect("it is ours");
    dir.write(GPT_INI, "[General]\r\nVersion=65536\r\n");
    fs::create_dir(dir.path("victim")).expect("it is ours");
    dir
}

#[test]
fn what_a_crash_left_is_not_mended_through_a_link_that_was_laid_since() {
    if !strace() {
        return;
    }
    for (n, prepared) in [(1, true), (1, false), (2, false)] {
        let dir = without_computer_side();
        faulty(&dir, "renameat2", "signal=SIGKILL", &n.to_string(), &SET).expect("it is killed");
        let temporary = names(&dir.path(GPO)).into_iter().find(|name| name.starts_with(".gpol-"));
        if prepared {
            // As if the second file had been replaced, which makes the change one to finish.
            let new = dir.path(GPO).join(temporary.expect("the new gpt.ini is prepared"));
            fs::copy(new, dir.path(GPT_INI)).expect("it is ours");
        }
        fs::rename(dir.path(MACHINE), dir.path("kept")).expect("it is ours");
        symlink(dir.path("victim"), dir.path(MACHINE)).expect("a link");
        let before = dir.state();
        for words in
            [&SET[..], &["policy", "set", "image", NLA, "enabled"], &["undo", "image"], &["gpo", "bump", "image"]]
        {
            let run = dir.run(words.iter().copied());
            assert_eq!(run.refused(5), "E0524", "{run}");
            assert!(
                run.stderr().contains("change 2") && run.stderr().contains("record of the change is kept"),
                "{run}"
            );
        }
        assert_eq!(dir.state(), before, "nothing was written, in the target or outside");
        assert_eq!(names(&dir.path("victim")), [""; 0]);
        // The record is kept, and serves when all is in its place again.
        fs::remove_file(dir.path(MACHINE)).expect("it is ours");
        fs::rename(dir.path("kept"), dir.path(MACHINE)).expect("it is ours");
        let run = dir.run(SET);
        assert!(run.status == Some(0) && run.stderr().contains("had been interrupted"), "{run}");
        assert!(dir.has(COMPUTER_POL) && names(&dir.path(GPO)).iter().all(|name| !name.starts_with(".gpol-")));
        assert!(names(dir.history()).iter().all(|name| !name.ends_with(".open")), "{:?}", names(dir.history()));
    }
}

/// `Machine` and a link change places all the time, as fast as the system lets them.
///
/// `GPOL_RACE_RUNS=10000 cargo test --release -p gpol --test tests exchanged_for_a_link -- --nocapture` for many runs.
#[test]
fn a_folder_that_is_exchanged_for_a_link_while_gpol_writes_leads_it_nowhere() {
    let runs = std::env::var("GPOL_RACE_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(150);
    let dir = TestDir::with_image();
    let (machine, link, victim) = (dir.path(MACHINE), dir.path(GPO).join("m2"), dir.path("victim"));
    fs::remove_dir_all(&machine).and_then(|()| fs::create_dir(&machine)).expect("it is ours");
    fs::create_dir(&victim).expect("it is ours");
    symlink(&victim, &link).expect("a link");
    let ini = dir.read(GPT_INI);
    let stop = AtomicBool::new(false);
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &machine, CWD, &link, RenameFlags::EXCHANGE).expect("both are there");
                let start = Instant::now();
                while start.elapsed() < Duration::from_micros(400) {
                    std::hint::spin_loop();
                }
            }
        });
        let written = (0..runs).find(|_| {
            dir.write(GPT_INI, &ini);
            for place in [&machine, &link] {
                for name in ["Registry.pol"].iter().map(|name| place.join(name)) {
                    drop(fs::remove_file(name));
                }
            }
            let run = dir.run(SET);
            let code = run.stderr().get(6..11).unwrap_or_default().to_owned();
            *ends.entry(format!("{:?} {code}", run.status)).or_default() += 1;
            !names(&victim).is_empty()
        });
        stop.store(true, Ordering::Relaxed);
        assert_eq!(written, None, "written outside: {:?}", names(&victim));
    });
    println!("{runs} runs, none written outside: {ends:?}");
    // It was a race: some runs found the folder and some the link.
    assert!(
        ends.keys().any(|end| end.starts_with("Some(0)")) && ends.keys().any(|end| end.contains("E0524")),
        "{ends:?}"
    );
    assert!(ends.keys().all(|end| end.starts_with("Some(0)") || end.starts_with("Some(5)")), "{ends:?}");
}

#[test]
fn nothing_is_read_through_a_link_that_leads_out() {
    let secret = fixtures::PolBuilder::new().sz("Software\\Secret", "Canary", "0451").build();
    for name in ["Machine", "Machine/Registry.pol", "gpt.ini"] {
        let dir = TestDir::with_image();
        dir.write("victim/Registry.pol", &secret);
        dir.write("victim/gpt.ini", "[General]\r\nVersion=0451\r\n");
        let place = dir.path(GPO).join(name);
        let to = if name == "Machine" {
            dir.path("victim")
        } else {
            dir.path("victim").join(place.file_name().expect("a name"))
        };
        if place.is_dir() { fs::remove_dir_all(&place) } else { fs::remove_file(&place) }.expect("it is ours");
        symlink(to, &place).expect("a link");
        let before = dir.state();
        for words in [
            &["doctor", "image"][..],
            &["policy", "set", "image", NLA, "disabled"],
            &["policy", "set", "image", NLA, "disabled", "--dry-run"],
            &["policy", "get", "image", NLA],
        ] {
            if name == "gpt.ini" && words[1] == "get" {
                continue;
            }
            let run = dir.run(words.iter().copied());
            assert_eq!(run.refused(5), "E0524", "{name} {words:?}: {run}");
        }
        for words in [&["show", "image"][..], &["show", "image", "-f", "json"], &["show", "image", "--records"]] {
            let run = dir.run(words.iter().copied());
            assert!(!run.to_string().contains("0451"), "{name} {words:?}: {run}");
        }
        assert_eq!(dir.state(), before, "{name}");
    }
}

#[test]
fn a_link_that_stays_in_the_target_is_followed_and_stays_one() {
    for absolute in [false, true] {
        let dir = TestDir::with_image();
        let elsewhere = dir.path("image/Windows/elsewhere");
        fs::rename(dir.path(MACHINE), &elsewhere).expect("it is ours");
        let to = if absolute { elsewhere.clone() } else { "../../elsewhere".into() };
        symlink(&to, dir.path(MACHINE)).expect("a link");
        let first = fs::read(elsewhere.join("Registry.pol")).expect("it is there");
        dir.run(SET).ok();
        assert_ne!(fs::read(elsewhere.join("Registry.pol")).expect("it is there"), first);
        assert_eq!(fs::read_link(dir.path(MACHINE)).expect("it is a link"), to);
        dir.run(["undo", "image"]).ok();
        assert_eq!(fs::read(elsewhere.join("Registry.pol")).expect("it is there"), first);
    }
}

#[test]
fn a_policy_file_alone_is_enclosed_by_its_folder() {
    let dir = TestDir::with_image();
    // Named by a link, it is the file that this leads to.
    symlink(dir.path(COMPUTER_POL), dir.path("named.pol")).expect("a link");
    dir.run(["policy", "set", "named.pol", NLA, "disabled"]).ok();
    assert!(fs::symlink_metadata(dir.path("named.pol")).expect("it is there").is_symlink());
    assert_eq!(dir.run(["policy", "get", COMPUTER_POL, NLA, "-f", "json"]).json()["policy"]["state"], "disabled");
    dir.run(["undo", "named.pol"]).ok();
    assert_eq!(dir.run(["policy", "get", "named.pol", NLA, "-f", "json"]).json()["policy"]["state"], "enabled");
}

/// Starts a change under strace that waits in a call, runs `meanwhile` when the computer's policy file has been replaced, and
/// gives what came of the change.
fn meanwhile(dir: &TestDir, options: &[&str], act: impl Fn()) -> Run {
    let before = dir.read(COMPUTER_POL);
    let mut command = under_strace(dir, options, &SET);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("strace starts");
    let start = Instant::now();
    while dir.read(COMPUTER_POL) == before {
        assert!(start.elapsed() < Duration::from_secs(60), "the first file is never replaced");
        sleep(Duration::from_millis(1));
    }
    // So that the program has come to the call in which it waits.
    sleep(Duration::from_millis(500));
    act();
    let output = child.wait_with_output().expect("it ends");
    Run { status: output.status.code(), out: output.stdout, err: output.stderr }
}

#[test]
fn e0520_a_file_that_others_write_after_the_first_was_replaced_stays_theirs() {
    if !strace() {
        return;
    }
    // Between the look at gpt.ini and its exchange; and on a file system that cannot exchange, before that look.
    let no_exchange = "inject=renameat2:error=EINVAL";
    let ways: [&[&str]; 2] = [
        &["-o", "/dev/null", "-e", "trace=renameat2", "-e", "inject=renameat2:delay_enter=2000000:when=2"],
        &[
            "-o",
            "/dev/null",
            "-e",
            "trace=renameat,renameat2",
            "-e",
            no_exchange,
            "-e",
            "inject=renameat:delay_exit=2000000:when=1",
        ],
    ];
    for options in ways {
        for replaced in [false, true] {
            let dir = TestDir::with_image();
            let (policy, ini, machine) = (dir.read(COMPUTER_POL), dir.read(GPT_INI), names(&dir.path(MACHINE)));
            let theirs = [&*ini, b";foreign\r\n"].concat();
            let run = meanwhile(&dir, options, || {
                if replaced {
                    dir.write("theirs", &theirs);
                    fs::rename(dir.path("theirs"), dir.path(GPT_INI)).expect("it is ours");
                } else {
                    fs::write(dir.path(GPT_INI), &theirs).expect("it is ours");
                }
            });
            assert_eq!(run.refused(5), "E0520", "{options:?}: {run}");
            assert_eq!(dir.read(GPT_INI), theirs, "{options:?}: theirs stays");
            assert_eq!(dir.read(COMPUTER_POL), policy, "{options:?}: what was replaced is put back");
            assert_eq!(names(dir.history()), [""; 0], "the change was not made");
            assert_eq!(names(&dir.path(GPO)), ["Machine", "User", "gpt.ini"]);
            assert_eq!(names(&dir.path(MACHINE)), machine, "nothing is left behind");
        }
    }
}

/// The last moment: gpt.ini is written by others between the look at it and the exchange, and the program is killed before it
/// looks at what came out.
#[test]
fn a_foreign_file_that_came_out_of_the_exchange_is_put_back_by_the_next_run() {
    if !strace() {
        return;
    }
    let dir = TestDir::with_image();
    let theirs = [&*dir.read(GPT_INI), b";foreign\r\n"].concat();
    let run = faulty(&dir, "renameat2", "signal=SIGKILL", "2", &SET).expect("it is killed");
    assert_eq!(run.status, None);
    let temporary = names(&dir.path(GPO)).into_iter().find(|name| name.starts_with(".gpol-")).expect("it is prepared");
    let temporary = dir.path(GPO).join(temporary);
    // The exchange, as the kernel makes it, behind a write of somebody else's.
    fs::write(dir.path(GPT_INI), &theirs).expect("it is ours");
    renameat_with(CWD, &temporary, CWD, dir.path(GPT_INI), RenameFlags::EXCHANGE).expect("both are there");
    let run = dir.run(["policy", "set", "image", "TS_PASSWORD", "enabled"]);
    assert!(run.status == Some(0) && run.stderr().contains("gpt.ini has been written since"), "{run}");
    assert!(dir.text(GPT_INI).contains(";foreign"), "{}", dir.text(GPT_INI));
}

#[test]
fn the_temporary_file_is_never_open_to_those_who_may_not_read_the_file() {
    if !strace() {
        return;
    }
    let mut seen = 0;
    for call in ["openat2", "write", "fchown", "fsetxattr", "fchmod", "fsync", "rename", "renameat2", "unlinkat"] {
        for n in 1.. {
            let dir = TestDir::with_image();
            let pol = dir.path(COMPUTER_POL);
            fs::set_permissions(&pol, fs::Permissions::from_mode(0o600)).expect("it is ours");
            let root = std::os::unix::fs::chown(&pol, Some(1234), Some(4321)).is_ok();
            drop(xattr::set(&pol, "user.DOSATTRIB", b"0x2"));
            if faulty(&dir, call, "signal=SIGKILL", &n.to_string(), &SET).is_none() {
                break;
            }
            for name in names(&dir.path(MACHINE)).iter().filter(|name| name.starts_with(".gpol-")) {
                let left = fs::metadata(dir.path(MACHINE).join(name)).expect("it is there");
                let owner = (left.uid(), left.gid());
                assert_eq!(left.mode() & 0o7777 & !0o600, 0, "{call} {n}: {:o}", left.mode());
                assert!(!root || owner == (1234, 4321) || owner == (0, 0), "{call} {n}: {owner:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn e0527_a_file_with_another_name_is_refused_before_anything_is_written() {
    for (linked, words) in [
        (COMPUTER_POL, &SET[..]),
        (COMPUTER_POL, &["policy", "set", "image", NLA, "disabled", "--dry-run"]),
        (GPT_INI, &SET),
        (GPT_INI, &["gpo", "bump", "image", "--dry-run"]),
        (GPT_INI, &["gpo", "bump", "image"]),
        (USER_POL, &["apply", "image", "wanted.txt", "--yes"]),
        (USER_POL, &["plan", "image", "wanted.txt"]),
    ] {
        let dir = TestDir::with_image();
        dir.write("wanted.txt", "User\r\nK\r\nA\r\nDWORD:1\r\n");
        fs::hard_link(dir.path(linked), dir.path("another")).expect("a file system with hard links");
        let before = dir.state();
        let run = dir.run(words.iter().copied());
        assert_eq!(run.refused(5), "E0527", "{words:?}: {run}");
        assert_eq!(dir.state(), before, "{words:?}");
        assert_eq!(names(dir.history()), [""; 0], "{words:?}");
    }
    let dir = TestDir::with_image();
    dir.run(SET).ok();
    fs::hard_link(dir.path(COMPUTER_POL), dir.path("another")).expect("a file system with hard links");
    assert_eq!(dir.run(["undo", "image", "--dry-run"]).refused(5), "E0527");
    let run = dir.run(["undo", "image"]);
    crate::assert_file_snapshot!("error_E0527", run);
}

/// With a folder for backups that is there already and open to everybody.
#[test]
fn the_backup_of_a_change_is_readable_by_its_owner_alone() {
    let dir = TestDir::with_image();
    fs::set_permissions(dir.history(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    let gpol = dir.command([&SET[..], &["--backup-dir", &dir.history().to_string_lossy()]].concat());
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(gpol.get_program()).args(gpol.get_args());
    Run::of({
        command.current_dir(dir.path(""));
        command
    })
    .ok();
    let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
    let [record] = &names(dir.history())[..] else { panic!("one change") };
    let record = dir.history().join(record);
    assert_eq!(mode(&record), 0o700);
    let files = names(&record);
    assert!(files.len() >= 5, "{files:?}");
    for name in files {
        assert_eq!(mode(&record.join(&name)), 0o600, "{name}");
    }
}
