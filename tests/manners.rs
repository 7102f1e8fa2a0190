//! How the program behaves among others: streams, pipes, colour, hostile text, permissions.

use std::io::Read as _;
use std::process::Stdio;

use fixtures::PolBuilder;

use crate::bench::{COMPUTER_POL, NLA, Run, TestDir};

/// Commands that only read, on the golden image and `x.pol`.
const READING: &[&[&str]] = &[
    &["show", "image"],
    &["show", "image", "--records"],
    &["show", "image", "--format", "json"],
    &["explain", "image", NLA],
    &["explain", "image", NLA, "--format", "json"],
    &["diagnose", "--list"],
    &["diagnose", "--list", "-f", "json"],
    &["policy", "get", "image", NLA],
    &["policy", "describe", NLA, "--of", "image"],
    &["policy", "set", "image", NLA, "disabled", "--dry-run"],
    &["policy", "unset", "image", NLA, "-n", "-f", "json"],
    &["pol", "cat", COMPUTER_POL],
    &["pol", "verify", COMPUTER_POL],
    &["pol", "stat", COMPUTER_POL],
    &["convert", COMPUTER_POL, "-f", "lgpo"],
    &["convert", COMPUTER_POL, "-f", "json"],
    &["convert", COMPUTER_POL, "-f", "pol"],
    &["hive", "get", "image", r"HKLM\SYSTEM\CurrentControlSet\Services\gpsvc!Start"],
    &["hive", "list", "image", r"HKLM\SOFTWARE", "--recursive"],
    &["hive", "list", "image/Windows/System32/config/SYSTEM", "-r", "-f", "json"],
];

#[test]
fn commands_that_read_change_nothing() {
    let dir = TestDir::with_image();
    let before = dir.state();
    for words in READING {
        dir.run(words.iter().copied()).ok();
        assert_eq!(dir.state(), before, "{words:?}");
    }
}

#[test]
fn two_runs_print_the_same_bytes() {
    let dir = TestDir::with_image();
    for words in READING {
        assert_eq!(dir.run(words.iter().copied()).out, dir.run(words.iter().copied()).out, "{words:?}");
    }
}

#[test]
fn results_have_no_colour_in_a_pipe_unless_one_asks_for_it() {
    let dir = TestDir::with_image();
    let escapes = |words: &[&str], environment: &[(&str, &str)]| {
        let mut command = dir.command(words.iter().copied());
        command.envs(environment.iter().copied());
        let run = Run::of(command);
        run.out.contains(&0x1B) || run.err.contains(&0x1B)
    };
    for words in READING.iter().chain(&[&["show", "nowhere"][..], &["frobnicate"], &["--help"]]) {
        assert!(!escapes(words, &[]), "{words:?}");
        assert!(!escapes(words, &[("NO_COLOR", "1"), ("TERM", "xterm-256color")]), "{words:?}");
        assert!(!escapes(&[*words, &["--color", "never"]].concat(), &[("CLICOLOR_FORCE", "1")]), "{words:?}");
    }
    for words in
        [&["show", "image"][..], &["pol", "cat", COMPUTER_POL], &["explain", "image", NLA], &["show", "nowhere"]]
    {
        assert!(escapes(&[words, &["--color", "always"]].concat(), &[]), "{words:?}");
        assert!(escapes(words, &[("CLICOLOR_FORCE", "1")]), "{words:?}");
    }
}

#[test]
fn colour_adds_escape_sequences_and_changes_no_letter() {
    let dir = TestDir::with_image();
    let plain = dir.run(["show", "image"]).ok();
    let mut coloured = dir.run(["show", "image", "--color", "always"]).ok();
    while let Some(start) = coloured.find("\x1b[") {
        let end = start + coloured[start..].find('m').expect("a sequence ends in m");
        assert!(coloured[start + 2..end].bytes().all(|b| b.is_ascii_digit() || b == b';'));
        coloured.replace_range(start..=end, "");
    }
    assert_eq!(coloured, plain);
    let json = ["show", "image", "-f", "json"];
    assert_eq!(dir.run(json).out, dir.run(json.iter().chain(&["--color", "always"]).copied()).out);
}

