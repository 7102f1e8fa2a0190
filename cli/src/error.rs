//! Errors as people see them: a code, what, where, and what to do next.

use std::io;

use crate::exit::Exit;
use crate::ui::{Line, Page, Style};

/// A kind of error. Codes are stable; `docs/errors.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `E` and four digits.
    pub id: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// How the program ends.
    pub exit: Exit,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $exit:ident, $title:literal;)*) => {
        impl Code {
            $(pub const $name: Self = Self { id: $id, title: $title, exit: Exit::$exit };)*
            /// All codes, ascending.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    SIDE_NEEDED = "E0101", Usage, "nothing says which side is meant, computer or user";
    FORMAT_NEEDED = "E0102", Usage, "nothing says which format to write";
    NO_COMMAND = "E0103", Usage, "gpol has no such command";
    AD_NEEDED = "E0104", Usage, "--ldif needs what Active Directory has now, from --ad";
    NOT_OF_A_DOMAIN = "E0105", Usage, "the option is for domain GPOs, and the target is none";
    NOT_WINDOWS = "E0106", Usage, "local: means a running Windows, and this is none";
    ONLY_TWO = "E0107", Usage, "the format tells two sides apart, not three";
    HIDDEN_DATA = "E0108", Usage, "the JSON was written with its secrets hidden, so it cannot be read again";
    PATTERN = "E0110", Usage, "the pattern is no regular expression";
    NOT_A_POLICY_FILE = "E0201", Malformed, "the file is not a policy file";
    VERSION = "E0202", Malformed, "the policy file has an unknown version";
    CUT_OFF = "E0203", Malformed, "a record is cut off";
    DATA_CUT_OFF = "E0204", Malformed, "a record declares more data than the file holds";
    SEPARATOR = "E0205", Malformed, "something else stands where a record must begin, go on or end";
    EMPTY_FILE = "E0206", Malformed, "the policy file is empty";
    LGPO_TEXT = "E0211", Malformed, "the LGPO text cannot be read";
    LGPO_MANGLES = "E0212", Malformed, "LGPO.exe would silently change this line, so gpol refuses it";
    JSON = "E0213", Malformed, "the JSON is not that of a policy file";
    STATE = "E0214", Malformed, "the state file cannot be read, or asks for what the templates do not have";
    EXCHANGE = "E0215", Malformed, "a text of another format (.PolicyRules, .reg, samba-tool's JSON, Registry.xml) cannot be read";
    TOO_LARGE = "E0216", Malformed, "the file is larger than gpol reads of its kind";
    EXTENDS_OUTSIDE = "E0217", Refused, "a state file extends a file outside of its folder, and nothing allows it";
    GPT_INI = "E0221", Malformed, "gpt.ini cannot be understood";
    COMMENTS = "E0222", Malformed, "comment.cmtx cannot be understood, or the comment cannot stand in it";
    BACKUP_XML = "E0223", Malformed, "Backup.xml cannot be understood, or not changed without guessing";
    SNAPSHOT = "E0224", Malformed, "the export of Active Directory cannot be understood";
    NOT_A_HIVE = "E0231", Malformed, "the file is not a registry hive, or nothing of it can be read";
    HIVE_DAMAGED = "E0232", Malformed, "the hive is damaged where the answer lies";
    NO_POLICY = "E0301", NotFound, "no policy matches";
    AMBIGUOUS_POLICY = "E0302", NotFound, "several policies match";
    NOT_ON_THIS_SIDE = "E0303", NotFound, "the policy does not exist on this side";
    ELEMENT = "E0304", NotFound, "the policy has no such element";
    ELEMENT_VALUE = "E0305", Usage, "the value does not fit the element, or one is missing";
    NO_EFFECT = "E0306", Usage, "the policy has nothing to write in this state";
    NO_COMMENTS_HERE = "E0307", Usage, "a bare policy file has no place for comments";
    SIDE_AMBIGUOUS = "E0308", NotFound, "the policy exists on both sides, and nothing says which one is meant";
    NO_SCOPE = "E0309", NotFound, "the target has no place for this group's or user's policy";
    NOT_A_VALUE = "E0311", Usage, "the text names no value of the registry";
    RECORD_DATA = "E0312", Usage, "type and data of a record are missing, or do not fit";
    OTHER_HIVE = "E0313", Usage, "the hive of the value and --scope contradict each other";
    NO_STATE = "E0315", Usage, "the word is no state that a policy can be set to";
    ORDER_OF_WORDS = "E0316", Usage, "the target, the policy or its state stands where another of them belongs";
    NO_PROBLEM = "E0321", NotFound, "gpol knows no problem of this name";
    DISK_IMAGE = "E0401", NotFound, "the target is a disk image, not a mounted file system";
    UNKNOWN_TARGET = "E0402", NotFound, "the folder is no target that gpol knows";
    NO_TARGET = "E0403", NotFound, "the target, or another file that is named, does not exist";
    TEMPLATES = "E0404", NotFound, "the templates cannot be loaded";
    SEVERAL_GPOS = "E0405", NotFound, "the target holds several GPOs, where one is asked for";
    NO_TEMPLATE = "E0406", NotFound, "the store has no such template";
    NOT_IN_SNAPSHOT = "E0407", NotFound, "the export of Active Directory does not hold the GPO, or not all of it";
    NO_POLICY_OF_ITS_OWN = "E0408", NotFound, "the target is known and holds no policy of its own; another command is for it";
    NO_VERSION = "E0409", NotFound, "the target is a policy file alone, which has no version";
    NOT_A_FILE = "E0410", NotFound, "a device, a pipe or a socket is where a file should be";
    NO_KEY = "E0411", NotFound, "the hive has no such key or value";
    LINKED_KEY = "E0412", NotFound, "the path leads through a symbolic link of the registry";
    NO_CHANGE = "E0413", NotFound, "no such change of the target is recorded";
    NOTHING_CHECKED = "E0414", NotFound, "nothing was compared or checked";
    NO_REPOSITORY = "E0415", NotFound, "the folder lies in no git working tree";
    NO_PLACE = "E0421", NotFound, "the export of Active Directory has no such container";
    ORDER = "E0422", NotFound, "a line of the order means no GPO, or several";
    DENIED = "E0423", NotFound, "what --deny names is more than one GPO that is linked there";
    HALF_ELSEWHERE = "E0501", Refused, "half of a domain GPO is in Active Directory, and nothing says how to change it";
    CASE_TWINS = "E0502", Refused, "two entries differ only by case";
    OVERWRITES_INPUT = "E0503", Refused, "the output would overwrite the input";
    FILE_EXISTS = "E0504", Refused, "the file to write is there already";
    UNSEEN = "E0505", Refused, "gpt.ini is so that Windows may not see what is written there";
    FILE_ONLY = "E0506", Usage, "--file-only is for a policy file, and the target is none";
    HIBERNATED = "E0511", Refused, "the Windows on this volume is hibernated";
    READ_ONLY = "E0512", Refused, "the file system is mounted read-only";
    CACHED = "E0513", Refused, "the GPO is a client's cache, which Windows alone writes";
    CHANGED = "E0520", Refused, "a file changed while gpol was working";
    LOCKED = "E0521", Refused, "another gpol is changing the same GPO";
    HISTORY = "E0522", Refused, "the change cannot be recorded, or what is recorded cannot be read";
    ATTRIBUTES = "E0523", Refused, "an attribute of a file cannot be kept";
    LEADS_OUT = "E0524", Refused, "a symbolic link in the target leads out of it";
    CHANGED_SINCE = "E0525", Refused, "a file is not as the change to undo left it";
    BEYOND = "E0526", Refused, "a change to mend or undo reaches beyond the target";
    HARD_LINKED = "E0527", Refused, "a file to replace has other names (hard links)";
    OTHER_PLAN = "E0528", Refused, "the plan is another one than the one that was reviewed";
    NOT_CONFIRMED = "E0530", Refused, "nobody said yes to the changes";
    CONTRADICTION = "E0531", Refused, "a state file contradicts one that it extends, and does not say override: true";
    MIXED_SIDES = "E0601", Refused, "the input has settings of several scopes, a policy file has one";
    CANNOT_CARRY = "E0602", Refused, "the format cannot carry all that the input holds";
    FOLDER_TAKEN = "E0603", Refused, "the folder to make is there already";
    OVERRULED = "E0604", Refused, "a value is to be set only if it is missing, and the file deletes it before";
    READ = "E0901", Io, "a file cannot be read";
    WRITE = "E0902", Io, "a file cannot be written";
    TORN = "E0903", Io, "a change stopped halfway and could not be taken back";
    GIT = "E0904", Io, "git cannot be run, or refuses";
}

/// Why a command failed.
#[derive(Debug)]
pub struct CommandError {
    pub code: Code,
    what: String,
    details: Vec<Line>,
    help: Vec<String>,
}

impl CommandError {
    pub fn new(code: Code, what: impl AsRef<str>) -> Self {
        Self { code, what: what.as_ref().to_owned(), details: Vec::new(), help: Vec::new() }
    }

    /// Adds a line that says where, or what gpol did or did not do.
    pub fn detail(mut self, text: impl AsRef<str>) -> Self {
        self.details.push(Line::indented(3).text(text));
        self
    }

    /// Adds lines of a layout of their own.
    pub fn lines(mut self, lines: impl IntoIterator<Item = Line>) -> Self {
        self.details.extend(lines);
        self
    }

    /// Adds something to do next.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    pub fn page(&self) -> Page {
        let mut page = Page::new();
        let head = Line::new().span(Style::Bad, format!("error[{}]", self.code.id)).text(": ").hang();
        page.line(head.span(Style::Strong, &self.what));
        for detail in &self.details {
            page.line(detail.clone());
        }
        for (i, help) in self.help.iter().enumerate() {
            let label = if i == 0 { "help: " } else { "      " };
            let line = Line::new().span(Style::Good, label).hang().text(help);
            // What ends in a command, behind two blanks if words stand before it.
            let command = help.starts_with("gpol ") || help.contains(":  ") || help.contains(" && ");
            page.line(if command { line.whole() } else { line });
        }
        page
    }
}

/// What ends a command early.
#[derive(Debug)]
pub enum Stop {
    /// An error to print.
    Error(Box<CommandError>),
    /// Standard output is closed or full.
    Output(io::Error),
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::Error(Box::new(error))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_exactly_these_codes() {
        let documented: Vec<String> = include_str!("../../docs/errors.md")
            .lines()
            .filter(|line| line.starts_with("| E"))
            .map(|line| line.split('|').map(str::trim).take(4).collect::<Vec<_>>().join("|"))
            .collect();
        let ours: Vec<String> =
            Code::ALL.iter().map(|code| format!("|{}|{}|{}", code.id, code.exit as u8, code.title)).collect();
        assert_eq!(documented, ours);
        assert!(Code::ALL.is_sorted_by(|a, b| a.id < b.id), "each code once, ascending");
    }
}
