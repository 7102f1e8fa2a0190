//! Looking into registry hives: files, dirty and damaged ones, and those of an installation.

use std::io::Read as _;
use std::process::{Command, Stdio};

use fixtures::hive::{Built, KeySpec, List, build, samples};
use fixtures::{ImageBuilder, RDP_TCP, TERMINAL_SERVICES};
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{Run, TestDir, keys, parse};

const SOFTWARE: &str = "image/Windows/System32/config/SOFTWARE";
const SYSTEM: &str = "image/Windows/System32/config/SYSTEM";

fn image(builder: ImageBuilder) -> TestDir {
    let dir = TestDir::new();
    fixtures::write_tree(&dir.path("image"), &builder.build()).expect("the image is written");
    dir
}

fn get(dir: &TestDir, hive: &str, place: &str) -> Run {
    dir.run(["hive", "get", hive, place])
}

/// The only value of `hive get`.
fn value(dir: &TestDir, hive: &str, place: &str) -> Value {
    let run = dir.run(["hive", "get", hive, place, "-f", "json"]);
    assert_eq!(run.status, Some(0), "{run}");
    let document = parse(&run.stdout());
    let values = document["key"]["values"].as_array().expect("values");
    assert_eq!(values.len(), 1, "{run}");
    values[0].clone()
}

/// A hive of every kind of value.
fn odd() -> Built {
    let acme = KeySpec::new("Acme")
        .class("a class")
        .sz("", "the default value")
        .sz("Text", "Größe \u{2699}")
        .expand_sz("Expand", "%SystemRoot%")
        .multi_sz("List", &["one", "two"])
        .multi_sz("No list", &[])
        .dword("Number", 0xFEED)
        .qword("Long", u64::MAX)
        .value("Big end first", 5, 42_u32.to_be_bytes())
        .binary("Bytes", &(0..40).collect::<Vec<u8>>())
        .binary("No bytes", &[])
        .value("No type", 0, [1])
        .value("Type 0x20", 0x20, [1, 2])
        .value("No NUL", 1, fixtures::hive::utf16("abc"))
        // A short text in a long buffer: what stood there before need not be text.
        .value("Remnants", 1, [0x61, 0, 0x62, 0, 0, 0, 0, 0xD8, 1, 0])
        .value("Odd", 1, [0x61, 0, 0x62])
        .value("Half a number", 4, [1, 2])
        .sz("a!b", "a name with an exclamation mark");
    let link = KeySpec::new("Link").flags(0x10).value("SymbolicLinkValue", 6, fixtures::hive::utf16(r"\Registry"));
    build(5, &KeySpec::new("ROOT").key(acme).key(link).key(KeySpec::new("Empty")))
}

