//! Operators add, drain, resume and remove runners; rules keep jobs from machines that are not theirs.

use super::{Fleet, is_whole, label, script};
use crate::world::{LIMIT, REPOSITORY};
use anyhow::Result;
use kozmic_testkit::{github::State, runner::Runner, server::Server};

/// Runs `kozmic runners` beside the server. Gives its success and all that it printed.
pub async fn runners(server: &Server, args: &[&str]) -> Result<(bool, String)> {
    let done = server.run(&[&["runners"], args].concat()).await?;
    let said = [done.stdout, done.stderr].concat();
    Ok((done.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[tokio::test]
async fn a_drained_runner_ends_its_job_and_begins_none() -> Result<()> {
    let fleet = Fleet::new(&["far"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, live) = fleet.run_to_the_gate().await?;
    let (done, said) = runners(&fleet.world.server, &["drain", "far"]).await?;
    assert!(done && said.contains("takes no more jobs"), "{said}");
    fleet.runners[0].wait_for_output("takes no more jobs").await?;
    fleet.open_gate().await?;
    fleet.ran_once(&pushed, live).await?;

    let next = fleet.world.push("Next").await?;
    fleet.world.anna.wait_for_build(fleet.world.project, LIMIT, |build| build.build == 2).await?;
    let page = fleet.world.page("builds/latest/").await?;
    assert!(page.contains("were told to take no more jobs"), "{page}");
    let (done, said) = runners(&fleet.world.server, &["resume", "far"]).await?;
    assert!(done, "{said}");
    let mut live = fleet.world.live().await?;
    live.read_until("\n2000\n", LIMIT).await?;
    fleet.open_gate().await?;
    fleet.ran_once(&next, live).await?;
    fleet.end().await
}

#[tokio::test]
async fn a_removed_runner_is_refused_and_its_job_runs_elsewhere() -> Result<()> {
    let mut fleet = Fleet::new(&["one"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, _live) = fleet.run_to_the_gate().await?;
    let (done, said) = runners(&fleet.world.server, &["remove", "one"]).await?;
    assert!(!done && said.contains("1 job") && said.contains("--force"), "{said}");
    let (done, said) = runners(&fleet.world.server, &["remove", "one", "--force"]).await?;
    assert!(done, "{said}");
    fleet.runners[0].wait_for_output("the runner's token is unknown or was removed").await?;
    let gone = fleet.runners.remove(0);
    fleet.runners.push(Runner::add(&fleet.world.server, "two", &[]).await?);
    fleet.world.anna.wait_for_build(fleet.world.project, LIMIT, |build| build.status == "pending").await?;
    fleet.begun_by(0).await?;
    fleet.open_gate().await?;
    fleet.world.status(&pushed.sha, State::Success).await?;
    is_whole(&fleet.world.log().await?)?;
    fleet.world.docker.clean(&label(&gone)).await?;
    let (_, said) = runners(&fleet.world.server, &["list"]).await?;
    assert!(said.contains("two") && !said.contains("one "), "{said}");
    fleet.end().await
}

#[tokio::test]
async fn a_runner_gets_no_job_of_another_project() -> Result<()> {
    let mut fleet = Fleet::new(&[], &[]).await?;
    let others = Runner::add(&fleet.world.server, "deploy", &["--project", "bert/*"]).await?;
    fleet.runners.push(others);
    fleet.world.hook("echo done").await?;
    let pushed = fleet.world.push("Begin").await?;
    fleet.world.build().await?;
    let page = fleet.world.page("builds/latest/").await?;
    assert!(page.contains("none takes jobs of this project"), "{page}");
    assert!(!page.contains("bert"), "{page}");
    let own = ["--project", REPOSITORY, "--label", "deploy", "--label", "ssd"];
    fleet.runners.push(Runner::add(&fleet.world.server, "own", &own).await?);
    fleet.world.status(&pushed.sha, State::Success).await?;
    let (_, said) = runners(&fleet.world.server, &["list"]).await?;
    assert!(said.lines().any(|line| line.starts_with("own  ") && line.ends_with(",ssd")), "{said}");
    fleet.end().await
}
