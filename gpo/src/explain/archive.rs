//! What the Group Policy client notes as applied: the archive file `ProgramData/ntuser.pol`.
//!
//! It is a policy file with the records that the client applied last; at the next processing the client takes back
//! what is in it and no longer configured. So it tells who put a policy value into the registry.
//! The records in it that name GPOs are read over: what they look like in full is not known.

use std::fs;
use std::path::Path;

use polfile::{Folded, PolicyFile, Registry};

use crate::enclosure::Root;
use crate::image::RegistryValue;
use crate::limits;
use crate::place::find;

/// What the client has noted.
#[derive(Debug)]
pub(super) enum Archive {
    /// These records.
    Read(PolicyFile),
    /// There is no such file.
    Absent,
    /// It cannot be read, and why.
    Unreadable(String),
}

/// What the archive says of a value in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// Applied by Group Policy.
    Listed,
    /// Applied by Group Policy with other data, and changed since.
    Otherwise,
    /// Not applied by Group Policy.
    NotListed,
    /// The archive does not tell, and why.
    Unknown(String),
}

impl Archive {
    /// Reads the archive of the volume that holds a `Windows` folder.
    pub(super) fn open(windows: &Path) -> Self {
        let read = || {
            let root = fs::canonicalize(windows)?.parent().map(Path::to_path_buf).unwrap_or_default();
            match find(&root, &["ProgramData", "ntuser.pol"])? {
                Some(found) => Root::folder(&root).read(&found.path, limits::POLICY_FILE),
                None => Ok(None),
            }
        };
        match read() {
            Ok(None) => Self::Absent,
            Ok(Some(bytes)) => match PolicyFile::from_bytes(bytes) {
                Ok(file) => Self::Read(file),
                Err(error) => Self::Unreadable(error.to_string()),
            },
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }

    /// The archive, for looking up values.
    pub(super) fn notes(&self) -> Notes<'_> {
        match self {
            Self::Read(file) => Notes(Ok(Registry::execute([file]))),
            Self::Absent => Notes(Err("there is no ProgramData/ntuser.pol".to_owned())),
            Self::Unreadable(why) => Notes(Err(format!("ProgramData/ntuser.pol cannot be read ({why})"))),
        }
    }
}

/// An archive, its records executed; else why it does not tell.
pub(super) struct Notes<'a>(Result<Registry<'a>, String>);

impl Notes<'_> {
    /// What it says of a value that stands under a key, named as policy names it.
    pub(super) fn of(&self, key: &str, value: &RegistryValue) -> Noted {
        let registry = match &self.0 {
            Ok(registry) => registry,
            Err(why) => return Noted::Unknown(why.clone()),
        };
        let noted = registry.value(Folded::from(key), Folded::from(&*value.name)).and_then(|value| value.current());
        match noted {
            None => Noted::NotListed,
            Some((_, value_type, data)) if value_type.0 == value.value_type.0 && data == value.data => Noted::Listed,
            Some(_) => Noted::Otherwise,
        }
    }
}

impl Noted {
    /// The name in JSON.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Otherwise => "listed-otherwise",
            Self::NotListed => "not-listed",
            Self::Unknown(_) => "unknown",
        }
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Listed => "put there by Group Policy (listed in ProgramData/ntuser.pol)".to_owned(),
            Self::Otherwise => {
                "put there by Group Policy with another value (ProgramData/ntuser.pol), and changed since".to_owned()
            }
            Self::NotListed => {
                "not in ProgramData/ntuser.pol: set by hand or another tool; unset will not remove it".to_owned()
            }
            Self::Unknown(why) => format!("who put it there is not known: {why}"),
        }
    }
}
