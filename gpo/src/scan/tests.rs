use std::fs;

use super::*;
use crate::target::{Opened, open};

const POL: &[u8] = b"PReg\x01\0\0\0";

fn tree(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, POL).unwrap();
    }
    dir
}

/// Paths of GPOs and of their files, with `/`, below the folder.
fn found(dir: &tempfile::TempDir, target: &str, wanted: Wanted) -> Vec<String> {
    let below = |path: &Path| {
        let path = path.strip_prefix(dir.path()).unwrap_or(path);
        path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
    };
    let told = scan(&[dir.path().join(target)], wanted, &Progress::default(), |read| {
        let parts = read.parts.iter().map(|part| below(&part.path));
        let problems = read.problems.iter().map(|problem| format!("unread {}", below(&problem.path)));
        format!("{}: {}", below(&read.gpo.path), parts.chain(problems).collect::<Vec<_>>().join(" "))
    });
    told.unwrap_or_else(|error| vec![error.to_string().replace(&dir.path().display().to_string(), "")])
}

const A: &str = "{AAAAAAAA-016D-11D2-945F-00C04FB984F9}";
const B: &str = "{BBBBBBBB-016D-11D2-945F-00C04FB984F9}";

#[test]
fn all_kinds_are_found_in_the_order_of_paths() {
    let dir = tree(&[
        &format!("x/b.test/Policies/{B}/MACHINE/registry.pol"),
        &format!("x/b.test/Policies/{A}/Machine/Registry.pol"),
        &format!("x/b.test/Policies/{A}/User/Registry.pol"),
        "x/b.test/Policies/PolicyDefinitions/Machine/Registry.pol",
        &format!("x/backups/{A}/DomainSysvol/GPO/Machine/registry.pol"),
        "x/image/Windows/System32/GroupPolicy/User/Registry.pol",
    ]);
    assert_eq!(
        found(&dir, "x", Wanted::default()),
        [
            &*format!(
                "x/b.test/Policies/{A}: x/b.test/Policies/{A}/Machine/Registry.pol x/b.test/Policies/{A}/User/Registry.pol"
            ),
            &*format!("x/b.test/Policies/{B}: x/b.test/Policies/{B}/MACHINE/registry.pol"),
            &*format!("x/backups/{A}: x/backups/{A}/DomainSysvol/GPO/Machine/registry.pol"),
            "x/image: x/image/Windows/System32/GroupPolicy/User/Registry.pol",
        ]
    );
    // One GPO, one policy file, an image: each may be named.
    let gpo = format!("x/b.test/Policies/{B}");
    assert_eq!(found(&dir, &gpo, Wanted::default()), [format!("{gpo}: {gpo}/MACHINE/registry.pol")]);
    let file = format!("{gpo}/MACHINE/registry.pol");
    assert_eq!(found(&dir, &file, Wanted::default()), [format!("{file}: {file}")]);
    assert_eq!(found(&dir, "x/image/Windows", Wanted::default()).len(), 1);
}

/// The fast way must find the domain GPOs that the careful way finds.
#[test]
fn a_synthetic_sysvol_is_found_as_when_it_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    fixtures::write_sysvol(dir.path(), 25, 6, 7).unwrap();
    let Ok(Opened::Several(set)) = open(dir.path()) else { panic!("a folder of GPOs") };
    let opened: Vec<(PathBuf, Option<String>)> = set.gpos.into_iter().map(|gpo| (gpo.path, gpo.guid)).collect();
    let scanned = scan(&[dir.path().to_path_buf()], Wanted::default(), &Progress::default(), |read| {
        assert_eq!((read.parts.len(), read.problems.len()), (2, 0));
        (read.gpo.path, read.gpo.guid)
    });
    assert_eq!(scanned.unwrap(), opened);
    assert_eq!(opened.len(), 25);
}

#[test]
fn settings_that_are_no_policy_are_read_where_they_are_wanted() {
    let dir = tree(&[
        &format!("{A}/Machine/Registry.pol"),
        &format!("{A}/Machine/microsoft/windows nt/SecEdit/GptTmpl.inf"),
        &format!("{A}/User/Preferences/Registry/Registry.xml"),
    ]);
    assert_eq!(found(&dir, A, Wanted::default()), [format!("{A}: {A}/Machine/Registry.pol")]);
    let all = found(&dir, A, Wanted { settings: true, gpt_ini: false });
    assert!(all[0].contains("GptTmpl.inf") && all[0].ends_with("Registry.xml"), "{all:?}");
}

#[test]
fn what_was_named_and_holds_nothing_is_an_error() {
    let dir = tree(&["empty/notes.txt"]);
    assert!(found(&dir, "empty", Wanted::default())[0].contains("gpol finds no policy in"));
    assert!(found(&dir, "nowhere", Wanted::default())[0].contains("does not exist"));
}

