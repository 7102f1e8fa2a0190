use admx::Catalog;
use polfile::{PolicyFile, Record, Value, ValueType, WideString};

use super::*;

const HEAD: &str = "apiVersion: gpol/v1\nkind: PolicySet\n";

/// The example of the format's description, without what builds on other files.
const EXAMPLE: &str = r#"apiVersion: gpol/v1
kind: PolicySet
metadata:
  name: rpa-golden-image
  owner: rpa-platform@contoso.com
admx:
  require: [Microsoft.Policies.TerminalServer]
unmanaged: keep
computer:
  policies:
    - policy: Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY
      state: disabled
      reason: KB4555446 AadLogonFailure
      ticket: CHG0041277
      override: true
    - policy: "Windows Components > Remote Desktop Services > Remote Desktop Session Host > Security > Set client connection encryption level"
      state: enabled
      elements:
        TS_ENCRYPTION_LEVEL: High Level
  registry:
    - key: SOFTWARE\Policies\Acme\Agent
      value: Tier
      type: sz
      data: gold
    - key: SOFTWARE\Policies\Acme\Agent
      value: LegacyMode
      ensure: delete
user: {}
users:
  administrators: { policies: [] }
image:
  registry:
    - hive: SYSTEM
      key: Control\Terminal Server
      value: fDenyTSConnections
      equals: { dword: 0 }
  verdict:
    - policy: Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY
      next-boot: disabled
waivers:
  - rule: SEC003
    reason: CHG0041277, hosts reachable from RPA VLAN only
    expires: 2026-12-31
"#;

fn records(body: &str) -> Result<PolicyFile, String> {
    let state = parse(&format!("{HEAD}{body}"), Notation::Yaml).map_err(|error| error.to_string())?;
    let resolved = resolve(&state, Some(&Catalog::builtin())).map_err(|error| error.to_string())?;
    Ok(resolved.into_iter().next().expect("one side").file)
}

fn file(records: impl IntoIterator<Item = Record>) -> PolicyFile {
    records.into_iter().map(|record| record.as_ref().to_record()).fold(PolicyFile::new(), |mut file, record| {
        file.push(record.as_ref());
        file
    })
}

