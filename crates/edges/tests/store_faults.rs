//! The database's disk fails, and works again: nothing that the store promised is missing, and it goes on by itself.
//!
//! Each test runs once more in a process of its own, whose disk fails when it says so.
// A future that works with the store holds those of the layers below it.
#![recursion_limit = "256"]

use anyhow::{Context, Result};
use kozmic_edges::store::{Endpoint, NewDelivery, NewSession, SessionLook, Store, Stored};
use kozmic_model::{
    ids::{DeliveryId, ForgeUserId},
    invited::Admission,
    time::Timestamp,
    user::Profile,
};
use kozmic_testkit::disk::{BROKEN, Call, FULL, FaultyDisk, OwnDisk, READ_ONLY, SHORT};
use std::{path::PathBuf, process::Command, time::Duration};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_000_000);

/// A look at a session by its person.
const LOOK: SessionLook = SessionLook { idle: Duration::from_secs(3_600), is_use: true };

/// A store whose disk can be told to fail.
struct Stage {
    store: Store,
    disk: OwnDisk,
    dir: TempDir,
}

impl Stage {
    async fn new(disk: OwnDisk) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = open(dir.path().join("kozmic.db")).await?;
        Ok(Self { store, disk, dir })
    }

    /// Stores a delivery.
    async fn deliver(&self, uuid: &str) -> Result<Stored> {
        let (uuid, event) = (uuid.to_owned(), "push".to_owned());
        let delivery = NewDelivery { endpoint: Endpoint::AutoBuilder, uuid, event, payload: b"{}".to_vec() };
        self.store.deliveries().store_delivery(delivery, NOW).await
    }

    /// Signs somebody in, which is one transaction of several statements.
    async fn sign_in(&self, login: &str) -> Result<()> {
        self.sign_in_with(login, login, "").await
    }

    async fn sign_in_with(&self, login: &str, fingerprint: &str, agent: &str) -> Result<()> {
        let forge_id = ForgeUserId(login.bytes().map(i64::from).sum());
        let profile = Profile {
            forge_id,
            login: login.into(),
            name: login.into(),
            email: None,
            avatar_url: String::new(),
        };
        let expires_at = Timestamp(2_000_000);
        let session = NewSession {
            fingerprint: fingerprint.into(),
            expires_at,
            agent: agent.into(),
            former: None,
            admission: Admission::Unasked,
        };
        self.store.people().sign_in(&profile, &"token".into(), &session, NOW).await.map(drop)
    }

    /// The deliveries that are there for who opens the files that a killed process would leave.
    async fn left_behind(&self) -> Result<Vec<String>> {
        let copy = tempfile::tempdir()?;
        for name in ["kozmic.db", "kozmic.db-wal"] {
            let from = self.dir.path().join(name);
            if from.exists() {
                std::fs::copy(from, copy.path().join(name))?;
            }
        }
        let store = open(copy.path().join("kozmic.db")).await?;
        let (mut found, mut behind) = (Vec::new(), DeliveryId(0));
        while let Some(waiting) = store.deliveries().waiting_delivery(behind).await? {
            behind = waiting.id;
            found.push(waiting.delivery.uuid);
        }
        Ok(found)
    }
}

async fn open(path: PathBuf) -> Result<Store> {
    let url = format!("sqlite://{}?mode=rwc", path.display());
    Store::open(&url, &"a secret key of more than 32 characters".into()).await
}

