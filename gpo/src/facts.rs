//! What gpol knows about policies beyond their templates: data, in `facts/facts.toml`, with its sources.
//!
//! A template says which registry value a policy writes. It does not say, but for prose, which local setting that
//! value shadows, what its numbers mean, and what Windows does where neither is there.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use admx::Policy;
use polfile::{Folded, Value, ValueType};
use serde::{Deserialize, Serialize};

/// All that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Policies and the local settings behind them.
    #[serde(rename = "fact")]
    pub facts: Vec<Fact>,
    /// Local settings that no policy shadows.
    #[serde(rename = "setting")]
    pub settings: Vec<Setting>,
}

/// A policy and the local setting behind it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// `namespace:name`.
    pub policy: String,
    /// The policy's value that decides.
    pub value: String,
    /// Type of that value, and of the local one.
    #[serde(rename = "type")]
    pub value_type: String,
    /// A sentence; `{}` stands for the meaning.
    pub says: String,
    /// What each value means.
    #[serde(default)]
    pub meaning: BTreeMap<String, String>,
    /// Behind a number without a meaning.
    pub unit: Option<String>,
    /// What Disabled amounts to, where it does not write the value.
    pub disabled: Option<String>,
    /// Keys whose presence makes Windows ignore the policy, whatever is in them.
    #[serde(default)]
    pub ignored_if: Vec<String>,
    /// The local setting, which decides where the policy does not.
    pub local: Local,
    /// What holds where neither is there.
    #[serde(default)]
    pub default: Vec<Fallback>,
    /// Policies and settings to look at together with this one.
    #[serde(default)]
    pub related: Vec<String>,
    /// What must be known beside it.
    pub note: Option<String>,
    /// Where all this is documented.
    pub sources: Vec<Source>,
}

/// A local setting behind a policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Local {
    /// Key below `HKLM`.
    pub key: String,
    /// Value name.
    pub value: String,
    /// What people change it with.
    pub name: String,
    /// Unit, where it is not the policy's.
    pub unit: Option<String>,
    /// Values that the policy cannot have.
    #[serde(default)]
    pub meaning: BTreeMap<String, String>,
    /// Further settings of the same name that the policy shadows as well.
    #[serde(default)]
    pub also: Vec<Also>,
    /// When alone it decides.
    pub only_if: Option<OnlyIf>,
}

/// A local setting beside another one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// Key below `HKLM`.
    pub key: String,
    /// What people change it with.
    pub name: String,
}

/// A number beside a local setting that says whether it decides.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlyIf {
    /// Its name, in the same key.
    pub value: String,
    /// The number with which the setting decides.
    pub is: u32,
    /// What decides with any other.
    #[serde(rename = "else")]
    pub otherwise: String,
}

/// A local setting that no policy shadows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// How facts refer to it.
    pub id: String,
    /// Key below `HKLM`.
    pub key: String,
    /// Value name.
    pub value: String,
    /// Type of the value.
    #[serde(rename = "type")]
    pub value_type: String,
    /// A sentence; `{}` stands for the value, or what it means.
    pub says: String,
    /// What each value means.
    #[serde(default)]
    pub meaning: BTreeMap<String, String>,
    /// What a text means that has this in it, in any letter case; `meaning` names whole values.
    #[serde(default)]
    pub contains: BTreeMap<String, String>,
    /// Behind a number without a meaning.
    pub unit: Option<String>,
    /// What holds where it is not there.
    #[serde(default)]
    pub default: Vec<Fallback>,
    /// Where all this is documented.
    pub sources: Vec<Source>,
}

/// What Windows does where neither policy nor local setting is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// The value that it amounts to.
    pub value: String,
    /// Versions for which this is documented, in words.
    pub versions: String,
    /// What speaks for and against it, where documents contradict each other.
    pub unverified: Option<String>,
    /// The first build of them.
    pub from_build: Option<u32>,
    /// `Client` or `Server`, where it holds for one of them.
    pub installation: Option<String>,
}

