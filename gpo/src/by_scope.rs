//! Sources side by side: the records of each scope of one source, or of several behind one another, as one file.
//!
//! Several GPOs are taken in the order in which they are named, so that a later one wins, as Windows does it with the
//! GPOs of a list.

use std::path::PathBuf;

use polfile::PolicyFile;

use crate::exchange::lgpo::Scope;
use crate::model::RecordModel;
use crate::source::{Part, Place, Source, SourceKind};
use crate::target::Kind;

/// All that a side says of one scope.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    /// Whose; `None` where nothing tells.
    pub scope: Option<Scope>,
    /// The records of all parts, one behind the other.
    pub file: PolicyFile,
    /// What they come from, in that order.
    pub parts: Vec<Part>,
    /// For each record its part and its place there.
    origins: Vec<(usize, usize)>,
}

impl Joined {
    /// What sources say of one scope.
    pub fn of(sources: &[Source], scope: Option<&Scope>) -> Self {
        let mut joined = Self { scope: scope.cloned(), ..Self::default() };
        parts(sources).filter(|part| part.scope.as_ref() == scope).for_each(|part| joined.push(part.clone()));
        joined
    }

    fn push(&mut self, part: Part) {
        for (index, record) in part.file.records().enumerate() {
            self.file.push(record);
            self.origins.push((self.parts.len(), index));
        }
        self.parts.push(part);
    }

    /// The part that a record comes from, and where it stands in it.
    pub fn origin(&self, record: usize) -> Option<(&Part, usize)> {
        let (part, index) = *self.origins.get(record)?;
        Some((self.parts.get(part)?, index))
    }

    /// Where a record comes from.
    pub fn place(&self, record: usize) -> Option<Place> {
        self.origin(record).map(|(part, index)| part.place(index))
    }

    /// The model of a record, counted as its own file counts it.
    pub fn model(&self, record: usize) -> Option<RecordModel> {
        let (part, index) = self.origin(record)?;
        Some(RecordModel::new(index, &part.file.record(index)?))
    }
}

/// A source that does not tell whose policy it is, where nothing else does either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeUnknown(pub PathBuf);

/// Sides, scope by scope. A side that does not speak of a scope has an empty file there.
///
/// With `asked`, that scope alone, and a policy file that does not tell is of that scope; without, it is of the only
/// scope that another side has. Where all sides have one policy file each and none tells, they belong together.
///
/// # Errors
///
/// [`ScopeUnknown`] names a file of which nothing tells whose policy it is.
pub fn rows<const N: usize>(sides: [&[Source]; N], asked: Option<&Scope>) -> Result<Vec<[Joined; N]>, ScopeUnknown> {
    let mut sides = sides.map(<[Source]>::to_vec);
    for side in &mut sides {
        take(side, asked);
    }
    let only: Vec<Option<Scope>> = sides.iter().map(|side| only_scope(side)).collect();
    for (i, side) in sides.iter_mut().enumerate() {
        settle(side, only.iter().enumerate().find_map(|(j, scope)| scope.as_ref().filter(|_| i != j)));
    }
    let all = || sides.iter().flat_map(|side| parts(side));
    let some_known = all().any(|part| part.scope.is_some());
    if let Some(path) = sides.iter().find_map(|side| unknown(side)).filter(|_| some_known) {
        return Err(ScopeUnknown(path.clone()));
    }
    let mut scopes: Vec<Option<Scope>> = all().map(|part| part.scope.clone()).collect();
    scopes.sort();
    scopes.dedup();
    Ok(scopes.iter().map(|scope| std::array::from_fn(|i| Joined::of(&sides[i], scope.as_ref()))).collect())
}

fn parts(sources: &[Source]) -> impl Iterator<Item = &Part> {
    sources.iter().flat_map(|source| &source.parts)
}

