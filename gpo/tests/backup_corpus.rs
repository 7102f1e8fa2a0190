//! Every GPO backup of the corpus: a change keeps `Backup.xml` in step and touches no other byte of it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use admx::{Catalog, Side, Wanted};
use gpo::bookkeeping::Directory;
use gpo::edit::{PolicyChange, plan_policy};
use gpo::exchange::Scoped;
use gpo::exchange::backup::{self, Label};
use gpo::place::find;
use gpo::scope::Scope;
use gpo::target::{Kind, Target};
use gpo::templates::{self, Templates};
use roxmltree::{Document, Node};

/// The folders of backups, if the corpus is there.
#[expect(clippy::print_stdout)] // only tests call it
fn backups() -> Vec<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("GPOL_CORPUS").map_or_else(beside, PathBuf::from);
    let mut found = Vec::new();
    if corpus.is_dir() {
        search(&corpus.join("gpo"), &mut found);
    } else {
        println!("skipped: no corpus, neither GPOL_CORPUS nor ../shared/corpus");
    }
    found
}

fn search(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the corpus") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            search(&path, found);
        } else if path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("Backup.xml")) {
            found.push(folder.to_path_buf());
        }
    }
}

/// One policy of both sides, which names the extension of Windows Search: many GPOs have that already.
const ADMX: &str = r#"<policyDefinitions revision="1.0" schemaVersion="1.0"
    xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <policyNamespaces><target prefix="m" namespace="Test.Marker" /></policyNamespaces>
  <resources minRequiredRevision="1.0" />
  <categories><category name="C" displayName="$(string.C)" /></categories>
  <policies>
    <policy name="Marker" class="Both" displayName="$(string.C)" key="Software\Policies\Marker" valueName="Marker"
        clientExtension="{7933F41E-56F8-41d6-A31C-4148A711EE93}">
      <parentCategory ref="C" />
    </policy>
  </policies>
</policyDefinitions>"#;
const ADML: &str = r#"<policyDefinitionResources revision="1.0" schemaVersion="1.0"
    xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <displayName /><description />
  <resources><stringTable><string id="C">Marker</string></stringTable></resources>
</policyDefinitionResources>"#;
const SEARCH: &str = "{7933F41E-56F8-41D6-A31C-4148A711EE93}";
const REGISTRY: &str = "{35378EAC-683F-11D2-A89A-00C04FBBCFA2}";

fn catalog() -> Catalog {
    let store = tempfile::tempdir().expect("a folder");
    fs::create_dir(store.path().join("en-US")).expect("a folder");
    fs::write(store.path().join("Marker.admx"), ADMX).expect("a template");
    fs::write(store.path().join("en-US/Marker.adml"), ADML).expect("its texts");
    let templates = Templates { folders: vec![store.path().to_path_buf()], language: "en-US".to_owned() };
    templates::load(&templates, None).expect("the template loads")
}

fn plan<'c>(folder: &Path, catalog: &'c Catalog, side: Side, wanted: &Wanted) -> PolicyChange<'c> {
    let target = Target::open(folder).expect("a target");
    assert_eq!(target.kind, Kind::GpoBackup);
    let policy = catalog.find("Marker").expect("the policy").policy;
    let change = plan_policy(&target, catalog, policy, &Scope::from(side), wanted, None, &Directory::default());
    change.unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// `Backup.xml` after a change.
fn after(change: &PolicyChange<'_>) -> String {
    let path = &change.books.backup.as_ref().expect("Backup.xml changes").file;
    let file = change.plan.files().iter().find(|file| file.path == *path).expect("it is in the plan");
    String::from_utf8(file.after.clone().expect("a file that stays")).expect("UTF-8")
}

/// Each element by its path: its attributes and its own text.
fn elements(text: &str) -> Vec<(String, Vec<String>, String)> {
    let document = Document::parse(text).expect("XML");
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    elements
        .map(|node| {
            let path = node.ancestors().map(|node| node.tag_name().name()).collect::<Vec<_>>().join("<");
            let attributes = node.attributes().map(|a| format!("{}={}", a.name(), a.value())).collect();
            (path, attributes, node.text().unwrap_or_default().trim().to_owned())
        })
        .collect()
}

