use std::path::Path;

use super::*;
use crate::Catalog;

#[test]
fn only_folders_with_names_of_cultures_are_languages() {
    let paths = ["s/en-US", "s/EN", "s/zh-Hans-CN", "s/Policies", "s/de-DE", "s/ADMX Migrator"].map(Path::new);
    assert_eq!(languages::culture_names(&paths), ["de-DE", "EN", "en-US", "zh-Hans-CN"]);
}

#[test]
fn revisions_compare_by_major_and_minor_number() {
    assert_eq!(fit_of("1.10", "1.9"), Fit::Newer);
    assert_eq!(fit_of("1.9", "1.10"), Fit::Older);
    assert_eq!(fit_of("2.0", "1.0"), Fit::Older);
    assert_eq!(fit_of("140.0.1", "1.0"), Fit::Same);
}

/// A store in a temporary folder.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Folder(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn load(&self, language: &str) -> Catalog {
        Catalog::load(&[self.path()], language).unwrap()
    }

    /// Findings as text, with paths from the folder on and `/` in them.
    fn findings(&self, catalog: &Catalog) -> Vec<String> {
        let short = |finding: &Finding| {
            let inside = finding.file.strip_prefix(self.0.path()).unwrap_or(&finding.file);
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            finding.to_string().replacen(&finding.file.display().to_string(), &parts.join("/"), 1)
        };
        catalog.findings().iter().map(short).collect()
    }
}

fn admx(name: &str, extra: &str, inner: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<policyDefinitions revision='1.0'>\n<policyNamespaces><target prefix='{name}' namespace='N.{name}'/>{extra}\
         </policyNamespaces>\n<resources minRequiredRevision='1.5' fallbackCulture='fr-FR'/>\n{inner}\n</policyDefinitions>\n"
    )
}

fn one_policy(name: &str, children: &str) -> String {
    format!(
        "<policies><policy name='{name}' class='User' displayName='$(string.{name})' key='K' valueName='V'>{children}</policy></policies>"
    )
}

fn adml(strings: &[(&str, &str)]) -> String {
    let strings: String = strings.iter().map(|(id, text)| format!("<string id='{id}'>{text}</string>")).collect();
    format!(
        "<policyDefinitionResources revision='1.5'><resources><stringTable>{strings}</stringTable></resources></policyDefinitionResources>"
    )
}

const NOTHING: [&str; 0] = [];

#[test]
fn texts_come_from_the_best_translation_there_is() {
    let text = admx("A", "", &one_policy("P", ""));
    let shown = |languages: &[&str], wanted: &str| {
        let mut files = vec![("A.admx".to_owned(), text.clone())];
        files.extend(languages.iter().map(|l| (format!("{l}/a.ADML"), adml(&[("P", l)]))));
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        let folder = Folder::new(&files);
        let catalog = folder.load(wanted);
        (catalog.policies()[0].display_name.clone(), folder.findings(&catalog))
    };
    let none = Vec::<String>::new();
    assert_eq!(shown(&["de-DE", "en-US", "fr-FR"], "de-de"), ("de-DE".to_owned(), none.clone()));
    assert_eq!(shown(&["de-AT", "en-US", "fr-FR"], "de-DE"), ("de-AT".to_owned(), none));
    let other = |l: &str| vec![format!("A.admx: ADMX020: no texts in de-DE; {l} is used")];
    assert_eq!(shown(&["en-US", "fr-FR", "ja-JP"], "de-DE"), ("fr-FR".to_owned(), other("fr-FR")));
    assert_eq!(shown(&["en", "en-us", "ja-JP"], "de-DE"), ("en-us".to_owned(), other("en-us")));
    assert_eq!(shown(&["en", "ja-JP"], "de-DE"), ("en".to_owned(), other("en")));
    assert_eq!(shown(&["ja-JP", "it-IT"], "de-DE"), ("it-IT".to_owned(), other("it-IT")));
    let missing = "A.admx: ADMX002: no ADML file for it in de-DE, en-US or any other language; ids are shown";
    assert_eq!(shown(&[], "de-DE"), ("P".to_owned(), vec![missing.to_owned()]));
}

