//! Values that no template has, through the same layers: what must come out is derived by hand from what records do
//! ([MS-GPREG] 3.2.5.1) and from what stands in the hives.

use admx::{Catalog, Side};
use fixtures::{COMPUTER_POL, ImageBuilder, PolBuilder};

use super::{Certainty, Explain, Explainer, Value};
use crate::model::ValueModel;
use crate::scope::Scope;
use crate::target::Target;

const KEY: &str = r"SOFTWARE\Policies\Acme";

fn value(key: &str, name: &str) -> Value {
    Value { key: key.to_owned(), name: name.to_owned() }
}

fn explained(image: ImageBuilder, values: &[Value], side: Side) -> Explain {
    let dir = tempfile::tempdir().unwrap();
    fixtures::write_tree(dir.path(), &image.build()).unwrap();
    let target = Target::open(dir.path()).unwrap();
    let explainer = Explainer::open(&target).unwrap();
    explainer.explain_value(&Catalog::builtin(), values, &Scope::from(side)).unwrap().unwrap()
}

/// What Windows will apply, upon this value in the registry.
fn image(pending: PolBuilder, applied: Option<u32>) -> ImageBuilder {
    let image = ImageBuilder::new().applied_version(Some(1)).file(COMPUTER_POL, pending.build());
    image.software(|root| match applied {
        Some(number) => root.with(r"Policies\Acme", |key| key.dword("Level", number)),
        None => root,
    })
}

