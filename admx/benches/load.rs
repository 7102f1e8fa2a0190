//! How fast a store is loaded, held against reading the bytes of the same files.
//!
//! On the Windows 11 store of the corpus (`GPOL_CORPUS`, else `../shared/corpus` beside the workspace); without it on a
//! synthetic store of about the same size. `benches/xmllint.sh` compares the whole program with xmllint.
//!
//! ```text
//! cargo bench -p admx --bench load
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use admx::{Catalog, Side, Wanted, write_set};
use divan::Bencher;
use divan::counter::BytesCount;
use polfile::PolicyFile;

/// A store with its templates and their en-US translations.
struct Store {
    folder: PathBuf,
    files: Vec<PathBuf>,
    bytes: u64,
    is_synthetic: bool,
}

static STORE: LazyLock<Store> = LazyLock::new(|| match corpus() {
    Some(folder) => Store::new(folder, false),
    None => {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        synthetic(&folder).expect("the store can be written");
        Store::new(folder, true)
    }
});
static CATALOG: LazyLock<Catalog> = LazyLock::new(load);

#[expect(clippy::print_stdout, reason = "a benchmark says what it measures")]
fn main() {
    let store = &*STORE;
    let what = if store.is_synthetic { "a synthetic store" } else { "the Windows 11 store" };
    println!("{what}: {} files, {} bytes, {} policies", store.files.len(), store.bytes, CATALOG.policies().len());
    divan::main();
    if store.is_synthetic {
        std::fs::remove_dir_all(&store.folder).expect("it was made by this program");
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark says what it skips")]
fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("GPOL_CORPUS").map_or(beside, PathBuf::from);
    let folder = corpus.join("admx/mxk+windows-secure-group-policy/PolicyDefinitions");
    let found = folder.is_dir();
    if !found {
        println!("skipped: no Windows 11 store at {}", folder.display());
    }
    found.then_some(folder)
}

impl Store {
    fn new(folder: PathBuf, is_synthetic: bool) -> Self {
        let list = |folder: &Path, extension: &str| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).expect("the folder can be listed").flatten();
            let paths = entries.map(|entry| entry.path());
            paths.filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))).collect()
        };
        let mut files = list(&folder, "admx");
        files.extend(list(&folder.join("en-US"), "adml"));
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let bytes = files.iter().map(size).sum();
        Store { folder, files, bytes, is_synthetic }
    }
}

/// 200 templates of 24 policies with help texts of 700 characters.
fn synthetic(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir(folder.join("en-US"))?;
    for file in 0..200 {
        let (mut policies, mut strings, mut presentations) = (String::new(), String::new(), String::new());
        for n in 0..24 {
            // Writing to a string does not fail.
            let _ = write!(
                policies,
                "\r\n    <policy name=\"P{n}\" class=\"Both\" displayName=\"$(string.P{n})\" explainText=\"$(string.H{n})\" \
                 presentation=\"$(presentation.P{n})\" key=\"Software\\Policies\\Bench\\F{file}\" valueName=\"V{n}\">\r\n      \
                 <parentCategory ref=\"C\" />\r\n      <supportedOn ref=\"S\" />\r\n      <enabledValue>\r\n        \
                 <decimal value=\"1\" />\r\n      </enabledValue>\r\n      <disabledValue>\r\n        <decimal value=\"0\" />\r\n      \
                 </disabledValue>\r\n      <elements>\r\n        <decimal id=\"D\" valueName=\"D{n}\" minValue=\"0\" \
                 maxValue=\"100\" />\r\n      </elements>\r\n    </policy>"
            );
            let help = "This policy setting has a help text &amp; says what happens.\r\n\r\n".repeat(11);
            let _ = write!(
                strings,
                "\r\n<string id=\"P{n}\">Policy {n} of file {file}</string><string id=\"H{n}\">{help}</string>"
            );
            let _ = write!(
                presentations,
                "<presentation id=\"P{n}\"><decimalTextBox refId=\"D\">Number:</decimalTextBox></presentation>"
            );
        }
        let admx = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<policyDefinitions revision=\"1.0\" schemaVersion=\"1.0\">\
             <policyNamespaces><target prefix=\"f\" namespace=\"Bench.F{file}\" /></policyNamespaces>\
             <resources minRequiredRevision=\"1.0\" /><supportedOn><definitions><definition name=\"S\" displayName=\"$(string.S)\" />\
             </definitions></supportedOn><categories><category name=\"C\" displayName=\"$(string.C)\" /></categories>\
             <policies>{policies}</policies></policyDefinitions>"
        );
        let adml = format!(
            "<policyDefinitionResources revision=\"1.0\" schemaVersion=\"1.0\"><resources><stringTable>{strings}\
             <string id=\"C\">Category {file}</string><string id=\"S\">Any</string></stringTable>\
             <presentationTable>{presentations}</presentationTable></resources></policyDefinitionResources>"
        );
        std::fs::write(folder.join(format!("F{file}.admx")), admx)?;
        std::fs::write(folder.join(format!("en-US/F{file}.adml")), adml)?;
    }
    Ok(())
}

fn load() -> Catalog {
    Catalog::load(std::slice::from_ref(&STORE.folder), "en-US").expect("the store has templates")
}

/// The yardstick: the bytes of the files that a load reads, on one core.
#[divan::bench]
fn read_the_bytes(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(STORE.bytes)).bench_local(|| {
        let mut buffer = Vec::new();
        let mut sum = 0;
        for path in &STORE.files {
            buffer.clear();
            let mut file = std::fs::File::open(path).expect("the file is there");
            sum += std::io::Read::read_to_end(&mut file, &mut buffer).expect("the file can be read");
        }
        sum
    });
}

/// All templates with one language, every reference resolved, on all cores; dropping it is not counted.
#[divan::bench]
fn load_a_store(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(STORE.bytes)).bench_local(load);
}

#[divan::bench]
fn find_by_id(bencher: Bencher<'_, '_>) {
    let policy = CATALOG.policies().last().expect("there are policies");
    bencher.bench_local(|| CATALOG.find(divan::black_box(&policy.id())).map(|found| found.side).ok());
}

/// As articles name a policy; all forms before that have no hit.
#[divan::bench]
fn find_by_path(bencher: Bencher<'_, '_>) {
    let policy = CATALOG.policies().last().expect("there are policies");
    let path = CATALOG.category_path(policy).join(" > ") + " > " + &policy.display_name;
    bencher.bench_local(|| CATALOG.find(divan::black_box(&path)).map(|found| found.side).ok());
}

/// A policy file with the Disabled of every tenth policy, read back; the index of claims is there already.
#[divan::bench]
fn read_a_policy_file(bencher: Bencher<'_, '_>) {
    let mut file = PolicyFile::new();
    for policy in CATALOG.policies().iter().step_by(10).filter(|policy| policy.class.has(Side::Computer)) {
        if let Ok(set) = write_set(policy, Side::Computer, &Wanted::Disabled) {
            set.apply(&CATALOG, &mut file);
        }
    }
    CATALOG.read(Side::Computer, &file);
    bencher
        .counter(BytesCount::of_slice(file.as_bytes()))
        .bench_local(|| CATALOG.read(Side::Computer, divan::black_box(&file)).policies.len());
}
