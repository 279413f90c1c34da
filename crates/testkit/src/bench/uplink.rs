//! Measures how fast a runner sends a long log that waits on its disk, after the server was out of its reach.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Options;
use super::engine::Bare;
use super::figures::{Series, row, title};
use super::script::{FIRST_LINE, LENGTH, LINES, Script};
use super::stage::{Stage, Watched};
use super::variant::Variant;

/// Longest time of a job, and longest time until its log is there.
const LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks at a file.
const LOOK: Duration = Duration::from_millis(1);
/// Time after which a process has written what it had to write.
const SETTLE: Duration = Duration::from_secs(1);

pub(super) async fn measure(options: &Options, bare: &Bare, binaries: &[(String, &Path)]) -> Result<()> {
    let mut all = Vec::new();
    for (name, binary) in binaries {
        let variant = Variant { is_cabled: true, ..Variant::of(name, binary, 1) };
        all.push((Stage::set(options, &variant).await?, Series::default()));
    }
    for _ in 0..options.long_rounds {
        for (stage, series) in &mut all {
            series.add(LINES as f64 / 1000.0 / once(stage, bare).await?.as_secs_f64());
        }
    }
    let rounds = options.long_rounds;
    title(
        &format!(
            "A log of a million lines that waited on a runner's disk: thousands of lines/s (n = {rounds})"
        ),
        "÷ first",
    );
    for (stage, series) in &all {
        row(&stage.name, series, &all[0].1);
    }
    for (stage, _) in all {
        stage.clear().await?;
    }
    Ok(())
}

/// The time from the first byte after the cut to the last one.
async fn once(stage: &Stage, bare: &Bare) -> Result<Duration> {
    let Watched { mut live, .. } = stage.push(Script::Held).await?;
    live.read_until(FIRST_LINE, LIMIT).await?;
    let cable = stage.runners.cable().context("there is a cable")?;
    cable.cut();
    let log = newest(&stage.runners.logs()?)?;
    grown(&log, LINES * LENGTH).await.context("the runner's log")?;
    tokio::time::sleep(SETTLE).await;
    let whole = length(&log);
    let part = log.strip_prefix(stage.runners.logs()?)?;
    let copy = stage.data_dir().join("logs").join(part);
    let before = length(&copy);
    ensure!(before < LENGTH * 100, "the server has {before} bytes although the cable is cut");
    cable.mend();
    grown(&copy, before + 1).await.context("the server's log")?;
    let begun = Instant::now();
    grown(&copy, whole).await.context("the server's log")?;
    let took = begun.elapsed();
    let finished = live.read_to_end(LIMIT).await?;
    ensure!(finished.status == "success", "the job ended as {}", finished.status);
    stage.settle(bare).await?;
    Ok(took)
}

/// Waits until a file has at least this number of bytes.
async fn grown(file: &Path, bytes: u64) -> Result<()> {
    let grow = async {
        while length(file) < bytes {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(LIMIT, grow).await.with_context(|| format!("only {} of {bytes} bytes", length(file)))
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |known| known.len())
}

/// The log that was begun last.
fn newest(dir: &Path) -> Result<PathBuf> {
    let mut logs = Vec::new();
    for part in std::fs::read_dir(dir).context("list the parts of a runner's logs")?.flatten() {
        for file in std::fs::read_dir(part.path()).context("list a runner's logs")?.flatten() {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                logs.push((file.metadata()?.modified()?, path));
            }
        }
    }
    logs.sort();
    Ok(logs.pop().context("the runner has a log")?.1)
}
