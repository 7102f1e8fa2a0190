//! Registry values in the forms in which people have them: from an article, Registry Editor, PowerShell, a script or a `.reg` file.

use crate::model::Side;

/// Names of hives, and the side whose policy goes there. Security templates and GPMC say `MACHINE`.
const HIVES: [(&str, Side); 5] = [
    ("HKEY_LOCAL_MACHINE", Side::Computer),
    ("HKEY_CURRENT_USER", Side::User),
    ("HKLM", Side::Computer),
    ("HKCU", Side::User),
    ("MACHINE", Side::Computer),
];

/// A key of the registry, or a value of one, as somebody wrote it.
///
/// Text does not tell where a key ends: keys hold no backslash, but names of values may, and either may hold `!`. So an
/// address has several [`readings`](Self::readings), of which the registry knows the right one.
///
/// ```
/// use admx::{RegistryAddress, Side};
/// for text in [
///     r"HKLM\SOFTWARE\Policies\X!V",
///     r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\X\V",
///     r"Computer\HKEY_LOCAL_MACHINE\SOFTWARE\Policies\X\V",
///     r"HKLM:\SOFTWARE\Policies\X\V",
///     r"Registry::HKEY_LOCAL_MACHINE\SOFTWARE\Policies\X\V",
///     "HKLM/SOFTWARE/Policies/X/V",
///     r#"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\X] "V""#,
///     r#""HKLM\SOFTWARE\Policies\X" /v V"#,
///     r"HKLM\\SOFTWARE\\Policies\\X\\V",
/// ] {
///     let address = RegistryAddress::parse(text).unwrap();
///     assert_eq!(address.side(), Some(Side::Computer), "{text}");
///     assert_eq!(address.readings().next(), Some((r"SOFTWARE\Policies\X", Some("V"))), "{text}");
/// }
/// assert_eq!(RegistryAddress::parse(r"SOFTWARE\Policies\X!V"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryAddress {
    side: Option<Side>,
    /// Behind the hive, with single backslashes, none at either end.
    path: String,
    /// The value's name, where the text sets it apart.
    name: Option<String>,
}

impl RegistryAddress {
    /// Reads what names one of the two hives that policy goes to. `None` if the text names none.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, name) = apart(text.trim());
        let (side, path) = behind_hive(place)?;
        Some(Self { side: Some(side), path: tidy(path), name })
    }

    /// As [`parse`](Self::parse), of what somebody asks for: `reg:` says that it is a place in the registry, with a hive or without.
    pub fn of_query(query: &str) -> Option<Self> {
        let query = query.trim();
        match query.get(..4).filter(|start| start.eq_ignore_ascii_case("reg:")) {
            Some(_) => Some(Self::parse_in_any_hive(&query[4..])),
            None => Self::parse(query),
        }
    }

    /// As [`parse`](Self::parse), of a text that is known to be a place in the registry and may name no hive.
    pub fn parse_in_any_hive(text: &str) -> Self {
        let (place, name) = apart(text.trim());
        let (side, path) = match behind_hive(place) {
            Some((side, path)) => (Some(side), path),
            None => (None, place),
        };
        Self { side, path: tidy(path), name }
    }

    /// The side whose hive is named.
    pub fn side(&self) -> Option<Side> {
        self.side
    }

    /// What stands behind the hive: a key, or a key and the name of a value.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the text may mean: a key and the name of a value, or a key alone, the likeliest first. The name of a key's
    /// default value is empty.
    pub fn readings(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let at = move |(at, _): (usize, &str)| {
            let name = self.path.get(at.saturating_add(1)..).unwrap_or_default();
            (self.path.get(..at).unwrap_or_default().trim_end_matches('\\'), Some(default_or(name)))
        };
        let apart = self.name.as_deref().map(|name| (&*self.path, Some(default_or(name))));
        let inside = self.name.is_none().then(|| {
            let marked = self.path.rmatch_indices('!').map(at);
            marked.chain(self.path.rmatch_indices('\\').map(at)).chain([(&*self.path, None)])
        });
        apart.into_iter().chain(inside.into_iter().flatten())
    }
}

fn default_or(name: &str) -> &str {
    match name.trim() {
        default if default.eq_ignore_ascii_case("(default)") || default == "@" => "",
        name => name,
    }
}

