//! The directory of binaries after some pushes, and how people fetch its artifacts.

use super::stage::{CORE, Script, Stage};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    disk::{BROKEN, Call, FULL, FaultyDisk},
    github::{Pushed, State},
};
use reqwest::{Client, StatusCode, header};
use std::{collections::BTreeSet, path::Path, process::Command};

const RECIPE: &str = "\
buildscripts: [binary.sh, tree.sh]
binary.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
tree.sh:
  archives: /tmp/archives
  artifact: .
  format: directory
  tag: tree
";

const BINARY: &str = "#!/bin/sh\ncp /core/file /tmp/archives/out.bin\n";

const TREE: &str = "#!/bin/sh
set -e
cd /tmp/archives
mkdir -p bin share/empty
cp /core/file share/text
printf '#!/bin/sh\\necho runs\\n' > bin/tool
chmod 755 bin/tool
ln -s ../share/text bin/link
";

fn script() -> Script<'static> {
    Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("binary.sh", BINARY), ("tree.sh", TREE)],
        settings: &[("KOZMIC_AUTOBUILD_KEPT_ARTIFACTS", "2"), ("KOZMIC_RUNNER_CONCURRENCY", "2")],
        ..Script::default()
    }
}

/// Pushes, and waits until both artifacts are there.
async fn build(stage: &Stage, message: &str) -> Result<Pushed> {
    let pushed = stage.push("main", message).await?;
    for script in ["binary.sh", "tree.sh tree"] {
        let built = stage.outcome(&pushed.sha, script).await?;
        ensure!(built.state == State::Success, "{}", stage.report(&built).await?);
    }
    Ok(pushed)
}

/// The names in a directory.
fn names(directory: &Path) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(directory)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Whether the checksums in a file are those of what lies beside it, as the usual tool sees it.
fn checks(directory: &Path, sums: &str) -> Result<()> {
    let output =
        Command::new("sha256sum").args(["--strict", "--check", sums]).current_dir(directory).output()?;
    ensure!(output.status.success(), "{sums}: {output:?}");
    Ok(())
}

#[tokio::test]
async fn the_newest_artifacts_of_each_name_are_kept_with_checksums_and_a_link() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let mut shas = Vec::new();
    for message in ["First", "Second", "Third", "Fourth"] {
        shas.push(build(&stage, message).await?.sha[..10].to_owned());
    }
    let directory = stage.artifacts.join("binary");
    let mut expected = BTreeSet::from(["anna-core-main.bin", "anna-core-tree-main"].map(str::to_owned));
    for sha in &shas[2..] {
        expected.insert(format!("anna-core-main-{sha}.bin"));
        expected.insert(format!("anna-core-tree-main-{sha}"));
    }
    expected.extend(expected.clone().into_iter().map(|name| format!("{name}.sha256")));
    assert_eq!(names(&directory)?, expected);
    for name in expected.iter().filter(|name| name.ends_with(".sha256")) {
        checks(&directory, name)?;
    }
    assert_eq!(stage.linked("anna-core-main.bin")?, format!("anna-core-main-{}.bin", shas[3]));
    assert_eq!(stage.linked("anna-core-tree-main")?, format!("anna-core-tree-main-{}", shas[3]));
    assert_eq!(stage.binary("anna-core-main.bin")?, "Fourth");

    let tree = directory.join("anna-core-tree-main");
    assert_eq!(names(&tree)?, BTreeSet::from(["bin", "share"].map(str::to_owned)));
    assert_eq!(std::fs::read_to_string(tree.join("bin/link"))?, "Fourth");
    let tool = Command::new(tree.join("bin/tool")).output()?;
    assert_eq!(tool.stdout, b"runs\n", "what may be run may still be run");
    stage.end().await
}

#[tokio::test]
async fn a_build_shows_what_it_made_and_the_address_serves_it_in_parts_too() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let pushed = build(&stage, "A text of some letters").await?;
    let job = stage.outcome(&pushed.sha, "binary.sh").await?;
    let name = format!("anna-core-main-{}.bin", &pushed.sha[..10]);
    let address = format!("{}/artifacts/binary/{name}", stage.server.url());
    let sums = stage.binary(&format!("{name}.sha256"))?;
    let sum = sums.split_whitespace().next().context("a checksum")?;

    let (anna, project) = stage.anna().await?;
    let page = anna.get(&stage.job_page(&anna, project, &job).await?).await?;
    page.ensure_ok()?;
    for words in [address.as_str(), sum, "22 B", "/artifacts/binary/anna-core-main.bin"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }

    let whole = reqwest::get(&address).await?;
    let tag = whole.headers().get(header::ETAG).context("a tag")?.clone();
    assert_eq!(whole.headers()[header::ACCEPT_RANGES], "bytes");
    assert_eq!(whole.text().await?, "A text of some letters");
    let part = Client::new().get(&address).header(header::RANGE, "bytes=2-5").send().await?;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 2-5/22");
    assert_eq!(part.text().await?, "text");
    let same = Client::new().get(&address).header(header::IF_NONE_MATCH, tag).send().await?;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let beyond = Client::new().get(&address).header(header::RANGE, "bytes=22-").send().await?;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(stage.get(&format!("/artifacts/binary/{name}.sha256")).await?, sums);
    assert_eq!(
        stage.get("/artifacts/binary/anna-core-tree-main/share/text").await?,
        "A text of some letters"
    );
    for path in [
        "../kozmic.toml",
        "..%2Fkozmic.toml",
        "%2e%2e/kozmic.toml",
        "anna-core-tree-main/../../../kozmic.toml",
    ] {
        let outside = stage.get(&format!("/artifacts/binary/{path}")).await;
        assert!(outside.is_err(), "{path}: {outside:?}");
    }
    stage.end().await
}

