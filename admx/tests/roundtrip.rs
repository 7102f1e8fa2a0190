//! A state written into a policy file is the state read back, and nothing else in the file changes.
//!
//! The templates are hand-made and have every kind of element, every form of value and list, and a shared list key.

use std::sync::LazyLock;

use admx::{
    Catalog, Detail, Element, ElementValue, EnumValue, Input, InputValue, ListEntry, Policy, Side, State, Wanted,
    write_set,
};
use polfile::{PolicyFile, Record, Value};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const ADMX: &str = r#"<policyDefinitions revision="1.0" schemaVersion="1.0">
<policyNamespaces><target prefix="t" namespace="Round.Trip"/></policyNamespaces>
<policies>
<policy name="Pair" class="Both" displayName="Pair" key="Software\Policies\A" valueName="Pair">
  <enabledValue><decimal value="1"/></enabledValue><disabledValue><string>off</string></disabledValue></policy>
<policy name="Implied" class="Both" displayName="Implied" key="Software\Policies\A" valueName="Implied"/>
<policy name="Default" class="Both" displayName="Default" key="Software\Policies\A\Default" valueName=""/>
<policy name="Lists" class="Both" displayName="Lists" key="Software\Policies\A">
  <enabledList defaultKey="Software\Policies\B"><item valueName="L1"><value><decimal value="1"/></value></item>
    <item key="Software\Policies\A" valueName="L2"><value><delete/></value></item></enabledList>
  <disabledList><item valueName="L2"><value><longDecimal value="5000000000"/></value></item></disabledList></policy>
<policy name="Elements" class="Both" displayName="Elements" key="Software\Policies\A" presentation="$(presentation.Elements)">
  <elements>
    <boolean id="plain" valueName="Plain"/>
    <boolean id="pair" valueName="BoolPair"><trueValue><string>yes</string></trueValue><falseValue><string>no</string></falseValue></boolean>
    <boolean id="listed" valueName="Listed"><trueValue><decimal value="2"/></trueValue><falseValue><delete/></falseValue>
      <trueList><item valueName="X"><value><decimal value="1"/></value></item></trueList>
      <falseList><item valueName="X"><value><decimal value="0"/></value></item></falseList></boolean>
    <decimal id="number" valueName="Number" maxValue="4294967295"/>
    <decimal id="digits" key="Software\Policies\B" valueName="Digits" storeAsText="true" maxValue="4294967295"/>
    <longDecimal id="long" valueName="Long" maxValue="18446744073709551615"/>
    <text id="text" valueName="Text"/>
    <text id="expand" valueName="Expand" expandable="true"/>
    <multiText id="lines" valueName="Lines"/>
    <enum id="choice" valueName="Choice"><item displayName="One"><value><decimal value="1"/></value></item>
      <item displayName="Two"><value><string>two</string></value><valueList><item valueName="C"><value><decimal value="2"/></value></item></valueList></item>
      <item displayName="Three"><value><longDecimal value="3"/></value><valueList><item valueName="C"><value><delete/></value></item></valueList></item></enum>
  </elements></policy>
<policy name="Shared" class="Both" displayName="Shared" key="Software\Policies\A" valueName="Shared" presentation="$(presentation.Shared)">
  <elements><decimal id="shared" valueName="Shared" maxValue="100"/></elements></policy>
<policy name="Numbered" class="Both" displayName="Numbered" key="Software\Policies\L" presentation="$(presentation.Numbered)">
  <elements><list id="numbered" valuePrefix="N" expandable="true"/></elements></policy>
<policy name="Unprefixed" class="Both" displayName="Unprefixed" key="Software\Policies\L" valueName="Unprefixed" presentation="$(presentation.Unprefixed)">
  <elements><list id="plainlist" key="Software\Policies\M"/></elements></policy>
<policy name="Explicit" class="Both" displayName="Explicit" key="Software\Policies\E" valueName="Explicit" presentation="$(presentation.Explicit)">
  <elements><list id="explicit" explicitValue="true" additive="true"/></elements></policy>
</policies></policyDefinitions>"#;

