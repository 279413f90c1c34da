//! The server's own image: it is made of an existing program, and builds although it is confined as
//! `docker/compose.yaml` says.

use crate::{
    commands::{Place, Play},
    world::{IMAGE, LIMIT, github},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    docker::{Docker, INSTANCE},
    github::{Commit, GitHub, NewRepository, State},
    person::{NewHook, Person},
    port::free_port,
    server::{Server, ServerOptions},
};
use std::path::Path;
use tempfile::TempDir;

const SECRET: &str = "anna/secret";

/// An image of this test's own, made as the page says, and what runs of it.
struct Shipped {
    image: String,
    docker: Docker,
    page: Play,
    dir: TempDir,
}

impl Shipped {
    async fn make(port: u16) -> Result<Self> {
        let name = format!("kozmic-test/server-{}", std::process::id());
        let (image, dir) = (format!("{name}:1"), tempfile::tempdir()?);
        let socket = std::env::var("DOCKER_HOST").unwrap_or_default();
        let socket = socket.strip_prefix("unix://").unwrap_or("/var/run/docker.sock");
        // A checkout that is not of git's, or that belongs to somebody else, has no commit.
        let variables = [
            ("DEBIAN", IMAGE),
            ("REVISION", "0123456789abcdef"),
            ("SOURCE_DATE_EPOCH", "1700000000"),
            ("LEVEL", "1"),
        ];
        let variables = variables.map(|(variable, value)| (variable, value.to_owned())).to_vec();
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut page = Play::new("image", "docker/README.md", Place::Here(checkout, variables))?
            .with("target/release/kozmic", env!("CARGO_BIN_EXE_kozmic"))
            .with("kozmic-image.tar", dir.path().join("image.tar").display().to_string())
            .with("kozmic:0.1.0", &image)
            .with("kozmic:latest", format!("{name}:latest"))
            .with("no-new-privileges:true kozmic", format!("no-new-privileges:true {name}"))
            .with("--name kozmic", format!("--name {}-alone", name.replace('/', "-")))
            .with("kozmic_data:", format!("{}-alone:", name.replace('/', "-")))
            .with("docker/kozmic.env", dir.path().join("env").display().to_string())
            .with("127.0.0.1:8080:", format!("127.0.0.1:{port}:"))
            .with("--volume /var/run/docker.sock:", format!("--volume {socket}:"))
            .with("%g /var/run/docker.sock", format!("%g {socket}"));
        page.run("docker/image").await?;
        page.run("docker load").await?;
        Ok(Self { image, docker: Docker::default(), page, dir })
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

    /// Starts it as the page says; it answers at the port that is published to this machine.
    async fn runs_by_itself(&mut self, port: u16, github: &GitHub) -> Result<()> {
        let (id, secret) = (github.client_id(), github.client_secret());
        let settings = format!(
            "KOZMIC_PUBLIC_URL=http://127.0.0.1:{port}\nKOZMIC_GITHUB_CLIENT_ID={id}\nKOZMIC_GITHUB_CLIENT_SECRET={secret}\n"
        );
        std::fs::write(self.dir.path().join("env"), settings)?;
        let container = self.page.run("docker run --detach").await?;
        let container = container.trim();
        let ready =
            ["exec", container, "bash", "-c", "until (exec 3<>/dev/tcp/127.0.0.1/8080) 2>&-; do :; done"];
        self.docker.run(&ready).await?;
        let answer = reqwest::get(format!("http://127.0.0.1:{port}/readyz")).await?;
        ensure!(answer.status() == 200, "{}", answer.text().await?);
        self.docker.remove(container).await?;
        let data = format!("{}-alone", self.image.trim_end_matches(":1").replace('/', "-"));
        self.docker.run(&["volume", "rm", &data]).await.map(drop)
    }

    /// Runs a command in the server's container.
    async fn inside(&self, command: &[&str]) -> Result<String> {
        self.docker.run(&[&["exec", &self.name()], command].concat()).await
    }
}

#[tokio::test]
async fn the_servers_own_image_builds_a_private_repository_without_any_right() -> Result<()> {
    let port = free_port()?;
    let mut shipped = Shipped::make(port).await?;
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
    shipped.runs_by_itself(port, &github).await?;
    shipped.page.end()?;
    let latest = shipped.image.replace(":1", ":latest");
    shipped.docker.run(&["image", "rm", &shipped.image, &latest]).await?;
    github.assert_no_wrong_calls();
    Ok(())
}