#[test]
fn a_broken_translation_makes_way_for_the_next_one() {
    let folder = Folder::new(&[
        ("A.admx", &admx("A", "", &one_policy("P", ""))),
        ("de-DE/A.adml", "<policyDefinitionResources>"),
        ("en-US/A.adml", &adml(&[("P", "Text")])),
    ]);
    let catalog = folder.load("de-DE");
    assert_eq!(catalog.policies()[0].display_name, "Text");
    assert_eq!(
        folder.findings(&catalog),
        [
            "de-DE/A.adml:1:28: ADMX001: not well-formed XML: the root node was opened but never closed",
            "A.admx: ADMX020: no texts in de-DE; en-US is used",
        ]
    );
}

#[test]
fn what_is_no_template_is_a_finding_and_the_others_load() {
    let folder = Folder::new(&[
        ("a.admx", ""),
        ("b.admx", "\n<!DOCTYPE html><html><title>b at main</title></html>"),
        ("c.admx", "<policyDefinitions><policies></policyDefinitions>"),
        ("d.admx", "<other/>"),
        ("e.ADMX", &admx("E", "", &one_policy("P", ""))),
        ("en-US/e.adml", &adml(&[("P", "Text")])),
        ("en-US/f.adml", &adml(&[])),
        ("en-US/g.admx", "x"),
        ("h.adml", "x"),
        ("readme.txt", "x"),
    ]);
    let catalog = folder.load("en-US");
    assert_eq!((catalog.files(), catalog.policies().len()), (1, 1));
    assert_eq!(
        folder.findings(&catalog),
        [
            "a.admx: ADMX001: the file is empty",
            "b.admx:2:1: ADMX001: the file is a web page (\"b at main\"), not a template",
            "c.admx:1:30: ADMX001: not well-formed XML: expected 'policies' tag, not 'policyDefinitions'",
            "d.admx:1:1: ADMX001: the root element is `other`, not `policyDefinitions`",
            "h.adml: ADMX022: an ADML file belongs into the folder of its language; here nobody reads it",
            "en-US/f.adml: ADMX020: an ADML file without an ADMX file of this name",
            "en-US/g.admx: ADMX022: an ADMX file belongs above the language folders; here nobody reads it",
        ]
    );
}

#[test]
fn there_is_no_catalog_without_a_folder_or_a_template() {
    let folder = Folder::new(&[("readme.txt", "x")]);
    assert!(matches!(Catalog::load(&[folder.path()], "en-US"), Err(LoadError::NoTemplates { .. })));
    let missing = folder.path().join("missing");
    assert!(matches!(Catalog::load(&[missing], "en-US"), Err(LoadError::Folder { .. })));
}

#[test]
fn the_first_file_and_the_first_folder_provide_a_namespace() {
    let strings = adml(&[("P", "Text"), ("Q", "Text")]);
    let first = Folder::new(&[
        ("a.admx", &admx("A", "", &one_policy("P", ""))),
        ("B.admx", &admx("A", "", &one_policy("Q", ""))),
        ("en-US/a.adml", &strings),
        ("en-US/b.adml", &strings),
    ]);
    let catalog = first.load("en-US");
    assert_eq!(catalog.policies().iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["P"]);
    let found = first.findings(&catalog);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("B.admx:3:19: ADMX005: namespace N.A is already that of "), "{found:?}");

    let second = Folder::new(&[("a.admx", &admx("A", "", &one_policy("Q", ""))), ("b.admx", &admx("B", "", ""))]);
    let catalog = Catalog::load(&[second.path(), first.path()], "en-US").unwrap();
    assert_eq!(catalog.policies().iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["Q"]);
    assert_eq!(catalog.files(), 2);
    assert!(catalog.findings().iter().all(|f| f.code == "ADMX002"), "{:?}", catalog.findings());
}

