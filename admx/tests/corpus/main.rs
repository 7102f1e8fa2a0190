//! The crate on real templates. The corpus is not part of the project: `GPOL_CORPUS` says where it is, else
//! `../shared/corpus` beside the workspace is looked for. Without it these tests say so and pass.

mod draws;
mod languages;
mod roundtrip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use admx::{Catalog, Class, Condition};

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let path = std::env::var_os("GPOL_CORPUS").map_or(beside, PathBuf::from);
    let found = path.join("admx").is_dir();
    if !found {
        println!("skipped: no corpus at {}", path.display());
    }
    found.then_some(path)
}

fn windows_11(corpus: &Path) -> Catalog {
    let store = corpus.join("admx/mxk+windows-secure-group-policy/PolicyDefinitions");
    Catalog::load(&[store], "en-US").expect("the store has templates")
}

/// Folders that hold templates, and all their cultures.
fn stores(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<String>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            stores(&path, found);
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("admx")) {
            found.entry(folder.to_owned()).or_default();
        }
    }
    if let Some(cultures) = found.get_mut(folder) {
        let entries = std::fs::read_dir(folder).expect("was listed above").flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        cultures.extend(folders.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    }
}

#[test]
fn every_template_and_translation_loads_or_is_no_xml_for_roxmltree_either() {
    let Some(corpus) = corpus() else { return };
    let mut found = BTreeMap::new();
    stores(&corpus, &mut found);
    let mut loads = 0;
    for (folder, mut cultures) in found {
        cultures.push("en-US".to_owned());
        cultures.sort();
        cultures.dedup();
        for culture in cultures {
            let catalog = Catalog::load(std::slice::from_ref(&folder), &culture).expect("it has templates");
            loads += catalog.files();
            for finding in catalog.findings().iter().filter(|f| f.code == "ADMX001") {
                let bytes = std::fs::read(&finding.file).expect("it was read before");
                let text = String::from_utf8_lossy(&bytes);
                assert!(roxmltree::Document::parse(&text).is_err(), "{finding}");
            }
        }
    }
    assert!(loads > 1000, "{loads} templates loaded");
}

#[test]
fn the_windows_11_store_is_as_it_was_counted() {
    let Some(corpus) = corpus() else { return };
    let catalog = windows_11(&corpus);
    assert_eq!((catalog.files(), catalog.policies().len()), (228, 4730));
    let both = catalog.policies().iter().filter(|p| p.class == Class::Both).count();
    assert_eq!(both, 2224);
    assert!(catalog.findings().iter().all(|f| !["ADMX001", "ADMX002", "ADMX005", "ADMX008"].contains(&f.code)));
}

#[test]
fn the_built_in_catalogue_says_what_windows_own_templates_say() {
    let Some(corpus) = corpus() else { return };
    let (windows, builtin) = (windows_11(&corpus), Catalog::builtin());
    for own in builtin.policies() {
        let found = windows.find(&own.id()).unwrap_or_else(|e| panic!("{}: {e}", own.id()));
        let real = found.policy;
        assert_eq!((own.class, &own.display_name), (real.class, &real.display_name));
        assert_eq!((&own.key, &own.value_name), (&real.key, &real.value_name), "{}", own.name);
        assert_eq!((&own.enabled_value, &own.disabled_value), (&real.enabled_value, &real.disabled_value));
        assert_eq!((&own.enabled_list, &own.disabled_list), (&real.enabled_list, &real.disabled_list));
        assert_eq!(builtin.category_path(own), windows.category_path(real));
        assert_eq!(builtin.supported_on(own), windows.supported_on(real), "{}", own.name);
        assert_eq!(own.elements.len(), real.elements.len());
        for (own, real) in own.elements.iter().zip(&real.elements) {
            assert_eq!((&own.id, &own.label, &own.value_name), (&real.id, &real.label, &real.value_name));
            assert_eq!((&own.detail, &own.default, own.required), (&real.detail, &real.default, real.required));
        }
        let help = (own.explain_text.as_deref(), real.explain_text.as_deref());
        assert!(help.0.is_some_and(|text| Some(text) != help.1), "{} has a help text of its own", own.name);
    }
    // The whole category is there.
    let security = |c: &Catalog| {
        let path = ["Windows Components", "Remote Desktop Services", "Remote Desktop Session Host", "Security"];
        c.policies().iter().filter(|p| c.category_path(p) == path).count()
    };
    assert_eq!((security(&builtin), security(&windows)), (9, 9));
}

#[test]
fn supported_on_definitions_are_made_of_what_is_loaded() {
    let Some(corpus) = corpus() else { return };
    let catalog = windows_11(&corpus);
    let nla = catalog.find("TS_USER_AUTHENTICATION_POLICY").expect("it is there").policy;
    let detail = catalog.supported_on_detail(nla).expect("it names a definition");
    assert_eq!(Some(detail.entry.display_name.as_str()), catalog.supported_on(nla));
    let is_named = |condition: &Condition<'_>| !matches!(condition, Condition::Unresolved(_));
    assert!(!detail.conditions.is_empty() && detail.conditions.iter().all(is_named), "{detail:?}");
    let with = catalog.policies().iter().filter(|p| catalog.supported_on_detail(p).is_some()).count();
    let broken = catalog.findings().iter().filter(|finding| finding.code == "ADMX009").count();
    assert_eq!((with, broken), (4701, 22));
}
