//! Extension lists: which client-side extensions Windows runs for a side of a GPO.
//!
//! `[{CSE}{tool}{tool}…][{CSE}{tool}…]`, ascending by CSE, tools ascending inside a group.
//! Windows stops at the first CSE out of sequence, so a new group goes to its place ([MS-GPOL] 2.2.4).

use admx::Side;

/// The registry extension, which executes `Registry.pol` ([MS-GPREG] 1.9).
pub const REGISTRY: &str = "{35378EAC-683F-11D2-A89A-00C04FBBCFA2}";

/// The tool that edits registry policy of a side, since Windows 7.
pub fn registry_tool(side: Side) -> &'static str {
    match side {
        Side::Computer => "{D02B1F72-3407-48AE-BA88-E8213C6761F1}",
        Side::User => "{D02B1F73-3407-48AE-BA88-E8213C6761F1}",
    }
}

/// Why an extension list cannot be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("character {at}: {what}")]
pub struct ExtensionListError {
    /// Where in the list, counted from 1.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// An extension list with one group for each extension.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ExtensionList {
    /// Each: the extension, then its tools, as spelled.
    groups: Vec<Vec<String>>,
}

impl ExtensionList {
    /// Reads a list. An empty text, or blanks alone, is an empty list.
    ///
    /// # Errors
    ///
    /// If the text is no sequence of groups of GUIDs.
    pub fn parse(text: &str) -> Result<Self, ExtensionListError> {
        let mut groups = Vec::new();
        let mut rest = text.trim();
        let whole = rest.len();
        let error = |rest: &str, what| ExtensionListError { at: whole - rest.len() + 1, what };
        while !rest.is_empty() {
            rest = rest.strip_prefix('[').ok_or_else(|| error(rest, "expected '['"))?;
            let mut group = Vec::new();
            while let Some(inside) = rest.strip_prefix('{') {
                let guid = inside.split_once('}').map(|(guid, _)| guid).filter(|guid| is_guid(guid));
                let guid = guid.ok_or_else(|| error(rest, "expected a GUID in braces"))?;
                group.push(format!("{{{guid}}}"));
                rest = &inside[guid.len() + 1..];
            }
            if group.is_empty() {
                return Err(error(rest, "expected a GUID in braces"));
            }
            rest = rest.strip_prefix(']').ok_or_else(|| error(rest, "expected ']'"))?;
            groups.push(group);
        }
        Ok(Self { groups })
    }

    /// Whether the extension is listed, whatever its tools.
    pub fn has(&self, extension: &str) -> bool {
        self.groups.iter().any(|group| group[0].eq_ignore_ascii_case(extension))
    }

    /// Whether Windows gets to the extension: it stops at the first one that is out of order.
    pub fn reaches(&self, extension: &str) -> bool {
        let names: Vec<String> = self.groups.iter().map(|group| group[0].to_ascii_uppercase()).collect();
        let ascending = names.iter().zip(names.iter().skip(1)).take_while(|(a, b)| a <= b).count() + 1;
        names.iter().take(ascending).any(|name| name.eq_ignore_ascii_case(extension))
    }

    /// Lists an extension with a tool, at its place in the order. Says whether the list changed.
    ///
    /// An extension that is there keeps its tools: any of them makes Windows run it.
    pub fn add(&mut self, extension: &str, tool: &str) -> bool {
        if self.has(extension) {
            return false;
        }
        let order = |group: &Vec<String>| group[0].to_ascii_uppercase();
        let new = vec![extension.to_owned(), tool.to_owned()];
        let at = self.groups.iter().position(|group| order(group) > order(&new)).unwrap_or(self.groups.len());
        self.groups.insert(at, new);
        true
    }
}

impl std::fmt::Display for ExtensionList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.groups.iter().try_for_each(|group| write!(f, "[{}]", group.concat()))
    }
}

fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: &str = "[{F3CCC681-B74C-4060-9F26-CD84525DCA2A}{0F3F3735-573D-9804-99E4-AB2A69BA5FD4}]";
    const ZERO: &str = "[{00000000-0000-0000-0000-000000000000}{BEE07A6A-EC9F-4659-B8C9-0B1937907C83}]";

    #[test]
    fn the_registry_extension_goes_to_its_place() {
        let ours = format!("[{REGISTRY}{}]", registry_tool(Side::Computer));
        for (before, after) in [
            (String::new(), ours.clone()),
            (AUDIT.to_owned(), format!("{ours}{AUDIT}")),
            (format!("{ZERO}{AUDIT}"), format!("{ZERO}{ours}{AUDIT}")),
            (ours.to_lowercase(), ours.to_lowercase()),
            (
                format!("[{REGISTRY}{{0F6B957D-509E-11D1-A7CC-0000F87571E3}}]"),
                format!("[{REGISTRY}{{0F6B957D-509E-11D1-A7CC-0000F87571E3}}]"),
            ),
        ] {
            let mut list = ExtensionList::parse(&before).unwrap();
            assert_eq!(list.add(REGISTRY, registry_tool(Side::Computer)), before != after);
            assert_eq!(list.to_string(), after);
        }
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_place() {
        for (text, at) in [
            ("x", 1),
            ("[{35378EAC}]", 2),
            ("[]", 2),
            (&format!("{AUDIT}["), AUDIT.len() + 2),
            (&AUDIT[..AUDIT.len() - 1], AUDIT.len()),
        ] {
            assert_eq!(ExtensionList::parse(text).unwrap_err().at, at, "{text}");
        }
    }
}
