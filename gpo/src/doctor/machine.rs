//! What the registry of the machine says.

use admx::Side;
use polfile::Registry;

use super::files::Configured;
use super::{Probes, image_of};
use crate::ad::dns_domain;
use crate::extensions::REGISTRY;
use crate::image::{Image, ImageError, RegistryValue, When, stale};
use crate::scope::Scope;
use crate::target::Target;

const CLIENT: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy";
const OWN_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows\Group Policy";

/// Probes what decides on the machine: what Windows remembers, and whether its client runs.
pub(super) fn probe(image: &Image, configured: &[Configured], probes: &mut Probes) {
    if !hives(image, probes) {
        return;
    }
    for side in configured {
        probes.scope = Some(side.scope.clone());
        match side.side {
            _ if side.scope.sid().is_some() => probes.uncertain(
                "version",
                format!("{} version: what Windows remembers of per-user local GPOs is not looked up", side.scope),
            ),
            Side::Computer => computer_version(image, side, probes),
            Side::User => user_version(image, side, probes),
        }
    }
    probes.scope = None;
    if configured.is_empty() {
        return;
    }
    edition(image, probes);
    service(image, probes);
    local_processing(image, probes);
}

/// Whether there are hives at all; says which of them are damaged, or not what Windows would find.
fn hives(image: &Image, probes: &mut Probes) -> bool {
    let mut any = false;
    for (name, path, hive) in image.hives() {
        any = true;
        match hive {
            Ok(hive) => {
                if let Some(why) = stale(hive) {
                    probes.uncertain("hive", format!("values of the {} hive may be stale: {why}", name.as_str()));
                }
            }
            Err(error) => probes.uncertain("hive", format!("{} cannot be read: {error}", path.display())),
        }
    }
    if !any {
        probes.uncertain("hive", "no registry hive is here: what Windows remembers and runs is not known");
    }
    any
}

/// What Windows remembers of the computer side of the local GPO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Nothing: it will apply it for the first time.
    Nothing,
    /// Another version, and where that is noted.
    Other(u16, &'static str),
    /// This version.
    Same,
    /// Not to be known, and why.
    Unknown(String),
}

impl Memory {
    /// What Windows remembers, held against a version.
    pub fn of(image: &Image, version: u16) -> Self {
        let history = remembered(image, &format!(r"{CLIENT}\History\{REGISTRY}"));
        let listed = remembered(image, &format!(r"{CLIENT}\State\Machine\GPO-List"));
        match (history, listed) {
            (Err(error), _) | (_, Err(error)) => Self::Unknown(error.to_string()),
            (Ok(None), _) | (_, Ok(None)) => Self::Nothing,
            (Ok(Some(last)), _) if last != version => {
                Self::Other(last, "the last applied one, {} (SOFTWARE hive, Group Policy history)")
            }
            (_, Ok(Some(last))) if last != version => {
                Self::Other(last, "the last seen one, {} (SOFTWARE hive, Group Policy state)")
            }
            _ => Self::Same,
        }
    }
}

/// The version that Windows remembers must differ, or nothing is to be done.
fn computer_version(image: &Image, side: &Configured, probes: &mut Probes) {
    let Some(version) = side.version else { return };
    match Memory::of(image, version) {
        Memory::Unknown(error) => probes
            .uncertain("version", format!("which {} version Windows applied last is not known: {error}", side.side)),
        Memory::Nothing => probes.yes(
            "version",
            format!("Windows remembers no local policy that it applied; version {version} will be the first"),
        ),
        Memory::Other(last, noted) => {
            let noted = noted.replacen("{}", &last.to_string(), 1);
            probes.yes("version", format!("computer version {version} differs from {noted}"));
        }
        Memory::Same => unchanged(image, side, version, probes),
    }
}

/// The version is the one that was applied last: fine if everything is in place, or if Windows applies it regardless.
fn unchanged(image: &Image, side: &Configured, version: u16, probes: &mut Probes) {
    let same = format!("computer version {version} is the one that Windows applied last");
    match missing(image, side) {
        Ok(0) => probes.yes("version", format!("{same}, and all its values are in the registry")),
        Err(error) => {
            probes.uncertain("version", format!("{same}; whether its values are in place is not known: {error}"))
        }
        Ok(missing) => match always(image) {
            Ok(true) => probes
                .yes("version", format!("{same}, but Windows is told to apply policy even so (NoGPOListChanges=0)")),
            Ok(false) => probes.no_until_written(
                "version",
                format!(
                    "{same}, so it takes the GPO for unchanged, but {missing} of its values {} not in the registry",
                    if missing == 1 { "is" } else { "are" }
                ),
                "raise the version:  gpol gpo bump",
            ),
            Err(error) => probes.uncertain("version", format!("{same}: {error}")),
        },
    }
}