/// Keeps what is of the scope that is asked for.
pub fn take(sources: &mut [Source], asked: Option<&Scope>) {
    let Some(asked) = asked else { return };
    for source in sources {
        let is_pol = matches!(source.kind, SourceKind::Target(Kind::Pol) | SourceKind::Records);
        source.parts.retain_mut(|part| {
            // A policy file alone is what one says it is.
            if is_pol || part.scope.is_none() {
                part.scope = Some(asked.clone());
            }
            part.scope.as_ref() == Some(asked)
        });
    }
}

/// The scope of all records, if there is only one.
pub fn only_scope(sources: &[Source]) -> Option<Scope> {
    let speaks = |part: &&Part| !part.file.is_empty() || !part.absent.is_empty();
    let mut scopes: Vec<&Scope> = parts(sources).filter(speaks).filter_map(|part| part.scope.as_ref()).collect();
    scopes.sort();
    scopes.dedup();
    match *scopes {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// Takes what does not tell its scope for that of the other side.
pub fn settle(sources: &mut [Source], others: Option<&Scope>) {
    for part in sources.iter_mut().flat_map(|source| &mut source.parts).filter(|part| part.scope.is_none()) {
        part.scope = others.cloned();
    }
}

/// A file of which nothing tells whose policy it is.
pub fn unknown(sources: &[Source]) -> Option<&PathBuf> {
    parts(sources).find(|part| part.scope.is_none()).map(|part| &part.path)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::{Options, read_bytes};

    fn text(text: &str) -> Source {
        read_bytes(Path::new("x.txt"), text.as_bytes().to_vec(), Options::default()).unwrap()
    }

    fn pol() -> Source {
        let mut file = PolicyFile::new();
        file.put(&polfile::Record::set("K", "V", &polfile::Value::Dword(1)).unwrap());
        read_bytes(Path::new("x.pol"), file.into_bytes(), Options::default()).unwrap()
    }

    fn shape(rows: &[[Joined; 2]]) -> Vec<(String, usize, usize)> {
        let word = |joined: &Joined| joined.scope.as_ref().map_or("-".to_owned(), Scope::word);
        rows.iter().map(|[left, right]| (word(left), left.file.len(), right.file.len())).collect()
    }

    const USER: &str = "User\r\nK\r\nV\r\nDWORD:1\r\n";
    const COMPUTER: &str = "Computer\r\nK\r\nV\r\nDWORD:1\r\n";

    #[test]
    fn a_policy_file_is_of_the_only_scope_of_the_other_side() {
        assert_eq!(shape(&rows([&[pol()], &[text(USER)]], None).unwrap()), [("user".to_owned(), 1, 1)]);
        let both = text(&format!("{USER}\r\n{COMPUTER}"));
        assert_eq!(rows([&[pol()], std::slice::from_ref(&both)], None).unwrap_err(), ScopeUnknown("x.pol".into()));
        let asked = rows([&[pol()], &[both]], Some(&Scope::Computer)).unwrap();
        assert_eq!(shape(&asked), [("computer".to_owned(), 1, 1)]);
        assert_eq!(shape(&rows([&[pol()], &[pol()]], None).unwrap()), [("-".to_owned(), 1, 1)]);
        // Of three sides, one that tells is enough.
        let three = rows([&[], &[pol()], &[text(USER)]], None).unwrap();
        let shape: Vec<_> =
            three.iter().map(|[base, left, right]| [base, left, right].map(|side| side.file.len())).collect();
        assert_eq!((shape, three[0][1].scope.clone()), (vec![[0, 1, 1]], Some(Scope::User)));
    }

    #[test]
    fn several_sources_are_one_and_each_record_keeps_its_place() {
        let rows = rows([&[text(USER), text(COMPUTER), text(USER)], &[]], None).unwrap();
        assert_eq!(shape(&rows), [("computer".to_owned(), 1, 0), ("user".to_owned(), 2, 0)]);
        let user = &rows[1][0];
        assert_eq!(user.place(1).unwrap().to_string(), "x.txt:1");
        assert_eq!((user.model(1).unwrap().index, user.parts.len()), (0, 2));
    }
}
