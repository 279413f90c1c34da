//! Room on disks: some of it is kept free for the database, and for all who come after. One idea for logs, checkouts,
//! mirrors and artifacts: whoever writes much asks here.

use rustix::{
    fs::{FallocateFlags, StatVfs, fallocate, statvfs},
    io::Errno,
};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes that are kept free if nobody says otherwise; of a small filesystem a twentieth.
const RESERVE: u64 = 1 << 30;

/// The most that the ballast takes, in bytes. It is never more than a quarter of what is kept free.
const BALLAST: u64 = 64 << 20;

/// The part of disks that is kept free; cheap to clone.
#[derive(Clone, Debug)]
pub struct Room {
    /// Directories of Kozmic's own things.
    dirs: Arc<[PathBuf]>,
    /// None: as above.
    reserve: Option<u64>,
}

impl Room {
    /// Keeps so many bytes free where these directories are; the first is the data directory.
    pub fn new(dirs: Vec<PathBuf>, reserve: Option<u64>) -> Self {
        Self { dirs: dirs.into(), reserve }
    }

    /// Makes sure that so many bytes more leave free what is kept free where a directory is.
    ///
    /// # Errors
    /// They do not.
    pub fn check(&self, directory: &Path, wanted: u64) -> io::Result<()> {
        match self.fits(directory, wanted)? {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::StorageFull, "the disk would be too full")),
        }
    }

    /// The reason to stop a job that writes to one of Kozmic's own disks, as the rest of a sentence. A disk that cannot
    /// be looked at stops none.
    pub fn is_used_up(&self) -> Option<String> {
        let full = self.dirs.iter().find(|dir| self.fits(dir, 0).is_ok_and(|fits| !fits))?;
        Some(format!("the server's disk is nearly full: {} is kept free for the database", self.kept(full)))
    }

    /// The reason why no job is begun, in a sentence: an eighth of what is kept free is to be there beside it, else the
    /// job would be stopped soon.
    pub fn trouble(&self) -> Option<String> {
        let is_low = |dir: &&PathBuf| {
            let wanted = self.reserve_of(dir).map(|reserve| reserve / 8);
            wanted.and_then(|wanted| self.fits(dir, wanted)).is_ok_and(|fits| !fits)
        };
        let full = self.dirs.iter().find(is_low)?;
        let kept = self.kept(full);
        Some(format!(
            "The server's disk is nearly full: {kept} is kept free for the database. Jobs wait until there is more room."
        ))
    }

    /// Free bytes, and those of them that are kept so, for the people who run the server.
    ///
    /// # Errors
    /// The disk cannot be looked at.
    pub fn summary(&self) -> io::Result<String> {
        let dir = self.data_dir();
        Ok(format!("{} free, {} kept free", size(free(&statvfs(dir)?)), self.kept(dir)))
    }

    /// Gives the ballast back when the disk is full, so that what was promised can be noted; takes it anew when there
    /// is room again.
    ///
    /// # Errors
    /// The disk does not do it.
    pub fn trim(&self) -> io::Result<()> {
        let (dir, file) = (self.data_dir(), self.data_dir().join("ballast"));
        let (left, reserve) = (free(&statvfs(dir)?), self.reserve_of(dir)?);
        let length = BALLAST.min(reserve / 4);
        match ballast(file.exists(), left, (reserve, length)) {
            Ballast::Stays => Ok(()),
            Ballast::IsTaken => take(&file, length),
            Ballast::IsGivenBack => {
                tracing::error!(freed = size(length), "the disk is full: the last of it is for the database");
                fs::remove_file(&file)
            }
        }
    }

    fn data_dir(&self) -> &Path {
        self.dirs.first().map_or(Path::new("."), PathBuf::as_path)
    }

    fn fits(&self, directory: &Path, wanted: u64) -> io::Result<bool> {
        let disk = statvfs(directory)?;
        let files_fit = disk.f_files == 0 || disk.f_favail > disk.f_files / 20;
        let left = free(&disk).checked_sub(wanted);
        Ok(files_fit && left.is_some_and(|left| left >= kept(self.reserve, all(&disk))))
    }

    fn reserve_of(&self, directory: &Path) -> io::Result<u64> {
        Ok(kept(self.reserve, all(&statvfs(directory)?)))
    }

    fn kept(&self, directory: &Path) -> String {
        self.reserve_of(directory).map_or_else(|_| "some".to_owned(), size)
    }
}

