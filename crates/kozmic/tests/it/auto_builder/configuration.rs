//! The configuration repository is read, checked and reported as a whole, and the webhooks that it needs are kept
//! right.

use super::stage::{CONFIGURATION, CORE, READING, Script, Shown, Stage};
use crate::world::LIMIT;
use anyhow::{Context, Result, ensure};
use kozmic_testkit::github::{Commit, FaultKind, FaultRule, Hook, State};

const RECIPE: &str = "\
buildscripts:
  - build.sh
build.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
";

/// A script without definition, an artifact that is missing, and a key that nobody knows.
const UNKNOWN: &str = "\
buildscripts:
  - build.sh
  - gone.sh
build.sh:
  archives: /tmp/archives
  artefact: out.bin
";

/// An artifact that leads out of its directory, and a number where a text should be.
const OUTSIDE: &str = "\
buildscripts: [build.sh]
build.sh:
  archives: [1, 2]
  artifact: ../../etc/passwd
";

/// No list of scripts.
const EMPTY: &str = "\
build.sh:
  archives: /tmp/archives
  artifact: out.bin
";

const BUILD: &str = "#!/bin/bash\ncp /core/file /tmp/archives/out.bin\n";

const FILES: &[(&str, &str)] = &[("build.sh", BUILD)];

const BUILD_SH: &str = "kozmic/build.sh";

fn script() -> Script<'static> {
    Script { recipes: &[("anna/core/main.yaml", RECIPE)], core: FILES, ..Script::default() }
}

fn only_hook(stage: &Stage, repository: &str) -> Result<Hook> {
    let mut hooks = stage.github.hooks(repository);
    ensure!(hooks.len() == 1, "{repository} has {} webhooks", hooks.len());
    hooks.pop().context("a webhook")
}

/// Whether a webhook is as the Auto Builder needs it.
fn is_right(stage: &Stage, repository: &str) -> Result<()> {
    let hook = only_hook(stage, repository)?;
    let name = repository.split('/').next_back().unwrap_or_default();
    ensure!(hook.url == format!("{}/build/{name}/hook", stage.server.url()), "{}", hook.url);
    ensure!(hook.events == ["push"] && hook.active && hook.secret.is_some(), "{hook:?}");
    ensure!(hook.content_type == "json", "{hook:?}");
    Ok(())
}

#[tokio::test]
async fn a_readings_log_has_the_limit_of_jobs_logs_and_says_what_it_leaves_out() -> Result<()> {
    let scripts = (0..60).map(|number| format!("  - {number}{}.sh\n", "x".repeat(220))).collect::<String>();
    let bad = format!("buildscripts:\n{scripts}");
    let paths = (0..600).map(|number| format!("anna/core/branch-{number}.yaml")).collect::<Vec<_>>();
    let mut recipes = paths.iter().map(|path| (path.as_str(), bad.as_str())).collect::<Vec<_>>();
    recipes.push(("anna/core/main.yaml", RECIPE));
    let settings = &[("KOZMIC_LOG_LIMIT", "6m")];
    let stage = Stage::unread(Script { recipes: &recipes, settings, ..script() }).await?;
    let read = stage.reading().await?;
    let log = stage.report(&read).await?;
    assert!(log.len() > 5 << 20 && log.len() <= 6 << 20, "{} bytes", log.len());
    let words = log.lines().find(|line| line.contains("lines are left out here"));
    assert!(words.context("how much is left out")?.ends_with("6 MiB."), "{words:?}");
    let pushed = stage.push("main", "One branch is sound").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    stage.end().await
}

