//! Exchange formats over real files, where a corpus is at hand: what a format can carry comes back as it was.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use admx::{Catalog, Side};
use gpo::apply;
use gpo::bookkeeping::Directory;
use gpo::desired;
use gpo::exchange::lgpo::{self, Scope};
use gpo::exchange::state::{self, Notation, StateFile};
use gpo::exchange::{Entry, Loss, Scoped, decode, gpp, policy_rules, reg, samba};
use gpo::source::{Options, read};
use gpo::target::Target;
use polfile::{PolicyFile, Record, Registry, Value};

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let named = std::env::var_os("GPOL_CORPUS").map(PathBuf::from);
    named.into_iter().chain([beside]).find(|path| path.is_dir())
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
fn state_files_give_back_every_byte() {
    let Some(corpus) = corpus() else { return };
    // Long files only take long; the next test has them.
    for (path, file) in policy_files(&corpus).into_iter().filter(|(_, file)| file.len() <= 100) {
        let side = state::export(&Scope::Computer, &file, None);
        let state = StateFile { sides: vec![side], ..StateFile::default() };
        for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
            let text = state::render(&state, notation, &[]);
            let again =
                state::parse(&text, notation).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()));
            let again =
                state::resolve(&again, None).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()));
            assert_eq!(again[0].file.as_bytes(), file.as_bytes(), "{} {notation:?}", path.display());
        }
    }
}

/// What the records come to when they are executed: values set and deleted, keys created and deleted.
fn registry(file: &PolicyFile) -> Vec<String> {
    let registry = Registry::execute([file]);
    let mut all = Vec::new();
    for key in registry.keys() {
        let path = key.path.to_string().to_uppercase();
        all.push(format!("{path} exists {} emptied {}", key.exists(), key.values_deleted().is_some()));
        for value in key.values() {
            let current = value.current().map(|(_, value_type, data)| (value_type, data.to_vec()));
            all.push(format!("{path}!{} {current:?}", value.name.to_string().to_uppercase()));
        }
    }
    all
}

#[test]
fn with_templates_a_state_file_names_policies_and_gives_back_every_byte() {
    let Some(corpus) = corpus() else { return };
    let store = corpus.join("admx/mxk+windows-secure-group-policy/PolicyDefinitions");
    let catalog = Catalog::load(&[store], "en-US").unwrap();
    let (mut policies, mut configured) = (0, 0);
    for (path, file) in policy_files(&corpus) {
        let of_user = path.parent().is_some_and(|folder| folder.ends_with("User"));
        let (scope, side) = if of_user { (Scope::User, Side::User) } else { (Scope::Computer, Side::Computer) };
        let state = StateFile { sides: vec![state::export(&scope, &file, Some(&catalog))], ..StateFile::default() };
        policies += state.sides[0].policies.len();
        configured += catalog.read(side, &file).policies.len();
        let text = state::render(&state, Notation::Yaml, &[]);
        let again =
            state::parse(&text, Notation::Yaml).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()));
        let again = state::resolve(&again, Some(&catalog))
            .unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()));
        assert_eq!(again[0].file.as_bytes(), file.as_bytes(), "{}", path.display());
        // Put into an empty local GPO, one by one as an edit puts them, they come to the same registry. A value of which
        // a file speaks several times has no one place; its last word counts. Made-up files (lgpo/) set and delete by turns.
        if file.repeated().is_empty() && !path.iter().any(|folder| folder == "lgpo") {
            let mut empty = PolicyFile::new();
            for record in again[0].file.records() {
                empty.put(&record.to_record());
            }
            assert_eq!(registry(&empty), registry(&file), "{}", path.display());
        }
    }
    assert!(policies > configured / 2, "{policies} of {configured}");
}

#[test]
fn a_state_file_applied_to_an_empty_local_gpo_gives_the_same_registry_and_once_is_enough() {
    let Some(corpus) = corpus() else { return };
    let store = corpus.join("admx/mxk+windows-secure-group-policy/PolicyDefinitions");
    let catalog = Catalog::load(&[store], "en-US").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (gpo, text) = (dir.path().join("GPO"), dir.path().join("wanted.yaml"));
    let (mut applied, mut records) = (0, 0);
    // Long files only take long here.
    for (path, file) in policy_files(&corpus).into_iter().filter(|(_, file)| file.len() <= 100) {
        let of_user = path.parent().is_some_and(|folder| folder.ends_with("User"));
        let (scope, side) = if of_user { (Scope::User, "User") } else { (Scope::Computer, "Machine") };
        let state = StateFile { sides: vec![state::export(&scope, &file, Some(&catalog))], ..StateFile::default() };
        fs::write(&text, state::render(&state, Notation::Yaml, &[])).unwrap();
        let _ = fs::remove_dir_all(&gpo);
        fs::create_dir_all(gpo.join(side)).unwrap();
        fs::write(gpo.join("gpt.ini"), "[General]\r\nVersion=0\r\n").unwrap();
        let plan = || {
            let wanted = desired::read(std::slice::from_ref(&text), &catalog, None)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            apply::plan(&Target::open(&gpo).unwrap(), &catalog, &wanted, false, &Directory::default())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let outcome = plan();
        for side in &outcome.sides {
            assert_eq!(registry(&side.after), registry(&file), "{}", path.display());
        }
        assert_eq!(outcome.sides.len(), usize::from(!file.is_empty()), "{}", path.display());
        outcome.plan.commit().unwrap();
        let again = plan();
        assert!(again.plan.is_empty(), "{}", path.display());
        assert!(again.sides.iter().all(|side| side.diff.policies.is_empty() && side.diff.records.is_empty()));
        applied += 1;
        records += file.len();
    }
    println!("{applied} policy files, {records} records");
    assert!(applied > 150, "{applied} policy files");
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
