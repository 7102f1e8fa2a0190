//! The README and docs/: the commands that they name are there, with these options, and their examples are read.

use std::fs;
use std::path::PathBuf;

use crate::bench::{Run, TestDir};

/// A command that a document shows.
struct Shown {
    /// Where: for messages.
    place: String,
    /// As it is written, without `gpol`.
    command: String,
    /// Whether it stands in a line of its own, to be typed; else it is named in a sentence, and may lack arguments.
    whole: bool,
}

fn documents() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(root.join("docs")).expect("docs").map(|entry| entry.expect("an entry").path()).collect();
    paths.push(root.join("README.md"));
    paths.sort();
    let read = |path: &PathBuf| fs::read_to_string(path).expect("it is text").replace('\r', "");
    paths.iter().map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), read(path))).collect()
}

/// What a line of code says behind the `gpol ` that begins a command.
fn typed(line: &str) -> Option<&str> {
    line.match_indices("gpol ").find_map(|(at, name)| {
        let before = line[..at].trim();
        let begins = before.is_empty() || before == "$" || before.ends_with(':') || before.ends_with("sh '");
        begins.then(|| &line[at + name.len()..])
    })
}

fn commands() -> Vec<Shown> {
    let mut shown = Vec::new();
    for (name, text) in documents() {
        let mut in_fence = false;
        for (number, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", number + 1);
            if line.starts_with("```") {
                in_fence = !in_fence;
            } else if in_fence || line.starts_with("    ") {
                shown.extend(typed(line).map(|command| Shown { place, command: command.to_owned(), whole: true }));
            } else {
                let quoted = line.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("gpol "));
                let command = |code: &str| Shown { place: place.clone(), command: code.to_owned(), whole: false };
                shown.extend(quoted.map(command));
            }
        }
    }
    shown
}

/// The words of a command up to where the shell goes on, or two blanks and what the command is for.
fn words(command: &str) -> Vec<String> {
    let end = ["  ", " > ", " | ", " && ", "' }"].iter().filter_map(|sign| command.find(sign)).min();
    let parts = command[..end.unwrap_or(command.len())].split(['"', '\'']).enumerate();
    let of_part = |(i, part): (usize, &str)| match i % 2 {
        1 => vec![part.to_owned()],
        _ => part.split_whitespace().map(str::to_owned).collect(),
    };
    parts.flat_map(of_part).collect()
}

#[test]
fn every_command_that_a_document_shows_is_taken_with_its_options() {
    let dir = TestDir::new();
    fs::create_dir(dir.path("home")).expect("a folder");
    let commands = commands();
    for Shown { place, command, whole } in &commands {
        let mut program = dir.command(words(&command.replace(" STATE", " disabled")));
        // Some are about the machine, as `git install --global`: what is changed is a home of the test's own.
        for name in ["HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            program.env(name, dir.path("home"));
        }
        program.env("GIT_CONFIG_GLOBAL", dir.path("home/gitconfig")).env("GIT_CONFIG_NOSYSTEM", "1");
        let run = Run::of(program);
        let said = run.stderr();
        // What is said of files that are not here has a code; what is wrong with the command line has none.
        let Some(wrong) = said.strip_prefix("error: ") else { continue };
        let lacks =
            ["the following required arguments", "a value is required for"].iter().any(|it| wrong.starts_with(it));
        assert!(!whole && lacks, "{place}: gpol {command}\n{run}");
    }
    assert!(commands.iter().filter(|shown| shown.whole).count() > 30, "{}", commands.len());
    assert!(commands.iter().filter(|shown| !shown.whole).count() > 60, "{}", commands.len());
}

#[test]
fn every_example_of_the_page_on_check_is_read() {
    let dir = TestDir::with_image();
    fixtures::state_files().iter().for_each(|(name, text)| dir.write(name, text));
    let (_, text) = documents().into_iter().find(|(name, _)| name == "check.md").expect("the page");
    let blocks = text.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    let mut read = 0;
    for block in blocks.filter(|block| block.contains("image:\n") || block.contains("waivers:\n")) {
        let head = if block.contains("apiVersion") { "" } else { "apiVersion: gpol/v1\nkind: PolicySet\n" };
        dir.write("example.yaml", format!("{head}{block}"));
        let run = match block.contains("waivers:\n") {
            true => dir.run(["check", "image", "rpa-golden-image.gpol.yaml", "--waivers", "example.yaml"]),
            false => dir.run(["check", "image", "example.yaml"]),
        };
        // The golden image requires NLA and lacks what the state file wants.
        assert_eq!(run.status, Some(1), "{block}\n{run}");
        read += 1;
    }
    assert_eq!(read, 2);
}

#[test]
fn every_page_is_linked_from_the_readme_and_every_link_leads_to_a_page() {
    let pages = documents();
    let readme = &pages.iter().find(|(name, _)| name == "README.md").expect("the README").1;
    for (name, _) in &pages {
        assert!(name == "README.md" || readme.contains(&format!("](docs/{name}")), "{name} is linked from nowhere");
    }
    for (name, text) in &pages {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            let folder = if name == "README.md" { ".." } else { "../docs" };
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(file);
            assert!(path.exists(), "{name}: {link}");
        }
    }
}