const ADML: &str = r#"<policyDefinitionResources revision="1.0" schemaVersion="1.0"><resources><presentationTable>
<presentation id="Elements"><multiTextBox refId="lines">lines</multiTextBox><checkBox refId="plain">plain</checkBox>
  <checkBox refId="pair">pair</checkBox><checkBox refId="listed">listed</checkBox><decimalTextBox refId="number">number</decimalTextBox>
  <decimalTextBox refId="digits">digits</decimalTextBox><longDecimalTextBox refId="long">long</longDecimalTextBox>
  <textBox refId="text"><label>text</label></textBox><comboBox refId="expand"><label>expand</label></comboBox>
  <dropdownList refId="choice" defaultItem="0">choice</dropdownList></presentation>
<presentation id="Shared"><decimalTextBox refId="shared">shared</decimalTextBox></presentation>
<presentation id="Numbered"><listBox refId="numbered">numbered</listBox></presentation>
<presentation id="Unprefixed"><listBox refId="plainlist">plainlist</listBox></presentation>
<presentation id="Explicit"><listBox refId="explicit">explicit</listBox></presentation>
</presentationTable></resources></policyDefinitionResources>"#;

static CATALOG: LazyLock<Catalog> = LazyLock::new(load);

fn load() -> Catalog {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(dir.path().join("en-US")).expect("a folder in it");
    std::fs::write(dir.path().join("Trip.admx"), ADMX).expect("a file in it");
    std::fs::write(dir.path().join("en-US/Trip.adml"), ADML).expect("a file in that");
    let catalog = Catalog::load(&[dir.path().to_owned()], "en-US").expect("the store loads");
    assert_eq!(catalog.findings(), []);
    catalog
}

/// Text as users enter it, and as they should not: separators, stars, other scripts, blanks.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[a-z%]{1,6}",
        Just(String::new()),
        Just("ünïcödé \u{1F600}".to_owned()),
        Just("x;]\u{0}".replace('\0', "") + "[;"),
    ]
}

fn entry_name() -> impl Strategy<Value = String> {
    words().prop_filter("a name a list takes", |name| !name.is_empty() && !name.starts_with("**"))
}

/// A value for an element.
fn value(element: &Element) -> BoxedStrategy<ElementValue> {
    match &element.detail {
        Detail::Boolean { .. } => any::<bool>().prop_map(ElementValue::Boolean).boxed(),
        Detail::Decimal { min, max, .. } => (u64::from(*min)..=u64::from(*max)).prop_map(ElementValue::Decimal).boxed(),
        Detail::LongDecimal { min, max, .. } => (*min..=*max).prop_map(ElementValue::Decimal).boxed(),
        Detail::Text { .. } => words().prop_map(ElementValue::Text).boxed(),
        // A line at the end that is empty can't be told from the end of the list.
        Detail::MultiText { .. } => prop::collection::vec(words(), 0..4)
            .prop_map(|mut lines| {
                while lines.last().is_some_and(String::is_empty) {
                    lines.pop();
                }
                ElementValue::MultiText(lines)
            })
            .boxed(),
        Detail::Enum { items } => {
            let values: Vec<EnumValue> = items.iter().map(|item| (&item.value).into()).collect();
            prop::sample::select(values).prop_map(ElementValue::Enum).boxed()
        }
        Detail::List { prefix, explicit, .. } => {
            let (explicit, prefixed) = (*explicit, prefix.is_some());
            let names = prop::collection::btree_map(entry_name().prop_map(|n| n.to_lowercase()), words(), 1..5);
            names
                .prop_map(move |names| {
                    let entry = |(name, data): (String, String)| match (explicit, prefixed) {
                        (true, _) => ListEntry { name: Some(name), data },
                        (false, true) => ListEntry { name: None, data },
                        (false, false) => ListEntry { name: None, data: name },
                    };
                    ElementValue::List(names.into_iter().map(entry).collect())
                })
                .boxed()
        }
    }
}

/// A state with all inputs.
fn wanted(policy: &Policy) -> BoxedStrategy<Wanted> {
    let ids: Vec<String> = policy.elements.iter().map(|e| e.id.clone()).collect();
    let values: Vec<BoxedStrategy<ElementValue>> = policy.elements.iter().map(value).collect();
    let enabled = values.prop_map(move |values| {
        let inputs = ids.iter().zip(values);
        Wanted::Enabled(
            inputs.map(|(id, value)| Input { element: id.clone(), value: InputValue::Value(value) }).collect(),
        )
    });
    prop_oneof![3 => enabled, 1 => Just(Wanted::Disabled), 1 => Just(Wanted::NotConfigured)].boxed()
}

