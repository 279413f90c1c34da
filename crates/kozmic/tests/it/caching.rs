//! Install scripts: their results are kept, found again, made only once, and removed when there are too many.

use crate::world::{GATE, IMAGE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    github::{Commit, NewPull, State},
    held_engine::HeldEngine,
    live::News,
    person::Build,
};
use std::{collections::BTreeSet, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// The line of a job that found its image.
pub const SKIPPED: &str = "Skipping install script as tracked files did not change...";

/// Adds a hook with an install script to a world's project.
pub async fn hook(world: &World, title: &str, install: &str, tracked: &str, script: &str) -> Result<()> {
    let path = format!("/projects/{}/hooks/add/", world.project);
    let (install, script) = (format!("#!/bin/bash\n{install}\n"), format!("#!/bin/bash\n{script}\n"));
    let fields = [
        ("title", title),
        ("image", IMAGE),
        ("script", &script),
        ("install_script", &install),
        ("tracked_files", tracked),
    ];
    let page = world.anna.post_form(&path, &path, &fields).await?;
    ensure!(page.url.path() != path, "the hook was refused: {page}");
    Ok(())
}

async fn push(world: &World, branch: &str, files: &[(&str, &str)]) -> Result<String> {
    let commit = files.iter().fold(Commit::new("Change"), |commit, (path, text)| commit.file(path, text));
    let pushed = world.github.push_commit(REPOSITORY, branch, commit).await?;
    world.status(&pushed.sha, State::Success).await?;
    world.log().await
}

/// Waits until so many images are left, woken by the engine's events.
async fn until_images(world: &World, count: usize) -> Result<()> {
    let mut events = Command::new("docker");
    events.args(["events", "--filter", "type=image", "--format", "{{.Action}}"]).kill_on_drop(true);
    let mut events = events.stdout(Stdio::piped()).spawn().context("watch the engine's events")?;
    let mut lines = BufReader::new(events.stdout.take().context("docker has an output")?).lines();
    let wait = async {
        while world.cached_images().await?.len() != count {
            lines.next_line().await?;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, wait).await.context("the images stay")?
}

#[tokio::test]
async fn an_install_script_runs_once_until_a_tracked_file_changes() -> Result<()> {
    let world = World::new().await?;
    let install =
        "echo installing $(cat deps/list); cp deps/list /home/kozmic/installed; sudo touch /usr/installed";
    hook(&world, "Tests", install, "deps\nmissing.txt", "cat ~/installed; ls /usr/installed; echo $HOME")
        .await?;

    let log = push(&world, "main", &[("deps/list", "one\n"), ("code", "1")]).await?;
    assert!(log.contains("this hook has no image yet") && log.contains("installing one"), "{log}");
    assert!(log.contains("\none\n/usr/installed\n/home/kozmic\n"), "{log}");
    assert_eq!(world.cached_images().await?.len(), 1);

    let log = push(&world, "main", &[("code", "2")]).await?;
    assert!(log.contains(SKIPPED) && !log.contains("installing"), "{log}");
    assert!(log.contains("\none\n/usr/installed\n"), "{log}");

    let log = push(&world, "main", &[("deps/list", "two\n")]).await?;
    assert!(
        log.contains("deps changed") && log.contains("installing two") && log.contains("\ntwo\n"),
        "{log}"
    );

    let log = push(&world, "main", &[("missing.txt", "here now")]).await?;
    assert!(log.contains("missing.txt was added") && log.contains("installing two"), "{log}");
    world.end().await
}

#[tokio::test]
async fn a_failed_install_script_ends_the_job_with_its_code_and_leaves_no_image() -> Result<()> {
    let world = World::new().await?;
    hook(&world, "Tests", "echo trying; exit 23", "", "echo never").await?;
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Failure).await?;
    let log = world.log().await?;
    assert!(log.contains("trying") && log.contains("The install script returned 23."), "{log}");
    assert!(!log.contains("never"), "{log}");
    assert!(world.cached_images().await?.is_empty());
    world.end().await
}

#[tokio::test]
async fn two_jobs_that_need_the_same_image_make_it_once() -> Result<()> {
    let world = World::with(&[("KOZMIC_RUNNER_CONCURRENCY", "2")]).await?;
    let install = format!("echo installing; {GATE}");
    hook(&world, "One", &install, "", "echo from one").await?;
    hook(&world, "Two", &install, "", "echo from two").await?;
    let mut news = world.anna.news(world.project).await?;
    let pushed = world.push("Begin").await?;
    let jobs = tokio::time::timeout(LIMIT, two_jobs(&world, &mut news)).await.context("two jobs start")??;
    let waits = "Waiting: another job runs this install script";
    for job in jobs {
        let mut live = world.anna.live(world.project, job, 0).await?;
        while ![waits, "\ninstalling\n"].iter().any(|text| live.text().contains(text)) {
            live.next(LIMIT).await?.context("the log goes on")?;
        }
    }
    world.open_gate().await?;
    world.status(&pushed.sha, State::Success).await?;
    let texts = [log_of(&world, jobs[0]).await?, log_of(&world, jobs[1]).await?];
    assert_eq!(texts.iter().filter(|text| text.contains("\ninstalling\n")).count(), 1, "{texts:?}");
    assert_eq!(texts.iter().filter(|text| text.contains(waits)).count(), 1, "{texts:?}");
    assert_eq!(world.cached_images().await?.len(), 1);
    world.end().await
}

#[tokio::test]
async fn an_install_script_outlives_kill_9_and_is_not_run_twice() -> Result<()> {
    let mut world = World::new().await?;
    hook(&world, "Tests", &format!("echo begin install; {GATE}; echo end install"), "", "echo the script")
        .await?;
    let pushed = world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("begin install", LIMIT).await?;
    world.server.kill_9().await?;
    world.open_gate().await?;
    world.server.restart().await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    for line in ["\nbegin install\n", "\nend install\n", "\nthe script\n"] {
        assert_eq!(log.matches(line).count(), 1, "{line:?} in {log}");
    }
    assert_eq!(world.cached_images().await?.len(), 1);
    world.end().await
}

/// Waits until the log of a job has one of these texts, and gives it.
async fn first_of<'a>(world: &World, job: u64, texts: [&'a str; 2]) -> Result<&'a str> {
    let mut live = world.anna.live(world.project, job, 0).await?;
    loop {
        if let Some(text) = texts.into_iter().find(|text| live.text().contains(text)) {
            return Ok(text);
        }
        live.next(LIMIT).await?.context("the log goes on")?;
    }
}

