//! Puts files in place together. Each file is complete or absent, whenever the command or the machine stops.

use anyhow::{Context, Result};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown},
    path::{Path, PathBuf},
};

/// A file to write.
pub(super) struct NewFile {
    /// The file's path. A present file is replaced.
    pub(super) path: PathBuf,
    /// The file's whole text.
    pub(super) text: SecretString,
    /// The rights of its owner and group, unless a present file has rights already.
    pub(super) mode: u32,
    /// The file's group; none: this process's.
    pub(super) group: Option<u32>,
    /// The path at which the present file is kept; none: it is not kept.
    pub(super) old: Option<PathBuf>,
    /// A file whose owner and group a new file gets if it has no group of its own, so that the same user can read both.
    pub(super) beside: Option<PathBuf>,
}

/// A complete file that is not in its place yet.
struct Begun {
    begun: PathBuf,
    place: PathBuf,
}

/// Puts the files in place, in this order. Nothing is changed before all of them are on the disk.
///
/// # Errors
/// Names the file and the system's error. The former files are unchanged, unless the words say otherwise.
pub(super) fn put(files: &[NewFile]) -> Result<()> {
    let mut begun = Vec::new();
    for file in files {
        let written = begin(file, &mut begun);
        if let Err(fault) = written.with_context(|| format!("write {}", file.path.display())) {
            remove(&begun);
            return Err(fault.context("nothing was changed"));
        }
    }
    for Begun { begun, place } in &begun {
        fs::rename(begun, place).with_context(|| format!("put {} in place", place.display()))?;
    }
    begun.iter().filter_map(|file| file.place.parent()).try_for_each(|dir| File::open(dir)?.sync_all())?;
    Ok(())
}

/// Writes a new file beside its place. Before that it writes the copy of the file that is replaced.
fn begin(file: &NewFile, begun: &mut Vec<Begun>) -> io::Result<()> {
    make_dir(file)?;
    let there = match fs::metadata(&file.path) {
        Ok(there) => Some(there),
        Err(fault) if fault.kind() == ErrorKind::NotFound => None,
        Err(fault) => return Err(fault),
    };
    if let (Some(there), Some(old)) = (&there, &file.old) {
        let text = fs::read(&file.path)?;
        begun.push(write(old, &text, |new| keep_rights(new, there))?);
    }
    let text = file.text.expose_secret().as_bytes();
    begun.push(write(&file.path, text, |new| match &there {
        // A person chose the file's group, or there is no group to give it.
        Some(there) if file.group.is_none() || there.gid() != 0 => keep_rights(new, there),
        _ => give_rights(new, file),
    })?);
    Ok(())
}

/// Makes the directory of a file, and closes it to others like the file.
fn make_dir(file: &NewFile) -> io::Result<()> {
    let Some(dir) = file.path.parent().filter(|dir| !dir.exists()) else { return Ok(()) };
    let mode = if file.group.is_some() { 0o750 } else { 0o700 };
    DirBuilder::new().recursive(true).mode(mode).create(dir)?;
    // This process's umask removes the rights of others.
    fs::set_permissions(dir, Permissions::from_mode(mode))?;
    file.group.map_or(Ok(()), |group| chown(dir, None, Some(group)))
}

fn write(place: &Path, text: &[u8], rights: impl FnOnce(&File) -> io::Result<()>) -> io::Result<Begun> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let begun = place.with_file_name(format!(".{name}.begun"));
    // Removes the file that a stopped command left.
    match fs::remove_file(&begun) {
        Err(fault) if fault.kind() != ErrorKind::NotFound => return Err(fault),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&begun)?;
    let written = file.write_all(text).and_then(|()| rights(&file)).and_then(|()| file.sync_all());
    let begun = Begun { begun, place: place.to_owned() };
    written.inspect_err(|_| remove(std::slice::from_ref(&begun)))?;
    Ok(begun)
}