#[test]
fn references_go_through_the_prefixes_of_their_own_file() {
    let categories = "<supportedOn><definitions><definition name='S' displayName='$(string.S)'/></definitions></supportedOn>\
        <categories><category name='C' displayName='$(string.C)'/></categories>";
    let uses = |children: &str| one_policy("P", children);
    let user = |name: &str, extra: &str, parent: &str, supported: &str| {
        admx(name, extra, &uses(&format!("<parentCategory ref='{parent}'/><supportedOn ref='{supported}'/>")))
    };
    let using = "<using prefix='x' namespace='N.Base'/>";
    let strings = adml(&[("P", "Text"), ("C", "Category"), ("S", "Supported")]);
    let folder = Folder::new(&[
        ("Base.admx", &admx("Base", "", categories)),
        ("declared.admx", &user("D", using, "x:C", "x:S")),
        ("undeclared.admx", &user("U", "", "Base:C", "base:S")),
        ("case.admx", &user("L", "<using prefix='X' namespace='n.base'/>", "x:c", "x:S")),
        ("dangling.admx", &user("G", "<using prefix='y' namespace='N.None'/>", "y:C", "S")),
        ("en-US/Base.adml", &strings),
        ("en-US/declared.adml", &strings),
        ("en-US/undeclared.adml", &strings),
        ("en-US/case.adml", &strings),
        ("en-US/dangling.adml", &strings),
    ]);
    let catalog = folder.load("en-US");
    for policy in catalog.policies() {
        let (path, supported) = (catalog.category_path(policy), catalog.supported_on(policy));
        if &*policy.namespace == "N.G" {
            assert_eq!((path.as_slice(), supported), (&["(unresolved)"][..], None));
        } else {
            assert_eq!((path.as_slice(), supported), (&["Category"][..], Some("Supported")), "{}", policy.id());
        }
    }
    let found: Vec<String> =
        folder.findings(&catalog).iter().map(|f| f.split_once(": ").unwrap().1.to_owned()).collect();
    assert_eq!(
        found,
        [
            "ADMX006: uses the namespace n.base, which is spelled N.Base",
            "ADMX007: category \"x:c\" is spelled \"C\" where it is defined",
            "ADMX006: uses the namespace N.None, which no loaded file has",
            "ADMX007: category \"y:C\" is not defined",
            "ADMX009: supportedOn definition \"S\" is not defined",
            "ADMX006: prefix \"Base\" is not declared here; read as N.Base, whose own it is",
            "ADMX006: prefix \"base\" is not declared here; read as N.Base, whose own it is",
        ]
    );
}

#[test]
fn categories_that_contain_themselves_end_somewhere() {
    let category = |name: &str, parent: &str| {
        format!("<category name='{name}' displayName='{name}'><parentCategory ref='{parent}'/></category>")
    };
    let inner = format!(
        "<categories>{}{}{}</categories>{}",
        category("A", "B"),
        category("B", "A"),
        category("C", "A"),
        one_policy("P", "<parentCategory ref='C'/>")
    );
    let folder = Folder::new(&[("a.admx", &admx("A", "", &inner)), ("en-US/a.adml", &adml(&[("P", "Text")]))]);
    let catalog = folder.load("en-US");
    assert_eq!(catalog.category_path(&catalog.policies()[0]), ["(unresolved)", "A", "C"]);
    assert_eq!(folder.findings(&catalog), ["a.admx:5:13: ADMX007: category \"A\" contains itself"]);
}

