//! Texts of shapes that nobody writes: work and memory grow with their size, by design, or a limit is named. A test here
//! that does not end at once has found a walk through all of a file for each of its parts. A binary of its own, since
//! it counts what is allocated.

#![allow(clippy::unwrap_used)] // helpers of tests are tests as well

use std::fmt::Write as _;

use allocation_counter::measure;
use gpo::exchange::lgpo::Scope;
use gpo::exchange::state::Notation;
use gpo::exchange::{Nowhere, Scoped, csv, gpp, json, lgpo, policy_rules, reg, samba, state};
use polfile::PolicyFile;

const MANY: usize = 50_000;

fn repeat(count: usize, each: impl Fn(&mut String, usize)) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        each(&mut text, n);
        text
    })
}

#[test]
fn rules_keep_their_lines_and_what_is_set_aside_its_kinds() {
    let fields = "<Key>K</Key><Value>V</Value><RegType>REG_SZ</RegType><RegData>x</RegData>";
    let text = repeat(MANY, |text, n| {
        write!(text, "\n<UserConfig>{fields}</UserConfig><Other{n}/>").unwrap();
    });
    let rules = policy_rules::parse(&format!("<PolicyRules>{text}</PolicyRules>")).unwrap();
    assert_eq!((rules.entries.len(), rules.asides.len()), (MANY, MANY));
    assert_eq!((rules.entries[MANY - 1].line, rules.asides[MANY - 1].line), (MANY + 1, MANY + 1));
}

#[test]
fn a_tag_of_thousands_of_attributes_is_refused_by_a_limit_that_is_named() {
    let attributes = repeat(40_000, |text, n| write!(text, " a{n}=''").unwrap());
    let error = policy_rules::parse(&format!("<PolicyRules>\n<A{attributes}/></PolicyRules>")).unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 1: a tag with more than 1000 attributes, which gpol does not read");
}

#[test]
fn preference_items_are_read_in_one_walk_and_filters_count_for_what_is_below() {
    let item = |n: usize| {
        format!(
            "<Registry><Properties action='U' hive='HKEY_LOCAL_MACHINE' key='K' name='V{n}' type='REG_SZ' value='x'/></Registry>"
        )
    };
    let items = repeat(MANY, |text, n| text.push_str(&item(n)));
    let off = format!("<Collection disabled='1'>{}<Collection>{}</Collection></Collection>", item(0), item(1));
    let only = format!("<Collection><Filters><FilterUser/></Filters>{}</Collection>", item(2));
    let found = gpp::parse(&format!("<RegistrySettings>{items}{off}{only}</RegistrySettings>")).unwrap();
    let asides: Vec<(&str, usize)> = found.asides.iter().map(|aside| (aside.what.as_str(), aside.count)).collect();
    assert_eq!(found.entries.len(), MANY);
    assert_eq!(asides, [("preference item that is switched off", 2), ("preference item with item-level targeting", 1)]);
}

#[test]
fn fields_that_are_not_there_twice_are_told_at_once() {
    let fields = repeat(MANY, |text, n| writeln!(text, "f{n}: 1").unwrap());
    let error = state::parse(&format!("{fields}f0: 2\n"), Notation::Yaml).unwrap_err().to_string();
    assert_eq!(error, "line 50001, column 1: the field \"f0\" is here twice; first in line 1");
    let inline = repeat(MANY, |text, n| write!(text, "f{n} = 1, ").unwrap());
    assert!(state::parse(&format!("computer = {{ {inline} g = 1 }}\n"), Notation::Toml).is_err());
}

/// What a writer holds at once, for so many records.
fn held(records: usize, write: &dyn Fn(&[Scoped<'_>])) -> u64 {
    let file: PolicyFile = (0..records)
        .map(|n| polfile::Record::set("Software\\K", format!("V{n:06}").as_str(), &"text".into()).unwrap())
        .collect::<Vec<_>>()
        .iter()
        .map(polfile::Record::as_ref)
        .collect();
    let scopes = [Scoped { scope: Scope::Computer, file: &file }];
    measure(|| write(&scopes)).bytes_max
}

#[test]
fn writers_hold_one_record_at_a_time() {
    let records = |scopes: &[Scoped<'_>]| {
        serde_json::to_writer(std::io::sink(), &json::Listed::new(scopes[0].file.records())).unwrap();
    };
    type Writer<'w> = &'w dyn Fn(&[Scoped<'_>]);
    let writers: [(&str, Writer<'_>); 6] = [
        ("lgpo", &|scopes| drop(lgpo::stream(scopes, "x", &[], &mut Nowhere).unwrap())),
        ("policyrules", &|scopes| drop(policy_rules::stream(scopes, "x", "y", &[], &mut Nowhere).unwrap())),
        ("reg", &|scopes| drop(reg::stream(scopes, &[], &mut Nowhere).unwrap())),
        ("samba", &|scopes| samba::stream(scopes, &[], &mut Nowhere).unwrap()),
        ("csv", &|scopes| csv::stream(scopes, None, &mut Nowhere).unwrap()),
        ("json", &records),
    ];
    for (name, write) in writers {
        let (few, many) = (held(500, write), held(5_000, write));
        // A number has a digit more.
        assert!(many <= few + 64 && many < 1 << 16, "{name}: {few} bytes for 500 records, {many} for 5000");
    }
}
