//! Text for people: lines of styled spans, escaped and wrapped in one place.
//!
//! No text reaches a terminal but through [`Page`], which shows control characters, escape
//! sequences and bidirectional overrides as `\u{…}`: names and values come from files that anyone
//! may have written.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style as Ansi};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What a span means; each has one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Warn,
    Bad,
}

impl Style {
    fn ansi(self) -> Ansi {
        match self {
            Self::Plain => Ansi::new(),
            Self::Strong => Ansi::new().bold(),
            Self::Faint => Ansi::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// A line, to be wrapped at spaces where it is wider than the terminal.
#[derive(Clone, Debug, Default)]
pub struct Line {
    spans: Vec<(Style, String)>,
    /// Columns before the lines it is continued on.
    hang: usize,
    /// Never broken, so that it can be copied whole.
    whole: bool,
}

impl Line {
    pub fn new() -> Self {
        Self::default()
    }

    /// A line behind some blanks, which its continuation keeps.
    pub fn indented(columns: usize) -> Self {
        Self { spans: vec![(Style::Plain, " ".repeat(columns))], hang: columns, whole: false }
    }

    pub fn span(mut self, style: Style, text: impl AsRef<str>) -> Self {
        self.spans.push((style, escape(text.as_ref())));
        self
    }

    pub fn text(self, text: impl AsRef<str>) -> Self {
        self.span(Style::Plain, text)
    }

    /// Blanks up to a column, at least one.
    pub fn column(mut self, column: usize) -> Self {
        let blanks = column.saturating_sub(self.width()).max(1);
        self.spans.push((Style::Plain, " ".repeat(blanks)));
        self
    }

    /// What follows hangs here: continuation lines begin at this column.
    pub fn hang(mut self) -> Self {
        self.hang = self.width();
        self
    }

    /// Continuation lines begin at this column.
    pub fn hang_at(mut self, column: usize) -> Self {
        self.hang = column;
        self
    }

    /// Leaves the breaking to the terminal: what is copied from there is one line then, as a command must be.
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    pub fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.width()).sum()
    }
}

impl Line {
    /// Adds the spans of another line.
    pub fn append(mut self, other: &Self) -> Self {
        self.spans.extend(other.spans.iter().cloned());
        self
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

/// Lines to print.
#[derive(Clone, Debug, Default)]
pub struct Page(Vec<Line>);

impl From<Line> for Page {
    fn from(line: Line) -> Self {
        Self(vec![line])
    }
}

impl Page {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn line(&mut self, line: impl Into<Line>) -> &mut Self {
        self.0.push(line.into());
        self
    }

    pub fn blank(&mut self) -> &mut Self {
        self.line(Line::new())
    }

    /// Adds the lines of another page.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.0.extend(other.0);
        self
    }

    /// A name in the first column and what it is in the second.
    pub fn field(&mut self, name: &str, value: impl Into<Line>) -> &mut Self {
        let mut line = Line::new().span(Style::Faint, name).column(FIELD).hang();
        let value = value.into();
        line.whole = value.whole;
        line.spans.extend(value.spans);
        self.line(line)
    }

    /// The first of a list of losses or findings, and how many more there are: a list that is longer than a screen
    /// pushes what matters out of it.
    pub fn cut_list<P: Into<Self>>(&mut self, indent: usize, items: impl IntoIterator<Item = P>) -> &mut Self {
        let mut items = items.into_iter();
        items.by_ref().take(LISTED).for_each(|item| self.0.extend(item.into().0));
        match items.count() {
            0 => self,
            more => self.line(Line::indented(indent).text(format!("and {more} more; --format json has them all"))),
        }
    }

    /// A text of several lines, each behind the same indent.
    pub fn paragraphs(&mut self, indent: usize, text: &str) -> &mut Self {
        for line in text.trim().lines() {
            match line.trim() {
                "" => self.blank(),
                line => self.line(Line::indented(indent).text(line)),
            };
        }
        self
    }

    /// Writes the lines; wraps them if there is a width.
    pub fn write(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()> {
        for line in &self.0 {
            match width {
                Some(width) if !line.whole && line.width() > width => {
                    wrap(line, width).iter().try_for_each(|row| write_row(out, row))?;
                }
                _ => write_row(out, &line.spans)?,
            }
        }
        Ok(())
    }
}

/// How many losses or findings of a kind people are shown.
pub const LISTED: usize = 20;

/// Column of the values of [`Page::field`].
const FIELD: usize = 11;

fn write_row(out: &mut dyn Write, row: &[(Style, String)]) -> io::Result<()> {
    // No blanks at the end of a line: they would be noise in diffs and copies.
    let last = row.iter().rposition(|(_, text)| !text.trim_end().is_empty());
    for (i, (style, text)) in row.iter().take(last.map_or(0, |last| last + 1)).enumerate() {
        let text = if Some(i) == last { text.trim_end() } else { text };
        let ansi = style.ansi();
        write!(out, "{ansi}{text}{ansi:#}")?;
    }
    writeln!(out)
}

/// Breaks a line that is too long at blanks into rows of at most `width` columns, if the words allow.
fn wrap(line: &Line, width: usize) -> Vec<Vec<(Style, String)>> {
    let hang = line.hang.min(width / 2);
    let mut rows = vec![Vec::new()];
    let mut column = 0;
    for (style, text) in &line.spans {
        for word in text.split_inclusive(' ') {
            let visible = word.trim_end().width();
            let starts_row = column == 0 || (rows.len() > 1 && column == hang);
            if column + visible > width && visible > 0 && !starts_row && column > hang {
                rows.push(vec![(Style::Plain, " ".repeat(hang))]);
                column = hang;
            }
            for piece in cut(word, width.saturating_sub(hang).max(8)) {
                if column > hang && column + piece.trim_end().width() > width && !piece.trim_end().is_empty() {
                    rows.push(vec![(Style::Plain, " ".repeat(hang))]);
                    column = hang;
                }
                column += piece.width();
                if let Some(row) = rows.last_mut() {
                    row.push((*style, piece.to_owned()));
                }
            }
        }
    }
    rows
}

/// A word in pieces of at most `width` columns.
fn cut(word: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut column) = (0, 0);
    for (at, c) in word.char_indices() {
        let columns = c.width().unwrap_or(0);
        if column + columns > width && c != ' ' {
            pieces.push(&word[start..at]);
            (start, column) = (at, 0);
        }
        column += columns;
    }
    pieces.push(&word[start..]);
    pieces
}

/// Shows what a terminal would act on, or would not show, as `\u{…}` and in no other form: `\n` is the start of many a
/// folder's name.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() || is_invisible(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// A text with its own `\u{` told from one that [`escape`] writes: its backslash is written so, too.
pub fn plain(text: &str) -> String {
    text.replace(r"\u{", r"\u{5c}u{")
}

/// A text in quotation marks that shows where it ends and what is in it: one inside is `\u{22}`. Backslashes stay as they
/// are, for paths are what most texts hold.
pub fn in_quotes(text: &str) -> String {
    format!("\"{}\"", plain(text).replace('"', r"\u{22}"))
}

/// As [`escape`], for a JSON document, which says such characters in its own way and loses nothing.
fn escape_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && (c.is_control() || is_invisible(c)) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// A document as JSON, to be written to a file.
pub fn json_bytes(document: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut out = JsonOutput(Vec::new());
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")?;
    Ok(out.0)
}

/// A page as text, to be written to a file.
pub fn page_bytes(page: &Page) -> io::Result<Vec<u8>> {
    let mut out = AutoStream::never(Vec::new());
    send(&mut out, page, None)?;
    Ok(out.into_inner())
}

/// Escapes a JSON document on its way.
struct JsonOutput<W>(W);

impl<W: Write> Write for JsonOutput<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let whole = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        if whole.is_empty() && !bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "JSON that is not UTF-8"));
        }
        match whole.bytes().all(|byte| byte == b'\n' || byte == b' ' || byte.is_ascii_graphic()) {
            true => self.0.write_all(whole.as_bytes())?,
            false => self.0.write_all(escape_json(whole).as_bytes())?,
        }
        Ok(whole.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Characters that change how others are shown, or that show nothing: bidirectional controls, line
/// and paragraph separators, zero-width blanks and marks, tags, lone noncharacters.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Where results and messages go.
pub struct Ui {
    color: ColorChoice,
}

impl Ui {
    pub fn new(color: ColorChoice) -> Self {
        Self { color }
    }

    /// Prints a result.
    pub fn page(&self, page: &Page) -> io::Result<()> {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(terminal_width);
        send(&mut AutoStream::new(stdout, self.color), page, width)
    }

    /// Prints lines as they are made: they may be more than memory holds.
    pub fn lines(&self, lines: impl Iterator<Item = Line>) -> io::Result<()> {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(terminal_width);
        let mut out = BufWriter::with_capacity(1 << 16, AutoStream::new(stdout, self.color));
        for line in lines {
            Page(vec![line]).write(&mut out, width)?;
        }
        out.flush()
    }

    /// Prints the bytes of a file format as they are made.
    pub fn stream(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        write(&mut out)?;
        out.flush()
    }

    /// Prints a document as JSON, as it comes: it may be larger than memory.
    pub fn json(&self, document: &impl serde::Serialize) -> io::Result<()> {
        let mut out = JsonOutput(BufWriter::new(io::stdout().lock()));
        serde_json::to_writer_pretty(&mut out, document)?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Prints a document as JSON on a line of its own.
    pub fn json_line(&self, document: &impl serde::Serialize) -> io::Result<()> {
        let mut text = escape_json(&serde_json::to_string(document)?);
        text.push('\n');
        self.raw(text.as_bytes())
    }

    /// Prints the bytes of a file format, which are for other programs.
    pub fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Prints a message, beside the results. If nobody listens, nothing is lost.
    pub fn message(&self, page: &Page) {
        let stderr = io::stderr();
        let width = stderr.is_terminal().then(terminal_width);
        let _ = send(&mut AutoStream::new(stderr, self.color), page, width);
    }

    /// Prints a warning.
    pub fn warning(&self, text: impl AsRef<str>) {
        let mut page = Page::new();
        page.line(Line::new().span(Style::Warn, "warning").text(": ").text(text));
        self.message(&page);
    }
}

/// Writes a page at once.
fn send(out: &mut impl Write, page: &Page, width: Option<usize>) -> io::Result<()> {
    let mut text = Vec::new();
    page.write(&mut text, width)?;
    out.write_all(&text)?;
    out.flush()
}

fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)).max(20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(line: Line, width: Option<usize>) -> Vec<String> {
        let mut out = Vec::new();
        let mut page = Page::new();
        page.line(line);
        page.write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_gets_through() {
        let shown = rows(Line::from("a\x1b[31mb\u{202e}c\r\nd\u{9b}e\u{7f}\u{200b}"), None);
        assert_eq!(shown, [r"a\u{1b}[31mb\u{202e}c\u{d}\u{a}d\u{9b}e\u{7f}\u{200b}"]);
    }

    #[test]
    fn json_says_the_same_characters_in_its_own_way() {
        let text = "a\u{9b}\u{202e}\u{e0041}\x7fü\n";
        let mut document = JsonOutput(Vec::new());
        serde_json::to_writer_pretty(&mut document, &[text]).unwrap();
        let document = String::from_utf8(document.0).unwrap();
        assert_eq!(document, "[\n  \"a\\u009b\\u202e\\udb40\\udc41\\u007fü\\n\"\n]");
        assert_eq!(serde_json::from_str::<[String; 1]>(&document).unwrap(), [text]);
    }

    #[test]
    fn lines_wrap_at_blanks_and_hang() {
        let line = || Line::new().span(Style::Faint, "Name").column(6).hang().text("one two three four");
        assert_eq!(rows(line(), None), ["Name  one two three four"]);
        assert_eq!(rows(line(), Some(14)), ["Name  one two", "      three", "      four"]);
    }

    #[test]
    fn a_line_to_be_copied_is_not_broken() {
        let command = "gpol policy set /mnt/gold TS_USER_AUTHENTICATION_POLICY disabled";
        assert_eq!(rows(Line::from(command).whole(), Some(20)), [command]);
    }

    #[test]
    fn a_word_wider_than_the_terminal_is_cut_not_lost() {
        let rows = rows(Line::indented(2).text("abcdefghijklmnopqrstuvwxyz 123"), Some(12));
        assert_eq!(rows.concat().replace(' ', ""), "abcdefghijklmnopqrstuvwxyz123");
        assert!(rows.iter().all(|row| row.width() <= 12), "{rows:?}");
    }

    #[test]
    fn wide_characters_count_two_columns() {
        let rows = rows(Line::from("界界界 界界界"), Some(8));
        assert_eq!(rows, ["界界界", "界界界"]);
    }
}
