//! Words of a command line that a message offers, so that it can be pasted into a shell.

use std::ffi::OsString;
use std::path::Path;

/// A word as the system's shells take it.
///
/// Double quotes where they do: cmd, PowerShell and POSIX shells know them. Where a POSIX shell would
/// act on what is inside, single quotes.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.:_-+@%,=".contains(c) || (cfg!(windows) && c == '\\');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if cfg!(unix) && word.contains(['"', '$', '`', '\\', '!']) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        format!("\"{word}\"")
    }
}

/// `ELEMENT=VALUE` as a shell takes it: the value in quotes where it needs them, all of it where the
/// element has brackets, which some shells take for a pattern.
pub fn assignment(argument: &str) -> String {
    match argument.split_once('=') {
        Some((element, value)) if !element.contains('[') => format!("{element}={}", quoted(value)),
        _ => quoted(argument),
    }
}

/// The command that is running, to be typed again with something more.
pub fn this_command() -> String {
    let words = std::env::args_os().skip(1).map(|word| assignment(&word.to_string_lossy()));
    std::iter::once("gpol".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// The command that is running, pointed at another target.
pub fn this_command_on(target: &Path, other: &str) -> String {
    let word = |word: OsString| match word == target.as_os_str() {
        true => quoted(other),
        false => assignment(&word.to_string_lossy()),
    };
    std::iter::once("gpol".to_owned()).chain(std::env::args_os().skip(1).map(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_expand_them() {
        assert_eq!(quoted("/mnt/gold-2/x.pol"), "/mnt/gold-2/x.pol");
        assert_eq!(quoted("my file.pol"), "\"my file.pol\"");
        assert_eq!(quoted("Policies/{31B2F340}"), "\"Policies/{31B2F340}\"");
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(assignment("Level=All of it"), "Level=\"All of it\"");
        assert_eq!(assignment("Paths[]=a"), "\"Paths[]=a\"");
        if cfg!(unix) {
            assert_eq!(quoted("it's $5"), r"'it'\''s $5'");
            assert_eq!(quoted(r"C:\a"), r"'C:\a'");
        }
    }
}