/// Several changes, each to one of the policies.
fn changes(catalog: &Catalog) -> impl Strategy<Value = Vec<(usize, Wanted)>> {
    let each: Vec<BoxedStrategy<(usize, Wanted)>> = catalog
        .policies()
        .iter()
        .enumerate()
        .map(|(index, policy)| wanted(policy).prop_map(move |wanted| (index, wanted)).boxed())
        .collect();
    prop::collection::vec(prop::strategy::Union::new(each), 1..6)
}

/// Records of nobody, in the keys of the policies and elsewhere.
fn strangers() -> PolicyFile {
    let records = [
        Record::set("Software\\Policies\\A", "Stranger", &Value::Dword(1)),
        Record::delete_value("Software\\Policies\\A", "Gone"),
        Record::set("Software\\Policies\\L", "N", &Value::from("not numbered")),
        Record::set("Software\\Policies\\M\\Below", "x", &Value::from("y")),
        Record::set("Software\\Other", "Shared", &Value::Dword(3)),
    ];
    let records: Vec<Record> = records.into_iter().map(|r| r.expect("no NUL in it")).collect();
    records.iter().map(Record::as_ref).collect()
}

/// The records of `file` that are also in `of`, as bytes.
fn kept(file: &PolicyFile, of: &PolicyFile) -> Vec<Vec<u8>> {
    let bytes = |file: &PolicyFile, range: std::ops::Range<usize>| file.as_bytes()[range].to_vec();
    let known: Vec<Vec<u8>> = of.records().map(|r| bytes(of, r.span())).collect();
    file.records().map(|r| bytes(file, r.span())).filter(|r| known.contains(r)).collect()
}

/// Entries that have names are values of a key, which has no order; those that stay, stay where they are.
fn in_order(element: &Element, value: &ElementValue) -> ElementValue {
    let mut value = value.clone();
    if let (Detail::List { prefix: None, .. }, ElementValue::List(entries)) = (&element.detail, &mut value) {
        entries.sort_by(|a, b| (&a.name, &a.data).cmp(&(&b.name, &b.data)));
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(0x6761_646d),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_last_state_of_each_policy_is_read_back_and_strangers_stay(changes in changes(&CATALOG)) {
        let catalog: &Catalog = &CATALOG;
        let before = strangers();
        let mut file = strangers();
        let mut last: Vec<Option<&Wanted>> = vec![None; catalog.policies().len()];
        for (index, wanted) in &changes {
            let set = write_set(&catalog.policies()[*index], Side::User, wanted).expect("the inputs fit");
            set.apply(catalog, &mut file);
            let once = file.as_bytes().to_vec();
            prop_assert!(!set.apply(catalog, &mut file), "a second time changes something");
            prop_assert_eq!(&once, file.as_bytes());
            last[*index] = Some(wanted);
        }
        prop_assert_eq!(kept(&file, &before), kept(&before, &before));
        for (policy, wanted) in catalog.policies().iter().zip(&last) {
            let reading = catalog.read_policy(policy, Side::User, &file);
            match wanted {
                None | Some(Wanted::NotConfigured) => prop_assert_eq!(reading.state, State::NotConfigured, "{}", &policy.name),
                Some(Wanted::Disabled) => prop_assert_eq!(reading.state, State::Disabled, "{}", &policy.name),
                Some(Wanted::Enabled(inputs)) => {
                    prop_assert_eq!(reading.state, State::Enabled, "{}", &policy.name);
                    prop_assert_eq!(reading.misfits, Vec::<usize>::new());
                    for (element, input) in reading.elements.iter().zip(inputs) {
                        let InputValue::Value(expected) = &input.value else { unreachable!("made above") };
                        let (expected, found) = (in_order(element.element, expected), element.value.as_ref());
                        let found = found.map(|value| in_order(element.element, value));
                        prop_assert_eq!(found, Some(expected), "{}", &element.element.id);
                    }
                }
            }
        }
        // All off again: the strangers are what is left, byte for byte.
        for policy in catalog.policies() {
            write_set(policy, Side::User, &Wanted::NotConfigured).expect("the side exists").apply(catalog, &mut file);
        }
        prop_assert_eq!(file.as_bytes(), before.as_bytes());
    }
}
