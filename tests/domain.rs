//! Domain GPOs and GPO backups: both halves change together, or nothing does.

use fixtures::domain::{BACKUP, DEFAULT_DOMAIN, POLICIES, RPA_HOSTS};
use fixtures::{REGISTRY_COMPUTER, TERMINAL_SERVICES};
use serde_json::json;

use crate::assert_file_snapshot;
use crate::bench::{NLA, Run, TestDir};

/// A policy file with NLA in this state and nothing else.
fn only_nla(n: u32) -> Vec<u8> {
    fixtures::PolBuilder::new().dword(&format!("SOFTWARE\\{TERMINAL_SERVICES}"), "UserAuthentication", n).build()
}

fn domain() -> TestDir {
    let dir = TestDir::new();
    for (path, bytes) in fixtures::domain::domain() {
        dir.write(&path, bytes);
    }
    dir
}

fn gpo(guid: &str) -> String {
    format!("{POLICIES}/{guid}")
}

fn policy(dir: &TestDir, what: &[&str], target: &str, rest: &[&str]) -> Run {
    dir.run([&["policy", what[0], target, NLA], &what[1..], rest].concat())
}

/// Files whose bytes are others than those of the tree, by their paths; new ones too.
fn changed(dir: &TestDir) -> Vec<String> {
    let before = fixtures::domain::domain();
    let mut changed = Vec::new();
    for entry in dir.state() {
        let path = entry.path.strip_prefix(dir.path("")).expect("below").to_string_lossy().replace('\\', "/");
        let same = before.iter().any(|(name, bytes)| *name == path && Some(bytes) == entry.bytes.as_ref());
        if entry.bytes.is_some() && !same {
            changed.push(path);
        }
    }
    changed
}

/// An LDIF file's lines, unfolded.
fn unfolded(ldif: &str) -> Vec<String> {
    ldif.replace("\n ", "").lines().map(str::to_owned).collect()
}

#[test]
fn without_a_decision_nothing_is_written_and_the_way_is_told() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    let run = policy(&dir, &["set", "disabled"], &rpa, &[]);
    assert_eq!(run.refused(5), "E0501");
    // 196623 is 0x0003000F: user 3, computer 15.
    let dn = format!("CN={RPA_HOSTS},CN=Policies,CN=System,DC=corp,DC=test");
    for part in [&*dn, "versionNumber: 196623   user 3, computer 15", "Version=196622", "--sysvol-only", "--ldif"] {
        assert!(run.stderr().contains(part), "{part}:\n{run}");
    }
    assert_file_snapshot!("domain_undecided", run);
    let known = policy(&dir, &["set", "disabled"], &rpa, &["--ad", "ad.ldif", "--dry-run"]);
    assert_eq!(known.refused(5), "E0501");
    assert!(known.stderr().contains("gPCMachineExtensionNames: as it is"), "{known}");
    assert_eq!(changed(&dir), [""; 0]);
    // What changes nothing needs no decision.
    policy(&dir, &["set", "enabled"], &rpa, &[]).ok();
    assert_eq!(changed(&dir), [""; 0]);
}

#[test]
fn sysvol_only_writes_the_files_and_says_what_the_directory_needs() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    let run = policy(&dir, &["set", "disabled"], &rpa, &["--sysvol-only"]);
    run.ok();
    assert_eq!(changed(&dir), [format!("{rpa}/GPT.INI"), format!("{rpa}/Machine/Registry.pol")]);
    assert_eq!(
        dir.text(&format!("{rpa}/GPT.INI")),
        "[General]\r\nVersion=196623\r\ndisplayName=New Group Policy Object\r\n"
    );
    assert_file_snapshot!("domain_sysvol_only", run);
    let json = policy(&dir, &["set", "enabled"], &rpa, &["--sysvol-only", "-f", "json"]).json();
    let directory = &json["directory"];
    assert_eq!(
        (&directory["known"], &directory["before"], &directory["ldif"]),
        (&json!(false), &json!(null), &json!(null))
    );
    assert_eq!((&directory["version_number"], &directory["extensions"]), (&json!(196_624), &json!(REGISTRY_COMPUTER)));
    assert_eq!(directory["attribute"], "gPCMachineExtensionNames");
}

#[test]
fn the_ldif_names_the_version_it_goes_on_from_and_merges_the_list() {
    let dir = domain();
    let gpo = gpo(DEFAULT_DOMAIN);
    let run = policy(&dir, &["set", "enabled"], &gpo, &["--ad", "ad.ldif", "--ldif", "change.ldif"]);
    run.ok();
    assert_eq!(
        changed(&dir),
        ["change.ldif".to_owned(), format!("{gpo}/GPT.INI"), format!("{gpo}/Machine/Registry.pol")]
    );
    let expected = "dn: CN={31B2F340-016D-11D2-945F-00C04FB984F9},CN=Policies,CN=System,DC=corp,DC=test\n\
        changetype: modify\n\
        delete: versionNumber\nversionNumber: 3\n-\nadd: versionNumber\nversionNumber: 4\n-\n\
        replace: gPCMachineExtensionNames\n\
        gPCMachineExtensionNames: [{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{53D6AB1B-2488-11D1-A28C-00C04FB94F17}{D02B1F72-3407-48AE-BA88-E8213C6761F1}][{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}]\n\
        -\n\n";
    assert_eq!(unfolded(&dir.text("change.ldif")), unfolded(expected));
    assert!(dir.text("change.ldif").ends_with("-\n\n"));
    assert_file_snapshot!("domain_ldif", run);
}

