//! Registry hives (`SOFTWARE`, `SYSTEM`, `NTUSER.DAT`): reading keys and values from the file.
//!
//! | offset | bytes | part                                                                           |
//! |--------|-------|--------------------------------------------------------------------------------|
//! | 0      | 4,096 | base block: `regf`, sequence numbers, version, root key, size of the bins      |
//! | 4,096  | ...   | bins (`hbin`) of 4,096 bytes or a multiple, filled with cells                  |
//! | ...    | ...   | whatever a larger hive left behind                                             |
//!
//! A cell holds a key (`nk`), a value (`vk`), a list of keys (`lf`, `lh`, `li`, `ri`), a list of
//! values, data, a list of data segments (`db`), a class name or a security descriptor (`sk`). Everything is found
//! by offsets that count from the first bin. Beside the hive lie its logs, `.LOG1` and `.LOG2`.
//!
//! Microsoft publishes no specification. The facts are those of Maxim Suhanov's
//! [Windows registry file format specification](https://github.com/msuhanov/regf). Versions 1.3 to 1.6
//! are read, which is all since Windows NT 4. No files are opened here, and nothing is written.
//!
//! ```no_run
//! use hive::{Hive, HiveState};
//!
//! let (file, log1) = (std::fs::read("SOFTWARE")?, std::fs::read("SOFTWARE.LOG1")?);
//! let hive = Hive::parse_with_logs(file, Some(&log1), None)?;
//! if let HiveState::Dirty { recovered: false, why, .. } = hive.state() {
//!     eprintln!("what follows may be old: {why}");
//! }
//! for key in hive.root()?.subkeys() {
//!     println!("{}", key?.name());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is believed
//!
//! A hive may be damaged anywhere, or made to mislead. A number from the file leads on only if it
//! leads to the start of a cell in use that is large enough; a key only counts as a subkey if it
//! says so itself. So an error costs the call that meets it and no other, "not there"
//! is never said of what could not be read, and to walk over all keys takes time in proportion to the file.
//! Only data may be met more than once, if several values lead to one cell: whoever copies the data of
//! all values sets himself a limit.
//!
//! # Limits
//!
//! Symbolic links are reported, not followed. The layers of containers' hives are not put together: a
//! [tombstone](Value::is_tombstone) is shown. Security descriptors are not read. Transactions that were
//! pending (TxR, `.blf` and `.regtrans-ms`) are not replayed. Letters are folded one UTF-16 unit at a time
//! with Unicode's upper case, which may differ from Windows' own table in rare letters.
#![warn(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)] // sizes come from files

mod base_block;
mod bins;
mod cell;
mod error;
mod hive;
mod key;
mod list;
mod log;
mod marvin;
mod name;
mod recover;
mod state;
mod value;

pub use base_block::BaseBlock;
pub use error::{ErrorKind, HiveError, OffsetProblem, Part};
pub use hive::Hive;
pub use key::{Key, Subkeys};
pub use name::{LoneSurrogate, Name};
pub use state::{DirtyReason, HiveState, LogProblem, LogProblemKind, LogReport, Misfit};
pub use value::{Value, ValueType, Values};
