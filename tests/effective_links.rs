//! `gpol effective` with an export of Active Directory: hand-made links, each result derived by hand in the comment above it.

use fixtures::PolBuilder;
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::TestDir;
use crate::effective::{A, B, C, D, computer, values};

/// An export with four GPOs: A is linked to the domain, B to the domain and enforced, C to OU=Hosts, D to OU=RPA below it.
fn directory(dir: &TestDir, hosts: &str, rpa: &str) {
    let names = [(A, "Domain", 1), (B, "Baseline", 2), (C, "Hosts", 3), (D, "RPA", 4)];
    let mut ldif = String::new();
    for (guid, name, n) in names {
        dir.write(&format!("sysvol/example.test/Policies/{guid}/GPT.INI"), "[General]\r\nVersion=65537\r\n");
        let pol = PolBuilder::new().dword("K", "X", n).dword("K", name, n);
        dir.write(&format!("sysvol/example.test/Policies/{guid}/Machine/Registry.pol"), pol.build());
        dir.write(
            &format!("sysvol/example.test/Policies/{guid}/User/Registry.pol"),
            PolBuilder::new().dword("U", name, n).build(),
        );
        let flags = if guid == C { 1 } else { 0 };
        ldif +=
            &format!("dn: CN={guid},CN=Policies,CN=System,DC=example,DC=test\ndisplayName: {name}\nflags: {flags}\n\n");
    }
    let link =
        |guid: &str, options: u32| format!("[LDAP://cn={guid},cn=policies,cn=system,DC=example,DC=test;{options}]");
    ldif += &format!("dn: DC=example,DC=test\ngPLink: {}{}\n\n", link(B, 2), link(A, 0));
    ldif += &format!("dn: OU=Hosts,DC=example,DC=test\ngPLink: {}\n{hosts}\n", link(C, 0));
    ldif += &format!("dn: OU=RPA,OU=Hosts,DC=example,DC=test\n{}\n", rpa.replace("LINK", &link(D, 0)));
    dir.write("ad.ldif", ldif);
}

fn for_rpa(dir: &TestDir, more: &[&str]) -> crate::bench::Run {
    let words = ["effective", "sysvol", "--ad", "ad.ldif", "--for", "OU=RPA,OU=Hosts,DC=example,DC=test", "--no-admx"];
    dir.run(words.iter().chain(more).copied())
}

fn names(effective: &Value) -> Vec<&str> {
    effective["order"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|layer| layer["gpo"]["name"].as_str().expect("text"))
        .collect()
}

/// Domain first, then Hosts, then RPA; the enforced Baseline last, although it is the domain's: X = 2. The user half of
/// Hosts is off by its flags (1): of the user side, three GPOs count.
#[test]
fn links_of_a_snapshot_say_the_order() {
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\n");
    let effective = for_rpa(&dir, &["-f", "json"]).json();
    assert_eq!(names(&effective), ["Domain", "Hosts", "RPA", "Baseline"]);
    assert_eq!(values(&effective, "computer")[4], "K!X 2 <4 !");
    assert_eq!(values(&effective, "user"), ["U!Baseline 2 <4", "U!Domain 1 <1", "U!RPA 4 <3"]);
    assert_eq!(effective["order"][1]["off"], json!(["user"]));
    assert_eq!((&effective["order"][3]["enforced"], &effective["order"][3]["link_order"]), (&json!(true), &json!(2)));
    assert_file_snapshot!("effective_for_an_ou", for_rpa(&dir, &["--only", "conflicts"]));
}

/// OU=RPA blocks: Domain and Hosts are lost, the enforced Baseline passes and beats RPA still. Nothing of RPA's own is lost.
#[test]
fn enforced_goes_above_a_block() {
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\ngPOptions: 1\n");
    let effective = for_rpa(&dir, &["-f", "json"]).json();
    assert_eq!(names(&effective), ["RPA", "Baseline"]);
    assert_eq!(values(&effective, "computer")[2], "K!X 2 <2 !");
    let reasons = effective["left_out"].to_string();
    assert!(reasons.contains("OU=RPA,OU=Hosts,DC=example,DC=test blocks inheritance"), "{reasons}");
}

