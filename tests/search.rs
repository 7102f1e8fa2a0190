//! `gpol search`: what it finds, how it prints that, and how it ends.

use fixtures::PolBuilder;
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{Run, TestDir};
use crate::store::KEY;

const A: &str = "{AAAAAAAA-016D-11D2-945F-00C04FB984F9}";
const B: &str = "{BBBBBBBB-016D-11D2-945F-00C04FB984F9}";
const C: &str = "{CCCCCCCC-016D-11D2-945F-00C04FB984F9}";
const NLA_KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

/// A SYSVOL with three GPOs: NLA on, NLA off for users of another vendor's key too, and settings that are no policy.
fn sysvol() -> TestDir {
    let dir = TestDir::new();
    let gpo = |guid: &str| format!("Policies/{guid}");
    let on =
        PolBuilder::new().dword(NLA_KEY, "UserAuthentication", 1).sz(r"SOFTWARE\Policies\Acme\Agent", "Tier", "gold");
    dir.write(&format!("{}/Machine/Registry.pol", gpo(A)), on.build());
    let off = PolBuilder::new().dword(&NLA_KEY.to_lowercase(), "userauthentication", 0);
    dir.write(&format!("{}/MACHINE/registry.pol", gpo(B)), off.build());
    let user = PolBuilder::new().del(r"Software\Policies\Acme\Agent", "Tier");
    dir.write(&format!("{}/USER/registry.pol", gpo(B)), user.build());
    dir.write(&format!("{}/GPT.INI", gpo(C)), "[General]\r\nVersion=1\r\n");
    dir.write(
        &format!("{}/Machine/Preferences/Registry/Registry.xml", gpo(C)),
        r#"<?xml version="1.0" encoding="utf-8"?><RegistrySettings><Registry><Properties action="U" hive="HKEY_LOCAL_MACHINE"
 key="SOFTWARE\Policies\Acme\Agent" name="Tier" type="REG_SZ" value="silver"/></Registry></RegistrySettings>"#,
    );
    dir.write(
        &format!("{}/Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf", gpo(C)),
        "[Registry Values]\r\nMACHINE\\Software\\Policies\\Acme\\Agent\\Tier=1,\"bronze\"\r\n",
    );
    dir
}

#[test]
fn a_policy_is_found_in_every_gpo_that_has_it() {
    let dir = sysvol();
    let run = dir.run(["search", "network level authentication", "Policies"]);
    run.ok();
    assert_file_snapshot!("search_policy", run);
    let none = dir.run(["search", "network level authentication", "Policies", "--no-admx"]);
    assert_eq!(none.status, Some(1), "{none}");
}

/// An export: A is linked to the domain and to a site, B to an OU (enforced) and to another (switched off), C nowhere; the user side
/// of B is switched off. The last entry of a gPLink is number 1.
fn export() -> String {
    let gpo = |guid: &str, name: &str, flags: u32| {
        format!(
            "dn: CN={guid},CN=Policies,CN=System,DC=corp,DC=test\ndisplayName: {name}\nflags: {flags}\nversionNumber: 1\n\n"
        )
    };
    let link = |guid: &str, options: u32| format!("[LDAP://cn={guid},cn=policies,cn=system,DC=corp,DC=test;{options}]");
    [
        gpo(A, "Workstations - RDP hardening", 0),
        gpo(B, "RPA hosts", 1),
        gpo(C, "Old agent", 0),
        format!("dn: DC=corp,DC=test\ngPLink: {}\n\n", link(A, 0)),
        format!("dn: OU=Hosts\\, old,DC=corp,DC=test\ngPLink: {}\n\n", link(B, 1)),
        format!("dn: OU=RPA,OU=Workstations,DC=corp,DC=test\ngPLink: {}{}\n\n", link(B, 2), link(A, 1)),
        format!("dn: CN=Berlin,CN=Sites,CN=Configuration,DC=corp,DC=test\ngPLink: {}\n", link(A, 0)),
    ]
    .concat()
}

