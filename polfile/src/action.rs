//! What Windows does with a record: sets a value, or follows an instruction in the value name.

use crate::record::RecordRef;
use crate::wide::WideStr;

/// What a record makes Windows do: [MS-GPREG] 3.2.5.1.2.
///
/// A *directive* is a record whose value name starts with `**`. Names match in any case.
/// In practice, Windows' own tools write `**del.` and `**delvals.` in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action<'a> {
    /// Sets the value. An empty name is the key's default value.
    Set,
    /// Creates the key and sets nothing: empty name, type 0, no data.
    CreateKey,
    /// `**del.NAME`: deletes one value.
    DeleteValue(WideStr<'a>),
    /// `**delvals.`, also spelled `**delvals`: deletes every value of the key, but not its subkeys.
    DeleteAllValues,
    /// `**deletevalues`: deletes the values listed in the data.
    DeleteValues(Vec<WideStr<'a>>),
    /// `**deletekeys`: deletes the listed keys with all below them.
    ///
    /// In practice an entry is the name of a subkey or a full path from the hive's root:
    /// see [`RecordRef::deleted_key`].
    DeleteKeys(Vec<WideStr<'a>>),
    /// `**securekey`: 1 lets only administrators write the key, another number resets that. `None` if no number is
    /// given. The old spellings `**securekey=0` and `=1` are read too; whether Windows follows them is unverified.
    SecureKey(Option<u32>),
    /// `**soft.NAME`: sets the value only if it does not exist.
    SetIfMissing(WideStr<'a>),
    /// `**comment:TEXT`: changes nothing; archive files name the GPO of the records that follow.
    Comment(WideStr<'a>),
    /// Another name that starts with `**`. What Windows does with it is unverified; nothing here guesses.
    Unknown,
}

impl Action<'_> {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::CreateKey => "create-key",
            Self::DeleteValue(_) => "delete-value",
            Self::DeleteAllValues => "delete-all-values",
            Self::DeleteValues(_) => "delete-values",
            Self::DeleteKeys(_) => "delete-keys",
            Self::SecureKey(_) => "secure-key",
            Self::SetIfMissing(_) => "set-if-missing",
            Self::Comment(_) => "comment",
            Self::Unknown => "unknown",
        }
    }
}

impl<'a> RecordRef<'a> {
    /// What the record makes Windows do.
    ///
    /// ```
    /// use polfile::{Action, Record};
    /// let record = Record::delete_value("Software", "X")?;
    /// assert!(matches!(record.as_ref().action(), Action::DeleteValue(name) if name.is_ignore_case("x")));
    /// # Ok::<(), polfile::RecordError>(())
    /// ```
    pub fn action(&self) -> Action<'a> {
        let name = self.value_name;
        let Some(directive) = name.strip_prefix_ignore_case("**") else {
            return if self.only_creates_key() { Action::CreateKey } else { Action::Set };
        };
        if let Some(target) = directive.strip_prefix_ignore_case("del.") {
            Action::DeleteValue(target)
        } else if directive.is_ignore_case("delvals.") || directive.is_ignore_case("delvals") {
            Action::DeleteAllValues
        } else if directive.is_ignore_case("deletevalues") {
            Action::DeleteValues(self.data_list())
        } else if directive.is_ignore_case("deletekeys") {
            Action::DeleteKeys(self.data_list())
        } else if let Some(target) = directive.strip_prefix_ignore_case("soft.") {
            Action::SetIfMissing(target)
        } else if let Some(text) = directive.strip_prefix_ignore_case("comment:") {
            Action::Comment(text)
        } else if directive.is_ignore_case("securekey") {
            Action::SecureKey(self.data.try_into().ok().map(u32::from_le_bytes))
        } else if directive.is_ignore_case("securekey=0") {
            Action::SecureKey(Some(0))
        } else if directive.is_ignore_case("securekey=1") {
            Action::SecureKey(Some(1))
        } else {
            Action::Unknown
        }
    }

    /// The key that an entry of `**deletekeys` means: the path itself if it starts with the record's
    /// key, else a subkey of that name. The specification knows only the second form; the one file of
    /// Windows' own that is known has the first.
    pub fn deleted_key(&self, entry: WideStr<'_>) -> crate::wide::WideString {
        let below = entry
            .split_at(self.key.len())
            .is_some_and(|(key, rest)| key.eq_ignore_case(self.key) && rest.strip_prefix_ignore_case("\\").is_some());
        if below || self.key.is_empty() {
            return entry.to_wide_string();
        }
        let mut path = self.key.to_wide_string();
        path.push(crate::wide::WideString::from("\\").as_wide());
        path.push(entry);
        path
    }

    /// The `;`-separated entries of the data, up to its terminator. Empty ones are left out.
    fn data_list(&self) -> Vec<WideStr<'a>> {
        let even = self.data.len() & !1;
        let text = self.data.get(..even).and_then(WideStr::new).unwrap_or_default().until_nul();
        text.split(b';').filter(|entry| !entry.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::record::{Record, ValueType};
    use crate::wide::WideString;

    fn action_of(name: &str, value_type: ValueType, data: &[u8]) -> String {
        let record = Record::new("K".into(), WideString::from(name), value_type, data.to_vec()).unwrap();
        format!("{:?}", record.as_ref().action())
    }

    #[test]
    fn every_directive_is_known_in_any_case() {
        let list: Vec<u8> = "a;;b\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (name, data, expected) in [
            ("X", &b""[..], "Set"),
            ("*", b"", "Set"),
            ("", b"\0", "Set"),
            ("**DEL.a.b", b"", r#"DeleteValue("a.b")"#),
            ("**del.", b"", r#"DeleteValue("")"#),
            ("**DelVals.", b"", "DeleteAllValues"),
            ("**delvals", b"", "DeleteAllValues"),
            ("**DeleteValues", &list, r#"DeleteValues(["a", "b"])"#),
            ("**DeleteKeys", &list, r#"DeleteKeys(["a", "b"])"#),
            ("**SecureKey", b"\x01\0\0\0", "SecureKey(Some(1))"),
            ("**SecureKey", b"\x01", "SecureKey(None)"),
            ("**SecureKey=0", b"", "SecureKey(Some(0))"),
            ("**soft.X", b"", r#"SetIfMissing("X")"#),
            ("**Comment:GPO Name: A", b"", r#"Comment("GPO Name: A")"#),
            ("**del", b"", "Unknown"),
            ("**delvalsX", b"", "Unknown"),
            ("**", b"", "Unknown"),
        ] {
            assert_eq!(action_of(name, ValueType::SZ, data), expected, "{name}");
        }
        assert_eq!(action_of("", ValueType::NONE, b""), "CreateKey");
        assert_eq!(action_of("", ValueType::NONE, b"x"), "Set");
        assert_eq!(action_of("N", ValueType::NONE, b""), "Set");
    }

    #[test]
    fn a_deleted_key_is_a_path_below_the_key_or_the_name_of_a_subkey() {
        let record = Record::new(r"Software\P".into(), "**DeleteKeys".into(), ValueType::SZ, Vec::new()).unwrap();
        let deleted = |entry: &str| record.as_ref().deleted_key(WideString::from(entry).as_wide()).to_string();
        assert_eq!(deleted(r"SOFTWARE\p\Sub"), r"SOFTWARE\p\Sub");
        assert_eq!(deleted("Sub"), r"Software\P\Sub");
        assert_eq!(deleted(r"Software\Px"), r"Software\P\Software\Px");

        let odd = |tail: &[u8]| WideString::from_bytes([&[b'K', 0, 0x00, 0xD8], tail].concat()).unwrap();
        let record = Record::new(odd(b""), "**DeleteKeys".into(), ValueType::SZ, Vec::new()).unwrap();
        let below = odd(b"\\\0S\0");
        assert_eq!(record.as_ref().deleted_key(below.as_wide()), below, "a lone surrogate is a unit as any other");
    }
}
