//! Branches whose names are shortened to the same letters: each has links, versions and kept artifacts of its own.

use super::stage::{Script, Stage};
use anyhow::{Result, ensure};
use kozmic_testkit::github::State;
use std::collections::{BTreeMap, BTreeSet};

const RECIPE: &str = "\
buildscripts: [binary.sh, list.sh]
binary.sh: {archives: /tmp/archives, artifact: out.bin, format: binary}
list.sh: {archives: /tmp/archives, artifact: out.tar.gz}
";

const BINARY: &str = "#!/bin/sh\ncp /core/file /tmp/archives/out.bin\n";

const LIST: &str = "#!/bin/sh\ntar -czf /tmp/archives/out.tar.gz -C /core file\n";

/// Two that differ in letters with no place in a name, two that differ in a slash, two that people see no difference
/// in, and one with a slash that meets nobody.
const BRANCHES: [&str; 7] =
    ["фича", "тест", "feature/x", "feature-x", "caf\u{e9}", "cafe\u{301}", "release/1.0"];

#[tokio::test]
async fn branches_with_the_same_letters_left_have_links_of_their_own() -> Result<()> {
    let files = BRANCHES.map(|branch| (format!("anna/core/{branch}.yaml"), RECIPE));
    let stage = Stage::sound(Script {
        recipes: &files.each_ref().map(|(path, text)| (path.as_str(), *text)),
        core: &[("binary.sh", BINARY), ("list.sh", LIST)],
        settings: &[("KOZMIC_AUTOBUILD_KEPT_ARTIFACTS", "1"), ("KOZMIC_RUNNER_CONCURRENCY", "2")],
        ..Script::default()
    })
    .await?;
    for round in ["First", "Second"] {
        for branch in BRANCHES {
            let pushed = stage.push(branch, &format!("{round} of {branch}")).await?;
            for script in ["binary.sh", "list.sh"] {
                let built = stage.outcome(&pushed.sha, script).await?;
                ensure!(built.state == State::Success, "{}", stage.report(&built).await?);
            }
        }
    }
    let links = links(&stage)?;
    let expected = BRANCHES.map(|branch| format!("Second of {branch}"));
    assert_eq!(links.values().cloned().collect::<BTreeSet<_>>(), BTreeSet::from(expected), "{links:?}");
    let plain = links.keys().filter(|name| !name.contains("..")).collect::<Vec<_>>();
    assert_eq!(plain, ["anna-core-release-1.0.bin"], "{links:?}");
    assert_eq!(links.len(), 7, "{links:?}");
    let lists = stage.hub.links();
    assert_eq!((lists.len(), lists.values().collect::<BTreeSet<_>>().len()), (7, 7), "{lists:?}");
    stage.end().await
}

/// Target of each link in the directory of binaries.
fn links(stage: &Stage) -> Result<BTreeMap<String, String>> {
    let mut links = BTreeMap::new();
    for entry in std::fs::read_dir(stage.artifacts.join("binary"))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_symlink() && !name.ends_with(".sha256") {
            links.insert(name, std::fs::read_to_string(path)?);
        }
    }
    Ok(links)
}
