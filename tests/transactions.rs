//! What a change promises: it is recorded, it can be undone, it is alone, and all else about the files stays.

use std::fs;

use fixtures::PolBuilder;
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, NLA, TestDir};

/// The ids of the recorded changes of the image, the oldest first.
fn ids(dir: &TestDir) -> Vec<String> {
    let run = dir.run(["history", "image", "-f", "json"]);
    let document: Value = serde_json::from_slice(&run.out).expect("a document");
    let changes = document["changes"].as_array().expect("a list").clone();
    assert_eq!(run.status, Some(i32::from(changes.is_empty())));
    changes.iter().map(|change| change["id"].as_str().expect("an id").to_owned()).collect()
}

fn contents(dir: &TestDir) -> Vec<(std::path::PathBuf, Option<Vec<u8>>)> {
    dir.state().into_iter().map(|entry| (entry.path, entry.bytes)).collect()
}

#[test]
fn a_change_is_recorded_outside_the_target_and_with_the_plan_of_its_dry_run() {
    let dir = TestDir::with_image();
    let before = contents(&dir);
    let dry = dir.run(["policy", "set", "image", NLA, "disabled", "-n", "-f", "json"]).json();
    assert_eq!(fs::read_dir(dir.history()).expect("a folder").count(), 0, "a dry run records nothing");
    let words = ["policy", "set", "image", NLA, "disabled", "--reason", "CHG0041277", "-f", "json"];
    let done = dir.run(words).json();
    let after = contents(&dir);
    let paths = |state: &[(std::path::PathBuf, Option<Vec<u8>>)]| state.iter().map(|e| e.0.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&before), paths(&after), "no file beside the intended");

    let history = dir.run(["history", "image", "-f", "json"]).json();
    let [change] = &history["changes"].as_array().expect("a list")[..] else { panic!("one change: {history}") };
    assert_eq!(change["id"], done["change"]);
    assert_eq!((&change["plan"], &done["plan"]), (&dry["plan"], &dry["plan"]));
    assert_eq!((&change["reason"], &change["outcome"]), (&json!("CHG0041277"), &json!("done")));
    let recorded = |name: &str| {
        fs::read(dir.history().join(change["id"].as_str().expect("an id")).join(name)).expect("it is recorded")
    };
    let old = |path: &str| before.iter().find(|e| e.0.ends_with(path)).and_then(|e| e.1.clone()).expect("it was there");
    assert_eq!((recorded("0.before"), recorded("1.before")), (old(COMPUTER_POL), old(GPT_INI)));
    assert_eq!((recorded("0.after"), recorded("1.after")), (dir.read(COMPUTER_POL), dir.read(GPT_INI)));
    // It is written before the change is made, so it would say "unfinished" for ever.
    let record: serde_json::Value = serde_json::from_slice(&recorded("change.json")).expect("JSON");
    assert_eq!((&record["id"], record.get("outcome")), (&change["id"], None));
}

#[test]
fn an_undo_restores_every_byte_and_undone_itself_the_change() {
    let dir = TestDir::with_image();
    let (first, ini) = (dir.read(COMPUTER_POL), dir.read(GPT_INI));
    dir.run(["policy", "set", "image", NLA, "disabled", "--comment", "KB 4555446"]).ok();
    let changed = contents(&dir);
    assert_file_snapshot!("undo_dry_run", dir.run(["undo", "image", "--dry-run"]));
    assert_eq!(contents(&dir), changed);
    assert_file_snapshot!("undo", dir.run(["undo", "image"]));
    assert_eq!((dir.read(COMPUTER_POL), dir.read(GPT_INI)), (first, ini));
    // The comment's file was not there before.
    assert!(!dir.has("image/Windows/System32/GroupPolicy/Machine/comment.cmtx"));
    // There is nothing further back; to bring it back is a command of its own.
    assert_eq!(dir.run(["undo", "image"]).refused(3), "E0413");
    assert_file_snapshot!("redo", dir.run(["redo", "image"]));
    assert_eq!(contents(&dir), changed);
    assert_eq!(dir.run(["redo", "image"]).refused(3), "E0413");
    assert_eq!(ids(&dir).len(), 3);
    assert_file_snapshot!("history", without_folders(&dir, &dir.run(["history", "image"]).to_string()));
}

fn without_folders(dir: &TestDir, text: &str) -> String {
    let real = fs::canonicalize(dir.path("")).expect("it is there").display().to_string();
    let program = env!("CARGO_BIN_EXE_gpol");
    text.replace(&real, "")
        .replace(&dir.history().display().to_string(), "RECORD")
        .replace(program, "gpol")
        .replace('\\', "/")
}