#[tokio::test]
async fn a_bad_file_takes_only_its_branch_out_until_it_is_mended() -> Result<()> {
    let stage = Stage::unread(Script {
        recipes: &[
            ("anna/core/main.yaml", RECIPE),
            ("anna/core/feature/x.yaml", RECIPE),
            ("anna/core/next.yaml", UNKNOWN),
            ("anna/core/old.yaml", OUTSIDE),
            ("anna/core/empty.yaml", EMPTY),
            ("anna/core/broken.yaml", "buildscripts: [\n"),
            ("README.md", "Recipes"),
        ],
        ..script()
    })
    .await?;
    let read = stage.reading().await?;
    let log = stage.report(&read).await?;
    assert_eq!(read.state, State::Error, "{log}");
    let sentence = read.description.unwrap_or_default();
    assert_eq!(sentence, "2 branches of 1 repository, 8 faults in 4 files.");
    for line in [
        "ok  anna/core/feature/x.yaml  → anna/core feature/x (1 script)",
        "ok  anna/core/main.yaml       → anna/core main (1 script)",
        "anna/core/broken.yaml:1:15: This cannot be read as YAML: ",
        "anna/core/empty.yaml:1:1: `buildscripts` is missing",
        "anna/core/empty.yaml:3:13: \"out.bin\" is no archive for the hub",
        "anna/core/next.yaml:3:5: `gone.sh` has no definition",
        "anna/core/next.yaml:4:1: `build.sh` lacks `artifact`",
        "anna/core/next.yaml:6:3: There is no key `artefact`; did you mean `artifact`?",
        "anna/core/old.yaml:3:13: `archives` is ",
        "anna/core/old.yaml:4:13: \"../../etc/passwd\" leaves the directory `archives`",
    ] {
        assert!(log.contains(line), "{line:?} stands in:\n{log}");
    }

    let bad = stage.push("next", "Of a bad recipe").await?;
    let feature = stage.push("feature/x", "Of a good recipe").await?;
    let main = stage.push("main", "Of another").await?;
    for (pushed, stem) in [(&feature, "anna-core-feature-x"), (&main, "anna-core-main")] {
        assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
        assert_eq!(stage.linked(&format!("{stem}.bin"))?, format!("{stem}-{}.bin", &pushed.sha[..10]));
    }
    // Deliveries are thought about one after another, so this one was before those.
    assert!(stage.contexts(&bad.sha).is_empty(), "nothing is built of a branch whose file is bad");

    let mend = Commit::new("Mend").file("anna/core/next.yaml", RECIPE);
    let mend =
        mend.delete("anna/core/old.yaml").delete("anna/core/empty.yaml").delete("anna/core/broken.yaml");
    let mended = stage.configure(mend).await?;
    assert_eq!(mended.state, State::Success, "{}", stage.report(&mended).await?);
    let good = stage.push("next", "Of a mended recipe").await?;
    assert_eq!(stage.outcome(&good.sha, "build.sh").await?.state, State::Success);
    stage.end().await
}

#[tokio::test]
async fn a_tracked_branch_whose_file_becomes_bad_or_is_removed_is_built_no_more() -> Result<()> {
    let stage = Stage::sound(Script {
        recipes: &[
            ("anna/core/main.yaml", RECIPE),
            ("anna/core/feature/x.yaml", RECIPE),
            ("anna/core/next.yaml", RECIPE),
            ("anna/other/main.yaml", RECIPE),
        ],
        others: &["anna/other", "anna/third"],
        ..script()
    })
    .await?;
    for repository in [CONFIGURATION, CORE, "anna/other"] {
        is_right(&stage, repository)?;
    }
    assert!(stage.github.hooks("anna/third").is_empty(), "it is not named");

    let change = Commit::new("Change").delete("anna/core/feature/x.yaml").delete("anna/other/main.yaml");
    let change = change.file("anna/core/next.yaml", UNKNOWN).file("anna/third/main.yaml", RECIPE);
    let read = stage.configure(change).await?;
    let log = stage.report(&read).await?;
    for line in [
        "gone  anna/core feature/x is tracked no more",
        "gone  anna/core next is tracked no more",
        "gone  anna/other main is tracked no more",
    ] {
        assert!(log.contains(line), "{line:?} stands in:\n{log}");
    }
    assert!(!log.contains("gone  anna/core main"), "{log}");
    assert!(stage.github.hooks("anna/other").is_empty(), "nothing of it is built any more");
    for repository in [CONFIGURATION, CORE, "anna/third"] {
        is_right(&stage, repository)?;
    }

    let removed = stage.push("feature/x", "Removed").await?;
    let bad = stage.push("next", "Bad").await?;
    let good = stage.push("main", "Good").await?;
    assert_eq!(stage.outcome(&good.sha, "build.sh").await?.state, State::Success);
    for pushed in [removed, bad] {
        assert!(pushed.deliveries.iter().all(|delivery| delivery.arrived()) && !pushed.deliveries.is_empty());
        assert!(stage.contexts(&pushed.sha).is_empty());
    }
    stage.end().await
}

