//! Network Level Authentication on images, layer by layer. What must come out is derived by hand.

use admx::Catalog;
use fixtures::{
    ARCHIVE, COMPUTER_POL, ImageBuilder, PolBuilder, RDP_TCP, SOFTWARE, STATE, SYSTEM, TERMINAL_SERVICES,
    golden_computer_policy,
};

use super::*;

const KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const NLA: &str = "TS_USER_AUTHENTICATION_POLICY";

fn explained(image: ImageBuilder, policy: &str) -> Explain {
    let dir = tempfile::tempdir().unwrap();
    fixtures::write_tree(dir.path(), &image.build()).unwrap();
    let catalog = Catalog::builtin();
    let target = Target::open(dir.path()).unwrap();
    explain(&target, &catalog, catalog.find(policy).unwrap().policy, &Scope::Computer).unwrap()
}

/// An image whose layers are these, and that Windows will apply: `gpt.ini` says version 2, the client remembers 1.
fn image(pending: Option<u32>, applied: Option<u32>, local: Option<u32>) -> ImageBuilder {
    let dword = |number: u32| move |key: fixtures::hive::KeySpec| key.dword("UserAuthentication", number);
    let file = PolBuilder::new().sz(r"SOFTWARE\Policies\Acme\Agent", "Tier", "gold");
    let file = match pending {
        Some(number) => file.dword(KEY, "UserAuthentication", number),
        None => file,
    };
    let listener = format!(r"ControlSet001\{RDP_TCP}");
    ImageBuilder::new()
        .applied_version(Some(1))
        .file(COMPUTER_POL, file.build())
        .software(|root| match applied {
            Some(number) => root.with(TERMINAL_SERVICES, dword(number)),
            None => root.without_value(TERMINAL_SERVICES, "UserAuthentication"),
        })
        .system(|root| match local {
            Some(number) => root.with(&listener, dword(number)),
            None => root.without_value(&listener, "UserAuthentication"),
        })
}

/// What `ProgramData/ntuser.pol` says.
#[derive(Clone, Copy, Debug)]
enum Noted {
    NoFile,
    Listed,
    NotListed,
}
use Noted::{Listed, NoFile, NotListed};

/// Which layer decides at the next boot. `Local` means local setting or default, whichever is there.
#[derive(Clone, Copy, Debug)]
enum Next {
    Pending,
    Applied,
    Local,
    /// The applied value, or what is below if Windows takes back what it has put there: nobody can tell.
    Depends,
}
use Next::{Applied as Stays, Depends, Local, Pending};

/// Pending, applied, archive, and what decides then. Without an applied value the archive says nothing.
const NEXT_BOOT: &[(Option<u32>, Option<u32>, Noted, Next)] = &[
    (Some(1), Some(1), NoFile, Pending),
    (Some(1), Some(1), Listed, Pending),
    (Some(1), Some(1), NotListed, Pending),
    (Some(1), Some(0), NoFile, Pending),
    (Some(1), Some(0), Listed, Pending),
    (Some(1), Some(0), NotListed, Pending),
    (Some(1), None, NoFile, Pending),
    (Some(1), None, NotListed, Pending),
    (Some(0), Some(1), NoFile, Pending),
    (Some(0), Some(1), Listed, Pending),
    (Some(0), Some(1), NotListed, Pending),
    (Some(0), Some(0), NoFile, Pending),
    (Some(0), Some(0), Listed, Pending),
    (Some(0), Some(0), NotListed, Pending),
    (Some(0), None, NoFile, Pending),
    (Some(0), None, NotListed, Pending),
    (None, Some(1), NoFile, Depends),
    (None, Some(1), Listed, Depends),
    (None, Some(1), NotListed, Stays),
    (None, Some(0), NoFile, Depends),
    (None, Some(0), Listed, Depends),
    (None, Some(0), NotListed, Stays),
    (None, None, NoFile, Local),
    (None, None, NotListed, Local),
];

