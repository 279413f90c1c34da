//! The environment of a script: root, `/`, a terminal, an empty directory for its artifact, and the limits of the
//! settings.

use super::stage::{Script, Stage};
use crate::world::{GATE, IMAGE};
use anyhow::Result;
use kozmic_testkit::github::{Commit, State};
use serde_json::json;

const RECIPE: &str = "\
buildscripts: [facts.sh]
facts.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
";

fn facts() -> String {
    format!(
        "#!/bin/bash
echo user=$(id -u):$(id -g) pwd=$PWD home=$HOME
[ -t 1 ] && [ -t 2 ] && echo terminal=$TERM
echo archives=$(ls -A /tmp/archives | wc -l)
echo program=$0 mode=$(stat -c %a $0)
echo mounts=$(grep -c ' /core ' /proc/mounts)
git -C /core status --porcelain | sed 's/^/changed: /'
echo hosts=$(grep registry.internal /etc/hosts)
echo at the gate; {GATE}
echo done > /tmp/archives/out.bin
"
    )
}

#[tokio::test]
async fn a_script_is_roots_at_the_top_of_a_terminal_beside_its_repository() -> Result<()> {
    let facts = facts();
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("facts.sh", &facts)],
        ..Script::default()
    })
    .await?;
    let pushed = stage.push("main", "Begin").await?;
    let job = stage.job(&pushed.sha, "facts.sh").await?;
    stage.printed(&job, "at the gate").await?;
    let container = stage.inspect(&job).await?;
    let host = &container["HostConfig"];
    let machine = stage.docker.run(&["info", "--format", "{{.MemTotal}}"]).await?.parse::<i64>()?;
    assert_eq!(host["Memory"], json!((machine - (1 << 30)).clamp(1 << 30, 16 << 30)));
    assert_eq!(host["PidsLimit"], json!(4096));
    assert_eq!(host["NetworkMode"], json!("kozmic-jobs"));
    assert_eq!(host["CapDrop"], json!(["NET_RAW", "MKNOD"]));
    assert_eq!(host["Privileged"], json!(false));
    assert!(host["CapAdd"].is_null() || host["CapAdd"] == json!([]), "{}", host["CapAdd"]);
    assert!(host["ExtraHosts"].is_null() || host["ExtraHosts"] == json!([]), "{}", host["ExtraHosts"]);
    assert_eq!(container["Config"]["Tty"], json!(true));
    assert_eq!(container["Config"]["WorkingDir"], json!("/"));
    stage.open_gate(&job).await?;
    let built = stage.outcome(&pushed.sha, "facts.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    for line in [
        "user=0:0 pwd=/ home=/root\n",
        "terminal=",
        "archives=0\n",
        "program=/core/facts.sh mode=755\n",
        "mounts=0\n",
        "hosts=\n",
    ] {
        assert!(log.contains(line), "{line:?} stands in:\n{log}");
    }
    assert!(!log.contains("changed: "), "the repository is as it was pushed:\n{log}");
    stage.end().await
}

#[tokio::test]
async fn memory_hosts_and_capabilities_are_those_of_the_settings() -> Result<()> {
    let facts = facts();
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("facts.sh", &facts)],
        settings: &[
            ("KOZMIC_AUTOBUILD_MEMORY_LIMIT", "256m"),
            ("KOZMIC_AUTOBUILD_EXTRA_HOSTS", "registry.internal:10.0.0.5"),
            ("KOZMIC_AUTOBUILD_CAPABILITIES", "SYS_ADMIN, MKNOD"),
        ],
        ..Script::default()
    })
    .await?;
    let pushed = stage.push("main", "Begin").await?;
    let job = stage.job(&pushed.sha, "facts.sh").await?;
    stage.printed(&job, "at the gate").await?;
    let container = stage.inspect(&job).await?;
    let host = &container["HostConfig"];
    assert_eq!(host["Memory"], json!(256 << 20));
    assert_eq!(host["ExtraHosts"], json!(["registry.internal:10.0.0.5"]));
    let added = host["CapAdd"].to_string();
    assert!(["SYS_ADMIN", "MKNOD"].iter().all(|name| added.contains(name)), "{added}");
    assert_eq!(host["CapDrop"], json!(["NET_RAW"]));
    stage.open_gate(&job).await?;
    let built = stage.outcome(&pushed.sha, "facts.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    assert!(log.contains("hosts=10.0.0.5 registry.internal\n"), "{log}");
    stage.end().await
}

/// An image that has files where artifacts are left, and is taken away again.
async fn image_with_leftovers(stage: &Stage) -> Result<String> {
    let name = format!("kozmic-story/{}:leftovers", stage.server.instance().unwrap_or_default());
    let leave = "mkdir -p /tmp/archives && echo old > /tmp/archives/out.bin";
    let container = stage.docker.run(&["create", IMAGE, "sh", "-c", leave]).await?;
    stage.docker.run(&["start", "--attach", &container]).await?;
    stage.docker.run(&["commit", &container, &name]).await?;
    stage.docker.remove(&container).await?;
    Ok(name)
}

#[tokio::test]
async fn the_directory_of_artifacts_is_empty_whatever_the_image_has_there() -> Result<()> {
    let nothing = "#!/bin/sh\necho archives=$(ls -A /tmp/archives | wc -l)\n";
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("facts.sh", nothing)],
        ..Script::default()
    })
    .await?;
    let image = image_with_leftovers(&stage).await?;
    let recipe = format!("{RECIPE}  baseimage: {image}\n");
    let read = stage.configure(Commit::new("Leftovers").file("anna/core/main.yaml", &recipe)).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let pushed = stage.push("main", "Begin").await?;
    let built = stage.outcome(&pushed.sha, "facts.sh").await?;
    let log = stage.report(&built).await?;
    assert!(log.contains(&image) && log.contains("archives=0\n"), "{log}");
    assert_eq!(built.description.as_deref(), Some("The script left no /tmp/archives/out.bin."));
    stage.docker.wait_until_clean(&stage.label()?, crate::world::LIMIT).await?;
    stage.docker.run(&["rmi", &image]).await?;
    stage.end().await
}

#[tokio::test]
async fn a_script_that_was_pushed_without_the_right_to_run_runs() -> Result<()> {
    // Without a first line that names an interpreter it is pushed as a plain file.
    let plain = "echo mode=$(stat -c %a $0); echo done > /tmp/archives/out.bin\n";
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("facts.sh", plain)],
        ..Script::default()
    })
    .await?;
    let pushed = stage.push("main", "Begin").await?;
    let built = stage.outcome(&pushed.sha, "facts.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    assert!(log.contains("mode=644\n"), "it stays as it was pushed: {log}");
    stage.end().await
}
