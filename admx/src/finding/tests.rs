use super::*;

#[test]
fn a_finding_reads_like_a_compiler_message() {
    let finding = Finding::new(Code::STRING, Path::new("a.admx"), "m".into());
    assert_eq!(finding.to_string(), "a.admx: ADMX003: m");
    let finding = finding.place(Some(Place { line: 3, column: 9 }));
    assert_eq!(finding.to_string(), "a.admx:3:9: ADMX003: m");
    assert!(Severity::Error > Severity::Note);
}
