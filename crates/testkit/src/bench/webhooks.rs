//! Speed of the answers to deliveries, which come after these are stored.

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::time::Instant;

use super::figures::{Series, line};
use super::script::Script;
use super::stage::Stage;
use crate::github::Commit;

const DELIVERIES: usize = 200;
const AT_ONCE: usize = 8;

pub(super) async fn measure(stages: &[Stage]) -> Result<()> {
    line(&format!("\nAnswers to {DELIVERIES} signed deliveries, {AT_ONCE} at once"));
    for stage in stages {
        let begun = Instant::now();
        let series = deliver(stage).await?;
        let rate = DELIVERIES as f64 / begun.elapsed().as_secs_f64();
        let (half, most) = (series.percentile(50.0), series.percentile(99.0));
        line(&format!("  {:<34} p50 {half:.1} ms, p99 {most:.1} ms, {rate:.0} a second", stage.name));
    }
    Ok(())
}

/// Pushes whose authors ask for no build: everything happens but the job.
async fn deliver(stage: &Stage) -> Result<Series> {
    let repository = Script::Short.repository();
    let commit = Commit::new("Change nothing [ci skip]").file("nothing", "");
    stage.github.push_commit(repository, "main", commit).await?;
    let push = stage.github.deliveries().into_iter().rev().find(|one| one.event == "push");
    let mut payload = push.context("a push is delivered")?.payload();
    payload["head_commit"]["message"] = json!("Change nothing [ci skip]");
    let send = |_| stage.github.deliver(repository, "push", &payload);
    let answered: Vec<_> =
        stream::iter(0..DELIVERIES).map(send).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut series = Series::default();
    for delivery in answered.into_iter().flatten() {
        ensure!(delivery.status() == Some(202), "not taken: {:?}", delivery.answer);
        series.add(delivery.took.as_secs_f64() * 1000.0);
    }
    Ok(series)
}
