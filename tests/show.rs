//! `gpol show`: the page, and the JSON contract member by member.

use fixtures::{PolBuilder, REG_DWORD_BIG_ENDIAN, REG_SZ};
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, TestDir, USER_POL, keys, slashes};
use crate::store::KEY;

const RECORD: [&str; 8] = ["action", "index", "key", "offset", "raw", "type", "value", "value_name"];

fn fixture(name: &str) -> Vec<u8> {
    let found = fixtures::pol_files().into_iter().find(|(file, _, _)| file.strip_suffix(".pol") == Some(name));
    found.unwrap_or_else(|| panic!("no fixture {name}")).1
}

#[test]
fn the_golden_image_is_shown_by_policy() {
    let run = TestDir::with_image().run(["show", "image"]);
    run.ok();
    assert_file_snapshot!("show_image", run);
}

#[test]
fn a_broken_side_does_not_hide_the_intact_one() {
    let dir = TestDir::with_image();
    let whole = dir.run(["show", "image", "--scope", "computer"]).ok();
    let (_, computer) = whole.split_once("\nComputer: ").expect("the side");
    dir.write(USER_POL, b"These are no records.");
    let run = dir.run(["show", "image"]);
    assert_eq!(run.status, Some(7), "{run}");
    assert!(run.stderr().starts_with("error[E0201]: ") && slashes(&run.stderr()).contains(USER_POL), "{run}");
    assert!(run.stdout().contains(&format!("\nComputer: {computer}")), "{run}");
    assert!(run.stdout().contains("\nUser: cannot be read  "), "{run}");
    let show = dir.run(["show", "image", "-f", "json"]);
    assert_eq!(show.status, Some(7));
    let show: Value = serde_json::from_slice(&show.out).expect("JSON");
    assert_eq!(show["sides"].as_array().map(Vec::len), Some(1));
    assert_eq!((&show["broken"][0]["scope"], show["broken"].as_array().map(Vec::len)), (&json!("user"), Some(1)));

    // Who asks for the intact one has all of the answer; who asks for the broken one has none.
    assert_eq!(dir.run(["show", "image", "--scope", "computer"]).ok(), whole);
    assert_eq!(dir.run(["show", "image", "--scope", "user"]).refused(4), "E0201");
    dir.write(COMPUTER_POL, b"Nor are these.");
    assert_eq!(dir.run(["show", "image"]).refused(4), "E0201");
}

#[test]
fn a_broken_side_is_compared_and_checked_with_nothing_and_the_other_one_is() {
    let dir = TestDir::with_image();
    fixtures::write_tree(&dir.path("intact"), &fixtures::golden_image()).expect("the image is written");
    dir.write(USER_POL, b"These are no records.");
    let listed = dir.run(["policy", "list", "image", "--configured"]);
    assert_eq!(listed.status, Some(7), "{listed}");
    assert!(listed.stderr().starts_with("error[E0201]: ") && listed.stdout().contains("Network Level"), "{listed}");
    for words in [
        ["diff", "image", "intact"],
        ["diff", "intact", "image"],
        ["check", "image", "intact"],
        ["check", "intact", "image"],
    ] {
        let run = dir.run(words);
        assert_eq!(run.status, Some(7), "{words:?} {run}");
        assert!(run.stderr().starts_with("error[E0201]: ") && slashes(&run.stderr()).contains(USER_POL), "{run}");
        // The user side of the golden image has a screen saver: not absent here, and not extra there.
        assert!(!run.stdout().contains("ScreenSave"), "{words:?} {run}");
        dir.run([&words[..], &["--scope", "computer"]].concat()).ok();
        assert_eq!(dir.run([&words[..], &["--scope", "user"]].concat()).refused(4), "E0201");
        let says = if words[0] == "diff" {
            "No difference in what could be read: "
        } else {
            "as expected where it was checked"
        };
        assert!(run.stdout().contains(says), "{run}");
    }
    // What is written must be whole, but only of what is asked for.
    let lines = dir.run(["convert", "intact", "-f", "lgpo", "--scope", "computer"]).ok().replace("intact", "image");
    assert_eq!(dir.run(["convert", "image", "-f", "lgpo", "--scope", "computer"]).ok(), lines);
    assert_eq!(dir.run(["convert", "image", "-f", "lgpo"]).refused(4), "E0201");
    dir.run(["policy", "set", "image", "TS_ENCRYPTION_POLICY", "disabled"]).ok();
    for words in [["diff", "image", "intact"], ["check", "image", "intact"]] {
        let run = dir.run(words);
        assert_eq!(run.status, Some(7), "{run}");
        assert!(run.stdout().contains("Set client connection encryption level"), "{words:?} {run}");
    }
    // What a state file wants of the broken side alone is not checked: neither a yes nor a no.
    dir.write(
        "user.yaml",
        "apiVersion: gpol/v1\nkind: PolicySet\nuser: {registry: [{key: K, value: V, type: dword, data: 1}]}\n",
    );
    let run = dir.run(["check", "image", "user.yaml"]);
    assert_eq!(run.status, Some(7), "{run}");
}

