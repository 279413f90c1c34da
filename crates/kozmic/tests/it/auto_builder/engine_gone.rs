//! The engine is stopped while it works for recipes: their programs run on a terminal, behind no gate.

use super::stage::{Script, Stage};
use crate::world::{GATE, IMAGE, LIMIT};
use anyhow::{Context, Result};
use kozmic_testkit::{engine::Engine, github::State};

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
