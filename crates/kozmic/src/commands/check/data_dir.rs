//! Looks of `kozmic check` at the data directory and the database. Nothing is made or written there: root may run the
//! check, and the server could not open root's files.

use crate::commands::finding::Finding;
use crate::{
    data_dir::{DataDir, database_in},
    failure::said_once,
    people,
    settings::Settings,
    wire,
};
use kozmic_edges::store::{self, Condition};
use rustix::{
    fs::{Access, access},
    process::geteuid,
};
use std::{
    fs::metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Files in the directory that the server opens at its start.
const OPENED: [&str; 12] = [
    "kozmic.lock",
    "secret_key",
    "instance",
    "runner",
    "kozmic.db",
    "kozmic.db-wal",
    "kozmic.db-shm",
    "ballast",
    "logs",
    "mirrors",
    "work",
    "artifacts",
];

/// Directories in the data directory.
const DIRECTORIES: [&str; 3] = ["logs", "mirrors", "work"];

/// The findings about the directory and the database.
pub(super) struct Found {
    pub(super) directory: Finding,
    pub(super) database: Finding,
    /// True if a server uses it now.
    pub(super) is_served: bool,
}

/// Looks at the directory and the database.
pub(super) async fn look(settings: &Settings) -> Found {
    let path = &settings.server.data_dir;
    let mut belongs = Ok(());
    let (directory, holder) = match DataDir::look(path) {
        Ok(None) => (to_be_made(path).into(), None),
        Ok(Some(dir)) => {
            belongs = dir.judge_database(&wire::database_url(settings, &dir));
            match dir.holder() {
                Ok(holder) => (directory(settings, &dir, holder.as_deref()), holder),
                Err(fault) => (Finding::Bad(said_once(&fault)), None),
            }
        }
        Err(fault) => (Finding::Bad(said_once(&fault)), None),
    };
    let database = match belongs {
        Ok(()) => database(settings, holder.as_deref()).await.into(),
        Err(fault) => Finding::Bad(fault.to_string()),
    };
    Found { directory, database, is_served: holder.is_some() }
}

/// Judges if a missing directory can be made.
fn to_be_made(path: &Path) -> Result<String, String> {
    may_write(path).map(|_| format!("{} is not there yet; the server makes it as it starts", path.display()))
}

/// Judges if this user may write in a directory, or in the nearest existing directory above it. Gives the one that
/// exists.
pub(super) fn may_write(path: &Path) -> Result<PathBuf, String> {
    let path = std::path::absolute(path).map_err(|fault| format!("{}: {fault}", path.display()))?;
    let nearest = path.ancestors().find(|place| place.exists()).unwrap_or(Path::new("/"));
    let fault = match access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        _ if !nearest.is_dir() => "that is no directory".to_owned(),
        Ok(()) => return Ok(nearest.to_owned()),
        Err(fault) => format!("{fault}, as {}", people::user(geteuid().as_raw())),
    };
    match nearest == path {
        true => Err(format!("cannot write to {}: {fault}", path.display())),
        false => {
            Err(format!("cannot make {}: cannot write to {}: {fault}", path.display(), nearest.display()))
        }
    }
}

fn directory(settings: &Settings, dir: &DataDir, holder: Option<&str>) -> Finding {
    let path = dir.join("");
    let checked = may_write(&path)
        .and_then(|_| strangers(&path))
        .and_then(|()| kept(settings, dir))
        .and_then(|()| room(settings, dir));
    let room = match checked {
        Ok(room) => room,
        Err(fault) => return Finding::Bad(fault),
    };
    let used = holder.map(|holder| format!(", used by {holder}")).unwrap_or_default();
    let found = format!("{}{used}; {room}", path.display());
    match people::owner_other_than_root(&path) {
        Ok(Some(owner)) => Finding::Mind(format!(
            "{found}; it belongs to {0}, and this is root, who gets everywhere: run check as {0} to see what the server can do",
            people::user(owner)
        )),
        _ => Finding::Well(found),
    }
}

/// Fails if a file does not belong to the owner of the directory.
fn strangers(path: &Path) -> Result<(), String> {
    let owner = |path: &Path| metadata(path).ok().map(|found| found.uid());
    let Some(right) = owner(path) else { return Ok(()) };
    let wrong = OPENED
        .iter()
        .map(|name| path.join(name))
        .filter(|file| owner(file).is_some_and(|owner| owner != right));
    let wrong = wrong.map(|file| file.display().to_string()).collect::<Vec<_>>();
    if wrong.is_empty() {
        return Ok(());
    }
    let files = wrong.join(" ");
    Err(format!(
        "{files}: made by another user than {}, whose directory it is, and who may not be able to open it: run chown -R {right} {files}",
        people::user(right)
    ))
}

