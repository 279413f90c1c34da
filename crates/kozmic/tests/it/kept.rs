//! Old things are kept as long as the settings say. Afterwards people are told that they are gone.

use crate::world::{LIMIT, World};
use anyhow::{Context, Result, ensure};
use std::{
    fs::File,
    time::{Duration, SystemTime},
};
use tokio::process::Command;

const AGE: Duration = Duration::from_secs(3 * 86_400);

/// Has the job of a stopped server's world have ended three days ago.
async fn age(world: &World, job: u64) -> Result<()> {
    let dir = world.server.data_dir();
    let program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
                   db.execute('UPDATE job SET finished_at = finished_at - ?', (int(sys.argv[2]),)); db.commit(); db.close()";
    let mut python = Command::new("python3");
    python.args(["-c", program]).arg(dir.join("kozmic.db")).arg(AGE.as_millis().to_string());
    ensure!(python.status().await.context("start python3")?.success(), "the job does not age");
    let log = File::options().write(true).open(dir.join(format!("logs/0/{job}-1.log")))?;
    log.set_modified(SystemTime::now() - AGE).context("age a log")
}

#[tokio::test]
async fn a_log_that_is_kept_no_longer_is_said_to_be_gone_and_its_job_stays() -> Result<()> {
    let mut world = World::new().await?;
    world.hook("echo hello").await?;
    world.push("First").await?;
    let job = world.finished().await?.job()?;
    ensure!(world.log().await?.contains("hello"), "the log is there");
    world.server.terminate().await?;
    age(&world, job).await?;
    world.server.restart_with(&[("KOZMIC_LOGS_KEPT_DAYS", "4")]).await?;
    ensure!(world.log().await?.contains("hello"), "it is kept for another day");
    world.server.restart_with(&[("KOZMIC_LOGS_KEPT_DAYS", "2"), ("KOZMIC_LOG", "info")]).await?;
    world.server.wait_for_output("old logs were forgotten", LIMIT).await?;
    let gone = "This log is not kept any more: logs are kept here for 2 days.";
    let page = world.page("builds/latest/").await?;
    assert!(page.contains(gone) && page.contains("First"), "{page}");
    let mut live = world.anna.live(world.project, job, 0).await?;
    live.read_to_end(LIMIT).await?;
    assert_eq!(live.text(), "");
    let raw = world.anna.get(&format!("/projects/{}/jobs/{job}/log/", world.project)).await?;
    assert_eq!(raw.status, 404, "{raw}");
    world.end().await
}
