//! Whether a file that gpol does not look at sets anything: editors leave files that set nothing.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::Role;
use crate::exchange::decode;

/// Files above this size hold something; those that do not are small.
const SMALL: u64 = 16 * 1024;

/// Whether a file sets anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// It does, as far as its size tells.
    Settings,
    /// It does not: whether it is there or not is the same.
    Nothing,
    /// It was not looked into.
    Unknown,
}

/// What a file holds, and why if that is not settings. A file of a role that is none of those known holds something unless it is
/// empty.
pub(super) fn holds(role: Role, path: &Path, size: u64) -> (Holds, Option<String>) {
    let nothing = |why: &str| (Holds::Nothing, Some(why.to_owned()));
    if role == Role::Policy || !role.configures() {
        return (Holds::Settings, None);
    }
    if size == 0 {
        return nothing("empty");
    }
    let is_text = matches!(
        role,
        Role::SecurityTemplate | Role::Scripts | Role::Preferences | Role::FolderRedirection | Role::Audit
    );
    if !is_text || size > SMALL {
        return (Holds::Settings, None);
    }
    let text = match fs::read(path) {
        Ok(bytes) => decode(&bytes),
        Err(error) => return (Holds::Unknown, Some(format!("cannot be read: {error}"))),
    };
    let text = text.trim_start_matches('\u{FEFF}');
    match role {
        _ if text.trim().is_empty() => nothing("blanks alone"),
        Role::SecurityTemplate if is_bare_template(text) => nothing("no setting"),
        Role::Preferences if is_bare_root(text) => nothing("no item"),
        _ => (Holds::Settings, None),
    }
}

/// Whether a security template has no line but in `[Unicode]` and `[Version]`, which every one has ([MS-GPSB] 2.2).
fn is_bare_template(text: &str) -> bool {
    let mut frame = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';')) {
        if line.starts_with('[') {
            frame = ["[Unicode]", "[Version]"].iter().any(|name| line.eq_ignore_ascii_case(name));
            if !frame && !line.ends_with(']') {
                return false;
            }
        } else if !frame {
            return false;
        }
    }
    true
}

/// Whether a file of preferences is a root without an item ([MS-GPPREF] 2.2.1).
fn is_bare_root(text: &str) -> bool {
    roxmltree::Document::parse(text).is_ok_and(|document| !document.root_element().has_children())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sets_nothing_is_told_from_what_does() {
        let dir = tempfile::tempdir().unwrap();
        let utf16 = |text: &str| -> Vec<u8> {
            "\u{FEFF}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        };
        let frame = "[Unicode]\r\nUnicode=yes\r\n[Version]\r\nsignature=\"$CHICAGO$\"\r\nRevision=1\r\n";
        let root = |inside: &str| format!("<?xml version=\"1.0\"?>\r\n<Drives clsid=\"{{x}}\">{inside}</Drives>\r\n");
        let (inf, xml, ini) = (Role::SecurityTemplate, Role::Preferences, Role::Scripts);
        let table = [
            (inf, utf16(frame), Some("no setting")),
            (inf, frame.as_bytes().to_vec(), Some("no setting")),
            (inf, utf16(&format!("{frame}[Registry Values]\r\n\r\n; none\r\n")), Some("no setting")),
            (inf, utf16(&format!("[System Access]\r\nMinimumPasswordAge = 1\r\n{frame}")), None),
            (inf, utf16("MinimumPasswordAge = 1\r\n"), None),
            (inf, utf16(&format!("{frame}[System Access\r\n")), None),
            (xml, root("").into_bytes(), Some("no item")),
            (xml, b"<Drives clsid=\"{x}\"/>".to_vec(), Some("no item")),
            (xml, root("<Drive/>").into_bytes(), None),
            (xml, b"<Drives>".to_vec(), None),
            (ini, utf16("\r\n     \r\n"), Some("blanks alone")),
            (ini, utf16("\r\n[Logon]\r\n0CmdLine=a.bat\r\n"), None),
            (Role::FolderRedirection, utf16("\r\n     \r\n"), Some("blanks alone")),
            // A header alone may yet be taken as a policy of no auditing.
            (Role::Audit, b"Machine Name,Policy Target\r\n".to_vec(), None),
            (Role::Other, b" ".to_vec(), None),
            (Role::Other, Vec::new(), Some("empty")),
        ];
        for (at, (role, bytes, why)) in table.into_iter().enumerate() {
            let path = dir.path().join(at.to_string());
            fs::write(&path, &bytes).unwrap();
            let expected = if why.is_some() { Holds::Nothing } else { Holds::Settings };
            let size = u64::try_from(bytes.len()).unwrap();
            assert_eq!(holds(role, &path, size), (expected, why.map(str::to_owned)), "{at} {role:?}");
        }
        let gone = holds(inf, &dir.path().join("gone"), 5);
        assert_eq!(gone.0, Holds::Unknown);
    }
}
