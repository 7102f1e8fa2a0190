//! Registry values that a GPO sets without being policy: Group Policy Preferences and security templates.
//!
//! Both are read leniently, since a search must not miss what Windows might apply: whether an item is filtered to some
//! machines, and whether Windows would refuse the file, is not looked at.

use admx::Side;
use serde::Serialize;

use crate::exchange::decode;
use crate::secret::{self, HIDDEN};
use crate::xml::Lines;

/// A registry value that something other than policy sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// What is done: `create`, `replace`, `update` or `delete` for preferences, `set` for security templates.
    pub action: &'static str,
    /// The hive, as the file names it.
    pub hive: String,
    /// Path without hive.
    pub key: String,
    /// Empty for the key's default value.
    pub value_name: String,
    /// Name of the type; empty where the file gives none, as for an item that is only a key.
    #[serde(rename = "type")]
    pub value_type: String,
    /// The data as the file writes them; lines for a list.
    pub data: String,
    /// Line of the file, counted from 1.
    pub line: u32,
    /// Whether the data are a secret: `data` is `(hidden)` then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

impl Setting {
    /// As it may be shown: secrets are hidden.
    #[must_use]
    pub fn shown(&self) -> Self {
        // A number is a number here, too, however the file writes it.
        let secret = self.number().is_none() && secret::is_secret_text(&self.key, &self.value_name, &self.data);
        let hidden = secret && !secret::are_shown();
        Self {
            value_name: secret::shown_name(&self.key, &self.value_name),
            data: if hidden { HIDDEN.to_owned() } else { self.data.clone() },
            hidden,
            ..self.clone()
        }
    }

    /// The side of a GPO whose hive it is.
    pub fn side(&self) -> Option<Side> {
        match &*self.hive.to_ascii_uppercase() {
            "HKEY_LOCAL_MACHINE" | "HKLM" | "MACHINE" => Some(Side::Computer),
            "HKEY_CURRENT_USER" | "HKCU" => Some(Side::User),
            _ => None,
        }
    }

    /// The number, where the data are one.
    pub fn number(&self) -> Option<u64> {
        match &*self.value_type {
            // Preferences write eight or sixteen hexadecimal digits, security templates a decimal number.
            "REG_DWORD" | "REG_QWORD" if self.action == "set" => self.data.trim().parse().ok(),
            "REG_DWORD" | "REG_QWORD" => {
                u64::from_str_radix(self.data.trim().trim_start_matches("0x").trim_start_matches("0X"), 16).ok()
            }
            _ => None,
        }
    }
}

/// The registry items of `Registry.xml`: [MS-GPPREF] 2.2.1.11. Collections nest.
///
/// # Errors
///
/// What is wrong with the XML, and where.
pub fn preferences(bytes: &[u8]) -> Result<Vec<Setting>, String> {
    let text = decode(bytes);
    let document = crate::xml::document(text.trim_start_matches('\u{FEFF}')).map_err(|fault| fault.what)?;
    let mut places = Lines::of(document.input_text());
    let named = |node: &roxmltree::Node<'_, '_>, name: &str| node.tag_name().name().eq_ignore_ascii_case(name);
    let items = document.descendants().filter(|node| named(node, "Registry"));
    let properties = items.flat_map(|item| item.children().filter(|child| named(child, "Properties")));
    Ok(properties
        .map(|node| {
            let text = |name: &str| node.attribute(name).unwrap_or_default();
            let lines = node.descendants().filter(|child| named(child, "Value")).filter_map(|value| value.text());
            let lines: Vec<&str> = lines.collect();
            Setting {
                action: match text("action") {
                    "C" => "create",
                    "R" => "replace",
                    "D" => "delete",
                    _ => "update",
                },
                hive: text("hive").to_owned(),
                key: text("key").trim_matches('\\').to_owned(),
                value_name: if text("default") == "1" { String::new() } else { text("name").to_owned() },
                value_type: text("type").to_owned(),
                data: if lines.is_empty() { text("value").to_owned() } else { lines.join("\n") },
                line: places.line(node.range().start),
                hidden: false,
            }
        })
        .collect())
}

/// The section `[Registry Values]` of a security template: [MS-GPSB] 2.2.9. `MACHINE\key\name=type,data`.
pub fn security(bytes: &[u8]) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut inside = false;
    for (line, number) in decode(bytes).trim_start_matches('\u{FEFF}').lines().zip(1..) {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.eq_ignore_ascii_case("[Registry Values]");
        } else if inside && !line.starts_with(';') {
            settings.extend(registry_value(line, number));
        }
    }
    settings
}

