use std::collections::BTreeSet;

use super::*;
use crate::Catalog;

#[test]
fn a_finding_reads_like_a_compiler_message() {
    let finding = Finding::new(Code::STRING, Path::new("a.admx"), "m".into());
    assert_eq!(finding.to_string(), "a.admx: ADMX003: m");
    let finding = finding.place(Some(Place { line: 3, column: 9 }));
    assert_eq!(finding.to_string(), "a.admx:3:9: ADMX003: m");
    assert!(Severity::Error > Severity::Note);
}

/// A template and its translation, with nothing wrong.
const ADMX: &str = r#"<policyDefinitions revision="1.0" schemaVersion="1.0">
<policyNamespaces><target prefix="a" namespace="N.A"/><using prefix="b" namespace="N.B"/></policyNamespaces>
<resources minRequiredRevision="1.0"/>
<supportedOn><products><product name="W" displayName="$(string.C)"><majorVersion name="W1" displayName="$(string.C)" versionIndex="1"/></product></products>
<definitions><definition name="S" displayName="$(string.C)"><or><reference ref="W1"/><range ref="W" minVersionIndex="1"/></or></definition></definitions></supportedOn>
<categories><category name="C" displayName="$(string.C)"><parentCategory ref="b:Top"/></category></categories>
<policies><policy name="P" class="Machine" displayName="$(string.P)" key="Software\Policies\A" valueName="V" presentation="$(presentation.P)">
<parentCategory ref="C"/><supportedOn ref="S"/>
<enabledValue><decimal value="1"/></enabledValue><disabledValue><decimal value="0"/></disabledValue>
<elements><decimal id="D" valueName="D" minValue="1" maxValue="9"/><enum id="E" valueName="E">
<item displayName="$(string.C)"><value><decimal value="1"/></value></item><item displayName="$(string.P)"><value><decimal value="2"/></value></item>
</enum></elements></policy></policies></policyDefinitions>"#;
const ADML: &str = r#"<policyDefinitionResources revision="1.0" schemaVersion="1.0"><resources><stringTable>
<string id="P">Policy</string><string id="C">Category</string></stringTable><presentationTable><presentation id="P">
<decimalTextBox refId="D" defaultValue="5">D</decimalTextBox><dropdownList refId="E">E</dropdownList></presentation></presentationTable></resources></policyDefinitionResources>"#;
const OTHER: &str = r#"<policyDefinitions revision="1.0" schemaVersion="1.0"><policyNamespaces><target prefix="b" namespace="N.B"/></policyNamespaces>
<resources minRequiredRevision="1.0"/><categories><category name="Top" displayName="$(string.Top)"/></categories></policyDefinitions>"#;
const OTHER_ADML: &str = r#"<policyDefinitionResources revision="1.0" schemaVersion="1.0"><resources><stringTable>
<string id="Top">Top</string></stringTable></resources></policyDefinitionResources>"#;

