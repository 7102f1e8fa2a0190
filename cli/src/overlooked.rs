//! Files of a GPO that an answer about registry policy does not speak of, for people.

use std::collections::BTreeMap;

use gpo::contents::{GpoFile, Role};

use crate::commands::explain::below;
use crate::commands::pol::count;
use crate::ui::{Line, Page, Style};

/// How many files are listed one by one; JSON has them all.
pub const MOST: usize = 15;

/// The files by their roles, each with its path below the target and its size.
pub fn list(page: &mut Page, heading: &str, files: &[&GpoFile], target: &str) {
    let mut files = files.to_vec();
    files.sort_by_key(|file| file.role);
    page.line(Line::new().span(Style::Warn, heading));
    let widest = files.iter().take(MOST).map(|file| file.role.name().len()).max().unwrap_or_default();
    for file in files.iter().take(MOST) {
        let line = Line::indented(2).text(file.role.name()).column(widest + 4).hang();
        page.line(line.text(place(file, target)).span(Style::Faint, format!("  {}", size(file))));
    }
    more(page, files.len());
}

/// That a list was cut, if it was.
pub fn more(page: &mut Page, all: usize) {
    if let Some(more) = all.checked_sub(MOST).filter(|more| *more > 0) {
        let text = format!("and {}; --format json has them all", count(more, "more file"));
        page.line(Line::indented(2).span(Style::Faint, text));
    }
}

/// Where a file is, as seen from the target.
pub fn place(file: &GpoFile, target: &str) -> String {
    below(&file.path.display().to_string(), target)
}

/// `1,204 bytes`, or what is known instead.
fn size(file: &GpoFile) -> String {
    file.why.clone().unwrap_or_else(|| count(usize::try_from(file.size).unwrap_or(usize::MAX), "byte"))
}

/// `security settings (1 file), preferences (3 files)`
pub fn by_role<'f>(files: impl IntoIterator<Item = &'f GpoFile>) -> String {
    let mut roles: BTreeMap<Role, usize> = BTreeMap::new();
    for file in files {
        *roles.entry(file.role).or_default() += 1;
    }
    roles.iter().map(|(role, n)| format!("{} ({})", role.name(), count(*n, "file"))).collect::<Vec<_>>().join(", ")
}