/// What was listed and cannot be read when its turn comes: a link to what is gone looks just so.
#[test]
#[cfg(unix)]
fn what_vanishes_between_listing_and_reading_is_a_problem() {
    use std::os::unix::fs::symlink;
    let dir = tree(&[&format!("x/{A}/Machine/Registry.pol"), &format!("x/{B}/gpt.ini")]);
    fs::create_dir(dir.path().join(format!("x/{B}/User"))).unwrap();
    symlink("gone", dir.path().join(format!("x/{B}/User/Registry.pol"))).unwrap();
    let c = A.replace("AAAAAAAA", "CCCCCCCC");
    symlink("gone", dir.path().join(format!("x/{c}"))).unwrap();
    assert_eq!(
        found(&dir, "x", Wanted::default()),
        [
            format!("x/{A}: x/{A}/Machine/Registry.pol"),
            format!("x/{B}: unread x/{B}/User/Registry.pol"),
            format!("x/{c}: unread x/{c}"),
        ]
    );
}

/// `sysvol/<domain>` of a domain controller is a link to `domain` beside it: inside of the one, outside of the other.
#[test]
#[cfg(unix)]
fn a_link_is_not_followed_and_one_that_leads_out_is_told() {
    use std::os::unix::fs::symlink;
    let gpo = format!("domain/Policies/{A}");
    let dir = tree(&[&format!("x/{gpo}/Machine/Registry.pol"), "x/notes/readme.txt"]);
    fs::create_dir(dir.path().join("x/sysvol")).unwrap();
    symlink("../domain", dir.path().join("x/sysvol/example.test")).unwrap();
    symlink("..", dir.path().join("x/sysvol/up")).unwrap();
    symlink("../notes/readme.txt", dir.path().join("x/sysvol/file")).unwrap();
    symlink("gone", dir.path().join("x/sysvol/gone")).unwrap();
    let one = format!("{gpo}/Machine/Registry.pol");
    assert_eq!(found(&dir, "x", Wanted::default()), [format!("x/{gpo}: x/{one}")]);
    let out = |link: &str| format!("{link}: unread {link}");
    let links = [out("x/sysvol/example.test"), out("x/sysvol/up")];
    assert_eq!(found(&dir, "x/sysvol", Wanted::default()), links);
    // Named itself, a link is what is asked for.
    let named = found(&dir, "x/sysvol/example.test", Wanted::default());
    assert_eq!(
        named,
        [format!("x/sysvol/example.test/Policies/{A}: x/sysvol/example.test/Policies/{A}/Machine/Registry.pol")]
    );
}

/// A link in a GPO, to what is no part of the target.
#[test]
#[cfg(unix)]
fn nothing_is_read_where_a_link_in_a_gpo_leads_out_of_the_target() {
    use std::os::unix::fs::symlink;
    let dir = tree(&[
        "secret/Registry.pol",
        "secret/Registry/Registry.xml",
        &format!("x/{A}/gpt.ini"),
        &format!("x/{B}/Machine/x"),
        &format!("x/{B}/Own.pol"),
        "x/image/Windows/System32/GroupPolicy/gpt.ini",
    ]);
    symlink("../../secret", dir.path().join(format!("x/{A}/Machine"))).unwrap();
    symlink("../../../secret/Registry.pol", dir.path().join(format!("x/{B}/Machine/Registry.pol"))).unwrap();
    symlink("../../../secret", dir.path().join(format!("x/{B}/Machine/Preferences"))).unwrap();
    fs::create_dir(dir.path().join(format!("x/{B}/User"))).unwrap();
    symlink("../Own.pol", dir.path().join(format!("x/{B}/User/Registry.pol"))).unwrap();
    let user = "x/image/Windows/System32/GroupPolicy/User";
    symlink("../../../../../secret", dir.path().join(user)).unwrap();
    assert_eq!(
        found(&dir, "x", Wanted { settings: true, gpt_ini: true }),
        [
            format!("x/image: unread {user}"),
            format!("x/{A}: unread x/{A}/Machine"),
            format!(
                "x/{B}: x/{B}/User/Registry.pol unread x/{B}/Machine/Preferences/Registry/Registry.xml \
                 unread x/{B}/Machine/Registry.pol"
            ),
        ]
    );
}

#[test]
fn a_folder_counts_once_however_often_it_is_named() {
    let dir = tree(&[&format!("x/Policies/{A}/Machine/Registry.pol"), &format!("x/Policies/{B}/gpt.ini")]);
    let targets = ["x", "x/Policies", &format!("x/Policies/{A}")].map(|name| dir.path().join(name));
    let all = scan(&targets, Wanted::default(), &Progress::default(), |read| read.gpo.guid).unwrap();
    assert_eq!(all, [Some(A.to_owned()), Some(B.to_owned())]);
}
