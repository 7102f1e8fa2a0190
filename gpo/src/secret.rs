//! What is a secret: the one place that decides it, by where a value stands and by what kind of data it holds.
//!
//! [`Judged`](crate::model::Judged) asks here and is the only way from data to what is shown, so that no view and no
//! document can forget to ask. `docs/secrets.md` has the rules for people, and why they are so.
//!
//! The rules err on the side of hiding: what is hidden by mistake can be asked for, what was shown cannot be taken back.

use std::sync::atomic::{AtomicBool, Ordering};

use admx::{Detail, Element, InputError, Policy};
use polfile::{RecordRef, ValueType, WideStr};

/// What stands in place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// Whether secrets are shown. A program says it once, before it reads anything; who forgets hides them.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Shows secrets from now on, in this process.
pub fn show_all() {
    SHOWN.store(true, Ordering::Relaxed);
}

/// Whether secrets are shown.
pub fn are_shown() -> bool {
    SHOWN.load(Ordering::Relaxed)
}

/// Names that always hold a secret, below whatever key.
///
/// `DefaultPassword`: Microsoft, "Turn on automatic logon in Windows" (article 324737); `AltDefaultPassword` is the same for
/// the alternative account. Enrollment tokens let anyone join a browser to an organisation: Microsoft Edge and Chrome
/// Enterprise policy references.
const NAMES: [&str; 5] = [
    "defaultpassword",
    "altdefaultpassword",
    "edgemanagementenrollmenttoken",
    "cloudmanagementenrollmenttoken",
    "machinelevelusercloudpolicyenrollmenttoken",
];

/// Parts of a value name, or of a key in the path, that say what the data are.
const WORDS: [&str; 19] = [
    "password",
    "passwd",
    "pwd",
    "pswd",
    "passphrase",
    "passcode",
    "secret",
    "communit",
    "credential",
    "privatekey",
    "presharedkey",
    "sharedkey",
    "accesskey",
    "apikey",
    "keymaterial",
    "private key",
    "preshared key",
    "shared key",
    "api key",
];

/// Whole words of a value name that say the same: `Proxy Pass`, `PSK`.
const WHOLE_WORDS: [&str; 3] = ["pass", "psk", "pw"];

/// Ends of names that are about a password and hold none, such as `PasswordComplexity` and `PasswordManagerBlocklist`.
/// Gathered from the templates of Windows, Office, Edge, Chrome and Firefox: see `docs/secrets.md`.
const ABOUT: [&str; 46] = [
    "url",
    "urls",
    "complexity",
    "length",
    "age",
    "days",
    "history",
    "policy",
    "policies",
    "provider",
    "providers",
    "expiry",
    "expiration",
    "warning",
    "principal",
    "list",
    "exception",
    "exceptions",
    "manager",
    "reveal",
    "use",
    "properties",
    "level",
    "timeout",
    "trigger",
    "setting",
    "settings",
    "filter",
    "prompt",
    "enabled",
    "disabled",
    "allowed",
    "mode",
    "type",
    "scan",
    "generation",
    "protection",
    "reset",
    "rotation",
    "delegation",
    "location",
    "path",
    "title",
    "caption",
    "label",
    "icon",
];

/// Keys whose name has such a word and whose values are none: lists of servers (CredSsp.admx), and the settings of LAPS
/// before it came with Windows (AdmPwd.admx).
const HARMLESS_KEYS: [&str; 2] = ["credentialsdelegation", "admpwd"];

/// Directives whose data are names of values or keys.
const DELETIONS: [&str; 2] = ["**deletevalues", "**deletekeys"];

/// Texts that switch something on or off, in Windows' own templates: `FormSuggest Passwords` is `no`.
const SWITCHES: [&str; 10] = ["0", "1", "yes", "no", "true", "false", "on", "off", "enabled", "disabled"];

