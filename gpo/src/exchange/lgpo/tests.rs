use super::*;

fn action(line: &str) -> Result<(ValueType, Vec<u8>), String> {
    let text = format!("Computer\r\nSoftware\\X\r\nA\r\n{line}\r\n");
    let entries = parse(&text).map_err(|e| e.to_string())?;
    let record = entries[0].record.as_ref();
    Ok((record.value_type, record.data.to_vec()))
}

#[test]
fn actions_build_what_lgpo_builds() {
    for (line, value_type, data) in [
        ("DWORD:010", ValueType::DWORD, vec![10, 0, 0, 0]),
        ("DWORD:0xFFFFFFFF", ValueType::DWORD, vec![255; 4]),
        ("QWORD:0xFFFFFFFFFFFFFFFF", ValueType::QWORD, vec![255; 8]),
        (r"SZ:a\r\n\\ \t\", ValueType::SZ, wide("a\r\n\\ \\t\\\0")),
        (r"MULTISZ:a\0b", ValueType::MULTI_SZ, wide("a\0b\0\0")),
        (r"MULTISZ:a\\0b", ValueType::MULTI_SZ, wide("a\\0b\0\0")),
        (r"MULTISZ:", ValueType::MULTI_SZ, wide("\0\0")),
        ("BINARY:01, ff,2", ValueType::BINARY, vec![1, 255, 2]),
        ("BINARY:", ValueType::BINARY, vec![]),
        ("DELETE", ValueType::SZ, wide(" \0")),
    ] {
        assert_eq!(action(line), Ok((value_type, data)), "{line}");
    }
}

#[test]
fn what_lgpo_refuses_or_mangles_is_refused_with_its_line() {
    for (line, why) in [
        ("DWORD:", "line 4: \"\" is not a number"),
        ("DWORD:abc", "line 4: \"abc\" is not a number"),
        ("DWORD:-1", "line 4: -1 does not fit REG_DWORD; LGPO.exe would silently write the number modulo 4294967296"),
        (
            "DWORD:4294967296",
            "line 4: 4294967296 does not fit REG_DWORD; LGPO.exe would silently write the number modulo 4294967296",
        ),
        ("dword:1", "line 4: unknown action \"dword:1\""),
        ("delete", "line 4: unknown action \"delete\""),
    ] {
        assert_eq!(action(line), Err(why.to_owned()), "{line}");
    }
    assert!(action("BINARY:zz").unwrap_err().starts_with("line 4: \"zz\" is not a byte"));
    assert!(action("CLEAR").unwrap_err().starts_with("line 4: CLEAR"));
    let why = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(why("  \r\n"), "line 1: expected \"Computer\" or \"User\", found \"  \"");
    assert_eq!(why("Computer\n\nA\nDWORD:1\n"), "line 2: no registry key");
    assert_eq!(why("Computer\nK\nA\n"), "line 4: the text ends inside the entry; the action is missing");
}

#[test]
fn a_text_of_an_older_lgpo_has_its_backslashes_as_they_stand() {
    let text = |lines: &[&str]| -> String { lines.iter().map(|line| format!("Computer\nK\nA\n{line}\n\n")).collect() };
    for (lines, line, expected) in [
        (&[r"SZ:C:\x\rar.exe", r"SZ:\\srv\n"][..], Some(4), &[r"C:\x\rar.exe", r"\\srv\n"][..]),
        (&[r"SZ:C:\\rar.exe", r"SZ:a\x"], None, &[r"C:\rar.exe", r"a\x"]),
        (&[r"SZ:a\r", r"SZ:b"], None, &["a\r", "b"]),
        (&[r"SZ:a\t"], None, &[r"a\t"]),
    ] {
        let text = text(lines);
        assert_eq!(unescaped_line(&text), line, "{text}");
        let values: Vec<_> = parse(&text).unwrap().iter().map(|e| e.record.as_ref().value().unwrap()).collect();
        let expected: Vec<_> = expected.iter().map(|text| Value::from(*text)).collect();
        assert_eq!(values, expected, "{text}");
    }
    // Between texts of a list, the separator is one in either.
    let entries = parse(&text(&[r"MULTISZ:C:\r\x\0\\srv\n"])).unwrap();
    let list = Value::MultiSz(vec![r"C:\r\x".into(), r"\\srv\n".into()]);
    assert_eq!(entries[0].record.as_ref().value().unwrap(), list);
}

#[test]
fn every_scope_is_known() {
    let scopes: Vec<Scope> = parse("user\nK\nA\nDELETE\nUser:Administrators\nK\nA\nDELETE\n")
        .unwrap()
        .into_iter()
        .map(|e| e.scope)
        .collect();
    assert_eq!(scopes, [Scope::User, Scope::UserOf("Administrators".into())]);
}

#[test]
fn what_the_text_cannot_say_is_a_comment_and_is_named() {
    let records = [
        Record::new("K".into(), "**soft.x".into(), ValueType::SZ, wide("a\0")).unwrap(),
        Record::new("K".into(), "a\nb".into(), ValueType::SZ, wide("a\0")).unwrap(),
        Record::new("K".into(), "short".into(), ValueType::DWORD, vec![1]).unwrap(),
        Record::new("K".into(), "open".into(), ValueType::SZ, wide("a")).unwrap(),
        Record::new("K".into(), "".into(), ValueType::SZ, wide("default\0")).unwrap(),
    ];
    let file: polfile::PolicyFile = records.iter().map(Record::as_ref).collect();
    let Written { text, losses } = write(&[Scoped { scope: Scope::User, file: &file }], "x.pol", &[]);
    let named: Vec<_> = losses.iter().map(|u| (u.record, u.written, u.why.as_str())).collect();
    assert_eq!(
        named,
        [
            (0, false, "Directive set-if-missing"),
            (1, false, "The value name holds a line end"),
            (2, false, "REG_DWORD with 1 byte of data; it must have 4"),
            (3, true, "REG_SZ with 2 bytes of data comes back as REG_SZ with 4"),
        ]
    );
    let again = parse(&text).unwrap();
    let names: Vec<String> = again.iter().map(|e| e.record.as_ref().value_name.to_string()).collect();
    assert_eq!(names, ["open", ""]);
}
