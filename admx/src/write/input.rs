//! Inputs as they are given, and what elements take.

use std::fmt;
use std::str::FromStr;

use super::InputError;
use crate::model::{Detail, Element, ElementKind};
use crate::value::{ElementValue, EnumValue};

/// What one element is to be set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Id of the element, or the text of its control.
    pub element: String,
    /// The value.
    pub value: InputValue,
}

/// How an [`Input`] gives its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputValue {
    /// As a reading has it.
    Value(ElementValue),
    /// As a person types it: an item's text or its number, `true` or `false`, `0x10`; lines for a multi-text; one entry
    /// for a list, none if empty.
    Text(String),
    /// One more entry of a list, or line of a multi-text.
    Entry(String),
    /// One more entry of a list whose names are the user's.
    Named {
        /// The value's name.
        name: String,
        /// Its data.
        data: String,
    },
}

impl FromStr for Input {
    type Err = InputError;

    /// Reads the forms of the command line: `ID=VALUE`, `ID[]=ENTRY`, `ID[NAME]=DATA`.
    ///
    /// ```
    /// use admx::{Input, InputValue};
    /// let input: Input = r"Paths[\\*\SYSVOL]=RequireIntegrity=1".parse()?;
    /// assert_eq!(input.element, "Paths");
    /// assert_eq!(input.value, InputValue::Named { name: r"\\*\SYSVOL".into(), data: "RequireIntegrity=1".into() });
    /// # Ok::<(), admx::InputError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, InputError> {
        let wrong = || InputError::NotAnInput { given: text.to_owned() };
        let (element, value) = text.split_once('=').ok_or_else(wrong)?;
        let input = match element.split_once('[') {
            None => Input { element: element.trim().to_owned(), value: InputValue::Text(value.to_owned()) },
            Some((element, _)) => {
                // The name may hold `=`, so the bracket is looked for in the whole text.
                let rest = &text[element.len() + 1..];
                let (name, data) = rest.split_once("]=").ok_or_else(wrong)?;
                let data = data.to_owned();
                let value = match name {
                    "" => InputValue::Entry(data),
                    name => InputValue::Named { name: name.to_owned(), data },
                };
                Input { element: element.trim().to_owned(), value }
            }
        };
        if input.element.is_empty() { Err(wrong()) } else { Ok(input) }
    }
}

/// What an element takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Id of the element.
    pub element: String,
    /// Text of its control.
    pub label: String,
    /// Its kind.
    pub kind: ElementKind,
    /// Whether the editor insists on an input.
    pub required: bool,
    /// Which inputs are possible.
    pub allowed: Allowed,
}

/// Which inputs an element takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// `true` or `false`.
    Boolean,
    /// A number, bounds included.
    Number {
        /// Smallest.
        min: u64,
        /// Greatest.
        max: u64,
    },
    /// A line of text.
    Text {
        /// UTF-16 units.
        max_length: u32,
    },
    /// Lines of text.
    Lines {
        /// UTF-16 units a line.
        max_length: u32,
        /// 0 for any number.
        max_strings: u32,
    },
    /// One of these values, with the items' texts.
    Items(Vec<(EnumValue, String)>),
    /// Any number of entries.
    Entries {
        /// With names of the user's.
        named: bool,
    },
}

impl Needed {
    /// What an element takes.
    pub fn of(element: &Element) -> Self {
        let allowed = match &element.detail {
            Detail::Boolean { .. } => Allowed::Boolean,
            Detail::Decimal { min, max, .. } => Allowed::Number { min: u64::from(*min), max: u64::from(*max) },
            Detail::LongDecimal { min, max, .. } => Allowed::Number { min: *min, max: *max },
            Detail::Text { max_length, .. } => Allowed::Text { max_length: *max_length },
            Detail::MultiText { max_length, max_strings } => {
                Allowed::Lines { max_length: *max_length, max_strings: *max_strings }
            }
            Detail::Enum { items } => {
                Allowed::Items(items.iter().map(|i| ((&i.value).into(), i.display_name.clone())).collect())
            }
            Detail::List { explicit, .. } => Allowed::Entries { named: *explicit },
        };
        Needed {
            element: element.id.clone(),
            label: element.label.clone(),
            kind: element.kind(),
            required: element.required,
            allowed,
        }
    }
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.label.is_empty() || self.label == self.element {
            write!(f, "{}: {}", self.element, self.allowed)
        } else {
            write!(f, "{} ({}): {}", self.label, self.element, self.allowed)
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Boolean => f.write_str("true or false"),
            Allowed::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Allowed::Text { max_length } => write!(f, "text of at most {max_length} characters"),
            Allowed::Lines { max_length, max_strings: 0 } => {
                write!(f, "lines of at most {max_length} characters")
            }
            Allowed::Lines { max_length, max_strings } => {
                write!(f, "at most {max_strings} lines of at most {max_length} characters")
            }
            Allowed::Entries { named: true } => f.write_str("entries with name and data"),
            Allowed::Entries { named: false } => f.write_str("entries"),
            Allowed::Items(items) => {
                for (i, (value, text)) in items.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    match value {
                        EnumValue::Number(n) => write!(f, "{comma}{n} \"{text}\"")?,
                        EnumValue::Text(value) => write!(f, "{comma}{value} \"{text}\"")?,
                        EnumValue::Delete => write!(f, "{comma}\"{text}\"")?,
                    }
                }
                Ok(())
            }
        }
    }
}
