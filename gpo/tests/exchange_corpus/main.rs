//! Exchange formats over real files, where a corpus is at hand: what a format can carry comes back as it was.

mod state;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use gpo::exchange::backup::{self, Label};
use gpo::exchange::lgpo::{self, Scope};
use gpo::exchange::{Entry, Loss, Scoped, decode, gpp, json, policy_rules, reg, samba};
use gpo::source::{Options, read};
use polfile::{PolicyFile, Record, Value};

/// `GPOL_CORPUS`, else `../shared/corpus` beside the workspace, if it is there.
#[expect(clippy::print_stdout)] // only tests call it
fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("GPOL_CORPUS").map_or(beside, PathBuf::from);
    let found = folder.is_dir();
    if !found {
        println!("skipped: no corpus at {}", folder.display());
    }
    found.then_some(folder)
}

/// All files below a folder that a test wants, by their paths.
fn files(folder: &Path, wanted: fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the corpus") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false if wanted(&path) => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending))
}

/// Every well-formed policy file that is not the same as another: its path and its records.
fn policy_files(corpus: &Path) -> Vec<(PathBuf, PolicyFile)> {
    let all = files(corpus, |path| has_ending(path, "pol") && !path.to_string_lossy().contains("/lgpo/edge/"));
    let mut seen = HashSet::new();
    let mut parsed = Vec::new();
    for path in all {
        let bytes = fs::read(&path).expect("a file");
        if let Ok(file) = PolicyFile::parse(&bytes)
            && seen.insert(bytes)
        {
            parsed.push((path, file));
        }
    }
    assert!(parsed.len() > 250, "{} policy files", parsed.len());
    parsed
}

/// The same record, but for NULs at the end of a list and the letter case of a directive.
fn same(a: &Record, b: &Record) -> bool {
    let (a, b) = (a.as_ref(), b.as_ref());
    let list = |value| matches!(value, Ok(Value::MultiSz(_)));
    let data = a.data == b.data || list(a.value()) && a.value() == b.value();
    let name = a.value_name == b.value_name || a.value_name.len() > 2 && a.value_name.eq_ignore_case(b.value_name);
    a.key == b.key && name && a.value_type == b.value_type && data
}

/// Whether exactly the records that are no losses come back, in their order.
fn comes_back(path: &Path, file: &PolicyFile, losses: &[Loss], entries: &[Entry], of: &Scope) {
    let lost = |index: &usize| losses.iter().any(|loss| loss.record == *index && !loss.written);
    let changed = |index: &usize| losses.iter().any(|loss| loss.record == *index && loss.written);
    let kept: Vec<usize> = (0..file.len()).filter(|index| !lost(index)).collect();
    assert_eq!(entries.len(), kept.len(), "{}: {losses:?}", path.display());
    for (index, entry) in kept.iter().zip(entries) {
        let record = file.record(*index).expect("an index of the file").to_record();
        assert_eq!(&entry.scope, of, "{}", path.display());
        assert!(changed(index) || same(&record, &entry.record), "{}: {record:?} {:?}", path.display(), entry.record);
    }
}

