//! The repository of a recipe's job is like a fresh clone, as in a hook's job, even if its script is not executable
//! there.

use super::stage::{CORE, Script, Stage};
use crate::like_a_clone::{
    alike,
    awkward::{ASK, AWKWARD, GROWN, bash},
    cloned, told,
};
use anyhow::{Context, Result};
use kozmic_testkit::github::State;
use std::path::Path;

const RECIPE: &str = "\
buildscripts: [ask.sh]
ask.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
";

/// Puts the script into the repository that is to be pushed.
async fn with_script(dir: &Path) -> Result<()> {
    // A report shows where a tab leads to, not the tab.
    let ask = format!("{{\n{ASK}\n}} | tr '\\t' ' '");
    let script = format!("#!/bin/bash\ncd /core || exit\n{ask}\necho done > /tmp/archives/out.bin\n");
    std::fs::write(dir.join("ask.sh"), script)?;
    let commit = "for branch in feature/deep main; do git -C source checkout -q -f $branch; cp ask.sh source/\n\
        git -C source add ask.sh; git -C source commit -q -m Ask; done";
    bash(dir, commit, &[]).await.map(drop)
}

/// Pushes a branch and gives what its script was told.
async fn asked(stage: &Stage, dir: &Path, branch: &str) -> Result<Vec<String>> {
    bash(dir, GROWN, &[branch]).await?;
    let sha = stage.github.head(CORE, branch).await.context("the branch is there")?;
    let built = stage.outcome(&sha, "ask.sh").await?;
    let log = stage.report(&built).await?;
    anyhow::ensure!(built.state == State::Success, "{log}");
    // Its output went through a terminal.
    told(&log.replace("\r\n", "\n"))
}

fn untabbed(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.replace('\t', " ")).collect()
}

#[tokio::test]
async fn a_recipes_script_finds_what_a_fresh_clone_of_its_branch_has() -> Result<()> {
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE), ("anna/core/feature/deep.yaml", RECIPE)],
        ..Script::default()
    })
    .await?;
    let dir = tempfile::tempdir()?;
    bash(dir.path(), AWKWARD, &[&stage.github.clone_url_as("anna", CORE)]).await?;
    with_script(dir.path()).await?;
    let url = stage.github.clone_url(CORE);
    let script = asked(&stage, dir.path(), "main").await?;
    let clone = cloned(&url, dir.path(), ("URL clone; cd clone", &["HEAD", "main"])).await?;
    alike(&script, &untabbed(&clone))?;
    let script = asked(&stage, dir.path(), "feature/deep").await?;
    let prepare = "--branch feature/deep URL deep; cd deep";
    let clone = cloned(&url, dir.path(), (prepare, &["HEAD", "main", "feature/deep"])).await?;
    alike(&script, &untabbed(&clone))?;
    stage.end().await
}
