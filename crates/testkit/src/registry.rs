//! A real image registry on loopback, for jobs whose image has to be pulled first.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::docker::Docker;
use crate::port::free_port;
use crate::program::{Program, Show};

const START_LIMIT: Duration = Duration::from_secs(20);
/// Format in which the engine pushes an image's manifest, and by which the registry finds it.
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Format of a list of images for several architectures.
const INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Debian's `docker-registry`. It ends and its images are removed when this is dropped.
pub struct Registry {
    port: u16,
    login: Option<Login>,
    _program: Program,
    dir: TempDir,
}

/// Name and password for pushing and pulling.
struct Login {
    user: String,
    password: String,
}

impl Registry {
    /// Starts an empty registry without a password.
    pub async fn start() -> Result<Self> {
        Self::with_login(None).await
    }

    /// Starts an empty registry that accepts only this user with this password, for pulling as well.
    pub async fn start_with_login(user: &str, password: &str) -> Result<Self> {
        Self::with_login(Some(Login { user: user.to_owned(), password: password.to_owned() })).await
    }

    async fn with_login(login: Option<Login>) -> Result<Self> {
        let port = free_port()?;
        let dir = TempDir::with_prefix("kozmic-registry-").context("make a registry's directory")?;
        let mut text = format!(
            "version: 0.1\nlog: {{level: info}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: 127.0.0.1:{port}}}\n",
            dir.path().join("images").display()
        );
        if let Some(login) = &login {
            let file = dir.path().join("htpasswd");
            std::fs::write(&file, login.hashed().await?).context("write a registry's password")?;
            text.push_str(&format!("auth: {{htpasswd: {{realm: Registry, path: {}}}}}\n", file.display()));
        }
        write_docker_config(dir.path(), port, login.as_ref())?;
        let config = dir.path().join("config.yml");
        std::fs::write(&config, text).context("write a registry's settings")?;
        Ok(Self { port, login, _program: serve(&config).await?, dir })
    }

    /// Beginning of the names of images here, such as `127.0.0.1:5000`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Puts an image of the engine into the registry, and removes the engine's name for it; gives the name for pulling
    /// it. An image that has the same name is replaced.
    pub async fn publish(&self, docker: &Docker, image: &str, name: &str) -> Result<String> {
        let published = format!("{}/{name}", self.host());
        docker.run(&["tag", image, &published]).await?;
        // Credentials in a directory of their own, so that the engine's other users do not get them.
        let config = self.dir.path().join("docker").to_string_lossy().into_owned();
        docker.run(&["--config", &config, "push", "--quiet", &published]).await?;
        docker.run(&["rmi", &published]).await?;
        Ok(published)
    }

    /// Gives several images of one repository a name together. An engine gets the one of its own architecture. Each
    /// image has its architecture and its present name, such as `team/tools:1`.
    pub async fn publish_index(&self, name: &str, images: &[(&str, &str)]) -> Result<String> {
        let mut manifests = Vec::new();
        for (architecture, image) in images {
            let (repository, tag) = split(image);
            let manifest =
                self.ask(Method::GET, &format!("{repository}/manifests/{tag}")).await?.bytes().await?;
            let (digest, platform) =
                (self.digest(image).await?, json!({"os": "linux", "architecture": architecture}));
            let size = manifest.len();
            manifests
                .push(json!({"mediaType": MANIFEST, "size": size, "digest": digest, "platform": platform}));
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string();
        let (repository, tag) = split(name);
        let path = format!("{repository}/manifests/{tag}");
        let put = self.request(Method::PUT, &path)?.header("Content-Type", INDEX).body(index);
        let response = put.send().await.context("ask the registry")?;
        ensure!(response.status().is_success(), "the registry answers {} to {path}", response.status());
        Ok(format!("{}/{name}", self.host()))
    }

    /// The digest (`sha256:` and so on) of the present image of this name, such as `team/tools:1`.
    pub async fn digest(&self, name: &str) -> Result<String> {
        let (repository, tag) = split(name);
        let response = self.ask(Method::HEAD, &format!("{repository}/manifests/{tag}")).await?;
        let digest =
            response.headers().get("docker-content-digest").context("the registry tells no digest")?;
        Ok(digest.to_str().context("a digest is text")?.to_owned())
    }

    /// Removes the present image of this name, so that nobody can pull it any more.
    pub async fn remove(&self, name: &str) -> Result<()> {
        let digest = self.digest(name).await?;
        self.ask(Method::DELETE, &format!("{}/manifests/{digest}", split(name).0)).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let client = crate::http::builder().timeout(START_LIMIT).build().context("build a client")?;
        let request = client.request(method, format!("http://{}/v2/{path}", self.host()));
        Ok(match &self.login {
            Some(login) => request.basic_auth(&login.user, Some(&login.password)),
            None => request,
        })
    }

    async fn ask(&self, method: Method, path: &str) -> Result<Response> {
        let response = self.request(method, path)?.header("Accept", MANIFEST).send().await;
        let response = response.context("ask the registry")?;
        ensure!(response.status().is_success(), "the registry answers {} to {path}", response.status());
        Ok(response)
    }
}

impl Login {
    /// A line of a password file, with bcrypt: the registry accepts nothing else.
    async fn hashed(&self) -> Result<Vec<u8>> {
        let mut command = Command::new("htpasswd");
        command.args(["-nbB", "-C", "4", &self.user, &self.password]).kill_on_drop(true);
        let output =
            command.output().await.context("run htpasswd: is the package apache2-utils installed?")?;
        ensure!(output.status.success(), "htpasswd: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }
}

async fn serve(config: &Path) -> Result<Program> {
    let mut command = Command::new("sh");
    // docker-registry prints on standard error, but Program reads standard output.
    command.args(["-c", "exec docker-registry serve \"$1\" 2>&1", "sh"]).arg(config);
    let mut program = Program::start(command, Show::OnPanic)?;
    program
        .wait_for_line(START_LIMIT, |line| line.contains("listening on"))
        .await
        .context("start docker-registry: is the package docker-registry installed?")?;
    Ok(program)
}

/// Writes the settings of `docker login` to a directory of the registry.
fn write_docker_config(dir: &Path, port: u16, login: Option<&Login>) -> Result<()> {
    let dir = dir.join("docker");
    std::fs::create_dir(&dir).context("make a directory for docker's settings")?;
    let mut config = json!({"auths": {}});
    if let Some(Login { user, password }) = login {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        config["auths"][format!("127.0.0.1:{port}")] = json!({"auth": auth});
    }
    std::fs::write(dir.join("config.json"), config.to_string()).context("write docker's settings")
}

/// An image's name without the registry: repository and tag.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once(':').unwrap_or((name, "latest"))
}
