//! How large a file of each kind may be that is read. Files of a target come from anywhere: one that is made to be large,
//! and takes no room on its disk, must not take all the memory. `docs/targets.md` has the same table.

use std::io;
use std::path::Path;

use admx::file::{self, Limit, begins_as_text};

const MIB: u64 = 1 << 20;

/// `Registry.pol`. A million records, far more than any GPO has, are some 300 MB.
pub const POLICY_FILE: Limit = Limit { kind: "policy file", bytes: 512 * MIB, begins: is_policy_file };

/// A file that is named to be read for what it holds: a policy file, or a text that may say as much.
pub const INPUT: Limit = Limit {
    kind: "policy file or text",
    bytes: 512 * MIB,
    begins: |head| is_policy_file(head) || begins_as_text(head),
};

/// A text in a GPO or its backup: a security template, preferences, comments, `Backup.xml`. Real ones have less than 1 MB.
pub const TEXT: Limit = Limit { kind: "text of a GPO", bytes: 64 * MIB, begins: |_| true };

/// `gpt.ini`. It has a few lines; each extension in its lists takes less than 100 characters, and there are some fifty.
pub const GPT_INI: Limit = Limit { kind: "gpt.ini", bytes: MIB, begins: |_| true };

/// A state file, or an order of GPOs: people write and review them. 100,000 policies are some 10 MB.
pub const STATE_FILE: Limit = Limit { kind: "state file", bytes: 16 * MIB, begins: |_| true };

/// An export of Active Directory. An object takes some KB, so this is more than 100,000 GPOs and units.
pub const DIRECTORY: Limit = Limit { kind: "export of Active Directory", bytes: 512 * MIB, begins: begins_as_text };

/// A registry hive. Its cells have addresses of 31 bits.
pub const HIVE: Limit = Limit { kind: "registry hive", bytes: 2048 * MIB, begins: |head| head.starts_with(b"regf") };

/// A log of a hive: the pages that the last writes changed, in practice some MB, and never many of a hive at once.
pub const HIVE_LOG: Limit = Limit { kind: "log of a registry hive", bytes: 512 * MIB, begins: HIVE.begins };

/// All of them.
pub const ALL: [Limit; 9] = [POLICY_FILE, INPUT, TEXT, GPT_INI, STATE_FILE, Limit::TEMPLATE, DIRECTORY, HIVE, HIVE_LOG];

fn is_policy_file(head: &[u8]) -> bool {
    head.starts_with(b"PReg")
}

/// The bytes of a file, `None` if there is none.
///
/// # Errors
///
/// If it is there and cannot be read, is no file, or is larger than that.
pub fn read_if_there(path: &Path, limit: Limit) -> io::Result<Option<Vec<u8>>> {
    match file::read(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_exactly_these_limits() {
        let documented: Vec<(String, u64)> = include_str!("../../docs/targets.md")
            .lines()
            .filter_map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                let size: u64 = cells.get(2)?.strip_suffix(" MiB")?.parse().ok()?;
                Some((cells.get(1)?.to_string(), size * MIB))
            })
            .collect();
        assert_eq!(documented, ALL.map(|limit| (limit.kind.to_owned(), limit.bytes)));
    }
}