/// Next step with a file that only takes room.
#[derive(Debug, PartialEq, Eq)]
enum Ballast {
    Stays,
    IsTaken,
    IsGivenBack,
}

/// Next step as so many bytes are left, of which a reserve is kept free, and the ballast has this length.
fn ballast(is_there: bool, left: u64, (reserve, length): (u64, u64)) -> Ballast {
    match is_there {
        true if left < length / 4 => Ballast::IsGivenBack,
        false if left > reserve.saturating_add(length) => Ballast::IsTaken,
        _ => Ballast::Stays,
    }
}

/// Bytes that are kept free of a filesystem of this size.
fn kept(reserve: Option<u64>, all: u64) -> u64 {
    reserve.unwrap_or_else(|| RESERVE.min(all / 20))
}

fn free(disk: &StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

fn all(disk: &StatVfs) -> u64 {
    disk.f_blocks.saturating_mul(disk.f_frsize)
}

/// Takes so many bytes of the disk; where its filesystem does not let that be done ahead, none.
fn take(file: &Path, length: u64) -> io::Result<()> {
    match fallocate(File::create(file)?, FallocateFlags::empty(), 0, length) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(fault) => {
            fs::remove_file(file)?;
            Err(fault.into())
        }
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_073_741_824 => format!("{} MiB", bytes >> 20),
        _ => format!("{}.{} GiB", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_disk_is_for_others() {
        let (gib, large) = (1 << 30, 1 << 40);
        assert_eq!(kept(None, large), gib);
        assert_eq!(kept(None, gib), gib / 20, "a small one keeps a twentieth");
        assert_eq!(kept(Some(5 * gib), gib), 5 * gib, "who says how much means it");
    }

    #[test]
    fn what_does_not_leave_enough_is_refused_with_words() {
        let dir = tempfile::tempdir().unwrap();
        let left = free(&statvfs(dir.path()).unwrap());
        let room = |reserve| Room::new(vec![dir.path().to_owned()], Some(reserve));
        assert!(room(0).check(dir.path(), 0).is_ok() && room(0).trouble().is_none());
        assert!(
            room(0).check(dir.path(), u64::MAX).is_err() && room(0).check(Path::new("/none"), 0).is_err()
        );
        let full = room(left * 2);
        assert!(full.check(dir.path(), 0).is_err());
        assert!(full.trouble().unwrap().contains("nearly full") && full.is_used_up().is_some());
        let nearly = room(left - left / 16);
        assert!(nearly.trouble().is_some() && nearly.is_used_up().is_none(), "what runs ends in peace");
    }

    #[test]
    fn the_ballast_is_taken_while_there_is_room_and_given_back_when_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = dir.path().join("ballast");
        let left = free(&statvfs(dir.path()).unwrap());
        let room = |reserve| Room::new(vec![dir.path().to_owned()], Some(reserve));
        room(left * 2).trim().unwrap();
        assert!(!ballast.exists(), "no room to take any");
        room(16 << 20).trim().unwrap();
        assert_eq!(ballast.metadata().unwrap().len(), 4 << 20);
        let steps = [(true, 15), (true, 16), (false, 0), (false, 300), (false, 321)];
        let steps = steps.map(|(is_there, left)| super::ballast(is_there, left, (256, 64)));
        assert_eq!(
            steps,
            [Ballast::IsGivenBack, Ballast::Stays, Ballast::Stays, Ballast::Stays, Ballast::IsTaken]
        );
    }

    #[test]
    fn sizes_are_said_as_people_read_them() {
        assert_eq!([0, 900 << 20, 1 << 30, 3 << 29].map(size), ["0 MiB", "900 MiB", "1.0 GiB", "1.5 GiB"]);
    }
}
