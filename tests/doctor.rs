//! `gpol doctor`: will Windows apply this?

use fixtures::hive::KeySpec;
use fixtures::{GptIni, HISTORY, ImageBuilder, PolBuilder, REGISTRY_COMPUTER, SOFTWARE, STATE, SYSTEM};
use serde_json::{Value, json};

use crate::assert_file_snapshot;
use crate::bench::{COMPUTER_POL, GPT_INI, NLA, TestDir};
use crate::corpus::{cases, files};

const AUDIT: &str = "[{F3CCC681-B74C-4060-9F26-CD84525DCA2A}{0F3F3735-573D-9804-99E4-AB2A69BA5FD4}]";
const CLIENT_POLICY: &str = r"Policies\Microsoft\Windows\Group Policy\{35378EAC-683F-11D2-A89A-00C04FBBCFA2}";

fn image(image: ImageBuilder) -> TestDir {
    let dir = TestDir::new();
    fixtures::write_tree(&dir.path("image"), &image.build()).expect("the image is written");
    dir
}

/// The answer of doctor to the computer side, and the ids of the probes that do not say yes.
fn asked(dir: &TestDir) -> (String, Vec<String>) {
    let run = dir.run(["doctor", "image", "--scope", "computer", "-f", "json"]);
    let document: Value = serde_json::from_slice(&run.out).expect("a document");
    let verdict = document["verdict"].as_str().expect("a verdict").to_owned();
    assert_eq!(run.status, Some(i32::from(verdict != "yes")), "{run}");
    let probes = document["probes"].as_array().expect("probes").iter();
    let against = probes.filter(|probe| probe["answer"] != "yes").map(|probe| {
        assert!(probe["answer"] != "no" || probe["help"].is_string(), "what to do about it: {probe}");
        format!("{} {}", probe["answer"].as_str().expect("an answer"), probe["id"].as_str().expect("an id"))
    });
    (verdict, against.collect())
}

/// Half of gpt.ini's version at 3, where Windows remembers 2.
fn changed() -> ImageBuilder {
    ImageBuilder::new().gpt_ini(GptIni::new().key("gPCMachineExtensionNames", REGISTRY_COMPUTER).version(1, 3))
}

fn with_list(list: &str) -> ImageBuilder {
    ImageBuilder::new().gpt_ini(GptIni::new().key("gPCMachineExtensionNames", list).version(1, 3))
}

fn without_nla(root: KeySpec) -> KeySpec {
    root.without_key(fixtures::TERMINAL_SERVICES)
}