#[test]
fn the_json_has_exactly_the_contracts_members() {
    let dir = TestDir::with_image();
    let show = dir.run(["show", "image", "--format", "json"]).json();
    assert_eq!(show["schema"], "gpol.show/1");
    for name in ["admx", "findings", "schema", "sides", "target", "version"] {
        assert!(keys(&show).contains(&name), "{name}");
    }
    assert_eq!(keys(&show["target"]), ["guid", "kind", "name", "path"]);
    assert_eq!(show["target"], json!({"kind": "windows", "path": "image", "guid": null, "name": null}));
    assert_eq!(keys(&show["admx"]), ["builtin", "files", "findings", "language", "stores"]);
    let admx = &show["admx"];
    assert_eq!((&admx["builtin"], &admx["stores"], &admx["language"]), (&json!(true), &json!([]), &json!("en-US")));
    let sides = show["sides"].as_array().unwrap();
    assert_eq!(sides.len(), 2);
    for (side, (name, file, records)) in sides.iter().zip([("computer", COMPUTER_POL, 6), ("user", USER_POL, 2)]) {
        assert_eq!(keys(side), ["file", "policies", "records", "scope", "side", "unexplained", "version"]);
        assert_eq!((&side["side"], &side["scope"], &side["records"]), (&json!(name), &json!(name), &json!(records)));
        assert_eq!(slashes(side["file"].as_str().unwrap()), file);
    }
    let policies = sides[0]["policies"].as_array().unwrap();
    let of_each: Vec<(&str, &str, &Value)> = policies
        .iter()
        .map(|policy| (policy["name"].as_str().unwrap(), policy["state"].as_str().unwrap(), &policy["record_indexes"]))
        .collect();
    assert_eq!(
        of_each,
        [
            ("TS_DISABLE_CONNECTIONS", "enabled", &json!([2])),
            ("TS_SECURITY_LAYER_POLICY", "enabled", &json!([4])),
            ("TS_USER_AUTHENTICATION_POLICY", "enabled", &json!([5])),
            ("TS_ENCRYPTION_POLICY", "enabled", &json!([3])),
        ]
    );
    for policy in policies {
        for name in [
            "id",
            "namespace",
            "name",
            "display_name",
            "category",
            "state",
            "supported_on",
            "comment",
            "record_indexes",
            "elements",
        ] {
            assert!(keys(policy).contains(&name), "{name}");
        }
        let (id, name) = (policy["id"].as_str().unwrap(), policy["name"].as_str().unwrap());
        assert_eq!(policy["namespace"], "Microsoft.Policies.TerminalServer");
        assert_eq!(id, format!("Microsoft.Policies.TerminalServer:{name}"));
        assert_eq!(policy["category"][0], "Windows Components", "the outermost category comes first");
        assert_eq!(policy["comment"], Value::Null);
    }
    let encryption = &policies[3]["elements"];
    assert_eq!(
        encryption,
        &json!([{
            "id": "TS_ENCRYPTION_LEVEL", "kind": "enum", "label": "Encryption Level", "state": "enabled",
            "value": 3, "display": "High Level",
        }])
    );
    let tier = &sides[0]["unexplained"][0];
    assert_eq!(
        tier,
        &json!({
            "index": 0, "offset": 8, "key": r"SOFTWARE\Policies\Acme\Agent", "value_name": "Tier", "action": "set",
            "type": "REG_SZ", "value": "gold", "raw": "67006f006c0064000000",
        })
    );
    assert_eq!(sides[0]["unexplained"].as_array().unwrap().len(), 2);
    assert_eq!((&sides[1]["policies"], sides[1]["unexplained"].as_array().unwrap().len()), (&json!([]), 2));
}

