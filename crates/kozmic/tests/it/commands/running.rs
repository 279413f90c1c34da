//! Commands beside a server that has built something, and commands that need no server.

use super::{Place, Play, of_server};
use crate::{
    api::Program,
    world::{REPOSITORY, World},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::github::State;
use std::fs;

#[tokio::test]
async fn the_commands_beside_a_running_server_work_as_the_pages_have_them() -> Result<()> {
    let world = World::new().await?;
    world.github.start_ssh().await?;
    world.hook("echo built").await?;
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Success).await?;
    let dir = tempfile::tempdir()?;
    fs::create_dir_all(dir.path().join("recipes/anna/hello"))?;
    fs::write(
        dir.path().join("recipes/anna/hello/main.yaml"),
        "buildscripts: [a.sh]\na.sh: {archives: /tmp/archives, artifact: a.tar.gz}\n",
    )?;
    let mut variables = of_server(&world.server, &world.github)?;
    variables.push(("TOKEN", Program::of(&world.anna, &world).await?.token().to_owned()));
    let play = |page: &str| Play::new("running", page, Place::Here(dir.path().to_owned(), variables.clone()));

    let mut api = play("docs/api.md")?.with("https://ci.example.org", world.server.url());
    let projects = api.run("/api/v1/projects").await?;
    ensure!(projects.contains(REPOSITORY), "{projects}");
    ensure!(api.run("finished_at").await?.trim() == "true", "the build has ended");
    api.end()?;

    let mut caching = play("docs/caching.md")?;
    caching.run("kozmic cache clean --all").await?;
    caching.run("docker images").await?;
    caching.end()?;

    let mut install = play("docs/install.md")?;
    install.run("docker image inspect").await?;
    install.end()?;

    let address = world.github.ssh_url(REPOSITORY);
    let server = address.split_once('@').and_then(|(_, rest)| rest.split_once('/')).context("an address")?.0;
    let (host, port) = server.split_once(':').context("a port")?;
    let mut private =
        play("docs/private-repositories.md")?.with("git.example.com", format!("-p {port} {host}"));
    let scanned = private.run("ssh-keyscan").await?;
    ensure!(scanned.contains("SHA256:"), "{scanned}");
    private.end()?;

    let mut recipes = play("docs/recipes.md")?.with("DIR", "recipes");
    let checked = recipes.run("kozmic recipes check").await?;
    ensure!(checked.contains("1 branch of 1 repository, no faults"), "{checked}");
    recipes.end()?;
    world.end().await
}

#[tokio::test]
async fn the_rules_against_ways_out_are_ones_that_iptables_takes() -> Result<()> {
    let chain = "iptables -N DOCKER-USER; trap 'iptables -S' EXIT";
    let mut security = Play::new("firewall", "docs/security.md", Place::Apart)?.after(chain);
    let rules = security.run("KOZMIC-JOBS").await?;
    for rule in ["-A DOCKER-USER -i kozmic-jobs -j KOZMIC-JOBS", "-A KOZMIC-JOBS -d 169.254.0.0/16 -j REJECT"]
    {
        ensure!(rules.contains(rule), "no {rule} in\n{rules}");
    }
    security.end()
}