#[test]
fn what_is_off_the_schema_is_read_as_well_as_can_be_and_told() {
    let inner = "<policies>\n\
        <policy name='A' class='machine' displayName='literal' key='K\\' valuename='V' Area='x'/>\n\
        <policy name='B' class='Both' displayName='$( string.b )' explainText='$(string.nope)'><enabledValue><decimal value='-1'/></enabledValue>\
        <elements><text id='t' Key='T' valueName='T' value='x'/><list id='l' valueName='Probe'><list/></list></elements></policy>\n\
        <policy name='B' class='User' displayName='x' key='HKLM\\K'/>\n\
        <policy class='User' displayName='x' key='K'/> stray\n</policies>";
    let folder =
        Folder::new(&[("a.admx", &admx("A", "", inner)), ("en-US/a.adml", &adml(&[("B", "Text"), ("nopes", "")]))]);
    let catalog = folder.load("en-US");
    let [a, b] = catalog.policies() else { panic!("{:?}", catalog.policies()) };
    assert_eq!((a.display_name.as_str(), &*a.key, a.value_name.as_deref()), ("literal", "K", Some("V")));
    assert_eq!((b.display_name.as_str(), b.explain_text.as_deref()), ("Text", Some("nope")));
    assert_eq!((&*b.elements[0].key, &*b.elements[1].key), ("T", ""));
    assert_eq!(b.enabled_value, Some(crate::Literal::Decimal(u32::MAX)));
    assert_eq!(catalog.place(a), Some(crate::Place { line: 6, column: 1 }));
    let found: Vec<String> =
        folder.findings(&catalog).iter().map(|f| f.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(
        found,
        [
            "ADMX014: key \"K\\\" ends with a backslash; read without",
            "ADMX024: attribute `valuename` of `policy` is spelled `valueName` in the schema; read as that",
            "ADMX024: `policy` has no attribute `Area` in the schema; ignored",
            "ADMX013: policy \"B\" has no key, which the schema wants",
            "ADMX003: string \"b\" is spelled \"B\" in en-US/a.adml",
            "ADMX003: string \"nope\" is not in en-US/a.adml, which has 2 strings; nearest: \"nopes\"",
            "ADMX013: `decimal` is -1, but has no negative numbers; read as 4294967295",
            "ADMX024: attribute `Key` of `text` is spelled `key` in the schema; read as that",
            "ADMX024: `text` has no attribute `value` in the schema; ignored",
            "ADMX008: policy \"B\" is there twice; the first one counts",
            "ADMX014: the key begins with a hive; a policy file's keys are relative to HKLM or HKCU: \"HKLM\\K\"",
            "ADMX013: a `policy` has no attribute `name`; it is left out",
            "ADMX013: text between elements is ignored",
        ]
    );
}

#[test]
fn a_missing_presentation_and_an_old_translation_are_told() {
    let inner = "<policies><policy name='A' class='User' displayName='$(string.A)' key='K' presentation='$(presentation.A)'>\
        <elements><decimal id='d' valueName='D'/></elements></policy></policies>";
    let old = adml(&[("A", "Text")]).replace("1.5", "1.4");
    let folder = Folder::new(&[("a.admx", &admx("A", "", inner)), ("en-US/a.adml", &old)]);
    let catalog = folder.load("en-US");
    let element = &catalog.policies()[0].elements[0];
    assert_eq!((element.label.as_str(), &element.default), ("d", &None));
    let found: Vec<String> =
        folder.findings(&catalog).iter().map(|f| f.split_once(' ').unwrap().1.to_owned()).collect();
    assert!(found[0].starts_with("ADMX004: presentation \"A\" is not in en-US/a.adml"), "{found:?}");
    assert!(found[1].starts_with("ADMX010: revision 1.4, but "), "{found:?}");
}

#[test]
fn elements_have_the_defaults_of_the_schema_and_of_their_controls() {
    use crate::{Detail, ElementValue, EnumValue};
    let inner = "<policies><policy name='A' class='User' displayName='$(string.A)' key='K' presentation='$(presentation.A)'><elements>\
        <decimal id='d' valueName='D' minValue='30'/><longDecimal id='l' valueName='L'/><text id='t' valueName='T'/>\
        <multiText id='m' valueName='M'/><boolean id='b' valueName='B' required='true'/>\
        <enum id='e' valueName='E'><item displayName='x'><value><string>s</string></value></item></enum></elements></policy></policies>";
    let controls = "<decimalTextBox refId='d'/><longDecimalTextBox refId='l' defaultValue='7'/><textBox refId='T' defaultValue='dt'><label>TL</label></textBox>\
        <dropdownList refId='e' defaultItem='0'/>";
    let text = adml(&[("A", "Text")]).replace(
        "</resources>",
        &format!("<presentationTable><presentation id='A'>{controls}</presentation></presentationTable></resources>"),
    );
    let folder = Folder::new(&[("a.admx", &admx("A", "", inner)), ("en-US/a.adml", &text)]);
    let catalog = folder.load("en-US");
    assert_eq!(folder.findings(&catalog), NOTHING);
    let policy = &catalog.policies()[0];
    // In the order of the controls, those without one last.
    assert_eq!(policy.elements.iter().map(|e| e.id.as_str()).collect::<String>(), "dltemb");
    let default = |id: &str| policy.element(id).unwrap().default.clone();
    assert_eq!(default("d"), Some(ElementValue::Decimal(30)));
    assert_eq!(default("l"), Some(ElementValue::Decimal(7)));
    assert_eq!(default("t"), Some(ElementValue::Text("dt".into())));
    assert_eq!(default("m"), None);
    assert_eq!(default("b"), Some(ElementValue::Boolean(false)));
    assert_eq!(default("e"), Some(ElementValue::Enum(EnumValue::Text("s".into()))));
    assert_eq!(policy.element("t").unwrap().label, "TL");
    assert_eq!(policy.element("d").unwrap().detail, Detail::Decimal { min: 30, max: 9999, store_as_text: false });
    assert_eq!(policy.element("l").unwrap().detail, Detail::LongDecimal { min: 0, max: 9999, store_as_text: false });
    assert_eq!(policy.element("t").unwrap().detail, Detail::Text { max_length: 1023, expandable: false });
    assert_eq!(policy.element("m").unwrap().detail, Detail::MultiText { max_length: 1023, max_strings: 0 });
}

#[test]
fn a_utf16_template_whose_declaration_lies_loads() {
    let text = admx("A", "", &one_policy("P", "")).replace("version='1.0'", "version='1.0' encoding='unicode'");
    let folder = Folder::new(&[("en-US/a.adml", &adml(&[("P", "Größe")]))]);
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("a.admx"), utf16).unwrap();
    let catalog = folder.load("en-US");
    assert_eq!(folder.findings(&catalog), NOTHING);
    assert_eq!(catalog.policies()[0].display_name, "Größe");
}

