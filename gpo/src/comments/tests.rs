use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use super::*;

/// Pairs of tags, as the editor writes them.
const PAIRS: &str = "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>\r
<policyComments revision=\"1.0\" schemaVersion=\"1.0\" xmlns=\"http://www.microsoft.com/GroupPolicy/CommentDefinitions\">\r
  <policyNamespaces>\r
    <using prefix=\"ns0\" namespace=\"Contoso.Policies.Fax\"></using>\r
    <using prefix=\"ns1\" namespace=\"Contoso.Policies.Scan\"></using>\r
  </policyNamespaces>\r
  <comments>\r
    <admTemplate>\r
      <comment policyRef=\"ns0:Send\" commentText=\"$(resource.ns0_Send)\"></comment>\r
      <comment policyRef=\"ns1:Paper\" commentText=\"$(resource.ns1_Paper)\"></comment>\r
    </admTemplate>\r
  </comments>\r
  <resources minRequiredRevision=\"1.0\">\r
    <stringTable>\r
      <string id=\"ns0_Send\">Only the front desk &amp; legal</string>\r
      <string id=\"ns1_Paper\">First line\r
second line</string>\r
    </stringTable>\r
  </resources>\r
</policyComments>";

/// Empty elements, apostrophes, tabs, a prefix, no mark, a line end at the end.
const SHORT: &str = "<c:policyComments xmlns:c='urn:c' revision='1.0'>
\t<c:policyNamespaces>
\t\t<c:using prefix='ns0' namespace='Contoso.Policies.Fax' />
\t</c:policyNamespaces>
\t<c:comments>
\t\t<c:admTemplate />
\t</c:comments>
\t<c:resources minRequiredRevision='1.0'>
\t\t<c:stringTable />
\t</c:resources>
</c:policyComments>
";

const FAX: &str = "Contoso.Policies.Fax";
const SCAN: &str = "Contoso.Policies.Scan";

fn parse(text: &str) -> Comments {
    Comments::parse(text.as_bytes().to_vec()).unwrap()
}

fn text(comments: &Comments) -> &str {
    std::str::from_utf8(comments.as_bytes()).unwrap()
}

