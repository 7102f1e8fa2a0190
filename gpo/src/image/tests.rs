use fixtures::hive::{KeySpec, build};
use fixtures::{ImageBuilder, RDP_TCP, SOFTWARE, SYSTEM, TERMINAL_SERVICES};

use super::*;

const NLA: &str = "UserAuthentication";
const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const LISTENER: &str = r"SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";

/// The image's registry. The folder may go: hives are read as a whole.
fn image(image: ImageBuilder) -> Image {
    let dir = tempfile::tempdir().unwrap();
    fixtures::write_tree(dir.path(), &image.build()).unwrap();
    Image::open(&dir.path().join("Windows")).unwrap()
}

#[test]
fn a_value_is_found_in_any_case_and_says_where_it_stands() {
    let image = image(ImageBuilder::new());
    let value = image.value(&POLICY.to_uppercase(), "userAUTHENTICATION", When::Now).unwrap().expect("it is there");
    assert_eq!((value.hive, &*value.key, &*value.name), (HiveName::Software, TERMINAL_SERVICES, NLA));
    assert_eq!((value.dword(), value.text()), (Some(1), None));
    // Where the value's cell stands, behind its four bytes of size.
    let hive = build(5, &fixtures::golden_software());
    let cell = hive.at(&format!("vk:{TERMINAL_SERVICES}:{NLA}"));
    assert!(value.offset.abs_diff(cell) <= 4, "{:#x} {cell:#x}", value.offset);

    assert_eq!(image.value(POLICY, "NoSuchValue", When::Now).unwrap(), None);
    assert_eq!(image.value(r"SOFTWARE\No\Such\Key", NLA, When::Now).unwrap(), None);
    assert_eq!(image.values(r"SOFTWARE\No\Such\Key", When::Now).unwrap(), []);
    assert_eq!(image.values(POLICY, When::Now).unwrap().len(), 4);
    assert_eq!(image.subkeys(r"SOFTWARE\Policies\Microsoft", When::Now).unwrap(), ["Windows", "Windows NT"]);
}

#[test]
fn the_current_control_set_is_that_of_select() {
    let one =
        image(ImageBuilder::new().next_boot_from_second_control_set(|set| set.with(RDP_TCP, |key| key.dword(NLA, 1))));
    let nla = |when| one.value(LISTENER, NLA, when).unwrap().map(|value| (value.key.clone(), value.dword()));
    let key = |set: &str| format!(r"{set}\{RDP_TCP}");
    assert_eq!(nla(When::Now), Some((key("ControlSet001"), Some(0))));
    assert_eq!(nla(When::NextBoot), Some((key("ControlSet002"), Some(1))));
    // A set that is named is that set, whatever Select says.
    let named = one.value(&format!(r"SYSTEM\{}", key("ControlSet001")), NLA, When::NextBoot).unwrap();
    assert_eq!(named.and_then(|value| value.dword()), Some(0));
    assert_eq!((one.control_set(When::Now).ok(), one.control_set(When::NextBoot).ok()), (Some(1), Some(2)));
}

#[test]
fn a_control_set_that_is_not_there_is_not_guessed() {
    let select = |change: fn(KeySpec) -> KeySpec| image(ImageBuilder::new().system(|root| root.with("Select", change)));
    for image in [
        select(|key| key.dword("Default", 7)),
        select(|key| key.sz("Default", "1")),
        image(ImageBuilder::new().system(|root| root.without_value("Select", "Default"))),
        image(ImageBuilder::new().system(|root| root.without_key("Select"))),
    ] {
        let error = image.value(LISTENER, NLA, When::NextBoot).unwrap_err();
        assert!(matches!(error, ImageError::NoControlSet(_)), "{error}");
    }
}

#[test]
fn a_hive_that_is_missing_damaged_or_another_one_is_an_error_of_the_call_that_needs_it() {
    let without = image(ImageBuilder::new().without(SOFTWARE));
    assert!(matches!(without.value(POLICY, NLA, When::Now), Err(ImageError::NoHive(HiveName::Software))));
    assert!(without.value(LISTENER, NLA, When::Now).unwrap().is_some(), "the other hive is whole");
    assert_eq!(without.hives().count(), 1);

    let damaged = image(ImageBuilder::new().file(SYSTEM, b"PReg\x01\0\0\0"));
    assert!(matches!(damaged.control_set(When::Now), Err(ImageError::Unreadable { .. })));
    let error = damaged.value("HARDWARE\\X", NLA, When::Now).unwrap_err();
    assert!(matches!(error, ImageError::Elsewhere(_)), "{error}");
}

#[test]
fn a_broken_value_costs_itself_and_not_those_beside_it() {
    let hive = build(5, &fixtures::golden_software());
    // Claims more data than its four bytes can hold.
    let at = hive.at(&format!("vk:{TERMINAL_SERVICES}:{NLA}"));
    let image = image(ImageBuilder::new().file(SOFTWARE, hive.with(at + 4, &[5])));
    assert!(matches!(image.value(POLICY, NLA, When::Now), Err(ImageError::Unreadable { .. })));
    assert_eq!(image.value(POLICY, "SecurityLayer", When::Now).unwrap().and_then(|value| value.dword()), Some(2));
    // Asked for all of them, the answer would not be whole.
    assert!(image.values(POLICY, When::Now).is_err());
}

#[test]
fn logs_are_replayed_under_either_name_and_a_dirty_hive_without_them_is_stale() {
    let newer = |root: KeySpec| root.with(TERMINAL_SERVICES, |key| key.dword(NLA, 0));
    let built = ImageBuilder::new().software_in_logs(newer).build();
    for (name, expected) in
        [("SOFTWARE.LOG1", Some(0)), ("software.log1", Some(0)), ("SOFTWARE.LOG", Some(0)), ("x", Some(1))]
    {
        let dir = tempfile::tempdir().unwrap();
        let files: Vec<(String, Vec<u8>)> =
            built.iter().map(|(path, bytes)| (path.replace("SOFTWARE.LOG1", name), bytes.clone())).collect();
        fixtures::write_tree(dir.path(), &files).unwrap();
        let image = Image::open(&dir.path().join("Windows")).unwrap();
        let nla = image.value(POLICY, NLA, When::Now).unwrap().and_then(|value| value.dword());
        assert_eq!(nla, expected, "{name}");
        let (_, _, hive) = image.hives().next().unwrap();
        assert_eq!(stale(hive.unwrap()).is_some(), name == "x", "{name}");
    }
}