/// Denied by security filtering, as the user says: Baseline is out, and RPA, the closest, wins: X = 4.
#[test]
fn a_gpo_can_be_denied_by_name() {
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\n");
    let effective = for_rpa(&dir, &["--deny", "Baseline", "-f", "json"]).json();
    assert_eq!(names(&effective), ["Domain", "Hosts", "RPA"]);
    assert_eq!(values(&effective, "computer")[3], "K!X 4 <3 !");
}

/// Hosts switches loopback on for its computers, by UserPolicyMode: 1 merge, 2 replace; other numbers mean nothing. The enforced
/// Baseline says 2 after it, so replace it is; a strong deletion switches it off again. With it, the user side of this result is
/// not what a user of another place gets, so it is no assumption any more.
#[test]
fn loopback_that_a_gpo_switches_on_is_told() {
    let key = r"Software\Policies\Microsoft\Windows\System";
    let mode = |n: u32| PolBuilder::new().dword(key, "UserPolicyMode", n);
    let del = || PolBuilder::new().del(key, "UserPolicyMode");
    for (hosts, baseline, expected) in [
        (mode(1), None, json!({"mode": "merge", "by": 2, "in_domain": true})),
        (mode(1), Some(mode(2)), json!({"mode": "replace", "by": 4, "in_domain": true})),
        (mode(2), Some(del()), json!(null)),
        (mode(0), None, json!(null)),
        (PolBuilder::new().sz(key, "UserPolicyMode", "1"), None, json!(null)),
    ] {
        let dir = TestDir::new();
        directory(&dir, "", "gPLink: LINK\n");
        computer(&dir, &format!("sysvol/example.test/Policies/{C}"), hosts);
        if let Some(baseline) = baseline {
            computer(&dir, &format!("sysvol/example.test/Policies/{B}"), baseline);
        }
        let effective = for_rpa(&dir, &["-f", "json"]).json();
        let side = &effective["sides"][0];
        assert_eq!((side["side"].as_str(), &side["loopback"]), (Some("computer"), &expected));
        let assumed = effective["assumed"].to_string().contains("no loopback");
        assert_eq!(assumed, expected.is_null(), "{effective}");
    }
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\n");
    computer(&dir, &format!("sysvol/example.test/Policies/{C}"), mode(2));
    assert_file_snapshot!("effective_loopback", for_rpa(&dir, &["--only", "conflicts"]));
}

/// [MS-GPOL] note 9, and the help of "Allow cross-forest user policy": a user of another forest gets the computer's user settings even where
/// no loopback is configured, unless the policy is 1. A machine in no domain has no loopback at all.
#[test]
fn users_of_another_forest_and_machines_in_no_domain_are_told_apart() {
    let key = r"Software\Policies\Microsoft\Windows\System";
    for (allowed, told) in [(None, true), (Some(0), true), (Some(1), false)] {
        let dir = TestDir::new();
        directory(&dir, "", "gPLink: LINK\n");
        if let Some(allowed) = allowed {
            let file = PolBuilder::new().dword(key, "AllowX-ForestPolicy-and-RUP", allowed);
            computer(&dir, &format!("sysvol/example.test/Policies/{C}"), file);
        }
        let effective = for_rpa(&dir, &["-f", "json"]).json();
        assert_eq!(effective["assumed"].to_string().contains("one of another"), told, "{allowed:?}: {effective}");
    }
    let dir = TestDir::new();
    dir.write("local/gpt.ini", "[General]\r\nVersion=1\r\n");
    dir.write("local/Machine/Registry.pol", PolBuilder::new().dword(key, "UserPolicyMode", 1).build());
    let run = dir.run(["effective", "local", "--no-admx"]);
    assert!(run.ok().contains("in none, loopback is void"), "{run}");
    let json = dir.run(["effective", "local", "--no-admx", "-f", "json"]).json();
    assert_eq!(json["sides"][0]["loopback"], json!({"mode": "merge", "by": 1, "in_domain": false}));
    assert!(!json["assumed"].to_string().contains("forest"), "{json}");
}

