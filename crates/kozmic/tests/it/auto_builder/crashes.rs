//! The server is killed during jobs of recipes and started again. Nothing is lost, and nothing is done twice.

use super::stage::{Script, Stage};
use crate::world::{GATE, LIMIT, open_gate_in};
use anyhow::{Context, Result};
use kozmic_testkit::github::{FaultKind, FaultRule, Request, State};
use std::path::Path;

const RECIPE: &str = "\
buildscripts: [build.sh]
build.sh:
  archives: /tmp/archives
  artifact: out.tar.gz
";

/// More than lies between two sockets.
const LARGE: &str = "#!/bin/bash
echo it runs
head -c 24000000 /dev/urandom > /tmp/archives/out.tar.gz
sha256sum /tmp/archives/out.tar.gz | sed 's/^/sum /'
";

async fn stage(build: &str) -> Result<Stage> {
    Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("build.sh", build)],
        ..Script::default()
    })
    .await
}

/// Names in the directory of artifacts that are on their way.
fn on_its_way(data_dir: &Path) -> Result<Vec<String>> {
    let work = data_dir.join("work");
    if !work.is_dir() {
        return Ok(Vec::new());
    }
    std::fs::read_dir(work)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[tokio::test]
async fn an_artifact_whose_upload_was_killed_arrives_once_and_whole() -> Result<()> {
    let mut stage = stage(LARGE).await?;
    let gate = stage.hub.hold_uploads();
    let pushed = stage.push("main", "Begin").await?;
    stage.hub.wait_for_upload_begun(LIMIT).await?;
    stage.server.kill_9().await?;
    drop(gate);
    stage.hub.wait_for_broken_uploads(1, LIMIT).await?;
    assert!(stage.hub.uploads().is_empty() && stage.hub.links().is_empty());
    stage.server.restart().await?;
    let built = stage.outcome(&pushed.sha, "build.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    assert_eq!(log.matches("it runs\n").count(), 1, "the script ran once:\n{log}");

    let mut uploads = stage.hub.uploads();
    assert_eq!(uploads.len(), 1);
    let upload = uploads.pop().context("an upload")?;
    assert_eq!(upload.name, format!("anna-core-main-{}.tar.gz", &pushed.sha[..10]));
    assert_eq!(upload.bytes.len(), 24_000_000);
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("out.tar.gz");
    std::fs::write(&file, &upload.bytes)?;
    let sum = std::process::Command::new("sha256sum").arg(&file).output()?.stdout;
    let sum = String::from_utf8(sum)?.split_whitespace().next().context("a sum")?.to_owned();
    assert!(log.contains(&format!("sum {sum}")), "{sum} is not that of:\n{log}");
    let flist = format!("anna-core-main-{}.flist", &pushed.sha[..10]);
    assert_eq!(stage.hub.links().get("anna-core-main.flist"), Some(&flist));

    assert!(stage.server.terminate().await?.success());
    stage.server.restart().await?;
    assert_eq!(on_its_way(stage.server.data_dir())?, Vec::<String>::new());
    stage.end().await
}

#[tokio::test]
async fn a_script_that_runs_while_the_server_is_killed_has_a_whole_log() -> Result<()> {
    let build = format!(
        "#!/bin/bash
echo begin; seq 1 2000; echo at the gate
{GATE}
seq 2001 4000; printf 'gr\\303\\274n\\n'
tar -C /core -czf /tmp/archives/out.tar.gz file
"
    );
    let mut stage = stage(&build).await?;
    let pushed = stage.push("main", "Begin").await?;
    let job = stage.job(&pushed.sha, "build.sh").await?;
    let container = stage.printed(&job, "at the gate").await?;
    stage.server.kill_9().await?;
    // It ends while nobody looks.
    open_gate_in(&stage.docker, &container).await;
    assert_eq!(stage.docker.run(&["wait", &container]).await?, "0");
    stage.server.restart().await?;
    let built = stage.outcome(&pushed.sha, "build.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    let numbers = log.lines().filter_map(|line| line.parse::<u32>().ok()).collect::<Vec<_>>();
    assert_eq!(numbers, (1..=4000).collect::<Vec<_>>());
    for line in ["begin\n", "at the gate\n", "grün\n"] {
        assert_eq!(log.matches(line).count(), 1, "{line}");
    }
    assert_eq!(stage.hub.uploads().len(), 1);
    stage.end().await
}

#[tokio::test]
async fn a_script_that_runs_on_is_followed_after_a_kill_and_after_a_stop() -> Result<()> {
    let build = format!(
        "#!/bin/bash
echo at the gate; {GATE}; echo beyond
tar -C /core -czf /tmp/archives/out.tar.gz file
"
    );
    let mut stage = stage(&build).await?;
    let pushed = stage.push("main", "Begin").await?;
    let job = stage.job(&pushed.sha, "build.sh").await?;
    stage.printed(&job, "at the gate").await?;
    stage.server.kill_9().await?;
    stage.server.restart().await?;
    assert!(stage.server.terminate().await?.success());
    stage.server.restart().await?;
    stage.open_gate(&job).await?;
    let built = stage.outcome(&pushed.sha, "build.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    for line in ["at the gate\n", "beyond\n"] {
        assert_eq!(log.matches(line).count(), 1, "{log}");
    }
    stage.end().await
}

#[tokio::test]
async fn a_job_that_was_killed_before_its_script_began_is_begun_once() -> Result<()> {
    let build = "#!/bin/sh\necho only once\ntar -C /core -czf /tmp/archives/out.tar.gz file\n";
    let mut stage = stage(build).await?;
    let hang = stage.github.fault(FaultRule::new(FaultKind::Hang).path("/anna/core.git/"));
    let pushed = stage.push("main", "Begin").await?;
    let hangs = |call: &Request| call.path.contains("/core.git/") && call.status.is_none();
    stage.github.wait_for_request(LIMIT, hangs).await.context("git is asked")?;
    stage.server.kill_9().await?;
    // The killed server's git still waits for its answer.
    stage.server.restart().await?;
    drop(hang);
    let built = stage.outcome(&pushed.sha, "build.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    assert_eq!(log.matches("only once\n").count(), 1, "{log}");
    assert_eq!(stage.hub.uploads().len(), 1);
    stage.end().await
}

#[tokio::test]
async fn what_was_pushed_while_the_server_was_down_is_built_after_the_start() -> Result<()> {
    let mut stage = stage("#!/bin/bash\necho made > /tmp/archives/out.tar.gz\n").await?;
    stage.server.kill_9().await?;
    let missed = stage.push("main", "Nobody hears this").await?;
    assert!(missed.deliveries.iter().all(|delivery| !delivery.arrived()));
    stage.server.restart().await?;
    let built = stage.outcome(&missed.sha, "build.sh").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    stage.end().await
}

const LIST: &str = "#!/bin/sh\ntar -C /core -czf /tmp/archives/out.tar.gz file\n";

#[tokio::test]
async fn an_upload_that_a_kill_parts_from_its_link_is_not_made_once_more() -> Result<()> {
    let mut stage = stage(LIST).await?;
    let gate = stage.hub.hold_links();
    let pushed = stage.push("main", "Begin").await?;
    stage.hub.wait_for_link_asked(LIMIT).await?;
    stage.server.kill_9().await?;
    gate.open();
    stage.server.restart().await?;
    let built = stage.outcome(&pushed.sha, "build.sh").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    assert_eq!(stage.hub.uploads().len(), 1);
    let flist = format!("anna-core-main-{}.flist", &pushed.sha[..10]);
    assert_eq!(stage.hub.links().get("anna-core-main.flist"), Some(&flist));
    stage.end().await
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_not_made_once_more_but_one_that_changed_is() -> Result<()> {
    let stage =
        stage("#!/bin/sh\ndate +%s%N > /tmp/now\ntar -C /tmp -czf /tmp/archives/out.tar.gz now\n").await?;
    stage.hub.lose_next_answer();
    let pushed = stage.push("main", "Begin").await?;
    let built = stage.outcome(&pushed.sha, "build.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    assert!(log.contains("Trying again in"), "{log}");
    assert_eq!(stage.hub.uploads().len(), 1);
    // The same name, but something else in it.
    let (anna, project) = stage.anna().await?;
    stage.press(&anna, (project, &built), "restart").await?;
    let again = stage.newer(&built).await?;
    assert_eq!(again.state, State::Success, "{}", stage.report(&again).await?);
    let uploads = stage.hub.uploads();
    assert!(uploads.len() == 2 && uploads[0].bytes != uploads[1].bytes);
    stage.end().await
}
