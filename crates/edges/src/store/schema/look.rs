//! Looks at a database without a change: no file is made, and none is written. On a server, a change is tried and
//! undone.

use super::{Condition, condition, judged, rights};
use crate::store::database::{address, server, sqlite};
use anyhow::Result;
use sea_orm::DbBackend;

/// The most connections for a look.
const CONNECTIONS: u32 = 2;

/// Looks at the database at an address. Changes that a killed server left in the files beside SQLite's file are not
/// seen.
///
/// # Errors
/// The database cannot be read, or is newer than this program, or its user on a server lacks a right.
pub async fn look(url: &str) -> Result<Condition> {
    if address::is_address(url) {
        let server = server::ServerAccess::open(url, CONNECTIONS).await?;
        let found = async {
            let found = condition(&server).await?;
            match found {
                Condition::Ready => rights::try_on(&server, true).await?,
                Condition::Missing => rights::try_on(&server, false).await?,
                Condition::Behind(_) => {}
            }
            Ok(found)
        };
        let found = found.await;
        server.close().await?;
        return found;
    }
    match sqlite::steps(url).await? {
        Some(done) => judged(&done, DbBackend::Sqlite),
        None => Ok(Condition::Missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::schema::Migrator;
    use sea_orm_migration::MigratorTrait;
    use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

    /// The files of a directory, with the time of their last change and their content.
    fn files(dir: &Path) -> BTreeMap<String, (SystemTime, Vec<u8>)> {
        let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap());
        let told = files.map(|file| {
            let content = fs::read(file.path()).unwrap();
            (file.file_name().into_string().unwrap(), (file.metadata().unwrap().modified().unwrap(), content))
        });
        told.collect()
    }

    #[tokio::test]
    async fn a_look_leaves_all_files_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("{}?mode=rwc", sqlite::address_of(&dir.path().join("kozmic.db")));
        assert_eq!(look(&url).await.unwrap(), Condition::Missing);
        assert!(files(dir.path()).is_empty());
        let store = Store::open(&url, &"0".repeat(32).into()).await.unwrap();
        let before = files(dir.path());
        assert!(before.contains_key("kozmic.db-wal"));
        look(&url).await.unwrap();
        assert!(files(dir.path()) == before, "while a server has it open");
        store.close().await;
        let before = files(dir.path());
        assert_eq!(look(&url).await.unwrap(), Condition::Ready);
        assert!(files(dir.path()) == before && before.len() == 1, "none is made beside it");
    }

    #[tokio::test]
    async fn older_newer_and_damaged_ones_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kozmic.db");
        let url = sqlite::address_of(&file);
        let fault = look(&url).await.unwrap_err().to_string();
        assert!(fault.contains("there is no such file; with ?mode=rwc"), "{fault}");
        fs::write(&file, "").unwrap();
        let all = Migrator::migrations().len();
        assert_eq!(look(&url).await.unwrap(), Condition::Behind(all), "an empty file is an empty database");
        let store = Store::open(&url, &"0".repeat(32).into()).await.unwrap();
        store.db.connection().await.unwrap().close().await.unwrap();
        let change = async |statement: &'static str| {
            let url = format!("{url}?mode=rw");
            let db = sea_orm::Database::connect(url).await.unwrap();
            sea_orm::ConnectionTrait::execute_unprepared(&db, statement).await.unwrap();
            db.close().await.unwrap();
        };
        drop(store);
        change("DELETE FROM seaql_migrations WHERE version LIKE 'm0018%'").await;
        assert_eq!(look(&url).await.unwrap(), Condition::Behind(1));
        change("INSERT INTO seaql_migrations VALUES ('m9999_later', 0)").await;
        let fault = look(&url).await.unwrap_err().to_string();
        assert!(fault.contains("does not know its step m9999_later"), "{fault}");
        fs::write(
            &file,
            "this is no database, but long enough to have a head of one hundred bytes and more of it"
                .repeat(9),
        )
        .unwrap();
        let fault = look(&url).await.unwrap_err().to_string();
        assert!(fault.contains("not a database"), "{fault}");
    }
}
