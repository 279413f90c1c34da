//! Room on disks: a part is kept free for the database and for later work. It is one rule for logs, checkouts, mirrors
//! and artifacts: everything that writes a lot asks here.

use rustix::{
    fs::{FallocateFlags, StatVfs, fallocate, statvfs},
    io::Errno,
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The bytes that are kept free by default; of a small filesystem, a twentieth.
const RESERVE: u64 = 1 << 30;

/// The divisor for the part of a filesystem's inodes that is kept free: a disk with many small files is full, too.
const INODES: u64 = 20;

/// The largest ballast file, in bytes. The ballast is never more than a quarter of the reserve.
const BALLAST: u64 = 64 << 20;

/// The rule for free room on disks; cheap to clone.
#[derive(Clone, Debug)]
pub struct Room {
    /// The directories with Kozmic's files.
    dirs: Arc<[PathBuf]>,
    /// The bytes to keep free; none: the default. With 0, nothing is kept free.
    reserve: Option<u64>,
    /// True if the machine has no database, but only runs jobs.
    is_runners: bool,
}

/// The resource that a disk lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// Bytes.
    Bytes,
    /// Inodes: each new file needs one.
    Inodes,
}

impl Room {
    /// Keeps this number of bytes free on the disks of these directories; the first is the data directory.
    pub fn new(dirs: Vec<PathBuf>, reserve: Option<u64>) -> Self {
        Self { dirs: dirs.into(), reserve, is_runners: false }
    }

    /// The same rule on a machine that only runs jobs. Its reasons name the runner's disk.
    #[must_use]
    pub fn of_a_runner(self) -> Self {
        Self { is_runners: true, ..self }
    }

    /// Checks that one more file of this size leaves the reserve free on the disk of a directory.
    ///
    /// # Errors
    /// The reserve would be used.
    pub fn check(&self, directory: &Path, wanted: u64) -> io::Result<()> {
        let why = match self.lack(directory, wanted, 1)? {
            None => return Ok(()),
            Some(Lack::Bytes) => "the disk would be too full",
            Some(Lack::Inodes) => "the disk has too few inodes left for more files",
        };
        Err(io::Error::new(io::ErrorKind::StorageFull, why))
    }

    /// The reason why so many more bytes and files do not fit on the disk of the data directory, as the rest of a
    /// sentence. If the disk cannot be checked, everything fits.
    pub fn refuses(&self, bytes: u64, files: u64) -> Option<String> {
        let dir = self.data_dir();
        Some(self.words(dir, self.lack(dir, bytes, files).ok()??))
    }

    /// The reason to stop a job that writes to one of Kozmic's own disks, as the rest of a sentence. If a disk cannot
    /// be checked, no job is stopped.
    pub fn is_used_up(&self) -> Option<String> {
        self.dirs.iter().find_map(|dir| Some(self.words(dir, self.lack(dir, 0, 0).ok()??)))
    }

    /// The reason why no job may begin, in a sentence. Beside the reserve, an eighth of it must be free, because
    /// otherwise the job would be stopped soon.
    pub fn trouble(&self) -> Option<String> {
        let low = |dir: &PathBuf| {
            let disk = statvfs(dir).ok()?;
            let (bytes, files) = (kept(self.reserve, all(&disk)) / 8, disk.f_files / INODES / 8);
            Some(self.words(dir, self.lack_of(&disk, bytes, files)?))
        };
        let words = self.dirs.iter().find_map(low)?.replacen("the ", "The ", 1);
        Some(format!("{words}. Jobs wait until there is more room."))
    }

    /// The free bytes and the reserve, for the operators of the server.
    ///
    /// # Errors
    /// The disk cannot be checked.
    pub fn summary(&self) -> io::Result<String> {
        let dir = self.data_dir();
        let disk = statvfs(dir)?;
        let inodes = match disk.f_files {
            0 => String::new(),
            all => {
                let free = disk.f_favail.saturating_mul(100) / all;
                let kept = if self.reserve == Some(0) { 0 } else { 100 / INODES };
                format!(", {free} % of its inodes free, {kept} % kept free")
            }
        };
        Ok(format!("{} free, {} kept free{inodes}", size(free(&disk)), self.kept(dir)))
    }

    /// The free and all bytes of the data directory's disk.
    ///
    /// # Errors
    /// The disk cannot be checked.
    pub fn disk(&self) -> io::Result<(u64, u64)> {
        let disk = statvfs(self.data_dir())?;
        Ok((free(&disk), all(&disk)))
    }

    /// Removes the ballast file when the disk is full, so that the database can still store what was promised. Makes it
    /// again when there is room.
    ///
    /// # Errors
    /// The disk refuses.
    /// The disk does not do it.
    pub fn trim(&self) -> io::Result<()> {
        let (dir, file) = (self.data_dir(), self.data_dir().join("ballast"));
        let (left, reserve) = (free(&statvfs(dir)?), self.reserve_of(dir)?);
        match ballast(file.exists(), left, reserve) {
            Ballast::Stays => Ok(()),
            Ballast::IsTaken => take(&file, ballast_length(reserve)),
            Ballast::IsGivenBack => {
                let freed = size(fs::metadata(&file)?.blocks().saturating_mul(512));
                tracing::error!(freed, "the disk is full: the last of it is for the database");
                fs::remove_file(&file)
            }
        }
    }

    fn data_dir(&self) -> &Path {
        self.dirs.first().map_or(Path::new("."), PathBuf::as_path)
    }

    /// The lack after this number of additional bytes and files.
    fn lack(&self, directory: &Path, bytes: u64, files: u64) -> io::Result<Option<Lack>> {
        Ok(self.lack_of(&statvfs(directory)?, bytes, files))
    }

