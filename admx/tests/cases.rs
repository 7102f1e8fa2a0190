//! Templates on which gpol was wrong lie beside the corpus, each with a `.txt` that says what is right: what Windows' editor does.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests as well

use std::path::{Path, PathBuf};

use admx::{Catalog, InputError, Severity, Side, Wanted, write_set};

fn cases() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("GPOL_CORPUS").map_or(beside, PathBuf::from);
    let folder = corpus.with_file_name("cases").join("admx");
    let found = folder.is_dir();
    if !found {
        println!("skipped: no cases at {}", folder.display());
    }
    found.then_some(folder)
}

/// Code, severity, file and line of all that is said of a store.
fn said(catalog: &Catalog, lint: bool) -> Vec<(&'static str, Severity, String, usize)> {
    let lint = if lint { catalog.lint() } else { Vec::new() };
    let all = catalog.findings().iter().cloned().chain(lint).filter(|finding| finding.code != "ADMX019");
    all.map(|finding| {
        let name = finding.file.file_name().unwrap().to_string_lossy().into_owned();
        (finding.code, finding.severity, name, finding.place.map_or(0, |place| place.line as usize))
    })
    .collect()
}

#[test]
fn what_the_editor_refuses_is_an_error_and_what_it_takes_is_none() {
    let Some(folder) = cases() else { return };
    let mut seen = 0;
    for (case, lint, code, severity, file, line) in [
        ("adml-markup-in-string", false, "ADMX024", Severity::Error, "t.adml", 9),
        ("adml-newer-than-required", false, "ADMX010", Severity::Note, "t.adml", 0),
        ("adml-older-than-required", false, "ADMX010", Severity::Error, "t.adml", 0),
        ("adml-same-string-twice", false, "ADMX008", Severity::Error, "t.adml", 10),
        ("adml-string-id-begins-with-blanks", false, "ADMX013", Severity::Error, "t.adml", 10),
        ("adml-two-controls-one-element", true, "ADMX012", Severity::Warning, "t.admx", 11),
        ("admx-duplicate-definition", false, "ADMX008", Severity::Error, "t.admx", 8),
        ("admx-policy-without-key", false, "ADMX013", Severity::Error, "t.admx", 11),
        ("admx-revision-three-parts", false, "ADMX013", Severity::Error, "t.admx", 2),
        ("admx-string-id-with-space", false, "ADMX013", Severity::Error, "t.adml", 10),
        ("admx-unused-namespace", false, "ADMX006", Severity::Note, "t.admx", 5),
        ("language-folder-twice", false, "ADMX022", Severity::Warning, "en-us", 0),
    ] {
        let store = folder.join(case);
        if !store.is_dir() {
            continue;
        }
        seen += 1;
        let catalog = Catalog::load(&[store], "en-US").unwrap();
        let found = said(&catalog, lint);
        assert!(found.contains(&(code, severity, file.to_owned(), line)), "{case}: {found:?}");
        let worst = found.iter().map(|(_, severity, ..)| *severity).max();
        assert_eq!(worst, Some(severity), "{case}: {found:?}");
    }
    assert!(seen > 0, "none of the known cases is in {}", folder.display());
}

#[test]
fn text_with_markup_is_kept_whole() {
    let Some(folder) = cases() else { return };
    let catalog = Catalog::load(&[folder.join("adml-markup-in-string")], "en-US").unwrap();
    let policy = catalog.find("P").unwrap().policy;
    assert_eq!(policy.explain_text.as_deref(), Some("Keys are <plugin>name</plugin> ids, <url/> too"));
}

#[test]
fn a_category_without_its_parent_is_found_where_the_editor_shows_it() {
    let Some(folder) = cases() else { return };
    let catalog = Catalog::load(&[folder.join("admx-parent-in-missing-namespace")], "en-US").unwrap();
    for path in ["Computer Configuration > Administrative Templates > Contoso > Policy P", "Contoso > Policy P"] {
        assert_eq!(catalog.find(path).unwrap().policy.name, "P", "{path}");
    }
    assert!(catalog.find("Computer Configuration > Administrative Templates > Other > Policy P").is_err());
}

#[test]
fn a_policy_without_a_key_is_not_written() {
    let Some(folder) = cases() else { return };
    let catalog = Catalog::load(&[folder.join("admx-policy-without-key")], "en-US").unwrap();
    let policy = catalog.find("P").unwrap().policy;
    for wanted in [Wanted::Enabled(Vec::new()), Wanted::Disabled] {
        let refused = write_set(policy, Side::Computer, &wanted);
        assert!(matches!(refused, Err(InputError::NoKey { .. })), "{refused:?}");
    }
}
