//! Writing a change as LDIF, as `ldifde -i` and `ldapmodify` take it.

use super::base64;

/// A change of one object, as LDIF.
///
/// The directory carries it out as a whole or not at all. A value that is known is replaced by naming both: the
/// old one is deleted and the new one added, so that the change fails if somebody was quicker.
///
/// ```
/// use gpo::ad::Modification;
/// let mut change = Modification::of("CN=x,DC=example,DC=test");
/// change.swap("versionNumber", Some("1"), "2");
/// assert_eq!(
///     change.to_string(),
///     "dn: CN=x,DC=example,DC=test\nchangetype: modify\n\
///      delete: versionNumber\nversionNumber: 1\n-\nadd: versionNumber\nversionNumber: 2\n-\n\n"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modification {
    text: String,
}

/// Lines are folded here, as `ldifde` and `ldapsearch` fold them.
const WIDTH: usize = 76;

impl Modification {
    /// A change of the object of this name.
    pub fn of(dn: &str) -> Self {
        let mut change = Self { text: String::new() };
        change.line("dn", dn);
        change.line("changetype", "modify");
        change
    }

    /// Replaces a value, if it still is the old one; adds it, if there still is none.
    pub fn swap(&mut self, attribute: &str, old: Option<&str>, new: &str) {
        if let Some(old) = old {
            self.step("delete", attribute, Some(old));
        }
        self.step("add", attribute, Some(new));
    }

    /// Replaces whatever there is.
    pub fn replace(&mut self, attribute: &str, new: &str) {
        self.step("replace", attribute, Some(new));
    }

    /// Takes all values away. There must be one.
    pub fn delete(&mut self, attribute: &str) {
        self.step("delete", attribute, None);
    }

    fn step(&mut self, step: &str, attribute: &str, value: Option<&str>) {
        self.line(step, attribute);
        if let Some(value) = value {
            self.line(attribute, value);
        }
        self.text.push_str("-\n");
    }

    fn line(&mut self, name: &str, value: &str) {
        let line = match is_plain(value) {
            true => format!("{name}: {value}"),
            false => format!("{name}:: {}", base64::encode(value.as_bytes())),
        };
        // ASCII alone, whichever way.
        let mut rest = &*line;
        let mut width = WIDTH;
        while rest.len() > width {
            let (now, later) = rest.split_at(width);
            self.text.push_str(now);
            self.text.push_str("\n ");
            rest = later;
            width = WIDTH - 1;
        }
        self.text.push_str(rest);
        self.text.push('\n');
    }
}

/// Whether a value can stand as it is (RFC 2849: `SAFE-STRING`, and no blank at its end).
fn is_plain(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii() && !matches!(b, 0 | b'\n' | b'\r'))
        && !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ')
}

impl std::fmt::Display for Modification {
    /// The file's text; what it ends in closes the change.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)
    }
}
