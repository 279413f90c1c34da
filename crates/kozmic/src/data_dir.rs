//! The data directory: used by one process at a time, with a key and a name of its own.

mod noted;

use crate::{failure::Failure, people};
use anyhow::{Context, anyhow};
use kozmic_edges::{private_dir, secret, store};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// The file that is locked by the process that uses the directory.
const LOCK: &str = "kozmic.lock";

/// Databases for tries have names with this prefix.
const TRIAL: &str = "trial-";

/// Longest time that a look at the lock takes, and the number of times that the lock is tried again.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 10;

/// The data directory, held by this process until dropped.
pub(crate) struct DataDir {
    path: PathBuf,
    /// The lock; none if the directory is shared.
    _lock: Option<File>,
}

impl DataDir {
    /// Makes the directory if it is missing, and takes it for this process alone.
    pub(crate) fn take(path: &Path) -> Result<Self, Failure> {
        private_dir::make(path).with_context(|| format!("make the data directory {}", path.display()))?;
        let path = path.canonicalize().context("find the data directory")?;
        warn_if_open(&path, judge_rights(&path)?);
        judge_owner(&path)?;
        let lock = lock(&path)?;
        remove_trials(&path)?;
        Ok(Self { path, _lock: Some(lock) })
    }

    /// Takes the directory of an installation, which is there.
    pub(crate) fn take_existing(path: &Path) -> Result<Self, Failure> {
        match found(path, &[LOCK, "instance", "secret_key"])? {
            Some(path) => Self::take(&path),
            None => Err(no_installation(path)),
        }
    }

    /// Locks the directory of a file as the server does whose data directory it is. None if it is this directory, or
    /// nobody's.
    pub(crate) fn lock_beside(&self, file: &Path) -> Result<Option<File>, Failure> {
        let parent = directory_of(file).ok();
        let others = parent.filter(|parent| *parent != self.path && parent.join(LOCK).exists());
        others.map(|parent| lock(&parent)).transpose()
    }

    /// True if a file is in this directory itself, not deeper.
    pub(crate) fn has(&self, file: &Path) -> bool {
        directory_of(file).is_ok_and(|parent| parent == self.path)
    }

    /// Opens the directory of an installation whose server may run meanwhile.
    pub(crate) fn share(path: &Path) -> Result<Self, Failure> {
        match found(path, &["instance"])? {
            Some(path) => Ok(Self { path, _lock: None }),
            None => Err(no_installation(path)),
        }
    }

    /// The directory, for a command that changes nothing; none if it is missing.
    ///
    /// # Errors
    /// It cannot be found, or everybody may write to it.
    pub(crate) fn look(path: &Path) -> anyhow::Result<Option<Self>> {
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(fault) if matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(fault) => {
                return Err(fault).with_context(|| format!("find the data directory {}", path.display()));
            }
        };
        judge_rights(&path)?;
        Ok(Some(Self { path, _lock: None }))
    }

    /// The process that uses the directory, in a few words; none if no process does.
    ///
    /// # Errors
    /// The lock cannot be read.
    pub(crate) fn holder(&self) -> anyhow::Result<Option<String>> {
        let lock = self.join(LOCK);
        let mut file = match File::open(&lock) {
            Ok(file) => file,
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(fault).with_context(|| format!("read {}", lock.display())),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let _ = file.read_to_string(&mut process);
                Ok(Some(format!("process {}", process.trim())))
            }
            Err(TryLockError::Error(fault)) => Err(fault).with_context(|| format!("lock {}", lock.display())),
        }
    }

    /// A path in the directory.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Path of a copy of the database for a try.
    pub(crate) fn trial(&self) -> PathBuf {
        self.join(&format!("{TRIAL}{}.db", std::process::id()))
    }

    /// Address of the database by default.
    pub(crate) fn database_url(&self) -> String {
        database_in(&self.path)
    }

    /// The key for sealing and signing, made at the first start.
    pub(crate) fn secret_key(&self) -> anyhow::Result<SecretString> {
        let key = self.keep("secret_key", secret::random)?;
        anyhow::ensure!(
            key.expose_secret().len() >= 32,
            "the key in {} is shorter than 32 characters: put the right one back from a backup, or remove the file to \
             have a new one made; everybody then signs in again and saves their hooks again",
            self.join("secret_key").display()
        );
        Ok(key)
    }

    /// The name of this installation. It is part of the keys of cached images, among others.
    pub(crate) fn instance(&self) -> anyhow::Result<String> {
        let name = self.keep("instance", random_name)?;
        self.is_name("instance", &name)
    }

    /// Checks that the text in one of the directory's files is a name, and gives it.
    fn is_name(&self, file: &str, name: &SecretString) -> anyhow::Result<String> {
        let name = name.expose_secret();
        anyhow::ensure!(
            name.len() == 12 && name.bytes().all(|digit| digit.is_ascii_hexdigit()),
            "the name in {} is not 12 hexadecimal digits: put the right one back from a backup, or remove the file to \
             have a new one made; containers that still run under the old name are then not found again",
            self.join(file).display()
        );
        Ok(name.to_owned())
    }

    /// The name of the runner in this directory's server. In directories from before runners had names of their own, it
    /// is the installation's name, because containers and images are marked with it.
    pub(crate) fn runner(&self) -> anyhow::Result<String> {
        let known = self.join("instance").exists().then(|| self.instance()).transpose()?;
        let name = self.keep("runner", || known.map_or_else(random_name, SecretString::from))?;
        self.is_name("runner", &name)
    }

    /// The content of a small file, which is made if it is missing. Only this user may read it.
    fn keep(&self, name: &str, make: impl FnOnce() -> SecretString) -> anyhow::Result<SecretString> {
        let path = self.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok(text.trim().into()),
            Err(fault) if fault.kind() == ErrorKind::NotFound => {}
            Err(fault) => return Err(fault).with_context(|| format!("read {}", path.display())),
        }
        let value = make();
        let written = write_whole(&path, &format!("{}\n", value.expose_secret()));
        written.with_context(|| format!("write {}", path.display()))?;
        Ok(value)
    }
}

