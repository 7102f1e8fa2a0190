//! Secrets stay where they are: two canaries in every place where a secret can be, looked for in all that every command
//! says in every format. Commands and formats are those that the program itself lists, so that a new one is tried, or missed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fixtures::{GptIni, PolBuilder};
use serde_json::json;

use crate::bench::TestDir;
use crate::help::commands;

/// What is planted; the second where two sides shall differ.
const CANARIES: [&str; 2] = ["Zq7Xuvjwqk9x", "Wk4Ymzqodj3y"];
const WINLOGON: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon";
const VAULT: &str = r"Software\Policies\Acme\Vault";
const SNMP: &str = r"SYSTEM\CurrentControlSet\Services\SNMP\Parameters\ValidCommunities";

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |n: u32| char::from(DIGITS[(n & 63) as usize]);
    let groups = bytes.chunks_exact(3).map(|b| u32::from_be_bytes([0, b[0], b[1], b[2]]));
    groups.flat_map(|n| [digit(n >> 18), digit(n >> 12), digit(n >> 6), digit(n)]).collect()
}

/// The forms in which any three letters in a row of a canary may come out, without what may stand between their signs.
fn forms() -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    for canary in CANARIES {
        for start in 0..canary.len() - 4 {
            let (text, longer) = (&canary[start..start + 3], &canary[start..start + 5]);
            let turned: Vec<u8> = wide(text).chunks(2).flat_map(|unit| [unit[1], unit[0]]).collect();
            forms.extend([hex(&wide(text)), hex(&turned), hex(longer.as_bytes())]);
            forms.insert(longer.to_lowercase());
            forms.insert(longer.chars().rev().collect::<String>().to_lowercase());
            // Whole groups of three bytes do not depend on what stands around them.
            forms.extend([base64(&wide(text)), base64(&longer.as_bytes()[..3])].map(|text| format!("base64 {text}")));
        }
    }
    forms
}

/// What of a canary a text shows.
fn shown(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let solid: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_lowercase();
    forms().into_iter().find(|form| match form.strip_prefix("base64 ") {
        Some(form) => text.contains(form),
        None => solid.contains(&**form),
    })
}

/// Notes where a canary is shown.
fn look(what: &str, bytes: &[u8], shows: &mut Vec<String>) {
    if let Some(form) = shown(bytes) {
        shows.push(format!("{what}, as {form}:\n{}", String::from_utf8_lossy(bytes)));
    }
}

/// A policy file with the canary in data of every kind, under names and keys of every kind.
fn planted(canary: &str) -> PolBuilder {
    let text = wide(&format!("{canary}\0"));
    let acme = r"Software\Acme";
    PolBuilder::new()
        .dword(acme, "Level", 3)
        .sz(WINLOGON, "DefaultPassword", canary)
        .sz(WINLOGON, "**soft.AltDefaultPassword", canary)
        .expand_sz(acme, "ProxyPwd", canary)
        .multi_sz(acme, "Passwords", &["first", canary])
        .binary(acme, "VncPasswd", canary.as_bytes())
        .binary(acme, "Secret", &text)
        .record(acme, "NonePassword", 0, &text)
        .record(acme, "LinkPassword", 6, &text)
        .record(acme, "OddPassword", 0x42, canary.as_bytes())
        .record(acme, "WrongPassword", 4, &text)
        .record(acme, "OpenPassword", 1, &text[..text.len() - 2])
        .record(acme, "HalfPassword", 1, &text[..text.len() - 1])
        .sz(acme, "NulPassword", &format!("a\0{canary}"))
        .sz(acme, "ManyPassphrase", &format!("tab\tline\n\"{canary}\", \u{202e}"))
        .sz(acme, "**del.OldPassword", canary)
        .sz(acme, "**unknown.Password", canary)
        .sz(r"Software\Acme\Credentials", "", canary)
        .sz(SNMP, "**DeleteValues", canary)
        .sz(r"Software\Policies\SNMP\Parameters\ValidCommunities", "1", canary)
        .dword(SNMP, canary, 4)
        .sz(SNMP, &format!("**del.{canary}"), " ")
        .sz(VAULT, "ProxyPassword", canary)
        .multi_sz(VAULT, "Passphrases", &[canary, "x"])
        .sz(&format!(r"{VAULT}\Secrets"), "1", canary)
        .sz(&format!(r"{VAULT}\Credentials"), "mail", canary)
        .dword(VAULT, "On", 1)
}

