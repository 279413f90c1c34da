//! Tests of logs whose containers are taken up twice: heard, read again, and read again once more.

use super::{Logs, Source, replay::ReplayCount};
use bytes::Bytes;
use kozmic_model::{ids::JobId, job::Attempt, time::Timestamp};
use std::process::Command;

const ATTEMPT: Attempt = Attempt { job: JobId(1), number: 1 };

/// The engine's copy of printed bytes, and the copy's length after each of them.
fn kept(printed: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut kept, mut ends) = (Vec::new(), vec![0]);
    for line in printed.split_inclusive(|byte| *byte == b'\n') {
        let (text, newline) = line.split_at(line.len() - usize::from(line.ends_with(b"\n")));
        for part in text.chunks(16 * 1024).chain([newline]) {
            let mut rest = part;
            while !rest.is_empty() {
                let is_character = |length: &usize| {
                    rest.get(..*length).is_some_and(|start| std::str::from_utf8(start).is_ok())
                };
                if let Some(length) = (1..=4).find(is_character) {
                    ends.extend((1..=length).map(|end| kept.len() + end));
                    kept.extend_from_slice(&rest[..length]);
                    rest = &rest[length..];
                } else {
                    kept.extend_from_slice("\u{fffd}".as_bytes());
                    ends.push(kept.len());
                    rest = &rest[1..];
                }
            }
        }
    }
    (kept, ends)
}

/// Output of a container, with the engine's copy of it.
struct Printed<'a> {
    bytes: &'a [u8],
    kept: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Printed<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let (kept, ends) = kept(bytes);
        Self { bytes, kept, ends }
    }

    /// The log after `heard` bytes were heard, `read` bytes were read again, and the rest was read again to the end.
    fn taken_up_twice(&self, (heard, read): (usize, usize), size: usize) -> Vec<u8> {
        let log = &self.bytes[..heard];
        let mut count = ReplayCount::default();
        log.chunks(size).for_each(|piece| count.add(piece));
        let first = self.rest(count, size);
        let first = &first[..read.min(first.len())];
        first.chunks(size).for_each(|piece| count.add_read_again(piece));
        [log, first, &self.rest(count, size)].concat()
    }

    fn rest(&self, count: ReplayCount, size: usize) -> Vec<u8> {
        let mut known = count.known();
        let pieces = self.kept.chunks(size).map(|piece| known.leave_out(Bytes::copy_from_slice(piece)));
        pieces.collect::<Vec<_>>().concat()
    }

    /// The expected log.
    fn exact(&self, heard: usize) -> Vec<u8> {
        [&self.bytes[..heard], &self.kept[self.ends[heard]..]].concat()
    }
}

#[test]
fn a_long_line_taken_up_twice_is_whole_wherever_that_was() {
    for (sign, start) in [("ü", "x"), ("€", ""), ("😀", "xy"), ("a", "")] {
        let printed = [start, &sign.repeat(60_000 / sign.len()), "\r\nend"].concat();
        let printed = Printed::new(printed.as_bytes());
        for heard in [0, 5, 16_383, 16_384, 16_385, 16_386, 20_001, 32_767, 32_769, 50_000] {
            for read in [0, 1, 2, 3, 7, 12_345, 16_384, 40_001] {
                let log = printed.taken_up_twice((heard, read), 1_000);
                assert!(log == printed.exact(heard), "{sign} {heard} {read}: {} bytes", log.len());
            }
        }
    }
}

#[test]
fn what_is_no_text_is_taken_up_twice_behind_every_byte() {
    let mixed = b"\xc3x\xc3\xbc\n\xe2\x82\r\n\xe2\x82\xac\xf0\x9f\x98\n\xf0\x9f\x98\x80\xff\xc3\xc3\xbc\x80\xbf\xe2\xe2\x82";
    let printed = Printed::new(mixed);
    for heard in 0..=mixed.len() {
        for read in 0..=60 {
            for size in [1, 2, 5, 100] {
                let log = printed.taken_up_twice((heard, read), size);
                assert_eq!(log, printed.exact(heard), "{heard} {read} {size}");
            }
        }
    }
}

