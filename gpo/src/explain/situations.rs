//! One verdict, three readers: `explain`, `diagnose` and the verdicts of `check` on the same situations.
//!
//! The policy is Network Level Authentication: 1 requires it, 0 does not. `gpt.ini` has version 2 and Windows remembers 1, unless the
//! row says otherwise, so that Windows applies the policy file. The local setting is 0, unless the row says otherwise; without any,
//! Windows 11 requires it (1). What must come out is derived beside each row.

use std::path::PathBuf;

use admx::Catalog;
use fixtures::{COMPUTER_POL, GptIni, ImageBuilder, PolBuilder, RDP_TCP, SOFTWARE, STATE, TERMINAL_SERVICES};

use super::{Certainty, explain};
use crate::check::{ImageAnswer, of_image};
use crate::diagnose::{Cause, diagnose, find};
use crate::exchange::state::{Notation, parse};
use crate::model::ValueModel;
use crate::scope::Scope;
use crate::target::Target;

const KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const NLA: &str = "TS_USER_AUTHENTICATION_POLICY";
const GUID: &str = "{31B2F340-016D-11D2-945F-00C04FB984F9}";

/// What `ProgramData/ntuser.pol` says of the applied value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Archive {
    NoFile,
    Listed,
    NotListed,
}
use Archive::{Listed, NoFile, NotListed};

/// What the domain has left on the machine.
#[derive(Clone, Copy)]
enum Domain {
    No,
    /// A copy that says this.
    Copy(u32),
    /// A GPO that was applied last, of which no copy is here.
    Applied,
    /// One of which a copy is here that says nothing of NLA.
    AppliedSilent,
    /// One of another domain, with the GUID of one of which a silent copy is here.
    AppliedElsewhere,
    /// One of which a copy is here that says this.
    AppliedCopy(u32),
}

