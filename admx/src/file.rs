//! Reading a file whole, whatever stands in its place: a pipe that nobody writes to holds nobody up, a device that never
//! ends fills no memory. Only regular files are read, and of each kind no more than its [`Limit`].
//!
//! What is refused is an [`io::Error`] with a [`Refused`] inside, so that it takes the way of every other file that
//! cannot be read; [`refused`] finds it there.

use std::fmt;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// How much is read of a file that does not begin as its kind does: enough to say what it is instead, and to find whole
/// records in it.
const OTHER: u64 = 64 * MIB;

/// How much of a file tells how it begins.
const HEAD: u64 = 4 * KIB;

/// How large a file of one kind may be.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What people call the kind.
    pub kind: &'static str,
    /// The largest size, in bytes.
    pub bytes: u64,
    /// Whether a file begins as this kind does. One that does not may have 64 MiB, if that is less.
    pub begins: fn(&[u8]) -> bool,
}

impl Limit {
    /// An ADMX or ADML file. The largest of Windows', Office's and the browsers' have less than 2 MB.
    pub const TEMPLATE: Self = Self { kind: "template", bytes: 64 * MIB, begins: |_| true };

    /// Whether so many bytes may be one of this kind.
    ///
    /// # Errors
    ///
    /// [`Refused::TooLarge`] if not.
    pub fn check(self, size: u64) -> Result<(), Refused> {
        let (kind, most) = (self.kind, self.bytes);
        match size > most {
            true => Err(Refused::TooLarge { kind, size: Some(size), most, likeness: Likeness::Begins }),
            false => Ok(()),
        }
    }

    /// The limit of a file that begins so.
    fn of(self, head: &[u8]) -> (u64, Likeness) {
        match (self.begins)(head) {
            true => (self.bytes, Likeness::Begins),
            false => (self.bytes.min(OTHER), Likeness::Other),
        }
    }
}

/// How a file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// As its kind does.
    Begins,
    /// As something else.
    Other,
}

/// Why a file is not read, although the system would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A device, a pipe or a socket, or a link to one.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// More than gpol reads of this kind.
    #[error("it is too large: {}gpol reads at most {} of {}", Has(*size), Size(*most), Kind(kind, *likeness))]
    TooLarge {
        /// What people call the kind.
        kind: &'static str,
        /// Its size, where that is known.
        size: Option<u64>,
        /// The largest size.
        most: u64,
        /// How it begins, on which that depends.
        likeness: Likeness,
    },
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        let kind = match refused {
            Refused::NotAFile(_) => io::ErrorKind::InvalidInput,
            Refused::TooLarge { .. } => io::ErrorKind::FileTooLarge,
        };
        Self::new(kind, refused)
    }
}

/// What was refused, where that is why a file cannot be read.
pub fn refused(error: &io::Error) -> Option<&Refused> {
    error.get_ref()?.downcast_ref()
}

/// Opens a file to be read; nothing but a regular file, or a link to one. A device is not even opened, since that alone
/// can set something off.
///
/// # Errors
///
/// What the system says, or [`Refused::NotAFile`]. A folder is an error of the system's.
pub fn open(path: &Path) -> io::Result<File> {
    open_sized(path).map(|(file, _)| file)
}

/// As [`open`], with the size that the file says it has.
fn open_sized(path: &Path) -> io::Result<(File, u64)> {
    regular(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    // Another can take its place by now; a pipe would then wait for a writer.
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    let file = options.open(path)?;
    let size = regular(&file.metadata()?)?;
    Ok((file, size))
}

/// Reads a file whole.
///
/// # Errors
///
/// As [`open`], or [`Refused::TooLarge`].
pub fn read(path: &Path, limit: Limit) -> io::Result<Vec<u8>> {
    let (mut file, size) = open_sized(path)?;
    drain(&mut file, Some(size), limit)
}

/// As [`read`], a file that was opened already: on Unix with `O_NONBLOCK`, else to open it may have taken for ever.
///
/// # Errors
///
/// As [`read`].
pub fn read_opened(mut file: &File, limit: Limit) -> io::Result<Vec<u8>> {
    let size = regular(&file.metadata()?)?;
    drain(&mut file, Some(size), limit)
}

/// Reads to the end, from something that may have none. A file says 0 as its `size` as well where the system makes it up
/// while it is read, and can grow meanwhile.
///
/// # Errors
///
/// What the system says, or [`Refused::TooLarge`].
pub fn drain(from: &mut impl Read, size: Option<u64>, limit: Limit) -> io::Result<Vec<u8>> {
    let known = size.unwrap_or_default();
    let mut bytes = Vec::with_capacity(length(known.min(HEAD)));
    let head = from.by_ref().take(HEAD).read_to_end(&mut bytes)? as u64;
    let (most, likeness) = limit.of(&bytes);
    let too_large = |size| io::Error::from(Refused::TooLarge { kind: limit.kind, size, most, likeness });
    if known > most {
        return Err(too_large(size));
    }
    if head == HEAD {
        bytes.reserve_exact(length(known.saturating_sub(head)));
        from.by_ref().take(most.saturating_sub(head).saturating_add(1)).read_to_end(&mut bytes)?;
    }
    match bytes.len() as u64 > most {
        true => Err(too_large(None)),
        false => Ok(bytes),
    }
}

/// Whether the first bytes are those of a text: in UTF-16, or without any zero.
pub fn begins_as_text(head: &[u8]) -> bool {
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).take(4).all(|&byte| byte == 0);
    head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") || zeros(0) != zeros(1) || !head.contains(&0)
}

