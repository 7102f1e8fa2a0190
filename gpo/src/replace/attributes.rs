//! What a file has besides its content: mode, owner and group, extended attributes.

#[cfg(unix)]
pub(super) use unix::Model;
#[cfg(not(unix))]
pub(super) use windows::Model;

/// What is replaced on Windows is written in place and keeps all of it, and a new file takes it from its folder.
#[cfg(not(unix))]
mod windows {
    use std::fs::File;
    use std::path::Path;

    use crate::enclosure::Place;
    use crate::plan::CommitError;

    pub(in crate::replace) enum Model {}

    impl Model {
        pub(in crate::replace) fn of(_: &Place) -> Option<Self> {
            None
        }

        pub(in crate::replace) fn give_to(&self, _: &File, _: &Path) -> Result<(), CommitError> {
            Ok(())
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::{OsStr, OsString};
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::{MetadataExt as _, fchown};
    use std::path::Path;

    use cap_std::fs::Dir;
    use xattr::FileExt as _;

    use crate::enclosure::{Place, names_beginning, open_in, reading};
    use crate::plan::CommitError;

    /// POSIX access control lists are kept in this attribute.
    const ACCESS_LIST: &str = "system.posix_acl_access";

    /// The file whose attributes a new one gets, open.
    pub(in crate::replace) struct Model {
        file: File,
        metadata: Metadata,
        /// It is the file that is replaced, and each attribute must be kept. Else it lies beside a new file, or is its
        /// GPO's gpt.ini: those who read that one must be able to read the new one, or policy stops to apply to them.
        replaced: bool,
    }

    impl Model {
        pub(in crate::replace) fn of(place: &Place) -> Option<Self> {
            let model = |folder: &Dir, name: &OsStr, replaced| {
                let file = open_in(folder, name, &mut reading()).ok()?;
                let metadata = file.metadata().ok().filter(Metadata::is_file)?;
                Some(Self { file, metadata, replaced })
            };
            let beside = |folder: &Dir| {
                let mut names = names_beginning(folder, "");
                names.retain(|name| is_model(name));
                names.sort();
                names.iter().find_map(|name| model(folder, name, false))
            };
            let replaced = model(&place.folder, &place.name, true);
            replaced.or_else(|| beside(&place.folder)).or_else(|| beside(place.above.as_ref()?))
        }

        /// The mode of a file that is not filled yet: of its owner alone, and no more than the model's.
        pub(in crate::replace) fn strictest(&self) -> u32 {
            self.metadata.mode() & 0o600
        }

        /// Gives a file all that the model has.
        pub(in crate::replace) fn give_to(&self, new: &File, path: &Path) -> Result<(), CommitError> {
            match self.give(new, path) {
                Err(_) if !self.replaced => Ok(()),
                done => done,
            }
        }

        fn give(&self, new: &File, path: &Path) -> Result<(), CommitError> {
            let refused = |attribute: &str, source| CommitError::Metadata {
                path: path.to_path_buf(),
                attribute: attribute.to_owned(),
                source,
            };
            let old = &self.metadata;
            let made = new.metadata().map_err(|source| CommitError::Io { path: path.to_path_buf(), source })?;
            if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
                fchown(new, Some(old.uid()), Some(old.gid())).map_err(|source| refused("the owner", source))?;
            }
            let names = extended(&self.file).map_err(|source| refused("an extended attribute", source))?;
            // The folder may give each new file an access control list that the old one did not have.
            let unwanted = || matches!(new.get_xattr(ACCESS_LIST), Ok(Some(_)));
            if !names.iter().any(|name| name == ACCESS_LIST) && unwanted() {
                new.remove_xattr(ACCESS_LIST).map_err(|source| refused(ACCESS_LIST, source))?;
            }
            for name in names {
                let shown = name.to_string_lossy();
                let get = |file: &File| file.get_xattr(&name).map_err(|source| refused(&shown, source));
                let Some(value) = get(&self.file)? else { continue };
                // What the system gave the new file by itself, such as a security label, need not be set.
                if get(new)?.as_ref() != Some(&value) {
                    new.set_xattr(&name, &value).map_err(|source| refused(&shown, source))?;
                }
            }
            // Last: where there is an access control list, the group's bits of the mode are not the group's.
            new.set_permissions(old.permissions()).map_err(|source| refused("the mode", source))
        }
    }

    fn is_model(name: &OsStr) -> bool {
        let name = name.to_string_lossy().to_ascii_lowercase();
        ["registry.pol", "gpt.ini", "comment.cmtx", "bkupinfo.xml"].contains(&&*name)
    }

    /// Names of the extended attributes, those of ntfs-3g included, which it does not list.
    fn extended(file: &File) -> io::Result<Vec<OsString>> {
        const UNLISTED: [&str; 2] = ["system.ntfs_acl", "system.ntfs_attrib_be"];
        let mut names: Vec<_> = match file.list_xattr() {
            Ok(names) => names.collect(),
            // A file system without them.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        for name in &UNLISTED {
            if !names.iter().any(|listed| listed == name) && matches!(file.get_xattr(name), Ok(Some(_))) {
                names.push((*name).into());
            }
        }
        Ok(names)
    }
}
