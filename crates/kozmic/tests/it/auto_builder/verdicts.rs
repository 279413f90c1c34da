//! Successes and errors of recipes' jobs. The reason is where people look for it.

use super::stage::{CONFIGURATION, CORE, Script, Stage};
use crate::world::LIMIT;
use anyhow::Result;
use kozmic_testkit::github::{State, Status};

/// One script for each way to go wrong, and one that does not.
const RECIPE: &str = "\
buildscripts: [good.sh, three.sh, nothing.sh, directory.sh, passwd.sh, outside.sh, absent.sh, image.sh, tar.sh]
good.sh: {archives: /tmp/archives, artifact: out.bin, format: binary}
three.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: three}
nothing.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: nothing}
directory.sh: {archives: /tmp/archives, artifact: out, format: binary, tag: directory}
passwd.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: passwd}
outside.sh: {archives: /tmp/archives, artifact: out, format: directory, tag: outside}
absent.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: absent}
image.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: image, baseimage: 'localhost:1/kozmic/nowhere:none'}
tar.sh: {archives: /tmp/archives, artifact: out.bin, format: directory, tag: tar}
";

const FILES: &[(&str, &str)] = &[
    ("good.sh", "#!/bin/sh\necho good > /tmp/archives/out.bin\n"),
    ("three.sh", "#!/bin/sh\necho made > /tmp/archives/out.bin\nexit 3\n"),
    ("nothing.sh", "#!/bin/sh\necho nothing comes of it\n"),
    ("directory.sh", "#!/bin/sh\nmkdir /tmp/archives/out\n"),
    ("passwd.sh", "#!/bin/sh\nln -s /etc/passwd /tmp/archives/out.bin\n"),
    ("outside.sh", "#!/bin/sh\nmkdir /tmp/archives/out\nln -s /etc/passwd /tmp/archives/out/users\n"),
    ("image.sh", "#!/bin/sh\necho good > /tmp/archives/out.bin\n"),
    ("tar.sh", "#!/bin/sh\necho a file > /tmp/archives/out.bin\n"),
];

const FLIST: &str = "buildscripts: [flist.sh]\nflist.sh: {archives: /tmp/archives, artifact: out.tar.gz}\n";

const FLIST_FILES: &[(&str, &str)] =
    &[("flist.sh", "#!/bin/sh\ntar -C /core -czf /tmp/archives/out.tar.gz file\n")];

fn flist() -> Script<'static> {
    Script { recipes: &[("anna/core/main.yaml", FLIST)], core: FLIST_FILES, ..Script::default() }
}

/// A job's end as an error: the reason stands beside the commit and in the log that the status leads to.
async fn is_error(stage: &Stage, status: &Status, reason: &str) -> Result<()> {
    let log = stage.report(status).await?;
    assert_eq!(status.state, State::Error, "{log}");
    let sentence = status.description.clone().unwrap_or_default();
    assert!(sentence.contains(reason), "{} says {sentence:?}, not {reason:?}", status.context);
    assert!(log.contains(reason), "{reason:?} stands in:\n{log}");
    Ok(())
}

#[tokio::test]
async fn whatever_is_no_published_artifact_is_an_error_that_says_why() -> Result<()> {
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: FILES,
        settings: &[("KOZMIC_RUNNER_CONCURRENCY", "4")],
        ..Script::default()
    })
    .await?;
    let pushed = stage.push("main", "Begin").await?;
    for (script, reason) in [
        ("three.sh three", "The script returned 3."),
        ("nothing.sh nothing", "The script left no /tmp/archives/out.bin."),
        (
            "directory.sh directory",
            "\"out/\" is a directory; the formats flist, binary and kernel need a file",
        ),
        (
            "passwd.sh passwd",
            "\"out.bin\" is a symbolic link; the formats flist, binary and kernel need a file",
        ),
        ("outside.sh outside", "The artifact /tmp/archives/out cannot be taken: "),
        ("absent.sh absent", "There is no script absent.sh at "),
        ("image.sh image", "Pull the image localhost:1/kozmic/nowhere:none"),
        ("tar.sh tar", "\"out.bin\" is a file; the format directory needs a directory"),
    ] {
        is_error(&stage, &stage.outcome(&pushed.sha, script).await?, reason).await?;
    }
    let good = stage.outcome(&pushed.sha, "good.sh").await?;
    assert_eq!(good.state, State::Success, "{}", stage.report(&good).await?);
    assert_eq!(good.description.as_deref(), Some("Build succeeded"));
    let mut there = Vec::new();
    for entry in std::fs::read_dir(stage.artifacts.join("binary"))? {
        there.push(entry?.file_name().to_string_lossy().into_owned());
    }
    there.retain(|name| !name.starts_with('.') && !name.ends_with(".sha256"));
    there.sort();
    let versioned = format!("anna-core-main-{}.bin", &pushed.sha[..10]);
    assert_eq!(there, [versioned.as_str(), "anna-core-main.bin"], "of the others nothing is there");
    stage.end().await
}