#[test]
fn an_export_of_active_directory_gives_names_and_links() {
    let dir = sysvol();
    dir.write("ad.ldif", export());
    let run = dir.run(["search", "authentication|tier", "Policies", "--ad", "ad.ldif"]);
    run.ok();
    assert_file_snapshot!("search_ad", run);
    let found = dir.run(["search", "authentication", "Policies", "--ad", "ad.ldif", "-f", "json"]).json();
    let gpo = &found["gpos"][1];
    assert_eq!(gpo["gpo"]["name"], "RPA hosts");
    assert_eq!(
        gpo["directory"],
        json!({
            "dn": format!("CN={B},CN=Policies,CN=System,DC=corp,DC=test"),
            "off": ["user"],
            "links": [
                {"container": "OU=Hosts\\, old,DC=corp,DC=test", "order": 1, "enforced": false, "enabled": false},
                {"container": "OU=RPA,OU=Workstations,DC=corp,DC=test", "order": 2, "enforced": true, "enabled": true},
            ],
        })
    );
    // The variable says the same; without either there is nothing to say.
    let mut by_variable = dir.command(["search", "authentication|tier", "Policies"]);
    by_variable.env("GPOL_AD", "ad.ldif");
    assert_eq!(Run::of(by_variable).stdout(), run.stdout());
    let without = dir.run(["search", "authentication", "Policies", "-f", "json"]).json();
    assert_eq!((&without["gpos"][1]["directory"], &without["gpos"][1]["gpo"]["name"]), (&Value::Null, &Value::Null));
}

/// An export of GPOs alone tells no links, and of a GPO that it does not hold, that this may be why nobody gets it.
#[test]
fn what_an_export_does_not_hold_is_told() {
    let dir = sysvol();
    let gpos: Vec<String> = export().split_inclusive("\n\n").take(2).map(str::to_owned).collect();
    dir.write("ad.ldif", gpos.concat());
    let out = dir.run(["search", "tier", "Policies", "--ad", "ad.ldif"]).ok();
    let linked: Vec<&str> = out.lines().filter(|line| line.trim_start().starts_with("linked")).collect();
    assert_eq!(linked, ["  linked    not in this export: a folder that is left over, or of another domain"], "{out}");
    dir.write("bad.ldif", "dn: DC=corp,DC=test\ngPLink: [LDAP://cut off\n");
    assert_eq!(dir.run(["search", "tier", "Policies", "--ad", "bad.ldif"]).refused(4), "E0224");
}

/// What people paste: a path out of a KB or a benchmark, an address of the Registry Editor, of PowerShell or of a .reg file, a page
/// of admx.help, a name in another language of the store. Each means the same record.
#[test]
fn what_people_paste_is_found() {
    let dir = TestDir::new();
    dir.write_store();
    let pol = PolBuilder::new().dword(KEY, "Collect", 1).dword(r"SOFTWARE\Policies\Other", "Collected", 1);
    dir.write("gpo/Machine/Registry.pol", pol.build());
    for pattern in [
        r"Computer Configuration\Policies\Administrative Templates\Acme\Agent\Collect data",
        "Computer Configuration > Administrative Templates > Acme > Agent > Collect data",
        "Acme -> Agent",
        "collect data",
        "Daten sammeln",
        "daten",
        r"Computerkonfiguration\Administrative Vorlagen\Acme\Agent\Daten sammeln",
        "Acme.Policies::Collect",
        "https://admx.help/?Category=Acme&Policy=Acme.Policies::Collect",
        r"HKLM:\SOFTWARE\Policies\Acme\Agent\Collect",
        r"Computer\HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Acme\Agent",
        r"Registry::HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Acme\Agent",
        r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Acme\Agent]",
        r"MACHINE\Software\Policies\Acme\Agent\Collect",
        r"Software\Policies\Acme\Agent\Collect",
        "Software\\Policies\\Acme\\Agent!Collect",
    ] {
        let found = dir.run(["search", pattern, "gpo", "--admx", "store", "-f", "json"]);
        let out = crate::bench::parse(&found.stdout());
        let matches = out["gpos"][0]["matches"].as_array().unwrap_or_else(|| panic!("{pattern}: {found}"));
        let keys: Vec<&Value> = matches.iter().map(|found| &found["record"]["key"]).collect();
        assert_eq!(keys, [KEY], "{pattern}");
    }
}

/// As with grep: what either pattern means is found, all words are targets then, and a pattern may begin with a hyphen. `**` begins a
/// directive, not a regular expression.
#[test]
fn several_patterns_can_be_given() {
    let dir = sysvol();
    let gpos = |words: &[&str]| dir.run(["search", "-c"].iter().chain(words).copied()).ok().replace('\\', "/");
    let address = format!("reg:{NLA_KEY}!UserAuthentication");
    let all = format!("Policies/{A}:2\nPolicies/{B}:2\nPolicies/{C}:2\n");
    assert_eq!(gpos(&["-e", "tier", "-e", &address, "Policies"]), all);
    assert_eq!(gpos(&["-e", &address, &format!("Policies/{A}"), &format!("Policies/{B}")]).lines().count(), 2);
    assert_eq!(dir.run(["search", "-e", "-x", "Policies"]).status, Some(1));
    assert_eq!(dir.run(["search", "-e", "tier", "-e", "(", "Policies"]).refused(2), "E0110");
    assert_eq!(gpos(&["**del.Tier", "Policies"]), format!("Policies/{B}:1\n"));
    assert_eq!(dir.run(["search", "-e", "tier"]).status, Some(2));
}

