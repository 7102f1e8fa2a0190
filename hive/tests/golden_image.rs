//! The hives of the golden image say what its story needs.

#![allow(clippy::unwrap_used)] // helpers of tests are tests as well

use fixtures::{HISTORY, ImageBuilder, RDP_TCP, SOFTWARE, STATE, SYSTEM, TERMINAL_SERVICES};
use hive::{Hive, HiveState, ValueType};

fn hive(image: &[(String, Vec<u8>)], path: &str) -> Hive {
    let file = |path: String| image.iter().find(|(name, _)| *name == path).map(|(_, bytes)| &bytes[..]);
    let log = |end: &str| file(format!("{path}{end}"));
    Hive::parse_with_logs(file(path.to_owned()).unwrap(), log(".LOG1"), log(".LOG2")).unwrap()
}

fn number(hive: &Hive, key: &str, name: &str) -> u32 {
    let value = hive.open(key).unwrap().unwrap().value(name).unwrap().unwrap();
    assert_eq!(value.value_type(), ValueType::DWORD);
    u32::from_le_bytes(value.data().unwrap()[..].try_into().unwrap())
}

#[test]
fn policy_requires_what_the_local_setting_does_not() {
    let image = ImageBuilder::new().build();
    let (software, system) = (hive(&image, SOFTWARE), hive(&image, SYSTEM));
    for hive in [&software, &system] {
        assert_eq!((hive.state(), hive.problems()), (&HiveState::Clean, &[][..]));
    }
    assert_eq!(number(&software, TERMINAL_SERVICES, "UserAuthentication"), 1);
    assert_eq!(number(&system, &format!(r"ControlSet001\{RDP_TCP}"), "UserAuthentication"), 0);
    assert_eq!(number(&system, "Select", "Default"), 1);
    for list in [STATE, HISTORY] {
        assert_eq!(number(&software, &format!(r"{list}\0"), "Version"), 0x0002_0002);
    }
    assert_eq!(software.root().unwrap().last_written(), 134_126_784_000_000_000);
}

#[test]
fn variants_differ_in_what_they_say() {
    let image = ImageBuilder::new()
        .edition("Core")
        .domain("contoso.com")
        .gpsvc_start(4)
        .applied_version(None)
        .next_boot_from_second_control_set(|set| set.with(RDP_TCP, |key| key.dword("UserAuthentication", 1)))
        .build();
    let (software, system) = (hive(&image, SOFTWARE), hive(&image, SYSTEM));
    let text = |hive: &Hive, key: &str, name: &str| {
        let data = hive.open(key).unwrap().unwrap().value(name).unwrap().unwrap().data().unwrap().into_owned();
        String::from_utf8(data.into_iter().step_by(2).collect()).unwrap()
    };
    assert_eq!(text(&software, r"Microsoft\Windows NT\CurrentVersion", "EditionID"), "Core\0");
    assert_eq!(text(&system, r"ControlSet002\Services\Tcpip\Parameters", "Domain"), "contoso.com\0");
    assert_eq!(number(&system, r"ControlSet002\Services\gpsvc", "Start"), 4);
    assert_eq!((number(&system, "Select", "Default"), number(&system, "Select", "Current")), (2, 1));
    for (set, requires) in [(1, 0), (2, 1)] {
        assert_eq!(number(&system, &format!(r"ControlSet00{set}\{RDP_TCP}"), "UserAuthentication"), requires);
    }
    assert!(software.open(STATE).unwrap().is_none());
    let again = ImageBuilder::new().applied_version(Some(7)).build();
    assert_eq!(number(&hive(&again, SOFTWARE), &format!(r"{HISTORY}\0"), "Version"), 0x0007_0007);
}

#[test]
fn what_is_in_the_logs_alone_is_read_with_them() {
    let policy = |root: fixtures::hive::KeySpec| root.without_value(TERMINAL_SERVICES, "UserAuthentication");
    let image = ImageBuilder::new().software_in_logs(policy).build();
    let with = hive(&image, SOFTWARE);
    assert!(matches!(with.state(), HiveState::Dirty { recovered: true, .. }), "{:?}", with.state());
    assert!(with.open(TERMINAL_SERVICES).unwrap().unwrap().value("UserAuthentication").unwrap().is_none());
    let alone: Vec<_> = image.into_iter().filter(|(path, _)| !path.contains(".LOG")).collect();
    let without = hive(&alone, SOFTWARE);
    assert!(matches!(without.state(), HiveState::Dirty { recovered: false, .. }));
    assert_eq!(number(&without, TERMINAL_SERVICES, "UserAuthentication"), 1);
}
