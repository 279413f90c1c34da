//! The program on database servers: a build over a kill, and the move of an installation.

use crate::{
    caching,
    world::{GATE, LIMIT, World, options},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    github::State,
    mariadb::MariaDb,
    pgbouncer::PgBouncer,
    postgres::Postgres,
    server::{Server, ServerOptions},
};

/// The password of the database's user, which nothing shows.
const PASSWORD: &str = "kozmic-password";

/// Kills a server in the middle of a build; the build ends well all the same.
async fn a_build_outlives_a_kill_on(url: &str) -> Result<()> {
    let mut world = World::with(&[("KOZMIC_DATABASE_URL", url)]).await?;
    world.hook(&format!("echo before; {GATE}; echo behind")).await?;
    let pushed = world.push("Begin").await?;
    world.live().await?.read_until("before", LIMIT).await?;
    world.server.kill_9().await?;
    world.server.restart().await?;
    world.open_gate().await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    ensure!(log.matches("before").count() == 1 && log.matches("behind").count() == 1, "{log}");
    let check = world.server.run(&["check"]).await?;
    let said = String::from_utf8_lossy(&check.stdout);
    let line =
        said.lines().find(|line| line.contains(" database: ")).context("check tells of the database")?;
    ensure!(line.starts_with("ok") && line.ends_with("is up to date"), "{line}");
    let shown = world.server.run(&["config", "show"]).await?;
    for text in
        [world.server.output(), said.into_owned(), String::from_utf8_lossy(&shown.stdout).into_owned()]
    {
        ensure!(!text.contains(PASSWORD), "a password is shown:\n{text}");
    }
    world.end().await
}

#[tokio::test]
async fn a_build_outlives_a_kill_of_a_server_on_postgresql_behind_a_pooler() -> Result<()> {
    let postgres = Postgres::start().await?;
    let url = postgres.fresh_database().await?;
    let pooler = PgBouncer::before(&postgres).await?;
    a_build_outlives_a_kill_on(&pooler.url(kozmic_testkit::database::name_of(&url))).await
}

#[tokio::test]
async fn a_build_outlives_a_kill_of_a_server_on_mariadb() -> Result<()> {
    let mariadb = MariaDb::start().await?;
    a_build_outlives_a_kill_on(&mariadb.fresh_database().await?).await
}

#[tokio::test]
async fn an_installation_that_moves_to_postgresql_has_all_that_it_had() -> Result<()> {
    let postgres = Postgres::start().await?;
    let url = postgres.fresh_database().await?;
    let mut world = World::new().await?;
    world.hook("echo hello").await?;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    let from = format!("sqlite://{}", world.server.data_dir().join("kozmic.db").display());
    let busy = world.server.run(&["migrate", "--from", &from, "--to", &url]).await?;
    ensure!(busy.status.code() == Some(4), "a server runs: {busy:?}");
    ensure!(world.server.terminate().await?.success());
    let moved = world.server.run(&["migrate", "--from", &from, "--to", &url]).await?;
    let said = String::from_utf8_lossy(&moved.stdout);
    ensure!(moved.status.success() && said.contains("counted on both sides"), "{moved:?}");
    ensure!(said.lines().any(|line| line.starts_with("build ") && line.ends_with(" 1")), "{said}");
    let again = world.server.run(&["migrate", "--from", &from, "--to", &url]).await?;
    let fault = String::from_utf8_lossy(&again.stderr);
    ensure!(again.status.code() == Some(1) && fault.contains("has rows already"), "{fault}");
    let forgotten = || options(&world.github).data_dir(world.server.data_dir()).quiet();
    refused(forgotten(), 2, "belongs to the database postgres://127.0.0.1:").await?;
    let check = world.server.run(&["check"]).await?;
    let said = String::from_utf8_lossy(&check.stdout);
    let line =
        said.lines().find(|line| line.contains(" database: ")).context("check tells of the database")?;
    ensure!(line.starts_with("FAIL") && line.contains("set database_url to the first one"), "{line}");
    world.server.restart_with(&[("KOZMIC_DATABASE_URL", &url)]).await?;
    ensure!(
        world.page("builds/latest/").await?.contains("Begin"),
        "the build is there, and Anna is signed in still"
    );
    let second = world.push("Go on").await?;
    world.status(&second.sha, State::Success).await?;
    ensure!(world.server.output().contains("database=postgres://127.0.0.1:"), "the log names the database");
    world.end().await
}

#[tokio::test]
async fn a_move_needs_databases_that_are_there_and_that_no_server_uses() -> Result<()> {
    let postgres = Postgres::start().await?;
    let (url, target) = (postgres.fresh_database().await?, postgres.fresh_database().await?);
    let world = World::with(&[("KOZMIC_DATABASE_URL", &url)]).await?;
    let other = tempfile::tempdir()?;
    let of_other = other.path().join("data");
    let run = async |dir: &std::path::Path, from: &str, to: &str| {
        let variables = [("KOZMIC_DATA_DIR", dir.to_str().context("a path")?), ("KOZMIC_MIGRATE_TO", to)];
        let done = world.server.run_with(&["migrate", "--from", from], &variables).await?;
        anyhow::Ok((done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned()))
    };
    let (code, said) = run(&of_other, &url, &target).await?;
    ensure!(code == Some(1) && said.contains("there is no Kozmic installation in "), "{said}");
    ensure!(!of_other.exists(), "nothing is made");
    std::fs::create_dir(&of_other)?;
    std::fs::write(of_other.join("secret_key"), "0".repeat(40))?;
    let (code, said) = run(&of_other, &url, &target).await?;
    ensure!(code == Some(4) && said.contains("the database is used by another Kozmic (process "), "{said}");
    let missing = format!("sqlite://{}?mode=rwc", of_other.join("typo.db").display());
    let (code, said) = run(&of_other, &missing, &target).await?;
    ensure!(code == Some(1) && said.contains("typo.db: --from needs a database that is there"), "{said}");
    ensure!(!of_other.join("typo.db").exists(), "nothing is made");
    let (code, said) = run(&of_other, &target, &target).await?;
    ensure!(code == Some(1) && said.contains("are the same database"), "{said}");
    world.end().await
}