#[test]
fn settings_that_are_no_policy_are_found_and_told_apart() {
    let dir = sysvol();
    let run = dir.run(["search", r"HKLM\Software\Policies\Acme\Agent!Tier", "Policies"]);
    run.ok();
    assert_file_snapshot!("search_settings", run);
    let by_data = dir.run(["search", "--data", "bronze", "Policies", "-f", "json"]).json();
    let found = &by_data["gpos"][0]["matches"][0];
    assert_eq!((&found["source"], &found["setting"]["data"]), (&json!("security"), &json!("bronze")));
}

#[test]
fn paths_and_counts_are_for_scripts() {
    let dir = sysvol();
    let slashes = |run: Run| run.ok().replace('\\', "/");
    assert_eq!(
        slashes(dir.run(["search", "-l", "tier", "Policies"])),
        format!("Policies/{A}\nPolicies/{B}\nPolicies/{C}\n")
    );
    assert_eq!(
        slashes(dir.run(["search", "-c", "tier", "Policies"])),
        format!("Policies/{A}:1\nPolicies/{B}:1\nPolicies/{C}:2\n")
    );
}

#[test]
fn records_can_be_asked_for_by_state_type_side_and_deletion() {
    let dir = sysvol();
    let gpos = |words: &[&str]| -> Vec<Value> {
        let found = dir.run(["search", "-f", "json"].iter().chain(words).chain(&["Policies"]).copied()).json();
        found["gpos"].as_array().unwrap().iter().map(|gpo| gpo["gpo"]["guid"].clone()).collect()
    };
    assert_eq!(gpos(&["authentication", "--state", "disabled"]), [B]);
    assert_eq!(gpos(&["authentication", "--state", "enabled"]), [A]);
    assert_eq!(gpos(&["tier", "--deleted"]), [B]);
    assert_eq!(gpos(&["acme", "--scope", "user"]), [B]);
    assert_eq!(gpos(&[".", "--type", "dword"]), [A, B]);
    let dots = dir.run(["search", "-F", "--data", ".", "Policies"]);
    assert_eq!(dots.status, Some(1), "with -F a dot is a dot");
}

#[test]
fn json_lines_end_with_a_summary() {
    let dir = sysvol();
    let out = dir.run(["search", "tier", "Policies", "-f", "jsonl"]).ok();
    let lines: Vec<Value> = out.lines().map(crate::bench::parse).collect();
    let schemas: Vec<&Value> = lines.iter().map(|line| &line["schema"]).collect();
    assert_eq!(
        json!(schemas),
        json!([
            "gpol.search-gpo/1",
            "gpol.search-gpo/1",
            "gpol.search-gpo/1",
            "gpol.search-not-searched/1",
            "gpol.search-summary/1"
        ])
    );
    let searched = json!({"gpos": 3, "records": 4, "settings": 2, "files_partly": 2, "files_not": 0, "matches": 4});
    assert_eq!(lines[4]["searched"], searched);
    assert_eq!(lines[4]["complete"], true);
}

#[test]
fn nothing_found_is_exit_1_and_no_target_is_a_mistake() {
    let dir = sysvol();
    assert!(dir.run(["search", "nothing like it", "Policies"]).expect(1).starts_with("No match in 3 GPOs"));
    assert_eq!(dir.run(["search", "tier"]).status, Some(2));
    assert_eq!(dir.run(["search", "tier", "Policies", "elsewhere"]).refused(3), "E0403");
    assert_eq!(dir.run(["search", "(", "Policies"]).refused(2), "E0110");
    assert_eq!(dir.run(["search", "id:NO_SUCH_POLICY", "Policies"]).refused(3), "E0301");
}

