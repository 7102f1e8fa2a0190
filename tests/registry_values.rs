//! Registry values in every form in which people have them, wherever a policy is asked for: one that a template has is that
//! policy's name, any other is a value all the same.

use fixtures::PolBuilder;
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, NLA, Run, TestDir, parse};

const NLA_KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

/// From an article, Registry Editor's file and its address bar, PowerShell, reg.exe, a URL-like text, a .reg file, C source.
fn forms(key: &str, name: &str) -> Vec<String> {
    let doubled = key.replace('\\', r"\\");
    vec![
        format!(r"HKLM\{key}!{name}"),
        format!(r"HKLM\{key}\{name}"),
        format!(r"HKEY_LOCAL_MACHINE\{key}\{name}"),
        format!(r"Computer\HKEY_LOCAL_MACHINE\{key}\{name}"),
        format!(r"HKLM:\{key}\{name}"),
        format!(r"Registry::HKEY_LOCAL_MACHINE\{key}\{name}"),
        format!("HKLM/{}/{name}", key.replace('\\', "/")),
        format!("[HKEY_LOCAL_MACHINE\\{key}]\n\"{name}\"=dword:00000001"),
        format!("\"HKLM\\{key}\" /v {name}"),
        format!(r"HKLM\\{doubled}\\{name}"),
        format!(r"hklm\{}!{}", key.to_lowercase(), name.to_uppercase()),
        format!(r"MACHINE\{key}\{name}"),
    ]
}

/// What is printed, with the quotes that Windows' shells take.
fn in_double_quotes(run: &Run) -> String {
    run.to_string().replace('\'', "\"")
}

#[test]
fn a_value_that_a_template_has_is_its_policy_in_every_form() {
    let dir = TestDir::with_image();
    let before = dir.read(COMPUTER_POL);
    for form in forms(NLA_KEY, "UserAuthentication") {
        let id = |run: Value, at: &str| {
            let id = run.pointer(at).and_then(Value::as_str).map(str::to_owned);
            id.unwrap_or_else(|| panic!("{form}: {run}"))
        };
        let nla = format!("Microsoft.Policies.TerminalServer:{NLA}");
        let run = |args: &[&str]| dir.run(args.iter().copied().chain(["-f", "json"])).json();
        assert_eq!(id(run(&["policy", "get", "image", &form]), "/policy/id"), nla, "{form}");
        assert_eq!(id(run(&["explain", "image", &form]), "/policy/id"), nla, "{form}");
        assert_eq!(id(run(&["policy", "set", "image", &form, "disabled", "-n"]), "/after/id"), nla, "{form}");
        assert_eq!(
            run(&["search", &form, "image"])["gpos"][0]["matches"][0]["record"]["value_name"],
            "UserAuthentication",
            "{form}"
        );
    }
    assert_eq!(dir.read(COMPUTER_POL), before);
}

#[test]
fn a_value_that_no_template_has_is_explained_and_found_in_every_form_and_is_no_policy() {
    let dir = TestDir::with_image();
    let state = dir.state();
    for form in forms(r"SOFTWARE\Policies\Acme\Agent", "Tier") {
        let explained = dir.run(["explain", "image", &form, "-f", "json"]).json();
        assert_eq!((&explained["policy"], &explained["schema"]), (&Value::Null, &json!("gpol.explain/1")), "{form}");
        assert_eq!(explained["value"]["hive"], "HKLM", "{form}");
        let next = &explained["verdict"]["next_boot"];
        assert_eq!((&next["layer"], &next["value"]), (&json!("pending-policy"), &json!("gold")), "{form}");
        let found = parse(&dir.run(["search", &form, "image", "-f", "json"]).stdout());
        assert_eq!(found["gpos"][0]["matches"][0]["record"]["value"], "gold", "{form}");
        for command in [
            &["policy", "get", "image", &form][..],
            &["policy", "set", "image", &form, "enabled"],
            &["policy", "unset", "image", &form],
        ] {
            let run = dir.run(command.iter().copied());
            assert_eq!(run.refused(3), "E0301", "{form}");
            let said = run.stderr();
            assert!(said.contains("no template has the value HKLM\\") && !said.contains("closest"), "{form}: {said}");
        }
    }
    assert_eq!(dir.state(), state);
}

#[test]
fn what_the_error_offers_can_be_typed_as_it_stands() {
    let dir = TestDir::with("a gpo/Machine/Registry.pol", PolBuilder::new().build());
    dir.write("a gpo/gpt.ini", fixtures::GptIni::new().version(1, 1).build());
    let run = dir.run(["policy", "get", "a gpo", r"HKLM\SOFTWARE\Policies\Acme Inc!A Level"]);
    assert_file_snapshot!("no_template_has_the_value", in_double_quotes(&run));
    let said = run.stderr();
    // The shell's quotes, taken away as a shell does.
    let offered: Vec<Vec<String>> = said
        .lines()
        .filter_map(|line| line.split_once(":  gpol "))
        .map(|(_, words)| {
            let (mut all, mut quote) = (vec![String::new()], None);
            for c in words.chars() {
                match (quote, c) {
                    (None, '"' | '\'') => quote = Some(c),
                    (Some(open), c) if open == c => quote = None,
                    (None, ' ') => all.push(String::new()),
                    (_, c) => all.last_mut().unwrap().push(c),
                }
            }
            all
        })
        .collect();
    assert_eq!(offered.len(), 2, "{said}");
    for words in offered {
        dir.run(words).ok();
    }
}

#[test]
fn a_value_of_an_image_is_explained_as_people_read_it() {
    let dir = TestDir::with_image();
    let run = dir.run(["explain", "image", r"HKLM\SOFTWARE\Policies\Acme\Agent!Tier"]);
    assert_file_snapshot!("explain_value", in_double_quotes(&run));
    let user = dir.run(["explain", "image", r"HKCU\Software\Policies\Acme!Nothing"]).ok();
    assert!(user.contains("not decided here: this policy file says nothing of the value"), "{user}");
    assert_eq!(dir.run(["explain", "image", r"reg:SOFTWARE\Policies\Acme!X"]).refused(2), "E0101");
}
