//! `gpol doctor`: will Windows apply this?

use fixtures::hive::KeySpec;
use fixtures::{GptIni, HISTORY, ImageBuilder, PolBuilder, REGISTRY_COMPUTER, SOFTWARE, STATE, SYSTEM};
use serde_json::Value;

use crate::assert_file_snapshot;
use crate::bench::{GPT_INI, NLA, TestDir};

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
        ("no gpt.ini", ImageBuilder::new().without(fixtures::GPT_INI), "no", &["no gpt-ini"]),
        ("no extension", with_list(AUDIT), "no", &["no extension"]),
        (
            "an old tool",
            with_list("[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{0F6B957D-509E-11D1-A7CC-0000F87571E3}]"),
            "yes",
            &[],
        ),
        ("lower case", with_list(&registry.to_lowercase()), "yes", &[]),
        // Windows stops at the first extension that is out of order, which is ours.
        ("out of order", with_list(&format!("{AUDIT}{registry}")), "no", &["no extension"]),
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
            "no",
            &["no side-enabled"],
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
            "no",
            &["no service"],
        ),
        (
            "gpsvc disabled where only the last boot looked",
            changed().next_boot_from_second_control_set(|set| set).gpsvc_start(4),
            "yes",
            &[],
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
    assert_eq!(verdict("image/Windows/System32/GroupPolicy/Machine/Registry.pol"), "uncertain");
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