#[test]
fn the_example_is_what_it_says() {
    let state = parse(EXAMPLE, Notation::Yaml).unwrap();
    assert_eq!(
        state.sides.iter().map(|s| s.scope.word()).collect::<Vec<_>>(),
        ["computer", "user", "user:administrators"]
    );
    assert_eq!((state.facts.len(), state.verdicts.len(), state.waivers.len()), (1, 1, 1));
    assert!(state.sides[0].policies[0].overrides);
    let resolved = resolve(&state, Some(&Catalog::builtin())).unwrap();
    let shown: Vec<String> = resolved[0]
        .file
        .records()
        .zip(&resolved[0].places)
        .map(|(r, at)| format!("{} {} {:?} line {}", r.key, r.value_name, r.value().unwrap(), at.line))
        .collect();
    let (acme, ts) = (r"SOFTWARE\Policies\Acme\Agent", r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services");
    assert_eq!(
        shown,
        [
            format!("{acme} Tier {:?} line 21", Value::from("gold")),
            format!("{acme} **del.LegacyMode {:?} line 25", Value::from(" ")),
            format!("{ts} UserAuthentication {:?} line 11", Value::Dword(0)),
            format!("{ts} MinEncryptionLevel {:?} line 16", Value::Dword(3)),
        ]
    );
}

#[test]
fn every_kind_of_record_has_words() {
    for (words, record) in [
        ("value: V, type: sz, data: yes", Record::set("K", "V", &Value::from("yes"))),
        ("value: V, type: sz, data: '5'", Record::set("K", "V", &Value::from("5"))),
        ("value: '', type: expand-sz, data: '%x%'", Record::set("K", "", &Value::ExpandSz("%x%".into()))),
        ("value: V, type: dword, data: 0x1F", Record::set("K", "V", &Value::Dword(31))),
        ("value: V, type: dword-be, data: 1", Record::set("K", "V", &Value::DwordBigEndian(1))),
        ("value: V, type: qword, data: '18446744073709551615'", Record::set("K", "V", &Value::Qword(u64::MAX))),
        ("value: V, type: binary, data: 'hex:00 ff'", Record::set("K", "V", &Value::Binary(vec![0, 255]))),
        ("value: V, type: binary, data: 'base64:AP8='", Record::set("K", "V", &Value::Binary(vec![0, 255]))),
        (
            "value: V, type: multi-sz, data: [a, b]",
            Record::set("K", "V", &Value::MultiSz(vec!["a".into(), "b".into()])),
        ),
        ("value: V, type: multi-sz, data: []", Record::set("K", "V", &Value::MultiSz(vec![]))),
        ("value: V, type: none", Record::new("K".into(), "V".into(), ValueType::NONE, vec![])),
        ("value: V, ensure: delete", Record::delete_value("K", "V")),
        ("ensure: delete-all-values", Record::delete_all_values("K")),
        ("ensure: delete-keys, data: [a, b]", Record::delete_keys("K", "a;b")),
        ("ensure: create-key", Record::create_key("K")),
        ("value: V, ensure: set-if-missing, type: dword, data: 1", Record::set("K", "**soft.V", &Value::Dword(1))),
    ] {
        let made = records(&format!("user: {{registry: [{{key: K, {words}}}]}}\n"));
        assert_eq!(made, Ok(file([record.unwrap()])), "{words}");
    }
    let raw = "user: {registry: [{raw: {key: '4b00', value: '00d8', type: 153, data: 'ff'}}]}\n";
    let odd = Record::new("K".into(), WideString::from_bytes(vec![0, 0xD8]).unwrap(), ValueType(153), vec![255]);
    assert_eq!(records(raw), Ok(file([odd.unwrap()])));
}

#[test]
fn what_is_doubtful_is_an_error_with_its_place() {
    let registry = |records: &str| format!("user:\n  registry:\n{records}");
    for (body, why) in [
        ("computr: {}\n".to_owned(), "line 3, column 1: there is no field \"computr\" here"),
        ("user: []\n".to_owned(), "line 3, column 7: expected a table of fields, found a list"),
        ("unmanaged: yes\n".to_owned(), "line 3, column 12: \"unmanaged\" is keep, report, remove, not \"yes\""),
        ("metadata: {name: 5}\n".to_owned(), "line 3, column 18: \"name\" is a text, not a number"),
        ("users: {guests: {}}\n".to_owned(), "line 3, column 9: \"guests\" is neither a group nor a SID"),
        ("user: {policies: [{policy: P}]}\n".to_owned(), "line 3, column 19: the field \"state\" is missing"),
        (
            "user: {policies: [{policy: P, state: on}]}\n".to_owned(),
            "line 3, column 38: \"state\" is enabled, disabled, not-configured, not \"on\"",
        ),
        (
            "user: {policies: [{policy: P, state: disabled, elements: {a: 1}}]}\n".to_owned(),
            "line 3, column 58: a policy that is disabled has no elements",
        ),
        (
            "user:\n  policies:\n    - {policy: P, state: disabled}\n    - {policy: p, state: enabled}\n".to_owned(),
            "line 6, column 16: the policy \"p\" is here twice; first in line 5",
        ),
        (registry("    - {key: 'HKLM\\S', ensure: create-key}\n"), "line 5, column 13: the key begins with a hive"),
        (
            registry("    - {key: K, value: V, type: dword, data: 4294967296}\n"),
            "line 5, column 45: 4294967296 does not fit dword",
        ),
        (
            registry("    - {key: K, value: V, type: sz, data: 5}\n"),
            "line 5, column 42: sz takes a text; put the number in quotes",
        ),
        (registry("    - {key: K, value: V, type: sz, data: \"a\\0b\"}\n"), "line 5, column 42: sz cannot hold this"),
        (
            registry("    - {key: K, value: V, type: binary, data: '00'}\n"),
            "line 5, column 46: bytes are written as hex:",
        ),
        (registry("    - {key: K, value: V, type: string, data: a}\n"), "line 5, column 32: \"type\" is none, sz,"),
        (registry("    - {key: K, type: sz, data: a}\n"), "line 5, column 7: the field \"value\" is missing"),
        (
            registry("    - {key: K, value: '**del.x', type: sz, data: a}\n"),
            "line 5, column 23: a name that starts with **",
        ),
        (
            registry("    - {key: K, value: V, ensure: delete, data: a}\n"),
            "line 5, column 42: \"data\" says nothing with ensure: delete",
        ),
        (
            registry("    - {key: K, value: V, ensure: delete}\n    - {key: k, value: v, type: sz, data: a}\n"),
            "line 6, column 7: a second record for this value; the first is in line 5",
        ),
        (
            registry("    - {key: K, raw: {key: '', value: '', type: 1, data: ''}}\n"),
            "line 5, column 8: \"key\" cannot stand beside \"raw\"",
        ),
        (
            registry("    - {raw: {key: '4b', value: '', type: 1, data: ''}}\n"),
            "line 5, column 19: \"key\" is UTF-16LE in hexadecimal",
        ),
        (
            "waivers: [{rule: R, reason: x, expires: 2026-02-30}]\n".to_owned(),
            "line 3, column 41: \"expires\" is a day",
        ),
    ] {
        let error = parse(&format!("{HEAD}{body}"), Notation::Yaml).unwrap_err().to_string();
        assert!(error.starts_with(why), "{body}{error}");
    }
    for (text, why) in [
        ("kind: PolicySet\n", "line 1, column 1: the field \"apiVersion\" is missing"),
        ("apiVersion: gpol/v2\nkind: PolicySet\n", "line 1, column 13: \"apiVersion\" is gpol/v1, not \"gpol/v2\""),
    ] {
        assert_eq!(parse(text, Notation::Yaml).unwrap_err().to_string(), why);
    }
}

#[test]
fn templates_decide_what_a_policy_can_be() {
    let ts = "Microsoft.Policies.TerminalServer";
    let level = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    for (body, why) in [
        ("computer: {policies: [{policy: NoSuchPolicy, state: enabled}]}\n".to_owned(), "line 3, column 32: "),
        (
            format!("user: {{policies: [{{policy: '{ts}:TS_ENCRYPTION_POLICY', state: disabled}}]}}\n"),
            "line 3, column 28: ",
        ),
        (
            format!(
                "computer:\n  policies:\n    - policy: {ts}:TS_ENCRYPTION_POLICY\n      state: enabled\n      elements:\n        TS_ENCRYPTION_LEVEL: Highest\n"
            ),
            "line 8, column 30: ",
        ),
        (
            format!(
                "computer:\n  policies:\n    - {{policy: {ts}:TS_ENCRYPTION_POLICY, state: disabled}}\n    - {{policy: TS_ENCRYPTION_POLICY, state: disabled}}\n"
            ),
            "line 6, column 16: the policy Microsoft.Policies.TerminalServer:TS_ENCRYPTION_POLICY is here twice; first in line 5",
        ),
        (
            format!(
                "computer:\n  policies:\n    - {{policy: TS_USER_AUTHENTICATION_POLICY, state: disabled}}\n  registry:\n    - {{key: '{level}', value: userauthentication, type: dword, data: 0}}\n"
            ),
            "line 7, column 7: SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services!userauthentication is what the policy",
        ),
    ] {
        let error = records(&body).unwrap_err();
        assert!(error.starts_with(why), "{body}{error}");
    }
}

#[test]
fn a_policy_file_becomes_policies_where_their_records_come_back_and_records_elsewhere() {
    let ts = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    let policy = file([
        Record::set(r"SOFTWARE\Policies\Acme", "Tier", &Value::from("gold")).unwrap(),
        Record::set(ts, "UserAuthentication", &Value::Dword(0)).unwrap(),
        Record::set(ts, "MinEncryptionLevel", &Value::Dword(3)).unwrap(),
        Record::new(ts.into(), "Odd".into(), ValueType::DWORD, vec![1]).unwrap(),
    ]);
    let catalog = Catalog::builtin();
    let side = export(&Scope::Computer, &policy, Some(&catalog));
    let ids: Vec<String> = side.policies.iter().map(|p| p.policy.clone()).collect();
    let wanted = ["TS_USER_AUTHENTICATION_POLICY", "TS_ENCRYPTION_POLICY"];
    assert_eq!(ids, wanted.map(|name| format!("Microsoft.Policies.TerminalServer:{name}")));
    assert_eq!(side.registry.len(), 2);
    let state = StateFile { sides: vec![side], ..StateFile::default() };
    for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
        let text = render(&state, notation, &[]);
        let again = resolve(&parse(&text, notation).unwrap(), Some(&catalog)).unwrap();
        assert_eq!(again[0].file, policy, "{text}");
    }
}

