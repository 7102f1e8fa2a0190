//! State files over real policy: they give back every byte, and applied to nothing they come to the same registry.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use admx::{Catalog, Side};
use gpo::apply::{self, Outcome};
use gpo::bookkeeping::Directory;
use gpo::desired;
use gpo::exchange::lgpo::Scope;
use gpo::exchange::state::{self, Notation, StateFile};
use gpo::source::{Options, read};
use gpo::target::{Opened, Target, open};
use polfile::{PolicyFile, Registry};

use super::{corpus, files, policy_files};

/// Windows 11's templates.
fn catalog(corpus: &Path) -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| {
        let store = corpus.join("admx/mxk+windows-secure-group-policy/PolicyDefinitions");
        Catalog::load(&[store], "en-US").expect("the store loads")
    })
}

#[test]
fn all_notations_give_back_every_byte() {
    let Some(corpus) = corpus() else { return };
    for (path, file) in policy_files(&corpus) {
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
    let catalog = catalog(&corpus);
    let (mut policies, mut configured) = (0, 0);
    for (path, file) in policy_files(&corpus) {
        let of_user = path.parent().is_some_and(|folder| folder.ends_with("User"));
        let (scope, side) = if of_user { (Scope::User, Side::User) } else { (Scope::Computer, Side::Computer) };
        let state = StateFile { sides: vec![state::export(&scope, &file, Some(catalog))], ..StateFile::default() };
        policies += state.sides[0].policies.len();
        configured += catalog.read(side, &file).policies.len();
        let text = state::render(&state, Notation::Yaml, &[]);
        let again =
            state::parse(&text, Notation::Yaml).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()));
        let again =
            state::resolve(&again, Some(catalog)).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()));
        assert_eq!(again[0].file.as_bytes(), file.as_bytes(), "{}", path.display());
        // Put into an empty local GPO, one by one as an edit puts them, they come to the same registry. A value of which
        // a file speaks several times has no one place; its last word counts. Made-up files (lgpo/) set and delete by turns.
        if file.repeated().is_empty() && !path.iter().any(|folder| folder == "lgpo") {
            let mut empty = PolicyFile::new();
            let records: Vec<_> = again[0].file.records().map(|record| record.to_record()).collect();
            empty.put_all(&records);
            assert_eq!(registry(&empty), registry(&file), "{}", path.display());
        }
    }
    assert!(policies > configured / 2, "{policies} of {configured}");
}

/// The policy of every GPO of the corpus and of every other policy file, by scope; none that is the same as another.
fn policies(corpus: &Path) -> Vec<(PathBuf, Vec<(Scope, PolicyFile)>)> {
    let mut all = Vec::new();
    let Ok(Opened::Several(set)) = open(&corpus.join("gpo")) else { panic!("the corpus has many GPOs") };
    let locals = files(&corpus.join("gpo"), |path| path.ends_with("gpt.ini") && path.parent().is_some_and(is_local));
    let locals = locals.iter().filter_map(|ini| ini.parent().map(Path::to_path_buf));
    for path in set.gpos.into_iter().map(|gpo| gpo.path).chain(locals) {
        // What cannot be read is another test's business.
        let Ok(source) = read(&path, Options::default()) else { continue };
        all.push((path, source.parts.into_iter().filter_map(|part| Some((part.scope?, part.file))).collect()));
    }
    for (path, file) in policy_files(corpus) {
        let of_user = path.parent().is_some_and(|folder| folder.ends_with("User"));
        all.push((path, vec![(if of_user { Scope::User } else { Scope::Computer }, file)]));
    }
    let mut seen = HashSet::new();
    all.retain(|(_, sides): &(PathBuf, Vec<(Scope, PolicyFile)>)| {
        seen.insert(sides.iter().map(|(scope, file)| (scope.word(), file.as_bytes().to_vec())).collect::<Vec<_>>())
    });
    all
}

fn is_local(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.eq_ignore_ascii_case("GroupPolicy"))
}

#[test]
fn the_state_file_of_any_gpo_applied_to_nothing_gives_the_same_registry_and_once_is_enough() {
    let Some(corpus) = corpus() else { return };
    let catalog = catalog(&corpus);
    let dir = tempfile::tempdir().unwrap();
    let (gpo, text) = (dir.path().join("GPO"), dir.path().join("wanted.yaml"));
    let (mut of_both, mut applied, mut records) = (0, 0, 0);
    for (path, sides) in policies(&corpus) {
        let exported = sides.iter().map(|(scope, file)| state::export(scope, file, Some(catalog))).collect();
        let state = StateFile { sides: exported, ..StateFile::default() };
        fs::write(&text, state::render(&state, Notation::Yaml, &[])).unwrap();
        let _ = fs::remove_dir_all(&gpo);
        fs::create_dir_all(gpo.join("Machine")).unwrap();
        fs::create_dir_all(gpo.join("User")).unwrap();
        fs::write(gpo.join("gpt.ini"), "[General]\r\nVersion=0\r\n").unwrap();
        let plan = || -> Outcome {
            let wanted = desired::read(std::slice::from_ref(&text), catalog, None)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            apply::plan(&Target::open(&gpo).unwrap(), catalog, &wanted, false, &Directory::default())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let outcome = plan();
        let wanted: Vec<_> = sides.iter().filter(|(_, file)| !file.is_empty()).collect();
        assert_eq!(outcome.sides.len(), wanted.len(), "{}", path.display());
        outcome.plan.commit().unwrap();
        // As the files on disk have it, not as the plan has.
        let target = Target::open(&gpo).unwrap();
        for (scope, file) in &wanted {
            let of_side = |side: &&gpo::target::SideFile| side.scope.as_ref().is_some_and(|s| Scope::from(s) == *scope);
            let written = fs::read(&target.sides.iter().find(of_side).unwrap().file.path).unwrap();
            assert_eq!(registry(&PolicyFile::parse(&written).unwrap()), registry(file), "{}", path.display());
        }
        let again = plan();
        assert!(again.plan.is_empty(), "{}", path.display());
        assert!(again.sides.iter().all(|side| side.diff.policies.is_empty() && side.diff.records.is_empty()));
        (of_both, applied) = (of_both + usize::from(wanted.len() == 2), applied + 1);
        records += sides.iter().map(|(_, file)| file.len()).sum::<usize>();
    }
    println!("{applied} policies, {of_both} of them of both sides, {records} records");
    assert!(applied > 250 && of_both > 10, "{applied}, {of_both}");
}