#[tokio::test]
async fn an_install_script_that_outlived_kill_9_is_waited_for_before_anybody_looks_for_it() -> Result<()> {
    let engine = HeldEngine::start()?;
    let url = engine.url();
    let mut world = World::with(&[("KOZMIC_DOCKER_URL", &url), ("KOZMIC_RUNNER_CONCURRENCY", "2")]).await?;
    hook(&world, "Tests", &format!("echo installing; {GATE}"), "", "echo the script").await?;
    let first = world.push("Begin").await?;
    let (build, mut live) = (world.build().await?, world.live().await?);
    live.read_until("\ninstalling\n", LIMIT).await?;
    world.server.kill_9().await?;
    // The job that is taken up looks for its container by this call: the other one is faster.
    engine.hold("/containers/json");
    world.server.restart().await?;
    engine.wait_for_held(LIMIT).await?;
    let second = Commit::new("Elsewhere").file("file", "2");
    let second = world.github.push_commit(REPOSITORY, "other", second).await?;
    let is_second = |other: &Build| other.build != build.build && other.job.is_some();
    let other = world.anna.wait_for_build(world.project, LIMIT, is_second).await?;
    let waits = "Waiting: another job runs this install script";
    let told = first_of(&world, other.job()?, [waits, "Running the install script"]).await?;
    engine.release();
    assert_eq!(told, waits);
    world.open_gate().await?;
    for sha in [&first.sha, &second.sha] {
        world.status(sha, State::Success).await?;
    }
    let logs = [log_of(&world, build.job()?).await?, log_of(&world, other.job()?).await?];
    assert_eq!(logs.map(|log| log.matches("\ninstalling\n").count()), [1, 0]);
    world.end().await
}

#[tokio::test]
async fn the_least_recently_used_images_go_first() -> Result<()> {
    let world = World::with(&[("KOZMIC_CACHED_IMAGES_LIMIT", "2")]).await?;
    hook(&world, "Tests", "cp deps ~/deps", "deps", "cat ~/deps").await?;
    for deps in ["one", "two", "one", "three"] {
        push(&world, "main", &[("deps", deps)]).await?;
    }
    until_images(&world, 2).await?;
    let log = push(&world, "main", &[("deps", "one")]).await?;
    assert!(log.contains(SKIPPED), "it was used after \"two\": {log}");
    world.end().await
}

