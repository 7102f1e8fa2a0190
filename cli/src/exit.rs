//! How the program ends.

use std::process::ExitCode;

/// Exit codes. Errors start at 2; 1 means that it worked and the answer is no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, yes, the same.
    Yes = 0,
    /// It worked; the answer is no.
    No = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Target, policy or element not found, or more than one.
    NotFound = 3,
    /// The input is malformed.
    Malformed = 4,
    /// Refused for safety; nothing was written.
    Refused = 5,
    /// The system refused to read or write.
    Io = 6,
    /// Some inputs failed; the rest was done.
    Partial = 7,
    /// A bug in gpol.
    Bug = 70,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
