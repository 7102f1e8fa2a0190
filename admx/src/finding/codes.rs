//! All kinds of findings. `docs/findings.md` lists them; a test keeps the list and this table equal.

use super::Severity;
use super::Severity::{Error, Note, Warning};

/// A kind of [`Finding`](super::Finding). A code keeps its meaning for ever; numbers without an entry belong to checks
/// that this crate does not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `ADMX` and three digits.
    pub id: &'static str,
    /// How bad it is, the worst first: most kinds have one severity, some are milder where only case differs.
    pub severities: &'static [Severity],
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub help: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal, [$($severity:ident),+], $title:literal, $help:literal;)*) => {
        impl Code {
            $(pub(crate) const $name: Self =
                Self { id: $id, severities: &[$($severity),+], title: $title, help: $help };)*
            /// All kinds, ascending.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    UNREADABLE = "ADMX001", [Error], "the file cannot be read, is not well-formed XML, or is no template",
        "take the file from its maker's package again; the other files still load";
    NO_TRANSLATION = "ADMX002", [Error], "no ADML file that can be read belongs to the ADMX file",
        "copy the language folder that belongs to it beside it; until then ids are shown";
    STRING = "ADMX003", [Error, Warning], "a string is not in the ADML file, or is spelled in another case there",
        "replace ADMX and ADML from the same package";
    PRESENTATION = "ADMX004", [Error, Warning],
        "a presentation is not in the ADML file, or is spelled in another case there",
        "replace ADMX and ADML from the same package";
    NAMESPACE_TWICE = "ADMX005", [Error], "two files of one folder have the same target namespace",
        "keep one of the two; the first by lower-cased name counts, Windows shows an error";
    NAMESPACE = "ADMX006", [Error, Warning, Note],
        "a file uses a namespace that no loaded file has, or a prefix that it does not declare",
        "add the template that defines the namespace, or declare the prefix with `using`";
    CATEGORY = "ADMX007", [Error, Warning],
        "a category is not defined, contains itself, lies too deep, or is spelled in another case",
        "add the template that defines it; until then its policies stand under \"(unresolved)\"";
    TWICE = "ADMX008", [Error], "a name or id is there twice in one file",
        "rename or remove one of the two; the first one counts";
    SUPPORTED_ON = "ADMX009", [Warning],
        "a supportedOn reference leads nowhere, to itself, or is spelled in another case",
        "add the template that defines it, often WindowsProducts.admx or Windows.admx of a newer Windows";
    OTHER_TRANSLATION = "ADMX010", [Error, Note], "the ADML file has another revision than the ADMX file requires",
        "replace ADMX and ADML from the same package";
    NO_EFFECT = "ADMX011", [Warning], "a policy has no value, list or element, so no state of it can be stored",
        "give it a valueName, or remove it";
    CONTROL = "ADMX012", [Warning], "an element has no control or several, or a control has no element",
        "make one refId in the presentation equal to the element's id";
    MALFORMED = "ADMX013", [Error, Warning],
        "an attribute or value that is needed is missing or can't be read, or text stands between elements",
        "correct the file; what the message names was left out or replaced as it says";
    KEY = "ADMX014", [Warning], "a key begins with a hive or a backslash, ends with one, or has an empty part",
        "write the key relative to HKLM or HKCU, without backslashes at its ends";
    ITEMS = "ADMX015", [Warning], "two items of an enum write the same, or have the same text",
        "make them differ; which one was chosen can't be read back";
    LIMITS = "ADMX016", [Warning], "an element's limits leave no value, or its default is outside of them",
        "correct minValue, maxValue, maxLength, defaultValue or defaultItem";
    SAME_STATES = "ADMX017", [Warning], "Enabled and Disabled write the same",
        "make them differ; the state can't be read back";
    SHARED_VALUE = "ADMX018", [Note], "another policy of the same side writes the same value",
        "none where it is meant so; set one of the two only, as the last one written wins";
    TATTOO = "ADMX019", [Warning], "a policy writes outside the keys that Windows clears",
        "none where it is meant so; what it sets stays when the policy goes";
    LANGUAGE = "ADMX020", [Note], "a template has no texts in the language, or an ADML file has no ADMX file",
        "add the missing file, or remove the one that is left over";
    MISPLACED = "ADMX022", [Warning], "a file lies where nobody reads it, or two names differ only in case",
        "put ADMX files above the language folders and ADML files into them";
    OFF_SCHEMA = "ADMX024", [Error, Warning, Note],
        "an element or attribute is not in the schema, or is spelled in another case there; markup stands inside a text",
        "correct the spelling; Windows' editor takes the schema's one only";
}

impl Code {
    /// The worst of its severities.
    pub fn severity(&self) -> Severity {
        self.severities.first().copied().unwrap_or(Severity::Note)
    }

    /// The kind with an id.
    ///
    /// ```
    /// # use admx::{Code, Severity};
    /// assert_eq!(Code::of("ADMX002").map(|code| code.severity()), Some(Severity::Error));
    /// ```
    pub fn of(id: &str) -> Option<Code> {
        Code::ALL.iter().find(|code| code.id == id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_exactly_these_codes() {
        let documented: Vec<String> = include_str!("../../../docs/findings.md")
            .lines()
            .filter(|line| line.starts_with("| ADMX"))
            .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>().join("|"))
            .collect();
        let severities = |code: &Code| code.severities.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
        let ours: Vec<String> =
            Code::ALL.iter().map(|c| format!("|{}|{}|{}|{}|", c.id, severities(c), c.title, c.help)).collect();
        assert_eq!(documented, ours);
        assert!(Code::ALL.is_sorted_by(|a, b| a.id < b.id), "each code once, ascending");
    }
}