#[test]
fn yaml_reads_well() {
    let ts = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
    let policy = file([
        Record::set(r"SOFTWARE\Policies\Acme", "Tier", &Value::from("it's: gold")).unwrap(),
        Record::delete_value(r"SOFTWARE\Policies\Acme", "Old").unwrap(),
        Record::set(r"SOFTWARE\Policies\Acme", "List", &Value::MultiSz(vec!["a".into(), "no".into()])).unwrap(),
        Record::new(r"SOFTWARE\Policies\Acme".into(), "Odd".into(), ValueType::DWORD, vec![1]).unwrap(),
        Record::set(ts, "MinEncryptionLevel", &Value::Dword(3)).unwrap(),
    ]);
    let side = export(&Scope::Computer, &policy, Some(&Catalog::builtin()));
    let text = render(&StateFile { sides: vec![side], ..StateFile::default() }, Notation::Yaml, &["from x".to_owned()]);
    let expected = r"# from x
apiVersion: gpol/v1
kind: PolicySet

computer:
  policies:
    # Set client connection encryption level
    - policy: Microsoft.Policies.TerminalServer:TS_ENCRYPTION_POLICY
      state: enabled
      elements:
        TS_ENCRYPTION_LEVEL: 3
  registry:
    - key: SOFTWARE\Policies\Acme
      value: Tier
      type: sz
      data: 'it''s: gold'
    - key: SOFTWARE\Policies\Acme
      value: Old
      ensure: delete
    - key: SOFTWARE\Policies\Acme
      value: List
      type: multi-sz
      data:
        - a
        - 'no'
    # SOFTWARE\Policies\Acme!Odd (REG_DWORD)
    - raw:
        key: 53004f004600540057004100520045005c0050006f006c00690063006900650073005c00410063006d006500
        value: 4f0064006400
        type: 4
        data: '01'
";
    assert_eq!(
        text.replace("'4f0064006400'", "4f0064006400").replace("'5300", "5300").replace("6500'", "6500"),
        expected
    );
}