#[test]
fn a_beginning_that_looks_like_its_own_sign_reads_as_one() {
    for (printed, heard, text) in [
        (b"\xefx".as_slice(), 1, "\u{fffd}x"),
        (b"\xef\xbfx", 2, "\u{fffd}\u{fffd}x"),
        (b"\xef\xbf\xbdx", 1, "\u{fffd}x"),
        (b"\xef\xbf\xb0x", 2, "\u{fff0}x"),
    ] {
        for read in 0..9 {
            let log = Printed::new(printed).taken_up_twice((heard, read), 2);
            assert_eq!(String::from_utf8(log).unwrap(), text, "{heard} {read}");
        }
    }
}

/// A container that is removed when this is dropped.
struct Container(String);

impl Container {
    fn docker(arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("docker").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Runs a script. Also returns its output.
    fn run(script: &str, has_terminal: bool) -> (Self, Vec<u8>) {
        let terminal = format!("--tty={has_terminal}");
        let image = ["kozmic/debian:bookworm", "/bin/sh", "-c", script];
        let driver = ["--network=none", "--log-driver=json-file", &terminal];
        let id = Self::docker(&[["create"].as_slice(), &driver, &image].concat());
        let container = Self(String::from_utf8(id).unwrap().trim().to_owned());
        let printed = Self::docker(&["start", "--attach", &container.0]);
        (container, printed)
    }

    fn kept(&self) -> Vec<u8> {
        Self::docker(&["logs", &self.0])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(Command::new("docker").args(["rm", "--force", "--volumes", &self.0]).output());
    }
}

/// The log as its writer makes it. The writer is opened again each time.
async fn written(printed: &Printed<'_>, (heard, read): (usize, usize)) -> Bytes {
    let dir = tempfile::tempdir().unwrap();
    let logs = Logs::open(dir.path().into()).unwrap();
    let mut writer = logs.writer(ATTEMPT).await.unwrap();
    let first = Bytes::copy_from_slice(&printed.bytes[..heard]);
    writer.append(Source::Output, first, Timestamp(1)).await.unwrap();
    for read in [read, usize::MAX] {
        let mut writer = logs.writer(ATTEMPT).await.unwrap();
        let kept = Bytes::copy_from_slice(&printed.kept);
        let rest = writer.read_again().leave_out(Source::Output, kept);
        let rest = rest.slice(..read.min(rest.len()));
        writer.append(Source::Output, rest, Timestamp(2)).await.unwrap();
    }
    logs.reader(ATTEMPT).read(0, usize::MAX).await.unwrap()
}

#[tokio::test]
async fn a_log_taken_up_twice_is_whole_in_the_engines_own_measure() {
    let script = r"printf x; yes ü | head -n 30000 | tr -d '\n'; echo; printf '\377\303x\n'; yes ü | head -n 20000 | tr -d '\n'";
    for has_terminal in [true, false] {
        let (container, bytes) = Container::run(script, has_terminal);
        let printed = Printed::new(&bytes);
        assert!(container.kept() == printed.kept, "{} bytes", bytes.len());
        for heard in [0, 2, 10_000, 16_384, 20_000, 60_001, 60_003, 60_004, 60_005, 80_000, bytes.len()] {
            for read in [0, 5_001, 20_000, 45_000, 100_000] {
                let log = written(&printed, (heard, read)).await;
                assert!(log == printed.exact(heard), "{heard} {read}: {} bytes", log.len());
            }
        }
    }
}

#[tokio::test]
async fn another_container_is_heard_first_hand_again() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Logs::open(dir.path().into()).unwrap();
    let mut writer = logs.writer(ATTEMPT).await.unwrap();
    writer.read_again();
    writer.begin_container(Timestamp(1)).await.unwrap();
    writer.append(Source::Output, b"\xffend"[..].into(), Timestamp(2)).await.unwrap();
    for mut writer in [writer, logs.writer(ATTEMPT).await.unwrap()] {
        let mut known = writer.read_again();
        assert_eq!(known.leave_out(Source::ErrorOutput, "all".into()), "all");
        assert_eq!(known.leave_out(Source::Output, "\u{fffd}end, behind".into()), ", behind");
    }
}