/// A reader that has had enough: `gpol pol cat big.pol | head -1`.
#[test]
fn a_closed_pipe_ends_quietly() {
    let dir = TestDir::with("big.pol", fixtures::synthetic(4 << 20, 1));
    for words in [
        &["pol", "cat", "big.pol"][..],
        &["show", "big.pol", "--no-admx"],
        &["show", "big.pol", "--records", "-f", "json"],
        &["convert", "big.pol", "-f", "json", "--show-secrets"],
        &["convert", "big.pol", "-f", "pol", "--show-secrets"],
    ] {
        let mut child =
            dir.command(words.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 8]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*message), (Some(0), ""), "{words:?}");
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /dev/full")]
fn a_full_disk_behind_standard_output_is_an_error() {
    let dir = TestDir::with_image();
    for words in [&["show", "image"][..], &["show", "image", "-f", "json"], &["convert", COMPUTER_POL, "-f", "pol"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = dir.command(words.iter().copied()).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{words:?}: {message}");
        assert!(message.contains("standard output"), "{words:?}: {message}");
    }
}

/// Characters that a terminal acts on, or that change the order in which others are shown.
const HOSTILE: &str =
    "a\u{1b}[31mb\u{1b}]0;c\u{7}d\u{202e}e\u{2066}f\u{9b}2Jg\rh\u{8}i\u{7f}j\u{200b}k\u{feff}l\nm\tn\u{2028}o";

/// Whether a text holds what must not reach a terminal.
fn raw(text: &str) -> Option<char> {
    text.chars().find(|&c| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    })
}

#[test]
fn nothing_in_a_policy_file_reaches_a_terminal_raw() {
    let lone = |b: PolBuilder| {
        b.text("[K\0;")
            .units(&[0xD800, 0x1B, 0])
            .text(";")
            .number(1)
            .text(";")
            .number(4)
            .text(";")
            .units(&[0xDC00, 0])
            .text("]")
    };
    let pol = lone(PolBuilder::new().sz(&format!(r"Software\{HOSTILE}"), HOSTILE, HOSTILE))
        .multi_sz("K", "List", &[HOSTILE, HOSTILE])
        .sz("K", &format!("**{HOSTILE}"), HOSTILE)
        .sz("K", &format!("**del.{HOSTILE}"), " ")
        .sz("K", "**DeleteValues", HOSTILE)
        .build();
    let dir = TestDir::with("x.pol", &pol);
    let cut = [&pol[..], b"[\0K\0"].concat();
    dir.write("cut.pol", cut);
    for words in [
        &["pol", "cat", "x.pol"][..],
        &["pol", "stat", "x.pol"],
        &["show", "x.pol"],
        &["show", "x.pol", "--records"],
        &["show", "x.pol", "--no-admx", "--scope", "user"],
        &["pol", "cat", "cut.pol"],
        &["recover", "cut.pol", "-o", "out.pol"],
    ] {
        let run = dir.run(words.iter().copied());
        for text in [run.stdout(), run.stderr()] {
            assert_eq!(raw(&text), None, "{words:?}: {text:?}");
        }
        // Shown all the same, escaped: nothing is left out.
        if words[1] == "x.pol" && words[0] == "show" {
            for escaped in [r"\u{1b}", r"\u{202e}", r"\u{2066}", r"\u{9b}", r"\u{7f}", r"\u{200b}", r"\u{d}", r"\u{a}"]
            {
                assert!(run.stdout().contains(escaped), "{words:?}: {escaped}");
            }
        }
    }
    let warned = dir.run(["convert", "x.pol", "-f", "lgpo", "--scope", "user"]);
    assert_eq!(raw(&warned.stderr()), None, "{}", warned.stderr());
}

