//! Ends of jobs: failed, too long, silent, canceled, or never begun because an image is missing.

use crate::{
    api::Program,
    world::{GATE, IMAGE, LIMIT, REPOSITORY, World},
};
use anyhow::{Context, Result};
use futures_util::FutureExt;
use kozmic_testkit::{
    github::{Commit, NewRepository, State},
    person::NewHook,
    registry::Registry,
};
use serde_json::json;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_failed_script_is_a_failure_with_its_code() -> Result<()> {
    let world = World::new().await?;
    world.hook("for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 42").await?;
    let pushed = world.push("Break").await?;
    let line = world.status(&pushed.sha, State::Failure).await?;
    assert_eq!(line, "Kozmic build #1 has failed because of the \"Tests\" job");
    let log = world.log().await?;
    assert!(
        log.contains("out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n") && log.contains("The script returned 42."),
        "{log}"
    );
    assert!(world.page("builds/latest/").await?.contains("The script returned 42."));
    world.end().await
}

#[tokio::test]
async fn a_program_below_a_script_that_is_killed_for_want_of_memory_is_told_everywhere() -> Result<()> {
    let world = World::with(&[("KOZMIC_DOCKER_MEMORY_LIMIT", "64m")]).await?;
    world.hook("head -c 300000000 /dev/zero | tail -n 1; echo code $?; exit 2").await?;
    let pushed = world.push("Begin").await?;
    let line = world.status(&pushed.sha, State::Failure).await?;
    assert_eq!(line, "Kozmic build #1 has failed because of the \"Tests\" job: out of memory");
    let why = "The script returned 2 (out of memory: one of its processes was killed).";
    let log = world.log().await?;
    assert!(log.contains("code 137\n") && log.contains(why), "{log}");
    assert!(world.page("builds/latest/").await?.contains(why));
    world.end().await
}

#[tokio::test]
async fn no_reason_is_told_that_is_not_known() -> Result<()> {
    let world = World::new().await?;
    let full = " (disk full: its last lines say \"no space left on device\")";
    let cases = [
        ("dd if=/dev/zero of=/dev/full count=1", "disk_full", 1, full),
        ("kill -SEGV $$", "returned", 139, " (killed by SIGSEGV)"),
        ("bash -c 'kill -9 $$'", "returned", 137, " (killed by SIGKILL)"),
        ("exit 2", "returned", 2, ""),
    ];
    for (script, ..) in cases {
        let (title, script) = (script, format!("#!/bin/bash\n{script}\n"));
        let hook = NewHook { title, image: IMAGE, script: &script };
        world.anna.add_hook(world.project, hook).await?;
    }
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Failure).await?;
    let program = Program::of(&world.anna, &world).await?;
    let jobs = program.ended_jobs(&world).await?;
    assert_eq!(jobs.len(), cases.len());
    for (script, ending, code, why) in cases {
        let job = jobs.iter().find(|job| job["title"] == script).context(script)?;
        let attempt = &job["attempts"][0];
        assert_eq!((&attempt["ending"], &attempt["return_code"]), (&json!(ending), &json!(code)), "{script}");
        assert_eq!(attempt["reason"], json!(format!("The script returned {code}{why}.")));
    }
    world.end().await
}

#[tokio::test]
async fn whoever_asks_in_a_hook_is_told_that_nobody_answers() -> Result<()> {
    let world = World::with(&[("KOZMIC_DOCKER_NETWORK", "host")]).await?;
    world.github.add_repository(NewRepository::private("anna/secret"))?;
    let private = world.github.clone_url("anna/secret");
    let script = format!(
        "cat; echo cat=$?; read -p 'sure? ' answer; echo read=$?\n(read answer </dev/tty) || echo no terminal\n\
         git ls-remote {private}; echo git=$?; echo $DEBIAN_FRONTEND $GIT_TERMINAL_PROMPT $PAGER"
    );
    world.hook(&script).await?;
    world.push("Begin").await?;
    assert_eq!(world.finished().await?.status, "success");
    let log = world.log().await?;
    for line in ["cat=0", "read=1", "no terminal", "git=128", "noninteractive 0 cat"] {
        assert!(log.contains(&format!("{line}\n")), "{line:?} stands in:\n{log}");
    }
    assert!(log.contains("terminal prompts disabled"), "{log}");
    world.end().await
}

