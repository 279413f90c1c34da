//! The API behaves as its description says. schemathesis makes right and wrong requests from the description, and
//! compares the answers with it.

use crate::{
    api::Program,
    forks::{self, Offer},
};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tokio::{process::Command, time::timeout};

/// Requests by chance for each operation, beside those at all bounds.
const REQUESTS: &str = "15";

/// The same requests each time. Others are made by another number in the environment.
const SEED: &str = "1";

const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/api_contract.toml");

#[tokio::test]
async fn every_operation_answers_as_it_is_described() -> Result<()> {
    let world = forks::world_with(&[("KOZMIC_ADMINS", "anna")]).await?;
    let (offer, sha) = Offer::new(&world).await?;
    offer.held(&sha).await?;
    let program = Program::of(&world.anna, &world).await?;
    let document = program.get("openapi.json").await?;
    let paths = document["paths"].as_object().context("paths")?;
    let operations = paths.values().filter_map(|methods| Some(methods.as_object()?.len())).sum::<usize>();
    let dir = tempfile::tempdir()?;
    let seed = std::env::var("SCHEMATHESIS_SEED").unwrap_or_else(|_| SEED.to_owned());
    let mut command = Command::new("schemathesis");
    command.args(["--config-file", SETTINGS, "run", &program.address("openapi.json")]);
    command.args(["--header", &format!("Authorization: Bearer {}", program.token())]);
    command.args(["--max-examples", REQUESTS, "--seed", &seed, "--continue-on-failure"]);
    command.args(["--suppress-health-check", "all", "--warnings", "off"]).env("NO_COLOR", "1");
    let asked = command.current_dir(dir.path()).kill_on_drop(true).output();
    let asked = timeout(Duration::from_mins(5), asked).await.context("schemathesis takes too long")?;
    let asked = asked.context("run schemathesis: script/test installs it")?;
    let told = String::from_utf8_lossy(&asked.stdout);
    ensure!(asked.status.success(), "{told}\n{}", String::from_utf8_lossy(&asked.stderr));
    // It leaves out the description itself.
    ensure!(told.contains(&format!("Tested: {}\n", operations - 1)), "{told}");
    world.end().await
}
