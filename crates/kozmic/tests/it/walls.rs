//! The walls around a job's container: what it may, how much it gets, and whom it reaches.

use crate::world::{GATE, LIMIT, World};
use anyhow::{Context, Result};
use serde_json::Value;

/// Tells by a word each whether root in the container may do what hardly any script needs.
const RIGHTS: &str = "sudo mknod /tmp/device c 1 3 && echo made a device; \
    sudo perl -MSocket -e 'socket(S, PF_INET, SOCK_RAW, 1) and print \"opened a raw socket\\n\"'; \
    perl -MSocket -e 'socket(S, PF_INET, SOCK_DGRAM, 1) and print \"may ping\\n\"'; echo end";

/// What the engine was told of the container that runs.
async fn host_config(world: &World) -> Result<Value> {
    let format = ["inspect", "--format", "{{json .HostConfig}}", &world.container().await?];
    Ok(serde_json::from_str(&world.docker.run(&format).await?)?)
}

#[tokio::test]
async fn a_job_gets_its_share_of_the_machine_and_no_rights_that_it_does_not_need() -> Result<()> {
    let world = World::with(&[("KOZMIC_RUNNER_CONCURRENCY", "3")]).await?;
    world.hook(&format!("{RIGHTS}; {GATE}")).await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("end\n", LIMIT).await?;
    let host = host_config(&world).await?;
    let machine = world.docker.run(&["info", "--format", "{{.MemTotal}}"]).await?.parse::<i64>()?;
    assert_eq!(host["Memory"].as_i64().context("a limit")?, ((machine - (1 << 30)) / 3).max(1 << 30));
    assert_eq!(host["PidsLimit"], 4096);
    world.open_gate().await?;
    assert_eq!(world.finished().await?.status, "success");
    let log = world.log().await?;
    assert!(log.contains("may ping\nend\n"), "{log}");
    assert!(!log.contains("made a device") && !log.contains("opened a raw socket"), "{log}");
    world.end().await
}

#[tokio::test]
async fn settings_give_rights_back_and_take_limits_away() -> Result<()> {
    let world = World::with(&[
        ("KOZMIC_DOCKER_CAPABILITIES", "NET_RAW, MKNOD"),
        ("KOZMIC_DOCKER_MEMORY_LIMIT", "none"),
        ("KOZMIC_DOCKER_PROCESS_LIMIT", "none"),
    ])
    .await?;
    world.hook(&format!("{RIGHTS}; {GATE}")).await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("end\n", LIMIT).await?;
    let host = host_config(&world).await?;
    assert_eq!(host["Memory"], 0);
    assert!(host["PidsLimit"].is_null(), "{}", host["PidsLimit"]);
    world.open_gate().await?;
    assert_eq!(world.finished().await?.status, "success");
    let log = world.log().await?;
    assert!(log.contains("made a device\nopened a raw socket\nmay ping\nend\n"), "{log}");
    world.end().await
}