/// A template with a few characters changed, doubled or gone.
fn damaged(text: &'static str) -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let pieces = vec![
        "<",
        ">",
        "&",
        "\"",
        "/>",
        " ",
        "$(string.)",
        "decimal",
        "-",
        "99999999999",
        "<list>",
        "policy",
        ":",
        "\u{FEFF}",
        "ref=''",
    ];
    let change = (0..text.len(), 0usize..12, prop::sample::select(pieces));
    prop::collection::vec(change, 0..5).prop_map(move |changes| {
        let mut text = text.to_owned();
        for (at, length, with) in changes {
            let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
            let (from, to) = (boundary(at), boundary(at + length));
            text.replace_range(from..to, with);
        }
        text
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 300,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x6c6f_6164),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn damaged_templates_never_stop_the_program(
        admx in damaged(include_str!("../../builtin/TerminalServer.admx")),
        adml in damaged(include_str!("../../builtin/en-US/TerminalServer.adml")),
    ) {
        let catalog = Catalog::resolved(vec![crate::builtin::parse_one("T.admx", &admx, &adml)], false, Vec::new(), "en-US");
        for policy in catalog.policies() {
            catalog.category_path(policy);
            for side in [crate::Side::Computer, crate::Side::User] {
                let _ = crate::write_set(policy, side, &crate::Wanted::Disabled);
                let _ = crate::write_set(policy, side, &crate::Wanted::Enabled(Vec::new()));
            }
        }
        let _ = (catalog.find(admx.lines().next_back().unwrap_or_default()), catalog.lint());
    }
}

/// A store in French, German and English, with one policy in one category.
fn trilingual() -> Folder {
    let inner = "<categories><category name='C' displayName='$(string.C)'/></categories>".to_owned()
        + &one_policy("P", "<parentCategory ref='C'/>");
    Folder::new(&[
        ("a.admx", &admx("A", "", &inner)),
        ("de-DE/a.adml", &adml(&[("P", "Anmeldung erlauben"), ("C", "Anmeldung")])),
        ("en-us/a.adml", &adml(&[("P", "Allow logon"), ("C", "Logon")])),
        ("fr-FR/a.adml", &adml(&[("P", "Autoriser l\u{2019}ouverture"), ("C", "Ouverture de session")])),
    ])
}

