//! Kernels and the images that are kept for them, after a branch or a tag was moved back.

use super::scene::{GENERIC, Scene, WHOLE};
use crate::auto_builder::stage::Shown;
use anyhow::{Context, Result};
use kozmic_testkit::github::State;

/// Waits until a commit's kernel was built once more, after what GitHub showed before.
async fn built_again(scene: &Scene, sha: &str, after: u64) -> Result<()> {
    let repository = scene.repository("0-initramfs");
    let what = Shown { repository: &repository, sha, context: GENERIC };
    scene.stage.shown(what, |status| status.id > after && status.state == State::Success).await.map(drop)
}

#[tokio::test]
async fn the_image_and_the_link_of_a_branch_that_is_moved_back_are_of_its_commit() -> Result<()> {
    let scene = Scene::new(WHOLE).await?;
    let (github, initramfs) = (&scene.stage.github, scene.repository("0-initramfs"));
    let first = scene.build("master").await?;
    let second = scene.build("master").await?;
    assert!(scene.look_into("master", "cat /base").await?.contains(&second));
    let shown = github.last_status_id();
    github.set_branch(&initramfs, "master", &first).await?;
    github.push(&initramfs, "master").await?;
    built_again(&scene, &first, shown).await?;
    assert!(scene.look_into("master", "cat /base").await?.contains(&first));
    let name = format!("zero-os-master-generic-{}", &first[..10]);
    assert_eq!(scene.link("zero-os-master-generic.efi")?, format!("{name}.efi"));
    assert_eq!(scene.stage.hub.links().get("zero-os-master-generic.flist"), Some(&format!("{name}.flist")));

    let part = scene.push("0-core", "master").await?;
    scene.success("0-core", &part).await?;
    assert_eq!(scene.kernel("zero-os-master.efi")?, format!("base of master at {first}\n{part}\n"));
    scene.end().await
}

#[tokio::test]
async fn the_image_and_the_link_of_a_tag_are_of_the_commit_that_it_was_set_to_last() -> Result<()> {
    let scene = Scene::new(WHOLE).await?;
    let (github, initramfs) = (&scene.stage.github, scene.repository("0-initramfs"));
    let first = github.head(&initramfs, "master").await.context("a commit")?;
    github.push_tag(&initramfs, "v1", first.as_str()).await?;
    scene.success("0-initramfs", &first).await?;
    let second = scene.build("master").await?;
    let shown = github.last_status_id();
    github.push_tag(&initramfs, "v1", second.as_str()).await?;
    built_again(&scene, &second, shown).await?;
    let link = "zero-os-tag.v1-generic.efi";
    assert_eq!(scene.link(link)?, format!("zero-os-tag.v1-generic-{}.efi", &second[..10]));
    let shown = github.last_status_id();
    github.push_tag(&initramfs, "v1", first.as_str()).await?;
    built_again(&scene, &first, shown).await?;
    assert_eq!(scene.link(link)?, format!("zero-os-tag.v1-generic-{}.efi", &first[..10]));
    assert!(scene.look_into("tag.v1", "cat /base").await?.contains(&first));
    scene.end().await
}