    fn lack_of(&self, disk: &StatVfs, bytes: u64, files: u64) -> Option<Lack> {
        let left = free(disk).checked_sub(bytes);
        let bytes_fit = left.is_some_and(|left| left >= kept(self.reserve, all(disk)));
        let inodes_fit =
            self.reserve == Some(0) || inodes_fit(disk.f_favail.saturating_sub(files), disk.f_files);
        (!bytes_fit).then_some(Lack::Bytes).or((!inodes_fit).then_some(Lack::Inodes))
    }

    fn words(&self, directory: &Path, lack: Lack) -> String {
        let (disk, purpose) = match self.is_runners {
            true => ("the runner's disk", "later jobs"),
            false => ("the server's disk", "the database"),
        };
        match lack {
            Lack::Bytes => {
                let (left, kept) = (
                    statvfs(directory).map_or_else(|_| "little".to_owned(), |disk| size(free(&disk))),
                    self.kept(directory),
                );
                format!("{disk} is nearly full: {left} is free, and disk_reserve keeps {kept} for {purpose}")
            }
            Lack::Inodes => format!(
                "{disk} is nearly out of inodes (too many small files): a {INODES}th of them is kept free for {purpose}"
            ),
        }
    }

    fn reserve_of(&self, directory: &Path) -> io::Result<u64> {
        Ok(kept(self.reserve, all(&statvfs(directory)?)))
    }

    fn kept(&self, directory: &Path) -> String {
        self.reserve_of(directory).map_or_else(|_| "some".to_owned(), size)
    }
}

/// The next step with the ballast file, which only takes room.
#[derive(Debug, PartialEq, Eq)]
enum Ballast {
    Stays,
    IsTaken,
    IsGivenBack,
}

/// The next step if this number of bytes is left, with this reserve.
fn ballast(is_there: bool, left: u64, reserve: u64) -> Ballast {
    let length = ballast_length(reserve);
    match is_there {
        true if left < length / 4 => Ballast::IsGivenBack,
        false if left > reserve.saturating_add(length) => Ballast::IsTaken,
        _ => Ballast::Stays,
    }
}

/// The length of the ballast for a reserve, in bytes.
fn ballast_length(reserve: u64) -> u64 {
    BALLAST.min(reserve / 4)
}

/// The bytes that are kept free on a filesystem of this size.
fn kept(reserve: Option<u64>, all: u64) -> u64 {
    reserve.unwrap_or_else(|| RESERVE.min(all / 20))
}

fn free(disk: &StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

fn all(disk: &StatVfs) -> u64 {
    disk.f_blocks.saturating_mul(disk.f_frsize)
}

/// True if enough of a filesystem's inodes are free. A filesystem that reports 0 has no limit.
fn inodes_fit(free: u64, all: u64) -> bool {
    all == 0 || free > all / INODES
}

/// Allocates this number of bytes on the disk.
fn take(path: &Path, length: u64) -> io::Result<()> {
    let file = File::create(path)?;
    let taken = match fallocate(&file, FallocateFlags::empty(), 0, length) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(&file, length),
        taken => taken.map_err(io::Error::from),
    };
    taken.or_else(|fault| fs::remove_file(path).and(Err(fault)))
}

/// Writes zeros, for a filesystem that cannot allocate in advance.
fn fill(mut file: &File, length: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file).map(drop)
}

/// A number of bytes for people.
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
        assert!(full.words(dir.path(), Lack::Inodes).contains("nearly out of inodes"));
        assert!(full.trouble().unwrap().contains("nearly full") && full.is_used_up().is_some());
        let nearly = room(left - left / 16);
        assert!(nearly.trouble().is_some() && nearly.is_used_up().is_none(), "what runs ends in peace");
        assert!(
            nearly.refuses(0, 0).is_none() && nearly.refuses(left / 8, 0).unwrap().contains("nearly full")
        );
        assert!(nearly.refuses(0, u64::MAX).is_some_and(|why| why.contains("inodes")) || inodes_fit(0, 0));
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
        let steps = steps.map(|(is_there, left)| super::ballast(is_there, left, 256));
        assert_eq!(
            steps,
            [Ballast::IsGivenBack, Ballast::Stays, Ballast::Stays, Ballast::Stays, Ballast::IsTaken]
        );
    }

    #[test]
    fn a_disk_of_many_small_files_keeps_some_inodes() {
        assert!(inodes_fit(51, 1_000) && !inodes_fit(50, 1_000));
        assert!(inodes_fit(0, 0), "as many as it needs");
    }

    #[test]
    fn a_job_begins_with_an_eighth_more_inodes_than_are_kept_free_as_with_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::new(vec![dir.path().to_owned()], None);
        let mut disk = statvfs(dir.path()).unwrap();
        (disk.f_bavail, disk.f_blocks, disk.f_files) = (1 << 40, 1 << 40, 16_000);
        let lacks = |free: u64| {
            let disk = StatVfs { f_favail: free, ..disk };
            [room.lack_of(&disk, 0, 0), room.lack_of(&disk, 0, disk.f_files / INODES / 8)]
        };
        assert_eq!(lacks(901), [None, None]);
        assert_eq!(lacks(900), [None, Some(Lack::Inodes)], "what runs goes on");
        assert_eq!(lacks(800), [Some(Lack::Inodes); 2]);
    }

    #[test]
    fn ballast_takes_room_also_where_none_is_given_ahead() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fill(file.as_file(), 300_000).unwrap();
        assert_eq!(file.as_file().metadata().unwrap().len(), 300_000);
    }

    #[test]
    fn sizes_are_said_as_people_read_them() {
        assert_eq!([0, 900 << 20, 1 << 30, 3 << 29].map(size), ["0 MiB", "900 MiB", "1.0 GiB", "1.5 GiB"]);
    }
}