#[test]
fn the_highest_layer_wins_now_and_once_windows_has_applied_what_is_pending() {
    let required = |number: u32| if number == 1 { "NLA is required" } else { "NLA is not required" };
    for (pending, applied, noted, next) in NEXT_BOOT.iter().copied() {
        for local in [Some(1), Some(0), None] {
            let case = format!("pending {pending:?}, applied {applied:?}, {noted:?}, local {local:?}");
            let image = image(pending, applied, local);
            let archive = PolBuilder::new().sz(r"SOFTWARE\Policies\Acme\Agent", "Tier", "gold");
            let image = match noted {
                NoFile => image,
                Listed => image.archive(archive.dword(KEY, "UserAuthentication", applied.unwrap())),
                NotListed => image.archive(archive),
            };
            let Verdict { now, next_boot } = explained(image, NLA).verdict;
            // Windows 11 requires NLA where nothing is set.
            let below = (if local.is_some() { "local-setting" } else { "default" }, required(local.unwrap_or(1)));
            let wanted = applied.map_or(below, |number| ("applied-policy", required(number)));
            assert_eq!((now.layer, &*now.meaning), (Some(wanted.0), wanted.1), "now: {case}");
            assert!(now.conditions.is_empty(), "{case}");

            let applied_layer = || ("applied-policy", required(applied.unwrap()));
            let wanted = match next {
                Pending => ("pending-policy", required(pending.unwrap())),
                Stays => applied_layer(),
                Local => below,
                // The same with and without: then nothing hangs on it.
                Depends if required(applied.unwrap()) == below.1 => applied_layer(),
                Depends => {
                    let ways: Vec<_> = next_boot.possible.iter().map(|way| (way.layer, &*way.meaning)).collect();
                    let both = [below, applied_layer()].map(|(layer, meaning)| (Some(layer), meaning));
                    assert_eq!((next_boot.certainty, &*ways), (Certainty::Depends, &both[..]), "{case}");
                    assert_eq!(
                        (next_boot.layer, &next_boot.value, next_boot.conditions.len()),
                        (None, &None, 1),
                        "{case}"
                    );
                    continue;
                }
            };
            assert_eq!((next_boot.layer, &*next_boot.meaning), (Some(wanted.0), wanted.1), "next boot: {case}");
            assert_eq!((next_boot.certainty, next_boot.conditions.len()), (Certainty::Known, 0), "{case}");
        }
    }
}

#[test]
fn a_value_that_was_changed_since_policy_set_it_is_of_unknown_fate() {
    let archive = PolBuilder::new().dword(KEY, "UserAuthentication", 1);
    let explain = explained(image(None, Some(0), Some(1)).archive(archive), NLA);
    assert!(explain.verdict.next_boot.conditions[0].contains("changed since"), "{:?}", explain.verdict.next_boot);
    let applied = explain.layers.iter().find(|layer| layer.rank == 2).unwrap();
    assert_eq!(applied.values[0].archive, "listed-otherwise");
}

#[test]
fn an_archive_that_cannot_be_read_tells_nothing() {
    let explain = explained(image(None, Some(1), Some(0)).file(ARCHIVE, b"PReg"), NLA);
    assert_eq!(explain.verdict.next_boot.layer, None);
    assert!(explain.verdict.next_boot.conditions[0].contains("ntuser.pol cannot be read"));
}

#[test]
fn a_pending_deletion_leaves_it_to_the_local_setting() {
    for deletes in ["**del.UserAuthentication", "**delvals."] {
        let pending = PolBuilder::new().sz(KEY, deletes, " ").build();
        for (local, layer, meaning) in [
            (Some(0), "local-setting", "NLA is not required"),
            (Some(1), "local-setting", "NLA is required"),
            (None, "default", "NLA is required"),
        ] {
            let image = image(None, Some(1), local).file(COMPUTER_POL, pending.clone());
            let Verdict { now, next_boot } = explained(image, NLA).verdict;
            assert_eq!((now.layer, &*now.meaning), (Some("applied-policy"), "NLA is required"));
            assert_eq!((next_boot.layer, &*next_boot.meaning), (Some(layer), meaning), "{deletes} {local:?}");
        }
    }
}

/// TerminalServer.admx: NLA is enforced by default since Windows 8. The reference of unattended setup: 0 is the default value.
#[test]
fn a_default_that_documents_contradict_is_marked_where_it_decides() {
    let explain = explained(image(None, None, None), NLA);
    let default = explain.layers.iter().find(|layer| layer.rank == 0).unwrap();
    for said in [&default.label, &explain.verdict.now.why] {
        let said = said.as_deref().unwrap();
        assert!(said.contains("unverified: ") && said.contains("unattended setup says 0"), "{said}");
    }
}

