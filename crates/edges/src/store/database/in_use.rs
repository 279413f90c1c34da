//! Finds out if another program has SQLite's file open, such as a server with another data directory.

use anyhow::{Context, Result};
use sea_orm::sqlx::{
    ConnectOptions as _, Connection, Error,
    sqlite::{SqliteConnectOptions, SqliteLockingMode},
};
use std::{path::Path, time::Duration};

/// SQLite's code for a file that others have locked, without the part that gives the reason.
const BUSY: i32 = 5;

/// True if another program has the database in a file open. The look takes in what a killed server left beside it.
///
/// # Errors
/// The file cannot be read.
pub async fn is_in_use(file: &Path) -> Result<bool> {
    if !file.exists() {
        return Ok(false);
    }
    let alone = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::ZERO);
    // Each connection to a database with a write-ahead log keeps a lock on it, also if it is idle.
    let looked = async {
        let mut db = alone.locking_mode(SqliteLockingMode::Exclusive).connect().await?;
        let looked = sea_orm::sqlx::raw_sql("SELECT count(*) FROM sqlite_schema").execute(&mut db).await;
        db.close().await?;
        looked
    };
    match looked.await {
        Ok(_) => Ok(false),
        Err(fault) if is_busy(&fault) => Ok(true),
        Err(fault) => Err(fault).with_context(|| format!("open {}", file.display())),
    }
}

fn is_busy(fault: &Error) -> bool {
    let code = fault.as_database_error().and_then(|said| said.code()?.parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff == BUSY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, address_of};

    #[tokio::test]
    async fn a_file_is_in_use_while_a_store_has_it_open() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kozmic.db");
        assert!(!is_in_use(&file).await.unwrap() && !file.exists(), "no file is made");
        let url = format!("{}?mode=rwc", address_of(&file));
        let store = Store::open(&url, &"0".repeat(32).into()).await.unwrap();
        assert!(is_in_use(&file).await.unwrap());
        store.ping().await.unwrap();
        store.close().await;
        assert!(!is_in_use(&file).await.unwrap());
        let store = Store::open(&url, &"0".repeat(32).into()).await.unwrap();
        store.ping().await.unwrap();
        store.close().await;
    }
}
