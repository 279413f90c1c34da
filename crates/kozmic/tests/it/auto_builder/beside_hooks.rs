//! Hooks and recipes of one repository share one build with the jobs of both. Each reports its own jobs.

use super::stage::{CORE, Script, Shown, Stage};
use crate::world::{IMAGE, LIMIT};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Permission, State},
    person::{NewHook, Person},
};
use std::collections::BTreeSet;

const RECIPE: &str = "\
buildscripts: [good.sh, bad.sh]
good.sh: {archives: /tmp/archives, artifact: out.bin, format: binary}
bad.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: bad}
";

const SLOW: &str = "\
buildscripts: [slow.sh]
slow.sh: {archives: /tmp/archives, artifact: out.bin, format: binary}
";

const FILES: &[(&str, &str)] = &[
    ("good.sh", "#!/bin/sh\ncp /core/file /tmp/archives/out.bin\n"),
    ("bad.sh", "#!/bin/sh\nexit 3\n"),
    (
        "slow.sh",
        "#!/bin/bash\ntrap 'exit 1' TERM\necho at the gate\nuntil [ -e /tmp/gate ]; do sleep 0.02; done\ncp /core/file /tmp/archives/out.bin\n",
    ),
];

fn script(recipe: &'static [(&'static str, &'static str)]) -> Script<'static> {
    Script { recipes: recipe, core: FILES, ..Script::default() }
}

#[tokio::test]
async fn one_push_makes_one_build_of_which_hook_and_scripts_tell_apart() -> Result<()> {
    let stage = Stage::sound(script(&[("anna/core/main.yaml", RECIPE)])).await?;
    let (anna, project) = stage.anna().await?;
    let tests = NewHook { title: "Tests", image: IMAGE, script: "#!/bin/sh\ntrue\n" };
    anna.add_hook(project, tests).await?;
    let pushed = stage.push("main", "Begin").await?;
    assert_eq!(pushed.deliveries.len(), 2, "by the hook's webhook and by the Auto Builder's");
    let good = stage.outcome(&pushed.sha, "good.sh").await?;
    let bad = stage.outcome(&pushed.sha, "bad.sh bad").await?;
    let hook = stage.verdict(CORE, &pushed.sha, "Kozmic-CI").await?;
    assert_eq!((good.state, bad.state), (State::Success, State::Error));
    assert_eq!(hook.state, State::Success, "a recipe's failure is no matter of hooks: {hook:?}");
    assert_eq!(hook.description.as_deref(), Some("Kozmic build #1 has passed"));
    let names = ["Kozmic-CI", "kozmic/good.sh", "kozmic/bad.sh bad"];
    assert_eq!(stage.contexts(&pushed.sha), BTreeSet::from(names.map(str::to_owned)));
    assert_eq!((hook.creator.as_str(), good.creator.as_str()), ("anna", "builder"));

    let page = anna.get(&format!("/projects/{project}/builds/latest/")).await?;
    for title in ["Tests", "good.sh", "bad.sh"] {
        assert!(page.body.contains(title), "{title}: {}", page.body);
    }
    let history = anna.get(&format!("/projects/{project}/history/")).await?;
    assert!(history.body.contains("#1") && !history.body.contains("#2"), "{}", history.body);

    // Once more, from its page: the hook's status stays as it was.
    stage.press(&anna, (project, &bad), "restart").await?;
    let again = stage.newer(&bad).await?;
    assert_eq!((again.state, again.target_url.clone()), (State::Error, bad.target_url));
    assert_eq!(stage.verdict(CORE, &pushed.sha, "Kozmic-CI").await?.state, State::Success);
    stage.end().await
}

#[tokio::test]
async fn a_hook_that_fails_leaves_the_scripts_as_they_are() -> Result<()> {
    let stage = Stage::sound(script(&[("anna/core/main.yaml", RECIPE)])).await?;
    let (anna, project) = stage.anna().await?;
    anna.add_hook(project, NewHook { title: "Tests", image: IMAGE, script: "#!/bin/sh\nexit 1\n" }).await?;
    let pushed = stage.push("main", "Begin").await?;
    assert_eq!(stage.verdict(CORE, &pushed.sha, "Kozmic-CI").await?.state, State::Failure);
    assert_eq!(stage.outcome(&pushed.sha, "good.sh").await?.state, State::Success);
    stage.outcome(&pushed.sha, "bad.sh bad").await?;
    assert_eq!(stage.binary("anna-core-main.bin")?, "Begin");
    stage.end().await
}

#[tokio::test]
async fn a_scripts_job_is_canceled_and_built_again_from_its_page() -> Result<()> {
    let stage = Stage::sound(script(&[("anna/core/main.yaml", SLOW)])).await?;
    let (anna, project) = stage.anna().await?;
    let pushed = stage.push("main", "Begin").await?;
    let job = stage.job(&pushed.sha, "slow.sh").await?;
    stage.printed(&job, "at the gate").await?;
    stage.press(&anna, (project, &job), "cancel").await?;
    let canceled = stage.outcome(&pushed.sha, "slow.sh").await?;
    assert_eq!(canceled.state, State::Error);
    assert_eq!(canceled.description.as_deref(), Some("Canceled by anna."));
    stage.docker.wait_until_clean(&stage.label()?, LIMIT).await?;
    assert!(stage.binary("anna-core-main.bin").is_err(), "nothing was published");

    stage.press(&anna, (project, &job), "restart").await?;
    stage.open_gate(&job).await?;
    let what = Shown { repository: CORE, sha: &pushed.sha, context: "kozmic/slow.sh" };
    let built = stage.shown(what, |status| status.state == State::Success).await?;
    assert_eq!(built.target_url, job.target_url);
    assert_eq!(stage.binary("anna-core-main.bin")?, "Begin");
    stage.end().await
}

#[tokio::test]
async fn what_only_the_auto_builder_had_becomes_the_project_of_who_adds_it() -> Result<()> {
    let stage = Stage::sound(script(&[("anna/core/main.yaml", RECIPE)])).await?;
    stage.github.set_permission(CORE, "eve", Some(Permission::Pull));
    let pushed = stage.push("main", "Before anybody came").await?;
    let good = stage.outcome(&pushed.sha, "good.sh").await?;
    stage.outcome(&pushed.sha, "bad.sh bad").await?;
    let (anna, project) = stage.anna().await?;
    let address = stage.job_page(&anna, project, &good).await?;
    let page = anna.get(&address).await?;
    page.ensure_ok()?;
    assert!(page.body.contains("good.sh") && page.body.contains("Before anybody came"), "{}", page.body);
    let settings = anna.get(&format!("/projects/{project}/settings/")).await?;
    settings.ensure_ok().context("she manages it")?;

    let eve = Person::sign_in(&stage.server, &stage.github, "eve").await?;
    eve.get(&address).await?.ensure_ok()?;
    let stranger = Person::sign_in(&stage.server, &stage.github, "mallory").await?;
    assert_eq!(stranger.get(&address).await?.status, 404);
    // The Auto Builder goes on as before.
    let next = stage.push("main", "After").await?;
    let next = stage.outcome(&next.sha, "good.sh").await?;
    assert_eq!((next.state, next.creator.as_str()), (State::Success, "builder"));
    stage.end().await
}

#[tokio::test]
async fn a_private_repository_is_built_before_and_after_somebody_adds_it() -> Result<()> {
    let stage = Stage::sound(script(&[("anna/core/main.yaml", RECIPE)])).await?;
    stage.github.start_ssh().await?;
    stage.github.set_private(CORE, true).await?;
    let read = kozmic_testkit::github::Commit::new("Read").file("README.md", "again");
    let read = stage.configure(read).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let before = stage.push("main", "Before").await?;
    let built = stage.outcome(&before.sha, "good.sh").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    assert!(stage.github.deploy_keys(CORE).is_empty(), "it was read by the Auto Builder's token");
    stage.anna().await?;
    assert_eq!(stage.github.deploy_keys(CORE).len(), 1, "now it is read as other projects are");
    let after = stage.push("main", "After").await?;
    let built = stage.outcome(&after.sha, "good.sh").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    stage.end().await
}
