use super::*;
use fixtures::{COMPUTER_POL, ImageBuilder, PolBuilder, RDP_TCP, SYSTEM};

const KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

fn diagnosis(image: ImageBuilder, name: &str) -> Diagnosis {
    let dir = tempfile::tempdir().unwrap();
    fixtures::write_tree(dir.path(), &image.build()).unwrap();
    diagnose(&Target::open(dir.path()).unwrap(), find(name).unwrap()).unwrap()
}

/// No policy at all, neither pending nor applied.
fn unmanaged() -> ImageBuilder {
    ImageBuilder::new()
        .file(COMPUTER_POL, PolBuilder::new().build())
        .software(|root| root.without_key(fixtures::TERMINAL_SERVICES))
}

#[test]
fn every_problem_has_checks_of_the_catalogue_and_facts_that_name_what_is_wanted() {
    let catalog = Catalog::builtin();
    assert!(problems().len() >= 3);
    for problem in problems() {
        assert!(
            problem.sources.iter().all(|s| s.url.as_deref().is_some_and(|url| url.contains("learn.microsoft.com")))
        );
        assert!(!problem.checks.is_empty() && !problem.sources.is_empty());
        let hives = problem.checks.iter().map(|check| {
            let (fact, _) = Facts::get().of(policy_of(&catalog, &check.policy)).unwrap();
            fact.local.key.split('\\').next().unwrap()
        });
        // The file that is written for the hive is one.
        assert_eq!(hives.collect::<std::collections::BTreeSet<_>>().len(), 1, "{}", problem.id);
        for check in &problem.checks {
            let policy = policy_of(&catalog, &check.policy);
            let (fact, key) = Facts::get().of(policy).unwrap();
            assert!(fact.meaning.contains_key(&check.wanted), "{}", check.policy);
            // The state that is advised writes the value that is wanted.
            let state = match &*check.state {
                "disabled" => admx::Wanted::Disabled,
                "enabled" => admx::Wanted::Enabled(Vec::new()),
                other => panic!("{other}"),
            };
            let set = admx::write_set(policy, admx::Side::Computer, &state).unwrap();
            let record = set.records[0].as_ref();
            assert_eq!(
                (record.key.to_text_lossy(), record.value_name.to_text_lossy()),
                (key.to_owned(), fact.value.clone())
            );
            assert_eq!(crate::facts::plain(&record.value().unwrap()), Some(check.wanted.clone()));
        }
    }
}

/// The causes that Microsoft's article on errors of remote desktop on virtual machines names besides a domain controller that is not
/// reached: domain credentials not allowed, FIPS, TLS switched off, the encryption level; the last one by policy, which goes before the listener.
#[test]
fn all_causes_of_a_failed_nla_are_looked_at() {
    let lsa = r"ControlSet001\Control\Lsa";
    let tls = r"ControlSet001\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";
    let image = ImageBuilder::new().system(|root| {
        root.with(lsa, |key| key.dword("disabledomaincreds", 1))
            .with(&format!(r"{lsa}\FIPSAlgorithmPolicy"), |key| key.dword("Enabled", 0))
            .with(tls, |key| key.dword("Enabled", 0))
    });
    let found = diagnosis(image, "Local Security Authority cannot be contacted");
    let told: Vec<&str> = found.look_at.iter().map(|setting| &*setting.meaning).collect();
    assert_eq!(
        told,
        [
            "credentials of the domain are not allowed",
            "the restriction to FIPS-compliant algorithms is off",
            "TLS 1.2 of the server is off",
            "the encryption level of native RDP security is high",
        ]
    );
    assert!(found.not_seen[0].contains("reaches a domain controller"), "{:?}", found.not_seen);
    for problem in problems() {
        for id in &problem.look_at {
            let known = Facts::get().setting(id).is_some() || Facts::get().facts.iter().any(|fact| fact.policy == *id);
            assert!(known, "{id}");
        }
    }
}

#[test]
fn a_problem_is_found_by_any_name_and_in_a_message() {
    let id = |name: &str| find(name).map(|problem| &*problem.id);
    for name in ["AadLogonFailure", "aadlogonfailure", " MSEntraLogonFailure ", "KB4555446", "kb4555446", "4555446"] {
        assert_eq!(id(name), Some("AadLogonFailure"), "{name}");
    }
    assert_eq!(id("Error code: AadLogonFailure (400)"), Some("AadLogonFailure"));
    let other = "MSEntraMachineAlwaysPromptingForPassword";
    assert_eq!(id(other), Some(other));
    assert_eq!(id(&format!("\"code\": \"{other}\"")), Some(other));
    let message = "The remote computer that you are trying to connect to requires Network Level Authentication (NLA), \
        but your Windows domain controller cannot be contacted to perform NLA.";
    assert_eq!(id(message), Some("domain controller cannot be contacted to perform NLA"));
    let message = "An authentication error has occurred. The Local Security Authority cannot be contacted.";
    assert_eq!(id(message), Some("Local Security Authority cannot be contacted"));
    assert_eq!(id("14555446"), None);
    assert_eq!(id("AadLogonFailures"), None);
    assert_eq!(id(""), None);
    assert_eq!(closest("AadLogonFailur")[0], "AadLogonFailure");
}