/// A malformed file, preferences that are no XML, and a link to what is gone: each is named, the rest is searched, exit 7
/// whether something was found or not.
#[test]
fn what_cannot_be_read_makes_the_answer_incomplete() {
    let dir = sysvol();
    dir.write(&format!("Policies/{A}/User/Registry.pol"), PolBuilder::new().dword("K", "V", 1).cut(3).build());
    dir.write(&format!("Policies/{C}/Machine/Preferences/Registry/Registry.xml"), "<RegistrySettings>");
    let mut unread = vec![A, C];
    if cfg!(unix) {
        link_to_nothing(&dir, &format!("Policies/{B}/USER/REGISTRY.POL"));
        unread.insert(1, B);
    }
    let run = dir.run(["search", "gold", "Policies", "-f", "json"]);
    assert_eq!(run.status, Some(7), "{run}");
    let found = crate::bench::parse(&run.stdout());
    assert_eq!(found["searched"]["matches"], 1);
    let guids: Vec<&Value> = found["unreadable"].as_array().unwrap().iter().map(|u| &u["gpo"]["guid"]).collect();
    assert_eq!(guids, unread);
    assert_eq!(run.stderr().lines().filter(|line| line.starts_with("warning: ")).count(), unread.len(), "{run}");
    let nothing = dir.run(["search", "nothing like it", "Policies"]);
    assert_eq!(nothing.status, Some(7), "{nothing}");
    assert!(nothing.stdout().contains("could not be read whole"), "{nothing}");
}

#[cfg(unix)]
fn link_to_nothing(dir: &TestDir, name: &str) {
    std::os::unix::fs::symlink("gone", dir.path(name)).expect("the link is made");
}

#[cfg(not(unix))]
fn link_to_nothing(_: &TestDir, _: &str) {}

#[test]
fn progress_is_for_terminals_alone() {
    let dir = TestDir::new();
    fixtures::write_sysvol(&dir.path("sysvol"), 30, 60, 1).expect("the tree is written");
    let run = dir.run(["search", "nothing like it", "sysvol"]);
    assert_eq!(run.expect(1).lines().next(), Some("No match in 30 GPOs (1,800 records)."), "and no time either");
}

#[test]
fn each_target_is_named_by_its_own_templates_and_by_the_built_in_ones_where_those_have_no_policy() {
    let dir = TestDir::new();
    dir.write_store();
    let terminal = r"Software\Policies\Microsoft\Windows NT\Terminal Services";
    for (domain, guid, name) in [
        ("one", "{31B2F340-016D-11D2-945F-00C04FB984F9}", "Collect data"),
        ("two", "{6AC1786C-016F-11D2-945F-00C04FB984F9}", "Gather facts"),
    ] {
        let adml = dir.text("store/en-US/Acme.adml").replace(">Collect data<", &format!(">{name}<"));
        dir.write(&format!("{domain}/Policies/PolicyDefinitions/Acme.admx"), dir.read("store/Acme.admx"));
        dir.write(&format!("{domain}/Policies/PolicyDefinitions/en-US/Acme.adml"), adml);
        dir.write(&format!("{domain}/Policies/{guid}/gpt.ini"), "[General]\r\nVersion=1\r\n");
        let pol = PolBuilder::new().dword(crate::store::KEY, "Collect", 1).dword(terminal, "UserAuthentication", 0);
        dir.write(&format!("{domain}/Policies/{guid}/Machine/Registry.pol"), pol.build());
    }
    let names = |words: &[&str]| {
        let found = dir.run(["search", "-f", "json"].iter().chain(words).copied()).json();
        let gpos = found["gpos"].as_array().expect("GPOs").clone();
        let names: Vec<String> = gpos
            .iter()
            .map(|gpo| gpo["matches"][0]["policies"][0]["display_name"].as_str().unwrap_or("none").to_owned())
            .collect();
        (names, found["stores"].as_array().expect("stores").len())
    };
    let own = |first: &str, second: &str| (vec![first.to_owned(), second.to_owned()], 2);
    assert_eq!(
        names(&[r"HKLM\Software\Policies\Acme\Agent!Collect", "one", "two"]),
        own("Collect data", "Gather facts")
    );
    assert_eq!(names(&["id:Collect", "two", "one"]), own("Gather facts", "Collect data"));
    // A name that one of the stores has means the same policy in the other target.
    assert_eq!(names(&["name:Gather facts", "one", "two"]).0.len(), 2);
    // Neither store knows of remote desktop.
    let nla = crate::bench::NLA_NAME;
    assert_eq!(names(&["id:TS_USER_AUTHENTICATION_POLICY", "one", "two"]), own(nla, nla));
    assert_eq!(names(&["UserAuthentication", "one", "two"]), own(nla, nla));
}