#[test]
fn changes_are_undone_one_by_one_and_never_out_of_order() {
    let dir = TestDir::with_image();
    let mut states = vec![contents(&dir)];
    for state in ["disabled", "enabled", "disabled"] {
        dir.run(["policy", "set", "image", NLA, state]).ok();
        states.push(contents(&dir));
    }
    let made = ids(&dir);
    assert_eq!(made.len(), 3);
    assert_eq!(dir.run(["undo", "image", &made[0]]).refused(5), "E0525");
    for (id, state) in made.iter().zip(&states).rev() {
        dir.run(["undo", "image", id]).ok();
        assert_eq!(&contents(&dir), state);
    }
    let again = dir.run(["undo", "image", &made[0]]);
    assert_eq!(again.refused(3), "E0413");
    assert!(again.stderr().contains("is taken back already"), "{again}");
    // To take the last undo back by its id brings back what it had taken.
    let undo = ids(&dir)[5].clone();
    dir.run(["undo", "image", &undo]).ok();
    assert_eq!(contents(&dir), states[1]);
}

#[test]
fn as_many_undos_as_changes_lead_to_the_start_and_as_many_redos_to_the_end() {
    let dir = TestDir::with_image();
    let mut states = vec![contents(&dir)];
    for words in [
        &["policy", "set", "image", NLA, "disabled", "--comment", "one"][..],
        &["policy", "unset", "image", NLA],
        &["gpo", "bump", "image", "--scope", "computer"],
        &["policy", "set", "image", NLA, "enabled"],
    ] {
        dir.run(words.iter().copied()).ok();
        states.push(contents(&dir));
    }
    for state in states.iter().rev().skip(1) {
        dir.run(["undo", "image"]).ok();
        assert_eq!(&contents(&dir), state);
    }
    assert_eq!(dir.run(["undo", "image"]).refused(3), "E0413");
    for state in states.iter().skip(1) {
        dir.run(["redo", "image"]).ok();
        assert_eq!(&contents(&dir), state);
    }
    // And another change ends it.
    dir.run(["undo", "image"]).ok();
    dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    assert_eq!(dir.run(["redo", "image"]).refused(3), "E0413");
    dir.run(["undo", "image"]).ok();
    assert_eq!(contents(&dir), states[3]);
}

#[test]
fn the_undo_that_is_printed_takes_back_this_change_and_no_other() {
    let dir = TestDir::with_image();
    dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    let before = contents(&dir);
    let records = dir.history().join("others").display().to_string();
    let run = dir.run(["policy", "set", "image", NLA, "enabled", "--backup-dir", &records]);
    let printed =
        run.ok().lines().find_map(|line| line.strip_prefix("Undo ")).expect("it is printed").trim().to_owned();
    assert_eq!(printed.replace(['"', '\''], ""), format!("gpol undo image --backup-dir {records}"));
    dir.run(["undo", "image", "--backup-dir", &records]).ok();
    assert_eq!(contents(&dir), before);
}

#[test]
fn a_state_that_is_there_already_leaves_no_trace() {
    let dir = TestDir::with_image();
    let before = dir.state();
    dir.run(["policy", "set", "image", NLA, "enabled"]).ok();
    assert_eq!(dir.state(), before);
    assert_eq!(ids(&dir), [""; 0]);
    assert_eq!(fs::read_dir(dir.history()).expect("a folder").count(), 0);
}

#[test]
fn without_a_record_there_is_a_warning_and_no_undo() {
    let dir = TestDir::with_image();
    let run = dir.run(["policy", "set", "image", NLA, "disabled", "--no-backup"]);
    assert!(run.status == Some(0) && run.stderr().starts_with("warning: the change is not recorded"), "{run}");
    assert_eq!(dir.run(["undo", "image"]).refused(3), "E0413");
}