/// The whole path of a directory that has one of these files; none if it has none of them, or is missing.
fn found(path: &Path, files: &[&str]) -> Result<Option<PathBuf>, Failure> {
    let looked = path.canonicalize().and_then(|path| {
        for file in files {
            if path.join(file).try_exists()? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    });
    match looked {
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
        looked => {
            let look = || format!("look into {}: run this command as the server's user", path.display());
            Ok(looked.with_context(look)?)
        }
    }
}

fn no_installation(path: &Path) -> Failure {
    Failure::other(anyhow!(
        "there is no Kozmic installation in {}: set data_dir, or name the settings file with --config",
        path.display()
    ))
}

/// Takes the lock of a data directory.
fn lock(path: &Path) -> Result<File, Failure> {
    let lock = path.join(LOCK);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock);
    let mut file = file.with_context(|| {
        format!(
            "open {}: if its files are another user's, run this command as that user, as the server does",
            lock.display()
        )
    })?;
    match lock_soon(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let _ = file.read_to_string(&mut process);
            return Err(Failure::DataDirInUse { path: path.to_owned(), process: process.trim().to_owned() });
        }
        Err(TryLockError::Error(fault)) => return Err(Failure::other(fault.into())),
    }
    // The number is only a note for people: a full disk may have no room for it.
    if let Err(fault) = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())) {
        tracing::warn!(%fault, "the process cannot be noted in {}", lock.display());
    }
    Ok(file)
}

/// The directory of a file, without links. A name alone is in the current directory.
fn directory_of(file: &Path) -> io::Result<PathBuf> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).canonicalize()
}

/// Address of the database in a data directory by default.
pub(crate) fn database_in(path: &Path) -> String {
    format!("{}?mode=rwc", store::address_of(&path.join("kozmic.db")))
}

/// A random name of 12 hexadecimal digits.
fn random_name() -> SecretString {
    secret::random().expose_secret()[..12].into()
}

/// Removes the files of a killed try: no other process has the directory, so no try is in progress.
fn remove_trials(path: &Path) -> anyhow::Result<()> {
    for file in std::fs::read_dir(path).context("look into the data directory")?.flatten() {
        let name = file.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(TRIAL)) else { continue };
        if rest.ends_with(".db") || rest.ends_with(".db-wal") || rest.ends_with(".db-shm") {
            std::fs::remove_file(file.path()).with_context(|| format!("remove {}", file.path().display()))?;
        }
    }
    Ok(())
}

/// Writes a file so that it is complete or absent, whenever the machine stops.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let begun = path.with_extension("begun");
    match std::fs::remove_file(&begun) {
        Err(fault) if fault.kind() != ErrorKind::NotFound => return Err(fault),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&begun)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&begun, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// Takes the lock. Waits only as long as `kozmic check` may hold it.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            ended => return ended,
        }
    }
    file.try_lock()
}

