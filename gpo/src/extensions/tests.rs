use super::*;

const AUDIT: &str = "[{F3CCC681-B74C-4060-9F26-CD84525DCA2A}{0F3F3735-573D-9804-99E4-AB2A69BA5FD4}]";
const ZERO: &str = "[{00000000-0000-0000-0000-000000000000}{BEE07A6A-EC9F-4659-B8C9-0B1937907C83}]";
const FIREWALL: &str = "{B05566AC-FE9C-4368-BE01-7A4CBB6CBA11}";
const EFS: &str = "{53D6AB1B-2488-11D1-A28C-00C04FB94F17}";
const OURS: &str = "{D02B1F72-3407-48AE-BA88-E8213C6761F1}";
const OLD: &str = "{0F6B957D-509E-11D1-A7CC-0000F87571E3}";
const LGPO: &str = "{DF3DC19F-F72C-4030-940E-4C2A65A6B612}";

fn registry(tools: &[&str]) -> String {
    format!("[{REGISTRY}{}]", tools.concat())
}

fn added(before: &str) -> String {
    let mut list = ExtensionList::parse(before).unwrap();
    let changed = list.add(REGISTRY, registry_tool(Side::Computer), &registry_tools(Side::Computer));
    let after = list.to_string();
    assert_eq!(changed, before != after, "{before}");
    assert!(list.reaches(REGISTRY), "{after}");
    // A second time there is nothing to do.
    assert!(!list.add(REGISTRY, registry_tool(Side::Computer), &registry_tools(Side::Computer)));
    after
}

#[test]
fn the_registry_extension_goes_to_its_place() {
    let ours = registry(&[OURS]);
    for (before, after) in [
        (String::new(), ours.clone()),
        (AUDIT.to_owned(), format!("{ours}{AUDIT}")),
        (format!("{ZERO}{AUDIT}"), format!("{ZERO}{ours}{AUDIT}")),
    ] {
        assert_eq!(added(&before), after);
    }
}

#[test]
fn a_tool_that_stands_for_templates_is_left_as_it_is() {
    for tools in [&[OURS][..], &[OLD], &[LGPO], &[FIREWALL, OURS]] {
        let list = registry(tools);
        assert_eq!(added(&list), list);
        assert_eq!(added(&list.to_lowercase()), list.to_lowercase());
    }
}

#[test]
fn among_tools_of_others_ours_goes_to_its_place() {
    assert_eq!(added(&registry(&[FIREWALL])), registry(&[FIREWALL, OURS]));
    let later = "{F4D8C39A-F43D-42B4-9BDF-4E48D3044BA1}";
    assert_eq!(added(&registry(&[EFS, later])), registry(&[EFS, OURS, later]));
    assert_eq!(added(&registry(&[])), registry(&[OURS]));
}

#[test]
fn two_groups_of_the_extension_become_one_when_they_change() {
    let both = format!("{ZERO}{}{}{AUDIT}", registry(&[FIREWALL]), registry(&[EFS]));
    assert_eq!(added(&both), format!("{ZERO}{}{AUDIT}", registry(&[EFS, FIREWALL, OURS])));
    let serves = format!("{}{}", registry(&[FIREWALL]), registry(&[OURS]));
    assert_eq!(added(&serves), serves);
}

#[test]
fn windows_must_come_to_the_extension_and_nothing_else_is_switched_on() {
    let (ours, search) =
        (registry(&[OURS]), "[{7933F41E-56F8-41D6-A31C-4148A711EE93}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]");
    for (before, after) in [
        // Ours is out of sequence: it goes to its place.
        (format!("{AUDIT}{ours}"), format!("{ours}{AUDIT}")),
        // Another is, and stays so.
        (format!("{AUDIT}{search}"), format!("{ours}{AUDIT}{search}")),
        (format!("{ours}{AUDIT}{search}"), format!("{ours}{AUDIT}{search}")),
        (format!("{search}{ZERO}"), format!("{ours}{search}{ZERO}")),
        (format!("{ZERO}{ours}{ZERO}"), format!("{ZERO}{ours}{ZERO}")),
    ] {
        assert_eq!(added(&before), after);
    }
    let list = ExtensionList::parse(&format!("{AUDIT}{search}{ZERO}")).unwrap();
    assert_eq!(list.stops_at(), Some("{7933F41E-56F8-41D6-A31C-4148A711EE93}"));
    assert_eq!(ExtensionList::parse(AUDIT).unwrap().stops_at(), None);
    assert_eq!(ExtensionList::default().stops_at(), None);
}

#[test]
fn the_last_tool_takes_the_extension_with_it_and_tools_of_others_stay() {
    for (before, after) in [
        (registry(&[OURS]), String::new()),
        (registry(&[OLD, OURS, LGPO]).to_lowercase(), String::new()),
        (format!("{ZERO}{}{AUDIT}", registry(&[FIREWALL, OURS])), format!("{ZERO}{}{AUDIT}", registry(&[FIREWALL]))),
        (registry(&[]), registry(&[])),
        (AUDIT.to_owned(), AUDIT.to_owned()),
    ] {
        let mut list = ExtensionList::parse(&before).unwrap();
        assert_eq!(list.remove(REGISTRY, &registry_tools(Side::Computer)), before != after);
        assert_eq!(list.to_string(), after);
    }
}

#[test]
fn what_is_no_list_is_refused_with_its_place() {
    for (text, at) in [
        ("x", 1),
        ("[{35378EAC}]", 2),
        ("[]", 2),
        (&format!("{AUDIT}["), AUDIT.len() + 2),
        (&AUDIT[..AUDIT.len() - 1], AUDIT.len()),
        // Two extensions in one group, as GPRegistryPolicyDsc once wrote them.
        (&format!("{}{}", registry(&[OURS]).trim_end_matches(']'), &AUDIT[1..]), 78),
    ] {
        assert_eq!(ExtensionList::parse(text).unwrap_err().at, at, "{text}");
    }
    assert_eq!(ExtensionList::parse(" ").unwrap(), ExtensionList::default());
}
