//! Words and place for a file that is not well-formed XML.

use super::Stop;
use crate::decode::Decoded;
use crate::place::{Lines, Place};

/// What is wrong with a file, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub message: String,
    pub place: Place,
    pub help: Option<String>,
}

/// Explains why the reader stopped: a web page or a stand-in for the file is named as such, for all else roxmltree says what
/// is wrong and where. Where roxmltree is content, the reader's own reason stands.
pub(crate) fn explain(decoded: &Decoded<'_>, stop: Stop) -> Fault {
    let text: &str = &decoded.text;
    let body = &text[decoded.body..];
    let own = Lines::new().place(text, stop.offset);
    if let Some(title) = web_page(body) {
        let message = match title {
            Some(title) => format!("the file is a web page (\"{title}\"), not a template"),
            None => "the file is a web page, not a template".to_owned(),
        };
        let help = "take the file from the project's release package, or use the page's \"Raw\" link";
        return Fault { message, place: own, help: Some(help.to_owned()) };
    }
    if body.starts_with("version https://git-lfs") {
        return Fault {
            message: "the file is a Git LFS pointer; the template itself was not fetched".to_owned(),
            place: own,
            help: Some("run `git lfs pull` in the repository it comes from".to_owned()),
        };
    }
    // The declaration is blanked, not cut off, so that rows and columns count from the start of the file.
    let blanked: String = text[..decoded.body]
        .chars()
        .map(|c| if matches!(c, '\n' | '\r') { c } else { ' ' })
        .chain(body.chars())
        .collect();
    if let Some((at, what)) = super::excess(&blanked) {
        // The tree's reader would take its time over it; the reader's own reason has to do.
        let message = format!("not well-formed XML: {} ({what} as a tree, at byte {at})", stop.reason);
        return Fault { message, place: own, help: None };
    }
    let (message, place) = match roxmltree::Document::parse(&blanked) {
        Err(error) => {
            let pos = error.pos();
            let words = error.to_string();
            let words = words.strip_suffix(&format!(" at {}:{}", pos.row, pos.col)).unwrap_or(&words);
            let knows_place = (pos.row, pos.col) != (1, 1);
            let place = Place { line: pos.row, column: pos.col };
            (words.to_owned(), if knows_place { place } else { own })
        }
        Ok(_) => (stop.reason.to_owned(), own),
    };
    Fault { message: format!("not well-formed XML: {message}"), place, help: None }
}

/// `Some` if the text is an HTML page, with its title if it has one.
fn web_page(body: &str) -> Option<Option<String>> {
    let is_page = |start: &str| {
        let start = start.trim_start().to_ascii_lowercase();
        start.starts_with("<!doctype html") || start.starts_with("<html")
    };
    let start: String = body.chars().take(300).collect();
    // Comments may come first.
    let after_comment = start.rsplit_once("-->").map(|(_, rest)| rest);
    if !is_page(&start) && !after_comment.is_some_and(is_page) {
        return None;
    }
    // ASCII lower-casing keeps the offsets.
    let lower = body.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|open| {
        let from = open + lower[open..].find('>')? + 1;
        let to = from + lower[from..].find("</title")?;
        let title = body[from..to].split_whitespace().collect::<Vec<_>>().join(" ");
        (!title.is_empty()).then_some(title)
    });
    Some(title)
}
