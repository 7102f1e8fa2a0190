//! What a file is, by its first bytes: binary signatures, else text in UTF-8 or UTF-16, marked or not.

use std::io::{self, Read, Seek};
use std::path::Path;

use admx::file::{open, refused};
use encoding_rs::{UTF_16BE, UTF_16LE};

use super::{ImageFormat, Kind};
use crate::exchange::lgpo;

/// How much of a text is looked at.
const HEAD: u64 = 64 * 1024;

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Image(ImageFormat),
    Is(Kind),
    /// Nothing known; a policy file's reader says what is wrong with it as one.
    Unknown,
}

/// Looks at a file. What is none, a pipe for one, is nothing known: to read it says so.
pub(super) fn recognise(path: &Path) -> io::Result<FileKind> {
    let mut file = match open(path) {
        Err(error) if refused(&error).is_some() => return Ok(FileKind::Unknown),
        opened => opened?,
    };
    let mut head = Vec::new();
    (&mut file).take(HEAD).read_to_end(&mut head)?;
    if head.starts_with(b"PReg") {
        return Ok(FileKind::Is(Kind::Pol));
    }
    if head.starts_with(b"regf") {
        // The field at 28 is 0 in a hive and 1, 2 or 6 in its logs.
        let log = matches!(head.get(28..32), Some([1 | 2 | 6, 0, 0, 0]));
        return Ok(FileKind::Is(if log { Kind::HiveLog } else { Kind::Hive }));
    }
    file.rewind()?;
    Ok(match ImageFormat::of(&mut file)? {
        Some(format) => FileKind::Image(format),
        None => text_kind(&text(&head)).map_or(FileKind::Unknown, FileKind::Is),
    })
}

/// The bytes as text: by their mark, else UTF-16 where every other byte of the first ones is zero.
fn text(bytes: &[u8]) -> String {
    let start = bytes.get(..8.min(bytes.len() & !1)).unwrap_or_default();
    let zero = |parity: usize| !start.is_empty() && start.iter().skip(parity).step_by(2).all(|&byte| byte == 0);
    match (zero(0), zero(1)) {
        (false, true) => UTF_16LE.decode_without_bom_handling(bytes).0.into_owned(),
        (true, false) => UTF_16BE.decode_without_bom_handling(bytes).0.into_owned(),
        _ => lgpo::decode(bytes),
    }
}

fn text_kind(text: &str) -> Option<Kind> {
    let text = text.trim_start();
    if text.starts_with("Windows Registry Editor Version") || text.starts_with("REGEDIT4") {
        return Some(Kind::Reg);
    }
    if text.starts_with('<') {
        return xml_kind(text);
    }
    if text.starts_with('{') {
        let says = |name: &str, value: &str| {
            let at = text.find(&format!("\"{name}\""))?;
            let rest = text[at + name.len() + 2..].trim_start().strip_prefix(':')?;
            rest.trim_start().starts_with(&format!("\"{value}")).then_some(())
        };
        return says("schema", "gpol.")
            .map(|()| Kind::Json)
            .or_else(|| says("apiVersion", "gpol/").map(|()| Kind::State));
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with([';', '#']));
    let first = lines.next()?;
    if first.starts_with("apiVersion") && first.contains("gpol/") {
        return Some(Kind::State);
    }
    let begins = |line: &str, name: &str| line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
    if begins(first, "dn:") || (begins(first, "version:") && lines.clone().next().is_some_and(|it| begins(it, "dn:"))) {
        return Some(Kind::Ldif);
    }
    if is_scope(first) {
        return lines.next().map(|_| Kind::Lgpo);
    }
    if !first.starts_with('[') {
        return None;
    }
    let squeezed = |line: &str| line.replace(' ', "").to_ascii_lowercase();
    let all: Vec<String> = std::iter::once(first).chain(lines).map(squeezed).collect();
    if all.iter().any(|line| line == "signature=\"$chicago$\"") {
        return Some(Kind::Inf);
    }
    let general = all.first().is_some_and(|line| line == "[general]");
    (general && all.iter().any(|line| line.starts_with("version="))).then_some(Kind::GptIni)
}

/// Whether a line begins an entry of LGPO text.
fn is_scope(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line == "computer" || line == "user" || line.strip_prefix("user:").is_some_and(|account| !account.is_empty())
}

