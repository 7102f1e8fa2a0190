//! Against Microsoft's tool: LGPO.exe 3.0's texts and policy files, and real GPOs.
//!
//! The corpus belongs to others and is not in the repository. Without it these tests say so and pass.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use encoding_rs::WINDOWS_1252;
use serde_json::Value;

use crate::bench::{Run, TestDir, parse};

/// The folder in `GPOL_CORPUS`, else the one beside the repository.
#[expect(clippy::print_stdout)] // only tests call it
pub fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("GPOL_CORPUS").map_or(beside, PathBuf::from);
    let found = folder.join("lgpo/verdicts.tsv").is_file();
    if !found {
        println!("skipped: no corpus at {}", folder.display());
    }
    found.then_some(folder)
}

/// The folder of small inputs of one kind that showed a fault, each with a text that says what is right; beside the corpus.
#[expect(clippy::print_stdout)] // only tests call it
pub fn cases(kind: &str) -> Option<PathBuf> {
    let folder = corpus()?.parent()?.join("cases").join(kind);
    if !folder.is_dir() {
        println!("skipped: no cases at {}", folder.display());
    }
    Some(folder).filter(|folder| folder.is_dir())
}

/// Every file below a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// The rows of a table of tab-separated columns, but for its heading.
fn table(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// A text of LGPO.exe, line by line. The name of the source file is left out, and an empty value name, which
/// LGPO.exe prints as an empty line, is `(Default)` as `docs/lgpo.md` says.
fn lines_of_lgpo(text: &str) -> Vec<String> {
    let mut lines = without_source(text);
    for at in 2..lines.len() {
        if lines[at].is_empty() && matches!(&*lines[at - 2], "Computer" | "User") && !lines[at - 1].is_empty() {
            "(Default)".clone_into(&mut lines[at]);
        }
    }
    lines
}

fn without_source(text: &str) -> Vec<String> {
    let name =
        |line: &str| if line.starts_with("; Source file:") { "; Source file:".to_owned() } else { line.to_owned() };
    text.split("\r\n").map(name).collect()
}

#[test]
fn texts_are_those_of_lgpo_line_by_line() {
    let Some(corpus) = corpus() else { return };
    let dir = TestDir::new();
    let (mut same, mut others) = (0, Vec::new());
    for row in table(&corpus.join("lgpo/verdicts.tsv")) {
        let [path, _, verdict, _, text] = &*row else { panic!("five columns: {row:?}") };
        if verdict != "accepts" || text.is_empty() {
            continue;
        }
        let theirs = fs::read(corpus.join(text)).unwrap();
        let theirs = WINDOWS_1252.decode_without_bom_handling(&theirs).0.into_owned();
        let run = dir.run([
            "convert".into(),
            corpus.join(path).into_os_string(),
            "-f".into(),
            "lgpo".into(),
            "--scope".into(),
            "computer".into(),
            // What LGPO.exe prints as a comment is a loss here.
            "--lossy".into(),
        ]);
        // LGPO.exe prints Windows-1252: letters that it has not are lost there, not here.
        let ours = WINDOWS_1252.encode(&run.stdout()).0.into_owned();
        let ours = WINDOWS_1252.decode_without_bom_handling(&ours).0.into_owned();
        if run.status == Some(0) && without_source(&ours) == lines_of_lgpo(&theirs) {
            same += 1;
        } else {
            others.push(path.clone());
        }
    }
    assert_eq!(others, [""; 0]);
    assert_eq!(same, 307);
}

/// Texts that gpol does not treat as LGPO.exe does, on purpose; each stands in `docs/lgpo.md`.
const BETTER: [(&str, Instead); 8] = [
    ("dword_negative", Instead::Refuse("E0212")),   // LGPO.exe writes 4294967295
    ("dword_too_big", Instead::Refuse("E0212")),    // LGPO.exe writes 0
    ("qword_too_big", Instead::Refuse("E0212")),    // LGPO.exe writes 9223372036854775807
    ("binary_bad", Instead::Refuse("E0212")),       // LGPO.exe writes no bytes
    ("binary_no_commas", Instead::Refuse("E0212")), // LGPO.exe writes one byte of three
    ("clear", Instead::Refuse("E0212")),            // LGPO.exe writes nothing of it
    ("utf8_no_bom", Instead::ReadUtf8),             // LGPO.exe reads Windows-1252
    ("config_mixed", Instead::Refuse("E0601")),     // LGPO.exe makes one file of both sides; --lossy does
];

#[derive(Clone, Copy)]
enum Instead {
    Refuse(&'static str),
    ReadUtf8,
}

fn convert(dir: &TestDir, text: &Path, more: &[&str]) -> Run {
    let words = ["convert".into(), text.as_os_str().to_owned(), "-o".into(), "out.pol".into()];
    dir.run(words.into_iter().chain(more.iter().map(Into::into)))
}

#[test]
fn what_lgpo_builds_is_built_byte_for_byte_and_what_it_refuses_is_refused() {
    let Some(corpus) = corpus() else { return };
    let (mut built, mut refused, mut better) = (0, 0, BTreeSet::new());
    for row in table(&corpus.join("lgpo/build.tsv")) {
        let (case, verdict) = (row[0].as_str(), row[1].as_str());
        let path = |ending: &str| corpus.join(format!("lgpo/build/{case}.{ending}"));
        let dir = TestDir::new();
        let run = convert(&dir, &path("txt"), &[]);
        if let Some((name, instead)) = BETTER.iter().find(|(name, _)| *name == case) {
            assert_eq!(verdict, "accepts", "{case}");
            better.insert(*name);
            match instead {
                Instead::Refuse(code) => {
                    assert_eq!(run.refused(if *code == "E0601" { 5 } else { 4 }), *code, "{case}");
                    assert!(run.stderr().contains("line "), "{case}: {run}");
                    assert!(!dir.has("out.pol"), "{case}");
                }
                Instead::ReadUtf8 => {
                    run.ok();
                    assert_ne!(dir.read("out.pol"), fs::read(path("pol")).unwrap(), "{case}");
                    // The same text with a byte order mark is what LGPO.exe reads as UTF-8.
                    let marked = [b"\xEF\xBB\xBF".to_vec(), fs::read(path("txt")).unwrap()].concat();
                    dir.write("marked.txt", marked);
                    dir.run(["convert", "marked.txt", "-o", "marked.pol"]).ok();
                    assert_eq!(dir.read("out.pol"), dir.read("marked.pol"));
                }
            }
            continue;
        }
        match verdict {
            "accepts" => {
                assert_eq!((run.status, run.out.len()), (Some(0), 0), "{case}: {run}");
                assert_eq!(dir.read("out.pol"), fs::read(path("pol")).unwrap(), "{case}");
                built += 1;
            }
            "rejects" => {
                assert_eq!(run.refused(4), "E0211", "{case}");
                assert!(run.stderr().contains("line "), "{case}: {run}");
                assert!(!dir.has("out.pol"), "{case}");
                refused += 1;
            }
            other => panic!("{case}: {other}"),
        }
    }
    assert_eq!(better.len(), BETTER.len());
    assert_eq!((built, refused, built + refused + better.len()), (46, 13, 67));
    let dir = TestDir::new();
    let mixed = corpus.join("lgpo/build/config_mixed");
    convert(&dir, &mixed.with_extension("txt"), &["--lossy"]).ok();
    assert_eq!(dir.read("out.pol"), fs::read(mixed.with_extension("pol")).unwrap());
}

/// Folders and policy files that `show` can be pointed at: GPO backups as a whole, all other policy files one by one.
fn targets(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("DomainSysvol").is_dir() {
        found.push(folder.to_owned());
        return;
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            targets(&path, found);
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("pol")) {
            found.push(path);
        }
    }
}

/// The records of a side that a policy or the list of unexplained ones names, sorted. A record may be in
/// several policies, but not both explained and unexplained.
pub fn seen(side: &Value) -> Vec<u64> {
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let explained: BTreeSet<u64> = list(&side["policies"])
        .iter()
        .flat_map(|policy| list(&policy["record_indexes"]))
        .map(|index| index.as_u64().expect("an index"))
        .collect();
    let mut seen: Vec<u64> = explained.into_iter().collect();
    seen.extend(list(&side["unexplained"]).iter().map(|record| record["index"].as_u64().expect("an index")));
    seen.sort_unstable();
    seen
}

/// The GPOs of a document of `show`, which has one or several.
fn gpos(json: &Value) -> Vec<&Value> {
    json.get("gpos").map_or_else(|| vec![json], |gpos| gpos.as_array().expect("a list").iter().collect())
}

/// Records and policies of a document, after a look at whether each record is there once.
fn counted(json: &Value, target: &Path) -> (u64, usize) {
    let sides = gpos(json).into_iter().flat_map(|gpo| gpo["sides"].as_array().expect("a list"));
    let count = |side: &Value| {
        let records = side["records"].as_u64().expect("a number");
        assert_eq!(seen(side), (0..records).collect::<Vec<_>>(), "{}", target.display());
        (records, side["policies"].as_array().expect("a list").len())
    };
    sides.map(count).fold((0, 0), |sum, side| (sum.0 + side.0, sum.1 + side.1))
}

fn all_targets(corpus: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["gpo", "pol", "golden", "lgpo/edge"] {
        targets(&corpus.join(folder), &mut found);
    }
    found
}

#[test]
fn every_record_of_every_gpo_is_shown_once() {
    let Some(corpus) = corpus() else { return };
    let dir = TestDir::new();
    let (mut shown, mut malformed, mut records, mut policies) = (0, 0, 0, 0);
    for target in all_targets(&corpus) {
        let run = dir.run(["show".into(), target.clone().into_os_string(), "--format".into(), "json".into()]);
        if run.status == Some(4) {
            assert!(run.refused(4).starts_with("E02"), "{run}");
            malformed += 1;
            continue;
        }
        let (of_target, explained) = counted(&parse(&run.ok()), &target);
        records += of_target;
        policies += explained;
        shown += 1;
    }
    assert!(
        shown >= 390 && malformed >= 117 && records >= 10_557 && policies >= 58,
        "{shown} shown, {malformed} malformed, {records} records, {policies} policies"
    );
}

/// The same with Microsoft's templates, which put one record into several policies; every 15th target, and
/// one folder of 92 backups at once.
#[test]
fn with_the_templates_of_windows_11_every_record_is_shown_once() {
    let Some(corpus) = corpus() else { return };
    let dir = TestDir::new();
    let store = corpus.join("admx/mxk+windows-secure-group-policy/PolicyDefinitions");
    let many = corpus.join("gpo/GuyGuy-59+Sec_AD/GPO");
    let (mut records, mut policies) = (0, 0);
    for target in all_targets(&corpus).into_iter().step_by(15).chain([many]) {
        let words = ["show".into(), target.clone().into_os_string(), "--admx".into(), store.clone().into_os_string()];
        let run = dir.run(words.into_iter().chain(["--format".into(), "json".into()]));
        if run.status == Some(4) {
            continue;
        }
        let (of_target, explained) = counted(&parse(&run.ok()), &target);
        records += of_target;
        policies += explained;
    }
    assert!(records >= 767 && policies >= 271, "{records} records, {policies} policies");
}
