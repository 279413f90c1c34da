//! What every page and handler has at hand. It stands beside the way of a push: people look at it from here.

use crate::health::Pulse;
use axum_extra::extract::cookie::Key;
use kozmic_edges::Edges;
use secrecy::SecretString;
use std::{path::PathBuf, sync::Arc};
use url::Url;

/// The outside and the face that the router serves.
pub struct App {
    /// Everything outside of this process.
    pub edges: Arc<Edges>,
    /// How this installation shows itself.
    pub face: Face,
    /// Whether the database could be written when somebody last asked.
    pub pulse: Pulse,
}

/// How this installation shows itself to browsers.
pub struct Face {
    /// How browsers and the forge reach this server.
    pub public_url: Url,
    /// What cookies are signed with.
    pub cookie_key: Key,
    /// What people call the forge, such as `GitHub`.
    pub forge_name: String,
    /// The people and organizations that may sign in; everybody if empty.
    pub invited: Vec<String>,
    /// How the Auto Builder shows itself; none: there is none here.
    pub auto_builder: Option<AutoBuilderFace>,
}

/// How the Auto Builder shows itself.
pub struct AutoBuilderFace {
    /// What its webhooks are signed with.
    pub webhook_secret: SecretString,
    /// Whether everybody may look at the monitor.
    pub monitor_is_public: bool,
    /// Where artifacts lie that are served; none: they are not.
    pub artifacts: Option<ArtifactDirs>,
}

/// Where artifacts lie that are served.
pub struct ArtifactDirs {
    /// What recipes publish of the formats `binary` and `directory`.
    pub binary: PathBuf,
    /// Kernels.
    pub kernel: PathBuf,
}

/// The state of all handlers.
pub(crate) type Shared = Arc<App>;

impl Face {
    /// Whether browsers reach this server by https, so that cookies may be bound to it.
    pub(crate) fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Where the forge sends a browser back to after a sign-in.
    pub(crate) fn callback_url(&self) -> Url {
        self.join("_auth/auth-callback/")
    }

    /// The full address of a path without its first slash.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.public_url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }
}
