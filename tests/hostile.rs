//! Files and trees that are made to hold a reader up, to use up its memory, or to lead it elsewhere.
//!
//! Each run has a deadline and, where something endless is there to be read, little memory: a reader that is held up or
//! filled up fails the test.

use std::fs;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fixtures::PolBuilder;

#[cfg(target_os = "linux")]
use crate::bench::COMPUTER_POL;
use crate::bench::{Run, TestDir, parse};
use crate::store::KEY;

const HEAD: &str = "apiVersion: gpol/v1\nkind: PolicySet\n";
const A: &str = "{AAAAAAAA-016D-11D2-945F-00C04FB984F9}";
#[cfg(unix)]
const B: &str = "{BBBBBBBB-016D-11D2-945F-00C04FB984F9}";

/// How long a run may take, on a slow and busy machine; those that are held up take for ever.
const DEADLINE: Duration = Duration::from_secs(100);

/// A run that ends by itself.
#[track_caller]
fn ended(mut command: Command) -> Run {
    fn all(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).expect("what the program prints");
            bytes
        })
    }
    let words = format!("{:?}", command.get_args());
    let mut child: Child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let (out, err) = (all(child.stdout.take().expect("a pipe")), all(child.stderr.take().expect("a pipe")));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("its status") {
            break status;
        }
        if start.elapsed() > DEADLINE {
            child.kill().expect("it can be ended");
            panic!("{words} does not end");
        }
        thread::sleep(Duration::from_millis(5));
    };
    Run { status: status.code(), out: out.join().expect("it is read"), err: err.join().expect("it is read") }
}

#[track_caller]
fn run(dir: &TestDir, words: &[&str]) -> Run {
    ended(dir.command(words.iter().copied()))
}

/// As [`run`], with little memory.
#[cfg(target_os = "linux")]
#[track_caller]
fn run_in_little_memory(dir: &TestDir, words: &[&str], stdin: Option<&str>) -> Run {
    let gpol = dir.command(words.iter().copied());
    let mut command = dir.command(["-c", "ulimit -v 4000000; exec \"$@\"", "sh"]);
    command = {
        let mut shell = Command::new("sh");
        shell.args(command.get_args()).arg(gpol.get_program()).args(gpol.get_args());
        shell.current_dir(dir.path(""));
        for (name, value) in gpol.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    };
    match stdin {
        Some(path) => command.stdin(File::open(path).expect("a device")),
        None => command.stdin(Stdio::null()),
    };
    ended(command)
}

/// What stands where a file should, and what people call it.
#[cfg(target_os = "linux")]
const NO_FILES: [(&str, &str); 4] =
    [("pipe", "a pipe"), ("to-pipe", "a pipe"), ("to-zero", "a device"), ("to-urandom", "a device")];

/// What is said of a link in a target or a store before it is looked at what it leads to.
#[cfg(target_os = "linux")]
const OUT: &str = "is a link that leads out of the ";

