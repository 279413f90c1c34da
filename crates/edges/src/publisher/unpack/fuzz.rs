//! Random archives: nothing is written outside of the place, no link leads out, and after a refusal nothing is there.

use super::*;
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{convert::Infallible, fs, path::Path};
use tar::{Builder, EntryType, Header};

/// Names of entries and targets of links; the archive's root is called `out`.
const NAMES: &[&str] = &[
    "out",
    "out/",
    "out/a",
    "out/a/",
    "out/a/b",
    "out/a/b/c",
    "out/b",
    "out/b/x",
    "out/link",
    "out/link/x",
    "out/link/up/x",
    "a",
    "b",
    "../a",
    "../beside",
    "..",
    ".",
    "./out/a",
    "/",
    "/tmp",
    "//out/a",
    "out//a",
    "out/../a",
    "out/./a",
    "out/a/../../beside",
    "a/../..",
    "link",
    "link/..",
    "b/..",
    "../../beside",
    "out/\0x",
    "",
    " ",
    "out/-x",
    "out/ü",
    "b/../../beside",
    "./..",
    "a//..",
];

const KINDS: &[EntryType] = &[
    EntryType::Regular,
    EntryType::Directory,
    EntryType::Symlink,
    EntryType::Link,
    EntryType::Char,
    EntryType::Block,
    EntryType::Fifo,
    EntryType::Continuous,
    EntryType::GNULongName,
    EntryType::GNULongLink,
    EntryType::GNUSparse,
    EntryType::XGlobalHeader,
    EntryType::XHeader,
];

#[derive(Clone, Debug)]
struct Piece {
    name: &'static str,
    kind: EntryType,
    target: &'static str,
    content: Vec<u8>,
    /// A size that differs from the content's.
    size: Option<u64>,
    mode: u32,
}

/// Mostly an allowed kind, so that a case gets far.
fn kind() -> impl Strategy<Value = EntryType> {
    prop_oneof![
        3 => Just(EntryType::Directory),
        3 => Just(EntryType::Regular),
        3 => Just(EntryType::Symlink),
        2 => Just(EntryType::Link),
        1 => select(KINDS),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    let size = option::weighted(0.05, prop_oneof![any::<u64>(), 0..2_000_u64]);
    let all = (select(NAMES), kind(), select(NAMES), vec(any::<u8>(), 0..40), size, any::<u32>());
    all.prop_map(|(name, kind, target, content, size, mode)| Piece {
        name,
        kind,
        target,
        content,
        size,
        mode,
    })
}

fn directory() -> Piece {
    Piece {
        name: "out",
        kind: EntryType::Directory,
        target: "",
        content: Vec::new(),
        size: None,
        mode: 0o755,
    }
}

fn archive(pieces: &[Piece]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for Piece { name, kind, target, content, size, mode } in pieces {
        let is_empty = matches!(kind, EntryType::Directory | EntryType::Symlink | EntryType::Link);
        let content = if is_empty { &[] } else { content.as_slice() };
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(size.unwrap_or(content.len() as u64));
        header.set_mode(mode & 0o7777);
        let raw = header.as_old_mut();
        raw.name[..name.len()].copy_from_slice(name.as_bytes());
        raw.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The names in a directory, in order.
fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name());
    let mut names = names.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>();
    names.sort();
    names
}

/// Unpacks, and checks everything that is there afterwards.
fn holds(bytes: &[u8], expected: Expected) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let (beside, deep) = (dir.path().join("beside"), dir.path().join("deep"));
    let into = deep.join("into");
    fs::create_dir(&deep).unwrap();
    fs::write(&beside, "as it was").unwrap();
    let pieces = bytes.chunks(700).map(|chunk| Ok::<_, Infallible>(Bytes::copy_from_slice(chunk)));
    let stream = futures_util::stream::iter(pieces.collect::<Vec<_>>());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runtime.block_on(unpack(stream, &into, &Room::new(Vec::new(), None), expected));
    prop_assert_eq!(names(dir.path()), ["beside", "deep"]);
    prop_assert_eq!(fs::read_to_string(&beside).unwrap(), "as it was");
    match outcome {
        Err(fault) => {
            prop_assert!(!fault.to_string().contains(char::is_control), "{fault:?}");
            prop_assert!(names(&deep).is_empty(), "{fault}");
        }
        Ok(()) => {
            prop_assert_eq!(names(&deep), ["into"]);
            no_link_leads_out(&into, &into.canonicalize().unwrap())?;
        }
    }
    Ok(())
}

fn no_link_leads_out(place: &Path, root: &Path) -> Result<(), TestCaseError> {
    let about = fs::symlink_metadata(place).unwrap();
    if about.is_symlink() {
        prop_assert!(fs::read_link(place).unwrap().is_relative());
        if let Ok(end) = place.canonicalize() {
            prop_assert!(end.starts_with(root), "{} leads to {}", place.display(), end.display());
        }
    } else if about.is_dir() {
        for file in fs::read_dir(place).unwrap() {
            no_link_leads_out(&file.unwrap().path(), root)?;
        }
    } else {
        prop_assert!(about.is_file(), "{} is {about:?}", place.display());
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_entries_stay_in_their_place(pieces in vec(piece(), 0..12), is_first_right in any::<bool>()) {
        let first = is_first_right.then(directory);
        let pieces = first.into_iter().chain(pieces).collect::<Vec<_>>();
        holds(&archive(&pieces), Expected::Directory)?;
    }

    #[test]
    fn an_archive_of_a_file_is_that_file_or_nothing(pieces in vec(piece(), 0..4)) {
        holds(&archive(&pieces), Expected::File)?;
    }

    #[test]
    fn an_archive_that_was_changed_or_cut_off_stays_in_its_place(
        pieces in vec(piece(), 0..8),
        changes in vec((any::<usize>(), any::<u8>()), 0..8),
        cut in option::of(any::<usize>()),
    ) {
        let pieces = [directory()].into_iter().chain(pieces).collect::<Vec<_>>();
        let mut bytes = archive(&pieces);
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        let length = cut.map_or(bytes.len(), |cut| cut % (bytes.len() + 1));
        holds(&bytes[..length], Expected::Directory)?;
    }

    #[test]
    fn any_bytes_stay_in_their_place(bytes in vec(any::<u8>(), 0..2_000)) {
        holds(&bytes, Expected::Directory)?;
    }
}
