//! Branches with recipes: one commit on two of them, and deliveries that come late.

use super::stage::{CORE, Script, Shown, Stage};
use anyhow::Result;
use kozmic_testkit::github::{State, Status};

const WELL: &str = "\
buildscripts: [build.sh]
build.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: t}
";

/// The same name, of which nothing is left.
const ILL: &str = "\
buildscripts: [build.sh]
build.sh: {archives: /tmp/archives, artifact: other.bin, format: binary, tag: t}
";

const BUILD: &str = "#!/bin/sh\necho made > /tmp/archives/out.bin\n";

/// The name that the scripts of both recipes have at GitHub.
const CONTEXT: &str = "kozmic/build.sh t";

async fn stage() -> Result<Stage> {
    let recipes: &[_] = &[("anna/core/main.yaml", WELL), ("anna/core/ill.yaml", ILL)];
    Stage::sound(Script { recipes, core: &[("build.sh", BUILD)], ..Script::default() }).await
}

/// Waits until GitHub shows this beside a commit, after a status that it showed before.
async fn shows(stage: &Stage, (sha, after): (&str, u64), state: State) -> Result<Status> {
    let what = Shown { repository: CORE, sha, context: CONTEXT };
    stage.shown(what, |status| status.id > after && status.state == state).await
}

#[tokio::test]
async fn scripts_of_one_name_on_two_branches_share_a_status_and_the_worst_is_told() -> Result<()> {
    let stage = stage().await?;
    let pushed = stage.push("main", "Both").await?;
    let sha = pushed.sha.as_str();
    let well = shows(&stage, (sha, 0), State::Success).await?;
    stage.github.set_branch(CORE, "ill", sha).await?;
    stage.github.push(CORE, "ill").await?;
    let ill = shows(&stage, (sha, well.id), State::Error).await?;
    assert_ne!(ill.target_url, well.target_url);
    assert_eq!(stage.linked("anna-core-t-main.bin")?, format!("anna-core-t-main-{}.bin", &sha[..10]));

    // The branch is gone, and there again.
    stage.github.delete_branch(CORE, "ill").await?;
    let well = shows(&stage, (sha, ill.id), State::Success).await?;
    stage.github.set_branch(CORE, "ill", sha).await?;
    stage.github.push(CORE, "ill").await?;
    let ill = shows(&stage, (sha, well.id), State::Error).await?;

    // One that is well runs once more on the other branch: what is ill stays.
    let next = stage.push("main", "Next").await?;
    shows(&stage, (&next.sha, 0), State::Success).await?;
    stage.github.set_branch(CORE, "main", sha).await?;
    stage.github.push(CORE, "main").await?;
    let after = stage.push("other", "No recipe").await?;
    assert!(stage.github.statuses(CORE, &after.sha).is_empty());
    while stage.linked("anna-core-t-main.bin")? != format!("anna-core-t-main-{}.bin", &sha[..10]) {
        tokio::task::yield_now().await;
    }
    let last = stage.github.statuses(CORE, sha).pop();
    assert!(last.is_some_and(|last| last.id >= ill.id && last.state == State::Error));
    stage.end().await
}

#[tokio::test]
async fn a_push_that_is_told_late_is_built_and_leaves_the_link_as_it_is() -> Result<()> {
    let stage = stage().await?;
    let hooks = stage.github.hooks(CORE);
    for hook in &hooks {
        stage.github.change_hook(CORE, hook.id, |hook| hook.url.push_str("nowhere/"))?;
    }
    let late = stage.push("main", "Late").await?;
    for hook in &hooks {
        stage.github.change_hook(CORE, hook.id, |it| it.url.clone_from(&hook.url))?;
    }
    let newest = stage.push("main", "Newest").await?;
    shows(&stage, (&newest.sha, 0), State::Success).await?;
    let target = format!("anna-core-t-main-{}.bin", &newest.sha[..10]);
    assert_eq!(stage.linked("anna-core-t-main.bin")?, target);
    for delivery in &late.deliveries {
        assert!(!delivery.arrived() && stage.github.redeliver(delivery).await?.arrived());
    }
    let built = shows(&stage, (&late.sha, 0), State::Success).await?;
    let log = stage.report(&built).await?;
    assert!(log.contains("anna-core-t-main.bin stays as it is"), "{log}");
    assert_eq!(stage.linked("anna-core-t-main.bin")?, target);
    assert!(stage.artifacts.join(format!("binary/anna-core-t-main-{}.bin", &late.sha[..10])).exists());
    stage.end().await
}