/// Puts one of them there.
#[cfg(target_os = "linux")]
fn put(dir: &TestDir, what: &str, place: &str) {
    use std::os::unix::fs::symlink;
    let path = dir.path(place);
    fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
    drop(fs::remove_file(&path));
    let pipe = |path: &std::path::Path| {
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).expect("a pipe");
    };
    match what {
        "pipe" => pipe(&path),
        "to-pipe" => {
            let pipe_beside = path.with_extension("pipe");
            if !pipe_beside.exists() {
                pipe(&pipe_beside);
            }
            symlink(pipe_beside.file_name().expect("a name"), &path).expect("a link");
        }
        "to-zero" => symlink("/dev/zero", &path).expect("a link"),
        _ => symlink("/dev/urandom", &path).expect("a link"),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_is_refused_by_every_command_that_is_pointed_at_it() {
    let dir = TestDir::with("good.pol", PolBuilder::new().dword(KEY, "A", 1).build());
    dir.write_store();
    for (what, called) in NO_FILES {
        put(&dir, what, "bad");
        for words in [
            &["pol", "cat", "bad"][..],
            &["pol", "verify", "bad"],
            &["pol", "stat", "bad"],
            &["recover", "bad", "-o", "out.pol"],
            &["convert", "bad", "-f", "json"],
            &["diff", "bad", "good.pol", "--scope", "computer"],
            &["check", "good.pol", "bad", "--scope", "computer"],
            &["check", "good.pol", "good.pol", "--scope", "computer", "--waivers", "bad"],
            &["plan", "good.pol", "bad", "--scope", "computer"],
            &["hive", "list", "bad"],
            &["show", "good.pol", "--ad", "bad"],
        ] {
            let run = run_in_little_memory(&dir, words, None);
            assert_eq!(run.refused(3), "E0410", "{what}: {words:?}");
            assert!(run.stderr().contains("bad is not read: it is") && run.stderr().contains(called), "{what}: {run}");
        }
        // Nothing that is known, and what a shell hands over is read as it comes.
        assert_eq!(run_in_little_memory(&dir, &["detect", "bad"], None).status, Some(3), "{what}");
    }
    let good = run(&dir, &["pol", "cat", "good.pol"]).ok();
    let mut shell = Command::new("sh");
    shell
        .current_dir(dir.path(""))
        .arg("-c")
        .arg("cat good.pol | \"$0\" pol cat /dev/fd/0")
        .arg(env!("CARGO_BIN_EXE_gpol"));
    assert_eq!(ended(shell).ok(), good);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_costs_a_search_that_one_file_alone() {
    for (what, called) in NO_FILES {
        let dir = TestDir::with_image();
        let good = PolBuilder::new().sz(KEY, "Here", "x").build();
        dir.write(&format!("all/{A}/Machine/Registry.pol"), &good);
        dir.write(&format!("all/{A}/gpt.ini"), "[General]\r\nVersion=1\r\n");
        dir.write(&format!("all/{B}/User/Registry.pol"), &good);
        put(&dir, what, &format!("all/{B}/Machine/Registry.pol"));
        put(&dir, what, &format!("all/{B}/Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf"));
        fs::rename(dir.path("image"), dir.path("all/image")).expect("it moves");
        put(&dir, what, &format!("all/{COMPUTER_POL}"));
        let found =
            run_in_little_memory(&dir, &["search", "value:Here|^Here$", "all", "-f", "json", "--no-admx"], None);
        assert_eq!(found.status, Some(7), "{what}: {found}");
        let found = parse(&found.stdout());
        assert_eq!(found["searched"]["matches"], 2, "{what}: {found}");
        let unreadable = found["unreadable"].as_array().expect("a list");
        assert_eq!(unreadable.len(), 3, "{what}: {unreadable:?}");
        let told = |message: &str| message.contains(called) || message.contains(OUT);
        assert!(unreadable.iter().all(|one| told(one["message"].as_str().unwrap())), "{what}: {unreadable:?}");
        assert!(unreadable[0]["path"].as_str().unwrap().ends_with("Registry.pol"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_in_the_target_itself_holds_no_command_up() {
    for (what, called) in NO_FILES {
        for file in [COMPUTER_POL, crate::bench::GPT_INI] {
            let dir = TestDir::with_image();
            fs::rename(dir.path("image"), dir.path("whole")).expect("it moves");
            fixtures::write_tree(&dir.path("image"), &fixtures::golden_image()).expect("the image is written");
            fs::remove_file(dir.path(file)).expect("it was there");
            put(&dir, what, file);
            for words in [
                &["show", "image"][..],
                &["doctor", "image"],
                &["explain", "image", "TS_USER_AUTHENTICATION_POLICY"],
                &["policy", "get", "image", "TS_USER_AUTHENTICATION_POLICY"],
                &["policy", "set", "image", "TS_USER_AUTHENTICATION_POLICY", "disabled"],
                &["effective", "image"],
                &["diff", "image", "whole"],
                &["check", "whole", "image"],
                &["plan", "image", "whole"],
                &["convert", "image", "-f", "json", "--scope", "computer"],
            ] {
                let run = run_in_little_memory(&dir, words, None);
                // What does not need the file goes on without it; else the error says what stands there.
                let told = run.stderr().contains(called) || run.stderr().contains(" leads out of ");
                let said = run.stdout().contains(called) || run.stdout().contains(" leads out of ");
                let needs_it = file == COMPUTER_POL;
                assert!(told || said || !needs_it, "{what}: {words:?}: {run}");
                assert!(run.status.is_some_and(|status| !needs_it || status != 0), "{what}: {words:?}: {run}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_in_a_gpt_ini_or_backup_is_told_and_the_target_recognised() {
    for (what, called) in NO_FILES {
        let dir = TestDir::new();
        dir.write(&format!("all/{A}/Machine/Registry.pol"), PolBuilder::new().dword(KEY, "A", 1).build());
        put(&dir, what, &format!("all/{A}/gpt.ini"));
        dir.write("all/{B}/DomainSysvol/GPO/Machine/registry.pol", PolBuilder::new().dword(KEY, "A", 1).build());
        put(&dir, what, "all/{B}/bkupInfo.xml");
        let found = parse(&run_in_little_memory(&dir, &["detect", "all", "-f", "json"], None).ok());
        let found = &found["paths"][0];
        assert_eq!(found["gpos"].as_array().expect("a list").len(), 2, "{what}: {found}");
        let findings = found["findings"].as_array().expect("a list");
        assert_eq!(findings.len(), 2, "{what}: {findings:?}");
        let told = |finding: &serde_json::Value| {
            let message = finding["message"].as_str().unwrap();
            // A link is not even followed to see what it leads to.
            let link = what.starts_with("to-") && message.contains(" leads out of ");
            finding["code"] == "GPT018" && (link || message.contains(called))
        };
        assert!(findings.iter().all(told), "{what}: {findings:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_among_templates_or_a_hives_logs_holds_nobody_up() {
    for (what, called) in NO_FILES {
        let dir = TestDir::with("x.pol", PolBuilder::new().build());
        dir.write_store();
        put(&dir, what, "store/Bad.admx");
        put(&dir, what, "store/en-US/Worse.adml");
        fs::copy(dir.path("store/Acme.admx"), dir.path("store/Worse.admx")).expect("a copy");
        let list = run_in_little_memory(&dir, &["admx", "list", "store", "-f", "json"], None);
        let told = list.stdout();
        assert!(
            told.contains("Bad.admx") && (told.contains(called) || told.contains("link that leads out of the store")),
            "{what}: {list}"
        );
        assert!(list.stdout().contains("Worse.adml"), "{what}: {list}");
        let shown = run_in_little_memory(&dir, &["policy", "describe", "Collect", "--admx", "store"], None);
        assert_eq!(shown.status, Some(0), "the others load: {what}: {shown}");
        dir.write("SYSTEM", fixtures::hive::build(5, &fixtures::hive::KeySpec::new("R")).bytes);
        put(&dir, what, "SYSTEM.LOG1");
        let hive = run_in_little_memory(&dir, &["hive", "list", "SYSTEM"], None);
        assert_eq!(hive.refused(3), "E0410", "{what}");
        assert!(hive.stderr().contains("SYSTEM.LOG1"), "{what}: {hive}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn standard_input_that_never_ends_is_read_up_to_a_limit() {
    let dir = TestDir::new();
    for device in ["/dev/zero", "/dev/urandom"] {
        for words in [&["pol", "cat", "-"][..], &["convert", "-", "-f", "json"], &["pol", "verify", "/dev/stdin"]] {
            let run = run_in_little_memory(&dir, words, Some(device));
            assert_eq!(run.refused(4), "E0216", "{device}: {words:?}");
            assert!(run.stderr().contains("gpol reads at most 64 MiB"), "{run}");
        }
    }
}

/// A file that says it is large, and takes no room.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let dir = TestDir::new();
    let sparse = |name: &str, head: &[u8], size: u64| {
        dir.write(name, head);
        File::options().write(true).open(dir.path(name)).expect("it is there").set_len(size).expect("it grows");
    };
    sparse("zeros.pol", b"", 4 << 30);
    sparse("signed.pol", b"PReg\x01\0\0\0", 4 << 30);
    sparse("text.txt", b"Computer\r\n", 4 << 30);
    sparse("hive", b"regf", 3 << 30);
    sparse("state.yaml", HEAD.as_bytes(), 17 << 20);
    sparse("ad.ldif", b"dn: CN=x\n", 4 << 30);
    sparse(&format!("all/{A}/Machine/Registry.pol"), b"PReg\x01\0\0\0", 4 << 30);
    dir.write(&format!("all/{B}/Machine/Registry.pol"), PolBuilder::new().dword(KEY, "Here", 1).build());
    dir.write("x.pol", PolBuilder::new().build());
    for (words, most) in [
        (&["pol", "cat", "zeros.pol"][..], "64 MiB"),
        (&["pol", "cat", "signed.pol"], "512 MiB"),
        (&["convert", "signed.pol", "-f", "json"], "512 MiB"),
        (&["recover", "signed.pol", "-o", "out.pol"], "512 MiB"),
        (&["convert", "text.txt", "-o", "out.pol"], "64 MiB"),
        (&["hive", "list", "hive"], "2 GiB"),
        (&["plan", "x.pol", "state.yaml"], "16 MiB of a state file"),
        (&["show", "x.pol", "--ad", "ad.ldif"], "64 MiB"),
    ] {
        let run = run_in_little_memory(&dir, words, None);
        assert_eq!(run.refused(4), "E0216", "{words:?}");
        assert!(run.stderr().contains(most), "{words:?}: {run}");
    }
    let found = run_in_little_memory(&dir, &["search", "^Here$", "all", "--no-admx"], None);
    assert_eq!(found.status, Some(7), "{found}");
    assert!(found.stdout().contains("1 match in 1 of 2 GPOs") && found.stderr().contains("512 MiB"), "{found}");
}

/// The links of `search-links.sh`: named as GPOs are, to the folder above the one that is searched.
#[cfg(unix)]
#[test]
fn links_count_no_gpo_twice_and_lead_nobody_out_of_the_target() {
    use std::os::unix::fs::symlink;
    let dir = TestDir::new();
    let pol = PolBuilder::new().dword(KEY, "Here", 1).build();
    let policies = "sv/c.com/Policies";
    dir.write(&format!("{policies}/{A}/Machine/Registry.pol"), &pol);
    dir.write(&format!("outside/Policies/{B}/Machine/Registry.pol"), &pol);
    let links = ["{99999992-2C77-4E55-8A0F-5D1B7C93E2A4}", "{99999993-2C77-4E55-8A0F-5D1B7C93E2A4}", "plain"];
    for (count, link) in links.iter().enumerate() {
        let search = ["search", "^Here$", "sv", "--no-admx", "-f", "json"];
        let found = run(&dir, &search);
        assert_eq!(found.status, Some(if count == 0 { 0 } else { 7 }), "{found}");
        let found = parse(&found.stdout());
        assert_eq!((&found["searched"]["gpos"], &found["searched"]["matches"]), (&1.into(), &1.into()), "{found}");
        assert_eq!(found["unreadable"].as_array().expect("a list").len(), count, "each is named: {found}");
        let to = if *link == "plain" { "../../../outside" } else { "../../.." };
        symlink(to, dir.path(&format!("{policies}/{link}"))).expect("a link");
    }
    let found = run(&dir, &["search", "^Here$", "sv", "--no-admx"]);
    for link in links {
        assert!(
            found.stderr().contains(&format!("{policies}/{link}: it is a link that leads out of the target")),
            "{found}"
        );
    }
    let detected = run(&dir, &["detect", "sv", "-f", "json"]);
    assert_eq!(detected.status, Some(7), "{detected}");
    let detected = &parse(&detected.stdout())["paths"][0];
    assert_eq!(detected["gpos"].as_array().expect("a list").len(), 1, "{detected}");
    assert_eq!(detected["unreadable"].as_array().expect("a list").len(), links.len(), "{detected}");
    // A link that is named is what is asked for.
    let asked = run(&dir, &["search", "^Here$", &format!("{policies}/plain"), "--no-admx"]);
    assert!(asked.ok().contains("1 match in 1 of 1 GPO"), "{asked}");
}

#[cfg(unix)]
#[test]
fn templates_behind_links_out_of_the_store_are_not_read() {
    use std::os::unix::fs::symlink;
    let dir = TestDir::with("x.pol", PolBuilder::new().build());
    dir.write_store();
    dir.write("outside/Evil.admx", "<policyDefinitions/>");
    dir.write("outside/fr-FR/Acme.adml", "<policyDefinitionResources/>");
    symlink("../outside/Evil.admx", dir.path("store/Evil.admx")).expect("a link");
    symlink("../outside/fr-FR", dir.path("store/fr-FR")).expect("a link");
    symlink("Acme.admx", dir.path("store/Inside.admx")).expect("a link");
    let list = run(&dir, &["admx", "list", "store", "--lang", "fr-FR", "-f", "json"]);
    for link in ["Evil.admx", "fr-FR"] {
        assert!(list.stdout().contains(link), "{link}: {list}");
    }
    assert_eq!(list.stdout().matches("leads out of the store").count(), 2, "{list}");
    // The one inside is read: it is the same template once more.
    assert!(list.stdout().contains("already that of store/Acme.admx"), "{list}");
}

#[test]
fn a_thousand_nested_folders_are_walked_in_good_time() {
    // Each entry alone could make the folder that it is in a target: none of them does.
    for (name, depth) in [("a", 1000), ("User", 600)] {
        let dir = TestDir::new();
        let depth = if cfg!(windows) { 30 } else { depth };
        let deep = vec![name; depth].join("/");
        fs::create_dir_all(dir.path(&format!("sv/{deep}"))).expect("they are made");
        dir.write(&format!("sv/{A}/Machine/Registry.pol"), PolBuilder::new().dword(KEY, "Here", 1).build());
        let found = run(&dir, &["search", "^Here$", "sv", "--no-admx"]);
        assert!(found.ok().contains("1 match in 1 of 1 GPO"), "{name}: {found}");
        let detected = parse(&run(&dir, &["detect", "sv", "-f", "json"]).ok());
        assert_eq!(detected["paths"][0]["guid"], A, "{name}: {detected}");
        // Deeper than a recursive removal has open files for.
        for depth in (1..=depth).rev() {
            fs::remove_dir(dir.path(&format!("sv/{}", vec![name; depth].join("/")))).expect("it is empty");
        }
    }
}

/// Folders so deep that no path reaches the last of them.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_no_path_reaches_is_told_and_hides_none_of_the_others() {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let dir = TestDir::new();
    dir.write(&format!("sv/{A}/Machine/Registry.pol"), PolBuilder::new().dword(KEY, "Here", 1).build());
    let name = "d".repeat(200);
    let mut folder = openat(rustix::fs::CWD, dir.path("sv"), OFlags::DIRECTORY, Mode::empty()).expect("it opens");
    for _ in 0..25 {
        mkdirat(&folder, &*name, Mode::RWXU).expect("it is made");
        folder = openat(&folder, &*name, OFlags::DIRECTORY, Mode::empty()).expect("it opens");
    }
    let found = run(&dir, &["search", "^Here$", "sv", "--no-admx"]);
    assert_eq!(found.status, Some(7), "{found}");
    assert!(found.stdout().contains("1 match in 1 of 1 GPO") && found.stderr().contains("too long"), "{found}");
    let detected = run(&dir, &["detect", "sv", "-f", "json"]);
    assert_eq!(detected.status, Some(7), "{detected}");
}

/// Each file extends the next one twice: 2^40 ways to the last.
#[test]
fn a_state_file_is_read_once_however_often_it_is_extended() {
    let dir = TestDir::with("x.pol", PolBuilder::new().build());
    for level in 0..40 {
        dir.write(&format!("d{level}.yaml"), format!("{HEAD}extends: [d{0}.yaml, ./d{0}.yaml]\n", level + 1));
    }
    dir.write("d40.yaml", format!("{HEAD}computer: {{registry: [{{key: {KEY}, value: V, type: dword, data: 1}}]}}\n"));
    for command in ["plan", "check"] {
        let once = parse(&run(&dir, &[command, "x.pol", "d40.yaml", "-f", "json"]).expect(1));
        let often = parse(&run(&dir, &[command, "x.pol", "d0.yaml", "-f", "json"]).expect(1));
        assert_eq!(often["changes"], once["changes"]);
        assert_eq!(often["findings"], once["findings"]);
    }
    // A chain is followed so far and no further.
    for level in 0..200 {
        dir.write(&format!("c{level}.yaml"), format!("{HEAD}extends: [c{}.yaml]\n", level + 1));
    }
    let chain = run(&dir, &["plan", "x.pol", "c0.yaml"]);
    assert_eq!(chain.refused(4), "E0214");
    assert!(chain.stderr().contains("more than 64 files"), "{chain}");
}

#[test]
fn of_two_files_that_extend_a_third_the_later_one_wins() {
    let dir = TestDir::with("x.pol", PolBuilder::new().build());
    let value = |data: u32| format!("computer: {{registry: [{{key: {KEY}, value: V, type: dword, data: {data}}}]}}\n");
    dir.write("base.yaml", format!("{HEAD}{}", value(1)));
    dir.write("over.yaml", format!("{HEAD}extends: [base.yaml]\n{}", value(2)));
    dir.write("same.yaml", format!("{HEAD}extends: [base.yaml]\n"));
    // The last word is that of the base, which the second file brings in behind the first.
    for (order, data) in [("over.yaml, same.yaml", 1), ("same.yaml, over.yaml", 2)] {
        dir.write("top.yaml", format!("{HEAD}extends: [{order}]\n"));
        let plan = parse(&run(&dir, &["plan", "x.pol", "top.yaml", "-f", "json"]).expect(1));
        assert_eq!(plan["changes"][0]["record"]["right"]["value"], data, "{order}: {plan}");
    }
}

const SECRET: &str = "root:x:0:0:canary";

#[test]
fn a_state_file_extends_nothing_outside_of_its_folder_unless_that_is_allowed() {
    let dir = TestDir::with("x.pol", PolBuilder::new().build());
    let value = format!("computer: {{registry: [{{key: {KEY}, value: V, type: dword, data: 1}}]}}\n");
    dir.write("base.yaml", format!("{HEAD}{value}"));
    dir.write("secret.yaml", SECRET);
    dir.write("repo/sub/up.yaml", format!("{HEAD}extends: [../inside.yaml]\n"));
    dir.write("repo/inside.yaml", format!("{HEAD}{value}"));
    dir.write("repo/fine.yaml", format!("{HEAD}extends: [sub/up.yaml]\n"));
    run(&dir, &["plan", "x.pol", "repo/fine.yaml"]).expect(1);
    #[cfg(unix)]
    std::os::unix::fs::symlink("../base.yaml", dir.path("repo/link.yaml")).expect("a link");
    let absolute = dir.path("base.yaml").display().to_string().replace('\\', "/");
    let mut outside = vec!["../base.yaml", "sub/../../base.yaml", &absolute];
    outside.extend(cfg!(unix).then_some("link.yaml"));
    for name in outside {
        dir.write("repo/top.yaml", format!("{HEAD}extends: [{name:?}]\n"));
        for command in [&["plan", "x.pol"][..], &["apply", "x.pol", "-n"], &["check", "x.pol"]] {
            let words = [command, &["repo/top.yaml"]].concat();
            let refused = run(&dir, &words);
            assert_eq!(refused.refused(5), "E0217", "{name}: {words:?}");
            let message = refused.stderr();
            assert!(message.contains("repo/top.yaml:3") && message.contains("--allow-outside"), "{refused}");
            run(&dir, &[&words[..], &["--allow-outside"]].concat()).expect(1);
        }
    }
    // Not even whether something is there is told.
    for name in ["../secret.yaml", "../gone.yaml"] {
        dir.write("repo/top.yaml", format!("{HEAD}extends: [{name}]\n"));
        let refused = run(&dir, &["plan", "x.pol", "repo/top.yaml"]);
        assert_eq!(refused.refused(5), "E0217", "{name}");
        assert!(!refused.stderr().contains("canary"), "{refused}");
    }
}

/// What a link in a pull request could lead to.
#[test]
fn nothing_of_a_file_that_is_no_state_file_is_quoted() {
    let dir = TestDir::with("x.pol", PolBuilder::new().build());
    let texts = [
        SECRET.to_owned(),
        format!("{{\"canary\": {SECRET}"),
        format!("[{{\"canary\" {SECRET}"),
        format!("<PolicyRules>{SECRET}"),
        format!("REGEDIT4\n{SECRET}\n"),
        format!("Computer\nK\nV\n{SECRET}\n"),
        format!("PReg\x01\0\0\0{SECRET}"),
    ];
    for text in texts {
        dir.write("theirs", &text);
        dir.write("top.yaml", format!("{HEAD}extends: [theirs]\n"));
        let refused = run(&dir, &["plan", "x.pol", "top.yaml"]);
        assert_eq!(refused.refused(4), "E0214", "{text}");
        assert!(refused.stderr().contains("top.yaml, line 3"), "{refused}");
        assert!(!refused.stderr().contains("canary"), "{text}: {refused}");
    }
    dir.write("named.yaml", SECRET);
    for command in ["plan", "check", "diff"] {
        let refused = run(&dir, &[command, "x.pol", "named.yaml"]);
        assert_eq!(refused.refused(4), "E0214", "{command}");
        assert!(!refused.stderr().contains("canary"), "{refused}");
    }
}