#[test]
fn folders_that_a_change_made_are_empty_after_its_undo_and_it_goes_on_from_there() {
    let dir = TestDir::new();
    dir.write("image/Windows/System32/config/SYSTEM", "regf");
    dir.run(["policy", "set", "image", NLA, "enabled"]).ok();
    dir.run(["undo", "image"]).ok();
    assert!(!dir.has(COMPUTER_POL) && !dir.has(GPT_INI));
    dir.run(["policy", "set", "image", NLA, "enabled"]).ok();
    assert!(dir.has(COMPUTER_POL) && dir.has(GPT_INI));
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::process::Command;

    #[test]
    fn mode_owner_and_extended_attributes_stay() {
        let dir = TestDir::with_image();
        let pol = dir.path(COMPUTER_POL);
        fs::set_permissions(&pol, fs::Permissions::from_mode(0o664)).expect("it is ours");
        let mut attributes = vec![("user.DOSATTRIB", b"0x2".to_vec())];
        let root = fs::metadata(&pol).expect("it is there").uid() == 0;
        if root {
            std::os::unix::fs::chown(&pol, Some(1234), Some(4321)).expect("root may");
            attributes.push(("security.NTACL", vec![4, 0, 0, 1, 0xFF]));
        }
        for (name, value) in &attributes {
            if xattr::set(&pol, name, value).is_err() {
                println!("skipped in part: this file system does not take the attribute {name}");
            }
        }
        let all = || -> Vec<_> {
            let mut all: Vec<_> = xattr::list(&pol)
                .expect("a list")
                .map(|name| (name.clone(), xattr::get(&pol, &name).expect("a value")))
                .collect();
            all.sort();
            let metadata = fs::metadata(&pol).expect("it is there");
            vec![format!("{all:?} {:o} {} {}", metadata.mode(), metadata.uid(), metadata.gid())]
        };
        let before = all();
        dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
        assert_eq!(all(), before);
        dir.run(["undo", "image"]).ok();
        assert_eq!(all(), before);
    }

    #[test]
    fn access_control_lists_stay() {
        let dir = TestDir::with_image();
        let pol = dir.path(COMPUTER_POL);
        let set = Command::new("setfacl").args(["-m", "u:4321:r"]).arg(&pol).status();
        if !set.is_ok_and(|status| status.success()) {
            println!("skipped: needs setfacl, and a file system that takes access control lists");
            return;
        }
        let list = || xattr::get(&pol, "system.posix_acl_access").expect("readable").expect("it was set");
        let before = list();
        dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
        assert_eq!(list(), before);
    }

    #[test]
    fn e0524_a_link_out_of_the_target_is_not_written_through() {
        let dir = TestDir::with_image();
        let inside = dir.path("image/Windows/System32/GroupPolicy/Machine");
        fs::rename(&inside, dir.path("elsewhere")).expect("it is ours");
        symlink(dir.path("elsewhere"), &inside).expect("a link");
        let before = dir.state();
        let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
        assert_eq!(run.refused(5), "E0524", "{run}");
        assert_eq!(dir.state(), before);
        let shown = without_folders(&dir, &run.to_string());
        assert_file_snapshot!("error_E0524", shown);
    }

    #[test]
    fn e0524_a_link_to_nowhere_is_not_replaced_by_a_file() {
        let dir = TestDir::with_image();
        let pol = dir.path(COMPUTER_POL);
        fs::remove_file(&pol).expect("it is ours");
        symlink("../../../elsewhere.pol", &pol).expect("a link");
        assert_eq!(dir.run(["policy", "set", "image", NLA, "disabled"]).refused(5), "E0524");
        assert!(fs::symlink_metadata(&pol).expect("it is there").is_symlink());
    }

    #[test]
    fn a_new_file_can_be_read_by_those_who_read_the_gpo() {
        let dir = TestDir::with_image();
        dir.write_store();
        fs::remove_dir_all(dir.path("image/Windows/System32/GroupPolicy/Machine")).expect("it is ours");
        let gpol = dir.command(["policy", "set", "image", NLA, "disabled", "--comment", "note"]);
        let mut command = Command::new("sh");
        command.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(gpol.get_program()).args(gpol.get_args());
        command.current_dir(dir.path("")).env("GPOL_BACKUP_DIR", dir.history());
        crate::bench::Run::of(command).ok();
        let mode = |path: &str| fs::metadata(dir.path(path)).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(COMPUTER_POL), mode(GPT_INI)), (0o644, 0o644));
        assert_eq!(mode("image/Windows/System32/GroupPolicy/Machine"), mode("image/Windows/System32/GroupPolicy"));
    }

    #[test]
    fn an_access_control_list_of_the_folder_is_not_given_to_a_file_that_had_none() {
        let dir = TestDir::with_image();
        let folder = dir.path("image/Windows/System32/GroupPolicy/Machine");
        let set = Command::new("setfacl").args(["-d", "-m", "u:4321:rwx"]).arg(&folder).status();
        if !set.is_ok_and(|status| status.success()) {
            println!("skipped: needs setfacl, and a file system that takes access control lists");
            return;
        }
        dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
        assert_eq!(xattr::get(dir.path(COMPUTER_POL), "system.posix_acl_access").expect("readable"), None);
    }

    #[test]
    fn e0521_a_gpo_that_another_gpol_changes_is_left_alone() {
        let dir = TestDir::with_image();
        let lock = fs::File::open(dir.path("image/Windows")).expect("a folder");
        lock.lock().expect("nobody else has it");
        let before = dir.state();
        // By whatever way the GPO is reached.
        for target in ["image", "image/Windows", "image/Windows/System32/GroupPolicy", COMPUTER_POL] {
            let run = dir.run(["policy", "set", target, NLA, "disabled"]);
            assert_eq!(run.refused(5), "E0521", "{target}: {run}");
        }
        assert_eq!(dir.state(), before);
        let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
        assert_file_snapshot!("error_E0521", without_folders(&dir, &run.to_string()));
        // Reading is free.
        dir.run(["show", "image"]).ok();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| dir.run(["policy", "set", "image", NLA, "disabled", "--wait", "60"]));
            std::thread::sleep(std::time::Duration::from_millis(200));
            drop(lock);
            waiting.join().expect("it ends").ok();
        });
        assert_ne!(dir.state(), before);
    }
}

