//! Doubts about the newest push of a branch, which only the forge can settle.

use super::{SCRIPT, Story};
use crate::world::LIMIT;
use anyhow::{Context, Result};
use kozmic_testkit::github::{FaultKind, FaultRule, Request};

/// Pushes within one second that lead in a circle: any may have been the last one.
#[tokio::test]
async fn a_doubt_outlives_a_kill_and_a_forge_that_does_not_answer() -> Result<()> {
    let mut story = Story::new(SCRIPT, &[]).await?;
    let old = story.commit("old", "main").await?;
    let other = story.commit("other", "main").await?;
    let tip = story.commit("tip", "main").await?;
    story.set("work", &tip).await?;
    let heads = FaultRule::new(FaultKind::Status(502)).path("/api/v3/repositories/*/commits/heads");
    let silence = story.world.github.fault(heads);
    for (before, after) in [(&other, &tip), (&tip, &old), (&old, &other)] {
        story.tell("work", (before, after), 100).await?;
    }
    let is_asked = |call: &Request| call.path.contains("/commits/heads");
    story.world.github.wait_for_request(LIMIT, is_asked).await.context("the forge is asked")?;
    story.world.server.kill_9().await?;
    drop(silence);
    story.world.server.restart().await?;
    story.ends("work", &tip, "success").await?;
    story.world.end().await
}
