//! Administrators' comments: written beside a policy, shown with it, and never in the way of it.

use crate::bench::{NLA, TestDir, parse};

const COMMENTS: &str = "image/Windows/System32/GroupPolicy/Machine/comment.cmtx";

#[test]
fn a_comment_is_written_shown_and_taken_out_again() {
    let dir = TestDir::with_image();
    let text = "CHG0041277: \"KB 4555446\" <AadLogonFailure> & more";
    let set = parse(&dir.run(["policy", "set", "image", NLA, "disabled", "--comment", text, "-f", "json"]).ok());
    let kinds: Vec<&str> = set["files"]
        .as_array()
        .expect("the contract's shape")
        .iter()
        .map(|f| f["what"].as_str().expect("the contract's shape"))
        .collect();
    assert_eq!(kinds, ["policy-file", "comments", "gpt-ini"]);
    assert_eq!(set["comment"]["after"], text);

    let written = dir.text(COMMENTS);
    assert!(written.contains("&lt;AadLogonFailure"), "{written}");
    for command in [["policy", "get", "image", NLA], ["explain", "image", NLA, "--lang=en-US"]] {
        let document = parse(&dir.run(command.into_iter().chain(["-f", "json"])).ok());
        assert_eq!(document["policy"]["comment"], text);
    }
    let shown = parse(&dir.run(["show", "image", "-f", "json"]).ok());
    let policies = shown["sides"][0]["policies"].as_array().expect("the contract's shape");
    let commented: Vec<_> = policies.iter().filter(|p| !p["comment"].is_null()).collect();
    assert_eq!((commented.len(), commented[0]["name"].as_str()), (1, Some(NLA)));

    let before = dir.state();
    let again = dir.run(["policy", "set", "image", NLA, "disabled", "--comment", text]).ok();
    assert!(again.starts_with("Nothing to do"), "{again}");
    assert_eq!(dir.state(), before, "not even a timestamp");

    dir.run(["policy", "set", "image", NLA, "disabled", "--comment", ""]).ok();
    let get = parse(&dir.run(["policy", "get", "image", NLA, "-f", "json"]).ok());
    assert!(get["policy"]["comment"].is_null());
}

#[test]
fn a_comment_alone_raises_no_version() {
    let dir = TestDir::with_image();
    let gpt_ini = "image/Windows/System32/GroupPolicy/gpt.ini";
    let before = dir.read(gpt_ini);
    let set = parse(&dir.run(["policy", "set", "image", NLA, "enabled", "--comment", "as it was", "-f", "json"]).ok());
    assert!(set["version"].is_null());
    assert_eq!(dir.read(gpt_ini), before);
}

#[test]
fn a_broken_file_of_comments_hides_no_policy_and_is_not_written_over() {
    let dir = TestDir::with_image();
    dir.write(COMMENTS, "<policyComments>");
    let shown = parse(&dir.run(["show", "image", "-f", "json"]).ok());
    assert_eq!(shown["sides"][0]["policies"].as_array().expect("the contract's shape").len(), 4);
    assert!(shown["sides"][0]["comments_error"].as_str().expect("the contract's shape").contains("comment.cmtx"));
    let before = dir.state();
    let refused = dir.run(["policy", "set", "image", NLA, "disabled", "--comment", "x"]);
    assert_eq!(refused.refused(4), "E0222");
    assert_eq!(dir.state(), before);
}

#[test]
fn a_bare_policy_file_has_no_place_for_comments() {
    let dir = TestDir::with("Registry.pol", b"PReg\x01\0\0\0");
    let refused = dir.run(["policy", "set", "Registry.pol", NLA, "disabled", "--comment", "x"]);
    assert_eq!(refused.refused(2), "E0307");
}
