//! The engine is stopped during jobs of recipes: their programs run on a terminal, without a gate.

use super::{
    kernels::scene::{GENERIC, Scene},
    stage::{Script, Shown, Stage},
};
use crate::world::{GATE, IMAGE, LIMIT};
use anyhow::{Context, Result};
use kozmic_testkit::{
    engine::Engine,
    github::{State, Status},
};
use std::time::Duration;

/// The pause between two looks at a log.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_recipes_job_whose_engine_is_stopped_runs_again_unless_it_says_no() -> Result<()> {
    let mut engine = Engine::start(false, &[IMAGE]).await?;
    let url = engine.url();
    let recipe = "buildscripts: [again.sh, once.sh]\n\
                  again.sh: {archives: /tmp/archives, artifact: a.tar.gz, tag: a}\n\
                  once.sh: {archives: /tmp/archives, artifact: a.tar.gz, tag: b, if_interrupted: error}\n";
    let again = format!(
        "#!/bin/bash\n[ $KOZMIC_ATTEMPT != 1 ] || {GATE}\ntar -czf /tmp/archives/a.tar.gz /dev/null\n"
    );
    let once = format!("#!/bin/bash\n{GATE}\n");
    let mut stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", recipe)],
        core: &[("again.sh", &again), ("once.sh", &once)],
        settings: &[
            ("KOZMIC_DOCKER_URL", &url),
            ("KOZMIC_DOCKER_NETWORK", "none"),
            ("KOZMIC_RUNNER_CONCURRENCY", "2"),
        ],
        ..Script::default()
    })
    .await?;
    stage.docker = engine.docker();
    let pushed = stage.push("main", "Begin").await?;
    let both = async {
        while stage.docker.run(&["ps", "--quiet"]).await?.lines().count() < 2 {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, both).await.context("both run")??;
    engine.stop().await?;
    engine.start_again().await?;
    let once = stage.outcome(&pushed.sha, "once.sh b").await?;
    assert_eq!(once.state, State::Error);
    assert!(stage.report(&once).await?.contains("It does not run again by itself, as its recipe says."));
    let again = stage.outcome(&pushed.sha, "again.sh a").await?;
    assert_eq!(again.state, State::Success, "{}", stage.report(&again).await?);
    stage.end().await?;
    drop(engine);
    Ok(())
}

/// Waits until a job's log has this.
async fn until_told(scene: &Scene, job: &Status, text: &str) -> Result<()> {
    let told = async {
        while !scene.stage.report(job).await?.contains(text) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, told).await.with_context(|| format!("{text:?} never came"))?
}

#[tokio::test]
async fn a_kernel_outlives_an_engine_that_stops_in_its_script_and_is_killed_while_it_is_kept() -> Result<()> {
    let mut engine = Engine::start(false, &[IMAGE]).await?;
    let url = engine.url();
    // Enough of it that the engine takes a while to keep it.
    let build = format!(
        "#!/bin/bash\necho attempt $KOZMIC_ATTEMPT begins\n[ $KOZMIC_ATTEMPT != 1 ] || {GATE}\n\
         echo once >> /runs; head -c 400000000 /dev/urandom > /large; cp /runs /target/vmlinuz.efi\n"
    );
    let mut scene =
        Scene::with(&build, &[("KOZMIC_DOCKER_URL", &url), ("KOZMIC_DOCKER_NETWORK", "none")]).await?;
    scene.stage.docker = engine.docker();
    let sha = scene.push("0-initramfs", "master").await?;
    let initramfs = scene.repository("0-initramfs");
    let shown = Shown { repository: &initramfs, sha: &sha, context: GENERIC };
    let job = scene.stage.shown(shown, |_| true).await?;
    until_told(&scene, &job, "attempt 1 begins").await?;
    engine.stop().await?;
    engine.start_again().await?;
    until_told(&scene, &job, "the container becomes the image").await?;
    engine.kill().await?;
    engine.start_again().await?;
    let log = scene.stage.report(&scene.success("0-initramfs", &sha).await?).await?;
    assert!(log.contains("attempt 2 begins") && log.matches("becomes the image").count() == 2, "{log}");
    assert!(!log.contains("may be missing"), "its script had ended with all of its output read:\n{log}");
    assert_eq!(scene.kernel("zero-os-master-generic.efi")?, "once\n");
    assert_eq!(scene.look_into("master", "cat /runs").await?, "once");
    let told = scene.stage.github.statuses(&initramfs, &sha);
    assert!(told.iter().all(|status| [State::Pending, State::Success].contains(&status.state)), "{told:?}");
    scene.end().await?;
    drop(engine);
    Ok(())
}
