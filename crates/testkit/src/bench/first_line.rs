//! Measures the time until a viewer sees the first line of a trivial job.

use std::time::Duration;

use anyhow::Result;

use super::engine::Bare;
use super::figures::{Series, row, title};
use super::script::{FIRST_LINE, Script};
use super::stage::{Stage, Watched};

/// Rounds that are not counted: they fill caches and unpack images.
const WARM_UP: usize = 2;
/// Longest time that one job may take.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) async fn measure(rounds: usize, bare: &Bare, stages: &[Stage]) -> Result<()> {
    let (mut command, mut api) = (Series::default(), Series::default());
    let mut kozmic = vec![Series::default(); stages.len()];
    for round in 0..WARM_UP + rounds {
        let by_command = bare.first_byte_by_command(Script::Short).await?;
        let by_api = bare.first_byte_by_api(Script::Short).await?;
        if round >= WARM_UP {
            command.add(milliseconds(by_command));
            api.add(milliseconds(by_api));
        }
        for (stage, series) in stages.iter().zip(&mut kozmic) {
            let took = once(stage, bare).await?;
            if round >= WARM_UP {
                series.add(milliseconds(took));
            }
        }
    }
    title(&format!("Time to the first line of a trivial job, ms (n = {rounds})"), "÷ docker run");
    row("docker run, its first byte", &command, &command);
    row("engine API, its first byte", &api, &command);
    for (stage, series) in stages.iter().zip(&kozmic) {
        row(&format!("{}, delivery to viewer", stage.name), series, &command);
    }
    Ok(())
}

/// Measures from the delivery to the viewer's first line.
async fn once(stage: &Stage, bare: &Bare) -> Result<Duration> {
    let Watched { sent, mut live } = stage.push(Script::Short).await?;
    live.read_until(FIRST_LINE, LIMIT).await?;
    let took = sent.elapsed();
    live.read_to_end(LIMIT).await?;
    stage.settle(bare).await?;
    Ok(took)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