#[tokio::test]
async fn a_webhook_that_somebody_deleted_or_changed_is_put_right_when_the_configuration_is_read() -> Result<()>
{
    let recipes: &[_] = &[("anna/core/main.yaml", RECIPE), ("anna/other/main.yaml", RECIPE)];
    let stage = Stage::sound(Script { recipes, others: &["anna/other"], ..script() }).await?;
    stage.github.delete_hook(CORE, only_hook(&stage, CORE)?.id);
    let changed = only_hook(&stage, "anna/other")?.id;
    stage.github.change_hook("anna/other", changed, |hook| {
        hook.url = "http://127.0.0.1:1/elsewhere".into();
        hook.secret = Some("a secret of somebody's".into());
        hook.events = vec!["issues".into()];
        hook.active = false;
        hook.content_type = "form".into();
    })?;
    let read = stage.configure(Commit::new("Read").file("README.md", "Read it again")).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    is_right(&stage, CORE)?;
    is_right(&stage, "anna/other")?;

    let pushed = stage.push("main", "Heard again").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    let other = Commit::new("Heard, too").file("build.sh", "#!/bin/sh\necho > /tmp/archives/out.bin\n");
    let other = stage.github.push_commit("anna/other", "main", other).await?;
    let built = stage.verdict("anna/other", &other.sha, BUILD_SH).await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    stage.end().await
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_named_and_the_others_are_built() -> Result<()> {
    let recipes: &[_] = &[("anna/core/main.yaml", RECIPE), ("anna/nowhere/main.yaml", RECIPE)];
    let stage = Stage::unread(Script { recipes, ..script() }).await?;
    let read = stage.reading().await?;
    let log = stage.report(&read).await?;
    assert_eq!(read.state, State::Error, "{log}");
    assert!(log.contains("anna/nowhere is not heard of: it is not there"), "{log}");
    let pushed = stage.push("main", "All the same").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    stage.end().await
}

#[tokio::test]
async fn a_server_that_starts_without_github_reads_the_configuration_as_soon_as_github_answers() -> Result<()>
{
    let fault = Some(FaultRule::new(FaultKind::Status(503)));
    let mut stage = Stage::unread(Script { fault, ..script() }).await?;
    stage.get("/healthz").await?;
    stage.github.wait_for_request(LIMIT, |call| call.status == Some(503)).await.context("GitHub is asked")?;
    assert!(stage.github.hooks(CORE).is_empty());
    stage.fault.take().context("GitHub is away")?.release();
    let read = stage.reading().await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let pushed = stage.push("main", "Heard").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    stage.end().await
}

#[tokio::test]
async fn a_push_of_the_configuration_that_nobody_heard_of_is_read_at_the_next_start() -> Result<()> {
    let mut stage = Stage::sound(script()).await?;
    stage.server.terminate().await?;
    let next = Commit::new("Next").file("anna/core/next.yaml", RECIPE);
    let sha = stage.github.commit(CONFIGURATION, "main", next).await?;
    stage.github.push_silently(CONFIGURATION, "main").await?;
    stage.server.restart().await?;
    let read = stage.verdict(CONFIGURATION, &sha, READING).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let pushed = stage.push("next", "Built").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    stage.end().await
}

#[tokio::test]
async fn a_reading_that_is_killed_is_done_after_the_restart() -> Result<()> {
    let mut stage = Stage::sound(script()).await?;
    let hang = stage.github.fault(FaultRule::new(FaultKind::Hang).path(&format!("/{CONFIGURATION}.git/")));
    let next = Commit::new("Next").file("anna/core/next.yaml", RECIPE).delete("anna/core/main.yaml");
    let pushed = stage.github.push_commit(CONFIGURATION, "main", next).await?;
    let hangs = |call: &kozmic_testkit::github::Request| call.path.contains(".git/") && call.status.is_none();
    stage.github.wait_for_request(LIMIT, hangs).await.context("git is asked")?;
    stage.server.kill_9().await?;
    drop(hang);
    stage.server.restart().await?;
    let what = Shown { repository: CONFIGURATION, sha: &pushed.sha, context: READING };
    let read = stage.shown(what, |status| status.state == State::Success).await?;
    let log = stage.report(&read).await?;
    assert_eq!(log.matches("gone  anna/core main is tracked no more").count(), 1, "{log}");
    let (old, new) = (stage.push("main", "Old").await?, stage.push("next", "New").await?);
    assert_eq!(stage.outcome(&new.sha, "build.sh").await?.state, State::Success);
    assert!(stage.contexts(&old.sha).is_empty());
    stage.end().await
}