/// What an edit does: `[old|new]` for each stretch of bytes that differs, `…` for those that do not.
fn changes(before: &str, after: &str) -> String {
    // Lines are enough: every edit here is within one line or adds whole lines.
    let (old, new): (Vec<_>, Vec<_>) = (before.split('\n').collect(), after.split('\n').collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    format!("[{}|{}]", old[head..old.len() - tail].join("\n"), new[head..new.len() - tail].join("\n"))
}

/// A file with one comment, whose string table and `commentText` are given.
fn one(comment_text: &str, strings: &str) -> String {
    format!(
        "<policyComments><policyNamespaces><using prefix=\"ns0\" namespace=\"N\"/></policyNamespaces>\
         <comments><admTemplate><comment policyRef=\"ns0:P\" commentText=\"{comment_text}\"/></admTemplate></comments>\
         <resources><stringTable>{strings}</stringTable></resources></policyComments>"
    )
}

#[test]
fn comments_are_read_in_file_order_with_line_ends_as_one_character() {
    let all: Vec<_> = parse(PAIRS).iter().map(|c| (c.namespace, c.policy, c.text)).collect();
    let own = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    let expected = [own(FAX, "Send", "Only the front desk & legal"), own(SCAN, "Paper", "First line\nsecond line")];
    assert_eq!(all, expected);
    assert_eq!(parse(SHORT).iter().count(), 0);
}

#[test]
fn names_are_compared_exactly_first_then_without_case() {
    let both = "<policyComments><policyNamespaces><using prefix='A' namespace='N'/></policyNamespaces><comments>\
        <admTemplate><comment policyRef='a:X' commentText='$( Resource.id )'/><comment policyRef='A:x' commentText='2'/>\
        </admTemplate></comments><resources><stringTable><string id='ID'>1</string></stringTable></resources></policyComments>";
    let comments = parse(both);
    for (namespace, policy, expected) in
        [("N", "X", Some("1")), ("N", "x", Some("2")), ("n", "x", Some("1")), ("N", "Y", None), ("M", "x", None)]
    {
        assert_eq!(comments.get(namespace, policy).as_deref(), expected, "{namespace} {policy}");
    }
}

#[test]
fn a_text_may_stand_in_the_attribute_in_pieces_or_nowhere() {
    for (comment_text, strings, expected) in [
        ("as it is", "", "as it is"),
        ("$(string.P)", "<string id='P'>x</string>", "$(string.P)"),
        ("$(resource.)", "", "$(resource.)"),
        ("$(resource.P)", "<string id='Q'>x</string>", ""),
        ("$(resource.P)", "<string id='P'/>", ""),
        ("$(resource.P)", "<string id='P'>1</string><string id='P'>2</string>", "1"),
        ("$(resource.P)", "<string id='P'>a<!-- b -->c<![CDATA[<d>]]>&#x65;</string>", "ac<d>e"),
        ("$(resource.P)", "<string id='P'>$(resource.P)</string>", "$(resource.P)"),
    ] {
        let file = one(comment_text, strings);
        let mut comments = parse(&file);
        assert_eq!(comments.get("N", "P").as_deref(), Some(expected), "{file}");
        assert_eq!(comments.set("N", "P", expected), Ok(false));
        assert_eq!(text(&comments), file);
        for new in ["new", "", "$(resource.P)", "a\n\"b\""] {
            comments.set("N", "P", new).unwrap();
            assert_eq!(comments.get("N", "P").as_deref(), Some(new), "{file}");
        }
        assert!(comments.remove("N", "P"));
        assert_eq!(comments.get("N", "P"), None);
    }
    assert_eq!(parse(&one("x", "").replace(":P", "")).iter().count(), 0);
    assert_eq!(parse(&one("x", "").replace("ns0:P", "ns1:P")).iter().count(), 0);
    let mut bare = parse(&one("", "").replace(" commentText=\"\"", ""));
    assert_eq!(bare.set("N", "P", "x"), Ok(true));
    assert_eq!(
        text(&bare),
        one("x", "").replace("policyRef=\"ns0:P\" commentText=\"x\"", "commentText=\"x\" policyRef=\"ns0:P\"")
    );
}

#[test]
fn a_new_text_changes_the_string_alone() {
    let mut comments = parse(PAIRS);
    assert_eq!(comments.set(FAX, "send", "a < b\nc"), Ok(true));
    assert_eq!(text(&comments), PAIRS.replace("Only the front desk &amp; legal", "a &lt; b\r\nc"));
    assert_eq!(comments.set(FAX, "Send", "a < b\nc"), Ok(false));
    assert_eq!(comments.set(SCAN, "Paper", "First line\nsecond line"), Ok(false));

    let mut literal = parse(&one("old", ""));
    assert_eq!(literal.set("N", "P", "a\n\"b\""), Ok(true));
    assert_eq!(text(&literal), one("a&#xA;&quot;b&quot;", ""));
    let mut dangling = parse(&one("$(resource.T)", ""));
    assert_eq!(dangling.set("N", "P", "x"), Ok(true));
    assert_eq!(text(&dangling), one("$(resource.T)", "<string id=\"T\">x</string>"));
}

#[test]
fn a_new_comment_adds_a_line_to_each_table() {
    let mut comments = parse(PAIRS);
    assert_eq!(comments.set(FAX, "Colour", "No"), Ok(true));
    let line = "\n      <comment policyRef=\"ns0:Colour\" commentText=\"$(resource.ns0_Colour)\"></comment>\r";
    let string = "\n      <string id=\"ns0_Colour\">No</string>\r";
    let expected = PAIRS.replace("ns1_Paper)\"></comment>\r", &format!("ns1_Paper)\"></comment>\r{line}"));
    let expected = expected.replace("second line</string>\r", &format!("second line</string>\r{string}"));
    assert_eq!(text(&comments), expected);
    assert!(comments.remove(FAX, "Colour"));
    assert_eq!(text(&comments), PAIRS);
    assert!(!comments.remove(FAX, "Colour"));

    assert_eq!(comments.set("New & old", "P", "x"), Ok(true));
    let after = text(&comments);
    assert!(
        after.contains("Scan\"></using>\r\n    <using prefix=\"ns2\" namespace=\"New &amp; old\"></using>\r\n  </"),
        "{after}"
    );
    assert!(comments.remove("New & old", "P"));
    let using = "[|    <using prefix=\"ns2\" namespace=\"New &amp; old\"></using>\r]";
    assert_eq!(changes(PAIRS, text(&comments)), using);
}

#[test]
fn the_first_comment_opens_empty_elements_and_the_last_one_closes_them() {
    let mut comments = parse(SHORT);
    assert_eq!(comments.set(FAX, "Send", "it's"), Ok(true));
    let expected = SHORT.replace(
        "<c:admTemplate />",
        "<c:admTemplate>\n\t\t\t<c:comment policyRef='ns0:Send' commentText='$(resource.ns0_Send)' />\n\t\t</c:admTemplate>",
    );
    let expected = expected.replace(
        "<c:stringTable />",
        "<c:stringTable>\n\t\t\t<c:string id='ns0_Send'>it's</c:string>\n\t\t</c:stringTable>",
    );
    assert_eq!(text(&comments), expected);
    assert!(comments.remove(FAX, "Send"));
    assert_eq!(text(&comments), SHORT);

    let mut new = Comments::new();
    assert_eq!(new, Comments::parse(new.as_bytes().to_vec()).unwrap());
    assert_eq!(new.set(FAX, "Send", "x"), Ok(true));
    let using = "  <policyNamespaces>\r\n    <using prefix=\"ns0\" namespace=\"Contoso.Policies.Fax\"></using>\r\n  </policyNamespaces>\r\n";
    assert!(text(&new).contains(using), "{}", text(&new));
    assert!(new.remove(FAX, "Send"));
    assert_eq!(text(&new), EMPTY.replace("  <policyNamespaces></policyNamespaces>\r\n", using));
}

#[test]
fn missing_parts_come_into_being_in_the_order_of_the_schema() {
    let expected = "<policyComments>\n  <policyNamespaces>\n    <using prefix=\"ns0\" namespace=\"N\"></using>\n  </policyNamespaces>\
        \n  <comments>\n    <admTemplate>\n      <comment policyRef=\"ns0:P\" commentText=\"$(resource.ns0_P)\"></comment>\n    \
        </admTemplate>\n  </comments>\n  <resources minRequiredRevision=\"1.0\">\n    <stringTable>\n      \
        <string id=\"ns0_P\">x</string>\n    </stringTable>\n  </resources>\n</policyComments>";
    for before in [
        "\n<policyComments></policyComments>",
        "\n<policyComments>\n</policyComments>",
        "\n<policyComments>\n  <resources minRequiredRevision=\"1.0\"></resources>\n</policyComments>",
        "\n<policyComments>\n  <policyNamespaces></policyNamespaces>\n  <resources minRequiredRevision=\"1.0\">\n    <stringTable></stringTable>\n  </resources>\n</policyComments>",
    ] {
        let mut comments = parse(before);
        assert_eq!(comments.set("N", "P", "x"), Ok(true));
        assert_eq!(text(&comments), format!("\n{expected}"), "{before:?}");
    }
    let mut comments = parse("<policyComments/>");
    assert_eq!(comments.set("N", "P", "x"), Ok(true));
    assert_eq!(comments.get("N", "P").as_deref(), Some("x"));
}

#[test]
fn what_is_not_understood_stays_where_it_is() {
    let notes = PAIRS.replace("\r\n    </admTemplate>", "\r\n      <!-- ask IT -->\r\n    </admTemplate>");
    let mut comments = parse(&notes);
    comments.set(FAX, "Colour", "No").unwrap();
    assert!(text(&comments).contains("<!-- ask IT -->\r\n      <comment policyRef=\"ns0:Colour\""));
    comments.remove(FAX, "Colour");
    assert_eq!(text(&comments), notes);
    comments.remove(FAX, "Send");
    comments.remove(SCAN, "Paper");
    assert!(text(&comments).contains("<admTemplate>\r\n      <!-- ask IT -->\r\n    </admTemplate>"));
    assert!(text(&comments).contains("<stringTable></stringTable>"));
}

#[test]
fn a_shared_text_is_changed_for_one_comment_only() {
    let shared = PAIRS.replace("resource.ns1_Paper", "resource.NS0_Send");
    let mut comments = parse(&shared);
    assert_eq!(comments.set(SCAN, "Paper", "mine"), Ok(true));
    // `ns1_Paper` is taken.
    assert!(text(&comments).contains("policyRef=\"ns1:Paper\" commentText=\"$(resource.ns1_Paper_2)\""));
    assert_eq!(comments.get(FAX, "Send").as_deref(), Some("Only the front desk & legal"));
    assert_eq!(comments.get(SCAN, "Paper").as_deref(), Some("mine"));

    let mut comments = parse(&shared);
    assert!(comments.remove(SCAN, "Paper"));
    assert_eq!(comments.get(FAX, "Send").as_deref(), Some("Only the front desk & legal"));
    let line = "      <comment policyRef=\"ns1:Paper\" commentText=\"$(resource.NS0_Send)\"></comment>\r";
    assert_eq!(changes(&shared, text(&comments)), format!("[{line}|]"));
}

#[test]
fn a_new_prefix_gives_no_other_comment_a_policy() {
    let mut comments = parse(&one("lost", "").replace("ns0:P", "NS1:P"));
    comments.set("M", "Q", "x").unwrap();
    assert!(text(&comments).contains("prefix=\"ns2\" namespace=\"M\""));
    assert_eq!(comments.iter().count(), 1);
}

#[test]
fn a_prefix_that_means_another_namespace_and_an_id_that_is_awaited_are_not_taken() {
    let twice = one("lost", "").replace(
        "</policyN",
        "<using prefix=\"NS0\" namespace=\"M\"/><using prefix=\"ns0\" namespace=\"L\"/></policyN",
    );
    let mut comments = parse(&twice);
    for (namespace, reference) in [("M", "NS0:Q"), ("L", "ns3:Q")] {
        comments.set(namespace, "Q", namespace).unwrap();
        assert!(text(&comments).contains(&format!("policyRef=\"{reference}\"")), "{}", text(&comments));
        assert_eq!(comments.get(namespace, "Q").as_deref(), Some(namespace));
    }

    let mut comments = parse(&one("$(resource.NS0_Q)", ""));
    comments.set("N", "Q", "x").unwrap();
    assert_eq!(comments.get("N", "P").as_deref(), Some(""));
    assert_eq!(comments.get("N", "Q").as_deref(), Some("x"));
}

#[test]
fn utf_16_stays_utf_16() {
    let wide = |text: &str| "\u{FEFF}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let before: Vec<u8> = wide(&SHORT.replace("Fax", "Größe😀"));
    let mut comments = Comments::parse(before.clone()).unwrap();
    assert_eq!(comments.set("Contoso.Policies.Größe😀", "P", "Да 😀"), Ok(true));
    assert_eq!(comments.get("Contoso.Policies.Größe😀", "P").as_deref(), Some("Да 😀"));
    assert!(comments.as_bytes().starts_with(&before[..200]));
    assert!(comments.remove("Contoso.Policies.Größe😀", "P"));
    assert_eq!(comments.as_bytes(), before);
}

#[test]
fn errors_name_line_and_column() {
    for (bytes, expected) in [
        (&b""[..], "1:1: not well-formed XML: the document does not have a root node"),
        (b"<policyComments>\n  <a></b></policyComments>", "2:6: not well-formed XML: expected 'a' tag, not 'b'"),
        (b"<!-- -->\n<x/>", "2:1: the root element is \"x\", not \"policyComments\""),
        (b"\xEF\xBB\xBF<policyComments>\n \xC3\xBC\xFC</policyComments>", "2:3: it is not UTF-8"),
        (b"\xFE\xFF\0<", "1:1: it is UTF-16 with the bytes swapped (big-endian)"),
        (b"\xFF\xFE<\0a", "1:2: it is UTF-16 with an odd number of bytes"),
        (b"\xFF\xFE<\0\0\xD8", "1:2: half a character, which UTF-16 does not allow"),
        (
            b"<?xml version='1.0' encoding='windows-1252'?>\n<policyComments/>",
            "1:31: the encoding \"windows-1252\" is not supported",
        ),
        (
            b"<!DOCTYPE policyComments [<!ENTITY a 'b'>]><policyComments>&a;</policyComments>",
            "1:1: not well-formed XML: XML with DTD detected",
        ),
    ] {
        assert_eq!(Comments::parse(bytes.to_vec()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn text_that_xml_cannot_hold_is_refused_and_nothing_changes() {
    let mut comments = parse(PAIRS);
    let error = comments.set(FAX, "Send", "ä\u{1}").unwrap_err();
    assert_eq!(error.to_string(), "comment: character 2 is U+0001, which XML cannot hold");
    for (namespace, policy) in [("\0", "P"), (FAX, "\u{FFFE}"), (FAX, "\u{1F}")] {
        assert!(comments.set(namespace, policy, "x").is_err());
    }
    assert_eq!(text(&comments), PAIRS);
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(0x504F_4C46), failure_persistence: None, ..Default::default() }
}

/// Text that XML can hold, with a liking for what needs care.
fn legal() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => select("abAB01 _:.;".chars().collect::<Vec<_>>()).prop_map(String::from),
        3 => select(vec!["<", ">", "&", "\"", "'", "]]>", "&amp;", "<!--", "$(", ")", "$(resource.x)", "\n", "\r", "\r\n", "\t"])
            .prop_map(str::to_owned),
        1 => any::<char>().prop_filter("legal in XML", |c| is_xml(*c)).prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(vec!["P", "p", "Q", "A_B", "B", "Send", FAX, "N", "n"]).prop_map(str::to_owned), 1 => legal()]
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn what_is_set_is_got_and_all_else_stays(
        start in select(vec![EMPTY, PAIRS, SHORT, "<policyComments/>"]),
        wide in any::<bool>(),
        steps in proptest::collection::vec((name(), name(), legal(), 0..4), 1..8),
    ) {
        let text = start.trim_start_matches('\u{FEFF}');
        let encoding = if wide { Encoding::Utf16 } else { Encoding::Utf8 { mark: text != start } };
        let mut comments = Comments::parse(encode(encoding, text)).unwrap();
        for (namespace, policy, text, action) in steps {
            let others = |comments: &Comments| -> Vec<Comment> {
                let same = |c: &Comment| c.namespace.eq_ignore_ascii_case(&namespace) && c.policy.eq_ignore_ascii_case(&policy);
                comments.iter().filter(|c| !same(c)).collect()
            };
            let before = comments.clone();
            if action == 0 {
                prop_assert_eq!(comments.remove(&namespace, &policy), before.get(&namespace, &policy).is_some());
                prop_assert_eq!(comments.get(&namespace, &policy), None);
            } else {
                let changed = comments.set(&namespace, &policy, &text).unwrap();
                prop_assert_eq!(changed, comments.as_bytes() != before.as_bytes());
                let got = comments.get(&namespace, &policy);
                prop_assert_eq!(got.as_deref(), Some(&*text));
                prop_assert_eq!(comments.set(&namespace, &policy, &text), Ok(false));
            }
            prop_assert_eq!(others(&comments), others(&before));
            prop_assert_eq!(&Comments::parse(comments.as_bytes().to_vec()).unwrap(), &comments);
            let (_, xml) = decode(comments.as_bytes()).unwrap();
            prop_assert!(Document::parse(&xml).is_ok());
        }
    }

    #[test]
    fn nothing_panics_on_damaged_files(
        start in select(vec![PAIRS, SHORT]),
        cut in any::<proptest::sample::Index>(),
        piece in select(vec!["", "<", ">", "/>", "\"", "<comment/>", "<string/>", "<using/>", "\u{0}", "ü", "<!DOCTYPE a>"]),
        len in 0..40_usize,
    ) {
        let bytes = start.as_bytes();
        let at = cut.index(bytes.len());
        let rest = bytes.get(at + len..).unwrap_or_default();
        let damaged = [&bytes[..at], piece.as_bytes(), rest].concat();
        if let Ok(mut comments) = Comments::parse(damaged) {
            comments.set(FAX, "Send", "new").unwrap();
            let got = comments.get(FAX, "Send");
            prop_assert_eq!(got.as_deref(), Some("new"));
            comments.set("Other", "P", "new").unwrap();
            prop_assert!(comments.remove(FAX, "Send"));
            prop_assert!(comments.remove("Other", "P"));
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // Links could lead in circles.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            Ok(_) if entry.file_name().eq_ignore_ascii_case("comment.cmtx") => found.push(entry.path()),
            _ => {}
        }
    }
}

/// The corpus is not part of the project. Not one file of it is an exception.
#[test]
fn files_of_the_corpus_are_read_and_an_edit_undone_gives_them_back() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("GPOL_CORPUS").map_or(beside, PathBuf::from);
    let mut found = Vec::new();
    files(&folder, &mut found);
    if found.is_empty() {
        println!("skipped: no comment.cmtx below {}", folder.display());
        return;
    }
    let (mut comments_seen, mut undone) = (0, 0);
    for path in &found {
        let bytes = std::fs::read(path).unwrap();
        let mut comments = Comments::parse(bytes.clone()).unwrap_or_else(|e| panic!("{}:{e}", path.display()));
        assert!(comments.iter().all(|c| !c.text.is_empty()), "{}", path.display());
        comments_seen += comments.iter().count();
        for Comment { namespace, policy, text } in comments.clone().iter() {
            assert_eq!(comments.set(&namespace, &policy, &text), Ok(false));
            assert_eq!(comments.set(&namespace, &policy, "other"), Ok(true));
            assert_eq!(comments.set(&namespace, &policy, &text), Ok(true));
        }
        let (_, xml) = decode(&bytes).unwrap();
        assert_eq!(comments.as_bytes(), bytes, "{}", path.display());
        let mut comments = Comments::parse(bytes.clone()).unwrap();
        let tree = document(&xml).unwrap();
        let using = tree.descendants().find_map(|n| n.attribute("namespace")).expect("every file has a namespace");
        assert_eq!(comments.set(using, "gpol test", "Line 1\nline 2"), Ok(true));
        assert_eq!(comments.get(using, "gpol test").as_deref(), Some("Line 1\nline 2"));
        assert!(comments.remove(using, "gpol test"));
        assert_eq!(comments.as_bytes(), bytes, "{}", path.display());
        undone += 1;
    }
    println!("{} files, {comments_seen} comments, {undone} edits undone", found.len());
}
