//! The server's own image: made of a program that is there, and shut in as `docker/compose.yaml` says, it builds.

use crate::world::{IMAGE, LIMIT, github};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    docker::{Docker, INSTANCE},
    github::{Commit, GitHub, NewRepository, State},
    person::{NewHook, Person},
    server::{Server, ServerOptions},
};
use std::{path::Path, process::Stdio};
use tokio::process::Command;

const SECRET: &str = "anna/secret";

/// An image of this test's own, and what runs of it.
struct Shipped {
    image: String,
    docker: Docker,
}

impl Shipped {
    async fn make() -> Result<Self> {
        let image = format!("kozmic-test/server-{}:1", std::process::id());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker/image");
        let mut make = Command::new(script);
        make.args([env!("CARGO_BIN_EXE_kozmic"), &image]).env("DEBIAN", IMAGE);
        // A checkout that is not of git's, or that belongs to somebody else, has neither.
        make.env("REVISION", "0123456789abcdef").env("SOURCE_DATE_EPOCH", "1700000000");
        let made = make.stdin(Stdio::null()).output().await.context("run docker/image")?;
        ensure!(made.status.success(), "docker/image: {}", String::from_utf8_lossy(&made.stderr));
        Ok(Self { image, docker: Docker::default() })
    }

    /// Its container's and its volume's name.
    fn name(&self) -> String {
        self.image.replace(['/', ':'], "-")
    }

    /// A server of this image.
    async fn start(&self, github: &GitHub) -> Result<Server> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker/lib/as-program");
        let server = ServerOptions::new(program, github).env("IMAGE", &self.image);
        Server::start(server.env("NAME", &self.name()).env("DATA", &self.name())).await
    }

    /// A fact of the image.
    async fn fact(&self, format: &str) -> Result<String> {
        self.docker.run(&["image", "inspect", "--format", format, &self.image]).await
    }

    /// Runs a command in the server's container.
    async fn inside(&self, command: &[&str]) -> Result<String> {
        self.docker.run(&[&["exec", &self.name()], command].concat()).await
    }
}

#[tokio::test]
async fn the_servers_own_image_builds_a_private_repository_without_any_right() -> Result<()> {
    let shipped = Shipped::make().await?;
    let label = |name: &str| format!("{{{{index .Config.Labels \"org.opencontainers.image.{name}\"}}}}");
    assert_eq!(shipped.fact(&label("version")).await?, env!("CARGO_PKG_VERSION"));
    assert_eq!(shipped.fact(&label("revision")).await?, "0123456789abcdef");
    assert_eq!(shipped.fact("{{.Created}}").await?, "2023-11-14T22:13:20Z");
    assert_eq!(shipped.fact("{{.Config.User}}").await?, "10000:10000");

    let github = github().await?;
    github.start_ssh().await?;
    github.add_repository(NewRepository::private(SECRET))?;
    let mut server = shipped.start(&github).await?;
    let health = shipped.fact("{{index .Config.Healthcheck.Test 3}}").await?;
    shipped.inside(&["bash", "-c", &health]).await.context("the image's health check")?;
    let elsewhere = shipped.inside(&["env", "KOZMIC_LISTEN=127.0.0.1:1", "bash", "-c", &health]).await;
    assert!(elsewhere.is_err(), "the health check is well where nobody listens");
    let rights = shipped.inside(&["grep", "-E", "^(Uid|CapBnd|NoNewPrivs):", "/proc/self/status"]).await?;
    assert_eq!(rights, "Uid:\t10000\t10000\t10000\t10000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1");
    assert!(shipped.inside(&["touch", "/usr/local/bin/kozmic"]).await.is_err(), "the program can be changed");

    let anna = Person::sign_in(&server, &github, "anna").await?;
    let project = anna.add_project(SECRET).await?;
    let script = "#!/bin/bash\ncat file\n";
    anna.add_hook(project, NewHook { title: "Tests", image: IMAGE, script }).await?;
    let commit = Commit::new("Begin").file("file", "private content");
    let pushed = github.push_commit(SECRET, "main", commit).await?;
    github.wait_for_status(SECRET, &pushed.sha, State::Success, LIMIT).await?;

    let instance = shipped.inside(&["cat", "/data/runner"]).await?;
    shipped.docker.wait_until_clean(&format!("{INSTANCE}={}", instance.trim()), LIMIT).await?;
    let ended = server.terminate().await?;
    ensure!(ended.success(), "the container ended with {ended}");
    shipped.docker.run(&["volume", "rm", &shipped.name()]).await?;
    shipped.docker.run(&["image", "rm", &shipped.image]).await?;
    github.assert_no_wrong_calls();
    Ok(())
}
