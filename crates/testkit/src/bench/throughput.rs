//! Measures how many lines a second reach a viewer, and their cost.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::engine::Bare;
use super::figures::{Series, line, row, title};
use super::script::{Counter, LINES, Script};
use super::stage::{Stage, Watched};
use super::usage;
use crate::live::Frame;

/// Longest time of one job, and longest silence of it.
const LIMIT: Duration = Duration::from_secs(120);

/// The figures of one Kozmic.
#[derive(Default, Clone)]
struct Cost {
    rate: Series,
    processor: Series,
    peak: Series,
}

pub(super) async fn measure(rounds: usize, bare: &Bare, stages: &[Stage]) -> Result<()> {
    for (script, how) in [(Script::Blocks, "in blocks"), (Script::Lines, "line by line")] {
        let (mut command, mut api) = (Series::default(), Series::default());
        let mut kozmic = vec![Cost::default(); stages.len()];
        for _ in 0..rounds {
            command.add(rate(bare.lines_by_command(script).await?));
            api.add(rate(bare.lines_by_api(script).await?));
            for (stage, cost) in stages.iter().zip(&mut kozmic) {
                once(stage, bare, script, cost).await?;
            }
        }
        let what =
            format!("A million lines of 100 bytes, written {how}: thousands of lines/s (n = {rounds})");
        title(&what, "÷ attach");
        row("docker run (command)", &command, &api);
        row("engine API, attach", &api, &api);
        for (stage, cost) in stages.iter().zip(&kozmic) {
            row(&format!("{}, WebSocket viewer", stage.name), &cost.rate, &api);
        }
        for (stage, cost) in stages.iter().zip(&kozmic) {
            let Cost { processor, peak, .. } = cost;
            let (processor, peak) = (processor.median(), peak.median());
            line(&format!("  {}: {processor:.2} s of processor, {peak:.0} MB at most", stage.name));
        }
    }
    for stage in stages {
        let now = usage::memory(stage.pid()?)?;
        line(&format!("  {}: {:.0} MB idle after its start, {now:.0} MB now", stage.name, stage.idle));
        for (idle, now) in stage.runners.memory()? {
            line(&format!("    its runner: {idle:.0} MB idle after its start, {now:.0} MB now"));
        }
    }
    Ok(())
}

async fn once(stage: &Stage, bare: &Bare, script: Script, cost: &mut Cost) -> Result<()> {
    let pid = stage.pid()?;
    usage::forget_peak(pid)?;
    let before = usage::processor_seconds(pid)?;
    let Watched { mut live, .. } = stage.push(script).await?;
    let (mut counter, mut begun) = (Counter::default(), None);
    while !counter.is_complete() {
        match live.next(LIMIT).await? {
            Some(Frame::Log { data, .. }) => {
                let now = Instant::now();
                if counter.add(data.as_bytes()) {
                    begun.get_or_insert(now);
                }
            }
            Some(_) => {}
            None => bail!("the live log ended after {} lines", counter.lines()),
        }
    }
    let begun: Instant = begun.context("no line came")?;
    cost.rate.add(rate(begun.elapsed()));
    let finished = live.read_to_end(LIMIT).await?;
    ensure!(finished.status == "success", "the job ended as {}", finished.status);
    stage.settle(bare).await?;
    cost.processor.add(usage::processor_seconds(pid)? - before);
    cost.peak.add(usage::peak_memory(pid)?);
    Ok(())
}

/// Thousands of lines a second.
fn rate(took: Duration) -> f64 {
    LINES as f64 / 1000.0 / took.as_secs_f64()
}
