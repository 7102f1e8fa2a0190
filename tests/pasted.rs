//! Commands that gpol prints can be pasted: the program itself reads each of them.

use std::collections::BTreeSet;
use std::process::Command;

use crate::bench::{GPT_INI, NLA, Run, TestDir};
use crate::errors::provoked;

/// Words that stand for what nobody knows before the user says it.
const PLACEHOLDERS: [&str; 12] = [
    "EXPORT",
    "CHANGE.ldif",
    "SYSVOL",
    "DN",
    "POLICY",
    "TARGET",
    "EXPECTED",
    "SOME.pol",
    "ENTRY",
    "DATA",
    "NAME",
    "TEXT",
];

/// The commands of an output: they stand alone, behind the label of a field, or behind a colon and two blanks.
fn commands(output: &str) -> Vec<String> {
    let of_line = |line: &str| {
        let line = line.trim_start().trim_start_matches("help: ");
        let at = match line.starts_with("gpol ") {
            true => 0,
            false => ["  gpol ", "&& gpol "].iter().find_map(|before| Some(line.find(before)? + before.len() - 5))?,
        };
        // What goes into a file is the same command.
        let command = &line[at..];
        Some(command.split_once(" > ").map_or(command, |(command, _)| command).to_owned())
    };
    output.lines().filter_map(of_line).collect()
}

/// A command as words, by the system's own shell where that is a POSIX shell.
#[cfg(unix)]
fn words(command: &str) -> Vec<String> {
    let script = format!("for word in {}; do printf '%s\\0' \"$word\"; done", &command["gpol ".len()..]);
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
    assert!(output.status.success(), "no shell takes it: {command}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// As cmd splits it: double quotes keep blanks.
#[cfg(not(unix))]
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in command["gpol ".len()..].chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("one").push(c),
        }
    }
    words
}

/// Asserts that the program takes every command of an output: nothing is missing, unknown or left open. It is run where none of
/// the paths exist, so that nothing happens but reading the command line.
fn pasteable(run: &Run, seen: &mut BTreeSet<String>) {
    for command in commands(&(run.stdout() + &run.stderr())) {
        if !seen.insert(command.clone()) {
            continue;
        }
        let open = |word: &&str| {
            word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()) && !PLACEHOLDERS.contains(word)
        };
        assert_eq!(command.split([' ', '=']).find(|word| open(word) && !is_name(word)), None, "{command}\n{run}");
        let elsewhere = TestDir::new();
        let mut program = elsewhere.command(words(&command));
        program
            .env("HOME", elsewhere.path(""))
            .env("XDG_CONFIG_HOME", elsewhere.path(""))
            .env("USERPROFILE", elsewhere.path(""));
        let answer = Run::of(program);
        assert!(!answer.stderr().starts_with("error: "), "{command}\n{answer}\nprinted by\n{run}");
    }
}

/// Names in capitals that are real: hives, and the folder of a test.
fn is_name(word: &str) -> bool {
    ["SOFTWARE", "SYSTEM"].contains(&word)
}

#[test]
fn every_command_in_an_error_can_be_pasted() {
    let dir = TestDir::new();
    let mut seen = BTreeSet::new();
    for (_, run) in provoked(&dir) {
        pasteable(&run, &mut seen);
    }
    assert!(seen.len() > 40, "commands are found in the errors: {seen:#?}");
}

#[test]
fn every_command_in_an_answer_can_be_pasted() {
    let dir = TestDir::with_image();
    std::fs::rename(dir.path("image"), dir.path("my image")).expect("a folder with a blank in its name");
    dir.write_store();
    let mut seen = BTreeSet::new();
    let mut run = |words: &[&str]| pasteable(&dir.run(words.iter().copied()), &mut seen);
    run(&["detect", "my image"]);
    run(&["doctor", "my image"]);
    run(&["explain", "my image", NLA]);
    run(&["diagnose", "my image", "AadLogonFailure"]);
    run(&["diagnose", "my image", "nonsense"]);
    run(&["undo", "my image"]);
    run(&["policy", "set", "my image", NLA, "disabled", "--backup-dir", "my records"]);
    run(&["undo", "my image", "--backup-dir", "my records"]);
    run(&["history", "my image", "--backup-dir", "my records"]);
    run(&["redo", "my image", "--backup-dir", "my records"]);
    run(&["redo", "my image", "--backup-dir", "my records"]);
    let seen: Vec<&String> = seen.iter().collect();
    let has = |command: &str| assert!(seen.iter().any(|seen| *seen == command), "{command}\n{seen:#?}");
    has("gpol show \"my image\"");
    has("gpol history \"my image\"");
    has("gpol undo \"my image\" --backup-dir \"my records\"");
    has("gpol redo \"my image\" --backup-dir \"my records\"");
    has("gpol explain \"my image\" POLICY");
}

#[test]
fn doctors_help_names_the_target_and_whose_policy_it_is() {
    let dir = TestDir::with_image();
    std::fs::remove_file(dir.path(GPT_INI)).expect("a local GPO without gpt.ini");
    let bump = "gpol gpo bump image --scope computer";
    let doctor = dir.run(["doctor", "image", "--scope", "computer"]);
    assert!(doctor.expect(1).contains(&format!("help: make one:  {bump}\n")), "{doctor}");
    let json = crate::bench::parse(&dir.run(["doctor", "image", "-f", "json"]).expect(1));
    let probes = json["probes"].as_array().expect("probes");
    assert!(probes.iter().any(|probe| probe["help"] == format!("make one:  {bump}")), "{json}");
    assert_eq!(dir.run(words(bump)).status, Some(0), "it does what it says");
    assert!(dir.has(GPT_INI));
}

#[test]
fn what_decides_where_a_command_looks_goes_on_to_the_next() {
    let dir = TestDir::with_image();
    dir.write_store();
    let run = dir.run([
        "policy",
        "set",
        "image",
        "OneWay",
        "disabled",
        "--admx",
        "store",
        "--backup-dir",
        "records",
        "--dry-run",
    ]);
    let wanted = "gpol policy unset image OneWay --admx store --backup-dir records --dry-run\n";
    assert!(run.stderr().contains(wanted), "{run}");
}