/// The text of the only element of this name.
fn text_of(all: &[(String, Vec<String>, String)], name: &str) -> String {
    let own: Vec<_> = all.iter().filter(|(path, ..)| path.starts_with(&format!("{name}<GroupPolicyCore"))).collect();
    assert_eq!(own.len(), 1, "{name}");
    own[0].2.clone()
}

/// Groups and tools of a list, in capitals, which must ascend.
fn groups(list: &str) -> HashMap<String, Vec<String>> {
    let list = list.to_uppercase();
    let groups: Vec<Vec<String>> = list
        .split(']')
        .filter_map(|group| group.trim().strip_prefix('['))
        .map(|group| group.split_inclusive('}').map(str::to_owned).collect())
        .collect();
    let heads: Vec<&String> = groups.iter().map(|group| &group[0]).collect();
    assert!(heads.is_sorted(), "{list}");
    assert!(groups.iter().all(|group| group[1..].is_sorted()), "{list}");
    groups.into_iter().map(|mut group| (group.remove(0), group)).collect()
}

#[test]
fn only_version_list_and_the_new_files_row_change() {
    let catalog = catalog();
    let (mut files, mut listed, mut added) = (0, 0, 0);
    for folder in backups() {
        let before = fs::read_to_string(found(&folder, &["Backup.xml"]).expect("it is there")).expect("UTF-8");
        for (side, prefix, name) in [(Side::Computer, "Machine", "MACH"), (Side::User, "User", "USER")] {
            let change = plan(&folder, &catalog, side, &Wanted::Enabled(Vec::new()));
            let now = after(&change);
            let (old, mut new) = (elements(&before), elements(&now));
            let what = format!("{} {prefix}", folder.display());

            // A policy file that the backup did not have is listed, and its row is the only new element.
            let there = found(&folder, &["DomainSysvol", "GPO", prefix, "registry.pol"]).is_some();
            assert_eq!(new.len(), old.len() + usize::from(!there), "{what}");
            let mut without_row = now.clone();
            if !there {
                let variable = format!("Path=%GPO_{name}_FSPATH%\\registry.pol");
                let row = new.iter().position(|(_, attributes, _)| attributes.contains(&variable)).expect("its row");
                let (path, attributes, _) = new.remove(row);
                assert!(path.starts_with("FSObjectFile<GroupPolicyExtension<"), "{what}: {path}");
                let last = |attribute: &str| attribute.to_lowercase().replace('\\', "/");
                let end = format!("/{}/registry.pol", prefix.to_lowercase());
                assert_eq!(attributes.len(), 3, "{what}");
                assert!(attributes.iter().skip(1).all(|a| last(a).ends_with(&end)), "{what}: {attributes:?}");
                let start =
                    now.find(&format!("<FSObjectFile bkp:Path=\"%GPO_{name}_FSPATH%\\registry.pol\"")).expect("it");
                let end = start + now[start..].find("/>").expect("its end") + 2;
                let end = end + now[end..].find('<').expect("the next element");
                without_row.replace_range(start..end, "");
                listed += 1;
            }

            // Of all others, the two texts of the side change.
            let (version, list) = (format!("{prefix}VersionNumber"), format!("{prefix}ExtensionGuids"));
            for (old, new) in old.iter().zip(&new).filter(|(old, new)| old != new) {
                assert_eq!((&old.0, &old.1), (&new.0, &new.1), "{what}");
                assert!(old.0.starts_with(&version) || old.0.starts_with(&list), "{what}: {}", old.0);
            }
            let number = |all: &[_]| text_of(all, &version).parse::<u32>().expect("a number");
            assert_eq!(number(&new), number(&old) + 0x0001_0001, "{what}");
            let (had, has) = (groups(&text_of(&old, &list)), groups(&text_of(&new, &list)));
            let tool = if side == Side::Computer { "{D02B1F72-" } else { "{D02B1F73-" };
            for extension in [REGISTRY, SEARCH] {
                let ours = |tool: &str, group: &[String]| group.iter().any(|guid| guid.starts_with(tool));
                assert!(ours(tool, &has[extension]) || ours("{0F6B957", &has[extension]), "{what}: {has:?}");
            }
            assert!(had.iter().all(|(extension, tools)| tools.iter().all(|t| has[extension].contains(t))), "{what}");
            added += has.len() - had.len();

            // And no other byte.
            let value = |name: &str, text: &str| format!("<{name}><![CDATA[{text}]]></{name}>");
            let old_list = text_of(&old, &list);
            let new_list = value(&list, &text_of(&new, &list));
            let expected = before
                .replace(&value(&version, &number(&old).to_string()), &value(&version, &number(&new).to_string()))
                .replace(&value(&list, &old_list), &new_list)
                .replace(&value(&list, " "), &new_list)
                .replace(&format!("<{list}/>"), &new_list);
            assert!(without_row == expected, "{what}");
            files += 1;
        }
    }
    println!("{files} changes, {listed} new policy files, {added} extensions added");
    assert!(files == 0 || (files >= 400 && listed >= 200 && added >= 400), "{files}, {listed}, {added}");
}