/// The disk of this process; where it is a real one, the test is run in another process, and its end is this one's.
fn faulty(test: &str) -> Result<Option<OwnDisk>> {
    if let Some(disk) = OwnDisk::find() {
        return Ok(Some(disk));
    }
    let disk = FaultyDisk::new()?;
    let mut again = Command::new(std::env::current_exe()?);
    let again = again.args(["--exact", test, "--nocapture"]).envs(disk.environment()).output()?;
    let said = [again.stdout, again.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // A name that fits no test is no failure to the one who runs them.
    anyhow::ensure!(again.status.success() && said.contains("1 passed"), "in its own process: {said}");
    Ok(None)
}

/// Writes fail in each way for a while: each is refused, and afterwards all that is promised is kept.
async fn writes_survive(stage: &Stage, calls: &[Call], error: i32) -> Result<()> {
    stage.deliver("before").await?;
    for round in ["one", "two", "three"] {
        stage.disk.fail(calls, error, &["kozmic.db"])?;
        for _ in 0..2 {
            assert!(stage.sign_in(round).await.is_err(), "a transaction is refused");
            assert!(stage.deliver(round).await.is_err(), "a delivery is refused");
        }
        stage.disk.heal()?;
        let transaction = stage.sign_in(round).await;
        transaction.with_context(|| format!("sign in after round {round} with error {error}"))?;
        assert_eq!(stage.deliver(round).await?, Stored::New);
    }
    assert_eq!(stage.left_behind().await?, ["before", "one", "two", "three"]);
    Ok(())
}

#[tokio::test]
async fn a_full_disk_at_the_commit_costs_nothing_that_was_answered() -> Result<()> {
    let Some(disk) = faulty("a_full_disk_at_the_commit_costs_nothing_that_was_answered")? else {
        return Ok(());
    };
    writes_survive(&Stage::new(disk).await?, &[Call::Write], FULL).await
}

#[tokio::test]
async fn a_disk_that_breaks_costs_nothing_that_was_answered() -> Result<()> {
    let Some(disk) = faulty("a_disk_that_breaks_costs_nothing_that_was_answered")? else { return Ok(()) };
    writes_survive(&Stage::new(disk).await?, &[Call::Write], BROKEN).await
}

#[tokio::test]
async fn a_disk_that_does_not_sync_costs_nothing_that_was_answered() -> Result<()> {
    let Some(disk) = faulty("a_disk_that_does_not_sync_costs_nothing_that_was_answered")? else {
        return Ok(());
    };
    writes_survive(&Stage::new(disk).await?, &[Call::Sync], BROKEN).await
}

#[tokio::test]
async fn a_write_that_is_torn_costs_nothing_that_was_answered() -> Result<()> {
    let Some(disk) = faulty("a_write_that_is_torn_costs_nothing_that_was_answered")? else { return Ok(()) };
    writes_survive(&Stage::new(disk).await?, &[Call::Tear], FULL).await
}

#[tokio::test]
async fn a_disk_that_is_only_to_be_read_for_a_while_is_written_again() -> Result<()> {
    let Some(disk) = faulty("a_disk_that_is_only_to_be_read_for_a_while_is_written_again")? else {
        return Ok(());
    };
    writes_survive(&Stage::new(disk).await?, &[Call::Write, Call::Open], READ_ONLY).await
}

#[tokio::test]
async fn a_lack_of_memory_costs_nothing_that_was_answered() -> Result<()> {
    let Some(disk) = faulty("a_lack_of_memory_costs_nothing_that_was_answered")? else { return Ok(()) };
    let stage = Stage::new(disk).await?;
    // It fits by itself. The row that is made of it and an agent does not: SQLite ends the transaction by itself.
    let (fits, large) = ("x".repeat((1 << 20) - 128), "x".repeat(3 << 20));
    let agent = "x".repeat(200);
    for round in ["one", "two", "three"] {
        // The threads on which SQLite runs.
        stage.disk.fail(&[Call::Memory], SHORT, &["sqlx-sqlite"])?;
        for session in [&fits, &large] {
            let fault = stage.sign_in_with("anna", session, &agent).await.unwrap_err();
            let fault = format!("{fault:#}");
            assert!(fault.contains("out of memory"), "{fault}");
        }
        assert!(stage.deliver(&large).await.is_err(), "{round}");
        assert_eq!(stage.deliver(&format!("{round}, small")).await?, Stored::New);
        stage.disk.heal()?;
        stage.sign_in(round).await?;
        assert_eq!(stage.deliver(round).await?, Stored::New);
    }
    let kept = ["one, small", "one", "two, small", "two", "three, small", "three"];
    assert_eq!(stage.left_behind().await?, kept);
    Ok(())
}

#[tokio::test]
async fn what_is_read_can_be_read_while_nothing_can_be_written() -> Result<()> {
    let Some(disk) = faulty("what_is_read_can_be_read_while_nothing_can_be_written")? else { return Ok(()) };
    let stage = Stage::new(disk).await?;
    stage.sign_in("anna").await?;
    stage.disk.fail(&[Call::Write], FULL, &["kozmic.db"])?;
    assert!(stage.store.try_writing(NOW).await.is_err());
    // A session's use is noted anew after so much time.
    let later = Timestamp(1_900_000);
    assert!(stage.store.people().user_of_session("anna", LOOK, later).await?.is_some());
    stage.disk.heal()?;
    stage.store.try_writing(NOW).await
}

#[tokio::test]
async fn writes_that_were_given_up_in_the_middle_keep_nothing_open() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let stage = Stage { store: open(dir.path().join("kozmic.db")).await?, disk: OwnDisk::nowhere(), dir };
    for turns in 0..40 {
        let login = format!("user {turns}");
        let mut sign_in = Box::pin(stage.sign_in(&login));
        for _ in 0..turns {
            if futures_util::poll!(&mut sign_in).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(sign_in);
        assert_eq!(stage.deliver(&login).await?, Stored::New);
    }
    assert_eq!(stage.left_behind().await?.len(), 40);
    Ok(())
}

#[tokio::test]
async fn what_is_written_after_files_beside_the_database_were_removed_is_kept() -> Result<()> {
    for gone in [&["-wal"][..], &["-shm"], &["-wal", "-shm"]] {
        let dir = tempfile::tempdir()?;
        let stage = Stage { store: open(dir.path().join("kozmic.db")).await?, disk: OwnDisk::nowhere(), dir };
        stage.deliver("before").await?;
        for suffix in gone {
            std::fs::remove_file(stage.dir.path().join(format!("kozmic.db{suffix}")))?;
        }
        stage.deliver("after").await?;
        stage.sign_in("anna").await?;
        assert_eq!(stage.left_behind().await?, ["before", "after"], "without {gone:?}");
        assert!(stage.store.people().user_of_session("anna", LOOK, NOW).await?.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_answered_once_the_database_itself_was_moved_away() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("kozmic.db");
    let stage = Stage { store: open(path.clone()).await?, disk: OwnDisk::nowhere(), dir };
    stage.deliver("before").await?;
    std::fs::rename(&path, path.with_extension("moved"))?;
    let fault = format!("{:#}", stage.deliver("lost").await.unwrap_err());
    assert!(fault.contains("was moved") && fault.contains("put the file back"), "{fault}");
    assert!(!path.exists(), "no empty database takes its place");
    std::fs::rename(path.with_extension("moved"), &path)?;
    stage.deliver("after").await?;
    assert_eq!(stage.left_behind().await?, ["before", "after"]);
    Ok(())
}

#[tokio::test]
async fn a_file_beside_the_database_may_be_removed_while_the_disk_is_full() -> Result<()> {
    let Some(disk) = faulty("a_file_beside_the_database_may_be_removed_while_the_disk_is_full")? else {
        return Ok(());
    };
    let stage = Stage::new(disk).await?;
    stage.deliver("before").await?;
    stage.disk.fail(&[Call::Write], FULL, &["kozmic.db"])?;
    assert!(stage.sign_in("one").await.is_err());
    std::fs::remove_file(stage.dir.path().join("kozmic.db-wal"))?;
    assert!(stage.deliver("one").await.is_err() && stage.sign_in("one").await.is_err());
    stage.disk.heal()?;
    stage.deliver("after").await?;
    stage.sign_in("one").await?;
    assert_eq!(stage.left_behind().await?, ["before", "after"]);
    Ok(())
}
