//! Whose policy it is: the computer's, every user's, or that of one group or user of the machine.

use std::fmt;
use std::str::FromStr;

use admx::Side;
use serde::{Serialize, Serializer};

/// A security identifier as text: `S-1-5-32-544` ([MS-DTYP] 2.4.2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid(String);

impl Sid {
    /// The group Administrators.
    pub const ADMINISTRATORS: &'static str = "S-1-5-32-544";
    /// The group Users, by which Windows names the policy of all who are no administrators.
    pub const USERS: &'static str = "S-1-5-32-545";

    /// Reads a SID in any letter case: revision 1, an authority and 1 to 15 numbers. `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (s, revision, authority) = (parts.next()?, parts.next()?, parts.next()?);
        // Beyond 32 bits an authority is written in hexadecimal.
        let authority_fits = match authority.strip_prefix("0x").or_else(|| authority.strip_prefix("0X")) {
            Some(hex) => hex.len() == 12 && hex.bytes().all(|digit| digit.is_ascii_hexdigit()),
            None => number(authority),
        };
        let numbers: Vec<&str> = parts.collect();
        let sound = s.eq_ignore_ascii_case("S")
            && revision == "1"
            && authority_fits
            && (1..=15).contains(&numbers.len())
            && numbers.into_iter().all(number);
        sound.then(|| Self(text.to_ascii_uppercase().replace("-0X", "-0x")))
    }

    /// As Windows writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A 32-bit number, without a sign or zeros in front.
fn number(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0')) && text.parse::<u32>().is_ok()
}

/// Whose policy a policy file is.
///
/// Ordered as Windows applies local policy: the computer, all users, administrators or the others, a user's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The computer's.
    Computer,
    /// Every user's.
    User,
    /// That of the users who are administrators.
    Administrators,
    /// That of the users who are not.
    NonAdministrators,
    /// One user's own.
    UserOf(Sid),
}

impl Scope {
    /// The scope of the per-user local GPO in the folder of this name.
    pub fn of_sid(sid: Sid) -> Self {
        match sid.as_str() {
            Sid::ADMINISTRATORS => Self::Administrators,
            Sid::USERS => Self::NonAdministrators,
            _ => Self::UserOf(sid),
        }
    }

    /// The folder of its per-user local GPO; none for the two sides of a GPO.
    pub fn sid(&self) -> Option<&str> {
        match self {
            Self::Computer | Self::User => None,
            Self::Administrators => Some(Sid::ADMINISTRATORS),
            Self::NonAdministrators => Some(Sid::USERS),
            Self::UserOf(sid) => Some(sid.as_str()),
        }
    }

    /// The side of a GPO that it is.
    pub fn side(&self) -> Side {
        match self {
            Self::Computer => Side::Computer,
            _ => Side::User,
        }
    }

    /// For headings: `Computer`, `User`, `User (Administrators)`.
    pub fn title(&self) -> String {
        match self {
            Self::Computer => "Computer".to_owned(),
            Self::User => "User".to_owned(),
            Self::Administrators => "User (Administrators)".to_owned(),
            Self::NonAdministrators => "User (Non-Administrators)".to_owned(),
            Self::UserOf(sid) => format!("User ({})", sid.as_str()),
        }
    }
}

impl From<Side> for Scope {
    fn from(side: Side) -> Self {
        match side {
            Side::Computer => Self::Computer,
            Side::User => Self::User,
        }
    }
}

/// As `--scope` takes it and JSON has it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Computer => f.write_str("computer"),
            Self::User => f.write_str("user"),
            Self::Administrators => f.write_str("user:administrators"),
            Self::NonAdministrators => f.write_str("user:non-administrators"),
            Self::UserOf(sid) => write!(f, "user:{}", sid.as_str()),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// What stands behind `user:` is no SID.
    #[error(
        "\"{0}\" is no SID such as S-1-5-21-1004336348-1177238915-682003330-1001; groups are user:administrators and user:non-administrators"
    )]
    Sid(String),
    /// None of the words.
    #[error("expected computer, user, user:administrators, user:non-administrators or user:SID")]
    Word,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let lower = text.to_ascii_lowercase();
        match (&*lower, lower.strip_prefix("user:")) {
            // The half of a GPO that the editor calls Computer Configuration is the folder Machine.
            ("computer" | "machine", _) => Ok(Self::Computer),
            ("user", _) => Ok(Self::User),
            (_, Some("administrators")) => Ok(Self::Administrators),
            (_, Some("non-administrators")) => Ok(Self::NonAdministrators),
            (_, Some(sid)) => {
                Sid::parse(sid).map(Self::of_sid).ok_or_else(|| ScopeError::Sid(text["user:".len()..].to_owned()))
            }
            _ => Err(ScopeError::Word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_in_any_case_and_the_two_groups_have_names() {
        let read = |text: &str| text.parse::<Scope>();
        assert_eq!(read("Computer"), Ok(Scope::Computer));
        assert_eq!(read("Machine"), Ok(Scope::Computer));
        assert_eq!(read("USER"), Ok(Scope::User));
        assert_eq!(read("user:Administrators"), Ok(Scope::Administrators));
        assert_eq!(read("user:S-1-5-32-544"), Ok(Scope::Administrators));
        assert_eq!(read("user:s-1-5-32-545"), Ok(Scope::NonAdministrators));
        let own = read("user:s-1-5-21-1-2-3-1001").unwrap();
        assert_eq!((own.to_string().as_str(), own.sid()), ("user:S-1-5-21-1-2-3-1001", Some("S-1-5-21-1-2-3-1001")));
        assert_eq!(read("user:").unwrap_err(), ScopeError::Sid(String::new()));
        assert_eq!(read("user:Bob").unwrap_err(), ScopeError::Sid("Bob".to_owned()));
        assert_eq!(read("S-1-5-32-544").unwrap_err(), ScopeError::Word);
        assert_eq!(read("computers").unwrap_err(), ScopeError::Word);
    }

    #[test]
    fn a_sid_has_a_revision_an_authority_and_up_to_15_numbers() {
        let fifteen = format!("S-1-5{}", "-7".repeat(15));
        for sid in ["S-1-1-0", "S-1-5-18", "s-1-12-1-4294967295-0", "S-1-0x1000000000AB-1", &fifteen] {
            assert!(Sid::parse(sid).is_some(), "{sid}");
        }
        let sixteen = format!("S-1-5{}", "-7".repeat(16));
        for text in
            ["", "S", "S-1-5", "S-1-5-", "S-2-5-18", "S-1-5-018", "S-1-5-4294967296", "S-1-5-+1", "S-1-5-1 ", "X-1-5-1"]
        {
            assert!(Sid::parse(text).is_none(), "{text}");
        }
        assert!(Sid::parse(&sixteen).is_none());
    }

    #[test]
    fn scopes_are_ordered_as_windows_applies_them() {
        let own = "user:S-1-5-21-1-2-3-1001".parse::<Scope>().unwrap();
        assert!(
            [Scope::Computer, Scope::User, Scope::Administrators, Scope::NonAdministrators, own].is_sorted(),
            "the last one wins"
        );
    }
}
