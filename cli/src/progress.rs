//! How far a long read has come, for whoever waits at a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use gpo::scan::Progress;

use crate::commands::pol::count;

/// What takes less is not worth a word.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is told.
const PACE: Duration = Duration::from_millis(100);

/// Runs the work; meanwhile, if standard error is a terminal, tells there how far it has come, and takes that back in the
/// end. In a pipe nothing is told, nor on a terminal that cannot go back in a line.
pub fn while_reading<T>(progress: &Progress, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() || std::env::var_os("TERM").is_some_and(|kind| kind == "dumb") {
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
        patience = PACE;
        let line = bar(progress.share(), progress.gpos());
        width = line.len();
        let _ = write!(io::stderr(), "\r{line}");
    }
    if width > 0 {
        let _ = write!(io::stderr(), "\r{:width$}\r", "");
    }
}

/// `[#######-------------]  1754 GPOs read`: narrow and plain, so that it stands in one line of any terminal.
fn bar(share: f64, gpos: usize) -> String {
    const WIDTH: usize = 20;
    let full = (1..=WIDTH).filter(|mark| *mark as f64 <= share * WIDTH as f64).count();
    format!("[{}{}]  {}", "#".repeat(full), "-".repeat(WIDTH - full), count(gpos, "GPO")) + " read"
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_fills_from_the_left_and_is_full_at_the_end_alone() {
        assert_eq!(bar(0.0, 0), "[--------------------]  0 GPOs read");
        assert_eq!(bar(0.35, 1_754), "[#######-------------]  1,754 GPOs read");
        assert_eq!(bar(0.999, 4_999), "[###################-]  4,999 GPOs read");
        assert_eq!(bar(1.0, 1), "[####################]  1 GPO read");
    }
}
