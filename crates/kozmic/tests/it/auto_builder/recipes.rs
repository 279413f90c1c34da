//! A push becomes artifacts by a recipe of the configuration repository.

use super::stage::{CORE, Script, Stage};
use anyhow::{Context, Result};
use kozmic_testkit::github::{Area, State};
use std::fs;

const RECIPE: &str = "\
buildscripts:
  - autobuild/flist.sh
  - autobuild/binary.sh
autobuild/flist.sh:
  archives: /tmp/archives
  artifact: result.tar.gz
autobuild/binary.sh:
  archives: /tmp/archives
  artifact: out/zos.bin
  tag: special-tag
  format: binary
";

const FLIST: &str = "#!/bin/bash
set -e
[ -t 0 ] && [ -t 1 ] && echo user=$(id -u) pwd=$PWD on a terminal
ls -A /tmp/archives | wc -l
git -C /core log -1 --format=%s
tar -C /core -czf /tmp/archives/result.tar.gz file
";

const BINARY: &str = "#!/bin/bash
mkdir /tmp/archives/out
echo the kernel of all things > /tmp/archives/out/zos.bin
";

fn script() -> Script<'static> {
    Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("autobuild/flist.sh", FLIST), ("autobuild/binary.sh", BINARY)],
        ..Script::default()
    }
}

#[tokio::test]
async fn a_push_to_a_tracked_branch_becomes_artifacts_at_the_hub_and_in_a_directory() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let pushed = stage.push("main", "Second").await?;
    let flist = stage.verdict(CORE, &pushed.sha, "kozmic/autobuild/flist.sh").await?;
    let binary = stage.verdict(CORE, &pushed.sha, "kozmic/autobuild/binary.sh special-tag").await?;
    let log = stage.report(&flist).await?;
    assert_eq!(flist.state, State::Success, "{log}");
    assert_eq!(binary.state, State::Success, "{}", stage.report(&binary).await?);
    for line in ["user=0 pwd=/ on a terminal", "Second"] {
        assert!(log.contains(line), "{line:?} stands in:\n{log}");
    }

    let versioned = format!("anna-core-main-{}", &pushed.sha[..10]);
    let links = stage.hub.links();
    assert_eq!(links.get("anna-core-main.flist"), Some(&format!("{versioned}.flist")));
    let upload = stage.hub.uploads().pop().context("an upload")?;
    assert_eq!(upload.name, format!("{versioned}.tar.gz"));
    assert!(upload.bytes.starts_with(&[0x1f, 0x8b]), "an archive arrived whole");

    let binaries = stage.artifacts.join("binary");
    let name = format!("anna-core-special-tag-main-{}.bin", &pushed.sha[..10]);
    assert_eq!(fs::read_to_string(binaries.join(&name))?, "the kernel of all things\n");
    assert_eq!(fs::read_link(binaries.join("anna-core-special-tag-main.bin"))?.to_str(), Some(name.as_str()));
    assert_eq!(
        stage.get("/artifacts/binary/anna-core-special-tag-main.bin").await?,
        "the kernel of all things\n"
    );
    stage.end().await
}

#[tokio::test]
async fn the_configuration_is_read_on_start_and_its_repositories_are_heard_of() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let status = stage.reading().await?;
    let log = stage.report(&status).await?;
    assert_eq!(status.state, State::Success, "{log}");
    assert!(log.contains("anna/core/main.yaml") && log.contains("1 branch of 1 repository"), "{log}");
    for repository in [CORE, "anna/recipes"] {
        let hooks = stage.github.hooks(repository);
        assert_eq!(hooks.len(), 1, "{repository}");
    }
    assert!(stage.github.requests().iter().all(|call| call.area != Area::OAuth));
    stage.end().await
}
