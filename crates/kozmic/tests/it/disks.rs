//! Disks that get full, break or are slow: nothing that was answered is lost, and everything recovers by itself.

use crate::world::{GATE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    disk::{BROKEN, Call, FULL, FaultyDisk, READ_ONLY},
    github::{Commit, Pushed, State},
};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// A stage whose server's disk fails when it is told to.
async fn faulty() -> Result<(World, FaultyDisk)> {
    let disk = FaultyDisk::new()?;
    let environment = disk.environment();
    let settings = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    Ok((World::with(&settings).await?, disk))
}

/// The job of the push "First" waits for the gate, others do not.
fn script() -> String {
    format!("echo before; if git log -1 --format=%s | grep -q First; then {GATE}; fi; echo after")
}

/// Waits until the server has said something so often.
async fn said(world: &World, words: &str, times: usize) -> Result<()> {
    let wait = async {
        while world.server.output().matches(words).count() < times {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, wait).await.with_context(|| format!("the server does not say \"{words}\" {times} times"))
}

/// Another program that has the database for itself, as a backup does.
struct Backup(Child);

impl Backup {
    async fn begin(data_dir: &Path) -> Result<Self> {
        let program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); \
                       db.execute('BEGIN EXCLUSIVE'); print('mine', flush=True); sys.stdin.read(); \
                       db.execute('COMMIT')";
        let mut python = Command::new("python3");
        python.args(["-c", program]).arg(data_dir.join("kozmic.db"));
        let python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = python.spawn().context("start python3")?;
        let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        ensure!(
            timeout(LIMIT, lines.next_line()).await??.as_deref() == Some("mine"),
            "the database is not had"
        );
        Ok(Self(child))
    }

    async fn end(mut self) -> Result<()> {
        self.0.stdin.take().context("its input")?.shutdown().await?;
        ensure!(self.0.wait().await?.success(), "the backup failed");
        Ok(())
    }
}