fn length(size: u64) -> usize {
    usize::try_from(size).unwrap_or_default()
}

/// The size of a regular file.
fn regular(metadata: &Metadata) -> io::Result<u64> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => Ok(metadata.len()),
        () if kind.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        () => Err(Refused::NotAFile(what_else(kind)).into()),
    }
}

#[cfg(unix)]
fn what_else(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match () {
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(not(unix))]
fn what_else(_: FileType) -> &'static str {
    "a device"
}

/// A size as people say it.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(size) = *self;
        let (unit, name) = match size {
            GIB.. => (GIB, "GiB"),
            MIB.. => (MIB, "MiB"),
            _ => (KIB, "KiB"),
        };
        match size % unit {
            0 => write!(f, "{} {name}", size / unit),
            _ => write!(f, "{:.1} {name}", size as f64 / unit as f64),
        }
    }
}

/// A kind of file, or what is none.
struct Kind<'a>(&'a str, Likeness);

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(kind, Likeness::Begins) => write!(f, "a {kind}"),
            Self(kind, Likeness::Other) => write!(f, "a file that does not begin as a {kind} does"),
        }
    }
}

struct Has(Option<u64>);

impl fmt::Display for Has {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |size| write!(f, "it has {}, ", Size(size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: Limit = Limit { kind: "test", bytes: 100 * MIB, begins: |head| head.starts_with(b"sign") };
    const SMALL: Limit = Limit { kind: "test", bytes: 10, begins: |_| true };

    fn why(read: io::Result<Vec<u8>>) -> Refused {
        *refused(&read.unwrap_err()).unwrap()
    }

    #[test]
    fn a_file_is_read_whole_up_to_its_limit_and_refused_beyond_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for size in [0, 1, 9, 10] {
            std::fs::write(&path, vec![7; size]).unwrap();
            assert_eq!(read(&path, SMALL).unwrap(), vec![7; size]);
        }
        std::fs::write(&path, [7; 11]).unwrap();
        assert_eq!(
            why(read(&path, SMALL)),
            Refused::TooLarge { kind: "test", size: Some(11), most: 10, likeness: Likeness::Begins }
        );
        let long: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&path, &long).unwrap();
        assert_eq!(read(&path, SIGNED).unwrap(), long);
    }

    #[test]
    fn a_large_file_must_begin_as_its_kind_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(65 * MIB).unwrap();
        let (size, most, likeness) = (Some(65 * MIB), 64 * MIB, Likeness::Other);
        assert_eq!(why(read(&path, SIGNED)), Refused::TooLarge { kind: "test", size, most, likeness });
        let message = read(&path, SIGNED).unwrap_err().to_string();
        assert!(message.ends_with("at most 64 MiB of a file that does not begin as a test does"), "{message}");
        std::fs::write(&path, "sign").unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(65 * MIB).unwrap();
        assert_eq!(read(&path, SIGNED).unwrap().len() as u64, 65 * MIB);
        let message = read(&path, Limit { kind: "hive", bytes: 64 * KIB, ..SMALL }).unwrap_err().to_string();
        assert_eq!(message, "it is too large: it has 65 MiB, gpol reads at most 64 KiB of a hive");
    }

    #[test]
    fn what_never_ends_is_read_up_to_its_limit() {
        let why = why(drain(&mut io::repeat(b's'), None, SIGNED));
        assert_eq!(why, Refused::TooLarge { kind: "test", size: None, most: 64 * MIB, likeness: Likeness::Other });
    }

    #[test]
    fn texts_begin_in_one_of_windows_encodings() {
        let table: [(&[u8], bool); 7] = [
            (b"computer\r\n", true),
            (b"", true),
            (b"\xFF\xFEc\0", true),
            (b"c\0o\0m\0p\0u\0", true),
            (b"\0c\0o\0m\0p", true),
            (&[0; 4096], false),
            (b"regf\x01\0\0\0\x01\0\0\0", false),
        ];
        for (head, text) in table {
            assert_eq!(begins_as_text(head), text, "{head:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_a_pipe_and_links_to_them_are_refused_at_once() {
        use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        mkfifoat(CWD, at("pipe"), Mode::RWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (to, name) in [("pipe", "to-pipe"), ("/dev/zero", "to-zero"), ("/dev/urandom", "to-urandom")] {
            std::os::unix::fs::symlink(to, at(name)).unwrap();
        }
        let table = [
            ("pipe", "a pipe"),
            ("to-pipe", "a pipe"),
            ("socket", "a socket"),
            ("to-zero", "a device"),
            ("to-urandom", "a device"),
        ];
        for (name, what) in table {
            assert_eq!(why(read(&at(name), SMALL)), Refused::NotAFile(what), "{name}");
        }
        assert_eq!(read(dir.path(), SMALL).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        // One that was opened by another, as a race would have it.
        let pipe = rustix::fs::open(at("pipe"), OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
        assert_eq!(why(read_opened(&File::from(pipe), SMALL)), Refused::NotAFile("a pipe"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_says_nothing_of_its_size_is_read_to_its_end_or_limit() {
        let path = Path::new("/proc/self/maps");
        assert_eq!(std::fs::metadata(path).unwrap().len(), 0);
        assert!(read(path, SIGNED).unwrap().len() > 100);
        let likeness = Likeness::Begins;
        assert_eq!(why(read(path, SMALL)), Refused::TooLarge { kind: "test", size: None, most: 10, likeness });
    }
}
