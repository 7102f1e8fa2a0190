//! What a state file says only to be checked: facts and verdicts about an image, and waivers.

use super::super::super::TextError;
use super::super::super::tree::{Field, Node};
use super::super::words::TYPES;
use super::super::{Fact, Verdict, Waiver};
use super::{Fields, STATES, data_of, instead, map};

pub(super) fn fact(node: &Node) -> Result<Fact, TextError> {
    let fields = Fields::of(node, &["hive", "key", "value", "equals"])?;
    let equals = fields.get("equals").ok_or_else(|| fields.missing("equals"))?;
    let [Field { name, place, value }] = map(equals)? else {
        return Err(equals.place.error("\"equals\" is one type and its data, such as {dword: 0}"));
    };
    let word = TYPES.iter().map(|(word, _)| *word).find(|word| word == name);
    let word = word.ok_or_else(|| {
        let known: Vec<&str> = TYPES.iter().map(|(word, _)| *word).collect();
        place.error(format!("there is no type \"{name}\"")).help(instead(name, &known))
    })?;
    let equals = data_of(word, value)?.encode().map_err(|why| value.place.error(why))?;
    Ok(Fact {
        at: node.place.into(),
        hive: fields.needed("hive")?,
        key: fields.needed("key")?,
        value: fields.needed("value")?,
        equals,
    })
}

pub(super) fn verdict(node: &Node) -> Result<Verdict, TextError> {
    let fields = Fields::of(node, &["policy", "next-boot"])?;
    let next_boot = fields.word("next-boot", &STATES)?.ok_or_else(|| fields.missing("next-boot"))?;
    Ok(Verdict { at: node.place.into(), policy: fields.needed("policy")?, next_boot })
}

pub(super) fn waiver(node: &Node) -> Result<Waiver, TextError> {
    let fields = Fields::of(node, &["rule", "reason", "expires"])?;
    let expires = fields.needed("expires")?;
    if !is_day(&expires) {
        let place = fields.get("expires").map_or(node.place, |field| field.place);
        return Err(place.error("\"expires\" is a day, as 2026-12-31"));
    }
    Ok(Waiver { at: node.place.into(), rule: fields.needed("rule")?, reason: fields.needed("reason")?, expires })
}

/// `YYYY-MM-DD` of the Gregorian calendar.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let numbers: Option<Vec<u32>> = parts
        .iter()
        .map(|part| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten())
        .collect();
    let (Some([year, month, day]), true) = (numbers.as_deref(), lengths == [4, 2, 2]) else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(day)
}
