//! Closes Kozmic's files to other users of the machine, even files that were made while they were open. Only artifacts
//! stay open to everybody who can reach their directory.

use rustix::{fs::Mode, process::umask};
use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The rights of all but the owner.
const OTHERS: u32 = 0o077;

/// The directories of Kozmic alone.
const OWN_DIRS: [&str; 3] = ["logs", "mirrors", "work"];

/// The files that SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Makes all new files accessible to this user alone. Files for others get their rights explicitly.
pub(crate) fn close_new() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Removes the rights of others from all files that Kozmic keeps here. An older version, or a copy by hand, may have
/// set them.
pub(crate) fn close(data_dir: &Path, database: &Path) {
    for path in kept(data_dir, database) {
        match rights(&path) {
            Ok(mode) if mode & OTHERS != 0 => {
                let closed = fs::set_permissions(&path, Permissions::from_mode(mode & !OTHERS));
                match closed {
                    Ok(()) => tracing::info!(path = %path.display(), "closed to other users of this machine"),
                    Err(fault) => {
                        tracing::warn!(path = %path.display(), %fault, "other users of this machine may read it");
                    }
                }
            }
            _ => {}
        }
    }
}

/// The files here that others may access, each with its rights.
pub(crate) fn open(data_dir: &Path, database: &Path) -> Vec<(PathBuf, u32)> {
    // Nobody reaches files inside of a closed directory.
    let is_closed = |path: &Path| path.parent() == Some(data_dir) && !is_open(data_dir);
    let kept = kept(data_dir, database).into_iter().filter(|path| !is_closed(path));
    let kept = kept.filter_map(|path| rights(&path).ok().map(|mode| (path, mode)));
    kept.filter(|(_, mode)| mode & OTHERS != 0).collect()
}

/// Those of these files that everybody may read. A group may have access on purpose.
pub(crate) fn open_to_all(files: &[PathBuf]) -> Vec<(PathBuf, u32)> {
    let files = files
        .iter()
        .filter_map(|path| Some((path.clone(), fs::metadata(path).ok()?.permissions().mode() & 0o777)));
    files.filter(|(_, mode)| mode & 0o004 != 0).collect()
}

/// True if others have any right.
pub(crate) fn is_open(path: &Path) -> bool {
    rights(path).is_ok_and(|mode| mode & OTHERS != 0)
}

/// All files of the data directory, its directories of Kozmic alone, and the database wherever it is.
fn kept(data_dir: &Path, database: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data_dir).into_iter().flatten().flatten();
    let is_kept = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        entry
            .file_type()
            .is_ok_and(|kind| kind.is_file() || (kind.is_dir() && OWN_DIRS.iter().any(|own| name == *own)))
    };
    let mut kept = entries.filter(is_kept).map(|entry| entry.path()).collect::<Vec<_>>();
    if database.parent() != Some(data_dir) && database.is_file() {
        kept.push(database.to_owned());
        let name = database.as_os_str();
        kept.extend(
            BESIDE.map(|end| PathBuf::from([name, end.as_ref()].into_iter().collect::<std::ffi::OsString>())),
        );
    }
    kept.sort();
    kept
}

fn rights(path: &Path) -> io::Result<u32> {
    Ok(fs::symlink_metadata(path)?.permissions().mode() & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A data directory that was made with the umask of most machines.
    fn old(dir: &Path) {
        for name in ["kozmic.db", "kozmic.db-wal", "kozmic.db-shm", "secret_key", "before-upgrade.db"] {
            fs::write(dir.join(name), "").unwrap();
            set(&dir.join(name), 0o644);
        }
        for name in ["logs", "mirrors", "work", "artifacts", "www"] {
            fs::create_dir(dir.join(name)).unwrap();
            set(&dir.join(name), 0o755);
        }
        set(dir, 0o755);
    }

    #[test]
    fn all_that_is_kept_is_closed_but_what_is_for_others() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        old(dir.path());
        let other = elsewhere.path().join("other");
        fs::write(&other, "").unwrap();
        set(&other, 0o644);
        symlink(&other, dir.path().join("link")).unwrap();
        let database = dir.path().join("kozmic.db");
        assert_eq!(open(dir.path(), &database).len(), 8);
        close(dir.path(), &database);
        assert!(open(dir.path(), &database).is_empty());
        for (name, right) in [
            ("kozmic.db", 0o600),
            ("kozmic.db-shm", 0o600),
            ("before-upgrade.db", 0o600),
            ("logs", 0o700),
            ("artifacts", 0o755),
            ("www", 0o755),
            ("", 0o755),
        ] {
            assert_eq!(mode(&dir.path().join(name)), right, "{name}");
        }
        assert_eq!(mode(&other), 0o644, "what a link leads to is somebody else's");
    }

    #[test]
    fn a_database_in_another_place_is_closed_with_the_files_beside_it() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let names =
            ["ci.db", "ci.db-wal", "ci.db-shm", "neighbour.db"].map(|name| elsewhere.path().join(name));
        for path in &names {
            fs::write(path, "").unwrap();
            set(path, 0o664);
        }
        assert_eq!(open(dir.path(), &names[0]).len(), 3);
        close(dir.path(), &names[0]);
        assert_eq!(names.each_ref().map(|path| mode(path)), [0o600, 0o600, 0o600, 0o664]);
    }

    #[test]
    fn what_lies_in_a_closed_directory_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        old(dir.path());
        set(dir.path(), 0o700);
        assert!(open(dir.path(), &dir.path().join("kozmic.db")).is_empty());
    }

    #[test]
    fn a_groups_file_of_settings_is_not_everybodys() {
        let dir = tempfile::tempdir().unwrap();
        let files = [("secret", 0o640), ("kozmic.toml", 0o644)].map(|(name, right)| {
            fs::write(dir.path().join(name), "").unwrap();
            set(&dir.path().join(name), right);
            dir.path().join(name)
        });
        assert_eq!(open_to_all(&files), [(files[1].clone(), 0o644)]);
        assert!(open_to_all(&[dir.path().join("none")]).is_empty());
    }
}