#[test]
fn each_obstacle_is_found_by_its_probe() {
    let registry = REGISTRY_COMPUTER;
    let table: Vec<(&str, ImageBuilder, &str, &[&str])> = vec![
        ("as it was applied", ImageBuilder::new(), "yes", &[]),
        ("changed since", changed(), "yes", &[]),
        ("never applied", ImageBuilder::new().applied_version(None), "yes", &[]),
        ("remembered in the list alone", changed().software(|root| root.without_key(HISTORY)), "yes", &[]),
        // Version 2 is remembered, but a value of it is gone from the registry.
        ("same version, other values", ImageBuilder::new().software(without_nla), "no", &["no version"]),
        (
            "same version, other values, but Windows is told to go on",
            ImageBuilder::new()
                .software(without_nla)
                .software(|root| root.with(CLIENT_POLICY, |key| key.dword("NoGPOListChanges", 0))),
            "yes",
            &[],
        ),
        (
            "same version, other values, and Windows is told to skip",
            ImageBuilder::new()
                .software(without_nla)
                .software(|root| root.with(CLIENT_POLICY, |key| key.dword("NoGPOListChanges", 1))),
            "no",
            &["no version"],
        ),
        (
            "version half 0",
            ImageBuilder::new().gpt_ini(GptIni::new().key("gPCMachineExtensionNames", registry).version(3, 0)),
            "no",
            &["no version"],
        ),
        (
            "no version",
            ImageBuilder::new().gpt_ini(GptIni::new().key("gPCMachineExtensionNames", registry)),
            "no",
            &["no version"],
        ),
        // No document says what a local GPO without one is to Windows.
        ("no gpt.ini", ImageBuilder::new().without(fixtures::GPT_INI), "uncertain", &["uncertain gpt-ini"]),
        ("no extension", with_list(AUDIT), "no", &["no extension"]),
        (
            "an old tool",
            with_list("[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{0F6B957D-509E-11D1-A7CC-0000F87571E3}]"),
            "yes",
            &[],
        ),
        ("lower case", with_list(&registry.to_lowercase()), "yes", &[]),
        // [MS-GPOL] 2.2.4 has clients stop at the first extension that is out of order, ours: in Active Directory's list.
        ("out of order", with_list(&format!("{AUDIT}{registry}")), "uncertain", &["uncertain extension"]),
        ("in order up to ours", with_list(&format!("{registry}{AUDIT}{registry}")), "yes", &[]),
        (
            "two extensions in one bracket is no list",
            with_list("[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}"),
            "no",
            &["no extension"],
        ),
        (
            "computer side off",
            ImageBuilder::new()
                .gpt_ini(GptIni::new().key("gPCMachineExtensionNames", registry).version(1, 3).key("Options", "2")),
            // TechNet cc978247 says that Options switches sides off, and of no bit which.
            "uncertain",
            &["uncertain side-enabled"],
        ),
        (
            "user side off does not matter",
            ImageBuilder::new()
                .gpt_ini(GptIni::new().key("gPCMachineExtensionNames", registry).version(1, 3).key("Options", "1")),
            "yes",
            &[],
        ),
        // [MS-GPREG] 3.2.5.1.2 speaks of the signature alone.
        (
            "a record cut off",
            changed().file(fixtures::COMPUTER_POL, PolBuilder::new().dword("K", "V", 1).cut(3).build()),
            "uncertain",
            &["uncertain policy-file"],
        ),
        (
            "another version",
            changed().file(fixtures::COMPUTER_POL, b"PReg\x02\0\0\0"),
            "uncertain",
            &["uncertain policy-file"],
        ),
        ("another signature", changed().file(fixtures::COMPUTER_POL, b"regf\x01\0\0\0"), "no", &["no policy-file"]),
        ("no byte", changed().file(fixtures::COMPUTER_POL, b""), "no", &["no policy-file"]),
        ("gpsvc disabled", changed().gpsvc_start(4), "no", &["no service"]),
        ("gpsvc on demand", changed().gpsvc_start(3), "yes", &[]),
        (
            "gpsvc disabled where the next boot looks",
            changed().next_boot_from_second_control_set(|set| set.with(r"Services\gpsvc", |key| key.dword("Start", 4))),
            // No document says for certain which of the two sets the next boot uses.
            "uncertain",
            &["uncertain service"],
        ),
        (
            "gpsvc disabled where only the last boot looked",
            changed().next_boot_from_second_control_set(|set| set).gpsvc_start(4),
            "uncertain",
            &["uncertain service"],
        ),
        ("Home", changed().edition("CoreSingleLanguage"), "uncertain", &["uncertain edition"]),
        (
            "local policy off",
            changed().software(|root| {
                root.with(r"Policies\Microsoft\Windows\System", |key| key.dword("DisableLGPOProcessing", 1))
            }),
            "uncertain",
            &["uncertain local-processing"],
        ),
        (
            "local policy off in a domain",
            changed().software(|root| {
                root.with(r"Policies\Microsoft\Windows\System", |key| key.dword("DisableLGPOProcessing", 1))
                    .with(r"Microsoft\Windows\CurrentVersion\Group Policy\State\Machine", |key| {
                        key.sz("Distinguished-Name", "CN=GOLD,DC=example,DC=com")
                    })
            }),
            "no",
            &["no local-processing"],
        ),
        ("no SYSTEM", changed().without(SYSTEM), "uncertain", &["uncertain service"]),
        (
            "no SOFTWARE",
            changed().without(SOFTWARE),
            "uncertain",
            &["uncertain version", "uncertain edition", "uncertain local-processing"],
        ),
        ("no hives", changed().without(SYSTEM).without(SOFTWARE), "uncertain", &["uncertain hive"]),
        (
            "a damaged hive",
            changed().file(SYSTEM, b"regf".to_vec()),
            "uncertain",
            &["uncertain hive", "uncertain service"],
        ),
        // The log says that gpsvc was disabled last; the hive alone says it was not.
        (
            "disabled in the log",
            changed().system_in_logs(|root| root.with(r"ControlSet001\Services\gpsvc", |key| key.dword("Start", 4))),
            "no",
            &["no service"],
        ),
    ];
    for (what, variant, verdict, against) in table {
        let (got, probes) = asked(&image(variant));
        assert_eq!((got.as_str(), probes), (verdict, against.iter().map(|&s| s.to_owned()).collect()), "{what}");
    }
}

#[test]
fn a_dirty_hive_without_its_logs_makes_the_answer_uncertain() {
    let dirty =
        changed().system_in_logs(|root| root.with(r"ControlSet001\Services\gpsvc", |key| key.dword("Start", 4)));
    let dir = image(dirty);
    std::fs::remove_file(dir.path("image/Windows/System32/config/SYSTEM.LOG1")).expect("it is there");
    assert_eq!(asked(&dir), ("uncertain".to_owned(), vec!["uncertain hive".to_owned()]));
}

