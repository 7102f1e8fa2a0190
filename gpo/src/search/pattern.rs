//! What is looked for, made ready to be compared with thousands of records.

use admx::{RegistryAddress, Side};
use polfile::{Folded, WideStr};
use regex::{Regex, RegexBuilder};

/// How letters compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// Keys, names and policies in any case, as the registry has it; data, too, unless the pattern has a capital.
    #[default]
    Smart,
    /// Everything in any case.
    Ignore,
    /// Everything as it is written.
    Sensitive,
}

/// How a pattern is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Letters.
    pub case: Case,
    /// The pattern is text, not a regular expression.
    pub fixed: bool,
    /// It must stand between word boundaries.
    pub word: bool,
}

/// Text to look for.
#[derive(Clone, Debug)]
pub(super) struct Text {
    names: Vec<Regex>,
    data: Vec<Regex>,
    /// Whether it was no regular expression and is taken as it stands.
    pub as_it_stands: bool,
    /// Whether it may go over the end of a key without the `!` that gpol puts there.
    pub has_backslash: bool,
}

impl Text {
    /// Takes a pattern for a regular expression. One with a backslash is looked for as it stands, too: who types
    /// `Software\Safer` means the key, and `\S` is "no blank" only to a regular expression. `**` begins a directive, and no
    /// regular expression.
    pub fn new(pattern: &str, manner: Manner) -> Result<Self, regex::Error> {
        let literal = regex::escape(pattern);
        let (mut forms, mut as_it_stands) = (Vec::new(), false);
        let backslash = pattern.contains('\\');
        if manner.fixed {
            forms.push(literal);
        } else {
            match Regex::new(pattern) {
                Ok(_) => forms.push(pattern.to_owned()),
                Err(error) if !backslash && !pattern.starts_with("**") => return Err(error),
                Err(_) => as_it_stands = true,
            }
            if backslash || as_it_stands {
                forms.push(literal);
            }
        }
        let ignore_in_data = match manner.case {
            Case::Smart => !pattern.chars().any(char::is_uppercase),
            Case::Ignore => true,
            Case::Sensitive => false,
        };
        let build = |ignore: bool| {
            let compile = |form: &String| {
                let form =
                    if manner.word { format!(r"\b{{start-half}}(?:{form})\b{{end-half}}") } else { form.clone() };
                RegexBuilder::new(&form).case_insensitive(ignore).build()
            };
            forms.iter().map(compile).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            names: build(manner.case != Case::Sensitive)?,
            data: build(ignore_in_data)?,
            // A directive is no accident.
            as_it_stands: as_it_stands && backslash,
            has_backslash: backslash,
        })
    }

    /// Whether a key, a value name or the name of a policy matches.
    pub fn in_name(&self, text: &str) -> bool {
        self.names.iter().any(|form| form.is_match(text))
    }

    /// Whether data match.
    pub fn in_data(&self, text: &str) -> bool {
        self.data.iter().any(|form| form.is_match(text))
    }
}

/// A place in the registry to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The side whose hive is named.
    pub side: Option<Side>,
    /// A key and, of the value, its name. `!` says where the name begins; without it, the whole may be a key, and the last part
    /// of it a name: each reading is one of these.
    pub places: Vec<(Folded, Option<Folded>)>,
}

impl Address {
    /// Reads `HKLM\key!name`, `HKLM:\key` and the like. `None` if no hive is named, unless `forced`.
    pub fn new(text: &str, forced: bool) -> Option<Self> {
        let address = match forced {
            true => RegistryAddress::parse_in_any_hive(text),
            false => RegistryAddress::parse(text)?,
        };
        let places = address.readings().map(|(key, name)| (Folded::from(key), name.map(Folded::from))).collect();
        let side = address.side();
        Some(Self { side, places })
    }

    /// Whether a value is meant, or lies below the key that is meant.
    pub fn is_value(&self, key: &Folded, name: WideStr<'_>) -> bool {
        self.places.iter().any(|(place, wanted)| match wanted {
            Some(wanted) => key == place && name.fold() == *wanted,
            None => key.is_at_or_below(place),
        })
    }

    /// Whether values of this key are meant, or lie below the key that is meant.
    pub fn is_key(&self, key: &Folded) -> bool {
        self.places.iter().any(|(place, wanted)| match wanted {
            Some(_) => key == place,
            None => key.is_at_or_below(place),
        })
    }

    /// Whether a key that is meant is this one, or lies above it. A value that is meant is none.
    pub fn is_within(&self, key: &Folded) -> bool {
        self.places.iter().any(|(place, wanted)| wanted.is_none() && key.is_at_or_below(place))
    }

    /// Whether something that is meant is gone when this key is, with all below it.
    pub fn is_gone_with(&self, key: &Folded) -> bool {
        self.places
            .iter()
            .any(|(place, wanted)| place.is_at_or_below(key) || (wanted.is_none() && key.is_at_or_below(place)))
    }
}