#[test]
fn a_list_that_needs_no_change_is_not_in_the_ldif() {
    let dir = domain();
    policy(&dir, &["set", "disabled"], &gpo(RPA_HOSTS), &["--ad", "ad.ldif", "--ldif", "change.ldif"]).ok();
    let expected = format!(
        "dn: CN={RPA_HOSTS},CN=Policies,CN=System,DC=corp,DC=test\nchangetype: modify\n\
         delete: versionNumber\nversionNumber: 196622\n-\nadd: versionNumber\nversionNumber: 196623\n-\n\n"
    );
    assert_eq!(unfolded(&dir.text("change.ldif")), unfolded(&expected));
}

#[test]
fn the_last_setting_takes_the_extension_out_of_the_directory_too() {
    let dir = domain();
    let gpo = gpo(DEFAULT_DOMAIN);
    dir.write(&format!("{gpo}/Machine/Registry.pol"), only_nla(1));
    let ad = dir.text("ad.ldif");
    let alone = ad.replace("{53D6AB1B-2488-11D1-A28C-00C04FB94F17}", "{D02B1F72-3407-48AE-BA88-E8213C6761F1}");
    dir.write(
        "ad.ldif",
        alone.replace("\r\n [{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}]", ""),
    );
    let ways = ["--ad", "ad.ldif", "--ldif", "change.ldif"];
    policy(&dir, &["unset"], &gpo, &ways).ok();
    let lines = unfolded(&dir.text("change.ldif"));
    assert_eq!(lines[8..], ["delete: gPCMachineExtensionNames", "-", ""], "{lines:?}");
    // The export is of before: its list is gone now, and GPT.INI is ahead of it.
    dir.write("ad.ldif", ad.replace("gPCMachineExtensionNames: \r\n [{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{53D6AB1B-2488-11D1-A28C-00C04FB94F17}]\r\n [{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}]\r\n", ""));
    let run = policy(&dir, &["set", "enabled"], &gpo, &["--ad", "ad.ldif", "--ldif", "again.ldif"]);
    let lines = unfolded(&dir.text("again.ldif"));
    let list = format!("gPCMachineExtensionNames: {REGISTRY_COMPUTER}");
    assert_eq!(
        lines[2..],
        [
            "delete: versionNumber",
            "versionNumber: 3",
            "-",
            "add: versionNumber",
            "versionNumber: 5",
            "-",
            "add: gPCMachineExtensionNames",
            &*list,
            "-",
            ""
        ],
        "{lines:?}"
    );
    assert!(
        run.stdout()
            .contains("GPT.INI (user 0, computer 4) and Active Directory (user 0, computer 3) were out of step"),
        "{run}"
    );
}

#[test]
fn a_side_out_of_step_goes_on_from_the_larger_counter_and_the_other_stays() {
    let dir = domain();
    // -65516 is 0xFFFF0014: user 65535, computer 20.
    let ad = dir.text("ad.ldif").replace("versionNumber: 196622", "versionNumber: -65516");
    dir.write("ad.ldif", ad);
    let rpa = gpo(RPA_HOSTS);
    let run = policy(&dir, &["set", "disabled"], &rpa, &["--ad", "ad.ldif", "--ldif", "change.ldif"]);
    assert!(dir.text("change.ldif").contains("versionNumber: -65516\n-\nadd: versionNumber\nversionNumber: -65515\n"));
    assert!(dir.text(&format!("{rpa}/GPT.INI")).contains("Version=196629\r\n"), "user 3, computer 21");
    assert!(run.stdout().contains("the user side stays out of step"), "{run}");
}

#[test]
fn what_does_not_fit_the_target_or_the_export_is_refused() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    dir.write("taken.ldif", "mine");
    dir.write("other.ldif", dir.text("ad.ldif").replace(RPA_HOSTS, "{00000000-0000-0000-0000-000000000000}"));
    let twice = dir.text("ad.ldif");
    dir.write("two.ldif", format!("{twice}{}", twice.replace("DC=corp", "DC=child,DC=corp")));
    let part = twice.lines().filter(|line| !line.starts_with("versionNumber")).collect::<Vec<_>>().join("\n");
    dir.write("part.ldif", part);
    let set = |target: &str, rest: &[&str]| policy(&dir, &["set", "disabled"], target, rest);
    for (run, status, code) in [
        (set(&rpa, &["--ldif", "x.ldif"]), 2, "E0104"),
        (set(BACKUP, &["--sysvol-only"]), 2, "E0105"),
        (set(BACKUP, &["--ad", "ad.ldif", "--ldif", "x.ldif"]), 2, "E0105"),
        (set(&rpa, &["--ad", "ad.ldif", "--ldif", "taken.ldif"]), 5, "E0504"),
        (set(&rpa, &["--ad", "other.ldif", "--ldif", "x.ldif"]), 3, "E0407"),
        (set(&rpa, &["--ad", "part.ldif", "--sysvol-only"]), 3, "E0407"),
        (set(&rpa, &["--ad", "taken.ldif", "--sysvol-only"]), 4, "E0224"),
        (set(&rpa, &["--ad", "nowhere.ldif", "--sysvol-only"]), 3, "E0403"),
    ] {
        assert_eq!(run.refused(status), code, "{run}");
    }
    assert_eq!(changed(&dir), ["other.ldif", "part.ldif", "taken.ldif", "two.ldif"]);
    // Two domains in one export: the folder in SYSVOL tells which is meant.
    set(&rpa, &["--ad", "two.ldif", "--ldif", "x.ldif"]).ok();
    assert!(unfolded(&dir.text("x.ldif"))[0].ends_with(",CN=System,DC=corp,DC=test"));
}

