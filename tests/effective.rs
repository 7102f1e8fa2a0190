//! `gpol effective`: hand-made sets of GPOs, each result derived by hand in the comment above it.

use fixtures::{PolBuilder, REG_SZ};
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::TestDir;
use crate::store::KEY;

pub const A: &str = "{AAAAAAAA-016D-11D2-945F-00C04FB984F9}";
pub const B: &str = "{BBBBBBBB-016D-11D2-945F-00C04FB984F9}";
pub const C: &str = "{CCCCCCCC-016D-11D2-945F-00C04FB984F9}";
pub const D: &str = "{DDDDDDDD-016D-11D2-945F-00C04FB984F9}";

pub fn computer(dir: &TestDir, gpo: &str, pol: PolBuilder) {
    dir.write(&format!("{gpo}/Machine/Registry.pol"), pol.build());
}

fn sz(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn delete_keys(pol: PolBuilder, key: &str, keys: &str) -> PolBuilder {
    pol.record(key, "**DeleteKeys", REG_SZ, &sz(keys))
}

/// `key!name value <gpo`, `key!name deleted <gpo`: what is in the end, and who decides. `!` behind it where GPOs differ.
pub fn values(effective: &Value, side: &str) -> Vec<String> {
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

/// Three GPOs have the list of folders: base purges and lists a and b; add has no purge and lists c as 3; top purges and lists d as 1.
/// In this order only d is left, and 2 and 3 are gone by top. With top first, base's purge takes d with it, and a, b, c stand: what
/// adds must come behind what replaces.
#[test]
fn a_purge_takes_what_weaker_gpos_added() {
    let dir = TestDir::new();
    let purge = || PolBuilder::new().del_all_values("L");
    computer(&dir, "base", purge().sz("L", "1", "a").sz("L", "2", "b"));
    computer(&dir, "add", PolBuilder::new().sz("L", "3", "c"));
    computer(&dir, "top", purge().sz("L", "1", "d"));
    let run = |gpos: &[&str]| dir.run(["effective", "--no-admx", "-f", "json"].iter().chain(gpos).copied()).json();
    assert_eq!(
        values(&run(&["base", "add", "top"]), "computer"),
        ["L!1 \"d\" <3 !", "L!2 deleted <3 !", "L!3 deleted <3 !"]
    );
    assert_eq!(values(&run(&["top", "base", "add"]), "computer"), ["L!1 \"a\" <2 !", "L!2 \"b\" <2", "L!3 \"c\" <3"]);
    assert_eq!(values(&run(&["add", "base"]), "computer"), ["L!1 \"a\" <2", "L!2 \"b\" <2", "L!3 deleted <2 !"]);
}

/// **DeleteKeys takes a key with all below it, however deep, and nothing that is only spelled alike: K\S\T\U!v and K\S!w go, K\Sx!z
/// stays. A list of two keys takes both. A stronger GPO may make a key anew: K\S!w = 5 by c, and v stays gone.
#[test]
fn a_key_goes_with_all_below_it() {
    let dir = TestDir::new();
    let a =
        PolBuilder::new().dword(r"K\S\T\U", "v", 1).dword(r"K\S", "w", 1).dword(r"K\Sx", "z", 1).dword(r"K\R", "r", 1);
    computer(&dir, "a", a);
    computer(&dir, "b", delete_keys(PolBuilder::new(), "k", "s;R"));
    computer(&dir, "c", PolBuilder::new().dword(r"K\S", "w", 5));
    let run = |gpos: &[&str]| dir.run(["effective", "--no-admx", "-f", "json"].iter().chain(gpos).copied()).json();
    let expected = [r"K\R!r deleted <2 !", r"K\S!w deleted <2 !", r"K\S\T\U!v deleted <2 !", r"K\Sx!z 1 <1"];
    assert_eq!(values(&run(&["a", "b"]), "computer"), expected);
    assert_eq!(values(&run(&["a", "b", "c"]), "computer")[1], r"K\S!w 5 <3 !");
}

/// **soft. sets what is not there yet: y = 7 by b, but x stays a's. **DeleteValues then takes both away, and a **soft. behind that
/// finds nothing: x = 9 by d. In one file the same holds: p is deleted and then set softly.
#[test]
fn soft_values_yield_to_what_is_there() {
    let dir = TestDir::new();
    let soft = |pol: PolBuilder, name: &str, n: u8| pol.record("K", &format!("**soft.{name}"), 4, &[n, 0, 0, 0]);
    computer(&dir, "a", PolBuilder::new().dword("K", "x", 1).dword("K", "p", 1));
    computer(&dir, "b", soft(soft(PolBuilder::new(), "x", 8), "y", 7));
    computer(&dir, "c", PolBuilder::new().record("K", "**DeleteValues", REG_SZ, &sz("X;y")));
    computer(&dir, "d", soft(soft(PolBuilder::new().del("K", "p"), "p", 3), "x", 9));
    let run = |gpos: &[&str]| dir.run(["effective", "--no-admx", "-f", "json"].iter().chain(gpos).copied()).json();
    assert_eq!(values(&run(&["a", "b"]), "computer"), ["K!p 1 <1", "K!x 1 <1", "K!y 7 <2"]);
    let all = run(&["a", "b", "c", "d"]);
    assert_eq!(values(&all, "computer"), ["K!p 3 <4 !", "K!x 9 <4 !", "K!y deleted <3 !"]);
}

/// The last type counts, and a number is no text of the same digits: a says REG_DWORD 1, b REG_SZ "1", c REG_DWORD 1 again. With c
/// the result is a's, yet b contradicts it; without b nobody does.
#[test]
fn another_type_is_another_value() {
    let dir = TestDir::new();
    computer(&dir, "a", PolBuilder::new().dword("K", "X", 1));
    computer(&dir, "b", PolBuilder::new().sz("K", "X", "1"));
    computer(&dir, "c", PolBuilder::new().dword("K", "X", 1));
    let run = |gpos: &[&str]| dir.run(["effective", "--no-admx", "-f", "json"].iter().chain(gpos).copied()).json();
    let two = run(&["a", "b"]);
    assert_eq!(values(&two, "computer"), ["K!X \"1\" <2 !"]);
    assert_eq!(two["sides"][0]["values"][0]["record"]["type"], "REG_SZ");
    assert_eq!(values(&run(&["a", "b", "c"]), "computer"), ["K!X 1 <3 !"]);
    assert_eq!(values(&run(&["a", "c"]), "computer"), ["K!X 1 <2"]);
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

/// Both empty the list of a policy in which nothing is: there is no value to decide on, yet the policy is Disabled, by the stronger
/// one. Nothing contradicts anything, and no value is spoken of.
#[test]
fn a_policy_without_a_value_has_its_gpo_too() {
    let dir = TestDir::new();
    let admx = r#"<policyDefinitions revision="1.0" schemaVersion="1.0" xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <policyNamespaces><target prefix="l" namespace="Test.Lists" /></policyNamespaces><resources minRequiredRevision="1.0" />
  <categories><category name="C" displayName="$(string.C)" /></categories>
  <policies><policy name="List" class="Machine" displayName="$(string.C)" key="Software\Policies\L"><parentCategory ref="C" />
    <elements><list id="L" key="Software\Policies\L" valuePrefix="" /></elements></policy></policies></policyDefinitions>"#;
    let adml = r#"<policyDefinitionResources revision="1.0" schemaVersion="1.0" xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <displayName /><description /><resources><stringTable><string id="C">C</string></stringTable></resources></policyDefinitionResources>"#;
    dir.write("store/L.admx", admx);
    dir.write("store/en-US/L.adml", adml);
    for gpo in ["weak", "strong"] {
        computer(&dir, gpo, PolBuilder::new().del_all_values(r"Software\Policies\L"));
    }
    let run = |only: &[&str]| {
        let words = ["effective", "weak", "strong", "--admx", "store", "-f", "json"];
        dir.run(words.iter().chain(only).copied()).json()["sides"][0]["policies"].clone()
    };
    let policy = &run(&[])[0];
    assert_eq!(json!([policy["id"], policy["state"], policy["by"]]), json!(["Test.Lists:List", "disabled", [2]]));
    assert_eq!(run(&["--only", "changed"]), json!([]));
    assert_eq!(run(&["--only", "conflicts"]), json!([]));
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
        // No document says which bit means which side.
        assert_eq!(effective["assumed"].to_string().contains("unverified"), options != 0, "Options={options}");
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
