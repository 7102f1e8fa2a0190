//! How far a long read has come, for whoever waits at a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use gpo::scan::Progress;

/// What takes less is not worth a word.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs the work; meanwhile, if standard error is a terminal, tells there how many GPOs have been read, and takes that back in
/// the end. In a pipe nothing is told.
pub fn while_reading<T>(progress: &Progress, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let (done, wait) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || tell(progress, &wait));
        let result = work();
        drop(done);
        result
    })
}

/// Tells until the other end of the channel is gone. If nobody can listen, nothing is lost.
fn tell(progress: &Progress, wait: &mpsc::Receiver<()>) {
    let mut patience = PATIENCE;
    let mut width = 0;
    while wait.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
        patience = Duration::from_millis(100);
        let line = format!("{} GPOs read", progress.gpos());
        width = line.len();
        let _ = write!(io::stderr(), "\r{line}");
    }
    if width > 0 {
        let _ = write!(io::stderr(), "\r{:width$}\r", "");
    }
}