#[test]
fn the_cause_is_there_while_any_layer_that_decides_requires_nla() {
    use Cause::{Absent, Present, Unknown};
    let nla = |number: u32| PolBuilder::new().dword(KEY, "UserAuthentication", number).build();
    let applied = |number: u32| {
        ImageBuilder::new()
            .software(move |root| root.with(fixtures::TERMINAL_SERVICES, |key| key.dword("UserAuthentication", number)))
    };
    let listener = |number: u32| {
        unmanaged().system(move |root| {
            root.with(&format!(r"ControlSet001\{RDP_TCP}"), |key| key.dword("UserAuthentication", number))
        })
    };
    for (name, image, now, next) in [
        ("golden", ImageBuilder::new(), Present, Present),
        ("pending off", applied(1).applied_version(Some(1)).file(COMPUTER_POL, nla(0)), Present, Absent),
        ("pending on", applied(0).applied_version(Some(1)).file(COMPUTER_POL, nla(1)), Absent, Present),
        (
            "not applied by Home for sure",
            applied(1).applied_version(Some(1)).edition("Core").file(COMPUTER_POL, nla(0)),
            Present,
            Unknown,
        ),
        ("local off", listener(0), Absent, Absent),
        ("local on", listener(1), Present, Present),
        ("no hive", unmanaged().without(SYSTEM), Unknown, Unknown),
    ] {
        let diagnosis = diagnosis(image, "AadLogonFailure");
        assert_eq!(diagnosis.verdict, Causes { now, next_boot: next }, "{name}: {:#?}", diagnosis.checks);
        assert_eq!(diagnosis.remedies.is_empty(), next == Absent, "{name}");
    }
}

#[test]
fn remote_desktop_that_is_refused_makes_the_same_runs_fail() {
    let image = unmanaged()
        .system(|root| root.with(r"ControlSet001\Control\Terminal Server", |key| key.dword("fDenyTSConnections", 1)));
    let of_nla = diagnosis(image.clone(), "AadLogonFailure");
    assert_eq!(of_nla.verdict.next_boot, Cause::Present);
    assert_eq!(of_nla.checks[0].verdict.next_boot, Cause::Absent);
    assert_eq!(diagnosis(image, "RDPIsNotEnabled").verdict.next_boot, Cause::Present);
    assert_eq!(diagnosis(unmanaged(), "RDPIsNotEnabled").verdict.next_boot, Cause::Absent);
}

#[test]
fn the_prompt_for_a_password_is_found_in_policy_and_in_the_listener() {
    let name = "AADMachineAlwaysPromptingForPassword";
    assert_eq!(diagnosis(unmanaged(), name).verdict.next_boot, Cause::Absent);
    let policy = PolBuilder::new().dword(KEY, "fPromptForPassword", 1).build();
    let by_policy = diagnosis(unmanaged().applied_version(Some(1)).file(COMPUTER_POL, policy), name);
    assert_eq!((by_policy.verdict.now, by_policy.verdict.next_boot), (Cause::Absent, Cause::Present));
    assert!(!by_policy.remedies.local[0].has_effect);
    let local = unmanaged()
        .system(|root| root.with(&format!(r"ControlSet001\{RDP_TCP}"), |key| key.dword("fPromptForPassword", 1)));
    let local = diagnosis(local, name);
    assert_eq!(local.verdict.next_boot, Cause::Present);
    assert!(local.remedies.local[0].has_effect);
}

#[test]
fn the_registry_file_names_the_control_set_of_the_next_boot_for_the_hive_only() {
    let image = ImageBuilder::new().next_boot_from_second_control_set(|set| set);
    let remedies = diagnosis(image, "AadLogonFailure").remedies;
    let file = |set: &str| {
        format!(
            "Windows Registry Editor Version 5.00\r\n\r\n\
             [HKEY_LOCAL_MACHINE\\SYSTEM\\{set}\\Control\\Terminal Server\\WinStations\\RDP-Tcp]\r\n\
             \"UserAuthentication\"=dword:00000000\r\n"
        )
    };
    assert_eq!(remedies.reg, Some(file("CurrentControlSet")));
    assert_eq!(remedies.reg_of_hive, Some(file("ControlSet002")));
    let unknown = diagnosis(ImageBuilder::new().without(SYSTEM), "AadLogonFailure").remedies;
    assert_eq!(unknown.reg_of_hive, None);
}

#[test]
fn a_policy_file_alone_tells_what_it_decides_and_nothing_of_now() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Registry.pol");
    for (file, next) in [
        (PolBuilder::new().dword(KEY, "UserAuthentication", 1), Cause::Present),
        // Whether remote desktop is on is in the registry.
        (PolBuilder::new().dword(KEY, "UserAuthentication", 0), Cause::Unknown),
        (PolBuilder::new().dword(KEY, "UserAuthentication", 0).dword(KEY, "fDenyTSConnections", 0), Cause::Absent),
    ] {
        std::fs::write(&path, file.build()).unwrap();
        let target = Target::open(&path).unwrap();
        let verdict = diagnose(&target, find("KB4555446").unwrap()).unwrap().verdict;
        assert_eq!((verdict.now, verdict.next_boot), (Cause::Unknown, next));
    }
}
