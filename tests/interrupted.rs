//! How reads of many GPOs end that do not come to their end: Ctrl-C, a reader that has had enough, a GPO that vanishes, one
//! that cannot be read.

use std::io::pipe;
use std::process::Stdio;

use fixtures::PolBuilder;

use crate::bench::{COMPUTER_POL, NLA, TestDir};

/// Reads of the SYSVOL `sysvol`.
const OF_MANY: [&[&str]; 5] = [
    &["search", ".", "sysvol"],
    &["effective", "sysvol"],
    &["show", "sysvol"],
    &["check", "sysvol", "expected/Machine/Registry.pol"],
    &["diff", "sysvol", "expected/Machine/Registry.pol"],
];

/// So many GPOs, and a file to compare them with.
fn sysvol(gpos: usize) -> TestDir {
    let dir = TestDir::new();
    fixtures::write_sysvol(&dir.path("sysvol"), gpos, 60, 1).expect("the tree is written");
    dir.write("expected/Machine/Registry.pol", PolBuilder::new().dword("K", "V", 1).build());
    dir
}

#[test]
fn a_pipe_that_is_closed_ends_every_command_quietly() {
    let dir = sysvol(5);
    fixtures::write_tree(&dir.path("image"), &fixtures::golden_image()).expect("the image is written");
    dir.write_store();
    let others: [&[&str]; 11] = [
        &["search", ".", "sysvol", "-f", "jsonl"],
        &["search", ".", "sysvol", "-f", "json"],
        &["effective", "sysvol", "-f", "json"],
        &["show", "sysvol", "-f", "json"],
        &["diff", "sysvol", "expected/Machine/Registry.pol", "-f", "unified"],
        &["policy", "list", "image", "--admx", "store"],
        &["admx", "list", "store"],
        &["pol", "cat", COMPUTER_POL],
        &["explain", "image", NLA],
        &["detect", "sysvol"],
        &["--help"],
    ];
    for words in OF_MANY.into_iter().chain(others) {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let output = dir.command(words.iter().copied()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*message), (Some(0), ""), "{words:?}");
    }
}

