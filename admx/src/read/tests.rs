use super::*;
use crate::sample::{catalog, catalogs, del, delvals, dword, file, find, named, policy, presentation, sz};
use crate::value::{EnumValue, ListEntry};
use polfile::{Record, Value};

fn read(catalog: &Catalog, records: &[Record]) -> Vec<String> {
    let file = file(records);
    let reading = catalog.read(Side::Computer, &file);
    let mut lines: Vec<String> = reading
        .policies
        .iter()
        .map(|p| {
            let mut line = format!("{} {}", p.policy.name, p.state);
            for e in &p.elements {
                line += &match (&e.value, &e.display) {
                    (Some(value), Some(display)) => format!(" {}={} {display:?}", e.element.id, shown(value)),
                    (Some(value), None) => format!(" {}={}", e.element.id, shown(value)),
                    (None, _) => format!(" {}-", e.element.id),
                };
            }
            if !p.misfits.is_empty() {
                line += &format!(" misfits {:?}", p.misfits);
            }
            line
        })
        .collect();
    if !reading.unexplained.is_empty() {
        lines.push(format!("unexplained {:?}", reading.unexplained));
    }
    lines
}

fn shown(value: &ElementValue) -> String {
    match value {
        ElementValue::Boolean(b) => b.to_string(),
        ElementValue::Decimal(n) | ElementValue::Enum(EnumValue::Number(n)) => n.to_string(),
        ElementValue::Text(t) | ElementValue::Enum(EnumValue::Text(t)) => format!("{t:?}"),
        ElementValue::Enum(EnumValue::Delete) => "deleted".to_owned(),
        ElementValue::MultiText(lines) => format!("{lines:?}"),
        ElementValue::List(entries) => {
            let entry = |e: &ListEntry| match &e.name {
                Some(name) => format!("{name}:{}", e.data),
                None => e.data.clone(),
            };
            format!("[{}]", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
        }
    }
}

const PAIR: &str =
    "<enabledValue><decimal value='1'/></enabledValue><disabledValue><decimal value='0'/></disabledValue>";

#[test]
fn a_value_pair_has_two_states_and_everything_else_is_mixed() {
    let c = catalog(&policy("valueName='V'", PAIR), "");
    assert_eq!(read(&c, &[dword("K", "V", 1)]), ["P enabled"]);
    assert_eq!(read(&c, &[dword("k", "v", 0)]), ["P disabled"]);
    assert_eq!(read(&c, &[]), [""; 0]);
    assert_eq!(read(&c, &[dword("K", "V", 2)]), ["P mixed misfits [0]"]);
    assert_eq!(read(&c, &[del("K", "V")]), ["P mixed misfits [0]"]);
    assert_eq!(read(&c, &[sz("K", "V", "1")]), ["P mixed misfits [0]"]);
    assert_eq!(read(&c, &[dword("K", "W", 1)]), ["unexplained [0]"]);
    // The last record wins, both are explained.
    assert_eq!(read(&c, &[dword("K", "V", 0), dword("K", "V", 1)]), ["P enabled"]);
}

#[test]
fn without_values_one_is_on_and_a_marker_of_its_own_is_off() {
    let c = catalog(&policy("valueName='V'", ""), "");
    assert_eq!(read(&c, &[dword("K", "V", 1)]), ["P enabled"]);
    assert_eq!(read(&c, &[del("K", "V")]), ["P disabled"]);
    assert_eq!(read(&c, &[delvals("K")]), ["unexplained [0]"]);
}

#[test]
fn the_default_value_of_a_key_is_a_value_like_any_other() {
    let c = catalog(&policy("valueName=''", PAIR), "");
    assert_eq!(read(&c, &[dword("K", "", 1)]), ["P enabled"]);
    assert_eq!(read(&c, &[Record::create_key("K").unwrap()]), ["unexplained [0]"]);
}

const ON_OFF: &str = "<enabledList><item valueName='A'><value><decimal value='1'/></value></item>\
    <item valueName='B'><value><string>x</string></value></item></enabledList>\
    <disabledList><item valueName='A'><value><decimal value='0'/></value></item>\
    <item valueName='B'><value><delete/></value></item></disabledList>";

#[test]
fn lists_match_whole_or_in_part() {
    let c = catalog(&policy("", ON_OFF), "");
    assert_eq!(read(&c, &[dword("K", "A", 1), sz("K", "B", "x")]), ["P enabled"]);
    assert_eq!(read(&c, &[dword("K", "A", 0), del("K", "B")]), ["P disabled"]);
    assert_eq!(read(&c, &[dword("K", "A", 1), del("K", "B")]), ["P enabled misfits [1]"]);
    assert_eq!(read(&c, &[dword("K", "A", 0)]), ["P disabled"]);
    assert_eq!(read(&c, &[dword("K", "A", 7), sz("K", "B", "y")]), ["P mixed misfits [0, 1]"]);
    // `**delvals.` deletes B, too, but does not stand for the marker.
    assert_eq!(read(&c, &[delvals("K"), dword("K", "A", 1)]), ["P enabled", "unexplained [0]"]);
}

#[test]
fn parts_that_others_explain_are_no_policy() {
    let whole = named("A", "valueName='A'", PAIR) + &named("B", "valueName='B'", "");
    let c = catalog(&(policy("", ON_OFF) + &whole), "");
    assert_eq!(read(&c, &[dword("K", "A", 1)]), ["A enabled"]);
    assert_eq!(read(&c, &[dword("K", "A", 1), sz("K", "B", "x")]), ["P enabled", "A enabled"]);
}

const BOXES: &str = "<elements><boolean id='a' valueName='A'/>\
    <boolean id='b' valueName='B'><trueValue><decimal value='5'/></trueValue><falseValue><decimal value='6'/></falseValue></boolean>\
    <text id='t' valueName='T'/></elements>";

fn boxes() -> String {
    presentation(
        "P",
        "<checkBox refId='a'>A</checkBox><checkBox refId='b'>B</checkBox><textBox refId='t'><label>T</label></textBox>",
    )
}

#[test]
fn elements_alone_decide_by_any_value() {
    let c = catalog(&policy("", BOXES), &boxes());
    assert_eq!(read(&c, &[sz("K", "T", "x")]), ["P enabled a- b- t=\"x\""]);
    assert_eq!(read(&c, &[sz("K", "T", ""), del("K", "A"), dword("K", "B", 6)]), ["P enabled a=false b=false t=\"\""]);
    assert_eq!(read(&c, &[dword("K", "A", 1), del("K", "T")]), ["P enabled a=true b- t-"]);
    assert_eq!(read(&c, &[del("K", "A"), del("K", "B"), del("K", "T")]), ["P disabled"]);
    // An unchecked box alone is Disabled, as in GPMC's report.
    assert_eq!(read(&c, &[dword("K", "B", 6)]), ["P disabled"]);
    assert_eq!(read(&c, &[delvals("K")]), ["P disabled"]);
    assert_eq!(read(&c, &[dword("K", "T", 1)]), ["P mixed a- b- t- misfits [0]"]);
    assert_eq!(read(&c, &[dword("K", "B", 9), sz("K", "T", "x")]), ["P mixed a- b- t=\"x\" misfits [0]"]);
}

#[test]
fn disabled_with_an_elements_value_besides_is_mixed() {
    let c = catalog(&policy("valueName='V'", &format!("{PAIR}{BOXES}")), &boxes());
    assert_eq!(read(&c, &[dword("K", "V", 0), del("K", "A"), dword("K", "B", 6), del("K", "T")]), ["P disabled"]);
    assert_eq!(read(&c, &[dword("K", "V", 0), sz("K", "T", "x")]), ["P mixed a- b- t=\"x\" misfits [1]"]);
    let two = policy("valueName='V'", &format!("{PAIR}{BOXES}"))
        + &named("Q", "", "<elements><text id='t' valueName='T'/></elements>");
    let c = catalog(&two, &(boxes() + &presentation("Q", "<textBox refId='t'><label>T</label></textBox>")));
    assert_eq!(read(&c, &[dword("K", "V", 0), sz("K", "T", "x")]), ["P disabled", "Q enabled t=\"x\""]);
}

fn choice(attributes: &str, values: &str) -> Catalog {
    let items = "<elements><enum id='e' valueName='E'><item displayName='One'><value><decimal value='1'/></value></item>\
        <item displayName='Two'><value><decimal value='2'/></value></item>\
        <item displayName='Zero'><value><decimal value='0'/></value></item></enum></elements>";
    let control = presentation("P", "<dropdownList refId='e'>E</dropdownList>");
    catalog(&policy(attributes, &format!("{values}{items}")), &control)
}

#[test]
fn an_element_on_the_policys_own_value_says_enabled() {
    let c = choice("valueName='E'", "");
    assert_eq!(read(&c, &[dword("K", "E", 2)]), ["P enabled e=2 \"Two\""]);
    assert_eq!(read(&c, &[dword("K", "E", 1)]), ["P enabled e=1 \"One\""]);
    assert_eq!(read(&c, &[del("K", "E")]), ["P disabled"]);
    assert_eq!(read(&c, &[dword("K", "E", 9)]), ["P mixed e=9 misfits [0]"]);
    let c = choice("valueName='E'", "<disabledValue><decimal value='0'/></disabledValue>");
    assert_eq!(read(&c, &[dword("K", "E", 0)]), ["P disabled"]);
    assert_eq!(read(&c, &[dword("K", "E", 2)]), ["P enabled e=2 \"Two\""]);
}

#[test]
fn an_item_is_its_value_and_its_whole_list() {
    let items = "<elements><enum id='e' valueName='E'>\
        <item displayName='First'><value><decimal value='1'/></value><valueList><item valueName='X'><value><decimal value='1'/></value></item></valueList></item>\
        <item displayName='Second'><value><decimal value='1'/></value><valueList><item valueName='X'><value><decimal value='2'/></value></item></valueList></item>\
        <item displayName='None'><value><delete/></value></item></enum></elements>";
    let c = catalog(&policy("valueName='V'", items), &presentation("P", "<dropdownList refId='e'>E</dropdownList>"));
    let on = dword("K", "V", 1);
    assert_eq!(read(&c, &[on.clone(), dword("K", "E", 1), dword("K", "X", 2)]), ["P enabled e=1 \"Second\""]);
    assert_eq!(
        read(&c, &[on.clone(), dword("K", "E", 1), dword("K", "X", 3)]),
        ["P enabled e=1 \"First\" misfits [2]"]
    );
    assert_eq!(read(&c, &[on.clone(), del("K", "E")]), ["P enabled e=deleted \"None\""]);
    assert_eq!(read(&c, &[on]), ["P enabled e-"]);
}

#[test]
fn numbers_and_lines_are_read_by_their_types() {
    let elements = "<elements><decimal id='d' valueName='D'/><decimal id='s' valueName='S' storeAsText='true'/>\
        <longDecimal id='l' valueName='L'/><multiText id='m' valueName='M'/></elements>";
    let controls = "<decimalTextBox refId='d'/><decimalTextBox refId='s'/><longDecimalTextBox refId='l'/><multiTextBox refId='m'/>";
    let c = catalog(&policy("", elements), &presentation("P", controls));
    let lines = |lines: &[&str]| Value::MultiSz(lines.iter().map(|l| (*l).into()).collect());
    let m = |value: &Value| Record::set("K", "M", value).unwrap();
    let l = Record::set("K", "L", &Value::Qword(1 << 40)).unwrap();
    let all = [dword("K", "D", 7), sz("K", "S", "08"), l, m(&lines(&["a", "", "b"]))];
    assert_eq!(read(&c, &all), [r#"P enabled d=7 s=8 l=1099511627776 m=["a", "", "b"]"#]);
    assert_eq!(read(&c, &[m(&lines(&[]))]), ["P enabled d- s- l- m=[]"]);
    assert_eq!(read(&c, &[sz("K", "S", "+8")]), ["P mixed d- s- l- m- misfits [0]"]);
    assert_eq!(read(&c, &[sz("K", "D", "8")]), ["P mixed d- s- l- m- misfits [0]"]);
}

fn list(attributes: &str, more: &str) -> Catalog {
    let element = format!("<elements><list id='l' key='L' {attributes}/></elements>");
    catalog(&(policy("", &element) + more), &presentation("P", "<listBox refId='l'>L</listBox>"))
}

#[test]
fn a_list_is_its_entries_or_the_marker_of_its_key() {
    let c = list("valuePrefix=''", "");
    assert_eq!(
        read(&c, &[delvals("L"), sz("L", "2", "b"), sz("L", "10", "c"), sz("L", "1", "a")]),
        ["P enabled l=[a b c]"]
    );
    assert_eq!(read(&c, &[delvals("L")]), ["P disabled"]);
    assert_eq!(read(&c, &[sz("L", "x", "a")]), ["unexplained [0]"]);
    assert_eq!(read(&list("valuePrefix='P'", ""), &[sz("L", "p1", "a")]), ["P enabled l=[a]"]);
    assert_eq!(read(&list("", ""), &[sz("L", "z", "z"), dword("L", "a", 5)]), ["P enabled l=[z 5]"]);
    assert_eq!(read(&list("explicitValue='true'", ""), &[sz("L", "n", "d")]), ["P enabled l=[n:d]"]);
    // Both together: the names are the user's.
    assert_eq!(read(&list("explicitValue='true' valuePrefix='x'", ""), &[sz("L", "n", "d")]), ["P enabled l=[n:d]"]);
}

#[test]
fn a_list_without_prefix_leaves_what_others_claim_by_name() {
    let other = "<policy name='Q' class='Machine' displayName='Q' key='L' valueName='explorer.exe'/>";
    let c = list("explicitValue='true'", other);
    assert_eq!(read(&c, &[dword("L", "explorer.exe", 1)]), ["Q enabled"]);
    let both = [dword("L", "explorer.exe", 1), sz("L", "x.exe", "1")];
    assert_eq!(read(&c, &both), ["P enabled l=[x.exe:1]", "Q enabled"]);
    // On the other side the policy does not exist, so nobody claims the name there.
    let user = other.replace("Machine", "User");
    assert_eq!(
        read(&list("explicitValue='true'", &user), &[dword("L", "explorer.exe", 1)]),
        ["P enabled l=[explorer.exe:1]"]
    );
}

#[test]
fn entries_alone_make_a_policy_enabled_that_has_a_value_of_its_own() {
    let element = "<elements><list id='l' key='L' valuePrefix=''/></elements>";
    let c = catalog(
        &policy("valueName='V'", &format!("{PAIR}{element}")),
        &presentation("P", "<listBox refId='l'>L</listBox>"),
    );
    assert_eq!(read(&c, &[sz("L", "1", "a")]), ["P enabled l=[a]"]);
    assert_eq!(read(&c, &[dword("K", "V", 7), sz("L", "1", "a")]), ["P mixed l=[a] misfits [0]"]);
    assert_eq!(read(&c, &[dword("K", "V", 1), delvals("L")]), ["P enabled l-"]);
}

#[test]
fn a_marker_for_the_whole_key_of_another_list_is_no_policy() {
    let swept = named("Q", "", "<elements><text id='t' key='L' valueName='T'/></elements>");
    let element = "<elements><list id='l' key='L' valuePrefix=''/></elements>";
    let controls = presentation("P", "<listBox refId='l'>L</listBox>")
        + &presentation("Q", "<textBox refId='t'><label>T</label></textBox>");
    let c = catalog(&(policy("", element) + &swept), &controls);
    assert_eq!(read(&c, &[delvals("L"), sz("L", "1", "a")]), ["P enabled l=[a]"]);
}

#[test]
fn directives_are_executed_in_order() {
    let c = catalog(&policy("", BOXES), &boxes());
    assert_eq!(read(&c, &[sz("K", "T", "x"), delvals("K")]), ["P disabled"]);
    let names = |name: &str| Record::set("K", name, &Value::from("T;A")).unwrap();
    assert_eq!(read(&c, &[sz("K", "T", "x"), names("**deletevalues")]), ["P disabled"]);
    assert_eq!(read(&c, &[sz("K", "**soft.T", "x")]), ["P enabled a- b- t=\"x\""]);
    assert_eq!(
        read(&c, &[sz("K", "T", "x"), Record::delete_keys("K", "K").unwrap()]),
        ["P enabled a- b- t=\"x\"", "unexplained [1]"]
    );
    assert_eq!(read(&c, &[sz(r"K\S", "T", "x"), sz("K", "**comment:GPO Name: x", "")]), ["unexplained [0, 1]"]);
}

#[test]
fn data_that_do_not_fit_their_type_are_a_misfit() {
    let c = catalog(&policy("valueName='V'", PAIR), "");
    let short = Record::new("K".into(), "V".into(), polfile::ValueType::DWORD, vec![1, 0]).unwrap();
    assert_eq!(read(&c, &[short]), ["P mixed misfits [0]"]);
}

#[test]
fn class_both_is_read_on_either_side_and_others_only_on_theirs() {
    let both = policy("valueName='V'", PAIR).replace("Machine", "Both");
    let user = named("U", "valueName='V'", PAIR).replace("Machine", "User");
    let c = catalog(&(both + &user), "");
    let file = file(&[dword("K", "V", 1)]);
    let names = |side| c.read(side, &file).policies.iter().map(|p| p.policy.name.clone()).collect::<String>();
    assert_eq!(names(Side::Computer), "P");
    assert_eq!(names(Side::User), "PU");
    assert_eq!(c.read_policy(find(&c, "U"), Side::Computer, &file).state, State::NotConfigured);
    assert_eq!(c.read_policy(find(&c, "U"), Side::User, &file).state, State::Enabled);
}

#[test]
fn a_record_may_belong_to_several_policies() {
    let c = catalogs(&[("A.admx", &policy("valueName='V'", PAIR), ""), ("B.admx", &policy("valueName='v'", PAIR), "")]);
    assert_eq!(read(&c, &[dword("K", "V", 1)]), ["P enabled", "P enabled"]);
}

/// admx.md 12.4: what the editor wrote for RA_Solicit, Disabled.
#[test]
fn disabled_as_the_editor_wrote_it_reads_as_disabled() {
    let elements = "<elements><enum id='c' valueName='fAllowFullControl'><item displayName='a'><value><decimal value='1'/></value></item></enum>\
        <decimal id='t' valueName='MaxTicketExpiry'/><boolean id='m' valueName='fUseMailto'/></elements>";
    let c = catalog(
        &policy("valueName='fAllowToGetHelp'", &format!("{PAIR}{elements}")),
        &presentation("P", "<dropdownList refId='c'/><decimalTextBox refId='t'/><checkBox refId='m'/>"),
    );
    let records = [
        dword("K", "fAllowToGetHelp", 0),
        del("K", "fAllowFullControl"),
        del("K", "MaxTicketExpiry"),
        del("K", "fUseMailto"),
    ];
    assert_eq!(read(&c, &records), ["P disabled"]);
}
