//! Images of disks, by their first bytes. gpol opens none of them; it says what they are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use serde::Serialize;

/// What kind of image a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImageFormat {
    /// QEMU's.
    Qcow2,
    /// Microsoft's file-based image; several installations may be in it.
    Wim,
    /// A WIM of solid resources, as in downloads of Windows: to be made a plain WIM first.
    Esd,
    /// Hyper-V's.
    Vhdx,
    /// Virtual PC's and Hyper-V's.
    Vhd,
    /// VMware's.
    Vmdk,
    /// VirtualBox's.
    Vdi,
    /// A CD or DVD.
    Iso,
    /// A disk byte for byte, with a partition table: GPT or MBR.
    RawDisk,
    /// A partition byte for byte: an NTFS volume.
    NtfsVolume,
    /// A partition byte for byte that BitLocker has encrypted.
    BitLocker,
}

impl ImageFormat {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qcow2 => "QEMU disk image (qcow2)",
            Self::Wim => "Windows image (WIM)",
            Self::Esd => "compressed Windows image (ESD)",
            Self::Vhdx => "virtual disk (VHDX)",
            Self::Vhd => "virtual disk (VHD)",
            Self::Vmdk => "virtual disk (VMDK)",
            Self::Vdi => "virtual disk (VDI)",
            Self::Iso => "CD or DVD image (ISO)",
            Self::RawDisk => "raw disk image",
            Self::NtfsVolume => "raw image of an NTFS volume",
            Self::BitLocker => "raw image of a BitLocker volume",
        }
    }

    /// Looks at a file. `None` if it is no image that is known.
    pub(super) fn of(file: &mut File) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        file.take(4096 + 8).read_to_end(&mut head)?;
        Ok(match &*head {
            [b'Q', b'F', b'I', 0xFB, ..] => Some(Self::Qcow2),
            // The version of the format tells solid resources: 0xE00, else 0x10D00.
            [b'M', b'S', b'W', b'I', b'M', 0, 0, 0, _, _, _, _, 0, 0x0E, 0, 0, ..] => Some(Self::Esd),
            [b'M', b'S', b'W', b'I', b'M', 0, 0, 0, ..] => Some(Self::Wim),
            _ if head.starts_with(b"vhdxfile") => Some(Self::Vhdx),
            _ if head.starts_with(b"conectix") => Some(Self::Vhd),
            _ if head.starts_with(b"KDMV") || head.starts_with(b"# Disk DescriptorFile") => Some(Self::Vmdk),
            _ if head.get(0x40..0x44) == Some(&0xBEDA_107F_u32.to_le_bytes()) => Some(Self::Vdi),
            _ if at(file, SeekFrom::Start(0x8001))? == *b"CD001" => Some(Self::Iso),
            // The boot sector is a partition table's or a volume's; a VHD of fixed size has its signature in the last sector.
            _ if head.get(510..512) != Some(&[0x55, 0xAA]) => None,
            _ if head.get(3..11) == Some(b"-FVE-FS-") => Some(Self::BitLocker),
            _ if head.get(3..11) == Some(b"NTFS    ") => Some(Self::NtfsVolume),
            _ if &at::<8>(file, SeekFrom::End(-512))? == b"conectix" => Some(Self::Vhd),
            _ => Some(Self::RawDisk),
        })
    }
}

/// Some bytes of a file; zeros where it has none.
fn at<const N: usize>(file: &mut File, place: SeekFrom) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    if file.seek(place).is_ok() {
        let mut part = Vec::new();
        file.take(N as u64).read_to_end(&mut part)?;
        if let Some(start) = bytes.get_mut(..part.len()) {
            start.copy_from_slice(&part);
        }
    }
    Ok(bytes)
}
