//! The question before a change, on a terminal: what each answer does, and what interrupting does.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::bench::{COMPUTER_POL, NLA, TestDir};

const QUESTION: &str = "Make these changes? [y/N] ";

/// What a run on a terminal showed there, and how it ended.
struct Session {
    shown: String,
    /// As a shell tells it: 128 and the signal's number for one that was interrupted.
    status: i32,
}

/// Runs the program on a terminal of its own and answers its question with these keys.
fn answered(dir: &TestDir, keys: &[u8]) -> Session {
    use std::os::unix::process::ExitStatusExt as _;
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&master).expect("a terminal");
    unlockpt(&master).expect("a terminal");
    let name = ptsname(&master, Vec::new()).expect("a terminal");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(&*name, flags, Mode::empty()).expect("a terminal");
    // setsid gives the program the terminal, so that Ctrl-C reaches it.
    let mut program = dir.command(["apply", "image", "off.yaml"]);
    program.env("NO_COLOR", "1");
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(program.get_program()).args(program.get_args()).current_dir(dir.path(""));
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let stdio = || Stdio::from(slave.try_clone().expect("a terminal"));
    let mut child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().expect("setsid is there");
    drop((command, slave));
    let mut master = File::from(master);
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    let mut is_answered = false;
    // Reading ends with an error when nobody has the terminal open any more.
    while let Ok(count @ 1..) = master.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..count]);
        if !is_answered && shown.ends_with(QUESTION.as_bytes()) {
            master.write_all(keys).expect("the terminal takes keys");
            is_answered = true;
        }
    }
    let status = child.wait().expect("it ends");
    let status = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).expect("one of both");
    let shown = String::from_utf8(shown).expect("UTF-8").replace("\r\n", "\n");
    assert!(is_answered, "it asks:\n{shown}");
    Session { shown, status }
}

fn image() -> TestDir {
    let dir = TestDir::with_image();
    let head = "apiVersion: gpol/v1\nkind: PolicySet\n";
    dir.write("off.yaml", format!("{head}computer: {{policies: [{{policy: {NLA}, state: disabled}}]}}\n"));
    dir
}

#[expect(clippy::print_stdout)] // only tests call it
fn has_setsid() -> bool {
    let found = Command::new("setsid").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: no setsid");
    }
    found
}

#[test]
fn yes_makes_the_changes_that_were_shown() {
    if !has_setsid() {
        return;
    }
    for keys in ["y\n", "Yes\n"] {
        let dir = image();
        let before = dir.read(COMPUTER_POL);
        let Session { shown, status } = answered(&dir, keys.as_bytes());
        assert_eq!(status, 0, "{shown}");
        let (asked, done) = shown.split_once(QUESTION).unwrap();
        assert!(asked.contains("Plan: 0 to add, 1 to change"), "{shown}");
        assert!(done.contains("Applied: 0 added, 1 changed"), "{shown}");
        assert!(dir.read(COMPUTER_POL) != before);
    }
}

#[test]
fn any_other_answer_and_none_change_nothing() {
    if !has_setsid() {
        return;
    }
    // No, only Enter, half a yes, and Ctrl-D.
    for keys in ["n\n", "\n", "ye\n", "\x04"] {
        let dir = image();
        let before = dir.state();
        let Session { shown, status } = answered(&dir, keys.as_bytes());
        assert_eq!(status, 5, "{keys:?}: {shown}");
        let (_, said) = shown.split_once(QUESTION).unwrap();
        assert!(said.contains("\nerror[E0530]") && said.contains("Nothing was written."), "{keys:?}: {shown}");
        assert_eq!(dir.state(), before, "{keys:?}");
        let history = dir.run(["history", "image"]);
        assert_eq!(history.status, Some(1), "nothing is recorded: {history}");
    }
}

#[test]
fn interrupting_the_question_changes_nothing_and_the_next_run_is_free() {
    if !has_setsid() {
        return;
    }
    let dir = image();
    let before = dir.state();
    let Session { shown, status } = answered(&dir, b"\x03");
    assert_eq!(status, 130, "{shown}");
    assert_eq!(dir.state(), before);
    dir.run(["apply", "image", "off.yaml", "--yes"]).ok();
}
