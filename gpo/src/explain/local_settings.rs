//! Local settings that do not decide alone, and a policy that Windows ignores beside others: what must come out is derived by hand.

use admx::Catalog;
use fixtures::{COMPUTER_POL, ImageBuilder, PolBuilder, RDP_TCP};

use super::{Certainty, Decision, Explain, explain};
use crate::model::ValueModel;
use crate::scope::Scope;
use crate::target::Target;

const WINSTATIONS: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const FIREWALL: &str = r"SOFTWARE\Policies\Microsoft\WindowsFirewall";
const PROFILES: &str = r"ControlSet001\Services\SharedAccess\Parameters\FirewallPolicy";

/// The policies of which facts are asked; the built-in templates do not have them.
fn catalog(namespace: &str, name: &str, key: &str, value: &str) -> Catalog {
    let dir = tempfile::tempdir().unwrap();
    let schema = "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions";
    let admx = format!(
        r#"<policyDefinitions revision="1.0" schemaVersion="1.0" xmlns="{schema}">
  <policyNamespaces><target prefix="t" namespace="{namespace}" /></policyNamespaces><resources minRequiredRevision="1.0" />
  <categories><category name="C" displayName="$(string.C)" /></categories>
  <policies><policy name="{name}" class="Machine" displayName="$(string.C)" key="{key}" valueName="{value}"><parentCategory ref="C" />
    <enabledValue><decimal value="1" /></enabledValue><disabledValue><decimal value="0" /></disabledValue></policy></policies></policyDefinitions>"#
    );
    let adml = format!(
        r#"<policyDefinitionResources revision="1.0" schemaVersion="1.0" xmlns="{schema}">
  <displayName /><description /><resources><stringTable><string id="C">C</string></stringTable></resources></policyDefinitionResources>"#
    );
    fixtures::write_tree(dir.path(), &[("T.admx", admx), ("en-US/T.adml", adml)]).unwrap();
    Catalog::load(&[dir.path().to_path_buf()], "en-US").unwrap()
}

fn explained(catalog: &Catalog, image: ImageBuilder) -> Explain {
    let dir = tempfile::tempdir().unwrap();
    fixtures::write_tree(dir.path(), &image.build()).unwrap();
    let target = Target::open(dir.path()).unwrap();
    explain(&target, catalog, &catalog.policies()[0], &Scope::Computer).unwrap()
}

/// The pending file says nothing of these policies, unless it is told to.
fn image(pending: PolBuilder) -> ImageBuilder {
    ImageBuilder::new().applied_version(Some(1)).file(COMPUTER_POL, pending.build())
}

fn known(decision: &Decision) -> Option<(&'static str, u64)> {
    match (decision.certainty, decision.layer, &decision.value) {
        (Certainty::Known, Some(layer), Some(ValueModel::Number(n))) => Some((layer, *n)),
        (_, None, None) => None,
        _ => panic!("{decision:?}"),
    }
}

/// [MS-TSTS] 2.2.2.18: with fInherit… the limit is the account's, which no image has. Real hives ship 1.
#[test]
fn a_session_limit_of_the_machine_decides_only_where_it_is_not_inherited() {
    for (policy, value, inherit) in [
        ("TS_SESSIONS_Idle_Limit_2", "MaxIdleTime", "fInheritMaxIdleTime"),
        ("TS_SESSIONS_Limits_2", "MaxConnectionTime", "fInheritMaxSessionTime"),
    ] {
        let catalog = catalog("Microsoft.Policies.TerminalServer", policy, WINSTATIONS, value);
        let with = |inherited: Option<u32>| {
            let listener = format!(r"ControlSet001\{RDP_TCP}");
            image(PolBuilder::new()).system(move |root| {
                root.with(&listener, |key| {
                    let key = key.dword(value, 60000);
                    inherited.into_iter().fold(key, |key, number| key.dword(inherit, number))
                })
            })
        };
        for (inherited, wanted) in [(Some(0), Some(("local-setting", 60000))), (Some(1), None), (None, None)] {
            let verdict = explained(&catalog, with(inherited)).verdict;
            assert_eq!(known(&verdict.now), wanted, "{policy} {inherited:?}");
            assert_eq!(known(&verdict.next_boot), wanted, "{policy} {inherited:?}");
            assert_eq!(verdict.now.meaning.contains("the user's account"), wanted.is_none(), "{}", verdict.now.meaning);
        }
        // A policy goes before both.
        let pending = image(PolBuilder::new().dword(WINSTATIONS, value, 1));
        assert_eq!(known(&explained(&catalog, pending).verdict.next_boot), Some(("pending-policy", 1)));
    }
}

/// [MS-GPFAS] 2.2.3. Locally the private and the public profile have a setting each, and the policy stands before both.
#[test]
fn policy_of_the_standard_profile_is_for_private_and_public_unless_either_has_its_own() {
    let (standard, public) = (format!(r"{FIREWALL}\StandardProfile"), format!(r"{FIREWALL}\PublicProfile"));
    let catalog =
        catalog("Microsoft.Policies.WindowsFirewall", "WF_EnableFirewall_Name_2", &standard, "EnableFirewall");
    let on = || PolBuilder::new().dword(&standard, "EnableFirewall", 1);
    let next = |image: ImageBuilder| explained(&catalog, image).verdict.next_boot;
    assert_eq!(known(&next(image(on()))), Some(("pending-policy", 1)));
    // Another value of the public profile: its key is there, so this policy is ignored.
    let other = next(image(on().dword(&public, "DisableNotifications", 1)));
    assert_eq!(known(&other), None);
    assert!(other.meaning.contains("ignores this policy"), "{}", other.meaning);
    let applied =
        image(on()).software(|root| root.with(r"Policies\Microsoft\WindowsFirewall\PrivateProfile", |key| key));
    assert_eq!(known(&next(applied)), None);
    // The domain profile is another matter.
    let domain = on().dword(&format!(r"{FIREWALL}\DomainProfile"), "EnableFirewall", 0);
    assert_eq!(known(&next(image(domain))), Some(("pending-policy", 1)));
    // Without policy, both local settings must say the same.
    for (private, public, wanted) in
        [(1, 1, Some(("local-setting", 1))), (0, 0, Some(("local-setting", 0))), (1, 0, None), (0, 1, None)]
    {
        let image = image(PolBuilder::new()).system(move |root| {
            root.with(&format!(r"{PROFILES}\StandardProfile"), |key| key.dword("EnableFirewall", private))
                .with(&format!(r"{PROFILES}\PublicProfile"), |key| key.dword("EnableFirewall", public))
        });
        let explained = explained(&catalog, image);
        assert_eq!(known(&explained.verdict.next_boot), wanted, "{private} {public}");
        let local: Vec<_> =
            explained.layers.iter().filter(|layer| layer.rank == 1).map(|layer| layer.value.clone()).collect();
        assert_eq!(local, [private, public].map(|number| Some(ValueModel::Number(number.into()))), "both are shown");
    }
}