#[test]
fn what_windows_will_not_apply_decides_nothing() {
    // The client remembers the version that gpt.ini has, and NLA differs in the registry: it takes the GPO for unchanged.
    let unchanged = image(Some(0), Some(1), Some(0)).applied_version(Some(2));
    let disabled = image(Some(0), Some(1), Some(0)).gpsvc_start(4);
    for image in [unchanged, disabled] {
        let next = explained(image, NLA).verdict.next_boot;
        assert_eq!((next.layer, &*next.meaning), (Some("applied-policy"), "NLA is required"));
        assert!(next.why.unwrap().starts_with("Windows will not apply layer 3: "));
    }
    let next = explained(image(Some(0), Some(1), Some(0)).edition("Core"), NLA).verdict.next_boot;
    assert_eq!((next.layer, &next.value, next.certainty), (None, &None, Certainty::Depends));
    assert_eq!(next.possible[0].layer, Some("pending-policy"));
    assert!(next.conditions[0].contains("edition Core"), "{:?}", next.conditions);
}

#[test]
fn a_gpo_of_the_domain_may_win_over_all_that_is_seen() {
    let domain = |image: ImageBuilder| {
        image.software(|root| {
            root.with(&format!(r"{STATE}\1"), |key| {
                key.sz("GPOID", "{31B2F340-016D-11D2-945F-00C04FB984F9}").sz("DisplayName", "RPA hosts")
            })
        })
    };
    let explain = explained(domain(image(Some(0), Some(1), None)), NLA);
    assert_eq!(explain.verdict.next_boot.layer, None);
    assert_eq!(explain.verdict.next_boot.possible[0].layer, Some("pending-policy"));
    assert!(explain.verdict.next_boot.conditions[0].contains("RPA hosts"), "{:?}", explain.verdict.next_boot);
    assert!(explain.not_seen.iter().any(|text| text.contains("RPA hosts")));
    // A value that is listed may be the domain's, which nothing here takes back.
    let archive = PolBuilder::new().dword(KEY, "UserAuthentication", 1);
    let next = explained(domain(image(None, Some(1), Some(0)).archive(archive)), NLA).verdict.next_boot;
    assert_eq!(next.layer, None);
    assert!(next.conditions[0].contains("RPA hosts"), "{next:?}");
}

#[test]
fn a_copy_of_a_domain_gpo_is_shown_and_makes_the_verdict_conditional() {
    let guid = "{31B2F340-016D-11D2-945F-00C04FB984F9}";
    let folder = format!("Windows/System32/GroupPolicy/DataStore/0/sysvol/corp.test/Policies/{guid}");
    let domain = |file: PolBuilder| {
        image(Some(0), Some(0), Some(0))
            .file(&format!("{folder}/gpt.ini"), "[General]\r\nVersion=3\r\n")
            .file(&format!("{folder}/Machine/Registry.pol"), file.build())
    };
    let explain = explained(domain(PolBuilder::new().dword(KEY, "UserAuthentication", 1)), NLA);
    let top = &explain.layers[0];
    assert_eq!((top.rank, top.layer, top.label.as_deref()), (4, "cached-domain-policy", Some(guid)));
    assert_eq!((&top.value, top.meaning.as_deref()), (&Some(ValueModel::Number(1)), Some("required")));
    let next = &explain.verdict.next_boot;
    assert_eq!((next.layer, &next.value, next.certainty), (None, &None, Certainty::Depends));
    let ways: Vec<_> = next.possible.iter().map(|way| (way.layer, &*way.meaning)).collect();
    assert_eq!(
        ways,
        [(Some("pending-policy"), "NLA is not required"), (Some("cached-domain-policy"), "NLA is required")]
    );
    assert!(next.conditions[0].contains(guid), "{:?}", next.conditions);
    assert!(explain.verdict.now.conditions.is_empty());

    let silent = explained(domain(PolBuilder::new().dword(KEY, "SecurityLayer", 1)), NLA);
    assert_eq!((silent.layers[0].rank, silent.verdict.next_boot.conditions.len()), (3, 0));
    let broken = explained(domain(PolBuilder::new()).file(&format!("{folder}/Machine/Registry.pol"), b"PReg"), NLA);
    assert!(
        broken.notes.iter().any(|note| note.contains(guid) && note.contains("cannot be read")),
        "{:?}",
        broken.notes
    );
}