const ADMX: &str = r#"<policyDefinitions revision="1.0" schemaVersion="1.0"
    xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <policyNamespaces><target prefix="acme" namespace="Acme.Vault" /></policyNamespaces>
  <resources minRequiredRevision="1.0" />
  <categories><category name="Acme" displayName="$(string.Acme)" /></categories>
  <policies>
    <policy name="Vault" class="Both" displayName="$(string.Vault)" explainText="$(string.Vault)"
        presentation="$(presentation.Vault)" key="Software\Policies\Acme\Vault" valueName="On">
      <parentCategory ref="Acme" /><supportedOn ref="windows:SUPPORTED_Windows7" />
      <enabledValue><decimal value="1" /></enabledValue><disabledValue><decimal value="0" /></disabledValue>
      <elements>
        <text id="One" valueName="ProxyPassword" maxLength="40" />
        <multiText id="Two" valueName="Passphrases" />
        <list id="Three" key="Software\Policies\Acme\Vault\Secrets" valuePrefix="" />
        <list id="Four" key="Software\Policies\Acme\Vault\Credentials" explicitValue="true" />
      </elements>
    </policy>
  </policies>
</policyDefinitions>"#;

const ADML: &str = r#"<policyDefinitionResources revision="1.0" schemaVersion="1.0"
    xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <displayName>Acme</displayName><description>Acme</description>
  <resources>
    <stringTable><string id="Acme">Acme</string><string id="Vault">Vault of Acme</string></stringTable>
    <presentationTable><presentation id="Vault">
      <textBox refId="One"><label>First:</label></textBox><multiTextBox refId="Two" />
      <listBox refId="Three">Third</listBox><listBox refId="Four">Fourth</listBox>
    </presentation></presentationTable>
  </resources>
</policyDefinitionResources>"#;

fn preferences(canary: &str) -> String {
    let item = |name: &str, kind: &str, value: &str| {
        format!(
            r#"<Registry clsid="{{9CD4B2F4-923D-47f5-A062-E897DD1DAD50}}" name="{name}"><Properties action="U" default="0"
 hive="HKEY_LOCAL_MACHINE" key="SOFTWARE\Acme" name="{name}" type="{kind}" value="{value}"/></Registry>"#
        )
    };
    let items = [item("DefaultPassword", "REG_SZ", canary), item("VncPassword", "REG_BINARY", &hex(canary.as_bytes()))];
    format!(
        r#"<?xml version="1.0"?><RegistrySettings clsid="{{A3CCFC41-DFDB-43a5-8D26-0FE8B954DA51}}">{}</RegistrySettings>"#,
        items.concat()
    )
}

fn security(canary: &str) -> String {
    let split: Vec<String> = canary.chars().map(String::from).collect();
    format!(
        "[Unicode]\r\nUnicode=yes\r\n[Registry Values]\r\nMACHINE\\{WINLOGON}\\DefaultPassword=1,\"{canary}\"\r\n\
         MACHINE\\Software\\Acme\\Passwords=7,{}\r\n[Version]\r\nsignature=\"$CHICAGO$\"\r\n",
        split.join(",")
    )
}