/// End of the key where the SNMP service has its communities. Its own key has them as the names of values, with the
/// rights as data; the policy's (Snmp.admx) numbers its values and has them as data.
const COMMUNITIES: &str = r"snmp\parameters\validcommunities";

/// Whether the data of a value are a secret.
///
/// Numbers never are, nor is what is empty, and a switch only under a name that always holds a secret.
pub fn is_secret(key: &str, name: &str, value_type: ValueType, data: &[u8]) -> bool {
    if is_number(value_type, data) || is_empty(value_type, data) {
        return false;
    }
    let name = name.to_lowercase();
    if DELETIONS.contains(&&*name) {
        return is_communities(key);
    }
    let name = bare_name(&name);
    if NAMES.contains(&name) {
        return true;
    }
    says_so(key, name) && !is_switch(value_type, data)
}

/// Whether a text that stands there is a secret.
pub fn is_secret_text(key: &str, name: &str, text: &str) -> bool {
    let data: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    is_secret(key, name, ValueType::SZ, &data)
}

/// Whether the data of a record are a secret.
pub fn is_secret_record(record: &RecordRef<'_>) -> bool {
    !is_number(record.value_type, record.data)
        && is_secret(&record.key.to_text_lossy(), &record.value_name.to_text_lossy(), record.value_type, record.data)
}

/// The name of a value as it may be shown: hidden where the name itself is the secret.
pub fn shown_name(key: &str, name: &str) -> String {
    let bare = bare_name(name);
    match is_secret_name(key, name) && !are_shown() {
        true => format!("{}{HIDDEN}", name.strip_suffix(bare).unwrap_or_default()),
        false => name.to_owned(),
    }
}

/// Whether the name of a value is a secret itself: an SNMP community.
pub fn is_secret_name(key: &str, name: &str) -> bool {
    let bare = bare_name(name);
    !bare.is_empty()
        && !bare.bytes().all(|byte| byte.is_ascii_digit())
        && (!name.starts_with("**") || name.contains('.'))
        && is_communities(key)
}

fn is_communities(key: &str) -> bool {
    key.len() >= COMMUNITIES.len() && key.to_lowercase().trim_end_matches('\\').ends_with(COMMUNITIES)
}

/// Whether what is entered for an element is a secret.
pub fn is_secret_element(element: &Element) -> bool {
    let name = match &element.detail {
        Detail::Text { .. } | Detail::MultiText { .. } => element.value_name.as_deref(),
        Detail::List { prefix, .. } => prefix.as_deref(),
        _ => return false,
    };
    is_secret_text(&element.key, name.unwrap_or_default(), "a text")
}

/// As [`is_secret_name`], of names as they stand in a file; most keys are told apart by their length and last letter.
pub(crate) fn is_secret_wide_name(key: WideStr<'_>, name: WideStr<'_>) -> bool {
    let bytes = key.as_bytes();
    bytes.len() >= 2 * COMMUNITIES.len()
        && matches!(bytes.last_chunk::<2>(), Some([b's' | b'S' | b'\\', 0]))
        && is_secret_name(&key.to_text_lossy(), &name.to_text_lossy())
}

/// Whether a text names a place of secrets. For what is no record any more, such as the bytes around damage: only letters
/// count, so that blanks, NULs and lost alignment between them do not matter.
pub fn may_hold_secrets(bytes: &[u8]) -> bool {
    let letters: String = bytes
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .map(|byte| char::from(*byte).to_ascii_lowercase())
        .collect();
    NAMES.iter().chain(&WORDS).any(|word| letters.contains(&word.replace(' ', "")))
}