/// Judges the key and names, as far as they exist and are used, and the kinds of directories.
fn kept(settings: &Settings, dir: &DataDir) -> Result<(), String> {
    let is_there = |name: &str| match dir.join(name).try_exists() {
        Ok(is_there) => Ok(is_there),
        Err(fault) => Err(format!("{}: {fault}", dir.join(name).display())),
    };
    if settings.server.secret_key.is_none() && is_there("secret_key")? {
        dir.secret_key().map_err(|fault| said_once(&fault))?;
    }
    if is_there("instance")? {
        dir.instance().map_err(|fault| said_once(&fault))?;
    }
    if is_there("runner")? {
        dir.runner().map_err(|fault| said_once(&fault))?;
    }
    let odd = DIRECTORIES.iter().map(|name| dir.join(name)).find(|path| path.exists() && !path.is_dir());
    odd.map_or(Ok(()), |path| Err(format!("{} is no directory", path.display())))
}

/// The room on the disks. Too little is a fault.
fn room(settings: &Settings, dir: &DataDir) -> Result<String, String> {
    let room = wire::room(settings, dir);
    match room.trouble() {
        Some(trouble) => Err(trouble.trim_end_matches('.').to_owned()),
        None => room.summary().map_err(|fault| fault.to_string()),
    }
}

async fn database(settings: &Settings, holder: Option<&str>) -> Result<String, String> {
    let elsewhere = settings.server.database_url.clone();
    let url = elsewhere.clone().unwrap_or_else(|| database_in(&settings.server.data_dir));
    if store::is_server(&url) {
        return on_server(&url).await;
    }
    let file = store::file_of(&url).unwrap_or_default();
    let name = file.display();
    if let Some(holder) = holder {
        return Ok(format!("{name}, in use by {holder}"));
    }
    let is_there = file.try_exists().map_err(|fault| format!("{name}: {fault}"))?;
    let log = PathBuf::from(format!("{name}-wal"));
    if metadata(&log).is_ok_and(|found| found.len() > 0) {
        return Ok(format!(
            "{name}: a server that was killed left {} beside it, which the next start takes in; what is in it is not looked at",
            log.display()
        ));
    }
    let condition = match elsewhere.is_none() && !is_there {
        true => Condition::Missing,
        false => store::look(&url).await.map_err(|fault| format!("{name}: {}", said_once(&fault)))?,
    };
    if condition != Condition::Missing {
        access(&file, Access::WRITE_OK).map_err(|fault| format!("cannot write to {name}: {fault}"))?;
    }
    Ok(match condition {
        Condition::Missing => format!("{name} is not there yet; the server makes it as it starts"),
        Condition::Ready => format!("{name} is up to date"),
        Condition::Behind(steps) => format!(
            "{name} is of an older version: the server brings it up to date as it starts ({}), after which older \
             versions refuse it; have a backup",
            steps_in_words(steps)
        ),
    })
}

async fn on_server(url: &str) -> Result<String, String> {
    let name = store::shown_address(url);
    match store::look(url).await.map_err(|fault| format!("{name}: {}", said_once(&fault)))? {
        Condition::Missing => Ok(format!("{name} is empty; the server makes its tables as it starts")),
        Condition::Ready => Ok(format!("{name} is up to date")),
        Condition::Behind(steps) => Err(format!(
            "{name} is of an older version ({}): stop all servers on it, make a backup, and run kozmic migrate",
            steps_in_words(steps)
        )),
    }
}

fn steps_in_words(steps: usize) -> String {
    match steps {
        1 => "1 step".to_owned(),
        steps => format!("{steps} steps"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::chown};

    #[test]
    fn a_directory_is_judged_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().to_owned();
        assert_eq!(may_write(&here), Ok(here.clone()));
        assert_eq!(may_write(&here.join("artifacts/binary")), Ok(here.clone()));
        assert_eq!(fs::read_dir(&here).unwrap().count(), 0, "nothing is left behind");
        fs::write(here.join("file"), "").unwrap();
        let fault = may_write(&here.join("file/kernel")).unwrap_err();
        assert!(
            fault.starts_with("cannot make ") && fault.ends_with("/file: that is no directory"),
            "{fault}"
        );
        let fault = may_write(&here.join("file")).unwrap_err();
        assert!(fault.starts_with("cannot write to ") && fault.ends_with("that is no directory"), "{fault}");
    }

    #[test]
    fn a_file_of_another_user_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret_key"), "").unwrap();
        fs::write(dir.path().join("of-nobody"), "").unwrap();
        assert_eq!(strangers(dir.path()), Ok(()));
        if geteuid().is_root() {
            chown(dir.path(), Some(4_242), None).unwrap();
            let fault = strangers(dir.path()).unwrap_err();
            assert!(fault.contains("/secret_key: ") && fault.contains("run chown -R 4242 "), "{fault}");
            assert!(!fault.contains("of-nobody"), "{fault}");
        }
    }
}