#[tokio::test]
async fn a_file_that_a_server_with_another_data_directory_uses_does_not_move() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let from = format!("sqlite://{}?mode=rwc", dir.path().join("ci.db").display());
    let to = format!("sqlite://{}?mode=rwc", dir.path().join("new.db").display());
    let mut world = World::with(&[("KOZMIC_DATABASE_URL", &from)]).await?;
    let other = tempfile::tempdir()?;
    std::fs::write(other.path().join("secret_key"), "0".repeat(40))?;
    let variables = [("KOZMIC_DATA_DIR", other.path().to_str().context("a path")?)];
    let arguments = ["migrate", "--from", &from, "--to", &to];
    let busy = world.server.run_with(&arguments, &variables).await?;
    let said = String::from_utf8_lossy(&busy.stderr);
    ensure!(busy.status.code() == Some(4) && said.contains("ci.db is open in another program"), "{busy:?}");
    ensure!(world.server.terminate().await?.success());
    let moved = world.server.run_with(&arguments, &variables).await?;
    ensure!(moved.status.success(), "{moved:?}");
    world.server.restart().await?;
    world.end().await
}

#[tokio::test]
async fn a_database_is_one_servers_at_a_time_and_only_with_its_key() -> Result<()> {
    let mariadb = MariaDb::start().await?;
    let url = mariadb.fresh_database().await?;
    let mut world = World::with(&[("KOZMIC_DATABASE_URL", &url)]).await?;
    let dir = tempfile::tempdir()?;
    let other = || options(&world.github).env("KOZMIC_DATABASE_URL", &url).data_dir(dir.path()).quiet();
    refused(other(), 1, "sealed with another secret key").await?;
    let key = "secret_key";
    std::fs::copy(world.server.data_dir().join(key), dir.path().join(key))?;
    refused(other(), 4, "the database is used by another Kozmic (process ").await?;
    let second = other();
    world.server.kill_9().await?;
    let second = Server::start(second).await?;
    ensure!(world.server.restart().await.is_err(), "its place was taken");
    drop(second);
    std::fs::write(world.server.data_dir().join(key), "0".repeat(40))?;
    let accepted = world.server.run(&["migrate", "--accept-secret-key"]).await?;
    ensure!(accepted.status.success(), "{accepted:?}");
    world.server.restart().await?;
    world.end().await
}

#[tokio::test]
async fn a_job_waits_for_a_database_that_is_away() -> Result<()> {
    let mut mariadb = MariaDb::start().await?;
    let url = mariadb.fresh_database().await?;
    let world = World::with(&[("KOZMIC_DATABASE_URL", &url)]).await?;
    caching::hook(&world, "Tests", &format!("echo before; {GATE}"), "", "echo behind").await?;
    let pushed = world.push("Begin").await?;
    world.live().await?.read_until("before", LIMIT).await?;
    mariadb.stop().await?;
    world.open_gate().await?;
    world.server.wait_for_output("the database is away: a job waits for it", LIMIT).await?;
    mariadb.start_again().await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    ensure!(log.matches("before").count() == 1 && log.matches("behind").count() == 1, "{log}");
    world.end().await
}

#[tokio::test]
async fn while_a_database_is_frozen_everybody_who_asks_is_told_so() -> Result<()> {
    let mut mariadb = MariaDb::start().await?;
    let url = mariadb.fresh_database().await?;
    let world = World::with(&[("KOZMIC_DATABASE_URL", &url)]).await?;
    world.hook("echo done").await?;
    ensure!(world.anna.get("/readyz").await?.status == 200, "it is ready before");
    mariadb.freeze()?;
    let pushed = world.push("While it is frozen").await?;
    let refused = pushed.deliveries.first().context("a delivery")?;
    ensure!(refused.status() == Some(503), "{refused:?}");
    let ready = world.anna.get("/readyz").await?;
    ensure!(ready.status == 503 && ready.body.contains(r#""database":"not ready""#), "{}", ready.body);
    mariadb.thaw()?;
    ensure!(world.github.redeliver(refused).await?.arrived(), "the forge sends it again");
    world.status(&pushed.sha, State::Success).await?;
    world.end().await
}

/// Starts a server that does not start, with this exit code and these words.
async fn refused(options: ServerOptions, code: i32, words: &str) -> Result<()> {
    let mut server = Server::launch(options)?;
    let ended = server.wait_exit(LIMIT).await?;
    let said = server.output();
    ensure!(ended.code() == Some(code) && said.contains(words), "{ended}: {said}");
    Ok(())
}
