//! Whether the files of GPOs that gpol does not read are the same, byte for byte.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

use super::{GpoFile, Holds};
use crate::scope::Scope;

/// What came of the files that set something.
#[derive(Debug)]
pub struct Compared<'f, const N: usize> {
    /// Files that are the same on all sides.
    pub same: usize,
    /// What is not: nothing is said of what that means.
    pub unequal: Vec<Unequal<'f, N>>,
}

/// Files of one place that are not the same: other bytes, or one side has none.
#[derive(Clone, Debug)]
pub struct Unequal<'f, const N: usize>(pub [Option<&'f GpoFile>; N]);

/// Compares what sides hold beside registry policy, each side's GPOs in the order in which they count. What sets nothing is as
/// if it were not there.
pub fn compare<'f, const N: usize>(sides: [Vec<&'f GpoFile>; N]) -> Compared<'f, N> {
    let mut places: BTreeMap<(Option<&str>, String), [Vec<&'f GpoFile>; N]> = BTreeMap::new();
    for (side, files) in sides.iter().enumerate() {
        for file in files.iter().filter(|file| file.is_overlooked()) {
            // One user's policy is none of all users'.
            let owner = file.scope.as_ref().and_then(Scope::sid);
            let here = places.entry((owner, file.name.to_lowercase()));
            here.or_insert_with(|| std::array::from_fn(|_| Vec::new()))[side].push(file);
        }
    }
    let mut compared = Compared { same: 0, unequal: Vec::new() };
    for mut here in places.into_values() {
        // Of several GPOs those at the beginning and at the end that all sides have in common are the same.
        while row(&here, |files| files.first().copied()).as_ref().is_some_and(all_same) {
            for files in &mut here {
                files.remove(0);
            }
            compared.same += 1;
        }
        while row(&here, |files| files.last().copied()).as_ref().is_some_and(all_same) {
            for files in &mut here {
                files.pop();
            }
            compared.same += 1;
        }
        let most = here.iter().map(Vec::len).max().unwrap_or_default();
        compared.unequal.extend((0..most).map(|at| Unequal(std::array::from_fn(|side| here[side].get(at).copied()))));
    }
    compared
}

type Row<'f, const N: usize> = [Option<&'f GpoFile>; N];

/// One file of each side; `None` where all have none left.
fn row<'f, const N: usize>(
    here: &[Vec<&'f GpoFile>; N],
    one: impl Fn(&[&'f GpoFile]) -> Option<&'f GpoFile>,
) -> Option<Row<'f, N>> {
    let row: Row<'f, N> = std::array::from_fn(|side| one(&here[side]));
    row.iter().any(Option::is_some).then_some(row)
}

fn all_same<const N: usize>(row: &Row<'_, N>) -> bool {
    let [Some(first), others @ ..] = row.as_slice() else { return false };
    others.iter().all(|other| other.is_some_and(|other| have_same_bytes(first, other)))
}

/// What cannot be read is the same as nothing.
fn have_same_bytes(a: &GpoFile, b: &GpoFile) -> bool {
    let known = a.holds == Holds::Settings && b.holds == Holds::Settings;
    known && a.size == b.size && (a.path == b.path || read_alike(a, b).unwrap_or(false))
}

fn read_alike(a: &GpoFile, b: &GpoFile) -> io::Result<bool> {
    let (mut a, mut b) = (BufReader::new(File::open(&a.path)?), BufReader::new(File::open(&b.path)?));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let n = left.len().min(right.len());
        if n == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        if left[..n] != right[..n] {
            return Ok(false);
        }
        a.consume(n);
        b.consume(n);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::contents::listed;

    /// A GPO's folder with a security template of these bytes.
    fn gpo(dir: &Path, name: &str, template: &str) -> Vec<GpoFile> {
        let folder = dir.join(name).join("Machine/Microsoft/Windows NT/SecEdit");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("GptTmpl.inf"), template).unwrap();
        listed(&dir.join(name), None).unwrap()
    }

    /// What is the same, and of the rest the GPOs on either side.
    fn told<'f>(left: &[&'f Vec<GpoFile>], right: &[&'f Vec<GpoFile>]) -> (usize, Vec<[String; 2]>) {
        let side = |gpos: &[&'f Vec<GpoFile>]| gpos.iter().flat_map(|gpo| gpo.iter()).collect::<Vec<_>>();
        let compared = compare([side(left), side(right)]);
        let name = |file: Option<&GpoFile>| {
            file.map_or_else(String::new, |file| {
                let gpo = file.path.ancestors().nth(5).and_then(Path::file_name);
                gpo.unwrap_or_default().to_string_lossy().into_owned()
            })
        };
        (compared.same, compared.unequal.iter().map(|Unequal(at)| at.map(name)).collect())
    }

    #[test]
    fn files_are_the_same_by_their_bytes_and_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let gpo = |name, template| gpo(dir.path(), name, template);
        let a = gpo("a", "[System Access]\r\nMinimumPasswordAge = 1\r\n");
        let copy = gpo("copy", "[System Access]\r\nMinimumPasswordAge = 1\r\n");
        let b = gpo("b", "[System Access]\r\nMinimumPasswordAge = 2\r\n");
        let bare = gpo("bare", "[Unicode]\r\nUnicode=yes\r\n");
        let none = Vec::new();
        let pair = |l: &str, r: &str| [l.to_owned(), r.to_owned()];
        assert_eq!(told(&[&a], &[&copy]), (1, vec![]));
        assert_eq!(told(&[&a], &[&b]), (0, vec![pair("a", "b")]));
        assert_eq!(told(&[&a], &[&none]), (0, vec![pair("a", "")]));
        assert_eq!(told(&[&bare], &[&none]), (0, vec![]), "what sets nothing is as good as not there");
        assert_eq!(told(&[&a, &b], &[&copy, &b]), (2, vec![]));
        assert_eq!(told(&[&a, &b], &[&b]), (1, vec![pair("a", "")]));
        assert_eq!(told(&[&a, &b], &[&b, &copy]), (0, vec![pair("a", "b"), pair("b", "copy")]), "another one wins");
    }
}