#[tokio::test]
async fn artifacts_of_a_deleted_project_stay_unless_their_owner_wants_them_gone() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    build(&stage, "Once").await?;
    let directory = stage.artifacts.join("binary");
    std::fs::write(directory.join("somebody-elses"), "x")?;
    let before = names(&directory)?;
    let (anna, project) = stage.anna().await?;
    let (page, action) = (format!("/projects/{project}/settings/"), format!("/projects/{project}/delete/"));
    assert!(anna.get(&page).await?.body.contains("name=\"artifacts\""));
    anna.post_form(&page, &action, &[("name", CORE)]).await?.ensure_ok()?;
    // The next push begins anew, and takes up the link where it was.
    let again = build(&stage, "Twice").await?;
    let stays = names(&directory)?;
    assert!(before.is_subset(&stays), "{stays:?}");
    assert_eq!(stage.linked("anna-core-main.bin")?, format!("anna-core-main-{}.bin", &again.sha[..10]));

    let first = before.iter().find(|name| name.starts_with("anna-core-main-")).context("an artifact")?;
    let listed = async {
        loop {
            let listed = stage.server.run(&["artifacts", "list", "--older-than", "0"]).await?;
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            // Until the project's rows are gone, it counts them.
            if listed.contains(first) {
                return anyhow::Ok(listed);
            }
        }
    };
    let listed = tokio::time::timeout(crate::world::LIMIT, listed).await.context("they are listed")??;
    assert!(!listed.contains(&again.sha[..10]), "{listed}");
    let removed = stage.server.run(&["artifacts", "remove", "--older-than", "0"]).await?;
    assert!(removed.status.success(), "{removed:?}");

    let (anna, project) = stage.anna().await?;
    let (page, action) = (format!("/projects/{project}/settings/"), format!("/projects/{project}/delete/"));
    anna.post_form(&page, &action, &[("name", CORE), ("artifacts", "yes")]).await?.ensure_ok()?;
    let gone = async {
        while names(&directory)?.len() > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    let waited = tokio::time::timeout(crate::world::LIMIT, gone).await;
    waited.with_context(|| format!("all go but a stranger's: {:?}", names(&directory)))??;
    assert_eq!(names(&directory)?, BTreeSet::from(["somebody-elses".to_owned()]));
    stage.end().await
}

#[tokio::test]
async fn an_artifact_built_once_more_takes_its_own_place() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let pushed = build(&stage, "Once").await?;
    let first = stage.outcome(&pushed.sha, "binary.sh").await?;
    let (anna, project) = stage.anna().await?;
    stage.press(&anna, (project, &first), "restart").await?;
    let again = stage.newer(&first).await?;
    assert_eq!(again.state, State::Success, "{}", stage.report(&again).await?);
    let name = format!("anna-core-main-{}.bin", &pushed.sha[..10]);
    assert_eq!(stage.linked("anna-core-main.bin")?, name);
    checks(&stage.artifacts.join("binary"), &format!("{name}.sha256"))?;
    stage.end().await
}

#[tokio::test]
async fn an_artifact_that_the_disk_does_not_take_ends_its_job_and_no_link_leads_to_it() -> Result<()> {
    let disk = FaultyDisk::new()?;
    let environment = disk.environment();
    let settings = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let stage = Stage::sound(Script { settings: &settings, ..script() }).await?;
    let first = build(&stage, "First").await?.sha[..10].to_owned();
    let directory = stage.artifacts.join("binary");
    let whole = names(&directory)?;
    for (call, error, part, words) in [
        (Call::Open, FULL, "/work/artifact-", "No space left on device"),
        (Call::Write, FULL, "/work/artifact-", "No space left on device"),
        (Call::Sync, BROKEN, "/binary/", "Input/output error"),
        (Call::Write, FULL, "/binary/", "No space left on device"),
    ] {
        disk.fail(&[call], error, &[part])?;
        let pushed = stage.push("main", &format!("{part} does not take it: {words}")).await?;
        for script in ["binary.sh", "tree.sh tree"] {
            let built = stage.outcome(&pushed.sha, script).await?;
            let log = stage.report(&built).await?;
            assert!(built.state == State::Error && log.contains(words), "{part}, {script}: {log}");
        }
        disk.heal()?;
        assert_eq!(names(&directory)?, whole, "{part}");
        assert_eq!(stage.linked("anna-core-main.bin")?, format!("anna-core-main-{first}.bin"));
        assert_eq!(stage.linked("anna-core-tree-main")?, format!("anna-core-tree-main-{first}"));
        assert_eq!(stage.binary("anna-core-main.bin")?, "First");
    }
    build(&stage, "Last").await?;
    assert_eq!(stage.binary("anna-core-main.bin")?, "Last");
    stage.end().await
}