/// State and value of what decides now, and at the next boot.
fn decided(pending: PolBuilder, applied: Option<u32>) -> [(Option<&'static str>, Option<u64>); 2] {
    // Somebody has put the value there by hand, so that Windows does not take it back.
    let image = image(pending, applied).archive(PolBuilder::new().dword(r"SOFTWARE\Policies\Other", "Level", 1));
    let verdict = explained(image, &[value(KEY, "LEVEL")], Side::Computer).verdict;
    [verdict.now, verdict.next_boot].map(|decision| {
        assert_eq!(decision.certainty, Certainty::Known, "{decision:?}");
        let number = decision.value.map(|value| match value {
            ValueModel::Number(number) => number,
            other => panic!("{other:?}"),
        });
        assert_eq!(decision.state, Some(if number.is_some() { "set" } else { "not-configured" }));
        (decision.layer, number)
    })
}

#[test]
fn what_records_do_to_a_value_decides_the_next_boot() {
    let none = PolBuilder::new;
    let (applied, pending) = (Some("applied-policy"), Some("pending-policy"));
    for (what, file, before, now, next) in [
        ("nothing", none(), None, (None, None), (None, None)),
        ("a record", none().dword(KEY, "Level", 3), None, (None, None), (pending, Some(3))),
        (
            "another letter case",
            none().dword(&KEY.to_lowercase(), "level", 3),
            Some(1),
            (applied, Some(1)),
            (pending, Some(3)),
        ),
        (
            "the last of two",
            none().dword(KEY, "Level", 3).dword(KEY, "Level", 4),
            None,
            (None, None),
            (pending, Some(4)),
        ),
        ("**del.", none().sz(KEY, "**del.Level", " "), Some(1), (applied, Some(1)), (None, None)),
        ("**delvals.", none().sz(KEY, "**delvals.", " "), Some(1), (applied, Some(1)), (None, None)),
        ("**DeleteValues", none().sz(KEY, "**DeleteValues", "Other;Level"), Some(1), (applied, Some(1)), (None, None)),
        (
            "**DeleteKeys",
            none().sz(r"SOFTWARE\Policies", "**DeleteKeys", "Acme"),
            Some(1),
            (applied, Some(1)),
            (None, None),
        ),
        (
            "deleted, then set",
            none().sz(KEY, "**delvals.", " ").dword(KEY, "Level", 3),
            Some(1),
            (applied, Some(1)),
            (pending, Some(3)),
        ),
        (
            "**soft. upon none",
            none().record(KEY, "**soft.Level", 4, &[3, 0, 0, 0]),
            None,
            (None, None),
            (pending, Some(3)),
        ),
        (
            "**soft. upon one",
            none().record(KEY, "**soft.Level", 4, &[3, 0, 0, 0]),
            Some(1),
            (applied, Some(1)),
            (applied, Some(1)),
        ),
        ("another value", none().dword(KEY, "Other", 3), None, (None, None), (None, None)),
    ] {
        assert_eq!(decided(file, before), [now, next], "{what}");
    }
}

#[test]
fn the_layers_show_the_records_and_who_put_the_value_there() {
    let pending = || PolBuilder::new().dword(r"SOFTWARE\A", "B", 1).sz(KEY, "**del.Level", " ");
    for (archive, expected) in [
        (PolBuilder::new().dword(KEY, "Level", 1), "listed"),
        (PolBuilder::new().dword(KEY, "Level", 2), "listed-otherwise"),
        (PolBuilder::new().dword(KEY, "Other", 1), "not-listed"),
    ] {
        let explain = explained(image(pending(), Some(1)).archive(archive), &[value(KEY, "Level")], Side::Computer);
        let layers: Vec<_> = explain.layers.iter().map(|layer| (layer.rank, layer.layer, layer.state)).collect();
        assert_eq!(layers, [(3, "pending-policy", "deleted"), (2, "applied-policy", "set")]);
        let records: Vec<_> = explain.layers[0].records.iter().map(|record| record.index).collect();
        assert_eq!(records, [1], "the second one of the file");
        assert_eq!(explain.layers[1].values[0].archive, expected);
        assert!(explain.policy.is_none());
    }
    // Nothing pending, and Group Policy has put it there: whether Windows takes it back nobody can tell.
    let listed = PolBuilder::new().dword(KEY, "Level", 1);
    let image = image(PolBuilder::new(), Some(1)).archive(listed);
    let next = explained(image, &[value(KEY, "Level")], Side::Computer).verdict.next_boot;
    let ways: Vec<_> = next.possible.iter().map(|way| way.state).collect();
    assert_eq!((next.certainty, ways), (Certainty::Depends, vec![Some("not-configured"), Some("set")]));
}

#[test]
fn of_the_user_side_the_policy_file_is_all_that_is_read() {
    let user = PolBuilder::new().sz(r"Software\Policies\Acme", "Server", "x").build();
    let image = ImageBuilder::new().file(r"Windows/System32/GroupPolicy/User/Registry.pol", user);
    let verdict = explained(image, &[value(r"Software\Policies\Acme", "Server")], Side::User).verdict;
    assert_eq!((verdict.now.certainty, verdict.next_boot.layer), (Certainty::Unknown, Some("pending-policy")));
    assert!(verdict.next_boot.meaning.starts_with("set to REG_SZ x, once Windows"), "{}", verdict.next_boot.meaning);
}

#[test]
fn of_what_a_text_may_mean_that_counts_which_is_there() {
    let file = PolBuilder::new().dword(r"SOFTWARE\Paths", r"C:\Temp\x", 1);
    let readings = [
        value(r"SOFTWARE\Paths\C:\Temp", "x"),
        value(r"SOFTWARE\Paths\C:", r"Temp\x"),
        value(r"SOFTWARE\Paths", r"C:\Temp\x"),
    ];
    let found = explained(image(file, None), &readings, Side::Computer).value.unwrap();
    assert_eq!((found.hive, &*found.key, &*found.value_name), ("HKLM", r"SOFTWARE\Paths", r"C:\Temp\x"));
}

#[test]
fn what_is_a_secret_stays_hidden() {
    let file = PolBuilder::new().sz(KEY, "ProxyPassword", "Zq7Xuvjwqk9x");
    let explain = explained(image(file, None), &[value(KEY, "ProxyPassword")], Side::Computer);
    let text = serde_json::to_string(&explain).unwrap();
    assert!(explain.verdict.next_boot.meaning.contains("(hidden)") && !text.contains("Zq7X"), "{text}");
}

/// The place is that of Microsoft's RDP listener; fact and image name it alike.
#[test]
fn the_local_setting_of_a_policy_is_told() {
    let place = value(r"SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp", "UserAuthentication");
    let notes = explained(image(PolBuilder::new(), None), &[place], Side::Computer).notes;
    assert!(notes.iter().any(|note| note.contains("TS_USER_AUTHENTICATION_POLICY")), "{notes:?}");
    let notes = explained(image(PolBuilder::new(), None), &[value(KEY, "Level")], Side::Computer).notes;
    assert!(notes.iter().any(|note| note.contains("not in gpol's facts")), "{notes:?}");
}
