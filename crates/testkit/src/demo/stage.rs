//! The programs that the demo starts and stops: the double and the server.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::terminal::Terminal;
use super::{Options, sample};
use crate::docker::{Docker, INSTANCE};
use crate::github::GitHub;
use crate::server::{Server, ServerOptions};

/// Default port of Kozmic.
const USUAL_PORT: u16 = 8080;
/// Longest time for the server to end by the signal that ended the demo.
const END_BY_ITSELF: Duration = Duration::from_secs(2);
/// Time limit for waits that only a person ends.
const FOREVER: Duration = Duration::from_secs(u64::MAX / 4);

/// The running double and server.
pub(super) struct Stage {
    pub(super) github: GitHub,
    pub(super) server: Server,
    pub(super) act: Act,
    /// True if a signal ended the demo.
    pub(super) interrupted: bool,
    /// The engine from which containers are to be removed, because this server will not start again; none: they stay.
    pub(super) leftovers: Option<Docker>,
}

/// Progress of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The server is not ready yet. If it never becomes ready, the error shows its output.
    Starting,
    /// The story is in progress.
    Playing,
    /// The story is over, and the person may leave.
    Told,
}

impl Stage {
    /// Starts the double and the server. The server may take a moment until it is ready.
    pub(super) async fn set(options: &Options, terminal: &Terminal) -> Result<Self> {
        let github = GitHub::start_on(options.github_port).await;
        let github =
            github.context("start the double of GitHub: is its port taken? --github-port chooses one")?;
        sample::prepare(&github).await.context("make the sample repository")?;
        terminal.step(&format!("a double of GitHub listens on {}", github.url()));
        let mut server = ServerOptions::new(binary(options)?, &github).quiet();
        if let Some(url) = &options.docker_url {
            server = server.docker_url(url);
        }
        if let Some(dir) = &options.data_dir {
            std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
            server = server.data_dir(dir.canonicalize().context("find the data directory")?);
        }
        if let Some(port) = port(options)? {
            server = server.port(port);
        }
        let server = Server::launch(server)?;
        let leftovers = options.data_dir.is_none().then(|| docker(options));
        Ok(Self { github, server, act: Act::Starting, interrupted: false, leftovers })
    }

    pub(super) async fn wait_ready(&mut self, terminal: &Terminal) -> Result<()> {
        self.server.wait_ready().await?;
        self.act = Act::Playing;
        terminal.step(&format!("Kozmic listens on {}", self.server.url()));
        Ok(())
    }

    /// Output of the server, to show if the story fails.
    pub(super) fn server_output(&self) -> Option<String> {
        (self.act != Act::Starting).then(|| self.server.output())
    }

    /// Prints each commit status that arrives, until the server ends by itself.
    pub(super) async fn stay_open(&mut self, terminal: &Terminal) -> Result<()> {
        let github = self.github.clone();
        let tell = async {
            let mut last = github.last_status_id();
            while let Some((repository, status)) = github.next_status(last, FOREVER).await {
                last = status.id;
                terminal.status(&repository, &status);
            }
        };
        tokio::select! {
            () = tell => Ok(()),
            status = self.server.wait_exit(FOREVER) => bail!("Kozmic has ended ({})", status?),
        }
    }

    /// Ends the server. Removes its containers if there will be no next start that would find them.
    pub(super) async fn clear(mut self) -> Result<()> {
        if self.interrupted {
            // Ctrl-C also reached the server, and a second signal would stop it at once.
            self.server.wait_exit(END_BY_ITSELF).await.ok();
        }
        self.server.terminate().await?;
        if let (Some(docker), Some(instance)) = (&self.leftovers, self.server.instance()) {
            docker.clean(&format!("{INSTANCE}={instance}")).await.context("remove the demo's containers")?;
        }
        Ok(())
    }
}

fn binary(options: &Options) -> Result<PathBuf> {
    let beside = || Ok(std::env::current_exe().context("find this program")?.with_file_name("kozmic"));
    let binary = options.kozmic.clone().map_or_else(beside, Ok::<_, anyhow::Error>)?;
    let binary = binary.canonicalize();
    binary.context("find the kozmic binary: build it with `cargo build`, or name it with --kozmic")
}

fn docker(options: &Options) -> Docker {
    options.docker_url.as_deref().map_or_else(Docker::default, Docker::at)
}

/// The port on which to listen; none for any free one.
fn port(options: &Options) -> Result<Option<u16>> {
    let port = match (options.port, options.once) {
        (None, true) => return Ok(None),
        (port, _) => port.unwrap_or(USUAL_PORT),
    };
    if TcpListener::bind(("127.0.0.1", port)).is_err() {
        bail!("port {port} is taken: end what listens there, or choose another one with --port");
    }
    Ok(Some(port))
}