#[tokio::test]
async fn an_image_that_somebody_removed_is_made_again() -> Result<()> {
    let world = World::new().await?;
    hook(&world, "Tests", "echo installing", "", "echo hi").await?;
    push(&world, "main", &[("a", "1")]).await?;
    world.docker.wait_until_clean(&world.label()?, LIMIT).await?;
    let image = world.cached_images().await?.into_iter().next().context("an image is kept")?;
    world.docker.run(&["rmi", &image]).await?;
    let log = push(&world, "main", &[("a", "2")]).await?;
    assert!(log.contains("nothing changed, but no image is kept") && log.contains("\ninstalling\n"), "{log}");
    world.end().await
}

/// The ids of the two jobs of the latest build, as soon as both are there.
async fn two_jobs(world: &World, news: &mut News) -> Result<[u64; 2]> {
    loop {
        let page = world.anna.get(&format!("/projects/{}/builds/latest/", world.project)).await?;
        let links = page.body.split("/jobs/").skip(1).filter_map(|rest| rest.split('/').next()?.parse().ok());
        let jobs = links.collect::<BTreeSet<u64>>();
        if let [first, second] = jobs.into_iter().collect::<Vec<_>>()[..] {
            return Ok([first, second]);
        }
        news.next().await?;
    }
}

async fn log_of(world: &World, job: u64) -> Result<String> {
    Ok(String::from_utf8_lossy(&world.anna.raw_log(world.project, job).await?).into_owned())
}

#[tokio::test]
async fn images_are_cleaned_by_hand_while_the_server_runs_but_none_that_a_job_uses() -> Result<()> {
    let world = World::new().await?;
    hook(
        &world,
        "Tests",
        "cp deps ~/deps",
        "deps",
        &format!("cat ~/deps; [ \"$(cat ~/deps)\" != two ] || {GATE}"),
    )
    .await?;
    push(&world, "main", &[("deps", "one")]).await?;
    let pushed = world.github.push_commit(REPOSITORY, "main", Commit::new("Two").file("deps", "two")).await?;
    let mut live = world.anna.wait_for_build(world.project, LIMIT, |build| build.status == "pending").await?;
    let job = live.job.take().context("a job runs")?;
    world.anna.live(world.project, job, 0).await?.read_until("\ntwo", LIMIT).await?;
    let clean = world.server.run(&["cache", "clean", "--all"]).await?;
    let words = String::from_utf8_lossy(&clean.stdout).into_owned();
    assert!(clean.status.success() && words.starts_with("1 image removed"), "{words}");
    assert_eq!(world.cached_images().await?.len(), 1, "the running job's image stays");
    world.open_gate().await?;
    world.status(&pushed.sha, State::Success).await?;
    world.docker.wait_until_clean(&world.label()?, LIMIT).await?;
    world.server.run(&["cache", "clean", "--all"]).await?;
    assert!(world.cached_images().await?.is_empty());
    world.end().await
}

#[tokio::test]
async fn what_a_fork_makes_is_never_used_by_the_projects_own_branches() -> Result<()> {
    let world = World::new().await?;
    hook(&world, "Tests", "bash setup.sh", "deps", "cat ~/made-by").await?;
    let own = [("deps", "one"), ("setup.sh", "echo anna > ~/made-by")];
    let log = push(&world, "main", &own).await?;
    assert!(log.contains("\nanna\n"), "{log}");

    world.build_forks().await?;
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    let evil = Commit::new("Nothing to see").file("setup.sh", "echo eve > ~/made-by").file("deps", "two");
    let sha = world.github.commit(&fork, "patch", evil).await?;
    let pull = NewPull::new(REPOSITORY, "patch", "Please").from_fork(&fork).by("eve");
    world.github.open_pull_request(pull).await?;
    world.status(&sha, State::Success).await?;
    let log = world.log().await?;
    assert!(log.contains("deps changed") && log.contains("\neve\n"), "{log}");

    let log = push(&world, "main", &[("deps", "two")]).await?;
    assert!(log.contains("deps changed") && log.contains("\nanna\n") && !log.contains("eve"), "{log}");
    world.end().await
}
