//! The checks after random failures, by a listener, the double of GitHub, the API and the engine.

use super::Chaos;
use crate::{
    api::Program,
    runners::{
        is_whole,
        listener::{has_no_gap, log_of},
    },
    world::{LIMIT, REPOSITORY},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::github::State;
use serde_json::Value;
use tokio::time::timeout;

/// A job is an error when it was interrupted so often.
const MOST_INTERRUPTIONS: usize = 3;

impl Chaos {
    /// Waits until all builds have ended, and checks each.
    pub(super) async fn check(&self) -> Result<()> {
        let program = Program::of(&self.fleet.world.anna, &self.fleet.world).await?;
        for pushed in &self.pushed {
            let checked = self.check_commit(&program, &pushed.sha).await;
            checked.with_context(|| format!("the build of {}", pushed.sha))?;
        }
        Ok(())
    }

    async fn check_commit(&self, program: &Program, sha: &str) -> Result<()> {
        let state = self.ended(sha).await?;
        let starts = self.listener.starts().into_iter().filter(|start| start.name == sha).collect::<Vec<_>>();
        let Some(job) = starts.first().map(|start| start.job) else {
            ensure!(state == State::Error, "{state}, though the script never started");
            return Ok(());
        };
        ensure!(starts.iter().all(|start| start.job == job), "more than one job: {starts:?}");
        let told = program.get(&format!("projects/{}/jobs/{job}", self.fleet.world.project)).await?;
        let attempts = told["attempts"].as_array().context("attempts")?;
        let mut begun = 0;
        for attempt in attempts {
            let number = i32::try_from(attempt["number"].as_i64().context("a number")?)?;
            let times = starts.iter().filter(|start| start.attempt == number).count();
            let log = log_of(&self.fleet.world, job, number).await?;
            check_attempt(attempt, times, &log).with_context(|| format!("{told}"))?;
            begun += times;
        }
        ensure!(begun == starts.len(), "starts without an attempt: {starts:?}, {told}");
        let has_ending = |attempt: &&Value| attempt["ending"] == "interrupted";
        let interruptions = attempts.iter().filter(has_ending).count();
        let expected = if interruptions < MOST_INTERRUPTIONS { State::Success } else { State::Error };
        ensure!(state == expected, "{state} after {interruptions} interruptions: {told}");
        let statuses = self.fleet.world.github.statuses(REPOSITORY, sha);
        let others = statuses.iter().filter(|status| ![State::Pending, expected].contains(&status.state));
        ensure!(others.count() == 0, "GitHub was told something else: {statuses:?}");
        Ok(())
    }

    /// The last state of a commit.
    async fn ended(&self, sha: &str) -> Result<State> {
        let github = &self.fleet.world.github;
        let wait = async {
            loop {
                let after = github.last_status_id();
                let last = github.statuses(REPOSITORY, sha).pop().map(|status| status.state);
                match last.filter(|state| *state != State::Pending) {
                    Some(state) => return state,
                    None => drop(github.next_status(after, LIMIT).await),
                }
            }
        };
        timeout(2 * LIMIT, wait).await.with_context(|| {
            format!("it does not end: {:?}, {:?}", github.statuses(REPOSITORY, sha), self.listener.starts())
        })
    }
}

/// Checks an attempt whose script started so many times.
fn check_attempt(attempt: &Value, times: usize, log: &str) -> Result<()> {
    ensure!(times <= 1, "the script started {times} times in one attempt: {attempt}");
    has_no_gap(log)?;
    match attempt["status"].as_str().context("a status")? {
        "success" => {
            ensure!(times == 1, "an attempt succeeded without a start");
            is_whole(log)
        }
        // Nobody cancels a job here: another runner got it before its script began.
        "canceled" => {
            ensure!(times == 0, "the script of an attempt started that was given back: {attempt}");
            Ok(())
        }
        _ => {
            ensure!(attempt["ending"] == "interrupted", "{attempt}: {log}");
            Ok(())
        }
    }
}
