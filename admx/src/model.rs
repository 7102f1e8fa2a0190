//! What a template says: policies, their elements, and the controls that an editor shows for them.
//!
//! Source: [MS-GPREG] 2.2.2 and 7.1 to 7.3 (the schemas of ADMX and ADML). References are resolved: texts are texts
//! of the loaded language, keys that a list or an element inherits are filled in.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::value::ElementValue;

/// One half of a Group Policy object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Settings of the machine, under `HKEY_LOCAL_MACHINE`.
    Computer,
    /// Settings of the user who logs on, under `HKEY_CURRENT_USER`.
    User,
}

impl Side {
    /// `"computer"` or `"user"`.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Computer => "computer",
            Side::User => "user",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The sides a policy exists on: attribute `class` of `policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The computer side only.
    Machine,
    /// The user side only.
    User,
    /// Either side, independently of the other.
    Both,
}

impl Class {
    /// Whether a policy of this class exists on a side.
    ///
    /// ```
    /// # use admx::{Class, Side};
    /// assert!(Class::Both.has(Side::User));
    /// assert!(!Class::Machine.has(Side::User));
    /// ```
    pub fn has(self, side: Side) -> bool {
        match self {
            Class::Machine => side == Side::Computer,
            Class::User => side == Side::User,
            Class::Both => true,
        }
    }

    /// The side, if there is only one.
    pub fn only_side(self) -> Option<Side> {
        match self {
            Class::Machine => Some(Side::Computer),
            Class::User => Some(Side::User),
            Class::Both => None,
        }
    }

    /// `"Machine"`, `"User"` or `"Both"`, as templates write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Machine => "Machine",
            Class::User => "User",
            Class::Both => "Both",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a template writes into a registry value: the schema's `Value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Literal {
    /// `<delete/>`: the value is to be deleted, `**del.` in the policy file.
    Delete,
    /// `<decimal>`: `REG_DWORD`.
    Decimal(u32),
    /// `<longDecimal>`: `REG_QWORD`.
    LongDecimal(u64),
    /// `<string>`: `REG_SZ`.
    String(String),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Delete => f.write_str("(deleted)"),
            Literal::Decimal(n) => write!(f, "{n}"),
            Literal::LongDecimal(n) => write!(f, "{n}"),
            Literal::String(s) => write!(f, "\"{s}\""),
        }
    }
}

/// An `item` of an `enabledList`, `disabledList`, `trueList`, `falseList` or `valueList`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The item's own key, else the list's `defaultKey`, else the element's or policy's key.
    pub key: Arc<str>,
    /// Empty for the key's default value.
    pub value_name: String,
    /// What is written.
    pub literal: Literal,
}

/// A setting that can be Enabled, Disabled or Not Configured: element `policy`.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Unique in its namespace.
    pub name: String,
    /// Target namespace of its file, an opaque string such as `Microsoft.Policies.TerminalServer`.
    pub namespace: Arc<str>,
    /// The sides it exists on.
    pub class: Class,
    /// As in the ADML, leading blanks and all; the id of the string where the string is missing.
    pub display_name: String,
    /// The help text, if there is one.
    pub explain_text: Option<String>,
    /// Registry key without hive; may be empty if the elements have keys of their own.
    pub key: Arc<str>,
    /// The value that tells Enabled from Disabled; empty for the key's default value.
    pub value_name: Option<String>,
    /// Written to `value_name` by Enabled; DWORD 1 if absent.
    pub enabled_value: Option<Literal>,
    /// Written to `value_name` by Disabled; a delete marker if absent.
    pub disabled_value: Option<Literal>,
    /// Written by Enabled, too.
    pub enabled_list: Vec<Assignment>,
    /// Written by Disabled, too.
    pub disabled_list: Vec<Assignment>,
    /// In the order of their controls, which is the order of their records; those without control last.
    pub elements: Vec<Element>,
    /// What the editor shows, static texts included; empty without ADML.
    pub controls: Arc<[Control]>,
    /// GUID of a client-side extension that is to be registered, too; as in the template.
    pub client_extension: Option<String>,
    /// The template it stands in.
    pub file: Arc<Path>,
    /// Offset in that file, see [`Catalog::place`](crate::Catalog::place).
    pub(crate) offset: u32,
    /// Whether its presentation, if it names one, was found.
    pub(crate) shows_controls: bool,
    pub(crate) category: Link,
    pub(crate) supported: Link,
}

