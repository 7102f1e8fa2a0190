//! The test bench: a folder for each test, and the program run in it.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

/// The policy that the golden image is about, as KB 4555446 leads to it.
pub const NLA: &str = "TS_USER_AUTHENTICATION_POLICY";
/// Its display name.
pub const NLA_NAME: &str = "Require user authentication for remote connections by using Network Level Authentication";
/// Its policy file in the golden image.
pub const COMPUTER_POL: &str = "image/Windows/System32/GroupPolicy/Machine/Registry.pol";
/// The user side's.
pub const USER_POL: &str = "image/Windows/System32/GroupPolicy/User/Registry.pol";
/// The golden image's `gpt.ini`.
pub const GPT_INI: &str = "image/Windows/System32/GroupPolicy/gpt.ini";

/// A folder that is gone after the test, and another where the program records its changes.
pub struct TestDir(TempDir, TempDir);

impl TestDir {
    pub fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        Self(folder(), folder())
    }

    /// With a copy of the golden image as `image`.
    pub fn with_image() -> Self {
        let dir = Self::new();
        fixtures::write_tree(&dir.path("image"), &fixtures::golden_image()).expect("the image is written");
        dir
    }

    /// With one file.
    pub fn with(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let dir = Self::new();
        dir.write(name, bytes);
        dir
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Where the program records its changes.
    pub fn history(&self) -> &Path {
        self.1.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fixtures::write_tree(self.0.path(), &[(name, bytes)]).expect("the file is written");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).expect("UTF-8")
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The program, in this folder and with an environment that decides nothing.
    pub fn command<S: Into<OsString>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpol"));
        command.current_dir(self.0.path()).args(args.into_iter().map(Into::into)).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let upper = name.to_string_lossy().to_ascii_uppercase();
            // With SystemRoot, a Windows machine's own templates would serve.
            let decides = ["NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "SYSTEMROOT", "LANGUAGE"];
            if upper.starts_with("GPOL_") || upper.starts_with("CLICOLOR") || decides.contains(&&*upper) {
                command.env_remove(&name);
            }
        }
        command.env("GPOL_BACKUP_DIR", self.1.path());
        command
    }

    pub fn run<S: Into<OsString>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::of(self.command(args))
    }

    /// Every file and folder: what it holds, when it was last written, and which file it is.
    pub fn state(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        collect(self.0.path(), &mut entries);
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }
}

/// What a read command must not change.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: PathBuf,
    /// `None` for a folder.
    pub bytes: Option<Vec<u8>>,
    modified: SystemTime,
    /// A file that is replaced by one of the same bytes has another; 0 where the system has none.
    inode: u64,
}