fn xml_kind(text: &str) -> Option<Kind> {
    Some(match root(text)? {
        "PolicyRules" => Kind::PolicyRules,
        "policyDefinitions" => Kind::AdmxFile,
        "policyDefinitionResources" => Kind::AdmlFile,
        "policyComments" => Kind::Comments,
        "GroupPolicyBackupScheme" | "BackupInst" => Kind::BackupFile,
        "Backups" if text.contains("GPOOperations/Manifest") => Kind::BackupManifest,
        "Applications"
        | "DataSources"
        | "Devices"
        | "Drives"
        | "EnvironmentVariables"
        | "Files"
        | "FolderOptions"
        | "Folders"
        | "IniFiles"
        | "InternetSettings"
        | "Groups"
        | "NetworkOptions"
        | "NetworkShareSettings"
        | "PowerOptions"
        | "Printers"
        | "Regional"
        | "RegistrySettings"
        | "ScheduledTasks"
        | "NTServices"
        | "Shortcuts"
        | "StartMenuTaskbar"
            if text.contains("clsid=") =>
        {
            Kind::GppXml
        }
        _ => return None,
    })
}

/// The local name of the outermost element, behind declarations and comments.
fn root(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_start().strip_prefix('<')?;
        let end = match text {
            _ if text.starts_with('?') => "?>",
            _ if text.starts_with("!--") => "-->",
            _ if text.starts_with('!') => return None,
            _ => break,
        };
        text = text.split_once(end)?.1;
    }
    let name = text.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next()?;
    Some(name.rsplit(':').next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, mark: bool) -> Vec<u8> {
        let text = if mark { format!("\u{FEFF}{text}") } else { text.to_owned() };
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn texts_are_told_by_their_content_in_every_encoding() {
        let table = [
            ("; made by LGPO\r\n\r\ncomputer\r\nSoftware\\Policies\\X\r\nA\r\nDWORD:1\r\n", Kind::Lgpo),
            ("User:Administrators\nK\nA\nDELETE\n", Kind::Lgpo),
            ("Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\X]\r\n", Kind::Reg),
            ("REGEDIT4\r\n", Kind::Reg),
            ("<?xml version=\"1.0\"?>\r\n<!-- rules -->\r\n<PolicyRules>\r\n</PolicyRules>", Kind::PolicyRules),
            ("<policyDefinitions xmlns=\"x\">", Kind::AdmxFile),
            ("<ns:policyDefinitionResources>", Kind::AdmlFile),
            ("<?xml version=\"1.0\"?><Groups clsid=\"{3125E937-EB16-4B4C-9934-544FC6D24D26}\"/>", Kind::GppXml),
            ("<BackupInst xmlns=\"x\"><GPOGuid/></BackupInst>", Kind::BackupFile),
            (
                "<Backups xmlns=\"http://www.microsoft.com/GroupPolicy/GPOOperations/Manifest\"><BackupInst/></Backups>",
                Kind::BackupManifest,
            ),
            ("<policyComments>", Kind::Comments),
            ("{\n  \"schema\": \"gpol.records/1\",", Kind::Json),
            ("# state\napiVersion: gpol/v1\nkind: PolicySet\n", Kind::State),
            ("{\"apiVersion\":\"gpol/v1\"}", Kind::State),
            ("[Unicode]\r\nUnicode=yes\r\n[Version]\r\nsignature=\"$CHICAGO$\"\r\nRevision=1\r\n", Kind::Inf),
            ("[General]\r\nVersion=65537\r\n", Kind::GptIni),
            ("dn: CN=x,DC=corp,DC=test\r\nchangetype: add\r\n", Kind::Ldif),
            ("# extended LDIF\n#\nversion: 1\n\ndn:: Q049eA==\n", Kind::Ldif),
        ];
        for (content, kind) in table {
            let plain = content.as_bytes().to_vec();
            let marked = [b"\xEF\xBB\xBF", content.as_bytes()].concat();
            for bytes in [plain, marked, utf16(content, true), utf16(content, false)] {
                assert_eq!(text_kind(text(&bytes).trim_start_matches('\u{FEFF}')), Some(kind), "{content}");
            }
        }
    }

    #[test]
    fn other_texts_are_none_of_them() {
        for content in [
            "",
            "Computer",
            "Dear user\nhello",
            "<html>",
            "<!DOCTYPE html><html>",
            "<Files><File/></Files>",
            "<Groups",
            "<Backups><Backup/></Backups>",
            "{\"a\": 1}",
            "[General]\nColour=red\n",
            "User:\nK\n",
        ] {
            assert_eq!(text_kind(&text(content.as_bytes())), None, "{content}");
        }
    }
}