/// A message about a text that may hold secrets, without what it quotes of it; words of the formats stay.
pub(crate) fn without_quotations(message: &str) -> String {
    const WORDS_OF_FORMATS: [&str; 9] =
        ["Computer", "User", "type", "data", "raw", "value", "key", "value_name", "utf16le"];
    let mut parts = message.split('"');
    let mut out = parts.next().unwrap_or_default().to_owned();
    // A quotation mark inside of a quotation is behind a backslash: what follows it is quoted, too.
    while let Some(quoted) = parts.next() {
        let mut escaped = quoted.ends_with('\\');
        let is_word = WORDS_OF_FORMATS.contains(&quoted);
        while escaped {
            escaped = parts.next().is_some_and(|more| more.ends_with('\\'));
        }
        out.push_str(&if is_word { format!("\"{quoted}\"") } else { HIDDEN.to_owned() });
        out.push_str(parts.next().unwrap_or_default());
    }
    out
}

/// Why an input does not fit, without the input where that is a secret.
#[must_use]
pub fn without_secret_input(policy: &Policy, error: InputError) -> InputError {
    match error {
        InputError::Rejected { needed, reason, .. }
            if !are_shown() && policy.element_named(&needed.element).is_some_and(is_secret_element) =>
        {
            InputError::Rejected { given: HIDDEN.to_owned(), needed, reason }
        }
        other => other,
    }
}

/// The name that a directive speaks of: `**soft.Password` is about `Password`.
fn bare_name(name: &str) -> &str {
    match name.strip_prefix("**") {
        Some(directive) => directive.split_once('.').map_or(directive, |(_, name)| name),
        None => name,
    }
}

/// Whether the name, or a key on the way to it, says password or the like.
fn says_so(key: &str, name: &str) -> bool {
    let key = key.to_lowercase();
    if key.split('\\').any(|part| HARMLESS_KEYS.contains(&part)) {
        return WORDS.iter().any(|word| name.contains(word)) && !is_about(name) && !key.contains(HARMLESS_KEYS[0]);
    }
    let says = |part: &str| WORDS.iter().any(|word| part.contains(word));
    let whole = |word: &str| WHOLE_WORDS.contains(&word);
    (says(name) || name.split(|c: char| !c.is_alphanumeric()).any(whole)) && !is_about(name)
        || key.split('\\').any(|part| says(part) && !is_about(part))
}

fn is_about(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    ABOUT.iter().any(|end| name.ends_with(end))
}

fn is_number(value_type: ValueType, data: &[u8]) -> bool {
    matches!((value_type, data.len()), (ValueType::DWORD | ValueType::DWORD_BIG_ENDIAN, 4) | (ValueType::QWORD, 8))
}

/// No data, or a text of NULs and blanks, as the marker that deletes a value has it.
fn is_empty(value_type: ValueType, data: &[u8]) -> bool {
    data.is_empty() || (is_text(value_type) && data.iter().all(|byte| matches!(byte, 0 | b' ')))
}

fn is_switch(value_type: ValueType, data: &[u8]) -> bool {
    let text = WideStr::new(data).map(WideStr::to_text_lossy).unwrap_or_default();
    is_text(value_type) && SWITCHES.contains(&&*text.trim_end_matches('\0').to_lowercase())
}