#[test]
fn texts_carry_every_policy_file_but_for_what_they_name_as_lost() {
    let Some(corpus) = corpus() else { return };
    let mut records = 0;
    for (path, file) in policy_files(&corpus) {
        records += file.len();
        for scope in [Scope::Computer, Scope::User] {
            let scoped = [Scoped { scope: scope.clone(), file: &file }];
            let rules = policy_rules::write(&scoped, "x", "y", &[]);
            let again = policy_rules::parse(&rules.text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            comes_back(&path, &file, &rules.losses, &again.entries, &scope);
            assert!(again.asides.is_empty());
            let list = samba::write(&scoped);
            let again = samba::parse(&list.text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            comes_back(&path, &file, &list.losses, &again, &scope);
            let text = reg::write(&scoped, &[]);
            let again = reg::parse(&text.text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            comes_back(&path, &file, &text.losses, &again, &scope);
            // A record with an empty key is named as one that no LGPO text gives back.
            let text = lgpo::write(&scoped, "x", &[]);
            if file.records().all(|record| !record.key.is_empty()) {
                let again = lgpo::parse(&text.text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                comes_back(&path, &file, &text.losses, &again, &scope);
            }
        }
    }
    assert!(records > 9_000, "{records} records");
}

#[test]
fn json_and_backups_give_back_every_byte_of_every_policy_file() {
    let Some(corpus) = corpus() else { return };
    for (path, file) in policy_files(&corpus) {
        let text = serde_json::to_string_pretty(&json::Records::new(file.records())).expect("JSON");
        let again = json::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(again.as_bytes(), file.as_bytes(), "{}", path.display());

        let folder = tempfile::tempdir().expect("a folder");
        let scoped = [Scope::Computer, Scope::User].map(|scope| Scoped { scope, file: &file });
        let made = backup::make(&scoped, &Label { name: "Copy".to_owned(), guid: None, time: 0 }, None);
        assert!(made.losses.is_empty());
        for (name, bytes) in made.files {
            let place = folder.path().join(name);
            fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
            fs::write(place, bytes).expect("a file");
        }
        let again =
            read(folder.path(), Options::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let parts: Vec<_> = again.parts.iter().map(|part| (part.scope.clone(), part.file.as_bytes())).collect();
        let expected = [Scope::Computer, Scope::User].map(|scope| (Some(scope), file.as_bytes()));
        assert_eq!(parts, expected, "{}", path.display());
    }
}

#[test]
fn losses_in_real_files_are_few() {
    let Some(corpus) = corpus() else { return };
    // Windows' own tools wrote these; what they wrote, each format can say, but for what .reg has no word for.
    let mut lost = [0; 3];
    let mut records = 0;
    for (path, file) in policy_files(&corpus) {
        if !path.to_string_lossy().contains("DomainSysvol") {
            continue;
        }
        records += file.len();
        let scoped = [Scoped { scope: Scope::Computer, file: &file }];
        lost[0] += policy_rules::write(&scoped, "", "", &[]).losses.len();
        lost[1] += samba::write(&scoped).losses.len();
        let reg = reg::write(&scoped, &[]).losses;
        assert!(reg.iter().all(|loss| loss.name.starts_with("**")), "{}: {reg:?}", path.display());
        lost[2] += reg.len();
    }
    println!("{records} records of backups; lost: PolicyRules {}, samba {}, reg {}", lost[0], lost[1], lost[2]);
    assert!(lost[0] <= records / 500 && lost[1] <= records / 500, "{lost:?} of {records}");
}

#[test]
fn texts_made_of_policy_files_compare_equal_with_them() {
    let Some(corpus) = corpus() else { return };
    let golden = corpus.join("golden/plus3it+ash-windows-formula");
    let texts = files(&golden.join("@4d58a80"), |path| has_ending(path, "txt"));
    assert_eq!(texts.len(), 12);
    for text in texts {
        let below = text.strip_prefix(golden.join("@4d58a80")).unwrap();
        let pol = golden.join("@4d58a80^").join(below).with_extension("pol");
        let (text, pol) = (read(&text, Options::default()).unwrap(), read(&pol, Options::default()).unwrap());
        let all = |source: &gpo::source::Source| -> Vec<Record> {
            source.parts.iter().flat_map(|part| part.file.records().map(|record| record.to_record())).collect()
        };
        let (ours, theirs) = (all(&text), all(&pol));
        assert_eq!(ours.len(), theirs.len(), "{}", below.display());
        let differ: Vec<_> = ours.iter().zip(&theirs).filter(|(a, b)| !same(a, b)).collect();
        assert!(differ.is_empty(), "{}: {differ:?}", below.display());
    }
}

#[test]
fn rules_files_are_read_whole() {
    let Some(corpus) = corpus() else { return };
    let all = files(&corpus.join("text"), |path| has_ending(path, "PolicyRules"));
    assert_eq!(all.len(), 7);
    for path in all {
        let text = decode(&fs::read(&path).expect("a file"));
        let source = read(&path, Options::default()).unwrap_or_else(|error| panic!("{error}"));
        let records: usize = source.parts.iter().map(|part| part.file.len()).sum();
        let asides: usize = source.asides.iter().map(|aside| aside.count).sum();
        // Counted in the text itself: one element a line.
        let lines =
            |starts: &[&str]| text.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))).count();
        assert_eq!(records, lines(&["<ComputerConfig>", "<UserConfig>"]), "{}", path.display());
        let extension = text.matches("<GUID>{35378EAC-683F-11D2-A89A-00C04FBBCFA2}</GUID>").count();
        let others = lines(&["<SecurityTemplate", "<AuditSubcategory", "<AuditOption", "<CSE-"]);
        assert_eq!(asides, others - extension, "{}", path.display());
    }
}

/// What a line of a rules file says, read without an XML reader: side, key, value name, type, data.
fn rule(line: &str) -> Option<(Scope, String, String, u32, Vec<u8>)> {
    let scope = match line.split('>').next()? {
        "<ComputerConfig" => Scope::Computer,
        "<UserConfig" => Scope::User,
        _ => return None,
    };
    let text = |name: &str| {
        let (_, rest) = line.split_once(&format!("<{name}>")).expect("the element");
        let (text, _) = rest.split_once(&format!("</{name}>")).expect("its end");
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
    };
    let data = text("RegData");
    let (value_type, bytes) = match &*text("RegType") {
        "REG_NONE" => (0, Vec::new()),
        "REG_SZ" => (1, data.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()),
        "REG_DWORD" => (4, data.parse::<u32>().expect("a number").to_le_bytes().to_vec()),
        // All lists of these files are empty.
        "REG_MULTI_SZ" => {
            assert_eq!(data, r"\0");
            (7, Vec::new())
        }
        other => panic!("{other}"),
    };
    Some((scope, text("Key"), text("Value").replace("(Default)", ""), value_type, bytes))
}

#[test]
fn each_rule_of_a_rules_file_is_the_record_that_its_line_says() {
    let Some(corpus) = corpus() else { return };
    let (mut sums, mut deletions) = ([0, 0], 0);
    for path in files(&corpus.join("text"), |path| has_ending(path, "PolicyRules")) {
        let text = decode(&fs::read(&path).expect("a file"));
        let source = read(&path, Options::default()).unwrap_or_else(|error| panic!("{error}"));
        for (sum, scope) in sums.iter_mut().zip([Scope::Computer, Scope::User]) {
            let wanted: Vec<_> = text.trim_start_matches('\u{FEFF}').lines().filter_map(rule).collect();
            let wanted: Vec<_> = wanted.into_iter().filter(|rule| rule.0 == scope).collect();
            let records = source.parts.iter().filter(|part| part.scope.as_ref() == Some(&scope));
            let records: Vec<Record> = records.flat_map(|part| part.file.records()).map(|r| r.to_record()).collect();
            assert_eq!(records.len(), wanted.len(), "{}", path.display());
            for (record, (_, key, name, value_type, data)) in records.iter().zip(&wanted) {
                let record = record.as_ref();
                let place = format!("{}: {key}!{name}", path.display());
                assert_eq!(
                    (record.key.to_text_lossy(), record.value_name.to_text_lossy()),
                    (key.clone(), name.clone())
                );
                assert_eq!(record.value_type.0, *value_type, "{place}");
                match value_type {
                    7 => assert!(record.data.iter().all(|byte| *byte == 0), "{place}"),
                    _ => assert_eq!(record.data, data, "{place}"),
                }
                deletions += usize::from(name.starts_with("**del"));
            }
            *sum += records.len();
        }
    }
    // By grep over the seven files: entries of computers and of users, and names that begin with **del.
    assert_eq!((sums, deletions), ([1296, 87], 56));
}

#[test]
fn reg_files_are_read_or_refused_with_a_line() {
    let Some(corpus) = corpus() else { return };
    let (mut read_whole, mut refused) = (0, Vec::new());
    for path in files(&corpus.join("text"), |path| has_ending(path, "reg")) {
        match reg::parse(&decode(&fs::read(&path).expect("a file"))) {
            Ok(_) => read_whole += 1,
            Err(error) => refused.push(format!("{}: {error}", path.display())),
        }
    }
    // Nine empty files, other hives, and what Registry Editor itself would skip.
    assert!(read_whole >= 20 && refused.len() <= 20, "{read_whole} read; {refused:#?}");
}

#[test]
fn preferences_are_read_and_what_is_no_record_is_counted() {
    let Some(corpus) = corpus() else { return };
    let (mut items, mut files_read, mut refused) = (0, 0, Vec::new());
    for path in files(&corpus, |path| path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("Registry.xml"))) {
        let text = decode(&fs::read(&path).expect("a file"));
        match gpp::parse(&text) {
            Ok(read) => {
                files_read += 1;
                let all = read.entries.len() + read.asides.iter().map(|aside| aside.count).sum::<usize>();
                assert_eq!(all, text.matches("<Registry ").count(), "{}", path.display());
                items += read.entries.len();
            }
            Err(error) => refused.push(format!("{}: {error}", path.display())),
        }
    }
    assert!(files_read > 30 && items > 50 && refused.len() <= 1, "{items} items of {files_read} files; {refused:#?}");
}
