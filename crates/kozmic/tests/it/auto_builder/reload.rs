//! The configuration changes while pushes come in and jobs run: each push is judged by exactly one state of it.

use super::stage::{CONFIGURATION, READING, Script, Stage};
use anyhow::{Result, ensure};
use kozmic_testkit::github::{Commit, State};
use std::collections::BTreeSet;

const FIRST: &str = "\
buildscripts: [build.sh]
build.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
  tag: first
";

/// Another script, another tag.
const SECOND: &str = "\
buildscripts: [other.sh]
other.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
  tag: second
";

/// The same script under another tag, in another format.
const THIRD: &str = "\
buildscripts: [build.sh]
build.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
  tag: third
";

const BUILD: &str = "#!/bin/bash
if grep -q Held /core/file; then echo at the gate; until [ -e /tmp/gate ]; do sleep 0.02; done; fi
cp /core/file /tmp/archives/out.bin
";

const OTHER: &str = "#!/bin/bash\ntr a-z A-Z < /core/file > /tmp/archives/out.bin\n";

fn script() -> Script<'static> {
    Script {
        recipes: &[("anna/core/main.yaml", FIRST)],
        core: &[("build.sh", BUILD), ("other.sh", OTHER)],
        settings: &[("KOZMIC_RUNNER_CONCURRENCY", "2")],
        ..Script::default()
    }
}

async fn becomes(stage: &Stage, recipe: &str) -> Result<()> {
    let read = stage.configure(Commit::new("Change").file("anna/core/main.yaml", recipe)).await?;
    ensure!(read.state == State::Success, "{}", stage.report(&read).await?);
    Ok(())
}

/// The one name under which GitHub shows something beside a commit.
fn only(context: &str) -> BTreeSet<String> {
    BTreeSet::from([context.to_owned()])
}

#[tokio::test]
async fn what_runs_ends_by_the_configuration_that_it_began_with() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let held = stage.push("main", "Held").await?;
    let job = stage.job(&held.sha, "build.sh first").await?;
    stage.printed(&job, "at the gate").await?;
    becomes(&stage, SECOND).await?;
    let second = stage.push("main", "Second").await?;
    assert_eq!(stage.outcome(&second.sha, "other.sh second").await?.state, State::Success);
    becomes(&stage, THIRD).await?;
    let third = stage.push("main", "Third").await?;
    assert_eq!(stage.outcome(&third.sha, "build.sh third").await?.state, State::Success);
    stage.open_gate(&job).await?;
    assert_eq!(stage.outcome(&held.sha, "build.sh first").await?.state, State::Success);
    for (pushed, context, tag, text) in [
        (&held, "kozmic/build.sh first", "first", "Held"),
        (&second, "kozmic/other.sh second", "second", "SECOND"),
        (&third, "kozmic/build.sh third", "third", "Third"),
    ] {
        assert_eq!(stage.contexts(&pushed.sha), only(context));
        assert_eq!(stage.binary(&format!("anna-core-{tag}-main-{}.bin", &pushed.sha[..10]))?, text);
        assert_eq!(stage.binary(&format!("anna-core-{tag}-main.bin"))?, text);
    }
    stage.end().await
}

#[tokio::test]
async fn what_waits_is_built_by_the_configuration_that_it_was_pushed_under() -> Result<()> {
    let stage = Stage::sound(Script { settings: &[("KOZMIC_RUNNER_CONCURRENCY", "1")], ..script() }).await?;
    let held = stage.push("main", "Held").await?;
    let job = stage.job(&held.sha, "build.sh first").await?;
    stage.printed(&job, "at the gate").await?;
    let waits = stage.push("main", "Waits").await?;
    // Its delivery was understood: it waits.
    stage.job(&waits.sha, "build.sh first").await?;
    becomes(&stage, SECOND).await?;
    stage.open_gate(&job).await?;
    assert_eq!(stage.outcome(&waits.sha, "build.sh first").await?.state, State::Success);
    assert_eq!(stage.contexts(&waits.sha), only("kozmic/build.sh first"));
    stage.end().await
}

#[tokio::test]
async fn a_push_amid_a_change_is_judged_by_all_of_the_old_configuration_or_all_of_the_new() -> Result<()> {
    const TWO: &str = "{archives: /tmp/archives, artifact: out.bin, format: binary, tag: ";
    let old = format!("buildscripts: [build.sh, other.sh]\nbuild.sh: {TWO}a}}\nother.sh: {TWO}b}}\n");
    let new = format!("buildscripts: [build.sh, other.sh]\nbuild.sh: {TWO}c}}\nother.sh: {TWO}d}}\n");
    let branches = ["b0", "b1", "b2", "b3"];
    let files = |text: &str| branches.map(|branch| (format!("anna/core/{branch}.yaml"), text.to_owned()));
    let (before, after) = (files(&old), files(&new));
    let before = before.each_ref().map(|(path, text)| (path.as_str(), text.as_str()));
    let after = after.each_ref().map(|(path, text)| (path.as_str(), text.as_str()));
    let stage = Stage::sound(Script { recipes: &before, ..script() }).await?;
    let mut shas = Vec::new();
    for branch in branches {
        stage.branch_off(branch).await?;
        shas.push(
            stage.github.commit(super::stage::CORE, branch, Commit::new(branch).file("file", branch)).await?,
        );
    }
    let change = stage.github.commit(CONFIGURATION, "main", Commit::new("Change").files(&after)).await?;
    let [first, second, third, fourth] = branches.map(|branch| stage.github.push(super::stage::CORE, branch));
    let all = tokio::join!(first, second, stage.github.push(CONFIGURATION, "main"), third, fourth);
    for deliveries in [all.0?, all.1?, all.2?, all.3?, all.4?] {
        ensure!(!deliveries.is_empty() && deliveries.iter().all(|delivery| delivery.arrived()));
    }
    let read = stage.verdict(CONFIGURATION, &change, READING).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    for sha in &shas {
        let is_old = judged_by_old(&stage, sha).await?;
        let scripts = if is_old { ["build.sh a", "other.sh b"] } else { ["build.sh c", "other.sh d"] };
        for script in scripts {
            assert_eq!(stage.outcome(sha, script).await?.state, State::Success);
        }
        assert_eq!(stage.contexts(sha), BTreeSet::from(scripts.map(|script| format!("kozmic/{script}"))));
    }
    stage.end().await
}

/// Whether the first that is shown of a commit is of the old configuration.
async fn judged_by_old(stage: &Stage, sha: &str) -> Result<bool> {
    let mut last = 0;
    loop {
        let next = stage.github.next_status(last, crate::world::LIMIT).await;
        let Some((_, status)) = next else { anyhow::bail!("nothing is shown of {sha}") };
        if status.sha == sha {
            return Ok(status.context.ends_with(" a") || status.context.ends_with(" b"));
        }
        last = status.id;
    }
}
