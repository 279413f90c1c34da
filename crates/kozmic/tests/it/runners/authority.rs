//! A server that shows a certificate of a private authority: a runner that trusts it gets all that it needs, also a
//! private repository, and one that does not is told why.

use super::Fleet;
use crate::world::{IMAGE, LIMIT};
use anyhow::{Context, Result};
use kozmic_testkit::{
    authority::Authority,
    github::{Commit, NewRepository, State},
    person::NewHook,
    runner::Runner,
    tls_door::TlsDoor,
};

const SECRET: &str = "anna/secret";

#[tokio::test]
async fn a_runner_reaches_a_server_with_a_certificate_of_an_authority_that_it_trusts() -> Result<()> {
    let (ours, theirs) = (Authority::new("Ours")?, Authority::new("Theirs")?);
    let mut fleet = Fleet::new(&[], &[]).await?;
    let world = &fleet.world;
    let door = TlsDoor::to(&world.server.url(), &ours.certify("localhost")?).await?;
    world.github.start_ssh().await?;
    world.github.add_repository(NewRepository::private(SECRET))?;
    let project = world.anna.add_project(SECRET).await?;
    world
        .anna
        .add_hook(project, NewHook { title: "Tests", image: IMAGE, script: "#!/bin/sh\ncat file" })
        .await?;
    let mut runner = Runner::add_at(&world.server, "far", &[], &door.url()).await?;

    runner.set("SSL_CERT_FILE", theirs.certificate().to_str().context("a path of letters")?);
    runner.launch()?;
    runner.wait_for_output("it shows a certificate of an authority that is not trusted here").await?;
    runner.terminate().await?;
    runner.set("SSL_CERT_FILE", ours.certificate().to_str().context("a path of letters")?);
    runner.start().await?;
    let commit = Commit::new("Begin").file("file", "private content");
    let pushed = world.github.push_commit(SECRET, "main", commit).await?;
    let build = world.anna.wait_for_build(project, LIMIT, |build| build.job.is_some()).await?;
    let mut live = world.anna.live(project, build.job()?, 0).await?;
    live.read_to_end(LIMIT).await?;
    assert!(live.text().contains("private content"), "{}", live.text());
    world.github.wait_for_status(SECRET, &pushed.sha, State::Success, LIMIT).await?;
    fleet.runners.push(runner);
    fleet.end().await
}
