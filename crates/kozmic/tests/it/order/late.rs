//! Deliveries that come late: to one of two hooks, and after mails about earlier builds.

use super::{SCRIPT, Story};
use crate::world::{IMAGE, LIMIT, REPOSITORY};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Delivery, State},
    mail::MailServer,
    person::NewHook,
};

#[tokio::test]
async fn hooks_that_hear_of_pushes_in_different_order_agree_on_the_newest() -> Result<()> {
    let story = Story::new(SCRIPT, &[]).await?;
    let world = &story.world;
    let hook = NewHook { title: "Lint", image: IMAGE, script: "#!/bin/sh\ntrue\n" };
    world.anna.add_hook(world.project, hook).await?;
    let second = world.github.hooks(REPOSITORY).into_iter().map(|hook| hook.id).max().context("a hook")?;
    let address = story.deafen_hook(second)?;
    let mut lost = Vec::new();
    let mut keep =
        |deliveries: Vec<Delivery>| lost.extend(deliveries.into_iter().filter(|one| !one.arrived()));
    let good = world.push("good").await?;
    keep(good.deliveries);
    world.status(&good.sha, State::Success).await?;
    let bad = world.push("bad").await?;
    keep(bad.deliveries);
    world.status(&bad.sha, State::Failure).await?;
    world.github.set_branch(REPOSITORY, "main", &good.sha).await?;
    keep(world.github.push(REPOSITORY, "main").await?);
    story.ends("main", &good.sha, "success").await?;
    assert_eq!(lost.len(), 3);

    world.github.change_hook(REPOSITORY, second, |hook| hook.url = address)?;
    // The last one first.
    for (index, delivery) in lost.iter().enumerate().rev() {
        story.again(std::slice::from_ref(delivery)).await?;
        let sha = if index == 1 { &bad.sha } else { &good.sha };
        story.ran(sha, "Lint").await?;
        assert!(story.is_latest("main", &good.sha).await?);
    }
    story.ends("main", &good.sha, "success").await?;
    assert_eq!(story.badge("main").await?, "success");
    let history = world.page("history/").await?;
    assert!(history.contains("#3") && !history.contains("#4"), "{history}");
    story.world.end().await
}

#[tokio::test]
async fn mail_tells_what_pushes_came_to_in_their_order() -> Result<()> {
    let mails = MailServer::start().await?;
    let url = mails.url();
    let sender = "Kozmic <kozmic@example.org>";
    let story =
        Story::new(SCRIPT, &[("KOZMIC_SMTP_URL", &url), ("KOZMIC_MAIL_DEFAULT_SENDER", sender)]).await?;
    let world = &story.world;
    let good = world.push("good").await?;
    world.status(&good.sha, State::Success).await?;
    let bad = world.push("bad").await?;
    world.status(&bad.sha, State::Failure).await?;
    world.github.set_branch(REPOSITORY, "main", &good.sha).await?;
    world.github.push(REPOSITORY, "main").await?;
    story.ends("main", &good.sha, "success").await?;
    // The branch was well before this one.
    let better = world.push("better").await?;
    world.status(&better.sha, State::Success).await?;
    let deaf = story.deafen().await?;
    let late = world.push("bad and late").await?;
    story.hear(&deaf).await?;
    let last = world.push("best").await?;
    world.status(&last.sha, State::Success).await?;
    story.again(&late.deliveries).await?;
    world.status(&late.sha, State::Failure).await?;
    let end = world.push("bad in the end").await?;
    world.status(&end.sha, State::Failure).await?;
    // Mails go out in the order of their news: with the last one, all are there.
    let all = mails.wait_for(LIMIT, |all| all.iter().any(|mail| mail.subject.contains("#7 "))).await?;
    let told = all.iter().filter_map(|mail| mail.subject.split(" (").next()).collect::<Vec<_>>();
    assert_eq!(told, ["[failure] anna/hello#3", "[failure] anna/hello#7"]);
    story.world.end().await
}