/// Without --for the order is that of the command line; the export gives names, by which --order may call the GPOs, and says what
/// is switched off: Hosts has flags 1, so that its user side counts for nothing.
#[test]
fn an_export_gives_names_and_flags_without_a_place() {
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\n");
    dir.write("order.txt", "RPA\nHosts\n");
    let words = ["effective", "sysvol", "--ad", "ad.ldif", "--order", "order.txt", "--no-admx", "-f", "json"];
    let effective = dir.run(words).json();
    assert_eq!(names(&effective), ["RPA", "Hosts"]);
    assert_eq!(values(&effective, "computer"), ["K!Hosts 3 <2", "K!RPA 4 <1", "K!X 3 <2 !"]);
    assert_eq!(values(&effective, "user"), ["U!RPA 4 <1"]);
    assert!(!effective["assumed"].to_string().contains("switched off"), "{effective}");
    // The variable is no request for a place.
    let mut plain = dir.command(["effective", "sysvol", "--no-admx", "-f", "json"]);
    plain.env("GPOL_AD", "ad.ldif");
    let run = crate::bench::Run::of(plain);
    assert_eq!(names(&run.json()), ["Domain", "Baseline", "Hosts", "RPA"]);
}

/// A link whose GPO has no folder here: the rest is computed, and the exit code says that something is missing.
#[test]
fn a_linked_gpo_without_its_folder_makes_the_answer_incomplete() {
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\n");
    std::fs::remove_dir_all(dir.path(&format!("sysvol/example.test/Policies/{D}"))).unwrap();
    let run = for_rpa(&dir, &["-f", "json"]);
    assert_eq!(run.status, Some(7), "{run}");
    assert_eq!(names(&crate::bench::parse(&run.stdout())), ["Domain", "Hosts", "Baseline"]);
    let unknown = dir.run(["effective", "sysvol", "--ad", "ad.ldif", "--for", "OU=Typo,DC=example,DC=test"]);
    assert_eq!(unknown.refused(3), "E0421");
}

#[test]
fn a_snapshot_lists_its_gpos_and_their_links() {
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\ngPOptions: 1\n");
    let names = dir.run(["ad", "names", "ad.ldif"]);
    names.ok();
    assert_file_snapshot!("ad_names", names);
    let links = dir.run(["ad", "links", "ad.ldif"]);
    links.ok();
    assert_file_snapshot!("ad_links", links);
    let links = dir.run(["ad", "links", "ad.ldif", "-f", "json"]).json();
    let domain = &links["containers"][0]["links"];
    // The last of the attribute is GPMC's number 1.
    assert_eq!(json!([domain[0]["name"], domain[0]["order"], domain[1]["enforced"]]), json!(["Domain", 1, true]));
}

/// A site's links are the weakest: S says X = 9 and Y = 9, and every other GPO says X. Enforced, it is the outermost and wins over all,
/// the domain's enforced Baseline too. Without --site it does not count, and that is assumed.
#[test]
fn a_site_is_the_outermost_container() {
    const S: &str = "{EEEEEEEE-016D-11D2-945F-00C04FB984F9}";
    const SITE: &str = "CN=Berlin,CN=Sites,CN=Configuration,DC=example,DC=test";
    for (options, order, winner) in [
        (0, ["Site", "Domain", "Hosts", "RPA", "Baseline"], "K!X 2 <5 !"),
        (2, ["Domain", "Hosts", "RPA", "Baseline", "Site"], "K!X 9 <5 !"),
    ] {
        let dir = TestDir::new();
        directory(&dir, "", "gPLink: LINK\n");
        computer(
            &dir,
            &format!("sysvol/example.test/Policies/{S}"),
            PolBuilder::new().dword("K", "X", 9).dword("K", "Y", 9),
        );
        dir.write(&format!("sysvol/example.test/Policies/{S}/GPT.INI"), "[General]\r\nVersion=1\r\n");
        let dn = format!("CN={S},CN=Policies,CN=System,DC=example,DC=test");
        let site = format!("\ndn: {dn}\ndisplayName: Site\n\ndn: {SITE}\ngPLink: [LDAP://{dn};{options}]\n");
        dir.write("ad.ldif", dir.text("ad.ldif") + &site);
        let effective = for_rpa(&dir, &["--site", SITE, "-f", "json"]).json();
        assert_eq!(names(&effective), order);
        assert!(values(&effective, "computer").contains(&winner.to_owned()), "{effective}");
        let without = for_rpa(&dir, &["-f", "json"]).json();
        assert!(
            !names(&without).contains(&"Site") && without["assumed"].to_string().contains("no site GPOs"),
            "{without}"
        );
    }
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\n");
    assert_eq!(
        for_rpa(&dir, &["--site", "CN=Nowhere,CN=Sites,CN=Configuration,DC=example,DC=test"]).refused(3),
        "E0421"
    );
}

