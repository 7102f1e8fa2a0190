//! What is said of a path that is no target: what it is instead, and the command that goes on from there.

use std::path::{Path, PathBuf};

use gpo::target::{ImageFormat, Kind, Misplaced, TargetError, open};

use crate::context::cannot_read;
use crate::error::{Code, CommandError};
use crate::meant;
use crate::paste::{quoted, this_command_on};

/// Where examples mount an image.
const MOUNT_POINT: &str = "/mnt/gold";

/// The error for people.
pub fn command_error(error: &TargetError) -> CommandError {
    match error {
        TargetError::NotFound(path) => nothing_there(path),
        TargetError::NotWindows => CommandError::new(Code::NOT_WINDOWS, error.to_string())
            .help("point at the root of a mounted Windows volume, or at a GPO or policy file"),
        TargetError::DiskImage { path, format } => {
            let failed = CommandError::new(Code::DISK_IMAGE, error.to_string());
            mounting(path, *format, &this_command_on(path, MOUNT_POINT)).into_iter().fold(failed, CommandError::help)
        }
        TargetError::Several { path, one, .. } => CommandError::new(Code::SEVERAL_GPOS, error.to_string())
            .help(format!("name one of them:  {}", this_command_on(path, &one.display().to_string())))
            .help(format!("to see which there are:  gpol detect {}", quoted(&path.display().to_string()))),
        TargetError::Other { path, kind } => {
            let failed = CommandError::new(Code::NO_POLICY_OF_ITS_OWN, error.to_string());
            instead(path, *kind).into_iter().fold(failed, CommandError::help)
        }
        TargetError::TooLarge(_) => CommandError::new(Code::UNKNOWN_TARGET, error.to_string())
            .help("point at the folder that holds the GPOs: Policies of a SYSVOL, or the folder of the backups"),
        TargetError::LeadsOut { path, .. } => CommandError::new(Code::LEADS_OUT, error.to_string())
            .help(format!("if that is meant, name it itself:  {}", quoted(&path.display().to_string()))),
        TargetError::Misplaced { path, is } => misplaced(path, is),
        TargetError::Io { path, source } => cannot_read(path, source),
        other => CommandError::new(Code::READ, other.to_string()),
    }
}

/// The error of a path where nothing is, with the one that may be meant.
pub fn nothing_there(path: &Path) -> CommandError {
    let failed = CommandError::new(Code::NO_TARGET, format!("{} does not exist", path.display()));
    match meant::path(path) {
        Some(other) => {
            let command = this_command_on(path, &other.display().to_string());
            failed.detail(format!("{} does.", other.display())).help(command)
        }
        None => failed,
    }
}

/// How to mount an image: on Linux, and on Windows. `then` goes on with what is mounted.
pub fn mounting(path: &Path, format: ImageFormat, then: &str) -> Vec<String> {
    let shown = path.display().to_string();
    let image = quoted(&shown);
    let beside = |ending: &str| quoted(&path.with_extension(ending).display().to_string());
    let on_windows = |commands: String| format!("on Windows:  {commands}");
    // A command that writes needs a mount to write to.
    let writes = ["gpol policy set ", "gpol policy unset "].iter().any(|write| then.starts_with(write));
    let mounted_by_windows = format!("Mount-DiskImage (Resolve-Path {image}).Path -Access ReadOnly");
    match format {
        ImageFormat::Wim => vec![
            format!("wimmount{} {image} 1 {MOUNT_POINT} && {then}", if writes { "rw" } else { "" }),
            format!("which images are in it:  wiminfo {image}"),
            format!("wimmountrw mounts it to be changed; when done:  wimunmount --commit {MOUNT_POINT}"),
            on_windows(format!("Mount-WindowsImage -ImagePath {image} -Index 1 -Path C:\\mnt -ReadOnly")),
        ],
        ImageFormat::Esd => vec![
            format!("decompress it into a WIM first:  wimexport {image} 1 {} --compress=LZX", beside("wim")),
            format!("wimmount{} {} 1 {MOUNT_POINT} && {then}", if writes { "rw" } else { "" }, beside("wim")),
            format!("which images are in it:  wiminfo {image}"),
            on_windows(format!(
                "Export-WindowsImage -SourceImagePath {image} -SourceIndex 1 -DestinationImagePath {} -CompressionType max",
                beside("wim")
            )),
        ],
        ImageFormat::Iso => vec![
            format!("mount -o loop,ro {image} /mnt/iso && gpol detect /mnt/iso/sources/install.wim"),
            on_windows(format!("Mount-DiskImage (Resolve-Path {image}).Path")),
        ],
        ImageFormat::NtfsVolume => {
            vec![format!("mount -t ntfs3 -o loop{} {image} {MOUNT_POINT} && {then}", if writes { "" } else { ",ro" })]
        }
        ImageFormat::BitLocker => vec![format!(
            "unlock it first:  cryptsetup open --type bitlk --readonly {image} gold && mount -t ntfs3 -o ro /dev/mapper/gold {MOUNT_POINT}"
        )],
        other => {
            let windows = match other {
                ImageFormat::Vhd | ImageFormat::Vhdx => mounted_by_windows,
                _ => format!("qemu-img convert -O vhdx {image} {}, which Mount-DiskImage mounts", beside("vhdx")),
            };
            vec![
                format!("guestmount -a {image} -i --{} {MOUNT_POINT} && {then}", if writes { "rw" } else { "ro" }),
                format!("--ro mounts it to be read, --rw to be changed; when done:  guestunmount {MOUNT_POINT}"),
                on_windows(windows),
            ]
        }
    }
}

