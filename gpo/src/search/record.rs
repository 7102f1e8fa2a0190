//! Whether a record or a setting is what is looked for.

use admx::Side;
use polfile::{Action, Folded, PolicyFile, RecordRef, Value, ValueType, WideStr, WideString};

use super::pattern::{Address, Text};
use super::settings::Setting;
use super::{Filter, Query, WhatFor};
use crate::model::hex;
use crate::secret::{are_shown, is_secret_record, is_secret_wide_name};

/// Indexes of the records of a file that match, in file order.
pub(super) fn matching(query: &Query<'_>, side: Option<Side>, file: &PolicyFile) -> Vec<usize> {
    let mut key = KeyCache::default();
    let mut hit = |record: &RecordRef<'_>| {
        let action = record.action();
        passes(&query.filter, record, &action)
            && is_match(query, side, record, &action, key.of(query, side, record.key))
    };
    file.records().enumerate().filter_map(|(index, record)| hit(&record).then_some(index)).collect()
}

/// What the records of one key have in common; they stand together.
#[derive(Default)]
struct KeyCache {
    bytes: Vec<u8>,
    of_key: OfKey,
}

#[derive(Default)]
struct OfKey {
    text: String,
    folded: Folded,
    matches: bool,
}

impl KeyCache {
    fn of(&mut self, query: &Query<'_>, side: Option<Side>, key: WideStr<'_>) -> &OfKey {
        if self.of_key.text.is_empty() || self.bytes != key.as_bytes() {
            self.bytes.clear();
            self.bytes.extend_from_slice(key.as_bytes());
            let text = key.to_text_lossy();
            let in_keys = query.filter.places.or_all().key;
            let matches = in_keys
                && query.wanted.iter().any(|wanted| match wanted {
                    WhatFor::Text(wanted) => key_matches(wanted, side, &text),
                    _ => false,
                });
            self.of_key = OfKey { text, folded: key.fold(), matches };
        }
        &self.of_key
    }
}

fn passes(filter: &Filter, record: &RecordRef<'_>, action: &Action<'_>) -> bool {
    let deletes = matches!(
        action,
        Action::DeleteValue(_) | Action::DeleteAllValues | Action::DeleteValues(_) | Action::DeleteKeys(_)
    );
    (deletes || !filter.deleted) && filter.value_type.is_none_or(|wanted| record.value_type == wanted)
}

fn is_match(query: &Query<'_>, side: Option<Side>, record: &RecordRef<'_>, action: &Action<'_>, key: &OfKey) -> bool {
    let by_policy = query.filter.places.or_all().policy && of_policies(query, side, record, action, key);
    by_policy
        || key.matches
        || query.wanted.iter().any(|wanted| match wanted {
            WhatFor::Text(text) => text_matches(query, text, side, record, action, key),
            WhatFor::Address(address) => is_at(address, side, record, action, &key.folded),
            WhatFor::Policies => false,
        })
}

fn of_policies(
    query: &Query<'_>,
    side: Option<Side>,
    record: &RecordRef<'_>,
    action: &Action<'_>,
    key: &OfKey,
) -> bool {
    if let Action::DeleteKeys(keys) = action {
        let gone =
            |entry: &WideStr<'_>| query.policies.are_gone_with(side, &record.deleted_key(*entry).as_wide().fold());
        return keys.iter().any(gone);
    }
    query.policies.have_key(side, &key.folded)
        && match action {
            Action::DeleteAllValues => true,
            _ => names(record, action).any(|name| query.policies.have_value(side, &key.folded, record.key, name)),
        }
}

/// The values that a record speaks of by name; none where the name is a secret.
fn names<'a>(record: &RecordRef<'a>, action: &Action<'a>) -> impl Iterator<Item = WideStr<'a>> {
    let told = |name: &WideStr<'_>| are_shown() || !is_secret_wide_name(record.key, *name);
    let (one, several) = match action {
        Action::Set => (Some(record.value_name), Vec::new()),
        Action::DeleteValue(name) | Action::SetIfMissing(name) => (Some(*name), Vec::new()),
        Action::DeleteValues(names) => (None, names.clone()),
        _ => (None, Vec::new()),
    };
    one.into_iter().chain(several).filter(told).collect::<Vec<_>>().into_iter()
}

fn is_at(address: &Address, side: Option<Side>, record: &RecordRef<'_>, action: &Action<'_>, key: &Folded) -> bool {
    if address.side.is_some() && side.is_some() && address.side != side {
        return false;
    }
    match action {
        Action::DeleteAllValues => address.is_key(key),
        Action::DeleteKeys(keys) => {
            keys.iter().any(|entry| address.is_gone_with(&record.deleted_key(*entry).as_wide().fold()))
        }
        Action::CreateKey | Action::SecureKey(_) | Action::Comment(_) => address.is_within(key),
        Action::Unknown => address.is_within(key) || address.is_value(key, record.value_name),
        _ => names(record, action).any(|name| address.is_value(key, name)),
    }
}

fn key_matches(text: &Text, side: Option<Side>, key: &str) -> bool {
    text.in_name(key) || hives(side).iter().any(|hive| text.in_name(&format!("{hive}\\{key}")))
}

/// The hive that a side's policy goes to; either, where the side is not known.
fn hives(side: Option<Side>) -> &'static [&'static str] {
    match side {
        Some(Side::Computer) => &["HKLM"],
        Some(Side::User) => &["HKCU"],
        None => &["HKLM", "HKCU"],
    }
}