fn collect(folder: &Path, entries: &mut Vec<Entry>) {
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry").path();
        let metadata = fs::metadata(&path).expect("metadata");
        let bytes = (!metadata.is_dir()).then(|| fs::read(&path).expect("bytes"));
        if metadata.is_dir() {
            collect(&path, entries);
        }
        let modified = metadata.modified().expect("a time");
        entries.push(Entry { path, bytes, modified, inode: inode(&metadata) });
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.ino()
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

/// Runs a program to its end. Under Wine a process now and then fails to start with ERROR_INTERNAL_ERROR when
/// many start at once; nothing of the program has run then, so it is started again.
fn start(command: &mut Command) -> Output {
    const ERROR_INTERNAL_ERROR: i32 = 1359;
    for _ in 0..10 {
        match command.output() {
            Err(error) if cfg!(windows) && error.raw_os_error() == Some(ERROR_INTERNAL_ERROR) => {
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
            done => return done.expect("the program starts"),
        }
    }
    panic!("the program does not start: ERROR_INTERNAL_ERROR, ten times");
}

/// What a run left behind.
pub struct Run {
    pub status: Option<i32>,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

impl Run {
    pub fn of(mut command: Command) -> Self {
        let Output { status, stdout, stderr } = start(&mut command);
        Self { status: status.code(), out: stdout, err: stderr }
    }

    /// Standard output of a run that went well and had nothing to say beside it.
    #[track_caller]
    pub fn ok(&self) -> String {
        self.expect(0)
    }

    /// Standard output of a run that ended so and had nothing to say beside it.
    #[track_caller]
    pub fn expect(&self, status: i32) -> String {
        assert!(self.status == Some(status) && self.err.is_empty(), "expected status {status} and no message:\n{self}");
        self.stdout()
    }

    /// The error code of a run that failed with this status and no result.
    #[track_caller]
    pub fn refused(&self, status: i32) -> String {
        assert!(self.status == Some(status) && self.out.is_empty(), "expected status {status} and no result:\n{self}");
        let message = self.stderr();
        let code = message.strip_prefix("error[").and_then(|rest| rest.split_once("]: "));
        code.unwrap_or_else(|| panic!("an error with a code:\n{self}")).0.to_owned()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8(self.out.clone()).expect("standard output is UTF-8")
    }

    pub fn stderr(&self) -> String {
        String::from_utf8(self.err.clone()).expect("standard error is UTF-8")
    }

    /// The document of a run that went well.
    #[track_caller]
    pub fn json(&self) -> Value {
        parse(&self.ok())
    }
}

/// A JSON document.
#[track_caller]
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// The names of an object's members, sorted.
pub fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Both streams and the status, as snapshots hold them; `/` in paths on every system, and no change's id.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_ids(&slashes(&String::from_utf8_lossy(&self.out)), "CHANGE"))?;
        if !self.err.is_empty() {
            write!(f, "------- stderr -------\n{}", with_ids(&slashes(&String::from_utf8_lossy(&self.err)), "CHANGE"))?;
        }
        match self.status {
            Some(0) => Ok(()),
            Some(status) => write!(f, "[exit status: {status}]"),
            None => write!(f, "[ended by a signal]"),
        }
    }
}

/// The ids of recorded changes, such as `20260114T093210Z-5f3a`, as something that is the same every time.
pub fn with_ids(text: &str, as_what: &str) -> String {
    const SHAPE: &str = "99999999T999999Z-ffff";
    let fits = |c: char, shape: char| match shape {
        '9' => c.is_ascii_digit(),
        'f' => c.is_ascii_hexdigit(),
        other => c == other,
    };
    let mut shown = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is_id = rest.len() >= SHAPE.len() && rest.chars().zip(SHAPE.chars()).all(|(c, shape)| fits(c, shape));
        shown.push_str(if is_id { as_what } else { &rest[..c.len_utf8()] });
        rest = &rest[if is_id { SHAPE.len() } else { c.len_utf8() }..];
    }
    shown
}

/// Windows' separators in the paths below the folders that tests make, as `/`; registry keys keep theirs.
pub fn slashes(text: &str) -> String {
    if !cfg!(windows) {
        return text.to_owned();
    }
    let mut text = text.to_owned();
    for folder in [
        r"image\",
        r"folder\",
        r"gpos\",
        r"asleep\",
        r"sysvol\",
        r"store\",
        r"gpo\",
        r"Policies\{",
        r"backup\",
        r"bad\",
        r"list\",
        r"notes\",
        r"unseen\",
        r"User\Reg",
        r"Machine\Reg",
        r"DomainSysvol\",
        r"sysvol\",
    ] {
        let mut from = 0;
        while let Some(at) = text[from..].find(folder).map(|at| from + at) {
            let end = text[at..].find([' ', '\n', '"', ',', ';', '\'']).map_or(text.len(), |end| at + end);
            let path = text[at..end].replace(r"\\", "/").replace('\\', "/");
            text.replace_range(at..end, &path);
            from = at + path.len();
        }
    }
    text
}

/// Where the snapshot files lie: also where the tests run in another folder than they were built in.
pub fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/snapshots")
}

/// Compares with `tests/snapshots/NAME.snap`.
#[macro_export]
macro_rules! assert_file_snapshot {
    ($name:expr, $text:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path($crate::bench::snapshots());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $text));
    }};
}