/// What is said of the store above after a change: a text in the template or its translation replaced, or a file more.
fn said(change: (&str, &str, &str)) -> BTreeSet<(&'static str, Severity)> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("en-US")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let (file, from, to) = change;
    let third = OTHER.replace("N.B", "N.C");
    let files = [
        ("a.admx", ADMX),
        ("en-US/a.adml", ADML),
        ("b.admx", OTHER),
        ("en-US/b.adml", OTHER_ADML),
        ("c.admx", &third),
        ("en-US/c.adml", OTHER_ADML),
    ];
    for (name, text) in files {
        assert!(name != file || text.contains(from), "{from} is not in {name}");
        write(name, &if name == file { text.replacen(from, to, 1) } else { text.to_owned() });
    }
    if !files.iter().any(|(name, _)| *name == file) {
        write(file, to);
    }
    let catalog = Catalog::load(&[dir.path().to_owned()], "en-US").unwrap();
    let found = catalog.findings().iter().cloned().chain(catalog.lint());
    found.map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn nothing_is_said_of_a_store_that_is_right() {
    assert_eq!(said(("a.admx", "", "")), BTreeSet::new());
    // Microsoft's own files have hyphens in ids.
    assert_eq!(
        said(("en-US/a.adml", "</stringTable>", "<string id=\"a-b_c1\">x</string></stringTable>")),
        BTreeSet::new()
    );
}

/// Each a change to a store of which nothing is said, and the one thing that is said then.
const CHANGES: &[(Code, Severity, (&str, &str, &str))] = &[
    (Code::UNREADABLE, Severity::Error, ("x.admx", "", "<policyDefinitions>")),
    (
        Code::NO_TRANSLATION,
        Severity::Error,
        (
            "x.admx",
            "",
            "<policyDefinitions><policyNamespaces><target prefix='x' namespace='X'/></policyNamespaces></policyDefinitions>",
        ),
    ),
    (Code::STRING, Severity::Error, ("a.admx", "displayName=\"$(string.P)\"", "displayName=\"$(string.Q)\"")),
    (Code::STRING, Severity::Warning, ("a.admx", "displayName=\"$(string.P)\"", "displayName=\"$(string.p)\"")),
    (Code::PRESENTATION, Severity::Error, ("a.admx", "$(presentation.P)", "$(presentation.Q)")),
    (Code::PRESENTATION, Severity::Warning, ("a.admx", "$(presentation.P)", "$(presentation.p)")),
    (Code::NAMESPACE_TWICE, Severity::Error, ("c.admx", "N.C", "N.A")),
    (
        Code::NAMESPACE,
        Severity::Note,
        ("a.admx", "</policyNamespaces>", "<using prefix=\"x\" namespace=\"N.X\"/></policyNamespaces>"),
    ),
    (Code::NAMESPACE, Severity::Error, ("a.admx", "namespace=\"N.B\"", "namespace=\"N.X\"")),
    (Code::NAMESPACE, Severity::Warning, ("a.admx", "<using prefix=\"b\" namespace=\"N.B\"/>", "")),
    (Code::CATEGORY, Severity::Error, ("a.admx", "parentCategory ref=\"C\"", "parentCategory ref=\"D\"")),
    (Code::CATEGORY, Severity::Error, ("a.admx", "ref=\"b:Top\"", "ref=\"C\"")),
    (Code::CATEGORY, Severity::Warning, ("a.admx", "parentCategory ref=\"C\"", "parentCategory ref=\"c\"")),
    (
        Code::TWICE,
        Severity::Error,
        ("a.admx", "</categories>", "<category name=\"C\" displayName=\"$(string.C)\"/></categories>"),
    ),
    (Code::TWICE, Severity::Error, ("en-US/a.adml", "</stringTable>", "<string id=\"P\">Again</string></stringTable>")),
    (
        Code::TWICE,
        Severity::Error,
        ("en-US/a.adml", "</stringTable>", "<string id=\"P\">Policy</string></stringTable>"),
    ),
    (
        Code::TWICE,
        Severity::Error,
        ("a.admx", "</definitions>", "<definition name=\"S\" displayName=\"$(string.P)\"/></definitions>"),
    ),
    (
        Code::TWICE,
        Severity::Error,
        ("a.admx", "</products>", "<product name=\"W\" displayName=\"$(string.C)\"/></products>"),
    ),
    (Code::SUPPORTED_ON, Severity::Warning, ("a.admx", "supportedOn ref=\"S\"", "supportedOn ref=\"T\"")),
    (Code::SUPPORTED_ON, Severity::Warning, ("a.admx", "reference ref=\"W1\"", "reference ref=\"W2\"")),
    (Code::SUPPORTED_ON, Severity::Warning, ("a.admx", "reference ref=\"W1\"", "reference ref=\"S\"")),
    (Code::SUPPORTED_ON, Severity::Warning, ("a.admx", "range ref=\"W\"", "range ref=\"w\"")),
    (
        Code::OTHER_TRANSLATION,
        Severity::Error,
        ("a.admx", "minRequiredRevision=\"1.0\"", "minRequiredRevision=\"1.1\""),
    ),
    (Code::OTHER_TRANSLATION, Severity::Note, ("en-US/a.adml", "revision=\"1.0\"", "revision=\"1.10\"")),
    (
        Code::NO_EFFECT,
        Severity::Warning,
        (
            "a.admx",
            "</policies>",
            "<policy name=\"Q\" class=\"User\" displayName=\"Q\" key=\"Software\\Policies\\Q\"/></policies>",
        ),
    ),
    (Code::CONTROL, Severity::Warning, ("en-US/a.adml", "<dropdownList refId=\"E\">E</dropdownList>", "")),
    (
        Code::CONTROL,
        Severity::Warning,
        ("en-US/a.adml", "</presentation>", "<checkBox refId=\"X\">X</checkBox></presentation>"),
    ),
    (Code::MALFORMED, Severity::Error, ("a.admx", "class=\"Machine\"", "class=\"Computer\"")),
    (Code::MALFORMED, Severity::Error, ("a.admx", "versionIndex=\"1\"", "versionIndex=\"one\"")),
    (Code::MALFORMED, Severity::Warning, ("a.admx", "</policy>", "stray</policy>")),
    (Code::KEY, Severity::Warning, ("a.admx", "key=\"Software\\Policies\\A\"", "key=\"Software\\Policies\\A\\\"")),
    (
        Code::ITEMS,
        Severity::Warning,
        ("a.admx", "<value><decimal value=\"2\"/></value>", "<value><decimal value=\"1\"/></value>"),
    ),
    (Code::LIMITS, Severity::Warning, ("a.admx", "minValue=\"1\" maxValue=\"9\"", "minValue=\"9\" maxValue=\"1\"")),
    (Code::LIMITS, Severity::Warning, ("en-US/a.adml", "defaultValue=\"5\"", "defaultValue=\"50\"")),
    (
        Code::SAME_STATES,
        Severity::Warning,
        ("a.admx", "<disabledValue><decimal value=\"0\"/>", "<disabledValue><decimal value=\"1\"/>"),
    ),
    (
        Code::SHARED_VALUE,
        Severity::Note,
        (
            "a.admx",
            "</policies>",
            "<policy name=\"Q\" class=\"Both\" displayName=\"Q\" key=\"Software\\Policies\\A\" valueName=\"v\"/></policies>",
        ),
    ),
    (Code::TATTOO, Severity::Warning, ("a.admx", "key=\"Software\\Policies\\A\"", "key=\"Software\\A\"")),
    (Code::LANGUAGE, Severity::Note, ("en-US/x.adml", "", OTHER_ADML)),
    (Code::MISPLACED, Severity::Warning, ("x.adml", "", OTHER_ADML)),
    (Code::OFF_SCHEMA, Severity::Note, ("a.admx", "class=\"Machine\"", "class=\"Machine\" area=\"x\"")),
    (Code::OFF_SCHEMA, Severity::Warning, ("a.admx", "valueName=\"V\"", "valuename=\"V\"")),
    (Code::OFF_SCHEMA, Severity::Error, ("en-US/a.adml", ">Policy<", ">The <b>policy</b><")),
    (Code::MALFORMED, Severity::Error, ("a.admx", "revision=\"1.0\"", "revision=\"1.04.0000\"")),
    (Code::MALFORMED, Severity::Error, ("en-US/a.adml", "revision=\"1.0\"", "revision=\"1\"")),
    (
        Code::MALFORMED,
        Severity::Error,
        ("en-US/a.adml", "</stringTable>", "<string id=\"a b\">x</string></stringTable>"),
    ),
    (
        Code::MALFORMED,
        Severity::Error,
        ("en-US/a.adml", "</stringTable>", "<string id=\"  a\">x</string></stringTable>"),
    ),
    (
        Code::CONTROL,
        Severity::Warning,
        ("en-US/a.adml", "<dropdownList", "<decimalTextBox refId=\"D\">again</decimalTextBox><dropdownList"),
    ),
];

/// What cannot but be said besides: who leads into a namespace that nobody has leads nowhere.
fn besides(code: &Code, severity: &Severity) -> Option<(&'static str, Severity)> {
    (*code == Code::NAMESPACE && *severity == Severity::Error).then_some((Code::CATEGORY.id, Severity::Error))
}

#[test]
fn each_kind_is_said_of_what_is_wrong_and_of_nothing_else() {
    for (code, severity, change) in CHANGES {
        let expected = BTreeSet::from_iter([(code.id, *severity)].into_iter().chain(besides(code, severity)));
        assert_eq!(said(*change), expected, "{change:?}");
        assert!(code.severities.contains(severity), "{}", code.id);
    }
    let tested = |code: &Code, severity: &Severity| CHANGES.iter().any(|(c, s, _)| c == code && s == severity);
    for code in Code::ALL {
        assert!(code.severities.iter().all(|severity| tested(code, severity)), "{} is not tested", code.id);
    }
}
