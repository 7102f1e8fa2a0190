//! `Backup.xml`: what a GPO backup says of its GPO, and which files belong to it.
//!
//! GPMC and LGPO.exe write it alike. It is edited by span, never rewritten: encoding, line ends and
//! everything else stay. What has not the shape that those programs write is refused.

mod spans;

use admx::Side;
use encoding_rs::UTF_16LE;
use roxmltree::{Document, Node};

use crate::extensions::REGISTRY;
use crate::gpt_ini::Version;
use spans::{cdata, element_text, escaped, line_start_of};

const NAMESPACE: &str = "http://www.microsoft.com/GroupPolicy/GPOOperations";
/// Under this one are the files that belong to no extension.
const UNKNOWN_EXTENSION: &str = "{F15C46CD-82A0-4C2D-A210-5D0D3182A418}";

/// A `Backup.xml`, to read and to edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupXml {
    /// Without the byte order mark.
    text: String,
    encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// As GPMC writes it.
    Utf8,
    Utf8WithMark,
    Utf16WithMark,
}

/// Why a `Backup.xml` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", .at.map(|(line, column)| format!("line {line}, column {column}: ")).unwrap_or_default())]
pub struct BackupXmlError {
    /// Line and column, counted from 1, where there is a place.
    pub at: Option<(u32, u32)>,
    /// What is wrong.
    pub what: String,
}

/// The counters of one side, which a backup keeps for both halves of its GPO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideVersion {
    /// What Active Directory had.
    pub directory: u16,
    /// What SYSVOL had.
    pub sysvol: u16,
}

impl SideVersion {
    /// The counters after a change: both are the next of the larger one, so they are in step.
    #[must_use]
    pub fn bumped(self) -> Self {
        let larger = Version { user: 0, computer: self.directory.max(self.sysvol) };
        let next = larger.bumped(Side::Computer).computer;
        Self { directory: next, sysvol: next }
    }

    /// As one number: the directory's in the upper 16 bits.
    pub fn number(self) -> u32 {
        u32::from(self.directory) << 16 | u32::from(self.sysvol)
    }
}

/// A file of a side that the backup lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedFile {
    /// `registry.pol`, a file of the registry extension.
    Policy,
    /// `comment.cmtx`, which belongs to no extension.
    Comments,
}

impl BackupXml {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    ///
    /// If it is no XML, or not the description of one GPO's backup.
    pub fn parse(bytes: &[u8]) -> Result<Self, BackupXmlError> {
        let (encoding, text) = match bytes {
            [0xEF, 0xBB, 0xBF, rest @ ..] => {
                (Encoding::Utf8WithMark, std::str::from_utf8(rest).ok().map(str::to_owned))
            }
            [0xFF, 0xFE, rest @ ..] => {
                let text = UTF_16LE.decode_without_bom_handling_and_without_replacement(rest);
                (Encoding::Utf16WithMark, text.map(std::borrow::Cow::into_owned))
            }
            _ => (Encoding::Utf8, std::str::from_utf8(bytes).ok().map(str::to_owned)),
        };
        let text = text.ok_or_else(|| error("it is neither UTF-8 nor UTF-16 with a byte order mark"))?;
        let xml = Self { text, encoding };
        let document = xml.document()?;
        if !document.root_element().has_tag_name((NAMESPACE, "GroupPolicyBackupScheme")) {
            return Err(error("it is not the description of a GPO backup (GroupPolicyBackupScheme)"));
        }
        Ok(xml)
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self.encoding {
            Encoding::Utf8 => self.text.clone().into_bytes(),
            Encoding::Utf8WithMark => [b"\xEF\xBB\xBF", self.text.as_bytes()].concat(),
            Encoding::Utf16WithMark => {
                std::iter::once(0xFEFF).chain(self.text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
            }
        }
    }

    /// The counters of a side.
    ///
    /// # Errors
    ///
    /// If they are not there, or no number.
    pub fn version(&self, side: Side) -> Result<SideVersion, BackupXmlError> {
        let text = self.core(version_element(side))?;
        let number: u32 = text
            .trim()
            .parse()
            .map_err(|_| error(format!("{}: {text:?} is no 32-bit number", version_element(side))))?;
        let version = Version::from(number);
        Ok(SideVersion { directory: version.user, sysvol: version.computer })
    }

    /// Writes the counters of a side.
    ///
    /// # Errors
    ///
    /// If they have no place in the file.
    pub fn set_version(&mut self, side: Side, version: SideVersion) -> Result<(), BackupXmlError> {
        self.set_core(version_element(side), &version.number().to_string())
    }

    /// The extension list of a side, as it stands.
    ///
    /// # Errors
    ///
    /// If it is not there.
    pub fn extensions(&self, side: Side) -> Result<String, BackupXmlError> {
        self.core(extension_element(side))
    }

    /// Writes the extension list of a side.
    ///
    /// # Errors
    ///
    /// If it has no place in the file.
    pub fn set_extensions(&mut self, side: Side, list: &str) -> Result<(), BackupXmlError> {
        self.set_core(extension_element(side), list)
    }

    /// Lists a file of a side, unless it is. `location` is its path in the backup, with backslashes.
    ///
    /// # Errors
    ///
    /// If the file has not the shape that tells how to list it.
    pub fn list(&mut self, side: Side, file: ListedFile, location: &str) -> Result<bool, BackupXmlError> {
        let document = self.document()?;
        let files = || document.descendants().filter(|node| node.has_tag_name((NAMESPACE, "FSObjectFile")));
        if files().any(|node| value(node, "Location").is_some_and(|listed| listed.eq_ignore_ascii_case(location))) {
            return Ok(false);
        }
        let registry = extension(&document, REGISTRY)?;
        let rows: Vec<Node<'_, '_>> =
            registry.children().filter(|node| node.has_tag_name((NAMESPACE, "FSObjectFile"))).collect();
        // It names the GPO's folder in SYSVOL, and is there in every backup.
        let folder = |node: &Node<'_, '_>| {
            let source = value(*node, "SourceExpandedPath")?;
            let adm = source.len().checked_sub(r"\Adm\*.*".len())?;
            source.get(adm..)?.eq_ignore_ascii_case(r"\Adm\*.*").then(|| source[..adm].to_owned())
        };
        let shape = || {
            error("its Registry extension does not list files as GPMC does; gpol does not guess how to list one more")
        };
        let (adm, source) = rows.iter().find_map(|row| Some((*row, folder(row)?))).ok_or_else(shape)?;
        if !self.text[adm.range()].starts_with("<FSObjectFile bkp:Path=\"") {
            return Err(shape());
        }
        let (variable, folder) = match side {
            Side::Computer => ("%GPO_MACH_FSPATH%", "Machine"),
            Side::User => ("%GPO_USER_FSPATH%", "User"),
        };
        let name = match file {
            ListedFile::Policy => "registry.pol",
            ListedFile::Comments => "comment.cmtx",
        };
        let row = format!(
            r#"<FSObjectFile bkp:Path="{variable}\{name}" bkp:SourceExpandedPath="{}\{folder}\{name}" bkp:Location="{}"/>"#,
            escaped(&source),
            escaped(location)
        );
        let (at, row) = match file {
            // The computer's file, then the user's, then templates.
            ListedFile::Policy => {
                let next = if side == Side::Computer { rows.first().copied().unwrap_or(adm) } else { adm };
                let at = next.range().start;
                (at, row + line_start_of(&self.text, at))
            }
            ListedFile::Comments => {
                let others = extension(&document, UNKNOWN_EXTENSION)?;
                let first = others.first_child().ok_or_else(shape)?;
                (first.range().start, row)
            }
        };
        self.text.insert_str(at, &row);
        Ok(true)
    }

    fn document(&self) -> Result<Document<'_>, BackupXmlError> {
        crate::xml::document(&self.text)
            .map_err(|fault| BackupXmlError { at: Some((fault.line, fault.column)), what: fault.what })
    }