/// "Process even if the Group Policy objects have not changed", for the registry extension.
pub(crate) fn always(image: &Image) -> Result<bool, ImageError> {
    let value = image.value(&format!(r"{OWN_POLICY}\{REGISTRY}"), "NoGPOListChanges", When::NextBoot)?;
    Ok(value.and_then(|value| value.dword()) == Some(0))
}

/// How many values of the policy file are not in the registry as it wants them.
fn missing(image: &Image, side: &Configured) -> Result<usize, ImageError> {
    let mut missing = 0;
    let registry = Registry::execute([&side.policy]);
    for key in registry.keys() {
        let path = key.path.to_string();
        for value in key.values() {
            let there = match image.value(&path, &value.name.to_string(), When::NextBoot) {
                // A key that lives in memory or in another hive: nothing here tells.
                Err(ImageError::Elsewhere(_)) => continue,
                there => there?,
            };
            let fits = match (value.current(), there) {
                (None, None) => true,
                (Some((_, value_type, data)), Some(there)) => there.value_type.0 == value_type.0 && there.data == data,
                _ => false,
            };
            missing += usize::from(!fits);
        }
    }
    Ok(missing)
}

/// Windows remembers for each user what it applied; it compares that at their logon.
fn user_version(image: &Image, side: &Configured, probes: &mut Probes) {
    let Some(version) = side.version else { return };
    let mut same = Vec::new();
    let users = match image.subkeys(&format!(r"{CLIENT}\State"), When::NextBoot) {
        Ok(keys) => keys.into_iter().filter(|name| name.starts_with("S-1-")),
        Err(error) => {
            return probes.uncertain(
                "version",
                format!("which {} version Windows applied last is not known: {error}", side.side),
            );
        }
    };
    for user in users {
        match remembered(image, &format!(r"{CLIENT}\State\{user}\GPO-List")) {
            Ok(last) if last == Some(version) => same.push(user),
            Ok(_) => {}
            Err(error) => {
                return probes.uncertain(
                    "version",
                    format!("which {} version Windows applied last is not known: {error}", side.side),
                );
            }
        }
    }
    if same.is_empty() {
        probes.yes(
            "version",
            format!("user version {version} differs from what Windows remembers of any user; it is applied at logon"),
        );
    } else {
        probes.uncertain(
            "version",
            format!("user version {version} is the one that Windows remembers of {}; whether its values are in place is in the user's own hive, which is not read", same.join(", ")),
        );
    }
}

/// The counters of the local GPO that Windows recorded for a scope when it applied policy, as far as the hives tell: a new
/// version must be none of them. What is recorded of per-user local GPOs is not looked up.
pub(crate) fn applied(target: &Target, scope: &Scope) -> Vec<u16> {
    let lists = |image: &Image| match scope {
        Scope::Computer => {
            vec![format!(r"{CLIENT}\History\{REGISTRY}"), format!(r"{CLIENT}\State\Machine\GPO-List")]
        }
        Scope::User => {
            let users = image.subkeys(&format!(r"{CLIENT}\State"), When::NextBoot).unwrap_or_default();
            let users = users.into_iter().filter(|name| name.starts_with("S-1-"));
            users.map(|user| format!(r"{CLIENT}\State\{user}\GPO-List")).collect()
        }
        _ => Vec::new(),
    };
    // A hive that cannot be read tells nothing; doctor says so.
    let Ok(Some(image)) = image_of(target) else { return Vec::new() };
    lists(&image).iter().filter_map(|list| remembered(&image, list).ok().flatten()).collect()
}

/// The version of the local GPO in a list that the client keeps.
///
/// The entry's `Version` carries the side's counter in its lower half, whether the upper one is the same
/// counter as the directory has it or the other side's.
fn remembered(image: &Image, list: &str) -> Result<Option<u16>, ImageError> {
    for entry in image.subkeys(list, When::NextBoot)? {
        let values = image.values(&format!(r"{list}\{entry}"), When::NextBoot)?;
        if is_local_gpo(&values) {
            let version = named(&values, "Version").and_then(RegistryValue::dword);
            return Ok(version.and_then(|version| u16::try_from(version & 0xFFFF).ok()));
        }
    }
    Ok(None)
}

