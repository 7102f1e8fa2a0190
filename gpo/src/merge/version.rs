//! Three-way merge of `gpt.ini`, whose version every change of policy raises.

use admx::Side;

use crate::gpt_ini::{GptIni, Version};

/// Merges what two sides made of a `gpt.ini`. `Err` holds ours, with the version of the merge, where the two changed
/// more than the version, and differently.
///
/// A half of the version that both changed becomes one more than the larger of the two: Windows may have applied either
/// side's policy under its number, and not yet what comes of both. Two files that are the same stay so: of those, git
/// does not even ask.
///
/// # Errors
///
/// Ours, for somebody to decide.
pub fn merge_gpt_ini(base: &GptIni, ours: &GptIni, theirs: &GptIni) -> Result<GptIni, GptIni> {
    if ours == theirs || base == theirs {
        return Ok(ours.clone());
    }
    let version = version(base, ours, theirs);
    let [base, ours, theirs] = [base, ours, theirs].map(|ini| {
        let mut ini = ini.clone();
        if let Some(version) = version {
            ini.set_version(version);
        }
        ini
    });
    match () {
        () if base == ours => Ok(theirs),
        () if base == theirs || ours == theirs => Ok(ours),
        () => Err(ours),
    }
}

/// The version of the merge; `None` if neither side has one.
fn version(base: &GptIni, ours: &GptIni, theirs: &GptIni) -> Option<Version> {
    ours.version().or(theirs.version())?;
    let [base, ours, theirs] = [base, ours, theirs].map(|ini| ini.version().unwrap_or_default());
    let half = |side| match (base.of(side), ours.of(side), theirs.of(side)) {
        (b, o, t) if b == o => t,
        (b, o, t) if b == t => o,
        (_, o, t) if o > t => ours.bumped(side).of(side),
        _ => theirs.bumped(side).of(side),
    };
    Some(Version { user: half(Side::User), computer: half(Side::Computer) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ini(version: u32, more: &str) -> GptIni {
        GptIni::parse(format!("[General]\r\nVersion={version}\r\n{more}").into_bytes()).unwrap()
    }

    #[test]
    fn a_half_that_both_raised_is_raised_once_more() {
        // User half and computer half: 1.5, 1.6 and 2.7 come to 2.8.
        let of = |user: u32, computer: u32| ini((user << 16) + computer, "");
        for (base, ours, theirs, merged) in [
            (of(1, 5), of(1, 6), of(2, 7), of(2, 8)),
            (of(1, 5), of(1, 6), of(1, 6), of(1, 6)),
            (of(1, 5), of(1, 6), of(2, 5), of(2, 6)),
            (of(1, 5), of(2, 6), of(3, 6), of(4, 7)),
            (of(0, 65534), of(0, 65535), of(1, 1), of(1, 1)),
        ] {
            assert_eq!(merge_gpt_ini(&base, &ours, &theirs), Ok(merged), "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn other_lines_are_followed_where_one_side_changed_them() {
        let name = |name: &str| format!("displayName={name}\r\n");
        let (base, raised) = (ini(5, &name("old")), ini(6, &name("old")));
        let renamed = ini(6, &name("new"));
        assert_eq!(merge_gpt_ini(&base, &raised, &renamed), Ok(ini(7, &name("new"))));
        assert_eq!(merge_gpt_ini(&base, &renamed, &raised), Ok(ini(7, &name("new"))));
        assert_eq!(merge_gpt_ini(&base, &renamed, &ini(6, &name("other"))), Err(ini(7, &name("new"))));
    }
}
