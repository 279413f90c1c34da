//! Pushes that are built: the commit of each, and the target of the stable link.

use super::stage::{CORE, Script, Stage};
use anyhow::Result;
use kozmic_testkit::github::{Commit, Pushed, State, Tag};

const RECIPE: &str = "\
buildscripts: [build.sh]
build.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
";

const BOTH: &str = "\
buildscripts: [build.sh, flist.sh]
build.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
flist.sh:
  archives: /tmp/archives
  artifact: out.tar.gz
";

/// A push called Held waits at the gate.
const BUILD: &str = "#!/bin/bash
if grep -q Held /core/file; then echo at the gate; until [ -e /tmp/gate ]; do sleep 0.02; done; fi
git -C /core log -1 --format='made of %H'
cp /core/file /tmp/archives/out.bin
";

const FLIST: &str = "#!/bin/bash
if grep -q Held /core/file; then echo at the gate; until [ -e /tmp/gate ]; do sleep 0.02; done; fi
tar -C /core -czf /tmp/archives/out.tar.gz file
";

const FILES: &[(&str, &str)] = &[("build.sh", BUILD), ("flist.sh", FLIST)];

async fn is_built(stage: &Stage, pushed: &Pushed, text: &str) -> Result<()> {
    let built = stage.outcome(&pushed.sha, "build.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    assert!(log.contains(&format!("made of {}", pushed.sha)), "{log}");
    assert_eq!(stage.binary(&format!("anna-core-main-{}.bin", &pushed.sha[..10]))?, text);
    Ok(())
}

#[tokio::test]
async fn each_push_is_built_of_its_own_commit_however_far_the_branch_has_gone() -> Result<()> {
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: FILES,
        settings: &[("KOZMIC_RUNNER_CONCURRENCY", "1")],
        ..Script::default()
    })
    .await?;
    let held = stage.push("main", "Held").await?;
    let job = stage.job(&held.sha, "build.sh").await?;
    stage.printed(&job, "at the gate").await?;
    let first = stage.push("main", "First").await?;
    let second = stage.push("main", "Second").await?;
    // A force push: the earlier ones are on no branch any more.
    let forced = Commit::new("Forced").file("file", "Forced").onto(&held.sha);
    let forced = stage.push_of("main", forced).await?;
    stage.open_gate(&job).await?;
    for (pushed, text) in [(&held, "Held"), (&first, "First"), (&second, "Second"), (&forced, "Forced")] {
        is_built(&stage, pushed, text).await?;
    }
    assert_eq!(stage.binary("anna-core-main.bin")?, "Forced");
    stage.end().await
}

#[tokio::test]
async fn an_older_push_that_is_done_later_leaves_the_link_alone() -> Result<()> {
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", BOTH)],
        core: FILES,
        settings: &[("KOZMIC_RUNNER_CONCURRENCY", "3")],
        ..Script::default()
    })
    .await?;
    let older = stage.push("main", "Held").await?;
    let binary = stage.job(&older.sha, "build.sh").await?;
    let flist = stage.job(&older.sha, "flist.sh").await?;
    stage.printed(&binary, "at the gate").await?;
    stage.printed(&flist, "at the gate").await?;
    let newer = stage.push("main", "Newer").await?;
    for script in ["build.sh", "flist.sh"] {
        assert_eq!(stage.outcome(&newer.sha, script).await?.state, State::Success);
    }
    stage.open_gate(&binary).await?;
    stage.open_gate(&flist).await?;
    for (script, stable) in [("build.sh", "anna-core-main.bin"), ("flist.sh", "anna-core-main.flist")] {
        let built = stage.outcome(&older.sha, script).await?;
        let log = stage.report(&built).await?;
        assert_eq!(built.state, State::Success, "{log}");
        assert!(
            log.contains(&format!("{stable} stays as it is: it leads to a newer push's artifact.")),
            "{log}"
        );
    }
    assert_eq!(stage.binary(&format!("anna-core-main-{}.bin", &older.sha[..10]))?, "Held");
    assert_eq!(stage.binary("anna-core-main.bin")?, "Newer");
    let links = stage.hub.links();
    assert_eq!(
        links.get("anna-core-main.flist"),
        Some(&format!("anna-core-main-{}.flist", &newer.sha[..10]))
    );
    assert_eq!(stage.hub.uploads().len(), 2, "both are at the hub");
    stage.end().await
}

#[tokio::test]
async fn a_tag_is_never_taken_for_a_branch_of_its_name() -> Result<()> {
    let recipes: &[_] = &[("anna/core/v1.yaml", RECIPE), ("anna/core/main.yaml", RECIPE)];
    let stage = Stage::sound(Script { recipes, core: FILES, ..Script::default() }).await?;
    stage.branch_off("side").await?;
    let first = stage.github.commit(CORE, "side", Commit::new("Tagged").file("file", "Tagged")).await?;
    let light = stage.github.push_tag(CORE, "v1", &first).await?;
    let annotated = stage.github.push_tag(CORE, "v1", Tag::Annotated(&first)).await?;
    assert!(!light.is_empty() && !annotated.is_empty());
    assert!(light.iter().chain(&annotated).all(|delivery| delivery.arrived()));
    // Deliveries are thought about one after another: those of the tag came before.
    let main = stage.push("main", "Main").await?;
    is_built(&stage, &main, "Main").await?;
    assert!(stage.contexts(&first).is_empty(), "nothing is built of a tag");

    // The branch of that name, first at the very commit that the tag stands for, then beyond it.
    stage.github.set_branch(CORE, "v1", &first).await?;
    stage.github.push(CORE, "v1").await?;
    assert_eq!(stage.outcome(&first, "build.sh").await?.state, State::Success);
    assert_eq!(stage.binary(&format!("anna-core-v1-{}.bin", &first[..10]))?, "Tagged");
    let branch = stage.push("v1", "Branch").await?;
    let built = stage.outcome(&branch.sha, "build.sh").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    assert_eq!(stage.binary("anna-core-v1.bin")?, "Branch");
    stage.end().await
}

#[tokio::test]
async fn who_asks_to_skip_a_push_and_who_deletes_a_branch_has_nothing_built() -> Result<()> {
    let recipes: &[_] = &[("anna/core/main.yaml", RECIPE), ("anna/core/next.yaml", RECIPE)];
    let stage = Stage::sound(Script { recipes, core: FILES, ..Script::default() }).await?;
    let skipped = stage.push("main", "Docs [skip ci]").await?;
    stage.github.set_branch(CORE, "next", &skipped.sha).await?;
    stage.github.push_silently(CORE, "next").await?;
    let deleted = stage.github.delete_branch(CORE, "next").await?;
    assert!(!deleted.is_empty() && deleted.iter().all(|delivery| delivery.arrived()));
    let last = stage.push("main", "Last").await?;
    is_built(&stage, &last, "Last").await?;
    assert!(stage.contexts(&skipped.sha).is_empty());
    stage.end().await
}
