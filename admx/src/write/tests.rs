use super::*;
use crate::catalog::Catalog;
use crate::sample::{catalog, del, delvals, dword, file, find, named, policy, presentation, sz, text};

fn inputs(texts: &[&str]) -> Wanted {
    Wanted::Enabled(texts.iter().map(|t| t.parse().unwrap()).collect())
}

fn written(catalog: &Catalog, wanted: &Wanted) -> Vec<String> {
    let set = write_set(find(catalog, "P"), Side::Computer, wanted).unwrap();
    text(set.records.iter().map(Record::as_ref))
}

fn refused(catalog: &Catalog, texts: &[&str]) -> String {
    write_set(find(catalog, "P"), Side::Computer, &inputs(texts)).unwrap_err().to_string()
}

const PAIR: &str =
    "<enabledValue><decimal value='1'/></enabledValue><disabledValue><decimal value='0'/></disabledValue>";

#[test]
fn own_values_are_written_or_implied() {
    let c = catalog(&policy("valueName='V'", PAIR), "");
    assert_eq!(written(&c, &inputs(&[])), ["K!V=1"]);
    assert_eq!(written(&c, &Wanted::Disabled), ["K!V=0"]);
    assert_eq!(written(&c, &Wanted::NotConfigured), [""; 0]);
    let c = catalog(&policy("valueName='V'", ""), "");
    assert_eq!(written(&c, &inputs(&[])), ["K!V=1"]);
    assert_eq!(written(&c, &Wanted::Disabled), ["K!**del.V"]);
    let c = catalog(&policy("valueName=''", "<disabledValue><longDecimal value='9'/></disabledValue>"), "");
    assert_eq!(written(&c, &Wanted::Disabled), ["K!=qword 9"]);
}

#[test]
fn lists_are_written_with_their_keys() {
    let lists = "<enabledList defaultKey='D'><item valueName='A'><value><decimal value='1'/></value></item>\
        <item key='X' valueName='B'><value><string>x</string></value></item></enabledList>\
        <disabledList><item valueName='A'><value><delete/></value></item></disabledList>";
    let c = catalog(&policy("", lists), "");
    assert_eq!(written(&c, &inputs(&[])), ["D!A=1", "X!B=\"x\""]);
    assert_eq!(written(&c, &Wanted::Disabled), ["K!**del.A"]);
}

#[test]
fn a_policy_that_can_store_nothing_says_so() {
    let c = catalog(&policy("", ""), "");
    let error = write_set(find(&c, "P"), Side::Computer, &Wanted::Disabled).unwrap_err();
    assert_eq!(error.to_string(), "Test.Test:P has nothing to write for disabled");
    assert!(write_set(find(&c, "P"), Side::Computer, &Wanted::NotConfigured).is_ok());
    let error = write_set(find(&c, "P"), Side::User, &Wanted::Disabled).unwrap_err();
    assert_eq!(error.to_string(), "Test.Test:P does not exist on the user side");
}

/// ADMX order b, a, t, m, e; the presentation has them the other way round.
fn elements() -> Catalog {
    let elements = "<elements><boolean id='b' valueName='B'/>\
        <boolean id='a' valueName='A'><trueValue><string>on</string></trueValue><falseValue><delete/></falseValue>\
        <trueList><item valueName='L'><value><decimal value='1'/></value></item></trueList>\
        <falseList><item valueName='L'><value><decimal value='0'/></value></item></falseList></boolean>\
        <text id='t' key='T' valueName='T' expandable='true' maxLength='5'/><multiText id='m' valueName='M' maxStrings='2'/>\
        <enum id='e' valueName='E' required='true'><item displayName='The One'><value><decimal value='1'/></value>\
        <valueList><item valueName='F'><value><delete/></value></item></valueList></item>\
        <item displayName='Text'><value><string>x</string></value></item></enum>\
        <decimal id='d' valueName='D' minValue='5' maxValue='300'/><decimal id='s' valueName='S' storeAsText='true'/></elements>";
    let controls = "<dropdownList refId='e'>Choose:</dropdownList><text>static</text><multiTextBox refId='m'>Lines</multiTextBox>\
        <textBox refId='t'><label>Text</label></textBox><checkBox refId='a' defaultChecked='true'>A</checkBox>\
        <checkBox refId='b'>B</checkBox><decimalTextBox refId='d'>D</decimalTextBox><decimalTextBox refId='s' defaultValue='9'>S</decimalTextBox>";
    catalog(&policy("", elements), &presentation("P", controls))
}

