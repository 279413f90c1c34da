//! Measures the cost of many connected runners that have nothing to do.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::process::Command;

use super::Options;
use super::figures::line;
use super::usage;
use crate::github::GitHub;
use crate::program::{Program, Show};
use crate::server::{Server, ServerOptions};

/// Runners that are added at the same time.
const COMING: usize = 4;
/// Longest time until all runners are connected.
const LIMIT: Duration = Duration::from_secs(120);
/// Time after a start before anything is measured.
const SETTLE: Duration = Duration::from_secs(15);

/// The cost of a server in a while.
struct Cost {
    /// Processor time in percent of one core.
    processor: f64,
    /// Bytes that it wrote to its disk, in KB a second.
    disk: f64,
    /// Memory at the end, in MB.
    memory: f64,
}

pub(super) async fn measure(options: &Options, binaries: &[(String, &Path)]) -> Result<()> {
    let (count, time) = (options.idle_runners, Duration::from_secs(options.idle_seconds));
    line(&format!("\nA server with {count} idle runners: % of one core, KB/s to its disk, MB ({time:?})"));
    for (name, binary) in binaries {
        let github = GitHub::start().await.context("start the double of GitHub")?;
        let mut server = Server::start(settings(options, binary, &github)).await?;
        tokio::time::sleep(SETTLE).await;
        let alone = cost(&server, time).await?;
        let mut fleet = start(options, &server).await?;
        tokio::time::sleep(SETTLE).await;
        let with = cost(&server, time).await?;
        let each = (with.memory - alone.memory) * 1024.0 / count as f64;
        for (what, Cost { processor, disk, memory }) in [("without runners", alone), ("with them", with)] {
            let what = format!("{name}, {what}");
            line(&format!("  {what:<34} {processor:>6.2} % {disk:>8.1} KB/s {memory:>7.1} MB"));
        }
        line(&format!("  {name}: {each:.0} KB of the server's memory for each runner"));
        fleet.ask_to_end()?;
        fleet.wait(LIMIT).await?;
        server.terminate().await?;
    }
    Ok(())
}

fn settings(options: &Options, binary: &Path, github: &GitHub) -> ServerOptions {
    let server = ServerOptions::new(binary, github).quiet();
    let server = usage::ALLOCATOR.into_iter().fold(server, |server, (name, value)| server.env(name, value));
    server
        .docker_url(&options.docker_url)
        .env("KOZMIC_LOG", "info")
        .env("KOZMIC_RUNNER_CONCURRENCY", "0")
        .env("KOZMIC_CONNECTIONS_PER_CLIENT", "20000")
        .env("KOZMIC_CONNECTIONS_LIMIT", "20000")
}

async fn cost(server: &Server, time: Duration) -> Result<Cost> {
    let pid = server.pid().context("the server runs")?;
    let (processor, disk) = (usage::processor_seconds(pid)?, usage::written(pid)?);
    tokio::time::sleep(time).await;
    let seconds = time.as_secs_f64();
    Ok(Cost {
        processor: (usage::processor_seconds(pid)? - processor) / seconds * 100.0,
        disk: (usage::written(pid)? - disk) / seconds,
        memory: usage::proportional_memory(pid)?,
    })
}

/// Adds the runners, and starts all of them in one process. They are connected then.
async fn start(options: &Options, server: &Server) -> Result<Program> {
    let add = |number| async move {
        let added = server.run(&["runners", "add", &format!("idle-{number}")]).await?;
        ensure!(added.status.success(), "not added: {}", String::from_utf8_lossy(&added.stderr));
        String::from_utf8(added.stdout).context("read a token")
    };
    let tokens = stream::iter(0..options.idle_runners).map(add).buffer_unordered(COMING);
    let tokens = tokens.try_collect::<Vec<_>>().await?;
    let file = tempfile::NamedTempFile::new().context("make a file")?;
    let tokens = tokens.iter().map(|token| format!("{}\n", token.trim())).collect::<String>();
    std::fs::write(file.path(), tokens).context("write the tokens")?;
    let program = std::env::current_exe().context("find this program")?.with_file_name("kozmic-fleet");
    let mut command = Command::new(program);
    command.args(["--server", &server.url(), "--tokens"]).arg(file.path());
    let mut fleet = Program::start(command, Show::Never)?;
    let ready = format!("{} runners are connected", options.idle_runners);
    fleet.wait_for_line(LIMIT, |line| line == ready).await?;
    Ok(fleet)
}
