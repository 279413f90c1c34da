//! Measures how long a line of a job takes to a viewer, on the server's own runner and on runners beside it.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};

use super::Options;
use super::engine::Bare;
use super::figures::{Series, line};
use super::script::{PACED_LINES, Script};
use super::stage::{Stage, Watched};
use super::variant::Variant;
use crate::live::Frame;

/// Longest time of a job, and longest silence of it.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) async fn measure(options: &Options, bare: &Bare, binaries: &[(String, &Path)]) -> Result<()> {
    let mut all = Vec::new();
    let counts = if options.runners.is_empty() { vec![1] } else { options.runners.clone() };
    for (name, binary) in binaries {
        for runners in std::iter::once(0).chain(counts.iter().copied()) {
            let variant = Variant::of(name, binary, runners);
            all.push((Stage::set(options, &variant).await?, Series::default()));
        }
    }
    for _ in 0..options.long_rounds {
        for (stage, series) in &mut all {
            once(stage, bare, series).await?;
        }
    }
    let rounds = options.long_rounds;
    line(&format!("\nA line to its viewer, ms ({PACED_LINES} lines, one each 20 ms; n = {rounds})"));
    for (stage, series) in &all {
        let [half, most, last] = [50.0, 99.0, 100.0].map(|percent| series.percentile(percent));
        line(&format!("  {:<34} p50 {half:.1}, p99 {most:.1}, at most {last:.1}", stage.name));
    }
    for (stage, _) in all {
        stage.clear().await?;
    }
    Ok(())
}

/// Each line is the time at which it was printed. The containers have this machine's clock.
async fn once(stage: &Stage, bare: &Bare, series: &mut Series) -> Result<()> {
    let Watched { mut live, .. } = stage.push(Script::Paced).await?;
    let (mut rest, mut count) = (String::new(), 0);
    while count < PACED_LINES {
        match live.next(LIMIT).await? {
            Some(Frame::Log { data, .. }) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).context("it is after 1970")?;
                rest.push_str(&data);
                while let Some((first, others)) = rest.split_once('\n') {
                    if let Some(printed) = first.trim_end().strip_prefix("at ") {
                        let printed = printed.parse::<f64>().context("a time")?;
                        series.add((now.as_secs_f64() - printed) * 1000.0);
                        count += 1;
                    }
                    rest = others.to_owned();
                }
            }
            Some(_) => {}
            None => bail!("the live log ended after {count} lines"),
        }
    }
    let finished = live.read_to_end(LIMIT).await?;
    ensure!(finished.status == "success", "the job ended as {}", finished.status);
    stage.settle(bare).await
}