/// Two GPOs, their policy files alone, damaged ones, texts of all formats, an image, and the templates.
fn bench() -> TestDir {
    let dir = TestDir::with_image();
    for (gpo, canary) in ["a", "b"].into_iter().zip(CANARIES) {
        let bytes = planted(canary).build();
        dir.write(&format!("{gpo}/gpt.ini"), GptIni::new().version(1, 1).build());
        dir.write(&format!("{gpo}/Machine/Registry.pol"), &bytes);
        dir.write(&format!("{gpo}/User/Registry.pol"), &bytes);
        dir.write(&format!("{gpo}/Machine/Preferences/Registry/Registry.xml"), preferences(canary));
        dir.write(&format!("{gpo}/Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf"), security(canary));
        dir.write(&format!("{gpo}.pol"), &bytes);
        // Damage in a secret, before one, and behind one.
        let at = bytes.windows(2 * canary.len()).position(|found| found == wide(canary)).expect("it is planted");
        for (n, offset) in [at + 4, at - 8, at + 2 * canary.len() + 2].into_iter().enumerate() {
            let mut broken = bytes.clone();
            broken.splice(offset..offset, [b'X']);
            dir.write(&format!("{gpo}{n}.broken"), broken);
        }
        dir.write(&format!("{gpo}.cut"), &bytes[..at + 8]);
    }
    dir.write("base.pol", planted("nothing to hide").build());
    dir.write("empty.pol", PolBuilder::new().build());
    dir.write("store/Vault.admx", ADMX);
    dir.write("store/en-US/Vault.adml", ADML);
    let canary = CANARIES[0];
    for (name, text) in [
        (
            "bad.reg",
            format!(
                "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\Software\\Acme]\n\"Password\"=\"{canary}\" {canary}\n"
            ),
        ),
        (
            "bad2.reg",
            format!(
                "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\Software\\Acme]\n\"Password\"=dword:{canary}\n"
            ),
        ),
        (
            "bad3.reg",
            format!(
                "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\Software\\Acme]\n\"Password\"=hex:{canary}\n"
            ),
        ),
        ("bad.txt", format!("Computer\nSoftware\\Acme\nPassword\nSS:{canary}\n")),
        ("bad2.txt", format!("Computer\nSoftware\\Acme\nPassword\n\nSZ:{canary}\n\n")),
        ("bad3.txt", format!("Computer\nSoftware\\Acme\nPassword\nBINARY:{canary}\n")),
        ("bad4.txt", format!("Computer\nSoftware\\Acme\nPassword\nDWORD:{canary}\n")),
        (
            "bad.PolicyRules",
            format!(
                "<PolicyRules><ComputerConfig><Key>Software\\Acme</Key><Value>Password</Value><RegType>REG_BINARY</RegType><RegData>{canary}</RegData></ComputerConfig></PolicyRules>"
            ),
        ),
        (
            "bad2.PolicyRules",
            format!(
                "<PolicyRules><ComputerConfig><Key>Software\\Acme</Key><Value>Password</Value><RegType>REG_DWORD</RegType><RegData>{canary}</RegData></ComputerConfig></PolicyRules>"
            ),
        ),
        (
            "bad.yaml",
            format!(
                "apiVersion: gpol/v1\nkind: PolicySet\ncomputer:\n  records:\n  - key: Software\\Acme\n    value: Password\n    type: dword\n    data: {canary}\n"
            ),
        ),
        (
            "bad2.yaml",
            format!(
                "apiVersion: gpol/v1\nkind: PolicySet\ncomputer:\n  policies:\n  - policy: Vault\n    state: enabled\n    elements: {{One: {canary}{canary}{canary}{canary}}}\n"
            ),
        ),
        (
            "bad.json",
            format!(
                r#"{{"schema": "gpol.records/1", "records": [{{"key": "K", "value_name": "Password", "type": "REG_SZ", "value": null, "raw": "{canary}"}}]}}"#
            ),
        ),
        (
            "bad2.json",
            format!(
                r#"{{"schema": "gpol.records/1", "records": [{{"key": "K", "value_name": "Password", "index": "{canary}", "type": "REG_SZ", "value": ""}}]}}"#
            ),
        ),
        (
            "samba.json",
            format!(
                r#"[{{"keyname": "K", "valuename": "Password", "class": "MACHINE", "type": "REG_BINARY", "data": "{canary}"}}]"#
            ),
        ),
        ("bad.xml", preferences(canary).replace(&hex(canary.as_bytes()), canary)),
        ("bad2.xml", preferences(canary).replace("REG_BINARY", "REG_DWORD")),
    ] {
        dir.write(name, text);
    }
    let toml = format!(
        "apiVersion = 'gpol/v1'\nkind = 'PolicySet'\n[[computer.records]]\nkey = 'K'\nvalue = 'Password'\ndata = {canary}\n"
    );
    dir.write("bad.toml", toml);
    dir
}