#[test]
fn elements_are_written_in_the_order_of_their_controls_with_their_defaults() {
    let c = elements();
    let set = write_set(find(&c, "P"), Side::Computer, &inputs(&["e=the one"])).unwrap();
    assert_eq!(
        text(set.records.iter().map(Record::as_ref)),
        ["K!E=1", "K!**del.F", "K!M=[]", "T!T=expand \"\"", "K!A=\"on\"", "K!L=1", "K!**del.B", "K!D=5", "K!S=\"9\""]
    );
    let defaults: Vec<_> = set.defaults.iter().map(|d| d.element.as_str()).collect();
    assert_eq!(defaults.concat(), "mtabds");
    assert_eq!(set.reads_as, State::Enabled);
    assert_eq!(set.records[2].as_ref().data.len(), 2, "an empty list of lines is one NUL");
    assert_eq!(set.records[3].as_ref().data.len(), 2, "an empty text is one NUL");
    let all = ["e=x", "m=a\nb", "t=t", "a=false", "b=TRUE", "d=0x10", "s=007"];
    assert_eq!(
        written(&c, &inputs(&all)),
        ["K!E=\"x\"", "K!M=[\"a\", \"b\"]", "T!T=expand \"t\"", "K!**del.A", "K!L=0", "K!B=1", "K!D=16", "K!S=\"7\""]
    );
    assert_eq!(
        written(&c, &Wanted::Disabled),
        ["K!**del.E", "K!**del.M", "T!**del.T", "K!**del.A", "K!L=0", "K!**del.B", "K!**del.D", "K!**del.S"]
    );
}

#[test]
fn inputs_go_by_id_or_label_and_are_checked() {
    let c = elements();
    assert_eq!(written(&c, &inputs(&["Choose=0x1"]))[0], "K!E=1");
    assert_eq!(written(&c, &inputs(&["E=1", "m[]=a", "m[]=b"]))[2], "K!M=[\"a\", \"b\"]");
    assert_eq!(refused(&c, &[]), "a value is needed for Choose: (e): 1 \"The One\", x \"Text\"");
    assert_eq!(refused(&c, &["e=3"]), "\"3\" is not possible for Choose: (e): 1 \"The One\", x \"Text\"");
    assert_eq!(refused(&c, &["e=1", "d=4"]), "\"4\" is not possible for D (d): a number from 5 to 300");
    assert_eq!(refused(&c, &["e=1", "d=-6"]), "\"-6\" is not possible for D (d): a number from 5 to 300");
    assert_eq!(refused(&c, &["e=1", "b=yes"]), "\"yes\" is not possible for B (b): true or false");
    assert_eq!(
        refused(&c, &["e=1", "t=123456"]),
        "\"123456\" is not possible for Text (t): text of at most 5 characters (it is too long)"
    );
    assert_eq!(
        refused(&c, &["e=1", "m=a\nb\nc"]),
        "\"a\\nb\\nc\" is not possible for Lines (m): at most 2 lines of at most 1023 characters (it has too many lines)"
    );
    assert_eq!(refused(&c, &["e=1", "x=1"]), "the policy has no element \"x\"");
    assert_eq!(refused(&c, &["e=1", "e=1"]), "e is given more than once");
    assert_eq!(
        refused(&c, &["e=1", "b[]=1"]),
        "\"1\" is not possible for B (b): true or false (it does not take several values)"
    );
    assert!("novalue".parse::<Input>().is_err());
    assert!("=1".parse::<Input>().is_err());
    assert!("a[b=1".parse::<Input>().is_err());
}

