//! What a tree of XML is not made of: tags with thousands of attributes.
//!
//! roxmltree compares each attribute of a tag with all before it, and copies the declared prefixes for each element that
//! declares one. A text is looked at before it gets one, in one pass.

/// How many attributes a tag may have where a file is read as a tree. No schema of Windows knows more than some twenty.
const MOST_ATTRIBUTES: usize = 1_000;

/// How many prefixes a file may declare there, on all of its elements.
const MOST_PREFIXES: usize = 500;

/// Where a text has more attributes in a tag, or declares more prefixes, than a tree is made of, and what it has.
///
/// ```
/// let tag = format!("<a{}/>", " b='1'".repeat(1_001));
/// assert_eq!(admx::excess(&tag), Some((0, "a tag with more than 1000 attributes, which gpol does not read".to_owned())));
/// assert_eq!(admx::excess("<a b='='/>"), None);
/// ```
pub fn excess(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let (mut at, mut prefixes) = (0, 0_usize);
    while let Some(tag) = memchr::memchr(b'<', &bytes[at..]).map(|found| at + found) {
        let behind = |start: &str, end: &str| {
            let inside = text.get(tag..)?.strip_prefix(start)?;
            Some(inside.find(end).map_or(bytes.len(), |found| tag + start.len() + found + end.len()))
        };
        let passed = behind("<!--", "-->").or_else(|| behind("<![CDATA[", "]]>")).or_else(|| behind("<?", "?>"));
        if let Some(end) = passed {
            at = end;
            continue;
        }
        let (mut attributes, mut quote) = (0_usize, None);
        at = tag + 1;
        while let Some(&byte) = bytes.get(at) {
            match (quote, byte) {
                (Some(open), _) if open != byte => {}
                (Some(_), _) => quote = None,
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'>') => break,
                (None, b'=') => attributes += 1,
                (None, b'x') if bytes[at..].starts_with(b"xmlns") => prefixes += 1,
                (None, _) => {}
            }
            at += 1;
        }
        if attributes > MOST_ATTRIBUTES {
            return Some((tag, format!("a tag with more than {MOST_ATTRIBUTES} attributes, which gpol does not read")));
        }
        if prefixes > MOST_PREFIXES {
            return Some((tag, format!("more than {MOST_PREFIXES} declared prefixes, which gpol does not read")));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_attributes_of_one_tag_count() {
        let many = " b='1'".repeat(1_001);
        for text in [
            format!("<!--<a{many}/>--><a/>"),
            format!("<![CDATA[<a{many}/>]]>"),
            format!("<?a {many}?>"),
            format!("<a b=\"{}\"/>", many.replace('\'', "")),
            "<a b='1'/>".repeat(1_001),
            many.clone(),
        ] {
            assert_eq!(excess(&text), None, "{}", &text[..20]);
        }
        assert_eq!(excess(&format!("<a/><a{many}")).map(|(at, _)| at), Some(4));
        let declares: String = (0..501).map(|n| format!("<a xmlns:p{n}='u'/>")).collect();
        assert!(excess(&declares).is_some_and(|(_, what)| what.starts_with("more than 500 declared prefixes")));
    }
}