/// Command lines of every command that handles policy; the format is added. A line of words, `|` between arguments that hold blanks.
const LINES: &[(&str, &[&str])] = &[
    (
        "show",
        &[
            "a --admx store",
            "a --records",
            "a --registry --admx store",
            "a --no-admx",
            "a.pol",
            "a0.broken",
            "a1.broken",
            "a2.broken",
            "a.cut",
        ],
    ),
    (
        "explain",
        &[
            "a Vault --admx store --scope computer",
            "a HKLM\\Software\\Policies\\Acme\\Vault!ProxyPassword --admx store --scope computer",
            "a HKLM\\Software\\Acme!ProxyPwd",
            "a HKLM\\Software\\Acme!Passwords",
            "a HKLM\\Software\\Acme!VncPasswd",
            "a HKCU\\Software\\Acme!NonePassword",
            "a HKLM\\SYSTEM\\CurrentControlSet\\Services\\SNMP\\Parameters\\ValidCommunities!CANARY",
        ],
    ),
    (
        "search",
        &[
            "password a b --admx store",
            "Vault a --admx store",
            "--data . a",
            "HKLM\\Software\\Acme a",
            "ValidCommunities a",
            "password a0.broken",
        ],
    ),
    ("effective", &["a b --admx store", "a b --only conflicts", "a b --policy Vault --admx store", "a b --no-admx"]),
    ("detect", &["a", "a.pol", "a0.broken"]),
    ("diagnose", &["image AadLogonFailure"]),
    ("doctor", &["a", "image"]),
    (
        "plan",
        &[
            "a b.yaml --admx store",
            "a b.pol --scope computer",
            "image a.yaml --admx store",
            "image bad.yaml",
            "a b.pol --scope computer --prune",
        ],
    ),
    (
        "diff",
        &[
            "a b --admx store",
            "a.pol b.pol --scope computer",
            "a.pol b.pol --base base.pol --scope computer --admx store",
            "a a --only same --admx store",
            "a b --by record",
            "a0.broken b.pol",
            "a.reg b",
        ],
    ),
    (
        "check",
        &[
            "a b --admx store",
            "a b.yaml --admx store",
            "a empty.pol --exact --scope computer",
            "a.pol b.pol --scope computer",
            "a b0.broken",
        ],
    ),
    ("policy list", &["a --admx store", "--admx store"]),
    ("policy search", &["vault --admx store"]),
    (
        "policy get",
        &[
            "a Vault --admx store --scope computer",
            "a HKLM\\SYSTEM\\CurrentControlSet\\Services\\SNMP\\Parameters\\ValidCommunities!CANARY",
        ],
    ),
    ("policy describe", &["Vault --admx store --scope computer"]),
    (
        "policy set",
        &[
            "copy Vault enabled One=CANARY Three[]=CANARY Four[mail]=CANARY --admx store --scope computer --dry-run",
            "copy Vault enabled One=CANARY Three[]=CANARY Four[mail]=CANARY --admx store --scope computer",
            "copy Vault enabled First=CANARY --admx store --scope user",
            "copy Vault enabled One=CANARY --admx store",
            "copy Vault enabled One=CANARYCANARYCANARYCANARYCANARY --admx store --scope computer",
            "copy Vault enabled One=CANARY One=CANARY Nine=1 --admx store --scope computer",
            "copy Vault enabled CANARY --admx store --scope computer",
            "copy Vault disabled One=CANARY --admx store --scope computer",
        ],
    ),
    (
        "policy unset",
        &["copy Vault --admx store --scope computer --dry-run", "copy Vault --admx store --scope computer"],
    ),
    ("apply", &["copy b.yaml --admx store --dry-run", "copy b.yaml --admx store", "copy a.pol --scope computer"]),
    ("history", &["copy"]),
    ("undo", &["copy --dry-run", "copy"]),
    ("redo", &["copy --dry-run", "copy"]),
    ("gpo bump", &["copy --dry-run"]),
    ("git textconv", &["a.pol", "a0.broken", "a1.broken", "a2.broken", "a.cut", "bad.reg"]),
    ("git merge", &["base.pol mine.pol b.pol", "base.pol mine.pol b0.broken"]),
    ("admx list", &["store"]),
    ("admx show", &["store Vault.admx", "store Vault"]),
    ("admx tree", &["store"]),
    ("admx diff", &["store store"]),
    ("pol cat", &["a.pol", "a0.broken", "a1.broken", "a2.broken", "a.cut"]),
    ("pol verify", &["a.pol", "a0.broken", "a1.broken", "a2.broken", "a.cut"]),
    ("pol stat", &["a.pol", "a0.broken"]),
    (
        "pol set",
        &[
            "copy HKLM\\Software\\Acme!ProxyPwd sz CANARY --dry-run",
            "copy HKLM\\Software\\Acme!ProxyPwd sz CANARY",
            "copy HKLM\\Software\\Acme!Passwords multi-sz CANARY CANARY",
            "copy HKLM\\Software\\Acme!Password dword CANARY",
            "copy HKLM\\Software\\Acme!Password CANARY",
            "copy HKLM\\Software\\Acme!Password binary CANARY",
            "copy Software\\Acme!Password sz CANARY",
            "copy HKCU\\Software\\Acme!Password sz CANARY --scope computer",
            "copy HKLM\\SYSTEM\\CurrentControlSet\\Services\\SNMP\\Parameters\\ValidCommunities!CANARY dword 8",
        ],
    ),
    (
        "pol delete",
        &[
            "copy HKLM\\Software\\Acme!ProxyPwd --dry-run",
            "copy HKLM\\SYSTEM\\CurrentControlSet\\Services\\SNMP\\Parameters\\ValidCommunities!CANARY",
        ],
    ),
    (
        "pol forget",
        &[
            "copy HKLM\\Software\\Acme!ProxyPwd",
            "copy HKLM\\SYSTEM\\CurrentControlSet\\Services\\SNMP\\Parameters\\ValidCommunities!CANARY --dry-run",
        ],
    ),
    ("recover", &["a0.broken -o out.pol --report report.json", "a2.broken -o out.pol --report report.json"]),
    (
        "convert",
        &[
            "a --admx store -o out --lossy --scope computer",
            "a.pol --scope computer -o out",
            "a --admx store --scope computer -o out",
            "a0.broken -o out",
            "bad.reg -o out",
            "bad2.reg -o out",
            "bad3.reg -o out",
            "bad.txt -o out",
            "bad2.txt -o out",
            "bad3.txt -o out",
            "bad4.txt -o out",
            "bad.PolicyRules -o out",
            "bad2.PolicyRules -o out",
            "bad.yaml -o out",
            "bad2.yaml -o out --admx store",
            "bad.toml -o out",
            "bad.json -o out",
            "bad2.json -o out",
            "samba.json -o out",
            "bad.xml -o out",
            "bad2.xml -o out",
            "a.yaml -o out",
        ],
    ),
    ("hive get", &["hive/SOFTWARE|Microsoft\\Windows\\CurrentVersion"]),
    ("hive list", &["hive/SOFTWARE|Microsoft\\Windows NT\\CurrentVersion", "hive/SOFTWARE|--recursive"]),
];