fn registry_value(text: &str, line: u32) -> Option<Setting> {
    let (path, value) = text.split_once('=')?;
    let path = path.trim().trim_matches('"');
    let (hive, path) = path.split_once('\\')?;
    let (key, value_name) = path.rsplit_once('\\').unwrap_or(("", path));
    let (value_type, data) = value.split_once(',').unwrap_or((value, ""));
    let value_type = match value_type.trim() {
        "1" => "REG_SZ",
        "2" => "REG_EXPAND_SZ",
        "3" => "REG_BINARY",
        "4" => "REG_DWORD",
        "7" => "REG_MULTI_SZ",
        other => other,
    };
    let data = data.trim();
    Some(Setting {
        action: "set",
        hive: hive.to_owned(),
        key: key.to_owned(),
        value_name: value_name.to_owned(),
        data: match value_type {
            "REG_MULTI_SZ" => data.split(',').map(|item| item.trim().trim_matches('"')).collect::<Vec<_>>().join("\n"),
            _ => data.trim_matches('"').to_owned(),
        },
        value_type: value_type.to_owned(),
        line,
        hidden: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(setting: &Setting) -> String {
        let Setting { action, hive, key, value_name, value_type, data, line, .. } = setting;
        format!("{line} {action} {hive} {key}!{value_name} {value_type} {data:?} {:?}", setting.number())
    }

    /// Written by hand after [MS-GPPREF] 2.2.1.11.
    #[test]
    fn items_of_nested_collections_are_read() {
        let xml = r#"<?xml version="1.0" encoding="utf-8"?>
<RegistrySettings clsid="{A3CCFC41-DFDB-43a5-8D26-0FE8B954DA51}">
 <Registry clsid="{9CD4B2F4-923D-47f5-A062-E897DD1DAD50}" name="Tier">
  <Properties action="U" displayDecimal="1" default="0" hive="HKEY_LOCAL_MACHINE" key="SOFTWARE\Acme" name="Tier" type="REG_DWORD" value="0000000A"/>
 </Registry>
 <Collection clsid="{53B533F5-224C-47e3-B01B-CA3B3F3FF4BF}" name="All">
  <Collection name="Inner"><Registry name="L">
   <Properties action="D" default="1" hive="HKEY_CURRENT_USER" key="Software\Acme" name="ignored" type="REG_MULTI_SZ" value="">
    <Values><Value>a</Value><Value>b</Value></Values>
   </Properties></Registry></Collection>
 </Collection>
</RegistrySettings>"#;
        let settings = preferences(&[b"\xEF\xBB\xBF", xml.as_bytes()].concat()).unwrap();
        assert_eq!(
            settings.iter().map(told).collect::<Vec<_>>(),
            [
                r#"4 update HKEY_LOCAL_MACHINE SOFTWARE\Acme!Tier REG_DWORD "0000000A" Some(10)"#,
                r#"8 delete HKEY_CURRENT_USER Software\Acme! REG_MULTI_SZ "a\nb" None"#,
            ]
        );
        assert_eq!(settings[0].side(), Some(Side::Computer));
        assert!(preferences(b"<RegistrySettings>").is_err());
    }

    /// Written by hand after [MS-GPSB] 2.2.9, in the encoding that Windows uses.
    #[test]
    fn values_of_a_security_template_are_read() {
        let inf = "[Unicode]\r\nUnicode=yes\r\n[registry values]\r\n\
                   MACHINE\\System\\Lsa\\NoLMHash=4,1\r\nMACHINE\\Software\\Title=1,\"a, b\"\r\n\
                   MACHINE\\System\\Paths=7,one,two\r\n; a comment\r\n[Version]\r\nMACHINE\\X\\Y=4,1\r\n";
        let utf16: Vec<u8> = "\u{FEFF}".encode_utf16().chain(inf.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let expected = [
            r#"4 set MACHINE System\Lsa!NoLMHash REG_DWORD "1" Some(1)"#,
            r#"5 set MACHINE Software!Title REG_SZ "a, b" None"#,
            r#"6 set MACHINE System!Paths REG_MULTI_SZ "one\ntwo" None"#,
        ];
        assert_eq!(security(&utf16).iter().map(told).collect::<Vec<_>>(), expected);
        assert_eq!(security(inf.as_bytes()).iter().map(told).collect::<Vec<_>>(), expected);
    }
}
