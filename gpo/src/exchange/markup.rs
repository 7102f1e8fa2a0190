//! What is needed to write XML by hand, an element a line, as the tools of these formats do.

/// Text for the inside of an element or an attribute. Line ends become references, or a reader would change them.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' => out.push_str("&#xA;"),
            '\t' => out.push_str("&#x9;"),
            c => out.push(c),
        }
    }
    out
}

/// Characters that XML 1.0 has no way to write.
pub(super) fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

/// A name for people, with U+FFFD for what XML cannot write.
pub(super) fn writable(text: &str) -> String {
    text.chars().map(|c| if is_forbidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Text for the inside of a comment, which two hyphens would end.
pub(super) fn comment(text: &str) -> String {
    escape(&writable(text)).replace("--", "- -").replace("--", "- -")
}
