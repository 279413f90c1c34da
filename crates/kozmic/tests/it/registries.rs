//! Images from registries: with a password, and looked for anew before each job.

use crate::world::{IMAGE, LIMIT, World};
use anyhow::{Result, ensure};
use kozmic_testkit::{github::State, registry::Registry};

/// No letters: what such a password becomes on its way must not lose it.
const PASSWORD: &str = "a>b?c~d>>>???~~~ü";

async fn hook(world: &World, fields: &[(&str, &str)]) -> Result<()> {
    let path = format!("/projects/{}/hooks/add/", world.project);
    let page = world.anna.post_form(&path, &path, fields).await?;
    ensure!(page.url.path() != path, "the hook was refused: {page}");
    Ok(())
}

#[tokio::test]
async fn a_private_image_is_pulled_with_the_projects_own_password() -> Result<()> {
    let registry = Registry::start_with_login("bot", PASSWORD).await?;
    let world = World::new().await?;
    let image = registry.publish(&world.docker, IMAGE, "team/private:1").await?;
    world.hook_in(&image, "echo from a private image").await?;
    let pushed = world.push("Without a password").await?;
    world.status(&pushed.sha, State::Error).await?;
    let log = world.log().await?;
    assert!(log.contains("no basic auth credentials") || log.contains("unauthorized"), "{log}");

    let (settings, path) = (
        format!("/projects/{}/settings/", world.project),
        format!("/projects/{}/registries/", world.project),
    );
    let fields = [("registry", registry.host()), ("username", "bot".into()), ("password", PASSWORD.into())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    world.anna.post_form(&settings, &path, &fields).await?.ensure_ok()?;
    let pushed = world.push("With it").await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    assert!(log.contains("from a private image") && !log.contains(PASSWORD), "{log}");
    world.remove_image(&image).await?;
    world.end().await
}

#[tokio::test]
async fn a_hook_may_ask_for_the_newest_image_each_time() -> Result<()> {
    let registry = Registry::start().await?;
    let world = World::new().await?;
    let image = registry.publish(&world.docker, IMAGE, "team/moving:latest").await?;
    let script = "#!/bin/bash\ncat /version || echo the first";
    hook(&world, &[("title", "Tests"), ("image", &image), ("script", script), ("pull", "newer")]).await?;
    let pushed = world.push("One").await?;
    world.status(&pushed.sha, State::Success).await?;
    assert!(world.log().await?.contains("the first"));

    let container = world.docker.run(&["create", IMAGE, "true"]).await?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("version");
    std::fs::write(&file, "the second\n")?;
    let target = format!("{container}:/version");
    world.docker.run(&["cp", &file.display().to_string(), &target]).await?;
    let newer = format!("{image}-made");
    world.docker.run(&["commit", &container, &newer]).await?;
    world.docker.run(&["rm", &container]).await?;
    let kept = world.docker.run(&["image", "inspect", "--format", "{{.Id}}", &image]).await?;
    world.docker.run(&["tag", &kept, "kozmic-test/kept:1"]).await?;
    registry.publish(&world.docker, &newer, "team/moving:latest").await?;
    world.docker.run(&["tag", &kept, &image]).await?;

    let pushed = world.push("Two").await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    assert!(log.contains(", newer") && log.contains("the second"), "{log}");

    registry.remove("team/moving:latest").await?;
    let pushed = world.push("Three").await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    assert!(log.contains("is used as it is") && log.contains("the second"), "{log}");
    world.docker.wait_until_clean(&world.label()?, LIMIT).await?;
    for name in [&image, &newer, "kozmic-test/kept:1"] {
        world.docker.run(&["rmi", name]).await?;
    }
    // The published image is still known by its digest.
    let of_registry = format!("reference={}/*/*", registry.host());
    let format = "{{.Repository}}@{{.Digest}}";
    let known =
        world.docker.run(&["images", "--digests", "--filter", &of_registry, "--format", format]).await?;
    for name in known.lines() {
        world.docker.run(&["rmi", name]).await?;
    }
    world.end().await
}
