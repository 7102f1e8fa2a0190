//! Ctrl-C while files are replaced.
//!
//! Reading may stop anywhere. A change is finished first, so that nothing is left to tidy; what it came to is told, and
//! the program ends as the signal demands: by the signal itself, which a shell reports as 130 and which ends its loops
//! as well; on Windows, where no program ends by one, with 130.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

static SIGNALS: OnceLock<Signals> = OnceLock::new();

/// What the handlers and the rest of the program tell each other.
struct Signals {
    /// Whether a signal may end the program where it stands.
    may_end: Arc<AtomicBool>,
    /// The signal that came, or 0.
    came: Arc<AtomicUsize>,
}

impl Signals {
    fn listen() -> Self {
        let signals = Self { may_end: Arc::new(AtomicBool::new(true)), came: Arc::default() };
        for (signal, number) in [(SIGINT, 2), (SIGTERM, 15)] {
            // Where the system refuses, a change that is interrupted is mended by the next run, as after a crash.
            #[cfg(unix)]
            let _ = flag::register_conditional_default(signal, signals.may_end.clone());
            #[cfg(not(unix))]
            let _ = flag::register_conditional_shutdown(signal, 128 + 2, signals.may_end.clone());
            let _ = flag::register_usize(signal, signals.came.clone(), number);
        }
        signals
    }
}

/// Does what must not stop halfway: a signal that comes meanwhile waits for [`end`].
pub fn whole<T>(work: impl FnOnce() -> T) -> T {
    let signals = SIGNALS.get_or_init(Signals::listen);
    signals.may_end.store(false, Ordering::SeqCst);
    let result = work();
    signals.may_end.store(true, Ordering::SeqCst);
    result
}

/// Ends the program as it would, or by the signal that has waited.
pub fn end(exit: Exit) -> ExitCode {
    match SIGNALS.get().map_or(0, |signals| signals.came.load(Ordering::SeqCst)) {
        0 => exit.into(),
        #[cfg(unix)]
        came => {
            let signal = if came == 15 { SIGTERM } else { SIGINT };
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            Exit::Interrupted.into()
        }
        #[cfg(not(unix))]
        _ => Exit::Interrupted.into(),
    }
}
