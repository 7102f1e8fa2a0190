//! What was meant by words that mean nothing as they stand. Nothing here guesses: it is offered, never taken.

use std::path::{Component, Path, PathBuf};

use crate::error::{Code, CommandError};
use crate::onward;
use crate::paste::quoted;

/// What is there under nearly this path: with another letter case, with `/` for `\`, without quotes that a shell has left, or
/// with the braces of a GUID.
pub fn path(given: &Path) -> Option<PathBuf> {
    let text = given.to_str()?;
    let bare = text.trim().trim_matches(['"', '\'', '\u{201C}', '\u{201D}', '\u{2018}', '\u{2019}']);
    let slashes = if cfg!(windows) { bare.to_owned() } else { bare.replace('\\', "/") };
    let mut found = PathBuf::new();
    for component in Path::new(&slashes).components() {
        match component {
            Component::Normal(name) if !found.join(name).exists() => found.push(like(&found, name.to_str()?)?),
            other => found.push(other),
        }
    }
    (found.as_os_str() != given.as_os_str() && found.exists()).then_some(found)
}

/// The one entry of a folder that is called so, but for letter case and braces.
fn like(folder: &Path, name: &str) -> Option<String> {
    let bare = |name: &str| name.trim_matches(['{', '}']).to_lowercase();
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut alike = names.filter(|other| bare(other) == bare(name));
    alike.next().filter(|_| alike.next().is_none())
}

/// A state as it may be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateWord {
    Enabled,
    Disabled,
    /// Another word for a state that has one here, or for none.
    Like(&'static str),
    Unknown,
}

impl StateWord {
    pub fn of(word: &str) -> Self {
        let plain: String = word.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_ascii_lowercase();
        match &*plain {
            "enabled" => Self::Enabled,
            "disabled" => Self::Disabled,
            "on" | "enable" | "true" | "yes" | "1" => Self::Like("enabled"),
            "off" | "disable" | "false" | "no" | "0" => Self::Like("disabled"),
            "notconfigured" | "unset" | "unconfigured" | "none" | "default" => Self::Like("not-configured"),
            _ => Self::Unknown,
        }
    }

    fn is_known(self) -> bool {
        self != Self::Unknown
    }
}

/// Refuses a target and a policy that stand in each other's place, with the command in the right order.
pub fn in_order(command: &str, target: &Path, policy: &str) -> Result<(), CommandError> {
    match !target.exists() && Path::new(policy).exists() {
        true => Err(swapped(onward::on(policy, command, &quoted(&target.display().to_string())))),
        false => Ok(()),
    }
}

/// As [`in_order`], for a target, a policy and its state: the target is the one that is there, the state the one that is a
/// word for one.
pub fn in_order_with_state(target: &Path, policy: &str, state: &str, rest: &[String]) -> Result<(), CommandError> {
    let first = target.display().to_string();
    let words = [&*first, policy, state];
    let only = |fits: &dyn Fn(&str) -> bool| {
        let mut fitting = (0..words.len()).filter(|at| fits(words[*at]));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    let (Some(path), Some(word)) =
        (only(&|word| Path::new(word).exists()), only(&|word| StateWord::of(word).is_known()))
    else {
        return Ok(());
    };
    if path == word || (path, word) == (0, 2) {
        return Ok(());
    }
    let policy = words[3 - path - word];
    let rest: String =
        rest.iter().map(|word| format!(" {}", crate::paste::assignment(&crate::paste::shown(word)))).collect();
    let typed = format!("{} {}{rest}", quoted(policy), words[word].to_ascii_lowercase());
    Err(swapped(onward::on(words[path], "policy set", &typed)))
}

/// What to say where one policy is named to a command that shows all.
pub fn not_of_one_policy(target: &Path, policy: &str) -> CommandError {
    let first = target.display().to_string();
    let (target, policy) = match !target.exists() && Path::new(policy).exists() {
        true => (policy, &*first),
        false => (&*first, policy),
    };
    CommandError::new(Code::ORDER_OF_WORDS, "gpol show takes a target alone, and shows all that it configures")
        .help(format!("the state of one policy:  {}", onward::on(target, "policy get", &quoted(policy))))
        .help(format!("who decides it:  {}", onward::on(target, "explain", &quoted(policy))))
}

fn swapped(right: String) -> CommandError {
    CommandError::new(
        Code::ORDER_OF_WORDS,
        "the words stand in another order than gpol reads them: first the target, then the policy",
    )
    .detail("Nothing was written.")
    .help(right)
}

/// What to say of a word that is no state.
pub fn no_state(target: &Path, policy: &str, word: &str, rest: &[String]) -> CommandError {
    let what = format!("\"{}\" is no state to set; there are enabled and disabled", crate::paste::shown(word));
    let failed = CommandError::new(Code::NO_STATE, what).detail("Nothing was written.");
    let policy = quoted(policy);
    let typed = |state: &str, words: &[&str]| {
        let words = words.iter().map(|word| format!(" {}", crate::paste::assignment(&crate::paste::shown(word))));
        onward::on_path(target, "policy set", &format!("{policy} {state}{}", words.collect::<String>()))
    };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match StateWord::of(word) {
        StateWord::Like("not-configured") => {
            failed.help(format!("to make it not configured:  {}", onward::on_path(target, "policy unset", &policy)))
        }
        StateWord::Like(state) => failed
            .help(typed(state, &rest))
            .help("enabled says yes to the policy's name: where that says \"Turn off\", it switches off"),
        _ if word.contains('=') => {
            let words: Vec<&str> = std::iter::once(word).chain(rest).collect();
            failed.help(format!("inputs follow the state:  {}", typed("enabled", &words)))
        }
        _ => failed
            .help(typed("enabled", &rest))
            .help(typed("disabled", &[]))
            .help(format!("to make it not configured:  {}", onward::on_path(target, "policy unset", &policy))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_in_any_case_and_their_other_names_are_known() {
        for (word, state) in [
            ("Disabled", StateWord::Disabled),
            ("ENABLED", StateWord::Enabled),
            ("off", StateWord::Like("disabled")),
            ("On", StateWord::Like("enabled")),
            ("not-configured", StateWord::Like("not-configured")),
            ("Not Configured", StateWord::Like("not-configured")),
            ("NotConfigured", StateWord::Like("not-configured")),
            ("disabld", StateWord::Unknown),
        ] {
            assert_eq!(StateWord::of(word), state, "{word}");
        }
    }
}
