//! Templates of shapes that nobody writes, but anybody can send: work grows with the size of the file, by design. Each
//! of these took from ten seconds to minutes when something was looked up by a walk through all others; now a test that
//! does not end at once has found such a walk. What comes out is known from how the files are made.

#![allow(clippy::unwrap_used)] // helpers of tests are tests as well

use std::fmt::Write as _;
use std::fs;

use admx::{Catalog, UNRESOLVED};

const MANY: usize = 50_000;

/// A store of one template; `root` stands in its first tag.
fn load(root: &str, body: &str, resources: &str) -> Catalog {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("en-US")).unwrap();
    let admx = format!(
        "<policyDefinitions{root}><policyNamespaces><target prefix='t' namespace='T'/></policyNamespaces>{body}</policyDefinitions>"
    );
    let adml = format!("<policyDefinitionResources><resources>{resources}</resources></policyDefinitionResources>");
    fs::write(folder.path().join("T.admx"), admx).unwrap();
    fs::write(folder.path().join("en-US/T.adml"), adml).unwrap();
    let catalog = Catalog::load(&[folder.path().to_owned()], "en-US").unwrap();
    // Places are found while the file is there.
    catalog.findings();
    catalog
}

fn repeat(count: usize, each: impl Fn(&mut String, usize)) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        each(&mut text, n);
        text
    })
}

#[test]
fn elements_with_a_presentation_get_their_labels() {
    let elements = repeat(MANY, |text, n| write!(text, "<boolean id='e{n}' valueName='V{n}'/>").unwrap());
    let controls = repeat(MANY, |text, n| write!(text, "<checkBox refId='E{n}'>Label {n}</checkBox>").unwrap());
    let catalog = load(
        "",
        &format!(
            "<policies><policy name='P' class='User' displayName='P' presentation='$(presentation.p)' key='K'>\
             <elements>{elements}</elements></policy></policies>"
        ),
        &format!("<presentationTable><presentation id='p'>{controls}</presentation></presentationTable>"),
    );
    let elements = &catalog.policies()[0].elements;
    assert_eq!(elements.len(), MANY);
    assert!((0..MANY).step_by(997).all(|n| elements[n].label == format!("Label {n}")));
}

#[test]
fn strings_that_are_missing_or_spelled_otherwise_are_told_one_by_one() {
    let policies = repeat(MANY, |text, n| {
        let name = if n % 2 == 0 { format!("NAME_{n}") } else { format!("missing {n}") };
        write!(text, "<policy name='P{n}' class='User' displayName='$(string.{name})' key='K' valueName='V'/>")
            .unwrap();
    });
    let strings = repeat(MANY, |text, n| write!(text, "<string id='name_{n}'>Name {n}</string>").unwrap());
    let catalog =
        load("", &format!("<policies>{policies}</policies>"), &format!("<stringTable>{strings}</stringTable>"));
    let named = |n: usize| catalog.policies()[n].display_name.as_str();
    assert_eq!((named(48_000), named(48_001)), ("Name 48000", "missing 48001"));
    let told = |words: &str| catalog.findings().iter().filter(|finding| finding.message.contains(words)).count();
    assert_eq!((told("is spelled"), told("is not in")), (MANY / 2, MANY / 2));
}

#[test]
fn categories_lie_in_one_another_up_to_a_limit_that_is_named() {
    let categories = repeat(60_000, |text, n| {
        let above = if n == 0 { String::new() } else { format!("<parentCategory ref='C{}'/>", n - 1) };
        write!(text, "<category name='C{n}' displayName='C{n}'>{above}</category>").unwrap();
    });
    let policies = repeat(60_000, |text, n| {
        let category = format!("<parentCategory ref='C{n}'/>");
        write!(text, "<policy name='P{n}' class='User' displayName='P{n}' key='K' valueName='V'>{category}</policy>")
            .unwrap();
    });
    let catalog = load("", &format!("<categories>{categories}</categories><policies>{policies}</policies>"), "");
    let path = |n: usize| catalog.category_path(&catalog.policies()[n]);
    assert_eq!((path(63).len(), path(63)[0]), (64, "C0"));
    assert_eq!(path(64), [UNRESOLVED, "C64"]);
    assert!(catalog.policies().iter().all(|policy| catalog.category_path(policy).len() <= 65));
    let finding = catalog.findings().iter().find(|finding| finding.message.contains("deep")).unwrap();
    assert_eq!((finding.code, &*finding.message), ("ADMX007", "category \"C64\" lies more than 64 deep"));
}

#[test]
fn attributes_and_prefixes_of_one_tag_are_looked_at_once() {
    let attributes = repeat(200_000, |text, n| write!(text, " a{n}=''").unwrap());
    let catalog = load(&attributes, "<policies/>", "");
    let unknown = catalog.findings().iter().filter(|finding| finding.message.contains("has no attribute"));
    assert_eq!(unknown.count(), 200_000);
    let prefixes = repeat(MANY, |text, n| write!(text, " xmlns:p{n}='u{n}'").unwrap());
    let used = repeat(MANY, |text, n| write!(text, "<p{n}:annotation p{n}:x=''/>").unwrap());
    let catalog = load(&prefixes, &used, "");
    assert_eq!(catalog.findings().iter().filter(|finding| finding.severity == admx::Severity::Error).count(), 0);
}

#[test]
fn references_find_their_files_by_prefix() {
    let using = repeat(MANY, |text, n| write!(text, "<using prefix='u{n}' namespace='N{n}'/>").unwrap());
    let policies = repeat(MANY, |text, n| {
        let category = format!("<parentCategory ref='U{n}:C'/>");
        write!(text, "<policy name='P{n}' class='User' displayName='P{n}' key='K' valueName='V'>{category}</policy>")
            .unwrap();
    });
    let body = format!("<policyNamespaces>{using}</policyNamespaces><policies>{policies}</policies>");
    let catalog = load("", &body, "");
    let told = |words: &str| catalog.findings().iter().filter(|finding| finding.message.contains(words)).count();
    assert_eq!((told("which no loaded file has"), told("is not defined")), (MANY, MANY));
}

#[test]
fn a_path_of_ellipses_is_matched_without_trying_all_ways() {
    let categories = repeat(60, |text, n| {
        let above = if n == 0 { String::new() } else { format!("<parentCategory ref='C{}'/>", n - 1) };
        write!(text, "<category name='C{n}' displayName='a'>{above}</category>").unwrap();
    });
    let policy =
        "<policy name='P' class='User' displayName='p' key='K' valueName='V'><parentCategory ref='C59'/></policy>";
    let catalog = load("", &format!("<categories>{categories}</categories><policies>{policy}</policies>"), "");
    assert!(catalog.find(&format!("path:{}p", "... > a > ".repeat(25))).is_ok());
    assert!(catalog.find(&format!("path:b > {}p", "... > a > ".repeat(25))).is_err());
}
