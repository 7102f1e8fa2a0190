use super::*;
use crate::sample::{catalogs, named};

fn id(catalog: &Catalog, query: &str) -> String {
    match catalog.find(query) {
        Ok(m) => format!("{}{}", m.policy.name, m.side.map(|s| format!(" {s}")).unwrap_or_default()),
        Err(FindError::NotFound { .. }) => "-".to_owned(),
        Err(FindError::Ambiguous { candidates, .. }) => {
            candidates.iter().map(|c| c.id.clone()).collect::<Vec<_>>().join(" ")
        }
    }
}

const NLA: &str = "Require user authentication for remote connections by using Network Level Authentication";

#[test]
fn the_one_policy_of_the_seed_case_is_found_in_every_form() {
    let c = Catalog::builtin();
    let key = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    for query in [
        "Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY".to_owned(),
        "microsoft.policies.terminalserver::ts_user_authentication_policy".to_owned(),
        "TS_USER_AUTHENTICATION_POLICY".to_owned(),
        "id:TS_USER_AUTHENTICATION_POLICY".to_owned(),
        "id: Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY".to_owned(),
        NLA.to_owned(),
        format!("  \u{201C}{}.\u{201D} ", NLA.to_uppercase().replace(' ', "  ")),
        format!("name:'{NLA}'"),
        format!("Security > {NLA}"),
        format!(r"Remote Desktop Session Host\Security\{NLA}"),
        format!("path:Remote Desktop Session Host / Security / {NLA}"),
        format!(
            "Computer Configuration > Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > Security > {NLA}"
        ),
        format!(
            "Computer Configuration\\Policies\\Administrative Templates\\Windows Components\\Remote Desktop Services\\Remote Desktop Session Host\\Security\\{NLA}"
        ),
        format!(
            "Administrative Templates: Policy definitions (ADMX files) retrieved from the local computer -> Windows Components -> Remote Desktop Services -> Remote Desktop Session Host -> Security -> {NLA}"
        ),
        format!("Computer Configuration \u{203A} \u{2026} \u{203A} Security \u{203A} {NLA}"),
        format!("Windows Components > ... > {NLA}"),
        format!(r"HKLM\{key}!UserAuthentication"),
        format!(r"HKLM:\{key}\UserAuthentication"),
        format!(r"HKEY_LOCAL_MACHINE\{key}\userauthentication"),
        format!(r"reg:{key}!UserAuthentication"),
        "https://admx.help/?Category=Windows_11_2022&Policy=Microsoft.Policies.TerminalServer%3A%3ATS_USER_AUTHENTICATION_POLICY&x=1".to_owned(),
    ] {
        assert_eq!(id(&c, &query), "TS_USER_AUTHENTICATION_POLICY computer", "{query}");
    }
    for query in [
        "".to_owned(),
        "Network Level Authentication".to_owned(),
        format!(
            "User Configuration > Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > Security > {NLA}"
        ),
        format!("Computer Configuration > Administrative Templates > Security > {NLA}"),
        format!("Connections > {NLA}"),
        format!("Windows Components > {NLA}"),
        format!("Computer Configuration > ... > Connections > {NLA}"),
        format!(r"HKCU\{key}!UserAuthentication"),
        format!(r"HKLM\{key}!UserAuth"),
        "id:Network".to_owned(),
        format!("id:{NLA}"),
        "name:TS_USER_AUTHENTICATION_POLICY".to_owned(),
    ] {
        assert_eq!(id(&c, &query), "-", "{query}");
    }
}

#[test]
fn leading_blanks_of_a_display_name_do_not_matter() {
    let c = Catalog::builtin();
    assert_eq!(
        id(&c, "Disconnect remote session on lock for legacy authentication"),
        "TS_DISCONNECT_ON_LOCK_POLICY computer"
    );
}

#[test]
fn several_hits_are_all_listed_and_a_side_may_decide() {
    let a = named("X_1", "valueName='V'", "").replace("Policy X_1", "Twin");
    let b = named("X_2", "valueName='V'", "").replace("Policy X_2", "Twin").replace("Machine", "User");
    let c = catalogs(&[("A.admx", &(a + &b), ""), ("B.admx", &named("X_1", "", ""), "")]);
    assert_eq!(id(&c, "Twin"), "Test.A:X_1 Test.A:X_2");
    assert_eq!(id(&c, "X_1"), "Test.A:X_1 Test.B:X_1");
    assert_eq!(id(&c, "Test.B:X_1"), "X_1 computer");
    assert_eq!(c.find_on("Twin", Some(Side::User)).unwrap().policy.name, "X_2");
    assert_eq!(id(&c, r"K!V"), "Test.A:X_1 Test.A:X_2");
    assert_eq!(id(&c, r"HKCU\K!V"), "X_2 user");
}

#[test]
fn names_with_separators_are_still_found_by_path() {
    let p = |name: &str, display: &str| {
        named(name, "", "<parentCategory ref='C'/>").replace(&format!("Policy {name}"), display)
    };
    let c = catalogs(&[("A.admx", &(p("P", "Allow a/b > c: d") + &p("Q", "c: d")), "")]);
    assert_eq!(id(&c, "Category of A > Allow a/b > c: d"), "P computer");
    assert_eq!(id(&c, r"Computer Configuration\Category of A\c: d"), "Q computer");
}

#[test]
fn class_both_has_a_side_only_where_the_query_names_one() {
    let both = named("P", "valueName='V'", "<parentCategory ref='C'/>").replace("Machine", "Both");
    let c = catalogs(&[("A.admx", &both, "")]);
    assert_eq!(id(&c, "P"), "P");
    assert_eq!(id(&c, "User Configuration > Administrative Templates > Category of A > Policy P"), "P user");
    assert_eq!(id(&c, "Category of A > Policy P"), "P");
    assert_eq!(id(&c, r"HKCU\K\V"), "P user");
}

#[test]
fn lists_are_found_by_their_entries_and_by_their_key() {
    let list = named("P", "", "<elements><list id='l' key='K\\L' valuePrefix=''/></elements>");
    let named_value = named("Q", "valueName='7'", "").replace("key='K'", "key='K\\L'");
    let presentation = crate::sample::presentation("P", "<listBox refId='l'>L</listBox>");
    let c = catalogs(&[("A.admx", &(list + &named_value), &presentation)]);
    assert_eq!(id(&c, r"HKLM\K\L\3"), "P computer");
    assert_eq!(id(&c, r"HKLM\K\L!7"), "Q computer", "who names the value has the better claim");
    assert_eq!(id(&c, r"HKLM\K\L"), "P computer");
    assert_eq!(id(&c, r"HKLM\K\L\x"), "-");
}

#[test]
fn the_closest_names_come_first() {
    let c = Catalog::builtin();
    let closest = |query: &str| c.closest(query, 2)[0].name.clone();
    assert_eq!(closest("Require NLA for remote connections"), "TS_USER_AUTHENTICATION_POLICY");
    assert_eq!(closest("TS_USER_AUTENTICATION"), "TS_USER_AUTHENTICATION_POLICY");
    assert_eq!(closest("encription level"), "TS_ENCRYPTION_POLICY");
    assert_eq!(c.closest("", 3).len(), 3);
    assert_eq!(c.closest("x", 99).len(), c.policies().len());
}
