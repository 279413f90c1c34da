//! A server for tests of addresses: all its layers, an empty store, and no network.

use crate::{
    app::{App, ArtifactDirs, AutoBuilderFace, Face},
    bodies::Bodies,
    clients::{Crowd, TrustedProxies},
    pulse::Pulse,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
    response::Response,
};
use axum_extra::extract::cookie::Key;
use kozmic_edges::{Edges, forge::github};
use kozmic_flow::{
    Retention,
    images::{Shelf, Turns},
};
use kozmic_model::invited::Invited;
use kozmic_scripted::edges_to_nowhere;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tower::ServiceExt;

/// The secret with which the Auto Builder's webhooks are signed here.
pub(crate) const WEBHOOK_SECRET: &str = "hush";

/// A server in a directory of its own.
pub(crate) struct Trial {
    pub(crate) edges: Edges,
    pub(crate) dir: TempDir,
    router: Router,
}

/// The answer of an address.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Trial {
    /// The number of requests that each client behind a proxy at a loopback address may have open.
    pub(crate) const CROWD: usize = 3;

    /// A server whose Auto Builder serves artifacts out of `binary` and `kernel` in its directory.
    pub(crate) async fn automatic() -> Self {
        let dir = TempDir::new().unwrap();
        let [binary, kernel] = ["binary", "kernel"].map(|name| dir.path().join(name));
        Self::new(dir, face(Some(ArtifactDirs { binary, kernel }))).await
    }

    /// A server whose monitor is for people who signed in.
    pub(crate) async fn discreet() -> Self {
        let (webhook_secret, monitor_is_public, artifacts) = (WEBHOOK_SECRET.into(), false, None);
        let auto_builder = Some(AutoBuilderFace { webhook_secret, monitor_is_public, artifacts });
        Self::new(TempDir::new().unwrap(), Face { auto_builder, ..face(None) }).await
    }

    /// A server that has no Auto Builder.
    pub(crate) async fn plain() -> Self {
        Self::new(TempDir::new().unwrap(), face(None)).await
    }

    /// A server whose administrator is anna.
    pub(crate) async fn administered() -> Self {
        Self::new(TempDir::new().unwrap(), Face { admins: vec!["Anna".into()], ..face(None) }).await
    }

    async fn new(dir: TempDir, face: Face) -> Self {
        let edges = edges_to_nowhere(dir.path()).await.unwrap();
        let shelf = Shelf::new(edges.engine.clone(), Turns::default(), "trial");
        let (edges_of_app, pulse) = (Arc::new(edges.clone()), Pulse::default());
        let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let largest = edges.forge.delivery_limits().body;
        let (crowd, bodies) = (Crowd::new(proxies, Self::CROWD), Bodies::new(0, largest));
        let retention = Retention::default();
        let app =
            App { edges: edges_of_app, shelf, face, pulse, jobs_may_call: false, retention, crowd, bodies };
        let router = crate::router(app, axum::Router::new());
        Self { edges, dir, router }
    }

    /// Sends a request, and does not read the answer's body yet.
    pub(crate) async fn begin(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.begin(request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        Answer { status, headers, body }
    }
}

impl Answer {
    /// A header's text; empty if it does not exist.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// The settings of a server whose Auto Builder, if it has one, serves artifacts.
pub(crate) fn face(artifacts: Option<ArtifactDirs>) -> Face {
    let auto_builder = artifacts.map(|artifacts| AutoBuilderFace {
        webhook_secret: WEBHOOK_SECRET.into(),
        monitor_is_public: true,
        artifacts: Some(artifacts),
    });
    Face {
        public_url: "https://ci.example.org/".parse().unwrap(),
        cookie_key: Key::from(&[7; 64]),
        forge: github::SITE,
        invited: Invited::default(),
        session_idle: Duration::from_secs(3_600),
        admins: Vec::new(),
        auto_builder,
    }
}
