//! The runner that sent a request: known by its token, and with a version of the protocol that the server speaks.

use super::{Server, held::Held, refusal::Refusal};
use crate::{
    protocol::{OLDEST, PROTOCOL, PROTOCOL_HEADER, fault::Kind},
    server::KnownRunner,
    token::RunnerToken,
};
use axum::extract::FromRequestParts;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use kozmic_model::job::Attempt;
use kozmic_runner::{coordinator::Coordinator, order::Order};
use std::sync::Arc;

/// A runner that sent a request.
pub(super) struct Caller {
    pub(super) runner: KnownRunner,
    pub(super) coordinator: Arc<dyn Coordinator>,
    pub(super) held: Arc<Held>,
}

impl Caller {
    /// The order of an attempt that the runner holds.
    pub(super) async fn order(&self, attempt: Attempt) -> Result<Arc<Order>, Refusal> {
        let order = self.held.order(self.coordinator.as_ref(), attempt).await?;
        order.ok_or_else(Refusal::not_held)
    }

    /// The order of an attempt that holds its job now, by the coordinator's word. An attempt that was lost and is not
    /// cleared yet may only be reported about.
    pub(super) async fn current(&self, attempt: Attempt) -> Result<Arc<Order>, Refusal> {
        let order = self.order(attempt).await?;
        match self.coordinator.standing(attempt).await? {
            Some(_) => Ok(order),
            None => Err(Refusal::not_held()),
        }
    }

    async fn of(server: &Server, token: Option<RunnerToken>) -> Result<Self, Refusal> {
        let unknown = || {
            Refusal::new(
                Kind::Unauthorized,
                "the runner's token is unknown or was removed: add the runner again, and use its new token",
            )
        };
        let token = token.ok_or_else(unknown)?;
        let runner = server.registry.authenticate(&token).await.map_err(|fault| {
            tracing::warn!(error = format!("{fault:#}"), "a runner's token cannot be looked up");
            Refusal::new(Kind::Busy, "the server cannot look up the runner's token now")
        })?;
        let runner = runner.ok_or_else(unknown)?;
        let (coordinator, held) = (server.registry.coordinator(&runner), server.holders.of(&runner));
        Ok(Self { runner, coordinator, held })
    }
}

impl FromRequestParts<Arc<Server>> for Caller {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Refusal> {
        let caller = Self::of(server, bearer(&parts.headers)).await?;
        check_protocol(&parts.headers)?;
        Ok(caller)
    }
}

/// A runner's git. It sends the token as a password, and names no version of the protocol.
pub(super) struct GitCaller(pub(super) Caller);

impl FromRequestParts<Arc<Server>> for GitCaller {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Refusal> {
        Caller::of(server, password(&parts.headers)).await.map(Self)
    }
}

fn bearer(headers: &HeaderMap) -> Option<RunnerToken> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?.parse().ok()
}

fn password(headers: &HeaderMap) -> Option<RunnerToken> {
    let pair = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(pair).ok()?).ok()?;
    pair.split_once(':')?.1.parse().ok()
}

fn check_protocol(headers: &HeaderMap) -> Result<(), Refusal> {
    let version = headers.get(PROTOCOL_HEADER).and_then(|version| version.to_str().ok()?.parse().ok());
    known_protocol(version).map_err(|words| Refusal::new(Kind::Protocol, words))
}

/// Checks the version of a runner's protocol; the error is a sentence.
pub(super) fn known_protocol(version: Option<u32>) -> Result<(), String> {
    let words = match version {
        Some(version) if (OLDEST..=PROTOCOL).contains(&version) => return Ok(()),
        Some(version) if version > PROTOCOL => format!("{version}: update the server first"),
        Some(version) => format!("{version}: update the runner"),
        None => "no known version: update the runner".to_owned(),
    };
    Err(format!(
        "the server speaks the runners' protocol in the versions {OLDEST} to {PROTOCOL}, and the runner speaks {words}"
    ))
}
