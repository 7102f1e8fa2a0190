use super::*;

const GUID: &str = "{5A1C2E90-4B7D-4E0F-9A3B-6C8D0E1F2A3B}";

fn dn() -> String {
    format!("CN={GUID},CN=Policies,CN=System,DC=example,DC=test")
}

fn one(ldif: &str) -> Entry {
    let snapshot = Snapshot::parse(ldif.as_bytes()).unwrap();
    assert_eq!(snapshot.entries().len(), 1);
    snapshot.entries()[0].clone()
}

/// Examples 3 and 5 of RFC 2849: a folded value, and values in Base64, a name among them.
#[test]
fn the_examples_of_the_rfc_are_read() {
    let entry = one("version: 1\n\
         dn:cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com\n\
         objectclass:top\n\
         description:Babs is a big sailing fan, and travels extensively in sea\n \
         rch of perfect sailing conditions.\n\
         title:Product Manager, Rod and Reel Division");
    assert_eq!((&*entry.dn, entry.line), ("cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com", 2));
    let description = "Babs is a big sailing fan, and travels extensively in search of perfect sailing conditions.";
    assert_eq!(entry.text("Description").as_deref(), Some(description));
    let entry = one("dn:: dWlkPXJvZ2FzYXdhcmEsb3U95Za25qWt6YOoLG89QWlyaXVz\n\
         # dn:: uid=<uid>,ou=<JapaneseOU>,o=Airius\n\
         uid: rogasawara\n\
         sn;lang-ja:: 5bCP56yg5Y6f\n");
    assert_eq!(entry.dn, "uid=rogasawara,ou=営業部,o=Airius");
    assert_eq!(entry.text("sn;lang-ja").as_deref(), Some("小笠原"));
}

#[test]
fn what_the_tools_print_around_entries_is_left_out() {
    let of_ldbsearch = format!(
        "# record 1\ndn: {}\nversionNumber: 3\n\n# Referral\nref: ldap:///CN=Configuration,DC=example,\n DC=test\n\n\
         # returned 2 records\n",
        dn()
    );
    let of_ldapsearch = format!(
        "# extended LDIF\n#\n# LDAPv3\n# a comment that\n  goes on\n\n# {GUID}\ndn: {}\nversionNumber: 3\n\n\
         # search result\nsearch: 2\nresult: 0 Success\n\n# numEntries: 1\n",
        dn()
    );
    let of_ldifde = format!("dn: {}\r\nchangetype: add\r\nversionNumber: 3\r\n\r\n", dn());
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for bytes in [
        of_ldbsearch.into_bytes(),
        of_ldapsearch.into_bytes(),
        [&[0xFF, 0xFE], &*utf16(&of_ldifde)].concat(),
        utf16(&of_ldifde),
        [&[0xEF, 0xBB, 0xBF], of_ldifde.as_bytes()].concat(),
        of_ldifde.into_bytes(),
    ] {
        let snapshot = Snapshot::parse(&bytes).unwrap();
        assert_eq!(snapshot.entries().len(), 1, "{}", String::from_utf8_lossy(&bytes));
        let entry = &snapshot.entries()[0];
        assert_eq!((entry.dn.clone(), entry.text("versionnumber").as_deref()), (dn(), Some("3")));
        assert_eq!(entry.attributes.len(), 1);
    }
}

#[test]
fn several_values_keep_their_order() {
    let entry = one("dn: DC=example,DC=test\ngPLink: [LDAP://a;0]\nmember: b\nmember:: YQ==\nMEMBER: c\n");
    assert_eq!(entry.values("member").collect::<Vec<_>>(), [b"b", b"a", b"c"]);
    assert_eq!(entry.values("none").count(), 0);
}

#[test]
fn what_is_no_export_is_refused_with_its_line() {
    for (text, line, what) in [
        ("", 0, "it holds no entry"),
        ("hello world\n", 1, "expected \"attribute: value\", found \"hello world\""),
        ("\ncn: x\n", 2, "expected \"dn:\", found \"cn\""),
        ("dn: x\n\n folded\n", 3, "a folded line without a beginning"),
        ("dn: x\ncn:: Z\n", 2, "the Base64 of cn is broken"),
        ("dn: x\ncn:< file:///etc/passwd\n", 2, "cn points to another file, which gpol does not read"),
        (
            "dn: x\nchangetype: modify\nreplace: cn\n",
            2,
            "the file describes changes; an export of the directory is wanted",
        ),
        ("{\"a\": 1}\n", 1, "\"{\"a\"\" is no name of an attribute"),
    ] {
        let error = Snapshot::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.line, &*error.what), (line, what), "{text}");
    }
}

