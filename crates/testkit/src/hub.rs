//! A double of the hub to which artifacts are uploaded, and of the login server that issues its tokens: the end of the
//! way of a push for recipes. It checks each call as the real servers do, and records all calls.
//!
//! The login server always accepts the token (JWT) of the settings, and gives a new one for it. The hub accepts only
//! such new tokens. Several uploads may be in progress at once, each with a token of its own.

mod double;
mod gate;
mod http;
mod reply;
mod upload;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use double::{Double, World};

pub use gate::Gate;

/// A running double of the hub. Clones are handles to the same double, which stops with the last handle.
#[derive(Clone)]
pub struct Hub {
    double: Arc<Double>,
    _life: Arc<Life>,
}

/// Stops the double with the last handle.
struct Life(CancellationToken);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// An archive that was uploaded completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The file's name.
    pub name: String,
    /// The whole content.
    pub bytes: Bytes,
}

impl Hub {
    /// Starts a double on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("open the hub's port")?;
        let double = Arc::new(Double::new(&format!("http://{}", listener.local_addr()?)));
        let (app, stop) = (http::router(double.clone()), CancellationToken::new());
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                outcome = axum::serve(listener, app) => {
                    if let Err(error) = outcome {
                        tracing::error!(%error, "the hub's double stopped");
                    }
                }
                () = stopped.cancelled() => {}
            }
        });
        Ok(Self { double, _life: Arc::new(Life(stop)) })
    }

    /// The hub's address, for `KOZMIC_AUTOBUILD_HUB_URL`.
    pub fn url(&self) -> String {
        format!("{}/hub", self.double.base)
    }

    /// The login server's address.
    pub fn auth_url(&self) -> String {
        format!("{}/auth", self.double.base)
    }

    /// The token for the settings.
    pub fn token(&self) -> &str {
        &self.double.token
    }

    /// The user who owns the lists.
    pub fn user(&self) -> &str {
        double::USER
    }

    /// All complete uploads, in the order of their ends.
    pub fn uploads(&self) -> Vec<Upload> {
        self.double.read(|world| world.uploads.clone())
    }

    /// The names of uploads whose connection broke off, as far as the double has noticed. A held upload is only noticed
    /// when its gate is opened.
    pub fn broken_uploads(&self) -> Vec<String> {
        self.double.read(|world| world.broken.clone())
    }

    /// Stable names, each with the list to which it leads.
    pub fn links(&self) -> BTreeMap<String, String> {
        self.double.read(|world| world.links.clone())
    }

    /// All calls so far, as `GET /hub/api/…`, in the order of arrival.
    pub fn requests(&self) -> Vec<String> {
        self.double.read(|world| world.requests.clone())
    }

    /// Waits until a stable name leads to a list; gives the list's name.
    pub async fn wait_for_link(&self, stable: &str, limit: Duration) -> Result<String> {
        let found = self.double.wait_until(limit, |world| world.links.get(stable).cloned()).await;
        found.with_context(|| format!("no link {stable} within {limit:?}; there are {:?}", self.links()))
    }

    /// Waits until the first bytes of an upload have come, but not its last ones; gives its name. Hold uploads before.
    pub async fn wait_for_upload_begun(&self, limit: Duration) -> Result<String> {
        let begun = self.double.wait_until(limit, |world| world.begun.first().cloned()).await;
        begun.with_context(|| format!("no upload is begun within {limit:?}; calls: {:#?}", self.requests()))
    }

    /// Waits until this many uploads broke off.
    pub async fn wait_for_broken_uploads(&self, count: usize, limit: Duration) -> Result<Vec<String>> {
        let enough = |broken: &Vec<String>| broken.len() >= count;
        let broken = self.double.wait_until(limit, |world| Some(world.broken.clone()).filter(enough)).await;
        broken.with_context(|| format!("not {count} broken uploads within {limit:?}"))
    }

    /// Reads only the first bytes of further uploads, until the gate is opened or dropped. A file has to be larger than
    /// the buffers between two sockets, so that it is still in progress when its connection breaks: 16 MB are enough.
    pub fn hold_uploads(&self) -> Gate {
        let gate = Gate::default();
        self.double.change(|world| world.gate = Some(gate.opened()));
        gate
    }

    /// Makes further links wait, until the gate is opened or dropped.
    pub fn hold_links(&self) -> Gate {
        let gate = Gate::default();
        self.double.change(|world| world.link_gate = Some(gate.opened()));
        gate
    }

    /// Waits until a link is asked for.
    pub async fn wait_for_link_asked(&self, limit: Duration) -> Result<()> {
        let is_link = |call: &String| call.contains("/link/");
        let asked =
            self.double.wait_until(limit, |world| world.requests.iter().any(is_link).then_some(())).await;
        asked.with_context(|| format!("no link is asked for within {limit:?}"))
    }

    /// Accepts the next upload completely, but its answer gets lost.
    pub fn lose_next_answer(&self) {
        self.double.change(|world| world.loses_answer = true);
    }

    /// Answers the next `count` uploads and links with this status, and ignores them.
    pub fn fail_next(&self, count: u32, status: u16) {
        self.double.change(|world| world.failures = (count, status));
    }

    /// Answers the next upload or link with `error` and this message.
    pub fn refuse_next(&self, message: &str) {
        self.double.change(|world| world.refusal = Some(message.to_owned()));
    }

    /// Accepts none of the tokens any more that were issued so far. The token of the settings stays valid.
    pub fn forget_tokens(&self) {
        self.double.change(World::forget_tokens);
    }

    /// The calls so far that the real servers would have refused, each with its fault.
    pub fn wrong_calls(&self) -> Vec<String> {
        self.double.read(|world| world.wrong.clone())
    }

    /// Takes the list of wrong calls and empties it, for a test that expects some.
    pub fn take_wrong_calls(&self) -> Vec<String> {
        self.double.change(|world| std::mem::take(&mut world.wrong))
    }

    /// Fails the test if a call was wrong.
    ///
    /// # Panics
    ///
    /// With the list of wrong calls, if there is one.
    pub fn assert_no_wrong_calls(&self) {
        let wrong = self.wrong_calls();
        assert!(wrong.is_empty(), "calls that the hub would refuse:\n- {}", wrong.join("\n- "));
    }
}
