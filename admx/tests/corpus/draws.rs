//! Values that an element takes, drawn from a fixed seed; what has few of them takes turns, so that each one comes up.

use admx::{Detail, Element, ElementValue, EnumValue, ListEntry};

/// `splitmix64`: the same numbers on every machine.
pub struct Draws(u64);

impl Draws {
    pub fn new(seed: u64) -> Self {
        Draws(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which isn't 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// From `min` to `max`, these two first.
    fn number(&mut self, turn: usize, min: u64, max: u64) -> u64 {
        match turn {
            0 => min,
            1 => max,
            _ => max.checked_sub(min).map_or(min, |span| min + self.next() % span.saturating_add(1).max(1)),
        }
    }

    /// Text of at most `max` UTF-16 units; empty only if that is allowed, and then first.
    fn text(&mut self, turn: usize, max: usize, empty: bool) -> String {
        const PIECES: &[&str] =
            &["a", "Z9", " ", "%TEMP%", ";]", "[;", "\u{E9}", "\u{1F600}", "\\\\*\\share", "=", "*", "\""];
        match turn {
            0 if empty => return String::new(),
            1 => return "x".repeat(max.min(1000)),
            _ => {}
        }
        let mut text = String::new();
        for _ in 0..self.below(6) {
            let piece = PIECES[self.below(PIECES.len())];
            if text.encode_utf16().count() + piece.encode_utf16().count() <= max {
                text += piece;
            }
        }
        if text.is_empty() && !empty { "x".repeat(max.min(1)) } else { text }
    }

    /// A value that the editor would take; `None` where the template leaves none. With it the item of an enum. `turn`
    /// counts the values of this element.
    pub fn value(&mut self, element: &Element, turn: usize) -> Option<(ElementValue, Option<usize>)> {
        let value = match &element.detail {
            Detail::Boolean { .. } => ElementValue::Boolean(turn.is_multiple_of(2)),
            Detail::Decimal { min, max, .. } if min <= max => {
                ElementValue::Decimal(self.number(turn, u64::from(*min), u64::from(*max)))
            }
            Detail::LongDecimal { min, max, .. } if min <= max => ElementValue::Decimal(self.number(turn, *min, *max)),
            Detail::Text { max_length, .. } if *max_length > 0 || !element.required => {
                ElementValue::Text(self.text(turn, *max_length as usize, !element.required))
            }
            Detail::MultiText { max_length, max_strings } => {
                self.lines(turn, *max_length, *max_strings, element.required)
            }
            Detail::Enum { items } if !items.is_empty() => {
                let index = turn % items.len();
                return Some((ElementValue::Enum(EnumValue::from(&items[index].value)), Some(index)));
            }
            Detail::List { prefix, explicit, .. } => self.entries(turn, prefix.is_some(), *explicit),
            _ => return None,
        };
        Some((value, None))
    }

    /// None at first, if that is allowed, then up to five.
    fn lines(&mut self, turn: usize, max_length: u32, max_strings: u32, required: bool) -> ElementValue {
        let most = if max_strings == 0 { 5 } else { max_strings.min(5) as usize };
        let count = if turn == 0 { 0 } else { self.below(most + 1) }.max(usize::from(required));
        let mut lines: Vec<String> = (0..count).map(|n| self.text(turn + n, max_length as usize, true)).collect();
        // An empty line at the end can't be told from the end of the list.
        if let Some(last) = lines.last_mut().filter(|last| last.is_empty()) {
            *last = "x".to_owned();
        }
        ElementValue::MultiText(lines)
    }

    /// Entries with names that no policy claims: none at first, then one, then up to four.
    fn entries(&mut self, turn: usize, numbered: bool, explicit: bool) -> ElementValue {
        let count = if turn < 2 { turn } else { self.below(5) };
        let entry = |n: usize| {
            let data = self.text(turn + n, 60, true);
            let name = format!("gpol {n} {}", data.replace('\u{1F600}', ""));
            match (explicit, numbered) {
                (true, _) => ListEntry { name: Some(name), data },
                (false, true) => ListEntry { name: None, data },
                (false, false) => ListEntry { name: None, data: name },
            }
        };
        ElementValue::List((0..count).map(entry).collect())
    }
}
