//! Loopback processing: user settings that come with the computer.
//!
//! It is a policy of the computer side itself (`UserPolicyMode`), so a result that has it says so; whose user settings a user
//! gets then is another question than the one that was asked. [MS-GPOL] 3.2.5.1: merge appends the computer's list of GPOs to
//! the user's, so that it wins; replace takes the computer's list alone. Note 9 there: a computer in no domain has none, and a user of
//! another forest gets replace, configured or not, unless a policy allows users of other forests their own settings.

use polfile::{Folded, Registry, ValueType};
use serde::Serialize;

use super::Source;

/// Loopback processing that the GPOs of a result switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Loopback {
    /// What it does.
    pub mode: LoopbackMode,
    /// Number of the GPO that decides.
    pub by: usize,
    /// Whether a GPO of a domain is among those of the result, so that the computer is in one. In no domain loopback is void.
    pub in_domain: bool,
}

/// What loopback processing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoopbackMode {
    /// User settings of the computer's GPOs come behind those of the user's, and win.
    Merge,
    /// User settings of the computer's GPOs alone count.
    Replace,
}

const KEY: &str = r"Software\Policies\Microsoft\Windows\System";
const MODE: &str = "UserPolicyMode";
const CROSS_FOREST: &str = "AllowX-ForestPolicy-and-RUP";

/// What the executed registry of the computer side says.
pub(super) fn loopback(registry: &Registry<'_>, sources: &[Source<'_>], in_domain: bool) -> Option<Loopback> {
    let (origin, value_type, data) = registry.value(Folded::from(KEY), Folded::from(MODE))?.current()?;
    let mode = match (value_type, data) {
        (ValueType::DWORD, [1, 0, 0, 0]) => LoopbackMode::Merge,
        (ValueType::DWORD, [2, 0, 0, 0]) => LoopbackMode::Replace,
        _ => return None,
    };
    Some(Loopback { mode, by: sources.get(origin.file)?.number, in_domain })
}

/// Whether users of other forests get their own settings: "Allow cross-forest user policy and roaming user profiles".
pub(super) fn leaves_foreign_users_theirs(registry: &Registry<'_>) -> bool {
    let value = registry.value(Folded::from(KEY), Folded::from(CROSS_FOREST)).and_then(|value| value.current());
    value.is_some_and(|(_, value_type, data)| value_type == ValueType::DWORD && *data == [1, 0, 0, 0])
}
