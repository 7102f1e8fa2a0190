//! Every `gpt.ini` of the corpus: an edit changes the digits of the version and the extension line, and no other byte.

use std::fs;
use std::path::{Path, PathBuf};

use admx::Side;
use gpo::extensions::{ExtensionList, REGISTRY, registry_tool, registry_tools};
use gpo::gpt_ini::{GptIni, GptIniError, Version};

/// `GPOL_CORPUS`, else `../shared/corpus` beside the workspace, if it is there.
fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("GPOL_CORPUS").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn gpt_inis(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the corpus") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gpt_inis(&path, found);
        } else if path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("gpt.ini")) {
            found.push(path);
        }
    }
}

/// The first line that begins with a key in any case, and all around it; bytes as Latin-1, so that none is lost.
fn around(bytes: &[u8], key: &str) -> (String, String, String) {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let lower = text.to_lowercase();
    let start = lower.find(&format!("{}=", key.to_lowercase())).map_or(text.len(), |at| at + key.len() + 1);
    let end = text[start..].find(['\r', '\n']).map_or(text.len(), |at| start + at);
    (text[..start].to_owned(), text[start..end].to_owned(), text[end..].to_owned())
}

#[test]
fn nothing_but_the_version_and_the_extension_line_changes() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus, neither GPOL_CORPUS nor ../shared/corpus");
        return;
    };
    let mut files = Vec::new();
    gpt_inis(&corpus, &mut files);
    let mut odd = 0;
    for path in &files {
        let before = fs::read(path).expect("a file of the corpus");
        let mut ini = match GptIni::parse(before.clone()) {
            Ok(ini) => ini,
            Err(GptIniError::Version { value, .. }) => {
                assert!(value.trim().parse::<u32>().is_err(), "{}: {value:?} is a version", path.display());
                odd += 1;
                continue;
            }
            Err(error) => panic!("{}: {error}", path.display()),
        };
        let Some(version) = ini.version() else {
            // A line is added, and nothing else.
            ini.set_version(Version { user: 0, computer: 1 });
            let (head, digits, tail) = around(ini.as_bytes(), "Version");
            assert_eq!(digits, "1", "{}", path.display());
            let head = head.strip_suffix("Version=").expect("the new key");
            let without = format!("{head}{}", tail.trim_start_matches(['\r', '\n']));
            assert_eq!(without.trim_end(), around(&before, "Version").0.trim_end(), "{}", path.display());
            odd += 1;
            continue;
        };

        ini.set_version(version);
        assert_eq!(ini.as_bytes(), before, "{}: the same version", path.display());

        ini.set_version(version.bumped(Side::Computer));
        let (head, digits, tail) = around(&before, "Version");
        let bumped = u32::from(version.bumped(Side::Computer)).to_string();
        assert_eq!(around(ini.as_bytes(), "Version"), (head, bumped, tail), "{}", path.display());
        assert_eq!(digits.trim().parse(), Ok(u32::from(version)), "{}", path.display());

        if let Some(list) = ini.extensions(Side::Computer) {
            let with_version = ini.as_bytes().to_vec();
            let mut groups = ExtensionList::parse(&list).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(groups.to_string(), list.trim(), "{}: read and written again", path.display());
            groups.add(REGISTRY, registry_tool(Side::Computer), &registry_tools(Side::Computer));
            ini.set_extensions(Side::Computer, &groups.to_string());
            let (head, _, tail) = around(&with_version, "gPCMachineExtensionNames");
            let expected = (head, groups.to_string(), tail);
            assert_eq!(around(ini.as_bytes(), "gPCMachineExtensionNames"), expected, "{}", path.display());
        }
    }
    assert!(odd * 10 < files.len(), "{odd} of {} without a number for a version", files.len());
    assert!(files.len() >= 20, "{} files", files.len());
    println!("{} files, {odd} without a number for a version", files.len());
}
