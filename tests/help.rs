//! What the program says of itself.

use crate::assert_file_snapshot;
use crate::bench::{TestDir, slashes};

/// The commands that there must be; the tests look at all that help lists.
const PROMISED: &[&str] = &[
    "show",
    "explain",
    "diagnose",
    "policy get",
    "policy describe",
    "policy set",
    "policy unset",
    "pol cat",
    "pol verify",
    "pol stat",
    "pol set",
    "pol delete",
    "pol forget",
    "hive get",
    "hive list",
    "plan",
    "apply",
    "recover",
    "convert",
    "diff",
    "check",
    "git install",
    "git textconv",
    "git merge",
    "completions",
    "man",
];

/// Every command by its words, as help lists them: groups before what is in them, the program itself first.
pub fn commands(dir: &TestDir) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = commands.get(next).cloned() {
        let help = dir.run(command.iter().map(String::as_str).chain(["--help"])).ok();
        let below = listed(&help).into_iter().filter(|word| word != "help");
        commands.extend(below.map(|word| [command.clone(), vec![word]].concat()));
        next += 1;
    }
    commands
}

fn with(command: &[String], last: &[&'static str]) -> Vec<String> {
    command.iter().cloned().chain(last.iter().map(|word| (*word).to_owned())).collect()
}

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let (_, rest) = help.split_once("Commands:\n").unwrap_or_default();
    rest.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_promised_command_is_there() {
    let commands: Vec<String> = commands(&TestDir::new()).iter().map(|command| command.join(" ")).collect();
    for promised in PROMISED {
        assert!(commands.iter().any(|command| command == promised), "{promised}");
    }
}

#[test]
fn the_help_of_every_command_is_as_reviewed() {
    let dir = TestDir::new();
    for command in commands(&dir) {
        let help = slashes(&dir.run(with(&command, &["--help"])).ok());
        let name = [vec!["help".to_owned()], command].concat().join("_");
        assert_file_snapshot!(name, help);
    }
}

#[test]
fn help_fits_100_columns_and_a_long_page() {
    let dir = TestDir::new();
    for command in commands(&dir) {
        for (flag, most) in [("--help", 110), ("-h", 62)] {
            let help = dir.run(with(&command, &[flag])).ok();
            let widest = help.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(100), "{command:?} {flag}: {widest:?} columns");
            assert!(help.lines().count() <= most, "{command:?} {flag}: {} lines", help.lines().count());
        }
    }
}

#[test]
fn without_arguments_it_says_what_it_is_for() {
    let dir = TestDir::new();
    let bare = dir.run([""; 0]).ok();
    assert_eq!(bare, dir.run(["-h"]).ok());
    assert!(bare.contains("Usage: gpol") && bare.contains("gpol explain /mnt/gold"));
}

#[test]
fn an_unknown_command_is_a_usage_error_that_names_a_near_one() {
    let run = TestDir::new().run(["polcy", "get"]);
    assert_eq!((run.status, run.out.len()), (Some(2), 0));
    insta::assert_snapshot!(run.stderr(), @r"
    error: unrecognized subcommand 'polcy'

      tip: some similar subcommands exist: 'apply', 'pol', 'policy'

    Usage: gpol [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
}

#[test]
fn a_group_without_its_command_lists_its_commands() {
    let run = TestDir::new().run(["pol"]);
    assert_eq!((run.status, run.out.len()), (Some(2), 0));
    assert_eq!(listed(&run.stderr()), ["cat", "verify", "stat", "set", "delete", "forget", "help"]);
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(TestDir::new().run(["--version"]).ok(), format!("gpol {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_of_every_shell_know_every_command() {
    let dir = TestDir::new();
    let commands = commands(&dir);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = dir.run(["completions", shell]).ok();
        for word in commands.iter().flatten() {
            assert!(script.contains(word.as_str()), "{shell}: {word}");
        }
        for option in ["dry-run", "no-admx", "lossy"] {
            assert!(script.contains(option), "{shell}: {option}");
        }
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let dir = TestDir::new();
    let commands = commands(&dir);
    for command in &commands {
        let page = dir.run(with(&["man".to_owned()], &[]).into_iter().chain(command.clone())).ok();
        let name = [vec!["gpol".to_owned()], command.clone()].concat().join(r"\-");
        assert!(page.contains(".SH NAME\n") && page.contains(&format!("\n{name} \\- ")), "{command:?}:\n{page}");
    }
    let whole = dir.run(["man"]).ok();
    for command in commands.iter().filter(|command| command.len() == 1) {
        assert!(whole.contains(&format!(r"gpol\-{}(1)", command[0])), "{command:?}");
    }
}

#[test]
fn the_manual_has_every_variable_of_the_environment() {
    let dir = TestDir::new();
    let (help, man) = (dir.run(["--help"]).ok(), dir.run(["man"]).ok());
    for name in
        ["GPOL_ADMX", "GPOL_LANG", "GPOL_AD", "GPOL_BACKUP_DIR", "XDG_STATE_HOME", "NO_COLOR", "SOURCE_DATE_EPOCH"]
    {
        assert!(help.contains(name) && man.contains(name), "{name}");
    }
    let apply = dir.run(["man", "apply"]).ok();
    for name in ["GPOL_LANG", "GPOL_AD", "GPOL_BACKUP_DIR"] {
        assert!(apply.contains(&format!(r"\fB{name}\fR environment variable")), "{name}:\n{apply}");
    }
}

#[test]
fn a_command_is_described_in_the_same_words_everywhere() {
    let dir = TestDir::new();
    let commands = commands(&dir);
    for command in commands.iter().filter(|command| !command.is_empty()) {
        let (name, group) = command.split_last().expect("it has words");
        let listed = dir.run(with(group, &["--help"])).ok();
        let listed = listed.split_whitespace().collect::<Vec<_>>().join(" ");
        let own = dir.run(with(command, &["-h"])).ok();
        let first = own.lines().next().expect("a line").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(listed.contains(&format!("{name} {first}")), "{command:?}: {first}");
    }
}