#[test]
fn a_comment_needs_no_decision_for_it_is_in_sysvol_alone() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    policy(&dir, &["set", "enabled"], &rpa, &["--comment", "CHG0041277"]).ok();
    assert_eq!(changed(&dir), [format!("{rpa}/Machine/comment.cmtx")]);
    let run = policy(&dir, &["set", "enabled"], &rpa, &["--ad", "ad.ldif", "--ldif", "x.ldif"]);
    assert_eq!((run.status, dir.has("x.ldif")), (Some(0), false));
    assert_eq!(run.stderr(), "warning: x.ldif is not written: nothing changes in Active Directory\n");
}

#[test]
fn a_dry_run_shows_the_same_and_writes_nothing() {
    let dir = domain();
    let ways = ["--ad", "ad.ldif", "--ldif", "change.ldif", "--dry-run"];
    let run = policy(&dir, &["set", "enabled"], &gpo(DEFAULT_DOMAIN), &ways);
    assert!(run.ok().contains("change.ldif  new, "), "{run}");
    policy(&dir, &["set", "disabled"], BACKUP, &["--dry-run"]).ok();
    assert_eq!(changed(&dir), [""; 0]);
}

#[test]
fn a_backup_is_kept_in_step() {
    let dir = domain();
    let run = policy(&dir, &["set", "disabled"], BACKUP, &[]);
    run.ok();
    let (xml, pol) = (format!("{BACKUP}/Backup.xml"), format!("{BACKUP}/DomainSysvol/GPO/Machine/registry.pol"));
    assert_eq!(changed(&dir), [xml.clone(), pol]);
    let tree = fixtures::domain::domain();
    let before = String::from_utf8(tree.iter().find(|(name, _)| *name == xml).expect("it").1.clone()).expect("UTF-8");
    // 14 in both halves becomes 15: 917518 is 0x000E000E, 983055 is 0x000F000F.
    assert_eq!(dir.text(&xml), before.replace("917518", "983055"));
    assert_file_snapshot!("backup_set", run);
}

#[test]
fn a_backup_lists_its_new_files() {
    let dir = domain();
    let (xml, pol) = (format!("{BACKUP}/Backup.xml"), format!("{BACKUP}/DomainSysvol/GPO/Machine/registry.pol"));
    let row = |name: &str| {
        format!(
            r#"<FSObjectFile bkp:Path="%GPO_MACH_FSPATH%\{name}" bkp:SourceExpandedPath="\\dc1.corp.test\sysvol\corp.test\Policies\{RPA_HOSTS}\Machine\{name}" bkp:Location="DomainSysvol\GPO\Machine\{name}"/>"#
        )
    };
    let listed = dir.text(&xml);
    let list = format!("<MachineExtensionGuids><![CDATA[{REGISTRY_COMPUTER}]]></MachineExtensionGuids>");
    let without = listed
        .replace(&format!("{}\r\n            ", row("registry.pol")), "")
        .replace(&list, "<MachineExtensionGuids/>");
    assert!(without.len() < listed.len() - list.len());
    dir.write(&xml, &without);
    std::fs::remove_file(dir.path(&pol)).expect("the policy file goes");
    let run = policy(&dir, &["set", "enabled"], BACKUP, &["--comment", "why"]);
    run.ok();
    let head = "bkp:DescName=\"Unknown Extension\">";
    let expected = listed.replace("917518", "983055").replace(head, &format!("{head}{}", row("comment.cmtx")));
    // A new file is spelled as gpol spells new files; Windows does not tell.
    assert_eq!(dir.text(&xml).replace(r"Machine\Registry.pol", r"Machine\registry.pol"), expected);
    assert_file_snapshot!("backup_new_files", run);
    // And back: only the counters and what is listed are others.
    policy(&dir, &["unset"], BACKUP, &[]).ok();
    assert!(dir.text(&xml).contains("<MachineExtensionGuids/>"));
}

#[test]
fn a_backup_that_gpol_does_not_understand_is_left_alone() {
    let dir = domain();
    let xml = format!("{BACKUP}/Backup.xml");
    let text = dir.text(&xml);
    for broken in [
        text.replace("917518", "many"),
        text.replace(REGISTRY_COMPUTER, "[{35378EAC}]"),
        text.replace("</GroupPolicyBackupScheme>", ""),
        text.replace("<UserExtensionGuids/>", "<MachineExtensionGuids/>"),
    ] {
        dir.write(&xml, broken);
        let before = dir.state();
        assert_eq!(policy(&dir, &["set", "disabled"], BACKUP, &[]).refused(4), "E0223");
        assert_eq!(dir.state(), before);
    }
    std::fs::remove_file(dir.path(&xml)).expect("it goes");
    assert_eq!(policy(&dir, &["set", "disabled"], BACKUP, &[]).refused(4), "E0223");
}