#[test]
fn every_record_is_explained_by_a_policy_or_listed() {
    let dir = TestDir::with_image();
    for words in [&["show", "image", "-f", "json"][..], &["show", "image", "--no-admx", "-f", "json"]] {
        let show = dir.run(words.iter().copied()).json();
        for side in show["sides"].as_array().unwrap() {
            assert_eq!(crate::corpus::seen(side), (0..side["records"].as_u64().unwrap()).collect::<Vec<_>>());
        }
    }
}

#[test]
fn directives_are_named_and_value_names_stand_as_in_the_file() {
    let dir = TestDir::with("x.pol", fixture("directives_of_every_kind"));
    let show = dir.run(["show", "x.pol", "--records", "--format", "json"]).json();
    let side = &show["sides"][0];
    assert_eq!(keys(side), ["file", "records", "scope", "side", "version"]);
    let records = side["records"].as_array().unwrap();
    let told: Vec<[&Value; 4]> =
        records.iter().map(|r| [&r["value_name"], &r["action"], &r["type"], &r["value"]]).collect();
    let expected = json!([
        ["**delvals.", "delete-all-values", "REG_SZ", " "],
        ["Level", "set", "REG_DWORD", 3],
        ["**del.Mode", "delete-value", "REG_SZ", " "],
        ["**del.Dotted.Name", "delete-value", "REG_SZ", " "],
        ["**DeleteValues", "delete-values", "REG_SZ", "Left;Right"],
        ["**DeleteKeys", "delete-keys", "REG_SZ", "Old;Older"],
        ["**SecureKey", "secure-key", "REG_DWORD", 1],
        ["**soft.Default", "set-if-missing", "REG_DWORD", 5],
        ["**Comment:GPO Name: Baseline", "comment", "REG_SZ", ""],
        ["", "create-key", "REG_NONE", null],
    ]);
    assert_eq!(json!(told), expected);
    for (index, record) in records.iter().enumerate() {
        assert_eq!(keys(record), RECORD);
        assert_eq!(record["index"], index);
    }
    assert_eq!(records[0]["offset"], 8);
    let unknown = TestDir::with("x.pol", fixture("an_unknown_directive_is_kept"));
    let show = unknown.run(["show", "x.pol", "--records", "-f", "json"]).json();
    let future = show["sides"][0]["records"].as_array().unwrap().iter().find(|r| r["value_name"] == "**Future.Name");
    assert_eq!(future.unwrap()["action"], "unknown");
}