#[test]
fn a_gpo_is_known_by_its_name_in_any_case() {
    let other = format!("CN={GUID},CN=Policies,CN=System,DC=child,DC=example,DC=test");
    let ldif = format!(
        "dn: {}\ndisplayName:: R3LDvMOfZQ==\nversionNumber: -65533\n\ndn: CN=Machine,{}\ncn: Machine\n\ndn: {other}\ncn: x\n",
        dn().to_lowercase(),
        dn()
    );
    let snapshot = Snapshot::parse(ldif.as_bytes()).unwrap();
    let gpos: Vec<_> = snapshot.gpos(&GUID.to_lowercase()).collect();
    assert_eq!(gpos.len(), 2);
    assert_eq!(gpos[0].name().as_deref(), Some("Grüße"));
    // -65533 is 0xFFFF0003: the directory's integers have a sign.
    let version = Version { user: 65535, computer: 3 };
    assert_eq!((gpos[0].version(), version_value(version)), (Ok(Some(version)), -65533));
    assert_eq!((gpos[1].version(), gpos[1].extensions(Side::Computer)), (Ok(None), None));
    assert_eq!([gpos[0].domain(), gpos[1].domain()], ["example.test", "child.example.test"]);
    assert_eq!(snapshot.gpos("{00000000-0000-0000-0000-000000000000}").count(), 0);
    assert_eq!(snapshot.get(&format!("cn=MACHINE, {}", dn())).unwrap().text("cn").as_deref(), Some("Machine"));
    assert_eq!(dn_of(GUID, "child.example.test"), other);
}

#[test]
fn a_version_that_is_no_number_is_told() {
    for (text, version) in [
        ("4294967295", Ok(Some(Version { user: 65535, computer: 65535 }))),
        ("-1", Ok(Some(Version { user: 65535, computer: 65535 }))),
        ("-2147483649", Err(VersionError("-2147483649".to_owned()))),
        ("4294967296", Err(VersionError("4294967296".to_owned()))),
        ("many", Err(VersionError("many".to_owned()))),
    ] {
        let snapshot = Snapshot::parse(format!("dn: {}\nversionNumber: {text}\n", dn()).as_bytes()).unwrap();
        assert_eq!(snapshot.gpos(GUID).next().unwrap().version(), version, "{text}");
    }
}

#[test]
fn a_change_is_folded_and_what_is_not_plain_is_in_base64() {
    let mut change = Modification::of("CN=Grüße,DC=x");
    change.swap("versionNumber", None, "2");
    change.replace("list", &"[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}]".repeat(4));
    change.replace("blank", " ");
    change.delete("gone");
    assert_eq!(
        change.to_string(),
        "dn:: Q049R3LDvMOfZSxEQz14\nchangetype: modify\nadd: versionNumber\nversionNumber: 2\n-\nreplace: list\n\
         list: [{35378EAC-683F-11D2-A89A-00C04FBBCFA2}][{35378EAC-683F-11D2-A89A-00C0\n \
         4FBBCFA2}][{35378EAC-683F-11D2-A89A-00C04FBBCFA2}][{35378EAC-683F-11D2-A89A\n \
         -00C04FBBCFA2}]\n-\nreplace: blank\nblank:: IA==\n-\ndelete: gone\n-\n\n"
    );
    assert!(change.to_string().lines().all(|line| line.len() <= 76));
}

mod properties {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, rng_seed: RngSeed::Fixed(0x504F_4C46), failure_persistence: None, ..ProptestConfig::default() })]

        /// Any text stands in a change, and comes back: what is not plain in Base64, what is long in folds.
        #[test]
        fn a_written_value_is_read_again(value in "\\PC{0,120}|[ -~]{60,200}") {
            let mut change = Modification::of(&dn());
            change.replace("cn", &value);
            // The lines of a change, without those that say so, are those of an entry.
            let text = change.to_string().replace("changetype: modify\nreplace: cn\n", "").replace("\n-\n", "\n");
            let entry = one(&text);
            prop_assert_eq!(entry.text("cn"), Some(value));
            prop_assert_eq!(entry.dn, dn());
        }

        #[test]
        fn no_file_is_too_odd_to_be_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(dn: x|cn|:|::|<| |#|\n|\r|a=b,|=){0,40}") {
            let _ = Snapshot::parse(&bytes);
            if let Ok(snapshot) = Snapshot::parse(text.as_bytes()) {
                prop_assert!(!snapshot.entries().is_empty());
            }
        }

        #[test]
        fn bytes_come_back_from_base64(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(base64::decode(&base64::encode(&bytes)), Some(bytes));
        }
    }
}
