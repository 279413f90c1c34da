//! SQLite's file: addresses, faults in words, and files beside it.

use super::*;
use crate::store::Store;

async fn refused(url: &str) -> String {
    let opened = Store::open(url, &"a secret key of more than 32 characters".into()).await;
    format!("{:#}", opened.err().expect("it is refused"))
}

#[tokio::test]
async fn what_keeps_a_database_closed_is_said_once_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kozmic.db");
    let (url, shown) = (address_of(&file), file.display());
    let missing = "there is no such file; with ?mode=rwc behind the address it is made";
    assert_eq!(refused(&url).await, format!("open the database {shown}: {missing}"));
    let nowhere = refused(&format!("{}?mode=rwc", address_of(&file.join("kozmic.db")))).await;
    assert!(nowhere.ends_with(&format!("there is no directory {shown}")), "{nowhere}");
    std::fs::write(&file, "This is no database.".repeat(100)).unwrap();
    let odd = refused(&url).await;
    assert_eq!(odd.matches("not a database").count(), 1, "{odd}");
}

#[tokio::test]
async fn a_database_in_memory_is_refused_by_what_sqlite_says_of_it() {
    for url in ["sqlite::memory:", "sqlite://file%3Ax%3Fmode%3Dmemory", "sqlite://%3Amemory%3A"] {
        assert!(refused(url).await.contains("it is in memory only"), "{url}");
    }
}

#[test]
fn a_files_address_leads_to_it_whatever_it_is_called() {
    for name in ["/data/50%/kozmic.db", "/what?/kozmic.db", "/%41/:memory:", "/ü b#c"] {
        assert_eq!(file_of(&format!("{}?mode=rwc", address_of(Path::new(name)))).unwrap(), Path::new(name));
    }
}

#[tokio::test]
async fn a_database_that_was_closed_is_whole_in_its_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let (file, copy) = (dir.path().join("kozmic.db"), dir.path().join("copy.db"));
    let key = "a secret key of more than 32 characters".into();
    let store = Store::open(&format!("{}?mode=rwc", address_of(&file)), &key).await.unwrap();
    store.ping().await.unwrap();
    let beside = dir.path().join("kozmic.db-wal");
    assert!(beside.metadata().unwrap().len() > 0, "until then some of it stands beside it");
    store.close().await;
    assert!(!beside.exists());
    std::fs::copy(&file, &copy).unwrap();
    let store = Store::open(&format!("{}?mode=rw", address_of(&copy)), &key).await;
    assert!(store.unwrap().projects().projects().await.unwrap().is_empty(), "its tables are there");
}

#[tokio::test]
async fn a_reader_that_stays_holds_up_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("{}?mode=rwc", address_of(&dir.path().join("kozmic.db")));
    let store = Store::open(&url, &"a secret key of more than 32 characters".into()).await.unwrap();
    let reader = store.db.reader.connection().await.unwrap();
    let held = reader.get_sqlite_connection_pool().acquire().await.unwrap();
    store.close().await;
    assert!(!dir.path().join("kozmic.db-wal").metadata().is_ok_and(|beside| beside.len() > 0));
    drop(held);
}
