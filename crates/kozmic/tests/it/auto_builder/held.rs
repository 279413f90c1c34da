//! Helpers that find a job's container on the engine, look at it, read its output and let it go on.

use super::stage::{Stage, number_of};
use crate::world::{LIMIT, open_gate_in};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{docker::JOB, github::Status};
use serde_json::Value;
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

impl Stage {
    /// The id of a job's container, as soon as it runs; woken by the engine's events.
    pub async fn container(&self, job: &Status) -> Result<String> {
        let (label, number) = (format!("label={}", self.label()?), number_of(job)?);
        let args = ["events", "--filter", &label, "--filter", "event=start", "--format", "{{.ID}}"];
        let (_child, mut events) = lines_of(&args)?;
        let look = async {
            loop {
                let all = self.docker.containers(&self.label()?).await?;
                let running = all.into_iter().find(|one| one.job == number && one.state == "running");
                if let Some(container) = running {
                    return anyhow::Ok(container.id);
                }
                // An event from before the command listens is not told: look again now and then.
                tokio::time::timeout(Duration::from_millis(250), events.next_line()).await.ok();
            }
        };
        let found = tokio::time::timeout(LIMIT, look).await;
        found.with_context(|| format!("{JOB}={number} never runs"))?
    }

    /// Waits until a job's script has printed something, and gives its container.
    pub async fn printed(&self, job: &Status, text: &str) -> Result<String> {
        let container = self.container(job).await?;
        let (_child, mut output) = lines_of(&["logs", "--follow", &container])?;
        let heard = tokio::time::timeout(LIMIT, hears(&mut output, text)).await;
        ensure!(heard.with_context(|| format!("{text:?} was never printed"))??, "{text:?} was not printed");
        Ok(container)
    }

    /// Lets a job's script go on that waits until a file is there.
    pub async fn open_gate(&self, job: &Status) -> Result<()> {
        open_gate_in(&self.docker, &self.container(job).await?).await;
        Ok(())
    }

    /// Facts that the engine has of a job's container.
    pub async fn inspect(&self, job: &Status) -> Result<Value> {
        let container = self.container(job).await?;
        let all = serde_json::from_str::<Value>(&self.docker.run(&["inspect", &container]).await?)?;
        Ok(all[0].clone())
    }
}

/// Starts a command of Docker that ends with its handle.
fn lines_of(args: &[&str]) -> Result<(Child, Lines<BufReader<ChildStdout>>)> {
    let mut command = Command::new("docker");
    let command = command.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().context("run docker")?;
    let output = child.stdout.take().context("docker has an output")?;
    Ok((child, BufReader::new(output).lines()))
}

/// Whether a line has this in it.
async fn hears(output: &mut Lines<BufReader<impl AsyncRead + Unpin>>, text: &str) -> Result<bool> {
    while let Some(line) = output.next_line().await? {
        if line.contains(text) {
            return Ok(true);
        }
    }
    Ok(false)
}