#[tokio::test]
async fn a_disk_that_is_full_when_a_job_ends_loses_nothing_that_was_answered() -> Result<()> {
    let (mut world, disk) = faulty().await?;
    world.hook(&script()).await?;
    let first = world.push("First").await?;
    world.live().await?.read_until("before", LIMIT).await?;
    disk.fail(&[Call::Write], FULL, &["kozmic.db"])?;
    world.open_gate().await?;
    said(&world, "a job's end cannot be noted yet", 2).await?;
    let ready = world.anna.get("/readyz").await?;
    assert!(ready.body.contains(r#""database":"not ready""#), "{}", ready.body);
    let refused = world.push("Refused").await?;
    let refused = refused.deliveries.first().context("a delivery")?;
    assert_eq!(refused.status(), Some(500), "{refused:?}");
    disk.heal()?;
    world.status(&first.sha, State::Success).await?;
    assert!(world.github.redeliver(refused).await?.arrived());
    let last = world.push("Last").await?;
    assert!(last.deliveries.iter().all(|delivery| delivery.arrived()));
    world.server.kill_9().await?;
    world.server.restart().await?;
    world.status(&last.sha, State::Success).await?;
    let history = world.page("history/").await?;
    for message in ["First", "Refused", "Last"] {
        assert!(history.contains(message), "{message} is missing");
    }
    world.end().await
}

/// Pushes to a branch of its own: no newer push takes its place.
async fn push_alone(world: &World, message: &str) -> Result<Pushed> {
    let commit = Commit::new(message).file("file", message);
    world.github.push_commit(REPOSITORY, &message.replace(' ', "-"), commit).await
}

#[tokio::test]
async fn a_server_that_is_killed_while_its_disk_fails_has_all_that_it_answered() -> Result<()> {
    let (mut world, disk) = faulty().await?;
    world.hook("echo done").await?;
    world.push("First").await?;
    world.finished().await?;
    for (name, calls, error) in [
        ("full", &[Call::Write][..], FULL),
        ("torn", &[Call::Tear], FULL),
        ("broken", &[Call::Write], BROKEN),
        ("not synced", &[Call::Sync], BROKEN),
        ("read-only", &[Call::Write, Call::Open], READ_ONLY),
    ] {
        let before = push_alone(&world, &format!("Before it is {name}")).await?;
        disk.fail(calls, error, &["kozmic.db"])?;
        let mut deliveries = Vec::new();
        for number in 0..3 {
            let pushed = push_alone(&world, &format!("Number {number} while it is {name}")).await?;
            deliveries.extend(pushed.deliveries);
        }
        world.server.kill_9().await?;
        disk.heal()?;
        world.server.restart().await?;
        world.status(&before.sha, State::Success).await?;
        let (answered, refused) = deliveries.into_iter().partition::<Vec<_>, _>(|one| one.arrived());
        for refused in &refused {
            assert!(world.github.redeliver(refused).await?.arrived(), "{name}: {refused:?}");
        }
        let last = push_alone(&world, &format!("After it was {name}")).await?;
        world.status(&last.sha, State::Success).await?;
        let history = world.page("history/").await?;
        let missing = (0..3).map(|number| format!("Number {number} while it is {name}"));
        let missing = missing.filter(|message| !history.contains(message)).collect::<Vec<_>>();
        assert!(missing.is_empty(), "{missing:?} of {} answered are missing", answered.len());
    }
    world.end().await
}

#[tokio::test]
async fn a_delivery_that_was_refused_and_kept_all_the_same_is_not_built_twice() -> Result<()> {
    let (world, disk) = faulty().await?;
    world.hook("echo done").await?;
    disk.fail(&[Call::Hold], BROKEN, &["kozmic.db-wal"])?;
    let pushed = world.push("Late").await?;
    let late = pushed.deliveries.first().context("a delivery")?;
    assert_eq!(late.status(), Some(503), "{late:?}");
    disk.heal()?;
    // The disk did in the end what it was asked for.
    world.status(&pushed.sha, State::Success).await?;
    assert!(world.github.redeliver(late).await?.arrived());
    let last = world.push("Last").await?;
    world.status(&last.sha, State::Success).await?;
    assert_eq!(world.server.output().matches("an attempt ended").count(), 2);
    assert_eq!(world.finished().await?.build, 2, "there are two builds");
    world.end().await
}

#[tokio::test]
async fn a_backup_that_has_the_database_for_itself_holds_jobs_up_and_breaks_none() -> Result<()> {
    let world = World::new().await?;
    world.hook(&script()).await?;
    let pushed = world.push("First").await?;
    world.live().await?.read_until("before", LIMIT).await?;
    let backup = Backup::begin(world.server.data_dir()).await?;
    world.open_gate().await?;
    let refused = world.push("While it is busy").await?;
    let refused = refused.deliveries.first().context("a delivery")?;
    assert_eq!(refused.status(), Some(503), "{refused:?}");
    let ready = world.anna.get("/readyz").await?;
    assert!(ready.status == 503 && ready.body.contains("it is busy, or does not answer"), "{}", ready.body);
    assert!(world.page("builds/latest/").await?.contains("First"), "pages are shown meanwhile");
    backup.end().await?;
    world.status(&pushed.sha, State::Success).await?;
    assert!(world.github.redeliver(refused).await?.arrived());
    said(&world, "an attempt ended", 2).await?;
    world.end().await
}

/// A file that takes so much of a disk, until it is dropped.
struct Filler(PathBuf);

impl Filler {
    async fn new(path: PathBuf, bytes: u64) -> Result<Self> {
        let fallocate =
            Command::new("fallocate").args(["-l", &bytes.to_string()]).arg(&path).status().await?;
        ensure!(fallocate.success(), "{bytes} bytes cannot be taken");
        Ok(Self(path))
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Number of free bytes where temporary directories are.
async fn free() -> Result<u64> {
    let mut df = Command::new("df");
    let said = df.args(["--block-size=1", "--output=avail"]).arg(std::env::temp_dir()).output().await?;
    let text = String::from_utf8(said.stdout)?;
    text.lines().last().and_then(|line| line.trim().parse().ok()).context("df says how much is free")
}

#[tokio::test]
async fn while_the_disk_is_nearly_full_nothing_starts_and_no_log_grows() -> Result<()> {
    let free = free().await?;
    // The files that other stories write meanwhile make no difference.
    let slack = (3 << 30).min(free / 4);
    let reserve = (free - slack) / 9 * 8;
    let world = World::with(&[("KOZMIC_DISK_RESERVE", &reserve.to_string())]).await?;
    let chatty = "while git log -1 --format=%s | grep -q First; do echo more; sleep 0.1; done";
    world.hook(&format!("{}; {chatty}", script())).await?;
    let first = world.push("First").await?;
    world.live().await?.read_until("before", LIMIT).await?;
    let filler = Filler::new(world.server.data_dir().join("filler"), free - reserve + slack).await?;
    world.open_gate().await?;
    world.status(&first.sha, State::Error).await?;
    assert!(world.log().await?.ends_with("for the database.\u{1b}[0m\n"));
    assert!(world.page("builds/latest/").await?.contains("disk is nearly full"));
    let second = world.push("Second").await?;
    assert!(
        second.deliveries.iter().all(|delivery| delivery.arrived()),
        "deliveries are stored all the same"
    );
    world.status(&second.sha, State::Pending).await?;
    let page = world.page("builds/latest/").await?;
    assert!(page.contains("Second") && page.contains("Jobs wait until there is more room"), "{page}");
    let ready = world.anna.get("/readyz").await?;
    assert!(ready.status == 503 && ready.body.contains(r#""disk":"not ready""#), "{}", ready.body);
    let check = String::from_utf8(world.server.run(&["check"]).await?.stdout)?;
    assert!(check.contains("FAIL  data directory: The server's disk is nearly full"), "{check}");
    drop(filler);
    world.status(&second.sha, State::Success).await?;
    assert_eq!(world.anna.get("/readyz").await?.status, 200);
    world.end().await
}

#[tokio::test]
async fn a_log_that_the_disk_does_not_take_ends_its_job_with_the_reason() -> Result<()> {
    for (call, part) in [(Call::Write, ".log"), (Call::Tear, ".log"), (Call::Write, ".index")] {
        let (world, disk) = faulty().await?;
        world.hook(&script()).await?;
        let first = world.push("First").await?;
        world.live().await?.read_until("before", LIMIT).await?;
        disk.fail(&[call], FULL, &[part])?;
        world.open_gate().await?;
        world.status(&first.sha, State::Error).await?;
        let page = world.page("builds/latest/").await?;
        assert!(page.contains("No space left on device"), "{page}");
        let log = world.log().await?;
        assert!(log.ends_with("before\n"), "nothing half of a piece: {log:?}");
        disk.heal()?;
        let second = world.push("Second").await?;
        world.status(&second.sha, State::Success).await?;
        world.end().await?;
    }
    Ok(())
}
