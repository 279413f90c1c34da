//! Private repositories are fetched over SSH with a key of their own, from a known host; and repositories are renamed
//! or moved.

use crate::world::{IMAGE, LIMIT, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Commit, NewRepository, Permission, State},
    person::NewHook,
};

const SECRET: &str = "anna/secret";

/// A world with a private repository and a hook on it.
struct Private {
    world: World,
    project: u64,
}

impl Private {
    async fn new() -> Result<Self> {
        let world = World::new().await?;
        world.github.start_ssh().await?;
        Self::within(world).await
    }

    async fn within(world: World) -> Result<Self> {
        world.github.add_repository(NewRepository::private(SECRET))?;
        let project = world.anna.add_project(SECRET).await?;
        let script = "#!/bin/bash\ncat file; echo; git config --list; cat .git/config; env";
        world.anna.add_hook(project, NewHook { title: "Tests", image: IMAGE, script }).await?;
        Ok(Self { world, project })
    }

    /// Pushes, waits for the state, and gives the log.
    async fn push(&self, repository: &str, text: &str, state: State) -> Result<String> {
        let commit = Commit::new("Change").file("file", text);
        let pushed = self.world.github.push_commit(repository, "main", commit).await?;
        self.world.github.wait_for_status(repository, &pushed.sha, state, LIMIT).await?;
        let build = self.world.anna.latest_build(self.project).await?.context("a build")?;
        let log = self.world.anna.raw_log(self.project, build.job()?).await?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }
}

#[tokio::test]
async fn a_private_repository_is_fetched_by_its_deploy_key_which_stays_outside() -> Result<()> {
    let private = Private::new().await?;
    let log = private.push(SECRET, "private content", State::Success).await?;
    assert!(log.contains("private content"), "{log}");
    for secret in ["authorization", "x-access-token", "private key", "ghp_", "gho_"] {
        assert!(!log.to_lowercase().contains(secret), "{secret} in {log}");
    }
    let keys = private.world.github.deploy_keys(SECRET);
    assert!(keys.len() == 1 && keys[0].read_only && keys[0].key.starts_with("ssh-ed25519 "), "{keys:?}");
    let logins = private.world.github.ssh_logins();
    let own = logins.iter().filter(|login| login.admitted && login.fingerprint == keys[0].fingerprint());
    assert!(own.count() > 0 && logins.iter().all(|login| login.admitted), "{logins:?}");
    private.world.end().await
}

#[tokio::test]
async fn a_deploy_key_that_was_removed_at_github_is_put_back_by_the_next_job() -> Result<()> {
    let private = Private::new().await?;
    private.push(SECRET, "one", State::Success).await?;
    let key = private.world.github.deploy_keys(SECRET).remove(0);
    private.world.github.remove_deploy_key(SECRET, key.id);
    let log = private.push(SECRET, "two", State::Success).await?;
    assert!(log.contains("Registering it again"), "{log}");
    assert_eq!(private.world.github.deploy_keys(SECRET)[0].fingerprint(), key.fingerprint());
    private.world.end().await
}

#[tokio::test]
async fn where_a_server_refuses_ed25519_the_key_is_of_rsa() -> Result<()> {
    let world = World::new().await?;
    world.github.start_ssh().await?;
    world.github.refuse_key_type(None, "ssh-ed25519");
    let private = Private::within(world).await?;
    private.push(SECRET, "one", State::Success).await?;
    let keys = private.world.github.deploy_keys(SECRET);
    assert!(keys.len() == 1 && keys[0].key.starts_with("ssh-rsa "), "{keys:?}");
    private.world.end().await
}

#[tokio::test]
async fn a_host_that_proves_itself_by_another_key_is_not_trusted() -> Result<()> {
    let private = Private::new().await?;
    private.push(SECRET, "one", State::Success).await?;
    private.world.github.new_ssh_host_key().await?;
    let log = private.push(SECRET, "two", State::Error).await?;
    assert!(log.contains("known_hosts") && !log.contains("Trying again"), "{log}");
    private.world.end().await
}

#[tokio::test]
async fn a_repository_that_becomes_private_gets_a_key() -> Result<()> {
    let world = World::new().await?;
    world.github.start_ssh().await?;
    world.hook("cat file").await?;
    let hook = world.github.hooks(crate::world::REPOSITORY).remove(0);
    world.github.set_private(crate::world::REPOSITORY, true).await?;
    let payload = serde_json::json!({ "action": "privatized" });
    world.github.deliver_event(crate::world::REPOSITORY, hook.id, "repository", &payload).await?;
    let pushed = world.push("Hidden now").await?;
    world.status(&pushed.sha, State::Success).await?;
    world.end().await
}

#[tokio::test]
async fn a_public_repository_of_a_server_in_private_mode_is_fetched_by_a_key() -> Result<()> {
    let world = World::new().await?;
    world.github.start_ssh().await?;
    world.github.set_private_mode(true);
    world.hook("cat file").await?;
    for message in ["Behind a door", "Once more"] {
        let pushed = world.push(message).await?;
        world.status(&pushed.sha, State::Success).await?;
        let log = world.log().await?;
        assert!(log.contains(message) && !log.contains("Trying again"), "{log}");
    }
    assert!(world.github.ssh_logins().iter().all(|login| login.admitted));
    let asked = world.github.requests();
    let refused = asked.iter().filter(|one| one.path.ends_with("/info/refs") && one.status == Some(401));
    assert_eq!(refused.count(), 1, "once it is known, nobody asks without a key: {asked:?}");
    world.end().await
}

#[tokio::test]
async fn a_rename_and_a_transfer_are_followed() -> Result<()> {
    let private = Private::new().await?;
    let Private { world, project } = &private;
    private.push(SECRET, "one", State::Success).await?;
    world.github.rename_repository(SECRET, "anna/open").await?;
    let log = private.push("anna/open", "two", State::Success).await?;
    assert!(log.contains("two"), "{log}");
    let settings = format!("/projects/{project}/settings/");
    let sync = format!("/projects/{project}/members/sync/");
    world.anna.post_form(&settings, &sync, &[]).await?.ensure_ok()?;
    let page = world.anna.get(&settings).await?;
    assert!(page.body.contains("anna/open"), "{page}");
    world.github.add_user("bert", "Bert", "bert@example.com");
    world.github.transfer_repository("anna/open", "bert").await?;
    world.github.set_permission("bert/open", "anna", Some(Permission::Admin));
    let log = private.push("bert/open", "three", State::Success).await?;
    assert!(log.contains("three"), "{log}");
    private.world.end().await
}