/// A document that says so.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its title.
    pub title: String,
    /// Its address; a template's help text has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Facts {
    /// The facts that gpol ships with.
    pub fn get() -> &'static Self {
        static FACTS: OnceLock<Facts> = OnceLock::new();
        FACTS.get_or_init(|| toml::from_str(include_str!("facts/facts.toml")).expect("a test reads the file"))
    }

    /// What is known about a policy, and the key of its value that decides.
    pub fn of<'p>(&self, policy: &'p Policy) -> Option<(&Fact, &'p str)> {
        let fact = self.facts.iter().find(|fact| fact.policy == policy.id())?;
        let (key, _) = policy.values().into_iter().find(|(_, name)| name.eq_ignore_ascii_case(&fact.value))?;
        Some((fact, key))
    }

    /// The policies behind which a value is the local setting.
    pub fn shadowing(&self, key: &str, name: &str) -> impl Iterator<Item = &Fact> {
        let (key, name) = (Folded::from(key), Folded::from(name));
        self.facts
            .iter()
            .filter(move |fact| Folded::from(&*fact.local.key) == key && Folded::from(&*fact.local.value) == name)
    }

    /// A local setting that no policy shadows.
    pub fn setting(&self, id: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.id == id)
    }
}

impl Fact {
    /// What a value of the policy means: a part of a sentence.
    pub fn meaning(&self, value: &Value) -> String {
        self.words(value, self.unit.as_deref(), &[&self.meaning])
    }

    /// What a value of the local setting means.
    pub fn local_meaning(&self, value: &Value) -> String {
        let unit = self.local.unit.as_deref().or(self.unit.as_deref());
        self.words(value, unit, &[&self.local.meaning, &self.meaning])
    }

    fn words(&self, value: &Value, unit: Option<&str>, meanings: &[&BTreeMap<String, String>]) -> String {
        let text = match plain(value) {
            Some(text) if type_of(value).name() == Some(&*self.value_type) => text,
            _ => return format!("not known: the value is no {}, but {}", self.value_type, type_of(value)),
        };
        match (meanings.iter().find_map(|meaning| meaning.get(&text)), unit) {
            (Some(meaning), _) => meaning.clone(),
            (None, Some(unit)) => format!("{text} {unit}"),
            (None, None) if !self.meaning.is_empty() => format!("not known: the facts do not name the value {text}"),
            (None, None) => text,
        }
    }

    /// The sentence about a meaning.
    pub fn sentence(&self, meaning: &str) -> String {
        sentence(&self.says, meaning)
    }

    /// What a value means that is given as text, as defaults are.
    pub fn meaning_of_text(&self, text: &str) -> String {
        self.meaning.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }
}

impl Setting {
    /// The sentence about a value.
    pub fn meaning(&self, value: &Value) -> String {
        match plain(value).filter(|_| type_of(value).name() == Some(&*self.value_type)) {
            Some(text) => self.meaning_of_text(&text),
            None => format!("not known: the value is no {}, but {}", self.value_type, type_of(value)),
        }
    }

    /// The sentence about a value that is given as text, as defaults are.
    pub fn meaning_of_text(&self, text: &str) -> String {
        let whole = text.to_ascii_lowercase();
        let in_it = |part: &str| whole.contains(&part.to_ascii_lowercase());
        let part = || self.contains.iter().find(|(part, _)| in_it(part)).map(|(_, meaning)| meaning);
        match (self.meaning.get(text).or_else(part), &self.unit) {
            (Some(meaning), _) => sentence(&self.says, meaning),
            (None, Some(unit)) => sentence(&self.says, &format!("{text} {unit}")),
            (None, None) if self.meaning.is_empty() && self.contains.is_empty() => sentence(&self.says, text),
            (None, None) => format!("not known: the facts do not name the value {text}"),
        }
    }
}

/// A sentence with the meaning in its place; one that is not known stands alone.
pub(crate) fn sentence(says: &str, meaning: &str) -> String {
    match meaning.starts_with("not known") {
        true => meaning.to_owned(),
        false => says.replacen("{}", meaning, 1),
    }
}

/// A number or a text, as facts write them.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Dword(n) | Value::DwordBigEndian(n) => Some(n.to_string()),
        Value::Qword(n) => Some(n.to_string()),
        Value::Sz(text) | Value::ExpandSz(text) => Some(text.to_string()),
        _ => None,
    }
}

fn type_of(value: &Value) -> ValueType {
    value.encode().0
}

#[cfg(test)]
mod tests {
    use super::*;
    use admx::Catalog;

    #[test]
    fn the_file_is_read_and_every_fact_has_a_source() {
        let facts = Facts::get();
        let sources = facts.facts.iter().map(|f| &f.sources).chain(facts.settings.iter().map(|s| &s.sources));
        for sources in sources {
            assert!(!sources.is_empty());
            for source in sources {
                let documented = source
                    .url
                    .as_deref()
                    .map_or(source.title.contains(".admx"), |url| url.starts_with("https://learn.microsoft.com/"));
                assert!(documented, "{source:?}");
            }
        }
    }