#[test]
fn nothing_in_a_template_reaches_a_terminal_raw() {
    let dir = TestDir::with("x.pol", PolBuilder::new().build());
    dir.write_store();
    // XML cannot hold ESC; it can hold these.
    let hostile = "\u{202e}evil\u{9b}2J\u{2066}";
    for name in ["store/en-US/Acme.adml", "store/Acme.admx"] {
        let text = dir.text(name).replace("Collect data", &format!("Collect{hostile}")).replace("How much:", hostile);
        let text =
            text.replace("All of it", hostile).replace("never collects", hostile).replace("At least Agent 2", hostile);
        dir.write(name, text.replace(r#"valueName="Delay""#, &format!(r#"valueName="{hostile}""#)));
    }
    for words in [
        &["policy", "describe", "Collect"][..],
        &["policy", "set", "x.pol", "Collect", "enabled"],
        &["policy", "set", "x.pol", "Collect", "enabled", "Server=x", "Level=3"],
        &["policy", "get", "x.pol", "Collect"],
        &["show", "x.pol"],
        &["explain", "x.pol", "Collect"],
        &["explain", "x.pol", "Collect evil"],
    ] {
        let run = dir.run(words.iter().chain(&["--admx", "store"]).copied());
        for text in [run.stdout(), run.stderr()] {
            assert_eq!(raw(&text), None, "{words:?}: {text:?}");
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "Windows allows no control characters in file names")]
fn nothing_in_a_path_reaches_a_terminal_raw() {
    let name = "a\u{1b}[31mb\u{202e}c\rd";
    let dir = TestDir::with(name, "no policy file");
    dir.write(&format!("{name}.pol"), PolBuilder::new().build());
    let existing = format!("{name}.pol");
    let missing = format!("{name}2");
    for words in [
        &["pol", "cat", name][..],
        &["pol", "verify", &existing],
        &["show", &existing],
        &["show", &missing],
        &["explain", &existing, NLA],
        &["explain", &existing, name],
        &["policy", "set", &existing, NLA, "disabled"],
        &["policy", "set", &existing, "TS_ENCRYPTION_POLICY", "enabled", name],
        &["convert", &existing, "-o", name],
        &["convert", name, "-o", "out.pol"],
        &["recover", &existing, "-o", &existing],
        &["show", &existing, "--admx", name],
        &["man", name],
        &["show", &existing, name],
        &["convert", &existing, "-f", name],
        &[name],
    ] {
        let run = dir.run(words.iter().copied());
        for text in [run.stdout(), run.stderr()] {
            assert_eq!(raw(&text), None, "{words:?}: {text:?}");
        }
    }
}

/// As root, mode bits forbid nothing: these tests then say so and pass.
#[cfg(unix)]
mod permissions {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[expect(clippy::print_stdout)] // only tests call it
    fn forbidden(dir: &TestDir, path: &str, mode: u32) -> bool {
        set_permissions(dir.path(path), Permissions::from_mode(mode)).expect("the test owns it");
        let root = std::fs::File::create(dir.path("gpo/Machine/probe")).is_ok()
            && std::fs::File::open(dir.path("gpo/Machine/Registry.pol")).is_ok();
        if root {
            println!("skipped: this user may do everything");
        }
        !root
    }

    fn gpo() -> TestDir {
        let dir = TestDir::with("gpo/Machine/Registry.pol", PolBuilder::new().build());
        dir.write("gpo/gpt.ini", "[General]\r\nVersion=1\r\n");
        dir
    }

    #[test]
    fn a_folder_that_may_not_be_written_to_is_exit_6() {
        let dir = gpo();
        if forbidden(&dir, "gpo/Machine", 0o555) {
            let run = dir.run(["policy", "set", "gpo", NLA, "disabled"]);
            assert_eq!(run.refused(6), "E0902");
            assert!(run.stderr().contains("gpo/Machine/Registry.pol cannot be written"), "{run}");
            assert_eq!(dir.read("gpo/gpt.ini"), b"[General]\r\nVersion=1\r\n");
            assert_eq!(dir.read("gpo/Machine/Registry.pol"), PolBuilder::new().build());
        }
        set_permissions(dir.path("gpo/Machine"), Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_file_that_may_not_be_read_is_exit_6() {
        let dir = gpo();
        if forbidden(&dir, "gpo/Machine/Registry.pol", 0o000) {
            for words in
                [&["show", "gpo"][..], &["pol", "cat", "gpo/Machine/Registry.pol"], &["policy", "get", "gpo", NLA]]
            {
                let run = dir.run(words.iter().copied());
                assert_eq!(run.refused(6), "E0901", "{words:?}");
                assert!(run.stderr().contains("gpo/Machine/Registry.pol cannot be read"), "{run}");
            }
        }
    }

    /// The file keeps its mode through an edit, whoever runs it.
    #[test]
    fn an_edited_file_keeps_its_mode() {
        let dir = gpo();
        set_permissions(dir.path("gpo/Machine/Registry.pol"), Permissions::from_mode(0o640)).unwrap();
        dir.run(["policy", "set", "gpo", NLA, "disabled"]).ok();
        let mode = std::fs::metadata(dir.path("gpo/Machine/Registry.pol")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}
