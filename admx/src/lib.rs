//! Administrative templates (ADMX and ADML): what policies there are, what their states mean for the registry, and
//! what the records of a policy file say about them.
//!
//! * [`Catalog::load`] reads a store, [`Catalog::builtin`] needs none; neither fails for what is wrong in a file: that
//!   becomes a [`Finding`], and the other files load;
//! * [`Catalog::find`] finds the one policy that a user means, by id, name, category path or registry value;
//! * [`Catalog::read`] turns the records of a policy file into states, [`write_set`] a state into records.
//!
//! ```
//! use admx::{Catalog, Side, State, Wanted, write_set};
//! use polfile::PolicyFile;
//!
//! let catalog = Catalog::builtin();
//! let policy = catalog.find("Security > Always prompt for password upon connection")?.policy;
//! let mut file = PolicyFile::new();
//! write_set(policy, Side::Computer, &Wanted::Disabled)?.apply(&catalog, &mut file);
//! assert_eq!(catalog.read_policy(policy, Side::Computer, &file).state, State::Disabled);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Files are read by [`file`](mod@file), for the crates above as well.
//!
//! Spec: [MS-GPREG](https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-gpreg/) 2.2.2, 3.3, 7.1 to 7.3.
//! Where real files differ, the item says so under "In practice". Where a store or a GPO lies is not known here.
//!
//! # Limits
//!
//! Whom a policy is for is told, not evaluated against a machine. `annotation`, `seeAlso`, `keywords` and
//! `supersededAdm` are read over. Texts are shown in one language; names are found in all that lie in the store.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod builtin;
mod by_name;
mod catalog;
mod claims;
mod cursor;
mod decode;
pub mod file;
mod find;
mod finding;
mod likeness;
mod load;
mod model;
mod place;
mod read;
mod registry_address;
mod resources;
#[cfg(test)]
mod sample;
mod template;
mod value;
mod write;
mod xml;

pub use catalog::{Catalog, Category, Condition, Supported, SupportedKind, SupportedOn, TemplateInfo, UNRESOLVED};
pub use find::{FindError, FoundIn, Hit, Match, PolicyRef, steps_of_path};
pub use finding::{Code, Finding, Severity};
pub use load::LoadError;
pub use model::{
    Assignment, Class, Control, ControlKind, Detail, Element, ElementKind, EnumItem, Literal, Policy, Side,
};
pub use place::Place;
pub use read::{ElementReading, ElementState, PolicyReading, SideReading, State};
pub use registry_address::RegistryAddress;
pub use value::{ElementValue, EnumValue, ListEntry};
pub use write::{Allowed, DefaultUsed, Input, InputError, InputValue, Needed, Wanted, WriteSet, write_set};
pub use xml::excess;
