//! Random indexes of logs, random crashes of their files, and random ways of reading output again.

use super::{Logs, Source, replay::ReplayCount};
use bytes::Bytes;
use kozmic_model::{ids::JobId, job::Attempt, time::Timestamp};
use proptest::{collection::vec, prelude::*, sample::select};
use std::fs;

const ATTEMPT: Attempt = Attempt { job: JobId(7), number: 1 };

/// Output with difficult parts: broken characters, and lines longer than Docker keeps together.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let long = (select(&["x", "ü", "€", "😀"][..]), 0..20_000_usize);
    let part = prop_oneof![
        4 => vec(any::<u8>(), 0..30),
        4 => "[a-zü€😀\n]{0,40}".prop_map(String::into_bytes),
        1 => long.prop_map(|(sign, times)| sign.repeat(times).into_bytes()),
    ];
    vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// The output as Docker's `json-file` driver returns it: a replacement character for each byte that is not text.
fn as_kept(output: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        for part in line.chunks(16 * 1024).flat_map(<[u8]>::utf8_chunks) {
            kept.extend_from_slice(part.valid().as_bytes());
            kept.extend_from_slice("\u{fffd}".repeat(part.invalid().len()).as_bytes());
        }
    }
    kept
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

proptest! {
    #[test]
    fn a_log_with_any_index_is_opened_and_goes_on(
        index in vec(any::<u8>(), 0..200), data in vec(any::<u8>(), 0..200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("0")).unwrap();
        fs::write(dir.path().join("0/7-1.log"), &data).unwrap();
        fs::write(dir.path().join("0/7-1.index"), &index).unwrap();
        let logs = Logs::open(dir.path().into()).unwrap();
        let (kept, whole) = run(async {
            let mut writer = logs.writer(ATTEMPT).await.unwrap();
            let kept = logs.reader(ATTEMPT).len().await.unwrap();
            writer.append(Source::Output, "more".into(), Timestamp(1)).await.unwrap();
            (kept, logs.reader(ATTEMPT).read(0, 1_000).await.unwrap())
        });
        let kept = usize::try_from(kept).unwrap();
        prop_assert_eq!(whole, [&data[..kept], b"more"].concat());
    }

    #[test]
    fn after_a_crash_a_log_is_a_beginning_of_what_was_written(
        pieces in vec(vec(any::<u8>(), 0..50), 0..8), data_cut in any::<usize>(), index_cut in any::<usize>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::open(dir.path().into()).unwrap();
        let kept = run(async {
            let mut writer = logs.writer(ATTEMPT).await.unwrap();
            for piece in &pieces {
                writer.append(Source::Output, Bytes::copy_from_slice(piece), Timestamp(1)).await.unwrap();
            }
            drop(writer);
            for (name, cut) in [("0/7-1.log", data_cut), ("0/7-1.index", index_cut)] {
                let path = dir.path().join(name);
                let bytes = fs::read(&path).unwrap();
                fs::write(&path, &bytes[..cut % (bytes.len() + 1)]).unwrap();
            }
            drop(logs.writer(ATTEMPT).await.unwrap());
            logs.reader(ATTEMPT).read(0, 1_000).await.unwrap()
        });
        prop_assert!(pieces.concat().starts_with(&kept));
        let mut ends = (0..=pieces.len()).map(|count| pieces[..count].concat().len());
        prop_assert!(ends.any(|end| end == kept.len()), "it ends in the middle of a piece");
    }

    #[test]
    fn output_that_comes_again_is_left_out_to_the_byte(
        output in output(), cut in any::<usize>(), sizes in vec(1..9_000_usize, 1..6),
    ) {
        // The log has all lines up to one of them, in pieces of any size.
        let lines = output.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len).collect::<Vec<_>>();
        let ended = lines.len() - usize::from(!output.ends_with(b"\n") && !lines.is_empty());
        let seen = &output[..lines[..cut % (ended + 1)].iter().sum::<usize>()];
        let (mut count, mut rest) = (ReplayCount::default(), seen);
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(rest.len().min(*size));
            count.add(piece);
            rest = behind;
        }
        let (mut known, mut more) = (count.known(), Vec::new());
        for piece in as_kept(&output).chunks(sizes[0]) {
            more.extend_from_slice(&known.leave_out(Bytes::copy_from_slice(piece)));
        }
        prop_assert!(more == as_kept(&output[seen.len()..]), "{} bytes are left", more.len());
    }
}