/// A GPO of the domain that was applied to the computer last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherGpo {
    /// What people know it by.
    pub name: String,
    /// Its GUID, as the client notes it.
    pub guid: Option<String>,
    /// Its domain, where the client notes that.
    pub domain: Option<String>,
}

impl OtherGpo {
    /// Whether a folder with this GUID in its path may be this GPO's: the two default ones have theirs in every domain.
    pub fn is(&self, guid: &str, domain: Option<&str>) -> bool {
        let same = |own: &str| own.eq_ignore_ascii_case(guid);
        let elsewhere = self.domain.as_deref().zip(domain).is_some_and(|(own, other)| own != other);
        self.guid.as_deref().is_some_and(same) && !elsewhere
    }
}

/// The GPOs that were applied to the computer last, but for the local one; none if the hive does not tell.
pub(crate) fn other_gpos(image: &Image) -> Vec<OtherGpo> {
    let list = format!(r"{CLIENT}\State\Machine\GPO-List");
    let mut gpos = Vec::new();
    for entry in image.subkeys(&list, When::NextBoot).unwrap_or_default() {
        let values = image.values(&format!(r"{list}\{entry}"), When::NextBoot).unwrap_or_default();
        if !is_local_gpo(&values) {
            let text = |name| named(&values, name).and_then(RegistryValue::text);
            let guid = text("GPOID").or_else(|| text("GPOName"));
            let name = text("DisplayName").or_else(|| guid.clone()).unwrap_or(entry);
            let domain = text("DSPath").map(|dn| dns_domain(&dn)).filter(|domain| !domain.is_empty());
            gpos.push(OtherGpo { name, guid, domain });
        }
    }
    gpos
}

fn is_local_gpo(values: &[RegistryValue]) -> bool {
    let text = |name| named(values, name).and_then(RegistryValue::text).unwrap_or_default();
    ["GPOID", "GPOName", "DSPath"].iter().any(|name| text(name).eq_ignore_ascii_case("LocalGPO"))
        || is_local_folder(&text("FileSysPath"))
}

/// Whether it is the folder of the local GPO, or of a side of it. Below it lie other GPOs: copies of domain GPOs, in
/// `DataStore\0\sysvol\…`.
fn is_local_folder(path: &str) -> bool {
    let path = path.trim_end_matches('\\').to_ascii_lowercase();
    let folder = [r"\machine", r"\user"].iter().find_map(|side| path.strip_suffix(side)).unwrap_or(&path);
    folder.ends_with(r"\system32\grouppolicy")
}

fn named<'v>(values: &'v [RegistryValue], name: &str) -> Option<&'v RegistryValue> {
    values.iter().find(|value| value.name.eq_ignore_ascii_case(name))
}

/// Home editions lack parts of Group Policy. Of the others no document says that they process local policy; for those that
/// Microsoft's pages of policies (Policy CSP) name with a Group Policy setting each, it is taken for granted.
fn edition(image: &Image, probes: &mut Probes) {
    let key = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    match image.value(key, "EditionID", When::NextBoot) {
        Ok(Some(value)) => {
            let edition = value.text().unwrap_or_default();
            if is_managed(&edition) {
                probes.yes(
                    "edition",
                    format!("edition {edition} has Group Policy; that it processes local policy is taken for granted"),
                );
            } else {
                probes.uncertain("edition", format!("edition {edition} may lack parts of Group Policy; whether it applies local policy is not documented"));
            }
        }
        Ok(None) => probes.uncertain("edition", "the SOFTWARE hive does not name the edition of Windows"),
        Err(error) => probes.uncertain("edition", format!("the edition of Windows is not known: {error}")),
    }
}

/// Editions that Microsoft's pages name with Group Policy settings: Pro, Enterprise, Education, those of IoT, and servers.
fn is_managed(edition: &str) -> bool {
    let edition = edition.to_ascii_lowercase();
    ["professional", "enterprise", "education", "iotenterprise", "server"]
        .iter()
        .any(|managed| edition.starts_with(managed))
}

