//! Extension lists: which client-side extensions Windows runs for a side of a GPO.
//!
//! `[{CSE}{tool}{tool}…][{CSE}{tool}…]`, ascending by CSE, tools ascending inside a group.
//! Windows stops at the first CSE out of sequence, so a new group goes to its place ([MS-GPOL] 2.2.4).
//!
//! A tool says which program made the settings that the extension applies. It goes when the last of
//! them goes, and the extension with its last tool ([MS-GPOL] 2.2.8).

use std::fmt;

use admx::Side;

/// The registry extension, which executes `Registry.pol` ([MS-GPREG] 1.9).
pub const REGISTRY: &str = "{35378EAC-683F-11D2-A89A-00C04FBBCFA2}";

/// What LGPO.exe lists itself as, on either side.
const LGPO_TOOL: &str = "{DF3DC19F-F72C-4030-940E-4C2A65A6B612}";

/// Extensions that are in most lists, to know a group that two were put into.
const COMMON_EXTENSIONS: &[&str] = &[
    REGISTRY,
    "{827D319E-6EAC-11D2-A4EA-00C04F79F83A}", // security
    "{F3CCC681-B74C-4060-9F26-CD84525DCA2A}", // advanced audit
    "{42B5FAAE-6536-11D2-AE5A-0000F87571E3}", // scripts
    "{25537BA6-77A8-11D2-9B6C-0000F8080861}", // folder redirection
    "{C6DC5466-785A-11D2-84D0-00C04FB169F7}", // software installation
    "{B1BE8D72-6EAC-11D2-A4EA-00C04F79F83A}", // EFS recovery
];

/// The tool that edits registry policy of a side, since Windows 7.
pub fn registry_tool(side: Side) -> &'static str {
    match side {
        Side::Computer => "{D02B1F72-3407-48AE-BA88-E8213C6761F1}",
        Side::User => "{D02B1F73-3407-48AE-BA88-E8213C6761F1}",
    }
}

/// All tools that stand for policies made from templates: the one of today, that of Windows 2000 to Vista, LGPO.exe.
pub fn registry_tools(side: Side) -> [&'static str; 3] {
    let before_windows_7 = match side {
        Side::Computer => "{0F6B957D-509E-11D1-A7CC-0000F87571E3}",
        Side::User => "{0F6B957E-509E-11D1-A7CC-0000F87571E3}",
    };
    [registry_tool(side), before_windows_7, LGPO_TOOL]
}

/// A GUID in braces, as lists have it; templates write it with braces or without.
pub fn in_braces(guid: &str) -> String {
    format!("{{{}}}", guid.trim().trim_matches(['{', '}']))
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

/// An extension list: groups of one extension and its tools, as spelled and in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ExtensionList {
    /// Each: the extension, then its tools.
    groups: Vec<Vec<String>>,
}

impl ExtensionList {
    /// Reads a list. An empty text, or blanks alone, is an empty list.
    ///
    /// # Errors
    ///
    /// If the text is no sequence of groups of GUIDs, or one group holds two extensions.
    pub fn parse(text: &str) -> Result<Self, ExtensionListError> {
        let mut groups = Vec::new();
        let mut rest = text.trim_start();
        let error =
            |rest: &str, what| ExtensionListError { at: text[..text.len() - rest.len()].chars().count() + 1, what };
        while !rest.trim().is_empty() {
            rest = rest.strip_prefix('[').ok_or_else(|| error(rest, "expected '['"))?;
            let mut group = Vec::new();
            while let Some(inside) = rest.strip_prefix('{') {
                let guid = inside.split_once('}').map(|(guid, _)| guid).filter(|guid| is_guid(guid));
                let guid = guid.ok_or_else(|| error(rest, "expected a GUID in braces"))?;
                let braced = format!("{{{guid}}}");
                if !group.is_empty() && COMMON_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(&braced)) {
                    return Err(error(rest, "a second extension in one group; each must have its own brackets"));
                }
                group.push(braced);
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
        self.groups.iter().any(|group| same(&group[0], extension))
    }

    /// Whether Windows comes to the extension: it stops at the first one that is out of sequence ([MS-GPOL] 2.2.4).
    pub fn reaches(&self, extension: &str) -> bool {
        self.groups[..self.reached()].iter().any(|group| same(&group[0], extension))
    }

    /// The first extension out of sequence, where Windows stops.
    pub fn stops_at(&self) -> Option<&str> {
        self.groups.get(self.reached()).map(|group| &*group[0])
    }

    /// How many groups Windows comes to.
    fn reached(&self) -> usize {
        let ascending = self.groups.windows(2).take_while(|pair| order(&pair[0][0]) <= order(&pair[1][0]));
        (ascending.count() + 1).min(self.groups.len())
    }

    /// Lists an extension with a tool where Windows comes to it. Says whether the list changed.
    ///
    /// Any of the tools in `equal` serves instead. A group that is out of sequence is taken to its place; what
    /// else is out of sequence stays so, since to put it right would switch on what has not run so far.
    pub fn add(&mut self, extension: &str, tool: &str, equal: &[&str]) -> bool {
        let serves = |guid: &String| same(guid, tool) || equal.iter().any(|equal| same(guid, equal));
        let mut own = self.groups[..self.reached()].iter().enumerate().filter(|(_, group)| same(&group[0], extension));
        let place = own.clone().next().map(|(at, _)| at);
        if own.any(|(_, group)| group[1..].iter().any(serves)) {
            return false;
        }
        // Several groups of one extension become one, spelled as the first.
        let mut groups = self.groups.extract_if(.., |group| same(&group[0], extension)).collect::<Vec<_>>().into_iter();
        let mut group = groups.next().unwrap_or_else(|| vec![extension.to_owned()]);
        groups.flat_map(|group| group.into_iter().skip(1)).for_each(|other| insert(&mut group, other));
        if !group[1..].iter().any(serves) {
            insert(&mut group, tool.to_owned());
        }
        let reached = &self.groups[..self.reached()];
        let sorted = || reached.iter().position(|other| order(&other[0]) > order(&group[0])).unwrap_or(reached.len());
        let at = place.unwrap_or_else(sorted);
        self.groups.insert(at, group);
        true
    }

    /// Takes tools away from an extension, and the extension with its last tool. Says whether the list changed.
    pub fn remove(&mut self, extension: &str, tools: &[&str]) -> bool {
        let before = self.clone();
        for group in self.groups.iter_mut().filter(|group| same(&group[0], extension)) {
            let of_others = |guid: &String| !tools.iter().any(|tool| same(guid, tool));
            let left = group[1..].iter().filter(|guid| of_others(guid)).cloned().collect::<Vec<_>>();
            // A group that had no tool at all is not ours.
            if left.len() < group.len() - 1 {
                group.truncate(if left.is_empty() { 0 } else { 1 });
                group.extend(left);
            }
        }
        self.groups.retain(|group| !group.is_empty());
        *self != before
    }

    /// The extensions, in the order of the list.
    pub fn extensions(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| &*group[0])
    }
}

/// Puts a tool to its place in a group, unless it is there.
fn insert(group: &mut Vec<String>, tool: String) {
    if group[1..].iter().any(|other| same(other, &tool)) {
        return;
    }
    let at = group[1..].iter().position(|other| order(other) > order(&tool)).map_or(group.len(), |at| at + 1);
    group.insert(at, tool);
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn order(guid: &str) -> String {
    guid.to_ascii_uppercase()
}

impl fmt::Display for ExtensionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.groups.iter().try_for_each(|group| write!(f, "[{}]", group.concat()))
    }
}

fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
