//! A value of the registry that somebody names, where no policy is meant: its key, its name, and whose policy file is about it.

use admx::{RegistryAddress, Side};
use gpo::scope::Scope;
use gpo::secret::shown_name;
use gpo::target::Target;

use crate::error::{Code, CommandError};
use crate::paste::this_command;

/// A value, without its hive.
#[derive(Clone, Debug)]
pub struct RegistryValue {
    pub key: String,
    pub name: String,
}

impl RegistryValue {
    /// What an address may mean, the likeliest first.
    pub fn readings(address: &RegistryAddress) -> Vec<Self> {
        let named = address.readings().filter_map(|(key, name)| Some((key, name?)));
        let named = named.filter(|(key, _)| !key.is_empty());
        named.map(|(key, name)| Self { key: key.to_owned(), name: name.to_owned() }).collect()
    }

    /// `HKLM\key!value`, as gpol writes it everywhere; a name that is a secret itself is hidden.
    pub fn text(&self, side: Option<Side>) -> String {
        let hive = match side {
            Some(Side::Computer) => r"HKLM\",
            Some(Side::User) => r"HKCU\",
            None => "",
        };
        let name = match &*self.name {
            "" => "(Default)".to_owned(),
            name => shown_name(&self.key, name),
        };
        format!("{hive}{}!{name}", self.key)
    }

    /// Whether the name may not be shown.
    pub fn is_hidden(&self) -> bool {
        shown_name(&self.key, &self.name) != self.name
    }
}

/// Whose policy file is about a value: the hive says it, or `--scope`, or the target, if it has only one side.
pub fn scope_of(address: &RegistryAddress, asked: Option<&Scope>, target: &Target) -> Result<Scope, CommandError> {
    let scopes: Vec<&Scope> = target.sides.iter().filter_map(|file| file.scope.as_ref()).collect();
    match (address.side(), asked, &*scopes) {
        (Some(side), Some(asked), _) if asked.side() != side => {
            let hive = if side == Side::User { "HKCU" } else { "HKLM" };
            Err(CommandError::new(
                Code::OTHER_HIVE,
                format!("{hive} is the hive of the {side} side, and --scope says {asked}"),
            )
            .detail("Nothing was written.")
            .help("leave --scope out, or name the value without its hive"))
        }
        (_, Some(asked), _) => Ok(asked.clone()),
        // A per-user local GPO, whose only side is one group's or user's.
        (side, None, [only]) if side.is_none_or(|side| side == only.side()) => Ok((*only).clone()),
        (Some(side), None, _) => Ok(side.into()),
        (None, None, _) => Err(CommandError::new(Code::SIDE_NEEDED, "nothing says which side is meant")
            .help(format!("{} --scope computer", this_command()))
            .help(format!("{} --scope user", this_command()))),
    }
}
