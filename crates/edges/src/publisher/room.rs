//! Room on the disk: an artifact never takes the last of it. A file with holes is small in its container and as large
//! as it says here, and a full disk stops all jobs, and the database.

use rustix::fs::statvfs;
use std::{io, path::Path};

/// What is kept free, in bytes; of a small filesystem a twentieth.
const RESERVE: u64 = 1 << 30;

/// Makes sure that so many bytes more leave something free where a directory is.
///
/// # Errors
/// They do not.
pub(super) fn check(directory: &Path, wanted: u64) -> io::Result<()> {
    let disk = statvfs(directory)?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    let files_fit = disk.f_files == 0 || disk.f_favail > disk.f_files / 20;
    match fits((bytes(disk.f_bavail), bytes(disk.f_blocks)), wanted) && files_fit {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::StorageFull, "the disk would be too full")),
    }
}

/// Whether so many bytes fit on a filesystem, as it has so many free, and in all.
fn fits((free, all): (u64, u64), wanted: u64) -> bool {
    free.checked_sub(wanted).is_some_and(|left| left >= RESERVE.min(all / 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_disk_is_for_others() {
        let (gib, large) = (1 << 30, 1 << 40);
        for (free, wanted, fit) in
            [(2 * gib, gib, true), (2 * gib, gib + 1, false), (gib - 1, 0, false), (gib, u64::MAX, false)]
        {
            assert_eq!(fits((free, large), wanted), fit, "{wanted} of {free}");
        }
        assert!(fits((gib, gib), 900 << 20), "a small one keeps a twentieth");
    }

    #[test]
    fn more_than_any_disk_has_is_refused() {
        assert!(check(Path::new("/"), u64::MAX).is_err());
        assert!(check(Path::new("/none"), 0).is_err());
    }
}