/// Whether the text is in the names or the data of a record; of its key, only what is deleted below it and the whole address are
/// looked at here.
fn text_matches(
    query: &Query<'_>,
    text: &Text,
    side: Option<Side>,
    record: &RecordRef<'_>,
    action: &Action<'_>,
    key: &OfKey,
) -> bool {
    let places = query.filter.places.or_all();
    if places.key
        && let Action::DeleteKeys(keys) = action
        && keys.iter().any(|entry| key_matches(text, side, &record.deleted_key(*entry).to_string()))
    {
        return true;
    }
    if places.value && (are_shown() || !is_secret_wide_name(record.key, record.value_name)) {
        let whole = record.value_name.to_text_lossy();
        if text.in_name(&whole) || (whole.is_empty() && *action == Action::Set && text.in_name(DEFAULT)) {
            return true;
        }
        let directive = *action != Action::Set && *action != Action::CreateKey;
        let targets = || names(record, action).map(WideStr::to_text_lossy);
        if directive && targets().any(|name| text.in_name(&name)) {
            return true;
        }
        // A text may go over the end of the key: `Agent!Tier`.
        let address = |name: &str| {
            hives(side).iter().any(|hive| {
                text.in_name(&format!("{hive}\\{}!{name}", key.text))
                    || (text.has_backslash && text.in_name(&format!("{hive}\\{}\\{name}", key.text)))
            })
        };
        if places.key && (address(&whole) || (directive && targets().any(|name| address(&name)))) {
            return true;
        }
    }
    places.data && data_texts(record).iter().any(|data| text.in_data(data))
}

/// What people call a key's default value.
const DEFAULT: &str = "(Default)";

/// The texts that the data of a record can be found by. None for a secret: that it is found would tell what it is.
fn data_texts(record: &RecordRef<'_>) -> Vec<String> {
    if !are_shown() && is_secret_record(record) {
        return Vec::new();
    }
    match record.value() {
        Ok(Value::Sz(text) | Value::ExpandSz(text)) => vec![text.to_string()],
        Ok(Value::MultiSz(texts)) => texts.iter().map(WideString::to_string).collect(),
        Ok(Value::Dword(n) | Value::DwordBigEndian(n)) => number_texts(u64::from(n), 8),
        Ok(Value::Qword(n)) => number_texts(n, 16),
        Ok(Value::Binary(bytes) | Value::Other(_, bytes)) => byte_texts(&bytes),
        // The data do not fit their type: what can be read of them, and their bytes.
        Err(_) => {
            let mut texts = byte_texts(record.data);
            if matches!(record.value_type, ValueType::SZ | ValueType::EXPAND_SZ | ValueType::MULTI_SZ) {
                let even = record.data.len() & !1;
                let wide = record.data.get(..even).and_then(WideStr::new).unwrap_or_default();
                texts.extend(wide.split(0).map(WideStr::to_text_lossy));
            }
            texts
        }
    }
}

/// A number in decimal and, with and without zeros in front, in hexadecimal.
fn number_texts(number: u64, digits: usize) -> Vec<String> {
    vec![number.to_string(), format!("{number:#x}"), format!("0x{number:0digits$x}")]
}

/// Bytes as pairs of digits, side by side, with blanks and with commas between them.
fn byte_texts(bytes: &[u8]) -> Vec<String> {
    let pairs: Vec<String> = bytes.iter().map(|byte| hex(&[*byte])).collect();
    vec![pairs.concat(), pairs.join(" "), pairs.join(",")]
}

/// Whether a setting of preferences or a security template matches.
pub(super) fn setting_matches(query: &Query<'_>, setting: &Setting) -> bool {
    let filter = &query.filter;
    let typed = filter.value_type.is_none_or(|wanted| wanted.name() == Some(&*setting.value_type));
    if !typed || filter.state.is_some() || (filter.deleted && setting.action != "delete") {
        return false;
    }
    let places = filter.places.or_all();
    let shown = setting.shown();
    let (key, name) = (WideString::from(&*setting.key), WideString::from(&*shown.value_name));
    let folded = key.as_wide().fold();
    let side = setting.side();
    let of_policy = || {
        let name = name.as_wide();
        query.policies.have_value(side, &folded, key.as_wide(), name)
    };
    if places.policy && of_policy() {
        return true;
    }
    query.wanted.iter().any(|wanted| match wanted {
        WhatFor::Policies => false,
        WhatFor::Address(address) => {
            let on_side = address.side.is_none() || address.side == side;
            let whole_key = setting.action == "delete" && setting.value_type.is_empty();
            on_side
                && (address.is_value(&folded, name.as_wide())
                    || (whole_key && (address.is_gone_with(&folded) || address.is_within(&folded))))
        }
        WhatFor::Text(text) => {
            let name = &shown.value_name;
            let hive = side.map_or(&*setting.hive, |side| hives(Some(side))[0]);
            let in_key = || text.in_name(&setting.key) || text.in_name(&format!("{hive}\\{}", setting.key));
            let in_value = || text.in_name(name) || (name.is_empty() && text.in_name(DEFAULT));
            let in_both = || {
                text.in_name(&format!("{hive}\\{}!{name}", setting.key))
                    || (text.has_backslash && text.in_name(&format!("{hive}\\{}\\{name}", setting.key)))
            };
            (places.key && in_key())
                || (places.value && in_value())
                || (places.key && places.value && in_both())
                || (places.data && !shown.hidden && setting_texts(setting).iter().any(|data| text.in_data(data)))
        }
    })
}

fn setting_texts(setting: &Setting) -> Vec<String> {
    let mut texts: Vec<String> = setting.data.lines().map(str::to_owned).collect();
    if let Some(number) = setting.number() {
        texts.extend(number_texts(number, if setting.value_type == "REG_QWORD" { 16 } else { 8 }));
    }
    texts
}

#[cfg(test)]
mod tests;