/// The commands that are for a file or folder without policy of its own.
pub fn instead(path: &Path, kind: Kind) -> Vec<String> {
    let name = quoted(&path.display().to_string());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = quoted(&folder.display().to_string());
    let stem = quoted(&path.file_stem().unwrap_or_default().to_string_lossy());
    match kind {
        Kind::Admx => vec![
            format!("gpol admx list {name}"),
            format!("as the templates of a target:  gpol show TARGET --admx {name}"),
        ],
        Kind::AdmxFile => vec![format!("gpol admx show {parent} {stem}")],
        Kind::AdmlFile => {
            let store = quoted(&folder.parent().unwrap_or(folder).display().to_string());
            vec![format!("gpol admx show {store} {stem}")]
        }
        Kind::Hive => vec![format!("gpol hive list {name}")],
        Kind::HiveLog => {
            let hive = quoted(&path.with_extension("").display().to_string());
            vec![format!("it is read with the hive beside it:  gpol hive list {hive}")]
        }
        Kind::Lgpo | Kind::Json => {
            vec![format!("gpol convert {name} -o Registry.pol"), "then:  gpol show Registry.pol".to_owned()]
        }
        Kind::State => vec![
            format!("what a target lacks of it:  gpol plan TARGET {name}"),
            format!("whether a target is so:  gpol check TARGET {name}"),
        ],
        Kind::Reg | Kind::PolicyRules | Kind::GppXml => vec![
            format!(
                "as a state file:  gpol convert {name} -o {}",
                quoted(&path.with_extension("yaml").display().to_string())
            ),
            format!("what a target lacks of it:  gpol plan TARGET {name}"),
        ],
        Kind::Ldif => vec![
            format!("the GPOs in it:  gpol ad names {name}"),
            format!("their names beside the files:  gpol show SYSVOL --ad {name}"),
        ],
        Kind::Inf => {
            vec!["this format is not read as a target; point gpol at the GPO or the policy file".to_owned()]
        }
        Kind::GptIni => vec![format!("the GPO is its folder:  gpol show {parent}")],
        Kind::Comments => {
            let gpo = quoted(&folder.parent().unwrap_or(folder).display().to_string());
            vec![format!("the GPO is two folders above it:  gpol show {gpo}")]
        }
        Kind::BackupFile if open(folder).is_ok() => vec![format!("the backup is its folder:  gpol show {parent}")],
        Kind::BackupFile => {
            vec!["the backup is its folder, and the rest of it is not there: settings are in DomainSysvol".to_owned()]
        }
        Kind::BackupManifest if open(folder).is_ok() => vec![
            format!("the backups are in its folder:  gpol show {parent}"),
            format!("which there are:  gpol detect {parent}"),
        ],
        Kind::BackupManifest => {
            vec!["the backups that it lists are not beside it: each is a folder named by its ID".to_owned()]
        }
        _ => Vec::new(),
    }
}

fn misplaced(path: &Path, is: &Misplaced) -> CommandError {
    let name = path.display();
    let failed = |what: String| CommandError::new(Code::UNKNOWN_TARGET, what);
    let failed = match is {
        Misplaced::Empty => failed(format!("{name} is empty")),
        Misplaced::HoldsImage(image, format) => {
            failed(format!("{name} holds a {}, which is not mounted: {}", format.name(), image.display()))
        }
        Misplaced::BootPartition => {
            failed(format!("{name} is a partition that a computer boots from; it holds no Windows folder"))
        }
        Misplaced::RecoveryPartition => failed(format!("{name} is a recovery partition; it holds no Windows folder")),
        Misplaced::LinuxRoot(_) => failed(format!("{name} is the root of a Linux system")),
        Misplaced::TooHigh(below) => failed(format!("{name} itself holds no policy; {} does", below.display())),
        Misplaced::TooDeep(above) => failed(format!("{name} is a part of a target: {}", above.display())),
        _ => failed(format!("gpol finds no policy in {name}")).detail(
            "It holds no Windows/System32, no gpt.ini, no Machine or User folder, no DomainSysvol/GPO, no *.admx.",
        ),
    };
    next(path, is, &|other| this_command_on(path, other)).into_iter().fold(failed, CommandError::help)
}

/// What to do about a folder without policy. `on` is the command for another target.
pub fn next(path: &Path, is: &Misplaced, on: &dyn Fn(&str) -> String) -> Vec<String> {
    let go_on = |other: &PathBuf| on(&other.display().to_string());
    match is {
        Misplaced::Empty => vec![format!(
            "if a volume is to be mounted there, it is not:  findmnt {}",
            quoted(&path.display().to_string())
        )],
        Misplaced::HoldsImage(image, format) => mounting(image, *format, &on(MOUNT_POINT)),
        Misplaced::BootPartition | Misplaced::RecoveryPartition => {
            vec![
                "mount the partition with the Windows folder; lsblk -f shows them all, it is the large one with NTFS"
                    .to_owned(),
            ]
        }
        Misplaced::LinuxRoot(Some(sysvol)) => vec![go_on(sysvol)],
        Misplaced::LinuxRoot(None) => {
            vec!["point at the folder where the Windows volume is mounted, such as /mnt/gold".to_owned()]
        }
        Misplaced::TooHigh(other) | Misplaced::TooDeep(other) => vec![go_on(other)],
        _ => vec!["point at a Registry.pol, a GroupPolicy folder, or the root of a mounted Windows volume".to_owned()],
    }
}
