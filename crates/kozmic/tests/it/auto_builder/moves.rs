//! The configuration repository and the repositories that it names are renamed and moved at GitHub.

use super::stage::{CONFIGURATION, CORE, READING, Script, Shown, Stage};
use anyhow::{Context, Result};
use kozmic_testkit::github::{Commit, Permission, State, Status};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FIRST: &str = "\
buildscripts: [build.sh]
build.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: first}
";

const SECOND: &str = "\
buildscripts: [build.sh]
build.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: second}
";

const BUILD: &str = "#!/bin/sh\necho made > /tmp/archives/out.bin\n";

fn script() -> Script<'static> {
    Script { recipes: &[("anna/core/main.yaml", FIRST)], core: &[("build.sh", BUILD)], ..Script::default() }
}

#[tokio::test]
async fn a_configuration_that_is_moved_back_is_in_force_again() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let first = stage.reading().await?;
    let read = stage.configure(Commit::new("Second").file("anna/core/main.yaml", SECOND)).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let pushed = stage.push("main", "Of the second").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh second").await?.state, State::Success);

    stage.github.set_branch(CONFIGURATION, "main", &first.sha).await?;
    stage.github.push(CONFIGURATION, "main").await?;
    let what = Shown { repository: CONFIGURATION, sha: &first.sha, context: READING };
    let is_new = |status: &Status| status.id > first.id && status.state == State::Success;
    stage.shown(what, is_new).await?;
    let pushed = stage.push("main", "Of the first").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh first").await?.state, State::Success);
    assert_eq!(stage.contexts(&pushed.sha).len(), 1);
    stage.end().await
}

/// GitHub tells in whole seconds when something was pushed: waits until the clock shows another one.
async fn next_second() {
    let second = || SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).ok();
    let now = second();
    while second() == now {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_branch_that_is_moved_back_is_built_again_and_its_link_leads_there() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let first = stage.push("main", "First").await?;
    let status = stage.outcome(&first.sha, "build.sh first").await?;
    next_second().await;
    let second = stage.push("main", "Second").await?;
    stage.outcome(&second.sha, "build.sh first").await?;
    let link = "anna-core-first-main.bin";
    assert_eq!(stage.linked(link)?, format!("anna-core-first-main-{}.bin", &second.sha[..10]));

    next_second().await;
    stage.github.set_branch(CORE, "main", &first.sha).await?;
    stage.github.push(CORE, "main").await?;
    let what = Shown { repository: CORE, sha: &first.sha, context: "kozmic/build.sh first" };
    stage.shown(what, |shown| shown.id > status.id && shown.state == State::Success).await?;
    assert_eq!(stage.linked(link)?, format!("anna-core-first-main-{}.bin", &first.sha[..10]));
    stage.end().await
}

#[tokio::test]
async fn what_is_pushed_to_another_branch_of_the_configuration_is_a_draft() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let main = stage.github.head(CONFIGURATION, "main").await.context("a commit")?;
    stage.github.set_branch(CONFIGURATION, "draft", &main).await?;
    let draft = Commit::new("Draft").file("anna/core/main.yaml", SECOND);
    let draft = stage.github.push_commit(CONFIGURATION, "draft", draft).await?;
    assert!(!draft.deliveries.is_empty() && draft.deliveries.iter().all(|delivery| delivery.arrived()));
    let pushed = stage.push("main", "As before").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh first").await?.state, State::Success);
    assert!(stage.github.statuses(CONFIGURATION, &draft.sha).is_empty(), "nobody reads a draft");
    stage.end().await
}

#[tokio::test]
async fn the_configuration_repository_may_have_recipes_of_its_own() -> Result<()> {
    let recipes: &[_] =
        &[("anna/core/main.yaml", FIRST), ("anna/recipes/main.yaml", FIRST), ("build.sh", BUILD)];
    let stage = Stage::sound(Script { recipes, ..script() }).await?;
    let read = stage.configure(Commit::new("Change").file("README.md", "It builds itself")).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let built = stage.verdict(CONFIGURATION, &read.sha, "kozmic/build.sh first").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    assert_eq!(stage.github.hooks(CONFIGURATION).len(), 1, "one webhook tells of both");
    stage.end().await
}

#[tokio::test]
async fn a_repository_that_is_renamed_is_built_as_soon_as_the_configuration_says_its_new_name() -> Result<()>
{
    let stage = Stage::sound(script()).await?;
    stage.github.rename_repository(CORE, "anna/kernel").await?;
    let change = Commit::new("Not yet").file("README.md", "Read it again");
    let read = stage.configure(change).await?;
    let log = stage.report(&read).await?;
    assert_eq!(read.state, State::Error, "{log}");
    assert!(log.contains("anna/core is not heard of: it is called anna/kernel now"), "{log}");

    let change = Commit::new("Renamed").delete("anna/core").file("anna/kernel/main.yaml", FIRST);
    let read = stage.configure(change).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let commit = Commit::new("Renamed").file("file", "Renamed");
    let pushed = stage.github.push_commit("anna/kernel", "main", commit).await?;
    let built = stage.verdict("anna/kernel", &pushed.sha, "kozmic/build.sh first").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    let name = format!("anna-kernel-first-main-{}.bin", &pushed.sha[..10]);
    assert_eq!(stage.linked("anna-kernel-first-main.bin")?, name);
    assert_eq!(stage.github.hooks("anna/kernel").len(), 1, "still one webhook");
    stage.end().await
}

#[tokio::test]
async fn one_commit_on_two_branches_is_built_for_each() -> Result<()> {
    let recipes: &[_] = &[("anna/core/main.yaml", FIRST), ("anna/core/release/1.0.yaml", SECOND)];
    let stage = Stage::sound(Script { recipes, ..script() }).await?;
    let pushed = stage.push("main", "Both").await?;
    stage.github.set_branch(CORE, "release/1.0", &pushed.sha).await?;
    stage.github.push(CORE, "release/1.0").await?;
    for (script, stable) in
        [("build.sh first", "anna-core-first-main"), ("build.sh second", "anna-core-second-release-1.0")]
    {
        let built = stage.outcome(&pushed.sha, script).await?;
        assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
        assert_eq!(stage.linked(&format!("{stable}.bin"))?, format!("{stable}-{}.bin", &pushed.sha[..10]));
    }
    stage.end().await
}

#[tokio::test]
async fn a_repository_that_the_auto_builder_may_not_manage_is_named_until_it_may_again() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    stage.github.set_permission(CORE, "builder", None);
    let read = stage.configure(Commit::new("Again").file("README.md", "Again")).await?;
    let log = stage.report(&read).await?;
    assert_eq!(read.state, State::Error, "{log}");
    assert!(log.contains("anna/core is not heard of: "), "{log}");
    stage.get("/healthz").await?;
    stage.github.set_permission(CORE, "builder", Some(Permission::Admin));
    let read = stage.configure(Commit::new("Let in again").file("README.md", "Once more")).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let pushed = stage.push("main", "As before").await?;
    let built = stage.outcome(&pushed.sha, "build.sh first").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    stage.end().await
}
