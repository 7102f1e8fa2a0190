//! What changes a setting: by policy, or the local setting where no policy decides.
//!
//! The local one stands in a hive, which gpol does not write. So it is given as a `.reg` file, once for a machine that runs and
//! once for the hive's file, and as the commands that bring it in. The files are plain ASCII, which every tool takes.

use admx::Policy;
use serde::Serialize;

use super::Wanted;
use crate::explain::{Decision, Explain};
use crate::facts::Fact;
use crate::place::find;
use crate::target::{Kind, Target};

/// What changes a problem's settings.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Remedies {
    /// By policy, one a setting.
    pub policy: Vec<PolicyRemedy>,
    /// By local settings, one a setting.
    pub local: Vec<LocalRemedy>,
    /// The local settings as a `.reg` file for a machine that runs; `null` where there are none.
    pub reg: Option<String>,
    /// The same for the hive's file, with the control set by its number; `null` where that is not known.
    pub reg_of_hive: Option<String>,
}

/// A policy to set.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyRemedy {
    /// Name in the template.
    pub policy: String,
    /// `enabled` or `disabled`.
    pub state: String,
    /// Whether gpol changes this target.
    pub editable: bool,
    /// Whether the policy has this state already and waits to be applied.
    pub pending: bool,
}

/// A local setting to change.
#[derive(Clone, Debug, Serialize)]
pub struct LocalRemedy {
    /// What people change it with.
    pub name: String,
    /// Key below `HKLM`, with `CurrentControlSet`.
    pub key: String,
    /// Key inside the hive's file, with the control set of the next boot; `null` where that is not known.
    pub key_in_hive: Option<String>,
    /// `SOFTWARE` or `SYSTEM`.
    pub hive: String,
    /// The hive's file, where the target has it.
    pub hive_file: Option<String>,
    /// Value name.
    pub value_name: String,
    /// `REG_DWORD`.
    #[serde(rename = "type")]
    pub value_type: String,
    /// The value.
    pub value: u32,
    /// Whether no policy decides, so that it has an effect.
    pub has_effect: bool,
}

impl Remedies {
    pub(super) fn add(&mut self, target: &Target, policy: &Policy, fact: &Fact, wanted: &Wanted, explained: &Explain) {
        self.policy.push(PolicyRemedy {
            policy: policy.name.clone(),
            state: wanted.state.clone(),
            editable: !matches!(target.kind, Kind::GpoSysvol | Kind::GpoCached | Kind::GpoBackup),
            pending: explained.policy.as_ref().is_some_and(|policy| policy.state == wanted.state),
        });
        // Only numbers are written so; texts would have to be escaped.
        let Ok(value) = wanted.wanted.parse() else { return };
        let (hive, below) = fact.local.key.split_once('\\').unwrap_or((&fact.local.key, ""));
        let set = explained.image.as_ref().and_then(|image| image.control_set.next_boot);
        let key_in_hive = match (below.strip_prefix(r"CurrentControlSet\"), set) {
            (Some(rest), Some(set)) => Some(format!(r"ControlSet{set:03}\{rest}")),
            (Some(_), None) => None,
            (None, _) => Some(below.to_owned()),
        };
        self.local.push(LocalRemedy {
            name: fact.local.name.clone(),
            key: fact.local.key.clone(),
            key_in_hive,
            hive: hive.to_owned(),
            hive_file: hive_file(target, hive),
            value_name: fact.local.value.clone(),
            value_type: fact.value_type.clone(),
            value,
            has_effect: explained.verdict.next_boot.read(by_policy) == Some(false),
        });
    }

    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.policy.is_empty() && self.local.is_empty()
    }

    /// Writes the `.reg` files, once all settings are known.
    pub(super) fn finish(mut self) -> Self {
        if self.local.is_empty() {
            return self;
        }
        self.reg = Some(registry_file(self.local.iter().map(|local| (local.key.clone(), local))));
        let in_hive = |local: &'_ LocalRemedy| Some(format!(r"{}\{}", local.hive, local.key_in_hive.as_deref()?));
        let in_hive: Option<Vec<(String, &LocalRemedy)>> =
            self.local.iter().map(|local| Some((in_hive(local)?, local))).collect();
        self.reg_of_hive = in_hive.map(|settings| registry_file(settings.into_iter()));
        self
    }
}

/// Whether a policy decides.
fn by_policy(decision: &Decision) -> Option<bool> {
    decision.layer.map(|layer| !matches!(layer, "local-setting" | "default"))
}

/// Where the target has a hive. What cannot be listed is not there: reading the hive has said so.
fn hive_file(target: &Target, hive: &str) -> Option<String> {
    let windows = target.windows_folder().ok().flatten()?;
    Some(find(&windows, &["System32", "config", hive]).ok().flatten()?.path.display().to_string())
}

fn registry_file<'a>(settings: impl Iterator<Item = (String, &'a LocalRemedy)>) -> String {
    let mut text = "Windows Registry Editor Version 5.00\r\n".to_owned();
    for (key, local) in settings {
        text += &format!("\r\n[HKEY_LOCAL_MACHINE\\{key}]\r\n\"{}\"=dword:{:08x}\r\n", local.value_name, local.value);
    }
    text
}
