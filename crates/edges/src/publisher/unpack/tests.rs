//! Tests with archives as the engine makes them, and as an attacker would make them.

use super::*;
use std::{convert::Infallible, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// An entry: its path, its kind, and its content or target.
type Entry<'a> = (&'a str, EntryType, &'a str);

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o600);
    header
}

/// An archive with unchanged paths and targets, even those that a careful writer would refuse.
fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, text) in entries {
        let is_file = *kind == EntryType::Regular;
        let mut header = header(*kind, if is_file { text.len() } else { 0 });
        let raw = header.as_old_mut();
        raw.name[..path.len()].copy_from_slice(path.as_bytes());
        if !is_file {
            raw.linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_cksum();
        builder.append(&header, if is_file { text.as_bytes() } else { &[] }).unwrap();
    }
    builder.into_inner().unwrap()
}

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("into");
    (dir, into)
}

fn room() -> Room {
    Room::new(Vec::new(), None)
}

/// Unpacks an archive in pieces that match no borders.
async fn unpack_bytes(bytes: &[u8], into: &Path, expected: Expected) -> Result<(), UnpackError> {
    let pieces = bytes.chunks(700).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
    unpack(futures_util::stream::iter(pieces.collect::<Vec<_>>()), into, &room(), expected).await
}

async fn refused(entries: &[Entry<'_>], expected: Expected) -> String {
    let (dir, into) = place();
    let fault = unpack_bytes(&archive(entries), &into, expected).await.unwrap_err();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something is left of {entries:?}");
    fault.to_string()
}

const FILE: EntryType = EntryType::Regular;
const DIR: EntryType = EntryType::Directory;
const LINK: EntryType = EntryType::Symlink;
const SECOND: EntryType = EntryType::Link;

#[tokio::test]
async fn a_file_comes_out_as_it_went_in() {
    let (_dir, into) = place();
    fs::write(&into, "an older one, which was longer").unwrap();
    let content = "0123456789".repeat(1000);
    unpack_bytes(&archive(&[("out.bin", FILE, &content)]), &into, Expected::File).await.unwrap();
    assert_eq!(fs::read_to_string(&into).unwrap(), content);
}

#[tokio::test]
async fn a_directory_comes_out_with_all_that_is_in_it() {
    let (dir, into) = place();
    fs::create_dir_all(into.join("old")).unwrap();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    let script = format!(
        "mkdir -p out/a/empty out/{0}; echo 1 > out/a/1; echo 2 > out/{long}; echo 3 > out/tool; chmod 4755 out/tool
         chmod 666 out/a/1; ln -s ../tool out/a/link; ln -s a out/b; ln -s none out/dangling; tar c out > archive.tar",
        "d".repeat(120)
    );
    assert!(Command::new("sh").args(["-ec", &script]).current_dir(&dir).status().unwrap().success());
    let bytes = fs::read(dir.path().join("archive.tar")).unwrap();
    unpack_bytes(&bytes, &into, Expected::Directory).await.unwrap();
    let [before, after] = ["out", "into"].map(|name| dir.path().join(name));
    let same = Command::new("diff").args(["--recursive", "--no-dereference"]).arg(before).arg(after).status();
    assert!(same.unwrap().success());
    let mode = |name: &str| fs::metadata(into.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("tool") & 0o4111, mode("a/1") & 0o4111), (0o111, 0));
}

#[tokio::test]
async fn a_file_of_two_names_keeps_both() {
    let (_dir, into) = place();
    let tree = [("out/", DIR, ""), ("out/a", FILE, "1"), ("out/b", SECOND, "out/a")];
    unpack_bytes(&archive(&tree), &into, Expected::Directory).await.unwrap();
    assert_eq!(fs::read_to_string(into.join("b")).unwrap(), "1");
    for target in ["../out/a", "/etc/passwd", "out/link", "out/c", "out", "other", "", "out/link/x"] {
        let tree = [("out/", DIR, ""), ("out/link", LINK, "a"), ("out/b", SECOND, target)];
        let fault = refused(&tree, Expected::Directory).await;
        assert!(fault.contains(&format!("{target:?}")), "{fault}");
    }
    refused(&[("out", SECOND, "out")], Expected::File).await;
}

