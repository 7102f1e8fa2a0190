//! `gpol admx`, `gpol policy list` and `gpol policy search`: the templates as such.

use crate::bench::{NLA, NLA_NAME, TestDir, keys, parse};

#[test]
fn the_built_in_templates_are_listed_and_nothing_is_wrong_with_them() {
    let dir = TestDir::new();
    let list = dir.run(["admx", "list", "--lint", "-f", "json"]).json();
    assert_eq!(keys(&list), ["admx", "findings", "schema", "templates"]);
    assert_eq!((&list["schema"], &list["admx"]["builtin"]), (&"gpol.admx-list/1".into(), &true.into()));
    let namespaces: Vec<&str> =
        list["templates"].as_array().expect("a list").iter().filter_map(|t| t["namespace"].as_str()).collect();
    assert!(namespaces.contains(&"Microsoft.Policies.TerminalServer"), "{namespaces:?}");
    assert_eq!(list["findings"], parse("[]"));
}

#[test]
fn a_broken_template_is_a_finding_with_its_place_and_the_others_load() {
    let dir = TestDir::new();
    dir.write_store();
    dir.write("store/broken.admx", "<!DOCTYPE html>\n<html><title>broken.admx</title></html>");
    let run = dir.run(["admx", "list", "store", "-f", "json"]);
    let list = parse(&run.expect(1));
    let errors: Vec<&str> = list["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .filter_map(|finding| finding["file"].as_str())
        .collect();
    assert!(errors.iter().any(|file| file.ends_with("broken.admx")), "{errors:?}");
    assert!(!list["templates"].as_array().expect("a list").is_empty());
    // Whatever is wrong with one file, policies of the others are found.
    dir.run(["policy", "describe", "Both", "--admx", "store"]).ok();
}

#[test]
fn a_long_list_of_findings_is_cut_with_a_count_and_the_errors_stand_first() {
    let dir = TestDir::new();
    dir.write_store();
    for n in 0..25 {
        dir.write(&format!("store/zz{n}.admx"), "no template");
    }
    let run = dir.run(["admx", "list", "store", "--lint"]);
    let shown = run.expect(1);
    assert_eq!(shown.lines().filter(|line| line.starts_with("error[ADMX001]")).count(), 20, "{shown}");
    assert!(shown.contains("\n  and 5 more; --format json has them all\n"), "{shown}");
    let severities: Vec<_> = shown.lines().filter_map(|line| line.split_once("[ADMX")).map(|(it, _)| it).collect();
    let errors = severities.iter().take_while(|severity| **severity == "error").count();
    assert!(errors >= 20 && severities[errors..].iter().all(|severity| *severity != "error"), "{shown}");
    let all = dir.run(["admx", "list", "store", "--lint", "-f", "json"]);
    let broken = parse(&all.expect(1))["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|it| it["code"] == "ADMX001")
        .count();
    assert_eq!(broken, 25);
}

#[test]
fn a_template_is_shown_by_its_file_name_or_its_namespace() {
    let dir = TestDir::new();
    dir.write_store();
    let by_file = parse(&dir.run(["admx", "show", "store", "ACME", "-f", "json"]).ok());
    let namespace = by_file["template"]["namespace"].as_str().expect("a namespace").to_owned();
    let by_namespace = parse(&dir.run(["admx", "show", "store", &namespace, "-f", "json"]).ok());
    assert_eq!(by_file, by_namespace);
    assert_eq!(dir.run(["admx", "show", "store", "nothing"]).refused(3), "E0406");
}

#[test]
fn two_stores_are_compared_policy_by_policy() {
    let dir = TestDir::new();
    dir.write_store();
    let same = parse(&dir.run(["admx", "diff", "store", "store", "-f", "json"]).ok());
    assert_eq!((&same["added"], &same["removed"]), (&parse("[]"), &parse("[]")));
    let text = dir.text("store/Acme.admx");
    let start = text.find("<policy ").expect("a policy");
    let end = text[start..].find("</policy>").expect("its end") + start + "</policy>".len();
    dir.write("less/Acme.admx", format!("{}{}", &text[..start], &text[end..]));
    let less = parse(&dir.run(["admx", "diff", "store", "less", "-f", "json"]).expect(1));
    assert_eq!((less["added"].as_array().map(Vec::len), less["removed"].as_array().map(Vec::len)), (Some(0), Some(1)));
}

#[test]
fn the_tree_counts_a_policy_in_every_category_above_it() {
    let tree = TestDir::new().run(["admx", "tree", "-f", "json"]).json();
    let counts: Vec<(usize, u64)> = tree["categories"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| (c["path"].as_array().map_or(0, Vec::len), c["policies"].as_u64().expect("a number")))
        .collect();
    // Windows Components > Remote Desktop Services > … Host > Connections (1), Security (9).
    assert_eq!(counts, [(1, 10), (2, 10), (3, 10), (4, 1), (4, 9)]);
}

#[test]
fn a_search_finds_all_words_in_any_case_and_says_no_with_its_exit_code() {
    let dir = TestDir::new();
    let found = dir.run(["policy", "search", "LEVEL", "network", "-f", "json"]).json();
    assert_eq!(found["policies"][0]["name"], NLA);
    assert_eq!(found["policies"][0]["found_in"], "name");
    let by_value = dir.run(["policy", "search", "fEncryptRPCTraffic", "-f", "json"]).json();
    assert_eq!(by_value["policies"][0]["found_in"], "registry");
    dir.run(["policy", "search", "no", "such", "words"]).expect(1);
}

#[test]
fn a_list_is_filtered_by_category_side_and_what_is_configured() {
    let dir = TestDir::with_image();
    let names = |arguments: &[&str]| -> Vec<String> {
        let list = dir.run(["policy", "list"].iter().chain(arguments).chain(&["-f", "json"]).copied()).json();
        let policies = list["policies"].as_array().expect("a list").clone();
        policies.iter().filter_map(|policy| policy["display_name"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(names(&[]).len(), 10);
    assert_eq!(names(&["--category", "> connections"]).len(), 1);
    assert_eq!(names(&["--scope", "user"]).len(), 0);
    let configured = names(&["image", "--configured"]);
    assert_eq!(configured.len(), 4);
    assert!(configured.contains(&NLA_NAME.to_owned()));
}

#[test]
fn a_policy_of_both_sides_is_listed_with_the_state_of_each() {
    let dir = TestDir::with_image();
    dir.write_store();
    for (side, state) in [("computer", "enabled"), ("user", "disabled")] {
        dir.run(["policy", "set", "image", "Both", state, "--scope", side, "--admx", "store"]).ok();
    }
    let list = dir.run(["policy", "list", "image", "--admx", "store", "--category", "agent"]).ok();
    let lines: Vec<&str> =
        list.lines().filter(|line| line.contains("  computer  ") || line.contains("  user  ")).collect();
    let expected = [
        "  Not configured  computer  Collect data  Collect",
        "  Enabled         computer  On either side  Both",
        "  Disabled        user      On either side  Both",
    ];
    assert_eq!(lines[..3], expected, "{list}");
}

#[test]
fn reads_take_words_that_one_policy_has_and_writes_do_not() {
    let dir = TestDir::with_image();
    for words in ["network level", "~ntwrk lvl auth"] {
        let run = dir.run(["policy", "get", "image", words]);
        assert_eq!(run.status, Some(0), "{run}");
        assert!(run.stderr().contains(NLA_NAME), "the choice is told:\n{run}");
        let before = dir.state();
        assert_eq!(dir.run(["policy", "set", "image", words, "disabled"]).refused(3), "E0301");
        assert_eq!(dir.state(), before);
    }
}

#[test]
fn a_policy_is_found_by_its_name_in_any_language_of_the_store() {
    let dir = TestDir::with_image();
    dir.write_store();
    // The store is in English and German; who asks for French sees English.
    for (lang, shown) in [("de-DE", "Daten sammeln"), ("en-US", "Collect data"), ("fr-FR", "Collect data")] {
        for name in ["collect data", "Daten sammeln", r"Acme\Agent\Collect data", "Agent > Daten sammeln"] {
            let with = ["--admx", "store", "--lang", lang];
            dir.run(["policy", "set", "image", name, "disabled"].iter().chain(&with).copied()).ok();
            let got = dir.run(["policy", "get", "image", name, "-f", "json"].iter().chain(&with).copied()).json();
            assert_eq!(got["policy"]["id"], "Acme.Policies:Collect", "{lang}: {name}");
            assert_eq!(got["policy"]["state"], "disabled", "{lang}: {name}");
            assert_eq!(got["policy"]["display_name"], shown, "{lang}: {name}");
            dir.run(["policy", "unset", "image", name].iter().chain(&with).copied()).ok();
        }
        let wrong = ["policy", "set", "image", "Daten", "disabled", "--admx", "store", "--lang", lang];
        assert_eq!(dir.run(wrong).refused(3), "E0301", "{lang}: part of a name is no name for a write");
    }
}
