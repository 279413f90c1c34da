//! Measures how fast deliveries are answered. The answer comes after the delivery is stored.

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use super::figures::{Series, line};
use super::script::Script;
use super::stage::Stage;
use crate::github::Commit;

/// Deliveries in one turn.
const DELIVERIES: usize = 20;
/// Turns of each variant.
const ROUNDS: usize = 10;
const AT_ONCE: usize = 8;

/// A variant's deliveries so far.
struct Turns<'a> {
    stage: &'a Stage,
    payload: Value,
    series: Series,
    spent: Duration,
}

pub(super) async fn measure(stages: &[Stage]) -> Result<()> {
    line(&format!("\nAnswers to {} signed deliveries, {AT_ONCE} at once", DELIVERIES * ROUNDS));
    let mut all = Vec::new();
    for stage in stages {
        let payload = payload(stage).await?;
        all.push(Turns { stage, payload, series: Series::default(), spent: Duration::ZERO });
    }
    // Each variant still works on its deliveries while the next one is measured, so the order changes: none of them is
    // always the last.
    for _ in 0..ROUNDS {
        for turns in &mut all {
            turns.deliver().await?;
        }
        all.rotate_left(1);
    }
    all.sort_by_key(|turns| stages.iter().position(|stage| std::ptr::eq(stage, turns.stage)));
    for Turns { stage, series, spent, .. } in all {
        let rate = (DELIVERIES * ROUNDS) as f64 / spent.as_secs_f64();
        let (half, most) = (series.percentile(50.0), series.percentile(99.0));
        line(&format!("  {:<34} p50 {half:.1} ms, p99 {most:.1} ms, {rate:.0} a second", stage.name));
    }
    Ok(())
}

/// A push whose author asks to skip the build: everything happens except the job.
async fn payload(stage: &Stage) -> Result<Value> {
    let commit = Commit::new("Change nothing [ci skip]").file("nothing", "");
    stage.github.push_commit(Script::Short.repository(), "main", commit).await?;
    let push = stage.github.deliveries().into_iter().rev().find(|one| one.event == "push");
    let mut payload = push.context("a push is delivered")?.payload();
    payload["head_commit"]["message"] = json!("Change nothing [ci skip]");
    Ok(payload)
}

impl Turns<'_> {
    async fn deliver(&mut self) -> Result<()> {
        let begun = Instant::now();
        let send = |_| self.stage.github.deliver(Script::Short.repository(), "push", &self.payload);
        let answered: Vec<_> =
            stream::iter(0..DELIVERIES).map(send).buffer_unordered(AT_ONCE).try_collect().await?;
        self.spent += begun.elapsed();
        for delivery in answered.into_iter().flatten() {
            ensure!(delivery.status() == Some(202), "not taken: {:?}", delivery.answer);
            self.series.add(delivery.took.as_secs_f64() * 1000.0);
        }
        Ok(())
    }
}