    /// The text of an element of the core settings.
    fn core(&self, name: &str) -> Result<String, BackupXmlError> {
        let document = self.document()?;
        Ok(core(&document, name)?.text().unwrap_or_default().to_owned())
    }

    fn set_core(&mut self, name: &str, text: &str) -> Result<(), BackupXmlError> {
        let document = self.document()?;
        let element = core(&document, name)?;
        if element.text().unwrap_or_default() == text {
            return Ok(());
        }
        let span = element.range();
        let shape = || error(format!("{name} is not written as GPMC writes it; gpol does not guess"));
        let inner = element_text(&self.text[span.clone()], name).ok_or_else(shape)?;
        let (span, new) = match inner {
            // An element without text stands for an empty one, both ways.
            None => (span, format!("<{name}>{}</{name}>", cdata(text))),
            Some(_) if text.is_empty() => (span, format!("<{name}/>")),
            Some(inner) => (span.start + inner.start..span.start + inner.end, cdata(text)),
        };
        self.text.replace_range(span, &new);
        // What is read back is what was meant.
        if self.core(name)? == text { Ok(()) } else { Err(shape()) }
    }
}

fn error(what: impl Into<String>) -> BackupXmlError {
    BackupXmlError { at: None, what: what.into() }
}

fn version_element(side: Side) -> &'static str {
    match side {
        Side::Computer => "MachineVersionNumber",
        Side::User => "UserVersionNumber",
    }
}

fn extension_element(side: Side) -> &'static str {
    match side {
        Side::Computer => "MachineExtensionGuids",
        Side::User => "UserExtensionGuids",
    }
}

/// An element of the core settings, which are there once.
fn core<'a, 'i>(document: &'a Document<'i>, name: &str) -> Result<Node<'a, 'i>, BackupXmlError> {
    only(
        document.descendants().filter(|node| {
            let parent = node.parent().is_some_and(|p| p.has_tag_name((NAMESPACE, "GroupPolicyCoreSettings")));
            parent && node.has_tag_name((NAMESPACE, name))
        }),
        name,
    )
}

/// The files of one extension.
fn extension<'a, 'i>(document: &'a Document<'i>, guid: &str) -> Result<Node<'a, 'i>, BackupXmlError> {
    let all = document.descendants().filter(|node| node.has_tag_name((NAMESPACE, "GroupPolicyExtension")));
    only(
        all.filter(|node| value(*node, "ID").is_some_and(|id| id.eq_ignore_ascii_case(guid))),
        &format!("GroupPolicyExtension {guid}"),
    )
}

fn only<'a, 'i>(mut nodes: impl Iterator<Item = Node<'a, 'i>>, name: &str) -> Result<Node<'a, 'i>, BackupXmlError> {
    match (nodes.next(), nodes.next()) {
        (Some(node), None) => Ok(node),
        (None, _) => Err(error(format!("it has no {name}"))),
        (Some(_), Some(_)) => Err(error(format!("it has {name} more than once"))),
    }
}

fn value<'a>(node: Node<'a, '_>, attribute: &str) -> Option<&'a str> {
    node.attribute((NAMESPACE, attribute))
}

#[cfg(test)]
mod tests;