#[test]
fn an_order_that_is_not_the_editors_and_repeated_values_come_back() {
    for policy in [
        file([Record::create_key("Z").unwrap(), Record::set("A", "x", &Value::Dword(1)).unwrap()]),
        file([
            Record::set("A", "x", &Value::Dword(1)).unwrap(),
            Record::set("B", "x", &Value::Dword(1)).unwrap(),
            Record::set("a", "X", &Value::Dword(2)).unwrap(),
        ]),
        file([Record::set("A", "x", &Value::Dword(1)).unwrap(), Record::delete_all_values("A").unwrap()]),
    ] {
        let side = export(&Scope::User, &policy, Some(&Catalog::builtin()));
        let state = StateFile { sides: vec![side], ..StateFile::default() };
        for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
            let text = render(&state, notation, &[]);
            let again = resolve(&parse(&text, notation).unwrap(), None).unwrap();
            assert_eq!(again[0].file, policy, "{text}");
        }
    }
}

#[test]
fn a_file_written_down_again_is_the_same_state() {
    let plain = |mut state: StateFile| {
        // Places are those of another text.
        state.require.iter_mut().for_each(|(_, at)| *at = At::default());
        for side in &mut state.sides {
            for policy in &mut side.policies {
                (policy.at, policy.name_at) = Default::default();
                policy.elements.iter_mut().for_each(|element| (element.at, element.name_at) = Default::default());
            }
            side.registry.iter_mut().for_each(|record| record.at = At::default());
        }
        state.facts.iter_mut().for_each(|fact| fact.at = At::default());
        state.verdicts.iter_mut().for_each(|verdict| verdict.at = At::default());
        state.waivers.iter_mut().for_each(|waiver| waiver.at = At::default());
        state
    };
    let state = plain(parse(EXAMPLE, Notation::Yaml).unwrap());
    for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
        let text = render(&state, notation, &[]);
        assert_eq!(plain(parse(&text, notation).unwrap()), state, "{text}");
    }
}