/// Refuses root in another user's directory: that user could not open the files that root makes there.
fn judge_owner(path: &Path) -> anyhow::Result<()> {
    let Some(owner) = people::owner_other_than_root(path).context("look at the data directory")? else {
        return Ok(());
    };
    anyhow::bail!(
        "the data directory {} belongs to {}, who could not open what root makes there: run this command as that user, as \
         the server does",
        path.display(),
        people::user(owner)
    );
}

/// Refuses a directory to which everybody may write; gives its mode.
fn judge_rights(path: &Path) -> anyhow::Result<u32> {
    let mode = std::fs::metadata(path).context("look at the data directory")?.permissions().mode();
    anyhow::ensure!(
        mode & 0o002 == 0,
        "every user of this machine can write to {0} and put a key or a database of their own there: run chmod o-w {0}, and \
         check who owns the files in it",
        path.display()
    );
    Ok(mode & 0o777)
}

/// Warns about a directory that others may read. Its mode stays: its owner may have set it on purpose.
fn warn_if_open(path: &Path, mode: u32) {
    if mode & 0o077 != 0 {
        let mode = format!("{mode:03o}");
        let path = path.display();
        tracing::warn!(mode, "other users may look into the data directory: run chmod 700 {path}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_directory_that_everybody_may_write_in_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let set = |mode| std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o757);
        let Err(fault) = DataDir::take(dir.path()) else { panic!("it is refused") };
        assert!(fault.to_string().contains("chmod o-w "), "{fault}");
        set(0o770);
        assert!(DataDir::take(dir.path()).is_ok(), "a group may have been given it");
    }

    #[test]
    fn a_directory_is_taken_once_and_keeps_its_key_and_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let taken = DataDir::take(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let Err(Failure::DataDirInUse { process, .. }) = DataDir::take(&path) else { panic!("in use") };
        assert_eq!(process, std::process::id().to_string());
        let (key, name) = (taken.secret_key().unwrap(), taken.instance().unwrap());
        drop(taken);
        let again = DataDir::take(&path).unwrap();
        assert_eq!(again.secret_key().unwrap().expose_secret(), key.expose_secret());
        assert_eq!(again.instance().unwrap(), name);
    }

    #[test]
    fn what_a_killed_trial_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["trial-7.db", "trial-7.db-wal", "trial-7.db-shm", "trial-7.txt", "kozmic.db"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let taken = DataDir::take(dir.path()).unwrap();
        let is_there = |name: &str| taken.join(name).exists();
        assert!(!is_there("trial-7.db") && !is_there("trial-7.db-wal") && !is_there("trial-7.db-shm"));
        assert!(is_there("trial-7.txt") && is_there("kozmic.db"));
    }

    #[test]
    fn a_new_directory_names_its_runner_and_an_old_one_keeps_the_name_that_its_containers_have() {
        let dir = tempfile::tempdir().unwrap();
        let new = DataDir::take(&dir.path().join("new")).unwrap();
        let (runner, instance) = (new.runner().unwrap(), new.instance().unwrap());
        assert_ne!(runner, instance);
        assert_eq!(new.runner().unwrap(), runner);
        let old = DataDir::take(&dir.path().join("old")).unwrap();
        std::fs::write(old.join("instance"), "0123456789ab\n").unwrap();
        assert_eq!(old.runner().unwrap(), "0123456789ab");
    }

    #[test]
    fn a_key_or_name_that_was_cut_off_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let taken = DataDir::take(dir.path()).unwrap();
        for (name, text) in
            [("secret_key", ""), ("secret_key", "0123"), ("instance", ""), ("instance", "0123456789xy")]
        {
            std::fs::write(taken.join(name), text).unwrap();
            let refusal = match name {
                "instance" => taken.instance().unwrap_err(),
                _ => taken.secret_key().unwrap_err(),
            };
            let words = refusal.to_string();
            let path = taken.join(name).display().to_string();
            assert!(words.contains(&path) && words.contains("remove the file"), "{words}");
        }
    }

    #[test]
    fn a_kept_file_is_whole_and_private_even_after_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let taken = DataDir::take(dir.path()).unwrap();
        std::fs::write(taken.join("secret_key.begun"), "01").unwrap();
        let key = taken.secret_key().unwrap();
        let path = taken.join("secret_key");
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), key.expose_secret());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!taken.join("secret_key.begun").exists());
    }
}