#[test]
fn show_names_domain_gpos_from_an_export_and_compares_versions() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    dir.write(&format!("{}/GPT.INI", gpo(DEFAULT_DOMAIN)), "[General]\r\nVersion=4\r\n");
    assert_file_snapshot!("domain_show", dir.run(["show", "sysvol", "--ad", "ad.ldif"]));
    let json = dir.run(["show", &*rpa, "--ad", "ad.ldif", "-f", "json"]).json();
    assert_eq!(json["target"]["name"], "RPA hosts");
    let directory = &json["directory"];
    assert_eq!((&directory["in_step"], &directory["version"]), (&json!(true), &json!({"user": 3, "computer": 14})));
    assert_eq!(directory["extensions"]["user"], json!(null));
    assert_eq!((&directory["off"], &directory["links"]), (&json!([]), &json!(null)), "the export has no containers");
    // With containers, it says where the GPO is linked, and what of it is switched off: flags 2 is the computer side.
    let link = format!("[LDAP://cn={RPA_HOSTS},cn=policies,cn=system,DC=corp,DC=test;2]");
    let ldif = dir.text("ad.ldif").replace("displayName: RPA hosts\r\nflags: 0", "displayName: RPA hosts\r\nflags: 2");
    dir.write("linked.ldif", format!("{ldif}\r\ndn: OU=RPA,DC=corp,DC=test\r\ngPLink: {link}\r\n"));
    let out = dir.run(["show", &*rpa, "--ad", "linked.ldif"]).ok();
    assert!(out.contains("\nLinked     OU=RPA (1, enforced)\n"), "{out}");
    assert!(out.contains("\nOff        the computer side is switched off"), "{out}");
    // One that the export does not hold is shown as well, and told.
    dir.write("other.ldif", dir.text("ad.ldif").replace(DEFAULT_DOMAIN, "{00000000-0000-0000-0000-000000000000}"));
    let run = dir.run(["show", "sysvol", "--ad", "other.ldif"]);
    let out = run.ok();
    assert!(out.contains("not in the export of Active Directory") && out.contains("GPO        RPA hosts"), "{out}");
    let json = dir.run(["show", &*gpo(DEFAULT_DOMAIN), "--ad", "other.ldif", "-f", "json"]).json();
    assert_eq!(json.get("directory"), Some(&json!(null)));
}

/// SYSVOL does not hold names: without an export there is none, with one, by flag or variable, it stands beside the GUID. A backup
/// holds its own.
#[test]
fn every_command_names_the_gpo() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    let wanted = "apiVersion: gpol/v1\nkind: PolicySet\ncomputer: {policies: [{policy: POLICY, state: disabled}]}\n";
    dir.write("wanted.yaml", wanted.replace("POLICY", NLA));
    let commands: &[&[&str]] = &[
        &["show", "GPO"],
        &["search", "UserAuthentication", "GPO"],
        &["effective", "GPO"],
        &["explain", "GPO", NLA],
        &["detect", "GPO"],
        &["diff", "GPO", "wanted.yaml"],
        &["check", "GPO", "wanted.yaml"],
        &["doctor", "GPO"],
        &["policy", "get", "GPO", NLA, "-f", "json"],
        &["policy", "set", "GPO", NLA, "disabled", "--dry-run", "SYSVOL-ONLY"],
        &["policy", "unset", "GPO", NLA, "--dry-run", "SYSVOL-ONLY"],
        &["plan", "GPO", "wanted.yaml"],
        &["apply", "GPO", "wanted.yaml", "--dry-run", "SYSVOL-ONLY"],
        &["convert", "GPO", "-f", "policyrules"],
    ];
    for words in commands {
        let command = |gpo: &str, more: &[&str]| {
            let own = words.iter().filter(|word| **word != "SYSVOL-ONLY" || gpo == rpa).map(|word| match *word {
                "GPO" => gpo.to_owned(),
                "SYSVOL-ONLY" => "--sysvol-only".to_owned(),
                word => word.to_owned(),
            });
            dir.command(own.chain(more.iter().map(|word| (*word).to_owned())))
        };
        let names = |command| {
            let run = Run::of(command);
            assert!(run.err.is_empty() && matches!(run.status, Some(0 | 1)), "{words:?}: {run}");
            let out = run.stdout();
            assert!(out.contains(RPA_HOSTS), "{words:?}: {out}");
            out.contains("RPA hosts")
        };
        assert!(!names(command(&rpa, &[])), "{words:?}");
        assert!(names(command(&rpa, &["--ad", "ad.ldif"])), "{words:?}");
        let mut by_variable = command(&rpa, &[]);
        by_variable.env("GPOL_AD", "ad.ldif");
        assert!(names(by_variable), "{words:?}");
        let of_backup = Run::of(command(BACKUP, &[])).stdout();
        assert!(of_backup.contains("RPA hosts"), "{words:?}: {of_backup}");
    }
}

/// A backup keeps no empty folders when it is copied by way of git: a side that is missing has nothing in it, and is no gap.
#[test]
fn a_side_that_a_backup_lacks_is_not_missing() {
    let dir = domain();
    for words in [&["search", "UserAuthentication", "backups"][..], &["effective", "backups"]] {
        dir.run(words.iter().copied()).ok();
    }
}