/// Types, values and raw data of a file with one record for each case.
#[test]
fn values_are_typed_and_their_bytes_stand_beside_them() {
    let pol = PolBuilder::new()
        .qword(KEY, "A", 1 << 53)
        .qword(KEY, "B", (1 << 53) + 1)
        .qword(KEY, "C", u64::MAX)
        .record(KEY, "D", REG_DWORD_BIG_ENDIAN, &[0, 0, 1, 2])
        .multi_sz(KEY, "E", &["x", "y"])
        .multi_sz(KEY, "F", &[])
        .expand_sz(KEY, "G", "%windir%")
        .binary(KEY, "H", &[0, 255])
        .record(KEY, "I", 4, &[1, 2])
        .record(KEY, "J", 0x12345, &[7])
        .record(KEY, "K", REG_SZ, b"")
        .dword(KEY, "", 9)
        .build();
    let dir = TestDir::with("x.pol", pol);
    let show = dir.run(["show", "x.pol", "--records", "-f", "json"]).json();
    let records = show["sides"][0]["records"].as_array().unwrap();
    let told: Vec<Value> = records
        .iter()
        .map(|r| json!([r["value_name"], r["type"], r["value"], r["raw"], r.get("hex").unwrap_or(&Value::Null)]))
        .collect();
    let expected = [
        json!(["A", "REG_QWORD", 9_007_199_254_740_992_u64, "0000000000002000", null]),
        json!(["B", "REG_QWORD", 9_007_199_254_740_993_u64, "0100000000002000", "0x20000000000001"]),
        json!(["C", "REG_QWORD", u64::MAX, "ffffffffffffffff", "0xffffffffffffffff"]),
        json!(["D", "REG_DWORD_BIG_ENDIAN", 0x102, "00000102", null]),
        json!(["E", "REG_MULTI_SZ", ["x", "y"], "7800000079000000".to_owned() + "0000", null]),
        json!(["F", "REG_MULTI_SZ", [], "0000", null]),
        json!(["G", "REG_EXPAND_SZ", "%windir%", "2500770069006e0064006900720025000000", null]),
        json!(["H", "REG_BINARY", "00ff", "00ff", null]),
        json!(["I", "REG_DWORD", null, "0102", null]),
        json!(["J", 0x12345, null, "07", null]),
        json!(["K", "REG_SZ", null, "", null]),
        json!(["", "REG_DWORD", 9, "09000000", null]),
    ];
    assert_eq!(told, expected);
}

#[test]
fn text_that_is_no_utf_16_stands_as_its_units() {
    let dir = TestDir::with("x.pol", fixture("a_value_name_may_hold_a_lone_surrogate"));
    let out = dir.run(["show", "x.pol", "--records", "-f", "json"]).ok();
    let show = crate::bench::parse(&out);
    let records = show["sides"][0]["records"].as_array().unwrap();
    let names: Vec<&Value> = records.iter().map(|r| &r["value_name"]).filter(|name| name.is_object()).collect();
    assert!(!names.is_empty());
    for name in names {
        assert_eq!(keys(name), ["utf16le"]);
        let hex = name["utf16le"].as_str().unwrap();
        assert!(
            hex.len().is_multiple_of(4) && hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()),
            "{hex}"
        );
        // A surrogate's high byte is D8 to DF.
        let units = hex.as_bytes().chunks(4).map(|unit| String::from_utf8_lossy(unit).into_owned());
        assert!(units.clone().any(|unit| ("d8".."e0").contains(&&unit[2..])), "{hex}");
    }
    assert!(!out.contains('\u{FFFD}'), "nothing was replaced");
}

#[test]
fn records_are_shown_with_numbers_from_1_and_offsets() {
    let run = TestDir::with_image().run(["show", "image", "--records"]);
    run.ok();
    assert_file_snapshot!("show_records", run);
}

#[test]
fn without_templates_every_record_is_shown_by_its_key() {
    let dir = TestDir::with_image();
    let run = dir.run(["show", "image", "--no-admx"]);
    run.ok();
    assert_file_snapshot!("show_without_templates", run);
    let show = dir.run(["show", "image", "--no-admx", "-f", "json"]).json();
    assert_eq!(show["admx"], Value::Null);
    assert_eq!(
        (&show["sides"][0]["policies"], show["sides"][0]["unexplained"].as_array().unwrap().len()),
        (&json!([]), 6)
    );
}

#[test]
fn one_side_can_be_asked_for() {
    let dir = TestDir::with_image();
    let show = dir.run(["show", "image", "--scope", "user", "-f", "json"]).json();
    assert_eq!((show["sides"].as_array().unwrap().len(), &show["sides"][0]["side"]), (1, &json!("user")));
    // A bare file whose folder does not tell is what one says it is.
    dir.write("x.pol", fixture("directives_of_every_kind"));
    let side = |words: &[&str]| dir.run(words.iter().copied()).json()["sides"][0]["side"].clone();
    assert_eq!(side(&["show", "x.pol", "-f", "json"]), Value::Null);
    assert_eq!(side(&["show", "x.pol", "-f", "json", "--scope", "user"]), "user");
    assert_eq!(side(&["show", COMPUTER_POL, "-f", "json"]), "computer");
}