#[test]
fn the_user_side_is_asked_of_every_user_that_windows_remembers() {
    let remembered = |version: u32| {
        ImageBuilder::new().software(|root| {
            let list = STATE.replace("Machine", "S-1-5-21-1-2-3-1001");
            root.with(&format!(r"{list}\0"), |key| key.dword("Version", version).sz("GPOID", "LocalGPO"))
        })
    };
    let asked = |variant| {
        let run = image(variant).run(["doctor", "image", "--scope", "user", "-f", "json"]);
        serde_json::from_slice::<Value>(&run.out).expect("a document")["verdict"].clone()
    };
    // The image's user version is 1.
    assert_eq!(asked(remembered(0x0002_0002)), "yes");
    assert_eq!(asked(remembered(0x0001_0001)), "uncertain");
    assert_eq!(asked(ImageBuilder::new()), "yes");
}

#[test]
fn other_targets_say_what_cannot_be_seen() {
    let dir = TestDir::with_image();
    let verdict = |target: &str| {
        let run = dir.run(["doctor", target, "-f", "json"]);
        assert!(run.err.is_empty(), "{run}");
        serde_json::from_slice::<Value>(&run.out).expect("a document")["verdict"].clone()
    };
    // One of its files stands for the GPO.
    assert_eq!(verdict("image/Windows/System32/GroupPolicy/Machine/Registry.pol"), "yes");
    dir.write("alone/Machine/Registry.pol", dir.read(COMPUTER_POL));
    assert_eq!(verdict("alone/Machine/Registry.pol"), "uncertain");
    // The hives of the installation that it lies in are found from there.
    assert_eq!(verdict("image/Windows/System32/GroupPolicy"), "yes");
    assert_eq!(verdict("image/Windows"), "yes");
    dir.write("copy/gpt.ini", dir.read(GPT_INI));
    dir.write("copy/Machine/Registry.pol", dir.read(crate::bench::COMPUTER_POL));
    assert_eq!(verdict("copy"), "uncertain");
    dir.write("backup/DomainSysvol/GPO/Machine/registry.pol", dir.read(crate::bench::COMPUTER_POL));
    assert_eq!(verdict("backup"), "no");
}

#[test]
fn nla_switched_off_is_applied_at_the_next_boot() {
    let dir = TestDir::with_image();
    let written = dir.run(["policy", "set", "image", NLA, "disabled", "-f", "json"]).json();
    assert_eq!(written["doctor"]["verdict"], "yes");
    let doctor = dir.run(["doctor", "image", "--scope", "computer"]);
    assert_file_snapshot!("doctor_nla", doctor);
    // What stands against it comes first, with what to do.
    let ini = dir.text(GPT_INI).replace("Version=65539", "Version=65538");
    dir.write(GPT_INI, ini);
    let doctor = dir.run(["doctor", "image", "--scope", "computer"]);
    assert_file_snapshot!("doctor_unraised", doctor);
}

/// `gpt.ini` with the registry extension and computer version 3, where Windows remembers 2, in other words.
fn in_other_words(text: impl Fn(&str) -> String) -> Vec<u8> {
    text(&format!("[General]\r\ngPCMachineExtensionNames={REGISTRY_COMPUTER}\r\nVersion=65539\r\n")).into_bytes()
}

fn utf16(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|&byte| [byte, 0]).collect()
}

