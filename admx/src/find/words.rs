//! Comparing what people type with what templates say.

use crate::model::Policy;

/// Text without what people change when they copy a name: case, runs of blanks, quotes, a full stop at the end.
pub(crate) fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for c in text.chars() {
        match c {
            c if c.is_whitespace() => blank = !out.is_empty(),
            '\'' | '"' | '`' | '\u{2018}' | '\u{2019}' | '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{AB}' | '\u{BB}' => {
            }
            c => {
                if std::mem::take(&mut blank) {
                    out.push(' ');
                }
                out.extend(c.to_lowercase());
            }
        }
    }
    let kept = out.trim_end_matches('.').trim_end().len();
    // An ellipsis at the end of a path is not a full stop, but nothing follows it either.
    out.truncate(kept);
    out
}

/// Whether the texts may end alike in the form of [`normal`]: a quick look at their last letters, which keeps nearly all
/// names from being brought into that form.
pub(super) fn may_end_alike(a: &str, b: &str) -> bool {
    let last = |text: &str| text.chars().rev().find(|c| c.is_alphanumeric());
    match (last(a), last(b)) {
        (Some(a), Some(b)) if a.is_ascii() && b.is_ascii() => a.eq_ignore_ascii_case(&b),
        _ => true,
    }
}

/// A query taken apart, to score names by.
pub(super) struct Words {
    text: String,
    words: Vec<String>,
}

impl Words {
    pub(super) fn new(query: &str) -> Self {
        let text = normal(query);
        let words = split(&text);
        Words { text, words }
    }

    /// 0 for nothing in common, 1 and more for much: names count as a whole, texts word by word.
    pub(super) fn similarity(&self, policy: &Policy) -> f64 {
        let text = normal(&policy.display_name);
        let by_id = match self.text.contains(' ') {
            true => 0.0,
            false => strsim::jaro_winkler(&self.text, &policy.name.to_lowercase()),
        };
        let by_text = strsim::sorensen_dice(&self.text, &text);
        let have = split(&text);
        let initials = initials(&text);
        // "NLA" is what "Network Level Authentication" is called.
        let score = |word: &String| if initials.contains(word.as_str()) { 1.0 } else { best(word, &have) };
        let shared: f64 = self.words.iter().map(score).sum();
        let by_words = shared / self.words.len().max(1) as f64;
        // Of two texts that share as many words the one that says less besides is the closer one.
        by_id.max(0.6 * by_words + 0.4 * by_text)
    }
}

/// What is called by letters that are no initials of its words.
const SHORT: &[(&str, &str)] = &[("rdp", "remote desktop")];

/// Whether a word is what people say for some words of a text, both in the form of [`normal`].
pub(super) fn is_short_for(word: &str, text: &str) -> bool {
    let named = SHORT.iter().any(|(short, long)| *short == word && text.contains(long));
    named || word.chars().count() > 2 && initials(text).contains(word)
}

fn initials(text: &str) -> String {
    text.split_whitespace().filter_map(|word| word.chars().next()).collect()
}

fn split(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 2);
    words.map(str::to_owned).collect()
}

/// How like a word the most similar one of others is; little likeness is none.
fn best(word: &str, others: &[String]) -> f64 {
    let scores = others.iter().map(|other| strsim::normalized_levenshtein(word, other));
    scores.filter(|score| *score >= 0.75).fold(0.0, f64::max)
}