#[test]
fn the_schema_is_json_and_names_the_version() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["properties"]["apiVersion"]["const"], API_VERSION);
    assert_eq!(schema["properties"]["kind"]["const"], KIND);
}

#[test]
fn keys_that_the_file_spells_otherwise_than_the_template_come_back_as_they_were() {
    let ts = r"Software\Policies\microsoft\Windows NT\Terminal Services";
    let policy = file([Record::set(ts, "UserAuthentication", &Value::Dword(0)).unwrap()]);
    let catalog = Catalog::builtin();
    let side = export(&Scope::Computer, &policy, Some(&catalog));
    assert_eq!((side.policies.len(), side.registry.len()), (1, 0));
    assert_eq!(side.spelling, ["Software", r"Software\Policies\microsoft"]);
    let state = StateFile { sides: vec![side], ..StateFile::default() };
    for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
        let text = render(&state, notation, &[]);
        let again = resolve(&parse(&text, notation).unwrap(), Some(&catalog)).unwrap();
        assert_eq!(again[0].file, policy, "{text}");
    }
}

/// Texts that both the schema and the reader take, or both refuse.
#[test]
fn the_schema_and_the_reader_agree() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let json = |body: &str| format!(r#"{{"apiVersion": "gpol/v1", "kind": "PolicySet"{body}}}"#);
    let record = |fields: &str| json(&format!(r#", "user": {{"registry": [{{{fields}}}]}}"#));
    let wanted = |fields: &str| json(&format!(r#", "user": {{"policies": [{{{fields}}}]}}"#));
    let example = parse(EXAMPLE, Notation::Yaml).unwrap();
    for (text, taken) in [
        (json(""), true),
        (render(&example, Notation::Json, &[]), true),
        ("{}".to_owned(), false),
        (json(r#", "more": 1"#), false),
        (json(r#", "user": null, "metadata": {"name": null}"#), true),
        (json(r#", "user": []"#), false),
        (json(r#", "unmanaged": "remove""#), true),
        (json(r#", "unmanaged": "drop""#), false),
        (json(r#", "users": {"administrators": {}, "S-1-5-21-1": {}}"#), true),
        (json(r#", "users": {"guests": {}}"#), false),
        (json(r#", "user": {"order": "listed", "spelling": ["A"]}"#), true),
        (json(r#", "user": {"order": "sorted"}"#), false),
        (
            wanted(
                r#""policy": "P", "state": "enabled", "elements": {"a": 1, "b": "x", "c": true, "d": ["x"], "e": {"n": "x"}}"#,
            ),
            true,
        ),
        (wanted(r#""policy": "P", "state": "enabled", "elements": {"a": 1.5}"#), false),
        (wanted(r#""policy": "P", "state": "enabled", "elements": {"a": -1}"#), false),
        (wanted(r#""policy": "P", "state": "disabled", "elements": {"a": 1}"#), false),
        (wanted(r#""policy": "P", "state": "on""#), false),
        (wanted(r#""policy": "P""#), false),
        (wanted(r#""policy": "P", "state": "enabled", "override": "yes""#), false),
        (record(r#""key": "K", "value": "V", "type": "sz", "data": "a", "reason": "r""#), true),
        (record(r#""key": "K", "value": "V", "type": "dword", "data": 1"#), true),
        (record(r#""key": "K", "value": "V", "type": "multi-sz", "data": ["a"]"#), true),
        (record(r#""key": "K", "value": "V", "type": "none""#), true),
        (record(r#""key": "K", "value": "V", "type": "sz""#), false),
        (record(r#""key": "K", "type": "sz", "data": "a""#), false),
        (record(r#""key": "K", "value": "V", "data": "a""#), false),
        (record(r#""key": "K", "value": "**del.x", "type": "sz", "data": "a""#), false),
        (record(r#""key": "HKLM\\K", "ensure": "create-key""#), false),
        (record(r#""key": "hkey_current_user", "ensure": "create-key""#), false),
        (record(r#""key": "HKLMx\\K", "ensure": "create-key""#), true),
        (record(r#""key": "K\\", "ensure": "create-key""#), false),
        (record(r#""key": "\\K", "ensure": "create-key""#), false),
        (record(r#""key": "K\\\\L", "ensure": "create-key""#), false),
        (record(r#""key": "", "ensure": "create-key""#), false),
        (record(r#""key": "K", "value": "V", "ensure": "delete""#), true),
        (record(r#""key": "K", "ensure": "delete""#), false),
        (record(r#""key": "K", "value": "V", "ensure": "delete", "type": "sz""#), false),
        (record(r#""key": "K", "value": "V", "ensure": "forget""#), true),
        (record(r#""key": "K", "ensure": "delete-all-values""#), true),
        (record(r#""key": "K", "value": "", "ensure": "delete-all-values""#), false),
        (record(r#""key": "K", "ensure": "delete-keys", "data": ["a"]"#), true),
        (record(r#""key": "K", "ensure": "delete-keys", "data": []"#), false),
        (record(r#""key": "K", "ensure": "delete-keys", "data": ["a;b"]"#), false),
        (record(r#""key": "K", "value": "V", "ensure": "set-if-missing", "type": "dword", "data": 1"#), true),
        (record(r#""raw": {"key": "4b00", "value": "", "type": 153, "data": "ff"}"#), true),
        (record(r#""raw": {"key": "4b", "value": "", "type": 153, "data": "ff"}"#), false),
        (record(r#""raw": {"key": "4b00", "value": "", "type": "sz", "data": "ff"}"#), false),
        (record(r#""raw": {"key": "4b00", "value": "", "type": 4294967296, "data": ""}"#), false),
        (record(r#""key": "K", "raw": {"key": "4b00", "value": "", "type": 1, "data": ""}"#), false),
        (json(r#", "waivers": [{"rule": "R", "reason": "x", "expires": "2026-12-31"}]"#), true),
        (json(r#", "waivers": [{"rule": "R", "reason": "x", "expires": "tomorrow"}]"#), false),
        (
            json(r#", "image": {"registry": [{"hive": "SYSTEM", "key": "K", "value": "V", "equals": {"dword": 0}}]}"#),
            true,
        ),
        (
            json(
                r#", "image": {"registry": [{"hive": "SYSTEM", "key": "K", "value": "V", "equals": {"dword": 0, "sz": "a"}}]}"#,
            ),
            false,
        ),
        (json(r#", "image": {"verdict": [{"policy": "P", "next-boot": "disabled"}]}"#), true),
        (json(r#", "image": {"verdict": [{"policy": "P"}]}"#), false),
    ] {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema.is_valid(&value), taken, "the schema: {text}");
        let read = parse(&text, Notation::Json);
        assert_eq!(read.is_ok(), taken, "the reader: {text} {read:?}");
    }
}