/// Commands that read no policy: what they say is the same whatever a target holds.
const NO_POLICY: &[&str] = &["git install", "ad names", "ad links", "schema", "completions", "man"];

/// The formats that a command says it has.
fn formats(dir: &TestDir, command: &str) -> Vec<String> {
    let words = command.split(' ').chain(["--format", "no-such-format"]);
    let message = dir.run(words).stderr();
    let Some((_, rest)) = message.split_once("[possible values: ") else { return vec![String::new()] };
    rest.split(']').next().unwrap_or_default().split(", ").map(str::to_owned).collect()
}

#[test]
fn no_command_shows_a_secret_in_any_format() {
    let dir = bench();
    for name in ["a.yaml", "b.yaml", "a.reg"] {
        let from = &name[..1];
        let made = dir.run(["convert", from, "-o", name, "--lossy", "--admx", "store"]);
        assert_eq!(made.status, Some(0), "{name}: {made}");
    }
    let mut software = dir.read("image/Windows/System32/config/SOFTWARE");
    // Names and data of values in a hive, exchanged in place.
    let mut patch = |from: &[u8], to: &[u8]| {
        let places: Vec<usize> = (0..software.len()).filter(|at| software[*at..].starts_with(from)).collect();
        assert!(!places.is_empty());
        places.into_iter().for_each(|at| software[at..at + to.len()].copy_from_slice(to));
    };
    patch(b"DisplayName", b"MyxPassword");
    patch(b"GPOName", b"XPasswd");
    patch(&wide("Local Group Policy"), &wide(CANARIES[0]));
    dir.write("hive/SOFTWARE", software);

    let listed: BTreeSet<String> = commands(&dir).iter().map(|command| command.join(" ")).collect();
    let groups: BTreeSet<&str> =
        listed.iter().filter_map(|command| command.split_once(' ')).map(|(group, _)| group).collect();
    let leaves = listed.iter().filter(|command| !command.is_empty() && !groups.contains(&***command));
    let known = |command: &str| NO_POLICY.contains(&command) || LINES.iter().any(|(line, _)| *line == command);
    let missed: Vec<&String> = leaves.filter(|command| !known(command)).collect();
    assert!(missed.is_empty(), "no line for {missed:?}; a command that reads policy is tried with secrets");

    let (mut runs, mut shows) = (0, Vec::new());
    for (command, lines) in LINES {
        for format in formats(&dir, command) {
            for line in *lines {
                for gpo in ["a", "b"] {
                    let (from, to) = (format!("{gpo}/Machine/Registry.pol"), "copy/Machine/Registry.pol");
                    if gpo == "a" && !matches!(*command, "undo" | "redo" | "history") {
                        dir.write(to, dir.read(&from));
                        dir.write("copy/User/Registry.pol", dir.read(&from));
                        dir.write("copy/gpt.ini", dir.read("a/gpt.ini"));
                        dir.write("mine.pol", dir.read(&from));
                    }
                }
                let words: Vec<String> = match line.split_once('|') {
                    Some((first, second)) => vec![first.to_owned(), second.to_owned()],
                    None => line.split(' ').map(|word| word.replace("CANARY", CANARIES[0])).collect(),
                };
                let _ = std::fs::remove_file(dir.path("out"));
                let _ = std::fs::remove_dir_all(dir.path("out"));
                let mut args: Vec<String> = command.split(' ').map(str::to_owned).chain(words).collect();
                if !format.is_empty() {
                    args.extend(["--format".to_owned(), format.clone()]);
                }
                let run = dir.run(args.clone());
                let what = args.join(" ");
                if run.status == Some(2) && !run.stderr().starts_with("error[E") {
                    shows.push(format!("{what} is no command line:\n{run}"));
                }
                look(&format!("standard output of {what}"), &run.out, &mut shows);
                look(&format!("standard error of {what}"), &run.err, &mut shows);
                if *command == "recover" {
                    look(&format!("the report of {what}"), &dir.read("report.json"), &mut shows);
                }
                if format == "csv" && dir.has("out") {
                    look(&format!("the table of {what}"), &dir.read("out"), &mut shows);
                }
                runs += 1;
            }
        }
    }
    assert!(runs > 150, "{runs} runs");
    for entry in walk(dir.history()).into_iter().filter(|path| path.ends_with("change.json")) {
        look(&entry.display().to_string(), &std::fs::read(&entry).expect("it is there"), &mut shows);
    }
    let some: Vec<String> = shows.iter().map(|text| text.chars().take(600).collect()).collect();
    assert!(shows.is_empty(), "{} show a secret, or are wrong:\n{}", shows.len(), some.join("\n----\n"));
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_secret_is_shown_to_who_asks_for_it() {
    let dir = bench();
    for args in [
        &["show", "a", "--admx", "store"][..],
        &["pol", "cat", "a.pol"],
        &["git", "textconv", "a.pol"],
        &["diff", "a.pol", "b.pol", "--scope", "computer"],
        &["pol", "cat", "a0.broken"],
    ] {
        let run = dir.run(args.iter().copied().chain(["--show-secrets"]));
        assert!(shown(&run.out).is_some() || shown(&run.err).is_some(), "{args:?}:\n{run}");
    }
}

#[test]
fn json_says_that_it_hides_and_keeps_numbers_and_what_is_empty() {
    let dir = TestDir::new();
    let key = r"Software\Acme";
    let file = PolBuilder::new()
        .sz(key, "Password", "hunter2")
        .dword(key, "PasswordAge", 7)
        .sz(key, "Pwd", "")
        .multi_sz(key, "Secrets", &["one", "two"]);
    dir.write("a.pol", file.build());
    let records = dir.run(["pol", "cat", "a.pol", "-f", "json"]).json()["records"].clone();
    let of = |i: usize| (&records[i]["value"], &records[i]["raw"], &records[i]["hidden"]);
    assert_eq!(of(0), (&json!("(hidden)"), &json!("(hidden)"), &json!(true)));
    assert_eq!(of(1), (&json!(7), &json!("07000000"), &json!(null)));
    assert_eq!(of(2), (&json!(""), &json!("0000"), &json!(null)));
    assert_eq!(of(3), (&json!(["(hidden)", "(hidden)"]), &json!("(hidden)"), &json!(true)));
}

#[test]
fn what_hides_secrets_is_not_taken_for_a_copy() {
    let dir = TestDir::with("a.pol", planted("hunter2").build());
    dir.write("hidden.json", dir.run(["pol", "cat", "a.pol", "-f", "json"]).ok());
    assert_eq!(dir.run(["convert", "hidden.json", "-o", "b.pol"]).refused(2), "E0108");
    assert!(!dir.has("b.pol"));
}

#[test]
fn formats_that_are_applied_again_keep_secrets_and_say_so() {
    let dir = TestDir::with("a.pol", planted("hunter2").build());
    for name in ["a.json", "a.yaml", "a.toml", "a.gpol.json"] {
        let run = dir.run(["convert", "a.pol", "--scope", "computer", "-o", name]);
        assert_eq!(run.status, Some(0), "{name}: {run}");
        assert!(
            run.stderr().contains("the output holds 25 secrets") && run.stderr().contains("!DefaultPassword"),
            "{run}"
        );
        dir.run(["convert", name, "--scope", "computer", "-o", "back.pol"]);
        assert_eq!(dir.read("back.pol"), dir.read("a.pol"), "{name}");
    }
    let table = dir.run(["convert", "a.pol", "--scope", "computer", "-f", "csv"]).ok();
    assert!(table.contains(r"DefaultPassword,set,REG_SZ,(hidden),(hidden)") && !table.contains("hunter2"), "{table}");
}

#[test]
fn secrets_that_differ_differ_and_secrets_that_do_not_are_alike() {
    let dir = TestDir::new();
    for (name, password) in [("a.pol", "hunter2"), ("b.pol", "hunter3"), ("c.pol", "hunter2")] {
        dir.write(name, PolBuilder::new().sz(WINLOGON, "DefaultPassword", password).build());
    }
    let compare = |command: &str, other: &str| dir.run([command, "a.pol", other, "--scope", "computer"]);
    for command in ["diff", "check"] {
        assert_eq!(compare(command, "c.pol").status, Some(0));
        let run = compare(command, "b.pol");
        assert_eq!((run.status, run.stdout().matches("REG_SZ  (hidden)").count()), (Some(1), 2), "{run}");
    }
    assert!(compare("check", "b.pol").stdout().contains("(hidden)  (another one)"));
    // git shows the texts only where they differ.
    let text = |name: &str| dir.run(["git", "textconv", name]).ok();
    assert_eq!(text("a.pol"), text("c.pol"));
    assert_ne!(text("a.pol"), text("b.pol"));
    let effective = |other: &str| dir.run(["effective", "a.pol", other, "--no-admx"]).stdout();
    assert!(effective("c.pol").contains("also in") && effective("b.pol").contains("overrides"));
}

#[test]
fn a_search_finds_a_secret_by_its_place_and_never_by_what_it_says() {
    let dir = bench();
    let found = |args: &[&str]| dir.run(["search"].iter().chain(args).copied().chain(["a", "--no-admx"])).status;
    let canary = CANARIES[0];
    let digits = hex(canary.as_bytes());
    for (pattern, by_secret) in [
        ("DefaultPassword", Some(0)),
        (r"HKLM\Software\Acme!ProxyPwd", Some(0)),
        (r"SNMP\Parameters\ValidCommunities", Some(0)),
        (canary, Some(1)),
        (&canary[..4], Some(1)),
        (&digits, Some(1)),
        (&hex(&wide(canary)), Some(1)),
        (&format!(r"HKLM\{SNMP}!{canary}"), Some(1)),
    ] {
        assert_eq!(found(&[pattern]), by_secret, "{pattern}");
    }
    assert_eq!(found(&[canary, "--show-secrets"]), Some(0));
}

#[test]
fn a_recorded_command_line_has_no_password() {
    let dir = bench();
    dir.write("copy/gpt.ini", dir.read("a/gpt.ini"));
    dir.write("copy/Machine/Registry.pol", dir.read("empty.pol"));
    let run =
        dir.run(["policy", "set", "copy", "Vault", "enabled", "One=hunter2", "--admx", "store", "--scope", "computer"]);
    assert_eq!(run.status, Some(0), "{run}");
    let written = dir.run(["pol", "cat", "copy/Machine/Registry.pol", "--show-secrets"]).ok();
    assert!(written.contains("\"hunter2\""), "the policy itself has it: {written}");
    let history = dir.run(["history", "copy"]).ok();
    assert!(history.contains("One=(hidden)") || history.contains("\"One=(hidden)\""), "{history}");
    let records = walk(dir.history()).into_iter().filter(|path| path.ends_with("change.json"));
    let texts: Vec<String> = records.map(|path| std::fs::read_to_string(path).expect("it is there")).collect();
    assert!(texts.len() == 1 && !texts[0].contains("hunter2"), "{texts:?}");
}