#[tokio::test]
async fn an_interpreter_that_is_not_there_is_named() -> Result<()> {
    let world = World::new().await?;
    let hook = NewHook { title: "T", image: IMAGE, script: "#!/usr/bin/no-such-thing\n" };
    world.anna.add_hook(world.project, hook).await?;
    world.push("Begin").await?;
    assert_eq!(world.finished().await?.status, "failure");
    let log = world.log().await?;
    assert!(log.contains("not found"), "{log}");
    world.end().await
}

#[tokio::test]
async fn a_silent_job_is_stopped_and_its_log_says_so() -> Result<()> {
    let world = World::with(&[("KOZMIC_STALL_TIMEOUT", "1")]).await?;
    world.hook("echo going to sleep; sleep 600").await?;
    world.push("Sleep").await?;
    assert_eq!(world.finished().await?.status, "failure");
    let log = world.log().await?;
    assert!(log.contains("going to sleep") && log.contains("Stopped: no output for 1.0 s."), "{log}");
    world.end().await
}

#[tokio::test]
async fn a_job_that_never_ends_is_stopped() -> Result<()> {
    let world = World::with(&[("KOZMIC_JOB_TIMEOUT", "2")]).await?;
    world.hook("while true; do echo again; sleep 0.1; done").await?;
    world.push("Loop").await?;
    assert_eq!(world.finished().await?.status, "failure");
    assert!(world.log().await?.contains("Stopped: the job took longer than 2.0 s."));
    world.end().await
}

#[tokio::test]
async fn a_job_that_floods_its_log_is_stopped() -> Result<()> {
    let world = World::with(&[("KOZMIC_LOG_LIMIT", "8m")]).await?;
    world.hook("yes 'the same line over and over again'").await?;
    world.push("Flood").await?;
    assert_eq!(world.finished().await?.status, "failure");
    let log = world.log().await?;
    assert!(log.contains("Stopped: the log is longer than 8 MiB.") && log.len() < 32 << 20, "{}", log.len());
    world.end().await
}

#[tokio::test]
async fn a_running_job_is_canceled_with_time_to_say_goodbye() -> Result<()> {
    let world = World::new().await?;
    world.hook(&format!("trap 'echo goodbye; exit 1' TERM\necho up and running\n{GATE}")).await?;
    let pushed = world.push("Wait").await?;
    let mut live = world.live().await?;
    live.read_until("up and running", LIMIT).await?;
    world.anna.cancel(world.project, world.build().await?.job()?).await?.ensure_ok()?;
    let finished = live.read_to_end(LIMIT).await?;
    assert_eq!((finished.status.as_str(), finished.return_code), ("canceled", None));
    assert!(live.text().contains("goodbye") && live.text().contains("anceled by"), "{}", live.text());
    assert_eq!(world.status(&pushed.sha, State::Error).await?, "Kozmic build #1 was canceled");
    world.end().await
}

