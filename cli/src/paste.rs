//! Words of a command line that a message offers, so that it can be pasted into a shell.

use std::path::Path;
use std::sync::OnceLock;

use admx::{Element, Policy};
use gpo::secret::{HIDDEN, are_shown, is_secret_element, may_hold_secrets};

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

/// Ids of elements whose value is a secret, once the policy of the running command is known.
static SECRETS: OnceLock<Vec<String>> = OnceLock::new();

/// From now on, what was typed for inputs of this policy that are secrets is not repeated. People name them by id, or by the
/// text of the control.
pub fn hide(policy: &Policy) {
    let names = |element: &Element| [element.id.clone(), element.label.trim().trim_end_matches(':').to_owned()];
    let _ = SECRETS.set(policy.elements.iter().filter(|element| is_secret_element(element)).flat_map(names).collect());
}

/// Words of the running command that are secrets themselves.
static HIDDEN_WORDS: OnceLock<Vec<String>> = OnceLock::new();

/// From now on, these words of the command line are not repeated.
pub fn hide_words(words: Vec<String>) {
    let _ = HIDDEN_WORDS.set(words);
}

/// The words of the running command, without secrets that were typed: what is repeated is recorded, or read in a log.
///
/// Before the policy is known, the names that were typed tell what is one.
pub fn words() -> Vec<String> {
    let hidden = HIDDEN_WORDS.get().filter(|_| !are_shown()).map_or(&[][..], |words| words);
    let words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .map(|word| if hidden.contains(&word) { HIDDEN.to_owned() } else { word })
        .collect();
    // `policy set TARGET POLICY STATE ELEMENT=VALUE…`
    let sets = words.windows(2).any(|pair| pair[0] == "policy" && pair[1] == "set");
    if !sets || are_shown() {
        return words;
    }
    let named = words.iter().filter(|word| !word.contains('=')).any(|word| may_hold_secrets(word.as_bytes()));
    words.into_iter().map(|word| if word.starts_with('-') { word } else { input(&word, named) }).collect()
}

/// An input as it may be repeated once the policy is known.
pub fn shown(argument: &str) -> String {
    input(argument, false)
}

fn input(argument: &str, by_name: bool) -> String {
    let hidden = |element: &str| {
        let id = element.split('[').next().unwrap_or_default().trim();
        match SECRETS.get() {
            Some(ids) => ids.iter().any(|known| known.eq_ignore_ascii_case(id)),
            None => by_name || may_hold_secrets(element.as_bytes()),
        }
    };
    match argument.split_once('=') {
        Some((element, value)) if !are_shown() && !value.starts_with('@') && hidden(element) => {
            format!("{element}={HIDDEN}")
        }
        _ => argument.to_owned(),
    }
}

/// Whether the policy of the running command takes a secret.
pub fn takes_secrets() -> bool {
    !are_shown() && SECRETS.get().is_some_and(|ids| !ids.is_empty())
}

/// The command that is running, to be typed again with something more.
pub fn this_command() -> String {
    let words = words().into_iter().skip(1).map(|word| assignment(&word));
    std::iter::once("gpol".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// The command that is running, pointed at another target.
pub fn this_command_on(target: &Path, other: &str) -> String {
    let word = |word: String| match *word == *target.to_string_lossy() {
        true => quoted(other),
        false => assignment(&word),
    };
    std::iter::once("gpol".to_owned()).chain(words().into_iter().skip(1).map(word)).collect::<Vec<_>>().join(" ")
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
