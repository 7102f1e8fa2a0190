//! Where the corpus lies: real policy files, and what LGPO.exe says of them.
//!
//! It belongs to others and is not in the repository, so every test that needs it passes without
//! it, and says so.

#![allow(dead_code)] // each test binary uses a part of it

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// LGPO.exe's verdict on one file.
pub struct Verdict {
    /// The file, below the corpus.
    pub path: String,
    pub accepts: bool,
    /// What it says to a file that it refuses.
    pub message: String,
}

/// The folder in `GPOL_CORPUS`, else the one beside the repository; `None`, and a line of output,
/// where there is neither.
#[expect(clippy::print_stdout)] // only ever called by tests
pub fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("GPOL_CORPUS").map(PathBuf::from).into_iter().chain([beside]).find(|f| f.is_dir());
    if folder.is_none() {
        println!("skipped: no corpus in GPOL_CORPUS, none beside the repository");
    }
    folder
}

/// The verdicts on the files of the corpus, then those on the awkward files made for it.
pub fn verdicts(corpus: &Path) -> (Vec<Verdict>, Vec<Verdict>) {
    let found = table(&corpus.join("lgpo/verdicts.tsv")).map(|row| Verdict {
        path: row[0].clone(),
        accepts: accepts(&row[2]),
        message: row[3].clone(),
    });
    let made = table(&corpus.join("lgpo/edge.tsv")).map(|row| Verdict {
        path: format!("lgpo/edge/{}", row[0]),
        accepts: accepts(&row[1]),
        message: row[2].clone(),
    });
    (found.collect(), made.collect())
}

/// Name and bytes of every file that LGPO.exe accepts, no bytes twice.
pub fn accepted_files(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let (found, made) = verdicts(corpus);
    let mut seen = BTreeSet::new();
    found
        .into_iter()
        .chain(made)
        .filter(|verdict| verdict.accepts)
        .map(|verdict| (verdict.path.clone(), read(corpus, &verdict.path)))
        .filter(|(_, bytes)| seen.insert(bytes.clone()))
        .collect()
}

/// Every file found that LGPO.exe accepts, and the text it makes of it.
pub fn lgpo_texts(corpus: &Path) -> Vec<(String, String)> {
    table(&corpus.join("lgpo/verdicts.tsv"))
        .filter(|row| accepts(&row[2]))
        .map(|row| (row[0].clone(), row[4].clone()))
        .collect()
}

pub fn read(corpus: &Path, path: &str) -> Vec<u8> {
    fs::read(corpus.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of a file of tab-separated columns, but for its heading.
fn table(path: &Path) -> impl Iterator<Item = Vec<String>> + use<> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows: Vec<Vec<String>> =
        text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    rows.into_iter()
}

fn accepts(verdict: &str) -> bool {
    match verdict {
        "accepts" => true,
        "rejects" => false,
        other => panic!("neither accepts nor rejects: {other}"),
    }
}