/// The Group Policy client is a service, and somebody may have disabled it.
///
/// That the next boot takes the control set that `Select\\Default` names is unverified: Windows 2000's registry reference says
/// that `Select` records which set is used next time, and KB 102984 calls that of `Default` the default one. So the sets of the last and of the
/// next boot must agree on it.
fn service(image: &Image, probes: &mut Probes) {
    const DISABLED: u32 = 4;
    let key = r"SYSTEM\CurrentControlSet\Services\gpsvc";
    let start = |when| image.value(key, "Start", when).map(|value| value.and_then(|value| value.dword()));
    match (start(When::NextBoot), start(When::Now)) {
        (Ok(Some(next)), Ok(Some(now))) if (next == DISABLED) != (now == DISABLED) => probes.uncertain(
            "service",
            format!(
                "the Group Policy client is disabled in one of two control sets and not{}; unverified: that the next boot uses \
                 the one that Select\\Default names",
                set_of_next_boot(image)
            ),
        ),
        (Ok(Some(DISABLED)), _) => probes.no(
            "service",
            "the Group Policy client is disabled (SYSTEM hive, Services\\gpsvc, Start=4)",
            "set Start to 2 in that hive, or on the machine:  sc.exe config gpsvc start= auto",
        ),
        (Ok(Some(_)), _) => probes.yes("service", format!("gpsvc is not disabled{}", set_of_next_boot(image))),
        (Ok(None), _) => probes.uncertain("service", "the SYSTEM hive does not describe the service gpsvc"),
        (Err(error), _) => probes.uncertain("service", format!("whether gpsvc runs is not known: {error}")),
    }
}

/// Says which control set was looked at, where the next boot uses another one than the last.
fn set_of_next_boot(image: &Image) -> String {
    match (image.control_set(When::Now), image.control_set(When::NextBoot)) {
        (Ok(now), Ok(next)) if now != next => format!(
            " in ControlSet{next:03}, which Select\\Default names for the next boot (the last one used ControlSet{now:03})"
        ),
        _ => String::new(),
    }
}

/// Local GPOs can be switched off; a machine in no domain ignores that.
fn local_processing(image: &Image, probes: &mut Probes) {
    let off = image.value(r"SOFTWARE\Policies\Microsoft\Windows\System", "DisableLGPOProcessing", When::NextBoot);
    match off.map(|value| value.and_then(|value| value.dword())) {
        Ok(Some(1)) if in_domain(image) => probes.no(
            "local-processing",
            "local policy is switched off (DisableLGPOProcessing=1), and the machine was in a domain when it last applied policy",
            "configure the setting in a domain GPO, or have DisableLGPOProcessing taken out of the one that sets it",
        ),
        Ok(Some(1)) => probes.uncertain(
            "local-processing",
            "DisableLGPOProcessing=1 switches local policy off on a machine in a domain; whether this one is in a domain is not known",
        ),
        Ok(_) => probes.yes("local-processing", "local policy is not switched off (DisableLGPOProcessing)"),
        Err(error) => probes.uncertain("local-processing", format!("whether local policy is switched off is not known: {error}")),
    }
}

/// The client notes the machine's name in the directory when it applies domain policy.
fn in_domain(image: &Image) -> bool {
    let name = image.value(&format!(r"{CLIENT}\State\Machine"), "Distinguished-Name", When::NextBoot);
    name.ok().flatten().and_then(|value| value.text()).is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_gpo_is_known_by_its_own_folder_and_not_by_what_lies_below() {
        for (path, local) in [
            (r"C:\WINDOWS\System32\GroupPolicy\Machine", true),
            (r"C:\Windows\system32\grouppolicy\User\", true),
            (r"C:\Windows\System32\GroupPolicy", true),
            // What the client has cached of a domain.
            (
                r"C:\Windows\System32\GroupPolicy\DataStore\0\sysvol\corp.test\Policies\{31B2F340-016D-11D2-945F-00C04FB984F9}\Machine",
                false,
            ),
            (r"C:\Windows\System32\GroupPolicyUsers\S-1-5-32-544\User", false),
            (r"\\corp.test\SysVol\corp.test\Policies\{31B2F340-016D-11D2-945F-00C04FB984F9}\Machine", false),
            ("", false),
        ] {
            assert_eq!(is_local_folder(path), local, "{path}");
        }
    }
}
