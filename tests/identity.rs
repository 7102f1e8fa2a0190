//! A recorded change belongs to what was changed, not to the path at which that was: another image may be mounted there, and
//! the right one elsewhere. Linux only: interrupted with strace.

use std::fs;

use serde_json::{Value, json};

use crate::bench::{COMPUTER_POL, GPT_INI, NLA, TestDir};
use crate::kill::{faulty, strace};

const SET: [&str; 5] = ["policy", "set", "image", NLA, "disabled"];

/// An image, and a copy of it that is not mounted.
fn two_images() -> TestDir {
    let dir = TestDir::with_image();
    fixtures::write_tree(&dir.path("second"), &fixtures::golden_image()).expect("the image is written");
    dir
}

fn swap(dir: &TestDir, from: &str, to: &str) {
    fs::rename(dir.path(from), dir.path(to)).expect("it is ours");
}

fn open_records(dir: &TestDir) -> Vec<String> {
    let entries = fs::read_dir(dir.history()).expect("it is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".open")).collect()
}

fn history(dir: &TestDir, target: &str) -> Value {
    let run = dir.run(["history", target, "-f", "json"]);
    assert!(matches!(run.status, Some(0 | 1)) && run.err.is_empty(), "{run}");
    serde_json::from_slice(&run.out).expect("a document")
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|change| change["id"].as_str().expect("an id")).collect()
}

/// The record of a change of the first image that was killed between its two files waits while the second image is at its path.
#[test]
fn an_interrupted_change_waits_for_its_image() {
    if !strace() {
        return;
    }
    // Killed before the first file, between the two, and when both are new.
    for (call, n) in [("renameat2", 1), ("renameat2", 2), ("unlinkat", 1)] {
        for back in ["image", "elsewhere"] {
            let dir = two_images();
            faulty(&dir, call, "signal=SIGKILL", &n.to_string(), &SET).expect("it is killed");
            let half = (dir.read(COMPUTER_POL), dir.read(GPT_INI));
            let [record] = &open_records(&dir)[..] else { panic!("one record") };
            let id = record.trim_end_matches(".open").to_owned();
            swap(&dir, "image", "first");
            swap(&dir, "second", "image");
            for state in ["disabled", "enabled", "disabled"] {
                let run = dir.run(["policy", "set", "image", NLA, state]);
                assert_eq!(run.status, Some(0), "{run}");
                assert!(run.stderr().contains(&id) && run.stderr().contains("is not what it was made to"), "{run}");
                assert_eq!(open_records(&dir), std::slice::from_ref(record));
            }
            let of_second = history(&dir, "image");
            assert_eq!(ids(&of_second["elsewhere"]), [&*id]);
            assert_eq!(ids(&of_second["changes"]).len(), 3, "{of_second}");
            dir.run(["undo", "image"]);
            assert_eq!(ids(&history(&dir, "image")["elsewhere"]), [&*id]);
            // Back at its place, or at another one.
            swap(&dir, "image", "second");
            swap(&dir, "first", back);
            let place = |path: &str| path.replace("image", back);
            assert_eq!(
                (dir.read(&place(COMPUTER_POL)), dir.read(&place(GPT_INI))),
                half,
                "the first one was not touched"
            );
            assert_eq!(ids(&history(&dir, back)["changes"]), [&*id]);
            let run = dir.run(["policy", "set", back, NLA, "disabled"]);
            assert!(
                run.status == Some(0) && run.stderr().contains(&format!("change {id} had been interrupted")),
                "{run}"
            );
            assert_eq!(open_records(&dir), [""; 0]);
            assert!(dir.text(&place(GPT_INI)).contains("Version=65539\r\n"), "{}", dir.text(&place(GPT_INI)));
            assert_eq!(dir.run(["policy", "get", back, NLA, "-f", "json"]).json()["policy"]["state"], "disabled");
        }
    }
}

