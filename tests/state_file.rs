//! State files as people write them: what is wrong is told with its place and what would be right, and what the
//! documentation shows works.

use crate::bench::{NLA, TestDir, parse};

const HEAD: &str = "apiVersion: gpol/v1\nkind: PolicySet\n";

/// A mistake, the place that is told, and a part of the help.
const MISTAKES: [(&str, &str, &str); 14] = [
    ("computer:\n  policy: []\n", "line 4, column 3: there is no field \"policy\"", "did you mean \"policies\"?"),
    (
        "computer:\n  policies:\n    - state: disabled\n      policy: TS_USER_AUTHENTICATION_POLICIE\n",
        "line 6, column 15: no policy matches \"TS_USER_AUTHENTICATION_POLICIE\"",
        "the nearest is Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY",
    ),
    (
        "computer:\n  policies:\n    - {policy: TS_ENCRYPTION_POLICY, state: enabled, elements: {Encryption Levl: 3}}\n",
        "line 5, column 65: the policy has no element \"Encryption Levl\"",
        "did you mean \"Encryption Level\"?",
    ),
    (
        "computer:\n  policies:\n    - {policy: TS_ENCRYPTION_POLICY, state: enabled, elements: {Encryption Level: Hihg Level}}\n",
        "line 5, column 83: \"Hihg Level\" is not possible",
        "did you mean \"High Level\"?",
    ),
    (
        "computer:\n  policies:\n    - {policy: TS_ENCRYPTION_POLICY, state: enabled, elements: {TS_ENCRYPTION_LEVEL: 9}}\n",
        "line 5, column 86: \"9\" is not possible for Encryption Level",
        "write one of these numbers or texts",
    ),
    ("computer:\n\tpolicies: []\n", "line 4, column 2: this is no YAML: tab", "indent with blanks"),
    ("user: {}\nuser: {}\n", "line 4, column 1: the field \"user\" is here twice; first in line 3", "say it once"),
    (
        "user:\n  policies:\n    - {state: disabled, policy: TS_USER_AUTHENTICATION_POLICY}\n",
        "line 5, column 33: Microsoft.Policies.TerminalServer:TS_USER_AUTHENTICATION_POLICY does not exist on the user side",
        "say it below \"computer\"",
    ),
    (
        "computer:\n  policies:\n    - {policy: TS_PASSWORD, state: no}\n",
        "line 5, column 36: \"state\" is enabled, disabled, not-configured, not \"no\"",
        "gpol schema state",
    ),
    ("users:\n  admins: {}\n", "line 4, column 3: \"admins\" is neither a group nor a SID", "administrators"),
    (
        "computer:\n  registry:\n    - {key: HKLM\\SOFTWARE\\Acme, value: A, type: sz, data: x}\n",
        "line 5, column 13: the key begins with a hive",
        "a key is written like SOFTWARE\\Policies\\Acme",
    ),
    (
        "computer:\n  registry:\n    - {key: SOFTWARE\\Acme, value: A, type: drowd, data: 1}\n",
        "line 5, column 44: \"type\" is none, sz",
        "did you mean \"dword\"?",
    ),
    (
        "computer:\n  policies:\n    - {policy: TS_PASSWORD, state: disabled}\n    - {policy: Always prompt for password upon connection, state: enabled}\n",
        "line 6, column 16: the policy Microsoft.Policies.TerminalServer:TS_PASSWORD is here twice; first in line 5",
        "say it once",
    ),
    (
        "computer:\n  policies:\n    - {policy: TS_PASSWORD, state: disabled}\n  registry:\n    - key: SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services\n      value: fPromptForPassword\n      type: dword\n      data: 1\n",
        "line 7, column 7: SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services!fPromptForPassword is what the policy",
        "say it once",
    ),
];

#[test]
fn a_mistake_is_told_with_its_place_and_what_would_be_right() {
    let dir = TestDir::with_image();
    let before = dir.state();
    for (body, what, help) in MISTAKES {
        dir.write("mine.yaml", format!("{HEAD}{body}"));
        let run = dir.run(["plan", "image", "mine.yaml"]);
        assert_eq!(run.refused(4), "E0214", "{body}");
        let message = run.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(message.contains(&format!("mine.yaml, {what}")), "{what}:\n{run}");
        assert!(message.contains(help), "{help}:\n{run}");
    }
    std::fs::remove_file(dir.path("mine.yaml")).expect("it is ours");
    assert!(dir.state().len() == before.len());
}