/// Windows comes to the extension wherever the list is wrong, and gpol says so.
#[test]
fn a_local_list_out_of_order_is_told_and_ours_goes_where_windows_comes_to_it() {
    let (audit, search) = (
        "[{F3CCC681-B74C-4060-9F26-CD84525DCA2A}{0F3F3735-573D-9804-99E4-AB2A69BA5FD4}]",
        "[{7933F41E-56F8-41D6-A31C-4148A711EE93}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]",
    );
    let ini =
        |version: u32, list: &str| format!("[General]\r\nVersion={version}\r\ngPCMachineExtensionNames={list}\r\n");
    let dir = TestDir::with("gpo/gpt.ini", ini(1, &format!("{audit}{search}{REGISTRY_COMPUTER}")));
    let run = policy(&dir, &["set", "enabled"], "gpo", &[]);
    assert_eq!(dir.text("gpo/gpt.ini"), ini(2, &format!("{REGISTRY_COMPUTER}{audit}{search}")));
    assert!(
        run.stdout().contains("the extension list is out of order from {7933F41E-56F8-41D6-A31C-4148A711EE93} on"),
        "{run}"
    );
}

#[test]
fn unset_and_set_again_restore_gpt_ini_but_for_the_version() {
    for list in [
        REGISTRY_COMPUTER.to_owned(),
        "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{B05566AC-FE9C-4368-BE01-7A4CBB6CBA11}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]".to_owned(),
    ] {
        let ini = |version: u32, list: &str| format!("; ours\n[General]\ngPCMachineExtensionNames={list}\nVersion={version}\nOptions=0\n");
        let dir = TestDir::with("gpo/gpt.ini", ini(7, &list));
        dir.write("gpo/Machine/Registry.pol", only_nla(1));
        policy(&dir, &["unset"], "gpo", &[]).ok();
        let left = list.replace("{D02B1F72-3407-48AE-BA88-E8213C6761F1}", "").replace("[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}]", "");
        assert_eq!(dir.text("gpo/gpt.ini"), ini(8, &left));
        policy(&dir, &["set", "enabled"], "gpo", &[]).ok();
        assert_eq!(dir.text("gpo/gpt.ini"), ini(9, &list));
        assert_eq!(dir.read("gpo/Machine/Registry.pol"), only_nla(1));
    }
}

/// Templates with two policies of one extension and one of another, and a value that no template explains.
const ADMX: &str = r#"<policyDefinitions revision="1.0" schemaVersion="1.0"
    xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <policyNamespaces><target prefix="t" namespace="Test.Extensions" /></policyNamespaces>
  <resources minRequiredRevision="1.0" />
  <categories><category name="C" displayName="$(string.C)" /></categories>
  <policies>
    <policy name="SearchA" class="Machine" displayName="$(string.C)" key="Software\Policies\T" valueName="A"
        clientExtension="{7933f41e-56f8-41d6-a31c-4148a711ee93}"><parentCategory ref="C" /></policy>
    <policy name="SearchB" class="Machine" displayName="$(string.C)" key="Software\Policies\T" valueName="B"
        clientExtension="{7933F41E-56F8-41D6-A31C-4148A711EE93}"><parentCategory ref="C" /></policy>
    <policy name="Guard" class="Machine" displayName="$(string.C)" key="Software\Policies\T" valueName="G"
        clientExtension="{F312195E-3D9D-447A-A3F5-08DFFA24735E}"><parentCategory ref="C" /></policy>
  </policies>
</policyDefinitions>"#;
const ADML: &str = r#"<policyDefinitionResources revision="1.0" schemaVersion="1.0"
    xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <displayName /><description /><resources><stringTable><string id="C">C</string></stringTable></resources>
</policyDefinitionResources>"#;

#[test]
fn an_extension_goes_with_the_last_policy_that_needs_it() {
    let dir = TestDir::with("store/T.admx", ADMX);
    dir.write("store/en-US/T.adml", ADML);
    dir.write("gpo/gpt.ini", "[General]\r\nVersion=1\r\ngPCMachineExtensionNames=\r\n");
    let change = |words: &[&str]| {
        dir.run([&["policy", words[0], "gpo"], &words[1..], &["--admx", "store"]].concat()).ok();
        let ini = dir.text("gpo/gpt.ini");
        ini.lines().find_map(|line| line.strip_prefix("gPCMachineExtensionNames=")).expect("the list").to_owned()
    };
    let tool = "{D02B1F72-3407-48AE-BA88-E8213C6761F1}";
    let search = format!("[{{7933f41e-56f8-41d6-a31c-4148a711ee93}}{tool}]");
    let guard = format!("[{{F312195E-3D9D-447A-A3F5-08DFFA24735E}}{tool}]");
    assert_eq!(change(&["set", "SearchA", "enabled"]), format!("{REGISTRY_COMPUTER}{search}"));
    assert_eq!(change(&["set", "SearchB", "enabled"]), format!("{REGISTRY_COMPUTER}{search}"));
    assert_eq!(change(&["set", "Guard", "enabled"]), format!("{REGISTRY_COMPUTER}{search}{guard}"));
    assert_eq!(change(&["unset", "SearchA"]), format!("{REGISTRY_COMPUTER}{search}{guard}"), "SearchB needs it");
    assert_eq!(change(&["unset", "Guard"]), format!("{REGISTRY_COMPUTER}{search}"));
    // A record that nothing explains may need any extension.
    let pol = dir.read("gpo/Machine/Registry.pol");
    let other = fixtures::PolBuilder::without_header().dword(r"Software\Policies\Acme", "X", 1).build();
    dir.write("gpo/Machine/Registry.pol", [pol, other].concat());
    assert_eq!(change(&["unset", "SearchB"]), format!("{REGISTRY_COMPUTER}{search}"));
    // The last setting of all takes all of them.
    dir.write("gpo/Machine/Registry.pol", fixtures::PolBuilder::new().build());
    change(&["set", "SearchB", "enabled"]);
    assert_eq!(change(&["unset", "SearchB"]), "");
}