#[test]
fn a_change_is_undone_where_its_image_is_mounted_now() {
    let dir = two_images();
    let (policy, ini) = (dir.read(COMPUTER_POL), dir.read(GPT_INI));
    dir.run(SET).ok();
    dir.run(["policy", "set", "image", "TS_PASSWORD", "enabled"]).ok();
    let made: Vec<String> = ids(&history(&dir, "image")["changes"]).into_iter().map(str::to_owned).collect();
    swap(&dir, "image", "elsewhere");
    swap(&dir, "second", "image");
    // Another image has no such change, and keeps its files.
    assert_eq!(dir.run(["undo", "image"]).refused(3), "E0413");
    let other = history(&dir, "image");
    assert_eq!((ids(&other["changes"]).len(), ids(&other["elsewhere"]).len()), (0, 2), "{other}");
    crate::assert_file_snapshot!("history_elsewhere", {
        let text = dir.run(["history", "image"]).to_string();
        text.replace(&dir.history().display().to_string(), "RECORD")
    });
    assert_eq!(ids(&history(&dir, "elsewhere")["changes"]).len(), 2);
    for id in made.iter().rev() {
        dir.run(["undo", "elsewhere", id]).ok();
    }
    let place = |path: &str| path.replace("image", "elsewhere");
    assert_eq!((dir.read(&place(COMPUTER_POL)), dir.read(&place(GPT_INI))), (policy, ini));
}

/// As gpol 0.1 wrote them: paths alone, and no note of what was begun.
fn as_an_older_gpol_wrote(dir: &TestDir, record: &str) {
    let folder = dir.history().join(record);
    let mut change: Value =
        serde_json::from_slice(&fs::read(folder.join("change.json")).expect("it is there")).expect("JSON");
    change["schema"] = json!("gpol.change/1");
    change.as_object_mut().expect("an object").remove("target");
    for file in change["files"].as_array_mut().expect("a list") {
        file.as_object_mut().expect("an object").remove("below");
    }
    fs::write(folder.join("change.json"), change.to_string()).expect("it is ours");
    fs::remove_file(folder.join("begun.json")).expect("it is noted");
}

#[test]
fn records_of_an_older_gpol_are_read_undone_and_mended() {
    let dir = TestDir::with_image();
    let before = (dir.read(COMPUTER_POL), dir.read(GPT_INI));
    dir.run(SET).ok();
    let id = ids(&history(&dir, "image")["changes"])[0].to_owned();
    as_an_older_gpol_wrote(&dir, &id);
    assert_eq!(ids(&history(&dir, "image")["changes"]), [&*id]);
    dir.run(["undo", "image"]).ok();
    assert_eq!((dir.read(COMPUTER_POL), dir.read(GPT_INI)), before);
    if !strace() {
        return;
    }
    let dir = TestDir::with_image();
    faulty(&dir, "renameat2", "signal=SIGKILL", "2", &SET).expect("it is killed");
    as_an_older_gpol_wrote(&dir, &open_records(&dir)[0]);
    let run = dir.run(SET);
    assert!(run.status == Some(0) && run.stderr().contains("gpol has finished it"), "{run}");
    assert!(dir.text(GPT_INI).contains("Version=65539\r\n"));
}

#[test]
fn e0526_a_change_that_reaches_beyond_the_target_is_mended_and_undone_as_a_whole() {
    if !strace() {
        return;
    }
    let dir = TestDir::with_image();
    dir.write("all.yaml", "apiVersion: gpol/v1\nkind: PolicySet\ncomputer: {registry: [{key: Software\\A, value: X, type: dword, data: 7}]}\nusers: {administrators: {registry: [{key: Software\\A, value: X, type: dword, data: 7}]}}\n");
    let words = ["apply", "image", "all.yaml", "--yes"];
    let part = "image/Windows/System32/GroupPolicy";
    faulty(&dir, "renameat2", "signal=SIGKILL", "2", &words).expect("it is killed");
    let before = dir.state();
    let run = dir.run(["policy", "set", part, NLA, "disabled"]);
    assert_eq!(run.refused(5), "E0526", "{run}");
    let real = fs::canonicalize(dir.path("")).expect("it is there").display().to_string();
    crate::assert_file_snapshot!("error_E0526", run.to_string().replace(&real, ""));
    assert_eq!(dir.state(), before);
    assert_eq!(open_records(&dir).len(), 1);
    let run = dir.run(words);
    assert!(run.status == Some(0) && run.stderr().contains("gpol has finished it"), "{run}");
    assert_eq!(dir.run(["undo", part]).refused(5), "E0526");
    dir.run(["undo", "image"]).ok();
}
