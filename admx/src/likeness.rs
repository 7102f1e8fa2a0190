//! The name most like one that is missing.

/// How many comparisons of letters the searches of one file may take, some hundredths of a second: with these, all of some
/// hundred missing ids among some thousand get their suggestion. Behind them, ids that are missing are told without.
const MOST: usize = 20_000_000;

/// What is left of that.
#[derive(Debug)]
pub(crate) struct Likeness(usize);

impl Default for Likeness {
    fn default() -> Self {
        Self(MOST)
    }
}

/// At least as much must two names have in common, from 0 to 1.
const LEAST: f64 = 0.6;

/// Of the names that are like `id` the one that is most, and of those the smallest.
pub(crate) fn nearest<'n>(names: impl Iterator<Item = &'n str>, id: &str, left: &mut Likeness) -> Option<&'n str> {
    let wanted = Letters::of(id);
    let mut best: Option<(f64, &str)> = None;
    for name in names {
        let letters = Letters::of(name);
        let mut cost = wanted.count.saturating_add(letters.count);
        let enough = best.map_or(LEAST, |(score, _)| score);
        let may_be = wanted.likeness_at_most(&letters) >= enough;
        if may_be {
            cost = cost.saturating_add(wanted.count.saturating_mul(letters.count));
        }
        left.0 = left.0.checked_sub(cost)?;
        if !may_be {
            continue;
        }
        let score = strsim::normalized_levenshtein(name, id);
        let is_better = match best {
            None => score >= LEAST,
            Some((most, other)) => score > most || score == most && name < other,
        };
        if is_better {
            best = Some((score, name));
        }
    }
    best.map(|(_, name)| name)
}

/// How often each letter occurs; a quick look at it keeps nearly all pairs of names from being compared.
struct Letters {
    count: usize,
    /// By the lowest bits of the letter.
    each: [u32; 64],
}

impl Letters {
    fn of(text: &str) -> Self {
        let mut letters = Self { count: 0, each: [0; 64] };
        for c in text.chars() {
            letters.count += 1;
            letters.each[(u32::from(c) & 63) as usize] += 1;
        }
        letters
    }

    /// A bound of the normalized Levenshtein likeness: letters that have no partner must be changed.
    fn likeness_at_most(&self, other: &Self) -> f64 {
        let longer = self.count.max(other.count);
        if longer == 0 {
            return 1.0;
        }
        let shared: u32 = self.each.iter().zip(&other.each).map(|(a, b)| a.min(b)).sum();
        f64::from(shared) / longer as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the search was before it looked at letters first: the definition.
    fn slow<'n>(names: &[&'n str], id: &str) -> Option<&'n str> {
        let similar = |have: &&str| strsim::normalized_levenshtein(have, id);
        let best = names.iter().copied().max_by(|a, b| similar(a).total_cmp(&similar(b)).then_with(|| b.cmp(a)))?;
        (similar(&best) >= LEAST).then_some(best)
    }

    #[test]
    fn a_quick_look_at_the_letters_changes_no_answer() {
        let parts = ["TS", "_", "User", "Users", "Auth", "Authentication", "Help", "Größe", "X", ""];
        let names: Vec<String> =
            parts.iter().flat_map(|a| parts.iter().flat_map(move |b| parts.map(|c| format!("{a}{b}{c}")))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for id in ["TS_User", "TSUsersHelp", "sUser_", "Grosse", "AuthAuthX", "zzz", ""] {
            assert_eq!(nearest(names.iter().copied(), id, &mut Likeness::default()), slow(&names, id), "{id}");
        }
    }

    #[test]
    fn a_search_ends_where_its_share_does() {
        let mut left = Likeness(12);
        assert_eq!(nearest(["abc"].into_iter(), "abd", &mut left), None);
        assert_eq!(nearest(["abc"].into_iter(), "abd", &mut Likeness(15)), Some("abc"));
    }
}
