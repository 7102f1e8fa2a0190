//! Values of elements, as people and programs see them.

use crate::model::Literal;

/// What an element is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElementValue {
    /// A check box: checked or not.
    Boolean(bool),
    /// A number, of a `decimal` or a `longDecimal`.
    Decimal(u64),
    /// A line of text.
    Text(String),
    /// Several lines of text.
    MultiText(Vec<String>),
    /// The value of the item that is chosen.
    Enum(EnumValue),
    /// Entries of a list.
    List(Vec<ListEntry>),
}

/// The value behind an item of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnumValue {
    /// `REG_DWORD` or `REG_QWORD`
    Number(u64),
    /// `REG_SZ`
    Text(String),
    /// The item deletes the value.
    Delete,
}

impl From<&Literal> for EnumValue {
    fn from(literal: &Literal) -> Self {
        match literal {
            Literal::Delete => EnumValue::Delete,
            Literal::Decimal(n) => EnumValue::Number(u64::from(*n)),
            Literal::LongDecimal(n) => EnumValue::Number(*n),
            Literal::String(s) => EnumValue::Text(s.clone()),
        }
    }
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// The value's name, where it is the user's (`explicitValue`); else `None`.
    pub name: Option<String>,
    /// The value's data; numbers as decimal text.
    pub data: String,
}
