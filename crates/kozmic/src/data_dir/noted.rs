//! The database to which a data directory belongs. A server notes it when it has taken the database. So a server whose
//! settings name another one by mistake does not begin anew in an empty or old database.

use super::{DataDir, directory_of, write_whole};
use crate::failure::Failure;
use anyhow::Context;
use kozmic_edges::store;
use std::io::ErrorKind;

/// The file with the database's name, without user and password.
const NOTE: &str = "database";

impl DataDir {
    /// Refuses a database that is not the noted one.
    ///
    /// # Errors
    /// It is another one, or the note cannot be read.
    pub(crate) fn judge_database(&self, url: &str) -> Result<(), Failure> {
        match self.noted_database()? {
            Some(noted) if noted != self.named(url) => Err(Failure::OtherDatabase {
                path: self.join(""),
                noted: self.shown(&noted),
                given: store::name_of(url),
                note: self.join(NOTE),
            }),
            _ => Ok(()),
        }
    }

    /// Notes that the directory belongs to the database at an address.
    ///
    /// # Errors
    /// The note cannot be written.
    pub(crate) fn note_database(&self, url: &str) -> anyhow::Result<()> {
        let name = self.named(url);
        if self.noted_database()?.as_ref() == Some(&name) {
            return Ok(());
        }
        let note = self.join(NOTE);
        write_whole(&note, &format!("{name}\n")).with_context(|| format!("write {}", note.display()))
    }

    /// True if the directory belongs to the database at an address. Without a note, that is the one that the settings
    /// name.
    ///
    /// # Errors
    /// The note cannot be read.
    pub(crate) fn belongs_to(&self, url: &str, of_settings: &str) -> anyhow::Result<bool> {
        let noted = self.noted_database()?.unwrap_or_else(|| self.named(of_settings));
        Ok(noted == self.named(url))
    }

    /// True if two addresses lead to the same database.
    pub(crate) fn is_same_database(&self, one: &str, other: &str) -> bool {
        self.named(one) == self.named(other)
    }

    fn noted_database(&self) -> anyhow::Result<Option<String>> {
        let note = self.join(NOTE);
        match std::fs::read_to_string(&note) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|name| !name.is_empty())),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault).with_context(|| format!("read {}", note.display())),
        }
    }

    /// The name of a database. A file in this directory has a name without the directory, which may be moved.
    fn named(&self, url: &str) -> String {
        let Some(file) = store::file_of(url) else { return store::shown_address(url) };
        let name = file.file_name().unwrap_or_default();
        match directory_of(&file) {
            Ok(parent) if parent == self.path => name.to_string_lossy().into_owned(),
            Ok(parent) => parent.join(name).display().to_string(),
            Err(_) => file.display().to_string(),
        }
    }

    /// A noted name for people.
    fn shown(&self, noted: &str) -> String {
        match noted.contains("://") {
            true => noted.to_owned(),
            false => self.join(noted).display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "postgres://kozmic:hush@db.example.org/kozmic?sslmode=require";

    #[test]
    fn another_database_than_the_noted_one_is_refused_until_the_note_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let taken = DataDir::take(dir.path()).unwrap();
        let own = taken.database_url();
        taken.judge_database(&own).unwrap();
        taken.judge_database(SERVER).unwrap();
        taken.note_database(SERVER).unwrap();
        taken.judge_database("postgresql://other:word@DB.example.org:5432/kozmic").unwrap();
        let fault = taken.judge_database(&own).unwrap_err().to_string();
        assert!(fault.contains("belongs to the database postgres://db.example.org/kozmic, "), "{fault}");
        assert!(fault.contains("kozmic.db: set database_url") && !fault.contains("hush"), "{fault}");
        let note = taken.join(NOTE);
        assert!(fault.contains(&format!("remove {}", note.display())), "{fault}");
        let text = std::fs::read_to_string(&note).unwrap();
        assert_eq!(text, "postgres://db.example.org/kozmic\n");
        std::fs::remove_file(note).unwrap();
        taken.judge_database(&own).unwrap();
    }

    #[test]
    fn a_file_in_the_directory_stays_the_same_database_when_the_directory_is_moved() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        let taken = DataDir::take(&old).unwrap();
        taken.note_database(&taken.database_url()).unwrap();
        drop(taken);
        std::fs::rename(&old, &new).unwrap();
        let taken = DataDir::take(&new).unwrap();
        taken.judge_database(&taken.database_url()).unwrap();
        let other = format!("sqlite://{}", dir.path().join("kozmic.db").display());
        assert!(taken.judge_database(&other).is_err(), "it is not in the directory");
        assert!(taken.belongs_to(&taken.database_url(), &other).unwrap());
        assert!(!taken.is_same_database(&taken.database_url(), &other));
    }
}
