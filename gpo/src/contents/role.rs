//! What a file of a GPO is, by its place in it: one table.

use serde::Serialize;

/// What a file of a GPO is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// `Registry.pol`.
    Policy,
    /// `gpt.ini`: versions; of a local GPO the extension lists as well.
    GptIni,
    /// Comments that administrators wrote on policies.
    Comments,
    /// `GptTmpl.inf`: account policies, user rights, security options …
    SecurityTemplate,
    /// `audit.csv`: advanced audit policy.
    Audit,
    /// Central access policies that apply.
    CentralAccess,
    /// Scripts, and the lists of those that run.
    Scripts,
    /// Group Policy Preferences.
    Preferences,
    /// Folder redirection.
    FolderRedirection,
    /// Software installation.
    Software,
    /// Internet Explorer maintenance.
    InternetExplorer,
    /// Remote installation services.
    RemoteInstallation,
    /// The comment on the GPO as a whole.
    GpoComment,
    /// Counters and lists that editors keep for themselves.
    Editor,
    /// Templates for editors of old.
    AdmTemplates,
    /// Description of a backup.
    Backup,
    /// What GPMC reported of a backup.
    Report,
    /// Beside the GPO in the folder of a backup, and no part of either.
    Beside,
    /// In the GPO, and none of these.
    Other,
}

/// Where the files of a GPO lie: components in any case, `*` for any text in one, `**` for one or more at the end.
const IN_GPO: [(&str, Role); 23] = [
    ("machine/registry.pol", Role::Policy),
    ("user/registry.pol", Role::Policy),
    ("gpt.ini", Role::GptIni),
    ("machine/comment.cmtx", Role::Comments),
    ("user/comment.cmtx", Role::Comments),
    ("machine/*/comment.cmtl", Role::Comments),
    ("user/*/comment.cmtl", Role::Comments),
    // [MS-GPSB] names the computer side alone; a template on the other one is worth telling all the more.
    ("machine/microsoft/windows nt/secedit/gpttmpl.inf", Role::SecurityTemplate),
    ("user/microsoft/windows nt/secedit/gpttmpl.inf", Role::SecurityTemplate),
    ("machine/microsoft/windows nt/audit/audit.csv", Role::Audit),
    ("machine/microsoft/windows nt/cap/cap.inf", Role::CentralAccess),
    ("machine/scripts/**", Role::Scripts),
    ("user/scripts/**", Role::Scripts),
    ("machine/preferences/**", Role::Preferences),
    ("user/preferences/**", Role::Preferences),
    ("user/documents & settings/fdeploy*.ini", Role::FolderRedirection),
    ("machine/applications/**", Role::Software),
    ("user/applications/**", Role::Software),
    ("user/microsoft/ieak/**", Role::InternetExplorer),
    // The specification does not say on which side.
    ("user/microsoft/remoteinstall/oscfilter.ini", Role::RemoteInstallation),
    ("gpo.cmt", Role::GpoComment),
    ("group policy/gpe.ini", Role::Editor),
    ("adm/**", Role::AdmTemplates),
];

/// Where those of a backup lie, beside the GPO.
const IN_BACKUP: [(&str, Role); 6] = [
    ("backup.xml", Role::Backup),
    ("bkupinfo.xml", Role::Backup),
    ("gpreport.xml", Role::Report),
    ("gpreport.htm*", Role::Report),
    ("gpc.ini", Role::Editor),
    ("manifest.xml", Role::Editor),
];