#[test]
fn json_and_toml_tell_their_mistakes_alike() {
    let dir = TestDir::with_image();
    let json = |policy: &str| {
        format!(
            "{{\n  \"apiVersion\": \"gpol/v1\", \"kind\": \"PolicySet\",\n  \"computer\": {{\"policies\": [\n    {policy}\n  ]}}\n}}\n"
        )
    };
    let toml = |policy: &str| format!("apiVersion = 'gpol/v1'\nkind = 'PolicySet'\n[[computer.policies]]\n{policy}\n");
    for (name, text, what, help) in [
        (
            "a.json",
            json("{\"policy\": \"TS_PASWORD\", \"state\": \"enabled\"}"),
            "line 4, column 16: no policy",
            "TS_PASSWORD",
        ),
        (
            "a.json",
            json("{\"policy\": \"TS_PASSWORD\", \"state\": \"enable\"}"),
            "line 4, column 40: \"state\" is",
            "did you mean \"enabled\"?",
        ),
        ("a.json", json("{\"policy\": \"TS_PASSWORD\" \"state\": 1}"), "line 4, column 30: this is no JSON", ""),
        (
            "a.json",
            json("{\"policy\": \"TS_PASSWORD\", \"policy\": 1}"),
            "line 4, column 31: the field \"policy\" is here twice",
            "say it once",
        ),
        (
            "a.json",
            "{\"kind\": \"PolicySet\"}".to_owned(),
            "line 1, column 1: the field \"apiVersion\" is missing",
            "apiVersion: gpol/v1",
        ),
        ("a.toml", toml("policy = 'TS_PASWORD'\nstate = 'enabled'"), "line 4, column 10: no policy", "TS_PASSWORD"),
        (
            "a.toml",
            toml("policy = 'TS_PASSWORD'\nstat = 'enabled'"),
            "line 5, column 1: there is no field \"stat\"",
            "did you mean \"state\"?",
        ),
        ("a.toml", toml("policy = 'TS_PASSWORD'\nstate = enabled"), "line 5, column 9: this is no TOML", ""),
        (
            "a.toml",
            toml("policy = 'TS_PASSWORD'\npolicy = 'X'"),
            "line 5, column 1: this is no TOML: duplicate key",
            "",
        ),
        (
            "a.toml",
            "[computer]\npolicies = []\n".to_owned(),
            "the field \"apiVersion\" is missing",
            "apiVersion: gpol/v1",
        ),
    ] {
        dir.write(name, &text);
        let run = dir.run(["plan", "image", name]);
        assert_eq!(run.refused(4), "E0214", "{text}");
        let message = run.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(message.contains(&format!("{name}, ")) && message.contains(what), "{what}:\n{run}");
        assert!(message.contains(help), "{help}:\n{run}");
    }
}

/// The blocks of a page that are marked with a language.
fn blocks<'t>(page: &'t str, language: &str) -> Vec<&'t str> {
    let mark = format!("```{language}\n");
    page.split(&*mark).skip(1).map(|rest| rest.split("```").next().expect("a block ends")).collect()
}

#[test]
fn every_example_of_the_page_on_state_files_is_one_and_can_be_applied() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/state.md");
    let page = std::fs::read_to_string(page).expect("the page").replace("\r\n", "\n");
    let mut applied = 0;
    for (language, ending) in [("yaml", "yaml"), ("toml", "toml"), ("json", "json")] {
        for block in blocks(&page, language) {
            let dir = TestDir::with_image();
            // A part of a file begins without the two lines that all have.
            let text = match block.contains("apiVersion") {
                true => block.to_owned(),
                false => format!("{HEAD}{block}"),
            };
            fixtures::state_files().iter().for_each(|(name, text)| dir.write(name, text));
            let name = format!("mine.{ending}");
            dir.write(&name, &text);
            let run = dir.run(["plan", "image", &name, "-f", "json"]);
            assert!(matches!(run.status, Some(0 | 1)), "{text}\n{run}");
            let plan = parse(&run.stdout());
            assert!(plan["changes"].as_array().is_some_and(|changes| !changes.is_empty()), "{text}\n{plan:#}");
            let done = dir.run(["apply", "image", &name, "--yes", "--prune"]);
            assert_eq!(done.status, Some(0), "{text}\n{done}");
            let again = dir.run(["plan", "image", &name, "--prune", "-f", "json"]);
            assert_eq!(again.status, Some(0), "{text}\n{again}");
            assert_eq!(parse(&again.stdout())["changes"], serde_json::json!([]), "{text}");
            applied += 1;
        }
    }
    assert!(applied >= 8, "{applied} examples");
    assert!(page.contains(NLA));
}

#[test]
fn the_page_on_state_files_names_every_field_of_the_schema() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/state.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let schema = TestDir::new().run(["schema", "state"]).json();
    let mut fields = Vec::new();
    collect(&schema, &mut fields);
    assert!(fields.len() > 30, "{fields:?}");
    for field in fields {
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
}

/// The names below every `properties`, and all words of every `enum`.
fn collect(schema: &serde_json::Value, fields: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        return schema.as_array().into_iter().flatten().for_each(|item| collect(item, fields));
    };
    for (name, value) in object {
        match (name.as_str(), value) {
            ("properties", serde_json::Value::Object(named)) => fields.extend(named.keys().cloned()),
            ("enum", serde_json::Value::Array(words)) => {
                fields.extend(words.iter().filter_map(|word| Some(word.as_str()?.to_owned())));
            }
            _ => {}
        }
        collect(value, fields);
    }
}
