//! Where pushes come from and commit statuses go. GitHub is the first; the trait is what any forge must do.

pub mod github;

use async_trait::async_trait;
use kozmic_model::{
    commit_status::CommitStatus,
    event::{Author, Event},
    git::Sha,
    ids::WebhookId,
    project::Repository,
    user::Profile,
};
use secrecy::SecretString;
use std::time::Duration;
use url::Url;

/// A forge. All calls have a time-out and may be made at once by many; none retries by itself.
#[async_trait]
pub trait Forge: Send + Sync {
    /// Where to send a browser to sign in; it comes back to `redirect` with a code and `state`.
    fn authorize_url(&self, state: &str, redirect: &Url) -> Url;

    /// The person's token for the code that the browser brought back. A code works once.
    async fn exchange_code(&self, code: &str, redirect: &Url) -> Result<SecretString, ForgeError>;

    /// Who the token belongs to.
    async fn profile(&self, token: &SecretString) -> Result<Profile, ForgeError>;

    /// The bytes and image type of a person's picture.
    async fn picture(&self, url: &str) -> Result<(String, Vec<u8>), ForgeError>;

    /// All repositories that the token's person may administer.
    async fn repositories(&self, token: &SecretString) -> Result<Vec<Repository>, ForgeError>;

    /// Makes the webhook, or brings it in line if `known` is still there; gives its id.
    async fn ensure_webhook(
        &self,
        token: &SecretString,
        repository: &Repository,
        wanted: &Webhook,
        known: Option<WebhookId>,
    ) -> Result<WebhookId, ForgeError>;

    /// Shows a state beside a commit.
    async fn set_status(
        &self,
        token: &SecretString,
        repository: &Repository,
        status: &CommitStatus,
    ) -> Result<(), ForgeError>;

    /// The message and author of a commit, where a payload did not carry them.
    async fn commit(
        &self,
        token: &SecretString,
        repository: &Repository,
        sha: &Sha,
    ) -> Result<(String, Author), ForgeError>;

    /// Whether a delivery's signature fits its body; compared in constant time.
    fn signature_holds(&self, secret: &SecretString, body: &[u8], signature: &str) -> bool;

    /// What a delivery says. Pure: the payload is all there is.
    fn event(&self, name: &str, payload: &[u8]) -> Result<Event, UnreadablePayload>;

    /// Whether the forge answers at all, and as what.
    async fn greet(&self) -> Result<String, ForgeError>;
}

/// The webhook that a hook needs at the forge.
pub struct Webhook {
    /// The hook's address at Kozmic.
    pub url: Url,
    /// What deliveries are signed with.
    pub secret: SecretString,
}

/// Why a call to the forge led to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// It did not answer, or not in time; trying again makes sense.
    #[error("{forge} did not answer: {cause}")]
    Unreachable {
        /// Its address.
        forge: String,
        /// What the network said.
        cause: String,
    },
    /// It asks to wait; trying again before that makes it worse.
    #[error("{forge} asks to wait for {} s: {message}", wait.as_secs())]
    RateLimited {
        /// Its address.
        forge: String,
        /// How long.
        wait: Duration,
        /// Its words.
        message: String,
    },
    /// It has a fault of its own; trying again makes sense.
    #[error("{forge} has a fault ({status}): {message}")]
    Broken {
        /// Its address.
        forge: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// It said no; trying again changes nothing until somebody acts.
    #[error("{forge} refused ({status}): {message}")]
    Refused {
        /// Its address.
        forge: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// It answered something that is not understood.
    #[error("{forge} answered something unexpected: {cause}")]
    Unexpected {
        /// Its address.
        forge: String,
        /// What was wrong with it.
        cause: String,
    },
}

impl ForgeError {
    /// Whether trying again later may help, and how long to wait at least.
    pub fn try_again(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Unexpected { .. } => Some(Duration::ZERO),
            Self::RateLimited { wait, .. } => Some(*wait),
            Self::Refused { .. } => None,
        }
    }
}

/// A delivery's payload is not what the forge documents.
#[derive(Debug, thiserror::Error)]
#[error("the payload of \"{event}\" cannot be read: {cause}")]
pub struct UnreadablePayload {
    /// The forge's word for the event.
    pub event: String,
    /// What was wrong with it.
    pub cause: String,
}
