//! The README's tour: every command that it shows prints what it shows.

use std::fs;

use crate::bench::{TestDir, with_ids};

/// Commands of the tour that are there to show an error; no other may fail.
const SHOW_AN_ERROR: &[&str] = &["gpol pol verify fixtures/pol/the_last_record_is_cut_off.pol"];

/// The id of a change, as the tour shows each.
const AN_ID: &str = "20260114T093210Z-5f3a";

#[test]
#[cfg_attr(windows, ignore = "the tour is typed into a Unix shell: it copies with cp, and paths have /")]
fn every_command_of_the_readme_prints_what_the_readme_shows() {
    let readme = include_str!("../README.md");
    let dir = TestDir::new();
    fixtures::write_tree(&dir.path("fixtures"), &fixtures::shipped_files()).expect("the fixtures are written");
    let mut commands = 0;
    let mut true_readme = readme.to_owned();
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        for step in block.split("$ ").skip(1) {
            let (command, shown) = step.split_once('\n').expect("a command ends with its line");
            let (status, prints) = run(&dir, command);
            // 1 is an answer, too.
            let failed = !matches!(status, Some(0 | 1));
            assert_eq!(failed, SHOW_AN_ERROR.contains(&command), "$ {command}\n{prints}");
            true_readme = true_readme.replacen(&format!("$ {step}"), &format!("$ {command}\n{prints}"), 1);
            commands += 1;
            if std::env::var_os("UPDATE_README").is_none() {
                assert_eq!(prints, shown, "$ {command}\n(UPDATE_README=1 writes what it prints now)");
            }
        }
    }
    assert!(commands >= 5, "{commands} commands");
    if std::env::var_os("UPDATE_README").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        fs::write(path, true_readme).expect("the README is written");
    }
}

#[test]
fn the_first_command_of_the_readme_is_the_main_job() {
    let readme = include_str!("../README.md");
    let command =
        readme.lines().find_map(|line| line.trim().strip_prefix("cargo run --release -- ")).expect("the command");
    let dir = TestDir::new();
    fixtures::write_tree(&dir.path("fixtures"), &fixtures::shipped_files()).expect("the fixtures are written");
    let said = dir.run(words(command)).ok();
    for part in ["TS_USER_AUTHENTICATION_POLICY", "Enabled", "Registry.pol, record 6"] {
        assert!(said.contains(part), "{part} in:\n{said}");
    }
}

/// How a command ends and what it prints: messages first, then the result.
fn run(dir: &TestDir, command: &str) -> (Option<i32>, String) {
    let (command, file) = command.split_once(" > ").map_or((command, None), |(command, file)| (command, Some(file)));
    let words = words(command);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["cp", "-r", from, to] => {
            copy(&dir.path(from), &dir.path(to));
            (Some(0), String::new())
        }
        ["gpol", arguments @ ..] => {
            let run = dir.run(arguments.iter().copied());
            let prints = match file {
                Some(file) => {
                    dir.write(file, &run.out);
                    run.stderr()
                }
                None => format!("{}{}", run.stderr(), run.stdout().replace('\r', "")),
            };
            (run.status, with_ids(&prints, AN_ID))
        }
        _ => panic!("the README's tour has a command that this test does not know: {command}"),
    }
}

/// Words of a command line; double quotes hold some together.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('"').enumerate();
    let quoted = |(i, part): (usize, &str)| match i % 2 {
        1 => vec![part.to_owned()],
        _ => part.split_whitespace().map(str::to_owned).collect(),
    };
    parts.flat_map(quoted).collect()
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("a file")),
        }
    }
}
