//! `gpol effective`: hand-made sets of GPOs, each result derived by hand in the comment above it.

use fixtures::{PolBuilder, REG_SZ};
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::TestDir;
use crate::store::KEY;

const A: &str = "{AAAAAAAA-016D-11D2-945F-00C04FB984F9}";
const B: &str = "{BBBBBBBB-016D-11D2-945F-00C04FB984F9}";
const C: &str = "{CCCCCCCC-016D-11D2-945F-00C04FB984F9}";
const D: &str = "{DDDDDDDD-016D-11D2-945F-00C04FB984F9}";

fn computer(dir: &TestDir, gpo: &str, pol: PolBuilder) {
    dir.write(&format!("{gpo}/Machine/Registry.pol"), pol.build());
}

fn sz(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn delete_keys(pol: PolBuilder, key: &str, keys: &str) -> PolBuilder {
    pol.record(key, "**DeleteKeys", REG_SZ, &sz(keys))
}

/// `key!name value <gpo`, `key!name deleted <gpo`: what is in the end, and who decides. `!` behind it where GPOs differ.
fn values(effective: &Value, side: &str) -> Vec<String> {
    let sides = effective["sides"].as_array().expect("a list");
    let Some(side) = sides.iter().find(|s| s["side"] == side) else { return Vec::new() };
    let of_policies =
        side["policies"].as_array().expect("a list").iter().flat_map(|p| p["values"].as_array().expect("a list"));
    let mut told: Vec<String> = of_policies
        .chain(side["values"].as_array().expect("a list"))
        .map(|value| {
            let what = match value["outcome"].as_str().expect("text") {
                "set" => value["record"]["value"].to_string(),
                other => other.to_owned(),
            };
            let (key, name) = (value["key"].as_str().expect("text"), value["value_name"].as_str().expect("text"));
            let mark = if value["conflict"] == true { " !" } else { "" };
            format!("{key}!{name} {what} <{}{mark}", value["by"])
        })
        .collect();
    told.sort();
    told
}

/// Three GPOs say X = 1, 2, 3 in this order; only the first says Y. The last one named wins: X = 3 by the third, Y = 7 by the
/// first. Turned round, X = 1 by the third, which is the first now; the key keeps the spelling of its first record.
#[test]
fn the_last_one_wins_and_order_is_as_given() {
    let dir = TestDir::new();
    computer(&dir, "a", PolBuilder::new().dword("K", "X", 1).dword("K", "Y", 7));
    computer(&dir, "b", PolBuilder::new().dword("K", "X", 2));
    computer(&dir, "c", PolBuilder::new().dword("k", "x", 3));
    let run = |order: [&str; 3]| dir.run(["effective", order[0], order[1], order[2], "--no-admx", "-f", "json"]).json();
    let forth = run(["a", "b", "c"]);
    assert_eq!(values(&forth, "computer"), ["K!X 3 <3 !", "K!Y 7 <1"]);
    let said: Vec<[&Value; 2]> = forth["sides"][0]["values"][0]["overridden"]
        .as_array()
        .unwrap()
        .iter()
        .map(|said| [&said["layer"], &said["record"]["value"]])
        .collect();
    assert_eq!(json!(said), json!([[1, 1], [2, 2]]));
    assert_eq!(values(&run(["c", "b", "a"]), "computer"), ["k!Y 7 <3", "k!x 1 <3 !"]);
    assert_eq!(forth["counts"], json!({"values": 2, "overridden": 1, "removed": 0, "conflicts": 1, "policies": 0}));
}

/// b says of X what a says: no conflict, though two GPOs speak of it. Of Z they differ. --only changed lists both, --only
/// conflicts Z alone; Y, of which a alone speaks, is in neither. The counts are of all in each case.
#[test]
fn only_a_part_can_be_listed() {
    let dir = TestDir::new();
    computer(&dir, "a", PolBuilder::new().dword("K", "X", 1).dword("K", "Y", 1).dword("K", "Z", 1));
    computer(&dir, "b", PolBuilder::new().dword("K", "X", 1).sz("K", "Z", "1"));
    let run =
        |only: &[&str]| dir.run(["effective", "a", "b", "--no-admx", "-f", "json"].iter().chain(only).copied()).json();
    assert_eq!(values(&run(&[]), "computer"), ["K!X 1 <2", "K!Y 1 <1", "K!Z \"1\" <2 !"]);
    assert_eq!(values(&run(&["--only", "changed"]), "computer"), ["K!X 1 <2", "K!Z \"1\" <2 !"]);
    let conflicts = run(&["--only", "conflicts"]);
    assert_eq!(values(&conflicts, "computer"), ["K!Z \"1\" <2 !"]);
    assert_eq!(conflicts["counts"]["values"], 3);
}

/// Deletions reach back over GPOs, not forward. a sets K: p, q, r and K\S: s. b empties K and sets q again: p and r are gone by
/// b, q is b's; K\S stays, since **delvals. leaves subkeys. c deletes the key K\S with all in it, and p by name, which is
/// c's word on it then; and sets r, which is back.
#[test]
fn deletions_reach_back_over_gpos() {
    let dir = TestDir::new();
    computer(
        &dir,
        "a",
        PolBuilder::new().dword("K", "p", 1).dword("K", "q", 1).dword("K", "r", 1).dword(r"K\S", "s", 1),
    );
    computer(&dir, "b", PolBuilder::new().del_all_values("K").dword("K", "q", 2));
    computer(&dir, "c", delete_keys(PolBuilder::new(), "K", "S").del("K", "p").dword("K", "r", 3));
    let run = |gpos: &[&str]| dir.run(["effective", "--no-admx", "-f", "json"].iter().chain(gpos).copied()).json();
    assert_eq!(
        values(&run(&["a", "b"]), "computer"),
        ["K!p deleted <2 !", "K!q 2 <2 !", "K!r deleted <2 !", r"K\S!s 1 <1"]
    );
    let all = run(&["a", "b", "c"]);
    assert_eq!(values(&all, "computer"), ["K!p deleted <3 !", "K!q 2 <2 !", "K!r 3 <3 !", r"K\S!s deleted <3 !"]);
    assert_eq!(all["counts"], json!({"values": 2, "overridden": 2, "removed": 2, "conflicts": 4, "policies": 0}));
    // Weakest last: c's and b's deletions come before a sets the values, and do nothing to them.
    assert_eq!(values(&run(&["c", "b", "a"]), "computer"), ["K!p 1 <3 !", "K!q 1 <3 !", "K!r 1 <3 !", r"K\S!s 1 <3"]);
    // **DeleteKeys with the path from the root, as the one known file of Windows' own has it, and **soft., which yields.
    computer(&dir, "d", delete_keys(PolBuilder::new(), "K", r"K\S").record("K", "**soft.q", 4, &[9, 0, 0, 0]));
    assert_eq!(values(&run(&["a", "d"]), "computer")[1..], ["K!q 1 <1", "K!r 1 <1", r"K\S!s deleted <2 !"]);
}

/// A list of folders, which the template writes with **delvals. in front, replaces what weaker GPOs listed: entries 1 and 2 of
/// the weak one are gone but for 1, which the strong one sets anew. Explicit names without **delvals. add up.
#[test]
fn one_list_replaces_and_another_adds() {
    let dir = TestDir::new();
    dir.write_store();
    let (paths, users) = (format!(r"{KEY}\Paths"), format!(r"{KEY}\Users"));
    let list = |entries: &[(&str, &str)], own: &str| {
        let pol = PolBuilder::new().dword(KEY, "Collect", 1).del_all_values(&paths);
        entries.iter().fold(pol, |pol, (name, data)| pol.sz(&paths, name, data)).sz(&users, own, own)
    };
    computer(&dir, "weak", list(&[("1", "a"), ("2", "b")], "ann"));
    computer(&dir, "strong", list(&[("1", "c")], "bob"));
    let effective = dir.run(["effective", "weak", "strong", "--admx", "store", "-f", "json"]).json();
    assert_eq!(
        values(&effective, "computer"),
        [
            format!("{KEY}!Collect 1 <2"),
            format!("{paths}!1 \"c\" <2 !"),
            format!("{paths}!2 deleted <2 !"),
            format!("{users}!ann \"ann\" <1"),
            format!("{users}!bob \"bob\" <2"),
        ]
    );
    let policy = &effective["sides"][0]["policies"][0];
    assert_eq!((&policy["id"], &policy["state"]), (&json!("Acme.Policies:Collect"), &json!("enabled")));
    let element = |id: &str| {
        let elements = policy["elements"].as_array().unwrap();
        elements.iter().find(|element| element["id"] == id).unwrap()["value"].clone()
    };
    assert_eq!(element("Paths"), json!(["c"]));
    assert_eq!(element("Users"), json!([{"name": "ann", "data": "ann"}, {"name": "bob", "data": "bob"}]));
    // Both have a word in it: ann is still the weak one's.
    assert_eq!((&policy["by"], &policy["others"]), (&json!([1, 2]), &json!([])));
    assert_file_snapshot!("effective_lists", dir.run(["effective", "weak", "strong", "--admx", "store"]));
}

/// Weak: Enabled (1). Strong: Disabled, for which this template deletes the value. Disabled, by the strong one alone.
#[test]
fn a_policy_names_who_decided_it_and_whom_that_overrides() {
    let dir = TestDir::new();
    dir.write_store();
    computer(&dir, "weak", PolBuilder::new().dword(KEY, "Twin", 1).dword(r"K", "x", 1));
    computer(&dir, "strong", PolBuilder::new().del(KEY, "Twin"));
    let run = |words: &[&str]| dir.run(["effective", "weak", "strong", "--admx", "store"].iter().chain(words).copied());
    let policy = run(&["-f", "json"]).json()["sides"][0]["policies"][0].clone();
    assert_eq!(
        json!([policy["id"], policy["state"], policy["by"], policy["others"]]),
        json!(["Acme.Policies:TwinA", "disabled", [2], [{"layer": 1, "state": "enabled"}]])
    );
    assert_file_snapshot!("effective_conflicts", run(&["--only", "conflicts"]));
}

/// Options=2 switches the computer half off, 1 the user half, 3 both: nothing of that half counts, and the order says so.
#[test]
fn a_half_that_is_switched_off_counts_for_nothing() {
    for (options, computer, user) in [(0, 1, 1), (1, 1, 0), (2, 0, 1), (3, 0, 0)] {
        let dir = TestDir::new();
        dir.write("gpo/gpt.ini", format!("[General]\r\nVersion=65537\r\nOptions={options}\r\n"));
        dir.write("gpo/Machine/Registry.pol", PolBuilder::new().dword("K", "c", 1).build());
        dir.write("gpo/User/Registry.pol", PolBuilder::new().dword("K", "u", 1).build());
        let effective = dir.run(["effective", "gpo", "--no-admx", "-f", "json"]).json();
        let counted = [values(&effective, "computer").len(), values(&effective, "user").len()];
        assert_eq!(counted, [computer, user], "Options={options}");
        assert_eq!(effective["order"][0]["off"].as_array().unwrap().len(), 2 - computer - user);
    }
}

/// The local GPO says ScreenSaveActive = 1 for all; administrators 2, the others 3, one user 4. By [TN cc731758]: all, then
/// administrators or the others, then the user's own; the last wins. Who is not asked for is left out, and told.
#[test]
fn local_policy_of_groups_and_users_comes_behind_that_of_all() {
    let dir = TestDir::new();
    let system = "image/Windows/System32";
    let user = "S-1-5-21-1-2-3-1001";
    for (folder, n) in [
        ("GroupPolicy".to_owned(), 1),
        ("GroupPolicyUsers/S-1-5-32-544".to_owned(), 2),
        ("GroupPolicyUsers/S-1-5-32-545".to_owned(), 3),
        (format!("GroupPolicyUsers/{user}"), 4),
    ] {
        dir.write(&format!("{system}/{folder}/User/Registry.pol"), PolBuilder::new().dword("K", "X", n).build());
    }
    let run = |who: &[&str]| {
        let words = who.iter().flat_map(|who| ["--as", who]);
        dir.run(["effective", "image", "--no-admx", "-f", "json"].into_iter().chain(words)).json()
    };
    let nobody = run(&[]);
    assert_eq!(values(&nobody, "user"), ["K!X 1 <1"]);
    assert_eq!(nobody["left_out"].as_array().unwrap().len(), 3);
    assert_eq!(values(&run(&["administrators"]), "user"), ["K!X 2 <2 !"]);
    assert_eq!(values(&run(&["non-administrators"]), "user"), ["K!X 3 <2 !"]);
    // The order of the words does not count: Windows applies the user's own last.
    assert_eq!(values(&run(&[user, "administrators"]), "user"), ["K!X 4 <3 !"]);
    assert_eq!(run(&[user, "administrators"])["left_out"].as_array().unwrap().len(), 1);
}

/// A file says the order: by path, GUID and GUID without braces. What it does not name is left out.
#[test]
fn a_file_may_say_the_order() {
    let dir = TestDir::new();
    for (guid, n) in [(A, 1), (B, 2), (C, 3), (D, 4)] {
        computer(&dir, &format!("Policies/{guid}"), PolBuilder::new().dword("K", "X", n));
    }
    let order =
        format!("# weakest first\r\n{}\r\n\r\nPolicies/{C}\r\n{A}\r\n", B.trim_matches(['{', '}']).to_lowercase());
    dir.write("order.txt", order);
    let effective = dir.run(["effective", "Policies", "--order", "order.txt", "--no-admx", "-f", "json"]).json();
    assert_eq!(values(&effective, "computer"), ["K!X 1 <3 !"]);
    let guids: Vec<&Value> = effective["order"].as_array().unwrap().iter().map(|layer| &layer["gpo"]["guid"]).collect();
    assert_eq!(guids, [B, C, A]);
    assert_eq!(effective["left_out"][0]["gpo"]["guid"], D);
    // Without it, the paths decide, and that is said.
    let run = dir.run(["effective", "Policies", "--no-admx", "-f", "json"]).json();
    assert!(run["assumed"][0].as_str().unwrap().contains("in the order of their paths"), "{run}");
    assert_eq!(values(&run, "computer"), ["K!X 4 <4 !"]);
    dir.write("order.txt", "nobody\n");
    assert_eq!(dir.run(["effective", "Policies", "--order", "order.txt"]).refused(3), "E0422");
}

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
        (mode(1), None, json!({"mode": "merge", "by": 2})),
        (mode(1), Some(mode(2)), json!({"mode": "replace", "by": 4})),
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

/// One policy alone: a says Enabled, b deletes the value, which is Disabled of this template. Of a policy that nobody speaks of,
/// the answer is no. Values of which all are gone with their key, so that there is no state, are told still.
#[test]
fn one_policy_can_be_asked_for() {
    let dir = TestDir::new();
    dir.write_store();
    computer(&dir, "a", PolBuilder::new().dword(KEY, "Twin", 1).dword(KEY, "Collect", 1).dword("K", "x", 1));
    computer(&dir, "b", PolBuilder::new().del(KEY, "Twin"));
    let of = |gpos: &[&str], policy: &str| {
        let words = ["--policy", policy, "--admx", "store", "-f", "json"];
        dir.run(["effective"].iter().chain(gpos).chain(&words).copied())
    };
    let twin = of(&["a", "b"], "Acme.Policies:TwinA").json();
    assert_eq!(values(&twin, "computer"), [format!("{KEY}!Twin deleted <2 !")]);
    assert_eq!(twin["sides"][0]["policies"][0]["others"], json!([{"layer": 1, "state": "enabled"}]));
    assert_eq!(twin["counts"]["values"], 2, "of all");
    let nobody = of(&["b"], "Acme.Policies:Collect");
    assert_eq!((nobody.status, values(&crate::bench::parse(&nobody.stdout()), "computer")), (Some(1), vec![]));
    let (above, last) = KEY.rsplit_once('\\').unwrap();
    computer(&dir, "c", delete_keys(PolBuilder::new(), above, last));
    let gone = of(&["a", "c"], "Acme.Policies:TwinA").json();
    assert_eq!(values(&gone, "computer"), [format!("{KEY}!Twin deleted <2 !")]);
    assert_eq!(of(&["a"], "No such thing").refused(3), "E0301");
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

/// One GPO of three is malformed: the others count, a message names it, and the exit code is 7.
#[test]
fn one_unreadable_gpo_among_many_is_told() {
    let dir = TestDir::new();
    computer(&dir, &format!("Policies/{A}"), PolBuilder::new().dword("K", "X", 1));
    computer(&dir, &format!("Policies/{B}"), PolBuilder::new().dword("K", "X", 2).cut(3));
    computer(&dir, &format!("Policies/{C}"), PolBuilder::new().dword("K", "X", 3));
    let run = dir.run(["effective", "Policies", "--no-admx", "-f", "json"]);
    assert_eq!(run.status, Some(7), "{run}");
    let effective = crate::bench::parse(&run.stdout());
    assert_eq!(values(&effective, "computer"), ["K!X 3 <3 !"]);
    assert_eq!(effective["unreadable"][0]["gpo"]["guid"], B);
    assert!(run.stderr().contains("Registry.pol"), "{run}");
}