#[test]
fn values_of_a_reading_are_inputs_too() {
    let c = elements();
    let value = |element: &str, value| Input { element: element.into(), value: InputValue::Value(value) };
    let wanted = Wanted::Enabled(vec![
        value("e", ElementValue::Enum(crate::EnumValue::Number(1))),
        value("b", ElementValue::Boolean(true)),
        value("m", ElementValue::MultiText(vec!["x".into()])),
    ]);
    assert_eq!(written(&c, &wanted)[..4], ["K!E=1", "K!**del.F", "K!M=[\"x\"]", "T!T=expand \"\""]);
    let wrong = Wanted::Enabled(vec![value("e", ElementValue::Boolean(true))]);
    assert!(write_set(find(&c, "P"), Side::Computer, &wrong).is_err());
}

fn list(attributes: &str) -> Catalog {
    let element = format!("<elements><list id='l' key='L' {attributes}/></elements>");
    catalog(&policy("", &element), &presentation("P", "<listBox refId='l'>L</listBox>"))
}

#[test]
fn lists_name_their_entries_in_four_ways() {
    let two = inputs(&["l[]=javascript://*", "l[]=example.com"]);
    let c = list("valuePrefix=''");
    assert_eq!(written(&c, &two), ["L!**delvals.", "L!1=\"javascript://*\"", "L!2=\"example.com\""]);
    assert_eq!(written(&c, &Wanted::Disabled), ["L!**delvals."]);
    assert_eq!(written(&list("valuePrefix='P' expandable='1'"), &two)[1], "L!P1=expand \"javascript://*\"");
    assert_eq!(written(&list(""), &two)[2], "L!example.com=\"example.com\"");
    let named = inputs(&[r"l[\\*\SYSVOL]=RequireIntegrity=1"]);
    let c = list("explicitValue='true' additive='true'");
    assert_eq!(written(&c, &named), [r#"L!\\*\SYSVOL="RequireIntegrity=1""#]);
    assert_eq!(written(&c, &Wanted::Disabled), ["L!**delvals."]);
}

#[test]
fn entries_that_would_be_something_else_are_refused() {
    let reason = |c: &Catalog, texts: &[&str]| match write_set(find(c, "P"), Side::Computer, &inputs(texts)) {
        Err(InputError::Rejected { reason, .. }) => reason.unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&list(""), &["l[]=**del.x"]), "a name that starts with ** is an instruction to Windows");
    assert_eq!(reason(&list(""), &["l[]=x", "l[]=X"]), "it is there twice");
    assert_eq!(reason(&list(""), &["l[]="]), "an entry needs a name");
    assert_eq!(reason(&list("valuePrefix=''"), &["l[n]=x"]), "its entries have no names");
    assert_eq!(reason(&list("explicitValue='1'"), &["l[]=x"]), "its entries need names");
    assert_eq!(reason(&list("valuePrefix=''"), &["l=a\0b"]), "it holds a NUL character");
}

#[test]
fn an_empty_list_or_an_unchecked_box_alone_reads_as_disabled() {
    let set = |c: &Catalog| write_set(find(c, "P"), Side::Computer, &inputs(&[])).unwrap();
    assert_eq!(set(&list("valuePrefix=''")).reads_as, State::Disabled);
    let c = catalog(
        &policy("", "<elements><boolean id='b' valueName='B'/></elements>"),
        &presentation("P", "<checkBox refId='b'/>"),
    );
    assert_eq!(set(&c).reads_as, State::Disabled);
    assert!(matches!(
        write_set(find(&list("additive='1'"), "P"), Side::Computer, &inputs(&[])),
        Err(InputError::NothingToWrite { .. })
    ));
}

#[test]
fn a_value_that_policy_and_element_share_is_the_elements_when_enabled() {
    let items = "<elements><enum id='e' valueName='V'><item displayName='Two'><value><decimal value='2'/></value></item></enum></elements>";
    let control = presentation("P", "<dropdownList refId='e' defaultItem='0'>E</dropdownList>");
    let c = catalog(&policy("valueName='V'", items), &control);
    assert_eq!(written(&c, &inputs(&[])), ["K!V=2"]);
    assert_eq!(written(&c, &Wanted::Disabled), ["K!**del.V"]);
    let c = catalog(
        &policy("valueName='V'", &format!("<disabledValue><decimal value='1'/></disabledValue>{items}")),
        &control,
    );
    assert_eq!(written(&c, &Wanted::Disabled), ["K!V=1"]);
}

#[test]
fn a_soft_value_is_a_directive() {
    let c = catalog(
        &policy("", "<elements><text id='t' valueName='T' soft='true'/></elements>"),
        &presentation("P", "<textBox refId='t'><label/></textBox>"),
    );
    assert_eq!(written(&c, &inputs(&["t=x"])), ["K!**soft.T=\"x\""]);
    let mut f = file(&[]);
    let apply =
        |wanted: &Wanted, f: &mut PolicyFile| write_set(find(&c, "P"), Side::Computer, wanted).unwrap().apply(&c, f);
    assert!(apply(&inputs(&["t=x"]), &mut f));
    assert_eq!(c.read_policy(find(&c, "P"), Side::Computer, &f).state, State::Enabled);
    assert!(apply(&Wanted::Disabled, &mut f));
    assert_eq!(text(f.records()), ["K!**del.T"]);
    assert!(apply(&Wanted::NotConfigured, &mut f));
    assert!(f.is_empty());
}

fn apply(catalog: &Catalog, wanted: &Wanted, f: &mut PolicyFile) -> bool {
    write_set(find(catalog, "P"), Side::Computer, wanted).unwrap().apply(catalog, f)
}

#[test]
fn a_state_changes_the_bytes_it_must_and_no_others() {
    let catalog = Catalog::builtin();
    let policy = catalog.find("TS_USER_AUTHENTICATION_POLICY").unwrap().policy;
    let key = &*policy.key;
    let mut f = file(&[
        dword("A", "x", 1),
        dword(key, "UserAuthentication", 1),
        dword(key, "SecurityLayer", 2),
        sz("Z", "y", "z"),
    ]);
    let before = f.as_bytes().to_vec();
    let apply =
        |wanted: &Wanted, f: &mut PolicyFile| write_set(policy, Side::Computer, wanted).unwrap().apply(&catalog, f);
    assert!(!apply(&Wanted::Enabled(vec![]), &mut f));
    assert!(apply(&Wanted::Disabled, &mut f));
    let changed = before.iter().zip(f.as_bytes()).filter(|(a, b)| a != b).count();
    assert_eq!((changed, f.as_bytes().len()), (1, before.len()));
    assert!(!apply(&Wanted::Disabled, &mut f));
    assert!(apply(&Wanted::NotConfigured, &mut f));
    assert_eq!(f.len(), 3);
    assert!(!apply(&Wanted::NotConfigured, &mut f));
}

#[test]
fn entries_of_a_list_are_replaced_in_their_place() {
    let c = list("valuePrefix=''");
    let mut f = file(&[
        delvals("L"),
        sz("L", "1", "a"),
        sz("L", "2", "b"),
        sz("L", "3", "c"),
        sz("L", "Other", "o"),
        sz(r"L\M", "1", "x"),
    ]);
    assert!(apply(&c, &inputs(&["l[]=a", "l[]=B"]), &mut f));
    assert_eq!(text(f.records()), ["L!**delvals.", "L!1=\"a\"", "L!2=\"B\"", "L!Other=\"o\"", r#"L\M!1="x""#]);
    assert!(apply(&c, &Wanted::NotConfigured, &mut f));
    assert_eq!(text(f.records()), ["L!Other=\"o\"", r#"L\M!1="x""#]);
}

#[test]
fn a_list_without_prefix_leaves_the_values_of_others_in_a_shared_key() {
    let element = "<elements><list id='l'/></elements>";
    let c = catalog(
        &(policy("valueName='V'", element) + &named("Q", "valueName='W'", "")),
        &presentation("P", "<listBox refId='l'>L</listBox>"),
    );
    let mut f = file(&[dword("K", "V", 1), dword("K", "W", 1), sz("K", "old", "old"), del("K", "older")]);
    assert!(apply(&c, &inputs(&["l[]=new"]), &mut f));
    assert_eq!(text(f.records()), ["K!**delvals.", "K!V=1", "K!W=1", "K!new=\"new\""]);
    assert!(apply(&c, &Wanted::NotConfigured, &mut f));
    assert_eq!(text(f.records()), ["K!W=1"]);
}

/// admx.md 12.3, as far as that does not need the file itself.
#[test]
fn the_worked_example_of_a_choice_with_lists() {
    let children = "<enabledValue><decimal value='1'/></enabledValue><disabledValue><decimal value='0'/></disabledValue><elements>\
        <enum id='ProxyType' valueName='ProxyType'><item displayName='Autodetect'><value><decimal value='3'/></value><valueList>\
        <item valueName='AutodetectProxy'><value><decimal value='1'/></value></item><item valueName='UseProxy'><value><delete/></value></item></valueList></item>\
        <item displayName='Custom'><value><decimal value='2'/></value><valueList><item valueName='UseProxy'><value><decimal value='1'/></value></item>\
        <item valueName='AutodetectProxy'><value><delete/></value></item></valueList></item></enum>\
        <text id='ProxyAddress' valueName='ProxyAddress'/><decimal id='ProxyPort' valueName='ProxyPort' minValue='1' maxValue='65535'/>\
        <boolean id='BypassProxyLocal' valueName='BypassProxyLocal'><trueValue><decimal value='1'/></trueValue><falseValue><decimal value='0'/></falseValue></boolean>\
        <text id='Exclude' valueName='ExludeFromProxy'/></elements>";
    let controls = "<dropdownList refId='ProxyType'/><textBox refId='ProxyAddress'><label/></textBox><decimalTextBox refId='ProxyPort' defaultValue='80'/>\
        <checkBox refId='BypassProxyLocal'/><textBox refId='Exclude'><label/></textBox>";
    let c = catalog(&policy("valueName='ProxyPolicy'", children), &presentation("P", controls));
    assert_eq!(
        written(
            &c,
            &inputs(&["ProxyType=Custom", "ProxyAddress=p.example", "ProxyPort=8080", "BypassProxyLocal=true"])
        ),
        [
            "K!ProxyPolicy=1",
            "K!ProxyType=2",
            "K!UseProxy=1",
            "K!**del.AutodetectProxy",
            "K!ProxyAddress=\"p.example\"",
            "K!ProxyPort=8080",
            "K!BypassProxyLocal=1",
            "K!ExludeFromProxy=\"\""
        ]
    );
    assert_eq!(
        written(&c, &Wanted::Disabled),
        [
            "K!ProxyPolicy=0",
            "K!**del.ProxyType",
            "K!**del.ProxyAddress",
            "K!**del.ProxyPort",
            "K!BypassProxyLocal=0",
            "K!**del.ExludeFromProxy"
        ]
    );
    // From one item to the other, and off: nothing of the lists stays behind.
    let mut f = file(&[]);
    apply(&c, &inputs(&["ProxyType=Autodetect"]), &mut f);
    apply(&c, &inputs(&["ProxyType=Custom"]), &mut f);
    let reading = c.read_policy(find(&c, "P"), Side::Computer, &f);
    assert_eq!(reading.elements[0].display.as_deref(), Some("Custom"));
    assert_eq!(reading.misfits, [0usize; 0]);
    apply(&c, &Wanted::NotConfigured, &mut f);
    assert!(f.is_empty());
}

#[test]
fn client_extensions_are_named_once() {
    let c = catalog(
        &policy(
            "valueName='V' clientExtension='{A}'",
            "<elements><text id='t' valueName='T' clientExtension='{a}'/><text id='u' valueName='U' clientExtension='{B}'/></elements>",
        ),
        &presentation("P", "<textBox refId='t'><label/></textBox><textBox refId='u'><label/></textBox>"),
    );
    let set = write_set(find(&c, "P"), Side::Computer, &Wanted::Disabled).unwrap();
    assert_eq!(set.client_extensions, ["{A}", "{B}"]);
}