impl Policy {
    /// `namespace:name`, the name that never changes with language or version.
    pub fn id(&self) -> String {
        format!("{}:{}", self.namespace, self.name)
    }

    /// The element with this id, if any; upper and lower case count only where both occur.
    pub fn element(&self, id: &str) -> Option<&Element> {
        let exact = self.elements.iter().find(|e| e.id == id);
        exact.or_else(|| self.elements.iter().find(|e| e.id.eq_ignore_ascii_case(id)))
    }

    /// GUIDs of the client-side extensions that this policy and its elements name, as in the template, each once.
    pub fn client_extensions(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        let elements = self.elements.iter().map(|e| &e.client_extension);
        for guid in std::iter::once(&self.client_extension).chain(elements).flatten() {
            if !all.iter().any(|seen| seen.eq_ignore_ascii_case(guid)) {
                all.push(guid);
            }
        }
        all
    }

    /// Whether anything but elements tells Enabled from Disabled.
    pub(crate) fn has_own_level(&self) -> bool {
        self.value_name.is_some() || !self.enabled_list.is_empty() || !self.disabled_list.is_empty()
    }
}

/// A reference to a category or a supported-on definition, before and after it is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// There is no reference.
    None,
    /// Not looked up yet: index among the references of its file.
    Wanted(usize),
    /// Index in the catalog.
    Found(usize),
    /// What it names isn't loaded.
    Broken,
}

/// What a reference leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReferenceKind {
    Category,
    /// A definition; in practice also a product.
    Definition,
    /// A product, a version or another definition.
    Product,
}

/// `prefix:name` or `name`. A file says the same thing over and over, so each is kept once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub kind: ReferenceKind,
    pub prefix: Option<String>,
    pub name: String,
    /// Where it stands first.
    pub offset: u32,
    /// How many times it is there.
    pub uses: usize,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prefix {
            Some(prefix) => write!(f, "{prefix}:{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What kind of input an [`Element`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementKind {
    /// A check box.
    Boolean,
    /// A number of 32 bits.
    Decimal,
    /// A number of 64 bits.
    LongDecimal,
    /// A line of text.
    Text,
    /// Several lines of text.
    MultiText,
    /// One of several items.
    Enum,
    /// Any number of entries.
    List,
}

impl ElementKind {
    /// `"boolean"`, `"decimal"`, `"long-decimal"`, `"text"`, `"multi-text"`, `"enum"` or `"list"`.
    pub fn as_str(self) -> &'static str {
        match self {
            ElementKind::Boolean => "boolean",
            ElementKind::Decimal => "decimal",
            ElementKind::LongDecimal => "long-decimal",
            ElementKind::Text => "text",
            ElementKind::MultiText => "multi-text",
            ElementKind::Enum => "enum",
            ElementKind::List => "list",
        }
    }
}

impl fmt::Display for ElementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One input of a policy: a child of `elements`.
#[derive(Clone, Debug)]
pub struct Element {
    /// Unique in the policy.
    pub id: String,
    /// Text of its control; the id if it has none.
    pub label: String,
    /// Its own key, else the policy's.
    pub key: Arc<str>,
    /// Empty for the key's default value; `None` for lists, which have many.
    pub value_name: Option<String>,
    /// The editor insists on an input.
    pub required: bool,
    /// Written only where the value does not exist, `**soft.`, [MS-GPREG] 3.3.
    pub soft: bool,
    /// GUID of a client-side extension, as in the template.
    pub client_extension: Option<String>,
    /// What the editor shows before anything is entered; `None` if that is nothing.
    pub default: Option<ElementValue>,
    /// What is particular to its kind.
    pub detail: Detail,
}

