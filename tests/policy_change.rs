//! `gpol policy set` and `unset`: which bytes change, and which do not.

use fixtures::{GptIni, PolBuilder, REGISTRY_COMPUTER, REGISTRY_USER};
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, NLA, NLA_NAME, TestDir, USER_POL, parse, slashes};
use crate::store::KEY;

const TERMINAL_SERVICES: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
/// Where the record of NLA begins, and the first byte of its data: it is the last one.
const NLA_RECORD: usize = 0x32e;
const NLA_DATA: usize = 990 - 2 - 4;

fn golden(path: &str) -> Vec<u8> {
    let inside = path.strip_prefix("image/").expect("a path of the image");
    fixtures::golden_image().into_iter().find(|(name, _)| *name == inside).expect("a file of the image").1
}

/// The golden image's `gpt.ini` with another version.
fn gpt_ini(user: u16, computer: u16) -> Vec<u8> {
    let text = String::from_utf8(golden(GPT_INI)).expect("ASCII");
    let version = u32::from(user) << 16 | u32::from(computer);
    text.replace("Version=65538", &format!("Version={version}")).into_bytes()
}

#[test]
fn disabling_nla_changes_one_byte_and_the_computers_counter() {
    let dir = TestDir::with_image();
    let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
    run.ok();
    let mut expected = golden(COMPUTER_POL);
    assert_eq!(expected[NLA_DATA..], [1, 0, 0, 0, b']', 0]);
    expected[NLA_DATA] = 0;
    assert_eq!(dir.read(COMPUTER_POL), expected);
    assert_eq!(dir.read(GPT_INI), gpt_ini(1, 3));
    assert_eq!(dir.read(USER_POL), golden(USER_POL));
    assert_eq!(
        dir.state().iter().filter(|entry| entry.path.is_file()).count(),
        fixtures::golden_image().len(),
        "a file was left behind"
    );
    assert_file_snapshot!("set_nla_disabled", run);
    let explained = dir.run(["explain", "image", NLA, "-f", "json"]).json();
    assert_eq!(explained["verdict"]["next_boot"]["value"], 0);
    assert_eq!(explained["layers"][0]["state"], "disabled");
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let dir = TestDir::with_image();
    dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    let before = dir.state();
    let out = dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    assert_eq!(out, format!("Nothing to do: already Disabled: {NLA_NAME}\n"));
    let json = dir.run(["policy", "set", "image", NLA, "disabled", "-f", "json"]).json();
    assert_eq!((&json["changed"], &json["files"], &json["version"]), (&json!(false), &json!([]), &json!(null)));
    assert_eq!(dir.state(), before);
}

#[test]
fn unset_takes_the_record_out_and_leaves_every_other_byte() {
    let dir = TestDir::with_image();
    let run = dir.run(["policy", "unset", "image", NLA]);
    run.ok();
    assert_eq!(dir.read(COMPUTER_POL), golden(COMPUTER_POL)[..NLA_RECORD]);
    assert_eq!(dir.read(GPT_INI), gpt_ini(1, 3));
    assert_file_snapshot!("unset_nla", run);
    let before = dir.state();
    let again = dir.run(["policy", "unset", "image", NLA]).ok();
    assert_eq!(again, format!("Nothing to do: already Not configured: {NLA_NAME}\n"));
    assert_eq!(dir.state(), before);
    // And back: the record returns to where the editor would put it, which is where it was.
    dir.run(["policy", "set", "image", NLA, "enabled"]).ok();
    assert_eq!(dir.read(COMPUTER_POL), golden(COMPUTER_POL));
    assert_eq!(dir.read(GPT_INI), gpt_ini(1, 4));
}

