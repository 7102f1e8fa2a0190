//! `gpol recover`: what can be saved, what is lost, and that nothing is guessed.

use fixtures::{PolBuilder, Verdict};
use serde_json::json;

use crate::assert_file_snapshot;
use crate::bench::{TestDir, keys, parse};

const KEY: &str = r"Software\Policies\Acme";

/// Three records, the middle one broken: its separator behind the key is gone.
fn damaged() -> (Vec<u8>, usize, usize) {
    let first = PolBuilder::new().dword(KEY, "First", 1);
    let start = first.offset();
    let both = first.dword(KEY, "Middle", 2);
    let end = both.offset();
    let key_end = start + 2 + 2 * (KEY.len() + 1);
    (both.at(key_end, b"??").dword(KEY, "Last", 3).build(), start, end)
}

#[test]
fn what_is_before_and_behind_the_damage_is_kept_and_the_rest_is_named() {
    let (bytes, start, end) = damaged();
    let dir = TestDir::with("bad.pol", &bytes);
    let run = dir.run(["recover", "bad.pol", "-o", "good.pol", "--report", "report.json"]);
    run.expect(1);
    assert_file_snapshot!("recover_damaged", run);
    assert_eq!(dir.read("good.pol"), [&bytes[..start], &bytes[end..]].concat());
    assert_eq!(dir.read("good.pol"), PolBuilder::new().dword(KEY, "First", 1).dword(KEY, "Last", 3).build());
    assert_eq!(dir.read("bad.pol"), bytes);
    let report = parse(&dir.text("report.json"));
    assert_eq!(
        (&report["schema"], &report["intact"], &report["bytes"]),
        (&json!("gpol.recover/1"), &json!(1), &json!(bytes.len()))
    );
    let found = &report["resynchronised"];
    assert_eq!(
        (found.as_array().unwrap().len(), &found[0]["value_name"], &found[0]["offset"]),
        (1, &json!("Last"), &json!(end))
    );
    let lost = &report["lost"];
    assert_eq!((lost.as_array().unwrap().len(), &lost[0]["start"], &lost[0]["end"]), (1, &json!(start), &json!(end)));
    assert_eq!(keys(&lost[0]), ["end", "field", "message", "offset", "start"]);
    dir.run(["pol", "verify", "good.pol"]).ok();
    // The report on standard output is the same document.
    let again = dir.run(["recover", "bad.pol", "-o", "good.pol", "-f", "json"]);
    assert_eq!(parse(&again.expect(1)), report);
}

#[test]
fn a_long_list_of_doubtful_records_is_cut_with_a_count() {
    // Between two damages nothing tells whether whole records are data of a lost one.
    let damage = |file: PolBuilder, name: &str| {
        let key_end = file.offset() + 2 + 2 * (KEY.len() + 1);
        file.dword(KEY, name, 0).at(key_end, b"??")
    };
    let first = damage(PolBuilder::new().dword(KEY, "First", 1), "Lost");
    let many = (0..31).fold(first, |file, n| file.dword(KEY, &format!("Doubtful{n}"), n));
    let dir = TestDir::with("bad.pol", damage(many, "Lost2").dword(KEY, "Last", 2).build());
    let shown = dir.run(["recover", "bad.pol", "-o", "good.pol"]).expect(1);
    assert_eq!(shown.lines().filter(|line| line.starts_with("doubtful")).count(), 20, "{shown}");
    assert!(shown.contains("\n          and 11 more; --format json has them all\n"), "{shown}");
    let all = parse(&dir.run(["recover", "bad.pol", "-o", "good.pol", "-f", "json"]).expect(1));
    assert_eq!(all["doubtful"].as_array().map(Vec::len), Some(31));
}

#[test]
fn a_sound_file_comes_back_whole() {
    let dir = TestDir::with("x.pol", PolBuilder::new().dword(KEY, "First", 1).build());
    let run = dir.run(["recover", "x.pol", "-o", "y.pol"]);
    run.ok();
    assert_file_snapshot!("recover_sound", run);
    assert_eq!(dir.read("x.pol"), dir.read("y.pol"));
}

/// Kept, found and lost bytes are the whole file, no byte twice.
#[test]
fn every_byte_of_every_fixture_is_accounted_for_and_the_result_is_well_formed() {
    let dir = TestDir::new();
    for (name, bytes, verdict) in fixtures::pol_files() {
        dir.write(name, &bytes);
        let run = dir.run(["recover", name, "-o", "out.pol", "-f", "json"]);
        if run.status == Some(4) {
            // No policy file at all: there is no record to look for.
            assert!(matches!(&*run.refused(4), "E0201" | "E0202" | "E0203" | "E0206"), "{name}: {run}");
            assert_eq!(verdict, Verdict::Refused, "{name}");
            continue;
        }
        let report = parse(&run.expect(i32::from(verdict == Verdict::Refused)));
        let out = dir.read("out.pol");
        let lost: u64 = report["lost"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l["end"].as_u64().unwrap() - l["start"].as_u64().unwrap())
            .sum();
        assert_eq!(out.len() as u64 + lost, bytes.len() as u64, "{name}");
        dir.run(["pol", "verify", "out.pol"]).ok();
        assert_eq!(verdict == Verdict::Accepted, out == bytes, "{name}");
        std::fs::remove_file(dir.path("out.pol")).unwrap();
    }
}

#[test]
fn neither_the_input_nor_the_output_is_written_over() {
    let (bytes, ..) = damaged();
    let dir = TestDir::with("bad.pol", &bytes);
    for words in [
        &["recover", "bad.pol", "-o", "bad.pol"][..],
        &["recover", "bad.pol", "-o", "./bad.pol"],
        &["recover", "bad.pol", "-o", "good.pol", "--report", "bad.pol"],
        &["recover", "bad.pol", "-o", "same", "--report", "./same"],
    ] {
        let before = dir.state();
        let run = dir.run(words.iter().copied());
        assert_eq!(run.refused(5), "E0503", "{words:?}");
        assert!(run.stderr().contains("Nothing was written."), "{run}");
        assert_eq!(dir.state(), before, "{words:?}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "symbolic links need a privilege on Windows")]
fn a_link_to_the_input_is_the_input() {
    #[cfg(unix)]
    {
        let (bytes, ..) = damaged();
        let dir = TestDir::with("bad.pol", &bytes);
        std::os::unix::fs::symlink("bad.pol", dir.path("link.pol")).unwrap();
        assert_eq!(dir.run(["recover", "bad.pol", "-o", "link.pol"]).refused(5), "E0503");
        assert_eq!(dir.read("bad.pol"), bytes);
    }
}

/// A cut at any place: the records before it are kept, exactly.
#[test]
fn a_file_cut_off_anywhere_keeps_its_whole_records() {
    let whole = PolBuilder::new().dword(KEY, "A", 1).sz(KEY, "B", "text").del(KEY, "C");
    let ends = [
        8,
        PolBuilder::new().dword(KEY, "A", 1).offset(),
        PolBuilder::new().dword(KEY, "A", 1).sz(KEY, "B", "text").offset(),
        whole.offset(),
    ];
    let bytes = whole.build();
    let dir = TestDir::new();
    for cut in (8..=bytes.len()).step_by(7).chain(ends) {
        dir.write("cut.pol", &bytes[..cut]);
        let kept = *ends.iter().rev().find(|&&end| end <= cut).unwrap();
        let run = dir.run(["recover", "cut.pol", "-o", "out.pol"]);
        run.expect(i32::from(kept != cut));
        assert_eq!(dir.read("out.pol"), bytes[..kept], "{cut}");
    }
}