/// The place, and the name of a value that brackets or an option set apart from it.
fn apart(text: &str) -> (&str, Option<String>) {
    if let Some((key, rest)) = text.strip_prefix('[').and_then(|text| text.rsplit_once(']')) {
        let name = rest.trim().trim_start_matches(['!', '\\']);
        // As in a .reg file, where the data may stand behind the name.
        let name = match name.strip_prefix('"') {
            Some(quoted) => {
                quoted.rsplit_once('"').map_or(quoted, |(name, _)| name.split("\"=").next().unwrap_or(name))
            }
            None => name.split('=').next().unwrap_or(name),
        };
        return (key, (!name.is_empty()).then(|| name.to_owned()));
    }
    // As reg.exe takes it.
    for (option, default) in [(" /v ", false), (" /ve", true)] {
        let Some(at) = text.to_ascii_lowercase().find(option) else { continue };
        let (key, name) =
            (text.get(..at).unwrap_or(text), text.get(at.saturating_add(option.len())..).unwrap_or_default());
        let name = name.trim();
        let name = match name.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
            None => name.split(" /").next().unwrap_or(name),
        };
        return (without_quotes(key), Some(if default { String::new() } else { name.to_owned() }));
    }
    (without_quotes(text), None)
}

fn without_quotes(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'', '\u{201C}', '\u{201D}', '\u{2018}', '\u{2019}'])
}

/// The side that a hive stands for, and the path behind it. Before it may stand what Registry Editor's address bar shows there in
/// the language of its Windows (`Computer\`), or PowerShell's `Registry::`.
fn behind_hive(text: &str) -> Option<(Side, &str)> {
    let text = text.rsplit_once("::").map_or(text, |(_, text)| text);
    let after_first = text.split_once('\\').map(|(_, text)| text);
    [Some(text), after_first].into_iter().flatten().find_map(|text| {
        HIVES.iter().find_map(|(name, side)| {
            let start = text.get(..name.len())?;
            let rest = text.get(name.len()..)?;
            let rest = rest.strip_prefix(':').unwrap_or(rest);
            (start.eq_ignore_ascii_case(name) && rest.starts_with(['\\', '/'])).then_some((*side, rest))
        })
    })
}

/// A path with single backslashes, none at either end. Slashes are backslashes where the hive is followed by one.
fn tidy(path: &str) -> String {
    let slashes = path.starts_with('/');
    let mut tidy = String::with_capacity(path.len());
    for c in path.chars() {
        match if slashes && c == '/' { '\\' } else { c } {
            '\\' if tidy.is_empty() || tidy.ends_with('\\') => {}
            c => tidy.push(c),
        }
    }
    tidy.truncate(tidy.trim_end_matches('\\').len());
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hive_is_the_first_part_or_what_windows_shows_before_it() {
        for (text, expected) in [
            (r"HKCU\Software\X", Some((Side::User, r"Software\X"))),
            (r"Ordinateur\HKEY_CURRENT_USER\Software\X\", Some((Side::User, r"Software\X"))),
            (r"Microsoft.PowerShell.Core\Registry::HKEY_CURRENT_USER\X", Some((Side::User, "X"))),
            (r"machine\software\x", Some((Side::Computer, r"software\x"))),
            // Not a hive: a key that is called so, another hive, a name.
            (r"Software\A\HKLM\X", None),
            (r"HKEY_USERS\.DEFAULT\X", None),
            ("HKLMX", None),
            ("TS_USER_AUTHENTICATION_POLICY", None),
            (r"Security\Machine name", None),
        ] {
            let found = RegistryAddress::parse(text);
            let found = found.as_ref().map(|address| (address.side.unwrap(), address.path()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn every_separator_may_be_the_one_before_the_name() {
        let readings = |text: &str| -> Vec<(String, Option<String>)> {
            let address = RegistryAddress::parse_in_any_hive(text);
            address.readings().map(|(key, name)| (key.to_owned(), name.map(str::to_owned))).collect()
        };
        let owned = |key: &str, name: Option<&str>| (key.to_owned(), name.map(str::to_owned));
        assert_eq!(
            readings(r"HKLM\A!B\C!D"),
            [
                owned(r"A!B\C", Some("D")),
                owned("A", Some(r"B\C!D")),
                owned("A!B", Some("C!D")),
                owned(r"A!B\C!D", None),
            ]
        );
        assert_eq!(readings(r"A\(Default)")[0], owned("A", Some("")));
        assert_eq!(readings(r"[HKCU\A\B]"), [owned("A", Some("B")), owned(r"A\B", None)]);
        assert_eq!(readings("[HKCU\\A\\B]\r\n\"C=D\"=dword:1"), [owned(r"A\B", Some("C=D"))]);
        assert_eq!(readings(r"[HKCU\A]@=1"), [owned("A", Some(""))]);
        assert_eq!(readings(r"HKLM\A /ve"), [owned("A", Some(""))]);
        assert_eq!(readings(r#"HKLM\A /v "B C" /t REG_DWORD /d 0"#), [owned("A", Some("B C"))]);
    }
}