#[test]
fn enable_disable_unset_ends_with_the_original_bytes() {
    let dir = TestDir::with_image();
    let original = golden(COMPUTER_POL);
    let record = |n| PolBuilder::without_header().dword(TERMINAL_SERVICES, "fPromptForPassword", n).build();
    dir.run(["policy", "set", "image", "TS_PASSWORD", "enabled"]).ok();
    assert_eq!(dir.read(COMPUTER_POL), [original.clone(), record(1)].concat());
    dir.run(["policy", "set", "image", "TS_PASSWORD", "disabled"]).ok();
    assert_eq!(dir.read(COMPUTER_POL), [original.clone(), record(0)].concat());
    dir.run(["policy", "unset", "image", "TS_PASSWORD"]).ok();
    assert_eq!(dir.read(COMPUTER_POL), original);
    assert_eq!(dir.read(GPT_INI), gpt_ini(1, 5));
}

#[test]
fn a_value_that_disabled_deletes_becomes_a_directive_in_its_place() {
    let dir = TestDir::with_image();
    dir.run(["policy", "set", "image", "TS_ENCRYPTION_POLICY", "disabled"]).ok();
    let original = golden(COMPUTER_POL);
    let (record, next) = (0x1d8, 0x288);
    let directive = PolBuilder::without_header().del(TERMINAL_SERVICES, "MinEncryptionLevel").build();
    let expected = [&original[..record], &directive, &original[next..]].concat();
    assert_eq!(dir.read(COMPUTER_POL), expected);
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_the_run_then_does() {
    for words in [
        &["policy", "set", "image", NLA, "disabled"][..],
        &["policy", "unset", "image", "TS_ENCRYPTION_POLICY"],
        &["policy", "set", "image", "TS_PASSWORD", "enabled"],
    ] {
        let dir = TestDir::with_image();
        let before = dir.state();
        let dry = words.iter().chain(&["--dry-run", "-f", "json"]).copied();
        let mut said = dir.run(dry).json();
        assert_eq!(dir.state(), before);
        let mut done = dir.run(words.iter().chain(&["-f", "json"]).copied()).json();
        assert_eq!((said["dry_run"].take(), done["dry_run"].take()), (json!(true), json!(false)));
        // Only what was written can be asked about.
        assert!(said["doctor"].take().is_null() && done["doctor"].take().is_object());
        assert!(said["change"].take().is_null() && done["change"].take().is_string());
        assert_eq!(said, done);
        let files = done["files"].as_array().unwrap();
        let named: Vec<String> = files.iter().map(|file| slashes(file["path"].as_str().unwrap())).collect();
        assert_eq!(named, [COMPUTER_POL, GPT_INI]);
        for (file, path) in files.iter().zip(named) {
            let (old, new) = (golden(&path), dir.read(&path));
            assert_eq!((&file["before"], &file["after"]), (&json!(old.len()), &json!(new.len())));
            let differing: Vec<usize> = (0..old.len()).filter(|&at| new.get(at) != old.get(at)).collect();
            let expected = if old.len() == new.len() { json!(differing) } else { Value::Null };
            assert_eq!(file["differing"], expected, "{path}");
        }
        assert_eq!(done["version"], json!({"before": {"user": 1, "computer": 2}, "after": {"user": 1, "computer": 3}}));
    }
}

#[test]
fn a_dry_run_for_people_is_the_runs_text_in_another_mood() {
    let dir = TestDir::with_image();
    let dry = dir.run(["policy", "set", "image", NLA, "disabled", "-n"]).ok();
    let done = dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    assert!(dry.starts_with("Would change 2 files in image\n"), "{dry}");
    let (change, doctor) = done.split_once("\nBackup ").expect("every write is recorded");
    assert_eq!(dry.replacen("Would change", "Changed", 1), change);
    assert!(doctor.contains("Windows will apply this at the next boot:"), "{doctor}");
}

#[test]
fn the_user_side_has_its_own_file_counter_and_tool() {
    let dir = TestDir::with_image();
    dir.write_store();
    dir.write(GPT_INI, GptIni::new().version(7, 9).build());
    dir.run(["policy", "set", "image", "Both", "enabled", "--scope", "user", "--admx", "store"]).ok();
    let record = PolBuilder::without_header().dword(KEY, "Both", 1).build();
    let user = golden(USER_POL);
    // `Acme` comes before `Microsoft` in the tree of keys.
    assert_eq!(dir.read(USER_POL), [&user[..8], &record, &user[8..]].concat());
    assert_eq!(dir.read(COMPUTER_POL), golden(COMPUTER_POL));
    let expected = GptIni::new().version(8, 9).key("gPCUserExtensionNames", REGISTRY_USER).build();
    assert_eq!(String::from_utf8(dir.read(GPT_INI)), String::from_utf8(expected));
}

#[test]
fn a_missing_gpt_ini_is_made() {
    let dir = TestDir::with_image();
    std::fs::remove_file(dir.path(GPT_INI)).unwrap();
    let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
    run.ok();
    let expected = GptIni::new().key("gPCMachineExtensionNames", REGISTRY_COMPUTER).version(0, 1).build();
    assert_eq!(String::from_utf8(dir.read(GPT_INI)), String::from_utf8(expected));
    assert_file_snapshot!("set_makes_gpt_ini", run);
}

#[test]
fn a_missing_policy_file_and_its_folders_are_made() {
    let dir = TestDir::with("image/Windows/System32/config/SYSTEM", "regf");
    dir.run(["policy", "unset", "image", NLA]).ok();
    assert!(!dir.has("image/Windows/System32/GroupPolicy"), "nothing to take out, so nothing to make");
    let run = dir.run(["policy", "set", "image", NLA, "enabled"]);
    run.ok();
    assert_eq!(dir.read(COMPUTER_POL), PolBuilder::new().dword(TERMINAL_SERVICES, "UserAuthentication", 1).build());
    let expected = GptIni::new().key("gPCMachineExtensionNames", REGISTRY_COMPUTER).version(0, 1).build();
    assert_eq!(dir.read(GPT_INI), expected);
    assert_file_snapshot!("set_makes_the_gpo", run);
}

/// Windows stops reading at the first extension that is out of order.
#[test]
fn the_registry_extension_goes_to_its_place_in_the_list() {
    const LOWER: &str = "[{25537BA6-77A8-11D2-9B6C-0000F8080861}{88E729D6-BDC1-11D1-BD2A-00C04FB9603F}]";
    const HIGHER: &str = "[{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}]";
    let other_tool = "[{35378eac-683f-11d2-a89a-00c04fbbcfa2}{0F6B957D-509E-11D1-A7CC-0000F87571E3}]";
    for (before, after) in [
        (LOWER.to_owned(), format!("{LOWER}{REGISTRY_COMPUTER}")),
        (HIGHER.to_owned(), format!("{REGISTRY_COMPUTER}{HIGHER}")),
        (format!("{LOWER}{HIGHER}"), format!("{LOWER}{REGISTRY_COMPUTER}{HIGHER}")),
        (String::new(), REGISTRY_COMPUTER.to_owned()),
        // Listed in another spelling, by another tool: it runs, and stays as it is.
        (other_tool.to_owned(), other_tool.to_owned()),
    ] {
        let dir = TestDir::with_image();
        let ini = |list: &str, n| GptIni::new().key("gPCMachineExtensionNames", list).version(1, n).build();
        dir.write(GPT_INI, ini(&before, 2));
        dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
        assert_eq!(String::from_utf8(dir.read(GPT_INI)), String::from_utf8(ini(&after, 3)), "{before}");
    }
}

#[test]
fn gpt_ini_keeps_encoding_line_ends_comments_and_order() {
    let text = "; ours\n[general]\ndisplayName=Gr\u{fc}n\nVERSION = 131071\nOptions=0\n[Other]\nVersion=7";
    let expected = "; ours\n[general]\ndisplayName=Gr\u{fc}n\nVERSION = 65537\nOptions=0\n";
    let list = format!("gPCMachineExtensionNames={REGISTRY_COMPUTER}\n[Other]\nVersion=7");
    let utf16 =
        |text: &str| [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let ansi = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let utf8 = |text: &str| text.as_bytes().to_vec();
    let marked = |text: &str| [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    let whole = format!("{expected}{list}");
    for (before, after) in [
        (utf8(text), utf8(&whole)),
        (ansi(text), ansi(&whole)),
        (utf16(text), utf16(&whole)),
        (marked(text), marked(&whole)),
    ] {
        let dir = TestDir::with_image();
        dir.write(GPT_INI, before);
        dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
        // The computer's counter was 65535: it goes on at 1, never at 0; the user's stays 1.
        assert_eq!(dir.read(GPT_INI), after);
    }
}

#[test]
fn a_bare_policy_file_is_edited_without_gpt_ini_and_says_so() {
    let dir = TestDir::with("gpo/Machine/Registry.pol", golden(COMPUTER_POL));
    let run = dir.run(["policy", "set", "gpo/Machine/Registry.pol", NLA, "disabled"]);
    run.ok();
    let mut expected = golden(COMPUTER_POL);
    expected[NLA_DATA] = 0;
    assert_eq!(dir.read("gpo/Machine/Registry.pol"), expected);
    assert!(!dir.has("gpo/gpt.ini"), "the file lies in no GPO");
    assert_file_snapshot!("set_in_a_bare_file", run);
}

#[test]
fn the_policy_file_of_a_local_gpo_stands_for_its_side() {
    for path in ["image/Windows/System32/GroupPolicy/Machine", COMPUTER_POL, GPT_INI] {
        let dir = TestDir::with_image();
        dir.run(["policy", "set", path, NLA, "disabled"]).ok();
        // 65538 is user 1, computer 2.
        assert_eq!(dir.read(GPT_INI), gpt_ini(1, 3), "{path}");
        assert_eq!(dir.read(COMPUTER_POL)[NLA_DATA], 0, "{path}");
        assert!(dir.run(["doctor", path]).ok().contains(": yes"), "{path}");
    }
    // The side that the path does not name is another target.
    let dir = TestDir::with_image();
    let before = dir.state();
    let run = dir.run(["policy", "set", USER_POL, NLA, "disabled", "--scope", "computer"]);
    assert_eq!(run.refused(3), "E0303");
    assert_eq!(dir.state(), before);
    // A Windows without a gpt.ini gets one.
    std::fs::remove_file(dir.path(GPT_INI)).expect("it goes");
    dir.run(["policy", "set", COMPUTER_POL, NLA, "disabled"]).ok();
    assert!(dir.has(GPT_INI));
    // And one that is hibernated is left alone, by whatever path and however much one insists.
    dir.write("image/hiberfil.sys", "HIBR");
    for rest in [&[][..], &["--file-only"]] {
        let run = dir.run([&["policy", "set", COMPUTER_POL, NLA, "enabled"], rest].concat());
        assert_eq!(run.refused(5), "E0511");
    }
}

#[test]
fn neighbours_with_similar_names_stay_as_they_are() {
    let neighbours = |nla: u32| {
        PolBuilder::new()
            .dword(TERMINAL_SERVICES, "SetUserAuthentication", 7)
            .dword(&TERMINAL_SERVICES.to_uppercase(), "USERAUTHENTICATION", nla)
            .dword(TERMINAL_SERVICES, "UserAuthentication2", 8)
            .dword(&format!(r"{TERMINAL_SERVICES}\Sub"), "UserAuthentication", 9)
            .build()
    };
    let dir = TestDir::with("x.pol", neighbours(1));
    dir.run(["policy", "set", "x.pol", NLA, "disabled"]).ok();
    assert_eq!(dir.read("x.pol"), neighbours(0));
}

/// The editor writes the policy's own value and then its elements in the template's order; a list starts
/// with `**delvals.`, and its key comes after its parent's values.
#[test]
fn every_kind_of_element_is_written_as_the_editor_writes_it() {
    let dir = TestDir::with("x.pol", PolBuilder::new().build());
    dir.write_store();
    dir.write("notes.txt", "one\r\ntwo\r\n");
    let run = dir.run([
        "policy",
        "set",
        "x.pol",
        "Collect data",
        "enabled",
        "--admx",
        "store",
        "Level=All of it",
        "Delay=0x10",
        "Verbose=true",
        "Server=srv",
        "Notes=@notes.txt",
        r"Paths[]=C:\a",
        r"Paths[]=C:\b",
        "Users[ann]=X",
    ]);
    run.ok();
    let expected = PolBuilder::new()
        .dword(KEY, "Collect", 1)
        .dword(KEY, "Level", 3)
        .dword(KEY, "Delay", 16)
        .dword(KEY, "Verbose", 1)
        .sz(KEY, "Server", "srv")
        .multi_sz(KEY, "Notes", &["one", "two"])
        .del_all_values(&format!(r"{KEY}\Paths"))
        .sz(&format!(r"{KEY}\Paths"), "1", r"C:\a")
        .sz(&format!(r"{KEY}\Paths"), "2", r"C:\b")
        .del_all_values(&format!(r"{KEY}\Users"))
        .sz(&format!(r"{KEY}\Users"), "ann", "X")
        .build();
    assert_eq!(dir.read("x.pol"), expected);
    assert_file_snapshot!("set_elements", run);
    let shown = dir.run(["show", "x.pol", "--admx", "store", "-f", "json"]).json();
    let policy = &shown["sides"][0]["policies"][0];
    let values: Vec<(&str, &Value, &Value)> = policy["elements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|element| (element["id"].as_str().unwrap(), &element["value"], &element["state"]))
        .collect();
    let enabled = &json!("enabled");
    assert_eq!(
        values,
        [
            ("Level", &json!(3), enabled),
            ("Delay", &json!(16), enabled),
            ("Verbose", &json!(true), enabled),
            ("Server", &json!("srv"), enabled),
            ("Notes", &json!(["one", "two"]), enabled),
            ("Paths", &json!([r"C:\a", r"C:\b"]), enabled),
            ("Users", &json!([{"name": "ann", "data": "X"}]), enabled),
        ]
    );
    assert_eq!(policy["elements"][0]["display"], "All of it");
    dir.run(["policy", "unset", "x.pol", "Collect", "--admx", "store"]).ok();
    assert_eq!(dir.read("x.pol"), PolBuilder::new().build());
}

#[test]
fn an_item_is_chosen_by_its_text_in_any_case_or_by_its_value() {
    for (chosen, value) in [("High Level", 3), ("high level", 3), ("3", 3), ("0x1", 1), ("low level", 1)] {
        let dir = TestDir::with("x.pol", PolBuilder::new().build());
        let element = format!("TS_ENCRYPTION_LEVEL={chosen}");
        dir.run(["policy", "set", "x.pol", "TS_ENCRYPTION_POLICY", "enabled", &element]).ok();
        let expected = PolBuilder::new().dword(TERMINAL_SERVICES, "MinEncryptionLevel", value).build();
        assert_eq!(dir.read("x.pol"), expected, "{chosen}");
    }
}

#[test]
fn an_element_left_out_takes_the_templates_default_and_that_is_said() {
    let dir = TestDir::with("x.pol", PolBuilder::new().build());
    let run = dir.run(["policy", "set", "x.pol", "TS_ENCRYPTION_POLICY", "enabled"]);
    assert!(run.ok().contains("Encryption Level: Client Compatible  (the template's default)"), "{run}");
    assert_eq!(dir.read("x.pol"), PolBuilder::new().dword(TERMINAL_SERVICES, "MinEncryptionLevel", 2).build());
    dir.write("y.pol", PolBuilder::new().build());
    let json = dir.run(["policy", "set", "y.pol", "TS_ENCRYPTION_POLICY", "enabled", "-f", "json"]).json();
    assert_eq!(json["defaults"][0]["id"], "TS_ENCRYPTION_LEVEL");
    assert_eq!(
        (&json["defaults"][0]["value"], &json["defaults"][0]["display"]),
        (&json!(2), &json!("Client Compatible"))
    );
}

#[test]
fn the_command_that_an_error_offers_works_when_pasted() {
    let dir = TestDir::with("my file.pol", PolBuilder::new().build());
    dir.write_store();
    let given = ["policy", "set", "my file.pol", "Collect", "enabled", "--admx", "store", "Server=x", "Level=2"];
    let run = dir.run(given);
    assert_eq!(run.refused(2), "E0305");
    let help = run.stderr();
    let command = help.lines().find_map(|line| line.strip_prefix("help: gpol ")).expect("a command").to_owned();
    assert!(command.contains("Server=x"), "{command}");
    dir.run(words(&command)).ok();
    assert!(dir.read("my file.pol").len() > 8);
}

/// The words of a command line as a shell makes them; both kinds of quotes, no escapes.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn what_an_element_rejects_names_it_what_it_takes_and_the_command() {
    let dir = TestDir::with_image();
    dir.write_store();
    let before = dir.state();
    let mut shown = String::new();
    for (elements, status, code) in [
        (&["Server=x", "Delay=3"][..], 2, "E0305"),
        (&["Server=x", "Delay=91"], 2, "E0305"),
        (&["Server=x", "Delay=soon"], 2, "E0305"),
        (&["Server=x", "Level=2"], 2, "E0305"),
        (&["Server=x", "Verbose=maybe"], 2, "E0305"),
        (&["Server=123456789012345678901"], 2, "E0305"),
        (&["Server="], 2, "E0305"),
        (&["Server=x", "Users[]=maybe"], 2, "E0305"),
        (&["Server=x", "Verbose[]=true"], 2, "E0305"),
        (&["Server=x", "Verbose"], 2, "E0305"),
        (&["Server=x", "Server=y"], 2, "E0305"),
        (&[], 2, "E0305"),
        (&["Server=x", "Nope=1"], 3, "E0304"),
    ] {
        let words = ["policy", "set", "image", "Collect", "enabled", "--admx", "store"].iter().chain(elements);
        let run = dir.run(words.copied());
        assert_eq!(run.refused(status), code, "{elements:?}");
        assert_eq!(dir.state(), before, "{elements:?}");
        shown.push_str(&format!("$ {}\n{run}\n\n", elements.join(" ")));
    }
    assert_file_snapshot!("set_rejects", shown);
}

#[test]
fn get_says_the_state_and_its_exit_code_whether_there_is_one() {
    let dir = TestDir::with_image();
    assert_eq!(dir.run(["policy", "get", "image", NLA]).ok(), format!("Enabled   {NLA_NAME}\n"));
    let inputs = dir.run(["policy", "get", "image", "TS_ENCRYPTION_POLICY"]).ok();
    assert_eq!(inputs, "Enabled   Set client connection encryption level\n          Encryption Level: High Level\n");
    let not = dir.run(["policy", "get", "image", "TS_PASSWORD"]).expect(1);
    assert_eq!(not, "Not configured Always prompt for password upon connection\n");
    let json = dir.run(["policy", "get", "image", "TS_ENCRYPTION_POLICY", "-f", "json"]).json();
    assert_eq!((&json["schema"], &json["side"]), (&json!("gpol.policy-get/1"), &json!("computer")));
    assert_eq!(json["target"]["kind"], "windows");
    let policy = &json["policy"];
    assert_eq!((&policy["state"], &policy["record_indexes"]), (&json!("enabled"), &json!([3])));
    let json =
        parse(&dir.run(["policy", "get", "image", "TS_ENCRYPTION_POLICY", "-f", "json", "--color", "always"]).ok());
    assert_eq!(&json["policy"], policy);
    let not = parse(&dir.run(["policy", "get", "image", "TS_PASSWORD", "-f", "json"]).expect(1));
    assert_eq!((&not["policy"]["state"], &not["policy"]["record_indexes"]), (&json!("not-configured"), &json!([])));
}