fn found(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    find(folder, names).expect("a folder").map(|found| found.path)
}

/// A backup without policy files of a side: set and unset leave the extension list as it was.
#[test]
fn what_a_side_gained_it_loses_again() {
    let catalog = catalog();
    for folder in backups().into_iter() {
        let copy = tempfile::tempdir().expect("a folder");
        let xml = found(&folder, &["Backup.xml"]).expect("it is there");
        fs::create_dir_all(copy.path().join("DomainSysvol/GPO")).expect("a folder");
        fs::copy(&xml, copy.path().join("Backup.xml")).expect("a copy");
        for side in [Side::Computer, Side::User] {
            let change = plan(copy.path(), &catalog, side, &Wanted::Enabled(Vec::new()));
            let text =
                change.books.backup.as_ref().and_then(|b| b.extensions.clone()).expect("the list changes").before;
            change.plan.commit().expect("it is written");
            let change = plan(copy.path(), &catalog, side, &Wanted::NotConfigured);
            let list = change.books.backup.as_ref().and_then(|b| b.extensions.clone()).expect("the list changes");
            // One list of the corpus has the tools of the other side; they are not this side's to take away.
            let ours = match side {
                Side::Computer => ["{D02B1F72-", "{0F6B957D-", "{DF3DC19F-"],
                Side::User => ["{D02B1F73-", "{0F6B957E-", "{DF3DC19F-"],
            };
            let tools = |guid: &String| !ours.iter().any(|tool| guid.starts_with(tool));
            let mut expected = groups(&text);
            expected.values_mut().for_each(|group| group.retain(tools));
            expected.retain(|_, tools| !tools.is_empty());
            assert_eq!(groups(&list.after), expected, "{}", folder.display());
        }
    }
}

#[test]
fn a_backup_that_is_made_lists_the_extensions_that_its_policies_name() {
    let mut file = polfile::PolicyFile::new();
    let marker = polfile::Record::set(r"Software\Policies\Marker", "Marker", &polfile::Value::Dword(1));
    file.put(&marker.expect("a record"));
    let scoped = [Scoped { scope: (&Scope::Computer).into(), file: &file }];
    let label = Label { name: "X".to_owned(), guid: None, time: 0 };
    let list = |catalog: Option<&Catalog>| {
        let made = backup::make(&scoped, &label, catalog);
        let (_, bytes) = made.files.iter().find(|(name, _)| name.ends_with("Backup.xml")).expect("it is made");
        text_of(&elements(std::str::from_utf8(bytes).expect("UTF-8")), "MachineExtensionGuids").to_uppercase()
    };
    let tool = "{D02B1F72-3407-48AE-BA88-E8213C6761F1}";
    assert_eq!(list(None), format!("[{REGISTRY}{tool}]"));
    assert_eq!(list(Some(&catalog())), format!("[{REGISTRY}{tool}][{SEARCH}{tool}]"));
}