#[test]
fn names_and_paths_are_found_in_every_language_of_the_store() {
    let folder = trilingual();
    for language in ["de-DE", "en-US", "fr-FR", "it-IT"] {
        let catalog = folder.load(language);
        for query in [
            "Anmeldung erlauben",
            "Anmeldung > Anmeldung erlauben",
            r"Benutzerkonfiguration\Administrative Vorlagen\Anmeldung\Anmeldung erlauben",
            "allow logon",
            "name:Allow logon",
            "path:Logon > Allow logon",
            "User Configuration > Administrative Templates > Logon > Allow logon",
            "autoriser l'ouverture",
            r"Ouverture de session \ Autoriser l'ouverture",
        ] {
            let found = catalog.find(query).unwrap_or_else(|e| panic!("{language}: {e}"));
            // It is the catalog's own policy, with the texts of its language.
            assert!(std::ptr::eq(found.policy, &catalog.policies()[0]), "{language}: {query}");
            assert_eq!(found.side, Some(crate::Side::User));
        }
        for query in ["id:Allow logon", "reg:Allow logon", "Anmeldung > Allow logon", "Allow"] {
            assert!(catalog.find(query).is_err(), "{language}: {query}");
        }
        assert!(catalog.find_on("Allow logon", Some(crate::Side::Computer)).is_err());
        assert!(catalog.find_on("Anmeldung erlauben", Some(crate::Side::Computer)).is_err());
    }
    assert_eq!(folder.load("de-DE").policies()[0].display_name, "Anmeldung erlauben");
}

#[test]
fn the_language_asked_for_wins_then_english() {
    let inner = one_policy("P", "") + &one_policy("Q", "") + &one_policy("R", "");
    let folder = Folder::new(&[
        ("a.admx", &admx("A", "", &inner)),
        ("de-DE/a.adml", &adml(&[("P", "Start"), ("Q", "x"), ("R", "Halt")])),
        ("en-US/a.adml", &adml(&[("P", "y"), ("Q", "Start"), ("R", "Stop")])),
        ("sv-SE/a.adml", &adml(&[("P", "Stop"), ("Q", "z"), ("R", "Start")])),
    ]);
    let name = |language: &str, query: &str| folder.load(language).find(query).map(|found| found.policy.name.clone());
    assert_eq!(name("de-DE", "Start").as_deref(), Ok("P"));
    assert_eq!(name("en-US", "Start").as_deref(), Ok("Q"));
    assert_eq!(name("sv-SE", "Start").as_deref(), Ok("R"));
    assert_eq!(name("de-DE", "Stop").as_deref(), Ok("R"));
    assert_eq!(name("sv-SE", "Halt").as_deref(), Ok("R"));
}

#[test]
fn a_store_that_is_gone_has_no_other_names_and_stops_nobody() {
    let folder = trilingual();
    let german = folder.load("de-DE");
    drop(folder);
    assert!(german.find("Allow logon").is_err());
    assert!(german.find("Anmeldung erlauben").is_ok());
}

#[test]
fn a_category_that_has_lost_its_parent_is_found_at_the_top() {
    let inner = "<categories><category name='C' displayName='Contoso'><parentCategory ref='b:Top'/></category></categories>\
        <policies><policy name='P' class='Machine' displayName='Policy P' key='K' valueName='V'><parentCategory ref='C'/></policy></policies>";
    let folder = Folder::new(&[("a.admx", &admx("A", "<using prefix='b' namespace='B'/>", inner))]);
    let catalog = folder.load("en-US");
    let find = |path: &str| catalog.find(path).map(|found| found.policy.name.clone());
    assert_eq!(find("Computer Configuration > Administrative Templates > Contoso > Policy P"), Ok("P".to_owned()));
    assert!(find("Computer Configuration > Administrative Templates > Top > Policy P").is_err());
}

#[test]
fn a_policy_without_a_key_has_no_place_to_write_to() {
    let inner = "<policies><policy name='P' class='Machine' displayName='P' valueName='V'/></policies>";
    let folder = Folder::new(&[("a.admx", &admx("A", "", inner))]);
    let catalog = folder.load("en-US");
    let set = crate::write_set(&catalog.policies()[0], crate::Side::Computer, &crate::Wanted::Enabled(Vec::new()));
    assert_eq!(set.unwrap_err().to_string(), "N.A:P has no key in its template, so there is no place to write to");
}

#[test]
#[cfg_attr(windows, ignore = "Windows' file systems do not tell cases apart")]
fn two_folders_of_one_language_are_told() {
    let texts = adml(&[("P", "P")]);
    let folder = Folder::new(&[("a.admx", &admx("A", "", "")), ("en-US/a.adml", &texts), ("en-us/a.adml", &texts)]);
    let catalog = folder.load("en-US");
    let found: Vec<_> = catalog.findings().iter().map(|finding| (finding.code, finding.file.clone())).collect();
    assert_eq!(found, [("ADMX022", folder.path().join("en-us"))]);
}