/// Gives a file the owner, group and rights of the former one. Others get no rights: no settings file is for them.
fn keep_rights(new: &File, former: &Metadata) -> io::Result<()> {
    let now = new.metadata()?;
    if (now.uid(), now.gid()) != (former.uid(), former.gid()) {
        fchown(new, Some(former.uid()), Some(former.gid()))?;
    }
    new.set_permissions(Permissions::from_mode(former.mode() & 0o660))
}

fn give_rights(new: &File, file: &NewFile) -> io::Result<()> {
    let beside =
        file.beside.as_ref().filter(|_| file.group.is_none()).and_then(|path| fs::metadata(path).ok());
    match (file.group, beside) {
        (Some(group), _) => fchown(new, None, Some(group))?,
        (None, Some(beside)) if beside.uid() != new.metadata()?.uid() => {
            fchown(new, Some(beside.uid()), Some(beside.gid()))?;
        }
        _ => {}
    }
    new.set_permissions(Permissions::from_mode(file.mode))
}

fn remove(begun: &[Begun]) {
    for Begun { begun, .. } in begun {
        // The next start of the command removes a file that stays.
        let _ = fs::remove_file(begun);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: PathBuf, text: &str, mode: u32) -> NewFile {
        NewFile { path, text: text.into(), mode, group: None, old: None, beside: None }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn files_are_put_whole_with_the_rights_that_they_are_given() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join("etc").join(name);
        put(&[file(at("secret"), "hush\n", 0o600), file(at("kozmic.toml"), "log = 1\n", 0o640)]).unwrap();
        assert_eq!(fs::read_to_string(at("secret")).unwrap(), "hush\n");
        assert_eq!((mode(&at("secret")), mode(&at("kozmic.toml")), mode(&at(""))), (0o600, 0o640, 0o700));
        assert_eq!(names(&at("")), ["kozmic.toml", "secret"]);
    }

    #[test]
    fn what_is_replaced_is_kept_and_its_rights_stay_but_for_strangers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kozmic.toml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        fs::write(dir.path().join(".kozmic.toml.begun"), "of a stopped run").unwrap();
        let old = Some(dir.path().join("kozmic.toml.bak"));
        put(&[NewFile { old, ..file(path.clone(), "new", 0o640) }]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_to_string(dir.path().join("kozmic.toml.bak")).unwrap(), "old");
        assert_eq!((mode(&path), mode(&dir.path().join("kozmic.toml.bak"))), (0o660, 0o660));
        assert_eq!(names(dir.path()), ["kozmic.toml", "kozmic.toml.bak"]);
    }

    #[test]
    fn a_new_secret_is_for_the_user_of_the_settings_that_it_came_out_of() {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("kozmic.toml");
        fs::write(&settings, "").unwrap();
        // Only root can give a file to another owner.
        let owner = chown(&settings, Some(1_234), Some(1_234))
            .map_or(fs::metadata(&settings).unwrap().uid(), |()| 1_234);
        let secret = dir.path().join("secret");
        put(&[NewFile { beside: Some(settings), ..file(secret.clone(), "hush", 0o600) }]).unwrap();
        assert_eq!((fs::metadata(&secret).unwrap().uid(), mode(&secret)), (owner, 0o600));
    }

    #[test]
    fn nothing_changes_if_one_of_the_files_cannot_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, "old").unwrap();
        fs::write(dir.path().join("no-directory"), "").unwrap();
        let elsewhere = dir.path().join("no-directory/kozmic.toml");
        let fault = put(&[file(secret.clone(), "new", 0o600), file(elsewhere, "", 0o640)]).unwrap_err();
        assert!(format!("{fault:#}").starts_with("nothing was changed: write "), "{fault:#}");
        assert_eq!(fs::read_to_string(&secret).unwrap(), "old");
        assert_eq!(names(dir.path()), ["no-directory", "secret"]);
    }
}