/// What must come out.
#[derive(Clone, Copy)]
enum Wanted {
    /// This layer and value.
    Known(&'static str, u32),
    /// One of these, or something else where the last is `None`.
    Depends(&'static [Option<u32>]),
}
use Wanted::{Depends, Known};

struct Row {
    what: &'static str,
    pending: Option<u32>,
    applied: Option<u32>,
    archive: Archive,
    domain: Domain,
    change: fn(ImageBuilder) -> ImageBuilder,
    wanted: Wanted,
}

fn plain(image: ImageBuilder) -> ImageBuilder {
    image
}

fn local(image: ImageBuilder, value: Option<u32>) -> ImageBuilder {
    let listener = format!(r"ControlSet001\{RDP_TCP}");
    image.system(|root| match value {
        Some(value) => root.with(&listener, |key| key.dword("UserAuthentication", value)),
        None => root.without_value(&listener, "UserAuthentication"),
    })
}

fn image(row: &Row) -> ImageBuilder {
    let pol = || PolBuilder::new().sz(r"SOFTWARE\Policies\Acme\Agent", "Tier", "gold");
    let nla = |file: PolBuilder, value: Option<u32>| match value {
        Some(value) => file.dword(KEY, "UserAuthentication", value),
        None => file,
    };
    let image = ImageBuilder::new()
        .applied_version(Some(1))
        .file(COMPUTER_POL, nla(pol(), row.pending).build())
        .software(|root| match row.applied {
            Some(value) => root.with(TERMINAL_SERVICES, |key| key.dword("UserAuthentication", value)),
            None => root.without_value(TERMINAL_SERVICES, "UserAuthentication"),
        });
    let image = match row.archive {
        NoFile => image,
        Listed => image.archive(nla(pol(), row.applied)),
        NotListed => image.archive(pol()),
    };
    let copy = |image: ImageBuilder, value| {
        let folder = format!("Windows/System32/GroupPolicy/DataStore/0/sysvol/corp.test/Policies/{GUID}");
        image
            .file(&format!("{folder}/gpt.ini"), "[General]\r\nVersion=3\r\n")
            .file(&format!("{folder}/Machine/Registry.pol"), nla(pol(), value).build())
    };
    let applied = |image: ImageBuilder, domain: &'static str| {
        image.software(move |root| {
            let path = format!("LDAP://CN=Machine,CN={GUID},CN=Policies,CN=System,{domain}");
            root.with(&format!(r"{STATE}\1"), |key| {
                key.sz("GPOID", GUID).sz("DisplayName", "RPA hosts").sz("DSPath", &path)
            })
        })
    };
    let corp = "DC=corp,DC=test";
    let image = match row.domain {
        Domain::No => image,
        Domain::Copy(value) => copy(image, Some(value)),
        Domain::Applied => applied(image, corp),
        Domain::AppliedSilent => applied(copy(image, None), corp),
        Domain::AppliedElsewhere => applied(copy(image, None), "DC=child,DC=corp,DC=test"),
        Domain::AppliedCopy(value) => applied(copy(image, Some(value)), corp),
    };
    (row.change)(local(image, Some(0)))
}

const ROWS: &[Row] = &[
    // The policy file is applied; the same again by the domain changes nothing.
    row("pending alone", Some(0), Some(1), NoFile, Domain::No, plain, Known("pending-policy", 0)),
    row("a copy agrees", Some(0), Some(1), NoFile, Domain::Copy(0), plain, Known("pending-policy", 0)),
    // A domain GPO wins over local policy, if it still applies.
    row("a copy contradicts", Some(0), Some(1), NoFile, Domain::Copy(1), plain, Depends(&[Some(0), Some(1)])),
    row(
        "a copy contradicts, the other way",
        Some(1),
        Some(1),
        NoFile,
        Domain::Copy(0),
        plain,
        Depends(&[Some(1), Some(0)]),
    ),
    row("a copy over the local setting", None, None, NoFile, Domain::Copy(1), plain, Depends(&[Some(0), Some(1)])),
    row("a copy as the local setting", None, None, NoFile, Domain::Copy(0), plain, Known("local-setting", 0)),
    row("a copy over what stays", None, Some(1), NotListed, Domain::Copy(0), plain, Depends(&[Some(1), Some(0)])),
    // What a GPO says that is not here may be anything; one that is here and silent says nothing.
    row("a GPO that is not here", Some(0), Some(1), NoFile, Domain::Applied, plain, Depends(&[Some(0), None])),
    row("a GPO that is silent", Some(0), Some(1), NoFile, Domain::AppliedSilent, plain, Known("pending-policy", 0)),
    row("another domain's GPO", Some(0), Some(1), NoFile, Domain::AppliedElsewhere, plain, Depends(&[Some(0), None])),
    row("a GPO that agrees", Some(0), Some(1), NoFile, Domain::AppliedCopy(0), plain, Known("pending-policy", 0)),
    // After unset: whether Windows takes back what it has listed is not seen; what is not listed was never its own.
    row("unset, listed", None, Some(1), Listed, Domain::No, plain, Depends(&[Some(0), Some(1)])),
    row("unset, not listed", None, Some(1), NotListed, Domain::No, plain, Known("applied-policy", 1)),
    row("unset, no archive", None, Some(1), NoFile, Domain::No, plain, Depends(&[Some(0), Some(1)])),
    // The local setting is 1, as the applied value is: it is 1 whatever becomes of that.
    row(
        "unset, the same below",
        None,
        Some(1),
        Listed,
        Domain::No,
        |it| local(it, Some(1)),
        Known("applied-policy", 1),
    ),
    row(
        "unset, the default below",
        None,
        Some(0),
        Listed,
        Domain::No,
        |it| local(it, None),
        Depends(&[Some(1), Some(0)]),
    ),
    row("nothing at all", None, None, NoFile, Domain::No, |it| local(it, None), Known("default", 1)),
    // The version is the one that Windows remembers: it does nothing, so all stays.
    row(
        "unset, unchanged",
        None,
        Some(1),
        Listed,
        Domain::No,
        |it| it.applied_version(Some(2)),
        Known("applied-policy", 1),
    ),
    row(
        "pending, unchanged",
        Some(0),
        Some(1),
        NoFile,
        Domain::No,
        |it| it.applied_version(Some(2)),
        Known("applied-policy", 1),
    ),
    row("the client is off", Some(0), Some(1), NoFile, Domain::No, |it| it.gpsvc_start(4), Known("applied-policy", 1)),
    // Windows runs, and passes over the local GPO: what it has applied may go.
    row("not listed, archive", Some(0), Some(1), Listed, Domain::No, without_extension, Depends(&[Some(0), Some(1)])),
    row("not listed, by hand", Some(0), Some(1), NotListed, Domain::No, without_extension, Known("applied-policy", 1)),
    row("not listed, nothing applied", Some(1), None, NoFile, Domain::No, without_extension, Known("local-setting", 0)),
    // Whether Home editions apply local policy is not documented.
    row("Home", Some(0), Some(1), NoFile, Domain::No, |it| it.edition("Core"), Depends(&[Some(0), Some(1)])),
    row("Home, the same", Some(1), Some(1), NoFile, Domain::No, |it| it.edition("Core"), Known("pending-policy", 1)),
    // Neither what Windows remembers nor what stands in the registry is known.
    row("no SOFTWARE hive", Some(0), Some(1), NoFile, Domain::No, |it| it.without(SOFTWARE), Depends(&[Some(0), None])),
];

fn without_extension(image: ImageBuilder) -> ImageBuilder {
    image.gpt_ini(GptIni::new().version(1, 2))
}

const fn row(
    what: &'static str,
    pending: Option<u32>,
    applied: Option<u32>,
    archive: Archive,
    domain: Domain,
    change: fn(ImageBuilder) -> ImageBuilder,
    wanted: Wanted,
) -> Row {
    Row { what, pending, applied, archive, domain, change, wanted }
}

#[test]
fn what_is_known_is_one_value_to_all_and_what_depends_is_none_to_any() {
    let catalog = Catalog::builtin();
    let policy = catalog.find(NLA).unwrap().policy;
    let state = format!(
        "apiVersion: gpol/v1\nkind: PolicySet\nimage:\n  verdict:\n    - {{policy: {NLA}, next-boot: disabled}}\n"
    );
    let states = [(PathBuf::from("state.yaml"), parse(&state, Notation::Yaml).unwrap())];
    for row in ROWS {
        let what = row.what;
        let dir = tempfile::tempdir().unwrap();
        fixtures::write_tree(dir.path(), &image(row).build()).unwrap();
        let target = Target::open(dir.path()).unwrap();
        let next = explain(&target, &catalog, policy, &Scope::Computer).unwrap().verdict.next_boot;
        let check = diagnose(&target, find("AadLogonFailure").unwrap()).unwrap().checks.swap_remove(0);
        assert!(check.policy.ends_with(NLA));
        assert_eq!(check.next_boot, next, "{what}: diagnose shows what explain shows");
        let checked = of_image(&target, &catalog, &states).unwrap().unwrap().swap_remove(0).answer;
        match row.wanted {
            Known(layer, value) => {
                assert_eq!((next.certainty, next.layer), (Certainty::Known, Some(layer)), "{what}: {next:?}");
                assert_eq!(next.value, Some(ValueModel::Number(value.into())), "{what}");
                assert!(next.possible.is_empty() && next.conditions.is_empty(), "{what}");
                // The problem is that NLA is required; the state file wants it disabled.
                let (cause, passes) = if value == 0 { (Cause::Absent, true) } else { (Cause::Present, false) };
                assert_eq!(check.verdict.next_boot, cause, "{what}");
                assert_eq!(matches!(checked, ImageAnswer::Pass(_)), passes, "{what}: {checked:?}");
                assert_eq!(matches!(checked, ImageAnswer::Decided(_)), !passes, "{what}: {checked:?}");
            }
            Depends(values) => {
                assert_eq!((next.certainty, next.layer), (Certainty::Depends, None), "{what}: {next:?}");
                assert_eq!((&next.value, next.state), (&None, None), "{what}");
                assert!(!next.conditions.is_empty(), "{what}");
                assert!(next.conditions.iter().all(|on| on.starts_with("whether ")), "{what}: {:?}", next.conditions);
                let told: Vec<_> = next.possible.iter().map(|way| way.value.clone()).collect();
                let values = values.iter().map(|value| value.map(|value| ValueModel::Number(value.into())));
                let open = matches!(row.domain, Domain::Applied | Domain::AppliedElsewhere);
                assert_eq!(told, values.take(if open { 1 } else { 9 }).collect::<Vec<_>>(), "{what}");
                assert_eq!(check.verdict.next_boot, Cause::Unknown, "{what}");
                assert!(matches!(checked, ImageAnswer::Unknown(_)), "{what}: {checked:?}");
            }
        }
    }
}