#[test]
fn the_next_boot_has_the_local_setting_of_its_own_control_set() {
    let image = image(None, None, Some(0))
        .next_boot_from_second_control_set(|set| set.with(RDP_TCP, |key| key.dword("UserAuthentication", 1)));
    let explain = explained(image, NLA);
    let Verdict { now, next_boot } = &explain.verdict;
    assert_eq!((now.layer, &*now.meaning), (Some("local-setting"), "NLA is not required"));
    assert_eq!((next_boot.layer, &*next_boot.meaning), (Some("local-setting"), "NLA is required"));
    let local: Vec<_> = explain.layers.iter().filter(|layer| layer.rank == 1).collect();
    let places: Vec<_> = local.iter().map(|layer| (layer.when, layer.value.clone())).collect();
    assert_eq!(places, [(Some("next-boot"), Some(ValueModel::Number(1))), (Some("now"), Some(ValueModel::Number(0)))]);
    let Some(Place::Hive { key, .. }) = &local[0].place else { panic!("in a hive") };
    assert!(key.starts_with("ControlSet002"), "{key}");
    assert!(explain.notes.iter().any(|note| note.contains("ControlSet001") && note.contains("ControlSet002")));
}

/// State and what is said of the layers of a rank, and the verdicts' layers; of a next boot that depends, that of the first way.
fn unknown(image: ImageBuilder, rank: u8) -> (String, Option<&'static str>, Option<&'static str>) {
    let explain = explained(image, NLA);
    let layer = explain.layers.iter().find(|layer| layer.rank == rank).expect("the layer is there");
    assert_eq!(layer.state, "unknown");
    for decision in [&explain.verdict.now, &explain.verdict.next_boot] {
        assert_eq!(decision.layer.is_some(), decision.certainty == Certainty::Known, "{decision:?}");
    }
    let Verdict { now, next_boot } = explain.verdict;
    let next = next_boot.possible.first().map_or(next_boot.layer, |way| way.layer);
    (layer.problem.clone().unwrap(), now.layer, next)
}

#[test]
fn a_hive_that_cannot_be_read_makes_its_layer_unknown_and_not_empty() {
    const PENDING: Option<&str> = Some("pending-policy");
    const APPLIED: Option<&str> = Some("applied-policy");
    let no_software = |pending| image(pending, Some(1), Some(0)).without(SOFTWARE);
    let (why, now, next) = unknown(no_software(Some(0)), 2);
    assert_eq!((&*why, now, next), ("there is no SOFTWARE hive", None, PENDING));
    let (_, now, next) = unknown(no_software(None), 2);
    assert_eq!((now, next), (None, None));

    let (why, now, next) = unknown(image(None, None, Some(0)).without(SYSTEM), 1);
    assert_eq!((&*why, now, next), ("there is no SYSTEM hive", None, None));
    let (_, now, next) = unknown(image(Some(0), Some(1), Some(0)).without(SYSTEM), 1);
    assert_eq!((now, next), (APPLIED, PENDING));

    let (why, now, next) = unknown(image(Some(0), Some(1), Some(0)).file(SOFTWARE, b"no hive"), 2);
    assert!(why.contains("expected \"regf\""), "{why}");
    assert_eq!((now, next), (None, PENDING));
    let damaged = image(None, None, Some(0)).system(|root| root.without_key("Select"));
    let (why, now, next) = unknown(damaged, 1);
    assert!(why.contains("Select"), "{why}");
    assert_eq!((now, next), (None, None));
}