/// The export as it is once an LDIF file of gpol was imported, as `ldapmodify` carries it out.
fn import(dir: &TestDir, ldif: &str) {
    let lines = unfolded(&dir.text(ldif));
    let ad = dir.text("ad.ldif").replace("\r\n ", "").replace("\n ", "");
    let dn = lines[0].clone();
    let (mut out, mut inside) = (Vec::new(), false);
    for line in ad.lines() {
        if line.starts_with("dn: ") {
            inside = line == dn;
        }
        let name = line.split(':').next().unwrap_or_default();
        let touched = |verb: &str| lines.iter().any(|step| *step == format!("{verb}: {name}"));
        if inside && (touched("delete") || touched("replace")) {
            // What is to be deleted by its value must be that value.
            assert!(
                touched("replace") || lines.iter().any(|step| step == line) || !touched("add"),
                "{line}: {lines:?}"
            );
            continue;
        }
        out.push(line.to_owned());
        if inside && line.starts_with("dn: ") {
            for verb in ["add", "replace"] {
                let mut steps = lines.iter();
                while let Some(step) = steps.next() {
                    if step.starts_with(&format!("{verb}: ")) {
                        out.extend(steps.next().cloned());
                    }
                }
            }
        }
    }
    dir.write("ad.ldif", out.join("\n") + "\n");
}

#[test]
fn an_undo_changes_active_directory_as_well_and_needs_the_same_decision() {
    let dir = domain();
    let gpo = gpo(DEFAULT_DOMAIN);
    let start = only_nla(0);
    dir.write(&format!("{gpo}/Machine/Registry.pol"), &start);
    let list = "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{53D6AB1B-2488-11D1-A28C-00C04FB94F17}][{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}]";
    policy(&dir, &["set", "enabled"], &gpo, &["--ad", "ad.ldif", "--ldif", "change.ldif"]).ok();
    import(&dir, "change.ldif");
    assert!(dir.text("ad.ldif").contains("versionNumber: 4\n"), "{}", dir.text("ad.ldif"));
    // It was imported, and thrown away as E0504 advises.
    std::fs::remove_file(dir.path("change.ldif")).expect("it goes");

    let before = dir.state();
    assert_eq!(dir.run(["undo", &*gpo]).refused(5), "E0501");
    assert_eq!(dir.run(["undo", &*gpo, "--ldif", "undo.ldif"]).refused(2), "E0104");
    assert_eq!(dir.state(), before);
    let run = dir.run(["undo", &*gpo, "--ad", "ad.ldif", "--ldif", "undo.ldif"]);
    run.ok();
    // The settings and the list are as they were; the version, 4 so far, goes on to 5 in both places.
    assert_eq!(dir.read(&format!("{gpo}/Machine/Registry.pol")), start);
    assert!(dir.text(&format!("{gpo}/GPT.INI")).contains("Version=5\r\n"), "{}", dir.text(&format!("{gpo}/GPT.INI")));
    let expected = format!(
        "dn: CN={DEFAULT_DOMAIN},CN=Policies,CN=System,DC=corp,DC=test\nchangetype: modify\n\
         delete: versionNumber\nversionNumber: 4\n-\nadd: versionNumber\nversionNumber: 5\n-\n\
         replace: gPCMachineExtensionNames\ngPCMachineExtensionNames: {list}\n-\n\n"
    );
    assert_eq!(unfolded(&dir.text("undo.ldif")), unfolded(&expected));
    assert_file_snapshot!("domain_undo", run);

    // And forward again: settings and list of the change, and the version goes on.
    import(&dir, "undo.ldif");
    dir.run(["redo", &*gpo, "--ad", "ad.ldif", "--ldif", "redo.ldif"]).ok();
    assert!(dir.text("redo.ldif").replace("\n ", "").contains("versionNumber: 6\n"));
    assert!(dir.text("redo.ldif").replace("\n ", "").contains("{D02B1F72-3407-48AE-BA88-E8213C6761F1}"));
    import(&dir, "redo.ldif");
    // A raised version of somebody else does not stop an undo, and is gone on from.
    let ini = dir.text(&format!("{gpo}/GPT.INI"));
    dir.write(&format!("{gpo}/GPT.INI"), ini.replace("Version=6", "Version=9"));
    let run = dir.run(["undo", &*gpo, "--sysvol-only"]);
    assert!(run.ok().contains("versionNumber: 10   user 0, computer 10"), "{run}");
    assert!(dir.text(&format!("{gpo}/GPT.INI")).contains("Version=10\r\n"));
    assert_eq!(dir.read(&format!("{gpo}/Machine/Registry.pol")), start);
}

