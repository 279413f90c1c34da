//! The image registry, with the real engine.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use kozmic_testkit::docker::Docker;
use kozmic_testkit::registry::Registry;
use tempfile::TempDir;
use tokio::process::Command;

/// Imports an image that contains only one file with this content; gives its id.
async fn image(docker: &Docker, dir: &Path, content: &str) -> Result<String> {
    std::fs::write(dir.join("file"), content)?;
    let archive = dir.join("image.tar");
    let made = Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(dir).arg("file").output().await?;
    ensure!(made.status.success(), "tar: {made:?}");
    docker.run(&["import", &archive.to_string_lossy()]).await.context("import an image")
}

#[tokio::test]
async fn a_registry_with_a_password_keeps_strangers_out() -> Result<()> {
    let (docker, dir) = (Docker::default(), TempDir::new()?);
    let registry = Registry::start_with_login("ci", "s3cret").await?;
    let local = image(&docker, dir.path(), &registry.host()).await?;
    let name = registry.publish(&docker, &local, "team/tools:1").await?;
    assert_eq!(name, format!("{}/team/tools:1", registry.host()));

    let nobody = TempDir::new()?;
    let refused = docker.run(&["--config", &nobody.path().to_string_lossy(), "pull", &name]).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("no basic auth credentials")));
    let login = ["login", "--username", "ci", "--password", "s3cret", &registry.host()];
    let config = nobody.path().to_string_lossy();
    docker.run(&[&["--config", &config], &login[..]].concat()).await?;
    docker.run(&["--config", &config, "pull", "--quiet", &name]).await?;
    docker.run(&["rmi", &name]).await?;
    Ok(())
}

#[tokio::test]
async fn a_newer_image_takes_the_place_of_one_and_can_be_removed() -> Result<()> {
    let (docker, dir) = (Docker::default(), TempDir::new()?);
    let registry = Registry::start().await?;
    let mut digests = Vec::new();
    for number in ["one", "two"] {
        let local = image(&docker, dir.path(), &format!("{number} {}", registry.host())).await?;
        registry.publish(&docker, &local, "team/tools:1").await?;
        digests.push(registry.digest("team/tools:1").await?);
    }
    assert!(digests[0].starts_with("sha256:") && digests[0] != digests[1], "{digests:?}");
    registry.remove("team/tools:1").await?;
    let gone = docker.run(&["pull", &format!("{}/team/tools:1", registry.host())]).await;
    assert!(gone.is_err_and(|error| error.to_string().contains("manifest unknown")));
    assert!(registry.digest("team/tools:1").await.is_err());
    Ok(())
}
