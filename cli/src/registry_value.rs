//! A value of the registry that somebody names, where no policy is meant: its key, its name, and whose policy file is about it.

use admx::{Catalog, FindError, RegistryAddress, Side};
use gpo::scope::Scope;
use gpo::secret::shown_name;
use gpo::target::Target;

use crate::context::store_name;
use crate::error::{Code, CommandError};
use crate::paste::{quoted, this_command};

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

/// The value of the registry that a query names, where no template has it: then it is no policy's name.
pub fn value_without_policy(catalog: &Catalog, query: &str, side: Option<Side>) -> Option<RegistryAddress> {
    let address = RegistryAddress::of_query(query)?;
    let found = catalog.find_on(query, side).or_else(|_| catalog.find(query));
    matches!(found, Err(FindError::NotFound { .. })).then_some(address)
}

/// What to say where no template has a value: what else can be done with it.
pub fn no_template_has(
    catalog: &Catalog,
    address: &RegistryAddress,
    asked: Option<&Scope>,
    target: Option<&Target>,
) -> CommandError {
    let side = address.side().or(asked.map(Scope::side));
    let readings = RegistryValue::readings(address);
    let value = readings.first().map_or_else(|| address.path().to_owned(), |value| value.text(side));
    let mut failed = CommandError::new(Code::NO_POLICY, format!("no template has the value {value}"))
        .detail(format!("looked in {}", store_name(catalog)));
    if let Some(target) = target.filter(|_| !readings.is_empty()) {
        let (target, value) = (quoted(&target.path.display().to_string()), quoted(&value));
        let scope = asked.map(|scope| format!(" --scope {scope}")).unwrap_or_default();
        failed = failed
            .help(format!("what decides the value:  gpol explain {target} {value}{scope}"))
            .help(format!("to change it without a template:  gpol pol set {target} {value} dword 1{scope} --dry-run"));
    }
    failed.help(match catalog.is_builtin() {
        true => "the built-in catalogue knows few policies; name a folder of templates:  --admx PolicyDefinitions",
        false => "if another template has it, name the folder it lies in:  --admx PolicyDefinitions",
    })
}
