//! Artifacts and files of strangers, and faults: none of them delays, hides or replaces a right artifact.

use super::{
    kernels::scene::{Scene, WHOLE},
    stage::{CONFIGURATION, CORE, Script, Stage},
};
use crate::world::{GATE, IMAGE, open_gate_in};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    github::{Commit, FaultKind, FaultRule, State, sign},
    person::NewHook,
};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

/// It leaves what the recipes here wait for.
const GOOD: &str = "#!/bin/sh\necho small > /tmp/archives/out.bin\n";

/// Secret that deliveries are signed with.
const SECRET: &str = "a secret of the stage's own";

/// A recipe of one script.
fn recipe(rest: &str) -> String {
    format!("buildscripts: [build.sh]\nbuild.sh: {{archives: /tmp/archives, {rest}}}\n")
}

/// Sends a push to one of the Auto Builder's addresses.
async fn deliver(stage: &Stage, uuid: &str, body: String) -> Result<()> {
    let letter = reqwest::Client::new().post(format!("{}/hook/monitor-watch", stage.server.url()));
    let letter = letter.header("X-GitHub-Delivery", uuid).header("X-GitHub-Event", "push");
    let letter = letter.header("X-Hub-Signature-256", sign(SECRET, body.as_bytes())).body(body);
    ensure!(letter.send().await?.status() == 202, "{uuid} is taken");
    Ok(())
}

#[tokio::test]
async fn a_file_with_holes_does_not_fill_the_servers_disk() -> Result<()> {
    let recipe = recipe("artifact: out.bin, format: binary");
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", &recipe)],
        core: &[("build.sh", "#!/bin/sh\ntruncate -s 900G /tmp/archives/out.bin\n")],
        ..Script::default()
    })
    .await?;
    let pushed = stage.push("main", "Huge").await?;
    let status = stage.outcome(&pushed.sha, "build.sh").await?;
    let log = stage.report(&status).await?;
    assert_eq!(status.state, State::Error, "{log}");
    assert!(log.contains("the disk would be too full"), "{log}");
    let good = Commit::new("Better").file("build.sh", GOOD);
    let pushed = stage.push_of("main", good).await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    assert_eq!(stage.binary("anna-core-main.bin")?, "small\n");
    stage.end().await
}

#[tokio::test]
async fn a_tree_with_files_of_two_names_comes_out_whole() -> Result<()> {
    let recipe = recipe("artifact: out, format: directory");
    let script = "#!/bin/sh\nmkdir -p /tmp/archives/out/bin\necho git > /tmp/archives/out/bin/git\n\
                  ln /tmp/archives/out/bin/git /tmp/archives/out/bin/git-status\n";
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", &recipe)],
        core: &[("build.sh", script)],
        ..Script::default()
    })
    .await?;
    let pushed = stage.push("main", "Two names").await?;
    let status = stage.outcome(&pushed.sha, "build.sh").await?;
    assert_eq!(status.state, State::Success, "{}", stage.report(&status).await?);
    assert_eq!(stage.binary("anna-core-main/bin/git-status")?, "git\n");
    stage.end().await
}

#[tokio::test]
async fn a_large_file_takes_no_other_recipe_with_it() -> Result<()> {
    let (recipe, large) = (recipe("artifact: out.bin, format: binary"), "# large\n".repeat(1 << 20));
    let stage = Stage::new(Script {
        recipes: &[("anna/core/main.yaml", &recipe), ("anna/core/other.yaml", &large)],
        core: &[("build.sh", GOOD)],
        ..Script::default()
    })
    .await?;
    let log = stage.report(&stage.reading().await?).await?;
    assert!(log.contains("anna/core/other.yaml:1:1: The file is larger than 64 KiB"), "{log}");
    let pushed = stage.push("main", "Small").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    stage.end().await
}

#[tokio::test]
async fn one_name_for_all_statuses_tells_of_the_script_that_failed() -> Result<()> {
    const NAME: &str = "autobuild";
    let recipe = "buildscripts: [bad.sh, good.sh]\n\
                  bad.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: bad}\n\
                  good.sh: {archives: /tmp/archives, artifact: out.bin, format: binary}\n";
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", recipe)],
        core: &[("bad.sh", "#!/bin/sh\nexit 3\n"), ("good.sh", GOOD)],
        settings: &[("KOZMIC_AUTOBUILD_STATUS_CONTEXT", NAME), ("KOZMIC_RUNNER_CONCURRENCY", "1")],
        ..Script::default()
    })
    .await?;
    let half = stage.push("main", "Half").await?;
    let whole = stage.push_of("main", Commit::new("Whole").file("bad.sh", GOOD)).await?;
    // All of the first was told before the end of the second.
    assert_eq!(stage.verdict(CORE, &whole.sha, NAME).await?.state, State::Success);
    let told = stage.github.statuses(CORE, &half.sha);
    assert!(told.iter().all(|status| status.state != State::Success), "{told:?}");
    assert_eq!(told.last().map(|status| status.state), Some(State::Error), "{told:?}");
    stage.end().await
}