#[test]
fn a_dirty_hive_counts_as_its_logs_complete_it() {
    let newer = |root: fixtures::hive::KeySpec| root.with(TERMINAL_SERVICES, |key| key.dword("UserAuthentication", 0));
    let dirty = || image(None, Some(1), None).software_in_logs(newer);
    let Verdict { now, .. } = explained(dirty(), NLA).verdict;
    assert_eq!((now.layer, &*now.meaning), (Some("applied-policy"), "NLA is not required"));

    // Without its log the hive is as it was before, and nobody knows how it goes on.
    let built = dirty().build();
    let dir = tempfile::tempdir().unwrap();
    let kept: Vec<_> = built.into_iter().filter(|(path, _)| !path.ends_with(".LOG1")).collect();
    fixtures::write_tree(dir.path(), &kept).unwrap();
    let catalog = Catalog::builtin();
    let target = Target::open(dir.path()).unwrap();
    let explain = explain(&target, &catalog, catalog.find(NLA).unwrap().policy, &Scope::Computer).unwrap();
    let layer = explain.layers.iter().find(|layer| layer.rank == 2).unwrap();
    assert_eq!((layer.state, &layer.value), ("enabled", &Some(ValueModel::Number(1))));
    assert!(layer.problem.as_ref().unwrap().contains("SOFTWARE hive may be old"));
    let now = explain.verdict.now;
    assert_eq!((now.layer, now.value), (None, None));
    assert!(now.meaning.ends_with("as the hive stands, NLA is required"), "{}", now.meaning);
}

#[test]
fn what_windows_remembers_is_in_a_hive_and_without_it_the_next_boot_is_not_known() {
    // The file says 0; whether it is applied is not known, nor what stands in the registry if it is not.
    let next = explained(image(Some(0), Some(1), Some(0)).without(SOFTWARE), NLA).verdict.next_boot;
    assert_eq!((next.certainty, next.value), (Certainty::Depends, None));
    assert_eq!((next.possible[0].layer, next.possible[1].layer), (Some("pending-policy"), None));
}

#[test]
fn an_older_windows_has_no_default_that_is_documented() {
    let build = |build: &'static str| {
        image(None, None, None).software(move |root| {
            root.with(r"Microsoft\Windows NT\CurrentVersion", |key| key.sz("CurrentBuild", build))
        })
    };
    assert_eq!(explained(build("9200"), NLA).verdict.now.layer, Some("default"));
    let now = explained(build("7601"), NLA).verdict.now;
    assert_eq!((now.layer, now.value), (None, None));
    assert!(now.meaning.contains("not in gpol's facts"));
}

#[test]
fn a_value_of_another_type_or_number_is_shown_and_not_interpreted() {
    let text =
        image(None, None, None).software(|root| root.with(TERMINAL_SERVICES, |k| k.sz("UserAuthentication", "1")));
    let now = explained(text, NLA).verdict.now;
    assert_eq!(
        (now.layer, &*now.meaning),
        (Some("applied-policy"), "not known: the value is no REG_DWORD, but REG_SZ")
    );
    let now = explained(image(None, Some(7), None), NLA).verdict.now;
    assert_eq!(now.meaning, "not known: the facts do not name the value 7");
}

#[test]
fn related_settings_are_told_as_the_next_boot_finds_them() {
    let pending = golden_computer_policy().dword(KEY, "fDenyTSConnections", 1).build();
    let explain = explained(ImageBuilder::new().applied_version(Some(1)).file(COMPUTER_POL, pending), NLA);
    let related: Vec<_> = explain.related.iter().map(|related| (&*related.name, &*related.meaning)).collect();
    assert_eq!(
        related,
        [
            ("fDenyTSConnections", "remote desktop connections are refused"),
            ("SecurityLayer", "the security layer of remote desktop is TLS"),
            ("MinEncryptionLevel", "the encryption level of native RDP security is high"),
            ("PortNumber", "remote desktop listens on TCP port 3389"),
        ]
    );
    assert_eq!(explain.related[0].layer, Some("pending-policy"));
}

#[test]
fn the_other_state_turns_around_what_decides() {
    for (pending, local, wanted) in [
        (Some(1), None, Some("disabled")),
        (Some(0), None, Some("enabled")),
        (None, Some(0), Some("enabled")),
        (None, Some(1), Some("disabled")),
        (None, None, Some("disabled")),
    ] {
        assert_eq!(explained(image(pending, None, local), NLA).other_state, wanted, "{pending:?} {local:?}");
    }
}

#[test]
fn windows_11_is_called_by_its_name() {
    let image = explained(ImageBuilder::new(), NLA).image.unwrap();
    assert_eq!(image.product.as_deref(), Some("Windows 11 Enterprise"));
    assert_eq!((image.build, image.control_set.now, image.control_set.next_boot), (Some(26100), Some(1), Some(1)));
}
