//! Where the corpus lies: real hives. They belong to others and are not in the repository, so every test that
//! needs them passes without them, and says so.

#![allow(dead_code)] // each test binary uses a part of it

use std::fs;
use std::path::{Path, PathBuf};

/// Name and bytes of every file in the corpus' folder of hives, whatever it is.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folders = std::env::var_os("GPOL_CORPUS").map(PathBuf::from).into_iter().chain([beside]);
    let Some(folder) = folders.map(|folder| folder.join("hives")).find(|folder| folder.is_dir()) else {
        println!("skipped: no corpus in GPOL_CORPUS, none beside the repository");
        return vec![];
    };
    let mut files = vec![];
    let mut folders = vec![folder.clone()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&folder).unwrap().to_string_lossy().replace('\\', "/");
                files.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The hives that have logs beside them.
pub fn recovered() -> impl Iterator<Item = (String, hive::Hive)> {
    let files = files();
    let names: Vec<String> =
        files.iter().filter_map(|(name, _)| name.strip_suffix(".LOG1").map(str::to_owned)).collect();
    names.into_iter().map(move |name| {
        let get =
            |end: &str| files.iter().find(|(file, _)| *file == format!("{name}{end}")).map(|(_, bytes)| &bytes[..]);
        let hive = hive::Hive::parse_with_logs(get("").unwrap(), get(".LOG1"), get(".LOG2")).unwrap();
        (format!("{name} with its logs"), hive)
    })
}