#[test]
fn each_kind_of_target_is_named() {
    let dir = TestDir::with_image();
    let guid = "{31B2F340-016D-11D2-945F-00C04FB984F9}";
    dir.write(&format!("Policies/{guid}/gpt.ini"), "[General]\r\nVersion=65538\r\n");
    dir.write(&format!("Policies/{guid}/Machine/Registry.pol"), dir.read(COMPUTER_POL));
    dir.write("backup/DomainSysvol/GPO/Machine/registry.pol", dir.read(COMPUTER_POL));
    let sysvol = format!("Policies/{guid}");
    for (target, kind) in [
        ("image", "windows"),
        ("image/Windows", "windows"),
        ("image/Windows/System32/GroupPolicy", "gpo-local"),
        (COMPUTER_POL, "pol"),
        (&sysvol, "gpo-sysvol"),
        ("backup", "gpo-backup"),
    ] {
        let show = dir.run(["show", target, "-f", "json"]).json();
        assert_eq!(show["target"]["kind"], kind, "{target}");
        assert_eq!(show["sides"][0]["records"], 6, "{target}");
    }
    let show = dir.run(["show", &sysvol, "-f", "json"]).json();
    assert_eq!(show["target"]["guid"], guid);
}

#[test]
fn contradicting_records_are_mixed_and_named() {
    let pol = PolBuilder::new().dword(KEY, "Twin", 1).dword(KEY, "Both", 5).build();
    let dir = TestDir::with("Machine/Registry.pol", pol);
    dir.write_store();
    let show = dir.run(["show", "Machine/Registry.pol", "--admx", "store", "-f", "json"]).json();
    let states: Vec<[&Value; 3]> = show["sides"][0]["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| [&policy["name"], &policy["state"], &policy["record_indexes"]])
        .collect();
    // `Both` = 5 is neither state: enabled writes 1, disabled deletes the value.
    assert_eq!(json!(states), json!([["Both", "mixed", [1]], ["TwinA", "enabled", [0]]]));
    assert_eq!(show["sides"][0]["unexplained"], json!([]));
    let out = dir.run(["show", "Machine/Registry.pol", "--admx", "store"]).ok();
    assert!(out.contains("    Mixed     On either side\n"), "{out}");
    assert!(out.contains("look at record 2\n"), "{out}");
}

/// Two texts that differ are never shown alike: signs that a terminal acts on, what looks like their escape, quotation marks.
#[test]
fn texts_that_differ_are_shown_differently_and_paths_as_they_are() {
    let shown = |text: &str, list: &[&str]| {
        let file = PolBuilder::new().sz(KEY, "Text", text).multi_sz(KEY, "List", list);
        let dir = TestDir::with("a.pol", file.build());
        dir.run(["show", "a.pol", "--scope", "computer", "--no-admx"]).ok()
    };
    let texts: [(&str, &str); 6] = [
        (r"C:\temp\new", r#""C:\temp\new""#),
        ("C:\temp\new", r#""C:\u{9}emp\u{a}ew""#),
        (r"C:\u{9}emp\u{a}ew", r#""C:\u{5c}u{9}emp\u{5c}u{a}ew""#),
        (r"\\server\share", r#""\\server\share""#),
        (r#"a", "b"#, r#""a\u{22}, \u{22}b""#),
        (r"a\u{22}, \u{22}b", r#""a\u{5c}u{22}, \u{5c}u{22}b""#),
    ];
    for (text, wanted) in texts {
        let page = shown(text, &["x"]);
        assert!(page.contains(&format!("REG_SZ  {wanted}\n")), "{wanted}:\n{page}");
    }
    for (list, wanted) in [
        (&["a", "b\", \"c"][..], r#""a", "b\u{22}, \u{22}c""#),
        (&["a", "b", "c"][..], r#""a", "b", "c""#),
        (&["a, b"][..], r#""a, b""#),
    ] {
        let page = shown("x", list);
        assert!(page.contains(&format!("REG_MULTI_SZ  {wanted}\n")), "{wanted}:\n{page}");
    }
}
