//! Images from registries: with a password, and looked for again before each job.

use crate::world::{IMAGE, LIMIT, World};
use anyhow::{Result, ensure};
use kozmic_testkit::{
    github::{Commit, NewRepository, State},
    person::NewHook,
    registry::Registry,
};
use std::collections::BTreeSet;

/// No letters: what such a password becomes on its way must not lose it.
const PASSWORD: &str = "a>b?c~d>>>???~~~ü";

async fn world_with(registry: &Registry) -> Result<World> {
    World::with(&[("KOZMIC_DOCKER_PRIVATE_REGISTRIES", &registry.host())]).await
}

/// Enters the registry's login for a project.
async fn sign_in_at(registry: &Registry, world: &World, project: u64) -> Result<()> {
    let [settings, path] = ["settings", "registries"].map(|page| format!("/projects/{project}/{page}/"));
    let host = registry.host();
    let fields = [("registry", host.as_str()), ("username", "bot"), ("password", PASSWORD)];
    world.anna.post_form(&settings, &path, &fields).await?.ensure_ok()
}

async fn hook(world: &World, fields: &[(&str, &str)]) -> Result<()> {
    let path = format!("/projects/{}/hooks/add/", world.project);
    let page = world.anna.post_form(&path, &path, fields).await?;
    ensure!(page.url.path() != path, "the hook was refused: {page}");
    Ok(())
}

#[tokio::test]
async fn a_private_image_is_pulled_with_the_projects_own_password() -> Result<()> {
    let registry = Registry::start_with_login("bot", PASSWORD).await?;
    let world = world_with(&registry).await?;
    let image = registry.publish(&world.docker, IMAGE, "team/private:1").await?;
    world.hook_in(&image, "echo from a private image").await?;
    let pushed = world.push("Without a password").await?;
    world.status(&pushed.sha, State::Error).await?;
    let log = world.log().await?;
    assert!(log.contains("no basic auth credentials") || log.contains("unauthorized"), "{log}");

    sign_in_at(&registry, &world, world.project).await?;
    let pushed = world.push("With it").await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    assert!(log.contains("from a private image") && !log.contains(PASSWORD), "{log}");
    world.remove_image(&image).await?;
    world.end().await
}

#[tokio::test]
async fn what_one_projects_login_brought_is_not_anothers_for_the_asking() -> Result<()> {
    let registry = Registry::start_with_login("bot", PASSWORD).await?;
    let world = world_with(&registry).await?;
    let image = registry.publish(&world.docker, IMAGE, "team/private:1").await?;
    sign_in_at(&registry, &world, world.project).await?;
    world.hook_in(&image, "echo from a private image").await?;
    let pushed = world.push("With the password").await?;
    world.status(&pushed.sha, State::Success).await?;

    world.github.add_repository(NewRepository::public("anna/other"))?;
    let other = world.anna.add_project("anna/other").await?;
    let script = "#!/bin/sh\necho from a private image\n";
    // The engine takes the beginning of an image's id for a name, too.
    let id = world.docker.run(&["image", "inspect", "--format", "{{.Id}}", &image]).await?;
    let digits = id.trim_start_matches("sha256:");
    let digest = registry.digest("team/private:1").await?;
    let by_digest = format!("{}@{digest}", image.trim_end_matches(":1"));
    let elsewhere = format!("{}/team/other@{digest}", registry.host());
    for asked in [&image, &by_digest, &elsewhere, &id, &digits[..63].to_owned(), &digits[..5].to_owned()] {
        let title = asked.get(..40).unwrap_or(asked);
        world.anna.add_hook(other, NewHook { title, image: asked, script }).await?;
    }
    let pushed = world.github.push_commit("anna/other", "main", Commit::new("Ask").file("a", "a")).await?;
    world.github.wait_for_status("anna/other", &pushed.sha, State::Error, LIMIT).await?;
    let logs = logs(&world, other).await?;
    assert_eq!(logs.len(), 6);
    for log in &logs {
        assert!(log.contains("pull") && !log.contains("from a private image"), "{log}");
    }
    let asked =
        logs.iter().filter(|log| log.contains("its registry is asked whether this project may have it"));
    assert_eq!(asked.count(), 2, "{logs:?}");

    world.remove_image(&image).await?;
    world.end().await
}

/// The logs of all jobs of a project's latest build, when they have ended.
async fn logs(world: &World, project: u64) -> Result<Vec<String>> {
    let page = world.anna.get(&format!("/projects/{project}/builds/latest/")).await?;
    let number = |rest: &str| rest.split('/').next().and_then(|number| number.parse::<u64>().ok());
    let jobs = page.body.split("/jobs/").skip(1).filter_map(number).collect::<BTreeSet<_>>();
    let mut logs = Vec::new();
    for job in jobs {
        world.anna.live(project, job, 0).await?.read_to_end(LIMIT).await?;
        logs.push(String::from_utf8_lossy(&world.anna.raw_log(project, job).await?).into_owned());
    }
    Ok(logs)
}

#[tokio::test]
async fn of_an_image_for_two_architectures_the_one_of_the_engine_is_pulled() -> Result<()> {
    let registry = Registry::start().await?;
    let world = world_with(&registry).await?;
    let own = world.docker.run(&["version", "--format", "{{.Server.Arch}}"]).await?;
    let foreign = if own == "arm64" { "amd64" } else { "arm64" };
    for architecture in [&*own, foreign] {
        let made = format!("kozmic-test/{architecture}:{}", world.server.instance().unwrap_or_default());
        let container = world.docker.run(&["create", IMAGE, "true"]).await?;
        let change = format!("ENV MADE_FOR={architecture}");
        world.docker.run(&["commit", "--change", &change, &container, &made]).await?;
        world.docker.run(&["rm", &container]).await?;
        registry.publish(&world.docker, &made, &format!("team/multi:{architecture}")).await?;
        world.docker.run(&["rmi", &made]).await?;
    }
    let [own_image, foreign_image] = [&*own, foreign].map(|name| format!("team/multi:{name}"));
    let images = [(foreign, &*foreign_image), (&*own, &*own_image)];
    let image = registry.publish_index("team/multi:1", &images).await?;
    world.hook_in(&image, "echo made for $MADE_FOR").await?;
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    assert!(log.contains(&format!("made for {own}\n")), "{log}");
    let listed = world.server.run(&["runners", "list"]).await?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.split_whitespace().any(|labels| labels.split(',').any(|label| label == own)), "{listed}");
    world.remove_image(&image).await?;
    world.end().await
}

#[tokio::test]
async fn a_hook_may_ask_for_the_newest_image_each_time() -> Result<()> {
    let registry = Registry::start().await?;
    let world = world_with(&registry).await?;
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