#[test]
fn gpt_ini_is_read_as_windows_ini_functions_read_it() {
    let plain = in_other_words(str::to_owned);
    let odd = |text: &dyn Fn(&str) -> String| in_other_words(text);
    // docs/doctor.md has the table with the source of each.
    let table: Vec<(&str, Vec<u8>, &str, &[&str])> = vec![
        ("plain", plain.clone(), "yes", &[]),
        ("UTF-16 with its mark", [&b"\xFF\xFE"[..], &utf16(&plain)].concat(), "yes", &[]),
        ("lines end in LF", odd(&|text| text.replace("\r\n", "\n")), "yes", &[]),
        ("no line end at the end", odd(&|text| text.trim_end().to_owned()), "yes", &[]),
        ("blanks", odd(&|text| text.replace("[General]", " [ general ]").replace('=', " = ")), "yes", &[]),
        ("quotation marks", odd(&|text| text.replace("65539", "\"65539\"")), "yes", &[]),
        ("comments", odd(&|text| format!("; Version=1\r\n{text}; Version=0\r\n")), "yes", &[]),
        ("the first of two keys counts", odd(&|text| format!("{text}Version=0\r\n")), "yes", &[]),
        ("the first of two sections counts", odd(&|text| format!("{text}[General]\r\nVersion=0\r\n")), "yes", &[]),
        ("a mark in a line of its own", odd(&|text| format!("\u{FEFF}\r\n{text}")), "yes", &[]),
        ("a UTF-8 mark", odd(&|text| format!("\u{FEFF}{text}")), "no", &["no gpt-ini"]),
        (
            "keys before the section",
            odd(&|text| format!("Version=3\r\n{}", text.replace("Version=65539", ""))),
            "no",
            &["no version"],
        ),
        ("a number that begins with a letter", odd(&|text| text.replace("65539", "B65539")), "no", &["no version"]),
        (
            "text behind the digits",
            odd(&|text| text.replace("65539", "65539 ; note")),
            "uncertain",
            &["uncertain version"],
        ),
        ("hexadecimal", odd(&|text| text.replace("65539", "0x10003")), "uncertain", &["uncertain version"]),
        ("a sign", odd(&|text| text.replace("65539", "-65539")), "uncertain", &["uncertain version"]),
        ("too large", odd(&|text| text.replace("65539", "4295032835")), "uncertain", &["uncertain version"]),
        ("UTF-16 without its mark", utf16(&plain), "uncertain", &["uncertain gpt-ini"]),
        ("UTF-16BE", [&b"\xFE\xFF"[..], &utf16(&plain)[1..], b"\0"].concat(), "uncertain", &["uncertain gpt-ini"]),
        (
            "a second section has it",
            odd(&|text| text.replace("Version", "[General]\r\nVersion")),
            "uncertain",
            &["uncertain gpt-ini"],
        ),
        (
            "text behind the section",
            odd(&|text| text.replace(']', "] ; of a GPO")),
            "uncertain",
            &["uncertain gpt-ini"],
        ),
        ("a NUL", odd(&|text| text.replace("Version", "X=\0\r\nVersion")), "uncertain", &["uncertain gpt-ini"]),
        ("lines end in CR", odd(&|text| text.replace('\n', "")), "uncertain", &["uncertain gpt-ini"]),
        (
            "a very long line",
            odd(&|text| format!("{text}X={}\r\n", "x".repeat(40_000))),
            "uncertain",
            &["uncertain gpt-ini"],
        ),
    ];
    for (what, bytes, verdict, expected) in table {
        let dir = image(ImageBuilder::new().file(fixtures::GPT_INI, bytes));
        let (got, mut against) = asked(&dir);
        against.retain(|probe| probe.contains("gpt-ini") || probe.contains("version") || verdict == "yes");
        against.dedup();
        assert_eq!((got.as_str(), against), (verdict, expected.iter().map(|&s| s.to_owned()).collect()), "{what}");
        // A write makes Windows see it, or is refused with nothing written.
        let before = dir.state();
        let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
        match run.status {
            Some(0) => assert_eq!(asked(&dir).0, "yes", "{what}: {run}"),
            _ => {
                let code = if run.status == Some(5) { "E0505" } else { "E0221" };
                assert_eq!(run.refused(if code == "E0505" { 5 } else { 4 }), code, "{what}");
                assert_eq!(dir.state(), before, "{what}");
            }
        }
    }
}

#[test]
fn the_cases_of_gpt_ini_are_right() {
    let Some(cases) = cases("gpt-ini") else { return };
    let mut seen = 0;
    for path in files(&cases).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "ini")) {
        let dir = TestDir::with("gpo/gpt.ini", std::fs::read(&path).expect("it can be read"));
        dir.write("gpo/Machine/Registry.pol", PolBuilder::new().dword("SOFTWARE\\X", "V", 1).build());
        let found = dir.run(["doctor", "gpo", "-f", "json"]);
        let document: Value = serde_json::from_slice(&found.out).expect("a document");
        assert_eq!(document["verdict"], "no", "{}: {found}", path.display());
        let run = dir.run(["policy", "set", "gpo", NLA, "disabled"]);
        assert!(run.ok().contains("a UTF-8 byte order mark stands before [General]"), "{run}");
        assert!(dir.text("gpo/gpt.ini").starts_with("[General]\r\n"), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0, "there are cases");
}

