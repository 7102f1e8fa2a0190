//! What a GPO backup says of the GPO it was made from: `bkupInfo.xml`.

use crate::exchange::lgpo::decode;

/// Name and GUID of the GPO that was backed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupInfo {
    /// Display name; Active Directory has it, SYSVOL does not.
    pub name: Option<String>,
    /// GUID of the GPO, in braces; the backup's folder is named by another one.
    pub guid: Option<String>,
}

impl BackupInfo {
    /// Reads what the file holds. A broken one says nothing: the policy is elsewhere.
    pub fn of(bytes: &[u8]) -> Self {
        Self::parse(&decode(bytes))
    }

    fn parse(text: &str) -> Self {
        let Ok(document) = crate::xml::document(text.trim_start_matches('\u{FEFF}')) else {
            return Self::default();
        };
        let text_of = |name: &str| {
            let element = document.descendants().find(|node| node.tag_name().name() == name)?;
            element.text().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Self { name: text_of("GPODisplayName"), guid: text_of("GPOGuid") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_guid_are_read_and_nonsense_says_nothing() {
        let xml = "<BackupInst xmlns='http://www.microsoft.com/GroupPolicy/GPOOperations/Manifest'>\
                   <GPOGuid><![CDATA[{31B2F340-016D-11D2-945F-00C04FB984F9}]]></GPOGuid>\
                   <GPODisplayName><![CDATA[RPA hosts & more]]></GPODisplayName></BackupInst>";
        let info = BackupInfo::parse(xml);
        assert_eq!(info.name.as_deref(), Some("RPA hosts & more"));
        assert_eq!(info.guid.as_deref(), Some("{31B2F340-016D-11D2-945F-00C04FB984F9}"));
        assert_eq!(BackupInfo::parse("<BackupInst>"), BackupInfo::default());
    }
}
