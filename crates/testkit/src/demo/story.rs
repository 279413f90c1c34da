//! The way of a push with Anna: sign in, project, hook, push, live log, commit status.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::stage::Stage;
use super::terminal::Terminal;
use super::{Options, sample};
use crate::github::{Pushed, State, Status};
use crate::live::{Finished, Frame, Live};
use crate::person::{NewHook, Person};

/// Longest time until Kozmic has found its engine.
const READY_LIMIT: Duration = Duration::from_secs(5);
/// Longest time from the push until the build has a job.
const PLAN_LIMIT: Duration = Duration::from_secs(30);
/// Longest silence of the live log.
const SILENCE_LIMIT: Duration = Duration::from_secs(120);
/// Longest time that the whole build may take.
const BUILD_LIMIT: Duration = Duration::from_secs(600);
/// Longest time that a commit status may take after the job's end.
const STATUS_LIMIT: Duration = Duration::from_secs(60);

/// Results of the story, with times.
pub(super) struct Report {
    pub(super) project: u64,
    pub(super) sha: String,
    pub(super) first_line: Duration,
    pub(super) status: Duration,
}

/// Facts that were seen in the live log.
struct Seen {
    first_line: Instant,
    finished: Finished,
}

/// Plays the whole story. An error tells what did not happen.
pub(super) async fn tell(stage: &mut Stage, options: &Options, terminal: &Terminal) -> Result<Report> {
    let anna = Person::sign_in(&stage.server, &stage.github, sample::LOGIN).await.context("sign in")?;
    terminal.step(&format!("{} signed in with GitHub", sample::NAME));
    check_ready(stage, &anna).await?;
    let project = anna.add_project(sample::REPOSITORY).await.context("add a project")?;
    let hook = NewHook { title: sample::TITLE, image: &options.image, script: sample::SCRIPT };
    anna.add_hook(project, hook).await.context("add a hook")?;
    terminal.step(&format!("project {}, hook {} in {}", sample::REPOSITORY, sample::TITLE, options.image));
    check_ping(stage).await?;

    let pushed_at = Instant::now();
    let pushed = stage.github.push_commit(sample::REPOSITORY, "main", sample::change()).await?;
    check_delivery(&pushed)?;
    terminal.step(&format!("pushed {} {:?}", &pushed.sha[..7], sample::MESSAGE));

    let build = anna.wait_for_build(project, PLAN_LIMIT, |build| build.job.is_some());
    let build = build.await.context("wait for the build")?;
    let mut live = anna.live(project, build.job()?, 0).await.context("open the live log")?;
    let seen = tokio::time::timeout(BUILD_LIMIT, follow(&mut live, terminal)).await;
    let seen = seen.context("the build did not end in time")?.context("follow the live log")?;
    check_log(&seen, live.text(), &anna.raw_log(project, build.job()?).await?)?;

    let status = wait_for_status(stage, &pushed.sha).await?;
    terminal.status(sample::REPOSITORY, &status);
    check_calls(stage)?;
    Ok(Report {
        project,
        sha: pushed.sha,
        first_line: seen.first_line.duration_since(pushed_at),
        status: status.at.duration_since(pushed_at),
    })
}

/// Shows the log until the end of the job.
async fn follow(live: &mut Live, terminal: &Terminal) -> Result<Seen> {
    let mut first_line = None;
    let mut waiting = String::new();
    loop {
        match live.next(SILENCE_LIMIT).await? {
            Some(Frame::Log { data, .. }) => {
                first_line.get_or_insert_with(Instant::now);
                waiting.push_str(&data);
                waiting = terminal.log(&waiting);
            }
            Some(_) => {
                if let Some(finished) = live.finished() {
                    terminal.log(&format!("{waiting}\n"));
                    let first_line = first_line.context("the job ended before a line of its log came")?;
                    return Ok(Seen { first_line, finished: finished.clone() });
                }
            }
            None => live.reconnect().await?,
        }
    }
}

/// Waits until Kozmic is ready: otherwise nothing could be built, and the story would wait for long. A person who is
/// signed in sees the engine's own words.
async fn check_ready(stage: &mut Stage, anna: &Person) -> Result<()> {
    let begun = Instant::now();
    loop {
        let answer = anna.get("/readyz").await?;
        if answer.status == 200 {
            return Ok(());
        }
        let reasons = serde_json::from_str::<Value>(&answer.body).unwrap_or_default()["reasons"].take();
        let reasons = serde_json::from_value::<Vec<String>>(reasons).unwrap_or_default().join(" ");
        if begun.elapsed() > READY_LIMIT {
            // Nothing was started on the engine, and an engine that does not answer removes nothing.
            stage.leftovers = None;
            bail!("Kozmic can build nothing here: {reasons}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn check_ping(stage: &Stage) -> Result<()> {
    let ping = stage.github.wait_for_delivery(STATUS_LIMIT, |delivery| delivery.event == "ping").await;
    let ping = ping.context("Kozmic made no webhook: GitHub's ping did not go out")?;
    ensure!(ping.arrived(), "Kozmic did not take GitHub's ping: {:?}", ping.answer);
    Ok(())
}

fn check_delivery(pushed: &Pushed) -> Result<()> {
    let delivery = pushed.deliveries.first().context("the push was delivered to nobody")?;
    ensure!(delivery.arrived(), "Kozmic did not take the push: {:?}", delivery.answer);
    Ok(())
}

fn check_log(seen: &Seen, live: &str, raw: &[u8]) -> Result<()> {
    let Finished { status, return_code } = &seen.finished;
    ensure!(status == "success", "the job ended as {status} with the return code {return_code:?}");
    ensure!(live.contains(sample::PASSED), "the live log does not say {:?}:\n{live}", sample::PASSED);
    ensure!(
        live.as_bytes() == raw,
        "the live log is another than the raw log:\n{}",
        String::from_utf8_lossy(raw)
    );
    Ok(())
}

async fn wait_for_status(stage: &Stage, sha: &str) -> Result<Status> {
    let github = &stage.github;
    let status = github.wait_for_status(sample::REPOSITORY, sha, State::Success, STATUS_LIMIT).await?;
    let first = github.statuses(sample::REPOSITORY, sha).first().map(|status| status.state);
    ensure!(first == Some(State::Pending), "the first commit status was not pending but {first:?}");
    Ok(status)
}

fn check_calls(stage: &Stage) -> Result<()> {
    let wrong = stage.github.wrong_calls();
    ensure!(wrong.is_empty(), "Kozmic called GitHub wrongly:\n{}", wrong.join("\n"));
    Ok(())
}