#[test]
fn a_value_is_printed_with_its_key_its_place_and_its_type() {
    let dir = TestDir::with_image();
    let place = format!("{TERMINAL_SERVICES}!UserAuthentication");
    let run = get(&dir, SOFTWARE, &place);
    run.ok();
    insta::assert_snapshot!(run, @r"
    Policies\Microsoft\Windows NT\Terminal Services  2026-01-12T08:00:00Z
      0x00222c  UserAuthentication  REG_DWORD  1
    ");
    let bytes = dir.read(SOFTWARE);
    let offset = usize::try_from(value(&dir, SOFTWARE, &place)["offset"].as_u64().unwrap()).unwrap();
    // The value's own bytes: its signature, and its four bytes of data.
    assert_eq!((&bytes[offset..offset + 2], &bytes[offset + 8..offset + 12]), (&b"vk"[..], &[1, 0, 0, 0][..]));
    // Names are found in any case.
    assert_eq!(get(&dir, SOFTWARE, &place.to_uppercase()).ok(), run.ok());
}

#[test]
fn a_key_is_printed_with_values_of_every_type() {
    let dir = TestDir::with("hive", odd().bytes);
    let run = get(&dir, "hive", "Acme");
    run.ok();
    assert_file_snapshot!("hive_get_key", run);
    let json = dir.run(["hive", "get", "hive", "Acme", "-f", "json"]).json();
    assert_eq!(keys(&json), ["errors", "hive", "key", "schema"]);
    assert_eq!(json["schema"], "gpol.hive-get/1");
    assert_eq!(
        json["hive"],
        json!({"path": "hive", "state": {"dirty": false, "recovered": true, "why": null, "logs": []}, "problems": []})
    );
    let key = &json["key"];
    assert_eq!(
        (&key["path"], &key["class_name"], &key["value_count"]),
        (&json!("Acme"), &json!("a class"), &json!(17))
    );
    let value = |name: &str| key["values"].as_array().unwrap().iter().find(|v| v["name"] == name).unwrap();
    for (name, value_type, reading, raw) in [
        ("Number", json!("REG_DWORD"), json!(0xFEED), "edfe0000"),
        ("Big end first", json!("REG_DWORD_BIG_ENDIAN"), json!(42), "0000002a"),
        ("Long", json!("REG_QWORD"), json!(u64::MAX), "ffffffffffffffff"),
        ("List", json!("REG_MULTI_SZ"), json!(["one", "two"]), "6f006e0065000000740077006f0000000000"),
        ("No list", json!("REG_MULTI_SZ"), json!([]), "0000"),
        ("No bytes", json!("REG_BINARY"), json!(""), ""),
        ("No type", json!("REG_NONE"), json!(null), "01"),
        ("Type 0x20", json!(0x20), json!(null), "0102"),
        ("No NUL", json!("REG_SZ"), json!("abc"), "610062006300"),
        ("Remnants", json!("REG_SZ"), json!("ab"), "61006200000000d80100"),
        ("Odd", json!("REG_SZ"), json!(null), "610062"),
        ("Half a number", json!("REG_DWORD"), json!(null), "0102"),
    ] {
        let found = value(name);
        assert_eq!((&found["type"], &found["value"]), (&value_type, &reading), "{name}");
        assert_eq!(found["raw"], raw, "{name}");
        assert_eq!(found["size"], found["raw"].as_str().unwrap().len() / 2, "{name}");
    }
    assert_eq!(value("Long")["hex"], "0xffffffffffffffff");
}

#[test]
fn the_exclamation_mark_that_ends_the_key_is_the_one_that_makes_sense() {
    let dir = TestDir::with("hive", odd().bytes);
    assert_eq!(value(&dir, "hive", "Acme!a!b")["name"], "a!b");
    assert_eq!(value(&dir, "hive", "Acme!")["value"], "the default value");
    assert_eq!(value(&dir, "hive", "acme!(default)")["name"], "");
}

#[test]
fn what_is_not_there_is_exit_3_and_says_how_far_the_path_leads() {
    let dir = TestDir::with_image();
    let runs = [
        get(&dir, SOFTWARE, r"Policies\Nothing\Below!x"),
        get(&dir, SOFTWARE, r"Policies\Acme\Agent!Level"),
        // A value, named as if it were a key.
        get(&dir, SOFTWARE, r"Policies\Acme\Agent\tier"),
        get(&dir, "image", r"HKLM\SOFTWARE\Policies\Acme\Agent\Tier"),
        get(&dir, SOFTWARE, r"Policies\Acme\Agent\Tier\x"),
        get(&dir, SOFTWARE, r"Policies\Acme\Agent!"),
        get(&dir, SOFTWARE, r"HKLM\SOFTWARE\Policies\Acme\Agent!Tier"),
        get(&dir, SYSTEM, r"CurrentControlSet\Services\gpsvc!Start"),
        dir.run(["hive", "list", SYSTEM, r"CurrentControlSet\Services"]),
        dir.run(["hive", "list", SOFTWARE, "Nothing"]),
        get(&dir, "image", r"HKLM\SYSTEM\ControlSet009!x"),
        get(&dir, "image", r"HKCU\Software\x"),
    ];
    let shown: Vec<String> = runs
        .iter()
        .map(|run| {
            assert_eq!(run.refused(3), "E0411");
            run.to_string()
        })
        .collect();
    if cfg!(unix) {
        assert_file_snapshot!("hive_not_there", shown.join("\n"));
    }
}

#[test]
fn a_listing_names_what_is_below_and_a_recursive_one_lists_it() {
    let dir = TestDir::with("hive", odd().bytes);
    let run = dir.run(["hive", "list", "hive"]);
    run.ok();
    assert_file_snapshot!("hive_list", run);
    let all = dir.run(["hive", "list", "hive", "--recursive"]);
    all.ok();
    assert_file_snapshot!("hive_list_recursive", all);
    let json = dir.run(["hive", "list", "hive", "-f", "json"]).json();
    assert_eq!(keys(&json), ["errors", "hive", "key", "keys", "recursive", "schema"]);
    assert_eq!((&json["schema"], &json["key"]), (&json!("gpol.hive-list/1"), &json!("")));
    let listed: Vec<_> = json["keys"].as_array().unwrap().iter().map(|k| (&k["path"], &k["values"])).collect();
    assert_eq!(
        listed,
        [
            (&json!(""), &json!([])),
            (&json!("Acme"), &json!(null)),
            (&json!("Empty"), &json!(null)),
            (&json!("Link"), &json!(null))
        ]
    );
    let below = dir.run(["hive", "list", "hive", "Link", "-r", "-f", "json"]).json();
    assert_eq!((&below["keys"][0]["symbolic_link"], below["keys"].as_array().unwrap().len()), (&json!(true), 1));
}

#[test]
fn a_recursive_listing_holds_every_byte_of_every_hive_that_can_be_built() {
    for (name, built) in samples::all() {
        let dir = TestDir::with("hive", &built.bytes);
        let json = dir.run(["hive", "list", "hive", "-r", "-f", "json"]).json();
        // 1 root, 6 below it, 40 many, 31 deep, 8 names: counted in the sample.
        assert_eq!(json["keys"].as_array().unwrap().len(), 1 + 6 + 40 + 30 + 8, "{name}");
        let values =
            json["keys"].as_array().unwrap().iter().find(|key| key["path"] == "Values").unwrap()["values"].clone();
        for size in [5, 4096, 16_344, 16_345, 32_689, 1_100_000] {
            let value = values.as_array().unwrap().iter().find(|v| v["name"] == format!("size {size}")).unwrap();
            let expected: String = samples::noise(size).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(value["raw"] == expected, "{name}: {size}");
        }
    }
}

#[test]
fn an_installation_is_looked_into_as_windows_names_things() {
    let requires = |set: KeySpec| set.with(RDP_TCP, |key| key.dword("UserAuthentication", 1));
    let dir = image(ImageBuilder::new().next_boot_from_second_control_set(requires));
    let place = format!(r"HKLM\SYSTEM\CurrentControlSet\{RDP_TCP}!UserAuthentication");
    let run = get(&dir, "image", &place);
    run.ok();
    insta::assert_snapshot!(run, @r"
    Hive       image/Windows/System32/config/SYSTEM
    ControlSet002\Control\Terminal Server\WinStations\RDP-Tcp  2026-01-12T08:00:00Z
      0x001bd4  UserAuthentication  REG_DWORD  1
    ");
    for place in [
        format!(r"SYSTEM\ControlSet001\{RDP_TCP}!UserAuthentication"),
        format!(r"hklm:\system\ControlSet001\{RDP_TCP}!UserAuthentication"),
        format!(r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\{RDP_TCP}!UserAuthentication"),
    ] {
        assert_eq!(value(&dir, "image", &place)["value"], 0, "{place}");
        assert_eq!(value(&dir, "image/Windows", &place)["value"], 0, "{place}");
    }
    let list = dir.run(["hive", "list", "image", r"HKLM\SOFTWARE\Policies"]).ok();
    assert!(list.contains(r"Microsoft\") && list.contains(r"Acme\"), "{list}");
}

#[test]
fn a_dirty_hive_is_read_with_its_logs_and_says_so() {
    let newer = |root: KeySpec| root.with(TERMINAL_SERVICES, |key| key.dword("UserAuthentication", 0));
    let dir = image(ImageBuilder::new().software_in_logs(newer));
    let place = format!("{TERMINAL_SERVICES}!UserAuthentication");
    assert_eq!(value(&dir, SOFTWARE, &place)["value"], 0);
    assert_eq!(value(&dir, "image", &format!(r"HKLM\SOFTWARE\{place}"))["value"], 0);
    let run = get(&dir, SOFTWARE, &place);
    assert_eq!(run.status, Some(0));
    assert_file_snapshot!("hive_dirty", run);
    let json = parse(&dir.run(["hive", "get", SOFTWARE, &place, "-f", "json"]).stdout());
    let state = &json["hive"]["state"];
    assert_eq!(
        (&state["dirty"], &state["recovered"], state["logs"].as_array().unwrap().len()),
        (&json!(true), &json!(true), 2)
    );
    // In any letter case, as on a mounted volume.
    let log = format!("{SOFTWARE}.LOG1");
    let bytes = dir.read(&log);
    std::fs::remove_file(dir.path(&log)).unwrap();
    dir.write("image/Windows/System32/config/software.log1", &bytes);
    assert_eq!(value(&dir, SOFTWARE, &place)["value"], 0);
    // Without its log it says what it has, and that this may be old.
    std::fs::remove_file(dir.path("image/Windows/System32/config/software.log1")).unwrap();
    assert_eq!(value(&dir, SOFTWARE, &place)["value"], 1);
    let stale = get(&dir, SOFTWARE, &place);
    assert!(stale.stderr().starts_with("warning: ") && stale.stderr().contains("may be old"), "{stale}");
}

/// Two keys, of which one can be damaged.
fn two_keys() -> Built {
    let a = KeySpec::new("A").binary("x", &[7; 40]).dword("y", 1).key(KeySpec::new("Below").dword("z", 2));
    build(5, &KeySpec::new("R").key(a).key(KeySpec::new("Sound").dword("z", 3)))
}

#[test]
fn what_is_damaged_is_told_in_its_place_and_the_rest_listed() {
    let built = two_keys();
    // The cell of x' data, and the list of the keys below A, lead nowhere.
    let mut bytes = built.with(built.at("vk:A:x") + 8, &33_u32.to_le_bytes());
    let at = built.at("nk:A") + 28;
    bytes[at..at + 4].copy_from_slice(&0x7FFF_FFF8_u32.to_le_bytes());
    let dir = TestDir::with("hive", bytes);
    let run = dir.run(["hive", "list", "hive", "-r"]);
    assert_eq!(run.status, Some(7), "{run}");
    assert_file_snapshot!("hive_damaged", run);
    let json = dir.run(["hive", "list", "hive", "-r", "-f", "json"]);
    assert_eq!(json.status, Some(7));
    let json = parse(&json.stdout());
    let paths: Vec<_> = json["keys"].as_array().unwrap().iter().map(|key| key["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["", "A", "Sound"]);
    let errors: Vec<_> =
        json["errors"].as_array().unwrap().iter().map(|e| (&e["key"], &e["offset"], &e["part"])).collect();
    assert_eq!(
        errors,
        [
            (&json!("A"), &json!(built.at("vk:A:x") + 8), &json!("data")),
            (&json!("A"), &json!(at), &json!("subkey list"))
        ]
    );
    // One value of the key can be read, the other cannot; whether there is a key below it, nobody can say.
    assert_eq!(value(&dir, "hive", "A!y")["value"], 1);
    assert_eq!(get(&dir, "hive", "A!x").refused(4), "E0232");
    assert_eq!(get(&dir, "hive", r"A\Below!z").refused(4), "E0232");
    assert_eq!(get(&dir, "hive", r"A").status, Some(7));
    assert_eq!(value(&dir, "hive", "Sound!z")["value"], 3);
}

#[test]
fn values_that_share_their_bytes_do_not_make_an_endless_listing() {
    let many = (0..200).fold(KeySpec::new("Many"), |key, i| key.binary(&format!("{i:03}"), &[1; 5]));
    let built = build(5, &KeySpec::new("R").binary("data", &[9; 16_000]).key(many).key(KeySpec::new("Sound")));
    let cell = u32::try_from(built.at("data::data") - 4 - 4096).unwrap();
    let mut bytes = built.bytes.clone();
    for i in 0..200 {
        let at = built.at(&format!("vk:Many:{i:03}")) + 4;
        bytes[at..at + 4].copy_from_slice(&16_000_u32.to_le_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&cell.to_le_bytes());
    }
    let size = bytes.len();
    let dir = TestDir::with("hive", bytes);
    let run = dir.run(["hive", "list", "hive", "-r", "-f", "json"]);
    assert_eq!(run.status, Some(7));
    assert!(run.out.len() < 4 * size, "{} bytes of {size}", run.out.len());
    let json = parse(&run.stdout());
    assert!(json["errors"][0]["message"].as_str().unwrap().contains("more bytes than the hive has"));
    assert_eq!(json["keys"].as_array().unwrap().last().unwrap()["path"], "Sound");
}

#[test]
fn a_symbolic_link_is_shown_and_not_followed() {
    let dir = TestDir::with("hive", odd().bytes);
    let run = get(&dir, "hive", "Link");
    assert!(run.ok().contains("a symbolic link, not followed"), "{run}");
    assert_eq!(get(&dir, "hive", r"Link\Below").refused(3), "E0412");
}

#[test]
fn nothing_in_a_hive_reaches_a_terminal_raw() {
    let hostile = "a\u{1b}[31mb\u{202e}c\rd\ne";
    let key = KeySpec::new(hostile).class(hostile).sz(hostile, hostile).multi_sz("list", &[hostile]);
    let mut lone = KeySpec::new("x");
    lone.name = vec![0xD800, 0x1B];
    let dir = TestDir::with("hive", build(5, &KeySpec::new("R").key(key).key(lone)).bytes);
    for words in [&["-r"][..], &[], &["-r", "-f", "json"]] {
        let run = dir.run(["hive", "list", "hive"].iter().chain(words).copied());
        let said = run.ok();
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\r']), "{said:?}");
        assert!(!said.contains("d\ne"), "{said:?}");
    }
    let json = dir.run(["hive", "list", "hive", "-f", "json"]).json();
    assert_eq!(json["keys"][2]["path"], json!({"utf16le": "00d81b00"}));
    let refused = get(&dir, "hive", hostile.trim_end_matches('e'));
    assert!(!refused.stderr().contains(['\u{1b}', '\u{202e}', '\r']), "{refused}");
}

/// A hive of 300 times 100 keys.
fn large() -> Vec<u8> {
    let below = |i: u32| (0..100).map(move |j| KeySpec::new(&format!("key {j:02}")).dword("n", i * j));
    let keys = (0..300).map(|i| KeySpec::new(&format!("many {i:03}")).list(List::Lh).keys(below(i)));
    build(5, &KeySpec::new("R").list(List::Lh).keys(keys)).bytes
}

#[test]
fn a_large_hive_is_listed_while_it_is_read_and_a_closed_pipe_ends_it_quietly() {
    let dir = TestDir::with("hive", large());
    for format in ["human", "json"] {
        let words = ["hive", "list", "hive", "-r", "-f", format];
        assert!(dir.run(words).ok().matches("key 99").count() >= 300);
        let mut child = dir.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 8]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""), "{format}");
    }
}

/// The number of keys that hivex, a third party, finds; `None` if it refuses the hive or is not there.
fn keys_of_hivex(file: &std::path::Path) -> Option<usize> {
    let output = Command::new("hivexml").arg(file).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).matches("<node ").count())
}

#[test]
fn every_hive_of_the_corpus_is_listed_with_as_many_keys_as_hivex_finds() {
    let Some(corpus) = crate::corpus::corpus() else { return };
    let (mut listed, mut refused, mut compared, mut keys) = (0, 0, 0, 0);
    for file in crate::corpus::files(&corpus.join("hives")) {
        let words =
            ["hive".into(), "list".into(), file.clone().into_os_string(), "-r".into(), "-f".into(), "json".into()];
        let run = Run::of(TestDir::new().command::<std::ffi::OsString>(words));
        if run.status == Some(4) {
            assert_eq!(run.refused(4), "E0231", "{}", file.display());
            refused += 1;
            continue;
        }
        assert!(matches!(run.status, Some(0 | 7)), "{}: {run}", file.display());
        let json = parse(&run.stdout());
        let found = json["keys"].as_array().unwrap().len();
        keys += found;
        listed += 1;
        // A dirty hive says something else with its logs than without, which hivex does not read.
        if json["hive"]["state"]["dirty"] == false
            && run.status == Some(0)
            && let Some(theirs) = keys_of_hivex(&file)
        {
            assert_eq!(found, theirs, "{}", file.display());
            compared += 1;
        }
    }
    println!("{listed} listed, {refused} refused, {compared} compared with hivex, {keys} keys");
    assert!(listed >= 6 && refused >= 1 && keys >= 5_000, "{listed} listed, {refused} refused, {keys} keys");
}
