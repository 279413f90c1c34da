//! A runner falls silent, because it is cut off before its script begins or its process is halted; or the server does,
//! because it is started again.

use super::{
    Fleet, is_whole,
    listener::{Listener, log_of},
    operators::runners,
    script,
};
use crate::{
    api::Program,
    world::{LIMIT, open_gate_in},
};
use anyhow::Result;
use kozmic_testkit::{cable::Cable, github::State, held_engine::HeldEngine, runner::Runner};

#[tokio::test]
async fn a_job_whose_container_is_not_there_yet_goes_to_another_runner_and_starts_only_there() -> Result<()> {
    let (mut fleet, listener, engine) =
        (Fleet::new(&[], &[]).await?, Listener::new().await?, HeldEngine::start()?);
    let cable = Cable::to(&fleet.world.server.url()).await?;
    let mut slow = Runner::add_at(&fleet.world.server, "slow", &[], &cable.url()).await?;
    slow.set("KOZMIC_DOCKER_URL", &engine.url());
    slow.start().await?;
    fleet.runners.push(slow);
    fleet.world.hook(&listener.script("tests")).await?;
    engine.hold("/containers/create");
    let pushed = fleet.world.push("Begin").await?;
    engine.wait_for_held(LIMIT).await?;
    fleet.runners.push(Runner::add(&fleet.world.server, "quick", &[]).await?);
    cable.cut();
    listener.wait("the other runner begins the script", |starts| !starts.is_empty()).await?;
    engine.release();
    cable.mend();
    fleet.runners[0].wait_for_output("the server is reached").await?;
    listener.open();
    fleet.world.status(&pushed.sha, State::Success).await?;

    assert_eq!(listener.attempts_of("tests"), [2]);
    let job = listener.starts()[0].job;
    is_whole(&log_of(&fleet.world, job, 2).await?)?;
    let program = Program::of(&fleet.world.anna, &fleet.world).await?;
    let told = program.get(&format!("projects/{}/jobs/{job}", fleet.world.project)).await?;
    assert_eq!(told["attempts"][0]["status"], "canceled", "{told}");
    fleet.end().await
}

#[tokio::test]
async fn a_runner_whose_process_is_halted_is_given_up_and_goes_on_with_its_job_afterwards() -> Result<()> {
    let mut fleet = Fleet::new(&["far"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, live) = fleet.run_to_the_gate().await?;
    let (_, container) = fleet.container().await?;
    fleet.runners[0].signal("STOP")?;
    open_gate_in(&fleet.world.docker, &container).await;
    fleet.world.docker.run(&["wait", &container]).await?;
    fleet.world.server.wait_for_output("the runner was silent", LIMIT).await?;
    let (_, list) = runners(&fleet.world.server, &["list"]).await?;
    assert!(list.contains("silent for"), "{list}");
    fleet.runners[0].signal("CONT")?;
    fleet.ran_once(&pushed, live).await?;
    fleet.end().await
}

#[tokio::test]
async fn a_server_that_is_updated_in_mid_job_gets_the_whole_log() -> Result<()> {
    let mut fleet = Fleet::new(&["far"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, mut live) = fleet.run_to_the_gate().await?;
    let status = fleet.world.server.terminate().await?;
    assert!(status.success(), "{status}");
    fleet.open_gate().await?;
    fleet.world.server.restart().await?;
    live.reconnect().await?;
    fleet.ran_once(&pushed, live).await?;
    fleet.end().await
}
