//! GitHub doubled by a server: the place where a push begins and where its commit status arrives.
//!
//! Kozmic is given this server's addresses instead of GitHub's and cannot tell the difference: web and
//! OAuth at [`GitHub::url`], REST at [`GitHub::api_url`] (the shape of an Enterprise server), git over
//! smart HTTP beside the web pages and over SSH from [`GitHub::start_ssh`] on, webhooks with signatures. The double checks every call that it gets
//! and remembers what GitHub would not understand: see [`GitHub::assert_no_wrong_calls`].

mod world;
mod double;
mod people;
mod organization;
mod repository;
mod access;
mod settings;
mod git;
mod git_path;
mod commit;
mod history;
mod ref_change;
mod push;
mod pull;
mod status;
mod hook;
mod delivery;
mod deploy_key;
mod ssh;
mod signature;
mod fault;
mod wire;
mod journal;
mod random;
mod stamp;
mod shapes;
mod http;

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use double::Double;
use ssh::SshServer;
use wire::Port;

pub use commit::Commit;
pub use fault::{Fault, FaultKind, FaultRule};
pub use pull::{NewPull, PullEvent};
pub use push::{Pushed, Tag};
pub use ref_change::NO_COMMIT;
pub use repository::NewRepository;
pub use signature::sign;
pub use ssh::SshLogin;
pub use world::{Area, Delivery, DeployKey, Hook, Permission, Repository, Request, State, Status};

/// A running double of GitHub. Clones are handles to the same one; the last one stops it.
#[derive(Clone)]
pub struct GitHub {
    double: Arc<Double>,
    ssh: Arc<SshServer>,
    _life: Arc<Life>,
}

/// Stops the double's tasks when the last handle goes away.
struct Life(CancellationToken);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl GitHub {
    /// Starts a double on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self> {
        Self::start_on(0).await
    }

    /// Starts a double on this port of 127.0.0.1 (0: any free one).
    pub async fn start_on(port: u16) -> Result<Self> {
        let port = Port::bind(port).await.context("open the double's port")?;
        let double = Arc::new(Double::new(port.address()?)?);
        let stop = double.stop.clone();
        let app = http::router(double.clone());
        double.tasks.spawn(wire::serve(port, app, stop.clone()));
        Ok(Self { double, ssh: Arc::default(), _life: Arc::new(Life(stop)) })
    }

    /// The web address, such as `http://127.0.0.1:4321`: for `KOZMIC_GITHUB_URL`.
    pub fn url(&self) -> &str {
        &self.double.base
    }

    /// The REST address: for `KOZMIC_GITHUB_API_URL`.
    pub fn api_url(&self) -> String {
        self.double.api("")
    }

    /// The client id of the OAuth application that the double knows.
    pub fn client_id(&self) -> &str {
        &self.double.app.client_id
    }

    /// The client secret of the OAuth application that the double knows.
    pub fn client_secret(&self) -> &str {
        &self.double.app.client_secret
    }

    /// The address to clone this repository from, as `clone_url` says it.
    pub fn clone_url(&self, repository: &str) -> String {
        format!("{}/{repository}.git", self.double.base)
    }

    /// The same address with a person's token in it, which may push.
    pub fn clone_url_as(&self, login: &str, repository: &str) -> String {
        let host = self.double.base.trim_start_matches("http://");
        format!("http://{login}:{}@{host}/{repository}.git", self.token(login))
    }
}