/// What was interrupted and then written by somebody else is theirs: it is set aside, and never finished later.
#[test]
fn an_interrupted_change_whose_files_others_wrote_since_is_set_aside() {
    let dir = TestDir::with_image();
    dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    let id = ids(&dir).remove(0);
    // As if the program had been killed before its last step.
    fs::rename(dir.history().join(&id), dir.history().join(format!("{id}.open"))).expect("it is recorded");
    let theirs = PolBuilder::new().dword("K", "Theirs", 1).build();
    dir.write(COMPUTER_POL, &theirs);
    let run = dir.run(["policy", "set", "image", "TS_PASSWORD", "enabled"]);
    assert!(run.status == Some(0) && run.stderr().contains("has been written since"), "{run}");
    assert!(dir.read(COMPUTER_POL).starts_with(&theirs));
    assert!(dir.history().join(format!("{id}.left")).is_dir());
    dir.run(["policy", "set", "image", "TS_PASSWORD", "disabled"]).ok();
    assert_eq!(ids(&dir).len(), 3);
}

/// Two programs change one GPO at once, again and again; a third reads it all the time.
#[test]
fn no_update_is_lost_and_no_file_is_torn() {
    use std::sync::atomic::{AtomicBool, Ordering};
    // Under Wine, a program takes half a second to start.
    const CHANGES: u16 = if cfg!(windows) { 24 } else { 500 };
    let dir = TestDir::with_image();
    dir.write(COMPUTER_POL, PolBuilder::new().build());
    let policies = [NLA, "TS_PASSWORD"];
    let stop = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0_u64;
            // On Windows, files are written in place, and nobody can read them meanwhile.
            while !cfg!(windows) && !stop.load(Ordering::Relaxed) {
                let bytes = dir.read(COMPUTER_POL);
                let whole = bytes.starts_with(b"PReg\x01\0\0\0") && (bytes.len() == 8 || bytes.ends_with(b"]\0"));
                assert!(whole && dir.text(GPT_INI).ends_with("}]\r\n"), "torn");
                reads += 1;
            }
            reads
        });
        let writers = policies.map(|policy| {
            let dir = &dir;
            scope.spawn(move || {
                for turn in 0..CHANGES {
                    let state = if turn % 2 == 0 { "disabled" } else { "enabled" };
                    let run = dir.run(["policy", "set", "image", policy, state, "--wait", "600"]);
                    assert_eq!(run.status, Some(0), "{run}");
                }
            })
        });
        writers.into_iter().for_each(|writer| writer.join().expect("every change succeeds"));
        stop.store(true, Ordering::Relaxed);
        reader.join().expect("nothing torn was seen")
    });
    assert!(cfg!(windows) || reads > 100, "{reads} reads");
    // Each change raised the version by one: user 1, computer 2 at first.
    let expected = 65536 + 2 + 2 * u32::from(CHANGES);
    assert!(dir.text(GPT_INI).contains(&format!("Version={expected}\r\n")), "{}", dir.text(GPT_INI));
    for policy in policies {
        assert_eq!(dir.run(["policy", "get", "image", policy, "-f", "json"]).json()["policy"]["state"], "enabled");
    }
    assert_eq!(ids(&dir).len(), 2 * usize::from(CHANGES));
}