#[tokio::test]
async fn what_the_hub_refuses_is_an_error_in_the_hubs_words() -> Result<()> {
    let stage = Stage::sound(flist()).await?;
    stage.hub.refuse_next("the quota of anna-orbit is used up");
    let pushed = stage.push("main", "Refused").await?;
    let refused = stage.outcome(&pushed.sha, "flist.sh").await?;
    is_error(&stage, &refused, "the quota of anna-orbit is used up").await?;
    assert!(stage.hub.uploads().is_empty() && stage.hub.links().is_empty());
    let pushed = stage.push("main", "Taken").await?;
    assert_eq!(stage.outcome(&pushed.sha, "flist.sh").await?.state, State::Success);
    stage.end().await
}

#[tokio::test]
async fn a_hub_that_is_not_well_is_tried_again_and_the_script_is_not() -> Result<()> {
    let stage = Stage::sound(flist()).await?;
    stage.hub.fail_next(2, 503);
    let pushed = stage.push("main", "Patience").await?;
    let built = stage.outcome(&pushed.sha, "flist.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    assert_eq!(log.matches("is not well (503)").count(), 2, "{log}");
    assert!(log.contains("Trying again in "), "{log}");
    assert_eq!(log.matches("flist.sh in ").count(), 1, "{log}");
    assert_eq!(stage.hub.uploads().len(), 1);
    stage.end().await
}

#[tokio::test]
async fn a_token_that_the_hub_has_forgotten_is_renewed() -> Result<()> {
    let stage = Stage::sound(flist()).await?;
    for message in ["First", "Second"] {
        let pushed = stage.push("main", message).await?;
        let built = stage.outcome(&pushed.sha, "flist.sh").await?;
        assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
        stage.hub.forget_tokens();
    }
    assert_eq!(stage.hub.uploads().len(), 2);
    stage.end().await
}

#[tokio::test]
async fn a_list_without_a_hub_is_an_error_before_anything_is_built() -> Result<()> {
    let without = &[
        "KOZMIC_AUTOBUILD_HUB_URL",
        "KOZMIC_AUTOBUILD_HUB_AUTH_URL",
        "KOZMIC_AUTOBUILD_HUB_USER",
        "KOZMIC_AUTOBUILD_HUB_TOKEN",
    ];
    let stage = Stage::sound(Script { without, ..flist() }).await?;
    let pushed = stage.push("main", "In vain").await?;
    let status = stage.outcome(&pushed.sha, "flist.sh").await?;
    is_error(&stage, &status, "no hub is set that takes it").await?;
    assert!(!stage.report(&status).await?.contains("flist.sh in "), "the script did not run");
    stage.end().await
}

#[tokio::test]
async fn a_script_that_takes_longer_than_the_settings_allow_is_stopped() -> Result<()> {
    const RECIPE: &str =
        "buildscripts: [slow.sh]\nslow.sh: {archives: /tmp/archives, artifact: o, format: binary}\n";
    let slow = "#!/bin/bash\ntrap 'exit 1' TERM\necho begun\nsleep 3600 & wait\n";
    let stage = Stage::sound(Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("slow.sh", slow)],
        settings: &[("KOZMIC_AUTOBUILD_MAXIMUM_EXECUTION_TIME", "3")],
        ..Script::default()
    })
    .await?;
    let pushed = stage.push("main", "Slow").await?;
    let status = stage.outcome(&pushed.sha, "slow.sh").await?;
    is_error(&stage, &status, "Stopped: the job took longer than 3.0 s.").await?;
    assert!(stage.report(&status).await?.contains("begun"));
    stage.docker.wait_until_clean(&stage.label()?, LIMIT).await?;
    stage.end().await
}

#[tokio::test]
async fn a_status_name_of_the_settings_is_the_only_one() -> Result<()> {
    const NAME: &str = "gig-autobuilder";
    let stage =
        Stage::sound(Script { settings: &[("KOZMIC_AUTOBUILD_STATUS_CONTEXT", NAME)], ..flist() }).await?;
    let pushed = stage.push("main", "Begin").await?;
    let built = stage.verdict(CORE, &pushed.sha, NAME).await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    let read = stage.reading().await?;
    for (repository, sha) in [(CORE, &pushed.sha), (CONFIGURATION, &read.sha)] {
        let shown = stage.github.statuses(repository, sha);
        assert!(shown.iter().all(|status| status.context == NAME), "{shown:?}");
    }
    stage.end().await
}