/// Two links of one gPLink: the last entry is number 1 and wins, whatever the GUIDs. Domain: A then B, neither enforced, so B wins
/// over A; OU=Hosts enforces C and the domain enforces nothing, so C wins over RPA's D as well.
#[test]
fn the_last_of_a_gplink_wins() {
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\n");
    let link =
        |guid: &str, options: u32| format!("[LDAP://cn={guid},cn=policies,cn=system,DC=example,DC=test;{options}]");
    let ldif = dir.text("ad.ldif");
    dir.write(
        "ad.ldif",
        ldif.replace(&format!("{}{}", link(B, 2), link(A, 0)), &format!("{}{}", link(A, 0), link(B, 0))),
    );
    assert_eq!(names(&for_rpa(&dir, &["-f", "json"]).json()), ["Domain", "Baseline", "Hosts", "RPA"]);
    dir.write("ad.ldif", dir.text("ad.ldif").replace(&link(C, 0), &link(C, 2)));
    let effective = for_rpa(&dir, &["-f", "json"]).json();
    assert_eq!(names(&effective), ["Domain", "Baseline", "RPA", "Hosts"]);
    assert!(values(&effective, "computer").contains(&"K!X 3 <4 !".to_owned()), "{effective}");
}

/// Local policy is the weakest of all: for all users 1, for administrators 2, for one user 4, then the domain's. Of X the enforced
/// Baseline has the last word (2); of L, which the domain does not know, the user's own local GPO.
#[test]
fn local_policy_comes_before_the_domain() {
    let dir = TestDir::new();
    directory(&dir, "", "gPLink: LINK\n");
    let system = "image/Windows/System32";
    let user = "S-1-5-21-1-2-3-1001";
    let pol = |n: u32| PolBuilder::new().dword("U", "RPA", n).dword("U", "L", n).build();
    dir.write(&format!("{system}/GroupPolicy/User/Registry.pol"), pol(1));
    dir.write(&format!("{system}/GroupPolicy/Machine/Registry.pol"), PolBuilder::new().dword("K", "X", 7).build());
    dir.write(&format!("{system}/GroupPolicyUsers/S-1-5-32-544/User/Registry.pol"), pol(2));
    dir.write(&format!("{system}/GroupPolicyUsers/{user}/User/Registry.pol"), pol(4));
    let effective = for_rpa(&dir, &["image", "--as", user, "--as", "administrators", "-f", "json"]).json();
    let scopes: Vec<&Value> = effective["order"].as_array().unwrap().iter().map(|layer| &layer["scope"]).collect();
    assert_eq!(scopes, ["user", "user:administrators", &*format!("user:{user}"), "user", "user", "user", "user"]);
    let result = values(&effective, "user");
    assert!(result.contains(&"U!L 4 <3 !".to_owned()) && result.contains(&"U!RPA 4 <6 !".to_owned()), "{result:?}");
    assert!(values(&effective, "computer").contains(&"K!X 2 <7 !".to_owned()));
}