#[test]
fn a_write_takes_the_next_version_that_windows_has_not_recorded() {
    // The image remembers computer version 2. gpt.ini was put back to 1, so the next would be 2.
    let old =
        ImageBuilder::new().gpt_ini(GptIni::new().key("gPCMachineExtensionNames", REGISTRY_COMPUTER).version(1, 1));
    let dir = image(old);
    let run = dir.run(["policy", "set", "image", NLA, "disabled"]);
    assert!(run.ok().contains(": yes"), "{run}");
    assert!(dir.text(GPT_INI).contains("Version=65539"), "user 1, computer 3");
    assert!(
        run.stdout().contains("computer version 2 is one that Windows has recorded as applied; 3 is the next"),
        "{run}"
    );
    // At the end of the counter it goes on from 1; 65535 and 1 are recorded here.
    let wrapped = ImageBuilder::new()
        .applied_version(Some(1))
        .gpt_ini(GptIni::new().key("gPCMachineExtensionNames", REGISTRY_COMPUTER).version(1, 65_535));
    let dir = image(wrapped);
    dir.run(["policy", "set", "image", NLA, "disabled"]).ok();
    assert!(dir.text(GPT_INI).contains("Version=65538"), "{}", dir.text(GPT_INI));
    // A user's logon is one as well: the image's user version is 1.
    let remembered = ImageBuilder::new().software(|root| {
        let list = STATE.replace("Machine", "S-1-5-21-1-2-3-1001");
        root.with(&format!(r"{list}\0"), |key| key.dword("Version", 0x0002_0002).sz("GPOID", "LocalGPO"))
    });
    let dir = image(remembered);
    dir.run(["gpo", "bump", "image", "--scope", "user"]).ok();
    assert!(dir.text(GPT_INI).contains(&format!("Version={}", (3 << 16) + 2)), "{}", dir.text(GPT_INI));
}

#[test]
fn what_a_write_can_cure_it_cures_even_if_every_setting_is_there() {
    let registry = REGISTRY_COMPUTER;
    for (what, variant) in [
        ("same version, other values", ImageBuilder::new().software(without_nla)),
        (
            "version half 0",
            ImageBuilder::new().gpt_ini(GptIni::new().key("gPCMachineExtensionNames", registry).version(3, 0)),
        ),
        ("no version", ImageBuilder::new().gpt_ini(GptIni::new().key("gPCMachineExtensionNames", registry))),
        ("no gpt.ini", ImageBuilder::new().without(fixtures::GPT_INI)),
        ("no extension", with_list(AUDIT)),
        ("out of order", with_list(&format!("{AUDIT}{registry}"))),
        ("a mark", ImageBuilder::new().file(fixtures::GPT_INI, in_other_words(|text| format!("\u{FEFF}{text}")))),
    ] {
        let dir = image(variant);
        let found = dir.run(["doctor", "image", "--scope", "computer", "-f", "json"]);
        let document: Value = serde_json::from_slice(&found.out).expect("a document");
        let no = document["probes"].as_array().expect("probes").iter().find(|probe| probe["answer"] != "yes");
        assert_eq!(no.map(|probe| &probe["cured_by_write"]), Some(&json!(true)), "{what}: {found}");
        let pol = dir.read(COMPUTER_POL);
        // It is enabled already.
        let run = dir.run(["policy", "set", "image", NLA, "enabled"]);
        assert!(run.ok().contains("every setting is there already, but "), "{what}: {run}");
        assert_eq!((asked(&dir).0.as_str(), dir.read(COMPUTER_POL)), ("yes", pol), "{what}");
        let before = dir.state();
        assert!(dir.run(["policy", "set", "image", NLA, "enabled"]).ok().contains("Nothing to do"), "{what}");
        assert_eq!(dir.state(), before, "{what}");
    }
    // What is somebody's decision, or another file's, is told and stays.
    for (what, variant) in [
        ("gpsvc disabled", changed().gpsvc_start(4)),
        (
            "side off",
            ImageBuilder::new()
                .gpt_ini(GptIni::new().key("gPCMachineExtensionNames", registry).version(1, 3).key("Options", "2")),
        ),
    ] {
        let dir = image(variant);
        let before = dir.state();
        dir.run(["policy", "set", "image", NLA, "enabled"]).ok();
        assert_eq!(dir.state(), before, "{what}");
    }
}

#[test]
fn apply_cures_too_and_then_has_nothing_to_do() {
    let dir = image(ImageBuilder::new().software(without_nla));
    dir.write("Machine/Registry.pol", dir.read(COMPUTER_POL));
    let run = dir.run(["apply", "image", "Machine/Registry.pol", "--yes"]);
    assert!(run.ok().contains("gpt.ini computer 2 -> 3"), "{run}");
    assert!(run.stdout().contains("every setting is there already, but "), "{run}");
    assert!(dir.run(["apply", "image", "Machine/Registry.pol", "--yes"]).ok().contains("Nothing to do"));
}