impl Element {
    /// What kind of input it takes.
    pub fn kind(&self) -> ElementKind {
        match self.detail {
            Detail::Boolean { .. } => ElementKind::Boolean,
            Detail::Decimal { .. } => ElementKind::Decimal,
            Detail::LongDecimal { .. } => ElementKind::LongDecimal,
            Detail::Text { .. } => ElementKind::Text,
            Detail::MultiText { .. } => ElementKind::MultiText,
            Detail::Enum { .. } => ElementKind::Enum,
            Detail::List { .. } => ElementKind::List,
        }
    }

    /// The items to choose from; empty if it isn't an enum.
    pub fn items(&self) -> &[EnumItem] {
        match &self.detail {
            Detail::Enum { items } => items,
            _ => &[],
        }
    }
}

/// What is particular to one kind of [`Element`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// `boolean`
    Boolean {
        /// Written when checked; DWORD 1 if neither values nor lists are given.
        true_value: Option<Literal>,
        /// Written when unchecked; a delete marker if absent.
        false_value: Option<Literal>,
        /// Written when checked, too.
        true_list: Vec<Assignment>,
        /// Written when unchecked, too.
        false_list: Vec<Assignment>,
    },
    /// `decimal`
    Decimal {
        /// Smallest number the editor takes.
        min: u32,
        /// Greatest number the editor takes.
        max: u32,
        /// `REG_SZ` with decimal digits.
        store_as_text: bool,
    },
    /// `longDecimal`
    LongDecimal {
        /// Smallest number the editor takes.
        min: u64,
        /// Greatest number the editor takes.
        max: u64,
        /// `REG_SZ` with decimal digits.
        store_as_text: bool,
    },
    /// `text`
    Text {
        /// In UTF-16 units.
        max_length: u32,
        /// `REG_EXPAND_SZ`
        expandable: bool,
    },
    /// `multiText`
    MultiText {
        /// Of each string, in UTF-16 units.
        max_length: u32,
        /// 0 for any number.
        max_strings: u32,
    },
    /// `enum`
    Enum {
        /// In the order of the ADMX, which `defaultItem` counts in.
        items: Vec<EnumItem>,
    },
    /// `list`
    List {
        /// `None`: the value's name is the entry itself, or what the user enters if `explicit`. Else names are the
        /// prefix and a number from 1.
        prefix: Option<String>,
        /// The key keeps the values it has.
        additive: bool,
        /// The user enters names, too.
        explicit: bool,
        /// `REG_EXPAND_SZ`
        expandable: bool,
    },
}

/// An `item` of an `enum`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumItem {
    /// Its text in the drop-down list.
    pub display_name: String,
    /// Written to the element's value.
    pub value: Literal,
    /// Written, too.
    pub value_list: Vec<Assignment>,
}

/// A control of a `presentation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Id of the element it belongs to; `None` for static text.
    pub element: Option<String>,
    /// Its text.
    pub label: String,
    /// What it looks like.
    pub kind: ControlKind,
}

/// Kinds of [`Control`], with what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// Static text.
    Text,
    /// `checkBox`
    CheckBox {
        /// `defaultChecked`
        checked: bool,
    },
    /// `decimalTextBox` or `longDecimalTextBox`
    NumberBox {
        /// `defaultValue`
        default: u64,
        /// Step of the spinner; 0 without spinner.
        spin_step: u32,
    },
    /// `textBox`
    TextBox {
        /// `defaultValue`
        default: Option<String>,
    },
    /// `comboBox`
    ComboBox {
        /// `default`
        default: Option<String>,
        /// What the list offers; other text may be entered.
        suggestions: Vec<String>,
        /// Offered in alphabetical order.
        sorted: bool,
    },
    /// `dropdownList`
    DropDownList {
        /// Index into the items of the `enum`.
        default_item: Option<usize>,
        /// Shown in alphabetical order.
        sorted: bool,
    },
    /// `listBox`
    ListBox,
    /// `multiTextBox`
    MultiTextBox {
        /// Lines shown.
        height: u32,
        /// Shown in a window of its own.
        dialog: bool,
    },
}