/// Elements in document order, by name; of each, its namespace and the names of its attributes.
fn shape(document: &Document<'_>) -> Vec<(String, Vec<String>)> {
    let name = |namespace: Option<&str>, name: &str| format!("{{{}}}{name}", namespace.unwrap_or_default());
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    let shape = elements.map(|node| {
        let attributes = node.attributes().map(|a| name(a.namespace(), a.name())).collect();
        (name(node.tag_name().namespace(), node.tag_name().name()), attributes)
    });
    shape.collect()
}

#[test]
fn a_backup_that_is_made_has_the_shape_of_all_that_were_published() {
    let mut file = polfile::PolicyFile::new();
    file.put(&polfile::Record::set("Software\\X", "A", &polfile::Value::Dword(1)).expect("a record"));
    let scoped = [Scope::Computer, Scope::User].map(|scope| Scoped { scope: (&scope).into(), file: &file });
    let made = backup::make(&scoped, &Label { name: "X".to_owned(), guid: None, time: 0 }, None);
    let ours = |ending: &str| {
        let (_, bytes) = made.files.iter().find(|(name, _)| name.ends_with(ending)).expect("it is made");
        String::from_utf8(bytes.clone()).expect("UTF-8")
    };
    let read = |folder: &Path, name: &str| {
        let path = find(folder, &[name]).expect("a folder").map(|found| found.path)?;
        Some(fs::read_to_string(path).expect("UTF-8"))
    };
    // Groups of a security descriptor; files, extensions and objects of the directory that ours has not.
    let optional = |name: &str| {
        ["Group", "Sid", "SamAccountName", "Type", "NetBIOSDomainName", "DnsDomainName", "UPN"].contains(&name)
            || ["FSObjectFile", "FSObjectDir", "GroupPolicyExtension"].contains(&name)
            || name.starts_with("DS")
    };
    let core = |text: &str| -> Vec<_> {
        let all = shape(&Document::parse(text).expect("XML"));
        all.into_iter().filter(|(name, _)| !name.split_once('}').is_some_and(|(_, name)| optional(name))).collect()
    };
    // Each line of ours by its path, without what is of one GPO.
    let files = |text: &str| -> Vec<String> {
        let document = Document::parse(text).expect("XML");
        let files = document.descendants().filter(|node| node.tag_name().name() == "FSObjectFile");
        let line = |node: Node<'_, '_>| {
            let extension = node.parent().and_then(|parent| parent.attributes().next()).map(|a| a.value().to_owned());
            let source = node.attributes().find(|a| a.name() == "SourceExpandedPath").map(|a| a.value());
            // \\DC\sysvol\DOMAIN\Policies\{GUID}\Machine\registry.pol
            let below: Vec<&str> = source.unwrap_or_default().split('\\').skip(3).collect();
            let shown = [below.first(), below.get(2)].map(|part| part.copied().unwrap_or_default());
            let others = node.attributes().filter(|a| a.name() != "SourceExpandedPath");
            let others: Vec<String> = others.map(|a| format!("{}={}", a.name(), a.value())).collect();
            format!("{extension:?} {shown:?} {:?} {others:?}", below.get(4..))
        };
        files.map(line).collect()
    };
    let (mut seen, mut compared) = (HashMap::<String, usize>::new(), 0);
    for folder in backups() {
        let theirs = read(&folder, "Backup.xml").expect("it is there");
        assert_eq!(core(&ours("Backup.xml")), core(&theirs), "{}", folder.display());
        files(&theirs).into_iter().for_each(|line| *seen.entry(line).or_default() += 1);
        let theirs = read(&folder, "bkupInfo.xml").expect("it is there");
        assert_eq!(core(&ours("bkupInfo.xml")), core(&theirs), "{}", folder.display());
        compared += 1;
        let Some(theirs) = folder.parent().and_then(|parent| read(parent, "manifest.xml")) else { continue };
        let (ours, theirs) = (core(&ours("manifest.xml")), core(&theirs));
        assert!(theirs.starts_with(&ours), "{}: one entry, or more of the same", folder.display());
    }
    if compared > 0 {
        assert!(compared > 200, "{compared}");
        for line in files(&ours("Backup.xml")) {
            assert!(seen.get(&line).is_some_and(|count| *count > 50), "{line}");
        }
    }
}
