//! Replaces an artifact atomically: a reader finds the old one or the new one, and never nothing.

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use std::{fs, io, path::Path};

/// Renames `item` to `place`. An older file or tree with that name leaves in the same step, and is at `item` or `aside`
/// afterwards, if it still exists. On a filesystem that cannot exchange two names, nothing is at `place` for a moment
/// if one of the two is a tree.
///
/// # Errors
/// A link is at that place: it leads to other artifacts.
pub(super) fn replace(item: &Path, place: &Path, aside: &Path) -> io::Result<()> {
    let old = match fs::symlink_metadata(place) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return fs::rename(item, place),
        old => old?,
    };
    if old.is_symlink() {
        return Err(taken("the link to another artifact has this name"));
    }
    if old.is_file() && fs::symlink_metadata(item)?.is_file() {
        return fs::rename(item, place);
    }
    match renameat_with(CWD, item, CWD, place, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => replace_in_two_steps(item, place, aside),
        exchanged => Ok(exchanged?),
    }
}

/// Renames a link to `place`, which must be empty or a link.
///
/// # Errors
/// Something else is at that place.
pub(super) fn replace_link(link: &Path, place: &Path) -> io::Result<()> {
    match fs::symlink_metadata(place) {
        Ok(old) if !old.is_symlink() => Err(taken("an artifact has this name")),
        _ => fs::rename(link, place),
    }
}

fn replace_in_two_steps(item: &Path, place: &Path, aside: &Path) -> io::Result<()> {
    fs::rename(place, aside)?;
    fs::rename(item, place).inspect_err(|_| {
        if let Err(fault) = fs::rename(aside, place) {
            tracing::error!(path = %place.display(), %fault, "an artifact could not be put back in its place");
        }
    })
}

fn taken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_takes_the_place_of_another_in_either_way() {
        for way in [replace, replace_in_two_steps] {
            let dir = tempfile::tempdir().unwrap();
            let [new, place, aside] = ["new", "place", "aside"].map(|name| dir.path().join(name));
            for (tree, file) in [(&new, "new"), (&place, "old")] {
                fs::create_dir(tree).unwrap();
                fs::write(tree.join(file), "").unwrap();
            }
            way(&new, &place, &aside).unwrap();
            assert!(place.join("new").exists() && !place.join("old").exists());
        }
    }

    #[test]
    fn what_cannot_be_replaced_stays() {
        let dir = tempfile::tempdir().unwrap();
        let [place, aside] = ["place", "aside"].map(|name| dir.path().join(name));
        fs::create_dir(&place).unwrap();
        assert!(replace_in_two_steps(&dir.path().join("none"), &place, &aside).is_err());
        assert!(place.is_dir() && !aside.exists());
    }
}