impl Role {
    /// The role of a file by its path in the GPO, or beside it in the folder of a backup.
    pub(super) fn of(name: &str, beside: bool) -> Self {
        let (table, else_): (&[_], _) = if beside { (&IN_BACKUP, Self::Beside) } else { (&IN_GPO, Self::Other) };
        let name = name.to_ascii_lowercase();
        table.iter().find(|(pattern, _)| is_at(pattern, &name)).map_or(else_, |(_, role)| *role)
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "registry policy",
            Self::GptIni => "version",
            Self::Comments => "comments",
            Self::SecurityTemplate => "security settings",
            Self::Audit => "audit policy",
            Self::CentralAccess => "central access policies",
            Self::Scripts => "scripts",
            Self::Preferences => "preferences",
            Self::FolderRedirection => "folder redirection",
            Self::Software => "software installation",
            Self::InternetExplorer => "Internet Explorer maintenance",
            Self::RemoteInstallation => "remote installation",
            Self::GpoComment => "comment on the GPO",
            Self::Editor => "bookkeeping of editors",
            Self::AdmTemplates => "ADM templates",
            Self::Backup => "description of the backup",
            Self::Report => "report",
            Self::Beside => "beside the GPO",
            Self::Other => "another file",
        }
    }

    /// Whether gpol reads it where it says what a GPO configures. A `comment.cmtl` is one of the comments, and no editor
    /// writes it; its texts are not read.
    pub(super) fn is_read(self) -> bool {
        matches!(self, Self::Policy | Self::GptIni | Self::Comments | Self::Backup)
    }

    /// Whether Windows takes settings from it, or may: of a file that is none of those known, nobody can tell.
    pub fn configures(self) -> bool {
        !matches!(
            self,
            Self::GptIni
                | Self::Comments
                | Self::GpoComment
                | Self::Editor
                | Self::AdmTemplates
                | Self::Backup
                | Self::Report
                | Self::Beside
        )
    }
}

/// Whether a path in lower case is at a place of the tables.
fn is_at(pattern: &str, name: &str) -> bool {
    let mut names = name.split('/');
    for part in pattern.split('/') {
        let Some(name) = names.next() else { return false };
        if part == "**" {
            return true;
        }
        let fits = match part.split_once('*') {
            Some((start, end)) => {
                name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
            }
            None => name == part,
        };
        if !fits {
            return false;
        }
    }
    names.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_in_any_case() {
        let table = [
            ("MACHINE/Registry.pol", Role::Policy),
            ("User/registry.POL", Role::Policy),
            ("GPT.INI", Role::GptIni),
            ("Machine/de-DE/comment.cmtl", Role::Comments),
            ("Machine/microsoft/windows nt/SecEdit/GptTmpl.inf", Role::SecurityTemplate),
            ("Machine/Microsoft/Windows NT/Audit/audit.csv", Role::Audit),
            ("User/Scripts/Logon/map.bat", Role::Scripts),
            ("User/Scripts/PSscripts.ini", Role::Scripts),
            ("Machine/Preferences/Groups/Groups.xml", Role::Preferences),
            ("User/Documents & Settings/fdeploy.ini", Role::FolderRedirection),
            ("User/Documents & Settings/fdeploy1.ini", Role::FolderRedirection),
            ("Machine/Applications/{0D7C7F27-25F2-4A78-9B3F-5C1C6F0A6C11}.aas", Role::Software),
            ("User/MICROSOFT/IEAK/install.ins", Role::InternetExplorer),
            ("User/MICROSOFT/IEAK/branding/a/b.ico", Role::InternetExplorer),
            ("GPO.cmt", Role::GpoComment),
            ("Group Policy/GPE.INI", Role::Editor),
            ("Adm/admfiles.ini", Role::AdmTemplates),
            // Not where Windows looks for them.
            ("registry.pol", Role::Other),
            ("Machine/GptTmpl.inf", Role::Other),
            ("Machine/Registry.pol.bak", Role::Other),
            ("Machine/Scripts", Role::Other),
            ("Machine/a/b/comment.cmtl", Role::Other),
            ("User/Documents & Settings/fdeploy.ini.old", Role::Other),
        ];
        for (name, role) in table {
            assert_eq!(Role::of(name, false), role, "{name}");
        }
        let beside = [
            ("Backup.xml", Role::Backup),
            ("Bkupinfo.xml", Role::Backup),
            ("gpreport.html", Role::Report),
            ("gpc.ini", Role::Editor),
            ("gpt.ini", Role::Beside),
        ];
        for (name, role) in beside {
            assert_eq!(Role::of(name, true), role, "{name}");
        }
    }
}
