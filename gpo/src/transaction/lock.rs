//! One change of a GPO at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::plan::hex;

/// An advisory lock, released when it is dropped and when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for as long as the lock is")] File);

/// Why a GPO could not be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else holds the lock.
    #[error("another gpol is changing {}", .0.display())]
    Held(PathBuf),
    /// The system refused.
    #[error("{} cannot be locked: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// How long to sleep before the lock is tried again.
const PAUSE: Duration = Duration::from_millis(10);

impl Lock {
    /// Locks a folder, waiting for others that long.
    pub(super) fn take(folder: &Path, wait: Duration) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: folder.to_path_buf(), source };
        let start = Instant::now();
        let mut file = open(folder).map_err(io)?;
        let mut stands_in = cfg!(windows);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(LockError::Held(folder.to_path_buf())),
                // A file system that has no locks, or none for folders: a file elsewhere stands for it.
                Err(TryLockError::Error(_)) if !stands_in => {
                    file = stand_in(folder).map_err(io)?;
                    stands_in = true;
                }
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        }
    }
}

/// The folder itself, so that no file is made for the lock; on Windows, where a folder cannot be locked, a stand-in.
fn open(folder: &Path) -> io::Result<File> {
    if cfg!(unix) { File::open(folder) } else { stand_in(folder) }
}

/// A file in the folder for temporary files, named by the path of the folder to lock.
fn stand_in(folder: &Path) -> io::Result<File> {
    let name = hex(&Sha256::digest(folder.to_string_lossy().to_lowercase().as_bytes())[..8]);
    let locks = std::env::temp_dir().join("gpol-locks");
    fs::create_dir_all(&locks)?;
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        // For every user of the machine; whose folder it is decides nothing.
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        drop(fs::set_permissions(&locks, fs::Permissions::from_mode(0o1777)));
        options.mode(0o666);
    }
    options.open(locks.join(name))
}
