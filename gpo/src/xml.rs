//! XML as a tree, of a size that a tree is made for, and the lines of its elements.

use roxmltree::Document;

/// Why a text is no XML, or too much of it.
pub(crate) struct Fault {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// As the reader says it.
    pub what: String,
}

/// Reads a text. Tags with thousands of attributes are refused: [`admx::excess`].
pub(crate) fn document(text: &str) -> Result<Document<'_>, Fault> {
    if let Some((at, what)) = admx::excess(text) {
        let mut lines = Lines::of(text);
        let line = lines.line(at);
        let column = text.get(lines.start..at).map_or(0, |before| before.chars().count());
        return Err(Fault { line, column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1), what });
    }
    Document::parse(text).map_err(|error| {
        let place = error.pos();
        Fault { line: place.row, column: place.col, what: error.to_string() }
    })
}

/// Lines of offsets that ascend, each byte passed once. roxmltree counts from the start for each.
pub(crate) struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    /// Where that line begins.
    start: usize,
}

impl<'t> Lines<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, start: 0 }
    }

    /// The line of an offset, counted from 1.
    pub(crate) fn line(&mut self, offset: usize) -> u32 {
        if offset < self.at {
            *self = Self::of(self.text);
        }
        let passed = self.text.as_bytes().get(self.at..offset).unwrap_or_default();
        let breaks = passed.iter().filter(|&&byte| byte == b'\n').count();
        if let Some(last) = passed.iter().rposition(|&byte| byte == b'\n') {
            self.start = self.at.saturating_add(last).saturating_add(1);
        }
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.at = offset;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_on_and_a_tag_of_thousands_is_refused_with_its_place() {
        let mut lines = Lines::of("a\nb\n\nc");
        assert_eq!([0, 2, 5, 5, 1].map(|at| lines.line(at)), [1, 2, 4, 4, 1]);
        let fault = document(&format!("<r>\n  <a{}/></r>", " b='1'".repeat(1_001))).err().unwrap();
        assert_eq!((fault.line, fault.column), (2, 3));
        assert!(fault.what.starts_with("a tag with more than 1000 attributes"), "{}", fault.what);
    }
}