#[tokio::test]
async fn pushes_that_wait_for_the_first_configuration_hold_up_no_hook() -> Result<()> {
    let fault = FaultRule::new(FaultKind::Hang).path(&format!("/{CONFIGURATION}.git/"));
    let settings = &[("KOZMIC_AUTOBUILD_WEBHOOK_SECRET", SECRET)];
    let stage = Stage::unread(Script { fault: Some(fault), settings, ..Script::default() }).await?;
    let (anna, project) = stage.anna().await?;
    anna.add_hook(project, NewHook { title: "Tests", image: IMAGE, script: "#!/bin/sh\n" }).await?;
    let repository = stage.github.repository(CORE).map(|repository| repository.id);
    for number in 0..60 {
        let body = json!({
            "ref": "refs/heads/main", "after": format!("{number:040}"),
            "repository": { "id": repository, "name": "core", "owner": { "login": "anna" }, "private": false,
                "html_url": "", "clone_url": "" },
        });
        deliver(&stage, &format!("wait-{number}"), body.to_string()).await?;
    }
    let begun = Instant::now();
    let pushed = stage.push("main", "Not for the Auto Builder").await?;
    assert_eq!(stage.verdict(CORE, &pushed.sha, "Kozmic-CI").await?.state, State::Success);
    assert!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
    stage.end().await
}

#[tokio::test]
async fn a_newer_pushs_image_stays_though_the_hub_refused_its_kernel() -> Result<()> {
    let scene = Scene::with(WHOLE, &[("KOZMIC_RUNNER_CONCURRENCY", "2")]).await?;
    let waits = WHOLE.replace("set -e\n", &format!("set -e\ntouch /begun\n{GATE}\n"));
    let build = |message: &str, script: &str| Commit::new(message).file("autobuild/build.sh", script);
    let older = scene.push_change("0-initramfs", "master", build("Older", &waits)).await?;
    let container = scene.running("/begun").await?;
    scene.stage.hub.refuse_next("there is no room");
    let newer = scene.push_change("0-initramfs", "master", build("Newer", WHOLE)).await?;
    assert!(scene.error("0-initramfs", &newer).await?.contains("there is no room"));
    open_gate_in(&scene.stage.docker, &container).await;
    let log = scene.stage.report(&scene.success("0-initramfs", &older).await?).await?;
    assert!(log.contains("stays as it is: it is of a newer push."), "{log}");
    assert_eq!(scene.look_into("master", "cat /base").await?, format!("base of master at {newer}"));
    scene.end().await
}

#[tokio::test]
async fn a_payload_does_not_say_where_the_token_goes() -> Result<()> {
    let recipe = recipe("artifact: out.bin, format: binary");
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", &recipe)],
        core: &[("build.sh", GOOD)],
        settings: &[("KOZMIC_AUTOBUILD_WEBHOOK_SECRET", SECRET)],
        ..Script::default()
    })
    .await?;
    let pushed = stage.push("main", "Told by GitHub").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    let stranger = TcpListener::bind("127.0.0.1:0")?;
    stranger.set_nonblocking(true)?;
    let sha = stage.github.commit(CORE, "main", Commit::new("Untold").file("file", "untold")).await?;
    stage.github.push_silently(CORE, "main").await?;
    let body = pushed.deliveries.first().context("GitHub told of it")?.body.clone();
    let mut body = serde_json::from_str::<Value>(&String::from_utf8(body)?.replace(&pushed.sha, &sha))?;
    body["repository"]["private"] = json!(true);
    body["repository"]["clone_url"] = json!(format!("http://{}/core.git", stranger.local_addr()?));
    deliver(&stage, "odd", body.to_string()).await?;
    assert_eq!(stage.outcome(&sha, "build.sh").await?.state, State::Success);
    assert!(stranger.accept().is_err(), "somebody called");
    stage.end().await
}