#[test]
fn an_ldif_file_is_never_the_undos_to_delete_and_not_imported_it_is_gone_on_from() {
    let dir = domain();
    let gpo = gpo(DEFAULT_DOMAIN);
    policy(&dir, &["set", "enabled"], &gpo, &["--ad", "ad.ldif", "--ldif", "change.ldif"]).ok();
    let change = dir.read("change.ldif");
    // Active Directory still has 3 and the old list, GPT.INI has 4: 5 is new to both.
    dir.run(["undo", &*gpo, "--ad", "ad.ldif", "--ldif", "undo.ldif"]).ok();
    assert_eq!(dir.read("change.ldif"), change);
    let expected = format!(
        "dn: CN={DEFAULT_DOMAIN},CN=Policies,CN=System,DC=corp,DC=test\nchangetype: modify\n\
         delete: versionNumber\nversionNumber: 3\n-\nadd: versionNumber\nversionNumber: 5\n-\n\n"
    );
    assert_eq!(unfolded(&dir.text("undo.ldif")), unfolded(&expected));
    assert!(dir.text(&format!("{gpo}/GPT.INI")).contains("Version=5\r\n"));
}

#[test]
fn undos_and_redos_of_a_domain_gpo_differ_from_the_changes_by_the_version_alone() {
    let dir = domain();
    let gpo = gpo(RPA_HOSTS);
    let contents = || {
        let tree = dir.state().into_iter().map(|entry| (entry.path, entry.bytes.unwrap_or_default()));
        tree.filter(|(path, _)| !path.ends_with("GPT.INI")).collect::<Vec<_>>()
    };
    let mut states = vec![contents()];
    for state in ["disabled", "enabled", "disabled"] {
        policy(&dir, &["set", state], &gpo, &["--sysvol-only"]).ok();
        states.push(contents());
    }
    for state in states.iter().rev().skip(1) {
        dir.run(["undo", &*gpo, "--sysvol-only"]).ok();
        assert_eq!(&contents(), state);
    }
    for state in states.iter().skip(1) {
        dir.run(["redo", &*gpo, "--sysvol-only"]).ok();
        assert_eq!(&contents(), state);
    }
    // 14 and nine changes of every kind: 0x00030017.
    assert!(
        dir.text(&format!("{gpo}/GPT.INI")).contains("Version=196631\r\n"),
        "{}",
        dir.text(&format!("{gpo}/GPT.INI"))
    );
}

/// The ways to name a GPO, or its computer side, by what is in its folder.
fn names(gpo: &str, inside: &[&str]) -> Vec<String> {
    let by_file = inside.iter().map(|name| format!("{gpo}/{name}"));
    let mut all: Vec<String> =
        [gpo.to_owned(), format!("{gpo}/"), format!("./{gpo}/../{}", gpo.rsplit('/').next().expect("a name"))].into();
    all.extend(by_file);
    all
}

#[test]
fn a_domain_gpo_is_guarded_by_whatever_path_it_is_named() {
    let by_folder = domain();
    let rpa = gpo(RPA_HOSTS);
    policy(&by_folder, &["set", "disabled"], &rpa, &["--sysvol-only"]).ok();
    let (ini, pol) =
        (by_folder.read(&format!("{rpa}/GPT.INI")), by_folder.read(&format!("{rpa}/Machine/Registry.pol")));
    let inside = ["Machine", "Machine/", "Machine/Registry.pol", "Machine/../Machine/Registry.pol", "GPT.INI"];
    for name in names(&rpa, &inside) {
        let dir = domain();
        let run = policy(&dir, &["set", "disabled"], &name, &[]);
        assert_eq!(run.refused(5), "E0501", "{name}");
        assert!(
            run.stderr().contains(&format!("CN={RPA_HOSTS},CN=Policies,CN=System,DC=corp,DC=test")),
            "{name}: {run}"
        );
        assert_eq!(changed(&dir), [""; 0], "{name}");
        let doctor = |path: &str| {
            let words = ["doctor", path, "--scope", "computer", "-f", "json"];
            let mut found: serde_json::Value = serde_json::from_slice(&dir.run(words).out).expect("a document");
            found["target"] = json!(null);
            found
        };
        assert_eq!(doctor(&name), doctor(&rpa), "{name}");
        policy(&dir, &["set", "disabled"], &name, &["--sysvol-only"]).ok();
        assert_eq!(dir.read(&format!("{rpa}/GPT.INI")), ini, "{name}");
        assert_eq!(dir.read(&format!("{rpa}/Machine/Registry.pol")), pol, "{name}");
        dir.run(["undo", &*name, "--sysvol-only"]).ok();
        assert_eq!(changed(&dir), [format!("{rpa}/GPT.INI")], "{name}: the version alone went on");
    }
}

