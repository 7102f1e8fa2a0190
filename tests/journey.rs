//! The case that gpol was started for, from end to end: unattended flows fail, NLA is the cause, and it is switched off
//! on a mounted image such that Windows applies it. What was done is checked on the bytes.

use fixtures::{ImageBuilder, PolBuilder};
use serde_json::{Value, json};

use crate::bench::{COMPUTER_POL, GPT_INI, NLA, NLA_NAME, TestDir, parse};

/// As a KB prints it.
const PATH: &str = "Computer Configuration > Administrative Templates > Windows Components > Remote Desktop Services > \
    Remote Desktop Session Host > Security > Require user authentication for remote connections by using Network Level \
    Authentication";
const TERMINAL_SERVICES: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

fn verdict(dir: &TestDir) -> Value {
    dir.run(["explain", "image", PATH, "-f", "json"]).json()["verdict"].clone()
}

#[test]
fn nla_is_found_switched_off_proved_and_put_back() {
    let dir = TestDir::new();
    // As Windows leaves it when it applies policy: the archive names what it put into the registry.
    let archive = PolBuilder::new().dword(TERMINAL_SERVICES, "UserAuthentication", 1);
    fixtures::write_tree(&dir.path("image"), &ImageBuilder::new().archive(archive).build())
        .expect("the image is written");
    let before = dir.state();
    let (pol, ini) = (dir.read(COMPUTER_POL), dir.text(GPT_INI));

    // Who requires it? The dialog says "not required"; the policy value in the registry and the pending policy win.
    let explained = dir.run(["explain", "image", PATH, "-f", "json"]).json();
    let layers: Vec<(&Value, &Value)> = explained["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| (&layer["layer"], &layer["value"]))
        .collect();
    let expected = [("pending-policy", 1), ("applied-policy", 1), ("local-setting", 0), ("default", 1)]
        .map(|(l, v)| (json!(l), json!(v)));
    assert_eq!(layers, expected.iter().map(|(l, v)| (l, v)).collect::<Vec<_>>());
    let found = verdict(&dir);
    assert_eq!((&found["now"]["layer"], &found["now"]["value"]), (&json!("applied-policy"), &json!(1)));
    assert_eq!((&found["next_boot"]["layer"], &found["next_boot"]["value"]), (&json!("pending-policy"), &json!(1)));
    let cause = dir.run(["diagnose", "image", "AadLogonFailure", "-f", "json"]);
    assert_eq!(cause.status, Some(1), "the cause is here: {cause}");

    // What would change? One byte: the data of the last record.
    let change = ["policy", "set", "image", NLA, "disabled", "--reason", "CHG0041277 KB4555446", "-f", "json"];
    let planned = dir.run(change.iter().chain(&["--dry-run"]).copied()).json();
    assert_eq!(planned["files"][0]["differing"], json!([0x3d8]));
    assert_eq!(dir.state(), before, "explain, diagnose and a dry run write nothing");

    let done = dir.run(change).json();
    assert_eq!(done["plan"], planned["plan"]);
    assert_eq!(done["doctor"]["verdict"], "yes");
    let mut expected = pol.clone();
    expected[0x3d8] = 0;
    assert_eq!(dir.read(COMPUTER_POL), expected, "one byte");
    // The computer's half of the version alone: 0x00010002 becomes 0x00010003.
    assert_eq!(dir.text(GPT_INI), ini.replace("Version=65538", "Version=65539"));
    let touched: Vec<_> =
        before.iter().zip(dir.state()).filter(|(old, new)| *old != new).map(|(old, _)| old.path.clone()).collect();
    let files: Vec<_> = touched.iter().filter(|path| path.is_file()).collect();
    assert_eq!(files, [&dir.path(COMPUTER_POL), &dir.path(GPT_INI)], "no hive, no other file");

    // Now Windows still has the old value; at the next boot it has not.
    let after = verdict(&dir);
    assert_eq!((&after["now"]["value"], &after["next_boot"]["value"]), (&json!(1), &json!(0)));
    assert_eq!(dir.run(["diagnose", "image", "AadLogonFailure"]).status, Some(0), "not at the next boot");

    // Twice is once; and it can be taken back to the last byte.
    let state = dir.state();
    let again = dir.run(change).json();
    assert_eq!((&again["changed"], dir.state() == state), (&json!(false), true));
    dir.run(["undo", "image"]).ok();
    assert_eq!((dir.read(COMPUTER_POL), dir.text(GPT_INI)), (pol, ini));
    assert_eq!(parse(&dir.run(["policy", "get", "image", NLA_NAME, "-f", "json"]).ok())["policy"]["state"], "enabled");
}
