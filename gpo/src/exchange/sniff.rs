//! What a text is, by its content.

use super::reg;

/// What a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sniffed {
    /// `gpol.records/1`.
    Records,
    /// A state file, as YAML.
    StateYaml,
    /// A state file, as JSON.
    StateJson,
    /// A state file, as TOML.
    StateToml,
    /// The list of `samba-tool gpo load`.
    SambaJson,
    /// Registry Editor's text.
    Reg,
    /// Policy Analyzer's rules.
    PolicyRules,
    /// Group Policy Preferences, registry items.
    GppRegistry,
    /// Any other text: LGPO text, if anything.
    Other,
}

/// Looks at a decoded text.
///
/// ```
/// use gpo::exchange::{Sniffed, sniff};
/// assert_eq!(sniff("REGEDIT4\r\n"), Sniffed::Reg);
/// assert_eq!(sniff("Computer\nSoftware\nA\nDWORD:1\n"), Sniffed::Other);
/// ```
pub fn sniff(text: &str) -> Sniffed {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    let starts = |word: &str| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    // Without a head its reader says that this is missing.
    if ["Windows Registry Editor", "REGEDIT4", "[HKEY_", "[-HKEY_"].into_iter().any(starts) || reg::has_head(text) {
        return Sniffed::Reg;
    }
    if text.starts_with('<') {
        return match root_element(text) {
            Some("PolicyRules") => Sniffed::PolicyRules,
            Some("RegistrySettings" | "Registry" | "Collection") => Sniffed::GppRegistry,
            _ => Sniffed::Other,
        };
    }
    if let Some(inside) = text.strip_prefix('{') {
        // Broken JSON is read by the reader of the shape that it seems to have, which says what is wrong.
        let is_state = inside.contains("\"apiVersion\"")
            || inside.contains("\"policies\"") && !inside.contains("\"schema\"")
            || inside.contains("\"PolicySet\"");
        return if is_state { Sniffed::StateJson } else { Sniffed::Records };
    }
    if let Some(inside) = text.strip_prefix('[') {
        let inside = inside.trim_start();
        if inside.is_empty()
            || inside.starts_with(['{', ']', '"', '['])
                && !inside.starts_with("[computer")
                && !inside.starts_with("[user")
        {
            return Sniffed::SambaJson;
        }
    }
    // A scope, or a comment of LGPO text, is no line of a state file; so the word alone decides.
    let field = |line: &str| line.strip_prefix("apiVersion").map(str::trim_start).and_then(|rest| rest.chars().next());
    match text.lines().find_map(field) {
        Some(':') => Sniffed::StateYaml,
        Some('=') => Sniffed::StateToml,
        _ => state_without_version(text),
    }
}

/// A state file whose first field is one of the others: its reader says that the version is missing.
fn state_without_version(text: &str) -> Sniffed {
    const FIELDS: [&str; 8] = ["kind", "metadata", "extends", "unmanaged", "admx", "computer", "user", "users"];
    let says = |line: &&str| !line.is_empty() && !line.starts_with([';', '#']) && *line != "---";
    let Some(line) = text.lines().map(str::trim).find(says) else { return Sniffed::Other };
    let table = line.trim_start_matches('[');
    let word = table.split([':', '=', '.', ']', ' ', '\t']).next().unwrap_or_default();
    let behind = table.get(word.len()..).unwrap_or_default().trim_start().chars().next();
    match behind {
        _ if !FIELDS.contains(&word) => Sniffed::Other,
        Some('=') => Sniffed::StateToml,
        Some('.' | ']') if table != line => Sniffed::StateToml,
        Some(':') => Sniffed::StateYaml,
        _ => Sniffed::Other,
    }
}

/// Name of the outermost element, behind declaration and comments.
fn root_element(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_start();
        if text.starts_with("<!--") {
            text = text.split_once("-->")?.1;
        } else if text.starts_with("<?") {
            text = text.split_once("?>")?.1;
        } else {
            let name = text.strip_prefix('<')?;
            let end = name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(name.len());
            return name.get(..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_content() {
        for (text, expected) in [
            ("\u{FEFF}Windows Registry Editor Version 5.00\r\n", Sniffed::Reg),
            ("\n  REGEDIT4\n", Sniffed::Reg),
            ("[HKEY_LOCAL_MACHINE\\SOFTWARE]\n", Sniffed::Reg),
            ("<PolicyRules>", Sniffed::PolicyRules),
            ("<?xml version='1.0'?><!-- PolicyRules -->\n<PolicyRules/>", Sniffed::PolicyRules),
            ("<RegistrySettings clsid='x'>", Sniffed::GppRegistry),
            ("<html>", Sniffed::Other),
            (r#"{"schema": "gpol.records/1"}"#, Sniffed::Records),
            ("{", Sniffed::Records),
            (r#"{"apiVersion": "gpol/v1"}"#, Sniffed::StateJson),
            ("[\n  {\"keyname\"", Sniffed::SambaJson),
            ("[]", Sniffed::SambaJson),
            ("# a comment\napiVersion: gpol/v1\n", Sniffed::StateYaml),
            ("apiVersion = \"gpol/v1\"\n", Sniffed::StateToml),
            ("[[computer.registry]]\nkey = 1\napiVersion = 1", Sniffed::StateToml),
            ("[Version]\nsignature=1", Sniffed::Other),
            ("; apiVersion:\nComputer\n", Sniffed::Other),
            ("", Sniffed::Other),
            // Without a version its reader says that this is missing.
            ("{\"computer\": {\"policies\": []}}", Sniffed::StateJson),
            ("{\"schema\": \"gpol.show/1\", \"policies\": []}", Sniffed::Records),
            ("---\n# mine\nkind: PolicySet\n", Sniffed::StateYaml),
            ("computer:\n  policies: []\n", Sniffed::StateYaml),
            ("[[computer.policies]]\nstate = 'enabled'\n", Sniffed::StateToml),
            ("kind = 'PolicySet'\n", Sniffed::StateToml),
            ("user\nSoftware\nkind: x\nDELETE\n", Sniffed::Other),
        ] {
            assert_eq!(sniff(text), expected, "{text}");
        }
    }
}