#[cfg(unix)]
#[test]
fn links_and_other_letters_name_the_same_gpo() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(dir.path(to), dir.path(name)).expect("a link");
    link(&rpa, "gpo-link");
    link(&format!("{rpa}/Machine"), "side-link");
    link(&format!("{rpa}/Machine/Registry.pol"), "file.pol");
    for name in [
        "gpo-link",
        "gpo-link/Machine",
        "gpo-link/Machine/Registry.pol",
        "side-link",
        "side-link/Registry.pol",
        "file.pol",
    ] {
        assert_eq!(policy(&dir, &["set", "disabled"], name, &[]).refused(5), "E0501", "{name}");
    }
    // A side that is a link out of the GPO is still its side.
    let aside = format!("{rpa}/User");
    dir.write("elsewhere/Registry.pol", only_nla(1));
    let _ = std::fs::remove_dir_all(dir.path(&aside));
    link("elsewhere", &aside);
    let pol = format!("{aside}/Registry.pol");
    let run = dir.run(["pol", "cat", &*pol]);
    run.ok();
    let run = policy(&dir, &["set", "disabled"], &pol, &["--sysvol-only", "--scope", "user"]);
    assert_ne!(run.status, Some(0), "{run}");
    assert_eq!(dir.read("elsewhere/Registry.pol"), only_nla(1));

    let lower = domain();
    for (from, to) in [("Machine/Registry.pol", "Machine/REGISTRY.POL"), ("Machine", "machine"), ("GPT.INI", "Gpt.ini")]
    {
        std::fs::rename(lower.path(&format!("{rpa}/{from}")), lower.path(&format!("{rpa}/{to}"))).expect("a new name");
    }
    for name in ["machine", "machine/REGISTRY.POL", "Gpt.ini"] {
        assert_eq!(policy(&lower, &["set", "disabled"], &format!("{rpa}/{name}"), &[]).refused(5), "E0501", "{name}");
    }
}

#[test]
fn a_backup_is_kept_in_step_by_whatever_path_it_is_named() {
    let xml = format!("{BACKUP}/Backup.xml");
    let inside = [
        "DomainSysvol",
        "DomainSysvol/GPO",
        "DomainSysvol/GPO/Machine",
        "DomainSysvol/GPO/Machine/registry.pol",
        "Backup.xml",
        "bkupInfo.xml",
    ];
    for name in names(BACKUP, &inside) {
        let dir = domain();
        let before = dir.text(&xml);
        policy(&dir, &["set", "disabled"], &name, &[]).ok();
        // 14 in both halves becomes 15, and no file is new.
        assert_eq!(dir.text(&xml), before.replace("917518", "983055"), "{name}");
        assert_eq!(changed(&dir), [xml.clone(), format!("{BACKUP}/DomainSysvol/GPO/Machine/registry.pol")], "{name}");
        let json = dir.run(["show", &*name, "-f", "json"]);
        if !name.ends_with(".xml") && !name.ends_with(".pol") {
            assert_eq!(json.json()["target"]["kind"], "gpo-backup", "{name}");
        }
    }
}

#[test]
fn a_policy_file_that_is_changed_alone_says_so_before_and_after() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    let pol = format!("{rpa}/Machine/Registry.pol");
    let says =
        |run: &Run| run.ok().contains("is changed alone: its version does not rise, and Active Directory is not told");
    let dry = policy(&dir, &["set", "disabled"], &pol, &["--file-only", "--dry-run"]);
    assert!(says(&dry), "{dry}");
    assert_eq!(changed(&dir), [""; 0]);
    let run = policy(&dir, &["set", "disabled"], &pol, &["--file-only"]);
    assert!(says(&run), "{run}");
    assert_eq!(changed(&dir), std::slice::from_ref(&pol));
    let json = policy(&dir, &["set", "enabled"], &pol, &["--file-only", "-f", "json"]).json();
    assert!(json["notes"][0].as_str().expect("a note").contains("is changed alone"), "{json}");
    dir.write("Machine/Registry.pol", only_nla(0));
    let plan = dir.run(["plan", &*pol, "Machine/Registry.pol", "--file-only"]);
    assert!(plan.stdout().contains("is changed alone"), "{plan}");
    assert_eq!(policy(&dir, &["set", "disabled"], &rpa, &["--file-only"]).refused(2), "E0506");
    // One that lies in no GPO is nothing else than itself.
    let bare = policy(&dir, &["set", "enabled"], "Machine/Registry.pol", &[]);
    assert!(!bare.ok().contains("is changed alone"), "{bare}");
    // To write a converted file there is to change it alone, too.
    let run = dir.run(["convert", "Machine/Registry.pol", "-o", &pol]);
    assert!(run.status == Some(0) && run.stderr().contains("is changed alone"), "{run}");
}

#[test]
fn a_change_of_both_sides_is_undone_whole_if_one_of_them_is_named() {
    let dir = domain();
    let rpa = gpo(RPA_HOSTS);
    let user = format!("{rpa}/User/Registry.pol");
    dir.write(&user, only_nla(1));
    dir.run(["gpo", "bump", &*rpa, "--sysvol-only"]).ok();
    // User 3 and computer 14 are 4 and 15 now.
    assert!(dir.text(&format!("{rpa}/GPT.INI")).contains(&format!("Version={}", (4 << 16) + 15)));
    let machine = format!("{rpa}/Machine");
    dir.run(["undo", &*machine, "--sysvol-only"]).ok();
    assert!(dir.text(&format!("{rpa}/GPT.INI")).contains(&format!("Version={}", (5 << 16) + 16)));
}