/// Ctrl-C, which shells report as 130: the program is gone at once, and no file has changed or come into being.
#[test]
#[cfg(unix)]
fn an_interrupted_read_leaves_nothing_behind() {
    use std::os::unix::process::ExitStatusExt as _;
    let dir = sysvol(400);
    let before = dir.state();
    for words in OF_MANY {
        let mut command = dir.command(words.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let id = child.id().to_string();
        let kill = std::process::Command::new("kill").args(["-INT", &id]).status().expect("kill is everywhere");
        assert!(kill.success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (output.status.signal(), output.status.code()),
            (Some(2), None),
            "{words:?}: SIGINT, 130 to a shell"
        );
        assert!(output.stdout.is_empty(), "{words:?}: no half of an answer");
        assert!(dir.state() == before, "{words:?}: a read changed a file");
    }
}

/// A folder in place of a file, a link that leads nowhere: what cannot be read as any user, root included.
#[test]
fn one_gpo_that_cannot_be_read_hides_none_of_the_others() {
    let broken: &[fn(&TestDir, &str)] = &[
        |dir, gpo| dir.write(&format!("{gpo}/Machine/Registry.pol/inside"), "a folder"),
        #[cfg(unix)]
        |dir, gpo| {
            std::fs::create_dir_all(dir.path(&format!("{gpo}/Machine"))).expect("it is ours");
            std::os::unix::fs::symlink("gone", dir.path(&format!("{gpo}/Machine/Registry.pol"))).expect("a link");
        },
    ];
    for (which, make) in broken.iter().enumerate() {
        let dir = sysvol(3);
        let gpo = "sysvol/example.com/Policies/{AAAAAAAA-016D-11D2-945F-00C04FB984F9}";
        make(&dir, gpo);
        for words in OF_MANY {
            let run = dir.run(words.iter().copied());
            assert_eq!(run.status, Some(7), "{which} {words:?}: {run}");
            assert!(run.stderr().contains("{AAAAAAAA-016D-11D2-945F-00C04FB984F9}"), "{which} {words:?}: {run}");
            assert!(!run.stdout().is_empty(), "{which} {words:?}: {run}");
        }
        let shown = crate::bench::parse(&dir.run(["show", "sysvol", "-f", "json"]).stdout());
        assert_eq!(shown["gpos"].as_array().map(Vec::len), Some(3), "the three that can be read");
    }
}

/// With strace, the system refuses one folder or file to the program alone, and a slow program can be overtaken. Linux only.
#[cfg(target_os = "linux")]
mod traced {
    use std::fs;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::bench::Run;
    use crate::kill::{strace, under_strace};

    /// The folders of the GPOs, as the program names them.
    fn gpos(dir: &TestDir) -> Vec<String> {
        let policies = "sysvol/example.com/Policies";
        let entries = fs::read_dir(dir.path(policies)).expect("it is there");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
        let mut gpos: Vec<String> =
            entries.map(|entry| format!("{policies}/{}", name(entry.expect("an entry")))).collect();
        gpos.sort();
        gpos
    }

    #[test]
    fn a_folder_or_file_that_may_not_be_read_is_told_and_the_rest_is_done() {
        if !strace() {
            return;
        }
        let dir = sysvol(3);
        let middle = gpos(&dir).swap_remove(1);
        for (place, error) in [("", "EACCES"), ("", "EIO"), ("/Machine", "EACCES"), ("/Machine/Registry.pol", "EACCES")]
        {
            let path = format!("{middle}{place}");
            let inject = format!("inject=openat:error={error}");
            let options = ["-o", "/dev/null", "-P", &path, "-e", "trace=openat", "-e", &inject];
            for words in OF_MANY.into_iter().chain([&["detect", "sysvol"][..]]) {
                if words[0] == "detect" && place.ends_with(".pol") {
                    continue;
                }
                let mut run = Run::of(under_strace(&dir, &options, words));
                if matches!(run.status, Some(0 | 1)) && place.ends_with(".pol") {
                    // Opened from the open folder of its GPO, by which strace knows it.
                    let inject = format!("inject=openat2:error={error}");
                    let options = ["-o", "/dev/null", "-P", &middle, "-e", "trace=openat2", "-e", &inject];
                    run = Run::of(under_strace(&dir, &options, words));
                }
                assert_eq!(run.status, Some(7), "{words:?}, {error} for {path}: {run}");
                assert!(run.to_string().contains(&middle[middle.len() - 38..]), "{words:?}: {run}");
                assert!(!run.stdout().is_empty(), "{words:?}, {error} for {path}: {run}");
            }
        }
    }

    /// Every file that the program opens takes a while; once it lists the second GPO, or reads the policy of the first, the last
    /// one is taken away. Listing the first, it may still be looking for templates, and not know of the others.
    #[test]
    fn a_gpo_that_vanishes_while_the_others_are_read_is_told() {
        if !strace() {
            return;
        }
        for (words, reads) in OF_MANY.into_iter().flat_map(|words| [(words, false), (words, true)]) {
            let dir = sysvol(12);
            let gpos = gpos(&dir);
            let begun = if reads { format!("{}/Machine/Registry.pol", gpos[0]) } else { gpos[1].clone() };
            let last = &gpos[11];
            let (calls, delay) = ("trace=openat,openat2", "inject=openat,openat2:delay_enter=10000");
            let options = ["-o", "trace", "-e", calls, "-e", delay];
            let mut command = under_strace(&dir, &options, words);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("strace starts");
            let start = Instant::now();
            // A file is opened by its path, or from the open folder of its GPO.
            let file = "\"Machine/Registry.pol\"";
            let has_begun = |trace: String| trace.contains(&begun) || (reads && trace.contains(file));
            while !fs::read_to_string(dir.path("trace")).is_ok_and(has_begun) {
                assert!(start.elapsed() < Duration::from_secs(60), "{words:?}: {begun} is never opened");
                sleep(Duration::from_millis(1));
            }
            fs::rename(dir.path(last), dir.path("elsewhere")).expect("the folder can be moved");
            let output = child.wait_with_output().expect("it ends");
            let run = Run { status: output.status.code(), out: output.stdout, err: output.stderr };
            assert_eq!(run.status, Some(7), "{words:?}: {}", run.stderr());
            assert!(run.stderr().contains(&last[last.len() - 38..]), "{words:?}: {}", run.stderr());
            assert!(!run.stdout().is_empty(), "{words:?}");
        }
    }
}