    #[test]
    fn places_and_references_are_such_that_an_image_can_answer() {
        let facts = Facts::get();
        let mut ids: Vec<&str> = facts.facts.iter().map(|f| &*f.policy).collect();
        ids.extend(facts.settings.iter().map(|s| &*s.id));
        let once: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(once.len(), ids.len(), "each policy once");
        let keys = facts.facts.iter().map(|f| &f.local.key).chain(facts.settings.iter().map(|s| &s.key));
        let also = facts.facts.iter().flat_map(|f| f.local.also.iter().map(|also| &also.key).chain(&f.ignored_if));
        let keys = keys.chain(also);
        for key in keys {
            assert!(key.starts_with(r"SYSTEM\CurrentControlSet\") || key.starts_with(r"SOFTWARE\"), "{key}");
        }
        for fact in &facts.facts {
            assert!(fact.says.contains("{}"), "{}", fact.policy);
            assert!(fact.related.iter().all(|id| ids.contains(&&**id)), "{}", fact.policy);
            assert!(ValueType::from_name(&fact.value_type).is_some(), "{}", fact.policy);
            for default in &fact.default {
                assert!(fact.meaning.is_empty() || fact.meaning.contains_key(&default.value), "{}", fact.policy);
            }
        }
    }

    #[test]
    fn settings_that_no_policy_shadows_say_what_their_documents_say() {
        let facts = Facts::get();
        for setting in &facts.settings {
            assert!(
                setting.says.contains("{}") && ValueType::from_name(&setting.value_type).is_some(),
                "{}",
                setting.id
            );
            assert!(setting.default.iter().all(|d| !setting.meaning_of_text(&d.value).starts_with("not known")));
        }
        // The rule as Microsoft's help for virtual machines prints it, switched off and on.
        let rule = |active: &str| {
            format!(
                "v2.22|Action=Allow|{active}|Dir=In|Protocol=6|Profile=Domain|Profile=Private|Profile=Public|LPort=3389|\
                 App=%SystemRoot%\\system32\\svchost.exe|Svc=termservice|Name=@FirewallAPI.dll,-28775|"
            )
        };
        for (id, value, meaning) in [
            (
                "rdp-firewall-rule",
                Value::from(&*rule("Active=FALSE")),
                "the firewall rule \"Remote Desktop - User Mode (TCP-In)\" is off",
            ),
            (
                "rdp-firewall-rule",
                Value::from(&*rule("Active=True")),
                "the firewall rule \"Remote Desktop - User Mode (TCP-In)\" is on",
            ),
            (
                "rdp-firewall-rule",
                Value::from("v2.22|Action=Allow|"),
                "not known: the facts do not name the value v2.22|Action=Allow|",
            ),
            // KB 951016: 0 builds a filtered token, 1 an elevated one.
            (
                "remote-uac",
                Value::Dword(1),
                "administrators with a local account who sign in over the network have their full rights",
            ),
            // The page of the security option: 0 is no limit, up to 599,940 seconds.
            ("inactivity-limit", Value::Dword(0), "the limit of inactivity that locks a session is none"),
            ("inactivity-limit", Value::Dword(900), "the limit of inactivity that locks a session is 900 seconds"),
            ("lan-manager-level", Value::Dword(3), "as a client it sends NTLMv2 responses only"),
            ("uac", Value::Dword(0), "User Account Control (Admin Approval Mode) is off"),
            // KB 324737 makes it a string.
            ("autologon", Value::Dword(1), "not known: the value is no REG_SZ, but REG_DWORD"),
            ("autologon", Value::from("0"), "automatic logon is off"),
            ("rdp-port", Value::Dword(3390), "remote desktop listens on TCP port 3390"),
        ] {
            assert_eq!(facts.setting(id).expect(id).meaning(&value), meaning);
        }
    }

    #[test]
    fn facts_of_the_built_in_catalogue_name_values_that_its_policies_write() {
        let catalog = Catalog::builtin();
        let mut known = 0;
        for fact in &Facts::get().facts {
            let Some(policy) = catalog.policies().iter().find(|p| p.id() == fact.policy) else { continue };
            let (_, key) = Facts::get().of(policy).expect("it writes the value");
            assert_eq!(key, r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services");
            known += 1;
        }
        assert_eq!(known, 5);
    }

    #[test]
    fn a_value_of_another_type_or_without_a_meaning_is_not_guessed_at() {
        let nla = &Facts::get().facts[0];
        assert_eq!(nla.sentence(&nla.meaning(&Value::Dword(0))), "NLA is not required");
        assert_eq!(nla.meaning(&Value::Dword(7)), "not known: the facts do not name the value 7");
        assert_eq!(nla.meaning(&Value::from("1")), "not known: the value is no REG_DWORD, but REG_SZ");
        let log = Facts::get().facts.iter().find(|f| f.policy.ends_with(":Channel_LogMaxSize_1")).unwrap();
        assert_eq!(log.meaning(&Value::Dword(20480)), "20480 KB");
        assert_eq!(log.local_meaning(&Value::Dword(1_048_576)), "1048576 bytes");
    }

    /// The literals that a policy may write to a value; `None` if it takes any number or text.
    fn literals(policy: &Policy, name: &str) -> Option<Vec<String>> {
        use admx::{Detail, Literal};
        let text = |literal: &Literal| match literal {
            Literal::Decimal(n) => Some(n.to_string()),
            Literal::String(text) => Some(text.clone()),
            _ => None,
        };
        let mut all = Vec::new();
        if policy.value_name.as_deref() == Some(name) {
            all.extend([&policy.enabled_value, &policy.disabled_value].into_iter().flatten().filter_map(text));
        }
        let lists = policy.enabled_list.iter().chain(&policy.disabled_list);
        all.extend(lists.filter(|item| item.value_name == name).filter_map(|item| text(&item.literal)));
        for element in policy.elements.iter().filter(|element| element.value_name.as_deref() == Some(name)) {
            let Detail::Enum { items } = &element.detail else { return None };
            all.extend(items.iter().filter_map(|item| text(&item.value)));
        }
        Some(all)
    }

    /// Templates of Microsoft's security guide write into the place of the local setting. "Apply UAC restrictions to local accounts on network
    /// logons" turns its value round.
    #[test]
    fn settings_that_templates_write_have_the_values_that_they_write() {
        let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
        let corpus = std::env::var_os("GPOL_CORPUS").map_or(beside, std::path::PathBuf::from);
        let store = corpus.join("admx/mxk+windows-secure-group-policy/PolicyDefinitions");
        if !store.is_dir() {
            println!("skipped: no corpus at {}", corpus.display());
            return;
        }
        let catalog = Catalog::load(&[store], "en-US").unwrap();
        let mut written = Vec::new();
        for setting in &Facts::get().settings {
            let here = |policy: &&Policy| {
                policy.values().into_iter().any(|(key, name)| {
                    key.eq_ignore_ascii_case(&setting.key) && name.eq_ignore_ascii_case(&setting.value)
                })
            };
            for policy in catalog.policies().iter().filter(here) {
                let literals = literals(policy, &setting.value).unwrap();
                assert!(
                    literals.iter().all(|value| setting.meaning.contains_key(value)),
                    "{}: {literals:?}",
                    setting.id
                );
                written.push((&*setting.id, literals));
            }
        }
        let literals = |id| written.iter().find(|(setting, _)| *setting == id).map(|(_, all)| all.join(" "));
        assert_eq!(literals("remote-uac").as_deref(), Some("0 1"), "Enabled, Disabled");
        assert_eq!(literals("smb1-server").as_deref(), Some("1 0"), "Enabled, Disabled");
        assert_eq!(literals("smb1-client").as_deref(), Some("4 3 2"));
    }

    #[test]
    fn facts_name_policies_and_values_of_windows_11() {
        let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
        let corpus = std::env::var_os("GPOL_CORPUS").map_or(beside, std::path::PathBuf::from);
        let store = corpus.join("admx/mxk+windows-secure-group-policy/PolicyDefinitions");
        if !store.is_dir() {
            println!("skipped: no corpus at {}", corpus.display());
            return;
        }
        let catalog = Catalog::load(&[store], "en-US").unwrap();
        for fact in &Facts::get().facts {
            let policy = catalog.policies().iter().find(|policy| policy.id() == fact.policy).expect(&fact.policy);
            assert!(policy.class.has(admx::Side::Computer), "{}", fact.policy);
            let (_, key) = Facts::get().of(policy).expect(&fact.policy);
            assert_ne!(key.to_ascii_lowercase(), fact.local.key.to_ascii_lowercase(), "another place");
            if let Some(literals) = literals(policy, &fact.value) {
                for value in fact.meaning.keys() {
                    assert!(literals.contains(value), "{}: {value} is none of {literals:?}", fact.policy);
                }
            }
        }
    }
}
