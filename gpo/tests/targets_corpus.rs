//! Every GPO of the corpus is recognised as what it is; what there is was found by walking folders, without gpol.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gpo::target::{Kind, Opened, Target, open};

/// `GPOL_CORPUS`, else `../shared/corpus` beside the workspace, if it is there.
fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("GPOL_CORPUS").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn folders(folder: &Path, found: &mut Vec<(PathBuf, Vec<String>)>) {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the corpus") {
        let path = entry.expect("an entry").path();
        names.push(path.file_name().expect("a name").to_string_lossy().to_lowercase());
        if path.is_dir() {
            folders(&path, found);
        }
    }
    found.push((folder.to_path_buf(), names));
}

#[test]
fn backups_domain_gpos_and_local_gpos_are_recognised_as_such() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus, neither GPOL_CORPUS nor ../shared/corpus");
        return;
    };
    let mut all = Vec::new();
    folders(&corpus.join("gpo"), &mut all);
    let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
    let mut sets: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (path, names) in &all {
        let name = path.file_name().expect("a name").to_string_lossy().to_lowercase();
        let parent = path.parent().expect("a parent");
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        let kind = if has("bkupinfo.xml") {
            *sets.entry(parent.to_path_buf()).or_default() += 1;
            Kind::GpoBackup
        } else if name.starts_with('{') && has("gpt.ini") && parent.ends_with("Policies") {
            *sets.entry(parent.to_path_buf()).or_default() += 1;
            Kind::GpoSysvol
        } else if name == "grouppolicy" {
            Kind::GpoLocal
        } else {
            continue;
        };
        *expected.entry(kind.name()).or_default() += 1;
        let found = Target::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(found.kind, kind, "{}", path.display());
    }
    println!("{expected:?}");
    assert!(expected.values().sum::<usize>() > 200, "the corpus has more than 200 GPOs");
    let Ok(Opened::Several(set)) = open(&corpus.join("gpo")) else { panic!("many GPOs") };
    assert_eq!(set.gpos.len(), sets.values().sum::<usize>(), "all of them are found from above, however deep they lie");
    for (folder, count) in sets {
        match open(&folder) {
            Ok(Opened::One(only)) => assert_eq!(count, 1, "{}: {:?}", folder.display(), only.kind),
            Ok(Opened::Several(set)) => assert_eq!(set.gpos.len(), count, "{}", folder.display()),
            Err(error) => panic!("{}: {error}", folder.display()),
        }
    }
}
