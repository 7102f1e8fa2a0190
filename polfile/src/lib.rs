//! Policy files (`Registry.pol`, `ntuser.pol`): the registry settings of one side of one GPO.
//!
//! | field     | bytes | meaning                                    |
//! |-----------|-------|--------------------------------------------|
//! | signature | 4     | `PReg`                                     |
//! | version   | 4     | little-endian; the spec knows only 1       |
//! | records   | rest  | `[key;value;type;size;data]`, back to back |
//!
//! Spec: [MS-GPREG](https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-gpreg/) 2.2.1.
//! Where real files differ, the item says so under "In practice". No files are opened here.
//!
//! Three ways in, by what you want to do:
//!
//! * **read**: [`records`] walks over borrowed [`RecordRef`]s and allocates nothing for a record;
//! * **edit**: [`PolicyFile`] owns the bytes; an edit changes the bytes of the records it names
//!   and no other;
//! * **rescue**: [`salvage`] keeps what is whole in a damaged file and lists what is lost.
//!
//! What the records *do* when Windows executes them is the business of [`Registry`]; how two
//! files differ, that of [`diff`].
//!
//! ```
//! use polfile::{PolicyFile, Record, Value};
//!
//! let mut file = PolicyFile::new();
//! let key = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
//! file.put(&Record::set(key, "UserAuthentication", &Value::Dword(0))?);
//!
//! let again = PolicyFile::parse(file.as_bytes())?;
//! let record = again.records().next().expect("one record was put");
//! assert_eq!(record.value(), Ok(Value::Dword(0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//!
//! Sorting, folding of repeats and any other normalisation are never side effects. Letters are
//! folded one UTF-16 unit at a time, as the registry does, with Unicode's upper case where that is
//! one unit as well; for rare letters and such as are newer than Windows' own table the two may
//! differ (unverified).
#![warn(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)] // sizes come from files

mod action;
mod census;
mod diff;
mod document;
mod error;
mod outcome;
mod read;
mod record;
mod registry;
mod salvage;
mod value;
mod wide;

pub use action::Action;
pub use census::{Census, census};
pub use diff::{Difference, Slot, diff};
pub use document::PolicyFile;
pub use error::{ErrorKind, Field, Lookalike, ParseError};
pub use outcome::{Final, Outcome};
pub use read::{Records, records};
pub use record::{KeyProblem, Record, RecordError, RecordRef, ValueType};
pub use registry::{Effect, Event, KeyHistory, Origin, Registry, ValueHistory};
pub use salvage::{Lost, Salvage, salvage, salvage_without_header};
pub use value::{Value, ValueError};
pub use wide::{Folded, LoneSurrogate, WideStr, WideString};