#[tokio::test]
async fn a_waiting_job_says_why_and_can_be_canceled() -> Result<()> {
    let world = World::with(&[("KOZMIC_RUNNER_CONCURRENCY", "1")]).await?;
    world.hook(&format!("echo first; {GATE}")).await?;
    world.push("One").await?;
    let mut first = world.live().await?;
    first.read_until("first", LIMIT).await?;
    world.push("Two").await?;
    let two = world.anna.wait_for_build(world.project, LIMIT, |build| build.build == 2).await?;
    let html = world.page("builds/latest/").await?;
    assert!(html.contains("Waits for a free runner: 1 of 1 jobs run now."), "{html}");
    world.anna.cancel(world.project, two.job()?).await?.ensure_ok()?;
    assert_eq!(world.finished().await?.status, "canceled");
    world.open_gate().await?;
    assert_eq!(first.read_to_end(LIMIT).await?.status, "success");
    world.end().await
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_ends_the_job_with_the_engines_words() -> Result<()> {
    let world = World::with(&[("KOZMIC_DOCKER_PRIVATE_REGISTRIES", "127.0.0.1:9")]).await?;
    // A registry on a closed port: refused at once, and by nobody else's machine.
    world.hook_in("127.0.0.1:9/no/such-image:1", "true").await?;
    let pushed = world.push("Begin").await?;
    assert_eq!(world.finished().await?.status, "error");
    let log = world.log().await?;
    assert!(
        log.contains("pull")
            && log.contains("Pull the image 127.0.0.1:9/no/such-image:1: the Docker engine says: ")
    );
    assert!(log.contains("connection refused"), "{log}");
    world.status(&pushed.sha, State::Error).await?;
    world.end().await
}

#[tokio::test]
async fn an_image_does_not_lead_the_engine_into_the_servers_network() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let world = World::new().await?;
    let registry = listener.local_addr()?;
    world.hook_in(&format!("{registry}/team/image:1"), "true").await?;
    world.push("Begin").await?;
    assert_eq!(world.finished().await?.status, "error");
    let log = world.log().await?;
    assert!(log.contains(&format!("{registry} is in the server's own network")), "{log}");
    assert!(log.contains("docker_private_registries"), "{log}");
    assert!(listener.accept().now_or_never().is_none(), "nobody called");
    world.end().await
}

#[tokio::test]
async fn an_image_that_is_absent_is_pulled_with_its_progress_in_the_log() -> Result<()> {
    let registry = Registry::start().await?;
    let world = World::with(&[("KOZMIC_DOCKER_PRIVATE_REGISTRIES", &registry.host())]).await?;
    // An image of its own content, so that the engine has to fetch it.
    let made = world
        .docker
        .run(&["run", "-d", IMAGE, "bash", "-c", "head -c 3000000 /dev/urandom > /tmp/new"])
        .await?;
    world.docker.run(&["wait", &made]).await?;
    let local = world.docker.run(&["commit", &made]).await?;
    world.docker.remove(&made).await?;
    let image = registry.publish(&world.docker, &local, "team/tools:1").await?;
    world.docker.run(&["rmi", "--force", &local]).await?;
    world.hook_in(&image, "stat -c %s /tmp/new").await?;
    world.push("Begin").await?;
    let build = world.finished().await?;
    let log = world.log().await?;
    assert_eq!(build.status, "success", "{log}");
    assert!(
        log.contains("pull  ") && log.contains("Pulling from team/tools") && log.contains("\n3000000\n"),
        "{log}"
    );
    assert!(world.page("builds/latest/").await?.contains("pull "), "the phase stands on the page");
    world.remove_image(&image).await?;
    world.end().await
}

#[tokio::test]
async fn a_commit_of_more_files_than_are_allowed_is_an_error_that_names_the_setting() -> Result<()> {
    let world = World::with(&[("KOZMIC_CHECKOUT_FILES_LIMIT", "10")]).await?;
    world.hook("ls | wc -l").await?;
    let many = |count| {
        let files = 0..count;
        files.fold(Commit::new("Many"), |commit, file| commit.file(&format!("file {file}"), "x"))
    };
    let pushed = world.github.push_commit(REPOSITORY, "main", many(50)).await?;
    world.status(&pushed.sha, State::Error).await?;
    let log = world.log().await?;
    assert!(log.contains("more than 10 files and directories: checkout_files_limit allows no more"), "{log}");
    world.end().await
}