fn is_text(value_type: ValueType) -> bool {
    matches!(value_type, ValueType::SZ | ValueType::EXPAND_SZ | ValueType::MULTI_SZ)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    /// Names of real programs and templates, judged by hand: `docs/secrets.md` lists them.
    #[test]
    fn secrets_are_told_from_what_is_about_them() {
        let text = |key: &str, name: &str, text: &str| is_secret(key, name, ValueType::SZ, &wide(text));
        for (key, name) in [
            (r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon", "DefaultPassword"),
            (r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon", "**soft.altdefaultpassword"),
            (r"SOFTWARE\TightVNC\Server", "PasswordViewOnly"),
            (r"Software\ORL\WinVNC3\Default", "Password"),
            (r"SOFTWARE\Policies\SNMP\Parameters\ValidCommunities", "1"),
            (r"SOFTWARE\Acme\Secrets\Mail", "Account"),
            (r"SOFTWARE\Acme", "ProxyPwd"),
            (r"SOFTWARE\Acme", "Proxy Pass"),
            (r"SOFTWARE\Acme", "Password2"),
            (r"SOFTWARE\Acme\Passwords", ""),
            (r"SOFTWARE\Acme", "CommunityName"),
            (r"SOFTWARE\Acme", "WifiPassphrase"),
            (r"SOFTWARE\Acme", "cpassword"),
            (r"SOFTWARE\Policies\Microsoft\Edge", "EdgeManagementEnrollmentToken"),
        ] {
            assert!(text(key, name, "hunter2"), "{key}!{name}");
            assert!(is_secret(key, name, ValueType::BINARY, &[1, 2, 3, 4]), "{key}!{name}");
            assert!(!is_secret(key, name, ValueType::DWORD, &[1, 2, 3, 4]), "{key}!{name}");
            assert!(!text(key, name, " ") && !text(key, name, ""), "{key}!{name}");
        }
        for (key, name, data) in [
            (r"Software\Policies\Microsoft\Internet Explorer\Main", "FormSuggest Passwords", "no"),
            (r"Software\Microsoft\Windows NT\CurrentVersion\Winlogon", "PasswordExpiryWarning", "14"),
            (r"Software\Policies\Microsoft\Windows\CredUI", "DisablePasswordReveal", "1"),
            (r"SYSTEM\CurrentControlSet\Control\Lsa", "LimitBlankPasswordUse", "1"),
            (r"SAM\Domains\Account", "PwdProperties", "1"),
            (r"Software\Policies\Microsoft\Edge\PasswordManagerBlocklist", "1", "https://a.example"),
            (r"Software\Policies\Microsoft\Edge\PasswordProtectionLoginURLs", "1", "https://a.example"),
            (r"Software\Policies\Microsoft\Edge", "PasswordProtectionChangePasswordURL", "https://a.example"),
            (r"Software\Policies\Mozilla\Firefox\PasswordManagerExceptions", "1", "https://a.example"),
            (r"Software\Policies\Microsoft\Windows\CredentialsDelegation\AllowSavedCredentials", "1", "TERMSRV/*"),
            (r"Software\Policies\Microsoft\Windows\System", "DefaultCredentialProvider", "{8FD7E19C}"),
            (r"Software\Policies\Microsoft Services\AdmPwd", "AdminAccountName", "admin"),
            (r"Software\Microsoft\Windows\CurrentVersion\Policies\LAPS", "ADPasswordEncryptionPrincipal", "A\\b"),
            (r"Software\Policies\Microsoft\Office\16.0\Excel", "ExcelBypassEncryptedMacroScan", "x"),
            (r"Software\Policies\Google\Chrome", "ProxyBypassList", "*.example"),
            (r"Software\Policies\Microsoft\PassportForWork", "Plugins", "x"),
        ] {
            assert!(!text(key, name, data), "{key}!{name}");
        }
        let winlogon = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon";
        assert!(text(winlogon, "DefaultPassword", "1"), "a password that looks like a switch");
        assert!(is_secret("K", "Password", ValueType::DWORD, b"hunter2"), "no number: it does not fit its type");
    }

    #[test]
    fn a_message_keeps_the_words_of_its_format_alone() {
        let message = r#"expected "Computer" or "User", found "a \" b", and "x""#;
        assert_eq!(without_quotations(message), r#"expected "Computer" or "User", found (hidden), and (hidden)"#);
        assert_eq!(without_quotations("none"), "none");
    }

    #[test]
    fn communities_are_secrets_where_they_are_names_too() {
        let key = r"SYSTEM\CurrentControlSet\Services\SNMP\Parameters\ValidCommunities";
        assert!(is_secret_name(key, "s3cret") && is_secret_name(key, "**del.s3cret"));
        assert!(!is_secret_name(key, "1") && !is_secret_name(key, "") && !is_secret_name(key, "**DeleteValues"));
        assert!(!is_secret_name(r"SYSTEM\CurrentControlSet\Services\SNMP\Parameters", "s3cret"));
        assert_eq!(shown_name(key, "**del.s3cret"), "**del.(hidden)");
    }
}
