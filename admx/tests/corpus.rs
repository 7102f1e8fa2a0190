//! The crate on real templates. The corpus is not part of the project: `GPOL_CORPUS` says where it is, else
//! `../shared/corpus` beside the workspace is looked for. Without it these tests say so and pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use admx::{
    Catalog, Class, Detail, Element, ElementState, ElementValue, EnumValue, Input, InputError, InputValue, ListEntry,
    Policy, Side, State, Wanted, write_set,
};
use polfile::PolicyFile;

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

/// An input that no default gives, for as many elements as there is one.
fn some_value(element: &Element) -> Option<ElementValue> {
    let entry = |name: Option<&str>, data: &str| ListEntry { name: name.map(str::to_owned), data: data.to_owned() };
    Some(match &element.detail {
        Detail::Boolean { .. } => ElementValue::Boolean(true),
        Detail::Decimal { max, .. } => ElementValue::Decimal(u64::from(*max)),
        Detail::LongDecimal { max, .. } => ElementValue::Decimal(*max),
        Detail::Text { .. } => ElementValue::Text("x".to_owned()),
        Detail::MultiText { .. } => ElementValue::MultiText(vec!["a".to_owned()]),
        Detail::Enum { items } => ElementValue::Enum(EnumValue::from(&items.last()?.value)),
        Detail::List { explicit: true, .. } => {
            ElementValue::List(vec![entry(Some("gpol one"), "1"), entry(Some("gpol two"), "2")])
        }
        Detail::List { .. } => ElementValue::List(vec![entry(None, "gpol one"), entry(None, "gpol two")]),
    })
}

/// What is wrong with a round trip, if anything.
fn round_trip(
    catalog: &Catalog,
    policy: &Policy,
    side: Side,
    wanted: &Wanted,
    values: &[Option<ElementValue>],
) -> Option<String> {
    let set = match write_set(policy, side, wanted) {
        Ok(set) => set,
        Err(InputError::NothingToWrite { .. }) => return None,
        Err(error) => return Some(error.to_string()),
    };
    let mut file = PolicyFile::new();
    if !set.apply(catalog, &mut file) {
        return Some("nothing was written".to_owned());
    }
    if set.apply(catalog, &mut file) {
        return Some("the second time changes something".to_owned());
    }
    let reading = catalog.read_policy(policy, side, &file);
    let expected = if *wanted == Wanted::Disabled { State::Disabled } else { State::Enabled };
    if reading.state != expected || reading.state != set.reads_as || !reading.misfits.is_empty() {
        return Some(format!(
            "{} for {expected}, {} alone, misfits {:?}",
            reading.state, set.reads_as, reading.misfits
        ));
    }
    for (element, value) in reading.elements.iter().zip(values) {
        if element.state != ElementState::Enabled || element.value != *value {
            return Some(format!("{} is {:?}, not {value:?}", element.element.id, element.value));
        }
    }
    let unset = write_set(policy, side, &Wanted::NotConfigured).expect("the side exists");
    unset.apply(catalog, &mut file);
    (!file.is_empty()).then(|| format!("{} records stay", file.len()))
}

#[test]
fn every_policy_of_windows_11_reads_back_as_it_is_written() {
    let Some(corpus) = corpus() else { return };
    let catalog = windows_11(&corpus);
    let (mut wrong, mut ambiguous) = (Vec::new(), Vec::new());
    for policy in catalog.policies() {
        let values: Vec<Option<ElementValue>> = policy.elements.iter().map(some_value).collect();
        let inputs = policy.elements.iter().zip(&values).filter_map(|(element, value)| {
            Some(Input { element: element.id.clone(), value: InputValue::Value(value.clone()?) })
        });
        let enabled = Wanted::Enabled(inputs.collect());
        for side in [Side::Computer, Side::User].into_iter().filter(|&side| policy.class.has(side)) {
            for (wanted, values) in [(&enabled, values.as_slice()), (&Wanted::Disabled, &[])] {
                // An item that writes the policy's own off-value is Disabled to every reader, and the write set says so.
                let reads_as = write_set(policy, side, wanted).map(|set| set.reads_as);
                if wanted == &enabled && reads_as == Ok(State::Disabled) {
                    ambiguous.push(policy.name.as_str());
                } else if let Some(what) = round_trip(&catalog, policy, side, wanted, values) {
                    wrong.push(format!("{} {side}: {what}", policy.name));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(
        ambiguous,
        [
            "LimitEnhancedDiagnosticDataWindowsAnalytics",
            "ConfigureTelemetryOptInSettingsUx",
            "ConfigureTelemetryOptInChangeNotification"
        ]
    );
}
