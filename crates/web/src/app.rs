//! The state that every page and handler can use.

use crate::{bodies::Bodies, clients::Crowd, pulse::Pulse};
use axum_extra::extract::cookie::Key;
use kozmic_edges::{Edges, forge::Site};
use kozmic_flow::{Retention, images::Shelf};
use kozmic_model::{invited::Invited, user::User};
use secrecy::SecretString;
use std::{path::PathBuf, sync::Arc, time::Duration};
use url::Url;

/// The path to which the forge sends a browser back after a sign-in, below the public address.
pub const CALLBACK: &str = "_auth/auth-callback/";

/// The edges and settings that the router serves with.
pub struct App {
    /// Everything outside of this process.
    pub edges: Arc<Edges>,
    /// The images of the runner of this process.
    pub shelf: Shelf,
    /// The settings that browsers see the effect of.
    pub face: Face,
    /// The result of the last try to write to the database.
    pub pulse: Pulse,
    /// True if jobs' containers may call this server.
    pub jobs_may_call: bool,
    /// Times for which old deliveries, logs and attempts are kept.
    pub retention: Retention,
    /// The requests and live views that each client behind a proxy has open.
    pub crowd: Crowd,
    /// Deliveries in memory whose signatures are not checked yet.
    pub bodies: Bodies,
}

/// The settings of this installation that concern browsers.
pub struct Face {
    /// The address at which browsers and the forge reach this server.
    pub public_url: Url,
    /// The key that cookies are signed with.
    pub cookie_key: Key,
    /// The forge as people see it: [`ForgeFormat::site`](kozmic_edges::forge::ForgeFormat::site).
    pub forge: Site,
    /// The people who may sign in.
    pub invited: Invited,
    /// The longest time that a session may lie unused.
    pub session_idle: Duration,
    /// The logins of the people who may see all of the audit trail, and decide about runners.
    pub admins: Vec<String>,
    /// The Auto Builder's settings that concern browsers; none: there is no Auto Builder here.
    pub auto_builder: Option<AutoBuilderFace>,
}

/// The Auto Builder's settings that concern browsers.
pub struct AutoBuilderFace {
    /// The secret that its webhooks are signed with.
    pub webhook_secret: SecretString,
    /// True if everybody may look at the monitor.
    pub monitor_is_public: bool,
    /// The directories of artifacts that are served; none: no artifacts are served.
    pub artifacts: Option<ArtifactDirs>,
}

/// The directories of artifacts that are served.
pub struct ArtifactDirs {
    /// Artifacts of recipes in the formats `binary` and `directory`.
    pub binary: PathBuf,
    /// Kernels.
    pub kernel: PathBuf,
}

/// The state of all handlers.
pub(crate) type Shared = Arc<App>;

impl Face {
    /// True if browsers reach this server by https, so that cookies may be limited to https.
    pub(crate) fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// True if a person may see the whole audit trail, and decide about runners.
    pub(crate) fn is_admin(&self, user: &User) -> bool {
        self.admins.iter().any(|admin| admin.eq_ignore_ascii_case(&user.profile.login))
    }

    /// The address to which the forge sends a browser back after a sign-in.
    pub(crate) fn callback_url(&self) -> Url {
        self.join(CALLBACK)
    }

    /// The full address of a path without its first slash.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.public_url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }
}