/// An entry that claims this size, and has no content.
fn large(size: u64) -> Vec<u8> {
    let mut header = header(FILE, 0);
    header.set_path("out.bin").unwrap();
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[tokio::test]
async fn a_file_that_the_disk_cannot_take_is_refused_before_it_comes() {
    let (_dir, into) = place();
    let fault = unpack_bytes(&large(1 << 60), &into, Expected::File).await.unwrap_err();
    assert_eq!(fault.to_string(), "write \"out.bin\": the disk would be too full");
    assert!(!into.exists());
}

#[tokio::test]
async fn a_tree_without_end_is_refused() {
    let path = |depth: usize| format!("out{}", "/a".repeat(depth));
    let dir = |depth: usize| {
        let mut builder = Builder::new(Vec::new());
        for depth in 0..depth {
            let mut header = header(DIR, 0);
            builder.append_data(&mut header, path(depth), &[][..]).unwrap();
        }
        builder.into_inner().unwrap()
    };
    let (_dir, into) = place();
    unpack_bytes(&dir(100), &into, Expected::Directory).await.unwrap();
    let fault = unpack_bytes(&dir(101), &into, Expected::Directory).await.unwrap_err();
    assert!(fault.to_string().ends_with("has more than 100 names in its path"), "{fault}");
    assert!(!into.exists());
}

#[tokio::test]
async fn something_else_than_expected_is_told_apart() {
    let fault = refused(&[("out/", DIR, ""), ("out/a", FILE, "1")], Expected::File).await;
    assert_eq!(fault, "\"out/\" is a directory; the formats flist, binary and kernel need a file");
    let fault = refused(&[("out", FILE, "1")], Expected::Directory).await;
    assert_eq!(fault, "\"out\" is a file; the format directory needs a directory");
    for expected in [Expected::File, Expected::Directory] {
        assert!(refused(&[("out", LINK, "a")], expected).await.contains("is a symbolic link;"));
        assert!(refused(&[("out", EntryType::Fifo, "")], expected).await.contains("is neither"));
    }
}

#[tokio::test]
async fn nothing_leads_out_of_its_place() {
    for path in
        ["out/../x", "/out/x", "out//x", "out/./x", "../x", "out/..", "other", "other/x", "out", "out/a/b"]
    {
        let fault = refused(&[("out/", DIR, ""), (path, FILE, "1")], Expected::Directory).await;
        assert!(fault.contains(&format!("{path:?}")), "{fault}");
    }
    for first in ["../out", "/out", "..", "a/out", ""] {
        refused(&[(first, FILE, "1")], Expected::File).await;
    }
    refused(&[("out", FILE, "1"), ("two", FILE, "2")], Expected::File).await;
    refused(&[], Expected::File).await;
}

#[tokio::test]
async fn a_link_stays_only_if_it_leads_inside() {
    for target in ["/etc/passwd", "../..", "../../x", "a/../../../x", "x/..", "", "./../../.."] {
        let entries = [("out/", DIR, ""), ("out/sub/", DIR, ""), ("out/sub/link", LINK, target)];
        let fault = refused(&entries, Expected::Directory).await;
        assert!(fault.contains("\"out/sub/link\" is a symbolic link to"), "{fault}");
    }
    for target in ["..", "../x", "a/b", "./x", "..x", "."] {
        let (_dir, into) = place();
        let entries = [("out/", DIR, ""), ("out/sub/", DIR, ""), ("out/sub/link", LINK, target)];
        unpack_bytes(&archive(&entries), &into, Expected::Directory).await.unwrap();
        assert_eq!(fs::read_link(into.join("sub/link")).unwrap(), Path::new(target));
    }
}

#[tokio::test]
async fn nothing_is_written_through_a_link_or_over_it() {
    for last in
        [("out/link/x", FILE, "1"), ("out/link", FILE, "1"), ("out/link", DIR, ""), ("out/link", LINK, "b")]
    {
        let fault = refused(
            &[("out/", DIR, ""), ("out/link", LINK, "a"), ("out/a", DIR, ""), last],
            Expected::Directory,
        )
        .await;
        assert!(fault.contains(last.0), "{fault}");
    }
}

#[tokio::test]
async fn hard_links_and_devices_are_refused() {
    for kind in [EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let fault = refused(&[("out/", DIR, ""), ("out/odd", kind, "out/a")], Expected::Directory).await;
        assert!(fault.contains("\"out/odd\""), "{fault}");
    }
}

#[tokio::test]
async fn a_file_with_holes_is_refused() {
    for format in ["gnu", "posix"] {
        let (dir, into) = place();
        let script =
            format!("truncate -s 1M out; echo 1 >> out; tar --sparse --format={format} -c out > a.tar");
        assert!(Command::new("sh").args(["-ec", &script]).current_dir(&dir).status().unwrap().success());
        let bytes = fs::read(dir.path().join("a.tar")).unwrap();
        assert!(bytes.len() < 1_000_000);
        assert!(unpack_bytes(&bytes, &into, Expected::File).await.is_err(), "{format}");
        assert!(!into.exists());
    }
}

#[tokio::test]
async fn an_archive_that_was_cut_anywhere_is_an_error() {
    let content = "x".repeat(2000);
    let bytes = archive(&[("out/", DIR, ""), ("out/a", FILE, &content), ("out/b", FILE, "1")]);
    let end = bytes.len() - 1024;
    for length in (0..=end).step_by(100).chain([512, 1024, end - 512, end]) {
        let (_dir, into) = place();
        let fault = unpack_bytes(&bytes[..length], &into, Expected::Directory).await.unwrap_err();
        assert!(matches!(fault, UnpackError::Cut) && !into.exists(), "{length}: {fault}");
    }
}

#[tokio::test]
async fn what_broke_the_stream_is_told() {
    let (_dir, into) = place();
    let half = Bytes::from(archive(&[("out", FILE, &"x".repeat(2000))])).slice(..1000);
    let pieces = [Ok(half), Err(io::Error::other("the engine went away"))];
    let fault = unpack(futures_util::stream::iter(pieces), &into, &room(), Expected::File).await.unwrap_err();
    assert!(matches!(fault, UnpackError::Stream(_)) && fault.to_string().contains("the engine went away"));
    assert!(!into.exists());
}

#[tokio::test]
async fn a_stream_that_never_ends_is_not_read_once_all_is_clear() {
    let (_dir, into) = place();
    let bytes = Bytes::from(archive(&[("out", EntryType::Fifo, "")]));
    let endless =
        futures_util::stream::iter([Ok::<_, Infallible>(bytes)]).chain(futures_util::stream::pending());
    assert!(unpack(endless, &into, &room(), Expected::File).await.is_err());
}

#[test]
fn no_more_entries_are_written_than_the_most() {
    let (_dir, into) = place();
    let bytes = Bytes::from(archive(&[
        ("out", DIR, ""),
        ("out/a", FILE, ""),
        ("out/b", LINK, "a"),
        ("out/c", DIR, ""),
    ]));
    let (sender, receiver) = mpsc::channel(1);
    sender.blocking_send(Ok(bytes)).unwrap();
    drop(sender);
    let (mut archive, room) = (tar::Archive::new(Pieces::new(receiver)), room());
    let mut entries = Entries::new(&into, &room, Expected::Directory);
    entries.left = 3;
    let added = archive.entries().unwrap().map(|entry| entries.add(entry.unwrap())).collect::<Vec<_>>();
    assert!(added[..3].iter().all(Result::is_ok), "{added:?}");
    let fault = added[3].as_ref().unwrap_err().to_string();
    assert_eq!(fault, "\"out/c\" comes after 1000000 others, which are the most");
    assert!(into.join("b").is_symlink() && !into.join("c").exists());
}

#[tokio::test]
async fn an_empty_file_takes_room_as_well() {
    let (dir, into) = place();
    let full = Room::new(vec![dir.path().to_owned()], Some(1 << 62));
    for entries in [&[("out", DIR, "")][..], &[("out", FILE, "")]] {
        let expected = if entries[0].1 == DIR { Expected::Directory } else { Expected::File };
        let pieces = [Ok::<_, Infallible>(Bytes::from(archive(entries)))];
        let fault = unpack(futures_util::stream::iter(pieces), &into, &full, expected).await.unwrap_err();
        assert_eq!(fault.to_string(), "write \"out\": the disk would be too full");
    }
}
