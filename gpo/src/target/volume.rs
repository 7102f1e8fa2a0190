//! Whether the volume below a target may be written: what a hibernated Windows has in memory would overwrite it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use admx::file::open;

use crate::place::find;

/// What `hiberfil.sys` says of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hibernation {
    /// There is none, or it is empty: its header is all zeros.
    None,
    /// Windows is hibernated, or was shut down with fast startup: the header begins with `hibr` or `HIBR`.
    Active(PathBuf),
    /// Another header: Windows may or may not go on from it.
    Unclear(PathBuf),
}

impl Hibernation {
    /// Looks at `hiberfil.sys` beside a `Windows` folder.
    ///
    /// The header is judged as ntfs-3g does before it mounts a volume for writing: 4096 bytes, of which the first
    /// four are `hibr` (before Windows 8) or `HIBR`. A file that cannot be read, as on a running Windows, says nothing.
    ///
    /// # Errors
    ///
    /// If the folder cannot be listed.
    pub fn beside(windows: &Path) -> io::Result<Self> {
        let real;
        let root = match windows.parent() {
            Some(root) if !root.as_os_str().is_empty() => root,
            _ => {
                real = windows.canonicalize()?;
                let Some(root) = real.parent() else { return Ok(Self::None) };
                root
            }
        };
        let Some(found) = find(root, &["hiberfil.sys"])? else { return Ok(Self::None) };
        let mut head = Vec::new();
        let read = open(&found.path).and_then(|file| file.take(4096).read_to_end(&mut head));
        Ok(match (read, &*head) {
            (Err(_), _) => Self::None,
            (Ok(_), [b'h', b'i', b'b', b'r', ..] | [b'H', b'I', b'B', b'R', ..]) => Self::Active(found.path),
            (Ok(_), head) if head.iter().all(|&byte| byte == 0) => Self::None,
            (Ok(_), _) => Self::Unclear(found.path),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_header_with_a_mark_is_a_hibernated_windows() {
        let dir = tempfile::tempdir().unwrap();
        let windows = dir.path().join("Windows");
        std::fs::create_dir(&windows).unwrap();
        let file = dir.path().join("HIBERFIL.SYS");
        let with = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            Hibernation::beside(&windows).unwrap()
        };
        assert_eq!(with(&[0; 8192]), Hibernation::None);
        assert_eq!(with(b""), Hibernation::None);
        assert_eq!(with(b"HIBR\0\0\0\0"), Hibernation::Active(file.clone()));
        assert_eq!(with(b"hibr\0\0\0\0"), Hibernation::Active(file.clone()));
        assert_eq!(with(b"RSTR\0\0\0\0"), Hibernation::Unclear(file.clone()));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(Hibernation::beside(&windows).unwrap(), Hibernation::None);
    }
}
