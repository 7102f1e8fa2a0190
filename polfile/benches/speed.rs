//! How fast a large policy file is read and written, held against a plain copy of its bytes.
//!
//! All of them work on one and the same file, so that their figures can be compared within a run:
//! reading borrowed is to reach a quarter of the copy's speed, reading owned a quarter of that.
//!
//! ```text
//! cargo bench -p polfile --bench speed
//! ```

use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::BytesCount;
use polfile::{PolicyFile, RecordRef, records};

/// 64 MiB with the mix of records that real files have.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| fixtures::synthetic(64 << 20, 1));

fn main() {
    divan::main();
}

fn per_byte<'a, 'b>(bencher: Bencher<'a, 'b>) -> Bencher<'a, 'b> {
    bencher.counter(BytesCount::of_slice(&**FILE))
}

/// Into a buffer that is there already: what the memory can do.
#[divan::bench]
fn copy_into_a_buffer(bencher: Bencher<'_, '_>) {
    let mut buffer = FILE.clone();
    per_byte(bencher).bench_local(|| divan::black_box(&mut buffer).copy_from_slice(divan::black_box(&FILE)));
}

/// Into a new buffer: asking the system for the memory counts as well.
#[divan::bench]
fn copy_into_a_new_buffer(bencher: Bencher<'_, '_>) {
    per_byte(bencher).bench_local(|| divan::black_box(&**FILE).to_vec());
}

/// Every field of every record is looked at, so that none is left unread.
#[divan::bench]
fn read_borrowed(bencher: Bencher<'_, '_>) {
    per_byte(bencher).bench_local(|| {
        let walk = records(divan::black_box(&FILE)).expect("a header");
        walk.fold(0_usize, |sum, record| sum.wrapping_add(touch(&record.expect("a record"))))
    });
}

/// With the copy of the file that the result owns.
#[divan::bench]
fn read_owned(bencher: Bencher<'_, '_>) {
    per_byte(bencher).bench_local(|| PolicyFile::parse(divan::black_box(&FILE)).expect("well-formed"));
}

/// From bytes that are handed over, as one who has read a file from disk does.
#[divan::bench]
fn read_owned_without_a_copy(bencher: Bencher<'_, '_>) {
    let bencher = bencher.with_inputs(|| FILE.clone()).counter(BytesCount::of_slice(&**FILE));
    bencher.bench_local_values(|bytes| PolicyFile::from_bytes(bytes).expect("well-formed"));
}

/// From records that have been read, into a new file.
#[divan::bench]
fn write(bencher: Bencher<'_, '_>) {
    let read: Vec<RecordRef<'_>> = records(&FILE).expect("a header").collect::<Result<_, _>>().expect("well-formed");
    per_byte(bencher).bench_local(|| divan::black_box(&read).iter().copied().collect::<PolicyFile>());
}

fn touch(record: &RecordRef<'_>) -> usize {
    record.key.len() ^ record.value_name.len() ^ record.data.len() ^ record.offset ^ record.value_type.0 as usize
}
